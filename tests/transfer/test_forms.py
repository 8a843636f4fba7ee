"""What is fitted to what, and where the target begins."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from muslin.data.crossing import crossing
from muslin.errors import UsageError
from muslin.features.space import encode
from muslin.nets.fisher import information
from muslin.nets.transfer import interpolated
from muslin.transfer.exams import marks
from muslin.transfer.forms import begun, fine_tuning, forms, ground, learner, pretrained, wanting


def test_every_form_there_is_is_tried_once(crossed, tried) -> None:
    assert {name: form.kind for name, form in tried.items()} == {
        "popularity, target only": "null",
        "two_tower, target only": "null",
        "source, frozen": "frozen",
        "lambda 0, beta 0.5": "transferred",
        "lambda 0": "transferred",
        "lambda 5, beta 0.5": "transferred",
        "lambda 5": "transferred",
        "two_tower, both domains": "joint",
    }
    assert list(tried)[:2] == ["popularity, target only", "two_tower, target only"]


def test_what_is_of_the_target_alone_has_seen_nothing_else(crossed, tried) -> None:
    for form in tried.values():
        assert (form.at is crossed.alone) == (form.kind == "null")
    dataset = crossed.alone.world.dataset
    domains = dataset.events.join(dataset.items, on="item_id")["domain"].unique().to_list()
    assert domains == ["apparel"]


def test_the_source_learned_from_its_own_events_alone(crossed, shared) -> None:
    again = pretrained(crossed.cut.only("accessories"), crossed.plan, crossed.whole.world.space, 0)
    assert all(torch.equal(value, crossed.source.params[name]) for name, value in again.params.items())
    thin = crossed.cut.thinned(0.05, 0)
    assert thin.only("accessories").events.equals(crossed.cut.only("accessories").events)


def test_what_the_source_never_met_is_not_its_own(crossed) -> None:
    carried, world = crossed.carried(), crossed.whole.world
    inside = world.data.catalogue.domain == world.data.catalogue.domains.index("accessories")
    met = np.asarray(world.data.catalogue.features.matrix[inside].getnnz(axis=0)).ravel() > 0
    assert 0 < met.sum() < len(met)
    assert np.array_equal(carried.share["item"][:, 0].numpy() > 0, met)
    came, of = carried.listed()["item"]
    assert (came, of) == (met.sum(), len(met))
    assert torch.equal(carried.start["item"][met], crossed.source.params["item"][met])
    assert carried.listed()["sold"][0] == 0


def test_the_frozen_source_is_where_the_target_begins(crossed, tried) -> None:
    start = crossed.carried().start
    frozen = tried["source, frozen"].fitted.params
    assert all(torch.equal(value, start[name]) for name, value in frozen.items())


def test_beta_lies_between_the_source_and_the_fine_tuned(crossed, tried) -> None:
    source = crossed.carried().source
    for strength in ("lambda 0", "lambda 5"):
        whole, half = tried[strength], tried[f"{strength}, beta 0.5"]
        expected = interpolated(whole.fitted.params, source, 0.5)
        assert all(torch.equal(value, half.fitted.params[name]) for name, value in expected.items())
        assert (whole.beta, half.beta, whole.epochs) == (1.0, 0.5, half.epochs)
    assert tried["lambda 5"].strength == 5.0


def test_lambda_pulls_towards_the_source(crossed, tried) -> None:
    plan = replace(crossed.plan, strengths=(1e12,), betas=(1.0,))
    source = crossed.carried()
    held = {form.name: form for form in forms(replace(crossed, plan=plan))}["lambda 1e+12"]
    for name, value in source.source.items():
        away = (held.fitted.params[name] - value).abs()
        mine = source.share.get(name, torch.ones_like(value)) == 1
        assert away[mine].max() <= 1e-6


def test_the_weight_of_what_sells_is_the_best_where_models_are_chosen(crossed, tried) -> None:
    for name in ("source, frozen", "two_tower, both domains", "lambda 0"):
        form = tried[name]
        by_weight = {}
        for weight in crossed.plan.popularity:
            method = learner({**crossed.plan.options, "popularity": weight})
            by_weight[weight] = sum(marks(form.fitted._replace(method=method), form.at.choose).values())
        assert by_weight[form.popularity] == max(by_weight.values())
        assert sum(form.marks.values()) == pytest.approx(by_weight[form.popularity])


def test_only_garments_of_the_domain_are_wanted(crossed) -> None:
    world = crossed.whole.world
    data = wanting(world, "apparel")
    names = np.array(data.catalogue.domains)[data.catalogue.domain]
    assert np.array_equal(data.wanted, names == "apparel")
    assert 0 < data.strange < 1
    assert len(data.events) == len(world.data.events)


@pytest.mark.parametrize("regulariser", ["l2_sp", "l2_sp_fisher"])
def test_information_is_of_the_source(crossed, regulariser) -> None:
    plan, world = replace(crossed.plan, regulariser=regulariser), crossed.whole.world
    carried = crossed.carried()
    found = fine_tuning(crossed.learner, carried, plan, 1.0, world, 0)
    assert (found.tuning.regulariser, found.tuning.strength) == (regulariser, 1.0)
    if regulariser == "l2_sp":
        assert found.information == {}
        return
    batches = crossed.learner.batches(wanting(world, "accessories"), 0, 0)
    naive = information(crossed.learner, carried.start, batches)
    assert found.information.keys() == naive.keys()
    only_target = carried.share["item"][:, 0] == 0
    assert found.information["item"][~only_target].sum() > 0


def test_bridges_are_tried_only_where_somebody_is_in_both(crossed) -> None:
    plan = replace(
        crossed.plan, strengths=(math.inf,), bridges=("popularity_category",), against=("popularity_segment",)
    )
    kinds = {form.name: form.kind for form in forms(replace(crossed, plan=plan))}
    assert kinds["popularity_category"] == "bridge"
    assert kinds["popularity_segment"] == "beside"
    assert replace(crossed, plan=plan).bridges == ("popularity_category",)
    lonely = replace(crossed, plan=plan, cut=replace(crossed.cut, train=crossed.cut.only("apparel")))
    assert lonely.bridges == ()


def test_a_thinned_target_begins_where_the_same_source_says(crossed) -> None:
    thin = ground(crossed.cut.thinned(0.05, 0), crossed.plan, 0, crossed.source)
    carried = thin.carried()
    assert thin.source is crossed.source
    came, of = carried.listed()["item"]
    assert 0 < came <= of == len(carried.start["item"])


def test_garments_without_features_carry_nothing(shared, plan) -> None:
    bare = replace(
        shared,
        schema=replace(
            shared.schema,
            items=replace(
                shared.schema.items, categorical=(), numeric=(), text=(), category=(), title=None, price=None
            ),
        ),
    )
    plan = replace(plan, strengths=(0.0,), betas=(1.0,))
    found = ground(crossing(bare, "accessories", "apparel", 0), plan, 0)
    assert (found.source, found.carried(), found.usual) == (None, None, "ease")
    assert [form.kind for form in forms(found)] == ["null", "null", "joint"]


def test_a_source_described_otherwise_is_an_error_that_names_the_column(crossed, shared) -> None:
    items = replace(shared.schema.items, categorical=tuple(c for c in shared.schema.items.categorical if c != "colour"))
    other = replace(shared, schema=replace(shared.schema, items=replace(items, text=(*items.text, "colour"))))
    world = encode(other)
    with pytest.raises(UsageError) as caught:
        begun(crossed.plan, crossed.source, world, 0)
    assert (caught.value.code, caught.value.where) == ("column_clash", "colour")


def test_a_learner_of_other_options_is_an_error_that_names_the_parameter(crossed) -> None:
    plan = replace(crossed.plan, learner={**crossed.plan.learner, "dimensions": 8})
    with pytest.raises(UsageError) as caught:
        begun(plan, crossed.source, crossed.whole.world, 0)
    assert caught.value.code == "shape_clash"
    assert caught.value.where in ("item", "profile")
