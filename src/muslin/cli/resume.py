"""Long commands that can be interrupted: where they keep what they did so far, and how to go on from there."""

import shlex
import sys
from pathlib import Path

from muslin.cli.failures import interrupted


def partial(out: Path) -> Path:
    """Where unfinished work is kept until what is written to `out` is complete."""
    whole = out.absolute()
    return whole.with_name(f"{whole.name}.partial")


def say_how_to_go_on(kept: Path) -> None:
    """After Ctrl-C: the command that continues, where there is anything to continue from."""
    if kept.is_dir():
        command = shlex.join(["muslin", *sys.argv[1:]])
        interrupted(f"what was learned so far is kept in {kept}", f"to go on from there: {command}")
    else:
        interrupted("nothing was written")
