"""A plan as a change set, in lines and for JSON: pure.

Each row of the model stands under one mark: ``+`` new, ``~`` changed, ``?`` in doubt, ``!``
invalid, ``x`` held or not found, and ``-`` if it left the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dbt_selligent.cli.lines import Line, span, step_line
from dbt_selligent.naming import in_json
from dbt_selligent.planning import Plan
from dbt_selligent.results import ActivationResult
from dbt_selligent.wording import counted, listed

MASK = "***"
MOST_FIELDS = 10
MARKS = {
    "new": ("+", "green"),
    "changed": ("~", "yellow"),
    "again": ("~", "yellow"),
    "doubt": ("?", "yellow"),
    "held": ("x", "magenta"),
    "missing": ("x", "magenta"),
    "invalid": ("!", "red"),
    "doubled": ("!", "red"),
    "removed": ("-", "red"),
    "spared": ("-", "red"),
}


def plan_lines(plan: Plan, *, sending: bool, show_values: bool = False) -> list[Line]:
    """What a sync does with an activation; with ``sending``, only as much as is told before it is
    done, none where there is nothing to do.
    """
    if _idle(plan):
        said = f"nothing changed, {counted(plan.counts.rows, 'row')} in step"
        return [] if sending else [Line(f"{plan.activation.name}: {said}")]
    activation = plan.activation
    to = f"list {activation.list} at {activation.destination}"
    lines = [Line(f"{activation.name}: {activation.model.name} -> {to}", style="bold")]
    lines += [Line(note, 2) for note in plan.notes]
    lines += _counts(plan, fields=not sending)
    if not sending:
        lines.append(Line(_effort(plan), 2))
    lines += _verdicts(plan, sending)
    lines += _sample(plan, show_values)
    return lines if sending else [*lines, Line("")]


def closing_lines(
    plans: Sequence[Plan], run: str, kept_back: Sequence[ActivationResult] = ()
) -> list[Line]:
    """What all of it comes to; ``run`` is the command that sends it, in words. Of what is
    ``kept_back`` there is no plan.
    """
    counts = [plan.counts for plan in plans]
    add, change = sum(each.new for each in counts), sum(each.changed for each in counts)
    remove = sum(plan.to_remove for plan in plans)
    invalid = sum(each.invalid for each in counts)
    held = sum(each.held + each.not_found for each in counts)
    stopped = [plan.activation.name for plan in plans if plan.failing]
    others = listed([(invalid, "invalid"), (held, "held or not found")])
    lines = []
    if not plans:
        pass  # nothing is due, as was said, or all is kept back
    elif not add + change + remove and len(stopped) < len(plans):
        in_step = counted(sum(each.unchanged for each in counts), "row")
        rest = f", {others}" if others else ""
        lines = [Line(f"No changes: {in_step} in step{rest}.", style="green")]
    elif add + change + remove:
        requests = _requests(plans)
        sums = f"{add:,} to add, {change:,} to change, {remove:,} to remove"
        sums = f"{sums}, {others}" if others else sums
        lines = [Line(f"Plan: {sums}, {requests}.", style="bold")]
        if renames := [_rename(plan) for plan in plans if plan.renamed]:
            lines += map(step_line, renames)
        elif len(stopped) < len(plans):
            lines.append(step_line(_next_step(plans, run)))
    stopped += [result.name for result in kept_back]
    if stopped:
        lines.append(Line(f"A sync stops at {', '.join(stopped)}: see above.", style="red"))
    return lines


def _rename(plan: Plan) -> str:
    name = plan.activation.name
    return (
        f"run `dbt-selligent state rename {plan.renamed} {name}` first, if {name} is the new name "
        f"of {plan.renamed}: a sync starts anew"
    )


def _next_step(plans: Sequence[Plan], run: str) -> str:
    unread = dict.fromkeys(plan.unread for plan in plans if plan.unread)
    if not unread:
        return f"run {run} to send it"
    why = "; ".join(unread)
    checks = "`dbt-selligent debug` says more"
    return f"{why}, so this is not checked there yet: {checks}; then run {run} to send it"


def plan_as_dict(plan: Plan, *, show_values: bool) -> dict[str, Any]:
    """A plan for `--output json`; values of the sample are masked unless asked for."""
    sample = [{**row, "values": _masked(row["values"], show_values)} for row in plan.sample]
    return {**figures_of(plan), "sample": sample}


def kept_back_as_dict(result: ActivationResult) -> dict[str, Any]:
    """What is kept back without a plan, for `--output json`."""
    return {
        "activation": result.name,
        "model": result.model,
        "list": result.list,
        "destination": result.destination,
        "counts": None,
        "error": result.error,
        "next_step": result.next_step,
    }


def figures_of(plan: Plan) -> dict[str, Any]:
    """A plan for JSON, without rows."""
    keys = {column.field for column in plan.columns.keys}
    return {
        "activation": plan.activation.name,
        "model": plan.activation.model.name,
        "list": plan.activation.list,
        "destination": plan.activation.destination,
        "counts": asdict(plan.counts),
        "changed_fields": dict(plan.changed_fields),
        "groups": [
            {
                "calls": [form.call.value for form in group.forms],
                "fields": [name for name in group.forms[0].fields if name not in keys],
                "rows": group.rows,
            }
            for group in plan.groups
        ],
        "problems": [asdict(problem) for problem in plan.problems],
        "notes": plan.notes,
        "guards": [asdict(verdict) for verdict in plan.verdicts],
        "first_sync": plan.first_sync,
        "full_refresh": plan.full_refresh,
        "expected_requests": plan.expected_requests,
        "expected_seconds": plan.expected_seconds,
    }


def _idle(plan: Plan) -> bool:
    """Whether there is nothing to do, and nothing to say."""
    return plan.counts.rows == plan.counts.unchanged and not (
        plan.counts.gone or plan.notes or plan.failing
    )


def _counts(plan: Plan, *, fields: bool) -> Iterator[Line]:
    counts, activation = plan.counts, plan.activation
    yield Line(f"{counted(counts.rows, 'row')}, {counts.unchanged:,} unchanged", 2)
    if counts.new:
        yield _marked("new", f"{counts.new:,} new")
    if changed := counts.changed - counts.again:
        whole = ": sent whole (send: all)" if activation.send == "all" else ""
        yield _marked("changed", f"{changed:,} changed{whole}")
        if fields:
            yield from _changed_fields(plan.changed_fields)
    if sure := counts.again - counts.in_doubt:
        yield _marked("again", f"{sure:,} sent before: sent again whole")
    if counts.in_doubt:
        yield _marked("doubt", f"{counts.in_doubt:,} in doubt: sent again whole")
    if counts.joining:
        yield Line(f"{counts.joining:,} become members of segment {activation.segment}", 2, ">")
    if counts.removed:
        yield _marked("removed", f"{counts.removed:,} left the model: {_removal(plan)}")
    if counts.spared:
        spared = f"{counts.spared:,} more left it, and are kept in the list: adopted, and not sent"
        yield _marked("spared", spared)
    if counts.invalid:
        yield _marked("invalid", f"{counts.invalid:,} invalid: not sent")
    for problem in plan.problems:
        rows = counted(problem.rows, "row")
        yield Line(f"{problem.field}: {problem.reason} ({rows})", 6)
    if counts.invalid_in_doubt:
        stuck = counted(counts.invalid_in_doubt, "row")
        yield _marked("doubt", f"{stuck} in doubt cannot be sent again: invalid now")
    if counts.held:
        yield _marked("held", f"{counts.held:,} held: refused before, and the same since")
    if counts.not_found:
        yield _marked("missing", f"{counts.not_found:,} not found before, and the same since")
    if plan.limit is not None and plan.upto is not None:
        yield Line(f"only the first {plan.limit:,} of what is to be sent (--limit)", 2)


def _marked(kind: str, text: str) -> Line:
    mark, style = MARKS[kind]
    return Line(text, 2, mark, style)


def _changed_fields(changed: Sequence[tuple[str, int]]) -> Iterator[Line]:
    shown = changed[:MOST_FIELDS]
    names = max((len(field) for field, _ in shown), default=0)
    figures = max((len(f"{rows:,}") for _, rows in shown), default=0)
    for field, rows in shown:
        yield Line(f"{field:<{names}}  {rows:>{figures},} row{'s' if rows != 1 else ''}", 6)
    if rest := len(changed) - len(shown):
        yield Line(f"and {rest} more attribute{'s' if rest != 1 else ''}", 6)


def _removal(plan: Plan) -> str:
    """What becomes of the records of rows that left the model."""
    activation = plan.activation
    if activation.removed == "delete":
        return "deleted from the list"
    set_fields = ", ".join(field for field, _ in activation.removed_set)
    kept = f"{set_fields} set" if set_fields else "kept in the list"
    return f"{kept}, and out of segment {activation.segment}" if activation.segment else kept


def _effort(plan: Plan) -> str:
    if not plan.expected_requests:
        return "nothing to send"
    requests = _requests([plan])
    if plan.expected_seconds is None or plan.speed is None:
        return f"{requests}; no speed was measured yet"
    speed = counted(round(plan.speed), "row")
    return f"{requests}, {span(plan.expected_seconds)}: {speed} a second when last measured"


def _requests(plans: Sequence[Plan]) -> str:
    """How many are expected, in words; of several, the least sure one counts."""
    words = {plan.expected_word for plan in plans}
    word = next((each for each in ("at least", "about") if each in words), "")
    said = counted(sum(plan.expected_requests for plan in plans), "request")
    return f"{word} {said}".lstrip()


def _verdicts(plan: Plan, sending: bool) -> Iterator[Line]:
    for verdict in plan.verdicts:
        if not verdict.passed:
            # Of a sync that is stopped or forced, the result says what speaks against it.
            if not sending:
                yield Line(f"{verdict.guard} stops a sync: {verdict.said}", 2, style="red")
                yield Line(verdict.mend, 4, "->", "cyan")
        elif verdict.mend:
            yield Line(f"{verdict.guard}: {verdict.said}", 2, style="yellow")
            yield Line(verdict.mend, 4, "->", "cyan")
        elif not sending:
            yield Line(f"{verdict.guard} passed: {verdict.said}", 2)


def _sample(plan: Plan, show_values: bool) -> Iterator[Line]:
    if not plan.sample:
        return
    hint = "" if show_values else ", its values masked: --show-values shows them"
    yield Line(f"a sample{hint}", 2)
    # Masked, rows of which the same is sent look the same.
    yield from dict.fromkeys(_row(row, plan, show_values) for row in plan.sample)


def _row(row: Mapping[str, Any], plan: Plan, show_values: bool) -> Line:
    values = {
        field: in_json(value) if show_values else MASK for field, value in row["values"].items()
    }
    keys = {column.field for column in plan.columns.keys}
    fields = row["changed"] or [field for field in values if field not in keys]
    text = ", ".join(f"{field}={values[field]}" for field in values if field in keys)
    if row["kind"] == "changed" and not row["changed"]:
        text += f": becomes a member of segment {plan.activation.segment}"
    elif row["kind"] not in ("removed", "spared"):
        text += ": " + ", ".join(f"{field}={values[field]}" for field in fields)
    in_doubt = row["kind"] == "again" and not plan.full_refresh
    mark, style = MARKS["doubt" if in_doubt else row["kind"]]
    return Line(text, 4, mark, style)


def _masked(values: Mapping[str, Any], show_values: bool) -> dict[str, Any]:
    # A null is a value too: whether one is there is nobody's business.
    return dict(values) if show_values else dict.fromkeys(values, MASK)
