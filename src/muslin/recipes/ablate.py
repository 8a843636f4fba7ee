"""What each kind of feature, and each feature, is worth for garments and shoppers nobody knows."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from muslin.data.dataset import Dataset
from muslin.data.schema import Schema
from muslin.errors import UsageError
from muslin.evaluate.contrast import Contrast, contrast
from muslin.evaluate.exam import Terms
from muslin.features.embed import refuse_taught
from muslin.features.space import World
from muslin.method import Fitted
from muslin.recipes.blind import Hidden
from muslin.recipes.fit import DEFAULT_METHOD, Recipe, fit_world

ALL = "all features"
PROFILE = "profile"
"""Step of `ladder` that adds what is known of shoppers."""


def ladder(
    dataset: Dataset,
    *,
    method: str = DEFAULT_METHOD,
    protocols: Sequence[str] = ("item-cold", "user-cold"),
    terms: Sequence[Terms] = (Terms(0), Terms(1), Terms(2)),
    cache: Path | None = None,
) -> Contrast:
    """`method` on attributes alone, then with one kind more at a time; each step less the one before.

    Kinds, as far as there are any: attributes, text, image, own vectors, profile (what is known of shoppers; the first
    steps know none). Raises as `worth` does.
    """
    steps = kinds(dataset.schema)
    names = list(steps)
    hidden = {
        name: Hidden(
            items=frozenset(c for later in names[place + 1 :] for c in steps[later] if later != PROFILE),
            profile=frozenset() if name == PROFILE else frozenset(dataset.schema.users.columns()),
        )
        for place, name in enumerate(names)
    }
    pairs = list(zip(names[1:], names[:-1], strict=True))
    return _compared(dataset, method, hidden, pairs, protocols, terms, cache)


def alone(
    dataset: Dataset,
    *,
    method: str = DEFAULT_METHOD,
    terms: Sequence[Terms] = (Terms(0), Terms(1), Terms(2)),
    cache: Path | None = None,
) -> Contrast:
    """`method` on each kind of item columns by itself, asked of new garments; each less the last kind.

    Raises as `worth` does.
    """
    found = {name: columns for name, columns in kinds(dataset.schema).items() if name != PROFILE}
    every = frozenset[str]().union(*found.values())
    relative = frozenset({f"{dataset.schema.items.price}, relative"})
    profile = frozenset(dataset.schema.users.columns())
    hidden = {
        name: Hidden(items=(every - columns) | (frozenset() if name == "attributes" else relative), profile=profile)
        for name, columns in found.items()
    }
    *others, last = found
    return _compared(dataset, method, hidden, [(name, last) for name in others], ("item-cold",), terms, cache)


def worth(
    dataset: Dataset,
    *,
    method: str = DEFAULT_METHOD,
    terms: Sequence[Terms] = (Terms(0), Terms(1), Terms(2)),
    cache: Path | None = None,
) -> Contrast:
    """`method` with all features, named `ALL`, less the method without one of the item columns, for each of them.

    Asked of new garments (`item-cold`); a positive difference is what the column is worth there beside all others.
    Raises `UsageError` (`no_features`) for a catalogue that describes nothing, and as `evaluate.run.evaluate` does.
    """
    columns = dataset.schema.items.columns()
    if not columns:
        fix = "name the columns that describe garments in dataset.toml"
        raise UsageError("no column describes the garments", code="no_features", where="items", fix=fix)
    hidden = {name: Hidden(items=made_of(dataset.schema, name)) for name in columns}
    hidden = {ALL: Hidden(), **hidden}
    return _compared(dataset, method, hidden, [(ALL, name) for name in columns], ("item-cold",), terms, cache)


def made_of(schema: Schema, name: str) -> frozenset[str]:
    """The item column `name` and the features made of it: vectors of its words, prices relative to or within it."""
    roles = schema.items
    read = {column for column, origin in schema.encoded.items() if origin.text == name}
    relative = {f"{roles.price}, relative"} if name == roles.price or name in roles.category else set()
    return frozenset({name} | read | relative)


def kinds(schema: Schema) -> dict[str, frozenset[str]]:
    """Item columns by kind, those of shoppers under `profile`; only kinds that have any, attributes always."""
    roles = schema.items
    read = {name: origin for name, origin in schema.encoded.items() if name in roles.vector}
    text = {*roles.text, *(name for name, origin in read.items() if origin.text is not None)}
    image = {name for name, origin in read.items() if origin.text is None}
    own = set(roles.vector) - set(read)
    found = {
        "text": frozenset(text),
        "image": frozenset(image),
        "own vectors": frozenset(own),
        PROFILE: frozenset(schema.users.columns()),
    }
    attributes = frozenset(roles.columns()) - text - image - own
    return {"attributes": attributes, **{name: columns for name, columns in found.items() if columns}}


def _compared(
    dataset: Dataset,
    method: str,
    hidden: Mapping[str, Hidden],
    pairs: Sequence[tuple[str, str]],
    protocols: Sequence[str],
    terms: Sequence[Terms],
    cache: Path | None,
) -> Contrast:
    refuse_taught(dataset)
    recipe = {name: Recipe(method=method, hidden=what) for name, what in hidden.items()}

    def fit(name: str, world: World, seed: int) -> Fitted:
        return fit_world(recipe[name], world, seed)

    forms = repr([(name, sorted(h.items), sorted(h.profile)) for name, h in hidden.items()])
    place = cache / hashlib.sha256(f"{method} {forms}".encode()).hexdigest()[:16] if cache else None
    return contrast(dataset, dict.fromkeys(hidden, fit), pairs, protocols=protocols, terms=terms, cache=place)
