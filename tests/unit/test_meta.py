"""The grammar of the meta, and the JSON Schema by which editors check it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # a part of dbt
import pytest

from dbt_selligent.meta import MOST_BYTES, ActivationMeta, json_schema, read_bytes

ROOT = Path(__file__).parents[2]
META: dict[str, Any] = {
    "list": "CUSTOMERS",
    "matching_key": {"CUSTOMER_ID": "customer_id"},
    "fields": {"MAIL": "email"},
}
RIGHT: list[dict[str, Any]] = [
    {},
    {"fields": {}},
    {"fields": {"OPTIN": {"column": "opt_in", "only": "insert"}, "MAIL": "email"}},
    {"mode": "mirror"},
    {"removed": "delete"},
    {"removed": {"set": {"OPTOUT": True, "A": None, "B": 1, "C": 1.5, "D": "x"}}},
    {"segment": "VIP"},
    {"nulls": "skip", "send": "all", "max_groups": 1},
    {"batch": {"rows": "auto"}},
    {"batch": {"rows": 1, "bytes": "20 MB"}},
    {"model": "customers", "destination": "prod"},
    {"guard": {}},
    {"guard": {"max_changed": "50%", "max_removed": "0.5%", "max_rejected": 0}},
    {"guard": {"max_changed": None, "max_removed": 7, "max_rejected": "1%"}},
    {"guard": {"max_changed": "150%", "max_removed": "100%", "max_rejected": "99.5%"}},
    {"gate": "require"},
    {"gate": False},
    {"warnings": []},
    {"warnings": ["failed", "rejected", "guard", "recovered", {"stale": "26h"}]},
    {"warnings": [{"stale": "90m"}]},
    {"schedule": "0 6 * * *"},
    {"schedule": {"cron": "*/15 6-20 * * MON-FRI"}},
    {"schedule": {"cron": "0 6 L * *", "timezone": "Europe/Brussels"}},
    {"schedule": {"cron": "0 6 29 2 *", "timezone": None}},
    {"schedule": None},
]
WRONG: list[dict[str, Any]] = [
    {"list": ""},
    {"matching_key": {}},
    {"matching_key": {"A": "a", "B": "b", "C": "c", "D": "d"}},
    {"matching_key": {"A": {"column": "a", "only": "insert"}}},
    {"fields": {"MAIL": ""}},
    {"fields": {"MAIL": {"column": "a"}}},
    {"fields": {"MAIL": {"column": "a", "only": "update"}}},
    {"fields": {"MAIL": {"column": "a", "only": "insert", "more": 1}}},
    {"mode": "delete"},
    {"removed": "drop"},
    {"removed": {"set": {}}},
    {"removed": {"set": {"A": [1]}}},
    {"removed": {"set": {"A": 1}, "more": 1}},
    {"segment": ""},
    {"nulls": "keep"},
    {"send": "some"},
    {"max_groups": 0},
    {"batch": {"rows": 0}},
    {"batch": {"rows": "all"}},
    {"batch": {"bytes": "0MB"}},
    {"batch": {"bytes": 20}},
    {"batch": {"size": 1}},
    {"guard": {"max_changed": "50"}},
    {"guard": {"max_removed": "1e1%"}},
    {"guard": {"max_removed": "101%"}},
    {"guard": {"max_rejected": "100.5%"}},
    {"guard": {"max_rejected": -1}},
    {"guard": {"max_rejected": 0.5}},
    {"guard": {"max_rejected": None}},
    {"guard": {"most": 1}},
    {"gate": "on"},
    {"gate": True},
    {"warnings": "failed"},
    {"warnings": None},
    {"warnings": ["fail"]},
    {"warnings": ["stale"]},
    {"warnings": [{"stale": 26}]},
    {"warnings": [{"stale": "0h"}]},
    {"warnings": [{"stale": "26h", "failed": True}]},
    {"schedule": ""},
    {"schedule": "0 6 * *"},
    {"schedule": "0 0 6 * * *"},
    {"schedule": "@daily"},
    {"schedule": 6},
    {"schedule": ["0 6 * * *"]},
    {"schedule": {}},
    {"schedule": {"timezone": "Europe/Brussels"}},
    {"schedule": {"cron": "0 6 * * *", "zone": "Europe/Brussels"}},
    {"schedule": {"cron": "0 6 * * *", "timezone": 2}},
    {"schedule": {"cron": "0 6 * * *", "timezone": ""}},
]


def takes(changes: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the schema takes a meta, and whether the tool does."""
    meta = META | changes
    valid = jsonschema.Draft202012Validator(json_schema()).is_valid(meta)
    try:
        ActivationMeta.model_validate(meta)
    except ValueError:
        return valid, False
    return valid, True


@pytest.mark.parametrize("changes", RIGHT)
def test_the_schema_takes_what_the_tool_takes(changes: dict[str, Any]) -> None:
    assert takes(changes) == (True, True)


@pytest.mark.parametrize("changes", WRONG)
def test_the_schema_refuses_what_the_tool_refuses(changes: dict[str, Any]) -> None:
    assert takes(changes) == (False, False)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_each_key_of_each_part_is_described() -> None:
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]

    assert [part["title"] for part in parts if part["additionalProperties"] is not False] == []
    untold = [
        f"{part['title']}.{key}"
        for part in parts
        for key, each in part["properties"].items()
        if not each.get("description")
    ]
    assert untold == []


def test_the_schema_is_printed_as_it_is_shipped() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dbt_selligent.meta"], capture_output=True, text=True, check=True
    )

    assert done.stdout == (ROOT / "dbt_selligent" / "activation.schema.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "size"),
    [("1B", 1), ("999B", 999), ("2KB", 2_000), ("20MB", 20_000_000), ("20 MB", 20_000_000)],
)
def test_a_size_in_bytes(text: str, size: int) -> None:
    assert read_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "taken"),
    [("1000B", True), ("999B", False), ("100MB", True), (f"{MOST_BYTES + 1}B", False)],
)
def test_a_size_that_a_server_takes(text: str, taken: bool) -> None:
    assert takes({"batch": {"bytes": text}})[1] is taken
