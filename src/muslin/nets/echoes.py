"""What a taste shown elsewhere says of the garments here, column by column: how values there go with values here.

The share of each value of a column in a shopper's taste is unknown; what they took elsewhere is a sample of it. With a
Dirichlet prior of weight kappa around what everybody takes, the posterior after n garments lies n / (n + kappa) of the
way from there to the sample, and its variance falls as 1 / (n + kappa + 1): who took little elsewhere is hardly told
from everybody, and is said to be so. Kappa is measured: it is small where what one shopper takes is much alike. Pairs
of values are counted over shoppers of both sides; a pair met as often as chance would have it says nothing.

Source: Dirichlet-multinomial posterior, Gelman et al. 2013 (Bayesian Data Analysis), section 3.4; kappa by moments, as
in Mosimann 1962 (Biometrika 49); lifts smoothed as in Zhai and Lafferty 2004 (TOIS 22(2)), section 3.
Differs: what everybody takes says nothing of one shopper rather than of another, and is left to popularity.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from muslin.nets.blend import Doubles, owners
from muslin.nets.rows import row_means
from muslin.types import Csr, Features, Floats, Ints

LEAST, MOST = 0.25, 64.0
"""Bounds of kappa, in garments."""


@dataclass(frozen=True)
class Echoes:
    """What values there say of values here.

    A value there (row) and one here that met m times, the one there t times with any of the column, and a chance c of
    the one here among those: the lift is log((m / c + smoothing) / (t + smoothing)), 0 where m is t c. It is kept as
    `pair` [D, D], log(1 + m / (smoothing c)), empty where they never met, plus `alone` [D], -log(1 + t / smoothing).
    `usual` [D]: share of a value in what everybody takes there; `kappa` [C]: by column.
    """

    pair: Csr
    alone: Floats
    usual: Floats
    kappa: Floats


def shares(features: Features) -> Csr:
    """`features.matrix` with the values of every column of a row summing to one; empty columns stay empty."""
    matrix, owner, count = sp.csr_matrix(features.matrix), owners(features), len(features.blocks)
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    cell = row * count + owner[matrix.indices]
    total = np.bincount(cell, np.abs(matrix.data), minlength=matrix.shape[0] * count)[cell]
    data = np.divide(np.abs(matrix.data), total, out=np.zeros(len(total)), where=total > 0).astype(np.float32)
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)


def fit(there: Csr, here: Csr, values: tuple[Csr, Csr], owner: Ints, columns: int, smoothing: float) -> Echoes:
    """Echoes between what shoppers took `there` [S, N1] and `here` [S, N2], every event counting 1.

    `values` [N1, D], [N2, D]: `shares` of the garments of both sides; `owner` [D]: which of the C `columns` each value
    is of; some may have none. `smoothing`: garments' worth of chance that each value there is mixed with.
    """
    tastes, taken = sp.csr_matrix(row_means(there) @ values[0]), sp.csr_matrix(here @ values[1])
    common = np.asarray(taken.sum(axis=0)).ravel()
    size = np.bincount(owner, common, minlength=columns)
    chance = (common + 1e-3) / np.maximum(size[owner], 1.0)
    parts, alone = [], np.zeros(len(owner), dtype=np.float32)
    for column in range(columns):
        mine = np.flatnonzero(owner == column)
        met = sp.csr_matrix(tastes[:, mine].T @ taken[:, mine], dtype=np.float32)
        alone[mine] = -np.log1p(np.asarray(met.sum(axis=1)).ravel() / smoothing)
        lifted = sp.csr_matrix(met @ sp.diags_array((1 / (smoothing * chance[mine])).astype(np.float32)))
        lifted.data = np.log1p(lifted.data)
        parts.append(lifted)
    usual = np.asarray(tastes.sum(axis=0)).ravel() / max(there.shape[0], 1)
    pair = sp.csr_matrix(sp.block_diag(parts, format="csr")) if parts else sp.csr_matrix((0, 0), dtype=np.float32)
    return Echoes(pair, alone, usual.astype(np.float32), kappas(there, values[0], owner, columns))


def kappas(there: Csr, values: Csr, owner: Ints, columns: int) -> Floats:
    """[C] kappa of each of the C `columns`, by how much more alike two garments of one shopper are than two of anybody.

    The expected likeness of two of one shopper is that of anybody's plus 1 / (1 + kappa) of what is left to one.
    """
    count = np.diff(there.indptr).astype(np.float64)
    known = sp.csr_matrix(there[count >= 2], dtype=np.float64)
    count = count[count >= 2]
    taken, size = sp.csr_matrix(known @ values), max(float(count.sum()), 1.0)
    squares = sp.csr_matrix(values.multiply(values))
    itself = _summed(squares, np.asarray(known.sum(axis=0)).ravel(), owner, columns) / size
    pairs = _summed(sp.csr_matrix(taken.multiply(taken)), 1 / (count - 1), owner, columns)
    pairs -= _summed(squares, known.T @ (1 / (count - 1)), owner, columns)
    own = pairs / size
    anybody = np.bincount(owner, (np.asarray(taken.sum(axis=0)).ravel() / size) ** 2, minlength=len(own))
    found = np.divide(itself - own, own - anybody, out=np.full(len(own), MOST), where=own > anybody + 1e-9)
    kept: Floats = np.clip(found, LEAST, MOST).astype(np.float32)
    return kept


def scores(echoes: Echoes, tastes: Csr, count: Floats, values: Csr, mine: Ints, kappa: float) -> Floats:
    """[U, I] expected lifts of one column's values `mine` (places in D).

    `tastes` [U, D]: mean `shares` of what each took there, `count` [U] how much that was; `values` [I, D].
    """
    told, own = tastes[:, mine], values[:, mine]
    present = np.asarray(own.sum(axis=1), dtype=np.float32).ravel()
    # From the left: what a shopper's taste says of each value is small, what all values say of each garment is not.
    found = np.ascontiguousarray((own @ (told @ echoes.pair[mine][:, mine]).toarray().T).T, dtype=np.float32)
    found += np.outer(np.asarray(told @ echoes.alone[mine]).ravel(), present)
    kept: Floats = found * (count / np.maximum(count + kappa, 1e-9)).astype(np.float32)[:, None]
    return kept


def variances(echoes: Echoes, tastes: Csr, count: Floats, values: Csr, mine: Ints, kappa: float) -> Floats:
    """[U, I] variance of what `scores` expects, over the posterior of each taste."""
    own = values[:, mine]
    lift = np.asarray((echoes.pair[mine][:, mine] @ own.T).toarray(), dtype=np.float32)
    lift += np.outer(echoes.alone[mine], np.asarray(own.sum(axis=1)).ravel())
    share = (count / np.maximum(count + kappa, 1e-9)).astype(np.float32)[:, None]
    usual = echoes.usual[mine] / max(float(echoes.usual[mine].sum()), 1e-12)
    believed = share * tastes[:, mine].toarray() + (1 - share) * usual
    spread = believed @ lift**2 - (believed @ lift) ** 2
    kept: Floats = np.maximum(spread, 0) / (count + kappa + 1).astype(np.float32)[:, None]
    return kept


def _summed(matrix: Csr, weight: Doubles, owner: Ints, columns: int) -> Doubles:
    """[C] sums over the rows of `matrix` [R, D], each times its `weight` [R], by column."""
    return np.bincount(owner, matrix.T @ weight, minlength=columns).astype(np.float64)
