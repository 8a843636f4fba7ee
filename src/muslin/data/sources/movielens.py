"""MovieLens in any of its layouts: `ml-100k` (`u.data`), `ml-1m` (`.dat`), the later ones (`.csv`), and RecBole's.

A rating of 4 or more counts as liking; lower ones are kept with weight 0. The year in a title's brackets becomes
`release_year`.

Source: Harper and Konstan, "The MovieLens datasets: history and context", ACM TiiS 5(4), 2015.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from muslin.data import ratings
from muslin.data.importing import ImportReport, Order, Tables, run
from muslin.data.lines import read_lines, split_fields
from muslin.data.quarantine import LINE
from muslin.data.read import Table, read_table, require_columns
from muslin.data.schema import ItemRoles, Roles, Schema
from muslin.data.sources import recbole
from muslin.errors import DataError, UsageError

LEAST = 4.0
"""From which rating on one counts as liking."""

GENRES = (
    *(
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Fantasy",
    ),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)
"""What the last 19 fields of `u.item` stand for."""

_ITEMS = ItemRoles(categorical=("release_year",), multi=("genres",), text=("title",), title="title")
_USERS = Roles(categorical=("gender", "occupation"), hashed=("zip_code",), numeric=("age",))
_TITLE = r"^(.*?)\s*\((\d{4})\)\s*$"


def import_movielens(
    src: Path, dst: Path, *, mapping: Path | None = None, max_bad: float = 0.01, overwrite: bool = False
) -> ImportReport:
    """Import the directory `src` into the dataset `dst`.

    Raises as `Importer` says, `DataError` (`missing_file`) where no layout is recognised.
    """
    if mapping is not None:
        raise UsageError("movielens has a known layout and takes no map", code="unwanted_map", fix="leave --map out")
    return run(Order("movielens", dst, max_bad, overwrite), partial(_read, src))


def _read(src: Path) -> Tables:
    for name, layout in LAYOUTS.items():
        if (src / name).is_file():
            return layout(src)
    if list(src.glob("*.inter")):
        return _atomic(src)
    known = ", ".join([*LAYOUTS, "*.inter"])
    fix = "name the directory into which MovieLens was unpacked"
    raise DataError(f"none of {known} is here", code="missing_file", where=str(src), fix=fix)


def _atomic(src: Path) -> Tables:
    """RecBole calls the age a token; it is a number."""
    found = recbole.tables(src)
    users = found.schema.users
    if "age" in users.categorical:
        rest = tuple(name for name in users.categorical if name != "age")
        users = replace(users, categorical=rest, numeric=(*users.numeric, "age"))
    return replace(found, schema=replace(found.schema, users=users))


def _tables(items: Table, users: Table | None, events: Table, rating: str, name: str) -> Tables:
    frame = ratings.told_by(events.frame, rating, LEAST)
    note = ratings.note(frame, LEAST)
    schema = Schema(name=name, items=_ITEMS, users=_USERS if users else Roles(), weights=ratings.WEIGHTS)
    kept = events.with_frame(frame.select(LINE, "user_id", "item_id", "timestamp", "event", "value"))
    return Tables(items, users, kept, schema, (note,) if note.count else ())


_EVENTS = ("user_id", "item_id", "rating", "timestamp")


def _u_data(src: Path) -> Tables:
    names = ("item_id", "title", "released", "video", "link", *GENRES)
    films = split_fields(read_lines(src / "u.item", encoding="latin-1"), names, "|")
    flags = [pl.when(pl.col(genre) == "1").then(pl.lit(genre)) for genre in GENRES]
    items = films.with_frame(films.frame.with_columns(pl.concat_list(flags).list.drop_nulls().alias("genres")))
    users = split_fields(read_lines(src / "u.user"), ("user_id", "age", "gender", "occupation", "zip_code"), "|")
    return _tables(_titled(items), users, split_fields(read_lines(src / "u.data"), _EVENTS, "\t"), "rating", "ml-100k")


def _dat(src: Path) -> Tables:
    items = split_fields(read_lines(src / "movies.dat", encoding="latin-1"), ("item_id", "title", "genres"), "::")
    users = split_fields(read_lines(src / "users.dat"), ("user_id", "gender", "age", "occupation", "zip_code"), "::")
    return _tables(
        _titled(items), users, split_fields(read_lines(src / "ratings.dat"), _EVENTS, "::"), "rating", "ml-1m"
    )


def _csv(src: Path) -> Tables:
    films, events = read_table(src / "movies.csv"), read_table(src / "ratings.csv")
    require_columns(films, ("movieId", "title", "genres"))
    require_columns(events, ("userId", "movieId", "rating", "timestamp"))
    genres = pl.when(pl.col("genres") != "(no genres listed)").then(pl.col("genres")).alias("genres")
    items = films.with_frame(films.frame.select(LINE, pl.col("movieId").alias("item_id"), "title", genres))
    named = {"userId": "user_id", "movieId": "item_id"}
    return _tables(_titled(items), None, events.with_frame(events.frame.rename(named)), "rating", src.name)


def _titled(films: Table) -> Table:
    """The year taken out of the title; a film that has none keeps its title as it is."""
    frame = films.frame.with_columns(
        release_year=pl.col("title").str.extract(_TITLE, 2),
        title=pl.coalesce(pl.col("title").str.extract(_TITLE, 1), "title"),
    )
    return films.with_frame(frame.select(LINE, "item_id", "title", "release_year", "genres"))


LAYOUTS: dict[str, Callable[[Path], Tables]] = {"u.data": _u_data, "ratings.dat": _dat, "ratings.csv": _csv}
"""The file by which a layout is recognised, and how it is read."""
