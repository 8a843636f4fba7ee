"""Content gives the prior, first events the posterior, left-out garments teach both.

What is known of a shopper and a garment, likeness, EASE, its image in content, what is taken together, a learned taste
and what sells, is weighed into one logit, known and new garments alike. A new garment's first shoppers move it by a
Gaussian process over shoppers of full rank. The weights, the kernel and the noise come from garments whose families
were left out, told of some of their shoppers and asked about the others.

Source: sampled softmax for the taste, see `two_tower`; attention by the candidate, see `nets.pooling`; EASE, Steck 2019
(WWW); Gaussian process regression, Rasmussen and Williams 2006, section 2.2; episodes with a closed-form inner problem,
R2-D2 (Bertinetto et al. 2019, ICLR).
Differs: see `nets.signals`, `nets.process` and `nets.rehearsal`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from muslin.method import Count, Evidence, NotNegative, Positive, Schedule
from muslin.nets import (
    blend,
    chances,
    item_cosines,
    mapped,
    prior,
    process,
    rehearsal,
    signals,
    stored,
    tower,
    warming,
    whole_list,
)
from muslin.nets.descent import gradients
from muslin.nets.first_shoppers import scored
from muslin.nets.pair_contents import Draw, PairContents, contents
from muslin.nets.pooling import pooled, pooled_pairs
from muslin.nets.sparse import sparse_product
from muslin.types import Floats, Items, Params, Support, TrainData, Users

_TRAINED = ("item", "dense", "bias", "profile", "log_scale", "log_sharpness")
"""Parameters that the loop moves, by their first word."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    penalty: Positive = 50.0
    """L2 penalty of EASE's weights."""
    keep: Count = 300
    """EASE weights kept an item, on average."""
    neighbours: Count = 30
    """Trained items whose expectations a new one takes the mean of."""
    nearest: Count = 200
    """Items kept of those that were taken together with each."""
    shrinkage: NotNegative = 30.0
    """Shoppers' worth of doubt in how often two items are taken together."""
    damping: NotNegative = 0.25
    """Power of popularity by which items count less in who is like whom."""
    dimensions: Count = 192
    """Length of the vectors of the learned taste."""
    epochs: Count = 12
    """Passes over the pairs at most; validation usually stops earlier."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""
    batch_size: Count = 2048
    """Pairs per step at most; small data has smaller batches."""
    negatives: Count = 256
    """Shared negatives per step."""
    shown: Count = 24
    """Items of a history that a pair is learned from at most, others in each epoch; scoring reads all of it."""
    negative_power: NotNegative = 0.5
    """Negatives are drawn by popularity to this power."""
    temperature: Positive = 0.1
    """Starting softmax temperature of the taste; learned from there."""
    sharpness: Positive = 8.0
    """Starting sharpness of the pooling over what a shopper took; learned from there."""
    dense_weight: NotNegative = 0.7
    """Length of an embedding column's part of an item at most, beside 1 for all other columns together."""
    warm_loss: NotNegative = 0.01
    """Share of the accuracy on known garments given up at most for new ones in one list, and again for warming ones."""


@dataclass(frozen=True)
class Muslin:
    """See the module."""

    config: Config
    evidence: frozenset[Evidence] = frozenset({"history", "profile"})

    @property
    def schedule(self) -> Schedule:
        """Length and speed of training."""
        return Schedule.of(self.config)

    def init(self, data: TrainData, seed: int) -> Params:
        """What `nets.prior.fit`, `nets.mapped.fit`, `nets.tower.start` and `nets.process.start` give.

        Besides: `mix` (`nets.signals`), `knn/...` [N, N] (`nets.item_cosines`), `profile` [F, K], `damping` [N], `sold`
        [N], `log_scale` [1], `log_sharpness` [1], `centre` [2, N] (`nets.process`), `offset` [3] and `chance` [3, 3]
        (`nets.whole_list`).
        """
        c = self.config
        params = prior.fit(data, self._shape, seed) | tower.start(data, c.dimensions, c.dense_weight, seed)
        params |= mapped.fit(data.catalogue.features, params["idf"], blend.of_params(params), signals.MAP, seed)
        params |= stored.tensors("knn", item_cosines.similar(data.matrix(), c.nearest, c.shrinkage))
        params |= process.start() | {"mix": signals.start(), "sold": signals.sold(data)} | whole_list.start()
        params |= {
            "profile": torch.zeros(data.shoppers.features.matrix.shape[1], c.dimensions),
            "damping": torch.from_numpy(warming.damping(data.matrix(), c.damping)),
            "log_scale": torch.tensor([-math.log(c.temperature)]),
            "log_sharpness": torch.tensor([math.log(c.sharpness)]),
        }
        return params | {"centre": process.centre(params, data)}

    def batches(self, data: TrainData, seed: int, epoch: int) -> Iterator[PairContents]:
        """Pairs with shared negatives and their feature rows."""
        c = self.config
        return contents(data, seed, epoch, Draw(c.batch_size, c.negatives, c.negative_power, c.shown))

    def step(self, params: Params, batch: PairContents) -> tuple[Params, dict[str, float]]:
        """Gradients of the sampled softmax loss of the taste."""
        return gradients(_loss, params, batch, frozenset(n for n in params if n.partition("/")[0] not in _TRAINED))

    def score(self, params: Params, users: Users, items: Items) -> Tensor:
        """Logits [U, I], with what adaptation added and the offset of each item's kind."""
        return torch.from_numpy(self._logits(params, users, items)) + params["offset"][_kinds(params, items)]

    def probabilities(self, params: Params, users: Users, items: Items, scores: Tensor | None = None) -> Tensor:
        """[U, I]; see `nets.chances`."""
        logits = (self.score(params, users, items) if scores is None else scores).numpy()
        return chances.stated(params["chance"], logits, signals.kinds(params, items), signals.lengths(users))

    def adapt(self, params: Params, support: Support) -> Params:
        """The posterior of each item's shoppers; see `nets.process`."""
        before = scored(support, lambda users, items: signals.mixed(params, users, items, self._shape))
        return process.adapted(params, support, before)

    def rehearse(self, params: Params, left_out: Support, seed: int) -> Params:
        """Weights, kernel, noise and target (`nets.rehearsal`), then offsets and chances (`nets.whole_list`)."""
        taught = rehearsal.learned(params, left_out, self._shape, seed)
        method = whole_list.Method(self._logits, self.adapt)
        return taught | whole_list.learned(params | taught, left_out, method, self.config.warm_loss, seed)

    def _logits(self, params: Params, users: Users, items: Items) -> Floats:
        mixed: Floats = signals.mixed(params, users, items, self._shape) + process.added(params, users, items)
        return mixed

    @property
    def _shape(self) -> prior.Shape:
        c = self.config
        return prior.Shape(penalty=c.penalty, keep=c.keep, neighbours=c.neighbours, smoothed=0.0, known=0.0)


def _kinds(params: Params, items: Items) -> Tensor:
    return torch.from_numpy(signals.kinds(params, items))


def _loss(params: Params, batch: PairContents) -> Tensor:
    """Cross entropy of the target among the negatives, each logit corrected by its log expected count."""
    pairs, sharpness, scale = batch.pairs, params["log_sharpness"].exp(), params["log_scale"].exp()
    item_TK, bias_T = tower.items(params, batch.content)
    target, negative = torch.from_numpy(pairs.target), torch.from_numpy(pairs.negative)
    target_BK, negative_SK = item_TK.index_select(0, target), item_TK.index_select(0, negative)
    profile_BK = sparse_product(batch.profile, params["profile"])
    own_B = pooled_pairs(sharpness, pairs.history, item_TK, target_BK) + (profile_BK * target_BK).sum(1)
    others_BS = pooled(sharpness, pairs.history, item_TK, negative_SK) + profile_BK @ negative_SK.T
    logit_B = scale * own_B + bias_T.index_select(0, target) - torch.from_numpy(pairs.log_q_target)
    offset_S = bias_T.index_select(0, negative) - torch.from_numpy(pairs.log_q_negative)
    logits_BS = (scale * others_BS + offset_S).masked_fill(torch.from_numpy(pairs.taken), -torch.inf)
    return (torch.logsumexp(torch.cat([logit_B[:, None], logits_BS], dim=1), dim=1) - logit_B).mean()


def build(config: Config) -> Muslin:
    """Method with `config`."""
    return Muslin(config)
