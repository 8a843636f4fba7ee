"""Tasks of the shapes that were measured first, drawn: the same for every contender."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from muslin.adapt import network
from muslin.random import stream, torch_stream
from muslin.types import Ints, Params

QUERY = 10
STEPS = 5
RATE = 0.05
DIMENSIONS = 32
HIDDEN = 64
VOCABULARY = 1520
"""Values of each of the ten fields."""
MULTI_HOT = {"genre": (25, 3), "director": (2186, 1), "actor": (8030, 4)}
"""MeLU's columns of several values: how many there are, and how many a row has (ours, on MovieLens' order)."""
SINGLE = {"rate": 6, "gender": 2, "age": 7, "occupation": 21, "area": 3402}


@dataclass(frozen=True)
class Problem:
    """T tasks. `index` [rows, F] table rows of each of its rows, task after task, support before query.

    `multi_hot`: fields of several values, that MeLU takes as 10,246 columns. `fields` [F]: the field of each column of
    `index`; where a field has several they are averaged.
    """

    support: Ints
    index: Ints
    target: Tensor
    fields: Ints
    table: Tensor
    sizes: list[int]
    multi_hot: bool
    starts: Ints = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", np.concatenate([[0], np.cumsum(self.support + QUERY)]))

    @property
    def inputs(self) -> int:
        return len(self.sizes) * DIMENSIONS

    def decision(self) -> Params:
        return network.start(self.inputs, HIDDEN, 0, "meta_speed")


def drawn(tasks: int, *, multi_hot: bool = False) -> Problem:
    """Supports of 5 to 20 rows, queries of 10; values drawn evenly."""
    rng = stream(0, "meta_speed", tasks)
    support = rng.integers(5, 21, tasks)
    rows = int((support + QUERY).sum())
    if multi_hot:
        sizes = [*SINGLE.values(), *(n for n, _ in MULTI_HOT.values())]
        columns = np.repeat(np.arange(len(sizes)), [1] * len(SINGLE) + [k for _, k in MULTI_HOT.values()])
    else:
        sizes, columns = [VOCABULARY] * 10, np.arange(10)
    first = np.concatenate([[0], np.cumsum(sizes)])
    index = first[columns] + _values(rng, rows, np.array(sizes)[columns], columns)
    generator = torch_stream(0, "meta_speed", "table")
    table = torch.randn(int(first[-1]), DIMENSIONS, generator=generator) * 0.3
    target = torch.randn(rows, generator=generator)
    return Problem(support, index, target, columns, table, sizes, multi_hot)


def _values(rng: np.random.Generator, rows: int, sizes: Ints, columns: Ints) -> Ints:
    """[rows, F] values below `sizes`, those of one field distinct: evenly apart from a drawn start."""
    nth = np.array([np.sum(columns[:at] == c) for at, c in enumerate(columns)])
    of = np.array([np.sum(columns == c) for c in columns])
    start = (rng.random((rows, columns.max() + 1)) * 1e9).astype(np.int64)[:, columns]
    return (start + nth * (sizes // of)) % sizes
