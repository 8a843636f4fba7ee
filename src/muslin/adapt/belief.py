"""How far to believe few events, by their number: learned from garments and pairs left out of training.

What a rule makes of few events was learned on garments whose content the network was trained on, and of one side of a
pair at a time, by a network that is not told how many events speak. So what events add to a score is multiplied by a
factor of how many they are, for garments and for shoppers. Garments left out are told of their first 1, 3 and 10
shoppers, and the later ones are asked; shoppers are shown with 1, 3 and 10 garments of their history, and asked about
known ones left out. Of each number the factor is kept whose gain over no events at all is surest: its mean
less its standard error is largest. Where none gains beyond that doubt the factor is 0, and the prior answers.

Source: episodes of support and query, Vinyals et al. 2016 (NeurIPS, "Matching networks"), section 2.2; the standard
error as what a gain must exceed, Breiman et al. 1984 ("Classification and regression trees"), section 3.4.3. Differs:
nothing is trained by gradient; a few factors are compared.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from muslin.data.episodes import Entity
from muslin.method import Adaptable
from muslin.nets.places import between, places
from muslin.random import stream
from muslin.types import Csr, Floats, Ints, Items, Params, Support, Users

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
_CELLS = 6_000_000
"""Scores of known garments that are looked at, which bounds the shoppers asked of them."""
_FEWEST = 8
"""Garments, or shoppers, without which nothing is learned of them."""


class Case(NamedTuple):
    """Entities told of equally many events: `before` and `more` [U, I], scores and what events add.

    `closed`, `truth` [U, I]: pairs that are out, and those to be ranked high. `axis`: of the entities that are told, 0
    shoppers, 1 garments.
    """

    before: Floats
    more: Floats
    closed: Csr
    truth: Csr
    axis: int


def start() -> Params:
    """`belief/garments`, `belief/shoppers` [len(KS)]: events are believed in full until left-out ones say otherwise."""
    return {"belief/garments": torch.ones(len(KS)), "belief/shoppers": torch.ones(len(KS))}


def factors(params: Params, entity: Entity, counts: Ints) -> Floats:
    """[J] float32 factor of what events add, for entities of so many of them (0 as 1)."""
    value = params[f"belief/{entity}"].double().numpy()
    found: Floats = np.interp(np.log(np.maximum(counts, 1)), np.log(KS), value).astype(np.float32)
    return found


def learned(method: Adaptable, params: Params, left_out: Support, trained: int, seed: int) -> Params:
    """`belief/...` from `left_out`, whose garments from row `trained` on are new to `params`.

    What there is too little for has the factor of the next smaller number, or of `params` where there is none.
    """
    found = params
    for name, draw in (("belief/shoppers", shoppers), ("belief/garments", garments)):
        values: list[float] = []
        for at, k in enumerate(KS):
            case = draw(method, found, left_out, trained, k, seed)
            usual = values[-1] if values else float(params[name][at])
            values.append(usual if case is None else surest(case))
        found = found | {name: torch.tensor(values)}
    return {name: found[name] for name in start()}


def garments(method: Adaptable, params: Params, left_out: Support, trained: int, k: int, seed: int) -> Case | None:
    """Some of the new garments, told of `k` shoppers; None where there are too few."""
    rng = stream(seed, "belief", "garments", k)
    pairs = sp.csr_matrix(left_out.weight).sign()
    able = np.flatnonzero((left_out.items.rows >= trained) & (pairs.getnnz(axis=0) >= k + _ASKED))
    if len(able) < _FEWEST:
        return None
    column = np.sort(rng.permutation(able)[:_GARMENTS])
    items, place = Items(left_out.items.catalogue, left_out.items.rows[column]), places(pairs[:, column], rng)
    first, late = between(place, 1, k), between(place, k + 1, np.inf)
    tellers = np.flatnonzero(np.diff(first.indptr))
    asked = np.sort(rng.permutation(np.flatnonzero(np.diff(late.indptr)))[:_USERS])
    users = _take(left_out.users, asked)
    in_full = params | {"belief/garments": torch.ones(len(KS))}
    told = method.adapt(in_full, Support(_take(left_out.users, tellers), items, first[tellers]))
    before, after = (method.score(known, users, items).numpy() for known in (params, told))
    return Case(before, after - before, first[asked], late[asked], axis=1)


def shoppers(method: Adaptable, params: Params, left_out: Support, trained: int, k: int, seed: int) -> Case | None:
    """Some shoppers with `k` garments of their history, asked about known ones; None where there are too few."""
    rng = stream(seed, "belief", "shoppers", k)
    known = np.flatnonzero(left_out.items.rows < trained)
    pairs = sp.csr_matrix(left_out.weight).sign()[:, known]
    able = np.flatnonzero((np.diff(pairs.indptr) > 0) & (np.diff(left_out.users.history.indptr) > k))
    if len(able) < _FEWEST:
        return None
    asked = np.sort(rng.permutation(able)[: min(_USERS, max(_FEWEST, _CELLS // trained))])
    whole, items = _take(left_out.users, asked), Items(left_out.items.catalogue, np.arange(trained))
    own = (np.ones(len(known), np.float32), (np.arange(len(known)), left_out.items.rows[known]))
    truth = sp.csr_matrix(pairs[asked] @ sp.csr_matrix(own, shape=(len(known), trained)))
    users = _shortened(whole, k, rng)
    before, after = (
        method.score(params | {"belief/shoppers": torch.full((len(KS),), by)}, users, items).numpy()
        for by in (0.0, 1.0)
    )
    return Case(before, after - before, whole.history[:, :trained], truth, axis=0)


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
    entity = case.truth.indices if case.axis else user
    total, count = (np.bincount(entity, by, scores.shape[case.axis]) for by in (discount, np.ones(len(user))))
    return (total[count > 0] / count[count > 0]).astype(np.float32)


def _take(users: Users, rows: Ints) -> Users:
    return Users(users.rows[rows], users.features[rows], sp.csr_matrix(users.history[rows]))


def _shortened(users: Users, k: int, rng: np.random.Generator) -> Users:
    """`users` with `k` drawn garments of the history."""
    history = sp.csr_matrix(users.history, copy=True)
    for start, stop in pairwise(history.indptr):
        history.data[start:stop][rng.permutation(stop - start) >= k] = 0
    history.eliminate_zeros()
    return Users(users.rows, users.features, history)
