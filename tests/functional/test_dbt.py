"""With the real dbt: what it builds is what arrives, however the profile names the warehouse."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from dbt_selligent import project as parsing
from dbt_selligent import resolve_settings
from dbt_selligent.historytables import HISTORY

from .conftest import REPOSITORY, Shop, exposure, load, run_dbt
from .test_bad_input import GOOD

CUSTOMERS = """
select 1 as id, 'ann@acme.example' as email
union all
select 2 as id, '{{ var("mail", "ben@acme.example") }}' as email
order by id
"""
FIELDS = "CUSTOMER_ID,MAIL"


def test_dbt_build_then_sync_then_a_changed_var(project: Callable[..., Shop]) -> None:
    shop = project([exposure("crm", "customers", GOOD, ["crm"])], models={"customers": CUSTOMERS})
    assert shop.build("build").code == 0
    own = {
        path.name: path.read_bytes()
        for path in (shop.folder / "target").glob("*")
        if path.is_file()
    }
    assert {"manifest.json", "run_results.json"} <= own.keys()
    done = shop.command("sync", "--select", "tag:crm")
    assert (done.code, done.err) == (0, "")
    mails = [[1, "ann@acme.example"], [2, "ben@acme.example"]]
    assert shop.sent() == [load("CUSTOMERS", "CUSTOMER_ID", FIELDS, mails)]
    # dbt's own artifacts stay as they are.
    for name, content in own.items():
        assert (shop.folder / "target" / name).read_bytes() == content

    flags = ("--vars", "{mail: benny@acme.example}")
    assert shop.build("build", *flags).code == 0
    done = shop.invoke("sync", *flags)
    assert done.code == 0
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", FIELDS, [[2, "benny@acme.example"]], only_update=True)
    ]


def test_a_file_and_an_alias_that_need_quotes_and_a_relative_path(
    project: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = project(
        [
            exposure("crm", "customers", GOOD),
            exposure("other", "attached", {**GOOD, "list": "OTHERS"}),
        ],
        models={
            "customers": CUSTOMERS,
            "attached": "{{ config(database='odd name') }}" + CUSTOMERS,
        },
        warehouse={
            "path": "my-shop.duckdb",
            "attach": [{"path": "other-shop.duckdb", "alias": '"odd name"'}],
        },
    )
    built = shop.build("build")
    assert (built.code, built.err) == (0, ""), built.out
    assert (shop.folder / "my-shop.duckdb").is_file()
    monkeypatch.chdir(shop.folder)
    done = shop.invoke("sync", "--threads", "1")
    assert (done.code, done.err) == (0, ""), done.said
    mails = [[1, "ann@acme.example"], [2, "ben@acme.example"]]
    assert shop.sent() == [
        load("CUSTOMERS", "CUSTOMER_ID", FIELDS, mails),
        load("OTHERS", "CUSTOMER_ID", FIELDS, mails),
    ]
    # A relative path starts where dbt is run, and so it does here.
    elsewhere = shop.folder / "models"
    monkeypatch.chdir(elsewhere)
    done = shop.invoke("sync")
    assert done.code == 2
    assert f"there is no warehouse file: {elsewhere / 'my-shop.duckdb'}" in done.said
    assert "a relative path of the profile starts there" in done.said
    assert not (elsewhere / "my-shop.duckdb").exists()


def test_a_profile_may_take_what_it_needs_from_the_environment(
    project: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "{{ env_var('SHOP_FOLDER') }}/{{ env_var('DBT_ENV_SECRET_SHOP') }}.duckdb"
    threads = "{{ env_var('SHOP_THREADS', '2') | as_number }}"
    shop = project(
        [exposure("crm", "customers", GOOD)],
        models={"customers": CUSTOMERS},
        warehouse={"path": path, "threads": threads},
    )
    monkeypatch.setenv("SHOP_FOLDER", str(shop.folder))
    monkeypatch.setenv("DBT_ENV_SECRET_SHOP", "marker-of-a-secret")
    built = shop.build("build")
    assert (built.code, built.err) == (0, ""), built.out
    done = shop.command("sync")
    assert (done.code, done.err) == (0, ""), done.said
    assert "2 confirmed" in done.said
    stamp = shop.folder / "target" / "selligent" / "parsed.json"
    assert "marker-of-a-secret" not in stamp.read_text()
    # Another value is another warehouse.
    monkeypatch.setenv("DBT_ENV_SECRET_SHOP", "elsewhere")
    assert "there is no warehouse file" in shop.command("sync").said


def test_a_value_of_the_profile_that_dbt_quotes_is_not_told(project: Callable[..., Shop]) -> None:
    shop = project(
        [exposure("crm", "customers", GOOD)],
        models={"customers": CUSTOMERS},
        warehouse={"path": "shop.duckdb", "secrets": "marker-of-a-secret"},
    )
    done = shop.command("sync")
    assert done.code == 2
    assert "Credentials in profile" in done.said
    assert "marker-of-a-secret" not in done.said


def test_a_warehouse_in_memory_is_an_error_that_says_what_to_do(
    project: Callable[..., Shop],
) -> None:
    shop = project(
        [exposure("crm", "customers", GOOD)],
        models={"customers": CUSTOMERS},
        warehouse={"path": ":memory:"},
    )
    for command in ("sync", "plan", "debug"):
        done = shop.invoke(command)
        assert done.code == 1
        assert "is in a database that ends with dbt's own process" in done.said
        assert "`path:` in profiles.yml must not be :memory:" in done.said
    assert shop.sandbox.bulk() == []


def test_the_macros_are_a_dbt_package_for_the_sample_project(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    leftovers = ("target", "logs", ".dbt_selligent", "*.duckdb", "__pycache__")
    shutil.copytree(
        REPOSITORY / "sample_project", folder, ignore=shutil.ignore_patterns(*leftovers)
    )
    package = {"packages": [{"local": str(REPOSITORY)}]}
    (folder / "packages.yml").write_text(yaml.safe_dump(package))
    deps = run_dbt(folder, "deps")
    assert deps.code == 0, deps.out
    parsed = run_dbt(folder, "parse", "--show-all-deprecations", "--no-partial-parse")
    assert parsed.code == 0, parsed.out
    assert "Deprecat" not in parsed.out
    macros = yaml.safe_load((folder / "target" / "manifest.json").read_text())["macros"]
    own = [name for name in macros if name.startswith("macro.dbt_selligent.")]
    assert "macro.dbt_selligent.selligent_delta" in own
    assert "macro.dbt_selligent.default__selligent_settled" in own


def test_a_package_of_the_repository_itself_is_no_endless_walk(tmp_path: Path) -> None:
    """`local: ..` links a folder that holds the link: files are looked at once, not for ever."""
    folder = tmp_path / "repository" / "sample"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "one.sql").write_text("select 1 as id")
    (folder / "dbt_project.yml").write_text("{name: sample, version: '1', profile: shop}")
    profiles = {"shop": {"target": "dev", "outputs": {"dev": {"type": "duckdb"}}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profiles))
    (folder / "dbt_packages").mkdir()
    (folder / "dbt_packages" / "dbt_selligent").symlink_to(tmp_path / "repository")
    settings = resolve_settings(project_dir=str(folder), profiles_dir=str(folder))
    found = [path for path in parsing._files(settings) if path.name == "one.sql"]
    assert len(found) <= 2


def test_the_history_is_a_dbt_source_for_models_of_ones_own(
    project: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page on it says."""
    page = (REPOSITORY / "docs" / "history.md").read_text("utf-8")
    source, _, package = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    [model] = re.findall(r"```sql\n(.+?)```", page, re.DOTALL)
    shop = project([exposure("crm", "customers", GOOD)], models={"customers": CUSTOMERS})
    assert shop.build("build").code == 0
    monkeypatch.chdir(shop.folder)
    assert shop.invoke("sync").code == 0
    monkeypatch.setenv("SELLIGENT_MACROS", str(REPOSITORY))
    (shop.folder / "packages.yml").write_text(package)
    (shop.folder / "models" / "sources.yml").write_text(source)
    own = shop.folder / "models" / "runs.sql"
    own.write_text(model)
    for table in HISTORY:
        own.with_name(f"own_{table}.sql").write_text(
            f"select * from {{{{ source('selligent', '{table}') }}}}"
        )
    assert run_dbt(shop.folder, "deps").code == 0
    built = shop.build("build")
    assert built.code == 0, built.out
    columns = "activation, status, model_rows, new_rows, confirmed_rows, requests"
    operations = "operation, row_count, outcome"
    with duckdb.connect(str(shop.warehouse), read_only=True) as warehouse:
        runs = warehouse.execute(f"select {columns} from runs").fetchall()
        batches = warehouse.execute(f"select {operations} from own_selligent_batches").fetchall()
        rejected = warehouse.execute("from own_selligent_rejected_rows").fetchall()
    assert runs == [("crm", "in step", 2, 2, 2, 1)]
    assert batches == [("InsertAndUpdate", 2, "accepted")]
    assert rejected == []
