"""What a run looks like: a bar on a terminal, plain lines elsewhere, events in JSON on request."""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from dbt_selligent.cli.say import say
from dbt_selligent.due import Due
from dbt_selligent.events import Event, Finished, Noted, Planned, Progress, Untold, Waiting
from dbt_selligent.naming import visible
from dbt_selligent.planning import Plan
from dbt_selligent.results import ActivationResult, RunResults, totals

MASK = "***"
SECONDS_BETWEEN_LINES = 5.0
STYLES = {
    "in step": "green",
    "limited": "green",
    "rows tolerated": "yellow",
    "rows refused": "yellow",
    "kept back": "yellow",
    "failed": "red",
    "skipped": "yellow",
}


class Terminal:
    """Shows the events of a run; a context, so that the bar is gone before an error is told."""

    def __init__(self, *, quiet: bool, as_json: bool, show_values: bool = False) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._show_values = show_values
        self._lock = threading.Lock()
        console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._bars: Bars | None = None
        if console.is_terminal and not quiet and not as_json:
            self._bars = Bars(
                TextColumn("  {task.description}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def __enter__(self) -> Terminal:
        """Starts the bars."""
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the bars away."""
        if self._bars:
            self._bars.stop()

    def show(self, event: Event) -> None:
        """Shows an event; may be called by several threads."""
        with self._lock:
            if self._as_json:
                failed = (
                    isinstance(event, Untold)
                    or (isinstance(event, Noted) and event.wrong)
                    or (isinstance(event, Finished) and event.result.status != "in step")
                )
                if failed or not self._quiet:
                    say(json.dumps(_as_dict(event), default=str))
            elif isinstance(event, Planned):
                if not self._quiet:
                    self._show_plan(event)
            elif isinstance(event, Progress):
                self._show_progress(event)
            elif isinstance(event, Waiting):
                if not self._quiet:
                    self._line(f"  {event.name}: {event.reason}: waiting")
            elif isinstance(event, Untold):
                said = f"{event.address} at {event.destination}: {event.reason}"
                self._line(f"warning: {said}", style="yellow")
            elif isinstance(event, Due):
                if not self._quiet:
                    self._show_due(event)
            elif isinstance(event, Noted):
                if event.wrong or not self._quiet:
                    style = "red" if event.wrong else None
                    self._line(f"{event.at:%Y-%m-%d %H:%M:%S} UTC: {event.said}", style=style)
            else:
                self._show_result(event)

    def close(self, results: RunResults) -> None:
        """The last line of a sync."""
        if self._quiet or self._as_json:
            return
        sums = totals(results.results)
        count = len(results.results)
        parts = [f"{sums['confirmed']:,} rows confirmed"]
        parts += [
            f"{sums[name]:,} {name.replace('_', ' ')}"
            for name in ("rejected", "invalid", "not_sent")
            if sums[name]
        ]
        wrong = "".join(
            f", {sums[name]} {name.replace('_', ' ')}"
            for name in ("failed", "kept_back")
            if sums[name]
        )
        self._line(
            f"{count} activation{'s' if count != 1 else ''}{wrong}: {', '.join(parts)} "
            f"in {results.seconds:.1f} s"
        )

    def _show_plan(self, event: Planned) -> None:
        made, counts = event.plan, event.plan.counts
        self._started[made.activation.name] = time.monotonic()
        activation = made.activation
        self._line(
            f"{activation.name}: {activation.model.name} -> list {activation.list} "
            f"at {activation.destination}",
            bold=True,
        )
        for note in made.notes:
            self._line(f"  {note}")
        self._line(
            f"  {counts.rows:,} rows: {counts.new:,} new, {counts.changed:,} changed, "
            f"{counts.unchanged:,} unchanged, {counts.invalid:,} invalid, {counts.held:,} held"
            + (f", {counts.not_found:,} not found" if counts.not_found else "")
        )
        if counts.in_doubt:
            self._line(f"  {counts.in_doubt:,} of the changed are in doubt: sent again whole")
        if counts.removed:
            self._line(f"  {counts.removed:,} rows left the model: {_removal(made)}")
        if counts.spared:
            self._line(
                f"  {counts.spared:,} more left it, and are kept in the list: adopted, and not sent"
            )
        if counts.joining:
            self._line(f"  {counts.joining:,} rows become members of segment {activation.segment}")
        if made.limit is not None and made.upto is not None:
            self._line(f"  only the first {made.limit:,} of what is to be sent (--limit)")
        for problem in made.problems:
            self._line(f"  invalid: {problem.rows:,} rows, {problem.field}: {problem.reason}")
        if not event.sending:
            for field, rows in made.changed_fields:
                self._line(f"  changed: {field} in {rows:,} rows")
            self._line(f"  {_requests(made.expected_requests)} expected")
        for verdict in made.verdicts:
            # Of a sync that is stopped or forced, the result says what speaks against it.
            if not event.sending or (verdict.passed and verdict.mend):
                stops = "" if verdict.passed else "stops a sync: "
                self._line(f"  {stops}{verdict.guard}: {verdict.said}")
        for row in made.sample:
            self._line(f"  {row['kind']}: {_shown(row, made, self._show_values)}")

    def _show_due(self, event: Due) -> None:
        for name, why in event.under_way:
            self._line(f"{name} is under way: {why}")
        if event.due:
            said = f"due: {', '.join(each.name for each in event.due)}"
        else:
            said = "nothing is due" + (f"; next: {event.next.said}" if event.next else "")
        if event.unscheduled:
            said += f"; left out, without `schedule:`: {event.unscheduled:,}"
        self._line(said)

    def _show_progress(self, event: Progress) -> None:
        now = time.monotonic()
        done = event.confirmed + event.rejected
        speed = done / max(now - self._started.get(event.name, now), 0.001)
        if self._bars:
            if event.name not in self._tasks:
                self._tasks[event.name] = self._bars.add_task(event.name, total=event.of, speed="")
            self._bars.update(self._tasks[event.name], completed=done, speed=f"{speed:,.0f} rows/s")
        elif not self._quiet and now - self._said.setdefault(event.name, now) >= (
            SECONDS_BETWEEN_LINES
        ):
            self._said[event.name] = now
            self._line(f"  {event.name}: {done:,} of {event.of:,} rows, {speed:,.0f} a second")

    def _show_result(self, event: Finished) -> None:
        result = event.result
        if self._bars and result.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(result.name))
        if self._quiet and result.status == "in step":
            return
        self._line(_result_line(result), style=STYLES[result.status])
        for said in result.forced:
            self._line(f"  forced: {said}")
        if result.error:
            self._line(f"  {result.error}")
        if result.next_step:
            self._line(f"  -> {result.next_step}")

    def _line(self, text: str, *, bold: bool = False, style: str | None = None) -> None:
        self._console.print(
            visible(text), style="bold" if bold else style, markup=False, soft_wrap=True, end="\n"
        )


def plan_as_dict(made: Plan, *, show_values: bool) -> dict[str, Any]:
    """A plan for `--output json`; values of the sample are masked unless asked for."""
    keys = {column.field for column in made.columns.keys}
    return {
        "activation": made.activation.name,
        "model": made.activation.model.name,
        "list": made.activation.list,
        "destination": made.activation.destination,
        "counts": asdict(made.counts),
        "changed_fields": dict(made.changed_fields),
        "groups": [
            {
                "calls": [form.call.value for form in group.forms],
                "fields": [name for name in group.forms[0].fields if name not in keys],
                "rows": group.rows,
            }
            for group in made.groups
        ],
        "problems": [asdict(problem) for problem in made.problems],
        "notes": made.notes,
        "guards": [asdict(verdict) for verdict in made.verdicts],
        "first_sync": made.first_sync,
        "full_refresh": made.full_refresh,
        "expected_requests": made.expected_requests,
        "sample": [{**row, "values": _masked(row["values"], show_values)} for row in made.sample],
    }


def _removal(made: Plan) -> str:
    """What becomes of the records of rows that left the model."""
    activation = made.activation
    if activation.removed == "delete":
        return "deleted from the list"
    set_fields = ", ".join(field for field, _ in activation.removed_set)
    kept = f"{set_fields} set" if set_fields else "kept in the list"
    return f"{kept}, and out of segment {activation.segment}" if activation.segment else kept


def _result_line(result: ActivationResult) -> str:
    if result.counts is None:
        return f"{result.name}: {result.status}"
    parts = [f"{result.confirmed:,} confirmed"]
    if result.rejected:
        parts.append(f"{result.rejected:,} rejected")
    if result.counts.held:
        parts.append(f"{result.counts.held:,} held")
    if result.counts.invalid:
        parts.append(f"{result.counts.invalid:,} invalid")
    if not_found := result.not_found + result.counts.not_found:
        parts.append(f"{not_found:,} not found")
    if result.removed:
        parts.append(f"{result.removed:,} removed")
    if result.not_sent:
        parts.append(f"{result.not_sent:,} not sent")
    if result.not_removed:
        parts.append(f"{result.not_removed:,} not removed")
    parts.append(_requests(result.requests))
    return f"{result.name}: {result.status}, {', '.join(parts)}, {result.seconds:.1f} s"


def _requests(count: int) -> str:
    return f"{count:,} request{'s' if count != 1 else ''}"


def _shown(row: dict[str, Any], made: Plan, show_values: bool) -> str:
    values = _masked(row["values"], show_values)
    keys = {column.field for column in made.columns.keys}
    fields = row["changed"] or [field for field in values if field not in keys]
    key = ", ".join(f"{field}={values[field]}" for field in values if field in keys)
    if row["kind"] == "removed":
        return key
    if row["kind"] == "changed" and not row["changed"]:
        return f"{key}: becomes a member of segment {made.activation.segment}"
    return f"{key}: " + ", ".join(f"{field}={values[field]}" for field in fields)


def _masked(values: dict[str, Any], show_values: bool) -> dict[str, Any]:
    if show_values:
        return values
    return {field: None if value is None else MASK for field, value in values.items()}


def _as_dict(event: Event) -> dict[str, Any]:
    if isinstance(event, Planned):
        return {"event": "planned", **plan_as_dict(event.plan, show_values=False)}
    if isinstance(event, Progress):
        return {"event": "progress", **asdict(event)}
    if isinstance(event, Waiting):
        return {"event": "waiting", **asdict(event)}
    if isinstance(event, Untold):
        return {"event": "untold", **asdict(event)}
    if isinstance(event, Due):
        return {"event": "due", **_due_as_dict(event)}
    if isinstance(event, Noted):
        return {"event": "noted", **asdict(event), "at": event.at.isoformat(timespec="seconds")}
    return {"event": "finished", **asdict(event.result)}


def _due_as_dict(event: Due) -> dict[str, Any]:
    coming = event.next
    return {
        "due": [each.name for each in event.due],
        "under_way": dict(event.under_way),
        "without_schedule": event.unscheduled,
        "next": coming and {"name": coming.name, **coming.schedule.as_dict(coming.at)},
    }
