"""`muslin recommend`: garments for a shopper, known or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muslin.cli.arguments import JsonFile, ModelPath, price_range
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, note
from muslin.errors import UsageError, nearest

if TYPE_CHECKING:
    from muslin.engine.filters import Filters
    from muslin.engine.model import Model


def recommend(
    model: ModelPath,
    user: Annotated[str | None, typer.Option(metavar="ID", help="A shopper, known or not.")] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV or Parquet of item_id, optionally user_id and event.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many garments.")] = 20,
    in_stock: Annotated[bool, typer.Option("--in-stock", help="Only what can be sold.")] = False,
    price: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="Either end may be left open.")] = None,
    category: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these; repeat for more.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Not these; repeat for more.")] = None,
    domain: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these; repeat for more.")] = None,
    json_to: JsonFile = None,
) -> None:
    """Recommend garments to a shopper: a known one, a stranger, or one of whom some fresh events are known."""
    refuse_unwritable(json_to)
    between = None if price is None else price_range(price)
    if (user is None) == (events is None):
        fix = "give exactly one of --user ID and --events FILE"
        raise UsageError("who is the shopper?", code="no_shopper", where="muslin recommend", fix=fix)
    from muslin.cli.answers import described, garment_table
    from muslin.cli.inputs import read_events
    from muslin.engine.filters import Filters
    from muslin.engine.model import Model

    loaded = Model.load(model)
    filters = Filters(
        in_stock=in_stock,
        price=between,
        categories=category or (),
        domains=domain or (),
        exclude_items=exclude or (),
    )
    fresh = None if events is None else read_events(events, loaded.world)
    users = [user or ""] if fresh is None else fresh["user_id"].unique(maintain_order=True).to_list()
    _warn_of_unknown(loaded, user, filters)
    answer = described(loaded, loaded.recommend(users, n, filters=filters, events=fresh))
    for name in users:
        console(json_to).print(garment_table(loaded, name, answer))
    if answer.is_empty():
        note("no garment passes the filters")
    write_json(answer.to_dicts(), json_to)


def _warn_of_unknown(model: "Model", user: str | None, filters: "Filters") -> None:
    """Say which names match nothing: an empty answer alone would not tell a typing error from an empty shelf."""
    items, levels = model.world.dataset.items, model.world.dataset.schema.items.category
    if user is not None and model.world.user_rows([user])[0] < 0:
        note(f"the model has never seen shopper {user!r}: everyone's favourites are all it can say")
    known = [
        ("domain", filters.domains, items["domain"].unique().to_list()),
        ("category", filters.categories, [name for c in levels for name in items[c].unique().drop_nulls()]),
    ]
    for kind, asked, names in known:
        for name in asked:
            if name not in names:
                note(f"no {kind} is called {name!r}: {nearest(name, names)}")
    for name in filters.exclude_items:
        if model.world.item_rows([name])[0] < 0:
            note(f"the catalogue has no item {name!r} to exclude")
