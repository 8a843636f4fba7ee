"""Maps from the source vectors of shoppers to their target vectors, learned on those who have both.

Source: Man et al. 2017 (IJCAI, "Cross-Domain Recommendation: An Embedding and Mapping Approach"), section 3.3: a linear
map or a perceptron of one hidden layer, twice as wide as the vectors, tanh; squared distance to the target vectors.
Differs: the linear map is a ridge regression in closed form; the perceptron goes down its whole loss by L-BFGS; both
have an intercept, and start from means and lengths of the vectors, so that one penalty suits all of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from muslin.nets.gain import gained
from muslin.random import stream, torch_stream
from muslin.types import Csr, Params

Kind = Literal["linear", "mlp"]
PENALTIES: dict[Kind, tuple[float, ...]] = {"linear": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), "mlp": (0.3, 3.0, 10.0, 30.0)}
"""Of the map, tried in turn."""
SHARES = (0.0, 0.3, 1.0, 2.0, 4.0, 8.0)
"""How much popularity counts beside the map, tried in turn: 1 = as for a shopper of whom nothing is known."""
_STEPS = 80
"""Steps of L-BFGS at most."""


@dataclass(frozen=True)
class Both:
    """Shoppers of both sides: `source` [S, K] and `target` [S, K] vectors, and what they took of the target [S, I].

    `table` [I, K + 1]: factors and popularity of the target's items. `usual`: how much popularity counts for a shopper
    of whom nothing is known.
    """

    source: Tensor
    target: Tensor
    taken: Csr
    table: Tensor
    usual: float


def chosen(kinds: Sequence[Kind], both: Both, seed: int) -> Params:
    """Map, and `share` [1] of popularity beside it, of the settings that rank best for a fifth of the shoppers.

    Those are left out while settings of all `kinds` are tried; the map that is given is learned on all.
    """
    order = stream(seed, "bridge").permutation(len(both.source))
    out, kept = (np.sort(part) for part in np.split(order, [len(order) // 5]))
    source, target, taken = both.source[torch.from_numpy(kept)], both.target[torch.from_numpy(kept)], both.taken[out]
    popular = both.usual * both.table[:, -1]
    tried = [(kind, penalty) for kind in kinds for penalty in PENALTIES[kind]]
    best, settings = -1.0, (*tried[0], SHARES[0])
    for kind, penalty in tried:
        found = learned(kind, source, target, penalty, seed)
        by_taste = mapped(found, both.source[torch.from_numpy(out)]) @ both.table[:, :-1].T
        for share in SHARES:
            gain = gained((by_taste + share * popular).numpy(), taken)
            if gain > best:
                best, settings = gain, (kind, penalty, share)
    kind, penalty, share = settings
    return learned(kind, both.source, both.target, penalty, seed) | {"share": torch.tensor([share])}


def learned(kind: Kind, source: Tensor, target: Tensor, penalty: float, seed: int) -> Params:
    """Map from `source` [S, K] to `target` [S, L] float32; `penalty` > 0, 1 = as much as the vectors themselves say.

    `weight` [K, L] and `bias` [L] of the linear map; the perceptron has `hidden` [K, 2K] and `hidden_bias` [2K] before
    them.
    """
    if kind == "linear":
        return linear(source, target, penalty)
    return _perceptron(source, target, penalty, seed)


def linear(source: Tensor, target: Tensor, penalty: float) -> Params:
    """Ridge regression around the means; the penalty is in units of the mean variance of `source`."""
    x, y = source.double(), target.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    gram = (x - x_mean).T @ (x - x_mean)
    ridge = (penalty * float(gram.trace()) / len(gram) + 1e-12) * torch.eye(len(gram), dtype=torch.float64)
    weight = torch.linalg.solve(gram + ridge, (x - x_mean).T @ (y - y_mean))
    return {"weight": weight.float(), "bias": (y_mean - x_mean @ weight).float()}


def mapped(params: Params, source: Tensor) -> Tensor:
    """[U, L] what `learned` makes of `source` [U, K]."""
    if "hidden" in params:
        source = torch.tanh(source @ params["hidden"] + params["hidden_bias"])
    return source @ params["weight"] + params["bias"]


def _perceptron(source: Tensor, target: Tensor, penalty: float, seed: int) -> Params:
    k, rng = source.shape[1], torch_stream(seed, "bridge")
    x_size, y_size = _size(source), _size(target)
    x, y = source / x_size, (target - target.mean(dim=0)) / y_size
    parts = {
        "hidden": torch.randn(k, 2 * k, generator=rng) / math.sqrt(k),
        "hidden_bias": torch.zeros(2 * k),
        "weight": torch.randn(2 * k, y.shape[1], generator=rng) * 0.01,
        "bias": torch.zeros(y.shape[1]),
    }
    leaves = {name: value.requires_grad_() for name, value in parts.items()}
    solver = torch.optim.LBFGS(list(leaves.values()), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        # Backward runs here and not in the caller, as the solver asks for gradients anew at every point it tries.
        solver.zero_grad()
        size = leaves["hidden"].square().sum() + leaves["weight"].square().sum()
        found: Tensor = (mapped(leaves, x) - y).square().mean() + penalty / len(x) * size
        found.backward()  # type: ignore[no-untyped-call]
        return found

    with torch.enable_grad():
        solver.step(loss)  # type: ignore[no-untyped-call]
    found = {name: value.detach() for name, value in leaves.items()}
    found["hidden"] = found["hidden"] / x_size
    return found | {"weight": found["weight"] * y_size, "bias": found["bias"] * y_size + target.mean(dim=0)}


def _size(vectors: Tensor) -> float:
    """Root of the mean square of all numbers, 1 for nothing but zeros."""
    return float(vectors.square().mean().sqrt()) or 1.0
