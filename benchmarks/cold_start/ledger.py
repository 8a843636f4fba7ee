"""What the runs that fill a data set's answers cost, all of them together: a file for each in one folder.

A run writes what it has spent when it ends, also when it is stopped with Ctrl-C or SIGTERM. One that was killed leaves
a file without costs, and the total says that something is missing.
"""

import json
import os
import platform
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmarks.cold_start.results import Cost


@contextmanager
def kept(folder: Path, *, older: bool = False) -> Iterator[None]:
    """Enters what this process costs from here to the end into `folder`; `older`: it has answers of which it has none.

    The peak of memory is that of the whole process.
    """
    if older and not folder.exists():
        folder.mkdir(parents=True)
        (folder / "0-before.json").write_text("null", encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    entry = folder / f"{time.time_ns()}-{os.getpid()}.json"
    entry.write_text("null", encoding="utf-8")
    before = signal.signal(signal.SIGTERM, _stopped)
    started, spent = time.monotonic(), _processor_seconds()
    try:
        yield
    finally:
        run = {
            "cpu_seconds": round(_processor_seconds() - spent, 1),
            "wall_seconds": round(time.monotonic() - started, 1),
            "peak_mb": round(max(usage.ru_maxrss for usage in _usage()) / 1024, 1),
        }
        entry.write_text(json.dumps(run), encoding="utf-8")
        signal.signal(signal.SIGTERM, before)


def total(folder: Path) -> Cost:
    """Of all runs entered in `folder`: seconds add up, memory is the largest."""
    entries = [json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    known = [entry for entry in entries if entry is not None]
    return Cost(
        model=_processor(),
        cores=os.cpu_count() or 1,
        cpu_seconds=round(sum(entry["cpu_seconds"] for entry in known), 1),
        wall_seconds=round(sum(entry["wall_seconds"] for entry in known), 1),
        peak_mb=max((entry["peak_mb"] for entry in known), default=0.0),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        resumed=len(known) < len(entries),
    )


def _processor_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in _usage())


def _usage() -> tuple[resource.struct_rusage, resource.struct_rusage]:
    """Of this process, and of those it started and waited for."""
    return resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)


def _stopped(signum: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signum)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
