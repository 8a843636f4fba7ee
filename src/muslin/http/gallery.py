"""The models at hand: the one that answers, the one before it, and one that may be next.

A new model is loaded beside, verified, and compared; only then can it be activated, which switches one reference. The
one before stays in memory, so that going back reads and checks nothing; what was said of garments since training is
applied to it again, as it is to any model before it serves.
"""

import re
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from muslin.engine import gate
from muslin.engine.gate import Asked, Shadow
from muslin.engine.model import Model
from muslin.errors import ModelError
from muslin.http.log import emit
from muslin.http.problems import ProblemError
from muslin.http.recent import recent
from muslin.http.service import Served, Service, proved

ACTIVE_FILE = "active_model.json"
"""In the state directory: which model was activated last, and instead of which, for the next start."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Names of model directories that can be asked for: never a path."""
FEWEST = 50
"""Requests from recent events from which on they are used instead of training events."""

Standing = Literal["active", "previous", "ready"]


class Held(NamedTuple):
    """One model in memory."""

    served: Served
    name: str
    shadow: Shadow | None


class Gallery:
    """Holds up to three models. Every method may be called from any thread; loading takes as long as it takes."""

    def __init__(self, service: Service, directory: Path | None, state: Path | None = None) -> None:
        """`directory`: where models are looked for by name; without one only the served model is listed."""
        self._service, self._directory, self._state = service, directory, state
        self._held: dict[Standing, Held] = {}
        self._given = ""
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self.recent: Callable[[], Sequence[Asked]] = partial(recent, service)
        """Requests from events since training."""

    def start(self, given: Path) -> Served:
        """Serve the model that was activated last since `given` was named, else that; raises `ModelError`."""
        self._given = given.name
        name = self._remembered()
        served = None
        if name is not None and self._directory is not None and name != given.name:
            try:
                served = proved(Model.load(self._directory / name))
            except ModelError as error:
                emit("model_refused", {"model": name, "code": error.code, "instead": given.name})
        if served is None:
            served, name = proved(Model.load(given)), given.name
        self._switch({"active": Held(served, name or given.name, None)})
        return served

    def listing(self) -> list[tuple[Standing, Held]]:
        """What is held, the active one first."""
        held = self._current()
        return [(standing, held[standing]) for standing in ("active", "previous", "ready") if standing in held]

    def load(self, name: str, *, accept_worse: bool = False) -> Held:
        """Load the model directory `name` beside the serving one and compare the two.

        Raises `ProblemError`: `unknown_model`, `not_ready`, `load_in_progress`, `model_refused` with the reason.
        """
        path = self._path(name)
        if not self._loading.acquire(blocking=False):
            raise ProblemError("load_in_progress", headers={"Retry-After": "5"})
        try:
            held = self._examined(path, accept_worse)
        except ModelError as error:
            emit("model_refused", {"model": name, "code": error.code, "why": error.message})
            self._service.metrics.count("model_swap_total", "refused")
            if error.code.endswith("non_finite"):
                self._service.metrics.count("nonfinite_total", "model")
            raise ProblemError("model_refused", "/name", reason=error.code) from None
        finally:
            self._loading.release()
        with self._lock:
            self._held["ready"] = held
        self._service.metrics.count("model_swap_total", "loaded")
        emit("model_loaded", {"model": name, "version": held.served.version})
        return held

    def activate(self, model_id: str) -> Held:
        """Serve a model that is ready, from the next request on; the serving one becomes the previous one.

        Raises `ProblemError`: `unknown_model`, `already_active`.
        """
        with self._lock:
            held = self._current()
            standing = next((s for s, one in held.items() if one.served.version == model_id), None)
            if standing is None:
                raise ProblemError("unknown_model")
            if standing == "active":
                raise ProblemError("already_active")
            new: dict[Standing, Held] = {"active": held[standing], "previous": held["active"]}
            if standing == "previous" and "ready" in held:
                new["ready"] = held["ready"]
            self._switch(new)
        return self._told("activated", new["active"])

    def roll_back(self, model_id: str) -> Held:
        """Serve the previous model again instead of the active `model_id`.

        Raises `ProblemError`: `unknown_model`, `not_active`, `no_previous`.
        """
        with self._lock:
            held = self._current()
            if model_id not in {one.served.version for one in held.values()}:
                raise ProblemError("unknown_model")
            if held["active"].served.version != model_id:
                raise ProblemError("not_active")
            if "previous" not in held:
                raise ProblemError("no_previous")
            new: dict[Standing, Held] = {**held, "active": held["previous"], "previous": held["active"]}
            self._switch(new)
        return self._told("rolled_back", new["active"])

    def _current(self) -> dict[Standing, Held]:
        """What is held; the active one is what the service serves, whoever opened it."""
        served = self._service.served
        if "active" not in self._held and served is not None:
            self._held = {"active": Held(served, "", None)}
        return self._held

    def _examined(self, path: Path, accept_worse: bool) -> Held:
        serving = self._service.served
        if serving is None:
            raise ProblemError("not_ready", headers={"Retry-After": "1"})
        served = proved(Model.load(path))
        recent = self.recent()
        asked = recent if len(recent) >= FEWEST else gate.held_out(serving.model)
        return Held(served, path.name, gate.check(serving.model, served.model, asked, accept_worse=accept_worse))

    def _path(self, name: str) -> Path:
        if self._directory is None or not NAME.fullmatch(name):
            raise ProblemError("unknown_model")
        path = self._directory / name
        if path.is_symlink() or not path.is_dir():
            raise ProblemError("unknown_model")
        return path

    def _switch(self, held: dict[Standing, Held]) -> None:
        self._service.open(held["active"].served)  # first: where it fails, the list stays true
        self._held = held
        self._remember(held["active"].name)

    def _told(self, outcome: str, held: Held) -> Held:
        self._service.metrics.count("model_swap_total", outcome)
        emit(f"model_{outcome}", {"model": held.name, "version": held.served.version})
        return held

    def _remember(self, name: str) -> None:
        if self._state is not None and name:
            self._state.mkdir(parents=True, exist_ok=True)
            draft = self._state / f".{ACTIVE_FILE}"
            draft.write_bytes(msgspec.json.encode({"name": name, "given": self._given}))
            draft.replace(self._state / ACTIVE_FILE)

    def _remembered(self) -> str | None:
        if self._state is None:
            return None
        try:
            memory = msgspec.json.decode((self._state / ACTIVE_FILE).read_bytes(), type=dict[str, str])
            name, given = memory["name"], memory["given"]
        except (OSError, msgspec.MsgspecError, KeyError):
            return None
        return name if NAME.fullmatch(name) and given == self._given else None
