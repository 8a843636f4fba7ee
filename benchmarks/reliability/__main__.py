"""Run campaigns and write what they found: `python -m benchmarks.reliability [NAME …] [--scale 0.01]`.

Scale 1 is the target of each. The status is 1 where a promise was broken or a control was not caught.
"""

import argparse
import os
import sys
import time
from importlib import import_module

from benchmarks.reliability.campaign import UNTIL, Campaign, write

NAMES = (
    "kills",
    "power",
    "restart",
    "full_disk",
    "swap",
    "tampered",
    "bad_http",
    "access_matrix",
    "overload",
    "memory",
    "soak",
    "disorder",
    "erasure",
    "poisoning",
    "always_served",
    "formats",
)
"""In the order of the promises; the latency of row 15 is measured by `make bench-serve`."""


def campaign(name: str) -> Campaign:
    """The campaign of a file of this package."""
    found = import_module(f"benchmarks.reliability.{name}").CAMPAIGN
    assert isinstance(found, Campaign)
    return found


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.reliability", description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--scale", type=float, default=0.02, help="how far, of the target; 0.02 takes minutes")
    parser.add_argument("--minutes", type=float, help="stop the long ones then, however far they are")
    asked = parser.parse_args(arguments)
    broken = 0
    for name in asked.names:
        one = campaign(name)
        print(f"{one.row}. {one.promise} …", flush=True)
        if asked.minutes is not None:
            os.environ[UNTIL] = str(time.time() + 60 * asked.minutes)
        found = write(one, asked.scale)
        broken += not found.kept
        print(f"   {'kept' if found.kept else 'NOT SHOWN'}: {found.done}", flush=True)
        for line in (*found.failures[:10], *found.notes):
            print(f"   {line}")
        for control, caught in found.controls.items():
            print(f"   control, {control}: {'caught' if caught else 'MISSED'}", flush=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
