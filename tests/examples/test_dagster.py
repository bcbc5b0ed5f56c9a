"""The assets, checked and made by Dagster, beside those of dagster-dbt."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .conftest import ENVIRONMENTS, EXAMPLES, Project, check, needs

HERE = ENVIRONMENTS / "dagster" / "bin"
DEFINITIONS = EXAMPLES / "dagster" / "definitions.py"
pytestmark = needs("dagster")

# What Dagster knows of the activations' assets, from its own log of events.
READ = """
import json
from dagster import AssetKey, DagsterInstance

with DagsterInstance.get() as instance:
    found = {}
    for name in ("crm_customers", "loyalty_vips"):
        key = AssetKey(["selligent", "prod", name])
        event = instance.get_latest_materialization_event(key)
        metadata = event.asset_materialization.metadata if event else {}
        found[name] = {each: value.value for each, value in metadata.items()}
print(json.dumps(found))
"""
# All in one process; what fails says how many rows were refused.
IN_PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from dagster import materialize
from definitions import defs

result = materialize(list(defs.assets), resources=defs.resources, raise_on_error=False)
for event in result.get_step_failure_events():
    rejected = event.step_failure_data.user_failure_data.metadata["rejected"].value
    print("failed:", event.step_key, rejected > 0)
"""


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Dagster's own environment."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return {
        "DAGSTER_HOME": str(folder),
        "PATH": f"{HERE}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def materializations(project: Project, home: dict[str, str]) -> dict[str, Any]:
    done = project.run(HERE / "python", "-c", READ, **home)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_dagster_builds_and_syncs(project: Project, home: dict[str, str], demo: ModuleType) -> None:
    project.go_back()
    # What `dagster dev` does by itself, and a deployment once.
    assert project.run(HERE / "dbt", "parse", **home).returncode == 0
    valid = project.run(HERE / "dagster", "definitions", "validate", "-f", DEFINITIONS, **home)
    assert valid.returncode == 0, valid.stdout + valid.stderr
    # Each step is a process of its own; the activations come side by side, after their models.
    command = (HERE / "dagster", "asset", "materialize", "--select", "*", "-f", DEFINITIONS)
    done = project.run(*command, **home)
    assert done.returncode == 0, done.stdout + done.stderr
    check(demo, project)
    first = materializations(project, home)
    assert [each["status"] for each in first.values()] == ["in step", "in step"]
    assert [each["rejected"] for each in first.values()] == [0, 0]
    assert min(each["confirmed"] for each in first.values()) > 0

    project.go_on()
    project.sandbox.faults(["load:reject:TIER=gold"])
    done = project.run(HERE / "python", "-c", IN_PROCESS, DEFINITIONS.parent, **home)
    assert done.returncode == 0, done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("failed: ")]
    assert sorted(failed) == [
        "failed: selligent__prod__crm_customers True",
        "failed: selligent__prod__loyalty_vips True",
    ], done.stderr
    assert "crm_customers: rows refused" in done.stderr
