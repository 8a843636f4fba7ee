"""CLCRec, re-implemented: content vectors that agree with collaborative ones, by contrast.

A garment has a vector of its own and one that a network makes of its content. One contrastive loss asks the two to
know each other among those of other garments; another asks shoppers to know their garments, whose own vectors are
replaced by content vectors at random. A new garment is its content vector.

Source: Wei et al. 2021 (ACM MM, "Contrastive Learning for Cold-Start Recommendation"), section 3; written from the
paper, not from its authors' code. The shopper as a sum over what they took: Koren 2008 (KDD, "SVD++"), section 4.
Differs: to the shopper's own vector comes the mean of those of their garments, without the target's family, and own
vectors are withheld at random, so that a new shopper folds in as that mean; all vectors have unit length; random
garments are shared by a batch; the network has one hidden layer.
"""

import math
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
from muslin.nets.losses import Negatives, shared_softmax
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.random import stream, torch_stream
from muslin.types import Features, Floats, Items, Params, TrainData, Users

FIXED = frozenset({"idf"})
"""Parameters that are not trained."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    dimensions: Count = 128
    """Length of all vectors."""
    hidden: Count = 256
    """Units of the content network's hidden layer."""
    temperature: Positive = 0.15
    """Of both contrasts: cosines are divided by it."""
    content_share: NotNegative = 0.5
    """Weight of the contrast of content and own vectors; the rest, up to 1, is that of shopper and garment."""
    replaced: NotNegative = 0.5
    """Share of garments that are their content vectors in a step."""
    user_dropout: NotNegative = 0.3
    """Share of shoppers whose own vectors are withheld in a step."""
    penalty: NotNegative = 0.001
    """L2 penalty of the own vectors that a pair touches."""
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
    negatives: Count = 512
    """Random garments per step."""


@dataclass(frozen=True)
class Batch:
    """Pairs with the content they need. `replaced` [T], `user_kept` [B]: 0 or 1."""

    pairs: PairBatch
    content: Features
    replaced: Floats
    user_kept: Floats


@dataclass(frozen=True)
class ClcRec:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """`item` [N, K], `user` [M, K], the layer `content` to [H], `bias` [H], `out` [H, K]. Fixed: `idf` [D]."""
        c, features, rng = self.config, data.catalogue.features, torch_stream(seed, "clcrec")
        params = {
            "item": torch.randn(len(data.catalogue), c.dimensions, generator=rng) / math.sqrt(c.dimensions),
            "user": torch.zeros(len(data.shoppers), c.dimensions),
            "bias": torch.zeros(c.hidden),
            "out": torch.randn(c.hidden, c.dimensions, generator=rng) / math.sqrt(c.dimensions),
            "idf": content.frequency_weights(features),
        }
        return params | content.random_layer("content", features, c.hidden, rng)

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Pairs with shared random garments, the content of all, and which vectors stand in for which."""
        c, rng = self.config, stream(seed, "clcrec", epoch)
        garments = content.unit(data.catalogue.features, content.frequency_weights(data.catalogue.features))
        size = batch_size(data, c.batch_size)
        for pairs in pair_batches(data, seed, epoch, size=size, negatives=c.negatives, negative_power=0.0):
            replaced = (rng.random(len(pairs.items)) < c.replaced).astype(np.float32)
            kept = (rng.random(len(pairs.user)) >= c.user_dropout).astype(np.float32)
            yield Batch(pairs, garments.take(pairs.items), replaced, kept)

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """Gradients of both contrasts."""
        return gradients(self._loss, params, batch, FIXED)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Cosines [U, I] over the temperature; a new garment is its content vector."""
        catalogue, n = items.catalogue, len(params["item"])
        new = content.unit(catalogue.features.take(slice(n, None)), params["idf"])
        item_NK = torch.cat([F.normalize(params["item"], dim=1), _described(params, new)])
        user_UK = sparse_product(row_means(users.history), item_NK)
        known = torch.from_numpy(users.rows >= 0)
        user_UK[known] += params["user"][torch.from_numpy(users.rows)[known]]
        item_IK = item_NK[torch.from_numpy(items.rows)]
        return F.normalize(user_UK, dim=1) @ item_IK.T / self.config.temperature

    def _loss(self, params: Params, batch: Batch) -> Tensor:
        c, pairs = self.config, batch.pairs
        own_TK = F.normalize(params["item"].index_select(0, torch.from_numpy(pairs.items)), dim=1)
        content_TK = _described(params, batch.content)
        replaced = torch.from_numpy(batch.replaced)[:, None]
        mixed_TK = replaced * content_TK + (1 - replaced) * own_TK
        own_BK = params["user"].index_select(0, torch.from_numpy(pairs.user))
        taste_BK = sparse_product(pairs.history, mixed_TK) + torch.from_numpy(batch.user_kept)[:, None] * own_BK
        same = pairs.target[:, None] == pairs.negative[None, :]
        shopper = self._contrast(pairs, F.normalize(taste_BK, dim=1), mixed_TK, torch.from_numpy(pairs.taken))
        target_BK = own_TK.index_select(0, torch.from_numpy(pairs.target))
        garment = self._contrast(pairs, target_BK, content_TK, torch.from_numpy(same))
        loss = c.content_share * garment + (1 - c.content_share) * shopper
        return loss + c.penalty * own_BK.square().sum(1).mean() / 2

    def _contrast(self, pairs: PairBatch, query_BK: Tensor, item_TK: Tensor, taken_BS: Tensor) -> Tensor:
        """Cross entropy of each query's target among the random garments."""
        target, negative = torch.from_numpy(pairs.target), torch.from_numpy(pairs.negative)
        query_BK = query_BK / self.config.temperature
        own_B = (query_BK * item_TK.index_select(0, target)).sum(1)
        others = Negatives(item_TK.index_select(0, negative), torch.zeros(len(negative)), taken_BS)
        return shared_softmax(own_B, query_BK, others)


def _described(params: Params, features: Features) -> Tensor:
    """Content vectors [R, K] of unit length."""
    hidden = F.leaky_relu(content.layer(params, "content", features) + params["bias"])
    return F.normalize(hidden @ params["out"], dim=1)


def build(config: Config) -> ClcRec:
    """Method with `config`."""
    return ClcRec(config)
