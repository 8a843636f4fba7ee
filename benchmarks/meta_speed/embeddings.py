"""Embeddings of fields, and their gradient for the rows that a batch touches and no others.

All fields share one table; a field's values are rows of its own in it. A bag is the weighted sum of the values that
someone has in one field, none included. Embeddings stay outside the inner loop: a task adapts the decision network over
them, and what they learn comes from the outer loss.

A batch looks a table row up many times, and its gradient is a sum over those places, which `Places` lists row by row:
one threaded pass, and a table of millions of rows costs nothing where nobody looked.
Shape suffixes beside those of `muslin.adapt.tasks`: V table rows, E their length, B bags, L look-ups, U touched rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


class Bags(NamedTuple):
    """B bags: look-ups of table rows `row` [L] with `weight` [L] (None: all 1); bag b starts at `offset[b]` of [B]."""

    row: Tensor
    weight: Tensor | None
    offset: Tensor


class Places(NamedTuple):
    """Look-ups by table row.

    `rows` [U] distinct and ascending; those of row u start at `offset[u]` of `bag` [L], the bags they went into, and of
    `weight` [L] (None: all 1).
    """

    rows: Tensor
    bag: Tensor
    weight: Tensor | None
    offset: Tensor


class RowGradient(NamedTuple):
    """Gradient of a table: `values` [U, E] of its distinct `rows` [U]; zero elsewhere."""

    rows: Tensor
    values: Tensor


def single(index: Tensor) -> Bags:
    """One value a field: `index` [..., F] table rows, a bag each, in their order."""
    flat = index.reshape(-1)
    return Bags(flat, None, torch.arange(len(flat)))


def look_up(table_VE: Tensor, bags: Bags) -> Tensor:
    """[B, E] sums; view them as [..., F * E] for the decision network. No gradient: `row_gradient` makes it."""
    if not len(bags.row):
        return table_VE.new_zeros(len(bags.offset), table_VE.shape[1])
    if bags.weight is None and len(bags.row) == len(bags.offset):
        return table_VE.detach().index_select(0, bags.row)
    return F.embedding_bag(bags.row, table_VE.detach(), bags.offset, mode="sum", per_sample_weights=bags.weight)


def places(bags: Bags) -> Places:
    """Where the look-ups went, row by row. Depends on the batch only, so can be made before its step."""
    ordered, order = torch.sort(bags.row, stable=True)
    first = torch.ones_like(ordered, dtype=torch.bool)
    torch.ne(ordered[1:], ordered[:-1], out=first[1:])
    offset = first.nonzero().squeeze(1)
    if bags.weight is None and len(bags.row) == len(bags.offset):
        return Places(ordered[offset], order, None, offset)
    return Places(ordered[offset], _bag_of(bags, order), None if bags.weight is None else bags.weight[order], offset)


def row_gradient(where: Places, grad_BE: Tensor) -> RowGradient:
    """Gradient of the touched rows from that of the bags."""
    if not len(where.rows):
        return RowGradient(where.rows, grad_BE.new_zeros(0, grad_BE.shape[1]))
    values = F.embedding_bag(where.bag, grad_BE, where.offset, mode="sum", per_sample_weights=where.weight)
    return RowGradient(where.rows, values)


def added(parts: Sequence[RowGradient]) -> RowGradient:
    """Sum of gradients of one table."""
    rows, place = torch.unique(torch.cat([part.rows for part in parts]), return_inverse=True)
    values = torch.cat([part.values for part in parts])
    return RowGradient(rows, values.new_zeros(len(rows), values.shape[1]).index_add_(0, place, values))


def add_dense(total_VE: Tensor, bags: Bags, grad_BE: Tensor) -> None:
    """Add the gradient of bags to that of a whole table, in place: the shorter way where a table is small anyway."""
    if bags.weight is not None or len(bags.row) != len(bags.offset):
        grad_BE = grad_BE[_bag_of(bags, torch.arange(len(bags.row)))]
    total_VE.index_add_(0, bags.row, grad_BE if bags.weight is None else grad_BE * bags.weight[:, None])


def dense(found: RowGradient, table_VE: Tensor) -> Tensor:
    """The same gradient over the whole table [V, E], for an optimizer that wants it so."""
    return torch.zeros_like(table_VE).index_copy_(0, found.rows, found.values)


def sparse(found: RowGradient, table_VE: Tensor) -> Tensor:
    """The same gradient as a sparse tensor of the table's shape, as `torch.optim.SparseAdam` takes it."""
    size = list(table_VE.shape)
    return torch.sparse_coo_tensor(found.rows[None], found.values, size, is_coalesced=True, check_invariants=False)


def _bag_of(bags: Bags, position: Tensor) -> Tensor:
    """The bags that look-ups at these positions belong to."""
    return torch.searchsorted(bags.offset, position, right=True) - 1
