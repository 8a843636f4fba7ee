"""What a learner to adapt must do, whatever its rule: the mistakes that are made with these methods, as behaviour."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from muslin import registry
from muslin.adapt import belief, layouts, network, sides, told
from muslin.adapt.learner import MetaLearner
from muslin.adapt.rule import Told, trust, trusted
from muslin.adapt.sides import Spaces
from muslin.data.episodes import Terms
from muslin.data.splits import rehearsal
from muslin.features.space import World, encode
from muslin.nets import episodes
from muslin.random import stream
from muslin.recipes.left_out import left_out
from muslin.testing.worlds import tiny_shop
from muslin.train.loop import Run, train
from muslin.types import Items, Params, Support, TrainData

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
def left(world, cases) -> TrainData:
    """The shop without the garments of `cases`: its catalogue ends where they begin."""
    data, place = world.data, np.full(len(world.data.catalogue), -1)
    place[cases.stay] = np.arange(len(cases.stay))
    kept = place[data.events.item] >= 0
    events = replace(data.events, **{n: getattr(data.events, n)[kept] for n in ("user", "item", "weight", "time")})
    return replace(data, catalogue=cases.known(), events=replace(events, item=place[events.item]))


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
    params = method.init(left, 0) | {"belief/garments": torch.tensor([0.2, 0.6, 2.0])}
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
    column, believed, networks = told.stored(rule, adapted, items.rows)
    torch.testing.assert_close(believed, torch.full((len(column),), 0.6))
    moved = {n: v.dim() > rule.prior(params)[n].dim() for n, v in networks.items()}
    for task, at in enumerate(column):
        own = {n: v[task] if moved[n] else v for n, v in networks.items()}
        expected[:, at] += 0.6 * (_network(own, rows[:, at]) - prior[:, at])
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


@pytest.mark.parametrize(
    ("name", "telling"),
    [("maml", False), ("posterior", False), ("meta_embedding", False), ("posterior", True), ("meta_embedding", True)],
)
def test_a_rule_that_is_too_sure_is_believed_only_where_events_tell(name, telling) -> None:
    """Two planted shops: in one, who took a garment first says who will next; in the other its content did before.

    Garments left out teach how far to go; others then are ranked no lower after one event than before any.
    """
    method, shop = small(name), planted(telling)
    seen = rehearsal(shop, 0, share=0.5)
    inner = encode(seen.train)
    data = inner.training(method.evidence)
    every = left_out(inner, seen, shop, method.evidence, 0)
    teaching, judging = (_some(every, np.arange(at, len(every.items.rows), 2)) for at in (0, 1))
    sure = method.init(data, 0) | _sure(name)
    taught = sure | method.rehearse(sure, teaching, 0)
    gain = {
        k: [_gain(method, params, judging, len(data.catalogue), k) for params in (sure, taught)] for k in belief.KS[:2]
    }
    if telling:
        assert gain[3][1] > 0.01
        assert taught["belief/garments"][1] > 0
    else:
        assert gain[1][0] < -0.01  # as it was, one event did harm
        assert gain[1][1] >= 0
        assert gain[3][1] >= 0


def _sure(name: str) -> Params:
    """Parameters by which a rule believes every event far too much."""
    if name == "posterior":
        return {"spread/garments": torch.tensor([30.0, 30.0, 0.3]).log() / 50}
    return {"trust/garments": torch.tensor([4.0, 0.1]).log() / 50}


def _some(left: Support, columns: np.ndarray) -> Support:
    items = Items(left.items.catalogue, left.items.rows[columns])
    return Support(left.users, items, sp.csr_matrix(left.weight[:, columns]))


def _gain(method: MetaLearner, params: Params, left: Support, trained: int, k: int) -> float:
    """What `k` events are worth to garments, as far as they are believed."""
    case = belief.garments(method, params, left, trained, k, 1)
    assert case is not None
    factor = belief.factors(params, np.array([k]))[0]
    return float((belief.worth(case, factor) - belief.worth(case, 0.0)).mean())


@pytest.mark.parametrize("name", ["maml", "posterior"])
def test_training_learns_to_step_less_where_events_mislead(name) -> None:
    """From the same start, a single event moves scores less after training in the shop where it says nothing."""
    moved = {}
    for telling in (True, False):
        method, shop = small(name), planted(telling)
        seen = rehearsal(shop, 0, share=0.2)
        inner = encode(seen.train)
        data = inner.training(method.evidence)
        learned = train(method, data, Run(name, 0, epochs=2)).params
        out = left_out(inner, seen, shop, method.evidence, 0)
        case = belief.garments(method, learned, out, len(data.catalogue), 1, 0)
        assert case is not None
        moved[telling] = case.more.std() / case.before.std()
    assert moved[True] > 1.3 * moved[False]


def planted(telling: bool):
    """A shop of two kinds of shoppers, each taking one kind of garments: of no mark where events are `telling`.

    Where they are not, the kind is what colours are like: content says it all, and who took a garment nothing more.
    """
    shop = tiny_shop(items=160, users=240, events=100)
    rng = stream(7, "planted", int(telling))
    n, m, count = len(shop.items), len(shop.users), 6000
    user = rng.integers(m, size=count)
    colour = shop.items["colour"].rank("dense").to_numpy()
    kind, own = np.arange(m) % 2, rng.integers(2, size=n) if telling else colour % 2
    item = rng.integers(n, size=4 * count).reshape(count, 4)
    fits = own[item] == kind[user][:, None]
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
