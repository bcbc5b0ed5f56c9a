"""Pictures of the commands for the docs: real commands on a terminal, the sample project, and a
local Selligent.

    make screens

It needs dbt-selligent[sandbox] in the Python that runs it, and no network. Each picture is what a
process wrote on a terminal of its own. Times of day are not of the essence: they are made the same
in every run.
"""

from __future__ import annotations

import codecs
import fcntl
import io
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
from rich.console import Console
from rich.text import Text

from dbt_selligent.sandbox import Sandbox
from dbt_selligent.sandbox.config import load_config

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
SAMPLE = HERE.parent / "sample_project"
PICTURES = HERE / "screens"
LINES, COLUMNS = 40, 100
FIRST_DAY = "{as_of: 1997-09-30}"
# Seconds that the local Selligent takes for an answer, so that there is something to be seen.
SLOW = "load:delay=0.4"
REFUSES = "load:reject:MAIL=customer-7@acme.example"
# What is not as it should be in every shop: mails that are too long, and members that left.
SPOILT = (
    "update customers set email = repeat('x', 300) where customer_id in (20, 21, 22)",
    "update customers set email = 'customer-7@acme.example' where customer_id = 7",
    "delete from vip_customers where customer_id % 150 = 0",
)
# What would be another in each run, and what it might be.
SAME = ((r"20\d\d-\d\d-\d\d", "2026-05-01"), (r"\d\d:\d\d UTC", "06:00 UTC"))


class Screen:
    """What stands on a terminal: as much of one as rich's live display needs."""

    CODE = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")

    def __init__(self) -> None:
        self.lines = [""]
        self._at = 0

    def write(self, text: str) -> None:
        """Text as a process writes it; colours stay in the lines."""
        for found in self.CODE.finditer(text):
            numbers, code = found.group(1), found.group(2)
            if code == "A":
                self._at = max(0, self._at - int(numbers or 1))
            elif code == "K":
                self.lines[self._at] = ""
            elif code == "m" or (code is None and found.group() not in "\r\n"):
                self.lines[self._at] += found.group()
            elif found.group() == "\n":
                self._at += 1
                self.lines += [""] * (self._at + 1 - len(self.lines))

    def shown(self) -> str:
        """The lines, without empty ones at the end."""
        return "\n".join(self.lines).rstrip("\n")


def run(
    folder: Path,
    url: str,
    arguments: Sequence[str],
    *,
    columns: int = COLUMNS,
    at: Callable[[str], bool] = lambda _: False,
) -> tuple[str, str]:
    """What a command leaves on its terminal, and what stood there when ``at`` first said so."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, columns, 0, 0))
    process = subprocess.Popen(
        [BIN / "dbt-selligent", *arguments],
        cwd=folder,
        env=environment(url),
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    screen, moment = Screen(), ""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while data := read(controller):
        screen.write(decoder.decode(data))
        if not moment and at(screen.shown()):
            moment = screen.shown()
    os.close(controller)
    process.wait()
    return screen.shown(), moment


def read(controller: int) -> bytes:
    """What was written; nothing at the end, which some systems tell by an error."""
    try:
        return os.read(controller, 65536)
    except OSError:
        return b""


def environment(url: str) -> dict[str, str]:
    """Nobody's own settings of dbt, or of colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("DBT_") and name not in ("NO_COLOR", "COLUMNS", "LINES")
    }
    return {**kept, "SELLIGENT_URL": url, "NO_PROXY": "127.0.0.1", "TERM": "xterm-256color"}


def build(folder: Path, url: str, *arguments: str) -> None:
    """Has dbt build the sample project."""
    command: list[str | Path] = [BIN / "dbt", "--quiet", "build", *arguments]
    subprocess.run(command, cwd=folder, env=environment(url), check=True)


def declare(folder: Path, before: str, after: str) -> None:
    """Changes the exposures."""
    path = folder / "models" / "exposures.yml"
    text = path.read_text(encoding="utf-8")
    if before not in text:
        raise SystemExit(f"{path.name} has no {before!r}")
    path.write_text(text.replace(before, after), encoding="utf-8")


def draw(name: str, *scenes: tuple[Sequence[str], str]) -> None:
    """Writes a picture: commands, and what each left on its terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for arguments, screen in scenes:
        console.print(Text(f"$ {shlex.join(['dbt-selligent', *arguments])}", "bold"))
        for pattern, instead in SAME:
            screen = re.sub(pattern, instead, screen)
        console.print(Text.from_ansi(screen), soft_wrap=True)
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{name}.svg"
    # Letters as the reader has them: no picture of the docs asks another server for a font.
    path.write_text(FONTS.sub("", console.export_svg(title=name, unique_id=name)), "utf-8")
    print(path.relative_to(HERE.parent))


FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def under_way(screen: str) -> bool:
    """Whether two bars have come some way."""
    return screen.count(" rows/s ") == 2


def main() -> None:
    sandbox = Sandbox(load_config(SAMPLE / "sandbox.yml"))
    with tempfile.TemporaryDirectory(prefix="screens-") as temporary, sandbox.running() as url:
        folder = Path(temporary) / "shop"
        shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb"))
        declare(folder, "removed: keep", "removed: delete")
        build(folder, url, "--vars", FIRST_DAY)
        run(folder, url, ["sync", "--vars", FIRST_DAY])
        build(folder, url)
        with duckdb.connect(str(folder / "cdnow.duckdb")) as warehouse:
            for statement in SPOILT:
                warehouse.execute(statement)
        draw("plan", (["plan"], run(folder, url, ["plan"])[0]))
        sandbox.faults([SLOW, REFUSES])
        end, moment = run(folder, url, ["sync"], at=under_way)
        draw("sync-running", (["sync"], moment))
        draw("sync", (["sync"], end))
        declare(folder, "list: VIPS", "list: VIP")
        declare(folder, "SPEND: spend", "SPEND: spent")
        draw("error", (["sync"], run(folder, url, ["sync"])[0]))


if __name__ == "__main__":
    main()
