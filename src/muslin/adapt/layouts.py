"""What the decision network is shown of a pair, and what that makes of it for one shopper or one garment.

`crossed`: how alike both are by content, what the garment sold, the products of their factors, and both factors:
[likeness, sold, x * f (K), f (K), x (K)]. `joined`: both content vectors one after the other, [v (E), t (E)], as MeLU
has it. With one side of the pair fixed the first layer is linear in the other side: all pairs of a thousand shoppers
and ten thousand garments need a product with K columns each, not with 3 K + 2.
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from muslin.adapt import sides
from muslin.adapt.sides import Garments, Shoppers
from muslin.adapt.tasks import Rows
from muslin.data.episodes import Entity, Told
from muslin.types import Params

Layout: TypeAlias = Literal["crossed", "joined"]


class Networks(NamedTuple):
    """Networks of T entities as functions of the other side: M shoppers, or garments.

    `cross` [T, H, K]: weights of the other's vector; `likeness`, `sold` [T, H] or [H]: of those (None: not shown);
    `constant` [T, H]; the other layers with or without a leading T.
    """

    cross: Tensor
    likeness: Tensor | None
    sold: Tensor | None
    constant: Tensor
    w2: Tensor
    b2: Tensor
    w3: Tensor
    b3: Tensor


class Other(NamedTuple):
    """The other side: `vectors` [M, K], `likeness` [T, M] of each pair, `sold` [M] (0 where it is shoppers)."""

    vectors: Tensor
    likeness: Tensor
    sold: Tensor


LIKENESS = 0.2
"""What a likeness is multiplied with where the network is shown it: about the size of the other inputs then."""

_CELLS = 1 << 22
"""Numbers in the largest array of one part of `evaluated`."""


def width(layout: Layout, dimensions: int, factors: int) -> int:
    """Inputs D."""
    return 2 * dimensions if layout == "joined" else 3 * factors + 2


def inputs(params: Params, layout: Layout, who: Shoppers, what: Garments) -> Tensor:
    """[..., D] of pairs: shoppers [..., E], [..., K] with garments of the same leading shape."""
    if layout == "joined":
        return torch.cat([what.vectors, who.taste], -1)
    alike = sides.likeness(params, who.taste, what.vectors, what.bias)
    scalars = torch.stack([alike * LIKENESS, what.sold], -1)
    return torch.cat([scalars, who.factors * what.factors, what.factors, who.factors], -1)


def pairs(params: Params, layout: Layout, both: tuple[Shoppers, Garments], part: Told) -> Rows:
    """Rows [T, S] of the named pairs of these shoppers and garments."""
    who, what = both
    shopper, item = (torch.from_numpy(np.ascontiguousarray(at)) for at in (part.shopper, part.item))
    asked = Shoppers(*(side[shopper] for side in who))
    shown = inputs(params, layout, asked, Garments(*(side[item] for side in what)))
    return Rows(shown, torch.from_numpy(part.wanted), torch.from_numpy(part.weight))


def networks(decision: Params, layout: Layout, entity: Entity, own: Shoppers | Garments) -> Networks:
    """Networks of T entities from their own side and `decision` parameters, each with or without a leading T."""
    w1, b1 = decision["w1"], decision["b1"]
    rest = (decision["w2"], decision["b2"], decision["w3"], decision["b3"])
    if layout == "joined":
        half = w1.shape[-1] // 2
        by_garment, by_shopper = w1[..., :half], w1[..., half:]
        mine = own.vectors if isinstance(own, Garments) else own.taste
        cross, fixed = (by_shopper, by_garment) if entity == "garments" else (by_garment, by_shopper)
        return Networks(_each(cross, len(mine)), None, None, _through(fixed, mine) + b1, *rest)
    k = (w1.shape[-1] - 2) // 3
    product, by_garment, by_shopper = w1[..., 2 : 2 + k], w1[..., 2 + k : 2 + 2 * k], w1[..., 2 + 2 * k :]
    cross, fixed = (by_shopper, by_garment) if entity == "garments" else (by_garment, by_shopper)
    constant = _through(fixed, own.factors) + b1
    if isinstance(own, Garments):
        constant = constant + w1[..., 1] * own.sold[:, None]
    return Networks(product * own.factors[:, None] + cross, w1[..., 0] * LIKENESS, w1[..., 1], constant, *rest)


def evaluated(own: Networks, other: Other) -> Tensor:
    """[T, M] scores."""
    t, h, m = len(own.constant), own.constant.shape[1], len(other.vectors)
    step = max(1, _CELLS // max(1, h * m))
    parts = [_evaluated(_part(own, slice(at, at + step)), other, slice(at, at + step)) for at in range(0, t, step)]
    return torch.cat(parts) if parts else other.likeness.new_zeros(0, m)


def _evaluated(own: Networks, other: Other, rows: slice) -> Tensor:
    vectors = other.vectors.expand(len(own.cross), *other.vectors.shape)
    first = torch.baddbmm(own.constant[:, None], vectors, own.cross.mT)
    if own.likeness is not None and own.sold is not None:
        first.addcmul_(other.likeness[rows][:, :, None], _vector(own.likeness))
        if other.sold.any():
            first.addcmul_(other.sold[None, :, None], _vector(own.sold))
    hidden = first.relu_()
    second = hidden @ own.w2.mT if own.w2.dim() == 2 else torch.bmm(hidden, own.w2.mT)
    second = second.add_(_vector(own.b2)).relu_()
    found: Tensor = second @ own.w3 if own.w3.dim() == 1 else torch.bmm(second, own.w3[:, :, None]).squeeze(2)
    return found + own.b3.reshape(-1, 1)


def _part(own: Networks, rows: slice) -> Networks:
    whole = {"cross": 3, "likeness": 2, "sold": 2, "constant": 2, "w2": 3, "b2": 2, "w3": 2, "b3": 1}
    parts = (
        value[rows] if value is not None and value.dim() == whole[name] else value
        for name, value in zip(whole, own, strict=True)
    )
    return Networks(*parts)  # type: ignore[arg-type]


def _vector(weight: Tensor) -> Tensor:
    """[H] or [T, H] made ready to meet [T, M, H]."""
    return weight if weight.dim() == 1 else weight[:, None]


def _each(weight: Tensor, t: int) -> Tensor:
    return weight if weight.dim() == 3 else weight.expand(t, *weight.shape)


def _through(weight: Tensor, mine: Tensor) -> Tensor:
    """[T, H] of weight [H, K] or [T, H, K] and vectors [T, K]."""
    return mine @ weight.T if weight.dim() == 2 else torch.bmm(weight, mine[:, :, None]).squeeze(2)
