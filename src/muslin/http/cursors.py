"""Opaque cursors: what a client gets back and cannot make up.

A cursor names its kind, so that one of another list is refused, and is signed with a key that lives as long as the
process.
"""

import base64
import binascii
import hmac
import secrets
from typing import TypeVar

import msgspec

from muslin.http.problems import ProblemError

T = TypeVar("T")

LONGEST = 512
"""Characters of a cursor."""
_SIGNED = 16


class Cursors:
    """Makes and reads cursors of one `kind`; every process, and every kind, has a key of its own."""

    def __init__(self, kind: str) -> None:
        self._kind = kind.encode()
        self._key = secrets.token_bytes(32)

    def make(self, place: msgspec.Struct) -> str:
        """Cursor of a place in a list."""
        body = msgspec.json.encode(place)
        return base64.urlsafe_b64encode(self._signature(body) + body).decode().rstrip("=")

    def read(self, cursor: str, kind: type[T], pointer: str) -> T:
        """The place; raises `ProblemError` (`bad_cursor`) for a cursor that is not ours."""
        try:
            content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            signature, body = content[:_SIGNED], content[_SIGNED:]
            if not hmac.compare_digest(signature, self._signature(body)):
                raise ValueError
            return msgspec.json.decode(body, type=kind)
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise ProblemError("bad_cursor", pointer) from None

    def _signature(self, body: bytes) -> bytes:
        return hmac.digest(self._key, self._kind + b"\x00" + body, "sha256")[:_SIGNED]
