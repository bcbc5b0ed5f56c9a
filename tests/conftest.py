"""How the tests are spread over workers."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class OneSpark(LoadScopeScheduling):  # type: ignore[misc]
    """Each test goes to whichever worker is free, but those on Spark, of each folder, to one, which
    starts it.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0] if "spark" in nodeid else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneSpark | None:
    """In place of marks of groups, which pytest-xdist 3.8 loses with pytest 9.2."""
    return OneSpark(config, log) if config.getvalue("dist") == "load" else None
