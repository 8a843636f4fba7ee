"""Which garments lack a picture, words or attributes, and the numbers of the whole."""

import polars as pl

from muslin.data.dataset import Dataset
from muslin.survey.cold import warm_items
from muslin.survey.coverage import described, has_value, share
from muslin.survey.result import Combination, Missing, Overview
from muslin.survey.wording import plain

MODALITIES = {
    "words": ("text", "title"),
    "attributes": ("categorical", "multi", "hashed"),
    "numbers": ("numeric", "date"),
    "vectors": ("vector",),
}
_MOST = 16
_MOST_DOMAINS = 12


def overview(dataset: Dataset) -> Overview:
    """Counts of a dataset."""
    items, users = dataset.items, dataset.users
    warm_users = dataset.events.filter(pl.col("weight") > 0)["user_id"].unique()
    domains = items["domain"].value_counts(sort=True).sort(["count", "domain"], descending=[True, False])
    return Overview(
        items=len(items),
        families=items["family"].n_unique(),
        users=len(users),
        events=len(dataset.events),
        cold_items=int((~items["item_id"].is_in(warm_items(dataset.events).implode())).sum()),
        cold_users=int((~users["user_id"].is_in(warm_users.implode())).sum()),
        blank_users=int((~_any(users, [name for name, _ in described(dataset.schema.users)])).sum()),
        domains=tuple((plain(name), count) for name, count in domains.head(_MOST_DOMAINS).iter_rows()),
    )


def missing(dataset: Dataset, with_picture: pl.Series | None) -> Missing:
    """Combinations of modalities; `with_picture` holds the ids of items with a picture, None where there are none."""
    items, names = dataset.items, list(described(dataset.schema.items))
    of = {modality: [n for n, kind in names if kind in kinds] for modality, kinds in MODALITIES.items()}
    has = {modality: _any(items, columns) for modality, columns in of.items() if columns}
    if with_picture is not None:
        has = {"picture": items["item_id"].is_in(with_picture.implode()), **has}
    if not has:
        return Missing((), ())
    cold = ~items["item_id"].is_in(warm_items(dataset.events).implode())
    counted = pl.DataFrame(has).with_columns(cold=cold).group_by(list(has)).agg(pl.len(), pl.col("cold").sum())
    counted = counted.sort(["len", *has], descending=True).head(_MOST)
    rows = (Combination(tuple(row[:-2]), row[-2], share(row[-2], len(items)), row[-1]) for row in counted.iter_rows())
    return Missing(tuple(has), tuple(rows))


def _any(frame: pl.DataFrame, columns: list[str]) -> pl.Series:
    """Which rows have a value in any of `columns`."""
    found = pl.repeat(value=False, n=len(frame), eager=True)
    for name in columns:
        found = found | has_value(frame[name])
    return found
