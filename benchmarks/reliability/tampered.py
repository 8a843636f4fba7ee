"""Campaign 6: a model that was tampered with is refused, and the one before goes on answering.

Bit flips and truncations anywhere in any file, and forgeries whose manifest was sealed again: a pickle, another schema,
weights that are not finite, parameters of other shapes, a newer format, weights of another training.

Controls: an untouched copy is accepted; a loader that does not check hashes lets flips through, and they are counted.
"""

import hashlib
import json
import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors import torch as tensors

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.serve import serving
from muslin.client import Client, ServiceError
from muslin.engine import artefact
from muslin.engine.model import Model

Load = Callable[[str], str]
"""Asks the service to load the model directory of this name; the code of its refusal, empty where it was accepted."""


def flips(model: Path, room: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    """Copies of `model` with one bit flipped, one after the other in the same place."""
    files = sorted(model.iterdir())
    weights = [file.stat().st_size for file in files]
    for n in range(count):
        target = _copy(model, room)
        # Half of the flips go to files in equal parts: the small ones matter as much as the large.
        file = target / (rng.choice(files) if n % 2 else rng.choices(files, weights)[0]).name
        content = bytearray(file.read_bytes())
        place = rng.randrange(len(content) * 8)
        content[place // 8] ^= 1 << place % 8
        file.write_bytes(content)
        yield f"bit {place} of {file.name}", target


def cuts(model: Path, room: Path, rng: random.Random, count: int) -> Iterator[tuple[str, Path]]:
    """Copies of `model` with one file cut short."""
    files = sorted(model.iterdir())
    for _ in range(count):
        target = _copy(model, room)
        file = target / rng.choice(files).name
        size = rng.randrange(file.stat().st_size)
        file.write_bytes(file.read_bytes()[:size])
        yield f"{file.name} cut to {size}", target


def forgeries(model: Path, room: Path) -> Iterator[tuple[str, Path]]:
    """Copies of `model` that were changed and sealed again."""
    for what, forge in _FORGERIES.items():
        target = _copy(model, room)
        forge(target)
        if what not in _UNSEALED:
            seal(target)
        yield what, target


def survivors(changed: Iterator[tuple[str, Path]], load: Load) -> tuple[int, list[str]]:
    """How many were tried, and which got through."""
    tried, through = 0, []
    for what, path in changed:
        tried += 1
        if not load(path.name):
            through.append(what)
    return tried, through


def seal(model: Path) -> None:
    """Write a manifest that fits the files, as an attacker who can write them would."""
    file = model / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["files"] = {
        part.name: {"bytes": part.stat().st_size, "sha256": hashlib.sha256(part.read_bytes()).hexdigest()}
        for part in model.iterdir()
        if part != file
    }
    file.write_bytes(artefact.sealed(manifest))


def _copy(model: Path, room: Path) -> Path:
    target = room / "tampered"
    shutil.rmtree(target, ignore_errors=True)
    return Path(shutil.copytree(model, target))


class _Boom:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return (Path.touch, (Path("muslin-was-fooled"),))  # type: ignore[return-value]


def _weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def forge(model: Path) -> None:
        file = model / "model.safetensors"
        params = tensors.load(file.read_bytes())
        changed = {k: change(v) if v.is_floating_point() and v.numel() else v for k, v in params.items()}
        file.write_bytes(tensors.save({k: v.contiguous() for k, v in changed.items()}))

    return forge


def _json(name: str, change: Callable[[dict], object]) -> Callable[[Path], None]:
    def forge(model: Path) -> None:
        content = json.loads((model / name).read_text())
        change(content)
        (model / name).write_text(json.dumps(content))

    return forge


def _first(value: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(tensor: torch.Tensor) -> torch.Tensor:
        changed = tensor.clone()
        changed.view(-1)[0] = value
        return changed

    return change


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def forge(model: Path) -> None:
        (model / name).write_bytes(content)

    return forge


_FORGERIES: dict[str, Callable[[Path], None]] = {
    "weights as a pickle": _write("model.safetensors", pickle.dumps(_Boom())),
    "a pickle beside": _write("model.pkl", pickle.dumps(_Boom())),
    "an extra file": _write("readme.txt", b"hello"),
    "a file missing": lambda model: (model / "metrics.json").unlink(),
    "NaN weights": _weights(_first(float("nan"))),
    "infinite weights": _weights(_first(float("inf"))),
    "other shapes": _weights(lambda tensor: torch.cat([tensor.reshape(-1), torch.zeros(1)])),
    "other weights": _weights(lambda tensor: -3 * tensor - 1),
    "no weights": _write("model.safetensors", tensors.save({})),
    "another schema": _json("schema.json", lambda state: state["items"].clear()),
    "a schema of another type": _json("schema.json", lambda state: state.update(dataset=[])),
    "a newer format": _json("manifest.json", lambda manifest: manifest.update(format=99)),
    "no format": _json("manifest.json", lambda manifest: manifest.pop("format")),
    "another method": _write("config.toml", b'method = "nope"\nseed = 0\n[options]\n'),
    "deep nesting": _write("schema.json", b"[" * 100_000),
    "items that are no table": _write("items.parquet", b"PAR1"),
}
_UNSEALED = {"a pickle beside", "an extra file", "a file missing", "a newer format", "no format"}


def promised(scale: float) -> Found:
    """A model of a small shop, served by the real server, which is asked to load tampered copies of it."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    rng, found, through = random.Random(0), Found(), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        model = fit(tiny_shop(items=60, users=60, events=300), "content_knn").save(room / "good")
        with serving(model, room / "state") as said, Client(str(said["url"]), timeout=600) as client:
            load = loader(client)
            before = client.recommend("u0000", n=5)
            changes = {
                "flips": flips(model, room, rng, sized(2000, scale, 20)),
                "cuts": cuts(model, room, rng, sized(300, scale, 5)),
                "forgeries": forgeries(model, room),
            }
            for name, changed in changes.items():
                found.done[name], passed = survivors(changed, load)
                through += passed
            if client.recommend("u0000", n=5).model_version != before.model_version:
                found.failures.append("the model before no longer serves")
            shutil.copytree(model, room / "untouched")
            found.controls["an untouched copy is accepted"] = load("untouched") == ""
        found.failures += [f"accepted: {what}" for what in through[:20]]
        # Reading a flipped table can end this process, which is no acceptance: the hashes keep the service from trying.
        read = (one for one in flips(model, room, rng, 60) if not one[0].endswith(".parquet"))
        found.controls["no hashes"] = bool(survivors(read, _trusting(room))[1])
    return found


def loader(client: Client) -> Load:
    """Asks the service of a client."""

    def load(name: str) -> str:
        try:
            client.load_model(name, accept_worse=True)
        except ServiceError as error:
            if (error.status, error.code) != (422, "model_refused"):
                raise
            return error.faults[0].code
        return ""

    return load


def _trusting(room: Path) -> Load:
    """Loads in this process, without looking at the hashes."""

    def load(name: str) -> str:
        with mutants.patched(artefact, "_verified", lambda path: {p.name: p.read_bytes() for p in path.iterdir()}):
            try:
                Model.load(room / name)
            except Exception as error:
                return str(getattr(error, "code", type(error).__name__))
        return ""

    return load


CAMPAIGN = Campaign(
    6,
    "tampered",
    "tampered model refused",
    "2,000 bit flips, 300 truncations, pickle, wrong schema, NaN weights: 100 % refused, old one serves",
    promised,
)
