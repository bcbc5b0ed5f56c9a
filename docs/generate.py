"""Writes those parts of the pages beside it that the code knows better: `make docs`.

A page is written by hand, but for what stands between the comments `begin NAME` and `end NAME`. A
test fails where that is not what the code gives.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

import dbt_selligent
from dbt_selligent.cli import cli
from dbt_selligent.meta import json_schema
from dbt_selligent.profiles import OPTIONAL, REQUIRED

DOCS = Path(__file__).parent
PACKAGE = Path(dbt_selligent.__file__).parent
PART = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)

# Of each key of an output of the `selligent` profile: its type, its default, what it is.
OUTPUT = {
    "url": ("text", "", "address of the instance; http is for this machine only"),
    "organization": ("text", "", "as it is written in Selligent's Admin Configuration"),
    "api_key": ("text", "", "of a service account, best by `env_var()`"),
    "api_secret": ("text", "", "likewise"),
    "type": ("`selligent`", "`selligent`", "what this output is"),
    "state": (
        "folder",
        "`.dbt_selligent`",
        "of the states of DuckDB, and of what is remembered; relative to the project",
    ),
    "state_schema": (
        "text",
        "`<schema of the dbt target>_dbt_selligent`",
        "where states lie in PostgreSQL and Spark",
    ),
    "notify": (
        "text, or a list of texts",
        "",
        "apprise addresses of warnings, by `env_var()`",
    ),
    "timezone": ("text", "`UTC`", "of times without a zone, like `Europe/Brussels`"),
    "require_state": (
        "boolean",
        "`false`",
        "a state that is missing is an error: for runners whose disk may be gone",
    ),
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown, whatever stands in its cells."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(cell.split()).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def activation() -> str:
    """The keys of `config.meta.selligent`, and those of the dictionaries among them."""
    schema = json_schema()
    said = [_keys(schema)]
    for key, value in schema["properties"].items():
        for name in _references(value):
            part = schema["$defs"][name]
            said.append(f"#### In `{key}`\n\n{part['description']}\n\n{_keys(part)}")
    return "\n".join(said)


def _keys(schema: Mapping[str, Any]) -> str:
    rows = [
        (f"`{key}`", _type(value), _default(key, value, schema), value.get("description", ""))
        for key, value in schema["properties"].items()
    ]
    return table(("key", "type", "default", ""), rows)


def _references(schema: object) -> Iterator[str]:
    """The dictionaries that a key may hold, by name."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value)


def _type(schema: Mapping[str, Any]) -> str:
    """The type of a value in words; that null stands for none is left out."""
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(map(_type, kinds)))
    if "$ref" in schema:
        return "dictionary, see below"
    legal = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if legal:
        return ", ".join(f"`{json.dumps(each).strip(chr(34))}`" for each in legal)
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"dictionary of {_type(schema['additionalProperties'])}"
    if kind == "integer":
        return f"number from {schema['minimum']}" if "minimum" in schema else "number"
    words = {"string": "text", "boolean": "boolean", "number": "number", "object": "dictionary"}
    example = f", like `{schema['examples'][0]}`" if "examples" in schema else ""
    return words.get(str(kind), "anything") + example


def _default(key: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if key in schema.get("required", ()):
        return "required"
    found = value.get("default")
    if isinstance(found, dict | list) or found is None:
        return ""
    return f"`{json.dumps(found).strip(chr(34))}`"


def output() -> str:
    """The keys of an output of the `selligent` profile; KeyError where one is not described."""
    rows = []
    for key in (*REQUIRED, *OPTIONAL):
        kind, default, said = OUTPUT[key]
        rows.append((f"`{key}`", kind, "required" if key in REQUIRED else default, said))
    return table(("key", "type", "default", ""), rows)


def commands() -> str:
    """Every command with its usage, arguments and options, as the command line has them."""
    root = click.Context(cli, info_name="dbt-selligent")
    return "\n".join(_command(context) for context in _walk(root))


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    group = context.command
    if isinstance(group, click.Group):
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if command is not None:
                yield from _walk(click.Context(command, parent=context, info_name=name))


def _command(context: click.Context) -> str:
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    rows = [
        (_names(option, context), _default_of(option, context), _about(option, context))
        for option in command.get_params(context)
        if isinstance(option, click.Option) and "--help" not in option.opts
    ]
    options = f"\n{table(('option', 'default', ''), rows)}" if rows else ""
    return f"### {context.command_path}\n\n{_help(command)}\n\n```\n{usage}\n```\n{options}"


def _help(command: click.Command) -> str:
    """Its help; what is not to be wrapped on a terminal is code here."""
    said = inspect.cleandoc(command.help or "")
    return re.sub(r"\x08\n(.+?)(?=\n\n|\Z)", r"```\n\1\n```", said, flags=re.DOTALL)


def _names(option: click.Option, context: click.Context) -> str:
    number = isinstance(option.type, click.types.IntParamType | click.types.FloatParamType)
    metavar = "N" if number else option.make_metavar(context)
    value = "" if option.is_flag else f" {metavar}"
    return f"`{', '.join(sorted(option.opts, key=len))}{value}`"


def _default_of(option: click.Option, context: click.Context) -> str:
    if option.required:
        return "required"
    found = option.get_default(context)
    known = isinstance(found, str | int | float) and not isinstance(found, bool)
    return f"`{found}`" if known else ""


def _about(option: click.Option, context: click.Context) -> str:
    """Its help, the range of its value, and whether there may be several of it."""
    said = [(option.help or "").rstrip(".")]
    if not option.is_flag and (span := option.get_help_extra(context).get("range")):
        said.append(f"`{span.replace('x', 'N')}`")
    if option.metavar == "CRITERIA":
        said.append(f"several may follow, as in `{min(option.opts, key=len)} a b`")
    if option.multiple:
        said.append("may be given several times")
    return "; ".join(filter(None, said))


def modules() -> str:
    """Every module with what it is, each after those that it imports, room by room."""
    files = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
    order: list[str] = []
    for name in ("dbt_selligent.pipeline", *files):
        _place(name, files, order)
    rooms: dict[str, list[tuple[str, str]]] = {}
    for name in order:
        path = files[name].relative_to(PACKAGE)
        said = inspect.cleandoc(ast.get_docstring(ast.parse(files[name].read_text())) or "")
        sentence = re.split(r"(?<=\.)\s", " ".join(said.partition("\n\n")[0].split()))[0]
        rooms.setdefault(str(path.parent), []).append((f"`{path}`", sentence))
    return "\n".join(
        f"#### {'dbt_selligent' if room == '.' else f'dbt_selligent/{room}'}\n\n"
        f"{table(('module', 'what it is'), rows)}"
        for room, rows in sorted(rooms.items())
    )


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _place(
    name: str, files: Mapping[str, Path], order: list[str], above: tuple[str, ...] = ()
) -> None:
    """Puts a module behind those that it imports, and these behind theirs."""
    if name in order or name in above:
        return
    for node in ast.parse(files[name].read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for each in (*(f"{node.module}.{alias.name}" for alias in node.names), node.module):
                if each in files:
                    _place(each, files, order, (*above, name))
    order.append(name)


PARTS: Mapping[str, Callable[[], str]] = {
    "activation": activation,
    "output": output,
    "commands": commands,
    "modules": modules,
}


def fresh(text: str) -> str:
    """A page with its generated parts as the code gives them now."""
    return PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n{found[3]}", text)


def pages() -> list[Path]:
    """The pages with generated parts."""
    return [path for path in sorted(DOCS.glob("*.md")) if PART.search(path.read_text("utf-8"))]


if __name__ == "__main__":
    for page in pages():
        page.write_text(fresh(page.read_text("utf-8")), "utf-8")
