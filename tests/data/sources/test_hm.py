import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.hm import CATEGORICAL, import_hm
from muslin.errors import DataError, UsageError
from muslin.testing.pictures import kinds

JPEG, OTHER = kinds()["JPEG"], kinds()["JPEG progressive"]
SHOTS = {"0108775015": JPEG, "0200000001": OTHER}
ARTICLES = pl.DataFrame(
    {
        "article_id": ["0108775015", "0108775044", "0200000001", "0300000001"],
        "product_code": ["0108775", "0108775", "0200000", "0300000"],
        "prod_name": ["Strap top", "Strap top", "Tote", "Soap"],
        "product_type_no": ["253", "253", "1", "2"],
        **{name: ["x"] * 4 for name in CATEGORICAL},
        "detail_desc": ['Jersey top, "narrow"\nshoulder straps.', None, "A bag", "Soap"],
    }
).with_columns(product_group_name=pl.Series(["Garment Upper body", "Garment Upper body", "Bags", "Cosmetic"]))
CUSTOMERS = pl.DataFrame(
    {
        "customer_id": ["c1", "c2"],
        "FN": [None, "1.0"],
        "Active": [None, "1.0"],
        "club_member_status": ["ACTIVE", None],
        "fashion_news_frequency": ["NONE", None],
        "age": ["25.0", None],
        "postal_code": ["p", "q"],
    }
)
TRANSACTIONS = pl.DataFrame(
    {
        "t_dat": ["2020-09-17", "2020-09-16", "2020-09-16", "2020-09-16"],
        "customer_id": ["c1", "c2", "c2", "c2"],
        "article_id": ["0108775015", "0200000001", "0200000001", "0200000001"],
        "price": ["0.030491525", "0.01", "0.01", "0.02"],
        "sales_channel_id": ["2", "1", "1", "1"],
    }
)


@pytest.fixture
def src(tmp_path):
    folder = tmp_path / "kaggle"
    folder.mkdir()
    ARTICLES.write_csv(folder / "articles.csv")
    CUSTOMERS.write_csv(folder / "customers.csv")
    TRANSACTIONS.write_csv(folder / "transactions_train.csv")
    return folder


def test_the_layout_becomes_a_dataset(src, tmp_path) -> None:
    report = import_hm(src, tmp_path / "hm")
    loaded = Dataset.load(tmp_path / "hm")
    assert loaded.items.select("item_id", "family", "domain").rows() == [
        ("0108775015", "0108775", "apparel"),
        ("0108775044", "0108775", "apparel"),
        ("0200000001", "0200000", "accessories"),
        ("0300000001", "0300000", "other"),
    ]
    assert loaded.items["detail_desc"][0] == 'Jersey top, "narrow"\nshoulder straps.'
    assert not {"product_type_no", "price"} & set(loaded.items.columns)
    assert loaded.users.columns == ["user_id", "age", "club_member_status", "fashion_news_frequency", "FN", "Active"]
    assert report.read == {"items": 4, "users": 2, "events": 4}
    assert report.kept == {"items": 4, "users": 2, "events": 3}
    assert report.quarantined == {}
    assert [(note.code, note.count) for note in report.warnings] == [("repeated_row", 1)]


def test_repeated_rows_are_quantities_and_days_are_kept_in_order(src, tmp_path) -> None:
    import_hm(src, tmp_path / "hm")
    events = Dataset.load(tmp_path / "hm").events
    assert events.select(pl.col("timestamp").dt.strftime("%F"), "item_id", "quantity", "price").rows() == [
        ("2020-09-16", "0200000001", 2, 0.01),
        ("2020-09-16", "0200000001", 1, 0.02),
        ("2020-09-17", "0108775015", 1, 0.030491525),
    ]
    assert events["event"].unique().to_list() == ["purchase"]


@pytest.mark.parametrize("layout", ["folder", "parquet", "named"])
def test_pictures_in_either_layout(src, tmp_path, layout) -> None:
    images = None
    if layout == "folder":
        for article in ("0108775015", "0200000001"):
            path = src / "images" / article[:3] / f"{article}.jpg"
            path.parent.mkdir(parents=True)
            path.write_bytes(SHOTS[article])
    else:
        images = src / ("images.parquet" if layout == "parquet" else "pictures.parquet")
        rows = {
            "article_id": ["0108775015", "0200000001", "9"],
            "jpeg": [JPEG, OTHER, JPEG],
        }
        pl.DataFrame(rows).write_parquet(images)
        images = images if layout == "named" else None
    import_hm(src, tmp_path / "hm", images=images)
    assert Dataset.load(tmp_path / "hm").schema.images == "images.parquet"
    pictures = pl.read_parquet(tmp_path / "hm" / "images.parquet")
    assert dict(pictures.rows()) == SHOTS


def test_bad_pictures_are_counted_and_the_garment_stays(src, tmp_path) -> None:
    pl.DataFrame({"article_id": ["0108775015"], "jpeg": [b"<html>"]}).write_parquet(src / "images.parquet")
    report = import_hm(src, tmp_path / "hm", max_bad=0)
    assert report.quarantined == {"pictures": {"not_a_picture": 1}}
    assert report.kept["items"] == 4


def test_bad_rows_are_counted_by_code_and_keep_their_lines(src, tmp_path) -> None:
    rows = TRANSACTIONS.with_columns(pl.Series("article_id", ["108775015", "0200000001", "0200000001", "0200000001"]))
    rows.write_csv(src / "transactions_train.csv")
    with (src / "transactions_train.csv").open("a") as file:
        file.write('2020-09-16,c1,"02000\n')
    report = import_hm(src, tmp_path / "hm", max_bad=0.5)
    assert report.quarantined == {"events": {"unclosed_quote": 1, "unknown_item": 1}}
    quarantine = pl.read_parquet(tmp_path / "hm" / "quarantine.parquet")
    assert quarantine.select("file", "line", "code").rows() == [
        ("transactions_train.csv", 2, "unknown_item"),
        ("transactions_train.csv", 6, "unclosed_quote"),
    ]
    assert '"t_dat":"2020-09-17"' in quarantine["raw"][0]
    lines = report.lines()
    assert "events: 1 refused, unknown_item" in lines
    assert lines[-1].startswith(f"written: {tmp_path / 'hm'}")


def test_too_many_bad_rows_leave_no_dataset(src, tmp_path) -> None:
    TRANSACTIONS.with_columns(t_dat=pl.lit("16/09/2020")).write_csv(src / "transactions_train.csv")
    with pytest.raises(DataError) as caught:
        import_hm(src, tmp_path / "hm", max_bad=1.0)
    assert caught.value.code == "no_good_rows"
    assert "bad_timestamp 3" in caught.value.message
    assert "transactions_train.csv:2" in caught.value.message
    assert not (tmp_path / "hm").exists()
    kept_at = tmp_path / "hm.quarantine.parquet"
    assert str(kept_at) in caught.value.message
    assert pl.read_parquet(kept_at)["code"].to_list() == ["bad_timestamp"] * 3


def test_a_missing_file_column_or_picture_is_named(src, tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_hm(src, tmp_path / "hm", mapping=src)
    with pytest.raises(DataError, match="no pictures"):
        import_hm(src, tmp_path / "hm", images=src / "no")
    ARTICLES.rename({"prod_name": "product_name"}).write_csv(src / "articles.csv")
    with pytest.raises(DataError, match="did you mean 'product_name'") as caught:
        import_hm(src, tmp_path / "hm")
    assert (caught.value.code, caught.value.where) == ("missing_column", "articles.csv")
    (src / "customers.csv").rename(src / "customer.csv")
    with pytest.raises(DataError, match=r"did you mean 'customer.csv'"):
        import_hm(src, tmp_path / "hm")
    assert not (tmp_path / "hm").exists()


@pytest.mark.data
def test_the_real_week(research_data, tmp_path) -> None:
    report = import_hm(research_data / "hm_week", tmp_path / "hm")
    assert report.read == {"items": 105_542, "users": 68_984, "events": 240_311}
    assert report.kept == {"items": 105_542, "users": 68_984, "events": 217_916}
    assert report.quarantined == {}
    loaded = Dataset.load(tmp_path / "hm")
    bought = loaded.items.join(loaded.events, on="item_id", how="semi")
    assert dict(bought.group_by("domain").len().rows()) == {"accessories": 2_621, "apparel": 15_255, "other": 110}
    assert loaded.events["quantity"].sum() == 240_311
    assert loaded.users["age"].is_not_null().sum() == 3_461
    stored = pl.read_parquet(tmp_path / "hm" / "images.parquet")
    given = pl.read_parquet(research_data / "hm_week" / "images.parquet", columns=["article_id", "jpeg"])
    assert stored.height == 12_044
    assert stored.rows() == given.rows()  # to the bit: vectors of pictures are kept by their bytes
