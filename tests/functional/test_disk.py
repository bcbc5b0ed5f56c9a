"""Where a file cannot grow any more, as on a full disk, nothing is lost, and it is said."""

from __future__ import annotations

import resource
import subprocess

import duckdb
import pytest

from .conftest import BIN, SECONDS, Done, Shop, clean_environment, wait_until
from .test_kill import NEW, in_list, model, settle


def check_kept(shop: Shop) -> None:
    """What is kept as confirmed, or would be when the next sync begins, is in the list so."""
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb"), read_only=True) as connection:
        kept = connection.execute('select "CUSTOMER_ID", "FIRSTNAME" from snapshot').fetchall()
    there = {record[0]: record[2] for record in shop.records()}
    assert [row for row in kept if there.get(row[0]) not in (row[1], "New")] == []


@pytest.mark.parametrize("size", [13_000, 1_000_000])
def test_a_delta_that_cannot_be_staged_is_not_sent(shop: Shop, size: int) -> None:
    model(shop, "Old")
    shop.in_step()
    model(shop, "New")
    shop.sent()
    before = shop.state_bytes()["dev/crm.duckdb"]
    done = subprocess.run(
        [BIN / "dbt-selligent", "sync", "--select", "crm"],
        cwd=shop.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert done.returncode == 1
    assert "the delta cannot be staged: a file cannot be written: File too large" in done.stdout
    assert "make room in the folder of the state, then run again" in done.stdout
    assert "Traceback" not in done.stderr
    assert shop.sent() == []
    assert shop.state_bytes()["dev/crm.duckdb"] == before
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
    check_kept(shop)
    shop.sandbox.faults([])
    settle(shop)
    assert in_list(shop) == NEW
