"""A batch of tasks as tensors.

Shape suffixes used across `adapt`: T tasks, S support rows and Q query rows of a task (padded), M rows of
either, D inputs, H hidden units, N steps, F fields, E dimensions of one field's embedding.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Rows of T tasks, M of each: `inputs` [T, M, D], `target` [T, M] what was observed, `weight` [T, M].

    The weight says how much a row counts in the sum that is its task's loss; 0 for padding, whose inputs and targets
    must be finite and change nothing. Losses are weighted sums and nothing else: `mean_weights` makes means of them.
    """

    inputs: Tensor
    target: Tensor
    weight: Tensor


class Tasks(NamedTuple):
    """T tasks: what each may learn from, S rows, and what it is asked then, Q rows. Either may be padding only."""

    support: Rows
    query: Rows


def mean_weights(support_TS: Tensor, query_TQ: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [T, S] and [T, Q] that make means of two masks (or importances, not negative).

    A task's support loss is then the mean over its support, as its inner step wants it, and the sum of all query losses
    the mean over tasks of the mean over each one's query. Tasks without query rows do not count among the tasks.
    """
    asked_T1 = query_TQ.sum(1, keepdim=True)
    each_TQ = query_TQ / _not_zero(asked_T1) / (asked_T1 > 0).sum().clamp(min=1)
    return support_TS / _not_zero(support_TS.sum(1, keepdim=True)), each_TQ


def _not_zero(total: Tensor) -> Tensor:
    return torch.where(total > 0, total, torch.ones_like(total))
