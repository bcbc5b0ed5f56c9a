"""Values on their way: those that arrive as they are, and those that cannot be sent at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from .conftest import LISTS, Shop, exposure, load
from .test_sync import ANN, BEN

FIELDS = "ID,WORDS,NO,AMOUNT,DAY,AT,FLAG"
EMPTY = {
    "words": "null::varchar",
    "no": "null::integer",
    "amount": "null::double",
    "day": "null::date",
    "at": "null::timestamp",
    "flag": "null::boolean",
}


def things(shop: Shop, **columns: str) -> None:
    """One thing, of these values in SQL."""
    values = {"id": "1", **EMPTY, **columns}
    shop.table("things", "select " + ", ".join(f"{sql} as {name}" for name, sql in values.items()))


def arrives(shop: Shop, field: str, sql: str) -> object:
    """What is in the request for a value; it must be accepted, and not sent a second time."""
    things(shop, **{field.lower(): sql})
    shop.in_step("things")
    [(_, query, [row])] = shop.sent()
    shop.in_step("things")
    assert shop.sent() == []
    [record] = shop.records("THINGS")
    sent: object = dict(zip(query["fields"].split(","), row, strict=True))[field]
    # The sandbox keeps times without the Z, and whole numbers in a Float as they came.
    assert record[list(LISTS["THINGS"]["fields"]).index(field)] in (sent, str(sent).rstrip("Z"))
    return sent


TEXTS = [
    "plain",
    "",
    " blanks around ",
    'double "quotes" and \\backslashes\\',
    "it's 100% {{ not_jinja }} $1 ?; -- select",
    "two\nlines\r\nand\ta tab",
    "émile Łódź 日本語 עברית",
    "\N{PILE OF POO} \N{FAMILY}\N{ZERO WIDTH JOINER}\N{WOMAN}",
    "\N{REGIONAL INDICATOR SYMBOL LETTER B}\N{REGIONAL INDICATOR SYMBOL LETTER E}",
    "e\N{COMBINING ACUTE ACCENT} is not é",
    "\x01\x1f\x7f control\u2028line\u2029paragraph\ufeffbom",
    "null",
    "NaN",
    "[1, 2]",
    "x" * 5000,
]


def test_texts_arrive_exactly(shop: Shop) -> None:
    shop.write(
        "create table things as select 1 as id, null::varchar as words, "
        'null::integer as no, null::double as amount, null::date as day, null::timestamp as "at", '
        "null::boolean as flag limit 0",
    )
    with duckdb.connect(str(shop.warehouse)) as connection:
        for number, text in enumerate(TEXTS):
            connection.execute("insert into things (id, words) values (?, ?)", [number, text])
    shop.in_step("things")
    assert [row[:2] for _, _, body in shop.sent() for row in body] == [
        [number, text] for number, text in enumerate(TEXTS)
    ]
    assert [record[:2] for record in shop.records("THINGS")] == list(enumerate(TEXTS))
    shop.in_step("things")
    assert shop.sent() == []


VALUES: list[tuple[str, str, object]] = [
    ("NO", "9223372036854775807::bigint", 9223372036854775807),
    ("NO", "(-9223372036854775808)::bigint", -9223372036854775808),
    ("NO", "9007199254740993::hugeint", 9007199254740993),
    ("NO", "255::utinyint", 255),
    ("NO", "18446744073709551615::ubigint % 10", 5),
    ("AMOUNT", "0.1::double", 0.1),
    ("AMOUNT", "0.1::float", 0.1),
    ("AMOUNT", "1e15::double", 1e15),
    ("AMOUNT", "-0.0::double", 0),
    ("AMOUNT", "1234567890.12::decimal(18, 2)", 1234567890.12),
    ("AMOUNT", "10::decimal(10, 2)", 10),
    ("DAY", "date '2024-02-29'", "2024-02-29"),
    ("DAY", "date '0001-01-01'", "0001-01-01"),
    ("AT", "timestamp '2024-02-29 12:34:56'", "2024-02-29T12:34:56.000Z"),
    ("AT", "timestamp '2024-02-29 12:34:56.789999'", "2024-02-29T12:34:56.789Z"),
    ("AT", "timestamp_ns '2024-02-29 12:34:56.789123456'", "2024-02-29T12:34:56.789Z"),
    ("AT", "timestamp_s '1969-12-31 23:59:59'", "1969-12-31T23:59:59.000Z"),
    ("AT", "timestamptz '2024-02-29 12:34:56+02:00'", "2024-02-29T10:34:56.000Z"),
    ("FLAG", "true", True),
    ("WORDS", "'red'::enum('red', 'green')", "red"),
    ("WORDS", "'{\"a\": [1]}'::json", '{"a": [1]}'),
    (
        "WORDS",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
]


@pytest.mark.parametrize(("field", "sql", "expected"), VALUES)
def test_a_value_arrives_as_json_of_its_type(
    shop: Shop, field: str, sql: str, expected: object
) -> None:
    sent = arrives(shop, field, sql)
    assert sent == expected
    assert isinstance(sent, bool) is isinstance(expected, bool)


def test_a_time_without_zone_is_of_the_zone_of_the_destination(shop: Shop) -> None:
    shop.profile(timezone="Europe/Brussels")
    assert arrives(shop, "AT", "timestamp '2024-07-01 12:00:00'") == "2024-07-01T10:00:00.000Z"
    things(shop, at="timestamp '2024-01-01 12:00:00'")
    shop.in_step("things")
    assert [body for _, _, body in shop.sent()] == [[[1, "2024-01-01T11:00:00.000Z"]]]


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("AT", "timestamp '2024-01-01 12:00:00.123001'", "timestamp '2024-01-01 12:00:00.123999'"),
        ("AT", "timestamp '2024-01-01 12:00:00'", "timestamptz '2024-01-01 13:00:00+01'"),
        ("AMOUNT", "0.3::double", "0.1::double + 0.2::double"),
        ("AMOUNT", "0.1::double", "0.1::float"),
        ("AMOUNT", "1234567890123.0::double", "1234567890123.0002::double"),
        ("NO", "7::integer", "7::hugeint"),
        ("WORDS", "'red'", "'red'::enum('red', 'green')"),
        ("AMOUNT", "0.0::double", "-0.0::double"),
    ],
)
def test_what_is_sent_alike_is_no_change(shop: Shop, field: str, before: str, after: str) -> None:
    arrives(shop, field, before)
    things(shop, **{field.lower(): after})
    result = shop.in_step("things")
    assert shop.sent() == []
    assert result.counts is not None
    assert result.counts.unchanged == 1


def test_an_empty_text_and_null_are_different(shop: Shop) -> None:
    arrives(shop, "WORDS", "''")
    things(shop)
    shop.in_step("things")
    assert [body for _, _, body in shop.sent()] == [[[1, None]]]
    things(shop, words="''")
    shop.in_step("things")
    assert [body for _, _, body in shop.sent()] == [[[1, ""]]]


FINITE, RANGE, YEARS = (
    "not a finite number",
    "outside the range of 64 bits",
    "outside the years 1 to 9999",
)
UNSENDABLE = [
    ("'nan'::double", "9223372036854775808::hugeint", "'infinity'::date", "'-infinity'::timestamp"),
    (
        "'inf'::double",
        "18446744073709551615::ubigint",
        "date '300000-01-01'",
        "timestamp '12000-01-01 00:00:00'",
    ),
    (
        "'-inf'::float",
        "(-170141183460469231731687303715884105728)::hugeint",
        "'-infinity'::date",
        "'infinity'::timestamptz",
    ),
]


FAR = [
    ("UTC", "date '300000-01-01'", "date"),
    ("Europe/Brussels", "date '300000-01-01'", "date"),
    ("Europe/Brussels", "timestamp '290309-12-22 (BC)'", "timestamp"),
    ("Europe/Brussels", "timestamp '294247-01-10'", "timestamp"),
    ("UTC", "timestamp_s '294247-01-10'", "timestamp_s"),
]


@pytest.mark.parametrize(("zone", "sql", "sql_type"), FAR)
def test_a_time_that_no_cast_takes_is_invalid_and_the_others_go(
    shop: Shop, zone: str, sql: str, sql_type: str
) -> None:
    shop.profile(timezone=zone)
    meta = {"list": "THINGS", "matching_key": {"ID": "id"}, "fields": {"AT": "at"}}
    shop.declare(exposure("things", "things", meta))
    shop.table(
        "things",
        f"select 1 as id, {sql} as at union all select 2, '2024-07-01'::{sql_type} "
        f"union all select 3, null::{sql_type} order by 1",
    )
    result = shop.in_step("things")
    assert [(one["field"], one["reason"], one["rows"]) for one in result.problems] == [
        ("AT", YEARS, 1)
    ]
    hour = "2024-07-01T00" if zone == "UTC" else "2024-06-30T22"
    assert shop.sent()[0][2] == [[2, f"{hour}:00:00.000Z"], [3, None]]


def test_columns_that_only_look_alike_in_another_case_feed_their_own_fields(shop: Shop) -> None:
    fields = {"FIRSTNAME": "strasse", "MAIL": "stra\u00dfe"}
    meta = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": fields}
    shop.declare(exposure("crm", "customers", meta))
    shop.table("customers", "select 1 as id, 'one' as strasse, 'other' as \"stra\u00dfe\"")
    shop.in_step()
    assert shop.sent()[0][2] == [[1, "one", "other"]]


def test_options_are_folded_by_one_and_the_same_engine(open_shop: Callable[..., Shop]) -> None:
    options = ["\u039f\u0394\u039f\u03a3", "\u0130ZM\u0130R", *map(str, range(6000))]
    field = {"data_type": "Text", "content": "Single", "options": options}
    fields = {"ID": {"data_type": "Long", "allow_null": False}, "WORDS": field}
    shop = open_shop(lists={"THINGS": {"business_key": ["ID"], "fields": fields}})
    meta = {"list": "THINGS", "matching_key": {"ID": "id"}, "fields": {"WORDS": "words"}}
    shop.declare(exposure("things", "things", meta))
    # The last one is on the second page of the options.
    rows = [f"select {n} as id, '{word}' as words" for n, word in enumerate((*options[:2], "5999"))]
    shop.table("things", " union all ".join([*rows, "select 9, 'none'"]))
    result = shop.in_step("things")
    assert (result.confirmed, result.counts and result.counts.invalid) == (3, 1)


def test_a_null_that_is_never_sent_is_not_refused(open_shop: Callable[..., Shop]) -> None:
    fields = {
        "ID": {"data_type": "Long", "allow_null": False},
        "WORDS": {"data_type": "Text", "allow_null": False},
        "NO": {"data_type": "Numeric"},
    }
    shop = open_shop(lists={"THINGS": {"business_key": ["ID"], "fields": fields}})
    meta = {
        "list": "THINGS",
        "matching_key": {"ID": "id"},
        "fields": {"WORDS": "words", "NO": "no"},
    }
    shop.declare(exposure("things", "things", {**meta, "mode": "update", "nulls": "skip"}))
    shop.sandbox.put("THINGS", [{"ID": 1, "WORDS": "own"}])
    shop.table(
        "things", "select 1 as id, null::varchar as words, 5 as no union all select null, 'x', 6"
    )
    result = shop.in_step("things")
    assert (result.confirmed, result.counts and result.counts.invalid) == (1, 1)
    assert shop.records("THINGS") == [(1, "own", 5)]


@pytest.mark.parametrize("known", [False, True], ids=["first sync", "later"])
@pytest.mark.parametrize("values", UNSENDABLE)
def test_values_that_cannot_be_sent_are_listed_and_the_others_go(
    shop: Shop, values: tuple[str, ...], known: bool
) -> None:
    if known:
        things(shop)
        shop.in_step("things")
        shop.sent()
    bad = dict(zip(("amount", "no", "day", "at"), values, strict=True))
    rows = []
    for number, name in enumerate((*bad, "none"), 1):
        row = {**EMPTY, **({name: bad[name]} if name in bad else {})}
        rows.append(
            f"select {number} as id, "
            + ", ".join(f'{sql} as "{column}"' for column, sql in row.items())
        )
    shop.table("things", " union all ".join(rows) + " order by 1")
    result = shop.in_step("things")
    assert result.counts is not None
    assert (result.counts.invalid, result.counts.new, result.counts.removed) == (4, 1, 0)
    listed = [("AMOUNT", FINITE, 1), ("AT", YEARS, 1), ("DAY", YEARS, 1), ("NO", RANGE, 1)]
    assert sorted((one["field"], one["reason"], one["rows"]) for one in result.problems) == listed
    assert [[row[0] for row in body] for _, _, body in shop.sent()] == [[5]]
    said = shop.invoke("status", "--select", "things", "--show-values").out
    for number, field in enumerate(("AMOUNT", "NO", "DAY", "AT"), 1):
        assert f"    ID={number}: {field}: " in said
    # The row is not gone from the model: what Selligent has of it is still known.
    things(shop)
    again = shop.in_step("things")
    assert again.counts is not None
    assert (again.counts.unchanged, again.counts.new) == ((1, 0) if known else (0, 1))


def test_null_keys_and_doubled_keys_are_invalid_with_their_numbers(shop: Shop) -> None:
    twice = (2, "else@acme.example", "Else", 0.5, True)
    nobody = (None, "nobody@acme.example", None, None, None)
    shop.customers(ANN, BEN, twice, nobody, nobody)
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.rows, result.counts.new, result.counts.invalid) == (5, 1, 4)
    assert sorted((one["field"], one["reason"], one["rows"]) for one in result.problems) == [
        ("CUSTOMER_ID", "the matching key is null", 2),
        ("CUSTOMER_ID", "the matching key stands twice", 2),
    ]
    assert shop.records() == [ANN]
    done = shop.invoke("status", "--select", "crm", "--show-values")
    assert "CUSTOMER_ID=2: CUSTOMER_ID: the matching key stands twice, 2 rows" in done.out
    shop.sent()
    shop.in_step()
    assert shop.sent() == []


def test_a_key_that_comes_to_stand_twice_keeps_what_is_known_of_it(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.customers(ANN, BEN, BEN)
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.invalid, result.counts.removed, result.counts.unchanged) == (2, 0, 1)
    shop.customers(ANN, BEN)
    again = shop.in_step()
    assert again.counts is not None
    assert (again.counts.unchanged, again.requests) == (2, 0)


def test_keys_doubled_only_by_case_or_trailing_blanks_are_doubled(shop: Shop) -> None:
    shop.table(
        "mails",
        "select * from (values ('ann@acme.example', 1), ('Ann@Acme.example ', 2), "
        "('ben@acme.example', 3), ('cat@acme.example', 4), ('cat@acme.example  ', 5)) "
        "t(mail, score)",
    )
    for _ in range(2):
        result = shop.in_step("mails")
        assert result.counts is not None
        assert result.counts.invalid == 4
    assert [body for _, _, body in shop.sent()] == [[["ben@acme.example", 3]]]


def test_a_composite_key_with_a_null_in_one_part_is_invalid(shop: Shop) -> None:
    shop.table(
        "orders",
        "select * from (values ('Ghent', 1, 'open', 1.5), (null, 1, 'open', 1.5), "
        "('Ghent', null, 'open', 1.5)) t(store, order_no, state, total)",
    )
    for _ in range(2):
        result = shop.in_step("orders")
        assert result.counts is not None
        assert result.counts.invalid == 2
    assert [body for _, _, body in shop.sent()] == [[["Ghent", 1, "open", 1.5]]]


TYPES = [
    ("words", "['a', 'b']", "words is of type VARCHAR[], which no field takes"),
    ("words", "{'a': 1}", 'words is of type STRUCT("a" INTEGER), which no field takes'),
    ("words", "map {'a': 1}", "words is of type MAP(VARCHAR, INTEGER), which no field takes"),
    ("words", "'a'::blob", "words is of type BLOB, which no field takes"),
    ("at", "interval '1 day'", "at is of type INTERVAL, which no field takes"),
    ("at", "time '12:00:00'", "at is of type TIME, which no field takes"),
    ("id", "1.5::double", "id is of type DOUBLE, by which no record is found again"),
    ("id", "true", "id is of type BOOLEAN, by which no record is found again"),
]


@pytest.mark.parametrize(("column", "sql", "problem"), TYPES)
def test_a_column_of_a_type_no_field_takes_is_a_fault(
    shop: Shop, column: str, sql: str, problem: str
) -> None:
    things(shop, **{column: sql})
    done = shop.invoke("sync", "--select", "things")
    assert done.code == 2
    assert problem.replace('"a"', "a") in done.err.replace('"a"', "a")
    assert "cast it in the model" in done.err
    assert shop.writes() == []


def test_a_field_named_no_works_when_it_is_quoted(shop: Shop) -> None:
    """As it is in the shop's own YAML: see `things`."""
    assert arrives(shop, "NO", "5") == 5
    things(shop, no="6")
    shop.in_step("things")
    assert shop.sent() == [load("THINGS", "ID", "ID,NO", [[1, 6]], only_update=True)]


def test_columns_are_found_whatever_their_case_and_may_need_quotes(shop: Shop) -> None:
    meta: dict[str, Any] = {
        "list": "CUSTOMERS",
        "matching_key": {"CUSTOMER_ID": "customer id"},
        "fields": {"MAIL": 'e"mail', "FIRSTNAME": "ORDER"},
    }
    shop.declare(exposure("crm", "customers", meta))
    shop.table("customers", """select 1 as "Customer ID", 'a' as "e""mail", 'b' as "order" """)
    shop.in_step()
    fields = "CUSTOMER_ID,MAIL,FIRSTNAME"
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", fields, [[1, "a", "b"]])]
