"""Speed and memory, as ratios within one run. `make bench`; prints figures, judges the limits.

load    1,000,000 rows of 10 columns, by `dbt-selligent sync`, against a floor that only scans,
        renders and posts the same rows: at most 2 times its time
diff    the SQL of a sync with nothing changed, against a bare EXCEPT of the same tables with the
        same expressions: at most 1.5 times its time
memory  the peak of a first load of 4,000,000 rows against 1,000,000: at most 1.3 times
start   `dbt-selligent ls` on an unchanged project: under 0.5 s of processor time
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from floor import load

from dbt_selligent import sync
from dbt_selligent.activation import Activation, read_activations
from dbt_selligent.columns import Columns
from dbt_selligent.mapping import match_columns
from dbt_selligent.places import Files
from dbt_selligent.project import read_project
from dbt_selligent.results import RunResults
from dbt_selligent.settings import Settings, resolve_settings
from dbt_selligent.staging import Staging, stage_delta
from dbt_selligent.warehouse.duckdb import open_warehouse
from dbt_selligent.warehouse.macros import render_sql

HERE = Path(__file__).parent
TOOL = str(Path(sys.executable).with_name("dbt-selligent"))
RUNS = 5

PROJECT = """
name: people
profile: people
"""
PROFILES = """
people:
  target: dev
  outputs:
    dev: {type: duckdb, path: "%(folder)s/people.duckdb"}
selligent:
  outputs:
    dev: {type: selligent, url: "%(url)s", organization: DEMO, api_key: demo, api_secret: demo}
"""
MODEL = """
{{ config(materialized='table') }}
select
  i as id, 'person-' || i || '@acme.example' as mail, 'First' || (i %% 1000) as first,
  'Last' || (i %% 7777) as last, ((i * 7) %% 100000) / 100.0::double + 0.1 as spend,
  (i %% 50)::integer as orders, date '2020-01-01' + (i %% 2000)::integer as since,
  timestamp '2020-01-01' + interval (i) second as seen_at, i %% 3 = 0 as optin,
  'tier' || (i %% 4) as tier
from range(%(rows)d) as t(i)
"""
EXPOSURE = """
exposures:
  - name: people
    type: application
    owner: {name: CRM, email: crm@acme.example}
    depends_on: [ref('people')]
    config:
      meta:
        selligent:
          list: PEOPLE
          matching_key: {ID: id}
          fields: {MAIL: mail, FIRST: first, LAST: last, SPEND: spend, ORDERS: orders,
                   SINCE: since, SEEN_AT: seen_at, OPTIN: optin, TIER: tier}
"""


def main() -> int:
    failed = []
    with server() as url, tempfile.TemporaryDirectory() as temporary:
        small = make_project(Path(temporary) / "small", url, 1_000_000)
        large = make_project(Path(temporary) / "large", url, 4_000_000)
        figures = {
            "load": (measure_load(small), 2.0),
            "diff": (measure_diff(small), 1.5),
            "memory": (measure_memory(small, large), 1.3),
            "start": (measure_start(small), 0.5),
        }
    for name, (figure, limit) in figures.items():
        print(f"{name:8} {figure:6.2f}  limit {limit}")
        if figure > limit:
            failed.append(name)
    print("over the limit: " + ", ".join(failed) if failed else "all within their limits")
    return 1 if failed else 0


@contextmanager
def server(*options: str, program: str = "echo_server.py") -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / program), *options], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def make_project(folder: Path, url: str, rows: int) -> Path:
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(PROFILES % {"folder": folder, "url": url})
    (folder / "models" / "people.sql").write_text(MODEL % {"rows": rows})
    (folder / "models" / "people.yml").write_text(EXPOSURE)
    run([str(Path(sys.executable).with_name("dbt")), "-q", "build"], folder)
    return folder


def measure_load(folder: Path) -> float:
    """Leaves the state in step, for `measure_diff`."""
    settings, activation, columns = understand(folder)
    destination = settings.destination_named()
    relation = activation.model.relation_name or ""
    pairs = []
    for _ in range(RUNS + 1):  # the first warms both up
        forget(folder)
        floor = clocked(
            lambda: load(str(folder / "people.duckdb"), "main.people", columns, destination)
        )
        pairs.append((floor, clocked(lambda: in_step(sync(settings)))))
    floor, tool = (statistics.median(each) for each in zip(*pairs[1:], strict=True))
    print(
        f"load     {relation}: floor {floor:.2f} s, sync {tool:.2f} s, "
        f"{1e6 / tool:,.0f} rows a second"
    )
    return statistics.median(tool / floor for floor, tool in pairs[1:])


def measure_diff(folder: Path) -> float:
    settings, activation, columns = understand(folder)
    files = Files.of(activation, settings.destination_named())
    relation = activation.model.relation_name or ""
    settled = ", ".join(render_sql("settled", column=each) for each in columns.sent)
    names = ", ".join(each.name for each in columns.sent)
    bare = (
        f"select count(*) from (select {settled} from {relation} "
        f"except select {names} from _selligent_state.main.snapshot)"
    )
    pairs = []
    with open_warehouse(settings, folder) as reader:

        def whole() -> None:
            figures = stage_delta(bench, Staging(activation.model, columns))
            model, known = ("model", "", None, None), ("known", "", None, None)
            assert figures == {model: 1_000_000, known: 1_000_000}, figures

        for _ in range(2 * RUNS + 1):
            delta = folder / "delta.duckdb"
            with reader.staging(activation.model, files.state, delta, 512) as bench:
                pairs.append((clocked(lambda: bench.query(bare)), clocked(whole)))
    first, second = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"diff     bare EXCEPT {first:.3f} s, the whole SQL {second:.3f} s")
    return statistics.median(took / alone for alone, took in pairs)


def understand(folder: Path) -> tuple[Settings, Activation, Columns]:
    os.chdir(folder)
    settings = resolve_settings()
    manifest = read_project(settings)
    activations, _ = read_activations(manifest, settings)
    [activation] = activations
    with open_warehouse(settings, folder) as reader:
        there = reader.columns(activation.model) or []
    columns, faults = match_columns(activation, there, "UTC")
    assert columns is not None, faults
    return settings, activation, columns


def in_step(results: RunResults) -> None:
    assert {result.status for result in results.results} == {"in step"}, results


def measure_memory(small: Path, large: Path) -> float:
    peaks = []
    for folder in (small, large):
        forget(folder)
        run([TOOL, "ls"], folder)
        peaks.append(peak_memory([TOOL, "sync", "-q"], folder))
    print(f"memory   1,000,000 rows {peaks[0]:.0f} MiB, 4,000,000 rows {peaks[1]:.0f} MiB")
    return peaks[1] / peaks[0]


def measure_start(folder: Path) -> float:
    run([TOOL, "ls"], folder)
    return statistics.median(cpu_seconds([TOOL, "ls"], folder) for _ in range(RUNS))


def forget(folder: Path) -> None:
    """Leaves no state, and nothing that was learned of the destination."""
    for pattern in ("*.duckdb*", "destination.json"):
        for path in (folder / ".dbt_selligent").rglob(pattern):
            path.unlink()


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")


def clocked(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def child_usage(command: list[str], folder: Path) -> tuple[float, float]:
    """Processor seconds and peak memory in MiB of a command, measured in a process of its own."""
    program = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak = json.loads(done.stdout)
    return seconds, peak / 1024


def peak_memory(command: list[str], folder: Path) -> float:
    return child_usage(command, folder)[1]


def cpu_seconds(command: list[str], folder: Path) -> float:
    return child_usage(command, folder)[0]


if __name__ == "__main__":
    sys.exit(main())
