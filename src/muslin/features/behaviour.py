"""A shopper's profile from what they did: their tastes in each column of the garments, recent events counting more.

One function makes it in training and in serving. It reads a shopper's own events and nothing else: not the clock (only
the shares of a shopper's events against one another count, and there the age of all of them cancels out), not the order
in which events came, not who else was asked for. So the profile a method learned from is, to the bit, the profile it
meets.

Source: recency by exponential decay, Ding and Li 2005 (CIKM, "Time weight collaborative filtering"), section 3.2; a
profile as the weighted mean of what was taken, Pazzani and Billsus 2007 (The Adaptive Web, ch. 10), section 10.3.
Differs: age is measured from the shopper's newest event; summaries per domain beside the one over all domains.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from muslin.types import Block, Csr, Events, Features, Floats, Ints

HALF_LIFE = 30.0
"""Days after which an event counts half as much as one of today."""
DOMAINS = "domains"
"""Block of how a shopper's events are shared among the domains."""
_DAY = 86_400_000_000


class Garments(NamedTuple):
    """What is known of the N items: their `features`, and the code of the domain each is in (`domain` [N])."""

    features: Features
    domain: Ints


def tastes(
    events: Events, n_users: int, garments: Garments, domains: Sequence[str], *, half_life: float = HALF_LIFE
) -> Features:
    """Shares [n_users, T] of what shoppers took, by value of each item column: a block `taste:COLUMN` over everything.

    With several `domains` (named in the order of their codes) also `taste:DOMAIN:COLUMN` for each, and `domains`. The
    values of a block are means over the shopper's events, weighted by event weight x 2 ** (-age / half_life) with the
    age in days; all zero where there is no event. `events.user` counts from 0 to `n_users` - 1, `events.item` are rows
    of `garments`. Events without weight say nothing.
    """
    weight = _weights(events, n_users, half_life)
    by_domain = [_part(weight, garments.domain == code) for code in range(len(domains))]
    parts, blocks, width = [], [], 0
    several = list(zip(domains, by_domain, strict=True)) if len(domains) > 1 else []
    for name, some in (("", weight), *several):
        mean = _means(some, garments.features.matrix)
        prefix = f"taste:{name}:" if name else "taste:"
        blocks += [Block(prefix + b.name, width + b.start, width + b.stop) for b in garments.features.blocks]
        parts.append(mean)
        width += mean.shape[1]
    if several:
        shares = np.stack([np.asarray(some.sum(axis=1)).ravel() for some in by_domain], axis=1)
        total = np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        parts.append(sp.csr_matrix((shares / total).astype(np.float32)))
        blocks.append(Block(DOMAINS, width, width + len(domains)))
    return Features(sp.hstack(parts, format="csr", dtype=np.float32), tuple(blocks))


def _weights(events: Events, n_users: int, half_life: float) -> Csr:
    """[n_users, N] float64: what each garment counts for, summed in an order that depends on the events alone."""
    rows = int(events.item.max()) + 1 if len(events) else 0
    order = np.lexsort((events.weight, events.time, events.item, events.user))
    user, item, time = events.user[order], events.item[order], events.time[order]
    newest = np.full(n_users, np.iinfo(np.int64).min)
    np.maximum.at(newest, user, time)
    age = (newest[user] - time) / _DAY
    value = np.maximum(events.weight[order], 0).astype(np.float64) * 0.5 ** (age / half_life)
    weights = sp.csr_matrix((value, (user, item)), shape=(n_users, rows))
    weights.eliminate_zeros()
    return weights


def _part(weight: Csr, inside: np.ndarray) -> Csr:
    return sp.csr_matrix(weight @ sp.diags_array(inside[: weight.shape[1]].astype(np.float64)))


def _means(weight: Csr, matrix: Csr) -> Csr:
    total = np.asarray(weight.sum(axis=1)).ravel()
    scale: Floats = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    known = matrix[: weight.shape[1]].astype(np.float64)
    return sp.csr_matrix(sp.diags_array(scale) @ (weight @ known), dtype=np.float32)
