"""Where states lie, and that their folder is nobody else's business."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_selligent.places import Files, protect
from dbt_selligent.settings import Destination, Secret


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
