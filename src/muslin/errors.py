"""Errors a user can act on: each says what is wrong, where, and how to mend it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class MuslinError(Exception):
    """Base of every error Muslin raises on purpose.

    `code` is stable and machine readable (`missing_column`), `where` names the file, line, column or field,
    `fix` tells the reader what to do. `exit_status` is what the command returns.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str, where: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        mend = f"\n  fix: {self.fix}" if self.fix else ""
        return f"{place}{self.message} [{self.code}]{mend}"


class UsageError(MuslinError):
    """The caller asked for something that does not exist or makes no sense."""

    exit_status = 2


class DataError(MuslinError):
    """The data cannot be used as given."""

    exit_status = 3


class ModelError(MuslinError):
    """A stored model is damaged, foreign or too new."""

    exit_status = 4


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence naming the closest known name, or all of them when nothing is close."""
    options = sorted(set(known))
    close = get_close_matches(name, options, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = ", ".join(options[:20]) + (", …" if len(options) > 20 else "")
    return f"choose one of: {shown}" if options else "there are none to choose from"
