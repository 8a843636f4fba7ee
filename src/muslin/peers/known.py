"""Which peers there are, and what can be set: found by file name, `adapters/NAME.py` with `PEERS`."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from muslin.errors import UsageError, nearest
from muslin.peers.adapters.contract import Option, Options, Peer

_PACKAGE = "muslin.peers.adapters"


@cache
def _found() -> dict[str, tuple[str, Peer]]:
    """Adapter and peer by name of the peer, in order of name."""
    package = importlib.import_module(_PACKAGE)
    files = [m.name for m in pkgutil.iter_modules(package.__path__)]
    modules = {name: importlib.import_module(f"{_PACKAGE}.{name}") for name in files}
    pairs = [(name, peer) for name, module in modules.items() for peer in getattr(module, "PEERS", ())]
    return {peer.name: (name, peer) for name, peer in sorted(pairs, key=lambda pair: pair[1].name)}


def names() -> tuple[str, ...]:
    """Names of all peers, sorted."""
    return tuple(_found())


def peer(name: str) -> Peer:
    """The peer called `name`; raises `UsageError` (`unknown_peer`) naming the nearest."""
    return _entry(name)[1]


def adapter(name: str) -> str:
    """File of `adapters/` that runs the peer."""
    return _entry(name)[0]


def environments() -> tuple[str, ...]:
    """Names of all environments, sorted."""
    return tuple(sorted({one.environment for _, one in _found().values()}))


def options(name: str, given: Mapping[str, Any] | None = None) -> Options:
    """Every option of a peer: `given`, the rest by default.

    Raises `UsageError`: `unknown_option` naming the nearest, `bad_option` for a value of another type or not among
    those there are.
    """
    known = peer(name)
    for option, value in (given or {}).items():
        if option not in known.options:
            raise UsageError(
                f"{name} has no option {option!r}",
                code="unknown_option",
                where=f"{name}.{option}",
                fix=nearest(option, known.options),
            )
        _check(f"{name}.{option}", known.options[option], value)
    return known.defaults() | dict(given or {})


def _entry(name: str) -> tuple[str, Peer]:
    if name not in _found():
        raise UsageError(f"no peer is called {name!r}", code="unknown_peer", fix=nearest(name, names()))
    return _found()[name]


def _check(where: str, option: Option, value: Any) -> None:
    wanted = type(option.default)
    fits = type(value) is wanted or (wanted is float and type(value) is int)
    if not fits or (option.values and value not in option.values):
        said = f"one of {', '.join(map(str, option.values))}" if option.values else f"of type {wanted.__name__}"
        fix = f"leave it at {option.default!r}, or choose another"
        raise UsageError(f"{value!r} is not {said}", code="bad_option", where=where, fix=fix)
