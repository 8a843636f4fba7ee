"""The admin port: `/metrics` for Prometheus, on loopback only, without a key."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from litestar import Litestar, MediaType, Response, get
from litestar.di import NamedDependency, Provide

from muslin.http.health import livez, readyz
from muslin.http.listen import configured, listening, url_of
from muslin.http.problems import ProblemError, on_problem
from muslin.http.service import Service

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@get("/metrics", opt={"scope": None}, media_type=MediaType.TEXT)
async def metrics(service: NamedDependency[Service]) -> Response[str]:
    """Every number of the service."""
    return Response(service.metrics.text(), media_type=_PROMETHEUS)


def admin(service: Service) -> Litestar:
    """The application of the admin port."""
    return Litestar(
        [metrics, livez, readyz],
        dependencies={"service": Provide(lambda: service, sync_to_thread=False)},
        exception_handlers={ProblemError: on_problem},
        openapi_config=None,
        logging_config=None,
    )


@contextmanager
def administered(service: Service, port: int | None) -> Iterator[str | None]:
    """Serve the admin port beside, on a thread of its own so that it answers under load; gives its address.

    Raises `UsageError` (`cannot_listen`).
    """
    if port is None:
        yield None
        return
    with listening("127.0.0.1", port, locked=False) as listener:
        server = uvicorn.Server(configured(admin(service)))
        thread = threading.Thread(target=server.run, args=([listener],), name="muslin-admin", daemon=True)
        thread.start()
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join(timeout=5)
