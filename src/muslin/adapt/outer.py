"""What is learned through an inner loop, written plainly on top of `inner`.

Source: Finn et al. 2017 (ICML, "MAML"), algorithm 1; Antoniou et al. 2019 (ICLR, "MAML++"), section 4, for a loss
after every step. Differs: tasks weigh as their query rows do.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from muslin.adapt import inner
from muslin.adapt.inner import Descent, Predict
from muslin.adapt.judges import Judge, Pointwise
from muslin.adapt.network import scores as network_scores
from muslin.adapt.tasks import Tasks
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


def annealed(steps: int, progress: float) -> tuple[float, ...]:
    """[N + 1] weights of MAML++'s losses after each step: alike at `progress` 0, only the last one's at 1."""
    early = max(0.0, 1 - progress) / max(steps, 1)
    return (0.0, *[early] * (steps - 1), 1 - early * (steps - 1)) if steps else (1.0,)
