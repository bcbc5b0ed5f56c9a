"""The arguments of a command, as dbt takes them."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
