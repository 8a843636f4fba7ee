"""Both sides of a pair as a meta-learner sees them: shoppers and garments by content and by behaviour.

Content: a learned layer turns a garment's features into a vector of unit length; a shopper's is that of the mean of
what they took, plus their profile. Behaviour: factors of implicit ALS for trained garments, and for new ones what
content lets expect of them; a shopper's is the sum of what they took. A garment that acts as new in training has no
factors of its own, nor does the map it gets in their place know it (its family was left out when that was fitted).

Source: the content side is that of Covington et al. 2016 (RecSys), section 3; factors of new garments by a map from
attributes, Gantner et al. 2010 (ICDM), section 4.2. Differs: the map is fitted without a fold of the families at a
time for those that act as new, and what is learned of content through tasks is added to it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.nets import content, content_map, stored
from muslin.nets.factorised import item_factors
from muslin.nets.factors import Confidence
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.random import stream, torch_stream
from muslin.types import Bools, Csr, Features, Floats, Ints, Params, TrainData

FIXED = ("idf", "factor", "basis", "map", "sold", "strangers")
"""Parameters of this module that are not trained, by their first word."""

_FOLDS = 5
_SIZE = 3.0
"""Length of a factor vector: entries then are about as large as a likeness."""
_COUNTED = 20
"""Events beyond which a garment's factors weigh no more in the map."""


@dataclass(frozen=True, kw_only=True)
class Spaces:
    """How large the spaces are and how factors are made."""

    dimensions: int = 128
    """Length of content vectors."""
    factors: int = 32
    """Length of the vectors of behaviour."""
    temperature: float = 0.1
    """Starting softmax temperature of the cosine of content vectors."""
    dense_weight: float = 0.5
    """Length of an embedding column's part of a content vector, beside 1 for all other columns together."""
    regularization: float = 10.0
    alpha: float = 20.0
    iterations: int = 10
    directions: int = 128
    """Main directions of content that factors of new garments are read from."""
    map_penalty: float = 30.0


class Shoppers(NamedTuple):
    """Of B shoppers: content `taste` [B, E] and `factors` [B, K]."""

    taste: Tensor
    factors: Tensor


class Garments(NamedTuple):
    """Of N garments: content `vectors` [N, E], `bias` [N], `factors` [N, K], `sold` [N] (0: unknown or average)."""

    vectors: Tensor
    bias: Tensor
    factors: Tensor
    sold: Tensor

    def take(self, rows: Tensor) -> "Garments":
        """Only these rows."""
        return Garments(*(part.index_select(0, rows) for part in self))


def start(data: TrainData, spaces: Spaces, seed: int) -> Params:
    """Trained: `content/...` [D, E], `bias` [D, 1], `profile` [F, E], `log_scale` [1], `expected` [R, K] (of zeros).

    Fixed: `idf` [D], `factor/known` and `factor/hidden` [N, K], `basis` [D, R], `map` [R, K], `sold` [N].
    """
    features, k = data.catalogue.features, spaces.factors
    layer = content.random_layer("content", features, spaces.dimensions, torch_stream(seed, "sides"))
    dense = {name: value * spaces.dense_weight for name, value in layer.items() if "/dense/" in name}
    params = layer | dense
    params["idf"] = content.frequency_weights(features)
    params["bias"] = torch.zeros(features.matrix.shape[1], 1)
    params["profile"] = torch.zeros(data.shoppers.features.matrix.shape[1], spaces.dimensions)
    params["log_scale"] = torch.tensor([-np.log(spaces.temperature)], dtype=torch.float32)
    params |= _factors(data, features, params["idf"], spaces, seed)
    main = params["basis"][:, : spaces.dimensions]
    params["content/sparse"] = F.pad(main, (0, spaces.dimensions - main.shape[1]))
    params["expected"] = torch.zeros(len(params["map"]), k)
    count = np.log1p(np.asarray(data.matrix().getnnz(axis=0), dtype=np.float64))
    params["sold"] = torch.from_numpy(((count - count.mean()) / (count.std() or 1)).astype(np.float32))
    return params


def garments(params: Params, features: Features, rows: Ints, hidden: Bools) -> Garments:
    """Garments [N] of catalogue `rows` with these `features`.

    Those `hidden`, or not trained, have no factors but by map. Differentiable in the trained parameters.
    """
    unit = content.unit(features, params["idf"])
    vectors = F.normalize(content.layer(params, "content", unit), dim=1)
    trained = len(params["sold"])
    known = torch.from_numpy((rows < trained) & ~hidden)
    place = torch.from_numpy(np.minimum(rows, trained - 1))
    seen = _seen(params, unit)
    cross = torch.from_numpy(rows < trained)[:, None]
    mapped = torch.where(cross, params["factor/hidden"][place], seen @ params["map"]) + seen @ params["expected"]
    factors = torch.where(known[:, None], params["factor/known"][place], mapped)
    bias = sparse_product(unit.matrix, params["bias"]).squeeze(1)
    return Garments(vectors, bias, factors, params["sold"][place] * known)


def shoppers(params: Params, history: Csr, among: Garments, profile: Csr) -> Shoppers:
    """Shoppers [B] with this `history` [B, N] of `among` and `profile` [B, F]."""
    means = row_means(history)
    taste = F.normalize(sparse_product(means, among.vectors), dim=1)
    factors = sparse_product(means, among.factors.detach())
    return Shoppers(taste + sparse_product(profile, params["profile"]), F.normalize(factors, dim=1) * _SIZE)


def likeness(params: Params, taste: Tensor, vectors: Tensor, bias: Tensor) -> Tensor:
    """[...] of pairs [..., E] and [..., E]: scaled cosine, and what content promises."""
    return params["log_scale"].exp() * (taste * vectors).sum(-1) + bias


def likenesses(params: Params, asked: Shoppers, among: Garments) -> Tensor:
    """[B, N] of all pairs."""
    scaled: Tensor = params["log_scale"].exp() * asked.taste
    return torch.addmm(among.bias, scaled, among.vectors.T)


def touched(history: Csr, rows: Ints) -> tuple[Ints, Csr, Ints]:
    """Catalogue rows that `history` or `rows` name, the history over these, and where `rows` are among them."""
    items, place = np.unique(np.concatenate([rows, history.indices]), return_inverse=True)
    shape = (history.shape[0], len(items))
    return items, type(history)((history.data, place[len(rows) :], history.indptr), shape=shape), place[: len(rows)]


def _seen(params: Params, unit: Features) -> Tensor:
    dense = [torch.from_numpy(column.vectors) for column in unit.dense]
    return torch.cat([torch.from_numpy(unit.matrix @ params["basis"].numpy()), *dense], dim=1)


def _factors(data: TrainData, features: Features, idf: Tensor, spaces: Spaces, seed: int) -> Params:
    pairs = data.matrix().sign()
    confidence = Confidence(alpha=spaces.alpha, penalty=spaces.regularization)
    known = item_factors(pairs, confidence, factors=spaces.factors, iterations=spaces.iterations, seed=seed)
    known = F.normalize(known, dim=1)
    unit = content.unit(features, idf)
    basis = torch.from_numpy(content_map.directions(unit.matrix, spaces.directions, seed))
    seen = _seen({"basis": basis}, unit).double().numpy()
    weight = np.minimum(np.asarray(pairs.getnnz(axis=0), dtype=np.float64), _COUNTED)
    target = known.double().numpy()
    hidden = np.zeros_like(target)
    families, family = np.unique(data.catalogue.family, return_inverse=True)
    fold = (stream(seed, "sides", "folds").permutation(len(families)) % _FOLDS)[family]
    for part in range(_FOLDS):
        own = fold == part
        hidden[own] = seen[own] @ _ridge(seen[~own], target[~own], weight[~own], spaces.map_penalty)
    table = _ridge(seen, target, weight, spaces.map_penalty)
    found = {"factor/known": target, "factor/hidden": hidden, "map": table}
    return {"basis": basis} | {name: torch.from_numpy((_SIZE * v).astype(np.float32)) for name, v in found.items()}


def _ridge(seen: Floats, target: Floats, weight: Floats, penalty: float) -> Floats:
    left = seen.T @ (weight[:, None] * seen) + penalty * np.eye(seen.shape[1])
    found: Floats = np.linalg.solve(left, seen.T @ (weight[:, None] * target))
    return found


def keep_strangers(data: TrainData, users: Ints, items: Ints) -> Params:
    """`strangers/...`: histories [R, N] of these shoppers, their rows, and these garments, as parameters."""
    known = stored.tensors("strangers", data.matrix()[users].sign())
    profile = stored.tensors("strangers/profile", data.shoppers.features.matrix[users])
    return known | profile | {"strangers/items": torch.from_numpy(items), "strangers/users": torch.from_numpy(users)}
