"""Lists that are being filled are waited for so that a signal is heeded."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Any

import pytest

from dbt_selligent import filling
from dbt_selligent.results import ActivationResult


def test_who_waits_for_a_long_load_looks_up_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a wait has begun a signal is only noted: it is heeded when that wait is over."""
    load: Future[list[ActivationResult]] = Future()
    waits: list[float | None] = []

    def end_after_three(some: Any, timeout: float | None = None) -> Any:
        waits.append(timeout)
        if len(waits) == 3:
            load.set_result([])
        return wait(some, 0)

    monkeypatch.setattr(filling, "wait", end_after_three)
    filling._wait([load])
    assert waits == [filling.SECONDS_AT_A_TIME] * 3
    assert filling.SECONDS_AT_A_TIME <= 1
