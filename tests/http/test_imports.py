"""Files of garments: checked as a whole, taken in parts, the bad rows listed, and resumed after a kill."""

import asyncio
import errno
import hashlib
import io
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from muslin.engine.assortment import job
from muslin.engine.assortment.job import Place
from muslin.engine.model import Model
from muslin.http import importing
from muslin.http.app import create_app
from muslin.http.body import Limits
from muslin.http.problems import ProblemError

URL = "/v1/imports"
CSV = {"Content-Type": "text/csv"}
GOOD = "item_id,department,category,colour,price,stock\nnew1,women,dress,red,20,1\nnew2,men,shirt,blue,30,2\n"


@pytest.fixture
def client(serving: Callable[[Model], TestClient], model: Model) -> TestClient:
    return serving(model)


@pytest.fixture
def start(model: Model, tmp_path: Path) -> Iterator[Callable[[], TestClient]]:
    running: list[TestClient] = []

    def begin() -> TestClient:
        while running:
            running.pop().__exit__(None, None, None)
        client = TestClient(create_app(model, state=tmp_path / "state"), raise_server_exceptions=False)
        running.append(client.__enter__())
        return running[-1]

    yield begin
    while running:
        running.pop().__exit__(None, None, None)


def send(client: TestClient, content: bytes | str, kind: str = "text/csv", **query: str) -> dict[str, Any]:
    body = content.encode() if isinstance(content, str) else content
    answer = client.post(URL, content=body, headers={"Content-Type": kind}, params=query)
    assert answer.status_code == 202, answer.text
    return ended(client, answer.json()["job_id"])


def ended(client: TestClient, job_id: str) -> dict[str, Any]:
    for _ in range(600):
        found = client.get(f"{URL}/{job_id}").json()
        if found["status"] not in ("received", "running"):
            return dict(found)
        time.sleep(0.05)
    raise AssertionError(found)


def shown(client: TestClient) -> list[str]:
    answer = client.post("/v1/recommendations", json={"n": 100, "explore": False})
    return [item["item_id"] for item in answer.json()["items"]]


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("DOT", "."), content)
    return buffer.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_a_file_is_taken(client: TestClient) -> None:
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    found = send(client, GOOD, sha256=digest)
    counts = (found["status"], found["read"], found["accepted"], found["rejected"])
    assert counts == ("done", 2, 2, 0)
    assert {"new1", "new2"} <= set(shown(client))
    assert send(client, GOOD.replace("\n", "\r\n").replace("new", "crlf"))["accepted"] == 2
    assert send(client, zipped(itemsDOTcsv=GOOD.replace("new", "zip")), "application/zip")["accepted"] == 2
    frame = pl.DataFrame({"item_id": ["pq1"], "price": [9.5], "sizes": [["S"]]})
    assert send(client, parquet(frame), "application/vnd.apache.parquet")["accepted"] == 1
    assert {"crlf1", "zip2", "pq1"} <= set(shown(client))


def test_bad_rows_are_listed_with_their_lines_and_the_good_ones_are_kept(client: TestClient) -> None:
    rows = ["item_id,category,price,stock", "ok1,dress,5,1", "a b,dress,5,1", "x1,dress,0,1", "x2,dress,5,-3"]
    rows += ['x3,dress,"19,99 €",1', "ragged,dress", "x4,dress,5,1.5", "ok2,dress,5,1"]
    found = send(client, "\n".join(rows) + "\n")
    assert (found["status"], found["read"], found["accepted"], found["rejected"]) == ("done", 8, 2, 6)
    address, cursor, listed = f"{URL}/{found['job_id']}/rejects", None, []
    while True:
        page = client.get(address, params={"n": 4} | ({"cursor": cursor} if cursor else {})).json()
        listed += page["rejects"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    codes = {reject["line"]: reject["code"] for reject in listed}
    assert len(listed) == 6
    assert [codes[line] for line in (3, 4, 5, 6, 8)] == ["bad_id", "bad_price", "bad_stock", "bad_price", "bad_stock"]
    assert codes[7]
    assert all(reject["raw"] for reject in listed)
    assert {"ok1", "ok2"} <= set(shown(client))
    other = send(client, "\n".join(rows) + "\n")["job_id"]
    first = client.get(address, params={"n": 1}).json()["next_cursor"]
    for bad in ("AAAA", first[:-2], "!"):
        assert client.get(address, params={"cursor": bad}).json()["code"] == "bad_cursor"
    assert client.get(f"{URL}/{other}/rejects", params={"cursor": first}).json()["code"] == "bad_cursor"


REFUSED: list[tuple[str, bytes, str, str]] = [
    ("Latin-1", GOOD.replace("red", "grün").encode("latin-1"), "text/csv", "wrong_encoding"),
    ("UTF-16", GOOD.encode("utf-16"), "text/csv", "wrong_encoding"),
    ("header twice", GOOD.replace("category", "colour").encode(), "text/csv", "duplicate_header"),
    ("no header", b"\nnew1,women\n", "text/csv", ""),
    ("no id column", b"id,category\nnew1,dress\n", "text/csv", "unknown_column"),
    ("unknown column", GOOD.replace("colour", "colr").encode(), "text/csv", "unknown_column"),
    ("all rows bad", b"item_id,price\na,0\nb,0\n", "text/csv", "no_good_rows"),
    ("not Parquet", GOOD.encode(), "application/vnd.apache.parquet", "bad_parquet"),
    ("cut Parquet", parquet(pl.DataFrame({"item_id": ["a"]}))[:-20], "application/vnd.apache.parquet", "bad_parquet"),
    (
        "Parquet of another schema",
        parquet(pl.DataFrame({"item_id": ["a"], "price": [[1.0]]})),
        "application/vnd.apache.parquet",
        "wrong_type",
    ),
    ("not a zip", GOOD.encode(), "application/zip", "bad_zip"),
    ("cut zip", zipped(itemsDOTcsv=GOOD)[:-30], "application/zip", "bad_zip"),
    ("zip slip", zipped(DOTDOT__itemsDOTcsv=GOOD), "application/zip", "bad_entry"),
    ("absolute path", zipped(__itemsDOTcsv=GOOD), "application/zip", "bad_entry"),
    ("two tables", zipped(aDOTcsv=GOOD, bDOTcsv=GOOD), "application/zip", "not_one_table"),
    ("no table", zipped(aDOTtxt=GOOD), "application/zip", "not_one_table"),
    ("many entries", zipped(**{f"f{n}": "" for n in range(1001)}), "application/zip", "too_many_entries"),
]


@pytest.mark.parametrize(("content", "kind", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_file_that_makes_no_sense_changes_nothing(client: TestClient, content: bytes, kind: str, code: str) -> None:
    before = shown(client)
    found = send(client, content, kind)
    assert found["status"] == "failed"
    assert found["code"] == code or not code
    assert found["detail"]
    assert shown(client) == before


def flipped(method: int) -> bytes:
    """A zip archive whose table has one byte inverted."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("items.csv", GOOD * 20)
        start = archive.infolist()[0].header_offset + 30 + len("items.csv")
    content = bytearray(buffer.getvalue())
    for place in range(start, start + 12):
        content[place] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_flipped_bits_in_a_zip(client: TestClient, method: int) -> None:
    found = send(client, flipped(method), "application/zip")
    assert (found["status"], found["code"]) == ("failed", "bad_zip")


def test_a_table_that_cannot_be_written_is_not_the_fault_of_the_archive(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "no disk")

    monkeypatch.setattr("muslin.engine.assortment.unpack._copy", broken)
    found = send(client, zipped(itemsDOTcsv=GOOD), "application/zip")
    assert (found["status"], found["code"]) == ("failed", "internal_error")


def test_what_no_one_thought_of_ends_an_import(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "PART", 1)
    taken = job._take

    def breaks(*arguments: Any) -> int:
        if arguments[0].accepted:
            raise RuntimeError("never thought of")
        return taken(*arguments)

    monkeypatch.setattr(job, "_take", breaks)
    found = send(client, GOOD)
    assert (found["status"], found["code"], found["accepted"]) == ("failed", "internal_error", 1)
    assert "thought" not in found["detail"]


@pytest.mark.parametrize(
    "error", [ProblemError("overloaded"), ProblemError("storage_full"), OSError(errno.ENOSPC, "full")], ids=str
)
def test_an_import_waits_for_room(client: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(importing, "PAUSE", 0.01)
    taken, tries, seen = job._take, 0, []

    def full(*arguments: Any) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        return taken(*arguments)

    written = Place.write
    monkeypatch.setattr(Place, "write", lambda place, one: (seen.append(one.status), written(place, one))[1])
    monkeypatch.setattr(job, "_take", full)
    found = send(client, GOOD)
    assert (found["status"], found["accepted"], tries) == ("done", 2, 3)
    assert seen.count("received") == 3


def kept(state: Path) -> list[str]:
    """Files of imports that are there; drafts come and go."""
    return sorted(p.name for p in (state / "imports").rglob("*") if p.is_file() and p.name[0] != ".")


def soon(found: Callable[[], object], expected: object) -> None:
    for _ in range(200):
        if found() == expected:
            return
        time.sleep(0.02)
    assert found() == expected


def test_a_file_is_not_kept_once_it_is_of_no_use(
    start: Callable[[], TestClient], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, state = start(), tmp_path / "state"
    archive = zipped(itemsDOTcsv=GOOD)
    send(client, archive, "application/zip")
    send(client, flipped(zipfile.ZIP_DEFLATED), "application/zip")
    soon(lambda: kept(state), ["job.json", "job.json", "rejects.jsonl"])
    held = send(client, archive, "application/zip", mode="full")
    soon(lambda: kept(state), ["job.json"] * 3 + ["rejects.jsonl"] * 2 + ["sent.zip"])
    client.post(f"{URL}/{held['job_id']}/confirm")
    assert ended(client, held["job_id"])["status"] == "done"
    soon(lambda: kept(state), ["job.json"] * 3 + ["rejects.jsonl"] * 2)
    monkeypatch.setattr(job, "read_table", lambda _: 1 / 0)
    assert send(client, archive, "application/zip")["code"] == "internal_error"
    soon(lambda: kept(state), ["job.json"] * 4 + ["rejects.jsonl"] * 2)


def test_what_an_end_left_lying_goes_with_the_next_start(start: Callable[[], TestClient], tmp_path: Path) -> None:
    done, state = send(start(), GOOD)["job_id"], tmp_path / "state"
    (state / "imports" / done / "sent.csv").write_text(GOOD)
    (state / "imports" / ("0" * 32)).mkdir()
    (state / "imports" / ("0" * 32) / "sent.csv").write_text("item_id\n")
    client = start()
    assert [p.name for p in (state / "imports").iterdir()] == [done]
    assert kept(state) == ["job.json", "rejects.jsonl"]
    assert client.get(f"{URL}/{done}").json()["status"] == "done"


def test_the_oldest_imports_make_room(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "KEPT", 2)
    jobs = [send(client, GOOD, mode="full")["job_id"] for _ in range(4)]
    assert [client.get(f"{URL}/{one}").status_code for one in jobs] == [404, 404, 200, 200]


def test_a_link_in_a_zip(client: TestClient) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo("items.csv")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    assert send(client, buffer.getvalue(), "application/zip")["code"] == "bad_entry"


def test_what_is_refused_at_the_door(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def code(answer: Any) -> tuple[int, str]:
        return answer.status_code, answer.json()["code"]

    assert code(client.post(URL, content=b"", headers=CSV)) == (400, "empty_body")
    assert code(client.post(URL, content=b"x", headers={"Content-Type": "text/html"})) == (415, "unsupported_file")
    assert code(client.post(URL, content=b"x", headers=CSV | {"Content-Encoding": "gzip"})) == (415, "unsupported_file")
    wrong = client.post(URL, content=GOOD.encode(), headers=CSV, params={"sha256": "0" * 64})
    assert code(wrong) == (422, "wrong_checksum")
    assert code(client.post(URL, content=b"x", headers=CSV, params={"sha256": "x"})) == (422, "invalid_value")
    assert code(client.post(URL, content=b"x", headers=CSV, params={"mode": "x"})) == (422, "invalid_value")
    for name in ("nope", "0" * 32, "..", "a/b"):
        assert client.get(f"{URL}/{name}").json()["code"] in {"unknown_job", "not_found"}
    monkeypatch.setattr("muslin.http.importing.LARGEST", 10)
    assert code(client.post(URL, content=GOOD.encode(), headers=CSV)) == (413, "file_too_large")
    assert "new1" not in shown(client)


def test_a_file_that_stops_coming(live: Callable[[Litestar], tuple[str, int]], model: Model, tmp_path: Path) -> None:
    app = create_app(model, Limits(body_seconds=0.3), state=tmp_path)
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: {len(GOOD)}\r\n\r\n"
    with socket.create_connection(live(app), timeout=10) as connection:
        connection.sendall(head.encode() + GOOD[:20].encode())
        got = b"".join(iter(lambda: connection.recv(65536), b""))
    assert got.startswith(b"HTTP/1.1 408")
    assert b'"slow_body"' in got
    assert list((tmp_path / "imports").iterdir()) == []


def test_a_file_that_drips(live: Callable[[Litestar], tuple[str, int]], model: Model, tmp_path: Path) -> None:
    app = create_app(model, Limits(body_seconds=30, upload_seconds=0.5), state=tmp_path)
    head = f"POST {URL} HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Length: 100000\r\n\r\n"
    with socket.create_connection(live(app), timeout=60) as connection:
        connection.sendall(head.encode())
        connection.settimeout(0.1)
        got = b""
        while b"slow_body" not in got:
            try:
                got += connection.recv(65536)
            except TimeoutError:
                connection.sendall(b"x")  # there is always something
    assert got.startswith(b"HTTP/1.1 408")


def test_a_file_that_comes_in_pieces_is_written_beside_the_event_loop(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muslin.http.imports._AT_ONCE", 10)
    grow, threads = importing.Upload.grow, []

    def noted(upload: importing.Upload, content: bytes) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        threads.append(len(content))
        grow(upload, content)

    monkeypatch.setattr(importing.Upload, "grow", noted)
    pieces = (GOOD[n : n + 7].encode() for n in range(0, len(GOOD), 7))
    digest = hashlib.sha256(GOOD.encode()).hexdigest()
    answer = client.post(URL, content=pieces, headers=CSV, params={"sha256": digest})
    assert ended(client, answer.json()["job_id"])["accepted"] == 2
    assert sum(threads) == len(GOOD)


def test_a_full_file_that_takes_much_away_waits_for_a_word(client: TestClient) -> None:
    before = shown(client)
    found = send(client, GOOD, mode="full")
    assert (found["status"], found["leaving"]) == ("held", 8)
    assert shown(client) == before
    answer = client.post(f"{URL}/{found['job_id']}/confirm")
    assert answer.status_code == 202
    done = ended(client, found["job_id"])
    assert (done["status"], done["accepted"]) == ("done", 2)
    assert set(shown(client)) == {"new1", "new2"}
    assert client.post(f"{URL}/{found['job_id']}/confirm").json()["code"] == "not_held"


class KilledError(BaseException):
    """Ends the thread of an import as the end of the process would."""


def test_an_import_that_was_killed_is_begun_again_with_the_same_result(
    start: Callable[[], TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "PART", 5)
    rows = [f"bulk{n},dress,{1 + n % 9},1" for n in range(40)]
    content = "\n".join(["item_id,category,price,stock", *rows]) + "\n"
    client, taken = start(), job._take

    def dies(*arguments: Any) -> int:
        if arguments[0].accepted >= 15:
            raise KilledError
        return taken(*arguments)

    monkeypatch.setattr(job, "_take", dies)
    sent = client.post(URL, content=content.encode(), headers=CSV).json()
    for _ in range(200):
        if "bulk14" in shown(client):
            break
        time.sleep(0.02)
    assert client.get(f"{URL}/{sent['job_id']}").json()["status"] == "running"
    monkeypatch.setattr(job, "_take", taken)
    again = start()
    found = ended(again, sent["job_id"])
    assert found["status"] == "done"
    assert found["accepted"] + found["unchanged"] == 40
    assert len([name for name in shown(again) if name.startswith("bulk")]) == 40
