"""`muslin replay`: a log served again, day by day."""

from pathlib import Path
from typing import Annotated, Any

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console


def replay(
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="CSV or Parquet: user_id, item_id, timestamp, event.", show_default=False),
    ],
    model: Annotated[Path, typer.Option(metavar="MODEL", help="Model directory.", show_default=False)],
    max_users: Annotated[int | None, typer.Option(min=1, help="Ask for at most so many shoppers a day.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of that draw.")] = 0,
    json_to: JsonFile = None,
) -> None:
    """Serve a log day by day: NDCG@20 of new garments and shoppers by their events, with and without learning."""
    refuse_unwritable(json_to)
    from muslin.cli.logs import read_log
    from muslin.engine.model import Model
    from muslin.engine.replay import replay as run
    from muslin.engine.replay import summary

    loaded = Model.load(model)
    days = []
    for day in run(loaded, read_log(log, loaded.world.dataset.schema), most=max_users, seed=seed):
        days.append(day)
        taken = len(day.pairs.filter(side="garment"))
        console(json_to).print(f"day {len(days)}: {taken:,} garments taken for the first time")
    rows = summary(days, seed)
    console(json_to).print(_table(rows))
    write_json(rows, json_to)


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("new", "events before", "pairs", "told", "untold", "difference", title="NDCG@20, 95 % intervals")
    cells: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["side"], row["events"]), {})[row["variant"]] = row
    for (side, events), found in cells.items():
        shown = [f"{r['value']:.4f} ({r['ci_low']:.4f} to {r['ci_high']:.4f})" for r in found.values()]
        table.add_row(side, events, f"{found['told']['pairs']:,}", *shown)
    return table
