"""Every bad body gets its status and its code, and nothing of it comes back."""

import asyncio
import gzip
import json
import zlib
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from muslin.engine.model import Model
from muslin.http.app import create_app
from muslin.http.body import Limits

URL = "/v1/recommendations"
JSON = {"Content-Type": "application/json"}
SECRET = "s3cr3t-Täst"

SYNTAX: list[tuple[str, bytes, str]] = [
    ("empty", b"", "empty_body"),
    ("spaces", b" \r\n\t ", "empty_body"),
    ("null", b"null", "null_body"),
    ("prose", b"hello", "invalid_json"),
    ("cut off", b'{"n": 5', "invalid_json"),
    ("trailing comma", b'{"n": 5,}', "invalid_json"),
    ("trailing text", b'{"n": 5} x', "invalid_json"),
    ("two documents", b"{}{}", "invalid_json"),
    ("single quotes", b"{'n': 5}", "invalid_json"),
    ("comment", b'{"n": 5} // five', "invalid_json"),
    ("leading zero", b'{"n": 05}', "invalid_json"),
    ("plus sign", b'{"n": +5}', "invalid_json"),
    ("hexadecimal", b'{"n": 0x5}', "invalid_json"),
    ("raw NUL in a string", b'{"user_id": "a\x00b"}', "invalid_json"),
    ("raw newline in a string", b'{"user_id": "a\nb"}', "invalid_json"),
    ("bad escape", b'{"user_id": "\\x41"}', "invalid_json"),
    ("form", b"n=5", "invalid_json"),
    ("bad UTF-8", b'{"user_id": "\xff"}', "bad_utf8"),
    ("overlong UTF-8", b'{"user_id": "\xc0\xaf"}', "bad_utf8"),
    ("surrogate in UTF-8", b'{"user_id": "\xed\xa0\x80"}', "bad_utf8"),
    ("cut-off UTF-8", b'{"user_id": "\xc3', "bad_utf8"),
    ("UTF-16", '{"n": 5}'.encode("utf-16"), "bad_utf8"),
    ("UTF-16 without mark", '{"n": 5}'.encode("utf-16-le"), "invalid_json"),
    ("byte order mark", b'\xef\xbb\xbf{"n": 5}', "byte_order_mark"),
    ("NaN", b'{"filters": {"price": {"min": NaN}}}', "non_finite"),
    ("Infinity", b'{"filters": {"price": {"max": Infinity}}}', "non_finite"),
    ("-Infinity", b'{"filters": {"price": {"min": -Infinity}}}', "non_finite"),
    ("duplicate key", b'{"n": 5, "n": 6}', "duplicate_key"),
    ("duplicate key by escape", b'{"n": 5, "\\u006e": 5}', "duplicate_key"),
    ("duplicate key below", b'{"filters": {"brands": [], "brands": []}}', "duplicate_key"),
    ("100k lists deep", b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    ("100k objects deep", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    ("33 deep", b'{"user_id": ' + b"[" * 33 + b"]" * 33 + b"}", "too_deep"),
]

MEANING: list[tuple[str, bytes, str, str]] = [
    ("list", b"[]", "wrong_type", ""),
    ("string", b'"x"', "wrong_type", ""),
    ("number", b"5", "wrong_type", ""),
    ("unknown field", b'{"m": 5}', "unknown_field", "/m"),
    ("unknown field below", b'{"filters": {"colour": "red"}}', "unknown_field", "/filters/colour"),
    ("unknown field with a strange name", b'{"filters": {"<b>`x` - at `": 5}}', "unknown_field", "/filters"),
    ("explore number", b'{"explore": 1}', "wrong_type", "/explore"),
    ("explain string", b'{"explain": "yes"}', "wrong_type", "/explain"),
    ("min_seq negative", b'{"min_seq": -1}', "out_of_range", "/min_seq"),
    ("min_seq string", b'{"min_seq": "1"}', "wrong_type", "/min_seq"),
    ("cursor number", b'{"cursor": 5}', "wrong_type", "/cursor"),
    ("cursor empty", b'{"cursor": ""}', "wrong_length", "/cursor"),
    ("cursor long", b'{"cursor": "' + b"A" * 513 + b'"}', "wrong_length", "/cursor"),
    ("cursor with a shopper", b'{"cursor": "AAAA", "user_id": "ann"}', "exclusive_fields", "/cursor"),
    ("n zero", b'{"n": 0}', "out_of_range", "/n"),
    ("n negative", b'{"n": -1}', "out_of_range", "/n"),
    ("n 101", b'{"n": 101}', "out_of_range", "/n"),
    ("n billion", b'{"n": 1000000000}', "out_of_range", "/n"),
    ("n 10^30", b'{"n": 1000000000000000000000000000000}', "out_of_range", "/n"),
    ("n of 5,000 digits", b'{"n": ' + b"9" * 5000 + b"}", "out_of_range", "/n"),
    ("n string", b'{"n": "x"}', "wrong_type", "/n"),
    ("n digits in a string", b'{"n": "5"}', "wrong_type", "/n"),
    ("n bool", b'{"n": true}', "wrong_type", "/n"),
    ("n fraction", b'{"n": 5.5}', "wrong_type", "/n"),
    ("n null", b'{"n": null}', "wrong_type", "/n"),
    ("user_id number", b'{"user_id": 5}', "wrong_type", "/user_id"),
    ("user_id empty", b'{"user_id": ""}', "wrong_length", "/user_id"),
    ("user_id long", b'{"user_id": "' + b"a" * 257 + b'"}', "wrong_length", "/user_id"),
    ("user_id NUL", b'{"user_id": "a\\u0000"}', "bad_characters", "/user_id"),
    ("user_id newline at the end", b'{"user_id": "a\\n"}', "bad_characters", "/user_id"),
    ("user_id DEL", b'{"user_id": "a\x7f"}', "bad_characters", "/user_id"),
    ("user_id C1 control", '{"user_id": "a\x85"}'.encode(), "bad_characters", "/user_id"),
    ("lone surrogate", b'{"user_id": "\\ud800"}', "bad_characters", "/user_id"),
    ("surrogates reversed", b'{"context_items": ["a", "\\udc00\\ud800"]}', "bad_characters", "/context_items/1"),
    ("lone surrogate in a key", b'{"filters": {"\\udfff": 1}}', "bad_characters", "/filters"),
    ("session_id control", b'{"session_id": "\\u001b[2J"}', "bad_characters", "/session_id"),
    ("both ids", b'{"user_id": "a", "session_id": "b"}', "exclusive_fields", "/session_id"),
    ("51 context items", json.dumps({"context_items": ["a"] * 51}).encode(), "wrong_length", "/context_items"),
    ("context item number", b'{"context_items": ["a", 5]}', "wrong_type", "/context_items/1"),
    ("context items string", b'{"context_items": "a"}', "wrong_type", "/context_items"),
    (
        "1,001 exclusions",
        json.dumps({"filters": {"exclude_items": ["a"] * 1001}}).encode(),
        "wrong_length",
        "/filters/exclude_items",
    ),
    ("101 brands", json.dumps({"filters": {"brands": ["a"] * 101}}).encode(), "wrong_length", "/filters/brands"),
    ("filters list", b'{"filters": []}', "wrong_type", "/filters"),
    ("filters null", b'{"filters": null}', "wrong_type", "/filters"),
    ("in_stock number", b'{"filters": {"in_stock": 1}}', "wrong_type", "/filters/in_stock"),
    ("in_stock string", b'{"filters": {"in_stock": "true"}}', "wrong_type", "/filters/in_stock"),
    ("price 1e999", b'{"filters": {"price": {"min": 1e999}}}', "out_of_range", "/filters/price/min"),
    ("price -1e999", b'{"filters": {"price": {"max": -1e999}}}', "out_of_range", "/filters/price/max"),
    ("price infinite as float32", b'{"filters": {"price": {"max": 1e300}}}', "out_of_range", "/filters/price/max"),
    ("price negative", b'{"filters": {"price": {"min": -0.01}}}', "out_of_range", "/filters/price/min"),
    ("price bool", b'{"filters": {"price": {"min": false}}}', "wrong_type", "/filters/price/min"),
    ("price string", b'{"filters": {"price": {"min": "5"}}}', "wrong_type", "/filters/price/min"),
    ("price list", b'{"filters": {"price": [1, 2]}}', "wrong_type", "/filters/price"),
    ("price upside down", b'{"filters": {"price": {"min": 2, "max": 1}}}', "min_above_max", "/filters/price"),
    ("domain list", b'{"domain": ["a"]}', "wrong_type", "/domain"),
    ("1e999 in an unknown field", b'{"x": 1e999}', "out_of_range", "/x"),
]


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert set(body) <= {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
    return dict(body)


@pytest.mark.parametrize(("body", "code"), [row[1:] for row in SYNTAX], ids=[row[0] for row in SYNTAX])
def test_syntax(client: TestClient, body: bytes, code: str) -> None:
    refused(client.post(URL, content=body, headers=JSON), 400, code)


@pytest.mark.parametrize(("body", "code", "pointer"), [row[1:] for row in MEANING], ids=[row[0] for row in MEANING])
def test_meaning(client: TestClient, body: bytes, code: str, pointer: str) -> None:
    problem = refused(client.post(URL, content=body, headers=JSON), 422, code)
    assert problem["errors"] == [{"pointer": pointer, "code": code}]


@pytest.mark.parametrize("depth", [20, 31])
def test_nesting_below_the_limit_is_a_matter_of_type(client: TestClient, depth: int) -> None:
    body = b'{"user_id": ' + b"[" * depth + b"]" * depth + b"}"
    refused(client.post(URL, content=body, headers=JSON), 422, "wrong_type")


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": SECRET, "n": 0},
        {"user_id": SECRET + "\x00"},
        {SECRET: 1},
        {"filters": {"brands": [SECRET, SECRET + "\x01"]}},
        {"context_items": [SECRET, 5]},
        {"n": SECRET},
    ],
)
def test_problems_do_not_repeat_what_was_sent(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(URL, json=body)
    assert answer.status_code == 422
    assert "s3cr3t" not in answer.text
    assert "s3cr3t" not in str(answer.headers)


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/msgpack", "json", "", "*/*",
     "application/json; charset=latin-1", "multipart/form-data; boundary=x", "application/problem+json"],
)  # fmt: skip
def test_content_type(client: TestClient, kind: str) -> None:
    answer = client.post(URL, content=b"{}", headers={"Content-Type": kind})
    refused(answer, 415, "unsupported_media_type")
    assert answer.headers["accept"] == "application/json"


def test_no_content_type(client: TestClient) -> None:
    refused(client.post(URL, content=b"{}"), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
)
def test_content_type_spelled_otherwise(client: TestClient, kind: str) -> None:
    assert client.post(URL, content=b"{}", headers={"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "x"])
def test_content_encoding(client: TestClient, encoding: str) -> None:
    answer = client.post(URL, content=b"{}", headers={**JSON, "Content-Encoding": encoding})
    refused(answer, 415, "unsupported_encoding")
    assert answer.headers["accept-encoding"] == "gzip"


def zipped(client: TestClient, body: bytes) -> Any:
    return client.post(URL, content=body, headers={**JSON, "Content-Encoding": "gzip"})


def test_gzip(client: TestClient) -> None:
    answer = zipped(client, gzip.compress(b'{"user_id": "ann", "n": 2}'))
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 2


def test_gzip_bomb(client: TestClient) -> None:
    refused(zipped(client, gzip.compress(b" " * 900_000_0)), 413, "body_too_large")
    # The most a legal body can unpack to: a bomb is refused without being unpacked to its end.
    refused(zipped(client, gzip.compress(b"\0" * 200_000_000)), 413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        gzip.compress(b"{}")[:-1],
        gzip.compress(b"{}")[:-8] + b"\0" * 8,
        gzip.compress(b"{}") + b"x",
        gzip.compress(b"{}") * 2,
        zlib.compress(b"{}"),
    ],
    ids=["not gzip", "cut off", "checksum", "rest", "two streams", "zlib"],
)
def test_bad_gzip(client: TestClient, body: bytes) -> None:
    refused(zipped(client, body), 400, "bad_gzip")


@pytest.mark.parametrize("body", [b"", b"null", b"{"])
def test_gzip_of_bad_json(client: TestClient, body: bytes) -> None:
    refused(
        zipped(client, gzip.compress(body)), 400, {b"": "empty_body", b"null": "null_body"}.get(body, "invalid_json")
    )


def test_body_at_and_above_the_limit(client: TestClient) -> None:
    fits = b"{}" + b" " * 999_998
    assert client.post(URL, content=fits, headers=JSON).status_code == 200
    refused(client.post(URL, content=fits + b" ", headers=JSON), 413, "body_too_large")


def test_body_above_the_limit_is_not_parsed(client: TestClient) -> None:
    refused(client.post(URL, content=b"{" * 1_000_001, headers=JSON), 413, "body_too_large")


def test_body_above_the_limit_in_pieces(client: TestClient) -> None:
    pieces = (b" " * 100_000 for _ in range(11))
    refused(client.post(URL, content=pieces, headers=JSON), 413, "body_too_large")


def test_large_numbers_of_small_things_are_read(client: TestClient) -> None:
    body = {"filters": {"exclude_items": [f"item-{n:0250d}" for n in range(1000)]}, "n": 1}
    answer = client.post(URL, json=body)
    assert answer.status_code == 200
    assert answer.json()["items"][0]["item_id"] == "dress1"


def test_ambiguous_length(client: TestClient) -> None:
    headers = {**JSON, "Content-Length": "2", "Transfer-Encoding": "chunked"}
    answer = client.post(URL, content=b"{}", headers=headers)
    refused(answer, 400, "ambiguous_length")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("query", ["?atomic=true", "?n=5", "?user_id=ann"])
def test_query_parameters_are_not_ignored(client: TestClient, query: str) -> None:
    refused(client.post(URL + query, json={}), 422, "unknown_field")


def raw(app: Litestar, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What `app` answers when the body arrives as `messages` and then nothing more."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {},
        "http_version": "1.1",
        "scheme": "http",
        "method": "POST",
        "path": URL,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return {"status": sent[0]["status"], "code": json.loads(sent[1]["body"])["code"]}


def test_slow_body(model: Model) -> None:
    app = create_app(model, Limits(body_seconds=0.05))
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert raw(app, [part]) == {"status": 408, "code": "slow_body"}


def test_body_that_ends_early(model: Model) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}
    assert raw(create_app(model), [part, {"type": "http.disconnect"}]) == {"status": 400, "code": "incomplete_body"}
