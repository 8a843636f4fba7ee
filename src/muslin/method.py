"""The contract every method keeps: parameters are a plain dictionary, state goes in and comes out.

Whatever fits in one pass (counting, linear algebra, a library's own solver) happens in `init`. A method that learns by
gradient is also `Trainable`: it names its batches and its gradients, and the one loop (`train.loop`) applies them.
`step` returns gradients and not a loss, so that Reptile, whose direction is no gradient of anything, fits too.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias, TypeGuard, runtime_checkable

import msgspec
from torch import Tensor

from muslin.types import Items, Params, Support, TrainData, Users

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""Type of an option that counts something."""
NotNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
"""Type of an option that is a size."""
Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
"""Type of an option that must not be zero either."""

Evidence: TypeAlias = Literal["history", "profile", "tastes"]
"""What there may be to know of a shopper; `tastes` is the behaviour profile drawn from their history."""

Side: TypeAlias = Literal["items", "shoppers", "own"]
"""Whose features the rows of a parameter belong to; `own`: to garments of one catalogue, and never carried."""


@runtime_checkable
class Scorer(Protocol):
    """A method that can rank."""

    @property
    def evidence(self) -> frozenset[Evidence]:
        """What of a shopper it reads. One who brings none of it is answered by popularity (`scoring.score`).

        Empty for a method that treats all shoppers alike on purpose: it is never replaced.
        """
        ...

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters learned in one pass, or the starting point of training. Same data and seed: same parameters."""
        ...

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Scores [U, I] float32, finite, larger is better. Must not depend on which other users are in the call."""
        ...


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast the loop trains."""

    epochs: int
    """Passes over the training data at most."""
    learning_rate: float
    """Adam's step size."""
    weight_decay: float = 0.0
    """Decoupled weight decay (AdamW)."""
    patience: int = 3
    """Stop after this many epochs without a better validation score."""

    @classmethod
    def of(cls, config: object) -> "Schedule":
        """From the options of a method that have these names; what it does not name stays as above."""
        return cls(**{f.name: getattr(config, f.name) for f in fields(cls) if hasattr(config, f.name)})


@runtime_checkable
class Trainable(Scorer, Protocol):
    """A method that learns by gradient."""

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        ...

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Any]:
        """Batches of one epoch: a pure function of its arguments, which is what makes resuming exact."""
        ...

    def step(self, params: Params, batch: Any) -> tuple[Params, dict[str, float]]:
        """Gradients by parameter name (absent = not trained) and numbers to report. Does not change `params`."""
        ...


@runtime_checkable
class Approximate(Trainable, Protocol):
    """A method whose `step` may give a direction that is not the gradient of the loss it reports."""

    @property
    def exact(self) -> bool:
        """Whether it is the gradient after all."""
        ...


@runtime_checkable
class Examined(Trainable, Protocol):
    """A method that learns something of shoppers, which ranking garments left out would not tell it when to stop."""

    def held_out(self, data: TrainData, seed: int) -> tuple[TrainData, Callable[[Params], float]] | None:
        """`data` without a part of its events, and how well parameters learned from the rest do on that part.

        A larger score is better. None where there is too little to leave anything out.
        """
        ...


@runtime_checkable
class Rehearsed(Trainable, Protocol):
    """A method with a few numbers that only garments left out of its training can teach."""

    def rehearse(self, params: Params, left_out: Support, seed: int) -> Params:
        """What `left_out` teaches, by name: it takes the place of what `params` has under these names.

        `params`: learned without anything of `left_out`, which holds all events of garments whose families were left
        out whole, and some of trained ones, with shoppers whose histories lack them. Pure. Names no row of a catalogue.
        """
        ...


@runtime_checkable
class Proximal(Trainable, Protocol):
    """A method that pulls its parameters somewhere beside going down a gradient."""

    def prox(self, params: Params, rate: float) -> Params:
        """Parameters after the pull of one step of size `rate`, by name (absent = not pulled).

        The loop calls it after each of its own steps, so that a pull of any strength is stable.
        """
        ...


@runtime_checkable
class Transferable(Trainable, Protocol):
    """A method whose parameters mean the same in another domain, because it knows garments by their features."""

    @property
    def sides(self) -> Mapping[str, Side]:
        """By first word of a parameter's name: whose features its rows belong to, one row a feature."""
        ...

    def groups(self, params: Params) -> tuple[frozenset[str], ...]:
        """Names of all trained parameters, from the head down to what reads the features."""
        ...

    def adapters(self, params: Params, seed: int) -> Params:
        """Few new parameters that change nothing yet and let what the features say be bent."""
        ...

    def represent(self, params: Params, batch: Any) -> Tensor:
        """[T, K] what the network makes of the garments of a batch."""
        ...

    def logits(self, params: Params, batch: Any) -> Tensor:
        """[B, 1 + S] logits of each target and of the shared negatives; minus infinity for those that do not count."""
        ...


@runtime_checkable
class Adaptable(Scorer, Protocol):
    """A method that learns from the first events of new garments without being trained again."""

    def adapt(self, params: Params, support: Support) -> Params:
        """`params` with what `support` says of its items added, in place of what an earlier call added.

        Pure. `support` holds all events of its items so far: the posterior is derived anew, never updated. Additions
        may name items by catalogue row, which is stable.
        """
        ...


@runtime_checkable
class Calibrated(Scorer, Protocol):
    """A method that can say how likely it is that what it recommends is taken."""

    def probabilities(self, params: Params, users: Users, items: Items, scores: Tensor | None = None) -> Tensor:
        """[U, I] float32 from 0 to 1: the chance that the item is among what the shopper takes next.

        Of a shopper who takes something; new and known items, and shoppers, on one scale. After `adapt` as before it.
        `scores` [U, I]: what `score` gives, where that is known already.
        """
        ...


def says_chances(method: Scorer) -> TypeGuard[Calibrated]:
    """Whether `method` is `Calibrated`, told by one look: every answer asks, and the protocol's check is slow."""
    return callable(getattr(method, "probabilities", None))


@runtime_checkable
class Uncertain(Scorer, Protocol):
    """A method that can say how far its scores may be from what they will be once more events are known."""

    def uncertainty(self, params: Params, users: Users, items: Items) -> Tensor:
        """[U, I] float32, not negative: the standard deviation of each score, in units of the score."""
        ...


class Fitted(NamedTuple):
    """A method with what it learned."""

    method: Scorer
    params: Params
