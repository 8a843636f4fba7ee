"""Refusals below the application: what is not HTTP gets a problem too, not a line of text."""

import asyncio
import sys
from typing import Any
from uuid import uuid4

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from muslin.http.problems import MEDIA_TYPE, problem

_HEADERS_TOO_LARGE = 431
_LINGER = 1.0
"""Seconds until a refused connection is closed. Closed at once, with bytes unread, it would lose our answer too."""


class ProblemProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with our refusals. It calls `send_400_response` while handling the parser's error."""

    header_seconds = 10.0
    """Longest time headers may take to arrive, from their first byte on."""
    silent_seconds = 75.0
    """Longest time until the first byte."""

    refused = False
    _closing = False
    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Start to wait."""
        super().connection_made(transport)
        self.transport = _Lingering(self, transport)  # type: ignore[assignment]
        self._clock = self.loop.call_later(self.silent_seconds, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_clock()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client will send no more: its last request is answered all the same if it is whole."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or self.conn.their_state is h11.SEND_BODY:
            return None
        cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network; those of a refused connection go nowhere."""
        if self.refused:
            return
        between = self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]
        super().data_received(data)
        if between:
            self._stop_clock()
        if self.conn.their_state is not h11.IDLE:
            self._stop_clock()
        elif self._clock is None and not self.refused and self.conn.our_state is h11.IDLE:
            self._clock = self.loop.call_later(self.header_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._refuse("slow_headers")

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse what cannot be parsed, and hang up."""
        error = sys.exc_info()[1]
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == _HEADERS_TOO_LARGE
        self._refuse("headers_too_large" if too_large else "bad_request")

    def _refuse(self, code: str) -> None:
        self.refused = True
        self._stop_clock()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(code)
        self.hang_up_gently()

    def hang_up_gently(self) -> None:
        """Say that nothing more will come, and close a little later."""
        self.refused = True
        if not self._closing:
            self._closing = True
            transport: Any = self.transport
            if transport.can_write_eof():
                transport.write_eof()
            self.loop.call_later(_LINGER, transport.close_now)

    def _send(self, code: str) -> None:
        content = problem(code, str(uuid4()))
        body = msgspec.json.encode(content)
        headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("X-Request-ID", content.request_id),
            ("Connection", "close"),
        ]
        response = h11.Response(status_code=content.status, headers=headers, reason=content.title.encode())
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")


class _Lingering:
    """A transport that closes gently while the client is still sending: closed at once, it would reset the connection.

    What stands in the way of a body that is too large or too slow would then never be read. What is written in one turn
    of the event loop leaves together: the head of an answer and its body are one packet, for which nobody wakes twice.
    """

    def __init__(self, protocol: ProblemProtocol, transport: Any) -> None:
        self._protocol, self._transport = protocol, transport
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Send `data` at the end of this turn."""
        if not self._held:
            self._protocol.loop.call_soon(self._let_go)
        self._held.append(data)

    def _let_go(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def write_eof(self) -> None:
        """Say that nothing more will come."""
        self._let_go()
        self._transport.write_eof()

    def close_now(self) -> None:
        """Close, whatever the client is doing."""
        self._let_go()
        self._transport.close()

    def close(self) -> None:
        if self._protocol.conn.their_state is h11.SEND_BODY and not self._transport.is_closing():
            self._protocol.hang_up_gently()
        else:
            self.close_now()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
