"""The process of a peer: reads the exam, trains, scores every question, and says what it took.

    python -c "import sys; sys.path.append(ROOT); from adapters.main import main; main(FOLDER)"

Beside the exam lies `job.json` (`adapter`, `peer`, `options`, `reads`, `distribution`). Written: `fitted.json` once
trained, `scores_N.npy` float32 [U, I] and `fallback_N.npy` bool [U] for ask N, `report.json` when all is done.
"""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

from .contract import Ask, Floats, Scorer
from .exam import read

_CELLS = 16_000_000
"""Scores computed at once: 64 MB, whatever the number of shoppers."""


def main(where: str) -> None:
    """Run the job in folder `where`."""
    folder = Path(where)
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    exam = read(folder)
    adapter = importlib.import_module(f"{__package__}.{job['adapter']}")
    started = _cpu_s()
    scorer: Scorer = adapter.fit(exam, job["peer"], job["options"])
    fitted = _cpu_s()
    _write(folder / "fitted.json", {"fit_cpu_s": fitted - started})
    popularity = np.asarray((exam.matrix() > 0).sum(axis=0), dtype=np.float32).ravel()
    for n, ask in enumerate(exam.asks):
        _answer(folder, n, ask, scorer, popularity, set(job["reads"]))
    report = {
        "fit_cpu_s": fitted - started,
        "score_cpu_s": _cpu_s() - fitted,
        "peak_rss_mib": _peak_rss_mib(),
        "version": version(job["distribution"]),
        "python": ".".join(map(str, sys.version_info[:3])),
        "numpy": np.__version__,
    }
    _write(folder / "report.json", report)


def silent(ask: Ask, reads: set[str]) -> np.ndarray:
    """[U] true where a shopper brings nothing that the peer reads."""
    said = np.zeros(len(ask), dtype=bool)
    if "history" in reads:
        said |= np.diff(ask.history.indptr) > 0
    if "profile" in reads:
        said |= np.diff(ask.features.indptr) > 0
    return ~said


def _answer(folder: Path, n: int, ask: Ask, scorer: Scorer, popularity: Floats, reads: set[str]) -> None:
    draft = folder / f"scores_{n}.draft"
    shape = (len(ask), len(ask.items))
    out = np.lib.format.open_memmap(draft, mode="w+", dtype=np.float32, shape=shape)
    fallback = silent(ask, reads)
    size = max(1, _CELLS // max(1, len(ask.items)))
    for at in range(0, len(ask), size):
        block = slice(at, min(at + size, len(ask)))
        out[block] = scorer(ask[block])
        out[block][fallback[block]] = popularity[ask.items]
    out.flush()
    np.save(folder / f"fallback_{n}.npy", fallback)
    draft.rename(folder / f"scores_{n}.npy")


def _cpu_s() -> float:
    """Processor seconds of this process, all threads, and of children that ended."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def _peak_rss_mib() -> float | None:
    """Largest resident memory of this process; None where the system does not say.

    Linux: `VmHWM`; the figure of `getrusage` there starts with what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii", errors="replace"))
        if found:
            return int(found.group(1)) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def _write(path: Path, values: Mapping[str, object]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(values), encoding="utf-8")
    draft.rename(path)
