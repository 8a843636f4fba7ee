"""Product pictures on their way into a dataset, a batch at a time: nothing is decoded here, only told apart."""

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from muslin.data.quarantine import entries
from muslin.errors import DataError, nearest
from muslin.progress import track

SCHEMA = {"item_id": pl.String(), "bytes": pl.Binary()}
BATCH = 512
SIZE_LIMIT = 20 * 2**20
"""Bytes of a picture; a larger one is refused."""

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def from_folder(ids: pl.Series, place: Callable[[str], list[Path]]) -> Iterator[pl.DataFrame]:
    """Batches (`SCHEMA`) of the pictures of `ids`, each in the first existing file of `place(id)`."""
    rows: list[tuple[str, bytes]] = []
    for name in track(ids, "pictures", total=len(ids)):
        path = next((p for p in place(name) if p.is_file()), None)
        if path is None:
            continue
        rows.append((name, _bytes(path)))
        if len(rows) == BATCH:
            yield pl.DataFrame(rows, schema=SCHEMA, orient="row")
            rows = []
    if rows:
        yield pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to know that it is too large.
            return file.read(SIZE_LIMIT + 1)
    except OSError:
        return b""


def from_parquet(path: Path, ids: pl.Series, *, id_column: str, bytes_column: str) -> Iterator[pl.DataFrame]:
    """Batches (`SCHEMA`) of the pictures of `ids` in a Parquet file; raises `DataError` when it is not one of those."""
    try:
        file = pq.ParquetFile(path)
        for name in (id_column, bytes_column):
            if name not in file.schema_arrow.names:
                fix = nearest(name, file.schema_arrow.names)
                raise DataError(f"column {name!r} is missing", code="missing_column", where=str(path), fix=fix)
        total = -(-file.metadata.num_rows // BATCH)
        batches = file.iter_batches(BATCH, columns=[id_column, bytes_column])
        for batch in track(batches, "pictures", total=total):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(
                pl.col(id_column).cast(pl.String).alias("item_id"), pl.col(bytes_column).cast(pl.Binary).alias("bytes")
            )
            yield frame.filter(pl.col("item_id").is_in(ids.implode()))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        message = f"the pictures cannot be read ({str(error).splitlines()[0][:200]})"
        raise DataError(message, code="bad_parquet", where=str(path), fix="export or copy the file again") from None


def sift(batch: pl.DataFrame, file: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(JPEG and PNG pictures of bearable size, quarantine of the rest). A garment loads without its picture."""
    data = pl.col("bytes")
    is_picture = (data.bin.starts_with(_JPEG) | data.bin.starts_with(_PNG)).fill_null(value=False)
    sound = is_picture & (data.bin.size() <= SIZE_LIMIT)
    bad = batch.filter(~sound)
    reason = f"unreadable, neither JPEG nor PNG, or larger than {SIZE_LIMIT // 2**20} MB"
    rows = [(None, "bad_picture", reason, name or "") for name in bad["item_id"]]
    return batch.filter(sound), entries(rows, file)
