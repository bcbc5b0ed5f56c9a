"""Renders the SQL macros of the dbt package in `macros/`, for one engine, without dbt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

_HERE = Path(__file__).parents[1]
# In a wheel the macros lie in the package; in a checkout, beside it.
FOLDER = _HERE / "macros" if (_HERE / "macros").is_dir() else _HERE.parent / "macros"


class _Adapter:
    """The part of dbt's `adapter` that the macros use."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self.macros: dict[str, Any] = {}

    def dispatch(self, name: str, _package: str) -> Any:
        own = self.macros.get(f"{self._engine}__{name}")
        return own or self.macros[f"default__{name}"]


@cache
def _macros(engine: str) -> dict[str, Any]:
    environment = Environment(  # noqa: S701  (no HTML is made here)
        undefined=StrictUndefined,
    )
    adapter = _Adapter(engine)
    environment.globals["adapter"] = adapter
    # Macros of one file call those of another, as in dbt, where all share one namespace.
    text = "\n".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.sql")))
    module = environment.from_string(text).make_module()
    adapter.macros |= {
        name: each for name, each in vars(module).items() if not name.startswith("_")
    }
    return adapter.macros


def render_sql(name: str, engine: str = "duckdb", /, **arguments: Any) -> str:
    """The SQL that the macro ``selligent_<name>`` gives; identifiers in arguments come quoted."""
    return str(_macros(engine)[f"selligent_{name}"](**arguments)).strip()


def quote(identifier: str) -> str:
    """An identifier in double quotes, whatever it contains."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in single quotes, for names that have to stand in SQL as values."""
    return "'" + text.replace("'", "''") + "'"
