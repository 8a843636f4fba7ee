"""Two towers on features only: learns which attributes go together, so it ranks what nobody has clicked yet.

The item tower maps content to a unit vector; the shopper tower averages the vectors of what they took and adds their
profile. A content bias learns what sells. Starting weights are a random projection, which makes the untrained network
an approximate content kNN: training can only depart from it where the validation items agree.

Source: Covington et al. 2016 (RecSys), section 3, for the average-of-history tower; sampled softmax with logQ
correction: Bengio and Senécal 2008, and Yi et al. 2019 (RecSys), section 4.
Differs: one item tower serves both sides; the target's whole family leaves the history (`data.pairs`); negatives are
shared by the batch and drawn apart from it; no id embedding anywhere, so cold and hot items are treated alike.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive, Schedule, Side
from muslin.nets import tower
from muslin.nets.descent import gradients
from muslin.nets.losses import Negatives, shared_softmax
from muslin.nets.pair_contents import Draw, PairContents, contents
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.random import torch_stream
from muslin.types import Csr, Items, Params, TrainData, Users

FIXED = tower.FIXED | {"sold"}
"""Parameters that belong to the features or to the garments and are not trained, by their first word."""

_BEND = 8
"""An adapter has this many times fewer directions than the vectors."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    dimensions: Count = 192
    """Length of item and shopper vectors."""
    epochs: Count = 12
    """Passes over the pairs at most; validation usually stops earlier."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 2048
    """Pairs per step at most; small data has smaller batches."""
    negatives: Count = 1024
    """Shared negatives per step."""
    negative_power: NotNegative = 0.5
    """Negatives are drawn by popularity to this power."""
    temperature: Positive = 0.1
    """Starting softmax temperature of the cosine; learned from there."""
    dense_weight: NotNegative = 0.7
    """Length of an embedding column's part of an item at most, beside 1 for all other columns together."""
    popularity: NotNegative = 0.0
    """Weight of the log of what a known garment sold, beside what its content promises; cold ones count as average."""


@dataclass(frozen=True)
class TwoTower:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """Parameters of `nets.tower.start`, `profile` [F, K], `log_scale` [1].

        `sold` [N], where `popularity` is above 0, is not trained: the log of a garment's shoppers less that of an
        average one's, counted from 1 on.
        """
        k, profile = self.config.dimensions, data.shoppers.features.matrix
        params = tower.start(data, k, self.config.dense_weight, seed)
        params["profile"] = torch.zeros(profile.shape[1], k)
        params["log_scale"] = torch.tensor([-np.log(self.config.temperature)], dtype=torch.float32)
        return params | ({"sold": _sold(data)} if self.config.popularity else {})

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[PairContents]:
        """Pairs with shared negatives and their feature rows."""
        c = self.config
        return contents(data, seed, epoch, Draw(c.batch_size, c.negatives, c.negative_power))

    def step(self, params: Params, batch: PairContents) -> tuple[Params, dict[str, float]]:
        """Gradients of the sampled softmax loss."""
        return gradients(_loss, params, batch, frozenset(n for n in params if n.partition("/")[0] in FIXED))

    @property
    def sides(self) -> Mapping[str, Side]:
        """What has a row for each sparse feature; what the target's garments sold is its own."""
        return {"item": "items", "bias": "items", "idf": "items", "profile": "shoppers", "sold": "own"}

    def groups(self, params: Params) -> tuple[frozenset[str], ...]:
        """The biases, the scale and the profile; the adapter, if any; embeddings; what reads the sparse columns."""
        moved = [name for name in params if name.partition("/")[0] not in FIXED]
        parts = (("bias", "log_scale", "profile"), ("adapter",), ("dense",), ("item",))
        found = (frozenset(n for n in moved if n.partition("/")[0] in part) for part in parts)
        return tuple(group for group in found if group)

    def adapters(self, params: Params, seed: int) -> Params:
        """`adapter/down` [K, r] and `adapter/up` [r, K] of zeros: a bend of the item vectors of rank K / 8."""
        k = params["item"].shape[1]
        rank = max(1, k // _BEND)
        down = torch.randn(k, rank, generator=torch_stream(seed, "two_tower", "adapter")) / math.sqrt(k)
        return {"adapter/down": down, "adapter/up": torch.zeros(rank, k)}

    def represent(self, params: Params, batch: PairContents) -> Tensor:
        """[T, K] unit vectors of the garments the batch touches."""
        return tower.items(params, batch.content)[0]

    def logits(self, params: Params, batch: PairContents) -> Tensor:
        """[B, 1 + S] logits of each target and of the shared negatives, with the correction of the loss."""
        logit_B, query_BK, others = _parts(params, batch)
        logits_BS = (query_BK @ others.vectors_SK.T + others.offset_S).masked_fill(others.taken_BS, -torch.inf)
        return torch.cat([logit_B[:, None], logits_BS], dim=1)

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Logits [U, I]: log of how much likelier the shopper takes this item than an average one, plus a constant."""
        item_NK, bias_N = tower.of_catalogue(params, items.catalogue.features)
        user_UK = _shopper(params, row_means(users.history), item_NK, users.features)
        rows = torch.from_numpy(items.rows)
        query_UK: Tensor = params["log_scale"].exp() * user_UK
        logits_UI = query_UK @ item_NK[rows].T + bias_N[rows]
        if "sold" in params:
            sold_N = F.pad(params["sold"], (0, len(bias_N) - len(params["sold"])))
            logits_UI = logits_UI + self.config.popularity * sold_N[rows]
        return logits_UI


def _loss(params: Params, batch: PairContents) -> Tensor:
    """Cross entropy of the target among the negatives, each logit corrected by its log expected count."""
    return shared_softmax(*_parts(params, batch))


def _parts(params: Params, batch: PairContents) -> tuple[Tensor, Tensor, Negatives]:
    """Logits [B] of the targets, queries [B, K], and the negatives."""
    pairs = batch.pairs
    item_TK, bias_T = tower.items(params, batch.content)
    user_BK = _shopper(params, pairs.history, item_TK, batch.profile)
    scale = params["log_scale"].exp()
    target, negative = torch.from_numpy(pairs.target), torch.from_numpy(pairs.negative)
    query_BK = scale * user_BK
    logit_B = (query_BK * item_TK.index_select(0, target)).sum(1) + bias_T.index_select(0, target)
    offset_S = bias_T.index_select(0, negative) - torch.from_numpy(pairs.log_q_negative)
    others = Negatives(item_TK.index_select(0, negative), offset_S, torch.from_numpy(pairs.taken))
    return logit_B - torch.from_numpy(pairs.log_q_target), query_BK, others


def _sold(data: TrainData) -> Tensor:
    """[N] log(1 + shoppers) less log(1 + their mean over the garments of the domain)."""
    count = np.asarray(data.matrix().getnnz(axis=0), dtype=np.float64)
    domain = data.catalogue.domain
    mean = np.bincount(domain, count) / np.maximum(np.bincount(domain), 1)
    return torch.from_numpy((np.log1p(count) - np.log1p(mean)[domain]).astype(np.float32))


def _shopper(params: Params, history_UN: Csr, item_NK: Tensor, profile_UF: Csr) -> Tensor:
    taste_UK = F.normalize(sparse_product(history_UN, item_NK), dim=1)
    return taste_UK + sparse_product(profile_UF, params["profile"])


def build(config: Config) -> TwoTower:
    """Method with `config`."""
    return TwoTower(config)
