"""Checks of the rows of items and users: ids, described columns, prices, titles, duplicates, families, domains."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from muslin.data.checked import AUX, Note, Part, content
from muslin.data.columns import as_id, as_list, as_number, as_text, as_vector
from muslin.data.contract import Rule, failures, none_bad, shown
from muslin.data.quarantine import LINE
from muslin.data.read import Table, require_columns
from muslin.data.schema import Domain, Roles, Schema
from muslin.data.timestamps import parse_times
from muslin.data.vector_checks import Owners, Rows, checked

ID_LIMIT = 256
TITLE_LIMIT = 10_000
PRICE_LIMIT = 1e9


def id_rules(column: str) -> list[Rule]:
    """Rules of an id: there, at most `ID_LIMIT` characters, no white space, control character or slash in it."""
    clean = r"[\s\p{Cc}\p{Cf}/\\]"
    return [
        Rule(column, "empty_id", lambda v: v.is_not_null() & (v.str.strip_chars() != ""), f"{column} is empty"),
        Rule(column, "long_id", lambda v: v.str.len_chars() <= ID_LIMIT, f"{column} {{value}} is too long"),
        Rule(column, "bad_id", lambda v: ~v.str.contains(clean), f"{column} {{value}} holds a space, control or slash"),
    ]


def number_rule(column: str, code: str, low: float, high: float, *, whole: bool = False) -> Rule:
    """Rule of a number `low <= value < high` (NaN, which stands for anything unreadable, never holds)."""
    kind = "whole number" if whole else "number"

    def holds(v: pl.Expr) -> pl.Expr:
        inside = v.is_finite() & (v >= low) & (v < high)
        return inside & (v == v.floor()) if whole else inside

    floor = "above 0" if 0 < low < 1 else f"from {low:g}"
    return Rule(column, code, holds, f"{column} {{value}} is no {kind} {floor} to below {high:g}", AUX + column)


def check_items(table: Table, schema: Schema, beside: pl.DataFrame | None = None) -> Part:
    """Items with `item_id`, `family`, `domain` and their described columns, unique by `item_id`.

    A bad vector becomes missing and its row stays: see `vector_checks`. `beside`: items these are to join; then a title
    may be missing, and vectors must be as long as there.
    """
    roles = schema.items
    described = (*roles.columns(), *(c for c in (roles.title, roles.price) if c))
    require_columns(table, ("item_id", *dict.fromkeys((*described, *(d.column for d in schema.domains.values())))))
    start = Part(table, table.frame, none_bad())
    domain = _domain(start, schema.domains)
    part = _described(start, "items", "item_id", roles, schema.timezone, keep_bad=roles.price)
    part = part.changed(part.frame.with_columns(domain.alias("domain"), _family(part)))
    if roles.title and roles.title not in roles.text:
        title = as_text(part.frame[roles.title], part.where(roles.title))
        part = part.changed(part.frame.with_columns(title))
    part = _stocked(part)
    part = part.without(failures(part.frame, _item_rules(schema, part.frame.columns, titled=beside is None)))
    part = _latest(part, "items", "item_id", schema.timezone)
    for name in roles.vector:
        width = Rows.of(beside[name]).width() if beside is not None else None
        part = _with_vectors(part, "items", "item_id", name, width)
    return part.changed(part.frame, *_case_twins(part.frame["item_id"]))


def check_users(table: Table, schema: Schema) -> Part:
    """Users with `user_id` and their described columns, unique by `user_id`."""
    require_columns(table, ("user_id", *schema.users.columns()))
    part = _described(Part(table, table.frame, none_bad()), "users", "user_id", schema.users, schema.timezone)
    part = part.without(failures(part.frame, id_rules("user_id")))
    part = _latest(part, "users", "user_id", schema.timezone)
    for name in schema.users.vector:
        part = _with_vectors(part, "users", "user_id", name, None)
    return part


def _item_rules(schema: Schema, columns: Sequence[str], *, titled: bool) -> list[Rule]:
    rules, title = id_rules("item_id"), schema.items.title
    if title:
        long = f"{title} has more than {TITLE_LIMIT:,} characters"
        empty = [Rule(title, "empty_title", lambda v: v.is_not_null(), f"{title} is empty")]
        rules += empty if titled else []
        rules.append(Rule(title, "long_title", lambda v: v.str.len_chars() <= TITLE_LIMIT, long))
    if schema.items.price:
        rules.append(number_rule(schema.items.price, "bad_price", 1e-300, PRICE_LIMIT))
    if AUX + "stock" in columns:
        rules.append(number_rule("stock", "bad_stock", 0, PRICE_LIMIT, whole=True))
    return rules


def _described(part: Part, table: str, key: str, roles: Roles, zone: str, keep_bad: str | None = None) -> Part:
    """Every described column in its type; numbers that are none become null and are counted, except in `keep_bad`."""
    frame, notes = part.frame, []
    converted = [as_id(frame[key], part.where(key))]
    converted += [as_text(frame[c], part.where(c)) for c in (*roles.categorical, *roles.hashed, *roles.text)]
    converted += [as_list(frame[c], part.where(c)) for c in roles.multi]
    for name in roles.numeric:
        number = as_number(frame[name], part.where(name))
        if name == keep_bad:
            converted.append(frame[name].cast(pl.String).alias(AUX + name))
        else:
            bad = number.is_nan().fill_null(value=False)
            text = f"{name}: {{:,}} values are not finite numbers and count as missing"
            notes.append(Note("not_a_number", table, int(bad.sum()), text.format(int(bad.sum()))))
            number = number.set(bad, None)
        converted.append(number)
    for name in roles.date:
        days = parse_times(frame[name], zone, where=part.where(name))
        lost = int(days.null_count() - _empty(frame[name]))
        notes.append(Note("not_a_date", table, lost, f"{name}: {lost:,} values are not dates and count as missing"))
        converted.append(days)
    converted += [as_vector(frame[c], part.where(c)) for c in roles.vector]
    return part.changed(frame.with_columns(converted), *notes)


def _empty(column: pl.Series) -> int:
    """How many rows say nothing."""
    return column.null_count() + (int((column.str.strip_chars() == "").sum()) if column.dtype == pl.String else 0)


def _with_vectors(part: Part, table: str, key: str, name: str, width: int | None) -> Part:
    """The bad vectors of the column `name` are gone from it; the garments and shoppers who had them stay."""
    owners = Owners(part.table.file, key, part.frame[key], part.frame[LINE].to_numpy())
    found = checked(part.frame[name], owners, table, width)
    tallies = (found.tally,) if found.tally.bad else ()
    part = part.changed(part.frame.with_columns(found.values.alias(name)), *found.notes)
    return replace(part, lost=pl.concat([part.lost, found.quarantine]), tallies=(*part.tallies, *tallies))


def _stocked(part: Part) -> Part:
    if "stock" not in part.frame.columns:
        return part
    stock = part.frame["stock"]
    return part.changed(
        part.frame.with_columns(as_number(stock, part.where("stock")), stock.cast(pl.String).alias(AUX + "stock"))
    )


def _family(part: Part) -> pl.Series:
    own = part.frame["item_id"].alias("family")
    if "family" not in part.frame.columns:
        return own
    return as_text(as_id(part.frame["family"], part.where("family")), "family").fill_null(own)


def _domain(part: Part, rules: dict[str, Domain]) -> pl.Series:
    """Domain of each row: the first rule that takes it, else `other`; without rules the column as given, else `all`."""
    frame = part.frame
    if not rules and "domain" in frame.columns:
        return as_text(frame["domain"], part.where("domain")).fill_null("other")
    if not rules:
        return pl.repeat("all", len(frame), eager=True, dtype=pl.String)
    domain = pl.Series("domain", [None] * len(frame), dtype=pl.String)
    for name, rule in rules.items():
        taken = as_text(frame[rule.column], part.where(rule.column)).is_in(list(rule.values)).fill_null(value=False)
        domain = domain.set(taken & domain.is_null(), name)
    return domain.fill_null("other")


def _latest(part: Part, table: str, key: str, zone: str) -> Part:
    """One row per id: the last `updated_at`; equal rows count once, differing ones are all refused."""
    frame, stamped = part.frame, "updated_at" in part.frame.columns
    if stamped:
        frame = frame.with_columns(parse_times(frame["updated_at"], zone, where=part.where("updated_at")))
    repeated = frame.filter(pl.col(key).is_duplicated())
    if repeated.is_empty():
        return part.changed(frame)
    repeated = repeated.select(LINE, key, _when(stamped).alias("when"), content(repeated))
    newest = repeated.filter(pl.col("when") == pl.col("when").max().over(key))
    first = newest.unique([key, "content"], keep="first", maintain_order=True)
    clash = newest.filter(pl.col("content").n_unique().over(key) > 1)
    reason = pl.lit(f"{key} ") + shown(pl.col(key)) + " has several rows that differ" + (" at one updated_at" * stamped)
    bad = clash.select(LINE, pl.lit("duplicate_id").alias("code"), reason.alias("reason"))
    gone = repeated.join(pl.concat([first.select(LINE), bad.select(LINE)]), on=LINE, how="anti")
    older = len(repeated) - len(newest)
    same = len(gone) - older
    kept = frame.join(gone, on=LINE, how="anti", maintain_order="left")
    notes = (
        Note("older_row", table, older, f"{older:,} rows are older than another of the same {key} and are ignored"),
        Note("repeated_row", table, same, f"{same:,} rows repeat another exactly and count once"),
    )
    return part.changed(kept, *notes).without(bad)


def _when(stamped: bool) -> pl.Expr:
    return pl.col("updated_at").dt.epoch("us").fill_null(-(2**62)) if stamped else pl.lit(0)


def _case_twins(ids: pl.Series) -> list[Note]:
    """A remark when ids differ in case only; they stay distinct."""
    lower = ids.str.to_lowercase()
    if lower.n_unique() == len(ids):
        return []
    twins = ids.filter(lower.is_duplicated()).sort()
    count = len(twins)
    example = twins.to_frame().select(shown(pl.first())).to_series()[0]
    text = f"{count:,} ids differ from another in upper and lower case only, such as {example}; they stay distinct"
    return [Note("case_twins", "items", count, text)]
