import json
import shutil
import tempfile
from collections import namedtuple
from zoneinfo import ZoneInfoNotFoundError

import pytest

from muslin.cli import checkup
from muslin.cli.checkup import Check


def found(name: str) -> Check:
    return next(check for check in checkup.checkup() if check.name == name)


def test_this_machine_will_do(muslin) -> None:
    ran = muslin("doctor", "--json", "-")
    checks = json.loads(ran.out)
    assert ran.status == 0
    assert {c["name"] for c in checks} >= {"python", "torch", "processors", "memory", "disk", "time zones", "extra ray"}
    assert not [c for c in checks if c["status"] == "fail"]


def test_a_fault_is_an_exit_status_and_says_what_to_do(muslin, monkeypatch) -> None:
    monkeypatch.setattr(checkup, "_requirements", lambda extra: ["no-such-package"] if extra is None else [])
    ran = muslin("doctor")
    assert ran.status == 1
    assert "fail: packages: pip install no-such-package" in ran.out


def test_a_package_that_does_not_load(monkeypatch) -> None:
    def broken(name: str) -> None:
        raise OSError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr(checkup.importlib, "import_module", broken)
    assert found("numpy") == Check(
        "numpy",
        "fail",
        "does not load: libnumpy.so: cannot open shared object file",
        "reinstall it: pip install -U numpy",
    )


def test_absent_extras_are_no_fault(monkeypatch) -> None:
    monkeypatch.setattr(checkup, "_version", lambda _: None)
    assert found("extra ray").status == "ok"
    assert "muslin[ray]" in found("extra ray").found


def test_little_memory_and_disk_are_warned_of(monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checkup, "_available", lambda: 100 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 1 << 20))
    assert (found("memory").status, found("disk").status) == ("warn", "warn")


def test_a_container_limit_counts(monkeypatch, tmp_path) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(checkup, "_CGROUP", limit)
    limit.write_text("max\n")
    machine = checkup._memory_bytes()[0]
    limit.write_text(f"{machine // 2}\n")
    assert checkup._memory_bytes()[0] == machine // 2


def test_no_temporary_directory(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    assert (found("temporary files").status, "TMPDIR" in found("temporary files").fix) == ("fail", True)


def test_no_zone_data(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ZoneInfoNotFoundError(name)

    monkeypatch.setattr("zoneinfo.ZoneInfo", missing)
    assert found("time zones").fix == "pip install tzdata"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(monkeypatch, encoding) -> None:
    class Stream:
        pass

    Stream.encoding = encoding
    monkeypatch.setattr(checkup.sys, "stdout", Stream)
    assert checkup._encoding().status == "warn"
