"""What is read from the tables of a state."""

from __future__ import annotations

from datetime import datetime

import pytest

from dbt_selligent.stateview import read_time


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-11-26 05:00:00", 0),
        ("2026-11-26 05:00:00.25", 250_000),
        ("2026-11-26 05:00:00.00012", 120),
        ("2026-11-26 05:00:00.123456", 123_456),
    ],
)
def test_a_time_as_engines_write_it(text: str, microsecond: int) -> None:
    assert read_time(text) == datetime(2026, 11, 26, 5, 0, 0, microsecond)  # noqa: DTZ001
