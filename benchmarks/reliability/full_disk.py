"""Campaign 4: the disk is full; events are refused, answers go on, nothing is lost, and writing resumes.

A small file system in memory is filled with ballast while events come in over the HTTP application, with and without
the bound below which nothing is tried. Then the ballast is removed. Needs the right to mount.

Control: acknowledging before the commit; it must lose events.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.reliability import mutants
from benchmarks.reliability.campaign import Campaign, Found, sized
from benchmarks.reliability.traffic import Traffic, faults, rules
from muslin.engine.model import Model
from muslin.http import following


@contextmanager
def small_disk(place: Path, megabytes: int = 12) -> Iterator[Path]:
    """A file system of that size; raises `PermissionError` where we may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    try:
        done = subprocess.run(["mount", *options], capture_output=True, check=False)
    except FileNotFoundError:
        raise PermissionError("there is no mount") from None
    if done.returncode:
        raise PermissionError(done.stderr.decode())
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def once(model: Model, disk: Path, seed: int, low: int, found: Found) -> list[str]:
    """Fill the disk, ask, make room, go on; the ids that were acknowledged."""
    from litestar.testing import TestClient

    from muslin.http.app import create_app

    before = following.Rules
    following.Rules = lambda **_: rules(low_disk_bytes=low, snapshot_events=500)  # type: ignore[misc,assignment]
    traffic, kept = Traffic(seed, garments=60), []
    try:
        with TestClient(create_app(model, state=disk / f"state{seed}"), raise_server_exceptions=False) as client:
            kept += _post(client, traffic, 3, found, expect=200)
            ballast = _fill(disk, low // 2)
            statuses = {_one(client, traffic)[0] for _ in range(30)}
            if 507 not in statuses or statuses - {200, 507}:
                found.failures.append(f"statuses while full: {sorted(statuses)}")
            asked = client.post("/v1/recommendations", json={"user_id": "u0001"})
            if asked.status_code != 200:
                found.failures.append(f"an answer while full: {asked.status_code}")
            ballast.unlink()
            kept += _resumed(client, traffic, found)
            kept += _post(client, traffic, 3, found, expect=200)
    finally:
        following.Rules = before  # type: ignore[misc]
    return kept


def _resumed(client: Any, traffic: Traffic, found: Found) -> list[str]:
    started = time.monotonic()
    while time.monotonic() - started < 30:
        status, names = _one(client, traffic)
        if status == 200:
            seconds = time.monotonic() - started
            found.done["longest until writing resumed, s"] = round(
                max(seconds, float(found.done.get("longest until writing resumed, s", 0))), 2
            )
            if seconds > 5:
                found.failures.append(f"writing resumed after {seconds:.1f} s")
            return names
        time.sleep(0.05)
    found.failures.append("writing never resumed")
    return []


def _post(client: Any, traffic: Traffic, times: int, found: Found, expect: int) -> list[str]:
    kept: list[str] = []
    for _ in range(times):
        status, names = _one(client, traffic)
        kept += names
        if status != expect:
            found.failures.append(f"{status}, expected {expect}")
    return kept


def _one(client: Any, traffic: Traffic) -> tuple[int, list[str]]:
    events = traffic.batch(50)
    status = client.post("/v1/events", json={"events": events}).status_code
    _ACKNOWLEDGED.extend(event["event_id"] for event in events if status == 200)
    return status, [event["event_id"] for event in events] if status == 200 else []


_ACKNOWLEDGED: list[str] = []
"""Everything answered with 200, the odd one while the disk was full among it."""


def _fill(disk: Path, leave: int) -> Path:
    """Write until no more than `leave` bytes are free."""
    import os

    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave
            if free < 4096:
                return ballast
            try:
                file.write(b"x" * min(free, 1 << 20))
            except OSError:
                return ballast


def attempt(model: Model, place: Path, times: int, mutant: AbstractContextManager[None]) -> Found:
    """Do it `times` times, with a bound and without."""
    found = Found()
    with small_disk(place) as disk, mutant:
        for n in range(times):
            _ACKNOWLEDGED.clear()
            low = 0 if n % 2 == 0 else 2_000_000
            once(model, disk, n, low, found)
            found.failures += faults(disk / f"state{n}", _ACKNOWLEDGED)
            for path in (disk / f"state{n}").iterdir():
                path.unlink()
    found.done["times"] = times
    found.failures = found.failures[:50]
    return found


def run(scale: float) -> Found:
    """See the module."""
    from muslin.recipes.fit import fit
    from muslin.testing.worlds import tiny_shop

    model = fit(tiny_shop(), "popularity")
    with TemporaryDirectory() as name:
        try:
            found = attempt(model, Path(name) / "right", sized(50, scale, 2), nullcontext())
        except PermissionError:
            return Found(notes=["not run: no file system may be mounted here"])
        caught = attempt(model, Path(name) / "mutant", 1, mutants.acknowledge_early())
        found.controls["acknowledge before the commit"] = bool(caught.failures)
    return found


CAMPAIGN = Campaign(
    4, "full_disk", "disk full", "507, reads go on, 0 lost, writes resume ≤ 5 s after space returns", run
)
