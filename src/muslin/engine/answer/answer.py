"""A question answered: who may be shown, the order, slots for new garments, probabilities, paths and reasons."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from muslin import scoring
from muslin.engine.answer.ask import Ask, asked
from muslin.engine.answer.choice import Choice, popular
from muslin.engine.answer.listing import Listing, listing
from muslin.engine.answer.reasons import Reason, reasons
from muslin.engine.assortment.state import Assortment
from muslin.engine.explore.explorer import Explorer
from muslin.engine.explore.slots import Shown, shown
from muslin.engine.filters import allowed
from muslin.engine.warming import Warmed
from muslin.method import says_chances
from muslin.types import Bools, Floats, Ints, Items, Users

DEPTH = 500
"""Garments that can be paged through."""


class NotFiniteError(Exception):
    """The model gave a score that is no number."""


@dataclass(frozen=True)
class Answered:
    """Garments in order, all that can be paged through; the first `n` are the answer and the rest is kept.

    `row`, `score`, `probability`, `path`, `explored`, `propensity` [L]. A propensity holds for the first `n` alone.
    """

    row: Ints
    score: Floats
    probability: Floats
    path: np.ndarray
    explored: Bools
    propensity: Floats
    n: int
    fallback: bool
    liked: Ints
    """Rows of what the shopper took, newest first as far as is known."""

    def part(self, start: int, stop: int) -> "Answered":
        """Garments `start` to `stop`."""
        cut = slice(start, stop)
        return replace(
            self,
            row=self.row[cut],
            score=self.score[cut],
            probability=self.probability[cut],
            path=self.path[cut],
            explored=self.explored[cut],
            propensity=self.propensity[cut],
        )


class Engine(NamedTuple):
    """What answers: the catalogue, what was learned, the scale of its scores, and what explores, if anything does."""

    state: Assortment
    warmed: Warmed
    choice: Choice
    explorer: Explorer | None


def answer(engine: Engine, ask: Ask, rng: np.random.Generator, now: int) -> Answered:
    """Answer to `ask`; empty where nothing meets its conditions. Raises `NotFiniteError`."""
    world = engine.state.model.world
    users = asked(world, engine.warmed.fitted.method, ask)
    found = listing(engine.warmed.fitted, world, users, may_be_shown(engine.state, ask), DEPTH)
    if not np.isfinite(found.score).all():
        raise NotFiniteError
    first = _first(engine, ask, found, rng, now)
    place = found.places(first.row)
    rest = np.ones(len(found.candidates), dtype=bool)
    rest[place] = False
    place = np.concatenate([place, found.best[rest[found.best]]])[:DEPTH]
    row, more = found.candidates[place], len(place) - len(first.row)
    return Answered(
        row,
        found.score[place],
        _probabilities(engine, users, found, place),
        _paths(engine, users, row),
        np.concatenate([first.explored, np.zeros(more, dtype=bool)]),
        np.concatenate([first.propensity, np.ones(more, dtype=np.float32)]),
        len(first.row),
        found.fallback,
        _liked(engine, ask, users),
    )


def may_be_shown(state: Assortment, ask: Ask) -> Bools:
    """[N] true for garments that are there and meet the conditions."""
    if ask.filters is None:
        return np.zeros(len(state), dtype=bool)
    dataset = state.model.world.dataset
    return np.asarray(allowed(ask.filters, dataset.items, dataset.schema, state.lookup) & ~state.hidden)


def explain(engine: Engine, part: Answered) -> list[tuple[Reason, ...]]:
    """Reasons for each garment of a part of an answer."""
    world = engine.state.model.world
    return reasons(world, part.row, part.liked, part.explored, fallback=part.fallback)


def _first(engine: Engine, ask: Ask, found: Listing, rng: np.random.Generator, now: int) -> Shown:
    best = found.rows()
    if not ask.explore or engine.explorer is None or not len(best):
        n = min(ask.n, len(best))
        return Shown(best[:n], np.zeros(n, dtype=bool), np.ones(n, dtype=np.float32))
    pool = engine.explorer.pool(engine.state, found, now)
    family = engine.state.model.world.catalogue.family[best]
    return shown(best, family, pool, ask.n, engine.explorer.plan, rng)


def _probabilities(engine: Engine, users: Users, found: Listing, places: Ints) -> Floats:
    """[L] as the method says it, where it can; else by the scale of its scores."""
    if found.fallback:
        return popular(engine.state.model.world.popularity[found.candidates], places)
    method, params = engine.warmed.fitted
    if says_chances(method) and len(places):
        items = Items(engine.state.model.world.catalogue, found.candidates[places])
        with torch.no_grad():
            score = torch.from_numpy(found.score[places])[None]
            return np.asarray(method.probabilities(params, users, items, score)[0].numpy(), dtype=np.float32)
    return engine.choice.probabilities(found.score, places) if len(places) else np.empty(0, dtype=np.float32)


def _paths(engine: Engine, users: Users, row: Ints) -> np.ndarray:
    """Paths [L]; a garment that learned from its first shoppers is warming, as a new shopper with events is."""
    catalogue = engine.state.model.world.catalogue
    kinds = Items(catalogue, np.array([0, catalogue.n_hot]))  # all that a path sees of a garment: trained, or not
    of_kind = scoring.paths(engine.warmed.fitted.method, users, kinds)[0]
    path = np.asarray(of_kind[(row >= catalogue.n_hot).astype(np.int64)])
    learned = engine.warmed.rows
    for place in [place for place, one in enumerate(row.tolist()) if one in learned] if learned else ():
        if path[place] == "cold":
            path[place] = "warming"
    return path


def _liked(engine: Engine, ask: Ask, users: Users) -> Ints:
    """Events since training, newest first, then what the shopper took before."""
    rows = engine.state.model.world.item_rows([event.item_id for event in ask.events])
    order = [*rows[rows >= 0].tolist(), *users.history.indices.tolist()]
    return np.array(list(dict.fromkeys(order)), dtype=np.int64)
