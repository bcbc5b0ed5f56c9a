"""The `dbt-selligent` command: one file per subcommand, loaded when it is called."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from importlib.metadata import version

import click

from dbt_selligent.cli.arguments import spread_criteria
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
    """Runs the command; an error of ours is a message and an exit code, never a traceback."""
    from dbt_selligent.errors import DbtSelligentError

    heed_signals()
    try:
        cli(standalone_mode=True)
    except DbtSelligentError as error:
        click.secho("Error: ", fg="red", nl=False, err=True)
        say(str(error), err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        what = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        click.secho("Error: ", fg="red", nl=False, err=True)
        say(what or type(error).__name__, err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  (whatever it is)
        # Its message may quote a value of a row, or a secret: where it happened is enough.
        click.secho("Error: ", fg="red", nl=False, err=True)
        say(f"{type(error).__name__}, which is a bug: please report it with these lines",
                   err=True)  # fmt: skip
        say("".join(traceback.format_tb(error.__traceback__)), err=True, nl=False)
        sys.exit(1)
