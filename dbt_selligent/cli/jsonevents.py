"""Events for `--log-format json`, one a line: their names and what they mean, frozen. Pure.

`python -m dbt_selligent.cli.jsonevents` prints docs/events.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dbt_selligent.cli.changeset import figures_of
from dbt_selligent.cli.failure import Failure
from dbt_selligent.events import Due, Event, Noted, Planned, Progress, Untold, Waiting
from dbt_selligent.results import ActivationResult, RunResults, totals

NAME = {"activation": "name of the exposure"}
# In every event, before its own.
COMMON = {
    "event": "which event this is",
    "at": "when it was told: ISO 8601, UTC, to the millisecond",
}
# A name is never taken away, and never given another meaning; new ones may come.
EVENTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "planned": (
        "What is to be sent of an activation is known",
        {
            **NAME,
            "model": "name of the model",
            "list": "API name of the list",
            "destination": "output of the profile",
            "sending": "true if a sync is about to send it, false if it is only planned",
            "counts": "rows by what is to be done with them: `rows`, `unchanged`, `new`, "
            "`changed`, `invalid`, `held`, `not_found`; `again`, those of `changed` that are sent "
            "again whole; `in_doubt`, those of `again` whose answer was lost; `invalid_in_doubt`, "
            "those of `invalid` whose answer was lost before; `removed` and `spared`, which left "
            "the model; `joining`, which become members of the segment; `known`, which were sent "
            "before",
            "changed_fields": "rows by the field that changed in them",
            "groups": "rows that are sent alike: `calls`, `fields`, `rows`",
            "problems": "invalid rows: `field`, `reason`, `rows`",
            "notes": "what else is to be said, as texts",
            "guards": "verdicts: `guard`, `passed`, `said`, `mend`",
            "first_sync": "whether nothing was ever sent",
            "full_refresh": "whether every row is sent whole",
            "expected_requests": "requests, if no row is refused; where there are several of a "
            "kind, about so many, or, where no speed was measured yet, at least so many",
            "expected_seconds": "how long they take at the speed last measured; null if none was",
        },
    ),
    "waiting": (
        "Nothing goes on for a while",
        {
            "activation": "name of the exposure; null where the project is waited for",
            "reason": "who holds the list or the project, or that Selligent is silent",
        },
    ),
    "progress": (
        "Rows begin to be sent (`done` is 0), or an answer came in",
        {
            **NAME,
            "done": "rows that are accounted for",
            "of": "rows that are to be sent or removed",
            "confirmed": "rows that Selligent took",
            "rejected": "rows that it refused",
            "not_found": "rows of which it has no record (mode `update`)",
            "removed": "rows that left the model, and were dealt with",
        },
    ),
    "finished": (
        "An activation came to its end, or, in a plan, is kept back and its model cannot be read",
        {
            **NAME,
            "unique_id": "of the exposure, as dbt has it",
            "model": "name of the model",
            "list": "API name of the list",
            "destination": "output of the profile",
            "status": "`in step`, `limited`, `rows tolerated`, `rows refused`, `kept back`, "
            "`failed` or `skipped`",
            "counts": "as in `planned`; null if nothing could be planned",
            "problems": "as in `planned`",
            "confirmed": "rows that Selligent took",
            "rejected": "rows that it refused",
            "not_found": "rows of which it has no record",
            "not_sent": "rows that are left for the next sync",
            "removed": "rows that left the model, and were dealt with",
            "not_removed": "rows that left the model, and were not",
            "requests": "requests that were made",
            "seconds": "how long it took",
            "left_behind": "records that were sent under another key, list or address",
            "limited": "whether `--limit` left some of it out",
            "notes": "as in `planned`",
            "forced": "what spoke against it, and was overridden by `--force`",
            "error": "what went wrong; null if nothing did",
            "next_step": "what to do next; null if nothing is to be done",
            "stopped_by": "`guard`, `gate` or `interrupt`, which ended it; else null",
            "unopened": "whether the warehouse could not be opened",
        },
    ),
    "due": (
        "With `--due`, and in `schedule`: it is known what is due",
        {
            "due": "names of the activations that are",
            "under_way": "those that another run is at, each with who it is",
            "without_schedule": "how many have no `schedule:`, and are left out",
            "next": "which falls due next: `name`, `cron`, `timezone`, `next_time`; null if none",
        },
    ),
    "noted": (
        "`schedule` says what it does",
        {"said": "in words", "wrong": "whether it is a failure"},
    ),
    "undelivered": (
        "A warning could not be sent",
        {
            "destination": "output of the profile",
            "address": "which one, by its place under `notify:` and its scheme",
            "reason": "why, and what becomes of it",
        },
    ),
    "ended": (
        "A sync came to its end: the last line, if no error is",
        {
            "command": "`sync`",
            "run_id": "as in the results file",
            "target": "the dbt target",
            "exit_code": "0 or 1, or 2 if nothing could start",
            "seconds": "how long it took",
            "activations": "how many there were",
            "confirmed": "rows, over all of them",
            "rejected": "rows, over all of them",
            "not_found": "rows, over all of them",
            "removed": "rows, over all of them",
            "not_sent": "rows, over all of them",
            "held": "rows, over all of them",
            "invalid": "rows, over all of them",
            "failed": "activations that failed",
            "kept_back": "activations that were kept back",
        },
    ),
    "error": (
        "The command cannot go on: the last line",
        {
            "message": "where and what",
            "next_step": "what to do next; empty if that is plain",
            "exit_code": "1, or 2 if nothing could start",
            "faults": "each fault of the activations: `file`, `exposure`, `key`, `problem`, "
            "`mend`, `in_yaml` (false of the model)",
            "trace": "where it happened, if it is a bug; else null",
        },
    ),
}


def event_as_dict(event: Event, at: datetime) -> dict[str, Any]:
    """An event of a run; no row's value is in it."""
    if isinstance(event, Planned):
        return _told("planned", at, figures_of(event.plan), sending=event.sending)
    if isinstance(event, Progress):
        return _told("progress", at, _named(event))
    if isinstance(event, Waiting):
        return _told("waiting", at, _named(event))
    if isinstance(event, Due):
        return _told("due", at, _due(event))
    if isinstance(event, Noted):
        return _told("noted", at, {"said": event.said, "wrong": event.wrong})
    if isinstance(event, Untold):
        return _told("undelivered", at, asdict(event))
    return _told("finished", at, _named(event.result))


def ended_as_dict(run: RunResults, at: datetime) -> dict[str, Any]:
    """The end of a sync."""
    return _told(
        "ended",
        at,
        totals(run.results),
        command=run.command,
        run_id=run.run_id,
        target=run.target,
        exit_code=run.exit_code,
        seconds=run.seconds,
        activations=len(run.results),
    )


def failure_as_dict(failure: Failure, at: datetime) -> dict[str, Any]:
    """The error that ends a command."""
    return _told("error", at, asdict(failure))


def _due(event: Due) -> dict[str, Any]:
    coming = event.next
    return {
        "due": [each.name for each in event.due],
        "under_way": dict(event.under_way),
        "without_schedule": event.unscheduled,
        "next": coming and {"name": coming.name, **coming.schedule.as_dict(coming.at)},
    }


def _named(said: Progress | Waiting | ActivationResult) -> dict[str, Any]:
    content = asdict(said)
    return {"activation": content.pop("name"), **content}


def _told(event: str, at: datetime, content: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """As the table has it, and in its order; raises KeyError for a name that is missing."""
    content = {**content, **more}
    when = at.isoformat(timespec="milliseconds")
    return {"event": event, "at": when, **{name: content[name] for name in EVENTS[event][1]}}


PAGE = """\
# Events

`sync` and `plan` with `--log-format json` write one JSON object a line to stdout, and nothing else:
errors too, also where nothing could start. With `--quiet` there are errors and failures alone. No
value of a row, and no secret, is in an event. Names that are here stay, and keep their meaning; new
events, and new names in one, may come: what reads them is to ignore those that it does not know.

```
dbt-selligent sync --log-format json | jq 'select(.event == "finished") | [.activation, .status]'
```

"""


def page() -> str:
    """The events and their names, in Markdown."""
    lines = ["In every event:", *_table(COMMON)]
    for event, (when, names) in EVENTS.items():
        lines += ["", f"## `{event}`", f"{when}.", *_table(names)]
    return PAGE + "\n".join(lines) + "\n"


def _table(names: Mapping[str, str]) -> list[str]:
    return ["", "| name | |", "|---|---|", *(f"| `{name}` | {names[name]} |" for name in names)]


if __name__ == "__main__":
    sys.stdout.write(page())
