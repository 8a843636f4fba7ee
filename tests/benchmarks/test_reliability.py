"""The quick form of each campaign: the promise holds, and every mutant built in on purpose is caught."""

import json
from pathlib import Path

import pytest
from benchmarks.reliability import campaign, report
from benchmarks.reliability.__main__ import NAMES
from benchmarks.reliability.__main__ import campaign as named

QUICK = {
    "power": 0.005,
    "restart": 0.01,
    "disorder": 0.01,
    "erasure": 0.01,
    "formats": 0.01,
    "full_disk": 0.01,
    "access_matrix": 0.01,
}
"""Scale at which a campaign takes about a second. The others have tests of their own."""


@pytest.mark.parametrize("name", QUICK)
def test_quick(name: str) -> None:
    found = named(name).run(QUICK[name])
    if found.notes and not (found.done or found.failures or found.controls):
        pytest.skip(found.notes[0])
    assert found.failures == []
    assert found.controls
    assert all(found.controls.values()), found.controls


@pytest.mark.slow
def test_a_few_kills(tmp_path: Path) -> None:
    """In a fresh process: ours has threads, and a fork of it would wait for their locks for ever."""
    import subprocess
    import sys

    code = """
import sys
from contextlib import nullcontext
from pathlib import Path
from benchmarks.reliability import kills, mutants
from muslin.http.service import proved
from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop

kills.EXAMINED, kills.AGAIN = 1, 1.0
served = proved(fit(tiny_shop(), "popularity"))
place = Path(sys.argv[1])
right = kills.lives(place / "right", served, 2, nullcontext(), stop=False)
assert right.failures == [] and right.done["events acknowledged"] > 0, right
wrong = kills.lives(place / "wrong", served, 2, mutants.forget_ids(), stop=True)
assert wrong.failures, wrong
print(right.done["kills"])
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=root, timeout=300
    )
    assert done.stdout.split()[-1:] == ["2"], done.stderr[-3000:]


def test_memory_is_bounded_and_evicted_shoppers_are_known(tmp_path: Path) -> None:
    """Growth is measured in the campaign; at this size the interpreter's own would drown it."""
    from contextlib import nullcontext

    from benchmarks.reliability.memory import grown

    found = grown(tmp_path, 4000, nullcontext())
    assert (found.shoppers, found.changed) == (4000, 0)
    assert found.evictions > 2000


def test_a_long_campaign_stops_when_its_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from contextlib import nullcontext

    from benchmarks.reliability.memory import BATCH, grown

    monkeypatch.setenv(campaign.UNTIL, "0")
    assert grown(tmp_path / "late", 40 * BATCH, nullcontext()).shoppers == BATCH
    assert f"memory: {BATCH} of {40 * BATCH:,} in" in capsys.readouterr().err
    monkeypatch.setattr(campaign, "RESULTS", tmp_path)
    half = campaign.Found({"cuts": 3}, share=0.5)
    campaign.write(campaign.Campaign(2, "power", "kept", "6 cuts", lambda _: half), 0.2)
    assert json.loads((tmp_path / "power.json").read_text())["scale"] == 0.1


def test_a_campaign_without_a_caught_control_shows_nothing() -> None:
    assert not campaign.Found(done={"cuts": 5}).kept
    assert not campaign.Found(controls={"a": True, "b": False}).kept
    assert not campaign.Found(failures=["lost"], controls={"a": True}).kept
    assert campaign.Found(controls={"a": True}).kept


def test_every_campaign_has_a_row_of_its_own() -> None:
    rows = [named(name).row for name in NAMES]
    assert len(set(rows)) == len(rows)
    assert [named(name).name for name in NAMES] == list(NAMES)


def test_the_report_says_what_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    lost = campaign.Found({"cuts": 7000}, ["lost: 1"], {"early": True, "late": False}, ["not a real disk"])
    campaign.write(campaign.Campaign(2, "power", "kept", "5,000 cuts", lambda _: lost), 0.5)
    english, chinese = (report.table(report.results(), words) for words in report.LANGUAGES.values())
    assert "| 2 | kept | 5,000 cuts | cuts: 7,000 | **no** | early: caught; late: **missed** |" in english
    assert "* 2: not a real disk" in english
    assert "early: 抓到; late: **漏掉**" in chinese
