"""`muslin backup` and `muslin restore`: copies of a state that can be put back."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import note
from muslin.errors import DataError

State = Annotated[Path, typer.Argument(metavar="STATE", help="State directory of a service.", show_default=False)]


def backup(
    state: State,
    out: Annotated[Path, typer.Option(metavar="DIR", help="New directory to write.", show_default=False)],
    json_to: JsonFile = None,
) -> None:
    """Copy a state: events, profiles, catalogue rows and its secret. The service may go on."""
    from muslin.engine.online.backup import write
    from muslin.engine.online.database import FILE, reader

    refuse_unwritable(json_to)
    if not (state / FILE).exists():
        fix = "name the directory given to `muslin serve --state`"
        raise DataError("there is no state here", code="no_state", where=str(state), fix=fix)
    db = reader(state)
    try:
        write(db, state, out)
    finally:
        db.close()
    size = sum(part.stat().st_size for part in out.iterdir())
    note(f"{size / 1e6:,.1f} MB; it holds the secret: keep it safe")
    write_json({"backup": str(out), "bytes": size}, json_to)


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `backup` wrote.", show_default=False)],
    state: State,
    json_to: JsonFile = None,
) -> None:
    """Put a backup in place of a state that no service uses. Who was erased there since stays erased."""
    from muslin.engine.online import backup as copies
    from muslin.engine.online.database import reader
    from muslin.engine.online.log import last_seq
    from muslin.engine.online.ownership import owned

    refuse_unwritable(json_to)
    copies.verify(source)
    state.mkdir(parents=True, exist_ok=True)
    with owned(state):
        copies.restore(source, state)
        db = reader(state)
        try:
            events = last_seq(db)
        finally:
            db.close()
    note(f"{events:,} events")
    write_json({"state": str(state), "events": events}, json_to)
