"""Figures in words."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things, like 1 row or 1,200 rows."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[tuple[int, str]]) -> str:
    """Figures, without those that are 0."""
    return ", ".join(f"{count:,} {what}" for count, what in parts if count)


def stood(status: str, invalid: str) -> str:
    """A status as it is said: where rows are ``invalid``, in words, nothing is just in step."""
    return f"in step but for {invalid}" if status == "in step" and invalid else status
