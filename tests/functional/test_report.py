"""The report: real runs of every kind, the real command, and the page in a real browser."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import duckdb
import pytest
from unit.pages import text_of

from dbt_selligent.locks import hold

from .browser import DARK, Browser, find_browser, without_policy
from .conftest import EXPOSURES, Shop, exposure
from .states import make_newer
from .test_rejections import ROWS, refuse_one
from .test_sync import A_ORDER, ANN, BEN

CRM = EXPOSURES[0]
WIDTHS = (360, 1280)


def page_of(shop: Shop, *arguments: str) -> str:
    """What is to be read on the page that the command writes."""
    done = shop.invoke("report", *arguments)
    assert (done.code, done.err) == (0, "")
    return text_of((shop.folder / "target" / "selligent_report.html").read_text(encoding="utf-8"))


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return find_browser(tmp_path)


@pytest.fixture
def busy_shop(shop: Shop) -> Shop:
    """A shop with a past: good runs, refused, invalid and forced ones, and some that failed."""
    shop.customers(*ROWS[:4])
    shop.in_step()
    shop.customers(*ROWS, (9, "x" * 101, "Ben", 1.0, True))
    shop.sandbox.faults(["load:reject:MAIL=c6@acme.example"])
    assert shop.sync_one().status == "rows refused"
    shop.sandbox.faults(["load:401"])
    shop.customers(*ROWS, (9, "x" * 101, "Ben", 1.0, True), (10, "j@acme.example", "Jo", 1, True))
    assert shop.sync_one().status == "failed"
    shop.sandbox.faults([])
    shop.table("orders", A_ORDER)
    shop.in_step("orders")
    shop.table("orders", f"{A_ORDER} limit 0")
    shop.in_step("orders", force=True)
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    shop.in_step("mails")
    shop.dbt_said(mails="error")
    assert shop.sync_one("mails").status == "kept back"
    return shop


def test_the_command_says_where_the_page_is_and_what_it_says(busy_shop: Shop) -> None:
    done = busy_shop.command("report")
    assert (done.code, done.err) == (0, "")
    path = busy_shop.folder / "target" / "selligent_report.html"
    assert done.out.splitlines() == [
        "3 of 4 activations need attention",
        "  crm: failed",
        "  mails: kept back",
        "  things: never synced",
        f"{path}: written",
    ]
    written = path.read_text(encoding="utf-8")
    # No value of a row, and no secret.
    assert not re.search(r"acme\.example|Name \d|x{20}|demo", written)
    page = text_of(written)
    for said in (
        "3 of 4 activations need attention",
        "Project shop, target dev, as of",
        "Times are in UTC.",
        # Rows of the overview: confirmed, in doubt, held, not found, invalid.
        "crm list CUSTOMERS at dev failed less than a minute ago",
        "UTC 7 0 1 0 1",
        "things list THINGS at dev never synced none 0 0 0 0 0",
        # The sections.
        "Model customers feeds list CUSTOMERS at dev",
        "What was confirmed before stays confirmed. 1 row not sent.",
        "rejected, held MAIL refused without a code 1",
        "invalid MAIL longer than 100 UTF-16 units 1",
        "Nothing was sent: the model, or a test on it, failed in dbt.",
        "model mails failed in the dbt build of 2026-05-01 12:00 UTC",
        "mend it, then dbt build --select mails",
        "model orders has no rows",
        "No sync of it is on record. Next: run dbt-selligent sync",
    ):
        assert said in page, said


def test_the_error_and_next_step_of_a_sync_are_those_that_it_said(shop: Shop) -> None:
    shop.customers(ANN)
    shop.sandbox.faults(["load:401"])
    result = shop.sync_one()
    assert (result.status, result.next_step) != ("failed", None)
    next_step = str(result.next_step).replace("`", "")
    assert f"{result.error} Next: {next_step}" in page_of(shop, "--select", "crm")


def test_a_sync_that_never_began_is_on_the_page(shop: Shop) -> None:
    shop.customers(ANN)
    shop.profile(api_secret="of someone else")
    assert shop.invoke("sync", "--select", "crm").code == 1
    [result] = shop.results()["results"]
    page = page_of(shop, "--select", "crm")
    assert "The activation needs attention" in page
    assert result["error"] in page
    assert "Only what --select crm selects is on this page." in page
    # What another target's sync said, or what cannot be read, is not taken for this one's.
    for content in (json.dumps({**shop.results(), "target": "prod"}), "{", '{"metadata": []}'):
        shop.results_file.write_text(content)
        assert "crm list CUSTOMERS at dev never synced" in page_of(shop, "--select", "crm")


def test_a_sync_that_failed_is_on_the_page_whatever_is_synced_later(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.in_step()
    shop.in_step("orders")
    shop.profile(api_secret="of someone else")
    assert shop.invoke("sync", "--select", "crm").code == 1
    shop.profile()
    shop.in_step("orders")
    page = page_of(shop, "--select", "crm orders")
    assert "1 of 2 activations needs attention" in page
    assert "401: the key is refused" in page
    assert "401: the key is refused" in shop.invoke("status", "--select", "crm").out


def test_a_state_that_was_forgotten_since_is_never_synced(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    assert shop.invoke("state", "reset", "crm", "--yes").code == 0
    assert "crm list CUSTOMERS at dev never synced" in page_of(shop, "--select", "crm")


def test_what_is_busy_or_unreadable_does_not_spoil_the_page(shop: Shop) -> None:
    shop.customers(ANN)
    shop.table("orders", A_ORDER)
    shop.table("mails", "select 'ann@acme.example' as mail, 1 as score")
    for name in ("crm", "orders", "mails"):
        shop.in_step(name)
    make_newer(shop.state / "dev" / "orders.duckdb")
    with hold(shop.state / "dev" / "crm.lock", "activation crm"):
        page = page_of(shop)
    assert "2 of 4 activations need attention" in page
    works = rf"works on it: activation crm is in use by process {os.getpid()} on \S+ since 20\d\d-"
    assert re.search(works, page)
    assert "crm list CUSTOMERS at dev at work not known – – – – –" in page
    assert "newer than version" in page
    assert "Next: upgrade dbt-selligent to the version that wrote it" in page
    assert "mails list MAILS at dev in step less than a minute ago" in page


def test_a_run_that_was_killed_is_cut_off(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    with duckdb.connect(str(shop.state / "dev" / "crm.duckdb")) as connection:
        connection.execute(
            "insert into runs (run_id, started_at, status, dbt_target) "
            "values ('killed', now()::timestamp + interval 1 second, 'running', 'dev')"
        )
    page = page_of(shop, "--select", "crm")
    assert "crm list CUSTOMERS at dev cut off" in page
    assert "The last sync was cut off. What was confirmed before stays confirmed." in page


def test_rows_in_doubt_need_attention(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.sandbox.put("CUSTOMERS", [{"CUSTOMER_ID": 1, "FIRSTNAME": "Otto"}])
    assert shop.invoke("verify", "--repair", "--select", "crm").code == 1
    page = page_of(shop, "--select", "crm")
    assert "in doubt less than a minute ago" in page
    assert "1 row is in doubt since. Next: run dbt-selligent sync" in page


def test_a_refused_update_is_held_and_not_in_doubt_beside(shop: Shop) -> None:
    shop.customers(ANN, BEN)
    shop.in_step()
    shop.customers(ANN, (BEN[0], "ben@acme.example", "Nobody", None, False))
    shop.sandbox.faults(["load:reject:FIRSTNAME=Nobody"])
    assert shop.sync_one().rejected == 1
    assert "rows refused less than a minute ago" in (page := page_of(shop, "--select", "crm"))
    assert "UTC 1 0 1 0 0" in page
    assert "in doubt: sent again" not in page


def test_rows_are_counted_by_field_and_reason_not_one_by_one(shop: Shop) -> None:
    shop.customers(*((n, "x" * (101 + n), "Ben", 1.0, True) for n in range(30)), (99, *ANN[1:]))
    shop.sync_one()
    page = page_of(shop, "--select", "crm")
    assert "invalid MAIL longer than 100 UTF-16 units 30" in page
    assert "30 rows are invalid, and never sent." in page
    refuse_one(shop)
    assert "rejected, held MAIL refused without a code 1" in page_of(shop, "--select", "crm")


def test_faults_are_told_beside_what_is_known(shop: Shop) -> None:
    shop.customers(ANN)
    shop.in_step()
    wrong = {**CRM["config"]["meta"]["selligent"], "lists": "OTHERS"}
    shop.declare(CRM, exposure("wrong", "spare", wrong))
    page = page_of(shop)
    assert "No sync can start: " in page
    assert "exposure wrong: lists: " in page
    assert "crm list CUSTOMERS at dev in step" in page


def test_the_page_goes_where_it_is_asked_to_and_replaces_the_last_one(
    shop: Shop, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "page.html"
    done = shop.invoke("report", "--output", str(path))
    assert (done.code, path.parent.exists()) == (2, False)
    assert f"{path.parent}: no such folder" in done.err
    path.parent.mkdir()
    for _ in range(2):
        done = shop.invoke("report", "--output", str(path))
        assert (done.code, done.out.splitlines()[-1]) == (0, f"{path}: written")
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    path.with_name("below").mkdir()
    done = shop.invoke("report", "--output", str(path.with_name("below")))
    assert done.code == 1
    assert f"{path.with_name('below')}: cannot be written: Is a directory" in done.err
    assert "name another file with --output" in done.err


def test_a_browser_shows_it_and_asks_for_nothing(busy_shop: Shop, browser: Browser) -> None:
    path = browser.folder / "report.html"
    assert busy_shop.invoke("report", "--output", str(path)).code == 0
    seen = browser.rendered(path)
    for said in ("3 of 4 activations need attention", "rows refused", "refused without a code"):
        assert said in text_of(seen)
    assert len(re.findall(r'<rect class="confirmed"', seen)) >= 4
    assert len(re.findall(r'<use class="mark stopped"', seen)) >= 2
    page = path.read_text(encoding="utf-8")
    free = browser.folder / "free.html"
    free.write_text(without_policy(page), encoding="utf-8")
    assert browser.asks_for(path) == []
    assert browser.asks_for(free) == []  # its policy has nothing to forbid
    # What it would be if something was asked for, and that the policy forbids it.
    image = page.replace("</body>", '<img src="http://acme.example/x.png"></body>')
    path.write_text(image, encoding="utf-8")
    free.write_text(without_policy(image), encoding="utf-8")
    assert browser.asks_for(free) == ["http://acme.example/x.png"]
    assert browser.asks_for(path) == []


def test_it_is_readable_on_every_screen_in_light_and_dark(
    busy_shop: Shop, browser: Browser
) -> None:
    long = f"name_{'of_an_activation_' * 10}"
    meta = {**CRM["config"]["meta"]["selligent"], "list": "OTHERS"}
    busy_shop.declare(*EXPOSURES, exposure(long, "customers", meta))
    path = browser.folder / "report.html"
    assert busy_shop.invoke("report", "--output", str(path)).code == 0
    backgrounds = {}
    for width in WIDTHS:
        for scheme in ((), (DARK,)):
            found = browser.measure(path, width, *scheme)
            assert (found["inner"], found["scroll"]) == (width, width)
            assert found["texts"] > 100
            assert (found["wide"], found["upon"], found["faint"]) == ([], [], [])
            backgrounds[scheme] = found["background"]
    assert backgrounds == {(): "rgb(244, 245, 247)", (DARK,): "rgb(17, 20, 24)"}
    # What is wide, or faint, is found.
    page = path.read_text(encoding="utf-8")
    for wrong, kind in (
        ('<pre style="width: 400px">wide</pre>', "wide"),
        ('<p style="color: #aaa">faint</p>', "faint"),
    ):
        path.write_text(page.replace("</body>", f"{wrong}</body>"), encoding="utf-8")
        assert len(browser.measure(path, 360)[kind]) == 1


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
