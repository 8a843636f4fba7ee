"""What of a new garment's description training never met: a value without history says nothing to a method."""

from collections.abc import Iterator

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.splits import validation
from muslin.errors import DataError
from muslin.survey.coverage import WORDED, described, has_value, share
from muslin.survey.result import ColdView, Unseen
from muslin.survey.wording import plain

_EXAMPLES = 5
_WORDS = r"\p{Han}|[\p{Hiragana}\p{Katakana}]+|[\p{L}\p{N}&&[^\p{Han}\p{Hiragana}\p{Katakana}]]+"


def warm_items(events: pl.DataFrame) -> pl.Series:
    """Ids of the items with an event that shows a liking."""
    return events.filter(pl.col("weight") > 0)["item_id"].unique()


def cold_view(dataset: Dataset) -> ColdView | None:
    """Columns of cold items against those with events.

    Cold are the items without events; where there are none, those of a twentieth of the families, held out as for
    early stopping (`data.splits.validation`). None where neither can be had.
    """
    found = _sides(dataset)
    if found is None:
        return None
    basis, trained, cold = found
    columns = tuple(_unseen(trained, cold, name, kind) for name, kind in _compared(dataset))
    return ColdView(basis, len(trained), len(cold), columns)


def _sides(dataset: Dataset) -> tuple[str, pl.DataFrame, pl.DataFrame] | None:
    items, warm = dataset.items, warm_items(dataset.events)
    is_warm = items["item_id"].is_in(warm.implode())
    if not is_warm.any():
        return None
    if not is_warm.all():
        return "no_events", items.filter(is_warm), items.filter(~is_warm)
    try:
        split = validation(dataset, 0)
    except DataError:  # too few families
        return None
    held = items["item_id"].is_in(list(split.cold_items))
    return (
        "held_out",
        items.filter(items["item_id"].is_in(warm_items(split.train.events).implode())),
        items.filter(held),
    )


def _compared(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Columns whose values can be met again: no vectors."""
    yield from ((name, kind) for name, kind in described(dataset.schema.items) if kind != "vector")


def _unseen(trained: pl.DataFrame, cold: pl.DataFrame, name: str, kind: str) -> Unseen:
    before, after = (frame[name].filter(has_value(frame[name])) for frame in (trained, cold))
    coverage = share(len(before), len(trained)), share(len(after), len(cold))
    if kind == "numeric" or before.dtype.is_temporal():
        strange = share(_outside(before, after), len(after))
        return Unseen(name, kind, *coverage, strange, strange, None, ())
    known = _values(before, kind).unique("value")
    rows = _values(after, kind).join(known.select("value", known=pl.lit(value=True)), on="value", how="left")
    rows = rows.with_columns(pl.col("known").fill_null(value=False))
    of_row = rows.group_by("row").agg(all=pl.col("known").all(), any=pl.col("known").any())
    new = rows.filter(~pl.col("known")).group_by("value").len().sort(["len", "value"], descending=[True, False])
    return Unseen(
        name,
        kind,
        *coverage,
        unseen=share(int((~of_row["any"]).sum()), len(after)),
        partly=share(int((~of_row["all"]).sum()), len(after)),
        new_values=len(new),
        examples=tuple(plain(str(value), 40) for value in new["value"].head(_EXAMPLES)),
    )


def _values(column: pl.Series, kind: str) -> pl.DataFrame:
    """`row`, `value` of each value of each row; of a text its words, in Chinese its characters."""
    frame = pl.DataFrame({"row": pl.int_range(len(column), eager=True), "value": column})
    if kind in WORDED:
        words = pl.col("value").cast(pl.String).str.to_lowercase().str.extract_all(_WORDS)
        frame = frame.with_columns(value=words)
    if frame["value"].dtype == pl.List:
        frame = frame.explode("value", empty_as_null=True).drop_nulls()
    return frame.with_columns(pl.col("value").cast(pl.String))


def _outside(before: pl.Series, after: pl.Series) -> int:
    if before.is_empty():
        return len(after)
    met = after.is_between(before.min(), before.max())
    return int((~met).sum())
