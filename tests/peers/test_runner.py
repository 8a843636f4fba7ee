import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from muslin.errors import ModelError
from muslin.peers import runner

GOOD = """
    for n, shape in enumerate([(3, 4), (2, 5)]):
        np.save(folder / f"scores_{n}.npy", np.full(shape, n, dtype=np.float32))
        np.save(folder / f"fallback_{n}.npy", np.zeros(shape[0], dtype=bool))
    report = {"fit_cpu_s": 1.5, "score_cpu_s": 0.5, "peak_rss_mib": 7.0, "version": "9"}
    (folder / "report.json").write_text(json.dumps(report))
"""


def run(folder: Path, body: str, timeout_s: float | None = 30.0) -> runner.Outcome:
    head = "import json, os, sys, time, subprocess\nimport numpy as np\nfrom pathlib import Path\n"
    script = folder / "fake.py"
    script.write_text(f"{head}folder = Path(sys.argv[1])\n{textwrap.dedent(body)}")
    command = [sys.executable, str(script), str(folder)]
    return runner.run(command, folder, [(3, 4), (2, 5)], peer="fake", timeout_s=timeout_s)


def error(folder: Path, body: str, timeout_s: float | None = 30.0) -> ModelError:
    with pytest.raises(ModelError) as caught:
        run(folder, body, timeout_s)
    return caught.value


def test_what_a_peer_wrote_is_returned(tmp_path: Path) -> None:
    outcome = run(tmp_path, GOOD)
    assert [s.shape for s in outcome.scores] == [(3, 4), (2, 5)]
    assert (outcome.scores[1] == 1).all()
    assert (outcome.fit_cpu_s, outcome.score_cpu_s, outcome.peak_rss_mib, outcome.version) == (1.5, 0.5, 7.0, "9")


def test_a_crash_shows_the_last_words(tmp_path: Path) -> None:
    found = error(tmp_path, "raise RuntimeError('the matrix is singular')")
    assert found.code == "peer_failed"
    assert "status 1" in found.message
    assert "the matrix is singular" in found.message
    assert found.exit_status == 4


def test_a_kill_is_named(tmp_path: Path) -> None:
    assert "want of memory" in error(tmp_path, "os.kill(os.getpid(), 9)").message


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("np.save(folder / 'scores_0.npy', np.full((3, 4), np.nan, dtype=np.float32))", "NaN or infinite"),
        ("np.save(folder / 'scores_1.npy', np.full((2, 5), np.inf, dtype=np.float32))", "NaN or infinite"),
        ("np.save(folder / 'scores_0.npy', np.zeros((4, 3), dtype=np.float32))", "(4, 3)"),
        ("np.save(folder / 'scores_0.npy', np.zeros((3, 4)))", "float64"),
        ("np.save(folder / 'scores_0.npy', np.array([None] * 3), allow_pickle=True)", "cannot be read"),
        ("(folder / 'scores_1.npy').unlink()", "did not write scores_1.npy"),
        ("(folder / 'scores_1.npy').write_bytes(b'PK')", "cannot be read"),
        ("np.save(folder / 'fallback_1.npy', np.zeros(9, dtype=bool))", "not of 2"),
        ("(folder / 'report.json').unlink()", "no report.json"),
    ],
)
def test_unusable_answers_are_refused(tmp_path: Path, spoil: str, said: str) -> None:
    found = error(tmp_path, textwrap.dedent(GOOD) + spoil)
    assert found.code == "peer_failed"
    assert said in found.message


SLOW = """
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (folder / "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and ") Z" in status.read_text())  # one nobody waited for is dead all the same


def all_ended(folder: Path) -> bool:
    pids = [int(p) for p in (folder / "pids").read_text().split()]
    until = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(alive, pids))


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
def test_one_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    found = error(tmp_path, SLOW, timeout_s=2.0)
    assert found.code == "peer_timeout"
    assert "2 s" in found.message
    assert all_ended(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX's")
def test_ctrl_c_kills_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        if (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().count(" "):
            raise KeyboardInterrupt

    monkeypatch.setattr(runner.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, SLOW)
    monkeypatch.undo()
    assert all_ended(tmp_path)


def test_progress_counts_training_and_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int | None, int]] = []

    def track(steps, label, total=None):
        told.append((label, total, sum(1 for _ in steps)))
        return ()

    monkeypatch.setattr(runner, "track", track)
    run(tmp_path, GOOD)
    assert told == [("fake", 3, 3)]
