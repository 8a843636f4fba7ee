"""Implicit ALS in closed form: all vectors of one side at once, given those of the other, each with a prior mean.

A row that took some of the other side's things, and nothing of the rest, gets the x that minimises

    (1 + α) Σ_taken (t - x·y)² + Σ_rest (x·y)² + λ |x - m|²,   (Σ over all y yyᵀ + λI + α Σ_taken yyᵀ) x = ...

with t = 1 and m its prior mean. Where few things were taken the Woodbury identity makes that a system as small as
their number, else it is one of the size of the vectors; either way rows of like length are solved together.

Source: Hu, Koren and Volinsky 2008 (ICDM), equations 4 and 5; prior means that features give, as in Agarwal and Chen
2009 (KDD, "Regression-based latent factor models"), section 2. Differs: point estimates throughout, no variances.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.types import Csr, Ints

_CELLS = 1 << 22
"""Numbers in the largest array of one batch of rows."""


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """`alpha`: an event counts 1 + alpha, anything else 1. `penalty`: λ, the precision of the prior."""

    alpha: float
    penalty: float


def gram(table_NK: Tensor) -> Tensor:
    """`tableᵀ table` [K, K] float64, which `solved` wants of the other side."""
    wide = table_NK.double()
    return wide.T @ wide


def solved(table_NK: Tensor, gram_KK: Tensor, taken_RN: Csr, prior_RK: Tensor, confidence: Confidence) -> Tensor:
    """Vectors [R, K] float64 of rows that took `taken_RN`, whose values are the targets t of the events.

    `prior_RK`: prior means m. A row without events gets its prior mean: to have been offered nothing is no evidence.
    """
    identity_KK = torch.eye(len(gram_KK), dtype=torch.float64)
    ridge_KK = gram_KK + confidence.penalty * identity_KK
    inverse_KK = torch.linalg.inv(ridge_KK)
    out_RK = prior_RK.double().clone()
    for rows, width in batches(np.diff(taken_RN.indptr), len(gram_KK)):
        own_BnK, target_Bn = _gathered(table_NK, taken_RN, rows, width)
        place = torch.from_numpy(rows)
        pull_BK = (1 + confidence.alpha) * (target_Bn[:, None, :] @ own_BnK).squeeze(1)
        right_BK = pull_BK + confidence.penalty * out_RK[place]
        if 2 * width <= len(gram_KK):
            out_RK[place] = _small(inverse_KK, own_BnK, right_BK, confidence.alpha)
        else:
            left_BKK = torch.baddbmm(ridge_KK, own_BnK.mT, own_BnK, alpha=confidence.alpha)
            out_RK[place] = torch.cholesky_solve(right_BK[:, :, None], torch.linalg.cholesky(left_BKK)).squeeze(2)
    return out_RK


def batches(lengths: Ints, width: int) -> Iterator[tuple[Ints, int]]:
    """(rows, the power of two that their lengths do not exceed) in batches that fit in memory; empty rows left out."""
    sizes = np.where(lengths > 0, 2 ** np.ceil(np.log2(np.maximum(lengths, 1))), 0).astype(np.int64)
    for size in np.unique(sizes[sizes > 0]):
        rows = np.flatnonzero(sizes == size)
        step = max(1, _CELLS // (width * max(int(size), width if 2 * size > width else 1)))
        for start in range(0, len(rows), step):
            yield rows[start : start + step], int(size)


def _gathered(table_NK: Tensor, taken: Csr, rows: Ints, width: int) -> tuple[Tensor, Tensor]:
    """Vectors [B, width, K] of what each row took and their targets [B, width]; zeros behind the last of a row."""
    start, stop = taken.indptr[rows], taken.indptr[rows + 1]
    place_Bn = start[:, None] + np.arange(width)
    inside_Bn = place_Bn < stop[:, None]
    place_Bn = np.where(inside_Bn, place_Bn, start[:, None])
    inside = torch.from_numpy(inside_Bn.astype(np.float64))
    own_BnK = table_NK[torch.from_numpy(taken.indices[place_Bn].astype(np.int64))].double() * inside[:, :, None]
    return own_BnK, torch.from_numpy(taken.data[place_Bn].astype(np.float64)) * inside


def _small(inverse_KK: Tensor, own_BnK: Tensor, right_BK: Tensor, alpha: float) -> Tensor:
    """(ridge + α YᵀY)⁻¹ right, through systems of the size n of what was taken; rows of zeros in Y change nothing."""
    half_BnK = own_BnK @ inverse_KK
    start_BK = right_BK @ inverse_KK
    small_Bnn = half_BnK @ own_BnK.mT + torch.eye(own_BnK.shape[1], dtype=torch.float64) / alpha
    weight_Bn = torch.linalg.solve(small_Bnn, own_BnK @ start_BK[:, :, None])
    own_part_BK: Tensor = (half_BnK.mT @ weight_Bn).squeeze(2)
    return start_BK - own_part_BK
