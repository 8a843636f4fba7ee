"""The decision network: three layers over the embeddings of all fields, D-H-H-1 with ReLU, as a plain dictionary.

Source: the decision layers of Lee et al. 2019 (KDD, "MeLU"), section 3.2. Differs: the size is free, and the starting
weights are ours (He et al. 2015, section 2.2).
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from muslin.random import torch_stream
from muslin.types import Params

LAYERS = (("w1", "b1"), ("w2", "b2"), ("w3", "b3"))
"""Names of the parameters, layer by layer: `w1` [H, D], `b1` [H], `w2` [H, H], `b2` [H], `w3` [H], `b3` []."""
HEAD = frozenset(LAYERS[2])
"""The last layer, the only one that ANIL adapts."""
NAMES = frozenset(name for layer in LAYERS for name in layer)


def start(inputs: int, hidden: int, seed: int, *names: str | int) -> Params:
    """Starting weights from the stream `names` under `seed`, float32; all biases 0."""
    rng = torch_stream(seed, *names, "decision")
    return {
        "w1": torch.randn(hidden, inputs, generator=rng) * (2 / inputs) ** 0.5,
        "b1": torch.zeros(hidden),
        "w2": torch.randn(hidden, hidden, generator=rng) * (2 / hidden) ** 0.5,
        "b2": torch.zeros(hidden),
        "w3": torch.randn(hidden, generator=rng) * hidden**-0.5,
        "b3": torch.zeros(()),
    }


def trunk(params: Params, rows: Tensor) -> Tensor:
    """[..., H] what the first two layers make of `rows` [..., D]."""
    return F.relu(F.linear(F.relu(F.linear(rows, params["w1"], params["b1"])), params["w2"], params["b2"]))


def scores(params: Params, rows: Tensor) -> Tensor:
    """[...] scores of `rows` [..., D]; log odds where the loss is logistic."""
    return trunk(params, rows) @ params["w3"] + params["b3"]
