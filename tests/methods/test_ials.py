from dataclasses import replace

import numpy as np
import polars as pl

from muslin import registry
from muslin.features.space import encode


def test_folded_in_shoppers_solve_the_equation_of_the_paper(shop) -> None:
    world = encode(shop)
    entry = registry.entry("ials")
    c = entry.config(factors=12, iterations=3, alpha=7.0, regularization=0.5)
    method = entry.build(c)
    params = method.init(world.data, 0)
    ids = world.shoppers.ids[:25].tolist()
    scores = method.score(params, world.users([*ids, "nobody"]), world.items(world.data.catalogue.ids.tolist())).numpy()
    item = params["item"].numpy().astype(np.float64)
    history = world.users(ids).history[:, : len(item)].toarray() > 0
    for row, own in enumerate(history):
        confidence = 1 + c.alpha * own
        left = item.T @ (confidence[:, None] * item) + c.regularization * np.eye(12)
        user = np.linalg.solve(left, item.T @ (confidence * own))
        assert np.allclose(scores[row], item @ user, atol=1e-4)
    assert not scores[-1].any()


def test_known_items_keep_their_factors_and_new_ones_get_mapped(shop) -> None:
    world = encode(shop)
    method = registry.build("ials")
    params = method.init(world.data, 0)
    twin = shop.items.head(1).with_columns(item_id=pl.lit("twin"))
    bigger = encode(replace(shop, items=shop.items.vstack(twin)), world.space)
    row = bigger.item_rows(["twin"])[0]
    users = bigger.users(bigger.shoppers.ids[:10].tolist())
    score = method.score(params, users, bigger.items(["twin"])).numpy()[:, 0]
    mapped = bigger.catalogue.features.matrix[[row]].toarray() @ params["map"].numpy()
    folded = method.score(params, users, bigger.items()).numpy()[:, :-1]
    user = np.linalg.lstsq(params["item"].numpy(), folded[:, : len(params["item"])].T, rcond=None)[0].T
    assert np.allclose(score, (user @ mapped.T)[:, 0], atol=1e-3)
