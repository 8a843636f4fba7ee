"""Reads an exam from its folder, and writes what came of it: `docs/peers.md` has the layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import scipy.sparse as sp

from .contract import Ask, Csr, Exam, Side, Train

FORMAT = 1


def read(folder: Path) -> Exam:
    """The exam written to `folder` by `muslin.peers.exam_files`; raises ValueError for another format."""
    about: dict[str, Any] = json.loads((folder / "exam.json").read_text(encoding="utf-8"))
    if about["format"] != FORMAT:
        raise ValueError(f"exam format {about['format']}, this code reads {FORMAT}")
    items = pq.read_table(folder / "items.parquet")
    return Exam(
        train=_train(folder),
        items=_side(folder, "items", about),
        users=_side(folder, "users", about),
        texts=items["text"].to_pylist(),
        family=items["family"].to_numpy(),
        asks=tuple(_ask(folder, n) for n in range(about["asks"])),
        seed=about["seed"],
        threads=about["threads"],
    )


def _train(folder: Path) -> Train:
    table = pq.read_table(folder / "train.parquet")
    return Train(*(table[name].to_numpy() for name in ("user", "item", "weight", "time")))


def _side(folder: Path, name: str, about: dict[str, Any]) -> Side:
    own = about[name]
    dense = {column: _array(folder / f"{name}_dense_{n}.npy") for n, column in enumerate(own["dense"])}
    blocks = tuple((str(b[0]), str(b[1]), int(b[2]), int(b[3])) for b in own["blocks"])
    return Side(_csr(folder / f"{name}_features.npz"), blocks, dense)


def _ask(folder: Path, n: int) -> Ask:
    at = folder / f"ask_{n}"
    features, history = _csr(at / "features.npz"), _csr(at / "history.npz")
    return Ask(_array(at / "users.npy"), features, history, _array(at / "items.npy"))


def _array(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _csr(path: Path) -> Csr:
    return sp.csr_matrix(sp.load_npz(path))
