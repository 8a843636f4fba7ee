"""What the target begins with, row by row."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from muslin.errors import UsageError
from muslin.features.matching import Match
from muslin.nets.carry import carry

SIDES = {"item": "items", "bias": "items", "profile": "shoppers", "sold": "own"}


def tensors(seed: int, items: int = 4, shoppers: int = 2) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    shapes = {"item": (items, 3), "bias": (items,), "profile": (shoppers, 3), "sold": (5,), "scale": (1,)}
    return {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}


def matched(rows) -> Match:
    return Match(sp.csr_matrix(np.array(rows, dtype=np.float32)), {})


SAME = {"items": matched(np.eye(4)), "shoppers": matched(np.eye(2))}
MIXED = {"items": matched([[0, 1, 0, 0], [0, 0, 0, 0], [0.25, 0, 0.75, 0]]), "shoppers": matched(np.zeros((3, 2)))}


def test_equal_spaces_are_copied_exactly() -> None:
    source, own = tensors(0), tensors(1)
    found = carry(source, own, SIDES, SAME)
    for name in ("item", "bias", "profile", "scale"):
        assert torch.equal(found.start[name], source[name])
        assert torch.equal(found.source[name], source[name])
    assert found.share == {}
    assert torch.equal(found.start["sold"], own["sold"])
    assert "sold" not in found.source
    assert found.listed() == {"item": (4, 4), "bias": (4, 4), "profile": (2, 2), "sold": (0, 5), "scale": (1, 1)}


def test_rows_are_matched_mixed_or_the_targets_own() -> None:
    source, own = tensors(0), tensors(1, items=3, shoppers=3)
    found = carry(source, own, SIDES, MIXED)
    for name in ("item", "bias"):
        expected = torch.stack([source[name][1], own[name][1], 0.25 * source[name][0] + 0.75 * source[name][2]])
        assert torch.allclose(found.start[name], expected)
        assert torch.equal(found.start[name][:2], expected[:2])
        share = torch.tensor([1.0, 0.0, 1.0]).reshape(-1, *[1] * (own[name].ndim - 1)).expand_as(own[name])
        assert torch.equal(found.share[name], share)
    assert torch.equal(found.start["profile"], own["profile"])
    assert not found.share["profile"].any()
    assert found.listed() == {"item": (2, 3), "bias": (2, 3), "profile": (0, 3), "sold": (0, 5), "scale": (1, 1)}


def test_what_only_one_side_has_is_the_targets_own_or_dropped() -> None:
    source, own = tensors(0), tensors(1)
    source["dense/old"], own["dense/new"] = torch.ones(2, 3), torch.ones(2, 3)
    found = carry(source, own, SIDES, SAME)
    assert found.start.keys() == own.keys()
    assert torch.equal(found.start["dense/new"], own["dense/new"])
    assert "dense/new" not in found.source


def test_a_parameter_without_rows_is_carried_by_nobody() -> None:
    source, own = tensors(0), tensors(1)
    own["profile"] = torch.zeros(0, 3)
    found = carry(source, own, SIDES, SAME)
    assert "profile" not in found.source
    assert found.start["profile"].shape == (0, 3)


def test_nothing_that_is_given_is_changed_or_shared() -> None:
    source, own = tensors(0), tensors(1)
    found = carry(source, own, SIDES, SAME)
    for name in found.source:
        found.source[name].zero_()
    again = tensors(0)
    assert all(torch.equal(value, again[name]) for name, value in source.items())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("item", torch.zeros(4, 5)),
        ("item", torch.zeros(4, 3, 1)),
        ("bias", torch.zeros(4, 1)),
        ("scale", torch.zeros(2)),
    ],
)
def test_another_shape_is_an_error_that_names_the_parameter(name, value) -> None:
    source = {**tensors(0), name: value}
    with pytest.raises(UsageError) as caught:
        carry(source, tensors(1), SIDES, SAME)
    assert (caught.value.code, caught.value.where) == ("shape_clash", name)
    assert str(tuple(value.shape)) in caught.value.message
    assert caught.value.fix


def test_a_networks_own_parameters_follow_their_features(partial) -> None:
    """`item` rows of values that accessories have too came along; those of dresses and coats did not."""
    space = partial.world.space.items
    values = [(c.name, v) for c in space.columns if hasattr(c.encoder, "values") for v in c.encoder.values]
    came = {value: bool(share[0]) for value, share in zip(values, partial.carried.share["item"], strict=False)}
    assert came["kind", "scarf"]
    assert came["colour", "red"]
    assert not came["kind", "dress"]
    assert not came["department", "womenswear"]
    own = partial.method.init(partial.world.data, 1)["item"]
    free = partial.carried.share["item"] == 0
    assert torch.equal(partial.carried.start["item"][free], own[free])
    assert not torch.isclose(partial.carried.start["item"][~free], own[~free]).all()
