"""The published figures of the H&M week's strict split, found again by this package's protocol and ranking."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from muslin.data.dataset import Dataset
from muslin.data.schema import ItemRoles, Schema
from muslin.data.splits import Split
from muslin.evaluate.answers import Block, answer, floor
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.evaluate.protocol import Ask, Exam
from muslin.features.space import World, encode
from muslin.types import Csr, Items

pytestmark = pytest.mark.data

WEEK = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")) / "hm_week"
COLUMNS = (
    "product_type_name",
    "product_group_name",
    "graphical_appearance_name",
    "colour_group_name",
    "department_name",
    "section_name",
)


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
    described = articles.select(pl.col("article_id").alias("item_id"), pl.col("product_code").alias("family"), *COLUMNS)
    items = described.with_columns(domain=pl.lit("all"))
    known = train.select("user_id").unique()
    asked = cut.filter(pl.col("part") == "cold_test").join(known, on="user_id", how="semi")
    query = asked.select("user_id", "item_id").sort("user_id", "item_id")
    dataset = Dataset(Schema(name="hm", items=ItemRoles(categorical=COLUMNS)), items, known.sort("user_id"), train)
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


def test_the_split_is_the_one_the_figures_were_taken_on(exam: Exam) -> None:
    ask = exam.asks[0]
    assert (ask.truth.nnz, len(ask.users), len(ask.items)) == (17_072, 13_151, 687)


def test_random_is_where_it_was_measured(exam: Exam) -> None:
    found = measured(exam, floor)
    assert found["ndcg@20"] == pytest.approx(0.011, abs=0.001)
    assert found["recall@20"] == pytest.approx(0.029, abs=0.002)


def test_plain_content_is_about_where_it_was_measured(exam: Exam) -> None:
    """Cosine of idf-weighted attributes, without the texts that the measured .156/.305 had."""
    features = exam.world.catalogue.features.matrix
    idf = np.log(features.shape[0] / (1 + np.asarray(features.getnnz(axis=0))))
    content = features @ sp.diags_array(idf)
    content = sp.csr_matrix(sp.diags_array(1 / np.maximum(sp.linalg.norm(content, axis=1), 1e-9)) @ content)

    def cosine(users: list[str], _support: None, items: Items) -> Block:
        profile = exam.world.users(users).history.sign() @ content
        return Block((profile @ content[items.rows].T).toarray().astype(np.float32), np.zeros(len(users), dtype=bool))

    found = measured(exam, cosine)
    assert 0.10 < found["ndcg@20"] < 0.17
    assert 0.22 < found["recall@20"] < 0.33
