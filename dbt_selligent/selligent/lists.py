"""A list as the API describes it: its fields, and what a field takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbt_selligent.naming import find_named, leads_elsewhere
from dbt_selligent.selligent.body import read_object


@dataclass(frozen=True)
class Field:
    """A field of a list. ``length`` is in UTF-16 units; ``options`` are codes, None if unknown."""

    name: str
    data_type: str = "Unknown"
    length: int | None = None
    allow_null: bool = True
    content: str = "Free"
    optionlist: str | None = None
    options: tuple[str, ...] | None = None

    @property
    def computed(self) -> bool:
        """Whether Selligent fills it itself: no request may write it."""
        return self.content.startswith("Computed")

    @property
    def takes_one_option(self) -> bool:
        """Whether a value has to be one of its option list."""
        return self.content == "Single" and self.optionlist is not None

    @property
    def choices(self) -> tuple[str, ...] | None:
        """The options that a value has to be one of; None if it may be any, or they are unknown."""
        return self.options if self.takes_one_option else None


@dataclass(frozen=True)
class Listing:
    """The fields of a list, in order; ``segment_type`` is None where the segment is not there."""

    name: str
    fields: tuple[Field, ...]
    segment_type: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the fields."""
        return [field.name for field in self.fields]

    def find(self, name: str) -> Field | None:
        """The field of this name, whatever its case; one that is written so before others."""
        return find_named(name, self.fields, lambda field: field.name)


def read_fields(body: bytes) -> tuple[Field, ...] | None:
    """The fields in the body of an answer, or None if it is not such a body."""
    try:
        return tuple(_read_field(each) for each in (read_object(body) or {})["fields"])
    except (KeyError, TypeError, AttributeError):
        return None


def _read_field(found: dict[str, Any]) -> Field:
    length, options = found.get("length"), found.get("options")
    optionlist = found.get("optionlist")
    return Field(
        name=str(found["name"]),
        data_type=str(found.get("data_type") or "Unknown"),
        length=length if type(length) is int and length > 0 else None,
        allow_null=found.get("allow_null") is not False,
        content=str(found.get("content") or "Free"),
        optionlist=optionlist if _can_be_read(optionlist) else None,
        options=tuple(map(str, options)) if isinstance(options, list) else None,
    )


def _can_be_read(optionlist: object) -> bool:
    return isinstance(optionlist, str) and bool(optionlist) and not leads_elsewhere(optionlist)
