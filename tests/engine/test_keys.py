"""Keys: their shape, what is kept of them, and who may have which."""

import json
import threading
from pathlib import Path

import pytest

from muslin.engine import key_file
from muslin.engine.key_file import Watched
from muslin.engine.keys import found, held_in, live, make
from muslin.errors import DataError, UsageError

NOW = "2024-03-01T00:00:00+00:00"


def test_a_key_opens_what_it_was_made_for() -> None:
    made = make("shop", ["recs:read", "items:write", "recs:read"], [], NOW)
    others = [make("shop", ["recs:read"], [], NOW) for _ in range(3)]
    keys = [*(other.key for other in others), made.key]
    assert found(keys, made.text) == made.key
    assert made.key.scopes == ("items:write", "recs:read")
    assert len({made.text, *(other.text for other in others)}) == 4


def test_what_is_not_the_key_opens_nothing() -> None:
    made, other = make("a", ["recs:read"], [], NOW), make("b", ["recs:read"], [], NOW)
    _, kid, secret = made.text.split("_", 2)
    wrong = [
        "",
        "mus",
        made.text[:-1],
        made.text + "A",
        made.text + "\n",
        made.text.upper(),
        secret,
        f"mus_{kid}_",
        f"mus_{kid}_{other.text.split('_', 2)[2]}",
        made.key.sha256,
        "mus_" + kid + "_" + "é" * 43,
    ]
    assert [text for text in wrong if found([made.key, other.key], text)] == []


def test_a_key_in_a_text_is_seen() -> None:
    text = make("a", ["recs:read"], [], NOW).text
    assert held_in(f"/v1/x?k={text}&n=1")
    assert not held_in("/v1/items/mus_abc/audience?n=5")


@pytest.mark.parametrize(
    ("name", "scopes", "origins", "code"),
    [
        ("", ["recs:read"], [], "bad_name"),
        ("a b", ["recs:read"], [], "bad_name"),
        ("-a", ["recs:read"], [], "bad_name"),
        ("a" * 65, ["recs:read"], [], "bad_name"),
        ("a\n", ["recs:read"], [], "bad_name"),
        ("a", [], [], "no_scope"),
        ("a", ["recs:write"], [], "unknown_scope"),
        ("a", ["events:write", "recs:read"], ["https://a.example"], "browser_scope"),
        ("a", ["models:admin"], ["https://a.example"], "browser_scope"),
        ("a", ["events:write"], ["a.example"], "bad_origin"),
        ("a", ["events:write"], ["https://a.example/"], "bad_origin"),
        ("a", ["events:write"], ["*"], "bad_origin"),
        ("a", ["events:write"], ["https://*.example"], "bad_origin"),
        ("a", ["events:write"], ["null"], "bad_origin"),
    ],
)
def test_refused(name: str, scopes: list[str], origins: list[str], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        make(name, scopes, origins, NOW)
    assert caught.value.code == code


def test_only_the_hash_is_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    made = key_file.create(tmp_path, "shop", ["recs:read"], [])
    file = tmp_path / key_file.FILE
    assert made.text.split("_", 2)[2] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert key_file.read(tmp_path) == (made.key,)


def test_two_live_keys_of_a_name(tmp_path: Path) -> None:
    first, _ = (key_file.create(tmp_path, "shop", ["recs:read"], []) for _ in range(2))
    key_file.create(tmp_path, "other", ["recs:read"], [])
    with pytest.raises(UsageError) as caught:
        key_file.create(tmp_path, "shop", ["recs:read"], [])
    assert caught.value.code == "too_many_keys"
    key_file.revoke(tmp_path, first.key.kid)
    key_file.create(tmp_path, "shop", ["recs:read"], [])
    assert len(live(key_file.read(tmp_path))) == 3
    for kid in (first.key.kid, "nope"):
        with pytest.raises(UsageError) as caught:
            key_file.revoke(tmp_path, kid)
        assert caught.value.code == "unknown_key"


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=key_file.create, args=(tmp_path, f"shop{n}", ["recs:read"], [])) for n in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in key_file.read(tmp_path)} == {f"shop{n}" for n in range(12)}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2, "keys": []}', '{"format": 1, "keys": [{}]}', "\xff"])
def test_damaged(tmp_path: Path, content: str) -> None:
    (tmp_path / key_file.FILE).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        Watched(tmp_path)
    assert caught.value.code == "bad_keys"


def test_an_unknown_scope_in_the_file_is_damage(tmp_path: Path) -> None:
    key_file.create(tmp_path, "shop", ["recs:read"], [])
    file = tmp_path / key_file.FILE
    content = json.loads(file.read_text())
    content["keys"][0]["scopes"] = ["everything"]
    file.write_text(json.dumps(content))
    with pytest.raises(DataError):
        key_file.read(tmp_path)


def test_without_keys_a_service_is_open_until_there_is_one(tmp_path: Path) -> None:
    time = [0.0]
    watched = Watched(tmp_path, lambda: time[0])
    assert (watched.locked, Watched(None).locked) == (False, False)
    key_file.create(tmp_path, "shop", ["recs:read"], [])
    time[0] += 1
    assert len(watched.current()) == 1
    assert watched.locked
