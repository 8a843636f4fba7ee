"""A method that sees only some of the features: what an ablation compares, and nothing else differs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from muslin.method import Adaptable, Calibrated, Evidence, Examined, Rehearsed, Schedule, Scorer, Trainable, Uncertain
from muslin.types import Features, Ints, Items, Params, Support, TrainData, Users


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """Columns by name: of `items`, and of the shoppers' `profile`."""

    items: frozenset[str] = frozenset()
    profile: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Blind:
    """`method` without the `hidden` columns: of shoppers it sees only the places `profile` [F] and `tastes` [T].

    Features are hidden, nothing else: families and category codes stay, and so does `scoring.silent`'s view of who has
    a profile at all.
    """

    method: Scorer
    hidden: Hidden
    profile: Ints
    tastes: Ints | None

    @property
    def evidence(self) -> frozenset[Evidence]:
        """What of a shopper it still reads."""
        return self.method.evidence - (frozenset() if len(self.profile) else {"profile"})

    def init(self, data: TrainData, seed: int) -> Params:
        """As the method's, on what is left."""
        return self.method.init(self._data(data), seed)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """As the method's, on what is left."""
        return self.method.score(params, self._users(users), self._items(items))

    def _users(self, users: Users) -> Users:
        tastes = None if users.tastes is None else users.tastes[:, self.tastes]
        return replace(users, features=users.features[:, self.profile], tastes=tastes)

    def _items(self, items: Items) -> Items:
        return Items(
            replace(items.catalogue, features=_without(items.catalogue.features, self.hidden.items)), items.rows
        )

    def _support(self, support: Support) -> Support:
        return replace(support, users=self._users(support.users), items=self._items(support.items))

    def _data(self, data: TrainData) -> TrainData:
        catalogue = replace(data.catalogue, features=_without(data.catalogue.features, self.hidden.items))
        shoppers = replace(data.shoppers, features=_without(data.shoppers.features, self.hidden.profile))
        tastes = None if data.tastes is None else _without(data.tastes, _shown(data.tastes, self.hidden.items))
        return replace(data, catalogue=catalogue, shoppers=shoppers, tastes=tastes)


class _Learns:
    """A method that learns by gradient."""

    method: Trainable

    @property
    def schedule(self) -> Schedule:
        """The method's."""
        return self.method.schedule

    def batches(self: Any, data: TrainData, seed: int, epoch: int) -> Iterator[Any]:
        """As the method's, on what is left."""
        found: Iterator[Any] = self.method.batches(self._data(data), seed, epoch)
        return found

    def step(self, params: Params, batch: Any) -> tuple[Params, dict[str, float]]:
        """The method's: a batch holds only what is left."""
        return self.method.step(params, batch)


class _IsExamined:
    """A method that chooses what to leave out, to know when to stop."""

    method: Examined

    def held_out(self: Any, data: TrainData, seed: int) -> tuple[TrainData, Callable[[Params], float]] | None:
        """The method's choice and its score, on what is left; hiding the same columns once more changes nothing."""
        found: tuple[TrainData, Callable[[Params], float]] | None = self.method.held_out(self._data(data), seed)
        return found


class _IsRehearsed:
    """A method that garments left out teach."""

    method: Rehearsed

    def rehearse(self: Any, params: Params, left_out: Support, seed: int) -> Params:
        """The method's, on what is left."""
        taught: Params = self.method.rehearse(params, self._support(left_out), seed)
        return taught


class _Adapts:
    """A method that learns from first events."""

    method: Adaptable

    def adapt(self: Any, params: Params, support: Support) -> Params:
        """The method's, on what is left."""
        adapted: Params = self.method.adapt(params, self._support(support))
        return adapted


class _Guesses:
    """A method that states probabilities."""

    method: Calibrated

    def probabilities(self: Any, params: Params, users: Users, items: Items, scores: Tensor | None = None) -> Tensor:
        """As the method's, on what is left."""
        found: Tensor = self.method.probabilities(params, self._users(users), self._items(items), scores)
        return found


class _Doubts:
    """A method that states how uncertain its scores are."""

    method: Uncertain

    def uncertainty(self: Any, params: Params, users: Users, items: Items) -> Tensor:
        """As the method's, on what is left."""
        found: Tensor = self.method.uncertainty(params, self._users(users), self._items(items))
        return found


_FORMS: tuple[tuple[type, type], ...] = (
    (Trainable, _Learns),
    (Examined, _IsExamined),
    (Rehearsed, _IsRehearsed),
    (Adaptable, _Adapts),
    (Calibrated, _Guesses),
    (Uncertain, _Doubts),
)
"""What a method may be able to do besides ranking; a blind one can do the same, for who asks looks at its class."""


def blinded(method: Scorer, hidden: Hidden, shoppers: Features, tastes: Features | None = None) -> Scorer:
    """`method` without sight of `hidden`; the method itself where nothing is.

    `shoppers`: features of any shoppers of the same world, and `tastes` where the method reads them: they tell where
    the columns are.
    """
    if not hidden.items and not hidden.profile:
        return method
    profile = _columns(shoppers, hidden.profile)
    liked = None if tastes is None else _columns(tastes, _shown(tastes, hidden.items))
    forms = tuple(form for protocol, form in _FORMS if isinstance(method, protocol))
    form: type[Blind] = type("Blind", (*forms, Blind), {})
    return form(method, hidden, profile, liked)


def _columns(features: Features, hidden: frozenset[str]) -> Ints:
    """Columns of the blocks that are not `hidden`."""
    kept = [np.arange(b.start, b.stop) for b in features.blocks if b.name not in hidden]
    return np.concatenate([np.empty(0, dtype=np.int64), *kept])


def _shown(tastes: Features, items: frozenset[str]) -> frozenset[str]:
    """Blocks of `tastes` in which the item columns `items` show: `taste:COLUMN` and `taste:DOMAIN:COLUMN`."""
    return frozenset(b.name for b in tastes.blocks if any(b.name.endswith(f":{name}") for name in items))


def _without(features: Features, names: frozenset[str]) -> Features:
    every = {b.name for b in features.blocks} | {d.name for d in features.dense}
    return features.only(every - names)
