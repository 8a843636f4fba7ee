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
from muslin.nets.rows import times
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


def image(params: Params, taken: Csr, by_ease: Floats, shape: Shape, features: Features) -> Floats:
    """[U, R + E] what shoppers are expected to take, by direction of content; `params`: those of `fit`.

    `taken` [U, N]: 1 where a trained item was; `by_ease` [U, N]: what EASE expects of each. `features`: of a catalogue
    that may keep what is made of the parameters.
    """
    wanted = by_ease + np.float32(shape.own) * taken.toarray()
    some = np.flatnonzero(wanted.any(axis=0))
    if _PICKING * len(some) > wanted.shape[1]:
        return np.asarray(wanted @ params["map"].numpy().T)
    # EASE expects nothing of most items of a large catalogue.
    by_item = once(features, "map", (params["map"],), lambda: np.ascontiguousarray(params["map"].numpy().T))
    return np.asarray(wanted[:, some] @ by_item[some])


def expected(params: Params, seen_UR: Floats, features: Features, *rows: Ints) -> list[Floats]:
    """[U, rows] what is expected of each of `rows` of a catalogue by shoppers of whom this is the `image`.

    `params`: those of `fit`, and `idf`, `weight`, `usual` of the blend.
    """
    basis = params["basis"].numpy()
    if features.kept is None or len(seen_UR) > _FEW:
        parts = [content_map.seen(*_weighted(params, features, r), basis) for r in rows]
        return [np.asarray(seen_UR @ part.T) for part in parts]
    # For a few shoppers: what they see in each feature, which garments have a few of, and not in each direction.
    content, dense = _weighted(params, features)
    by_feature = np.ascontiguousarray(basis @ seen_UR[:, : basis.shape[1]].T)
    found = times(content, by_feature, *rows)
    if dense.shape[1]:
        found = [a + dense[r] @ seen_UR[:, basis.shape[1] :].T for a, r in zip(found, rows, strict=True)]
    return [np.ascontiguousarray(part.T) for part in found]


_FEW = 8
"""Shoppers asked for at once."""
_PICKING = 4
"""Times longer that it takes to pick a row of the map and multiply it than to multiply it where it stands."""


def _weighted(params: Params, features: Features, rows: Ints | None = None) -> tuple[Csr, Floats]:
    """Content and embeddings of `rows`, or of the whole catalogue, made once where that is kept."""
    weights = blend.of_params(params)
    if rows is not None:
        return content_map.weighted(blend.columns(features.take(rows), params["idf"].numpy()), weights)
    used, columns = [params[name] for name in ("idf", "weight", "usual")], blend.of_catalogue(features, params["idf"])
    return once(features, "mapped", used, lambda: content_map.weighted(columns, weights))
