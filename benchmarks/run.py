"""Run every benchmark, each in a process of its own, and print its figures as they come.

    python -m benchmarks.run [NAME ...]

A benchmark is a module of this package with a `main()` that prints lines of `what  figure`. Wall times are of this
machine at this moment; only ratios within one benchmark are worth comparing.
"""

import os
import pkgutil
import platform
import subprocess
import sys

import benchmarks


def main() -> int:
    """Run the named benchmarks, or all; the exit status is the number that failed."""
    found = sorted(m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name != "run" and not m.ispkg)
    wanted = sys.argv[1:] or found
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    failed = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
