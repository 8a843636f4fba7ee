"""`muslin fit`: a dataset becomes a model."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from muslin.cli.arguments import DatasetPath, JsonFile, MaxBad, Pictures, Words, encoders, share
from muslin.cli.failures import INTERRUPTED
from muslin.cli.outputs import refuse_occupied, refuse_unwritable, write_json
from muslin.cli.resume import partial, say_how_to_go_on
from muslin.cli.screen import console
from muslin.cli.sources import require

if TYPE_CHECKING:
    from muslin.engine.model import Model


def fit(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option(metavar="MODEL", help="Model directory to write.", show_default=False)],
    method: Annotated[str, typer.Option(metavar="NAME", help="One of `muslin methods`.")] = "muslin",
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="TOML file of the method's options.")] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One of its options; repeat for more.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same data, options and seed: same model, to the bit.")] = 0,
    pictures: Pictures = None,
    words: Words = None,
    max_bad: MaxBad = "1%",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model at MODEL.")] = False,
    json_to: JsonFile = None,
) -> None:
    """Fit a method and save the model. Ctrl-C is safe: the same command goes on where it stopped."""
    refuse_unwritable(json_to)
    refuse_occupied(out, overwrite=overwrite)
    require(method, "--method")
    allowed = share(max_bad, "--max-bad")
    from muslin.config import read_options
    from muslin.recipes.fit import Recipe

    recipe = Recipe(method=method, options=read_options(config, assignments or []))
    recipe.config()  # a wrong name is found before any work is done
    from muslin.data.dataset import Dataset
    from muslin.features.embed import enriched
    from muslin.recipes.fit import fit as fit_model

    started, kept = time.monotonic(), partial(out)
    try:
        data = enriched(Dataset.load(dataset, max_bad=allowed), encoders(pictures, words))
        model = fit_model(data, method, recipe.options, seed=seed, checkpoint=kept)
        model.save(out, overwrite=overwrite)
    except KeyboardInterrupt:
        say_how_to_go_on(kept)
        raise typer.Exit(INTERRUPTED) from None
    shutil.rmtree(kept, ignore_errors=True)
    facts = _facts(out, model, time.monotonic() - started)
    _tell(facts, json_to)
    write_json(facts, json_to)


def _facts(out: Path, model: "Model", seconds: float) -> dict[str, Any]:
    world = model.world
    return {
        "model": str(out),
        "dataset": world.dataset.schema.name,
        "method": model.method,
        "options": model.options,
        "seed": model.seed,
        "shoppers": len(world.shoppers),
        "garments": len(world.catalogue),
        "events": len(world.dataset.events),
        "seconds": round(seconds, 3),
    }


def _tell(facts: dict[str, Any], json_to: str | None) -> None:
    counts = "{shoppers:,} shoppers, {garments:,} garments, {events:,} events".format_map(facts)
    screen = console(json_to)
    for line in (
        f"fitted {facts['method']} on {facts['dataset']} ({counts}) in {facts['seconds']:.1f} s",
        f"saved to {facts['model']}",
    ):
        screen.print(line, markup=False, soft_wrap=True)
    screen.print(f"next: muslin recommend {facts['model']} --user ID", style="dim", markup=False, soft_wrap=True)
