import io
import subprocess
import sys
import time
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muslin.data import decode as decode_module
from muslin.data.decode import FORMATS, MOST_SCANS, PIXEL_LIMIT, SIZE_LIMIT, Refused, admitted, decode, reencode
from muslin.data.picture_ends import is_picture_only
from muslin.testing.pictures import LOSSY, bad, drawing, endless_scans, kinds, other_modes, polyglot, promising

SIDE = 48
KINDS = kinds()
BAD = bad()


def saved(picture: Image.Image, form: str, **options) -> bytes:
    """With whatever options Pillow has."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def pixels(content: bytes, size: int = SIDE) -> np.ndarray:
    found = decode(content, size)
    assert not isinstance(found, Refused), found
    assert found.shape == (size, size, 3)
    assert found.dtype == np.uint8
    return found.astype(int)


def refused(content: bytes) -> str:
    found = decode(content, SIDE)
    assert isinstance(found, Refused)
    assert reencode(content) == admitted(content) == found
    return found.code


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


PLAIN = pixels(KINDS["BMP"])


def test_proportions_are_kept_on_white() -> None:
    canvas = np.full((SIDE, SIDE, 3), 255)
    canvas[:, 8:40] = np.asarray(drawing().resize((32, 48), Image.Resampling.BICUBIC))
    assert np.abs(PLAIN - canvas).max() <= 2
    wide = pixels(saved(drawing().transpose(Image.Transpose.ROTATE_90), "PNG"))
    assert (wide[:8] == 255).all()
    assert (wide[40:] == 255).all()
    assert not (wide[8:40] == 255).all(axis=2).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_pixels(kind) -> None:
    limit = 6 if kind.split()[0] in {*LOSSY, "GIF"} else 0.1  # a GIF has 256 colours
    assert distance(pixels(KINDS[kind]), PLAIN) < limit


def test_a_large_jpeg_read_smaller_is_the_same_picture() -> None:
    large = drawing().resize((1280, 1920), Image.Resampling.BICUBIC)
    assert distance(pixels(saved(large, "JPEG", quality=95)), pixels(saved(large, "PNG"))) < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(orientation, form) -> None:
    turn = Image.Transpose
    undone = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }
    picture = drawing().transpose(undone[orientation]) if orientation > 1 else drawing()
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert distance(pixels(saved(picture, form, exif=exif)), PLAIN) < 8


@pytest.mark.parametrize("exif", [b"nonsense", b"MM\0*\0\0\0\x08\xff\xff", b"MM\0*\0\0", b"MM\x04*\0\0\0\x08\0\0", b""])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_ignored(form, exif) -> None:
    assert distance(pixels(saved(drawing(), form, quality=95, exif=b"Exif\0\0" + exif)), PLAIN) < 6


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "L"), ("PNG", "P"), ("PNG", "1"), ("GIF", "L")]
)
def test_other_colours_become_rgb(form, mode) -> None:
    picture = drawing().convert(mode)
    assert distance(pixels(saved(picture, form)), pixels(saved(picture.convert("RGB"), "PNG"))) < 6


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = np.asarray(drawing().convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 256 + 255 - grey)
    assert deep.mode.startswith("I;16")
    assert distance(pixels(saved(deep, "PNG")), pixels(saved(Image.fromarray(grey), "PNG"))) < 0.1


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparent_parts_are_white(form) -> None:
    picture = drawing().convert("RGBA")
    alpha = np.full((96, 64), 255, dtype=np.uint8)
    alpha[:48], alpha[48:60] = 0, 128
    picture.putalpha(Image.fromarray(alpha))
    found = pixels(saved(picture, form, lossless=True) if form == "WEBP" else saved(picture, form))
    assert (found[:23] == 255).all()
    assert distance(found[25:29, 8:40], (PLAIN[25:29, 8:40] + 255) / 2) < 2
    assert distance(found[31:], PLAIN[31:]) < 1


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_transparent_colour_is_white(mode) -> None:
    picture = drawing() if mode == "RGB" else drawing().quantize(32, dither=Image.Dither.NONE)
    spot = picture.getpixel((20, 20))
    found = pixels(saved(picture, "PNG", transparency=spot))
    assert (found[7:18, 13:22] == 255).all()
    assert distance(found[35:40, 30:34], PLAIN[35:40, 30:34]) < 20


def test_a_transparent_grey_and_alpha_is_white() -> None:
    picture = drawing().convert("LA")
    picture.putalpha(Image.fromarray(np.repeat(np.uint8([[0], [255]]), 48, axis=0).repeat(64, axis=1)))
    assert (pixels(saved(picture, "PNG"))[:23] == 255).all()


HUGE = {"PNG": 50_000, "JPEG": 65_500, "GIF": 65_500, "BMP": 50_000, "WEBP": 16_000}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("pixels_wanted", ["huge", "a little too many"])
def test_too_many_pixels_are_refused(form, pixels_wanted) -> None:
    side = HUGE[form] if pixels_wanted == "huge" else int(PIXEL_LIMIT**0.5) + 1
    assert refused(promising(form, side, side)) == "too_large"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("tall", [False, True])
def test_a_strip_that_no_jpeg_could_hold_is_refused(form, tall) -> None:
    sides = (20, 65_530) if tall else (65_530, 20)
    assert refused(promising(form, *sides)) == "too_large"


def test_as_many_pixels_as_allowed_are_decoded() -> None:
    ramp = np.tile(np.arange(4000) > 1999, (PIXEL_LIMIT // 4000, 1))
    assert set(np.unique(pixels(saved(Image.fromarray(ramp), "PNG")))) > {0, 255}


def test_a_promise_of_pixels_takes_no_memory() -> None:
    files = [promising(form, side, side) for form, side in HUGE.items()]
    code = f"""
import resource
from muslin.data.decode import decode
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
codes = {{decode(content, 224).code for content in {files!r}}}
print(codes, (peak() - before) // 1024 < 50)
"""
    found = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (found.stdout.strip(), found.stderr) == ("{'too_large'} True", "")


def test_a_huge_file_is_refused() -> None:
    assert refused(KINDS["JPEG"] + bytes(SIZE_LIMIT)) == "too_large"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    assert not isinstance(decode(endless_scans(3), SIDE), Refused)
    assert refused(endless_scans(MOST_SCANS)) == "too_large"


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_refused_by_code(name) -> None:
    assert refused(BAD[name].content) == BAD[name].code


@pytest.mark.parametrize(
    "content",
    [b"<!doctype html><html></html>", b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"GIF", b"%PDF-1.7", b"\0" * 99],
)
def test_something_else_is_not_a_picture(content) -> None:
    assert refused(content) == "not_a_picture"


@pytest.mark.parametrize("form", ["TIFF", "ICO", "PPM", "AVIF", "JPEG2000", "PCX"])
def test_other_formats_are_not_opened(form) -> None:
    assert refused(saved(drawing(), form)) == "not_a_picture"


def test_an_empty_file_is_cut_short() -> None:
    assert refused(b"") == "truncated"


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_file_is_cut_short(kind) -> None:
    content = KINDS[kind]
    share = 4 if kind == "GIF animated" else 2  # the first frame must be incomplete
    assert refused(content[: len(content) // share]) == "truncated"


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGB", (1, 1), "red"),
        drawing().resize((4, 6)),
        drawing().resize((300, 7)),
        Image.new("RGB", (64, 96), "red"),
        Image.new("CMYK", (64, 96), "red"),
        Image.new("L", (64, 96), 7),
    ],
    ids=["1x1", "tiny", "thin", "red", "cmyk", "grey"],
)
def test_nothing_to_see_is_uninformative(picture) -> None:
    assert refused(saved(picture, "JPEG")) == "uninformative"


def test_wholly_transparent_is_uninformative() -> None:
    picture = drawing()
    picture.putalpha(0)
    assert refused(saved(picture, "PNG")) == "uninformative"


def test_faint_contrast_is_still_a_picture() -> None:
    faint = np.full((40, 40), 30, dtype=np.uint8)
    faint[10:20, 10:20] = 35
    pixels(saved(Image.fromarray(faint), "PNG"))


@pytest.mark.parametrize("form", FORMATS)
def test_what_hides_behind_a_picture_is_gone(form) -> None:
    content = polyglot(form)
    assert zipfile.is_zipfile(io.BytesIO(content))
    assert np.array_equal(pixels(content), pixels(KINDS[form]))
    clean = reencode(content)
    assert not zipfile.is_zipfile(io.BytesIO(clean))
    assert distance(pixels(clean), pixels(KINDS[form])) < 3
    with Image.open(io.BytesIO(clean)) as picture:
        assert picture.size == (64, 96)
        assert picture.format == ("JPEG" if form in LOSSY else "PNG")


@pytest.mark.parametrize("name", [*KINDS, *other_modes()])
def test_a_picture_and_nothing_else_is_admitted_to_the_bit(name) -> None:
    content = (KINDS | other_modes())[name]
    found = admitted(content)
    assert found == (reencode(content) if name == "BMP" else content)
    assert is_picture_only(found)
    assert admitted(content + b"\0\r\n") == (found if name == "BMP" else content + b"\0\r\n")  # padding is no cargo


def with_comment(text: bytes) -> bytes:
    """A JPEG whose comment, which decoders skip, is `text`."""
    return KINDS["JPEG"][:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + KINDS["JPEG"][2:]


def archive_in_a_comment() -> bytes:
    """Whose archive's own comment is the rest of the picture: nothing follows the picture's end."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("secret.txt", "SECRET")
        archive.comment = KINDS["JPEG"][2:]
    return with_comment(file.getvalue()[: -len(KINDS["JPEG"][2:])])


@pytest.mark.parametrize(
    "content",
    [
        *map(polyglot, FORMATS),
        with_comment(b"<script>alert(1)</script>"),
        with_comment(b"<?php system($_GET['c']);"),
        with_comment(b"%PDF-1.7"),
        archive_in_a_comment(),
        KINDS["PNG"] + b"more",
        KINDS["GIF"] + KINDS["PNG"],
        KINDS["JPEG"] + KINDS["JPEG"],
    ],
)
def test_what_carries_something_along_is_made_anew(content) -> None:
    found = admitted(content)
    assert found == reencode(content) != content
    assert is_picture_only(found)
    assert not zipfile.is_zipfile(io.BytesIO(found))
    assert distance(pixels(found), PLAIN) < 8


def test_a_comment_is_part_of_a_picture() -> None:
    content = with_comment(b"made with love")
    assert admitted(content) == content


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_metadata_is_gone(form) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    more = {"comment": "SECRET"} if form == "JPEG" else {}
    content = saved(drawing(), form, exif=exif, icc_profile=b"SECRET profile", dpi=(99, 99), **more)
    with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(reencode(content))) as after:
        assert {"exif", "icc_profile"} <= set(before.info)
        assert {name for name in after.info if not name.startswith("jfif")} == set()


class Plenty:
    """Strategies of hostile bytes, made from sound files."""

    files = st.sampled_from(sorted(KINDS.values()))
    edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=8), st.integers(0, 8)), max_size=6)
    beginnings = st.sampled_from(
        [b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"BM", b"RIFF"]
    )


def edited(content: bytes, edits: list[tuple[float, bytes, int]]) -> bytes:
    for place, put, drop in edits:
        at = int(place * len(content))
        content = content[:at] + put + content[at + drop :]
    return content


def holds(content: bytes) -> None:
    """Whatever the bytes: pixels or a reason, in both forms; no exception, no warning."""
    found, clean, kept = decode(content, SIDE), reencode(content), admitted(content)
    assert isinstance(found, Refused) == isinstance(clean, Refused) == isinstance(kept, Refused)
    if isinstance(found, Refused):
        assert found.code in {"not_a_picture", "truncated", "too_large", "uninformative"}
    else:
        assert found.shape == (SIDE, SIDE, 3)
        pixels(clean)
        assert is_picture_only(kept)


@given(Plenty.beginnings, st.binary(max_size=300))
def test_any_bytes_are_answered(beginning, rest) -> None:
    holds(beginning + rest)


@settings(max_examples=300)
@given(Plenty.files, Plenty.edits)
def test_damaged_pictures_are_answered(content, edits) -> None:
    holds(edited(content, edits))


@settings(max_examples=200)
@given(Plenty.files, st.floats(0, 1, exclude_max=True))
def test_a_cut_picture_is_refused_or_whole(content, share) -> None:
    found = decode(content[: int(share * len(content))], SIDE)
    assert isinstance(found, Refused) or np.array_equal(found, decode(content, SIDE))


@settings(max_examples=200)
@given(st.sampled_from(["PNG", "PNG interlaced", "PNG animated"]), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_a_wrong_checksum_is_noticed(kind, place, bit) -> None:
    content = bytearray(KINDS[kind])
    content[int(place * len(content))] ^= 1 << bit
    found = decode(bytes(content), SIDE)
    assert isinstance(found, Refused) or np.array_equal(found, decode(KINDS[kind], SIDE))


def test_threads_leave_the_warning_filters_as_they_were() -> None:
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda content: decode(content, SIDE), [*KINDS.values()] * 10))
    assert warnings.filters == before
    first = found[: len(KINDS)]
    assert all(np.array_equal(a, b) for a, b in zip(found, first * 10, strict=True))


def test_large_pictures_wait_for_one_another(monkeypatch) -> None:
    monkeypatch.setattr("muslin.data.decode.CROWD_LIMIT", 0)
    inside, most, real = [], [], decode_module._rgb

    def watched(picture):
        inside.append(1)
        time.sleep(0.001)
        most.append(len(inside))
        inside.pop()
        return real(picture)

    monkeypatch.setattr(decode_module, "_rgb", watched)
    with ThreadPoolExecutor(4) as pool:
        assert not [f for f in pool.map(admitted, [KINDS["PNG"]] * 40) if isinstance(f, Refused)]
    assert max(most) == 1


@pytest.mark.data
def test_shop_pictures_are_accepted(research_data) -> None:
    pictures = pl.read_parquet(research_data / "hm_week" / "images.parquet", columns=["jpeg"]).to_series()
    for content in islice(pictures, 0, None, 40):
        pixels(content)
