"""Directories that appear whole or not at all: filled beside their place, and moved there when they are complete."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from muslin.errors import DataError, UsageError

_ASIDE = "-old"


class Kind(NamedTuple):
    """What a directory is: the file that marks it as one, and what to call it. Nothing else is ever overwritten."""

    marker: str
    name: str


@contextmanager
def staged(dst: Path, kind: Kind, *, overwrite: bool = False) -> Iterator[Path]:
    """A directory beside `dst` to fill, which takes its place when the block ends well, and is gone when it does not.

    Its files are synced to disk first. With `overwrite` what was there is replaced by two renames: a crash between
    them leaves it beside, under a hidden name, and nothing at `dst`. Raises as `check_destination` does, and
    `DataError` (`cannot_write`).
    """
    check_destination(dst, kind, overwrite=overwrite)
    try:
        place = dst.resolve()
        with _beside(place) as work:
            yield work
            _sync(work)
            _move(work, place)
    except OSError as error:
        message = f"the {kind.name} cannot be written: {error.strerror or error}"
        raise DataError(message, code="cannot_write", where=str(dst), fix="free some space or choose another") from None


def check_destination(dst: Path, kind: Kind, *, overwrite: bool) -> None:
    """Raise `UsageError` unless a directory of `kind` may be written to `dst`.

    `destination_exists`: something is there; `not_a_KIND`: something else than what may be overwritten is there.
    """
    if not dst.exists() or (dst.is_dir() and not any(dst.iterdir())):
        return
    if not overwrite:
        message, fix = "the destination exists and is not empty", "choose another, or pass --overwrite"
        raise UsageError(message, code="destination_exists", where=str(dst), fix=fix)
    if not (dst / kind.marker).is_file():
        message, fix = f"only a Muslin {kind.name} is overwritten, and this is none", "choose another, or remove it"
        raise UsageError(message, code=f"not_a_{kind.name}", where=str(dst), fix=fix)


@contextmanager
def _beside(dst: Path) -> Iterator[Path]:
    """A directory beside `dst`, gone when the block ends without having moved it."""
    dst.parent.mkdir(parents=True, exist_ok=True)
    _sweep(dst)
    work = dst.with_name(f"{_prefix(dst)}{os.getpid()}-{secrets.token_hex(4)}")
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _prefix(dst: Path) -> str:
    return f".{dst.name}.muslin-"


def _sweep(dst: Path) -> None:
    """Remove what killed writers of `dst` left; a running one is known by its process and left alone.

    What was moved aside and never replaced is all there is of it: that stays.
    """
    for left in [p for p in dst.parent.iterdir() if p.name.startswith(_prefix(dst))]:
        owner = left.name.removeprefix(_prefix(dst)).split("-", 1)[0]
        only_copy = left.name.endswith(_ASIDE) and not dst.exists()
        if owner.isdigit() and not _runs(int(owner)) and not only_copy:
            shutil.rmtree(left, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(folder: Path) -> None:
    """Make the files of `folder`, and their names, outlast a power cut."""
    for path in (*folder.iterdir(), folder):
        _sync_one(path)


def _move(work: Path, dst: Path) -> None:
    old = None
    if dst.is_dir() and any(dst.iterdir()):
        old = dst.with_name(f"{work.name}{_ASIDE}")
        dst.rename(old)
    try:
        work.rename(dst)
    except OSError:
        if old is not None:
            old.rename(dst)
        raise
    _sync_one(dst.parent)
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
