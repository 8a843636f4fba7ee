"""The posterior of a new garment after its first shoppers, where shoppers are alike in three ways at once.

Two shoppers are alike by the cosine of their histories (popular items counting less), by the cosine of their tastes in
the space of the tower, and by what EASE expects one to take of what the other took. The first is exact and mostly zero
between short histories; the other two say something of everybody. The three are weighed, and the weights, the noise of
an event and the logit of a garment that is wanted are learned through the k x k solve (`nets.rehearsal`).

Shoppers who took a lot are alike to everybody. Histories and expectations are therefore taken from those of the mean
shopper (tastes from that of the mean garment), so that a first shopper moves those who are more alike than most up and
the others down; how far first shoppers lift a garment for everybody is a fourth weight, a kernel that is the same for
all.

Everything is linear in the shopper asked, so what is learned of a garment is a sparse vector over trained items, a
dense one of the tower's length and three numbers: serving is two products.

Source: Gaussian process regression on the residual of a prior mean, Rasmussen and Williams 2006, equations 2.22 to
2.24; learning through the solve as in R2-D2 (Bertinetto et al. 2019, ICLR) and ALPaCA (Harrison et al. 2018).
Differs: the kernel is a sum of four with learned weights, centred as in kernel PCA (Schoelkopf, Smola and Mueller 1998,
Neural Computation, appendix B); the third is not symmetric as EASE has it and is made so among the garment's shoppers.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.nets import prior, stored, tower, warming
from muslin.nets.first_shoppers import columns, groups, products, together, values
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.types import Csr, Floats, Ints, Items, Params, Support, TrainData, Users

LEAST_NOISE = 0.01
"""Variance of an event at least: the kernel, one part of which is made symmetric, need not be positive without it."""


class Known(NamedTuple):
    """Shoppers as the process knows them: `damped` histories, what EASE `expected` [U, N], and `taste` [U, K].

    `along` [U, 3]: the damped history along the mean one and along the mean expectation, the expectation along the mean
    damped history; `middle` [2]: the mean damped history along itself and along the mean expectation. `there` [U]: 1,
    or 0 of shoppers without a trained history, who are taken for the mean shopper.
    """

    damped: Csr
    expected: Csr
    taste: Floats
    along: Floats
    middle: Floats
    there: Floats


def start() -> Params:
    """`kernel` [4] logs of the weights of history, taste, expectation and of what is the same for everybody.

    `noise` [2] log variance of an event, and how much more where it is the only one (so much over k where there are k):
    who comes first is not like those who come later. `target` [1] logit of a garment that is wanted.
    """
    noise = torch.tensor([2.2, 0.0])
    return {"kernel": torch.tensor([1.3, 0.8, 1.1, -1.0]), "noise": noise, "target": torch.tensor([6.5])}


def centre(params: Params, data: TrainData) -> Tensor:
    """`centre` [2, N]: mean damped history of the trained shoppers, and what EASE expects of them on average."""
    pairs = data.matrix()
    weight = params["damping"].numpy()
    mean = np.asarray(warming.damped(pairs, weight).mean(axis=0)).ravel()
    taken = sp.csr_matrix(np.asarray(pairs.sign().mean(axis=0)).reshape(1, -1))
    expected = (taken @ stored.matrix(params, "ease", pairs.shape[1])).toarray().ravel()
    return torch.from_numpy(np.stack([mean, expected]).astype(np.float32))


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
    damped = sp.csr_matrix(warming.damped(users.history, params["damping"].numpy()), dtype=np.float32)
    mean, usually = params["centre"].numpy()
    along = np.stack([damped @ mean, damped @ usually, expected @ mean], axis=1)
    middle = np.array([mean @ mean, mean @ usually])
    return Known(damped, expected, taste.numpy(), along, middle, (np.diff(damped.indptr) > 0).astype(np.float32))


def between(asked: Known, told: Known) -> Tensor:
    """[4, U, S] how alike each shopper is to each, in each way."""
    history = (asked.damped @ told.damped.T).toarray() - asked.along[:, [0]] - told.along[:, 0] + asked.middle[0]
    expected = (asked.expected @ told.damped.T).toarray() - asked.along[:, [2]] - told.along[:, 1] + asked.middle[1]
    there = np.outer(asked.there, told.there)
    parts = (history * there, asked.taste @ told.taste.T, expected * there, np.ones_like(history))
    return torch.from_numpy(np.stack([np.asarray(part, dtype=np.float32) for part in parts]))


def among(shoppers: Known, told_Jk: Ints) -> Tensor:
    """[4, J, k, k] `between` the k shoppers of each of J items."""
    along, there = shoppers.along[told_Jk], shoppers.there[told_Jk]
    damped, mine, theirs = shoppers.damped, along[:, :, None], along[:, None]
    history = products(damped, damped, told_Jk) - mine[..., 0] - theirs[..., 0] + shoppers.middle[0]
    expected = products(shoppers.expected, damped, told_Jk) - mine[..., 2] - theirs[..., 1] + shoppers.middle[1]
    both, taste = there[:, :, None] * there[:, None], shoppers.taste[told_Jk]
    parts = (history * both, taste @ taste.swapaxes(1, 2), expected * both, np.ones_like(history))
    return torch.from_numpy(np.stack([np.asarray(part, dtype=np.float32) for part in parts]))


def coefficients(process: Params, alike_4Jkk: Tensor, before_Jk: Tensor) -> Tensor:
    """[J, k] what each of a garment's k shoppers counts: (K + noise I)⁻¹ (target - prior). Differentiable."""
    kernel = torch.einsum("q,qjab->jab", process["kernel"].exp(), alike_4Jkk)
    k = kernel.shape[-1]
    noise = (process["noise"][0] + process["noise"][1] / k).exp() + LEAST_NOISE
    kernel = (kernel + kernel.mT) / 2 + noise * torch.eye(k, dtype=kernel.dtype)
    rest: Tensor = (process["target"] - before_Jk).unsqueeze(-1)
    share: Tensor = torch.linalg.solve(kernel, rest).squeeze(-1)
    return share


def rows_told(support: Support) -> Tensor:
    """[J] catalogue rows of the items with an event."""
    return torch.from_numpy(support.items.rows[columns(groups(support.weight))])


def adapted(params: Params, support: Support, before: Csr | Floats) -> Params:
    """`params` with `adapted/rows` [J] for the J items told of, and what they count in each way.

    `adapted/...` [J, N] sums of damped histories, `adapted/taste` [J, K] of tastes, `adapted/total` [J, 2] of the
    coefficients, of all and of those with a history, `adapted/along` [J, 2] the sums along the mean damped history and
    the mean expectation.

    `before` [S, I]: logits of the items of `support` for their own shoppers, without what these events add.
    """
    shoppers = known(params, support.users, support.items)
    found = groups(support.weight)
    rest = [torch.from_numpy(values(before, group).astype(np.float32)) for group in found]
    shares = [
        coefficients(params, among(shoppers, group.shoppers), each).numpy()
        for group, each in zip(found, rest, strict=True)
    ]
    share = together(found, shares, len(support.users))
    kept = {name: value for name, value in params.items() if not name.startswith("adapted/")}
    sums_of = {
        "taste": share @ shoppers.taste,
        "along": share @ shoppers.along[:, :2],
        "total": share @ np.stack([np.ones_like(shoppers.there), shoppers.there], axis=1),
    }
    added = {f"adapted/{name}": torch.from_numpy(np.asarray(v, dtype=np.float32)) for name, v in sums_of.items()}
    added["adapted/rows"] = rows_told(support)
    return kept | added | stored.tensors("adapted", sp.csr_matrix(share @ shoppers.damped))


def added(params: Params, users: Users, items: Items) -> Floats:
    """[U, I] what adaptation adds to the logits; zero for items it was not told of, and before there was any."""
    out = np.zeros((len(users), len(items)), dtype=np.float32)
    if "adapted/rows" not in params:
        return out
    told, own = warming.told(params, items)
    if len(told):
        history, taste, expected, same = params["kernel"].exp().tolist()
        shopper = known(params, users, items)
        vectors = stored.matrix(params, "adapted", prior.trained(params))[own].T
        (total, there), along = params["adapted/total"].numpy()[own].T, params["adapted/along"].numpy()[own]
        sparse = ((history * shopper.damped + expected * shopper.expected) @ vectors).toarray()
        usual = shopper.along[:, [0, 2]] @ np.array([[history], [expected]], dtype=np.float32)
        middle = there * (shopper.middle @ [history, expected]) - along @ [history, expected]
        felt = shopper.taste @ params["adapted/taste"].numpy()[own].T
        out[:, told] = shopper.there[:, None] * (sparse - usual * there + middle) + taste * felt + same * total
    return out
