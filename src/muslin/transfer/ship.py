"""The winner of a transfer, fitted to everything: a model like any other."""

from typing import Any

from muslin import registry
from muslin.config import as_options, resolve
from muslin.data.dataset import Dataset
from muslin.engine.model import Model
from muslin.features.space import encode
from muslin.method import Fitted
from muslin.nets.transfer import interpolated
from muslin.recipes.fit import fit
from muslin.train.loop import Run, train
from muslin.transfer.forms import begun, fine_tuning, learner, pretrained, wanting
from muslin.transfer.plan import LEARNER, Plan
from muslin.transfer.result import FormRow, TransferResult
from muslin.types import Params


def ship(dataset: Dataset, plan: Plan, result: TransferResult, seed: int = 0) -> Model:
    """The model that `result` says to ship, of all events of both domains; of the target's alone if nothing helped."""
    row = next(row for row in result.rows if row.form == result.verdict.shipped)
    method = row.form.partition(",")[0]
    if row.kind == "null":
        return fit(_of(dataset, plan.target), method, _options(plan, row) if method == LEARNER else {}, seed=seed)
    both = _of(dataset, plan.source, plan.target)
    if row.kind in ("joint", "bridge"):
        return fit(both, method, _options(plan, row) if method == LEARNER else {}, seed=seed)
    return _transferred(both, plan, row, seed)


def _transferred(dataset: Dataset, plan: Plan, row: FormRow, seed: int) -> Model:
    world = encode(dataset)
    source = pretrained(_of(dataset, plan.source), plan, world.space, seed)
    carried = begun(plan, source, world, seed)
    base = learner(_options(plan, row))
    params: Params = carried.start
    if row.kind == "transferred":
        method = fine_tuning(base, carried, plan, row.strength or 0.0, world, seed)
        run = Run("ship", seed, epochs=round(row.epochs or 0))
        found = train(method, wanting(world, plan.target), run).params
        params = interpolated(found, carried.source, 1.0 if row.beta is None else row.beta)
    options = as_options(resolve(registry.entry(LEARNER).config, _options(plan, row), where=f"method {LEARNER}"))
    return Model(method=LEARNER, options=options, seed=seed, fitted=Fitted(base, params), world=world)


def _options(plan: Plan, row: FormRow) -> dict[str, Any]:
    """Options of the learner, with the weight that the row was judged with."""
    return {**plan.options, "popularity": row.popularity or 0.0}


def _of(dataset: Dataset, *domains: str) -> Dataset:
    """All garments and shoppers, the events of `domains`."""
    inside = dataset.items.filter(dataset.items["domain"].is_in(list(domains))).select("item_id")
    return dataset.with_events(dataset.events.join(inside, on="item_id", how="semi", maintain_order="left"))
