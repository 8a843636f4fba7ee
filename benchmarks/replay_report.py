"""What `benchmarks.replay` found, into docs/service.md and its translation: `python -m benchmarks.replay_report`.

Only the part between two marks is written.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.marked import replaced
from benchmarks.replay import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
START, END = "<!-- replay -->\n", "<!-- end of replay -->\n"


class Words(NamedTuple):
    """A language."""

    head: str
    sides: dict[str, str]
    about: str


WORDS = {
    "service.md": Words(
        "| new | events before | asked | learning | not learning | difference |",
        {"garment": "garment", "shopper": "shopper"},
        "NDCG@20, 95 % intervals over shoppers and garments; `{method}`, {garments:,} garments of which {new:,} are "
        "new after {trained_days} days, {served_days} days served; {cpu_s:,} s of processor time.",
    ),
    "service.zh-CN.md": Words(
        "| 新的 | 此前的事件数 | 提问数 | 学习 | 不学习 | 差 |",
        {"garment": "商品", "shopper": "用户"},
        "NDCG@20 及按用户与商品的 95 % 区间；`{method}`，{garments:,} 件商品，其中 {new:,} 件在 {trained_days} 天之后"
        "才出现，服务 {served_days} 天；处理器时间 {cpu_s:,} 秒。",
    ),
}


def main() -> None:
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name, words in WORDS.items():
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        page.write_text(replaced(text, START, END, table(found, words)), encoding="utf-8")


def table(found: dict[str, Any], words: Words) -> str:
    """Markdown of one language: a line for each kind of new thing and each number of events it had."""
    cells: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in found["rows"]:
        cells.setdefault((row["side"], row["events"]), {})[row["variant"]] = row
    lines = [words.head, "|---|---|---|---|---|---|"]
    for (side, events), row in cells.items():
        if events != "known":
            shown = (_figure(row[name]) for name in ("told", "untold", "difference"))
            lines.append(f"| {words.sides[side]} | {events} | {row['told']['pairs']:,} | {' | '.join(shown)} |")
    return "\n".join([*lines, "", words.about.format(**found)]) + "\n"


def _figure(row: dict[str, Any]) -> str:
    return f"{row['value']:.4f} [{row['ci_low']:.4f}, {row['ci_high']:.4f}]"


if __name__ == "__main__":
    main()
