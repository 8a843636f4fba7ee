"""Files a command writes: whole or not at all, and refused before any work where they could not be written."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from muslin.data.staging import check_destination
from muslin.errors import UsageError

if TYPE_CHECKING:
    import polars as pl


def write_json(value: Any, target: str | None) -> None:
    """Write `value` as JSON to `target` (`-`: standard output; None: nowhere), all of it or nothing."""
    if target is None:
        return
    if target == "-":
        text_only = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=text_only, allow_nan=False) + "\n")
        return
    replace_text(Path(target), json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def replace_text(path: Path, text: str) -> None:
    """Write `text` to `path` so that no reader ever sees half of it."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(draft).chmod(0o666 & ~_umask())
        Path(draft).replace(path)
    finally:
        Path(draft).unlink(missing_ok=True)


def refuse_unwritable(*targets: str | Path | None) -> None:
    """Raise `UsageError` (`no_directory`) for an output file that could not be written, before any work is done."""
    for target in targets:
        if target is None or str(target) == "-":
            continue
        path = Path(target)
        if path.is_dir():
            raise UsageError("is a directory", code="not_a_file", where=str(path), fix="name a file")
        if not path.absolute().parent.is_dir():
            fix = f"create {path.parent} first"
            raise UsageError("its directory does not exist", code="no_directory", where=str(path), fix=fix)


def refuse_occupied(out: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` unless a model may be written to `out`, before any work is done."""
    from muslin.engine.artefact import MODEL

    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        fix = "check the permissions, or choose another place"
        raise UsageError("nothing can be written here", code="not_writable", where=str(above), fix=fix)
    check_destination(out, MODEL, overwrite=overwrite)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


FORMULA = r"^'*[=+\-@\t\r]"
"""How a text begins that a spreadsheet takes for a formula, or that was kept from being one."""


def escaped(table: "pl.DataFrame") -> "pl.DataFrame":
    """`table` with a ' before every such text: somebody may have called a garment `=cmd()`; see `logs.unescaped`."""
    import polars as pl

    text = pl.col(pl.String)
    return table.with_columns(pl.when(text.str.contains(FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep())
