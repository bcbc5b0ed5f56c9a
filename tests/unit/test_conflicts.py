"""Where two activations of one list undo what the other did."""

from __future__ import annotations

import pytest

from dbt_selligent.conflicts import Writer, find_conflicts
from dbt_selligent.manifest import Exposure

ONE_ONLY = "one activation only may write a field of a list"
ONE_SEGMENT = "one activation only may decide who its members are"
NO_OTHER = "beside an activation that deletes there can be no other"

Told = tuple[str, str, str, str]


def writer(
    name: str,
    fields: str = "",
    *,
    destination: str | None = "dev",
    list_name: str = "L",
    segment: str | None = None,
    deletes: bool = False,
) -> Writer:
    """An activation of a file of its own."""
    exposure = Exposure(f"exposure.shop.{name}", name, "shop", f"{name}.yml", (), (), {})
    return Writer(exposure, destination, list_name, fields.split(), segment, deletes)


def told(*writers: Writer) -> list[Told]:
    """Exposure, key, problem and mend; each names its file."""
    faults = find_conflicts(writers)
    assert [fault for fault in faults if fault.file != f"{fault.exposure}.yml"] == []
    return [(fault.exposure, fault.key, fault.problem, fault.mend) for fault in faults]


def test_none_where_there_is_no_other() -> None:
    assert told() == []
    assert told(writer("a", "X Y", segment="S", deletes=True)) == []


def test_other_fields_of_one_list() -> None:
    assert told(writer("a", "X"), writer("b", "Y", segment="S")) == []


@pytest.mark.parametrize(
    "other",
    [
        writer("b", "X", list_name="M", segment="S", deletes=True),
        writer("b", "X", destination="prod", segment="S", deletes=True),
        writer("b", "X", destination=None, segment="S", deletes=True),
    ],
)
def test_another_list_or_destination(other: Writer) -> None:
    assert told(writer("a", "X", segment="S", deletes=True), other) == []


def test_one_field_whatever_its_case() -> None:
    assert told(writer("a", "X Y"), writer("b", "Z y", list_name="l")) == [
        ("a", "fields.Y", "also written to list L by b", ONE_ONLY),
        ("b", "fields.y", "also written to list l by a", ONE_ONLY),
    ]


def test_each_of_three_names_the_others() -> None:
    assert told(*(writer(name, "X") for name in "abc")) == [
        ("a", "fields.X", "also written to list L by b, c", ONE_ONLY),
        ("b", "fields.X", "also written to list L by a, c", ONE_ONLY),
        ("c", "fields.X", "also written to list L by a, b", ONE_ONLY),
    ]


def test_one_segment() -> None:
    writers = [writer("a", segment="S"), writer("b", segment="S"), writer("c", segment="T")]

    assert told(*writers) == [
        ("a", "segment", "S is also the segment of b", ONE_SEGMENT),
        ("b", "segment", "S is also the segment of a", ONE_SEGMENT),
    ]


def test_one_that_deletes_stands_alone() -> None:
    deletes = ("deletes records of list L, which is also fed by", NO_OTHER)

    assert told(writer("a", "X", deletes=True), writer("b", "Y"), writer("c", segment="S")) == [
        ("a", "removed", f"{deletes[0]} b, c", NO_OTHER)
    ]
    assert told(writer("a", deletes=True), writer("b", deletes=True)) == [
        ("a", "removed", f"{deletes[0]} b", NO_OTHER),
        ("b", "removed", f"{deletes[0]} a", NO_OTHER),
    ]


def test_all_that_is_wrong_is_told() -> None:
    writers = [writer("a", "X", segment="S", deletes=True), writer("b", "X", segment="S")]

    assert [(name, key) for name, key, _, _ in told(*writers)] == [
        ("a", "fields.X"),
        ("a", "segment"),
        ("a", "removed"),
        ("b", "fields.X"),
        ("b", "segment"),
    ]
