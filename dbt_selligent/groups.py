"""Which rows of a delta are sent together, and by which calls: pure planning.

A group are rows of which the same is sent. What is done with them is one of three: their records
are written, they become members of the segment, or what becomes of rows that left the model is done
with them. A group may take two calls, the second of which accounts for its rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns
from dbt_selligent.selligent.calls import Call

# Steps of a run, in order: records, their members, and the rows that left.
INSERTS, WRITES, MEMBERS, LEAVERS, REMOVALS = range(5)


class Absent(str, Enum):
    """What it means that a record is not there."""

    AGAIN = "again"  # deleted by hand: the row is sent again whole
    APART = "apart"  # the row is kept apart, as not found
    DONE = "done"  # there is nothing left to do
    REFUSED = "refused"


class Done(str, Enum):
    """What is done with the rows of a group."""

    RECORD = "record"
    MEMBER = "member"
    REMOVAL = "removal"


@dataclass(frozen=True)
class Form:
    """How rows are sent: by which call, with which columns, keys first.

    ``step`` orders the calls of a run: all of one step end before the next begins. ``settles`` if
    its answer accounts for the rows of the group, ``completes`` if nothing more is to be done with
    the rows in this run, ``first`` if no call before it sent them.
    """

    call: Call
    columns: tuple[Column, ...]
    absent: Absent
    step: int
    settles: bool = True
    completes: bool = True
    first: bool = True

    @property
    def removal(self) -> bool:
        """Whether its rows left the model."""
        return self.step in (LEAVERS, REMOVALS)

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields, as the API has them."""
        return tuple(column.field for column in self.columns)


@dataclass(frozen=True)
class Group:
    """Rows of the delta of which the same is sent."""

    number: int
    done: Done
    members: tuple[tuple[str, str], ...]  # kind and mask, as in the delta
    forms: tuple[Form, ...]
    rows: int


WHOLE = ("new", "again")
# Kinds of rows of a delta of which something is sent.
SENT = (*WHOLE, "changed", "removed", "spared")
Masks = Mapping[tuple[str, str], int]


def make_groups(
    activation: Activation, columns: Columns, masks: Masks
) -> tuple[tuple[Group, ...], int]:
    """The groups of a delta, and how many rows go whole for want of groups.

    ``masks`` counts the rows by kind and mask. Deterministic: whole rows come first, then groups of
    changed rows, largest first, equals in the order of their fields.
    """
    maker = _Maker(activation, columns, masks)
    maker.add_records()
    maker.add_members()
    maker.add_removals()
    return tuple(maker.groups), maker.folded


class _Maker:
    def __init__(self, activation: Activation, columns: Columns, masks: Masks) -> None:
        self.groups: list[Group] = []
        self.folded = 0
        self._activation = activation
        self._columns = columns
        self._masks = {pair: rows for pair, rows in masks.items() if rows}

    def add_records(self) -> None:
        """Records that are written: whole ones by the values they have, changed ones by those that
        changed.
        """
        skip = self._activation.nulls == "skip"
        whole: dict[tuple[Column, ...], list[tuple[str, str]]] = defaultdict(list)
        changed: dict[tuple[Column, ...], list[tuple[str, str]]] = defaultdict(list)
        for kind, mask in sorted(self._masks):
            if kind in WHOLE:
                fields = self._set_in(mask) if skip else self._columns.fields
                whole[fields].append((kind, mask))
            elif kind == "changed" and (fields := self._set_in(mask)):
                changed[fields].append((kind, mask))
        for fields, members in self._ranked(whole):
            self._add(Done.RECORD, members, self._forms_of_whole(fields))
        ranked = self._ranked(changed)
        alone, rest = ranked, []
        if self._activation.send == "all" and not skip:
            alone, rest = [], ranked
        elif len(ranked) > self._activation.max_groups and not skip:
            # One group is kept for all that have none of their own. With `skip` there is none: a
            # row that goes whole would overwrite with null.
            most = self._activation.max_groups - 1
            alone, rest = ranked[:most], ranked[most:]
            self.folded = sum(self._count(members) for _, members in rest)
        for fields, members in alone:
            self._add_changed(fields, members)
        if rest:
            self._add_changed(self._columns.fields, [pair for _, pairs in rest for pair in pairs])

    def add_members(self) -> None:
        """Rows whose records become members of the segment."""
        if not self._columns.member:
            return
        members = [
            (kind, mask)
            for kind, mask in sorted(self._masks)
            if kind in WHOLE or (kind == "changed" and mask.endswith("1"))
        ]
        absent = Absent.APART if self._activation.mode == "update" else Absent.AGAIN
        form = Form(Call.JOIN, self._columns.keys, absent, MEMBERS, first=False)
        self._add(Done.MEMBER, members, (form,))

    def add_removals(self) -> None:
        """Rows that left the model, where more is to be done than to forget them."""
        keys, removed = self._columns.keys, self._activation.removed
        forms = []
        if self._columns.member and removed != "delete":  # a deleted record is no member
            forms.append(Form(Call.LEAVE, keys, Absent.DONE, LEAVERS, removed == "keep",
                              removed == "keep"))  # fmt: skip
        if removed == "delete":
            forms.append(Form(Call.DELETE, keys, Absent.DONE, REMOVALS))
        if removed == "set":
            columns = (*keys, *self._columns.constants)
            forms.append(Form(Call.UPDATE, columns, Absent.DONE, REMOVALS, first=not forms))
        if forms:
            self._add(Done.REMOVAL, [("removed", "")], tuple(forms))
        if self._columns.member and removed == "delete":
            leave = Form(Call.LEAVE, keys, Absent.DONE, LEAVERS)
            self._add(Done.REMOVAL, [("spared", "")], (leave,))

    def _forms_of_whole(self, fields: tuple[Column, ...]) -> tuple[Form, ...]:
        keys, once = self._columns.keys, self._columns.once
        last = not self._columns.member
        everything = (*keys, *fields, *once)
        if self._activation.mode == "update":
            return (Form(Call.UPDATE, everything, Absent.APART, WRITES, completes=last),)
        if self._activation.mode == "insert":
            return (Form(Call.INSERT, everything, Absent.REFUSED, INSERTS, completes=last),)
        write = Form(Call.UPSERT, (*keys, *fields), Absent.REFUSED, WRITES, completes=last)
        if not once:
            return (write,)
        insert = Form(Call.INSERT, everything, Absent.REFUSED, INSERTS, False, False)
        return insert, Form(Call.UPSERT, write.columns, Absent.REFUSED, WRITES, True, last, False)

    def _add_changed(self, fields: tuple[Column, ...], members: Sequence[tuple[str, str]]) -> None:
        absent = Absent.APART if self._activation.mode == "update" else Absent.AGAIN
        columns = (*self._columns.keys, *fields)
        # Rows that are to become members too are not done with this.
        for joins in (False, True) if self._columns.member else (False,):
            some = [
                (kind, mask)
                for kind, mask in members
                if joins == bool(self._columns.member and mask.endswith("1"))
            ]
            self._add(
                Done.RECORD,
                some,
                (Form(Call.UPDATE, columns, absent, WRITES, completes=not joins),),
            )

    def _set_in(self, mask: str) -> tuple[Column, ...]:
        fields = self._columns.fields
        return tuple(
            column for column, bit in zip(fields, mask[: len(fields)], strict=True) if bit == "1"
        )

    def _ranked(
        self, groups: Mapping[tuple[Column, ...], Sequence[tuple[str, str]]]
    ) -> list[tuple[tuple[Column, ...], Sequence[tuple[str, str]]]]:
        """Largest first; of equals, the one whose fields come first in the mapping."""
        order = {column: number for number, column in enumerate(self._columns.fields)}
        return sorted(
            groups.items(),
            key=lambda each: (-self._count(each[1]), [order[column] for column in each[0]]),
        )

    def _count(self, members: Sequence[tuple[str, str]]) -> int:
        return sum(self._masks[pair] for pair in members)

    def _add(self, done: Done, members: Sequence[tuple[str, str]], forms: tuple[Form, ...]) -> None:
        there = [pair for pair in members if pair in self._masks]
        if there:
            number = len(self.groups)
            self.groups.append(Group(number, done, tuple(there), forms, self._count(there)))
