import pytest

from muslin.data.dataset import Dataset
from muslin.evaluate.exam import Terms
from muslin.evaluate.leaks.probe import lookups, probe
from muslin.evaluate.leaks.sealed import renamed
from muslin.evaluate.protocol import protocol
from muslin.features.space import encode
from muslin.testing.worlds import tiny_shop

from .conftest import honest, remembers


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return tiny_shop(items=300, users=300, events=4000)


def test_renaming_changes_no_order(shop) -> None:
    before, after = encode(shop), encode(renamed(shop))
    assert [f"x{name}" for name in before.catalogue.ids] == after.catalogue.ids.tolist()
    assert (before.catalogue.family == after.catalogue.family).all()
    assert (before.data.matrix() != after.data.matrix()).nnz == 0


@pytest.mark.parametrize("method", ["popularity", "content_knn", "ials"])
def test_who_learns_from_the_world_answers_the_same(shop, method) -> None:
    found = lookups(shop, protocol("item-cold"), Terms(0), honest, method)
    assert (found.count, found.violation) == (0, False)
    assert found.total > 300


def test_an_order_drawn_from_names_changes_and_is_no_crime(shop) -> None:
    found = lookups(shop, protocol("item-cold"), Terms(0), honest, "random")
    assert not found.violation
    assert 0.4 < found.share < 0.6


@pytest.mark.parametrize("name", ["item-cold", "warm"])
def test_who_remembers_the_whole_dataset_is_caught(shop, name) -> None:
    found = lookups(shop, protocol(name), Terms(0), remembers(shop), "remembers")
    assert found.violation
    assert found.share > 0.9


def test_both_probes_at_once(shop, folder) -> None:
    guessed, lost = probe(shop, protocol("item-cold"), Terms(0), honest, "content_knn", folder=folder)
    assert not guessed.violation
    assert not lost.violation
