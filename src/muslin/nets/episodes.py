"""Trained items that act as new ones, so that what their first shoppers tell can be judged by their later ones.

Some items are hidden, their whole families with them: from every history, from EASE's weights and from the likenesses.
Then k of their shoppers are told, for several k, and the others are asked. EASE's weights among the items that stay
are those of the whole data: what the hidden items left in them is not undone.

Source: episodes of support and query as in Vinyals et al. 2016 (NeurIPS, "Matching networks"), section 2.2. Differs:
nothing is trained by gradient, a few settings are compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from muslin.nets import prior, warming
from muslin.nets.places import between, places
from muslin.random import stream
from muslin.types import Catalogue, Csr, Floats, Ints, Items, Params, Support, TrainData, Users

KS = (1, 3, 10)
"""Shoppers told of each item."""
_ASKED = 3
"""Shoppers left to be asked, of an item that may act as new."""
_USERS = 2000
"""Shoppers asked at most."""
_FEWEST = 8
"""Hidden items without which nothing is chosen: an order of fewer says little."""
_SHARE = 4
"""One item in so many is hidden at most, for the others to know the shoppers by."""


class Setting(NamedTuple):
    """Two numbers of a method, whatever they are to it."""

    first: float
    second: float


@dataclass(frozen=True)
class Choice:
    """What a method chooses between: the setting it is `given` and `others`; `rule` makes coefficients of one.

    `episodes`: how many trained items act as new ones at most; 0 keeps what is given.
    """

    given: Setting
    others: Sequence[Setting]
    rule: Callable[[Setting], warming.Coefficients]
    episodes: int


@dataclass(frozen=True)
class Cases:
    """Hidden `items` of a smaller catalogue, `told` for each k, and the true items `truth` [U, I] of `users`.

    `seen` [U, I]: pairs told for the largest k, which nobody is asked for at any k. `stay`: the rows that are left of
    the whole catalogue, which come first, in their order, in the smaller one.
    """

    items: Items
    told: tuple[Support, ...]
    users: Users
    truth: Csr
    seen: Csr
    stay: Ints

    def known(self) -> Catalogue:
        """The garments that stay."""
        return _smaller(self.items.catalogue, np.arange(len(self.stay)), len(self.stay))

    def worth(self, scores: Floats) -> float:
        """How high `scores` [U, I] rank the true items."""
        scores = scores.copy()
        scores[self.seen.nonzero()] = -np.inf
        return _worth(scores, self.truth)


@dataclass(frozen=True)
class Episodes:
    """`cases` and the `params` with only the items that stay to compare with."""

    params: Params
    cases: Cases


def hidden(data: TrainData, count: int, seed: int, *, ks: Sequence[int] = KS, asked: int = _ASKED) -> Cases | None:
    """At most `count` items that act as new, or None where too few have `asked` shoppers more than the largest of `ks`.

    Their whole families leave the catalogue and the histories.
    """
    pairs = data.matrix().sign()
    rng = stream(seed, "episodes")
    able = np.flatnonzero(pairs.getnnz(axis=0) >= ks[-1] + asked)
    out = np.sort(rng.permutation(able)[: min(count, len(data.catalogue) // _SHARE)])
    stay = np.flatnonzero(~np.isin(data.catalogue.family, data.catalogue.family[out]))
    if min(len(out), len(stay)) < _FEWEST:
        return None
    catalogue = _smaller(data.catalogue, np.concatenate([stay, out]), len(stay))
    items = Items(catalogue, np.arange(len(stay), len(catalogue)))
    nothing = sp.csr_matrix((len(data.shoppers), len(out)), dtype=np.float32)
    histories = sp.hstack([pairs[:, stay], nothing], format="csr")
    rank = places(pairs[:, out], rng)
    told = tuple(_told(data, histories, items, rank, k) for k in ks)
    late = between(rank, ks[-1] + 1, np.inf)
    able_users = np.flatnonzero((np.diff(late.indptr) > 0) & (np.diff(histories.indptr) > 0))
    users = np.sort(rng.permutation(able_users)[:_USERS])
    seen = between(rank[users], 1, ks[-1])
    return Cases(items, told, _users(data, histories, users), late[users], seen, stay)


def drawn(data: TrainData, params: Params, count: int, seed: int) -> Episodes | None:
    """Episodes over at most `count` hidden items, or None where too few items have shoppers enough.

    `params`: those of `nets.prior.fit`, and `damping` [N] (`nets.warming`).
    """
    cases = hidden(data, count, seed)
    if cases is None:
        return None
    small = prior.without(params, cases.stay) | {"damping": params["damping"][cases.stay]}
    return Episodes(small, cases)


def chosen(data: TrainData, params: Params, shape: prior.Shape, choice: Choice, seed: int) -> Setting:
    """The best of a choice on episodes; what is given where none are wanted, or there are too few items for any."""
    found = drawn(data, params, choice.episodes, seed) if choice.episodes else None
    if found is None:
        return choice.given
    return best(found, shape, [choice.given, *choice.others], choice.rule)


def best(
    episodes: Episodes, shape: prior.Shape, settings: Sequence[Setting], rule: Callable[[Setting], warming.Coefficients]
) -> Setting:
    """The setting whose coefficients, on top of the prior, rank the true items highest on average over all k."""
    params, items, users = episodes.params, episodes.cases.items, episodes.cases.users
    before = prior.scores(params, users, items, shape)
    supports = episodes.cases.told
    told = [(warming.heard(params, own), prior.scores(params, own.users, items, shape)) for own in supports]

    def worth(setting: Setting) -> float:
        after = [warming.weighed(params, heard, known, rule(setting)) for heard, known in told]
        ranked = [before + warming.added(a, users.history, items) for a in after]
        return float(np.mean([episodes.cases.worth(scores) for scores in ranked]))

    return settings[int(np.argmax([worth(setting) for setting in settings]))]


def _worth(scores: Floats, truth: Csr) -> float:
    """Mean discount 1 / log2(1 + rank) of the true items; ties count as lost."""
    user = np.repeat(np.arange(truth.shape[0]), np.diff(truth.indptr))
    own = scores[user, truth.indices]
    rank = (scores[user] >= own[:, None]).sum(axis=1)
    return float(np.mean(1 / np.log2(1 + rank)))


def _smaller(catalogue: Catalogue, rows: Ints, n_hot: int) -> Catalogue:
    return replace(
        catalogue,
        ids=catalogue.ids[rows],
        features=catalogue.features.take(rows),
        family=catalogue.family[rows],
        category=catalogue.category[rows],
        domain=catalogue.domain[rows],
        n_hot=n_hot,
    )


def _told(data: TrainData, histories: Csr, items: Items, rank: Csr, k: int) -> Support:
    events = between(rank, 1, k)
    rows = np.flatnonzero(np.diff(events.indptr))
    return Support(_users(data, histories, rows), items, events[rows])


def _users(data: TrainData, histories: Csr, rows: Ints) -> Users:
    return Users(rows.astype(np.int64), data.shoppers.features.matrix[rows], sp.csr_matrix(histories[rows]))
