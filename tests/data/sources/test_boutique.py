"""The planted world as a dataset: reproducible, well formed, and written whole or not at all."""

import re
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from muslin.data.dataset import KEYS, Dataset
from muslin.data.schema import read_schema
from muslin.data.sources import boutique
from muslin.data.sources.boutique import BoutiqueConfig, load_truth, make, words
from muslin.data.sources.boutique import choice as choice_module
from muslin.data.sources.boutique.events import DAY, START
from muslin.errors import UsageError

SMALL = BoutiqueConfig(n_items=300, n_users=400, n_events=8000)
PLAIN = replace(SMALL, pictures=False)
FILES = {
    "checked.json",
    "dataset.toml",
    "items.parquet",
    "users.parquet",
    "events.parquet",
    "truth.safetensors",
    "images.parquet",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make(tmp_path_factory.mktemp("boutique") / "small", SMALL, seed=7)


def root_of(dataset: Dataset) -> Path:
    assert dataset.root is not None
    return dataset.root


def with_truth(dataset: Dataset) -> pl.DataFrame:
    """Events with the arrival day of their item."""
    truth = load_truth(root_of(dataset))
    assert truth is not None
    return dataset.events.join(pl.DataFrame({"item_id": truth.item_ids, "arrival": truth.arrival}), on="item_id")


def test_same_seed_gives_the_same_bytes(small: Dataset, tmp_path: Path) -> None:
    again = make(tmp_path / "again", SMALL, seed=7)
    names = {p.name for p in root_of(small).iterdir()}
    assert names == FILES
    for name in names:
        assert (root_of(small) / name).read_bytes() == (root_of(again) / name).read_bytes(), name
    for table in KEYS:
        assert getattr(small, table).equals(getattr(again, table)), table


def test_another_seed_gives_another_world(small: Dataset, tmp_path: Path) -> None:
    other = make(tmp_path / "other", PLAIN, seed=8)
    assert not other.items["title"].equals(small.items["title"])
    assert not other.events["item_id"].equals(small.events["item_id"])


@pytest.mark.parametrize("block", [301, 2**14])
def test_the_block_size_changes_no_draw(
    small: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(choice_module, "BLOCK", block)
    assert make(tmp_path / "other", PLAIN, seed=7).events.equals(small.events)


def test_pictures_change_nothing_else(small: Dataset, tmp_path: Path) -> None:
    plain = make(tmp_path / "plain", PLAIN, seed=7)
    assert plain.events.equals(small.events)
    assert plain.items.equals(small.items)
    assert plain.schema.images is None
    assert not (tmp_path / "plain" / "images.parquet").exists()


def test_tables_are_what_the_contract_asks(small: Dataset) -> None:
    assert small.items.height == SMALL.n_items
    assert small.users.height == SMALL.n_users
    assert small.events.height == SMALL.n_events
    assert small.items["item_id"].is_unique().all()
    assert small.users["user_id"].is_unique().all()
    assert small.events.schema == {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "event": pl.String,
        "weight": pl.Float32,
    }
    assert small.events["timestamp"].is_sorted()
    assert set(small.events["user_id"]) <= set(small.users["user_id"])
    assert set(small.events["item_id"]) <= set(small.items["item_id"])
    expected = small.events["event"].replace_strict(small.schema.weights, return_dtype=pl.Float32)
    assert small.events["weight"].equals(expected.alias("weight"))


def test_schema_names_every_column_by_role(small: Dataset) -> None:
    schema = read_schema(root_of(small) / "dataset.toml")
    assert schema == small.schema
    assert {*KEYS["items"], *schema.items.columns()} == set(small.items.columns)
    assert {*KEYS["users"], *schema.users.columns()} == set(small.users.columns)
    assert set(schema.items.category) <= set(schema.items.categorical)
    assert schema.items.price in schema.items.numeric
    for column in (*schema.items.categorical, *schema.items.text):
        assert small.items[column].dtype == pl.String
    assert small.items["price"].dtype == small.users["age"].dtype == pl.Float64
    assert (small.items["price"] > 0).all()


def test_domain_rules_agree_with_the_domain_column(small: Dataset) -> None:
    assert set(small.schema.domains) == {"accessories", "apparel"}
    for name, rule in small.schema.domains.items():
        by_rule = small.items.filter(pl.col(rule.column).is_in(rule.values))["item_id"]
        assert by_rule.equals(small.items.filter(domain=name)["item_id"])
        assert len(by_rule) > 0


def test_category_path_is_a_tree(small: Dataset) -> None:
    for coarse, fine in (("department", "category"), ("category", "type")):
        parents = small.items.group_by(fine).agg(pl.col(coarse).n_unique())
        assert (parents[coarse] == 1).all()


def test_written_files_hold_the_returned_tables(small: Dataset) -> None:
    root = root_of(small)
    assert pl.read_parquet(root / "items.parquet").equals(small.items)
    assert pl.read_parquet(root / "users.parquet").equals(small.users)
    assert pl.read_parquet(root / "events.parquet").equals(small.events)


def test_it_loads_as_any_dataset_without_a_bad_row(small: Dataset, tmp_path: Path) -> None:
    unsealed = shutil.copytree(root_of(small), tmp_path / "unsealed")
    (unsealed / "checked.json").unlink()
    for root in (root_of(small), unsealed):
        loaded = Dataset.load(root, max_bad=0.0)
        for table in KEYS:
            assert getattr(loaded, table).equals(getattr(small, table)), table


def test_variants_share_a_design_and_differ_in_colour(small: Dataset) -> None:
    shared = ["type", "pattern", "silhouette", "material", "season", "brand", "price"]
    families = small.items.group_by("family").agg(*(pl.col(c).n_unique() for c in shared), pl.col("colour"))
    assert (families.select(shared) == 1).to_numpy().all()
    assert (families["colour"].list.n_unique() == families["colour"].list.len()).all()
    assert families["colour"].list.len().max() > 2
    assert (small.items["item_id"].str.slice(0, 7) == small.items["family"]).all()


def test_titles_are_english_and_chinese_and_tell_more_than_columns(small: Dataset) -> None:
    han = re.compile("[\u4e00-\u9fff]")
    zh, en = small.items["title_zh"].to_list(), small.items["title"].to_list()
    assert all(t and han.search(t) and " " not in t for t in zh)
    assert all(t and t[0].isupper() and "  " not in t and not han.search(t) for t in en)
    assert (
        small.items.select(pl.col("title").str.to_lowercase().str.contains(pl.col("colour"), literal=True))
        .to_series()
        .all()
    )
    styles = [w for group in words.STYLES for w in group]
    named = [any(t.lower().startswith(w.en) for w in styles) for t in en]
    assert 0.7 < np.mean(named) < 0.97
    assert named == [any(t.startswith(w.zh) for w in styles) for t in zh]
    told = {w.en for w in styles}
    columns = [c for c in small.schema.items.categorical if c != "brand"]
    assert not told & set(small.items.select(columns).unpivot()["value"])


def test_no_event_before_its_item_arrives(small: Dataset) -> None:
    events = with_truth(small)
    day = (events["timestamp"].to_physical() - START) // DAY
    assert (day >= events["arrival"]).all()
    assert day.min() == 0
    assert day.max() == SMALL.days - 1
    late = events.filter(pl.col("arrival") > 0)
    assert late.height > 100
    assert (late["arrival"] == (late["timestamp"].to_physical() - START) // DAY).any()


def test_demand_follows_the_season(tmp_path: Path) -> None:
    config = replace(PLAIN, days=150, new_share=0.0, season_strength=1.5)
    world = make(tmp_path / "w", config, seed=1)
    events = world.events.join(world.items.select("item_id", "season"), on="item_id")
    month = events["timestamp"].dt.month()
    share = events.group_by(month.alias("month")).agg(
        winter=(pl.col("season") == "winter").mean(), summer=(pl.col("season") == "summer").mean()
    )
    march, july = (share.filter(month=m).row(0, named=True) for m in (3, 7))
    assert march["winter"] > 2 * july["winter"]
    assert july["summer"] > 2 * march["summer"]


def test_exposure_concentrates_events(tmp_path: Path) -> None:
    def top_share(bias: float) -> float:
        world = make(tmp_path / f"{bias}", replace(PLAIN, exposure_bias=bias), seed=2)
        counts = world.events["item_id"].value_counts()["count"].sort(descending=True)
        return float(counts.head(30).sum() / counts.sum())

    assert top_share(1.5) > top_share(0.0) + 0.15


def test_deeper_steps_are_rarer_and_better_liked(small: Dataset) -> None:
    truth = load_truth(root_of(small))
    assert truth is not None
    user = {name: row for row, name in enumerate(truth.user_ids)}
    item = {name: row for row, name in enumerate(truth.item_ids)}
    u = np.array([user[name] for name in small.events["user_id"]])
    i = np.array([item[name] for name in small.events["item_id"]])
    liking = (truth.taste[u, truth.domain[i]].astype(float) * truth.vectors[i]).sum(axis=1)
    by_step = (
        small.events.select("event", liking=pl.Series(liking)).group_by("event").agg(pl.len(), pl.col("liking").mean())
    )
    steps = pl.DataFrame({"event": words.EVENTS}).join(by_step, on="event", maintain_order="left")
    assert steps.height == 4
    assert steps["len"].is_sorted(descending=True)
    assert steps["liking"].is_sorted()


def test_apparel_is_as_poor_as_asked(tmp_path: Path) -> None:
    for share in (0.1, 0.5):
        world = make(tmp_path / f"{share}", replace(PLAIN, apparel_share=share), seed=3)
        events = world.events.join(world.items.select("item_id", "domain"), on="item_id")
        assert (events["domain"] == "apparel").mean() == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(
    "extreme",
    [
        {"shared_taste": 0.0, "taste_strength": 0.0, "popularity_spread": 0.0, "exposure_bias": 0.0},
        {"shared_taste": 1.0, "taste_strength": 4.0, "popularity_spread": 2.0, "exposure_bias": 2.0},
        {"residual": 0.0, "profile_signal": 0.0, "event_noise": 0.0, "season_strength": 0.0, "new_share": 0.0},
        {"residual": 1.0, "profile_signal": 1.0, "event_noise": 10.0, "season_strength": 2.0, "new_share": 0.9},
        {"n_items": 20, "n_users": 1, "n_events": 1, "days": 7},
        {"apparel_share": 0.99, "days": 365},
    ],
)
def test_the_ends_of_the_dials_work(tmp_path: Path, extreme: dict[str, float]) -> None:
    config = BoutiqueConfig(**{"n_items": 60, "n_users": 30, "n_events": 500, "pictures": False, **extreme})
    world = make(tmp_path / "w", config, seed=1)
    truth = load_truth(tmp_path / "w")
    assert truth is not None
    assert world.events.height == config.n_events
    assert world.events["timestamp"].dt.year().is_in([2024, 2025]).all()
    assert np.isfinite(truth.scores(truth.user_ids, truth.item_ids)).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_items", 3),
        ("n_items", 50.5),
        ("shared_taste", 1.2),
        ("shared_taste", float("nan")),
        ("days", 400),
        ("n_users", True),
    ],
)
def test_a_bad_dial_is_named(field: str, value: float) -> None:
    with pytest.raises(UsageError) as caught:
        BoutiqueConfig(**{field: value})
    assert caught.value.code == "bad_option"
    assert caught.value.where == field


def test_every_dial_is_checked_and_explained() -> None:
    source = Path(boutique.config.__file__).read_text(encoding="utf-8")
    for field in fields(BoutiqueConfig):
        assert re.search(rf'^    {field.name}: .*\n    """\w', source, flags=re.MULTILINE), field.name
        assert field.type is bool or field.name in boutique.config._LIMITS, field.name


def test_a_full_destination_is_refused_and_untouched(small: Dataset) -> None:
    before = (root_of(small) / "events.parquet").stat().st_mtime_ns
    with pytest.raises(UsageError, match="not empty") as caught:
        make(root_of(small), PLAIN, seed=1)
    assert caught.value.code == "destination_exists"
    assert (root_of(small) / "events.parquet").stat().st_mtime_ns == before


def test_overwriting_replaces_a_dataset_but_nothing_else(tmp_path: Path) -> None:
    make(tmp_path / "w", PLAIN, seed=1)
    second = make(tmp_path / "w", PLAIN, seed=2, overwrite=True)
    assert pl.read_parquet(tmp_path / "w" / "items.parquet").equals(second.items)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("kept")
    for target in (tmp_path / "letters", tmp_path / "letters" / "dear.txt"):
        with pytest.raises(UsageError) as caught:
            make(target, PLAIN, seed=1, overwrite=True)
        assert caught.value.code == "not_a_dataset"
    assert (tmp_path / "letters" / "dear.txt").read_text() == "kept"
    assert {p.name for p in tmp_path.iterdir()} == {"w", "letters"}


def test_an_empty_destination_is_filled(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    assert make(tmp_path / "w", PLAIN, seed=1).root == tmp_path / "w"


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "w", PLAIN, seed=1)
    old = (tmp_path / "w" / "items.parquet").read_bytes()

    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(boutique, "save_truth", fail)
    for target in (tmp_path / "w", tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            make(target, PLAIN, seed=2, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["w"]
    assert (tmp_path / "w" / "items.parquet").read_bytes() == old
