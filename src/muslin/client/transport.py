"""Requests over one kept connection, sent again where that helps and does no harm."""

import http.client
import random
import threading
import time
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import msgspec

from muslin.client.failures import Fault, ServiceError
from muslin.errors import UsageError

T = TypeVar("T")

_REFUSED = 400
_AGAIN = frozenset({429, 503})
_BROKEN = (http.client.HTTPException, OSError)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to try."""

    attempts: int = 5
    """Requests made at most for one call."""
    first_wait: float = 0.1
    """Seconds before the second, doubled each time, where the service does not say."""
    longest_wait: float = 30.0
    """Seconds of one wait at most; a longer Retry-After is an error at once."""


class _Problem(msgspec.Struct):
    code: str = "unknown"
    detail: str = ""
    request_id: str = ""
    errors: tuple[dict[str, str], ...] = ()


class Transport:
    """May be shared between threads; requests then follow one another."""

    def __init__(self, url: str, key: str | None, timeout: float, patience: Patience) -> None:
        """Raises `UsageError` (`bad_url`) for what is no http(s) address."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
            fix = "write it as http://127.0.0.1:8642"
            raise UsageError("this is not the address of a service", code="bad_url", where="url", fix=fix)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._base, self._patience, self._lock = parts.path.rstrip("/"), patience, threading.Lock()
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def call(self, method: str, path: str, body: Any, answer: type[T], *, again: bool = True) -> T:
        """The decoded answer of a request; `again`: repeating it after a broken connection does no harm.

        `body`: what is encoded, or a function that makes it, which is called for each attempt. Raises `ServiceError`.
        """
        with self._lock:
            for attempt in range(1, self._patience.attempts + 1):
                last = attempt == self._patience.attempts
                try:
                    status, headers, got = self._once(method, path, _encoded(body))
                except _BROKEN as error:
                    self._connection.close()
                    if last or not again:
                        why = f"the service cannot be reached: {error or type(error).__name__}"
                        raise ServiceError(why, code="unreachable") from None
                    # A server hangs up on idle connections, so the first failure says nothing.
                    time.sleep(0.0 if attempt == 1 else self._wait(attempt))
                    continue
                if status < _REFUSED:
                    return _decoded(got, answer)
                pause = self._pause(status, headers, attempt)
                if last or pause is None:
                    raise _refusal(status, got)
                time.sleep(pause)
        raise ServiceError("no attempt was made", code="unreachable")

    def upload(self, path: str, file: BinaryIO, size: int, kind: str, answer: type[T]) -> T:
        """The decoded answer to a file of `size` bytes, sent once. Raises `ServiceError`."""
        headers = {**self._headers, "Content-Type": kind, "Content-Length": str(size)}
        with self._lock:
            self._connection.close()  # a kept connection may be gone, and a file is not sent twice
            try:
                self._connection.request("POST", self._base + path, file, headers)
                response = self._connection.getresponse()
                status, got = response.status, response.read()
            except _BROKEN as error:
                self._connection.close()
                raise ServiceError(
                    f"the connection broke: {error or type(error).__name__}", code="unreachable"
                ) from None
        if status >= _REFUSED:
            raise _refusal(status, got)
        return _decoded(got, answer)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _once(self, method: str, path: str, content: bytes | None) -> tuple[int, Any, bytes]:
        kind = {} if content is None else {"Content-Type": "application/json"}
        self._connection.request(method, self._base + path, content, {**self._headers, **kind})
        response = self._connection.getresponse()
        return response.status, response.headers, response.read()

    def _pause(self, status: int, headers: Any, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; None where there should be none."""
        if status not in _AGAIN:
            return None
        told = headers.get("Retry-After", "")
        wait = float(told) if told.isdigit() else self._wait(attempt)
        return wait if wait <= self._patience.longest_wait else None

    def _wait(self, attempt: int) -> float:
        # Half of it by chance, so that clients who failed together do not come back together.
        return float(self._patience.first_wait * 2 ** (attempt - 1) * random.uniform(0.5, 1))


def _encoded(body: Any) -> bytes | None:
    made = body() if callable(body) else body
    return None if made is None else msgspec.json.encode(made)


def _decoded(got: bytes, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(got, type=answer)
    except msgspec.MsgspecError:
        why = "the service answered what this client does not understand; are their versions far apart?"
        raise ServiceError(why, code="unknown_answer") from None


def _refusal(status: int, got: bytes) -> ServiceError:
    try:
        told = msgspec.json.decode(got, type=_Problem)
    except msgspec.MsgspecError:
        told = _Problem()
    faults = tuple(Fault(one.get("pointer", ""), one.get("code", "")) for one in told.errors)
    message = told.detail or f"the service answered {status}"
    return ServiceError(message, code=told.code, status=status, request_id=told.request_id, faults=faults)
