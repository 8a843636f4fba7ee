"""Amazon Reviews 2023: `CATEGORY.jsonl` and `meta_CATEGORY.jsonl`, plain or gzipped, of one category or several.

The domain of an item is the category its file is named after. Items are products (`parent_asin`); the variant that was
bought stays with the event as `asin`. A review of 4 stars or more counts as liking; lower ones are kept with weight 0.
Timestamps are milliseconds. What was computed from the reviews or from behaviour (`average_rating`, `rating_number`,
`bought_together`) is left out: it would tell a model how an item sells that it has never seen.

Source: Hou, Li, He, Yan, Chen, McAuley, "Bridging language and items for retrieval and recommendation", 2024.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import polars as pl

from muslin.data import ratings
from muslin.data.checked import Note
from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.json_lines import read_json_lines
from muslin.data.lines import stacked
from muslin.data.quarantine import LINE
from muslin.data.read import Table
from muslin.data.schema import ItemRoles, Schema
from muslin.errors import DataError, UsageError
from muslin.progress import track

LEAST = 4.0
"""Stars from which on a review counts as liking."""
_YEAR_2100 = 4_102_444_800_000
_DEPTH = 4
_SUFFIXES = (".jsonl", ".jsonl.gz")
_META = "meta_"
_LEVELS = tuple(f"category_{depth}" for depth in range(1, _DEPTH + 1))


class Review(msgspec.Struct):
    """What is read of a review."""

    user_id: str
    parent_asin: str
    rating: float
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=_YEAR_2100)]
    asin: str | None = None
    verified_purchase: bool | None = None


class Product(msgspec.Struct):
    """What is read of a product."""

    parent_asin: str
    title: str | None = None
    main_category: str | None = None
    store: str | None = None
    price: float | str | None = None
    features: list[str] | None = None
    description: list[str] | None = None
    categories: list[str] | None = None


def import_amazon(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import every category in the directory `src` into the dataset `dst`.

    Raises as `Importer` says, `DataError` (`missing_file`) where there are no reviews, or some without their products.
    """
    if mapping is not None:
        raise UsageError("amazon has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("amazon", dst, max_bad, overwrite), partial(_read, src))


def _read(src: Path) -> Tables:
    names, found = categories(src), []
    for name in track(names, "reading", total=len(names)):
        products = read_json_lines(_file(src, _META + name), Product, _products)
        reviews = read_json_lines(_file(src, name), Review, _reviews)
        found.append((products.with_frame(products.frame.with_columns(domain=pl.lit(name))), reviews))
    items, repeated = _once(stacked([products for products, _ in found]))
    events = stacked([reviews for _, reviews in found])
    priced = _priced(items.frame)
    unread = int((items.frame["price"].is_not_null() & priced["price"].is_null()).sum())
    told = ratings.told_by(events.frame, "rating", LEAST)
    notes = (
        Note(
            "two_domains", "items", repeated, f"{repeated:,} products are in several categories and stay in the first"
        ),
        Note("no_price", "items", unread, f"{unread:,} prices are no numbers above 0 and count as missing"),
        ratings.note(told, LEAST),
    )
    schema = Schema(name="amazon", items=_ROLES, weights=ratings.WEIGHTS)
    kept = tuple(note for note in notes if note.count)
    return Tables(items.with_frame(priced), None, events.with_frame(told.drop("rating")), schema, kept)


def categories(src: Path) -> list[str]:
    """Names of the categories with reviews in `src`, sorted; each must have its products beside it."""
    there = {p.name.removesuffix(s) for s in _SUFFIXES for p in src.glob(f"*{s}")} if src.is_dir() else set()
    names = sorted(name for name in there if not name.startswith(_META))
    fix = "put CATEGORY.jsonl.gz and meta_CATEGORY.jsonl.gz there"
    if not names:
        raise DataError("there are no reviews here", code="missing_file", where=str(src), fix=fix)
    bare = [name for name in names if _META + name not in there]
    if bare:
        raise DataError(f"{_META}{bare[0]}.jsonl is not here", code="missing_file", where=str(src), fix=fix)
    return names


_ROLES = ItemRoles(
    categorical=("main_category", *_LEVELS),
    hashed=("store",),
    numeric=("price",),
    text=("title", "details"),
    category=_LEVELS,
    title="title",
)


def _file(src: Path, name: str) -> Path:
    return next(path for path in (src / f"{name}{suffix}" for suffix in _SUFFIXES) if path.is_file())


def _reviews(rows: Sequence[Review]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "user_id": pl.Series([r.user_id for r in rows], dtype=pl.String),
            "item_id": pl.Series([r.parent_asin for r in rows], dtype=pl.String),
            "timestamp": pl.Series([r.timestamp for r in rows], dtype=pl.Int64),
            "rating": pl.Series([r.rating for r in rows], dtype=pl.Float64),
            "asin": pl.Series([r.asin for r in rows], dtype=pl.String),
            "verified": pl.Series([r.verified_purchase for r in rows], dtype=pl.Boolean),
        }
    )
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"))


def _products(rows: Sequence[Product]) -> pl.DataFrame:
    paths = [(*(r.categories or ()), *[None] * _DEPTH)[:_DEPTH] for r in rows]
    texts: dict[str, list[str | None]] = {
        "item_id": [r.parent_asin for r in rows],
        "title": [r.title for r in rows],
        "main_category": [r.main_category for r in rows],
        "store": [r.store for r in rows],
        "price": [None if r.price is None else str(r.price) for r in rows],
        "details": ["\n".join((*(r.features or ()), *(r.description or ()))) for r in rows],
        **{level: [path[depth] for path in paths] for depth, level in enumerate(_LEVELS)},
    }
    return pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in texts.items()})


def _priced(frame: pl.DataFrame) -> pl.DataFrame:
    price = pl.col("price").str.strip_chars().cast(pl.Float64, strict=False)
    return frame.with_columns(pl.when(price.is_finite() & (price > 0)).then(price).alias("price"))


def _once(items: Table) -> tuple[Table, int]:
    """Every product in the first category that lists it, and how many rows of others were left out."""
    first = pl.col("domain") == pl.col("domain").first().over("item_id")
    kept = items.frame.sort(LINE).filter(first)
    return items.with_frame(kept), len(items.frame) - len(kept)
