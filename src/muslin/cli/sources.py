"""What the methods' source files say about themselves, read without importing them.

`registry` knows the same and imports it; but a method imports torch, and listing names should not take seconds.
"""

import ast
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path

from muslin.errors import UsageError, nearest

_BOUNDED = {"Count": "int >= 1", "NotNegative": "float >= 0", "Positive": "float > 0"}
"""What the bounded types of `muslin.method` mean, said without importing it."""


@dataclass(frozen=True)
class Option:
    """A field of a method's `Config`; `type` and `default` as written."""

    name: str
    type: str
    default: str
    help: str


@dataclass(frozen=True)
class Described:
    """A method: the first paragraph of its module and the labelled lines after it, and its options."""

    name: str
    summary: str
    about: str
    options: tuple[Option, ...]


def names() -> tuple[str, ...]:
    """Names of all methods, sorted."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules([str(_folder())]) if not m.name.startswith("_")))


def require(name: str, where: str, others: Sequence[str] = ()) -> None:
    """Raise `UsageError` (`unknown_method`) naming the nearest unless a method or one of `others` is called `name`."""
    if name not in (*names(), *others):
        message, fix = f"no method is called {name!r}", nearest(name, (*names(), *others))
        raise UsageError(message, code="unknown_method", where=where, fix=fix)


def describe(name: str) -> Described:
    """The method called `name`, which there must be."""
    module = ast.parse((_folder() / f"{name}.py").read_text(encoding="utf-8"))
    summary, _, about = (ast.get_docstring(module) or "").partition("\n")
    config = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Config")
    return Described(name, summary, about.strip(), tuple(_options(config)))


def _folder() -> Path:
    spec = find_spec("muslin.methods")
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0])


def _options(config: ast.ClassDef) -> Iterator[Option]:
    for field, after in zip(config.body, [*config.body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign):
            continue
        default = ast.unparse(field.value) if field.value is not None else ""
        kind = ast.unparse(field.annotation)
        yield Option(ast.unparse(field.target), _BOUNDED.get(kind, kind), default, _text(after))


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(cleandoc(node.value.value).split())
    return ""
