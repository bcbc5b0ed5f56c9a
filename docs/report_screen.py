"""Makes docs/screens/report.png: the sample project, synced as months go by, and its report.

    python docs/report_screen.py

It needs dbt-selligent[sandbox] in the Python that runs it, and a Chromium. Everything happens in a
temporary copy of the sample project, against a local Selligent that refuses some customers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from dbt_selligent.sandbox import Sandbox, SandboxConfig

REPOSITORY = Path(__file__).parents[1]
SCREEN = REPOSITORY / "docs" / "screens" / "report.png"
BIN = Path(sys.executable).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LEFTOVERS = shutil.ignore_patterns("target", "logs", ".dbt_selligent", "*.duckdb", "*.wal")
DAYS = ("1997-09-30", "1997-12-31", "1998-03-31", "1998-06-30")
# Customers who come to so many orders.
REFUSED = range(20, 25)
SIZE = "1200,1060"


def main() -> None:
    """Raises CalledProcessError where dbt, the report or the browser fails."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "sample_project"
        shutil.copytree(REPOSITORY / "sample_project", project, ignore=LEFTOVERS)
        page = make_report(project)
        take_picture(page, SCREEN, Path(folder) / "browser")


def make_report(project: Path) -> Path:
    """The report on the project after some syncs, of which the last leave rows that are held."""
    config = SandboxConfig.model_validate(
        yaml.safe_load((project / "sandbox.yml").read_text(encoding="utf-8"))
    )
    sandbox = Sandbox(config)
    with sandbox.running() as url:
        environment = {**os.environ, "SELLIGENT_URL": url}

        def run(*command: str, check: bool = True) -> None:
            subprocess.run(
                [BIN / command[0], *command[1:]],
                cwd=project,
                env=environment,
                stdout=subprocess.DEVNULL,
                check=check,
            )

        for day in DAYS:
            if day == DAYS[-2]:
                sandbox.faults(f"load:reject:ORDERS={orders}" for orders in REFUSED)
            run("dbt", "build", "--vars", f"{{as_of: {day}}}")
            run("dbt-selligent", "sync", "--vars", f"{{as_of: {day}}}", check=False)
        run("dbt-selligent", "report")
    return project / "target" / "selligent_report.html"


def take_picture(page: Path, picture: Path, profile: Path) -> None:
    """A picture of the top of a page, as a headless browser shows it."""
    picture.parent.mkdir(parents=True, exist_ok=True)
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-proxy-server",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            f"--window-size={SIZE}",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        stderr=subprocess.DEVNULL,
        check=True,
    )


if __name__ == "__main__":
    main()
