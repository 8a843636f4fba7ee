"""The protocols by name: each hides something, asks about it, and judges methods by the answers."""

from collections.abc import Sequence

from muslin.errors import UsageError, nearest
from muslin.evaluate.exam import Protocol
from muslin.evaluate.protocols import both_cold, by_time, cross_domain, item_cold, k_shot, mixed, user_cold, warm

PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        item_cold.PROTOCOL,
        user_cold.PROTOCOL,
        both_cold.PROTOCOL,
        k_shot.PROTOCOL,
        *cross_domain.PROTOCOLS,
        warm.PROTOCOL,
        by_time.PROTOCOL,
        mixed.PROTOCOL,
    )
}

DEFAULTS = ("item-cold", "user-cold", "warm")
"""What is judged unless told otherwise."""


def protocol(name: str) -> Protocol:
    """The protocol called `name`; raises `UsageError` (`unknown_protocol`) naming the nearest."""
    if name not in PROTOCOLS:
        raise UsageError(
            f"no protocol is called {name!r}", code="unknown_protocol", where="--protocol", fix=nearest(name, PROTOCOLS)
        )
    return PROTOCOLS[name]


def check_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """`ks` sorted, once each; raises `UsageError` (`bad_k`) for none or a negative one."""
    if not ks or min(ks) < 0:
        raise UsageError(
            f"k must be one or more numbers from 0 up, got {list(ks)}",
            code="bad_k",
            where="--k",
            fix="say for example --k 0,1,3",
        )
    return tuple(sorted(set(ks)))
