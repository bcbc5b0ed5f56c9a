"""Who is warned, of what, and how often: by real messages to real sockets."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from dbt_selligent import addresses, sync, warning
from dbt_selligent.activation import Activation
from dbt_selligent.errors import RunError
from dbt_selligent.events import Event, Untold, silent
from dbt_selligent.locks import hold
from dbt_selligent.message import Message
from dbt_selligent.outcome import failure_of
from dbt_selligent.selection import list_activations
from dbt_selligent.warning import Moment, warn

from .conftest import EXPOSURES, SECONDS, Shop, exposure, wait_until
from .inboxes import Inbox, mailbox, webhook
from .test_secrets import holding
from .test_sync import A_ORDER, ANN, BEN
from .wires import Peer, serve

ALL = ["failed", "rejected", "guard", "recovered", {"stale": "26h"}]
TOKEN = "token-of-the-webhook"
NOON = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with webhook() as inbox:
        yield inbox


@pytest.fixture
def warned(shop: Shop, inbox: Inbox) -> Shop:
    """A shop whose activation crm is warned of everything."""
    shop.profile(notify=inbox.address)
    wanting(shop)
    shop.customers(ANN)
    return shop


def wanting(shop: Shop, *names: str, warnings: object = ALL, **changed: Any) -> None:
    """Declares these activations, crm alone if none is named, with warnings."""
    shop.declare(
        *(
            exposure(
                each["name"],
                [ref.removeprefix("ref('").removesuffix("')") for ref in each["depends_on"]],
                {**each["config"]["meta"]["selligent"], "warnings": warnings, **changed},
                each["config"]["tags"],
            )
            for each in EXPOSURES
            if each["name"] in (names or ("crm",))
        )
    )


def memory(shop: Shop) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((shop.state / "dev" / "warnings.json").read_text())
    return content


def test_each_change_is_told_once_by_the_real_command(warned: Shop, inbox: Inbox) -> None:
    codes = []
    for fault in ([], ["load:401"], ["load:401"], []):
        warned.sandbox.faults(fault)
        done = warned.command("sync", *(["--full-refresh"] if fault else []))
        codes.append(done.code)
        assert done.err == ""
    assert codes == [0, 1, 1, 0]
    assert [(tone, title) for tone, title, _ in inbox.new()] == [
        ("failure", "dbt-selligent: crm failed (dev)"),
        ("success", "dbt-selligent: crm recovered (dev)"),
    ]


def test_a_message_says_what_and_since_when_and_what_to_do(warned: Shop, inbox: Inbox) -> None:
    before = warned.sync(select=("crm",))
    warned.sandbox.faults(["load:401"])
    warned.customers(ANN, BEN)
    after = warned.sync(select=("crm",))
    [(_, _, body)] = inbox.new()
    [result] = after.results
    assert body.splitlines() == [
        "crm failed: model customers -> list CUSTOMERS at dev",
        f"  {result.error}",
        "  2 rows in the model: 1 not sent",
        f"  -> {result.next_step}",
        f"  last complete run: {before.started_at[:16].replace('T', ' ')} UTC",
        "",
        f"run {after.run_id}, started {after.started_at[:16].replace('T', ' ')} UTC",
    ]
    warned.sandbox.faults([])
    assert warned.sync_one().status == "in step"
    [(_, _, body)] = inbox.new()
    assert re.fullmatch(
        r"  failed, as was told \d{4}-\d\d-\d\d \d\d:\d\d UTC, is over", body.splitlines()[1]
    )
    assert body.splitlines()[2] == "  2 rows in the model: 1 confirmed"


def test_refused_rows_are_counted_and_never_quoted(warned: Shop, inbox: Inbox) -> None:
    warned.sandbox.faults([f"load:reject:MAIL={ANN[1]}"])
    assert warned.sync_one().status == "rows refused"
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("warning", "dbt-selligent: crm rows refused (dev)")
    assert body.splitlines()[1:3] == [
        "  1 row in the model: 1 rejected",
        "  -> see the reasons: dbt-selligent status",
    ]
    for word in (ANN[1], ANN[2], "10.5"):
        assert str(word) not in body
    warned.sandbox.faults([])
    assert warned.sync_one().status == "rows refused"  # it is held
    assert inbox.new() == []
    warned.in_step(retry_rejected=True)
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]


def test_a_guard_and_the_verdict_of_dbt_are_told_with_their_figures(
    warned: Shop, inbox: Inbox
) -> None:
    wanting(warned, guard={"max_removed": "10%"})
    warned.customers(ANN, BEN)
    warned.in_step()
    warned.customers(ANN)
    assert warned.sync_one().error
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("warning", "dbt-selligent: crm stopped (dev)")
    assert "  1 of 2 rows left the model, more than 10%: nothing was sent" in body.splitlines()
    warned.dbt_said(customers="error")
    assert warned.sync_one().status == "kept back"
    assert inbox.new() == []  # it is stopped still
    warned.dbt_said(customers="success", at="13:00")
    assert warned.sync_one(force=True).status == "in step"
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]


def test_who_is_kept_back_has_not_recovered(warned: Shop, inbox: Inbox) -> None:
    wanting(warned, warnings=["failed", "recovered"])
    warned.sandbox.faults(["load:401"])
    warned.sync_one()
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    warned.sandbox.faults([])
    warned.dbt_said(customers="error")
    assert warned.sync_one().status == "kept back"
    assert inbox.new() == []
    assert list(memory(warned)["crm"]["told"]["1 json"]) == ["over failed"]
    warned.dbt_said(customers="success", at="13:00")
    warned.in_step()
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]


def test_one_condition_after_the_other_is_told_and_recovery_once(
    warned: Shop, inbox: Inbox
) -> None:
    warned.dbt_said(customers="error")
    warned.sync_one()
    warned.dbt_said(customers="success", at="13:00")
    warned.sandbox.faults(["load:401"])
    warned.sync_one()
    warned.sandbox.faults([])
    warned.in_step()
    warned.in_step()
    assert inbox.titles() == [
        "dbt-selligent: crm stopped (dev)",
        "dbt-selligent: crm failed (dev)",
        "dbt-selligent: crm recovered (dev)",
    ]


def test_what_is_not_asked_for_is_not_told(warned: Shop, inbox: Inbox) -> None:
    wanting(warned, warnings=["guard", "recovered"])
    warned.sandbox.faults(["load:401"])
    warned.sync_one()
    warned.sandbox.faults([])
    warned.in_step()
    wanting(warned, warnings=[])
    warned.customers()
    warned.sync_one()
    assert inbox.new() == []


def test_activations_that_change_at_once_are_told_in_one_message(
    warned: Shop, inbox: Inbox
) -> None:
    wanting(warned, "crm", "orders")
    warned.table("orders", A_ORDER)
    warned.sandbox.faults(["load:401"])
    warned.sync(select=("tag:daily",), threads=2)
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("failure", "dbt-selligent: 2 failed (dev)")
    heads = [part.splitlines()[0] for part in body.split("\n\n")]
    assert heads[:2] == [
        "crm failed: model customers -> list CUSTOMERS at dev",
        "orders failed: model orders -> list ORDERS at dev",
    ]
    assert len(heads) == 3
    warned.sandbox.faults([])
    warned.in_step("crm")
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]
    warned.in_step("orders")
    assert inbox.titles() == ["dbt-selligent: orders recovered (dev)"]


def test_each_destination_has_its_own_addresses_and_memory(warned: Shop, inbox: Inbox) -> None:
    with webhook() as elsewhere:
        other = {"other": {**warned.output, "notify": [elsewhere.address]}}
        warned.profile(more=other, notify=[inbox.address])
        warned.sandbox.faults(["load:401"])
        warned.sync_one()
        assert (len(inbox.new()), elsewhere.new()) == (1, [])
        warned.sync_one(destination="other")
        assert inbox.new() == []
        assert elsewhere.titles() == ["dbt-selligent: crm failed (other)"]
        warned.sandbox.faults([])
        warned.in_step()
        assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]
        assert elsewhere.new() == []


def test_a_warehouse_that_cannot_be_opened_is_told(warned: Shop, inbox: Inbox) -> None:
    warned.warehouse.rename(warned.warehouse.with_suffix(".away"))
    assert [warned.invoke("sync").code for _ in range(2)] == [2, 2]
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("failure", "dbt-selligent: crm failed (dev)")
    assert f"  there is no warehouse file: {warned.warehouse}" in body.splitlines()


def test_a_fault_that_lets_nothing_start_is_told_each_with_its_own(
    warned: Shop, inbox: Inbox
) -> None:
    wanting(warned, "crm", "orders")
    warned.table("customers", "select 1 as id, 'Ann' as first_name")
    warned.table("orders", A_ORDER)
    codes = [warned.invoke("sync", "--select", "tag:daily").code for _ in range(2)]
    assert codes == [2, 2]
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("failure", "dbt-selligent: 2 failed (dev)")
    crm, orders, _ = body.split("\n\n")
    assert "fields.MAIL: model customers has no column email" in crm
    assert orders.splitlines()[1:3] == [
        "  nothing was sent: faults in crm",
        "  -> run `dbt-selligent validate --live`",
    ]
    warned.customers(ANN)
    warned.sync(select=("tag:daily",))
    assert inbox.titles() == ["dbt-selligent: 2 recovered (dev)"]


def test_a_message_that_was_not_taken_is_tried_again_and_said(warned: Shop, inbox: Inbox) -> None:
    warned.sandbox.faults(["load:401"])
    inbox.status = 500
    done = warned.invoke("sync", "--quiet")
    assert done.code == 1
    assert done.out.splitlines()[-1] == (
        "warning: notify 1 (json) at dev: the message was not taken; the next sync tries again"
    )
    assert inbox.new() == []
    inbox.status = 200
    warned.sync_one()
    warned.sync_one()
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    # A recovery that is not taken is due still, and one that was over before is not told.
    inbox.status = 500
    warned.sandbox.faults([])
    warned.in_step()
    warned.sandbox.faults(["load:401"])
    warned.sync_one(full_refresh=True)
    inbox.status = 200
    warned.sync_one()
    assert inbox.new() == []
    warned.sandbox.faults([])
    warned.in_step()
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]


def test_each_address_is_told_what_it_was_not_told(warned: Shop, inbox: Inbox) -> None:
    with mailbox() as mail:
        address = f"mailto://127.0.0.1:{mail.port}/?from=crm@acme.example&to=ops@acme.example"
        warned.profile(notify=[inbox.address, "json://127.0.0.1:9/", address])
        warned.sandbox.faults(["load:401"])
        told: list[Event] = []
        for _ in range(2):
            sync(warned.settings(select=("crm",)), emit=told.append, sleep=warned.waits.append)
        assert [str(each.address) for each in told if isinstance(each, Untold)] == [
            "notify 2 (json)"
        ] * 2
        assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
        [(kind, title, body)] = mail.new()
        assert title == "dbt-selligent: crm failed (dev)"
        assert (kind, "\n".join(body.splitlines()[:1])) == (
            "text/plain",
            "crm failed: model customers -> list CUSTOMERS at dev",
        )


def test_a_run_that_was_interrupted_says_nothing(warned: Shop, inbox: Inbox) -> None:
    wanting(warned, batch={"rows": 1})
    warned.customers(*((number, *ANN[1:]) for number in range(1, 9)))
    warned.sandbox.faults(["load:401"])
    warned.sync_one()
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    warned.sandbox.faults(["load:delay-after=0.5"])
    before = len(warned.sandbox.bulk())
    with warned.started("sync") as process:
        wait_until(lambda: len(warned.sandbox.bulk()) > before, "a request is under way")
        process.terminate()
        assert process.wait(timeout=SECONDS) == 1
    assert warned.results()["results"][0]["stopped_by"] == "interrupt"
    assert inbox.new() == []
    assert [*memory(warned)["crm"]["told"]["1 json"]] == ["failed"]


def test_an_activation_that_was_skipped_says_nothing(warned: Shop, inbox: Inbox) -> None:
    wanting(warned, "crm", "orders")
    warned.table("orders", A_ORDER)
    warned.sandbox.faults(["load:401"])
    warned.sync(select=("orders",))
    assert inbox.titles() == ["dbt-selligent: orders failed (dev)"]
    results = warned.sync(select=("tag:daily",), fail_fast=True).results
    assert [result.status for result in results] == ["failed", "skipped"]
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]


def look(shop: Shop, now: datetime) -> list[Event]:
    """Looks at crm, which is not synced."""
    told: list[Event] = []
    settings = shop.settings(select=("crm",))
    moment = Moment("of-this-test", now, now)
    warn(settings, list_activations(settings), [], moment, told.append)
    return told


def test_age_is_judged_without_a_run_and_a_complete_one_recovers(
    warned: Shop, inbox: Inbox
) -> None:
    started = datetime.now(timezone.utc).replace(microsecond=0)
    warned.in_step()
    for hours in (25, 26, 27, 28):
        assert look(warned, started + timedelta(hours=hours)) == []
        assert len(inbox.got) == (hours > 26)
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("warning", "dbt-selligent: crm stale (dev)")
    lines = body.splitlines()
    assert lines[1] == "  no complete run has started for 26h"
    assert lines[2].startswith(f"  last complete run: {started:%Y-%m-%d %H:}")
    warned.sandbox.faults(["load:401"])
    warned.sync_one(full_refresh=True)
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    warned.sandbox.faults([])
    warned.in_step()
    assert inbox.titles() == ["dbt-selligent: crm recovered (dev)"]


def test_the_age_of_what_never_ran_is_since_it_was_first_looked_at(
    warned: Shop, inbox: Inbox
) -> None:
    look(warned, NOON)
    look(warned, NOON + timedelta(hours=26))
    assert inbox.new() == []
    look(warned, NOON + timedelta(hours=26, seconds=1))
    [(_, _, body)] = inbox.new()
    since = "2026-05-01 12:00 UTC"
    assert f"  last complete run: none since it was first looked at, {since}" in body.splitlines()


def test_a_canary_is_no_complete_run(warned: Shop, inbox: Inbox) -> None:
    warned.customers(ANN, BEN)
    warned.sync_one(limit=1)
    assert memory(warned)["crm"]["complete"] is None
    warned.in_step()
    assert memory(warned)["crm"]["complete"] is not None
    assert inbox.new() == []


def test_no_lock_is_held_while_a_message_is_under_way(warned: Shop, inbox: Inbox) -> None:
    free: list[str] = []

    def take_locks() -> None:
        free.append("a message comes")
        for path in (
            warned.state / "dev" / "crm.lock",
            warned.list_lock(),
            warned.state / "dev" / "warnings.json.lock",
        ):
            with hold(path, path.name):
                free.append(path.name)
        assert warned.results()["results"][0]["status"] == "failed"
        free.append("results are written")

    inbox.when_told = take_locks
    warned.sandbox.faults(["load:401"])
    warned.sync_one()
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]
    assert free == [
        "a message comes",
        "crm.lock",
        warned.list_lock().name,
        "warnings.json.lock",
        "results are written",
    ]


def test_a_sync_goes_on_where_nobody_can_be_told(
    warned: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned.profile(notify=f"jsn://{TOKEN}")
    warned.sandbox.faults(["load:401"])
    last = "warning: notify 1 (jsn) at dev: not an address that apprise understands"
    assert warned.invoke("sync", "-q").out.splitlines()[-1].startswith(last)
    warned.profile(notify=inbox.address)
    monkeypatch.setitem(sys.modules, "apprise", None)
    done = warned.invoke("sync", "-q")
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines()[-1] == (
        "warning: notify 1 (json) at dev: apprise, which sends warnings, is not installed "
        "(pip install 'dbt-selligent[notify]'); the next sync tries again"
    )
    debugged = warned.invoke("debug")
    assert debugged.code == 1
    assert debugged.out.splitlines()[-2:] == [
        "FAIL notify 1 (json) at dev: apprise, which sends warnings, is not installed",
        "     -> pip install 'dbt-selligent[notify]'",
    ]
    validated = warned.invoke("validate")
    assert validated.code == 0
    assert "pip install 'dbt-selligent[notify]'" in validated.out


def test_what_was_told_and_cannot_be_kept_is_said(warned: Shop, inbox: Inbox) -> None:
    warned.in_step()
    path = warned.state / "dev" / "warnings.json"
    path.unlink()
    path.mkdir()
    warned.sandbox.faults(["load:401"])
    done = warned.invoke("sync", "--full-refresh")
    assert (done.code, done.err) == (1, "")
    assert "warning: warnings.json at dev: what was told cannot be kept" in done.out
    path.rmdir()
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]


def dripping(peer: Peer) -> None:
    peer.drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, 0.1)


def test_an_address_that_does_not_answer_holds_nobody(warned: Shop, inbox: Inbox) -> None:
    """One that takes connections and is silent; and one that drips, for which no time-out is."""
    with serve(Peer.stay_silent) as silent, serve(dripping) as slow:
        listed = [
            f"json://127.0.0.1:{silent.port}/?cto=0.2&rto=0.2",
            f"json://127.0.0.1:{slow.port}/",
            inbox.address,
        ]
        warned.profile(notify=listed)
        found = addresses.addresses_of(warned.settings().destination_named())
        message = Message("a title", "a body", "warning")
        started = time.monotonic()
        refused = addresses.deliver([(each, message) for each in found], seconds=1.5)
        assert time.monotonic() - started < 10
    assert refused == {
        "1 json": "the message was not taken",
        "2 json": "no answer within 1.5 s",
    }
    assert inbox.new() == [("warning", "a title", "a body")]


def test_debug_sends_each_address_a_message_and_says_which_took_it(
    warned: Shop, inbox: Inbox
) -> None:
    warned.profile(notify=[inbox.address, "json://127.0.0.1:9/", f"jsn://{TOKEN}"])
    done = warned.invoke("debug", "--notify")
    assert done.code == 1
    where = f"{warned.folder / 'profiles.yml'}: profile selligent, output dev: notify 3 (jsn)"
    told = done.out.splitlines()
    assert told[told.index("ok   notify 1 (json) at dev: sent") :] == [
        "ok   notify 1 (json) at dev: sent",
        "FAIL notify 2 (json) at dev: the message was not taken",
        "     -> is the address right, and is the service reached from this machine?",
        f"FAIL notify 3 (jsn) at dev: {where}: not an address that apprise understands",
        "     -> did you mean json://?",
    ]
    [(tone, title, body)] = inbox.new()
    assert (tone, title) == ("success", "dbt-selligent: a test message (dev)")
    assert body.endswith("Warnings that come here: of crm.")
    warned.profile(notify=inbox.address)
    assert "ok   notify 1 (json) at dev: understood" in warned.invoke("debug").out.splitlines()
    assert inbox.new() == []
    warned.profile()
    done = warned.invoke("debug", "--notify")
    assert done.code == 1
    assert "FAIL notify at dev: there is no address" in done.out.splitlines()


def test_warnings_that_reach_nobody_are_advice_and_a_wrong_address_is_a_fault(
    warned: Shop,
) -> None:
    warned.profile()
    note = "note warnings of crm: nobody is told: output dev has no `notify:`"
    for command in ("validate", "debug"):
        done = warned.invoke(command)
        assert done.code == 0
        assert note in done.out.splitlines()
        assert "-> name addresses there, like `notify: [mailtos://user:password@host]`" in done.out
    warned.in_step()
    assert not (warned.state / "dev" / "warnings.json").exists()
    for address, said in (
        (f"jsn://{TOKEN}", "notify 1 (jsn): not an address that apprise understands"),
        (TOKEN, "notify 1 (no scheme): not an address that apprise understands"),
        ("slack://", "notify 1 (slack): not an address that apprise understands"),
        (f"json://{TOKEN}, json://{TOKEN}", "notify 1 (json): 2 addresses in one"),
    ):
        warned.profile(notify=[address])
        done = warned.invoke("validate")
        assert done.code == 2
        assert said in done.err
        assert TOKEN not in done.said


def test_addresses_are_told_nowhere(
    warned: Shop, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = f"json://user:{TOKEN}@127.0.0.1"
    listed = [f"{secret}:{inbox.port}/{TOKEN}?+X-Key={TOKEN}", f"{secret}:9/{TOKEN}", TOKEN]
    warned.profile(notify=listed)
    warned.sandbox.faults(["load:401"])
    commands = (
        ("sync",),
        ("sync", "--log-format", "json"),
        ("debug", "--notify"),
        ("validate",),
        ("validate", "--output", "json"),
        ("plan",),
        ("status", "--output", "json"),
        ("ls", "--output", "json"),
    )
    done = [warned.invoke(*each) for each in commands]
    done += [warned.command("sync"), warned.command("debug", "--notify")]
    assert [each.code for each in done] == [1, 1, 1, 2, 2, 0, 0, 0, 1, 1]
    assert len(inbox.got) == 3  # the address works
    for each in done:
        assert TOKEN not in each.said
        assert str(inbox.port) not in each.said
    assert list(holding(warned, TOKEN)) == []
    assert TOKEN not in caplog.text
    assert f":{inbox.port}" not in caplog.text
    assert TOKEN not in repr(warned.settings().destination_named())
    assert (warned.state / "dev" / "warnings.json").stat().st_mode & 0o777 == 0o600
    found = warned.settings().destination_named()
    assert TOKEN not in repr(addresses.addresses_of(found))


def test_faults_are_told_of_also_where_nothing_is_due(shop: Shop, inbox: Inbox) -> None:
    shop.profile(notify=inbox.address)
    crm = EXPOSURES[0]["config"]["meta"]["selligent"]
    timed = {**crm, "warnings": ALL, "schedule": "0 6 * * *"}
    shop.declare(exposure("crm", "customers", timed), exposure("odd", "mails", {"lisst": "X"}))
    shop.customers(ANN)
    assert shop.invoke("sync", "--due").code == 2
    assert inbox.titles() == ["dbt-selligent: crm failed (dev)"]


def test_what_another_run_told_meanwhile_is_remembered(
    shop: Shop, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.profile(notify=inbox.address)
    wanting(shop, "crm", "mails")
    activations = list_activations(shop.settings())
    crm, mails = sorted((each for each in activations if each.warnings), key=lambda each: each.name)
    began = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
    deliver, others = addresses.deliver, iter([crm])

    def fail(activation: Activation) -> None:
        failed = failure_of(activation, RunError("no answer", ""), "failed")
        warn(shop.settings(), [crm, mails], [failed], Moment("one", began, began), silent)

    def slow(messages: Any) -> Any:
        for other in others:
            fail(other)
        return deliver(messages)

    monkeypatch.setattr(warning, "deliver", slow)
    fail(mails)
    fail(crm)
    assert inbox.titles() == [
        "dbt-selligent: crm failed (dev)",
        "dbt-selligent: mails failed (dev)",
    ]
