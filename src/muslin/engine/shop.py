"""A model at work: its catalogue as it is now, what it learned since, and the one who changes things at a time.

Readers take `engine()` once and use it to the end. Whoever changes the catalogue holds the lock, writes the change
down where there is a place for it, and then puts the new catalogue in place of the old: what is acknowledged is on the
disk and in the next answer.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import numpy as np

from muslin import scoring
from muslin.engine.answer.answer import Engine
from muslin.engine.answer.choice import Choice, fit_choice
from muslin.engine.assortment.change import Changed, Stock, hide, hide_all, patch, put, restock, take
from muslin.engine.assortment.documents import document, restored
from muslin.engine.assortment.outcome import Outcome
from muslin.engine.assortment.rows import Row
from muslin.engine.assortment.sift import Sifted
from muslin.engine.assortment.state import Assortment
from muslin.engine.explore.explorer import Explorer
from muslin.engine.model import Model
from muslin.engine.online import stored
from muslin.engine.warming import First, Warming
from muslin.types import Items


class Keeper(First, Protocol):
    """Where changes are kept; `Online` is one."""

    def put_items(self, rows: Sequence[stored.Put], known: Iterable[str] | None = None) -> stored.Stored:
        """Keep rows, and say which garments there are then; the call returns when all is on the disk, or nothing."""
        ...

    def items(self) -> list[stored.Row]:
        """All rows kept."""
        ...

    def know(self, items: Iterable[str]) -> int:
        """Say which garments there are."""
        ...


class Done(NamedTuple):
    """What became of a change, and the number it has in the log (0 where there is none)."""

    outcome: Outcome
    seq: int
    items: tuple[str, ...]


class Shop:
    """See the module."""

    def __init__(
        self,
        model: Model,
        keeper: Keeper | None = None,
        explorer: Explorer | None = None,
        *,
        choice: Choice | None = None,
        before: "Shop | None" = None,
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """A shop with all that `keeper` kept, or else with what changed in the shop `before` this one.

        `failed` hears of errors of the model while it takes first events in; without it they are raised.
        """
        self._keeper = keeper
        rows = keeper.items() if keeper is not None else []
        self._at = max((row.updated_at for row in rows), default=0)
        documents = [row.body for row in rows if row.body is not None]
        if keeper is None and before is not None:
            documents = before.documents()
        found = restored(model, documents)
        self.lost = found.lost
        """Garments whose rows this model cannot take."""
        self.state: Assortment = found.state
        self.explorer = explorer
        self._choice = choice or fit_choice(model.fitted, model.world)
        self._warming = Warming(model.fitted, keeper, failed)
        self._lock = threading.Lock()
        self._changed = dict.fromkeys(str(document["item_id"]) for document in documents)
        if keeper is not None:  # only now: a shop that could not be made leaves the state as it was
            keeper.know(found.state.model.world.catalogue.ids.tolist())
        self._warming.warmed(found.state.model.world)  # all that was ever told, before an answer would have to wait

    def documents(self) -> list[dict[str, Any]]:
        """What was said of garments since training."""
        with self._lock:
            return [document(self.state, item) for item in self._changed if item not in self.lost]

    def engine(self) -> Engine:
        """What answers now."""
        state = self.state
        return Engine(state, self._warming.warmed(state.model.world), self._choice, self.explorer)

    def put(self, rows: Sequence[Row], now: int) -> Done:
        """See `change.put`."""
        return self._change(lambda state: put(state, rows, now), now)

    def take(self, found: Sifted, now: int) -> Done:
        """See `change.take`."""
        return self._change(lambda state: take(state, found, now), now)

    def patch(self, item: str, changes: Row, now: int) -> Done | None:
        """See `change.patch`."""
        return self._maybe(lambda state: patch(state, item, changes, now), now)

    def hide(self, item: str, now: int) -> Done | None:
        """See `change.hide`."""
        return self._maybe(lambda state: hide(state, item, now), now)

    def hide_all(self, items: Sequence[str], now: int) -> Done:
        """See `change.hide_all`."""
        return self._change(lambda state: hide_all(state, items, now), now)

    def restock(self, counts: Sequence[Stock], now: int) -> Done:
        """See `change.restock`."""
        return self._change(lambda state: restock(state, counts), now)

    def _prepare(self, state: Assortment) -> None:
        """What is kept of a catalogue (`features.kept`) is made here, before an answer has to wait for it."""
        world, fitted = state.model.world, self._warming.now.fitted
        if world.catalogue is self.state.model.world.catalogue or not len(world.shoppers):
            return
        users = world.users(world.shoppers.ids[:1].tolist(), None, fitted.method.evidence)
        ends = np.array([0, len(world.catalogue) - 1], dtype=np.int64)
        with suppress(Exception):  # who fails here fails in an answer, where popularity stands in
            scoring.score(*fitted, world.popularity, users, Items(world.catalogue, ends))

    def _maybe(self, work: Callable[[Assortment], Changed | None], now: int) -> Done | None:
        with self._lock:
            changed = work(self.state)
            return None if changed is None else self._kept(changed, now)

    def _change(self, work: Callable[[Assortment], Changed], now: int) -> Done:
        with self._lock:
            return self._kept(work(self.state), now)

    def _kept(self, changed: Changed, now: int) -> Done:
        """The change, written down and in force; one that cannot be written down changes nothing."""
        seq = 0
        if changed.items and self._keeper is not None:
            at = max(now, self._at + 1)  # the newest word about a row is the last one, whatever the clock does
            rows = [stored.Put(item, at, document(changed.state, item)) for item in changed.items]
            joined = len(changed.state) > len(self.state)
            known = changed.state.model.world.catalogue.ids.tolist() if joined else None
            seq = self._keeper.put_items(rows, known).seq
            self._at = at
        self._prepare(changed.state)
        self.state = changed.state
        self._changed.update(dict.fromkeys(changed.items))
        return Done(changed.outcome, seq, changed.items)
