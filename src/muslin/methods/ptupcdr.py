"""PTUPCDR, re-implemented: a bridge between domains for each shopper, written by a network that reads what they took.

Where one map for everybody (`emcdr`) says how a taste elsewhere looks in a domain, here a network makes a map of what
the shopper took elsewhere. It learns from what shoppers of both sides took in the domain, not from their vectors there.

Source: Zhu et al. 2022 (WSDM, "Personalized Transfer of User Preferences for Cross-domain Recommendation"), sections
3.2 and 3.3; written from the paper.
Differs: see `nets.personal_bridge` for the network and `nets.domain_factors` for the vectors; the loss is the paper's
squared error for implicit feedback, over all garments of the domain, an event counting 1 + alpha and the rest 1;
popularity counts beside it as in `emcdr`; a shopper who took something of the domain is folded in from there, starting
at the bridge's vector; training stops by shoppers whose target events were left out. Without enough shared shoppers, or
anything taken elsewhere, a domain is ranked by its popularity.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive, Schedule
from muslin.nets import bridges, domain_factors, personal_bridge
from muslin.nets.descent import gradients
from muslin.nets.domains import View, active, drawn, hidden, shared, views, within
from muslin.nets.gain import gained
from muslin.random import stream
from muslin.types import Csr, Items, Params, TrainData, Users

LEAST = 20
"""Shared shoppers without whom no bridge is learned."""
STEPS = 8
"""Steps of an epoch in a domain at least, where there are shoppers for them."""


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
    hidden: Count = 50
    """Units of the meta network's hidden layer."""
    epochs: Count = 20
    """Passes over the shared shoppers at most."""
    learning_rate: Positive = 0.01
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 3
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 256
    """Shoppers per step at most."""


@dataclass(frozen=True)
class Batch:
    """Shoppers of both sides of the domain that `view` shows, as `history` [B, N]."""

    view: View
    history: Csr


@dataclass(frozen=True)
class Ptupcdr:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """What `nets.domain_factors.fit` gives, and for each domain g with a bridge its parameters as `g/...`.

        Those are `share` [1], how much popularity counts beside the bridge, and those of `nets.personal_bridge`.
        """
        params = domain_factors.fit(data, self._shape(), seed)
        pairs = data.matrix()
        for view in domain_factors.trained_views(params):
            both = domain_factors.both_sides(params, view, pairs, self._shape())
            if len(both.source) >= LEAST:
                common = bridges.chosen(("linear",), both, seed)
                found = personal_bridge.start(common, params[f"other/{view.code}"], self.config.hidden, seed)
                params |= {f"{view.code}/{name}": value for name, value in found.items()}
        return params

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Shared shoppers of one domain after the other, shuffled."""
        pairs, rng = sp.csr_matrix(data.matrix().sign()), stream(seed, "ptupcdr", epoch)
        for view in views(data.catalogue.domain, len(data.catalogue.domains)):
            rows = shared(pairs, view)
            if len(rows) >= LEAST:
                order = rng.permutation(rows)
                size = min(self.config.batch_size, max(8, len(rows) // STEPS))
                for start in range(0, len(order), size):
                    yield Batch(view, pairs[order[start : start + size]])

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """Gradients of the squared error over the garments of one domain."""
        trained = {f"{batch.view.code}/{name}" for name in personal_bridge.TRAINED}
        return gradients(self._loss, params, batch, frozenset(params.keys() - trained))

    def held_out(self, data: TrainData, seed: int) -> tuple[TrainData, Callable[[Params], float]] | None:
        """`data` in which some shared shoppers are new to a domain, and how high what they took there is ranked."""
        pairs, sides = sp.csr_matrix(data.matrix().sign()), views(data.catalogue.domain, len(data.catalogue.domains))
        asked = drawn(pairs, sides, seed, least=2 * LEAST)
        if not any(map(len, asked)):
            return None
        left = hidden(data, sides, asked)
        known = sp.csr_matrix(left.matrix())

        def judge(params: Params) -> float:
            found = [
                self._judged(params, v, known[r], within(pairs[r], v.own)) for v, r in zip(sides, asked, strict=True)
            ]
            return float(np.average(found, weights=[len(rows) for rows in asked]))

        return left, judge

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of shoppers and items in the domain of each item."""
        table, domain = domain_factors.candidates(params, items)
        out = torch.zeros(len(users), len(items))
        for view in domain_factors.trained_views(params):
            wanted = torch.from_numpy(np.flatnonzero(domain == view.code))
            if len(wanted):
                out[:, wanted] = self._vectors(params, view, users.history) @ table[wanted].T
        return out

    def _loss(self, params: Params, batch: Batch) -> Tensor:
        """Squared error of all scores in the domain, by a taken garment."""
        view, alpha = batch.view, self.config.alpha
        item_IK = params["item"][torch.from_numpy(view.own), :-1]
        taken = within(batch.history, view.own)
        user_BK = self._crossed(params, view, batch.history)
        row = torch.from_numpy(np.repeat(np.arange(taken.shape[0]), np.diff(taken.indptr)))
        own_IK = item_IK.index_select(0, torch.from_numpy(taken.indices.astype(np.int64)))
        score = (user_BK.index_select(0, row) * own_IK).sum(dim=1)
        everything = ((user_BK @ params["gram"][view.code].float()) * user_BK).sum()
        found: Tensor = (((1 + alpha) * (1 - score).square() - score.square()).sum() + everything) / len(score)
        return found

    def _crossed(self, params: Params, view: View, history: Csr) -> Tensor:
        """Target vectors [U, K] over the bridge into the domain."""
        source = domain_factors.other_vectors(params, view, history, self._shape())
        bridge, items = _bridge_of(params, view), params[f"other/{view.code}"]
        return personal_bridge.crossed(bridge, items, within(history, view.other), source)

    def _vectors(self, params: Params, view: View, history: Csr) -> Tensor:
        """[U, K + 1] of shoppers in a domain: over the bridge, moved by what they took there, else popularity."""
        own, other = active(within(history, view.own)), active(within(history, view.other))
        found = params["usual"][view.code].repeat(history.shape[0], 1)
        bridge = _bridge_of(params, view)
        there = np.flatnonzero(other) if bridge else np.empty(0, dtype=np.int64)
        if len(there):
            share = (bridge["share"] * params["usual"][view.code, -1]).expand(len(there), 1)
            crossed = self._crossed(params, view, history[there])
            found[torch.from_numpy(there)] = torch.cat([crossed, share], dim=1)
        known = np.flatnonzero(own)
        if len(known):
            prior = found[torch.from_numpy(known), :-1]
            vectors = domain_factors.own_vectors(params, view, history[known], self._shape(), prior)
            found[torch.from_numpy(known)] = torch.cat([vectors, torch.zeros(len(known), 1)], dim=1)
        return found

    def _judged(self, params: Params, view: View, history: Csr, taken: Csr) -> float:
        with torch.no_grad():
            table = params["item"][torch.from_numpy(view.own)]
            return gained((self._vectors(params, view, history) @ table.T).numpy(), taken)

    def _shape(self) -> domain_factors.Shape:
        return domain_factors.Shape.of(self.config)


def _bridge_of(params: Params, view: View) -> Params:
    """The bridge into a domain, empty where there is none."""
    start = f"{view.code}/"
    return {name.removeprefix(start): value for name, value in params.items() if name.startswith(start)}


def build(config: Config) -> Ptupcdr:
    """Method with `config`."""
    return Ptupcdr(config)
