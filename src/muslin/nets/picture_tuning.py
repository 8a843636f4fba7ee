"""Teaches a picture encoder what goes together: the vectors of garments that one shopper took come to lie close.

Three stages, each a `Trainable` that starts where the one before ended, so that nothing is torn while the new layers
are still random:

* `head`: the backbone is frozen; a linear projection of its vectors is learned.
* `adapter`: a small residual bottleneck before the projection is learned beside it.
* `top`: the last block and the last convolution of the backbone are learned beside it, from stored maps of what the
  block reads.

A shopper is the mean vector of what they took without the target's family; the target is told apart from shared
negatives by a sampled softmax. The last level of the category path is asked for too, which teaches what nobody bought
often enough to say.

Sources: head first, then the rest: Kumar et al. 2022 (arXiv 2202.10054), section 4; the adapter: Houlsby et al. 2019
(arXiv 1902.00751), section 2.1; sampled softmax as in `methods.two_tower`; the penalty: `nets.transfer`.
Differs: the projection starts as the leading principal directions of the frozen vectors, so that untrained it orders
garments as the frozen encoder does; the adapter stands once, after pooling; logits are not corrected for how often a
negative is drawn, so that vectors need not tell what sells.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from muslin.data.pairs import PairBatch, pair_batches
from muslin.features.encoders import lite0_network as network
from muslin.features.encoders.tuned import BACKBONE, Stage, projected
from muslin.method import Count, Evidence, NotNegative, Positive, Schedule
from muslin.nets.losses import Negatives, shared_softmax
from muslin.nets.sparse import sparse_product
from muslin.nets.transfer import held
from muslin.nets.vector_cosine import cosines
from muslin.random import torch_stream
from muslin.types import Ints, Items, Params, TrainData, Users

STAGES: dict[Stage, tuple[Stage, ...]] = {"head": ("head",), "adapter": ("head", "adapter"), "top": ("head", "top")}
"""The stages that lead to each."""

START = "start/"
"""Prefix of the parameters that the penalty pulls towards; they never move."""
_FIXED = ("centre", "spread")
_TOP = (f"blocks.{network.LAST}.", "head.")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of one stage."""

    stage: Stage = "head"
    """What is learned."""
    strength: NotNegative = 0.0
    """Lambda: how strongly parameters are pulled to where the stage began. Infinite: they do not move."""
    dimensions: Count = 256
    """Length of a vector."""
    bottleneck: Count = 64
    """Width of the adapter."""
    epochs: Count = 12
    """Passes over the pairs at most; validation usually stops earlier."""
    learning_rate: Positive = 0.0003
    """Adam's step size."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 1024
    """Pairs per step."""
    negatives: Count = 1024
    """Shared negatives per step."""
    steps: Count = 400
    """Steps per epoch at most."""
    temperature: Positive = 0.1
    """Starting softmax temperature of the cosine; learned from there."""
    taste_weight: NotNegative = 1.0
    """Weight of the question for what a shopper took."""
    category_weight: NotNegative = 0.1
    """Weight of the question for the category."""
    negative_power: NotNegative = 0.5
    """Negatives are drawn by popularity to this power."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """What the backbone made of pictures: `inputs` [P, 1280], unit length, or its maps [P, 192, s, s], by item id."""

    inputs: NDArray[Any]
    row: Mapping[str, int]

    def of(self, ids: NDArray[np.object_]) -> Ints:
        """Rows of the items `ids`; KeyError for one without a picture."""
        return np.array([self.row[name] for name in ids], dtype=np.int64)


class Data(NamedTuple):
    """A batch with the pictures `inputs` [T, ...] and the `category` [T] of the items it touches."""

    pairs: PairBatch
    inputs: Tensor
    category: Tensor


@dataclass(frozen=True, eq=False)
class PictureTuning:
    """One stage, on `pictures`, from the parameters `before` that the stage before learned; None begins anew."""

    config: Config
    pictures: Pictures
    before: Params | None = None
    evidence: frozenset[Evidence] = frozenset({"history"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """`before` with the parameters this stage adds, and a copy of all it pulls towards under `start/NAME`."""
        before = beginning(self.pictures, data, self.config) if self.before is None else self.before
        params = {name: value for name, value in before.items() if not name.startswith(START)}
        if self.config.stage == "adapter":
            params |= _adapter(params["projection"].shape[0], self.config.bottleneck, torch_stream(seed, "adapter"))
        return params | {f"{START}{name}": params[name].clone() for name in self._learned(params)}

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Data]:
        """Pairs with shared negatives, and the pictures they need."""
        c = self.config
        place = self.pictures.of(data.catalogue.ids)
        category = _finest(data)
        drawn = pair_batches(
            data, seed, epoch, size=c.batch_size, negatives=c.negatives, negative_power=c.negative_power
        )
        for pairs in islice(drawn, c.steps):
            inputs = torch.from_numpy(np.asarray(self.pictures.inputs[place[pairs.items]], dtype=np.float32))
            yield Data(pairs, inputs, torch.from_numpy(category[pairs.items]))

    def step(self, params: Params, batch: Data) -> tuple[Params, dict[str, float]]:
        """Gradients of the loss."""
        names = (*self._learned(params), "log_scale", "category", "category_bias")
        leaves = {name: params[name].detach().requires_grad_() for name in names}
        loss = self._loss({**params, **leaves}, batch)
        return dict(zip(names, torch.autograd.grad(loss, list(leaves.values())), strict=True)), {"loss": loss.item()}

    def prox(self, params: Params, rate: float) -> Params:
        """What the stage learns, pulled to where the stage began."""
        start = {name: params[f"{START}{name}"] for name in self._learned(params)}
        return held(params, start, self.config.strength * rate)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Cosines [U, I] as `nets.vector_cosine` has them. Every picture of the catalogue is read at each call."""
        return cosines(self.vectors(params, items.catalogue.ids), users, items)

    def vectors(self, params: Params, ids: NDArray[np.object_], block: int = 256) -> Tensor:
        """Unit vectors [len(ids), K] of the pictures of the items `ids`."""
        rows = self.pictures.of(ids)
        parts = [rows[low : low + block] for low in range(0, len(rows), block)]
        with torch.inference_mode():
            inputs = (np.asarray(self.pictures.inputs[part], dtype=np.float32) for part in parts)
            return torch.cat([_vectors(params, torch.from_numpy(x)) for x in inputs]).clone()

    def _learned(self, params: Params) -> tuple[str, ...]:
        """Parameters of the encoder that this stage moves."""
        fixed = (*_FIXED, "log_scale", "category", "category_bias")
        return tuple(name for name in params if name not in fixed and not name.startswith(START))

    def _loss(self, params: Params, batch: Data) -> Tensor:
        item_TK = _vectors(params, batch.inputs)
        loss = self.config.taste_weight * _taste_loss(params, batch.pairs, item_TK)
        known = batch.category >= 0
        if not self.config.category_weight or not known.any():
            return loss + 0 * (params["category"].sum() + params["category_bias"].sum())
        logits = math.sqrt(item_TK.shape[1]) * item_TK[known] @ params["category"] + params["category_bias"]
        return loss + self.config.category_weight * F.cross_entropy(logits, batch.category[known])


def beginning(pictures: Pictures, data: TrainData, config: Config) -> Params:
    """Parameters with which `head` begins, from the training pictures [N, E], as pooled by the frozen backbone.

    Fixed: `centre` [E] and `spread` [1], which bring the vectors to mean 0 and size 1. `projection` [E, K]: leading
    principal directions; with K = E cosines are those of the centred vectors. `category` [K, C] and `category_bias`
    [C] are 0.
    """
    inputs = torch.from_numpy(np.asarray(pictures.inputs[pictures.of(data.catalogue.ids)], dtype=np.float32))
    centre = inputs.double().mean(0)
    centred = inputs.double() - centre
    spread = centred.square().mean().sqrt().clamp(min=1e-12)
    _, directions = torch.linalg.eigh(centred.T @ centred)
    width = min(config.dimensions, len(centre))
    projection = directions.flip(1)[:, :width]
    classes = int(_finest(data).max(initial=-1)) + 1
    return {
        "centre": centre.float(),
        "spread": spread.float()[None],
        "projection": projection.float().contiguous(),
        "log_scale": torch.tensor([-math.log(config.temperature)], dtype=torch.float32),
        "category": torch.zeros(width, classes),
        "category_bias": torch.zeros(classes),
    }


def with_top(params: Params, backbone: Params) -> Params:
    """`params` with the part of `backbone` that `top` learns, where they have none of their own."""
    return {f"{BACKBONE}{name}": value for name, value in backbone.items() if name.startswith(_TOP)} | params


def encoder_params(params: Params) -> Params:
    """What of `params` the encoder needs."""
    left_out = ("log_scale", "category", "category_bias")
    return {name: value for name, value in params.items() if name not in left_out and not name.startswith(START)}


def _vectors(params: Params, inputs: Tensor) -> Tensor:
    """Unit vectors [T, K] of pooled vectors [T, E] or of maps [T, 192, s, s]."""
    if inputs.ndim == 4:
        backbone = {n.removeprefix(BACKBONE): value for n, value in params.items() if n.startswith(BACKBONE)}
        inputs = F.normalize(network.tail(backbone, inputs.contiguous(memory_format=torch.channels_last)))
    return projected(params, inputs)


def _taste_loss(params: Params, pairs: PairBatch, item_TK: Tensor) -> Tensor:
    """Cross entropy of the target among the negatives, uncorrected."""
    target, negative = torch.from_numpy(pairs.target), torch.from_numpy(pairs.negative)
    taste_BK = F.normalize(sparse_product(pairs.history, item_TK), dim=1)
    query_BK = params["log_scale"].exp() * taste_BK
    logit_B = (query_BK * item_TK.index_select(0, target)).sum(1)
    plain_S = item_TK.new_zeros(len(negative))
    others = Negatives(item_TK.index_select(0, negative), plain_S, torch.from_numpy(pairs.taken))
    return shared_softmax(logit_B, query_BK, others)


def _adapter(width: int, bottleneck: int, rng: torch.Generator) -> Params:
    """A bottleneck that adds nothing yet."""
    return {
        "down": torch.randn(width, bottleneck, generator=rng) / math.sqrt(width),
        "down_bias": torch.zeros(bottleneck),
        "up": torch.zeros(bottleneck, width),
    }


def _finest(data: TrainData) -> Ints:
    """[N] code of each item's finest category, -1 where unknown."""
    category = data.catalogue.category
    return category[:, -1] if category.shape[1] else np.full(len(category), -1, dtype=np.int64)
