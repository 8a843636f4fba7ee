"""What EASE would expect of an item with this content: a ridge map from content to its columns, applied to shoppers.

The map is applied to what EASE expects of a shopper, which is the same as mapping columns. In a new item's column, an
item that was taken counts for itself too: its own weight is zero only because it must not predict itself.

Source: Gantner et al. 2010 (ICDM), section 4.2, who map attributes to factors. Differs: the targets are the columns of
an item-item model (Steck 2019, WWW), and the map reads main directions of the content (`nets.content_map`).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.features.kept import once
from muslin.nets import blend, content_map
from muslin.types import Csr, Features, Floats, Ints, Params


@dataclass(frozen=True, kw_only=True)
class Shape:
    """L2 `penalty` of the map, the main `directions` of the content that it reads, and what a taken item counts."""

    penalty: float = 10.0
    directions: int = 256
    own: float = 0.3


def fit(features: Features, idf: Tensor, weights: blend.Weights, shape: Shape, seed: int) -> Params:
    """`basis` [D, R] and `map` [R + E, N] of the trained items, which have these `features`; `idf` [D]."""
    content, dense = content_map.weighted(blend.columns(features, idf.numpy()), weights)
    basis = content_map.directions(content, shape.directions, seed)
    mapped = content_map.inverse(content_map.seen(content, dense, basis), shape.penalty)
    return {"basis": torch.from_numpy(basis), "map": torch.from_numpy(mapped)}


def image(params: Params, taken: Csr, by_ease: Csr, shape: Shape) -> Floats:
    """[U, R + E] what shoppers are expected to take, by direction of content; `params`: those of `fit`.

    `taken` [U, N]: 1 where a trained item was; `by_ease` [U, N]: what EASE expects of each.
    """
    found: Floats = np.asarray((by_ease + shape.own * taken) @ params["map"].numpy().T, dtype=np.float32)
    return found


def expected(params: Params, seen_UR: Floats, features: Features, rows: Ints) -> Floats:
    """[U, rows] what is expected of `rows` of a catalogue by shoppers of whom this is the `image`.

    `params`: those of `fit`, and `idf`, `weight`, `usual` of the blend.
    """
    if features.kept is None:
        return np.asarray(seen_UR @ _directions(params, blend.columns(features.take(rows), params["idf"].numpy())).T)
    used = [params[name] for name in ("idf", "weight", "usual", "basis")]
    columns = blend.of_catalogue(features, params["idf"])
    every = once(features, "mapped", used, lambda: _directions(params, columns))
    if 2 * len(rows) < len(every):
        return np.asarray(seen_UR @ every[rows].T)
    return np.asarray((seen_UR @ every.T)[:, rows])  # picking scores is quicker than picking vectors


def _directions(params: Params, columns: blend.Columns) -> Floats:
    return content_map.seen(*content_map.weighted(columns, blend.of_params(params)), params["basis"].numpy())
