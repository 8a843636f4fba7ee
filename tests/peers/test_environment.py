import sys
from dataclasses import replace
from pathlib import Path

import pytest

from muslin.errors import ModelError, UsageError
from muslin.peers import environment, known

ABSENT = replace(known.peer("lightfm"), module="no_such_library", distribution="no-such-library")


def test_a_peer_that_is_not_installed_names_the_command() -> None:
    with pytest.raises(UsageError) as caught:
        environment.python(ABSENT)
    assert caught.value.code == "peer_not_installed"
    assert caught.value.fix == "muslin peers install lightfm"
    assert environment.installed(ABSENT) is None


def test_a_library_of_this_interpreter_needs_no_environment() -> None:
    implicit = known.peer("implicit-als")
    assert environment.python(implicit) == Path(sys.executable)
    assert environment.installed(implicit)


def test_environments_lie_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSLIN_PEERS", str(tmp_path / "here"))
    assert environment.root() == tmp_path / "here"
    monkeypatch.delenv("MUSLIN_PEERS")
    monkeypatch.chdir(tmp_path)
    assert environment.root() == tmp_path / ".peers"


def test_installed_then_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real environment, of no packages, so that nothing is downloaded."""
    monkeypatch.setattr(environment, "pins", lambda _: "# nothing\n")
    (home,) = environment.install(["lightfm"])
    assert environment.python(ABSENT).is_relative_to(home)
    monkeypatch.setattr(environment, "pins", lambda _: "# other versions\n")
    with pytest.raises(UsageError, match="other versions") as caught:
        environment.python(ABSENT)
    assert caught.value.code == "peer_not_installed"


def test_what_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "pins", lambda _: "./no_such_folder\n")
    monkeypatch.setattr(environment.venv.EnvBuilder, "create", lambda _, home: Path(home).mkdir(parents=True))
    monkeypatch.setattr(environment, "_python", lambda _: Path(sys.executable))
    with pytest.raises(ModelError) as caught:
        environment.install(["lightfm"])
    assert caught.value.code == "peer_not_built"
    assert "no_such_folder" in caught.value.message
    assert not (environment.root() / "lightfm").exists()


def test_unknown_names_are_refused_before_anything_is_done() -> None:
    with pytest.raises(UsageError) as caught:
        environment.install(["implicit", "cornak"])
    assert caught.value.code == "unknown_peer"
    assert not environment.root().exists()
