import inspect

import pytest

from muslin.data.importing import Importer
from muslin.data.sources.registry import SOURCES, source
from muslin.errors import UsageError


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_can_be_called_alike(name) -> None:
    promised = inspect.signature(Importer.__call__).parameters
    offered = inspect.signature(source(name)).parameters
    for key in set(promised) - {"self"}:
        assert offered[key].kind == promised[key].kind
        assert offered[key].default == promised[key].default


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        source("tabel")
    assert (caught.value.code, caught.value.fix) == ("unknown_source", "did you mean 'table'?")
