"""What is known of the lists that activations feed: read from Selligent, or remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbt_selligent.activation import Activation
from dbt_selligent.errors import DestinationError, Fault, UnreachableError, nearest
from dbt_selligent.knowledge import Knowledge
from dbt_selligent.reading import Reader, Sleep, get_once, get_with_retries
from dbt_selligent.selligent.client import Client
from dbt_selligent.selligent.lists import Listing
from dbt_selligent.settings import Settings

NAME_OR_MAKE = "write the list's API name; or make it, as `dbt-selligent validate --live` says"


@dataclass
class Catalog:
    """Lists by activation, what hinders them to be read, and what is wrong with them.

    ``known`` is what was learned of each destination, by its name; ``unread``, offline, why a list
    could not be read.
    """

    listings: dict[str, Listing] = field(default_factory=dict)
    errors: dict[str, DestinationError] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    known: dict[str, Knowledge] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    def notes(self, activation: Activation) -> list[str]:
        """What a plan says of how the list is known."""
        why = self.unread.get(activation.unique_id)
        if why is None:
            return []
        if activation.unique_id in self.listings:
            return [f"{why}: the list's fields are those of the last sync"]
        return [f"{why}: no value is checked against the list's fields"]


def read_catalog(
    settings: Settings, activations: Sequence[Activation], sleep: Sleep, *, offline: bool
) -> Catalog:
    """The lists of the activations, each read once.

    Where a list cannot be read that is an error of its activation; ``offline`` it is not tried
    again, and what is remembered is taken in its place.
    """
    catalog = Catalog()
    by_destination: dict[str, list[Activation]] = {}
    for activation in activations:
        by_destination.setdefault(activation.destination, []).append(activation)
    for name, some in by_destination.items():
        destination = settings.destination_named(name)
        known = catalog.known[name] = Knowledge(destination)
        with Client(destination, sleep=sleep) as client:
            reader = Reader(client, sleep, get_once if offline else get_with_retries)
            _read_lists(catalog, known, reader, some, offline)
    return catalog


def _read_lists(
    catalog: Catalog,
    known: Knowledge,
    reader: Reader,
    activations: Sequence[Activation],
    offline: bool,
) -> None:
    there: dict[tuple[str, str | None], Listing | None] = {}
    failed: UnreachableError | None = None
    for each in activations:
        key = (each.list, each.segment)
        remembered = known.listing(each.list)
        try:
            if failed is not None:
                raise failed  # one destination: the next list would fare no better
            if key not in there:
                there[key] = reader.listing(*key)
                if there[key] is None:
                    reader.check_organization()
        except DestinationError as error:
            failed = error if isinstance(error, UnreachableError) else None
            if not offline:
                catalog.errors[each.unique_id] = error
            else:
                catalog.unread[each.unique_id] = (
                    "Selligent cannot be reached" if failed else error.message
                )
                if remembered is not None:
                    catalog.listings[each.unique_id] = remembered
            continue
        listing = there[key]
        if listing is None:
            catalog.faults.append(_no_list(each, reader))
            continue
        catalog.listings[each.unique_id] = listing
        known.remember(listing)
        if each.segment and listing.segment_type not in (None, "Static"):
            catalog.faults.append(
                each.fault(
                    "segment",
                    f"segment {each.segment} is of type {listing.segment_type}",
                    "only static segments take members: name another one",
                )
            )


def _no_list(activation: Activation, reader: Reader) -> Fault:
    try:
        like = nearest(activation.list, reader.names())
    except DestinationError:
        like = None
    if like == activation.list:
        return activation.fault(
            "list",
            f"list {like} is there, and its fields are not",
            "has the key the right on lists/fields?",
        )
    return activation.fault(
        "list",
        f"there is no list {activation.list} in the organization",
        f"did you mean {like}?" if like else NAME_OR_MAKE,
    )
