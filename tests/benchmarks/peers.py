"""The tool beside its peers, on the same rows and against the same server. `make peers`.

load    a first sync of all rows of a model of 10 columns
change  one column changed in 1% of the rows, and nothing tells which: each side keeps what it kept
        from the first load, finds the change as it can, and sends at least that, or else all
cursor  the same, and a time that all rows have tells which: peers that read what is later than the
        last time do that. This finds no rows that left the model, nor ones whose time stood still

A figure is rows of the model a second of the whole sync, in a process of its own, its start
included, and how long that takes is told as well. The server tells what came: every row of the
model once, with the same content from every sender, or every row that changed. How many times the
rows a second of each peer this tool has is what counts; nearest is the peer with the most. Seconds
of processors are told beside, since they change less where others use the machine too. Each sync is
told on stderr when it ended.

--rows 1000000 4000000   sizes of the model, one after the other
--peers drt dlt          these peers alone; none named, and the tool is measured alone
--runs 3                 all so many times, each with a model of its own: medians
--batch 2500             rows in a request of the peers; the tool sizes its own by the answers
--delay 0.2              seconds that the server waits before it answers a request
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import duckdb
from bench import HERE, TOOL, make_project, run, server
from counting_server import MARK

BIN = HERE.parents[1] / ".venv-peers" / "bin"
LIST = "/Portal/Api/organizations/DEMO/lists/PEOPLE/data/load"
LONGEST = 1800  # seconds of one sync
BETWEEN = 0.02  # seconds between two looks at the memory
PART = 100  # one row in so many changes
FEW = 100  # rows, for how long a start takes
QUIET = {"DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false", "NO_PROXY": "127.0.0.1"}


@dataclass(frozen=True)
class Sender:
    """How one side is run, and in which scenarios."""

    name: str
    about: str
    command: tuple[str, ...]
    scenarios: tuple[str, ...] = ("load", "change")


@dataclass(frozen=True)
class Used:
    """Seconds of a sync, those of processors among them, and the peak of its memory in MiB."""

    seconds: float
    processor: float
    peak: float


@dataclass(frozen=True)
class Figure:
    """What one sync took, and what the server got of it."""

    scenario: str
    sender: Sender
    model: int
    used: Used
    sent: dict[str, int]

    @property
    def pace(self) -> float:
        """Rows of the model a second."""
        return self.model / self.used.seconds


def python(script: str, *options: str) -> tuple[str, ...]:
    return (str(BIN / "python"), str(HERE / "peers" / script), *options)


def drt(sync: str) -> tuple[str, ...]:
    return (str(BIN / "drt"), "run", "--quiet", "--select", sync)


Starts = Mapping[Sender, float]

OURS = Sender("dbt-selligent", "as installed", (TOOL, "sync", "-q"), ("load", "change", "cursor"))
BY_TIME = ("load", "cursor")
PEERS = (
    Sender("drt", "a template renders the rows; all again", drt("template")),
    Sender("drt rendered", "DuckDB renders the rows, drt joins them; all again", drt("rendered")),
    Sender("drt cursor", "as rendered; then later rows alone", drt("cursor"), BY_TIME),
    Sender("dlt", "orjson renders the rows; all again", python("with_dlt.py", "values")),
    Sender(
        "dlt rendered",
        "DuckDB renders the rows, dlt joins them; all again",
        python("with_dlt.py", "rendered"),
    ),
    Sender(
        "dlt cursor", "as rendered; then later rows alone", python("with_dlt.py", "cursor"), BY_TIME
    ),
    Sender("pandas", "pandas renders the rows; all again", python("with_pandas.py", "all")),
    Sender(
        "pandas kept",
        "the same; then what is not so in the Parquet file of the last time",
        python("with_pandas.py", "kept"),
    ),
)


def main() -> int:
    options = parsed()
    named = [each for each in PEERS if options.peers is None or each.name in options.peers]
    senders = [OURS, *named]
    with (
        server("--delay", str(options.delay), program="counting_server.py") as url,
        tempfile.TemporaryDirectory() as temporary,
    ):
        bench = Bench(url, Path(temporary), options.batch)
        show_starts(bench.starts(senders))
        print(f"peers send {options.batch:,} rows a request, each of which waits {options.delay} s")
        for rows in options.rows:
            figures = medians([bench.measure(rows, senders) for _ in range(options.runs)])
            show(figures)
            compare(rows, figures)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--peers", nargs="*", choices=[each.name for each in PEERS])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=2_500)
    parser.add_argument("--delay", type=float, default=0.0)
    return parser.parse_args()


@dataclass(frozen=True)
class Bench:
    """Where all is measured."""

    url: str
    folder: Path
    batch: int

    def starts(self, senders: Sequence[Sender]) -> Starts:
        """Seconds of a sync of next to nothing: the quickest of three."""
        folder = self._project(FEW)
        runs = [{each: self._sync(folder, each).seconds for each in senders} for _ in range(3)]
        return {each: min(seconds[each] for seconds in runs) for each in senders}

    def measure(self, rows: int, senders: Sequence[Sender]) -> list[Figure]:
        """First loads of all, then the changes, on a model of its own."""
        folder = self._project(rows)
        figures: list[Figure] = []
        for scenario, changes in CHANGES.items():
            marked = change(folder / "people.duckdb", changes) if changes else 0
            due = {"marked": marked} if changes else {"rows": rows, "keys": rows}
            for sender in senders:
                if scenario in sender.scenarios:
                    self._counters()
                    used = self._sync(folder, sender)
                    sent = self._counters()
                    if not changes and figures:
                        due["content"] = figures[0].sent["content"]
                    if not due.items() <= sent.items():
                        raise SystemExit(f"{sender.name}, {scenario}: {sent} in place of {due}")
                    figures.append(Figure(scenario, sender, rows, used, sent))
                    print(line(figures[-1]), file=sys.stderr, flush=True)
        shutil.rmtree(folder)
        return figures

    def _project(self, rows: int) -> Path:
        """A project that is built, and was read before, so that no first parse is measured."""
        folder = make_project(self.folder / str(rows), self.url, rows)
        run([TOOL, "ls"], folder)
        return folder

    def _sync(self, folder: Path, sender: Sender) -> Used:
        """A sync, in the project of this tool or in a home of the peer's own."""
        if sender is OURS:
            return watched(sender.command, folder, {})
        warehouse = str(folder / "people.duckdb")
        home = folder / "peers" / sender.name.replace(" ", "_")
        if not home.exists():
            shutil.copytree(HERE / "peers" / "drt", home)
            profile = {"peers": {"type": "duckdb", "database": warehouse, "fetch_size": 50_000}}
            (home / ".drt").mkdir()
            (home / ".drt" / "profiles.yml").write_text(json.dumps(profile))
        environment = {
            "HOME": str(home),
            "PEERS_URL": self.url + LIST,
            "PEERS_WAREHOUSE": warehouse,
            "PEERS_BATCH": str(self.batch),
        }
        return watched(sender.command, home, environment | QUIET)

    def _counters(self) -> dict[str, int]:
        with urlopen(f"{self.url}/counters", timeout=600) as answer:  # noqa: S310
            told: dict[str, int] = json.load(answer)
        return told


# What is set in which rows. The times of the model's rows end before 2030.
CHANGES = {
    "load": "",
    "change": f"set tier = '{MARK}' where id % {PART} = 0",
    "cursor": f"set tier = '{MARK}', seen_at = timestamp '2040-01-01' where id % {PART} = 1",
}


def change(warehouse: Path, changes: str) -> int:
    """Changes the model as a build of it would; gives the number of rows."""
    with duckdb.connect(str(warehouse)) as connection:
        [[rows]] = connection.execute(f"update main.people {changes}").fetchall()
    return int(rows)


def medians(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Of each sync the run of middling time; of an even number of them, the quicker of the two."""
    middle = (len(runs) - 1) // 2
    return [
        sorted(same, key=lambda each: each.used.seconds)[middle] for same in zip(*runs, strict=True)
    ]


def show_starts(starts: Starts) -> None:
    print(f"{'sender':15} {'start s':>7}  how")
    for sender, seconds in starts.items():
        print(f"{sender.name:15} {seconds:7.2f}  {sender.about}")


def show(figures: Sequence[Figure]) -> None:
    print(
        f"\n{'scenario':8} {'sender':15} {'model':>10} {'seconds':>8} {'rows/s':>9} {'cpu s':>7} "
        f"{'peak MiB':>8} {'requests':>8} {'rows sent':>10} {'MB sent':>8}"
    )
    for each in figures:
        print(line(each))


def line(of: Figure) -> str:
    return (
        f"{of.scenario:8} {of.sender.name:15} {of.model:10,} {of.used.seconds:8.2f} "
        f"{of.pace:9,.0f} {of.used.processor:7.2f} {of.used.peak:8,.0f} "
        f"{of.sent['requests']:8,} {of.sent['rows']:10,} {of.sent['bytes'] / 1e6:8.1f}"
    )


def compare(rows: int, figures: Sequence[Figure]) -> None:
    """Prints how many times the rows a second of each peer this tool has."""
    for scenario in CHANGES:
        ours, *peers = [each for each in figures if each.scenario == scenario]
        if not peers:
            continue
        print(f"\n{scenario}, {rows:,} rows: rows a second of {OURS.name} are times those of")
        print(f"  {'':15} {'all':>6} {'processors alone':>17}")
        for each in peers:
            print(f"  {each.sender.name:15} {versus(ours, each)}")
        best = max(peers, key=lambda each: each.pace)
        print(f"  {'nearest':15} {versus(ours, best)}  {best.sender.name}")


def versus(ours: Figure, peer: Figure) -> str:
    processors = peer.used.processor / ours.used.processor
    return f"{ours.pace / peer.pace:6.2f} {processors:17.2f}"


def watched(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Used:
    """What a process and its children used, together."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        peaks = [0]
        ended = threading.Event()
        watch = threading.Thread(target=look, args=(process.pid, peaks, ended))
        late = threading.Timer(LONGEST, process.kill)
        watch.start()
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            process.kill()
            late.cancel()
            ended.set()
            watch.join()
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{command}: {said.read().decode(errors='replace')}")
    return Used(seconds, usage.ru_utime + usage.ru_stime, max(peaks) / 1024)


def look(pid: int, peaks: list[int], ended: threading.Event) -> None:
    """Notes what the process and its children hold, in KiB, until it ended. Linux tells, only."""
    while not ended.wait(BETWEEN):
        held = [memory(each) for each in family(pid)]
        peaks.append(sum(now for now, _ in held))
        peaks.append(max((most for _, most in held), default=0))


def family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for path in Path("/proc").glob(f"{each}/task/*/children"):
            with suppress(OSError):
                found += map(int, path.read_text().split())
    return found


def memory(pid: int) -> tuple[int, int]:
    """What a process holds in KiB, and the most it ever held."""
    with suppress(OSError):
        lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        told = {words[0]: words[1] for words in lines if len(words) > 1}
        return int(told.get("VmRSS:", 0)), int(told.get("VmHWM:", 0))
    return 0, 0


if __name__ == "__main__":
    sys.exit(main())
