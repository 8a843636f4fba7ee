"""A model on disk: a directory of plain files, each with its size and SHA-256 in `manifest.json`. Never a pickle.

The manifest seals itself: it holds the SHA-256 of all else it says, and is read only as the very bytes once written.

Loading reads each file once, checks what was read against the manifest, and parses those very bytes, so a file cannot
change between check and use. The catalogue, profiles and training events travel with the parameters: a model directory
answers by itself.
"""

import hashlib
import io
import json
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import tomlkit
import torch
from safetensors import SafetensorError
from safetensors import torch as tensors

from muslin import __version__, registry
from muslin.config import resolve
from muslin.data.dataset import Dataset
from muslin.data.schema import parse_schema
from muslin.data.staging import Kind, staged
from muslin.engine import golden
from muslin.errors import ModelError, MuslinError
from muslin.features.space import Space, World, encode
from muslin.features.table import from_state
from muslin.method import Fitted
from muslin.types import Params

if TYPE_CHECKING:
    from muslin.engine.model import Model

FORMAT = 1
"""Version of the layout this code writes; it reads this and older ones."""

MODEL = Kind("manifest.json", "model")
MANIFEST_LIMIT = 1_000_000
"""Bytes of a manifest that are read; a real one has a few thousand."""

_SEAL = "seal"
_TABLES = ("items", "users", "events")
_SENSELESS = (
    MuslinError,
    SafetensorError,
    KeyError,
    AttributeError,
    TypeError,
    ValueError,
    IndexError,
    RuntimeError,
    pl.exceptions.PolarsError,
)
"""What well-sealed nonsense can make the readers raise."""


class _Listed(msgspec.Struct, forbid_unknown_fields=True):
    """What the manifest says of one file."""

    bytes: int
    sha256: str


def save(model: "Model", path: Path, *, overwrite: bool) -> Path:
    """Write `model` to the directory `path`, all of it or nothing.

    Raises `UsageError`: `destination_exists`, or `not_a_model` when what should be overwritten is none; `DataError`:
    `cannot_write`.
    """
    with staged(path, MODEL, overwrite=overwrite) as draft:
        files = _files(model)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        listed = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()}
        manifest = {"format": FORMAT, "muslin": __version__, "files": listed}
        (draft / MODEL.marker).write_bytes(sealed(manifest))
    return path


def sealed(manifest: Mapping[str, Any]) -> bytes:
    """`manifest` as it is written, with a `seal` over everything else in it."""
    rest = {name: value for name, value in manifest.items() if name != _SEAL}
    seal = hashlib.sha256(json.dumps(rest).encode()).hexdigest()
    return json.dumps(rest | {_SEAL: seal}, indent=1).encode()


def load(path: Path) -> "Model":
    """Verify and read the model directory `path`.

    Raises `ModelError`: `not_a_model`, `newer_format`, `missing_file`, `extra_file`, `damaged_file`, `bad_content`,
    `non_finite`, `wrong_shape`, `wrong_answer`.
    """
    from muslin.engine.model import Model

    files = _verified(path)
    try:
        config = tomllib.loads(files["config.toml"].decode())
        world = _world(files)
        entry = registry.entry(config["method"])
        method = entry.build(resolve(entry.config, config["options"], where="config.toml"))
        params = _params(files["model.safetensors"], path)
        metrics = json.loads(files["metrics.json"])
        model = Model(config["method"], config["options"], config["seed"], Fitted(method, params), world, metrics)
        golden.check(model, json.loads(files["golden.json"]))
    except ModelError:
        raise
    except _SENSELESS as error:
        why, fix = f"its content makes no sense ({error})", "fit it again with this version of muslin"
        raise ModelError(why, code="bad_content", where=str(path), fix=fix) from None
    return model


def _files(model: "Model") -> dict[str, bytes]:
    dataset, space = model.world.dataset, model.world.space
    config = {"method": model.method, "seed": model.seed, "options": model.options}
    state = {
        "items": space.items.state(),
        "users": space.users.state(),
        "categories": space.categories,
        "domains": space.domains,
        "dataset": asdict(dataset.schema),
    }
    files = {
        "model.safetensors": tensors.save({k: v.contiguous() for k, v in model.fitted.params.items()}),
        "schema.json": json.dumps(state).encode(),
        "config.toml": tomlkit.dumps(config).encode(),
        "metrics.json": json.dumps(model.metrics).encode(),
        "golden.json": json.dumps(golden.record(model)).encode(),
    }
    for name in _TABLES:
        buffer = io.BytesIO()
        getattr(dataset, name).write_parquet(buffer)
        files[f"{name}.parquet"] = buffer.getvalue()
    return files


def _verified(path: Path) -> dict[str, bytes]:
    listed = _manifest(path)
    present = {p.name for p in path.iterdir()} - {MODEL.marker}
    for name in sorted(present - set(listed)):
        fix = "remove it, or copy the model again"
        raise ModelError("this file is not part of the model", code="extra_file", where=str(path / name), fix=fix)
    files = {}
    for name, expected in listed.items():
        if name not in present:
            raise ModelError(
                "this file of the model is missing",
                code="missing_file",
                where=str(path / name),
                fix="copy the model again",
            )
        content = _content(path / name, expected.bytes)
        if content is None or hashlib.sha256(content).hexdigest() != expected.sha256:
            why = "this file was changed or damaged after the model was written"
            raise ModelError(why, code="damaged_file", where=str(path / name), fix="copy the model again")
        files[name] = content
    return files


def _content(file: Path, size: int) -> bytes | None:
    """What the regular `file` holds; None when it is none, or not `size` long: then nothing of it is read."""
    try:
        status = file.lstat()
        return file.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_size == size else None
    except OSError:
        return None


def _manifest(path: Path) -> dict[str, _Listed]:
    file = path / MODEL.marker
    if not file.is_file():
        fix = "make one with `muslin fit DATASET --out MODEL`"
        raise ModelError(
            "this is not a Muslin model: manifest.json is missing", code="not_a_model", where=str(path), fix=fix
        )
    try:
        with file.open("rb") as opened:
            content = opened.read(MANIFEST_LIMIT)
        manifest = json.loads(content)
        version, listed = manifest["format"], msgspec.convert(manifest["files"], dict[str, _Listed])
        wellformed = isinstance(version, int)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        wellformed = False
    if wellformed and version > FORMAT:
        why = f"model format {version} is newer than this version reads ({FORMAT})"
        raise ModelError(why, code="newer_format", where=str(file), fix="upgrade muslin")
    if not wellformed or content != sealed(manifest):
        raise ModelError("the manifest is damaged", code="damaged_file", where=str(file), fix="copy the model again")
    return listed


def _world(files: dict[str, bytes]) -> World:
    state = json.loads(files["schema.json"])
    schema = parse_schema(_without_none(state["dataset"]), where="schema.json")
    items, users, events = (pl.read_parquet(io.BytesIO(files[f"{name}.parquet"])) for name in _TABLES)
    try:
        categories = msgspec.convert(state["categories"], tuple[tuple[str, ...], ...])
        domains = msgspec.convert(state["domains"], tuple[str, ...])
        space = Space(from_state(state["items"]), from_state(state["users"]), categories, domains)
    except msgspec.ValidationError as error:
        raise ValueError(f"schema.json: {error}") from None
    return encode(Dataset(schema, items, users, events), space, in_order=True)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return value


def _params(content: bytes, path: Path) -> Params:
    params: Params = tensors.load(content)
    for name, value in params.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            fix = "fit it again"
            raise ModelError(f"parameter {name!r} is not finite", code="non_finite", where=str(path), fix=fix)
    return params
