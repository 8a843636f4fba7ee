"""Run the service: listen at once, load the model beside, stop when told to."""

import gc
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from muslin.engine.key_file import Watched
from muslin.http.admin import administered
from muslin.http.app import application
from muslin.http.body import Limits
from muslin.http.gallery import Gallery
from muslin.http.listen import configured, listening, url_of
from muslin.http.log import emit
from muslin.http.service import Service


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a service runs."""

    host: str = "127.0.0.1"
    port: int = 8642
    """0 takes a free one."""
    state: Path | None = None
    """Directory of what must survive a restart: keys, events and what follows from them."""
    admin_port: int | None = None
    """Port of `/metrics`, on loopback; None for none."""
    log_requests: bool = False
    """Log every request, not only those that were slow, refused for their key, or failed."""


def serve(model_path: str | Path, settings: Settings | None = None) -> None:
    """Answer HTTP requests with the model directory `model_path` until SIGTERM (returns) or Ctrl-C (raises).

    `/livez` answers at once, everything else once the model is loaded; then one line on standard error says where.
    Requests in hand are answered before it stops. Raises `UsageError` (`needs_key`) for a host that other machines can
    reach while there is no key, `bad_host` or `cannot_listen`; `DataError` (`bad_keys`); `ModelError` for a bad model;
    `KeyboardInterrupt`.
    """
    settings = settings or Settings()
    limits, keys = Limits(), Watched(settings.state)
    service = Service(limits, settings.state)
    path = Path(model_path)
    gallery = Gallery(service, path.absolute().parent, settings.state)
    app = application(service, limits, keys, gallery=gallery, log_requests=settings.log_requests)
    with (
        listening(settings.host, settings.port, locked=keys.locked) as listener,
        administered(service, settings.admin_port) as admin_url,
        _quiet_termination(),
    ):
        server = uvicorn.Server(configured(app))
        loading = _Loading(path, gallery, server, {"url": url_of(listener), "admin": admin_url})
        loading.start()
        server.run([listener])
    if loading.failure is not None:
        raise loading.failure
    emit("stopped", {})


class _Loading(threading.Thread):
    """Loads the model and opens the service with it, or keeps the failure and stops the server."""

    def __init__(self, path: Path, gallery: Gallery, server: uvicorn.Server, urls: dict[str, str | None]) -> None:
        super().__init__(name="muslin-loading", daemon=True)
        self.failure: Exception | None = None
        self._path, self._gallery, self._server, self._urls = path, gallery, server, urls

    def run(self) -> None:
        """Called by the thread."""
        started = time.monotonic()
        try:
            served = self._gallery.start(self._path)
        except Exception as error:
            self.failure = error
            self._server.should_exit = True
            return
        gc.collect()
        gc.freeze()  # looking through all that stays for good takes a quarter of a second, in which nobody is answered
        world = served.model.world
        about = {
            "url": self._urls["url"],
            "docs": f"{self._urls['url']}/docs",
            "admin": self._urls["admin"],
            "model_version": served.version,
            "items": len(world.catalogue),
            "shoppers": len(world.shoppers),
            "seconds": round(time.monotonic() - started, 3),
        }
        emit("serving", about)


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
