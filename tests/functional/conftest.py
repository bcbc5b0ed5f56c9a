"""A small shop: a dbt project on DuckDB, its activations, and a Selligent that runs in-process.

dbt takes three seconds to parse a project, so one project is parsed once per session and emptied
for each test. Tests write the models' tables as dbt would have left them, and `Shop.declare` writes
an activation the way dbt writes it into the manifest; `Shop.build` and `project` are the real way.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb
import pytest
import yaml
from sandbox.conformance import assert_conforms

from dbt_selligent import plan, resolve_settings, sync
from dbt_selligent.cli import main
from dbt_selligent.places import Files
from dbt_selligent.planning import Plan
from dbt_selligent.project import parse_project
from dbt_selligent.results import ActivationResult, RunResults
from dbt_selligent.sandbox import Sandbox, SandboxConfig
from dbt_selligent.selection import list_activations

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PARSED = ("manifest.json", "parsed.json")  # what dbt made of the project, and the tool's stamp
TEMPORARY = ".temporary-"  # how the tool's folders of a run begin
SECONDS = 60  # the longest that anything may take

KEY = {"data_type": "Long", "allow_null": False}
TEXT = {"data_type": "Text", "length": 100}
CUSTOMERS = {
    "business_key": ["CUSTOMER_ID"],
    "fields": {
        "CUSTOMER_ID": KEY,
        "MAIL": TEXT,
        "FIRSTNAME": TEXT,
        "LTV": {"data_type": "Float"},
        "OPTIN": {"data_type": "Boolean"},
    },
}
LISTS: dict[str, Any] = {
    "CUSTOMERS": {**CUSTOMERS, "segments": [{"api_name": "YOUNG", "type": "Dynamic"}]},
    "OTHERS": CUSTOMERS,
    "ORDERS": {
        "business_key": ["STORE", "ORDER_NO"],
        "fields": {"STORE": TEXT, "ORDER_NO": KEY, "STATE": TEXT, "TOTAL": {"data_type": "Float"}},
    },
    "THINGS": {
        "business_key": ["ID"],
        "fields": {
            "ID": KEY,
            "WORDS": {"data_type": "LongText"},
            "NO": {"data_type": "Long"},
            "AMOUNT": {"data_type": "Float"},
            "DAY": {"data_type": "Date"},
            "AT": {"data_type": "DateTime"},
            "FLAG": {"data_type": "Boolean"},
        },
    },
    "MAILS": {"business_key": ["MAIL"], "fields": {"MAIL": TEXT, "SCORE": {"data_type": "Long"}}},
}

CRM_FIELDS = {
    "MAIL": "email",
    "FIRSTNAME": "first_name",
    "LTV": "lifetime_value",
    "OPTIN": "opt_in",
}


def exposure(
    name: str, model: str | Sequence[str], meta: object, tags: Sequence[str] = ()
) -> dict[str, Any]:
    """An exposure as a user writes it."""
    models = [model] if isinstance(model, str) else list(model)
    return {
        "name": name,
        "type": "application",
        "owner": {"name": "CRM", "email": "crm@acme.example"},
        "depends_on": [f"ref('{each}')" for each in models],
        "config": {"tags": list(tags), "meta": {"selligent": meta}},
    }


EXPOSURES = [
    exposure(
        "crm",
        "customers",
        {
            "list": "CUSTOMERS",
            "matching_key": {"CUSTOMER_ID": "id"},
            "fields": CRM_FIELDS,
            # Tests count requests, whatever time each takes.
            "batch": {"rows": 2500},
        },
        ["crm", "daily"],
    ),
    exposure(
        "orders",
        "orders",
        {
            "list": "ORDERS",
            "matching_key": {"STORE": "store", "ORDER_NO": "order_no"},
            "fields": {"STATE": "state", "TOTAL": "total"},
        },
        ["daily"],
    ),
    exposure(
        "things",
        "things",
        {
            "list": "THINGS",
            "matching_key": {"ID": "id"},
            "fields": {
                "WORDS": "words",
                "NO": "no",
                "AMOUNT": "amount",
                "DAY": "day",
                "AT": "at",
                "FLAG": "flag",
            },
        },
    ),
    exposure(
        "mails",
        "mails",
        {"list": "MAILS", "matching_key": {"MAIL": "mail"}, "fields": {"SCORE": "score"}},
        ["scores"],
    ),
]
MODELS = dict.fromkeys(("customers", "orders", "things", "mails", "spare"), "select 1 as id")


def write_project(
    folder: Path,
    exposures: Sequence[Mapping[str, Any]],
    models: Mapping[str, str] = MODELS,
    warehouse: Mapping[str, Any] | None = None,
) -> None:
    """A dbt project with models as tables; `warehouse` is its output in the profile."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    description = {
        "name": "shop",
        "version": "1.0",
        "profile": "shop",
        "flags": {"send_anonymous_usage_stats": False},
        "models": {"+materialized": "table"},
    }
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(description))
    output = dict(warehouse or {"path": str(folder / "shop.duckdb")})
    (folder / "warehouse.json").write_text(json.dumps({"type": "duckdb", "threads": 1, **output}))
    for name, sql in models.items():
        (folder / "models" / f"{name}.sql").write_text(sql)
    text = yaml.safe_dump({"exposures": [dict(each) for each in exposures]}, sort_keys=False)
    (folder / "models" / "exposures.yml").write_text(text)


def parse(folder: Path) -> Path:
    """Has dbt parse a project; what comes of it is kept aside, for `empty`."""
    shop = Shop(folder, Sandbox(SandboxConfig()), "http://127.0.0.1:9")
    shop.profile()
    with (
        mock.patch.dict(os.environ, {"HOME": str(folder)}),
        parse_project(shop.settings()) as manifest,
    ):
        for name in PARSED:
            shutil.copy(manifest.with_name(name), folder / name)
    return folder


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All it said."""
        return self.out + self.err


Sent = tuple[str, dict[str, str], Any]


@dataclass
class Shop:
    """The project, its warehouse and the Selligent it sends to."""

    folder: Path
    sandbox: Sandbox
    url: str
    waits: list[float] = field(default_factory=list)
    seen: int = 0

    @property
    def warehouse(self) -> Path:
        return self.folder / "shop.duckdb"

    @property
    def state(self) -> Path:
        return self.folder / ".dbt_selligent"

    @property
    def results_file(self) -> Path:
        return self.folder / "target" / "selligent_run_results.json"

    def results(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.results_file.read_text())
        return content

    @property
    def output(self) -> dict[str, Any]:
        """The selligent output of profiles.yml, without what is the default."""
        config = self.sandbox.config
        return {
            "type": "selligent",
            "url": self.url,
            "organization": config.organization,
            "api_key": config.api_key,
            "api_secret": config.api_secret,
        }

    def profile(
        self,
        *,
        more: Mapping[str, Any] | None = None,
        targets: Sequence[str] = ("dev",),
        **changed: Any,
    ) -> None:
        """Writes profiles.yml; `changed` are keys of the selligent output, `more` its siblings."""
        warehouse = json.loads((self.folder / "warehouse.json").read_text())
        profiles = {
            "shop": {"target": "dev", "outputs": dict.fromkeys(targets, warehouse)},
            "selligent": {"outputs": {"dev": {**self.output, **changed}, **(more or {})}},
        }
        (self.folder / "profiles.yml").write_text(json.dumps(profiles))

    def declare(self, *exposures: Mapping[str, Any]) -> None:
        """Puts these exposures in place of all others, as dbt would, without having it parse."""
        path = self.folder / "target" / "selligent" / "manifest.json"
        manifest = json.loads(path.read_text())
        example = next(iter(manifest["exposures"].values()))
        manifest["exposures"] = {}
        for each in exposures:
            models = [ref.removeprefix("ref('").removesuffix("')") for ref in each["depends_on"]]
            manifest["exposures"][f"exposure.shop.{each['name']}"] = {
                **example,
                "name": each["name"],
                "fqn": ["shop", each["name"]],
                "unique_id": f"exposure.shop.{each['name']}",
                "tags": each["config"]["tags"],
                "config": {"enabled": True, **each["config"]},
                "meta": each["config"]["meta"],
                "depends_on": {"macros": [], "nodes": [f"model.shop.{name}" for name in models]},
            }
        path.write_text(json.dumps(manifest))

    def table(self, name: str, sql: str) -> None:
        """The model's table, as a run of dbt would have left it."""
        self.write(f"create or replace table {name} as {sql}")

    def write(self, *statements: str) -> None:
        with duckdb.connect(str(self.warehouse)) as connection:
            for statement in statements:
                connection.execute(statement)

    def customers(self, *rows: tuple[Any, ...]) -> None:
        """The table of `customers`: id, email, first name, lifetime value, opt-in."""
        self.write(
            "create or replace table customers (id integer, email varchar, first_name varchar, "
            "lifetime_value double, opt_in boolean)"
        )
        with duckdb.connect(str(self.warehouse)) as connection:
            for row in rows:
                connection.execute("insert into customers values (?, ?, ?, ?, ?)", row)

    def settings(self, **chosen: Any) -> Any:
        # One list after the other, so that requests come in the same order each time.
        fixed = {"project_dir": self.folder, "profiles_dir": self.folder, "threads": 1}
        return resolve_settings(**{**fixed, **chosen})

    def sync(self, **chosen: Any) -> RunResults:
        """A sync in this process, which does not really wait; its counts must add up."""
        results = sync(self.settings(**chosen), sleep=self.waits.append)
        for result in results.results:
            check_counts(result)
        return results

    def sync_one(self, name: str = "crm", **chosen: Any) -> ActivationResult:
        [result] = self.sync(select=(name,), **chosen).results
        assert result.name == name
        return result

    def in_step(self, name: str = "crm", **chosen: Any) -> ActivationResult:
        """A sync that must leave the activation in step."""
        result = self.sync_one(name, **chosen)
        assert (result.status, result.error) == ("in step", None)
        return result

    def list_lock(self, name: str = "crm") -> Path:
        """That of the list of an activation."""
        settings = self.settings(select=(name,))
        [activation] = list_activations(settings)
        return Files.of(activation, settings.destination_named()).list_lock

    def plan_one(self, name: str = "crm", *, sample: int = 0, **chosen: Any) -> Plan:
        [made] = plan(self.settings(select=(name,), **chosen), sample=sample)
        return made

    def sent(self) -> list[Sent]:
        """The bulk requests since the last time: list, query and body."""
        bulk = self.sandbox.bulk()
        new, self.seen = bulk[self.seen :], len(bulk)
        return [(one.path.split("/")[-3], one.query, one.body) for one in new]

    def writes(self) -> list[str]:
        """All requests that change something, so far."""
        return [one.path for one in self.sandbox.received if one.method != "GET"]

    def records(self, name: str = "CUSTOMERS") -> list[tuple[object, ...]]:
        return [tuple(record.values()) for record in self.sandbox.records(name)]

    def invoke(self, *arguments: str) -> Done:
        """The command in this process: quick, for what it says and how it ends."""
        out, err, code = io.StringIO(), io.StringIO(), 0
        where = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        argv = ["dbt-selligent", *arguments, *where]
        with redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", argv):
            handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGALRM)}
            hook = sys.unraisablehook
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                sys.unraisablehook = hook
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return Done(code, out.getvalue(), err.getvalue())

    def command(self, *arguments: str, cwd: Path | None = None) -> Done:
        """The real command, in the folder of the project."""
        done = subprocess.run(
            [BIN / "dbt-selligent", *arguments],
            cwd=cwd or self.folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The real command while it runs; it is killed at the end of the block at the latest."""
        process = subprocess.Popen(
            [BIN / "dbt-selligent", *arguments],
            cwd=self.folder,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # As on a terminal, also where the tests themselves run in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=SECONDS)

    def dbt_said(self, *, target: str | None = None, at: str = "12:00", **nodes: str) -> None:
        """What a `dbt build` leaves: the status of models, at a time of a day."""
        content = {
            "metadata": {"generated_at": f"2026-05-01T{at}:00.000000Z"},
            "args": {"which": "build", "empty": False, "target": target},
            "results": [
                {"unique_id": f"model.shop.{name}", "status": status}
                for name, status in nodes.items()
            ],
        }
        (self.folder / "target" / "run_results.json").write_text(json.dumps(content))

    def build(self, *arguments: str) -> Done:
        """The real `dbt`, in the folder of the project."""
        return run_dbt(self.folder, *arguments)

    def state_bytes(self) -> dict[str, str]:
        """A digest of each file of the state, by path; of lock files the name is all.

        What a killed run leaves of its temporary folder is no state.
        """
        return {
            str(path.relative_to(self.state)): ""
            if path.suffix == ".lock"
            else hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.state.rglob("*"))
            if path.is_file() and TEMPORARY not in str(path)
        }


def check_counts(result: ActivationResult) -> None:
    """Every row of the model is accounted for, and so is every row to be sent."""
    counts = result.counts
    if counts is None:
        assert result.status in ("failed", "kept back", "skipped")
        assert result.error
        return
    parts = (
        counts.unchanged,
        counts.new,
        counts.changed,
        counts.invalid,
        counts.held,
        counts.not_found,
    )
    assert counts.rows == sum(parts)
    assert min(parts) >= 0
    assert counts.in_doubt <= counts.changed
    said = (result.confirmed, result.rejected, result.not_found, result.not_sent)
    assert counts.new + counts.changed == sum(said)
    assert min(*said, result.removed, result.not_removed) >= 0


def clean_environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}


def run_dbt(folder: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [BIN / "dbt", "--no-use-colors", *arguments],
        cwd=folder,
        env={**clean_environment(), "DBT_PROFILES_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def wait_until(true: Callable[[], object], what: str) -> None:
    """Polls, for so long and no longer."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.01)


def load(
    name: str, keys: str, fields: str, rows: Sequence[Sequence[Any]], *, only_update: bool = False
) -> Sent:
    """The request that is to be found in `Shop.sent`."""
    option = "OnlyUpdate" if only_update else "InsertAndUpdate"
    query = {"keyFields": keys, "fields": fields, "data_import_option": option}
    return name, query, [list(row) for row in rows]


@pytest.fixture(autouse=True)
def _no_dbt_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("DBT_", "SELLIGENT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(scope="session")
def parsed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's project, parsed by dbt."""
    folder = tmp_path_factory.mktemp("shop")
    write_project(folder, EXPOSURES)
    return parse(folder)


def new_sandbox(**chosen: Any) -> Sandbox:
    names = ("api_key", "api_secret", "lists")
    config = {"lists": LISTS, **{name: chosen.pop(name) for name in names if name in chosen}}
    return Sandbox(SandboxConfig.model_validate(config), **{"keep_responses": True, **chosen})


def empty(folder: Path) -> None:
    """Leaves of a project what dbt has parsed, and nothing else."""
    shutil.rmtree(folder / ".dbt_selligent", ignore_errors=True)
    left = ("shop.duckdb", "target/run_results.json", "target/selligent_run_results.json")
    for name in left:
        (folder / name).unlink(missing_ok=True)
    for path in (folder / "target" / "selligent").glob(f"{TEMPORARY}*"):
        shutil.rmtree(path)
    for name in PARSED:
        shutil.copy(folder / name, folder / "target" / "selligent" / name)


@pytest.fixture
def open_shop(parsed_folder: Path) -> Iterator[Callable[..., Shop]]:
    """Opens the shop on a sandbox of the test's own making."""
    with ExitStack() as stack:

        def open_it(**chosen: Any) -> Shop:
            sandbox = new_sandbox(**chosen)
            empty(parsed_folder)
            shop = Shop(parsed_folder, sandbox, stack.enter_context(sandbox.running()))
            shop.profile()
            # Whatever a test is about, every request and every answer is as the API describes it.
            stack.callback(assert_conforms, sandbox)
            return shop

        yield open_it


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    """The shop, empty: no table, no state, nothing in Selligent."""
    return open_shop()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """A project of the test's own, which dbt has yet to parse."""
    with ExitStack() as stack:

        def make(exposures: Sequence[Mapping[str, Any]], **chosen: Any) -> Shop:
            sandbox = new_sandbox()
            write_project(tmp_path / "shop", exposures, **chosen)
            made = Shop(tmp_path / "shop", sandbox, stack.enter_context(sandbox.running()))
            made.profile()
            stack.callback(assert_conforms, sandbox)
            return made

        yield make
