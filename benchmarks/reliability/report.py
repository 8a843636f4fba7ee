"""Tables of what the campaigns found, into docs/reliability.md and its translation: `python -m …reliability.report`.

Only the part between two marks is written; the words around it are written by hand.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.marked import replaced
from benchmarks.reliability.campaign import RESULTS

DOCS = Path(__file__).parents[2] / "docs"
START, END = "<!-- results -->\n", "<!-- end of results -->\n"


class Words(NamedTuple):
    """A language."""

    head: str
    kept: str
    broken: str
    caught: str
    missed: str
    last: str


LANGUAGES = {
    "reliability.md": Words(
        "| # | promise | target | done | held | controls | when, CPU-seconds |",
        "yes",
        "**no**",
        "caught",
        "**missed**",
        "{day}, {share} of the target, {cpu_seconds:,.0f} s, {machine}",
    ),
    "reliability.zh-CN.md": Words(
        "| # | 承诺 | 目标 | 做到 | 成立 | 对照 | 时间与 CPU 秒 |",
        "是",
        "**否**",
        "抓到",
        "**漏掉**",
        "{day}，目标的 {share}，{cpu_seconds:,.0f} 秒，{machine}",
    ),
}


def main() -> None:
    for name, words in LANGUAGES.items():
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        page.write_text(replaced(text, START, END, table(results(), words)), encoding="utf-8")


def results() -> list[dict[str, Any]]:
    """What was found, in the order of the promises."""
    return sorted((json.loads(path.read_text()) for path in RESULTS.glob("*.json")), key=lambda one: one["row"])


def table(found: list[dict[str, Any]], words: Words) -> str:
    """Markdown of one language."""
    lines = [words.head, "|" + "---|" * 7]
    for one in found:
        done = "; ".join(f"{key}: {_number(value)}" for key, value in one["done"].items())
        controls = "; ".join(f"{key}: {words.caught if c else words.missed}" for key, c in one["controls"].items())
        held = words.broken if one["failures"] or not one["done"] else words.kept
        last = words.last.format(**one, share=f"{100 * min(one['scale'], 1):g} %")
        lines.append(f"| {one['row']} | {one['promise']} | {one['target']} | {done} | {held} | {controls} | {last} |")
    notes = [f"* {one['row']}: {note}" for one in found for note in one["notes"]]
    return "\n".join([*lines, "", *notes]) + "\n"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
