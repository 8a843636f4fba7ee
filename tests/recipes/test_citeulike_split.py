"""The public cold split of CiteULike-a: baselines reach what was measured on it, so they are not crippled."""

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp

from muslin.data.cutting import PAIR, Split
from muslin.data.dataset import Dataset
from muslin.data.sources.registry import source
from muslin.evaluate.answers import answer, scores_of
from muslin.evaluate.exam import NOTHING, Ask, Exam
from muslin.evaluate.metrics import Pairs, parts, values
from muslin.features.space import encode
from muslin.recipes.fit import Recipe, fit_world
from muslin.types import Items

pytestmark = pytest.mark.data

FOLDER = Path(os.environ.get("MUSLIN_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")) / "citeulike"
ERROR = 0.01
"""Two standard errors of the figures, as they were measured."""


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    """Cold test pairs of known users, ranked among all 3,396 cold articles."""
    if not (FOLDER / "users.dat").is_file():
        pytest.skip("CiteULike-a is not here: set MUSLIN_DATA")
    place = tmp_path_factory.mktemp("citeulike") / "data"
    source("citeulike")(FOLDER, place)
    whole = Dataset.load(place)
    part = pl.col("part")
    train = whole.with_events(whole.events.filter(part == "train"))
    world = encode(train)
    cold = whole.events.filter(part.is_in(["cold_valid", "cold_test"]))["item_id"].unique().sort()
    known = train.events.select("user_id").unique()
    query = whole.events.filter(part == "cold_test").select(PAIR).unique().join(known, on="user_id", how="semi")
    query = query.sort(PAIR)
    users, rows = query["user_id"].unique().sort().to_list(), np.sort(world.item_rows(cold.to_list()))
    column = np.full(len(world.catalogue), -1)
    column[rows] = np.arange(len(rows))
    row = query["user_id"].replace_strict(users, range(len(users)), return_dtype=pl.Int64).to_numpy()
    cells = (row, column[world.item_rows(query["item_id"].to_list())])
    truth = sp.csr_matrix((np.ones(len(query), dtype=np.float32), cells), shape=(len(users), len(rows)))
    nothing, labels = sp.csr_matrix(truth.shape, dtype=np.float32), np.full(len(rows), "cold", dtype=object)
    ask = Ask("within", NOTHING.k, tuple(users), None, Items(world.catalogue, rows), truth, nothing, labels)
    return Exam("item-cold", 0, Split(train, query, train.events.clear(), frozenset(cold)), world, (ask,))


def measured(exam: Exam, method: str, **options: float) -> tuple[float, float]:
    """(recall@20, NDCG@20)."""
    fitted = fit_world(Recipe(method=method, options=options), exam.world, 0)
    pairs = answer(exam, method, scores_of(fitted, exam), 0.0).pairs
    codes = pairs.with_columns(pl.col(PAIR).rank("dense").cast(pl.Int64)).sort("user_id")
    ranks = Pairs(codes["user_id"].to_numpy(), codes["item_id"].to_numpy(), codes.select("rank").to_numpy())
    found = {name: float(values(part)[0]) for name, part in parts(ranks, 20).items()}
    return found["recall@20"], found["ndcg@20"]


def test_the_split_is_the_public_one(exam: Exam) -> None:
    assert len(exam.asks[0].items) == 3396
    assert exam.asks[0].truth.nnz == 20_158


def test_content_cosine_reaches_what_was_measured(exam: Exam) -> None:
    """Rare tags count more here than the default has it; the power was chosen on the validation articles."""
    recall, ndcg = measured(exam, "content_knn", idf_power=1.8)
    assert recall > 0.366 - ERROR
    assert ndcg > 0.256 - ERROR


def test_smoothed_profiles_reach_what_was_measured(exam: Exam) -> None:
    recall, ndcg = measured(exam, "ease_content")
    assert recall > 0.379 - ERROR
    assert ndcg > 0.264 - ERROR
