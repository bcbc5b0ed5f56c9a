"""All that stands on the page, built from the records and the time: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dbt_selligent.reasons import Reason
from dbt_selligent.report.chart import Chart, draw
from dbt_selligent.report.record import Record, Run
from dbt_selligent.report.standing import Standing, came_to_its_end, is_complete, rows_of, stand
from dbt_selligent.wording import counted

MOST_REASONS = 20
MOST_LISTED = 20
MOST_FORCED = 5


@dataclass(frozen=True)
class Section:
    """One activation; ``anchor`` is its place on the page.

    ``complete`` is the last run that came to its end, ``sent`` the last one of which rows were
    confirmed, ``failed`` the last one that did not come to its end. What was cut from the tables
    is counted in ``more_…``.
    """

    anchor: str
    record: Record
    standing: Standing
    held: int
    not_found: int
    invalid: int
    complete: Run | None
    sent: Run | None
    failed: Run | None
    reasons: tuple[Reason, ...]
    more_reasons: int
    more_rows: int
    runs: tuple[Run, ...]
    more_runs: int
    forced: tuple[Run, ...]
    more_forced: int
    chart: Chart | None

    @property
    def error(self) -> str | None:
        """What was wrong with the last run, if it did not come to its end."""
        return self.failed.error if self.failed and self.failed is self.record.runs[0] else None

    @property
    def readable(self) -> bool:
        """Whether there is more to say of it than how it stands."""
        return not (self.record.busy or self.record.error)


@dataclass(frozen=True)
class Report:
    """The page: ``headline`` is the answer, ``attention`` what is to be looked at.

    ``zone`` is that of all times on it, ``faults`` what keeps every sync from starting, and
    ``selection`` the criteria, if not all activations are on it.
    """

    made_at: datetime
    zone: ZoneInfo
    project: str
    target: str
    selection: str
    headline: str
    good: bool
    faults: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def attention(self) -> tuple[Section, ...]:
        """The activations that need it."""
        return tuple(each for each in self.sections if each.standing.level == "attention")

    @property
    def complete(self) -> tuple[datetime, ...]:
        """When the last complete syncs began, of the activations that have one: latest first."""
        found = [each.complete.started_at for each in self.sections if each.complete]
        return tuple(sorted(found, reverse=True))


def build_report(
    records: Sequence[Record],
    made_at: datetime,
    *,
    project: str,
    target: str,
    selection: str = "",
    faults: Sequence[str] = (),
) -> Report:
    """The page of these records, at a time in UTC.

    Times are those of the destinations, where all have one time zone, else in UTC.
    """
    zones = {record.zone for record in records}
    zone = ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")
    sections = tuple(
        _section(f"activation-{number}", record, zone) for number, record in enumerate(records, 1)
    )
    return Report(
        made_at=made_at,
        zone=zone,
        project=project,
        target=target,
        selection=selection,
        headline=_headline(sections, faults),
        good=not faults and all(each.standing.level != "attention" for each in sections),
        faults=tuple(faults),
        sections=sections,
    )


def _section(anchor: str, record: Record, zone: ZoneInfo) -> Section:
    runs = record.runs
    forced = [run for run in runs if run.forced]
    failed = next((run for run in runs if not came_to_its_end(run)), None)
    cut = record.reasons[MOST_REASONS:]
    return Section(
        anchor=anchor,
        record=record,
        standing=stand(record),
        held=rows_of(record, "rejected"),
        not_found=rows_of(record, "not found"),
        invalid=rows_of(record, "invalid"),
        complete=next((run for run in runs if is_complete(run)), None),
        sent=next((run for run in runs if run.confirmed), None),
        failed=failed,
        reasons=record.reasons[:MOST_REASONS],
        more_reasons=len(cut),
        more_rows=sum(reason.rows for reason in cut),
        runs=runs[:MOST_LISTED],
        more_runs=len(runs[MOST_LISTED:]),
        forced=tuple(forced[:MOST_FORCED]),
        more_forced=len(forced[MOST_FORCED:]),
        chart=draw(runs, zone) if runs else None,
    )


def _headline(sections: Sequence[Section], faults: Sequence[str]) -> str:
    if faults:
        return f"No sync can start: {counted(len(faults), 'fault')} in the activations"
    levels = [section.standing.level for section in sections]
    of = len(levels)
    if attention := levels.count("attention"):
        whose = "The activation" if of == 1 else f"{attention} of {of} activations"
        return f"{whose} need{'s' if attention == 1 else ''} attention"
    if busy := levels.count("busy"):
        return f"{of - busy} of {of} activations are in step, {busy} at work"
    invalid = sum(section.invalid for section in sections)
    but = f" but for {counted(invalid, 'invalid row')}" if invalid else ""
    whole = {1: "The activation is", 2: "Both activations are"}
    return f"{whole.get(of, f'All {of} activations are')} in step{but}"
