"""What `debug` says of a project and of the lists that it feeds, line by line."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from dbt_selligent import findings
from dbt_selligent.places import Files
from dbt_selligent.selection import list_activations

from .conftest import CRM_FIELDS, CUSTOMERS, KEY, LISTS, TEXT, Shop, exposure
from .test_sync import A_ORDER, ANN

FILE = "models/exposures.yml: exposure crm"
INIT = "`dbt-selligent init --list {} --model customers --create`"
KEY_ADVICE = [
    (
        "note crm: unique key of list CUSTOMERS: cannot be read back; if it was never set, "
        "`dbt-selligent init --list CUSTOMERS --model customers --key CUSTOMER_ID --create` sets it"
    ),
]
SUM_ADVICE = [
    (
        "note crm: column lifetime_value of model customers: floating point, of which 12 "
        "significant digits count; for all of them, cast to decimal in the model, before it is "
        "summed"
    ),
]
ALL_THERE = "ok   crm: list CUSTOMERS: 5 fields, all that are mapped are there"


def meta(**changed: Any) -> dict[str, Any]:
    given = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": CRM_FIELDS}
    return exposure("crm", "customers", {**given, **changed})


def debugged(shop: Shop) -> list[str]:
    """The lines of a `debug`, but for those on versions, profiles and states."""
    done = shop.invoke("debug", "--select", "crm")
    assert "Traceback" not in done.said
    assert (done.code == 1) == any(line.startswith("FAIL") for line in done.out.splitlines())
    assert shop.sandbox.bulk() == []
    assert not any(one.method in ("PUT", "DELETE") for one in shop.sandbox.received)
    lines = done.out.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["ok   versions", "ok   profiles"]
    return [line for line in lines[2:] if not re.match(r"ok   (state of|crm: state)", line)]


def test_debug_says_ok_of_everything_and_its_advice_is_no_failure(shop: Shop) -> None:
    shop.customers(ANN)
    done = shop.invoke("debug", "--select", "crm")
    assert done.code == 0
    versions, *others = done.out.splitlines()
    assert versions.startswith("ok   versions: dbt-selligent ")
    assert [f"{name} {version(name)}" in versions for name in ("dbt-core", "dbt-duckdb")] == [
        True,
        True,
    ]
    assert versions.endswith(f", Python {platform.python_version()}")
    assert others == [
        f"ok   profiles: {shop.folder / 'profiles.yml'}, profile shop",
        f"ok   project: {shop.folder}, target dev",
        "ok   activations: crm",
        "ok   warehouse: opened, read-only",
        "ok   crm: model customers: 5 columns",
        f"ok   state of destination dev: folder {shop.state}: can be written",
        "ok   crm: state: none yet, the first sync makes it",
        f"ok   destination dev: {shop.url} is up",
        "ok   organization DEMO: the key is accepted",
        ALL_THERE,
        *KEY_ADVICE,
        *SUM_ADVICE,
    ]
    assert shop.sandbox.bulk() == []


def test_decimals_need_no_advice_and_a_key_of_two_fields_is_told_whole(shop: Shop) -> None:
    shop.table("orders", A_ORDER)  # in DuckDB 9.5 is a decimal
    done = shop.invoke("debug", "--select", "orders")
    assert done.code == 0
    assert done.out.splitlines()[-2:] == [
        "ok   orders: list ORDERS: 4 fields, all that are mapped are there",
        (
            "note orders: unique key of list ORDERS: cannot be read back; if it was never set, "
            "`dbt-selligent init --list ORDERS --model orders --key STORE --key ORDER_NO --create` "
            "sets it"
        ),
    ]


@pytest.mark.parametrize("sql_type", ["double", "float"])
def test_sums_are_advised_for_every_floating_column_that_feeds_a_float(
    shop: Shop, sql_type: str
) -> None:
    shop.customers(ANN)
    shop.write(f"alter table customers alter lifetime_value type {sql_type}")
    assert debugged(shop)[-1:] == SUM_ADVICE


def test_sums_are_advised_for_a_float_alone(open_shop: Callable[..., Shop]) -> None:
    fields = LISTS["CUSTOMERS"]["fields"] | {"LTV": {"data_type": "Unknown"}}
    shop = open_shop(lists={"CUSTOMERS": {"fields": fields}})
    shop.customers(ANN)
    assert debugged(shop)[6:] == [ALL_THERE, *KEY_ADVICE]


def test_a_static_segment_that_is_not_there_is_advice_and_one_that_is_is_nothing(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(lists={"CUSTOMERS": {**CUSTOMERS, "segments": ["OLD"]}})
    shop.customers(ANN)
    shop.declare(meta(segment="VIP"))
    note = "note crm: segment VIP of list CUSTOMERS: not there: the first sync makes it"
    assert debugged(shop)[6:] == [ALL_THERE, note, *KEY_ADVICE, *SUM_ADVICE]
    shop.declare(meta(segment="OLD"))
    assert debugged(shop)[6:] == [ALL_THERE, *KEY_ADVICE, *SUM_ADVICE]


def test_a_segment_of_another_type_takes_no_members(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(meta(segment="YOUNG"))
    assert debugged(shop)[6:8] == [
        f"FAIL {FILE}: segment: segment YOUNG is of type Dynamic",
        "     -> only static segments take members: name another one",
    ]


@pytest.mark.parametrize(
    ("changed", "lines"),
    [
        (
            {"list": "CUSTOMRS"},
            [
                f"FAIL {FILE}: list: there is no list CUSTOMRS in the organization",
                f"     -> did you mean CUSTOMERS?; or {INIT.format('CUSTOMRS')} makes it",
            ],
        ),
        (
            {"fields": {"MAILS": "email"}},
            [
                f"FAIL {FILE}: fields.MAILS: list CUSTOMERS has no field MAILS",
                f"     -> did you mean MAIL?; or {INIT.format('CUSTOMERS')} makes it",
            ],
        ),
        (
            {"matching_key": {"NUMBER": "id"}, "fields": {"CUSTOMER_ID": "id"}},
            [
                f"FAIL {FILE}: matching_key.NUMBER: list CUSTOMERS has no field NUMBER",
                (
                    "     -> it has CUSTOMER_ID, MAIL, FIRSTNAME, LTV, OPTIN; or "
                    f"{INIT.format('CUSTOMERS')} makes it"
                ),
            ],
        ),
        (
            {"removed": {"set": {"GONE": True}}},
            [
                f"FAIL {FILE}: removed.set.GONE: list CUSTOMERS has no field GONE",
                "     -> it has CUSTOMER_ID, MAIL, FIRSTNAME, LTV, OPTIN",
            ],
        ),
        (
            {"fields": {"LTV": "email"}},
            [
                (
                    f"FAIL {FILE}: fields.LTV: column email is of type VARCHAR, which a field of "
                    "type Float does not take"
                ),
                "     -> cast it in the model to decimal or double",
            ],
        ),
    ],
)
def test_what_a_list_lacks_is_told_with_the_command_that_mends_it(
    shop: Shop, changed: dict[str, Any], lines: list[str]
) -> None:
    shop.customers(ANN)
    shop.declare(meta(**changed))
    told = debugged(shop)
    assert told[3] == "ok   crm: model customers: 5 columns"
    assert told[6:8] == lines
    assert [line for line in told if line.startswith("FAIL")] == lines[:1]


def test_fields_are_checked_where_the_warehouse_cannot_be_opened(shop: Shop) -> None:
    shop.declare(meta(fields={"MAILS": "email"}, removed={"set": {"GONE": True}}))
    told = [line for line in debugged(shop) if line.startswith("FAIL")]
    assert told == [
        f"FAIL warehouse: there is no warehouse file: {shop.warehouse}",
        f"FAIL {FILE}: fields.MAILS: list CUSTOMERS has no field MAILS",
        f"FAIL {FILE}: removed.set.GONE: list CUSTOMERS has no field GONE",
    ]


OTHER = {"organization": "DEMO", "api_key": "demo", "api_secret": "demo"}
COMPUTED = {"data_type": "Float", "content": "ComputedPersisted", "allow_null": False}
NEEDED = {"MAIL": {**TEXT, "allow_null": False}, "LTV": COMPUTED}


def test_fields_that_are_computed_or_cannot_be_left_out_are_told(
    open_shop: Callable[..., Shop],
) -> None:
    lists = {"CUSTOMERS": {"fields": {"CUSTOMER_ID": KEY, "OPTIN": KEY, **NEEDED}}}
    shop = open_shop(lists=lists)
    shop.customers(ANN)
    shop.declare(meta(fields={"LTV": "lifetime_value"}))
    refused = "takes no null, and no column feeds it: new records are refused"
    assert debugged(shop)[6:12] == [
        f"FAIL {FILE}: fields.LTV: field LTV of list CUSTOMERS is computed by Selligent",
        "     -> take it out",
        f"FAIL {FILE}: fields.OPTIN: field OPTIN of list CUSTOMERS {refused}",
        "     -> map a column to it, or write mode: update",
        f"FAIL {FILE}: fields.MAIL: field MAIL of list CUSTOMERS {refused}",
        "     -> map a column to it, or write mode: update",
    ]
    shop.declare(meta(fields={"MAIL": "email"}, mode="update"))
    assert not [line for line in debugged(shop) if line.startswith("FAIL")]
    shop.declare(meta(fields={"MAIL": "email"}, mode="insert"))
    [told] = [line for line in debugged(shop) if line.startswith("FAIL")]
    assert f"field OPTIN of list CUSTOMERS {refused}" in told


def test_the_mend_names_target_and_destination_where_they_are_not_the_usual(shop: Shop) -> None:
    shop.customers(ANN)
    shop.profile(more={"other": OTHER | {"url": shop.url}})
    shop.declare(meta(list="NONE"))
    mend = "`dbt-selligent init --list NONE --model customers --destination other --create`"
    assert mend in shop.invoke("debug", "--destination", "other").out
    [activation] = list_activations(shop.settings())
    elsewhere = replace(shop.settings(), target="prod")
    assert findings.init_command(elsewhere, activation) == (
        "`dbt-selligent init --list NONE --model customers --target prod --destination dev "
        "--create`"
    )


WRONG: dict[str, tuple[Callable[[Shop], object], str, str]] = {
    "key": (
        lambda shop: shop.profile(api_secret="wrong"),
        "FAIL organization DEMO: 401: the key is refused",
        "check api_key and api_secret",
    ),
    "organization": (
        lambda shop: shop.profile(organization="ACME"),
        "FAIL organization ACME: 404: no such organization",
        "is `organization:` right?",
    ),
    "address": (
        lambda shop: shop.profile(url="http://127.0.0.1:9"),
        "FAIL destination dev: http://127.0.0.1:9: Selligent cannot be reached: no connection",
        "start the sandbox in another terminal: `dbt-selligent sandbox --port 9`",
    ),
    "another server": (
        lambda shop: shop.sandbox.faults(["any:503"]),
        "answers 503",
        "is `url:` right?",
    ),
    "right on fields": (
        lambda shop: shop.sandbox.faults(["fields:401"]),
        "FAIL crm: list CUSTOMERS: 401: the key is refused",
        "check api_key and api_secret",
    ),
    "fields": (
        lambda shop: shop.sandbox.faults(["fields:503"]),
        "FAIL crm: list CUSTOMERS: the fields of list CUSTOMERS cannot be read: 503 of the server",
        "try again later: the organization answers",
    ),
    "column": (
        lambda shop: shop.table("customers", "select 1 as id, 'a@acme.example' as e_mail"),
        f"FAIL {FILE}: fields.MAIL: model customers has no column email",
        "     -> did you mean e_mail?",
    ),
    "model": (
        lambda shop: shop.write("drop table customers"),
        f'FAIL {FILE}: depends_on: "shop"."main"."customers" does not exist in the warehouse',
        "run `dbt build --select customers`",
    ),
    "warehouse": (
        lambda shop: shop.warehouse.unlink(),
        "FAIL warehouse: there is no warehouse file",
        "run `dbt build` first",
    ),
    "destination": (
        lambda shop: shop.profile(url="http://acme.example"),
        "url: http is for this machine only",
        "write https://",
    ),
    "activation": (
        lambda shop: shop.declare(exposure("crm", "customers", {"list": "CUSTOMERS"})),
        "FAIL activations:",
        "mend these in the YAML",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_debug_says_what_is_wrong_and_what_to_do(
    shop: Shop, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "LONGEST_WAIT", 0.0)
    shop.customers(ANN)
    spoil, said, mend = WRONG[what]
    spoil(shop)
    done = shop.invoke("debug", "--select", "crm")
    assert done.code == 1
    assert said in done.out
    assert mend in done.out
    assert "Traceback" not in done.said


def test_a_fault_is_told_once(shop: Shop) -> None:
    shop.table("customers", "select 1.5::double as id, 'a@acme.example' as email")
    shop.declare(meta(fields={"MAIL": "email"}))
    told = [line for line in debugged(shop) if line.startswith("FAIL")]
    assert told == [
        (
            f"FAIL {FILE}: matching_key.CUSTOMER_ID: column id is of type DOUBLE, by which no "
            "record is found again"
        )
    ]


def test_lines_on_models_lists_and_advice_name_their_activations(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("spare", "select 1 as id, true as opt_in")
    fields = {"MAIL": "email", "LTV": "lifetime_value"}
    other = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"X": "opt_in"}}
    shop.declare(meta(fields=fields), exposure("other", "spare", other))
    told = shop.invoke("debug").out.splitlines()
    about = [line for line in told if re.search(": model | list CUSTOMERS", line)]
    assert about == [
        "ok   crm: model customers: 5 columns",
        "ok   other: model spare: 2 columns",
        "ok   crm: list CUSTOMERS: 5 fields, all that are mapped are there",
        "FAIL models/exposures.yml: exposure other: fields.X: list CUSTOMERS has no field X",
        KEY_ADVICE[0].replace("note crm", "note crm, other"),
    ]


def test_of_several_activations_advice_is_a_line_for_all(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", "select 'a' as store, 1 as order_no, 'open' as state, 9.5::real as total")
    told = shop.invoke("debug", "--select", "tag:daily").out.splitlines()
    assert [line for line in told if not line.startswith("ok ")] == [
        (
            "note unique keys of lists CUSTOMERS, ORDERS: cannot be read back; `dbt-selligent init "
            "--list LIST --model MODEL --key FIELD --create` sets one that never was"
        ),
        (
            "note crm, orders: columns lifetime_value of model customers, total of model orders: "
            "floating point, of which 12 significant digits count; for all of them, cast to "
            "decimal in the model, before it is summed"
        ),
    ]


def test_a_state_that_is_there_is_told_and_one_that_is_required_and_gone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    state = shop.state / "dev" / "crm.duckdb"
    assert f"ok   crm: state: there, {state}" in shop.invoke("debug", "-s", "crm").out.splitlines()
    state.unlink()
    shop.profile(require_state=True)
    done = shop.invoke("debug", "-s", "crm")
    assert done.code == 1
    assert (
        f"FAIL crm: state: none at {state}, and dev has require_state\n"
        "     -> put it back where it was; if there was none, `dbt-selligent sync --force`\n"
    ) in done.out


def test_a_state_that_cannot_be_used_or_is_in_use_is_told(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    state = shop.state / "dev" / "crm.duckdb"
    [activation] = list_activations(shop.settings(select=("crm",)))
    with Files.of(activation, shop.settings().destination_named()).hold():
        done = shop.invoke("debug", "-s", "crm")
    assert (
        done.code,
        "note crm: state: activation crm" in done.out,
        " is in use by" in done.out,
    ) == (
        0,
        True,
        True,
    )
    state.write_bytes(b"noise, " * 1000)
    done = shop.invoke("debug", "-s", "crm")
    assert (done.code, f"FAIL crm: state: {state}: not a usable state file" in done.out) == (
        1,
        True,
    )


def test_a_folder_of_the_state_that_cannot_be_one_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.customers(ANN)
    (tmp_path / "file").write_text("")
    shop.profile(state=str(tmp_path / "file" / "state"))
    done = shop.invoke("debug", "-s", "crm")
    assert done.code == 1
    assert (
        f"FAIL state of destination dev: folder {tmp_path}/file/state, for the state: " in done.out
    )
    assert f"{tmp_path}/file is no folder\n     -> give yourself the right" in done.out


def test_without_an_activation_the_destination_is_checked_all_the_same(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare()
    told = shop.invoke("debug").out.splitlines()
    assert told[3] == "FAIL activations: the project has no activation"
    assert told[-1] == "ok   organization DEMO: the key is accepted"


def test_a_profile_that_is_missing_is_told_with_the_command_that_writes_it(shop: Shop) -> None:
    shop.profile(more={"prod": OTHER | {"url": shop.url}}, targets=("dev", "stage"))
    told = shop.invoke("debug", "--target", "stage").out.splitlines()
    assert told[3].startswith(f"FAIL profiles: {shop.folder / 'profiles.yml'}: profile selligent: ")
    assert told[4].startswith("     -> `dbt-selligent init` adds it, on a terminal; else ")


def test_a_model_that_cannot_be_computed_is_named_in_the_command_that_says_more(
    shop: Shop,
) -> None:
    shop.write(
        "create view customers as select error('a@acme.example')::integer as id, 'x' as email"
    )
    shop.declare(meta(fields={"MAIL": "email"}))
    done = shop.invoke("plan", "--select", "crm")
    assert done.code == 1
    assert "-> `dbt show --select customers` says more" in done.said
    assert "a@acme.example" not in done.said
