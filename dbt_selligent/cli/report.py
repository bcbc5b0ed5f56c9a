"""`dbt-selligent report`."""

from __future__ import annotations

from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options, settings_of


@click.command()
@project_options
@selection_options
@click.option(
    "--output", metavar="FILE", help="where to write it  [default: target/selligent_report.html]"
)
def report(output: str | None, **flags: Any) -> None:
    """Write one HTML page that says what went out, what did not, and why."""
    from dbt_selligent.cli.printer import tell
    from dbt_selligent.report.writing import write_report

    path, written = write_report(settings_of(flags), output)
    attention = (f"  {each.record.name}: {each.standing.word}" for each in written.attention)
    tell([written.headline, *attention, f"{path}: written"])
