"""Baselines against earlier or published figures: `python -m benchmarks.cold_start.bars [GROUP ...]`.

A baseline weaker than it was elsewhere would make any method look good. Each line names the split, the method with its
options, the figure to reach and ours; the exit status is the number of those that fall short by more than the error of
the figure. Each goes into benchmarks/results/bars/GROUP.json once it is measured; the page takes its table from there.

Published figures of DropoutNet and CLCRec are of 300 numbers made of each article's text; ours read the tags, for the
text is not in the files. They are here to show that ours are not broken, and no more.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.cold_start import published
from benchmarks.cold_start.results import RESULTS
from muslin.evaluate.answers import scores_of
from muslin.evaluate.exam import Exam
from muslin.recipes.fit import Recipe, fit_world

BARS = RESULTS / "bars"


@dataclass(frozen=True)
class Bar:
    """What `method` with `options` is to reach in the view (of true items under `path`, None for all) of an exam.

    `recall`, `ndcg`: the figures at 20, None where none is known. `error`: how much may be missing.
    """

    view: str
    method: str
    recall: float | None
    ndcg: float | None
    error: float
    source: str
    path: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reached:
    """A bar, and what was measured; `cpu_s` are processor seconds of the fit."""

    bar: Bar
    recall: float
    ndcg: float
    cpu_s: float

    @property
    def holds(self) -> bool:
        """Whether nothing is missing but what the figure's own error explains."""
        wanted = ((self.bar.recall, self.recall), (self.bar.ndcg, self.ndcg))
        return all(bar is None or found >= bar - self.bar.error for bar, found in wanted)


_BEFORE = "measured before this project"
_PUBLISHED = "published (Huang et al. 2023)"

CITEULIKE = (
    Bar("cold", "content_knn", 0.366, 0.256, 0.01, _BEFORE, options={"idf_power": 1.8}),
    Bar("cold", "ease_content", 0.379, 0.264, 0.01, _BEFORE),
    Bar("warm", "ease", 0.353, 0.250, 0.01, _BEFORE),
    Bar("cold", "dropoutnet", 0.227, 0.136, 0.0, _PUBLISHED),
    Bar("warm", "dropoutnet", 0.134, 0.079, 0.0, _PUBLISHED),
    Bar("cold", "clcrec", 0.230, 0.135, 0.0, _PUBLISHED),
    Bar("warm", "clcrec", 0.190, 0.117, 0.0, _PUBLISHED),
)
HM_STRICT = (
    Bar("within", "content_knn", 0.305, 0.156, 0.006, _BEFORE),
    Bar("within", "ials", 0.293, 0.137, 0.006, _BEFORE),
    Bar("within", "feature_ials", 0.293, 0.137, 0.006, _BEFORE),
    Bar("within", "item_knn", 0.295, 0.148, 0.006, _BEFORE),
    Bar("within", "ease", 0.297, 0.144, 0.006, _BEFORE),
    Bar("within", "ease_content", 0.323, 0.162, 0.006, _BEFORE),
    Bar("within", "muslin", 0.336, 0.169, 0.006, _BEFORE),
    Bar("full", "popularity", None, 0.012, 0.002, _BEFORE),
    Bar("full", "content_knn", None, 0.095, 0.006, _BEFORE),
    Bar("full", "ease_content", None, 0.118, 0.006, _BEFORE),
    Bar("full", "ease_content", 0.236, None, 0.006, _BEFORE, path="hot"),
    Bar("full", "ease_content", 0.179, None, 0.006, _BEFORE, path="cold"),
)


def _citeulike() -> Exam:
    with tempfile.TemporaryDirectory() as folder:
        return published.citeulike(Path(folder) / "data")


GROUPS: dict[str, tuple[Callable[[], Exam], tuple[Bar, ...]]] = {
    "citeulike": (_citeulike, CITEULIKE),
    "hm_strict": (published.hm_strict, HM_STRICT),
}


def measure(exam: Exam, bars: tuple[Bar, ...]) -> Iterator[Reached]:
    """Every bar; a method with the same options is fitted once for those that follow one another."""
    last: tuple[str, str] | None = None
    for bar in bars:
        if last != (bar.method, repr(bar.options)):
            started = time.process_time()
            fitted = fit_world(Recipe(method=bar.method, options=bar.options), exam.world, exam.seed)
            spent, last = time.process_time() - started, (bar.method, repr(bar.options))
        found = published.measured(exam, bar.view, scores_of(fitted, exam), bar.path)
        yield Reached(bar, found["recall@20"], found["ndcg@20"], round(spent, 1))


def read() -> dict[str, list[Reached]]:
    """What was written, by group."""
    files = sorted(BARS.glob("*.json"))
    return {f.stem: msgspec.convert(json.loads(f.read_bytes()), list[Reached]) for f in files}


def keep(name: str, reached: Reached) -> None:
    """Store one figure in the file of its group, in the order of the bars; one whose bar is no more is dropped."""
    found = {repr(one.bar): one for one in read().get(name, [])} | {repr(reached.bar): reached}
    kept = [asdict(found[repr(bar)]) for bar in GROUPS[name][1] if repr(bar) in found]
    BARS.mkdir(parents=True, exist_ok=True)
    (BARS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def said(reached: Reached) -> str:
    """A line of it."""
    bar, mark = reached.bar, "" if reached.holds else "  SHORT"
    what = " ".join(filter(None, (bar.view, bar.path, bar.method, *(f"{k}={v}" for k, v in bar.options.items()))))
    figures = f"recall {reached.recall:.3f} (bar {bar.recall}), NDCG {reached.ndcg:.3f} (bar {bar.ndcg})"
    return f"{what}: {figures}, {reached.cpu_s:.0f} s{mark}"


def main() -> int:
    """Print a line per bar."""
    parser = argparse.ArgumentParser(prog="benchmarks.cold_start.bars", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--methods", metavar="A,B", help="only these")
    wanted, short = parser.parse_args(), 0
    for name in wanted.groups or GROUPS:
        build, bars = GROUPS[name]
        chosen = tuple(b for b in bars if not wanted.methods or b.method in wanted.methods.split(","))
        for reached in measure(build(), chosen):
            short += not reached.holds
            print(f"{name} {said(reached)}", flush=True)
            keep(name, reached)
    return short


if __name__ == "__main__":
    sys.exit(main())
