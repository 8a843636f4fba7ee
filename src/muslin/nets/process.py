"""The posterior of a new garment after its first shoppers, where shoppers are alike in three ways at once.

Two shoppers are alike by the cosine of their histories (popular items counting less), by the cosine of their tastes in
the space of the tower, and by what EASE expects one to take of what the other took. The first is exact and mostly zero
between short histories; the other two say something of everybody. The three are weighed, and the weights, the noise of
an event and the logit of a garment that is wanted are learned through the k x k solve (`nets.rehearsal`).

Everything is linear in the shopper asked, so what is learned of a garment is a sparse vector over trained items and a
dense one of the tower's length: serving is two products.

Source: Gaussian process regression on the residual of a prior mean, Rasmussen and Williams 2006, equations 2.22 to
2.24; learning through the solve as in R2-D2 (Bertinetto et al. 2019, ICLR) and ALPaCA (Harrison et al. 2018).
Differs: the kernel is a sum of three with learned weights; the third is not symmetric as EASE has it and is made so
among the garment's shoppers.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.nets import prior, stored, tower, warming
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.types import Csr, Floats, Ints, Items, Params, Support, Users


class Known(NamedTuple):
    """Shoppers as the process knows them: `damped` histories, what EASE `expected` [U, N], and `taste` [U, K]."""

    damped: Csr
    expected: Csr
    taste: Floats


def start() -> Params:
    """`kernel` [3] logs of the weights of history, taste and expectation; `noise` [1] log variance; `target` [1]."""
    return {"kernel": torch.tensor([1.3, 0.8, 1.1]), "noise": torch.tensor([2.2]), "target": torch.tensor([6.5])}


def known(params: Params, users: Users, items: Items) -> Known:
    """`users` whose histories are over the catalogue of `items`."""
    n = prior.trained(params)
    history = sp.csr_matrix(users.history[:, :n].sign())
    vectors, _ = tower.of_catalogue(params, items.catalogue.features)
    usual = vectors[params["sample"]].mean(0)
    shares = row_means(users.history)
    mean = sparse_product(shares, vectors)
    there = torch.from_numpy(np.diff(shares.indptr) > 0)[:, None]
    taste = torch.where(there, F.normalize(F.normalize(mean, dim=1) - usual, dim=1), 0.0)
    expected = sp.csr_matrix(history @ stored.matrix(params, "ease", n))
    damped = warming.damped(users.history, params["damping"].numpy())
    return Known(sp.csr_matrix(damped, dtype=np.float32), expected, taste.numpy())


def only(shoppers: Known, rows: Ints) -> Known:
    """Only the named rows."""
    return Known(shoppers.damped[rows], shoppers.expected[rows], shoppers.taste[rows])


def between(asked: Known, told: Known) -> Tensor:
    """[3, U, S] how alike each shopper is to each, in each way."""
    parts = (
        (asked.damped @ told.damped.T).toarray(),
        asked.taste @ told.taste.T,
        (asked.expected @ told.damped.T).toarray(),
    )
    return torch.from_numpy(np.stack([np.asarray(part, dtype=np.float32) for part in parts]))


def coefficients(process: Params, alike_3Jkk: Tensor, before_Jk: Tensor) -> Tensor:
    """[J, k] what each of a garment's k shoppers counts: (K + noise I)⁻¹ (target - prior). Differentiable."""
    kernel = torch.einsum("q,qjab->jab", process["kernel"].exp(), alike_3Jkk)
    kernel = (kernel + kernel.mT) / 2 + process["noise"].exp() * torch.eye(kernel.shape[-1])
    rest: Tensor = (process["target"] - before_Jk).unsqueeze(-1)
    share: Tensor = torch.linalg.solve(kernel, rest).squeeze(-1)
    return share


def rows_told(support: Support) -> Tensor:
    """[J] catalogue rows of the items with an event."""
    return torch.from_numpy(support.items.rows[np.flatnonzero(sp.csc_matrix(support.weight).getnnz(axis=0))])


def adapted(params: Params, support: Support, before: Floats) -> Params:
    """`params` with `adapted/rows` [J], `adapted/...` [J, N] and `adapted/taste` [J, K] for the J items told of.

    `before` [S, I]: logits of the items of `support` for its shoppers, without what these events add.
    """
    shoppers = known(params, support.users, support.items)
    events = sp.csc_matrix(support.weight)
    columns = np.flatnonzero(np.diff(events.indptr))
    sums = sp.lil_matrix((len(columns), len(support.users)), dtype=np.float32)
    for place, column in enumerate(columns):
        told = events.indices[events.indptr[column] : events.indptr[column + 1]]
        own = only(shoppers, told)
        rest = torch.from_numpy(np.ascontiguousarray(before[told, column], dtype=np.float32))
        sums[place, told] = coefficients(params, between(own, own)[:, None], rest[None]).numpy()
    share = sp.csr_matrix(sums)
    kept = {name: value for name, value in params.items() if not name.startswith("adapted/")}
    added = {
        "adapted/rows": rows_told(support),
        "adapted/taste": torch.from_numpy(np.asarray(share @ shoppers.taste, dtype=np.float32)),
    }
    return kept | added | stored.tensors("adapted", sp.csr_matrix(share @ shoppers.damped))


def added(params: Params, users: Users, items: Items) -> Floats:
    """[U, I] what adaptation adds to the logits; zero for items it was not told of, and before there was any."""
    out = np.zeros((len(users), len(items)), dtype=np.float32)
    if "adapted/rows" not in params:
        return out
    told, own = warming.told(params, items)
    if len(told):
        history, taste, expected = params["kernel"].exp().tolist()
        shopper = known(params, users, items)
        vectors = stored.matrix(params, "adapted", prior.trained(params))[own].T
        sparse = ((history * shopper.damped + expected * shopper.expected) @ vectors).toarray()
        out[:, told] = sparse + taste * (shopper.taste @ params["adapted/taste"].numpy()[own].T)
    return out
