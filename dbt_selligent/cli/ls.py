"""`dbt-selligent ls`."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import click

from dbt_selligent.cli.options import project_options, selection_options, settings_of
from dbt_selligent.cli.say import say


@click.command()
@project_options
@selection_options
@click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def ls(output: str, **flags: Any) -> None:
    """List the activations: name, model, list, destination, schedule."""
    from dbt_selligent.cli.printer import tell
    from dbt_selligent.schedules import next_time
    from dbt_selligent.selection import list_activations

    now = datetime.now(timezone.utc)
    found = list_activations(settings_of(flags))
    if output == "json":
        keys = ("name", "unique_id", "file", "tags", "list", "destination")
        rows = [
            {
                **{key: getattr(each, key) for key in keys},
                "model": each.model.name,
                "schedule": each.schedule and each.schedule.as_dict(next_time(each.schedule, now)),
            }
            for each in found
        ]
        say(json.dumps(rows, indent=1))
        return
    lines = []
    width = max(len(each.name) for each in found)
    for each in found:
        tags = f"  [{', '.join(each.tags)}]" if each.tags else ""
        due = each.schedule.local(next_time(each.schedule, now)) if each.schedule else ""
        coming = f"  {each.schedule.cron}, next {due}" if each.schedule else ""
        text = f"{each.name:<{width}}  {each.model.name} -> {each.list} ({each.destination})"
        lines.append(text + tags + coming)
    tell(lines)
