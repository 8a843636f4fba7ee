import ast
import re
from pathlib import Path

import pytest

import muslin.peers.adapters
from muslin import registry
from muslin.errors import UsageError
from muslin.peers import environment, known

ADAPTERS = sorted(Path(muslin.peers.adapters.__file__).parent.glob("*.py"))
LIBRARIES = {known.peer(name).module for name in known.names()}


def imports(body: list[ast.stmt]) -> set[str]:
    found = set()
    for node in body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def test_the_named_peers_are_there() -> None:
    assert {"lightfm", "irspack", "rectools-als", "cornac-vbpr", "cornac-amr", "implicit-als"} <= set(known.names())
    assert not set(known.names()) & set(registry.names())


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda p: p.name)
def test_adapters_know_nothing_of_muslin_and_load_their_library_late(path: Path) -> None:
    tree = ast.parse(path.read_text())
    everywhere = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    assert "muslin" not in imports(everywhere)
    assert not imports(tree.body) & (LIBRARIES | {"torch", "implicit", "sklearn", "polars", "pandas"})


@pytest.mark.parametrize("name", known.names())
def test_defaults_lie_where_a_tuner_looks(name: str) -> None:
    for option, about in known.peer(name).options.items():
        assert about.help, option
        if about.values:
            assert about.default in about.values, option
        if about.low is not None and about.high is not None:
            assert about.low <= about.default <= about.high, option
            assert about.low > 0 or not about.log, option
    assert known.options(name) == known.peer(name).defaults()


@pytest.mark.parametrize("name", known.names())
def test_every_peer_says_what_it_does_for_what_is_new(name: str) -> None:
    peer = known.peer(name)
    assert re.match(r"(the library's|ours|none of the library's|profile by the library)", peer.new_shopper)
    assert peer.tells_new_items_apart == (not peer.new_item.startswith("none"))
    assert peer.reads <= {"history", "profile"}


@pytest.mark.parametrize("name", known.environments())
def test_pins_are_exact_and_name_no_host(name: str) -> None:
    lines = environment.pins(name).split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    names = {line.split("==")[0].lower() for line in lines}
    assert {peer.distribution for peer in map(known.peer, known.names()) if peer.environment == name} <= names
    assert {"numpy", "scipy", "pyarrow"} <= names


def test_an_unknown_peer_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lightfm'") as caught:
        known.peer("ligthfm")
    assert caught.value.code == "unknown_peer"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"component": 8}, "unknown_option"),
        ({"components": 8.5}, "bad_option"),
        ({"components": True}, "bad_option"),
        ({"learning_rate": "fast"}, "bad_option"),
        ({"text": 1}, "bad_option"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        known.options("lightfm", options)
    assert caught.value.code == code
    assert "lightfm" in caught.value.where


def test_given_options_come_over_the_defaults() -> None:
    assert known.options("lightfm", {"learning_rate": 1})["learning_rate"] == 1
    assert known.options("lightfm", {"components": 8})["epochs"] == known.peer("lightfm").options["epochs"].default
