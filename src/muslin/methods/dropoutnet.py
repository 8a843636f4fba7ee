"""DropoutNet: a network on factors and content, trained to do without the factors.

Two small networks take the factors of a matrix factorisation and the content of a garment or a shopper, and are asked
for the scores of that factorisation. In training the factors of some are withheld, as they are of a new garment or a
new shopper; what is left, the content or the mean of the shopper's garments, has to do.

Source: Volkovs, Yu and Poutanen 2017 (NeurIPS, "DropoutNet"), section 4 and algorithm 1; the factors: Hu, Koren and
Volinsky 2008 (ICDM).
Differs: one hidden layer; networks start as a random projection of the factors that both sides share, which is about
the factorisation itself; withheld inputs are drawn row by row, not batch by batch; random garments are shared by a
batch; the losses of events and of random pairs count alike, each in its own units; the mean of a shopper's garments is
scaled to the usual size; known shoppers' factors are solved from their history at scoring time; new garments do not
enter the mean, having no factors.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive, Schedule
from muslin.nets import content, factors
from muslin.nets.descent import batch_size, gradients
from muslin.nets.factorised import item_factors
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.random import stream, torch_stream
from muslin.types import Csr, Features, Floats, Ints, Items, Params, TrainData, Users

FIXED = frozenset({"factors/item", "factors/user", "factors/gram", "idf", "size"})
"""Parameters that are not trained."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    factors: Count = 64
    """Length of the vectors of the factorisation."""
    iterations: Count = 15
    """Alternations of the factorisation."""
    regularization: Positive = 10.0
    """L2 penalty of the factorisation."""
    alpha: Positive = 40.0
    """Confidence of an event is 1 + alpha, of anything else 1, in the factorisation."""
    hidden: Count = 256
    """Units of the hidden layer of either network."""
    dimensions: Count = 128
    """Length of the vectors that the networks give."""
    item_dropout: NotNegative = 0.5
    """Share of garments whose factors are withheld in a step."""
    user_dropout: NotNegative = 0.1
    """Share of shoppers whose factors are withheld in a step, so that only the profile is left; 0 if there is none."""
    user_transform: NotNegative = 0.4
    """Share of shoppers whose factors are the mean of those of their garments in a step."""
    epochs: Count = 20
    """Passes over the pairs at most."""
    learning_rate: Positive = 0.0003
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 3
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 2048
    """Pairs per step at most."""
    negatives: Count = 512
    """Random garments per step."""


@dataclass(frozen=True)
class Batch:
    """B events and S random garments with what is known of both sides.

    `items` are the T catalogue rows it touches, `target` [B] and `negative` [S] places in them; `user` [B] and their
    `history` [B, N], rows summing to one. `item_kept` [T], `user_kept` [B], `averaged` [B]: 0 or 1.
    """

    items: Ints
    user: Ints
    target: Ints
    negative: Ints
    history: Csr
    content: Features
    profile: Features
    item_kept: Floats
    user_kept: Floats
    averaged: Floats


@dataclass(frozen=True)
class DropoutNet:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """The factorisation and two networks that know its factors only.

        Fixed: `factors/item` [N, K], `factors/user` [M, K], `factors/gram` [K, K], `idf` [D] and `size` [2], the usual
        factor of a garment and of a shopper. Trained, for SIDE item and user: `SIDE/factors` [K, H], `SIDE/bias` [H],
        `SIDE/out` [H, O] and the content layer `SIDE/content`.
        """
        c, history = self.config, sp.csr_matrix(data.matrix().sign())
        item = item_factors(history, self._confidence(), factors=c.factors, iterations=c.iterations, seed=seed)
        gram = factors.gram(item)
        user = self._solved(item, gram, history)
        rng = torch_stream(seed, "dropoutnet")
        narrow = torch.randn(c.factors, c.hidden, generator=rng) / math.sqrt(c.factors)
        out = torch.randn(c.hidden, c.dimensions, generator=rng) / math.sqrt(c.hidden)
        size = torch.stack([_length(t) for t in (item, user)])
        params = {"factors/item": item, "factors/user": user, "factors/gram": gram, "size": size}
        params["idf"] = content.frequency_weights(data.catalogue.features)
        level = _level(size, c)
        for side, features in (("item", data.catalogue.features), ("user", data.shoppers.features)):
            params |= content.silent_layer(f"{side}/content", features, c.hidden)
            start = {"factors": START * narrow, "bias": torch.zeros(c.hidden), "out": level * out}
            params |= {f"{side}/{name}": value.clone() for name, value in start.items()}
        return params

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[Batch]:
        """Pairs with shared random garments, what is known of both sides, and whose factors are withheld."""
        c, rng = self.config, stream(seed, "dropoutnet", epoch)
        garments = content.unit(data.catalogue.features, content.frequency_weights(data.catalogue.features))
        profiles = content.unit(data.shoppers.features)
        history = data.matrix()
        alone = c.user_dropout if profiles.matrix.nnz else 0.0  # without a profile nothing would be left
        means, events = row_means(history), history.tocoo()
        order, size = rng.permutation(events.nnz), batch_size(data, c.batch_size)
        for start in range(0, len(order), size):
            picked = order[start : start + size]
            drawn = rng.integers(len(data.catalogue), size=c.negatives)
            items, place = np.unique(np.concatenate([events.col[picked], drawn]), return_inverse=True)
            user, fate = events.row[picked].astype(np.int64), rng.random(len(picked))
            yield Batch(
                items=items,
                user=user,
                target=place[: len(picked)],
                negative=place[len(picked) :],
                history=means[user],
                content=garments.take(items),
                profile=profiles.take(user),
                item_kept=(rng.random(len(items)) >= c.item_dropout).astype(np.float32),
                user_kept=(fate >= alone + c.user_transform).astype(np.float32),
                averaged=(fate < c.user_transform).astype(np.float32),
            )

    def step(self, params: Params, batch: Batch) -> tuple[Params, dict[str, float]]:
        """Gradients of the squared distance to the factorisation's scores."""
        return gradients(_loss, params, batch, FIXED)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Inner products [U, I] of what the networks give; new garments have content only."""
        table, catalogue = params["factors/item"], items.catalogue
        known = torch.zeros(len(catalogue), table.shape[1])
        known[: len(table)] = table / params["size"][0]
        garments = content.unit(catalogue.features.take(items.rows), params["idf"])
        item_IO = _network(params, "item", known[torch.from_numpy(items.rows)], garments)
        profile = content.unit(Features(users.features, ()))
        user_UO = _network(params, "user", self._tastes(params, users), profile)
        return user_UO @ item_IO.T

    def _tastes(self, params: Params, users: Users) -> Tensor:
        """[U, K] what stands for a shopper's factors: those of their history if known, the mean of its garments if not.

        Zero for a shopper whose history holds no trained garment.
        """
        table, size = params["factors/item"], params["size"]
        history = sp.csr_matrix(users.history[:, : len(table)].sign())
        solved = self._solved(table, params["factors/gram"], history) / size[1]
        mean = _averaged(row_means(history), table)
        return torch.where(torch.from_numpy(users.rows >= 0)[:, None], solved, mean)

    def _solved(self, table: Tensor, gram: Tensor, history: Csr) -> Tensor:
        prior = torch.zeros(history.shape[0], table.shape[1])
        return factors.solved(table, gram, history, prior, self._confidence()).float()

    def _confidence(self) -> factors.Confidence:
        return factors.Confidence(alpha=self.config.alpha, penalty=self.config.regularization)


START = 1.0
"""Usual input of a hidden unit before training, where tanh begins to bend: content must count less beside factors."""


def _length(table: Tensor) -> Tensor:
    """Root mean square of the entries, 1 where there is nothing."""
    size = table.square().mean().sqrt()
    return torch.where(size > 0, size, torch.ones_like(size))


def _averaged(means: Csr, table: Tensor) -> Tensor:
    """Mean factors [R, K] of each row's garments, the mean square of a row at most 1; zero for an empty row.

    Unscaled, the means of popular garments are far longer than any shopper's factors, and the network that has to take
    both ruins the ranking of known shoppers.
    """
    mean = sparse_product(means, table)
    size = mean.square().mean(1, keepdim=True).sqrt()
    return mean / (size + 0.05 * _length(table))


def _level(size: Tensor, config: Config) -> Tensor:
    """Factor of both output layers that gives the networks' inner products the size of the factorisation's."""
    return (size[0] * size[1] * config.factors / (START**2 * config.dimensions)).sqrt()


def _network(params: Params, side: str, factors_RK: Tensor, features: Features) -> Tensor:
    """Vectors [R, O]."""
    said = content.layer(params, f"{side}/content", features)
    hidden = torch.tanh(factors_RK @ params[f"{side}/factors"] + said + params[f"{side}/bias"])
    return hidden @ params[f"{side}/out"]


def _loss(params: Params, batch: Batch) -> Tensor:
    """Distance to the factorisation's scores: of the events, plus of the random pairs, each in its own units.

    In common units the events, whose scores are ten times as large, would be all that counts.
    """
    size, table = params["size"], params["factors/item"]
    own_BK = params["factors/user"][torch.from_numpy(batch.user)]
    known_TK = table[torch.from_numpy(batch.items)]
    target, negative = torch.from_numpy(batch.target), torch.from_numpy(batch.negative)
    kept, averaged = (torch.from_numpy(w)[:, None] for w in (batch.user_kept, batch.averaged))
    taste_BK = kept * own_BK / size[1] + averaged * _averaged(batch.history, table)
    withheld_TK = torch.from_numpy(batch.item_kept)[:, None] * known_TK / size[0]
    item_TO = _network(params, "item", withheld_TK, batch.content)
    user_BO = _network(params, "user", taste_BK, batch.profile)
    wanted_B = (own_BK * known_TK[target]).sum(1)
    wanted_BS = own_BK @ known_TK[negative].T
    event_B = (user_BO * item_TO.index_select(0, target)).sum(1)
    random_BS = user_BO @ item_TO.index_select(0, negative).T
    return _distance(event_B, wanted_B) + _distance(random_BS, wanted_BS)


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean square distance, in units of what is wanted."""
    return (found - wanted).square().mean() / wanted.square().mean().clamp(min=1e-12)


def build(config: Config) -> DropoutNet:
    """Method with `config`."""
    return DropoutNet(config)
