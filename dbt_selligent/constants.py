"""Constants that fields are set to where a row left the model: `removed: {set: {FIELD: value}}`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime

from dbt_selligent.activation import Activation
from dbt_selligent.errors import Fault, nearest
from dbt_selligent.naming import canonical
from dbt_selligent.selligent.lists import Field, Listing
from dbt_selligent.warehouse.macros import literal


def field_fault(listing: Listing, name: str) -> tuple[str, str] | None:
    """Why a list's field cannot be written, and the mend; None if it can."""
    field = listing.find(name)
    if field is None:
        like = nearest(name, listing.names)
        return (
            f"list {listing.name} has no field {name}",
            f"did you mean {like}?" if like else f"it has {', '.join(listing.names)}",
        )
    if field.computed:
        writable = [each.name for each in listing.fields if not each.computed]
        like = nearest(name, writable)
        return (
            f"field {name} of list {listing.name} is computed by Selligent",
            f"take it out, or write {like}" if like else "take it out",
        )
    return None


def read_constants(
    activation: Activation, listing: Listing | None
) -> tuple[list[tuple[str, str]], list[Fault]]:
    """Fields and values, in SQL, of what a removal sets, and what is wrong with them."""
    found, faults = [], []
    for name, given in activation.removed_set:
        value = given
        key = f"removed.set.{name}"
        field = listing.find(name) if listing else None
        wrong = field_fault(listing, name) if listing else None
        if wrong is None and field is not None and not _takes(field, value):
            wrong = (
                f"a field of type {field.data_type} does not take this value",
                f"write one of type {field.data_type}",
            )
        if wrong:
            faults.append(activation.fault(key, *wrong))
        if isinstance(value, bool) and field is not None and field.data_type in ("Numeric", "Long"):
            value = int(value)  # as a model's boolean is sent to such a field
        found.append((field.name if field else name, _in_sql(value)))
    return found, faults


def _takes(field: Field, value: object) -> bool:
    if value is None:
        return field.allow_null
    if field.choices is not None and canonical(str(value)) not in map(canonical, field.choices):
        return False
    takes = _TAKES.get(field.data_type)
    return takes is None or takes(field, value)


def _whole(bits: int) -> Callable[[Field, object], bool]:
    limit = 2 ** (bits - 1)
    return lambda _, value: isinstance(value, int) and -limit <= value < limit


def _text(field: Field, value: object) -> bool:
    units = len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else 0
    return isinstance(value, str) and (field.length is None or units <= field.length)


def _parses(parse: Callable[[str], object]) -> Callable[[Field, object], bool]:
    def takes(_: Field, value: object) -> bool:
        try:
            return isinstance(value, str) and bool(parse(value))
        except ValueError:
            return False

    return takes


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_TAKES: Mapping[str, Callable[[Field, object], bool]] = {
    "Boolean": lambda _, value: isinstance(value, bool),
    "Numeric": _whole(32),
    "Long": _whole(64),
    "Float": lambda _, value: (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and -sys.float_info.max <= value <= sys.float_info.max
    ),
    "Date": _parses(lambda text: date.fromisoformat(text).isoformat() == text),
    "DateTime": _parses(lambda text: _MOMENT.fullmatch(text) and datetime.fromisoformat(text[:19])),
    "Text": _text,
    "LongText": _text,
}


def _in_sql(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else literal(str(value))
