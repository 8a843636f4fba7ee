"""How an entity's own decision network comes from what it is told: the part in which meta-learners differ."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from muslin.adapt.judges import Judge
from muslin.adapt.layouts import Layout
from muslin.adapt.tasks import Rows, Tasks
from muslin.data.episodes import KS, Entity
from muslin.random import torch_stream
from muslin.types import Params

_TEMPER = 10.0
"""What a unit of a trust's parameter counts: it must move far in few of Adam's steps."""
_DOUBT = 3.0
"""Events at which trust starts at one half."""


class Told(NamedTuple):
    """Of which entity a batch is, how many events each of its tasks is told, and the share of training gone by."""

    entity: Entity
    k: int
    progress: float = 1.0


class Direction(NamedTuple):
    """`loss` [], and what training should go against: by parameter, and by the inputs of support and query."""

    loss: Tensor
    params: Params
    support: Tensor
    query: Tensor


class Rule(Protocol):
    """See the module. Parameters are those that `start` names; inputs are rows of `layouts`."""

    @property
    def layout(self) -> Layout:
        """What it is shown of a pair."""
        ...

    @property
    def exact(self) -> bool:
        """Whether `direction` is the gradient of its loss."""
        ...

    def start(self, inputs: int, seed: int) -> Params:
        """Starting parameters."""
        ...

    def direction(self, params: Params, tasks: Tasks, judge: Judge, told: Told) -> Direction:
        """What to learn from a batch of tasks."""
        ...

    def prior(self, params: Params) -> Params:
        """The decision network (names of `network`) of an entity that is told nothing."""
        ...

    def adapted(self, params: Params, support: Rows, told: Told) -> Params:
        """Decision networks of T entities: what moved has a leading T."""
        ...


def start(layout: Layout, inputs: int, hidden: int, seed: int) -> Params:
    """Starting decision network. `crossed`: two units pass the likeness and the factors' product through.

    So the untrained network ranks by what is alike, and training can only depart from that where it pays.
    """
    rng = torch_stream(seed, "decision")
    small = 1.0 if layout == "joined" else 0.3
    params = {
        "w1": torch.randn(hidden, inputs, generator=rng) * small * (2 / inputs) ** 0.5,
        "b1": torch.zeros(hidden),
        "w2": torch.randn(hidden, hidden, generator=rng) * small * (2 / hidden) ** 0.5,
        "b2": torch.zeros(hidden),
        "w3": torch.randn(hidden, generator=rng) * small * hidden**-0.5,
        "b3": torch.tensor(-3.0),
    }
    if layout == "crossed":
        _pass_through(params, (inputs - 2) // 3)
    return params


def _pass_through(params: Params, k: int) -> None:
    for unit, sign in ((0, 1.0), (1, -1.0)):
        params["w1"][unit] = 0
        params["w1"][unit, 0] = sign
        params["w1"][unit, 1] = sign * 0.2
        params["w1"][unit, 2 : 2 + k] = sign / 3
        params["w2"][unit] = 0
        params["w2"][unit, unit] = 1
        params["b2"][unit] = 0.1  # open even where nothing comes through, else steps would begin on a kink
        params["w3"][unit] = sign


def trust(doubt: float = _DOUBT) -> Params:
    """`trust/garments`, `trust/shoppers` [KS - 1]: by how many events, logarithms of how far a step may go."""
    share = torch.tensor([k / (k + doubt) for k in KS if k])
    return {f"trust/{entity}": share.log() / _TEMPER for entity in ("garments", "shoppers")}


def trusted(params: Params, told: Told) -> Tensor:
    """[] the factor of all steps after `told.k` events, more than 0; between the counts learned for, interpolated."""
    logs = params[f"trust/{told.entity}"] * _TEMPER
    known = [k for k in KS if k]
    if told.k <= known[0]:
        return logs[0].exp()
    at = next((i for i, k in enumerate(known) if told.k <= k), len(known) - 1)
    low, high = known[at - 1], known[at]
    share = min(1.0, (told.k - low) / (high - low))
    return (logs[at - 1] * (1 - share) + logs[at] * share).exp()
