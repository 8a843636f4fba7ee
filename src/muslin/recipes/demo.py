"""The demonstration: data, an honest evaluation, a model, and what it says about a stranger and a new garment.

Each step is a function of the plan and of what came before; each keeps what it made under `Plan.out` and finds it again
there, so an interrupted demonstration goes on where it stopped.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from muslin.data.dataset import Dataset
from muslin.data.sources.boutique import BoutiqueConfig, make
from muslin.data.sources.registry import source
from muslin.engine.model import Model
from muslin.errors import UsageError
from muslin.evaluate.result import Result
from muslin.recipes.evaluate import evaluate
from muslin.recipes.fit import DEFAULT_METHOD, fit

USUAL = BoutiqueConfig(n_users=3000, n_events=30_000)
"""The boutique of a demonstration."""

QUICK = BoutiqueConfig(n_items=400, n_users=1000, n_events=15_000, pictures=False)
"""The boutique of a quick demonstration."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to show, and how much of it."""

    data: str = "boutique"
    """`boutique`, `hm_week` (in the directory MUSLIN_DATA names), or a directory: a dataset, or the H&M layout."""
    out: Path = Path("out/demo")
    """Directory for everything the demonstration makes."""
    seeds: int = 1
    """Cuts of the data in the evaluation."""
    max_users: int | None = 2000
    """Shoppers asked per question; None asks all."""
    methods: tuple[str, ...] | None = None
    """Methods to compare; None takes the usual ones of `recipes.evaluate`."""
    boutique: BoutiqueConfig = USUAL
    """The world to make when `data` is `boutique`."""
    overwrite: bool = False
    """Make the data anew; answers of an evaluation are found again only for the same data and code anyway."""

    def quick(self) -> "Plan":
        """The same in little time: a smaller boutique, fewer questions."""
        return replace(self, seeds=1, max_users=500, boutique=QUICK)

    @property
    def model(self) -> Path:
        """Where the model goes."""
        return self.out / "model"

    @property
    def report(self) -> Path:
        """Where the HTML report goes."""
        return self.out / "report.html"

    @property
    def table(self) -> Path:
        """Where the picture of the table goes."""
        return self.out / "table.svg"


def prepare(plan: Plan) -> Dataset:
    """The dataset, made or imported unless it is there already.

    Raises `UsageError` (`no_data`) when `data` is no directory, and what making or importing raises.
    """
    if plan.data == "boutique":
        shape = plan.boutique
        place = plan.out / f"boutique-{shape.n_items}x{shape.n_users}x{shape.n_events}"
        if plan.overwrite or not _there(place):
            make(place, shape, seed=0, overwrite=plan.overwrite)
        return Dataset.load(place)
    folder = _research_data("hm_week") if plan.data == "hm_week" else Path(plan.data)
    if not folder.is_dir():
        fix = "name boutique, hm_week, or a directory"
        raise UsageError("there is no such data", code="no_data", where=str(folder), fix=fix)
    if not (folder / "articles.csv").is_file():
        return Dataset.load(folder)
    place = plan.out / f"hm-{folder.absolute().name}"
    if plan.overwrite or not _there(place):
        source("hm")(folder, place, overwrite=plan.overwrite)
    return Dataset.load(place)


def judge(plan: Plan, dataset: Dataset) -> Result:
    """The methods under the three protocols; writes the report and a picture of the table."""
    result = evaluate(
        dataset, methods=plan.methods, seeds=plan.seeds, max_users=plan.max_users, cache=plan.out / "evaluated"
    )
    result.to_html(plan.report)
    result.save_svg(plan.table)
    return result


def learn(plan: Plan, dataset: Dataset, result: Result) -> Model:
    """The default method fitted to all of the dataset, with its figures, saved."""
    partial = plan.out / f"{_name(dataset)}.partial"
    fitted = fit(dataset, checkpoint=partial)
    rows = [asdict(r) for r in result.rows if r.method == DEFAULT_METHOD and r.metric == result.headline]
    model = replace(fitted, metrics={"evaluation": rows})
    model.save(plan.model, overwrite=True)
    shutil.rmtree(partial, ignore_errors=True)
    return model


def clicks(model: Model) -> pl.DataFrame:
    """Two clicks of somebody nobody knows: the favourites of one shelf, of two families. Column `item_id`."""
    items, levels = _hot_items(model), model.world.dataset.schema.items.category
    if levels:
        shelf = items.group_by(levels).agg(pl.col("shoppers").sum()).sort("shoppers", *levels, descending=True)
        items = items.join(shelf.head(1), on=levels, how="semi", nulls_equal=True)
    best = items.sort("shoppers", "item_id", descending=[True, False])
    return best.unique("family", keep="first", maintain_order=True).head(2).select("item_id")


def new_garment(model: Model) -> dict[str, Any]:
    """Description of a garment the model has never met, under an id of its own, as `muslin audience` reads it.

    It is that of a garment nobody took and none of whose family anybody took, or else of the one fewest took.
    """
    catalogue, hot = model.world.dataset.items, _hot_items(model)
    unseen = catalogue.join(hot, on="family", how="anti").sort("item_id")
    row = (unseen if len(unseen) else hot.sort("shoppers", "item_id")).row(0, named=True)
    roles = model.world.dataset.schema.items
    columns = dict.fromkeys((*roles.columns(), *(c for c in (roles.title, roles.price) if c)))
    return {"item_id": "NEW-0001", **{c: row[c] for c in columns if row[c] is not None}}


def titles(model: Model, ids: Sequence[str]) -> list[str]:
    """What people call the items `ids`: the title, or the id where there is none."""
    title = model.world.dataset.schema.items.title
    if title is None:
        return list(ids)
    items = model.world.dataset.items
    named = dict(items.filter(pl.col("item_id").is_in(list(ids))).select("item_id", title).iter_rows())
    return [named.get(name) or name for name in ids]


def _hot_items(model: Model) -> pl.DataFrame:
    world = model.world
    return world.dataset.items.with_columns(shoppers=pl.Series(world.popularity)).head(world.catalogue.n_hot)


def _name(dataset: Dataset) -> str:
    return dataset.schema.name if dataset.root is None else dataset.root.absolute().name


def _there(place: Path) -> bool:
    return (place / "dataset.toml").is_file()


def _research_data(name: str) -> Path:
    root = os.environ.get("MUSLIN_DATA")
    if not root:
        fix = f"set MUSLIN_DATA to the directory that holds {name}, or name it: --data DIR"
        raise UsageError("where is the data?", code="no_data", where="MUSLIN_DATA", fix=fix)
    return Path(root) / name
