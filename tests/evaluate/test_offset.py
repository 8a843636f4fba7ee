"""The offset against a search by hand, on lists small enough to be sorted."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import answer
from muslin.evaluate.exam import Ask, Block, Terms
from muslin.evaluate.offset import offset
from muslin.evaluate.protocol import protocol
from muslin.types import Catalogue, Features, Items

PLACES = 4


def question(n_users: int, n_known: int, n_new: int, share: float, seen: np.ndarray) -> Ask:
    n = n_known + n_new
    nothing = np.zeros(n, dtype=np.int64)
    features = Features(sp.csr_matrix((n, 0), dtype=np.float32), ())
    ids = np.array([f"i{i}" for i in range(n)], dtype=object)
    catalogue = Catalogue(ids, features, nothing, nothing[:, None], nothing, ("all",), n_known)
    users, labels = tuple(f"u{u}" for u in range(n_users)), np.full(n, "all", dtype=object)
    truth = sp.csr_matrix((n_users, n), dtype=np.float32)
    items = Items(catalogue, np.arange(n))
    return Ask("mixed", 0, users, None, items, truth, sp.csr_matrix(seen), labels, new_share=share)


def places_of_new(ask: Ask, scores: np.ndarray) -> float:
    scores = np.where(ask.seen.toarray() > 0, -np.inf, scores)
    top = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
    listed = np.isfinite(np.take_along_axis(scores, top, axis=1))
    return float(((top >= ask.items.catalogue.n_hot) & listed).sum())


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 6), st.floats(0, 1))
def test_new_garments_get_the_share_they_are_given(seed: int, n_known: int, n_new: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(5, n_known + n_new)).astype(np.float32)
    scores[:, n_known:] = 3 * scores[:, n_known:] + 7
    seen = rng.random(scores.shape) < 0.1
    ask = question(5, n_known, n_new, share, seen)
    shifted = offset(ask, [slice(0, 2), slice(2, 5)], lambda _ask, rows: Block(scores[rows], np.zeros(5)), PLACES)
    got = places_of_new(ask, np.concatenate([shifted(ask, slice(0, 2)).scores, shifted(ask, slice(2, 5)).scores]))
    least = places_of_new(ask, scores - np.where(np.arange(n_known + n_new) >= n_known, 1e6, 0))
    most = places_of_new(ask, scores + np.where(np.arange(n_known + n_new) >= n_known, 1e6, 0))
    # Places that only new garments can fill, or only known ones, are not to be given.
    wanted = round(share * 5 * PLACES)
    assert got == pytest.approx(np.clip(wanted, least, most), abs=1)


def test_known_garments_keep_their_order_and_so_do_new_ones(dataset: Dataset) -> None:
    """More places for new garments never help a known one, and never hurt a new one."""
    exam = protocol("mixed").build(dataset, Terms(0))
    rng = np.random.default_rng(0)
    first = exam.asks[0]
    drawn = rng.normal(size=(len(first.users), len(first.items))).astype(np.float32)
    found = answer(exam, "toy", lambda _ask, rows: Block(drawn[rows], np.zeros(len(drawn[rows]), dtype=bool)), 0.0)
    by_view = [found.pairs.filter(view=ask.view).sort("user_id", "item_id") for ask in exam.asks]
    for fewer, more in pairwise(by_view):
        worse, better = (fewer["path"] == "hot").to_numpy(), (fewer["path"] == "cold").to_numpy()
        step = more["rank"].to_numpy() - fewer["rank"].to_numpy()
        assert (step[worse] >= 0).all()
        assert (step[better] <= 0).all()
    assert (by_view[0].filter(path="cold")["rank"] > 20).all()
