"""`muslin transfer`: what one domain can tell another, and whether it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, get_args

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, Pictures, Words, encoders, names, share
from muslin.cli.failures import INTERRUPTED, interrupted
from muslin.cli.outputs import refuse_occupied, refuse_unwritable, replace_text, write_json
from muslin.cli.screen import console
from muslin.cli.sources import require
from muslin.errors import UsageError, nearest

if TYPE_CHECKING:
    from muslin.data.dataset import Dataset
    from muslin.nets.fine_tuning import Regulariser, Unfreezing
    from muslin.transfer.plan import Plan

Name = TypeVar("Name", bound=str)
Regularisation = Annotated[str, typer.Option(metavar="R", help="none, l2_sp, l2_sp_fisher, features or predictions.")]
Moving = Annotated[str, typer.Option(metavar="HOW", help="full, head, head_first, gradual or adapters.")]
Strengths = Annotated[str, typer.Option(metavar="L,L,…", help="Lambdas tried; inf is the frozen source.")]
Shares = Annotated[
    str, typer.Option(metavar="S,S,…", help="Shares of the target's shoppers on the learning curve; 100%: no more.")
]


@dataclass(frozen=True)
class _Outputs:
    """Where everything goes that is asked for."""

    json_to: str | None
    html: Path | None
    model: Path | None
    overwrite: bool

    def refuse(self) -> None:
        """Raise `UsageError` for a place that could not be written, before any work is done."""
        refuse_unwritable(self.json_to, self.html)
        if self.model is not None:
            refuse_occupied(self.model, overwrite=self.overwrite)


def transfer(
    dataset: DatasetPath,
    source: Annotated[str | None, typer.Option(metavar="DOMAIN", help="The domain that teaches.")] = None,
    target: Annotated[str | None, typer.Option(metavar="DOMAIN", help="The domain that learns.")] = None,
    regulariser: Regularisation = "l2_sp",
    unfreezing: Moving = "full",
    strengths: Strengths = "0,1,10,inf",
    shares: Shares = "1%,5%,20%,100%",
    bridges: Annotated[
        str, typer.Option(metavar="A,B,…", help="Methods that learn from shoppers in both domains; none: no bridge.")
    ] = "source_posterior",
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
    outputs = _Outputs(json_to, html, out, overwrite)
    outputs.refuse()
    _check_pair(source, target, outputs)
    rivals = _methods(against, "--against")
    across = _methods(None if bridges == "none" else bridges, "--bridges")
    tried, curve = _strengths(strengths), _shares(shares)
    allowed, asked = share(max_bad, "--max-bad"), encoders(pictures, words)
    how = _how(regulariser, unfreezing)
    from muslin.data.dataset import Dataset
    from muslin.features.embed import enriched
    from muslin.transfer.plan import Plan

    plan = Plan(
        source=source or "",
        target=target or "",
        regulariser=how[0],
        unfreezing=how[1],
        strengths=tried,
        shares=curve,
        bridges=across,
        against=rivals,
        seeds=seeds,
    )
    try:
        data = enriched(Dataset.load(dataset, max_bad=allowed), asked)
        (_every_pair if source is None else _one_pair)(data, plan, seed, outputs)
    except KeyboardInterrupt:
        interrupted("nothing was written")
        raise typer.Exit(INTERRUPTED) from None


def _one_pair(data: "Dataset", plan: "Plan", seed: int, outputs: _Outputs) -> None:
    from muslin.transfer.report import render
    from muslin.transfer.run import transfer as run
    from muslin.transfer.ship import ship

    result = run(data, plan, seed)
    result.print(console(outputs.json_to))
    # Everything is made before anything is written: an interruption leaves all of it or nothing.
    model = None if outputs.model is None else ship(data, plan, result, seed)
    page = None if outputs.html is None else render(result)
    if model is not None and outputs.model is not None:
        path = model.save(outputs.model, overwrite=outputs.overwrite)
        console(outputs.json_to).print(f"saved to {path}", markup=False, soft_wrap=True)
    write_json(result.facts(), outputs.json_to)
    if outputs.html is not None and page is not None:
        replace_text(outputs.html, page)


def _every_pair(data: "Dataset", plan: "Plan", seed: int, outputs: _Outputs) -> None:
    from muslin.transfer.matrix import matrix
    from muslin.transfer.matrix_page import render

    found = matrix(data, plan, seed)
    found.print(console(outputs.json_to))
    page = None if outputs.html is None else render(found)
    write_json(found.facts(), outputs.json_to)
    if outputs.html is not None and page is not None:
        replace_text(outputs.html, page)


def _check_pair(source: str | None, target: str | None, outputs: _Outputs) -> None:
    if (source is None) != (target is None):
        missing = "--source" if source is None else "--target"
        raise UsageError("only one domain is named", code="one_domain", where=missing, fix="name both, or neither")
    if source is None and outputs.model:
        fix = "name a pair with --source and --target"
        raise UsageError("a model is of one pair", code="no_pair", where="--source", fix=fix)


def _methods(asked: str | None, option: str) -> tuple[str, ...]:
    found = () if asked is None else tuple(dict.fromkeys(names(asked, option)))
    for name in found:
        require(name, option)
    return found


def _how(regulariser: str, unfreezing: str) -> tuple["Regulariser", "Unfreezing"]:
    from muslin.nets.fine_tuning import Regulariser, Unfreezing

    return (
        _known(regulariser, get_args(Regulariser), "--regulariser"),
        _known(unfreezing, get_args(Unfreezing), "--unfreezing"),
    )


def _known(name: str, options: Sequence[Name], where: str) -> Name:
    for option in options:
        if option == name:
            return option
    raise UsageError(f"nothing is called {name!r}", code="unknown_choice", where=where, fix=nearest(name, options))


def _strengths(text: str) -> tuple[float, ...]:
    return tuple(dict.fromkeys(_strength(part) for part in names(text, "--strengths")))


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


def _shares(text: str) -> tuple[float, ...]:
    found = tuple(dict.fromkeys(share(part, "--shares") for part in names(text, "--shares")))
    if 0 in found:
        fix = "write shares above 0, for example 1% or 0.01"
        raise UsageError("nothing is learned from no shopper", code="bad_share", where="--shares", fix=fix)
    return found
