"""Planted worth: a column that decides, one that repeats it, one that is noise."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.schema import Encoded
from muslin.errors import UsageError
from muslin.evaluate.exam import Terms
from muslin.recipes.ablate import ALL, alone, kinds, ladder, made_of, worth
from muslin.testing.worlds import tiny_shop

TERMS = (Terms(0), Terms(1))


@pytest.fixture(scope="module")
def shop():
    """Only `kind` and `colour` say anything; `print` is noise, and text and tags are gone."""
    made = tiny_shop(items=300, users=400, events=6000)
    rng = np.random.default_rng(0)
    noise = pl.Series("print", rng.integers(8, size=len(made.items))).cast(pl.String)
    roles = replace(
        made.schema.items, categorical=("kind", "colour", "print"), multi=(), text=(), numeric=(), price=None
    )
    items = made.items.with_columns(noise)
    return replace(made, items=items, schema=replace(made.schema, items=replace(roles, category=())))


def test_worth_is_large_for_what_decides_and_none_for_noise(shop) -> None:
    found = worth(shop, method="content_knn", terms=TERMS)
    differences = {d.other: d for d in found.differences}
    assert set(differences) == {"kind", "colour", "print"}
    assert all(d.best == ALL and d.protocol == "item-cold" for d in differences.values())
    for name in ("kind", "colour"):
        assert differences[name].ci_low > 0
        assert differences[name].value > 0.02
    assert differences["print"].value < 0.01
    whole = next(r for r in found.rows if r.method == ALL and r.metric == "ndcg@20")
    less = next(r for r in found.rows if r.method == "colour" and r.metric == "ndcg@20")
    assert whole.value - less.value == pytest.approx(differences["colour"].value, abs=1e-6)


def test_steps_go_from_attributes_to_profile_and_only_through_what_there_is() -> None:
    made = tiny_shop()
    assert list(kinds(made.schema)) == ["attributes", "text", "profile"]
    assert kinds(made.schema)["attributes"] == {"department", "kind", "colour", "tags", "price"}
    roles = replace(made.schema.items, vector=("seen", "read", "own"))
    origins = {"seen": Encoded(encoder="e", version="1"), "read": Encoded(encoder="e", version="1", text="title")}
    found = kinds(replace(made.schema, items=roles, encoded=origins))
    assert (found["text"], found["image"], found["own vectors"]) == ({"title", "read"}, {"seen"}, {"own"})
    assert list(found) == ["attributes", "text", "image", "own vectors", "profile"]


def test_a_ladder_compares_each_step_with_the_one_before(shop, tmp_path) -> None:
    text = pl.Series("title", [f"{c} {k}" for c, k in shop.items.select("colour", "kind").iter_rows()])
    roles = replace(shop.schema.items, categorical=("print",), text=("title",))
    planted = replace(shop, items=shop.items.with_columns(text), schema=replace(shop.schema, items=roles))
    found = ladder(planted, method="content_knn", terms=TERMS, protocols=("item-cold",), cache=tmp_path)
    steps = [(d.best, d.other) for d in found.differences]
    assert steps == [("text", "attributes"), ("profile", "text")]
    assert found.differences[0].ci_low > 0.05
    assert found.differences[1].value == 0.0  # content_knn reads no profile
    again = ladder(planted, method="content_knn", terms=TERMS, protocols=("item-cold",), cache=tmp_path)
    assert again == found
    assert len(list(tmp_path.rglob("fit.json"))) == 6


def test_each_kind_alone_is_held_against_the_last(shop) -> None:
    text = pl.Series("title", [f"{c} {k}" for c, k in shop.items.select("colour", "kind").iter_rows()])
    noise = np.random.default_rng(0).normal(size=(len(shop.items), 16)).tolist()
    roles = replace(shop.schema.items, categorical=("kind",), text=("title",), vector=("noise",))
    items = shop.items.with_columns(text, pl.Series("noise", noise))
    found = alone(
        replace(shop, items=items, schema=replace(shop.schema, items=roles)), method="content_knn", terms=TERMS
    )
    value = {row.method: row.value for row in found.rows if row.metric == "ndcg@20"}
    assert value["text"] > value["attributes"] > value["own vectors"]
    assert [(d.best, d.other, d.ci_low > 0) for d in found.differences] == [
        ("attributes", "own vectors", True),
        ("text", "own vectors", True),
    ]


def test_what_is_made_of_a_column_goes_with_it() -> None:
    made = tiny_shop()
    origins = {"read": Encoded(encoder="e", version="1", text="title"), "seen": Encoded(encoder="e", version="1")}
    schema = replace(made.schema, encoded=origins)
    assert made_of(schema, "title") == {"title", "read"}
    assert made_of(schema, "price") == {"price", "price, relative"}
    assert made_of(schema, "kind") == {"kind", "price, relative"}
    assert made_of(schema, "colour") == {"colour"}


def test_a_catalogue_without_columns_is_refused(shop) -> None:
    roles = replace(shop.schema.items, categorical=(), title=None)
    with pytest.raises(UsageError) as caught:
        worth(replace(shop, schema=replace(shop.schema, items=roles)))
    assert caught.value.code == "no_features"
