"""No secret and no value turns up where nobody asked for it."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest

from dbt_selligent.historytables import HISTORY, REJECTED
from dbt_selligent.selligent.answer import Failure, Response
from dbt_selligent.selligent.client import Client

from .conftest import TEMPORARY, Done, Shop, exposure, wait_until

KEY, SECRET = "marker-of-the-key", "marker-of-the-secret"
MAIL, NAME = "marker.ann@acme.example", "Marker Ann"
# Long, so that no figure of a log is it by chance.
MARKED = (700010203, MAIL, NAME, 12.5, True)
VALUES = (MAIL, NAME, "700010203")


@pytest.fixture
def marked(open_shop: Callable[..., Shop]) -> Shop:
    shop = open_shop(api_key=KEY, api_secret=SECRET)
    shop.customers(MARKED, (70002, "other@acme.example", None, None, None))
    return shop


def holding(shop: Shop, *words: str) -> Iterator[tuple[str, str]]:
    """The files, by their names too, of which one holds a word; not those the user made."""
    own = {shop.folder / "profiles.yml", shop.warehouse}
    for path in sorted(shop.folder.rglob("*")):
        text = path.read_bytes() if path.is_file() and path not in own else b""
        for word in words:
            if word.encode() in text or word in path.name:
                yield str(path.relative_to(shop.folder)), word


def check_clean(shop: Shop, *said: Done) -> None:
    for done in said:
        for word in (KEY, SECRET, *VALUES):
            assert word not in done.said
    assert list(holding(shop, KEY, SECRET)) == []
    where = [path for path, _ in holding(shop, *VALUES)]
    assert [path for path in where if not is_state(path)] == []


def is_state(path: str) -> bool:
    kept = (".duckdb", ".duckdb.wal", f"{REJECTED}/crm.parquet")
    return path.startswith(".dbt_selligent/") and path.endswith(kept)


def test_a_good_sync_leaves_secrets_and_values_nowhere_else(marked: Shop) -> None:
    said = [marked.command("sync", "--select", "crm", "--log-format", "json")]
    said += [
        marked.invoke(*command, "--select", "crm")
        for command in (
            ("plan", "--full-refresh"),
            ("plan", "--output", "json", "--full-refresh"),
            ("sync", "--full-refresh"),
            ("status",),
            ("status", "--output", "json"),
            ("ls", "--output", "json"),
            ("debug",),
        )
    ]
    assert [done.code for done in said] == [0] * 8
    check_clean(marked, *said)
    # The values are there, in the state alone: the search above would have found them.
    assert sorted({path for path, _ in holding(marked, MAIL)}) == [".dbt_selligent/dev/crm.duckdb"]


def test_a_failing_sync_leaves_secrets_and_values_nowhere_else(marked: Shop) -> None:
    said = []
    for fault in (f"load:reject:MAIL={MAIL}", "load:400-after", "fields:401"):
        marked.sandbox.faults([fault])
        said.append(marked.invoke("sync", "--select", "crm", "--full-refresh"))
        said.append(marked.invoke("status", "--select", "crm"))
        assert [done.code for done in said[-2:]] == [1, 0]
    marked.sandbox.faults(["load:html-after"])
    assert marked.sync_one(full_refresh=True).status == "failed"
    check_clean(marked)
    marked.sandbox.faults([])
    marked.profile(api_secret="another-" + SECRET)
    said.append(marked.command("sync", "--select", "crm"))
    said.append(marked.invoke("debug", "--select", "crm"))
    assert [done.code for done in said[-2:]] == [1, 1]
    check_clean(marked, *said)


def test_invalid_rows_and_held_rows_are_listed_without_their_keys(marked: Shop) -> None:
    marked.customers((*MARKED[:3], float("nan"), None), (*MARKED[:3], 1.0, None))
    stopped = marked.invoke("sync", "--select", "crm")
    assert "no row of model customers can be accepted" in stopped.out
    done = marked.invoke("sync", "--select", "crm", "--force")
    status = marked.invoke("status", "--select", "crm")
    assert "the matching key stands twice" in status.out
    check_clean(marked, stopped, done, status)


# Each fails while the model is read, with a value of the row in DuckDB's own words.
FAILING = [
    f"select 1 as id, (('{MAIL}' || range)::varchar)::integer as email from range(2)",
    f"select 1 as id, strptime('{MAIL}' || range, '%Y') as email from range(2)",
    "select 1 as id, (700010203::integer + range::integer) * 1000 as email from range(2)",
    f"select 1 as id, error('{MAIL}' || range)::varchar as email from range(2)",
    f"select 1 as id, ('{MAIL}' || range)::json as email from range(2)",
    f"select 1 as id, ('{MAIL}' || range)::uuid as email from range(2)",
    f"select 1 as id, ('{MAIL}' || range)::enum('a') as email from range(2)",
    f"select 1 as id, ('{MAIL}' || range)::timestamp as email from range(2)",
    "select 1 as id, (700010203.5 + range)::decimal(3, 1) as email from range(2)",
]


# The fields of list THINGS that take what these views have, but for texts.
TAKEN = {1: "AT", 7: "AT", 8: "AMOUNT"}


@pytest.mark.parametrize("number", range(len(FAILING)))
def test_a_view_that_fails_on_a_value_does_not_tell_the_value(marked: Shop, number: int) -> None:
    view, field = FAILING[number], TAKEN.get(number, "WORDS")
    meta = {"list": "THINGS", "matching_key": {"ID": "id"}, "fields": {field: "email"}}
    marked.declare(exposure("crm", "customers", meta))
    marked.write("drop table customers", f"create view customers as {view}")
    said = [marked.invoke(command, "--select", "crm") for command in ("plan", "sync")]
    assert [done.code for done in said] == [1, 1]
    check_clean(marked, *said)


def test_a_killed_sync_leaves_values_in_the_state_alone(marked: Shop) -> None:
    marked.sandbox.faults(["load:delay-after=30@1"])
    with marked.started("sync", "--select", "crm") as process:
        wait_until(marked.sandbox.bulk, "a request is under way")
        process.kill()
        process.wait(timeout=60)
    check_clean(marked)
    marked.sandbox.faults([])
    marked.in_step()
    check_clean(marked)
    assert [str(path) for path in marked.folder.rglob(f"{TEMPORARY}*")] == []


def test_a_killed_plan_leaves_no_values_behind(marked: Shop) -> None:
    """It copies a state that has to be brought up to date, and stages its delta, for itself."""
    marked.in_step()
    rows = "select range as id, 'x' as email from range(3000000)"
    marked.table("customers", f"{rows} union all select 700010203, '{MAIL}'")
    meta = {"list": "OTHERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}
    marked.declare(exposure("crm", "customers", meta))

    def staging() -> list[Path]:
        return list(marked.folder.rglob(f"{TEMPORARY}*/*.duckdb"))

    with marked.started("plan", "--select", "crm") as process:
        wait_until(staging, "the plan has staged something")
        process.kill()
        process.wait(timeout=60)
    marked.table("customers", f"select 700010203 as id, '{MAIL}' as email")
    marked.in_step()
    check_clean(marked)
    assert staging() == []


def modes(folder: Path) -> Iterator[tuple[str, int]]:
    for path in (folder, *sorted(folder.rglob("*"))):
        yield str(path.relative_to(folder.parent)), stat.S_IMODE(path.stat().st_mode)


def test_the_state_is_its_owners_alone_and_not_for_git(marked: Shop) -> None:
    marked.sandbox.faults(["load:delay-after=30@2"])
    marked.in_step()
    marked.table("customers", "select * replace (true as opt_in) from customers")
    with marked.started("sync", "--select", "crm"):
        wait_until(lambda: len(marked.sandbox.bulk()) == 2, "a request is under way")
        found = dict(modes(marked.state))
        elsewhere = dict(modes(marked.folder / "target" / "selligent"))
    private = {name: mode for name, mode in (found | elsewhere).items() if TEMPORARY in name}
    assert private
    assert [name for name, mode in private.items() if mode & 0o077] == []
    found = {name: mode for name, mode in found.items() if name not in private}
    assert sorted(found) == [
        ".dbt_selligent",
        ".dbt_selligent/.gitignore",
        ".dbt_selligent/dev",
        ".dbt_selligent/dev/crm.delta.duckdb",
        ".dbt_selligent/dev/crm.duckdb",
        *[name for name in sorted(found) if name.endswith(".wal")],
        ".dbt_selligent/dev/crm.lock",
        ".dbt_selligent/dev/destination.json",
        ".dbt_selligent/dev/history",
        *(
            f".dbt_selligent/dev/history/{name}"
            for table in sorted(HISTORY)
            for name in (table, f"{table}/crm.parquet")
        ),
        ".dbt_selligent/lists",
        f".dbt_selligent/lists/{marked.list_lock().name}",
    ]
    for name, mode in found.items():
        assert (name, oct(mode)) == (name, oct(0o700 if (marked.folder / name).is_dir() else 0o600))
    assert (marked.state / ".gitignore").read_text() == "*\n"


def test_the_state_may_lie_elsewhere_and_is_protected_there(marked: Shop, tmp_path: Path) -> None:
    elsewhere = tmp_path / "of the team" / "state"
    marked.profile(state=str(elsewhere))
    marked.in_step()
    assert not marked.state.exists()
    assert (elsewhere / ".gitignore").read_text() == "*\n"
    for name, mode in modes(elsewhere):
        wanted = 0o700 if (elsewhere.parent / name).is_dir() else 0o600
        assert (name, oct(mode)) == (name, oct(wanted))
    marked.sent()
    marked.in_step()
    assert marked.sent() == []


def test_what_an_answer_repeats_is_told_nowhere(marked: Shop) -> None:
    """A value as the name of a field, as a code, as a result; and the secret in a message."""
    row = {"record_index": 0, "field_name": NAME, "validation_code": MAIL, "message": SECRET}
    codes = {"errors": [{"error_code": "700010203", "description": f"{KEY}:{SECRET}"}]}
    bodies = [
        {"result_code": "Failed", "number_of_failed_records": 1, "invalid_records": [row]},
        {"result_code": "Failed", **codes},
        {"result_code": MAIL},
        {"result_code": "Failed", "errors": [{"error_code": KEY, "description": "\ud83d"}]},
    ]
    for body in bodies:
        answered: list[Response | Failure] = [
            Response(status, json.dumps(body).encode()) for status in (200, 400)
        ]
        for answer in answered:
            with mock.patch.object(Client, "bulk", lambda *_, answer=answer, **__: answer):
                said = [marked.invoke("sync", "--select", "crm", "--full-refresh")]
            said += [
                marked.invoke("status", "--select", "crm", *more)
                for more in ((), ("--output", "json"))
            ]
            assert [done.code for done in said] == [1, 0, 0]
            assert "is a bug" not in said[0].said
            for done in said:
                for word in (KEY, *VALUES):
                    assert word not in done.said
    where = [path for path, _ in holding(marked, *VALUES, KEY)]
    assert [path for path in where if not is_state(path)] == []
