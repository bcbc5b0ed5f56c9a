"""`dbt-selligent status`."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options, settings_of
from dbt_selligent.cli.say import say


@click.command()
@project_options
@selection_options
@click.option("--show-values", is_flag=True, help="show matching keys and Selligent's messages")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(show_values: bool, output: str, **flags: Any) -> None:
    """Show the last runs, and rejected and invalid rows with their reasons."""
    from dbt_selligent.cli.printer import tell
    from dbt_selligent.history import read_history

    found = read_history(settings_of(flags), show_values=show_values)
    if output == "json":
        say(json.dumps([each.as_dict() for each in found], indent=1, default=str))
    else:
        tell(line for each in found for line in each.lines())
    sys.exit(int(any(each.error for each in found)))
