"""`make bench-meta`: meta-training steps of eight makes, side by side in one run, and the memory each takes.

Every contender makes whole steps on the same tasks: look-up, inner steps, outer gradient, Adam. Repeats are
interleaved, so that a busy moment hits all alike; ratios are of medians, and of minima, which noise disturbs less.
Memory is the growth of the peak in a process of its own, from a step on eight tasks to one on all.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import muslin  # noqa: F401  (before torch: it says how threads wait)
from benchmarks.meta_speed import others, ours
from benchmarks.meta_speed.problem import QUERY, STEPS, Problem, drawn

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""`cpu`: processor time of all threads, for one thread beside others' work. Of two it says what they cost together."""
TASKS = 256
CONTENDERS: dict[str, tuple[str, Callable[[Problem], others.Step]]] = {
    "melu": ("MeLU's machinery, as published", others.melu),
    "melu_decision": ("the same, decision layers only", lambda p: others.melu(p, all_weights=False)),
    "loop": ("a correct loop, second order", others.loop),
    "functional": ("torch.func, second order", ours.functional),
    "hand": ("by hand, second order", ours.hand),
    "hand_first": ("by hand, first order", lambda p: ours.hand(p, first_order=True)),
    "ridge": ("closed form", ours.ridge),
    "plain": ("plain supervised step", ours.plain),
}
MULTI_HOT = ("melu", "melu_decision", "hand", "hand_first", "ridge", "plain")
SLOW = {"melu": 1, "melu_decision": 1, "loop": 1, "functional": 2}
"""Steps of a repeat; others make five."""


def measured(names: tuple[str, ...], problem: Problem, repeats: int, clock: str = "wall") -> dict[str, list[float]]:
    """Seconds of a step, repeat after repeat, all contenders in turn."""
    steps = {name: CONTENDERS[name][1](problem) for name in names}
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, step in steps.items():
            count = SLOW.get(name, 5)
            start = CLOCKS[clock]()
            for _ in range(count):
                step()
            seconds[name].append((CLOCKS[clock]() - start) / count)
    return seconds


def memory(name: str, *, multi_hot: bool) -> float:
    """Megabytes by which the peak grows, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.meta_speed", "--memory", name]
    command += ["--threads", str(torch.get_num_threads()), *["--multi-hot"] * multi_hot]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(found.stdout)


def grown(name: str, *, multi_hot: bool) -> float:
    """`memory`, in this process."""
    problem = drawn(TASKS, multi_hot=multi_hot)
    make = CONTENDERS[name][1]
    for _ in range(2):
        make(drawn(8, multi_hot=multi_hot))()
    step = make(problem)
    before = _peak()
    for _ in range(3):
        step()
    return (_peak() - before) / 1024


def _peak() -> int:
    """Kilobytes. Not what `getrusage` says where /proc does: a process starts with its parent's peak there."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return found[0] if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def rows(seconds: dict[str, list[float]], *, multi_hot: bool, with_memory: bool) -> list[dict[str, Any]]:
    """A row a contender, with its ratios."""
    found = []
    for name, own in seconds.items():
        middle, best = statistics.median(own), min(own)
        row: dict[str, Any] = {
            "contender": name,
            "shapes": "multi_hot" if multi_hot else "ten_fields",
            "tasks_per_second": round(TASKS / middle, 1),
            "seconds": [round(s, 6) for s in own],
        }
        for other in ("melu", "loop", "plain"):
            if other in seconds:
                row[f"times_{other}"] = round(statistics.median(seconds[other]) / middle, 3)
                row[f"times_{other}_best"] = round(min(seconds[other]) / best, 3)
        if with_memory:
            row["extra_mb"] = round(memory(name, multi_hot=multi_hot), 1)
        found.append(row)
    return found


def shown(table: list[dict[str, Any]]) -> None:
    """Print the rows of one kind of shapes."""
    print(f"\n{table[0]['shapes']}: tasks/s, and times as fast as (median | best repeat)")
    for row in table:
        title = CONTENDERS[row["contender"]][0]
        ratios = "  ".join(
            f"{other} {row[f'times_{other}']:6.2f} | {row[f'times_{other}_best']:6.2f}"
            for other in ("melu", "loop", "plain")
            if f"times_{other}" in row
        )
        extra = f"  +{row['extra_mb']:.0f} MB" if "extra_mb" in row else ""
        print(f"  {title:32} {row['tasks_per_second']:8.0f}   {ratios}{extra}")


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "tasks": TASKS,
        "query": QUERY,
        "steps": STEPS,
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/meta/speed.json"))
    parser.add_argument("--only", default="", help="contenders, comma between")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--shapes", default="ten_fields,multi_hot")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--memory", default="", help=argparse.SUPPRESS)
    parser.add_argument("--multi-hot", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.memory:
        print(grown(asked.memory, multi_hot=asked.multi_hot))
        return
    only = asked.only.split(",") if asked.only else list(CONTENDERS)
    found = []
    for multi_hot in (shapes == "multi_hot" for shapes in asked.shapes.split(",")):
        names = tuple(name for name in (MULTI_HOT if multi_hot else CONTENDERS) if name in only)
        seconds = measured(names, drawn(TASKS, multi_hot=multi_hot), asked.repeats, asked.clock)
        table = rows(seconds, multi_hot=multi_hot, with_memory=not asked.no_memory)
        shown(table)
        found += table
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps({"machine": machine(), "clock": asked.clock, "rows": found}, indent=1))


if __name__ == "__main__":
    main()
