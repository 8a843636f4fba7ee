"""Exams on splits that others drew, so that figures can be held against theirs number for number.

* `hm_strict`: a cut of the H&M week that holds out whole families, with figures of simple methods taken on it before
  this project; among new garments, and the whole catalogue.
* `citeulike`: the public split of CiteULike-a with a fifth of its articles new (Huang et al. 2023, CIKM), on which many
  methods were published: the new articles among themselves (`cold`), and the known ones (`warm`).

Only shoppers with a training event are asked. Of known articles, what is in the validation part is in nobody's list.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from muslin.data.cutting import PAIR, Split
from muslin.data.dataset import Dataset
from muslin.data.schema import Roles
from muslin.data.sources.hm import CATEGORICAL, SCHEMA, TEXT
from muslin.data.sources.registry import source
from muslin.evaluate.answers import answer
from muslin.evaluate.exam import Candidates, Exam, Scores, Told, ask, both, hot
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.features.space import World, encode

DATA = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
STRICT = DATA / "hm_week" / "splits" / "strict.parquet"
CITEULIKE = DATA / "citeulike"
CUTOFF = 20


def hm_strict() -> Exam:
    """Asks `within` (the 687 new garments of the test part) and `full` (these and all that have a training event)."""
    cut = pl.read_parquet(STRICT).rename({"customer_id": "user_id", "article_id": "item_id"})
    train = cut.filter(pl.col("part") == "train").select(
        *PAIR,
        timestamp=pl.lit(0).cast(pl.Datetime("us", "UTC")),
        event=pl.lit("purchase"),
        weight=pl.lit(5.0, dtype=pl.Float32),
    )
    articles = pl.read_csv(DATA / "hm_week" / "articles.csv", infer_schema=False)
    described = articles.select(
        pl.col("article_id").alias("item_id"), pl.col("product_code").alias("family"), *CATEGORICAL, *TEXT
    )
    known = train.select("user_id").unique().sort("user_id")
    dataset = Dataset(replace(SCHEMA, users=Roles()), described.with_columns(domain=pl.lit("all")), known, train)
    world = encode(dataset)
    new, old = (_asked(cut.filter(pl.col("part") == part), world) for part in ("cold_test", "warm_test"))
    candidates = _rows(world, new["item_id"], "cold")
    trained = old.join(train.select("item_id").unique(), on="item_id", how="semi")
    whole = pl.concat([new, trained]).sort(PAIR)
    asks = (ask(world, "within", new, candidates), ask(world, "full", whole, both(hot(world), candidates)))
    return Exam("item-cold", 0, Split(dataset, new, train.clear(), frozenset(new["item_id"])), world, asks)


def citeulike(place: Path) -> Exam:
    """Asks `cold` (among all 3,396 new articles) and `warm`; the data is imported to the empty `place`."""
    source("citeulike")(CITEULIKE, place)
    whole = Dataset.load(place)
    part = pl.col("part")
    train = whole.with_events(whole.events.filter(part == "train"))
    world = encode(train)
    new, old = (_asked(whole.events.filter(part == name), world) for name in ("cold_test", "warm_test"))
    cold = whole.events.filter(part.is_in(["cold_valid", "cold_test"]))["item_id"]
    other = whole.events.filter(part == "warm_valid").select(whole.events.columns)
    asks = (
        ask(world, "cold", new, _rows(world, cold, "cold")),
        ask(world, "warm", old, hot(world), Told(None, left_out=other)),
    )
    return Exam("item-cold", 0, Split(train, new, train.events.clear(), frozenset(cold)), world, asks)


def measured(exam: Exam, view: str, scores: Scores, path: str | None = None) -> dict[str, float]:
    """Every metric in the view of the exam, of the true items that fall under `path`, or of all."""
    one = replace(exam, asks=tuple(a for a in exam.asks if a.view == view))
    pairs = answer(one, "measured", scores, 0.0).pairs
    asked = pairs if path is None else pairs.filter(pl.col("path") == path)
    codes = asked.with_columns(pl.col(PAIR).rank("dense").cast(pl.Int64)).sort("user_id")
    ranks = Pairs(codes["user_id"].to_numpy(), codes["item_id"].to_numpy(), codes.select("rank").to_numpy())
    return {name: float(values(part)[0]) for name, part in parts(ranks, CUTOFF).items()}


def _asked(events: pl.DataFrame, world: World) -> pl.DataFrame:
    known = world.dataset.events.select("user_id").unique()
    return events.select(PAIR).unique().join(known, on="user_id", how="semi").sort(PAIR)


def _rows(world: World, ids: pl.Series, label: str) -> Candidates:
    rows = np.sort(world.item_rows(ids.unique().sort().to_list()))
    return Candidates(rows, np.full(len(rows), label, dtype=object))
