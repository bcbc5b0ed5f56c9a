"""A settled value in another type: on every engine what it is in DuckDB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from .cases import DATES, TIMES
from .engines import Engine, same

INTEGERS = [
    "0", "1", "-1", "2", "99", "100", "999", "1000", str(2**31), str(2**53 + 1), str(2**63 - 1),
    str(-(2**63)),
]  # fmt: skip
HUGES = [
    *INTEGERS, str(2**63), str(-(2**63) - 1), "9" * 38, "-" + "9" * 38,
]  # fmt: skip
DECIMALS = [
    "0", "1", "-1", "0.5", "1.5", "2.5", "-2.5", "1.10", "99.99", "99.994", "99.995", "99.999",
    "999.99", "-999.995", "12345678.90123", "9223372036854775807.4", "9223372036854775807.5",
    "-9223372036854775808.5",
]  # fmt: skip
FLOATS = [
    "0", "1", "-1", "0.5", "1.5", "2.5", "3.5", "-2.5", "1.25", "1.1", "99.99", "1e20", "-1e20",
    "1e40", "1e300", "5e-324", "9007199254740992", "9223372036854775807", "-9223372036854775808",
    "inf", "-inf", "nan",
]  # fmt: skip
TEXTS_OF_NUMBERS = [
    "0", "1", "-1", "+7", " 7 ", "007", "5.5", "6.5", "-5.5", "1.10", ".5", "5.", "1e3", "1E-3",
    "-1.5e2", "", " ", "x", "1x", "1 2", "--1", "1e", "e1", ".", "0x10", "1,5", "12,345", "½", "٣",
    "9223372036854775807", "9223372036854775808", "9" * 38, "9" * 39, "9" * 300, "99.994",
    "99.995", "999.99", "1e40", "1e400", "1e-400", "-1e400",
]  # fmt: skip
TEXTS_OF_FLOATS = [
    *TEXTS_OF_NUMBERS, "nan", "NaN", "inf", "-inf", "Infinity", "-Infinity", "5e-324",
    "1.7976931348623157e308", "0.1",
]  # fmt: skip
TEXTS_OF_DATES = [
    "2026-01-31", "2024-02-29", "2023-02-29", "2026-02-30", "2026-04-31", "2026-13-01",
    "2026-00-10", "2026-01-00", "2026-01-32", "0001-01-01", "9999-12-31", "", "x", "2026-01",
    "31.01.2026", "today", "now", "epoch", "2026-01-31x", "1900-02-29", "2000-02-29",
]  # fmt: skip
TEXTS_OF_TIMES = [
    *TEXTS_OF_DATES, "2026-01-31 12:34", "2026-01-31 12:34:56", "2026-01-31T12:34:56",
    "2026-01-31T12:34:56Z", "2026-01-31T12:34:56.7Z", "2026-01-31 12:34:56.123456",
    "2026-01-31 12:34:56.1234567", "2026-02-30 12:34:56", "2026-01-31 24:00:01",
    "2026-01-31 23:60:00", "2026-01-31 23:59:61", "2026-01-31 1", "12:34",
]  # fmt: skip
TEXTS_OF_BOOLEANS = [
    "true", "false", "True", "FALSE", "t", "f", "1", "0", "yes", "no", "y", "n", "on", "off", "2",
    "", "x",
]  # fmt: skip

DECIMAL = "decimal(5,2)"
WIDE = "decimal(38,5)"
# (old, new, texts); a family stands for its type on the engine.
CASTS = [
    ("integer", "integer", INTEGERS),
    ("integer", "huge", INTEGERS),
    ("integer", "float", INTEGERS),
    ("integer", "text", INTEGERS),
    ("integer", "boolean", INTEGERS),
    ("integer", DECIMAL, INTEGERS),
    ("integer", "date", INTEGERS),
    ("integer", "time", INTEGERS),
    ("huge", "integer", HUGES),
    ("huge", "float", HUGES),
    ("huge", "text", HUGES),
    ("huge", DECIMAL, HUGES),
    ("huge", WIDE, HUGES),
    (WIDE, "integer", DECIMALS),
    (WIDE, "huge", DECIMALS),
    (WIDE, "float", DECIMALS),
    (WIDE, "text", DECIMALS),
    (WIDE, DECIMAL, DECIMALS),
    (WIDE, "date", DECIMALS),
    ("float", "integer", FLOATS),
    ("float", "boolean", FLOATS[:5]),
    ("float", DECIMAL, FLOATS),
    ("float", "time", FLOATS),
    ("boolean", "integer", ["true", "false"]),
    ("boolean", "huge", ["true", "false"]),
    ("boolean", "float", ["true", "false"]),
    ("boolean", "text", ["true", "false"]),
    ("boolean", DECIMAL, ["true", "false"]),
    ("boolean", "date", ["true", "false"]),
    ("text", "integer", TEXTS_OF_NUMBERS),
    ("text", "huge", TEXTS_OF_NUMBERS),
    ("text", DECIMAL, TEXTS_OF_NUMBERS),
    ("text", "float", TEXTS_OF_FLOATS),
    ("text", "boolean", TEXTS_OF_BOOLEANS),
    ("text", "date", TEXTS_OF_DATES),
    ("text", "time", TEXTS_OF_TIMES),
    ("date", "time", DATES),
    ("date", "text", DATES),
    ("date", "integer", DATES),
    ("date", "boolean", DATES),
    ("time", "date", TIMES),
    ("time", "float", TIMES),
]


def cast(engine: Engine, old: str, new: str, texts: Sequence[str | None]) -> list[Any]:
    """The values of a family, made from texts, in another one."""
    types = {**engine.dialect.types, DECIMAL: DECIMAL, WIDE: WIDE}
    if engine.name == "postgres":
        types |= {each: each.replace("decimal", "numeric") for each in (DECIMAL, WIDE)}
    families = [each.partition("(")[0] for each in (old, new)]
    tried = engine.render(
        "try_cast",
        value="x",
        old_type=types[old],
        new_type=types[new],
        old_family=families[0],
        new_family=families[1],
    )
    engine.replace("model", engine.values(types[old], texts))
    rows = engine.rows(
        f"select {engine.shown(families[1], 'tried')} from "
        f"(select place, {tried} as tried from model) as t order by place"
    )
    return [same(value) for (value,) in rows]


# What DuckDB gives, and what another engine does.
DIFFERENCES: dict[str, dict[str, tuple[Any, Any]]] = {
    "postgres": {
        "text 0x10 as integer": (16, None),
        "text 0x10 as huge": (16, None),
        "text 1e400 as float": (math.inf, None),
        "text -1e400 as float": (-math.inf, None),
        "text epoch as date": (0, None),
        "text epoch as time": (0, None),
    },
    "spark": {
        "text 0x10 as integer": (16, None),
        "text 0x10 as huge": (16, None),
        "text ٣ as integer": (None, 3),
        "text ٣ as huge": (None, 3),
        f"text ٣ as {DECIMAL}": (None, 3),
        "text epoch as date": (0, None),
        "text epoch as time": (0, None),
    },
}


@pytest.mark.parametrize(
    ("old", "new", "texts"), CASTS, ids=[f"{old} as {new}" for old, new, _ in CASTS]
)
def test_a_value_in_another_type(
    duck: Engine, other: Engine, old: str, new: str, texts: Sequence[str]
) -> None:
    values = [*texts, None]
    wanted, found = (cast(engine, old, new, values) for engine in (duck, other))
    given = [f"{old} {text} as {new}" for text in values]

    assert {
        key: (there, here)
        for key, there, here in zip(given, wanted, found, strict=True)
        if there != here
    } == {key: pair for key, pair in DIFFERENCES[other.name].items() if key in given}
