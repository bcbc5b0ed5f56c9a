"""What `docs/schedules.md` has one write is read as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dbt_selligent.cli import cli
from dbt_selligent.cli.schedule import schedule
from dbt_selligent.meta import ActivationMeta
from dbt_selligent.schedules import find_fault

PAGE = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")
META = {"list": "CUSTOMERS", "matching_key": {"CUSTOMER_ID": "customer_id"}}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_each_schedule_is_one() -> None:
    written = [yaml.safe_load(block) for block in blocks("yaml")]
    assert [list(each) for each in written] == [["schedule"], ["schedule"]]
    for each in written:
        assert ActivationMeta.model_validate(META | each).schedule is not None
    for days in ("L * *", "* * 5L", "* * 1#2", "* JAN MON"):
        assert find_fault(f"0 6 {days}") is None


def test_each_flag_is_one() -> None:
    context = schedule.make_context("schedule", [])
    of_schedule = {flag for each in schedule.params for flag in each.opts}
    for flag in ("--select", "--exclude", "--threads", "--quiet", "--log-format"):
        assert flag in of_schedule
    sync = cli.get_command(context, "sync")
    assert sync is not None
    of_sync = {flag for each in sync.params for flag in each.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", PAGE)) <= of_schedule | of_sync
    [line] = re.findall(r"^\*/10 .*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"--[a-z-]+", line)) <= of_sync


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    [text] = blocks("ini")
    unit = tmp_path / "selligent.service"
    # Of this machine, so that what it names is there.
    command = "/srv/shop/.venv/bin/dbt-selligent"
    assert command in text
    unit.write_text(text.replace(command, sys.executable).replace("User=shop\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
    assert done.returncode == 0, done.stderr

    unit.write_text(unit.read_text().replace("Type=exec", "Type=exce"))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert "exce" in done.stderr
