import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from muslin import __version__
from muslin.cli.app import app

COMMANDS = (
    *("import", "features", "tune", "fit", "evaluate", "transfer", "recommend"),
    *("audience", "serve", "backup", "restore", "replay", "methods", "peers", "doctor", "demo"),
    *("export-events", "off-policy", "keys"),
)

WITHOUT_JSON = ("serve", "keys", "export-events")
"""One that runs on, a group whose commands have it, and one whose output is JSON lines."""


def run_alone(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_help_lists_every_command_and_only_those() -> None:
    out = CliRunner().invoke(app(), ["--help"]).stdout
    listed = [
        line.split()[1] for line in out.partition("Commands")[2].splitlines() if line[:2] == "│ " and line[2] != " "
    ]
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command) -> None:
    found = CliRunner().invoke(app(), [command, "--help"])
    assert found.exit_code == 0
    assert ("--json" in found.stdout) == (command not in WITHOUT_JSON)


def test_without_arguments_help_is_shown(muslin) -> None:
    assert muslin() == muslin("--help")


def test_version(muslin) -> None:
    assert muslin("--version") == (0, f"muslin {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "code", "near"),
    [
        (["fti"], "unknown_command", "'fit'"),
        (["evalute", "shop"], "unknown_command", "'evaluate'"),
        (["fit", "shop", "--ot", "m"], "unknown_option", "'--out'"),
        (["recommend", "m", "--categry", "x"], "unknown_option", "'--category'"),
        (["fit", "shop"], "missing_argument", "muslin fit --help"),
        (["fit"], "missing_argument", "muslin fit --help"),
        (["recommend", "m", "-n", "many"], "bad_argument", "muslin recommend --help"),
        (["recommend", "m", "-n", "0"], "bad_argument", "muslin recommend --help"),
        (["serve", "m", "--port", "99999"], "bad_argument", "muslin serve --help"),
        (["methods", "two_towr"], "unknown_method", "'two_tower'"),
        (["fit", "shop", "--out", "m", "--method", "popularty"], "unknown_method", "'popularity'"),
        (["import", "hmm", "a", "b"], "unknown_source", "'hm'"),
        (["evaluate", "shop", "--protocol", "item-clod"], "unknown_protocol", "'item-cold'"),
        (["evaluate", "shop", "--methods", "ials,two-tower"], "unknown_method", "'two_tower'"),
    ],
)
def test_wrong_use_names_what_was_meant(muslin, arguments, code, near) -> None:
    status, out, err = muslin(*arguments)
    assert status == 2
    assert out == ""
    assert f"code: {code}\n" in err
    assert near in err


def test_missing_arguments_are_named(muslin) -> None:
    assert "error: DATASET is missing" in muslin("fit", "--out", "m").err
    assert "error: --out is missing" in muslin("fit", "shop").err


def test_machine_failures_are_told_without_a_traceback(muslin, monkeypatch, dataset) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "m")

    monkeypatch.setattr("muslin.engine.model.Model.save", full)
    assert muslin("fit", dataset, "--out", "m", "--method", "popularity") == (
        1,
        "",
        "error: no space left on device\nwhere: m\n  fix: free some space, or write to another disk\n code: enospc\n",
    )


def test_debug_shows_the_traceback(muslin, monkeypatch) -> None:
    assert "Traceback" not in muslin("methods", "nothing").err
    monkeypatch.setenv("MUSLIN_DEBUG", "1")
    found = muslin("methods", "nothing")
    assert found.status == 2
    assert "Traceback" in found.err
    assert "code: unknown_method" in found.err


@pytest.mark.parametrize("command", ["['--help']", "['fit', '--help']", "['methods']", "['methods', 'ials']"])
def test_help_and_methods_import_nothing_heavy(command) -> None:
    heavy = "{'torch', 'polars', 'numpy', 'scipy', 'litestar'} & set(sys.modules)"
    found = run_alone(f"import sys; from muslin.cli import main; main({command}); print({heavy} or 'light')")
    assert found.stdout.splitlines()[-1] == "light"


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m muslin.cli methods two_tower | true"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in found.stderr


def test_the_installed_command_is_this_one() -> None:
    script = Path(sys.executable).with_name("muslin")
    if not script.exists():
        pytest.skip("muslin is not installed beside this Python")
    found = subprocess.run([script, "fti"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert "did you mean 'fit'?" in found.stderr
