"""`muslin import`: a shop's files become a native dataset."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import JsonFile, MaxBad, share
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console

_SOURCES = "What the files are: amazon, citeulike, hm, movielens, recbole, rtr, sport_cloth or table."


def import_(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help=_SOURCES)],
    src: Annotated[Path, typer.Argument(metavar="SRC", help="File or directory to read.")],
    dst: Annotated[Path, typer.Argument(metavar="DST", help="Dataset directory to write.")],
    mapping: Annotated[Path | None, typer.Option("--map", metavar="FILE", help="TOML that says what is what.")] = None,
    max_bad: MaxBad = "1%",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the dataset at DST.")] = False,
    json_to: JsonFile = None,
) -> None:
    """Import a catalogue and its events as a dataset; bad rows go to quarantine.parquet with line and reason."""
    refuse_unwritable(json_to)
    allowed = share(max_bad, "--max-bad")
    from muslin.data.sources.registry import source

    report = source(name)(src, dst, mapping=mapping, max_bad=allowed, overwrite=overwrite)
    screen = console(json_to)
    for line in report.lines():
        screen.print(line, markup=False, soft_wrap=True)
    screen.print(f"next: muslin fit {dst} --out MODEL", style="dim", markup=False, soft_wrap=True)
    write_json({**asdict(report), "destination": str(report.destination)}, json_to)
