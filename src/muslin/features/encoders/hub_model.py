"""Models in the layout of Hugging Face, from a directory or from its hub, as files that cannot run code.

Weights are read from safetensors and nothing else: the older layout is a pickle, which runs what it contains. Code that
comes with a model is never run. The hub is asked once; from then on the files lie in the user's cache.
"""

import hashlib
import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muslin.errors import DataError, UsageError, nearest

PREFIX = "hf:"
_KINDS = ("*.json", "*.safetensors", "*.txt", "*.model")
_SAFE = 'load it with transformers and store it anew: `model.save_pretrained("there", safe_serialization=True)`'


@dataclass(frozen=True)
class Stored:
    """Files of a model in `folder`; `version` is a digest of them all, `name` has no path in it."""

    name: str
    folder: Path
    version: str


def find(source: str) -> Stored:
    """Files of `hf:PATH` or `hf:OWNER/NAME` (downloaded unless they have been before).

    Raises `UsageError`: `missing_extra`, `missing_model`; `DataError`: `model_unreachable`, `not_a_model`,
    `no_safetensors`.
    """
    require_extra()
    given = source.removeprefix(PREFIX)
    path = Path(given).expanduser()
    if path.is_dir():
        folder, name = path, path.resolve().name
    elif path.exists() or given.startswith((".", "/", "~")) or given.count("/") != 1 or "\\" in given:
        raise _missing(path)
    else:
        folder, name = _downloaded(given), given
    _require_files(folder)
    return Stored(PREFIX + name, folder, _digest(folder))


def load(stored: Stored) -> tuple[Any, bool]:
    """(the model in evaluation mode, float32; whether its files hold all of it, not only all but a pooler).

    What the files lack transformers would make up at random. Raises `DataError` (`bad_model`).
    """
    with quiet() as transformers:
        try:
            model, report = transformers.AutoModel.from_pretrained(
                str(stored.folder),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except Exception as error:  # a stranger's files make transformers raise nearly every kind there is
            raise bad_model(stored, f"the model does not load ({first_line(error)})") from None
    lost = sorted(report["missing_keys"])
    if needed := [name for name in lost if "pooler" not in name]:
        raise bad_model(stored, f"its files lack {len(needed)} of its weights, such as {needed[0]}")
    return model.float().eval(), not lost


@contextmanager
def quiet() -> Iterator[Any]:
    """The module `transformers`, its own progress bars off meanwhile."""
    transformers = importlib.import_module("transformers")
    logging = transformers.utils.logging
    before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield transformers
    finally:
        if before:
            logging.enable_progress_bar()


def require_extra() -> None:
    """Raise `UsageError` (`missing_extra`) unless transformers is installed."""
    if importlib.util.find_spec("transformers") is None:
        message = "models of the Hugging Face hub need the package transformers, which is not installed"
        raise UsageError(message, code="missing_extra", fix="pip install 'muslin[hub]'")


def bad_model(stored: Stored, message: str) -> DataError:
    """Error about a model that is there and cannot be used."""
    fix = "name another; models that bring code of their own are never run"
    return DataError(message, code="bad_model", where=stored.name, fix=fix)


def first_line(error: Exception) -> str:
    """What `error` says, in one short line."""
    return (str(error).strip() or type(error).__name__).split("\n", 1)[0][:200]


def _missing(path: Path) -> UsageError:
    near = [p.name for p in path.parent.iterdir() if p.is_dir()][:1000] if path.parent.is_dir() else []
    message = f"there is no directory {path.name!r} here"
    fix = f"{nearest(path.name, near)} A model on the hub is named hf:OWNER/NAME"
    return UsageError(message, code="missing_model", where=str(path.parent), fix=fix)


def _downloaded(name: str) -> Path:
    hub = importlib.import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(_KINDS), ignore_patterns=["*/*"]))
    except (hub.errors.RepositoryNotFoundError, hub.errors.HFValidationError):
        message, fix = (
            f"the hub knows no model {name!r}, or it needs permission",
            "check the name, or log in to the hub",
        )
        raise UsageError(message, code="missing_model", where=PREFIX + name, fix=fix) from None
    except Exception as error:  # the network: its libraries share no base class
        message = f"the model cannot be fetched from the hub ({first_line(error)})"
        fix = "check the connection, or download the model elsewhere and name its directory"
        raise DataError(message, code="model_unreachable", where=PREFIX + name, fix=fix) from None


def _require_files(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        message = "this is no model: config.json is missing"
        raise DataError(message, code="not_a_model", where=str(folder), fix="name the directory that holds it")
    if not any(folder.glob("*.safetensors")):
        message = "the model has no safetensors weights, and no other kind is ever read"
        raise DataError(message, code="no_safetensors", where=str(folder), fix=_SAFE)


def _digest(folder: Path) -> str:
    """Sixteen hex digits that change with any file the vectors may depend on."""
    whole = hashlib.sha256()
    for path in sorted(p for kind in _KINDS for p in folder.glob(kind)):
        with path.open("rb") as file:
            whole.update(f"{path.name}\0".encode() + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]
