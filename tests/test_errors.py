from muslin.errors import DataError, ModelError, MuslinError, UsageError, nearest


def test_an_error_reads_as_what_where_and_how_to_mend() -> None:
    error = DataError("no column 'item'", code="missing_column", where="events.csv", fix="did you mean 'item_id'?")
    assert str(error) == "events.csv: no column 'item' [missing_column]\n  fix: did you mean 'item_id'?"


def test_exit_statuses_are_stable() -> None:
    assert [e.exit_status for e in (MuslinError, UsageError, DataError, ModelError)] == [1, 2, 3, 4]


def test_nearest_names_the_closest_or_lists_all() -> None:
    assert nearest("iten_id", ["item_id", "user_id"]) == "did you mean 'item_id'?"
    assert nearest("zzz", ["b", "a"]) == "choose one of: a, b"
    assert nearest("zzz", []) == "there are none to choose from"
    assert nearest("zzz", [f"name{i:02d}" for i in range(30)]).endswith("name19, …")
