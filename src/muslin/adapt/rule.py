"""How an entity's own decision network comes from what it is told: the part in which meta-learners differ."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from muslin.adapt import network
from muslin.adapt.judges import Judge
from muslin.adapt.layouts import LIKENESS, Layout
from muslin.adapt.tasks import Rows, Tasks
from muslin.data.episodes import Entity
from muslin.types import Params

_TEMPER = 50.0
"""What a unit of a trust's parameter counts: it must move far in few of Adam's steps."""
_CARE, _DOUBT = 0.1, 3.0
"""Trust in many events before it is learned, and the events at which it is half of that: rather too little."""
_LEVEL = 3.0
"""What the two units that pass the score through are multiplied with above them, and divided by below.

Steps then move what they make of behaviour more, and how much likeness counts less: from few events that is noise."""


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

    So the untrained network ranks by what is alike, and training can only depart from that where it pays. The other
    units are features of behaviour, of no weight before an entity's events or training give them one.
    """
    params = network.start(inputs, hidden, seed) | {"b3": torch.tensor(-3.0)}
    if layout == "crossed":
        _pass_through(params, (inputs - 2) // 3)
    return params


def _pass_through(params: Params, k: int) -> None:
    params["w1"][:, :2] = 0
    params["w2"][:, :2] = 0
    params["w3"][:] = 0
    passing = params["w1"].new_zeros(params["w1"].shape[1])
    passing[0], passing[1], passing[2 : 2 + k] = 1 / LIKENESS, 0.2, 0.1
    for unit, sign in ((0, 1.0), (1, -1.0)):
        params["w1"][unit] = passing * sign / _LEVEL
        params["w2"][unit] = 0
        params["w2"][unit, unit] = 1
        params["b2"][unit] = 0.1  # open even where nothing comes through, else steps would begin on a kink
        params["w3"][unit] = sign * _LEVEL


def trust() -> Params:
    """`trust/garments`, `trust/shoppers` [2]: logs of how far a step may go after many events, and of the doubt."""
    start = torch.tensor([_CARE, _DOUBT]).log() / _TEMPER
    return {f"trust/{entity}": start.clone() for entity in ("garments", "shoppers")}


def trusted(params: Params, told: Told) -> Tensor:
    """[] the factor of all steps after k events: level x k / (k + doubt), both more than 0."""
    level, doubt = (params[f"trust/{told.entity}"] * _TEMPER).exp().unbind()
    found: Tensor = level * told.k / (told.k + doubt)
    return found
