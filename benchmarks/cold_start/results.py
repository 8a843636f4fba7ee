"""Results on disk: the whole of an evaluation, with what it ran on and what it cost."""

import json
import os
import platform
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from muslin.evaluate.result import Result

RESULTS = Path(__file__).parents[1] / "results"
_TABLES = ("rows", "comparisons", "findings")


@dataclass(frozen=True)
class Cost:
    """What a run took and where: processor `model`, `cores`, processor and wall seconds, peak memory in MB.

    Answers found in the cache cost nothing: `resumed` says that there were some.
    """

    model: str
    cores: int
    cpu_seconds: float
    wall_seconds: float
    peak_mb: float
    date: str
    resumed: bool


@dataclass(frozen=True)
class Measured:
    """The rounds of one data set."""

    name: str
    rounds: tuple[Result, ...]
    cost: Cost


def write(measured: Measured, folder: Path = RESULTS) -> Path:
    """Store `measured` as `NAME.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{measured.name}.json"
    draft = path.with_suffix(".part")
    whole = asdict(measured)
    for part in whole["rounds"]:
        part.update({name: _by_column(part[name]) for name in _TABLES})
    draft.write_text(json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def read(path: Path) -> Measured:
    """What `write` stored; raises msgspec.ValidationError for anything else."""
    whole = json.loads(path.read_bytes())
    for part in whole["rounds"]:
        part.update({name: _by_row(part[name]) for name in _TABLES})
    return msgspec.convert(whole, Measured)


def _by_column(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The same table, each column's name written once and numbers to six digits."""
    names = list(rows[0]) if rows else []
    return {name: [round(v, 6) if isinstance(v := row[name], float) else v for row in rows] for name in names}


def _by_row(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def cost(started: float, *, resumed: bool) -> Cost:
    """Cost of this process since `started` (time.monotonic)."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(
        model=_processor(),
        cores=os.cpu_count() or 1,
        cpu_seconds=round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 1),
        wall_seconds=round(time.monotonic() - started, 1),
        peak_mb=round(max(own.ru_maxrss, children.ru_maxrss) / 1024, 1),
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        resumed=resumed,
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
