"""The DAG, carried out by Airflow, from whose environment dbt and this tool are called by path."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from .conftest import BIN, ENVIRONMENTS, EXAMPLES, Project, check, needs

AIRFLOW = ENVIRONMENTS / "airflow" / "bin" / "airflow"
pytestmark = needs("airflow")


@pytest.fixture
def home(project: Project, tmp_path: Path) -> dict[str, str]:
    """Airflow's own environment, with a database."""
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = project.run(AIRFLOW, "db", "migrate", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return settings


def test_airflow_builds_and_syncs(project: Project, home: dict[str, str], demo: ModuleType) -> None:
    project.go_back()
    done = project.run(AIRFLOW, "dags", "test", "selligent", **home)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for task in ("build", "sync_crm_customers", "sync_loyalty_vips"):
        assert f"end task task_id={task} " in said
    assert "crm_customers: in step" in said
    assert "Done. Returned value was: {'loyalty_vips': " in said
    check(demo, project)

    # As workers run what may run at once: each task in a process of its own. Airflow's own database
    # is a file here, which two of them do not share well.
    project.go_on()
    assert project.run(BIN / "dbt", "build").returncode == 0
    database = Path(home["AIRFLOW_HOME"]) / "airflow.db"
    commands = []
    for task in ("sync_crm_customers", "sync_loyalty_vips"):
        own = shutil.copy(database, database.with_name(f"{task}.db"))
        connection = f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=sqlite:///{own}"
        commands.append(("env", connection, AIRFLOW, "tasks", "test", "selligent", task))
    for ended in project.side_by_side(*commands, **home):
        assert ended.returncode == 0, ended.stdout + ended.stderr
    check(demo, project)
