"""`muslin demo`: the whole path on one screen."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from muslin.cli.arguments import JsonFile
from muslin.cli.failures import INTERRUPTED, interrupted
from muslin.cli.outputs import refuse_occupied, refuse_unwritable, replace_text, write_json
from muslin.cli.screen import console

if TYPE_CHECKING:
    import polars as pl

    from muslin.engine.model import Model
    from muslin.recipes.demo import Plan


def demo(
    data: Annotated[str, typer.Option(help="boutique, hm_week (in $MUSLIN_DATA), or a directory.")] = "boutique",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where everything goes.")] = Path("out/demo"),
    seeds: Annotated[int, typer.Option(min=1, help="Cuts of the data in the evaluation.")] = 1,
    max_users: Annotated[int, typer.Option(min=1, help="Shoppers asked per question.")] = 2000,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything: a small boutique, fewer questions.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make the data anew.")] = False,
    json_to: JsonFile = None,
) -> None:
    """Show the whole path: data, an honest evaluation, a model, a stranger, a new garment. Ctrl-C is safe."""
    refuse_unwritable(json_to)
    from muslin.recipes.demo import Plan

    plan = Plan(data=data, out=out, seeds=seeds, max_users=max_users, overwrite=overwrite)
    plan = plan.quick() if quick else plan
    refuse_occupied(plan.model, overwrite=True)
    plan.out.mkdir(parents=True, exist_ok=True)
    try:
        write_json(_shown(plan, console(json_to)), json_to)
    except KeyboardInterrupt:
        interrupted(f"what is done is kept in {plan.out}; the same command goes on from there")
        raise typer.Exit(INTERRUPTED) from None


def _shown(plan: "Plan", screen: Console) -> dict[str, Any]:
    from muslin.recipes import demo

    _step(screen, 1, "the data")
    dataset = demo.prepare(plan)
    _line(screen, f"{len(dataset.items):,} garments, {len(dataset.users):,} shoppers, {len(dataset.events):,} events")
    _step(screen, 2, "how well is each method doing on what it has never seen?")
    result = demo.judge(plan, dataset)
    result.print(screen)
    _step(screen, 3, "a model of all of it")
    model = demo.learn(plan, dataset, result)
    _line(screen, f"{model.method}, in {plan.model}")
    stranger = _stranger(plan, model, screen)
    audience = _garment(plan, model, screen)
    _how_to_serve(plan, model, screen)
    return {
        "dataset": str(dataset.root),
        "model": str(plan.model),
        "report": str(plan.report),
        "rows": [asdict(row) for row in result.rows],
        "stranger": stranger.to_dicts(),
        "audience": audience.to_dicts(),
    }


def _stranger(plan: "Plan", model: "Model", screen: Console) -> "pl.DataFrame":
    from muslin.cli.answers import described, garment_table
    from muslin.cli.inputs import read_events
    from muslin.recipes import demo

    _step(screen, 4, "somebody nobody knows, after two clicks")
    file = plan.out / "clicks.csv"
    replace_text(file, demo.clicks(model).write_csv())
    events = read_events(file, model.world)
    for title in demo.titles(model, events["item_id"].to_list()):
        _line(screen, f"clicked: {title}")
    user = events["user_id"][0]
    answer = described(model, model.recommend(user, 8, events=events))
    screen.print(garment_table(model, user, answer))
    _line(screen, f"muslin recommend {_quoted(plan.model)} --events {_quoted(file)}")
    return answer


def _garment(plan: "Plan", model: "Model", screen: Console) -> "pl.DataFrame":
    from muslin.cli.answers import shopper_table
    from muslin.cli.inputs import with_garments
    from muslin.recipes import demo

    _step(screen, 5, "a garment nobody has seen: who should be shown it first?")
    file = plan.out / "new_garment.json"
    replace_text(file, json.dumps(demo.new_garment(model), indent=1, ensure_ascii=False) + "\n")
    extended, (item, *_) = with_garments(model, file)
    answer = extended.recommend_to_items(item, 5)
    screen.print(shopper_table(extended, item, answer))
    _line(screen, f"muslin audience {_quoted(plan.model)} --new-item {_quoted(file)}")
    return answer


def _how_to_serve(plan: "Plan", model: "Model", screen: Console) -> None:
    from muslin.recipes import demo

    _step(screen, 6, "over to you")
    body = json.dumps({"context_items": demo.clicks(model)["item_id"].to_list(), "n": 5})
    _line(screen, f"read the report:  {plan.report}")
    _line(screen, f"serve the model:  muslin serve {_quoted(plan.model)}")
    url = "http://127.0.0.1:8642/v1/recommendations"
    _line(screen, f"and ask it:       curl -s {url} -H 'Content-Type: application/json' -d '{body}'")


def _step(screen: Console, number: int, title: str) -> None:
    screen.print(f"\n{number}. {title}", style="bold", markup=False)


def _line(screen: Console, text: str) -> None:
    screen.print(f"   {text}", markup=False, soft_wrap=True)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
