"""The cut of a transfer from one domain to another: what may be learned, and who is asked what in the target."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import polars as pl

from muslin.data.cutting import PAIR, drawn, first_of_pair, liked
from muslin.data.dataset import Dataset
from muslin.errors import DataError, UsageError, nearest
from muslin.random import stream

Segment: TypeAlias = Literal["new", "known"]
"""Shoppers of the source who are new to the target; shoppers whom the target knows."""

PARTS = ("choose", "prove")
"""The first half of the questions chooses among models, the second half judges the choice."""

LEAST = 20
"""Shoppers in a part of a segment; with fewer it is not asked about."""

_KNOWN = 4000
"""Known shoppers asked in both parts together, at most: enough for a gain of a hundredth to show."""


@dataclass(frozen=True)
class Crossing:
    """One cut.

    `train`: events of both domains that may be learned from. `query`: `user_id`, `item_id` of the target, `segment`,
    `part`. `taken`: pairs of the shoppers asked that are not to be offered them. `candidates`: ids of the target's
    garments with a training event, which a thinned crossing keeps.
    """

    source: str
    target: str
    train: Dataset
    query: pl.DataFrame
    taken: pl.DataFrame
    candidates: tuple[str, ...]

    def shared(self) -> int:
        """Training shoppers in both domains."""
        ids = [set(_of(self.train.events, self.train, name)["user_id"]) for name in (self.source, self.target)]
        return len(ids[0] & ids[1])

    def segments(self) -> tuple[Segment, ...]:
        """Those asked about."""
        found = set(self.query["segment"])
        return tuple(name for name in ("new", "known") if name in found)

    def only(self, domain: str) -> Dataset:
        """Training events of one domain."""
        return self.train.with_events(_of(self.train.events, self.train, domain))

    def thinned(self, share: float, seed: int) -> "Crossing":
        """With `share` of the target's training shoppers only; the rest of them keep what they took in the source."""
        if share >= 1:
            return self
        inside = _of(self.train.events, self.train, self.target)
        ids = inside["user_id"].unique().sort()
        kept = ids.gather(stream(seed, "crossing", "thin").permutation(len(ids))[: max(1, round(share * len(ids)))])
        gone = inside.filter(~pl.col("user_id").is_in(kept.implode())).select(PAIR).unique()
        left = self.train.events.join(gone, on=PAIR, how="anti", maintain_order="left")
        return replace(self, train=self.train.with_events(left))


def crossing(dataset: Dataset, source: str, target: str, seed: int, *, share: float = 0.4) -> Crossing:
    """Cut that hides the target from `share` of the shoppers who are in both, and the newest pair from some others.

    Those of the first kind are the segment `new`, those of the second (at least two garments of the target) `known`.
    Raises `UsageError` for a domain that is not there or is named twice, `DataError` (`too_small`) where neither
    segment has enough shoppers to ask.
    """
    _check(dataset, source, target)
    rows = liked(dataset, seed).join(dataset.items.select("item_id", "domain"), on="item_id", how="left")
    rows = rows.filter(pl.col("domain").is_in([source, target]))
    into = rows.filter(pl.col("domain") == target)
    both = into.select("user_id").unique().join(rows.filter(pl.col("domain") == source), on="user_id", how="semi")
    new = _drawn(both["user_id"].sort(), share, seed)
    hidden = first_of_pair(into.filter(pl.col("user_id").is_in(new.implode()))).with_columns(segment=pl.lit("new"))
    rest = first_of_pair(into.filter(~pl.col("user_id").is_in(new.implode())))
    newest = rest.filter(pl.len().over("user_id") >= 2).unique("user_id", keep="last", maintain_order=True)
    asked = _drawn(newest["user_id"].sort(), min(share, _KNOWN / max(len(newest), 1)), seed)
    newest = newest.filter(pl.col("user_id").is_in(asked.implode())).with_columns(segment=pl.lit("known"))
    query = pl.concat([hidden, newest])
    train = rows.join(query, on=PAIR, how="anti", maintain_order="left")
    query = _parted(query.join(_of(train, dataset, target).select("item_id").unique(), on="item_id", how="semi"), seed)
    taken = train.join(query.select("user_id").unique(), on="user_id", how="semi").select(PAIR).unique()
    candidates = tuple(train.filter(pl.col("domain") == target)["item_id"].unique().sort())
    ordered = train.select(dataset.events.columns).sort("timestamp", "user_id", "item_id")
    return Crossing(source, target, dataset.with_events(ordered), query, taken, candidates)


def _check(dataset: Dataset, source: str, target: str) -> None:
    known = dataset.items["domain"].drop_nulls().unique().sort().to_list()
    for option, name in (("source", source), ("target", target)):
        if name not in known:
            message = f"no garment is of the domain {name!r}"
            raise UsageError(message, code="unknown_domain", where=option, fix=nearest(name, known))
    if source == target:
        message = f"source and target are both {source!r}"
        raise UsageError(message, code="same_domain", where="target", fix="name two domains")


def _drawn(ids: pl.Series, share: float, seed: int) -> pl.Series:
    """`share` of `ids`; none where that leaves a part too small."""
    if share * len(ids) < 2 * LEAST:
        return ids.head(0)
    return ids if share >= 1 else drawn(ids, share, seed, "crossing")


def _parted(query: pl.DataFrame, seed: int) -> pl.DataFrame:
    """`query` with the `part` each shopper is in; segments that are too small left out."""
    found = []
    for (segment,), rows in query.group_by("segment", maintain_order=True):
        ids = rows["user_id"].unique().sort()
        if len(ids) < 2 * LEAST:
            continue
        order = stream(seed, "crossing", str(segment)).permutation(len(ids))
        chosen = ids.gather(order[: len(ids) // 2].tolist())
        part = pl.when(pl.col("user_id").is_in(chosen.implode())).then(pl.lit(PARTS[0])).otherwise(pl.lit(PARTS[1]))
        found.append(rows.select(*PAIR, "segment", part=part).sort("user_id", "item_id"))
    if not found:
        message = f"fewer than {2 * LEAST} shoppers can be asked: too few are in both domains or took two garments"
        fix = "transfer on more events, or fit on all domains together: muslin fit"
        raise DataError(message, code="too_small", where="events", fix=fix)
    return pl.concat(found)


def _of(events: pl.DataFrame, dataset: Dataset, domain: str) -> pl.DataFrame:
    inside = dataset.items.filter(pl.col("domain") == domain).select("item_id")
    return events.join(inside, on="item_id", how="semi", maintain_order="left")
