"""What content says of an item for a shopper before anybody took it, on one scale with what events say of known items.

For a new item: how alike it is to what the shopper took (raw), and how much EASE expects the shopper to take what it is
alike to (smoothed). For a known one: EASE's own expectation beside the raw likeness. Each part is put in units of the
shopper: standard deviations over a fixed sample of trained items, so that no score depends on the candidates asked.

Source: a blend of raw and EASE-smoothed content profiles; EASE is Steck 2019 (WWW); adding standardised scores is
CombSUM with z-scores (Montague and Aslam 2001, CIKM). Differs: the raw likeness is a learned blend of columns; what
EASE expects of a known item enters by its root, so that new and known items have scores of about the same spread.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch

from muslin.nets import blend, ease, neighbours, rows, stored
from muslin.random import stream
from muslin.types import Csr, Floats, Ints, Items, Params, TrainData, Users

_SAMPLE = 2048
"""Trained items that make a shopper's units."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the parts are made and weighed: see `methods.ease_content.Config`."""

    penalty: float
    keep: int
    neighbours: int
    smoothed: float
    known: float

    @classmethod
    def of(cls, config: object) -> "Shape":
        """The fields of a method's config that have these names."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})


class Known(NamedTuple):
    """Of shoppers [U] and trained items [N]: 1 where it was `taken`, and what EASE `expected`."""

    taken: Csr
    expected: Floats


class _Parts(NamedTuple):
    """Everything about the shoppers [U] and all items that scoring needs."""

    profile: blend.Columns
    every: blend.Columns
    weights: blend.Weights


def fit(data: TrainData, shape: Shape, seed: int) -> Params:
    """`ease/...` [N, N]; `idf` [D], `weight`, `usual` [C] of the blend; `sample` [R] and `near/...` [R, N] of it."""
    features = data.catalogue.features
    idf = blend.inverse_frequency(features.matrix)
    columns = blend.columns(features, idf)
    weights = blend.learned(data, columns, seed)
    n = len(data.catalogue)
    sample = np.sort(stream(seed, "prior", "sample").permutation(n)[:_SAMPLE])
    near = neighbours.nearest(columns.take(sample), columns, weights, shape.neighbours, own=sample)
    tables = {"idf": idf, "weight": weights.weight, "usual": weights.usual, "sample": sample}
    params = {name: torch.from_numpy(value) for name, value in tables.items()}
    linear = ease.weights(data.matrix(), shape.penalty, shape.keep)
    return params | stored.tensors("ease", linear) | stored.tensors("near", near)


def without(params: Params, keep: Ints) -> Params:
    """`params` with only the trained items `keep` (rows, ascending) to compare with; EASE's weights stay.

    What is learned of columns stays too: a few items more or less do not move it.
    """
    n = trained(params)
    place = np.full(n, -1, dtype=np.int64)
    place[keep] = np.arange(len(keep))
    sample = place[params["sample"].numpy()]
    linear = stored.matrix(params, "ease", n)[keep][:, keep]
    near = stored.matrix(params, "near", n)[np.flatnonzero(sample >= 0)][:, keep]
    tables = {name: params[name] for name in ("idf", "weight", "usual")}
    tables["sample"] = torch.from_numpy(sample[sample >= 0])
    return tables | stored.tensors("ease", linear) | stored.tensors("near", near)


def trained(params: Params) -> int:
    """Number of items in training."""
    return len(params["ease/starts"]) - 1


def scores(params: Params, users: Users, items: Items, shape: Shape) -> Floats:
    """[U, I]."""
    found = likenesses(params, users, items, shape, known(params, users, items))
    weight = np.where(items.rows < trained(params), np.float32(shape.known), np.float32(shape.smoothed))
    blended: Floats = (weight * found.expected + found.raw) / (weight + 1)
    return blended


class Likenesses(NamedTuple):
    """Parts [U, I], in units of the shopper: `raw` likeness, what EASE `expected`, and what was taken `together`.

    Of a known item the latter two are its own, by their root; of a new one those of the known items it is like.
    `together` is None where `params` has no `knn/...` (`nets.item_cosines`).
    """

    raw: Floats
    expected: Floats
    together: Floats | None


def known(params: Params, users: Users, items: Items) -> Known:
    """What EASE makes of what shoppers took; it knows the trained items only."""
    n = trained(params)
    taken = rows.taken(users.history, n)
    return Known(taken, rows.product(taken, stored.once_for(items.catalogue.features, params, "ease", n)))


def likenesses(params: Params, users: Users, items: Items, shape: Shape, known: Known) -> Likenesses:
    """What `scores` weighs, and `together`; `known`: of these shoppers."""
    parts = _parts(params, users, items)
    n, sample = trained(params), params["sample"].numpy()
    raw = in_units(*blend.scored(parts.profile, parts.every, parts.weights, items.rows, sample))
    new = items.rows[items.rows >= n]
    features = items.catalogue.features
    near = neighbours.of_new(features, params, n, shape.neighbours, new) if len(new) else None
    usual = stored.once_for(features, params, "near", n)
    expected = _spread(known.expected, known.expected, (near, usual), items, sample)
    if "knn/starts" not in params:
        return Likenesses(raw, expected, None)
    beside = rows.product(known.taken, stored.once_for(features, params, "knn", n))
    # What was taken is not beside itself, but a new garment that is like it is.
    others = beside + known.taken.toarray()
    return Likenesses(raw, expected, _spread(beside, others, (near, usual), items, sample))


def _spread(own: Floats, others: Floats, near: tuple[neighbours.New | None, Csr], items: Items, sample: Ints) -> Floats:
    """[U, I] of values of trained items [U, N]: known ones have their `own`, new ones those of `others` they are like.

    `near`: which trained items the new ones of `items` are like, and the trained ones of the sample.
    """
    hot = items.rows < own.shape[1]
    found = np.empty((own.shape[0], len(items)), dtype=np.float32)
    if hot.any():
        found[:, hot] = _root(in_units(own[:, items.rows[hot]], own[:, sample]))
    if near[0] is not None:
        found[:, ~hot] = in_units(near[0].votes(others), neighbours.votes(others, near[1]))
    return found


def _parts(params: Params, users: Users, items: Items) -> _Parts:
    every = blend.of_catalogue(items.catalogue.features, params["idf"])
    # Likeness is to all that the shopper took, a new garment among it too.
    return _Parts(every.profile(users.history.sign()), every, blend.of_params(params))


def _root(values: Floats) -> Floats:
    """Signed square roots: what EASE expects has a few values far above all others, and likeness has none."""
    root: Floats = np.sign(values) * np.sqrt(np.abs(values))
    return root


def in_units(values: Floats, sample: Floats) -> Floats:
    """`values` [U, I] in standard deviations over `sample` [U, R] from its mean; zero where that is all alike."""
    mean = sample.mean(axis=1, keepdims=True)
    off = sample - mean
    spread = np.sqrt(np.square(off, out=off).mean(axis=1, keepdims=True))
    units: Floats = values - mean
    units /= np.where(spread > 1e-9, spread, np.inf)
    return units
