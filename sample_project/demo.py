"""Runs the sample project against a local Selligent and checks that both ends hold the same rows.

    python sample_project/demo.py

It needs dbt-selligent[sandbox] in the Python that runs it, and no network. Everything happens in a
temporary copy of this folder, which is removed at the end. The exit code is 0 only when every
command succeeded and every list equals its model. The check at the end knows nothing of
dbt-selligent: it reads the list over plain HTTP, the model with DuckDB and their mapping from
dbt's manifest.
"""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import requests

ORGANIZATION = "DEMO"
CREDENTIALS = {"X-ApiKey": "demo:demo"}
WAREHOUSE = "cdnow.duckdb"
LEFTOVERS = shutil.ignore_patterns(
    "target", "logs", ".dbt_selligent", "*.duckdb", "*.wal", "__pycache__"
)
FIRST_DAY = "{as_of: 1997-09-30}"
LAST_DAY = "{as_of: 1998-06-30}"

PAGE_ROWS = 5_000
MOST_ROWS = 1_000_000
START_SECONDS = 30
STOP_SECONDS = 10
COMMAND_SECONDS = 600
SHOWN_DIFFERENCES = 5

Row = tuple[object, ...]


class DemoError(Exception):
    """The demo cannot go on, or its check found a difference."""


@dataclass(frozen=True)
class Activation:
    """What an exposure says: which columns of which model feed which fields of which list."""

    list_name: str
    model: str
    relation: str
    key: tuple[str, ...]
    columns: Mapping[str, str]  # field: column, the key fields first

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self.columns)


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with tempfile.TemporaryDirectory(prefix="cdnow-") as folder:
            project = Path(folder) / "sample_project"
            shutil.copytree(Path(__file__).parent, project, ignore=LEFTOVERS)
            run_demo(project)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (DemoError, requests.RequestException, duckdb.Error) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    return 0


def run_demo(project: Path) -> None:
    """Raises DemoError when a command fails, or when a list differs from its model."""
    with sandbox(project) as (url, environment):
        say("The shop as of the end of September 1997: everything is new to Selligent.")
        run(["dbt", "build", "--vars", FIRST_DAY], project, environment)
        run(["dbt-selligent", "sync", "--vars", FIRST_DAY], project, environment)

        say("Nine months later: only the differences are sent.")
        run(["dbt", "build", "--vars", LAST_DAY], project, environment)
        run(["dbt-selligent", "plan", "--vars", LAST_DAY], project, environment)
        run(["dbt-selligent", "sync", "--vars", LAST_DAY], project, environment)

        say("Once more: nothing has changed, and nothing is sent.")
        run(["dbt-selligent", "sync", "--vars", LAST_DAY], project, environment)

        say("Is every list what its model says?")
        if not check(project, url):
            raise DemoError("a list differs from its model")


def say(text: str) -> None:
    print(f"\n# {text}", flush=True)


def run(command: Sequence[str], project: Path, environment: Mapping[str, str]) -> None:
    """Echoes a command as a shell shows it and runs it; DemoError when it fails."""
    print(f"$ {shlex.join(command)}", flush=True)
    executable = find_command(command[0])
    try:
        done = subprocess.run(
            [executable, *command[1:]],
            cwd=project,
            env=environment,
            check=False,
            timeout=COMMAND_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise DemoError(f"{shlex.join(command)} took over {COMMAND_SECONDS} seconds") from None
    if done.returncode != 0:
        raise DemoError(f"{shlex.join(command)} ended with exit code {done.returncode}")


def find_command(name: str) -> str:
    """The command beside this Python, so that no other installation is tried by accident."""
    folder = Path(sys.executable).parent
    found = shutil.which(name, path=str(folder))
    if found is None:
        raise DemoError(f"no {name} in {folder}: run `pip install 'dbt-selligent[sandbox]'` there")
    return found


@contextmanager
def sandbox(project: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A local Selligent on a free port: its address, and the environment that commands need."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    # Someone's own dbt settings would lead dbt to another profile or target.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    environment |= {"SELLIGENT_URL": url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    command = ["dbt-selligent", "sandbox", "--port", str(port), "--config", "sandbox.yml"]
    executable = find_command(command[0])
    print(f"$ {shlex.join(command)} &", flush=True)
    log = project.parent / "sandbox.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [executable, *command[1:]],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_up(process, url, log)
        print(f"$ export SELLIGENT_URL={url}", flush=True)
        yield url, environment
    finally:
        stop(process)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_up(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with connect() as http:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if http.get(f"{url}/Portal/Api/status", timeout=1).status_code == 200:
                    return
            except requests.RequestException:
                pass  # not listening yet
            time.sleep(0.1)
    if process.poll() is None:
        reason = f"the sandbox did not answer within {START_SECONDS} seconds"
    else:
        reason = f"the sandbox ended with exit code {process.returncode}"
    raise DemoError(f"{reason}\n{log.read_text(errors='replace')[-2000:]}".rstrip())


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check(project: Path, url: str) -> bool:
    """Says of each activation whether its list equals its model, and of all whether they do."""
    manifest = json.loads((project / "target" / "manifest.json").read_text(encoding="utf-8"))
    activations = read_activations(manifest)
    if not activations:
        print("No activation: nothing was compared")
    in_step = bool(activations)
    for activation in activations:
        model_rows = read_model(project / WAREHOUSE, activation)
        list_rows = read_list(url, activation)
        differences = compare(activation, model_rows, list_rows)
        name = f"{activation.list_name} in the sandbox"
        if differences:
            in_step = False
            print(f"{name} differs from model {activation.model}: {len(differences):,} differences")
            for difference in differences[:SHOWN_DIFFERENCES]:
                print(f"  {difference}")
        else:
            size = f"{len(model_rows):,} rows, {len(activation.fields)} fields"
            print(f"{name} equals model {activation.model}: {size}")
    return in_step


def read_activations(manifest: Mapping[str, Any]) -> list[Activation]:
    """The exposures with `config.meta.selligent` in dbt's manifest, by name."""
    activations = []
    for _, exposure in sorted(manifest["exposures"].items()):
        meta = exposure["config"]["meta"].get("selligent")
        if meta is None:
            continue
        nodes = [manifest["nodes"][node] for node in exposure["depends_on"]["nodes"]]
        (model,) = [node for node in nodes if node["name"] == meta.get("model", node["name"])]
        activations.append(
            Activation(
                list_name=meta["list"],
                model=model["name"],
                relation=model["relation_name"],
                key=tuple(meta["matching_key"]),
                columns=meta["matching_key"] | meta["fields"],
            )
        )
    return activations


def read_model(warehouse: Path, activation: Activation) -> list[Row]:
    """The rows of the model, their values in the order of the activation's fields."""
    columns = ", ".join(f'"{column}"' for column in activation.columns.values())
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows: list[Row] = connection.execute(
            f"select {columns} from {activation.relation}"
        ).fetchall()
    return rows


def read_list(url: str, activation: Activation) -> list[Row]:
    """The records of the list, read page by page, in the order of the activation's fields."""
    path = f"/Portal/Api/organizations/{ORGANIZATION}/lists/{activation.list_name}/data/search"
    request = {
        "fields": list(activation.fields),
        "take": PAGE_ROWS,
        "order_by": activation.key[0],
        "order_by_direction": "ASC",
    }
    rows: list[Row] = []
    with connect() as http:
        while len(rows) <= MOST_ROWS:
            response = http.post(url + path, json=request | {"skip": len(rows)}, timeout=60)
            response.raise_for_status()
            answer = response.json()
            if answer.get("result_code", "Succeeded") != "Succeeded":
                raise DemoError(f"{activation.list_name} cannot be read: {answer['result_code']}")
            order = [answer["fields"].index(field) for field in activation.fields]
            rows += [tuple(record[place] for place in order) for record in answer["data"]]
            if not answer["data"]:
                return rows
    raise DemoError(f"{activation.list_name} has more than {MOST_ROWS:,} rows")


def connect() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy on the way to this machine
    session.headers.update(CREDENTIALS)
    return session


def compare(
    activation: Activation, model_rows: Sequence[Row], list_rows: Sequence[Row]
) -> list[str]:
    """What differs between a model and its list, a line for each row or value; [] when they equal.

    Rows hold the values of `activation.fields`, in any order of rows. A key that stands twice is a
    difference, and so is a model without rows, because comparing nothing proves nothing.
    """
    if not model_rows:
        return [f"model {activation.model} has no rows"]
    key_size = len(activation.key)
    differences = [f"{key} stands twice in the model" for key in find_doubles(model_rows, key_size)]
    differences += [f"{key} stands twice in the list" for key in find_doubles(list_rows, key_size)]

    wanted_rows = {row[:key_size]: row for row in model_rows}
    found_rows = {row[:key_size]: row for row in list_rows}
    differences += [f"{key} is not in the list" for key in wanted_rows if key not in found_rows]
    differences += [f"{key} is not in the model" for key in found_rows if key not in wanted_rows]
    differences += [
        f"{key} has {field} {found!r} in the list and {wanted!r} in the model"
        for key, row in wanted_rows.items()
        if key in found_rows
        for field, wanted, found in zip(activation.fields, row, found_rows[key], strict=True)
        if not is_same(wanted, found)
    ]
    return differences


def find_doubles(rows: Sequence[Row], key_size: int) -> list[Row]:
    seen: set[Row] = set()
    doubles = []
    for row in rows:
        key = row[:key_size]
        if key in seen:
            doubles.append(key)
        seen.add(key)
    return doubles


def is_same(wanted: object, found: object) -> bool:
    """Whether a value from JSON is the model's value, its type included.

    Floats are compared to the 12 significant digits with which they are sent, decimals to the 15
    that a Selligent Float holds.
    """
    if isinstance(wanted, (float, Decimal)):
        is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
        digits = 12 if isinstance(wanted, float) else 15
        return is_number and f"{float(wanted):.{digits}g}" == f"{found:.{digits}g}"
    if isinstance(wanted, date):  # a datetime is a date too
        if not isinstance(wanted, datetime):
            wanted = datetime(wanted.year, wanted.month, wanted.day, tzinfo=timezone.utc)
        return isinstance(found, str) and read_time(found) == wanted.replace(tzinfo=timezone.utc)
    return type(found) is type(wanted) and found == wanted


def read_time(text: str) -> datetime | None:
    """An ISO 8601 day or time in UTC, where no zone means UTC; None when it is neither."""
    try:
        time_read = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    if time_read.tzinfo is None:
        return time_read.replace(tzinfo=timezone.utc)
    return time_read.astimezone(timezone.utc)


if __name__ == "__main__":
    sys.exit(main())
