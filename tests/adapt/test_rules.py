"""Every rule's direction against finite differences in double precision, and against itself task by task."""

import pytest
import torch

from muslin import registry
from muslin.adapt import layouts, network
from muslin.adapt.judges import Choice, Pointwise
from muslin.adapt.learner import MetaLearner
from muslin.adapt.rule import Told
from muslin.adapt.sides import Garments, Shoppers
from muslin.adapt.tasks import Rows, Tasks

D = {"crossed": 3 * 3 + 2, "joined": 8}
EXACT = ("maml", "anil", "maml_pp", "melu", "meta_sgd", "meta_embedding", "posterior")
NEAR = ("fomaml", "reptile")
TOLD = (Told("garments", 3, 0.4), Told("shoppers", 1, 0.4), Told("shoppers", 0))


def rule_of(name):
    method = registry.build(name)
    assert isinstance(method, MetaLearner)
    return method.rule


def started(name):
    """A rule and its parameters, away from where they start, in double precision."""
    rule = rule_of(name)
    rng = torch.Generator().manual_seed(5)
    params = rule.start(D[rule.layout], 0)
    return rule, {
        n: p.double() + torch.randn(p.shape, generator=rng, dtype=torch.double) / 20 for n, p in params.items()
    }


def drawn(rule, told: Told, tasks: int = 4) -> Tasks:
    rng = torch.Generator().manual_seed(told.k)
    d, s, q = D[rule.layout], max(told.k, 1) + 3, 6
    rows = torch.randn(tasks, s + q, d, generator=rng, dtype=torch.double)
    target = (torch.arange(s) < max(told.k, 1)).double().expand(tasks, s)
    weight = torch.where(target > 0, 0.5 / max(told.k, 1), 0.5 / 3).double() * bool(told.k)
    asked = (torch.arange(q) % tasks == torch.arange(tasks)[:, None]).double()
    there = (torch.rand(tasks, q, generator=rng, dtype=torch.double) < 0.8) | (asked > 0)
    return Tasks(Rows(rows[:, :s], target, weight), Rows(rows[:, s:], asked, there.double()))


@pytest.mark.parametrize("told", TOLD, ids=["garments 3", "shoppers 1", "none"])
@pytest.mark.parametrize("name", EXACT)
def test_directions_are_the_slope_of_the_loss(name, told) -> None:
    rule, params = started(name)
    tasks, judge = drawn(rule, told), Choice(0 if told.entity == "garments" else 1)
    found = rule.direction(params, tasks, judge, told)
    rng, step = torch.Generator().manual_seed(9), 1e-7
    for part in (*found.params, "support", "query"):
        slope = found.params[part] if part in found.params else getattr(found, part)
        change = torch.randn(slope.shape, generator=rng, dtype=torch.double)

        def loss(sign: float, part=part, change=change) -> float:
            if part in params:
                moved = {**params, part: params[part] + sign * step * change}
                return float(rule.direction(moved, tasks, judge, told).loss)
            rows = getattr(tasks, part)
            shown = tasks._replace(**{part: rows._replace(inputs=rows.inputs + sign * step * change)})
            return float(rule.direction(params, shown, judge, told).loss)

        expected = (loss(1) - loss(-1)) / (2 * step)
        assert float((slope * change).sum()) == pytest.approx(expected, rel=1e-6, abs=1e-7), part


@pytest.mark.parametrize("name", NEAR)
def test_first_order_directions_differ_from_the_slope_and_agree_with_it_before_any_event(name) -> None:
    rule, params = started(name)
    exact, _ = started("maml")
    for told in TOLD:
        tasks = drawn(rule, told)
        near, true = (r.direction(params, tasks, Choice(0), told) for r in (rule, exact))
        torch.testing.assert_close(near.loss, true.loss)
        same = torch.allclose(near.params["w2"], true.params["w2"], rtol=1e-6, atol=1e-10)
        assert same == (told.k == 0)


@pytest.mark.parametrize("name", [*EXACT, *NEAR])
def test_batched_is_looped_and_what_is_told_nothing_is_the_prior(name) -> None:
    rule, params = started(name)
    told = TOLD[0]
    support = drawn(rule, told).support
    whole = rule.adapted(params, support, told)
    for task in range(len(support.target)):
        alone = rule.adapted(params, Rows(*(part[task : task + 1] for part in support)), told)
        for key, value in whole.items():
            own = value[task : task + 1] if value.dim() > rule.prior(params)[key].dim() else value
            torch.testing.assert_close(own, alone[key])
    silent = rule.adapted(params, support._replace(weight=support.weight * 0), told)
    rows = support.inputs[0]
    expected = network.scores({n: p.double() for n, p in rule.prior(params).items()}, rows)
    first = {n: (v[0] if v.dim() > rule.prior(params)[n].dim() else v).double() for n, v in silent.items()}
    torch.testing.assert_close(network.scores(first, rows), expected)


@pytest.mark.parametrize("name", [*EXACT, *NEAR])
def test_events_move_scores_towards_what_they_say(name) -> None:
    rule, params = started(name)
    told = TOLD[0]
    support = drawn(rule, told).support
    after = rule.adapted(params, support, told)
    ask = Pointwise("logistic")
    moved = {n: v.dim() > rule.prior(params)[n].dim() for n, v in after.items()}
    assert any(moved.values())
    before, learned = 0.0, 0.0
    for task in range(len(support.target)):
        rows = Rows(*(part[task] for part in support))
        own = {n: (v[task] if moved[n] else v).double() for n, v in after.items()}
        learned += float(ask(network.scores(own, rows.inputs), rows))
        before += float(ask(network.scores({n: p.double() for n, p in rule.prior(params).items()}, rows.inputs), rows))
    assert learned < before


@pytest.mark.parametrize("entity", ["garments", "shoppers"])
@pytest.mark.parametrize("layout", ["crossed", "joined"])
@pytest.mark.parametrize("own", [True, False], ids=["adapted", "prior"])
def test_networks_of_one_side_say_what_the_decision_network_says_pair_by_pair(layout, entity, own) -> None:
    t, m, e, k, h = 4, 5, 4, 3, 6
    rng = torch.Generator().manual_seed(2)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=rng, dtype=torch.double)

    params = {"log_scale": torch.tensor([0.3], dtype=torch.double)}
    counts = (m, t) if entity == "garments" else (t, m)
    who = Shoppers(some(counts[0], e), some(counts[0], k))
    what = Garments(some(counts[1], e), some(counts[1]), some(counts[1], k), some(counts[1]))
    shapes = {n: p.shape for n, p in network.start(D[layout], h, 0).items()}
    decision = {n: some(*((t, *shape) if own else shape)) for n, shape in shapes.items()}
    mine, others = (what, who) if entity == "garments" else (who, what)
    alike = params["log_scale"].exp() * who.taste @ what.vectors.T + what.bias
    vectors = {"joined": others[0], "crossed": who.factors if entity == "garments" else what.factors}[layout]
    sold = torch.zeros(m, dtype=torch.double) if entity == "garments" else what.sold
    other = layouts.Other(vectors, alike.T if entity == "garments" else alike, sold)
    found = layouts.evaluated(layouts.networks(decision, layout, entity, mine), other)
    for task in range(t):
        for row in range(m):
            u, i = (row, task) if entity == "garments" else (task, row)
            pair = layouts.inputs(params, layout, Shoppers(*(p[[u]] for p in who)), Garments(*(p[[i]] for p in what)))
            alone = {n: v[task] if own else v for n, v in decision.items()}
            torch.testing.assert_close(found[task, row], network.scores(alone, pair)[0])


def test_a_choice_is_the_mean_of_minus_log_chances_and_what_is_not_there_is_no_candidate() -> None:
    score = torch.tensor([[1.0, 2.0, 0.5], [0.3, -1.0, 4.0]], dtype=torch.double)
    asked = Rows(
        score, torch.tensor([[1.0, 0, 0], [0, 0, 1.0]]).double(), torch.tensor([[1.0, 1, 1], [1, 0, 2.0]]).double()
    )
    across_rows = Choice(1, torch.tensor([0.1, 0.2, 0.0], dtype=torch.double))(score, asked)
    logits = score - torch.tensor([0.1, 0.2, 0.0], dtype=torch.double)
    first = -logits[0].log_softmax(0)[0]
    second = -logits[1, [0, 2]].log_softmax(0)[1]
    torch.testing.assert_close(across_rows, (first + 2 * second) / 3)
    across_tasks = Choice(0)(score, asked)
    own = [-score[:, 0].log_softmax(0)[0], -score[:, 2].log_softmax(0)[1]]
    torch.testing.assert_close(across_tasks, (own[0] + 2 * own[1]) / 3)
