"""What the code knows better stands in the pages as the code gives it: else, `make docs`."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from dbt_selligent.cli import COMMANDS
from dbt_selligent.meta import ActivationMeta
from dbt_selligent.profiles import OPTIONAL, REQUIRED, Destination

DOCS = Path(__file__).parents[2] / "docs"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_a_page_is_as_the_code_gives_it(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == generate.fresh(text), "run `make docs`"


def test_all_parts_are_on_a_page() -> None:
    found = [
        part[2] for page in generate.pages() for part in generate.PART.finditer(page.read_text())
    ]
    assert sorted(found) == sorted(generate.PARTS)


def test_the_pages_are_of_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    said = generate.commands()
    monkeypatch.setenv("COLUMNS", "40")
    assert generate.commands() == said


def test_every_key_and_every_command_is_told() -> None:
    told = generate.activation()
    assert [key for key in ActivationMeta.model_fields if f"| `{key}` |" not in told] == []
    told = generate.commands()
    assert [name for name in COMMANDS if f"### dbt-selligent {name}\n" not in told] == []


def test_each_key_of_the_profile_is_told_and_no_other() -> None:
    assert sorted(generate.OUTPUT) == sorted((*REQUIRED, *OPTIONAL))


def test_defaults_of_the_profile_are_those_of_the_code() -> None:
    there = {each.name: each.default for each in fields(Destination)}
    assert generate.OUTPUT["timezone"][1] == f"`{there['timezone']}`"
    assert generate.OUTPUT["require_state"][1] == f"`{str(there['require_state']).lower()}`"


def test_what_help_leaves_as_it_stands_is_code_on_the_page() -> None:
    told = generate.commands()
    shown = {"yaml.schemas": {".vscode/selligent.schema.json": "models/**/*.yml"}}
    assert f"\n```\n{json.dumps(shown)}\n```\n" in told
    assert "\\b" not in told
    assert "\b" not in told
