"""Mapping, types of columns, list, segment and target change under a state that is there."""

from __future__ import annotations

from typing import Any

import pytest
from functional.conftest import load

from contract.world import (
    ANN,
    BEN,
    CAT,
    CUSTOMERS,
    KEYS,
    WHOLE,
    World,
    calls,
    counted,
    crm,
    things,
)
from dbt_selligent.errors import ConfigurationError


def test_a_field_that_is_mapped_anew_is_sent_where_there_is_a_value(world: World) -> None:
    world.put((1, None, "Anna"), (3, None, "Kate"))
    world.declare(crm(fields={"MAIL": "email"}))
    unnamed = (1, "ann@acme.example", None, None, None)
    world.begun(unnamed, BEN, CAT)
    world.declare(crm(fields={"MAIL": "email", "FIRSTNAME": "first_name", "LTV": "lifetime_value"}))
    assert counted(world.in_step()) == [("changed", 1)]
    fields = f"{KEYS},FIRSTNAME,LTV"
    assert calls(world.sent()) == [("OnlyUpdate", fields, [[2, "Ben", 20.25]])]
    assert [record[2] for record in world.records()] == ["Anna", "Ben", "Kate"]
    world.settled()
    # A value that came and went is sent as null, and a full refresh sends all nulls.
    world.customers(ANN, BEN, CAT)
    world.in_step()
    world.customers(unnamed, BEN, CAT)
    world.in_step()
    assert [record[2] for record in world.records()] == [None, "Ben", "Kate"]
    world.in_step(full_refresh=True)
    assert [record[2] for record in world.records()] == [None, "Ben", None]
    world.settled()


def test_a_field_that_is_mapped_no_more_stays_in_the_list_and_is_forgotten_here(
    world: World,
) -> None:
    world.begun(ANN, BEN)
    world.declare(crm(fields={"MAIL": "email"}))
    world.settled()
    assert world.records() == [ANN, BEN]
    world.customers(ANN, (2, "benno@acme.example", *BEN[2:]))
    world.in_step()
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},MAIL", [[2, "benno@acme.example"]])]
    world.declare(crm())
    world.in_step()
    rows = [[row[0], *row[2:]] for row in (ANN, BEN)]
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},FIRSTNAME,LTV,OPTIN", rows)]
    world.settled()


def test_another_column_for_a_field_sends_what_differs(world: World) -> None:
    columns = {"id": "integer", "a": "text", "b": "text"}
    world.fill("customers", columns, (1, "Ann", "Ann"), (2, "Ben", "B"))
    world.declare(crm(fields={"FIRSTNAME": "a"}))
    world.in_step()
    world.sent()
    world.declare(crm(fields={"FIRSTNAME": "b"}))
    world.in_step()
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},FIRSTNAME", [[2, "B"]])]


# Of a field of things: its columns' types and values by turns, and what each sends.
TYPES: list[tuple[str, list[tuple[str, Any, list[Any]]]]] = [
    (
        "WORDS",
        [
            ("integer", 7, [7]),
            ("text", "7", []),
            ("text", "07", ["07"]),
            ("bigint", 7, ["7"]),
            ("decimal(18,0)", 7, []),
            ("text", "seven", ["seven"]),
            ("integer", None, [None]),
        ],
    ),
    (
        "AMOUNT",
        [
            ("double", 10.25, [10.25]),
            ("decimal(10,2)", "10.25", []),
            ("decimal(18,4)", "10.25", []),
            ("decimal(18,4)", "10.2501", [10.2501]),
            ("integer", 10, [10]),
            ("real", 10, []),
            ("bigint", 10, []),
            ("double", 10.5, [10.5]),
        ],
    ),
    (
        "NO",
        [
            ("integer", 5, [5]),
            ("bigint", 5, []),
            ("decimal(18,0)", 5, []),
            ("decimal(18,0)", 6, [6]),
            ("decimal(20,0)", 6, []),
            ("boolean", True, [1]),
            ("integer", 1, []),
        ],
    ),
    (
        "AT",
        [
            ("timestamp", "2024-02-29 00:00:00", ["2024-02-29T00:00:00.000Z"]),
            ("timestamptz", "2024-02-29 01:00:00+01:00", []),
            ("date", "2024-02-29", []),
            ("date", "2024-03-01", ["2024-03-01T00:00:00.000Z"]),
        ],
    ),
]


def test_a_column_that_changes_its_type_is_compared_by_value(world: World) -> None:
    """All of them at once, each in its own turn."""
    world.declare(things(*(field for field, _ in TYPES)))
    for turn in range(max(len(turns) for _, turns in TYPES)):
        now = {field: turns[min(turn, len(turns) - 1)] for field, turns in TYPES}
        columns = {field.lower(): kind for field, (kind, _, _) in now.items()}
        values = [value for _, value, _ in now.values()]
        world.fill("things", {"id": "integer", **columns}, (1, *values))
        world.in_step("things")
        sent = [
            dict(zip(query["fields"].split(","), row, strict=True))
            for _, query, body in world.sent()
            for row in body
        ]
        due = {
            field: value for field, turns in TYPES if turn < len(turns) for value in now[field][2]
        }
        if turn == 0:
            due["WORDS"] = "7"
        assert sent == ([{"ID": 1, **due}] if due else [])


def test_of_a_whole_number_that_comes_to_be_a_decimal_the_state_keeps_the_digits(
    world: World,
) -> None:
    """Else it would be shaped anew with each sync, and no `verify` could read it."""
    world.declare(things("NO"))
    world.fill("things", {"id": "integer", "no": "integer"}, (1, 5), (2, 6))
    world.in_step("things")
    world.fill("things", {"id": "integer", "no": "decimal(10,0)"}, (1, 5), (2, 6))
    world.settled("things")
    assert world.verified("things").status == "in step"


def test_a_key_of_a_wider_type_is_the_same_key(world: World) -> None:
    world.declare(crm(mode="mirror"))
    world.begun(ANN, BEN)
    for wider in ("bigint", "decimal(18,0)", "decimal(20,0)", "integer"):
        world.fill("customers", {**CUSTOMERS, "id": wider}, ANN, BEN)
        world.settled()


def test_another_list_or_key_starts_anew_and_says_so(world: World) -> None:
    fields = {"FIRSTNAME": "first_name"}
    world.declare(crm(fields=fields))
    world.begun(ANN, BEN)
    world.declare(crm(fields=fields, list="OTHERS"))
    said = "starts anew: list from CUSTOMERS to OTHERS; 2 records stay as they were sent before"
    assert world.plan_one().notes == (said,)
    result = world.in_step()
    assert (result.notes, result.left_behind) == ((said,), 2)
    rows = [row[:1] + row[2:3] for row in (ANN, BEN)]
    assert world.sent() == [load("OTHERS", KEYS, f"{KEYS},FIRSTNAME", rows)]
    world.settled()
    world.declare(crm(fields=fields, list="OTHERS", matching_key={"MAIL": "email"}))
    result = world.sync_one()
    assert result.notes == (
        f"starts anew: keys from {KEYS} to MAIL; 2 records stay as they were sent before",
    )
    assert world.sent()[0][1]["keyFields"] == "MAIL"


def test_a_sync_that_is_stopped_leaves_the_state_also_where_it_would_start_anew(
    world: World,
) -> None:
    world.begun(ANN, BEN)
    world.customers()
    for changed in (crm(), crm(list="OTHERS"), crm(fields={"MAIL": "email"})):
        world.declare(changed)
        result = world.sync_one()
        assert (result.status, result.left_behind) == ("failed", 0)
        assert "has no rows" in (result.error or "")
    world.declare(crm())
    world.customers(ANN, BEN)
    world.settled()


def test_another_dbt_target_is_refused_without_force(world: World) -> None:
    world.profile(targets=("dev", "prod"))
    world.begun(ANN)
    path = world.folder / "target" / "selligent"
    manifest = (path / "manifest.json").read_bytes()
    chosen = {"target": "prod", "destination": "dev"}
    world.customers(ANN, BEN)
    refused = world.sync_one(**chosen)
    assert refused.error == (
        "the last sync was made for dbt target dev, this one is for prod: nothing was sent"
    )
    assert "--force" in (refused.next_step or "")
    assert (world.sent(), (path / "manifest.json").read_bytes() == manifest) == ([], False)
    forced = world.sync_one(**chosen, force=True)
    assert (forced.status, forced.confirmed) == ("in step", 1)
    assert world.sync_one(**chosen).status == "in step"
    assert calls(world.sent()) == [("InsertAndUpdate", WHOLE, [list(BEN)])]


@pytest.mark.parametrize(
    ("activation", "words"),
    [
        (crm(fields={"MAIL": "emial"}), ["model customers has no column emial", "email?"]),
        (crm(matching_key={KEYS: "nr"}), ["model customers has no column nr"]),
        (crm(model="spare"), ["spare"]),
        (crm(fields={"MALE": "email"}), ["MALE", "MAIL?"]),
        (crm(fields={"LTV": "email"}), ["column email", "a field of type Float does not take"]),
    ],
    ids=["column", "key", "model", "field", "type"],
)
def test_what_does_not_exist_or_fit_is_a_fault_that_names_it(
    world: World, activation: dict[str, Any], words: list[str]
) -> None:
    world.customers(ANN)
    world.declare(activation)
    with pytest.raises(ConfigurationError) as raised:
        world.sync()
    said = str(raised.value)
    assert [word for word in words if word not in said] == []
    assert world.writes() == []
    # The others of the model, and the state, are as they were.
    world.declare(crm())
    assert world.in_step().confirmed == 1


def test_fields_of_one_list_come_from_two_activations(world: World) -> None:
    names = crm("names", fields={"FIRSTNAME": "first_name"})
    values = crm("values", "spare", fields={"LTV": "ltv"})
    world.declare(names, values)
    world.customers(ANN, BEN)
    columns = {"id": "integer", "ltv": "double"}
    world.fill("spare", columns, (1, 7.5), (2, 8.5))
    assert world.sync(threads=4).exit_code == 0
    assert world.records() == [(1, None, "Ann", 7.5, None), (2, None, "Ben", 8.5, None)]
    world.sent()
    world.fill("spare", columns, (1, 7.5), (2, 9.5))
    assert world.sync(threads=4).exit_code == 0
    assert calls(world.sent()) == [("OnlyUpdate", f"{KEYS},LTV", [[2, 9.5]])]
