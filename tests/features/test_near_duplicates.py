import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from muslin.features import near_duplicates as module
from muslin.features.near_duplicates import fingerprints, grouped, near_pairs


def batch(**pictures: bytes) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(pictures), "bytes": list(pictures.values())})


def slow_pairs(hashes, colours) -> set[tuple[int, int]]:
    """Every pair, one by one, as the definition says."""
    contrast = [np.sqrt(c.reshape(-1, 3).astype(float).var(axis=0).mean()) for c in colours]
    found = set()
    for i in range(len(hashes)):
        for j in range(i + 1, len(hashes)):
            bits = bin(int(hashes[i]) ^ int(hashes[j])).count("1")
            apart = np.sqrt(np.mean((colours[i].astype(float) - colours[j]) ** 2))
            limit = module.MOST_APART * (min(contrast[i], contrast[j]) + 40)
            assert abs(apart - limit) > 1e-4, "the example is too near the limit to be told apart"
            if bits <= 4 and apart <= limit:
                found.add((i, j))
    return found


def planted(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and colours of which some are a few bits and levels from another."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    colours = rng.integers(0, 256, (n, 16, 16, 3)).astype(np.uint8)
    for row in range(n // 2, n):
        other = int(rng.integers(n // 2))
        flips = rng.choice(64, int(rng.integers(0, 8)), replace=False)
        hashes[row] = hashes[other] ^ np.uint64(sum(1 << int(bit) for bit in flips))
        noise = rng.normal(0, rng.choice([0.5, 3, 12]), colours[other].shape)
        colours[row] = np.clip(np.round(colours[other] + noise), 0, 255)
    return hashes, colours


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.sampled_from([2, 30, 61]))
def test_pairs_are_those_of_comparing_each_with_each(seed, n) -> None:
    hashes, colours = planted(seed, n)
    found = [tuple(pair) for part in near_pairs(hashes, colours) for pair in part.tolist()]
    assert len(found) == len(set(found))
    assert set(found) == slow_pairs(hashes, colours)


def test_small_blocks_find_the_same(monkeypatch) -> None:
    hashes, colours = planted(3, 80)
    expected = slow_pairs(hashes, colours)
    assert len(expected) > 5
    monkeypatch.setattr(module, "_BLOCK", 7)
    monkeypatch.setattr(module, "_WINDOW", 5)
    monkeypatch.setattr(module, "_VERIFIED", 2)
    assert {tuple(pair) for part in near_pairs(hashes, colours) for pair in part.tolist()} == expected


def test_few_links_at_a_time_connect_the_same(monkeypatch) -> None:
    hashes, colours = planted(5, 80)
    prints = module.Prints([str(n) for n in range(80)], np.arange(80), hashes, colours, {})
    whole = grouped(prints)
    monkeypatch.setattr(module, "_MOST_LINKS", 2)
    monkeypatch.setattr(module, "_BLOCK", 7)
    again = grouped(prints)
    assert len(set(whole)) < 80
    # Numbers may differ, what they connect may not.
    assert len(set(zip(whole, again, strict=True))) == len(set(whole)) == len(set(again))


def test_what_was_done_to_a_picture_does_not_hide_it(draw, encode) -> None:
    one = draw(1)
    width, height = one.size
    made = {
        "original": encode(one),
        "recompressed": encode(one, "JPEG", 30),
        "png": encode(one, "PNG"),
        "smaller": encode(one.resize((width // 3, height // 3))),
        "larger": encode(one.resize((width * 2, height * 2))),
        "cropped": encode(one.crop((2, 3, width - 2, height - 3))),
    }
    others = {f"other{n}": encode(draw(n)) for n in range(2, 8)}
    prints = fingerprints([batch(**made), batch(**others)])
    groups = dict(zip(prints.ids, grouped(prints).tolist(), strict=True))
    assert len({groups[name] for name in made}) == 1
    assert len({groups[name] for name in groups}) == 1 + len(others)


def test_another_colour_is_another_garment(draw, encode) -> None:
    red, green, blue = draw(1).split()
    from PIL import Image

    other = Image.merge("RGB", (blue, red, green))
    prints = fingerprints([batch(a=encode(draw(1)), b=encode(other))])
    assert len(set(grouped(prints).tolist())) == 2


def test_unusable_pictures_are_counted_by_code(draw, encode) -> None:
    prints = fingerprints([batch(a=b"", b=b"GIF", c=encode(draw(1))[:600], d=encode(draw(1)), e=b"<html>")])
    assert prints.ids == ["d"]
    assert sum(prints.refused.values()) == 4
    assert set(prints.refused) <= {"truncated", "not_a_picture"}


def test_a_picture_on_its_side_is_the_same_as_one_turned(draw, encode, tmp_path) -> None:
    one = draw(6)
    turned = one.transpose(2)  # a quarter to the left; EXIF tells to turn it back
    exif = turned.getexif()
    exif[0x0112] = 6
    import io

    file = io.BytesIO()
    turned.save(file, "JPEG", quality=90, exif=exif)
    prints = fingerprints([batch(a=encode(one), b=file.getvalue())])
    assert len(set(grouped(prints).tolist())) == 1
