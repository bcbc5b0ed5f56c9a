"""The addresses of a destination, which apprise reaches: mail, chats, webhooks, and many more.

They hold tokens. What is said of one is its place in the profile and its scheme, and no more.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_selligent.errors import ProfileError, RunError, nearest
from dbt_selligent.message import Message
from dbt_selligent.profiles import PROFILE, Destination, Secret
from dbt_selligent.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise

# For all addresses together, which are tried at once; apprise itself waits 4 seconds for each
# connection and each answer, unless the address says `?cto=` and `?rto=`.
MOST_SECONDS = 30.0
SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,19}"
# What these say holds addresses and tokens, at one level or another.
TALKATIVE = ("apprise", "urllib3.connectionpool", "requests_oauthlib.oauth1_auth")
_hushed = ContextVar("hushed", default=False)


@dataclass(frozen=True)
class Address:
    """One address, the ``number``-th of its destination."""

    number: int
    scheme: str
    url: Secret

    def __str__(self) -> str:
        """How it is told of."""
        return f"notify {self.number} ({self.scheme or 'no scheme'})"

    @property
    def key(self) -> str:
        """By what it is remembered; a new token in its place is no new address."""
        return f"{self.number} {self.scheme}"


class MissingAppriseError(RunError):
    """The library that knows the services is not installed."""

    default_step = "pip install 'dbt-selligent[notify]'"

    def __init__(self) -> None:
        super().__init__("apprise, which sends warnings, is not installed")


def addresses_of(destination: Destination) -> tuple[Address, ...]:
    """The addresses of a destination, in their order."""
    return tuple(
        Address(number, _scheme(url.reveal()), url)
        for number, url in enumerate(destination.notify, 1)
    )


def check_address(settings: Settings, destination: Destination, address: Address) -> None:
    """Raises ProfileError where apprise does not understand an address, MissingAppriseError."""
    try:
        with _hush():
            _open(address)
    except ProfileError as wrong:
        where = f"{settings.profiles_dir / 'profiles.yml'}: profile {PROFILE}, output"
        message = f"{where} {destination.name}: {address}: {wrong.message}"
        raise ProfileError(message, wrong.next_step) from None


def deliver(
    messages: Sequence[tuple[Address, Message]], seconds: float = MOST_SECONDS
) -> Mapping[str, str]:
    """Sends each message to its address, all at once; why one was not taken, by key of its address.

    Takes no longer than ``seconds``: what is still under way then counts as not taken.
    """
    outcomes: dict[str, str | None] = {}

    def send(service: Apprise, key: str, message: Message) -> None:
        try:
            with _hush():
                taken = service.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=message.tone,
                    body_format="text",
                )
            outcomes[key] = None if taken else "the message was not taken"
        except Exception as error:  # noqa: BLE001  (whatever a service raises: it may hold tokens)
            outcomes[key] = type(error).__name__

    # Nobody waits at the end of the process for one that hangs, as for those of a pool.
    threads = []
    for address, message in messages:
        try:
            with _hush():
                sent = (_open(address), address.key, message)
        except (ProfileError, MissingAppriseError) as error:
            outcomes[address.key] = f"{error.message} ({error.next_step})"
            continue
        threads.append(threading.Thread(target=send, args=sent, daemon=True))
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    found = dict(outcomes)
    late = f"no answer within {seconds:g} s"
    told = {address.key: found.get(address.key, late) for address, _ in messages}
    return {key: why for key, why in told.items() if why is not None}


def _open(address: Address) -> Apprise:
    try:
        # A quarter of a second, which only those spend who have something to tell.
        from apprise import Apprise, AppriseAsset, NotificationManager
    except ImportError:
        raise MissingAppriseError from None
    # Without a limit of its own a service runs in the thread that calls it.
    service = Apprise(asset=AppriseAsset(app_id="dbt-selligent", service_timeout=0))
    if not service.add(address.url.reveal()):
        like = nearest(address.scheme, list(NotificationManager().schemas()))
        known = like == address.scheme.lower()
        mend = "write it as the page of the service in apprise's docs says" if known else (
            f"did you mean {like}://?" if like else "write it like mailtos://user:password@host"
        )  # fmt: skip
        raise ProfileError("not an address that apprise understands", mend)
    if len(service) > 1:
        raise ProfileError(f"{len(service)} addresses in one", "list each apart")
    return service


def _scheme(url: str) -> str:
    scheme, there, _ = url.partition("://")
    return scheme.lower() if there and re.fullmatch(SCHEME, scheme) else ""


@contextmanager
def _hush() -> Iterator[None]:
    """No log of this process is told what libraries say meanwhile in this thread."""
    for name in TALKATIVE:
        logging.getLogger(name).addFilter(_is_of_others)  # once, however often it is added
    before = _hushed.set(True)
    try:
        yield
    finally:
        _hushed.reset(before)


def _is_of_others(_: logging.LogRecord) -> bool:
    return not _hushed.get()
