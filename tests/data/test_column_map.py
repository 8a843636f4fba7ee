import pytest

from muslin.data.column_map import read_map
from muslin.data.schema import Domain
from muslin.errors import DataError, UsageError

WHOLE = """
name = "my shop"
timezone = "Europe/Paris"
encoding = "cp1252"
separator = ";"
time_format = "%d/%m/%Y"
event = "purchase"
[files]
events = "log.csv"
items = "products.csv"
users = "people.csv"
images = "pictures"
[columns.events]
user_id = "customer"
[columns.items]
item_id = "sku"
[event_names]
order = "purchase"
[items]
categorical = ["brand"]
[users]
numeric = ["age"]
[weights]
purchase = 2.0
[domains.shoes]
column = "brand"
values = ["x"]
"""


@pytest.fixture
def put(tmp_path):
    def write(text: str):
        path = tmp_path / "map.toml"
        path.write_text(text)
        return path

    return write


def test_every_key_has_its_place(put) -> None:
    origin, schema = read_map(put(WHOLE), default_name="src")
    assert (origin.files.events, origin.files.images) == ("log.csv", "pictures")
    assert origin.columns.events == {"user_id": "customer"}
    assert origin.columns.users == {}
    assert (origin.encoding, origin.separator, origin.time_format) == ("cp1252", ";", "%d/%m/%Y")
    assert (origin.event, origin.event_names) == ("purchase", {"order": "purchase"})
    assert (schema.name, schema.timezone, schema.weights) == ("my shop", "Europe/Paris", {"purchase": 2.0})
    assert schema.items.categorical == ("brand",)
    assert schema.domains == {"shoes": Domain(column="brand", values=("x",))}


def test_an_empty_map_says_nothing(put) -> None:
    origin, schema = read_map(put(""), default_name="src")
    assert origin.files.events is None
    assert (origin.encoding, schema.name) == ("utf-8", "src")


@pytest.mark.parametrize(
    ("text", "code", "fix"),
    [
        ('evnt = "purchase"', "unknown_key", "did you mean 'event'?"),
        ("[weigths]\nview = 1.0", "unknown_key", "did you mean 'weights'?"),
        ('[files]\nitem = "a"', "unknown_key", "did you mean 'items'?"),
        ('[columns.event]\na = "b"', "unknown_key", "did you mean 'events'?"),
        ('[items]\ncategory_path = ["a"]', "unknown_key", "did you mean 'category'?"),
        ('images = "x"', "unknown_key", "choose one of"),
        ("event = 3", "bad_map", "docs"),
        ('files = "a.csv"', "bad_map", "docs"),
        ("[columns.events]\nuser_id = 3", "bad_map", "docs"),
        ("[weights]\nview = 'x'", "bad_schema", "docs"),
        ("= 3", "bad_toml", "TOML"),
    ],
)
def test_mistakes_are_named(put, text, code, fix) -> None:
    path = put(text)
    with pytest.raises(DataError) as caught:
        read_map(path, default_name="src")
    assert caught.value.code == code
    assert fix in caught.value.fix
    assert caught.value.where.startswith(str(path))


def test_a_missing_map_is_wrong_use(tmp_path) -> None:
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(UsageError) as caught:
            read_map(path, default_name="src")
        assert caught.value.code == "missing_map"
