"""What Muslin does: all tasks of a group at once, each step whole, with its optimizer."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from benchmarks.meta_speed import embeddings
from benchmarks.meta_speed.buckets import groups
from benchmarks.meta_speed.problem import DIMENSIONS, QUERY, RATE, STEPS, Problem
from muslin.adapt import dual_gradient, network, outer, posterior, posterior_gradient, select
from muslin.adapt.inner import Descent
from muslin.adapt.judges import Judge, Pointwise
from muslin.adapt.tasks import Rows, Tasks, mean_weights
from muslin.types import Ints, Params

Step = Callable[[], Tensor]
Gradients = Callable[[Params, Tasks], tuple[Tensor, Params, list[Tensor]]]
"""Loss, gradients by parameter, and by the inputs of support and query of one group of tasks."""


class Group(NamedTuple):
    """Tasks of similar length: for support and query `index` [T, M, F], `target` [T, M], `weight` [T, M]."""

    index: tuple[Tensor, Tensor]
    target: tuple[Tensor, Tensor]
    weight: tuple[Tensor, Tensor]


def grouped(problem: Problem) -> list[Group]:
    """The tasks of a problem, padded by the rules of `buckets`."""
    n = len(problem.support)
    return [_group(problem, own, n) for own in groups(problem.support, np.full(n, QUERY))]


def _group(problem: Problem, own: Ints, n: int) -> Group:
    k, start = problem.support[own, None], problem.starts[own, None]
    slot = np.arange(k.max())
    there = torch.from_numpy(slot < k).float()
    places = np.where(slot < k, start + slot, 0), start + k + np.arange(QUERY)
    told, asked = mean_weights(there, torch.ones(len(own), QUERY))
    index = tuple(torch.from_numpy(problem.index[place]) for place in places)
    target = tuple(problem.target[torch.from_numpy(place)] for place in places)
    return Group(index, target, (told, asked * (len(own) / n)))


def placed(problem: Problem) -> list[Tasks]:
    """The same groups with the places of their rows among those of the problem; each event told counts as one."""
    n, found = len(problem.support), []
    for own in groups(problem.support, np.full(n, QUERY)):
        group = _group(problem, own, n)
        k, start = problem.support[own, None], problem.starts[own, None]
        slot = np.arange(k.max())
        places = np.where(slot < k, start + slot, 0), start + k + np.arange(QUERY)
        weights = group.weight[0].sign(), group.weight[1]
        parts = zip(places, group.target, weights, strict=True)
        found.append(Tasks(*(Rows(torch.from_numpy(at), target, weight) for at, target, weight in parts)))
    return found


def _step(problem: Problem, params: Params, gradients: Gradients) -> Step:
    """A whole step: look up, gradients group by group, the table's gradient as it comes, fused Adam."""
    leaves = {name: value.clone().requires_grad_() for name, value in params.items()}
    table = problem.table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table, *leaves.values()], lr=1e-3, fused=True)
    batch = grouped(problem)

    def rows(index: Tensor, target: Tensor, weight: Tensor) -> Rows:
        looked = embeddings.look_up(table, bags(problem, index))
        return Rows(looked.view(*index.shape[:2], problem.inputs), target, weight)

    def step() -> Tensor:
        now = {name: value.detach() for name, value in leaves.items()}
        total, summed, by_table = torch.zeros(()), dict[str, Tensor](), torch.zeros_like(table)
        for group in batch:
            loss, grads, by_input = gradients(now, Tasks(*(rows(*parts) for parts in zip(*group, strict=True))))
            total += loss
            summed = {name: g.add_(summed[name]) if summed else g for name, g in grads.items()}
            for index, grad in zip(group.index, by_input, strict=True):
                embeddings.add_dense(by_table, bags(problem, index), grad.view(-1, DIMENSIONS))
        table.grad = by_table
        for name, leaf in leaves.items():
            leaf.grad = summed[name]
        optimizer.step()
        return total

    return step


def bags(problem: Problem, index: Tensor) -> embeddings.Bags:
    """Bags of `index` [..., F], one a field."""
    if not problem.multi_hot:
        return embeddings.single(index)
    counts = np.bincount(problem.fields)
    width, rows = len(problem.fields), index.numel() // len(problem.fields)
    first = torch.from_numpy(np.cumsum(counts) - counts)
    offset = (torch.arange(rows)[:, None] * width + first).view(-1)
    weight = torch.from_numpy((1 / counts)[problem.fields].astype(np.float32)).repeat(rows)
    return embeddings.Bags(index.reshape(-1), weight, offset)


def hand(problem: Problem, *, first_order: bool = False) -> Step:
    """MAML by `dual_gradient`."""
    plan = dual_gradient.Plan(how=Descent(first_order=first_order))
    rates = torch.full((STEPS, 3), RATE)

    def gradients(params: Params, tasks: Tasks) -> tuple[Tensor, Params, list[Tensor]]:
        found = dual_gradient.value_and_gradients(params, rates, tasks, plan)
        return found.loss, found.params, [found.support, found.query]

    return _step(problem, problem.decision(), gradients)


def functional(problem: Problem) -> Step:
    """MAML by `inner`: torch.func, exact second order."""
    rates = select.constant(network.NAMES, STEPS, RATE)

    def loss(params: Params, tasks: Tasks) -> Tensor:
        return outer.query_loss(params, rates, tasks, Descent())

    return _step(problem, problem.decision(), _by_autograd(loss))


def ridge(problem: Problem) -> Step:
    """The closed form: the trunk under it and the head's prior, variances and noise are trained."""
    decision = problem.decision()
    head = posterior.start(decision.pop("w3"), decision.pop("b3"), variance=1.0, bias_variance=1.0, noise=1.0)

    leaves = {name: value.clone().requires_grad_() for name, value in (decision | head).items()}
    table = problem.table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table, *leaves.values()], lr=1e-3, fused=True)
    index, batch = torch.from_numpy(problem.index), placed(problem)

    def step() -> Tensor:
        now = {name: value.detach() for name, value in leaves.items()}
        own = bags(problem, index)
        rows = embeddings.look_up(table, own).view(len(index), -1)
        found = of_rows(now, rows, batch, Pointwise("squared"))
        table.grad = torch.zeros_like(table)
        embeddings.add_dense(table.grad, own, found.inputs.view(-1, DIMENSIONS))
        for name, leaf in leaves.items():
            leaf.grad = found.params[name]
        optimizer.step()
        return found.loss

    return step


class OfRows(NamedTuple):
    """`loss` [], and gradients by parameter and by the `inputs` [R, D]."""

    loss: Tensor
    params: Params
    inputs: Tensor


@torch.no_grad()
def of_rows(params: Params, inputs_RD: Tensor, groups: list[Tasks], judge: Judge) -> OfRows:
    """The closed form of groups of tasks whose rows are stored once: no padding goes through the trunk.

    In place of inputs the rows of `groups` have places [T, M] among the R rows of `inputs_RD`, which are spoiled.
    """
    trunk = posterior_gradient.seen(params, inputs_RD)
    by_features, by_head, total = torch.zeros_like(trunk.hidden2), dict[str, Tensor](), torch.zeros(())
    for group in groups:
        parts = (rows._replace(inputs=trunk.hidden2[rows.inputs]) for rows in group)
        value, _, owed = posterior_gradient.head(params, Tasks(*parts), judge)
        total += value
        by_head = {name: grad + by_head[name] if by_head else grad for name, grad in owed.head.items()}
        for rows, by in ((group.support, owed.support), (group.query, owed.query)):
            by_features.index_add_(0, rows.inputs.reshape(-1), by.flatten(0, 1))
    by_inputs, by_trunk = posterior_gradient.through(params, trunk, by_features, out=inputs_RD)
    return OfRows(total, by_head | by_trunk, by_inputs)


def plain(problem: Problem) -> Step:
    """No task at all: one supervised step on all rows, support and query alike, nothing padded."""
    leaves = {name: value.clone().requires_grad_() for name, value in problem.decision().items()}
    table = problem.table.clone().requires_grad_()
    optimizer = torch.optim.Adam([table, *leaves.values()], lr=1e-3, fused=True)
    index = torch.from_numpy(problem.index)

    def step() -> Tensor:
        own = bags(problem, index)
        rows = embeddings.look_up(table, own).view(len(index), -1).requires_grad_()
        loss = F.mse_loss(network.scores(leaves, rows), problem.target)
        *grads, by_row = torch.autograd.grad(loss, [*leaves.values(), rows])
        table.grad = torch.zeros_like(table)
        embeddings.add_dense(table.grad, own, by_row.view(-1, DIMENSIONS))
        for leaf, grad in zip(leaves.values(), grads, strict=True):
            leaf.grad = grad
        optimizer.step()
        return loss.detach()

    return step


def _by_autograd(loss: Callable[[Params, Tasks], Tensor]) -> Gradients:
    def gradients(params: Params, tasks: Tasks) -> tuple[Tensor, Params, list[Tensor]]:
        leaves = {name: value.requires_grad_() for name, value in params.items()}
        inputs = [rows.inputs.requires_grad_() for rows in tasks]
        value = loss(leaves, tasks)
        grads = torch.autograd.grad(value, [*leaves.values(), *inputs], materialize_grads=True)
        return value.detach(), dict(zip(leaves, grads, strict=False)), list(grads[-2:])

    return gradients
