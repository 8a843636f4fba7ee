"""What a training step costs on a machine that is not idle: threads that spin against threads that sleep (ADR 7)."""

import multiprocessing
import os
import subprocess
import sys
import time

STEPS = 12
POLICIES = {
    "ours": {},
    "never sleep": {"OMP_WAIT_POLICY": "ACTIVE"},
    "never spin": {"OMP_WAIT_POLICY": "PASSIVE"},
}
"""What `import muslin` sets where nothing is set, against both extremes."""


def main() -> None:
    """Print seconds for the same steps under each wait policy, alone and beside one busy process per core."""
    for busy in (0, os.cpu_count() or 1):
        burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(busy)]
        for burner in burners:
            burner.start()
        seconds = {name: _timed(variables) for name, variables in POLICIES.items()}
        for burner in burners:
            burner.terminate()
        shown = ", ".join(f"{name} {value:.2f} s ({value / seconds['ours']:.1f}x)" for name, value in seconds.items())
        print(f"beside {busy} busy: {shown}")


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


def _timed(variables: dict[str, str]) -> float:
    clean = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    environment = clean | variables
    code = "from benchmarks.shared_cores import steps; steps()"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(found.stdout)


def _burn() -> None:
    while True:
        pass


if __name__ == "__main__":
    main()
