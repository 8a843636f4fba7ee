"""Ctrl-C that waits for the step in hand, so that what is saved is never half a step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupt:
    """True once Ctrl-C was pressed; a second press interrupts at once."""

    def __init__(self) -> None:
        self._pressed = False

    def __bool__(self) -> bool:
        return self._pressed

    def press(self, signum: int, frame: FrameType | None) -> None:
        """Signal handler."""
        if self._pressed:
            signal.default_int_handler(signum, frame)
        self._pressed = True


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Collect SIGINT instead of raising it, in the main thread; elsewhere Python delivers none to collect."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = signal.signal(signal.SIGINT, interrupt.press)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
