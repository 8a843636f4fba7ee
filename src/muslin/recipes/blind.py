"""A method that sees only some of the features: what an ablation compares, and nothing else differs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from muslin.method import Evidence, Schedule, Scorer, Trainable
from muslin.types import Features, Ints, Items, Params, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Columns by name: of `items`, and of the shoppers' `profile`."""

    items: frozenset[str] = frozenset()
    profile: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Blind:
    """`method` without the item columns `items`, and of the profile only the feature columns `profile` [F].

    Features are hidden, nothing else: families and category codes stay, and so does `scoring.silent`'s view of who has
    a profile at all.
    """

    method: Scorer
    items: frozenset[str]
    profile: Ints

    @property
    def evidence(self) -> frozenset[Evidence]:
        """What of a shopper it still reads."""
        return self.method.evidence - (frozenset() if len(self.profile) else {"profile"})

    def init(self, data: TrainData, seed: int) -> Params:
        """As the method's, on what is left."""
        return self.method.init(self._data(data), seed)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """As the method's, on what is left."""
        catalogue = replace(items.catalogue, features=_without(items.catalogue.features, self.items))
        fewer = replace(users, features=users.features[:, self.profile])
        return self.method.score(params, fewer, Items(catalogue, items.rows))

    def _data(self, data: TrainData) -> TrainData:
        catalogue = replace(data.catalogue, features=_without(data.catalogue.features, self.items))
        profile = Features(data.shoppers.features.matrix[:, self.profile], ())
        return replace(data, catalogue=catalogue, shoppers=replace(data.shoppers, features=profile))


@dataclass(frozen=True)
class BlindTrainable(Blind):
    """The same for a method that learns by gradient."""

    method: Trainable

    @property
    def schedule(self) -> Schedule:
        """The method's."""
        return self.method.schedule

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Any]:
        """As the method's, on what is left."""
        return self.method.batches(self._data(data), seed, epoch)

    def step(self, params: Params, batch: Any) -> tuple[Params, dict[str, float]]:
        """The method's: a batch holds only what is left."""
        return self.method.step(params, batch)


def blinded(method: Scorer, hidden: Hidden, shoppers: Features) -> Scorer:
    """`method` without sight of `hidden`; the method itself where nothing is.

    `shoppers`: features of any shoppers of the same world, which tell where the profile's columns are.
    """
    if not hidden.items and not hidden.profile:
        return method
    kept = [np.arange(b.start, b.stop) for b in shoppers.blocks if b.name not in hidden.profile]
    columns = np.concatenate([np.empty(0, dtype=np.int64), *kept])
    if isinstance(method, Trainable):
        return BlindTrainable(method, hidden.items, columns)
    return Blind(method, hidden.items, columns)


def _without(features: Features, names: frozenset[str]) -> Features:
    every = {b.name for b in features.blocks} | {d.name for d in features.dense}
    return features.only(every - names)
