"""The rules of DESIGN, enforced: imports go downward, siblings keep apart, some libraries live in one place."""

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "muslin"
RANK = {
    "errors": 0,
    "random": 0,
    "progress": 0,
    "types": 0,
    "drawing": 0,
    "method": 1,
    "registry": 2,
    "scoring": 2,
    "data": 10,
    "features": 20,
    "nets": 30,
    "adapt": 32,
    "methods": 40,
    "peers": 45,
    "train": 50,
    "evaluate": 50,
    "survey": 50,
    "config": 55,
    "engine": 60,
    "recipes": 61,
    "transfer": 62,
    "cli": 70,
    "client": 70,
    "http": 70,
    "testing": 70,
}
"""Where each module or package stands; it may import only what stands strictly lower (or itself)."""
ONLY_IN: dict[str, tuple[str, ...]] = {
    "litestar": ("http",),
    "uvicorn": ("http",),
    "ray": ("scale",),
    "typer": ("cli",),
    "implicit": ("nets", "peers"),
    "lightfm": ("peers",),
    "irspack": ("peers",),
    "rectools": ("peers",),
    "cornac": ("peers",),
}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60
MOST_PARAMETERS = 8
FILES = sorted(SRC.rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def ids(path: Path) -> str:
    return str(path.relative_to(SRC))


@pytest.mark.parametrize("path", [p for p in FILES if room(p) != "__init__"], ids=ids)
def test_imports_go_down(path) -> None:
    home = room(path)
    # The package's own attributes (`from muslin import registry`) are rooms too.
    names = {n.split(".")[1] for n in imported(ast.parse(path.read_text())) if n.startswith("muslin.")}
    rooms = {n for n in names if not n.startswith("__")} - {home}
    too_high = {n for n in rooms if RANK[n] >= RANK[home] and (home, n) != ("cli", "http")}
    assert not too_high, f"{ids(path)} (rank {RANK[home]}) imports {too_high}"


def test_every_room_has_a_rank() -> None:
    assert {room(p) for p in FILES} - {"__init__"} == set(RANK)


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "methods"], ids=ids)
def test_methods_never_import_one_another(path) -> None:
    assert not [n for n in imported(ast.parse(path.read_text())) if n.startswith("muslin.methods.")]


@pytest.mark.parametrize("path", [p for p in FILES if p.parent == SRC / "data"], ids=ids)
def test_data_knows_no_source_when_imported(path) -> None:
    top_level = ast.Module([n for n in ast.parse(path.read_text()).body if not isinstance(n, ast.If)], [])
    names = {n for node in top_level.body if isinstance(node, ast.Import | ast.ImportFrom) for n in imported(node)}
    assert not [n for n in names if n.startswith("muslin.data.sources")]


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_libraries_live_where_they_belong(path) -> None:
    for name in imported(ast.parse(path.read_text())):
        homes = ONLY_IN.get(name.split(".")[0], (room(path),))
        assert room(path) in homes, f"{ids(path)} imports {name}, which belongs in {' or '.join(homes)}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_rooms_are_small(path) -> None:
    text = path.read_text()
    assert text.count("\n") <= LONGEST_FILE
    assert not {"utils", "util", "helpers", "common", "misc"} & set(path.with_suffix("").parts[len(SRC.parts) :])
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= LONGEST_FUNCTION, node.name
            if room(path) != "cli":  # a command has as many parameters as options
                assert len(node.args.args) + len(node.args.kwonlyargs) <= MOST_PARAMETERS, node.name
            assert node.args.kwarg is None, f"{node.name} passes keyword arguments on unseen"


def test_importing_muslin_is_light() -> None:
    import subprocess
    import sys

    code = "import muslin, sys; print('torch' in sys.modules, 'pandera' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
