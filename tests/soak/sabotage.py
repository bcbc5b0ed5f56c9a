"""A product that breaks its promises on purpose, so that it is seen that the checks see it."""

from __future__ import annotations

from typing import Any


def forget_doubt() -> None:
    """Rows are not said to be sent before they are."""
    from dbt_selligent.accounts import Accounts
    from dbt_selligent.spans import Outcome

    note = Accounts.note

    def noted(accounts: Accounts, batch: Any, outcome: Outcome) -> None:
        if outcome is not Outcome.SENT:
            note(accounts, batch, outcome)

    Accounts.note = noted  # type: ignore[method-assign,assignment]


def flush_late() -> None:
    """What is said of rows becomes durable at the end, and not before they are sent."""
    from dbt_selligent.delivery import Delivery

    def skipped(delivery: Delivery) -> None:
        delivery._durable = len(delivery._ahead)

    land = Delivery._land

    def landed(delivery: Delivery) -> None:
        Delivery._flush = flush  # type: ignore[method-assign]
        land(delivery)
        Delivery._flush = skipped  # type: ignore[method-assign,assignment]

    flush = Delivery._flush
    Delivery._flush = skipped  # type: ignore[method-assign,assignment]
    Delivery._land = landed  # type: ignore[method-assign,assignment]


def hope() -> None:
    """Rows are said to be answered when they are sent."""
    from dbt_selligent.accounts import Accounts
    from dbt_selligent.spans import Outcome

    note = Accounts.note

    def noted(accounts: Accounts, batch: Any, outcome: Outcome) -> None:
        note(accounts, batch, Outcome.ANSWERED if outcome is Outcome.SENT else outcome)

    Accounts.note = noted  # type: ignore[method-assign,assignment]


BY_NAME = {each.__name__: each for each in (forget_doubt, flush_late, hope)}
