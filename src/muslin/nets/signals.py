"""What says how much a shopper wants an item, one number a source, and the weights that make one logit of them.

For new and known items alike: likeness to what the shopper took, what EASE expects, what others took together with it,
what EASE would expect of such content, the learned taste, and what the content promises to sell; of known items also
what they sold. Each is in standard deviations over a fixed sample of trained items, so that weights mean the same for
every shopper. The weights change with the length of the history: of a shopper who took one thing, what sells says more
than one likeness.

Source: a conditional logit over candidates (McFadden 1974) of standardised scores, as in stacking (Wolpert 1992) of
level-one models on data they did not see. Differs: the level-two data are garments whose families were left out whole
(`nets.rehearsal`), so that weights are those of new garments; weights are linear in 1 / (1 + length of the history).
"""

from collections.abc import Iterator

import numpy as np
import torch

from muslin.features.kept import once
from muslin.nets import mapped, prior, tower
from muslin.nets.pooling import held, of_cosines
from muslin.nets.rows import row_means
from muslin.nets.sparse import sparse_product
from muslin.types import Features, Floats, Ints, Items, Params, TrainData, Users

NAMES = ("alike", "expected", "together", "mapped", "taste", "promise", "sold")
"""The signals, in the order of the weights."""
MAP = mapped.Shape()
"""How the map to EASE's columns is made."""
KNOWN, NEW, WARMING = 0, 1, 2
"""Kinds of items."""
START = (0.4, 0.2, 0.2, 0.2, 0.6, 0.2, 0.2)
"""Weights before anything is learned, of new and known items alike, whatever the history."""


def sold(data: TrainData) -> torch.Tensor:
    """[N] log(1 + shoppers) of the trained items, in standard deviations from its mean."""
    count = np.log1p(np.asarray(data.matrix().getnnz(axis=0), dtype=np.float64))
    return torch.from_numpy(((count - count.mean()) / (count.std() or 1.0)).astype(np.float32))


def each(params: Params, users: Users, items: Items, shape: prior.Shape) -> Iterator[Floats]:
    """The signals [U, I] one after the other, as `NAMES` says."""
    known = prior.known(params, users, items)
    for likeness in prior.likenesses(params, users, items, shape, known):
        assert likeness is not None  # `knn/...` is among the parameters of whoever mixes signals
        yield likeness
    features, rows = items.catalogue.features, (items.rows, params["sample"].numpy())
    image = mapped.image(params, *known, MAP, features)
    yield prior.in_units(*mapped.expected(params, image, features, *rows))
    yield prior.in_units(*_taste(params, users, features, *rows))
    used = [params[name] for name in ("sample", "sold", "bias", "idf")]
    for alike in once(features, "signals", used, lambda: _for_everybody(params, features)):
        yield np.broadcast_to(alike[items.rows], (len(users), len(items)))


def _for_everybody(params: Params, features: Features) -> tuple[Floats, Floats]:
    """What is `promise`d of each garment [N] of a catalogue, and what it `sold`."""
    _, bias = tower.of_catalogue(params, features)
    usual = bias[params["sample"]]
    promise = (bias - usual.mean()) / (float(usual.std(correction=0)) or 1.0)
    sold = np.zeros(len(bias), dtype=np.float32)
    sold[: prior.trained(params)] = params["sold"].numpy()
    return promise.numpy(), sold


def mixed(params: Params, users: Users, items: Items, shape: prior.Shape) -> Floats:
    """Logits [U, I]: the signals by the `mix` of known items or of others, see `start`.

    First events change nothing here: they teach `nets.process`. Weights of warming garments of their own, learned from
    the few that sold enough to ask about, were worse than those of new ones at every k.
    """
    kind = np.minimum(kinds(params, items), NEW)
    base, short = params["mix"].numpy().transpose(1, 2, 0)
    if len(users) == 1:
        signals = np.concatenate(list(each(params, users, items, shape)))
        known, new = (base + lengths(users) * short).T @ signals
        return np.asarray(np.where(kind == NEW, new, known)[None])
    logits = np.zeros((len(users), len(items)), dtype=np.float32)
    for signal, always, more in zip(each(params, users, items, shape), base, short, strict=True):
        weight = always[None, :] + lengths(users)[:, None] * more[None, :]
        logits += weight[:, kind] * signal
    return logits


def lengths(users: Users) -> Floats:
    """[U] 1 / (1 + items in the history)."""
    known: Floats = (1 / (1 + np.diff(users.history.indptr))).astype(np.float32)
    return known


def kinds(params: Params, items: Items) -> Ints:
    """[I] what is known of each item: `KNOWN` from training, `NEW`, or `WARMING` where adaptation was told of it."""
    kind = (items.rows >= prior.trained(params)).astype(np.int64)
    if "adapted/rows" in params:
        kind[np.isin(items.rows, params["adapted/rows"].numpy())] = WARMING
    return kind


def start() -> torch.Tensor:
    """`mix` [2, 2, C] before anything is learned, of known items and of others: whatever the history, per `lengths`."""
    weights = torch.zeros(2, 2, len(NAMES))
    weights[:, 0] = torch.tensor(START)
    return weights


def _taste(params: Params, users: Users, features: Features, *rows: Ints) -> Iterator[Floats]:
    """[U, rows] of each of `rows`."""
    used, history = held(row_means(users.history))
    vectors, sharpness = tower.of_catalogue(params, features)[0], params["log_sharpness"].exp()
    asked = torch.cat([vectors[torch.from_numpy(used)], sparse_product(users.features, params["profile"])])
    for found in tower.products(params, features, asked, *rows):
        yield (of_cosines(sharpness, history, found[: len(used)]) + found[len(used) :]).numpy()
