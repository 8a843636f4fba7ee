"""`muslin doctor`: whether this machine is fit to run Muslin."""

from dataclasses import asdict

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, table

_STYLE = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(json_to: JsonFile = None) -> None:
    """Check versions, memory, disk and time zones, and say what to do about what is wrong (exit status 1)."""
    refuse_unwritable(json_to)
    from muslin.cli.checkup import checkup

    checks = checkup()
    screen = console(json_to)
    screen.print(table("Doctor", ("check", "", "found"), [(c.name, c.status, c.found) for c in checks]))
    for check in checks:
        if check.status != "ok":
            screen.print(f"{check.status}: ", style=_STYLE[check.status], end="")
            screen.print(f"{check.name}: {check.fix}", markup=False, soft_wrap=True)
    write_json([asdict(check) for check in checks], json_to)
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)
