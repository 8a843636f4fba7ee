import polars as pl

from muslin.survey.missing import missing, overview


def test_each_garment_is_in_one_combination(hostile) -> None:
    found = missing(hostile, pl.Series(["i0", "i5", "stranger"]))
    assert found.modalities == ("picture", "words", "attributes", "numbers", "vectors")
    assert sum(row.items for row in found.combinations) == 6
    assert sum(row.cold for row in found.combinations) == 2
    counts = {row.has: (row.items, row.cold) for row in found.combinations}
    assert counts[True, True, True, True, True] == (1, 0)
    assert counts[True, True, True, True, False] == (1, 1)
    assert counts[False, True, True, False, False] == (1, 1)


def test_without_pictures_there_is_no_such_modality(hostile) -> None:
    assert "picture" not in missing(hostile, None).modalities


def test_overview_counts(hostile) -> None:
    found = overview(hostile)
    assert (found.items, found.families, found.users, found.events) == (6, 3, 3, 4)
    assert (found.cold_items, found.cold_users, found.blank_users) == (2, 1, 2)
    assert [count for _, count in found.domains] == [3, 2, 1]


def test_an_empty_catalogue(empty) -> None:
    assert overview(empty).items == 0
    assert missing(empty, None).combinations == ()
