"""How far to believe few events, by their number: learned from garments left out of training.

What a rule makes of few events was learned on garments whose content the network was trained on, and of one side of a
pair at a time, by a network that is not told how many events speak. So what a garment's events add to a score is
multiplied by a factor of how many they are. Garments left out are told of 1, 3 and 10 of their shoppers, and the others
are asked. Of each number the factor is kept whose gain over no events at all is surest: its mean less its standard
error is largest. Where none gains beyond that doubt the factor is 0, and the prior answers. What shoppers took is
believed in full: factors learned from histories cut short took what is known of regulars away too.

Source: episodes of support and query, Vinyals et al. 2016 (NeurIPS, "Matching networks"), section 2.2; the standard
error as what a gain must exceed, Breiman et al. 1984 ("Classification and regression trees"), section 3.4.3. Differs:
nothing is trained by gradient; a few factors are compared.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from muslin.method import Adaptable
from muslin.nets.lesson import take
from muslin.nets.places import between, in_time
from muslin.random import stream
from muslin.types import Csr, Floats, Ints, Items, Params, Support

KS = (1, 3, 10)
"""Events that have a factor; in between it goes with the logarithm of their number, beyond it stays."""
FACTORS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)
"""What is compared."""
_ASKED = 2
"""Shoppers left to be asked, of a garment that is told of others."""
_GARMENTS = 400
"""Garments told of at most."""
_USERS = 1000
"""Shoppers asked at most."""
_FEWEST = 8
"""Garments without which nothing is learned."""


class Case(NamedTuple):
    """Garments told of equally many shoppers: `before` and `more` [U, I], scores and what events add.

    `closed`, `truth` [U, I]: pairs that are out, and those to be ranked high.
    """

    before: Floats
    more: Floats
    closed: Csr
    truth: Csr


def start() -> Params:
    """`belief/garments` [len(KS)]: events are believed in full until left-out ones say otherwise."""
    return {"belief/garments": torch.ones(len(KS))}


def factors(params: Params, counts: Ints) -> Floats:
    """[J] float32 factor of what events add, for garments of so many of them (0 as 1)."""
    value = params["belief/garments"].double().numpy()
    found: Floats = np.interp(np.log(np.maximum(counts, 1)), np.log(KS), value).astype(np.float32)
    return found


def learned(method: Adaptable, params: Params, left_out: Support, trained: int, seed: int) -> Params:
    """`belief/...` from `left_out`, whose garments from row `trained` on are new to `params`.

    What there is too little for has the factor of the next smaller number, or of `params` where there is none.
    """
    values: list[float] = []
    for at, k in enumerate(KS):
        case = garments(method, params, left_out, trained, k, seed)
        usual = values[-1] if values else float(params["belief/garments"][at])
        values.append(usual if case is None else surest(case))
    return {"belief/garments": torch.tensor(values)}


def garments(method: Adaptable, params: Params, left_out: Support, trained: int, k: int, seed: int) -> Case | None:
    """Some of the new garments, told of their first `k` shoppers; None where there are too few."""
    rng = stream(seed, "belief", "garments", k)
    pairs = sp.csr_matrix(left_out.weight).sign()
    able = np.flatnonzero((left_out.items.rows >= trained) & (pairs.getnnz(axis=0) >= k + _ASKED))
    if len(able) < _FEWEST:
        return None
    column = np.sort(rng.permutation(able)[:_GARMENTS])
    items, place = Items(left_out.items.catalogue, left_out.items.rows[column]), in_time(left_out, rng)[:, column]
    first, late = between(place, 1, k), between(place, k + 1, np.inf)
    tellers = np.flatnonzero(np.diff(first.indptr))
    asked = np.sort(rng.permutation(np.flatnonzero(np.diff(late.indptr)))[:_USERS])
    users = take(left_out.users, asked)
    in_full = params | {"belief/garments": torch.ones(len(KS))}
    told = method.adapt(in_full, Support(take(left_out.users, tellers), items, first[tellers]))
    before, after = (method.score(known, users, items).numpy() for known in (params, told))
    return Case(before, after - before, first[asked], late[asked])


def surest(case: Case) -> float:
    """The factor with the largest gain beyond doubt."""
    prior = worth(case, 0.0)
    gains = [worth(case, factor) - prior for factor in FACTORS]
    return FACTORS[int(np.argmax([gain.mean() - gain.std() / len(gain) ** 0.5 for gain in gains]))]


def worth(case: Case, factor: float) -> Floats:
    """[J] of each told entity that has any true pair: mean of 1 / log2(1 + rank) of these, ties lost."""
    scores = case.before + np.float32(factor) * case.more
    scores[case.closed.nonzero()] = -np.inf
    user = np.repeat(np.arange(len(scores)), np.diff(case.truth.indptr))
    own = scores[user, case.truth.indices]
    discount = 1 / np.log2(1 + (scores[user] >= own[:, None]).sum(axis=1))
    told, garments = case.truth.indices, scores.shape[1]
    total, count = (np.bincount(told, by, garments) for by in (discount, np.ones(len(user))))
    return (total[count > 0] / count[count > 0]).astype(np.float32)
