"""First-order MAML: the same steps, learned from as if they did not depend on where they began.

Half the work of the second order. What is lost is how the start bends the path: the query's gradient at the end of the
steps is taken for that at their start.

Source: Finn, Abbeel and Levine 2017 (ICML, "Model-Agnostic Meta-Learning"), section 5.2, for the first-order form of
algorithm 1.
Differs: as `maml`; the lengths of the steps are learned by their own derivative, which is of first order already.
"""

from dataclasses import dataclass

from muslin.adapt.learner import MetaLearner
from muslin.adapt.steps import Steps
from muslin.method import Count, NotNegative, Positive, Schedule


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    hidden: Count = 32
    """Units of either hidden layer."""
    steps: Count = 3
    """Steps on what a task is told."""
    rate: Positive = 0.1
    """Size of a step."""
    epochs: Count = 12
    """Passes over the tasks at most."""
    learning_rate: Positive = 0.001
    """Adam's step size."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay."""
    patience: Count = 2
    """Epochs without a better validation score before stopping."""


def build(config: Config) -> MetaLearner:
    """Method with `config`."""
    c = config
    return MetaLearner(Steps(hidden=c.hidden, count=c.steps, rate=c.rate, first_order=True), Schedule.of(c))
