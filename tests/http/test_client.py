"""The client against the real service on real sockets, and the recipe of the documentation."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from muslin.client import Client, Event, Patience, ServiceError, StockCount, Wish, shapes
from muslin.engine import key_file
from muslin.engine.key_file import Watched
from muslin.engine.keys import SCOPES
from muslin.engine.model import Model
from muslin.http.app import create_app

Live = Callable[..., tuple[str, int]]
DOCS = Path(__file__).parents[2] / "docs"


def test_everything_it_does(live: Live, model: Model, tmp_path: Path) -> None:
    key = key_file.create(tmp_path, "all", list(SCOPES), []).text
    host, port = live(create_app(model, keys=Watched(tmp_path), state=tmp_path))
    with Client(f"http://{host}:{port}", key) as client:
        assert client.ready()
        bought = Event(type="purchase", item_id="dress1", user_id="zoe")
        first = client.send([bought, Event(type="nope", item_id="dress1", user_id="zoe")])
        assert (first.accepted, [one.index for one in first.rejected]) == (1, [1])
        assert client.send([bought]).duplicates == 1
        answer = client.recommend("zoe", n=2, wish=Wish(explain=True, min_seq=first.committed_seq))
        assert (len(answer.items), answer.degraded) == (2, False)
        assert answer.items[0].reasons
        assert "dress1" not in {item.item_id for item in answer.items}
        assert answer.next_cursor is not None
        second = client.next_page(answer, 2)
        assert second is not None
        assert [item.rank for item in second.items] == [3, 4]
        assert client.audience("dress9", 2).users
        assert client.similar("dress1", 2).items
        assert client.put_items([{"item_id": "hat1", "colour": "red", "price": 9.5}]).accepted == 1
        assert client.change_item("hat1", {"price": 8.5}).accepted == 1
        assert client.set_stock([StockCount("hat1", 3)]).accepted == 1
        assert client.remove_item("hat1").accepted == 1
        (tmp_path / "more.csv").write_text("item_id,colour,price\nhat2,red,5\nhat3,blue,x\n")
        job = client.import_items(tmp_path / "more.csv")
        while job.status in {"received", "running"}:
            time.sleep(0.02)
            job = client.import_job(job.job_id)
        assert (job.status, job.read) == ("done", 2), job
        assert [one.line for one in client.import_rejects(job.job_id).rejects] == [3]
        with pytest.raises(ServiceError) as caught:
            client.confirm_import(job.job_id)
        assert caught.value.code == "not_held"
        assert client.put_users([shapes.Profile("zoe", {"club": "gold"})]).kept == 1
        assert "zoe" in str(client.export_user("zoe"))
        erasing = str(client.erase_user("zoe")["job_id"])
        assert client.erasure(erasing)["job_id"] == erasing
        (active,) = client.models()
        assert active.state == "active"
        for act in (lambda: client.load_model("nowhere"), lambda: client.activate("x"), lambda: client.roll_back("x")):
            with pytest.raises(ServiceError) as caught:
                act()
            assert (caught.value.status, caught.value.code) == (404, "unknown_model")


def test_refusals_name_the_field(live: Live, model: Model) -> None:
    host, port = live(create_app(model))
    with Client(f"http://{host}:{port}", patience=Patience(attempts=1)) as client:
        with pytest.raises(ServiceError) as caught:
            client.recommend("ann", n=0)
        assert caught.value.where == "/n (out_of_range)"
        assert caught.value.request_id
        with pytest.raises(ServiceError) as caught:
            client.audience("nope")
        assert caught.value.code == "unknown_item"


@pytest.mark.parametrize("page", ["operations.md", "operations.zh-CN.md"])
def test_the_recipe_of_the_documentation(
    live: Live, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    host, port = live(create_app(model, state=tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(compile(code.replace("127.0.0.1:8642", f"{host}:{port}"), page, "exec"), {})
    assert capsys.readouterr().out.startswith("1 ()\n1 ")
