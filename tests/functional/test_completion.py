"""What a shell is offered, by the script that it was given, and quickly: dbt is not started."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dbt_selligent.cli.completion import MOST_BYTES

from .conftest import BIN, SECONDS, Done, Shop, clean_environment

BASH = shutil.which("bash")
FISH = shutil.which("fish")
ZSH = shutil.which("zsh")
NAMES = ["crm", "mails", "orders", "things"]


def run(folder: Path, *command: str | Path, **variables: str) -> Done:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean_environment(), "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def offered(folder: Path, line: str) -> list[str]:
    """What is offered for the last word of the line, as the script for bash asks for it."""
    words = line.split(" ")
    done = run(
        folder,
        BIN / "dbt-selligent",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
        _DBT_SELLIGENT_COMPLETE="bash_complete",
    )
    assert (done.code, done.err) == (0, "")
    return [each.removeprefix("plain,") for each in done.out.splitlines() if each]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("dbt-selligent s", ["sync", "schedule", "status", "state", "schema", "sandbox"]),
        ("dbt-selligent sync --sel", ["--select", "--selector"]),
        ("dbt-selligent completion ", ["bash", "zsh", "fish"]),
        ("dbt-selligent state reset ", NAMES),
        ("dbt-selligent state rename old t", ["things"]),
        ("dbt-selligent sync --select ", ["crm", "customers", "mails", "orders", "things"]),
        ("dbt-selligent ls -t dev -s c", ["crm", "customers"]),
        ("dbt-selligent plan --exclude 2+c", ["2+crm", "2+customers"]),
        ("dbt-selligent ls -s tag:daily,@o", ["tag:daily,@orders"]),
        ("dbt-selligent nothing ls", ["ls"]),
        ("dbt-selligent ls -s x", []),
    ],
)
def test_what_is_offered(shop: Shop, line: str, words: list[str]) -> None:
    assert offered(shop.folder, line) == words


def test_the_manifest_is_the_one_that_the_flags_lead_to(shop: Shop, tmp_path: Path) -> None:
    line = "dbt-selligent ls --project-dir {} --target-path {} -s c"
    assert offered(tmp_path, line.format(shop.folder, "target")) == ["crm", "customers"]
    assert offered(tmp_path, line.format(shop.folder, "elsewhere")) == []
    assert offered(tmp_path, "dbt-selligent ls -s c") == []


def test_targets_and_destinations_are_those_of_the_profiles(shop: Shop) -> None:
    shop.profile(more={"prod": shop.output})
    assert offered(shop.folder, "dbt-selligent sync --destination ") == ["dev", "prod"]
    assert offered(shop.folder, "dbt-selligent plan --destination p") == ["prod"]
    assert offered(shop.folder, "dbt-selligent ls -t ") == ["dev"]
    (shop.folder / "profiles.yml").write_text("{")
    assert offered(shop.folder, "dbt-selligent ls --target ") == []


def test_whatever_is_wrong_nothing_is_offered_and_nothing_is_said(
    shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    manifest = folder / "target" / "selligent" / "manifest.json"
    shutil.copytree(shop.folder, folder)
    line = "dbt-selligent state reset c"
    # No profile is needed, and dbt is not: one that is started writes a log.
    (folder / "profiles.yml").unlink()
    shutil.rmtree(manifest.parent / "logs")
    assert offered(folder, line) == ["crm"]
    content = manifest.read_text()
    # A shell is not kept waiting.
    manifest.write_text(content + " " * MOST_BYTES)
    assert offered(folder, line) == []
    for broken in (content[:-1], "[]", "", "[" * 100_000):
        manifest.write_text(broken)
        assert offered(folder, line) == []
    manifest.unlink()
    assert offered(folder, line) == []
    assert not (manifest.parent / "logs").exists()
    (folder / "dbt_project.yml").write_text("{")
    assert offered(folder, line) == []


BASH_ASKS = """
eval "$(dbt-selligent completion bash)"
complete -p dbt-selligent
COMP_WORDS=(dbt-selligent ls -s +c)
COMP_CWORD=3
_dbt_selligent_completion dbt-selligent
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not BASH, reason="there is no bash")
def test_bash_takes_the_script(shop: Shop) -> None:
    done = run(shop.folder, str(BASH), "--norc", "-c", BASH_ASKS)

    assert (done.code, done.err) == (0, "")
    registered, words = done.out.splitlines()
    assert registered == "complete -o nosort -F _dbt_selligent_completion dbt-selligent"
    assert words == "+crm +customers"


@pytest.mark.skipif(not ZSH, reason="there is no zsh")
def test_zsh_takes_the_script(shop: Shop) -> None:
    program = (
        'autoload -U compinit && compinit -D -u && eval "$(dbt-selligent completion zsh)" '
        "&& echo $_comps[dbt-selligent]"
    )
    done = run(shop.folder, str(ZSH), "-f", "-c", program)

    assert (done.code, done.err, done.out) == (0, "", "_dbt_selligent_completion\n")


@pytest.mark.skipif(not FISH, reason="there is no fish")
def test_fish_takes_the_script(shop: Shop) -> None:
    program = "dbt-selligent completion fish | source; complete -C 'dbt-selligent ls -s c'"
    done = run(shop.folder, str(FISH), "--no-config", "-c", program)

    assert (done.code, done.err) == (0, "")
    assert done.out.split() == ["crm", "customers"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shop: Shop, shell: str) -> None:
    done = shop.command("completion", shell)

    assert (done.code, done.err) == (0, "")
    assert f"_DBT_SELLIGENT_COMPLETE={shell}_complete" in done.out
