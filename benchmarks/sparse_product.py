"""The sparse product of ADR 4 beside what the libraries offer, side by side in one run."""

import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.nets.sparse import sparse_product
from muslin.random import stream

ROWS, COLUMNS, PER_ROW, WIDTH, REPEATS = 18_000, 5_600, 36, 192, 15


def main() -> None:
    """Print the median forward and backward milliseconds of each, and the ratio of their sums to ours."""
    warnings.filterwarnings("ignore", message="Sparse")  # both of its notices are for the contender
    rng = stream(0, "bench")
    columns = rng.integers(COLUMNS, size=ROWS * PER_ROW)
    values = rng.random(ROWS * PER_ROW).astype(np.float32)
    matrix = sp.csr_matrix((values, columns, np.arange(0, ROWS * PER_ROW + 1, PER_ROW)), shape=(ROWS, COLUMNS))
    matrix.sum_duplicates()
    table = torch.from_numpy(rng.normal(size=(COLUMNS, WIDTH)).astype(np.float32)).requires_grad_()
    index, start = torch.from_numpy(matrix.indices.astype("int64")), torch.from_numpy(matrix.indptr.astype("int64"))
    data = torch.from_numpy(matrix.data)
    tensor = torch.sparse_csr_tensor(start, index, data, size=matrix.shape)
    contenders: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: sparse_product(matrix, table),
        "embedding_bag": lambda: F.embedding_bag(
            index, table, start, mode="sum", per_sample_weights=data, include_last_offset=True
        ),
        "torch.sparse.mm": lambda: torch.sparse.mm(tensor, table),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name, product in contenders.items():  # interleaved, so that a busy moment hits all alike
            times[name].append(_timed(product, table))
    ours = sum(np.median(times["ours"], axis=0))
    for name, both in times.items():
        forward, backward = np.median(both, axis=0) * 1000
        ratio = (forward + backward) / 1000 / ours
        print(f"{name:16} forward {forward:6.1f} ms  backward {backward:6.1f} ms  {ratio:4.1f}x ours")


def _timed(product: Callable[[], Tensor], table: Tensor) -> tuple[float, float]:
    start = time.perf_counter()
    value = product()
    middle = time.perf_counter()
    torch.autograd.grad(value.square().sum(), table)
    return middle - start, time.perf_counter() - middle


if __name__ == "__main__":
    main()
