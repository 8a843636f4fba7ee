"""How likely it is that what stands in a list is taken: a line in the logit for each kind of item, through a sigmoid.

Only what would stand high in a list is looked at, for that is what is shown: a line through all pairs would be fitted
to the many that nobody sees.

The chance is that of the pairs that were left out: of a shopper who took one of these, how likely it was this. A shop
in which new garments make up more of the next choices than they did of these will see them taken more often.

Source: Platt 1999 (Advances in Large Margin Classifiers), section 2.2. Differs: the slope is kept positive, so that of
two items of a kind the one with the higher score is never called less likely; the line shifts with the length of the
history; targets are not smoothed, for there are thousands.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.types import Bools, Csr, Floats, Ints

_HIGH = 40
"""Items of a kind, the highest of each shopper, that the line is fitted to."""
_FEWEST = 8
"""Items taken, among these, without which nothing is learned."""
_RIDGE = 1e-4
_ROUNDS = 50


def start() -> Tensor:
    """`chance` [3, 3] by kind of item, before anything is learned: intercept, log slope, and what a short history adds.

    One in a hundred at logit zero.
    """
    return torch.tensor([[-4.6, -0.7, 0.0]]).repeat(3, 1)


def stated(chance: Tensor, logits: Floats, kinds: Ints, short: Floats) -> Tensor:
    """[U, I] float32 from 0 to 1, of `logits` [U, I]; `kinds` [I], `short` [U] 1 / (1 + length of the history)."""
    own = chance[torch.from_numpy(kinds)]
    return torch.sigmoid(_line(own.T, torch.from_numpy(logits), torch.from_numpy(short)[:, None]))


def learned(chance: Tensor, logits: Floats, truth: Csr, which: Bools, short: Floats) -> Tensor:
    """[3] the line of the items `which` [I] of `logits` [U, I], given what is `truth` [U, I], from `chance` [3] on.

    Where a logit is minus infinity nothing can stand. `chance` itself where too few of the highest were taken.
    """
    columns = np.flatnonzero(which)
    if not len(columns):
        return chance
    own, taken = logits[:, columns], truth[:, columns].toarray() > 0
    places = min(_HIGH, len(columns))
    top = np.argpartition(-own, places - 1, axis=1)[:, :places]
    value, hit = np.take_along_axis(own, top, axis=1), np.take_along_axis(taken, top, axis=1)
    there = np.isfinite(value)
    if hit[there].sum() < _FEWEST:
        return chance
    history = np.broadcast_to(short[:, None], value.shape)[there]
    return _fitted(chance, torch.from_numpy(value[there]), torch.from_numpy(hit[there]).float(), history)


def _fitted(chance: Tensor, value: Tensor, hit: Tensor, short: Floats) -> Tensor:
    line, history = chance.clone().requires_grad_(), torch.from_numpy(short.copy())
    optimizer = torch.optim.LBFGS([line], max_iter=_ROUNDS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        pull = _RIDGE * (line - chance).square().sum()
        loss = F.binary_cross_entropy_with_logits(_line(line, value, history), hit) + pull
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = line.detach()
    return found if bool(found.isfinite().all()) else chance


def _line(line: Tensor, logits: Tensor, short: Tensor) -> Tensor:
    return line[0] + line[1].exp() * logits + line[2] * short
