"""The crontab, by what cron does: a shell, next to no environment, and mail of what is said."""

from __future__ import annotations

import re
import shutil
import subprocess
from types import ModuleType

from .conftest import BIN, EXAMPLES, SECONDS, Project, check

CRON = EXAMPLES / "cron"
LINE = re.compile(r"(?:[\d*/,-]+ ){5}(?P<command>/.*)")


def crontab() -> tuple[dict[str, str], str]:
    """Its variables, and its command."""
    lines = [
        line
        for line in (CRON / "crontab").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    variables = dict(line.split("=", 1) for line in lines if not LINE.fullmatch(line))
    [command] = [found["command"] for line in lines if (found := LINE.fullmatch(line))]
    return variables, command


def install(project: Project) -> None:
    shutil.copy(CRON / "sync.sh", project.folder)
    (project.folder / ".env").write_text(
        f"SELLIGENT_URL={project.url}\nSELLIGENT_API_KEY=demo\nSELLIGENT_API_SECRET=demo\n"
    )
    (project.folder / ".venv").mkdir()
    (project.folder / ".venv" / "bin").symlink_to(BIN)


def run_by_cron(project: Project) -> tuple[int, str]:
    """Exit code and mail of the crontab's command, whose paths are those of the test's project."""
    variables, command = crontab()
    home = project.folder.parent
    here = {
        name: value.replace("/srv/shop", str(project.folder)) for name, value in variables.items()
    }
    done = subprocess.run(
        ["/bin/sh", "-c", command.replace("/srv/shop", str(project.folder))],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", **here},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def test_cron_syncs_and_mails_failures_alone(project: Project, demo: ModuleType) -> None:
    install(project)
    project.go_back()
    assert run_by_cron(project) == (0, "")
    check(demo, project)

    project.go_on()
    project.break_a_test()
    code, mail = run_by_cron(project)
    assert code == 1
    assert mail.startswith("dbt build: exit code 1, dbt-selligent sync: exit code 1\n")
    assert "loyalty_vips: kept back" in mail
    assert "crm_customers: in step" in mail
    log = project.folder / "logs" / "sync.log"
    assert log.read_text().endswith(mail.partition("\n")[2])
    assert log.stat().st_mode & 0o077 == 0


def test_cron_mails_what_is_missing(project: Project) -> None:
    install(project)
    (project.folder / ".env").unlink()
    code, mail = run_by_cron(project)
    assert code == 2
    assert mail.startswith("dbt build: exit code 0, dbt-selligent sync: exit code 2\n")
    assert "the environment variable SELLIGENT_API_KEY is not set" in mail
