"""A bridge between domains that is each shopper's own: a network reads what they took and writes the map.

The characteristic encoder takes the mean of the vectors of what a shopper took in the source, weighted by attention;
the meta network makes of it the difference between their own map and the one that all shoppers share.

Source: Zhu et al. 2022 (WSDM, "Personalized Transfer of User Preferences for Cross-domain Recommendation"), section
3.2: attention by a network of two layers, meta network of two layers, linear bridge.
Differs: the constant part of the map (the last bias of the meta network) is a ridge regression (`nets.bridges`) and
stays; all vectors enter in units of their own size; what the meta network adds starts at zero.

Parameters of a bridge: `weight` [K, K] and `bias` [K] shared by all; `size` [2], of source items and of what the bridge
adds; `attend` [K, K], `attend_bias` [K], `attend_out` [K]; `meta` [K, H], `meta_bias` [H], `decode` [H, K * K].
"""

import math

import numpy as np
import torch
from torch import Tensor

from muslin.random import torch_stream
from muslin.types import Csr, Params

TRAINED = ("attend", "attend_bias", "attend_out", "meta", "meta_bias", "decode")
"""What a gradient moves."""


def start(shared: Params, source_items: Tensor, hidden: int, seed: int) -> Params:
    """A personal bridge that is still the `shared` one; `source_items` [J, K], `hidden` units of the meta network."""
    k, rng = source_items.shape[1], torch_stream(seed, "personal bridge")
    sizes = (float(source_items.square().mean().sqrt()) or 1.0, float(shared["weight"].square().mean().sqrt()))
    return shared | {
        "size": torch.tensor(sizes),
        "attend": torch.randn(k, k, generator=rng) * math.sqrt(2 / k),
        "attend_bias": torch.zeros(k),
        "attend_out": torch.randn(k, generator=rng) * (0.1 / math.sqrt(k)),
        "meta": torch.randn(k, hidden, generator=rng) * math.sqrt(2 / k),
        "meta_bias": torch.zeros(hidden),
        "decode": torch.zeros(hidden, k * k),
    }


def characteristic(params: Params, items_JK: Tensor, taken_UJ: Csr) -> Tensor:
    """[U, K] mean of the unit-sized vectors of what each shopper took, by attention; zeros where nothing."""
    unit_JK = items_JK / params["size"][0]
    drawn_J = torch.relu(unit_JK @ params["attend"] + params["attend_bias"]) @ params["attend_out"]
    users = taken_UJ.shape[0]
    row = torch.from_numpy(np.repeat(np.arange(users), np.diff(taken_UJ.indptr)))
    column = torch.from_numpy(taken_UJ.indices.astype(np.int64))
    logit = drawn_J.index_select(0, column)
    highest = torch.full((users,), -torch.inf).scatter_reduce(0, row, logit.detach(), "amax")
    weight = (logit - highest.index_select(0, row)).exp()
    total = torch.zeros(users).index_add(0, row, weight)
    share = weight / total.index_select(0, row)
    return torch.zeros(users, items_JK.shape[1]).index_add(0, row, share[:, None] * unit_JK.index_select(0, column))


def bridges(params: Params, nature_UK: Tensor) -> Tensor:
    """[U, K, K] the map of each shopper."""
    k, hidden = nature_UK.shape[1], params["meta"].shape[1]
    inner = torch.relu(nature_UK @ params["meta"] + params["meta_bias"]) / math.sqrt(hidden)
    own: Tensor = params["weight"] + params["size"][1] * (inner @ params["decode"]).view(-1, k, k)
    return own


def crossed(params: Params, items_JK: Tensor, taken_UJ: Csr, source_UK: Tensor) -> Tensor:
    """Target vectors [U, K] of shoppers whose source vectors are `source_UK` and who took `taken_UJ` there."""
    maps_UKK = bridges(params, characteristic(params, items_JK, taken_UJ))
    return (source_UK[:, None, :] @ maps_UKK).squeeze(1) + params["bias"]
