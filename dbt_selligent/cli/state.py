"""`dbt-selligent state`."""

from __future__ import annotations

import json
from typing import Any

import click

from dbt_selligent.cli.completion import complete_names
from dbt_selligent.cli.options import project_options, selection_options, settings_of
from dbt_selligent.cli.say import say

yes_option = click.option("--yes", is_flag=True, help="do it; without, say what would be done")


@click.group()
def state() -> None:
    """Look after what is kept of what Selligent confirmed."""


@state.command()
@project_options
@selection_options
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(output: str, **flags: Any) -> None:
    """Show each state: where it is, of what, and how many rows it has."""
    from dbt_selligent import kept
    from dbt_selligent.cli.printer import tell

    found = kept.show(settings_of(flags))
    if output == "json":
        say(json.dumps([each.as_dict() for each in found], indent=1))
        return
    tell(line for each in found for line in each.lines())


@state.command()
@click.argument("name", shell_complete=complete_names)
@project_options
@yes_option
def reset(name: str, yes: bool, **flags: Any) -> None:
    """Forget the state NAME: the next sync sends every row."""
    from dbt_selligent import upkeep
    from dbt_selligent.cli.printer import tell

    tell(upkeep.reset(settings_of(flags), name, yes=yes).lines())


@state.command()
@click.argument("old", shell_complete=complete_names)
@click.argument("new", shell_complete=complete_names)
@project_options
@yes_option
def rename(old: str, new: str, yes: bool, **flags: Any) -> None:
    """Give the state OLD to the activation NEW: after its exposure was renamed."""
    from dbt_selligent import upkeep
    from dbt_selligent.cli.printer import tell

    tell(upkeep.rename(settings_of(flags), old, new, yes=yes).lines())


@state.command()
@project_options
@selection_options
@yes_option
def adopt(yes: bool, **flags: Any) -> None:
    """Take the rows of the models as sent already, where there is no state yet."""
    from dbt_selligent import upkeep
    from dbt_selligent.cli.printer import tell

    tell(line for each in upkeep.adopt(settings_of(flags), yes=yes) for line in each.lines())
