"""What dbt said: read from its results, kept beside the states, judged for a model."""

from __future__ import annotations

import json
import re
import stat
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from dbt_selligent import gate as gate_module
from dbt_selligent.activation import Activation
from dbt_selligent.errors import StateError
from dbt_selligent.gate import FILE, Gate, Gates, Invocation, Judged, newest, read_invocation
from dbt_selligent.manifest import Model
from dbt_selligent.settings import Settings

MODEL = "model.shop.customers"
UNIQUE, UNIT = "test.shop.unique_customers_id.1a2b", "unit_test.shop.customers.lower"
CUSTOMERS = Model(
    unique_id=MODEL,
    name="customers",
    resource_type="model",
    materialized="table",
    relation_name='"shop"."main"."customers"',
    database="shop",
    schema="main",
    file="models/customers.sql",
    tests=((UNIQUE, "unique_customers_id"), (UNIT, "lower")),
)
CRM = Activation(
    name="crm",
    unique_id="exposure.shop.crm",
    file="models/crm.yml",
    tags=(),
    model=CUSTOMERS,
    destination="dev",
    list="CUSTOMERS",
    keys=(("CUSTOMER_ID", "id"),),
    fields=(("MAIL", "email"),),
)
REQUIRING, OPEN = replace(CRM, gate="require"), replace(CRM, gate="off")
EARLY, NOON, LATE = (f"2026-05-01T{hour}:34:56.123456Z" for hour in ("08", "12", "20"))
PASSED, FAILED = Judged(True, "build", NOON), Judged(False, "test", NOON)
Results = Sequence[tuple[str, str]]


def results(found: Results, *, which: str = "build", at: str = NOON, **args: Any) -> dict[str, Any]:
    """The part of dbt's results that is read."""
    return {
        "metadata": {"generated_at": at, "dbt_version": "1.11.16"},
        "args": {"which": which, **args},
        "results": [{"unique_id": node, "status": status} for node, status in found],
    }


def write(folder: Path, content: object) -> Path:
    path = folder / "run_results.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


# what the last invocation said


@pytest.mark.parametrize("which", ["run", "build", "test", "retry"])
def test_a_command_that_builds_or_tests_says_what_passed(tmp_path: Path, which: str) -> None:
    path = write(tmp_path, results([(MODEL, "success"), (UNIQUE, "fail")], which=which))

    assert read_invocation(path) == Invocation(
        None,
        {MODEL: Judged(True, which, NOON), UNIQUE: Judged(False, which, NOON)},
        which,
        NOON,
    )


@pytest.mark.parametrize(
    ("status", "passed"),
    [
        ("success", True),
        ("pass", True),
        ("warn", True),
        ("no-op", True),
        ("error", False),
        ("fail", False),
        ("runtime error", False),
        ("partial success", False),
    ],
)
def test_each_status_is_a_verdict(tmp_path: Path, status: str, passed: bool) -> None:
    invocation = read_invocation(write(tmp_path, results([(MODEL, status)])))

    assert invocation is not None
    assert invocation.nodes == {MODEL: Judged(passed, "build", NOON)}


@pytest.mark.parametrize("status", ["skipped", "a status to come"])
def test_what_was_not_done_is_none(tmp_path: Path, status: str) -> None:
    said = read_invocation(write(tmp_path, results([(MODEL, status)])))
    assert said == Invocation(None, {}, "build", NOON)


@pytest.mark.parametrize(
    "which", ["compile", "generate", "list", "show", "parse", "clone", "run-operation"]
)
def test_other_commands_say_nothing_of_data(tmp_path: Path, which: str) -> None:
    said = read_invocation(write(tmp_path, results([(MODEL, "success")], which=which)))
    assert said == Invocation(None, {}, which, NOON)


def test_nor_does_one_that_built_no_rows(tmp_path: Path) -> None:
    found = [(MODEL, "success")]

    for empty, nodes in ((True, 0), (False, 1), (None, 1)):
        said = read_invocation(write(tmp_path, results(found, empty=empty)))
        assert said is not None
        assert len(said.nodes) == nodes


def test_nor_does_none(tmp_path: Path) -> None:
    assert read_invocation(tmp_path / "run_results.json") is None


def test_the_target_that_was_named(tmp_path: Path) -> None:
    invocation = read_invocation(write(tmp_path, results([], target="prod")))

    assert invocation == Invocation("prod", {}, "build", NOON)


DAMAGED = [
    b"",
    b"not json",
    b"\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'{"metadata": {}, "args": {"which": "build"}, "results": []}',
    b'{"metadata": {"generated_at": "x"}, "args": null, "results": []}',
    b'{"metadata": {"generated_at": "x"}, "args": {"which": "build"}}',
    b'{"metadata": {"generated_at": "x"}, "args": {"which": "build"}, "results": [1]}',
    json.dumps(results([("a", "pass")]) | {"metadata": {"generated_at": None}}).encode(),
    json.dumps(results([("a", "pass")], target=["dev"])).encode(),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_results_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run_results.json"
    path.write_bytes(content)

    with pytest.raises(StateError) as caught:
        read_invocation(path)

    assert caught.value.message == f"dbt's results cannot be read: {path}"
    assert "dbt build" in caught.value.next_step


def test_the_newer_verdict_of_each_node_whichever_file_has_it() -> None:
    old, new = Judged(False, "build", EARLY), Judged(True, "test", LATE)

    assert newest({}, {"a": old}, LATE) == {"a": old}
    assert newest({"a": old}, {}, LATE) == {"a": old}
    assert newest({"a": old, "b": new}, {"a": new, "b": old}, LATE) == {"a": new, "b": new}


def test_a_verdict_of_a_time_to_come_is_of_now_and_outranks_none_after_it() -> None:
    ahead = Judged(True, "build", "2999-01-01T00:00:00.000000Z")
    for there in (newest({}, {"a": ahead}, EARLY), newest({"a": ahead}, {}, EARLY)):
        assert there == {"a": replace(ahead, at=EARLY)}
    failed = Judged(False, "build", EARLY)
    assert newest({"a": ahead}, {"a": failed}, EARLY) == {"a": failed}


# judging


def test_a_model_that_passed_with_all_its_tests() -> None:
    gate = Gate({MODEL: PASSED, UNIQUE: PASSED, UNIT: PASSED})
    verdict = gate.judge(CRM)

    assert verdict == gate.judge(REQUIRING)
    assert (verdict.guard, verdict.passed, verdict.mend) == ("gate", True, "")
    assert verdict.said == (
        "model customers and its tests passed in dbt, "
        f"the model in the dbt {PASSED.command} of {PASSED.at[:10]} {PASSED.at[11:16]} UTC"
    )


def test_of_a_model_without_tests_none_is_said_to_have_passed() -> None:
    bare = replace(CRM, model=replace(CUSTOMERS, tests=()))
    assert Gate({MODEL: PASSED}).judge(bare).said == f"model customers passed in {PASSED}"


@pytest.mark.parametrize(
    ("at", "nodes", "later"),
    [
        (LATE, {}, True),
        (LATE, {"model.shop.orders": PASSED}, True),
        (LATE, {UNIQUE: PASSED}, False),
        (NOON, {}, False),
        (EARLY, {}, False),
    ],
)
def test_that_dbt_did_something_since_is_said(
    at: str, nodes: dict[str, Judged], later: bool
) -> None:
    known = {MODEL: PASSED, UNIQUE: PASSED, UNIT: PASSED}
    gate = Gate(known, last=Invocation(None, nodes, "run", at))
    verdict = gate.judge(REQUIRING)

    said = "; the dbt run of 2026-05-01 20:34 UTC came later, and says nothing of it"
    assert verdict.passed
    assert verdict.said == Gate(known).judge(CRM).said + (said if later else "")


def test_a_later_command_is_told_as_it_is_typed() -> None:
    assert str(Invocation(None, {}, "generate", LATE)).startswith("the dbt docs generate of 2026")


@pytest.mark.parametrize(
    ("node", "what"),
    [
        (MODEL, "model customers"),
        (UNIQUE, "test unique_customers_id"),
        (UNIT, "test lower"),
    ],
)
def test_what_failed_last_is_said_with_command_and_time(node: str, what: str) -> None:
    verdict = Gate({MODEL: PASSED, UNIQUE: PASSED, UNIT: PASSED, node: FAILED}).judge(CRM)

    assert not verdict.passed
    assert verdict.said == f"{what} failed in the dbt test of 2026-05-01 12:34 UTC"
    assert verdict.mend == (
        "mend it, then `dbt build --select customers`; `gate: off` sends it anyway"
    )


def test_all_that_failed_is_said_although_something_is_not_known() -> None:
    verdict = Gate({MODEL: FAILED, UNIT: FAILED}).judge(CRM)

    assert not verdict.passed
    assert verdict.said == (
        "model customers failed in the dbt test of 2026-05-01 12:34 UTC; "
        "test lower failed in the dbt test of 2026-05-01 12:34 UTC"
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, "dbt's verdict on model customers and 2 more is not known"),
        ({MODEL: PASSED}, "dbt's verdict on test unique_customers_id and 1 more is not known"),
        ({MODEL: PASSED, UNIQUE: PASSED}, "dbt's verdict on test lower is not known"),
    ],
)
def test_what_is_not_known_is_said_and_refused_where_that_is_required(
    known: Mapping[str, Judged], said: str
) -> None:
    last, required = Gate(known).judge(CRM), Gate(known).judge(REQUIRING)

    assert (last.passed, last.said) == (True, said)
    assert (required.passed, required.said) == (False, said)
    assert last.mend == required.mend == "`dbt build --select customers` gives it"


def test_what_failed_elsewhere_is_nothing_to_it() -> None:
    gate = Gate({MODEL: PASSED, UNIQUE: PASSED, UNIT: PASSED, "model.shop.orders": FAILED})

    assert gate.judge(CRM).passed


def test_a_broken_gate_is_closed() -> None:
    verdict = Gate({}, StateError("cannot be read", "mend it")).judge(CRM)

    assert (verdict.passed, verdict.said, verdict.mend) == (False, "cannot be read", "mend it")


# the files


class Room:
    """A project's target path and its folder of states."""

    def __init__(self, folder: Path) -> None:
        self.target_path, self.state = folder / "target", folder / "state"
        self.state.mkdir()

    def dbt(self, *found: tuple[str, str], at: str = NOON, **args: Any) -> None:
        write(self.target_path, results(found, at=at, **args))

    def gates(self, *, target: str = "dev", keep: bool = True) -> Gates:
        profiles = {"shop": {"target": "dev", "outputs": {"dev": {}, "prod": {}}}}
        where = self.state
        settings = Settings(where, where, "shop", target, self.target_path, profiles=profiles)
        return Gates(settings, [self.state], keep=keep)

    def said(self, activation: Activation = CRM, **chosen: Any) -> list[tuple[bool, str]]:
        found = self.gates(**chosen).judge(activation, self.state)
        return [(verdict.passed, re.split(" in the |, the ", verdict.said)[0]) for verdict in found]

    @property
    def kept(self) -> Path:
        return self.state / FILE


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


ALL_PASS = ((MODEL, "success"), (UNIQUE, "pass"), (UNIT, "pass"))
FINE = [(True, "model customers and its tests passed in dbt")]
UNKNOWN = [(True, "dbt's verdict on model customers and 2 more is not known")]
UNIQUE_FAILED = [(False, "test unique_customers_id failed")]


def test_nothing_is_known_where_dbt_has_never_run(room: Room) -> None:
    assert room.said() == UNKNOWN
    assert list(room.state.iterdir()) == []


def test_partial_invocations_add_up(room: Room) -> None:
    room.dbt(*ALL_PASS)
    assert room.said() == FINE
    room.dbt((UNIQUE, "fail"), at=LATE, which="test")
    assert room.said() == UNIQUE_FAILED
    room.dbt(("model.shop.orders", "success"), at="2026-05-02T08:00:00.000000Z")
    assert room.said() == UNIQUE_FAILED
    room.dbt((UNIQUE, "pass"), at="2026-05-02T09:00:00.000000Z", which="test")
    assert room.said() == FINE


@pytest.mark.parametrize("which", ["seed", "snapshot"])
def test_seeds_and_snapshots_are_judged_too(room: Room, which: str) -> None:
    room.dbt(*ALL_PASS)
    assert room.said() == FINE
    room.dbt((MODEL, "error"), at=LATE, which=which)
    assert room.said() == [(False, "model customers failed")]


def test_dbt_is_looked_at_again_where_it_has_run_since(room: Room) -> None:
    room.dbt(*ALL_PASS)
    gates = room.gates()
    [before] = gates.judge(CRM, room.state)
    room.dbt((MODEL, "error"), at=LATE)
    assert gates.judge(CRM, room.state) == (before,)
    gates.look()
    [after] = gates.judge(CRM, room.state)
    assert (before.passed, after.passed) == (True, False)
    assert room.said() == [(False, "model customers failed")]
    # What has not changed is not read again.
    with mock.patch.object(gate_module, "read_invocation") as read:
        gates.look()
    assert read.mock_calls == []


def test_verdicts_that_cannot_be_kept_keep_back(room: Room) -> None:
    room.dbt(*ALL_PASS)
    (room.state / f"{FILE}.new").mkdir()
    [verdict] = room.gates().judge(CRM, room.state)
    assert not verdict.passed
    assert verdict.said == f"{room.kept}: dbt's verdicts cannot be kept: Is a directory"
    assert "make room" in verdict.mend


def test_an_invocation_without_verdicts_changes_none(room: Room) -> None:
    room.dbt(*ALL_PASS)
    room.said()
    before = room.kept.read_bytes()
    for args in ({"which": "compile"}, {"empty": True}):
        room.dbt((MODEL, "error"), at=LATE, **args)
        assert room.said() == FINE
    room.dbt((MODEL, "skipped"), (UNIQUE, "skipped"), at=LATE)
    assert room.said() == FINE
    assert room.kept.read_bytes() == before


def test_each_target_has_its_own(room: Room) -> None:
    room.dbt(*ALL_PASS)
    assert room.said() == FINE
    room.dbt((MODEL, "error"), at=LATE, target="prod")
    assert room.said() == FINE
    assert room.said(target="prod") == [(False, "model customers failed")]
    room.dbt((UNIQUE, "fail"), at=LATE, target="dev")
    assert room.said() == UNIQUE_FAILED


def test_what_is_kept_may_be_newer(room: Room) -> None:
    """As where another clone's results are looked at after this one's."""
    room.dbt(*ALL_PASS, at=LATE)
    room.said()
    before = room.kept.read_bytes()
    room.dbt((MODEL, "error"), (UNIQUE, "fail"), at=EARLY)
    assert room.said() == FINE
    assert room.kept.read_bytes() == before


def test_a_plan_looks_and_keeps_nothing(room: Room) -> None:
    room.dbt((UNIQUE, "fail"))
    assert room.said(keep=False) == UNIQUE_FAILED
    assert list(room.state.iterdir()) == []
    room.dbt((UNIQUE, "fail"))
    room.said()
    room.dbt(*ALL_PASS, at=LATE)
    assert room.said(keep=False) == FINE
    room.dbt(at=LATE)
    assert room.said(keep=False) == UNIQUE_FAILED


def test_a_gate_that_is_off_does_not_look(room: Room) -> None:
    room.dbt((MODEL, "error"))
    assert room.said(OPEN) == []
    room.kept.write_text("not json")
    assert room.said(OPEN) == []


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        "",
        "not json",
        "[]",
        '{"dev": []}',
        '{"dev": {"a": {}}}',
        '{"dev": {"a": {"passed": true, "command": "run", "at": "x", "more": 1}}}',
        '{"dev": {"a": {"passed": true, "command": "run", "at": 5}}}',
    ],
)
def test_kept_verdicts_that_cannot_be_read_close_the_gate_and_stay(
    room: Room, content: str, keep: bool
) -> None:
    room.kept.write_text(content)
    room.dbt(*ALL_PASS)

    [verdict] = room.gates(keep=keep).judge(CRM, room.state)

    assert (verdict.guard, verdict.passed) == ("gate", False)
    assert verdict.said == f"dbt's verdicts cannot be read: {room.kept}"
    assert verdict.mend.startswith("delete it, then run `dbt build`")
    assert room.kept.read_text() == content
    room.kept.unlink()
    assert room.said() == FINE


def test_results_that_cannot_be_read_close_the_gate_and_what_is_kept_stays(room: Room) -> None:
    room.dbt(*ALL_PASS)
    room.said()
    before = room.kept.read_bytes()
    (room.target_path / "run_results.json").write_text("{")

    [verdict] = room.gates().judge(CRM, room.state)

    assert not verdict.passed
    assert "dbt's results cannot be read" in verdict.said
    assert room.kept.read_bytes() == before


def test_one_command_looks_once(room: Room) -> None:
    room.dbt(*ALL_PASS)
    gates = room.gates()
    first = gates.judge(CRM, room.state)
    room.dbt((MODEL, "error"), at=LATE)

    assert gates.judge(CRM, room.state) == first


def test_several_syncs_at_once_lose_no_verdict_and_leave_a_whole_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    count, together = 4, threading.Barrier(4)

    def sync(number: int) -> None:
        room = Room.__new__(Room)
        room.target_path, room.state = tmp_path / f"target{number}", state
        room.dbt((f"model.shop.m{number}", "success"))
        together.wait()
        room.said()

    with ThreadPoolExecutor(count) as pool:
        list(pool.map(sync, range(count)))

    kept = json.loads((state / FILE).read_text())
    assert sorted(kept["dev"]) == [f"model.shop.m{number}" for number in range(count)]
    assert sorted(path.name for path in state.iterdir()) == [FILE, f"{FILE}.lock"]
    assert stat.S_IMODE((state / f"{FILE}.lock").stat().st_mode) == 0o600
