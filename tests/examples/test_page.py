"""The page about orchestrators: its Python is run, and its links lead somewhere."""

from __future__ import annotations

import re
import sys
from types import ModuleType

from .conftest import BIN, REPOSITORY, Project, check

PAGE = REPOSITORY / "docs" / "orchestrators.md"


def test_the_pages_script_syncs(project: Project, demo: ModuleType) -> None:
    [script] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    script = script.replace("/srv/shop", str(project.folder)).replace(', select=["tag:crm"]', "")
    assert project.run(BIN / "dbt", "build").returncode == 0
    done = project.run(sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    customers, vips = (line.split() for line in done.stdout.splitlines()[2:])
    assert (customers[:3], vips[:3]) == (
        ["crm_customers", "in", "step"],
        ["loyalty_vips", "in", "step"],
    )
    check(demo, project)


def test_the_pages_links_lead_to_the_examples() -> None:
    links = re.findall(r"\]\((\.\./examples[^)]*)\)", PAGE.read_text())
    assert len(links) == 6
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
