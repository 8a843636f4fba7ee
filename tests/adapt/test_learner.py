"""What a learner to adapt must do, whatever its rule: the mistakes that are made with these methods, as behaviour."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.adapt import examination, layouts, network, sides, told
from muslin.adapt.learner import MetaLearner
from muslin.adapt.rule import Told, trust, trusted
from muslin.adapt.sides import Spaces
from muslin.data.episodes import Terms
from muslin.features.space import World, encode
from muslin.nets import episodes
from muslin.random import stream
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train
from muslin.types import Items, Params, Support

METHODS = ("maml", "anil", "reptile", "meta_sgd", "maml_pp", "melu", "meta_embedding", "posterior")


@pytest.fixture(scope="module")
def world() -> World:
    return encode(tiny_shop(items=100, users=120, events=1800))


def small(name: str) -> MetaLearner:
    method = registry.build(name)
    assert isinstance(method, MetaLearner)
    return replace(
        method, spaces=Spaces(dimensions=24, factors=8, directions=24), terms=Terms(tasks=16, others=32, steps=(16, 16))
    )


@pytest.fixture(scope="module")
def cases(world) -> episodes.Cases:
    found = episodes.hidden(world.data, 16, 0, ks=(1, 3), asked=2)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def left(world, cases):
    return examination._left(world.data, cases)


@pytest.mark.parametrize("name", METHODS)
def test_what_scores_the_query_is_what_the_support_made(name, left, cases) -> None:
    """Told other shoppers, a garment's answers differ; told the others' absence, they are the prior's."""
    method = small(name)
    params = method.init(left, 0)
    before = method.score(params, cases.users, cases.items)
    one, three = (method.score(method.adapt(params, s), cases.users, cases.items) for s in cases.told)
    assert not torch.allclose(before, one, atol=1e-6)
    assert not torch.allclose(one, three, atol=1e-6)
    nothing = replace(cases.told[0], weight=sp.csr_matrix(cases.told[0].weight.shape, dtype=np.float32))
    assert torch.equal(method.score(method.adapt(params, nothing), cases.users, cases.items), before)


@pytest.mark.parametrize("name", METHODS)
def test_scores_after_adapting_are_those_of_the_rules_own_network_on_pairs_one_by_one(name, left, cases) -> None:
    """Serving goes a shorter way than training; it must arrive at the same numbers, on both sides."""
    method, rule = small(name), small(name).rule
    params = method.init(left, 0)
    support = cases.told[1]
    adapted = method.adapt(params, support)
    users, items = cases.users[:3], Items(cases.items.catalogue, cases.items.rows[:4])
    shop = told.shop(params, users, items)
    what = shop.everything.take(torch.from_numpy(shop.candidates))
    pairs = sides.Shoppers(*(side[:, None].expand(-1, 4, -1) for side in shop.who))
    rows = layouts.inputs(params, rule.layout, pairs, sides.Garments(*(p.expand(3, *p.shape) for p in what)))
    prior = _network(rule.prior(params), rows)
    expected = prior.clone()
    for at, networks in told.of_shoppers(rule, params, shop, method.told_most):
        other = layouts.Other(
            what.vectors if rule.layout == "joined" else what.factors,
            sides.likenesses(params, shop.who, what)[at],
            what.sold,
        )
        expected[at] = layouts.evaluated(networks, other)
    column, networks = told.stored(rule, adapted, items.rows)
    moved = {n: v.dim() > rule.prior(params)[n].dim() for n, v in networks.items()}
    for task, at in enumerate(column):
        own = {n: v[task] if moved[n] else v for n, v in networks.items()}
        expected[:, at] += _network(own, rows[:, at]) - prior[:, at]
    torch.testing.assert_close(method.score(adapted, users, items), expected, rtol=1e-4, atol=1e-4)


def _network(params: Params, rows: torch.Tensor) -> torch.Tensor:
    return network.scores(params, rows)


@pytest.mark.parametrize("name", METHODS)
def test_the_backbone_learns(name, left) -> None:
    """No part is silently frozen: what makes vectors of content and profile gets a direction, as does the rule."""
    method = small(name)
    params = method.init(left, 0)
    params = params | {n: p + 0.01 for n, p in params.items() if n in ("profile", "expected")}
    moved: dict[str, float] = {}
    for batch in method.batches(left, 0, 0):
        for part, grad in method.step(params, batch)[0].items():
            moved[part] = max(moved.get(part, 0.0), float(grad.abs().max()))
    rule = set(method.rule.start(layouts.width(method.rule.layout, 24, 8), 0))
    unused = {"bias", "expected"} if method.rule.layout == "joined" else set()  # no part of these inputs
    wanted = rule | {"content/sparse", "bias", "profile", "expected"} | ({"log_scale"} - unused)
    assert all(moved[part] > 0 for part in wanted - unused - {"log_scale"})


@pytest.mark.parametrize("name", ["maml", "posterior"])
def test_adapting_does_not_depend_on_who_else_is_adapted(name, left, cases) -> None:
    method = small(name)
    params = method.init(left, 0)
    support = cases.told[1]
    alone = Items(support.items.catalogue, support.items.rows[:1])
    own = method.adapt(params, Support(support.users, alone, sp.csr_matrix(support.weight[:, :1])))
    whole = method.adapt(params, support)
    scores = [method.score(p, cases.users[:5], alone) for p in (own, whole)]
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-4)


def test_trust_grows_with_events() -> None:
    params = trust()
    values = [float(trusted(params, Told("garments", k))) for k in range(1, 30)]
    assert all(0 < a < b for a, b in pairwise(values))


@pytest.mark.parametrize("name", ["maml", "posterior"])
def test_where_events_mislead_they_are_learned_to_count_for_little(name) -> None:
    """Two planted shops: in one, who took a garment first says who will next; in the other nothing does.

    From the same start, training must come to trust a single event less in the second.
    """
    moved = {}
    for telling in (True, False):
        data = encode(planted(telling)).data
        method = small(name)
        cases = episodes.hidden(data, 40, 0, ks=(1, 3), asked=2)
        assert cases is not None
        rest = examination._left(data, cases)
        learned = train(method, rest, Run(name, 0, epochs=5)).params
        before = method.score(learned, cases.users, cases.items).numpy()
        after = [method.score(method.adapt(learned, s), cases.users, cases.items).numpy() for s in cases.told]
        moved[telling] = [cases.worth(scores) for scores in (before, *after)]
    assert moved[True][2] > moved[True][0] + 0.02  # three events of a garment help where they tell
    assert moved[False][1] > moved[False][0] - 0.01  # and one does no harm where it does not


def planted(telling: bool):
    """A shop of two kinds of shoppers that content does not tell apart; `telling`: garments are for one kind each."""
    shop = tiny_shop(items=160, users=240, events=100)
    rng = stream(7, "planted", int(telling))
    n, m, count = len(shop.items), len(shop.users), 6000
    user = rng.integers(m, size=count)
    kind, own = np.arange(m) % 2, rng.integers(2, size=n)
    item = rng.integers(n, size=4 * count).reshape(count, 4)
    fits = (own[item] == kind[user][:, None]) if telling else np.ones_like(item, dtype=bool)
    pick = item[np.arange(count), fits.argmax(axis=1)]
    frame = pl.DataFrame(
        {
            "user_id": shop.users["user_id"].gather(user),
            "item_id": shop.items["item_id"].gather(pick),
            "timestamp": pl.Series(rng.integers(30 * 86_400, size=count) * 1_000_000 + 1_600_000_000_000_000).cast(
                pl.Datetime("us", "UTC")
            ),
            "event": "purchase",
            "weight": pl.Series(np.full(count, 5.0, dtype=np.float32)),
        }
    )
    return shop.with_events(frame.sort("timestamp", maintain_order=True))
