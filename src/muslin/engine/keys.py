"""Keys of the service: what one is, and whether a given one may do what it asks.

A key reads `mus_<kid>_<secret>`: the public id it is listed and revoked by, and 32 random bytes. Only the SHA-256 of
the whole is kept. A secret with 256 random bits needs no slow hash: nobody can try them all.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from muslin.errors import UsageError, nearest

Scope = Literal["events:write", "items:write", "users:write", "users:erase", "recs:read", "models:admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
BROWSER: Scope = "events:write"
"""All a key may do that every visitor of a shop can read."""
MOST_LIVE = 2
"""Live keys of one name: the one in use and the one that takes its place."""

_SHAPE = re.compile(r"mus_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of a key."""

    kid: str
    name: str
    sha256: str
    scopes: tuple[Scope, ...]
    created: str
    """When, RFC 3339."""
    origins: tuple[str, ...] = ()
    """Web pages whose browsers may use it; empty for a key that stays on servers."""
    revoked: str | None = None


@dataclass(frozen=True)
class Made:
    """A new key, and its text, which is shown once and kept nowhere."""

    key: Key
    text: str


def make(name: str, scopes: Iterable[str], origins: Iterable[str], now: str) -> Made:
    """New key; with `origins` one for browsers.

    Raises `UsageError`: `bad_name`, `unknown_scope`, `no_scope`, `bad_origin`, `browser_scope`.
    """
    asked, pages = tuple(dict.fromkeys(scopes)), tuple(dict.fromkeys(origins))
    _refuse(name, asked, pages)
    kid = secrets.token_hex(6)
    text = f"mus_{kid}_{secrets.token_urlsafe(32)}"
    return Made(Key(kid, name, _digest(text), tuple(s for s in SCOPES if s in asked), now, pages), text)


def found(keys: Iterable[Key], text: str) -> Key | None:
    """The live key that reads `text`, in time that does not depend on how much of it is right."""
    shape = _SHAPE.fullmatch(text)
    kid = shape[1] if shape else ""
    key = next((key for key in keys if key.kid == kid and key.revoked is None), None)
    right = hmac.compare_digest(_digest(text), key.sha256 if key else "0" * 64)
    return key if right else None


def held_in(text: str) -> bool:
    """Whether a key, right or wrong, stands anywhere in `text`."""
    return _SHAPE.search(text) is not None


def live(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Those that are not revoked."""
    return tuple(key for key in keys if key.revoked is None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _refuse(name: str, scopes: tuple[str, ...], origins: tuple[str, ...]) -> None:
    if not _NAME.fullmatch(name):
        fix = "use 1 to 64 letters, digits, dots, dashes and underscores"
        raise UsageError("this cannot be the name of a key", code="bad_name", where="NAME", fix=fix)
    for scope in scopes:
        if scope not in SCOPES:
            fix = nearest(scope, SCOPES)
            raise UsageError(f"no scope is called {scope!r}", code="unknown_scope", where="--scope", fix=fix)
    if not scopes:
        fix = f"name some of: {', '.join(SCOPES)}"
        raise UsageError("a key without a scope opens nothing", code="no_scope", where="--scope", fix=fix)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            fix = "write it as browsers do: https://shop.example, without a path"
            raise UsageError(f"{origin!r} is not an origin", code="bad_origin", where="--origin", fix=fix)
    if origins and scopes != (BROWSER,):
        fix = f"give it --scope {BROWSER} alone, and make another key for the rest"
        raise UsageError("every visitor can read a browser key", code="browser_scope", where="--scope", fix=fix)
