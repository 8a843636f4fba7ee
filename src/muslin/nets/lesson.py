"""Choices of shoppers among items, and the weights under which they are likeliest.

Source: the conditional logit, McFadden 1974; candidates drawn at random stand for those that were not, as in sampled
softmax (Bengio and Senecal 2008, IEEE Transactions on Neural Networks, section 3). Differs: the likeliest candidates
are all there, and only the rest is drawn; the optimizer is L-BFGS on all choices at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import prior, signals
from muslin.types import Bools, Csr, Ints, Items, Params, Users

_RIDGE = 1e-3
"""Weight of the squared distance from the starting point, beside the mean loss of a choice."""
_ROUNDS = 40


@dataclass(frozen=True)
class Lesson:
    """Choices of shoppers [U] among items [I]: `truth` [U, I] what each counts, `closed` [U, I] what is out.

    `base` [U, I, C]: the signals; `short` [U, 1]: 1 / (1 + length of the history); `stands` [U, I], where not all
    items are here: the log of how many each stands for. Items may be different ones for each shopper.
    """

    base: Tensor
    short: Tensor
    truth: Tensor
    closed: Tensor
    stands: Tensor | None = None

    def logits(self, mix: Tensor) -> Tensor:
        """[U, I] by weights [2, C]."""
        return self.base @ mix[0] + self.short * (self.base @ mix[1])

    def loss(self, logits: Tensor) -> Tensor:
        """Mean cross entropy of a choice."""
        among = logits if self.stands is None else logits + self.stands
        # What stands for many is never what was taken: the numerator is the plain logit either way.
        share = torch.log_softmax(among.masked_fill(self.closed, -1e9), dim=1)
        return -(self.truth * share).sum() / self.truth.sum()


def among_all(params: Params, users: Users, items: Items, truth: Csr, closed: Bools, shape: prior.Shape) -> Lesson:
    """`users` choose among all `items`."""
    base = np.stack(list(signals.each(params, users, items, shape)), axis=-1)
    short = torch.from_numpy(signals.lengths(users))[:, None]
    return Lesson(torch.from_numpy(base), short, torch.from_numpy(truth.toarray()), torch.from_numpy(closed))


def fitted(start: Sequence[Tensor], loss: Callable[[Sequence[Tensor]], Tensor]) -> list[Tensor]:
    """`start`, moved to where `loss` and a pull to `start` are least; `start` itself where that is not finite."""
    leaves = [value.clone().requires_grad_() for value in start]
    optimizer = torch.optim.LBFGS(leaves, max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        pull = torch.stack([(a - b).square().sum() for a, b in zip(leaves, start, strict=True)]).sum()
        value = loss(leaves) + _RIDGE * pull
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = [leaf.detach() for leaf in leaves]
    return found if all(bool(value.isfinite().all()) for value in found) else list(start)


def some(values: Ints, most: int, rng: np.random.Generator) -> Ints:
    """At most so many of `values`, in order."""
    drawn: Ints = np.sort(rng.permutation(values)[:most])
    return drawn


def take(users: Users, rows: Ints) -> Users:
    """Only the named rows."""
    return Users(users.rows[rows], users.features[rows], sp.csr_matrix(users.history[rows]))
