"""MAML: a network from which a few gradient steps on a handful of events lead to one that ranks what follows.

What is learned is the starting point, through the steps: how the query's loss after them changes with where they
began, second order included. A garment or a shopper nobody knows is answered by the starting point itself.

Source: Finn, Abbeel and Levine 2017 (ICML, "Model-Agnostic Meta-Learning"), algorithm 1, with equation 1 for the steps.
Differs: the decision layers move, the layers that make vectors of content learn outside the steps; exact second order
by hand (`adapt.dual_gradient`); a query is judged as a choice among garments; steps are as long as the number of events
deserves, which is learned too; tasks of garments and of shoppers train one network.
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
    return MetaLearner(Steps(hidden=c.hidden, count=c.steps, rate=c.rate), Schedule.of(c))
