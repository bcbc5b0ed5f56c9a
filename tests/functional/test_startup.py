"""What a command imports before it does its work: dbt takes a second, and is seldom needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import EXPOSURES, SECONDS, Shop, clean_environment, exposure
from .inboxes import webhook
from .test_sync import ANN

# A command in a process of its own, which says at its end what of apprise and dbt it has imported.
COMMAND = """
import atexit, sys
from dbt_selligent.cli import main
packages = "apprise dbt dbt_common dbt.config.renderer dbt.adapters dbt.adapters.duckdb".split()
atexit.register(lambda: print("imported:", *(name for name in packages if name in sys.modules)))
main()
"""
WITH_JINJA = {"path": "{{ env_var('SHOP_FOLDER') }}/{{ var('file', 'shop') }}.duckdb"}
DUCKDB = ["dbt.adapters.duckdb"]
RENDERER = ["dbt", "dbt_common", "dbt.config.renderer", "dbt.adapters"]


def imported_by(shop: Shop, *arguments: str, code: int = 0) -> list[str]:
    """What a command has imported of apprise and dbt."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=shop.folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, ""), done.stderr + done.stdout
    *_, last = done.stdout.splitlines()
    said, *imported = last.split()
    assert said == "imported:"
    return imported


@pytest.mark.parametrize(
    ("changed", "imported"),
    [
        ({}, []),
        ({"schema": "main", "threads": 2, "database": "shop"}, []),
        (WITH_JINJA, RENDERER),
        ({"settings": {"TimeZone": "UTC"}}, ["dbt", "dbt_common", "dbt.adapters", *DUCKDB]),
        ({**WITH_JINJA, "keep_open": True}, [*RENDERER, *DUCKDB]),
    ],
    ids=["plain", "plain, with more keys", "Jinja", "settings", "Jinja and more"],
)
def test_dbt_is_imported_only_where_the_profile_needs_it(
    shop: Shop, changed: Mapping[str, Any], imported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN)
    path = shop.folder / "profiles.yml"
    profiles = json.loads(path.read_text())
    profiles["shop"]["outputs"]["dev"].update(changed)
    path.write_text(json.dumps(profiles))
    monkeypatch.setenv("SHOP_FOLDER", str(shop.folder))
    for command in ("plan", "sync"):
        assert imported_by(shop, command, "--select", "crm") == imported
    assert shop.records() == [ANN]


def test_apprise_is_imported_only_where_there_is_something_to_tell(shop: Shop) -> None:
    shop.customers(ANN)
    meta = {**EXPOSURES[0]["config"]["meta"]["selligent"], "warnings": ["failed"]}
    shop.declare(exposure("crm", "customers", meta))
    with webhook() as inbox:
        shop.profile(notify=inbox.address)
        for fault, imported in (("load:delay=0", []), ("load:401", ["apprise"])):
            shop.sandbox.faults([fault])
            code = int(bool(imported))
            assert imported_by(shop, "sync", "--full-refresh", code=code) == imported


def test_a_selection_by_names_and_tags_needs_no_dbt(shop: Shop) -> None:
    log = shop.folder / "target" / "selligent" / "logs" / "dbt.log"
    before = log.read_bytes()

    assert (
        imported_by(shop, "ls", "-s", "tag:daily", "c*", "exposure:mails", "--exclude", "x") == []
    )

    # Nor was it started, in a process of its own.
    assert log.read_bytes() == before
