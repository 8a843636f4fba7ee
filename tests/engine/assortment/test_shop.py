"""Changes of a catalogue are written down as a whole, and many at once."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from muslin.engine.assortment.job import Job, Place, run
from muslin.engine.model import Model
from muslin.engine.online import pending
from muslin.engine.online.online import Online, clock
from muslin.engine.online.refused import RefusedError
from muslin.engine.shop import Shop


@pytest.fixture
def online(tmp_path: Path) -> Iterator[Online]:
    with Online.open(tmp_path / "state") as opened:
        yield opened


def test_a_change_that_cannot_be_written_down_whole_is_not_kept_in_part(
    model: Model, online: Online, garment: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(model, online)
    online.know(model.world.catalogue.ids.tolist())

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(pending, "taken_up", full)
        with pytest.raises(RefusedError):
            shop.put([garment("new")], clock())
    event = {"event_id": "1", "type": "click", "user_id": "ann", "item_id": "new", "timestamp": clock() // 1000}
    assert (shop.state.index("new"), online.items()) == (-1, [])
    assert online.ingest([event]).pending == 1
    seq = shop.put([garment("new")], clock()).seq
    assert ([row.id for row in online.items()], online.items()[0].seq) == (["new"], seq)
    assert Shop(model, online).state.index("new") >= 0


def test_garments_that_a_full_file_lacks_leave_in_one_commit_but_for_newer_words(
    model: Model, online: Online, garment: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, at = Shop(model, online), clock()
    shop.put([garment("g0079", title="said since")], at + 1)
    (tmp_path / "sent.csv").write_text("item_id\n" + "".join(f"g{n:04d}\n" for n in range(65)), encoding="utf-8")
    place = Place(tmp_path)
    place.write(Job(job_id="1", status="received", mode="full", created_at=at))
    commits, put = [], online.put_items
    monkeypatch.setattr(online, "put_items", lambda rows, *known: commits.append(len(rows)) or put(rows, *known))
    done = run(place, lambda: shop, lambda work: work(shop))
    assert (done.status, done.leaving) == ("done", 15)
    assert commits == [65, 14]
    gone = {f"g{n:04d}" for n in range(65, 79)}
    assert set(shop.state.model.world.catalogue.ids[shop.state.hidden]) == gone
    again = Shop(model, online)
    assert set(again.state.model.world.catalogue.ids[again.state.hidden]) == gone
