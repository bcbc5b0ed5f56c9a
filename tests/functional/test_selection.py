"""With the real dbt: what its grammar selects is what a command is about."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from dbt_selligent.criteria import find_nodes, is_simple
from dbt_selligent.kept import show
from dbt_selligent.project import read_project
from dbt_selligent.sandbox import Sandbox, SandboxConfig

from .conftest import SECONDS, Done, Shop, clean_environment, exposure, load, parse, write_project
from .test_bad_input import GOOD

RAW = "select 1 as id, 'ann@acme.example' as email"
MODELS = {
    "raw": RAW,
    "customers": "{{ config(tags=['heavy']) }} select * from {{ ref('raw') }}",
    "marts/crm/orders": "select * from {{ ref('raw') }}",
    "marts/vips": "select * from {{ ref('customers') }}",
    "marts/prices_v1": RAW,
    "marts/prices_v2": RAW,
    "calls": "select * from {{ source('desk', 'calls') }}",
}
# Activations, and what feeds them: a model, a seed, a version of a model.
FED = [
    exposure("crm_customers", "customers", GOOD, ["crm", "crm:eu"]),
    exposure("crm_orders", "orders", {**GOOD, "list": "ORDERS"}),
    exposure("news", "vips", {**GOOD, "list": "OTHERS"}, ["crm"]),
    exposure("stores", "regions", {**GOOD, "list": "STORES"}),
    exposure("tariff", "prices", {**GOOD, "list": "PRICES"}),
]
PROPERTIES = {
    "models": [{"name": "prices", "latest_version": 2, "versions": [{"v": 1}, {"v": 2}]}],
    "sources": [
        {
            "name": "desk",
            "schema": "main",
            "tables": [
                {
                    "name": "calls",
                    "loaded_at_field": "loaded_at",
                    "freshness": {"warn_after": {"count": 999999, "period": "day"}},
                }
            ],
        }
    ],
}
SELECTORS: list[dict[str, Any]] = [
    {"name": "nightly", "definition": "+news"},
    {"name": "web", "definition": {"union": ["tag:heavy", {"exclude": ["exposure:news"]}]}},
]
# Asks dbt for each of several selections in one process: it takes seconds to start and to parse.
ASK = """
import contextlib, io, json, sys
from dbt.cli.main import dbtRunner

with contextlib.redirect_stdout(io.StringIO()):
    manifest = dbtRunner().invoke(["--quiet", "parse"]).result
    found = []
    for select in json.load(sys.stdin):
        command = ["--quiet", "--no-write-json", "ls", "--output=json", "--output-keys=unique_id"]
        command += ["--select=" + each for each in select]
        done = dbtRunner(manifest=manifest).invoke(command)
        found.append([json.loads(each)["unique_id"] for each in done.result])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A project that tests may read, and select from, but not change."""
    folder = tmp_path_factory.mktemp("selection") / "shop"
    (folder / "models" / "marts" / "crm").mkdir(parents=True)
    write_project(folder, FED, MODELS)
    (folder / "models" / "properties.yml").write_text(yaml.safe_dump(PROPERTIES))
    (folder / "seeds").mkdir()
    (folder / "seeds" / "regions.csv").write_text("id,email\n1,ann@acme.example\n")
    (folder / "selectors.yml").write_text(yaml.safe_dump({"selectors": SELECTORS}))
    return Shop(parse(folder), Sandbox(SandboxConfig()), "http://127.0.0.1:9")


def names_of(done: Done) -> list[str]:
    assert (done.code, done.err) == (0, ""), done.said
    return [line.split()[0] for line in done.out.splitlines()]


def ask_dbt(shop: Shop, selections: Sequence[Sequence[str]]) -> list[list[str]]:
    """The unique ids that `dbt ls` lists for each of the selections."""
    target = shop.folder / "asked"
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps(selections),
        cwd=shop.folder,
        env={**clean_environment(), "DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return found


NAMES = [
    *("customers", "crm_customers", "orders", "news", "nobody", "CUSTOMERS", "v2", "stores"),
    *("prices", "prices_v1", "prices_v2", "prices_v3", "regions", "shop", "marts", "crm", "models"),
    *("crm_*", "*orders", "c*", "*", "mar*", "*crm*", "?ews", "[a-c]*", "*[!s]", "shop*", "s*"),
    *("prices*", "v*", "*_v2", "ord?rs"),
]
SIMPLE = [
    *([name] for name in NAMES),
    *([f"exposure:{name}"] for name in ("crm_customers", "customers", "crm_*", "*", "[!c]*")),
    *([f"tag:{tag}"] for tag in ("crm", "heavy", "crm:eu", "c*", "*", "nothing", "")),
    ["news", "tag:heavy"],
    ["nobody", "exposure:stores"],
]


def test_the_manifest_answers_as_dbt_does(parsed: Shop) -> None:
    assert all(is_simple(each) for criteria in SIMPLE for each in criteria)
    manifest = read_project(parsed.settings())
    ours = manifest.models.keys() | {each.unique_id for each in manifest.exposures}

    by_dbt = ask_dbt(parsed, SIMPLE)

    assert sum(map(bool, by_dbt)) > len(SIMPLE) / 2
    for criteria, found in zip(SIMPLE, by_dbt, strict=True):
        assert sorted(find_nodes(manifest, criteria)) == sorted(ours.intersection(found)), criteria


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        ("-s +news", ["crm_customers", "news"]),
        ("-s 1+exposure:news", ["news"]),
        ("-s tag:crm,tag:heavy+ stores", ["crm_customers", "news", "stores"]),
        ("-s path:models/marts", ["crm_orders", "news", "tariff"]),
        ("-s marts.crm customers.sql", ["crm_customers", "crm_orders"]),
        # A criterion alone would not need dbt: beside another one it means the same.
        ("-s crm_* +prices", ["crm_customers", "crm_orders", "tariff"]),
        ("-s tag:crm --exclude @customers", []),
        ("--exclude +news", ["crm_orders", "stores", "tariff"]),
        # By dbt's own --exclude, the model would still be selected.
        ("-s +news --exclude exposure:news", ["crm_customers"]),
        ("--selector web", ["crm_customers"]),
    ],
)
def test_what_dbt_selects(parsed: Shop, flags: str, chosen: list[str]) -> None:
    done = parsed.invoke("ls", *flags.split())
    if chosen:
        assert names_of(done) == chosen
    else:
        assert done.code == 2
        assert "--exclude leaves out all that is selected: crm_customers, news" in done.err


def test_dbt_is_not_started_where_the_manifest_has_the_answer(
    parsed: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbt_selligent.listing.run_dbt", lambda *_: pytest.fail("dbt was started"))

    for criteria in ("customers", "crm_*", "tag:crm", "exposure:*", "marts"):
        assert names_of(parsed.invoke("ls", "-s", criteria))
    assert names_of(parsed.invoke("ls")) == [
        "crm_customers",
        "crm_orders",
        "news",
        "stores",
        "tariff",
    ]


@pytest.mark.parametrize(
    ("flags", "said", "mend"),
    [
        ("-s nope:x", "'nope' is not a valid method name", "mend what dbt says"),
        (
            "--selector web2",
            "Could not find selector named web2, expected one of ['nightly', 'web']",
            "mend",
        ),
        ("-s state:new --state nowhere", "no comparison manifest", "--state DIR names the folder"),
    ],
)
def test_what_dbt_does_not_understand_is_told_in_its_words(
    parsed: Shop, flags: str, said: str, mend: str
) -> None:
    done = parsed.invoke("ls", *flags.split())
    assert (done.code, done.out) == (2, "")
    assert "Error: dbt cannot select:\n" in done.err
    assert said in done.err
    assert f"  -> {mend}" in done.err


@pytest.fixture
def own(parsed: Shop, tmp_path: Path) -> Shop:
    """A copy of the parsed project, which a test may change."""
    folder = tmp_path / "shop"
    shutil.copytree(parsed.folder, folder)
    (folder / "selectors.yml").unlink()
    shop = Shop(folder, parsed.sandbox, parsed.url)
    warehouse = {"type": "duckdb", "threads": 1, "path": str(shop.warehouse)}
    (folder / "warehouse.json").write_text(json.dumps(warehouse))
    shop.profile()
    return shop


def artifacts(shop: Shop) -> dict[str, bytes]:
    """dbt's, and what the tool had dbt make of the project."""
    paths = [*(shop.folder / "target").glob("*.json"), *(shop.folder / "target").glob("*/*.json")]
    names = ("manifest.json", "parsed.json", "run_results.json", "sources.json")
    return {str(path): path.read_bytes() for path in sorted(paths) if path.name in names}


def test_what_was_modified_is_what_is_synced(own: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(own.folder / "target" / "selligent", own.folder / "before")
    (own.folder / "models" / "customers.sql").write_text(f"{MODELS['customers']} where id = 1")
    flags = ("-s", "state:modified+", "--state", "before")

    assert names_of(own.invoke("ls", *flags)) == ["crm_customers", "news"]
    before = artifacts(own)
    assert len(before) == 2
    # The state is told by dbt's own variable too, and a project may have dbt log as it likes.
    for name, value in (("STATE", "before"), ("LOG_FORMAT", "json"), ("DEBUG", "1")):
        monkeypatch.setenv(f"DBT_{name}", value)
    # Another program may be at the warehouse: dbt is not asked what is in it.
    lock = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", lock, str(own.warehouse)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        assert names_of(own.invoke("ls", *flags[:2])) == ["crm_customers", "news"]
        other.communicate("\n", timeout=SECONDS)
    assert artifacts(own) == before


def test_what_is_fresher_is_what_is_synced(own: Shop) -> None:
    own.write("create table calls as select timestamp '2026-05-02' as loaded_at")
    (own.folder / "models" / "calls.yml").write_text(
        yaml.safe_dump({"exposures": [exposure("desk", "calls", {**GOOD, "list": "CALLS"})]})
    )
    fresh = own.build("source", "freshness")
    assert fresh.code == 0, fresh.out
    sources = json.loads((own.folder / "target" / "sources.json").read_text())
    for at, chosen in (("2026-05-01T00:00:00Z", ["desk"]), ("2026-05-02T00:00:00Z", [])):
        sources["results"][0]["max_loaded_at"] = at
        (own.folder / "before").mkdir(exist_ok=True)
        (own.folder / "before" / "sources.json").write_text(json.dumps(sources))
        done = own.invoke("ls", "-s", "source_status:fresher+", "--state", "before")
        assert (names_of(done) if chosen else done.code) == (chosen or 2)


def test_the_default_selector_applies_where_nothing_is_selected(own: Shop) -> None:
    def write(name: str, default: object) -> None:
        selectors: list[dict[str, Any]] = [
            {"name": "web", "definition": "tag:heavy"},
            {"name": "nightly", "definition": "+news"},
        ]
        for each in selectors:
            each |= {"default": default} if each["name"] == name else {}
        (own.folder / "selectors.yml").write_text(yaml.safe_dump({"selectors": selectors}))

    write("web", True)
    assert names_of(own.invoke("ls")) == ["crm_customers"]
    assert names_of(own.invoke("ls", "--exclude", "news", "tariff")) == [
        "crm_customers", "crm_orders", "stores",
    ]  # fmt: skip
    # dbt's manifest is not written anew for that file, and yet it counts from now on.
    write("nightly", "{{ target.name == 'dev' }}")
    assert names_of(own.invoke("ls")) == ["crm_customers", "news"]
    # What it leaves out is an activation still: its state is not one that was left.
    (own.state / "dev").mkdir(parents=True)
    for name in ("gone", "stores"):
        duckdb.connect(str(own.state / "dev" / f"{name}.duckdb")).close()
    assert [(each.name, each.activation) for each in show(own.settings())] == [
        ("crm_customers", True), ("news", True), ("gone", False),
    ]  # fmt: skip
    write("nightly", "{{ target.name == 'prod' }}")
    assert len(names_of(own.invoke("ls"))) == len(FED)


def test_what_was_built_is_what_is_sent(project: Callable[..., Shop]) -> None:
    shop = project(
        [
            exposure("crm", "customers", GOOD),
            exposure("others", "vips", {**GOOD, "list": "OTHERS"}),
        ],
        models={name: MODELS[name] for name in ("raw", "customers")} | {"vips": RAW},
    )
    selection = ("-s", "+customers", "--exclude", "others")
    built = shop.build("build", *selection)
    assert built.code == 0, built.out
    assert "vips" not in built.out

    done = shop.command("sync", *selection)

    assert (done.code, done.err) == (0, ""), done.said
    fields = "CUSTOMER_ID,MAIL"
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", fields, [[1, "ann@acme.example"]])]
