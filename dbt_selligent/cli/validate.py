"""`dbt-selligent validate`."""

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
@click.option("--live", is_flag=True, help="also against the lists in Selligent")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def validate(live: bool, output: str, **flags: Any) -> None:
    """Say every fault of every activation; without --live, without a network."""
    from dbt_selligent import validation
    from dbt_selligent.cli.printer import tell

    found = validation.validate(settings_of(flags), live=live)
    if output == "json":
        say(json.dumps(found.as_dict(), indent=1))
        sys.exit(found.error.exit_code if found.error else 0)
    tell(found.lines())
    if found.error:
        raise found.error
