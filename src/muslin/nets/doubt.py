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
from scipy.linalg import solve_triangular

from muslin.nets import stored, warming
from muslin.nets.episodes import Cases
from muslin.types import Csr, Floats, Items, Params, Support


def adapted(params: Params, support: Support, noise: float) -> Params:
    """`adapted/of` [K] the catalogue row of the item, and `adapted/seen/...` [K, N] the row, of each of K events."""
    histories = warming.damped(support.users.history, params["damping"].numpy())
    events = sp.csc_matrix(support.weight)
    rows, found = [], [sp.csr_matrix((0, histories.shape[1]), dtype=np.float64)]
    for column in range(events.shape[1]):
        own = histories[events.indices[events.indptr[column] : events.indptr[column + 1]]]
        if own.shape[0]:
            factor = np.linalg.cholesky((own @ own.T).toarray() + noise * np.eye(own.shape[0]))
            inverse = solve_triangular(factor, np.eye(len(factor)), lower=True)
            found.append(sp.csr_matrix(sp.csr_matrix(inverse) @ own))
            rows += [int(support.items.rows[column])] * len(factor)
    return {"adapted/of": torch.tensor(rows, dtype=torch.int64)} | stored.tensors("adapted/seen", sp.vstack(found))


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
