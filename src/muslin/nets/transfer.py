"""L2-SP, the regulariser of transfer: `min L(f_T) + lambda * R(f_T, f_S)`, R the squared distance from the source.

Source: Li, Grandvalet and Davoine 2018 (arXiv 1802.01483), equation 2: R = sum of F (w - w0)^2 / 2 over the parameters
that came from the source, F = 1, or their Fisher information (their L2-SP-Fisher, after Kirkpatrick et al. 2017).
Differs: R is kept out of the gradient, as AdamW keeps weight decay out of it (Loshchilov and Hutter 2019), so that what
it does to a weight does not depend on how steep the loss is there; and its own step is taken implicitly, which is
stable for every lambda: infinity holds the weights, 0 leaves them alone. Parameters new to the target are free.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from muslin.types import Params


def held(params: Params, start: Params, strength: float, weight: Mapping[str, Tensor] | None = None) -> Params:
    """`argmin_w |w - params|^2 / 2 + strength * R(w, start)` for each tensor of `start`.

    `strength` is lambda times the size of the step. `weight`: F by name, of the tensors' shapes; 1 where it is absent.
    """
    if not strength:
        return {}
    found = {}
    for name, begun in start.items():
        pull = strength * (weight or {}).get(name, torch.ones((), dtype=begun.dtype))
        share = torch.where(torch.isinf(pull), 1.0, pull / (1 + pull))
        found[name] = torch.lerp(params[name], begun, torch.nan_to_num(share, nan=0.0))  # infinity times F of 0
    return found


def interpolated(fine_tuned: Params, source: Params, beta: float) -> Params:
    """`beta * fine_tuned + (1 - beta) * source`, tensor by tensor; what the source lacks stays as it is.

    Source: WiSE-FT, Wortsman et al. 2022 (arXiv 2109.01903), equation 1. Differs: none.
    """
    return {
        name: torch.lerp(source[name], value, beta) if name in source and value.is_floating_point() else value
        for name, value in fine_tuned.items()
    }
