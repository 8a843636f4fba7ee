"""Run the service: listen at once, load the model beside, stop when told to."""

import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from muslin.engine.model import Model
from muslin.errors import UsageError
from muslin.http.app import application
from muslin.http.body import Limits
from muslin.http.log import emit
from muslin.http.protocol import ProblemProtocol
from muslin.http.service import Service, proved


def serve(model_path: str | Path, *, host: str = "127.0.0.1", port: int = 8642) -> None:
    """Answer HTTP requests with the model directory `model_path` until SIGTERM (returns) or Ctrl-C (raises).

    `/livez` answers at once, everything else once the model is loaded; then one line on standard error says where.
    Requests in hand are answered before it stops. Port 0 takes a free one. Raises `UsageError` (`needs_key`) for a
    `host` that other machines can reach, `bad_host` or `cannot_listen`; `ModelError` for a bad model;
    `KeyboardInterrupt`.
    """
    limits = Limits()
    service = Service(limits)
    with _listener(host, port) as listener, _quiet_termination():
        server = uvicorn.Server(_config(service, limits))
        loading = _Loading(Path(model_path), service, server, _url(listener))
        loading.start()
        server.run([listener])
    if loading.failure is not None:
        raise loading.failure
    emit("stopped", {})


class _Loading(threading.Thread):
    """Loads the model and opens the service with it, or keeps the failure and stops the server."""

    def __init__(self, path: Path, service: Service, server: uvicorn.Server, url: str) -> None:
        super().__init__(name="muslin-loading", daemon=True)
        self.failure: Exception | None = None
        self._path, self._service, self._server, self._url = path, service, server, url

    def run(self) -> None:
        """Called by the thread."""
        started = time.monotonic()
        try:
            served = proved(Model.load(self._path))
        except Exception as error:
            self.failure = error
            self._server.should_exit = True
            return
        self._service.open(served)
        world = served.model.world
        about = {
            "url": self._url,
            "docs": f"{self._url}/docs",
            "model_version": served.version,
            "items": len(world.catalogue),
            "shoppers": len(world.shoppers),
            "seconds": round(time.monotonic() - started, 3),
        }
        emit("serving", about)


def _config(service: Service, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        application(service, limits),
        http=ProblemProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=10,
    )


@contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Bound socket on a loopback address; whoever can reach another one would need a key, and there are none yet."""
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError):
        fix = "use 127.0.0.1 or localhost"
        raise UsageError(f"no address is called {host!r}", code="bad_host", where="host", fix=fix) from None
    addresses = [(family, address) for family, _, _, _, address in found]
    if not all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for _, address in addresses):
        fix = "listen on 127.0.0.1 and put a proxy that checks who asks in front"
        why = f"{host or 'every address'} can be reached by other machines, and the service has no keys yet"
        raise UsageError(why, code="needs_key", where="host", fix=fix)
    family, address = min(addresses, key=lambda found: found[0] != socket.AF_INET)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            why = f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}"
            fix = "stop the other program, or choose another port"
            raise UsageError(why, code="cannot_listen", where="port", fix=fix) from None
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _quiet_termination() -> Iterator[None]:
    """Make SIGTERM end in a plain return: uvicorn stops gracefully, then sends the signal to the process again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _nothing)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """Take a signal without doing anything."""
