"""What a training step costs on a machine that is not idle: threads that spin against threads that sleep (ADR 7)."""

import multiprocessing
import os
import subprocess
import sys
import time

STEPS = 12


def main() -> None:
    """Print seconds for the same steps under each wait policy, alone and beside one busy process per core."""
    for busy in (0, os.cpu_count() or 1):
        burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(busy)]
        for burner in burners:
            burner.start()
        seconds = {policy: _timed(policy) for policy in ("ACTIVE", "PASSIVE")}
        for burner in burners:
            burner.terminate()
        active, passive = seconds["ACTIVE"], seconds["PASSIVE"]
        print(f"beside {busy} busy: active {active:.1f} s, passive {passive:.1f} s, {active / passive:.1f}x")


def steps() -> None:
    """Run in a child process: print the seconds of some steps of two_tower on a tiny shop with wide layers."""
    from muslin import registry
    from muslin.features.space import encode
    from muslin.testing.worlds import tiny_shop

    data = encode(tiny_shop(items=3000, users=5000, events=40_000)).data
    entry = registry.entry("two_tower")
    method = entry.build(entry.config())
    params = method.init(data, 0)
    batches = [batch for batch, _ in zip(method.batches(data, 0, 0), range(STEPS), strict=False)]
    method.step(params, batches[0])
    start = time.perf_counter()
    for batch in batches:
        method.step(params, batch)
    print(time.perf_counter() - start)


def _timed(policy: str) -> float:
    environment = os.environ | {"OMP_WAIT_POLICY": policy}
    code = "from benchmarks.shared_cores import steps; steps()"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(found.stdout)


def _burn() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
