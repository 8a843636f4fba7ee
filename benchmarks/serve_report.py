"""What `benchmarks.serve` found, into docs/operations.md and its translation: `python -m benchmarks.serve_report`.

Only the part between two marks is written.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.marked import replaced
from benchmarks.serve import RESULTS

METHODS = ("content_knn", "muslin")
"""In the order of the tables."""
DOCS = Path(__file__).parents[1] / "docs"
START, END = "<!-- speed -->\n", "<!-- end of speed -->\n"
WORDS = {
    "operations.md": (
        "| | measured | target |",
        "recommendations answered of {requests:,} sent at {rps:g} a second",
        "their 50th, 95th and 99th percentile, ms",
        "processor time of one, refusals included, ms",
        "recommendations a second in a closed loop of four",
        "durable events a second",
        "event to visible, 50th and 99th percentile, ms",
        "{items:,} garments, `{method}`, on {machine[cores]} cores ({machine[cpu]}), of which other work took "
        "{cores_taken_by_other_work:g} while recommendations were asked for (load before: {machine[load_before][0]:g}; "
        "priority of the server: {machine[priority]}).",
    ),
    "operations.zh-CN.md": (
        "| | 实测 | 目标 |",
        "以每秒 {rps:g} 个的速度发出 {requests:,} 个推荐请求，其中得到回答的",
        "其第 50、95、99 百分位，毫秒",
        "每个推荐的处理器时间（含被拒绝的请求），毫秒",
        "四路闭环下每秒推荐数",
        "每秒持久化事件数",
        "事件到可见，第 50 与 99 百分位，毫秒",
        "{items:,} 件商品，`{method}`，{machine[cores]} 核（{machine[cpu]}），请求推荐期间其他工作占用其中 "
        "{cores_taken_by_other_work:g} 核（此前负载：{machine[load_before][0]:g}；"
        "服务器的优先级：{machine[priority]}）。",
    ),
}


def main() -> None:
    files = [file for method in METHODS if (file := RESULTS / f"serve_{method}.json").exists()]
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    for name, words in WORDS.items():
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        tables = "\n".join(table(one, words) for one in found)
        page.write_text(replaced(text, START, END, tables), encoding="utf-8")


def table(found: dict[str, Any], words: tuple[str, ...]) -> str:
    """Markdown of one language."""
    head, sent, spread, cpu, closed, events, visible, about = words
    asked, seen = found["recommendations"], found["event_to_visible"]
    rows = (
        (sent.format(requests=asked["requests"], rps=found["rps"]), f"{asked['statuses'].get('200', 0):,}", ""),
        (spread, f"{asked['p50_ms']:g}, {asked['p95_ms']:g}, {asked['p99_ms']:g}", "p99 ≤ 25"),
        (cpu, f"{found['cpu_ms_per_recommendation']:g}", ""),
        (closed, f"{found['capacity_rps']:g}", ""),
        (events, f"{found['durable_events_per_second']:,.0f}", "≥ 2,000"),
        (visible, f"{seen['p50_ms']:g}, {seen['p99_ms']:g}", "p99 ≤ 100"),
    )
    lines = [head, "|---|---|---|", *(f"| {name} | {value} | {target} |" for name, value, target in rows)]
    return "\n".join([*lines, "", about.format(**found)]) + "\n"


if __name__ == "__main__":
    main()
