from dataclasses import replace

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig
from muslin.engine.model import Model
from muslin.errors import UsageError
from muslin.recipes import demo
from muslin.recipes.demo import Plan
from muslin.recipes.fit import fit

TINY = BoutiqueConfig(n_items=60, n_users=80, n_events=900, pictures=False)


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan(out=tmp_path, seeds=1, max_users=30, boutique=TINY, methods=("popularity", "content_knn"))


@pytest.fixture(scope="module")
def model(shop: Dataset) -> Model:
    return fit(shop, "popularity")


def test_the_boutique_is_made_once(plan, monkeypatch) -> None:
    first = demo.prepare(plan)
    assert (len(first.items), len(first.users), len(first.events)) == (60, 80, 900)
    with monkeypatch.context() as patched:
        patched.setattr(demo, "make", None)
        assert demo.prepare(plan).events.equals(first.events)
    stamp = (first.root / "items.parquet").stat().st_ino
    demo.prepare(replace(plan, overwrite=True))
    assert (first.root / "items.parquet").stat().st_ino != stamp


def test_another_boutique_is_another_directory(plan) -> None:
    small = demo.prepare(plan)
    smaller = demo.prepare(replace(plan, boutique=replace(TINY, n_items=50)))
    assert small.root != smaller.root
    assert len(smaller.items) == 50


def test_a_dataset_of_one_s_own(plan, tmp_path) -> None:
    made = demo.prepare(plan)
    assert demo.prepare(replace(plan, data=str(made.root), out=tmp_path / "other")).events.equals(made.events)
    assert not (tmp_path / "other").exists()


def test_data_that_is_not_there(plan, monkeypatch) -> None:
    monkeypatch.delenv("MUSLIN_DATA", raising=False)
    for data, fix in (("hm_week", "set MUSLIN_DATA"), ("no/such/place", "name boutique")):
        with pytest.raises(UsageError) as caught:
            demo.prepare(replace(plan, data=data))
        assert caught.value.code == "no_data"
        assert fix in caught.value.fix


@pytest.mark.data
def test_hm_week_is_imported(plan, research_data, monkeypatch) -> None:
    monkeypatch.setenv("MUSLIN_DATA", str(research_data))
    found = demo.prepare(replace(plan, data="hm_week"))
    assert len(found.items) == 105_542
    assert found.root == plan.out / "hm-hm_week"


def test_judging_again_fits_nothing(plan, monkeypatch) -> None:
    dataset = demo.prepare(plan)
    first = demo.judge(plan, dataset)
    assert "oracle" in first.facts.methods
    assert plan.report.read_text(encoding="utf-8").startswith("<!")
    monkeypatch.setattr("muslin.recipes.evaluate.fit_world", None)
    assert demo.judge(plan, dataset).rows == first.rows


def test_the_model_is_saved_with_its_figures(plan, monkeypatch) -> None:
    monkeypatch.setattr(demo, "DEFAULT_METHOD", "content_knn")
    monkeypatch.setattr(demo, "fit", lambda dataset, *, checkpoint: fit(dataset, "content_knn", checkpoint=checkpoint))
    dataset = demo.prepare(plan)
    result = demo.judge(plan, dataset)
    demo.learn(plan, dataset, result)
    loaded = Model.load(plan.model)
    rows = loaded.metrics["evaluation"]
    assert {row["method"] for row in rows} == {"content_knn"}
    assert {row["protocol"] for row in rows} == {"item-cold", "user-cold", "warm"}
    assert not list(plan.out.glob("*.partial"))


def test_clicks_are_two_favourites_of_one_shelf(model, shop) -> None:
    clicks = demo.clicks(model)
    items = shop.items.join(clicks, on="item_id")
    assert clicks.columns == ["item_id"]
    assert items["family"].n_unique() == 2
    assert items.select("department", "kind").n_unique() == 1
    shelf = shop.items.join(items.select("kind").unique(), on="kind", how="semi")
    taken = shop.events.select("user_id", "item_id").unique().join(shelf, on="item_id")["item_id"].value_counts()
    assert clicks["item_id"][0] in taken.filter(pl.col("count") == taken["count"].max())["item_id"]


def test_clicks_without_categories(shop) -> None:
    bare = replace(shop, schema=replace(shop.schema, items=replace(shop.schema.items, category=())))
    assert len(demo.clicks(fit(bare, "popularity"))) == 2


def test_the_new_garment_is_of_a_family_nobody_took(shop) -> None:
    unseen = shop.items["family"][0]
    members = shop.items.filter(pl.col("family") == unseen)
    events = shop.events.join(members, on="item_id", how="anti", maintain_order="left")
    garment = demo.new_garment(fit(shop.with_events(events), "popularity"))
    assert garment["item_id"] == "NEW-0001"
    assert "family" not in garment
    assert garment["price"] in members["price"].to_list()


def test_the_new_garment_where_everything_was_taken(model, shop) -> None:
    taken = shop.events.select("user_id", "item_id").unique()["item_id"].value_counts()
    fewest = taken.filter(pl.col("count") == taken["count"].min()).join(shop.items, on="item_id")
    if set(shop.items["family"]) - set(shop.items.join(taken, on="item_id")["family"]):
        pytest.skip("the shop has a family nobody took")
    assert demo.new_garment(model)["price"] in fewest["price"].to_list()


def test_titles(model, shop) -> None:
    assert demo.titles(model, ["g0001", "nothing"]) == [shop.items["title"][1], "nothing"]


def test_quick_is_less_of_everything() -> None:
    usual, quick = Plan(), Plan().quick()
    assert Plan(seeds=3).quick().seeds == 1
    assert quick.max_users < usual.max_users
    assert quick.boutique.n_events < usual.boutique.n_events
