from dataclasses import replace

import polars as pl
import pytest

from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.errors import DataError
from muslin.evaluate.contrast import Contrast
from muslin.evaluate.result import Comparison, Row
from muslin.recipes.features import Judge, survey, worths
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="module")
def boutique(tmp_path_factory):
    config = BoutiqueConfig(n_items=60, n_users=60, n_events=600)
    return make(tmp_path_factory.mktemp("survey") / "boutique", config, seed=0)


def test_a_boutique_is_looked_at_whole(boutique) -> None:
    found = survey(boutique)
    assert [c.name for c in found.items] == list(boutique.schema.items.columns())
    assert {c.name for c in found.users} == {"segment", "city", "club", "age"}
    assert found.pictures is not None
    assert found.pictures.items == 60
    assert found.duplicates is not None
    assert found.duplicates.compared == 60
    assert found.worth is None


def test_a_copied_picture_is_found_and_shown(boutique, tmp_path) -> None:
    stored = pl.read_parquet(boutique.root / "images.parquet")
    families = dict(boutique.items.select("item_id", "family").iter_rows())
    first = stored["item_id"][0]
    other = next(name for name in stored["item_id"] if families[name] != families[first])
    copied = stored.with_columns(
        bytes=pl.when(pl.col("item_id") == other).then(pl.lit(stored["bytes"][0])).otherwise(pl.col("bytes"))
    )
    copied.write_parquet(tmp_path / "images.parquet")
    found = survey(replace(boutique, root=tmp_path))
    assert found.duplicates is not None
    assert found.duplicates.crossing_same_file == 1
    shown = {garment.item_id for example in found.duplicates.examples for garment in example.shown}
    assert {first, other} <= shown
    assert shown == set(found.thumbnails)


def test_pictures_need_not_be_looked_at(boutique) -> None:
    found = survey(boutique, look=False)
    assert found.duplicates is None
    assert found.pictures is not None
    assert (found.pictures.items, found.pictures.unreadable) == (60, None)
    assert found.missing.modalities[0] == "picture"


def test_lost_pictures_are_an_error(boutique, tmp_path) -> None:
    with pytest.raises(DataError, match="no pictures here"):
        survey(replace(boutique, root=tmp_path))


def test_without_pictures_users_or_events() -> None:
    shop = tiny_shop(items=20, users=5, events=30)
    bare = replace(shop, users=shop.users.clear(), events=shop.events.clear())
    found = survey(bare)
    assert (found.pictures, found.duplicates, found.cold) == (None, None, None)
    assert found.overview.cold_items == 20
    assert all(column.coverage == 0 for column in found.users)


def test_worth_takes_the_figures_the_differences_are_of() -> None:
    def row(method: str, metric: str, value: float) -> Row:
        return Row("item-cold", "d", "all", "within", method, "cold", 0, metric, value, 0.1, 0.5, 1, 1, 3, 0.0, False)

    rows = tuple(
        row(method, metric, value * scale)
        for metric, scale in (("mrr", 2.0), ("ndcg@20", 1.0), ("coverage@20", 3.0))
        for method, value in (("all features", 0.3), ("colour", 0.2))
    )
    difference = Comparison(
        "item-cold", "within", "cold", 0, "ndcg@20", "all features", "colour", 0.1, 0.05, 0.15, 0.01
    )
    found = worths(Contrast(rows, (difference,)), Judge(splits=3))
    assert (found.whole.value, found.whole.low, found.whole.high) == (0.3, 0.1, 0.5)
    (colour,) = found.features
    assert (colour.feature, colour.without, colour.drop, colour.low, colour.high, colour.p) == (
        "colour",
        0.2,
        0.1,
        0.05,
        0.15,
        0.01,
    )


def test_the_worth_of_each_feature_is_measured(shop) -> None:
    found = survey(shop, judge=Judge(method="content_knn", splits=1, max_users=60)).worth
    assert found is not None
    assert [w.feature for w in found.features] == list(shop.schema.items.columns())
    assert all(w.without + w.drop == pytest.approx(found.whole.value, abs=1e-9) for w in found.features)
