"""MAML++: MAML made steady. A loss after every step, and a rate of its own for each layer and step.

Early in training all steps' losses count alike, so the first ones learn too; later only the last one's does.

Source: Antoniou, Edwards and Storkey 2019 (ICLR, "How to train your MAML"), section 4: multi-step loss optimisation and
per-layer per-step learning rates.
Differs: as `maml`; no batch normalisation, so nothing of that; the second order is there from the first epoch, for it
costs little here.
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
    """Size of a step, before it is learned layer by layer."""
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
    return MetaLearner(
        Steps(hidden=c.hidden, count=c.steps, rate=c.rate, every_step=True, learn_rates=True), Schedule.of(c)
    )
