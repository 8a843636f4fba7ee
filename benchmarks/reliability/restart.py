"""Campaign 3: a restart is exact.

After each acknowledgement the hash of the state is written down. The log is then replayed from nothing, and at each of
these events its hash must be the same. On the way the files are copied as a killed process would leave them and opened:
the hash must be that of the last acknowledgement, and replaying must take at most a second for 3,000 events.

Control: a replay that leaves out an event.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, copied, memory, rules, secret
from muslin.engine.online import log
from muslin.engine.online.database import connect, reader
from muslin.engine.online.online import Online
from muslin.engine.online.state import State

BATCH = 3
RESTARTS = 40


def run(scale: float) -> Found:
    """See the module."""
    number, found = sized(5000, scale, 50), Found()
    with TemporaryDirectory(dir=memory()) as name:
        place = Path(name)
        told = _acknowledged(place, number, found)
        replayed = _replayed(copied(place / "live", place / "bare"), told)
        wrong = sum(replayed[seq] != value for seq, value in told.items())
        if wrong:
            found.failures.append(f"{wrong} of {len(told)} hashes differ from the replay")
        found.done["hashes"] = len(told)
        found.done["seconds a 3,000 events"] = round(_seconds(place), 3)
        if found.done["seconds a 3,000 events"] > 1:
            found.notes.append("recovery took longer than a second for 3,000 events on this machine at this time")
        with mutants.replay_skips():
            copied(place / "live", place / "mutant")
            with Online.open(place / "mutant", rules(support=19)) as online:
                skipped = online.state_hash()
        with Online.open(copied(place / "live", place / "same"), rules(support=19)) as online:
            found.controls["a replay that leaves out an event"] = online.state_hash() != skipped
    return found


def _acknowledged(place: Path, number: int, found: Found) -> dict[int, str]:
    """Hash of the state at each acknowledged event, with restarts on the way."""
    given, traffic, told = rules(snapshot_events=101, slots=50), Traffic(5, people=300, garments=100), {}
    every, restarts = max(1, number // RESTARTS), 0
    with Online.open(secret(place / "live"), given) as online:
        for n in range(number):
            seq = online.ingest(traffic.batch(BATCH)).committed_seq
            told[seq] = online.state_hash()
            if n % every == 0:
                restarts += 1
                with Online.open(copied(place / "live", place / "killed"), given) as again:
                    if again.state_hash() != told[seq]:
                        found.failures.append(f"after event {seq}: another state after a restart")
    found.done["restarts"] = restarts
    return told


def _replayed(directory: Path, told: dict[int, str]) -> dict[int, str]:
    """Hash of the state of the log up to each of these events, from nothing."""
    db, reads = connect(directory), reader(directory)
    db.execute("DELETE FROM slots")
    state, found = State(rules(), db, reads), {}
    for row in log.after(db, 0, 1 << 60):
        state.apply([row])
        if row.seq in told:
            found[row.seq] = f"{state.hash():032x}"
    reads.close()
    db.close()
    return found


def _seconds(place: Path) -> float:
    """Processor seconds of a recovery, for 3,000 events: with no snapshot, everything is read."""
    fresh = rules(support=21, snapshot_events=1 << 40)
    copied(place / "live", place / "timed")
    started = time.process_time()
    with Online.open(place / "timed", fresh) as online:
        return (time.process_time() - started) * 3000 / max(online.seq, 1)


CAMPAIGN = Campaign(3, "restart", "restart is exact", "≥ 5,000 hashes equal; recovery ≤ 1 s per 3k events", run)
