"""Finds methods by file name: `muslin/methods/NAME.py` with a `Config` and a `build` is method NAME."""

import importlib
import pkgutil
import re
from dataclasses import dataclass, fields
from functools import cache
from inspect import getdoc
from typing import Any

from muslin.errors import UsageError, nearest
from muslin.method import Scorer

_PACKAGE = "muslin.methods"


@dataclass(frozen=True)
class Entry:
    """One registered method."""

    name: str
    summary: str
    source: str
    differs: str
    config: type[Any]
    build: Any

    def options(self) -> dict[str, Any]:
        """Name and default of each option."""
        return {f.name: f.default for f in fields(self.config)}


@cache
def names() -> tuple[str, ...]:
    """Names of all methods, sorted."""
    package = importlib.import_module(_PACKAGE)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")))


@cache
def entry(name: str) -> Entry:
    """The method called `name`; raises `UsageError` (`unknown_method`) naming the nearest."""
    if name not in names():
        raise UsageError(f"no method is called {name!r}", code="unknown_method", fix=nearest(name, names()))
    module = importlib.import_module(f"{_PACKAGE}.{name}")
    doc = getdoc(module) or ""
    return Entry(
        name=name,
        summary=doc.split("\n", 1)[0],
        source=_field(doc, "Source:"),
        differs=_field(doc, "Differs:"),
        config=module.Config,
        build=module.build,
    )


def build(name: str, config: Any = None) -> Scorer:
    """The method `name` with `config` (its defaults when None)."""
    found = entry(name)
    method: Scorer = found.build(found.config() if config is None else config)
    return method


def _field(doc: str, label: str) -> str:
    """The text after `label` up to the next labelled line, on one line; empty when absent."""
    found = re.search(rf"^{label}(.*?)(?=^[A-Z][a-z]+:|\Z)", doc, flags=re.MULTILINE | re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""
