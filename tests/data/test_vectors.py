import io
import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from muslin.data.quarantine import SCHEMA, enforce
from muslin.data.read import table_of
from muslin.data.schema import ItemRoles, Schema, VectorFile
from muslin.data.vector_checks import HUGE, TINY, faults
from muslin.data.vectors import join_vectors, read_vectors
from muslin.errors import DataError

FINE = np.random.Generator(np.random.PCG64(0)).normal(size=(50, 4))


def npy(folder, matrix, ids=None, name="shop.npy"):
    np.save(folder / name, matrix)
    table = folder / "ids.csv"
    table.write_text("item_id\n" + "".join(f"{i}\n" for i in ids or [f"0{n}" for n in range(len(matrix))]))
    return folder / name, table


def read(path, ids=None, **options):
    return read_vectors(VectorFile(file=path.name, ids=ids.name if ids else None, **options), path.parent)


def matrix_of(found) -> np.ndarray:
    assert found.values.dtype == pl.List(pl.Float32)
    return np.array(found.values.to_list(), dtype=np.float32)


LISTS = pl.List(pl.Float64)


def parquet(folder, ids, vectors, dtype=LISTS):
    path = folder / "shop.parquet"
    pl.DataFrame({"item_id": ids, "vector": pl.Series(vectors, dtype=dtype)}).write_parquet(path)
    return path


def codes(found) -> dict[int, str]:
    assert dict(found.quarantine.schema) == SCHEMA
    return dict(found.quarantine.select("line", "code").iter_rows())


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", ">i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_and_its_ids_load(tmp_path, dtype, order) -> None:
    matrix = np.asarray(FINE * 100, dtype=dtype, order=order)
    path, ids = npy(tmp_path, matrix)
    found = read(path, ids)
    assert found.ids.to_list()[:2] == ["00", "01"]
    assert np.array_equal(matrix_of(found), matrix.astype(np.float32))
    assert found.values.null_count() == 0
    assert found.quarantine.is_empty()
    assert not found.notes
    assert (found.tally.read, found.tally.kept) == (50, 50)


@pytest.mark.parametrize(
    "dtype", [pl.List(pl.Float64), pl.List(pl.Float32), pl.Array(pl.Float32, 4), pl.List(pl.Int32)]
)
def test_a_parquet_column_loads(tmp_path, dtype) -> None:
    rows = (FINE * 100).round().astype(int)
    path = parquet(tmp_path, [f"0{n}" for n in range(50)], rows.tolist(), dtype)
    assert np.array_equal(matrix_of(read(path)), rows.astype(np.float32))


def test_each_fault_has_its_code_and_the_rest_loads(tmp_path) -> None:
    bad = {
        2: ([1.0, 2.0], "wrong_dimension"),
        3: ([], "wrong_dimension"),
        5: ([1.0, float("nan"), 0.0, 0.0], "non_finite"),
        6: ([1.0, None, 0.0, 0.0], "non_finite"),
        7: ([float("-inf"), 1.0, 0.0, 0.0], "non_finite"),
        9: ([1e300, 0.0, 0.0, 1.0], "huge_vector"),
        11: ([0.0, -0.0, 0.0, 0.0], "zero_vector"),
        13: ([0.25] * 4, "constant_vector"),
    }
    rows = FINE.tolist()
    for row, (vector, _) in bad.items():
        rows[row] = vector
    rows[20] = None  # no vector: nothing to object to
    found = read(parquet(tmp_path, [f"i{n}" for n in range(50)], rows))
    assert codes(found) == {row + 1: code for row, (_, code) in bad.items()}
    kept = [n for n in range(50) if n not in bad and n != 20]
    assert found.ids.to_list() == [f"i{n}" for n in kept]
    assert np.allclose(matrix_of(found), FINE[kept])
    reasons = dict(found.quarantine.select("line", "reason").iter_rows())
    assert reasons[3] == "the vector has 2 numbers, not 4"
    assert '"i9"' in found.quarantine.filter(pl.col("line") == 10)["raw"][0]
    with pytest.raises(DataError, match="8 of 49 rows are bad"):
        enforce([found.tally], found.quarantine, 0.01, tmp_path / "quarantine.parquet")


def test_the_faults_of_a_matrix_are_those_of_a_column(tmp_path) -> None:
    matrix = FINE.copy()
    matrix[1], matrix[2], matrix[3], matrix[4] = np.nan, 0, 2, HUGE * 2
    path, ids = npy(tmp_path, matrix)
    by_matrix = codes(read(path, ids))
    by_column = codes(read(parquet(tmp_path, [f"0{n}" for n in range(50)], matrix.tolist())))
    assert by_matrix == by_column == {2: "non_finite", 3: "zero_vector", 4: "constant_vector", 5: "huge_vector"}


def slow_fault(vector) -> str:
    if any(not np.isfinite(x) for x in vector):
        return "non_finite"
    if any(abs(x) > HUGE for x in vector):
        return "huge_vector"
    if all(abs(x) < TINY for x in vector):
        return "zero_vector"
    largest = max(abs(x) for x in vector)
    return "constant_vector" if len(vector) > 1 and max(vector) - min(vector) <= 1e-6 * largest else ""


NUMBERS = st.one_of(
    st.floats(), st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-7, HUGE, -HUGE * 2, TINY / 2, np.nan, np.inf])
)


@given(arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(1, 4)), elements=NUMBERS))
def test_faults_agree_with_one_row_at_a_time(vectors) -> None:
    assert faults(vectors).tolist() == [slow_fault(vector.tolist()) for vector in vectors]


def test_the_width_is_what_most_have(tmp_path) -> None:
    rows = [[1.0, 2.0, 3.0]] * 2 + [[1.0, 2.0]] * 3
    path = parquet(tmp_path, list("abcde"), rows)
    assert codes(read(path)) == {1: "wrong_dimension", 2: "wrong_dimension"}


def test_no_vector_at_all(tmp_path) -> None:
    found = read(parquet(tmp_path, ["a", "b"], [None, []]))
    assert codes(found) == {2: "wrong_dimension"}
    assert found.values.to_list() == []
    assert not read(parquet(tmp_path, ["a"], [None], pl.Null)).tally.bad


def test_bad_ids_are_refused_and_repeated_ones_must_agree(tmp_path) -> None:
    ids = ["a", "", None, "b c", "d", "d", "e", "e", "a"]
    rows = FINE[:9].copy()
    rows[8] = rows[0]
    rows[0, 0], rows[8, 0] = 0.0, -0.0
    rows[5] = rows[4]
    found = read(parquet(tmp_path, ids, rows.tolist()))
    assert codes(found) == {2: "empty_id", 3: "empty_id", 4: "bad_id", 7: "duplicate_id", 8: "duplicate_id"}
    assert found.ids.to_list() == ["a", "d"]
    assert np.allclose(matrix_of(found), rows[[0, 4]])
    assert [(note.code, note.count) for note in found.notes] == [("repeated_row", 2)]


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("hidden", ["objects", "pickle", "npz"])
def test_pickles_are_never_read(tmp_path, hidden) -> None:
    path, ids = npy(tmp_path, FINE)
    if hidden == "objects":
        np.save(path, np.array([[Harmful()]], dtype=object), allow_pickle=True)
    elif hidden == "pickle":
        path.write_bytes(pickle.dumps(Harmful()))
    else:
        with path.open("wb") as file:
            np.savez(file, FINE)
    with pytest.raises(DataError) as error:
        read(path, ids)
    assert error.value.code == ("pickled_npy" if hidden == "objects" else "bad_npy")


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        (np.zeros(3), "wrong_shape"),
        (np.zeros((2, 2, 2)), "wrong_shape"),
        (np.zeros((2, 2), dtype=complex), "wrong_shape"),
        (np.zeros((2, 2), dtype=bool), "wrong_shape"),
        (np.array([["a"]]), "wrong_shape"),
        (np.zeros((2, 2), dtype=[("x", "f4")]), "wrong_shape"),
    ],
)
def test_other_arrays_are_refused(tmp_path, matrix, code) -> None:
    path, ids = npy(tmp_path, matrix, ids=["a"])
    with pytest.raises(DataError, match=code):
        read(path, ids)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_nothing_is_no_matrix(tmp_path, shape) -> None:
    path, ids = npy(tmp_path, np.zeros(shape), ids=["a"])
    with pytest.raises(DataError, match=r"wrong_shape|bad_npy"):
        read(path, ids)


def test_ids_and_rows_must_be_as_many(tmp_path) -> None:
    path, ids = npy(tmp_path, FINE, ids=["a", "b"])
    with pytest.raises(DataError, match="length_mismatch"):
        read(path, ids)
    with pytest.raises(DataError, match="missing_ids"):
        read(path)
    ids.write_text('item_id,more\na,1\n"unclosed\n')
    with pytest.raises(DataError, match="length_mismatch"):
        read(path, ids)


def test_a_column_of_something_else_is_named(tmp_path) -> None:
    path = parquet(tmp_path, ["a"], ["1,2,3"], pl.String)
    with pytest.raises(DataError, match="wrong_type") as error:
        read(path)
    assert "vector" in error.value.where
    with pytest.raises(DataError, match="did you mean 'vector'"):
        read(path, column="vectors")


def valid_npy() -> bytes:
    file = io.BytesIO()
    np.save(file, FINE[:3].astype(np.float32))
    return file.getvalue()


def attempt(folder, name: str, content: bytes, **options) -> None:
    """Whatever the bytes, either vectors that are sound or an error that says why not."""
    path = folder / name
    path.write_bytes(content)
    try:
        found = read(path, **options)
    except DataError as error:
        said = error
    else:
        said = None
    rounded = {"", "zero_vector", "constant_vector"}
    if said:
        assert said.code
        assert said.fix
    else:
        assert not set(faults(matrix_of(found).astype(np.float64).reshape(len(found.ids), -1))) - rounded


HEADERS = st.sampled_from(
    [
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 384), }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }",
        b"{'descr': '<f4', 'fortran_order': 1, 'shape': 'x', }",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4L), }",
        b"(" * 3000,
        b"__import__('os')",
    ]
)


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda tail: b"\x93NUMPY" + tail),
        st.tuples(HEADERS, st.binary(max_size=64)).map(
            lambda p: b"\x93NUMPY\x01\x00" + len(p[0] + b"\n").to_bytes(2, "little") + p[0] + b"\n" + p[1]
        ),
        st.tuples(st.integers(0, len(valid_npy()) - 1), st.integers(0, 255)).map(
            lambda p: valid_npy()[: p[0]] + bytes([p[1]]) + valid_npy()[p[0] + 1 :]
        ),
        st.integers(0, len(valid_npy())).map(lambda cut: valid_npy()[:cut]),
    )
)
def test_any_bytes_in_a_npy_are_answered(tmp_path_factory, content) -> None:
    folder = tmp_path_factory.mktemp("npy")
    (folder / "ids.csv").write_text("item_id\na\nb\nc\n")
    attempt(folder, "shop.npy", content, ids=folder / "ids.csv")


def valid_parquet() -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"item_id": ["a", "b", "c"], "vector": FINE[:3].tolist()}).write_parquet(
        file, compression="uncompressed"
    )
    return file.getvalue()


@given(st.integers(4, len(valid_parquet()) - 5), st.integers(0, 255), st.booleans())
def test_a_damaged_parquet_is_answered(tmp_path_factory, place, byte, cut) -> None:
    content = valid_parquet()
    content = content[:place] + b"PAR1" if cut else content[:place] + bytes([byte]) + content[place + 1 :]
    attempt(tmp_path_factory.mktemp("parquet"), "shop.parquet", content)


SHOP = Schema(name="s", items=ItemRoles(categorical=("brand",)))


def items(ids):
    return table_of(pl.DataFrame({"item_id": ids, "brand": "b"}), "items.csv")


def test_a_file_becomes_a_column_of_the_items(tmp_path) -> None:
    npy(tmp_path, FINE, name="style.npy")
    parquet(tmp_path, ["07", "00"], FINE[:2].tolist())
    files = {"style": VectorFile(file="style.npy", ids="ids.csv"), "shape": VectorFile(file="shop.parquet")}
    schema = Schema(name="s", items=SHOP.items, vectors=files)
    found = join_vectors(items(["00", "zz", "07", None]), schema, tmp_path)
    frame = found.items.frame
    assert frame["item_id"].to_list() == ["00", "zz", "07", None]
    assert np.allclose(frame["style"][0], FINE[0])
    assert np.allclose(frame["style"][2], FINE[7])
    assert np.allclose(frame["shape"][2], FINE[0])
    assert frame["style"].is_null().to_list() == frame["shape"].is_null().to_list() == [False, True, False, True]
    assert found.schema == Schema(name="s", items=ItemRoles(categorical=("brand",), vector=("style", "shape")))
    assert [(note.code, note.table, note.count) for note in found.notes] == [("unknown_vectors", "vectors.style", 48)]
    assert [(tally.table, tally.read, tally.kept) for tally in found.tallies] == [
        ("vectors.style", 50, 50),
        ("vectors.shape", 2, 2),
    ]


def test_whole_numbers_are_ids_too(tmp_path) -> None:
    parquet(tmp_path, [7, 8], FINE[:2].tolist())
    schema = Schema(name="s", vectors={"v": VectorFile(file="shop.parquet")})
    assert join_vectors(items([8, 9]), schema, tmp_path).items.frame["v"].is_null().to_list() == [False, True]


@pytest.mark.parametrize(
    ("name", "place", "code"),
    [
        ("brand", VectorFile(file="shop.parquet"), "name_taken"),
        ("family", VectorFile(file="shop.parquet"), "name_taken"),
        ("v", VectorFile(file="shop.parquet", id_column="other"), "no_known_item"),
        ("v", VectorFile(file="shopp.parquet"), "missing_file"),
        ("v", VectorFile(file="shop.npy", ids="idz.csv"), "missing_file"),
    ],
)
def test_files_that_cannot_join_are_told(tmp_path, name, place, code) -> None:
    npy(tmp_path, FINE)
    rows = {"item_id": ["00"], "other": ["7"], "vector": [[1.0, 2.0]]}
    pl.DataFrame(rows).write_parquet(tmp_path / "shop.parquet")
    with pytest.raises(DataError, match=code) as caught:
        join_vectors(items(["00"]), Schema(name="s", vectors={name: place}), tmp_path)
    assert caught.value.fix
