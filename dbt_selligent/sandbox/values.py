"""The values that a field accepts, and the form in which values are compared.

What Selligent publishes about field types is followed. Where it publishes nothing, the strict side
is taken, so that a body accepted here has a fair chance there; such choices are marked *assumed*.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .config import LONGEST_TEXT, FieldConfig

Check = Callable[[object], object]

# Assumed: how several options stand in one value of a Multi field is not published.
SEPARATOR = "|"

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d)(?:\.(\d+))?(Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?",
    re.ASCII,
)


class InvalidValueError(ValueError):
    """A value that a field does not accept, with Selligent's validation_code for it."""

    def __init__(self, code: str, message: str, field_name: str | None = None) -> None:
        super().__init__(message)
        self.code, self.field_name = code, field_name


def canonical(value: object) -> object:
    """Bring a value to the form it is compared in: no case, no trailing blanks (assumed).

    The same form as the macro `selligent_canonical` gives a key: `rtrim(lower(value), ' ')`.
    """
    return value.lower().rstrip(" ") if isinstance(value, str) else value


def as_written(value: object) -> str:
    """Write a value the way a `reject` fault does: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Checker:
    """Turns the JSON values of one field into the values stored.

    It raises `InvalidValueError` for a value that the field does not accept, null among them where
    the field does not allow it; an empty string is not null.
    """

    name: str
    allow_null: bool
    check: Check

    def __call__(self, value: object) -> object:
        """Return the value stored."""
        if value is None:
            if self.allow_null:
                return None
            raise InvalidValueError("Unknown", "The field does not allow null", self.name)
        try:
            return self.check(value)
        except InvalidValueError as error:
            error.field_name = self.name
            raise

    def column(self, values: Sequence[object]) -> list[object]:
        """Return the values stored of many records; the error does not say which one is wrong."""
        if not self.allow_null and None in values:
            raise InvalidValueError("Unknown", "The field does not allow null", self.name)
        check = self.check
        return [None if value is None else check(value) for value in values]


def checker(name: str, field: FieldConfig) -> Checker:
    """Build what checks the values of a field, made once per field."""
    check = _CHECKS.get(field.data_type, _as_sent)
    if field.data_type == "Text":
        check = _text("Text", field.length or LONGEST_TEXT)
    if field.options:
        check = _one_of(check, field)
    return Checker(name, field.allow_null, check)


def _wrong_type(data_type: str) -> InvalidValueError:
    return InvalidValueError("InvalidType", f"The value is not a {data_type}")


def _boolean(value: object) -> object:
    if value is True or value is False:
        return value
    raise _wrong_type("Boolean")


def _integer(data_type: str, bits: int) -> Check:
    limit = 2 ** (bits - 1)

    def check(value: object) -> object:
        if type(value) is int and -limit <= value < limit:  # true is no number, though an int
            return value
        raise _wrong_type(data_type)

    return check


def _float(value: object) -> object:
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            raise _wrong_type("Float") from None
        if math.isfinite(number):
            return number
    raise _wrong_type("Float")


def _date(value: object) -> object:
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise _wrong_type("Date")


def _date_time(value: object) -> object:
    """Normalise to UTC with milliseconds; further decimals are cut off (assumed)."""
    match = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _wrong_type("DateTime")
    seconds, decimals, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds)
        if zone is not None and zone != "Z":
            seconds = (moment - _offset(zone)).isoformat()
    except (ValueError, OverflowError):
        raise _wrong_type("DateTime") from None
    return f"{seconds}.{decimals or '':0<3.3}"


def _offset(zone: str) -> timedelta:
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -offset if zone.startswith("-") else offset


def _text(data_type: str, longest: int) -> Check:
    def check(value: object) -> object:
        if not isinstance(value, str):
            raise _wrong_type(data_type)
        # No character takes more than two units: only a text that might be too long is counted.
        if len(value) * 2 > longest:
            units = len(value.encode("utf-16-le", "surrogatepass")) // 2
            if units > longest:
                message = f"Length of the text ({units}) is beyond the field's length ({longest})"
                raise InvalidValueError("MaxStringLengthExceeded", message)
        return value

    return check


def _as_sent(value: object) -> object:
    return value


def _one_of(check: Check, field: FieldConfig) -> Check:
    options = frozenset(field.options)
    several = field.content == "Multi" and field.data_type == "Text"

    def accept(value: object) -> object:
        stored = check(value)
        if stored in options or (several and options.issuperset(str(stored).split(SEPARATOR))):
            return stored
        raise InvalidValueError("Unknown", "The value is not in the field's option list")

    return accept


_CHECKS: dict[str, Check] = {
    "Boolean": _boolean,
    "Numeric": _integer("Numeric", 32),
    "Long": _integer("Long", 64),
    "Float": _float,
    "Date": _date,
    "DateTime": _date_time,
    "LongText": _text("LongText", 2**30),
}


def value_from_text(field: FieldConfig, text: object) -> object:
    """Turn the value of a search filter, published as a string, into the field's type.

    Raises `InvalidValueError` when the text is no such value.
    """
    if field.data_type in ("Text", "LongText"):
        return as_written(text)
    if isinstance(text, str) and field.data_type in ("Boolean", "Numeric", "Long", "Float"):
        try:
            text = json.loads(text.lower())
        except ValueError:
            raise _wrong_type(field.data_type) from None
    return _CHECKS.get(field.data_type, _as_sent)(text)
