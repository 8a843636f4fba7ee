"""Survey a catalogue: what its features can say about a garment nobody has clicked and a shopper nobody knows."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.pictures import batches
from muslin.data.pictures import ids as stored_ids
from muslin.evaluate.contrast import Contrast
from muslin.evaluate.exam import Terms
from muslin.features.near_duplicates import fingerprints
from muslin.recipes import ablate
from muslin.recipes.fit import DEFAULT_METHOD
from muslin.survey import near_duplicates, pictures
from muslin.survey.cold import cold_view
from muslin.survey.coverage import columns
from muslin.survey.missing import missing, overview
from muslin.survey.result import Survey, Whole, Worth, Worths


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How the worth of features is measured: one fit of `method` per feature and split."""

    method: str = DEFAULT_METHOD
    splits: int = 3
    """Cuts of the data."""
    max_users: int | None = None
    """Shoppers asked per cut; None asks all."""


def survey(dataset: Dataset, *, judge: Judge | None = None, look: bool = True) -> Survey:
    """What `dataset` has of each column, what of it is new in cold garments, and which pictures are nearly the same.

    `judge`: also measure what each feature is worth, minutes of fitting. `look`: decode the pictures. Raises
    `DataError` (`missing_file`, `bad_parquet`) where the pictures should be, and what `ablate.worth` raises.
    """
    source = pictures.place(dataset)
    stored = None if source is None else stored_ids(source)
    found = Survey(
        dataset=dataset.schema.name,
        overview=overview(dataset),
        items=columns(dataset.items, dataset.schema.items),
        users=columns(dataset.users, dataset.schema.users),
        missing=missing(dataset, stored),
        cold=cold_view(dataset),
    )
    if source is not None and stored is not None:
        found = _with_pictures(found, dataset, source, stored, look=look)
    return found if judge is None else replace(found, worth=_worths(dataset, judge))


def _with_pictures(found: Survey, dataset: Dataset, source: Path, stored: pl.Series, *, look: bool) -> Survey:
    if not look:
        return replace(found, pictures=pictures.counted(dataset, stored, None))
    prints = fingerprints(batches(source, dataset.items["item_id"]))
    title = dataset.schema.items.title
    items = dataset.items.select("item_id", "family", title=pl.col(title) if title else pl.lit(""))
    alike = near_duplicates.duplicates(prints, items)
    shown = {garment.item_id for example in alike.examples for garment in example.shown}
    return replace(
        found,
        pictures=pictures.counted(dataset, stored, prints.refused),
        duplicates=alike,
        thumbnails=pictures.thumbnails(source, shown) if shown else {},
    )


def _worths(dataset: Dataset, judge: Judge) -> Worths:
    terms = [Terms(seed, max_users=judge.max_users) for seed in range(judge.splits)]
    return worths(ablate.worth(dataset, method=judge.method, terms=terms), judge)


def worths(contrast: Contrast, judge: Judge) -> Worths:
    """`contrast`, as `ablate.worth` found it, in the survey's terms."""
    asked = {(d.metric, d.view, d.path) for d in contrast.differences}
    rows = {row.method: row for row in contrast.rows if (row.metric, row.view, row.path) in asked}
    whole = rows[ablate.ALL]
    features = (
        Worth(d.other, rows[d.other].value, drop=d.value, low=d.ci_low, high=d.ci_high, p=d.p)
        for d in contrast.differences
    )
    low, high = (whole.value if end is None else end for end in (whole.ci_low, whole.ci_high))
    return Worths(judge.method, judge.splits, Whole(whole.value, low, high), tuple(features))
