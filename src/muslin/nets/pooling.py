"""How much of what a shopper took a garment is like, when one likeness close enough is worth more than many faint ones.

The cosines of a garment with everything in the history are averaged as log mean exp: at sharpness near zero that is
their mean, as of a shopper's average vector; at a high one only the nearest counts.

Source: attention over a shopper's history by the candidate, Zhou et al. 2018 (KDD, "Deep interest network"), section
4.3; log-sum-exp pooling, Pinheiro and Collobert 2015 (CVPR). Differs: cosines of one tower are pooled, with
no network to weigh them; the sharpness is learned with the tower.
"""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets.sparse import sparse_product
from muslin.types import Csr, Ints

_TINY = 1e-30


def pooled(sharpness: Tensor, shares: Csr, vectors_NK: Tensor, candidates_IK: Tensor) -> Tensor:
    """[U, I] pooled cosines; zero for a shopper without a history.

    `shares` [U, N] rows that sum to one, or are empty; unit vectors. Differentiable once.
    """
    used, history = held(shares)
    return of_cosines(sharpness, history, vectors_NK[torch.from_numpy(used)] @ candidates_IK.T)


def held(shares: Csr) -> tuple[Ints, Csr]:
    """The H items [H] that anybody holds, and `shares` [U, H] of those alone."""
    used, place = np.unique(shares.indices, return_inverse=True)
    history = sp.csr_matrix((shares.data, place, shares.indptr), shape=(shares.shape[0], len(used)))
    return used.astype(np.int64), history


def of_cosines(sharpness: Tensor, history: Csr, cosines_HI: Tensor) -> Tensor:
    """`pooled` [U, I] of the cosines of what is `held` with candidates."""
    near = torch.exp(sharpness * (cosines_HI - 1))
    return _root(sparse_product(history, near), sharpness, history)


def pooled_pairs(sharpness: Tensor, shares: Csr, vectors_NK: Tensor, targets_BK: Tensor) -> Tensor:
    """[B] the same of each row of `shares` [B, N] with its own target."""
    row = torch.from_numpy(np.repeat(np.arange(shares.shape[0]), np.diff(shares.indptr)))
    held = vectors_NK.index_select(0, torch.from_numpy(shares.indices.astype(np.int64)))
    near = torch.exp(sharpness * ((held * targets_BK.index_select(0, row)).sum(1) - 1))
    total = torch.zeros(shares.shape[0], dtype=near.dtype).index_add(0, row, near * torch.from_numpy(shares.data))
    return _root(total[:, None], sharpness, shares).squeeze(1)


def _root(mean: Tensor, sharpness: Tensor, shares: Csr) -> Tensor:
    known = torch.from_numpy(np.diff(shares.indptr) > 0)[:, None]
    return torch.where(known, torch.log(mean.clamp_min(_TINY)) / sharpness + 1, 0.0)
