"""The tests of asyncz: `python -m unittest`, with nothing but the standard library.

They run on a virtual clock, which jumps to the next timer instead of waiting; only what is about real time, signals, threads or processes
takes real time. What needs a package or a server that is absent skips itself and says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import importlib
import importlib.util
import io
import logging
import os
import pathlib
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
import unittest
import unittest.mock
import zoneinfo
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

import asyncz

logging.getLogger("asyncz").addHandler(logging.NullHandler())  # or the errors that tests provoke would be printed

UTC = timezone.utc
HERE = pathlib.Path(asyncz.__file__).resolve().parent


def at(text: str) -> datetime:
    """Return the aware UTC datetime that an ISO 8601 string without a zone means."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class VirtualClock(asyncz._VirtualClock):
    """The clock of `simulate`, that also waits for the worker threads of schedulers."""

    schedulers: tuple[asyncz.BaseScheduler, ...] = ()

    def busy(self) -> bool:
        workers = [getattr(executor, "_workers", None) for scheduler in self.schedulers for executor in scheduler._executors.values()]
        fetchers = [fetcher for scheduler in self.schedulers for fetcher in getattr(scheduler, "_fetchers", {}).values()]
        return super().busy() or any(pool._load for pool in [*workers, *fetchers] if pool is not None)


class VirtualTimeTestCase(unittest.IsolatedAsyncioTestCase):
    """A test whose loop jumps to its next timer instead of waiting, with a scheduler on that clock; it starts at 2026-01-01 00:00 UTC."""

    START = "2026-01-01 00:00:00"

    async def asyncSetUp(self) -> None:
        self.clock = VirtualClock(asyncz._to_us(at(self.START)))
        self.clock.install(asyncio.get_running_loop())
        self.scheduler = self.make_scheduler()

    async def asyncTearDown(self) -> None:
        for scheduler in self.clock.schedulers:
            await scheduler.shutdown(wait=False)

    def make_scheduler(self, **options: Any) -> asyncz.AsyncIOScheduler:
        """Return a stopped scheduler on the test's clock."""
        scheduler = asyncz.AsyncIOScheduler(**{"timezone": "UTC", **options})
        scheduler._clock = self.clock
        self.clock.schedulers += (scheduler,)
        return scheduler

    def now(self) -> str:
        """Return the virtual time, such as '00:05:00', after a day such as '2026-01-02 00:05:00'."""
        moment = asyncz._from_us(self.clock.now_us())
        return f"{moment:%H:%M:%S}" if moment.date() == at(self.START).date() else f"{moment:%Y-%m-%d %H:%M:%S}"

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forward or back, as somebody with `date -s` would; monotonic time goes on."""
        self.clock._start_us += round(seconds * 1_000_000)


def run_python(*arguments: str, timeout: float = 30, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run this Python with `arguments`, and the module importable; return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONIOENCODING": "utf-8", **options.pop("env", {})}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, env=environment, **options)


CLOCK_CHANGES = [  # name, zone, crontab line, window and runs in UTC, what it shows
    (
        "P1",
        "Europe/Paris",
        "30 2 * * *",
        "2026-03-28 00:00",
        "2026-03-30 12:00",
        "2026-03-28 01:30, 2026-03-29 01:00, 2026-03-30 00:30",
        "fixed, in the gap",
    ),
    (
        "P2",
        "Europe/Paris",
        "0,30 2 * * *",
        "2026-03-28 12:00",
        "2026-03-30 12:00",
        "2026-03-29 01:00, 2026-03-30 00:00, 2026-03-30 00:30",
        "two in the gap: one run",
    ),
    (
        "P3",
        "Europe/Paris",
        "0 2,3 * * *",
        "2026-03-28 12:00",
        "2026-03-30 12:00",
        "2026-03-29 01:00, 2026-03-30 00:00, 2026-03-30 01:00",
        "gap end coincides with a fire",
    ),
    (
        "P4",
        "Europe/Paris",
        "*/30 1-3 * * *",
        "2026-03-28 23:30",
        "2026-03-29 06:00",
        "2026-03-29 00:00, 2026-03-29 00:30, 2026-03-29 01:00, 2026-03-29 01:30",
        "wildcard minute, gap",
    ),
    (
        "P5",
        "Europe/Paris",
        "0 */2 * * *",
        "2026-03-28 22:30",
        "2026-03-29 06:30",
        "2026-03-28 23:00, 2026-03-29 02:00, 2026-03-29 04:00, 2026-03-29 06:00",
        "wildcard hour, gap at a match: no catch-up",
    ),
    ("P6", "Europe/Paris", "* 2 * * *", "2026-03-28 12:00", "2026-03-29 20:00", "", "wildcard wholly in the gap: none that day"),
    (
        "P7",
        "Europe/Paris",
        "30 2 * * *",
        "2026-10-24 00:00",
        "2026-10-26 12:00",
        "2026-10-24 00:30, 2026-10-25 00:30, 2026-10-26 01:30",
        "fixed, repeated: first only",
    ),
    (
        "P8",
        "Europe/Paris",
        "30 * * * *",
        "2026-10-24 23:00",
        "2026-10-25 03:00",
        "2026-10-24 23:30, 2026-10-25 00:30, 2026-10-25 01:30, 2026-10-25 02:30",
        "wildcard hour, repeated: both",
    ),
    ("P9", "Europe/Paris", "0 3 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "2026-10-25 02:00, 2026-10-26 02:00", "just after the repeat"),
    (
        "P10",
        "Europe/Paris",
        "0-59/30 0-23 * * *",
        "2026-10-24 23:15",
        "2026-10-25 02:15",
        "2026-10-24 23:30, 2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 02:00",
        "ranges are fixed, not wildcards: repeat not run",
    ),
    (
        "P11",
        "Europe/Paris",
        "0 */2 * * *",
        "2026-10-24 23:15",
        "2026-10-25 03:15",
        "2026-10-25 00:00, 2026-10-25 01:00, 2026-10-25 03:00",
        "wildcard hour, repeated match: both",
    ),
    ("N1", "America/New_York", "30 2 * * *", "2026-03-07 12:00", "2026-03-09 12:00", "2026-03-08 07:00, 2026-03-09 06:30", "fixed, in the gap"),
    ("N2", "America/New_York", "15 1 * * *", "2026-10-31 12:00", "2026-11-02 12:00", "2026-11-01 05:15, 2026-11-02 06:15", "fixed, repeated"),
    (
        "N3",
        "America/New_York",
        "*/20 1 * * *",
        "2026-10-31 12:00",
        "2026-11-01 12:00",
        "2026-11-01 05:00, 2026-11-01 05:20, 2026-11-01 05:40, 2026-11-01 06:00, 2026-11-01 06:20, 2026-11-01 06:40",
        "wildcard, repeated",
    ),
    (
        "N4",
        "America/New_York",
        "0 0 * * sun",
        "2026-02-28 00:00",
        "2026-03-16 00:00",
        "2026-03-01 05:00, 2026-03-08 05:00, 2026-03-15 04:00",
        "weekly across the change",
    ),
    ("L1", "Australia/Lord_Howe", "15 2 * * *", "2026-10-02 20:00", "2026-10-05 00:00", "2026-10-03 15:30, 2026-10-04 15:15", "30 min gap"),
    (
        "L2",
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-03 20:00",
        "2026-04-06 00:00",
        "2026-04-04 14:45, 2026-04-05 15:15",
        "30 min repeat: first only",
    ),
    (
        "L3",
        "Australia/Lord_Howe",
        "*/15 1-2 * * *",
        "2026-04-04 14:00",
        "2026-04-04 17:00",
        "2026-04-04 14:15, 2026-04-04 14:30, 2026-04-04 14:45, 2026-04-04 15:00, 2026-04-04 15:15, 2026-04-04 15:30, 2026-04-04 15:45, 2026-04-04 16:00, 2026-04-04 16:15",
        "wildcard, 30 min repeat",
    ),
    (
        "L4",
        "Australia/Lord_Howe",
        "*/10 23 * * *",
        "2026-10-03 06:00",
        "2026-10-04 14:00",
        "2026-10-03 12:30, 2026-10-03 12:40, 2026-10-03 12:50, 2026-10-03 13:00, 2026-10-03 13:10, 2026-10-03 13:20, 2026-10-04 12:00, 2026-10-04 12:10, 2026-10-04 12:20, 2026-10-04 12:30, 2026-10-04 12:40, 2026-10-04 12:50",
        "wildcard, the evening after the 30 min gap",
    ),
    (
        "L5",
        "Australia/Lord_Howe",
        "0 */2 * * *",
        "2026-04-04 12:00",
        "2026-04-04 20:00",
        "2026-04-04 13:00, 2026-04-04 15:30, 2026-04-04 17:30, 2026-04-04 19:30",
        "wildcard hours around the 30 min repeat",
    ),
    ("K1", "Asia/Kolkata", "0 0 * * *", "2026-03-28 00:00", "2026-03-30 00:00", "2026-03-28 18:30, 2026-03-29 18:30", "+05:30, no DST"),
    ("K2", "Asia/Kolkata", "*/30 9 * * *", "2026-03-28 00:00", "2026-03-28 23:00", "2026-03-28 03:30, 2026-03-28 04:00", "half-hour offset"),
    (
        "M1",
        "Africa/Casablanca",
        "30 2 * * *",
        "2025-02-22 12:00",
        "2025-02-24 12:00",
        "2025-02-23 01:30, 2025-02-24 02:30",
        "Ramadan starts: repeat",
    ),
    (
        "M2",
        "Africa/Casablanca",
        "30 2 * * *",
        "2025-04-05 12:00",
        "2025-04-07 12:00",
        "2025-04-06 02:00, 2025-04-07 01:30",
        "Ramadan ends: gap",
    ),
    (
        "M3",
        "Africa/Casablanca",
        "0 * * * *",
        "2025-02-23 00:30",
        "2025-02-23 04:30",
        "2025-02-23 01:00, 2025-02-23 02:00, 2025-02-23 03:00, 2025-02-23 04:00",
        "hourly through the repeat",
    ),
    (
        "S1",
        "America/Sao_Paulo",
        "0 0 * * *",
        "2018-11-03 00:00",
        "2018-11-05 12:00",
        "2018-11-03 03:00, 2018-11-04 03:00, 2018-11-05 02:00",
        "gap at midnight: day starts at 01:00",
    ),
    ("S2", "America/Sao_Paulo", "30 0 4 11 *", "2018-11-03 00:00", "2018-11-05 12:00", "2018-11-04 03:00", "date job inside the midnight gap"),
    (
        "S3",
        "America/Sao_Paulo",
        "30 23 * * *",
        "2019-02-16 00:00",
        "2019-02-18 12:00",
        "2019-02-16 01:30, 2019-02-17 01:30, 2019-02-18 02:30",
        "repeat across midnight, first only",
    ),
    (
        "S4",
        "America/Sao_Paulo",
        "0 0 * * *",
        "2019-02-16 00:00",
        "2019-02-18 12:00",
        "2019-02-16 02:00, 2019-02-17 03:00, 2019-02-18 03:00",
        "midnight after the repeat",
    ),
    (
        "S5",
        "America/Sao_Paulo",
        "*/30 23 * * sat",
        "2019-02-16 12:00",
        "2019-02-17 12:00",
        "2019-02-17 01:00, 2019-02-17 01:30, 2019-02-17 02:00, 2019-02-17 02:30",
        "wildcard, Saturday 23h happens twice",
    ),
    (
        "S6",
        "America/Sao_Paulo",
        "* 1 * * sun",
        "2018-11-04 02:50",
        "2018-11-04 03:05",
        "2018-11-04 03:00, 2018-11-04 03:01, 2018-11-04 03:02, 2018-11-04 03:03, 2018-11-04 03:04, 2018-11-04 03:05",
        "wildcard, first minutes after the midnight gap",
    ),
    (
        "A1",
        "Pacific/Apia",
        "0 9 * * *",
        "2011-12-28 12:00",
        "2012-01-01 12:00",
        "2011-12-28 19:00, 2011-12-29 19:00, 2011-12-30 19:00, 2011-12-31 19:00",
        "skipped day (24 h gap): not caught up",
    ),
    ("A2", "Pacific/Apia", "0 9 30 12 *", "2011-12-28 12:00", "2012-01-02 12:00", "", "only on the day that did not exist"),
    (
        "A3",
        "Pacific/Apia",
        "0 */6 * * *",
        "2011-12-29 20:00",
        "2011-12-31 12:00",
        "2011-12-29 22:00, 2011-12-30 04:00, 2011-12-30 10:00, 2011-12-30 16:00, 2011-12-30 22:00, 2011-12-31 04:00, 2011-12-31 10:00",
        "wildcard",
    ),
    (
        "A4",
        "Pacific/Apia",
        "30 3 * * *",
        "2011-09-23 18:00",
        "2011-09-25 18:00",
        "2011-09-24 14:00, 2011-09-25 13:30",
        "ordinary DST start 2011-09-24",
    ),
    ("T1", "Antarctica/Troll", "30 1,2 * * *", "2026-03-28 12:00", "2026-03-29 12:00", "2026-03-29 01:00", "2 h gap: one run"),
    ("T2", "Antarctica/Troll", "30 1 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "2026-10-24 23:30, 2026-10-26 01:30", "2 h repeat"),
    ("Y1", "Asia/Kathmandu", "5 0 * * *", "1985-12-31 12:00", "1986-01-01 22:00", "1985-12-31 18:30, 1986-01-01 18:20", "15 min gap"),
    ("H1", "America/Havana", "* 0 * * sun", "2026-03-08 04:58", "2026-03-08 06:00", "", "wildcard wholly in a midnight gap"),
    (
        "E1",
        "Europe/Dublin",
        "30 1 * * *",
        "2026-03-28 12:00",
        "2026-03-30 12:00",
        "2026-03-29 01:00, 2026-03-30 00:30",
        "negative DST in tzdata (dst() != 0 in winter)",
    ),
]


def runs_between(trigger: asyncz.BaseTrigger, start: str, end: str, zone: tzinfo = UTC) -> str:
    """Return the runs after `start` up to `end`, both in UTC, as text in `zone`."""
    runs, moment = [], trigger.get_next_trigger_time(at(start), at(start))
    while moment is not None and moment <= at(end):
        local = moment.astimezone(zone)
        runs.append(f"{local:%Y-%m-%d %H:%M}" if not local.second else f"{local:%Y-%m-%d %H:%M:%S}")
        moment = trigger.get_next_trigger_time(moment, at(start))
    return ", ".join(runs)


def first_runs(trigger: asyncz.BaseTrigger, start: str, count: int, form: str = "%Y-%m-%d %H:%M:%S") -> list[str]:
    """Return the first runs from `start` on, in the trigger's own zone."""
    runs: list[str] = []
    moment = trigger.get_next_trigger_time(None, at(start))
    while moment is not None and len(runs) < count:
        runs.append(moment.strftime(form))
        moment = trigger.get_next_trigger_time(moment, at(start))
    return runs


class TestClockChanges(unittest.TestCase):
    """Cron over changes of the local clock, as Debian's cron(8) does it: the table of the exact rules."""

    def test_every_row_of_the_table(self) -> None:
        for name, zone, line, start, end, runs, note in CLOCK_CHANGES:
            with self.subTest(name, zone=zone, line=line, note=note):
                self.assertEqual(runs_between(asyncz.CronTrigger.from_crontab(line, timezone=zone), start, end), runs)

    def test_the_rows_hold_with_keyword_fields_and_with_a_seconds_field(self) -> None:
        for name, zone, line, start, end, runs, _ in CLOCK_CHANGES:
            minute, hour, day, month, weekday = line.split()
            trigger = asyncz.CronTrigger(month=month, day=day, day_of_week=weekday, hour=hour, minute=minute, timezone=zone)
            with self.subTest(name):
                self.assertEqual(runs_between(trigger, start, end), runs)
                self.assertEqual(runs_between(asyncz.CronTrigger.from_crontab(f"0 {line}", timezone=zone), start, end), runs)

    def test_random_lines_agree_with_a_walk_over_every_minute(self) -> None:
        generator = random.Random(20261123)
        changes = [
            ("Europe/Paris", "2026-03-29 01:00"),
            ("Europe/Paris", "2026-10-25 01:00"),
            ("Australia/Lord_Howe", "2026-04-04 15:00"),
            ("Australia/Lord_Howe", "2026-10-03 15:30"),
            ("America/Sao_Paulo", "2018-11-04 03:00"),
            ("America/Sao_Paulo", "2019-02-17 02:00"),
            ("Antarctica/Troll", "2026-03-29 01:00"),
            ("Antarctica/Troll", "2026-10-25 01:00"),
            ("Pacific/Apia", "2011-12-30 10:00"),
        ]
        for _ in range(150):
            zone, change = generator.choice(changes)
            minute = generator.choice(["*", "*/15", "0", "30", "0,30", "5-10", "0-59/20"])
            hour = generator.choice(["*", "*/2", "0", "1", "2", "3", "1-3", "0-23", "0,2"])
            line = f"{minute} {hour} * * *"
            start, end = at(change) - timedelta(hours=30), at(change) + timedelta(hours=30)
            trigger = asyncz.CronTrigger.from_crontab(line, timezone=zone)
            with self.subTest(zone=zone, line=line):
                expected = ", ".join(f"{moment:%Y-%m-%d %H:%M}" for moment in walked(minute, hour, zone, start, end))
                self.assertEqual(runs_between(trigger, f"{start:%Y-%m-%d %H:%M}", f"{end:%Y-%m-%d %H:%M}"), expected)

    def test_intervals_are_elapsed_time(self) -> None:
        trigger = asyncz.IntervalTrigger(hours=1, start_at="2026-03-29 00:30", timezone="Europe/Paris")
        self.assertEqual(first_runs(trigger, "2026-03-28 23:00", 4, "%H:%M %Z"), ["00:30 CET", "01:30 CET", "03:30 CEST", "04:30 CEST"])

    def test_a_repeat_that_lies_across_a_block_of_the_offset_table_runs_once(self) -> None:
        class Late(tzinfo):  # one hour back in the middle of a block boundary of 2**24 s
            change = 108 * 2**24 - 1800

            def utcoffset(self, dt: datetime | None) -> timedelta:
                assert dt is not None
                wall = (dt.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()
                return timedelta(hours=1 if wall - 3600 < self.change and not dt.fold else 0)

            def fromutc(self, dt: datetime) -> datetime:
                second = (dt.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()
                local = dt + timedelta(hours=1 if second < self.change else 0)
                return local.replace(fold=int(self.change <= second < self.change + 3600))

            def dst(self, dt: datetime | None) -> timedelta:
                return timedelta(0)

            def tzname(self, dt: datetime | None) -> str:
                return "LATE"

        change = asyncz._from_us(Late.change * 1_000_000)
        local = change.replace(tzinfo=None) + timedelta(minutes=45)
        trigger = asyncz.CronTrigger(hour=str(local.hour), minute=str(local.minute), timezone=Late())
        day_before = change - timedelta(hours=12)
        runs = runs_between(trigger, f"{day_before:%Y-%m-%d %H:%M:%S}", f"{change + timedelta(hours=12):%Y-%m-%d %H:%M:%S}")
        self.assertEqual(runs, f"{change - timedelta(minutes=15):%Y-%m-%d %H:%M}")


def walked(minute: str, hour: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return the runs of `minute hour * * *` the slow way: minute by minute, by what the rule says in words."""
    zone_info = zoneinfo.ZoneInfo(zone)

    def matches(field: str, value: int) -> bool:
        for item in field.split(","):
            bounds, _, step = item.partition("/")
            low, _, high = bounds.partition("-")
            first, last = (0, 59) if bounds == "*" else (int(low), int(high or low))
            if first <= value <= last and (value - first) % int(step or 1) == 0:
                return True
        return False

    runs: set[datetime] = set()
    seen: set[datetime] = set()  # local times that have been
    moment = start - timedelta(days=2)
    previous = moment.astimezone(zone_info)
    while moment < end:
        moment += timedelta(minutes=1)
        local = moment.astimezone(zone_info)
        wall, wall_before = local.replace(tzinfo=None, fold=0), previous.replace(tzinfo=None, fold=0)
        wanted = matches(minute, wall.minute) and matches(hour, wall.hour)
        if "*" in (minute[0], hour[0]):
            hit = wanted
        else:
            skipped = [wall_before + timedelta(minutes=n) for n in range(1, int((wall - wall_before).total_seconds()) // 60)]
            caught = len(skipped) < 180 and any(matches(minute, s.minute) and matches(hour, s.hour) for s in skipped)
            hit = (wanted and wall not in seen) or caught
        seen.add(wall)
        previous = local
        if hit and start < moment <= end:
            runs.add(moment)
    return sorted(runs)


class TestCronFields(unittest.TestCase):
    def test_expressions(self) -> None:
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"second": "*/20"}, ["2026-01-01 00:00:00", "2026-01-01 00:00:20", "2026-01-01 00:00:40"]),
            ({"minute": 30}, ["2026-01-01 00:30:00", "2026-01-01 01:30:00", "2026-01-01 02:30:00"]),
            ({"hour": 8}, ["2026-01-01 08:00:00", "2026-01-02 08:00:00", "2026-01-03 08:00:00"]),
            ({"hour": "8-10/2,22"}, ["2026-01-01 08:00:00", "2026-01-01 10:00:00", "2026-01-01 22:00:00"]),
            ({"hour": "20/2"}, ["2026-01-01 20:00:00", "2026-01-01 22:00:00", "2026-01-02 20:00:00"]),
            ({"day": 31}, ["2026-01-31 00:00:00", "2026-03-31 00:00:00", "2026-05-31 00:00:00"]),
            ({"day": "last"}, ["2026-01-31 00:00:00", "2026-02-28 00:00:00", "2026-03-31 00:00:00"]),
            ({"day": "1st mon"}, ["2026-01-05 00:00:00", "2026-02-02 00:00:00", "2026-03-02 00:00:00"]),
            ({"day": "5th FRI"}, ["2026-01-30 00:00:00", "2026-05-29 00:00:00", "2026-07-31 00:00:00"]),
            ({"day": "last sun, 2nd tue"}, ["2026-01-13 00:00:00", "2026-01-25 00:00:00", "2026-02-10 00:00:00"]),
            ({"month": "feb", "day": 29}, ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
            ({"month": "Nov-dec"}, ["2026-11-01 00:00:00", "2026-12-01 00:00:00", "2027-11-01 00:00:00"]),
            ({"year": "2030,2032"}, ["2030-01-01 00:00:00", "2032-01-01 00:00:00"]),
            ({"year": 2020}, []),
            ({"week": 53}, ["2026-12-28 00:00:00", "2026-12-29 00:00:00", "2026-12-30 00:00:00"]),
            ({"week": 10, "day_of_week": "sun"}, ["2026-03-08 00:00:00", "2027-03-14 00:00:00", "2028-03-12 00:00:00"]),
            ({"day_of_week": 0}, ["2026-01-05 00:00:00", "2026-01-12 00:00:00", "2026-01-19 00:00:00"]),
            ({"day_of_week": "sat-sun", "hour": 9}, ["2026-01-03 09:00:00", "2026-01-04 09:00:00", "2026-01-10 09:00:00"]),
            ({"day": 13, "day_of_week": "fri"}, ["2026-02-13 00:00:00", "2026-03-13 00:00:00", "2026-11-13 00:00:00"]),
        ]
        for fields, runs in cases:
            with self.subTest(**fields):
                self.assertEqual(first_runs(asyncz.CronTrigger(**fields, timezone="UTC"), "2026-01-01", 3), runs)

    def test_crontab_lines(self) -> None:
        cases = [
            ("0 0 * * 0", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
            ("0 0 * * 7", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
            ("0 0 * * 1", ["2026-01-05 00:00:00", "2026-01-12 00:00:00"]),
            ("0 0 * * sat-sun", ["2026-01-03 00:00:00", "2026-01-04 00:00:00"]),
            ("0 0 * * 5-7", ["2026-01-02 00:00:00", "2026-01-03 00:00:00", "2026-01-04 00:00:00", "2026-01-09 00:00:00"]),
            ("0 0 * * sun-tue", ["2026-01-04 00:00:00", "2026-01-05 00:00:00", "2026-01-06 00:00:00", "2026-01-11 00:00:00"]),
            ("0 0 * * */2", ["2026-01-01 00:00:00", "2026-01-03 00:00:00", "2026-01-04 00:00:00", "2026-01-06 00:00:00"]),
            ("0 0 13 * fri", ["2026-01-02 00:00:00", "2026-01-09 00:00:00", "2026-01-13 00:00:00", "2026-01-16 00:00:00"]),
            ("0 0 */10 * fri", ["2026-05-01 00:00:00", "2026-07-31 00:00:00", "2026-08-21 00:00:00"]),
            ("0 0 L * *", ["2026-01-31 00:00:00", "2026-02-28 00:00:00"]),
            ("0 0 LW * *", ["2026-01-30 00:00:00", "2026-02-27 00:00:00", "2026-03-31 00:00:00"]),
            ("0 0 * * 5L", ["2026-01-30 00:00:00", "2026-02-27 00:00:00"]),
            ("0 0 * * 0L", ["2026-01-25 00:00:00", "2026-02-22 00:00:00"]),
            ("0 0 * * mon#2", ["2026-01-12 00:00:00", "2026-02-09 00:00:00"]),
            ("0 0 * * 7#1,wed", ["2026-01-04 00:00:00", "2026-01-07 00:00:00"]),
            ("@hourly", ["2026-01-01 00:00:00", "2026-01-01 01:00:00"]),
            ("@Daily", ["2026-01-01 00:00:00", "2026-01-02 00:00:00"]),
            ("@midnight", ["2026-01-01 00:00:00", "2026-01-02 00:00:00"]),
            ("@weekly", ["2026-01-04 00:00:00", "2026-01-11 00:00:00"]),
            ("@monthly", ["2026-01-01 00:00:00", "2026-02-01 00:00:00"]),
            ("@yearly", ["2026-01-01 00:00:00", "2027-01-01 00:00:00"]),
            ("@annually", ["2026-01-01 00:00:00", "2027-01-01 00:00:00"]),
            ("*/30 * * * * *", ["2026-01-01 00:00:00", "2026-01-01 00:00:30", "2026-01-01 00:01:00"]),
            ("15 10 12 25 dec *", ["2026-12-25 12:10:15", "2027-12-25 12:10:15"]),
        ]
        for line, runs in cases:
            with self.subTest(line):
                self.assertEqual(first_runs(asyncz.CronTrigger.from_crontab(line, timezone="UTC"), "2026-01-01", len(runs)), runs)

    def test_what_is_wrong_is_named(self) -> None:
        more = ", *, */n, a-b, a-b/n, a/n"
        end = ", or a list of these with commas"
        cases: list[tuple[dict[str, Any], str]] = [
            ({"hour": 24}, f"hour='24': 24 is more than 23; hour takes 0-23{more}{end}"),
            ({"month": "0"}, f"month='0': 0 is less than 1; month takes 1-12 or jan-dec{more}{end}"),
            ({"minute": "5-70"}, f"minute='5-70': 70 is more than 59; minute takes 0-59{more}{end}"),
            ({"minute": "*/0"}, f"minute='*/0': the step of '*/0' is not in 1-60; minute takes 0-59{more}{end}"),
            ({"minute": "*/61"}, f"minute='*/61': the step of '*/61' is not in 1-60; minute takes 0-59{more}{end}"),
            ({"hour": "22-2"}, f"hour='22-2': '22-2' runs backwards, write 22-23,0-2; hour takes 0-23{more}{end}"),
            (
                {"day_of_week": "fri-mon"},
                f"day_of_week='fri-mon': 'fri-mon' runs backwards, write fri-sun,mon-mon; day_of_week takes 0-6 or mon-sun{more}{end}",
            ),
            ({"day_of_week": "monday"}, f"day_of_week='monday': 'monday' is not understood; day_of_week takes 0-6 or mon-sun{more}{end}"),
            (
                {"day": "6th mon"},
                f"day='6th mon': '6th mon' is not understood; day takes 1-31{more}, last, 1st mon to 5th sun, last mon to last sun{end}",
            ),
            ({"hour": ""}, f"hour='': '' is not understood; hour takes 0-23{more}{end}"),
            ({"hour": "1,,2"}, f"hour='1,,2': '' is not understood; hour takes 0-23{more}{end}"),
            ({"hour": "*-3"}, f"hour='*-3': '*-3' is not understood; hour takes 0-23{more}{end}"),
            ({"hour": 1.5}, "hour=1.5: not a number or an expression; give one such as 5 or '*/5'"),
            ({"hour": True}, "hour=True: not a number or an expression; give one such as 5 or '*/5'"),
            ({}, "CronTrigger(): no field given; give at least one, such as hour=8 or minute='*/5'"),
            ({"day": 30, "month": "feb"}, "month='feb', day='30': no date matches all of these, so it would never run; change one of them"),
            ({"hour": 8, "jitter": -1}, "jitter=-1: not a number of seconds, 0 or more"),
            (
                {"hour": 8, "start_at": "soon"},
                "start_at='soon': not a date and time; give a datetime, a date, or an ISO 8601 string such as '2026-12-01 08:00'",
            ),
            (
                {"hour": 8, "end_at": 5},
                "end_at=5: not a date and time; give a datetime, a date, or an ISO 8601 string such as '2026-12-01 08:00'",
            ),
            (
                {"hour": 8, "start_at": "2026-02-01", "end_at": "2026-01-01"},
                "end_at='2026-01-01': before start_at='2026-02-01'; it must be at or after it",
            ),
        ]
        for fields, message in cases:
            with self.subTest(**fields), self.assertRaises((ValueError, TypeError)) as caught:
                asyncz.CronTrigger(**fields)
            self.assertEqual(str(caught.exception), message)

    def test_what_is_wrong_in_a_crontab_line_is_named(self) -> None:
        more = "*, */n, a-b, a-b/n, a/n"
        cases = [
            ("* * *", "expression='* * *': 3 fields; a crontab line has five, minute hour day month weekday, or six, with the second first"),
            (
                "@reboot",
                "expression='@reboot': not a known name; the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly",
            ),
            (
                "0 0 * * 8",
                f"day_of_week='8': 8 is more than 7; day_of_week takes 0-7 or mon-sun, {more}, 5L, mon#2, or a list of these with commas",
            ),
            ("0 0 15W * *", f"day='15W': '15w' is not understood; day takes 1-31, {more}, L, LW, or a list of these with commas"),
            ("0 0 30 2 *", "month='2', day='30': no date matches all of these, so it would never run; change one of them"),
            (None, "expression=None: not a string; give a crontab line such as '*/5 9-17 * * mon-fri'"),
        ]
        for line, message in cases:
            with self.subTest(line), self.assertRaises((ValueError, TypeError)) as caught:
                asyncz.CronTrigger.from_crontab(line)  # type: ignore[arg-type]
            self.assertEqual(str(caught.exception), message)

    def test_start_and_end_bound_it_and_are_included(self) -> None:
        bounds: list[tuple[Any, Any]] = [
            ("2026-01-02", "2026-01-03"),
            (date(2026, 1, 2), datetime(2026, 1, 3)),
            (at("2026-01-02"), "2026-01-03T00:00:00Z"),
            ("2026-01-02T01:00:00+01:00", at("2026-01-03")),
        ]
        for start, end in bounds:
            with self.subTest(start=start, end=end):
                trigger = asyncz.CronTrigger(hour=0, start_at=start, end_at=end, timezone="UTC")
                self.assertEqual(first_runs(trigger, "2026-01-01", 9), ["2026-01-02 00:00:00", "2026-01-03 00:00:00"])

    def test_the_result_is_after_the_time_before_also_with_jitter(self) -> None:
        trigger = asyncz.CronTrigger(second="*/10", jitter=3, timezone="UTC")
        moment = at("2026-01-01")
        delays = set()
        for _ in range(200):
            following = trigger.get_next_trigger_time(moment, moment)
            assert following is not None
            self.assertLess(moment, following)
            delays.add(round((following.second + following.microsecond / 1e6) % 10, 3))
            moment = following
        self.assertTrue(min(delays) >= 0 and max(delays) <= 3 and len(delays) > 50, (min(delays), max(delays), len(delays)))

    def test_the_end_of_the_calendar_is_the_end(self) -> None:
        trigger = asyncz.CronTrigger.from_crontab("0 0 1 1 *", timezone="UTC")
        self.assertIsNone(trigger.get_next_trigger_time(at("9998-06-01"), at("2026-01-01")))
        self.assertIsNone(
            asyncz.CronTrigger(hour=1, timezone="Europe/Paris", end_at="2026-01-01").get_next_trigger_time(None, at("2026-01-02"))
        )


class TestOtherTriggers(unittest.TestCase):
    def test_an_interval_is_a_grid_from_its_start(self) -> None:
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"minutes": 2}, ["00:02:00.000", "00:04:00.000", "00:06:00.000"]),
            ({"seconds": 0.25}, ["00:00:00.250", "00:00:00.500", "00:00:00.750"]),
            ({"hours": 1, "start_at": "2025-12-31 23:10"}, ["00:10:00.000", "01:10:00.000", "02:10:00.000"]),
            ({"hours": 1, "start_at": "2026-01-01 00:00"}, ["00:00:00.000", "01:00:00.000", "02:00:00.000"]),
            ({"minutes": 1, "seconds": 30, "start_at": "2026-01-01 05:00"}, ["05:00:00.000", "05:01:30.000", "05:03:00.000"]),
            ({"hours": 1, "start_at": "2026-01-01 01:00", "end_at": "2026-01-01 02:00"}, ["01:00:00.000", "02:00:00.000"]),
        ]
        for arguments, runs in cases:
            with self.subTest(**arguments):
                trigger = asyncz.IntervalTrigger(**arguments, timezone="UTC")
                self.assertEqual([run[:-3] for run in first_runs(trigger, "2026-01-01", 3, "%H:%M:%S.%f")], runs)

    def test_an_interval_that_is_none_is_refused(self) -> None:
        cases: list[tuple[dict[str, Any], str]] = [
            ({}, "IntervalTrigger: no argument: the interval is 0 seconds; it must be more than zero, as in minutes=5"),
            ({"minutes": -2}, "IntervalTrigger: minutes=-2: the interval is -120 seconds; it must be more than zero, as in minutes=5"),
            ({"hours": "2"}, "hours='2': not a number; give a number of hours, such as hours=2"),
            ({"days": float("inf")}, "IntervalTrigger: days=inf: the interval is too long"),
            ({"days": float("nan")}, "IntervalTrigger: days=nan: the interval is too long"),
        ]
        for arguments, message in cases:
            with self.subTest(**arguments), self.assertRaises((ValueError, TypeError)) as caught:
                asyncz.IntervalTrigger(**arguments)
            self.assertEqual(str(caught.exception), message)

    def test_a_date_is_once(self) -> None:
        trigger = asyncz.DateTrigger("2026-01-05 08:00", timezone="Europe/Paris")
        self.assertEqual(first_runs(trigger, "2026-01-01", 3), ["2026-01-05 08:00:00"])
        self.assertEqual(
            first_runs(trigger, "2026-02-01", 3), ["2026-01-05 08:00:00"], "also when it has been: it is for the misfire rules to decide"
        )
        self.assertEqual(first_runs(asyncz.DateTrigger(timezone="UTC"), "2026-01-01 05:00", 2), ["2026-01-01 05:00:00"])

    def test_a_naive_time_that_is_twice_or_never_follows_fold(self) -> None:
        cases = [
            (datetime(2026, 10, 25, 2, 30), "2026-10-25 00:30:00"),
            (datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25 01:30:00"),
            (datetime(2026, 3, 29, 2, 30), "2026-03-29 01:30:00"),
            (datetime(2026, 3, 29, 2, 30, fold=1), "2026-03-29 00:30:00"),
        ]
        for local, instant in cases:
            with self.subTest(local=local, fold=local.fold):
                moment = asyncz.DateTrigger(local, timezone="Europe/Paris").get_next_trigger_time(None, at("2026-01-01"))
                assert moment is not None
                self.assertEqual(moment.astimezone(UTC), at(instant))

    def test_and_runs_when_all_agree(self) -> None:
        both = asyncz.AndTrigger(
            [asyncz.CronTrigger(hour=8, timezone="UTC"), asyncz.CronTrigger(day_of_week="sat,sun", hour="*", timezone="UTC")]
        )
        self.assertEqual(first_runs(both, "2026-01-01", 3), ["2026-01-03 08:00:00", "2026-01-04 08:00:00", "2026-01-10 08:00:00"])
        never = asyncz.AndTrigger([asyncz.CronTrigger(hour=8, timezone="UTC"), asyncz.CronTrigger(hour=9, timezone="UTC")])
        self.assertIsNone(never.get_next_trigger_time(None, at("2026-01-01")))
        ends = asyncz.AndTrigger([asyncz.CronTrigger(hour=8, timezone="UTC"), asyncz.DateTrigger("2026-01-02 08:00", timezone="UTC")])
        self.assertEqual(first_runs(ends, "2026-01-01", 3), ["2026-01-02 08:00:00"])
        tens = asyncz.AndTrigger([asyncz.IntervalTrigger(seconds=4, timezone="UTC"), asyncz.IntervalTrigger(seconds=6, timezone="UTC")])
        self.assertEqual(first_runs(tens, "2026-01-01", 2, "%S"), ["12", "24"])

    def test_or_runs_when_any_does(self) -> None:
        either = asyncz.OrTrigger([asyncz.CronTrigger(minute=0, timezone="UTC"), asyncz.CronTrigger(minute="0,20", hour=1, timezone="UTC")])
        self.assertEqual(first_runs(either, "2026-01-01", 4, "%H:%M"), ["00:00", "01:00", "01:20", "02:00"])
        until = asyncz.OrTrigger([asyncz.DateTrigger("2026-01-02", timezone="UTC"), asyncz.DateTrigger("2026-01-01", timezone="UTC")], jitter=5)
        moment = until.get_next_trigger_time(at("2026-01-01 12:00"), at("2026-01-01"))
        assert moment is not None
        self.assertTrue(0 <= (moment - at("2026-01-02")).total_seconds() <= 5)
        self.assertIsNone(until.get_next_trigger_time(moment, moment))

    def test_combining_what_can_not_be_combined_is_refused(self) -> None:
        cases: list[tuple[Any, str]] = [
            ([], "OrTrigger([]): no trigger given; give a list of them"),
            (["cron"], "OrTrigger: 'cron' is not a trigger; give instances such as CronTrigger(hour=8)"),
            (
                [asyncz.CronTrigger(hour=8, jitter=5)],
                "OrTrigger: CronTrigger(hour='8', jitter=5.0) has a jitter, which would hide its run times; give the jitter to the OrTrigger",
            ),
        ]
        for members, message in cases:
            with self.subTest(message), self.assertRaises((TypeError, ValueError)) as caught:
                asyncz.OrTrigger(members)
            self.assertEqual(str(caught.exception), message)

    def test_naive_datetimes_are_refused(self) -> None:
        for arguments, message in [
            ((None, datetime(2026, 1, 1)), "now=datetime.datetime(2026, 1, 1, 0, 0): not an aware datetime; give one with a tzinfo"),
            (
                (datetime(2026, 1, 1), at("2026-01-01")),
                "previous_time=datetime.datetime(2026, 1, 1, 0, 0): not an aware datetime; give one with a tzinfo",
            ),
        ]:
            with self.subTest(message), self.assertRaises(ValueError) as caught:
                asyncz.CronTrigger(hour=8).get_next_trigger_time(*arguments)
            self.assertEqual(str(caught.exception), message)

    def test_they_are_equal_by_their_arguments_and_show_them(self) -> None:
        cases: list[tuple[Callable[[], asyncz.BaseTrigger], str, str]] = [
            (lambda: asyncz.CronTrigger(hour=8), "cron[hour='8']", "CronTrigger(hour='8')"),
            (
                lambda: asyncz.CronTrigger(day="last", hour=8, timezone="Europe/Paris", start_at="2026-01-01", jitter=2),
                "cron[day='last', hour='8']",
                "CronTrigger(day='last', hour='8', start_at='2026-01-01 00:00:00', timezone='Europe/Paris', jitter=2.0)",
            ),
            (
                lambda: asyncz.CronTrigger.from_crontab("*/5 * * * *", timezone="UTC"),
                "cron['*/5 * * * *']",
                "CronTrigger.from_crontab('*/5 * * * *', timezone='UTC')",
            ),
            (lambda: asyncz.IntervalTrigger(minutes=2), "interval[0:02:00]", "IntervalTrigger(seconds=120)"),
            (
                lambda: asyncz.IntervalTrigger(seconds=0.5, end_at=at("2026-01-01")),
                "interval[0:00:00.500000]",
                "IntervalTrigger(seconds=0.5, end_at='2026-01-01 00:00:00+00:00')",
            ),
            (
                lambda: asyncz.DateTrigger("2026-12-01 08:00", timezone="Europe/Paris"),
                "date[2026-12-01 08:00:00 CET]",
                "DateTrigger(run_at='2026-12-01 08:00:00', timezone='Europe/Paris')",
            ),
            (asyncz.DateTrigger, "date[now]", "DateTrigger()"),
            (
                lambda: asyncz.AndTrigger([asyncz.CronTrigger(hour=8), asyncz.IntervalTrigger(hours=4)], jitter=1),
                "and[cron[hour='8'], interval[4:00:00]]",
                "AndTrigger(triggers=[CronTrigger(hour='8'), IntervalTrigger(seconds=14400)], jitter=1.0)",
            ),
        ]
        for make, text, shown in cases:
            with self.subTest(shown):
                trigger = make()
                self.assertEqual((str(trigger), repr(trigger)), (text, shown))
                self.assertEqual(trigger, make())
                self.assertEqual(hash(trigger), hash(make()))
                self.assertEqual(eval(shown, vars(asyncz)), trigger)
                for twin in (pickle.loads(pickle.dumps(trigger)), copy.copy(trigger), copy.deepcopy(trigger)):
                    self.assertEqual(twin, trigger)
        self.assertNotEqual(asyncz.CronTrigger(hour=8), asyncz.CronTrigger(hour=9))
        self.assertNotEqual(asyncz.CronTrigger(hour=8), "cron[hour='8']")
        self.assertEqual(
            asyncz.CronTrigger(hour=8, timezone="Europe/Paris"), asyncz.CronTrigger(hour=8, timezone=zoneinfo.ZoneInfo("Europe/Paris"))
        )
        self.assertEqual(asyncz.IntervalTrigger(minutes=2).interval, timedelta(minutes=2))


class Hourly(asyncz.BaseTrigger):
    """A trigger of a user's."""

    def __init__(self, hours: int) -> None:
        self.hours = hours
        self.calls = 0

    def get_next_trigger_time(self, previous_time: datetime | None, now: datetime) -> datetime | None:
        self.calls += 1
        return (previous_time or now) + timedelta(hours=self.hours)


class Workdays(asyncz.CronTrigger):
    """One of ours, that leaves out a day."""

    def get_next_trigger_time(self, previous_time: datetime | None, now: datetime) -> datetime | None:
        following = super().get_next_trigger_time(previous_time, now)
        while following is not None and following.day == 2:
            following = super().get_next_trigger_time(following, now)
        return following


class TestTriggersOfUsers(VirtualTimeTestCase):
    async def test_a_subclass_of_the_base_runs_by_what_it_says(self) -> None:
        runs: list[str] = []
        self.scheduler.add_job(lambda: runs.append(self.now()), Hourly(2))
        self.scheduler.start()
        await asyncio.sleep(5 * 3600)
        self.assertEqual(runs, ["02:00:00", "04:00:00"])
        self.assertEqual((Hourly(2), repr(Hourly(2))), (Hourly(2), "Hourly(hours=2, calls=0)"))

    async def test_a_subclass_of_one_of_ours_runs_by_what_it_says(self) -> None:
        runs: list[str] = []
        self.scheduler.add_job(lambda: runs.append(self.now()), Workdays(hour=8))
        self.scheduler.start()
        await asyncio.sleep(3 * 86400)
        self.assertEqual(runs, ["08:00:00", "2026-01-03 08:00:00"])

    async def test_a_backlog_takes_few_calls(self) -> None:
        class Counted(asyncz.CronTrigger):
            calls = 0

            def get_next_trigger_time(self, previous_time: datetime | None, now: datetime) -> datetime | None:
                Counted.calls += 1
                return super().get_next_trigger_time(previous_time, now)

        for fields, last in [
            ({"second": "*"}, "2027-01-01 00:00:00"),
            ({"minute": "*"}, "2027-01-01 00:00:00"),
            ({"month": "feb", "second": "*"}, "2026-02-28 23:59:59"),
            ({"month": "feb,mar", "day": "last", "hour": 5}, "2026-03-31 05:00:00"),
        ]:
            with self.subTest(**fields):
                scheduler = self.make_scheduler()
                self.clock._start_us = asyncz._to_us(at("2026-01-01")) - round(self.clock.monotonic() * 1e6)
                events: list[Any] = []
                scheduler.add_listener(events.append, asyncz.JOB_EXECUTED)
                scheduler.add_job(lambda: None, Counted(**fields))
                scheduler.start(paused=True)
                await asyncio.sleep(365 * 86400)
                Counted.calls = 0
                scheduler.resume()
                await asyncio.sleep(0.001)
                self.assertEqual([f"{event.scheduled_run_time:%Y-%m-%d %H:%M:%S}" for event in events], [last])
                self.assertLessEqual(Counted.calls, 100)
                scheduler.remove_all_jobs()
                await scheduler.shutdown()


class FakePytz(tzinfo):
    """As pytz has them: right for an instant, local mean time for whoever attaches it to a local time."""

    zone = "Fake/Paris"

    def __init__(self, offset: timedelta = timedelta(minutes=9)) -> None:
        self.offset = offset

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return self.offset

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return "FAKE"

    def fromutc(self, dt: datetime) -> datetime:
        offset = zoneinfo.ZoneInfo("Europe/Paris").utcoffset(dt.replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo("Europe/Paris")))
        assert offset is not None
        return (dt + offset).replace(tzinfo=FakePytz(offset))

    def __str__(self) -> str:
        return self.zone


class TestTimeZones(unittest.TestCase):
    def test_a_zone_is_a_name_or_a_tzinfo(self) -> None:
        zones: list[Any] = ["Europe/Paris", zoneinfo.ZoneInfo("Europe/Paris"), FakePytz()]
        for zone in zones:
            with self.subTest(zone=zone):
                trigger = asyncz.CronTrigger(hour=2, minute=30, timezone=zone, start_at="2026-03-28")
                self.assertEqual(
                    runs_between(trigger, "2026-03-27 00:00", "2026-03-30 12:00"), "2026-03-28 01:30, 2026-03-29 01:00, 2026-03-30 00:30"
                )
        fixed = asyncz.CronTrigger(hour=2, timezone=timezone(timedelta(hours=-3)))
        self.assertEqual(runs_between(fixed, "2026-03-27 00:00", "2026-03-28 00:00"), "2026-03-27 05:00")

    @unittest.skipUnless(importlib.util.find_spec("pytz"), "pytz is not installed")
    def test_pytz_zones_are_zones(self) -> None:
        pytz = importlib.import_module("pytz")
        trigger = asyncz.CronTrigger(hour=2, minute=30, timezone=pytz.timezone("Europe/Paris"))
        self.assertEqual(runs_between(trigger, "2026-10-24 12:00", "2026-10-26 12:00"), "2026-10-25 00:30, 2026-10-26 01:30")
        moment = asyncz.DateTrigger("2026-07-01 08:00", timezone=pytz.timezone("Europe/Paris")).get_next_trigger_time(None, at("2026-01-01"))
        self.assertEqual(moment, at("2026-07-01 06:00"))
        self.assertEqual(asyncz.AsyncIOScheduler(timezone=pytz.utc).timezone, UTC)

    def test_what_is_no_zone_is_named(self) -> None:
        cases: list[tuple[Any, str]] = [
            (
                "Europe/Pariss",
                "timezone='Europe/Pariss': no such time zone; did you mean 'Europe/Paris'?; names are like 'Europe/Paris' or 'UTC'",
            ),
            (2, "timezone=2: not a time zone; give a name such as 'Europe/Paris', or a tzinfo object"),
        ]
        for zone, message in cases:
            with self.subTest(zone), self.assertRaises((ValueError, TypeError)) as caught:
                asyncz.CronTrigger(hour=2, timezone=zone)
            self.assertEqual(str(caught.exception), message)

    SHOW = (
        "import asyncz, datetime as d; u = d.timezone.utc; s = asyncz.AsyncIOScheduler(); t = asyncz.CronTrigger(hour=2, minute=30);"
        "r = [d.datetime(2026, m, n, 20, tzinfo=u) for m, n in ((3, 27), (3, 28), (10, 24))];"
        "print(s.timezone, *(t.get_next_trigger_time(x, x).astimezone(u).strftime('%d:%H:%M') for x in r))"
    )

    def test_the_local_zone_is_that_of_tz(self) -> None:
        paris = "28:01:30 29:01:00 25:00:30"
        for setting, shown in [
            ("Europe/Paris", f"Europe/Paris {paris}"),
            (":Europe/Paris", f"Europe/Paris {paris}"),
            ("/usr/share/zoneinfo/Europe/Paris", f"Europe/Paris {paris}"),
            ("", "UTC 28:02:30 29:02:30 25:02:30"),
            ("CET-1CEST,M3.5.0,M10.5.0/3", f"<local zone CET/CEST> {paris}"),
        ]:
            with self.subTest(setting):
                if setting.startswith("/") and not os.path.exists(setting):
                    continue
                done = run_python("-W", "error", "-c", self.SHOW, env={"TZ": setting})
                self.assertEqual((done.stdout.strip(), done.stderr), (shown, ""))

    def test_a_tz_that_is_no_zone_is_named(self) -> None:
        done = run_python("-c", "import asyncz; asyncz.CronTrigger(hour=2)", env={"TZ": "Europe/Nowhere"})
        self.assertIn("ValueError: timezone='Europe/Nowhere': no such time zone", done.stderr)

    def test_without_tz_it_is_that_of_the_system_files(self) -> None:
        with tempfile.TemporaryDirectory() as directory, unittest.mock.patch.dict(os.environ):
            os.environ.pop("TZ", None)
            link, file, absent = (os.path.join(directory, name) for name in ("localtime", "timezone", "absent"))
            os.symlink("/usr/share/zoneinfo/Asia/Kolkata", link)
            pathlib.Path(file).write_text("America/New_York\n")
            for localtime, name_file, zone in [
                (link, file, "Asia/Kolkata"),
                (absent, file, "America/New_York"),
                (file, absent, repr(asyncz._SYSTEM_ZONE)),
            ]:
                with self.subTest(zone), unittest.mock.patch.multiple(asyncz, _LOCALTIME=localtime, _TIMEZONE_FILE=name_file):
                    self.assertEqual(str(asyncz.AsyncIOScheduler().timezone), zone)

    @unittest.skipIf(importlib.util.find_spec("tzdata"), "the package tzdata is installed, so there is always a database")
    def test_without_a_database_the_error_says_what_to_install(self) -> None:
        code = "import asyncz; asyncz.CronTrigger(hour=2, timezone='UTC'); asyncz.CronTrigger(hour=2); asyncz.CronTrigger(hour=2, timezone='Europe/Paris')"
        done = run_python("-c", code, env={"PYTHONTZPATH": "", "TZ": "CET-1"})
        message = (
            "ValueError: timezone='Europe/Paris': this Python finds no time zone database; install the package tzdata"
            " (pip install tzdata), or the system's own (on Debian: apt-get install tzdata)"
        )
        self.assertEqual(done.stderr.strip().splitlines()[-1], message)


class TestModule(unittest.TestCase):
    def test_the_rooms_are_those_of_the_docstring(self) -> None:
        source = pathlib.Path(asyncz.__file__).read_text(encoding="utf-8")
        banners = re.findall(r"^# === (.+) ===$", source, re.MULTILINE)
        assert asyncz.__doc__ is not None
        listed = re.findall(r"^    ([A-Z][a-z]+(?: [a-z]+)?)  +\S", asyncz.__doc__, re.MULTILINE)
        self.assertEqual(listed, banners)

    def test_the_example_of_the_docstring_runs(self) -> None:
        assert asyncz.__doc__ is not None
        example = textwrap.dedent(
            asyncz.__doc__.partition("    import asyncz\n")[1] + asyncz.__doc__.partition("    import asyncz\n")[2].partition("\nThe shape")[0]
        )
        done = run_python("-W", "error", "-c", example)
        self.assertEqual((done.stdout, done.stderr), ("['beat']\n", ""))

    def test_all_names_what_is_public(self) -> None:
        missing = [name for name in asyncz.__all__ if not hasattr(asyncz, name)]
        public = {name for name, value in vars(asyncz).items() if getattr(value, "__module__", None) == "asyncz" and not name.startswith("_")}
        self.assertEqual((missing, sorted(public - {"main"} - set(asyncz.__all__))), ([], []))
        self.assertEqual(asyncz.__all__, sorted(asyncz.__all__, key=lambda name: (not name.isupper(), name)))

    def test_an_import_is_pure_and_quiet(self) -> None:
        code = (
            "import sys, threading; before = set(sys.modules); import asyncz;"
            "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
            "std = getattr(sys, 'stdlib_module_names', new); print(sorted(new - set(std) - {'asyncz'}), threading.active_count(), 'zoneinfo' in sys.modules)"
        )
        self.assertEqual(run_python("-I", "-c", f"import sys; sys.path.insert(0, {str(HERE)!r}); {code}").stdout, "[] 1 False\n")

    DOTTED = {
        "schedulers": "AsyncIOScheduler BaseScheduler SchedulerState",
        "schedulers.asyncio": "AsyncIOScheduler",
        "triggers": "BaseTrigger DateTrigger IntervalTrigger CronTrigger AndTrigger OrTrigger",
        "stores": "BaseStore MemoryStore",
        "executors": "BaseExecutor AsyncIOExecutor ThreadPoolExecutor ProcessPoolExecutor DebugExecutor",
        "jobs": "Job",
        "events": "SchedulerEvent JobEvent JobSubmissionEvent JobExecutionEvent JOB_ERROR ALL_EVENTS SCHEDULER_START",
        "exceptions": "AsynczException JobLookupError ConflictIdError MaximumInstancesError SchedulerAlreadyRunningError SchedulerNotRunningError",
    }

    def test_dotted_names_are_importable_first(self) -> None:
        for path, names in self.DOTTED.items():
            done = run_python(
                "-c", f"from asyncz.{path} import {names.replace(' ', ', ')}; import asyncz, asyncz.{path} as m; print(m.__name__)"
            )
            with self.subTest(path):
                self.assertEqual((done.stdout, done.stderr), (f"asyncz.{path}\n", ""))
                module = importlib.import_module(f"asyncz.{path}")
                self.assertEqual([name for name in names.split() if getattr(module, name) is not getattr(asyncz, name)], [])

    def test_vendored_copies_stay_apart(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            for package in ("one", "two"):
                vendor = pathlib.Path(directory, package, "_vendor")
                vendor.mkdir(parents=True)
                for place in (vendor, vendor.parent):
                    (place / "__init__.py").touch()
                shutil.copy(asyncz.__file__, vendor)
            code = (
                "from one._vendor.asyncz.schedulers.asyncio import AsyncIOScheduler as A; from two._vendor.asyncz.schedulers import AsyncIOScheduler as B;"
                "import one._vendor.asyncz as m, sys; print(A is m.AsyncIOScheduler, A is not B, A.__module__, 'asyncz' in sys.modules)"
            )
            done = run_python("-W", "error", "-c", code, cwd=directory, env={"PYTHONPATH": directory})
        self.assertEqual((done.stdout, done.stderr), ("True True one._vendor.asyncz False\n", ""))

    def test_a_reload_renews_the_dotted_names(self) -> None:
        code = (
            "import asyncz, importlib; importlib.reload(asyncz); from asyncz.triggers import CronTrigger as C; print(C is asyncz.CronTrigger)"
        )
        self.assertEqual(run_python("-c", code).stdout, "True\n")

    def test_errors_pickle_and_print_their_message(self) -> None:
        for name in TestModule.DOTTED["exceptions"].split():
            with self.subTest(name):
                error = getattr(asyncz, name)("what was wrong")
                self.assertIsInstance(error, asyncz.AsynczException)
                self.assertEqual((str(error), str(pickle.loads(pickle.dumps(error)))), ("what was wrong",) * 2)
        self.assertTrue(issubclass(asyncz.ConflictIdError, KeyError) and issubclass(asyncz.JobLookupError, LookupError))
        for kind in (asyncz.MaximumInstancesError, asyncz.SchedulerAlreadyRunningError, asyncz.SchedulerNotRunningError):
            self.assertTrue(issubclass(kind, RuntimeError))
        self.assertEqual(repr(asyncz.UNSET), "UNSET")


class TestSimulation(unittest.TestCase):
    def setUp(self) -> None:
        self.scheduler = asyncz.AsyncIOScheduler(timezone="Europe/Paris")

    def times(self, events: list[asyncz.JobExecutionEvent]) -> list[str]:
        return [f"{event.job_id} {event.scheduled_run_time:%d %H:%M}" for event in events]

    def test_a_month_of_every_five_minutes_is_all_there(self) -> None:
        calls: list[int] = []
        self.scheduler.add_job(calls.append, "cron", minute="*/5", args=[1])
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-31 23:59:59")
        self.assertEqual((len(events), len(calls)), (31 * 288, 31 * 288))
        self.assertEqual({event.code for event in events}, {asyncz.JOB_EXECUTED})

    def test_both_ends_are_included_and_local(self) -> None:
        self.scheduler.add_job(lambda: None, "cron", hour="*/12", id="a")
        events = asyncz.simulate(self.scheduler, "2026-01-01", date(2026, 1, 2))
        self.assertEqual(self.times(events), ["a 01 00:00", "a 01 12:00", "a 02 00:00"])

    def test_order_sleeps_failures_and_misses(self) -> None:
        log: list[str] = []

        async def slow() -> str:
            log.append("slow begins")
            await asyncio.sleep(90 * 60)
            log.append("slow ends")
            return "slept"

        def bad() -> None:
            log.append("bad")
            raise RuntimeError("bad")

        self.scheduler.add_job(slow, "date", run_at="2026-01-01 01:00", id="slow")
        self.scheduler.add_job(bad, "date", run_at="2026-01-01 02:00", id="bad")
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 02:00")
        self.assertEqual(log, ["slow begins", "bad", "slow ends"])
        self.assertEqual(self.times(events), ["bad 01 02:00", "slow 01 01:00"])
        self.assertEqual(([event.return_value for event in events], repr(events[0].exception)), ([None, "slept"], "RuntimeError('bad')"))
        self.assertIn("RuntimeError: bad", str(events[0].traceback))

    def test_the_scheduler_is_afterwards_as_it_was(self) -> None:
        ran = threading.Event()
        job = self.scheduler.add_job(ran.set, "interval", seconds=0.05, id="a")
        self.scheduler.add_job(print, "cron", hour=3, id="paused", next_run_time=None)
        self.scheduler.add_job(print, "date", run_at="2020-01-01", id="long ago")
        before = [(job.id, job.next_run_time, str(job.trigger)) for job in self.scheduler.get_jobs()]
        events = asyncz.simulate(self.scheduler, "2030-01-01", "2030-01-01 00:00:01")
        self.assertEqual(len(events), 20)
        self.assertEqual([(job.id, job.next_run_time, str(job.trigger)) for job in self.scheduler.get_jobs()], before)
        ran.clear()
        self.scheduler.delete_job("long ago")
        with self.scheduler:
            self.assertTrue(ran.wait(10))
        self.assertFalse(job.pending)
        again = asyncz.simulate(self.scheduler, "2030-01-01", "2030-01-01 00:00:01")
        self.assertEqual(len(again), 20, "a job that has been in a store counts from the start, too")

    def test_jobs_may_add_and_delete_jobs(self) -> None:
        def more() -> None:
            self.scheduler.add_job(print, "interval", hours=1, id="new", args=[""], kwargs={"end": ""})

        self.scheduler.add_job(more, "date", run_at="2026-01-01 01:00", id="more")
        self.scheduler.add_job(lambda: self.scheduler.delete_job("new"), "date", run_at="2026-01-01 03:30", id="less")
        with contextlib.redirect_stdout(io.StringIO()):
            events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 06:00")
        self.assertEqual(self.times(events), ["more 01 01:00", "new 01 02:00", "new 01 03:00", "less 01 03:30"])
        self.assertEqual([job.id for job in self.scheduler.get_jobs()], ["more", "less"])

    def test_time_waits_for_what_a_job_does_in_a_thread(self) -> None:
        released = threading.Event()

        async def job() -> bool:
            threading.Timer(0.05, released.set).start()
            return await asyncio.get_running_loop().run_in_executor(None, released.wait, 10)

        self.scheduler.add_job(job, "date", run_at="2026-01-01 01:00")
        self.scheduler.add_job(lambda: None, "date", run_at="2026-01-01 01:00:01")
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 02:00")
        self.assertEqual([event.return_value for event in events], [True, None])

    def test_it_works_inside_a_running_loop(self) -> None:
        self.scheduler.add_job(lambda: 5, "cron", hour=1)

        async def cell() -> list[asyncz.JobExecutionEvent]:
            return asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-03")

        self.assertEqual([event.return_value for event in asyncio.run(cell())], [5, 5])

    def test_what_is_wrong_is_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "until='2026-01-01': before start='2026-01-02'; it must be at or after it"):
            asyncz.simulate(self.scheduler, "2026-01-02", "2026-01-01")
        with self.assertRaisesRegex(TypeError, "scheduler='s': not an AsyncIOScheduler; give one, that is stopped"):
            asyncz.simulate("s", "2026-01-02", "2026-01-01")  # type: ignore[arg-type]
        with (
            self.scheduler,
            self.assertRaisesRegex(asyncz.SchedulerAlreadyRunningError, "simulate: the scheduler is running; shut it down first"),
        ):
            asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-02")


class TestCommandLine(unittest.TestCase):
    def test_next_prints_the_coming_runs(self) -> None:
        for start in (["-m", "asyncz"], [asyncz.__file__]):
            done = run_python("-W", "error", *start, "next", "*/5 9-17 * * mon-fri", "-n", "3", "-z", "Europe/Paris")
            with self.subTest(start):
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertRegex(done.stdout, r"\A([A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d[05]:00 CES?T\n){3}\Z")
        self.assertEqual(len(run_python("-m", "asyncz", "next", "@daily").stdout.splitlines()), 10)

    def test_bad_input_is_one_line_and_status_2(self) -> None:
        cases = [
            (["next", "61 * * * *"], "asyncz: minute='61': 61 is more than 59; minute takes 0-59"),
            (["next", "@daily", "-n", "0"], "asyncz: -n 0: not a number from 1"),
            (["next", "@daily", "-n", "x"], "asyncz: argument -n: invalid int value: 'x'"),
            (["next", "@daily", "-z", "Mars/Base"], "asyncz: timezone='Mars/Base': no such time zone"),
            (
                ["run", "nowhere:scheduler"],
                "asyncz: scheduler='nowhere:scheduler': there is no module 'nowhere'; write it as 'package.module:object'",
            ),
            (["run", "json:scheduler"], "asyncz: scheduler='json:scheduler': <module 'json'"),
            (["run", "json:dumps"], "asyncz: scheduler='json:dumps': <function dumps"),
            (["run", "json"], "asyncz: scheduler='json': not a reference; write it as 'package.module:object'"),
            (["sing"], "asyncz: argument COMMAND: invalid choice: 'sing'"),
            ([], "asyncz: the following arguments are required: COMMAND"),
        ]
        for arguments, message in cases:
            with self.subTest(arguments), contextlib.redirect_stderr(io.StringIO()) as printed:
                try:
                    status = asyncz.main(arguments)
                except SystemExit as end:
                    status = end.code
                self.assertEqual((status, printed.getvalue().count("\n")), (2, 1))
                self.assertTrue(printed.getvalue().startswith(message), printed.getvalue())

    def test_next_ends_with_the_schedule_and_with_its_reader(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(asyncz.main(["next", "0 0 29 2 *", "-n", "2000"]), 0)
        self.assertEqual(printed.getvalue().splitlines()[-1][4:8], "9996")

    def test_run_runs_until_it_is_told_to_stop(self) -> None:
        app = (
            "import asyncz\nscheduler = asyncz.AsyncIOScheduler()\n"
            "@scheduler.scheduled_job('interval', seconds=0.05)\ndef beat():\n    print('beat', flush=True)\n"
        )
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "app.py").write_text(app)
            shutil.copy(asyncz.__file__, directory)
            for number in (signal.SIGINT, signal.SIGTERM):
                for start in (["-m", "asyncz"], ["asyncz.py"]):
                    command = [sys.executable, *start, "run", "app:scheduler"]
                    with (
                        self.subTest(start=start, signal=number),
                        subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
                    ):
                        assert process.stdout is not None
                        self.assertEqual(process.stdout.readline(), "beat\n")
                        process.send_signal(number)
                        _, log = process.communicate(timeout=20)
                        self.assertEqual(process.returncode, 0, log)
                        self.assertIn("INFO asyncz: scheduler shut down", log)

    def test_the_demo_shows_each_kind_and_ends(self) -> None:
        done = run_python("-W", "error", "-m", "asyncz", "demo")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for kind in ("interval", "cron", "date"):
            self.assertRegex(done.stdout, rf"\d\.\d\d s  {kind} ")
        self.assertTrue(done.stdout.endswith("It works: this machine can run asyncz.\n"), done.stdout)


CODES = {name: getattr(asyncz, name) for name in asyncz.__all__ if name.isupper() and name not in ("ALL_EVENTS", "UNSET", "SCHEDULER_START")}


def code_name(code):
    """Return the name of an event's code."""
    return next((name for name, value in CODES.items() if value == code), str(code))


def complaint(call, *args, **kwargs):
    """Return the error that a call raises, as 'Type: message', or what it returned."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"no error: {result!r}"


def double(value):
    return 2 * value


async def double_soon(value):
    await asyncio.sleep(0)
    return 2 * value


def generate():
    yield 1


async def generate_soon():
    yield 1


async def nothing():
    pass


class Doubler:
    """Every kind of method that can be a job."""

    def __call__(self, value):
        return 2 * value

    def plain(self, value):
        return 2 * value

    async def soon(self, value):
        return 2 * value

    def generate(self):
        yield 1

    @classmethod
    def of_class(cls, value):
        return 2 * value

    @classmethod
    async def of_class_soon(cls, value):
        return 2 * value

    @staticmethod
    def static(value):
        return 2 * value

    @staticmethod
    async def static_soon(value):
        return 2 * value


class SoonDoubler:
    async def __call__(self, value):
        await asyncio.sleep(0)
        return 2 * value


class GeneratorObject:
    def __call__(self):
        yield 1


class TestEveryKindOfCallable(VirtualTimeTestCase):
    KINDS = {
        "function": double,
        "coroutine function": double_soon,
        "lambda": lambda value: 2 * value,
        "lambda that returns a coroutine": lambda value: double_soon(value),
        "partial": functools.partial(double),
        "partial of a coroutine function": functools.partial(double_soon),
        "partial of a partial": functools.partial(functools.partial(double_soon)),
        "bound method": Doubler().plain,
        "bound coroutine method": Doubler().soon,
        "partial of a bound coroutine method": functools.partial(Doubler().soon),
        "class method": Doubler.of_class,
        "class coroutine method": Doubler.of_class_soon,
        "static method": Doubler.static,
        "static coroutine method": Doubler().static_soon,
        "callable object": Doubler(),
        "callable object with a coroutine __call__": SoonDoubler(),
        "partial of such an object": functools.partial(SoonDoubler()),
        "reference": "operator:pos",
        "reference with a path": "datetime:datetime.utcoffset",
    }

    async def test_runs_and_gives_its_result_in_the_loop_and_in_threads(self):
        self.scheduler.add_executor("threadpool", "threads")
        self.scheduler.start()
        for kind, fn in self.KINDS.items():
            for executor in ("default", "threads"):
                with self.subTest(kind, executor=executor):
                    args, expected = ([at("2026-01-01")], timedelta(0)) if "path" in kind else ([42], 42) if "reference" in kind else ([21], 42)
                    job = self.scheduler.add_job(fn, args=args, next_run_time=None, executor=executor)
                    self.assertEqual(await asyncio.wrap_future(self.scheduler.run_job(job.id)), expected)

    async def test_runs_in_place_with_the_debug_executor(self):
        self.scheduler.add_executor("debug", "debug")
        self.scheduler.start()
        for kind in ("function", "coroutine function", "partial of a bound coroutine method", "callable object with a coroutine __call__"):
            with self.subTest(kind):
                job = self.scheduler.add_job(self.KINDS[kind], args=[21], next_run_time=None, executor="debug")
                self.assertEqual(await asyncio.wrap_future(self.scheduler.run_job(job.id)), 42)

    async def test_has_a_name(self):
        names = {
            "function": "double",
            "partial of a coroutine function": "double_soon",
            "bound method": "Doubler.plain",
            "class method": "Doubler.of_class",
            "callable object": "Doubler",
            "partial of such an object": "SoonDoubler",
            "reference": "pos",
        }
        for kind, name in names.items():
            with self.subTest(kind):
                self.assertEqual(self.scheduler.add_job(self.KINDS[kind], args=[1]).name, name)

    async def test_that_is_a_generator_is_refused(self):
        kinds = (generate, generate_soon, functools.partial(generate), functools.partial(generate_soon), Doubler().generate, GeneratorObject())
        for fn in kinds:
            with self.subTest(repr(fn)):
                expected = f"TypeError: fn={fn!r}: a generator function, of which a call runs nothing; give a plain or coroutine function"
                self.assertEqual(complaint(self.scheduler.add_job, fn), expected)

    async def test_that_is_none_says_so(self):
        hint = "write it as 'package.module:object'"
        table = {
            None: "TypeError: fn=None: not callable; give a function, or a reference such as 'package.module:function'",
            42: "TypeError: fn=42: not callable; give a function, or a reference such as 'package.module:function'",
            "math:pi": "TypeError: fn=3.141592653589793: not callable; give a function, or a reference such as 'package.module:function'",
            "double": f"ValueError: fn='double': not a reference; {hint}",
            "": f"ValueError: fn='': not a reference; {hint}",
            "math:": f"ValueError: fn='math:': not a reference; {hint}",
            ":sqrt": f"ValueError: fn=':sqrt': not a reference; {hint}",
            "no_such_module:f": f"LookupError: fn='no_such_module:f': there is no module 'no_such_module'; {hint}",
            "json.no_such:f": f"LookupError: fn='json.no_such:f': there is no module 'json.no_such'; {hint}",
            "math:sqr": f"LookupError: fn='math:sqr': {sys.modules['math']!r} has no 'sqr'; did you mean 'sqrt'?",
            "datetime:datetime.tomorrow": "LookupError: fn='datetime:datetime.tomorrow': <class 'datetime.datetime'> has no 'tomorrow'",
        }
        for fn, expected in table.items():
            with self.subTest(fn=fn):
                self.assertEqual(complaint(self.scheduler.add_job, fn), expected)
        with self.subTest("relative"):
            self.assertRegex(complaint(self.scheduler.add_job, ".relative:f"), r"^(Value|Lookup)Error: fn='\.relative:f': .*")

    async def test_whose_module_lacks_something_says_what(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "asyncz_test_broken.py").write_text("import no_such_package\n")
            with unittest.mock.patch.object(sys, "path", [folder, *sys.path]):
                said = complaint(self.scheduler.add_job, "asyncz_test_broken:f")
        self.assertEqual(said, "ModuleNotFoundError: No module named 'no_such_package'")


class TestArgumentsThatDoNotFit(VirtualTimeTestCase):
    async def test_are_refused_with_the_name_of_the_parameter(self):
        def report(name, *, loud=False):
            pass

        where = "do not fit TestArgumentsThatDoNotFit.test_are_refused_with_the_name_of_the_parameter.<locals>.report(name, *, loud=False)"
        hint = "give what it takes as args=[…] or kwargs={…}"
        table = [
            ([], {}, f"args=(), kwargs={{}}: {where}: missing a required argument: 'name'; {hint}"),
            (["a", "b"], {}, f"args=('a', 'b'), kwargs={{}}: {where}: too many positional arguments; {hint}"),
            (["a"], {"loudd": 1}, f"args=('a',), kwargs={{'loudd': 1}}: {where}: got an unexpected keyword argument 'loudd'; {hint}"),
            (["a"], {"name": 1}, f"args=('a',), kwargs={{'name': 1}}: {where}: multiple values for argument 'name'; {hint}"),
        ]
        for args, kwargs, expected in table:
            with self.subTest(args=args, kwargs=kwargs):
                self.assertEqual(complaint(self.scheduler.add_job, report, args=args, kwargs=kwargs), f"TypeError: {expected}")
                job = self.scheduler.add_job(report, args=["fits"])
                self.assertEqual(complaint(self.scheduler.update_job, job.id, args=args, kwargs=kwargs), f"TypeError: {expected}")
                self.assertEqual((job.args, job.kwargs), (("fits",), {}))
        self.assertEqual(len(self.scheduler.get_jobs()), len(table))

    async def test_fit_where_the_function_takes_any(self):
        job = self.scheduler.add_job(lambda *args, **kwargs: None, args=(number for number in range(3)), kwargs={"a": 1})
        self.assertEqual((job.args, job.kwargs), ((0, 1, 2), {"a": 1}))


class TestOptions(VirtualTimeTestCase):
    async def test_that_make_no_sense_are_refused(self):
        table = [
            ({"id": ""}, "TypeError: id='': not an id; give a string that is not empty, or nothing for a random one"),
            ({"id": 5}, "TypeError: id=5: not an id; give a string that is not empty, or nothing for a random one"),
            ({"name": 5}, "TypeError: name=5: not a name; give a string that is not empty"),
            ({"args": 5}, "TypeError: args=5: not a list of arguments; write args=[5]"),
            ({"args": "ab"}, "TypeError: args='ab': not a list of arguments; write args=['ab']"),
            ({"kwargs": [1]}, "TypeError: kwargs=[1]: not a dictionary with names as keys; write kwargs={'name': value}"),
            ({"kwargs": {1: 2}}, "TypeError: kwargs={1: 2}: not a dictionary with names as keys; write kwargs={'name': value}"),
            ({"coalesce": 1}, "TypeError: coalesce=1: not True or False"),
            ({"max_instances": 0}, "ValueError: max_instances=0: not a whole number from 1"),
            ({"max_instances": True}, "ValueError: max_instances=True: not a whole number from 1"),
            ({"max_instances": "3"}, "ValueError: max_instances='3': not a whole number from 1"),
            ({"mistrigger_grace_time": 0}, "ValueError: mistrigger_grace_time=0: not a number of seconds above 0; give None for however late"),
            (
                {"mistrigger_grace_time": -1},
                "ValueError: mistrigger_grace_time=-1: not a number of seconds above 0; give None for however late",
            ),
            (
                {"mistrigger_grace_time": float("nan")},
                "ValueError: mistrigger_grace_time=nan: not a number of seconds above 0; give None for however late",
            ),
            ({"executor": None}, "TypeError: alias=None: not an alias; give a string such as 'default'"),
            ({"store": 7}, "TypeError: alias=7: not an alias; give a string such as 'default'"),
            ({"replace_existing": "yes"}, "TypeError: replace_existing='yes': not True or False"),
        ]
        for options, expected in table:
            with self.subTest(options):
                self.assertEqual(complaint(self.scheduler.add_job, nothing, **options), expected)
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_that_are_falsy_but_no_arguments_are_refused(self):
        for options in ({"args": ""}, {"args": 0}, {"args": False}, {"kwargs": 0}, {"kwargs": ""}):
            with self.subTest(options):
                self.assertRegex(complaint(self.scheduler.add_job, nothing, **options), "^TypeError: (kw)?args=.*: not a ")

    async def test_of_next_run_time_are_times(self):
        for value in (5, "tomorrow", object, "2026-13-01"):
            with self.subTest(value=value):
                self.assertRegex(
                    complaint(self.scheduler.add_job, nothing, next_run_time=value),
                    f"^(Type|Value)Error: next_run_time={re.escape(repr(value))}: ",
                )

    async def test_may_be_given_as_they_are_kept(self):
        job = self.scheduler.add_job(nothing, mistrigger_grace_time=timedelta(minutes=1), max_instances=3, coalesce=False, name="n", id="i")
        kept = (job.mistrigger_grace_time, job.max_instances, job.coalesce, job.name, job.id, job.store_alias, job.executor, job.pending)
        self.assertEqual(kept, (60.0, 3, False, "n", "i", "default", "default", True))

    async def test_that_do_not_exist_are_answered_with_the_nearest(self):
        table = [
            ("interval", {"minute": 5}, "minute: add_job with the trigger 'interval' has no such argument; did you mean 'minutes'?"),
            ("cron", {"hours": 5}, "hours: add_job with the trigger 'cron' has no such argument; did you mean 'hour'?"),
            ("date", {"max_instance": 5}, "max_instance: add_job with the trigger 'date' has no such argument; did you mean 'max_instances'?"),
            ("date", {"zzzzzz": 5}, "zzzzzz: add_job with the trigger 'date' has no such argument"),
            (None, {"seconds": 5}, "seconds: an argument of the trigger interval; write trigger='interval'"),
            (None, {"jitter": 5}, "jitter: an argument of the trigger interval and cron; write trigger='interval'"),
            (asyncz.IntervalTrigger(minutes=1), {"minutes": 5}, "minutes: add_job with a trigger instance has no such argument"),
        ]
        for trigger, options, expected in table:
            with self.subTest(trigger=str(trigger), options=options):
                said = complaint(self.scheduler.add_job, nothing, trigger, **options)
                self.assertEqual(said[: len(expected) + 11], f"TypeError: {expected}")

    async def test_by_the_names_of_apscheduler_are_answered_with_ours(self):
        add = self.scheduler.add_job
        table = [
            (lambda: add(func=nothing), "func: add_job has no such argument; here it is called 'fn'"),
            (
                lambda: add(nothing, misfire_grace_time=5),
                "misfire_grace_time: add_job with the trigger 'date' has no such argument; here it is called 'mistrigger_grace_time'",
            ),
            (
                lambda: add(nothing, jobstore="default"),
                "jobstore: add_job with the trigger 'date' has no such argument; here it is called 'store'",
            ),
            (
                lambda: add(nothing, "date", run_date="2027-01-01"),
                "run_date: add_job with the trigger 'date' has no such argument; here it is called 'run_at'",
            ),
            (
                lambda: add(nothing, "cron", start_date="2027-01-01"),
                "start_date: add_job with the trigger 'cron' has no such argument; here it is called 'start_at'",
            ),
            (
                lambda: add(nothing, "interval", hours=1, end_date="2027-01-01"),
                "end_date: add_job with the trigger 'interval' has no such argument; here it is called 'end_at'",
            ),
            (
                lambda: self.scheduler.update_job(add(nothing).id, misfire_grace_time=5),
                "misfire_grace_time: update_job has no such argument; here it is called 'mistrigger_grace_time'",
            ),
            (lambda: add(), "add_job: fn is missing; give the function as the first argument"),
        ]
        for call, expected in table:
            with self.subTest(expected):
                self.assertEqual(complaint(call), f"TypeError: {expected}")


class TestTriggerOfAJob(VirtualTimeTestCase):
    async def test_is_given_by_name_by_instance_or_not_at_all(self):
        table = [
            ((None, {}), "date[now]", "2026-01-01 00:00:00+00:00"),
            (("date", {"run_at": "2026-02-01 03:00"}), "date[2026-02-01 03:00:00 UTC]", "2026-02-01 03:00:00+00:00"),
            (("interval", {"minutes": 2}), "interval[0:02:00]", "2026-01-01 00:02:00+00:00"),
            (("cron", {"hour": 8}), "cron[hour='8']", "2026-01-01 08:00:00+00:00"),
            ((asyncz.CronTrigger(hour=9), {}), "cron[hour='9']", "2026-01-01 09:00:00+00:00"),
            ((asyncz.CronTrigger.from_crontab("0 7 * * *", timezone="Asia/Tokyo"), {}), None, "2026-01-02 07:00:00+09:00"),
        ]
        for (trigger, options), shown, following in table:
            with self.subTest(following):
                job = self.scheduler.add_job(nothing, trigger, **options)
                self.assertEqual((shown and str(job.trigger), str(job.next_run_time)), (shown, following))

    async def test_without_one_may_have_the_time_of_a_date(self):
        self.assertEqual(str(self.scheduler.add_job(nothing, run_at="2026-05-01").next_run_time), "2026-05-01 00:00:00+00:00")

    async def test_that_does_not_exist_is_refused(self):
        kinds = "give an instance, or one of 'cron', 'date', 'interval'"
        table = {
            "intervall": f"ValueError: trigger='intervall': not a trigger; {kinds}; did you mean 'interval'?",
            "weekly": f"ValueError: trigger='weekly': not a trigger; {kinds}",
            5: f"TypeError: trigger=5: not a trigger; {kinds}",
            asyncz.CronTrigger: f"TypeError: trigger={asyncz.CronTrigger!r}: not a trigger; {kinds}",
        }
        for trigger, expected in table.items():
            with self.subTest(trigger=trigger):
                self.assertEqual(complaint(self.scheduler.add_job, nothing, trigger), expected)


class TestNextRunTime(VirtualTimeTestCase):
    async def test_is_what_was_given(self):
        table = [
            (None, "None"),
            (datetime(2026, 3, 1, 12), "2026-03-01 12:00:00+00:00"),
            (at("2026-03-01 12:00"), "2026-03-01 12:00:00+00:00"),
            ("2026-03-01T12:00:00+02:00", "2026-03-01 10:00:00+00:00"),
            ("2026-03-01", "2026-03-01 00:00:00+00:00"),
            (date(2026, 3, 1), "2026-03-01 00:00:00+00:00"),
            ("now", "2026-01-01 00:00:00+00:00"),
            (asyncz.UNSET, "2026-01-01 00:01:00+00:00"),
        ]
        for running in (False, True):
            if running:
                self.scheduler.start(paused=True)
            for given, expected in table:
                with self.subTest(given=given, running=running):
                    job = self.scheduler.add_job(nothing, "interval", minutes=1, next_run_time=given)
                    self.assertEqual(str(job.next_run_time), expected)
                    self.assertEqual(str(self.scheduler.update_job(job.id, next_run_time=given).next_run_time), expected)

    async def test_is_in_the_zone_of_the_trigger_where_naive(self):
        job = self.scheduler.add_job(nothing, "cron", hour=1, timezone="Asia/Tokyo", next_run_time="2026-03-01 12:00")
        self.assertEqual(str(job.next_run_time), "2026-03-01 12:00:00+09:00")

    async def test_now_runs_at_once_and_then_by_the_trigger(self):
        runs = []
        self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=10, next_run_time="now")
        self.scheduler.add_job(lambda: runs.append("first " + self.now()), "cron", hour="*", next_run_time="2026-01-01 00:05")
        self.scheduler.start()
        await asyncio.sleep(3601)
        expected = ["00:00:00", "first 00:05:00", "00:10:00", "00:20:00", "00:30:00", "00:40:00", "00:50:00", "01:00:00", "first 01:00:00"]
        self.assertEqual(sorted(runs), sorted(expected))

    async def test_none_adds_it_paused(self):
        runs = []
        job = self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=1, next_run_time=None)
        self.scheduler.start()
        await asyncio.sleep(600)
        self.assertEqual((runs, job.next_run_time), ([], None))
        job.resume()
        await asyncio.sleep(61)
        self.assertEqual(runs, ["00:11:00"])


class TestIds(VirtualTimeTestCase):
    async def test_are_random_where_not_given(self):
        ids = {self.scheduler.add_job(nothing).id for _ in range(20)}
        self.assertEqual((len(ids), {type(id) for id in ids}), (20, {str}))

    async def test_that_exist_are_a_conflict_and_leave_the_first_as_it_was(self):
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    self.scheduler.start()
                else:
                    self.scheduler.add_job(nothing, "cron", hour=5, id="a")
                expected = "ConflictIdError: id='a': there is a job with that id in store 'default'; give another id, or replace_existing=True"
                self.assertEqual(complaint(self.scheduler.add_job, nothing, "cron", hour=6, id="a"), expected)
                with self.assertRaises(KeyError):
                    self.scheduler.add_job(nothing, id="a")
                self.assertEqual([str(job.trigger) for job in self.scheduler.get_jobs()], ["cron[hour='5']"])

    async def test_may_be_the_same_in_two_stores(self):
        self.scheduler.add_store("memory", "other")
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    self.scheduler.start()
                else:
                    self.scheduler.add_job(nothing, "cron", hour=5, id="a", name="first")
                    self.scheduler.add_job(nothing, "cron", hour=5, id="a", name="second", store="other")
                self.assertEqual(self.scheduler.get_job("a", "other").name, "second")
                self.assertEqual(self.scheduler.get_job("a", "default").name, "first")
                self.assertEqual([job.name for job in self.scheduler.get_jobs("other")], ["second"])


class TestReplaceExisting(VirtualTimeTestCase):
    def replaced(self, running, trigger, change=lambda job: None, **options):
        """Add a job, wait a while, add it again; return what is there then."""
        scheduler = self.make_scheduler()
        if running:
            scheduler.start(paused=True)
        job = scheduler.add_job(nothing, "interval", minutes=10, id="a", name="old", args=[])
        change(job)
        self.step_clock(60)
        scheduler.add_job(double, trigger, args=[1], id="a", name="new", replace_existing=True, **options)
        if not running:
            scheduler.start(paused=True)
        found = scheduler.get_jobs()
        return [(job.name, job.fn, job.args, job.next_run_time and f"{job.next_run_time:%H:%M:%S}") for job in found]

    async def test_keeps_the_next_run_time_with_the_same_trigger(self):
        self.assertEqual(self.replaced(True, "interval", minutes=10), [("new", double, (1,), "00:10:00")])

    async def test_computes_it_with_another_trigger(self):
        for running in (True, False):
            with self.subTest(running=running):
                self.assertEqual(self.replaced(running, "cron", minute=30)[0][3], "00:30:00")

    async def test_sets_it_where_it_is_given(self):
        for running in (True, False):
            with self.subTest(running=running):
                again = self.replaced(running, "interval", minutes=10, next_run_time="2026-01-01 05:00")
                self.assertEqual(again[0][3], "05:00:00")
                self.assertEqual(self.replaced(running, "interval", minutes=10, next_run_time=None)[0][3], None)

    async def test_does_not_resume_a_paused_job(self):
        self.assertEqual(self.replaced(True, "interval", asyncz.Job.pause, minutes=10), [("new", double, (1,), None)])

    async def test_runs_what_fell_into_the_down_time(self):
        runs = []
        for _ in range(2):
            self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=10, id="a", replace_existing=True)
            self.scheduler.start()
            await asyncio.sleep(601)
            await self.scheduler.shutdown()
            await asyncio.sleep(25 * 60)
        self.assertEqual(runs, ["00:10:00", "00:35:01", "00:40:00"])

    async def test_adds_it_where_there_is_none(self):
        self.scheduler.start(paused=True)
        job = self.scheduler.add_job(nothing, "interval", minutes=10, id="new", replace_existing=True)
        self.assertEqual((self.scheduler.get_jobs(), str(job.next_run_time)), ([job], "2026-01-01 00:10:00+00:00"))


class TestAScheduleThatIsOver(VirtualTimeTestCase):
    async def test_is_not_kept_and_said_in_the_log(self):
        for running in (True, False):
            with self.subTest(running=running), self.assertLogs("asyncz", "WARNING") as logs:
                scheduler = self.make_scheduler()
                if running:
                    scheduler.start()
                job = scheduler.add_job(nothing, "interval", minutes=1, start_at="2025-01-01", end_at="2025-02-01", id="a")
                if not running:
                    scheduler.start()
                self.assertEqual((job.next_run_time, scheduler.get_jobs()), (None, []))
                self.assertEqual(
                    [record.getMessage() for record in logs.records],
                    ["job 'a' in store 'default': its schedule interval[0:01:00] is over, it is removed"],
                )

    async def test_ends_after_its_last_run_with_the_job_removed(self):
        events = []
        self.scheduler.add_listener(lambda event: events.append((code_name(event.code), self.now())), asyncz.JOB_REMOVED | asyncz.JOB_EXECUTED)
        self.scheduler.add_job(nothing, "interval", minutes=1, end_at="2026-01-01 00:02:30")
        self.scheduler.start()
        await asyncio.sleep(600)
        self.assertEqual(events, [("JOB_EXECUTED", "00:01:00"), ("JOB_REMOVED", "00:02:00"), ("JOB_EXECUTED", "00:02:00")])
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_runs_late_where_it_is_a_date_that_has_passed(self):
        runs = []
        self.scheduler.add_job(lambda: runs.append(self.now()), "date", run_at="2025-06-01")
        self.scheduler.start()
        await asyncio.sleep(1)
        self.assertEqual((runs, self.scheduler.get_jobs()), (["00:00:00"], []))


class TestScheduledJob(VirtualTimeTestCase):
    async def test_returns_the_function_and_names_the_job_after_it(self):
        decorated = self.scheduler.scheduled_job("interval", minutes=5)(double_soon_alone)
        self.assertIs(decorated, double_soon_alone)
        self.assertEqual([job.id for job in self.scheduler.get_jobs()], [f"{__name__}:double_soon_alone"])

    async def test_twice_on_a_function_adds_two_jobs(self):
        @self.scheduler.scheduled_job("cron", hour=8)
        @self.scheduler.scheduled_job("cron", hour=20)
        @self.scheduler.scheduled_job("cron", hour=21, id="mine")
        async def report():
            pass

        name = f"{__name__}:TestScheduledJob.test_twice_on_a_function_adds_two_jobs.<locals>.report"
        jobs = {job.id: str(job.trigger) for job in self.scheduler.get_jobs()}
        self.assertEqual(jobs, {name: "cron[hour='20']", f"{name}#2": "cron[hour='8']", "mine": "cron[hour='21']"})

    async def test_of_a_module_that_is_loaded_again_replaces(self):
        source = "@s.scheduled_job('interval', minutes=5)\n@s.scheduled_job('interval', minutes={0})\ndef tick(): return {0}\n"
        for running in (False, True):
            with self.subTest(running=running):
                scheduler = self.make_scheduler()
                if running:
                    scheduler.start(paused=True)
                module = types.ModuleType("fake_module")
                module.s = scheduler
                for minutes in (1, 2):
                    exec(source.format(minutes), module.__dict__)
                jobs = sorted((job.id, job.fn(), str(job.trigger)) for job in scheduler.get_jobs())
                expected = [("fake_module:tick", 2, "interval[0:02:00]"), ("fake_module:tick#2", 2, "interval[0:05:00]")]
                self.assertEqual(jobs, expected)

    async def test_takes_the_options_of_add_job(self):
        self.scheduler.scheduled_job("interval", minutes=5, args=[1], name="n", max_instances=2, next_run_time=None)(double)
        job = self.scheduler.get_jobs()[0]
        self.assertEqual((job.name, job.args, job.max_instances, job.next_run_time), ("n", (1,), 2, None))

    async def test_says_how_to_write_it(self):
        scheduled = self.scheduler.scheduled_job
        table = [
            (
                lambda: scheduled(double),
                "TypeError: scheduled_job: used without parentheses; write @scheduler.scheduled_job('interval', minutes=5)",
            ),
            (lambda: scheduled("cron", replace_existing=True), "TypeError: scheduled_job: replace_existing is always True here; leave it out"),
            (lambda: scheduled("interval", minute=5)(nothing), None),
            (
                lambda: scheduled("interval", minutes=5)(5),
                "TypeError: fn=5: not callable; give a function, or a reference such as 'package.module:function'",
            ),
        ]
        for call, expected in table:
            with self.subTest(expected):
                self.assertEqual(
                    complaint(call),
                    expected or "TypeError: minute: add_job with the trigger 'interval' has no such argument; did you mean 'minutes'?",
                )


async def double_soon_alone():
    pass


# --- Changing jobs ---


def described(job):
    """Return what two equal jobs have in common."""
    if job is None:
        return None
    options = (job.coalesce, job.max_instances, job.mistrigger_grace_time, job.executor, job.store_alias)
    return (job.id, job.name, job.fn.__name__, job.args, job.kwargs, str(job.trigger), str(job.next_run_time), options)


def prepare(scheduler):
    """Add one job of every kind."""
    scheduler.add_job(nothing, "interval", minutes=1, id="tick", name="tick")
    scheduler.add_job(double, "cron", hour=12, id="noon", name="noon", args=[1])
    scheduler.add_job(nothing, "date", run_at="2026-01-01 01:00", id="once", name="once")
    scheduler.add_job(nothing, "interval", minutes=2, id="idle", name="idle", next_run_time=None)
    scheduler.add_job(nothing, "date", run_at="2025-01-01", id="past", name="past", next_run_time=None)
    scheduler.add_job(nothing, "interval", minutes=1, end_at="2026-01-01 00:30", id="ends", name="ends", next_run_time=None)


class TestBeforeTheStart(VirtualTimeTestCase):
    OPERATIONS = {
        "add": lambda s: s.add_job(nothing, "interval", minutes=1, id="new"),
        "add at a time": lambda s: s.add_job(nothing, "interval", minutes=1, id="new", next_run_time="2026-01-05"),
        "add now": lambda s: s.add_job(nothing, "interval", minutes=1, id="new", next_run_time="now"),
        "add paused": lambda s: s.add_job(nothing, "interval", minutes=1, id="new", next_run_time=None),
        "add what is over": lambda s: described(s.add_job(nothing, "interval", minutes=1, end_at="2025-01-01", id="new")),
        "add an id that is there": lambda s: s.add_job(nothing, id="tick"),
        "replace": lambda s: s.add_job(double, "cron", minute=5, args=[1], id="tick", replace_existing=True),
        "update options": lambda s: s.update_job("tick", name="other", coalesce=False, max_instances=4, mistrigger_grace_time=5, kwargs={}),
        "update the function": lambda s: s.update_job("tick", fn=double, args=[5]),
        "update arguments alone": lambda s: s.update_job("noon", args=[7]),
        "update arguments that do not fit": lambda s: s.update_job("noon", args=[7, 8]),
        "update the function, its arguments do not fit": lambda s: s.update_job("noon", fn=nothing),
        "update the trigger": lambda s: s.update_job("tick", trigger=asyncz.CronTrigger(minute=7)),
        "update the trigger by name": lambda s: s.update_job("tick", trigger="date"),
        "update the trigger of a paused job": lambda s: s.update_job("idle", trigger=asyncz.CronTrigger(minute=7)),
        "update the next run time": lambda s: s.update_job("tick", next_run_time="2026-01-03 04:05"),
        "update the next run time to none": lambda s: s.update_job("tick", next_run_time=None),
        "update trigger and next run time": lambda s: s.update_job("idle", trigger=asyncz.CronTrigger(minute=7), next_run_time="now"),
        "update the id": lambda s: s.update_job("tick", id="tock"),
        "update the store": lambda s: s.update_job("tick", store_alias="other"),
        "update nothing": lambda s: s.update_job("tick"),
        "update an option that is not": lambda s: s.update_job("tick", colour="red"),
        "update to a wrong option": lambda s: s.update_job("tick", max_instances=0),
        "update a job that is not": lambda s: s.update_job("tock", name="x"),
        "reschedule": lambda s: s.reschedule_job("tick", trigger="cron", hour=3),
        "reschedule by an instance": lambda s: s.reschedule_job("tick", None, asyncz.IntervalTrigger(hours=1)),
        "reschedule a paused job": lambda s: s.reschedule_job("idle", trigger="cron", hour=3),
        "reschedule wrongly": lambda s: s.reschedule_job("tick", trigger="interval", minute=3),
        "reschedule to an end": lambda s: s.reschedule_job("tick", trigger="interval", minutes=3, end_at="2025-01-01"),
        "reschedule a job that is not": lambda s: s.reschedule_job("tock", trigger="interval", minutes=3),
        "pause": lambda s: s.pause_job("tick"),
        "pause twice": lambda s: (s.pause_job("tick"), s.pause_job("tick"))[1],
        "pause a paused job": lambda s: s.pause_job("idle"),
        "pause a job that is not": lambda s: s.pause_job("nooon"),
        "resume": lambda s: s.resume_job("idle"),
        "resume a running job": lambda s: s.resume_job("tick"),
        "resume a one-off whose time has passed": lambda s: s.resume_job("past"),
        "resume before the end": lambda s: s.resume_job("ends"),
        "resume a job that is not": lambda s: s.resume_job("idel"),
        "delete": lambda s: s.delete_job("tick"),
        "delete a paused job": lambda s: s.delete_job("idle"),
        "delete twice": lambda s: (s.delete_job("tick"), s.delete_job("tick")),
        "delete a job that is not": lambda s: s.delete_job("zzz"),
        "delete in a store that is not": lambda s: s.delete_job("tick", "elsewhere"),
        "remove all": lambda s: s.remove_all_jobs(),
        "remove all of one store": lambda s: s.remove_all_jobs("default"),
        "remove all of a store that is not": lambda s: s.remove_all_jobs("elsewhere"),
        "get": lambda s: s.get_job("tick"),
        "get in its store": lambda s: s.get_job("tick", "default"),
        "get a job that is not": lambda s: s.get_job("tock"),
        "get in a store that is not": lambda s: s.get_job("tick", "elsewhere"),
        "upcoming": lambda s: [(str(moment), job.id) for moment, job in s.upcoming(5)],
        "upcoming until": lambda s: [(str(moment), job.id) for moment, job in s.upcoming(None, "2026-01-01 00:03")],
        "upcoming without an end": lambda s: s.upcoming(None),
        "a job's update": lambda s: s.get_job("tick").update(name="x"),
        "a job's reschedule": lambda s: s.get_job("tick").reschedule("cron", hour=3),
        "a job's pause": lambda s: s.get_job("tick").pause(),
        "a job's resume": lambda s: s.get_job("idle").resume(),
        "a one-off job's resume": lambda s: s.get_job("past").resume(),
        "a job's delete": lambda s: s.get_job("tick").delete(),
    }

    async def test_everything_is_as_after_it(self):
        for name, operation in self.OPERATIONS.items():
            with self.subTest(name):
                results = []
                for running in (False, True):
                    self.clock._start_us = asyncz._to_us(at(self.START)) - round(self.clock._elapsed * 1_000_000)
                    scheduler = self.make_scheduler()
                    codes = []
                    prepare(scheduler)
                    if running:
                        scheduler.start(paused=True)
                    self.step_clock(10)
                    scheduler.add_listener(lambda event, codes=codes: codes.append(code_name(event.code)))
                    try:
                        result = operation(scheduler)
                    except Exception as error:
                        result = f"{type(error).__name__}: {error}"
                    if isinstance(result, asyncz.Job):
                        self.assertEqual(result.pending, not running)
                        result = described(result)
                    jobs = [described(job) for job in scheduler.get_jobs()]
                    results.append((result, jobs))
                self.assertEqual(results[0], results[1])

    async def test_it_does_not_depend_on_the_time_of_the_start(self):
        prepare(self.scheduler)
        self.scheduler.get_job("tick").pause()
        self.scheduler.get_job("noon").reschedule("cron", hour=13)
        self.scheduler.get_job("once").update(next_run_time="2026-01-01 02:00")
        self.scheduler.delete_job("idle")
        self.step_clock(30)
        self.scheduler.start(paused=True)
        left = [(job.id, str(job.next_run_time)[11:19]) for job in self.scheduler.get_jobs()]
        self.assertEqual(left, [("once", "02:00:00"), ("noon", "13:00:00"), ("tick", ""), ("past", ""), ("ends", "")])

    async def test_a_job_resumed_runs_by_its_trigger(self):
        runs = []
        job = self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=1, next_run_time=None)
        job.resume()
        self.scheduler.start()
        await asyncio.sleep(121)
        self.assertEqual(runs, ["00:01:00", "00:02:00"])


class TestUpdateJob(VirtualTimeTestCase):
    async def test_shows_in_the_job_that_is_held(self):
        self.scheduler.start(paused=True)
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1])
        changed = self.scheduler.update_job(
            job.id, fn=double_soon, name="new", args=[2], coalesce=False, max_instances=3, mistrigger_grace_time=9
        )
        self.assertIs(changed, job)
        self.assertEqual((job.fn, job.name, job.args, job.coalesce), (double_soon, "new", (2,), False))
        self.assertEqual((job.max_instances, job.mistrigger_grace_time, str(job.next_run_time)), (3, 9, "2026-01-01 00:01:00+00:00"))

    async def test_leaves_a_run_in_progress_as_it_is(self):
        async def job(value):
            await asyncio.sleep(50)
            values.append(value)

        values = []
        self.scheduler.add_job(job, "interval", minutes=1, args=["old"], id="a")
        self.scheduler.start()
        await asyncio.sleep(61)
        self.scheduler.update_job("a", args=["new"])
        await asyncio.sleep(110)
        self.assertEqual(values, ["old", "new"])

    async def test_changes_nothing_where_one_of_the_changes_is_wrong(self):
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1], id="a")
        said = complaint(self.scheduler.update_job, "a", name="new", max_instances=0)
        self.assertEqual((said, job.name), ("ValueError: max_instances=0: not a whole number from 1", "double"))

    async def test_of_the_executor_needs_one_that_is_there(self):
        self.scheduler.start(paused=True)
        self.scheduler.add_job(nothing, "interval", minutes=1, id="a")
        said = complaint(self.scheduler.update_job, "a", executor="defualt")
        self.assertEqual(said, "LookupError: executor='defualt': no such executor; did you mean 'default'?; there are 'default'")

    async def test_that_is_earlier_is_heard_at_once(self):
        runs = []
        self.scheduler.add_job(lambda: runs.append(self.now()), "cron", hour=12, id="a")
        self.scheduler.start()
        await asyncio.sleep(60)
        self.scheduler.update_job("a", next_run_time="2026-01-01 00:02")
        await asyncio.sleep(61)
        self.scheduler.reschedule_job("a", trigger="interval", minutes=1)
        await asyncio.sleep(61)
        self.assertEqual(runs, ["00:02:00", "00:03:01"])


class TestPauseJob(VirtualTimeTestCase):
    async def test_runs_nothing_until_it_is_resumed_on_the_same_grid(self):
        runs = []
        job = self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=10)
        self.scheduler.start()
        await asyncio.sleep(15 * 60)
        self.assertIs(job.pause(), job)
        self.assertIsNone(job.next_run_time)
        await asyncio.sleep(60 * 60)
        self.assertIs(job.resume(), job)
        self.assertEqual(str(job.next_run_time), "2026-01-01 01:20:00+00:00")
        await asyncio.sleep(16 * 60)
        self.assertEqual(runs, ["00:10:00", "01:20:00", "01:30:00"])

    async def test_of_a_one_off_whose_time_passed_ends_with_its_removal(self):
        events = []
        job = self.scheduler.add_job(nothing, "date", run_at="2026-01-01 00:10", id="once")
        self.scheduler.start()
        job.pause()
        await asyncio.sleep(3600)
        self.scheduler.add_listener(lambda event: events.append(code_name(event.code)))
        self.assertIsNone(self.scheduler.resume_job("once"))
        self.assertEqual((self.scheduler.get_job("once"), events), (None, ["JOB_REMOVED"]))

    async def test_of_a_one_off_whose_time_is_to_come_keeps_it(self):
        runs = []
        job = self.scheduler.add_job(lambda: runs.append(self.now()), "date", run_at="2026-01-01 00:10")
        self.scheduler.start()
        job.pause()
        await asyncio.sleep(60)
        job.resume()
        await asyncio.sleep(600)
        self.assertEqual(runs, ["00:10:00"])

    async def test_does_not_stop_a_run_in_progress(self):
        async def job():
            await asyncio.sleep(10)
            ended.append(self.now())

        ended = []
        self.scheduler.add_job(job, "interval", minutes=1, id="a")
        self.scheduler.start()
        await asyncio.sleep(61)
        self.scheduler.pause_job("a")
        await asyncio.sleep(61)
        self.assertEqual(ended, ["00:01:10"])


class TestDeleteJob(VirtualTimeTestCase):
    async def test_leaves_a_run_in_progress_and_starts_no_other(self):
        async def job():
            started.append(self.now())
            await asyncio.sleep(10)
            ended.append(self.now())

        started, ended = [], []
        job = self.scheduler.add_job(job, "interval", minutes=1)
        self.scheduler.start()
        await asyncio.sleep(61)
        self.assertIsNone(job.delete())
        await asyncio.sleep(300)
        self.assertEqual((started, ended), (["00:01:00"], ["00:01:10"]))

    async def test_makes_every_verb_of_the_job_an_error(self):
        for running in (False, True):
            if running:
                self.scheduler.start()
            job = self.scheduler.add_job(nothing, "interval", minutes=1, id="tick")
            self.scheduler.add_job(nothing, "interval", minutes=1, id="tack")
            job.delete()
            for verb in (job.pause, job.resume, job.delete, job.update, lambda: job.reschedule("date")):
                with self.subTest(verb=verb, running=running):
                    expected = "JobLookupError: job_id='tick': no such job in store 'default'; did you mean 'tack'?"
                    self.assertEqual(complaint(verb), expected)
                    with self.assertRaises(LookupError):
                        verb()
            self.scheduler.remove_all_jobs()

    async def test_in_one_store_leaves_the_others(self):
        self.scheduler.add_store("memory", "other")
        self.scheduler.start(paused=True)
        for store in ("default", "other"):
            self.scheduler.add_job(nothing, "interval", minutes=1, id="a", store=store)
            self.scheduler.add_job(nothing, "interval", minutes=2, id="b", store=store)
        self.scheduler.delete_job("a", "other")
        self.scheduler.remove_all_jobs("default")
        self.assertEqual([(job.id, job.store_alias) for job in self.scheduler.get_jobs()], [("b", "other")])
        said = complaint(self.scheduler.get_jobs, "othre")
        self.assertEqual(said, "LookupError: store='othre': no such store; did you mean 'other'?; there are 'default', 'other'")


class TestListsOfJobs(VirtualTimeTestCase):
    async def test_are_by_next_run_time_with_the_paused_last(self):
        for running in (False, True):
            with self.subTest(running=running):
                scheduler = self.make_scheduler()
                prepare(scheduler)
                if running:
                    scheduler.start(paused=True)
                self.assertEqual([job.id for job in scheduler.get_jobs()], ["tick", "once", "noon", "idle", "past", "ends"])

    async def test_of_coming_runs_are_merged(self):
        self.scheduler.add_job(nothing, "interval", minutes=20, id="a")
        self.scheduler.add_job(nothing, "cron", minute=30, id="b")
        self.scheduler.add_job(nothing, "date", run_at="2026-01-01 00:25", id="c")
        self.scheduler.add_job(nothing, "cron", minute=1, id="d", next_run_time=None)
        shown = [f"{job.id} {moment:%H:%M}" for moment, job in self.scheduler.upcoming(6)]
        self.assertEqual(shown, ["a 00:20", "c 00:25", "b 00:30", "a 00:40", "a 01:00", "a 01:20"])
        shown = [f"{job.id} {moment:%H:%M}" for moment, job in self.scheduler.upcoming(None, until="2026-01-01 00:30")]
        self.assertEqual(shown, ["a 00:20", "c 00:25", "b 00:30"])
        self.assertEqual((len(self.scheduler.upcoming()), self.scheduler.upcoming(0)), (10, []))

    async def test_show_as_tables_that_are_escaped(self):
        self.scheduler.add_job(nothing, "interval", minutes=1, id="<b>&", name="<script>alert('x')</script>")
        for shown in (self.scheduler.get_jobs()._repr_html_(), self.scheduler._repr_html_()):
            self.assertIn("<td>&lt;b&gt;&amp;</td><td>&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;</td>", shown)
            self.assertNotIn("<script>", shown)
        self.assertIn("AsyncIOScheduler: stopped, 1 job, next run: 2026-01-01 00:01:00 UTC", self.scheduler._repr_html_())


class TestDisplay(VirtualTimeTestCase):
    async def test_of_a_job_says_what_and_when(self):
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1], id="a")
        self.assertEqual(str(job), "double (interval[0:01:00], next run: 2026-01-01 00:01:00 UTC)")
        self.assertEqual(repr(job), "<Job 'a' interval[0:01:00] next run: 2026-01-01 00:01:00 UTC>")
        job.pause()
        self.assertEqual(
            (str(job), repr(job)), ("double (interval[0:01:00], next run: paused)", "<Job 'a' interval[0:01:00] next run: paused>")
        )

    async def test_of_a_scheduler_is_one_line(self):
        lines = [str(self.scheduler)]
        self.scheduler.start()
        self.scheduler.add_job(nothing, "interval", minutes=1)
        lines.append(str(self.scheduler))
        self.scheduler.add_job(nothing, "interval", minutes=1, next_run_time=None)
        self.scheduler.pause()
        lines.append(repr(self.scheduler))
        expected = [
            "AsyncIOScheduler: stopped, 0 jobs, next run: none",
            "AsyncIOScheduler: running, 1 job, next run: 2026-01-01 00:01:00 UTC",
            "<AsyncIOScheduler: paused, 2 jobs, next run: 2026-01-01 00:01:00 UTC>",
        ]
        self.assertEqual(lines, expected)


class TestRunJob(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.scheduler.start()

    async def result(self, job):
        return await asyncio.wrap_future(self.scheduler.run_job(job.id))

    async def test_gives_the_result_and_leaves_the_schedule(self):
        for kind, job in {
            "coroutine": self.scheduler.add_job(double_soon, "interval", hours=1, args=[2]),
            "plain": self.scheduler.add_job(double, "interval", hours=1, args=[2]),
            "paused": self.scheduler.add_job(double, "interval", hours=1, args=[2], next_run_time=None),
            "one-off": self.scheduler.add_job(double, "date", run_at="2026-02-01", args=[2]),
        }.items():
            with self.subTest(kind):
                before = job.next_run_time
                self.assertEqual(await self.result(job), 4)
                self.assertEqual((job.next_run_time, self.scheduler.get_job(job.id)), (before, job))

    async def test_raises_what_the_job_raises(self):
        def fail():
            raise ZeroDivisionError("on purpose")

        async def fail_soon():
            raise ZeroDivisionError("on purpose")

        for fn in (fail, fail_soon):
            with self.assertLogs("asyncz", "ERROR"), self.assertRaisesRegex(ZeroDivisionError, "^on purpose$"):
                await self.result(self.scheduler.add_job(fn, next_run_time=None))

    async def test_raises_where_as_many_run_as_may(self):
        async def slow():
            await asyncio.sleep(10)
            return "done"

        job = self.scheduler.add_job(slow, "interval", hours=1, id="a", max_instances=2)
        first, second, third = (self.scheduler.run_job("a") for _ in range(3))
        with self.assertRaises(asyncz.MaximumInstancesError) as caught:
            await asyncio.wrap_future(third)
        self.assertEqual(str(caught.exception), "job 'a': max_instances=2 are running; wait for one to end, or allow more")
        self.assertEqual([await asyncio.wrap_future(future) for future in (first, second)], ["done", "done"])
        self.assertEqual(await self.result(job), "done")

    async def test_is_not_stopped_by_whoever_waits_for_it(self):
        ended = []

        async def slow():
            await asyncio.sleep(10)
            ended.append(self.now())
            return "done"

        job = self.scheduler.add_job(slow, "interval", hours=1)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.result(job), 1)
        await asyncio.sleep(10)
        self.assertEqual(ended, ["00:00:10"])
        self.assertEqual(await self.result(job), "done")

    async def test_reports_it_as_any_run(self):
        events = []
        self.scheduler.add_listener(
            lambda event: events.append((code_name(event.code), event.job_id)), asyncz.JOB_EXECUTED | asyncz.JOB_SUBMITTED
        )
        await self.result(self.scheduler.add_job(nothing, next_run_time=None, id="a"))
        self.assertEqual(events, [("JOB_SUBMITTED", "a"), ("JOB_EXECUTED", "a")])

    async def test_says_what_does_not_work(self):
        self.scheduler.add_job(nothing, next_run_time=None, id="tick")
        self.assertEqual(complaint(self.scheduler.run_job, "zzz"), "JobLookupError: job_id='zzz': no such job")
        self.assertEqual(complaint(self.scheduler.run_job, "tik"), "JobLookupError: job_id='tik': no such job; did you mean 'tick'?")
        stopped = self.make_scheduler()
        stopped.add_job(nothing, id="a")
        expected = "SchedulerNotRunningError: run_job: job 'a' can't run, the scheduler is stopped; start it first"
        self.assertEqual(complaint(stopped.run_job, "a"), expected)
        await self.scheduler.shutdown()
        self.assertEqual(complaint(self.scheduler.run_job, "tick"), expected.replace("'a'", "'tick'"))


# --- What was missed ---


class EverySecond(asyncz.BaseTrigger):
    """A user's trigger, that counts how often it is asked, and ends when told to."""

    def __init__(self):
        self.calls = 0
        self.is_over = False

    def get_next_trigger_time(self, previous_time, now):
        self.calls += 1
        if self.is_over:
            return None
        return (now if previous_time is None else previous_time) + timedelta(seconds=1)


class WrongTrigger(asyncz.BaseTrigger):
    """Every minute from its first run on, but wrong in one of several ways after it, until it is mended."""

    def __init__(self, way):
        self.way = way

    def get_next_trigger_time(self, previous_time, now):
        if previous_time is None:
            return now + timedelta(minutes=1)
        if self.way == "stuck":
            return previous_time
        if self.way == "back":
            return previous_time - timedelta(minutes=1)
        if self.way == "raises":
            raise RuntimeError("on purpose")
        if self.way == "naive":
            return previous_time.replace(tzinfo=None) + timedelta(minutes=1)
        if self.way == "text":
            return "soon"
        return previous_time + timedelta(minutes=1)


class TestMissedRuns(VirtualTimeTestCase):
    async def outcome(self, late, **options):
        """Let a job of every minute be due from 00:01 to 00:10, look at it `late` seconds after 00:10, and return what happened."""
        scheduler, events = self.make_scheduler(), []
        self.clock._start_us = asyncz._to_us(at(self.START)) - round(self.clock._elapsed * 1_000_000)
        scheduler.add_listener(
            lambda event: events.append(f"{code_name(event.code)[4:]} {event.scheduled_run_time:%M}"), asyncz.JOB_EXECUTED | asyncz.JOB_MISSED
        )
        scheduler.add_job(nothing, "interval", minutes=1, **options)
        scheduler.start(paused=True)
        await asyncio.sleep(600 + late)
        with contextlib.ExitStack() as stack:
            if "mistrigger_grace_time" in options:
                stack.enter_context(self.assertLogs("asyncz"))
            scheduler.resume()
            await asyncio.sleep(2)
        await scheduler.shutdown()
        return events

    async def test_are_one_or_all_within_the_grace_time(self):
        every = [f"EXECUTED {minute:02}" for minute in range(1, 11)]
        missed = [f"MISSED {minute:02}" for minute in range(1, 11)]
        table = [
            (5, {}, ["EXECUTED 10"]),
            (5, {"coalesce": True, "mistrigger_grace_time": 10}, ["EXECUTED 10"]),
            (5, {"coalesce": True, "mistrigger_grace_time": 5}, ["EXECUTED 10"]),
            (5, {"coalesce": True, "mistrigger_grace_time": 4.5}, ["MISSED 10"]),
            (5, {"coalesce": False}, every),
            (5, {"coalesce": False, "mistrigger_grace_time": 10_000}, every),
            (5, {"coalesce": False, "mistrigger_grace_time": 125}, missed[:7] + every[7:]),
            (5, {"coalesce": False, "mistrigger_grace_time": 4.5}, missed),
        ]
        for late, options, expected in table:
            with self.subTest(options):
                self.assertEqual(await self.outcome(late, **options), expected)

    async def test_are_told_of_one_by_one_up_to_a_hundred(self):
        for count in (100, 101):
            with self.subTest(count=count):
                scheduler, events = self.make_scheduler(), []
                scheduler.add_listener(lambda event, events=events: events.append(event.scheduled_run_time), asyncz.JOB_MISSED)
                start = asyncz._from_us(self.clock.now_us())
                scheduler.add_job(nothing, "interval", minutes=1, coalesce=False, mistrigger_grace_time=10, id="a")
                scheduler.start(paused=True)
                await asyncio.sleep(60 * count + 30)
                with self.assertLogs("asyncz", "WARNING") as logs:
                    scheduler.resume()
                    await asyncio.sleep(1)
                times = [start + timedelta(minutes=minute) for minute in range(1, count + 1)]
                self.assertEqual(events, times if count == 100 else times[-1:])
                if count > 100:
                    said = f"job 'a': all runs from {times[0]:%Y-%m-%d %H:%M:%S} UTC to {times[-1]:%Y-%m-%d %H:%M:%S} UTC were missed"
                    self.assertEqual(logs.records[0].getMessage(), said)

    async def test_without_coalescing_are_one_instance(self):
        async def job():
            runs.append(self.now())
            await asyncio.sleep(10)

        runs, submitted = [], []
        self.scheduler.add_listener(lambda event: submitted.append(len(event.scheduled_run_times)), asyncz.JOB_SUBMITTED)
        self.scheduler.add_job(job, "interval", minutes=1, coalesce=False, end_at="2026-01-01 00:03")
        self.scheduler.start(paused=True)
        await asyncio.sleep(190)
        self.scheduler.resume()
        await asyncio.sleep(60)
        self.assertEqual((runs, submitted), (["00:03:10", "00:03:20", "00:03:30"], [3]))

    async def test_that_become_too_late_while_others_run_are_jumped_over(self):
        async def job():
            await asyncio.sleep(100)

        events = []
        self.scheduler.add_listener(
            lambda event: events.append(f"{code_name(event.code)} {event.scheduled_run_time:%M}"), asyncz.JOB_EXECUTED | asyncz.JOB_MISSED
        )
        self.scheduler.add_job(job, "interval", minutes=1, coalesce=False, mistrigger_grace_time=200, end_at="2026-01-01 00:03")
        self.scheduler.start(paused=True)
        await asyncio.sleep(190)
        with self.assertLogs("asyncz", "WARNING"):
            self.scheduler.resume()
            await asyncio.sleep(600)
        self.assertEqual(events, ["JOB_EXECUTED 01", "JOB_EXECUTED 02", "JOB_MISSED 03"])


class TestAYearOfSeconds(VirtualTimeTestCase):
    YEAR = 365 * 24 * 3600

    async def pause_for_a_year(self, fn, trigger=None, **options):
        """Add a job of every second, and be paused for a year."""
        job = self.scheduler.add_job(fn, trigger or asyncz.IntervalTrigger(seconds=1), id="a", next_run_time="now", **options)
        self.scheduler.start(paused=True)
        await asyncio.sleep(self.YEAR)
        return job

    async def test_coalesced_is_one_run_found_in_few_steps(self):
        for trigger in (EverySecond(), asyncz.IntervalTrigger(seconds=1), asyncz.CronTrigger(second="*")):
            with self.subTest(str(trigger)):
                times = []
                self.scheduler = self.make_scheduler()
                self.scheduler.add_listener(lambda event, times=times: times.append(event.scheduled_run_time), asyncz.JOB_EXECUTED)
                await self.pause_for_a_year(nothing, trigger)
                calls, now = getattr(trigger, "calls", 0), asyncz._from_us(self.clock.now_us())
                began = time.perf_counter()
                self.scheduler.resume()
                await asyncio.sleep(0.5)
                self.assertLess(time.perf_counter() - began, 0.05)
                self.assertLessEqual(getattr(trigger, "calls", 0) - calls, 100)
                self.assertEqual(times, [now])
                await self.scheduler.shutdown()

    async def test_with_a_grace_time_is_a_minute_of_runs_and_one_miss(self):
        events = []
        self.scheduler.add_listener(lambda event: events.append(event.code), asyncz.JOB_EXECUTED | asyncz.JOB_MISSED)
        job = await self.pause_for_a_year(nothing, coalesce=False, mistrigger_grace_time=60)
        with self.assertLogs("asyncz", "WARNING") as logs:
            self.scheduler.resume()
            await asyncio.sleep(0.5)
        said = "job 'a': all runs from 2026-01-01 00:00:00 UTC to 2026-12-31 23:58:59 UTC were missed"
        self.assertEqual([record.getMessage() for record in logs.records][0], said)
        self.assertEqual((events.count(asyncz.JOB_EXECUTED), events.count(asyncz.JOB_MISSED)), (61, 1))
        self.assertEqual(str(job.next_run_time), "2027-01-01 00:00:01+00:00")

    async def walk(self, fn, heard, trigger):
        """Run a year without a grace time until `heard` is done; return by how much memory grew, and how long the loop was ever blocked."""
        import tracemalloc

        await self.pause_for_a_year(fn, trigger, coalesce=False)
        longest, before = 0.0, time.perf_counter()
        tracemalloc.start()
        try:
            self.scheduler.resume()
            while not heard.done():
                await asyncio.sleep(0)
                now = time.perf_counter()
                longest, before = max(longest, now - before), now
            return tracemalloc.get_traced_memory()[1], longest
        finally:
            tracemalloc.stop()
            trigger.is_over = True
            self.scheduler.delete_job("a")

    async def test_of_a_plain_function_is_walked_in_constant_memory(self):
        def job():
            nonlocal count
            count += 1
            if count == 3000:
                loop.call_soon_threadsafe(heard.set_result, None)

        count, loop = 0, asyncio.get_running_loop()
        heard, trigger = loop.create_future(), EverySecond()
        grown, longest = await self.walk(job, heard, trigger)
        self.assertLess(grown, 5_000_000)
        self.assertLess(longest, 0.25)  # 50 ms on a machine that does nothing else

    async def test_of_a_coroutine_function_that_never_waits_leaves_the_loop_to_others(self):
        async def job():
            nonlocal count
            count += 1
            if count == 3000 and not heard.done():
                heard.set_result(None)
            if count > 20_000:  # nobody else had a chance
                raise asyncio.CancelledError

        count = 0
        heard, trigger = asyncio.get_running_loop().create_future(), EverySecond()
        grown, longest = await self.walk(job, heard, trigger)
        self.assertLess(grown, 5_000_000)
        self.assertLess(longest, 0.25)
        self.assertLess(count, 20_000)

    async def test_ends_with_the_shutdown_after_the_run_in_progress(self):
        async def job():
            runs.append(1)
            await asyncio.sleep(1)

        for wait in (True, False):
            with self.subTest(wait=wait):
                runs, trigger = [], EverySecond()
                self.scheduler = self.make_scheduler()
                await self.pause_for_a_year(job, trigger, coalesce=False)
                self.scheduler.resume()
                await asyncio.sleep(9.5)
                try:
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(asyncio.ensure_future(self.wait_for_end(wait)), 30)
                    self.assertEqual((len(runs), self.scheduler.state.value), (10, "stopped"))
                finally:
                    trigger.is_over = True
                    await asyncio.sleep(2)
                    await self.scheduler.shutdown()

    async def wait_for_end(self, wait):
        await self.scheduler.shutdown(wait=wait)

    async def test_of_a_plain_function_ends_with_the_shutdown_too(self):
        def job():
            runs.append(1)
            if len(runs) == 100:
                loop.call_soon_threadsafe(heard.set)

        runs, heard, trigger, loop = [], asyncio.Event(), EverySecond(), asyncio.get_running_loop()
        await self.pause_for_a_year(job, trigger, coalesce=False)
        self.scheduler.resume()
        await heard.wait()
        try:
            await self.scheduler.shutdown(wait=False)
            count, deadline = len(runs), time.monotonic() + 0.2
            while time.monotonic() < deadline:
                await asyncio.sleep(0)
            self.assertLessEqual(len(runs), count + 1)  # the one that was in progress may be counted now
        finally:
            trigger.is_over = True

    async def test_cut_short_by_a_shutdown_goes_on_after_the_next_start(self):
        async def job():
            await asyncio.sleep(10)

        times = []
        self.scheduler.add_listener(lambda event: times.append(f"{event.scheduled_run_time:%M}"), asyncz.JOB_EXECUTED)
        self.scheduler.add_job(job, "interval", minutes=1, coalesce=False, end_at="2026-01-01 00:05:30")
        self.scheduler.start(paused=True)
        await asyncio.sleep(360)
        self.scheduler.resume()
        await asyncio.sleep(15)
        await self.scheduler.shutdown()
        before = list(times)
        self.scheduler.start()
        await asyncio.sleep(100)
        self.assertEqual((before, times), (["01", "02"], ["01", "02", "03", "04", "05"]))


class TestMaxInstances(VirtualTimeTestCase):
    async def test_are_never_more_and_the_schedule_moves_on(self):
        async def job():
            nonlocal running
            running += 1
            most.append(running)
            await asyncio.sleep(150)
            running -= 1

        for coalesce in (True, False):
            for limit, expected in (
                (1, ["SUBMITTED 1", "MAX_INSTANCES 2", "MAX_INSTANCES 3", "SUBMITTED 4"]),
                (2, ["SUBMITTED 1", "SUBMITTED 2", "MAX_INSTANCES 3", "SUBMITTED 4"]),
            ):
                with self.subTest(limit=limit, coalesce=coalesce):
                    running, most, events = 0, [], []
                    scheduler = self.make_scheduler()
                    start = asyncz._from_us(self.clock.now_us())

                    def hear(event, start=start, events=events):
                        events.append(f"{code_name(event.code)[4:]} {(event.scheduled_run_times[0] - start).seconds // 60}")

                    scheduler.add_listener(hear, asyncz.JOB_SUBMITTED | asyncz.JOB_MAX_INSTANCES)
                    held = scheduler.add_job(job, "interval", minutes=1, max_instances=limit, coalesce=coalesce, id="a")
                    scheduler.start()
                    with self.assertLogs("asyncz", "WARNING") as logs:
                        await asyncio.sleep(241)
                    self.assertEqual((events, max(most)), (expected, limit))
                    self.assertEqual(held.next_run_time, start + timedelta(minutes=5))
                    self.assertEqual(logs.records[0].getMessage(), f"job 'a' in store 'default' skipped: {limit} running already")
                    await scheduler.shutdown(wait=False)


class TestATriggerThatIsWrong(VirtualTimeTestCase):
    async def test_parks_its_job_reported_once_and_others_are_on_time(self):
        for way in ("stuck", "back", "raises", "naive", "text"):
            with self.subTest(way):
                self.clock._start_us = asyncz._to_us(at(self.START)) - round(self.clock._elapsed * 1_000_000)
                scheduler, runs, errors, trigger = self.make_scheduler(), [], [], WrongTrigger(way)
                scheduler.add_listener(lambda event, errors=errors: errors.append((event.job_id, self.now())), asyncz.JOB_ERROR)
                parked = scheduler.add_job(lambda runs=runs: runs.append(f"wrong {self.now()}"), trigger, id="wrong")
                scheduler.add_job(lambda runs=runs: runs.append(self.now()), "interval", seconds=40, id="right")
                scheduler.start()
                with self.assertLogs("asyncz", "ERROR") as logs:
                    await asyncio.sleep(161)
                self.assertEqual(runs, ["00:00:40", "00:01:20", "00:02:00", "00:02:40"])
                self.assertEqual((errors, len(logs.records), scheduler.get_job("wrong")), ([("wrong", "00:01:00")], 1, parked))
                self.assertRegex(
                    logs.records[0].getMessage(), "^job 'wrong' in store 'default' can't be run: .*; it is kept, and tried again every minute$"
                )
                self.assertIsNotNone(logs.records[0].exc_info)
                trigger.way = "mended"
                await asyncio.sleep(140)
                self.assertEqual([run for run in runs if "wrong" in run], ["wrong 00:03:00", "wrong 00:04:00", "wrong 00:05:00"])
                await scheduler.shutdown()

    async def test_costs_nothing_while_it_is_parked(self):
        calls = []

        class Counting(WrongTrigger):
            def get_next_trigger_time(self, previous_time, now):
                calls.append(now)
                return super().get_next_trigger_time(previous_time, now)

        self.scheduler.add_job(nothing, Counting("stuck"))
        self.scheduler.start()
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(3600 + 1)
        self.assertLess(len(calls), 130)

    async def test_is_told_to_whoever_adds_it(self):
        class Raising(asyncz.BaseTrigger):
            def get_next_trigger_time(self, previous_time, now):
                raise RuntimeError("on purpose")

        for running in (False, True):
            if running:
                self.scheduler.start()
            self.assertEqual(complaint(self.scheduler.add_job, nothing, Raising()), "RuntimeError: on purpose")
            self.assertEqual(self.scheduler.get_jobs(), [])


# --- Clocks that jump ---


class TestAClockThatJumps(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.clock.longest_sleep = asyncz.AsyncIOScheduler()._clock.longest_sleep  # to be found out, it has to be looked for
        self.runs, self.at = [], []
        self.scheduler.add_listener(lambda event: self.runs.append(f"{event.scheduled_run_time:%d %H:%M}"), asyncz.JOB_EXECUTED)

    async def test_forward_is_down_time(self):
        self.scheduler.add_job(nothing, "interval", minutes=10, id="coalesced")
        self.scheduler.start()
        await asyncio.sleep(60)
        self.step_clock(3600)
        await asyncio.sleep(5.1)
        self.assertEqual(self.runs, ["01 01:00"])
        await asyncio.sleep(600)
        self.assertEqual(self.runs, ["01 01:00", "01 01:10"])

    async def test_forward_without_coalescing_makes_up_for_all(self):
        self.scheduler.add_job(nothing, "interval", minutes=10, coalesce=False)
        self.scheduler.start()
        await asyncio.sleep(60)
        self.step_clock(1800)
        await asyncio.sleep(5.1)
        self.assertEqual(self.runs, ["01 00:10", "01 00:20", "01 00:30"])

    async def test_forward_beyond_the_grace_time_is_a_miss(self):
        missed = []
        self.scheduler.add_listener(lambda event: missed.append(f"{event.scheduled_run_time:%d %H:%M}"), asyncz.JOB_MISSED)
        self.scheduler.add_job(nothing, "interval", hours=1, mistrigger_grace_time=30)
        self.scheduler.start()
        with self.assertLogs("asyncz", "WARNING"):
            await asyncio.sleep(60)
            self.step_clock(3600)
            await asyncio.sleep(5.1)
        self.assertEqual((self.runs, missed), ([], ["01 01:00"]))

    async def test_forward_by_ten_years_is_one_run(self):
        self.scheduler.add_job(nothing, "interval", seconds=1, start_at=self.START)
        self.scheduler.start()
        began = time.process_time()
        self.step_clock(10 * 365 * 86400)
        await asyncio.sleep(0.5)
        await asyncio.sleep(5)
        self.assertLess(time.process_time() - began, 1)
        self.assertLessEqual(len(self.runs), 7)

    async def test_backward_by_less_than_three_hours_repeats_nothing(self):
        for seconds in (60, 3600, 3 * 3600 - 60):
            with self.subTest(seconds):
                self.runs.clear()
                scheduler = self.make_scheduler()
                start = self.clock.now_us()
                times = []
                scheduler.add_listener(
                    lambda event, times=times: times.append((asyncz._to_us(event.scheduled_run_time) - start) // 60_000_000),
                    asyncz.JOB_EXECUTED,
                )
                scheduler.add_job(nothing, "interval", minutes=10)
                scheduler.start()
                await asyncio.sleep(1210)
                self.step_clock(-seconds)
                await asyncio.sleep(seconds)
                self.assertEqual(times, [10, 20])
                await asyncio.sleep(600)
                self.assertEqual(times, [10, 20, 30])
                await scheduler.shutdown()

    async def test_backward_by_more_computes_the_jobs_anew_and_warns(self):
        self.scheduler.add_job(nothing, "cron", minute=30, id="half")
        paused = self.scheduler.add_job(nothing, "cron", minute=45, id="paused", next_run_time=None)
        once = self.scheduler.add_job(nothing, "date", run_at="2026-01-01 06:00", id="once")
        self.scheduler.start()
        await asyncio.sleep(4 * 3600)
        with self.assertLogs("asyncz", "WARNING") as logs:
            self.step_clock(-3 * 86400)
            await asyncio.sleep(5.1)
        self.assertRegex(logs.records[0].getMessage(), "^the clock went back by 2592[0-9]{2} s; the jobs of store 'default' are computed anew$")
        self.assertEqual(len(logs.records), 1)
        shown = {job.id: str(job.next_run_time)[:16] for job in self.scheduler.get_jobs()}
        self.assertEqual(shown, {"half": "2025-12-29 04:30", "once": "2026-01-01 06:00", "paused": "None"})
        self.assertEqual((paused.next_run_time, once.pending), (None, False))
        await asyncio.sleep(1800)
        self.assertEqual(self.runs, ["01 00:30", "01 01:30", "01 02:30", "01 03:30", "29 04:30"])

    async def test_backward_by_more_restarts_an_interval_on_its_grid(self):
        job = self.scheduler.add_job(nothing, "interval", minutes=10, start_at="2025-06-01")
        self.scheduler.start()
        await asyncio.sleep(4 * 3600 + 60)
        with self.assertLogs("asyncz", "WARNING"):
            self.step_clock(-4 * 3600)
            await asyncio.sleep(5.1)
        self.assertEqual(str(job.next_run_time), "2026-01-01 00:10:00+00:00")

    async def test_that_stops_in_a_suspend_starts_what_is_due_within_the_cap(self):
        self.scheduler.add_job(nothing, "cron", hour=6)
        self.scheduler.start()
        await asyncio.sleep(60)
        self.step_clock(8 * 3600)
        await asyncio.sleep(4.9)
        await asyncio.sleep(0.2)
        self.assertEqual(self.runs, ["01 06:00"])


# --- Running it ---


class TestShutdown(VirtualTimeTestCase):
    async def test_waits_for_jobs_and_starts_nothing_more(self):
        async def job():
            runs.append(f"begin {self.now()}")
            await asyncio.sleep(90)
            runs.append(f"end {self.now()}")

        runs = []
        self.scheduler.add_job(job, "interval", minutes=1, max_instances=5)
        self.scheduler.start()
        await asyncio.sleep(61)
        ended = self.scheduler.shutdown()
        self.assertEqual((self.scheduler.running, self.scheduler.state), (False, asyncz.SchedulerState.STATE_STOPPED))
        expected = "SchedulerAlreadyRunningError: start: the scheduler is still waiting for running jobs to end; wait for its shutdown"
        self.assertEqual(complaint(self.scheduler.start), expected)
        await ended
        await asyncio.sleep(300)
        self.assertEqual(runs, ["begin 00:01:00", "end 00:02:30"])

    async def test_need_not_be_awaited_and_may_be_repeated(self):
        self.scheduler.shutdown()
        self.scheduler.start()
        self.scheduler.shutdown()
        self.scheduler.shutdown(wait=False)
        await self.scheduler.shutdown()
        self.assertFalse(self.scheduler.running)

    async def test_without_waiting_cancels_coroutines_and_reports_them(self):
        async def job():
            await asyncio.sleep(1000)

        events = []
        self.scheduler.add_listener(lambda event: events.append(type(event.exception).__name__), asyncz.JOB_ERROR | asyncz.JOB_EXECUTED)
        self.scheduler.add_job(job)
        self.scheduler.start()
        await asyncio.sleep(1)
        with self.assertLogs("asyncz", "ERROR"):
            await self.scheduler.shutdown(wait=False)
        self.assertEqual((events, self.now()), (["CancelledError"], "00:00:01"))

    async def test_may_be_asked_for_by_a_job_and_by_two_at_once(self):
        async def job():
            await asyncio.sleep(1)
            await self.scheduler.shutdown()
            ended.append(self.now())

        for count in (1, 2):
            with self.subTest(count):
                ended = []
                for _ in range(count):
                    self.scheduler.add_job(job)
                self.scheduler.start()
                await asyncio.sleep(2)
                await self.scheduler.shutdown()
                self.assertEqual((len(ended), self.scheduler.running), (count, False))

    async def test_may_be_asked_for_by_a_job_in_a_thread(self):
        self.scheduler.add_job(lambda: self.scheduler.shutdown() and None)
        self.scheduler.start()
        await asyncio.sleep(1)
        await self.scheduler.shutdown()
        self.assertFalse(self.scheduler.running)

    async def test_abandons_threads_and_ignores_their_late_results(self):
        events, begun, release, left = [], threading.Event(), threading.Event(), threading.Event()

        def job():
            begun.set()
            release.wait(10)
            left.set()

        self.scheduler.add_listener(lambda event: events.append(event), asyncz.JOB_ERROR | asyncz.JOB_EXECUTED)
        self.scheduler.add_job(job)
        self.scheduler.start()
        while not begun.is_set():
            await asyncio.sleep(0)
        with self.assertLogs("asyncz", "WARNING") as logs:
            await self.scheduler.shutdown(wait=False)
        release.set()
        self.assertTrue(left.wait(10))
        await asyncio.sleep(0)
        self.assertEqual(events, [])
        self.assertIn("still running, abandoned", logs.output[0])

    async def test_makes_what_is_queued_due_again_at_the_next_start(self):
        begun, release, runs = threading.Event(), threading.Event(), []

        def job(name):
            begun.set()
            release.wait(10)
            runs.append(name)

        self.scheduler.add_executor(asyncz.ThreadPoolExecutor(max_workers=1), "one")
        for name in "ab":
            self.scheduler.add_job(job, args=[name], executor="one", id=name)
        self.scheduler.start()
        while not begun.is_set():
            await asyncio.sleep(0)
        ended = self.scheduler.shutdown()
        release.set()
        await ended
        self.assertEqual((runs, [job.id for job in self.scheduler.get_jobs()]), (["a"], ["b"]))
        self.scheduler.start()
        await asyncio.sleep(1)
        self.assertEqual(runs, ["a", "b"])

    async def test_keeps_the_jobs_for_the_next_start(self):
        runs = []
        self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=1)
        for _ in range(3):
            self.scheduler.start()
            await asyncio.sleep(61)
            await self.scheduler.shutdown()
        self.assertEqual(runs, ["00:01:00", "00:02:00", "00:03:00"])


class TestStates(VirtualTimeTestCase):
    async def test_that_do_not_fit_are_errors(self):
        for verb in ("pause", "resume"):
            said = complaint(getattr(self.scheduler, verb))
            self.assertEqual(said, f"SchedulerNotRunningError: {verb}: the scheduler is stopped; start it first")
        self.scheduler.start()
        self.assertEqual(complaint(self.scheduler.start), "SchedulerAlreadyRunningError: start: the scheduler is running already")
        said = complaint(self.scheduler.configure, timezone="UTC")
        self.assertEqual(said, "SchedulerAlreadyRunningError: configure: the scheduler is running; shut it down first")
        self.assertEqual(
            complaint(self.scheduler.run), "RuntimeError: run: this thread runs an event loop, which run() would block; use start() there"
        )

    async def test_follow_the_calls(self):
        states = [self.scheduler.state.name]
        for step in (lambda: self.scheduler.start(paused=True), self.scheduler.resume, self.scheduler.pause, self.scheduler.shutdown):
            step()
            states.append((self.scheduler.state.name, self.scheduler.running))
        paused, running, stopped = "STATE_PAUSED", "STATE_RUNNING", "STATE_STOPPED"
        self.assertEqual(states, [stopped, (paused, True), (running, True), (paused, True), (stopped, False)])


class TestAsgi(VirtualTimeTestCase):
    async def serve(self, app, *messages):
        """Let a server of its own talk to the application; return what it and the application were told."""

        async def receive():
            return {"type": queue.pop(0)}

        async def send(message):
            self.told.append((message["type"], self.scheduler.running))

        self.told, queue = [], list(messages)
        await self.scheduler.asgi(app)({"type": "lifespan"}, receive, send)
        return self.told

    async def with_lifespan(self, scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.told.append(("closing", self.scheduler.running))
        await send({"type": "lifespan.shutdown.complete"})

    async def failing(self, scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "on purpose"})

    async def without_lifespan(self, scope, receive, send):
        raise AssertionError("only http")

    EXPECTED = [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]

    async def test_starts_and_stops_with_the_application(self):
        told = await self.serve(self.with_lifespan, "lifespan.startup", "lifespan.shutdown")
        self.assertEqual(told, [self.EXPECTED[0], ("closing", False), self.EXPECTED[1]])

    async def test_does_not_need_the_application_to_take_part(self):
        self.assertEqual(await self.serve(self.without_lifespan, "lifespan.startup", "lifespan.shutdown"), self.EXPECTED)

    async def test_does_not_start_where_the_application_fails(self):
        self.assertEqual(await self.serve(self.failing, "lifespan.startup"), [("lifespan.startup.failed", False)])

    async def test_fails_where_the_scheduler_does(self):
        self.scheduler.add_job(nothing, store="none")
        with self.assertLogs("asyncz", "ERROR"):
            told = await self.serve(self.without_lifespan, "lifespan.startup")
        self.assertEqual(told, [("lifespan.startup.failed", False)])

    async def test_passes_everything_else_through(self):
        async def app(*given):
            seen.append(given)

        seen, given = [], ({"type": "http"}, object(), object())
        await self.scheduler.asgi(app)(*given)
        self.assertEqual((seen, self.scheduler.running), ([given], False))


class TestWithoutALoop(unittest.TestCase):
    def test_runs_in_a_daemon_thread_of_its_own(self):
        ran, seen = threading.Event(), []

        def job():
            seen.extend(thread for thread in threading.enumerate() if thread.name == "asyncz")
            ran.set()

        with asyncz.AsyncIOScheduler(timezone="UTC") as scheduler:
            scheduler.add_job(job)
            self.assertTrue(ran.wait(10))
            self.assertTrue(scheduler.running)
        self.assertEqual(
            ([thread.daemon for thread in seen], [thread.is_alive() for thread in seen], scheduler.running), ([True], [False], False)
        )

    def test_works_on_a_loop_that_is_run_later(self):
        loop = asyncio.new_event_loop()
        try:
            scheduler, ran = asyncz.AsyncIOScheduler(event_loop=loop), []
            scheduler.start()
            scheduler.add_job(lambda: loop.call_soon_threadsafe(loop.stop) and ran.append(1))
            loop.run_forever()
            loop.run_until_complete(asyncio.wait_for(asyncio.ensure_future(self.end(scheduler), loop=loop), 10))
            self.assertEqual((ran, scheduler.running), ([1], False))
        finally:
            loop.close()

    async def end(self, scheduler):
        await scheduler.shutdown()

    def test_starts_again_after_its_loop_was_closed(self):
        scheduler, runs = asyncz.AsyncIOScheduler(), []

        async def main():
            ran = asyncio.Event()

            async def job():
                runs.append(1)
                ran.set()

            scheduler.start()
            scheduler.add_job(job, next_run_time="now", id="a", replace_existing=True)
            await asyncio.wait_for(ran.wait(), 10)

        for _ in range(2):
            asyncio.run(main())
        asyncio.run(self.end(scheduler))
        self.assertEqual(len(runs), 2)

    def test_takes_calls_from_many_threads(self):
        def storm(number):
            try:
                for count in range(30):
                    id = f"{number}-{count}"
                    scheduler.add_job(nothing, "interval", hours=1, id=id)
                    scheduler.update_job(id, name="changed")
                    scheduler.pause_job(id)
                    scheduler.resume_job(id)
                    if count % 2:
                        scheduler.delete_job(id)
            except Exception as error:
                problems.append(error)

        problems = []
        with asyncz.AsyncIOScheduler(timezone="UTC") as scheduler:
            threads = [threading.Thread(target=storm, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            names = [job.name for job in scheduler.get_jobs()]
        self.assertEqual((problems, names), ([], ["changed"] * 8 * 15))


class TestAProcess(unittest.TestCase):
    def test_is_not_kept_by_a_background_scheduler_with_a_job_that_hangs(self):
        code = """
            import asyncz, threading
            begun = threading.Event()
            scheduler = asyncz.AsyncIOScheduler()
            scheduler.start()
            scheduler.add_job(lambda: (begun.set(), threading.Event().wait()))
            print(begun.wait(10))
        """
        done = run_python("-c", textwrap.dedent(code))
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("True\n", "", 0))

    def test_that_is_forked_has_a_stopped_scheduler_that_can_start(self):
        code = """
            import asyncz, os, threading, warnings
            warnings.simplefilter("ignore")
            def ran_within(scheduler):
                ran = threading.Event()
                scheduler.add_job(ran.set)
                return ran.wait(10)
            scheduler = asyncz.AsyncIOScheduler()
            scheduler.start()
            child = os.fork()
            if child == 0:
                stopped = not scheduler.running
                scheduler.start()
                good = stopped and ran_within(scheduler)
                scheduler.shutdown()
                os._exit(0 if good else 1)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ran_within(scheduler), scheduler.running)
            scheduler.shutdown()
        """
        done = run_python("-c", textwrap.dedent(code))
        self.assertEqual((done.stdout, done.returncode), ("0 True True\n", 0), done.stderr)
        self.assertEqual(done.stderr.count("a running scheduler was forked"), 1)

    def test_that_runs_a_scheduler_ends_by_a_signal(self):
        code = """
            import asyncio, asyncz, sys
            scheduler = asyncz.AsyncIOScheduler()
            async def job():
                print("begun", flush=True)
                await asyncio.sleep(float(sys.argv[1]))
                print("ended", flush=True)
            scheduler.add_job(job)
            scheduler.add_listener(lambda event: print("stopped", flush=True), asyncz.SCHEDULER_SHUTDOWN)
            asyncz.logging.getLogger("asyncz").addHandler(handler := asyncz.logging.StreamHandler(sys.stdout))
            asyncz.logging.getLogger("asyncz").setLevel("INFO")
            handler.addFilter(lambda record: "stopping" in record.getMessage())
            handler.setFormatter(asyncz.logging.Formatter("stopping", validate=False))
            scheduler.run()
            print("after")
        """
        table = [
            (signal.SIGTERM, 1, 0, ["begun", "stopping", "ended", "stopped", "after"]),
            (signal.SIGINT, 1, 0, ["begun", "stopping", "ended", "stopped", "after"]),
            (signal.SIGTERM, 2, 143, ["begun", "stopping", "stopped"]),
            (signal.SIGINT, 2, -signal.SIGINT, ["begun", "stopping", "stopped"]),
        ]
        for number, times, status, expected in table:
            with self.subTest(number=number, times=times):
                seconds = "0.3" if times == 1 else "60"
                options = {
                    "stdout": subprocess.PIPE,
                    "stderr": subprocess.DEVNULL,
                    "text": True,
                    "env": {**os.environ, "PYTHONPATH": str(HERE)},
                }
                with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), seconds], **options) as process:
                    guard = threading.Timer(20, process.kill)
                    guard.start()
                    lines = [process.stdout.readline().strip()]
                    for _ in range(times):
                        process.send_signal(number)
                        lines.append(process.stdout.readline().strip())
                    lines += process.stdout.read().split()
                    process.wait(20)
                    guard.cancel()
                self.assertEqual((lines, process.returncode), (expected, status))


# --- Events ---


class TestEvents(VirtualTimeTestCase):
    async def test_tell_of_everything(self):
        async def fail():
            raise ValueError("on purpose")

        async def slow():
            await asyncio.sleep(90)

        s, codes = self.scheduler, []
        steps = [
            (lambda: s.start(), ["SCHEDULER_STARTED"]),
            (lambda: s.pause(), ["SCHEDULER_PAUSED"]),
            (lambda: s.resume(), ["SCHEDULER_RESUMED"]),
            (lambda: s.add_executor("debug", "e"), ["EXECUTOR_ADDED"]),
            (lambda: s.remove_executor("e"), ["EXECUTOR_REMOVED"]),
            (lambda: s.add_store("memory", "m"), ["STORE_ADDED"]),
            (lambda: s.remove_store("m"), ["STORE_REMOVED"]),
            (lambda: s.add_job(nothing, next_run_time=None, id="a"), ["JOB_ADDED"]),
            (lambda: s.update_job("a", name="b"), ["JOB_MODIFIED"]),
            (lambda: s.run_job("a"), ["JOB_SUBMITTED", "JOB_EXECUTED"]),
            (lambda: s.delete_job("a"), ["JOB_REMOVED"]),
            (lambda: s.remove_all_jobs(), ["ALL_JOBS_REMOVED"]),
            (lambda: s.add_job(fail), ["JOB_ADDED", "JOB_REMOVED", "JOB_SUBMITTED", "JOB_ERROR"]),
            (
                lambda: s.add_job(nothing, run_at="2025-01-01", mistrigger_grace_time=1),
                ["JOB_ADDED", "JOB_REMOVED", "JOB_MISSED"],
            ),
            (lambda: s.add_job(slow, "interval", seconds=1, end_at="2026-01-01 00:00:18.500"), None),
            (lambda: s.shutdown(wait=False), None),
        ]
        s.add_listener(lambda event: codes.append(code_name(event.code)))
        seen = set()
        with self.assertLogs("asyncz", "DEBUG"):
            for step, expected in steps:
                codes.clear()
                step()
                await asyncio.sleep(1 if expected else 4)
                seen.update(codes)
                if expected:
                    with self.subTest(expected):
                        self.assertEqual(codes, expected)
        self.assertEqual(seen, set(CODES))

    async def test_have_fields_and_pickle(self):
        events = []
        self.scheduler.add_listener(events.append)
        self.scheduler.start()
        self.scheduler.add_job(double, args=[2], id="a")
        await asyncio.sleep(1)
        self.assertEqual(pickle.loads(pickle.dumps(events)), events)
        done = events[-1]
        moment = at("2026-01-01")
        self.assertEqual(done, asyncz.JobExecutionEvent(asyncz.JOB_EXECUTED, None, "a", "default", moment, 4, None, None))

    async def test_are_heard_by_coroutine_functions_and_past_one_that_raises(self):
        async def soon(event):
            await asyncio.sleep(0)
            heard.append("soon")

        def fail(event):
            raise ValueError("on purpose")

        heard = []
        for callback in (fail, soon, lambda event: heard.append("plain")):
            self.scheduler.add_listener(callback, asyncz.SCHEDULER_STARTED | asyncz.STORE_ADDED)
        with self.assertLogs("asyncz", "ERROR") as logs:
            self.scheduler.add_store("memory", "before the start")
            self.assertEqual(sorted(heard), ["plain", "soon"])
            self.scheduler.start()
            await asyncio.sleep(2)
        self.assertEqual((sorted(heard), len(logs.records)), (["plain"] * 2 + ["soon"] * 2, 2))
        self.scheduler.remove_listener(fail)
        self.scheduler.remove_listener(soon)
        self.scheduler.add_store("memory", "after it")
        self.assertEqual(len(heard), 5)

    async def test_are_asked_for_by_masks_that_mean_something(self):
        said = complaint(self.scheduler.add_listener, print, 0)
        self.assertEqual(said, "ValueError: mask=0: no event has that code; combine codes such as JOB_EXECUTED | JOB_ERROR")
        self.assertRegex(complaint(self.scheduler.add_listener, 5), "^TypeError: callback=5: not callable; ")


# --- Executors ---


class InPlace(asyncz.BaseExecutor):
    def do_send_job(self, job, run_times):
        self.run_job(job, run_times)


class InAThread(asyncz.BaseExecutor):
    def do_send_job(self, job, run_times):
        import concurrent.futures

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(self.run_job, job, run_times)


class Soon(asyncz.BaseExecutor):
    async def do_send_job(self, job, run_times):
        await asyncio.sleep(0)
        return job.fn(*job.args)


class Raising(asyncz.BaseExecutor):
    def do_send_job(self, job, run_times):
        raise OSError("on purpose")


class CountingThreads(asyncz.ThreadPoolExecutor):
    count = 0

    def do_send_job(self, job, run_times):
        type(self).count += 1
        return super().do_send_job(job, run_times)


class CountingTasks(asyncz.AsyncIOExecutor):
    count = 0

    def do_send_job(self, job, run_times):
        type(self).count += 1
        return super().do_send_job(job, run_times)


class TestExecutors(VirtualTimeTestCase):
    async def result(self, executor, fn=double, args=(21,)):
        scheduler = self.make_scheduler(executors={"x": executor})
        scheduler.add_job(fn, args=args, next_run_time=None, executor="x", id="a")
        scheduler.start()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(scheduler.run_job("a")), 5)
        finally:
            await scheduler.shutdown()

    async def test_of_every_kind_give_results(self):
        for executor in (
            InPlace(),
            InAThread(),
            Soon(),
            CountingThreads(),
            CountingTasks(),
            asyncz.DebugExecutor(),
            asyncz.ThreadPoolExecutor(2),
        ):
            with self.subTest(type(executor).__name__):
                self.assertEqual(await self.result(executor), 42)  # a TimeoutError means that the result was lost
        self.assertEqual((CountingThreads.count, CountingTasks.count), (1, 1))
        self.assertEqual(await self.result(CountingTasks(), double_soon), 42)

    async def test_that_raise_are_reported_as_the_job(self):
        with self.assertLogs("asyncz", "ERROR"), self.assertRaisesRegex(OSError, "^on purpose$"):
            await self.result(Raising())

    async def test_of_threads_prepare_and_name_them(self):
        prepared = []
        executor = asyncz.ThreadPoolExecutor(1, thread_name_prefix="mine", initializer=prepared.append, initargs=[1])
        name = await self.result(executor, lambda: threading.current_thread().name, [])
        self.assertEqual((name[:4], prepared), ("mine", [1]))

        def fail():
            raise OSError("on purpose")

        with self.assertLogs("asyncz", "ERROR"), self.assertRaisesRegex(OSError, "^on purpose$"):
            await self.result(asyncz.ThreadPoolExecutor(1, initializer=fail))

    async def test_need_a_whole_number_of_workers(self):
        for kind in (asyncz.ThreadPoolExecutor, asyncz.ProcessPoolExecutor):
            for value in (0, -1, 1.5, "2", True):
                self.assertEqual(complaint(kind, value), f"ValueError: max_workers={value!r}: not a whole number from 1")

    async def test_that_are_not_there_are_an_error_or_park_the_job(self):
        self.scheduler.start()
        said = complaint(self.scheduler.add_job, nothing, executor="defualt")
        self.assertEqual(said, "LookupError: executor='defualt': no such executor; did you mean 'default'?; there are 'default'")
        runs = []
        self.scheduler.add_executor("debug", "d")
        self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=1, executor="d")
        self.scheduler.remove_executor("d")
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(150)
        self.scheduler.add_executor("debug", "d")
        await asyncio.sleep(60)
        self.assertEqual((len(logs.records), runs), (1, ["00:03:00"]))

    def test_of_processes_give_results_and_replace_a_broken_pool(self):
        jobs = "import asyncio, os\ndef double(x): return 2 * x\nasync def soon(x): return 2 * x\ndef fail(): raise KeyError('k')\ndef die(): os._exit(3)\n"
        main = """
            import asyncz, temp_jobs as t
            def main():
                with asyncz.AsyncIOScheduler(executors={"p": asyncz.ProcessPoolExecutor(1)}) as s:
                    for fn, args in ((t.double, [2]), (t.soon, [3]), (t.fail, []), (t.die, []), (t.double, [4])):
                        job = s.add_job(fn, args=args, executor="p", next_run_time=None)
                        try:
                            print(s.run_job(job.id).result(20))
                        except Exception as error:
                            print(type(error).__name__)
            if __name__ == "__main__":
                main()
        """
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "temp_jobs.py").write_text(jobs)
            pathlib.Path(folder, "main.py").write_text(textwrap.dedent(main))
            done = run_python("main.py", cwd=folder)
        self.assertEqual(done.stdout.split(), ["4", "6", "KeyError", "BrokenProcessPool", "8"], done.stderr)


# --- Configuration ---


class TestConfiguration(VirtualTimeTestCase):
    def shape(self, scheduler):
        stores = {alias: type(store) for alias, store in scheduler._stores.items()}
        executors = {alias: (type(executor), getattr(executor, "_max_workers", None)) for alias, executor in scheduler._executors.items()}
        return stores, executors, scheduler._job_defaults, str(scheduler.timezone), scheduler.store_retry_interval

    async def test_in_three_ways_makes_equal_schedulers(self):
        flat = {
            "asyncz.stores.other": {"type": "memory"},
            "asyncz.executors.pool": {"class": "asyncz:ThreadPoolExecutor", "max_workers": "20"},
            "asyncz.executors.default": {"type": "asyncio"},
            "asyncz.job_defaults.coalesce": "false",
            "asyncz.job_defaults.max_instances": "4",
            "asyncz.job_defaults.mistrigger_grace_time": "none",
            "asyncz.timezone": "Europe/Paris",
            "asyncz.store_retry_interval": "3",
            "else.where": 1,
        }
        before = copy.deepcopy(flat)
        given = {
            "stores": {"other": asyncz.MemoryStore()},
            "executors": {"pool": asyncz.ThreadPoolExecutor(20), "default": asyncz.AsyncIOExecutor()},
            "job_defaults": {"coalesce": False, "max_instances": 4},
            "timezone": "Europe/Paris",
            "store_retry_interval": 3,
        }
        third = asyncz.AsyncIOScheduler()
        third.configure({key.replace("asyncz.", "mine."): value for key, value in flat.items()}, prefix="mine.")
        shapes = [self.shape(scheduler) for scheduler in (asyncz.AsyncIOScheduler(**given), asyncz.AsyncIOScheduler(flat), third)]
        self.assertEqual(shapes[0], shapes[1])
        self.assertEqual(shapes[1], shapes[2])
        self.assertEqual(flat, before)

    async def test_that_is_wrong_is_an_error_that_names_it(self):
        table = [
            ({"asyncz.timezon": "UTC"}, "ValueError: asyncz.timezon: no such option; did you mean 'timezone'?; there are "),
            ({"timezone": "UTC"}, "ValueError: timezone: without the prefix; write 'asyncz.timezone', or pass prefix=''"),
            ({"asyncz.stores.a": {"type": "memroy"}}, "ValueError: stores.a: type='memroy': no such store; did you mean 'memory'?; there are "),
            ({"asyncz.executors.a": {"type": "debug", "x": 1}}, "ValueError: executors.a: x=1: no such option"),
            (
                {"asyncz.executors.a": {"type": "threadpool", "max_workers": "many"}},
                "ValueError: executors.a: max_workers='many': not understood; give int",
            ),
            (
                {"asyncz.executors.a": {"class": "json:JSONDecoder"}},
                "TypeError: executors.a: class='json:JSONDecoder': not a subclass of BaseExecutor",
            ),
            ({"asyncz.job_defaults.coalesc": "1"}, "TypeError: coalesc: job_defaults has no such argument; did you mean 'coalesce'?"),
            ({"asyncz.logger": 5}, "TypeError: logger=5: not a logger; give one, or its name"),
            ({"asyncz.event_loop": 5}, "TypeError: event_loop=5: not an event loop; "),
        ]
        for config, expected in table:
            with self.subTest(config):
                said = complaint(asyncz.AsyncIOScheduler, config)
                self.assertEqual(said[: len(expected)], expected)

    async def test_after_jobs_were_added_puts_them_into_the_new_stores(self):
        self.scheduler.add_job(nothing, "interval", minutes=1, id="a")
        store = asyncz.MemoryStore()
        self.scheduler.configure(stores={"default": store}, job_defaults={"max_instances": 7})
        self.scheduler.start(paused=True)
        self.assertEqual([(job.id, job.max_instances) for job in store.get_all_jobs()], [("a", 7)])


# --- Stores ---


class DictStore(asyncz.BaseStore):
    """A user's store: exactly the ten methods."""

    def __init__(self):
        self.jobs = {}

    def keep(self, job):
        return job

    def start(self, scheduler, alias):
        self.alias = alias

    def shutdown(self):
        self.alias = None

    def add_job(self, job):
        if job.id in self.jobs:
            raise asyncz.ConflictIdError(job.id)
        self.jobs[job.id] = self.keep(job)

    def update_job(self, job):
        if job.id not in self.jobs:
            raise asyncz.JobLookupError(job.id)
        self.jobs[job.id] = self.keep(job)

    def delete_job(self, job_id):
        if job_id not in self.jobs:
            raise asyncz.JobLookupError(job_id)
        del self.jobs[job_id]

    def remove_all_jobs(self):
        self.jobs.clear()

    def lookup_job(self, job_id):
        return self.keep(self.jobs[job_id]) if job_id in self.jobs else None

    def get_due_jobs(self, now):
        return [job for job in self.get_all_jobs() if job.next_run_time is not None and job.next_run_time <= now]

    def get_next_run_time(self):
        return min((job.next_run_time for job in self.jobs.values() if job.next_run_time is not None), default=None)

    def get_all_jobs(self):
        jobs = map(self.keep, self.jobs.values())
        return sorted(jobs, key=lambda job: (job.next_run_time is None, job.next_run_time or at(VirtualTimeTestCase.START)))


class CopyingStore(DictStore):
    def keep(self, job):
        return pickle.loads(pickle.dumps(job))


RUNS = []


def note(name):
    RUNS.append(name)


class StoreContract:
    """What every store keeps to; a subclass makes the store."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        RUNS.clear()
        self.store = self.make_store()
        self.scheduler = self.make_scheduler(stores={"default": self.store})
        self.scheduler.start()

    def add(self, id, **options):
        return self.scheduler.add_job(note, "interval", args=[id], id=id, **{"minutes": 1, **options})

    async def test_keeps_jobs_in_order(self):
        self.add("late", minutes=9)
        self.add("paused", next_run_time=None)
        self.add("early", minutes=1)
        self.assertEqual([job.id for job in self.store.get_all_jobs()], ["early", "late", "paused"])
        self.assertEqual([job.id for job in self.store.get_due_jobs(at("2026-01-01 00:09"))], ["early", "late"])
        self.assertEqual([job.id for job in self.store.get_due_jobs(at("2026-01-01 00:01"))], ["early"])
        self.assertEqual(self.store.get_next_run_time(), at("2026-01-01 00:01"))
        self.assertEqual((self.store.lookup_job("late").id, self.store.lookup_job("none")), ("late", None))
        self.store.remove_all_jobs()
        self.assertEqual((self.store.get_next_run_time(), self.store.get_all_jobs()), (None, []))

    async def test_says_what_does_not_work(self):
        job = self.add("a")
        with self.assertRaises(asyncz.ConflictIdError):
            self.store.add_job(job)
        with self.assertRaises(asyncz.ConflictIdError):
            self.add("a")
        self.store.delete_job("a")
        for call in (lambda: self.store.delete_job("a"), lambda: self.store.update_job(job)):
            with self.assertRaises(asyncz.JobLookupError):
                call()

    async def test_lets_jobs_run_and_change(self):
        self.add("a")
        await asyncio.sleep(61)
        self.assertEqual(RUNS, ["a"])
        self.scheduler.pause_job("a")
        await asyncio.sleep(300)
        self.assertEqual(RUNS, ["a"])
        self.scheduler.resume_job("a")
        self.scheduler.update_job("a", args=["b"])
        await asyncio.sleep(61)
        self.assertEqual(RUNS, ["a", "b"])
        self.scheduler.reschedule_job("a", trigger="interval", minutes=30)
        await asyncio.sleep(1801)
        self.assertEqual((RUNS, self.scheduler.get_job("a").store_alias), (["a", "b", "b"], "default"))
        self.assertEqual(await asyncio.wrap_future(self.scheduler.run_job("a")), None)
        self.scheduler.delete_job("a")
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_forgets_one_offs_that_ran(self):
        self.scheduler.add_job(note, args=["once"])
        await asyncio.sleep(1)
        self.assertEqual((RUNS, self.store.get_all_jobs()), (["once"], []))


class TestMemoryStore(StoreContract, VirtualTimeTestCase):
    make_store = asyncz.MemoryStore


class TestAStoreOfTenMethods(StoreContract, VirtualTimeTestCase):
    make_store = DictStore


class TestAStoreThatCopiesJobs(StoreContract, VirtualTimeTestCase):
    make_store = CopyingStore


class TestAStoreThatFails(VirtualTimeTestCase):
    async def test_is_tried_again_and_does_not_hold_up_others(self):
        class Failing(CopyingStore):
            fails, asked = False, 0

            def get_due_jobs(self, now):
                Failing.asked += 1
                if Failing.fails:
                    raise OSError("on purpose")
                return super().get_due_jobs(now)

        RUNS.clear()
        scheduler = self.make_scheduler(stores={"bad": Failing()})
        scheduler.add_job(note, "date", run_at="2026-01-01 00:01", args=["bad"], store="bad")
        scheduler.add_job(note, "interval", minutes=1, args=["good"])
        scheduler.start()
        await asyncio.sleep(1)
        Failing.fails, Failing.asked = True, 0
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(180)
        self.assertEqual((len(logs.records), RUNS), (1, ["good"] * 3))
        self.assertLess(Failing.asked, 30)
        Failing.fails = False
        await asyncio.sleep(11)
        self.assertEqual(RUNS, ["good"] * 3 + ["bad"])

    async def test_of_which_a_method_is_missing_cannot_be_made(self):
        kind = type("Half", (asyncz.BaseStore,), {"add_job": print})
        self.assertRegex(complaint(kind), "^TypeError: Can't instantiate abstract class Half ")


class TestASlowStore(unittest.IsolatedAsyncioTestCase):
    async def test_does_not_hold_up_the_loop(self):
        class Slow(CopyingStore):
            def get_due_jobs(self, now):
                threading.Event().wait(0.05)
                return super().get_due_jobs(now)

        RUNS.clear()
        async with asyncz.AsyncIOScheduler(stores={"default": Slow()}) as scheduler:
            scheduler.add_job(note, "interval", seconds=0.1, args=["slow"])
            longest = before = 0.0
            deadline = time.monotonic() + 10
            while len(RUNS) < 3 and time.monotonic() < deadline:
                before = time.monotonic()
                await asyncio.sleep(0.001)
                longest = max(longest, time.monotonic() - before)
        self.assertGreaterEqual(len(RUNS), 3)
        self.assertLess(longest, 0.045)


# --- A scheduler of the user's own ---


class ByHand(asyncz.BaseScheduler):
    def wakeup(self):
        pass


class TestASchedulerOfOnesOwn(unittest.TestCase):
    def test_runs_what_is_due_when_it_is_asked_to(self):
        RUNS.clear()
        scheduler = ByHand(timezone="UTC", executors={"default": asyncz.DebugExecutor()})
        scheduler.add_job(note, args=["a"])
        scheduler.start()
        self.assertIsNone(scheduler.process_jobs())
        scheduler.add_job(note, "interval", hours=1, args=["b"])
        self.assertGreater(scheduler.process_jobs(), 3500)
        scheduler.shutdown()
        self.assertEqual((RUNS, scheduler.running), (["a"], False))


class TestReadme(unittest.TestCase):
    """Every block of the manual runs, and prints what it says."""

    def setUp(self) -> None:
        path = HERE / "README.md"
        if not path.exists():
            self.skipTest("README.md is not beside the module")
        self.text = path.read_text(encoding="utf-8")

    def test_python_blocks_run_and_print_what_follows_them(self) -> None:
        pattern = r"^```python\n(.*?)^```\n(?:(?:\n[^\n`#|]+\n)?\n?```text\n(.*?)^```)?"
        blocks = re.findall(pattern, self.text, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 15)
        results: list[tuple[str, str, subprocess.CompletedProcess[str]]] = []

        def run(code: str, output: str) -> None:
            with tempfile.TemporaryDirectory() as directory:  # a file, since a process pool imports it
                script = pathlib.Path(directory, "example.py")
                script.write_text(code, encoding="utf-8")
                results.append((code, output, run_python("-W", "error", str(script), cwd=directory)))

        workers = asyncz._Workers(4, "example")
        calls = [asyncz._WorkerCall(run, code, output) for code, output in blocks]
        for call in calls:
            workers.submit(call)
        for call in calls:
            call.future.result(60)
        workers.stop()
        for code, output, done in results:
            with self.subTest(code):
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                if output:
                    self.assertEqual(done.stdout, output)

    def test_the_commands_it_shows_exist(self) -> None:
        commands = re.findall(r"^\$ python asyncz\.py (\w+)", self.text, re.MULTILINE)
        self.assertEqual(set(commands) - {"next", "run", "demo"}, set())
        self.assertIn("demo", commands)
        self.assertIn("$ python -m unittest\n", self.text)


if __name__ == "__main__":
    unittest.main()
