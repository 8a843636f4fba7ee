"""Refusals below the application: what is not HTTP gets a problem too, not a line of text."""

import sys
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

    refused = False

    def data_received(self, data: bytes) -> None:
        """Take bytes from the network; those of a refused connection go nowhere."""
        if not self.refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse what cannot be parsed, and hang up."""
        error = sys.exc_info()[1]
        too_large = isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == _HEADERS_TOO_LARGE
        self.refused = True
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send("headers_too_large" if too_large else "bad_request")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)

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
