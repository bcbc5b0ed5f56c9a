"""`dbt-selligent schedule`."""

from __future__ import annotations

import sys
from typing import Any

import click

from dbt_selligent.cli.options import (
    output_options,
    project_options,
    selection_options,
    settings_of,
)
from dbt_selligent.settings import DEFAULT_THREADS


@click.command()
@project_options
@selection_options
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=DEFAULT_THREADS,
    show_default=True,
    help="lists at once",
)
@output_options
def schedule(quiet: bool, log_format: str, **flags: Any) -> None:
    """Stay in the foreground, and do what sync --due does whenever something falls due."""
    from dbt_selligent.cli.signals import note_signals
    from dbt_selligent.cli.terminal import Terminal
    from dbt_selligent.scheduling import Scheduler

    stopped = note_signals()
    with Terminal(quiet=quiet, as_json=log_format == "json") as terminal:
        scheduler = Scheduler(
            lambda: settings_of({**flags, "due": True}, terminal.wait),
            terminal.show,
            terminal.close,
            stopped.is_set,
        )
        code = scheduler.run()
    sys.exit(code)
