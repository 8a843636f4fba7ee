"""Losses, as pure functions.

Shape suffixes: B positives, S shared negatives, K dimensions.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class Negatives(NamedTuple):
    """Negatives shared by a batch: vectors [S, K], logit offsets [S], and `taken` [B, S]: pairs that do not count."""

    vectors_SK: Tensor
    offset_S: Tensor
    taken_BS: Tensor


class _SharedSoftmax(torch.autograd.Function):
    # One B x S array instead of autograd's six: the probabilities replace the logits in place.

    @staticmethod
    def forward(
        ctx: Any, positive_B: Tensor, query_BK: Tensor, vectors_SK: Tensor, offset_S: Tensor, taken_BS: Tensor
    ) -> Tensor:
        logits_BS = torch.addmm(offset_S, query_BK, vectors_SK.T).masked_fill_(taken_BS, -torch.inf)
        top_B = torch.maximum(logits_BS.amax(dim=1), positive_B)
        weights_BS = logits_BS.sub_(top_B[:, None]).exp_()
        own_B = (positive_B - top_B).exp()
        total_B = weights_BS.sum(1) + own_B
        weights_BS.div_(total_B[:, None])
        ctx.save_for_backward(weights_BS, own_B / total_B, query_BK, vectors_SK)
        return (total_B.log() + top_B - positive_B).mean()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weights_BS, own_B, query_BK, vectors_SK = ctx.saved_tensors
        unit = grads[0] / len(own_B)
        query_grad = weights_BS @ vectors_SK * unit
        vectors_grad = weights_BS.T @ query_BK * unit
        return (own_B - 1) * unit, query_grad, vectors_grad, weights_BS.sum(0) * unit, None


def shared_softmax(positive_B: Tensor, query_BK: Tensor, negatives: Negatives) -> Tensor:
    """Mean cross entropy of each positive's logit against the batch's shared negatives.

    The logit of negative s for row b is `query[b] · vectors[s] + offset[s]`; pairs marked `taken` are left out.
    First order only. Source: sampled softmax, Bengio and Senécal 2008, section 3, with the correction in the offsets.
    Differs: gradients written by hand.
    """
    loss: Tensor = _SharedSoftmax.apply(  # type: ignore[no-untyped-call]
        positive_B, query_BK, negatives.vectors_SK, negatives.offset_S, negatives.taken_BS
    )
    return loss
