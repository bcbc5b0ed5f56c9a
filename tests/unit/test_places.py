"""Where states lie, and that their folder is nobody else's business."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from dbt_selligent.folders import private_folder, protect
from dbt_selligent.places import Files
from dbt_selligent.profiles import Destination, Secret


@pytest.mark.parametrize("left", [None, "", "*\n", "!kept\n"])
def test_a_folder_is_kept_out_of_git_unless_its_owner_says_otherwise(
    tmp_path: Path, left: str | None
) -> None:
    folder = tmp_path / "state"
    if left is not None:
        folder.mkdir()
        (folder / ".gitignore").write_text(left)
    protect(folder)
    assert (folder / ".gitignore").read_text() == (left or "*\n")


def test_states_are_found_by_their_names(tmp_path: Path) -> None:
    url = "https://acme.slgnt.eu"
    destination = Destination("dev", url, "ACME", Secret("k"), Secret("s"), tmp_path)
    names = ["a", "a.delta", "b c", "é/x"]
    for name in names:
        files = Files.named(destination, name)
        files.folder.mkdir(exist_ok=True)
        files.state.touch()
        files.delta.touch()
    assert sorted(Files.named(destination, "").names) == names


def test_of_runs_side_by_side_the_last_to_end_puts_the_umask_back(tmp_path: Path) -> None:
    """It is the process's: what another run still writes would be for all to read."""
    before = os.umask(0o022)
    try:
        with ExitStack() as first, ExitStack() as second:
            first.enter_context(private_folder(tmp_path / "a"))
            second.enter_context(private_folder(tmp_path / "b"))
            first.close()
            (tmp_path / "file").touch()
            assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
