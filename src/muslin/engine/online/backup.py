"""Copies of the state that can be put back, made while the service runs."""

import hashlib
import shutil
import sqlite3
from pathlib import Path

import msgspec

from muslin.engine.online.database import FILE, connect
from muslin.engine.online.keys import SECRET
from muslin.errors import DataError, UsageError

MANIFEST = "backup.json"
"""Digests of the copied files."""
_FILES = (FILE, SECRET)


def write(db: sqlite3.Connection, directory: Path, target: Path) -> Path:
    """Copy the state to `target`, which must not exist; it appears whole or not at all."""
    draft = target.with_name(f".{target.name}.draft")
    if target.exists():
        raise UsageError("already exists", code="exists", where=str(target), fix="choose another name")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    copy = sqlite3.connect(draft / FILE)
    try:
        db.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
    shutil.copyfile(directory / SECRET, draft / SECRET)
    (draft / SECRET).chmod(0o600)
    (draft / MANIFEST).write_bytes(msgspec.json.encode({name: _digest(draft / name) for name in _FILES}))
    return draft.rename(target)


def restore(source: Path, directory: Path) -> None:
    """Put the backup `source` in place of the state in `directory`, which nobody may have open.

    Who was erased in `directory` since stays erased. Raises `DataError`: `not_a_backup`, `damaged_backup`,
    `other_shop` where the two have different secrets.
    """
    verify(source)
    graves: list[tuple[bytes]] = []
    if (directory / FILE).exists():
        if (directory / SECRET).read_bytes() != (source / SECRET).read_bytes():
            fix = "restore into an empty directory"
            raise DataError("the backup is of another state", code="other_shop", where=str(source), fix=fix)
        db = connect(directory)
        graves = db.execute("SELECT grave FROM erased").fetchall()
        db.close()
    directory.mkdir(parents=True, exist_ok=True)
    for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
        (directory / name).unlink(missing_ok=True)
    for name in _FILES:
        shutil.copyfile(source / name, directory / name)
    (directory / SECRET).chmod(0o600)
    db = connect(directory)
    db.executemany("INSERT OR IGNORE INTO erased VALUES (?)", graves)
    db.close()


def verify(source: Path) -> None:
    """Raise `DataError` unless `source` is a backup as it was written."""
    try:
        expected = msgspec.json.decode((source / MANIFEST).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        fix = "name a directory that a backup was written to"
        raise DataError("this is no backup", code="not_a_backup", where=str(source), fix=fix) from None
    for name in _FILES:
        if not (source / name).is_file() or expected.get(name) != _digest(source / name):
            fix = "use an older backup"
            raise DataError(
                "the file is not what was written", code="damaged_backup", where=str(source / name), fix=fix
            )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
