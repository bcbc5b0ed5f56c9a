"""Builds the models, then syncs what feeds Selligent, with a task for each activation.

dbt and Airflow pin packages differently: dbt and dbt-selligent have an environment of their own,
here `.venv` in the project, which tasks call by its path. Airflow itself needs nothing more.
"""

import os
from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

PROJECT = os.environ.get("DBT_PROJECT_DIR", "/srv/shop")
BIN = os.environ.get("DBT_BIN", f"{PROJECT}/.venv/bin")


# A retry is safe: it goes on where the run before was cut off, and sends nothing twice.
RETRIES = {"retries": 2, "retry_delay": timedelta(minutes=5)}


@dag(
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES,
)
def selligent() -> None:
    """The project's day."""
    # Relative paths in profiles.yml start in the current folder: `cwd`.
    build = BashOperator(task_id="build", bash_command=f"{BIN}/dbt build", cwd=PROJECT)

    # The command. Its exit code fails the task; stopped by Airflow, or at the end of
    # `execution_timeout`, it ends the request under way and keeps what that confirmed.
    customers = BashOperator(
        task_id="sync_crm_customers",
        bash_command=f"{BIN}/dbt-selligent sync --select crm_customers",
        cwd=PROJECT,
        execution_timeout=timedelta(hours=1),
    )

    # The Python API, in the same environment; what it returns goes to XCom.
    @task.external_python(python=f"{BIN}/python", expect_airflow=False)
    def sync_loyalty_vips(project: str) -> dict[str, int]:
        import os

        from dbt_selligent import resolve_settings, sync

        os.chdir(project)  # this is a process of its own
        results = sync(resolve_settings(select="loyalty_vips"))
        results.raise_for_status()
        return {each.name: each.confirmed for each in results.results}

    build >> [customers, sync_loyalty_vips(PROJECT)]


selligent()
