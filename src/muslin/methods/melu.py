"""MeLU: embeddings of shopper and garment one after the other into a network whose layers move to the shopper's events.

The embeddings say what a shopper and a garment are like, the decision layers how the one judges the other; only these
are personal. Garments' tasks move them in the same way to a garment's first shoppers.

Source: Lee et al. 2019 (KDD, "MeLU: Meta-Learned User Preference Estimator for Cold-Start Recommendation"), section 3.2
and algorithm 1.
Differs: events are taken or not, so the loss of a step is logistic and a query is a choice, where the paper has ratings
and squared errors; content is any column, and a shopper's is that of what they took beside their profile; exact second
order, which the published code loses (`make bench-meta`); steps as long as the number of events deserves, learned too.
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
    steps: Count = 1
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
    return MetaLearner(Steps(hidden=c.hidden, count=c.steps, rate=c.rate, layout="joined"), Schedule.of(c))
