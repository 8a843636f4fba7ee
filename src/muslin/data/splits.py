"""Honest cuts of a dataset into what may be learned from and what is asked.

Every cut is a `Split`: training events and, per shopper asked, the revealed support and the hidden query. Nothing of
a query is ever in `train`.
"""

from dataclasses import replace
from itertools import permutations

import polars as pl

from muslin.data.cutting import PAIR, Split, among, drawn, first_of_pair, liked, make_split, newest_out
from muslin.data.dataset import Dataset
from muslin.errors import DataError
from muslin.random import stream

_SMALL_DOMAIN = 0.02
"""Share of the events below which a domain is too small to be asked about."""


def item_cold(dataset: Dataset, seed: int, *, share: float = 0.1, warm_share: float = 0.1) -> Split:
    """Strict item cold start: whole families leave training; the query also holds back warm pairs.

    `share` of the families (among those with an event), drawn at random, lose all their events. Of the remaining
    pairs each shopper with two or more gives up the newest with probability such that about `warm_share` of the pairs
    leave, so that cold and warm items can be ranked in one list. Only shoppers with a training event are asked.
    """
    rows = liked(dataset, seed)
    families = rows.join(dataset.items.select("item_id", "family"), on="item_id", how="left")
    new = among("family", drawn(families["family"].unique().sort(), share, seed, "item_cold"))
    cold, rest = families.filter(new), families.filter(~new).drop("family")
    warm, train = newest_out(rest, warm_share, seed)
    query = pl.concat([cold.select(PAIR), warm.select(PAIR)])
    return make_split(dataset, train, query, train.clear(), frozenset(cold["item_id"].unique()))


def user_cold(dataset: Dataset, seed: int, *, k: int, k_max: int = 3, share: float = 0.1) -> Split:
    """New shoppers: `share` of them leave training; their first `k` items are revealed, those after `k_max` asked.

    The query is the same for every `k <= k_max`, so curves over k compare like with like. Items that lose all their
    events with these shoppers are not asked for.
    """
    rows = liked(dataset, seed)
    new = among("user_id", drawn(rows["user_id"].unique().sort(), share, seed, "user_cold"))
    train = rows.filter(~new)
    support, query = _first_k(rows.filter(new), "user_id", k, k_max)
    query = query.join(train.select("item_id").unique(), on="item_id", how="semi")
    return make_split(dataset, train, query.select(PAIR), support, frozenset(), keep_new_users=True)


def warm(dataset: Dataset, seed: int, *, share: float = 0.2) -> Split:
    """Known shoppers, known items: the newest pairs of some shoppers leave training, `share` of all pairs.

    One pair a shopper, of those who have two or more: where most have few, nearly everyone is asked.
    """
    out, train = newest_out(liked(dataset, seed), share, seed)
    return make_split(dataset, train, out.select(PAIR), train.clear(), frozenset())


def validation(dataset: Dataset, seed: int, *, share: float = 0.05) -> Split:
    """Strict item hold-out inside training data, for early stopping: no warm pairs leave."""
    return item_cold(dataset, seed, share=share, warm_share=0.0)


def rehearsal(dataset: Dataset, seed: int, *, share: float = 0.05) -> Split:
    """Strict item hold-out inside training data from which a method may also learn: as many warm pairs leave."""
    return item_cold(dataset, seed, share=share, warm_share=share)


def both_cold(dataset: Dataset, seed: int, *, k: int, k_max: int = 3, share: float = 0.2) -> Split:
    """New shoppers and new garments at once: `share` of the shoppers and `share` of the families leave training.

    Asked are the new garments that new shoppers took, of those who took `k_max` known ones besides; the first `k` of
    these are revealed, so all k share a query.
    """
    rows, new_item, new_user = _held_out(dataset, seed, share, "both_cold")
    train = rows.filter(~new_item & ~new_user).drop("family")
    known = (
        rows.filter(new_user & ~new_item)
        .drop("family")
        .join(train.select("item_id").unique(), on="item_id", how="semi")
    )
    support, _ = _first_k(known, "user_id", k, k_max)
    enough = first_of_pair(known).filter(pl.len().over("user_id") >= k_max)["user_id"].unique()
    asked = rows.filter(new_user & new_item)
    asked = asked.filter(among("user_id", enough)) if k_max else asked
    cold = frozenset(asked["item_id"].unique())
    return make_split(dataset, train, asked.select(PAIR), support, cold, keep_new_users=True)


def k_shot(dataset: Dataset, seed: int, *, k: int, k_max: int, share: float = 0.1) -> Split:
    """New garments with their first `k` shoppers revealed, and new shoppers with their first `k` garments.

    `share` of the families and `share` of the shoppers leave training. Asked are what comes after the first `k_max`
    pairs of a new garment with known shoppers (`Split.revealed` holds its first `k`) and of a new shopper with known
    garments (`Split.support`): the query is the same for every `k`.
    """
    rows, new_item, new_user = _held_out(dataset, seed, share, "k_shot")
    train = rows.filter(~new_item & ~new_user).drop("family")
    of_items = (
        rows.filter(new_item & ~new_user)
        .drop("family")
        .join(train.select("user_id").unique(), on="user_id", how="semi")
    )
    of_users = (
        rows.filter(new_user & ~new_item)
        .drop("family")
        .join(train.select("item_id").unique(), on="item_id", how="semi")
    )
    revealed, asked_items = _first_k(of_items, "item_id", k, k_max)
    support, asked_users = _first_k(of_users, "user_id", k, k_max)
    cold = frozenset(asked_items["item_id"].unique())
    query = pl.concat([asked_items.select(PAIR), asked_users.select(PAIR)])
    found = make_split(dataset, train, query, support, cold, keep_new_users=True)
    return replace(found, revealed=revealed.filter(pl.col("item_id").is_in(list(cold))))


def by_time(dataset: Dataset, seed: int, *, k: int, k_max: int = 3, share: float = 0.25) -> Split:
    """What really came later: training ends at the midnight (UTC) that leaves about `share` of the events after it.

    Shoppers known by then are asked for all they took later and had not; new ones reveal their first `k` and are asked
    for what follows the first `k_max`. `cold_items` are the arrivals, whose families may have been sold before.
    Raises `DataError` (`no_times`) for a log that lies within one day.
    """
    rows = liked(dataset, seed)
    days = rows.group_by(day=pl.col("timestamp").dt.truncate("1d")).len().sort("day")
    if len(days) < 2:
        fix = "evaluate another protocol, or give the events their times"
        raise DataError("all events lie within one day: there is no later", code="no_times", where="events", fix=fix)
    later = 1 - days["len"].cum_sum().shift(1).tail(-1) / len(rows)
    cut = days["day"][1 + int((later - share).abs().arg_min() or 0)]
    train, after = rows.filter(pl.col("timestamp") < cut), rows.filter(pl.col("timestamp") >= cut)
    known = after.join(train.select("user_id").unique(), on="user_id", how="semi")
    support, asked = _first_k(after.join(known, on="user_id", how="anti", maintain_order="left"), "user_id", k, k_max)
    cold = frozenset(after.join(train, on="item_id", how="anti")["item_id"].unique())
    query = pl.concat([known.select(PAIR), asked.select(PAIR)])
    return make_split(dataset, train, query, support, cold, keep_new_users=True)


def cross_domain(dataset: Dataset, seed: int, *, share: float = 0.2, disjoint: bool = False, least: int = 20) -> Split:
    """Shoppers new to a domain: of some who took things in two domains, all but those of one leaves training.

    For each ordered pair of domains that hold a fiftieth of the events or more, `share` of the shoppers who are in both
    (`least` at least) keep their source events only and are asked for what they took in the target; no shopper is
    asked in two directions.
    With `disjoint` everybody else who was in several domains keeps one at random: then no shopper of the training data
    tells what goes with what across domains. Raises `DataError` (`one_domain`) where no pair has enough shoppers.
    """
    rows = liked(dataset, seed).join(dataset.items.select("item_id", "domain"), on="item_id", how="left")
    held = _held_by_direction(rows, share, seed, least)
    told = rows.join(held, on="user_id", how="left", maintain_order="left")
    train = told.filter(pl.col("source").is_null() | (pl.col("source") == pl.col("domain")))
    if disjoint:
        train = _in_one_domain(train, seed)
    query = told.filter(pl.col("target") == pl.col("domain"))
    train = train.select(dataset.events.columns)
    return make_split(dataset, train, query.select(PAIR), train.clear(), frozenset())


def _held_out(dataset: Dataset, seed: int, share: float, name: str) -> tuple[pl.DataFrame, pl.Expr, pl.Expr]:
    """(events with their `family`, whether the garment is new, whether the shopper is): `share` of either are."""
    rows = liked(dataset, seed).join(dataset.items.select("item_id", "family"), on="item_id", how="left")
    new_item = among("family", drawn(rows["family"].unique().sort(), share, seed, f"{name} items"))
    return rows, new_item, among("user_id", drawn(rows["user_id"].unique().sort(), share, seed, f"{name} users"))


def _first_k(rows: pl.DataFrame, key: str, k: int, k_max: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(the first `k` pairs of each `key`, those after its first `k_max`)."""
    if not 0 <= k <= k_max:
        raise ValueError(f"k must be in 0..{k_max}, got {k}")
    firsts = first_of_pair(rows).with_columns(nth=pl.int_range(pl.len()).over(key))
    return firsts.filter(pl.col("nth") < k).drop("nth"), firsts.filter(pl.col("nth") >= k_max).drop("nth")


def _held_by_direction(rows: pl.DataFrame, share: float, seed: int, least: int) -> pl.DataFrame:
    """`user_id`, `source`, `target`: who is asked, in which direction."""
    domains = rows["domain"].value_counts().filter(pl.col("count") >= _SMALL_DOMAIN * len(rows))["domain"].sort()
    members = {name: rows.filter(pl.col("domain") == name)["user_id"].unique().sort() for name in domains}
    taken: set[str] = set()
    found = []
    for source, target in permutations(members, 2):
        both = members[source].filter(members[source].is_in(members[target].implode()))
        free = both.filter(~both.is_in(list(taken)))
        if round(share * len(both)) < least or len(free) <= round(share * len(both)):
            continue
        users = drawn(free, round(share * len(both)) / len(free), seed, f"cross_domain {source} {target}")
        taken |= set(users)
        found.append(pl.DataFrame({"user_id": users, "source": source, "target": target}))
    if not found:
        fix = "evaluate another protocol"
        raise DataError("too few shoppers are in two domains", code="one_domain", where="domain", fix=fix)
    return pl.concat(found)


def _in_one_domain(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The rows of one domain of each shopper, drawn with equal chances."""
    pairs = rows.select("user_id", "domain").unique().sort("user_id", "domain")
    order = stream(seed, "split", "disjoint").permutation(len(pairs)).tolist()
    return rows.join(
        pairs[order].unique("user_id", keep="first", maintain_order=True),
        on=["user_id", "domain"],
        how="semi",
        maintain_order="left",
    )
