"""The page as HTML, and the file that it is written to."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dbt_selligent.errors import ConfigurationError, RunError
from dbt_selligent.naming import visible
from dbt_selligent.report.page import Report, build_report
from dbt_selligent.report.record import read_records
from dbt_selligent.report.words import ago, moment, span
from dbt_selligent.selection import read_selected
from dbt_selligent.settings import Settings
from dbt_selligent.wording import counted

FILE = "selligent_report.html"
TEMPLATE = "report.html.jinja"
_COMMAND = re.compile(r"`([^`\n]+)`")


def write_report(settings: Settings, output: str | None = None) -> tuple[Path, Report]:
    """Writes the page of the selected activations to a file, by default beside dbt's artifacts.

    It holds no row values. Raises ConfigurationError, and RunError where it cannot be written.
    """
    path = Path(output).absolute() if output else settings.target_path / FILE
    if output and not path.parent.is_dir():
        raise ConfigurationError(
            f"{path.parent}: no such folder", "make it, or name another file with --output"
        )
    activations, faults = read_selected(settings)
    report = build_report(
        read_records(settings, activations),
        datetime.now(timezone.utc),
        project=settings.project_name,
        target=settings.target,
        selection=_selection(settings),
        faults=[str(fault) for fault in faults],
    )
    written = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Half of a letter, which a name may have, is written as it is escaped.
        written.write_text(render(report), encoding="utf-8", errors="backslashreplace")
        written.replace(path)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written: {error.strerror}", "name another file with --output"
        ) from None
    return path, report


def render(report: Report) -> str:
    """The page, which needs nothing but itself."""
    environment = Environment(
        loader=PackageLoader("dbt_selligent", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "ago": partial(ago, now=report.made_at),
        "commands": _commands,
        "counted": counted,
        "moment": partial(moment, zone=report.zone),
        "span": span,
        "utc": _utc,
    }
    environment.filters.update(filters)
    template = environment.get_template(TEMPLATE)
    return template.render(report=report, version=version("dbt-selligent")) + "\n"


def _seen(value: object) -> object:
    """What others named: no letter of it turns others around, or is none that HTML may hold."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _commands(text: str) -> Markup:
    """A message, in which commands stand between backticks."""
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(visible(text)))))  # noqa: S704


def _utc(at: datetime) -> str:
    return f"{at.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _selection(settings: Settings) -> str:
    parts = [f"--select {each}" for each in settings.select]
    parts += [f"--exclude {each}" for each in settings.exclude]
    parts += [f"--selector {settings.selector}"] if settings.selector else []
    return " ".join(parts)
