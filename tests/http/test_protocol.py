"""What is written in one turn of the event loop leaves together, and nothing of it is lost when the connection ends."""

import asyncio
from typing import Any

import pytest

from muslin.http.protocol import _Lingering


class Wire:
    """A transport that keeps what was done with it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


class Speaker:
    """As much of a protocol as its transport needs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop


async def written(*steps: tuple[Any, ...]) -> list[bytes | str]:
    wire = Wire()
    speaker: Any = Speaker(asyncio.get_running_loop())
    lingering = _Lingering(speaker, wire)
    for name, *given in steps:
        if name == "turn":
            await asyncio.sleep(0)
        else:
            getattr(lingering, name)(*given)
    await asyncio.sleep(0)
    return wire.done


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("write", b"head"), ("write", b"body")], [b"headbody"]),
        ([("write", b"head"), ("turn",), ("write", b"body")], [b"head", b"body"]),
        ([("write", b"head"), ("write", b"body"), ("close_now",)], [b"headbody", "closed"]),
        ([("write", b"head"), ("write_eof",), ("turn",), ("close_now",)], [b"head", "eof", "closed"]),
        ([("close_now",), ("write", b"late")], ["closed"]),
    ],
)
def test_writes_of_a_turn_leave_together_and_before_the_end(steps, expected) -> None:
    assert asyncio.run(written(*steps)) == expected
