"""Bad pictures and bad vectors through a whole import: each is quarantined with its reason, all else is kept."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.data.dataset import Dataset
from muslin.data.importing import ImportReport
from muslin.data.sources.table import import_table
from muslin.errors import DataError
from muslin.testing.pictures import bad, kinds, other_modes, polyglot

BAD, KINDS = bad(), kinds()
GOOD = KINDS | other_modes()
MAP = 'event = "purchase"\n[files]\nevents = "log.csv"\nitems = "{items}"\n{more}'


def shop(folder: Path, items: pl.DataFrame, more: str = "", **options) -> ImportReport:
    """Import `items` and an event of the first of them; `more` ends the map."""
    log = f"user_id,item_id,timestamp\nu1,{items['item_id'][0]},2024-05-01\n"
    (folder / "log.csv").write_text(log)
    items.write_parquet(folder / "items.parquet")
    (folder / "map.toml").write_text(MAP.format(items="items.parquet", more=more))
    return import_table(folder, folder / "ds", mapping=folder / "map.toml", **options)


def named(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {f"i{n}": content for n, content in enumerate(contents.values())}


def with_pictures(folder: Path, pictures: dict[str, bytes], layout: str) -> ImportReport:
    if layout == "parquet":
        table = pl.DataFrame({"item_id": list(pictures), "bytes": pl.Series(list(pictures.values()), dtype=pl.Binary)})
        table.write_parquet(folder / "pictures.parquet")
    else:
        (folder / "pictures").mkdir(exist_ok=True)
        for name, content in pictures.items():
            (folder / "pictures" / f"{name}.jpg").write_bytes(content)
    images = 'images = "pictures' + (".parquet" if layout == "parquet" else "") + '"\n'
    return shop(folder, pl.DataFrame({"item_id": list(pictures)}), images, overwrite=True, max_bad=0)


def stored(folder: Path) -> dict[str, bytes]:
    return dict(pl.read_parquet(folder / "ds" / "images.parquet").rows())


def quarantine(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "ds" / "quarantine.parquet")


@pytest.mark.parametrize("layout", ["folder", "parquet"])
def test_every_bad_picture_is_told_and_its_garment_stays(tmp_path, layout) -> None:
    contents = named({name: b.content for name, b in BAD.items()} | GOOD)
    report = with_pictures(tmp_path, contents, layout)
    assert len(Dataset.load(tmp_path / "ds").items) == len(contents) == report.kept["items"]
    codes = {f"i{n}": b.code for n, b in enumerate(BAD.values())}
    found = quarantine(tmp_path)
    assert dict(found.select("raw", "code").rows()) == codes
    files = dict(found.select("raw", "file").rows())
    assert files == {name: "pictures.parquet" if layout == "parquet" else f"{name}.jpg" for name in codes}
    lines = [n + 1 for n in range(len(BAD))] if layout == "parquet" else [None] * len(BAD)
    assert found["line"].to_list() == lines
    assert all(len(reason) > 10 for reason in found["reason"])
    counts = {code: list(codes.values()).count(code) for code in set(codes.values())}
    assert report.quarantined == {"pictures": counts}
    assert "pictures: 3 refused, uninformative" in report.lines()
    good = {name: content for name, content in contents.items() if name not in codes}
    assert {name for name, content in stored(tmp_path).items() if content != good[name]} == {
        f"i{len(BAD) + list(GOOD).index('BMP')}"  # nobody can tell where one ends
    }
    assert list(stored(tmp_path)) == list(good)


def test_what_hides_behind_a_picture_does_not_come_along(tmp_path) -> None:
    contents = named({form: polyglot(form) for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP")})
    report = with_pictures(tmp_path, contents, "parquet")
    assert report.quarantined == {}
    assert [(note.code, note.count) for note in report.warnings] == [("remade_picture", 5)]
    assert list(stored(tmp_path)) == list(contents)
    assert not [content for content in stored(tmp_path).values() if b"secret.txt" in content or b"PK\5\6" in content]


edits = st.tuples(st.sampled_from(sorted(KINDS.values())), st.floats(0, 1, exclude_max=True), st.binary(max_size=9))


@settings(max_examples=25)
@given(st.lists(st.one_of(st.binary(max_size=200), edits), min_size=1, max_size=5))
def test_any_bytes_as_pictures_leave_the_good_ones(tmp_path_factory, drawn) -> None:
    folder = tmp_path_factory.mktemp("any")
    contents = {"good": KINDS["JPEG"]}
    for n, one in enumerate(drawn):
        file = one if isinstance(one, bytes) else one[0][: int(one[1] * len(one[0]))] + one[2]
        contents[f"i{n}"] = file
    report = with_pictures(folder, contents, "parquet")
    assert report.kept["items"] == len(contents)
    kept, refused = stored(folder), quarantine(folder)["raw"].to_list()
    assert kept["good"] == KINDS["JPEG"]
    assert sorted([*kept, *refused]) == sorted(contents)


WIDTH, MANY = 4, 1000
FINE = np.random.Generator(np.random.PCG64(0)).normal(size=(MANY, WIDTH))
IDS = [f"0{n}" for n in range(MANY)]
VECTORS = {
    "too short": ([1.0, 2.0], "wrong_dimension"),
    "too long": ([1.0, 2.0, 3.0, 4.0, 5.0], "wrong_dimension"),
    "empty": ([], "wrong_dimension"),
    "NaN": ([1.0, float("nan"), 0.0, 0.0], "non_finite"),
    "infinite": ([1.0, float("inf"), 0.0, 0.0], "non_finite"),
    "a gap": ([1.0, None, 0.0, 0.0], "non_finite"),
    "huge": ([1e300, 0.0, 0.0, 1.0], "huge_vector"),
    "zero": ([0.0, -0.0, 0.0, 0.0], "zero_vector"),
    "constant": ([0.25] * 4, "constant_vector"),
}
SHAPED = {name: case for name, case in VECTORS.items() if len(case[0]) == WIDTH and None not in case[0]}


def import_vectors(folder: Path, rows: list, layout: str, **options) -> ImportReport:
    """`rows` (a vector or None, an item) by a column of the items, by a matrix and ids, or by a Parquet file."""
    items = pl.DataFrame({"item_id": IDS[: len(rows)]})
    column = pl.Series("style", rows, dtype=pl.List(pl.Float64))
    if layout == "column":
        return shop(folder, items.with_columns(column), '[items]\nvector = ["style"]', **options)
    table = items.with_columns(column)
    if layout == "npy":
        np.save(folder / "style.npy", np.array(rows, dtype=np.float64))
        (folder / "ids.csv").write_text("sku\n" + "".join(f"{name}\n" for name in items["item_id"]))
        place = 'file = "style.npy"\nids = "ids.csv"\nid_column = "sku"'
    else:
        table.rename({"style": "embedding"}).write_parquet(folder / "style.parquet")
        place = 'file = "style.parquet"\ncolumn = "embedding"'
    return shop(folder, items, f"[vectors.style]\n{place}", **options)


@pytest.mark.parametrize("layout", ["column", "npy", "parquet"])
def test_every_bad_vector_is_told_and_its_garment_stays(tmp_path, layout) -> None:
    cases = SHAPED if layout == "npy" else VECTORS
    rows = FINE.tolist()
    for n, (vector, _) in enumerate(cases.values()):
        rows[10 * n] = vector
    report = import_vectors(tmp_path, rows, layout)
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.schema.items.vector == ("style",)
    assert loaded.schema.vectors == {}
    assert loaded.items["item_id"].to_list() == IDS
    bad_rows = [10 * n for n in range(len(cases))]
    assert loaded.items["style"].dtype == pl.List(pl.Float32)
    assert loaded.items["style"].is_null().arg_true().to_list() == bad_rows
    good = [n for n in range(MANY) if n not in bad_rows]
    assert np.allclose(loaded.items["style"].gather(good).to_list(), FINE[good], atol=1e-6)
    found = quarantine(tmp_path)
    file = {"column": "items.parquet", "npy": "style.npy", "parquet": "style.parquet"}[layout]
    assert set(found["file"]) == {file}
    expected = [(10 * n + 1, code) for n, (_, code) in enumerate(cases.values())]
    assert found.select("line", "code").rows() == expected
    assert [json.loads(raw)["item_id"] for raw in found["raw"]] == [IDS[row] for row in bad_rows]
    assert sum(report.quarantined["vectors.style"].values()) == len(cases)
    assert set(report.quarantined) == {"vectors.style"}
    assert "vectors.style: 1 refused, huge_vector" in report.lines()
    json.dumps(asdict(report))


@pytest.mark.parametrize("layout", ["column", "npy", "parquet"])
def test_too_many_bad_vectors_stop_an_import_and_can_be_allowed(tmp_path, layout) -> None:
    rows = FINE[:50].tolist()
    rows[3] = [0.0] * WIDTH
    with pytest.raises(DataError) as caught:
        import_vectors(tmp_path, rows, layout)
    assert caught.value.code == "too_many_bad_rows"
    assert caught.value.message.startswith("1 of 50 rows are bad (2.0%; 1.0% allowed): zero_vector 1")
    assert "all numbers of the vector are 0 [zero_vector]" in caught.value.message
    assert caught.value.where.endswith("(vectors.style)")
    assert not (tmp_path / "ds").exists()
    assert import_vectors(tmp_path, rows, layout, max_bad=0.02).kept["items"] == 50
    assert import_vectors(tmp_path, [[0.0] * WIDTH] * 50, layout, max_bad=1, overwrite=True).kept["items"] == 50


@pytest.mark.parametrize("layout", ["column", "npy", "parquet"])
@pytest.mark.parametrize(("twins", "remarks"), [(10, 0), (11, 1)])
def test_one_vector_for_many_items_is_remarked_upon_once(tmp_path, layout, twins, remarks) -> None:
    matrix = FINE.copy()
    matrix[20 : 20 + twins] = matrix[20]
    report = import_vectors(tmp_path, matrix.tolist(), layout)
    assert [(note.code, note.table, note.count) for note in report.warnings] == [
        ("same_vector", "items", twins)
    ] * remarks
    assert all("'020'" in note.text for note in report.warnings)
    assert Dataset.load(tmp_path / "ds").items["style"].null_count() == 0


def test_vectors_of_strangers_and_items_without_one(tmp_path) -> None:
    pl.DataFrame({"item_id": [*IDS[:40], "zz"], "vector": FINE[:41].tolist()}).write_parquet(tmp_path / "v.parquet")
    items = pl.DataFrame({"item_id": IDS[:50]})
    report = shop(tmp_path, items, '[vectors.style]\nfile = "v.parquet"')
    assert [(note.code, note.count) for note in report.warnings] == [("unknown_vectors", 1)]
    assert "vectors.style: 41 rows read, 41 kept" in report.lines()
    assert Dataset.load(tmp_path / "ds").items["style"].is_null().to_list() == [False] * 40 + [True] * 10


def test_mistakes_in_the_map_are_named(tmp_path) -> None:
    items = pl.DataFrame({"item_id": IDS[:2]})
    for more, code, says in (
        ('[vectors.style]\nfiel = "v.npy"', "unknown_key", "did you mean 'file'"),
        ("[vectors.style]", "bad_schema", "file"),
        ('[vectors.style]\nfile = "v.npy"', "missing_file", "v.npy"),
        ('[vectors]\nstyle = "v.npy"', "bad_schema", "vectors"),
    ):
        with pytest.raises(DataError) as caught:
            shop(tmp_path, items, more)
        assert (caught.value.code, says in str(caught.value)) == (code, True)


def test_a_native_dataset_names_files_too(tmp_path) -> None:
    pl.DataFrame({"item_id": IDS[:200]}).write_parquet(tmp_path / "items.parquet")
    (tmp_path / "events.csv").write_text(f"user_id,item_id,timestamp,event\nu,{IDS[0]},2024-05-01,view\n")
    matrix = FINE[:200].copy()
    matrix[7] = 0
    np.save(tmp_path / "style.npy", matrix)
    pl.DataFrame({"item_id": IDS[:200]}).write_parquet(tmp_path / "ids.parquet")
    (tmp_path / "dataset.toml").write_text(
        'name = "s"\n[vectors.style]\nfile = "style.npy"\nids = "ids.parquet"\n', encoding="utf-8"
    )
    for _ in range(2):
        loaded = Dataset.load(tmp_path)
        assert loaded.items["style"].is_null().arg_true().to_list() == [7]
        assert (loaded.schema.items.vector, loaded.schema.vectors) == (("style",), {})
        refused = pl.read_parquet(tmp_path / "quarantine.parquet")
        assert refused.select("file", "line", "code").rows() == [("style.npy", 8, "zero_vector")]


def test_vectors_of_shoppers_are_checked_as_well(tmp_path) -> None:
    rows = FINE[:200].tolist()
    rows[5] = [float("nan")] * WIDTH
    people = pl.DataFrame({"user_id": [f"u{n}" for n in range(200)], "taste": rows})
    people.write_parquet(tmp_path / "people.parquet")
    more = 'users = "people.parquet"\n[users]\nvector = ["taste"]'
    report = shop(tmp_path, pl.DataFrame({"item_id": IDS[:2]}), more)
    assert report.quarantined == {"users.vectors.taste": {"non_finite": 1}}
    assert Dataset.load(tmp_path / "ds").users["taste"].is_null().arg_true().to_list() == [5]


def test_a_garment_that_is_refused_is_told_once(tmp_path) -> None:
    items = pl.DataFrame({"item_id": [*IDS[:300], "b b"], "style": [*FINE[:300].tolist(), [0.0] * WIDTH]})
    report = shop(tmp_path, items, '[items]\nvector = ["style"]')
    assert report.quarantined == {"items": {"bad_id": 1}}


NUMBERS = st.one_of(st.none(), st.floats(), st.sampled_from([0.0, 1.0, 1e7, float("nan"), float("inf")]))


@settings(max_examples=25)
@given(st.lists(st.one_of(st.none(), st.lists(NUMBERS, max_size=6)), max_size=8))
def test_any_numbers_as_vectors_leave_the_good_ones(tmp_path_factory, drawn) -> None:
    folder = tmp_path_factory.mktemp("any")
    report = import_vectors(folder, [*FINE[:9].tolist(), *drawn], "column", max_bad=1)
    loaded = Dataset.load(folder / "ds")
    assert np.allclose(loaded.items["style"][:9].to_list(), FINE[:9], atol=1e-6)
    assert len(loaded.items) == 9 + len(drawn) == report.kept["items"]
    missing = loaded.items["style"].null_count()
    assert missing == drawn.count(None) + sum(report.quarantined.get("vectors.style", {}).values())
    assert np.isfinite(np.array(loaded.items["style"].drop_nulls().to_list())).all()
    assert set(loaded.items["style"].drop_nulls().list.len()) == {WIDTH}


def npy_bytes() -> bytes:
    rows = FINE[:3].astype("<f4")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + rows.tobytes()


@settings(max_examples=40)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.tuples(st.integers(0, len(npy_bytes()) - 1), st.integers(0, 255)).map(
            lambda p: npy_bytes()[: p[0]] + bytes([p[1]]) + npy_bytes()[p[0] + 1 :]
        ),
        st.integers(0, len(npy_bytes())).map(lambda cut: npy_bytes()[:cut]),
    )
)
def test_any_bytes_as_a_matrix_are_answered(tmp_path_factory, content) -> None:
    folder = tmp_path_factory.mktemp("npy")
    (folder / "style.npy").write_bytes(content)
    (folder / "ids.csv").write_text("item_id\n00\n01\n02\n")
    items = pl.DataFrame({"item_id": IDS[:9]})
    try:
        report = shop(folder, items, '[vectors.style]\nfile = "style.npy"\nids = "ids.csv"', max_bad=1)
    except DataError as error:
        said = (error.code, error.fix)
    else:
        said = ()
        assert report.kept["items"] == 9
        assert Dataset.load(folder / "ds").items["style"].null_count() >= 6
    assert all(said)
    assert (folder / "ds").exists() == (not said)
