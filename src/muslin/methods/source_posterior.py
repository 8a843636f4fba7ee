"""Muslin's own bridge: what a shopper took elsewhere gives a posterior there, and that is the prior here.

Segment popularity, likeness, profiles and factors each say something of what a shopper who is new to a domain will
take. A taste shown elsewhere is known as well as a sample of that size tells it: how far it is pulled back to
everybody's is tried on a grid that holds the measured posterior and no pull at all, and what is not known of it is
given as the standard deviation of the score. How much each opinion counts is learned from shoppers of both sides who
act as new: what they took here is hidden from all counts, maps and factors, and then asked for.

Source: experts pooled in log-odds, Genest and Zidek 1986 (Statistical Science 1(1), "Combining probability
distributions"), with weights from choices as in McFadden 1974; the bridge between factors after Man et al. 2017
(IJCAI); Dirichlet posteriors, Gelman et al. 2013 (Bayesian Data Analysis), section 3.4.
Differs: as `nets.opinions` and `nets.echoes` say; a shopper who took something here has their vector moved on from
where the bridge puts it. Without enough shared shoppers for a domain, what others teach of content (`nets.carried`)
comes beside profile, likeness and popularity, with weights that are given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive
from muslin.nets import blend, domain_factors, opinions, panel
from muslin.nets.domains import View, drawn, hidden, within
from muslin.types import Floats, Items, Params, TrainData, Users

What: TypeAlias = Callable[[Params, View, Users, Items, domain_factors.Shape], Floats]

LEAST = 40
"""Shared shoppers without whom no weights are learned."""
_HIDDEN = 0.25
"""Share of the shared shoppers who act as new."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    factors: Count = 64
    """Length of item and shopper vectors."""
    iterations: Count = 15
    """Alternations."""
    regularization: Positive = 10.0
    """L2 penalty of the factors."""
    alpha: Positive = 10.0
    """Confidence of an event is 1 + alpha, of anything else 1."""
    map_penalty: Positive = 100.0
    """L2 penalty of the content-to-factor map."""
    map_strength: Positive = 1.0
    """L2 penalty of the map between domains, in units of the variance of the vectors."""
    smoothing: Positive = 20.0
    """Garments' worth of chance that what goes with each value elsewhere is mixed with."""
    profile_smoothing: Positive = 100.0
    """The same of each profile feature."""
    penalty: NotNegative = 0.001
    """Of squared weights of opinions."""
    asked: Count = 2000
    """Choices that weights are learned from at most."""
    alternatives: Count = 384
    """Garments each choice is compared with."""


@dataclass(frozen=True)
class SourcePosterior:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    def init(self, data: TrainData, seed: int) -> Params:
        """What `nets.domain_factors.fit` gives, and by domain g `g/...` of `nets.opinions.fit`.

        Where weights are learned also `g/counts` [E], those of the opinions, and `g/caution` [1]. `profile_block` [F]:
        column of each profile feature.
        """
        params = self._fitted(data, seed)
        sides, pairs = domain_factors.trained_views(params), sp.csr_matrix(data.matrix().sign(), dtype=np.float32)
        asked = drawn(pairs, sides, seed, share=_HIDDEN, least=LEAST)
        if not any(map(len, asked)):
            return params
        left = hidden(data, sides, asked)
        guess, histories = self._fitted(left, seed), left.matrix()
        for view, rows in zip(sides, asked, strict=True):
            if len(rows):
                users = Users(rows, data.shoppers.features.matrix[rows], histories[rows])
                told = panel.Told(view, users, Items(data.catalogue, view.own), within(pairs[rows], view.own))
                found = panel.weighed(guess, told, self._terms(), seed)
                params |= {f"{view.code}/{name}": value for name, value in found.items()}
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Utilities [U, I] in log-odds of the garments of each domain."""
        return self._over_domains(params, users, items, panel.utilities)

    def uncertainty(self, params: Params, users: Users, items: Items) -> Tensor:
        """[U, I] standard deviation of the utility, over the posterior of the shopper's tastes elsewhere."""
        return self._over_domains(params, users, items, panel.doubts)

    def _fitted(self, data: TrainData, seed: int) -> Params:
        """All parameters but the weights of opinions."""
        shape = self._shape()
        params = domain_factors.fit(data, shape, seed)
        for view in domain_factors.trained_views(params):
            found = opinions.fit(data, view, params, opinions.Shape.of(self.config), shape)
            params |= {f"{view.code}/{name}": value for name, value in found.items()}
        return params | {"profile_block": torch.from_numpy(blend.owners(data.shoppers.features))}

    def _over_domains(self, params: Params, users: Users, items: Items, what: What) -> Tensor:
        """[U, I] of `what`, domain by domain and some shoppers at a time."""
        _, domain = domain_factors.candidates(params, items)
        out = torch.zeros(len(users), len(items))
        for view in domain_factors.trained_views(params):
            wanted = np.flatnonzero(domain == view.code)
            for start in range(0, len(users) if len(wanted) else 0, panel.ROWS):
                block = slice(start, start + panel.ROWS)
                asked = Items(items.catalogue, items.rows[wanted])
                found = what(params, view, users[block], asked, self._shape())
                out[block, torch.from_numpy(wanted)] = torch.from_numpy(found)
        return out

    def _shape(self) -> domain_factors.Shape:
        return domain_factors.Shape.of(self.config)

    def _terms(self) -> panel.Terms:
        c = self.config
        return panel.Terms(shape=self._shape(), penalty=c.penalty, asked=c.asked, alternatives=c.alternatives)


def build(config: Config) -> SourcePosterior:
    """Method with `config`."""
    return SourcePosterior(config)
