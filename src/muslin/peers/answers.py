"""Puts the questions of an exam to a peer, and looks up its answers as an evaluation asks for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch

from muslin.features.space import World
from muslin.peers import environment, exam_files, known
from muslin.peers.adapters.contract import Peer
from muslin.peers.exam_files import Asked
from muslin.peers.runner import Outcome, run
from muslin.types import Bools, Floats

_BOOT = "import sys; sys.path.append(sys.argv[1]); from adapters.main import main; main(sys.argv[2])"
"""Starts an adapter without Muslin: only this folder is added, last, to where Python looks."""


class Found(NamedTuple):
    """Scores [U, I], and for which shoppers [U] popularity answered."""

    scores: Floats
    fallback: Bools


class _Place(NamedTuple):
    """Where an answer is: of which fit, and which question of it."""

    fit: int
    ask: int


@dataclass(frozen=True)
class Answered:
    """What a peer answered.

    It is trained once, and once more for every other set of events revealed of new garments (k-shot), for that is how
    it learns of them: `fits` has the outcome of each training.
    """

    fits: tuple[Outcome, ...]
    places: dict[tuple[int, ...], _Place]
    asks: tuple[Asked, ...]
    """Kept alive, for they are found again by identity."""

    def scores(self, ask: Asked, rows: slice) -> Found:
        """Scores of an ask's candidates for some of its shoppers; KeyError for a question that was not put."""
        place = self.places[_identity(ask)]
        outcome = self.fits[place.fit]
        return Found(np.array(outcome.scores[place.ask][rows]), np.array(outcome.fallback[place.ask][rows]))

    @property
    def fit_cpu_s(self) -> float:
        """Processor seconds of all its training."""
        return sum(fit.fit_cpu_s for fit in self.fits)

    @property
    def score_cpu_s(self) -> float:
        """Processor seconds of all its scoring."""
        return sum(fit.score_cpu_s for fit in self.fits)

    @property
    def peak_rss_mib(self) -> float | None:
        """Largest resident memory of any of its processes, None where the system does not tell."""
        return max((fit.peak_rss_mib for fit in self.fits if fit.peak_rss_mib is not None), default=None)

    @property
    def version(self) -> str:
        """Version of its library."""
        return self.fits[0].version


def put(
    world: World,
    asks: Sequence[Asked],
    name: str,
    folder: Path,
    *,
    seed: int,
    options: Mapping[str, Any] | None = None,
    timeout_s: float | None = None,
) -> Answered:
    """Train the peer `name` on the training events of `world` and have it answer `asks`.

    `folder` is filled, and must outlive what is returned: the scores stay on disk. Questions that differ by nothing a
    peer may see are put once. `timeout_s` is for each training and its questions. Raises what `known.options`,
    `environment.python` and `runner.run` raise.
    """
    peer, chosen = known.peer(name), known.options(name, options)
    python = environment.python(peer)
    fits: list[Outcome] = []
    places: dict[tuple[int, ...], _Place] = {}
    for revealed, group in _groups(asks):
        place = folder / f"fit_{len(fits)}"
        # As many as our own methods have.
        exam_files.write(world, group, place, seed=seed, threads=torch.get_num_threads(), revealed=revealed)
        _write_job(place, peer, chosen)
        # -E -s: the caller's PYTHONPATH and user packages are not the peer's.
        command = [str(python), "-E", "-s", "-c", _BOOT, str(Path(__file__).parent), str(place)]
        shapes = [(len(one.users), len(one.items)) for one in group]
        places |= {_identity(one): _Place(len(fits), n) for n, one in enumerate(group)}
        fits.append(run(command, place, shapes, peer=name, timeout_s=timeout_s))
    return Answered(tuple(fits), places, tuple(asks))


def _identity(ask: Asked) -> tuple[int, ...]:
    """What makes a question one of its own to a peer; the parts are shared where they are the same."""
    return id(ask.users), id(ask.support), id(ask.items), id(ask.revealed)


def _groups(asks: Sequence[Asked]) -> list[tuple[pl.DataFrame | None, list[Asked]]]:
    """Distinct questions, those with the same events revealed of new garments together; no event is as None."""
    distinct = {_identity(one): one for one in asks}.values()
    groups: dict[int, tuple[pl.DataFrame | None, list[Asked]]] = {}
    for one in distinct:
        revealed = one.revealed if one.revealed is not None and len(one.revealed) else None
        groups.setdefault(id(revealed), (revealed, []))[1].append(one)
    return list(groups.values())


def _write_job(folder: Path, peer: Peer, options: dict[str, Any]) -> None:
    job = {
        "adapter": known.adapter(peer.name),
        "peer": peer.name,
        "options": options,
        "reads": sorted(peer.reads),
        "distribution": peer.distribution,
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
