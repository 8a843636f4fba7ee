"""What sells among shoppers of the same tastes: popularity conditional on the shopper's segments.

A segment is a value of an item column, and a shopper belongs to each in the share in which they took garments that have
it: their behaviour profile (`features.behaviour.tastes`). In a shop of several domains a garment is judged by what the
shopper took in the *other* domains, which is all that a newcomer to its domain has; by everything they took where
they took nothing elsewhere.

Source: P(item | segment) backed off to P(item) by Dirichlet smoothing (Zhai and Lafferty 2004, TOIS 22(2), section 3),
summed over the segments of a shopper as in the aspect model (Hofmann 2004, TOIS 22(1)).
Differs: segments are observed, not learned; a garment without a buyer takes the mean of its finest known category.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.features.behaviour import DOMAINS
from muslin.method import Evidence, Positive
from muslin.types import Bools, Catalogue, Csr, Features, Floats, Ints, Items, Params, TrainData, Users

_ANY, _NONE = -1, -2
"""Codes of a taste over all domains, and of a share that is no taste."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    smoothing: Positive = 10.0
    """Shoppers' worth of overall popularity that is mixed into each segment."""


class _Sales(NamedTuple):
    """What segments took. T segments, G domains and, last, all of them; columns [N + C]: items, then categories' means.

    `taken` [T, N + C] shoppers; `overall` [N + C] of all segments; `total` [T, G + 1] items each segment took;
    `mass` [G + 1] the same of everybody; `origin` [T] the domain in which a taste was shown.
    """

    taken: Csr
    overall: Floats
    total: Floats
    mass: Floats
    origin: Ints


@dataclass(frozen=True)
class PopularitySegment:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"tastes"})

    def init(self, data: TrainData, seed: int) -> Params:
        """Shoppers of each segment who took an item: sparse [T, N + C] as `start`, `column`, `taken`.

        `overall` [N + C] all shoppers; `origin` [T] the domain of a taste; `total` [T, G + 1] items that each segment
        took in each domain and in all; `mass` [G + 1] the same of everybody; `widths` [L] categories of each level.
        Raises ValueError without tastes.
        """
        if data.tastes is None:
            raise ValueError("tastes are needed: take the data from World.training(evidence)")
        widths = _widths(data.catalogue)
        bought, groups = data.matrix().sign(), _by_domain(data.catalogue)
        columns = sp.csr_matrix(bought @ sp.hstack([sp.eye_array(bought.shape[1]), _means(data.catalogue, widths)]))
        shares = sp.csr_matrix(data.tastes.matrix)
        taken = sp.csr_matrix(shares.T @ columns, dtype=np.float32)
        taken.sort_indices()
        found = {
            "start": taken.indptr.astype(np.int64),
            "column": taken.indices.astype(np.int64),
            "taken": taken.data,
            "overall": np.asarray(columns.sum(axis=0), dtype=np.float32).ravel(),
            "origin": _origin(data.tastes, data.catalogue.domains),
            "total": np.asarray((shares.T @ (bought @ groups)).todense(), dtype=np.float32),
            "mass": np.asarray((bought @ groups).sum(axis=0), dtype=np.float32).ravel(),
            "widths": widths,
        }
        return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in found.items()}

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Smoothed probability [U, I] that the shopper's next item is this one."""
        if users.tastes is None:
            raise ValueError("tastes are needed: ask World.users for them")
        sales, widths = _unpacked(params), params["widths"].numpy()
        columns, domain = _columns(items, widths, sales), items.catalogue.domain[items.rows]
        out = np.zeros((len(users), len(items)), dtype=np.float32)
        anywhere = sales.origin == _ANY
        for code in np.unique(domain):
            wanted = np.flatnonzero(domain == code)
            elsewhere = (sales.origin >= 0) & (sales.origin != code)
            knows = np.asarray(users.tastes[:, elsewhere].sum(axis=1)).ravel() > 0
            for asked, rows, group in ((knows, elsewhere, code), (~knows, anywhere, -1)):
                tastes = users.tastes[asked][:, rows]
                out[np.ix_(asked, wanted)] = self._mixture(tastes, rows, columns[wanted], group, sales)
        return torch.from_numpy(out)

    def _mixture(self, tastes: Csr, rows: Bools, columns: Ints, group: int, sales: _Sales) -> Floats:
        """Probabilities [U, I] of `columns`: those of the segments `rows`, in the shares of `tastes` [U, rows]."""
        share = np.asarray(tastes.sum(axis=1)).ravel()
        weight = 1 / (sales.total[rows, group] + self.config.smoothing)
        mixed = sp.diags_array(1 / np.maximum(share, 1e-12)) @ tastes @ sp.diags_array(weight)
        own = (sp.csr_matrix(mixed) @ sales.taken[rows][:, columns]).toarray()
        # Who is in no segment, as where garments have no columns, is everybody.
        backed = np.where(share > 0, self.config.smoothing * np.asarray(mixed.sum(axis=1)).ravel(), 1.0)
        common = sales.overall[columns] / max(sales.mass[group], 1.0)
        scores: Floats = (own + backed[:, None] * common) * (sales.mass[group] / max(sales.mass[-1], 1.0))
        return scores


def _unpacked(params: Params) -> _Sales:
    known = {name: value.numpy() for name, value in params.items()}
    shape = (len(known["origin"]), len(known["overall"]))
    taken = sp.csr_matrix((known["taken"], known["column"], known["start"]), shape=shape)
    return _Sales(taken, known["overall"], known["total"], known["mass"], known["origin"])


def _origin(tastes: Features, domains: tuple[str, ...]) -> Ints:
    """[T] code of the domain each taste was shown in, `_ANY` for one over all domains."""
    origin = np.full(tastes.matrix.shape[1], _ANY, dtype=np.int64)
    for block in tastes.blocks:
        if block.name == DOMAINS:
            origin[block.start : block.stop] = _NONE
        for code, name in enumerate(domains):
            if block.name.startswith(f"taste:{name}:"):
                origin[block.start : block.stop] = code
    return origin


def _by_domain(catalogue: Catalogue) -> Csr:
    """[N, G + 1] ones where an item is in a domain; the last column is all ones."""
    n, g = len(catalogue), len(catalogue.domains)
    own = sp.csr_matrix((np.ones(n), (np.arange(n), catalogue.domain)), shape=(n, g))
    return sp.csr_matrix(sp.hstack([own, np.ones((n, 1))]))


def _widths(catalogue: Catalogue) -> Ints:
    """[L] number of categories of each level; a level above them all, of one category, comes first."""
    return np.array([1, *(int(codes.max(initial=-1)) + 1 for codes in catalogue.category.T)], dtype=np.int64)


def _places(catalogue: Catalogue, rows: Ints, widths: Ints, domains: int) -> list[Ints]:
    """Per level the place among its (category, domain) pairs of each of `rows`, -1 where it is in none known."""
    domain, found = catalogue.domain[rows], []
    for level, width in enumerate(widths):
        codes = catalogue.category[rows, level - 1] if level else np.zeros(len(rows), dtype=np.int64)
        known = (codes >= 0) & (codes < width) & (domain >= 0)
        found.append(np.where(known, codes * domains + domain, -1))
    return found


def _means(catalogue: Catalogue, widths: Ints) -> Csr:
    """[N, C] weights that average items over each (category, domain) pair, level after level, and last over all."""
    parts, domains = [], len(catalogue.domains)
    for place, width in zip(_places(catalogue, np.arange(len(catalogue)), widths, domains), widths, strict=True):
        inside = np.flatnonzero(place >= 0)
        size = np.bincount(place[inside], minlength=width * domains)
        weights = 1 / size[place[inside]]
        parts.append(sp.csr_matrix((weights, (inside, place[inside])), shape=(len(catalogue), width * domains)))
    return sp.csr_matrix(sp.hstack([*parts, np.full((len(catalogue), 1), 1 / len(catalogue))]))


def _columns(items: Items, widths: Ints, sales: _Sales) -> Ints:
    """[I] column of `sales` that speaks for an item: its own if hot, else that of its finest category that sold."""
    domains = len(sales.mass) - 1
    n = len(sales.overall) - int(widths.sum()) * domains - 1
    column = np.full(len(items), len(sales.overall) - 1, dtype=np.int64)
    start = n
    for place, width in zip(_places(items.catalogue, items.rows, widths, domains), widths, strict=True):
        sold = (place >= 0) & (sales.overall[start + np.maximum(place, 0)] > 0)
        column[sold] = start + place[sold]
        start += int(width) * domains
    return np.where(items.rows < n, items.rows, column)


def build(config: Config) -> PopularitySegment:
    """Method with `config`."""
    return PopularitySegment(config)
