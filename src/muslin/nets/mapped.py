"""What EASE would expect of an item with this content: a ridge map from content to its columns, applied to shoppers.

The map is applied to what EASE expects of a shopper, which is the same as mapping columns. In a new item's column, an
item that was taken counts for itself too: its own weight is zero only because it must not predict itself.

Source: Gantner et al. 2010 (ICDM), section 4.2, who map attributes to factors. Differs: the targets are the columns of
an item-item model (Steck 2019, WWW), and the map reads main directions of the content (`nets.content_map`).
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from muslin.features.kept import once
from muslin.nets import blend, content_map, stored
from muslin.types import Csr, Features, Floats, Ints, Params


@dataclass(frozen=True, kw_only=True)
class Shape:
    """L2 `penalty` of the map, the main `directions` of the content that it reads, and what a taken item counts."""

    penalty: float = 10.0
    directions: int = 256
    own: float = 0.3


def fit(features: Features, idf: Floats, weights: blend.Weights, shape: Shape, seed: int) -> Params:
    """`basis` [D, R] and `map` [R + E, N] of the trained items, which have these `features`."""
    content, dense = content_map.weighted(blend.columns(features, idf), weights)
    basis = content_map.directions(content, shape.directions, seed)
    mapped = content_map.inverse(content_map.seen(content, dense, basis), shape.penalty)
    return {"basis": torch.from_numpy(basis), "map": torch.from_numpy(mapped)}


def expected(params: Params, history: Csr, features: Features, rows: Ints, shape: Shape) -> Floats:
    """[U, rows] what is expected of `rows` of a catalogue by shoppers with this `history` [U, items].

    `params`: those of `fit`, `ease/...` [N, N], and `idf`, `weight`, `usual` of the blend.
    """
    taken = sp.csr_matrix(history[:, : params["map"].shape[1]].sign())
    by_item = sp.csr_matrix(taken @ stored.matrix(params, "ease", taken.shape[1])) + shape.own * taken
    by_direction = np.asarray(by_item @ params["map"].numpy().T, dtype=np.float32)
    found: Floats = by_direction @ _seen(params, features, rows).T
    return found


def _seen(params: Params, features: Features, rows: Ints) -> Floats:
    """[rows, R + E] of a catalogue; of all of it at once where it is kept (`features.kept`)."""
    used = [params[name] for name in ("idf", "weight", "usual", "basis")]
    if features.kept is None:
        return _directions(params, features.take(rows))
    return once(features, "mapped", used, lambda: _directions(params, features))[rows]


def _directions(params: Params, features: Features) -> Floats:
    weights = blend.Weights(params["weight"].numpy(), params["usual"].numpy())
    columns = blend.columns(features, params["idf"].numpy())
    return content_map.seen(*content_map.weighted(columns, weights), params["basis"].numpy())
