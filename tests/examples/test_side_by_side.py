"""Processes that begin at once, in one project, as orchestrators start them."""

from __future__ import annotations

import copy

import yaml

from .conftest import BIN, Project


def test_processes_of_one_project_take_turns_where_they_have_to(
    project: Project,
) -> None:
    """Two activations of one list, and one of another,begin at once."""
    split_customers(project)
    assert project.run(BIN / "dbt", "build").returncode == 0
    names = ("crm_customers", "crm_newsletter", "loyalty_vips")
    commands = [(BIN / "dbt-selligent", "sync", "--select", name) for name in names]
    for ended in project.side_by_side(*commands):
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert sorted(set(project.bulk())) == ["CUSTOMERS", "VIPS"]
    done = project.run(BIN / "dbt-selligent", "verify")
    assert done.returncode == 0, done.stdout


def split_customers(project: Project) -> None:
    """Lets another activation of the same list write one of its fields."""
    path = project.folder / "models" / "exposures.yml"
    content = yaml.safe_load(path.read_text())
    [customers] = [each for each in content["exposures"] if each["name"] == "crm_customers"]
    meta = customers["config"]["meta"]["selligent"]
    newsletter = copy.deepcopy(customers)
    newsletter["name"] = "crm_newsletter"
    moved = {"NEWSLETTER": meta["fields"].pop("NEWSLETTER")}
    newsletter["config"]["meta"]["selligent"]["fields"] = moved
    content["exposures"].append(newsletter)
    path.write_text(yaml.safe_dump(content))
