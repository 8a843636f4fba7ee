from dataclasses import replace

import numpy as np
import pytest
import torch

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import scores_of
from muslin.evaluate.exam import Block, Exam, Terms
from muslin.evaluate.protocol import protocol
from muslin.evaluate.references import CHECK, REFERENCES, checked, ease, item_knn, popularity
from muslin.method import Fitted
from muslin.registry import build, names
from muslin.testing.worlds import tiny_shop

EXAMS = {"popularity": ("warm", "user-cold"), "content_knn": ("item-cold", "user-cold"), "item_knn": ("warm",)}


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return tiny_shop(items=300, users=400, events=6000)


def exam_of(shop: Dataset, name: str) -> Exam:
    return protocol(name).build(shop, Terms(0))


def fitted(name: str, exam: Exam) -> Fitted:
    method = build(name)
    return Fitted(method, method.init(exam.world.training(method.evidence), 0))


@pytest.mark.parametrize(("method", "name"), [(m, e) for m, exams in EXAMS.items() for e in exams])
def test_our_baselines_are_as_good_as_their_references(shop, method, name) -> None:
    if method not in names():
        pytest.skip(f"there is no method {method}")
    exam = exam_of(shop, name)
    found = checked(exam, method, scores_of(fitted(method, exam), exam))
    assert not found.violation
    assert "no better than chance" not in found.note
    if method in ("popularity", "content_knn"):
        assert found.count <= 0.02 * found.total, "it should be the same ranking"


def crippled_popularity(exam: Exam):
    """Counts of the wrong rows, as an off-by-one would give."""
    good = fitted("popularity", exam)
    return scores_of(Fitted(good.method, {"shoppers": good.params["shoppers"].roll(1)}), exam)


def crippled_content(exam: Exam):
    """Most of the feature columns lost."""
    good = fitted("content_knn", exam)
    kept = torch.arange(len(good.params["weight"])) % 10 == 0
    return scores_of(Fitted(good.method, {"weight": good.params["weight"] * kept}), exam)


def half_heard(exam: Exam):
    """Popularity to every second shopper, whatever the method knows."""
    good = scores_of(fitted("content_knn", exam), exam)

    def scores(ask, rows) -> Block:
        block = good(ask, rows)
        found = block.scores.copy()
        found[::2] = exam.world.popularity[ask.items.rows]
        return Block(found, block.fallback)

    return scores


@pytest.mark.parametrize(
    ("method", "name", "cripple"),
    [
        ("popularity", "warm", crippled_popularity),
        ("popularity", "user-cold", crippled_popularity),
        ("content_knn", "item-cold", crippled_content),
        ("content_knn", "item-cold", half_heard),
    ],
)
def test_a_crippled_baseline_is_caught(shop, method, name, cripple) -> None:
    exam = exam_of(shop, name)
    found = checked(exam, method, cripple(exam))
    assert found.violation
    assert found.check == CHECK
    assert 0 < found.count <= found.total


def test_where_the_reference_is_chance_nothing_is_said(shop) -> None:
    exam = exam_of(shop, "item-cold")
    within = replace(exam, asks=tuple(a for a in exam.asks if a.view == "within"))
    found = checked(within, "popularity", scores_of(fitted("popularity", within), within))
    assert (found.count, found.violation) == (0, False)
    assert "no better than chance" in found.note


def test_what_has_no_reference_is_not_checked(shop) -> None:
    exam = exam_of(shop, "warm")
    assert checked(exam, "ials", scores_of(fitted("popularity", exam), exam)) is None
    assert set(EXAMS) <= set(REFERENCES)


def test_references_are_what_their_definitions_say(shop) -> None:
    exam = exam_of(shop, "warm")
    ask = exam.asks[0]
    train = exam.world.data.matrix().toarray() > 0
    n = exam.world.catalogue.n_hot
    rows = exam.world.user_rows(ask.users[:5])
    counted = popularity(exam)(ask, slice(0, 5)).scores
    assert (counted == train.sum(axis=0)[ask.items.rows]).all()
    cosine = np.array([[(a @ b) / np.sqrt((a @ a) * (b @ b)) for b in train.T * 1.0] for a in train.T * 1.0])
    np.fill_diagonal(cosine, 0)
    near = item_knn(exam)(ask, slice(0, 5)).scores
    assert np.allclose(near, (train[rows] @ cosine)[:, ask.items.rows], atol=1e-5)
    # EASE, column by column: the ridge regression of an item on all others.
    x = train.astype(float)
    found = ease(exam)(ask, slice(0, 5)).scores
    for column in (0, 7):
        target = ask.items.rows[column]
        others = np.flatnonzero(np.arange(n) != target)
        gram = x[:, others].T @ x[:, others] + 200.0 * np.eye(n - 1)
        weights = np.linalg.solve(gram, x[:, others].T @ x[:, target])
        assert np.allclose(found[:, column], x[rows][:, others] @ weights, atol=1e-4)
