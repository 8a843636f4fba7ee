from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.data.timestamps import localise, parse_times, to_iso
from muslin.errors import DataError


def one(value, zone: str = "UTC", dtype=None) -> datetime | None:
    return parse_times(pl.Series("t", [value], dtype=dtype), zone, where="events.csv")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-05-01T12:00:00Z", datetime(2024, 5, 1, 12)),
        ("2024-05-01 12:00:00.25+02:00", datetime(2024, 5, 1, 10, 0, 0, 250_000)),
        ("2024-05-01T12:00:00-0530", datetime(2024, 5, 1, 17, 30)),
        ("2024-05-01t12:00:00z", datetime(2024, 5, 1, 12)),
        ("2024-05-01 12:00:00 UTC", datetime(2024, 5, 1, 12)),
        (" 2024-05-01T12:00:00 ", datetime(2024, 5, 1, 12)),
        ("2024-05-01 12:00", datetime(2024, 5, 1, 12)),
        ("2024-05-01", datetime(2024, 5, 1)),
        ("2024-05-01T12:00:00.123456789Z", datetime(2024, 5, 1, 12, 0, 0, 123_456)),
        ("1714564800", datetime(2024, 5, 1, 12)),
        ("1714564800000", datetime(2024, 5, 1, 12)),
        ("1714564800000000", datetime(2024, 5, 1, 12)),
        ("1714564800000000000", datetime(2024, 5, 1, 12)),
        ("1714564800.5", datetime(2024, 5, 1, 12, 0, 0, 500_000)),
        ("0", datetime(1970, 1, 1)),
    ],
)
def test_texts_that_are_understood(text, expected) -> None:
    assert one(text) == expected.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterday", "01/05/2024", "2024-02-30", "2024-13-01", "2024-05-01T25:00:00Z", "1e9", "--5", "NaN"],
)
def test_texts_that_are_not(text) -> None:
    assert one(text) is None


def test_a_column_may_mix_writings() -> None:
    texts = ["2024-05-01T12:00:00Z", "2024-05-01", "1714564800", None, "2024-05-01 14:00:00", "nonsense"]
    found = parse_times(pl.Series(texts), "Europe/Paris", where="x")
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert found.to_list() == [noon, noon - timedelta(hours=14), noon, None, noon, None]
    assert found.dtype == pl.Datetime("us", "UTC")


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        # Clocks put back: 02:30 happens twice, the earlier (summer) one counts.
        ("2024-10-27T02:30:00", "Europe/Paris", datetime(2024, 10, 27, 0, 30)),
        # Clocks put forward: 02:30 never happens and is read with the winter offset, as 03:30.
        ("2024-03-31T02:30:00", "Europe/Paris", datetime(2024, 3, 31, 1, 30)),
        # Day stamps in a zone that puts its clocks forward at midnight.
        ("2018-11-04", "America/Sao_Paulo", datetime(2018, 11, 4, 3)),
        # Half an hour of change, and a whole day that was left out.
        ("2024-10-06T02:15:00", "Australia/Lord_Howe", datetime(2024, 10, 5, 15, 45)),
        ("2011-12-30T12:00:00", "Pacific/Apia", datetime(2011, 12, 30, 22)),
        ("2024-07-01T00:00:00", "Asia/Kolkata", datetime(2024, 6, 30, 18, 30)),
    ],
)
def test_local_times_around_a_change_of_clocks(local, zone, utc) -> None:
    assert one(local, zone) == utc.replace(tzinfo=UTC)


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran", "UTC", "Africa/Cairo"]),
)
def test_localise_is_what_python_does_with_fold_zero(local, zone) -> None:
    expected = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    assert localise(pl.Series([local], dtype=pl.Datetime("us")), zone)[0] == expected


@given(st.datetimes(datetime(1974, 1, 1), datetime(2100, 1, 1)), st.sampled_from([-720, -30, 0, 60, 345, 840]))
def test_rfc_3339_survives(moment, minutes) -> None:
    zoned = (moment + timedelta(minutes=minutes)).isoformat()
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    assert one(f"{zoned}{sign}{size // 60:02d}:{size % 60:02d}") == moment.replace(tzinfo=UTC)


def test_columns_of_times_and_numbers() -> None:
    noon = datetime(2024, 5, 1, 12)
    assert one(noon, "Europe/Paris") == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert one(noon.replace(tzinfo=ZoneInfo("Asia/Tokyo"))) == datetime(2024, 5, 1, 3, tzinfo=UTC)
    assert one(noon, dtype=pl.Datetime("ns")) == noon.replace(tzinfo=UTC)
    assert one(date(2024, 5, 1), "Asia/Tokyo") == datetime(2024, 4, 30, 15, tzinfo=UTC)
    assert one(1_714_564_800, dtype=pl.Int32) == noon.replace(tzinfo=UTC)
    assert one(1_714_564_800_000.0) == noon.replace(tzinfo=UTC)
    assert one(float("nan")) is None
    assert one(None, dtype=pl.Null) is None


def test_a_column_that_cannot_hold_times_is_named() -> None:
    with pytest.raises(DataError) as caught:
        parse_times(pl.Series("t", [["a"]]), "UTC", where="events.parquet, column 't'")
    assert (caught.value.code, caught.value.where) == ("wrong_type", "events.parquet, column 't'")


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(DataError) as caught:
        one("2024-05-01", "Europe/Pariss")
    assert caught.value.code == "unknown_timezone"
    assert "Europe/Paris" in caught.value.fix


def test_own_formats_become_rfc_3339_and_misfits_stay() -> None:
    texts = pl.Series(["01/05/2024 12:00", "31/31/2024 12:00", None])
    assert to_iso(texts, "%d/%m/%Y %H:%M").to_list() == ["2024-05-01T12:00:00.000000", "31/31/2024 12:00", None]
    zoned = to_iso(pl.Series(["01/05/2024 12:00 +0200"]), "%d/%m/%Y %H:%M %z")
    assert parse_times(zoned, "Asia/Tokyo", where="x")[0] == datetime(2024, 5, 1, 10, tzinfo=UTC)
