"""The sample project in a folder of its own, as orchestrators have it, and a Selligent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from dbt_selligent.sandbox import Sandbox, load_config

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples"
SAMPLE = REPOSITORY / "sample_project"
BIN = Path(sys.executable).parent
ENVIRONMENTS = REPOSITORY / ".venv-examples"
SECONDS = 600
LEFTOVERS = shutil.ignore_patterns("target", "logs", ".dbt_selligent", "*.duckdb", "*.wal")
LAST_DAY, FIRST_DAY = 'as_of: "1998-06-30"', 'as_of: "1997-09-30"'
SECRET = "demo"
PURCHASES = 5000


def needs(name: str) -> pytest.MarkDecorator:
    """For tests that run an orchestrator, which is large, and has an environment of its own."""
    missing = not (ENVIRONMENTS / name / "ready").is_file()
    return pytest.mark.skipif(missing, reason=f"no {name} here: `make examples` installs it")


@dataclass(frozen=True)
class Project:
    """The project's folder, and what stands in the environment of who runs it."""

    folder: Path
    sandbox: Sandbox
    url: str

    def environment(self, **more: str) -> dict[str, str]:
        """Nothing of the environment that the tests run in but what any command needs."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder.parent),
            "LANG": "C.UTF-8",
            "DBT_PROJECT_DIR": str(self.folder),
            "DBT_TARGET": "prod",
            "DBT_BIN": str(BIN),
            "SELLIGENT_URL": self.url,
            "SELLIGENT_API_KEY": "demo",
            "SELLIGENT_API_SECRET": SECRET,
            **more,
        }

    def run(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """A command that ended, in the project's folder."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def side_by_side(
        self, *commands: Sequence[str | Path], **more: str
    ) -> list[subprocess.CompletedProcess[str]]:
        """Commands that were started at once, when all have ended."""
        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(lambda command: self.run(*command, **more), commands))

    def go_back(self) -> None:
        """The shop as it was nine months before."""
        self._replace("dbt_project.yml", LAST_DAY, FIRST_DAY)

    def go_on(self) -> None:
        """And as it is."""
        self._replace("dbt_project.yml", FIRST_DAY, LAST_DAY)

    def break_a_test(self) -> None:
        """One of a model that feeds a list fails from now on."""
        folder = self.folder / "tests"
        folder.mkdir()
        (folder / "fails.sql").write_text("select 1 from {{ ref('vip_customers') }} limit 1")

    def _replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def bulk(self) -> list[str]:
        """The lists of the bulk requests so far, in their order."""
        return [each.path.split("/")[-3] for each in self.sandbox.bulk()]


def write_profiles(folder: Path) -> None:
    """profiles.yml with the targets dev and prod, as the examples have it."""
    warehouse = {"type": "duckdb", "path": "cdnow.duckdb", "threads": 2}
    output = {
        "type": "selligent",
        "url": "{{ env_var('SELLIGENT_URL') }}",
        "organization": "DEMO",
        "api_key": "{{ env_var('SELLIGENT_API_KEY') }}",
        "api_secret": "{{ env_var('SELLIGENT_API_SECRET') }}",
        "require_state": "{{ env_var('SELLIGENT_REQUIRE_STATE', 'false') }}",
    }
    profiles = {
        "cdnow": {"target": "prod", "outputs": {"prod": warehouse}},
        "selligent": {"outputs": {"prod": output}},
    }
    (folder / "profiles.yml").write_text(yaml.safe_dump(profiles))


def copy_sample(folder: Path) -> Path:
    """A copy of the sample project, as of a fresh clone."""
    shutil.copytree(SAMPLE, folder, ignore=LEFTOVERS)
    data = folder / "data" / "cdnow_purchases.csv"
    with data.open() as file:
        some = list(islice(file, PURCHASES))
    data.write_text("".join(some))
    write_profiles(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """The project, never built."""
    sandbox = Sandbox(load_config(SAMPLE / "sandbox.yml"))
    with sandbox.running() as url:
        yield Project(copy_sample(tmp_path / "shop"), sandbox, url)


@pytest.fixture(scope="session")
def demo() -> ModuleType:
    """The demo, for its check of lists, which knows nothing of dbt-selligent."""
    spec = importlib.util.spec_from_file_location("examples_demo", SAMPLE / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["examples_demo"] = module
    spec.loader.exec_module(module)
    return module


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def check(demo: ModuleType, project: Project) -> None:
    """Every list is what its model says."""
    assert demo.check(project.folder, project.url)
