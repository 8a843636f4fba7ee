"""The reader against a second one: where both accept, they agree; where ours is stricter, it is on purpose."""

import json
import math
import re
from typing import Annotated, Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.http import strict_json
from muslin.http.problems import ProblemError
from muslin.http.strict_json import below, read


class Box(msgspec.Struct, forbid_unknown_fields=True):
    """One field of any shape."""

    a: Any = None


class Typed(msgspec.Struct, forbid_unknown_fields=True):
    """Fields of fixed shape."""

    whole: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    real: float = 0.0
    texts: tuple[str, ...] = ()


finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | finite | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_reads_what_json_can_say(value: Any) -> None:
    assert read(json.dumps({"a": value}).encode(), Box).a == value
    assert read(json.dumps({"a": value}, ensure_ascii=False, indent=1).encode(), Box).a == value


@given(st.binary(max_size=60))
def test_accepts_only_what_another_strict_reader_accepts(noise: bytes) -> None:
    body = b'{"a":' + noise + b"}"
    try:
        ours = read(body, Box)
    except ProblemError:
        return
    assert msgspec.json.decode(body, type=Box) == ours


@given(st.floats())
def test_numbers_are_not_rounded(value: float) -> None:
    body = json.dumps({"real": value}).encode()
    if math.isfinite(value):
        assert read(body, Typed).real == value
    else:
        with pytest.raises(ProblemError, match="non_finite"):
            read(body, Typed)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b'{"whole": 10}', "out_of_range", "/whole"),
        (b'{"whole": 1.0}', "wrong_type", "/whole"),
        (b'{"texts": ["a", 1]}', "wrong_type", "/texts/1"),
        (b'{"texts": ["a", {"b": 1e400}]}', "out_of_range", "/texts/1/b"),
        (b'{"texts": ["a", {"<b>": 1e400}]}', "out_of_range", "/texts/1"),
        (b'{"real": 123456789012345678901234567890}', "out_of_range", "/real"),
        (b'{"other": 1}', "unknown_field", "/other"),
    ],
)
def test_pointers(body: bytes, code: str, pointer: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read(body, Typed)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a~b", "<b>", "ä", "a" * 65, "a\n"])
def test_pointers_hold_plain_names_only(name: str) -> None:
    assert below("/x", name) == "/x"
    assert below("/x", "plain-Name_1") == "/x/plain-Name_1"


texts = st.text(st.characters() | st.characters(categories=["Cs"]), max_size=5)
extreme = st.recursive(
    st.integers(-(10**25), 10**25) | st.sampled_from([1e308, 5e-324, 10**18, -(10**18), 10**19]) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(
    extreme, st.sampled_from(["", "e0", "E400", "e-400", ".5e308", "0" * 310 + ".0"]), st.sampled_from([1, 30, 31, 40])
)
def test_only_what_cannot_be_refused_is_not_looked_through(value: Any, tail: str, depth: int) -> None:
    """The quick look for what may be wrong never lets through what the long one refuses."""
    number = f"1{tail}" if tail else "1"
    body = f'{{"a": {"[" * depth}{json.dumps(value)}, {number}{"]" * depth}}}'.encode()
    with mock.patch.object(strict_json, "_SUSPECT", re.compile("")):
        thorough = _outcome(body)
    assert _outcome(body) == thorough


def _outcome(body: bytes) -> Any:
    try:
        return read(body, Box)
    except ProblemError as error:
        return error.code, error.faults
