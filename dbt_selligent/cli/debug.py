"""`dbt-selligent debug`."""

from __future__ import annotations

import sys
from itertools import chain
from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options, settings_of
from dbt_selligent.cli.say import say
from dbt_selligent.settings import Settings

COLOURS = {"ok": "green", "note": "yellow", "FAIL": "red"}


@click.command()
@project_options
@selection_options
@click.option("--notify", is_flag=True, help="send a test message to each address of `notify:`")
def debug(notify: bool, **flags: Any) -> None:
    """Check project, profile, warehouse, rights, credentials, lists and fields, one line each."""
    from dbt_selligent.checks import check_all
    from dbt_selligent.notifycheck import check_notify

    def resolve() -> Settings:
        return settings_of(flags)

    good = True
    for check in chain(check_all(resolve), check_notify(resolve, send=notify)):
        good = good and check.state != "FAIL"
        click.secho(f"{check.state:<4} ", fg=COLOURS[check.state], nl=False)
        say(f"{check.what}: {check.found}")
        if check.mend:
            say(f"     -> {check.mend}")
    sys.exit(0 if good else 1)
