"""The credentials of the user's own dbt profile, rendered and checked by dbt's own code.

dbt takes half a second of a processor to import what renders Jinja: it is imported only where there
may be some, or where credentials are to be checked.
"""

from __future__ import annotations

import os
import re
from typing import Any

import yaml

from dbt_selligent.errors import ProfileError
from dbt_selligent.settings import Settings

# What may be Jinja to dbt, and what it takes for the name of a secret, with or without Jinja.
FOR_DBT = re.compile(r"[{][{%#]|DBT_ENV_SECRET")
# Deeper than any profile is, and less deep than one that holds itself.
DEEPEST = 20


def read_output(settings: Settings) -> dict[str, Any]:
    """The rendered output of the dbt target, but for its threads; raises ProfileError."""
    written = settings.warehouse_output()
    try:
        output: dict[str, Any] = _unchanged(written)
    except _MayChangeError:
        output = _render(settings, written)
    output.pop("threads", None)
    return output


def read_credentials(settings: Settings, output: dict[str, Any], credentials: Any) -> Any:
    """The output as a class of credentials has it; raises ProfileError."""
    from dbt_common.context import set_invocation_context
    from dbt_common.dataclass_schema import ValidationError
    from dbt_common.exceptions import DbtBaseException

    set_invocation_context(os.environ)  # in which adapters run
    try:
        data = credentials.translate_aliases({k: v for k, v in output.items() if k != "type"})
        credentials.validate(data)
        return credentials.from_dict(data)
    except ValidationError as error:
        # Its message quotes the value, which may be a secret.
        key = ".".join(map(str, error.path)) or "a key"
        raise ProfileError(
            f"{where(settings)}: {key} is not valid", "`dbt debug` says more"
        ) from None
    except DbtBaseException as error:
        raise ProfileError(f"{where(settings)}: {error}", "`dbt debug` shows the same") from None


def where(settings: Settings) -> str:
    """Where the output stands, to be told."""
    return f"{settings.profiles_dir / 'profiles.yml'}: {settings.profile}.{settings.target}"


class _MayChangeError(Exception):
    """There is a value that dbt may render to another one."""


def _unchanged(value: Any, depth: int = 0) -> Any:
    """A copy of what dbt's renderer certainly gives back as it is; raises _MayChangeError."""
    if isinstance(value, str):
        # Of line ends, Jinja takes one away and makes the others alike.
        if value.isprintable() and not FOR_DBT.search(value):
            return value
    elif value is None or isinstance(value, (bool, int, float)):
        return value
    elif depth < DEEPEST and isinstance(value, dict):
        return {key: _unchanged(each, depth + 1) for key, each in value.items()}
    elif depth < DEEPEST and isinstance(value, list):
        return [_unchanged(each, depth + 1) for each in value]
    raise _MayChangeError  # days become texts, and there are types that dbt refuses


def _render(settings: Settings, output: dict[str, Any]) -> dict[str, Any]:
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context
    from dbt_common.exceptions import DbtBaseException

    try:
        set_invocation_context(os.environ)  # from which dbt renders env_var()
        variables = yaml.safe_load(settings.vars)
        rendered: dict[str, Any] = ProfileRenderer(variables).render_data(output)
    except DbtBaseException as error:
        raise ProfileError(f"{where(settings)}: {error}", "`dbt debug` shows the same") from None
    return rendered
