"""The arguments of a command, as dbt takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import click
from click.core import ParameterSource

_GIVEN = ParameterSource.COMMANDLINE
# With or without its first criterion: --select, --select=crm, -s, -scrm.
_FLAG = re.compile(r"(-s)(.*)|(--select|--exclude)(=.*)?")


def spread_criteria(arguments: Sequence[str]) -> list[str]:
    """Gives each criterion a flag of its own: dbt takes `--select a b` for two, click for one."""
    spread: list[str] = []
    flag, needs_value = None, False
    for each in arguments:
        if each.startswith("-"):
            found = _FLAG.fullmatch(each)
            flag = (found[1] or found[3]) if found else None
            needs_value = each == flag
        elif flag and not needs_value:
            spread.append(flag)
        else:
            needs_value = False
        spread.append(each)
    return spread


def with_its_flags(context: click.Context, command: click.Command) -> str:
    """Another command with those flags of this one that it has too, for a shell."""
    known = {parameter.name for parameter in command.params}
    words = ["dbt-selligent", command.name or ""]
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in known or context.get_parameter_source(name) is not _GIVEN:
            continue
        flag, value = max(parameter.opts, key=len), context.params[name]
        if value is True:
            words.append(flag)
        else:
            for each in value if isinstance(value, tuple) else (value,):
                words += [flag, str(each)]
    return shlex.join(words)
