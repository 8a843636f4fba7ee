from dataclasses import dataclass

import pytest

from muslin.config import as_options, read_options, resolve
from muslin.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Shape:
    steps: int = 3
    rate: float = 0.5
    deep: bool = False


def test_defaults_then_file_then_assignments(tmp_path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("steps = 5\nrate = 0.25\n")
    options = read_options(file, ["rate=0.125", "deep = true"])
    assert resolve(Shape, options, where="here") == Shape(steps=5, rate=0.125, deep=True)
    assert resolve(Shape, as_options(Shape(steps=9)), where="here") == Shape(steps=9)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        ({"step": 1}, "unknown_option", "did you mean 'steps'"),
        ({"steps": "many"}, "bad_option", "option 'steps': expected `int`"),
        ({"deep": 7}, "bad_option", "deep"),
        ({"rate": "nan"}, "bad_option", "option 'rate': nan is not a finite number"),
    ],
)
def test_bad_options_are_named(options, code, text) -> None:
    with pytest.raises(UsageError, match=text) as caught:
        resolve(Shape, options, where="method x")
    assert caught.value.code == code
    assert caught.value.where == "method x"


def test_unreadable_files_and_assignments_are_named(tmp_path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("steps = = 5")
    for file, assignments, code in (
        (tmp_path / "none.toml", [], "no_file"),
        (broken, [], "bad_toml"),
        (None, ["steps"], "bad_assignment"),
        (None, ["=5"], "bad_assignment"),
    ):
        with pytest.raises(UsageError) as caught:
            read_options(file, assignments)
        assert caught.value.code == code
