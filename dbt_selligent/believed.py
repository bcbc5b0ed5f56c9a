"""What states believe of a list that was not there, and has just been made."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress

from dbt_selligent.activation import Activation
from dbt_selligent.errors import RunError
from dbt_selligent.findings import where_flags
from dbt_selligent.kept import describe
from dbt_selligent.places import Identity
from dbt_selligent.settings import Settings
from dbt_selligent.stateview import differences
from dbt_selligent.storage import open_storage


def believed_rows(settings: Settings, activations: Sequence[Activation]) -> Iterator[str]:
    """What is to be said, and run, of each state by which rows are in the list of an activation.

    One that cannot be read has no say, nor has one of another list: the next sync starts anew.
    """
    with open_storage(settings) as storage:
        for each in activations:
            destination = settings.destination_named(each.destination)
            place = storage.place(each, destination)
            with suppress(RunError), ExitStack() as held:
                if not place.exists():
                    continue
                held.enter_context(place.hold())
                kept = describe(destination, place, True)
                same = not differences(kept.identity or {}, Identity.of(each, destination))
                if same and (kept.confirmed or kept.in_doubt):
                    flags = where_flags(settings, destination.name)
                    verify = ["dbt-selligent", "verify", "--select", each.name, "--repair", *flags]
                    reset = ["dbt-selligent", "state", "reset", each.name, *flags]
                    yield (
                        f"state of {each.name}: {kept.figures}, and the list is new: "
                        f"`{shlex.join(verify)}` has the next sync send them again, "
                        f"`{shlex.join(reset)}` forgets them"
                    )
