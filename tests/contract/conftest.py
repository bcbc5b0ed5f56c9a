"""The houses and their worlds, each made once in a session, and emptied for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from functional.conftest import EXPOSURES, empty, new_sandbox, parse, write_project
from functional.conftest import _no_dbt_variables as _no_dbt_variables
from sandbox.conformance import assert_conforms

from contract.house import House
from contract.houses import ENGINES, HOUSES
from contract.world import LISTS, MODELS, World

Open = Callable[[str], tuple[House, Path]]


# Of the folder alone: there can be one Spark in a process, and tests/warehouse has another.
@pytest.fixture(scope="package")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens a house of an engine, and a project in it that dbt has parsed."""
    with ExitStack() as stack:

        @cache
        def opened(engine: str) -> tuple[House, Path]:
            folder = tmp_path_factory.mktemp(engine)
            house = stack.enter_context(HOUSES[engine](folder))
            write_project(folder / "project", EXPOSURES, MODELS, house.profile())
            return house, parse(folder / "project")

        yield opened


@pytest.fixture(params=ENGINES)
def house(request: pytest.FixtureRequest, open_house: Open) -> House:
    """An empty warehouse of each engine."""
    found, _ = open_house(request.param)
    found.forget()
    return found


@pytest.fixture
def world(house: House, open_house: Open, tmp_path: Path) -> Iterator[World]:
    """The shop, empty: no table, no state, nothing in Selligent."""
    _, folder = open_house(house.name)
    sandbox = new_sandbox(lists=LISTS)
    empty(folder)
    with sandbox.running() as url:
        made = World(folder, sandbox, url, house=house, aside=tmp_path)
        made.profile()
        yield made
        # Whatever a test is about, every request and every answer is as the API describes it.
        assert_conforms(sandbox)
