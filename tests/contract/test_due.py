"""What is due, by the states of every engine."""

from __future__ import annotations

from datetime import datetime, timezone

from contract.world import ANN, BEN, World, crm
from dbt_selligent.pipeline import sync_at


def test_what_is_due_is_so_since_its_last_success_began(world: World) -> None:
    world.declare(crm(schedule={"cron": "0 6 * * *", "timezone": "Europe/Brussels"}))
    world.customers(ANN)

    def sync(day_and_time: str) -> list[str]:
        at = datetime.fromisoformat(f"2026-11-{day_and_time}").replace(tzinfo=timezone.utc)
        results, found = sync_at(world.settings(due=True), at, sleep=world.waits.append)
        assert found.under_way == ()
        if not results.results:
            assert found.next is not None
            return [found.next.said]
        return [each.status for each in results.results]

    tomorrow = "crm at 2026-11-{} 06:00 Europe/Brussels"
    assert sync("25 12:00") == ["in step"]
    assert sync("26 04:59") == [tomorrow.format(26)]
    assert sync("26 05:00:00.250") == ["in step"]
    assert sync("26 05:00:01") == [tomorrow.format(27)]
    world.customers()
    assert sync("29 12:00") == ["failed"]
    assert sync("29 12:01") == ["failed"]
    world.customers(ANN, BEN)
    assert sync("29 12:02") == ["in step"]
    assert sync("29 12:03") == [tomorrow.format(30)]
    assert world.records() == [ANN, BEN]
