"""An open-loop load: requests are due at fixed times whatever the service does, and a late answer counts from then.

A closed loop waits for a slow service and so never shows how slow it was to those who did not wait. Requests that find
no free connection wait for one, and that counts too.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Address = tuple[str, int]


class Sample(NamedTuple):
    """One request: when it was due (seconds from the start), how long it took from then on, and its status.

    Status 0: the connection broke.
    """

    due: float
    seconds: float
    status: int


@dataclass
class Run:
    """What came back."""

    samples: list[Sample]
    seconds: float
    """From the first due time to the last answer."""

    def of(self, *statuses: int) -> list[float]:
        """Latencies of the answers with these statuses."""
        return [sample.seconds for sample in self.samples if sample.status in statuses]

    def statuses(self) -> dict[int, int]:
        return {s: sum(x.status == s for x in self.samples) for s in sorted({x.status for x in self.samples})}


def quantile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least `share` of the values do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """A request on a kept connection."""
    lines = f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return (lines + headers + "\r\n").encode() + body


def pin(core: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


async def open_loop(address: Address, requests: Sequence[bytes], rps: float, connections: int = 64) -> Run:
    """Send `requests` at `rps` a second over at most `connections` connections."""
    loop, free = asyncio.get_running_loop(), asyncio.Queue[_Connection]()
    for _ in range(connections):
        free.put_nowait(_Connection(address))
    samples: list[Sample] = []

    async def one(request: bytes, due: float) -> None:
        connection = await free.get()
        status = await connection.ask(request)
        samples.append(Sample(due, loop.time() - started - due, status))
        free.put_nowait(connection)

    started, tasks = loop.time() + 0.05, []
    for number, request in enumerate(requests):
        due = number / rps
        await asyncio.sleep(max(0.0, started + due - loop.time()))
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    seconds = loop.time() - started
    while not free.empty():
        free.get_nowait().close()
    return Run(samples, seconds)


async def closed_loop(address: Address, requests: Sequence[bytes], workers: int) -> Run:
    """Send `requests` one after another on each of `workers` connections: how many a second the service can do."""
    loop, samples = asyncio.get_running_loop(), []
    started, rest = loop.time(), iter(requests)

    async def worker() -> None:
        connection = _Connection(address)
        for request in rest:
            due = loop.time() - started
            status = await connection.ask(request)
            samples.append(Sample(due, loop.time() - started - due, status))
        connection.close()

    await asyncio.gather(*(worker() for _ in range(workers)))
    return Run(samples, loop.time() - started)


class _Connection:
    """One kept connection, opened when it is first needed and again when it broke."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(*self._address)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length))
        except (OSError, asyncio.IncompleteReadError, StopIteration):
            self.close()
            return 0
        if b"connection: close" in head.lower():
            self.close()
        return int(head.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
