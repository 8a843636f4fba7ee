"""Campaign 1: the server is killed (SIGKILL) during ingest over HTTP; what it acknowledged is there, once.

Each life is a process of its own, forked from one that has the model loaded and proved, running the real application on
a real socket. Two clients post batches, send a tenth again on purpose, and after a kill send again what was not
acknowledged. At the end of some lives the files are examined: every acknowledged event in the log, none twice, and the
state that of a replay of the whole log.

Controls: acknowledging before the commit, not knowing ids, and a snapshot outside the transaction of its number.
"""

import http.client
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, copied, faults, rebuilt_hash, rules, secret
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules
from muslin.http.body import Limits
from muslin.http.service import Served, proved

BATCH = 25
CLIENTS = 2
AGAIN = 0.1
"""Share of the batches that are sent twice on purpose."""
EXAMINED = 10
"""Lives between two examinations."""


class Lives:
    """Server processes on one state directory, one after the other."""

    def __init__(self, served: Served, directory: Path, given: Rules, mutant: AbstractContextManager[None]) -> None:
        self._served, self._directory, self._rules, self._mutant = served, directory, given, mutant
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> int:
        """Fork one; its process id, once it answers."""
        child = os.fork()
        if child == 0:
            try:
                with self._mutant:
                    self._serve()
            finally:
                os._exit(1)
        until = time.monotonic() + 60
        while not self._ready():
            if time.monotonic() > until or os.waitpid(child, os.WNOHANG)[0]:
                raise RuntimeError("a server did not start")
            time.sleep(0.005)
        return child

    def _serve(self) -> None:
        import uvicorn

        from muslin.http import following
        from muslin.http.app import application
        from muslin.http.listen import configured
        from muslin.http.service import Service

        following.Rules = lambda **_: self._rules  # type: ignore[misc,assignment]
        listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        service = Service(Limits(), self._directory)
        service.open(self._served)
        uvicorn.Server(configured(application(service, Limits()))).run([listener])

    def _ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False


class Client:
    """Posts batches until the server is gone; `acknowledged` ids survive from life to life."""

    def __init__(self, seed: int) -> None:
        self._traffic = Traffic(seed, people=200, garments=8)
        self._rng = np.random.default_rng(seed)
        self._open: list[dict[str, Any]] = []
        self._last: list[dict[str, Any]] = []
        self.acknowledged: list[str] = []
        self.problems: list[str] = []

    def run(self, port: int) -> None:
        """One life."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            while True:
                self._open = self._open or self._traffic.batch(BATCH)
                self._post(connection, self._open)
                self.acknowledged += [event["event_id"] for event in self._open]
                self._last, self._open = self._open, []
                if self._rng.random() < AGAIN:
                    self._post(connection, self._last)
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()

    def _post(self, connection: http.client.HTTPConnection, events: list[dict[str, Any]]) -> None:
        body = json.dumps({"events": events})
        connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200 or told["rejected"]:
            self.problems.append(f"{answer.status} {told.get('code', told.get('rejected'))}"[:200])


def lives(place: Path, served: Served, number: int, mutant: AbstractContextManager[None], *, stop: bool) -> Found:
    """Kill `number` servers; with `stop`, no more once a fault was seen."""
    given = rules(snapshot_events=300, slots=60)
    directory, found = secret(place / "live"), Found()
    server, clients = Lives(served, directory, given, mutant), [Client(n + 1) for n in range(CLIENTS)]
    rng, busy, kills = np.random.default_rng(11), 0.0, 0
    for life in range(number):
        child = server.start()
        threads = [threading.Thread(target=client.run, args=(server.port,)) for client in clients]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        _until_busy(clients)
        time.sleep(float(rng.uniform(0.0, 0.25)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        busy, kills = busy + time.monotonic() - started, kills + 1
        for thread in threads:
            thread.join()
        if life % EXAMINED == EXAMINED - 1 or life == number - 1:
            found.failures = examined(directory, place, [e for c in clients for e in c.acknowledged], given)
            if found.failures and stop:
                break
    count = sum(len(client.acknowledged) for client in clients)
    found.failures += [problem for client in clients for problem in client.problems]
    found.failures = found.failures[:50]
    found.done = {"kills": kills, "events acknowledged": count, "acknowledged a second": round(count / max(busy, 1e-9))}
    return found


def _until_busy(clients: list[Client], seconds: float = 30) -> None:
    """Wait until each client has been told of a batch in this life: a kill before that tries nothing."""
    before, until = [len(client.acknowledged) for client in clients], time.monotonic() + seconds
    while time.monotonic() < until:
        if all(len(client.acknowledged) > count for client, count in zip(clients, before, strict=True)):
            return
        time.sleep(0.002)


def examined(directory: Path, place: Path, acknowledged: list[str], given: Rules) -> list[str]:
    """What is wrong with the files of a killed server."""
    left = copied(directory, place / "left")
    with Online.open(left, given) as online:
        state = online.state_hash()
    found = list(faults(left, acknowledged))
    if state != rebuilt_hash(left, place / "rebuilt", given):
        found.append("the state is not that of the log")
    return found


CONTROLS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "acknowledge before the commit": mutants.acknowledge_early,
    "know no ids": mutants.forget_ids,
    "snapshot outside the transaction": mutants.snapshot_apart,
}


def run(scale: float) -> Found:
    """See the module."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    served = proved(fit(tiny_shop(), "popularity"))
    with TemporaryDirectory() as place:
        found = lives(Path(place) / "right", served, sized(10_000, scale, 5), nullcontext(), stop=False)
        for name, mutant in CONTROLS.items():
            caught = lives(Path(place) / name, served, sized(200, min(1.0, scale * 20), 30), mutant(), stop=True)
            found.controls[name] = bool(caught.failures)
    found.notes.append("servers are forked from a process that has the model, not started anew")
    return found


CAMPAIGN = Campaign(1, "kills", "acknowledged = kept, once", "10,000 kills, ≥ 2k events/s: 0 lost, 0 double", run)
