"""`muslin transfer`: what one domain can tell another, and whether it does."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, Pictures, Words, encoders, names, share
from muslin.cli.failures import INTERRUPTED, interrupted
from muslin.cli.outputs import refuse_occupied, refuse_unwritable, replace_text, write_json
from muslin.cli.screen import console
from muslin.cli.sources import require
from muslin.errors import UsageError, nearest

if TYPE_CHECKING:
    from muslin.data.dataset import Dataset
    from muslin.transfer.plan import Plan


def transfer(
    dataset: DatasetPath,
    source: Annotated[str | None, typer.Option(metavar="DOMAIN", help="The domain that teaches.")] = None,
    target: Annotated[str | None, typer.Option(metavar="DOMAIN", help="The domain that learns.")] = None,
    regulariser: Annotated[
        str, typer.Option(metavar="R", help="none, l2_sp, l2_sp_fisher, features or predictions.")
    ] = "l2_sp",
    unfreezing: Annotated[
        str, typer.Option(metavar="HOW", help="full, head, head_first, gradual or adapters.")
    ] = "full",
    strengths: Annotated[str, typer.Option(metavar="L,L,…", help="Lambdas tried; inf is the frozen source.")] = (
        "0,1,10,inf"
    ),
    shares: Annotated[
        str, typer.Option(metavar="S,S,…", help="Shares of the target's shoppers on the learning curve; 100%: no more.")
    ] = "1%,5%,20%,100%",
    against: Annotated[str | None, typer.Option(metavar="A,B,…", help="Methods to show beside.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Cuts of the data, each with fits of its own.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first cut.")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="MODEL", help="Also fit the winner to everything.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model at MODEL.")] = False,
    pictures: Pictures = None,
    words: Words = None,
    max_bad: MaxBad = "1%",
    json_to: JsonFile = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a self-contained report.")] = None,
) -> None:
    """Pretrain on one domain, carry it to another, and let held-out shoppers decide whether it helped.

    Where it is not shown to help, the target's own model wins. Without --source and --target: every pair of domains.
    """
    refuse_unwritable(json_to, html)
    if out is not None:
        refuse_occupied(out, overwrite=overwrite)
    rivals = names(against, "--against") if against is not None else ()
    for name in rivals:
        require(name, "--against", ())
    if (source is None) != (target is None):
        missing = "--source" if source is None else "--target"
        raise UsageError("only one domain is named", code="one_domain", where=missing, fix="name both, or neither")
    if source is None and (out or html):
        fix = "name a pair with --source and --target"
        raise UsageError("a report and a model are of one pair", code="no_pair", where="--source", fix=fix)
    allowed, asked = share(max_bad, "--max-bad"), encoders(pictures, words)
    from muslin.nets.fine_tuning import Regulariser, Unfreezing

    _known(regulariser, get_args(Regulariser), "--regulariser")
    _known(unfreezing, get_args(Unfreezing), "--unfreezing")
    from muslin.data.dataset import Dataset
    from muslin.features.embed import enriched
    from muslin.transfer.plan import Plan
    from muslin.transfer.run import transfer as run

    plan = Plan(
        source=source or "",
        target=target or "",
        regulariser=regulariser,  # type: ignore[arg-type]
        unfreezing=unfreezing,  # type: ignore[arg-type]
        strengths=tuple(_strength(part) for part in names(strengths, "--strengths")),
        shares=tuple(share(part, "--shares") for part in names(shares, "--shares")),
        against=rivals,
        seeds=seeds,
    )
    try:
        data = enriched(Dataset.load(dataset, max_bad=allowed), asked)
        if source is None:
            _every_pair(data, plan, seed, json_to)
            return
        result = run(data, plan, seed)
        result.print(console(json_to))
        write_json(result.facts(), json_to)
        if html is not None:
            from muslin.transfer.report import render

            replace_text(html, render(result))
        if out is not None:
            from muslin.transfer.ship import ship

            path = ship(data, plan, result, seed).save(out, overwrite=overwrite)
            console(json_to).print(f"saved to {path}", markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        interrupted("nothing was written")
        raise typer.Exit(INTERRUPTED) from None


def _every_pair(data: "Dataset", plan: "Plan", seed: int, json_to: str | None) -> None:
    from muslin.transfer.matrix import matrix

    found = matrix(data, plan, seed)
    found.print(console(json_to))
    write_json(found.facts(), json_to)


def _known(name: str, options: tuple[str, ...], where: str) -> None:
    if name not in options:
        raise UsageError(f"nothing is called {name!r}", code="unknown_choice", where=where, fix=nearest(name, options))


def _strength(text: str) -> float:
    """A number from 0 to infinity."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        fix = "write numbers from 0 on, or inf"
        raise UsageError(f"{text!r} is not a strength", code="bad_strength", where="--strengths", fix=fix)
    return value
