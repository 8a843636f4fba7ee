"""Rejected events as they are kept: what was sent, with the keyed hash in place of the shopper's id."""

from typing import Any, Literal

from muslin.engine.online.event import Shopper, encoded
from muslin.engine.online.keys import Keys

_KINDS: dict[str, Literal["user", "session"]] = {"user_id": "user", "session_id": "session"}


def unnamed(raw: Any, keys: Keys) -> Any:
    """`raw`, a plain JSON value, with hashes as hexadecimal digits; of an id that is no text only the type."""
    if not isinstance(raw, dict):
        return raw
    return {name: _veiled(_KINDS[name], value, keys) if name in _KINDS else value for name, value in raw.items()}


def named(kept: bytes, shopper: bytes, user_id: str) -> bytes:
    """What was kept of a user's event, with the id again, for the user."""
    return kept.replace(encoded(shopper.hex()), encoded(user_id))


def _veiled(kind: Literal["user", "session"], value: Any, keys: Keys) -> str | None:
    if isinstance(value, str):
        return keys.shopper(Shopper(kind, value)).hex()
    return None if value is None else type(value).__name__
