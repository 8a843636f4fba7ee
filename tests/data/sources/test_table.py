from datetime import UTC, datetime

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.table import import_table
from muslin.errors import DataError, UsageError
from muslin.testing.pictures import kinds

LOG = """kunde;artikel;wann;was;preis
k1;007;01.05.2024 12:00;order;19.9
k2;007;02.05.2024 13:30;pdp;19.9
k2;008;03.05.2024 08:00;order;5
"""
PRODUCTS = "sku;name;marke;preis\n007;Kleid grün;a;19.9\n008;Hut;b;5\n009;Schal;b;7\n"
MAP = """
timezone = "Europe/Berlin"
encoding = "cp1252"
separator = ";"
time_format = "%d.%m.%Y %H:%M"
[files]
events = "log.csv"
items = "products.csv"
[columns.events]
user_id = "kunde"
item_id = "artikel"
timestamp = "wann"
event = "was"
price = "preis"
[columns.items]
item_id = "sku"
title = "name"
price = "preis"
[event_names]
order = "purchase"
pdp = "view"
[items]
categorical = ["marke"]
numeric = ["price"]
text = ["title"]
title = "title"
price = "price"
"""


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "log.csv").write_text(LOG, encoding="cp1252")
    (folder / "products.csv").write_text(PRODUCTS, encoding="cp1252")
    return folder


def run(src, tmp_path, text: str, **options):
    mapping = tmp_path / "map.toml"
    mapping.write_text(text, encoding="utf-8")
    return import_table(src, tmp_path / "ds", mapping=mapping, **options)


def failure(src, tmp_path, text: str, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        run(src, tmp_path, text, **options)
    assert not (tmp_path / "ds").exists()
    return caught.value


def test_a_map_renames_columns_and_events(src, tmp_path) -> None:
    report = run(src, tmp_path, MAP)
    loaded = Dataset.load(tmp_path / "ds")
    assert report.kept == {"items": 3, "events": 3}
    assert loaded.schema.name == "shop"
    assert loaded.items.select("item_id", "title", "marke", "price").rows() == [
        ("007", "Kleid grün", "a", 19.9),
        ("008", "Hut", "b", 5.0),
        ("009", "Schal", "b", 7.0),
    ]
    assert loaded.events["timestamp"][0] == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert loaded.events.select("user_id", "item_id", "event", "weight", "price").rows() == [
        ("k1", "007", "purchase", 5.0, 19.9),
        ("k2", "007", "view", 1.0, 19.9),
        ("k2", "008", "purchase", 5.0, 5.0),
    ]


FLAT = """
event = "purchase"
[columns.events]
user_id = "who"
item_id = "what"
timestamp = "when"
[items]
categorical = ["brand"]
[users]
numeric = ["age"]
"""


def test_one_flat_file_holds_everything(tmp_path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text(
        "who,what,when,brand,age,page\nu1,a,2024-05-02,x,30,p\nu2,b,2024-05-01,y,40,q\nu1,a,2024-05-03,z,31,r\n"
    )
    report = run(path, tmp_path, FLAT)
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items.select("item_id", "brand").rows() == [("a", "x"), ("b", "y")]
    assert loaded.users.rows() == [("u1", 30.0), ("u2", 40.0)]
    assert loaded.events.columns == ["user_id", "item_id", "timestamp", "event", "weight", "page"]
    assert loaded.events["item_id"].to_list() == ["b", "a", "a"]
    assert report.kept["events"] == 3


def test_faults_of_a_flat_file_are_told_once(tmp_path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("who,what,when,brand,age\nu1,a,2024-05-02,x,30\nu2,,2024-05-01,y,40\nu3\n")
    report = run(path, tmp_path, FLAT, max_bad=0.9)
    assert report.quarantined == {"events": {"empty_id": 1, "ragged_row": 1}}


def test_a_parquet_file_needs_the_shortest_map(tmp_path) -> None:
    rows = {"user_id": [1], "item_id": [7], "timestamp": [1_714_564_800], "event": ["view"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "log.parquet")
    run(tmp_path / "log.parquet", tmp_path, "")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.schema.name == "log"
    assert loaded.items.row(0) == ("7", "7", "all")


def test_users_and_pictures_have_files_too(src, tmp_path) -> None:
    pl.DataFrame({"id": ["k1"], "age": [33]}).write_parquet(src / "people.parquet")
    (src / "pictures").mkdir()
    (src / "pictures" / "008.png").write_bytes(kinds()["PNG"])
    extra = (
        'users = "people.parquet"\nimages = "pictures"\n[columns.users]\nuser_id = "id"\n[users]\nnumeric = ["age"]\n'
    )
    report = run(src, tmp_path, MAP.replace('items = "products.csv"\n', f'items = "products.csv"\n{extra}'))
    assert Dataset.load(tmp_path / "ds").users.rows() == [("k1", 33.0), ("k2", None)]
    assert pl.read_parquet(tmp_path / "ds" / "images.parquet")["item_id"].to_list() == ["008"]
    assert [note.code for note in report.warnings] == ["user_without_profile"]


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ('user_id = "kunde"', 'user_id = "kunden"', "missing_column", "did you mean 'kunde'?"),
        ('items = "products.csv"', 'items = "product.csv"', "missing_file", "did you mean 'products.csv'?"),
        ('event = "was"', "", "missing_column", 'event = "purchase"'),
        ('events = "log.csv"', "", "bad_map", "which file holds the events"),
        ('categorical = ["marke"]', 'categorical = ["marken"]', "missing_column", "did you mean 'marke'?"),
        ('encoding = "cp1252"', "", "wrong_encoding", "in Latin-1 it would be 'ü'"),
        ('separator = ";"', "", "missing_column", "kunde"),
        ('pdp = "view"', 'pdp = "veiw"', "too_many_bad_rows", "did you mean 'view'?"),
        ('time_format = "%d.%m.%Y %H:%M"', 'time_format = "%Q"', "bad_time_format", "%Q"),
        ('time_format = "%d.%m.%Y %H:%M"', 'time_format = "%d/%m/%Y"', "no_good_rows", "bad_timestamp 3"),
    ],
)
def test_mistakes_in_a_map_are_explained(src, tmp_path, old, new, code, says) -> None:
    assert old in MAP
    error = failure(src, tmp_path, MAP.replace(old, new, 1))
    assert error.code == code
    assert says in str(error)


def test_pictures_that_are_not_there(src, tmp_path) -> None:
    error = failure(src, tmp_path, MAP.replace("[files]", '[files]\nimages = "fotos"'))
    assert (error.code, error.where) == ("missing_file", str(src))


def test_a_table_needs_a_map(src, tmp_path) -> None:
    with pytest.raises(UsageError) as caught:
        import_table(src, tmp_path / "ds")
    assert caught.value.code == "missing_map"
