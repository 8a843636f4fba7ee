"""Events of a made-up shop, and the questions every campaign asks of a state directory afterwards."""

import random
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from muslin.engine.online.online import Online, clock
from muslin.engine.online.rules import Rules

KINDS = ("view", "click", "cart", "purchase", "impression")


class Traffic:
    """Numbered events, the same for the same seed. `people`, `garments`: how many take part."""

    def __init__(self, seed: int, people: int = 500, garments: int = 200, now: int | None = None) -> None:
        self._rng = random.Random(seed)
        self._people, self._garments = people, garments
        self._now = (clock() if now is None else now) // 1000
        self.count = 0
        self._seed = seed

    def batch(self, size: int) -> list[dict[str, Any]]:
        """The next `size` events."""
        return [self._event() for _ in range(size)]

    def _event(self) -> dict[str, Any]:
        self.count += 1
        drawn = self._rng.random
        return {
            "event_id": f"{self._seed}-{self.count}",
            "type": KINDS[int(drawn() * len(KINDS))],
            "user_id": f"user {int(drawn() * self._people)}",
            "item_id": f"g{int(drawn() * drawn() * self._garments):04d}",
            "timestamp": self._now - 1 - int(drawn() * 48 * 3_600_000),
        }


def rules(**more: Any) -> Rules:
    """Rules without a bound on single shoppers, for there are few; and no bound on the disk."""
    return Rules(**{"shopper_rate": 0, "low_disk_bytes": 0} | more)


def secret(directory: Path) -> Path:
    """`directory` with the one secret of all campaigns: hashes of shoppers, and so of states, can be compared."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "secret.key").write_bytes(b"not so secret, but 32 bytes long")
    return directory


def memory() -> str | None:
    """A directory in memory where there is one, for what does not depend on the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def logged(directory: Path) -> dict[str, int]:
    """How often each event id stands in the log of a state directory that nobody has open."""
    db = sqlite3.connect(directory / "state.db")
    try:
        every = "SELECT event_id FROM events UNION ALL SELECT event_id FROM pending"
        return dict(db.execute(f"SELECT event_id, count(*) FROM ({every}) GROUP BY event_id"))
    finally:
        db.close()


def rebuilt_hash(directory: Path, scratch: Path, given: Rules) -> str:
    """Hash of the state that follows from the log alone, made in a copy without any snapshot."""
    copied(directory, scratch)
    db = sqlite3.connect(scratch / "state.db")
    db.execute("DELETE FROM slots")
    db.execute("DELETE FROM facts")
    db.commit()
    db.close()
    with Online.open(scratch, given) as online:
        return online.state_hash()


def copied(directory: Path, scratch: Path) -> Path:
    """A copy of the files as they are, which is what a killed process leaves."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    for name in ("state.db", "state.db-wal", "secret.key"):
        if (directory / name).exists():
            shutil.copyfile(directory / name, scratch / name)
    return scratch


def faults(directory: Path, acknowledged: Iterable[str]) -> Iterator[str]:
    """A line for each acknowledged event that is lost, and each that is there twice."""
    there = logged(directory)
    for name in acknowledged:
        if name not in there:
            yield f"lost: {name}"
    yield from (f"{times} times: {name}" for name, times in there.items() if times > 1)
