"""EMCDR, re-implemented: factors of each domain, and a map of shoppers from what they took elsewhere into a domain.

Shoppers who are in two domains show how a taste in one looks in the other. The map that is learned from them gives a
shopper who is new to a domain a vector there. Of all other domains together is mapped, whatever their number.

Source: Man et al. 2017 (IJCAI, "Cross-Domain Recommendation: An Embedding and Mapping Approach"), section 3; written
from the paper.
Differs: factors are implicit ALS (`nets.domain_factors`); the map has an intercept, and popularity counts beside it;
which map it is, how strong its penalty and how much popularity counts are chosen on a fifth of the shared shoppers,
left out of the map; a shopper who took something of the domain is folded in from that alone; new garments have factors
by content. With too few shared shoppers, or nothing taken elsewhere, a domain is ranked by its popularity.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from muslin.method import Count, Evidence, Positive
from muslin.nets import bridges, domain_factors
from muslin.nets.domains import View, active, within
from muslin.types import Csr, Items, Params, TrainData, Users

Mapping: TypeAlias = Literal["linear", "mlp", "either"]

LEAST = 20
"""Shared shoppers without whom no map is learned."""
_KINDS: dict[Mapping, tuple[bridges.Kind, ...]] = {"linear": ("linear",), "mlp": ("mlp",), "either": ("linear", "mlp")}


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
    mapping: Mapping = "either"
    """The map between domains: linear, mlp with one hidden layer, or either, whichever ranks better."""


@dataclass(frozen=True)
class Emcdr:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    def init(self, data: TrainData, seed: int) -> Params:
        """What `nets.domain_factors.fit` gives, and for each domain g with a map those of `nets.bridges` as `g/...`.

        `g/share` [1]: how much popularity counts beside the map.
        """
        params = domain_factors.fit(data, self._shape(), seed)
        pairs = data.matrix()
        for view in domain_factors.trained_views(params):
            both = domain_factors.both_sides(params, view, pairs, self._shape())
            if len(both.source) >= LEAST:
                found = bridges.chosen(_KINDS[self.config.mapping], both, seed)
                params |= {f"{view.code}/{name}": value for name, value in found.items()}
        return params

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of shoppers and items in the domain of each item."""
        table, domain = domain_factors.candidates(params, items)
        out = torch.zeros(len(users), len(items))
        for view in domain_factors.trained_views(params):
            wanted = torch.from_numpy(np.flatnonzero(domain == view.code))
            if len(wanted):
                out[:, wanted] = self._vectors(params, view, users.history) @ table[wanted].T
        return out

    def _vectors(self, params: Params, view: View, history: Csr) -> Tensor:
        """[U, K + 1] of shoppers in a domain: by what they took there, else by the map, else popularity."""
        own, other = active(within(history, view.own)), active(within(history, view.other))
        found = params["usual"][view.code].repeat(history.shape[0], 1)
        bridge = _bridge_of(params, view)
        new = np.flatnonzero(other & ~own)
        if bridge and len(new):
            source = domain_factors.other_vectors(params, view, history[new], self._shape())
            share = (bridge["share"] * params["usual"][view.code, -1]).expand(len(new), 1)
            found[torch.from_numpy(new)] = torch.cat([bridges.mapped(bridge, source), share], dim=1)
        known = np.flatnonzero(own)
        if len(known):
            vectors = domain_factors.own_vectors(params, view, history[known], self._shape())
            found[torch.from_numpy(known)] = torch.cat([vectors, torch.zeros(len(known), 1)], dim=1)
        return found

    def _shape(self) -> domain_factors.Shape:
        return domain_factors.Shape.of(self.config)


def _bridge_of(params: Params, view: View) -> Params:
    """The map into a domain, empty where there is none."""
    start = f"{view.code}/"
    return {name.removeprefix(start): value for name, value in params.items() if name.startswith(start)}


def build(config: Config) -> Emcdr:
    """Method with `config`."""
    return Emcdr(config)
