import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from muslin.errors import UsageError
from muslin.evaluate.answers import Answers, answer
from muslin.evaluate.exam import Block, Exam
from muslin.peers import environment, known
from muslin.peers.adapters.contract import Peer
from muslin.peers.answers import Answered, put

OWN = str(Path(__file__).parents[2] / ".peers")
SHORT = {
    "lightfm": {"epochs": 10, "components": 16, "identity": 0.3},
    "irspack": {"components": 8},
    "rectools-als": {"factors": 8, "item_width": 16},
    "cornac-vbpr": {"k": 4, "k2": 16, "epochs": 30, "learning_rate": 0.02},
    "cornac-amr": {"k": 8, "k2": 8, "epochs": 30, "learning_rate": 0.02},
    "implicit-als": {"factors": 16},
    "implicit-bpr": {"factors": 16},
    "implicit-itemknn": {},
}
"""Options that learn a shop of 150 garments in seconds."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Peer]:
    """The peer of that name; skips where its library is not installed."""
    monkeypatch.setenv("MUSLIN_PEERS", os.environ.get("MUSLIN_PEERS", OWN))

    def found(name: str) -> Peer:
        peer = known.peer(name)
        try:
            environment.python(peer)
        except UsageError as error:
            pytest.skip(f"{peer.distribution} is not installed: {error.fix}")
        return peer

    return found


def answers(exam: Exam, name: str, folder: Path) -> tuple[Answered, Answers]:
    done = put(exam.world, exam.asks, name, folder, seed=exam.seed, options=SHORT[name], timeout_s=120)
    return done, answer(exam, name, lambda ask, rows: Block(*done.scores(ask, rows)), done.fit_cpu_s)


def mean_place(found: Answers, exam: Exam, view: str, path: str) -> float:
    """Mean rank of the true items as a share of the candidates: 0.5 is chance."""
    asks = {ask.view: ask for ask in exam.asks}
    pairs = found.pairs.filter((found.pairs["view"] == view) & (found.pairs["path"] == path))
    return float(pairs["rank"].mean()) / len(asks[view].items)  # type: ignore[arg-type]


def mean_ranks(pairs: pl.DataFrame) -> list[float]:
    """In order of k."""
    return pairs.group_by("k").agg(pl.col("rank").mean()).sort("k")["rank"].to_list()


@pytest.mark.parametrize("name", known.names())
def test_new_and_known_garments(name: str, installed: Callable[[str], Peer], examine, tmp_path: Path) -> None:
    peer = installed(name)
    exam = examine("item-cold", max_users=None)
    done, found = answers(exam, name, tmp_path)
    assert done.fit_cpu_s > 0
    assert done.version == environment.installed(peer)
    if peer.tells_new_items_apart:
        assert mean_place(found, exam, "within", "cold") < 0.4
    else:
        assert all(np.ptp(done.scores(exam.asks[0], slice(None)).scores, axis=1) == 0)
    assert mean_place(found, exam, "full", "hot") < 0.4


@pytest.mark.parametrize("name", known.names())
def test_new_shoppers(name: str, installed: Callable[[str], Peer], examine, tmp_path: Path) -> None:
    peer = installed(name)
    exam = examine("user-cold", max_users=None)
    done, found = answers(exam, name, tmp_path)
    nothing, _, three = exam.asks
    blank = done.scores(nothing, slice(None))
    if "profile" not in peer.reads:
        assert blank.fallback.all()
        assert (blank.scores == exam.world.popularity[nothing.items.rows]).all()
    assert not done.scores(three, slice(None)).fallback.any()
    assert mean_ranks(found.pairs)[2] / len(three.items) < 0.42, "worse than a third of the way to chance"
    assert done.scores(three, slice(None)).scores.std(axis=0).max() > 0, "everyone gets the same list"
    assert len(done.fits) == 1, "shoppers are folded in, not trained on"


def test_new_garments_events_are_trained_on(examine, tmp_path: Path) -> None:
    exam = examine("k-shot", max_users=None)
    done, found = answers(exam, "implicit-als", tmp_path)
    assert len(done.fits) == 3
    ranks = mean_ranks(found.pairs.filter(pl.col("view") == "garments"))
    assert ranks[2] < ranks[0]
    assert done.fit_cpu_s == pytest.approx(sum(fit.fit_cpu_s for fit in done.fits))


def test_questions_a_peer_cannot_tell_apart_are_put_once(examine, tmp_path: Path) -> None:
    exam = examine("mixed")
    done, _ = answers(exam, "implicit-itemknn", tmp_path)
    assert len(exam.asks) > 1
    assert [len(fit.scores) for fit in done.fits] == [1]


def test_scores_are_found_by_question_and_block(examine, tmp_path: Path) -> None:
    exam = examine("item-cold")
    done, _ = answers(exam, "implicit-als", tmp_path)
    full = exam.asks[1]
    whole = done.scores(full, slice(None)).scores
    assert (done.scores(full, slice(5, 9)).scores == whole[5:9]).all()
    with pytest.raises(KeyError):
        done.scores(replace(full, users=full.users[:3]), slice(None))


def test_same_seed_same_scores(examine, tmp_path: Path) -> None:
    exam = examine("item-cold")
    first, _ = answers(exam, "implicit-itemknn", tmp_path / "a")
    second, _ = answers(exam, "implicit-itemknn", tmp_path / "b")
    assert (first.scores(exam.asks[1], slice(None)).scores == second.scores(exam.asks[1], slice(None)).scores).all()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    return "implicit-als"


def test_a_missing_library_is_said_before_files_are_written(examine, absent: str, tmp_path: Path) -> None:
    exam = examine("item-cold")
    with pytest.raises(UsageError) as caught:
        put(exam.world, exam.asks, absent, tmp_path / "work", seed=0)
    assert caught.value.code == "peer_not_installed"
    assert not (tmp_path / "work").exists()
