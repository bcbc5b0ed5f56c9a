"""The `dbt-selligent` command: one file per subcommand, loaded when it is called."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from importlib.metadata import version
from itertools import pairwise

import click

from dbt_selligent.cli.arguments import spread_criteria
from dbt_selligent.cli.failure import Failure, failure_of
from dbt_selligent.cli.say import say
from dbt_selligent.cli.signals import heed_signals

COMMANDS = {
    "sync": "send what changed since Selligent last confirmed it",
    "schedule": "stay in the foreground, and sync what falls due",
    "plan": "say what sync would do; send nothing",
    "init": "ask for destination, model and list; write profile and exposure",
    "ls": "list the activations",
    "validate": "say every fault of every activation; --live, against the lists too",
    "debug": "check project, profile, warehouse, rights, credentials, lists and fields",
    "status": "show the last runs, and rejected, held and invalid rows",
    "report": "write one HTML page of what went out, what did not, and why",
    "verify": "read the lists back, and compare them with what Selligent confirmed",
    "state": "show, forget, rename or adopt what is kept of what Selligent confirmed",
    "schema": "print the JSON Schema of activations, for editors",
    "sandbox": "serve a local Selligent, for trying and testing",
    "completion": "print a script for the shell: it completes commands, flags and names",
}


class _Commands(click.Group):
    """Subcommands by name; a module is imported when its command is called, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"dbt_selligent.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, spread_criteria(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from dbt_selligent.errors import nearest

        unknown = args and args[0] not in COMMANDS and not args[0].startswith("-")
        if unknown and not ctx.resilient_parsing:  # as it is while a shell completes a line
            like = nearest(args[0], list(COMMANDS))
            ctx.fail(f"no command {args[0]!r}" + (f"; did you mean {like}?" if like else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("dbt-selligent"), prog_name="dbt-selligent")
def cli() -> None:
    """Keeps Selligent lists in step with dbt models, and sends only what changed."""


def main() -> None:
    """Runs the command; an error is a message, or an event, and an exit code."""
    heed_signals()
    sys.exit(_run(as_json=_asks_for_events(sys.argv)))


def _run(*, as_json: bool) -> int:
    no_colour = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    try:
        ended: int | None = cli(standalone_mode=False, color=False if no_colour else None)
    except click.ClickException as error:
        if not as_json:
            error.show()
            return error.exit_code
        failure = Failure(error.format_message(), exit_code=error.exit_code)
    except click.Abort:
        failure = Failure("interrupted")
    except Exception as error:  # noqa: BLE001  (whatever it is)
        failure = failure_of(error)
    else:
        return ended or 0
    _tell(failure, as_json=as_json)
    return failure.exit_code


def _tell(failure: Failure, *, as_json: bool) -> None:
    if as_json:
        from dbt_selligent.cli.jsonevents import failure_as_dict

        say(json.dumps(failure_as_dict(failure, datetime.now(timezone.utc))))
    else:
        from dbt_selligent.cli.printer import Printer

        Printer(sys.stderr).print(failure.lines())


def _asks_for_events(arguments: Sequence[str]) -> bool:
    """Whether `--log-format json` is among them, also where they are not right as a whole."""
    words = [word for each in arguments for word in each.split("=", 1)]
    return ("--log-format", "json") in pairwise(words)
