"""`dbt-selligent debug`."""

from __future__ import annotations

import sys
from itertools import chain
from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options, settings_of
from dbt_selligent.settings import Settings

COLOURS = {"ok": "green", "note": "yellow", "FAIL": "red"}


@click.command()
@project_options
@selection_options
@click.option("--notify", is_flag=True, help="send a test message to each address of `notify:`")
def debug(notify: bool, **flags: Any) -> None:
    """Check project, profile, warehouse, rights, credentials, lists and fields, one line each."""
    from dbt_selligent.checks import check_all
    from dbt_selligent.cli.lines import Line
    from dbt_selligent.cli.printer import Printer
    from dbt_selligent.notifycheck import check_notify

    def resolve() -> Settings:
        return settings_of(flags)

    good, printer = True, Printer(sys.stdout)
    for check in chain(check_all(resolve), check_notify(resolve, send=notify)):
        good = good and check.state != "FAIL"
        said = Line(f"{check.what}: {check.found}", 0, f"{check.state:<4}", COLOURS[check.state])
        printer.print([said, *([Line(check.mend, 5, "->", "cyan")] if check.mend else [])])
    sys.exit(0 if good else 1)
