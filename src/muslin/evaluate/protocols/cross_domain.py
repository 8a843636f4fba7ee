"""Shoppers known in one domain and new to another: a view for each direction, `SOURCE to TARGET`.

Candidates are the items of the target domain with a training event. `build`: other shoppers are in both domains, and
show what goes with what. `build_disjoint`: no other shopper is, so that only the garments' content tells.
"""

import numpy as np
import polars as pl

from muslin.data import splits
from muslin.data.cutting import Split
from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Ask, Candidates, Exam, Protocol, Terms, ask, hot, sampled
from muslin.features.space import World, encode


def build(dataset: Dataset, terms: Terms) -> Exam:
    """With shoppers in both domains to learn from."""
    return _exam("cross-domain", splits.cross_domain(dataset, terms.seed), terms)


def build_disjoint(dataset: Dataset, terms: Terms) -> Exam:
    """Without any."""
    return _exam("cross-domain-disjoint", splits.cross_domain(dataset, terms.seed, disjoint=True), terms)


def directed(split: Split) -> pl.DataFrame:
    """The query with the `source` domain its shopper is known in and the `target` domain asked about."""
    domain = split.train.items.select("item_id", "domain")
    known = split.train.events.join(split.query, on="user_id", how="semi").join(domain, on="item_id")
    source = known.group_by("user_id").agg(pl.col("domain").first().alias("source"))
    target = domain.rename({"domain": "target"})
    return split.query.join(target, on="item_id", maintain_order="left").join(
        source, on="user_id", maintain_order="left"
    )


def _exam(name: str, split: Split, terms: Terms) -> Exam:
    world = encode(split.train)
    asks: list[Ask] = []
    for (source, target), query in sorted(directed(split).group_by("source", "target"), key=lambda part: str(part[0])):
        chosen = sampled(query.sort("user_id", "item_id"), terms, f"cross-domain {source} {target}")
        asks.append(ask(world, f"{source} to {target}", chosen, _of(world, str(target)), domain=str(target)))
    return Exam(name, terms.seed, split, world, tuple(asks))


def _of(world: World, domain: str) -> Candidates:
    every = hot(world, "cold")
    inside = np.flatnonzero(world.catalogue.domain[every.rows] == world.catalogue.domains.index(domain))
    return Candidates(every.rows[inside], every.labels[inside])


PROTOCOLS = (
    Protocol("cross-domain", "shoppers known in one domain and new to another", ((None, "cold"),), build),
    Protocol(
        "cross-domain-disjoint",
        "the same, where no shopper of the training data is in two domains",
        ((None, "cold"),),
        build_disjoint,
    ),
)
