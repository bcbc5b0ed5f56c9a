"""`dbt-selligent verify`."""

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
@click.option("--repair", is_flag=True, help="put what differs in doubt: the next sync sends it")
@click.option("--show-values", is_flag=True, help="show keys and values of the sample")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def verify(repair: bool, show_values: bool, output: str, **flags: Any) -> None:
    """Read the lists back and compare them with what Selligent confirmed; send nothing."""
    from dbt_selligent import verification
    from dbt_selligent.cli.printer import tell
    from dbt_selligent.cli.terminal import Terminal

    with Terminal(quiet=output == "json", as_json=False) as terminal:
        found = verification.verify(
            settings_of(flags), repair=repair, show_values=show_values, emit=terminal.show
        )
    if output == "json":
        say(json.dumps([each.as_dict() for each in found], indent=1))
    else:
        tell(line for each in found for line in each.lines())
    sys.exit(int(not all(each.good for each in found)))
