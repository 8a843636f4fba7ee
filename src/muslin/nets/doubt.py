"""How uncertain the posterior of a new item is: what its shoppers so far leave unexplained.

Of the prior variance of a shopper's score, whom k of the item's shoppers say something about, the share explained is
k_uS (K_SS + noise I)⁻¹ k_Su: the squared length of the shopper's likenesses after L⁻¹, where LLᵀ is the matrix in
brackets. Likenesses are linear in the shopper's history (`nets.warming`), so an item keeps L⁻¹ times the histories of
its shoppers, a sparse row for each.

Source: Rasmussen and Williams 2006, equation 2.26 and algorithm 2.1. The prior variance is the one under which scores
of trained items that act as new ones (`nets.episodes`) move, in mean square, as far as they do once they are told of
all their first shoppers: matching of second moments.
"""

import numpy as np
import scipy.sparse as sp
import torch

from muslin.nets import stored, warming
from muslin.nets.episodes import Cases
from muslin.types import Csr, Floats, Items, Params, Support


def adapted(told: warming.Heard, support: Support, noise: float) -> Params:
    """`adapted/of` [K] the catalogue row of the item, and `adapted/seen/...` [K, N] the row, of each of K events.

    `told`: what `support` says.
    """
    parts, items = [sp.csr_matrix((0, told.histories.shape[1]), dtype=np.float64)], [told.rows[:0]]
    for group, alike in zip(told.groups, told.alike, strict=True):
        n_items, k = group.shoppers.shape
        inverse = np.linalg.inv(np.linalg.cholesky(alike + noise * np.eye(k)))
        item, row, column = np.nonzero(np.tril(np.ones_like(inverse)))
        cells = (inverse[item, row, column], (item * k + row, group.shoppers[item, column]))
        parts.append(sp.csr_matrix(cells, shape=(n_items * k, told.histories.shape[0])) @ told.histories)
        items.append(np.repeat(support.items.rows[group.columns], k))
    of = torch.from_numpy(np.concatenate(items))
    return {"adapted/of": of} | stored.tensors("adapted/seen", sp.vstack(parts))


def explained(params: Params, history: Csr, items: Items) -> Floats:
    """[U, I] share of the prior variance that the events told of explain; 0 before there were any."""
    out = np.zeros((history.shape[0], len(items)), dtype=np.float32)
    if "adapted/of" not in params or not len(params["adapted/of"]):
        return out
    weight, of = params["damping"].numpy(), params["adapted/of"].numpy()
    place = np.full(len(items.catalogue), -1, dtype=np.int64)
    place[items.rows] = np.arange(len(items))
    asked = np.flatnonzero(place[of] >= 0)
    seen = stored.matrix(params, "adapted/seen", len(weight))[asked]
    squares = sp.csr_matrix(warming.damped(history, weight) @ seen.T).power(2)
    summed = (np.ones(len(asked)), (np.arange(len(asked)), place[of[asked]]))
    return np.asarray((squares @ sp.csr_matrix(summed, shape=(len(asked), len(items)))).toarray(), dtype=np.float32)


def variance(params: Params, cases: Cases, moved: Floats) -> float:
    """Prior variance, in squared units of the score, under which scores move as far as `moved` [U, I] did.

    `params`: those that know the items that stay, adapted to the last support; 0 where nothing was explained.
    """
    share = explained(params, cases.users.history, cases.items)
    asked = share > 0
    asked[cases.seen.nonzero()] = False
    return float((moved[asked].astype(np.float64) ** 2).sum() / share[asked].sum()) if asked.any() else 0.0
