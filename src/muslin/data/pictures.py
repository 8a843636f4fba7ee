"""Product pictures on their way into a dataset: read in batches, each looked at as a decoder would, in threads."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from muslin.data.decode import SIZE_LIMIT, Refused, admitted
from muslin.data.quarantine import SCHEMA as QUARANTINE
from muslin.errors import DataError, nearest
from muslin.progress import track

SCHEMA = {"item_id": pl.String(), "bytes": pl.Binary(), "file": pl.String(), "line": pl.Int64()}
"""Columns of a batch: whose picture, what it is, and the file and (in Parquet, from 1) the row where it stood."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""Files of a directory that are read, the first of several for one item; in capitals too."""
BATCH, BATCH_BYTES = 512, 64 * 2**20
"""Most pictures of a batch, and the bytes at which it is full."""

_MOST_WORKERS = 16


def from_folder(ids: pl.Series, place: Callable[[str], Path | None]) -> Iterator[pl.DataFrame]:
    """Batches (`SCHEMA`) of the pictures of `ids`, each in the file `place(id)`, where there is one."""
    rows: list[tuple[str, bytes, str, None]] = []
    size = 0
    for name in track(ids, "pictures", total=len(ids)):
        path = place(name)
        if path is None or not path.is_file():
            continue
        rows.append((name, _bytes(path), path.name, None))
        size += len(rows[-1][1])
        if len(rows) == BATCH or size >= BATCH_BYTES:
            yield pl.DataFrame(rows, schema=SCHEMA, orient="row")
            rows, size = [], 0
    if rows:
        yield pl.DataFrame(rows, schema=SCHEMA, orient="row")


def by_name(folder: Path) -> Callable[[str], Path | None]:
    """From an id to the picture file of that name in `folder`, which is listed once."""
    found: dict[str, Path] = {}
    order = {suffix: rank for rank, suffix in enumerate(SUFFIXES)}
    pictures = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in order and path.is_file())
    for path in sorted(pictures, key=lambda p: order[p.suffix.lower()]):
        found.setdefault(path.stem, path)
    return found.get


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to know that it is too large.
            return file.read(SIZE_LIMIT + 1)
    except OSError:
        return b""


def from_parquet(path: Path, ids: pl.Series, *, id_column: str, bytes_column: str) -> Iterator[pl.DataFrame]:
    """Batches (`SCHEMA`) of the pictures of `ids` in a Parquet file; raises `DataError` when it is not one of those."""
    wanted, line = ids.implode(), 1
    try:
        file = pq.ParquetFile(path)
        for name in (id_column, bytes_column):
            if name not in file.schema_arrow.names:
                fix = nearest(name, file.schema_arrow.names)
                raise DataError(f"column {name!r} is missing", code="missing_column", where=str(path), fix=fix)
        size = _batch_rows(file)
        batches = file.iter_batches(size, columns=[id_column, bytes_column])
        for batch in track(batches, "pictures", total=-(-file.metadata.num_rows // size)):
            frame = pl.DataFrame(pl.from_arrow(batch)).select(
                pl.col(id_column).cast(pl.String).alias("item_id"),
                pl.col(bytes_column).cast(pl.Binary).alias("bytes"),
                pl.lit(path.name).alias("file"),
                pl.int_range(line, line + pl.len(), dtype=pl.Int64).alias("line"),
            )
            line += len(frame)
            yield frame.filter(pl.col("item_id").is_in(wanted))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        message = f"the pictures cannot be read ({str(error).splitlines()[0][:200]})"
        raise DataError(message, code="bad_parquet", where=str(path), fix="export or copy the file again") from None


def _batch_rows(file: pq.ParquetFile) -> int:
    """Rows of a batch: fewer when pictures are large."""
    meta = file.metadata
    groups = [meta.row_group(n) for n in range(meta.num_row_groups)]
    largest = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    return max(1, min(BATCH, BATCH_BYTES // max(1, largest)))


def place(source: Path) -> Path:
    """`source`, where a dataset's pictures should be; raises `DataError` (`missing_file`) when nothing is there."""
    if not source.exists():
        fix = "put the pictures there, or correct images in dataset.toml"
        raise DataError("there are no pictures here", code="missing_file", where=str(source), fix=fix)
    return source


def ids(source: Path) -> pl.Series:
    """Ids under which there are pictures, those of a directory sorted; raises `DataError` (`bad_parquet`)."""
    if source.is_dir():
        stems = [path.stem for path in source.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
        return pl.Series("item_id", sorted(stems), dtype=pl.String)
    try:
        return pl.read_parquet(source, columns=["item_id"], glob=False)["item_id"].cast(pl.String)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        message = f"the pictures cannot be read ({str(error).splitlines()[0][:200]})"
        raise DataError(message, code="bad_parquet", where=str(source), fix="import the dataset again") from None


def batches(source: Path, wanted: pl.Series) -> Iterator[pl.DataFrame]:
    """Batches with `item_id` and `bytes` of the pictures of the items `wanted`."""
    if source.is_dir():
        return from_folder(wanted, by_name(source))
    return from_parquet(source, wanted, id_column="item_id", bytes_column="bytes")


def of_items(source: Path, wanted: pl.Series) -> tuple[list[str], Iterator[bytes]]:
    """Ids of the items `wanted` that have a picture in `source`, and the files in that order, read as asked for.

    Of several pictures of one item the first counts. Raises `DataError` (`bad_parquet`).
    """
    stored = ids(source)
    order = stored.filter(stored.is_in(wanted.implode())).unique(maintain_order=True)
    return order.to_list(), _contents(source, order)


def _contents(source: Path, order: pl.Series) -> Iterator[bytes]:
    left = set(order)
    for batch in batches(source, order):
        for name, content in batch.select("item_id", "bytes").iter_rows():
            if name in left:
                left.remove(name)
                yield content or b""


@dataclass(frozen=True)
class Sifted:
    """Pictures of a batch fit to be kept (`item_id`, `bytes`), and the quarantine of the rest.

    `remade`: how many of those kept carried something along and were made anew.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    remade: int


def sifted(batches: Iterable[pl.DataFrame]) -> Iterator[Sifted]:
    """Each of `batches` (`SCHEMA`), in order, its pictures looked at side by side as `decode.admitted` does.

    A clean picture is kept bit by bit. A garment loads without the picture it cannot have: its entry in the quarantine
    has the code and reason of `decode.Refused`, and the item's id as what it held. Reads one batch at a time.
    """
    with ThreadPoolExecutor(_workers(), thread_name_prefix="pictures") as pool:
        for batch in batches:
            yield _sift(batch, list(pool.map(admitted, (content or b"" for content in batch["bytes"]))))


def _sift(batch: pl.DataFrame, found: list[bytes | Refused]) -> Sifted:
    refused = {row: answer for row, answer in enumerate(found) if isinstance(answer, Refused)}
    kept = [(row, answer) for row, answer in enumerate(found) if not isinstance(answer, Refused)]
    rows = [row for row, _ in kept]
    good = pl.DataFrame([batch["item_id"].gather(rows), pl.Series("bytes", [c for _, c in kept], dtype=pl.Binary)])
    bad = batch[list(refused)].select(
        "file",
        "line",
        pl.Series("code", [why.code for why in refused.values()], dtype=pl.String),
        pl.Series("reason", [why.reason for why in refused.values()], dtype=pl.String),
        pl.col("item_id").fill_null("").alias("raw"),
    )
    remade = int((good["bytes"] != batch["bytes"].gather(rows)).sum())
    return Sifted(good, bad.cast(dict(QUARANTINE)), remade)  # type: ignore[arg-type]


def _workers() -> int:
    """Threads: Pillow decodes without holding Python's lock."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(_MOST_WORKERS, max(2, usable))
