"""Projects, profiles and warehouses that are not as they should be: said clearly, nothing lost."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dbt_selligent import plan, sync
from dbt_selligent.errors import ActivationFaults, Fault
from dbt_selligent.events import Event, Waiting

from .conftest import MODELS, SECONDS, Shop, exposure, load, wait_until
from .test_sync import ANN, BEN, WHOLE

GOOD: dict[str, Any] = {
    "list": "CUSTOMERS",
    "matching_key": {"CUSTOMER_ID": "id"},
    "fields": {"MAIL": "email"},
}


def faulty(**changed: Any) -> dict[str, Any]:
    meta = {**GOOD, **changed}
    return {key: value for key, value in meta.items() if value is not None}


BARE = """
  - name: bare
    type: application
    owner: {name: CRM, email: crm@acme.example}
    depends_on: [ref('customers')]
    meta:
      selligent:
        list: THINGS
        matching_key: {ID: id}
        fields: {NO: no, ON: on, OFF: off, FLAG: yes}
"""
QUOTED = """
  - name: quoted
    type: application
    owner: {name: CRM, email: crm@acme.example}
    depends_on: [ref('things')]
    meta:
      selligent:
        list: QUOTED
        matching_key: {ID: id}
        fields: {"NO": "no", "FLAG": "flag"}
"""


def test_every_fault_of_every_activation_is_told_at_once_as_dbt_parsed_them(
    project: Callable[..., Shop],
) -> None:
    changes: dict[str, dict[str, Any]] = {
        "no_model": {},
        "two_models": {},
        "other_model": {"model": "custmers"},
        "thin_air": {},
        "unknown_keys": {"feilds": {"MAIL": "email"}, "colour": "red"},
        "february": {"schedule": "0 6 30 2 *"},
        "options": {"fields": {"LTV": {"column": "x", "only": "sometimes"}}},
        "missing": {"matching_key": None, "fields": None},
        "four_keys": {"matching_key": dict.fromkeys("ABCD", "id")},
        "twice": {"fields": {"MAIL": "a", "Mail": "b"}},
        "key_too": {"fields": {"customer_id": "id"}},
        "comma": {"fields": {"A,B": "id"}},
        "nowhere": {"destination": "prdo"},
        "one": {"list": "OTHERS"},
        "other": {"list": "others", "fields": {"mail": "email"}},
    }
    models = {"no_model": [], "two_models": ["customers", "things"], "thin_air": ["fleeting"]}
    shop = project(
        [
            exposure("text", "customers", "CUSTOMERS"),
            *(
                exposure(name, models.get(name, ["customers"]), faulty(**{"list": name, **changed}))
                for name, changed in changes.items()
            ),
        ],
        models={**MODELS, "fleeting": "{{ config(materialized='ephemeral') }} select 1 as id"},
    )
    path = shop.folder / "models" / "exposures.yml"
    path.write_text(path.read_text() + BARE.replace("\n  ", "\n") + QUOTED.replace("\n  ", "\n"))
    shop.customers(ANN)
    shop.table("things", "select 1 as id, 5 as no, true as flag")
    with pytest.raises(ActivationFaults) as raised:
        plan(shop.settings())
    found = [(one.exposure, one.key, one.problem, one.mend) for one in raised.value.faults]
    bare = 'quote it, like "NO"'
    reads = "YAML reads a bare on, yes, no, off or null so"
    twice = "twice, but for case and blanks"
    four_keys = "must have no more than 3"
    nowhere = (
        f"{shop.folder / 'profiles.yml'}: profile selligent: no output 'prdo' (asked for); "
        "there are: dev"
    )
    one_only = "one activation only may write a field of a list"
    assert found == [
        ("bare", "fields.FLAG", "YAML reads this column's name as a boolean or null", "quote it"),
        ("bare", "fields.false", reads, bare),
        ("bare", "fields.true", reads, bare),
        ("comma", "fields.A,B", "a comma separates fields in the API", "rename the field"),
        ("february", "schedule", "this day never comes", "is there such a day in that month?"),
        ("four_keys", "matching_key", four_keys, "write {FIELD: column}"),
        ("key_too", "fields.customer_id", "already the matching key", "name it in one place only"),
        ("missing", "fields", "missing", "every activation needs it, or a segment"),
        ("missing", "matching_key", "missing", "every activation needs it"),
        ("no_model", "depends_on", "no model", "write depends_on: [ref('your_model')]"),
        ("nowhere", "destination", nowhere, ""),
        ("one", "fields.MAIL", "also written to list OTHERS by other", one_only),
        (
            "options",
            "fields.LTV",
            "not an option of a field",
            "write {column: name, only: insert}",
        ),
        ("other", "fields.mail", "also written to list others by one", one_only),
        ("other", "list", "there is no list others in the organization", "did you mean OTHERS?"),
        ("other_model", "model", "custmers is not among depends_on", "did you mean customers?"),
        ("quoted", "list", "there is no list QUOTED in the organization", "did you mean OTHERS?"),
        ("text", "selligent", "not a dictionary", "see the README for an example"),
        (
            "thin_air",
            "depends_on",
            "fleeting is ephemeral: there is no table to read",
            "materialize it",
        ),
        ("twice", "fields.MAIL", twice, "name it once"),
        ("twice", "fields.Mail", twice, "name it once"),
        ("two_models", "depends_on", "2 models: customers, things", "name one with `model:`"),
        ("unknown_keys", "colour", "no such key", ""),
        ("unknown_keys", "feilds", "no such key", "did you mean fields?"),
    ]
    assert {fault.file for fault in raised.value.faults} == {"models/exposures.yml"}

    done = shop.invoke("sync", "--select", "quoted")
    assert done.code == 2
    assert "faults in the activations:\n  models/exposures.yml: exposure bare: fields." in done.err
    assert "models/exposures.yml: exposure unknown_keys: feilds: no such key (did you mean" in (
        done.err
    )
    assert shop.writes() == []
    assert list(shop.folder.glob(".dbt_selligent/**/*.duckdb")) == []


def test_a_key_that_stands_twice_is_a_fault_though_dbt_takes_the_last(
    project: Callable[..., Shop],
) -> None:
    shop = project([exposure("crm", "customers", GOOD)], models={"customers": "select 1 as id"})
    file = "models/exposures.yml"
    text = f"""
exposures:
- name: crm
  type: application
  owner: {{name: CRM, email: crm@acme.example}}
  depends_on: [ref('customers')]
  config:
    meta:
      selligent:
        list: {GOOD["list"]}
        matching_key: {json.dumps(GOOD["matching_key"])}
        fields:
          MAIL: email
          MAIL: id
"""
    (shop.folder / file).write_text(text)
    for command in ("validate", "plan", "sync"):
        done = shop.invoke(command)
        assert done.code == 2
        said = "fields.MAIL: stands twice, lines 13 and 14: YAML takes the last one alone"
        assert f"  {file}: exposure crm: {said} (keep one of them)" in done.err
    assert shop.sandbox.received == []
    (shop.folder / file).write_text(text.replace("          MAIL: email\n", ""))
    assert shop.build("build").code == 0
    assert (done := shop.invoke("validate")).code == 0, done.err


def test_a_bare_word_that_yaml_reads_as_a_boolean_is_one_fault_and_not_two(shop: Shop) -> None:
    """In the manifest, which is JSON, a key `no` is "false" and a column `yes` is true."""
    shop.declare(exposure("bare", "customers", faulty(fields={"false": "email", "FLAG": True})))
    shop.customers(ANN)
    with pytest.raises(ActivationFaults) as raised:
        plan(shop.settings())
    assert [fault.key for fault in raised.value.faults] == ["fields.FLAG", "fields.false"]


def test_columns_that_do_not_exist_are_faults_with_the_nearest_name(shop: Shop) -> None:
    meta = faulty(matching_key={"CUSTOMER_ID": "customer"}, fields={"MAIL": "emial", "LTV": "qqq"})
    shop.declare(
        exposure("crm", "customers", meta), exposure("gone", "mails", faulty(list="OTHERS"))
    )
    shop.customers(ANN)
    with pytest.raises(ActivationFaults) as raised:
        plan(shop.settings())
    crm = "model customers has no column "
    names = "it has id, email, first_name, lifetime_value, opt_in"
    file = "models/exposures.yml"
    assert list(raised.value.faults) == [
        Fault(file, "crm", "fields.LTV", crm + "qqq", names),
        Fault(file, "crm", "fields.MAIL", crm + "emial", "did you mean email?"),
        Fault(file, "crm", "matching_key.CUSTOMER_ID", crm + "customer", names),
        Fault(
            file,
            "gone",
            "depends_on",
            '"shop"."main"."mails" does not exist in the warehouse',
            "run `dbt build --select mails` for target dev first",
        ),
    ]
    done = shop.invoke("sync")
    assert done.code == 2
    assert shop.writes() == []


def test_a_list_or_field_that_does_not_exist_is_a_fault_and_forgets_nothing(shop: Shop) -> None:
    shop.declare(exposure("crm", "customers", GOOD))
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    shop.declare(
        exposure("crm", "customers", faulty(list="CUSTOMRS")),
        exposure("field", "customers", faulty(list="OTHERS", fields={"MALE": "email", "X": "id"})),
        exposure("good", "customers", GOOD),
    )
    for command in ("plan", "sync"):
        done = shop.invoke(command)
        assert done.code == 2
        said = done.err.splitlines()
        where = "  models/exposures.yml: exposure "
        assert said[:4] == [
            "Error: 3 faults in the activations:",
            (
                f"{where}crm: list: there is no list CUSTOMRS in the organization "
                "(did you mean CUSTOMERS?)"
            ),
            f"{where}field: fields.MALE: list OTHERS has no field MALE (did you mean MAIL?)",
            (
                f"{where}field: fields.X: list OTHERS has no field X "
                "(it has CUSTOMER_ID, MAIL, FIRSTNAME, LTV, OPTIN)"
            ),
        ]
    assert shop.sent() == []
    # Nothing is lost, and nothing forgotten: mended, the row is known.
    shop.declare(exposure("crm", "customers", GOOD))
    assert shop.in_step().requests == 0
    shop.declare(exposure("field", "customers", faulty(list="OTHERS")))
    shop.in_step("field")
    assert shop.sent() == [
        load("OTHERS", "CUSTOMER_ID", "CUSTOMER_ID,MAIL", [[1, "ann@acme.example"]])
    ]


def test_a_project_that_dbt_cannot_parse_is_told_in_dbts_words(
    project: Callable[..., Shop],
) -> None:
    shop = project([exposure("crm", "customer", GOOD)])  # no such model
    done = shop.invoke("sync")
    assert done.code == 2
    assert "dbt cannot parse the project" in done.err
    assert "'customer' which was not found" in done.err
    assert "Traceback" not in done.said
    assert shop.writes() == []
    assert not shop.state.exists()


PROFILES: list[tuple[dict[str, Any], str]] = [
    ({"api_key": "{{ env_var('SELLIGENT_API_KEY') }}"}, "SELLIGENT_API_KEY is not set"),
    ({"api_secret": "{{ env_var('NOBODY', '') }}"}, "empty: api_secret"),
    ({"api_key": None}, "missing: api_key"),
    ({"api_keyy": "x"}, "did you mean api_key?"),
    ({"url": "ftp://acme.example"}, "url: not a URL"),
    ({"url": "https://user:hidden-word@acme.example"}, "url: holds a password"),
    ({"url": "http://acme.example"}, "url: http is for this machine only"),
    ({"timezone": "Europe/Ghent"}, "no time zone 'Europe/Ghent'"),
    ({"require_state": "x"}, "require_state: 'x' is not true or false"),
    ({"type": "duckdb"}, "type: 'duckdb' is not 'selligent'"),
]


@pytest.mark.parametrize(("changed", "said"), PROFILES)
def test_a_destination_that_is_not_complete_is_an_error_that_says_where(
    shop: Shop, changed: dict[str, Any], said: str
) -> None:
    shop.customers(ANN)
    shop.profile(**changed)
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 2
    assert said in done.err
    assert "profiles.yml" in done.err
    assert "hidden-word" not in done.said
    assert shop.writes() == []


def test_a_secret_of_another_output_may_be_missing(shop: Shop) -> None:
    shop.customers(ANN)
    other = {"type": "selligent", "url": "{{ env_var('SELLIGENT_URL') }}"}
    shop.profile(more={"prod": other})
    shop.in_step()
    assert len(shop.sent()) == 1


def test_a_secret_from_the_environment_is_used(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers(ANN)
    shop.profile(api_secret="{{ env_var('SELLIGENT_API_SECRET') }}")
    monkeypatch.setenv("SELLIGENT_API_SECRET", "demo")
    shop.in_step()
    assert shop.records() == [ANN]


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_a_missing_warehouse_is_an_error_and_is_not_made(shop: Shop, command: str) -> None:
    done = shop.invoke(command, "--select", "crm")
    assert done.code == 2
    assert f"there is no warehouse file: {shop.warehouse}" in done.said
    assert "run `dbt build` first" in done.said
    assert not shop.warehouse.exists()


def test_a_missing_warehouse_is_in_the_history_and_nothing_else_changes(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.warehouse.rename(shop.warehouse.with_suffix(".away"))
    results = shop.sync(select=("tag:daily",))
    assert results.exit_code == shop.results()["metadata"]["exit_code"] == 2
    assert [(one.name, one.status) for one in results.results] == [
        ("crm", "failed"),
        ("orders", "failed"),
    ]
    lines = shop.invoke("status", "--select", "crm").out.splitlines()
    assert lines[1] == "  1 rows confirmed, 0 in doubt"
    assert [line.split("  ")[2] for line in lines[2::2]] == ["failed", "in step"]
    shop.warehouse.with_suffix(".away").rename(shop.warehouse)
    shop.in_step()
    assert len(shop.sent()) == 1


@contextmanager
def other_process(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python that has done what `code` says, and waits."""
    ending = "\nprint('ready', flush=True)\nsys.stdin.read()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys\n" + textwrap.dedent(code) + ending, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=SECONDS)


def test_a_warehouse_that_another_process_writes_is_named_with_its_pid(shop: Shop) -> None:
    shop.customers(ANN)
    code = "import duckdb\nconnection = duckdb.connect(sys.argv[1])"
    with other_process(code, str(shop.warehouse)) as writer:
        for command in ("plan", "sync", "debug"):
            done = shop.invoke(command, "--select", "crm")
            assert done.code == (1 if command == "debug" else 2)
            assert f"the warehouse is locked by the process {writer.pid}:" in done.said
            assert "run this again when it has ended" in done.said
        assert shop.sent() == []
    shop.in_step()
    assert shop.records() == [ANN]


def test_the_warehouse_is_free_while_requests_are_under_way(shop: Shop) -> None:
    """A load of an hour must not keep anybody from the next `dbt run`."""
    shop.customers(ANN)
    shop.sandbox.faults(["load:delay=30@1"])
    with shop.started("sync", "--select", "crm"):
        wait_until(shop.sandbox.bulk, "a request is under way")
        shop.customers(BEN)
    assert shop.sandbox.bulk()[0].body == [list(ANN)]


def test_a_sync_beside_another_one_says_who_holds_it_and_sends_nothing(shop: Shop) -> None:
    shop.customers(ANN)
    shop.sandbox.faults(["load:delay=30@1"])
    with shop.started("sync", "--select", "crm") as other:
        wait_until(shop.sandbox.bulk, "a request is under way")
        result = shop.sync_one()
        assert result.status == "failed"
        assert f"activation crm is in use by process {other.pid} on " in (result.error or "")
        assert len(shop.sandbox.bulk()) == 1
        for command, code in (("plan", 1), ("status", 0)):
            done = shop.invoke(command, "--select", "crm")
            assert done.code == code
            assert f"activation crm is in use by process {other.pid} on " in done.said


def test_a_second_activation_on_the_list_waits_for_its_turn_and_says_for_whom(
    shop: Shop,
) -> None:
    shop.declare(
        exposure("crm", "customers", GOOD),
        exposure("names", "customers", faulty(fields={"FIRSTNAME": "first_name"})),
    )
    shop.customers(ANN)
    shop.sandbox.faults(["load:delay=1@1"])
    events: list[Event] = []
    with shop.started("sync", "--select", "crm") as other:
        wait_until(shop.sandbox.bulk, "a request is under way")
        [result] = sync(shop.settings(select=("names",)), emit=events.append).results
    assert result.status == "in step"
    [waited] = [each for each in events if isinstance(each, Waiting)]
    assert f"list CUSTOMERS is in use by process {other.pid} on " in waited.reason
    assert [query["fields"] for _, query, _ in shop.sent()] == [
        "CUSTOMER_ID,MAIL",
        "CUSTOMER_ID,FIRSTNAME",
    ]


def test_an_empty_model_sends_nothing_and_forgets_nothing(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    shop.customers()
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 1
    assert "model customers has no rows: nothing was sent" in done.out
    assert "--force" in done.out
    assert shop.sent() == []
    shop.customers(ANN, BEN)
    result = shop.in_step()
    assert result.counts is not None
    assert (result.counts.unchanged, result.requests) == (2, 0)

    shop.customers()
    assert shop.sync_one(force=True).status == "in step"
    shop.customers(ANN, BEN)
    shop.in_step()
    assert [query["fields"] for _, query, _ in shop.sent()] == [WHOLE]


def test_an_empty_model_at_the_first_sync_sends_nothing(shop: Shop) -> None:
    shop.customers()
    assert shop.sync_one().status == "failed"
    assert shop.writes() == []
    shop.customers(ANN)
    shop.in_step()
    assert shop.records() == [ANN]


def test_a_model_of_which_no_row_is_valid_stops_as_an_empty_one(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sent()
    long = "x" * 101
    shop.customers((1, long, "Ann", 1.0, True), (2, long, "Ben", 1.0, True), (3, *[None] * 4))
    shop.in_step()  # one is valid
    shop.sent()
    shop.customers((1, long, "Ann", 1.0, True), (2, long, "Ben", 1.0, True), (None, *ANN[1:]))
    done = shop.invoke("sync", "--select", "crm")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[-2:] == [
        (
            "  no row of model customers can be accepted, all 3 invalid (MAIL: longer than 100 "
            "UTF-16 units, 2 rows): nothing was sent"
        ),
        (
            "  -> `dbt-selligent plan --show-values` shows some: mend them in the model, or the "
            "field in Selligent; if that is meant, sync with --force"
        ),
    ]
    [result] = shop.results()["results"]
    assert (result["status"], result["stopped_by"]) == ("failed", "guard")
    planned = shop.invoke("plan", "--select", "crm", "--show-values")
    assert planned.code == 0
    assert "  invalid stops a sync: no row of model customers" in planned.out
    assert f'MAIL="{long}"' in planned.out
    forced = shop.sync_one(force=True)
    assert (forced.status, len(forced.forced), shop.sent()) == ("in step", 1, [])
    shop.customers(ANN, (2, long, "Ben", 1.0, True))
    assert shop.in_step().requests == 0


def test_a_model_that_fails_to_be_read_fails_alone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.write("create view mails as select 'a' as mail, error('broken')::integer as score")
    results = shop.sync(select=("crm", "mails"))
    assert [(one.name, one.status) for one in results.results] == [
        ("crm", "in step"),
        ("mails", "failed"),
    ]


def test_a_state_that_is_no_state_is_an_error_and_is_left_alone(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    shop.sent()
    path = shop.state / "dev" / "crm.duckdb"
    good = path.read_bytes()
    path.write_bytes(b"not a database, " * 1000)
    for command in ("plan", "sync", "status"):
        done = shop.invoke(command, "--select", "crm")
        assert done.code == 1
        assert f"{path}: not a usable state file" in done.said
        assert "Traceback" not in done.said
    assert path.read_bytes() == b"not a database, " * 1000
    assert shop.sent() == []
    path.write_bytes(good)
    shop.in_step()
    assert shop.sent() == []


def test_a_folder_without_project_or_profile_is_told_with_2(shop: Shop, tmp_path: Any) -> None:
    done = shop.command("sync", cwd=tmp_path)
    assert done.code == 2
    assert f"no dbt_project.yml in {tmp_path} or any folder above it" in done.err
    (shop.folder / "profiles.yml").write_text("shop:\n  [")
    done = shop.invoke("sync")
    assert done.code == 2
    assert "profiles.yml, line 3: not YAML" in done.err
    shop.profile()
    profiles = json.loads((shop.folder / "profiles.yml").read_text())
    del profiles["selligent"]
    (shop.folder / "profiles.yml").write_text(json.dumps(profiles))
    done = shop.invoke("sync")
    assert done.code == 2
    assert "no profile 'selligent'; there are: shop" in done.err
