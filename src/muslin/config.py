"""Options of a method: defaults, then a TOML file, then `--set name=value`; anything unknown is an error."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import msgspec

from muslin.errors import UsageError, nearest


def resolve(shape: type[Any], options: Mapping[str, Any], *, where: str) -> Any:
    """Instance of the frozen dataclass `shape` with `options` over its defaults.

    Strings are read as the field's type (`"3"` for an int). Raises `UsageError` naming the nearest option for an
    unknown one, and the option and expected type for a bad value.
    """
    known = {f.name for f in fields(shape)}
    for name in options:
        if name not in known:
            raise UsageError(f"unknown option {name!r}", code="unknown_option", where=where, fix=nearest(name, known))
    try:
        made = msgspec.convert(dict(options), shape, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(_named(str(error)), code="bad_option", where=where, fix="see `muslin methods`") from None
    for f in fields(made):
        value = getattr(made, f.name)
        if isinstance(value, float) and not math.isfinite(value):
            why = f"option {f.name!r}: {value} is not a finite number"
            raise UsageError(why, code="bad_option", where=where, fix="give a finite number")
    return made


def read_options(file: Path | None, assignments: Sequence[str]) -> dict[str, Any]:
    """Options of a TOML `file`, overridden by `name=value` assignments."""
    options: dict[str, Any] = {}
    if file is not None:
        options |= _read(file)
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"cannot read {text!r}", code="bad_assignment", where="--set", fix="write name=value")
        options[name.strip()] = value.strip()
    return options


def as_options(config: Any) -> dict[str, Any]:
    """Plain options of a resolved config; `resolve` restores it."""
    return asdict(config)


def _named(message: str) -> str:
    """`Expected X, got Y - at $.name` with the option first."""
    what, found, path = message.partition(" - at `$.")
    return f"option {path.rstrip('`')!r}: {what[:1].lower()}{what[1:]}" if found else message


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError("no such file", code="no_file", where=str(file), fix="check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(str(error), code="bad_toml", where=str(file), fix="correct the TOML syntax") from None
