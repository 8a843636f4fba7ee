import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.picture_ends import is_picture_only
from muslin.testing.pictures import kinds, other_modes, polyglot

SOUND = {name: content for name, content in (kinds() | other_modes()).items() if name != "BMP"}


@pytest.mark.parametrize("name", SOUND)
def test_a_picture_ends_where_its_file_does(name) -> None:
    content = SOUND[name]
    assert is_picture_only(content)
    assert is_picture_only(content + b"\0\0\r\n")
    assert not is_picture_only(content + b"x")
    assert not is_picture_only(content + content)


def test_nobody_can_tell_where_a_bmp_ends() -> None:
    assert not is_picture_only(kinds()["BMP"])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("text", [b"<SCRIPT>", b"<svg ", b"<html>", b"<!DOCTYPE html>", b"<?php ", b"%PDF-1.7"])
def test_foreign_words_anywhere_are_noticed(form, text) -> None:
    content = kinds()[form]
    assert not is_picture_only(content[:-20] + text + content[-20 + len(text) :])


@given(st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM"]), st.binary(max_size=200))
def test_any_bytes_are_answered(beginning, rest) -> None:
    assert is_picture_only(beginning + rest) in (True, False)


@given(st.sampled_from(sorted(SOUND)), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9))
def test_damaged_files_are_answered(name, place, put) -> None:
    at = int(place * len(SOUND[name]))
    assert is_picture_only(SOUND[name][:at] + put + SOUND[name][at + len(put) :]) in (True, False)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_an_archive_is_no_picture_only(form) -> None:
    assert zipfile.is_zipfile(io.BytesIO(polyglot(form)))
    assert not is_picture_only(polyglot(form))
