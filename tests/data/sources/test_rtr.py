from datetime import datetime

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.rtr import import_rtr
from muslin.errors import DataError, UsageError


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "rtr"
    folder.mkdir()
    pl.DataFrame(
        {
            "user_id": pl.Series([9, 25], dtype=pl.Int32),
            "item_id": pl.Series([123, 124], dtype=pl.Int32),
            "timestamp": pl.Series([datetime(2012, 9, 9), datetime(2011, 1, 1)], dtype=pl.Datetime("ms")),
            "event": pl.Series(["review", "review"], dtype=pl.Categorical),
            "rating": pl.Series([10.0, None], dtype=pl.Float32),
            "fit": pl.Series(["fit", "small"], dtype=pl.Categorical),
            "size": pl.Series([4, 8], dtype=pl.Int16),
            "rented_for": pl.Series(["wedding", None], dtype=pl.Categorical),
        }
    ).write_parquet(folder / "interactions.parquet")
    pl.DataFrame(
        {
            "item_id": [123, 124],
            "domain": pl.Series(["dresses", "outerwear"], dtype=pl.Categorical),
            "category": pl.Series(["gown", "coat"], dtype=pl.Categorical),
            "title": [None, None],
            "min_size": [0, 4],
            "max_size": [8, 8],
            "first_seen": [datetime(2012, 9, 9), datetime(2011, 1, 1)],
        }
    ).write_parquet(folder / "items.parquet")
    pl.DataFrame(
        {
            "user_id": [9, 25],
            "age": [32.0, None],
            "height_in": [66.0, 65.0],
            "weight_lbs": [145.0, 130.0],
            "bust_band": [32.0, 34.0],
            "bust_cup": ["c", "d"],
            "body_type": ["pear", None],
        }
    ).write_parquet(folder / "users.parquet")
    return folder


def test_numbers_become_ids_and_unrated_reviews_stay(src, tmp_path) -> None:
    report = import_rtr(src, tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items.rows() == [("123", "123", "dresses", "gown"), ("124", "124", "outerwear", "coat")]
    assert loaded.events.select("user_id", "item_id", "value", "weight").rows() == [
        ("25", "124", None, 1.0),
        ("9", "123", 10.0, 1.0),
    ]
    assert loaded.users.row(1) == ("25", None, 65.0, 130.0, 34.0, "d", None)
    assert [(note.code, note.count) for note in report.warnings] == [("no_rating", 1)]


def test_what_tells_how_often_an_item_was_rented_is_left_out(src, tmp_path) -> None:
    import_rtr(src, tmp_path / "ds")
    assert Dataset.load(tmp_path / "ds").items.columns == ["item_id", "family", "domain", "category"]


def test_wrong_types_and_maps_are_refused(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_rtr(src, tmp_path / "ds", mapping=src)
    pl.read_parquet(src / "users.parquet").with_columns(age=pl.lit([1])).write_parquet(src / "users.parquet")
    with pytest.raises(DataError) as caught:
        import_rtr(src, tmp_path / "ds")
    assert (caught.value.code, caught.value.where) == ("wrong_type", "users.parquet, column 'age'")


@pytest.mark.data
def test_the_real_reviews(research_data, tmp_path) -> None:
    report = import_rtr(research_data / "rtr", tmp_path / "ds")
    assert report.kept == {"items": 5_850, "users": 105_571, "events": 192_353}
    assert report.quarantined == {}
    assert [(note.code, note.count) for note in report.warnings] == [("no_rating", 80)]
