"""One run at a time: within a process, between processes, and after one was killed."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

import pytest

from dbt_selligent.errors import LockedError
from dbt_selligent.locks import hold

HOLDER = """
import sys
from pathlib import Path
from dbt_selligent.locks import hold
with hold(Path(sys.argv[1]), "activation crm"):
    print("held", flush=True)
    sys.stdin.readline()
"""
TRIES = """
import sys
from pathlib import Path
from dbt_selligent.errors import LockedError
from dbt_selligent.locks import hold
try:
    with hold(Path(sys.argv[1]), "activation crm"):
        print("held")
except LockedError as error:
    print(error.message)
"""


def start_holder(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert cast(IO[str], process.stdout).readline() == "held\n"
    return process


def test_a_second_hold_in_the_same_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state" / "crm.lock"

    with hold(path, "activation crm"):
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")

        assert caught.value.message.startswith(
            f"activation crm is in use by process {os.getpid()} on {socket.gethostname()} since 2"
        )
        assert caught.value.exit_code == 1
        with hold(tmp_path / "state" / "other.lock", "activation other"):
            pass


def test_it_is_free_afterwards_even_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"
    with pytest.raises(ZeroDivisionError), hold(path, "activation crm"):
        raise ZeroDivisionError
    times = []
    for _ in range(2):
        with hold(path, "activation crm"):
            times.append("held")

    assert times == ["held", "held"]


def test_a_refused_hold_does_not_free_the_lock_of_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"

    with hold(path, "activation crm"):
        for _ in range(2):
            with pytest.raises(LockedError), hold(path, "activation crm"):
                pytest.fail("held twice")
        tried = subprocess.run(
            [sys.executable, "-c", TRIES, str(path)], capture_output=True, text=True, check=True
        )

    assert f"in use by process {os.getpid()} on " in tried.stdout


def test_another_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "crm.lock"
    process = start_holder(path)
    try:
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")
        assert f"in use by process {process.pid} on " in caught.value.message
    finally:
        process.kill()
        process.communicate()

    with hold(path, "activation crm"):
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")
        assert f"by process {os.getpid()} on " in caught.value.message


@pytest.mark.parametrize("left", [b"", b"x" * 5000, b"[1]", b"7", b'{"pid": 1}', b"\xff"])
def test_what_a_dead_process_left_in_the_file_means_nothing(tmp_path: Path, left: bytes) -> None:
    path = tmp_path / "crm.lock"
    path.write_bytes(left)

    with hold(path, "activation crm"):
        with pytest.raises(LockedError, match=str(os.getpid())), hold(path, "activation crm"):
            pytest.fail("held twice")
        path.write_bytes(left)
        with pytest.raises(LockedError) as caught, hold(path, "activation crm"):
            pytest.fail("held twice")

    assert caught.value.message == "activation crm is in use"


def test_it_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "crm.lock"

    with hold(path, "activation crm"):
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path.parent, path)]

    assert modes == [0o700, 0o600]
