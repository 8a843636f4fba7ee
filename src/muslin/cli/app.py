"""Puts the commands together, and turns whatever goes wrong into a screen and an exit status.

Exit status: 0 done, 1 the machine failed (a full disk, no permission) or `doctor` found a fault, 2 wrong use, 3 bad
data, 4 bad model, 130 interrupted. `MUSLIN_DEBUG=1` shows the traceback of any error.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import muslin
from muslin.cli.audience import audience
from muslin.cli.backup import backup, restore
from muslin.cli.demo import demo
from muslin.cli.doctor import doctor
from muslin.cli.evaluate import evaluate
from muslin.cli.export_events import export_events
from muslin.cli.failures import of_machine, of_parser, show
from muslin.cli.features import features
from muslin.cli.fit import fit
from muslin.cli.imports import import_
from muslin.cli.keys import keys
from muslin.cli.methods import methods
from muslin.cli.off_policy import off_policy
from muslin.cli.peers import peers
from muslin.cli.recommend import recommend
from muslin.cli.replay import replay
from muslin.cli.serve import serve
from muslin.cli.transfer import transfer
from muslin.cli.tune import tune
from muslin.errors import MuslinError

_HELP = """Cold-start recommendations for fashion: new garments and new shoppers, ranked well from the first request.

Start with `muslin demo`, or bring your own: `muslin import`, `muslin fit`, `muslin recommend`.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `muslin ARGUMENTS` (the process's own by default) and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        # Typer returns the status of an early exit, and None when the command ran through.
        status = typer.main.get_command(app()).main(given, prog_name="muslin", standalone_mode=False)
    except (MuslinError, typer.TyperException, OSError) as error:
        if os.environ.get("MUSLIN_DEBUG"):
            traceback.print_exc()
        return show(_explained(error))
    return int(status or 0)


def app() -> typer.Typer:
    """The Typer application."""
    made = typer.Typer(
        name="muslin", help=_HELP, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="markdown"
    )
    made.callback()(_root)
    made.command("import")(import_)
    commands = (
        features,
        tune,
        fit,
        evaluate,
        transfer,
        recommend,
        audience,
        serve,
        backup,
        restore,
        replay,
        methods,
        peers,
        doctor,
        demo,
    )
    for command in commands:
        made.command()(command)
    made.command("export-events")(export_events)
    made.command("off-policy")(off_policy)
    made.add_typer(keys())
    return made


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"muslin {muslin.__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def _explained(error: Exception) -> MuslinError:
    if isinstance(error, MuslinError):
        return error
    return of_machine(error) if isinstance(error, OSError) else of_parser(error)
