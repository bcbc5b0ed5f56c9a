"""The sandbox of this machine: where it listens, whom it lets in, and how it is started."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from dbt_selligent.profiles import LOOPBACK

PORT = 8800  # unless it is told another
URL = f"http://127.0.0.1:{PORT}"
ORGANIZATION, CREDENTIAL = "DEMO", "demo"
FRAMEWORK = "aiohttp"  # which is installed where it is asked for


def is_local(url: str) -> bool:
    """Whether an address is one of this machine, as the sandbox's is."""
    return urlsplit(url).hostname in LOOPBACK


def start_command(url: str) -> str:
    """The commands that start the sandbox at an address, to be told."""
    port = urlsplit(url).port or PORT
    start = "`dbt-selligent sandbox" + (f" --port {port}`" if port != PORT else "`")
    install = "" if find_spec(FRAMEWORK) else "`pip install 'dbt-selligent[sandbox]'`, and then "
    return f"{install}{start}"
