import pytest

from muslin import registry
from muslin.errors import UsageError


def test_methods_are_found_by_file_name() -> None:
    assert set(registry.names()) >= {"random", "popularity", "popularity_category", "content_knn", "two_tower", "ials"}


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'two_tower'") as caught:
        registry.entry("two_towers")
    assert caught.value.code == "unknown_method"


def test_an_entry_carries_source_and_options() -> None:
    entry = registry.entry("ials")
    assert entry.source.startswith("Hu, Koren and Volinsky 2008")
    assert "Gantner" in entry.source
    assert entry.differs.startswith("the factorisation")
    assert entry.options()["factors"] == 64
