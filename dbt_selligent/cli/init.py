"""`dbt-selligent init`."""

from __future__ import annotations

import sys
from dataclasses import fields
from typing import Any

import click

from dbt_selligent.cli.options import project_options, settings_of
from dbt_selligent.cli.say import say


@click.command()
@project_options
@click.option("--url", metavar="URL", help="of Selligent, or of a sandbox of this machine")
@click.option("--organization", metavar="NAME", help="there; DEMO in a sandbox")
@click.option("--model", metavar="NAME", help="the model that is to feed the list")
@click.option("--list", "list", metavar="NAME", help="API name of the list")
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
@click.option("-y", "--yes", is_flag=True, help="ask nothing, and write the files")
@click.option(
    "--print", "printing", is_flag=True, help="print the exposure, and write no file of it"
)
def init(url: str | None, organization: str | None, yes: bool, **flags: Any) -> None:
    """Write what a first sync needs: an output in profiles.yml, and an exposure.

    On a terminal this asks for what flags leave open, shows what it would make in Selligent and
    write, and does so if you agree. The exposure goes into a new file beside the model; no file is
    written over. --create makes in Selligent what the list lacks.

    Without a terminal nothing is asked, and the exposure is printed: dbt-selligent init --list
    CUSTOMERS --model customers > models/crm.yml. With --yes it is written there too.
    """
    from dbt_selligent.cli.asking import Prompts
    from dbt_selligent.exposurefile import write_exposure
    from dbt_selligent.profilewriting import Address, provide_output
    from dbt_selligent.setup import set_up
    from dbt_selligent.wish import Wish

    wish = Wish(**{each.name: flags.pop(each.name) for each in fields(Wish)})
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    ask = Prompts() if on_terminal and not yes else None
    if ask is None:
        _require(list=wish.list, model=wish.model)
    settings = provide_output(
        settings_of(flags), Address(url, organization), ask, say_aside, unasked=yes
    )
    proposal = set_up(settings, wish, say_aside, ask)
    if wish.printing or proposal.declared or not (ask or yes):
        say(proposal.text, nl=False)
    else:
        write_exposure(settings, proposal, ask, say_aside)


def say_aside(text: str) -> None:
    """What is no exposure: that may be on its way to a file."""
    say(text, err=True)


def _require(**given: str | None) -> None:
    missing = " and ".join(f"'--{name}'" for name, value in given.items() if value is None)
    if missing:
        options = "options" if " and " in missing else "option"
        raise click.UsageError(f"Missing {options} {missing}: on a terminal, they are asked for.")
