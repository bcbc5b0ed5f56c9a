"""The values that a removal sets: what a field takes, and how they stand in SQL."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from dbt_selligent.activation import Activation
from dbt_selligent.constants import field_fault, read_constants
from dbt_selligent.manifest import Model
from dbt_selligent.selligent.lists import Field, Listing

MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")
ACTIVATION = Activation(
    "crm", "exposure.shop.crm", "models/crm.yml", (), MODEL, "dev", "L",
    (("ID", "id"),), (("MAIL", "email"),), removed="set",
)  # fmt: skip


def setting(**values: Any) -> Activation:
    return replace(ACTIVATION, removed_set=tuple(values.items()))


def listing(*fields: Field) -> Listing:
    return Listing("L", (Field("ID", "Long"), *fields))


TAKEN = [
    ("Boolean", True),
    ("Boolean", False),
    ("Numeric", 2**31 - 1),
    ("Numeric", -(2**31)),
    ("Numeric", True),
    ("Long", 2**63 - 1),
    ("Long", -(2**63)),
    ("Float", 1),
    ("Float", 1.5),
    ("Date", "2026-01-31"),
    ("DateTime", "2026-01-31T12:00:00"),
    ("DateTime", "2026-01-31T12:00:00.123Z"),
    ("Text", "12345"),
    ("Text", "😀😀a"),
    ("Text", ""),
    ("LongText", "x" * 9000),
    ("Json", '{"a": 1}'),
    ("Unknown", True),
    ("Unknown", "x"),
    ("Unknown", 5),
]
NOT_TAKEN = [
    ("Float", float("nan")),
    ("Date", "20260131"),
    ("Date", "2026-W05-6"),
    ("Boolean", 1),
    ("Boolean", "true"),
    ("Numeric", 2**31),
    ("Numeric", -(2**31) - 1),
    ("Numeric", 1.0),
    ("Numeric", "1"),
    ("Long", 2**63),
    ("Long", "1"),
    ("Float", True),
    ("Float", "1.5"),
    ("Date", "31-01-2026"),
    ("Date", "2026-02-30"),
    ("Date", "2026-01-31T12:00:00"),
    ("Date", 20260131),
    ("Float", 10**400),
    ("DateTime", "soon"),
    ("DateTime", "2026-01-31"),
    ("DateTime", "2026-01-31 12:00:00"),
    ("DateTime", "2026-01-31T12:00"),
    ("DateTime", "2026-01-31T25:00:00"),
    ("DateTime", "2026-01-31T12:00:00.123456"),
    ("DateTime", 5),
    ("Text", "123456"),
    ("Text", "😀😀😀"),
    ("Text", 5),
    ("Text", True),
    ("LongText", 5),
]


@pytest.mark.parametrize(("data_type", "value"), TAKEN)
def test_a_value_that_its_field_takes(data_type: str, value: object) -> None:
    field = Field("X", data_type, length=5 if data_type == "Text" else None)

    found, faults = read_constants(setting(X=value), listing(field))

    assert faults == []
    assert [name for name, _ in found] == ["X"]


@pytest.mark.parametrize(("data_type", "value"), NOT_TAKEN)
def test_a_value_that_its_field_does_not_take(data_type: str, value: object) -> None:
    field = Field("X", data_type, length=5 if data_type == "Text" else None)

    _, [fault] = read_constants(setting(X=value), listing(field))

    assert (fault.file, fault.exposure, fault.key) == ("models/crm.yml", "crm", "removed.set.X")
    assert fault.problem == f"a field of type {data_type} does not take this value"
    assert fault.mend == f"write one of type {data_type}"
    assert str(value) not in (fault.problem, fault.mend)


@pytest.mark.parametrize("data_type", ["Boolean", "Numeric", "Date", "Text", "Json", "Unknown"])
def test_null_where_the_field_takes_it(data_type: str) -> None:
    field = Field("X", data_type, length=5)

    assert read_constants(setting(X=None), listing(field)) == ([("X", "null")], [])
    _, [fault] = read_constants(setting(X=None), listing(replace(field, allow_null=False)))
    assert fault.key == "removed.set.X"


def test_a_field_is_called_as_the_list_calls_it() -> None:
    fields = listing(Field("OptOut", "Boolean"))

    assert read_constants(setting(OPTOUT=True), fields) == ([("OptOut", "true")], [])


@pytest.mark.parametrize(
    ("value", "options", "faults"),
    [
        ("gone", ("in", "Gone "), 0),
        ("out", ("in", "gone"), 1),
        ("out", None, 0),
        (None, ("in",), 0),
    ],
)
def test_a_value_is_among_the_options_of_its_field(
    value: object, options: tuple[str, ...] | None, faults: int
) -> None:
    field = Field("X", "Text", content="Single", optionlist="STATES", options=options)

    _, found = read_constants(setting(X=value), listing(field))

    assert len(found) == faults


def test_every_fault_at_once() -> None:
    activation = setting(MIAL="x", AGE=1, OPTOUT="yes", FINE="x")
    fields = listing(
        Field("MAIL", "Text"),
        Field("AGE", "Numeric", content="ComputedNonPersisted"),
        Field("OPTOUT", "Boolean"),
        Field("FINE", "Text"),
    )

    _, faults = read_constants(activation, fields)

    assert [(fault.key, fault.problem) for fault in faults] == [
        ("removed.set.MIAL", "list L has no field MIAL"),
        ("removed.set.AGE", "field AGE of list L is computed by Selligent"),
        ("removed.set.OPTOUT", "a field of type Boolean does not take this value"),
    ]


def test_where_nothing_is_known_of_the_list_any_value_goes() -> None:
    values = {"A": True, "B": 5, "C": "x", "D": None, "E": 1.5}

    found, faults = read_constants(setting(**values), None)

    assert faults == []
    assert found == [("A", "true"), ("B", "5"), ("C", "'x'"), ("D", "null"), ("E", "1.5")]


@pytest.mark.parametrize(
    ("value", "data_type", "text"),
    [
        (True, "Boolean", "true"),
        (True, "Numeric", "1"),
        (False, "Long", "0"),
        (-5, "Long", "-5"),
        (2**63 - 1, "Long", str(2**63 - 1)),
        (1.5, "Float", "1.5"),
        (None, "Text", "null"),
        ("it's; drop table delta --", "Text", '"it\'s; drop table delta --"'),
        ('"\\\n', "Text", '"\\"\\\\\\n"'),
        ("😀", "LongText", '"😀"'),
        ("", "Text", '""'),
        ("2026-01-31", "Date", '"2026-01-31"'),
    ],
)
def test_a_constant_in_a_body(value: object, data_type: str, text: str) -> None:
    [(_, sql)], _ = read_constants(setting(X=value), listing(Field("X", data_type)))

    with duckdb.connect() as connection:
        [(shown,)] = connection.execute(f"select cast(json_array({sql}) as varchar)").fetchall()

    assert shown == f"[{text}]"
    assert json.loads(shown) == [int(value) if text in ("0", "1") else value]  # type: ignore[call-overload]


# fields that can be written


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("MAIL", None),
        ("mail", None),
        ("MIAL", ("list L has no field MIAL", "did you mean MAIL?")),
        ("QQQ", ("list L has no field QQQ", "it has ID, MAIL, AGE")),
        ("AGE", ("field AGE of list L is computed by Selligent", "take it out")),
        ("age", ("field age of list L is computed by Selligent", "take it out")),
    ],
)
def test_which_field_can_be_written(name: str, fault: tuple[str, str] | None) -> None:
    fields = listing(Field("MAIL", "Text"), Field("AGE", "Numeric", content="ComputedPersisted"))

    assert field_fault(fields, name) == fault


def test_the_mend_of_a_computed_field_is_one_that_can_be_written() -> None:
    fields = listing(Field("AGE_COMPUTED", content="ComputedPersisted"), Field("AGE_COMPUTE"))

    assert field_fault(fields, "AGE_COMPUTED") == (
        "field AGE_COMPUTED of list L is computed by Selligent",
        "take it out, or write AGE_COMPUTE",
    )
