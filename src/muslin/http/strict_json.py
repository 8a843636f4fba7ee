"""JSON read to the letter: what two readers could understand differently is refused.

Python's reader finds the syntax errors; on top, duplicate keys, NaN and Infinity, byte order marks, numbers beyond
double precision, halves of surrogate pairs and deep nesting are refused, and values are converted without coercion.
"""

import json
import math
import re
from typing import Any, NoReturn, TypeVar

import msgspec

from muslin.http.problems import ProblemError

T = TypeVar("T")

MAX_DEPTH = 32
"""Levels of nesting accepted; our deepest body has three."""

_LONGEST_INTEGER = 19
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")
_SUSPECT = re.compile(r"\\u|\d[eE]|\d{19}")
"""In every text that can have half a surrogate pair or a number out of range: escapes, exponents and long numbers."""
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_REASONS = (
    (re.compile(r"matching regex"), "bad_characters"),
    (re.compile(r"of length"), "wrong_length"),
    (re.compile(r"`(int|float)` [<>]"), "out_of_range"),
    (re.compile(r"Expected .*, got "), "wrong_type"),
)


def read(body: bytes, kind: type[T]) -> T:
    """`body` as a `kind` (a msgspec Struct); raises `ProblemError`, 400 for syntax and 422 for meaning."""
    text = _text(body)
    value = _parsed(text)
    if value is None:
        raise ProblemError("null_body")
    if _SUSPECT.search(text) or text.count("[") + text.count("{") > MAX_DEPTH:
        _refuse_unusable(value, "", 0)
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None


def _text(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise ProblemError("byte_order_mark")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise ProblemError("bad_utf8") from None


def _parsed(text: str) -> Any:
    if not text.strip(" \t\r\n"):
        raise ProblemError("empty_body")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError:
        raise ProblemError("invalid_json") from None
    except RecursionError:
        raise ProblemError("too_deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ProblemError("duplicate_key")
    return found


def _non_finite(_: str) -> NoReturn:
    raise ProblemError("non_finite")


def _integer(digits: str) -> int | float:
    """An integer, or infinity for one no field of ours can hold: `int` takes quadratic time for long ones."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_non_finite, parse_int=_integer)


def _refuse_unusable(value: Any, pointer: str, depth: int) -> None:
    """Refuse what syntax allows and no field can mean."""
    if depth > MAX_DEPTH:
        raise ProblemError("too_deep")
    if isinstance(value, str):
        _refuse_surrogates(value, pointer)
    elif isinstance(value, float) and math.isinf(value):
        raise ProblemError("out_of_range", pointer)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            _refuse_unusable(part, f"{pointer}/{place}", depth + 1)
    elif isinstance(value, dict):
        for key, part in value.items():
            _refuse_surrogates(key, pointer)
            _refuse_unusable(part, below(pointer, key), depth + 1)


def _refuse_surrogates(text: str, pointer: str) -> None:
    # UTF-8 cannot hold a lone surrogate, so encoding is the quickest test for one.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ProblemError("bad_characters", pointer) from None


def below(pointer: str, field: str) -> str:
    """Pointer to a field; to its parent where the name is not one of a field, so that nothing sent is repeated."""
    return f"{pointer}/{field}" if _FIELD.fullmatch(field) else pointer


def _explained(message: str) -> ProblemError:
    what, _, place = message.rpartition(" - at `$") if message.endswith("`") else (message, "", "")
    if not what:
        what, place = message, ""
    pointer = "".join(f"/{name or index}" for name, index in _STEP.findall(place.removesuffix("`")))
    unknown = _UNKNOWN.match(what)
    if unknown:
        return ProblemError("unknown_field", below(pointer, unknown[1]))
    code = next((code for pattern, code in _REASONS if pattern.search(what)), "invalid_value")
    return ProblemError(code, pointer)
