"""Render benchmarks/results/transfer/*.json into docs/transfer.md: `python -m benchmarks.transfer.report`.

The tables stand between two marks, in both languages; nothing else of the pages is touched, and no figure is written by
hand.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cold_start.results import Measured, read
from benchmarks.transfer.dial import summary
from benchmarks.transfer.newcomers import DATA, FOLDER, OURS
from muslin.evaluate.questions import Question, figures, questions
from muslin.evaluate.result import Comparison, Result, Row

DOCS = Path(__file__).parents[2] / "docs"
START, END = "<!-- measured: benchmarks.transfer.report -->", "<!-- end of measured -->"
"""Marks between which the tables stand."""
_SEGMENT = "popularity_segment"


@dataclass(frozen=True)
class Words:
    """One language."""

    page: str
    title: str
    how: str
    cost: str
    head: tuple[str, ...]
    dial: str
    dial_head: tuple[str, ...]
    pairs: str
    pair_head: tuple[str, ...]


ENGLISH = Words(
    page="transfer.md",
    title="## Measured",
    how="Shoppers new to the target, all its garments ranked, NDCG@20 with 95 % intervals; `{ours}` against each "
    "method is the paired difference. `make bench-transfer` repeats it.",
    cost="{name}: {cuts} cut(s), {cpu:.0f} processor minutes in all, peak {mb:,.0f} MB, on {model}.",
    head=("direction", "shoppers", "method", "NDCG@20", "gain of ours", "processor s to fit"),
    dial="Boutiques that differ in how much of a taste the two domains share (`shared_taste`), accessories to apparel. "
    "Gains are shares of what the target alone reaches, among shoppers new to it.",
    dial_head=(
        "shared taste",
        "boutiques",
        "transfer shipped",
        "gain of the chosen",
        "gain of the shipped",
        "gap closed at 1 %",
    ),
    pairs="The whole of `muslin transfer`, with the guard's choice; `shuffled`: shoppers of the source change names.",
    pair_head=("pair", "shoppers", "chosen", "shipped", "without", "with", "gain", "processor min", "peak MB"),
)
CHINESE = Words(
    page="transfer.zh-CN.md",
    title="## 实测",
    how="目标域的新顾客，目标域的所有商品都参与排名，NDCG@20，附 95 % 区间；`{ours}` 与每种方法之差是配对差。"
    "用 `make bench-transfer` 重复。",
    cost="{name}：{cuts} 次切分，共 {cpu:.0f} 处理器分钟，内存峰值 {mb:,.0f} MB，处理器 {model}。",
    head=("方向", "顾客数", "方法", "NDCG@20", "我们的收益", "训练处理器秒"),
    dial="只在两个域共享多少品味（`shared_taste`）上不同的精品店，配饰到服装。收益是相对于只用目标域的比例，只看目标域的新顾客。",
    dial_head=("共享品味", "店数", "采用迁移", "所选的收益", "采用的收益", "1 % 数据弥合的差距"),
    pairs="完整的 `muslin transfer`，以及守卫的选择；`shuffled`：源域的顾客互换姓名。",
    pair_head=("域对", "顾客", "所选", "采用", "无迁移", "有迁移", "收益", "处理器分钟", "峰值 MB"),
)


def main() -> int:
    """Write both pages; the exit status is 1 where there are no results."""
    if not list(FOLDER.glob("*.json")):
        print(f"no results in {FOLDER}: run make bench-transfer first", file=sys.stderr)
        return 1
    for words in (ENGLISH, CHINESE):
        page = DOCS / words.page
        page.write_text(placed(page.read_text(encoding="utf-8"), section(FOLDER, words)), encoding="utf-8")
    return 0


def placed(page: str, tables: str) -> str:
    """`page` with `tables` between the marks, which are put at its end where it has none."""
    before, _, rest = page.partition(START)
    after = rest.partition(END)[2]
    return f"{before.rstrip()}\n\n{START}\n{tables.rstrip()}\n{END}\n{after.lstrip()}"


def section(folder: Path, words: Words) -> str:
    """Everything measured, in one language."""
    parts = [words.title, ""]
    found = [read(path) for name in DATA if (path := folder / f"{name}.json").is_file()]
    if found:
        parts += [words.how.format(ours=OURS), ""]
    for measured in found:
        parts += [*newcomers(measured, words), ""]
    for name, lines in (("dial", dial), ("real", pairs)):
        path = folder / f"{name}.json"
        if path.is_file():
            parts += [*lines(json.loads(path.read_text(encoding="utf-8")), words), ""]
    return "\n".join(parts)


def newcomers(measured: Measured, words: Words) -> Iterator[str]:
    """Table of one data set, a row a direction and method, best first."""
    cost = measured.cost
    cuts = max(len(result.facts.seeds) for result in measured.rounds)
    yield words.cost.format(name=measured.name, cuts=cuts, cpu=cost.cpu_seconds / 60, mb=cost.peak_mb, model=cost.model)
    yield ""
    yield from table(words.head, [row for result in measured.rounds for row in _directions(result)])


def _directions(result: Result) -> Iterator[tuple[str, ...]]:
    for question in questions(result, "cross-domain"):
        rows = figures(result, question, result.headline)
        for row in sorted(rows.values(), key=lambda r: -r.value):
            if row.method == "random":
                continue
            mark = "**" if row.method == OURS else ""
            value = f"{mark}{row.value:.4f}{mark} [{row.ci_low:.4f}, {row.ci_high:.4f}]"
            gain = _gain(result, question, row)
            yield question.view, f"{row.n_users:,}", f"`{row.method}`", value, gain, f"{row.fit_cpu_s:.0f}"


def _gain(result: Result, question: Question, row: Row) -> str:
    """Ours over this method, where a comparison says it: comparisons are of the best with each other method."""
    for c in result.comparisons:
        if (c.protocol, c.view, c.path, c.k) == (question.protocol, question.view, question.path, question.k):
            if (c.best, c.other) == (OURS, row.method):
                return _said(c, 1, row.value)
            if (c.other, c.best) == (OURS, row.method):
                return _said(c, -1, row.value)
    return ""


def _said(c: Comparison, sign: int, base: float) -> str:
    low, high = sorted((sign * c.ci_low, sign * c.ci_high))
    return f"{sign * c.value / base:+.0%} ({sign * c.value:+.4f} [{low:+.4f}, {high:+.4f}])"


def dial(found: Mapping[str, Any], words: Words) -> Iterator[str]:
    """Table of the boutiques, a row a dial."""
    yield words.dial
    yield ""
    rows = []
    for row in summary(dict(found)):
        closed = row["gap closed at 1 %"]
        rows.append(
            (
                f"{row['dial']:g}",
                f"{row['worlds']}",
                f"{row['shipped']}",
                f"{row['gain of the chosen']:+.1%}",
                f"{row['gain of the shipped']:+.1%}",
                "–" if closed is None else f"{closed:.0%}",
            )
        )
    yield from table(words.dial_head, rows)


def pairs(found: Mapping[str, Any], words: Words) -> Iterator[str]:
    """Table of the whole transfer, a row a pair and segment."""
    yield words.pairs
    yield ""
    rows = []
    for name, result in found.items():
        verdict, cost = result["verdict"], (f"{result['cpu_s'] / 60:.0f}", f"{result['peak_mb']:,.0f}")
        for gain in verdict["gains"]:
            said = f"{gain['gain']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
            values = (f"{gain['null']:.4f}", f"{gain['form']:.4f}", said)
            rows.append((name, gain["segment"], verdict["chosen"], verdict["shipped"], *values, *cost))
    yield from table(words.pair_head, rows)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    sys.exit(main())
