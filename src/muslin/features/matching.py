"""Which features of one table mean the same as features of another: what parameters can be carried along.

Values of categorical columns match by name, terms by spelling, hashes by place. A number's hats are matched by
interpolation: the target's knot lies between two of the source's and is made of both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp

from muslin.errors import UsageError
from muslin.features.categorical import Vocabulary
from muslin.features.numeric import Hats
from muslin.features.table import Column, FeatureTable
from muslin.features.text import Terms
from muslin.types import Bools, Csr


@dataclass(frozen=True)
class Match:
    """`mix` [D_T, D_S]: each feature of the target as a mean of features of the source; empty where it has none.

    `matched`: by column, how many of the target's features have one, and how many it has.
    """

    mix: Csr
    matched: dict[str, tuple[int, int]]

    def among(self, met: Bools) -> "Match":
        """The same with only the features of the source that `met` [D_S] marks."""
        mix = sp.csr_matrix(self.mix @ sp.diags_array(met.astype(np.float32)))
        mix.eliminate_zeros()
        return replace(self, mix=_means(mix))


def match(source: FeatureTable, target: FeatureTable) -> Match:
    """Match of every column of `target` that `source` has too.

    Raises `UsageError` (`column_clash`), naming the column, where it is of another kind, or an embedding or a hashing
    of another width: parameters learned of one thing would be read as another.
    """
    _refuse_clashes(source, target)
    known = {name: (encoder, start) for name, encoder, start in _blocks(source)}
    width = sum(encoder.width for _, encoder, _ in _blocks(source))
    parts, matched = [sp.csr_matrix((0, width), dtype=np.float32)], {}
    for name, encoder, _ in _blocks(target):
        part = sp.csr_matrix((encoder.width, width), dtype=np.float32)
        if name in known:
            other, start = known[name]
            found = _mix(other, encoder).tocoo()
            part = sp.csr_matrix((found.data, (found.row, found.col + start)), shape=part.shape)
        parts.append(part)
        matched[name] = (int((part.getnnz(axis=1) > 0).sum()), encoder.width)
    return Match(sp.csr_matrix(sp.vstack(parts, format="csr", dtype=np.float32)), matched)


def _blocks(table: FeatureTable) -> Iterator[tuple[str, Any, int]]:
    """(name, encoder, first feature) of each block, as `FeatureTable.transform` lays them out."""
    start = 0
    named = [(column.name, column.encoder) for column in table.columns]
    if table.relative is not None:
        named.append((f"{table.relative.price}, relative", table.relative.hats))
    for name, encoder in named:
        yield name, encoder, start
        start += encoder.width


def _mix(source: Any, target: Any) -> Csr:
    """[D_T, D_S] of one column."""
    shape = (target.width, source.width)
    if isinstance(target, Vocabulary | Terms):
        words = [c.values if isinstance(c, Vocabulary) else c.terms for c in (source, target)]
        place = {word: column for column, word in enumerate(words[0])}
        pairs = [(row, place[word]) for row, word in enumerate(words[1]) if word in place]
        rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
    if isinstance(target, Hats):
        found = source.transform(pl.Series(target.knots, dtype=pl.Float64))
        return _means(found)
    return sp.csr_matrix(sp.eye_array(*shape, dtype=np.float32))  # hashes


def _means(mix: Csr) -> Csr:
    """`mix` with rows that sum to one, or are empty."""
    total = np.asarray(mix.sum(axis=1)).ravel()
    return sp.csr_matrix(sp.diags_array(1 / np.where(total > 0, total, 1)) @ mix, dtype=np.float32)


def _refuse_clashes(source: FeatureTable, target: FeatureTable) -> None:
    kinds = {column.name: _kind(column) for column in source.columns}
    kinds |= {v.name: f"embedding of width {len(v.centre.mean)}" for v in source.vectors if v.centre.mean}
    wanted = {column.name: _kind(column) for column in target.columns}
    wanted |= {v.name: f"embedding of width {len(v.centre.mean)}" for v in target.vectors if v.centre.mean}
    for name, kind in wanted.items():
        if kinds.get(name, kind) != kind:
            message = f"column {name!r} is {_article(kinds[name])} in the source and {_article(kind)} in the target"
            fix = "give the column another name on one side, or the same role and encoder on both"
            raise UsageError(message, code="column_clash", where=name, fix=fix)


def _kind(column: Column) -> str:
    """What `column` is; hashes match by place, which means the same only among as many."""
    return f"hashed into {column.encoder.width} places" if column.kind == "hashed" else str(column.kind)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else kind
