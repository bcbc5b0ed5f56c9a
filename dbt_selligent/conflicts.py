"""Where two activations of one list undo what the other did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dbt_selligent.errors import Fault
from dbt_selligent.manifest import Exposure


@dataclass(frozen=True)
class Writer:
    """Who writes what where, however faulty the rest of it."""

    exposure: Exposure
    destination: str | None
    list: str
    fields: Sequence[str]
    segment: str | None
    deletes: bool


def find_conflicts(writers: Sequence[Writer]) -> list[Fault]:
    """The faults of activations between which the last to run would win, every time."""
    found: list[Fault] = []
    for writer in writers:
        others = [
            each
            for each in writers
            if each is not writer
            and (each.destination, each.list.casefold())
            == (writer.destination, writer.list.casefold())
        ]

        def fault(
            key: str, problem: str, by: Sequence[Writer], mend: str, writer: Writer = writer
        ) -> Fault:
            names = ", ".join(each.exposure.name for each in by)
            return Fault(
                writer.exposure.file, writer.exposure.name, key, f"{problem} {names}", mend
            )

        for field in writer.fields:
            if by := [e for e in others if field.casefold() in map(str.casefold, e.fields)]:
                found.append(
                    fault(
                        f"fields.{field}",
                        f"also written to list {writer.list} by",
                        by,
                        "one activation only may write a field of a list",
                    )
                )
        if writer.segment and (by := [e for e in others if e.segment == writer.segment]):
            found.append(
                fault(
                    "segment",
                    f"{writer.segment} is also the segment of",
                    by,
                    "one activation only may decide who its members are",
                )
            )
        if others and writer.deletes:
            found.append(
                fault(
                    "removed",
                    f"deletes records of list {writer.list}, which is also fed by",
                    others,
                    "beside an activation that deletes there can be no other",
                )
            )
    return found
