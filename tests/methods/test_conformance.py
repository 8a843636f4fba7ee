"""Every method against the shipped suite; a method without a row here fails the build."""

from dataclasses import dataclass, fields

import numpy as np
import pytest

from muslin import registry
from muslin.data.splits import Split, item_cold, user_cold, warm
from muslin.features.space import encode
from muslin.recipes.fit import Recipe, fit_world
from muslin.scoring import score
from muslin.testing.method_suite import CHECKS
from muslin.testing.worlds import tiny_shop


@dataclass(frozen=True)
class Row:
    """What a method can do: cuts on which it must rank the asked items above the middle of the list."""

    learns: tuple[str, ...]


ROWS = {
    "random": Row(()),
    "popularity": Row(("warm",)),
    "popularity_category": Row(("warm",)),
    "popularity_recent": Row(("warm",)),
    "popularity_segment": Row(("warm", "user_cold")),
    "content_knn": Row(("warm", "item_cold", "user_cold")),
    "content_blend": Row(("warm", "item_cold", "user_cold")),
    "muslin": Row(("warm", "item_cold", "user_cold")),
    "two_tower": Row(("warm", "item_cold", "user_cold")),
    "dropoutnet": Row(("warm", "item_cold", "user_cold")),
    "vbpr": Row(("warm", "item_cold", "user_cold")),
    "clcrec": Row(("warm", "item_cold", "user_cold")),
    "item_knn": Row(("warm", "item_cold", "user_cold")),
    "ease": Row(("warm", "item_cold", "user_cold")),
    "ease_content": Row(("warm", "item_cold", "user_cold")),
    "feature_ials": Row(("warm", "item_cold", "user_cold")),
    "prior_knn": Row(("warm", "item_cold", "user_cold")),
    "gp_residual": Row(("warm", "item_cold", "user_cold")),
    "ials": Row(("warm", "item_cold", "user_cold")),
    "emcdr": Row(("warm", "item_cold", "user_cold")),
    "maml": Row(("warm", "item_cold", "user_cold")),
    "fomaml": Row(("item_cold",)),
    "anil": Row(("item_cold",)),
    "reptile": Row(("item_cold",)),
    "meta_sgd": Row(("item_cold",)),
    "maml_pp": Row(("item_cold",)),
    "melu": Row(("item_cold",)),
    "meta_embedding": Row(("warm", "item_cold", "user_cold")),
    "posterior": Row(("warm", "item_cold", "user_cold")),
    "ptupcdr": Row(("warm", "item_cold", "user_cold")),
    "source_posterior": Row(("warm", "item_cold", "user_cold")),
}
CUTS = {
    "warm": lambda shop: warm(shop, 0),
    "item_cold": lambda shop: item_cold(shop, 0, share=0.2, warm_share=0.0),
    "user_cold": lambda shop: user_cold(shop, 0, k=3),
}


def test_every_method_has_a_row() -> None:
    assert set(ROWS) == set(registry.names())


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", registry.names())
def test_contract(name, check) -> None:
    check(registry.build(name))


@pytest.mark.parametrize("name", registry.names())
def test_every_method_says_where_it_comes_from(name) -> None:
    entry = registry.entry(name)
    assert entry.summary.endswith(".") or ":" in entry.summary
    assert entry.source
    assert entry.differs
    assert entry.config.__dataclass_params__.frozen
    assert all(f.default is not None for f in fields(entry.config))


@pytest.mark.parametrize(("name", "cut"), [(n, c) for n, row in ROWS.items() for c in row.learns])
def test_asked_items_rank_high(name, cut) -> None:
    assert mean_percentile(name, CUTS[cut](tiny_shop())) < 0.45


@pytest.mark.parametrize("cut", CUTS)
def test_random_ranks_in_the_middle(cut) -> None:
    assert 0.45 < mean_percentile("random", CUTS[cut](tiny_shop())) < 0.55


def mean_percentile(name: str, split: Split) -> float:
    """Mean place of the asked items in their shopper's list, 0 best, 1 worst, ties in the middle."""
    world = encode(split.train)
    fitted = fit_world(Recipe(method=name), world, 0)
    ids = split.query["user_id"].unique().sort().to_list()
    candidates = sorted(split.cold_items) or world.catalogue.ids[: world.catalogue.n_hot].tolist()
    users, items = world.users(ids, split.support, fitted.method.evidence), world.items(candidates)
    scores = score(fitted.method, fitted.params, world.popularity, users, items).scores.numpy().copy()
    scores[users.history[:, items.rows].toarray() > 0] = -np.inf
    place = {item: column for column, item in enumerate(candidates)}
    row = {user: r for r, user in enumerate(ids)}
    found = []
    for user, item in split.query.iter_rows():
        if item in place:
            own = scores[row[user], place[item]]
            others = scores[row[user]]
            found.append((np.sum(others > own) + 0.5 * np.sum(others == own)) / np.isfinite(others).sum())
    return float(np.mean(found))
