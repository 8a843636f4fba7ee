"""Honest methods, and methods that know what they should not."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from muslin.data.dataset import Dataset
from muslin.features.space import World
from muslin.method import Fitted
from muslin.registry import build


@dataclass(frozen=True)
class Told:
    """Scores by a table of shopper and item, as somebody made it in `fit`."""

    evidence: frozenset = frozenset()

    def init(self, data, seed):
        raise NotImplementedError

    def score(self, params, users, items):
        known = params["table"][torch.from_numpy(np.maximum(users.rows, 0))][:, torch.from_numpy(items.rows)]
        return known.float()


def honest(name: str, world: World, seed: int) -> Fitted:
    method = build(name)
    return Fitted(method, method.init(world.training(method.evidence), seed))


def table(world: World, events: pl.DataFrame) -> Fitted:
    """Knows every pair of `events` whose shopper and item go by the world's names."""
    user, item = world.user_rows(events["user_id"].to_list()), world.item_rows(events["item_id"].to_list())
    known = (user >= 0) & (item >= 0)
    shape = (len(world.shoppers), len(world.catalogue))
    pairs = sp.csr_matrix((np.ones(int(known.sum())), (user[known], item[known])), shape=shape)
    return Fitted(Told(), {"table": torch.from_numpy(pairs.toarray().astype(np.float32))})


def reads_the_disk(name: str, world: World, seed: int) -> Fitted:
    root = world.dataset.root
    return table(world, Dataset.load(root).events if root else world.dataset.events)


def counts_the_disk(name: str, world: World, seed: int) -> Fitted:
    """No pair is looked up, only how often each item sells: a statistic of all rows."""
    root = world.dataset.root
    events = Dataset.load(root).events if root else world.dataset.events
    rows = world.item_rows(events["item_id"].to_list())
    counts = np.bincount(rows[rows >= 0], minlength=len(world.catalogue)).astype(np.float32)
    return Fitted(Told(), {"table": torch.from_numpy(np.tile(counts, (len(world.shoppers), 1)))})


def remembers(dataset: Dataset):
    """A fit that kept the whole dataset in memory."""

    def fit(name: str, world: World, seed: int) -> Fitted:
        return table(world, dataset.events)

    return fit


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "coins").mkdir()
    return tmp_path / "coins"
