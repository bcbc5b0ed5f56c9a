"""The meta of exposures: what is well formed, and every fault of what is not, at once."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.conditions import Wanted
from dbt_selligent.errors import ActivationFaults, Fault
from dbt_selligent.guards import Guard, Limit
from dbt_selligent.manifest import Exposure, Manifest, Model
from dbt_selligent.meta import json_schema
from dbt_selligent.schedules import Schedule
from dbt_selligent.settings import Settings

ROOT = Path(__file__).parents[2]
META: dict[str, Any] = {
    "list": "CUSTOMERS",
    "matching_key": {"CUSTOMER_ID": "customer_id"},
    "fields": {"MAIL": "email", "FIRSTNAME": "first_name"},
}
OUTPUT = {
    "type": "selligent",
    "url": "https://acme.example",
    "organization": "ACME",
    "api_key": "key",
    "api_secret": "secret",
}


def make_settings(**more: Any) -> Settings:
    folder = Path("/nowhere")
    given_fields = {
        "profiles": {"selligent": {"outputs": {"dev": OUTPUT, "prod": OUTPUT}}},
        "target": "dev",
        **more,
    }
    return Settings(folder, folder, "shop", target_path=folder / "target", **given_fields)


def make_model(name: str, materialized: str = "table") -> Model:
    relation = None if materialized == "ephemeral" else f'"shop"."main"."{name}"'
    return Model(
        unique_id=f"model.shop.{name}",
        name=name,
        resource_type="model",
        materialized=materialized,
        relation_name=relation,
        database="shop",
        schema="main",
        file=f"models/{name}.sql",
    )


MODELS = [make_model("customers"), make_model("vips"), make_model("recent", "ephemeral")]


def make_exposure(meta: object, name: str = "crm", models: tuple[str, ...] = ("customers",)) -> Any:
    return Exposure(
        unique_id=f"exposure.shop.{name}",
        name=name,
        package="shop",
        file="models/crm.yml",
        tags=("crm",),
        depends_on=tuple(f"model.shop.{model}" for model in models),
        meta=meta,
    )


def read(*exposures: Exposure, **more: Any) -> tuple[list[Activation], list[Fault]]:
    manifest = Manifest({model.unique_id: model for model in MODELS}, exposures)
    activations, faults = read_activations(manifest, make_settings(**more))
    return list(activations), list(faults)


def read_one(changes: dict[Any, Any], *without: str) -> list[tuple[str, str, str]]:
    """Key, problem and mend of the faults of one activation."""
    meta = {key: value for key, value in (META | changes).items() if key not in without}
    activations, faults = read(make_exposure(meta))
    assert bool(faults) != bool(activations)
    assert [
        fault for fault in faults if (fault.file, fault.exposure) != ("models/crm.yml", "crm")
    ] == []
    return [(fault.key, fault.problem, fault.mend) for fault in faults]


def made(changes: dict[str, Any]) -> Activation:
    """One that is well formed."""
    [activation], faults = read(make_exposure(META | changes))
    assert faults == []
    return activation


# well formed


def test_defaults() -> None:
    activations, faults = read(make_exposure(META))

    assert faults == []
    assert activations == [
        Activation(
            name="crm",
            unique_id="exposure.shop.crm",
            file="models/crm.yml",
            tags=("crm",),
            model=MODELS[0],
            destination="dev",
            list="CUSTOMERS",
            keys=(("CUSTOMER_ID", "customer_id"),),
            fields=(("MAIL", "email"), ("FIRSTNAME", "first_name")),
            once=(),
            mode="upsert",
            removed="keep",
            removed_set=(),
            segment=None,
            send="changed",
            nulls="send",
            batch_rows=None,
            batch_bytes=20_000_000,
            max_groups=50,
        )
    ]


def test_everything_given() -> None:
    meta = META | {
        "fields": {"MAIL": "email", "OPTIN": {"column": " opt_in", "only": "insert"}},
        "mode": "upsert",
        "removed": {"set": {"OPTOUT": True, "REASON": "left", "LEVEL": 0, "SCORE": 1.5, "X": None}},
        "segment": " VIP ",
        "send": "all",
        "nulls": "skip",
        "batch": {"rows": 10, "bytes": "500KB"},
        "max_groups": 3,
        "model": "vips",
        "destination": "prod",
        "matching_key": {"SHOP": "shop", "ID": "id", "YEAR": "year"},
    }

    [activation], faults = read(make_exposure(meta, models=("customers", "vips")))

    assert faults == []
    assert activation.fields == (("MAIL", "email"), ("OPTIN", "opt_in"))
    assert activation.once == ("OPTIN",)
    assert (activation.mode, activation.segment, activation.nulls) == ("upsert", "VIP", "skip")
    assert activation.removed == "set"
    assert [(name, type(value), value) for name, value in activation.removed_set] == [
        ("OPTOUT", bool, True),
        ("REASON", str, "left"),
        ("LEVEL", int, 0),
        ("SCORE", float, 1.5),
        ("X", type(None), None),
    ]
    assert (activation.batch_rows, activation.batch_bytes) == (10, 500_000)
    assert (activation.send, activation.max_groups) == ("all", 3)
    assert (activation.model.name, activation.destination) == ("vips", "prod")
    assert activation.keys == (("SHOP", "shop"), ("ID", "id"), ("YEAR", "year"))


def test_the_destination_of_the_command() -> None:
    [activation], _ = read(make_exposure(META), destination="prod")
    [own], _ = read(make_exposure(META | {"destination": "dev"}), destination="prod")

    assert (activation.destination, own.destination) == ("prod", "dev")


@pytest.mark.parametrize(
    ("changes", "mode", "removed", "once"),
    [
        ({}, "upsert", "keep", ()),
        ({"mode": "insert"}, "insert", "keep", ("MAIL", "FIRSTNAME")),
        ({"mode": "update"}, "update", "keep", ()),
        ({"mode": "mirror"}, "upsert", "delete", ()),
        ({"mode": "mirror", "removed": "delete"}, "upsert", "delete", ()),
        ({"mode": "insert", "removed": "delete"}, "insert", "delete", ("MAIL", "FIRSTNAME")),
        ({"removed": {"set": {"OPTOUT": True}}}, "upsert", "set", ()),
        # A segment alone: its members are records that are there.
        ({"fields": {}, "segment": "VIP"}, "update", "keep", ()),
        ({"fields": {}, "segment": "VIP", "mode": "upsert"}, "update", "keep", ()),
        ({"fields": {}, "segment": "VIP", "mode": "update"}, "update", "keep", ()),
    ],
)
def test_what_the_modes_mean(
    changes: dict[str, Any], mode: str, removed: str, once: tuple[str, ...]
) -> None:
    [activation], faults = read(make_exposure(META | changes))

    assert faults == []
    assert (activation.mode, activation.removed, activation.once) == (mode, removed, once)


def test_a_segment_needs_no_fields() -> None:
    meta = {key: value for key, value in META.items() if key != "fields"}

    [activation], faults = read(make_exposure(meta | {"segment": "VIP"}))

    assert faults == []
    assert (activation.fields, activation.segment, activation.mode) == ((), "VIP", "update")


@pytest.mark.parametrize(
    ("batch", "rows", "size"),
    [
        ({}, None, 20_000_000),
        ({"rows": "auto"}, None, 20_000_000),
        ({"rows": 1}, 1, 20_000_000),
        ({"bytes": "1KB"}, None, 1_000),
        ({"bytes": "2 MB"}, None, 2_000_000),
        ({"bytes": "1000B"}, None, 1_000),
        ({"bytes": "100MB"}, None, 100_000_000),
    ],
)
def test_how_much_goes_in_a_request(batch: dict[str, Any], rows: int | None, size: int) -> None:
    [activation], faults = read(make_exposure(META | {"batch": batch}))

    assert faults == []
    assert (activation.batch_rows, activation.batch_bytes) == (rows, size)


# keys


@pytest.mark.parametrize(
    ("key", "mend"),
    [
        ("list", "every activation needs it"),
        ("matching_key", "every activation needs it"),
        ("fields", "every activation needs it, or a segment"),
    ],
)
def test_a_key_is_missing(key: str, mend: str) -> None:
    assert read_one({}, key) == [(key, "missing", mend)]


def test_a_segment_that_is_null_is_none() -> None:
    assert read_one({"segment": None}, "fields") == [
        ("fields", "missing", "every activation needs it, or a segment")
    ]
    assert [key for key, _, _ in read_one({"segment": None, "fields": {}})] == ["fields"]


@pytest.mark.parametrize(
    ("key", "mend"),
    [
        ("lists", "did you mean list?"),
        ("Matching_Key", "did you mean matching_key?"),
        ("feilds", "did you mean fields?"),
        ("shedule", "did you mean schedule?"),
        ("max_group", "did you mean max_groups?"),
        ("xyzzy", ""),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, mend: str) -> None:
    assert read_one({key: "x"}) == [(key, "no such key", mend)]


def test_no_guard_is_on_where_records_are_kept_and_a_tenth_where_they_are_not() -> None:
    assert made({}).guard == Guard()
    assert made({"segment": "VIP"}).guard == Guard()
    for removing in ({"removed": "delete"}, {"mode": "mirror"}, {"removed": {"set": {"OUT": 1}}}):
        assert made(removing).guard == Guard(max_removed=Limit.read("10%"))


def test_guards_as_they_are_given() -> None:
    everything = {"max_changed": "50%", "max_removed": 7, "max_rejected": "0.5%"}
    guard = Guard(Limit.read("50%"), Limit.read(7), Limit.read("0.5%"))

    assert made({"guard": everything}).guard == guard
    assert made({"guard": everything, "removed": "delete"}).guard == guard
    assert made({"guard": {"max_removed": "5%"}, "segment": "VIP"}).guard == Guard(
        max_removed=Limit.read("5%")
    )
    by_default = made({"guard": {"max_removed": None}, "removed": "delete"}).guard
    assert by_default == Guard(max_removed=Limit.read("10%"))


@pytest.mark.parametrize("gate", ["last", "require", "off"])
def test_the_gate_as_it_is_given(gate: str) -> None:
    assert made({}).gate == "last"
    assert made({"gate": gate}).gate == gate


def test_yaml_reads_off_as_false_and_it_is_off() -> None:
    assert made(yaml.safe_load("{gate: off}")).gate == "off"


@pytest.mark.parametrize(
    ("key", "mend"),
    [
        ("max_changed", "leave it out"),
        ("max_removed", "write 100%"),
        ("max_rejected", "write 100%"),
    ],
)
def test_a_guard_that_is_off_is_a_boolean_of_yaml(key: str, mend: str) -> None:
    off = yaml.safe_load(f"guard: {{{key}: off}}")

    said = f"a boolean, as YAML reads on, off, yes and no: for any number, {mend}"
    assert read_one(off) == [(f"guard.{key}", said, "")]


@pytest.mark.parametrize("value", ["50", "10 %", -1, 0.5, "ten", [1]])
def test_what_is_no_limit_is_told_with_an_example(value: object) -> None:
    said = "must be a number of rows, or percent, like 10%"
    assert read_one({"guard": {"max_changed": value}}) == [("guard.max_changed", said, "")]


def test_a_part_of_the_rows_is_never_more_than_all() -> None:
    said = "more than 100%, which is all: write 100% or less"
    assert read_one({"guard": {"max_removed": "150%"}}) == [("guard.max_removed", said, "")]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fields": None}, ("fields", "must be a mapping", "write {FIELD: column}")),
        ({"matching_key": "ID"}, ("matching_key", "must be a mapping", "write {FIELD: column}")),
        ({"batch": {"bytes": 20}}, ("batch.bytes", "must be text", "write a size, like 20MB")),
        (
            {"batch": {"bytes": "20 MiB"}},
            ("batch.bytes", "not of the form that it has to have", "write a size, like 20MB"),
        ),
        ({"guard": "10%"}, ("guard", "must be a mapping", "write {max_removed: 10%}")),
        ({"list": 7}, ("list", "must be text", "")),
        ({"max_groups": 0}, ("max_groups", "must be 1 or more", "")),
        ({"max_groups": "many"}, ("max_groups", "must be a whole number", "")),
    ],
)
def test_what_is_of_another_type_is_told_with_the_form(
    changes: dict[str, Any], fault: tuple[str, str, str]
) -> None:
    assert read_one(changes) == [fault]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"guard": {"max_chnged": 1}}, ("guard.max_chnged", "did you mean max_changed?")),
        ({"guard": {"xyzzy": 1}}, ("guard.xyzzy", "")),
        ({"batch": {"row": 1}}, ("batch.row", "did you mean rows?")),
    ],
)
def test_an_unknown_key_of_a_key_names_the_nearest(
    changes: dict[str, Any], fault: tuple[str, str]
) -> None:
    assert read_one(changes) == [(fault[0], "no such key", fault[1])]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("failed", "must be a list, like [failed, {stale: 26h}]"),
        (["faild"], "'faild' is no condition; did you mean failed?"),
        (["xyzzy"], "'xyzzy' is no condition; there are failed, rejected, guard, recovered, stale"),
        ([7], "7 is no condition; there are failed, rejected, guard, recovered, stale"),
        (["stale"], "stale needs a duration, like {stale: 26h}"),
        ([{"stale": 26}], "stale must be a duration, like 90m, 26h or 3d"),
        ([{"stale": "1h"}, {"stale": "2h"}], "stale stands twice"),
    ],
)
def test_what_is_no_warning_is_told_with_the_nearest(value: object, said: str) -> None:
    assert read_one({"warnings": value}) == [("warnings", said, "")]


def test_all_that_is_no_warning_is_told_at_once_each_once() -> None:
    given = ["faild", {"stale": "1h"}, {"stale": 26}, "faild", "stale"]
    assert [problem for _, problem, _ in read_one({"warnings": given})] == [
        "'faild' is no condition; did you mean failed?",
        "stale must be a duration, like 90m, 26h or 3d",
        "stale needs a duration, like {stale: 26h}",
        "stale stands twice",
    ]


def test_the_warnings_of_an_activation() -> None:
    given = ["recovered", "failed", {"stale": "26h"}]
    wanted = made({"warnings": given}).warnings
    assert wanted == Wanted(frozenset(("failed", "stale")), recovered=True, stale="26h")
    assert wanted.late == timedelta(hours=26)
    assert not made({}).warnings


@pytest.mark.parametrize(
    ("given", "schedule"),
    [
        (None, None),
        ("0 6 * * *", Schedule("0 6 * * *", "UTC")),
        ("  0   6 * * MON ", Schedule("0 6 * * MON", "UTC")),
        ({"cron": "0 6 * * *"}, Schedule("0 6 * * *", "UTC")),
        (
            {"cron": "0 6 * * *", "timezone": " Europe/Brussels "},
            Schedule("0 6 * * *", "Europe/Brussels"),
        ),
    ],
)
def test_a_schedule_is_a_line_in_a_time_zone(given: object, schedule: Schedule | None) -> None:
    assert made({"schedule": given}).schedule == schedule


def test_the_times_of_a_schedule_are_those_of_the_output_where_it_names_no_zone() -> None:
    outputs = {"dev": {**OUTPUT, "timezone": "Asia/Tokyo"}, "prod": OUTPUT}
    profiles = {"selligent": {"outputs": outputs}}
    line = {"schedule": "0 6 * * *"}

    [dev, prod], faults = read(
        make_exposure(META | line, "one"),
        make_exposure(META | line | {"list": "OTHERS", "destination": "prod"}, "other"),
        profiles=profiles,
    )

    assert faults == []
    assert (dev.schedule, prod.schedule) == (
        Schedule("0 6 * * *", "Asia/Tokyo"),
        Schedule("0 6 * * *", "UTC"),
    )


CRON_EXAMPLE = 'write it like "0 6 * * *": minute, hour, day of the month, month, day of the week'


@pytest.mark.parametrize(
    ("given", "problem", "mend"),
    [
        ("", "0 fields, and a cron line has five", CRON_EXAMPLE),
        ("daily", "1 field, and a cron line has five", CRON_EXAMPLE),
        (
            "0 0 6 * * *",
            "six fields, and a cron line has five",
            'times are to the minute: write "0 6 * * *"',
        ),
        ("@daily", "@daily: no such form", 'write "0 0 * * *"'),
        ("@dialy", "@dialy: no such form", 'write "0 0 * * *"'),
        ("@reboot", "@reboot: no such form", CRON_EXAMPLE),
        ("61 6 * * *", "61 is no minute", "0 to 59, like *, 6, */2 or 1,15"),
        ("0 25 * * *", "25 is no hour", "0 to 23, like *, 6, */2 or 1,15"),
        (
            "0 6 ? * *",
            "? is no day of the month",
            "1 to 31, or L for the last, like *, 6, */2 or 1,15",
        ),
        ("0 6 * 13 *", "13 is no month", "1 to 12, or JAN to DEC, like *, 6, */2 or 1,15"),
        (
            "0 6 * * MONDAY",
            "MONDAY is no day of the week",
            "0 to 7, or SUN to SAT, like 1-5 or MON,THU",
        ),
        ("0 6 30 2 *", "this day never comes", "is there such a day in that month?"),
        ("0 6 31 2,4,6 *", "this day never comes", "is there such a day in that month?"),
        (6, "not a cron line", f"{CRON_EXAMPLE}, in quotes"),
        ({}, "cron: missing", CRON_EXAMPLE),
        ({"cron": 6}, "cron: not a cron line", CRON_EXAMPLE),
        ({"cron": "0 6 * *"}, "4 fields, and a cron line has five", CRON_EXAMPLE),
        (
            {"cron": "0 6 * * *", "time_zone": "Europe/Brussels"},
            "time_zone: no such key",
            "did you mean timezone?",
        ),
        (
            {"cron": "0 6 * * *", "timezone": "Europe/Brussel"},
            "no time zone 'Europe/Brussel'",
            "did you mean Europe/Brussels?",
        ),
        (
            {"cron": "0 6 * * *", "timezone": "../Brussels"},
            "no time zone '../Brussels'",
            "did you mean Europe/Brussels?",
        ),
        (
            {"cron": "0 6 * * *", "timezone": 2},
            "timezone: not the name of a time zone",
            "write it like Europe/Brussels",
        ),
    ],
)
def test_what_is_wrong_with_a_schedule(given: object, problem: str, mend: str) -> None:
    assert read_one({"schedule": given}) == [("schedule", problem, mend)]


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        (
            {"mode": "mirror", "removed": "keep"},
            [("removed", "mode mirror deletes", "take `removed:` out, or write mode: upsert")],
        ),
        (
            {"mode": "mirror", "removed": {"set": {"OPTOUT": True}}},
            [("removed", "mode mirror deletes", "take `removed:` out, or write mode: upsert")],
        ),
        (
            {"mode": "update", "fields": {"OPTIN": {"column": "opt_in", "only": "insert"}}},
            [
                (
                    "fields.OPTIN",
                    "only: insert, and mode update inserts nothing",
                    "take it out",
                )
            ],
        ),
        (
            {"mode": "insert", "segment": "VIP", "fields": {}},
            [("mode", "insert writes records, and no fields are mapped", "take it out")],
        ),
        (
            {"mode": "mirror", "segment": "VIP", "fields": {}},
            [("mode", "mirror writes records, and no fields are mapped", "take it out")],
        ),
        (
            {"removed": {"set": {" customer_id": 1, "OPTOUT": True}}},
            [("removed.set. customer_id", "the matching key cannot be set", "")],
        ),
        (
            {"removed": {"set": {"true": 1}}},
            [
                (
                    "removed.set.true",
                    "YAML reads a bare on, yes, no, off or null so",
                    'quote it, like "NO"',
                )
            ],
        ),
        (
            {"removed": {"set": {"A,B": 1}}},
            [("removed.set.A,B", "a comma separates fields in the API", "rename the field")],
        ),
        (
            {"removed": {"set": {"A": 1, "a ": 2}}},
            [
                ("removed.set.A", "twice, but for case and blanks", "name it once"),
                ("removed.set.a ", "twice, but for case and blanks", "name it once"),
            ],
        ),
    ],
)
def test_keys_that_do_not_go_together(
    changes: dict[str, Any], faults: list[tuple[str, str, str]]
) -> None:
    assert read_one(changes) == faults


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"mode": "upsrt"}, "mode"),
        ({"removed": "drop"}, "removed"),
        ({"mode": None}, "mode"),
        ({"removed": True}, "removed"),
        ({"removed": None}, "removed"),
        ({"removed": []}, "removed"),
        ({"removed": {}}, "removed"),
        ({"removed": {"set": {}}}, "removed"),
        ({"removed": {"set": None}}, "removed"),
        ({"removed": {"set": "OPTOUT"}}, "removed"),
        ({"removed": {"set": ["OPTOUT"]}}, "removed"),
        ({"removed": {"set": {"OPTOUT": [True]}}}, "removed"),
        ({"removed": {"set": {"": True}}}, "removed"),
        ({"removed": {"set": {"OPTOUT": True}, "keep": True}}, "removed"),
        ({"nulls": "keep"}, "nulls"),
        ({"nulls": None}, "nulls"),
        ({"segment": ""}, "segment"),
        ({"segment": ["VIP"]}, "segment"),
        ({"batch": None}, "batch"),
        ({"batch": 10}, "batch"),
        ({"batch": {"size": 10}}, "batch.size"),
        ({"batch": {"rows": 0}}, "batch.rows"),
        ({"batch": {"rows": True}}, "batch.rows"),
        ({"batch": {"rows": 1.0}}, "batch.rows"),
        ({"batch": {"rows": "10"}}, "batch.rows"),
        ({"batch": {"rows": None}}, "batch.rows"),
        ({"batch": {"bytes": 1000}}, "batch.bytes"),
        ({"batch": {"bytes": "999B"}}, "batch.bytes"),
        ({"batch": {"bytes": "101MB"}}, "batch.bytes"),
        ({"batch": {"bytes": "20mb"}}, "batch.bytes"),
        ({"batch": {"bytes": "1.5MB"}}, "batch.bytes"),
        ({"batch": {"bytes": "20GB"}}, "batch.bytes"),
        ({"send": "some"}, "send"),
        ({"max_groups": 0}, "max_groups"),
        ({"max_groups": "50"}, "max_groups"),
        ({"max_groups": 1.5}, "max_groups"),
        ({"list": ".."}, "list"),
        ({"segment": " . "}, "segment"),
        ({"list": ""}, "list"),
        ({"list": "  "}, "list"),
        ({"list": None}, "list"),
        ({"list": 5}, "list"),
        ({"list": ["CUSTOMERS"]}, "list"),
        ({"model": 5}, "model"),
        ({"destination": ["prod"]}, "destination"),
        ({"matching_key": {}}, "matching_key"),
        ({"matching_key": {"A": "a", "B": "b", "C": "c", "D": "d"}}, "matching_key"),
        ({"matching_key": "CUSTOMER_ID"}, "matching_key"),
        ({"matching_key": ["CUSTOMER_ID"]}, "matching_key"),
        ({"matching_key": None}, "matching_key"),
        ({"fields": {}}, "fields"),
        ({"fields": ["MAIL"]}, "fields"),
        ({"fields": "MAIL"}, "fields"),
        ({"fields": {"MAIL": 5}}, "fields.MAIL"),
        ({"fields": {"MAIL": ""}}, "fields.MAIL"),
        ({"fields": {"MAIL": ["email"]}}, "fields.MAIL"),
    ],
)
def test_a_value_of_the_wrong_kind(changes: dict[str, Any], key: str) -> None:
    faults = read_one(changes)

    assert [where for where, _, _ in faults] == [key]
    assert faults[0][1]


@pytest.mark.parametrize("key", ["matching_key", "fields"])
@pytest.mark.parametrize("value", [5, True, [1, 2], [{}], [None]])
def test_a_mapping_that_is_none(key: str, value: object) -> None:
    assert [where for where, _, _ in read_one({key: value})] == [key]


def test_a_matching_key_that_is_text_is_one_fault() -> None:
    faults = read_one({"matching_key": "ID", "fields": {"I": "initial", "D": "day"}})

    assert [where for where, _, _ in faults] == ["matching_key"]


@pytest.mark.parametrize("meta", [None, True, [], "CUSTOMERS", 5])
def test_a_meta_that_is_no_dictionary(meta: object) -> None:
    activations, faults = read(make_exposure(meta))

    assert activations == []
    assert [(fault.key, fault.problem) for fault in faults] == [("selligent", "not a dictionary")]


# mappings


@pytest.mark.parametrize("field", ["true", "false", "null"])
@pytest.mark.parametrize("key", ["matching_key", "fields"])
def test_a_bare_yaml_word_as_field(key: str, field: str) -> None:
    faults = read_one({key: {field: "first_name", "PLAIN": "plain"}})

    assert [where for where, _, _ in faults] == [f"{key}.{field}"]
    assert "quote it" in faults[0][2]


@pytest.mark.parametrize("column", [True, False, None])
@pytest.mark.parametrize("key", ["matching_key", "fields"])
def test_a_bare_yaml_word_as_column(key: str, column: object) -> None:
    faults = read_one({key: {"X": column}})

    assert (f"{key}.X", "quote it") in [(where, mend) for where, _, mend in faults]
    assert sorted({where for where, _, _ in faults}) == [f"{key}.X"]


def test_a_bare_yaml_word_as_key_of_the_meta() -> None:
    assert [where for where, _, _ in read_one({True: "x"})] == ["True"]
    assert [where for where, _, _ in read_one({"true": "x"})] == ["true"]


@pytest.mark.parametrize("others", [{}, {"FIRSTNAME": "first_name"}])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"column": "opt_in"},
        {"only": "insert"},
        {"column": "opt_in", "only": "update"},
        {"column": "opt_in", "only": "insert", "more": 1},
        {"column": "", "only": "insert"},
        {"column": 5, "only": "insert"},
        {"column": None, "only": "insert"},
    ],
)
def test_what_is_no_option_of_a_field_is_one_fault(
    options: dict[str, Any], others: dict[str, str]
) -> None:
    assert read_one({"fields": {"OPTIN": options, **others}}) == [
        ("fields.OPTIN", "not an option of a field", "write {column: name, only: insert}")
    ]


def test_a_matching_key_has_no_options() -> None:
    options = {"column": "customer_id", "only": "insert"}

    assert read_one({"matching_key": {"CUSTOMER_ID": options}}) == [
        ("matching_key.CUSTOMER_ID", "not the name of a column", "write FIELD: column")
    ]


def test_a_field_twice_but_for_case() -> None:
    faults = read_one({"fields": {"MAIL": "email", "Mail": "other", "X": "x"}})

    assert [where for where, _, _ in faults] == ["fields.MAIL", "fields.Mail"]


def test_a_field_twice_but_for_blanks() -> None:
    faults = read_one({"fields": {"MAIL": "email", "MAIL ": "other"}})

    assert faults != []


def test_a_field_that_is_the_key_too() -> None:
    faults = read_one({"fields": {"customer_id": "customer_id", "MAIL": "email"}})

    assert [(where, problem) for where, problem, _ in faults] == [
        ("fields.customer_id", "already the matching key")
    ]


@pytest.mark.parametrize(
    ("field", "words"), [("_selligent_kind", "own"), ("_SELLIGENT_x", "own"), ("A,B", "comma")]
)
def test_a_name_that_cannot_be_used(field: str, words: str) -> None:
    [(where, problem, _)] = read_one({"fields": {field: "x"}})

    assert where == f"fields.{field}"
    assert words in problem


# models


def test_no_model() -> None:
    _, [fault] = read(make_exposure(META, models=()))

    assert (fault.key, fault.problem) == ("depends_on", "no model")


def test_several_models() -> None:
    _, [fault] = read(make_exposure(META, models=("customers", "vips")))

    assert (fault.key, fault.problem) == ("depends_on", "2 models: customers, vips")


@pytest.mark.parametrize(
    ("model", "mend"),
    [
        ("customer", "did you mean customers?"),
        ("zzz", "it depends on customers, vips"),
        ("recent", "it depends on customers, vips"),
    ],
)
def test_a_model_that_is_not_there(model: str, mend: str) -> None:
    _, [fault] = read(make_exposure(META | {"model": model}, models=("customers", "vips")))

    assert (fault.key, fault.mend) == ("model", mend)


def test_an_ephemeral_model() -> None:
    _, [fault] = read(make_exposure(META, models=("recent",)))

    assert fault.key == "depends_on"
    assert "ephemeral" in fault.problem


def test_a_destination_that_is_not_there() -> None:
    _, [fault] = read(make_exposure(META | {"destination": "produ"}))

    assert fault.key == "destination"
    assert fault.problem.endswith("no output 'produ' (asked for); there are: dev, prod")


# several


def test_two_activations_that_write_one_field() -> None:
    one = make_exposure(META, "one")
    two = make_exposure(META | {"list": "customers", "fields": {"mail": "email", "X": "x"}}, "two")
    other_list = make_exposure(META | {"list": "OTHER"}, "three")
    elsewhere = make_exposure(META | {"destination": "prod"}, "four")

    _, faults = read(one, two, other_list, elsewhere)

    assert [(fault.exposure, fault.key, fault.problem) for fault in faults] == [
        ("one", "fields.MAIL", "also written to list CUSTOMERS by two"),
        ("two", "fields.mail", "also written to list customers by one"),
    ]


def test_a_field_that_a_removal_sets_is_written_too() -> None:
    one = make_exposure(META | {"removed": {"set": {"OPTOUT": True}}}, "one")
    two = make_exposure(META | {"fields": {"optout": "opt_out"}}, "two")

    _, faults = read(one, two)

    assert [(fault.exposure, fault.key, fault.problem) for fault in faults] == [
        ("one", "fields.OPTOUT", "also written to list CUSTOMERS by two"),
        ("two", "fields.optout", "also written to list CUSTOMERS by one"),
    ]


@pytest.mark.parametrize("changes", [{"removed": "delete"}, {"mode": "mirror"}])
def test_beside_an_activation_that_deletes_there_is_no_other(changes: dict[str, str]) -> None:
    one = make_exposure(META | changes, "one")
    two = make_exposure(META | {"list": "customers ", "fields": {"X": "x"}}, "two")

    _, faults = read(one, two)

    assert [(fault.exposure, fault.key, fault.problem) for fault in faults] == [
        ("one", "removed", "deletes records of list CUSTOMERS, which is also fed by two")
    ]


def test_three_activations_that_write_one_field_name_each_other() -> None:
    _, faults = read(*(make_exposure(META, name) for name in ("one", "two", "three")))

    assert [fault.problem for fault in faults if fault.key == "fields.MAIL"] == [
        "also written to list CUSTOMERS by two, three",
        "also written to list CUSTOMERS by one, three",
        "also written to list CUSTOMERS by one, two",
    ]


def test_every_fault_of_every_activation_in_stable_order() -> None:
    broken = [
        make_exposure(META | {"lst": "X", "mode": "inser", "fields": {"true": "a"}}, "b"),
        make_exposure(META | {"schedule": "", "destination": "nowhere"}, "a", ("recent",)),
        make_exposure(META | {"list": ""}, "c"),
    ]

    _, faults = read(*broken, make_exposure(META, "fine"))
    _, other_way = read(*reversed(broken), make_exposure(META, "fine"))

    shown = [(fault.exposure, fault.key) for fault in ActivationFaults(faults).faults]
    assert shown == [
        ("a", "depends_on"),
        ("a", "destination"),
        ("a", "schedule"),
        ("b", "fields.true"),
        ("b", "lst"),
        ("b", "mode"),
        ("c", "list"),
    ]
    assert str(ActivationFaults(faults)) == str(ActivationFaults(other_way))


def test_a_value_of_the_wrong_kind_hides_no_other_fault() -> None:
    """One run tells all: neither the model nor the destination waits for the list's name."""
    _, faults = read(make_exposure(META | {"list": "", "destination": "nowhere"}, models=()))

    assert sorted(fault.key for fault in faults) == ["depends_on", "destination", "list"]


def test_a_fault_in_one_of_two_hides_no_field_that_both_write() -> None:
    _, faults = read(make_exposure(META, "one"), make_exposure(META | {"schedule": ""}, "two"))

    keys = [(fault.exposure, fault.key) for fault in faults]
    assert ("two", "schedule") in keys
    assert ("one", "fields.MAIL") in keys


def test_activations_that_are_well_formed_are_read_beside_others() -> None:
    activations, faults = read(make_exposure({}, "broken"), make_exposure(META, "fine"))

    assert [activation.name for activation in activations] == ["fine"]
    assert [(fault.exposure, fault.key) for fault in faults] == [
        ("broken", "fields"),
        ("broken", "list"),
        ("broken", "matching_key"),
    ]


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                "list",
                "mode",
                "removed",
                "segment",
                "send",
                "nulls",
                "batch",
                "max_groups",
                "model",
                "schedule",
                "x",
            ),
            VALUES,
        ),
    ),
    st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
    st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
)
def test_any_meta_gives_an_activation_or_faults(
    meta: dict[str, Any], keys: dict[str, Any], fields: dict[str, Any]
) -> None:
    activations, faults = read(
        make_exposure(META | meta | {"matching_key": keys, "fields": fields})
    )

    assert bool(activations) != bool(faults)
    for activation in activations:
        assert len(activation.fields) == len(fields)
        assert len(activation.keys) == len(keys)
        assert activation.fields or activation.segment


# the schema


def test_the_schema_that_is_shipped_is_that_of_the_code() -> None:
    shipped = json.loads((ROOT / "dbt_selligent" / "activation.schema.json").read_text("utf-8"))

    assert shipped == json_schema()


def test_the_schema_forbids_unknown_keys_and_describes_each() -> None:
    schema = json_schema()

    assert schema["additionalProperties"] is False
    assert schema["required"] == ["list", "matching_key"]
    assert [key for key, each in schema["properties"].items() if not each.get("description")] == []
