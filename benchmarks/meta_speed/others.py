"""What others do: one task after the other.

`melu` does what the public code of MeLU (Lee et al. 2019) does, written anew: a module, whose weights are replaced
before each inner step by ones computed from gradients of *all* its parameters, and put back after the task; the outer
loss is the mean over tasks. As published it loads weights by `load_state_dict`, which torch now rejects at `backward`
because it changes what the graph saved; here the same values are copied through `.data`, which torch cannot see. What
comes out of `backward` is then neither the second order nor the first.
`melu_decision` is a kinder form that swaps and differentiates the decision layers only.
`loop` is what a careful author would write: functional, second order exact, embeddings looked up once for all tasks,
one backward pass.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from benchmarks.meta_speed.problem import DIMENSIONS, HIDDEN, MULTI_HOT, QUERY, RATE, SINGLE, STEPS, Problem
from muslin.adapt import network

Step = Callable[[], Tensor]
DECISION = ("w1", "w2", "w3")


class Estimator(nn.Module):
    """MeLU's network: an embedding a field, two hidden layers."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.multi_hot = problem.multi_hot
        sizes = problem.sizes
        single = sizes[: len(SINGLE)] if self.multi_hot else sizes
        self.single = nn.ModuleList(nn.Embedding(n, DIMENSIONS) for n in single)
        several = MULTI_HOT.values() if self.multi_hot else []
        self.several = nn.ModuleList(nn.Linear(n, DIMENSIONS, bias=False) for n, _ in several)
        self.w1 = nn.Linear(problem.inputs, HIDDEN)
        self.w2 = nn.Linear(HIDDEN, HIDDEN)
        self.w3 = nn.Linear(HIDDEN, 1)
        self._start(problem)

    def _start(self, problem: Problem) -> None:
        """The same starting point as everyone's."""
        first = 0
        with torch.no_grad():
            for module in [*self.single, *self.several]:
                linear = isinstance(module, nn.Linear)
                size = module.weight.shape[1 if linear else 0]
                part = problem.table[first : first + size]
                module.weight.copy_(part.T if linear else part)
                first += size
            for name, value in problem.decision().items():
                layer = getattr(self, f"w{name[1]}")
                held = layer.weight if name[0] == "w" else layer.bias
                held.copy_(value.reshape(held.shape))

    def forward(self, rows: Tensor) -> Tensor:
        n = len(self.single)
        codes = rows[:, :n].long() if self.multi_hot else rows
        parts = [embed(codes[:, at]) for at, embed in enumerate(self.single)]
        for embed in self.several:
            part = rows[:, n : n + embed.in_features]
            parts.append(embed(part) / part.sum(1, keepdim=True))
            n += embed.in_features
        hidden = F.relu(self.w1(torch.cat(parts, 1)))
        return self.w3(F.relu(self.w2(hidden))).squeeze(1)


def rows_of(problem: Problem) -> Tensor:
    """Rows as MeLU takes them: codes within each field, or with multi-hot columns of 0 and 1 [rows, 10,246]."""
    first = torch.tensor([0, *problem.sizes]).cumsum(0)[:-1]
    codes = torch.from_numpy(problem.index) - first[torch.from_numpy(problem.fields)]
    if not problem.multi_hot:
        return codes
    n = len(SINGLE)
    wide = [codes[:, :n].float()]
    for at, (size, _) in enumerate(MULTI_HOT.values()):
        own = codes[:, torch.from_numpy(problem.fields) == n + at]
        wide.append(torch.zeros(len(codes), size).scatter_(1, own, 1.0))
    return torch.cat(wide, 1)


def split(problem: Problem, rows: Tensor) -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Support rows and targets, query rows and targets of each task."""
    found = []
    for k, start, stop in zip(problem.support, problem.starts[:-1], problem.starts[1:], strict=True):
        x, y = rows[start:stop], problem.target[start:stop]
        found.append((x[:k], y[:k], x[k:], y[k:]))
    return found


def melu(problem: Problem, *, all_weights: bool = True) -> Step:
    """A step of MeLU's public code."""
    model = Estimator(problem)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    tasks = split(problem, rows_of(problem))
    adapts = [name.split(".")[0] in DECISION for name, _ in model.named_parameters()]
    held = [p for p, own in zip(model.parameters(), adapts, strict=True) if own or all_weights]
    moves = [own for own in adapts if own or all_weights]

    def load(values: list[Tensor]) -> None:
        for parameter, value in zip(held, values, strict=True):
            parameter.data.copy_(value)

    def adapt_and_ask(task: tuple[Tensor, ...], kept: list[Tensor]) -> Tensor:
        x, y, x_query, y_query = task
        fast: list[Tensor] = []
        for at in range(STEPS):
            if at:
                load(fast)
            now = [p.detach() for p in held]
            loss = F.mse_loss(model(x), y)
            model.zero_grad()
            grads = torch.autograd.grad(loss, held, create_graph=True)
            fast = [w - RATE * g if own else w for w, g, own in zip(now, grads, moves, strict=True)]
        load(fast)
        asked = F.mse_loss(model(x_query), y_query)
        load(kept)
        return asked

    def step() -> Tensor:
        kept = [p.detach().clone() for p in held]
        loss = torch.stack([adapt_and_ask(task, kept) for task in tasks]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def loop(problem: Problem) -> Step:
    """A correct step, task by task."""
    names = sorted(network.NAMES)
    table = problem.table.clone().requires_grad_()
    decision = {name: value.requires_grad_() for name, value in problem.decision().items()}
    optimizer = torch.optim.Adam([table, *decision.values()], lr=1e-3, fused=True)
    index = torch.from_numpy(problem.index)
    lengths = [n for k in problem.support.tolist() for n in (k, QUERY)]
    targets = problem.target.split(lengths)

    def one(x: Tensor, y: Tensor, x_query: Tensor, y_query: Tensor) -> Tensor:
        own = decision
        for _ in range(STEPS):
            loss = F.mse_loss(network.scores(own, x), y)
            grads = torch.autograd.grad(loss, [own[n] for n in names], create_graph=True)
            own = {n: own[n] - RATE * g for n, g in zip(names, grads, strict=True)}
        return F.mse_loss(network.scores(own, x_query), y_query)

    def step() -> Tensor:
        rows = F.embedding(index, table).flatten(1).split(lengths)
        losses = [one(rows[at], targets[at], rows[at + 1], targets[at + 1]) for at in range(0, len(rows), 2)]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
