"""Ranked answers as people read them."""

from typing import TYPE_CHECKING

import polars as pl
from rich.console import Group

from muslin.cli.screen import table

if TYPE_CHECKING:
    from muslin.engine.model import Model


def described(model: "Model", answer: pl.DataFrame) -> pl.DataFrame:
    """`answer` with its items' `title`, `category` (coarse to fine) and `price`, as far as the catalogue has them."""
    roles = model.world.dataset.schema.items
    shown = []
    if roles.title:
        shown.append(pl.col(roles.title).alias("title"))
    if roles.category:
        shown.append(pl.concat_str(roles.category, separator=" / ", ignore_nulls=True).alias("category"))
    if roles.price:
        shown.append(pl.col(roles.price).alias("price"))
    catalogue = model.world.dataset.items.select("item_id", *shown)
    return answer.join(catalogue, on="item_id", how="left", maintain_order="left")


def garment_table(model: "Model", user: str, answer: pl.DataFrame) -> Group:
    """Garments for `user`, as `described`."""
    columns = [c for c in ("rank", "item_id", "title", "category", "price", "score", "path") if c in answer.columns]
    rows = answer.filter(pl.col("user_id") == user).select(columns)
    title = f"For {user or 'a new shopper'}, by {model.method}"
    return table(title, columns, _cells(rows), right=("rank", "price", "score"))


def shopper_table(model: "Model", item: str, answer: pl.DataFrame) -> Group:
    """Shoppers for `item`, as `Model.recommend_to_items` gives them."""
    columns = ("rank", "user_id", "score", "path")
    rows = answer.filter(pl.col("item_id") == item).select(columns)
    return table(
        f"Shoppers for {_name(model, item)}, by {model.method}", columns, _cells(rows), right=("rank", "score")
    )


def _name(model: "Model", item: str) -> str:
    title = model.world.dataset.schema.items.title
    if title is None:
        return item
    found = model.world.dataset.items.filter(pl.col("item_id") == item)[title]
    return f"{item} ({found[0]})" if len(found) and found[0] else item


def _cells(rows: pl.DataFrame) -> list[tuple[str, ...]]:
    formats = {"score": "{:.3f}", "price": "{:,.4g}"}
    return [
        tuple("" if v is None else formats.get(c, "{}").format(v) for c, v in row.items())
        for row in rows.iter_rows(named=True)
    ]
