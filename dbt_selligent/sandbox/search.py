"""The search of a list: its filters, its order and the page that it asks for.

What Selligent does not publish is marked *assumed*.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .config import FieldConfig
from .orders import BOUNDS, Order
from .refusal import invalid
from .values import InvalidValueError, canonical, value_from_text

Record = Mapping[str, object]
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

    def test(self, name: str, fields: Fields) -> Callable[[object], object]:
        """Build the function that says whether a value of the field meets the condition."""
        if state := _STATES.get(self.operator):
            return state
        compare, wanted = _COMPARISONS.get(self.operator), self.wanted(name, fields)
        if compare is None or wanted is None:
            raise invalid(f"Filter on {name}: no such operator, or no field_value")
        return lambda value: value is not None and compare(canonical(value), wanted)

    def wanted(self, name: str, fields: Fields) -> object:
        """Return what the values are compared with, in the form in which they are."""
        if self.field_value is None or self.operator == "Like":
            return canonical(self.field_value)
        try:
            return canonical(value_from_text(fields.get(name, _ID_CONFIG), self.field_value))
        except InvalidValueError as error:
            raise invalid(f"Filter on {name}: {error}") from None


class Search(BaseModel):
    """The body of a data/search; `take` is 1,000 records when it is left out (assumed)."""

    model_config = ConfigDict(hide_input_in_errors=True)

    fields: list[str] = Field(min_length=1)
    filters: list[Filter] | None = None
    skip: int | None = Field(default=None, ge=0)
    take: int | None = Field(default=None, ge=0)
    order_by: str | None = None
    order_by_direction: str | None = Field(default=None, pattern="(?i)^(ASC|DESC)$")

    def run(
        self,
        fields: Fields,
        records: Mapping[int, Record],
        order_of: Callable[[str, bool], Order],
        among: Collection[int] | None = None,
    ) -> list[list[object]]:
        """Return the values asked for of these records by id, or of those among the ids given.

        order_of: gives the order of the records by a field, descending or not.
        """
        names = [_column(name, fields) for name in self.fields]
        by = None if self.order_by is None else _column(self.order_by, fields, compared=True)
        tests: list[tuple[str, Callable[[object], object]]] = []
        bounds: list[tuple[str, object]] = []
        for one in self.filters or ():
            name = _column(one.field_name, fields, compared=True)
            test = one.test(name, fields)
            if name == by and one.operator in BOUNDS:
                bounds.append((one.operator, one.wanted(name, fields)))
            else:
                tests.append((name, test))
        ids: Iterable[int] = records if among is None else among
        if by is not None:
            ids = order_of(by, (self.order_by_direction or "").upper() == "DESC").ids(bounds)
            if among is not None:
                ids = (i for i in ids if i in among)
        found = (
            i
            for i in ids
            if all(test(i if name == ID_FIELD else records[i][name]) for name, test in tests)
        )
        skip, take = self.skip or 0, 1000 if self.take is None else self.take
        page = islice(found, skip, skip + take)
        return [[i if name == ID_FIELD else records[i][name] for name in names] for i in page]


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
