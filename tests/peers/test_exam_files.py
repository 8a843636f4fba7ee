import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Exam, Terms
from muslin.evaluate.protocol import PROTOCOLS, protocol
from muslin.peers import exam_files
from muslin.peers.adapters import exam as reading
from muslin.peers.adapters.contract import Exam as Seen
from muslin.peers.answers import _groups


def shown(exam: Exam, folder: Path) -> list[tuple[list[Any], Seen]]:
    """The questions of an exam, and what a peer is shown of them, by what is revealed."""
    found = []
    for n, (revealed, group) in enumerate(_groups(exam.asks)):
        place = folder / str(n)
        exam_files.write(exam.world, group, place, seed=exam.seed, threads=1, revealed=revealed)
        found.append((group, reading.read(place)))
    return found


def leaked(exam: Exam, folder: Path) -> int:
    """Query pairs that stand among the training events, or in the history of the shopper who is asked."""
    count = 0
    for group, seen in shown(exam, folder):
        learned = seen.matrix()
        for ask, told in zip(group, seen.asks, strict=True):
            true = ask.truth.tocoo()
            items = told.items[true.col]
            count += np.count_nonzero(np.asarray(told.history[true.row, items]))
            rows = exam.world.user_rows(ask.users)[true.row]
            count += np.count_nonzero(np.asarray(learned[np.maximum(rows, 0), items]).ravel()[rows >= 0])
    return count


@pytest.mark.parametrize("name", PROTOCOLS)
def test_no_query_is_in_what_a_peer_sees(examine: Callable[..., Exam], name: str, tmp_path: Path) -> None:
    assert leaked(examine(name), tmp_path) == 0


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(PROTOCOLS)))
def test_no_query_is_in_what_a_peer_sees_whatever_the_cut(
    shop: Dataset, tmp_path_factory: pytest.TempPathFactory, seed: int, name: str
) -> None:
    exam = protocol(name).build(shop, Terms(seed, max_users=15))
    assert leaked(exam, tmp_path_factory.mktemp("exam")) == 0


def test_a_planted_leak_is_found(examine: Callable[..., Exam], tmp_path: Path) -> None:
    exam = examine("item-cold")
    ask = exam.asks[0]
    row, column = (int(part[0]) for part in ask.truth.nonzero())
    item = str(ask.items.catalogue.ids[ask.items.rows[column]])
    pair = pl.DataFrame({"user_id": [ask.users[row]], "item_id": [item], "weight": [1.0]})
    exam_files.write(exam.world, [ask], tmp_path, seed=0, threads=1, revealed=pair)
    seen = reading.read(tmp_path)
    rows = exam.world.user_rows(ask.users)
    assert seen.matrix()[rows[row], ask.items.rows[column]] == 1
    assert seen.asks[0].history[row, ask.items.rows[column]] == 1


class Guarded:
    """A question whose answers burn whoever looks."""

    def __init__(self, ask: Any) -> None:
        self.users, self.support, self.items, self.revealed = ask.users, ask.support, ask.items, ask.revealed

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the writer looked at {name}")


def test_the_writer_never_looks_at_the_truth(examine: Callable[..., Exam], tmp_path: Path) -> None:
    exam = examine("user-cold")
    exam_files.write(exam.world, [Guarded(ask) for ask in exam.asks], tmp_path, seed=0, threads=1)
    assert len(reading.read(tmp_path).asks) == len(exam.asks)


@pytest.mark.parametrize("name", ["item-cold", "user-cold"])
def test_round_trip(examine: Callable[..., Exam], name: str, tmp_path: Path) -> None:
    exam = examine(name, seed=3)
    world = exam.world
    exam_files.write(world, exam.asks, tmp_path, seed=3, threads=2)
    seen = reading.read(tmp_path)
    n, m = world.data.matrix().shape
    assert (seen.matrix()[:n, :m] != world.data.matrix()).nnz == 0
    assert seen.matrix().nnz == world.data.matrix().nnz
    assert (seen.items.matrix != world.catalogue.features.matrix).nnz == 0
    assert (seen.users.matrix != world.shoppers.features.matrix).nnz == 0
    assert [block[0] for block in seen.items.blocks] == [b.name for b in world.catalogue.features.blocks]
    assert {block[1] for block in seen.items.blocks} == {"categorical", "multi", "numeric", "text"}
    assert seen.texts == world.dataset.items["title"].to_list()
    assert (seen.seed, seen.threads) == (3, 2)
    for ask, told in zip(exam.asks, seen.asks, strict=True):
        users = world.users(ask.users, ask.support)
        assert (told.rows == users.rows).all()
        assert (told.items == ask.items.rows).all()
        assert (told.history != users.history).nnz == 0
        assert (told.features != users.features).nnz == 0


def test_embeddings_come_through(examine: Callable[..., Exam], shop: Dataset, tmp_path: Path) -> None:
    from dataclasses import replace

    vectors = np.random.default_rng(0).standard_normal((len(shop.items), 6)).astype(np.float32)
    items = shop.items.with_columns(look=pl.Series(vectors.tolist(), dtype=pl.List(pl.Float32)))
    schema = replace(shop.schema, items=replace(shop.schema.items, vector=("look",)))
    exam = protocol("item-cold").build(replace(shop, items=items, schema=schema), Terms(0, max_users=5))
    exam_files.write(exam.world, exam.asks, tmp_path, seed=0, threads=1)
    seen = reading.read(tmp_path)
    assert (seen.items.dense["look"] == exam.world.catalogue.features.dense[0].vectors).all()


def test_files_hold_no_pickle(examine: Callable[..., Exam], tmp_path: Path) -> None:
    exam = examine("item-cold")
    exam_files.write(exam.world, exam.asks, tmp_path, seed=0, threads=1)
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in found} == {".npy", ".npz", ".parquet", ".json"}
    for path in found:
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        if path.suffix == ".npz":
            with zipfile.ZipFile(path), np.load(path, allow_pickle=False) as archive:
                assert all(archive[name].dtype != object for name in archive.files)


def test_another_format_is_refused(examine: Callable[..., Exam], tmp_path: Path) -> None:
    exam = examine("item-cold")
    exam_files.write(exam.world, exam.asks, tmp_path, seed=0, threads=1)
    about = (tmp_path / "exam.json").read_text()
    (tmp_path / "exam.json").write_text(about.replace('"format": 1', '"format": 2'))
    with pytest.raises(ValueError, match="format 2"):
        reading.read(tmp_path)


def test_revealed_events_join_training_and_history(examine: Callable[..., Exam], tmp_path: Path) -> None:
    exam = examine("k-shot")
    by_k = {ask.k: ask for ask in exam.asks if ask.view == "garments"}
    told = by_k[3]
    assert told.revealed is not None
    exam_files.write(exam.world, [told], tmp_path, seed=0, threads=1, revealed=told.revealed)
    seen = reading.read(tmp_path)
    pairs = told.revealed.select("user_id", "item_id").unique()
    rows = exam.world.user_rows(pairs["user_id"].to_list()), exam.world.item_rows(pairs["item_id"].to_list())
    assert (np.asarray(seen.matrix()[rows]) > 0).all()
    assert seen.matrix().nnz == exam.world.data.matrix().nnz + len(pairs)
