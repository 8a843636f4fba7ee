"""VBPR: Bayesian personalised ranking with two tastes, one for garments as such and one for what they look like.

A garment has a vector of its own and one that a learned projection makes of its content. A new garment has the second
only, and the content's bias.

Source: He and McAuley 2016 (AAAI, "VBPR"), section 3; the shopper as a sum over what they took: Koren 2008 (KDD,
"SVD++"), section 4, and Kabbur et al. 2013 (KDD, "FISM").
Differs: to the shopper's own vectors comes the mean of those of their garments, without the target's family, and own
vectors are withheld at random, so that a new shopper folds in as that mean; all content columns, not pictures alone,
enter the projection, which starts at random; random garments are shared by a batch; Adam in place of plain descent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.data.pairs import PairBatch, pair_batches
from muslin.method import Count, Evidence, NotNegative, Positive, Schedule
from muslin.nets import content
from muslin.nets.descent import batch_size, gradients
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.random import stream, torch_stream
from muslin.types import Features, Floats, Items, Params, TrainData, Users

FIXED = frozenset({"idf"})
"""Parameters that are not trained."""
START = 2.0
"""Usual length of a garment's content vector before training."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    factors: Count = 32
    """Length of the vectors of garments as such."""
    content_factors: Count = 128
    """Length of the vectors of their content."""
    penalty: NotNegative = 0.01
    """L2 penalty of the vectors that a pair touches."""
    user_dropout: NotNegative = 0.3
    """Share of shoppers whose own vectors are withheld in a step."""
    epochs: Count = 12
    """Passes over the pairs at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 2048
    """Pairs per step at most."""
    negatives: Count = 256
    """Random garments per step."""


@dataclass(frozen=True)
class Batch:
    """Pairs with the content they need. `user_kept` [B]: 0 where the shopper's own vectors are withheld, else 1."""

    pairs: PairBatch
    content: Features
    user_kept: Floats


@dataclass(frozen=True)
class Vbpr:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """Garments: `item` [N, K], `bias` [N, 1], layers `content` to [C] and `content_bias` to [1].

        Shoppers: `user` [M, K + C], their taste in the first and in the second. Fixed: `idf` [D].
        """
        c, features, rng = self.config, data.catalogue.features, torch_stream(seed, "vbpr")
        params = {
            "item": 0.1 * torch.randn(len(data.catalogue), c.factors, generator=rng),
            "bias": torch.zeros(len(data.catalogue), 1),
            "user": torch.zeros(len(data.shoppers), c.factors + c.content_factors),
            "idf": content.frequency_weights(features),
        }
        params |= content.random_layer("content", features, c.content_factors, rng, START)
        return params | content.silent_layer("content_bias", features, 1)

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Pairs with shared random garments and the content of all."""
        c, rng = self.config, stream(seed, "vbpr", epoch)
        garments = content.unit(data.catalogue.features, content.frequency_weights(data.catalogue.features))
        size = batch_size(data, c.batch_size)
        for pairs in pair_batches(data, seed, epoch, size=size, negatives=c.negatives, negative_power=0.0):
            kept = (rng.random(len(pairs.user)) >= c.user_dropout).astype(np.float32)
            yield Batch(pairs, garments.take(pairs.items), kept)

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """Gradients of the pairwise ranking loss."""
        return gradients(self._loss, params, batch, FIXED)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Preferences [U, I] up to a constant of the shopper; a new garment has zeros for its own vector and bias."""
        catalogue, rows = items.catalogue, torch.from_numpy(items.rows)
        new = len(catalogue) - len(params["item"])
        own_NK = F.pad(params["item"], (0, 0, 0, new))
        own_N1 = F.pad(params["bias"], (0, 0, 0, new))
        item_NZ, bias_N = _garments(params, own_NK, own_N1, content.unit(catalogue.features, params["idf"]))
        user_UZ = sparse_product(row_means(users.history), item_NZ)
        known = torch.from_numpy(users.rows >= 0)
        user_UZ[known] += params["user"][torch.from_numpy(users.rows)[known]]
        return user_UZ @ item_NZ[rows].T + bias_N[rows]

    def _loss(self, params: Params, batch: Batch) -> Tensor:
        """Mean of -log sigmoid(how much better the target scores than a random garment), and the penalty."""
        pairs = batch.pairs
        rows = torch.from_numpy(pairs.items)
        own_TK, own_T1 = params["item"].index_select(0, rows), params["bias"].index_select(0, rows)
        item_TZ, bias_T = _garments(params, own_TK, own_T1, batch.content)
        own_BZ = params["user"].index_select(0, torch.from_numpy(pairs.user))
        user_BZ = sparse_product(pairs.history, item_TZ) + torch.from_numpy(batch.user_kept)[:, None] * own_BZ
        target, negative = torch.from_numpy(pairs.target), torch.from_numpy(pairs.negative)
        wanted_BZ = item_TZ.index_select(0, target)
        wanted_B = (user_BZ * wanted_BZ).sum(1) + bias_T.index_select(0, target)
        other_BS = user_BZ @ item_TZ.index_select(0, negative).T + bias_T.index_select(0, negative)
        counts_BS = 1 - torch.from_numpy(pairs.taken).float()
        loss = (F.softplus(other_BS - wanted_B[:, None]) * counts_BS).sum() / counts_BS.sum().clamp(min=1)
        size = own_BZ.square().sum(1) + own_TK.index_select(0, target).square().sum(1)
        other = own_TK.index_select(0, negative).square().sum(1)
        total: Tensor = loss + self.config.penalty * (size.mean() + other.mean()) / 2
        return total


def _garments(params: Params, own_RK: Tensor, own_R1: Tensor, features: Features) -> tuple[Tensor, Tensor]:
    """Vectors [R, K + C] and biases [R] of garments with these vectors and biases of their own."""
    item_RZ = torch.cat([own_RK, content.layer(params, "content", features)], dim=1)
    return item_RZ, (own_R1 + content.layer(params, "content_bias", features)).squeeze(1)


def build(config: Config) -> Vbpr:
    """Method with `config`."""
    return Vbpr(config)
