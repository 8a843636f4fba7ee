import json
from pathlib import Path

import pytest

from muslin.peers import environment, known


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUSLIN_PEERS", str(tmp_path / "peers"))


def test_table_has_all_peers_and_says_which_are_installed(muslin) -> None:
    found = muslin("peers")
    assert found.status == 0
    lines = {line.split()[0]: line for line in found.out.splitlines() if line.strip()}
    assert set(known.names()) <= set(lines)
    assert "not installed" not in lines["implicit-als"]
    absent = [name for name in known.names() if environment.installed(known.peer(name)) is None]
    assert all("not installed" in lines[name] for name in absent)


def test_one_peer_in_full(muslin) -> None:
    out = muslin("peers", "implicit-als").out
    for text in ("a new garment: none of the library's", "a new shopper: the library's", "regularization", "10.0"):
        assert text in out


def test_json_is_alone_on_standard_output(muslin) -> None:
    (peer,) = json.loads(muslin("peers", "lightfm", "--json", "-").out)
    assert (peer["name"], peer["library"]) == ("lightfm", "rectools-lightfm")
    assert peer["options"] == known.peer("lightfm").defaults()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["ligthfm"], "unknown_peer"),
        (["install", "ligthfm"], "unknown_peer"),
        (["install"], "no_peer"),
        (["lightfm", "irspack"], "too_many_names"),
    ],
)
def test_wrong_use(muslin, arguments: list[str], code: str) -> None:
    found = muslin("peers", *arguments)
    assert found.status == 2
    assert code in found.err


def test_install_installs_each_environment_once(muslin, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def install(name: str) -> Path:
        asked.append(name)
        return environment.root() / name

    monkeypatch.setattr(environment, "_install", install)
    found = muslin("peers", "install", "implicit-als", "implicit-bpr", "cornac")
    assert asked == ["implicit", "cornac"]
    assert f"installed {environment.root() / 'cornac'}" in found.out


def test_evaluating_against_what_is_not_installed_names_the_command(muslin, dataset, monkeypatch) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    found = muslin("evaluate", dataset, "--protocol", "item-cold", "--against", "lightfm", "--seeds", 1)
    assert found.status == 2
    assert "peer_not_installed" in found.err
    assert "muslin peers install lightfm" in found.err
