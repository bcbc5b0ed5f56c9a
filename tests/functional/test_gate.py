"""What dbt said of a model decides whether it is sent: files of its shape, and the real dbt."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_selligent import planner

from .conftest import EXPOSURES, SECONDS, Done, Shop, clean_environment, exposure
from .test_bad_input import GOOD
from .test_sync import A_ORDER, ANN, BEN

CLEAN = "model customers and its tests passed in dbt, the model in the dbt "
UNKNOWN = "dbt's verdict on model customers is not known"
FAILED = "model customers failed in the dbt build of 2026-05-01 12:00 UTC"
MEND = "mend it, then `dbt build --select customers`; `gate: off` sends it anyway"


def kept(shop: Shop) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shop.state / "dbt_verdicts.json").read_text())
    return content


def gated(shop: Shop, gate: str | bool) -> None:
    """The activation crm with this gate."""
    meta = {**EXPOSURES[0]["config"]["meta"]["selligent"], "gate": gate}
    shop.declare(exposure("crm", "customers", meta))


def test_a_model_that_failed_is_kept_back_and_the_others_go_on(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.dbt_said(customers="error", orders="success")
    done = shop.command("sync", "--select", "tag:daily")
    assert (done.code, done.err) == (1, "")
    lines = done.out.splitlines()
    at = lines.index("crm: kept back")
    assert lines[at + 1] == f"  {FAILED}: nothing was sent"
    assert lines[-2].startswith("2 activations in ")
    assert lines[-2].endswith(" s, 1 kept back: 1 row confirmed")
    assert lines[-1] == f"  -> crm: {MEND}"
    assert [name for name, _, _ in shop.sent()] == ["ORDERS"]
    crm, orders = shop.results()["results"]
    assert (crm["status"], crm["counts"], orders["status"]) == ("kept back", None, "in step")
    # A first sync that was kept back has left no state.
    assert [path.name for path in (shop.state / "dev").glob("crm*.duckdb")] == []

    shop.dbt_said(customers="success", orders="success", at="12:01")
    shop.in_step()
    assert len(shop.sent()) == 1


def test_force_does_not_open_the_gate_and_what_was_kept_back_is_in_the_history(
    shop: Shop,
) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    shop.customers(ANN, BEN)
    shop.dbt_said(customers="error")
    forced = shop.sync_one(force=True)
    assert (forced.status, forced.error) == ("kept back", f"{FAILED}: nothing was sent")
    assert shop.sent() == []
    lines = shop.invoke("status", "--select", "crm").out.splitlines()
    assert lines[2].endswith("UTC  kept back  0 confirmed, 0 rejected, 0 not sent")
    assert lines[3] == f"    {FAILED}: nothing was sent"
    # A guard that would speak too has nothing to say before that is mended.
    shop.customers()
    assert shop.sync_one().status == "kept back"
    told = [(each.guard, each.passed) for each in shop.plan_one().verdicts]
    assert told == [("gate", False), ("empty", False)]


def test_a_plan_tells_it_does_not_fail_and_keeps_nothing(shop: Shop) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="error")
    done = shop.invoke("plan", "--select", "crm")
    assert done.code == 0
    assert f"  gate stops a sync: {FAILED}" in done.out.splitlines()
    assert f"    -> {MEND}" in done.out.splitlines()
    assert done.out.splitlines()[-1] == "A sync stops at crm: see above."
    assert not (shop.state / "dbt_verdicts.json").exists()


@pytest.mark.parametrize("wrong", ["table", "column"])
def test_a_plan_of_what_is_kept_back_asks_for_no_table_and_the_others_are_planned(
    shop: Shop, wrong: str
) -> None:
    shop.customers(ANN)
    if wrong == "table":
        shop.write("drop table customers")
    else:
        shop.table("customers", "select 1 as id")
    shop.table("orders", A_ORDER)
    shop.dbt_said(customers="error", orders="success")
    done = shop.invoke("plan", "--select", "tag:daily")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    at = lines.index("crm: kept back")
    assert lines[at + 1] == f"  {FAILED}: nothing was sent"
    assert "orders: orders -> list ORDERS at dev" in lines
    assert lines[-4].startswith("Plan: 1 to add")
    assert lines[-2:] == ["A sync stops at crm: see above.", f"  -> {MEND}"]
    told = json.loads(shop.invoke("plan", "--select", "tag:daily", "--output", "json").out)
    assert [one["activation"] for one in told] == ["orders", "crm"]
    assert (told[1]["counts"], told[1]["next_step"]) == (None, MEND)
    # A fault of one that is not kept back is told as ever.
    shop.dbt_said(customers="success", at="12:01")
    assert shop.invoke("plan", "--select", "tag:daily").code == 2


def test_what_is_not_known_is_sent_and_said_or_refused_where_it_is_required(shop: Shop) -> None:
    shop.customers(ANN)
    gated(shop, "require")
    refused = shop.sync_one(force=True)
    assert (refused.status, refused.error) == ("kept back", f"{UNKNOWN}: nothing was sent")
    assert refused.next_step == "`dbt build --select customers` gives it"
    gated(shop, "last")
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 0
    assert f"  gate: {UNKNOWN}" in done.out.splitlines()
    gated(shop, "require")
    shop.dbt_said(customers="success")
    shop.customers(ANN, BEN)
    said = "  gate passed: model customers passed in the dbt build of 2026-05-01 12:00 UTC"
    assert said in shop.invoke("plan", "--select", "crm").out.splitlines()
    quiet = shop.invoke("sync", "--select", "crm")
    assert (quiet.code, "gate:" in quiet.out) == (0, False)


@pytest.mark.parametrize("gate", ["off", False])  # as YAML reads it, without quotes
def test_a_gate_that_is_off_sends_and_says_nothing(shop: Shop, gate: str | bool) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="error")
    gated(shop, gate)
    assert [each.guard for each in shop.plan_one().verdicts] == []
    done = shop.invoke("sync", "--select", "crm")
    assert (done.code, "gate:" in done.out) == (0, False)


def test_a_verdict_for_another_target_says_nothing_of_this_one(shop: Shop) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="error", target="prod")
    assert [each.said for each in shop.plan_one().verdicts] == [UNKNOWN]
    shop.in_step()
    assert kept(shop) == {
        "prod": {
            "model.shop.customers": {
                "passed": False,
                "command": "build",
                "at": "2026-05-01T12:00:00.000000Z",
            }
        }
    }
    shop.dbt_said(customers="error", target="dev")
    assert shop.sync_one().status == "kept back"
    assert sorted(kept(shop)) == ["dev", "prod"]


@pytest.mark.parametrize("wrong", ["warehouse", "list"])
def test_a_verdict_is_kept_whatever_becomes_of_the_sync(shop: Shop, wrong: str) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="error")
    if wrong == "warehouse":
        shop.warehouse.rename(shop.folder / "elsewhere.duckdb")
        assert shop.sync_one().status == "failed"
        (shop.folder / "elsewhere.duckdb").rename(shop.warehouse)
    else:
        good = EXPOSURES[0]["config"]["meta"]["selligent"]
        shop.declare(exposure("crm", "customers", {**good, "list": "NOBODYS"}))
        assert shop.invoke("sync", "--select", "crm").code == 2
        shop.declare(exposure("crm", "customers", good))
    shop.dbt_said(orders="success", at="12:01")
    kept_back = shop.sync_one()
    assert (kept_back.status, kept_back.error) == ("kept back", f"{FAILED}: nothing was sent")


def test_each_folder_of_states_has_the_verdicts(shop: Shop) -> None:
    shop.profile(more={"other": {**shop.output, "state": "elsewhere"}})
    crm = EXPOSURES[0]["config"]["meta"]["selligent"]
    other = {**crm, "destination": "other", "list": "OTHERS"}
    shop.declare(exposure("crm", "customers", crm), exposure("other", "customers", other))
    shop.customers(ANN)
    shop.dbt_said(customers="error")
    assert [each.status for each in shop.sync().results] == ["kept back", "kept back"]
    for folder in (shop.state, shop.folder / "elsewhere"):
        assert json.loads((folder / "dbt_verdicts.json").read_text()).keys() == {"dev"}
        assert (folder / ".gitignore").read_text() == "*\n"
        assert folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("which", ["results", "verdicts"])
def test_a_file_that_cannot_be_read_keeps_back_and_says_which(shop: Shop, which: str) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="success")
    shop.in_step()
    results, verdicts = shop.folder / "target/run_results.json", shop.state / "dbt_verdicts.json"
    path = results if which == "results" else verdicts
    path.write_text("{")
    result = shop.sync_one()
    assert result.status == "kept back"
    assert result.error == f"dbt's {which} cannot be read: {path}: nothing was sent"
    done = shop.invoke("plan", "--select", "crm")
    assert done.code == 0
    assert f"  gate stops a sync: dbt's {which} cannot be read: {path}" in done.out.splitlines()
    path.unlink()
    shop.in_step()


def test_a_model_that_was_never_built_because_it_failed_keeps_no_other_back(shop: Shop) -> None:
    shop.table("orders", A_ORDER)
    shop.write("drop table if exists customers")
    shop.dbt_said(customers="error", orders="success")
    results = shop.sync(select=("crm", "orders")).results
    assert [(one.name, one.status) for one in results] == [
        ("crm", "kept back"),
        ("orders", "in step"),
    ]
    # One of which nothing is known is a mistake of the project, for which nothing is sent.
    shop.dbt_said(customers="success", at="12:01")
    done = shop.invoke("sync", "--select", "crm")
    assert (done.code, "does not exist in the warehouse" in done.err) == (2, True)


@pytest.mark.parametrize("when", ["read_catalog", "plan_job"])
def test_what_dbt_says_while_a_sync_gets_ready_is_heeded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    shop.customers(ANN)
    shop.dbt_said(customers="success")
    shop.in_step()
    shop.sent()
    shop.customers(ANN, BEN)
    real = getattr(planner, when)

    def meanwhile(*given: Any, **more: Any) -> Any:
        found = real(*given, **more)
        shop.dbt_said(customers="error", at="12:05")
        return found

    monkeypatch.setattr(planner, when, meanwhile)
    result = shop.sync_one()
    assert (result.status, shop.sent()) == ("kept back", [])
    assert (result.error or "").startswith("model customers failed in the dbt build")
    monkeypatch.undo()
    assert "kept back" in shop.invoke("status", "--select", "crm").out
    shop.dbt_said(customers="success", at="12:06")
    assert shop.in_step().confirmed == 1


# the real dbt

SCHEMA = {
    "models": [
        {"name": "customers", "columns": [{"name": "id", "data_tests": ["unique", "not_null"]}]},
        {
            "name": "orders",
            "columns": [
                {
                    "name": "id",
                    "data_tests": [
                        {"relationships": {"arguments": {"to": "ref('customers')", "field": "id"}}},
                        {
                            "accepted_values": {
                                "arguments": {"values": [0], "quote": False},
                                "config": {"severity": "warn"},
                            }
                        },
                    ],
                }
            ],
        },
    ],
    "unit_tests": [
        {
            "name": "takes_every_row",
            "model": "orders",
            "given": [{"input": "ref('customers')", "rows": [{"id": 7, "email": "a"}]}],
            "expect": {"rows": [{"id": 7, "email": "a"}]},
        }
    ],
}
ROWS = "select 1 as id, 'ann@acme.example' as email"
COPY = "select id, email from {{ ref('customers') }}"


# dbt takes a second to be imported, and much less for what it does here.
SEVERAL = """
import json, shutil, sys
from dbt.cli.main import dbtRunner
for number, arguments in enumerate(json.loads(sys.argv[1])):
    assert dbtRunner().invoke(arguments).success, arguments
    shutil.copy("target/run_results.json", f"results{number}.json")
"""


def several(shop: Shop, commands: Sequence[Sequence[str]]) -> list[Path]:
    """Commands of the real dbt in one process, and the results that were there after each."""
    subprocess.run(
        [sys.executable, "-c", SEVERAL, json.dumps(commands)],
        cwd=shop.folder,
        env={**clean_environment(), "DBT_PROFILES_DIR": str(shop.folder)},
        stdout=subprocess.DEVNULL,
        timeout=SECONDS,
        check=True,
    )
    return [shop.folder / f"results{number}.json" for number in range(len(commands))]


def test_what_the_real_dbt_says_is_seen_command_by_command(project: Callable[..., Shop]) -> None:
    orders = {**GOOD, "list": "OTHERS"}
    shop = project(
        [exposure("crm", "customers", GOOD), exposure("orders", "orders", orders)],
        models={"customers": ROWS, "orders": COPY},
    )
    (shop.folder / "models" / "schema.yml").write_text(yaml.safe_dump(SCHEMA))

    def dbt(*arguments: str, code: int = 0) -> Done:
        done = shop.build(*arguments)
        assert done.code == code, done.said
        return done

    def statuses() -> list[str]:
        return [each.status for each in shop.sync().results]

    def said(index: int) -> str:
        error = shop.results()["results"][index]["error"]
        return re.sub(r"of [-\d]+ [\d:]+ UTC", "of WHEN", error)

    # All is fine: a test of severity warn that warns is nothing.
    dbt("build")
    assert statuses() == ["in step", "in step"]
    plans = (shop.plan_one("crm"), shop.plan_one("orders"))
    told = [each.said.partition(", the")[0] for made in plans for each in made.verdicts]
    assert told == [f"model {name} and its tests passed in dbt" for name in ("customers", "orders")]
    nodes = [node.split(".")[0] for node in kept(shop)["dev"]]
    assert [nodes.count(kind) for kind in ("model", "test", "unit_test")] == [2, 4, 1]

    # A row twice: its test fails, and what stands on it is skipped, and as it was.
    (shop.folder / "models" / "customers.sql").write_text(f"{ROWS} union all {ROWS}")
    dbt("build", code=1)
    assert statuses() == ["kept back", "in step"]
    assert said(0) == "test unique_customers_id failed in the dbt build of WHEN: nothing was sent"

    # These say nothing of data, nor does a build without rows, though its tests pass.
    before = kept(shop)
    silent = [["compile"], ["docs", "generate"], ["show", "--select", "customers"], ["ls"]]
    for path in several(shop, [*silent, ["build", "--empty"]]):
        shutil.copy(path, shop.folder / "target" / "run_results.json")
        assert statuses()[0] == "kept back"
        assert kept(shop) == before

    # A partial run is no verdict on the test; a model that cannot be built is one on itself.
    (shop.folder / "models" / "orders.sql").write_text(f"{COPY} where id / 0 = error('no')")
    dbt("run", code=1)
    assert statuses() == ["kept back", "kept back"]
    assert said(0).startswith("test unique_customers_id failed in the dbt build of WHEN")
    assert said(1) == "model orders failed in the dbt run of WHEN: nothing was sent"

    # The test alone, and its retry after the mend.
    dbt("test", "--select", "unique_customers_id", code=1)
    shop.write("create or replace table customers as select 1 as id, 'ann@acme.example' as email")
    dbt("retry")
    assert statuses()[0] == "in step"
    [verdict] = shop.plan_one("crm").verdicts
    assert verdict.said.startswith(f"{CLEAN}run of ")
