"""The words of a transfer, the same in the terminal and in the report."""

from muslin.survey.wording import plain
from muslin.transfer.guard import Gain
from muslin.transfer.result import FormRow, TransferResult

SEGMENTS = {"new": "new to {target}, known in {source}", "known": "known in {target}"}


def segment(result: TransferResult, name: str) -> str:
    """Whom a segment is made of."""
    return SEGMENTS[name].format(source=plain(result.source), target=plain(result.target))


def verdict(result: TransferResult) -> str:
    """What the guard ships, and why."""
    found = result.verdict
    if found.helps:
        return f"ship {found.shipped!r}: shown to beat {found.null!r} among shoppers who had no part in choosing"
    if found.chosen == found.null:
        return f"ship {found.null!r}: nothing that knows {plain(result.source)} does better"
    return f"ship {found.null!r}: {found.chosen!r} was chosen, but is not shown to be better"


def gain(found: Gain) -> str:
    """`+0.012 [+0.003, +0.020]`."""
    return f"{found.gain:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def share(value: float) -> str:
    """`5 %`."""
    return f"{100 * value:g} %"


def part(came: int, whole: int) -> str:
    """How much of a parameter came from the source."""
    return "whole" if came == whole else ("the target's own" if not came else f"{came:,} of {whole:,} rows")


def negative(result: TransferResult) -> list[str]:
    """A line for each form that is shown to hurt."""
    return [
        f"negative transfer: {row.form!r} loses {-row.gain.gain:.4f} among shoppers {segment(result, row.segment)}"
        for row in result.negative()
    ]


def null(result: TransferResult, name: str) -> str:
    """What gains in a segment are over."""
    return next(row.gain.over for row in result.rows if row.segment == name)


def gain_of(row: FormRow) -> str:
    """The row's gain; nothing for what gains are over."""
    return "" if row.form == row.gain.over else gain(row.gain)
