"""Names of shoppers as keyed hashes: whoever reads the files without the secret cannot tell whose they are."""

import os
import secrets
from hashlib import blake2b
from pathlib import Path

from muslin.engine.online.event import Shopper
from muslin.errors import DataError

SECRET = "secret.key"  # noqa: S105 - the name of a file
"""File of the secret, beside the database."""
_BYTES = 32


class Keys:
    """Hashes of one shop."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def shopper(self, who: Shopper) -> bytes:
        """17 bytes: `u` or `s`, and a hash."""
        return who.kind[:1].encode() + self._hash(who.kind, who.id.encode())

    def event(self, event_id: str) -> bytes:
        """16 bytes that stand for an event id."""
        return self._hash("event", event_id.encode())

    def grave(self, shopper: bytes) -> bytes:
        """16 bytes that tell an erased shopper's hash again, and are not that hash."""
        return self._hash("erased", shopper)

    def _hash(self, purpose: str, content: bytes) -> bytes:
        return blake2b(content, key=self._secret, digest_size=16, person=purpose.encode()).digest()


def load_keys(directory: Path, *, fresh: bool) -> Keys:
    """Keys of a state directory; made where it is `fresh`. Raises `DataError` (`no_secret`) where they are lost."""
    path = directory / SECRET
    if fresh and not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        secret = b""
    if len(secret) != _BYTES:
        fix = "restore it from a backup: without it nobody's events can be found"
        raise DataError("the secret of the state is missing or damaged", code="no_secret", where=str(path), fix=fix)
    return Keys(secret)
