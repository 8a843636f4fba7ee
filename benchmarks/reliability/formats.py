"""Campaign 17: what an older version wrote opens, says the same as before, and can be written to.

What a newer one wrote is refused by name.

`states/` holds one directory a format, written by the version that had it: the database as SQL, its secret, and what
the state said. `python -m benchmarks.reliability.formats` writes that of the format of today.

Controls: a database that loses its shoppers' slots and its log, and one of a newer format that is opened all the same.
"""

import json
import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.reliability.campaign import Campaign, Found
from benchmarks.reliability.traffic import Traffic, rules, secret
from muslin.engine.online.database import MIGRATIONS
from muslin.engine.online.event import Shopper
from muslin.engine.online.online import Online
from muslin.errors import DataError

STATES = Path(__file__).with_name("states")
NOW = 1_700_000_000_000_000
PEOPLE = [f"user {n}" for n in range(6)]


def opened(place: Path) -> Online:
    return Online.open(place, rules(snapshot_events=20), now=lambda: NOW)


def said(online: Online) -> dict[str, object]:
    """What a state is asked, old or new."""
    histories = {name: [[t.item, t.weight] for t in online.history(Shopper("user", name))] for name in PEOPLE}
    return {"hash": online.state_hash(), "histories": histories, "profile": online.profile("user 1"), "seq": online.seq}


def write() -> Path:
    """Write the fixture of the format of today."""
    target = STATES / f"format{len(MIGRATIONS)}"
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        place, traffic = secret(Path(name) / "state"), Traffic(17, people=6, garments=8, now=NOW)
        with opened(place) as online:
            for _ in range(5):
                online.ingest([*traffic.batch(10), {"event_id": "bad"}])
            from muslin.engine.online.stored import Put

            online.put_users([Put("user 1", 1, {"club": "gold"})])
            online.erase("user 5")
            (target / "said.json").write_text(json.dumps(said(online), indent=1) + "\n")
        db = sqlite3.connect(place / "state.db")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        lines = [*db.iterdump(), f"PRAGMA user_version={version};"]
        db.close()
        (target / "state.sql").write_text("\n".join(lines) + "\n")
    return target


def restored(fixture: Path, place: Path) -> Path:
    """A state directory from a fixture."""
    shutil.rmtree(place, ignore_errors=True)
    db = sqlite3.connect(secret(place) / "state.db")
    db.executescript((fixture / "state.sql").read_text())
    db.close()
    return place


def check(fixture: Path, place: Path) -> list[str]:
    """What is wrong with the state in `place`, restored from `fixture`."""
    expected = json.loads((fixture / "said.json").read_text())
    try:
        with opened(place) as online:
            found = [f"{fixture.name}: {key} differs" for key, value in said(online).items() if value != expected[key]]
            if online.ingest(Traffic(18, people=6, garments=8, now=NOW).batch(5)).accepted < 3:
                found.append(f"{fixture.name}: takes no events")
            return found
    except DataError as error:
        return [f"{fixture.name}: {error.code}"]


def _changed(place: Path, *statements: str) -> Path:
    db = sqlite3.connect(place / "state.db")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return place


def run(scale: float) -> Found:
    """See the module; there is nothing to scale."""
    del scale
    found, fixtures = Found(), sorted(STATES.iterdir())
    with TemporaryDirectory() as name:
        place = Path(name) / "state"
        for fixture in fixtures:
            found.failures += check(fixture, restored(fixture, place))
        newest = fixtures[-1]
        newer = check(newest, _changed(restored(newest, place), "PRAGMA user_version=99"))
        if newer != [f"{newest.name}: newer_format"]:
            found.failures.append(f"a newer format is not refused by name: {newer}")
        lossy = _changed(restored(newest, place), "DELETE FROM slots WHERE kind = 'user'", "DELETE FROM events")
        found.controls["slots and log are lost"] = bool(check(newest, lossy))
        (restored(newest, place) / "state.db").write_bytes(b"not a database at all" * 100)
        found.controls["not a database"] = check(newest, place) == [f"{newest.name}: not_a_database"]
    found.done = {"formats": len(fixtures)}
    return found


CAMPAIGN = Campaign(17, "formats", "old data opens", "one fixture a release: loads, or refuses by name", run)

if __name__ == "__main__":
    print(write())
