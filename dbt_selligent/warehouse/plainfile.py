"""A DuckDB output that names a file and nothing more, opened without dbt-duckdb.

dbt-duckdb takes most of a second of a processor to import. Without it, a file is opened as it would
be with it, or not at all: what may not be the same, and what goes wrong, is left to it, so that it
is told in one way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from dbt_selligent.warehouse import engine

KEYS = frozenset({"type", "path", "schema", "database"})
# Paths that are no URL, nor in memory, of which all versions of dbt-duckdb take the same name: the
# file's, up to its only dot. Those that begin with two slashes, or a blank, are split as URLs are.
PATH = re.compile(r'(?!//| )(?:[^:;?#"]*/)?([^:;?#"/.]+)(?:\.[^:;?#"/.]*)?')


@dataclass(frozen=True)
class Opened:
    """A DuckDB to read from, the names of the databases in it, and how it is let go."""

    cursor: Any
    databases: Sequence[str]
    close: Callable[[], None]


def open_plain(output: Mapping[str, Any]) -> Opened | None:
    """The file that an output names, read-only; None where dbt-duckdb has to open it, or to try."""
    found = plain_file(output)
    if found is None:
        return None
    path, alias = found
    connection = duckdb.connect(":memory:")
    try:
        engine.attach(connection, Path(absolute(path)), alias, read_only=True)
    except duckdb.Error:
        connection.close()
        return None
    return Opened(connection, [alias], connection.close)


def plain_file(output: Mapping[str, Any]) -> tuple[str, str] | None:
    """Path and alias of the file, where a rendered output says nothing more."""
    path = output.get("path")
    if output.keys() - KEYS or not isinstance(path, str) or not path.isprintable():
        return None
    found = PATH.fullmatch(path)
    if not found or output.get("database", found[1]) != found[1]:
        return None
    return (path, found[1]) if isinstance(output.get("schema", ""), str) else None


def absolute(path: str) -> str:
    """A path of the profile, relative to the current folder, from where dbt resolves it too."""
    scheme = urlsplit(path).scheme
    if len(scheme) > 1 or path.startswith(":"):
        return path
    return str(Path(path).expanduser().absolute())
