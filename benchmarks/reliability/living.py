"""Services for campaigns to ask: on a real socket in this process, where mutants can be built in."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from litestar import Litestar

from benchmarks.load import Address
from muslin.http.listen import configured, listening


@contextmanager
def living(app: Litestar) -> Iterator[Address]:
    """`app` on a free port, on a thread of its own."""
    with listening("127.0.0.1", 0, locked=False) as listener:
        server = uvicorn.Server(configured(app))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            host, port = listener.getsockname()[:2]
            yield str(host), int(port)
        finally:
            server.should_exit = True
            thread.join()
