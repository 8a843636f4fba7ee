"""Figures measured beforehand on a strict split of the H&M week: no baseline weaker, our method no worse."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from muslin import registry
from muslin.data.cutting import Split
from muslin.data.dataset import Dataset
from muslin.data.schema import Roles
from muslin.data.sources.hm import CATEGORICAL, SCHEMA, TEXT
from muslin.evaluate.answers import answer, floor, scores_of
from muslin.evaluate.exam import Ask, Exam
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.features.space import World, encode
from muslin.method import Fitted
from muslin.train.loop import Run, train
from muslin.types import Csr, Items

pytestmark = pytest.mark.data

WEEK = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")) / "hm_week"


@pytest.fixture(scope="module")
def exam() -> Exam:
    if not (WEEK / "splits" / "strict.parquet").is_file():
        pytest.skip("the H&M week is not here: set MUSLIN_DATA")
    articles = pl.read_csv(WEEK / "articles.csv", infer_schema=False)
    cut = pl.read_parquet(WEEK / "splits" / "strict.parquet").rename(
        {"customer_id": "user_id", "article_id": "item_id"}
    )
    train = cut.filter(pl.col("part") == "train").select(
        "user_id",
        "item_id",
        timestamp=pl.lit(0).cast(pl.Datetime("us", "UTC")),
        event=pl.lit("purchase"),
        weight=pl.lit(5.0, dtype=pl.Float32),
    )
    described = articles.select(
        pl.col("article_id").alias("item_id"), pl.col("product_code").alias("family"), *CATEGORICAL, *TEXT
    )
    items = described.with_columns(domain=pl.lit("all"))
    known = train.select("user_id").unique()
    asked = cut.filter(pl.col("part") == "cold_test").join(known, on="user_id", how="semi")
    query = asked.select("user_id", "item_id").sort("user_id", "item_id")
    dataset = Dataset(replace(SCHEMA, users=Roles()), items, known.sort("user_id"), train)
    world, cold = encode(dataset), query["item_id"].unique().sort()
    rows = world.item_rows(cold.to_list())
    ask = Ask("within", 0, *_cells(world, query, rows), np.full(len(rows), "cold", dtype=object))
    return Exam("item-cold", 0, Split(dataset, query, train.clear(), frozenset(cold)), world, (ask,))


def _cells(world: World, query: pl.DataFrame, rows: np.ndarray) -> tuple[tuple[str, ...], None, Items, Csr, Csr]:
    users = tuple(query["user_id"].unique().sort())
    place = {user: n for n, user in enumerate(users)}
    column = {row: n for n, row in enumerate(rows)}
    cells = (
        [place[u] for u in query["user_id"]],
        [column[row] for row in world.item_rows(query["item_id"].to_list())],
    )
    shape = (len(users), len(rows))
    truth = sp.csr_matrix((np.ones(len(query), dtype=np.float32), cells), shape=shape)
    return users, None, Items(world.catalogue, rows), truth, sp.csr_matrix(shape, dtype=np.float32)


def measured(exam: Exam, scores: object) -> dict[str, float]:
    pairs = answer(exam, "toy", scores, 0.0).pairs
    codes = pairs.with_columns(pl.col("user_id", "item_id").rank("dense")).sort("user_id")
    user, item = codes["user_id"].to_numpy(), codes["item_id"].to_numpy()
    found = parts(Pairs(user, item, codes.select("rank").to_numpy()), 20)
    return {name: float(values(part)[0]) for name, part in found.items()}


BARS = [
    ("content_knn", 0.156),
    ("ials", 0.137),
    ("feature_ials", 0.137),
    ("item_knn", 0.148),
    ("ease", 0.144),
    ("ease_content", 0.162),
]
"""What simple methods were measured to reach on this split before this project; weaker ones would be crippled."""


def test_the_split_is_the_one_the_figures_were_taken_on(exam: Exam) -> None:
    ask = exam.asks[0]
    assert (ask.truth.nnz, len(ask.users), len(ask.items)) == (17_072, 13_151, 687)


def test_random_is_where_it_was_measured(exam: Exam) -> None:
    found = measured(exam, floor)
    assert found["ndcg@20"] == pytest.approx(0.011, abs=0.001)
    assert found["recall@20"] == pytest.approx(0.029, abs=0.002)


@pytest.mark.parametrize(("name", "least"), BARS, ids=[name for name, _ in BARS])
def test_baselines_are_not_weaker_than_measured(exam: Exam, name: str, least: float) -> None:
    method = registry.build(name)
    found = measured(exam, scores_of(Fitted(method, method.init(exam.world.data, 0)), exam))
    assert found["ndcg@20"] > least


def test_one_epoch_of_two_tower_beats_every_simple_method(exam: Exam) -> None:
    method = registry.build("two_tower")
    trained = train(method, exam.world.data, Run("two_tower", 0, epochs=1))
    found = measured(exam, scores_of(Fitted(method, trained.params), exam))
    assert found["ndcg@20"] > 0.169  # the best blend of simple methods that was measured
