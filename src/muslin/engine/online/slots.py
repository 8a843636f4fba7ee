"""What is kept of one garment and of one shopper: whole numbers, the same whatever the order of the events.

Bounded without looking at the order: of the (day, other) pairs of an entity the first, or the newest, few are kept. A
pair that belongs to those few in the end belonged to them ever since its first event, so nothing of it was ever lost.
"""

from hashlib import blake2b
from typing import Any

import msgspec

Body = dict[str, Any]


class Item(msgspec.Struct):
    """A garment.

    `kinds`: events of each type. `days`: weights (2^-24) of its counted events, by day. `told`: by (day, shopper), the
    largest weight; the first few.
    """

    kinds: dict[str, int] = {}
    days: dict[int, int] = {}
    told: dict[tuple[int, bytes], int] = {}

    def count(self, kind: str) -> None:
        """One more event of a type."""
        self.kinds[kind] = self.kinds.get(kind, 0) + 1

    def add(self, day: int, weight: int) -> None:
        """A counted event."""
        self.days[day] = self.days.get(day, 0) + weight

    def tell(self, day: int, shopper: bytes, weight: int, most: int) -> bool:
        """A shopper who liked it; whether anything changed."""
        return _keep(self.told, (day, shopper), weight, most, newest=False)

    def body(self) -> Body:
        """Everything, in one order."""
        return {
            "kinds": sorted(self.kinds.items()),
            "days": sorted(self.days.items()),
            "told": [(*pair, weight) for pair, weight in sorted(self.told.items())],
        }

    @classmethod
    def of(cls, body: Body) -> "Item":
        """The item whose `body` this is."""
        told = {(day, shopper): weight for day, shopper, weight in body["told"]}
        return cls(dict(body["kinds"]), dict(body["days"]), told)


class User(msgspec.Struct):
    """A shopper.

    `total`: weight of the counted events. `took`: by (day, garment) the largest weight; the newest few.
    """

    total: int = 0
    took: dict[tuple[int, str], int] = {}

    def take(self, day: int, item: str, weight: int, most: int) -> bool:
        """A garment the shopper liked; whether anything changed."""
        return _keep(self.took, (day, item), weight, most, newest=True)

    def body(self) -> Body:
        """Everything, in one order."""
        return {"total": self.total, "took": [(*pair, weight) for pair, weight in sorted(self.took.items())]}

    @classmethod
    def of(cls, body: Body) -> "User":
        """The user whose `body` this is."""
        return cls(body["total"], {(day, item): weight for day, item, weight in body["took"]})


def _keep(pairs: dict[Any, int], pair: Any, weight: int, most: int, *, newest: bool) -> bool:
    before = pairs.get(pair)
    if before is not None:
        pairs[pair] = max(before, weight)
        return weight > before
    if len(pairs) >= most:
        last = min(pairs) if newest else max(pairs)
        if pair < last if newest else pair > last:
            return False
        del pairs[last]
    pairs[pair] = weight
    return True


def packed(slot: Item | User) -> bytes:
    """The slot as bytes: equal for equal slots."""
    return msgspec.msgpack.encode(slot.body())


def unpacked(kind: str, content: bytes) -> Item | User:
    """The slot that was packed."""
    body = msgspec.msgpack.decode(content)
    return Item.of(body) if kind == "item" else User.of(body)


def digest(kind: str, key: bytes, content: bytes) -> int:
    """128 bits of a slot; the sum of all slots' is the hash of the state, whatever the order it is taken in."""
    found = blake2b(content, key=kind.encode() + b"\x00" + key[:56], digest_size=16)
    if len(key) > 56:
        found.update(key)
    return int.from_bytes(found.digest(), "little")
