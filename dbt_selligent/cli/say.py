"""What a command says."""

from __future__ import annotations

import click

from dbt_selligent.naming import visible


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Prints a text, in which names and messages of others may stand: none works the terminal."""
    click.echo(visible(text), err=err, nl=nl)  # noqa: TID251  (the one place)
