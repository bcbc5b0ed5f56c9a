"""What `validate` says: every fault at once, without a network, or against the lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from dbt_selligent import findings

from .conftest import CRM_FIELDS, EXPOSURES, Shop, exposure
from .test_sync import A_ORDER, ANN

FILE = "models/exposures.yml"
KEY = {"CUSTOMER_ID": "id"}
NO_COLUMN = f"{FILE}: exposure crm: fields.MAIL: model customers has no column mail"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "LONGEST_WAIT", 0.0)


def crm(**changed: Any) -> dict[str, Any]:
    given = {"list": "CUSTOMERS", "matching_key": KEY, "fields": CRM_FIELDS, **changed}
    return exposure("crm", "customers", given)


def test_without_a_fault_it_says_so_asks_nobody_and_leaves_no_trace(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.declare(EXPOSURES[0], EXPOSURES[1])
    done = shop.invoke("validate")
    assert (done.code, done.out, done.err) == (0, "2 activations, no fault\n", "")
    one = shop.invoke("validate", "--select", "crm")
    assert (one.code, one.out) == (0, "1 activation, no fault\n")
    assert shop.sandbox.received == []
    assert not shop.state.exists()


def test_a_key_that_is_nearly_ours_is_a_fault(shop: Shop) -> None:
    given = crm()
    given["config"]["meta"] = {"selligint": given["config"]["meta"]["selligent"]}
    shop.declare(given)
    done = shop.invoke("validate")
    assert (done.code, done.out) == (2, "")
    assert (
        f"{FILE}: exposure crm: meta.selligint: no such key (did you mean selligent?)" in done.err
    )


def test_every_fault_of_every_activation_is_told_at_once(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(
        crm(fields={"MAIL": "mail"}),
        exposure("orders", "orders", EXPOSURES[1]["config"]["meta"]["selligent"]),
        exposure("bad", "spare", {"list": "OTHERS", "matching_key": {"ID": "id"}, "felds": {}}),
    )
    done = shop.invoke("validate")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "Error: 4 faults in the activations:",
        f"  {FILE}: exposure bad: felds: no such key (did you mean fields?)",
        f"  {FILE}: exposure bad: fields: missing (every activation needs it, or a segment)",
        f"  {NO_COLUMN} (did you mean email?)",
        (
            f'  {FILE}: exposure orders: depends_on: "shop"."main"."orders" does not exist in the '
            "warehouse (run `dbt build --select orders` for target dev first)"
        ),
        "  -> mend these in the YAML named above, or as is said; nothing was sent",
    ]
    sync = shop.invoke("sync")
    assert (sync.code, sync.err) == (2, done.err)


def test_the_faults_against_the_lists_come_with_the_commands_that_mend_them(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.declare(
        crm(fields={"MAILS": "email"}),
        exposure("lost", "orders", {**EXPOSURES[1]["config"]["meta"]["selligent"], "list": "GONE"}),
    )
    assert shop.invoke("validate").code == 0
    done = shop.invoke("validate", "--live")
    assert done.code == 2
    assert done.err.splitlines() == [
        "Error: 2 faults in the activations:",
        (
            f"  {FILE}: exposure crm: fields.MAILS: list CUSTOMERS has no field MAILS "
            "(did you mean MAIL?)"
        ),
        (
            f"  {FILE}: exposure lost: list: there is no list GONE in the organization "
            "(write the list's API name; or make it, as `dbt-selligent validate --live` says)"
        ),
        (
            "  -> mend these in the YAML named above, or make what lists lack: "
            "`dbt-selligent init --list CUSTOMERS --model customers --create`, "
            "`dbt-selligent init --list GONE --model orders --create`; nothing was sent"
        ),
    ]
    assert shop.sandbox.bulk() == []


def test_one_fault_of_a_list_names_one_command_and_one_of_the_yaml_names_none(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(crm(fields={"MAILS": "email"}))
    done = shop.invoke("validate", "--live")
    assert done.err.splitlines()[-1] == (
        "  -> mend these in the YAML named above, or make what a list lacks: "
        "`dbt-selligent init --list CUSTOMERS --model customers --create`; nothing was sent"
    )
    shop.declare(crm(segment="YOUNG"))
    done = shop.invoke("validate", "--live")
    assert done.code == 2
    assert done.err.splitlines()[1:] == [
        (
            f"  {FILE}: exposure crm: segment: segment YOUNG is of type Dynamic "
            "(only static segments take members: name another one)"
        ),
        "  -> mend these in the YAML named above; nothing was sent",
    ]


def test_live_tells_what_the_first_sync_makes_and_what_cannot_be_read(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(crm(segment="VIP"))
    done = shop.invoke("validate", "--live")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "1 activation, no fault",
        "note crm: segment VIP of list CUSTOMERS: not there: the first sync makes it",
        (
            "note crm: unique key of list CUSTOMERS: cannot be read back; if it was never set, "
            "`dbt-selligent init --list CUSTOMERS --model customers --key CUSTOMER_ID --create` "
            "sets it"
        ),
    ]
    assert [one.method for one in shop.sandbox.received] == ["GET", "GET"]


def test_without_a_warehouse_the_models_are_not_checked_and_that_is_said(shop: Shop) -> None:
    shop.declare(crm(fields={"MAIL": "mail"}))
    done = shop.invoke("validate")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "1 activation, no fault",
        f"not checked: models and columns: there is no warehouse file: {shop.warehouse}",
        (
            "  -> run `dbt build` first, and this in the folder where you run dbt: a relative path "
            "of the profile starts there"
        ),
    ]
    shop.declare(crm(fields={"MAILS": "mail"}))
    live = shop.invoke("validate", "--live")
    assert live.code == 2
    assert "list CUSTOMERS has no field MAILS" in live.err
    assert "not checked: models and columns" in live.out


def test_a_model_in_a_database_that_cannot_be_seen_is_not_checked(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(crm())
    manifest = shop.folder / "target" / "selligent" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["nodes"]["model.shop.customers"]["database"] = "elsewhere"
    manifest.write_text(json.dumps(content))
    done = shop.invoke("validate")
    assert done.code == 0
    assert done.out.splitlines()[:2] == [
        "1 activation, no fault",
        (
            'not checked: columns of model customers: "shop"."main"."customers": the profile '
            "attaches no database 'elsewhere'"
        ),
    ]


def test_a_profile_that_cannot_be_used_is_an_error(shop: Shop) -> None:
    shop.declare(crm())
    profiles = json.loads((shop.folder / "profiles.yml").read_text())
    profiles["shop"]["outputs"]["dev"]["settings"] = 5
    (shop.folder / "profiles.yml").write_text(json.dumps(profiles))
    done = shop.invoke("validate")
    assert done.code == 2
    assert "profiles.yml: shop.dev: settings is not valid" in done.err
    assert "no fault" not in done.out


def test_a_collation_for_which_values_that_differ_are_the_same_is_refused(shop: Shop) -> None:
    shop.declare(crm())
    shop.customers(ANN)
    profiles = json.loads((shop.folder / "profiles.yml").read_text())
    profiles["shop"]["outputs"]["dev"]["settings"] = {"default_collation": "nocase"}
    (shop.folder / "profiles.yml").write_text(json.dumps(profiles))
    done = shop.invoke("plan")
    assert done.code == 2
    assert "default_collation is nocase: a value that changes its case alone" in done.err
    assert "take it out of the settings in profiles.yml" in done.err


@pytest.mark.parametrize(
    ("spoilt", "said", "known"),
    [
        ({"url": "http://127.0.0.1:9"}, "Selligent cannot be reached", False),
        ({"api_secret": "wrong"}, "401: the key is refused", False),
        ({"api_secret": "wrong"}, "401: the key is refused", True),
    ],
)
def test_a_plan_says_why_the_list_is_not_known(
    shop: Shop, spoilt: dict[str, Any], said: str, known: bool
) -> None:
    shop.customers(ANN)
    shop.declare(crm())
    if known:
        shop.in_step()
    shop.profile(**spoilt)
    done = shop.invoke("plan")
    what = (
        "the list's fields are those of the last sync"
        if known
        else "no value is checked against the list's fields"
    )
    assert (done.code, f"  {said}: {what}\n" in done.out) == (0, True), done.said
    last = done.out.splitlines()[-1]
    assert known or last.startswith(f"  -> {said}, so this is not checked there yet: ")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda shop: shop.profile(url="http://127.0.0.1:9"), "Selligent cannot be reached"),
        (lambda shop: shop.sandbox.faults(["fields:503"]), "the fields of list CUSTOMERS cannot"),
    ],
)
def test_lists_that_cannot_be_read_are_no_pass(
    shop: Shop, spoil: Callable[[Shop], object], said: str
) -> None:
    shop.customers(ANN)
    shop.declare(crm())
    spoil(shop)
    assert shop.invoke("validate").code == 0
    done = shop.invoke("validate", "--live")
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert "  -> run `dbt-selligent debug`, then this again" in done.err
    shop.declare(crm(fields={"MAIL": "mail"}))
    both = shop.invoke("validate", "--live")
    assert both.code == 2
    assert NO_COLUMN in both.err
    assert f"not checked: list CUSTOMERS: {said}" in both.out


def test_json_holds_faults_mends_notes_and_what_was_not_checked(shop: Shop) -> None:
    shop.customers(ANN)
    shop.declare(crm(fields={"MAILS": "email"}))
    done = shop.invoke("validate", "--live", "--output", "json")
    assert (done.code, done.err) == (2, "")
    assert json.loads(done.out) == {
        "activations": ["crm"],
        "faults": [
            {
                "file": FILE,
                "exposure": "crm",
                "key": "fields.MAILS",
                "problem": "list CUSTOMERS has no field MAILS",
                "mend": "did you mean MAIL?",
                "in_yaml": True,
            }
        ],
        "mends": ["`dbt-selligent init --list CUSTOMERS --model customers --create`"],
        "notes": [
            {
                "what": "unique key of list CUSTOMERS",
                "said": (
                    "cannot be read back; if it was never set, `dbt-selligent init --list "
                    "CUSTOMERS --model customers --key CUSTOMER_ID --create` sets it"
                ),
                "mend": "",
                "activations": ["crm"],
            }
        ],
        "not_checked": [],
    }
    shop.declare(crm())
    shop.warehouse.unlink()
    done = shop.invoke("validate", "--output", "json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert (found["faults"], found["notes"]) == ([], [])
    assert [each["what"] for each in found["not_checked"]] == ["models and columns"]


def test_a_project_without_an_activation_is_an_error(shop: Shop) -> None:
    shop.declare()
    done = shop.invoke("validate")
    assert (done.code, done.out) == (2, "")
    assert "the project has no activation" in done.err
