"""What the real command shows on a terminal of a given width, and what it leaves out elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from rich.cells import cell_len

from .conftest import BIN, SECONDS, TEMPORARY, Shop, exposure, wait_until
from .test_sync import ANN, BEN

CODE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
PLAIN = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@contextmanager
def on_terminal(
    shop: Shop, *arguments: str, columns: int = 80, more: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The real command on a terminal of its own, and the other end of that."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: value for name, value in os.environ.items() if name not in PLAIN}
    process = subprocess.Popen(
        [BIN / "dbt-selligent", *arguments],
        cwd=shop.folder,
        env={**kept, "TERM": "xterm-256color", **(more or {})},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    os.close(terminal)
    try:
        yield process, controller
    finally:
        process.kill()
        process.wait(timeout=SECONDS)
        os.close(controller)


def all_of(controller: int) -> str:
    """What is written until the end."""
    written = b""
    while True:
        try:
            some = os.read(controller, 65536)
        except OSError:  # so some systems tell the end
            some = b""
        if not some:
            return written.decode()
        written += some


def shown(
    shop: Shop, *arguments: str, columns: int = 80, more: Mapping[str, str] | None = None
) -> str:
    with on_terminal(shop, *arguments, columns=columns, more=more) as (_, controller):
        return all_of(controller)


def lines(written: str) -> list[str]:
    """Each line as it stood at some time, without colours."""
    return [line for line in re.split(r"[\r\n]+", CODE.sub("", written)) if line]


def many(shop: Shop, rows: int) -> None:
    shop.table(
        "customers",
        "select range as id, 'c' || range || '@acme.example' as email, 'Ann' as first_name, "
        f"range / 2 as lifetime_value, true as opt_in from range({rows})",
    )


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_line_is_longer_than_the_window_and_the_bar_is_gone_at_the_end(
    shop: Shop, columns: int
) -> None:
    many(shop, 5001)
    shop.sandbox.faults(["load:delay=1.5"])
    written = shown(shop, "sync", "--select", "crm", columns=columns)
    told = lines(written)
    assert max(map(cell_len, told)) <= columns
    bars = [line for line in told if line.startswith("  crm  ")]
    assert any("2,500/5,001" in line or "49%" in line for line in bars)
    assert any("left" in line for line in bars)
    assert all("━" in line or "─" in line for line in bars), bars
    # The last thing is the result, and what the bar stood on is free again.
    assert written.rstrip().rpartition("\x1b[2K")[2].count("━") == 0
    assert told[-1].endswith(" s")
    assert COLOUR.search(written)


def test_long_texts_are_broken_between_words_and_stay_below_their_beginning(shop: Shop) -> None:
    shop.declare(exposure("crm", "customers", {"list": "CUSTOMERS"}))
    written = shown(shop, "validate", columns=40)
    assert lines(written)[:3] == [
        "Error: 2 faults in the activations:",
        "  models/exposures.yml: exposure crm:",
        "    fields: missing (every activation",
    ]
    assert lines(written)[-2:] == [
        "  -> mend these in the YAML named above;",
        "     nothing was sent",
    ]
    assert "\x1b[31mError: \x1b[0m" in written


@pytest.mark.parametrize(
    ("command", "below"),
    [
        (["debug"], "     "),
        (["status"], "    "),
        (["ls"], "  "),
        (["verify"], "  "),
        (["validate", "--live"], "  "),
        (["state", "show"], "    "),
    ],
    ids=" ".join,
)
def test_what_is_looked_at_fits_its_window_and_is_whole_elsewhere(
    shop: Shop, command: list[str], below: str
) -> None:
    shop.customers(ANN)
    shop.in_step()
    asked = (*command, "--select", "crm")
    told = lines(shown(shop, *asked, columns=40))
    assert max(map(cell_len, told)) <= 40
    assert any(line.startswith(below) and line[len(below)] != " " for line in told)
    whole = shop.command(*asked).out
    assert "".join("".join(told).split()) == "".join(whole.split())
    assert max(map(len, whole.splitlines())) > 40


@pytest.mark.parametrize(
    ("more", "moves"), [({"NO_COLOR": "1"}, True), ({"TERM": "dumb"}, False)], ids=str
)
def test_there_is_no_colour_where_none_is_wanted(
    shop: Shop, more: Mapping[str, str], moves: bool
) -> None:
    shop.customers(ANN, BEN)
    for command in ("plan", "sync", "status", "debug"):
        written = shown(shop, command, "--select", "crm", more=more)
        assert not COLOUR.search(written), command
        assert ("\x1b" in written) == (moves and command in ("plan", "sync")), command
    assert shop.records() == [ANN, BEN]


def test_elsewhere_a_line_is_whole_whatever_the_width(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.customers(ANN)
    monkeypatch.setenv("COLUMNS", "40")
    done = shop.command("plan", "--select", "crm")
    assert "\x1b" not in done.out
    where = shop.state / "dev" / "crm.duckdb"
    assert f"  first sync, no state at {where}" in done.out.splitlines()


def test_events_are_nothing_but_lines_of_json_on_a_terminal_too(shop: Shop) -> None:
    shop.customers(ANN)
    written = shown(shop, "sync", "--select", "crm", "--log-format", "json", columns=40)
    events = [json.loads(line)["event"] for line in written.splitlines()]
    assert events == ["planned", "progress", "progress", "finished", "ended"]


def test_quiet_shows_nothing_on_a_terminal_where_all_is_well(shop: Shop) -> None:
    shop.customers(ANN)
    assert shown(shop, "sync", "--select", "crm", "--quiet") == ""
    shop.customers()
    written = lines(shown(shop, "sync", "--select", "crm", "--quiet"))
    assert written[0].startswith("crm: stopped, ")
    assert written[1:] == [
        "  model customers has no rows: nothing was sent",
        "  -> if it is meant to be empty, sync with --force",
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_before_the_first_request_is_one_line(shop: Shop, as_json: bool) -> None:
    shop.write(
        "create view customers as select 1 as id, 'x' as email, 'x' as first_name, "
        "(select count(*) from range(1000000000000))::double as lifetime_value, true as opt_in"
    )
    flags = ["--log-format", "json"] if as_json else []
    with on_terminal(shop, "sync", "--select", "crm", *flags) as (process, controller):
        staged = f"{TEMPORARY}*/crm.delta.duckdb*"
        wait_until(lambda: list(shop.state.glob(staged)), "the model is read")
        process.send_signal(signal.SIGINT)
        told = lines(all_of(controller))
        assert process.wait(timeout=SECONDS) == 1
    if as_json:
        [line] = told
        event = json.loads(line)
        assert (event["event"], event["message"]) == ("error", "interrupted: nothing was sent")
    else:
        assert told == ["Error: interrupted: nothing was sent"]
    assert shop.sent() == []
