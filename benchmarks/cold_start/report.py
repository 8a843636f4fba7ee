"""Render benchmarks/results/*.json: `python -m benchmarks.cold_start.report`.

Writes docs/benchmark.md and docs/benchmark.zh-CN.md with a curve per data set in docs/images, and a full HTML report of
each round beside the results. No figure of the page is written by hand.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cold_start import bars, comparisons
from benchmarks.cold_start.bars import Reached
from benchmarks.cold_start.curves import by_k
from benchmarks.cold_start.estimate import Estimate, estimates
from benchmarks.cold_start.plan import PLANS
from benchmarks.cold_start.results import RESULTS, Measured, everything
from benchmarks.cold_start.wanted import Bar
from benchmarks.cold_start.words import WORDS, Words
from muslin.evaluate import references
from muslin.evaluate.questions import Question, best, figures, questions
from muslin.evaluate.result import BOUNDS, Result, Row

DOCS = Path(__file__).parents[2] / "docs"
_ALL = PLANS["boutique"]
"""The plan of a data set that has none of its own."""
_PAGES = {"en": "benchmark.md", "zh": "benchmark.zh-CN.md"}


@dataclass(frozen=True)
class Column:
    """A question in a table: its heading, the figure of each method, and the best methods."""

    head: str
    rows: dict[str, Row]
    leaders: tuple[str, ...]


def main() -> int:
    """Write everything; the exit status is 1 where there are no results."""
    found = everything()
    if not found:
        print(f"no results in {RESULTS}: run python -m benchmarks.cold_start first", file=sys.stderr)
        return 1
    for measured in found:
        for place, result in enumerate(measured.rounds):
            result.to_html(RESULTS / f"{measured.name}-{place}.html")
            for view, picture in by_k(result).items():
                (DOCS / "images" / _picture(measured.name, view)).write_text(picture, encoding="utf-8")
    for language, name in _PAGES.items():
        (DOCS / name).write_text(page(found, WORDS[language], bars.standing(), estimates()), encoding="utf-8")
    return 0


def page(
    found: list[Measured],
    words: Words,
    reached: Mapping[str, Sequence[Bar | Reached]] | None = None,
    whole: Sequence[Estimate] = (),
) -> str:
    """The page in one language; `reached`: baselines on splits of others, by name of the split; `whole`: its costs."""
    parts = [f"# {words.title}\n", f"{words.other}\n", words.made, words.how]
    missing = [name for name in PLANS if name not in {measured.name for measured in found}]
    parts += [words.missing.format(names=", ".join(missing))] if missing else []
    for measured in found:
        parts += list(_dataset(measured, words))
    parts += [
        *comparisons.twins(found, words),
        *comparisons.bars(reached or {}, words),
        *comparisons.costs(whole, words),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _dataset(measured: Measured, words: Words) -> Iterator[str]:
    facts, cost = measured.rounds[0].facts, measured.cost
    yield f"## {measured.name}\n"
    size = words.size.format(users=facts.n_users, items=facts.n_items, events=facts.n_events)
    spent = words.cost.format(
        model=cost.model, cores=cost.cores, cpu=cost.cpu_seconds / 60, wall=cost.wall_seconds / 60, mb=cost.peak_mb
    )
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    yield f"{size} {spent} {cost.date}; {versions}.{' ' + words.resumed if cost.resumed else ''}\n"
    for result in measured.rounds:
        for protocol in result.facts.protocols:
            yield from _protocol(measured.name, result, protocol, words)


def _protocol(name: str, result: Result, protocol: str, words: Words) -> Iterator[str]:
    asked = [q for q in questions(result, protocol) if q.headline or protocol in ("item-cold", "time", "mixed")]
    yield f"### {name}: {words.protocols[protocol]} (`{protocol}`)\n"
    users = result.facts.max_users
    fits = {row.method: row.fit_cpu_s for row in result.rows if row.protocol == protocol}
    terms = words.terms.format(seeds=len(result.facts.seeds), users=users)
    yield f"{terms} {words.fits.format(methods=len(fits), cpu=sum(fits.values()))}\n"
    for view in dict.fromkeys(q.view for q in asked if q.is_step):
        if protocol == "k-shot" and view in by_k(result):
            yield f"![{protocol} {view}](images/{_picture(name, view)})\n"
    for part in _parts(asked):
        yield _table(result, part, words)
    yield from comparisons.claims(result, protocol, words)
    if absent := comparisons.absent(result, protocol, PLANS.get(name, _ALL), words):
        yield absent + "\n"
    leaks = [f for f in result.findings if f.protocol == protocol and f.violation]
    counted = [f for f in result.findings if f.protocol == protocol and not f.violation and f.count]
    counted = [f for f in counted if f.check != references.CHECK]  # how often it ranked lower is no leak
    told = "; ".join(dict.fromkeys(f"{f.check} {f.share:.1%}" for f in counted if f.seed == result.facts.seeds[0]))
    yield (words.leaks if leaks else words.clear) + (f" ({told})" if told else "") + "\n"


def _parts(asked: list[Question]) -> Iterator[list[Question]]:
    """Questions that fit side by side: those of a view where it is asked at several k, else all."""
    steps = dict.fromkeys(q.view for q in asked if q.is_step)
    for view in steps:
        yield sorted((q for q in asked if q.is_step and q.view == view), key=lambda q: q.k or 0)
    rest = [q for q in asked if not q.is_step]
    for path in dict.fromkeys(q.path for q in rest) if rest and rest[0].protocol == "mixed" else ():
        yield sorted((q for q in rest if q.path == path), key=lambda q: float(q.view.split()[1]))
    if rest and rest[0].protocol != "mixed":
        yield rest


def _table(result: Result, asked: list[Question], words: Words) -> str:
    columns = [_column(result, question) for question in asked]
    order = [m for m in result.facts.methods if m not in BOUNDS]
    order.sort(key=lambda m: -columns[0].rows[m].value if m in columns[0].rows else 0.0)
    methods = ["random", *order, *(m for m in ("oracle",) if m in result.facts.methods)]
    lines = [f"| {words.method} | {' | '.join(c.head for c in columns)} |", "|---|" + "---|" * len(columns)]
    for method in methods:
        cells = [_cell(c.rows[method], leads=method in c.leaders) if method in c.rows else "–" for c in columns]
        lines.append(f"| `{method}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _column(result: Result, question: Question) -> Column:
    rows = figures(result, question, result.headline)
    return Column(question.label, rows, best(rows))


def _cell(row: Row, *, leads: bool) -> str:
    value = f"**{row.value:.3f}**" if leads else f"{row.value:.3f}"
    mark = " ?" if row.suspect and row.method not in BOUNDS else ""
    interval = "" if row.ci_low is None or row.ci_high is None else f" [{row.ci_low:.3f}, {row.ci_high:.3f}]"
    return value + mark + interval


def _picture(name: str, view: str) -> str:
    return f"benchmark-{name}-{view.replace(', ', '-').replace(' ', '-')}.svg"


if __name__ == "__main__":
    sys.exit(main())
