"""New tests of the value rooms: errors, events, time, triggers, cron, schedules, callables, options, jobs, records, configuration, command line."""

from __future__ import annotations

import ast
import asyncio
import copy
import enum
import functools
import importlib.util
import inspect
import io
import os
import pathlib
import pickle
import sqlite3
import sys
import tempfile
import types
import unittest
import unittest.mock
import zoneinfo
from datetime import date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from typing import Any

import asyncz
from asyncz import AndTrigger, BaseTrigger, CronTrigger, DateTrigger, IntervalTrigger, OrTrigger
from test_asyncz import UTC, VirtualTimeTestCase, at, complaint, run_python

SOURCE = pathlib.Path(asyncz.__file__).resolve()
RANGE = "not every time zone can show that; give a time in the years 2 to 9998"


def function() -> None:
    """Do nothing, as a job."""


class StoreTestCase(unittest.TestCase):
    """A test with a file for jobs, that schedulers open one after the other."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/jobs.sqlite3"

    def scheduler(self, **options: Any) -> asyncz.AsyncIOScheduler:
        store = asyncz.SQLiteStore(self.path, **options.pop("store", {}))
        scheduler = asyncz.AsyncIOScheduler(**{"timezone": "UTC", "stores": {"default": store}, **options})
        self.addCleanup(scheduler.shutdown)
        return scheduler

    def after_a_restart(self, job: dict[str, Any], **options: Any) -> asyncz.Job:
        """Add a job, and return what the next scheduler reads."""
        first = self.scheduler(**options)
        first.start(paused=True)
        id = first.add_job(max, **{"next_run_time": None, **job}).id
        first.shutdown()
        second = self.scheduler(**options)
        second.start(paused=True)
        return second.get_job(id)


# Time.


class TestATimeThatNotEveryZoneCanShow(unittest.TestCase):
    def test_is_refused_where_it_is_given_with_the_name_of_the_parameter(self):
        tokyo, new_york = map(zoneinfo.ZoneInfo, ("Asia/Tokyo", "America/New_York"))
        scheduler = asyncz.AsyncIOScheduler(timezone="America/New_York")
        lowest, highest = datetime.min, datetime.max
        rows = [
            (name, moment, lambda **given: scheduler.add_job(print, "interval", hours=1, **given))
            for name in ("next_run_time", "start_at")
            for moment in (lowest, highest, lowest.replace(tzinfo=tokyo), highest.replace(tzinfo=new_york), date.max, "9999-12-31T23:59", "0001-01-01")
        ]
        rows += [("run_at", moment, lambda **given: scheduler.add_job(print, **given)) for moment in (lowest, highest, date.max, "0001-01-02")]
        rows += [("end_at", lowest, lambda **given: CronTrigger(hour=1, **given)), ("until", lowest, scheduler.upcoming)]
        rows += [("run_at", highest.replace(tzinfo=UTC), DateTrigger), ("start_at", highest, lambda **given: CronTrigger(hour=1, timezone="Asia/Tokyo", **given))]
        for name, moment, call in rows:
            with self.subTest(name, moment=moment):
                self.assertEqual(complaint(call, **{name: moment}), f"ValueError: {name}={moment!r}: {RANGE}")
        self.assertEqual(scheduler.get_jobs(), [])

    def test_means_never_as_an_end(self):
        now = at("2026-01-01 00:30")
        for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
            scheduler = asyncz.AsyncIOScheduler(timezone=zone)
            for end in (date.max, datetime.max, "9999-12-31", datetime.max.replace(tzinfo=UTC)):
                with self.subTest(zone, end=end):
                    for trigger in (IntervalTrigger(hours=1, end_at=end, timezone=zone), CronTrigger(minute=0, end_at=end, timezone=zone)):
                        self.assertGreater(trigger.get_next_trigger_time(None, now), now)
                        self.assertEqual(trigger, eval(repr(trigger), vars(asyncz)))
                    job = scheduler.add_job(print, trigger)
                    self.assertEqual(len(scheduler.upcoming(3, until=end)), 3)
                    self.assertIn("next run: 20", str(job))
                    job.delete()

    def test_is_shown_as_the_nearest_that_can_be_shown(self):
        zones = [*map(zoneinfo.ZoneInfo, ("Asia/Tokyo", "America/New_York")), UTC, timezone(timedelta(hours=-23))]
        for zone in zones:
            for instant, year in ((10**40, 9999), (-(10**40), 1), (253_402_300_799 * 10**6, 9999)):
                with self.subTest(zone, instant=instant):
                    self.assertEqual(asyncz._from_us(instant, zone).year, year)

    def test_may_be_near_as_the_start_of_a_grid(self):
        trigger = IntervalTrigger(days=7, start_at="0002-01-01", timezone="America/New_York")
        following = trigger.get_next_trigger_time(None, at("2026-01-01"))
        self.assertLess(following - at("2026-01-01"), timedelta(days=7))

    def test_is_no_run_time_to_go_on_from(self):
        zone = "America/New_York"
        for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            for trigger in (IntervalTrigger(hours=1, timezone=zone), CronTrigger(hour=1, timezone=zone)):
                with self.subTest(trigger=str(trigger), moment=moment):
                    self.assertIn(getattr(trigger.get_next_trigger_time(moment, moment), "year", None), (1, 1970, None))


class OfWindows(datetime):
    """A time on a system whose localtime(3) knows the years 1970 to 3000."""

    def astimezone(self, tz=None):
        if tz is None and not 1970 < self.year < 3000:
            raise OSError(22, "Invalid argument")
        return super().astimezone(tz)


class TestTheZoneOfTheSystem(unittest.TestCase):
    def test_knows_all_years_where_the_system_knows_some(self):
        with unittest.mock.patch.dict(os.environ, TZ="CET-1CEST,M3.5.0,M10.5.0/3"):
            getattr(asyncz.time, "tzset", lambda: None)()
            try:
                zone = asyncz.AsyncIOScheduler().timezone
                for year in (1, 1950, 1970, 3000, 4001, 9998):
                    with self.subTest(year):
                        for month, hours in ((1, 1), (7, 2)):
                            local = OfWindows(year, month, 15, 12, tzinfo=zone)
                            self.assertEqual((local.utcoffset(), local.tzname()), (timedelta(hours=hours), ("CET", "CEST")[hours - 1]))
                            utc = OfWindows(year, month, 15, 12 - hours, tzinfo=zone)
                            self.assertEqual(zone.fromutc(utc).isoformat()[:16], f"{year:04}-{month:02}-15T12:00")
            finally:
                os.environ.pop("TZ")
                getattr(asyncz.time, "tzset", lambda: None)()


class TestMessages(unittest.TestCase):
    def test_are_ascii(self):
        tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
        places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, places) and ast.get_docstring(node)}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs]
        self.assertGreater(len(texts), 1000)
        self.assertEqual([(node.lineno, node.value) for node in texts if not node.value.isascii()], [])


# Triggers and Cron.


class Parity(BaseTrigger):
    """Every even, or odd, second; it does not want to be asked for ever."""

    def __init__(self, parity: int) -> None:
        self.parity = parity

    def get_next_trigger_time(self, previous_time, now):
        type(self).asked += 1
        if type(self).asked > 100_000:
            raise AssertionError("asked too often")
        second = int((previous_time or now).timestamp()) + 1
        return datetime.fromtimestamp(second + (second + self.parity) % 2, UTC)


class TestAndTrigger(unittest.TestCase):
    def test_that_never_agrees_gives_up_after_some_steps_however_deep_it_is(self):
        even, odd = Parity(0), Parity(1)
        for depth in (1, 2, 8, 50):
            plain, mixed = AndTrigger([even, even]), AndTrigger([even, even])
            for _ in range(depth):
                plain, mixed = AndTrigger([plain, odd]), AndTrigger([OrTrigger([mixed, even]), odd])
            for trigger in (plain, mixed):
                with self.subTest(depth, mixed=trigger is mixed):
                    Parity.asked = 0
                    self.assertIsNone(trigger.get_next_trigger_time(None, at("2026-01-01")))

    def test_of_many_intervals_gives_up_after_some_steps(self):
        primes = [n for n in range(2, 300) if all(n % k for k in range(2, n))][:50]
        starts = [datetime(2026, 1, 1) + timedelta(seconds=n) for n in range(50)]
        members = [IntervalTrigger(seconds=n, start_at=start, timezone="UTC") for n, start in zip(primes, starts)]
        Parity.asked = 0
        self.assertIsNone(AndTrigger([Parity(0), *members]).get_next_trigger_time(None, at("2026-01-01")))

    def test_in_another_agrees_as_if_it_were_one(self):
        two, three, five = (IntervalTrigger(minutes=n, start_at="2026-01-01", timezone="UTC") for n in (2, 3, 5))
        rows = [AndTrigger([two, three, five]), AndTrigger([AndTrigger([two, three]), five]), AndTrigger([two, OrTrigger([AndTrigger([three, five])])])]
        for trigger in rows:
            with self.subTest(str(trigger)):
                first = trigger.get_next_trigger_time(None, at("2026-01-01"))
                self.assertEqual([first, trigger.get_next_trigger_time(first, first)], [at("2026-01-01"), at("2026-01-01 00:30")])

    def test_that_gives_up_does_not_end_the_others(self):
        dull = AndTrigger([CronTrigger(minute="*/2", timezone="UTC"), CronTrigger(minute="1/2", timezone="UTC")])
        hourly = AndTrigger([CronTrigger(minute="*/30", timezone="UTC"), CronTrigger(minute=0, timezone="UTC")])
        self.assertEqual(OrTrigger([dull, hourly]).get_next_trigger_time(None, at("2026-01-01 00:10")), at("2026-01-01 01:00"))

    def test_may_have_a_long_list_in_it(self):
        days = OrTrigger([DateTrigger(at("2026-01-01") + timedelta(days=n)) for n in range(12_000)])
        trigger = AndTrigger([days, CronTrigger(day=1, month=7, timezone="UTC")])
        self.assertEqual(trigger.get_next_trigger_time(None, at("2026-01-02")), at("2026-07-01"))

    def test_finds_a_time_right_after_1970(self):
        members = [IntervalTrigger(seconds=0.000_001, start_at=at("1970-01-01"), timezone="UTC") for _ in range(2)]
        following = AndTrigger(members).get_next_trigger_time(at("1970-01-01"), at("1970-01-01"))
        self.assertEqual(following, at("1970-01-01") + timedelta(microseconds=1))


class TestNumbersThatAreTooBig(unittest.TestCase):
    def test_are_value_errors_that_name_the_parameter(self):
        huge, scheduler = 10**400, asyncz.AsyncIOScheduler()
        zero = "the interval is {} seconds; it must be more than zero, as in minutes=5"
        rows = [
            (IntervalTrigger, {"seconds": float("-inf")}, f"IntervalTrigger: seconds=-inf: {zero.format('-4.61169e+18')}"),
            (IntervalTrigger, {"days": -1e308}, f"IntervalTrigger: days=-1e+308: {zero.format('-3.9845e+23')}"),
            (IntervalTrigger, {"hours": huge, "minutes": 0.5}, f"IntervalTrigger: hours={huge}, minutes=0.5: the interval is too long"),
            (IntervalTrigger, {"weeks": float("inf"), "days": float("-inf")}, "IntervalTrigger: weeks=inf, days=-inf: the interval is too long"),
            (IntervalTrigger, {"seconds": 1e17}, "IntervalTrigger: seconds=1e+17: the interval is too long"),
        ]
        rows += [(IntervalTrigger, {"hours": 1, "jitter": value}, f"jitter={value!r}: not a number of seconds, 0 or more") for value in (1e308, huge, 1e12)]
        for name, kind in (("lease", asyncz.SQLiteStore), ("poll_interval", asyncz.SQLiteStore), ("store_retry_interval", asyncz.AsyncIOScheduler)):
            rows += [(kind, {name: value}, f"{name}={value!r}: not a number of seconds above 0") for value in (1e308, huge, 1e12)]
        for call, given, expected in rows:
            with self.subTest(str(expected)[:60]):
                self.assertEqual(complaint(call, **given), f"ValueError: {expected}")
        expected = "mistrigger_grace_time=1e+308: not a number of seconds above 0; give None for however late"
        self.assertEqual(complaint(scheduler.add_job, print, mistrigger_grace_time=1e308), f"ValueError: {expected}")

    def test_are_fine_where_they_are_not_bigger_than_time(self):
        trigger = IntervalTrigger(weeks=400_000, start_at="0002-01-01", timezone="America/New_York", jitter=8e9)
        self.assertIsNotNone(trigger.get_next_trigger_time(None, at("2026-01-01")))
        self.assertEqual(IntervalTrigger(seconds=1e12).interval, timedelta(seconds=1e12))


class TestACronFieldOfManyWords(unittest.TestCase):
    def test_is_understood_within_a_deadline(self):
        program = "import asyncz; asyncz.CronTrigger(day='1st mon,' * 100_000 + 'last', hour='1,' * 500_000 + '2'); print('done')"
        self.assertEqual(run_python("-c", program, timeout=25).stdout, "done\n")

    def test_still_names_the_first_that_is_wrong(self):
        self.assertIn("'nope' is not understood", complaint(CronTrigger, day="1st mon,nope,1st mon,neither"))


class TestTheWeekdayOfACrontabLine(unittest.TestCase):
    def test_runs_from_a_to_seven_by_a_step(self):
        rows = [("1/2", "mon wed fri sun"), ("4/3", "thu sun"), ("0/2", "sun tue thu sat"), ("sun/3", "sun wed sat"), ("sat/1", "sat sun"), ("*/2", "sun tue thu sat"), ("7/1", "sun")]
        for field, expected in rows:
            with self.subTest(field):
                trigger = CronTrigger.from_crontab(f"0 0 * * {field}", timezone="UTC")
                moments = [at("2026-01-03 12:00")]  # a Saturday
                while moments[-1] is not None and moments[-1] < at("2026-01-10"):
                    moments.append(trigger.get_next_trigger_time(moments[-1], moments[-1]))
                days = [f"{moment:%a}".lower() for moment in moments[1:] if moment < at("2026-01-11")]
                self.assertEqual(sorted(set(days)), sorted(expected.split()))


class TestTheArgumentsOfATrigger(unittest.TestCase):
    def test_are_its_attributes(self):
        triggers = [
            DateTrigger("2026-01-01"), DateTrigger(), IntervalTrigger(minutes=5, start_at="2026-01-01", jitter=3, timezone="UTC"),
            CronTrigger(hour="*/2", day_of_week="mon-fri", end_at="2030-01-01"), CronTrigger(second=5),
            AndTrigger([CronTrigger(hour=8)], jitter=1), OrTrigger([IntervalTrigger(hours=1), DateTrigger()]),
        ]  # fmt: skip
        for trigger in triggers:
            with self.subTest(repr(trigger)):
                given = {name: getattr(trigger, name) for name in inspect.signature(type(trigger)).parameters}
                self.assertEqual(type(trigger)(**given), trigger)

    def test_are_the_fields_of_a_cron_trigger(self):
        rows = [
            (CronTrigger(hour=8, day="1st mon"), {"day": "1st mon", "hour": "8"}),
            (CronTrigger(minute="*/5", timezone="UTC", jitter=4), {"minute": "*/5"}),
            (CronTrigger.from_crontab("*/5 9-17 L * mon-fri"), {"minute": "*/5", "hour": "9-17", "day": "L", "month": "*", "day_of_week": "mon-fri"}),
            (CronTrigger.from_crontab("30 0 8 * * 7"), {"second": "30", "minute": "0", "hour": "8", "day": "*", "month": "*", "day_of_week": "7"}),
            (CronTrigger.from_crontab("@daily"), {"minute": "0", "hour": "0", "day": "*", "month": "*", "day_of_week": "*"}),
        ]
        for trigger, expected in rows:
            with self.subTest(repr(trigger)):
                self.assertEqual(trigger.fields, expected)
                self.assertRegex(complaint(lambda trigger=trigger: trigger.fields.update(hour="9")), "^AttributeError: 'mappingproxy'")
                for other in (eval(repr(trigger), vars(asyncz)), copy.deepcopy(trigger), pickle.loads(pickle.dumps(trigger))):
                    self.assertEqual((other, other.fields), (trigger, expected))


class Microseconds(BaseTrigger):
    """Every microsecond; counts how often it is asked."""

    asked = 0

    def get_next_trigger_time(self, previous_time, now):
        type(self).asked += 1
        if type(self).asked > 5000:
            raise AssertionError("asked too often")
        return (previous_time or now) + timedelta(microseconds=1)


class TestATriggerThatIsDueAllTheTime(VirtualTimeTestCase):
    """Schedules."""

    async def test_is_not_walked_to_find_the_last_of_a_backlog(self):
        async def job():
            runs.append(self.now())
            self.scheduler.pause()

        runs: list[str] = []
        Microseconds.asked = 0
        self.scheduler.start(paused=True)
        self.scheduler.add_job(job, Microseconds())
        await asyncio.sleep(3600)
        self.scheduler.resume()
        await asyncio.sleep(1)
        self.assertEqual((runs, Microseconds.asked < 500), (["01:00:00"], True))


# Callables and Jobs.


class TestAReference(unittest.TestCase):
    def test_of_many_packages_is_none(self):
        scheduler, reference = asyncz.AsyncIOScheduler(), "a." * 100_000 + "b:c"
        self.assertEqual(complaint(scheduler.add_job, reference), f"ValueError: fn={reference!r}: not a reference; write it as 'package.module:object'")

    def test_is_shown_by_a_job(self):
        scheduler = asyncz.AsyncIOScheduler()

        def local():
            pass

        rows = [
            (function, f"{__name__}:function"), ("os.path:join", "os.path:join"), (os.getcwd, f"{os.getcwd.__module__}:getcwd"),
            (local, None), (lambda: None, None), ([].clear, None), (functools.partial(function), None),
        ]  # fmt: skip
        for fn, expected in rows:
            with self.subTest(fn):
                job = scheduler.add_job(fn, "interval", hours=1, args=["a"] if fn == "os.path:join" else None)
                self.assertEqual(job.fn_ref, expected)


class TestTheArgumentsOfAJob(unittest.TestCase):
    def test_cannot_be_changed_in_place(self):
        job = asyncz.AsyncIOScheduler().add_job(print, "interval", hours=1, args=["a"], kwargs={"sep": "-"})

        def change():
            job.kwargs["end"] = "!"

        self.assertRegex(complaint(change), "^TypeError: 'mappingproxy' object does not support item assignment")
        self.assertEqual((job.kwargs, job.args), ({"sep": "-"}, ("a",)))


class TestControlCharacters(VirtualTimeTestCase):
    """Errors: what is shown is one line, whoever wrote it."""

    async def test_are_escaped_in_texts_and_in_the_log(self):
        class Odd(BaseTrigger):
            def get_next_trigger_time(self, previous_time, now):
                return (previous_time or now) + timedelta(hours=1)

            def __str__(self):
                return "odd\nERROR forged \x1b[31m\u2028"

        self.scheduler.start()
        with self.assertLogs("asyncz", "INFO") as logs:
            job = self.scheduler.add_job(print, Odd(), id="a\nb", name="name\r\n\x1b[2J\x7f")
            never = self.scheduler.add_job(print, "cron", hour=1, end_at="2025-01-01", id="c\nd")
        for text in (str(job), repr(job), str(never), *logs.output):
            with self.subTest(text):
                self.assertEqual([sign for sign in text if not sign.isprintable()], [])
        self.assertIn(r"name\r\n\x1b[2J\x7f (odd\nERROR forged \x1b[31m\u2028, next run", str(job))
        self.assertIn(r"odd\nERROR", "".join(logs.output))

    def test_are_escaped_on_the_command_line(self):
        for arguments in (["next", "* * * * *", "\n\x1b[31mforged"], ["run", "a\nb:c"], ["next", "*\n\x1b * * *"]):
            with self.subTest(arguments), unittest.mock.patch("sys.stderr", io.StringIO()) as errors:
                try:
                    status = asyncz.main(arguments)
                except SystemExit as stop:
                    status = stop.code
                self.assertEqual((status, [sign for sign in errors.getvalue()[:-1] if not sign.isprintable()]), (2, []))


# Records.


class Elsewhere(tzinfo):
    """A time zone that calls itself Europe/Paris."""

    def utcoffset(self, dt):
        return timedelta(hours=9)

    def dst(self, dt):
        return timedelta(0)

    def tzname(self, dt):
        return "CET"

    def __str__(self):
        return "Europe/Paris"


def from_file(place: str, name: str) -> zoneinfo.ZoneInfo:
    """Return the zone of a place under the name of another."""
    for folder in zoneinfo.TZPATH:
        if os.path.exists(f"{folder}/{place}"):
            with open(f"{folder}/{place}", "rb") as file:
                return zoneinfo.ZoneInfo.from_file(file, key=name)
    raise unittest.SkipTest("no time zone database of the system")


def pytz_zone(name: str) -> Any:
    try:
        import pytz
    except ImportError:
        raise unittest.SkipTest("pytz is not installed") from None
    return pytz.timezone(name)


class TestTimesInARecord(StoreTestCase):
    def test_come_back_as_the_same_instant(self):
        paris, tokyo = map(zoneinfo.ZoneInfo, ("Europe/Paris", "Asia/Tokyo"))
        nine = timedelta(hours=9)
        pytz_paris = pytz_zone("Europe/Paris")
        moments = [
            datetime(2027, 10, 31, 2, 30, fold=1, tzinfo=paris), datetime(2027, 10, 31, 2, 30, tzinfo=paris), datetime(2027, 3, 28, 2, 30, tzinfo=paris),
            pytz_paris.localize(datetime(2027, 10, 31, 2, 30), is_dst=False), pytz_paris.localize(datetime(2027, 10, 31, 2, 30), is_dst=True),
            datetime(2027, 5, 1, 12, tzinfo=pytz_paris),  # local mean time
            datetime(2027, 5, 1, 18, tzinfo=from_file("Asia/Tokyo", "Europe/Paris")), datetime(2027, 5, 1, 18, tzinfo=from_file("Asia/Tokyo", "Foo/Bar")),
            datetime(2027, 5, 1, 18, tzinfo=Elsewhere()), datetime.max.replace(tzinfo=paris), datetime.min.replace(tzinfo=tokyo),
            *(datetime(2027, 5, 1, 18, tzinfo=timezone(nine, name)) for name in ("Europe/Paris", "UTC", "local")),
        ]  # fmt: skip
        found = self.after_a_restart({"args": moments})
        for before, after in zip(moments, found.args):
            with self.subTest(before.isoformat(), zone=str(before.tzinfo)):
                self.assertEqual((after - before, after.utcoffset()), (timedelta(0), before.utcoffset()))

    def test_that_are_naive_keep_their_fold(self):
        for fold in (0, 1):
            moment, clock = datetime(2027, 10, 31, 2, 30, fold=fold), clock_time(2, 30, fold=fold)
            found = self.after_a_restart({"args": [moment, clock]})
            self.assertEqual([(value, value.fold) for value in found.args], [(moment, fold), (clock, fold)])

    def test_of_a_trigger_are_the_same_run_times(self):
        pytz_paris = pytz_zone("Europe/Paris")
        moments = [
            datetime(2027, 10, 31, 2, 30, fold=1), datetime(2027, 10, 31, 2, 30), pytz_paris.localize(datetime(2027, 10, 31, 2, 30), is_dst=False),
            datetime(2027, 5, 1, 12, tzinfo=pytz_paris), datetime(2027, 5, 1, 18, tzinfo=from_file("Asia/Tokyo", "Europe/Paris")),
            datetime(2027, 5, 1, 18, tzinfo=timezone(timedelta(hours=9), "local")),
        ]  # fmt: skip
        for moment in moments:
            for kind, given in (("date", {"run_at": moment}), ("interval", {"start_at": moment, "hours": 5})):
                with self.subTest(kind, moment=moment):
                    options = {"timezone": "Europe/Paris"}
                    scheduler = asyncz.AsyncIOScheduler(**options)
                    expected = scheduler.add_job(max, kind, **given).next_run_time
                    found = self.after_a_restart({"trigger": kind, "next_run_time": asyncz.UNSET, **given}, **options)
                    self.assertEqual(found.next_run_time, expected)
                    self.assertEqual(found.pause().resume().next_run_time, expected)

    def test_keep_the_zone_of_a_time(self):
        zones = [None, zoneinfo.ZoneInfo("Europe/Paris"), UTC, timezone(timedelta(hours=9), "UTC")]
        found = self.after_a_restart({"args": [clock_time(8, tzinfo=zone) for zone in zones]})
        self.assertEqual([value.tzinfo for value in found.args], zones)
        scheduler = self.scheduler()
        message = complaint(scheduler.add_job, max, args=[clock_time(8, tzinfo=from_file("Asia/Tokyo", "Europe/Paris"))])
        self.assertRegex(message, r"^TypeError: args\[0\].*a time zone with the name of another can't be kept in a record")


class TestAZoneInARecord(StoreTestCase):
    def test_that_its_name_does_not_lead_back_to_is_refused(self):
        for zone in (from_file("Asia/Tokyo", "Europe/Paris"), Elsewhere()):
            problem = "a time zone with the name of another can't be kept in a record; give one by its name"
            with self.subTest(str(zone)):
                scheduler = self.scheduler()
                self.assertEqual(complaint(scheduler.add_job, print, "cron", hour=18, timezone=zone), f"TypeError: trigger['timezone']={zone!r}: {problem}")
                scheduler = self.scheduler(timezone=zone)
                self.assertEqual(complaint(scheduler.add_job, print, "cron", hour=18), f"TypeError: timezone={zone!r}: {problem}")

    def test_that_is_an_offset_is_kept_whatever_it_is_called(self):
        now = at("2027-05-01")
        for name in ("UTC", "Europe/Paris", "local", "JST"):
            with self.subTest(name):
                zone = timezone(timedelta(hours=9), name)
                trigger = CronTrigger(hour=18, timezone=zone)
                self.assertEqual(self.after_a_restart({"trigger": trigger}).trigger.get_next_trigger_time(None, now), at("2027-05-01 09:00"))
                found = self.after_a_restart({"trigger": "cron", "hour": 18, "next_run_time": asyncz.UNSET}, timezone=zone)
                self.assertEqual(found.next_run_time.astimezone(UTC).hour, 9)

    def test_of_pytz_is_known_by_its_name(self):
        for name in ("Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"):
            with self.subTest(name):
                found = self.after_a_restart({"trigger": CronTrigger(hour=18, timezone=pytz_zone(name))})
                self.assertEqual(str(found.trigger.timezone), name)


class TestARecordThatIsWrong(StoreTestCase):
    def change(self, old: str, new: str) -> None:
        connection = sqlite3.connect(self.path)
        with connection:
            connection.execute("UPDATE jobs SET def = replace(def, ?, ?)", (old, new))
        connection.close()

    def add(self, fn: Any, **options: Any) -> None:
        scheduler = self.scheduler(**options)
        scheduler.start(paused=True)
        scheduler.add_job(fn, "interval", hours=1, id="a", next_run_time=None)
        scheduler.shutdown()

    def test_because_it_names_no_function_is_unreadable(self):
        for value in ("null", "5", '""'):
            with self.subTest(value):
                pathlib.Path(self.path).unlink(missing_ok=True)
                self.add(function)
                self.change(f'"{__name__}:function"', value)
                scheduler = self.scheduler()
                scheduler.start(paused=True)
                self.assertEqual((scheduler.get_jobs(), [id for id, _ in scheduler._engine.settings.stores["default"].unreadable()]), ([], ["a"]))

    def test_is_looked_at_without_an_import(self):
        folder = pathlib.Path(self.path).parent
        (folder / "side_package").mkdir()
        (folder / "side_package" / "__init__.py").write_text("")
        (folder / "side_package" / "side_effect.py").write_text("def f(): pass\n")
        rows = [
            (f"{__name__}:function", []), ("side_package.side_effect:f", []), ("side_package.nowhere:f", []),
            ("side_packages:f", ["fn='side_packages:f': there is no module 'side_packages'"]), ("json.nowhere:f", ["fn='json.nowhere:f': there is no module 'json.nowhere'"]), ("json.decoder.more:f", None),
            (f"{__name__}:nothing", None), (f"{__name__}:SOURCE", None), ("nothing", None),
        ]  # fmt: skip
        with unittest.mock.patch.object(sys, "path", [str(folder), *sys.path]):
            for reference, expected in rows:
                with self.subTest(reference):
                    pathlib.Path(self.path).unlink(missing_ok=True)
                    self.add(function)
                    self.change(f"{__name__}:function", reference)
                    scheduler = self.scheduler()
                    scheduler.start(paused=True)
                    found = scheduler._engine.settings.stores["default"].unreadable() if hasattr(scheduler, "_engine") else scheduler._stores["default"].unreadable()
                    reasons = [reason for _, reason in found]
                    if expected is None:
                        self.assertEqual(len(reasons), 1)
                    else:
                        self.assertEqual(reasons, expected)
                    self.assertEqual([name for name in sys.modules if name.startswith("side_")], [])
                    scheduler.shutdown()

    def test_is_none_for_an_id_that_is_no_text(self):
        scheduler = self.scheduler()
        for start in (False, True):
            if start:
                scheduler.start(paused=True)
            with self.subTest(start=start):
                message = complaint(scheduler.add_job, print, "interval", hours=1, id="a\udce4")
                self.assertRegex(message, r"^ValueError: id='a\\udce4': ")
                self.assertIsNone(scheduler.get_job("a\udce4"))
                self.assertRegex(complaint(scheduler.delete_job, "a\udce4"), "^JobLookupError: ")
        self.assertEqual(scheduler.get_jobs(), [])
        self.assertEqual(asyncz.AsyncIOScheduler().add_job(print, "interval", hours=1, id="a\udce4").id, "a\udce4")


class TestASignature(unittest.TestCase):
    """Records."""

    def test_is_of_each_part_by_itself(self):
        rows = [("c", "a", "b\0c"), ("c", "a\0b", "c"), ("c\0a", "b", "c"), ("c", "a", "?"), ("c", "a", "\ud83f"), ("c", "?", ""), ("c", "\ud83f", "")]
        found = {asyncz._Codec(None, b"secret", context)._signature(b"secret", id, payload) for context, id, payload in rows}
        self.assertEqual(len(found), len(rows))


# Configuration.


class TestASecret(unittest.TestCase):
    def test_is_in_no_message(self):
        hidden = "TOPSECRET"
        prefix = "asyncz.stores.default."
        rows = [
            {f"{prefix}type": "sqlite", f"{prefix}secrets": hidden}, {f"{prefix}secret": hidden}, {f"{prefix}type": "sqlite", f"{prefix}secret_key": {"a": hidden}},
            {"asyncz.stores": [{"type": "sqlite", "secret": hidden}]}, {"asyncz.stores.default": {"sub": {"secret": [hidden]}}},
            {f"{prefix}type": "sqlite", f"{prefix}pth": {"secret": hidden}}, {f"{prefix}type": "sqlitee", f"{prefix}secret": hidden},
            {f"{prefix}type": "sqlite", f"{prefix}secret": [5, hidden]}, {f"{prefix}class": "os:getcwd", f"{prefix}secret": hidden}, {"asyncz.executors.x.secret": hidden},
        ]  # fmt: skip
        for given in rows:
            with self.subTest(given):
                message = complaint(asyncz.AsyncIOScheduler, given)
                self.assertRegex(message, "^(Type|Value)Error: ")
                self.assertNotIn(hidden, message)
        scheduler = asyncz.AsyncIOScheduler()
        message = complaint(scheduler.add_job, len, kwargs={"secret_key": hidden, "options": {"secret": hidden}})
        self.assertRegex(message, r"^TypeError: args=\(\), kwargs={'secret_key': '...', 'options': {'secret': '...'}}: do not fit")
        self.assertNotIn(hidden, message)


class TestAConfigurationThatIsNone(unittest.TestCase):
    def test_says_what_to_write(self):
        hint = "options are keywords, such as timezone='Europe/Paris'"
        for given in (5, "Europe/Paris", ["a"]):
            with self.subTest(given):
                self.assertEqual(complaint(asyncz.AsyncIOScheduler, given), f"TypeError: global_config={given!r}: not a dictionary; {hint}")

    def test_has_no_prefix_where_that_is_none(self):
        scheduler = asyncz.AsyncIOScheduler({"timezone": "Asia/Tokyo"}, prefix=None)
        self.assertEqual(str(scheduler.timezone), "Asia/Tokyo")
        scheduler.configure({"timezone": "Europe/Paris"}, None)
        self.assertEqual(str(scheduler.timezone), "Europe/Paris")


class TestSchedulerState(VirtualTimeTestCase):
    async def test_is_a_number_that_is_printed_as_a_word(self):
        states = []
        for step in (lambda: None, self.scheduler.start, self.scheduler.pause):
            step()
            states.append((int(self.scheduler.state), bool(self.scheduler.state), str(self.scheduler.state), str(self.scheduler).partition(",")[0]))
        self.assertEqual(states, [(0, False, "stopped", "AsyncIOScheduler: stopped"), (1, True, "running", "AsyncIOScheduler: running"), (2, True, "paused", "AsyncIOScheduler: paused")])
        self.assertTrue(issubclass(asyncz.SchedulerState, enum.IntEnum))


# Dotted names.


class TestTheFileLoadedByHand(unittest.TestCase):
    def test_need_not_be_in_sys_modules(self):
        spec = importlib.util.spec_from_file_location("asyncz_by_hand", SOURCE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        namespace: dict[str, Any] = {"__name__": "asyncz_executed"}
        exec(SOURCE.read_text(encoding="utf-8"), namespace)
        for found in (module, types.SimpleNamespace(**namespace)):
            with self.subTest(found.__name__):
                scheduler = found.AsyncIOScheduler(timezone="UTC")
                job = scheduler.add_job(print, "cron", hour=8)
                self.assertEqual((str(job)[:5], found.JobEvent(1, "a").alias), ("print", "a"))
                self.assertEqual([name for name in sys.modules if name.startswith(found.__name__)], [])
                with scheduler:
                    self.assertEqual(scheduler.run_job(scheduler.add_job(os.getpid, "interval", hours=1).id).result(5), os.getpid())


if __name__ == "__main__":
    unittest.main()
