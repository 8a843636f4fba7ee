"""What is really so in a planted world, stored beside its data: the ceiling for every method.

Shape letters: M shoppers, N items, U and I those asked for, K latent dimensions.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from muslin.data.sources.boutique.choice import LOG_WEIGHTS, Small, blocks, cells, operand
from muslin.data.sources.boutique.config import BoutiqueConfig
from muslin.data.sources.boutique.words import DEPARTMENTS
from muslin.errors import DataError
from muslin.types import Floats, Ints

FILE = "truth.safetensors"


@dataclass(frozen=True)
class Truth:
    """The distribution events were drawn from.

    `user_ids` [M] and `item_ids` [N] name the rows. `taste` [M, 2, K] (accessories, apparel) and `vectors` [N, K] are
    in 1/32, `base` [N] in 1/1024 nats, `domain` [N] indexes the second axis of `taste`. `totals` [M, 2]: sum of a
    shopper's choice weights in a domain. `shares` [M, 2]: chance that an event of the shopper is in a domain.
    `arrival` [N]: day from the start of the log on which the item came, negative if it was there before.
    """

    user_ids: Sequence[str]
    item_ids: Sequence[str]
    taste: Small
    vectors: Small
    base: NDArray[np.int32]
    domain: Ints
    totals: Ints
    shares: NDArray[np.float64]
    arrival: Ints

    def scores(self, user_ids: Sequence[str], item_ids: Sequence[str]) -> Floats:
        """Log of P(next event of the shopper is on the item) [U, I]; exp sums to 1 over the whole catalogue.

        Exactly the weights that were sampled from, popularity and exposure included, so in expectation no ranking
        places the next event higher, within a domain or across both. (With several relevant items at once, NDCG's
        normaliser makes this the optimum only very nearly.) The moment of the event is averaged out over the whole log:
        of events known to fall in a part of it, as after a cut in time, this is not quite the optimum. An item that
        arrives late scores lower, as it had less time to be found.
        Raises `DataError` (`unknown_id`) for ids that are not of this world.
        """
        users, items = _rows(self._user_row, user_ids, "user_id"), _rows(self._item_row, item_ids, "item_id")
        out = np.empty((len(users), len(items)), dtype=np.float32)
        for domain in range(len(DEPARTMENTS)):
            columns = np.flatnonzero(self.domain[items] == domain)
            rows = items[columns]
            right = operand(self.vectors[rows], self.base[rows])
            offset = np.log(self.shares[users, domain]) - np.log(self.totals[users, domain])
            for span in blocks(len(users), len(rows)):
                logs = LOG_WEIGHTS.take(cells(self.taste[users[span], domain], right)) + offset[span, None]
                out[span, columns] = logs.astype(np.float32)
        return out

    @cached_property
    def _user_row(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.user_ids)}

    @cached_property
    def _item_row(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.item_ids)}


def save_truth(truth: Truth, config: BoutiqueConfig, seed: int, root: Path) -> None:
    """Write `truth.safetensors` into `root`; the config and seed that made it are in its header."""
    tensors: dict[str, NDArray[Any]] = {
        "user_ids": _bytes_of(truth.user_ids),
        "item_ids": _bytes_of(truth.item_ids),
        "taste": truth.taste,
        "vectors": truth.vectors,
        "base": truth.base,
        "domain": truth.domain.astype(np.int8),
        "totals": truth.totals,
        "shares": truth.shares,
        "arrival": truth.arrival.astype(np.int32),
    }
    # One key only: safetensors keeps several in no particular order, and equal worlds must be equal bytes.
    header = json.dumps({"seed": seed, "config": asdict(config)}, sort_keys=True)
    (root / FILE).write_bytes(save(tensors, metadata={"boutique": header}))


def load_truth(root: Path) -> Truth | None:
    """The truth of the dataset at `root`, None where it carries none.

    Raises `DataError` (`bad_truth`) when the file is damaged or not a boutique's.
    """
    path = Path(root) / FILE
    if not path.is_file():
        return None
    try:
        read = load_file(path)
        return Truth(
            user_ids=_strings(read["user_ids"]),
            item_ids=_strings(read["item_ids"]),
            taste=read["taste"],
            vectors=read["vectors"],
            base=read["base"],
            domain=read["domain"].astype(np.int64),
            totals=read["totals"],
            shares=read["shares"],
            arrival=read["arrival"].astype(np.int64),
        )
    except (SafetensorError, KeyError, ValueError) as error:
        fix = "make the boutique again, or remove the file to go without an oracle"
        raise DataError(f"the truth cannot be read: {error}", code="bad_truth", where=str(path), fix=fix) from None


def _rows(known: dict[str, int], ids: Sequence[str], where: str) -> Ints:
    rows = np.fromiter((known.get(name, -1) for name in ids), dtype=np.int64, count=len(ids))
    if (rows < 0).any():
        name = ids[int(np.argmin(rows))]
        fix = "ask with ids of the boutique the truth was made with"
        raise DataError(f"{name!r} is not of this world", code="unknown_id", where=where, fix=fix)
    return rows


def _bytes_of(names: Sequence[str]) -> NDArray[np.uint8]:
    """ASCII ids as a matrix, padded with zero bytes: safetensors knows no strings."""
    packed = np.array([name.encode("ascii") for name in names])
    return np.ascontiguousarray(packed).view(np.uint8).reshape(len(names), -1)


def _strings(matrix: NDArray[np.uint8]) -> list[str]:
    packed = np.ascontiguousarray(matrix).view(f"S{matrix.shape[1]}").ravel()
    return [name.decode("ascii") for name in packed.tolist()]
