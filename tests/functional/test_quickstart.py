"""`docs/quickstart.md` is its own test: its commands are run in order, and print what it says.

A block `bash install` is left out, since what it installs runs the test; a block `bash background`
goes on until the end. A line of a block `text` is looked for in what the commands before it said,
in order; in it, `…` stands for anything.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .conftest import BIN, REPOSITORY, SECONDS, clean_environment, wait_until

PAGE = REPOSITORY / "docs" / "quickstart.md"
BLOCK = re.compile(r"^```(?P<kind>[^\n]+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass
class Reader:
    """Someone with two terminals who types what the page says, and compares what comes."""

    folder: Path
    said: str = ""

    @property
    def environment(self) -> dict[str, str]:
        path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
        return {**clean_environment(), "PATH": path, "DO_NOT_TRACK": "1"}

    def types(self, commands: str) -> None:
        done = subprocess.run(
            ["bash", "-euc", f"{commands}\npwd > {self.folder / 'pwd'}"],
            cwd=self.where,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=3 * SECONDS,  # of several commands
            check=False,
        )
        self.said = done.stdout
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"

    @property
    def where(self) -> Path:
        """Where the terminal is after what was typed before."""
        kept = self.folder / "pwd"
        return Path(kept.read_text().strip()) if kept.exists() else self.folder

    @contextmanager
    def second_terminal(self, command: str) -> Iterator[None]:
        log = self.folder / "second.txt"
        with (
            log.open("w") as out,
            subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.where, env=self.environment, stdout=out
            ) as process,
        ):
            try:
                wait_until(log.read_text, "the sandbox has started")
                self.said = log.read_text()
                yield
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(SECONDS)

    def sees(self, expected: str) -> None:
        lines = iter(self.said.splitlines())
        for each in expected.splitlines():
            pattern = ".*".join(map(re.escape, each.split("…")))
            assert any(re.fullmatch(pattern, line) for line in lines), f"{each!r} in\n{self.said}"


def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    blocks = list(BLOCK.finditer(PAGE.read_text("utf-8").replace("8800", port)))
    assert [block["kind"] for block in blocks].count("bash background") == 1
    reader = Reader(tmp_path)
    with ExitStack() as stack:
        for block in blocks:
            kind, text = block["kind"], block["text"]
            if kind == "bash":
                reader.types(text)
            elif kind == "bash background":
                stack.enter_context(reader.second_terminal(text.strip()))
            elif kind == "text":
                reader.sees(text)
            else:
                assert kind in ("bash install", "yaml")
