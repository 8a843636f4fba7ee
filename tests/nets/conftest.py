"""A small two-tower network that learned from accessories, where it begins on apparel."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
import torch

from muslin import registry
from muslin.data.dataset import Dataset
from muslin.features.matching import match
from muslin.features.space import World, encode
from muslin.method import Transferable
from muslin.nets.carry import Carried, carry
from muslin.random import stream
from muslin.testing.worlds import COLOURS, tiny_shop
from muslin.train.loop import Run, train
from muslin.types import TrainData

OPTIONS = {"dimensions": 8, "negatives": 32, "batch_size": 32, "learning_rate": 0.01}


@dataclass(frozen=True)
class Crossed:
    """The network, what it carried, and the target's training data."""

    method: Transferable
    carried: Carried
    data: TrainData
    world: World


@pytest.fixture(scope="session")
def looked() -> Dataset:
    """A small shop with an embedding of each garment's looks, which tells its colour."""
    shop = tiny_shop(items=60, users=80, events=600)
    colour = shop.items["colour"].rank("dense").to_numpy() - 1
    vectors = np.eye(len(COLOURS))[colour] + 0.1 * stream(0, "looks").standard_normal((len(shop.items), len(COLOURS)))
    items = shop.items.with_columns(look=pl.Series(vectors.tolist(), dtype=pl.List(pl.Float32)))
    roles = replace(shop.schema.items, vector=("look",))
    return replace(shop, items=items, schema=replace(shop.schema, items=roles))


def crossed(dataset: Dataset, *, own_space: bool) -> Crossed:
    entry = registry.entry("two_tower")
    method = entry.build(entry.config(**OPTIONS))
    world = encode(dataset)
    inside = dataset.items.filter(pl.col("domain") == "accessories").select("item_id")
    source = dataset.with_events(dataset.events.join(inside, on="item_id", how="semi"))
    taught = encode(source, None if own_space else world.space)
    params = train(method, taught.data, Run("source", 0, epochs=1)).params
    params |= {"length/look": torch.tensor([0.5])}  # the colours are known from their column: alone it would be 0
    sides = {
        "items": match(taught.space.items, world.space.items),
        "shoppers": match(taught.space.users, world.space.users),
    }
    carried = carry(params, method.init(world.data, 1), method.sides, sides)
    wanted = world.data.catalogue.domain == world.data.catalogue.domains.index("apparel")
    return Crossed(method, carried, replace(world.data, wanted=wanted, strange=0.5), world)


@pytest.fixture(scope="session")
def whole(looked) -> Crossed:
    """Both domains share all features: everything is carried."""
    return crossed(looked, own_space=False)


@pytest.fixture(scope="session")
def partial(looked) -> Crossed:
    """The source has feature tables of its own, which lack what only the target has."""
    return crossed(looked, own_space=True)
