"""A log served again, day by day, with what the days before taught and without.

Before each day the model is told of all earlier ones, the way the service is: events go into an online state, new
garments learn from their first shoppers, shoppers have their history. Then everyone who took something new that day is
asked for, over the whole catalogue, and the day's events go in. The same model that is told nothing is asked beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin import scoring
from muslin.engine.model import Model
from muslin.engine.online.event import MAX_EVENTS, Shopper
from muslin.engine.online.online import Online
from muslin.engine.online.rules import DAY, Rules
from muslin.engine.warming import Warming
from muslin.errors import DataError
from muslin.evaluate import bootstrap, metrics
from muslin.evaluate.ranking import TieBreak, rank
from muslin.features.append import keeping
from muslin.method import Fitted
from muslin.random import stream
from muslin.types import Csr, Ints, Users

CUTOFF = 20
_METRIC = f"ndcg@{CUTOFF}"
_BLOCK = 256
"""Shoppers ranked at once."""
_BUCKETS = ((0, 0, "0"), (1, 2, "1–2"), (3, 5, "3–5"), (6, 20, "6–20"), (21, 1 << 40, "over 20"))


@dataclass(frozen=True)
class Day:
    """Taken of new things on one day: a row a shopper and garment.

    `user_id`, `item_id`, `side` and `events` of the thing that is new (see `labels`), `told` and `untold`: rank of the
    garment with and without what the days before taught.
    """

    day: int
    pairs: pl.DataFrame


class Told(NamedTuple):
    """The state before a day: users as the method sees them, and what it learned."""

    users: Users
    fitted: Fitted


def replay(model: Model, log: pl.DataFrame, *, most: int | None = None, seed: int = 0) -> Iterator[Day]:
    """The days of `log` (`user_id, item_id, timestamp, event`, as in a dataset), one after the other.

    At most `most` shoppers a day, drawn by `seed`, are asked for, and up to half as many more of those who took a new
    garment, of whom only that counts, for new garments are few; all events are told. Raises `DataError` (`no_days`) for
    a log without events of the model's garments.
    """
    model = replace(model, world=keeping(model.world))
    known = log.filter(pl.col("item_id").is_in(model.world.catalogue.ids.tolist())).sort("timestamp")
    days = known.with_columns(day=pl.col("timestamp").dt.epoch("us") // DAY).partition_by("day", maintain_order=True)
    if not days:
        raise DataError("it has no event of a garment of the model", code="no_days", where="log", fix="name another")
    time = [0]
    rules = Rules(
        weights=model.world.dataset.schema.weights,
        shopper_rate=0,
        window_days=100_000,
        low_disk_bytes=0,
        synchronous="NORMAL",
    )
    with TemporaryDirectory() as place, Online.open(Path(place) / "state", rules, now=lambda: time[0]) as online:
        for frame in days:
            day = int(frame["day"][0])
            pairs = _asked(model, online, frame, most, stream(seed, "replay", day))
            yield Day(day, pairs)
            time[0] = (day + 1) * DAY
            _tell(online, frame)


def summary(days: Sequence[Day], seed: int = 0) -> list[dict[str, Any]]:
    """Rows `side, events, metric, value, ci_low, ci_high, pairs` with `variant` told, untold or their difference."""
    frame = pl.concat([day.pairs.with_columns(day=pl.lit(day.day)) for day in days])
    return [
        row
        for (side, events), part in sorted(frame.group_by("side", "events"), key=lambda one: _order(*one[0]))
        for row in _rows(str(side), str(events), part, seed)
    ]


def _order(side: object, events: object) -> tuple[str, int]:
    names = [name for _, _, name in _BUCKETS]
    return str(side), names.index(str(events)) if str(events) in names else -1


def _rows(side: str, events: str, part: pl.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    part = part.with_columns(
        user=pl.struct("user_id", "day").rank("dense").cast(pl.Int64) - 1,
        item=pl.col("item_id").rank("dense").cast(pl.Int64) - 1,
    ).sort("user")
    user, item = part["user"].to_numpy(), part["item"].to_numpy()
    found = metrics.parts(metrics.Pairs(user, item, part.select("told", "untold").to_numpy()), CUTOFF)[_METRIC]
    unit = np.repeat(found.unit[:, None], 2, axis=1)
    both = bootstrap.Sample(user, item, found.gain, unit)
    gain = bootstrap.Sample(user, item, found.gain[:, :1] - found.gain[:, 1:], unit[:, :1])
    for names, sample, bounds in ((("told", "untold"), both, (0.0, 1.0)), (("difference",), gain, (-1.0, 1.0))):
        by_item = np.ones(len(names), dtype=bool)
        estimate = bootstrap.estimate([sample], by_item, seed, bounds=bounds)
        for n, name in enumerate(names):
            figures = {"value": estimate.value[n], "ci_low": estimate.low[n], "ci_high": estimate.high[n]}
            own = {"side": side, "events": events, "metric": _METRIC, "variant": name, "pairs": len(part)}
            yield own | {key: float(value) for key, value in figures.items()}


def _asked(
    model: Model, online: Online, frame: pl.DataFrame, most: int | None, rng: np.random.Generator
) -> pl.DataFrame:
    weights = {name: weight for name, weight in online.rules.weights.items() if weight > 0}
    liked = frame.filter(pl.col("event").is_in(list(weights))).select("user_id", "item_id").unique(maintain_order=True)
    every = liked["user_id"].unique(maintain_order=True).to_list()
    names = _drawn(every, most, rng)
    takers = liked.filter(pl.col("item_id").is_in(_new(model)))["user_id"].unique(maintain_order=True).to_list()
    more = [] if most is None else _drawn([n for n in takers if n not in set(names)], most // 2, rng)
    fitted = Warming(model.fitted, online).warmed(model.world).fitted
    wanted = {name: part["item_id"].to_list() for (name,), part in liked.group_by("user_id", maintain_order=True)}
    new = (pl.col("side") == "garment") & (pl.col("events") != "known")
    parts = [_frame([], [], [], np.empty((2, 0), dtype=np.int64))]
    for some, kept in ((names, pl.lit(value=True)), (more, new)):
        blocks = [some[at : at + _BLOCK] for at in range(0, len(some), _BLOCK)]
        parts += [_block(model, online, fitted, block, wanted).filter(kept) for block in blocks]
    return pl.concat(parts)


def _drawn(names: list[str], most: int | None, rng: np.random.Generator) -> list[str]:
    if most is None or len(names) <= most:
        return names
    return [names[n] for n in np.sort(rng.choice(len(names), size=most, replace=False))]


def _new(model: Model) -> pl.Series:
    catalogue = model.world.catalogue
    return pl.Series(catalogue.ids[catalogue.n_hot :].tolist(), dtype=pl.String).implode()


def _block(
    model: Model, online: Online, fitted: Fitted, names: list[str], wanted: dict[str, list[str]]
) -> pl.DataFrame:
    world, evidence = model.world, model.fitted.method.evidence
    support = _support(online, names)
    told, untold = world.users(names, support, evidence), world.users(names, None, evidence)
    truth = _truth(model, names, wanted, told.history)
    user = np.repeat(np.arange(len(names)), np.diff(truth.indptr))
    item = truth.indices.astype(np.int64)
    ties = TieBreak(np.arange(len(names)), np.arange(len(world.catalogue)))
    ranks = []
    for one in (Told(told, fitted), Told(untold, model.fitted)):
        scores = scoring.score(one.fitted.method, one.fitted.params, world.popularity, one.users, world.items()).scores
        ranks.append(rank(scores.numpy(), truth, told.history, ties, top=CUTOFF, method=model.method).ranks)
    pairs = [(names[u], str(world.catalogue.ids[i])) for u, i in zip(user, item, strict=True)]
    return _labelled(model, online, pairs, np.stack(ranks))


def _support(online: Online, names: list[str]) -> pl.DataFrame:
    rows = [(name, t.item, t.weight) for name in names for t in online.history(Shopper("user", name))]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "weight": pl.Float32}, orient="row")


def _truth(model: Model, names: list[str], wanted: dict[str, list[str]], history: Csr) -> Csr:
    """[U, N] what each took that day and did not have before."""
    rows = [(u, int(i)) for u, name in enumerate(names) for i in model.world.item_rows(wanted[name])]
    shape = (len(names), len(model.world.catalogue))
    at = np.array(rows, dtype=np.int64).reshape(-1, 2)
    truth = sp.csr_matrix((np.ones(len(at), dtype=np.float32), (at[:, 0], at[:, 1])), shape=shape)
    truth = sp.csr_matrix(truth - truth.multiply(history > 0))
    truth.eliminate_zeros()
    truth.sort_indices()
    return truth


def _labelled(model: Model, online: Online, pairs: list[tuple[str, str]], ranks: Ints) -> pl.DataFrame:
    """Each pair once for its garment (hot, or new after so many shoppers) and once for its shopper likewise."""
    frames = []
    for side, column, hot in (("garment", 1, model.world.catalogue.n_hot), ("shopper", 0, model.world.shoppers.n_hot)):
        labels = [_label(model, online, pair[column], side, hot) for pair in pairs]
        frames.append(_frame([pair[0] for pair in pairs], [pair[1] for pair in pairs], labels, ranks, side))
    return pl.concat(frames)


def _label(model: Model, online: Online, name: str, side: str, hot: int) -> str:
    world = model.world
    row = (world.item_rows if side == "garment" else world.user_rows)([name])[0]
    if 0 <= row < hot:
        return "known"
    count = len(online.revealed(name)) if side == "garment" else len(online.history(Shopper("user", name)))
    return next(label for low, high, label in _BUCKETS if low <= count <= high)


def _frame(users: list[str], items: list[str], events: list[str], ranks: Ints, side: str = "") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": pl.Series(users, dtype=pl.String),
            "item_id": pl.Series(items, dtype=pl.String),
            "side": pl.Series([side] * len(users), dtype=pl.String),
            "events": pl.Series(events, dtype=pl.String),
            "told": ranks[0],
            "untold": ranks[1],
        }
    )


def _tell(online: Online, frame: pl.DataFrame) -> None:
    moments = frame["timestamp"].dt.epoch("us").to_list()
    rows = zip(frame["user_id"], frame["item_id"], frame["event"], moments, strict=True)
    events = [
        {"event_id": f"{at}:{n}", "type": kind, "user_id": user, "item_id": item, "timestamp": at // 1000}
        for n, (user, item, kind, at) in enumerate(rows)
    ]
    for start in range(0, len(events), MAX_EVENTS):
        online.ingest(events[start : start + MAX_EVENTS])
