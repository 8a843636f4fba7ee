"""Which of our files an answer comes from: what the code that makes it imports, and what that imports in turn.

An answer stays good while these files stay as they are, so that a new method does not make the others be asked again.
Imports are read, not run, those within functions too. What is found by name at run time (`registry`, `peers.known`) is
no import: whoever is asked names it.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import muslin
from muslin import registry
from muslin.peers import environment, known

_PACKAGE = Path(muslin.__file__).parent
_EVERYBODY = ("muslin.evaluate.answers", "muslin.evaluate.protocol", "muslin.evaluate.references")
"""Builds the questions, puts them, and looks at the answers."""
_APART = "muslin.engine"
"""What `recipes.fit` makes of something fitted; nothing that is judged goes through it, for it stands above."""
_METHODS = ("muslin.recipes.fit",)
_PEERS = ("muslin.peers.answers", "muslin.peers.adapters.main")
_ORACLE = ("muslin.data.sources.boutique",)


def everything() -> str:
    """Hash of every file of ours: for answers of what goes by another name than its method's."""
    return _hashed({str(path.relative_to(_PACKAGE)): path for path in _PACKAGE.rglob("*.py")})


def digest(entrant: str) -> str:
    """Hash of every file of ours behind the answers of a method, a peer (with its pins), a bound, or a toy."""
    pins = environment.pins(known.peer(entrant).environment) if entrant in known.names() else ""
    return _hashed(sources(entrant), pins)


def sources(entrant: str) -> dict[str, Path]:
    """Those files by the name of the module."""
    if entrant in known.names():
        own: tuple[str, ...] = (f"muslin.peers.adapters.{known.adapter(entrant)}", *_PEERS)
    elif entrant in registry.names():
        own = (f"muslin.methods.{entrant}", *_METHODS)
    else:
        own = (*_METHODS, *_ORACLE)
    return behind((*_EVERYBODY, *own), _PACKAGE)


def behind(modules: Iterable[str], package: Path) -> dict[str, Path]:
    """File by name of `modules` and of all modules of `package` (its folder) that they import, however far away.

    The `__init__` of a folder counts where it is imported itself; else it only names what there is.
    """
    found: dict[str, Path] = {}
    open_ends = list(modules)
    while open_ends:
        name = open_ends.pop()
        path = _file(name, package)
        if path is None or name in found or name == package.name or name.startswith(_APART):
            continue
        found[name] = path
        open_ends += _imports(path, name)
    return found


def _hashed(found: Mapping[str, Path], more: str = "") -> str:
    whole = hashlib.sha256(more.encode())
    for name, path in sorted(found.items()):
        whole.update(name.encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


@cache
def _file(name: str, package: Path) -> Path | None:
    """Where the module lies, None where the name is of something else."""
    first, *rest = name.split(".")
    if first != package.name:
        return None
    place = package.joinpath(*rest)
    return next((p for p in (place / "__init__.py", place.with_name(f"{place.name}.py")) if p.is_file()), None)


@cache
def _imports(path: Path, name: str) -> tuple[str, ...]:
    return tuple(_named(ast.parse(path.read_text(encoding="utf-8")), name, is_folder=path.name == "__init__.py"))


def _named(tree: ast.AST, name: str, *, is_folder: bool) -> Iterator[str]:
    """What is imported, and what might be a module imported from a folder."""
    parts = name.split(".")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = parts[: len(parts) - node.level + is_folder] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
