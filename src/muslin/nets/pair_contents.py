"""Batches of pairs with the features a tower needs of them."""

from collections.abc import Iterator
from typing import NamedTuple

from muslin.data.pairs import PairBatch, pair_batches
from muslin.nets.descent import batch_size
from muslin.types import Csr, Features, TrainData


class Draw(NamedTuple):
    """How pairs are drawn: `size` of a batch at most, and shared `negatives` by popularity to a `power`.

    Of a longer history, `shown` items are shown.
    """

    size: int
    negatives: int
    power: float
    shown: int | None = None


class PairContents(NamedTuple):
    """B pairs, the `content` [T] of the garments they touch, and the shoppers' `profile` [B, F]."""

    pairs: PairBatch
    content: Features
    profile: Csr


def contents(data: TrainData, seed: int, epoch: int, draw: Draw) -> Iterator[PairContents]:
    """One epoch of `data.pairs.pair_batches`; smaller batches where there are few pairs."""
    features, profile = data.catalogue.features, data.shoppers.features.matrix
    size = batch_size(data, draw.size)
    batches = pair_batches(
        data, seed, epoch, size=size, negatives=draw.negatives, negative_power=draw.power, shown_most=draw.shown
    )
    for pairs in batches:
        yield PairContents(pairs, features.take(pairs.items), profile[pairs.user])
