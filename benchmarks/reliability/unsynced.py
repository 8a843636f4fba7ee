"""A disk that remembers what was not synced: every write of SQLite in this process, in order, and what a cut leaves.

SQLite's own file system layer does the work; three of its methods are wrapped, through its C interface, to be told of
writes, syncs and truncations. Bytes are on the disk once their file is synced. Of what was written after that a power
cut keeps any part: each write whole, none of it, or some of its 512-byte sectors. Creating and removing files counts as
kept at once.

Source: the VFS and I/O method structures of SQLite's public header, https://www.sqlite.org/c3ref/vfs.html.
"""

import ctypes as c
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

SECTOR = 512
_P = c.c_void_p


class _Methods(c.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [
        ("iVersion", c.c_int),
        ("xClose", _P),
        ("xRead", _P),
        ("xWrite", _P),
        ("xTruncate", _P),
        ("xSync", _P),
        *((name, _P) for name in ("xFileSize", "xLock", "xUnlock", "xCheckReservedLock", "xFileControl")),
        *((name, _P) for name in ("xSectorSize", "xDeviceCharacteristics", "xShmMap", "xShmLock", "xShmBarrier")),
        *((name, _P) for name in ("xShmUnmap", "xFetch", "xUnfetch")),
    ]


class _Vfs(c.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("iVersion", c.c_int),
        ("szOsFile", c.c_int),
        ("mxPathname", c.c_int),
        ("pNext", _P),
        ("zName", c.c_char_p),
        ("pAppData", _P),
        ("xOpen", _P),
        *((name, _P) for name in ("xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        *((name, _P) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64")),
        *((name, _P) for name in ("xSetSystemCall", "xGetSystemCall", "xNextSystemCall")),
    ]


_OPEN = c.CFUNCTYPE(c.c_int, _P, _P, _P, c.c_int, _P)  # SQLite keeps the pointer to the name: no copy will do
_DELETE = c.CFUNCTYPE(c.c_int, _P, c.c_char_p, c.c_int)
_WRITE = c.CFUNCTYPE(c.c_int, _P, _P, c.c_int, c.c_int64)
_TRUNCATE = c.CFUNCTYPE(c.c_int, _P, c.c_int64)
_SYNC = c.CFUNCTYPE(c.c_int, _P, c.c_int)


class Op(NamedTuple):
    """Something that happened to a file, or (`what` is `mark`) a note of ours, in `file`."""

    what: str
    file: str
    offset: int = 0
    data: bytes = b""


class Recorder:
    """What was written, in order. `mark` adds notes."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self._names: dict[int, str] = {}
        self._kept: list[object] = []
        self._wrapped: dict[int, _Methods] = {}

    def mark(self, note: str) -> None:
        """Note that something happened now."""
        self.ops.append(Op("mark", note))

    def opened(self, file: int, name: bytes | None) -> None:
        """Wrap the methods of a file that was just opened: a pointer to them is its first word."""
        first = c.cast(file, c.POINTER(_P))
        if name is None or not first[0]:
            return
        self._names[file] = name.decode().rpartition("/")[2]
        first[0] = c.addressof(self._methods(int(first[0] or 0)))

    def _methods(self, address: int) -> _Methods:
        if address not in self._wrapped:
            plain = _Methods.from_address(address)
            ours = _Methods.from_buffer_copy(plain)
            write, truncate, sync = _WRITE(plain.xWrite), _TRUNCATE(plain.xTruncate), _SYNC(plain.xSync)

            def on_write(file: int, data: int, size: int, offset: int) -> int:
                self.ops.append(Op("write", self._names[file], offset, c.string_at(data, size)))
                return int(write(file, data, size, offset))

            def on_truncate(file: int, size: int) -> int:
                self.ops.append(Op("truncate", self._names[file], size))
                return int(truncate(file, size))

            def on_sync(file: int, flags: int) -> int:
                done = int(sync(file, flags))
                self.ops.append(Op("sync", self._names[file]))
                return done

            pairs = (("xWrite", _WRITE(on_write)), ("xTruncate", _TRUNCATE(on_truncate)), ("xSync", _SYNC(on_sync)))
            for name, callback in pairs:
                setattr(ours, name, c.cast(callback, _P).value)
                self._kept.append(callback)
            self._wrapped[address] = ours
        return self._wrapped[address]


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record all that SQLite writes to files opened within. One at a time in a process."""
    library = c.CDLL(_library())
    library.sqlite3_vfs_find.restype = _P
    library.sqlite3_vfs_find.argtypes = [c.c_char_p]
    library.sqlite3_vfs_register.argtypes = library.sqlite3_vfs_unregister.argtypes = [_P]
    library.sqlite3_vfs_register.argtypes = [_P, c.c_int]
    plain = library.sqlite3_vfs_find(None)
    recorder, ours = Recorder(), _Vfs.from_buffer_copy(_Vfs.from_address(plain))
    open_ = _OPEN(ours.xOpen)

    def on_open(vfs: int, name: int | None, file: int, flags: int, out: int | None) -> int:
        del vfs
        done = int(open_(plain, name, file, flags, out))
        if done == 0:
            recorder.opened(file, None if name is None else c.string_at(name))
        return done

    delete = _DELETE(ours.xDelete)

    def on_delete(vfs: int, name: bytes, sync: int) -> int:
        del vfs
        done = int(delete(plain, name, sync))
        recorder.ops.append(Op("delete", name.decode().rpartition("/")[2]))
        return done

    callback, other = _OPEN(on_open), _DELETE(on_delete)
    ours.zName, ours.xOpen, ours.xDelete = b"recorded", c.cast(callback, _P).value, c.cast(other, _P).value
    library.sqlite3_vfs_register(c.addressof(ours), 1)
    try:
        yield recorder
    finally:
        library.sqlite3_vfs_unregister(c.addressof(ours))
        library.sqlite3_vfs_register(plain, 1)


def _library() -> str:
    """The file of the SQLite that Python uses, as loaded into this process."""
    import sqlite3  # noqa: F401 - to have it loaded

    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.rpartition(" ")[2]
        if "libsqlite3" in path:
            return path
    raise OSError("this Python has SQLite built in: its file system layer cannot be wrapped")


class Platter:
    """The bytes of files on a disk, moved forward through what was recorded; `cut` gives what a power cut leaves."""

    def __init__(self, ops: list[Op]) -> None:
        self._ops = ops
        self._at = 0
        self._safe: dict[str, bytearray] = {}
        self._loose: dict[str, list[Op]] = {}
        self.marks: list[str] = []

    def to(self, place: int) -> None:
        """Go on until `place` operations are done."""
        for op in self._ops[self._at : place]:
            if op.what == "mark":
                self.marks.append(op.file)
            elif op.what == "delete":
                self._safe.pop(op.file, None)
                self._loose.pop(op.file, None)
            elif op.what == "sync":
                safe = self._safe.setdefault(op.file, bytearray())
                for loose in self._loose.pop(op.file, []):
                    _apply(safe, loose)
            else:
                self._loose.setdefault(op.file, []).append(op)
        self._at = max(self._at, place)

    def cut(self, rng: np.random.Generator) -> Mapping[str, bytes]:
        """What each file holds after the power is cut now."""
        left = {name: bytearray(safe) for name, safe in self._safe.items()}
        for name, loose in self._loose.items():
            content = left.setdefault(name, bytearray())
            fate = rng.integers(3, size=len(loose))
            for op, way in zip(loose, fate, strict=True):
                if way == 0:
                    _apply(content, op)
                elif way == 1 and op.what == "write":
                    _torn(content, op, rng)
        return {name: bytes(content) for name, content in left.items()}


def _apply(content: bytearray, op: Op) -> None:
    if op.what == "truncate":
        del content[op.offset :]
        content.extend(b"\x00" * (op.offset - len(content)))
        return
    end = op.offset + len(op.data)
    content.extend(b"\x00" * (end - len(content)))
    content[op.offset : end] = op.data


def _torn(content: bytearray, op: Op, rng: np.random.Generator) -> None:
    """Some of a write's sectors reach the disk."""
    for start in range(0, len(op.data), SECTOR):
        if rng.random() < 0.5:
            _apply(content, Op("write", op.file, op.offset + start, op.data[start : start + SECTOR]))
