"""Write the measured tables of docs/meta.md and docs/meta.zh-CN.md from benchmarks/results/meta: no figure by hand.

A table stands between `<!-- NAME -->` and `<!-- end -->`; `python -m benchmarks.meta_report` writes it anew.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.marked import replaced

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "meta"
PAGES = {"en": ROOT / "docs" / "meta.md", "zh": ROOT / "docs" / "meta.zh-CN.md"}

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "shapes": "shapes",
        "make": "make",
        "rate": "tasks/s",
        "melu": "× MeLU's machinery",
        "loop": "× correct loop",
        "plain": "× plain step",
        "memory": "extra MB",
        "machine": "{cpu}, {threads} thread(s), {clock} time, torch {torch}, {tasks} tasks, {steps} steps, "
        "load {load:.0f}; median, best repeat in brackets.",
        "data": "data",
        "view": "new",
        "method": "method",
        "leads": "How far `{leader}` is ahead of each on the same questions, with 95 % intervals:",
        "note": "NDCG@20 among new things; cuts: {cuts}; gains over the same method at k = 0 with 95 % intervals. "
        "Shoppers a question at most: {users}. Epochs of training at most: {epochs}. "
        "† Measured before left-out events said how far few events are believed: all were believed in full.",
        "garments": "garments",
        "shoppers": "shoppers",
    },
    "zh": {
        "shapes": "输入",
        "make": "做法",
        "rate": "任务/秒",
        "melu": "× MeLU 机制",
        "loop": "× 正确的循环",
        "plain": "× 普通一步",
        "memory": "额外内存 MB",
        "machine": "{cpu}，{threads} 个线程，{clock} 时间，torch {torch}，{tasks} 个任务，{steps} 步，负载 {load:.0f}；"
        "中位数，括号内为最好的一次。",
        "data": "数据",
        "view": "新的",
        "method": "方法",
        "leads": "在同样的问题上，`{leader}` 领先各方法多少，带 95 % 区间：",
        "note": "在新事物之间的 NDCG@20；切分次数：{cuts}；增益相对同一方法的 k = 0，带 95 % 区间。"
        "每个问题的顾客至多：{users}。训练轮数至多：{epochs}。"
        "† 测于由留出的事件决定少量事件可信几分之前：当时全部采信。",
        "garments": "服装",
        "shoppers": "顾客",
    },
}
MAKES = {
    "melu": "MeLU",
    "melu_decision": "MeLU, decision layers",
    "loop": "loop",
    "functional": "torch.func",
    "hand": "maml",
    "hand_first": "fomaml",
    "ridge": "posterior",
    "plain": "plain",
}


def main() -> None:
    """Write both pages."""
    for language, page in PAGES.items():
        page.write_text(filled(page.read_text(encoding="utf-8"), language), encoding="utf-8")


def filled(text: str, language: str) -> str:
    """The page with its tables written anew; a table without results stays empty."""
    for name, table in (("speed", speed), ("k_shot", k_shot)):
        path = RESULTS / f"{name}.json"
        found = table(json.loads(path.read_text(encoding="utf-8")), WORDS[language]) if path.exists() else ""
        text = replaced(text, f"<!-- {name} -->\n", "<!-- end -->", found)
    return text


def speed(result: dict[str, Any], words: dict[str, str]) -> str:
    """Tasks a second and ratios of each make."""
    heads = [words[key] for key in ("shapes", "make", "rate", "melu", "loop", "plain", "memory")]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for row in result["rows"]:
        ratios = [_ratio(row, other) for other in ("melu", "loop", "plain")]
        memory = str(row.get("extra_mb", ""))
        rate = f"{row['tasks_per_second']:.0f}"
        lines.append(_row([row["shapes"].replace("_", " "), MAKES[row["contender"]], rate, *ratios, memory]))
    machine = result["machine"] | {"clock": result["clock"], "load": result["machine"]["load"][0]}
    return "\n".join([*lines, "", words["machine"].format(**machine), ""])


def k_shot(rows: list[dict[str, Any]], words: dict[str, str]) -> str:
    """NDCG@20 of each method by k, with gains."""
    ks = sorted({row["k"] for row in rows})
    heads = [words["data"], words["view"], words["method"], *(f"k = {k}" for k in ks)]
    lines = [_row(heads), _row(["---"] * len(heads))]
    rows = [row | {"dataset": _measured(row)} for row in rows]
    keys = sorted({(row["dataset"], row["view"], row["method"]) for row in rows})
    for dataset, view, method in keys:
        own = {r["k"]: r for r in rows if (r["dataset"], r["view"], r["method"]) == (dataset, view, method)}
        lines.append(_row([dataset, words[view], f"`{method}`", *(_figure(own.get(k)) for k in ks)]))
    epochs = sorted({(row["dataset"], row["epochs"]) for row in rows})
    cuts = sorted({(row["dataset"], row.get("cuts", 1)) for row in rows})
    users = {name: max(row["users"] for row in rows if row["dataset"] == name) for name, _, _ in keys}
    about = {
        "epochs": _by_data(epochs),
        "cuts": _by_data(cuts),
        "users": _by_data(users.items()),
    }
    return "\n".join([*lines, "", words["note"].format(**about), "", *_leads(rows, words)])


def _leads(rows: list[dict[str, Any]], words: dict[str, str]) -> list[str]:
    """How far the leader of a run is ahead of the others in it."""
    rows = [row for row in rows if row.get("leader", row["method"]) != row["method"]]
    lines = []
    for leader in sorted({row["leader"] for row in rows}):
        own = [row for row in rows if row["leader"] == leader]
        ks = sorted({row["k"] for row in own})
        heads = [words["data"], words["view"], words["method"], *(f"k = {k}" for k in ks)]
        lines += [words["leads"].format(leader=leader), "", _row(heads), _row(["---"] * len(heads))]
        for dataset, view, method in sorted({(row["dataset"], row["view"], row["method"]) for row in own}):
            of = {r["k"]: r for r in own if (r["dataset"], r["view"], r["method"]) == (dataset, view, method)}
            lines.append(_row([dataset, words[view], f"`{method}`", *(_ahead(of.get(k)) for k in ks)]))
        lines.append("")
    return lines


def _by_data(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{dataset} {count}" for dataset, count in counts)


def _measured(row: dict[str, Any]) -> str:
    """The data's name, with a mark where all events were believed in full."""
    return row["dataset"] if row.get("believed", True) else f"{row['dataset']} †"


def _figure(row: dict[str, Any] | None) -> str:
    """NDCG@20 and its gain; nothing where that many events were not asked about."""
    if row is None:
        return ""
    value = f"{row['ndcg@20']:.3f}"
    return value if not row["k"] else f"{value} ({row['gain']:+.3f} [{row['gain_low']:+.3f}, {row['gain_high']:+.3f}])"


def _ahead(row: dict[str, Any] | None) -> str:
    """How far the leader is ahead; nothing where that many events were not asked about."""
    return "" if row is None else f"{row['ahead']:+.3f} [{row['ahead_low']:+.3f}, {row['ahead_high']:+.3f}]"


def _ratio(row: dict[str, Any], other: str) -> str:
    return f"{row[f'times_{other}']:.2f} ({row[f'times_{other}_best']:.2f})" if f"times_{other}" in row else ""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
