"""Request bodies: what is read, how much of it and for how long, before anything is parsed."""

import asyncio
import zlib
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.datastructures import State
from litestar.exceptions import InternalServerException

from muslin.http import strict_json
from muslin.http.problems import ProblemError

_LARGE = 64 * 1024
"""From this size on, a body is parsed beside the event loop."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one request and of all together."""

    body_bytes: int = 1_000_000
    """Largest body, both as sent and as decoded."""
    body_seconds: float = 10.0
    """Longest time a body may take to arrive."""
    upload_seconds: float = 3600.0
    """Longest time a file may take to arrive, however steadily it drips."""
    threads: int = 1
    """Requests of a kind the engine works on at once: Python lets one go on at a time, and two make each other late."""
    waiting: int = 64
    """Requests that may wait for it at most; more are refused with 503."""
    wait_seconds: float = 0.05
    """Longest time a request should wait for it; those that would wait longer are refused with 503."""
    change_seconds: float = 2.0
    """The same of a change of the catalogue, which waits for those before it."""


class StrictRequest(Request[Any, Any, State]):
    """A request whose body is bounded and, where a handler asks for `data`, read by `strict_json`."""

    _whole: bytes | None = None

    async def body(self) -> bytes:
        """The body as sent; raises `ProblemError` for its kind, size, or slowness, and when there is none."""
        if self._whole is None:
            self._whole = await self._sent()
        return self._whole

    async def _sent(self) -> bytes:
        _refuse_kind(self)
        limits: Limits = self.app.state.limits
        try:
            async with asyncio.timeout(limits.body_seconds):
                sent = await super().body()
        except TimeoutError:
            raise ProblemError("slow_body", headers={"Connection": "close"}) from None
        except InternalServerException:
            raise ProblemError("incomplete_body") from None
        if not sent:
            raise ProblemError("empty_body")
        return sent

    async def json(self) -> Any:
        """The body as the type of the handler's `data`."""
        sent, zipped = await self.body(), _encoding(self) == "gzip"
        field = self.route_handler.parsed_data_field
        kind: Any = dict if field is None else field.annotation
        limit = self.app.state.limits.body_bytes
        if zipped or len(sent) > _LARGE:
            return await asyncio.to_thread(_decoded, sent, kind, limit, zipped=zipped)
        return _decoded(sent, kind, limit, zipped=zipped)


def _decoded(sent: bytes, kind: type[Any], limit: int, *, zipped: bool) -> Any:
    return strict_json.read(unzipped(sent, limit) if zipped else sent, kind)


def unzipped(sent: bytes, limit: int) -> bytes:
    """Content of one gzip stream, of at most `limit` bytes; never holds more than that."""
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = reader.decompress(sent, limit + 1)
    except zlib.error:
        raise ProblemError("bad_gzip") from None
    if len(content) > limit:
        raise ProblemError("body_too_large")
    if not reader.eof or reader.unused_data:
        raise ProblemError("bad_gzip")
    return content


def _refuse_kind(request: StrictRequest) -> None:
    kind, options = request.content_type
    if kind != "application/json" or options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise ProblemError("unsupported_media_type", headers={"Accept": "application/json"})
    if _encoding(request) not in {"", "identity", "gzip"}:
        raise ProblemError("unsupported_encoding", headers={"Accept-Encoding": "gzip"})


def _encoding(request: StrictRequest) -> str:
    return ", ".join(request.headers.getall("content-encoding", [])).strip().lower()
