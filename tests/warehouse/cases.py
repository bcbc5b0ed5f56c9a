"""Hard values of each origin, as texts that every engine casts; and what feeds which field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dbt_selligent.selligent.lists import Field


@dataclass(frozen=True)
class Case:
    """A column: its type on each engine, in a statement, and values."""

    name: str
    types: Mapping[str, str]
    texts: Sequence[str | None]
    field: Field | None = None
    zone: str = "UTC"


DOUBLES = [
    "0", "-0", "0.1", "0.30000000000000004", "0.333333333333333314", "1", "-1", "1.5", "2.5",
    "-2.5", "123456789012345", "999999999999999", "-999999999999999", "1e15", "1234567890123456",
    "9007199254740991", "-9007199254740991", "9007199254740993", "123456789012.345",
    "123456789012.5", "123456789013.5", "-123456789012.5", "1.23456789012345e-20",
    "1.23456789012345e300", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308",
    "-1.7976931348623157e308", "1e20", "1.0000000000001e20", "0.123456789012", "0.1234567890121",
    "0.12345678901250001", "1e-10", "9.99999999999e-11", "9.9999999999999e-11", "1e-7",
    "0.9999999999999", "0.99999999999951", "9.9999999999995", "99.9999999999999",
    "999999.9999999999", "1000000.0000001", "1e14", "1e22", "1e23", "8.5e22", "4503599627370497.5",
    "0.000123456789012345", "3.14159265358979", "2.718281828459045", "1234.5678901235",
    "-1234.5678901245", "100000000000.5", "nan", "inf", "-inf",
]  # fmt: skip

REALS = [
    "0", "-0", "0.1", "0.2", "0.3", "1", "16777216", "16777217", "3.4e38", "-3.4e38",
    "1.17549435e-38", "0.333333343", "3.14159274", "1e10", "123456.789", "0.001", "1e-5", "1e-10",
    "9.999999e-5", "3.3554432e7", "2e-3", "1.1", "33554430", "8388608.5", "5e37", "nan", "inf",
    "-inf",
]  # fmt: skip

DECIMALS = [
    "0", "1", "-1", "1.10", "1.1", "-0.01", "12.50", "1234567890123.45", "1234567890123.456",
    "99999999.999", "0.0000000001", "123456789012345.67", "-123456789012345.67",
    "9999999999999999999.9", "0.3333333333", "0.6666666667",
]  # fmt: skip

WHOLES = [
    "0", "1", "-1", "12", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "9007199254740993", "123456789012345678", "12345678901234567890123456789012345678",
    "-99999999999999999999999999999999999999",
]  # fmt: skip

INTEGERS = [each for each in WHOLES if -(2**63) <= int(each) < 2**63]

TEXTS = [
    "",
    " ",
    "   ",
    " Ann ",
    "Ann  ",
    "ÉMILE ",
    "e\u0301",
    "ß ẞ",
    "12345",
    "123456",
    "ééééé",
    "éééééé",
    "€€€€€",
    "😀😀",
    "😀😀a",
    "😀😀😀",
    "a\tb\n",
    "tab\t",
    "nbsp\u00a0",
    'it\'s \\ "q" `b` ${spark.app.name} $1 %s {0}',
    "--",
    "\U0010ffff\uffff\ue000",
    "👩‍👩‍👧",
    "ＡＢＣ ЖУК ΑΒΓ",
]

TIMES = [
    "2026-01-31 12:00:00.123456",
    "2026-01-31 12:00:00.999999",
    "2026-07-31 12:00:00",
    "2026-01-01 00:30:00",
    "1969-12-31 23:59:59.999999",
    "1970-01-01 00:00:00",
    "0001-01-01 00:00:00",
    "0001-01-01 00:10:00",
    "0001-01-01 23:00:00",
    "9999-12-31 23:59:59.999999",
    "9999-12-31 23:59:59.999",
    "1582-10-10 12:00:00",
    "1899-12-31 23:00:00",
    "1850-03-29 02:30:00",
    "2060-07-01 12:00:00",
    # An hour that there is twice, and one that there is not.
    "2026-10-25 01:30:00",
    "2026-10-25 02:00:00",
    "2026-10-25 02:30:00",
    "2026-10-25 03:00:00",
    "2026-10-24 12:00:00",
    "2026-03-29 01:59:59",
    "2026-03-29 02:00:00",
    "2026-03-29 02:30:00",
    "2026-03-29 03:00:00",
    "2026-03-28 12:00:00",
]

DATES = [
    "2026-01-31", "2024-02-29", "0001-01-01", "9999-12-31", "1582-10-10", "1969-12-31",
    "1900-02-28", "2026-03-29",
]  # fmt: skip

BRUSSELS = "Europe/Brussels"
BOOLEAN = {"duckdb": "boolean", "postgres": "boolean", "spark": "boolean"}
BIGINT = {"duckdb": "bigint", "postgres": "bigint", "spark": "bigint"}
DOUBLE = {"duckdb": "double", "postgres": "double precision", "spark": "double"}
REAL = {"duckdb": "float", "postgres": "real", "spark": "float"}
TEXT = {"duckdb": "varchar", "postgres": "text", "spark": "string"}
DATE = {"duckdb": "date", "postgres": "date", "spark": "date"}
TIME = {
    "duckdb": "timestamp",
    "postgres": "timestamp without time zone",
    "spark": "timestamp_ntz",
}
ZONED = {
    "duckdb": "timestamp with time zone",
    "postgres": "timestamp with time zone",
    "spark": "timestamp",
}


def decimal(digits: int, places: int) -> dict[str, str]:
    size = f"({digits},{places})"
    return {"duckdb": f"decimal{size}", "postgres": f"numeric{size}", "spark": f"decimal{size}"}


TEXT_FIELD = Field("F", "Text", length=5)
CHOICE = Field("F", "Text", content="Single", optionlist="G", options=("F", "M ", "o'X\\"))
CHOICES_OF_NUMBERS = Field("F", "Numeric", content="Single", optionlist="L", options=("1", "12"))

CASES = [
    Case("boolean", BOOLEAN, ["true", "false", None]),
    Case("boolean as number", BOOLEAN, ["true", "false", None], Field("F", "Numeric")),
    Case("integer", BIGINT, [*INTEGERS, None]),
    Case("integer in 32 bits", BIGINT, [*INTEGERS, None], Field("F", "Numeric")),
    Case("integer among options", BIGINT, [*INTEGERS, None], CHOICES_OF_NUMBERS),
    Case("integer as float", BIGINT, [*INTEGERS, None], Field("F", "Float")),
    Case("integer as text", BIGINT, [*INTEGERS, None], TEXT_FIELD),
    Case("required", BIGINT, ["1", None], Field("F", "Long", allow_null=False)),
    Case("whole", decimal(38, 0), [*WHOLES, None]),
    Case("whole in 64 bits", decimal(38, 0), [*WHOLES, None], Field("F", "Long")),
    Case("whole in 32 bits", decimal(38, 0), [*WHOLES, None], Field("F", "Numeric")),
    Case("whole as text", decimal(38, 0), [*WHOLES, None], Field("F", "Text")),
    Case("whole as float", decimal(38, 0), [*WHOLES, None], Field("F", "Float")),
    Case("decimal", decimal(38, 10), [*DECIMALS, None]),
    Case("decimal of places alone", decimal(18, 18), ["0", "0.25", "-0.25", None]),
    Case("decimal as float", decimal(38, 10), [*DECIMALS, None], Field("F", "Float")),
    Case("float", DOUBLE, [*DOUBLES, None]),
    Case("float as float", DOUBLE, [*DOUBLES, None], Field("F", "Float")),
    Case("real", REAL, [*REALS, None]),
    Case("text", TEXT, [*TEXTS, None]),
    Case("text of a length", TEXT, [*TEXTS, None], TEXT_FIELD),
    Case("text among options", TEXT, ["F", "f  ", "m", "M ", "O'x\\", " m", "", "x", None], CHOICE),
    Case("text without options", TEXT, ["F", None], replace(CHOICE, options=())),
    Case("date", DATE, [*DATES, None]),
    Case("date as time", DATE, [*DATES, None], Field("F", "DateTime")),
    Case("date as time of a zone", DATE, [*DATES, None], Field("F", "DateTime"), BRUSSELS),
    Case("time", TIME, [*TIMES, None]),
    Case("time of a zone", TIME, [*TIMES, None], zone=BRUSSELS),
    Case("time of a zone far east", TIME, [*TIMES, None], zone="Pacific/Kiritimati"),
    Case("time of a zone with half an hour", TIME, [*TIMES, None], zone="Australia/Lord_Howe"),
    Case("zoned time", ZONED, [*(f"{each}+00:00" for each in TIMES), None], zone=BRUSSELS),
]
