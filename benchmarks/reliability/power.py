"""Campaign 2: the power is cut at a random moment; what was acknowledged before is there, once.

One run of a real ingest is recorded at the level of SQLite's file system (`unsynced`): group commits, snapshots and
checkpoints. Then the power is cut at random places of the recording, each time with another choice of what the disk had
not yet written down; the state is opened from what is left and asked for every acknowledged event.

Controls: `synchronous=NORMAL`, and acknowledging before the commit; both must lose events.
"""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, faults, memory, rebuilt_hash, rules, secret
from benchmarks.reliability.unsynced import Op, Platter, recording
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules

BATCHES = 600
BATCH = 5


def recorded(directory: Path, given: Rules, batches: int) -> list[Op]:
    """An ingest, recorded. A mark holds the ids of one acknowledged batch."""
    traffic = Traffic(7, people=60, garments=40)
    with recording() as recorder:
        online = Online.open(secret(directory), given)
        waiting = []
        for number in range(batches):
            events = traffic.batch(BATCH)
            names = ",".join(event["event_id"] for event in events)
            future = online.submit(events)
            future.add_done_callback(lambda _, names=names: recorder.mark(names))
            waiting.append(future)
            if number % 3 == 0:
                future.result()
        for future in waiting:
            future.result()
        online.close()
    return recorder.ops


def cuts(ops: list[Op], scratch: Path, given: Rules, number: int, seed: int) -> Iterator[str]:
    """A line for each event that a cut lost or doubled, of `number` cuts."""
    rng = np.random.default_rng(seed)
    first = next(i for i, op in enumerate(ops) if op.what == "mark")
    platter = Platter(ops)
    for n, place in enumerate(np.sort(rng.integers(first, len(ops), size=number))):
        platter.to(int(place))
        shutil.rmtree(scratch, ignore_errors=True)
        for name, content in platter.cut(rng).items():
            (secret(scratch) / name).write_bytes(content)
        yield from (f"cut {n} at {place}: {fault}" for fault in _after(scratch, platter.marks, given, n))


def _after(left: Path, marks: list[str], given: Rules, number: int) -> Iterator[str]:
    try:
        with Online.open(left, given) as online:
            state = online.state_hash()
    except Exception as error:
        yield f"cannot be opened: {type(error).__name__}"
        return
    yield from faults(left, (name for mark in marks for name in mark.split(",")))
    if number % 20 == 0 and state != rebuilt_hash(left, left.with_name("rebuilt"), given):
        yield "the state is not that of the log"


def lost(place: Path, given: Rules, number: int, mutant: AbstractContextManager[None], batches: int) -> list[str]:
    """What `number` cuts of one recording lost."""
    shutil.rmtree(place, ignore_errors=True)
    with mutant:
        ops = recorded(place / "live", given, batches)
    return list(cuts(ops, place / "left", given, number, seed=3))


def run(scale: float) -> Found:
    """See the module."""
    number, batches = sized(5000, scale, 20), max(120, int(BATCHES * min(1.0, scale * 4)))
    full, found = rules(snapshot_events=400), Found()
    with TemporaryDirectory(dir=memory()) as place:
        found.failures = lost(Path(place), full, number, nullcontext(), batches)[:50]
        found.done = {"cuts": number, "events": batches * BATCH, "losses with FULL": len(found.failures)}
        few = min(number, 200)
        normal = lost(Path(place), rules(snapshot_events=400, synchronous="NORMAL"), few, nullcontext(), batches)
        found.controls["synchronous=NORMAL"] = bool(normal)
        early = lost(Path(place), full, few, mutants.acknowledge_early(), batches)
        found.controls["acknowledge before the commit"] = bool(early)
    found.notes.append(
        "the disk is simulated: SQLite's file system layer is wrapped, and writes not yet synced are dropped, kept or "
        "torn; a sector is written whole or not at all"
    )
    return found


CAMPAIGN = Campaign(2, "power", "survives power cut", "5,000 cuts: 0 lost with FULL; NORMAL must fail", run)
