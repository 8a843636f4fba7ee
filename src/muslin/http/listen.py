"""Where the service listens, and how uvicorn is told to."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from litestar import Litestar

from muslin.errors import UsageError
from muslin.http.protocol import ProblemProtocol

KEEP_ALIVE = 75
"""Seconds an idle connection is kept: longer than the 60 of common proxies, so that they hang up first, not we."""


def configured(app: Litestar) -> uvicorn.Config:
    """How uvicorn runs an application of ours."""
    return uvicorn.Config(
        app,
        http=ProblemProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=10,
    )


@contextmanager
def listening(host: str, port: int, *, locked: bool) -> Iterator[socket.socket]:
    """Bound socket; `locked` says that there are keys, without which only loopback addresses are allowed.

    Raises `UsageError`: `bad_host`, `needs_key`, `cannot_listen`.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError):
        fix = "use 127.0.0.1 or localhost"
        raise UsageError(f"no address is called {host!r}", code="bad_host", where="host", fix=fix) from None
    addresses = [(family, address) for family, _, _, _, address in found]
    if not locked and not all(
        ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for _, address in addresses
    ):
        fix = "make a key first: muslin keys create NAME --state DIR --scope recs:read"
        why = f"{host or 'every address'} can be reached by other machines, and the service has no key"
        raise UsageError(why, code="needs_key", where="host", fix=fix)
    family, address = min(addresses, key=lambda found: found[0] != socket.AF_INET)
    # asyncio sends what it is given at once only on sockets that say they are TCP; on others the body of an answer
    # waits until its headers are acknowledged, and clients take up to 40 ms for that.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            why = f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}"
            fix = "stop the other program, or choose another port"
            raise UsageError(why, code="cannot_listen", where="port", fix=fix) from None
        yield listener


def url_of(listener: socket.socket) -> str:
    """Address of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
