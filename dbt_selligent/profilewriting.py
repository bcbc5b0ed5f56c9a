"""An output of the `selligent` profile, asked for and written into profiles.yml."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dbt_selligent.errors import ConfigurationError, ProfileError
from dbt_selligent.localsandbox import CREDENTIAL, ORGANIZATION, URL, is_local
from dbt_selligent.naming import leads_elsewhere
from dbt_selligent.profiles import PROFILE, check_url, load_yaml
from dbt_selligent.profiletext import add_output, profile_lines
from dbt_selligent.questions import Ask, Say
from dbt_selligent.settings import Settings

VARIABLES = ("SELLIGENT_API_KEY", "SELLIGENT_API_SECRET")
THE_SANDBOX, AN_INSTANCE = "sandbox", "instance"


@dataclass(frozen=True)
class Address:
    """Where an output is to lead, as far as flags say so."""

    url: str | None = None
    organization: str | None = None


def provide_output(
    settings: Settings, address: Address, ask: Ask | None, say: Say, *, unasked: bool
) -> Settings:
    """Settings that have an output to send to; where it is missing, it is written to profiles.yml.

    Its address is asked for, as far as it is not given. Without someone to ask it is written only
    where that is wanted ``unasked``. Raises ProfileError where there is none, and none can be
    written; ConfigurationError where it may not be.
    """
    name = settings.destination or settings.target
    missing = _is_missing(settings.profiles, name) and (ask or (unasked and address.url))
    if not missing:
        settings.destination_named()  # which says what is wrong with it
        return settings
    path = settings.profiles_dir / "profiles.yml"
    output = _ask_output(name, address, ask, say)
    say(f"{path}: to be added:")
    say("".join(f"    {line}\n" for line in profile_lines(name, output)))
    text = add_output(path.read_bytes().decode("utf-8"), name, output)
    mend = f"add the lines above to it; `{name}` stands under `outputs:` of `{PROFILE}:`"
    if text is None:
        raise ProfileError(f"{path}: written in a way that is not changed here", mend)
    if ask and not ask.agree("Write it?", default=True):
        raise ConfigurationError(f"{path}: nothing was written", mend)
    try:
        _put(path, text)
    except OSError as error:
        raise ProfileError(f"{path}: cannot be written: {error.strerror}", mend) from None
    say(f"{path}: written")
    if not is_local(output["url"]):
        say(f"key and secret are not in it: it reads the variables {' and '.join(VARIABLES)}")
    return replace(settings, profiles=load_yaml(text))


def _is_missing(profiles: Mapping[str, Any], name: str) -> bool:
    profile = profiles.get(PROFILE, {"outputs": {}})
    outputs = profile.get("outputs") if isinstance(profile, dict) else None
    return isinstance(outputs, dict) and name not in outputs


def _ask_output(name: str, address: Address, ask: Ask | None, say: Say) -> dict[str, str]:
    if address.url or ask is None:
        url = check_url(address.url or "", "--url")
    else:
        url = _ask_url(name, ask, say)
    organization = address.organization
    if organization is None and is_local(url):
        organization = ORGANIZATION
    elif organization is None and ask:
        organization = ask.text("Organization")
    if not organization or leads_elsewhere(organization):
        raise ConfigurationError(
            "--organization: missing, or no name" if ask is None else "no name of an organization",
            "name it, as Selligent has it",
        )
    key, secret = (CREDENTIAL,) * 2 if is_local(url) else map(_from_environment, VARIABLES)
    return {
        "type": PROFILE,
        "url": url,
        "organization": organization,
        "api_key": key,
        "api_secret": secret,
    }


def _ask_url(name: str, ask: Ask, say: Say) -> str:
    where = ask.choose(
        f"Where rows of target {name} go",
        [
            (THE_SANDBOX, f"a Selligent on this machine, to try it: {URL}"),
            (AN_INSTANCE, "of Selligent, with an address, a key and a secret"),
        ],
        THE_SANDBOX,
    )
    if where == THE_SANDBOX:
        return URL
    while True:
        try:
            return check_url(ask.text("Address, like https://acme.slgnt.eu"), "address")
        except ProfileError as error:
            say(str(error))


def _from_environment(variable: str) -> str:
    return f"{{{{ env_var('{variable}') }}}}"


def _put(path: Path, text: str) -> None:
    """Puts a text in the place of a file, at once; its rights, and a link to it, stay."""
    there = path.resolve()
    # A folder of its owner's alone: there may be secrets in the text.
    with tempfile.TemporaryDirectory(dir=there.parent, prefix=".profiles-") as folder:
        written = Path(folder) / there.name
        written.write_bytes(text.encode("utf-8"))
        written.chmod(there.stat().st_mode & 0o777)
        written.replace(there)
