"""What the SQL of one engine looks like beneath the macros: names, texts, and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbt_selligent import fieldtypes


@dataclass(frozen=True)
class Dialect:
    """One engine's SQL; ``types`` are those of settled values by family; decimals keep theirs."""

    name: str
    types: Mapping[str, str]

    def quote(self, identifier: str) -> str:
        """An identifier in the engine's marks, whatever it contains."""
        return '"' + identifier.replace('"', '""') + '"'

    def literal(self, text: str) -> str:
        """A text in single quotes, whatever it contains."""
        return "'" + text.replace("'", "''") + "'"

    def family_of(self, sql_type: str) -> tuple[str, str] | None:
        """Family and settled type of a type as the engine writes it; None if it cannot be sent."""
        return fieldtypes.family_of(sql_type)


DUCKDB = Dialect("duckdb", fieldtypes.TYPES)
