"""Small, slow, independent versions of the baselines: a baseline that was crippled makes any method look good.

Each is written from its definition on the events and features alone and shares no code with the method of its name. On
a sample of an exam's shoppers a baseline must not be clearly weaker than its reference (`checked`).

Sources: popularity counts shoppers; content neighbours as `methods.content_knn` says, by idf-weighted cosine; item
neighbours by cosine of buyers (Sarwar et al. 2001, WWW, section 3.1); EASE (Steck 2019, WWW, equation 8).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from muslin.evaluate.answers import answer, floor
from muslin.evaluate.exam import Ask, Block, Exam, Scores
from muslin.evaluate.finding import Finding, finding
from muslin.evaluate.leaks.signs import surplus
from muslin.random import stream
from muslin.types import Csr, Ints

CHECK = "baseline weaker than its reference"
LIMIT = 3.0
"""Standard deviations from which on a baseline counts as weaker, when it also falls short by the reference's margin."""
_MOST_ITEMS = 4000
_EASE_PENALTY = 200.0

Doubles = NDArray[np.float64]


class Reference(NamedTuple):
    """`build` makes scores for an exam; `margin`: the share of its gain that a baseline with other options may lack."""

    build: Callable[[Exam], Scores]
    margin: float


def checked(exam: Exam, method: str, scores: Scores, *, users: int = 300) -> Finding | None:
    """Whether the baseline `method` is weaker than its reference; None where it has none, or is too large to have.

    `scores` are the method's for the shoppers of `exam`, of whom at most `users` are asked per question. `count` of the
    `total` asked pairs are ranked lower than by the reference. Where the reference is no better than a random order,
    nothing can be said, and the note says that.
    """
    if method not in REFERENCES or (method == "ease" and exam.world.catalogue.n_hot > _MOST_ITEMS):
        return None
    few = sample(exam, users)
    build, margin = REFERENCES[method]
    own, theirs, chance = (_gains(few, name, by) for name, by in ((method, scores), ("", build(few)), ("", floor)))
    shopper = own["user_id"].rank("dense").to_numpy().astype(np.int64)
    gain, wanted, least = (part["gain"].to_numpy() for part in (own, theirs, chance))
    worse, total = int((gain < wanted).sum()), len(gain)
    if surplus(wanted - least, shopper) <= LIMIT:
        return finding(exam, CHECK, 0, total, f"{method}: here its reference is no better than chance", forbidden=False)
    short = 1 - (gain.mean() - least.mean()) / (wanted.mean() - least.mean())
    weak = short > margin and surplus(wanted - gain, shopper) > LIMIT
    note = f"{method} has {1 - short:.0%} of what a small independent version of it gains over a random order"
    return Finding(exam.protocol, exam.seed, CHECK, worse, total, bool(weak), note)


def sample(exam: Exam, users: int) -> Exam:
    """`exam` with at most so many shoppers per question, drawn at random."""
    return replace(exam, asks=tuple(_fewer(ask, users, exam.seed) for ask in exam.asks))


def _fewer(ask: Ask, users: int, seed: int) -> Ask:
    rows = np.sort(stream(seed, "audit", "references").permutation(len(ask.users))[:users])
    names = tuple(ask.users[row] for row in rows)
    return replace(ask, users=names, truth=ask.truth[rows], seen=ask.seen[rows], new_share=None)


def _gains(exam: Exam, method: str, scores: Scores) -> pl.DataFrame:
    """Discounted gain 1 / log2(rank + 1) of each asked pair, of whatever rank."""
    pairs = answer(exam, method or "reference", scores, 0.0).pairs
    return pairs.select("user_id", gain=1 / (pl.col("rank") + 1).log(2))


def popularity(exam: Exam) -> Scores:
    """Shoppers per item."""
    counts = _counts(exam)

    def scores(ask: Ask, rows: slice) -> Block:
        users = len(ask.users[rows])
        return _block(np.tile(counts[ask.items.rows], (users, 1)), np.zeros(users, dtype=bool))

    return scores


def content_knn(exam: Exam) -> Scores:
    """Cosine of a candidate with the sum of what the shopper took, each of unit length; embeddings count half each."""
    features, n = exam.world.catalogue.features.matrix.astype(np.float64), exam.world.catalogue.n_hot
    held = np.asarray((features[:n] != 0).sum(axis=0)).ravel()
    content = _unit(sp.csr_matrix(features.multiply(np.log((1 + n) / (1 + held))[None, :])))
    dense = [column.vectors.astype(np.float64) for column in exam.world.catalogue.features.dense]

    def score(taken: Csr, items: Ints) -> Doubles:
        total = _unit(sp.csr_matrix(taken @ content)) @ content[items].T
        found = np.asarray(total.toarray(), dtype=np.float64)
        for vectors in dense:
            profile = taken @ vectors
            length = np.linalg.norm(profile, axis=1, keepdims=True)
            found += 0.5 * (profile / np.where(length > 0, length, 1)) @ vectors[items].T
        return found

    return _by_history(exam, score)


def item_knn(exam: Exam) -> Scores:
    """Sum over what the shopper took of the cosine of its buyers with the candidate's."""
    buyers = _unit(sp.csr_matrix(_taken(exam, exam.world.shoppers.ids.tolist(), None).T, dtype=np.float64))
    alike = sp.csr_matrix(buyers @ buyers.T)
    alike.setdiag(0)
    return _by_history(exam, lambda taken, items: np.asarray((taken @ alike[:, items]).toarray(), dtype=np.float64))


def ease(exam: Exam) -> Scores:
    """The ridge regression of every item on all others, by a dense inverse."""
    n = exam.world.catalogue.n_hot
    pairs = _taken(exam, exam.world.shoppers.ids.tolist(), None)[:, :n].toarray().astype(np.float64)
    inverse = np.linalg.inv(pairs.T @ pairs + _EASE_PENALTY * np.eye(n))
    weights = np.zeros((n, len(exam.world.catalogue)))
    weights[:, :n] = -inverse / np.diag(inverse)[None, :]
    weights[np.arange(n), np.arange(n)] = 0
    return _by_history(exam, lambda taken, items: np.asarray(taken[:, :n] @ weights[:, items], dtype=np.float64))


REFERENCES: dict[str, Reference] = {
    "popularity": Reference(popularity, 0.01),
    "content_knn": Reference(content_knn, 0.05),
    "item_knn": Reference(item_knn, 0.2),
    "ease": Reference(ease, 0.2),
}
"""By the name of the method."""


def _by_history(exam: Exam, score: Callable[[Csr, Ints], Doubles]) -> Scores:
    """Scores from what a shopper took; one who took nothing gets popularity, as everywhere."""
    counts = _counts(exam)

    def scores(ask: Ask, rows: slice) -> Block:
        taken = _taken(exam, list(ask.users[rows]), ask.support)
        found = score(taken, ask.items.rows)
        silent = np.diff(taken.indptr) == 0
        found[silent] = counts[ask.items.rows]
        return _block(found, silent)

    return scores


def _block(scores: Doubles, silent: NDArray[np.bool_]) -> Block:
    return Block(scores.astype(np.float32), silent)


def _counts(exam: Exam) -> Doubles:
    """Training shoppers of each row of the catalogue."""
    pairs = _liked(exam).group_by("item_id").agg(pl.col("user_id").n_unique().alias("shoppers"))
    ids = pl.DataFrame({"item_id": pl.Series(exam.world.catalogue.ids.tolist(), dtype=pl.String)})
    counted = ids.join(pairs, on="item_id", how="left", maintain_order="left")["shoppers"]
    return counted.fill_null(0).to_numpy().astype(np.float64)


def _taken(exam: Exam, users: list[str], support: pl.DataFrame | None) -> Csr:
    """[users, N] with one where a shopper took an item in training or in `support`."""
    known = [_liked(exam)]
    if support is not None and len(support):
        known.append(support.filter(pl.col("weight") > 0).select("user_id", "item_id"))
    place = pl.DataFrame({"user_id": pl.Series(users, dtype=pl.String), "row": np.arange(len(users))})
    ids = pl.Series(exam.world.catalogue.ids.tolist(), dtype=pl.String)
    column = pl.DataFrame({"item_id": ids, "column": np.arange(len(ids))})
    cells = pl.concat(known).unique().join(place, on="user_id").join(column, on="item_id")
    values = (np.ones(len(cells)), (cells["row"].to_numpy(), cells["column"].to_numpy()))
    return sp.csr_matrix(values, shape=(len(users), len(ids)))


def _liked(exam: Exam) -> pl.DataFrame:
    return exam.split.train.events.filter(pl.col("weight") > 0).select("user_id", "item_id")


def _unit(matrix: Csr) -> Csr:
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags_array(1 / np.where(length > 0, length, 1)) @ matrix)
