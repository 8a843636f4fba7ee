import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from muslin.data import pictures
from muslin.data.checked import Cleaned
from muslin.data.dataset import Dataset
from muslin.data.quarantine import entries
from muslin.data.schema import Schema
from muslin.data.staging import check_destination, staged
from muslin.data.store import DATASET, is_sealed, seal, write_dataset
from muslin.errors import DataError, UsageError
from muslin.testing.pictures import kinds

SCHEMA = Schema(name="tiny")
JPEG, PNG = kinds()["JPEG"], kinds()["PNG"]


def tables(n: int = 1) -> Cleaned:
    ids = [f"i{k}" for k in range(n)]
    return Cleaned(
        items=pl.DataFrame({"item_id": ids, "family": ids, "domain": "all"}),
        users=pl.DataFrame({"user_id": ["u"]}),
        events=pl.DataFrame(
            {
                "user_id": "u",
                "item_id": ids,
                "timestamp": pl.Series([1_700_000_000_000_000] * n).cast(pl.Datetime("us", "UTC")),
                "event": "view",
                "weight": pl.Series([1.0] * n, dtype=pl.Float32),
            }
        ),
    )


def shots(**contents: bytes | None) -> pl.DataFrame:
    rows = [(name, content, "p.parquet", None) for name, content in contents.items()]
    return pl.DataFrame(rows, schema=pictures.SCHEMA, orient="row")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_what_is_written_is_what_is_loaded(tmp_path) -> None:
    dst = tmp_path / "new" / "shop"
    write_dataset(dst, SCHEMA, tables(3))
    expected = [
        "checked.json",
        "dataset.toml",
        "events.parquet",
        "items.parquet",
        "quarantine.parquet",
        "users.parquet",
    ]
    assert names(dst) == expected
    assert names(dst.parent) == ["shop"]
    loaded = Dataset.load(dst)
    assert loaded.schema == SCHEMA
    assert loaded.root == dst
    for name in ("items", "users", "events"):
        assert getattr(loaded, name).equals(getattr(tables(3), name))


def test_a_destination_in_use_is_refused(tmp_path) -> None:
    dst = tmp_path / "shop"
    write_dataset(dst, SCHEMA, tables(1))
    with pytest.raises(UsageError) as caught:
        write_dataset(dst, SCHEMA, tables(2))
    assert (caught.value.code, caught.value.where) == ("destination_exists", str(dst))
    assert "--overwrite" in caught.value.fix
    assert len(Dataset.load(dst).items) == 1
    write_dataset(dst, SCHEMA, tables(2), overwrite=True)
    assert len(Dataset.load(dst).items) == 2
    assert names(tmp_path) == ["shop"]


def test_an_empty_directory_is_a_fine_destination(tmp_path) -> None:
    write_dataset(tmp_path, SCHEMA, tables(1))
    assert len(Dataset.load(tmp_path).items) == 1


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_only_datasets_are_overwritten(tmp_path, kind) -> None:
    dst = tmp_path / "precious"
    if kind == "file":
        dst.write_text("work of years")
    else:
        dst.mkdir()
        (dst / "thesis.tex").write_text("work of years")
    with pytest.raises(UsageError) as caught:
        check_destination(dst, DATASET, overwrite=True)
    assert caught.value.code == "not_a_dataset"


@pytest.mark.parametrize("there", [False, True])
def test_a_failure_half_way_leaves_what_was_there(tmp_path, there) -> None:
    dst = tmp_path / "shop"
    if there:
        write_dataset(dst, SCHEMA, tables(1))

    def pictures():
        yield shots(i0=JPEG)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(dst, SCHEMA, tables(2), images=pictures(), overwrite=True)
    assert names(tmp_path) == (["shop"] if there else [])
    if there:
        assert len(Dataset.load(dst).items) == 1


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch) -> None:
    def fail(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(DataError) as caught:
        write_dataset(tmp_path / "shop", SCHEMA, tables(1))
    assert caught.value.code == "cannot_write"
    assert "No space left" in caught.value.message
    assert names(tmp_path) == []


def test_a_failed_move_puts_the_old_dataset_back(tmp_path, monkeypatch) -> None:
    dst = tmp_path / "shop"
    write_dataset(dst, SCHEMA, tables(1))
    rename = Path.rename

    def fail(self, target):
        if self.name.startswith(".shop") and target == dst and not self.name.endswith("-old"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(DataError, match="Input/output"):
        write_dataset(dst, SCHEMA, tables(2), overwrite=True)
    assert names(tmp_path) == ["shop"]
    assert len(Dataset.load(dst).items) == 1


def test_killed_half_way_leaves_no_dataset_and_the_next_run_tidies_up(tmp_path) -> None:
    dst = tmp_path / "shop"
    code = f"""
        import os, signal
        from pathlib import Path
        from muslin.data.staging import staged
        from muslin.data.store import DATASET
        with staged(Path({str(dst)!r}), DATASET) as work:
            (work / "items.parquet").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not dst.exists()
    assert len(names(tmp_path)) == 1
    write_dataset(dst, SCHEMA, tables(1))
    assert names(tmp_path) == ["shop"]


def test_a_running_writer_is_left_alone(tmp_path) -> None:
    dst = tmp_path / "shop"
    with staged(dst, DATASET) as first:
        (first / "dataset.toml").write_text("first")
        with staged(dst, DATASET) as second:
            assert first.is_dir()
            (second / "dataset.toml").write_text("second")
        with pytest.raises(UsageError, match="not empty"):
            check_destination(dst, DATASET, overwrite=False)
    assert (dst / "dataset.toml").read_text() == "first"


def test_the_only_copy_of_a_dataset_is_never_swept(tmp_path) -> None:
    gone = int(
        subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True).stdout
    )
    aside = tmp_path / f".shop.muslin-{gone}-abcd-old"
    aside.mkdir()
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "shop", DATASET):
        1 / 0  # noqa: B018
    assert aside.is_dir()
    write_dataset(tmp_path / "shop", SCHEMA, tables(1))
    write_dataset(tmp_path / "shop", SCHEMA, tables(1), overwrite=True)
    assert names(tmp_path) == ["shop"]


def test_any_change_breaks_the_seal(tmp_path) -> None:
    dst = tmp_path / "shop"
    write_dataset(dst, SCHEMA, tables(2))
    assert is_sealed(dst)
    for name in ("dataset.toml", "items.parquet", "users.parquet", "events.parquet"):
        before = (dst / name).read_bytes()
        (dst / name).write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        assert not is_sealed(dst)
        (dst / name).write_bytes(before)
    assert is_sealed(dst)
    (dst / "checked.json").write_text("[]")
    assert not is_sealed(dst)
    seal(dst)
    assert is_sealed(dst)
    (dst / "users.parquet").unlink()
    assert not is_sealed(dst)


def test_older_rules_do_not_count(tmp_path, monkeypatch) -> None:
    write_dataset(tmp_path / "shop", SCHEMA, tables(1))
    monkeypatch.setattr("muslin.data.store.VERSION", 10**6)
    assert not is_sealed(tmp_path / "shop")


def test_pictures_are_kept_and_others_refused(tmp_path) -> None:
    batches = [
        shots(i0=JPEG, i1=b"<html>"),
        shots(i2=PNG, i3=None),
    ]
    cleaned = tables(4)
    before = entries([(7, "bad_id", "why", "{}")], "items.csv")
    cleaned = Cleaned(cleaned.items, cleaned.users, cleaned.events, before)
    count = write_dataset(tmp_path / "shop", SCHEMA, cleaned, images=iter(batches))
    assert (count.kept, count.remade, len(count.refused)) == (2, 0, 2)
    assert pl.read_parquet(tmp_path / "shop" / "quarantine.parquet").select("line", "code", "raw").rows() == [
        (7, "bad_id", "{}"),
        (None, "not_a_picture", "i1"),
        (None, "truncated", "i3"),
    ]
    loaded = Dataset.load(tmp_path / "shop")
    assert loaded.schema.images == "images.parquet"
    assert pl.read_parquet(tmp_path / "shop" / "images.parquet").rows() == [("i0", JPEG), ("i2", PNG)]


def test_without_pictures_there_is_no_picture_file(tmp_path) -> None:
    write_dataset(tmp_path / "shop", SCHEMA, tables(1), images=iter([]))
    assert Dataset.load(tmp_path / "shop").schema.images is None
    assert not (tmp_path / "shop" / "images.parquet").exists()


def test_the_directory_obeys_the_umask(tmp_path) -> None:
    before = os.umask(0o027)
    try:
        write_dataset(tmp_path / "shop", SCHEMA, tables(1))
    finally:
        os.umask(before)
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o750
