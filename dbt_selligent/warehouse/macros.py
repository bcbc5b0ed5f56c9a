"""Renders the SQL macros of the dbt package in `macros/`, for one engine, without dbt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template, TemplateError

from dbt_selligent.errors import WarehouseError
from dbt_selligent.warehouse.dialects import DUCKDB, KNOWN, Dialect

_HERE = Path(__file__).parents[1]
# In a wheel the macros lie in the package; in a checkout, beside it.
FOLDER = _HERE / "macros" if (_HERE / "macros").is_dir() else _HERE.parent / "macros"


class _Adapter:
    """The part of dbt's `adapter` that the macros use."""

    def __init__(self, dialect: Dialect) -> None:
        self._engines = (dialect.name, *dialect.parents, "default")
        self._own = {name for name, _ in dialect.macros}
        self.macros: dict[str, Any] = {}

    def dispatch(self, name: str, _package: str) -> Any:
        """The engine's own macro, one of its parents', or the one for all: the first there is.

        As dbt does, among the project's own at first.
        """
        names = [f"{engine}__{name}" for engine in self._engines]
        own = (each for each in names if each in self._own)
        packages = (each for each in names if each in self.macros)
        return self.macros[next(own, None) or next(packages, names[-1])]


@cache
def _compiled(files: tuple[Path, ...], own: tuple[str, ...]) -> tuple[Environment, Any]:
    environment = Environment(undefined=StrictUndefined)  # noqa: S701  (no HTML is made here)
    # One template: macros of one file call those of another, as in dbt, which has one namespace.
    texts = [*(path.read_text("utf-8") for path in files), *own]
    return environment, environment.compile("\n".join(texts))


@cache
def _macros(dialect: Dialect) -> dict[str, Any]:
    # To compile takes a third of a second: what is of other engines is left out.
    others = KNOWN.keys() - {dialect.name, *dialect.parents}
    files = (path for path in sorted(FOLDER.glob("*.sql")) if path.stem not in others)
    environment, code = _compiled(tuple(files), tuple(text for _, text in dialect.macros))
    adapter = _Adapter(dialect)
    module = Template.from_code(
        environment, code, environment.make_globals({"adapter": adapter})
    ).make_module()
    adapter.macros = {name: each for name, each in vars(module).items() if name[0] != "_"}
    return adapter.macros


def render_sql(name: str, dialect: Dialect = DUCKDB, /, **arguments: Any) -> str:
    """The SQL that the macro ``selligent_<name>`` gives; identifiers in arguments come quoted.

    Raises WarehouseError where the project's own macros do not fit.
    """
    try:
        return str(_macros(dialect)[f"selligent_{name}"](**arguments)).strip()
    except (TemplateError, TypeError) as error:
        if not dialect.macros:
            raise
        own = ", ".join(name for name, _ in dialect.macros)
        raise WarehouseError(
            f"the project's own macros ({own}) do not fit selligent_{name}: {error}",
            "compare them with those in macros/ of dbt-selligent",
        ) from None


def macro_names(dialect: Dialect) -> list[str]:
    """The names of the package's macros that an engine has, or may have, one of its own of."""
    return sorted({name.partition("__")[2] or name for name in _macros(dialect)})


def quote(identifier: str) -> str:
    """An identifier in double quotes, whatever it contains: DuckDB's and the standard's."""
    return DUCKDB.quote(identifier)


def literal(text: str) -> str:
    """A text in single quotes, for names that have to stand in DuckDB's SQL as values."""
    return DUCKDB.literal(text)
