"""The checks of `muslin doctor`, each small and independent of the others."""

import importlib
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import muslin

Status = Literal["ok", "warn", "fail"]

_OLDEST_PYTHON = (3, 11)
_GIB = 1 << 30
_LOADED = ("numpy", "scipy", "polars", "pyarrow", "torch", "implicit", "litestar")
"""Packages with compiled parts or many of their own: being installed does not mean that they load."""

_CGROUP = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Check:
    """One finding; `fix` says what to do unless `status` is ok."""

    name: str
    status: Status
    found: str
    fix: str = ""


def checkup() -> list[Check]:
    """All checks."""
    checks = [_python(), _packages()]
    checks += [_loads(name) for name in _LOADED]
    checks += [_extra(name) for name in _extras()]
    return [*checks, _processors(), _memory(), _disk(), _temporary(), _zones(), _encoding()]


def _python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}, muslin {muslin.__version__}"
    if sys.version_info < _OLDEST_PYTHON:
        return Check("python", "fail", found, "install Python 3.11 or newer")
    return Check("python", "ok", found)


def _packages() -> Check:
    wanted = _requirements(None)
    missing = [name for name in wanted if _version(name) is None]
    if missing:
        fix = f"pip install {' '.join(missing)}"
        return Check("packages", "fail", f"missing: {', '.join(missing)}", fix)
    return Check("packages", "ok", f"all {len(wanted)} are installed")


def _loads(name: str) -> Check:
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever keeps a package from loading is the finding
        return Check(name, "fail", f"does not load: {error}".split("\n", 1)[0], f"reinstall it: pip install -U {name}")
    return Check(name, "ok", _version(name) or "loads")


def _extra(name: str) -> Check:
    missing = [package for package in _requirements(name) if _version(package) is None]
    if missing:
        return Check(f"extra {name}", "ok", f"absent (pip install 'muslin[{name}]' adds it)")
    return Check(f"extra {name}", "ok", "installed")


def _processors() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        import torch

        threads = torch.get_num_threads()
    except ImportError:
        threads = usable
    found = f"{usable} usable, torch takes {threads}"
    if threads > usable:
        return Check("processors", "warn", found, f"set OMP_NUM_THREADS={usable}: more threads than that slow it down")
    return Check("processors", "ok", found)


def _memory() -> Check:
    total, free = _memory_bytes()
    found = f"{free / _GIB:.1f} GiB free of {total / _GIB:.1f} GiB"
    if free < _GIB:
        return Check("memory", "warn", found, "close something: a catalogue of 100,000 garments needs 2 to 4 GiB")
    return Check("memory", "ok", found)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / _GIB:.1f} GiB free here"
    return Check("disk", "ok", found) if free > _GIB else Check("disk", "warn", found, "free some space")


def _temporary() -> Check:
    folder = tempfile.gettempdir()
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"muslin")
    except OSError as error:
        return Check("temporary files", "fail", f"{folder}: {error.strerror}", "point TMPDIR at a writable directory")
    return Check("temporary files", "ok", folder)


def _zones() -> Check:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo("Asia/Shanghai")
    except ZoneInfoNotFoundError:
        return Check("time zones", "fail", "no time zone data", "pip install tzdata")
    return Check("time zones", "ok", "known")


def _encoding() -> Check:
    found = (sys.stdout.encoding or "unknown").lower()
    if found.replace("-", "") != "utf8":
        return Check("terminal", "warn", found, "set PYTHONUTF8=1, or titles may not be shown as they are")
    return Check("terminal", "ok", found)


def _memory_bytes() -> tuple[int, int]:
    """(total, free) bytes, of the container where there is one."""
    page: Callable[[str], int] = os.sysconf
    total = page("SC_PAGE_SIZE") * page("SC_PHYS_PAGES")
    free = _available() or total
    limit = _CGROUP.read_text().strip() if _CGROUP.is_file() else "max"
    total = min(total, int(limit)) if limit.isdigit() else total
    return total, min(free, total)


def _available() -> int | None:
    source = Path("/proc/meminfo")
    found = re.search(r"^MemAvailable:\s+(\d+) kB", source.read_text(), re.MULTILINE) if source.is_file() else None
    return int(found[1]) * 1024 if found else None


def _extras() -> list[str]:
    return sorted({m[1] for line in requires("muslin") or [] if (m := re.search(r"extra == ['\"](.+?)['\"]", line))})


def _requirements(extra: str | None) -> list[str]:
    """Packages that Muslin needs, or that its `extra` adds."""
    found = []
    for line in requires("muslin") or []:
        needed = re.match(r"[A-Za-z0-9._-]+", line)
        of = re.search(r"extra == ['\"](.+?)['\"]", line)
        if needed and (of[1] if of else None) == extra:
            found.append(needed[0])
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
