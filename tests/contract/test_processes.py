"""Two syncs of one activation at once, of which one is another process."""

from __future__ import annotations

import socket

from functional.conftest import wait_until

from contract.world import ANN, BEN, CAT, World

ROWS = [ANN, BEN, CAT]


def test_a_second_sync_is_refused_and_says_who_holds_it(shared: World) -> None:
    shared.customers(*ROWS)
    shared.sandbox.faults(["load:delay-after=30@1"])
    with shared.started("sync", "--select", "crm") as process:
        wait_until(shared.sandbox.bulk, "the first is under way")
        refused = shared.sync_one()
        assert process.poll() is None
    shared.sandbox.faults([])
    assert (refused.status, len(shared.sandbox.bulk())) == ("failed", 1)
    said = refused.error or ""
    assert [word for word in (str(process.pid), socket.gethostname()) if word not in said] == []
    # Who is dead holds nothing.
    shared.house.end_sessions()
    shared.in_step()
    assert shared.records() == ROWS
    shared.settled()
