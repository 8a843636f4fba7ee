"""Sources by name, each in the file of that name; found without importing the others."""

import importlib
from typing import cast

from muslin.data.importing import Importer
from muslin.errors import UsageError, nearest

SOURCES: dict[str, str] = {
    "amazon": "import_amazon",
    "citeulike": "import_citeulike",
    "hm": "import_hm",
    "movielens": "import_movielens",
    "recbole": "import_recbole",
    "rtr": "import_rtr",
    "sport_cloth": "import_sport_cloth",
    "table": "import_table",
}
"""Name of a source (and of its module here) and the importer in it."""


def source(name: str) -> Importer:
    """Importer of the source `name`; raises `UsageError` (`unknown_source`) naming the nearest."""
    if name not in SOURCES:
        raise UsageError(f"no source is called {name!r}", code="unknown_source", fix=nearest(name, SOURCES))
    module = importlib.import_module(f"{__package__}.{name}")
    return cast(Importer, getattr(module, SOURCES[name]))
