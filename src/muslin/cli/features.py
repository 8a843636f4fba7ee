"""`muslin features`: what a catalogue can say about garments and shoppers nobody knows."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, Pictures, Words, encoders, share
from muslin.cli.failures import INTERRUPTED, interrupted
from muslin.cli.outputs import refuse_unwritable, replace_text, write_json
from muslin.cli.screen import console, note
from muslin.cli.sources import require


def features(
    dataset: DatasetPath,
    worth: Annotated[
        bool, typer.Option("--worth/--no-worth", help="Also what each feature is worth: a fit each, minutes.")
    ] = False,
    duplicates: Annotated[
        bool, typer.Option("--duplicates/--no-duplicates", help="Look for pictures that are nearly the same.")
    ] = True,
    pictures: Pictures = None,
    words: Words = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="Method of --worth.")] = "muslin",
    seeds: Annotated[int, typer.Option(min=1, help="Cuts of the data for --worth.")] = 3,
    max_users: Annotated[int | None, typer.Option(min=1, help="Shoppers asked by --worth; all by default.")] = None,
    max_bad: MaxBad = "1%",
    json_to: JsonFile = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a self-contained report.")] = None,
) -> None:
    """Show what the columns and pictures of a catalogue say about new garments and new shoppers."""
    refuse_unwritable(json_to, html)
    require(method, "--method")
    allowed, asked = share(max_bad, "--max-bad"), encoders(pictures, words)
    from muslin.data.dataset import Dataset
    from muslin.features.embed import enriched
    from muslin.recipes.features import Judge, survey

    judge = Judge(method=method, splits=seeds, max_users=max_users) if worth else None
    try:
        data = enriched(Dataset.load(dataset, max_bad=allowed), asked)
        found = survey(data, judge=judge, look=duplicates)
    except KeyboardInterrupt:
        interrupted("nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    found.print(console(json_to))
    write_json(found.to_builtins(), json_to)
    if html is not None:
        from muslin.survey.report import render

        replace_text(html, render(found))
    if not worth and found.items:
        note("what each feature is worth for new garments: add --worth (a fit for each, minutes)")
