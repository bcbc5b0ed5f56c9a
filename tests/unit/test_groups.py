"""The groups of a delta: which rows go together, by which calls, and with which fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_selligent.activation import Activation
from dbt_selligent.columns import MEMBER, Column, Columns
from dbt_selligent.groups import (
    INSERTS,
    LEAVERS,
    MEMBERS,
    REMOVALS,
    WRITES,
    Absent,
    Done,
    Form,
    Group,
    make_groups,
)
from dbt_selligent.manifest import Model
from dbt_selligent.selligent.calls import Call

MODEL = Model("model.shop.c", "c", "model", "table", '"s"."m"."c"', "s", "m", "models/c.sql")
AGAIN, APART, DONE, REFUSED = Absent.AGAIN, Absent.APART, Absent.DONE, Absent.REFUSED
RECORD, MEMBER_OF, REMOVAL = Done.RECORD, Done.MEMBER, Done.REMOVAL

# What a form does: call, fields, absent, step, and of settles, completes, first those that hold.
Shown = tuple[Call, str, Absent, int, str]


def make(**more: Any) -> Activation:
    return Activation(
        name="crm",
        unique_id="exposure.shop.crm",
        file="models/crm.yml",
        tags=(),
        model=MODEL,
        destination="dev",
        list="L",
        keys=(("ID", "id"),),
        fields=tuple((field, field.lower()) for field in "ABC"),
        **more,
    )


def column(field: str, name: str | None = None) -> Column:
    name = name or f'"{field}"'
    return Column(field, name, name, "text", "text", "VARCHAR", f"'{field}'", "'UTC'")


def columns_of(
    fields: str = "ABC", *, once: str = "", segment: bool = False, constants: str = ""
) -> Columns:
    return Columns(
        keys=(column("ID"),),
        fields=tuple(map(column, fields)),
        once=tuple(map(column, once)),
        member=(MEMBER,) if segment else (),
        constants=tuple(column(field, "true") for field in constants),
    )


PLAIN = columns_of()
SEGMENT = columns_of(segment=True)


def masks_of(**kinds: Mapping[str, int] | int) -> dict[tuple[str, str], int]:
    """Rows by kind and mask; a number stands for rows of no mask."""
    return {
        (kind, mask): rows
        for kind, found in kinds.items()
        for mask, rows in ({"": found} if isinstance(found, int) else found).items()
    }


def shown(form: Form) -> Shown:
    holds = [name for name in ("settles", "completes", "first") if getattr(form, name)]
    assert form.fields[0] == "ID"
    return form.call, "".join(form.fields[1:]), form.absent, form.step, " ".join(holds)


def told(group: Group) -> tuple[Done, list[tuple[str, str]], list[Shown], int]:
    return group.done, list(group.members), [shown(form) for form in group.forms], group.rows


def forms_of(groups: Sequence[Group]) -> list[list[Shown]]:
    return [[shown(form) for form in group.forms] for group in groups]


ALL = "settles completes first"
WHOLE = (Call.UPSERT, "ABC", REFUSED, WRITES, ALL)


def changed(fields: str, holds: str = ALL, absent: Absent = AGAIN) -> Shown:
    return Call.UPDATE, fields, absent, WRITES, holds


# which rows go together


@pytest.mark.parametrize("masks", [{}, masks_of(invalid=3, removed=2, held=1), masks_of(new=0)])
def test_nothing_to_send(masks: dict[tuple[str, str], int]) -> None:
    assert make_groups(make(), PLAIN, masks) == ((), 0)


def test_new_rows_and_those_in_doubt_go_whole_and_first() -> None:
    masks = masks_of(changed={"010": 4}, new=3, again=2)

    groups, folded = make_groups(make(), PLAIN, masks)

    assert [group.number for group in groups] == [0, 1]
    assert [told(group) for group in groups] == [
        (RECORD, [("again", ""), ("new", "")], [WHOLE], 5),
        (RECORD, [("changed", "010")], [changed("B")], 4),
    ]
    assert folded == 0


@pytest.mark.parametrize("kind", ["new", "again"])
def test_one_kind_of_whole_rows(kind: str) -> None:
    [group], _ = make_groups(make(), PLAIN, {(kind, ""): 3})

    assert told(group) == (RECORD, [(kind, "")], [WHOLE], 3)


def test_the_largest_come_first_and_equals_by_their_fields() -> None:
    masks = masks_of(changed={"111": 1, "001": 5, "100": 7, "010": 5, "110": 5})

    groups, _ = make_groups(make(), PLAIN, masks)

    assert [(group.number, group.forms[0].fields, group.rows) for group in groups] == [
        (0, ("ID", "A"), 7),
        (1, ("ID", "A", "B"), 5),
        (2, ("ID", "B"), 5),
        (3, ("ID", "C"), 5),
        (4, ("ID", "A", "B", "C"), 1),
    ]


def test_beyond_max_groups_the_rarest_go_whole() -> None:
    masks = masks_of(changed={"100": 9, "010": 8, "001": 2, "110": 1})

    groups, folded = make_groups(make(max_groups=3), PLAIN, masks)

    assert [told(group) for group in groups] == [
        (RECORD, [("changed", "100")], [changed("A")], 9),
        (RECORD, [("changed", "010")], [changed("B")], 8),
        (RECORD, [("changed", "001"), ("changed", "110")], [changed("ABC")], 3),
    ]
    assert folded == 3


def test_as_many_groups_as_max_groups_stay_apart() -> None:
    masks = masks_of(changed={"100": 9, "010": 8, "001": 2})

    groups, folded = make_groups(make(max_groups=3), PLAIN, masks)

    assert [group.rows for group in groups] == [9, 8, 2]
    assert folded == 0


def test_one_group_at_most() -> None:
    groups, folded = make_groups(make(max_groups=1), PLAIN, masks_of(changed={"100": 9, "010": 8}))

    assert [told(group) for group in groups] == [
        (RECORD, [("changed", "100"), ("changed", "010")], [changed("ABC")], 17)
    ]
    assert folded == 17


def test_send_all_sends_every_field_of_a_changed_row() -> None:
    masks = masks_of(new=1, changed={"100": 9, "010": 8})

    groups, folded = make_groups(make(send="all", max_groups=1), PLAIN, masks)

    assert [told(group) for group in groups] == [
        (RECORD, [("new", "")], [WHOLE], 1),
        (RECORD, [("changed", "100"), ("changed", "010")], [changed("ABC")], 17),
    ]
    assert folded == 0


# modes


def test_update_writes_what_is_there_and_keeps_the_rest_apart() -> None:
    masks = masks_of(new=3, again=2, changed={"010": 4})

    groups, _ = make_groups(make(mode="update"), PLAIN, masks)

    assert [told(group) for group in groups] == [
        (RECORD, [("again", ""), ("new", "")], [changed("ABC", absent=APART)], 5),
        (RECORD, [("changed", "010")], [changed("B", absent=APART)], 4),
    ]


def test_insert_writes_what_is_not_there_and_never_anything_else() -> None:
    columns = columns_of("", once="ABC")

    groups, _ = make_groups(make(mode="insert"), columns, masks_of(new=3, again=2))

    assert [told(group) for group in groups] == [
        (RECORD, [("again", ""), ("new", "")], [(Call.INSERT, "ABC", REFUSED, INSERTS, ALL)], 5)
    ]


def test_a_field_that_must_not_overwrite_is_inserted_before_the_rest_is_written() -> None:
    columns = columns_of("AB", once="C")

    groups, _ = make_groups(make(once=("C",)), columns, masks_of(new=3, changed={"01": 4}))

    assert forms_of(groups) == [
        [
            (Call.INSERT, "ABC", REFUSED, INSERTS, "first"),
            (Call.UPSERT, "AB", REFUSED, WRITES, "settles completes"),
        ],
        [changed("B")],
    ]


# nulls: skip


def test_skip_sends_of_a_whole_row_what_it_has() -> None:
    masks = masks_of(new={"111": 1, "101": 4, "000": 2}, again={"101": 3}, changed={"010": 9})

    groups, folded = make_groups(make(nulls="skip"), PLAIN, masks)

    assert [told(group) for group in groups] == [
        (
            RECORD,
            [("again", "101"), ("new", "101")],
            [(Call.UPSERT, "AC", REFUSED, WRITES, ALL)],
            7,
        ),
        (RECORD, [("new", "000")], [(Call.UPSERT, "", REFUSED, WRITES, ALL)], 2),
        (RECORD, [("new", "111")], [WHOLE], 1),
        (RECORD, [("changed", "010")], [changed("B")], 9),
    ]
    assert folded == 0


@pytest.mark.parametrize("send", ["changed", "all"])
def test_with_skip_no_row_goes_whole_for_want_of_groups(send: str) -> None:
    """It would overwrite with null."""
    masks = masks_of(changed={"100": 9, "010": 8, "001": 2})

    groups, folded = make_groups(make(nulls="skip", send=send, max_groups=1), PLAIN, masks)

    assert forms_of(groups) == [[changed("A")], [changed("B")], [changed("C")]]
    assert folded == 0


def test_skip_and_a_field_that_must_not_overwrite() -> None:
    columns = columns_of("AB", once="C")

    groups, _ = make_groups(make(nulls="skip", once=("C",)), columns, masks_of(new={"10": 1}))

    assert forms_of(groups) == [
        [
            (Call.INSERT, "AC", REFUSED, INSERTS, "first"),
            (Call.UPSERT, "A", REFUSED, WRITES, "settles completes"),
        ]
    ]


# segments


def test_records_are_written_before_they_become_members() -> None:
    masks = masks_of(new=3, again=2, changed={"0100": 4, "0101": 5, "0001": 6})

    groups, folded = make_groups(make(segment="VIP"), SEGMENT, masks)

    assert [told(group) for group in groups] == [
        (RECORD, [("again", ""), ("new", "")], [(*WHOLE[:4], "settles first")], 5),
        (RECORD, [("changed", "0100")], [changed("B")], 4),
        (RECORD, [("changed", "0101")], [changed("B", "settles first")], 5),
        (
            MEMBER_OF,
            [("again", ""), ("changed", "0001"), ("changed", "0101"), ("new", "")],
            [(Call.JOIN, "", AGAIN, MEMBERS, "settles completes")],
            16,
        ),
    ]
    assert [group.number for group in groups] == [0, 1, 2, 3]
    assert folded == 0


@pytest.mark.parametrize(
    ("mode", "absent"), [("upsert", AGAIN), ("insert", AGAIN), ("update", APART)]
)
def test_a_member_without_a_record_is_sent_whole_or_set_apart_where_none_is_made(
    mode: str, absent: Absent
) -> None:
    groups, _ = make_groups(make(mode=mode, segment="VIP"), SEGMENT, masks_of(new=3))

    assert forms_of(groups)[1:] == [[(Call.JOIN, "", absent, MEMBERS, "settles completes")]]
    assert [form.completes for form in groups[0].forms] == [False]


def test_a_field_that_must_not_overwrite_and_a_segment() -> None:
    columns = columns_of("AB", once="C", segment=True)

    groups, _ = make_groups(make(once=("C",), segment="VIP"), columns, masks_of(new=1))

    assert forms_of(groups) == [
        [
            (Call.INSERT, "ABC", REFUSED, INSERTS, "first"),
            (Call.UPSERT, "AB", REFUSED, WRITES, "settles"),
        ],
        [(Call.JOIN, "", AGAIN, MEMBERS, "settles completes")],
    ]


def test_a_segment_alone() -> None:
    columns = columns_of("", segment=True)
    masks = masks_of(new=3, changed={"1": 2})

    groups, _ = make_groups(make(mode="update", segment="VIP"), columns, masks)

    assert [told(group) for group in groups] == [
        (RECORD, [("new", "")], [changed("", "settles first", APART)], 3),
        (
            MEMBER_OF,
            [("changed", "1"), ("new", "")],
            [(Call.JOIN, "", APART, MEMBERS, "settles completes")],
            5,
        ),
    ]


def test_skip_and_a_segment() -> None:
    masks = masks_of(new={"1001": 2}, changed={"0101": 1})

    groups, _ = make_groups(make(nulls="skip", segment="VIP"), SEGMENT, masks)

    assert [told(group) for group in groups] == [
        (
            RECORD,
            [("new", "1001")],
            [(Call.UPSERT, "A", REFUSED, WRITES, "settles first")],
            2,
        ),
        (RECORD, [("changed", "0101")], [changed("B", "settles first")], 1),
        (
            MEMBER_OF,
            [("changed", "0101"), ("new", "1001")],
            [(Call.JOIN, "", AGAIN, MEMBERS, "settles completes")],
            3,
        ),
    ]


def test_the_rarest_that_join_go_whole_apart_from_those_that_do_not() -> None:
    masks = masks_of(changed={"1000": 9, "0100": 2, "0011": 1})

    groups, folded = make_groups(make(segment="VIP", max_groups=2), SEGMENT, masks)

    assert [told(group) for group in groups][1:3] == [
        (RECORD, [("changed", "0100")], [changed("ABC")], 2),
        (RECORD, [("changed", "0011")], [changed("ABC", "settles first")], 1),
    ]
    assert folded == 3


# rows that left the model


def test_to_forget_a_row_nothing_is_sent() -> None:
    assert make_groups(make(removed="keep"), PLAIN, masks_of(removed=3)) == ((), 0)


LEAVE = (Call.LEAVE, "", DONE, LEAVERS, ALL)
DELETE = (Call.DELETE, "", DONE, REMOVALS, ALL)


@pytest.mark.parametrize(
    ("removed", "segment", "forms"),
    [
        ("keep", True, [LEAVE]),
        ("delete", False, [DELETE]),
        ("delete", True, [DELETE]),
        ("set", False, [(Call.UPDATE, "XY", DONE, REMOVALS, ALL)]),
        (
            "set",
            True,
            [
                (*LEAVE[:4], "first"),
                (Call.UPDATE, "XY", DONE, REMOVALS, "settles completes"),
            ],
        ),
    ],
)
def test_what_becomes_of_rows_that_left(removed: str, segment: bool, forms: list[Shown]) -> None:
    columns = columns_of(segment=segment, constants="XY" if removed == "set" else "")
    activation = make(removed=removed, segment="VIP" if segment else None)

    [group], _ = make_groups(activation, columns, masks_of(removed=3))

    assert told(group) == (REMOVAL, [("removed", "")], forms, 3)
    assert [form.removal for form in group.forms] == [True] * len(forms)


def test_removals_come_last() -> None:
    columns = columns_of(segment=True)
    masks = masks_of(removed=3, new=2, changed={"0101": 1})

    groups, _ = make_groups(make(removed="delete", segment="VIP"), columns, masks)

    steps = [form.step for group in groups for form in group.forms]
    assert [group.done for group in groups] == [RECORD, RECORD, MEMBER_OF, REMOVAL]
    assert steps == sorted(steps)
    assert [form.removal for group in groups for form in group.forms] == [False] * 3 + [True]


# whatever the figures are

MASKS = st.dictionaries(
    st.tuples(*[st.sampled_from("01")] * 3).map("".join).filter(lambda mask: "1" in mask),
    st.integers(1, 9),
)


@given(
    masks=MASKS,
    kinds=st.dictionaries(st.sampled_from(["new", "again"]), st.integers(0, 5)),
    send=st.sampled_from(["changed", "all"]),
    max_groups=st.integers(1, 8),
    data=st.data(),
)
def test_every_row_is_in_one_group_however_the_figures_come(
    masks: dict[str, int], kinds: dict[str, int], send: str, max_groups: int, data: st.DataObject
) -> None:
    activation = make(send=send, max_groups=max_groups)
    figures = masks_of(changed=masks, **kinds)

    groups, folded = make_groups(activation, PLAIN, figures)

    members = sorted(member for group in groups for member in group.members)
    assert members == sorted(pair for pair, rows in figures.items() if rows)
    assert sum(group.rows for group in groups) == sum(figures.values())
    assert [group.number for group in groups] == list(range(len(groups)))
    of_changed = [group for group in groups if group.members[0][0] == "changed"]
    assert len(of_changed) <= (1 if send == "all" else max_groups)
    calls = [[form.call for form in group.forms] for group in groups]
    assert calls == [[Call.UPDATE if group in of_changed else Call.UPSERT] for group in groups]
    alone = [group for group in of_changed if group.forms[0].fields != ("ID", "A", "B", "C")]
    assert [group for group in alone if len(group.members) != 1] == []
    assert folded == (0 if send == "all" else sum(g.rows for g in of_changed if len(g.members) > 1))
    shuffled = dict(data.draw(st.permutations(list(figures.items()))))
    assert make_groups(activation, PLAIN, shuffled) == (groups, folded)


FULL_MASKS = st.dictionaries(
    st.tuples(*[st.sampled_from("01")] * 3).map("".join), st.integers(1, 9)
)


@given(
    masks=FULL_MASKS,
    joins=FULL_MASKS,
    whole=FULL_MASKS,
    removed=st.integers(0, 3),
    options=st.fixed_dictionaries(
        {
            "nulls": st.sampled_from(["send", "skip"]),
            "send": st.sampled_from(["changed", "all"]),
            "mode": st.sampled_from(["upsert", "update"]),
            "removed": st.sampled_from(["keep", "delete", "set"]),
            "max_groups": st.integers(1, 4),
        }
    ),
    once=st.sampled_from(["", "D"]),
)
def test_what_is_done_with_a_row_is_done_once_and_in_order(
    masks: dict[str, int],
    joins: dict[str, int],
    whole: dict[str, int],
    removed: int,
    options: dict[str, Any],
    once: str,
) -> None:
    skip = options["nulls"] == "skip"
    columns = columns_of(once=once, segment=True, constants="X")
    figures = masks_of(
        changed={f"{mask}0": n for mask, n in masks.items() if "1" in mask}
        | {f"{mask}1": n for mask, n in joins.items()},
        new={f"{mask}1": n for mask, n in whole.items()} if skip else sum(whole.values()),
        removed=removed,
    )

    groups, _ = make_groups(make(segment="VIP", **options), columns, figures)

    there = [pair for pair, rows in figures.items() if rows]
    for done, wanted in [
        (RECORD, [p for p in there if p[0] == "new" or (p[0] == "changed" and "1" in p[1][:3])]),
        (MEMBER_OF, [p for p in there if p[0] == "new" or (p[0] == "changed" and p[1][3] == "1")]),
        (REMOVAL, [p for p in there if p[0] == "removed"]),
    ]:
        found = [pair for group in groups if group.done is done for pair in group.members]
        assert sorted(found) == sorted(wanted)
    for group in groups:
        # The last call of a group settles it, no other does; steps rise; the first is the first.
        assert [form.settles for form in group.forms] == [False] * (len(group.forms) - 1) + [True]
        steps = [form.step for form in group.forms]
        assert steps == sorted(set(steps))
        assert group.forms[0].first is (group.done is not MEMBER_OF)
        assert not any(form.first for form in group.forms[1:])
        if skip and group.done is RECORD:  # never a value that the row does not have
            for _, mask in group.members:
                has = {f for f, bit in zip("ABC", mask, strict=False) if bit == "1"}
                sent = {f for form in group.forms for f in form.fields[1:]} - set(once)
                assert sent == has
    # Each row is done with once, however many calls it takes.
    completing = Counter(
        pair for group in groups for form in group.forms if form.completes for pair in group.members
    )
    assert completing == Counter(
        pair for pair in there if pair[0] in ("new", "removed") or "1" in pair[1]
    )
