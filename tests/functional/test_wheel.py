"""What is built is whole: the wheel that comes of the sdist, installed where no checkout is."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

from .conftest import REPOSITORY, SECONDS, Shop, clean_environment, run_dbt
from .test_sync import ANN

# Kept out of the environment of the wheel, which would else find this checkout.
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: text for name, text in clean_environment().items() if name not in OURS}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and sees what it depends on here."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    # Behind its own packages; `.pth` files there, as of an editable install, are not heeded.
    [own] = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (own / "others.pth").write_text("\n".join(here))
    return folder / "bin"


def test_the_wheel_has_all_that_is_no_python_and_nothing_that_is_not_its_own(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    macros = [f"dbt_selligent/macros/{path.name}" for path in sorted(REPOSITORY.glob("macros/*"))]
    assert sorted(name for name in names if name.endswith(".sql")) == macros
    for name in ("dbt_project.yml", "activation.schema.json", "py.typed"):
        assert f"dbt_selligent/{name}" in names
    assert [name for name in names if not name.startswith("dbt_selligent")] == []


def test_its_metadata_are_those_of_the_project(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        said = message_from_bytes(archive.read(name))
    assert (said["Name"], said["License-Expression"]) == ("dbt-selligent", "Apache-2.0")
    assert said["Requires-Python"] == ">=3.10"
    assert said["Description-Content-Type"] == "text/markdown"
    assert set(said.get_all("Provides-Extra", [])) >= {"postgres", "sandbox", "spark"}


def test_it_runs_outside_of_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = run(
        installed / "python", "-c", "import dbt_selligent; print(dbt_selligent)", cwd=tmp_path
    )
    assert str(installed.parent) in where
    command = installed / "dbt-selligent"
    assert run(command, "--version", cwd=tmp_path).startswith("dbt-selligent, version ")
    assert "--fault" in run(command, "sandbox", "--help", cwd=tmp_path)


def test_it_syncs_by_the_macros_it_brings(installed: Path, shop: Shop) -> None:
    shop.customers(ANN)
    run(installed / "dbt-selligent", "sync", "--select", "crm", cwd=shop.folder)
    assert shop.records() == [ANN]


def test_its_macros_are_a_package_of_dbt_where_the_page_says(installed: Path, shop: Shop) -> None:
    page = (REPOSITORY / "docs" / "history.md").read_text("utf-8")
    [said] = re.findall(r'SELLIGENT_MACROS=\$\(python -c "(.+?)"\)', page)
    folder = Path(run(installed / "python", "-c", said, cwd=shop.folder).strip())
    packages = {"packages": [{"local": str(folder)}]}
    (shop.folder / "packages.yml").write_text(yaml.safe_dump(packages))
    done = run_dbt(shop.folder, "deps")
    assert done.code == 0, done.out
    linked = shop.folder / "dbt_packages" / "dbt_selligent" / "macros" / "history.sql"
    assert linked.resolve().is_relative_to(installed.parent.resolve())
