import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from muslin.features.hashed import Hashed

VALUES = st.lists(st.none() | st.text(max_size=8), max_size=20)


@given(VALUES)
def test_a_row_has_one_signed_place_which_its_value_alone_decides(values) -> None:
    found = Hashed().transform(pl.Series(values, dtype=pl.String)).toarray()
    assert found.shape == (len(values), 256)
    assert (np.abs(found).sum(axis=1) == [v is not None for v in values]).all()
    for row, value in enumerate(values):
        assert np.array_equal(Hashed().transform(pl.Series([value], dtype=pl.String)).toarray()[0], found[row])


def test_values_never_seen_are_told_apart() -> None:
    names = [f"designer {n}" for n in range(200)]
    found = Hashed().transform(pl.Series(names)).toarray()
    alike = found @ found.T - np.eye(200)
    assert (alike != 0).sum() / (200 * 199) < 3 / 256
    assert abs(alike.mean()) < 0.001  # signs: what collides cancels on average


def test_places_are_those_of_every_version() -> None:
    """Stored models depend on them."""
    found = Hashed().transform(pl.Series(["Åhléns", "碎花", "7"]))
    assert (found.indices.tolist(), found.data.tolist()) == (PLACES, SIGNS)


PLACES, SIGNS = [37, 190, 115], [1.0, 1.0, -1.0]
