"""The questions of a result in the order and words in which they are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from muslin.evaluate.protocol import PROTOCOLS
from muslin.evaluate.result import BOUNDS, REFERENCES, Result, Row

_LABELS = {
    ("within", "cold"): "among new garments",
    ("within", "warming"): "among new garments",
    ("arrivals", "cold"): "among arrivals",
    ("full", "all"): "whole catalogue",
    ("full", "cold"): "new garments in the whole catalogue",
    ("full", "hot"): "known garments in the whole catalogue",
    ("newcomers", "cold"): "new shoppers",
    ("newcomers", "warming"): "new shoppers",
}
_SIDES = {"all": "both", "cold": "new garments", "hot": "known garments"}


@dataclass(frozen=True)
class Question:
    """What a column of figures answers, and whether methods are judged by it."""

    protocol: str
    view: str
    path: str
    k: int | None
    headline: bool

    @property
    def label(self) -> str:
        """A few words that tell it from the others of its protocol."""
        if self.protocol in ("user-cold", "both-cold"):
            return f"k = {self.k}"
        if self.protocol == "mixed":
            return f"{self.view}: {_SIDES.get(self.path, self.path)}"
        if self.protocol == "warm":
            return "known garments"
        name = _LABELS.get((self.view, self.path), self.view)
        return f"{name}, k = {self.k}" if self.is_step else name

    @property
    def is_step(self) -> bool:
        """Whether it is one of several that differ by k alone."""
        return _by_k(self.protocol, self.view)


def named(protocol: str, view: str, k: int | None) -> str:
    """The list that was asked for, whatever the true items: protocol, view where it has several, k where it matters."""
    several = protocol not in ("item-cold", "user-cold", "both-cold", "warm", "mixed")
    return protocol + (f" {view}" if several else "") + (f" k = {k}" if _by_k(protocol, view) else "")


def _by_k(protocol: str, view: str) -> bool:
    return protocol in ("user-cold", "both-cold", "k-shot") or view == "newcomers"


def questions(result: Result, protocol: str | None = None) -> list[Question]:
    """Questions with figures, of one protocol or of all, those that methods are judged by first."""
    found: dict[Question, None] = {}
    for row in result.rows:
        if protocol in (None, row.protocol):
            headline = PROTOCOLS[row.protocol].judges(row.view, row.path)
            found[Question(row.protocol, row.view, row.path, row.k, headline)] = None
    return sorted(found, key=lambda q: (result.facts.protocols.index(q.protocol), not q.headline))


def figures(result: Result, question: Question, metric: str) -> dict[str, Row]:
    """Row of each method."""
    found = result.find(metric, question.protocol, question.view, question.path, question.k)
    return {row.method: row for row in found}


def best(rows: dict[str, Row]) -> tuple[str, ...]:
    """The entrants with the highest value; none where it is zero or all share it."""
    entrants = {m: row.value for m, row in rows.items() if m not in BOUNDS}
    highest = max(entrants.values(), default=0.0)
    top = tuple(m for m, value in entrants.items() if value == highest > 0)
    return () if len(top) == len(entrants) > 1 else top


def leading(series: Mapping[str, Sequence[Row]], most: int) -> tuple[str, ...]:
    """The references, and of the other methods in `series` the highest on the whole: `most` in all."""
    height = {m: sum(row.value for row in rows) for m, rows in series.items() if rows}
    others = sorted((m for m in height if m not in REFERENCES), key=lambda m: -height[m])
    kept = {*REFERENCES, *others[: most - len(REFERENCES)]}
    return tuple(m for m in height if m in kept)


def suspects(result: Result, protocol: str) -> dict[str, list[int | None]]:
    """Suspect methods of a protocol, each with the ks at which it is one."""
    found: dict[str, list[int | None]] = {}
    for row in result.rows:
        if row.protocol == protocol and row.suspect and row.k not in found.setdefault(row.method, []):
            found[row.method].append(row.k)
    return found


def fallback_notes(result: Result) -> list[str]:
    """A sentence per question in which methods knew nothing of some shoppers."""
    notes = []
    for where, shares in result.facts.fallback.items():
        by_share: dict[str, list[str]] = {}
        for method, share in shares.items():
            by_share.setdefault(f"{share:.0%}", []).append(method)
        told = "; ".join(f"{', '.join(methods)}: {share}" for share, methods in by_share.items())
        notes.append(f"{where}: shoppers of whom a method knows nothing get popularity ({told})")
    return notes
