"""Campaign 15, `make bench-serve`: how quickly the real server answers, keeps events, and shows what it learned.

The server runs as a process of its own on all cores; the load comes from this process, kept on one of them.
Recommendations come due at fixed times and a late answer counts from then. Each asks for another shopper under other
filters. Events are sent in batches and counted when they are acknowledged, which is when they are on the disk. Visible:
from sending an event until a recommendation that knows of it has arrived.

    python -m benchmarks.serve [--items 50000] [--rps 100] [--seconds 20] [--method NAME] [--json FILE]
"""

import argparse
import asyncio
import http.client
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import Address, Run, closed_loop, open_loop, pin, post, quantile
from benchmarks.shop_of_size import shop_of_size

RESULTS = Path(__file__).parent / "results"


@contextmanager
def serving(model: Path, state: Path | None, *options: str) -> Iterator[dict[str, Any]]:
    """The real server as a process: what it says when it serves."""
    command = [sys.executable, "-m", "muslin.cli", "serve", str(model), "--port", "0", "--admin-port", "0", *options]
    command += ["--state", str(state)] if state else []
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            if not line.startswith("{"):
                raise SystemExit(line + process.stderr.read())
            # Read on, or a server with much to say would wait for somebody to listen.
            drain = threading.Thread(target=deque, args=(process.stderr, 0))
            drain.start()
            yield {**json.loads(line), "pid": process.pid}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has taken; NaN where the system does not tell."""
    words = [line.rpartition(")")[2].split() for line in _lines(f"/proc/{pid}/stat")]
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 1
    return (int(words[0][11]) + int(words[0][12])) / ticks if words else float("nan")


def priority(pid: int) -> str:
    """How the system lets a process run beside others."""
    if not hasattr(os, "sched_getscheduler"):
        return "unknown"
    kept = {os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}
    return kept.get(os.sched_getscheduler(pid)) or f"nice {os.getpriority(os.PRIO_PROCESS, pid)}"


def busy() -> float:
    """Seconds of processor time that everybody has taken on all cores; NaN where the system does not tell."""
    words = [line.split() for line in _lines("/proc/stat")[:1]]
    ticks = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 1
    return sum(int(words[0][place]) for place in (1, 2, 3, 6, 7, 8)) / ticks if words else float("nan")


def address_of(url: str) -> Address:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def asks(count: int, shoppers: int, rng: random.Random) -> list[bytes]:
    """Recommendation requests: two thirds with filters, one in ten of a stranger."""
    found = []
    for n in range(count):
        user = f"new{n}" if rng.random() < 0.1 else f"u{rng.randrange(shoppers):06d}"
        body: dict[str, Any] = {"user_id": user, "n": 20}
        if n % 3:
            low = rng.uniform(5, 30)
            body["filters"] = {"in_stock": True, "price": {"min": round(low, 2), "max": round(low + 40, 2)}}
            if n % 3 == 2:
                body["filters"]["categories"] = [f"category{c}" for c in rng.sample(range(40), 8)]
        found.append(post("/v1/recommendations", json.dumps(body).encode()))
    return found


def batches(count: int, size: int, items: int, shoppers: int, rng: random.Random) -> list[bytes]:
    """Batches of events, each of another shopper and garment."""

    def event(n: int) -> dict[str, Any]:
        user, item = f"u{rng.randrange(shoppers):06d}", f"g{rng.randrange(items):06d}"
        now = int(time.time() * 1000)
        return {"event_id": f"{rng.random()}-{n}", "type": "click", "user_id": user, "item_id": item, "timestamp": now}

    bodies = (json.dumps({"events": [event(b * size + n) for n in range(size)]}) for b in range(count))
    return [post("/v1/events", body.encode()) for body in bodies]


def visible(address: Address, items: int, count: int, rng: random.Random) -> list[float]:
    """Seconds from sending a shopper's first event until an answer that knows of it has arrived."""
    connection, found = http.client.HTTPConnection(*address), []

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answered = json.loads(connection.getresponse().read())
        assert "status" not in answered, answered
        return dict(answered)

    for n in range(count):
        session, started = f"visit{rng.random()}", time.perf_counter()
        now = int(time.time() * 1000)
        event = {"type": "purchase", "session_id": session, "item_id": f"g{rng.randrange(items):06d}", "timestamp": now}
        receipt = ask("/v1/events", {"events": [{**event, "event_id": f"{session}-{n}"}]})
        assert receipt["accepted"] == 1, receipt
        for _ in range(1000):
            answered = ask("/v1/recommendations", {"session_id": session, "n": 5})
            if answered.get("fallback_reason") != "unknown_session":
                break
        else:
            raise SystemExit("events do not become visible")
        found.append(time.perf_counter() - started)
    return found


def summary(run: Run) -> dict[str, Any]:
    """Quantiles in milliseconds of the answers that were 200, and all statuses."""
    good = run.of(200)
    return {
        "requests": len(run.samples),
        "statuses": run.statuses(),
        **{f"p{name}_ms": round(quantile(good, share) * 1000, 2) for name, share in _QUANTILES.items()},
    }


_QUANTILES = {"50": 0.5, "95": 0.95, "99": 0.99, "99.9": 0.999}


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that was with other work before."""
    model = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "cpu": model[0] if model else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": [round(x, 2) for x in os.getloadavg()],
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def measure(given: argparse.Namespace) -> dict[str, Any]:
    from muslin.recipes.fit import fit

    about = machine()
    shoppers, rng = given.items // 2, random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        fit(shop_of_size(given.items, shoppers, given.items * 5), given.method).save(model)
        # The load keeps to one core; the server, started before, may use all.
        with serving(model, Path(folder) / "state") as said:
            pin((os.cpu_count() or 1) - 1)
            address = address_of(said["url"])
            asyncio.run(closed_loop(address, asks(200, shoppers, rng), 4))
            capacity = asyncio.run(closed_loop(address, asks(int(given.rps * given.seconds / 4), shoppers, rng), 4))
            cpu, before = [cpu_of(said["pid"])], busy() - time.process_time()
            steady = asyncio.run(open_loop(address, asks(int(given.rps * given.seconds), shoppers, rng), given.rps))
            cpu.append(cpu_of(said["pid"]))
            about["priority"] = priority(said["pid"])
            others = busy() - time.process_time() - before - (cpu[1] - cpu[0])
            sent = batches(given.batches, 100, given.items, shoppers, rng)
            kept = asyncio.run(closed_loop(address, sent, 8))
            cpu.append(cpu_of(said["pid"]))
            seen = visible(address, given.items, 200, rng)
    return {
        "machine": {**about, "load_after": [round(x, 2) for x in os.getloadavg()]},
        "cores_taken_by_other_work": round(others / steady.seconds, 2),
        "cpu_ms_per_recommendation": round(1000 * (cpu[1] - cpu[0]) / max(len(steady.of(200)), 1), 2),
        "cpu_ms_per_event": round(10 * (cpu[2] - cpu[1]) / max(len(kept.of(200)), 1), 3),
        "items": given.items,
        "shoppers": shoppers,
        "method": given.method,
        "rps": given.rps,
        "recommendations": summary(steady),
        "capacity_rps": round(len(capacity.of(200)) / capacity.seconds, 1),
        "durable_events_per_second": round(100 * len(kept.of(200)) / kept.seconds, 1),
        "batches": summary(kept),
        "event_to_visible": {f"p{k}_ms": round(quantile(seen, q) * 1000, 2) for k, q in _QUANTILES.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--rps", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--method", default="content_knn")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found, file = measure(given), given.json or RESULTS / f"serve_{given.method}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
