"""The groups of a delta: which rows go together, and with which fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.activation import Activation
from dbt_selligent.groups import Group, make_groups
from dbt_selligent.manifest import Model

FIELDS = ["A", "B", "C"]
MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")


def make(send: str = "changed", max_groups: int = 50) -> Activation:
    return Activation(
        name="crm",
        unique_id="exposure.shop.crm",
        file="models/crm.yml",
        tags=(),
        model=MODEL,
        destination="dev",
        list="L",
        keys=(("ID", "id"),),
        fields=tuple((field, field.lower()) for field in FIELDS),
        send="all" if send == "all" else "changed",
        max_groups=max_groups,
    )


def test_nothing_to_send() -> None:
    assert make_groups(make(), FIELDS, {"invalid": 3, "removed": 2, "model": 9}, {}) == ((), 0)


def test_new_rows_and_those_in_doubt_go_whole_and_first() -> None:
    groups, folded = make_groups(make(), FIELDS, {"new": 3, "again": 2, "changed": 4}, {"010": 4})

    assert groups == (
        Group(0, (("new", ""), ("again", "")), ("A", "B", "C"), False, 5),
        Group(1, (("changed", "010"),), ("B",), True, 4),
    )
    assert folded == 0


@pytest.mark.parametrize("kind", ["new", "again"])
def test_one_kind_of_whole_rows(kind: str) -> None:
    groups, _ = make_groups(make(), FIELDS, {kind: 3}, {})

    assert groups == (Group(0, ((kind, ""),), ("A", "B", "C"), False, 3),)


def test_the_largest_come_first_and_equals_by_their_fields() -> None:
    masks = {"111": 1, "001": 5, "100": 7, "010": 5, "110": 5}

    groups, _ = make_groups(make(), FIELDS, {"changed": 23}, masks)

    assert [(group.number, group.fields, group.rows) for group in groups] == [
        (0, ("A",), 7),
        (1, ("C",), 5),
        (2, ("B",), 5),
        (3, ("A", "B"), 5),
        (4, ("A", "B", "C"), 1),
    ]


def test_beyond_max_groups_the_rarest_go_whole() -> None:
    masks = {"100": 9, "010": 8, "001": 2, "110": 1}

    groups, folded = make_groups(make(max_groups=3), FIELDS, {"changed": 20}, masks)

    assert groups == (
        Group(0, (("changed", "100"),), ("A",), True, 9),
        Group(1, (("changed", "010"),), ("B",), True, 8),
        Group(2, (("changed", "001"), ("changed", "110")), ("A", "B", "C"), True, 3),
    )
    assert folded == 3


def test_as_many_groups_as_max_groups_stay_apart() -> None:
    masks = {"100": 9, "010": 8, "001": 2}

    groups, folded = make_groups(make(max_groups=3), FIELDS, {"changed": 19}, masks)

    assert [group.rows for group in groups] == [9, 8, 2]
    assert folded == 0


def test_one_group_at_most() -> None:
    masks = {"100": 9, "010": 8}

    groups, folded = make_groups(make(max_groups=1), FIELDS, {"changed": 17}, masks)

    assert groups == (
        Group(0, (("changed", "100"), ("changed", "010")), ("A", "B", "C"), True, 17),
    )
    assert folded == 17


def test_send_all_sends_every_field_of_a_changed_row() -> None:
    masks = {"100": 9, "010": 8}

    groups, folded = make_groups(
        make("all", max_groups=1), FIELDS, {"new": 1, "changed": 17}, masks
    )

    assert groups == (
        Group(0, (("new", ""),), ("A", "B", "C"), False, 1),
        Group(1, (("changed", "100"), ("changed", "010")), ("A", "B", "C"), True, 17),
    )
    assert folded == 0


@given(
    masks=st.dictionaries(
        st.tuples(*[st.sampled_from("01")] * 3).map("".join).filter(lambda mask: "1" in mask),
        st.integers(1, 9),
    ),
    kinds=st.dictionaries(st.sampled_from(["new", "again"]), st.integers(0, 5)),
    send=st.sampled_from(["changed", "all"]),
    max_groups=st.integers(1, 8),
    data=st.data(),
)
def test_every_row_is_in_one_group_however_the_figures_come(
    masks: dict[str, int], kinds: dict[str, int], send: str, max_groups: int, data: st.DataObject
) -> None:
    activation, by_kind = make(send, max_groups), {**kinds, "changed": sum(masks.values())}

    groups, folded = make_groups(activation, FIELDS, by_kind, masks)

    given_kinds = sorted((kind, "") for kind, rows in kinds.items() if rows)
    members = sorted(member for group in groups for member in group.members)
    assert members == sorted([*given_kinds, *(("changed", mask) for mask in masks)])
    assert sum(group.rows for group in groups) == sum(by_kind.values())
    assert [group.number for group in groups] == list(range(len(groups)))
    of_changed = [group for group in groups if group.members[0][0] == "changed"]
    assert len(of_changed) <= (1 if send == "all" else max_groups)
    assert [group.only_update for group in groups] == [group in of_changed for group in groups]
    alone = [group for group in of_changed if list(group.fields) != FIELDS]
    assert [group for group in alone if len(group.members) != 1] == []
    assert folded == (0 if send == "all" else sum(g.rows for g in of_changed if len(g.members) > 1))
    shuffled = dict(data.draw(st.permutations(list(masks.items()))))
    assert make_groups(activation, FIELDS, by_kind, shuffled) == (groups, folded)
