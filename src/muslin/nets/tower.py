"""Unit vectors of garments from what is known of them, and a bias that learns what sells: the item side of a tower.

Starting weights are a random projection, so that cosines of untrained vectors are about those of the features.
"""

import math

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.features.kept import once
from muslin.nets import blend
from muslin.nets.rows import times
from muslin.nets.sparse import sparse_product
from muslin.random import torch_stream
from muslin.types import Csr, Features, Floats, Ints, Params, TrainData

FIXED = frozenset({"idf", "length"})
"""Parameters that belong to the features and are not trained, by their first word."""


def start(data: TrainData, dimensions: int, dense_weight: float, seed: int) -> Params:
    """`item` [D, K] and `dense/NAME` [E, K] random projections, `bias` [D, 1], `idf` [D], `length/NAME` [1].

    `idf` scales the sparse columns, `length/NAME` an embedding: to match them, times `dense_weight`, and shorter where
    its weight in a blend of cosines (`nets.blend`) is below 1, down to 0 for one that says nothing.
    """
    features = data.catalogue.features
    idf = torch.from_numpy(blend.inverse_frequency(features.matrix))
    squares = _scaled(features.matrix, idf).power(2).sum(axis=1)
    length = dense_weight * (float(np.sqrt(squares).mean()) or 1.0)
    width = features.matrix.shape[1]
    params = {
        "item": projection(width, dimensions, torch_stream(seed, "two_tower")),
        "bias": torch.zeros(width, 1),
        "idf": idf,
    }
    for column, share in zip(features.dense, _shares(data, seed), strict=True):
        params[f"length/{column.name}"] = torch.tensor([length * share], dtype=torch.float32)
        rng = torch_stream(seed, "two_tower", column.name)
        params[f"dense/{column.name}"] = projection(column.vectors.shape[1], dimensions, rng)
    return params


def items(params: Params, features: Features) -> tuple[Tensor, Tensor]:
    """Unit vectors [N, K] and biases [N] of items with these features; bent by `adapter/down` and `up`, if any."""
    content = _scaled(features.matrix, params["idf"])
    item_NK = sparse_product(content, params["item"])
    for column in features.dense:
        vectors = params[f"length/{column.name}"] * torch.from_numpy(column.vectors)
        item_NK = item_NK + vectors @ params[f"dense/{column.name}"]
    if "adapter/down" in params:
        item_NK = item_NK + item_NK @ params["adapter/down"] @ params["adapter/up"]
    return F.normalize(item_NK, dim=1), sparse_product(content, params["bias"]).squeeze(1)


def of_catalogue(params: Params, features: Features) -> tuple[Tensor, Tensor]:
    """`items` of a whole catalogue, made once where it is kept (`features.kept`)."""
    used = [params[name] for name in sorted(params) if name.partition("/")[0] in _READ]
    return once(features, "tower", used, lambda: items(params, features))


def products(params: Params, features: Features, asked_QK: Tensor, *rows: Ints) -> list[Tensor]:
    """[Q, rows] inner products of vectors with those of each of `rows` of a catalogue.

    For a few vectors, and garments that are sparse features alone, by what the vectors see in each feature: a garment
    has few features and its vector many numbers.
    """
    vectors, _ = of_catalogue(params, features)
    wide = len(params["item"]) > len(vectors) or features.dense or "adapter/down" in params
    if features.kept is None or wide or len(asked_QK) > _FEW:
        if 2 * sum(map(len, rows)) >= len(vectors):  # picking products is quicker than picking vectors
            every = asked_QK @ vectors.T
            return [every[:, torch.from_numpy(r)] for r in rows]
        return [asked_QK @ vectors[torch.from_numpy(r)].T for r in rows]
    used = [params["idf"], params["item"]]
    content = once(features, "tower content", used, lambda: _of_unit_length(params, features))
    by_feature = (params["item"] @ asked_QK.T).numpy()
    return [torch.from_numpy(np.ascontiguousarray(part.T)) for part in times(content, by_feature, *rows)]


_FEW = 64
"""Vectors whose products are taken by feature."""


def _of_unit_length(params: Params, features: Features) -> Csr:
    """[N, D] content, times `item` vectors of unit length."""
    content = _scaled(features.matrix, params["idf"])
    length = sparse_product(content, params["item"]).norm(dim=1).clamp_min(1e-12).numpy()
    return sp.csr_matrix(sp.diags_array(1 / length) @ content, dtype=np.float32)


_READ = FIXED | {"item", "bias", "dense", "adapter"}
"""Parameters that `items` reads, by their first word."""


def projection(rows: int, dimensions: int, rng: torch.Generator) -> Tensor:
    """[rows, K] normal, such that lengths stay about the same."""
    return torch.randn(rows, dimensions, generator=rng) / math.sqrt(dimensions)


def _shares(data: TrainData, seed: int) -> Floats:
    """[columns] 0 to 1: how much of an embedding column's length it gets."""
    features = data.catalogue.features
    if not features.dense:
        return np.empty(0, dtype=np.float32)
    weights = blend.learned(data, blend.columns(features, blend.inverse_frequency(features.matrix)), seed)
    shares: Floats = np.sqrt(np.minimum(weights.weight[len(features.blocks) :], 1))
    return shares


def _scaled(content: Csr, weight: Tensor) -> Csr:
    return sp.csr_matrix(content @ sp.diags_array(weight.numpy()))
