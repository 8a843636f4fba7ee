"""Pairs of domains as published for cold-start transfer: ids only, `sport_cloth/` and `cloth_sport/` side by side.

Each directory holds one domain, the first of its name, as `train.txt`, `valid.txt` and `test.txt` of `user TAB item`.
Both count their shoppers from 0. Those who are in both domains come first, under the same numbers, and the last of them
are held out: so the largest number in any `valid.txt` or `test.txt` is that of the last shared shopper. They keep their
plain numbers here, everybody else gets the domain in front (`cloth-9828`), as all items do. The column `part` of the
events says in which file each stood, from which the published split can be made again. The `*_reindex.txt` files number
the same events otherwise and are not read.

There are no times: every event has the same (`timestamps.TIMELESS`).

Source: Cao, Sheng, Cong, Liu, Wang, "Cross-domain recommendation to cold-start users via variational information
bottleneck", ICDE 2022.
"""

from functools import partial
from pathlib import Path

import polars as pl

from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.lines import read_lines, split_fields, stacked, whole_numbers
from muslin.data.read import Table, table_of
from muslin.data.schema import Schema
from muslin.data.timestamps import TIMELESS
from muslin.errors import DataError, UsageError
from muslin.progress import track

PARTS = ("train", "valid", "test")


def import_sport_cloth(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the directory `src`, which holds the two directories of any such pair, into the dataset `dst`.

    Raises as `Importer` says, `DataError` (`missing_file`, `ambiguous_table`) where there is no pair or several,
    and (`bad_split`) when the numbers of held-out shoppers cannot be as described above.
    """
    if mapping is not None:
        raise UsageError("sport_cloth has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("sport_cloth", dst, max_bad, overwrite), partial(_read, src))


def _read(src: Path) -> Tables:
    first, second = _pair(src)
    tables = {}
    names = [(folder, part) for folder in (f"{first}_{second}", f"{second}_{first}") for part in PARTS]
    for folder, part in track(names, "reading", total=len(names)):
        tables[folder, part] = _events(src, folder, part)
    shared = _shared(list(tables.values()))
    events = stacked([_named(table, shared) for table in tables.values()])
    items = events.frame.select("item_id", "domain").unique(maintain_order=True)
    schema = Schema(name=f"{first}_{second}", weights={"purchase": 1.0})
    return Tables(table_of(items, events.file), None, events.with_frame(events.frame.drop("domain")), schema)


def _pair(src: Path) -> tuple[str, str]:
    """Names of the two domains: there must be directories `a_b` and `b_a`, and no other such pair."""
    names = sorted((p.name for p in src.iterdir() if p.is_dir()), reverse=True) if src.is_dir() else []
    halves = [(a, b) for a, _, b in (name.partition("_") for name in names) if a > b and f"{b}_{a}" in names]
    if len(halves) == 1:
        return halves[0]
    fix = "name the directory that holds one pair, such as sport_cloth and cloth_sport"
    if halves:
        raise DataError(f"there are {len(halves)} pairs", code="ambiguous_table", where=str(src), fix=fix)
    message = "there are no two directories of a pair here"
    raise DataError(message, code="missing_file", where=str(src), fix=fix)


def _events(src: Path, folder: str, part: str) -> Table:
    path = src / folder / f"{part}.txt"
    table = whole_numbers(split_fields(read_lines(path, name=f"{folder}/{path.name}"), ("user", "item"), "\t"), _PAIR)
    labels = {"part": pl.lit(part), "domain": pl.lit(folder.partition("_")[0])}
    return table.with_frame(table.frame.with_columns(**labels))


_PAIR = ("user", "item")


def _shared(tables: list[Table]) -> int:
    """How many shoppers are in both domains: those up to the last who is held out."""
    rows = pl.concat([table.frame for table in tables])
    last = max(rows.filter(pl.col("part") != "train")["user"].to_list(), default=-1)
    shared = last + 1
    fewest = min(rows.filter(pl.col("domain") == name)["user"].n_unique() for name in rows["domain"].unique())
    if shared > fewest:
        message = f"shopper {last} is held out, so {shared:,} would be in both domains; one has {fewest:,} in all"
        fix = "shoppers of both domains must come first, and the last of them be held out"
        raise DataError(message, code="bad_split", where=", ".join(table.file for table in tables), fix=fix)
    return shared


def _named(table: Table, shared: int) -> Table:
    user, item = pl.col("user"), pl.col("item")
    own = pl.format("{}-{}", "domain", user)
    frame = table.frame.with_columns(
        pl.when(user < shared).then(user.cast(pl.String)).otherwise(own).alias("user_id"),
        pl.format("{}-{}", "domain", item).alias("item_id"),
        pl.lit(TIMELESS).alias("timestamp"),
        pl.lit("purchase").alias("event"),
    )
    return table.with_frame(frame.drop(_PAIR))
