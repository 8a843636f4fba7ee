"""Embeddings and their touched rows, against autograd over the whole table."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
import torch.nn.functional as F  # noqa: N812
from benchmarks.meta_speed import embeddings
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.types import Block

BLOCKS = (Block("colour", 0, 4), Block("tags", 4, 11), Block("price", 11, 12))


def matrix(seed: int, rows: int) -> sp.csr_matrix:
    found = sp.random(rows, 12, density=0.3, random_state=np.random.default_rng(seed), dtype=np.float32, format="csr")
    found.sort_indices()
    return found


def bags_of(matrix: sp.csr_matrix) -> embeddings.Bags:
    """A bag for each row and block, block after block."""
    parts = [matrix[row, b.start : b.stop] for row in range(matrix.shape[0]) for b in BLOCKS]
    starts = np.tile([b.start for b in BLOCKS], matrix.shape[0])
    rows = [part.indices + start for part, start in zip(parts, starts, strict=True)]
    counts = np.array([part.nnz for part in parts], dtype=np.int64)
    index = torch.from_numpy(np.concatenate([*rows, np.empty(0)]).astype(np.int64))
    weight = torch.from_numpy(np.concatenate([*(part.data for part in parts), np.empty(0)]).astype(np.float32))
    return embeddings.Bags(index, weight, torch.from_numpy(np.cumsum(counts) - counts))


def by_autograd(matrix: sp.csr_matrix, table: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Fields side by side, and the dense gradient."""
    leaf = table.clone().requires_grad_()
    dense = torch.from_numpy(matrix.toarray()).to(table.dtype)
    found = torch.cat([dense[:, b.start : b.stop] @ leaf[b.start : b.stop] for b in BLOCKS], 1)
    return found.detach(), torch.autograd.grad(found, leaf, grad)[0]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), rows=st.integers(0, 9))
def test_bags_of_a_matrix_are_fields_side_by_side(seed: int, rows: int) -> None:
    given = matrix(seed, rows)
    rng = torch.Generator().manual_seed(seed)
    table, grad = torch.randn(12, 5, generator=rng), torch.randn(rows, 15, generator=rng)
    bags = bags_of(given)
    value, dense = by_autograd(given, table, grad)
    torch.testing.assert_close(embeddings.look_up(table, bags).view(rows, 15), value)
    found = embeddings.row_gradient(embeddings.places(bags), grad.reshape(-1, 5))
    torch.testing.assert_close(embeddings.dense(found, table), dense)
    assert found.rows.tolist() == sorted(set(given.indices))
    total = torch.ones(12, 5)
    embeddings.add_dense(total, bags, grad.reshape(-1, 5))
    torch.testing.assert_close(total, 1 + dense)


def test_single_values_are_embedding() -> None:
    table, index = torch.randn(30, 4, dtype=torch.double), torch.randint(0, 12, (6, 5, 3))
    leaf = table.clone().requires_grad_()
    expected = F.embedding(index, leaf).flatten(-2)
    grad = torch.randn_like(expected)
    bags = embeddings.single(index)
    torch.testing.assert_close(embeddings.look_up(table, bags).view_as(expected), expected.detach())
    found = embeddings.row_gradient(embeddings.places(bags), grad.reshape(-1, 4))
    torch.testing.assert_close(embeddings.dense(found, table), torch.autograd.grad(expected, leaf, grad)[0])
    assert len(found.rows) == len(index.unique()) < len(table)
    total = torch.zeros_like(table)
    embeddings.add_dense(total, bags, grad.reshape(-1, 4))
    torch.testing.assert_close(total, embeddings.dense(found, table))


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    index, grad = torch.randint(0, 9, (8, 3)), torch.randn(24, 2, dtype=torch.double)
    table = torch.zeros(9, 2, dtype=torch.double)
    whole = embeddings.row_gradient(embeddings.places(embeddings.single(index)), grad)
    cut = [(index[:5], grad[:15]), (index[5:], grad[15:])]
    parts = [embeddings.row_gradient(embeddings.places(embeddings.single(i)), g) for i, g in cut]
    torch.testing.assert_close(embeddings.dense(embeddings.added(parts), table), embeddings.dense(whole, table))


def test_a_lazy_optimizer_leaves_untouched_rows_alone() -> None:
    table = torch.nn.Parameter(torch.randn(1000, 4))
    before, index = table.detach().clone(), torch.tensor([[3], [3], [900]])
    optimizer = torch.optim.SparseAdam([table], lr=0.1)
    found = embeddings.row_gradient(embeddings.places(embeddings.single(index)), torch.ones(3, 4))
    table.grad = embeddings.sparse(found, table)
    optimizer.step()
    changed = (table.detach() != before).any(1).nonzero().squeeze(1)
    assert changed.tolist() == [3, 900]


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_looked_up_has_no_gradient(shape: tuple[int, int]) -> None:
    bags = embeddings.single(torch.empty(shape, dtype=torch.long))
    found = embeddings.row_gradient(embeddings.places(bags), embeddings.look_up(torch.randn(5, 2), bags))
    assert found.values.shape == (0, 2)
