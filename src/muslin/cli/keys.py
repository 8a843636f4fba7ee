"""`muslin keys`: who may ask the service for what."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from muslin.cli.arguments import JsonFile, names
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, table

StateDir = Annotated[Path, typer.Option(metavar="DIR", help="The service's state directory.", show_default=False)]


def keys() -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(name="keys", help="Make, list and revoke keys of the service.", no_args_is_help=True)
    for command in (create, list_, revoke):
        group.command(command.__name__.rstrip("_"))(command)
    return group


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who uses it.", show_default=False)],
    state: StateDir,
    scope: Annotated[str, typer.Option(metavar="A,B,…", help="What it may do.", show_default=False)],
    origin: Annotated[
        str | None,
        typer.Option(metavar="URL,…", help="For browsers on these pages; scope events:write only.", show_default=False),
    ] = None,
    json_to: JsonFile = None,
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from muslin.engine.key_file import create as make

    refuse_unwritable(json_to)
    origins = list(names(origin, "--origin")) if origin else []
    made = make(state, name, list(names(scope, "--scope")), origins)
    if json_to != "-":
        print(made.text)
        print("keep it now; it is not shown again", file=sys.stderr)
    write_json({"key": made.text, **_row(made.key)}, json_to)


def list_(state: StateDir, json_to: JsonFile = None) -> None:
    """List the keys: ids, names and scopes, never the keys themselves."""
    from muslin.engine.key_file import read

    refuse_unwritable(json_to)
    rows = [_row(key) for key in read(state)]
    shown = [
        (r["kid"], r["name"], ", ".join(r["scopes"]), ", ".join(r["origins"]), r["created"], r["revoked"] or "")
        for r in rows
    ]
    console(json_to).print(table("Keys", ("id", "name", "scopes", "origins", "created", "revoked"), shown))
    write_json(rows, json_to)


def revoke(
    kid: Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.", show_default=False)],
    state: StateDir,
) -> None:
    """Take a key out of use; a running service follows within a second."""
    from muslin.engine.key_file import revoke as end

    print(f"revoked {end(state, kid).name} {kid}")


def _row(key: Any) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(key)
    del row["sha256"]
    return row
