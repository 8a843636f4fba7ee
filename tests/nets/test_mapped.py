"""The image of EASE in content against mapping its columns one by one."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.data.splits import item_cold
from muslin.features.append import keeping
from muslin.features.space import encode
from muslin.nets import blend, content_map, mapped, stored
from muslin.testing.worlds import tiny_shop

SHAPE = mapped.Shape(penalty=2.0, directions=40, own=0.5)


@pytest.fixture(scope="module")
def world():
    return encode(item_cold(tiny_shop(), seed=0, share=0.3).train)


@pytest.fixture(scope="module")
def params(world):
    entry = registry.entry("muslin")
    found = entry.build(entry.config(dimensions=8)).init(world.data, 0)
    weights = blend.Weights(found["weight"].numpy(), found["usual"].numpy())
    return found | mapped.fit(world.data.catalogue.features, found["idf"], weights, SHAPE, 0)


def expected(params, history, features, rows):
    taken = sp.csr_matrix(history[:, : params["map"].shape[1]].sign())
    by_ease = (taken @ stored.matrix(params, "ease", taken.shape[1])).toarray()
    image = mapped.image(params, taken, by_ease, SHAPE, features)
    (found,) = mapped.expected(params, image, features, rows)
    return found


def test_it_is_ridge_regression_of_each_column_on_content(world, params) -> None:
    n, users = world.catalogue.n_hot, world.users(world.shoppers.ids[:7].tolist())
    rows = np.arange(len(world.catalogue))[::3]
    weights = blend.Weights(params["weight"].numpy(), params["usual"].numpy())
    columns = blend.columns(world.catalogue.features, params["idf"].numpy())
    content = content_map.seen(*content_map.weighted(columns, weights), params["basis"].numpy()).astype(np.float64)
    targets = stored.matrix(params, "ease", n).toarray().T + SHAPE.own * np.eye(n)  # a row: the column of an item
    left = content[:n].T @ content[:n] + SHAPE.penalty * np.eye(content.shape[1])
    columns_of_all = content @ np.linalg.solve(left, content[:n].T @ targets)
    taken = (users.history[:, :n].toarray() > 0).astype(np.float64)
    found = expected(params, users.history, world.catalogue.features, rows)
    np.testing.assert_allclose(found, (taken @ columns_of_all.T)[:, rows], rtol=1e-3, atol=1e-4)
    assert found.std() > 0.01


def test_a_kept_catalogue_gives_the_same(world, params) -> None:
    kept = keeping(world)
    users, last = world.users(world.shoppers.ids[:3].tolist()), len(world.catalogue) - 1
    for rows in (np.array([0, 5, last]), np.arange(last)):
        plain = expected(params, users.history, world.catalogue.features, rows)
        assert plain.any()
        for _ in range(2):
            again = expected(params, users.history, kept.catalogue.features, rows)
            assert again == pytest.approx(plain, abs=1e-6)


def test_who_took_nothing_has_nothing_expected(world, params) -> None:
    nobody = sp.csr_matrix((2, len(world.catalogue)), dtype=np.float32)
    found = expected(params, nobody, world.catalogue.features, np.arange(4))
    assert not found.any()
    assert torch.isfinite(torch.from_numpy(found)).all()
