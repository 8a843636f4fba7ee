import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import tomllib
from pathlib import Path

import pytest

from muslin.engine.model import Model

QUICK = ["--set", "dimensions=4", "--set", "epochs=2", "--set", "batch_size=256", "--set", "negatives=64"]
LONG = [p for o in ("dimensions=8", "epochs=4", "patience=4", "batch_size=64", "negatives=256") for p in ("--set", o)]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_model_is_fitted_saved_and_told(muslin, dataset, tmp_path) -> None:
    found = muslin("fit", dataset, "--out", "models/a", "--seed", 5, *QUICK, "--json", "-")
    facts = json.loads(found.out)
    assert found.status == 0
    assert facts["method"] == "muslin"
    assert facts["options"]["dimensions"] == 4
    assert (facts["shoppers"], facts["garments"], facts["events"], facts["seed"]) == (200, 150, 2400, 5)
    assert names(tmp_path / "models") == {"a"}
    model = Model.load(tmp_path / "models/a")
    assert (model.method, model.seed, model.options) == ("muslin", 5, facts["options"])
    assert "fitted muslin on tiny shop (200 shoppers, 150 garments, 2,400 events)" in found.err


def test_the_same_command_gives_the_same_bytes(muslin, dataset, tmp_path) -> None:
    for name in ("a", "b"):
        assert muslin("fit", dataset, "--out", name, *QUICK).status == 0
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_a_set_option_beats_the_file(muslin, dataset, tmp_path) -> None:
    (tmp_path / "c.toml").write_text("factors = 3\niterations = 2\n")
    found = muslin("fit", dataset, "--out", "m", "--method", "ials", "--config", "c.toml", "--set", "factors=5")
    assert found.status == 0
    options = tomllib.loads((tmp_path / "m/config.toml").read_text())["options"]
    assert (options["factors"], options["iterations"]) == (5, 2)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--set", "dimension=4"], "unknown_option"),
        (["--set", "dimensions"], "bad_assignment"),
        (["--set", "dimensions=many"], "bad_option"),
        (["--config", "nowhere.toml"], "no_file"),
    ],
)
def test_wrong_options_are_found_before_the_data_is_read(muslin, tmp_path, arguments, code) -> None:
    found = muslin("fit", "no-data", "--out", "m", *arguments)
    assert (found.status, found.out, names(tmp_path)) == (2, "", set())
    assert f"code: {code}\n" in found.err


def test_a_model_is_replaced_only_when_told(muslin, dataset, tmp_path) -> None:
    first = ["fit", dataset, "--out", "m", "--method", "popularity"]
    muslin(*first)
    before = content(tmp_path / "m")
    found = muslin(*first, "--seed", 9)
    assert (found.status, "code: destination_exists" in found.err) == (2, True)
    assert content(tmp_path / "m") == before
    assert muslin(*first, "--seed", 9, "--overwrite").status == 0
    assert Model.load(tmp_path / "m").seed == 9


def test_nothing_but_a_model_is_overwritten(muslin, dataset, tmp_path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").write_text("dear")
    found = muslin("fit", dataset, "--out", "home", "--method", "popularity", "--overwrite")
    assert (found.status, "code: not_a_model" in found.err) == (2, True)
    assert (tmp_path / "home/letter").read_text() == "dear"


def test_a_place_that_cannot_be_written_is_refused_first(muslin, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    found = muslin("fit", "no-data", "--out", "file/model")
    assert (found.status, "code: not_writable" in found.err) == (2, True)


@pytest.mark.slow
def test_an_interrupted_fit_goes_on_to_the_same_model(muslin, dataset, tmp_path) -> None:
    command = [sys.executable, "-m", "muslin.cli", "fit", str(dataset), "--out", "model", *LONG]
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    subprocess.run(command, cwd=whole, check=True, capture_output=True)

    status, screen = interrupted_while_training(command, halves)
    assert status == 130
    assert "Traceback" not in screen
    assert f"kept in {halves / 'model.partial'}" in screen
    assert f"muslin fit {dataset} --out model" in screen
    assert names(halves) == {"model.partial"}
    assert names(halves / "model.partial") == {"search.safetensors"}

    another = muslin("fit", dataset, "--out", halves / "model", *LONG, "--seed", 1)
    assert (another.status, "code: other_run" in another.err) == (4, True)  # so what was kept is really looked at

    subprocess.run(command, cwd=halves, check=True, capture_output=True)
    assert names(halves) == {"model"}
    assert content(halves / "model") == content(whole / "model")


def interrupted_while_training(command: list[str], folder: Path) -> tuple[int, str]:
    """Exit status and screen of `command`, to which Ctrl-C came when its progress bar showed the second epoch."""
    ours, theirs = pty.openpty()  # progress is drawn on a terminal only
    termios.tcsetwinsize(theirs, (24, 200))
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        screen, sent = b"", False
        limit = time.monotonic() + 120
        while time.monotonic() < limit:
            try:
                read = os.read(ours, 4096)
            except OSError:  # how Linux says that the other end is closed
                break
            screen += read
            if not read:
                break
            if not sent and b"epoch 2/" in screen:
                process.send_signal(signal.SIGINT)
                sent = True
        process.kill()
    os.close(ours)
    return process.returncode, screen.decode().replace("\r\n", "\n")
