"""The first call of a set-up: whether a Selligent answers that knows the organization."""

from __future__ import annotations

from collections.abc import Callable

from dbt_selligent.errors import UnreachableError
from dbt_selligent.localsandbox import is_local, start_command
from dbt_selligent.profiles import Destination
from dbt_selligent.questions import Ask, Say, ask_start
from dbt_selligent.reading import get_once, get_with_retries, refuse
from dbt_selligent.selligent.client import Client

DEBUG = "run `dbt-selligent debug`, then this again"


def reach(
    client: Client,
    destination: Destination,
    sleep: Callable[[float], None],
    say: Say,
    ask: Ask | None,
) -> None:
    """Raises UnreachableError, RefusedError where the organization cannot be read.

    Of a wrong one, no list is there either: it is not the list that is missing then.
    """
    local = is_local(destination.url)
    while True:
        try:
            # Whoever is asked need not wait: it is they who start it.
            answer = (get_once if ask and local else get_with_retries)(client.organization, sleep)
        except UnreachableError as error:
            if ask and local and ask_start(ask, destination.url, say):
                continue
            start = f"start one with {start_command(destination.url)}, then run this again"
            raise UnreachableError(
                f"{destination.url}: {error.message}", start if local else DEBUG
            ) from None
        if answer.status != 200:
            raise refuse(answer, f"organization {destination.organization}")
        return
