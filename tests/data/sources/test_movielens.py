import polars as pl
import pytest

from muslin.data.dataset import Dataset
from muslin.data.sources.movielens import GENRES, import_movielens
from muslin.errors import DataError, UsageError

ITEMS = [("1", "Toy Story", "1995", ["Animation", "Children's"]), ("2", "Amélie", "2001", ["Comedy"])]
EVENTS = [("7", "2", "rate", 0.0, 3.0), ("7", "1", "like", 1.0, 4.0), ("8", "1", "like", 1.0, 5.0)]
RATINGS = [("7", "1", "4", "881250949"), ("8", "1", "5", "891717742"), ("7", "2", "3", "878887116")]
PEOPLE = [("7", "24", "M", "student", "85711"), ("8", "53", "F", "other", "94043")]


def u_data(folder) -> None:
    flags = ["|".join("1" if genre in film[3] else "0" for genre in GENRES) for film in ITEMS]
    films = [f"{i}|{t} ({y})|01-Jan-{y}||http://x|{f}" for (i, t, y, _), f in zip(ITEMS, flags, strict=True)]
    (folder / "u.item").write_text("\n".join(films), encoding="latin-1")
    (folder / "u.user").write_text("\n".join("|".join(person) for person in PEOPLE))
    (folder / "u.data").write_text("\n".join("\t".join(row) for row in RATINGS))


def dat(folder) -> None:
    films = [f"{i}::{t} ({y})::{'|'.join(g)}" for i, t, y, g in ITEMS]
    (folder / "movies.dat").write_text("\n".join(films), encoding="latin-1")
    people = [f"{u}::{g}::{a}::{o}::{z}" for u, a, g, o, z in PEOPLE]
    (folder / "users.dat").write_text("\n".join(people))
    (folder / "ratings.dat").write_text("\n".join("::".join(row) for row in RATINGS))


def csv(folder) -> None:
    films = [f'{i},"{t} ({y})",{"|".join(g)}' for i, t, y, g in ITEMS]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *films]))
    rows = [",".join(row) for row in RATINGS]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *rows]))


@pytest.mark.parametrize("layout", [u_data, dat, csv])
def test_every_layout_says_the_same(layout, tmp_path) -> None:
    (tmp_path / "ml").mkdir()
    layout(tmp_path / "ml")
    report = import_movielens(tmp_path / "ml", tmp_path / "ds")
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.items.select("item_id", "title", "release_year", "genres").rows() == ITEMS
    assert loaded.events.select("user_id", "item_id", "event", "weight", "value").rows() == EVENTS
    if layout is not csv:
        assert loaded.users.sort("user_id").select("user_id", "age", "gender").rows() == [
            ("7", 24, "M"),
            ("8", 53, "F"),
        ]
    assert [(note.code, note.count) for note in report.warnings] == [("rating_threshold", 2)]


def test_a_title_without_a_year_and_a_film_without_a_genre(tmp_path) -> None:
    (tmp_path / "ml").mkdir()
    csv(tmp_path / "ml")
    with (tmp_path / "ml" / "movies.csv").open("a") as file:
        file.write("\n3,Nowhen,(no genres listed)\n")
    import_movielens(tmp_path / "ml", tmp_path / "ds")
    assert Dataset.load(tmp_path / "ds").items.row(2)[3:] == ("Nowhen", None, None)


def test_bad_lines_are_set_aside(tmp_path) -> None:
    (tmp_path / "ml").mkdir()
    u_data(tmp_path / "ml")
    with (tmp_path / "ml" / "u.data").open("a") as file:
        file.write("\n7\t1\t4\n7\t1\tx\t881250949\n")
    report = import_movielens(tmp_path / "ml", tmp_path / "ds", max_bad=0.5)
    assert report.quarantined == {"events": {"bad_value": 1, "ragged_row": 1}}


def test_no_layout_at_all(tmp_path) -> None:
    with pytest.raises(UsageError, match="takes no map"):
        import_movielens(tmp_path, tmp_path / "ds", mapping=tmp_path)
    with pytest.raises(DataError, match=r"none of u\.data"):
        import_movielens(tmp_path, tmp_path / "ds")


@pytest.mark.data
def test_the_real_films(research_data, tmp_path) -> None:
    report = import_movielens(research_data / "ml100k", tmp_path / "ds")
    assert report.kept == {"items": 1_682, "users": 943, "events": 100_000}
    assert report.quarantined == {}
    loaded = Dataset.load(tmp_path / "ds")
    assert loaded.events.filter(pl.col("weight") > 0).height == 55_375
    assert (loaded.schema.users.numeric, loaded.schema.users.hashed) == (("age",), ("zip_code",))
    assert (loaded.schema.items.title, loaded.schema.items.multi) == ("movie_title", ("class",))
