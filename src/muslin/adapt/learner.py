"""A method that learns to adapt: one contract, one way to train, score and adapt, whatever rule does the adapting.

A pair's score is what the shopper's network says of it, plus what the garment's events add: the difference between its
network and the prior. A shopper's network comes from their history, whenever they are scored; a garment's from the
events that `adapt` is told. Either counts as far as so few events are to be believed (`belief`), and a side without
events is answered by the meta-learned prior.

Source: item tasks and shopper tasks as in Vartak et al. 2017 (NeurIPS) and Lee et al. 2019 (KDD, "MeLU"). Differs: both
kinds train one network; what they add is summed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.adapt import belief, layouts, sides, told
from muslin.adapt.judges import Choice, Judge
from muslin.adapt.layouts import Other, pairs
from muslin.adapt.rule import Rule, Told
from muslin.adapt.sides import Garments, Shoppers, Spaces
from muslin.adapt.tasks import Tasks
from muslin.data import episodes
from muslin.data.episodes import TaskBatch, Terms
from muslin.method import Evidence, Schedule
from muslin.types import Features, Items, Params, Support, TrainData, Users


@dataclass(frozen=True)
class Batch:
    """Tasks with the feature rows they need: `content` [I] of garments, `profile` [B] of shoppers."""

    tasks: TaskBatch
    content: Features
    profile: sp.csr_matrix


@dataclass(frozen=True)
class MetaLearner:
    """See the module. `told_most`: events of a shopper that adapt their network at most."""

    rule: Rule
    schedule: Schedule
    spaces: Spaces = field(default_factory=Spaces)
    terms: Terms = field(default_factory=Terms)
    told_most: int = episodes.KS[-1]
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    @property
    def exact(self) -> bool:
        """Whether `step` gives the gradient of its loss."""
        return self.rule.exact

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters of `adapt.sides` and of the rule, and the strangers that stand for all others."""
        params = sides.start(data, self.spaces, seed)
        known = episodes.strangers(data, seed, self.terms.refused)
        params |= sides.keep_strangers(data, known.users, known.items)
        width = layouts.width(self.rule.layout, self.spaces.dimensions, self.spaces.factors)
        return params | self.rule.start(width, seed) | belief.start()

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Tasks of garments and of shoppers."""
        progress = min(1.0, epoch / max(1, self.schedule.epochs - 1))
        features, profile = data.catalogue.features, data.shoppers.features.matrix
        for tasks in episodes.episodes(data, seed, epoch, self.terms, progress=progress):
            yield Batch(tasks, features.take(tasks.items), profile[tasks.user])

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """The rule's direction for its own parameters, carried on through the inputs to those of both sides."""
        trained = {n: p for n, p in params.items() if n.partition("/")[0] not in _FIXED}
        own = {n: p for n, p in trained.items() if n not in _SIDES and n.partition("/")[0] not in _SIDES}
        leaves = {n: p.detach().requires_grad_() for n, p in trained.items() if n not in own}
        both = self._both(params | leaves, batch)
        rows = [pairs(params | leaves, self.rule.layout, both, part) for part in (batch.tasks.told, batch.tasks.asked)]
        tasks = Tasks(*(r._replace(inputs=r.inputs.detach()) for r in rows))
        now = Told(batch.tasks.entity, batch.tasks.k, batch.tasks.progress)
        found = self.rule.direction(own, tasks, _judge(batch.tasks), now)
        outputs = [(r.inputs, by) for r, by in zip(rows, (found.support, found.query), strict=True) if r.inputs.numel()]
        grads = torch.autograd.grad(
            [o for o, _ in outputs], list(leaves.values()), [by for _, by in outputs], materialize_grads=True
        )
        return found.params | dict(zip(leaves, grads, strict=True)), {"loss": found.loss.item()}

    def rehearse(self, params: Params, left_out: Support, seed: int) -> Params:
        """How far few events of a garment are to be believed; see `adapt.belief`."""
        return belief.learned(self, params, left_out, len(params["sold"]), seed)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """[U, I]."""
        shop = told.shop(params, users, items)
        what = shop.everything.take(torch.from_numpy(shop.candidates))
        scores, other = self._before_events(params, shop.who, what)
        for rows, networks in told.of_shoppers(self.rule, params, shop, self.told_most):
            own = other._replace(likeness=other.likeness[rows])
            scores[rows] = layouts.evaluated(networks, own)
        self._add_events(params, scores, (shop.who, what), items)
        return scores

    def adapt(self, params: Params, support: Support) -> Params:
        """`adapted/rows` [J] and `adapted/...`: networks of the J garments that have events, less the prior's."""
        return told.of_garments(self.rule, params, support, self.told_most)

    @property
    def _joined(self) -> bool:
        return self.rule.layout == "joined"

    def _both(self, params: Params, batch: Batch) -> tuple[Shoppers, Garments]:
        tasks = batch.tasks
        what = sides.garments(params, batch.content, tasks.items, tasks.hidden)
        return sides.shoppers(params, tasks.history, what, batch.profile), what

    def _before_events(self, params: Params, who: Shoppers, what: Garments) -> tuple[Tensor, Other]:
        """[U, I] by the prior network, and the garments as networks of shoppers are shown them."""
        other = Other(what.vectors if self._joined else what.factors, sides.likenesses(params, who, what), what.sold)
        prior = layouts.networks(self.rule.prior(params), self.rule.layout, "shoppers", who)
        return layouts.evaluated(prior, other), other

    def _add_events(self, params: Params, scores: Tensor, both: tuple[Shoppers, Garments], items: Items) -> None:
        """Add in place what the events of adapted garments say."""
        who, what = both
        columns, believed, networks = told.stored(self.rule, params, items.rows)
        if not len(columns):
            return
        own = what.take(torch.from_numpy(columns))
        alike = sides.likenesses(params, who, own).T.contiguous()
        other = Other(who.taste if self._joined else who.factors, alike, torch.zeros(len(who.taste)))
        before = layouts.networks(self.rule.prior(params), self.rule.layout, "garments", own)
        after = layouts.networks(networks, self.rule.layout, "garments", own)
        more = layouts.evaluated(after, other) - layouts.evaluated(before, other)
        scores[:, torch.from_numpy(columns)] += (more * believed[:, None]).T


_FIXED = frozenset({*sides.FIXED, "belief"})
"""Parameters that no batch moves, by their first word."""
_SIDES = frozenset({"content", "bias", "profile", "log_scale", "expected"})
"""Trained parameters of `sides`, by their first word."""


def _judge(tasks: TaskBatch) -> Judge:
    if tasks.entity == "garments":
        return Choice(0)
    return Choice(1, torch.from_numpy(tasks.offset))
