import pytest

from muslin.data.atomic import read_atomic
from muslin.errors import DataError


def written(tmp_path, text: str):
    path = tmp_path / "a.item"
    path.write_text(text)
    return path


def test_types_become_roles(tmp_path) -> None:
    header = (
        "item_id:token brand:token sku:token movie_title:token_seq class:token_seq price:float v:float_seq no:token"
    )
    rows = [f"{n}\tb{n % 3}\ts{n}\tA B\tx y\t{n}\t1 2\t" for n in range(60)]
    found = read_atomic(written(tmp_path, "\n".join([header.replace(" ", "\t"), *rows])), ("item_id",))
    roles = found.roles("item_id")
    assert (roles.categorical, roles.hashed, roles.multi) == (("brand",), ("sku",), ("class",))
    assert (roles.text, roles.numeric, roles.vector) == (("movie_title",), ("price",), ("v",))
    typed = found.typed(roles).frame
    assert typed["class"][0].to_list() == ["x", "y"]
    assert typed["v"][0].to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("item_id", "bad_header"),
        ("item_id:tokens", "bad_header"),
        (":token", "bad_header"),
        ("item_id:token\titem_id:float", "duplicate_header"),
        ("item:token", "missing_column"),
    ],
)
def test_headers_that_say_nothing_are_refused(tmp_path, header, code) -> None:
    with pytest.raises(DataError) as caught:
        read_atomic(written(tmp_path, f"{header}\n{'1' + 'x' * 3}\n"), ("item_id",))
    assert caught.value.code == code
