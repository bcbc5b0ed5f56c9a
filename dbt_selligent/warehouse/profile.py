"""The credentials of the user's own dbt profile, rendered and checked by dbt's own code."""

from __future__ import annotations

import os
from typing import Any

import yaml
from dbt.config.renderer import ProfileRenderer
from dbt_common.context import set_invocation_context
from dbt_common.dataclass_schema import ValidationError
from dbt_common.exceptions import DbtBaseException

from dbt_selligent.errors import ProfileError
from dbt_selligent.settings import Settings


def read_output(settings: Settings) -> dict[str, Any]:
    """The rendered output of the dbt target, but for its threads; raises ProfileError."""
    try:
        set_invocation_context(os.environ)  # from which dbt renders env_var()
        variables = yaml.safe_load(settings.vars)
        output: dict[str, Any] = ProfileRenderer(variables).render_data(settings.warehouse_output())
    except DbtBaseException as error:
        raise ProfileError(f"{where(settings)}: {error}", "`dbt debug` shows the same") from None
    output.pop("threads", None)
    return output


def read_credentials(settings: Settings, output: dict[str, Any], credentials: Any) -> Any:
    """The output as a class of credentials has it; raises ProfileError."""
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
