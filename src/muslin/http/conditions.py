"""Filters of a request: their shape, and their meaning for a catalogue."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple

import msgspec

from muslin.engine.filters import Filters
from muslin.http.problems import ProblemError
from muslin.http.vocabulary import Vocabulary

Id = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=256,
        # Without the look-ahead, `$` would let one newline through at the end.
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*$(?![\r\n])",
        description="1 to 256 characters, none of them control characters",
    ),
]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Values = Annotated[tuple[Id, ...], msgspec.Meta(max_length=100, description="any of these; an empty list is no filter")]

_UNKNOWN = {
    "categories": ("unknown_category", "The catalogue has no such category."),
    "genders": ("unknown_gender", "No garment has this gender."),
    "sizes": ("unknown_size", "No garment has this size."),
    "brands": ("unknown_brand", "No garment has this brand."),
    "domains": ("unknown_domain", "The catalogue has no such domain."),
}


class PriceRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lowest and highest price, both inclusive; garments without a price are left out."""

    min: Amount | None = None
    max: Amount | None = None


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions a garment must meet, all of them."""

    in_stock: Annotated[bool, msgspec.Meta(description="leave out what is known to be out of stock")] = False
    price: PriceRange | None = None
    categories: Annotated[Values, msgspec.Meta(description="any level of the category path is one of these")] = ()
    genders: Values = ()
    sizes: Values = ()
    brands: Values = ()
    exclude_items: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)] = ()


class Warn(msgspec.Struct, frozen=True):
    """Something in the request that had no effect, or not the one it may have been meant to have."""

    code: str
    pointer: str
    detail: str


class Meaning(NamedTuple):
    """Engine filters, or None where no garment of this catalogue can meet them, and what to warn about."""

    filters: Filters | None
    warnings: tuple[Warn, ...]


def understood(conditions: Conditions, domain: str | None, words: Vocabulary) -> Meaning:
    """Meaning of a request's conditions; raises `ProblemError` (`min_above_max`)."""
    price = _price(conditions.price)
    wanted = {
        "categories": conditions.categories,
        "genders": conditions.genders,
        "sizes": conditions.sizes,
        "brands": conditions.brands,
    }
    lacking = [f"/filters/{name}" for name, values in wanted.items() if values and name not in words.values]
    if price is not None and not words.priced:
        lacking.append("/filters/price")
    detail = "The catalogue does not say this of any garment, so none meets the condition."
    warnings = [Warn("filter_unavailable", pointer, detail) for pointer in lacking]
    if conditions.in_stock and not words.stocked:
        warnings.append(Warn("stock_unknown", "/filters/in_stock", "The catalogue has no stock; nothing is left out."))
    warnings.extend(_unknown(wanted, domain, words))
    if lacking:
        return Meaning(None, tuple(warnings))
    filters = Filters(
        in_stock=conditions.in_stock,
        price=price,
        categories=conditions.categories,
        domains=() if domain is None else (domain,),
        exclude_items=conditions.exclude_items,
        values={words.columns[name]: values for name, values in wanted.items() if values and name in words.columns},
    )
    return Meaning(filters, tuple(warnings))


def _price(price: PriceRange | None) -> tuple[float | None, float | None] | None:
    if price is None or (price.min is None and price.max is None):
        return None
    if price.min is not None and price.max is not None and price.min > price.max:
        raise ProblemError("min_above_max", "/filters/price")
    return price.min, price.max


def _unknown(wanted: dict[str, tuple[str, ...]], domain: str | None, words: Vocabulary) -> Iterator[Warn]:
    """A warning for each value that no garment has."""
    for name, values in wanted.items():
        known = words.values.get(name)
        for place, value in enumerate(values):
            if known is not None and value not in known:
                code, detail = _UNKNOWN[name]
                yield Warn(code, f"/filters/{name}/{place}", detail)
    if domain is not None and domain not in words.values["domains"]:
        code, detail = _UNKNOWN["domains"]
        yield Warn(code, "/domain", detail)
