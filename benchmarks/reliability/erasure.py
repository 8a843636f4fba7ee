"""Campaign 13: an erased user is in no file, and the state is that of a shop that never met them.

The user's id, the hash they were kept under and the ids of their events are looked for, byte for byte, in everything
the state directory holds, and in an export of all events and a backup made after the erasure.

Controls: erasing without overwriting pages and without emptying the write-ahead log, and a state in which the garments
keep what the user added.
"""

import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, memory, rules, secret
from muslin.engine.online.event import Shopper, encoded
from muslin.engine.online.export import everything
from muslin.engine.online.online import Online
from muslin.engine.online.stored import Put

EVENTS = 3000
_SMALL = {"support": 4, "snapshot_events": 500, "slots": 50}
VICTIM = "mortimer-17-of-elsewhere"


def one(place: Path, seed: int, found: Found, mutant: AbstractContextManager[None] | None = None) -> None:
    """Erase one user out of many and look for what is left."""
    events = _events(seed)
    mine = [event["event_id"] for event in events if event["user_id"] == VICTIM]
    with mutant or nullcontext(), Online.open(secret(place / "state"), rules(**_SMALL)) as online:
        online.put_users([Put(VICTIM, 1, {"club": VICTIM})])
        for start in range(0, len(events), 100):
            online.ingest(events[start : start + 100])
            online.ingest([{"event_id": "bad", "user_id": VICTIM, "price": -1}, {"note": f"seen with {VICTIM}"}])
        key, started = online.key(Shopper("user", VICTIM)), time.monotonic()
        online.erase(VICTIM)
        seconds = time.monotonic() - started
        late = online.ingest([events[0] | {"event_id": "later", "user_id": VICTIM}])
        if late.dropped != 1:
            found.failures.append("an event of an erased user was taken")
        online.backup(place / "backup")
        (place / "export").write_bytes(b"\n".join(encoded(row) for row in everything(online._reads)))
        hits = _hits(place, [VICTIM.encode(), key, key.hex().encode(), *map(str.encode, mine)])
        state = online.state_hash()
    found.failures += hits
    if state != _without(place / "without", events):
        found.failures.append("the state is not that of a shop without the user")
    if seconds > 60:
        found.failures.append(f"it took {seconds:.0f} s")
    found.done["slowest, s"] = round(max(seconds, float(found.done.get("slowest, s", 0))), 2)


def _events(seed: int) -> list[dict[str, Any]]:
    events = Traffic(seed, people=100, garments=40).batch(EVENTS)
    for number, event in enumerate(events):
        if number % 37 == 0:
            event |= {"user_id": VICTIM, "event_id": f"{VICTIM}:{number}"}
    return events


def _without(place: Path, events: list[dict[str, Any]]) -> str:
    others = [event for event in events if event["user_id"] != VICTIM]
    with Online.open(secret(place), rules(**_SMALL)) as online:
        for start in range(0, len(others), 100):
            online.ingest(others[start : start + 100])
        return online.state_hash()


def _hits(place: Path, needles: list[bytes]) -> list[str]:
    found = []
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        count = sum(content.count(needle) for needle in needles)
        if count:
            found.append(f"{count} traces in {path.name}")
    return found


def attempt(times: int, mutant: AbstractContextManager[None] | None = None) -> Found:
    """Do it `times` times."""
    found = Found()
    for seed in range(times):
        with TemporaryDirectory(dir=memory()) as place:
            one(Path(place), seed, found, mutant)
    found.done["erased users"] = times
    found.failures = found.failures[:50]
    return found


def run(scale: float) -> Found:
    """See the module."""
    found = attempt(sized(100, scale, 1))
    for name, mutant in (("traces are left", mutants.leave_traces()), ("sums are kept", mutants.keep_sums())):
        found.controls[name] = bool(attempt(1, mutant).failures)
    return found


CAMPAIGN = Campaign(
    13, "erasure", "erase is real", "0 hits in db, WAL, snapshots, exports ≤ 60 s; hash = rebuild without the user", run
)
