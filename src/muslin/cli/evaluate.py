"""`muslin evaluate`: how good the methods are on what they have never seen."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, Pictures, Words, encoders, names, numbers, share
from muslin.cli.failures import INTERRUPTED, interrupted
from muslin.cli.outputs import refuse_unwritable
from muslin.cli.screen import console
from muslin.cli.sources import names as every
from muslin.cli.sources import require


def evaluate(
    dataset: DatasetPath,
    protocol: Annotated[str, typer.Option(metavar="A,B,…", help="What is hidden.")] = "item-cold,user-cold,warm",
    methods: Annotated[str | None, typer.Option(metavar="A,B,…", help="What to compare; all: every method.")] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Judge the default method, or --methods, beside these or peers."),
    ] = None,
    k: Annotated[
        str,
        typer.Option("--k", metavar="A,B,…", help="Events revealed of a new shopper, and of a new garment (k-shot)."),
    ] = "0,1,3",
    seeds: Annotated[int, typer.Option(min=1, help="Cuts of the data, each with a fit of its own.")] = 3,
    max_users: Annotated[int | None, typer.Option(min=1, help="Shoppers asked per question; all by default.")] = None,
    pictures: Pictures = None,
    words: Words = None,
    max_bad: MaxBad = "1%",
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep finished answers; Ctrl-C costs little.")
    ] = None,
    json_to: JsonFile = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a self-contained report.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a picture of the table.")] = None,
) -> None:
    """Compare methods under strict protocols: full ranking, intervals, leakage audit."""
    refuse_unwritable(json_to, html, svg)
    protocols, ks = names(protocol, "--protocol"), numbers(k, "--k")
    rivals = names(against, "--against") if against is not None else ()
    chosen = None if methods is None else names(methods, "--methods")
    chosen = every() if chosen == ("all",) else chosen
    allowed = share(max_bad, "--max-bad")
    from muslin.peers import known

    for name, where in [*((n, "--methods") for n in chosen or ()), *((n, "--against") for n in rivals)]:
        require(name, where, ("oracle", *known.names()))
    from muslin.data.dataset import Dataset
    from muslin.features.embed import enriched
    from muslin.recipes import evaluate as recipe
    from muslin.recipes.fit import DEFAULT_METHOD

    if rivals:
        chosen = tuple(dict.fromkeys((*(chosen or (DEFAULT_METHOD,)), *rivals)))
    recipe.check(protocols, chosen)
    try:
        data = enriched(Dataset.load(dataset, max_bad=allowed), encoders(pictures, words))
        result = recipe.evaluate(
            data, protocols=protocols, methods=chosen, ks=ks, seeds=seeds, max_users=max_users, cache=cache
        )
    except KeyboardInterrupt:
        kept = f"finished answers are kept in {cache}; the same command goes on from there"
        interrupted(kept if cache else "nothing was kept; with --cache DIR the next run could go on from there")
        raise typer.Exit(INTERRUPTED) from None
    result.print(console(json_to))
    if json_to is not None:
        result.to_json(json_to)
    if html is not None:
        result.to_html(html)
    if svg is not None:
        result.save_svg(svg)
