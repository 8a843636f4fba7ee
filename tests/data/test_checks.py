"""Every bad row gets its code, every good one stays: `clean` against the list of bad inputs."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.checked import Cleaned
from muslin.data.checks import check_schema, clean
from muslin.data.read import table_of
from muslin.data.schema import Domain, ItemRoles, Roles, Schema
from muslin.errors import DataError

NOW = datetime(2024, 6, 1, tzinfo=UTC)
PLAIN = Schema(name="plain")
FULL = Schema(
    name="full",
    items=ItemRoles(
        categorical=("brand",), multi=("tags",), numeric=("price",), text=("title",), title="title", price="price"
    ),
    users=Roles(categorical=("city",), numeric=("age",)),
)
ITEM = {"item_id": "i1", "brand": "b", "tags": "x|y", "price": "9.5", "title": "a dress"}
EVENT = {"user_id": "u1", "item_id": "i1", "timestamp": "2024-05-01T12:00:00Z", "event": "view"}


def frame(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)


def cleaned(items=None, events=None, users=None, schema: Schema = PLAIN) -> Cleaned:
    item_rows = [{"item_id": "i1"}] if items is None else items
    return clean(
        table_of(frame(item_rows), "items.csv"),
        None if users is None else table_of(frame(users), "users.csv"),
        table_of(frame([EVENT] if events is None else events), "events.csv"),
        schema,
        now=NOW,
    )


def refused(result: Cleaned) -> list[tuple[str, int, str]]:
    return result.quarantine.select("file", "line", "code").rows()


def noted(result: Cleaned) -> dict[str, int]:
    return {note.code: note.count for note in result.warnings}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"item_id": ""}, "empty_id"),
        ({"item_id": None}, "empty_id"),
        ({"item_id": " \t"}, "empty_id"),
        ({"item_id": "a b"}, "bad_id"),
        ({"item_id": " a"}, "bad_id"),
        ({"item_id": "a/b"}, "bad_id"),
        ({"item_id": "a\\b"}, "bad_id"),
        ({"item_id": "a\x00"}, "bad_id"),
        ({"item_id": "a\u200b"}, "bad_id"),
        ({"item_id": "a\u3000b"}, "bad_id"),
        ({"item_id": "x" * 257}, "long_id"),
        ({"price": "19,99 €"}, "bad_price"),
        ({"price": "NaN"}, "bad_price"),
        ({"price": "inf"}, "bad_price"),
        ({"price": "-1"}, "bad_price"),
        ({"price": "0"}, "bad_price"),
        ({"price": "1e9"}, "bad_price"),
        ({"title": ""}, "empty_title"),
        ({"title": None}, "empty_title"),
        ({"title": "x" * 1_000_000}, "long_title"),
        ({"stock": "-3"}, "bad_stock"),
        ({"stock": "1.5"}, "bad_stock"),
        ({"stock": "many"}, "bad_stock"),
    ],
)
def test_bad_item_rows(change, code) -> None:
    good = {**ITEM, "stock": "3"}
    result = cleaned(
        [good, {**good, "item_id": "i2", **change}], schema=FULL, users=[{"user_id": "u1", "city": "c", "age": "3"}]
    )
    assert refused(result) == [("items.csv", 2, code)]
    assert result.items["item_id"].to_list() == ["i1"]
    assert result.tallies[0].refused == {code: 1}


@pytest.mark.parametrize(
    "change",
    [
        {"item_id": "x" * 256},
        {"item_id": "0007"},
        {"item_id": "裙-1_a.b:c"},
        {"price": ""},
        {"price": "999999999.99"},
        {"title": "<b>=cmd()</b>"},
        {"brand": None},
        {"brand": "a brand never seen"},
        {"tags": ""},
    ],
)
def test_good_item_rows(change) -> None:
    row = {**ITEM, **change}
    result = cleaned(
        [row], [{**EVENT, "item_id": row["item_id"]}], schema=FULL, users=[{"user_id": "u1", "city": "c", "age": "3"}]
    )
    assert refused(result) == []
    assert result.items["item_id"].to_list() == [row["item_id"]]
    assert result.items["title"].to_list() == [row["title"]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"user_id": ""}, "empty_id"),
        ({"user_id": "a b"}, "bad_id"),
        ({"user_id": "x" * 257}, "long_id"),
        ({"item_id": None}, "empty_id"),
        ({"item_id": "i2"}, "unknown_item"),
        ({"item_id": "I1"}, "unknown_item"),
        ({"timestamp": ""}, "missing_timestamp"),
        ({"timestamp": None}, "missing_timestamp"),
        ({"timestamp": "yesterday"}, "bad_timestamp"),
        ({"timestamp": "31/12/2024"}, "bad_timestamp"),
        ({"timestamp": "2024-02-30"}, "bad_timestamp"),
        ({"timestamp": "0"}, "timestamp_1970"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "timestamp_1970"),
        ({"timestamp": "1900-01-00"}, "bad_timestamp"),
        ({"timestamp": "1900-01-01"}, "timestamp_1970"),
        ({"timestamp": "2024-06-01T00:05:01Z"}, "timestamp_future"),
        ({"timestamp": "2100-01-01"}, "timestamp_future"),
        ({"event": "purchse"}, "unknown_event"),
        ({"event": "View"}, "unknown_event"),
        ({"event": None}, "unknown_event"),
        ({"quantity": "-1"}, "bad_quantity"),
        ({"quantity": "0"}, "bad_quantity"),
        ({"quantity": "1.5"}, "bad_quantity"),
        ({"quantity": "1000000"}, "bad_quantity"),
        ({"price": "-0.01"}, "bad_price"),
        ({"price": "12 EUR"}, "bad_price"),
        ({"value": "good"}, "bad_value"),
    ],
)
def test_bad_event_rows(change, code) -> None:
    good = {**EVENT, "quantity": "1", "price": "0", "value": "-2.5"}
    result = cleaned(events=[good, {**good, **change}])
    assert refused(result) == [("events.csv", 2, code)]
    assert len(result.events) == 1
    assert result.events["quantity"].to_list() == [1]


def test_five_minutes_ahead_are_forgiven() -> None:
    assert refused(cleaned(events=[{**EVENT, "timestamp": (NOW + timedelta(minutes=5)).isoformat()}])) == []


def test_reasons_show_the_value_and_the_nearest_name() -> None:
    result = cleaned(
        [{"item_id": "007"}, {"item_id": "a b"}],
        [
            {**EVENT, "item_id": "007"},
            {**EVENT, "item_id": "7"},
            {**EVENT, "item_id": "a b"},
            {**EVENT, "item_id": "007", "event": "purchse"},
            {**EVENT, "item_id": "007", "timestamp": "ye\x1bsterday"},
        ],
    )
    assert result.quarantine["reason"].to_list() == [
        "item_id 'a b' holds a space, control or slash",
        "no item is called '7': did you mean '007'? Leading zeros are part of an id",
        "no item is called 'a b': its own row was refused",
        "event type 'purchse' has no weight: did you mean 'purchase'?",
        "timestamp 'ye\ufffdsterday' cannot be understood",
    ]


@pytest.mark.parametrize(
    ("rows", "kept", "bad", "notes"),
    [
        ([("a", "x", None), ("a", "x", None)], [("a", "x")], [], {"repeated_row": 1}),
        ([("a", "x", None), ("a", "y", None), ("b", "z", None)], [("b", "z")], [1, 2], {}),
        ([("a", "x", "2024-01-01"), ("a", "y", "2024-01-02")], [("a", "y")], [], {"older_row": 1}),
        ([("a", "x", "2024-01-02"), ("a", "y", "2024-01-01")], [("a", "x")], [], {"older_row": 1}),
        ([("a", "x", None), ("a", "y", "2024-01-01")], [("a", "y")], [], {"older_row": 1}),
        (
            [("a", "x", "2024-01-02"), ("a", "y", "2024-01-02"), ("a", "z", "2024-01-01"), ("b", "z", None)],
            [("b", "z")],
            [1, 2],
            {"older_row": 1},
        ),
        ([("a", "x", None), ("a", "x", None), ("a", "y", None), ("b", "z", None)], [("b", "z")], [1, 2, 3], {}),
    ],
)
def test_duplicate_ids(rows, kept, bad, notes) -> None:
    items = [{"item_id": i, "title": t, "updated_at": w} for i, t, w in rows]
    if all(w is None for _, _, w in rows):
        items = [{k: v for k, v in row.items() if k != "updated_at"} for row in items]
    schema = Schema(name="s", items=ItemRoles(text=("title",)))
    result = cleaned([*items, {**items[0], "item_id": "i1"}], schema=schema)
    rest = [row for row in result.items.select("item_id", "title").rows() if row[0] != "i1"]
    assert rest == kept
    assert refused(result) == [("items.csv", line, "duplicate_id") for line in bad]
    assert noted(result) == notes


def test_duplicate_users_are_treated_alike() -> None:
    schema = Schema(name="s", users=Roles(numeric=("age",)))
    users = [{"user_id": "u1", "age": "3"}, {"user_id": "u1", "age": "4"}, {"user_id": "u2", "age": "5"}]
    result = cleaned(users=users, schema=schema)
    assert refused(result) == [("users.csv", 1, "duplicate_id"), ("users.csv", 2, "duplicate_id")]
    # u1 has an event, so it is still there, but nothing is claimed to be known of it.
    assert result.users.rows() == [("u2", 5.0), ("u1", None)]


def test_ids_that_differ_in_case_stay_distinct() -> None:
    result = cleaned([{"item_id": i} for i in ("Ab", "aB", "c", "i1")])
    assert len(result.items) == 4
    assert noted(result) == {"case_twins": 2}


def test_event_ids_count_once() -> None:
    events = [
        {**EVENT, "event_id": "e1"},
        {**EVENT, "event_id": "e1"},
        {**EVENT, "event_id": "e1", "event": "click"},
        {**EVENT, "event_id": "e2"},
        {**EVENT, "event_id": ""},
        {**EVENT, "event_id": "x" * 300},
    ]
    result = cleaned(events=events)
    assert refused(result) == [("events.csv", n, c) for n, c in ((3, "id_conflict"), (5, "empty_id"), (6, "long_id"))]
    assert result.events["event_id"].to_list() == ["e1", "e2"]
    assert noted(result) == {"repeated_event": 1}


def test_events_without_an_id_may_repeat() -> None:
    assert len(cleaned(events=[EVENT, EVENT]).events) == 2


def test_bad_numbers_of_features_become_missing_and_are_counted() -> None:
    schema = Schema(name="s", items=ItemRoles(numeric=("length", "width")))
    rows = [("i1", "1.5", "2"), ("i2", "long", "inf"), ("i3", "", "nan")]
    result = cleaned([{"item_id": i, "length": a, "width": b} for i, a, b in rows], schema=schema)
    assert refused(result) == []
    assert result.items["length"].to_list() == [1.5, None, None]
    assert result.items["width"].to_list() == [2.0, None, None]
    assert [note.text for note in result.warnings] == [
        "length: 1 values are not finite numbers and count as missing",
        "width: 2 values are not finite numbers and count as missing",
    ]


def test_types_are_what_a_dataset_promises() -> None:
    result = cleaned([ITEM], schema=FULL, users=[{"user_id": "u1", "city": "Lyon", "age": "33"}])
    assert dict(result.items.schema) == {
        "item_id": pl.String,
        "family": pl.String,
        "domain": pl.String,
        "brand": pl.String,
        "tags": pl.List(pl.String),
        "price": pl.Float64,
        "title": pl.String,
    }
    assert result.items.row(0) == ("i1", "i1", "all", "b", ["x", "y"], 9.5, "a dress")
    assert dict(result.events.schema) == {
        "user_id": pl.String,
        "item_id": pl.String,
        "timestamp": pl.Datetime("us", "UTC"),
        "event": pl.String,
        "weight": pl.Float32,
    }
    assert result.users.row(0) == ("u1", "Lyon", 33.0)


def test_weights_follow_the_schema() -> None:
    schema = Schema(name="s", weights={"view": 0.5, "purchase": 7.0})
    result = cleaned(events=[EVENT, {**EVENT, "event": "purchase"}], schema=schema)
    assert result.events["weight"].to_list() == [0.5, 7.0]


def test_events_are_sorted_by_time_and_ties_stay_in_file_order() -> None:
    times = ["2024-05-02", "2024-05-01", "2024-05-02", "2024-05-01"]
    events = [{**EVENT, "timestamp": t, "user_id": f"u{n}"} for n, t in enumerate(times)]
    assert cleaned(events=events).events["user_id"].to_list() == ["u1", "u3", "u0", "u2"]


def test_local_times_are_those_of_the_schema() -> None:
    schema = Schema(name="s", timezone="Asia/Shanghai")
    found = cleaned(events=[{**EVENT, "timestamp": "2024-05-01 08:00:00"}], schema=schema).events["timestamp"][0]
    assert found == datetime(2024, 5, 1, tzinfo=UTC)


def test_families_and_domains() -> None:
    rules = {"shoes": Domain(column="group", values=("Shoes", "Boots")), "tops": Domain(column="group", values=("T",))}
    rows = [("i1", "f", "Boots"), ("i2", "", "T"), ("i3", None, None), ("i4", "f", "Hats")]
    items = [{"item_id": i, "family": f, "group": g} for i, f, g in rows]
    result = cleaned(items, schema=Schema(name="s", domains=rules))
    assert result.items["family"].to_list() == ["f", "i2", "i3", "f"]
    assert result.items["domain"].to_list() == ["shoes", "tops", "other", "other"]
    own = cleaned([{"item_id": "i1", "domain": "d"}, {"item_id": "i2", "domain": None}])
    assert own.items["domain"].to_list() == ["d", "other"]


def test_users_of_events_are_added_and_counted() -> None:
    schema = Schema(name="s", users=Roles(numeric=("age",)))
    events = [EVENT, {**EVENT, "user_id": "u2"}, {**EVENT, "user_id": "u2"}]
    result = cleaned(events=events, users=[{"user_id": "u0", "age": "1"}, {"user_id": "u1", "age": "2"}], schema=schema)
    assert result.users.rows() == [("u0", 1.0), ("u1", 2.0), ("u2", None)]
    assert noted(result) == {"user_without_profile": 1}
    assert cleaned(events=events).users["user_id"].to_list() == ["u1", "u2"]


def test_columns_nobody_described_are_kept() -> None:
    result = cleaned([{"item_id": "i1", "extra": "x"}], [{**EVENT, "page": "home"}])
    assert result.items["extra"].to_list() == ["x"]
    assert result.events["page"].to_list() == ["home"]


COLOURED = Schema(name="s", items=ItemRoles(categorical=("colour",)))
TIMELESS = {k: v for k, v in EVENT.items() if k != "timestamp"}


@pytest.mark.parametrize(
    ("schema", "items", "users", "events", "code", "says"),
    [
        (PLAIN, [{"item": "i1", "x": "1"}], None, [EVENT], "missing_header", "item_id"),
        (FULL, [ITEM], None, [EVENT], "missing_file", "users"),
        (COLOURED, [{"item_id": "1", "color": "r"}], None, [EVENT], "missing_column", "colour"),
        (PLAIN, [{"item_id": "i1"}], [{"user": "u", "x": "1"}], [EVENT], "missing_header", "user_id"),
        (PLAIN, [{"item_id": "i1"}], None, [TIMELESS], "missing_column", "timestamp"),
        (PLAIN, [{"item_id": 1.5}], None, [EVENT], "wrong_type", "ids"),
        (PLAIN, [{"item_id": "i1"}], None, [{**EVENT, "timestamp": [1]}], "wrong_type", "times"),
        (Schema(name="s", timezone="Mars/Base"), [{"item_id": "i1"}], None, [EVENT], "unknown_timezone", "Mars"),
    ],
)
def test_tables_that_cannot_be_used(schema, items, users, events, code, says) -> None:
    with pytest.raises(DataError) as caught:
        cleaned(items, events, users, schema)
    assert caught.value.code == code
    assert says in caught.value.message
    assert caught.value.where


def test_tables_without_rows_are_refused() -> None:
    none = table_of(pl.DataFrame(schema={"item_id": pl.String}), "items.csv")
    with pytest.raises(DataError) as caught:
        clean(none, None, table_of(frame([EVENT]), "events.csv"), PLAIN, now=NOW)
    assert (caught.value.code, caught.value.where) == ("empty_file", "items.csv")


@pytest.mark.parametrize(
    "schema",
    [
        Schema(name="s", items=ItemRoles(categorical=("a",), text=("a",))),
        Schema(name="s", items=ItemRoles(categorical=("a",), category=("b",))),
        Schema(name="s", items=ItemRoles(price="price")),
        Schema(name="s", users=Roles(categorical=("user_id",))),
        Schema(name="s", weights={"view": -1.0}),
        Schema(name="s", weights={"view": float("nan")}),
    ],
)
def test_schemas_that_contradict_themselves(schema) -> None:
    with pytest.raises(DataError) as caught:
        check_schema(schema)
    assert caught.value.code == "bad_schema"


IDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Z"), exclude_characters="/\\"), min_size=1
)


@given(st.lists(IDS, min_size=1, max_size=5, unique=True))
def test_any_sensible_id_comes_through_unchanged(ids) -> None:
    result = cleaned([{"item_id": i} for i in ids], [{**EVENT, "item_id": i, "user_id": i} for i in ids])
    assert refused(result) == []
    assert result.items["item_id"].to_list() == ids
    assert sorted(result.events["user_id"]) == sorted(ids)


@given(
    st.lists(
        st.fixed_dictionaries({key: st.none() | st.text(max_size=12) | st.just(value) for key, value in EVENT.items()}),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_kept_or_refused_and_none_twice(events) -> None:
    result = cleaned(events=events)
    assert len(result.events) + len(result.quarantine) == len(events)
    assert result.quarantine["line"].n_unique() == len(result.quarantine)


def test_a_title_need_not_be_a_feature() -> None:
    schema = Schema(name="s", items=ItemRoles(title="title"))
    result = cleaned([{"item_id": "i1", "title": "a"}, {"item_id": "i2", "title": " "}], schema=schema)
    assert result.items.select("item_id", "title").rows() == [("i1", "a")]
    assert refused(result) == [("items.csv", 2, "empty_title")]


def test_dates_are_utc_times_and_bad_ones_are_missing_and_counted() -> None:
    schema = Schema(name="dated", items=ItemRoles(date=("released",), hashed=("designer",)))
    days = ["2024-05-01", "2024-05-01T08:00:00+02:00", "soon", "", None]
    rows = [{"item_id": f"i{n}", "released": day, "designer": n} for n, day in enumerate(days, start=1)]
    result = cleaned(rows, schema=schema)
    assert result.items.schema["released"] == pl.Datetime("us", "UTC")
    first, second = datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 1, 6, tzinfo=UTC)
    assert result.items["released"].to_list() == [first, second, None, None, None]
    assert result.items["designer"].to_list() == ["1", "2", "3", "4", "5"]
    assert noted(result)["not_a_date"] == 1
