import pytest
from hypothesis import given
from hypothesis import strategies as st

from muslin.cli.arguments import names, numbers, price_range, share
from muslin.errors import UsageError

PRICES = st.one_of(st.none(), st.floats(0, 1e9, allow_nan=False))


@given(st.integers(0, 10_000))
def test_share_reads_percent_and_fraction_alike(basis_points) -> None:
    assert share(f"{basis_points / 100}%", "") == pytest.approx(share(str(basis_points / 10_000), ""))


@pytest.mark.parametrize("text", ["1 percent", "", "%", "nan", "-1%", "101%", "2", "inf", "1%%"])
def test_what_is_no_share(text) -> None:
    with pytest.raises(UsageError) as caught:
        share(text, "--max-bad")
    assert (caught.value.code, caught.value.where) == ("bad_share", "--max-bad")


@given(PRICES, PRICES)
def test_price_range_comes_back(low, high) -> None:
    text = f"{'' if low is None else low}:{'' if high is None else high}"
    if low is None and high is None:
        with pytest.raises(UsageError):
            price_range(text)
    else:
        assert price_range(text) == (low, high)


@pytest.mark.parametrize("text", ["10", "", ":", "a:b", "10:x", "-1:5", "nan:5", "1:inf", "1:2:3"])
def test_what_is_no_price_range(text) -> None:
    with pytest.raises(UsageError) as caught:
        price_range(text)
    assert caught.value.code == "bad_price"


@given(st.lists(st.integers(-5, 99), min_size=1))
def test_numbers_come_back(values) -> None:
    assert numbers(" , ".join(map(str, values)), "") == tuple(values)


@pytest.mark.parametrize("text", ["1,a", "1.5", "1e3"])
def test_what_is_no_number_is_named(text) -> None:
    with pytest.raises(UsageError, match=text.split(",")[-1]) as caught:
        numbers(text, "--k")
    assert caught.value.where == "--k"


def test_names() -> None:
    assert names(" a, b,,c ", "") == ("a", "b", "c")
    with pytest.raises(UsageError, match="nothing"):
        names(" , ", "--methods")
