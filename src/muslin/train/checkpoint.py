"""Checkpoints that resume exactly: parameters, optimizer moments and the place in the epoch, in one safetensors file.

Written beside the target and renamed over it, so an interruption leaves either the old checkpoint or the new one.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from muslin.errors import ModelError
from muslin.types import Params


@dataclass(frozen=True)
class Place:
    """Where training stands: `step` batches of `epoch` are done; the best epoch so far and what it scored."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = -1
    best_score: float = float("-inf")


@dataclass(frozen=True)
class Checkpoint:
    """Everything a resumed run needs. `moments` are the optimizer's tensors, named `PARAMETER/SLOT`."""

    run: str
    place: Place
    params: Params
    best: Params
    moments: dict[str, Tensor]


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint at `path` atomically and durably."""
    groups = {"params": checkpoint.params, "best": checkpoint.best, "moments": checkpoint.moments}
    tensors = {f"{g}/{k}": v.contiguous() for g, tensors in groups.items() for k, v in tensors.items()}
    meta = {"run": checkpoint.run, "place": json.dumps(asdict(checkpoint.place))}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as file:
        file.write(save(tensors, meta))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read(path: Path, run: str) -> Checkpoint | None:
    """Checkpoint at `path`, None when there is none.

    Raises `ModelError` when it is damaged (`bad_checkpoint`) or belongs to another run (`other_run`): `run` names the
    method, its config, the data and the seed.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata()
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a mapping)
        place = Place(**json.loads(meta["place"]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the checkpoint cannot be read ({error})", code="bad_checkpoint", where=str(path), fix="delete it"
        ) from None
    if meta["run"] != run:
        raise ModelError(
            "the checkpoint belongs to a run with other data, options or seed",
            code="other_run",
            where=str(path),
            fix="delete it, or repeat the run it belongs to",
        )
    return Checkpoint(run, place, _group(tensors, "params"), _group(tensors, "best"), _group(tensors, "moments"))


def _group(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    prefix = f"{name}/"
    return {k.removeprefix(prefix): torch.clone(v) for k, v in tensors.items() if k.startswith(prefix)}
