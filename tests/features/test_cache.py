import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from muslin.data.decode import Refused
from muslin.errors import DataError, ModelError
from muslin.features import shards
from muslin.features.cache import Embedder, embed, embed_pictures, embed_texts
from muslin.features.shards import Shelf, pack, unpack

WIDTH = 6


def vector(content: bytes) -> np.ndarray:
    """A unit vector that depends on nothing but the content."""
    seed = int.from_bytes(hashlib.sha256(content).digest()[:8], "little")
    raw = np.random.Generator(np.random.PCG64(seed)).normal(size=WIDTH).astype(np.float32)
    return raw / np.linalg.norm(raw)


class Fake:
    """Counts what it is asked for; refuses contents that begin with `bad`; stops like a killed process after `last`."""

    def __init__(self, version: str = "1", last: int = 10**9) -> None:
        self.version, self.last = version, last
        self.prepared: list[bytes] = []
        self.encoded = 0

    def prepare(self, content: bytes) -> bytes | Refused:
        self.prepared.append(content)
        return Refused("bad", content.decode()) if content.startswith(b"bad") else content

    def encode(self, items: list[bytes]) -> np.ndarray:
        if self.encoded + len(items) > self.last:
            raise KeyboardInterrupt
        self.encoded += len(items)
        return np.stack([vector(item) for item in items])

    def embedder(self) -> Embedder[bytes]:
        return Embedder("fake", self.version, WIDTH, self.prepare, self.encode)


def run(fake: Fake, contents: list[bytes], cache: Path | None, batch: int = 4):
    return embed(fake.embedder(), iter(contents), total=len(contents), cache=cache, batch=batch)


def names(*numbers: int) -> list[bytes]:
    return [f"garment {n}".encode() for n in numbers]


def files(cache: Path) -> list[Path]:
    return sorted(cache.glob("*/*"))


def test_vectors_come_back_in_order_and_twins_are_embedded_once(tmp_path) -> None:
    fake = Fake()
    contents = names(3, 1, 3, 2, 1, 3)
    found = run(fake, contents, tmp_path)
    assert np.allclose(found.vectors, [vector(c) for c in contents], atol=1e-3)
    assert fake.prepared == names(3, 1, 2)
    assert found.fresh == 3
    assert found.present.all()


def test_a_hundred_new_garments_cost_a_hundred(tmp_path) -> None:
    run(Fake(), names(*range(300)), tmp_path)
    fake = Fake()
    found = run(fake, names(*range(400)), tmp_path)
    assert sorted(fake.prepared) == sorted(names(*range(300, 400)))
    assert found.fresh == 100
    again = Fake()
    assert np.array_equal(run(again, names(*range(400)), tmp_path).vectors, found.vectors)
    assert not again.prepared


@given(st.lists(st.lists(st.integers(0, 30), max_size=25), min_size=1, max_size=5), st.integers(1, 9))
def test_any_runs_give_what_no_cache_gives(tmp_path_factory, runs, batch) -> None:
    cache = tmp_path_factory.mktemp("cache")
    seen: set[bytes] = set()
    for numbers in runs:
        contents = [
            c.replace(b"garment", b"bad") if n % 5 == 0 else c for n, c in zip(numbers, names(*numbers), strict=True)
        ]
        fake = Fake()
        found = run(fake, contents, cache, batch)
        plain = run(Fake(), contents, None)
        assert np.array_equal(found.vectors, plain.vectors)
        assert found.refused == plain.refused
        assert set(fake.prepared) == set(contents) - seen
        assert found.fresh == len(fake.prepared) == len(set(fake.prepared))
        seen |= set(contents)


def test_what_was_refused_is_remembered_with_its_reason(tmp_path) -> None:
    contents = [b"bad a", *names(1), b"bad b", b"bad a"]
    for fake in (Fake(), Fake()):
        found = run(fake, contents, tmp_path)
        assert found.refused == {0: Refused("bad", "bad a"), 2: Refused("bad", "bad b"), 3: Refused("bad", "bad a")}
        assert found.present.tolist() == [False, True, False, False]
        assert not found.vectors[[0, 2, 3]].any()
    assert not fake.prepared


def test_an_interrupted_run_keeps_its_finished_batches(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Fake(last=11), names(*range(20)), tmp_path)
    fake = Fake()
    found = run(fake, names(*range(20)), tmp_path)
    assert fake.prepared == names(*range(8, 20))
    assert np.array_equal(found.vectors, run(Fake(), names(*range(20)), None).vectors)


def test_the_cache_of_a_killed_process_is_sound(tmp_path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_cache as t\n"
        "f = t.Fake(last=9)\n"
        "f.encode = lambda items, e=f.encode: os.kill(os.getpid(), 9) if f.encoded > 7 else e(items)\n"
        "t.run(f, t.names(*range(20)), Path(sys.argv[2]))"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    fake = Fake()
    run(fake, names(*range(20)), tmp_path)
    assert fake.prepared == names(*range(8, 20))


@pytest.mark.parametrize("damage", ["flip", "flip in the header", "cut", "empty", "foreign"])
def test_a_damaged_shard_is_noticed_and_made_anew(tmp_path, damage) -> None:
    whole = run(Fake(), names(*range(12)), tmp_path)
    victim = files(tmp_path)[0]
    content = bytearray(victim.read_bytes())
    if damage == "flip":
        content[-5] ^= 1
    elif damage == "flip in the header":
        content[len(content) // 3] ^= 1
    elif damage == "cut":
        content = content[:-1]
    elif damage == "empty":
        content = bytearray()
    else:  # sound in itself, but no shard of this encoder
        content = bytearray(b"not safetensors")
        victim.unlink()
        victim = victim.with_name(hashlib.sha256(content).hexdigest() + ".safetensors")
    victim.write_bytes(content)
    fake = Fake()
    found = run(fake, names(*range(12)), tmp_path)
    assert found.damaged == 1
    assert len(fake.prepared) == 4
    assert np.array_equal(found.vectors, whole.vectors)
    assert run(Fake(), names(*range(12)), tmp_path).damaged == 0


def test_versions_and_encoders_do_not_mix(tmp_path) -> None:
    run(Fake(), names(1), tmp_path)
    for embedder in (Fake("2").embedder(), Embedder("other", "1", WIDTH, Fake().prepare, Fake().encode)):
        assert embed(embedder, names(1), total=1, cache=tmp_path).fresh == 1
    first, second, _ = (path.parent for path in files(tmp_path))
    moved = next(first.iterdir()).rename(second / next(first.iterdir()).name)
    assert None in list(Shelf(second, WIDTH).read())  # a shard carried to another encoder is no shard there
    assert not moved.exists()


def test_two_processes_fill_one_cache(tmp_path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; import test_cache as t\n"
        "from muslin.features import cache; cache._MERGE_EVERY = 2\n"
        "n = t.names(*range(90)); n = n if sys.argv[3] == 'up' else n[::-1]\n"
        "found = t.run(t.Fake(), n, Path(sys.argv[2]), batch=1)\n"
        "assert all(t.np.allclose(v, t.vector(c), atol=1e-3) for v, c in zip(found.vectors, n))"
    )
    here = str(Path(__file__).parent)
    both = [subprocess.Popen([sys.executable, "-c", code, here, str(tmp_path), way]) for way in ("up", "down")]
    assert [process.wait() for process in both] == [0, 0]
    fake = Fake()
    found = run(fake, names(*range(90)), tmp_path)
    assert not fake.prepared
    assert found.damaged == 0


def test_small_shards_are_merged_and_nothing_is_lost(tmp_path) -> None:
    contents = [*names(*range(60)), b"bad a", b"bad b"]
    found = run(Fake(), contents, tmp_path, batch=1)
    assert len(files(tmp_path)) < shards._MANY
    fake = Fake()
    again = run(fake, contents, tmp_path)
    assert not fake.prepared
    assert np.array_equal(again.vectors, found.vectors)
    assert again.refused == found.refused


def test_a_reader_finds_what_was_merged_under_its_hands(tmp_path) -> None:
    run(Fake(), names(*range(8)), tmp_path, batch=1)
    shelf = Shelf(files(tmp_path)[0].parent, WIDTH)
    reading = shelf.read()
    first = next(reading)
    shelf._join([path for path in files(tmp_path) if path != first.path])
    assert len(files(tmp_path)) == 2
    keys = {key for shard in (first, *reading) for key in shard.keys}
    assert keys == {hashlib.sha256(c).digest() for c in names(*range(8))}


def test_a_cache_that_goes_while_it_is_read_says_so(tmp_path) -> None:
    run(Fake(), names(1, 2), tmp_path)

    def contents():
        for path in files(tmp_path):
            path.unlink()
        yield from names(1, 2)

    with pytest.raises(DataError, match="cache_changed"):
        embed(Fake().embedder(), contents(), total=2, cache=tmp_path)


def test_half_written_files_are_swept_when_nobody_writes_them_any_more(tmp_path) -> None:
    run(Fake(), names(1), tmp_path)
    folder = files(tmp_path)[0].parent
    old, new = folder / ".1-aa", folder / ".2-bb"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (0, 0))
    run(Fake(), names(1), tmp_path)
    assert not old.exists()
    assert new.exists()


def test_contents_are_read_one_batch_ahead_at_most(tmp_path) -> None:
    fake, given_out = Fake(), []

    def contents():
        for content in names(*range(40)):
            given_out.append(content)
            assert len(given_out) - len(fake.prepared) <= 4
            yield content

    embed(fake.embedder(), contents(), total=40, cache=tmp_path, batch=4)


@pytest.mark.parametrize("total", [2, 4])
def test_the_wrong_number_of_contents_is_an_error(tmp_path, total) -> None:
    with pytest.raises(ValueError, match=r"contents"):
        embed(Fake().embedder(), names(1, 2, 3), total=total, cache=tmp_path)


@pytest.mark.parametrize(
    "vectors", [np.zeros((1, WIDTH), np.float32), np.zeros((2, WIDTH)), np.zeros((2, 1), np.float32)]
)
def test_an_encoder_that_breaks_its_promises_is_named(tmp_path, vectors) -> None:
    embedder = Embedder("broken", "1", WIDTH, bytes, lambda _: vectors)
    with pytest.raises(ModelError, match="bad_encoder") as error:
        embed(embedder, names(1, 2), total=2, cache=tmp_path)
    assert error.value.where == "broken"


def test_vectors_that_are_no_numbers_are_refused_for_good(tmp_path) -> None:
    def encode(items):
        return np.stack([np.full(WIDTH, np.nan, np.float32) if b"7" in item else vector(item) for item in items])

    embedder = Embedder("half", "1", WIDTH, bytes, encode)
    for fresh in (3, 0):
        found = embed(embedder, names(6, 7, 8), total=3, cache=tmp_path)
        assert {row: why.code for row, why in found.refused.items()} == {1: "non_finite"}
        assert np.isfinite(found.vectors).all()
        assert found.fresh == fresh


def test_a_cache_that_cannot_be_written_says_so(tmp_path) -> None:
    place = tmp_path / "file"
    place.write_text("")
    with pytest.raises(DataError, match="cannot_write"):
        run(Fake(), names(1), place)


def test_texts_without_words_are_missing(tmp_path) -> None:
    class Texts:
        name, version, width = "texts", "1", WIDTH

        def encode(self, texts):
            return np.stack([vector(text.encode()) for text in texts])

    found = embed_texts(Texts(), ["红色连衣裙", "", " \n", "red dress"], cache=tmp_path)
    assert {row: why.code for row, why in found.refused.items()} == {1: "empty_text", 2: "empty_text"}
    assert np.allclose(found.vectors[3], vector(b"red dress"), atol=1e-3)


def test_pictures_are_decoded_on_a_miss_only(tmp_path, monkeypatch) -> None:
    import io

    from PIL import Image

    class Means:
        name, version, width, size = "means", "1", 3, 16

        def encode(self, pictures):
            assert pictures.shape[1:] == (16, 16, 3)
            return (pictures.mean(axis=(1, 2)) / 255).astype(np.float32)

    def png(level: int) -> bytes:
        file = io.BytesIO()
        picture = Image.new("RGB", (16, 16), (level, 0, 0))
        picture.putpixel((0, 0), (255, 255, 255))
        picture.save(file, "PNG")
        return file.getvalue()

    contents = [png(200), b"<html>", png(100), png(200)]
    found = embed_pictures(Means(), contents, total=4, cache=tmp_path)
    assert {row: why.code for row, why in found.refused.items()} == {1: "not_a_picture"}
    assert np.allclose(found.vectors[:, 0], [200 / 255, 0, 100 / 255, 200 / 255], atol=0.01)
    monkeypatch.setattr("muslin.data.decode.decode", None)
    again = embed_pictures(Means(), contents, total=4, cache=tmp_path)
    assert np.array_equal(again.vectors, found.vectors)
    assert again.refused == found.refused


@given(arrays(np.float32, (3, 5), elements=st.floats(-(2.0**100), 2.0**100, width=32)))
def test_packing_keeps_direction_and_length(vectors) -> None:
    back = unpack(pack(vectors))
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    assert (np.abs(back - vectors) <= 2e-3 * largest).all()
    length, kept = (np.linalg.norm(v.astype(np.float64), axis=1) for v in (vectors, back))
    assert np.allclose(length, kept, rtol=1e-5, atol=1e-37)
