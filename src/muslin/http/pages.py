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
    """A list, and which opening of a model made it (`Served.opened`): its rows are rows of that shop."""

    opened: str
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

    def find(self, cursor: str, opened: str) -> tuple[Place, Answered]:
        """Where to go on, and in what.

        Raises `ProblemError`: `bad_cursor` for one that we did not make, `stale_cursor` for a list that is no longer
        kept, or was made before the model was switched, were it back by now.
        """
        place = self._cursors.read(cursor, Place, "/cursor")
        with self._lock:
            begun = self._lists.get(place.recommendation_id)
            if begun is None or begun.opened != opened:
                raise ProblemError("stale_cursor", "/cursor")
            self._lists.move_to_end(place.recommendation_id)
        return place, begun.list
