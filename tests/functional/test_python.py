"""The Python API: its names and types, in threads and in processes side by side."""

from __future__ import annotations

import inspect
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import duckdb
import pytest

import dbt_selligent
from dbt_selligent import (
    Event,
    Finished,
    NotInStepError,
    RunResults,
    Settings,
    errors,
    plan,
    resolve_settings,
    sync,
    verify,
)
from dbt_selligent.cli import cli
from dbt_selligent.project import parse_project
from dbt_selligent.warehouse.duckdb import open_warehouse

from .conftest import BIN, CRM_FIELDS, SECONDS, Shop, clean_environment, exposure, wait_until
from .test_sync import A_ORDER, ANN, BEN

A_MAIL = "select 'ann@acme.example' as mail, 7 as score"
SCRIPT = """
from collections.abc import Sequence
from pathlib import Path

from dbt_selligent import (
    ActivationResult, ConfigurationError, Event, Finished, Plan, RunResults, Settings, Verification,
    plan, resolve_settings, sync, verify,
)

def show(event: Event) -> None:
    if isinstance(event, Finished):
        print(event.result.name, event.result.status)

def main() -> int:
    try:
        settings: Settings = resolve_settings(
            project_dir=Path("shop"), target="prod", select="tag:crm", exclude=["b*"],
            vars={"as_of": "2026-01-31"}, threads=2, full_refresh=True, limit=100,
        )
        plans: Sequence[Plan] = plan(settings, sample=3)
        results: RunResults = sync(settings, emit=show)
        found: Sequence[Verification] = verify(settings, repair=True)
    except ConfigurationError as error:
        print(error.message, error.next_step)
        return error.exit_code
    first: ActivationResult = results.results[0]
    if first.counts is not None and first.status != "in step":
        print(first.counts.new + first.confirmed, plans[0].counts.rows, found[0].good)
    results.raise_for_status()
    return results.exit_code
"""
WRONG = """
from dbt_selligent import resolve_settings, snyc
resolve_settings(targt="prod")
resolve_settings(threads="2")
resolve_settings(select=1)
"""
WRONG_LINES = ["2: attr-defined", "3: call-arg", "4: arg-type", "5: arg-type"]


def check_types(folder: Path, script: str) -> list[str]:
    """Line and kind of what mypy finds in a script, as a user has it check it."""
    (folder / "script.py").write_text(script)
    options = ["--strict", "--no-pretty", "--cache-dir", str(folder / "cache")]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS * 3,
        check=False,
    )
    assert done.stderr == ""
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert all(line.startswith("script.py:") for line in found), done.stdout
    return [f"{line.split(':')[1]}: {line.rpartition('[')[2].rstrip(']')}" for line in found]


def test_a_script_is_checked_by_mypy(tmp_path: Path) -> None:
    assert check_types(tmp_path, SCRIPT) == []
    assert check_types(tmp_path, WRONG) == WRONG_LINES


def test_every_name_is_there_and_every_error_has_one() -> None:
    for name in dbt_selligent.__all__:
        assert getattr(dbt_selligent, name) is not None
        assert name in dir(dbt_selligent)
    tree = [
        name
        for name, each in vars(errors).items()
        if inspect.isclass(each) and each.__module__ == errors.__name__
    ]
    assert [name for name in tree if name not in dbt_selligent.__all__] == []
    with pytest.raises(AttributeError, match="has no attribute 'snyc'"):
        _ = dbt_selligent.snyc  # type: ignore[attr-defined]


def test_keywords_are_the_names_of_the_flags() -> None:
    keywords = list(inspect.signature(resolve_settings).parameters)
    context = click.Context(cli)
    command = cli.get_command(context, "sync")
    assert command is not None
    flags = [str(each.name) for each in command.params]
    told_by_the_command_alone = ["dry_run", "quiet", "log_format"]
    assert sorted(keywords) == sorted(set(flags).difference(told_by_the_command_alone))
    given_by_no_flag = ["profile", "profiles", "project_name", "macro_folders", "waits"]
    names = [each.name for each in fields(Settings)]
    assert sorted(keywords) == sorted(set(names).difference(given_by_no_flag))


def test_what_is_not_in_step_can_be_raised(shop: Shop) -> None:
    shop.customers(ANN, (2, None, None, None, None))
    shop.table("orders", A_ORDER)
    shop.sandbox.faults(["load:reject:FIRSTNAME=Ann"])
    results = shop.sync(select=["crm", "orders"])
    assert [each.status for each in results.results] == ["rows refused", "in step"]
    with pytest.raises(NotInStepError) as caught:
        results.raise_for_status()
    assert caught.value.message == "1 of 2 activations not in step:\n  crm: rows refused"
    assert caught.value.next_step == "see the reasons: dbt-selligent status"
    shop.sync(select="orders").raise_for_status()


def test_events_come_as_they_happen(shop: Shop) -> None:
    shop.customers(ANN)
    seen: list[Event] = []
    [result] = sync(shop.settings(select="crm"), emit=seen.append).results
    assert [type(each).__name__ for each in seen] == [
        *("Planned", "Progress", "Progress", "Finished")
    ]
    assert isinstance(seen[-1], Finished)
    assert seen[-1].result == result


def side_by_side(*calls: Callable[[], Any]) -> list[Any]:
    """What calls return that begin at once, each in a thread of its own."""
    start = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        start.wait(SECONDS)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result(SECONDS) for each in [pool.submit(begin, call) for call in calls]]


def statuses(*runs: RunResults) -> list[tuple[str, str]]:
    return [(result.name, result.status) for run in runs for result in run.results]


def test_threads_sync_activations_side_by_side(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.table("orders", A_ORDER)
    shop.table("mails", A_MAIL)
    names = ("crm", "orders", "mails")
    for expected in ([3, 1], [0, 0]):
        shop.customers(ANN, BEN, (3, "cat@acme.example", None, None, None))
        runs = side_by_side(*(lambda name=name: shop.sync(select=name) for name in names))
        assert statuses(*runs) == [(name, "in step") for name in names]
        assert [run.results[0].confirmed for run in runs[:2]] == expected
    assert [each.status for each in verify(shop.settings(select=names))] == ["in step"] * 3


def test_threads_sync_activations_of_one_list_one_after_the_other(shop: Shop) -> None:
    key = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}}
    mail, rest = {"MAIL": "email"}, {k: v for k, v in CRM_FIELDS.items() if k != "MAIL"}
    shop.declare(
        exposure("mail", "customers", {**key, "fields": mail}),
        exposure("rest", "customers", {**key, "fields": rest}),
    )
    shop.customers(ANN, BEN)
    shop.sandbox.faults(["load:delay=0.3@1"])
    runs = side_by_side(*(lambda name=name: shop.sync(select=name) for name in ("mail", "rest")))
    assert statuses(*runs) == [("mail", "in step"), ("rest", "in step")]
    assert shop.records() == [ANN, BEN]


def test_of_two_threads_with_one_activation_the_second_is_told_who_has_it(shop: Shop) -> None:
    shop.customers(ANN)
    began, end = threading.Event(), threading.Event()

    def pause(event: Event) -> None:
        if isinstance(event, Finished):
            began.set()
            end.wait(SECONDS)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(sync, shop.settings(select="crm"), emit=pause)
        assert began.wait(SECONDS)
        second = shop.sync_one()
        end.set()
        assert statuses(first.result(SECONDS)) == [("crm", "in step")]
    assert second.status == "failed"
    assert second.error is not None
    assert second.error.startswith(f"activation crm is in use by process {os.getpid()} on ")
    assert second.next_step == "wait until it has ended, then run again"


def is_in(function: str) -> bool:
    """Whether a thread of the process is at work in it, or waits there."""
    return any(frame.f_code.co_name == function for frame in sys._current_frames().values())


def test_a_warehouse_that_is_read_is_not_let_go_by_another_thread(shop: Shop) -> None:
    """A process has one lock on a file, which is gone as soon as any thread closes the file."""
    shop.customers(ANN)
    write = (
        f"import duckdb; duckdb.connect({str(shop.warehouse)!r}).execute('create table x(i int)')"
    )
    settings = shop.settings(select="crm")
    with ThreadPoolExecutor(1) as pool:
        with open_warehouse(settings, shop.folder):
            other = pool.submit(plan, settings)
            wait_until(lambda: other.done() or is_in("open_warehouse"), "another thread is there")
            assert not other.done()
            done = subprocess.run(
                [sys.executable, "-c", write], capture_output=True, text=True, check=False
            )
            assert "Could not set lock on file" in done.stderr
        assert [each.counts.new for each in other.result(SECONDS)] == [1]


def test_a_warehouse_that_the_process_has_open_itself_is_said(shop: Shop) -> None:
    shop.customers(ANN)
    with duckdb.connect(str(shop.warehouse)):
        result = shop.sync_one()
    assert result.error == f"the warehouse is open in this process: {shop.warehouse}"
    assert result.next_step == "close that connection, of duckdb or dbt, before the sync"
    shop.in_step()


def test_a_project_is_parsed_by_one_at_a_time(shop: Shop) -> None:
    """Else one would read the manifest of another's target."""
    shop.customers(ANN)
    shop.profile(targets=("dev", "prod"), more={"prod": shop.output})
    with ThreadPoolExecutor(1) as pool:
        with parse_project(shop.settings()) as manifest:
            before = manifest.read_bytes(), manifest.with_name("parsed.json").read_bytes()
            other = pool.submit(plan, shop.settings(target="prod", select="crm"))
            with pytest.raises(TimeoutError):
                other.result(1)
            assert before == (manifest.read_bytes(), manifest.with_name("parsed.json").read_bytes())
        [made] = other.result(SECONDS)
    assert made.activation.destination == "prod"


def surroundings() -> Mapping[str, Any]:
    """What a call is to leave as it is."""
    umask = os.umask(0o022)
    os.umask(umask)
    return {
        "umask": umask,
        "cwd": Path.cwd(),
        "environment": dict(os.environ),
        "handlers": [signal.getsignal(number) for number in signal.valid_signals()],
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "logging": (logging.root.level, list(logging.root.handlers)),
        "threads": threading.enumerate(),
    }


@pytest.mark.parametrize("settings", [{}, {"settings": {"TimeZone": "UTC"}}], ids=["plain", "dbt"])
def test_nothing_is_left_behind(shop: Shop, settings: Mapping[str, Any]) -> None:
    shop.customers(ANN)
    output = {"type": "duckdb", "path": str(shop.warehouse), **settings}
    profiles = json.loads((shop.folder / "profiles.yml").read_text())
    profiles["shop"]["outputs"]["dev"] = output
    (shop.folder / "profiles.yml").write_text(json.dumps(profiles))
    shop.plan_one()  # what is imported is imported
    before = surroundings()
    for call in (shop.sync_one, shop.plan_one, lambda: verify(shop.settings(select="crm"))):
        call()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(shop.sync_one).result(SECONDS)
    pool.shutdown()
    assert surroundings() == before
    shop.customers(BEN)  # nobody holds the warehouse


# As Airflow's `execution_timeout` does: an exception of a handler, in whatever the task is at.
TIMEOUT = """
import signal, sys
from dbt_selligent import Event, Progress, resolve_settings, sync

class TaskTimeout(BaseException):
    pass

def end(*_: object) -> None:
    raise TaskTimeout

signal.signal(signal.SIGUSR1, end)
sync(resolve_settings(project_dir=sys.argv[1], profiles_dir=sys.argv[1], select="crm"))
"""


def test_an_orchestrators_own_exception_ends_a_sync(shop: Shop) -> None:
    shop.table("customers", "select range::int as id, 'a' as email, 'b' as first_name, "
               "1.5::double as lifetime_value, true as opt_in from range(9000)")  # fmt: skip
    shop.sandbox.faults(["load:delay=1@1"])
    process = subprocess.Popen(
        [sys.executable, "-c", TIMEOUT, str(shop.folder)],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(shop.sandbox.bulk, "a request is under way")
    process.send_signal(signal.SIGUSR1)
    _, said = process.communicate(timeout=SECONDS)
    assert said.splitlines()[-1] == "TaskTimeout"
    assert len(shop.sandbox.bulk()) == 1  # of four
    assert shop.in_step().confirmed == 9000 - 2500


def run_side_by_side(shop: Shop, *commands: Sequence[str]) -> list[int]:
    processes = [
        subprocess.Popen(
            [Path(sys.executable).parent / "dbt-selligent", *command],
            cwd=shop.folder,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
        )
        for command in commands
    ]
    return [process.wait(SECONDS) for process in processes]


def test_processes_sync_activations_side_by_side(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.table("orders", A_ORDER)
    shop.table("mails", A_MAIL)
    names = ("crm", "orders", "mails")
    (shop.folder / "target" / "selligent" / "parsed.json").unlink()  # one of them has to parse
    codes = run_side_by_side(shop, *(["sync", "--select", name] for name in names))
    assert codes == [0, 0, 0]
    assert [each["status"] for each in shop.results()["results"]] == ["in step"]
    assert [path.name for path in shop.results_file.parent.glob("**/*.new")] == []
    assert [each.status for each in verify(shop.settings(select=names))] == ["in step"] * 3


def test_the_results_of_runs_side_by_side_are_each_written_whole(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(100):
            RunResults(f"run {number}", "sync", "dev", "2026-05-01", 0.0, ()).write(tmp_path)

    side_by_side(*(lambda number=number: write(number) for number in range(4)))
    [path] = (each for each in tmp_path.iterdir() if each.is_file())
    assert json.loads(path.read_text())["run_id"].startswith("run ")


def test_a_caller_that_breaks_ends_no_sync_and_hears_of_it(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("mails", A_MAIL)

    def broken(_: Event) -> None:
        raise ValueError("of the caller's own")

    with pytest.raises(ValueError, match="of the caller's own"):
        sync(shop.settings(select=("crm", "mails")), emit=broken)
    assert [each["status"] for each in shop.results()["results"]] == ["in step", "in step"]
    assert shop.records() == [ANN]


def test_a_reader_of_events_that_goes_away_ends_no_sync(shop: Shop) -> None:
    shop.customers(ANN)
    command = shlex.join([str(BIN / "dbt-selligent"), "sync", "-s", "crm", "--log-format", "json"])
    subprocess.run(
        ["bash", "-c", f"{command} | true"], cwd=shop.folder, env=clean_environment(), check=True
    )
    assert shop.records() == [ANN]
    assert [each["status"] for each in shop.results()["results"]] == ["in step"]
