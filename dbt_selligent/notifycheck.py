"""Whether warnings reach someone: what `validate` and `debug` say of the addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from dbt_selligent.activation import Activation
from dbt_selligent.addresses import addresses_of, check_address, deliver
from dbt_selligent.checks import Check
from dbt_selligent.errors import DbtSelligentError
from dbt_selligent.findings import Advice
from dbt_selligent.message import Message
from dbt_selligent.profiles import Destination
from dbt_selligent.selection import list_activations
from dbt_selligent.settings import Settings

NAME_SOME = (
    "name addresses there, like `notify: [mailtos://user:password@host]`: `dbt-selligent debug "
    "--notify` tries them"
)
NOT_TAKEN = "is the address right, and is the service reached from this machine?"


def find_untold(settings: Settings, activations: Sequence[Activation]) -> list[Advice]:
    """Activations that ask for warnings where there is no address."""
    return [
        Advice(
            f"warnings of {each.name}",
            f"nobody is told: output {each.destination} has no `notify:`",
            f"{NAME_SOME}; or take `warnings:` out",
        )
        for each in activations
        if each.warnings and not settings.destination_named(each.destination).notify
    ]


def find_wrong(settings: Settings, destination: Destination) -> dict[str, DbtSelligentError]:
    """What is wrong with addresses, by their keys."""
    wrong: dict[str, DbtSelligentError] = {}
    for address in addresses_of(destination):
        try:
            check_address(settings, destination, address)
        except DbtSelligentError as error:
            wrong[address.key] = error
    return wrong


def check_notify(resolve: Callable[[], Settings], *, send: bool) -> Iterator[Check]:
    """What `debug` says of the addresses; with ``send``, each is sent a message."""
    try:
        settings = resolve()
        activations = list_activations(settings)
    except DbtSelligentError:
        return  # as the checks before have told
    for advice in find_untold(settings, activations):
        yield Check(advice.about, "note", advice.said, advice.mend)
    for name in dict.fromkeys(each.destination for each in activations):
        some = [each.name for each in activations if each.destination == name and each.warnings]
        yield from _check_destination(settings, settings.destination_named(name), some, send)


def _check_destination(
    settings: Settings, destination: Destination, warned: Sequence[str], send: bool
) -> Iterator[Check]:
    listed = addresses_of(destination)
    if send and not listed:
        yield Check(f"notify at {destination.name}", "FAIL", "there is no address", NAME_SOME)
    wrong = find_wrong(settings, destination)
    test = Message(
        f"dbt-selligent: a test message ({destination.name})",
        "Sent by `dbt-selligent debug --notify`. Warnings that come here: "
        f"of {', '.join(warned) or 'no activation yet'}.",
        "success",
    )
    right = [(address, test) for address in listed if address.key not in wrong]
    refused = deliver(right) if send else {}
    for address in listed:
        what = f"{address} at {destination.name}"
        if error := wrong.get(address.key):
            yield Check(what, "FAIL", error.message, error.next_step)
        elif why := refused.get(address.key):
            yield Check(what, "FAIL", why, NOT_TAKEN)
        else:
            yield Check(what, "ok", "sent" if send else "understood")
