"""How fast lists are filled where each bulk call takes 200 ms, and what the checks of values cost.

pace    200,000 rows to one list, batches sized by the answers, against the best fixed size tried:
        at most 1.2 times its time
lists   four lists at once, against one of them, 2,500 rows a call, so that the calls take the time:
        at most 1.3 times its time. Sized by the answers there are few calls, and the processors of
        this machine, which are the server's too, bind: that is printed as well
checks  1,000,000 rows to a list whose fields have types and lengths, against the same list without:
        at most 1.2 times its time
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import yaml
from bench import EXPOSURE, clocked, forget, in_step, make_project, run, server

from dbt_selligent import sync
from dbt_selligent.settings import resolve_settings

RUNS = 3
ROWS = 200_000
SIZES = (2_500, 5_000, 10_000, 20_000, 50_000)
LISTS = 4


def main() -> int:
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with server("--delay", "0.2") as url:
            some = make_project(folder / "some", url, ROWS)
            figures["pace"] = (measure_pace(some), 1.2)
            figures["lists"] = (measure_lists(some), 1.3)
        with server() as url:
            many = make_project(folder / "many", url, 1_000_000)
            figures["checks"] = (measure_checks(many), 1.2)
    return judge(figures)


def judge(figures: dict[str, tuple[float, float]]) -> int:
    """Prints the figures; 1 if one is over its limit."""
    failed = []
    for name, (figure, limit) in figures.items():
        print(f"{name:8} {figure:6.2f}  limit {limit}")
        if figure > limit:
            failed.append(name)
    print("over the limit: " + ", ".join(failed) if failed else "all within their limits")
    return int(bool(failed))


def measure_pace(folder: Path) -> float:
    times = {size: first_load(folder, rows=size) for size in SIZES}
    best = min(times, key=lambda size: times[size])
    # Once more in turn, so that both meet the same machine.
    pairs = [(first_load(folder, rows=best), first_load(folder)) for _ in range(RUNS)]
    fixed, auto = (statistics.median(each) for each in zip(*pairs, strict=True))
    tried = ", ".join(f"{size:,}: {seconds:.1f} s" for size, seconds in times.items())
    print(f"pace     fixed sizes {tried}; best {fixed:.2f} s, sized by the answers {auto:.2f} s")
    return statistics.median(sized / alone for alone, sized in pairs)


def measure_lists(folder: Path) -> float:
    pair = [first_load(folder, rows=2_500, lists=lists) for lists in (1, LISTS)]
    sized = [first_load(folder, lists=lists) for lists in (1, LISTS)]
    print(
        f"lists    one list {pair[0]:.2f} s, {LISTS} at once {pair[1]:.2f} s; sized by the answers "
        f"{sized[0]:.2f} s and {sized[1]:.2f} s"
    )
    return pair[1] / pair[0]


def measure_checks(folder: Path) -> float:
    pairs = []
    for _ in range(RUNS + 1):  # the first warms both up
        pairs.append((first_load(folder), first_load(folder, name="TYPED")))
    without, checked = (statistics.median(each) for each in zip(*pairs[1:], strict=True))
    print(f"checks   without {without:.2f} s, checked {checked:.2f} s")
    return statistics.median(took / alone for alone, took in pairs[1:])


def first_load(
    folder: Path, *, rows: int | str = "auto", lists: int = 1, name: str = "PEOPLE"
) -> float:
    """Seconds of a first sync of so many lists, each fed by the same model."""
    [exposure] = yaml.safe_load(EXPOSURE)["exposures"]
    exposures = []
    for number in range(lists):
        meta = exposure["config"]["meta"]["selligent"]
        meta = {**meta, "list": f"{name}{number}", "batch": {"rows": rows}}
        config = {"meta": {"selligent": meta}}
        exposures.append({**exposure, "name": f"people_{number}", "config": config})
    text = yaml.safe_dump({"exposures": exposures}, sort_keys=False)
    path = folder / "models" / "people.yml"
    if path.read_text() != text:
        path.write_text(text)
        run([str(Path(sys.executable).with_name("dbt-selligent")), "ls"], folder)
    forget(folder)
    settings = resolve_settings(project_dir=str(folder), profiles_dir=str(folder), threads=LISTS)
    return clocked(lambda: in_step(sync(settings)))


if __name__ == "__main__":
    sys.exit(main())
