import json

import polars as pl
import pytest

from muslin.data.quarantine import (
    LINE,
    RAW_LIMIT,
    SCHEMA,
    Tally,
    counts,
    empty,
    enforce,
    entries,
    from_rows,
    over_limit,
    write,
)
from muslin.errors import DataError


def some(n: int, code: str = "bad_id", file: str = "items.csv") -> pl.DataFrame:
    return entries([(line, code, f"row {line} is bad", "{}") for line in range(2, 2 + n)], file)


def test_rows_keep_place_reason_and_content() -> None:
    origin = pl.DataFrame({"id": ["é", "b"], "tags": [["x"], None], "blob": [b"\xff", b""], LINE: [2, 5]})
    origin = origin.with_columns(pl.struct(inner="blob").alias("picture"))
    bad = pl.DataFrame({LINE: [5, 2], "code": ["b", "a"], "reason": ["why b", "why a"]})
    found = from_rows(bad, origin, "items.csv")
    assert dict(found.schema) == SCHEMA
    assert found.drop("raw").rows() == [("items.csv", 2, "a", "why a"), ("items.csv", 5, "b", "why b")]
    assert [json.loads(raw) for raw in found["raw"]] == [{"id": "é", "tags": ["x"]}, {"id": "b", "tags": None}]


@pytest.mark.parametrize("letter", ["x", "裙", "🧣"])
def test_raw_is_never_longer_than_the_limit(letter) -> None:
    origin = pl.DataFrame({"title": [letter * 300_000], LINE: [2]})
    bad = pl.DataFrame({LINE: [2], "code": ["long_title"], "reason": ["long"]})
    raw = from_rows(bad, origin, "items.csv")["raw"][0]
    assert RAW_LIMIT // 8 < len(raw.encode()) <= RAW_LIMIT


def test_counts_put_the_most_frequent_first() -> None:
    assert counts(pl.concat([some(1, "b"), some(2, "c"), some(1, "a")])) == {"c": 2, "a": 1, "b": 1}
    assert counts(empty()) == {}


@pytest.mark.parametrize(
    ("read", "bad", "max_bad", "over"),
    [(100, 0, 0.0, False), (100, 1, 0.01, False), (100, 2, 0.01, True), (100, 1, 0.0, True), (2, 2, 1.0, True)],
)
def test_the_limit_is_a_share_of_the_rows_read(read, bad, max_bad, over) -> None:
    assert over_limit(Tally("items", "items.csv", read, read - bad, {"x": bad} if bad else {}), max_bad) is over


def test_nothing_is_written_while_within_the_limit(tmp_path) -> None:
    enforce([Tally("items", "items.csv", 100, 99, {"bad_id": 1})], some(1), 0.01, tmp_path / "q.parquet")
    assert not list(tmp_path.iterdir())


def test_too_many_are_told_with_examples_and_kept(tmp_path) -> None:
    quarantine = pl.concat([some(9), some(1, "bad_price"), some(3, file="users.csv")])
    tallies = [
        Tally("users", "users.csv", 1000, 997, {"bad_id": 3}),
        Tally("items", "items.csv", 100, 90, {"bad_id": 9, "bad_price": 1}),
    ]
    with pytest.raises(DataError) as caught:
        enforce(tallies, quarantine, 0.05, tmp_path / "q.parquet")
    error = caught.value
    assert (error.code, error.where) == ("too_many_bad_rows", "items.csv (items)")
    assert error.message.splitlines() == [
        "10 of 100 rows are bad (10.0%; 5.0% allowed): bad_id 9, bad_price 1",
        "  items.csv:2: row 2 is bad [bad_id]",
        "  items.csv:2: row 2 is bad [bad_price]",
        "  items.csv:3: row 3 is bad [bad_id]",
        f"  all refused rows are in {tmp_path / 'q.parquet'}",
    ]
    assert pl.read_parquet(tmp_path / "q.parquet").equals(quarantine)


def test_a_table_without_a_good_row_is_refused_whatever_is_allowed(tmp_path) -> None:
    with pytest.raises(DataError) as caught:
        enforce([Tally("items", "items.csv", 2, 0, {"bad_id": 2})], some(2), 1.0, tmp_path / "q.parquet")
    assert caught.value.code == "no_good_rows"


def test_a_place_that_cannot_be_written_is_told(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="could not be written"):
        enforce([Tally("items", "items.csv", 2, 0, {"bad_id": 2})], some(2), 1.0, tmp_path / "file" / "q.parquet")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch) -> None:
    def fail(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fail)
    with pytest.raises(OSError, match="No space"):
        write(some(1), tmp_path / "q.parquet")
    assert not list(tmp_path.iterdir())
