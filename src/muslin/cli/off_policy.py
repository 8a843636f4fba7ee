"""`muslin off-policy`: what another way of choosing would have earned, before it is tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muslin.cli.arguments import JsonFile
from muslin.cli.outputs import refuse_unwritable, write_json
from muslin.cli.screen import console, note, table

if TYPE_CHECKING:
    from muslin.evaluate.off_policy import Shown

_NEEDED = ("reward", "propensity", "target")


def off_policy(
    log: Annotated[Path, typer.Argument(metavar="LOG", help="CSV or Parquet, a row for each garment shown.")],
    clip: Annotated[float | None, typer.Option(min=1, help="Cut weights above this.", show_default=False)] = None,
    json_to: JsonFile = None,
) -> None:
    """Estimate from logged propensities what another policy would have earned: IPS, SNIPS and DR with intervals.

    Columns: `reward`, `propensity` (probability with which it was shown), `target` (with which the other policy would
    show it); optionally `user_id`, and for DR `expected` and `value`, a model's reward of what was shown and of the
    other policy.
    """
    from muslin.evaluate.off_policy import FEW, estimates

    refuse_unwritable(json_to)
    found = estimates(_read(log), clip)
    rows = [
        (
            e.estimator,
            f"{e.value:.5g}",
            f"{e.ci_low:.5g}",
            f"{e.ci_high:.5g}",
            f"{e.effective_n:.0f}",
            f"{e.clipped:.1%}",
        )
        for e in found
    ]
    columns = ("estimator", "value", "low", "high", "effective rows", "weight cut")
    console(json_to).print(table(f"Mean reward of a row, {log}", columns, rows, right=columns[1:]))
    if found[0].effective_n < FEW:
        note(f"thin: fewer than {FEW} effective rows; the intervals are too narrow to be trusted")
    write_json([e._asdict() for e in found], json_to)


def _read(log: Path) -> "Shown":
    import numpy as np
    import polars as pl

    from muslin.data.read import read_table, require_columns
    from muslin.errors import DataError
    from muslin.evaluate.off_policy import Shown, Values

    read = read_table(log)
    require_columns(read, _NEEDED)
    frame = read.frame

    def column(name: str) -> Values:
        try:
            return frame[name].cast(float).fill_null(float("nan")).to_numpy().astype(np.float64)
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            why = f"{name} holds what is no number"
            raise DataError(why, code="wrong_type", where=str(log), fix="mend it") from None

    both = {"expected", "value"} <= set(frame.columns)
    return Shown(
        reward=column("reward"),
        propensity=column("propensity"),
        target=column("target"),
        cluster=frame["user_id"].rank("dense").to_numpy().astype(np.int64) if "user_id" in frame.columns else None,
        expected=column("expected") if both else None,
        value=column("value") if both else None,
    )
