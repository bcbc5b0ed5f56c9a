"""`dbt-selligent debug`."""

from __future__ import annotations

import sys
from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options
from dbt_selligent.cli.say import say

COLOURS = {"ok": "green", "note": "yellow", "FAIL": "red"}


@click.command()
@project_options
@selection_options
def debug(**flags: Any) -> None:
    """Check project, profile, warehouse, rights, credentials, lists and fields, one line each."""
    from dbt_selligent.checks import check_all

    good = True
    for check in check_all(flags):
        good = good and check.state != "FAIL"
        click.secho(f"{check.state:<4} ", fg=COLOURS[check.state], nl=False)
        say(f"{check.what}: {check.found}")
        if check.mend:
            say(f"     -> {check.mend}")
    sys.exit(0 if good else 1)
