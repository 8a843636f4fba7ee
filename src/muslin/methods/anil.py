"""ANIL: almost no inner loop. Only the last layer moves to what it is told; what feeds it is learned for that.

Source: Raghu et al. 2020 (ICLR, "Rapid Learning or Feature Reuse?"), section 4, which finds that MAML's lower layers
hardly move.
Differs: as `maml`; the last layer sees the hidden units of a pair, not those of a picture.
"""

from dataclasses import dataclass

from muslin.adapt.dual import Layers
from muslin.adapt.learner import MetaLearner
from muslin.adapt.steps import Steps
from muslin.method import Count, NotNegative, Positive, Schedule


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options."""

    hidden: Count = 32
    """Units of either hidden layer."""
    steps: Count = 5
    """Steps on what a task is told."""
    rate: Positive = 0.2
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
    rule = Steps(hidden=c.hidden, count=c.steps, rate=c.rate, layers=Layers(first=False, second=False))
    return MetaLearner(rule, Schedule.of(c))
