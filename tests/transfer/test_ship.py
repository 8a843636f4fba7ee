"""What is shipped is a model like any other."""

from dataclasses import replace

import polars as pl
import pytest
import torch

from muslin.engine.model import Model
from muslin.transfer.guard import Gain, Verdict
from muslin.transfer.result import FormRow, TransferResult
from muslin.transfer.ship import ship


def winner(kind: str, form: str, **more) -> TransferResult:
    gain = Gain("new", "popularity, target only", 0.1, 0.2, 0.1, 0.05, 0.15)
    rest = {"popularity": 0.5, "strength": None, "beta": None, "epochs": None} | more
    row = FormRow(form, kind, "new", 0.2, 0.2, 0.1, 0.3, gain, 50, **rest, cpu_s=1.0)
    verdict = Verdict("popularity, target only", form, form, (gain,))
    return TransferResult("boutique", "accessories", "apparel", 9, {}, (row,), verdict, (), 1)


def saved(model: Model, path) -> Model:
    return Model.load(model.save(path / "model"))


def test_the_winner_of_a_transfer_saves_loads_and_recommends(shared, plan, found, tmp_path) -> None:
    model = ship(shared, plan, found, 0)
    loaded = saved(model, tmp_path)
    users = shared.events["user_id"].unique().sort().head(5).to_list()
    first, again = (m.recommend([*users, "nobody"], 10) for m in (model, loaded))
    assert first.equals(again)
    assert set(first["user_id"]) == {*users, "nobody"}


@pytest.mark.parametrize("epochs", [0.0, 1.4])
def test_a_transferred_form_is_trained_on_everything_for_as_long(shared, plan, tmp_path, epochs) -> None:
    result = winner("transferred", "lambda 5, beta 0.5", strength=5.0, beta=0.5, epochs=epochs)
    model = ship(shared, plan, result, 0)
    frozen = ship(shared, plan, winner("frozen", "source, frozen"), 0)
    assert model.method == "two_tower"
    assert (model.options["popularity"], model.options["dimensions"]) == (0.5, 32)
    same = torch.equal(model.fitted.params["item"], frozen.fitted.params["item"])
    assert same == (epochs == 0)
    assert model.world.data.events.user.size == len(shared.events.filter(shared.events["weight"] > 0))
    loaded = saved(model, tmp_path)
    assert all(torch.equal(value, loaded.fitted.params[name]) for name, value in model.fitted.params.items())


def test_beta_is_kept(shared, plan) -> None:
    whole, half = (
        ship(shared, plan, winner("transferred", "lambda 0", strength=0.0, beta=beta, epochs=1.0), 0).fitted.params
        for beta in (1.0, 0.5)
    )
    start = ship(shared, plan, winner("frozen", "source, frozen"), 0).fitted.params
    for name in ("item", "bias", "log_scale"):
        assert torch.allclose(half[name], (whole[name] + start[name]) / 2, atol=1e-6)


def test_a_weight_of_zero_is_loaded_again(shared, plan, tmp_path) -> None:
    """What sells was counted for the other weights and stays beside the parameters, unused."""
    model = ship(shared, plan, winner("frozen", "source, frozen", popularity=0.0), 0)
    assert model.options["popularity"] == 0.0
    user = shared.events["user_id"][0]
    assert saved(model, tmp_path).recommend(user, 5).equals(model.recommend(user, 5))


@pytest.mark.parametrize("form", ["popularity, target only", "two_tower, target only"])
def test_the_targets_own_model_knows_nothing_of_the_source(shared, plan, tmp_path, form) -> None:
    result = winner("null", form, popularity=None if "popularity" in form else 0.5)
    model = ship(shared, plan, result, 0)
    assert model.method == form.partition(",")[0]
    events = model.world.dataset.events.join(shared.items, on="item_id")
    assert events["domain"].unique().to_list() == ["apparel"]
    user = shared.events["user_id"][0]
    assert len(saved(model, tmp_path).recommend(user, 5)) == 5


@pytest.mark.parametrize(
    ("kind", "form", "method"),
    [("joint", "two_tower, both domains", "two_tower"), ("bridge", "popularity_segment", "popularity_segment")],
)
def test_what_learns_of_both_domains_learns_of_both(shared, plan, kind, form, method) -> None:
    model = ship(shared, plan, winner(kind, form), 0)
    assert model.method == method
    events = model.world.dataset.events.join(shared.items, on="item_id")
    assert events["domain"].unique().sort().to_list() == ["accessories", "apparel"]


def test_the_joint_model_without_features_is_the_one_that_won(shared, plan) -> None:
    model = ship(shared, plan, winner("joint", "ease, both domains", popularity=None), 0)
    assert model.method == "ease"


def test_only_both_domains_teach(shared, plan) -> None:
    first = pl.col("item_id").is_in(shared.items["item_id"].head(3).implode())
    items = shared.items.with_columns(domain=pl.when(first).then(pl.lit("third")).otherwise("domain"))
    other = replace(shared, items=items)
    model = ship(other, plan, winner("joint", "two_tower, both domains"), 0)
    events = model.world.dataset.events.join(other.items, on="item_id")
    assert "third" not in events["domain"].to_list()
