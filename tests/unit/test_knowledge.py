"""What was learned of a destination: kept, and of no harm where it cannot be read."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from dbt_selligent.knowledge import FILE, Knowledge, Learned
from dbt_selligent.locks import TEMPORARY
from dbt_selligent.profiles import Destination, Secret
from dbt_selligent.selligent.calls import APPLIED, Call
from dbt_selligent.selligent.lists import Field, Listing

LISTING = Listing(
    "CUSTOMERS",
    (
        Field("ID", "Long", allow_null=False),
        Field("MAIL", "Text", length=100),
        Field("GENDER", "Text", content="Single", optionlist="GENDERS", options=("F", "M")),
        Field("AGE", "Numeric", content="ComputedPersisted"),
    ),
    "Static",
)


def destination(state: Path, **changes: Any) -> Destination:
    given: dict[str, Any] = {
        "name": "dev",
        "url": "https://acme.slgnt.eu",
        "organization": "ACME",
        **changes,
    }
    return Destination(**given, api_key=Secret("key"), api_secret=Secret("secret"), state=state)


def path_in(state: Path) -> Path:
    return state / "dev" / FILE


def learn(state: Path) -> Knowledge:
    knowledge = Knowledge(destination(state))
    knowledge.learn_base(1)
    knowledge.learn_counts(Call.UPSERT, frozenset({"duplicate"}))
    knowledge.learn_counts(Call.UPSERT, frozenset({""}))
    knowledge.learn_rows("CUSTOMERS", 7000)
    knowledge.remember(LISTING)
    knowledge.save()
    return knowledge


def test_of_a_destination_that_is_new_what_is_documented_is_known(tmp_path: Path) -> None:
    knowledge = Knowledge(destination(tmp_path))

    assert knowledge.learned == Learned(None, APPLIED, {})
    assert knowledge.listing("CUSTOMERS") is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_learned_is_known_the_next_time(tmp_path: Path) -> None:
    before = learn(tmp_path)

    after = Knowledge(destination(tmp_path))

    assert after.learned == before.learned
    assert after.learned.index_base == 1
    assert after.learned.applied == {
        **APPLIED,
        Call.UPSERT: APPLIED[Call.UPSERT] | {"duplicate", ""},
    }
    assert after.learned.rows == {"CUSTOMERS": 7000}
    assert after.listing("CUSTOMERS") == LISTING
    assert after.listing("OTHERS") is None


def test_the_last_word_holds(tmp_path: Path) -> None:
    knowledge = learn(tmp_path)
    knowledge.learn_base(None)
    knowledge.learn_rows("CUSTOMERS", 5)
    knowledge.remember(Listing("CUSTOMERS", ()))
    knowledge.save()

    after = Knowledge(destination(tmp_path))

    assert (after.learned.index_base, after.learned.rows) == (None, {"CUSTOMERS": 5})
    assert after.listing("CUSTOMERS") == Listing("CUSTOMERS", ())


def test_what_is_documented_is_not_changed_by_what_is_learned(tmp_path: Path) -> None:
    documented = dict(APPLIED)
    learn(tmp_path)

    assert documented == APPLIED
    assert Knowledge(destination(tmp_path / "other")).learned.applied == documented


@pytest.mark.parametrize(
    "changes", [{"url": "https://other.slgnt.eu"}, {"organization": "OTHER"}, {"name": "prod"}]
)
def test_of_another_destination_it_says_nothing(tmp_path: Path, changes: dict[str, str]) -> None:
    learn(tmp_path)

    other = Knowledge(destination(tmp_path, **changes))

    assert other.learned == Learned()
    assert other.listing("CUSTOMERS") is None


def change(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_text("[]"),
        lambda path: path.write_text("null"),
        lambda path: path.write_text("{}"),
        lambda path: change(path, applied=None),
        lambda path: change(path, rows=[]),
        lambda path: change(path, rows={"CUSTOMERS": "many"}),
        lambda path: change(path, speeds=[]),
        lambda path: change(path, speeds={"CUSTOMERS": "fast"}),
        lambda path: change(path, lists={"CUSTOMERS": {}}),
        lambda path: change(path, lists={"CUSTOMERS": {"name": "X", "fields": [{"no": 1}]}}),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, damage: Any) -> None:
    learn(tmp_path)
    damage(path_in(tmp_path))

    knowledge = Knowledge(destination(tmp_path))

    assert knowledge.learned == Learned()
    assert knowledge.listing("CUSTOMERS") is None


@pytest.mark.parametrize("base", [2, -1, "1", None, [1]])
def test_a_base_that_is_none_is_not_believed(tmp_path: Path, base: object) -> None:
    learn(tmp_path)
    change(path_in(tmp_path), index_base=base)

    assert Knowledge(destination(tmp_path)).learned.index_base is None


def test_it_is_written_beside_the_state_whole_or_not_at_all(tmp_path: Path) -> None:
    learn(tmp_path)

    assert [path.name for path in path_in(tmp_path).parent.iterdir()] == [FILE]
    assert stat.S_IMODE(path_in(tmp_path).parent.stat().st_mode) == 0o700
    assert "key" not in json.loads(path_in(tmp_path).read_text())
    assert "secret" not in path_in(tmp_path).read_text()


def test_where_it_cannot_be_written_nothing_is_lost_but_what_was_learned(tmp_path: Path) -> None:
    learn(tmp_path)
    path_in(tmp_path).unlink()
    path_in(tmp_path).mkdir()

    learn(tmp_path)

    assert Knowledge(destination(tmp_path)).learned == Learned()


def test_threads_learn_and_save_side_by_side(tmp_path: Path) -> None:
    knowledge = Knowledge(destination(tmp_path))
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for n in range(50):
            knowledge.learn_rows(f"L{number}", n + 1)
            knowledge.learn_counts(list(Call)[number], frozenset({f"kind{n}"}))
            knowledge.remember(Listing(f"L{number}-{n}", ()))
        knowledge.save()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    after = Knowledge(destination(tmp_path))
    assert after.learned == knowledge.learned
    assert after.learned.rows == {f"L{n}": 50 for n in range(4)}
    assert [len(after.learned.applied[call] - APPLIED[call]) for call in list(Call)[:4]] == [50] * 4
    missing = [(a, b) for a in range(4) for b in range(50) if not after.listing(f"L{a}-{b}")]
    assert missing == []


def test_what_a_killed_process_left_half_written_is_gone_with_the_next(tmp_path: Path) -> None:
    left = path_in(tmp_path).parent / f"{TEMPORARY}killed"
    left.mkdir(parents=True)
    (left / FILE).write_text("{")
    learn(tmp_path).save()
    assert sorted(path.name for path in path_in(tmp_path).parent.iterdir()) == [FILE]


@pytest.mark.parametrize(("rows", "seconds"), [(2499, 1.0), (5000, 0.0)])
def test_of_a_few_rows_no_speed_is_learned(tmp_path: Path, rows: int, seconds: float) -> None:
    knowledge = learn(tmp_path)
    knowledge.learn_speed("CUSTOMERS", rows, seconds)

    assert knowledge.learned.speeds == {}


def test_the_speed_of_many_rows_is_known_the_next_time(tmp_path: Path) -> None:
    knowledge = learn(tmp_path)
    knowledge.learn_speed("CUSTOMERS", 2500, 2.0)
    knowledge.learn_speed("CUSTOMERS", 100, 50.0)
    knowledge.learn_speed("ORDERS", 9000, 3.0)
    knowledge.save()

    after = Knowledge(destination(tmp_path))

    assert after.learned.speeds == {"CUSTOMERS": 1250.0, "ORDERS": 3000.0}


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_not_believed(tmp_path: Path, speed: float) -> None:
    learn(tmp_path)
    change(path_in(tmp_path), speeds={"CUSTOMERS": speed, "ORDERS": 10})

    assert Knowledge(destination(tmp_path)).learned.speeds == {"ORDERS": 10.0}
