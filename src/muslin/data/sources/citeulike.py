"""CiteULike-a: who keeps which article, articles with their tags, and a published split of new articles.

`users.dat` and `item-tag.dat` have a line per shopper and per article, counted from 0: how many numbers follow, then
the articles or tags; `tags.dat` has a tag a line. Ids are these line numbers, the ones the `aldi_*.csv` files of the
split use too. Where those are, the column `part` of the events says in which each pair stands: `train`, `warm_valid`,
`warm_test`, `cold_valid` or `cold_test`. `citations.dat`, where it is, becomes the list column `cites`, which no role
names: it is kept and not learned from.

There are no times: every event has the same (`timestamps.TIMELESS`).

Source: Wang, Chen, Li, "Collaborative topic regression with social regularization for tag recommendation", IJCAI 2013;
the split: Huang, Wang, Zhang et al., "Aligning distillation for cold-start item recommendation", CIKM 2023.
"""

from functools import partial
from pathlib import Path

import polars as pl

from muslin.data.checked import Note
from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.lines import read_lines, refused
from muslin.data.quarantine import LINE
from muslin.data.read import Table, read_table, require_columns, table_of
from muslin.data.schema import ItemRoles, Schema
from muslin.data.timestamps import TIMELESS
from muslin.errors import DataError, UsageError
from muslin.progress import track

PARTS = {
    "aldi_warm_emb.csv": "train",
    "aldi_warm_val.csv": "warm_valid",
    "aldi_warm_test.csv": "warm_test",
    "aldi_cold_item_val.csv": "cold_valid",
    "aldi_cold_item_test.csv": "cold_test",
}
"""Files of the published split and the part each holds."""

SCHEMA = Schema(name="citeulike", items=ItemRoles(multi=("tags",)), weights={"save": 1.0})

_ID = pl.col("number").cast(pl.String)


def import_citeulike(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the directory `src` into the dataset `dst`.

    A line that does not hold as many numbers as it says is refused (`ragged_row`, `bad_number`), so is an article
    nobody described (`unknown_item`). Raises as `Importer` says, `DataError` (`missing_file`) when some files
    of the split are there and others not, and (`bad_split`) when they put a pair in two parts.
    """
    if mapping is not None:
        raise UsageError("citeulike has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("citeulike", dst, max_bad, overwrite), partial(_read, src))


def _read(src: Path) -> Tables:
    names = ("tags.dat", "item-tag.dat", "users.dat")
    tags, articles, shelves = [read_lines(src / name) for name in track(names, "reading", total=len(names))]
    items, unknown_tags = _items(counted(articles), tags)
    if (src / "citations.dat").is_file():
        items = _with_citations(items, counted(read_lines(src / "citations.dat")))
    users = counted(shelves)
    events, unplaced = _placed(_events(users, items), src)
    notes = [
        Note("unknown_tag", "items", unknown_tags, f"{unknown_tags:,} tags have no name in tags.dat and are left out"),
        Note("no_part", "events", unplaced, f"{unplaced:,} pairs are in one of users.dat and the published split only"),
    ]
    people = users.with_frame(users.frame.select(LINE, _ID.alias("user_id")))
    return Tables(items, people, events, SCHEMA, tuple(note for note in notes if note.count))


def counted(table: Table) -> Table:
    """Rows `number` (the line, from 0) and `ids` (List[Int64]) of lines that say how many numbers follow, and do so."""
    words = pl.col("text").str.extract_all(r"\S+")
    frame = table.frame.with_columns(words=words).with_columns(
        given=pl.col("words").list.eval(pl.element().cast(pl.Int64, strict=False)), number=pl.col(LINE) - 1
    )
    ids = pl.col("given").list.slice(1)
    strange = pl.col("words").list.eval(pl.element().str.contains(r"^\d{1,18}$")).list.all()
    numbers = frame.select(LINE, strange.alias("fine"), pl.col("given").list.first().alias("said"), ids.alias("ids"))
    letters = numbers.filter(~pl.col("fine"))
    short = numbers.filter(pl.col("fine") & pl.col("said").ne_missing(pl.col("ids").list.len()))
    there = pl.format("the line says {} numbers follow, and {} do", "said", pl.col("ids").list.len())
    reason = pl.when(pl.col("said").is_null()).then(pl.lit("the line is blank")).otherwise(there)
    table = refused(table, letters.select(LINE, code=pl.lit("bad_number"), reason=pl.lit("not all are whole numbers")))
    table = refused(table, short.select(LINE, code=pl.lit("ragged_row"), reason=reason))
    good = frame.join(table.frame.select(LINE), on=LINE, how="semi", maintain_order="left")
    return table.with_frame(good.select(LINE, "number", ids.alias("ids")))


def _items(articles: Table, tags: Table) -> tuple[Table, int]:
    """Articles with the names of their tags, and how many tags have none."""
    known = tags.frame.select(pl.col(LINE).alias("ids") - 1, pl.col("text").str.strip_chars().alias("tag"))
    given = articles.frame.select("number", "ids").explode("ids").drop_nulls()
    named = given.join(known.filter(pl.col("tag") != ""), on="ids", how="inner", maintain_order="left")
    lists = named.group_by("number", maintain_order=True).agg(pl.col("tag").alias("tags"))
    frame = articles.frame.join(lists, on="number", how="left", maintain_order="left")
    return articles.with_frame(frame.select(LINE, _ID.alias("item_id"), "tags")), len(given) - len(named)


def _with_citations(items: Table, citations: Table) -> Table:
    cited = citations.frame.select(_ID.alias("item_id"), pl.col("ids").cast(pl.List(pl.String)).alias("cites"))
    return items.with_frame(items.frame.join(cited, on="item_id", how="left", maintain_order="left"))


def _events(users: Table, items: Table) -> Table:
    """A row for each article of each line; rows are numbered anew, those of unknown articles are refused by line."""
    given = users.frame.select(LINE, _ID.alias("user_id"), pl.col("ids").alias("item")).explode("item").drop_nulls()
    given = given.with_columns(pl.col("item").cast(pl.String).alias("item_id")).drop("item")
    strange = given.join(items.frame, on="item_id", how="anti", maintain_order="left")
    reason = pl.format("no article is called '{}'", "item_id")
    bad = refused(users, strange.select(LINE, code=pl.lit("unknown_item"), reason=reason)).bad
    good = given.join(items.frame, on="item_id", how="semi", maintain_order="left").drop(LINE)
    told = good.with_columns(timestamp=pl.lit(TIMELESS), event=pl.lit("save"))
    numbered = table_of(told, users.file)
    return Table(users.file, numbered.frame, numbered.origin, bad)


def _placed(events: Table, src: Path) -> tuple[Table, int]:
    """Events with their `part`, and how many pairs are in the events or in the split only."""
    there = [name for name in PARTS if (src / name).is_file()]
    if not there:
        return events, 0
    missing = [name for name in PARTS if name not in there]
    if missing:
        fix = "copy all of them, or none"
        raise DataError(f"{missing[0]} is not here", code="missing_file", where=str(src), fix=fix)
    split = pl.concat([_part(src / name, part) for name, part in PARTS.items()])
    twice = split.filter(pl.struct("user_id", "item_id").is_duplicated())
    if len(twice):
        user, item, part = twice.row(0)
        message = f"user {user} and item {item} are in {part} and once more"
        raise DataError(message, code="bad_split", where=str(src), fix="take the files of one split")
    frame = events.frame.join(split, on=["user_id", "item_id"], how="left", maintain_order="left")
    extra = split.join(events.frame, on=["user_id", "item_id"], how="anti")
    return events.with_frame(frame), frame["part"].null_count() + len(extra)


def _part(path: Path, part: str) -> pl.DataFrame:
    table = read_table(path)
    require_columns(table, ("user", "item"))
    if len(table.bad):
        line, reason = table.bad["line"][0], table.bad["reason"][0]
        raise DataError(reason, code="bad_split", where=f"{path}:{line}", fix="copy the file again")
    return table.frame.select(
        pl.col("user").alias("user_id"), pl.col("item").alias("item_id"), pl.lit(part).alias("part")
    )
