"""Answers are kept as long as the code they come from, and no longer."""

from pathlib import Path

import pytest

from muslin import registry
from muslin.evaluate import origin
from muslin.peers import known

PACKAGE = Path(origin.__file__).parents[1]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose module `top` comes by four others on four ways, and by none of the rest."""
    files = {
        "__init__": "from shop.rest import nothing",
        "top": "import shop.plain\nfrom shop import direct\ndef f():\n    from shop.room.inner import thing",
        "plain": "",
        "direct": "from shop.direct import itself",
        "rest": "",
        "room/__init__": "from shop.rest import nothing",
        "room/inner": "from .beside import other\nimport json",
        "room/beside": "",
    }
    for name, text in files.items():
        path = tmp_path / "shop" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "shop"


def test_everything_imported_is_found_however_it_is_written(package: Path) -> None:
    found = origin.behind(["shop.top"], package)
    assert set(found) == {"shop.top", "shop.plain", "shop.direct", "shop.room.inner", "shop.room.beside"}
    assert found["shop.room.beside"] == package / "room" / "beside.py"


def test_a_folder_that_is_imported_itself_counts(package: Path) -> None:
    assert set(origin.behind(["shop.room"], package)) == {"shop.room", "shop.rest"}


@pytest.mark.parametrize("name", [*registry.names(), *known.names()])
def test_an_entrant_comes_from_its_own_file_and_from_no_other_entrants(name: str) -> None:
    own = f"peers.adapters.{known.adapter(name)}" if name in known.names() else f"methods.{name}"
    found = origin.sources(name)
    entrants = {f"muslin.methods.{m}" for m in registry.names()}
    entrants |= {f"muslin.peers.adapters.{known.adapter(p)}" for p in known.names()}
    assert entrants & set(found) == {f"muslin.{own}"}


def test_a_change_behind_one_method_leaves_the_others_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    names = (*registry.names(), *known.names(), "oracle")
    before = {name: origin.digest(name) for name in names}
    read = Path.read_bytes
    changed = {PACKAGE / "methods" / "two_tower.py", PACKAGE / "nets" / "doubt.py"}
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path in changed))
    after = {name: origin.digest(name) for name in names}
    assert {n for n in names if before[n] != after[n]} == {"two_tower", "gp_residual"}


@pytest.mark.parametrize("name", ["two_tower", "gp_residual", "lightfm"])
def test_nothing_behind_an_answer_is_imported_by_name_at_run_time_but_entrants(name: str) -> None:
    """For such imports would not be found."""
    by_name = {module for module, path in origin.sources(name).items() if "import_module" in path.read_text()}
    assert by_name <= {"muslin.registry", "muslin.peers.known", "muslin.peers.adapters.main"}
