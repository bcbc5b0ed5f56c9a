"""`dbt-selligent sandbox`: serve a local Selligent."""

from __future__ import annotations

import errno
from pathlib import Path

import click

from dbt_selligent.cli.say import say


class _NothingStartedError(click.ClickException):
    """A message without the usage: the call was right, but nothing could start."""

    exit_code = 2


@click.command("sandbox")
@click.option("--port", default=8800, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--config",
    "config_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML file with organization, credentials and lists.",
)
@click.option(
    "--quota",
    default=2500,
    show_default=True,
    type=click.IntRange(min=1),
    help="Requests per minute and API key.",
)
@click.option(
    "--busy",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds that a bulk operation takes.",
)
@click.option(
    "--busy-per-row",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds that each row of a bulk operation adds.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(min=1),
    help="Rows of a bulk operation; one with more gets 413.",
)
@click.option(
    "--unindexed-limit",
    type=click.IntRange(min=0),
    help="Rows of a bulk operation whose key fields are not the list's business key.",
)
@click.option(
    "--index-base",
    default=0,
    show_default=True,
    type=click.IntRange(0, 1),
    help="The record_index of the first row.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="What goes wrong, such as load:503@1, load:reject:TIER=gold or load:short=2. Can be given "
    "several times; an empty one lists what there is.",
)
@click.option(
    "--received",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append every request to this file, as JSON lines. It holds the data sent.",
)
def sandbox(
    port: int,
    config_path: Path | None,
    quota: int,
    busy: float,
    busy_per_row: float,
    max_rows: int | None,
    unindexed_limit: int | None,
    index_base: int,
    faults: tuple[str, ...],
    received: Path | None,
) -> None:
    """Serve a local Selligent on 127.0.0.1, for trying, testing and CI."""
    try:
        # Imported here: the other commands must neither wait for the web framework nor need it.
        from dbt_selligent.sandbox import Sandbox, load_config
        from dbt_selligent.sandbox.faults import LEGAL

        if "" in faults:
            say(LEGAL)
            return
        config = load_config(config_path)
        served = Sandbox(
            config,
            quota=quota,
            busy=busy,
            busy_per_row=busy_per_row,
            max_rows=max_rows,
            unindexed_limit=unindexed_limit,
            index_base=index_base,
            faults=faults,
            received=received,
        )
        served.serve(port, lambda url: say(served.describe(url)))
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise _NothingStartedError(
            "The sandbox needs aiohttp: pip install 'dbt-selligent[sandbox]'"
        ) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise click.UsageError(str(error)) from None
        raise _NothingStartedError(
            f"Port {port} is taken: is a sandbox running already? --port {port + 1} takes another"
        ) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
