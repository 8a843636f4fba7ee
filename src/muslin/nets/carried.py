"""What other domains teach of content alone, for a domain that has too little of its own to learn from.

Contents that sell elsewhere are expected to sell here too: what a garment sold counts beside that, as half a shopper
each would. Contents that the same shoppers take elsewhere are expected to go together here too: a shopper's taste is
the mean content of what they took, and how much two contents go together is learned there. No shopper need be in both.

Source: ridge regression on main directions, Hoerl and Kennard 1970 with Massy 1965; a bilinear form of content between
items that one shopper takes, as in bilinear feature models (Chu and Park 2009, WWW).
Differs: the form is the regression, on both sides, of how much oftener two garments are taken by one shopper than what
sells makes likely; its scores have a spread of 1 over shoppers and garments elsewhere, and less where little was taken.
"""

import numpy as np
import scipy.sparse as sp
import torch

from muslin.nets import content_map
from muslin.nets.domains import View, within
from muslin.nets.rows import row_means
from muslin.types import Csr, Floats, Params

_PENALTY = 1.0
"""L2 penalty of both regressions on content of about unit length."""
_PRIOR = 0.5
"""Shoppers' worth, for each garment, of what content promises beside what was sold."""
_HALF = 4.0
"""Garments after which a taste counts half."""


def fit(pairs: Csr, view: View, seen: Floats) -> Params:
    """What the domains outside that of `view` teach of content; nothing without content or anything taken there.

    `pairs` [M, N] of training, `seen` [N, R] content (`nets.domain_factors.content_of`). `centre` [R] and `usual` [R]:
    mean content of the garments there, and of what is taken there; `promise` [R] of the log of what sells, and `level`
    [1], what to take from it for the shoppers each garment of the domain is expected to have beforehand; `together`
    [R, R].
    """
    there, content = within(pairs, view.other), seen[view.other].astype(np.float64)
    if not there.nnz or not content.shape[1]:
        return {}
    sold = np.asarray(there.sum(axis=0)).ravel() + 0.5
    centre, chance = content.mean(axis=0), sold / sold.sum()
    inverse = content_map.inverse(content - centre, _PENALTY).astype(np.float64)
    promise = inverse @ (np.log(sold) - np.log(sold).mean())
    found = {
        "centre": centre,
        "usual": chance @ content,
        "promise": promise,
        "level": np.log(np.exp((seen[view.own] - centre) @ promise).mean(keepdims=True) / _PRIOR),
        "together": _together(there, chance, inverse, content - centre),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in found.items()}


def sales(known: Params, counts: Floats, seen: Floats) -> Floats:
    """[I] log of the shoppers expected of garments that so far had `counts` [I] and have the content `seen` [I, R]."""
    promise = (seen - known["centre"].numpy()) @ known["promise"].numpy() - known["level"].numpy()
    found: Floats = np.log(counts + np.exp(promise)).astype(np.float32)
    return found


def tastes(known: Params, history: Csr, seen_there: Floats, seen: Floats) -> Floats:
    """[U, I] how well garments of content `seen` go with what was taken, `history` [U, J] of content `seen_there`."""
    count = np.diff(history.indptr).astype(np.float32)
    leaning = (row_means(history) @ seen_there - known["usual"].numpy()) @ known["together"].numpy()
    scale = count / (count + _HALF)
    found: Floats = scale[:, None] * leaning @ (seen - known["centre"].numpy()).T
    return found


def _together(there: Csr, chance: np.ndarray, inverse: np.ndarray, content: np.ndarray) -> np.ndarray:
    """[R, R] see `fit`. With Z the shoppers' surplus over chance, (R/P)(ZᵀZ - its diagonal)(R/P)ᵀ, P the chances."""
    taken = sp.csr_matrix(there[np.flatnonzero(np.diff(there.indptr) > 1)], dtype=np.float64)
    count = np.diff(taken.indptr).astype(np.float64)
    if not len(count):
        return np.zeros((len(inverse), len(inverse)))
    scaled = (inverse / chance).T
    surplus = (taken @ scaled - np.outer(count, chance @ scaled)) / np.sqrt(count)[:, None]
    shared = np.asarray(taken.T @ (1 / count)).ravel()
    alone = shared - 2 * chance * np.asarray(taken.sum(axis=0)).ravel() + chance**2 * count.sum()
    found = surplus.T @ surplus - scaled.T @ (alone[:, None] * scaled)
    leaning = row_means(sp.csr_matrix(taken, dtype=np.float32)) @ content - chance @ content
    squares = (leaning.T @ leaning) @ found @ (content.T @ content) @ found.T
    spread = np.trace(squares) / (len(leaning) * len(content))
    return np.asarray(found / np.sqrt(max(spread, 1e-12)))
