import gzip
import json
from datetime import datetime

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.amazon import import_amazon
from muslin.errors import DataError, UsageError

PRODUCTS = {
    "All_Beauty": [
        {
            "main_category": "All Beauty",
            "title": "Rose cream",
            "average_rating": 4.8,
            "rating_number": 10,
            "features": ["Soft", "Made with roses"],
            "description": ["For dry skin"],
            "price": 12.5,
            "store": "Rosa",
            "categories": ["Beauty", "Skin Care", "Face", "Creams", "Night"],
            "details": {"Item Weight": "3 ounces"},
            "parent_asin": "B01",
            "bought_together": None,
        },
        {"title": "Brush", "parent_asin": "B02", "price": "from 3.00", "features": [], "categories": []},
        {"title": "Comb", "parent_asin": "B03", "price": None},
    ],
    "Amazon_Fashion": [
        {"title": "Scarf", "parent_asin": "B04", "price": "9.99", "categories": ["Clothing", "Women"]},
        {"title": "Brush for coats", "parent_asin": "B02", "price": 4},
    ],
}
REVIEWS = {
    "All_Beauty": [
        {"rating": 5.0, "title": "!", "text": "a\nb", "asin": "B01X", "parent_asin": "B01", "user_id": "AE1",
         "timestamp": 1588687728923, "helpful_vote": 0, "verified_purchase": True, "images": []},
        {"rating": 3.0, "asin": "B02", "parent_asin": "B02", "user_id": "AE2", "timestamp": 1588615855070},
    ],
    "Amazon_Fashion": [
        {"rating": 4, "asin": "B04", "parent_asin": "B04", "user_id": "AE1", "timestamp": 1688687728923},
    ],
}  # fmt: skip


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "amazon"
    folder.mkdir()
    for name, rows in REVIEWS.items():
        (folder / f"{name}.jsonl").write_text(lines(rows))
    (folder / "meta_All_Beauty.jsonl").write_text(lines(PRODUCTS["All_Beauty"]))
    (folder / "meta_Amazon_Fashion.jsonl.gz").write_bytes(gzip.compress(lines(PRODUCTS["Amazon_Fashion"]).encode()))
    return folder


def test_categories_are_domains_and_products_are_items(src, tmp_path) -> None:
    report = import_amazon(src, tmp_path / "ds")
    items = Dataset.load(tmp_path / "ds").items
    assert items.select("item_id", "domain", "title", "price").rows() == [
        ("B01", "All_Beauty", "Rose cream", 12.5),
        ("B02", "All_Beauty", "Brush", None),
        ("B03", "All_Beauty", "Comb", None),
        ("B04", "Amazon_Fashion", "Scarf", 9.99),
    ]
    assert items.row(0, named=True)["details"] == "Soft\nMade with roses\nFor dry skin"
    assert items.row(0)[items.columns.index("category_4")] == "Creams"
    assert not {"average_rating", "rating_number", "bought_together"} & set(items.columns)
    notes = {note.code: note.count for note in report.warnings}
    assert notes == {"two_domains": 1, "no_price": 1, "rating_threshold": 2}


def test_reviews_are_events_in_milliseconds(src, tmp_path) -> None:
    import_amazon(src, tmp_path / "ds")
    events = Dataset.load(tmp_path / "ds").events
    assert events.select("user_id", "item_id", "event", "weight", "value", "asin").rows() == [
        ("AE2", "B02", "rate", 0.0, 3.0, "B02"),
        ("AE1", "B01", "like", 1.0, 5.0, "B01X"),
        ("AE1", "B04", "like", 1.0, 4.0, "B04"),
    ]
    assert events["timestamp"].dt.replace_time_zone(None)[1] == datetime(2020, 5, 5, 14, 8, 48, 923000)


def test_bad_lines_are_known_by_file_and_line(src, tmp_path) -> None:
    good = {"rating": 5, "parent_asin": "B03", "user_id": "AE3", "timestamp": 1588615855070}
    bad = [
        json.dumps({**good, "parent_asin": "B99"}),  # nobody described it
        json.dumps({**good, "timestamp": 1588615855}),  # seconds: January 1970
        json.dumps({**good, "timestamp": "1588615855070"}),
        json.dumps({**good, "user_id": None}),
        "{",
        json.dumps({**good, "timestamp": -1}),
    ]
    with (src / "Amazon_Fashion.jsonl").open("a") as file:
        file.write("\n".join(["", *bad, json.dumps(good)]))
    report = import_amazon(src, tmp_path / "ds", max_bad=0.7)
    assert report.kept["events"] == 4
    quarantine = pl.read_parquet(tmp_path / "ds" / "quarantine.parquet").sort("line")
    assert quarantine.select("file", "line", "code").rows() == [
        ("Amazon_Fashion.jsonl", 3, "unknown_item"),
        ("Amazon_Fashion.jsonl", 4, "timestamp_1970"),
        ("Amazon_Fashion.jsonl", 5, "wrong_field"),
        ("Amazon_Fashion.jsonl", 6, "wrong_field"),
        ("Amazon_Fashion.jsonl", 7, "bad_json"),
        ("Amazon_Fashion.jsonl", 8, "wrong_field"),
    ]
    assert "`$.timestamp`" in quarantine["reason"][2]


def test_a_product_without_a_title_is_refused_in_its_own_file(src, tmp_path) -> None:
    with (src / "meta_All_Beauty.jsonl").open("a") as file:
        file.write('{"parent_asin": "B05", "title": ""}\n')
    report = import_amazon(src, tmp_path / "ds", max_bad=0.5)
    assert report.quarantined == {"items": {"empty_title": 1}}
    quarantine = pl.read_parquet(tmp_path / "ds" / "quarantine.parquet")
    assert quarantine.select("file", "line").rows() == [("meta_All_Beauty.jsonl", 4)]


def test_what_is_missing_is_named(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_amazon(src, tmp_path / "ds", mapping=src)
    (src / "meta_Amazon_Fashion.jsonl.gz").unlink()
    with pytest.raises(DataError, match="meta_Amazon_Fashion") as caught:
        import_amazon(src, tmp_path / "ds")
    assert caught.value.code == "missing_file"
    with pytest.raises(DataError, match="no reviews"):
        import_amazon(tmp_path / "nowhere", tmp_path / "ds")
