"""The workflow: by the schema of workflows, and by its steps, each run on a new machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from .conftest import BIN, ENVIRONMENTS, EXAMPLES, Project, check, copy_sample, needs, read_yaml

WORKFLOW = EXAMPLES / "github-actions" / "sync.yml"
CACHED = ".dbt_selligent"
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")


@needs("dagster")
def test_the_workflow_is_one(project: Project) -> None:
    checker = ENVIRONMENTS / "dagster" / "bin" / "check-jsonschema"
    done = project.run(checker, "--builtin-schema", "vendor.github-workflows", WORKFLOW)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


class Runner:
    """A machine for each run, and the cache between them."""

    def __init__(self, project: Project, folder: Path) -> None:
        self._project = project
        self._folder = folder
        self._cache = folder / "cache"
        self._job = read_yaml(WORKFLOW)["jobs"]["sync"]
        self._runs = 0

    def run(self, *, first: bool = False) -> tuple[Project, dict[str, int], str]:
        """The project on a new machine, the exit code of each step, and all that was said."""
        self._runs += 1
        project = replace(self._project, folder=copy_sample(self._folder / f"run-{self._runs}"))
        known = {
            "secrets.SELLIGENT_API_KEY": "demo",
            "secrets.SELLIGENT_API_SECRET": "demo",
            "vars.SELLIGENT_URL": project.url,
            "inputs.first && 'false' || 'true'": "false" if first else "true",
        }
        environment: dict[str, str] = {
            name: EXPRESSION.sub(lambda found: known[found[1]], str(value))
            for name, value in self._job["env"].items()
        }
        codes, said, failed = {}, "", False
        for step in self._steps():
            if failed and step.get("if") not in ("always()", "${{ !cancelled() }}"):
                continue
            uses = step.get("uses", "")
            if uses.startswith("actions/cache/restore@"):
                self._copy(self._cache, project.folder / step["with"]["path"])
            elif uses.startswith("actions/cache/save@"):
                self._copy(project.folder / step["with"]["path"], self._cache)
            elif "run" in step:
                done = project.run(
                    *("bash", "-e", "-c", step["run"]),
                    **environment,
                    PATH=f"{BIN}:/usr/bin:/bin",
                )
                codes[step["name"]] = done.returncode
                said += done.stdout + done.stderr
                failed = failed or bool(done.returncode)
        return project, codes, said

    def _steps(self) -> Iterator[dict[str, Any]]:
        for step in self._job["steps"]:
            if step.get("name") == "Install":
                assert step["run"].startswith("pip install ")  # what the tests run in is installed
            else:
                yield step

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)


def test_the_state_goes_from_run_to_run(project: Project, demo: ModuleType, tmp_path: Path) -> None:
    runner = Runner(project, tmp_path)
    _, codes, said = runner.run()
    assert codes == {"Build": 0, "Sync": 1}
    assert "require_state" in said
    assert project.bulk() == []

    made, codes, said = runner.run(first=True)
    assert codes == {"Build": 0, "Sync": 0}, said
    check(demo, replace(project, folder=made.folder))
    sent = project.bulk()
    assert sorted(set(sent)) == ["CUSTOMERS", "VIPS"]

    made, codes, said = runner.run()
    assert codes == {"Build": 0, "Sync": 0}, said
    assert project.bulk() == sent


def test_the_state_is_kept_where_nobody_writes_a_cache_twice() -> None:
    restore, save = (
        step["with"]
        for step in read_yaml(WORKFLOW)["jobs"]["sync"]["steps"]
        if step.get("uses", "").startswith("actions/cache/")
    )
    assert restore["path"] == save["path"] == CACHED
    assert restore["key"] == save["key"]
    assert restore["key"].startswith(restore["restore-keys"])
    assert EXPRESSION.findall(save["key"]) == ["github.run_id", "github.run_attempt"]
