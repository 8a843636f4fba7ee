import numpy as np
import polars as pl
import pytest

from muslin.engine import rank
from muslin.engine.filters import Filters
from muslin.errors import DataError, UsageError
from muslin.recipes.fit import fit


def test_recommendations_are_the_sorted_scores_of_what_is_not_owned(model) -> None:
    world = model.world
    ids = world.shoppers.ids[:30].tolist()
    scores = model.score(world.users(ids), world.items()).numpy()
    found = model.recommend(ids, k=7)
    assert found.schema == {
        "user_id": pl.String,
        "item_id": pl.String,
        "score": pl.Float32,
        "rank": pl.Int64,
        "path": pl.String,
    }
    owned = set(world.dataset.events.select("user_id", "item_id").iter_rows())
    for row, user in enumerate(ids):
        mine = found.filter(pl.col("user_id") == user)
        free = np.array([(user, i) not in owned for i in world.catalogue.ids])
        assert mine["rank"].to_list() == [1, 2, 3, 4, 5, 6, 7]
        assert np.allclose(mine["score"], np.sort(scores[row][free])[::-1][:7])
        assert not {(user, i) for i in mine["item_id"]} & owned


def test_blocks_change_nothing(model, monkeypatch) -> None:
    ids = model.world.shoppers.ids[:9].tolist()
    whole = model.recommend(ids, k=5), model.recommend_to_items("g0003", k=9)
    monkeypatch.setattr(rank, "BLOCK_CELLS", 401)
    assert whole[0].equals(model.recommend(ids, k=5))
    assert whole[1].equals(model.recommend_to_items("g0003", k=9))


def test_owned_garments_can_be_asked_for(model) -> None:
    user, item = model.world.dataset.events.select("user_id", "item_id").row(0)
    everything = len(model.world.catalogue)
    assert item in set(model.recommend(user, k=everything, filter_seen=False)["item_id"])
    assert item not in set(model.recommend(user, k=everything)["item_id"])


def test_a_strangers_click_turns_fallback_into_taste(model) -> None:
    fallback = model.recommend("stranger", k=5)
    assert set(fallback["path"]) == {"fallback"}
    assert fallback["score"].to_list() == sorted(model.world.popularity, reverse=True)[:5]
    items = model.world.dataset.items
    red_dress = items.filter((pl.col("colour") == "red") & (pl.col("kind") == "dress"))["item_id"][0]
    clicks = pl.DataFrame({"user_id": ["stranger"], "item_id": [red_dress], "event": ["click"]})
    warmed = model.recommend("stranger", k=3, events=clicks)
    assert set(warmed["path"]) <= {"warming", "cold"}
    assert red_dress not in set(warmed["item_id"])
    colour = dict(items.select("item_id", "colour").iter_rows())
    assert {colour[i] for i in warmed["item_id"]} == {"red"}


def test_paths_follow_the_item_too(model) -> None:
    user = model.world.shoppers.ids[0]
    found = model.recommend(user, k=len(model.world.catalogue))
    hot = set(model.world.catalogue.ids[: model.world.catalogue.n_hot])
    assert {i for i, p in found.select("item_id", "path").iter_rows() if p == "hot"} <= hot
    assert set(found["path"]) == {"hot", "cold"}


def test_a_new_garment_is_ranked_by_its_content(model) -> None:
    red_dress = pl.DataFrame({"item_id": ["new"], "kind": ["dress"], "colour": ["red"], "title": ["red dress"]})
    grown = model.with_items(red_dress)
    assert len(grown.world.catalogue) == len(model.world.catalogue) + 1
    twin = grown.world.dataset.items.filter((pl.col("colour") == "red") & (pl.col("kind") == "dress"))["item_id"][0]
    fans, twins_fans = (grown.recommend_to_items(i, k=20, filter_seen=False) for i in ("new", twin))
    assert set(fans["path"]) == {"cold"}
    shared = set(fans["user_id"]) & set(twins_fans["user_id"])
    assert len(shared) >= 10
    known = model.world.shoppers.ids[:5].tolist()
    before = model.recommend(known, k=300, filter_seen=False)
    after = grown.recommend(known, k=301, filter_seen=False).filter(pl.col("item_id") != "new")
    assert np.allclose(before["score"], after["score"], atol=1e-5)


def test_a_garment_posted_again_replaces_its_row(model) -> None:
    again = model.with_items(pl.DataFrame({"item_id": ["g0003"], "title": ["another title"]}))
    assert len(again.world.catalogue) == len(model.world.catalogue)
    row = again.world.dataset.items.filter(pl.col("item_id") == "g0003")
    assert row["title"][0] == "another title"


def test_audience_is_the_column_of_the_scores(model) -> None:
    world = model.world
    everyone = world.shoppers.ids[: world.shoppers.n_hot].tolist()
    column = model.score(world.users(everyone), world.items(["g0005"])).numpy()[:, 0]
    found = model.recommend_to_items("g0005", k=6, filter_seen=False)
    assert np.allclose(found["score"], np.sort(column)[::-1][:6])
    assert found["item_id"].unique().to_list() == ["g0005"]
    owners = set(world.dataset.events.filter(pl.col("item_id") == "g0005")["user_id"])
    assert not owners & set(model.recommend_to_items("g0005", k=len(everyone))["user_id"])


def test_filters_reach_the_list(model) -> None:
    found = model.recommend("u0001", k=500, filters=Filters(categories=["scarf"], price=(20, 60)))
    items = model.world.dataset.items.filter(pl.col("kind") == "scarf", pl.col("price").is_between(20, 60))
    assert set(found["item_id"]) <= set(items["item_id"])
    assert len(found)
    assert model.recommend("u0001", filters=Filters(categories=["no such"])).is_empty()


def test_bad_requests_are_named(model) -> None:
    clicks = pl.DataFrame({"user_id": ["s"], "item_id": ["g0001"], "event": ["clik"]})
    unknown = pl.DataFrame({"user_id": ["s"], "item_id": ["nothing"]})
    for call, code in (
        (lambda: model.recommend("u0001", k=0), "bad_k"),
        (lambda: model.recommend("s", events=clicks), "unknown_event"),
        (lambda: model.recommend("s", events=unknown), "unknown_item"),
        (lambda: model.recommend_to_items("nothing"), "unknown_item"),
        (lambda: model.recommend("u0001", filters=Filters(values={"color": ["red"]})), "unknown_column"),
        (lambda: model.recommend("u0001", filters=Filters(price=(5, 1))), "bad_price"),
    ):
        with pytest.raises(UsageError) as caught:
            call()
        assert caught.value.code == code


def test_nobody_asked_nobody_answered(model) -> None:
    assert model.recommend([]).is_empty()


def test_impressions_are_not_likings(model) -> None:
    shown = pl.DataFrame({"user_id": ["stranger"], "item_id": ["g0001"], "event": ["impression"]})
    assert set(model.recommend("stranger", events=shown)["path"]) == {"fallback"}


@pytest.mark.parametrize("name", ["two_tower", "ials", "popularity_category"])
def test_other_methods_answer_the_same_questions(shop, name) -> None:
    options = {"epochs": 1, "dimensions": 8} if name == "two_tower" else {}
    model = fit(shop, name, options)
    found = model.with_items(pl.DataFrame({"item_id": ["new"], "kind": ["coat"]})).recommend(["u0001", "x"], k=10)
    assert len(found) == 20
    assert found["score"].is_finite().all()


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ({"item_id": ["n", "n"], "kind": ["coat", "bag"]}, "duplicate_id"),
        ({"item_id": [None], "kind": ["coat"]}, "empty_id"),
        ({"kind": ["coat"]}, "missing_column"),
        ({"item_id": ["n"], "knd": ["coat"]}, "unknown_column"),
        ({"item_id": ["n"], "price": ["cheap"]}, "bad_price"),
    ],
)
def test_a_garment_that_cannot_be_meant_is_refused(model, rows, code) -> None:
    with pytest.raises(DataError) as caught:
        model.with_items(pl.DataFrame(rows))
    assert caught.value.code == code
    assert caught.value.fix


def test_a_null_family_is_the_garments_own(model) -> None:
    grown = model.with_items(pl.DataFrame({"item_id": ["n"], "family": [None]}, schema_overrides={"family": pl.String}))
    assert grown.world.dataset.items.filter(item_id="n")["family"].to_list() == ["n"]


def test_the_same_shopper_twice_gets_the_same_twice(model) -> None:
    clicks = pl.DataFrame({"user_id": ["s"], "item_id": ["g0001"]})
    found = model.recommend(["s", "s"], k=4, events=clicks)
    assert found[:4].equals(found[4:])
    assert "fallback" not in set(found["path"])


def test_an_audience_never_holds_all_scores(model, monkeypatch) -> None:
    widest = []
    real = rank.best
    monkeypatch.setattr(rank, "BLOCK_CELLS", 1000)
    monkeypatch.setattr(rank, "best", lambda s, k: widest.append(s.numel()) or real(s, k))
    items = model.world.catalogue.ids[:50].tolist()
    model.recommend_to_items(items, k=3)
    assert max(widest) <= 1000 + 50 * 3


def test_tastes_are_readable_and_follow_fresh_events(model) -> None:
    items = model.world.dataset.items
    red = items.filter(pl.col("colour") == "red")["item_id"].to_list()[:3]
    events = pl.DataFrame({"user_id": "stranger", "item_id": red})
    found = model.tastes(["stranger", "nobody"], k=2, events=events)
    assert found.columns == ["user_id", "domain", "column", "value", "share"]
    assert set(found["user_id"]) == {"stranger"}
    colour = found.filter(pl.col("domain").is_null() & (pl.col("column") == "colour"))
    assert colour.select("value", "share").rows() == [("red", 1.0)]
    assert found.group_by("domain", "column").len()["len"].max() <= 2
    shares = found.filter(pl.col("column") == "domains")
    assert shares["share"].sum() == pytest.approx(1.0)
    assert model.tastes("nobody").is_empty()
