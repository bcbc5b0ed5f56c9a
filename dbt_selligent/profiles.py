"""The outputs of profiles.yml: one of the `selligent` profile is a destination."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import yaml
from jinja2 import Environment, StrictUndefined, TemplateError, UndefinedError

from dbt_selligent.errors import ProfileError, nearest
from dbt_selligent.naming import file_name, leads_elsewhere

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PROFILE = "selligent"
REQUIRED = ("url", "organization", "api_key", "api_secret")
OPTIONAL = ("type", "state", "state_schema", "timezone", "require_state", "notify")
ADD_OUTPUT = (
    "`dbt-selligent init` adds it, on a terminal; else with --url, --organization and --yes"
)
ADD_WAREHOUSE = "`dbt init`, in the project, asks for your warehouse and adds it"


def load_yaml(text: str) -> Any:
    """The content of a YAML text, by the fast loader where there is one; raises yaml.YAMLError."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


class Secret:
    """A value that prints as ``***`` wherever it turns up; `reveal` is the one way to it."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the request that needs it."""
        return self._value

    def __repr__(self) -> str:
        """Never the value."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Equal to a secret of the same value."""
        return isinstance(other, Secret) and other._value == self._value

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dictionary


@dataclass(frozen=True)
class Destination:
    """One output of the `selligent` profile: an instance, an organization, its credentials."""

    name: str
    url: str
    organization: str
    api_key: Secret
    api_secret: Secret
    state: Path
    timezone: str = "UTC"
    require_state: bool = False
    state_schema: str | None = None
    notify: tuple[Secret, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its states lie."""
        return self.state / file_name(self.name)


def outputs_of(profiles: Mapping[str, Any], profile: str, folder: Path) -> dict[str, Any]:
    """The outputs of a profile, not rendered; raises ProfileError."""
    where = folder / "profiles.yml"
    if profile not in profiles:
        there = ", ".join(sorted(str(name) for name in profiles if name != "config")) or "none"
        mend = ADD_OUTPUT if profile == PROFILE else ADD_WAREHOUSE
        raise ProfileError(f"{where}: no profile {profile!r}; there are: {there}", mend)
    outputs = profiles[profile].get("outputs") if isinstance(profiles[profile], dict) else None
    if not isinstance(outputs, dict):
        raise ProfileError(f"{where}: profile {profile}: no `outputs:`")
    return outputs


def read_destination(name: str, output: Any, project: Path, folder: Path) -> Destination:
    """An output of the `selligent` profile, rendered and checked; raises ProfileError."""
    where = f"{folder / 'profiles.yml'}: profile {PROFILE}, output {name}"
    if not isinstance(output, dict):
        raise ProfileError(f"{where}: not a dictionary")
    known = (*REQUIRED, *OPTIONAL)
    for key in output:
        if key not in known:
            like = nearest(str(key), known)
            raise ProfileError(
                f"{where}: {key}: no such key", f"did you mean {like}?" if like else ""
            )
    missing = [key for key in REQUIRED if output.get(key) in (None, "")]
    if missing:
        raise ProfileError(
            f"{where}: missing: {', '.join(missing)}", "add them as the README shows"
        )
    text = {
        key: str(render(value, where, key))
        for key, value in output.items()
        if value is not None and key != "notify"
    }
    empty = [key for key in REQUIRED if not text[key].strip()]
    if empty:
        raise ProfileError(f"{where}: empty: {', '.join(empty)}", "is the variable set but empty?")
    if text.get("type", PROFILE) != PROFILE:
        raise ProfileError(
            f"{where}: type: {text['type']!r} is not {PROFILE!r}", f"write type: {PROFILE}"
        )
    if leads_elsewhere(text["organization"]):
        raise ProfileError(f"{where}: organization: cannot be a name in a URL")
    for key in ("api_key", "api_secret"):
        if not (text[key].isascii() and text[key].isprintable()):
            raise ProfileError(
                f"{where}: {key}: has a character that no header can carry",
                "is there more in it than the key, like the end of a line?",
            )
    required = text.get("require_state", "false").strip().lower()
    if required not in ("true", "false"):
        raise ProfileError(f"{where}: require_state: {required!r} is not true or false")
    zone = text.get("timezone", "UTC")
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ProfileError(
            f"{where}: timezone: no time zone {zone!r}", "write it like Europe/Brussels"
        ) from None
    return Destination(
        name=name,
        url=check_url(text["url"], f"{where}: url"),
        organization=text["organization"],
        api_key=Secret(text["api_key"]),
        api_secret=Secret(text["api_secret"]),
        state=_state_folder(project, text.get("state", ".dbt_selligent"), where),
        timezone=zone,
        require_state=required == "true",
        state_schema=text.get("state_schema"),
        notify=_addresses(output.get("notify"), where),
    )


def _addresses(given: Any, where: str) -> tuple[Secret, ...]:
    """The addresses of `notify:`, which hold tokens; an error names the place of one, no more."""
    found = []
    for number, each in enumerate(given if isinstance(given, list) else [given], 1):
        what = f"notify {number}"
        if given is None:
            break
        if not isinstance(each, str):
            raise ProfileError(
                f"{where}: {what}: not an address", "write it like mailtos://user:password@host"
            )
        address = str(render(each, where, what)).strip()
        if not address:
            raise ProfileError(f"{where}: {what}: empty", "is the variable set but empty?")
        found.append(Secret(address))
    return tuple(found)


def _state_folder(project: Path, given: str, where: str) -> Path:
    try:
        return (project / Path(given).expanduser()).resolve()
    except (OSError, RuntimeError, ValueError):
        raise ProfileError(f"{where}: state: not a folder: {given!r}") from None


def check_url(url: str, where: str) -> str:
    """A URL without what does not belong to it; raises ProfileError that says where it stands."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise ProfileError(f"{where}: not a URL", "write it like https://acme.slgnt.eu")
    if parts.username or parts.password:
        raise ProfileError(f"{where}: holds a password", "use api_key and api_secret")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ProfileError(f"{where}: http is for this machine only", "write https://")
    return url.rstrip("/").removesuffix("/Portal/Api")


def render(value: Any, file: str, key: str) -> Any:
    """``value`` with its Jinja rendered, `env_var()` included; anything but text stays as it is.

    Raises ProfileError naming file and key; never the value.
    """
    if not isinstance(value, str) or "{" not in value:
        return value
    environment = Environment(undefined=StrictUndefined)  # noqa: S701  (no HTML is made here)
    environment.globals["env_var"] = _env_var
    for name in ("as_text", "as_native", "as_number", "as_bool"):
        environment.filters[name] = str
    try:
        return environment.from_string(value).render()
    except _VariableMissingError as missing:
        raise ProfileError(
            f"{file}: {key}: the environment variable {missing} is not set",
            f"set {missing}, or give env_var() a default",
        ) from None
    except UndefinedError as error:
        raise ProfileError(f"{file}: {key}: {error.message}", "only env_var() is known") from None
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError):
        raise ProfileError(f"{file}: {key}: this Jinja cannot be read") from None


class _VariableMissingError(Exception):
    """A variable without a value or a default; its name is the message."""


def _env_var(name: str, default: str | None = None) -> str:
    if name in os.environ:
        return os.environ[name]
    if default is None:
        raise _VariableMissingError(name)
    return default
