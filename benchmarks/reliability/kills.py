"""Campaign 1: the server is killed (SIGKILL) during ingest over HTTP; what it acknowledged is there, once.

Each life is a process of its own, forked from one that has the model loaded and proved and the application built, which
then opens the state and answers on a real socket. Clients post batches, send a tenth again on purpose, and after a kill
send again what was not acknowledged. At the end of some lives the files are examined: every acknowledged event in the
log, none twice, and the state that of a replay of the whole log. After some examinations a new state is begun: a replay
of all that ever came would soon take longer than everything else.

Controls: acknowledging before the commit, not knowing ids, and a snapshot outside the transaction of its number.
"""

import gc
import http.client
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import uvicorn

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, Steps, sized, unhurried
from benchmarks.reliability.traffic import Traffic, copied, faults, rebuilt_hash, rules, secret
from muslin.engine.online.online import Online
from muslin.engine.online.rules import Rules
from muslin.http import following
from muslin.http.app import application
from muslin.http.body import Limits
from muslin.http.listen import configured
from muslin.http.service import Served, Service, proved

BATCH = 100
CLIENTS = 3
AGAIN = 0.1
"""Share of the batches that are sent twice on purpose."""
EXAMINED = 10
"""Lives between two examinations."""
RENEWED = 2
"""Examinations until a new state is begun."""
LONGEST = 0.06
"""Seconds until the kill once every client was told of a batch, at most."""


RATE = 2000
"""Events a second that the target wants acknowledged meanwhile."""
GIVEN = rules(snapshot_events=300, slots=60)
"""Snapshots and evictions all the time."""
WHOLE = rules()
"""None of either: what a replay comes to does not depend on them."""


class Lives:
    """Server processes on one state directory, one after the other."""

    def __init__(self, served: Served, directory: Path, given: Rules, mutant: AbstractContextManager[None]) -> None:
        self._served, self._rules, self._mutant = served, given, mutant
        self._service = Service(Limits(), directory)
        self._app = application(self._service, Limits())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        gc.collect()
        gc.freeze()

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
        following.Rules = lambda **_: self._rules  # type: ignore[misc,assignment]
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        self._service.open(self._served)
        uvicorn.Server(configured(self._app)).run([listener])

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
        body = msgspec.json.encode({"events": events})
        connection.request("POST", "/v1/events", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = msgspec.json.decode(answer.read())
        if answer.status != 200 or told["rejected"]:
            self.problems.append(f"{answer.status} {told.get('code', told.get('rejected'))}"[:200])


@dataclass
class Run:
    """What was seen so far. `busy`: seconds in which a server was being asked."""

    kills: int = 0
    events: int = 0
    examinations: int = 0
    busy: float = 0.0
    failures: list[str] = field(default_factory=list)

    @property
    def rate(self) -> int:
        """Events acknowledged a second."""
        return round(self.events / max(self.busy, 1e-9))


def lives(place: Path, served: Served, number: int, mutant: AbstractContextManager[None], *, stop: bool) -> Found:
    """Kill `number` servers; with `stop`, no more once a fault was seen."""
    rng, run, steps = np.random.default_rng(11), Run(), Steps("kills", number)
    going = True
    while going and run.kills < number and not (stop and run.failures):
        shutil.rmtree(place, ignore_errors=True)
        _generation(place, Lives(served, secret(place / "live"), GIVEN, mutant), rng, run, number)
        going = steps.at(run.kills, f"{run.rate} a second, {len(run.failures)} failures")
    done = {"kills": run.kills, "events acknowledged": run.events, "acknowledged a second": run.rate}
    return Found({**done, "examinations": run.examinations}, run.failures[:50], share=steps.share)


def _generation(place: Path, server: Lives, rng: np.random.Generator, run: Run, most: int) -> None:
    """Lives on one state, and examinations of it."""
    clients = [Client(1000 * run.kills + n) for n in range(CLIENTS)]
    for life in range(EXAMINED * RENEWED):
        run.busy += _life(server, clients, float(rng.uniform(0.0, LONGEST)))
        run.kills += 1
        if life % EXAMINED == EXAMINED - 1 or run.kills == most:
            run.examinations += 1
            run.failures += examined(place / "live", place, [e for c in clients for e in c.acknowledged], GIVEN)
            if run.failures or run.kills == most:
                break
    run.events += sum(len(client.acknowledged) for client in clients)
    run.failures += [problem for client in clients for problem in client.problems]


def _life(server: Lives, clients: list[Client], seconds: float) -> float:
    """A server is started and asked, and killed so long after all clients were told of a batch; how long it lived."""
    child = server.start()
    threads = [threading.Thread(target=client.run, args=(server.port,)) for client in clients]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    _until_busy(clients)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    lived = time.monotonic() - started
    for thread in threads:
        thread.join()
    return lived


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
    if state != rebuilt_hash(left, place / "rebuilt", WHOLE):
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
        unhurried()
        for name, mutant in CONTROLS.items():
            caught = lives(Path(place) / name, served, sized(200, min(1.0, scale * 20), 30), mutant(), stop=True)
            found.controls[name] = bool(caught.failures)
    if found.done["acknowledged a second"] < RATE:
        found.notes.append(f"fewer than {RATE:,} events were acknowledged a second on this machine at this time")
    found.notes.append("servers are forked from a process that has the model, not started anew")
    return found


CAMPAIGN = Campaign(1, "kills", "acknowledged = kept, once", "10,000 kills, ≥ 2k events/s: 0 lost, 0 double", run)
