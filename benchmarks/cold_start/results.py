"""Results on disk: the whole of an evaluation, with what it ran on and what it cost."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from muslin.evaluate.result import Result

RESULTS = Path(__file__).parents[1] / "results"
_TABLES = ("rows", "comparisons", "findings")


@dataclass(frozen=True)
class Cost:
    """What it took and where: processor `model`, `cores`, processor and wall seconds, peak memory in MB.

    All runs that made the answers count; `resumed` says that something is missing: a run that was killed, or answers
    older than the account.
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


def joined(measured: Measured, folder: Path = RESULTS) -> Measured:
    """`measured` and, before it, those rounds of `NAME.json` of whose protocols it has none."""
    path = folder / f"{measured.name}.json"
    if not path.is_file():
        return measured
    asked = {protocol for part in measured.rounds for protocol in part.facts.protocols}
    kept = tuple(part for part in read(path).rounds if not asked & set(part.facts.protocols))
    return replace(measured, rounds=(*kept, *measured.rounds))


def everything() -> list[Measured]:
    """What was measured of every data set; other benchmarks write beside these, and theirs have no rounds."""
    return [read(path) for path in sorted(RESULTS.glob("*.json")) if "rounds" in json.loads(path.read_bytes())]


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
