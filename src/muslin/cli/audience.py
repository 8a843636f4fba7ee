"""`muslin audience`: shoppers for a garment, new or not."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.arguments import JsonFile, ModelPath
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console
from muslin.errors import UsageError


def audience(
    model: ModelPath,
    item: Annotated[str | None, typer.Option(metavar="ID", help="A garment of the catalogue.")] = None,
    new_item: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON object (or a list) of item_id and catalogue columns.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many shoppers.")] = 20,
    json_to: JsonFile = None,
) -> None:
    """Find the shoppers a garment should be shown to, even one that nobody has seen yet."""
    refuse_unwritable(json_to)
    if (item is None) == (new_item is None):
        fix = "give exactly one of --item ID and --new-item FILE"
        raise UsageError("which garment?", code="no_garment", where="muslin audience", fix=fix)
    from muslin.cli.answers import shopper_table
    from muslin.cli.inputs import with_garments
    from muslin.engine.model import Model

    loaded, items = Model.load(model), [item or ""]
    if new_item is not None:
        loaded, items = with_garments(loaded, new_item)
    elif loaded.world.item_rows(items)[0] < 0:
        fix = "check the id, or describe a new garment with --new-item FILE"
        raise UsageError(f"the catalogue has no item {item!r}", code="unknown_item", where="--item", fix=fix)
    answer = loaded.recommend_to_items(items, n)
    for name in items:
        console(json_to).print(shopper_table(loaded, name, answer))
    write_json(answer.to_dicts(), json_to)
