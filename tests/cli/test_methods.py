import json

import pytest

from muslin import registry
from muslin.cli.sources import describe, names


def test_sources_name_what_the_registry_names() -> None:
    assert names() == registry.names()


@pytest.mark.parametrize("name", registry.names())
def test_sources_say_what_the_registry_says(name) -> None:
    read, imported = describe(name), registry.entry(name)
    assert read.summary == imported.summary
    about = " ".join(read.about.split())
    assert f"Source: {imported.source}" in about
    assert f"Differs: {imported.differs}" in about
    assert {o.name: o.default for o in read.options} == {k: repr(v) for k, v in imported.options().items()}


@pytest.mark.parametrize("name", registry.names())
def test_every_option_is_explained(name) -> None:
    for option in describe(name).options:
        assert option.help, f"{name}.{option.name} has no docstring"


def test_table_has_all_methods(muslin) -> None:
    found = muslin("methods")
    assert found.status == 0
    for name in registry.names():
        assert f"\n{name} " in found.out


def test_one_method_in_full(muslin) -> None:
    out = muslin("methods", "two_tower").out
    for text in ("Source: Covington et al. 2016", "learning_rate", "0.001", "Adam's step size."):
        assert text in out


def test_json_is_alone_on_standard_output(muslin) -> None:
    found = muslin("methods", "ials", "--json", "-")
    (method,) = json.loads(found.out)
    assert method["name"] == "ials"
    assert {
        "name": "factors",
        "type": "int >= 1",
        "default": "64",
        "help": "Length of item and shopper vectors.",
    } in method["options"]
    assert "Implicit ALS" in found.err
