"""The text of profiles.yml with one output more; what is there stays as it is, to the byte: pure.

Lines are put in at the end, or where the profile's outputs end. The text is read again: if it then
says anything but what it said before and the new output, it is not taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy

import yaml

from dbt_selligent.profiles import PROFILE, load_yaml
from dbt_selligent.snippet import scalar

INDENT = "  "


def add_output(text: str, name: str, output: Mapping[str, str]) -> str | None:
    """The text with an output that is not in it; None where it would come to say something else."""
    try:
        wanted = deepcopy(load_yaml(text)) or {}
        outputs = wanted.setdefault(PROFILE, {}).setdefault("outputs", {})
        if name in outputs:  # of two of one name, YAML takes the last
            return None
        outputs[name] = {**output}
        changed = _with_lines(text, name, output)
        return changed if load_yaml(changed) == wanted else None
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, RecursionError):
        return None  # of a shape that is left alone


def output_lines(name: str, output: Mapping[str, str]) -> list[str]:
    """The lines of an output, the first one without an indent."""
    return [f"{scalar(name)}:", *(f"{INDENT}{key}: {scalar(output[key])}" for key in output)]


def profile_lines(name: str, output: Mapping[str, str]) -> list[str]:
    """The lines of a profile that has this output alone."""
    inner = (INDENT * 2 + line for line in output_lines(name, output))
    return [f"{PROFILE}:", f"{INDENT}outputs:", *inner]


def _with_lines(text: str, name: str, output: Mapping[str, str]) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += end
    outputs = _value(_value(yaml.compose(text, Loader=yaml.SafeLoader), PROFILE), "outputs")
    if outputs is None:
        blank = [""] if lines and lines[-1].strip() else []
        at, new = len(lines), [*blank, *profile_lines(name, output)]
    else:
        indent = " " * outputs.start_mark.column
        at, new = _end_of(outputs), [indent + line for line in output_lines(name, output)]
    lines[at:at] = [line + end for line in new]
    return "".join(lines)


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a key of a mapping, None where there is none."""
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            found: yaml.Node = value
            return found
    return None


def _end_of(node: yaml.Node) -> int:
    """The number of lines up to where a node ends, without blanks and comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.line) + bool(node.end_mark.column)
