"""The `curl` recipes of the docs, run as they stand against a real server."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import uvicorn

from muslin.data.dataset import Dataset
from muslin.http.app import create_app
from muslin.recipes.fit import fit

DOCS = Path(__file__).parents[2] / "docs"
ADDRESS = "http://127.0.0.1:8642"
_BLOCK = re.compile(r"^```\n(curl .*?)\n```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def recipes(page: str) -> list[str]:
    """Commands of the blocks that start with `curl`."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [part for block in _BLOCK.findall(text) for part in re.split(r"\n(?=curl )", block)]


@pytest.fixture(scope="module")
def address(shop: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of a shop in which the garment and the shopper of the docs are known."""
    names = {"dress1": "0108775015", "ann": "U0000012"}

    def named(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col(c).replace(names) for c in ("item_id", "user_id") if c in frame.columns)

    known = replace(shop, items=named(shop.items), users=named(shop.users), events=named(shop.events))
    app = create_app(fit(known, "content_knn"), state=tmp_path_factory.mktemp("state"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def run(recipe: str, address: str, folder: Path, job: str) -> tuple[int, dict[str, Any]]:
    command = recipe.replace(ADDRESS, address).replace("curl -s", "curl -s -w '\\n%{http_code}'", 1)
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=folder, env={**os.environ, "JOB": job}, check=True
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def test_every_recipe_works(address: str, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,category,price,stock\nbag1,bag,12.5,3\nbag2,bag,0,1\n")
    job, answers = "", []
    for recipe in recipes("service.md"):
        status, body = run(recipe, address, tmp_path, job)
        assert status in (200, 202), (recipe, body)
        job = body.get("job_id", job)
        answers.append((recipe, body))
    said = {recipe.splitlines()[0]: body for recipe, body in answers}
    recommended = next(body for recipe, body in answers if "/v1/recommendations" in recipe)
    assert recommended["items"]
    assert all(item["reasons"] for item in recommended["items"])
    assert [body["accepted"] for recipe, body in answers if "/v1/items" in recipe and "-X" in recipe] == [1, 1, 2, 1]
    assert any("similar" in line and body["items"] for line, body in said.items())
    assert any("audience" in line and body["users"] for line, body in said.items())
    assert len(answers) >= 11


def test_both_languages_have_the_same_recipes() -> None:
    assert recipes("service.md") == recipes("service.zh-CN.md")
    assert len(recipes("service.md")) >= 11
