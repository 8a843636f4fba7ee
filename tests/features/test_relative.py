import json

import msgspec
import numpy as np
import polars as pl

from muslin.features.relative import Relative, fit_relative


def shop() -> pl.DataFrame:
    shirts = {"kind": "shirt", "sub": "polo", "price": [8.0, 9.0, 10.0, 11.0, 12.0]}
    coats = {"kind": "coat", "sub": "parka", "price": [160.0, 180.0, 200.0, 220.0, 240.0]}
    rare = {"kind": "coat", "sub": "cape", "price": [300.0, 400.0]}
    return pl.concat([pl.DataFrame(part) for part in (shirts, coats, rare)])


def fitted() -> Relative:
    return fit_relative(shop(), "price", ("kind", "sub"))


def test_medians_come_from_the_finest_level_with_enough_rows() -> None:
    found = fitted()
    assert found.medians == ({"coat": 220.0, "shirt": 10.0}, {"coat\x1fparka": 200.0, "shirt\x1fpolo": 10.0})
    assert found.overall == 170.0


def at(price, kind, sub) -> np.ndarray:
    frame = pl.DataFrame({"price": [price], "kind": [kind], "sub": [sub]}, schema_overrides={"sub": pl.String})
    return fitted().transform(frame).toarray()[0]


def test_prices_as_far_from_their_kind_are_alike() -> None:
    assert np.allclose(at(11.0, "shirt", "polo"), at(220.0, "coat", "parka"))
    assert not np.allclose(at(11.0, "shirt", "polo"), at(11.0, "coat", "parka"))
    assert np.allclose(at(242.0, "coat", "cape"), at(11.0, "shirt", "polo"))  # too few capes: coats speak
    assert np.allclose(at(11.0, "shirt", None), at(11.0, "shirt", "polo"))
    assert np.allclose(at(187.0, "hat", None), at(11.0, "shirt", "polo"))


def test_what_is_no_price_says_nothing() -> None:
    for price in (None, 0.0, -3.0, float("nan")):
        frame = pl.DataFrame({"price": [price], "kind": ["coat"]}, schema_overrides={"price": pl.Float64})
        assert not fitted().transform(frame).nnz
    assert not fitted().transform(pl.DataFrame({"kind": ["coat"]})).nnz
    empty = fit_relative(shop().clear(), "price", ("kind",))
    assert empty.transform(shop()).shape == (12, 0)


def test_numbers_that_are_none_do_not_move_a_median() -> None:
    odd = pl.DataFrame({"kind": "shirt", "sub": "polo", "price": [float("nan"), float("inf"), -1.0]})
    assert fit_relative(pl.concat([shop(), odd]), "price", ("kind", "sub")).medians == fitted().medians


def test_state_goes_through_json_unchanged() -> None:
    state = json.loads(json.dumps(msgspec.to_builtins(fitted())))
    assert msgspec.convert(state, Relative) == fitted()
