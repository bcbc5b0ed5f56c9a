"""Where a file cannot grow any more, as on a full disk, nothing is lost, and it is said."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from .conftest import (
    BIN,
    EXPOSURES,
    SECONDS,
    Done,
    Shop,
    clean_environment,
    exposure,
    wait_until,
)
from .test_kill import NEW, in_list, model, settle

META = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "id"}, "fields": {"MAIL": "email"}}


def check_kept(shop: Shop) -> None:
    """What is kept as confirmed, or would be when the next sync begins, is in the list so."""
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb"), read_only=True) as connection:
        kept = connection.execute('select "CUSTOMER_ID", "FIRSTNAME" from snapshot').fetchall()
    there = {record[0]: record[2] for record in shop.records()}
    assert [row for row in kept if there.get(row[0]) not in (row[1], "New")] == []


def run_within(shop: Shop, size: int, *arguments: str) -> Done:
    """The real command, which can write no file beyond this size, in bytes."""
    done = subprocess.run(
        [BIN / "dbt-selligent", *arguments],
        cwd=shop.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("size", [13_000, 1_000_000])
def test_a_delta_that_cannot_be_staged_is_not_sent(shop: Shop, size: int) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    shop.sent()
    done = run_within(shop, size, "sync", "--select", "crm")
    assert done.code == 1
    assert "the delta cannot be staged: a file cannot be written: File too large" in done.out
    assert "make room in the folder of the state, then run again" in done.out
    assert "Traceback" not in done.err
    assert shop.sent() == []
    settle(shop)
    assert in_list(shop) == NEW


@pytest.mark.parametrize("request_number", [1, 3])
def test_a_disk_that_is_full_while_rows_are_sent_loses_none(
    shop: Shop, request_number: int
) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    before = len(shop.sandbox.bulk())
    shop.sandbox.faults([f"load:delay-after=0.5@{request_number}"])
    with shop.started("sync", "--select", "crm") as process:
        wait_until(lambda: len(shop.sandbox.bulk()) == before + request_number, "it came in")
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        out, err = process.communicate(timeout=SECONDS)
        done = Done(process.returncode, out, err)
    assert done.code == 1
    assert "Traceback" not in done.said
    assert "crm.duckdb: a file cannot be written: File too large" in done.out
    assert "nothing was lost: make room and run again" in done.out
    assert "selligent_run_results.json: cannot be written: File too large" in done.err
    # Those of the last run that could be written are whole.
    assert [each["status"] for each in shop.results()["results"]] == ["in step"]
    check_kept(shop)
    shop.sandbox.faults([])
    settle(shop)
    assert in_list(shop) == NEW


def test_a_state_whose_log_cannot_be_written_into_it_is_not_renamed(shop: Shop) -> None:
    rows = "select range::integer as id, md5(range::varchar) as email, 'x' as first_name, "
    rows += "range / 2 as lifetime_value, true as opt_in from range({})"
    shop.table("customers", rows.format(20_000))
    shop.in_step()
    state = shop.state / "dev" / "crm.duckdb"
    size = state.stat().st_size
    shop.table("customers", rows.format(25_000))
    assert run_within(shop, size, "sync", "--select", "crm").code == 0
    log = state.with_name("crm.duckdb.wal")
    assert log.stat().st_size > 100_000  # there was no room for it in the state itself
    shop.declare(exposure("people", "customers", META))
    done = run_within(shop, size, "state", "rename", "crm", "people", "--yes")
    assert done.code == 1
    assert "crm.duckdb.wal: what is in it cannot be written to the state" in done.err
    assert "make room" in done.err
    assert shop.invoke("state", "rename", "crm", "people", "--yes").code == 0
    assert not log.exists()
    assert "25,000 rows confirmed" in shop.invoke("state", "show").out


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the project."""
    memory = Path("/dev/shm")  # noqa: S108  a file system of its own, not a place for files
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder
    shutil.rmtree(folder)


def test_states_of_one_command_may_lie_on_two_file_systems(shop: Shop, other_disk: Path) -> None:
    shop.profile(more={"other": {**shop.output, "state": str(other_disk)}})
    crm = EXPOSURES[0]["config"]["meta"]["selligent"]
    other = {**crm, "destination": "other", "list": "OTHERS"}
    shop.declare(exposure("crm", "customers", crm), exposure("other", "customers", other))
    for word in ("Old", "New"):
        model(shop, word)
        assert [each.status for each in shop.sync().results] == ["in step", "in step"]
    assert shop.records("OTHERS") == shop.records("CUSTOMERS")
    there = sorted(path.name for path in (other_disk / "other").iterdir() if path.is_file())
    assert there == ["destination.json", "other.duckdb", "other.lock"]


def test_a_delta_that_cannot_be_put_beside_its_state_is_told_and_the_others_go(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = EXPOSURES[0]["config"]["meta"]["selligent"]
    shop.declare(
        exposure("crm", "customers", crm),
        exposure("other", "customers", {**crm, "list": "OTHERS"}),
    )
    model(shop, "Old")
    move = shutil.move

    def fill(source: Path, target: Path) -> None:
        if target.name.startswith("other"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        move(source, target)

    monkeypatch.setattr(shutil, "move", fill)  # no file system here can be filled
    done = shop.invoke("sync")
    assert done.code == 1
    assert "other.delta.duckdb: cannot be written: No space left on device" in done.out
    assert [each["status"] for each in shop.results()["results"]] == ["in step", "failed"]
    monkeypatch.undo()
    assert [each.status for each in shop.sync().results] == ["in step", "in step"]
    assert shop.records("OTHERS") == shop.records("CUSTOMERS")


def test_a_folder_without_the_right_to_write_is_told_with_what_mends_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(prefix: str, dir: Path) -> str:  # noqa: A002  (tempfile's own name)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), f"{dir}/{prefix}x")

    shop.customers()
    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    for command in ("plan", "sync"):
        done = shop.invoke(command)
        assert done.code == 1
        first, step, *_ = done.err.splitlines()
        assert first == f"Error: {shop.state}: Permission denied"
        assert step.startswith(
            "  -> give yourself the right to write there, or name another folder"
        )
