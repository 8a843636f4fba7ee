"""Factors of each domain by itself, and of all other domains together: what a bridge between domains stands on.

Nothing that was taken in one domain moves the factors of another: only a bridge says how they belong together. Beside
the factors an item has a column for its popularity, the root of its share of the domain's best seller, so that a
shopper's vector may hold how much that counts.

Source: implicit ALS, Hu, Koren and Volinsky 2008 (ICDM), equations 4 and 5; the map from content to factors of new
items, Gantner et al. 2010 (ICDM), section 4.2.
Differs: one factorisation for each domain and for its complement (of two domains each is the other's complement);
content is its main directions (`nets.content_map`), trained items weighted by the root of their shoppers.
"""

from dataclasses import dataclass, fields

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from muslin.nets import bridges, content, content_map
from muslin.nets.domains import View, shared, views, within
from muslin.nets.factorised import item_factors
from muslin.nets.factors import Confidence, gram, solved
from muslin.types import Csr, Features, Floats, Ints, Items, Params, TrainData

_DIRECTIONS = 192
"""Main directions of the sparse content."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How the factors are made: see `methods.emcdr.Config`."""

    factors: int
    iterations: int
    regularization: float
    alpha: float
    map_penalty: float

    @classmethod
    def of(cls, config: object) -> "Shape":
        """The fields of a method's config that have these names."""
        return cls(**{field.name: getattr(config, field.name) for field in fields(cls)})

    @property
    def confidence(self) -> Confidence:
        """Of an event."""
        return Confidence(alpha=self.alpha, penalty=self.regularization)


def fit(data: TrainData, shape: Shape, seed: int) -> Params:
    """Factors of G domains, N items, K dimensions.

    `item` [N, K + 1] of each item in its own domain, its popularity last; `gram` [G, K, K] of a domain's items;
    `other/g` [N - N_g, K] of the items outside domain g and `other_gram` [G, K, K]; `usual` [G, K + 1], the vector of a
    shopper of whom nothing is known; `main` [1] the domain of most events; `domain` [N] of the trained items. For new
    items `content_map` [G, R + E, K + 1] with `directions` [D, R] and `idf` [D].
    """
    pairs, catalogue = sp.csr_matrix(data.matrix().sign()), data.catalogue
    sides = views(catalogue.domain, len(catalogue.domains))
    made: dict[bytes, Tensor] = {}

    def factorised(rows: Ints) -> Tensor:
        if rows.tobytes() not in made:
            made[rows.tobytes()] = _factorised(pairs, rows, shape, seed)
        return made[rows.tobytes()]

    item = torch.zeros(len(catalogue), shape.factors + 1)
    others = [factorised(view.other) for view in sides]
    for view in sides:
        item[torch.from_numpy(view.own), :-1] = factorised(view.own)
        item[torch.from_numpy(view.own), -1] = torch.from_numpy(popularity(within(pairs, view.own)))
    params = {f"other/{view.code}": found for view, found in zip(sides, others, strict=True)}
    params |= {
        "item": item,
        "gram": torch.stack([gram(item[torch.from_numpy(view.own), :-1]) for view in sides]),
        "other_gram": torch.stack([gram(found) for found in others]),
        "domain": torch.from_numpy(catalogue.domain.copy()),
        "main": torch.tensor([int(np.argmax(np.bincount(catalogue.domain[pairs.indices])))]),
    }
    params["usual"] = torch.stack([_usual(params, view, pairs, shape) for view in sides])
    return params | _content(data, item, sides, shape, seed)


def popularity(taken: Csr) -> Floats:
    """[I] root of the shoppers of each column of `taken` [U, I], the most popular at 1."""
    counts = np.asarray(taken.getnnz(axis=0), dtype=np.float32)
    found: Floats = np.sqrt(counts / max(float(counts.max(initial=0)), 1.0))
    return found


def trained_views(params: Params) -> tuple[View, ...]:
    """Views of the domains that `fit` saw."""
    return views(params["domain"].numpy(), len(params["gram"]))


def own_vectors(params: Params, view: View, history: Csr, shape: Shape, prior: Tensor | None = None) -> Tensor:
    """Target vectors [U, K] float32 of shoppers by what they took in the domain: `prior` [U, K] (zeros) where nothing.

    `history` [U, N'] over catalogue rows; only trained items tell.
    """
    table = params["item"][torch.from_numpy(view.own), :-1]
    return _folded(table, params["gram"][view.code], within(history, view.own), shape, prior)


def other_vectors(params: Params, view: View, history: Csr, shape: Shape) -> Tensor:
    """Source vectors [U, K] float32 of shoppers by what they took outside the domain; zeros where nothing."""
    table, gram_KK = params[f"other/{view.code}"], params["other_gram"][view.code]
    return _folded(table, gram_KK, within(history, view.other), shape)


def both_sides(params: Params, view: View, pairs: Csr, shape: Shape) -> bridges.Both:
    """Shoppers of training `pairs` [M, N] who took something in the domain and something outside."""
    history = pairs[shared(pairs, view)]
    return bridges.Both(
        source=other_vectors(params, view, history, shape),
        target=own_vectors(params, view, history, shape),
        taken=within(history, view.own),
        table=params["item"][torch.from_numpy(view.own)],
        usual=float(params["usual"][view.code, -1]),
    )


def candidates(params: Params, items: Items) -> tuple[Tensor, Ints]:
    """Factors and popularity [I, K + 1] of candidates and the domain [I] of each.

    A new item has what the map makes of its content; one of a domain without any training event counts to `main`.
    """
    n, rows = len(params["item"]), items.rows
    domain = items.catalogue.domain[rows]
    domain = np.where(domain >= 0, domain, int(params["main"][0]))
    found = torch.zeros(len(rows), params["item"].shape[1])
    hot = rows < n
    found[torch.from_numpy(hot)] = params["item"][torch.from_numpy(rows[hot])]
    for code in np.unique(domain[~hot]):
        new = np.flatnonzero(~hot & (domain == code))
        seen = content_of(params, items.catalogue.features.take(rows[new]))
        found[torch.from_numpy(new)] = torch.from_numpy(seen) @ params["content_map"][int(code)]
    return found, domain


def _factorised(pairs: Csr, rows: Ints, shape: Shape, seed: int) -> Tensor:
    """[len(rows), K] of these columns, from the shoppers who took any of them."""
    own = within(pairs, rows)
    own = own[np.flatnonzero(np.diff(own.indptr))]
    if not own.nnz:
        return torch.zeros(len(rows), shape.factors)
    return item_factors(own, shape.confidence, factors=shape.factors, iterations=shape.iterations, seed=seed)


def _folded(table: Tensor, gram_KK: Tensor, taken: Csr, shape: Shape, prior: Tensor | None = None) -> Tensor:
    start = torch.zeros(taken.shape[0], table.shape[1]) if prior is None else prior
    return solved(table, gram_KK, taken, start, shape.confidence).float()


def _usual(params: Params, view: View, pairs: Csr, shape: Shape) -> Tensor:
    """[K + 1] no taste, and as much popularity as explains the domain's scores of its mean shopper best."""
    table = params["item"][torch.from_numpy(view.own)]
    taken = within(pairs, view.own)
    mean = own_vectors(params, view, pairs[np.flatnonzero(np.diff(taken.indptr))], shape).mean(dim=0)
    share = table[:, -1] @ (table[:, :-1] @ mean) / table[:, -1].square().sum().clamp(min=1e-12)
    return torch.cat([torch.zeros_like(mean), share.clamp(min=1e-6)[None]])


def _content(data: TrainData, item: Tensor, sides: tuple[View, ...], shape: Shape, seed: int) -> Params:
    """The map from content to factors and popularity of each domain."""
    features = data.catalogue.features
    idf = content.frequency_weights(features)
    basis = content_map.directions(content.unit(features, idf).matrix, _DIRECTIONS, seed)
    params = {"idf": idf, "directions": torch.from_numpy(basis)}
    seen, weight = content_of(params, features), np.sqrt(np.asarray(data.matrix().getnnz(axis=0), dtype=np.float32))
    maps = []
    for view in sides:
        own = weight[view.own, None]
        inverse = content_map.inverse(seen[view.own] * own, shape.map_penalty)
        maps.append(torch.from_numpy(inverse @ (own * item.numpy()[view.own])))
    return params | {"content_map": torch.stack(maps)}


def content_of(params: Params, features: Features) -> Floats:
    """Main directions and embeddings [rows, R + E]."""
    matrix = content.unit(features, params["idf"]).matrix
    dense = [np.zeros((matrix.shape[0], 0), dtype=np.float32), *(column.vectors for column in features.dense)]
    return content_map.seen(matrix, np.concatenate(dense, axis=1), params["directions"].numpy())
