"""Finished answers on disk, so that a long evaluation goes on where it was interrupted.

An entry is found again only by the same data, protocol, seed and method, and while the code that it came from
(`origin`) stays as it was. How a method was configured is known to the caller alone, who says it in `Kept.variants` or
gives each configuration a directory of its own.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from muslin.data.dataset import Dataset
from muslin.evaluate.answers import CUTOFF, Answers
from muslin.evaluate.exam import Terms
from muslin.evaluate.finding import Finding
from muslin.evaluate.versions import versions


@dataclass(frozen=True)
class Kept:
    """Where answers are kept; `variants`: of a method that is not as it comes, a word for how it is, by its name."""

    root: Path
    variants: Mapping[str, str] = field(default_factory=dict)


_STATED = ("shown", "guessed")
"""Tables of methods that say something of their own scores."""


def base_key(dataset: Dataset, terms: Terms) -> str:
    """Hash of the data, of the terms all entries of a run share but for the seed, and of what they are made with."""
    settings = [terms.ks, terms.max_users, CUTOFF, asdict(dataset.schema), versions()]
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for frame in (dataset.items, dataset.users, dataset.events):
        buffer = BytesIO()
        frame.write_ipc(buffer)
        digest.update(buffer.getbuffer())
    return digest.hexdigest()


def place(root: Path, base: str, protocol: str, seed: int, method: str, *, code: str) -> Path:
    """Directory of one entry; `code`: hash of the files it comes from."""
    key = hashlib.sha256(f"{base}/{protocol}/{seed}/{method}/{code}".encode()).hexdigest()[:16]
    return root / f"{protocol}-{seed}-{method}-{key}"


def read(entry: Path) -> Answers | None:
    """The answers stored at `entry`, None when there are none."""
    if not entry.is_dir():
        return None
    fit = json.loads((entry / "fit.json").read_text(encoding="utf-8"))
    pairs, lists = (pl.read_parquet(entry / f"{name}.parquet") for name in ("pairs", "lists"))
    stated = [pl.read_parquet(path) if path.is_file() else None for path in (entry / f"{n}.parquet" for n in _STATED)]
    return Answers(pairs, lists, fit["fit_cpu_s"], tuple(Finding(**found) for found in fit["findings"]), *stated)


def write(entry: Path, answers: Answers) -> None:
    """Store `answers`: all of them or, when interrupted, nothing."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=entry.parent))
    try:
        answers.pairs.write_parquet(draft / "pairs.parquet")
        answers.lists.write_parquet(draft / "lists.parquet")
        for name in _STATED:
            if getattr(answers, name) is not None:
                getattr(answers, name).write_parquet(draft / f"{name}.parquet")
        fit = {"fit_cpu_s": answers.fit_cpu_s, "findings": [asdict(found) for found in answers.findings]}
        (draft / "fit.json").write_text(json.dumps(fit), encoding="utf-8")
        draft.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
