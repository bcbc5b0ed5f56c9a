"""Values on their way: one expectation for all warehouses of what a list comes to hold."""

from __future__ import annotations

from typing import Any

import pytest
from functional.conftest import exposure

from contract.world import CUSTOMERS, World, calls, counted, crm, mails, problems, things
from dbt_selligent.pipeline import plan

ID = {"id": "integer"}
POO = "\N{PILE OF POO}"
SAME_TEXTS = ["plain", "", "null", "x" * 5000, None, None]
# By column its type, and its values as they stand in the model and as the list holds them.
VALUES: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
    "words": ("text", [(text, text) for text in SAME_TEXTS]),
    "short": ("text", [(text, text) for text in ("x", " ", "NaN", POO * 5, None, None)]),
    "no": ("bigint", [(n, n) for n in (2**63 - 1, -(2**63), 0, 2**53 + 1, None, None)]),
    "small": ("integer", [(n, n) for n in (2**31 - 1, -(2**31), 0, 1, None, None)]),
    "amount": (
        "double",
        [
            (0.1, 0.1),
            (1e15, 1e15),
            (-0.0, 0),
            (1.5e-7, 1.5e-7),
            (123456789012.75, 123456789013),
            (None, None),
        ],
    ),
    "price": (
        "decimal(10,2)",
        [
            ("1234567.89", 1234567.89),
            ("10", 10),
            ("-0.01", -0.01),
            ("99999999.99", 99999999.99),
            ("0.00", 0),
            (None, None),
        ],
    ),
    "ratio": (
        "real",
        [
            (0.1, 0.1),
            (16777216.0, 16777216),
            (-1.5, -1.5),
            (3e-5, 3e-5),
            (1e10, 1e10),
            (None, None),
        ],
    ),
    "day": (
        "date",
        [(day, day) for day in ("2024-02-29", "0001-01-01", "9999-12-31", "1582-10-10")]
        + [(None, None)] * 2,
    ),
    "at": (
        "timestamp",
        [
            ("2024-02-29 12:34:56.789999", "2024-02-29T12:34:56.789"),
            ("0001-01-01 00:00:00", "0001-01-01T00:00:00.000"),
            ("9999-12-31 23:59:59.999", "9999-12-31T23:59:59.999"),
            ("2024-03-10 02:30:00", "2024-03-10T02:30:00.000"),  # no time of the session's zone
            (None, None),
            (None, None),
        ],
    ),
    "since": (
        "timestamptz",
        [
            ("2024-02-29 12:34:56+02:00", "2024-02-29T10:34:56.000"),
            ("1969-12-31 23:59:59.999+00:00", "1969-12-31T23:59:59.999"),
            ("2024-07-01 00:00:00-04:00", "2024-07-01T04:00:00.000"),
            ("2024-11-03 05:30:00+00:00", "2024-11-03T05:30:00.000"),  # its hour comes twice there
            ("2024-11-03 06:30:00+00:00", "2024-11-03T06:30:00.000"),
            (None, None),
        ],
    ),
    "flag": ("boolean", [(flag, flag) for flag in (True, False, None, True, None, None)]),
}


def test_values_of_all_types_arrive_alike_from_every_warehouse(world: World) -> None:
    columns = {**ID, **{name: neutral for name, (neutral, _) in VALUES.items()}}
    world.declare(things(*(name.upper() for name in VALUES)))
    pairs = list(enumerate(zip(*(each for _, each in VALUES.values()), strict=True)))
    rows = [(number, *(given for given, _ in row)) for number, row in pairs]
    expected = [(number, *(held for _, held in row)) for number, row in pairs]
    world.fill("things", columns, *rows)
    assert counted(world.in_step("things")) == [("new", len(rows))]
    assert world.records("THINGS") == expected
    # In Python, True is 1.
    flags = [type(record[-1]) for record in world.records("THINGS")]
    assert flags == [bool, bool, type(None), bool, type(None), type(None)]
    assert world.verified("things").status == "in step"
    world.fill("things", columns, *reversed(rows))
    world.settled("things")


TEXTS = [
    " blanks around ",
    "double \"quotes\", 'single' and \\backslashes\\",
    "it's 100% {{ not_jinja }} ${user} $1 ?; -- select /* %s */",
    "two\nlines\r\nand\ta tab",
    "émile Łódź 日本語 עברית",
    "\N{FAMILY}\N{ZERO WIDTH JOINER}\N{WOMAN} e\N{COMBINING ACUTE ACCENT} is not é",
    "\x01\x1f\x7f control\u2028line\u2029paragraph\ufeffbom",
    "[1, 2]",
    "\\n \\u0041 \\",
]


def test_texts_arrive_exactly(world: World) -> None:
    world.declare(things("WORDS"))
    rows = list(enumerate(TEXTS))
    world.fill("things", {**ID, "words": "text"}, *rows)
    world.in_step("things")
    assert [body for _, _, body in world.sent()] == [[list(row) for row in rows]]
    assert [record[:2] for record in world.records("THINGS")] == rows
    world.settled("things")
    # An empty text is none, and no null.
    for words, sent in ((None, None), ("", "")):
        world.fill("things", {**ID, "words": "text"}, (0, words), *rows[1:])
        world.in_step("things")
        assert calls(world.sent()) == [("OnlyUpdate", "ID,WORDS", [[0, sent]])]


def test_what_is_sent_alike_is_no_change(world: World) -> None:
    columns = {**ID, "amount": "double", "at": "timestamp", "since": "timestamptz", "ratio": "real"}
    world.declare(things("AMOUNT", "AT", "SINCE", "RATIO"))
    noon = "2024-01-01 12:00:00"
    before = [
        (1, 0.3, f"{noon}.123001", f"{noon}+00:00", 0.5),
        (2, 1234567890123.0, None, f"{noon}.5+00:00", 0.0),
        (3, 0.0, noon, None, None),
        (4, 1e-10 / 3, noon, None, None),
    ]
    after = [
        (1, 0.1 + 0.2, f"{noon}.123999", "2024-01-01 13:00:00+01:00", 0.5),
        (2, 1234567890123.0002, None, f"{noon}.500001+00:00", -0.0),
        (3, -0.0, noon, None, None),
        (4, 1e-10 / 3 * (1 + 1e-14), noon, None, None),
    ]
    world.fill("things", columns, *before)
    world.in_step("things")
    world.fill("things", columns, *after)
    world.settled("things")
    # In a column of another type, an equal value is no change either.
    other = {**columns, "amount": "double", "ratio": "double", "at": "timestamptz"}
    world.fill(
        "things",
        other,
        *((n, a, at and f"{at}+00:00", since, ratio) for n, a, at, since, ratio in after),
    )
    world.settled("things")
    # The twelfth digit is one.
    world.fill("things", other, *((n, a, None, None, None) for n, a, *_ in after[:1]))
    world.in_step("things")
    world.sent()
    world.fill("things", other, (1, 0.300000000001, None, None, None))
    world.in_step("things")
    assert calls(world.sent()) == [("OnlyUpdate", "ID,AMOUNT", [[1, 0.300000000001]])]


def test_a_time_without_zone_is_of_the_zone_of_the_destination(world: World) -> None:
    world.profile(timezone="Europe/Brussels")
    world.declare(things("AT", "SINCE"))
    columns = {**ID, "at": "timestamp", "since": "timestamptz"}
    world.fill("things", columns, (1, "2024-07-01 12:00:00", "2024-07-01 12:00:00+00:00"))
    world.in_step("things")
    sent = [[1, "2024-07-01T10:00:00.000Z", "2024-07-01T12:00:00.000Z"]]
    assert [body for _, _, body in world.sent()] == [sent]
    world.fill("things", {**columns, "at": "date"}, (1, "2024-07-01", "2024-07-01 12:00:00+00:00"))
    world.in_step("things")
    assert [body for _, _, body in world.sent()] == [[[1, "2024-06-30T22:00:00.000Z"]]]


YEARS = "outside the years 1 to 9999"


@pytest.mark.parametrize("known", [False, True], ids=["first sync", "later"])
def test_values_that_cannot_be_sent_are_listed_and_the_others_go(world: World, known: bool) -> None:
    columns = {
        **ID,
        "short": "text",
        "small": "bigint",
        "amount": "double",
        "ratio": "real",
        "no": "decimal(20,0)",
        "day": "date",
        "at": "timestamp",
        "since": "timestamptz",
    }
    world.declare(things(*(name.upper() for name in columns if name != "id")))
    noon = "2024-02-29 12:00:00"
    good = (POO * 5, 2**31 - 1, 1.5, 0.5, 2**63 - 1, "2024-02-29", noon, f"{noon}+00:00")
    if known:
        world.fill("things", columns, *((number, *good) for number in range(16)))
        world.in_step("things")
        world.sent()
    beyond = world.house.beyond
    bad: list[tuple[int, Any]] = [
        (0, POO * 5 + "x"),
        (0, "12345678901"),
        (1, 2**31),
        (1, -(2**31) - 1),
        *((column, value) for column in (2, 3) for value in ("nan", "inf", "-inf")),
        (4, 2**63),
        (4, -(2**63) - 1),
        (5, beyond["date"]),
        (6, beyond["timestamp"]),
        (7, beyond["timestamptz"]),
    ]
    rows = [(number, *good[:at], value, *good[at + 1 :]) for number, (at, value) in enumerate(bad)]
    world.fill("things", columns, *rows, (15, *good))
    [planned] = plan(world.settings(select=("things",)), sample=len(rows))
    shown = {one["values"]["ID"]: one["values"] for one in planned.sample}
    assert sorted(shown) == list(range(len(bad))) + ([] if known else [15])
    assert [type(shown[at]["DAY"]) for at, (column, _) in enumerate(bad) if column == 5] == [str]
    result = world.in_step("things")
    new = [] if known else [("new", 1)]
    assert counted(result) == [*new, ("invalid", len(bad))]
    assert problems(result) == [
        ("AMOUNT", "not a finite number", 3),
        ("AT", YEARS, 1),
        ("DAY", YEARS, 1),
        ("NO", "outside the range of 64 bits", 2),
        ("RATIO", "not a finite number", 3),
        ("SHORT", "longer than 10 UTF-16 units", 2),
        ("SINCE", YEARS, 1),
        ("SMALL", "outside the range of 32 bits", 2),
    ]
    assert [[row[0] for row in body] for _, _, body in world.sent()] == ([] if known else [[15]])
    history = world.history("things", show_values=True)
    assert sorted((one["ID"], one["field"]) for one in history.invalid) == [
        (number, list(columns)[1 + at].upper()) for number, (at, _) in enumerate(bad)
    ]
    assert [one["ID"] for one in world.history("things").invalid] == ["***"] * len(bad)
    # They are not gone from the model: what the list has of them is still known.
    world.fill("things", columns, *((number, *good) for number in range(16)))
    result = world.in_step("things")
    assert counted(result) == ([] if known else [("new", len(bad))])


@pytest.mark.parametrize("type_", ["date", "timestamp"])
def test_a_key_that_no_driver_has_a_type_for_is_told_of(world: World, type_: str) -> None:
    key = {"date": "day", "timestamp": "at"}[type_]
    world.declare(things("AMOUNT", matching_key={key.upper(): key}))
    world.fill("things", {key: type_, "amount": "double"}, (world.house.beyond[type_], 1.5))
    assert counted(world.in_step("things", force=True)) == [("invalid", 1)]
    [told] = world.history("things", show_values=True).invalid
    assert (told["field"], type(told[key.upper()])) == (key.upper(), str)


@pytest.mark.parametrize("house", ["duckdb", "postgres"], indirect=True)
def test_a_key_s_own_collation_is_of_no_matter(world: World) -> None:
    """For one of them the key is another in the model than in the state. Spark's are refused."""
    columns = {"mail": "text", "score": "integer"}
    world.declare(mails(mode="mirror"))
    bob = ("bob@acme.example", 2)
    steps = [
        ([("ÉVA@acme.example", 1)], [("new", 2)], []),
        ([("ÉVA@acme.example", 5)], [("changed", 1)], []),
        ([("éva@acme.example", 5)], [], []),
        (
            [("éva@acme.example", 6), ("ÉVA@acme.example", 7)],
            [("invalid", 2)],
            [("MAIL", "the matching key stands twice, case and trailing blanks aside", 2)],
        ),
    ]
    for rows, found, told in steps:
        world.fill("mails", columns, *rows, bob)
        world.house.collate("mails", columns)
        result = world.sync_one("mails", force=True)
        assert (counted(result), problems(result)) == (found, told)
        assert len(world.records("MAILS")) == 2
    assert world.records("MAILS") == [bob, ("ÉVA@acme.example", 5)]


@pytest.mark.parametrize("model", ["customers", "spare"])
@pytest.mark.parametrize("house", ["duckdb", "postgres"], indirect=True)
def test_a_change_that_a_column_s_collation_does_not_see_is_sent(world: World, model: str) -> None:
    world.declare(crm(model=model))
    for name, found in [("Zoe", "new"), ("Zoé", "changed"), ("ZOÉ", "changed")]:
        world.customers((1, "zoe@acme.example", name, 10.5, True))
        world.house.collate("customers", CUSTOMERS)
        world.house.view("spare", "customers")
        assert counted(world.sync_one()) == [(found, 1)]
        assert world.records() == [(1, "zoe@acme.example", name, 10.5, True)]
    assert counted(world.sync_one()) == []


def test_names_that_need_quotes_are_names_as_any(world: World) -> None:
    """Of columns and of fields, in the model and in the state."""
    columns = {
        "Order": "text",
        'Say "hi"': "text",
        "back`tick, 'and' more": "text",
        "group by": "bigint",
    }
    fields = dict(zip(("Select", "user", "GROUP_BY"), list(columns)[1:], strict=True))
    meta = {"list": "RESERVED", "matching_key": {"ORDER": "Order"}, "fields": fields}
    world.declare(exposure("odd-name", "spare", {**meta, "removed": "delete"}))
    rows = [(f"k'{n}\\", f'v"{n}', "\\'", n) for n in range(20)]
    world.fill("spare", columns, *rows)
    assert world.in_step("odd-name").confirmed == 20
    assert sorted(world.records("RESERVED")) == sorted(rows)
    world.sent()
    world.fill("spare", columns, (*rows[0][:3], 99), *rows[1:19])
    result = world.in_step("odd-name")
    assert counted(result) == [("changed", 1), ("removed", 1)]
    assert calls(world.sent()) == [
        ("OnlyUpdate", "ORDER,GROUP_BY", [["k'0\\", 99]]),
        ("-", "ORDER", [["k'19\\"]]),
    ]
    assert world.verified("odd-name").status == "in step"
    world.settled("odd-name")
