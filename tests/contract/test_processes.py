"""Two syncs of one activation at once, of which one is another process."""

from __future__ import annotations

import socket

from functional.conftest import wait_until

from contract.world import ANN, BEN, CAT, World

ROWS = [ANN, BEN, CAT]


def test_a_second_sync_is_refused_and_says_who_holds_it(world: World) -> None:
    world.customers(*ROWS)
    world.sandbox.faults(["load:delay-after=30@1"])
    with world.outside(), world.started("sync", "--select", "crm") as process:
        wait_until(world.sandbox.bulk, "the first is under way")
        refused = world.sync_one()
        assert process.poll() is None
    world.sandbox.faults([])
    assert (refused.status, len(world.sandbox.bulk())) == ("failed", 1)
    said = refused.error or ""
    assert [word for word in (str(process.pid), socket.gethostname()) if word not in said] == []
    # Who is dead holds nothing.
    world.house.end_sessions()
    world.in_step()
    assert world.records() == ROWS
    world.settled()
