"""Lists that were begun, kept so that their next pages go on where they stopped, whatever happens meanwhile."""

import threading
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from muslin.engine.answer.answer import Answered
from muslin.http.cursors import Cursors
from muslin.http.problems import ProblemError

MOST = 2000
"""Lists kept; the least recently used go first."""


class Place(msgspec.Struct, frozen=True):
    """A place in a list: which, and how far it was read."""

    recommendation_id: str
    start: int


class Begun(NamedTuple):
    """A list, and the version of the model that made it."""

    version: str
    list: Answered


class Pages:
    """May be used from any thread."""

    def __init__(self) -> None:
        self._lists: OrderedDict[str, Begun] = OrderedDict()
        self._cursors = Cursors("recommendations")
        self._lock = threading.Lock()

    def begin(self, name: str, begun: Begun) -> None:
        """Keep a list."""
        with self._lock:
            self._lists[name] = begun
            while len(self._lists) > MOST:
                self._lists.popitem(last=False)

    def cursor(self, name: str, start: int) -> str:
        """Cursor of the garments from `start` on."""
        return self._cursors.make(Place(name, start))

    def find(self, cursor: str, version: str) -> tuple[Place, Answered]:
        """Where to go on, and in what.

        Raises `ProblemError`: `bad_cursor` for one that we did not make, `stale_cursor` for a list that is no longer
        kept or was made by another model.
        """
        place = self._cursors.read(cursor, Place, "/cursor")
        with self._lock:
            begun = self._lists.get(place.recommendation_id)
            if begun is None or begun.version != version:
                raise ProblemError("stale_cursor", "/cursor")
            self._lists.move_to_end(place.recommendation_id)
        return place, begun.list
