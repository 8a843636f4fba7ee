"""Every bad request that the service promises an answer to, as bytes on a real socket, with its status and code."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from benchmarks.reliability.bad_http import answer, exchange

from muslin.engine import key_file
from muslin.engine.key_file import Watched
from muslin.engine.model import Model
from muslin.http.app import create_app
from muslin.http.body import Limits
from muslin.http.protocol import ProblemProtocol

Live = Callable[..., tuple[str, int]]
URL = "/v1/recommendations"
BIG = 1_000_001
CHUNK = b"2\r\n{}\r\n0\r\n\r\n"


class Bad(NamedTuple):
    """A request, and what comes back. `key`: `good`, or a text; the rest is sent as it is."""

    status: int
    code: str
    body: bytes = b"{}"
    method: str = "POST"
    url: str = URL
    kind: str = "application/json"
    key: str = "good"
    more: tuple[str, ...] = ()
    length: bool = True


def n(value: str) -> bytes:
    return b'{"n": ' + value.encode() + b"}"


ROWS: dict[str, Bad] = {
    "not JSON": Bad(400, "invalid_json", b"hello"),
    "empty": Bad(400, "empty_body", b""),
    "null": Bad(400, "null_body", b"null"),
    "bad UTF-8": Bad(400, "bad_utf8", b'{"user_id": "\xff"}'),
    "NaN": Bad(400, "non_finite", b'{"filters": {"price": {"min": NaN}}}'),
    "Infinity": Bad(400, "non_finite", b'{"filters": {"price": {"min": Infinity}}}'),
    "1e999": Bad(422, "out_of_range", b'{"filters": {"price": {"min": 1e999}}}'),
    "finite, but not as float32": Bad(422, "out_of_range", b'{"filters": {"price": {"min": 1e39}}}'),
    "lone surrogate": Bad(422, "bad_characters", b'{"user_id": "\\ud800"}'),
    "NUL in an id": Bad(422, "bad_characters", b'{"user_id": "a\\u0000"}'),
    "control character in an id": Bad(422, "bad_characters", b'{"user_id": "a\\u001b"}'),
    "10^30": Bad(422, "out_of_range", n("1" + "0" * 30)),
    "5,000 digits": Bad(422, "out_of_range", n("9" * 5000)),
    "100k nesting": Bad(400, "too_deep", b"[" * 100_000 + b"]" * 100_000),
    "duplicate keys": Bad(400, "duplicate_key", b'{"n": 5, "n": 6}'),
    "byte order mark": Bad(400, "byte_order_mark", b'\xef\xbb\xbf{"n": 5}'),
    "unknown field": Bad(422, "unknown_field", b'{"filters": {"colour": "red"}}'),
    "bool as number": Bad(422, "wrong_type", n("true")),
    "string as number": Bad(422, "wrong_type", n('"5"')),
    "body over 1 MB": Bad(413, "body_too_large", b"[" * BIG),
    "gzip bomb": Bad(413, "body_too_large", gzip.compress(b" " * 50_000_000), more=("Content-Encoding: gzip",)),
    "bad gzip": Bad(400, "bad_gzip", b"{}", more=("Content-Encoding: gzip",)),
    "other encoding": Bad(415, "unsupported_encoding", b"{}", more=("Content-Encoding: br",)),
    "wrong content type": Bad(415, "unsupported_media_type", b"{}", kind="text/plain"),
    "no content type": Bad(415, "unsupported_media_type", b"{}", kind=""),
    "both CL and TE": Bad(
        400,
        "ambiguous_length",
        b"2\r\n{}\r\n0\r\n\r\n",
        more=("Content-Length: 2", "Transfer-Encoding: chunked"),
        length=False,
    ),
    "two lengths": Bad(400, "bad_request", b"{}", more=("Content-Length: 3",)),
    "64 KB header": Bad(431, "headers_too_large", more=("X: " + "x" * 65_536,)),
    "unknown method": Bad(405, "method_not_allowed", method="BREW"),
    "other method": Bad(405, "method_not_allowed", method="DELETE"),
    "unknown address": Bad(404, "not_found", url="/v1/nope"),
    "501 events": Bad(413, "too_many_events", b'{"events": [' + b"{}," * 500 + b"{}]}", url="/v1/events"),
    "no events": Bad(422, "wrong_length", b'{"events": []}', url="/v1/events"),
    "n zero": Bad(422, "out_of_range", n("0")),
    "n negative": Bad(422, "out_of_range", n("-1")),
    "n billion": Bad(422, "out_of_range", n("1000000000")),
    "n a word": Bad(422, "wrong_type", n('"x"')),
    "min above max": Bad(422, "min_above_max", b'{"filters": {"price": {"min": 2, "max": 1}}}'),
    "unknown item": Bad(404, "unknown_item", b"", method="GET", url="/v1/items/nope/audience"),
    "n of an address": Bad(422, "invalid_value", b"", method="GET", url="/v1/items/dress1/audience?n=0"),
    "parameter given twice": Bad(422, "repeated_parameter", b"", method="GET", url="/v1/items/dress1/audience?n=1&n=2"),
    "unknown parameter": Bad(422, "unknown_field", b"", method="GET", url="/v1/items/dress1/audience?m=1"),
    "missing key": Bad(401, "missing_key", key=""),
    "made-up key": Bad(401, "unknown_key", key="mus_0123456789ab_" + "A" * 43),
    "revoked key": Bad(401, "unknown_key", key="revoked"),
    "key in the address": Bad(401, "key_in_url", url=f"{URL}?key=mus_0123456789ab_" + "A" * 43),
    "lacking scope": Bad(403, "missing_scope", key="narrow"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    state = tmp_path_factory.mktemp("state")
    good = key_file.create(state, "good", ["recs:read", "events:write"], [])
    ended = key_file.create(state, "ended", ["recs:read"], [])
    key_file.revoke(state, ended.key.kid)
    narrow = key_file.create(state, "narrow", ["items:write"], [])
    return state, {"good": good.text, "revoked": ended.text, "narrow": narrow.text}


def sent(bad: Bad, texts: dict[str, str]) -> bytes:
    key = texts.get(bad.key, bad.key)
    lines = [
        f"{bad.method} {bad.url} HTTP/1.1",
        "Host: shop",
        "Connection: close",
        *([f"Authorization: Bearer {key}"] if key else []),
        *([f"Content-Type: {bad.kind}"] if bad.kind else []),
        *([f"Content-Length: {len(bad.body)}"] if bad.length else []),
        *bad.more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + bad.body


def test_every_bad_request(live: Live, model: Model, keys: tuple[Path, dict[str, str]]) -> None:
    state, texts = keys
    address = live(create_app(model, keys=Watched(state), state=state))
    found = {}
    for name, bad in ROWS.items():
        head, body = exchange(address, sent(bad, texts))
        problem = json.loads(body)
        found[name] = (int(head.split(b" ")[1]), problem["code"])
        assert problem["status"] == found[name][0]
        assert b"application/problem+json" in head
        assert (found[name][0] != 405) or b"allow: POST" in head or b"allow: OPTIONS" in head
    assert found == {name: (bad.status, bad.code) for name, bad in ROWS.items()}
    # And a good one right after.
    assert answer(address, sent(Bad(200, ""), texts)) == "200"


def test_an_unknown_category_is_no_error(live: Live, model: Model, keys: tuple[Path, dict[str, str]]) -> None:
    state, texts = keys
    address = live(create_app(model, keys=Watched(state)))
    body = b'{"filters": {"categories": ["hats"]}}'
    head, got = exchange(address, sent(Bad(200, "", body), texts))
    answered = json.loads(got)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert answered["items"] == []
    assert answered["warnings"][0]["code"] == "unknown_category"


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\n"], "slow_headers"),
        ([b"POST /v1/recommendations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
          b"Content-Length: 9\r\n\r\n", b'{"n"'], "slow_body"),
    ],
)  # fmt: skip
def test_slow_ones(live: Live, model: Model, monkeypatch: pytest.MonkeyPatch, pieces: list[bytes], code: str) -> None:
    monkeypatch.setattr(ProblemProtocol, "header_seconds", 0.2)
    address = live(create_app(model, Limits(body_seconds=0.2)))
    head, body = exchange(address, *pieces, hang_up=False)
    assert (int(head.split(b" ")[1]), json.loads(body)["code"]) == (408, code)
