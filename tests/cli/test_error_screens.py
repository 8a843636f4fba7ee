"""What people see when their data is bad, word for word. MUSLIN_UPDATE_GOLDEN=1 writes the texts anew."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
LOG = "user_id,item_id,timestamp,colour\n" + "".join(f"u{n},007{n},2024-05-0{n},red\n" for n in range(1, 6))
MAP = 'event = "purchase"\n[items]\ncategorical = ["colour"]\n'
IMPORT = ["import", "table", "log.csv", "shop", "--map", "map.toml"]
FIT = ["fit", "shop", "--out", "model", "--method", "popularity"]
TRANSFER = ["transfer", "shop"]
RECOMMEND = ["recommend", "model", "--user", "u0001"]
SCREEN = 24
"""Lines of a small terminal."""


@dataclass(frozen=True)
class Place:
    """A directory with a shop's files, a dataset and a model, all good."""

    folder: Path

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def replace(self, name: str, old: str, new: str) -> None:
        before = (self.folder / name).read_bytes()
        assert old.encode() in before
        (self.folder / name).write_bytes(before.replace(old.encode(), new.encode()))

    def cut(self, name: str, size: int) -> None:
        with (self.folder / name).open("rb+") as file:
            file.truncate(size)

    def with_column(self, name: str, expression: pl.Expr) -> None:
        path = self.folder / name
        pl.read_parquet(path).with_columns(expression).write_parquet(path)

    def flip(self, name: str) -> None:
        content = bytearray((self.folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (self.folder / name).write_bytes(content)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()


def latin_1(place: Place) -> None:
    place.write("log.csv", LOG.replace("u3,0073,2024-05-03,red", "u3,0073,2024-05-03,café").encode("latin-1"))


def duplicate_ids(place: Place) -> None:
    items = pl.read_parquet(place.folder / "shop/items.parquet")
    again = items.head(4).with_columns(colour=pl.lit("pink"))
    pl.concat([items, again]).write_parquet(place.folder / "shop/items.parquet")


def few_events(place: Place) -> None:
    path = place.folder / "shop/events.parquet"
    pl.read_parquet(path).head(40).write_parquet(path)


def one_domain(place: Place) -> None:
    place.with_column("shop/items.parquet", pl.lit("all").alias("domain"))


def newer_model(place: Place) -> None:
    place.replace("model/manifest.json", '"format": 1', '"format": 99')


Spoil = Callable[[Place], None]
CASES: dict[str, tuple[Sequence[str], Spoil, int]] = {
    "missing_column": (IMPORT, lambda p: p.write("log.csv", LOG.replace("item_id", "itemid")), 3),
    "missing_mapped_column": (IMPORT, lambda p: p.write("map.toml", f'{MAP}[columns.events]\nuser_id = "usr_id"\n'), 3),
    "missing_described_column": (FIT, lambda p: p.replace("shop/dataset.toml", '"colour"', '"color"'), 3),
    "wrong_type": (FIT, lambda p: p.with_column("shop/items.parquet", pl.struct("kind").alias("colour")), 3),
    "wrong_type_of_id": (FIT, lambda p: p.with_column("shop/items.parquet", pl.lit(108775015.0).alias("item_id")), 3),
    "wrong_type_of_key": (
        FIT,
        lambda p: p.replace("shop/dataset.toml", '[users]\ncategorical = ["favourite"]', "[users]\ncategorical = 3"),
        3,
    ),
    "duplicate_id": (FIT, duplicate_ids, 3),
    "unparsable_date": (IMPORT, lambda p: p.replace("log.csv", "2024-05-03", "3rd of May"), 3),
    "latin_1": (IMPORT, latin_1, 3),
    "empty_file": (IMPORT, lambda p: p.write("log.csv", ""), 3),
    "header_only": (IMPORT, lambda p: p.write("log.csv", LOG.splitlines()[0] + "\n"), 3),
    "all_bad": (IMPORT, lambda p: p.replace("log.csv", "2024-", "May "), 3),
    "ragged_rows": (IMPORT, lambda p: p.replace("log.csv", "2024-05-04,red", "2024-05-04,red,extra"), 3),
    "truncated_parquet": (FIT, lambda p: p.cut("shop/events.parquet", 5000), 3),
    "not_parquet": (FIT, lambda p: p.write("shop/items.parquet", "PK\x03\x04 something else"), 3),
    "not_a_dataset": (FIT, lambda p: p.remove("shop/dataset.toml"), 3),
    "missing_file": (["import", "table", "lgo.csv", "shop", "--map", "map.toml"], lambda _: None, 3),
    "unknown_key": (FIT, lambda p: p.replace("shop/dataset.toml", "numeric", "numric"), 3),
    "unknown_method": (["fit", "shop", "--out", "model2", "--method", "two_towers"], lambda _: None, 2),
    "unknown_option_of_method": ([*FIT[:-1], "ials", "--set", "factor=3"], lambda _: None, 2),
    "bad_option_of_method": ([*FIT[:-1], "ials", "--set", "factors=many"], lambda _: None, 2),
    "transfer_unknown_domain": ([*TRANSFER, "--source", "accesories", "--target", "apparel"], lambda _: None, 2),
    "transfer_same_domain": ([*TRANSFER, "--source", "apparel", "--target", "apparel"], lambda _: None, 2),
    "transfer_half_a_pair": ([*TRANSFER, "--source", "apparel"], lambda _: None, 2),
    "transfer_unknown_regulariser": ([*TRANSFER, "--regulariser", "l2sp"], lambda _: None, 2),
    "transfer_too_small": ([*TRANSFER, "--source", "accessories", "--target", "apparel"], few_events, 3),
    "transfer_one_domain": (TRANSFER, one_domain, 3),
    "unknown_command": (["evalute", "shop"], lambda _: None, 2),
    "unknown_option": (["recommend", "model", "--usr", "u0001"], lambda _: None, 2),
    "model_bit_flip": (RECOMMEND, lambda p: p.flip("model/model.safetensors"), 4),
    "model_truncated": (RECOMMEND, lambda p: p.cut("model/items.parquet", 100), 4),
    "model_file_missing": (RECOMMEND, lambda p: p.remove("model/schema.json"), 4),
    "model_file_extra": (RECOMMEND, lambda p: p.write("model/weights.pkl", b"\x80\x04."), 4),
    "model_newer": (RECOMMEND, newer_model, 4),
    "model_manifest_damaged": (RECOMMEND, lambda p: p.cut("model/manifest.json", 30), 4),
    "not_a_model": (["recommend", "shop", "--user", "u0001"], lambda _: None, 4),
}
MAY_APPEAR = {"shop.quarantine.parquet", "shop/quarantine.parquet"}
"""Refused rows are kept beside the data, for people to look at; the screen says so."""


@pytest.fixture
def place(tmp_path: Path, dataset: Path, model: Path) -> Place:
    shutil.copytree(dataset, tmp_path / "shop")
    shutil.copytree(model, tmp_path / "model")
    made = Place(tmp_path)
    made.write("log.csv", LOG)
    made.write("map.toml", MAP)
    return made


def content(folder: Path) -> dict[str, bytes | None]:
    found = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in found}


@pytest.mark.parametrize("name", CASES)
def test_error_screen(muslin, place, name) -> None:
    arguments, spoil, status = CASES[name]
    if arguments[0] == "import":
        shutil.rmtree(place.folder / "shop")
    if "--out" in arguments:
        shutil.rmtree(place.folder / "model")
    spoil(place)
    before = content(place.folder)

    found = muslin(*arguments)

    screen = found.err.replace(str(place.folder), "HERE")
    assert found.out == ""
    assert found.status == status
    assert screen.count("\n") <= SCREEN
    assert "Traceback" not in screen
    left = {k: v for k, v in content(place.folder).items() if k not in MAY_APPEAR}
    assert left == before, "something was written"
    check(name, f"$ muslin {' '.join(arguments)}\n{screen}[{found.status}]\n")


def check(name: str, text: str) -> None:
    file = GOLDEN / f"error_{name}.txt"
    if os.environ.get("MUSLIN_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_no_golden_text_is_left_over() -> None:
    assert {f.stem for f in GOLDEN.glob("error_*.txt")} == {f"error_{name}" for name in CASES}
