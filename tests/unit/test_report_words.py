"""Times, spans and figures as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from dbt_selligent.report.words import ago, day, moment, short, span
from dbt_selligent.wording import counted

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute ago"),
        (59.9, "less than a minute ago"),
        (-30, "less than a minute ago"),
        (-3600, "in time to come"),
        (60, "1 minute ago"),
        (119, "1 minute ago"),
        (89 * 60, "89 minutes ago"),
        (90 * 60, "1 hour ago"),
        (35.9 * 3600, "35 hours ago"),
        (36 * 3600, "1 day ago"),
        (59 * 86400, "59 days ago"),
        (61 * 86400, "2 months ago"),
        (729 * 86400, "23 months ago"),
        (731 * 86400, "2 years ago"),
    ],
)
def test_how_long_ago(seconds: float, said: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == said


def test_a_time_is_that_of_the_zone_summer_time_included() -> None:
    brussels = ZoneInfo("Europe/Brussels")
    # Clocks there go from 2 to 3 that night.
    assert moment(datetime(2026, 3, 29, 0, 59, tzinfo=timezone.utc), brussels) == (
        "29 Mar 2026, 01:59 CET"
    )
    assert moment(datetime(2026, 3, 29, 1, 0, tzinfo=timezone.utc), brussels) == (
        "29 Mar 2026, 03:00 CEST"
    )
    assert moment(NOW, ZoneInfo("UTC")) == "29 Mar 2026, 12:00 UTC"
    assert day(datetime(2026, 12, 31, 23, 30, tzinfo=timezone.utc), brussels) == "1 Jan 2027"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.04, "0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (190, "3 min 10 s"),
        (3599.6, "1 h"),
        (7500, "2 h 5 min"),
        (3_600_000, "1,000 h"),
    ],
)
def test_how_long_it_took(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1"), (800, "800"), (8_000, "8,000"), (10_000, "10k"), (600_000, "600k"), (2e6, "2M"),
     (3e9, "3G"), (4e12, "4000G")],
)  # fmt: skip
def test_a_figure_at_an_axis(number: float, said: str) -> None:
    assert short(number) == said


def test_one_thing_and_several() -> None:
    assert [counted(n, "row") for n in (0, 1, 1200)] == ["0 rows", "1 row", "1,200 rows"]
    assert counted(2, "row is", "rows are") == "2 rows are"
