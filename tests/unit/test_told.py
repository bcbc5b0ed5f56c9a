"""What was told is kept, and of no harm where it cannot be read."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

import pytest

from dbt_selligent import filetold
from dbt_selligent.conditions import Told
from dbt_selligent.errors import LockedError, StateError, WarehouseError
from dbt_selligent.filetold import FILE, BackedMemories, FileMemories
from dbt_selligent.locks import hold
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.told import Memory, Renew, carry_over

NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
FULL = Memory(NOON, NOON, {"1 json": {"failed": NOON.isoformat()}, "2 mailtos": {}})


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    return Destination(
        "dev", "http://127.0.0.1:9", "DEMO", Secret("k"), Secret("s"), tmp_path / "state"
    )


def test_what_is_remembered_is_recalled(destination: Destination) -> None:
    assert FileMemories(destination).recall() == {}

    FileMemories(destination).remember(lambda _: {"crm": FULL})
    FileMemories(destination).remember(lambda _: {"orders": Memory(NOON)})

    assert FileMemories(destination).recall() == {"crm": FULL, "orders": Memory(NOON)}
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

    assert FileMemories(destination).recall() == {}
    FileMemories(destination).remember(lambda _: {"crm": FULL})
    assert FileMemories(destination).recall() == {"crm": FULL}


def test_a_condition_of_another_version_is_not_recalled(destination: Destination) -> None:
    destination.folder.mkdir(parents=True)
    (destination.folder / FILE).write_text(
        '{"crm": {"watched": "2026-05-01T12:00:00+00:00", "complete": null, '
        '"told": {"1 json": {"slow": "2026-05-01T12:00:00+00:00"}}}}'
    )

    assert FileMemories(destination).recall() == {"crm": Memory(NOON, None, {"1 json": {}})}


def one(name: str, _: Mapping[str, Memory]) -> dict[str, Memory]:
    return {name: FULL}


def test_what_is_kept_is_made_of_what_was_kept_last(destination: Destination) -> None:
    FileMemories(destination).remember(lambda _: {"crm": Memory(NOON)})

    def renew(kept: Mapping[str, Memory]) -> dict[str, Memory]:
        assert kept == {"crm": Memory(NOON)}
        return {"crm": FULL}

    FileMemories(destination).remember(renew)
    assert FileMemories(destination).recall() == {"crm": FULL}


def test_side_by_side_nothing_is_lost(destination: Destination) -> None:
    names = [f"a{number}" for number in range(8)]
    threads = [
        threading.Thread(target=FileMemories(destination).remember, args=(partial(one, name),))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert FileMemories(destination).recall() == dict.fromkeys(names, FULL)


class Place:
    """Another place, which may be out of reach."""

    where = "elsewhere"

    def __init__(self) -> None:
        self.kept: dict[str, Memory] = {}
        self.lost = False

    def recall(self) -> dict[str, Memory]:
        self._reach()
        return dict(self.kept)

    def remember(self, renew: Renew) -> None:
        self._reach()
        renewed = renew(self.kept)
        kept = {**self.kept, **renewed}
        self.kept = {name: memory for name, memory in kept.items() if memory}

    def _reach(self) -> None:
        if self.lost:
            raise WarehouseError("no answer")


def test_what_cannot_be_kept_elsewhere_is_in_the_file_until_it_can(
    destination: Destination,
) -> None:
    place, file = Place(), FileMemories(destination)

    def memories() -> BackedMemories:
        return BackedMemories(place, file)

    memories().remember(lambda _: {"crm": FULL, "orders": Memory(NOON)})
    assert (file.exists(), place.kept) == (False, {"crm": FULL, "orders": Memory(NOON)})

    place.lost = True
    said = f"no answer; {FILE}, on this machine, has it meanwhile"
    for read_before in (True, False):
        found = memories()
        assert not read_before or found.recall() == file.recall()
        with pytest.raises(StateError, match=said):
            found.remember(lambda _: {"crm": Memory(NOON)})
        assert file.recall() == {"crm": Memory(NOON)}

    place.lost = False
    both = {"crm": FULL, "orders": Memory(NOON)}
    assert memories().recall() == both
    memories().remember(lambda kept: {"mails": kept["crm"]})
    assert place.kept == {**both, "mails": FULL}
    assert not file.exists()


def at(hour: int) -> datetime:
    return NOON.replace(hour=hour)


def told(**marks: int) -> dict[str, Told]:
    return {"1 json": {mark: at(hour).isoformat() for mark, hour in marks.items()}}


@pytest.mark.parametrize(
    ("kept", "left", "both"),
    [
        # An outage that nobody knew the past in: it is the past that counts.
        (
            Memory(at(1), at(9), told(stale=8)),
            Memory(at(12), None, told(failed=12)),
            Memory(at(1), at(9), told(stale=8, failed=12)),
        ),
        # Another machine has been well since.
        (
            Memory(at(1), at(14), {}),
            Memory(at(5), at(6), told(failed=12)),
            Memory(at(1), at(14), told()),
        ),
        # What was read could not be written, of a run that was well.
        (
            Memory(at(1), at(9), told(failed=10)),
            Memory(at(1), at(11), told()),
            Memory(at(1), at(11), told()),
        ),
        # Both told it, and it holds.
        (
            Memory(at(1), at(13), told(rejected=3)),
            Memory(at(1), at(4), told(rejected=5)),
            Memory(at(1), at(13), told(rejected=5)),
        ),
    ],
    ids=["unknown past", "well elsewhere", "well here", "told twice"],
)
def test_what_was_told_during_an_outage_is_joined_with_what_there_was(
    destination: Destination, kept: Memory, left: Memory, both: Memory
) -> None:
    place, file = Place(), FileMemories(destination)
    place.kept = {"crm": kept}
    file.remember(lambda _: {"crm": left, "orders": left})
    assert BackedMemories(place, file).recall() == {"crm": both, "orders": left}
    BackedMemories(place, file).remember(lambda found: {"mails": found["crm"]})
    assert place.kept == {"crm": both, "orders": left, "mails": both}


def test_an_entry_that_cannot_be_read_costs_no_other(destination: Destination) -> None:
    file = FileMemories(destination)
    file.remember(lambda _: {"crm": FULL, "orders": FULL})
    content = json.loads((destination.folder / FILE).read_text())
    content["orders"]["told"] = {"1 json": {"failed": "yesterday"}}
    (destination.folder / FILE).write_text(json.dumps(content))
    assert file.recall() == {"crm": FULL}


def test_who_stands_still_with_the_file_is_not_waited_for_for_ever(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filetold, "SECONDS_TO_WAIT", 0.05)
    with hold(destination.folder / f"{FILE}.lock", "the warnings"), pytest.raises(LockedError):
        FileMemories(destination).remember(lambda _: {"crm": FULL})


def test_what_was_read_counts_where_it_cannot_be_written(destination: Destination) -> None:
    place = Place()
    place.kept = {"crm": FULL}
    memories = BackedMemories(place, FileMemories(destination))
    assert memories.recall() == {"crm": FULL}
    place.lost = True
    with pytest.raises(StateError):
        memories.remember(lambda kept: {"crm": kept["crm"]})
    assert FileMemories(destination).recall() == {"crm": FULL}


def test_what_was_told_under_two_names_is_told_of_the_new_one(destination: Destination) -> None:
    later = NOON.replace(hour=13)
    memories = FileMemories(destination)
    memories.remember(carry_over("crm", "people"))
    assert memories.recall() == {}

    memories.remember(lambda _: {"crm": FULL, "mails": FULL})
    memories.remember(carry_over("crm", "people"))
    assert memories.recall() == {"people": FULL, "mails": FULL}

    since = later.isoformat()
    memories.remember(
        lambda _: {"people": Memory(later, None, {"1 json": {"guard": since}, "3 slack": {}})}
    )
    memories.remember(carry_over("mails", "people"))
    told: dict[str, Told] = {
        "1 json": {"failed": NOON.isoformat(), "guard": since},
        "2 mailtos": {},
        "3 slack": {},
    }
    assert memories.recall() == {"people": Memory(NOON, NOON, told)}
