"""Baselines against earlier or published figures: `python -m benchmarks.cold_start.bars [GROUP ...]`.

A baseline weaker than it was elsewhere would make any method look good. Each line names the split, the method with its
options, the figure to reach and ours; the exit status is the number of those that fall short by more than the error of
the figure. Each goes into benchmarks/results/bars/GROUP.json once it is measured; the page takes its table from there.
The figures to reach are in `wanted`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from benchmarks.cold_start import cuts, published, wanted
from benchmarks.cold_start.results import RESULTS
from benchmarks.cold_start.wanted import Bar
from muslin.evaluate.answers import scores_of
from muslin.evaluate.exam import Exam
from muslin.recipes.fit import Recipe, fit_world

BARS = RESULTS / "bars"


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
        pairs = ((self.bar.recall, self.recall), (self.bar.ndcg, self.ndcg))
        return all(bar is None or found >= bar - self.bar.error for bar, found in pairs)


def _imported(build: Callable[[Path], Exam]) -> Callable[[], Exam]:
    """An exam of data that is imported for it, and dropped again."""

    def made() -> Exam:
        with tempfile.TemporaryDirectory() as folder:
            return build(Path(folder) / "data")

    return made


GROUPS: dict[str, tuple[Callable[[], Exam], tuple[Bar, ...]]] = {
    "citeulike": (_imported(published.citeulike), wanted.CITEULIKE),
    "citeulike_k_shot": (_imported(cuts.citeulike_k_shot), wanted.CITEULIKE_K_SHOT),
    "hm_strict": (published.hm_strict, wanted.HM_STRICT),
    "hm_newcomers": (_imported(cuts.newcomers), wanted.HM_NEWCOMERS),
    "hm_domains": (_imported(cuts.domains), wanted.HM_DOMAINS),
}


def measure(exam: Exam, bars: tuple[Bar, ...]) -> Iterator[Reached]:
    """Every bar; a method with the same options is fitted once."""
    by_fit: dict[tuple[str, str], list[Bar]] = {}
    for bar in bars:
        by_fit.setdefault((bar.method, repr(bar.options)), []).append(bar)
    for same in by_fit.values():
        started = time.process_time()
        fitted = fit_world(Recipe(method=same[0].method, options=same[0].options), exam.world, exam.seed)
        spent = round(time.process_time() - started, 1)
        for bar in same:
            found = published.measured(exam, bar.view, scores_of(fitted, exam), bar.path)
            yield Reached(bar, found["recall@20"], found["ndcg@20"], spent)


def read() -> dict[str, list[Reached]]:
    """What was written, by group."""
    files = sorted(BARS.glob("*.json"))
    return {f.stem: msgspec.convert(json.loads(f.read_bytes()), list[Reached]) for f in files}


def standing() -> dict[str, list[Bar | Reached]]:
    """Every bar by group, with what was measured where it was."""
    found = read()
    return {name: [_latest(bar, found.get(name, [])) for bar in bars] for name, (_, bars) in GROUPS.items()}


def _latest(bar: Bar, reached: list[Reached]) -> Bar | Reached:
    return next((one for one in reached if one.bar == bar), bar)


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
    given, short = parser.parse_args(), 0
    for name in given.groups or GROUPS:
        build, bars = GROUPS[name]
        chosen = tuple(b for b in bars if not given.methods or b.method in given.methods.split(","))
        for reached in measure(build(), chosen):
            short += not reached.holds
            print(f"{name} {said(reached)}", flush=True)
            keep(name, reached)
    return short


if __name__ == "__main__":
    sys.exit(main())
