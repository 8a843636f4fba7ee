import numpy as np
import pytest
import torch

from muslin.features.space import encode
from muslin.method import Scorer
from muslin.nets.vector_cosine import VectorCosine
from muslin.random import stream


def test_scores_are_the_written_out_cosines_of_centred_vectors(shop) -> None:
    taken = shop.events["item_id"].unique().sort().to_list()[:-20]
    world = encode(shop.with_events(shop.events.filter(shop.events["item_id"].is_in(taken))))
    vectors = stream(0, "vectors").normal(size=(len(world.catalogue), 5)).astype(np.float32) + 3
    method, users, items = VectorCosine(), world.users(["u0003", "u0100"]), world.items(["g0140", "g0002"])
    assert isinstance(method, Scorer)
    found = method.score({"vectors": torch.from_numpy(vectors)}, users, items)
    centred = vectors - vectors[: world.catalogue.n_hot].mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert world.catalogue.n_hot < len(world.catalogue)
    for u, row in enumerate(users.history):
        taste = centred[row.indices].mean(axis=0)
        for i, item in enumerate(items.rows):
            expected = taste @ centred[item] / np.linalg.norm(taste)
            assert found[u, i].item() == pytest.approx(expected, abs=1e-5)


def test_nobody_without_a_history_gets_anything_but_zeros(shop) -> None:
    world = encode(shop)
    vectors = torch.randn(len(world.catalogue), 3, generator=torch.Generator().manual_seed(0))
    assert not VectorCosine().score({"vectors": vectors}, world.users(["nobody"]), world.items()).any()
