"""What a commit does with a group of batches: judge, write, and say what became of each."""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from muslin.engine.online import log
from muslin.engine.online.event import Bad, Fresh, Receipt, Rejected, Row, encoded
from muslin.engine.online.keys import Keys
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.online.unnamed import unnamed
from muslin.engine.online.validate import DETAILS
from muslin.engine.online.writer import Batch

UNKEPT = frozenset({"rate_limited"})
"""Codes whose events are not put in quarantine: whoever floods us is not to fill the disk."""

_OUTCOME = {"new": "accepted", "duplicate": "duplicate", "dropped": "dropped"}


class Admitted(NamedTuple):
    """What a batch came to: its receipt, its rows in the log, events by type and outcome, quarantine by code."""

    receipt: Receipt
    rows: list[Row]
    events: Counter[tuple[str, str]]
    quarantined: Counter[str]


@dataclass
class Admission:
    """Writes batches into the log of `db`, numbering rows from `seq` + 1. `known`: garments of the catalogue."""

    db: sqlite3.Connection
    keys: Keys
    rules: Rules
    seq: int
    known: Collection[str] | None = None
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    def admit(self, batch: Batch, now: int) -> Admitted:
        """Write a batch, in the caller's transaction."""
        verdicts = log.judged(self.db, self.keys, batch.fresh)
        pairs = list(zip(batch.fresh, verdicts, strict=True))
        bad = [*batch.bad, *(_conflict(fresh, self.keys) for fresh, verdict in pairs if verdict == "conflict")]
        rejected = tuple(sorted((one.rejected for one in bad), key=lambda one: one.index))
        if batch.atomic and rejected:
            events = Counter({("other", "rejected"): len(rejected)})
            return Admitted(Receipt(0, 0, rejected, self.seq), [], events, Counter())
        kept = [one for one in bad if one.rejected.code not in UNKEPT]
        log.quarantine(self.db, kept, now)
        new = [fresh for fresh, verdict in pairs if verdict == "new"]
        rows = self._write(new, now)
        count, pending = Counter(verdicts), len(new) - len(rows)
        events = Counter((fresh.row.kind, _OUTCOME[verdict]) for fresh, verdict in pairs if verdict != "conflict")
        events["other", "rejected"] = len(rejected)
        receipt = Receipt(len(new), count["duplicate"], rejected, self.seq, count["dropped"], pending)
        return Admitted(receipt, rows, events, Counter(one.rejected.code for one in kept))

    def tally(self, admitted: Admitted) -> None:
        """Count what became of a batch, once it is on the disk."""
        self.events.update(admitted.events)
        self.quarantined.update(admitted.quarantined)

    def _write(self, events: Collection[Fresh], now: int) -> list[Row]:
        """The rows of the log; events of garments that the catalogue lacks wait for them."""
        log.remember(self.db, events, now // DAY)
        known, rows = self.known, [fresh.row for fresh in events]
        if known is None:
            return self.enter(rows)
        waiting = [row for row in rows if row.item not in known]
        log.append(self.db, [row._replace(seq=self._next()) for row in waiting], "pending")
        return self.enter([row for row in rows if row.item in known])

    def enter(self, rows: Iterable[Row]) -> list[Row]:
        """Give rows their numbers and write them into the log."""
        entered, most, before = [], self.rules.daily_cap, dict[tuple[Any, ...], int]()
        for row in rows:
            like = (row.item, row.day, row.shopper, row.kind)
            count = before[like] if like in before else log.occurrence(self.db, row, most)
            before[like] = count + 1
            entered.append(row._replace(seq=self._next(), counted=count < most))
        log.append(self.db, entered)
        return entered

    def _next(self) -> int:
        self.seq += 1
        return self.seq


def _conflict(fresh: Fresh, keys: Keys) -> Bad:
    name = fresh.row.event_id
    shown = name if name.isprintable() else None
    rejected = Rejected(fresh.place, "id_conflict", DETAILS["id_conflict"], shown)
    kept = encoded(unnamed(msgspec.json.decode(fresh.body), keys))
    return Bad(rejected, kept, fresh.row.shopper)
