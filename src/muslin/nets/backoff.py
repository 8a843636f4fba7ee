"""Counts of items, and for a new item the mean of its finest known category.

Source: hierarchical back-off, as in shrinkage estimators (Efron and Morris 1975): each level's mean is mixed with the
next coarser one, as if that had been seen on a few items more.
Differs: none.
"""

import numpy as np
import torch

from muslin.types import Catalogue, Floats, Ints, Items, Params


def fit(counts: Floats, catalogue: Catalogue, shrinkage: float) -> Params:
    """`count` [N] of the trained items of `catalogue`, their `mean` [1], and `level_d`: means of level d, -1 for none.

    `shrinkage` >= 0: items' worth of the coarser level in each mean.
    """
    mean = np.float32(counts.mean())
    params = {"count": torch.from_numpy(counts), "mean": torch.tensor([mean])}
    prior = np.full(len(counts), mean, dtype=np.float32)
    for level, codes in enumerate(catalogue.category.T):
        means = _means(codes, counts, prior, shrinkage)
        params[f"level_{level}"] = torch.from_numpy(means)
        prior = _looked_up(means, codes, prior)
    return params


def expected(params: Params, items: Items) -> Floats:
    """[I] each item's own count if it was trained, else its category's mean."""
    counts = params["count"].numpy()
    found = np.full(len(items), float(params["mean"][0]), dtype=np.float32)
    for level, codes in enumerate(items.catalogue.category[items.rows].T):
        found = _looked_up(params[f"level_{level}"].numpy(), codes, found)
    hot = items.rows < len(counts)
    found[hot] = counts[items.rows[hot]]
    return found


def _means(codes: Ints, counts: Floats, prior: Floats, shrinkage: float) -> Floats:
    """[C] mean count of each code, mixed with the mean prior of its items; -1 where it has none."""
    known = codes >= 0
    width = int(codes.max(initial=-1)) + 1
    n = np.bincount(codes[known], minlength=width)
    total = np.bincount(codes[known], weights=counts[known], minlength=width)
    coarse = np.bincount(codes[known], weights=prior[known], minlength=width) / np.maximum(n, 1)
    mean = (total + shrinkage * coarse) / np.maximum(n + shrinkage, 1e-12)
    return np.where(n > 0, mean, -1.0).astype(np.float32)


def _looked_up(means: Floats, codes: Ints, default: Floats) -> Floats:
    """`means[codes]` where that category was seen in training, else `default`."""
    inside = (codes >= 0) & (codes < len(means))
    found = np.full(len(codes), -1.0, dtype=np.float32)
    found[inside] = means[codes[inside]]
    return np.where(found >= 0, found, default).astype(np.float32)
