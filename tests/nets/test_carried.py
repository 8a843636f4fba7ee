"""What other domains teach of content: counted by hand, and found again where it was planted."""

import numpy as np
import pytest
import scipy.sparse as sp

from muslin.nets import carried
from muslin.nets.domains import View
from muslin.random import stream

GARMENTS, CONTENTS = 24, 4
VIEW = View(1, np.arange(GARMENTS, 2 * GARMENTS), np.arange(GARMENTS))


def shop(shoppers: int = 300) -> tuple[sp.csr_matrix, np.ndarray]:
    """Garments of four contents in both domains; who takes content 0 also takes 1, who takes 2 also takes 3, 3 most.

    Nobody took anything of the domain asked about.
    """
    rng = stream(0, "test", "carried")
    content = np.tile(np.arange(CONTENTS), 2 * GARMENTS // CONTENTS)
    kind = rng.integers(0, 2, shoppers)
    odds = np.where(content[None, :GARMENTS] // 2 == kind[:, None], 2.0, 0.0) + (content[:GARMENTS] == 3)
    first = np.argsort(-(odds + rng.gumbel(size=odds.shape)), axis=1)[:, :5]
    taken = np.zeros((shoppers, 2 * GARMENTS), dtype=np.float32)
    taken[np.arange(shoppers)[:, None], first] = 1
    return sp.csr_matrix(taken), np.eye(CONTENTS, dtype=np.float32)[content]


def test_how_contents_go_together_is_the_regression_of_surplus_over_chance() -> None:
    pairs, seen = shop(40)
    there, content = pairs.toarray()[:, :GARMENTS].astype(float), seen[:GARMENTS] - seen[:GARMENTS].mean(axis=0)
    sold = there.sum(axis=0) + 0.5
    chance, count = sold / sold.sum(), there.sum(axis=1, keepdims=True)
    surplus = (there - count * chance) / np.sqrt(count)
    common = surplus.T @ surplus / np.outer(chance, chance)
    np.fill_diagonal(common, 0)
    inverse = np.linalg.solve(content.T @ content + np.eye(CONTENTS), content.T)
    found = carried.fit(pairs, VIEW, seen)
    naive, form = inverse @ common @ inverse.T, found["together"].numpy()
    assert form / np.abs(form).max() == pytest.approx(naive / np.abs(naive).max(), abs=1e-4)
    leaning = there / count @ content - chance @ content
    assert np.sqrt(np.mean((leaning @ form @ content.T) ** 2)) == pytest.approx(1, rel=1e-3)


def test_a_taste_goes_to_contents_that_the_same_shoppers_take_and_not_to_itself_alone() -> None:
    pairs, seen = shop()
    history = sp.csr_matrix(([1.0], ([0], [0])), shape=(2, 1), dtype=np.float32)
    found = carried.tastes(carried.fit(pairs, VIEW, seen), history, seen[:1], seen[GARMENTS : GARMENTS + CONTENTS])
    assert found[0, 1] > found[0, [2, 3]].max() + 0.1
    assert (found[1] == 0).all()


def test_what_sells_elsewhere_is_expected_until_counts_say_otherwise() -> None:
    pairs, seen = shop()
    known = carried.fit(pairs, VIEW, seen)
    expected = np.exp(carried.sales(known, np.zeros(GARMENTS, dtype=np.float32), seen[GARMENTS:]))
    assert expected.mean() == pytest.approx(0.5, rel=1e-3)
    assert expected[:CONTENTS].argmax() == 3
    counts = np.array([5.0, 0, 0, 0], dtype=np.float32)
    told = carried.sales(known, counts, seen[GARMENTS : GARMENTS + CONTENTS])
    assert np.exp(told) == pytest.approx(expected[:CONTENTS] + counts, rel=1e-4)


def test_without_content_or_anything_taken_elsewhere_nothing_is_taught() -> None:
    pairs, seen = shop(20)
    assert carried.fit(pairs, VIEW, seen[:, :0]) == {}
    assert carried.fit(sp.csr_matrix(pairs.shape, dtype=np.float32), VIEW, seen) == {}
