"""H&M's Kaggle layout: `articles.csv`, `customers.csv`, `transactions_train.csv` and pictures.

Rows that repeat (day, customer, article, price, channel) are one purchase with a `quantity`. Prices (H&M's scaled
unit) stay with the purchases: an article's own price is nowhere in the data, and one taken from its sales would be
known only of articles that were sold. Of each code/name pair of the articles only the name is kept.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import polars as pl

from muslin.data import pictures
from muslin.data.checked import Note
from muslin.data.importing import ImportReport, Order, Pictures, Tables, pictures_at, run
from muslin.data.quarantine import LINE
from muslin.data.read import Table, read_table, require_columns
from muslin.data.schema import Domain, ItemRoles, Roles, Schema
from muslin.errors import DataError, UsageError
from muslin.progress import track

CATEGORICAL = (
    "index_group_name",
    "index_name",
    "section_name",
    "department_name",
    "product_group_name",
    "product_type_name",
    "garment_group_name",
    "graphical_appearance_name",
    "colour_group_name",
    "perceived_colour_value_name",
    "perceived_colour_master_name",
)
TEXT = ("prod_name", "detail_desc")
PROFILE = ("club_member_status", "fashion_news_frequency", "FN", "Active")

ACCESSORIES = ("Accessories", "Bags", "Shoes")
APPAREL = (
    "Garment Upper body",
    "Garment Lower body",
    "Garment Full body",
    "Underwear",
    "Underwear/nightwear",
    "Nightwear",
    "Swimwear",
    "Socks & Tights",
)

SCHEMA = Schema(
    name="hm",
    items=ItemRoles(
        categorical=CATEGORICAL,
        text=TEXT,
        category=("index_group_name", "product_group_name", "product_type_name"),
        title="prod_name",
    ),
    users=Roles(categorical=PROFILE, numeric=("age",)),
    weights={"purchase": 1.0},
    domains={
        "accessories": Domain(column="product_group_name", values=ACCESSORIES),
        "apparel": Domain(column="product_group_name", values=APPAREL),
    },
)


def import_hm(
    src: Path,
    dst: Path,
    *,
    mapping: Path | None = None,
    max_bad: float = 0.01,
    overwrite: bool = False,
    images: Path | None = None,
) -> ImportReport:
    """Import the directory `src` into the dataset `dst`.

    `images`: the Kaggle directory (`010/0108775015.jpg`) or a Parquet file of `article_id`, `jpeg`; default
    `images.parquet` or `images` in `src`, where there is one. Raises as `Importer` says.
    """
    if mapping is not None:
        raise UsageError("hm has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("hm", dst, max_bad, overwrite), partial(_read, src), _pictures(src, images))


def _read(src: Path) -> Tables:
    names = ("articles.csv", "customers.csv", "transactions_train.csv")
    articles, customers, transactions = [read_table(src / name) for name in track(names, "reading", total=len(names))]
    events, note = _events(transactions)
    return Tables(_items(articles), _users(customers), events, SCHEMA, (note,) if note.count else ())


def _items(table: Table) -> Table:
    require_columns(table, ("article_id", "product_code", *CATEGORICAL, *TEXT))
    kept = table.frame.select(
        LINE, pl.col("article_id").alias("item_id"), pl.col("product_code").alias("family"), *CATEGORICAL, *TEXT
    )
    return table.with_frame(kept)


def _users(table: Table) -> Table:
    require_columns(table, ("customer_id", "age", *PROFILE))
    return table.with_frame(table.frame.select(LINE, pl.col("customer_id").alias("user_id"), "age", *PROFILE))


def _events(table: Table) -> tuple[Table, Note]:
    columns = ("t_dat", "customer_id", "article_id", "price", "sales_channel_id")
    require_columns(table, columns)
    once = table.frame.group_by(columns, maintain_order=True).agg(pl.first(LINE), pl.len().alias("quantity"))
    repeats = len(table.frame) - len(once)
    events = once.select(
        LINE,
        pl.col("customer_id").alias("user_id"),
        pl.col("article_id").alias("item_id"),
        pl.col("t_dat").alias("timestamp"),
        pl.lit("purchase").alias("event"),
        "quantity",
        "price",
        "sales_channel_id",
    )
    text = f"{repeats:,} rows repeat a purchase and are counted in its quantity"
    return table.with_frame(events), Note("repeated_row", "events", repeats, text)


def _pictures(src: Path, images: Path | None) -> Pictures | None:
    found = images or next((p for p in (src / "images.parquet", src / "images") if p.exists()), None)
    if found is None:
        return None
    if not found.exists():
        raise DataError("there are no pictures here", code="missing_file", where=str(found), fix="check the path")
    return (
        partial(_kaggle, found) if found.is_dir() else pictures_at(found, id_column="article_id", bytes_column="jpeg")
    )


def _kaggle(folder: Path, ids: pl.Series) -> Iterator[pl.DataFrame]:
    return pictures.from_folder(ids, lambda name: folder / name[:3] / f"{name}.jpg")
