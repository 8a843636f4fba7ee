"""Whether a picture file is a picture and nothing else, told from its bytes without decoding them.

A decoder stops at a picture's end, and skips what it does not know on the way. What stands there may be an archive, a
page or a script to another program: such a file is called a polyglot.

Where each format ends: ITU T.81 annex B (JPEG), PNG 3rd edition section 5, the WebP container (RIFF), GIF89a
section 17. A BMP says where it ends but nothing holds it to that, so none counts as a picture only.
"""

import io
import re
import zipfile

_PADDING = b"\0\t\n\r "
"""What some programs write after a picture, and nothing can hide in."""
_FOREIGN = re.compile(rb"<script|<svg|<html|<!doctype|<\?php|%PDF-", re.IGNORECASE)
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_SCAN, _JPEG_END, _BARE = 0xDA, 0xD9, 0x01
"""JPEG markers; no length follows the latter two."""


def is_picture_only(content: bytes) -> bool:
    """Whether the picture file `content`, which can be decoded, ends with its picture and holds nothing foreign."""
    end = _end(content)
    if end is None or content[end:].strip(_PADDING):
        return False
    # An archive is found from its end, wherever it begins: in a comment, for instance.
    return not _FOREIGN.search(content) and not zipfile.is_zipfile(io.BytesIO(content))


def _end(content: bytes) -> int | None:
    """Place after the last byte of the picture; None where it cannot be told."""
    if content.startswith(b"\xff\xd8"):
        return _jpeg_end(content)
    if content.startswith(b"\x89PNG"):
        return _png_end(content)
    if content.startswith(b"GIF8"):
        return _gif_end(content)
    if content.startswith(b"RIFF"):
        return 8 + int.from_bytes(content[4:8], "little")
    return None


def _jpeg_end(content: bytes) -> int | None:
    at = 2
    while found := _MARKER.match(content, at):
        marker, at = content[found.end() - 1], found.end()
        if marker == _JPEG_END:
            return at
        if marker == _BARE:
            continue
        at += max(2, int.from_bytes(content[at : at + 2], "big"))
        if marker == _SCAN:
            following = _MARKER.search(content, at)
            at = following.start() if following else len(content)
    return None


def _png_end(content: bytes) -> int | None:
    at = 8
    while at + 12 <= len(content):
        kind = content[at + 4 : at + 8]
        at += 12 + int.from_bytes(content[at : at + 4], "big")
        if kind == b"IEND":
            return at
    return None


def _gif_end(content: bytes) -> int | None:
    at = 13 + _colours(content, 10)
    while at < len(content):
        kind = content[at]
        if kind == 0x3B:
            return at + 1
        if kind == 0x21:  # an extension and its label
            at += 2
        elif kind == 0x2C:  # an image: its frame, colours and code size
            at += 11 + _colours(content, at + 9)
        else:
            return None
        while at < len(content) and content[at]:
            at += 1 + content[at]
        at += 1
    return None


def _colours(content: bytes, flags_at: int) -> int:
    """Bytes of the colour table that the flags at a place announce."""
    flags = content[flags_at] if flags_at < len(content) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
