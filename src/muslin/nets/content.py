"""Learned linear layers on what is known of a row: sparse columns and embedding columns, added up.

The layer called `name` has the parameters `NAME/sparse` [D, W] and `NAME/dense/COLUMN` [E, W].
"""

import math

import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets.blend import inverse_frequency
from muslin.nets.rows import unit_rows
from muslin.nets.sparse import sparse_product
from muslin.types import Features, Params


def frequency_weights(features: Features) -> Tensor:
    """Inverse document frequency [D] of the sparse columns of training rows."""
    return torch.from_numpy(inverse_frequency(features.matrix))


def unit(features: Features, weight: Tensor | None = None) -> Features:
    """Sparse columns times `weight` [D], then every row of unit length; empty rows and embeddings stay as they are."""
    matrix = features.matrix if weight is None else features.matrix @ sp.diags_array(weight.numpy())
    return Features(unit_rows(sp.csr_matrix(matrix)), features.blocks, features.dense)


def random_layer(name: str, features: Features, width: int, rng: torch.Generator, scale: float = 1.0) -> Params:
    """A random projection: lengths and cosines of rows are about kept, times `scale` and `scale` squared."""
    sizes = _sizes(name, features)
    return {n: torch.randn(rows, width, generator=rng) * (scale / math.sqrt(width)) for n, rows in sizes.items()}


def silent_layer(name: str, features: Features, width: int) -> Params:
    """A layer that says nothing until it is trained."""
    return {n: torch.zeros(rows, width) for n, rows in _sizes(name, features).items()}


def layer(params: Params, name: str, features: Features) -> Tensor:
    """What the layer makes of each row [R, W]; gradients flow to the parameters, once."""
    out = sparse_product(features.matrix, params[f"{name}/sparse"])
    for column in features.dense:
        out = out + torch.from_numpy(column.vectors) @ params[f"{name}/dense/{column.name}"]
    return out


def _sizes(name: str, features: Features) -> dict[str, int]:
    dense = {f"{name}/dense/{column.name}": column.vectors.shape[1] for column in features.dense}
    return {f"{name}/sparse": features.matrix.shape[1], **dense}
