"""Runs a peer on exam files as a process of its own, and checks what it wrote."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from muslin.errors import ModelError
from muslin.progress import track
from muslin.types import Bools, Floats

_POLL_S = 0.05
_TAIL = 12
"""Lines of standard error shown when a peer fails."""
_CELLS = 16_000_000


@dataclass(frozen=True)
class Outcome:
    """What a peer did in one exam.

    `scores`: an array [U, I] float32 for each ask, finite, mapped from disk: the folder must outlive it. `fallback`:
    [U] for each ask, true where popularity answered. Processor seconds count all threads; `peak_rss_mib` is None where
    the system does not tell. `version` is the library's.
    """

    scores: tuple[Floats, ...]
    fallback: tuple[Bools, ...]
    fit_cpu_s: float
    score_cpu_s: float
    peak_rss_mib: float | None
    version: str


def run(
    command: Sequence[str],
    folder: Path,
    shapes: Sequence[tuple[int, int]],
    *,
    peer: str,
    timeout_s: float | None = None,
) -> Outcome:
    """Run `command`, which answers the exam in `folder`, whose asks have `shapes` (U, I).

    Its output goes to `stdout.txt` and `stderr.txt` there. It is killed, with all it started, after `timeout_s` and on
    Ctrl-C. Raises `ModelError`: `peer_failed` when it ends badly (with the end of what it said) or writes scores of
    another shape or type, or that are not finite; `peer_timeout`.
    """
    with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
        # A session of its own, so that what it started can be ended with it.
        child = subprocess.Popen(  # noqa: S603 - an interpreter and a script of ours
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=_environment(), start_new_session=True
        )
        try:
            for _ in track(_steps(child, folder, len(shapes), peer, timeout_s), peer, 1 + len(shapes)):
                pass
        finally:
            _end(child)
    if child.returncode != 0:
        raise _failed(peer, f"{_ending(child.returncode)}; its last words:\n{_tail(folder)}")
    return _outcome(folder, shapes, peer)


def _steps(
    child: "subprocess.Popen[bytes]", folder: Path, asks: int, peer: str, timeout_s: float | None
) -> Iterator[None]:
    """One step when the peer is trained and one for each ask answered, until it ends."""
    limit = None if timeout_s is None else time.monotonic() + timeout_s
    awaited = [folder / "fitted.json", *(folder / f"scores_{n}.npy" for n in range(asks))]
    while child.poll() is None:
        if limit is not None and time.monotonic() > limit:
            raise ModelError(
                f"{peer} took more than {timeout_s:g} s",
                code="peer_timeout",
                where=peer,
                fix="allow it more time, ask fewer shoppers (--max-users), or leave it out",
            )
        while awaited and awaited[0].exists():
            del awaited[0]
            yield
        time.sleep(_POLL_S)
    yield from (None for _ in awaited)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kill the process, and whatever it started and left running."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(child.pid, signal.SIGKILL)
        else:  # Windows
            child.kill()
    except (ProcessLookupError, PermissionError):  # nothing is left (macOS says so by the latter)
        pass
    child.wait()


def _environment() -> dict[str, str]:
    # Threads that wait for work would burn processor seconds and be counted: see ADR 7.
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}


def _ending(status: int) -> str:
    if status == -9:
        return "it was killed (signal 9), most likely for want of memory"
    return f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"


def _tail(folder: Path) -> str:
    text = (folder / "stderr.txt").read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-_TAIL:]) or "(nothing)"


def _outcome(folder: Path, shapes: Sequence[tuple[int, int]], peer: str) -> Outcome:
    scores = tuple(_scores(folder / f"scores_{n}.npy", shape, peer) for n, shape in enumerate(shapes))
    fallback = tuple(_load(folder / f"fallback_{n}.npy", peer) for n in range(len(shapes)))
    for (users, _), block in zip(shapes, fallback, strict=True):
        if block.dtype != np.bool_ or block.shape != (users,):
            raise _failed(peer, f"says of {block.shape} shoppers whether popularity answered, not of {users}")
    report = _report(folder, peer)
    return Outcome(
        scores=scores,
        fallback=fallback,
        fit_cpu_s=float(report["fit_cpu_s"]),
        score_cpu_s=float(report["score_cpu_s"]),
        peak_rss_mib=report.get("peak_rss_mib"),
        version=str(report["version"]),
    )


def _report(folder: Path, peer: str) -> dict[str, Any]:
    path = folder / "report.json"
    if not path.is_file():
        raise _failed(peer, "it wrote no report.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _scores(path: Path, shape: tuple[int, int], peer: str) -> Floats:
    scores: Floats = _load(path, peer)
    if scores.dtype != np.float32 or scores.shape != shape:
        raise _failed(peer, f"{path.name} is {scores.dtype} {scores.shape}, wanted float32 {shape}")
    size = max(1, _CELLS // max(1, shape[1]))
    if not all(np.isfinite(scores[at : at + size]).all() for at in range(0, shape[0], size)):
        raise _failed(peer, f"{path.name} holds scores that are NaN or infinite")
    return scores


def _load(path: Path, peer: str) -> Any:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise _failed(peer, f"it did not write {path.name}") from None
    except (ValueError, OSError) as error:
        raise _failed(peer, f"{path.name} cannot be read: {error}") from error


def _failed(peer: str, what: str) -> ModelError:
    return ModelError(
        f"{peer} gave no usable answer: {what}",
        code="peer_failed",
        where=peer,
        fix="try other options for it, or leave it out; the fault is most likely in its library or in our adapter",
    )
