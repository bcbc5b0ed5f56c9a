"""`dbt-selligent plan`."""

from __future__ import annotations

import json
from typing import Any

import click

from dbt_selligent.cli.options import (
    output_options,
    project_options,
    selection_options,
    settings_of,
)
from dbt_selligent.cli.say import say


@click.command()
@project_options
@selection_options
@click.option("--full-refresh", is_flag=True, help="as if every row were to be sent whole")
@click.option("--due", is_flag=True, help="only what is due by its schedule; see ls")
@click.option("--show-values", is_flag=True, help="show keys and values of the sample")
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_options
def plan(show_values: bool, output: str, quiet: bool, log_format: str, **flags: Any) -> None:
    """Say what sync would do; send nothing and change no state."""
    from dbt_selligent import pipeline
    from dbt_selligent.cli.arguments import with_its_flags
    from dbt_selligent.cli.changeset import kept_back_as_dict, plan_as_dict
    from dbt_selligent.cli.sync import sync
    from dbt_selligent.cli.terminal import Terminal
    from dbt_selligent.events import Event, Finished

    as_json = log_format == "json"
    kept_back = []

    def keep(event: Event) -> None:
        kept_back.extend([event.result] if isinstance(event, Finished) else [])

    with Terminal(
        quiet=quiet or output == "json", as_json=as_json, show_values=show_values
    ) as terminal:
        emit = keep if output == "json" else terminal.show
        plans = pipeline.plan(settings_of(flags, terminal.wait), sample=3, emit=emit)
    if output == "json":
        shown = [plan_as_dict(each, show_values=show_values) for each in plans]
        shown += [kept_back_as_dict(each) for each in kept_back]
        say(json.dumps(shown, indent=None if as_json else 1, default=str))
    else:
        command = with_its_flags(click.get_current_context(), sync)
        terminal.close_plan(plans, f"`{command}`")
