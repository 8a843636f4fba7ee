"""`muslin export-events`: what shoppers did, to train on."""

from pathlib import Path
from typing import Annotated

import typer

from muslin.cli.screen import note
from muslin.errors import UsageError


def export_events(
    state: Annotated[Path, typer.Argument(metavar="STATE", help="State directory of a service.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Parquet or CSV to write.", show_default=False)],
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DATASET", help="Its users keep their ids; others get a pseudonym.", show_default=False),
    ] = None,
) -> None:
    """Write all events of a state as a table: user_id, item_id, timestamp, event, value. The service may go on.

    In CSV, a text that a spreadsheet would take for a formula gets a ' in front; Parquet has every text as it is.
    """
    if out.suffix not in {".parquet", ".csv"}:
        fix = "call it FILE.parquet or FILE.csv"
        raise UsageError(f"no kind of file is called {out.suffix!r}", code="unknown_format", where="--out", fix=fix)
    from muslin.cli.outputs import escaped, refuse_unwritable
    from muslin.engine.online.table import events_table

    refuse_unwritable(out)
    names: list[str] = []
    if dataset is not None:
        from muslin.data.dataset import Dataset

        names = Dataset.load(dataset).users["user_id"].to_list()
    found = events_table(state, names)
    found.write_parquet(out) if out.suffix == ".parquet" else escaped(found).write_csv(out)
    note(f"{len(found):,} events, {found['user_id'].n_unique():,} shoppers")
