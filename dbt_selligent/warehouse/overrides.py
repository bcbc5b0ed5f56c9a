"""Macros of the user's own project that take the place of the package's, as dbt dispatches them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError

from dbt_selligent.errors import ProjectError, nearest
from dbt_selligent.warehouse.dialects import Dialect
from dbt_selligent.warehouse.macros import macro_names

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_MACRO = re.compile(
    r"\{%-?\s*macro\s+(?P<engine>[a-z0-9_]+?)__(?P<name>selligent_\w+)\s*\(.*?\{%-?\s*endmacro\s*-?%\}",
    re.DOTALL,
)


def own_macros(folders: Sequence[Path], dialect: Dialect) -> tuple[tuple[str, str], ...]:
    """Macros of the files below ``folders`` that an engine dispatches to: names, and their text.

    They are named like the package's, with the engine, one of its parents or ``default`` and two
    underscores before it. Raises ProjectError where there is none to be replaced, or the text is
    no Jinja.
    """
    engines = (dialect.name, *dialect.parents, "default")
    found = [
        (path, macro)
        for folder in folders
        for path in sorted(folder.rglob("*.sql"))
        for macro in _macros_in(path)
        if macro["engine"] in engines
    ]
    if not found:
        return ()
    legal = macro_names(dialect)
    for path, macro in found:
        _check(path, macro, legal)
    return tuple((f"{macro['engine']}__{macro['name']}", macro[0]) for _, macro in found)


def _macros_in(path: Path) -> Iterator[re.Match[str]]:
    return _MACRO.finditer(_COMMENT.sub("", path.read_text("utf-8", "replace")))


def _check(path: Path, macro: re.Match[str], legal: Sequence[str]) -> None:
    where = f"{path}: macro {macro['engine']}__{macro['name']}"
    if macro["name"] not in legal:
        like = nearest(macro["name"], legal)
        hint = f"{macro['engine']}__{like}" if like else "one of those in macros/ of dbt-selligent"
        raise ProjectError(
            f"{where}: there is no {macro['name']} that it could take the place of",
            f"name it like {hint}",
        )
    try:
        Environment().parse(macro[0])  # noqa: S701  (no HTML is made here)
    except TemplateSyntaxError as error:
        line = (error.lineno or 1) - 1
        raise ProjectError(
            f"{where}: {error.message}, {line} lines below its first", "mend the macro"
        ) from None
