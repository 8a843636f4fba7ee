import polars as pl
import pytest

from muslin.features.near_duplicates import fingerprints
from muslin.survey.near_duplicates import duplicates


def batch(**pictures: bytes) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(pictures), "bytes": list(pictures.values())})


def items(**families: str) -> pl.DataFrame:
    return pl.DataFrame({"item_id": list(families), "family": list(families.values()), "title": list(families)})


def test_groups_are_counted_by_file_and_family(draw, encode) -> None:
    same, near = encode(draw(1)), draw(2)
    content = {
        "a": same,
        "b": same,  # one file, one family
        "c": encode(near),
        "d": encode(near, "JPEG", 40),  # nearly the same, another family
        "e": encode(draw(3)),
        "f": encode(draw(4)),
        "g": encode(draw(4)),
        "h": encode(draw(4), "JPEG", 50),  # one file in two families, and a near one
    }
    known = items(a="1", b="1", c="2", d="3", e="4", f="5", g="6", h="5")
    found = duplicates(fingerprints([batch(**content)]), known)
    assert (found.compared, found.groups, found.pictures) == (8, 3, 7)
    assert (found.same_file_groups, found.crossing, found.crossing_pictures, found.crossing_same_file) == (1, 2, 5, 1)
    first, second, third = found.examples
    assert (first.pictures, first.families, first.same_file) == (3, 2, False)
    assert {garment.family for garment in first.shown[:2]} == {"5", "6"}
    assert [garment.item_id for garment in second.shown] == ["c", "d"]
    assert (third.families, third.same_file) == (1, True)


def test_examples_are_bounded(draw, encode) -> None:
    content = {f"{n}{half}": encode(draw(n)) for n in range(5) for half in "abcdef"}
    found = duplicates(fingerprints([batch(**content)]), items(**dict.fromkeys(content, "one")), examples=3)
    assert (found.groups, len(found.examples), len(found.examples[0].shown)) == (5, 3, 4)


def test_pictures_of_nobody_and_second_pictures_do_not_count(draw, encode) -> None:
    one = encode(draw(1))
    prints = fingerprints([batch(a=one, stranger=one), batch(a=encode(draw(2)))])
    assert prints.ids == ["a", "stranger"]
    assert duplicates(prints, items(a="1")).groups == 0


@pytest.mark.parametrize("batches", [[], [batch().cast({"item_id": pl.String, "bytes": pl.Binary})]])
def test_no_pictures(batches) -> None:
    found = duplicates(fingerprints(batches), items().cast(pl.String))
    assert (found.compared, found.groups, found.examples) == (0, 0, ())
