"""The flags that commands share: dbt's own names where dbt has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from dbt_selligent.cli.completion import (
    complete_criteria,
    complete_destinations,
    complete_targets,
)
from dbt_selligent.cli.say import say
from dbt_selligent.settings import Settings, resolve_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_PROJECT = (
    click.option("--project-dir", metavar="DIR", help="folder of dbt_project.yml"),
    click.option("--profiles-dir", metavar="DIR", help="folder of profiles.yml"),
    click.option(
        *("-t", "--target"),
        metavar="NAME",
        help="the dbt target",
        shell_complete=complete_targets,
    ),
    click.option("--target-path", metavar="DIR", help="dbt's folder of artifacts"),
    click.option("--vars", metavar="YAML", help="vars of the project, as given to dbt"),
    click.option(
        "--destination",
        metavar="NAME",
        help="an output of the selligent profile",
        shell_complete=complete_destinations,
    ),
)
_SELECTION = (
    click.option(
        *("-s", "--select"),
        multiple=True,
        metavar="CRITERIA",
        help="as dbt selects: names of activations or models, tag:crm, +customers",
        shell_complete=complete_criteria,
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="CRITERIA",
        help="the same, left out",
        shell_complete=complete_criteria,
    ),
    click.option("--selector", metavar="NAME", help="a selector of selectors.yml"),
    click.option(
        *("--state", "state_dir"),
        type=click.Path(file_okay=False),
        metavar="DIR",
        help="artifacts of dbt for state:modified",
    ),
)
_OUTPUT = (
    click.option("-q", "--quiet", is_flag=True, help="say nothing but errors"),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        help="json: one event a line",
    ),
)


def project_options(command: Command) -> Command:
    """Which project, target and destination."""
    return _apply(_PROJECT, command)


def selection_options(command: Command) -> Command:
    """Which activations."""
    return _apply(_SELECTION, command)


def output_options(command: Command) -> Command:
    """How it is told."""
    return _apply(_OUTPUT, command)


def settings_of(flags: dict[str, Any], waits: Callable[[str], None] | None = None) -> Settings:
    """Settings from the flags of a command; ``waits`` is told who has the project meanwhile."""
    return replace(resolve_settings(**flags), waits=waits or say_waiting)


def say_waiting(reason: str) -> None:
    """Says that another command has the project, aside: what is asked for is yet to come."""
    say(f"{reason}: waiting", err=True)


def _apply(options: tuple[Callable[[Any], Any], ...], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
