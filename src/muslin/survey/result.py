"""What a survey found, and the ways to show it. Shares are from 0 to 1."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console


@dataclass(frozen=True)
class Common:
    """A value and the share of the rows that have any value which have this one."""

    value: str
    share: float


@dataclass(frozen=True)
class Part:
    """A domain's rows, and the share of them with a value."""

    domain: str
    rows: int
    coverage: float


@dataclass(frozen=True)
class Column:
    """One described column.

    `coverage`: share of rows with a value. `distinct`: different values, of which the share `once` is met once only;
    None where values are not compared (vectors). `quantiles`: least, quarter, median, three quarters, greatest; of a
    number, of a date as text, or None. `lengths`: the same of the characters of a text, of which the share `han` is
    Chinese. `width`: numbers in a vector. `parts`: the largest domains, where there are several.
    """

    name: str
    kind: str
    coverage: float
    distinct: int | None = None
    once: float | None = None
    common: tuple[Common, ...] = ()
    quantiles: tuple[float, ...] | tuple[str, ...] | None = None
    lengths: tuple[float, ...] | None = None
    han: float | None = None
    width: int | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Unseen:
    """What a column says of cold garments that training never met.

    `train_coverage`, `cold_coverage`: share of garments with a value. Of the cold ones with a value, `unseen`: share of
    which nothing was met in training; `partly`: share of which at least one of several values, or of the words, was
    not. A number or date counts as unseen outside the range met. `examples`: the most common of the `new_values`
    values or words never met; None for numbers and dates.
    """

    name: str
    kind: str
    train_coverage: float
    cold_coverage: float
    unseen: float
    partly: float
    new_values: int | None
    examples: tuple[str, ...]


@dataclass(frozen=True)
class ColdView:
    """`basis`: `no_events` (garments without events that show a liking) or `held_out` (families kept from training)."""

    basis: str
    trained: int
    cold: int
    columns: tuple[Unseen, ...]


@dataclass(frozen=True)
class Combination:
    """Garments that have just the modalities `has`, and how many of them are cold."""

    has: tuple[bool, ...]
    items: int
    share: float
    cold: int


@dataclass(frozen=True)
class Missing:
    """Which of `modalities` garments have, the most frequent combination first."""

    modalities: tuple[str, ...]
    combinations: tuple[Combination, ...]


@dataclass(frozen=True)
class Pictures:
    """`items`: garments with a picture. `refused`: those left out on import, `unreadable`: those stored, by code."""

    items: int
    refused: dict[str, int]
    unreadable: dict[str, int] | None = None
    """None: not looked at."""


@dataclass(frozen=True)
class Shown:
    """A garment of an example."""

    item_id: str
    family: str
    title: str


@dataclass(frozen=True)
class Example:
    """A group of near-duplicates: how many pictures, of how many families, all the same file or not, and some."""

    pictures: int
    families: int
    same_file: bool
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class Duplicates:
    """Groups of two or more pictures that are the same or nearly, among `compared` pictures.

    `pictures`: those in any group. `same_file_groups`: groups in which all are one file, byte for byte. `crossing`:
    groups of several families, with `crossing_pictures` in them; a cold evaluation that holds families out leaks there.
    `crossing_same_file`: those of them in which two families share a file.
    """

    compared: int
    groups: int
    pictures: int
    same_file_groups: int
    crossing: int
    crossing_pictures: int
    crossing_same_file: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Whole:
    """NDCG@20 on cold garments with all features, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Worth:
    """NDCG@20 `without` a feature, and the `drop` from the figure of all features with its 95 % interval and p."""

    feature: str
    without: float
    drop: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Worths:
    """What each feature is worth to `method` over `splits` cuts; `features` in the order of the columns."""

    method: str
    splits: int
    whole: Whole
    features: tuple[Worth, ...]


@dataclass(frozen=True)
class Overview:
    """Counts. Cold: without an event that shows a liking. `blank_users`: shoppers of whom no profile value is known."""

    items: int
    families: int
    users: int
    events: int
    cold_items: int
    cold_users: int
    blank_users: int
    domains: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Survey:
    """A catalogue as its features show it.

    `cold` is None where nothing can be held out, `pictures` and `duplicates` where there are none (or none
    were looked at).
    `thumbnails`: small JPEG files in base64 by item id, of the garments in examples; not part of the JSON.
    """

    dataset: str
    overview: Overview
    items: tuple[Column, ...]
    users: tuple[Column, ...]
    missing: Missing
    cold: ColdView | None = None
    pictures: Pictures | None = None
    duplicates: Duplicates | None = None
    worth: Worths | None = None
    thumbnails: dict[str, str] = field(default_factory=dict)

    def to_builtins(self) -> dict[str, Any]:
        """JSON-ready dictionary of everything but the thumbnails."""
        whole: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in whole.items() if name != "thumbnails"}

    def print(self, console: Console | None = None) -> None:
        """Show the tables in the terminal."""
        from muslin.survey.terminal import render

        (console or Console()).print(render(self))

    def to_html(self, path: Path | str) -> None:
        """Write the self-contained report."""
        from muslin.survey.report import write

        write(self, Path(path))
