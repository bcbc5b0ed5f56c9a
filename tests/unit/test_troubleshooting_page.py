"""What `docs/troubleshooting.md` explains is really said, and no kind of error is missing there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dbt_selligent
from dbt_selligent import errors
from dbt_selligent.errors import DbtSelligentError

REPOSITORY = Path(__file__).parents[2]
PACKAGE = Path(dbt_selligent.__file__).parent
PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text("utf-8")
CODE = r"(?:`` .+? ``|`[^`]+`)"  # as Markdown has it, around backticks too
SHORTEST = 7  # letters of a part of a message by which it is found


def messages() -> list[str]:
    """The messages in the first cells of the page's tables."""
    cells = re.findall(rf"^\| ({CODE}(?:, {CODE})*) \|", PAGE, flags=re.MULTILINE)
    return [message.strip("` ") for cell in cells for message in re.findall(CODE, cell)]


def texts(node: ast.AST) -> Iterator[str]:
    """The texts of a module, with `…` where they are filled in; docstrings are none."""
    for each in ast.walk(node):
        if isinstance(each, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "…" for part in each.values
            )
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


def all_texts() -> str:
    """All that the package may say."""
    found: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value = ast.Constant(None)  # a docstring
        found += texts(tree)
    found += [path.read_text("utf-8") for path in sorted((REPOSITORY / "macros").glob("*.sql"))]
    return "\n".join(found)


SAID = all_texts()


@pytest.mark.parametrize("message", messages())
def test_each_message_is_said_by_the_code(message: str) -> None:
    parts = [part.strip() for part in message.split("…") if part.strip()]
    assert [part for part in parts if part not in SAID] == []
    assert max(map(len, parts)) >= SHORTEST


KINDS = {
    name
    for name, each in vars(errors).items()
    if isinstance(each, type) and issubclass(each, DbtSelligentError)
}


def raised() -> list[str]:
    """The kinds of errors that the code raises."""
    calls = (
        node.func.id
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return sorted(KINDS.intersection(calls))


def test_each_kind_of_error_that_is_raised_has_a_heading() -> None:
    headings = re.findall(r"^#+ (\w+)", PAGE, flags=re.MULTILINE)
    assert [kind for kind in raised() if kind not in headings] == []
