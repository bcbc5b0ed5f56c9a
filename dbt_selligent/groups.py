"""Which rows of a delta are sent together: those of which the same fields changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbt_selligent.activation import Activation
from dbt_selligent.columns import Column, Columns


@dataclass(frozen=True)
class Group:
    """Rows of the delta that are sent with the same fields, by the same import option."""

    number: int
    members: tuple[tuple[str, str], ...]  # kind and mask, as in the delta
    fields: tuple[str, ...]  # without the keys
    only_update: bool
    rows: int


def make_groups(
    activation: Activation,
    fields: Sequence[str],
    by_kind: Mapping[str, int],
    masks: Mapping[str, int],
) -> tuple[tuple[Group, ...], int]:
    """The groups of a delta, whole rows first, and how many rows go whole for want of groups.

    Deterministic: groups of changed rows come largest first, equals in the order of their fields.
    """
    groups = []
    whole = [(kind, "") for kind in ("new", "again") if by_kind.get(kind)]
    if whole:
        rows = sum(by_kind[kind] for kind, _ in whole)
        groups.append(Group(0, tuple(whole), tuple(fields), False, rows))
    ranked = sorted(masks, key=lambda mask: (-masks[mask], mask))
    most = activation.max_groups
    alone = [] if activation.send == "all" else ranked
    rest = ranked if activation.send == "all" else []
    if len(alone) > most:
        # One group is kept for all that have none of their own.
        alone, rest = ranked[: most - 1], ranked[most - 1 :]
    for mask in alone:
        named = tuple(field for field, bit in zip(fields, mask, strict=True) if bit == "1")
        groups.append(Group(len(groups), (("changed", mask),), named, True, masks[mask]))
    if rest:
        members = tuple(("changed", mask) for mask in rest)
        rows = sum(masks[mask] for mask in rest)
        groups.append(Group(len(groups), members, tuple(fields), True, rows))
    folded = 0 if activation.send == "all" else sum(masks[mask] for mask in rest)
    return tuple(groups), folded


def group_columns(columns: Columns, group: Group) -> list[Column]:
    """The columns that a group sends, keys first, in the order of the mapping."""
    sent = set(group.fields)
    return [*columns.keys, *(column for column in columns.fields if column.field in sent)]
