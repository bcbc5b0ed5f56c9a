"""What was told is kept, and of no harm where it cannot be read."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.told import FILE, Memory, recall, remember

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
FULL = Memory(NOON, NOON, {"1 json": {"failed": NOON.isoformat()}, "2 mailtos": {}})


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    return Destination(
        "dev", "http://127.0.0.1:9", "DEMO", Secret("k"), Secret("s"), tmp_path / "state"
    )


def test_what_is_remembered_is_recalled(destination: Destination) -> None:
    assert recall(destination) == {}

    remember(destination, lambda _: {"crm": FULL})
    remember(destination, lambda _: {"orders": Memory(NOON)})

    assert recall(destination) == {"crm": FULL, "orders": Memory(NOON)}
    assert sorted(path.name for path in destination.folder.iterdir()) == [FILE, f"{FILE}.lock"]
    assert (destination.folder / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"crm": []}',
        '{"crm": {}}',
        '{"crm": {"watched": "today", "complete": null, "told": {}}}',
        '{"crm": {"watched": "2026-05-01T12:00:00", "complete": null, "told": {}}}',
        '{"crm": {"watched": "2026-05-01T12:00:00+00:00", "complete": 1, "told": {}}}',
        '{"crm": {"watched": "2026-05-01T12:00:00+00:00", "complete": null, "told": {"1": 1}}}',
        "\ud83d",
    ],
)
def test_a_file_that_cannot_be_read_is_as_good_as_none(destination: Destination, text: str) -> None:
    destination.folder.mkdir(parents=True)
    (destination.folder / FILE).write_bytes(text.encode("utf-8", "surrogatepass"))

    assert recall(destination) == {}
    remember(destination, lambda _: {"crm": FULL})
    assert recall(destination) == {"crm": FULL}


def test_a_condition_of_another_version_is_not_recalled(destination: Destination) -> None:
    destination.folder.mkdir(parents=True)
    (destination.folder / FILE).write_text(
        '{"crm": {"watched": "2026-05-01T12:00:00+00:00", "complete": null, '
        '"told": {"1 json": {"slow": "2026-05-01T12:00:00+00:00"}}}}'
    )

    assert recall(destination) == {"crm": Memory(NOON, None, {"1 json": {}})}


def one(name: str, _: Mapping[str, Memory]) -> dict[str, Memory]:
    return {name: FULL}


def test_what_is_kept_is_made_of_what_was_kept_last(destination: Destination) -> None:
    remember(destination, lambda _: {"crm": Memory(NOON)})

    def renew(kept: Mapping[str, Memory]) -> dict[str, Memory]:
        assert kept == {"crm": Memory(NOON)}
        return {"crm": FULL}

    remember(destination, renew)
    assert recall(destination) == {"crm": FULL}


def test_side_by_side_nothing_is_lost(destination: Destination) -> None:
    names = [f"a{number}" for number in range(8)]
    threads = [
        threading.Thread(target=remember, args=(destination, partial(one, name))) for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert recall(destination) == dict.fromkeys(names, FULL)
