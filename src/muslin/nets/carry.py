"""Carries the parameters of a source's network into one that begins on the target, feature by feature."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from muslin.errors import UsageError
from muslin.features.matching import Match
from muslin.method import Side
from muslin.types import Params


@dataclass(frozen=True)
class Carried:
    """`start`: where the target begins: the source's parameters, its own where the source has none.

    `source`: the parameters, whole or in part, that came from the source, as they start. `share`: for those that came
    in part, 1 where a row did and 0 where it is the target's own; of the tensor's shape.
    """

    start: Params
    source: Params
    share: Params

    def listed(self) -> dict[str, tuple[int, int]]:
        """By parameter: how many of its rows came from the source, and how many it has."""
        rows = {name: len(value) for name, value in self.start.items()}
        came = {name: len(value) for name, value in self.source.items()}
        came |= {name: int(part.reshape(len(part), -1)[:, 0].sum()) for name, part in self.share.items()}
        return {name: (came.get(name, 0), rows[name]) for name in self.start}


def carry(source: Params, target: Params, sides: Mapping[str, Side], matches: Mapping[Side, Match]) -> Carried:
    """What `target`, as its method begins, becomes with the parameters of `source`.

    `sides`: by first word of a parameter's name, whose features its rows belong to; `matches`: of each side. Other
    parameters are carried whole. A feature the source lacks starts as it does in `target`. Raises `UsageError`
    (`shape_clash`), naming the parameter, where lengths other than those of features differ: the networks do.
    """
    start, came, share = {}, {}, {}
    for name, own in target.items():
        side = sides.get(name.partition("/")[0])
        if side == "own" or name not in source or not source[name].numel() or not own.numel():
            start[name] = own
            continue
        _refuse_clash(name, source[name], own, 0 if side is None else 1)
        if side is None:
            start[name] = came[name] = source[name].clone()
            continue
        start[name], part = _rows(source[name], own, matches[side])
        came[name] = start[name].clone()
        if not part.all():
            share[name] = part.float().reshape(-1, *[1] * (own.ndim - 1)).expand_as(own).clone()
    return Carried(start, came, share)


def _rows(source: Tensor, own: Tensor, match: Match) -> tuple[Tensor, Tensor]:
    """(rows of the source where there are any, else its own; which came from the source)."""
    flat = source.reshape(len(source), -1).numpy()
    mixed = torch.from_numpy(np.asarray(match.mix @ flat, dtype=np.float32)).reshape(own.shape)
    part = torch.from_numpy(match.mix.getnnz(axis=1) > 0)
    return torch.where(part.reshape(-1, *[1] * (own.ndim - 1)), mixed, own), part


def _refuse_clash(name: str, source: Tensor, own: Tensor, first: int) -> None:
    if source.shape[first:] != own.shape[first:] or source.ndim != own.ndim:
        shapes = f"{tuple(source.shape)} in the source and {tuple(own.shape)} in the target"
        fix = "give both the same options"
        raise UsageError(f"parameter {name!r} is {shapes}", code="shape_clash", where=name, fix=fix)
