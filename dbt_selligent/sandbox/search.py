"""The search of a list: its filters, its order and the page that it asks for.

What Selligent does not publish is marked *assumed*.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .config import FieldConfig
from .refusal import invalid
from .values import InvalidValueError, canonical, value_from_text

Row = Mapping[str, object]
Fields = Mapping[str, FieldConfig]
ID_FIELD = "SYSTEM.SELLIGENTID"
_ID_CONFIG = FieldConfig(data_type="Long", allow_null=False)
_COMPARISONS: dict[str, Callable[[Any, Any], object]] = {
    "EqualTo": operator.eq,
    "NotEqualTo": operator.ne,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "Like": lambda value, pattern: _like(str(pattern)).fullmatch(str(value)),
}
# An empty text is no null and null is no empty text, so null is neither empty nor not (assumed).
_STATES: dict[str, Callable[[object], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNotNull": lambda value: value is not None,
    "IsEmpty": lambda value: canonical(value) == "",
    "IsNotEmpty": lambda value: value is not None and canonical(value) != "",
}


class Filter(BaseModel):
    """One condition of a search; all of them must hold."""

    field_name: str
    operator: str
    field_value: str | int | float | bool | None = None

    def test(self, fields: Fields) -> Callable[[Row], bool]:
        """Build the function that says whether a row, of these fields, meets the condition."""
        name = _column(self.field_name, fields, compared=True)
        holds = self._test_of_values(name, fields)
        return lambda row: bool(holds(row[name]))

    def _test_of_values(self, name: str, fields: Fields) -> Callable[[object], object]:
        if state := _STATES.get(self.operator):
            return state
        compare = _COMPARISONS.get(self.operator)
        if compare is None or self.field_value is None:
            raise invalid(f"Filter on {name}: no such operator, or no field_value")
        wanted: object = self.field_value
        if self.operator != "Like":
            try:
                wanted = value_from_text(fields.get(name, _ID_CONFIG), wanted)
            except InvalidValueError as error:
                raise invalid(f"Filter on {name}: {error}") from None
        wanted = canonical(wanted)
        return lambda value: value is not None and compare(canonical(value), wanted)


class Search(BaseModel):
    """The body of a data/search; `take` is 1,000 records when it is left out (assumed)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    fields: list[str] = Field(min_length=1)
    filters: list[Filter] | None = None
    skip: int | None = Field(default=None, ge=0)
    take: int | None = Field(default=None, ge=0)
    order_by: str | None = None
    order_by_direction: str | None = Field(default=None, pattern="(?i)^(ASC|DESC)$")

    def run(self, fields: Fields, rows: list[Row]) -> list[list[object]]:
        """Return the values asked for of these rows, which hold `ID_FIELD` and these fields."""
        names = [_column(name, fields) for name in self.fields]
        for condition in self.filters or ():
            holds = condition.test(fields)
            rows = [row for row in rows if holds(row)]
        if self.order_by is not None:
            by = _column(self.order_by, fields, compared=True)
            rows = sorted(
                rows,
                key=lambda row: (row[by] is not None, canonical(row[by])),
                reverse=(self.order_by_direction or "").upper() == "DESC",
            )
        skip, take = self.skip or 0, 1000 if self.take is None else self.take
        return [[row[name] for name in names] for row in rows[skip : skip + take]]


def _column(name: str, fields: Fields, compared: bool = False) -> str:
    name = name.removeprefix("MASTER.")
    if name != ID_FIELD and name not in fields:
        raise invalid(f"Field {name} does not exist")
    if compared and name in fields and fields[name].data_type in ("Json", "Unknown"):
        raise invalid(f"Field {name} cannot be compared")
    return name


def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    return re.compile("".join(parts), re.DOTALL)
