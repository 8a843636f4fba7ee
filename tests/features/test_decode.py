import io
import subprocess
import sys
import warnings
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from muslin.data.pictures import SIZE_LIMIT
from muslin.features.decode import FORMATS, MOST_SCANS, PIXEL_LIMIT, Refused, decode, reencode

SIDE = 48
LOSSY = {"JPEG", "WEBP"}


def drawing() -> Image.Image:
    """A tall picture, different in every corner, with smooth and flat parts."""
    y, x = np.mgrid[0:96, 0:64]
    pixels = np.stack([2 * y + 20, 3 * x + 30, 200 - y], axis=2).astype(np.uint8)
    pixels[10:40, 8:30] = (200, 30, 40)
    pixels[60:90, 40:60] = (20, 40, 160)
    return Image.fromarray(pixels)


def stored(picture: Image.Image, form: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def kinds() -> dict[str, bytes]:
    picture, other = drawing(), drawing().transpose(Image.Transpose.ROTATE_180)
    found = {form: stored(picture, form, **({"quality": 95} if form in LOSSY else {})) for form in FORMATS}
    found["JPEG progressive"] = stored(picture, "JPEG", progressive=True)
    found["PNG interlaced"] = stored(picture, "PNG", interlace=True)
    found["WEBP lossless"] = stored(picture, "WEBP", lossless=True)
    found |= {
        f"{form} animated": stored(picture, form, save_all=True, append_images=[other])
        for form in ("PNG", "GIF", "WEBP")
    }
    return found


KINDS = kinds()


def pixels(content: bytes, size: int = SIDE) -> np.ndarray:
    found = decode(content, size)
    assert not isinstance(found, Refused), found
    assert found.shape == (size, size, 3)
    assert found.dtype == np.uint8
    return found.astype(int)


def refused(content: bytes) -> str:
    found = decode(content, SIDE)
    assert isinstance(found, Refused)
    assert reencode(content) == found
    return found.code


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).mean())


PLAIN = pixels(KINDS["BMP"])


def test_proportions_are_kept_on_white() -> None:
    canvas = np.full((SIDE, SIDE, 3), 255)
    canvas[:, 8:40] = np.asarray(drawing().resize((32, 48), Image.Resampling.BICUBIC))
    assert np.abs(PLAIN - canvas).max() <= 2
    wide = pixels(stored(drawing().transpose(Image.Transpose.ROTATE_90), "PNG"))
    assert (wide[:8] == 255).all()
    assert (wide[40:] == 255).all()
    assert not (wide[8:40] == 255).all(axis=2).any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_pixels(kind) -> None:
    limit = 6 if kind.split()[0] in {*LOSSY, "GIF"} else 0.1  # a GIF has 256 colours
    assert distance(pixels(KINDS[kind]), PLAIN) < limit


def test_a_large_jpeg_read_smaller_is_the_same_picture() -> None:
    large = drawing().resize((1280, 1920), Image.Resampling.BICUBIC)
    assert distance(pixels(stored(large, "JPEG", quality=95)), pixels(stored(large, "PNG"))) < 2


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
    assert distance(pixels(stored(picture, form, exif=exif)), PLAIN) < 8


@pytest.mark.parametrize("exif", [b"nonsense", b"MM\0*\0\0\0\x08\xff\xff", b"MM\0*\0\0", b"MM\x04*\0\0\0\x08\0\0", b""])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_ignored(form, exif) -> None:
    assert distance(pixels(stored(drawing(), form, quality=95, exif=b"Exif\0\0" + exif)), PLAIN) < 6


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "L"), ("PNG", "P"), ("PNG", "1"), ("GIF", "L")]
)
def test_other_colours_become_rgb(form, mode) -> None:
    picture = drawing().convert(mode)
    assert distance(pixels(stored(picture, form)), pixels(stored(picture.convert("RGB"), "PNG"))) < 6


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    grey = np.asarray(drawing().convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 256 + 255 - grey)
    assert deep.mode.startswith("I;16")
    assert distance(pixels(stored(deep, "PNG")), pixels(stored(Image.fromarray(grey), "PNG"))) < 0.1


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparent_parts_are_white(form) -> None:
    picture = drawing().convert("RGBA")
    alpha = np.full((96, 64), 255, dtype=np.uint8)
    alpha[:48], alpha[48:60] = 0, 128
    picture.putalpha(Image.fromarray(alpha))
    found = pixels(stored(picture, form, lossless=True) if form == "WEBP" else stored(picture, form))
    assert (found[:23] == 255).all()
    assert distance(found[25:29, 8:40], (PLAIN[25:29, 8:40] + 255) / 2) < 2
    assert distance(found[31:], PLAIN[31:]) < 1


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_transparent_colour_is_white(mode) -> None:
    picture = drawing() if mode == "RGB" else drawing().quantize(32, dither=Image.Dither.NONE)
    spot = picture.getpixel((20, 20))
    found = pixels(stored(picture, "PNG", transparency=spot))
    assert (found[7:18, 13:22] == 255).all()
    assert distance(found[35:40, 30:34], PLAIN[35:40, 30:34]) < 20


def test_a_transparent_grey_and_alpha_is_white() -> None:
    picture = drawing().convert("LA")
    picture.putalpha(Image.fromarray(np.repeat(np.uint8([[0], [255]]), 48, axis=0).repeat(64, axis=1)))
    assert (pixels(stored(picture, "PNG"))[:23] == 255).all()


def with_size(form: str, width: int, height: int) -> bytes:
    """A small file whose header promises `width` x `height` pixels."""
    data = bytearray(KINDS["WEBP lossless" if form == "WEBP" else form])
    if form == "PNG":
        data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    elif form == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    elif form == "GIF":
        data[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    elif form == "BMP":
        data[18:26] = width.to_bytes(4, "little") + height.to_bytes(4, "little")
    else:
        data[21:25] = ((width - 1) | (height - 1) << 14).to_bytes(4, "little")
    return bytes(data)


HUGE = {"PNG": 50_000, "JPEG": 65_500, "GIF": 65_500, "BMP": 50_000, "WEBP": 16_000}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("pixels_wanted", ["huge", "a little too many"])
def test_too_many_pixels_are_refused(form, pixels_wanted) -> None:
    side = HUGE[form] if pixels_wanted == "huge" else int(PIXEL_LIMIT**0.5) + 1
    assert refused(with_size(form, side, side)) == "too_large"


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("tall", [False, True])
def test_a_strip_that_no_jpeg_could_hold_is_refused(form, tall) -> None:
    sides = (20, 65_530) if tall else (65_530, 20)
    assert refused(with_size(form, *sides)) == "too_large"


def test_as_many_pixels_as_allowed_are_decoded() -> None:
    ramp = np.tile(np.arange(4000) > 1999, (PIXEL_LIMIT // 4000, 1))
    assert set(np.unique(pixels(stored(Image.fromarray(ramp), "PNG")))) > {0, 255}


def test_a_promise_of_pixels_takes_no_memory() -> None:
    files = [with_size(form, side, side) for form, side in HUGE.items()]
    code = f"""
import resource
from muslin.features.decode import decode
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
    content = KINDS["JPEG progressive"]
    last = content.rindex(b"\xff\xda")
    more = [content[:-2] + content[last:-2] * n + content[-2:] for n in (3, MOST_SCANS)]
    assert not isinstance(decode(more[0], SIDE), Refused)
    assert refused(more[1]) == "too_large"


@pytest.mark.parametrize(
    "content",
    [b"<!doctype html><html></html>", b'<svg xmlns="http://www.w3.org/2000/svg"/>', b"GIF", b"%PDF-1.7", b"\0" * 99],
)
def test_something_else_is_not_a_picture(content) -> None:
    assert refused(content) == "not_a_picture"


@pytest.mark.parametrize("form", ["TIFF", "ICO", "PPM", "AVIF", "JPEG2000", "PCX"])
def test_other_formats_are_not_opened(form) -> None:
    assert refused(stored(drawing(), form)) == "not_a_picture"


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
    assert refused(stored(picture, "JPEG")) == "uninformative"


def test_wholly_transparent_is_uninformative() -> None:
    picture = drawing()
    picture.putalpha(0)
    assert refused(stored(picture, "PNG")) == "uninformative"


def test_faint_contrast_is_still_a_picture() -> None:
    faint = np.full((40, 40), 30, dtype=np.uint8)
    faint[10:20, 10:20] = 35
    pixels(stored(Image.fromarray(faint), "PNG"))


def polyglot(form: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("secret.txt", "SECRET" * 9)
    content = KINDS[form] + archive.getvalue()
    assert zipfile.is_zipfile(io.BytesIO(content))
    return content


@pytest.mark.parametrize("form", FORMATS)
def test_what_hides_behind_a_picture_is_gone(form) -> None:
    content = polyglot(form)
    assert np.array_equal(pixels(content), pixels(KINDS[form]))
    clean = reencode(content)
    assert not zipfile.is_zipfile(io.BytesIO(clean))
    assert distance(pixels(clean), pixels(KINDS[form])) < 3
    with Image.open(io.BytesIO(clean)) as picture:
        assert picture.size == (64, 96)
        assert picture.format == ("JPEG" if form in LOSSY else "PNG")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_metadata_is_gone(form) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    more = {"comment": "SECRET"} if form == "JPEG" else {}
    content = stored(drawing(), form, exif=exif, icc_profile=b"SECRET profile", dpi=(99, 99), **more)
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
    found, clean = decode(content, SIDE), reencode(content)
    assert isinstance(found, Refused) == isinstance(clean, Refused)
    if isinstance(found, Refused):
        assert found.code in {"not_a_picture", "truncated", "too_large", "uninformative"}
    else:
        assert found.shape == (SIDE, SIDE, 3)
        pixels(clean)


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


@pytest.mark.data
def test_shop_pictures_are_accepted(research_data) -> None:
    pictures = pl.read_parquet(research_data / "hm_week" / "images.parquet", columns=["jpeg"]).to_series()
    for content in islice(pictures, 0, None, 40):
        pixels(content)
