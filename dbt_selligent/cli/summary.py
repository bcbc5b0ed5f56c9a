"""What became of activations, in lines: each as it ends, then all of them, and what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dbt_selligent.cli.lines import Line, lines_of, step_line
from dbt_selligent.events import Due, Noted, Untold, Waiting
from dbt_selligent.results import STOPPED, ActivationResult, RunResults, totals
from dbt_selligent.wording import counted, listed, stood

# From the best to the worst.
STYLES = {
    "in step": "green",
    "limited": "green",
    "rows tolerated": "yellow",
    "rows refused": "yellow",
    "skipped": "yellow",
    "kept back": "yellow",
    STOPPED: "yellow",
    "failed": "red",
}
ENDED = {"rows tolerated": "with rows tolerated", "rows refused": "with rows refused"}


def result_lines(result: ActivationResult) -> list[Line]:
    """What became of one activation, what was forced, and what went wrong."""
    lines = [Line(f"{result.name}: {_figures(result)}", style=STYLES[result.word])]
    lines += [Line(f"forced: {said}", 2) for said in result.forced]
    return [*lines, *lines_of(result.error or "", 2)]


def due_lines(found: Due) -> list[Line]:
    """What is due, or what will be first, and what is left out."""
    lines = [Line(f"{name} is under way: {why}") for name, why in found.under_way]
    if found.due:
        said = f"due: {', '.join(each.name for each in found.due)}"
    else:
        said = "nothing is due" + (f"; next: {found.next.said}" if found.next else "")
    if found.unscheduled:
        said += f"; left out, without `schedule:`: {found.unscheduled:,}"
    return [*lines, Line(said)]


def noted_line(noted: Noted) -> Line:
    """What is said by the way, and when."""
    style = "red" if noted.wrong else ""
    return Line(f"{noted.at:%Y-%m-%d %H:%M:%S} UTC: {noted.said}", style=style)


def waiting_line(waiting: Waiting) -> Line:
    """Who or what is waited for."""
    parts = (waiting.name, waiting.reason, "waiting")
    return Line(": ".join(filter(None, parts)), 2 if waiting.name else 0)


def untold_line(untold: Untold) -> Line:
    """Which warning could not be sent, and why."""
    said = f"warning: {untold.address} at {untold.destination}: {untold.reason}"
    return Line(said, style="yellow")


def closing_lines(run: RunResults) -> list[Line]:
    """The sums over all activations, where there are several, and what to do next."""
    sums = [_sums(run)] if len(run.results) > 1 else []
    return [*sums, *next_lines(run.results)]


def next_lines(results: Sequence[ActivationResult]) -> list[Line]:
    """What to do next: each step once, and of which activations."""
    steps: dict[str, list[str]] = {}
    for result in results:
        if result.next_step:
            steps.setdefault(result.next_step, []).append(result.name)
    if len(results) == 1:
        return [step_line(step) for step in steps]
    return [step_line(f"{', '.join(names)}: {step}") for step, names in steps.items()]


def _figures(result: ActivationResult) -> str:
    counts = result.counts
    if counts is None:
        return result.word
    rest = listed(result.others)
    if result.status == "in step" and not (counts.to_send or counts.removed or result.requests):
        said = f"nothing changed, {counted(counts.unchanged, 'row')} in step"
        return ", ".join(filter(None, (said, rest)))
    status = stood(result.word, listed([result.invalid]))
    if status != result.word:
        rest = listed([other for other in result.others if other != result.invalid])
    told = [
        status,
        f"{result.confirmed:,} confirmed",
        rest,
        counted(result.requests, "request"),
    ]
    return ", ".join(filter(None, told)) + f", {result.seconds:.1f} s"


def _sums(run: RunResults) -> Line:
    sums = totals(run.results)
    wrong = Counter(result.word for result in run.results if result.status != "in step")
    sent = any(result.requests for result in run.results)
    confirmed = f"{counted(sums['confirmed'], 'row')} confirmed"
    rest = listed(
        [
            (sums[name], name.replace("_", " "))
            for name in ("rejected", "held", "removed", *(["invalid"] * bool(wrong)), "not_sent")
        ]
    )
    done = ", ".join(filter(None, (confirmed if sent or wrong else "nothing was sent", rest)))
    if not wrong:
        but = f" but for {sums['invalid']:,} invalid," if sums["invalid"] else ""
        return Line(f"All in step{but} in {run.seconds:.1f} s: {done}", style="green")
    ended = "".join(f", {count} {ENDED.get(status, status)}" for status, count in wrong.items())
    head = f"{counted(len(run.results), 'activation')} in {run.seconds:.1f} s{ended}"
    style = STYLES[max(wrong, key=list(STYLES).index)]
    return Line(f"{head}: {done}", style=style)
