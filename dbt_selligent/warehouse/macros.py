"""Renders the SQL macros of the dbt package in `macros/`, for one engine, without dbt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from dbt_selligent.warehouse.dialects import DUCKDB, KNOWN, dialect_of

_HERE = Path(__file__).parents[1]
# In a wheel the macros lie in the package; in a checkout, beside it.
FOLDER = _HERE / "macros" if (_HERE / "macros").is_dir() else _HERE.parent / "macros"


class _Adapter:
    """The part of dbt's `adapter` that the macros use."""

    def __init__(self, engine: str) -> None:
        self._engines = (engine, *dialect_of(engine).parents, "default")
        self.macros: dict[str, Any] = {}

    def dispatch(self, name: str, _package: str) -> Any:
        """The engine's own macro, one of its parents', or the one for all: the first there is."""
        names = [f"{engine}__{name}" for engine in self._engines]
        return self.macros[next((each for each in names if each in self.macros), names[-1])]


@cache
def _compiled(files: tuple[Path, ...]) -> tuple[Environment, Any]:
    environment = Environment(undefined=StrictUndefined)  # noqa: S701  (no HTML is made here)
    # One template: macros of one file call those of another, as in dbt, which has one namespace.
    return environment, environment.compile("\n".join(path.read_text("utf-8") for path in files))


@cache
def _macros(engine: str) -> dict[str, Any]:
    # To compile takes a third of a second: what is of other engines is left out.
    others = KNOWN.keys() - {engine, *dialect_of(engine).parents}
    files = (path for path in sorted(FOLDER.glob("*.sql")) if path.stem not in others)
    environment, code = _compiled(tuple(files))
    adapter = _Adapter(engine)
    module = Template.from_code(
        environment, code, environment.make_globals({"adapter": adapter})
    ).make_module()
    adapter.macros = {name: each for name, each in vars(module).items() if name[0] != "_"}
    return adapter.macros


def render_sql(name: str, engine: str = "duckdb", /, **arguments: Any) -> str:
    """The SQL that the macro ``selligent_<name>`` gives; identifiers in arguments come quoted."""
    return str(_macros(engine)[f"selligent_{name}"](**arguments)).strip()


def quote(identifier: str) -> str:
    """An identifier in double quotes, whatever it contains: DuckDB's and the standard's."""
    return DUCKDB.quote(identifier)


def literal(text: str) -> str:
    """A text in single quotes, for names that have to stand in DuckDB's SQL as values."""
    return DUCKDB.literal(text)
