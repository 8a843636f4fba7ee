"""What is learned through an inner loop, written plainly on top of `inner`.

Source: Finn et al. 2017 (ICML, "MAML"), algorithm 1; Antoniou et al. 2019 (ICLR, "MAML++"), section 4, for a loss
after every step; Nichol et al. 2018 ("Reptile"), algorithm 1. Differs: tasks weigh as their query rows do; Reptile's
direction is a mean over tasks that all start at the same point.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from muslin.adapt import inner
from muslin.adapt.inner import Descent, Predict
from muslin.adapt.judges import Judge, Pointwise
from muslin.adapt.network import scores as network_scores
from muslin.adapt.tasks import Rows, Tasks
from muslin.types import Params


def query_loss(
    params: Params,
    rates: Mapping[str, Tensor],
    tasks: Tasks,
    how: Descent,
    step_weights: Sequence[float] | None = None,
    predict: Predict = network_scores,
    judge: Judge | None = None,
) -> Tensor:
    """Loss of all tasks' query by the parameters each adapted to its support: a scalar to differentiate.

    `step_weights` [N + 1]: weight of the loss before the first step and after each; by default only the last counts.
    With `how.first_order` the steps count as constants. `judge`: of the query; None: row by row.
    Differentiable by parameters, rates and rows.
    """
    at_each = inner.paths(params, rates, tasks.support, how, predict)
    ask = judge or Pointwise(how.loss)
    weights = [0.0] * (len(at_each) - 1) + [1.0] if step_weights is None else step_weights
    losses = [
        weight * ask(inner.score(at, rates, tasks.query.inputs, predict), tasks.query)
        for weight, at in zip(weights, at_each, strict=True)
        if weight
    ]
    return sum(losses[1:], losses[0])


def reptile_direction(
    params: Params, rates: Mapping[str, Tensor], told: Rows, how: Descent, predict: Predict = network_scores
) -> Params:
    """Mean over tasks of the start minus where the steps on the support led, by name: to be used as a gradient.

    Reptile learns from all rows of a task, `told`. Tasks without any do not count.
    """
    after = inner.adapted(params, rates, told, how, predict)
    some_T = (told.weight > 0).any(1).to(told.weight.dtype)
    share_T = some_T / some_T.sum().clamp(min=1)
    moved = {name: (params[name] - after[name]).detach() for name in rates}
    return {name: (share_T @ m.reshape(len(m), -1)).reshape(m.shape[1:]) for name, m in moved.items()}


def annealed(steps: int, progress: float) -> tuple[float, ...]:
    """[N + 1] weights of MAML++'s losses after each step: alike at `progress` 0, only the last one's at 1."""
    early = max(0.0, 1 - progress) / max(steps, 1)
    return (0.0, *[early] * (steps - 1), 1 - early * (steps - 1)) if steps else (1.0,)
