import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.survey.result import Column, Common
from muslin.survey.wording import holds, number, percent, plain


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (1, "100%"), (0.0001, "<0.1%"), (0.99999, ">99.9%"), (0.05, "5.0%"), (0.5, "50%"), (0.951, "95.1%")],
)
def test_shares(share, said) -> None:
    assert percent(share) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_none_and_all_are_said_to_be(share) -> None:
    assert percent(share) not in ("0%", "100%", "0.0%", "100.0%")


def test_numbers() -> None:
    assert [number(n) for n in (12345.0, 0.12345, 1e12, "2020-01-01")] == ["12,345", "0.1235", "1e+12", "2020-01-01"]


@given(st.text())
def test_plain_is_one_short_line(text) -> None:
    said = plain(text, 20)
    assert len(said) <= 20
    assert not set(said) & set("\x1b\n\r\t\x00\u202e\u200b\x9b")


def test_what_a_column_holds() -> None:
    assert holds(Column("c", "categorical", 1.0, common=(Common("a", 0.5), Common("b", 0.25)))) == "a 50%, b 25%"
    assert holds(Column("n", "numeric", 1.0, quantiles=(1.0, 2.0, 3.0, 4.0, 5.5))) == "1 to 5.5, median 3"
    assert holds(Column("v", "vector", 1.0, width=384)) == "vectors of 384"
    text = Column("t", "text", 1.0, lengths=(1.0, 2.0, 3.0, 4.0, 5.0), han=0.5)
    assert holds(text) == "3 characters (half: 2 to 4), 50% Chinese"
    assert holds(Column("e", "vector", 0.0)) == ""
