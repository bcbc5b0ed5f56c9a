"""`dbt-selligent init`."""

from __future__ import annotations

from typing import Any

import click

from dbt_selligent.cli.options import project_options, settings_of
from dbt_selligent.cli.say import say


@click.command()
@project_options
@click.option("--list", "list_name", required=True, metavar="NAME", help="API name of the list")
@click.option("--model", required=True, metavar="NAME", help="the model that is to feed it")
@click.option("--key", "keys", multiple=True, metavar="FIELD", help="of the matching key; up to 3")
@click.option("--segment", metavar="NAME", help="the static segment whose members are its rows")
@click.option("--create", is_flag=True, help="make in Selligent what is missing there")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["Userlist", "Datalist"]),
    default="Userlist",
    show_default=True,
    help="of a list that is made",
)
@click.option("--name", metavar="NAME", help="of the exposure")
def init(
    list_name: str,
    model: str,
    keys: tuple[str, ...],
    segment: str | None,
    create: bool,
    kind: str,
    name: str | None,
    **flags: Any,
) -> None:
    """Write an exposure that feeds a list from a model; --create makes what the list lacks."""
    from dbt_selligent.setup import set_up
    from dbt_selligent.wish import Wish

    wish = Wish(list_name, model, keys, segment, create, kind, name)
    text = set_up(settings_of(flags), wish, lambda line: say(line, err=True))
    say(text, nl=False)
