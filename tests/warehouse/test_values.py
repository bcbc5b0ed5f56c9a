"""The SQL of values gives on every engine what it gives in DuckDB."""

from __future__ import annotations

import pytest

from .cases import CASES, Case
from .engines import Engine


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_those_of_duckdb(duck: Engine, other: Engine, case: Case) -> None:
    wanted, given = (
        engine.outcomes(case.types[engine.name], case.texts, case.field, case.zone)
        for engine in (duck, other)
    )

    for text, there, here in zip(case.texts, wanted, given, strict=True):
        assert here.reason == there.reason, text
        if here.reason is None:
            assert (here, type(here.settled)) == (there, type(there.settled)), text
