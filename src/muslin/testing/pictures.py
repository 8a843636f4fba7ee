"""Picture files to try with: one drawing in every format, and everything that is wrong with files of strangers."""

import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from muslin.data.decode import FORMATS, MOST_SCANS, PIXEL_LIMIT, SIZE_LIMIT

LOSSY = ("JPEG", "WEBP")


class Bad(NamedTuple):
    """A file and the code with which it is refused."""

    content: bytes
    code: str


def drawing() -> Image.Image:
    """A tall picture, 64 x 96, different in every corner, with smooth and flat parts."""
    y, x = np.mgrid[0:96, 0:64]
    pixels = np.stack([2 * y + 20, 3 * x + 30, 200 - y], axis=2).astype(np.uint8)
    pixels[10:40, 8:30] = (200, 30, 40)
    pixels[60:90, 40:60] = (20, 40, 160)
    return Image.fromarray(pixels)


def stored(picture: Image.Image, form: str, *, quality: int = 75) -> bytes:
    """`picture` as a file of the format `form`; `quality` is for those with loss."""
    file = io.BytesIO()
    picture.save(file, form, **({"quality": quality} if form in LOSSY else {}))
    return file.getvalue()


def kinds() -> dict[str, bytes]:
    """The drawing in every format and way of storing that is accepted."""
    picture, other = drawing(), drawing().transpose(Image.Transpose.ROTATE_180)
    found = {form: stored(picture, form, quality=95) for form in FORMATS}
    special = {
        "JPEG progressive": {"progressive": True},
        "PNG interlaced": {"interlace": True},
        "WEBP lossless": {"lossless": True},
    }
    animated = {f"{form} animated": {"save_all": True, "append_images": [other]} for form in ("PNG", "GIF", "WEBP")}
    for name, options in (special | animated).items():
        file = io.BytesIO()
        picture.save(file, name.split()[0], **options)
        found[name] = file.getvalue()
    return found


def promising(form: str, width: int, height: int) -> bytes:
    """A small file whose header promises `width` x `height` pixels."""
    data = bytearray(kinds()["WEBP lossless" if form == "WEBP" else form])
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


def endless_scans(scans: int = MOST_SCANS) -> bytes:
    """A progressive JPEG whose last scan comes `scans` times more."""
    content = kinds()["JPEG progressive"]
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * scans + content[-2:]


def polyglot(form: str) -> bytes:
    """A picture that is a zip archive too."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("secret.txt", "SECRET" * 9)
    return kinds()[form] + archive.getvalue()


def bad() -> dict[str, Bad]:
    """Every kind of file that is no picture to be had, by name."""
    known, side = kinds(), int(PIXEL_LIMIT**0.5) + 1
    checksum = bytearray(known["PNG"])
    checksum[-20] ^= 1
    transparent = drawing()
    transparent.putalpha(0)
    found = {
        "50k x 50k PNG": Bad(promising("PNG", 50_000, 50_000), "too_large"),
        "65k x 65k JPEG": Bad(promising("JPEG", 65_500, 65_500), "too_large"),
        "strip": Bad(promising("PNG", 65_530, 20), "too_large"),
        "20 MB and more": Bad(known["JPEG"] + bytes(SIZE_LIMIT), "too_large"),
        "endless scans": Bad(endless_scans(), "too_large"),
        "empty": Bad(b"", "truncated"),
        "wrong checksum": Bad(bytes(checksum), "truncated"),
        "HTML": Bad(b"<!doctype html><html><body>404</body></html>", "not_a_picture"),
        "SVG": Bad(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_a_picture"),
        "PDF": Bad(b"%PDF-1.7", "not_a_picture"),
        "zip": Bad(polyglot("PNG")[len(known["PNG"]) :], "not_a_picture"),
        "TIFF": Bad(stored(drawing(), "TIFF"), "not_a_picture"),
        "AVIF": Bad(stored(drawing(), "AVIF"), "not_a_picture"),
        "1 x 1": Bad(stored(Image.new("RGB", (1, 1), "red"), "PNG"), "uninformative"),
        "one colour": Bad(stored(Image.new("RGB", (64, 96), "red"), "JPEG"), "uninformative"),
        "transparent": Bad(stored(transparent, "PNG"), "uninformative"),
    }
    found |= {f"over 40 MP {form}": Bad(promising(form, side, side), "too_large") for form in FORMATS}
    # Of an animation the first frame must be incomplete.
    return found | {
        f"short {name}": Bad(content[: len(content) // (4 if name == "GIF animated" else 2)], "truncated")
        for name, content in known.items()
    }


def other_modes() -> dict[str, bytes]:
    """Sound pictures that are stored in an unusual way and become plain red, green and blue when decoded."""
    picture, exif = drawing(), Image.Exif()
    exif[0x0112] = 6
    turned, alpha = io.BytesIO(), drawing()
    picture.save(turned, "JPEG", exif=exif)
    alpha.putalpha(128)
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 256
    return {
        "CMYK": stored(picture.convert("CMYK"), "JPEG"),
        "16 bits": stored(Image.fromarray(grey), "PNG"),
        "alpha": stored(alpha, "PNG"),
        "palette": stored(picture.convert("P"), "PNG"),
        "turned by EXIF": turned.getvalue(),
        **{name: content for name, content in kinds().items() if "animated" in name},
    }
