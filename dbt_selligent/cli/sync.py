"""`dbt-selligent sync`."""

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
@click.option("--full-refresh", is_flag=True, help="send every valid row whole, held rows too")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=DEFAULT_THREADS,
    show_default=True,
    help="lists at once",
)
@click.option("-x", "--fail-fast", is_flag=True, help="start nothing more after a failure")
@click.option("--force", is_flag=True, help="sync although a guard speaks against it; recorded")
@click.option("--retry-rejected", is_flag=True, help="send rows again that are held")
@click.option("--retry-not-found", is_flag=True, help="send rows again that were not found")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="send N rows at most: a canary")
@click.option("--due", is_flag=True, help="only what is due by its schedule; see ls")
@click.option("--dry-run", is_flag=True, help="the same as plan")
@output_options
def sync(quiet: bool, log_format: str, dry_run: bool, **flags: Any) -> None:
    """Send what changed since Selligent last confirmed it."""
    from dbt_selligent import pipeline
    from dbt_selligent.cli.terminal import Terminal

    with Terminal(quiet=quiet, as_json=log_format == "json") as terminal:
        settings = settings_of(flags, terminal.wait)
        if dry_run:
            plans = pipeline.plan(settings, sample=3, emit=terminal.show)
            terminal.close_plan(plans, "the same without --dry-run")
            return
        results = pipeline.sync(settings, emit=terminal.show)
    terminal.close(results)
    sys.exit(results.exit_code)
