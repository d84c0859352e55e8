"""The tests of asyncz: `python -m unittest`, with nothing but the standard library; a minute or
less.

A second house with the rooms of `asyncz.py`, in its order. A class is named for what it is about,
and its methods finish the sentence. A room whose promises show only in others has none here.

    Helpers               the virtual clock, base cases, sample jobs; all that looks inside asyncz
    Errors                classes of errors
    Events                what listeners hear
    Time                  time zones
    Triggers              date, interval, and, or, those of the user's own
    Cron                  fields, crontab lines, clock changes
    Calendar intervals    every so many days or months, against an oracle
    Schedules             a trigger in a job
    Callables             what can be a job, and its arguments
    Options               what else it can be given
    Listings              what people see of jobs and runs
    Jobs                  how it is shown
    Runs                  what becomes of runs that were missed
    Records               jobs as text
    Stores                what every store keeps to; in memory, the user's own
    Protocol              what becomes of a row
    Rows                  rows that nobody can understand
    Leases                a shared store with faults, in real time
    Shared stores         what stores keep to that several schedulers share
    SQLite                that in a file
    Executors             where functions are called
    Configuration         options from keywords, dictionaries and strings
    Registry              how jobs are added, changed, listed
    Runs in progress      runs that are asked for, and how many there may be
    Keepers               triggers that are wrong, stores that fail, clocks that jump
    Engine                start and shutdown
    ASGI                  the lifespan protocol
    Scheduler             one that is driven by hand; the decorator
    Scheduler on asyncio  threads and loops
    Simulation            virtual time
    Dotted names          imports, copies, reloads
    Command line          python -m asyncz
    Programs              what shows only in processes of their own, and the README
    Servers               what needs a package or a server

They run on a virtual clock, which jumps to the next timer instead of waiting; only what is about
real time, signals, threads or processes takes real time. What needs a package or a server that is
absent skips itself and says why.
"""

from __future__ import annotations

import ast
import asyncio
import atexit
import calendar
import concurrent.futures
import configparser
import contextlib
import contextvars
import copy
import decimal
import enum
import functools
import gc
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import logging
import multiprocessing
import os
import pathlib
import pickle
import random
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import types
import unittest
import unittest.mock
import uuid
import warnings
import weakref
import xml.etree.ElementTree
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from typing import Any, NamedTuple

import asyncz
from asyncz import AndTrigger, BaseTrigger, CronTrigger, DateTrigger, IntervalTrigger, OrTrigger

# Or the errors that tests provoke would be printed.
logging.getLogger("asyncz").addHandler(logging.NullHandler())

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HERE = pathlib.Path(asyncz.__file__).resolve().parent


# === Helpers ===
# Time is virtual in most tests, and a scheduler can't be given a clock: one is put in the place of
# asyncz's. What looks inside asyncz for that, to plant a fault in the middle of an operation, or to
# see what no user needs to, is all here, so that a change inside asyncz touches one place.


def load_tests(loader: Any, tests: unittest.TestSuite, pattern: Any) -> unittest.TestSuite:
    """Return the tests; where ASYNCZ_TEST_SEED is set, in an order of its own, class by class.

    So it shows what one leaves behind for another.
    """
    if "ASYNCZ_TEST_SEED" not in os.environ:
        return tests
    order = random.Random(os.environ["ASYNCZ_TEST_SEED"])
    classes: list[Any] = [list(suite) for suite in tests if isinstance(suite, unittest.TestSuite)]
    for some in (classes, *classes):
        order.shuffle(some)
    return unittest.TestSuite(map(unittest.TestSuite, classes))


def setUpModule() -> None:
    """Hear the signals that a shell in the background, or nohup, has ignored: programs inherit it."""
    for name, default in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            unittest.addModuleCleanup(signal.signal, number, signal.signal(number, default))


def at(text: str) -> datetime:
    """Return the aware UTC datetime that an ISO 8601 string without a zone means."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def us(moment: datetime) -> int:
    """Return an aware datetime as records and stores have it: microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class VirtualClock(asyncz._Clock):
    """The time of a test: where its loop would wait, it jumps to the next timer.

    Unless a thread is at work for the loop: those of `run_in_executor`, and asyncz's own, are counted.
    """

    longest_sleep = None
    real = False  # wait, as any loop does

    def __init__(self, start: datetime) -> None:
        self.start_us, self.elapsed = us(start), 0.0
        # What is done when a thread that is at work for the loop is, and the pool of that thread.
        self.threads: dict[Any, Any] = {}
        self.asleep: Counter[Any] = Counter()  # how many threads of a pool sleep on virtual time

    def monotonic(self) -> float:
        return self.elapsed

    def now_us(self) -> int:
        return self.start_us + round(self.elapsed * 1_000_000)

    def now(self) -> datetime:
        return EPOCH + timedelta(microseconds=self.now_us())

    def set(self, moment: datetime) -> None:
        """Let it be that time now; monotonic time goes on."""
        self.start_us += us(moment) - self.now_us()

    def install(self, loop: Any) -> contextlib.ExitStack:
        """Let `loop`, one with a selector, live by this clock until the result is closed."""
        select, run_in_executor = loop._selector.select, loop.run_in_executor
        call = asyncz._Threads.call

        def counted(threads, *args):
            future = call(threads, *args)
            return self.count(future, threads) if future.get_loop() is loop else future

        loop._selector.select = functools.partial(self.select, select)
        loop.run_in_executor = lambda *args: self.count(run_in_executor(*args))
        loop.time = self.monotonic
        loop._clock_resolution = 0.4 / 1_000_000
        loop.set_debug(False)
        stack = contextlib.ExitStack()
        stack.enter_context(unittest.mock.patch.object(asyncz._Threads, "call", counted))
        return stack

    def count(self, future: Any, pool: Any = None) -> Any:
        """Let time stand still until a future is done."""
        self.threads[future] = pool
        future.add_done_callback(lambda _: self.threads.pop(future, None))
        return future

    def is_busy(self) -> bool:
        """Return whether a thread is at work, or about to be; not if all of its pool sleep."""
        return any(
            pool is None or future not in pool._waiting or self.asleep[pool] < pool._limit
            for future, pool in self.threads.items()
        )

    def sleep_in_thread(self, loop: Any, seconds: float) -> None:
        """Let the run of a job, which is in a thread, sleep on virtual time."""
        run, over = asyncz._CURRENT.get(), threading.Event()
        pool, workers = run.executor._threads, [threading.current_thread()]
        if run.ticket is not None:
            workers.append(run.leases.thread.latest)

        def begin() -> None:
            self.threads.pop(run.away, None)
            self.asleep[pool] += 1
            loop.call_later(seconds, end, run.away)

        def end(call: Any) -> None:
            self.asleep[pool] -= 1
            over.set()
            if not run.abandoned:
                self.threads[call] = pool
                return
            # A shutdown has not waited for it. Its store hears of the end, before time goes on.
            for worker in workers:
                loop.run_in_executor(None, worker.join, 20)

        loop.call_soon_threadsafe(begin)
        over.wait(60)

    def select(self, select: Callable[[float | None], Any], timeout: float | None) -> Any:
        # Before the look at what is there: a thread that ends reports first.
        busy = self.real or self.is_busy()
        events = select(0)
        if events or timeout == 0:
            return events
        if timeout is None or busy:
            return select(timeout if timeout is None else 0.01)
        self.elapsed += timeout
        return events


class VirtualTimeTestCase(unittest.IsolatedAsyncioTestCase):
    """A test on virtual time, which begins at 2026-01-01 00:00 UTC, with a scheduler on it."""

    START = "2026-01-01 00:00:00"

    async def asyncSetUp(self) -> None:
        self.clock = VirtualClock(at(self.START))
        self.addCleanup(self.clock.install(asyncio.get_running_loop()).close)
        self.schedulers: list[asyncz.AsyncIOScheduler] = []
        self.scheduler = self.make_scheduler()

    async def asyncTearDown(self) -> None:
        for scheduler in self.schedulers:
            await scheduler.shutdown(wait=False)
        # What is left, such as asyncio's wait for its threads, must not jump over its timeout.
        self.clock.real = True

    def make_scheduler(self, **options: Any) -> asyncz.AsyncIOScheduler:
        """Return a stopped scheduler on the test's clock."""
        with self.on_the_clock():
            scheduler = asyncz.AsyncIOScheduler(**{"timezone": "UTC", **options})
        self.schedulers.append(scheduler)
        return scheduler

    def on_the_clock(self) -> Any:
        """Let what asks for a clock of its own meanwhile have the test's."""
        return unittest.mock.patch.object(asyncz, "_Clock", return_value=self.clock)

    def now(self) -> str:
        """Return the virtual time, such as '00:05:00', after a day such as '2026-01-02 00:05:00'."""
        moment = self.clock.now()
        return (
            f"{moment:%H:%M:%S}"
            if moment.date() == at(self.START).date()
            else f"{moment:%Y-%m-%d %H:%M:%S}"
        )

    def step_clock(self, seconds: float) -> None:
        """Set the wall clock forward or back, as somebody with `date -s` would."""
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))


class RealTimeTestCase(unittest.IsolatedAsyncioTestCase):
    """A test whose loop waits as any does.

    Without asyncio's debug mode, which prints what takes longer than 0.1 s on a machine that is busy.
    """

    async def asyncSetUp(self) -> None:
        asyncio.get_running_loop().set_debug(False)


class SlowCalls:
    """Calls that last until an event loop has turned: one that holds up the loop fails."""

    def __init__(self) -> None:
        self.turns, self.held_up = 0, 0

    def take_long(self) -> None:
        seen = self.turns
        self.held_up += not wait_until(lambda: self.turns > seen + 3, 5)

    async def turn_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition() and not self.held_up and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
            self.turns += 1
        # Let those go that are in one.
        self.turns += 10


class FileTestCase(unittest.TestCase):
    """A test with jobs in a file, which schedulers open one after the other."""

    def setUp(self) -> None:
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "jobs.sqlite3")

    def make_scheduler(self, **options: Any) -> asyncz.AsyncIOScheduler:
        """Return a stopped scheduler on the file; its store is `self.store`."""
        self.store = asyncz.SQLiteStore(self.path)
        scheduler = asyncz.AsyncIOScheduler(
            **{"timezone": "UTC", "stores": {"default": self.store}, **options}
        )
        self.addCleanup(scheduler.shutdown)
        return scheduler

    def after_a_restart(self, job: dict[str, Any], **options: Any) -> asyncz.Job:
        """Add a job, and return what the next scheduler reads."""
        first = self.make_scheduler(**options)
        first.start(paused=True)
        id = first.add_job(max, **{"next_run_time": None, **job}).id
        first.shutdown()
        second = self.make_scheduler(**options)
        second.start(paused=True)
        return second.get_job(id)


class FaultTestCase(unittest.TestCase):
    """Real time: a scheduler in a thread, with a job in a store that is not well.

    A job in memory shows that the scheduler is.
    """

    def setUp(self):
        self.folder = temporary_folder()
        self.addCleanup(self.folder.cleanup)
        self.runs, self.beats = [], []
        HOOKS["run"] = lambda: self.runs.append(asyncz.current_run().scheduled_run_time)
        HOOKS["beat"] = lambda: self.beats.append(time.monotonic())

    def start(self, store, **options):
        self.scheduler = asyncz.AsyncIOScheduler(
            stores={"memory": asyncz.MemoryStore(), "default": store},
            store_retry_interval=0.5,
            **options,
        )
        self.scheduler.add_job(act, "interval", seconds=0.05, args=["beat"], store="memory")
        self.scheduler.add_job(
            act, "interval", seconds=0.1, args=["run"], id="run", coalesce=False, max_instances=100
        )
        self.scheduler.start()
        self.addCleanup(self.scheduler.shutdown, wait=False)

    def beats_while(self, action):
        """Do something that takes a while, and check that the job in memory ran on."""
        before = len(self.beats)
        action()
        self.assertTrue(wait_until(lambda: len(self.beats) >= before + 5))

    def check_all_ran_once(self):
        """All times from the first to the last run, each once; in which order is not promised."""

        def steps():
            runs = sorted(self.runs)
            return {(later - earlier).total_seconds() for earlier, later in zip(runs, runs[1:])}

        self.assertTrue(wait_until(lambda: steps() == {0.1}), steps())


def wait_until(condition, seconds=20.0):
    """Wait until something is so, and return whether it is."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def silence(case: unittest.TestCase) -> None:
    """Let nothing be logged for the rest of a test, whose point are errors."""
    logging.disable(logging.CRITICAL)
    case.addCleanup(logging.disable, logging.NOTSET)


async def becomes(condition, seconds=20.0):
    """The same on a loop, whose virtual time stands still meanwhile."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.001)
    return True


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder, in memory where that can be: no transaction waits for a busy disk."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


@functools.cache
def bytecode_folder() -> str:
    """Return where processes keep what they have compiled, or each would compile the module."""
    folder = temporary_folder()
    atexit.register(folder.cleanup)
    return folder.name


def environment(*folders: str, **variables: str) -> dict[str, str]:
    """Return the environment of a process that finds the module, and what is in `folders`."""
    inherited = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(HERE), *folders]),
        "PYTHONPYCACHEPREFIX": bytecode_folder(),
        "PYTHONIOENCODING": "utf-8",
        **variables,
    }


def run_python(
    *arguments: str, timeout: float = 30, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run this Python with `arguments`, and the module importable; return what it printed."""
    more = options.pop("env", {})
    # Coverage takes a lock of its own for each function that it sees first. A handler that
    # interrupts it there may wait for threads that wait for this lock, and a fork copies it.
    if any(word in text for text in arguments for word in ("os.fork()", "signal.signal(")):
        more = {**more, "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
    options["env"] = environment(**more)
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=timeout, **options
    )


FORKS = """
import contextlib, importlib, io, json, os, sys, time
preloaded, programs = json.load(sys.stdin)
for name in preloaded:
    importlib.import_module(name)
running = []
for code, arguments, variables in programs:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.environ.update(variables)
        time.tzset()
        sys.argv[1:] = arguments
        printed, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
            try:
                status = exec(code, {"__name__": "__main__"}) or 0
            except SystemExit as error:
                status = error.code
            except BaseException as error:
                status = repr(error)
        with os.fdopen(writing, "w") as answer:
            json.dump([status, printed.getvalue(), complained.getvalue()], answer)
        os._exit(0)
    os.close(writing)
    running.append((pid, reading))
answers = []
for pid, reading in running:
    with os.fdopen(reading) as answer:
        answers.append(json.load(answer))
    os.waitpid(pid, 0)
print(json.dumps(answers))
"""


def run_forked(
    *programs: str | tuple[str, list[str], dict[str, str]],
    preloaded: tuple[str, ...] = (),
    **options: Any,
) -> list[tuple[Any, str, str]]:
    """Run programs in forks of one new Python; return exit status, output and errors of each.

    programs: a text, or that with arguments and variables of the environment. preloaded: modules
    that are imported before. It takes a fraction of the time of a Python for each.
    """
    whole = [(program, [], {}) if isinstance(program, str) else program for program in programs]
    done = run_python("-c", FORKS, input=json.dumps([preloaded, whole]), **options)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [tuple(answer) for answer in json.loads(done.stdout)]


def complaint(call, *args, **kwargs):
    """Return the error that a call raises, as 'Type: message', or what it returned."""
    try:
        result = call(*args, **kwargs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"no error: {result!r}"


CODES = {
    name: getattr(asyncz, name)
    for name in asyncz.__all__
    if name.isupper() and name not in ("ALL_EVENTS", "UNSET", "SCHEDULER_START")
}


def code_name(code):
    """Return the name of an event's code."""
    return next((name for name, value in CODES.items() if value == code), str(code))


# What looks inside: a scheduler, and the time zone of the machine.


REAL_LONGEST_SLEEP = asyncz._Clock.longest_sleep
SYSTEM_ZONE = asyncz._SYSTEM_ZONE  # the machine's, where it has no name


def settings_of(scheduler: asyncz.BaseScheduler) -> Any:
    """Return what has `stores`, `executors`, `job_defaults`, `logger` and the `clock`."""
    return scheduler._engine.settings


def replace_lock(scheduler: asyncz.BaseScheduler, make: Callable[[Any], Any]) -> Any:
    """Put another lock in the place of the one that guards the jobs; return it."""
    registry = scheduler._engine.registry
    registry.lock = make(registry.lock)
    return registry.lock


def system_zone_files(localtime: pathlib.Path, timezone_file: pathlib.Path) -> Any:
    """Look at these files, and not at those in /etc, for the time zone of the machine."""
    return unittest.mock.patch.multiple(
        asyncz, _LOCALTIME=str(localtime), _TIMEZONE_FILE=str(timezone_file)
    )


def no_threads() -> Any:
    """Let this be a platform that has none, as a browser."""
    return unittest.mock.patch.object(asyncz, "_NO_THREADS", True)


def shown_time(instant_us: int, zone: tzinfo) -> datetime:
    """Return an instant as it is shown in a zone, whatever the number."""
    return asyncz._from_us(instant_us, zone)


def names_of_others() -> list[tuple[str, str]]:
    """Return names, with spaces between them, and what they are called here or what to write."""
    return re.findall("(.+): (.+)", asyncz._PEERS)


def values_of_field(name: str, text: str, crontab: bool) -> list[int]:
    """Return the numbers that a cron field stands for. Raises ValueError."""
    rules = asyncz._CRONTAB if crontab else asyncz._KEYWORDS
    numbers = asyncz._Field(name, text, rules[name]).numbers()
    # Inside, Monday is 0.
    return (
        [(number + 1) % 7 for number in numbers] if crontab and name == "day_of_week" else numbers
    )


# Inside: jobs and records.


Unreadable = asyncz._Unreadable


def make_codec(secret: bytes | None = None, place: str = "test") -> Any:
    """Return what writes jobs as records, and reads them."""
    return asyncz._Codec(None, secret, place)


def parser_of(codec: Any) -> Any:
    """Return what parses a text, when it has been verified, by `loads`."""
    return codec._serializer


def given_to(job: asyncz.Job, scheduler: asyncz.BaseScheduler) -> asyncz.Job:
    """Return a job that was read from a record as one of a scheduler, as stores do."""
    job._scheduler = scheduler
    return job


def following_us(job: asyncz.Job, previous_us: int | None, now: datetime) -> int | None:
    """Return what the schedule of a job, its trigger with zone and grid, says."""
    return job._schedule.after_us(previous_us, us(now))


# Inside: stores of the user's own, which claim and hand back by their ten methods.


def claim(store: asyncz.BaseStore, seen: asyncz.Job, is_last: bool) -> bool:
    """Claim a run, its last or not, of a job as somebody has seen it; return whether it was won."""
    due_us = None if is_last else seen._due_us
    return store._swap(seen, seen._revision, {"_due_us": due_us}, due_us is None)


def hand_back(store: asyncz.BaseStore, job: asyncz.Job, due_us: int, removed: bool) -> None:
    """Make a run due again that was claimed and did not begin."""
    store._hand_back(job, due_us, removed)


# Inside: shared stores, their rows, and what is put in one's place.


Ticket, decided = asyncz._Ticket, asyncz._decided


class VirtualRedisTable(asyncz._RedisTable):
    """One whose time is that of the tests."""

    local_clock = True

    def _found(self, index, highest, skip=0, limit=-1):
        return super()._found(index, highest or str(self.clock.now_us()), skip, limit)


class VirtualMongoDBTable(asyncz._MongoDBTable):
    """One whose time is that of the tests."""

    def server_us(self):
        return self.clock.now_us()


class SlowSQLiteTable(asyncz._SQLiteTable):
    """One on a disk that is slow: each call of it runs the hook "slow call"."""

    def change(self, changes):
        HOOKS["slow call"]()
        return super().change(changes)

    def page(self, skip, limit):
        HOOKS["slow call"]()
        return super().page(skip, limit)


def with_table(table: type, make: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """Make a store whose rows are in a table of that class."""
    base = table.__bases__[0].__name__
    with unittest.mock.patch.object(asyncz, base, table):
        return make(*args, **options)


def row_of(store: Any, job_id: str) -> Any:
    """Return a job's row, None if there is none; its `runs` are tickets by the ids of runs."""
    found = store._table.fetch([job_id])
    return asyncz._row_of(found[0]) if found else None


def expired_tickets(store: Any, now_us: int) -> list[Any]:
    """Return those that a store finds when it looks for runs whose lease ran out."""
    rows = [asyncz._row_of(stored) for stored in store._table.expired(1000)]
    return [ticket for row in rows for ticket in row.runs.values() if ticket.until_us < now_us]


def apply_as(owner: str, clock: VirtualClock, store: Any, *ops: Any) -> list[Any]:
    """Do operations with a store as the scheduler with that id would; return the answers."""
    store._rows.owner, store._table.clock = owner, clock
    answers = store._rows.applied(list(ops))
    store._table.close()
    return answers


def claim_of(
    owner: str, job: asyncz.Job, due_us: int, last_us: int, following_us: int | None, recover: bool
) -> tuple[Any, Any]:
    """Return the operation that claims a run of a job, and its ticket."""
    ticket = Ticket(owner, 0, 0, due_us, last_us, recover)
    return (
        "claim",
        job.id,
        job._revision,
        "dead.rev",
        following_us,
        1,
        f"{owner}.1",
        ticket,
    ), ticket


@contextlib.contextmanager
def before_it_is_added(store: Any, action: Callable[[], object]) -> Iterator[None]:
    """Do something after a store has found that there is no such job, and before it adds it."""
    fetch = store._table.fetch

    def read_and_act(ids):
        found = fetch(ids)
        if not found:
            action()
        return found

    with unittest.mock.patch.object(store._table, "fetch", read_and_act):
        yield


def leave_process(store: Any) -> None:
    """Let nobody in this process be told of what the store changes, as if it were in another."""
    store._table.place = "somewhere else"


def set_page(store: Any, count: int) -> None:
    """Let a store claim at most so many jobs in one go."""
    store._PAGE = count


def codec_of(store: Any) -> Any:
    """Return what writes and reads the records of a store."""
    return store._codec


def codec_with(secret: bytes, store: Any) -> Any:
    """Return what reads records in the place of a store's, but with that secret."""
    return make_codec(secret, store._codec._context)


def signature_of(secret: bytes, place: str, job_id: str, payload: str) -> str:
    """Return how a store there signs the record of a job."""
    return make_codec(secret, place)._signature(secret, job_id, payload)


def options_of(store: Any) -> dict[str, Any]:
    """Return what a shared store was made with."""
    table = store._table
    return {
        "client": getattr(table, "_client", None),
        "key_prefix": getattr(table, "_tag", "{}")[1:-1],
        "path": getattr(table, "path", None),
        "lease": store._lease_us / 1_000_000,
        "secrets": store._codec._secrets,
    }


def wrap_collection(store: Any, wrap: Callable[[Any], Any]) -> None:
    """Put something in the place of the collection of a store in MongoDB."""
    store._table._collection = wrap(store._table._collection)


def server_time(client: Any) -> Any:
    """Return what the server of MongoDB says the time is, None where it does not say."""
    return asyncz._server_time_of(client)


def server_us(store: Any) -> int:
    """Return the time by which a store in MongoDB goes."""
    return store._table.server_us()


# Samples that several rooms use.


def instants(text: str) -> list[str]:
    """Return '2026-03-29 01:00 02:00; 2026-03-30 00:30' as single times."""
    days = [day.split() for day in text.split("; ")] if text else []
    return [f"{day} {clock}" for day, *clocks in days for clock in clocks]


def fires(trigger: BaseTrigger, start: str, end: str, previous: str = "") -> list[str]:
    """Return the run times from `start` to `end`, both included, in UTC and to the minute, or the
    second where it is not zero.
    """
    found = []
    moment = trigger.get_next_trigger_time(at(previous) if previous else None, at(start))
    while moment is not None and moment <= at(end):
        utc = moment.astimezone(UTC).replace(tzinfo=None)
        found.append(utc.isoformat(" ", "minutes") if not utc.second else utc.isoformat(" "))
        moment = trigger.get_next_trigger_time(moment, at(start))
    return found


def first_local(trigger: BaseTrigger, now: str, count: int) -> list[str]:
    """Return the first `count` run times from `now` (UTC) in the trigger's own zone."""
    found: list[datetime] = []
    while len(found) < count:
        moment = trigger.get_next_trigger_time(found[-1] if found else None, at(now))
        if moment is None:
            break
        found.append(moment)
    return [f"{moment.replace(tzinfo=None)}" for moment in found]


from_crontab = CronTrigger.from_crontab
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


# fmt: off
DOTTED = {
    "schedulers": ["AsyncIOScheduler", "BaseScheduler", "SchedulerState"],
    "schedulers.asyncio": ["AsyncIOScheduler"],
    "triggers": ["AndTrigger", "BaseTrigger", "CronTrigger", "DateTrigger", "IntervalTrigger", "OrTrigger"],
    "stores": ["BaseStore", "MemoryStore"],
    "executors": ["AsyncIOExecutor", "BaseExecutor", "DebugExecutor", "ProcessPoolExecutor", "ThreadPoolExecutor"],
    "jobs": ["Job"],
    "events": [
        "ALL_EVENTS",
        "JOB_ADDED",
        "JOB_EXECUTED",
        "SCHEDULER_START",
        "JobEvent",
        "JobExecutionEvent",
        "JobSubmissionEvent",
        "SchedulerEvent",
    ],
    "exceptions": [
        "AsynczException",
        "ConflictIdError",
        "JobLookupError",
        "MaximumInstancesError",
        "SchedulerAlreadyRunningError",
        "SchedulerNotRunningError",
    ],
}
# fmt: on


def double(value):
    return 2 * value


async def double_soon(value):
    await asyncio.sleep(0)
    return 2 * value


async def nothing():
    pass


RUNS = []


HOOKS = {}


def note(name):
    RUNS.append(name)


def note_more(name):
    RUNS.append(f"more of {name}")


async def act(name):
    """Do what the test has put under that name: persistent stores keep the names of functions."""
    result = HOOKS[name]()
    if asyncio.iscoroutine(result):
        await result


def act_plainly(name):
    HOOKS[name]()


class SQLiteTestCase(unittest.TestCase):
    """A test in real time with a file of its own."""

    def setUp(self):
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "jobs.sqlite3")
        RUNS.clear()

    def make_store(self, **options):
        return asyncz.SQLiteStore(self.path, **{"poll_interval": 0.05, **options})

    def make_scheduler(self, store=None, **options):
        """Return a scheduler that is shut down after the test."""
        stores = {"default": store or self.make_store()}
        scheduler = asyncz.AsyncIOScheduler(stores=stores, timezone="UTC", **options)
        self.addCleanup(scheduler.shutdown, wait=False)
        return scheduler

    def sql(self, *arguments):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as db, db:
            db.text_factory = bytes
            return db.execute(*arguments).fetchall()

    def tickets(self):
        """Return the tickets that the file has."""
        with contextlib.closing(asyncz._SQLiteTable(self.path)) as table:
            rows = [asyncz._row_of(stored) for stored in table.all()]
        return [ticket for row in rows for ticket in row.runs.values()]


# === Errors ===
# Every class of error: what it is a kind of, what it prints, and that it can be sent to other
# processes.


class TestAsynczException(unittest.TestCase):
    def test_and_its_children_pickle_and_print_their_message(self) -> None:
        for name in DOTTED["exceptions"]:
            with self.subTest(name):
                error = getattr(asyncz, name)("what was wrong")
                self.assertIsInstance(error, asyncz.AsynczException)
                self.assertEqual(
                    (str(error), str(pickle.loads(pickle.dumps(error)))), ("what was wrong",) * 2
                )
        self.assertTrue(
            issubclass(asyncz.ConflictIdError, KeyError)
            and issubclass(asyncz.JobLookupError, LookupError)
        )
        for kind in (
            asyncz.MaximumInstancesError,
            asyncz.SchedulerAlreadyRunningError,
            asyncz.SchedulerNotRunningError,
        ):
            self.assertTrue(issubclass(kind, RuntimeError))
        self.assertEqual(repr(asyncz.UNSET), "UNSET")


# === Events ===
# What events hold, and who hears of what: listeners by mask, plain and coroutine functions, in
# order.


class TestSchedulerEvent(VirtualTimeTestCase):
    def test_equals_another_by_what_it_tells(self):
        one, same, other = (
            asyncz.JobExecutionEvent(asyncz.JOB_EXECUTED, job_id="a", return_value=value)
            for value in ("x", "x", 1.0)
        )
        self.assertEqual((one == same, one == other, hash(one) == hash(same)), (True, False, True))

    async def test_has_fields_and_pickles(self):
        events = []
        self.scheduler.add_listener(events.append)
        self.scheduler.start()
        self.scheduler.add_job(double, args=[2], id="a")
        await asyncio.sleep(1)
        self.assertEqual(pickle.loads(pickle.dumps(events)), events)
        done = events[-1]
        moment = at("2026-01-01")
        self.assertEqual(
            done,
            asyncz.JobExecutionEvent(
                asyncz.JOB_EXECUTED, None, "a", "default", moment, 4, None, None
            ),
        )


class TestAddListener(VirtualTimeTestCase):
    async def test_hears_of_everything(self):
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
            (
                lambda: s.add_job(slow, "interval", seconds=1, end_at="2026-01-01 00:00:18.500"),
                None,
            ),
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

    async def test_takes_coroutine_functions_and_hears_past_one_that_raises(self):
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

    async def test_needs_a_mask_that_means_something(self):
        said = complaint(self.scheduler.add_listener, print, 0)
        self.assertEqual(
            said,
            "ValueError: mask=0: no event has that code; combine codes such as JOB_EXECUTED | JOB_ERROR",
        )
        self.assertRegex(
            complaint(self.scheduler.add_listener, 5), "^TypeError: callback=5: not callable; "
        )

    async def test_hears_of_runs_in_order_and_in_portions(self) -> None:
        order: list[int] = []
        self.scheduler.add_listener(
            lambda event: order.append(event.return_value), asyncz.JOB_EXECUTED
        )
        self.scheduler.configure(executors={"default": asyncz.ThreadPoolExecutor(1)})
        numbers = iter(range(2000))
        self.scheduler.start(paused=True)
        self.scheduler.add_job(lambda: next(numbers), "interval", seconds=1, coalesce=False)
        await asyncio.sleep(2000)
        self.scheduler.resume()
        await asyncio.sleep(0.5)
        self.assertEqual(order, list(range(2000)))


class TestAddListenerToASchedulerInAThread(unittest.TestCase):
    """One with a loop of its own, beside which listeners have a thread of their own."""

    def test_calls_in_order_in_that_thread_which_the_shutdown_waits_for(self):
        def listener(event):
            time.sleep(0.005)
            seen.append(
                (event.return_value, threading.current_thread().name, asyncio._get_running_loop())
            )

        seen, numbers = [], iter(range(40))
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.add_listener(listener, asyncz.JOB_EXECUTED)
        with scheduler:
            job = scheduler.add_job(lambda: next(numbers), next_run_time=None)
            for _ in range(40):
                scheduler.run_job(job.id).result(10)
        self.assertEqual([value for value, *_ in seen], list(range(40)))
        self.assertEqual({(name[:6], loop) for _, name, loop in seen}, {("asyncz", None)})
        self.assertNotIn("asyncz", {name for _, name, _ in seen})

    def test_takes_one_that_shuts_it_down(self):
        for is_async in (False, True):
            with self.subTest(is_async=is_async):
                scheduler, ended = asyncz.AsyncIOScheduler(), threading.Event()

                def stop(event, scheduler=scheduler, ended=ended):
                    scheduler.shutdown()
                    ended.set()

                async def stop_soon(event, scheduler=scheduler, ended=ended):
                    await scheduler.shutdown()
                    ended.set()

                scheduler.add_listener(stop_soon if is_async else stop, asyncz.JOB_EXECUTED)
                scheduler.start()
                scheduler.add_job(int)
                self.assertTrue(ended.wait(5))
                self.assertTrue(wait_until(lambda scheduler=scheduler: not scheduler.running, 5))
                scheduler.shutdown()

    def test_takes_a_slow_one_that_holds_up_no_job(self):
        hold, beats = threading.Event(), []
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.add_listener(lambda event: hold.wait(10), asyncz.JOB_EXECUTED)
        with scheduler:
            scheduler.add_job(beats.append, "interval", seconds=0.02, args=[1])
            self.assertTrue(wait_until(lambda: len(beats) > 10, 5))
            hold.set()


# === Time ===
# Time zones: named, given as a tzinfo, or that of the machine.


class LikePytz(tzinfo):
    """A zone as pytz has them: `fromutc` gives another tzinfo object, of the right offset; attached
    by hand it is local mean time.
    """

    MEAN = timedelta(minutes=9)

    def __init__(self, name, offset=None):
        self.name, self.offset = name, self.MEAN if offset is None else offset

    def fromutc(self, dt: datetime) -> datetime:
        moment = dt.replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(self.name))
        offset = moment.utcoffset()
        assert offset is not None
        return moment.replace(tzinfo=LikePytz(self.name, offset), fold=0)

    def utcoffset(self, dt):
        return self.offset

    def dst(self, dt):
        return timedelta(0)

    def tzname(self, dt):
        return "LMT" if self.offset == self.MEAN else str(self.offset)

    def __str__(self) -> str:
        return self.name


class TestTimezone(unittest.TestCase):
    def test_may_be_a_name_or_a_tzinfo(self):
        rows = [
            ("Europe/Paris", "2026-07-01 06:00"),
            (zoneinfo.ZoneInfo("Europe/Paris"), "2026-07-01 06:00"),
            (LikePytz("Europe/Paris"), "2026-07-01 06:00"),
            ("UTC", "2026-07-01 08:00"),
            ("utc", "2026-07-01 08:00"),
            ("Etc/UTC", "2026-07-01 08:00"),
            (UTC, "2026-07-01 08:00"),
            (timezone(timedelta(hours=-3.5)), "2026-07-01 11:30"),
            ("Asia/Kolkata", "2026-07-01 02:30"),
        ]
        for zone, expected in rows:
            with self.subTest(zone):
                self.assertEqual(
                    fires(
                        CronTrigger(hour=8, timezone=zone), "2026-07-01 00:00", "2026-07-01 23:00"
                    ),
                    [expected],
                )
                self.assertEqual(
                    fires(
                        DateTrigger("2026-07-01 08:00", timezone=zone),
                        "2026-01-01 00:00",
                        "2027-01-01 00:00",
                    ),
                    [expected],
                )

    def test_that_is_unknown_is_an_error_with_the_nearest_that_is(self):
        end = "names are like 'Europe/Paris' or 'UTC'"
        rows = [
            (
                "Europe/Pariss",
                f"ValueError: timezone='Europe/Pariss': no such time zone; did you mean 'Europe/Paris'?; {end}",
            ),
            ("Nowhere", f"ValueError: timezone='Nowhere': no such time zone; {end}"),
            ("../etc/passwd", f"ValueError: timezone='../etc/passwd': no such time zone; {end}"),
            ("", f"ValueError: timezone='': no such time zone; {end}"),
        ]
        for name, expected in rows:
            with self.subTest(name):
                self.assertEqual(complaint(CronTrigger, hour=8, timezone=name), expected)

    def test_of_a_scheduler_is_that_of_triggers_without_one(self):
        scheduler = asyncz.AsyncIOScheduler(timezone="Asia/Tokyo")
        scheduler.add_job(print, "cron", hour=8, id="without")
        scheduler.add_job(print, "cron", hour=8, timezone="Europe/Paris", id="with")
        events = asyncz.simulate(scheduler, "2026-01-01T00:00Z", "2026-01-01T23:59Z")
        self.assertEqual(
            [(event.job_id, event.scheduled_run_time.astimezone(UTC).hour) for event in events],
            [("with", 7), ("without", 23)],
        )


LOCAL = """
import sys, asyncz
from datetime import datetime
trigger = asyncz.CronTrigger(hour=sys.argv[1], minute=30)
for day in sys.argv[2:]:
    moment = None
    for _ in range(3):
        moment = trigger.get_next_trigger_time(moment, datetime.fromisoformat("2026-" + day + "T12:00+00:00"))
        print(moment.strftime("%m-%d %H:%M %z"))
"""


class TestLocalTimezone(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder()
        self.addCleanup(self.folder.cleanup)

    def zone(self, **files: str) -> tzinfo:
        """Return the local zone where TZ is not set, /etc/localtime is a link to `link`, and
        /etc/timezone says `text`.
        """
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder.name))
        if files.get("link"):
            (folder / "localtime").symlink_to(files["link"])
        if files.get("text"):
            (folder / "timezone").write_text(files["text"])
        environment = {name: value for name, value in os.environ.items() if name != "TZ"}
        with (
            unittest.mock.patch.dict(os.environ, environment, clear=True),
            system_zone_files(folder / "localtime", folder / "timezone"),
        ):
            return asyncz.AsyncIOScheduler().timezone

    def test_is_that_of_the_environment(self):
        spring = ["03-29 03:00 +0200", "03-30 02:30 +0200", "03-31 02:30 +0200"]
        autumn = ["10-25 02:30 +0200", "10-26 02:30 +0100", "10-27 02:30 +0100"]
        database = next(
            (path for path in zoneinfo.TZPATH if os.path.exists(f"{path}/Europe/Paris")),
            "/usr/share/zoneinfo",
        )
        settings = (
            "Europe/Paris",
            ":Europe/Paris",
            f"{database}/Europe/Paris",
            f":{database}/Europe/Paris",
            "CET-1CEST,M3.5.0,M10.5.0/3",
        )
        days = ["2", "03-28", "10-24"]
        done = run_forked(*((LOCAL, days, {"TZ": setting}) for setting in settings))
        for setting, (_, output, errors) in zip(settings, done):
            with self.subTest(setting):
                self.assertEqual((errors, output.splitlines()), ("", spring + autumn))

    def test_is_one_of_posix_rules_without_a_clock_change_too(self):
        table = {"<+0330>-3:30": "+0330", "EST5": "-0500", "": "+0000", ":": "+0000"}
        done = run_forked(*((LOCAL, ["2", "03-28"], {"TZ": setting}) for setting in table))
        for (setting, offset), (_, output, errors) in zip(table.items(), done):
            with self.subTest(setting):
                self.assertEqual(
                    (errors, [line[-5:] for line in output.splitlines()]), ("", [offset] * 3)
                )

    def test_that_is_unknown_is_an_error(self):
        result = run_python("-c", LOCAL, "2", "03-28", env={"TZ": "Europe/Pariss"})
        expected = "ValueError: timezone='Europe/Pariss': no such time zone; did you mean 'Europe/Paris'?; names are like 'Europe/Paris' or 'UTC'"
        self.assertEqual((result.returncode, result.stderr.splitlines()[-1]), (1, expected))

    def test_is_that_of_the_system_where_the_environment_has_none(self):
        rows = [
            ({"link": "/usr/share/zoneinfo/Europe/Paris"}, "Europe/Paris"),
            ({"link": "../usr/share/zoneinfo/Asia/Tokyo"}, "Asia/Tokyo"),
            ({"link": "/usr/share/zoneinfo/posix/Europe/Riga"}, "Europe/Riga"),
            (
                {"link": "/var/db/timezone/zoneinfo/America/New_York", "text": "Europe/Paris"},
                "America/New_York",
            ),
            ({"text": "Europe/Paris\n"}, "Europe/Paris"),
            ({"link": "/somewhere/else", "text": "Asia/Tokyo"}, "Asia/Tokyo"),
            ({"link": "/usr/share/zoneinfo/Nowhere", "text": "Asia/Tokyo"}, "Asia/Tokyo"),
            ({"link": "/usr/share/zoneinfo/Etc/UTC"}, "UTC"),
        ]
        for files, expected in rows:
            with self.subTest(files):
                self.assertEqual(str(self.zone(**files)), expected)

    def test_has_no_name_where_the_system_has_none(self):
        now = datetime.now(UTC)
        for files in ({}, {"text": "not a zone at all"}, {"link": "/usr/share/zoneinfo/Nowhere"}):
            with self.subTest(files):
                zone = self.zone(**files)
                self.assertEqual(str(zone), "local")
                offset = timedelta(seconds=time.localtime().tm_gmtoff)
                self.assertEqual(now.astimezone(zone).utcoffset(), offset)

    def test_without_a_name_is_right_at_every_instant(self):
        program = (
            "import asyncz, zoneinfo; from datetime import *\n"
            "zone, paris = asyncz.AsyncIOScheduler().timezone, zoneinfo.ZoneInfo('Europe/Paris')\n"
            "start = datetime(2026, 1, 1, tzinfo=timezone.utc)\n"
            "times = [start + n * timedelta(hours=1) for n in range(24 * 365)]\n"
            "changes = [datetime(2026, *day, tzinfo=timezone.utc) for day in ((3, 28), (10, 24))]\n"
            "times += [day + n * timedelta(minutes=15) for day in changes for n in range(4 * 24 * 3)]\n"
            "wrong = [t for t in times if t.astimezone(zone).replace(tzinfo=None) != t.astimezone(paris).replace(tzinfo=None)]\n"
            "wrong += [t for t in times if t.astimezone(zone).astimezone(timezone.utc) != t]\n"
            "print(zone, len(wrong), wrong[:3])\n"
        )
        result = run_python("-c", program, env={"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"})
        self.assertEqual((result.stderr, result.stdout), ("", "local 0 []\n"))

    @unittest.skipIf(
        importlib.util.find_spec("tzdata"),
        "the package tzdata is installed, so there always is a database",
    )
    def test_database_that_is_missing_is_named_with_what_to_install(self):
        program = (
            "import asyncz\n"
            "print(asyncz.CronTrigger(hour=8, timezone='UTC'), asyncz.AsyncIOScheduler(timezone='UTC').timezone, asyncz.CronTrigger(hour=8))\n"
            "try: asyncz.CronTrigger(hour=8, timezone='Europe/Paris')\n"
            "except ValueError as error: print(error)\n"
        )
        result = run_python("-c", program, env={"PYTHONTZPATH": "", "TZ": "UTC"})
        expected = (
            "cron[hour='8'] UTC cron[hour='8']\n"
            "timezone='Europe/Paris': this Python finds no time zone database; install the package tzdata"
            " (pip install tzdata), or the system's own (on Debian: apt-get install tzdata)\n"
        )
        self.assertEqual((result.stderr, result.stdout), ("", expected))

    def test_without_a_name_knows_all_years_where_the_system_knows_some(self):
        class OfWindows(datetime):
            """A time on a system whose localtime(3) knows the years 1970 to 3000."""

            def astimezone(self, tz=None):
                if tz is None and not 1970 < self.year < 3000:
                    raise OSError(22, "Invalid argument")
                return super().astimezone(tz)

        tzset = getattr(time, "tzset", lambda: None)
        self.addCleanup(tzset)
        with unittest.mock.patch.dict(os.environ, TZ="CET-1CEST,M3.5.0,M10.5.0/3"):
            tzset()
            zone = asyncz.AsyncIOScheduler().timezone
            for year in (1, 1950, 1970, 3000, 4001, 9998):
                with self.subTest(year):
                    for month, hours, name in ((1, 1, "CET"), (7, 2, "CEST")):
                        local = OfWindows(year, month, 15, 12, tzinfo=zone)
                        self.assertEqual(
                            (local.utcoffset(), local.tzname()), (timedelta(hours=hours), name)
                        )
                        utc = OfWindows(year, month, 15, 12 - hours, tzinfo=zone)
                        self.assertEqual(
                            zone.fromutc(utc).isoformat()[:16], f"{year:04}-{month:02}-15T12:00"
                        )


class TestTimeThatNotEveryZoneCanShow(unittest.TestCase):
    def test_is_refused_where_it_is_given_with_the_name_of_the_parameter(self):
        tokyo, new_york = map(zoneinfo.ZoneInfo, ("Asia/Tokyo", "America/New_York"))
        scheduler = asyncz.AsyncIOScheduler(timezone="America/New_York")
        lowest, highest = datetime.min, datetime.max
        problem = "not every time zone can show that; give a time in the years 2 to 9998"
        rows = [
            (name, moment, lambda **given: scheduler.add_job(print, "interval", hours=1, **given))
            for name in ("next_run_time", "start_at")
            for moment in (
                lowest,
                highest,
                lowest.replace(tzinfo=tokyo),
                highest.replace(tzinfo=new_york),
                date.max,
                "9999-12-31T23:59",
                "0001-01-01",
            )
        ]
        rows += [
            ("run_at", moment, lambda **given: scheduler.add_job(print, **given))
            for moment in (lowest, highest, date.max, "0001-01-02")
        ]
        # fmt: off
        rows += [
            ("end_at", lowest, lambda **given: CronTrigger(hour=1, **given)),
            ("until", lowest, scheduler.upcoming),
            ("run_at", highest.replace(tzinfo=UTC), DateTrigger),
            ("start_at", highest, lambda **given: CronTrigger(hour=1, timezone="Asia/Tokyo", **given)),
        ]
        # fmt: on
        for name, moment, call in rows:
            with self.subTest(name, moment=moment):
                self.assertEqual(
                    complaint(call, **{name: moment}), f"ValueError: {name}={moment!r}: {problem}"
                )
        self.assertEqual(scheduler.get_jobs(), [])

    def test_means_never_as_an_end(self):
        now = at("2026-01-01 00:30")
        for zone in ("America/New_York", "Asia/Tokyo", "UTC"):
            scheduler = asyncz.AsyncIOScheduler(timezone=zone)
            for end in (date.max, datetime.max, "9999-12-31", datetime.max.replace(tzinfo=UTC)):
                with self.subTest(zone, end=end):
                    for trigger in (
                        IntervalTrigger(hours=1, end_at=end, timezone=zone),
                        CronTrigger(minute=0, end_at=end, timezone=zone),
                    ):
                        self.assertGreater(trigger.get_next_trigger_time(None, now), now)
                        self.assertEqual(trigger, eval(repr(trigger)))
                    job = scheduler.add_job(print, trigger)
                    self.assertEqual(len(scheduler.upcoming(3, until=end)), 3)
                    self.assertIn("next run: 20", str(job))
                    job.delete()

    def test_is_shown_as_the_nearest_that_can_be_shown(self):
        zones = [
            *map(zoneinfo.ZoneInfo, ("Asia/Tokyo", "America/New_York")),
            UTC,
            timezone(timedelta(hours=-23)),
        ]
        for zone in zones:
            for instant, year in (
                (10**40, 9999),
                (-(10**40), 1),
                (253_402_300_799 * 10**6, 9999),
            ):
                with self.subTest(zone, instant=instant):
                    self.assertEqual(shown_time(instant, zone).year, year)

    def test_may_be_near_as_the_start_of_a_grid(self):
        trigger = IntervalTrigger(days=7, start_at="0002-01-01", timezone="America/New_York")
        following = trigger.get_next_trigger_time(None, at("2026-01-01"))
        self.assertLess(following - at("2026-01-01"), timedelta(days=7))

    def test_is_no_run_time_to_go_on_from(self):
        zone = "America/New_York"
        for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
            for trigger in (
                IntervalTrigger(hours=1, timezone=zone),
                CronTrigger(hour=1, timezone=zone),
            ):
                with self.subTest(trigger=str(trigger), moment=moment):
                    following = trigger.get_next_trigger_time(moment, moment)
                    self.assertIn(getattr(following, "year", None), (1, 1970, None))


# === Triggers ===
# Date, interval, and, or, and triggers of the user's own: when they run, and how they are compared,
# shown, copied. What a job makes of its trigger is tested in the room Schedules.


class EveryOtherHour(BaseTrigger):
    """A user's trigger that asks one of ours: the even hours of an hourly schedule."""

    def __init__(self, **interval: Any) -> None:
        self.inner = IntervalTrigger(**interval)

    def get_next_trigger_time(self, previous_time, now):
        moment = self.inner.get_next_trigger_time(previous_time, now)
        while moment is not None and moment.hour % 2:
            moment = self.inner.get_next_trigger_time(moment, now)
        return moment


class WithoutHolidays(BaseTrigger):
    """A user's trigger that asks one of ours, with an argument of its own."""

    def __init__(self, holidays: list[str], **fields: Any) -> None:
        self.inner = CronTrigger(**fields)
        self.holidays = holidays

    def get_next_trigger_time(self, previous_time, now):
        moment = self.inner.get_next_trigger_time(previous_time, now)
        while moment is not None and str(moment.date()) in self.holidays:
            moment = self.inner.get_next_trigger_time(moment, now)
        return moment


class Doubling(BaseTrigger):
    """A user's own trigger: 1 s, 2 s, 4 s, … after midnight of 2026-01-01."""

    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    def get_next_trigger_time(self, previous_time, now):
        seconds = 1
        while at("2026-01-01") + timedelta(seconds=seconds) <= (previous_time or now):
            seconds *= self.factor
        return at("2026-01-01") + timedelta(seconds=seconds)


class TestDateTrigger(unittest.TestCase):
    def test_runs_once(self):
        trigger = DateTrigger("2026-12-01 08:00", timezone="Europe/Paris")
        self.assertEqual(
            fires(trigger, "2026-01-01 00:00", "2027-01-01 00:00"), ["2026-12-01 07:00"]
        )
        # Late, but it has not run.
        self.assertEqual(
            fires(trigger, "2027-01-01 00:00", "2028-01-01 00:00"), ["2026-12-01 07:00"]
        )

    def test_without_a_time_runs_at_once(self):
        self.assertEqual(
            fires(DateTrigger(), "2026-01-01 00:00", "2027-01-01 00:00"), ["2026-01-01 00:00"]
        )

    def test_from_now_counts_from_the_time_that_is_now(self):
        trigger, now = DateTrigger(timedelta(minutes=10)), at("2026-01-01 00:00")
        first = trigger.get_next_trigger_time(None, now)
        self.assertEqual(first, at("2026-01-01 00:10"))
        self.assertIsNone(trigger.get_next_trigger_time(first, now))


class TestIntervalTrigger(unittest.TestCase):
    def test_runs_on_a_grid_from_its_start(self):
        # fmt: off
        rows = [
            ({"minutes": 5, "start_at": "2026-01-01 00:02"}, "2026-01-01 00:00", ["00:02:00", "00:07:00", "00:12:00"]),
            ({"minutes": 5, "start_at": "2026-01-01 00:02"}, "2026-01-01 00:02", ["00:02:00", "00:07:00"]),
            ({"minutes": 5, "start_at": "2020-02-29 00:02"}, "2026-01-01 00:02:01", ["00:07:00", "00:12:00"]),
            ({"minutes": 5}, "2026-01-01 00:02:01", ["00:07:01", "00:12:01", "00:17:01"]),
            ({"seconds": 0.25}, "2026-01-01 00:00", ["00:00:00.250000", "00:00:00.500000", "00:00:00.750000", "00:00:01"]),
            ({"seconds": 0.000001}, "2026-01-01 00:00", ["00:00:00.000001", "00:00:00.000002"]),
            ({"minutes": 1.5, "start_at": "2026-01-01"}, "2026-01-01 00:00:01", ["00:01:30", "00:03:00"]),
            ({"hours": 1, "minutes": -30}, "2026-01-01 00:00", ["00:30:00", "01:00:00"]),
            (
                {"seconds": 0.1, "start_at": "2025-01-01"},
                "2026-01-01 00:00:00.050",
                ["00:00:00.100000", "00:00:00.200000", "00:00:00.300000"],
            ),
        ]
        # fmt: on
        for arguments, now, expected in rows:
            with self.subTest(arguments, now=now):
                found = first_local(
                    IntervalTrigger(**arguments, timezone="UTC"), now, len(expected)
                )
                self.assertEqual(found, [f"2026-01-01 {clock}" for clock in expected])

    def test_adds_up_its_units(self):
        self.assertEqual(
            IntervalTrigger(weeks=1, days=2, hours=3, minutes=4, seconds=5.5).interval,
            timedelta(9, 3 * 3600 + 4 * 60 + 5.5),
        )

    def test_goes_back_to_its_grid_after_a_time_that_is_not_on_it(self):
        trigger = IntervalTrigger(minutes=10, start_at="2026-01-01", timezone="UTC")
        self.assertEqual(
            str(trigger.get_next_trigger_time(at("2026-01-01 00:13"), at("2026-01-01 03:00"))),
            "2026-01-01 00:20:00+00:00",
        )
        without = IntervalTrigger(minutes=10, timezone="UTC")
        self.assertEqual(
            without.get_next_trigger_time(at("2026-01-01 00:13"), at("2026-01-01 03:00")),
            at("2026-01-01 00:23"),
        )

    def test_is_over_after_its_end(self):
        trigger = IntervalTrigger(minutes=10, end_at="2026-01-01 00:20", timezone="UTC")
        self.assertEqual(
            first_local(trigger, "2026-01-01 00:00", 5),
            ["2026-01-01 00:10:00", "2026-01-01 00:20:00"],
        )
        self.assertEqual(first_local(trigger, "2026-01-01 00:10:01", 5), [])

    def test_that_is_not_positive_is_an_error(self):
        end = "it must be more than zero, as in minutes=5"
        # fmt: off
        rows = [
            ({}, f"ValueError: IntervalTrigger: seconds=0: the interval is 0 seconds; {end}"),
            ({"seconds": 0}, f"ValueError: IntervalTrigger: seconds=0: the interval is 0 seconds; {end}"),
            ({"seconds": -1}, f"ValueError: IntervalTrigger: seconds=-1: the interval is -1 seconds; {end}"),
            ({"days": 1, "hours": -24}, f"ValueError: IntervalTrigger: days=1, hours=-24: the interval is 0 seconds; {end}"),
            ({"seconds": 1e-7}, f"ValueError: IntervalTrigger: seconds=1e-07: the interval is 1e-07 seconds; {end}"),
            ({"weeks": float("inf")}, "ValueError: IntervalTrigger: weeks=inf: the interval is too long"),
            ({"minutes": "5"}, "TypeError: minutes='5': not a number; give a number of minutes, such as minutes=2"),
            ({"hours": True}, "TypeError: hours=True: not a number; give a number of hours, such as hours=2"),
        ]
        # fmt: on
        for arguments, expected in rows:
            with self.subTest(arguments):
                self.assertEqual(complaint(IntervalTrigger, **arguments), expected)

    def test_does_not_care_for_clock_changes(self):
        trigger = IntervalTrigger(hours=1, start_at="2026-03-29 00:30", timezone="Europe/Paris")
        runs = instants("2026-03-28 23:30; 2026-03-29 00:30 01:30 02:30")
        self.assertEqual(fires(trigger, "2026-03-28 00:00", "2026-03-29 03:00"), runs)
        days = IntervalTrigger(days=1, start_at="2026-03-28 12:00", timezone="Europe/Paris")
        self.assertEqual(
            first_local(days, "2026-03-28 00:00", 3),
            ["2026-03-28 12:00:00", "2026-03-29 13:00:00", "2026-03-30 13:00:00"],
        )


class TestAndTriggerAndOrTrigger(unittest.TestCase):
    def test_run_when_all_agree_or_when_any_does(self):
        monday, eight = (
            CronTrigger(day_of_week="mon", hour="*", timezone="UTC"),
            CronTrigger(hour="8,9", timezone="UTC"),
        )
        two, three = (
            IntervalTrigger(minutes=n, start_at="2026-01-01", timezone="UTC") for n in (2, 3)
        )
        rows = [
            (
                AndTrigger([monday, eight]),
                ["2026-01-05 08:00:00", "2026-01-05 09:00:00", "2026-01-12 08:00:00"],
            ),
            (
                AndTrigger([two, three]),
                ["2026-01-01 00:00:00", "2026-01-01 00:06:00", "2026-01-01 00:12:00"],
            ),
            (OrTrigger([two, three]), [f"2026-01-01 00:0{n}:00" for n in (0, 2, 3, 4, 6, 8, 9)]),
            (
                OrTrigger([eight, DateTrigger("2026-01-01 08:30", timezone="UTC")]),
                [f"2026-01-01 {clock}:00" for clock in ("08:00", "08:30", "09:00")],
            ),
            (
                AndTrigger(
                    [eight, OrTrigger([monday, DateTrigger("2026-01-02 09:00", timezone="UTC")])]
                ),
                ["2026-01-02 09:00:00", "2026-01-05 08:00:00"],
            ),
            (
                AndTrigger(
                    [
                        CronTrigger(month=2, day=29, timezone="UTC"),
                        CronTrigger(second="*", timezone="UTC"),
                    ]
                ),
                ["2028-02-29 00:00:00", "2032-02-29 00:00:00"],
            ),
        ]
        for trigger, expected in rows:
            with self.subTest(str(trigger)):
                self.assertEqual(
                    first_local(trigger, "2026-01-01 00:00", len(expected) or 1), expected
                )

    def test_have_members_without_a_start(self):
        self.assertEqual(
            first_local(OrTrigger([IntervalTrigger(minutes=2)]), "2026-01-01 00:00", 2),
            ["2026-01-01 00:02:00", "2026-01-01 00:04:00"],
        )
        both = AndTrigger([IntervalTrigger(minutes=2), IntervalTrigger(minutes=3)])
        self.assertEqual(
            first_local(both, "2026-01-01 00:00", 2), ["2026-01-01 00:06:00", "2026-01-01 00:12:00"]
        )

    def test_are_over_when_a_member_that_is_needed_is(self):
        ended = CronTrigger(hour=8, end_at="2026-01-02", timezone="UTC")
        daily = CronTrigger(hour="8,20", end_at="2026-01-03", timezone="UTC")
        self.assertEqual(
            first_local(AndTrigger([ended, daily]), "2026-01-01 00:00", 9), ["2026-01-01 08:00:00"]
        )
        either = [f"2026-01-0{day} {hour}:00:00" for day in (1, 2) for hour in ("08", "20")]
        self.assertEqual(first_local(OrTrigger([ended, daily]), "2026-01-01 00:00", 9), either)

    def test_that_never_agree_are_over_in_bounded_time(self):
        rows = [
            [
                CronTrigger(minute="*/2", timezone="UTC"),
                CronTrigger(minute="1-59/2", timezone="UTC"),
            ],
            [
                IntervalTrigger(seconds=2, start_at="2026-01-01", timezone="UTC"),
                IntervalTrigger(seconds=2, start_at="2026-01-01 00:00:01", timezone="UTC"),
            ],
            [DateTrigger("2026-01-02", timezone="UTC"), DateTrigger("2026-01-03", timezone="UTC")],
            [CronTrigger(hour=8, timezone="UTC"), CronTrigger(hour=9, timezone="UTC")],
        ]
        for members in rows:
            with self.subTest(members):
                began = time.process_time()
                self.assertIsNone(
                    AndTrigger(members).get_next_trigger_time(None, at("2026-01-01 00:00"))
                )
                self.assertLess(time.process_time() - began, 10)

    def test_refuse_what_is_not_a_trigger(self):
        shaky = IntervalTrigger(seconds=5, jitter=2)
        for kind in (AndTrigger, OrTrigger):
            name = kind.__name__
            # fmt: off
            rows = [
                ([], f"ValueError: {name}([]): no trigger given; give a list of them"),
                ([5], f"TypeError: {name}: 5 is not a trigger; give instances such as CronTrigger(hour=8)"),
                ([CronTrigger], f"TypeError: {name}: {CronTrigger!r} is not a trigger; give instances such as CronTrigger(hour=8)"),
                ([shaky], f"ValueError: {name}: {shaky!r} has a jitter, which would hide its run times; give the jitter to the {name}"),
            ]
            # fmt: on
            for members, expected in rows:
                with self.subTest(name, members=members):
                    self.assertEqual(complaint(kind, members), expected)

    def test_warns_where_a_clock_change_parts_whole_days_from_a_local_time(self):
        two_days = IntervalTrigger(days=2, start_at="2026-01-01 08:00", timezone="Europe/Paris")
        morning = CronTrigger(hour=8, timezone="Europe/Paris")
        every_2_days = asyncz.CalendarIntervalTrigger(days=2, hour=8, timezone="Europe/Paris")
        # fmt: off
        rows = [
            ([two_days, morning], True),
            ([CronTrigger.from_crontab("0 8 * * *", timezone="America/New_York"), IntervalTrigger(weeks=1)], True),
            ([every_2_days, IntervalTrigger(days=1)], True),
            ([two_days, CronTrigger(hour=8, timezone="UTC")], False),
            ([two_days, CronTrigger(minute="*/5", timezone="Europe/Paris")], False),
            ([IntervalTrigger(hours=2), morning], False),
            ([two_days, IntervalTrigger(days=1)], False),
            ([every_2_days, morning], False),
        ]
        # fmt: on
        for members, warned in rows:
            with self.subTest(members), warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                trigger = AndTrigger(members)
                # Only where it is made, and not where a record of it is read.
                pickle.loads(pickle.dumps(trigger))
                self.assertEqual([warning.filename for warning in caught], [__file__] * warned)
                if warned:
                    text = (
                        "after a clock change, an interval of whole days is at another local time"
                    )
                    self.assertIn(text, str(caught[0].message))

    def test_of_whole_days_and_a_local_time_ends_at_a_clock_change(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trigger = AndTrigger(
                [
                    IntervalTrigger(days=2, start_at="2026-03-21 08:00", timezone="Europe/Paris"),
                    CronTrigger(hour=8, timezone="Europe/Paris", end_at="2026-10-01"),
                ]
            )
        runs, run = [], trigger.get_next_trigger_time(None, at("2026-03-01"))
        while run is not None:
            runs.append(f"{run:%m-%d %H}")
            run = trigger.get_next_trigger_time(run, run)
        self.assertEqual(runs, ["03-21 08", "03-23 08", "03-25 08", "03-27 08"])


class Parity(BaseTrigger):
    """Every even, or odd, second; it does not want to be asked for ever."""

    asked = 0

    def __init__(self, parity: int) -> None:
        self.parity = parity

    def get_next_trigger_time(self, previous_time, now):
        Parity.asked += 1
        if Parity.asked > 100_000:
            raise AssertionError("asked too often")
        second = int((previous_time or now).timestamp()) + 1
        return datetime.fromtimestamp(second + (second + self.parity) % 2, UTC)


class TestAndTrigger(unittest.TestCase):
    def setUp(self):
        Parity.asked = 0

    def test_that_never_agrees_gives_up_after_some_steps_however_deep_it_is(self):
        even, odd = Parity(0), Parity(1)
        plain, mixed = AndTrigger([even, even]), AndTrigger([even, even])
        for _ in range(50):
            plain = AndTrigger([plain, odd])
            mixed = AndTrigger([OrTrigger([mixed, even]), odd])
        for trigger in (plain, mixed):
            with self.subTest(mixed=trigger is mixed):
                Parity.asked = 0
                self.assertIsNone(trigger.get_next_trigger_time(None, at("2026-01-01")))

    def test_of_many_intervals_gives_up_after_some_steps(self):
        primes = [n for n in range(2, 300) if all(n % k for k in range(2, n))][:50]
        members = [
            IntervalTrigger(
                seconds=prime, start_at=datetime(2026, 1, 1) + timedelta(seconds=n), timezone="UTC"
            )
            for n, prime in enumerate(primes)
        ]
        trigger = AndTrigger([Parity(0), *members])
        self.assertIsNone(trigger.get_next_trigger_time(None, at("2026-01-01")))

    def test_in_another_agrees_as_if_it_were_one(self):
        two, three, five = (
            IntervalTrigger(minutes=n, start_at="2026-01-01", timezone="UTC") for n in (2, 3, 5)
        )
        for trigger in (
            AndTrigger([two, three, five]),
            AndTrigger([AndTrigger([two, three]), five]),
            AndTrigger([two, OrTrigger([AndTrigger([three, five])])]),
        ):
            with self.subTest(str(trigger)):
                first = trigger.get_next_trigger_time(None, at("2026-01-01"))
                self.assertEqual(
                    [first, trigger.get_next_trigger_time(first, first)],
                    [at("2026-01-01"), at("2026-01-01 00:30")],
                )

    def test_that_gives_up_does_not_end_the_others(self):
        dull, hourly = (
            AndTrigger([CronTrigger(minute=minute, timezone="UTC") for minute in minutes])
            for minutes in (("*/2", "1/2"), ("*/30", 0))
        )
        self.assertEqual(
            OrTrigger([dull, hourly]).get_next_trigger_time(None, at("2026-01-01 00:10")),
            at("2026-01-01 01:00"),
        )

    def test_may_have_a_long_list_in_it(self):
        days = OrTrigger([DateTrigger(at("2026-01-01") + timedelta(days=n)) for n in range(12_000)])
        trigger = AndTrigger([days, CronTrigger(day=1, month=7, timezone="UTC")])
        self.assertEqual(trigger.get_next_trigger_time(None, at("2026-01-02")), at("2026-07-01"))

    def test_finds_a_time_right_after_1970(self):
        members = [
            IntervalTrigger(seconds=0.000_001, start_at=at("1970-01-01"), timezone="UTC")
            for _ in range(2)
        ]
        following = AndTrigger(members).get_next_trigger_time(at("1970-01-01"), at("1970-01-01"))
        self.assertEqual(following, at("1970-01-01") + timedelta(microseconds=1))


class TestStartAtAndEndAt(unittest.TestCase):
    def test_are_included(self):
        trigger = CronTrigger(
            hour=8, start_at="2026-01-02 08:00", end_at="2026-01-04 08:00", timezone="UTC"
        )
        self.assertEqual(
            fires(trigger, "2026-01-01 00:00", "2026-02-01 00:00"),
            instants("2026-01-02 08:00; 2026-01-03 08:00; 2026-01-04 08:00"),
        )
        interval = IntervalTrigger(
            days=1, start_at="2026-01-02 08:00", end_at="2026-01-04 08:00", timezone="UTC"
        )
        self.assertEqual(
            fires(interval, "2026-01-01 00:00", "2026-02-01 00:00"),
            instants("2026-01-02 08:00; 2026-01-03 08:00; 2026-01-04 08:00"),
        )

    def test_may_be_written_in_any_of_these_ways(self):
        tokyo = zoneinfo.ZoneInfo("Asia/Tokyo")
        # The same instant, 2026-01-02 00:00 in Paris; a naive value is in the trigger's zone.
        rows = [
            "2026-01-02",
            "2026-01-02 00:00",
            "2026-01-02T00:00:00",
            "2026-01-01T23:00:00Z",
            "2026-01-01T23:00:00z",
            "2026-01-01 23:00+00:00",
            "2026-01-02T08:00+09:00",
            " 2026-01-02 ",
            date(2026, 1, 2),
            datetime(2026, 1, 2),
            datetime(2026, 1, 1, 23, tzinfo=UTC),
            datetime(2026, 1, 2, 8, tzinfo=tokyo),
        ]
        for value in rows:
            with self.subTest(value):
                started = CronTrigger(minute=0, start_at=value, timezone="Europe/Paris")
                self.assertEqual(
                    fires(started, "2026-01-01 00:00", "2026-01-02 00:00"),
                    ["2026-01-01 23:00", "2026-01-02 00:00"],
                )
                ended = CronTrigger(minute=0, end_at=value, timezone="Europe/Paris")
                self.assertEqual(
                    fires(ended, "2026-01-01 22:00", "2026-01-02 05:00"),
                    ["2026-01-01 22:00", "2026-01-01 23:00"],
                )
                interval = IntervalTrigger(hours=12, start_at=value, timezone="Europe/Paris")
                self.assertEqual(
                    fires(interval, "2026-01-01 00:00", "2026-01-02 12:00"),
                    ["2026-01-01 23:00", "2026-01-02 11:00"],
                )
                once = DateTrigger(value, timezone="Europe/Paris")
                self.assertEqual(
                    fires(once, "2026-01-01 00:00", "2026-01-02 12:00"), ["2026-01-01 23:00"]
                )

    def test_from_now_count_from_the_time_that_is_now(self):
        bounds = {"start_at": timedelta(minutes=30), "end_at": timedelta(minutes=80)}
        cron = CronTrigger(minute="*/20", **bounds, timezone="UTC")
        # The same trigger, asked at another time.
        for day in ("2026-01-01", "2026-01-02"):
            self.assertEqual(
                first_local(cron, f"{day} 00:05", 5),
                [f"{day} {clock}" for clock in ("00:40:00", "01:00:00", "01:20:00")],
            )
        # What is before the other once, is not always.
        # fmt: off
        rows = [
            (bounds, ["00:35:00", "00:55:00", "01:15:00"]),
            ({"start_at": timedelta(), "end_at": timedelta(minutes=20)}, ["00:05:00", "00:25:00"]),
            ({"start_at": "2026-01-01 00:30", "end_at": timedelta(minutes=60)}, ["00:30:00", "00:50:00"]),
            ({"start_at": timedelta(minutes=30), "end_at": "2026-01-01 01:00"}, ["00:35:00", "00:55:00"]),
            ({"start_at": timedelta(hours=30), "end_at": "2026-01-01 01:00"}, []),
        ]
        # fmt: on
        for arguments, expected in rows:
            with self.subTest(arguments):
                trigger = IntervalTrigger(minutes=20, **arguments, timezone="UTC")
                self.assertEqual(
                    first_local(trigger, "2026-01-01 00:05", 5),
                    [f"2026-01-01 {clock}" for clock in expected],
                )

    def test_mean_the_fold_where_a_naive_time_exists_twice(self):
        twice = datetime(2026, 10, 25, 2, 30)
        for value, expected in (
            (twice, "2026-10-25 00:30"),
            (twice.replace(fold=1), "2026-10-25 01:30"),
            ("2026-03-29 02:30", "2026-03-29 01:30"),
        ):
            with self.subTest(value):
                self.assertEqual(
                    fires(
                        DateTrigger(value, timezone="Europe/Paris"),
                        "2026-01-01 00:00",
                        "2027-01-01 00:00",
                    ),
                    [expected],
                )

    def test_that_start_between_two_seconds_begin_at_the_next(self):
        trigger = CronTrigger(second="*", start_at="2026-01-01 00:00:00.500", timezone="UTC")
        self.assertEqual(
            first_local(trigger, "2025-01-01 00:00", 2),
            ["2026-01-01 00:00:01", "2026-01-01 00:00:02"],
        )

    def test_that_are_wrong_are_named(self):
        from_now = "a timedelta is from now on, up to 272 years; give one that is not negative, such as timedelta(minutes=10)"
        like = "not a date and time; give a datetime, a date, an ISO 8601 string such as '2026-12-01 08:00', or a timedelta from now"
        rows = [
            ({"start_at": "tomorrow"}, f"ValueError: start_at='tomorrow': {like}"),
            ({"end_at": 5}, f"TypeError: end_at=5: {like}"),
            (
                {"start_at": "2026-02-01", "end_at": "2026-01-01"},
                "ValueError: end_at='2026-01-01': before start_at='2026-02-01'; it must be at or after it",
            ),
            (
                {"start_at": timedelta(hours=2), "end_at": timedelta(hours=1)},
                f"ValueError: end_at={timedelta(hours=1)!r}: before start_at={timedelta(hours=2)!r}; it must be at or after it",
            ),
            *(
                ({name: value}, f"ValueError: {name}={value!r}: {from_now}")
                for name in ("start_at", "end_at")
                for value in (timedelta(seconds=-1), timedelta(days=100_000))
            ),
            ({"jitter": -1}, "ValueError: jitter=-1: not a number of seconds, 0 or more"),
            ({"jitter": "5"}, "ValueError: jitter='5': not a number of seconds, 0 or more"),
            (
                {"jitter": float("nan")},
                "ValueError: jitter=nan: not a number of seconds, 0 or more",
            ),
            (
                {"timezone": 5},
                "TypeError: timezone=5: not a time zone; give a name such as 'Europe/Paris', or a tzinfo object",
            ),
        ]
        for options, expected in rows:
            with self.subTest(options):
                self.assertEqual(complaint(CronTrigger, hour=8, **options), expected)
                self.assertEqual(complaint(IntervalTrigger, hours=8, **options), expected)
        self.assertEqual(complaint(DateTrigger, "soon"), f"ValueError: run_at='soon': {like}")
        self.assertEqual(complaint(DateTrigger, 5), f"TypeError: run_at=5: {like}")
        for value in (timedelta(microseconds=-1), timedelta.max):
            self.assertEqual(
                complaint(DateTrigger, value), f"ValueError: run_at={value!r}: {from_now}"
            )


class TestJitter(unittest.TestCase):
    def test_delays_each_run_by_at_most_that_much(self):
        start = at("2026-01-01 00:00")
        cron = CronTrigger(hour=8, jitter=60, timezone="UTC")
        rows = [
            (cron, at("2026-01-01 08:00")),
            (
                IntervalTrigger(hours=8, start_at="2026-01-01 08:00", jitter=60, timezone="UTC"),
                at("2026-01-01 08:00"),
            ),
            (OrTrigger([CronTrigger(hour=8, timezone="UTC")], jitter=60), at("2026-01-01 08:00")),
            (AndTrigger([CronTrigger(hour=8, timezone="UTC")], jitter=60), at("2026-01-01 08:00")),
        ]
        for trigger, due in rows:
            with self.subTest(trigger):
                delays = [
                    (trigger.get_next_trigger_time(None, start) - due).total_seconds()
                    for _ in range(300)
                ]
                self.assertEqual(
                    (min(delays) >= 0, max(delays) <= 60, len(set(delays)) > 100),
                    (True, True, True),
                )
                self.assertGreater(max(delays) - min(delays), 30)

    def test_keeps_runs_strictly_in_order(self):
        now = at("2026-01-01 00:00")
        for trigger in (
            CronTrigger(second="*", jitter=30, timezone="UTC"),
            IntervalTrigger(seconds=1, jitter=30),
            IntervalTrigger(seconds=1, jitter=30, start_at="2026-01-01", timezone="UTC"),
            OrTrigger([IntervalTrigger(seconds=1)], jitter=30),
        ):
            with self.subTest(trigger):
                moment, ordered = trigger.get_next_trigger_time(None, now), []
                for _ in range(300):
                    following = trigger.get_next_trigger_time(moment, now)
                    ordered.append(following > moment)
                    moment = following
                self.assertEqual(set(ordered), {True})

    def test_lets_no_run_be_later_than_its_end(self):
        start, end = at("2026-01-01 00:00"), at("2026-01-01 08:00:10")
        rows = [
            CronTrigger(hour=8, end_at=end, jitter=60, timezone="UTC"),
            CronTrigger(hour=8, end_at=end - start, jitter=60, timezone="UTC"),
            from_crontab("0 8 * * *", end_at=end, jitter=60, timezone="UTC"),
            IntervalTrigger(hours=8, end_at=end, jitter=60, timezone="UTC"),
        ]
        for trigger in rows:
            with self.subTest(trigger):
                runs = [trigger.get_next_trigger_time(None, start) for _ in range(100)]
                self.assertLessEqual(max(runs), end)
                self.assertGreater(len(set(runs)), 90)
        exact = CronTrigger(hour=8, end_at="2026-01-01 08:00", jitter=60, timezone="UTC")
        self.assertEqual(exact.get_next_trigger_time(None, start), at("2026-01-01 08:00"))

    def test_of_nothing_is_none(self):
        self.assertEqual(
            [CronTrigger(hour=8, jitter=jitter).jitter for jitter in (None, 0, 0.5)],
            [None, None, 0.5],
        )


class TestNumberOfSeconds(unittest.TestCase):
    def test_that_is_too_big_is_a_value_error_that_names_the_parameter(self):
        huge, scheduler = 10**400, asyncz.AsyncIOScheduler()
        zero = "the interval is {} seconds; it must be more than zero, as in minutes=5"
        # fmt: off
        rows = [
            (IntervalTrigger, {"seconds": float("-inf")}, f"IntervalTrigger: seconds=-inf: {zero.format('-4.61169e+18')}"),
            (IntervalTrigger, {"days": -1e308}, f"IntervalTrigger: days=-1e+308: {zero.format('-3.9845e+23')}"),
            (IntervalTrigger, {"hours": huge, "minutes": 0.5}, f"IntervalTrigger: hours={huge}, minutes=0.5: the interval is too long"),
            (IntervalTrigger, {"weeks": float("inf"), "days": float("-inf")}, "IntervalTrigger: weeks=inf, days=-inf: the interval is too long"),
            (IntervalTrigger, {"seconds": 1e17}, "IntervalTrigger: seconds=1e+17: the interval is too long"),
            (
                lambda **given: scheduler.add_job(print, **given),
                {"mistrigger_grace_time": 1e308},
                "mistrigger_grace_time=1e+308: not a number of seconds above 0; give None for however late",
            ),
        ]
        # fmt: on
        for value in (1e308, huge, 1e12):
            jittered = {"hours": 1, "jitter": value}
            problem = f"jitter={value!r}: not a number of seconds, 0 or more"
            rows.append((IntervalTrigger, jittered, problem))
            for name, kind in (
                ("lease", asyncz.SQLiteStore),
                ("poll_interval", asyncz.SQLiteStore),
                ("store_retry_interval", asyncz.AsyncIOScheduler),
            ):
                problem = f"{name}={value!r}: not a number of seconds above 0"
                rows.append((kind, {name: value}, problem))
        for call, given, expected in rows:
            with self.subTest(expected[:60]):
                self.assertEqual(complaint(call, **given), f"ValueError: {expected}")

    def test_is_fine_where_it_is_not_bigger_than_time(self):
        trigger = IntervalTrigger(
            weeks=400_000, start_at="0002-01-01", timezone="America/New_York", jitter=8e9
        )
        self.assertIsNotNone(trigger.get_next_trigger_time(None, at("2026-01-01")))
        self.assertEqual(IntervalTrigger(seconds=1e12).interval, timedelta(seconds=1e12))


class TestBaseTrigger(VirtualTimeTestCase):
    def test_counts_also_inside_a_combined_one(self):
        either = OrTrigger([Doubling(), CronTrigger(second="5", timezone="UTC")])
        self.assertEqual(
            first_local(either, "2026-01-01 00:00", 5),
            [f"2026-01-01 00:00:0{n}" for n in (1, 2, 4, 5, 8)],
        )
        free = WithoutHolidays(["2026-01-01", "2026-01-03"], hour=8, timezone="UTC")
        self.assertEqual(
            first_local(free, "2026-01-01 00:00", 2), ["2026-01-02 08:00:00", "2026-01-04 08:00:00"]
        )
        both = AndTrigger([free, CronTrigger(minute=0, timezone="UTC")])
        self.assertEqual(
            first_local(both, "2026-01-01 00:00", 2), ["2026-01-02 08:00:00", "2026-01-04 08:00:00"]
        )

    async def test_decides_when_a_job_runs(self):
        rows = [
            (Doubling(), ["00:00:01", "00:00:02", "00:00:04"]),
            (
                EveryOtherHour(hours=1, start_at="2026-01-01 01:00", timezone="UTC"),
                ["02:00:00", "04:00:00", "06:00:00"],
            ),
            (
                WithoutHolidays(["2026-01-02"], hour="12"),
                ["12:00:00", "2026-01-03 12:00:00", "2026-01-04 12:00:00"],
            ),
        ]
        runs: list[list[str]] = [[] for _ in rows]
        self.scheduler.start()
        for number, (trigger, _) in enumerate(rows):
            self.scheduler.add_job(lambda number=number: runs[number].append(self.now()), trigger)
        await asyncio.sleep(4 * 86400)
        self.assertEqual([found[:3] for found in runs], [expected for _, expected in rows])

    async def test_decides_which_time_was_the_last_of_a_backlog(self):
        triggers = [
            (EveryOtherHour(hours=1, start_at="2026-01-01", timezone="UTC"), "2026-01-05 04:00:00"),
            (WithoutHolidays(["2026-01-05"], hour=3, timezone="UTC"), "2026-01-04 03:00:00"),
        ]
        events: list[Any] = []
        self.scheduler.add_listener(events.append, asyncz.JOB_EXECUTED)
        self.scheduler.start()
        for number, (trigger, _) in enumerate(triggers):
            self.scheduler.add_job(lambda: None, trigger, id=str(number))
        self.scheduler.pause()
        await asyncio.sleep(4 * 86400 + 5.5 * 3600)
        self.scheduler.resume()
        await asyncio.sleep(60)
        found = {event.job_id: f"{event.scheduled_run_time:%Y-%m-%d %H:%M:%S}" for event in events}
        self.assertEqual(
            found, {str(number): expected for number, (_, expected) in enumerate(triggers)}
        )

    def test_equals_another_by_its_own_arguments_too(self):
        self.assertEqual(Doubling(2), Doubling(2))
        self.assertNotEqual(Doubling(2), Doubling(3))
        self.assertEqual(
            WithoutHolidays(["2026-01-01"], hour=8), WithoutHolidays(["2026-01-01"], hour=8)
        )
        self.assertNotEqual(
            WithoutHolidays(["2026-01-01"], hour=8), WithoutHolidays(["2026-12-25"], hour=8)
        )

    def test_can_be_copied_and_pickled(self):
        for trigger in (
            Doubling(3),
            EveryOtherHour(hours=1),
            WithoutHolidays(["2026-01-01"], hour=8, timezone="UTC"),
        ):
            for make in (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
                with self.subTest(trigger, make=make):
                    twin = make(trigger)
                    self.assertEqual(
                        (type(twin), twin, vars(twin)), (type(trigger), trigger, vars(trigger))
                    )

    def test_is_abstract_without_its_method(self):
        class Nothing(BaseTrigger):
            pass

        with self.assertRaises(TypeError) as caught:
            Nothing()
        self.assertIn("get_next_trigger_time", str(caught.exception))


EVERY_KIND = [
    CronTrigger(hour=8, timezone="UTC"),
    CronTrigger(
        month="jan-mar",
        day="last",
        hour="8-18/2",
        start_at="2026-01-01",
        end_at=date(2027, 1, 1),
        timezone="Europe/Paris",
        jitter=2.5,
    ),
    from_crontab("*/5 9-17 * * mon-fri", timezone="Asia/Tokyo"),
    from_crontab("@daily", timezone="UTC"),
    from_crontab("@daily", start_at=timedelta(hours=1), end_at="2027-01-01", jitter=1),
    IntervalTrigger(minutes=2),
    IntervalTrigger(seconds=0.5, start_at="2026-01-01T00:00:00Z", jitter=1),
    DateTrigger("2026-12-01 08:00", timezone="Europe/Paris"),
    DateTrigger(timedelta(minutes=10)),
    DateTrigger(),
    AndTrigger([CronTrigger(hour=8, timezone="UTC"), IntervalTrigger(hours=2)], jitter=3),
    OrTrigger([IntervalTrigger(hours=2, end_at=timedelta(days=1, microseconds=1))]),
    OrTrigger(
        [
            from_crontab("@daily", timezone="UTC"),
            OrTrigger([DateTrigger("2026-01-01", timezone="UTC")]),
        ]
    ),
]


class TestEveryTrigger(unittest.TestCase):
    def test_is_shown_in_short(self):
        # fmt: off
        rows = [
            (CronTrigger(hour=8), "cron[hour='8']"),
            (CronTrigger(minute="*/5", day_of_week="Mon", hour=8), "cron[day_of_week='Mon', hour='8', minute='*/5']"),
            (from_crontab("*/5 * * * mon"), "cron['*/5 * * * mon']"),
            (IntervalTrigger(minutes=2), "interval[0:02:00]"),
            (IntervalTrigger(days=8, seconds=0.5), "interval[8 days, 0:00:00.500000]"),
            (DateTrigger("2026-12-01 08:00", timezone="Europe/Paris"), "date[2026-12-01 08:00:00 CET]"),
            (DateTrigger(), "date[now]"),
            (DateTrigger(timedelta(minutes=10)), "date[in 0:10:00]"),
            (AndTrigger([CronTrigger(hour=8), IntervalTrigger(hours=2)]), "and[cron[hour='8'], interval[2:00:00]]"),
            (OrTrigger([DateTrigger()]), "or[date[now]]"),
        ]
        # fmt: on
        self.assertEqual([str(trigger) for trigger, _ in rows], [expected for _, expected in rows])

    def test_is_described_in_plain_english(self):
        # fmt: off
        rows = [
            (IntervalTrigger(seconds=1), "every second"),
            (IntervalTrigger(seconds=90), "every 90 seconds"),
            (IntervalTrigger(seconds=0.25), "every 0.25 seconds"),
            (IntervalTrigger(minutes=90), "every 90 minutes"),
            (IntervalTrigger(hours=2, minutes=60), "every 3 hours"),
            # Of elapsed time, so that where clocks change, they are not whole days.
            (IntervalTrigger(days=1), "every 24 hours"),
            (IntervalTrigger(weeks=2), "every 336 hours"),
            (IntervalTrigger(hours=1, start_at="2026-01-05 10:00", jitter=5), "every hour, from Monday 2026-01-05 10:00:00, up to 5 seconds late"),
            (IntervalTrigger(hours=1, end_at="2026-01-05 10:00Z", jitter=3600), "every hour, until Monday 2026-01-05 10:00:00 UTC, up to 1 hour late"),
            (DateTrigger(), "once, when it is added"),
            (DateTrigger("2026-12-01 08:00"), "once, on Tuesday 2026-12-01 08:00:00"),
            (DateTrigger("2026-12-01 08:00Z", timezone="Europe/Paris"), "once, on Tuesday 2026-12-01 09:00:00 CET (Europe/Paris)"),
            (asyncz.CalendarIntervalTrigger(weeks=2, hour=10, start_at="2026-01-05"), "every 2 weeks at 10:00, counted from Monday 2026-01-05"),
            (asyncz.CalendarIntervalTrigger(days=1, hour=7, minute=5, second=9), "every day at 07:05:09"),
            (asyncz.CalendarIntervalTrigger(days=3, timezone="UTC", start_at="2026-01-05 12:00", end_at="2027-01-01"),
             "every 3 days at 00:00, counted from Monday 2026-01-05 12:00:00 UTC, until Friday 2027-01-01 00:00:00 UTC (UTC)"),
            (asyncz.CalendarIntervalTrigger(months=3, hour=10, start_at="2026-01-31"),
             "every 3 months at 10:00 where the month has that day, counted from Saturday 2026-01-31"),
            (asyncz.CalendarIntervalTrigger(years=1, months=2, days=3), "every year, 2 months and 3 days at 00:00 where the month has that day"),
            (OrTrigger([CronTrigger(hour=8, timezone="Asia/Tokyo"), IntervalTrigger(hours=3)], jitter=60),
             "whenever [at 08:00 every day (Asia/Tokyo)] or [every 3 hours], up to 1 minute late"),
            (AndTrigger([CronTrigger(day_of_week="mon"), OrTrigger([DateTrigger()])]), "whenever [at 00:00 on Monday] and [whenever [once, when it is added]]"),
            # One of a user's that says nothing of it.
            (Doubling(3), "Doubling(factor=3)"),
        ]
        # fmt: on
        for trigger, expected in rows:
            with self.subTest(trigger):
                self.assertEqual(trigger.describe(), expected)

    def test_is_shown_in_full_as_what_makes_it_again(self):
        # fmt: off
        rows = [
            (CronTrigger(hour=8, timezone="UTC"), "CronTrigger(hour='8', timezone='UTC')"),
            (CronTrigger(hour=8, end_at=date(2027, 1, 1), jitter=2), "CronTrigger(hour='8', end_at='2027-01-01 00:00:00', jitter=2.0)"),
            (from_crontab("@daily", timezone="Europe/Paris"), "CronTrigger.from_crontab('@daily', timezone='Europe/Paris')"),
            (IntervalTrigger(minutes=2), "IntervalTrigger(seconds=120)"),
            (DateTrigger(), "DateTrigger()"),
            (DateTrigger(timedelta(minutes=10)), "DateTrigger(run_at=datetime.timedelta(seconds=600))"),
            (from_crontab("@daily", end_at="2027-01-01", jitter=2), "CronTrigger.from_crontab('@daily', end_at='2027-01-01 00:00:00', jitter=2.0)"),
            (OrTrigger([DateTrigger("2026-01-01")]), "OrTrigger(triggers=[DateTrigger(run_at='2026-01-01 00:00:00')])"),
        ]
        # fmt: on
        self.assertEqual([repr(trigger) for trigger, _ in rows], [expected for _, expected in rows])
        for trigger in EVERY_KIND:
            with self.subTest(trigger):
                names = {**globals(), "datetime": sys.modules["datetime"]}
                self.assertEqual(eval(repr(trigger), names), trigger)

    def test_equals_another_with_the_same_arguments(self):
        paris = zoneinfo.ZoneInfo("Europe/Paris")
        same = [
            (CronTrigger(hour=8), CronTrigger(hour="8")),
            (CronTrigger(hour=8, timezone="Europe/Paris"), CronTrigger(hour=8, timezone=paris)),
            (
                CronTrigger(hour=8, start_at="2026-01-01"),
                CronTrigger(hour=8, start_at=date(2026, 1, 1)),
            ),
            (IntervalTrigger(minutes=1), IntervalTrigger(seconds=60)),
            (DateTrigger("2026-01-01"), DateTrigger(datetime(2026, 1, 1))),
            (OrTrigger([IntervalTrigger(minutes=1)]), OrTrigger((IntervalTrigger(seconds=60),))),
        ]
        for one, other in same:
            with self.subTest(one):
                self.assertEqual((one == other, hash(one) == hash(other)), (True, True))
        different = [
            CronTrigger(hour=8),
            CronTrigger(hour=9),
            CronTrigger(minute=8),
            CronTrigger(hour=8, timezone="Asia/Tokyo"),
            CronTrigger(hour=8, jitter=1),
            CronTrigger(hour=8, start_at="2026-01-01"),
            from_crontab("0 8 * * *"),
            from_crontab("0 8 * * *", jitter=1),
            IntervalTrigger(hours=8),
            IntervalTrigger(hours=8, end_at=timedelta(hours=8)),
            IntervalTrigger(hours=8, end_at=timedelta(hours=9)),
            DateTrigger("2026-01-01 08:00"),
            DateTrigger(timedelta(hours=8)),
            AndTrigger([CronTrigger(hour=8)]),
            OrTrigger([CronTrigger(hour=8)]),
            "cron[hour='8']",
        ]
        self.assertEqual(
            [(a, b) for a in different for b in different if a is not b and a == b], []
        )

    def test_can_be_copied_and_pickled(self):
        for trigger in EVERY_KIND:
            for make in (copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
                with self.subTest(trigger, make=make):
                    twin = make(trigger)
                    self.assertEqual(
                        (twin, repr(twin), hash(twin)), (trigger, repr(trigger), hash(trigger))
                    )

    def test_answers_with_an_aware_time_strictly_after_the_previous(self):
        now = at("2026-03-28 12:00")
        for trigger in EVERY_KIND:
            with self.subTest(trigger):
                moment, wrong = trigger.get_next_trigger_time(None, now), []
                for _ in range(200):
                    if moment is None:
                        break
                    following = trigger.get_next_trigger_time(moment, now)
                    if following is not None and (
                        following.utcoffset() is None or following.timestamp() <= moment.timestamp()
                    ):
                        wrong.append((moment, following))
                    moment = following
                self.assertEqual(wrong, [])

    def test_answers_in_its_own_time_zone(self):
        tokyo = CronTrigger(hour=8, timezone="Asia/Tokyo").get_next_trigger_time(
            None, at("2026-01-01 00:00")
        )
        self.assertEqual(str(tokyo), "2026-01-02 08:00:00+09:00")

    def test_gives_a_run_time_of_now_only_as_the_first(self):
        trigger, now = CronTrigger(hour=8, timezone="UTC"), at("2026-01-01 08:00")
        self.assertEqual(trigger.get_next_trigger_time(None, now), now)
        self.assertEqual(trigger.get_next_trigger_time(now, now), at("2026-01-02 08:00"))
        self.assertEqual(
            trigger.get_next_trigger_time(None, now + timedelta(microseconds=1)),
            at("2026-01-02 08:00"),
        )
        self.assertEqual(
            trigger.get_next_trigger_time(at("2025-06-01 08:00"), now), at("2025-06-02 08:00")
        )

    def test_refuses_naive_times(self):
        naive, aware = datetime(2026, 1, 1), at("2026-01-01")
        for trigger in EVERY_KIND:
            with self.subTest(trigger):
                expected = (
                    f"ValueError: {{}}={naive!r}: not an aware datetime; give one with a tzinfo"
                )
                self.assertEqual(
                    complaint(trigger.get_next_trigger_time, None, naive), expected.format("now")
                )
                self.assertEqual(
                    complaint(trigger.get_next_trigger_time, naive, aware),
                    expected.format("previous_time"),
                )

    def test_is_over_where_the_calendar_ends(self):
        end = datetime.max.replace(tzinfo=UTC)
        rows = [
            (CronTrigger(hour=8, timezone="UTC"), end),
            (CronTrigger(hour=8, timezone="Asia/Tokyo"), end),
            (IntervalTrigger(days=1, timezone="UTC"), end),
            (IntervalTrigger(days=365 * 9000, timezone="UTC"), at("2026-01-01 00:00")),
        ]
        for trigger, now in rows:
            with self.subTest(trigger):
                self.assertEqual(
                    complaint(trigger.get_next_trigger_time, None, now), "no error: None"
                )
                self.assertEqual(
                    complaint(trigger.get_next_trigger_time, now, now), "no error: None"
                )

    def test_has_its_arguments_as_attributes(self):
        triggers = [
            DateTrigger("2026-01-01"),
            DateTrigger(),
            IntervalTrigger(minutes=5, start_at="2026-01-01", jitter=3, timezone="UTC"),
            CronTrigger(hour="*/2", day_of_week="mon-fri", end_at="2030-01-01"),
            CronTrigger(second=5),
            AndTrigger([CronTrigger(hour=8)], jitter=1),
            OrTrigger([IntervalTrigger(hours=1), DateTrigger()]),
        ]
        for trigger in triggers:
            with self.subTest(repr(trigger)):
                names = inspect.signature(type(trigger)).parameters
                given = {name: getattr(trigger, name) for name in names}
                self.assertEqual(type(trigger)(**given), trigger)


# === Cron ===
# Fields by keyword and in crontab lines, and what becomes of them where the clocks change.


# fmt: off
# Name, zone, expression, after, until (UTC; a run at the first is not in it, one at the second is),
# runs (UTC).
CLOCK_CHANGES = [
    ("P1", "Europe/Paris", "30 2 * * *", "2026-03-28 00:00", "2026-03-30 12:00", "2026-03-28 01:30; 2026-03-29 01:00; 2026-03-30 00:30"),
    ("P2", "Europe/Paris", "0,30 2 * * *", "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-29 01:00; 2026-03-30 00:00 00:30"),
    ("P3", "Europe/Paris", "0 2,3 * * *", "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-29 01:00; 2026-03-30 00:00 01:00"),
    ("P4", "Europe/Paris", "*/30 1-3 * * *", "2026-03-28 23:30", "2026-03-29 06:00", "2026-03-29 00:00 00:30 01:00 01:30"),
    ("P5", "Europe/Paris", "0 */2 * * *", "2026-03-28 22:30", "2026-03-29 06:30", "2026-03-28 23:00; 2026-03-29 02:00 04:00 06:00"),
    ("P6", "Europe/Paris", "* 2 * * *", "2026-03-28 12:00", "2026-03-29 20:00", ""),
    ("P7", "Europe/Paris", "30 2 * * *", "2026-10-24 00:00", "2026-10-26 12:00", "2026-10-24 00:30; 2026-10-25 00:30; 2026-10-26 01:30"),
    ("P8", "Europe/Paris", "30 * * * *", "2026-10-24 23:00", "2026-10-25 03:00", "2026-10-24 23:30; 2026-10-25 00:30 01:30 02:30"),
    ("P9", "Europe/Paris", "0 3 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "2026-10-25 02:00; 2026-10-26 02:00"),
    ("P10", "Europe/Paris", "0-59/30 0-23 * * *", "2026-10-24 23:15", "2026-10-25 02:15", "2026-10-24 23:30; 2026-10-25 00:00 00:30 02:00"),
    ("P11", "Europe/Paris", "0 */2 * * *", "2026-10-24 23:15", "2026-10-25 03:15", "2026-10-25 00:00 01:00 03:00"),
    ("N1", "America/New_York", "30 2 * * *", "2026-03-07 12:00", "2026-03-09 12:00", "2026-03-08 07:00; 2026-03-09 06:30"),
    ("N2", "America/New_York", "15 1 * * *", "2026-10-31 12:00", "2026-11-02 12:00", "2026-11-01 05:15; 2026-11-02 06:15"),
    ("N3", "America/New_York", "*/20 1 * * *", "2026-10-31 12:00", "2026-11-01 12:00", "2026-11-01 05:00 05:20 05:40 06:00 06:20 06:40"),
    ("N4", "America/New_York", "0 0 * * sun", "2026-02-28 00:00", "2026-03-16 00:00",
     "2026-03-01 05:00; 2026-03-08 05:00; 2026-03-15 04:00"),
    ("L1", "Australia/Lord_Howe", "15 2 * * *", "2026-10-02 20:00", "2026-10-05 00:00", "2026-10-03 15:30; 2026-10-04 15:15"),
    ("L2", "Australia/Lord_Howe", "45 1 * * *", "2026-04-03 20:00", "2026-04-06 00:00", "2026-04-04 14:45; 2026-04-05 15:15"),
    ("L3", "Australia/Lord_Howe", "*/15 1-2 * * *", "2026-04-04 14:00", "2026-04-04 17:00",
     "2026-04-04 14:15 14:30 14:45 15:00 15:15 15:30 15:45 16:00 16:15"),
    ("L4", "Australia/Lord_Howe", "*/10 23 * * *", "2026-10-03 06:00", "2026-10-04 14:00",
     "2026-10-03 12:30 12:40 12:50 13:00 13:10 13:20; 2026-10-04 12:00 12:10 12:20 12:30 12:40 12:50"),
    ("L5", "Australia/Lord_Howe", "0 */2 * * *", "2026-04-04 12:00", "2026-04-04 20:00", "2026-04-04 13:00 15:30 17:30 19:30"),
    ("K1", "Asia/Kolkata", "0 0 * * *", "2026-03-28 00:00", "2026-03-30 00:00", "2026-03-28 18:30; 2026-03-29 18:30"),
    ("K2", "Asia/Kolkata", "*/30 9 * * *", "2026-03-28 00:00", "2026-03-28 23:00", "2026-03-28 03:30 04:00"),
    ("M1", "Africa/Casablanca", "30 2 * * *", "2025-02-22 12:00", "2025-02-24 12:00", "2025-02-23 01:30; 2025-02-24 02:30"),
    ("M2", "Africa/Casablanca", "30 2 * * *", "2025-04-05 12:00", "2025-04-07 12:00", "2025-04-06 02:00; 2025-04-07 01:30"),
    ("M3", "Africa/Casablanca", "0 * * * *", "2025-02-23 00:30", "2025-02-23 04:30", "2025-02-23 01:00 02:00 03:00 04:00"),
    ("S1", "America/Sao_Paulo", "0 0 * * *", "2018-11-03 00:00", "2018-11-05 12:00",
     "2018-11-03 03:00; 2018-11-04 03:00; 2018-11-05 02:00"),
    ("S2", "America/Sao_Paulo", "30 0 4 11 *", "2018-11-03 00:00", "2018-11-05 12:00", "2018-11-04 03:00"),
    ("S3", "America/Sao_Paulo", "30 23 * * *", "2019-02-16 00:00", "2019-02-18 12:00",
     "2019-02-16 01:30; 2019-02-17 01:30; 2019-02-18 02:30"),
    ("S4", "America/Sao_Paulo", "0 0 * * *", "2019-02-16 00:00", "2019-02-18 12:00",
     "2019-02-16 02:00; 2019-02-17 03:00; 2019-02-18 03:00"),
    ("S5", "America/Sao_Paulo", "*/30 23 * * sat", "2019-02-16 12:00", "2019-02-17 12:00", "2019-02-17 01:00 01:30 02:00 02:30"),
    ("S6", "America/Sao_Paulo", "* 1 * * sun", "2018-11-04 02:50", "2018-11-04 03:05", "2018-11-04 03:00 03:01 03:02 03:03 03:04 03:05"),
    ("A1", "Pacific/Apia", "0 9 * * *", "2011-12-28 12:00", "2012-01-01 12:00",
     "2011-12-28 19:00; 2011-12-29 19:00; 2011-12-30 19:00; 2011-12-31 19:00"),
    ("A2", "Pacific/Apia", "0 9 30 12 *", "2011-12-28 12:00", "2012-01-02 12:00", ""),
    ("A3", "Pacific/Apia", "0 */6 * * *", "2011-12-29 20:00", "2011-12-31 12:00",
     "2011-12-29 22:00; 2011-12-30 04:00 10:00 16:00 22:00; 2011-12-31 04:00 10:00"),
    ("A4", "Pacific/Apia", "30 3 * * *", "2011-09-23 18:00", "2011-09-25 18:00", "2011-09-24 14:00; 2011-09-25 13:30"),
    ("T1", "Antarctica/Troll", "30 1,2 * * *", "2026-03-28 12:00", "2026-03-29 12:00", "2026-03-29 01:00"),
    ("T2", "Antarctica/Troll", "30 1 * * *", "2026-10-24 12:00", "2026-10-26 12:00", "2026-10-24 23:30; 2026-10-26 01:30"),
    ("Y1", "Asia/Kathmandu", "5 0 * * *", "1985-12-31 12:00", "1986-01-01 22:00", "1985-12-31 18:30; 1986-01-01 18:20"),
    ("H1", "America/Havana", "* 0 * * sun", "2026-03-08 04:58", "2026-03-08 06:00", ""),
    ("E1", "Europe/Dublin", "30 1 * * *", "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-29 01:00; 2026-03-30 00:30"),
]
# fmt: on


def check_clock_changes(case: unittest.TestCase, make: Callable[[str], tzinfo | str]) -> None:
    for name, zone, expression, start, end, runs in CLOCK_CHANGES:
        with case.subTest(name, zone=zone, expression=expression):
            case.assertEqual(
                fires(from_crontab(expression, timezone=make(zone)), start, end, previous=start),
                instants(runs),
            )


class TestCronTriggerField(unittest.TestCase):
    NOW = "2026-01-01 00:00"  # a Thursday

    def check(self, rows: list[tuple[dict[str, Any], list[str]]]) -> None:
        for fields, expected in rows:
            with self.subTest(fields):
                self.assertEqual(
                    first_local(CronTrigger(**fields, timezone="UTC"), self.NOW, len(expected)),
                    expected,
                )

    def test_takes_every_form_of_an_expression(self):
        year = "2026-01-01 00:"
        # fmt: off
        self.check([
            ({"minute": "*"}, [f"{year}00:00", f"{year}01:00", f"{year}02:00"]),
            ({"minute": "*/25"}, [f"{year}00:00", f"{year}25:00", f"{year}50:00", "2026-01-01 01:00:00"]),
            ({"minute": "7"}, [f"{year}07:00", "2026-01-01 01:07:00"]),
            ({"minute": 7}, [f"{year}07:00", "2026-01-01 01:07:00"]),
            ({"minute": "58-59"}, [f"{year}58:00", f"{year}59:00", "2026-01-01 01:58:00"]),
            ({"minute": "10-20/5"}, [f"{year}10:00", f"{year}15:00", f"{year}20:00", "2026-01-01 01:10:00"]),
            ({"minute": "50/5"}, [f"{year}50:00", f"{year}55:00", "2026-01-01 01:50:00"]),
            ({"minute": "5,3, 4"}, [f"{year}03:00", f"{year}04:00", f"{year}05:00", "2026-01-01 01:03:00"]),
            ({"minute": "0-3/2,30,50/9"}, [f"{year}00:00", f"{year}02:00", f"{year}30:00", f"{year}50:00", f"{year}59:00"]),
            ({"minute": " 07 "}, [f"{year}07:00", "2026-01-01 01:07:00"]),
            ({"second": "*/30"}, [f"{year}00:00", f"{year}00:30", f"{year}01:00"]),
            ({"hour": "8-10/2"}, ["2026-01-01 08:00:00", "2026-01-01 10:00:00", "2026-01-02 08:00:00"]),
            ({"year": 2030}, ["2030-01-01 00:00:00"]),
            ({"year": "2028-2036/4"}, ["2028-01-01 00:00:00", "2032-01-01 00:00:00", "2036-01-01 00:00:00"]),
            ({"year": "*/50"}, ["2070-01-01 00:00:00", "2120-01-01 00:00:00"]),
        ])
        # fmt: on

    def test_takes_names_in_any_case(self):
        # fmt: off
        self.check([
            ({"month": "feb"}, ["2026-02-01 00:00:00", "2027-02-01 00:00:00"]),
            ({"month": "FEB-Apr"}, ["2026-02-01 00:00:00", "2026-03-01 00:00:00", "2026-04-01 00:00:00", "2027-02-01 00:00:00"]),
            ({"month": "Jun,dec"}, ["2026-06-01 00:00:00", "2026-12-01 00:00:00"]),
            ({"month": "sep/2"}, ["2026-09-01 00:00:00", "2026-11-01 00:00:00", "2027-09-01 00:00:00"]),
            ({"day_of_week": "SAT"}, ["2026-01-03 00:00:00", "2026-01-10 00:00:00"]),
            ({"day_of_week": "mon-Fri"}, ["2026-01-01 00:00:00", "2026-01-02 00:00:00", "2026-01-05 00:00:00"]),
            ({"day_of_week": "sat-sun"}, ["2026-01-03 00:00:00", "2026-01-04 00:00:00", "2026-01-10 00:00:00"]),
            ({"day_of_week": "tue,SUN"}, ["2026-01-04 00:00:00", "2026-01-06 00:00:00"]),
        ])
        # fmt: on

    def test_counts_weekdays_from_monday(self):
        # fmt: off
        self.check([
            ({"day_of_week": 0}, ["2026-01-05 00:00:00", "2026-01-12 00:00:00"]),
            ({"day_of_week": "6"}, ["2026-01-04 00:00:00"]),
            ({"day_of_week": "*/2"}, ["2026-01-02 00:00:00", "2026-01-04 00:00:00", "2026-01-05 00:00:00", "2026-01-07 00:00:00"]),
            ({"day_of_week": "4/2"}, ["2026-01-02 00:00:00", "2026-01-04 00:00:00", "2026-01-09 00:00:00"]),
        ])
        # fmt: on

    def test_names_days_by_what_month_it_is(self):
        # fmt: off
        self.check([
            ({"day": "1st mon"}, ["2026-01-05 00:00:00", "2026-02-02 00:00:00", "2026-03-02 00:00:00"]),
            ({"day": "1st thu"}, ["2026-01-01 00:00:00", "2026-02-05 00:00:00"]),
            ({"day": "2nd TUE"}, ["2026-01-13 00:00:00", "2026-02-10 00:00:00"]),
            ({"day": "3rd wed"}, ["2026-01-21 00:00:00", "2026-02-18 00:00:00"]),
            ({"day": "4th sat"}, ["2026-01-24 00:00:00", "2026-02-28 00:00:00"]),
            ({"day": "5th fri"}, ["2026-01-30 00:00:00", "2026-05-29 00:00:00", "2026-07-31 00:00:00"]),
            ({"day": "last sun"}, ["2026-01-25 00:00:00", "2026-02-22 00:00:00", "2026-03-29 00:00:00"]),
            ({"day": "last"}, ["2026-01-31 00:00:00", "2026-02-28 00:00:00", "2026-03-31 00:00:00"]),
            ({"day": "1, 1st  mon, LAST"}, ["2026-01-01 00:00:00", "2026-01-05 00:00:00", "2026-01-31 00:00:00", "2026-02-01 00:00:00"]),
            ({"day": "last", "month": 2, "year": "2027-2028"}, ["2027-02-28 00:00:00", "2028-02-29 00:00:00"]),
        ])
        # fmt: on

    def test_is_the_minimum_below_the_smallest_that_is_given_and_any_above(self):
        self.check(
            [
                ({"month": 6}, ["2026-06-01 00:00:00", "2027-06-01 00:00:00"]),
                ({"day": 15}, ["2026-01-15 00:00:00", "2026-02-15 00:00:00"]),
                ({"week": 2}, [f"2026-01-{day:02} 00:00:00" for day in range(5, 12)]),
                ({"day_of_week": "wed"}, ["2026-01-07 00:00:00", "2026-01-14 00:00:00"]),
                ({"hour": 8}, ["2026-01-01 08:00:00", "2026-01-02 08:00:00"]),
                ({"minute": 30}, ["2026-01-01 00:30:00", "2026-01-01 01:30:00"]),
                ({"second": 30}, ["2026-01-01 00:00:30", "2026-01-01 00:01:30"]),
                ({"month": 6, "minute": 30}, ["2026-06-01 00:30:00", "2026-06-01 01:30:00"]),
                (
                    {"day_of_week": "mon", "second": "30"},
                    ["2026-01-05 00:00:30", "2026-01-05 00:01:30"],
                ),
            ]
        )

    def test_must_hold_together_with_all_others(self):
        # fmt: off
        self.check([
            ({"day": 13, "day_of_week": "fri"}, ["2026-02-13 00:00:00", "2026-03-13 00:00:00", "2026-11-13 00:00:00"]),
            ({"week": 1, "day_of_week": "mon"}, ["2027-01-04 00:00:00", "2028-01-03 00:00:00"]),
            ({"week": 53, "day_of_week": "sun"}, ["2027-01-03 00:00:00", "2033-01-02 00:00:00"]),
            ({"month": 2, "day": 29, "hour": 12}, ["2028-02-29 12:00:00", "2032-02-29 12:00:00"]),
            ({"month": 2, "day": 29, "day_of_week": "sun"}, ["2032-02-29 00:00:00", "2060-02-29 00:00:00", "2088-02-29 00:00:00"]),
            ({"month": 12, "day": 31, "hour": 23, "minute": 59, "second": 59}, ["2026-12-31 23:59:59", "2027-12-31 23:59:59"]),
        ])
        # fmt: on

    def test_knows_the_century_without_a_leap_day(self):
        trigger = CronTrigger(month=2, day=29, timezone="UTC")
        self.assertEqual(first_local(trigger, "2096-02-29 00:00:01", 1), ["2104-02-29 00:00:00"])

    def test_goes_from_one_year_to_the_next(self):
        trigger = CronTrigger(minute="*/30", timezone="UTC")
        self.assertEqual(
            first_local(trigger, "2026-12-31 23:15", 2),
            ["2026-12-31 23:30:00", "2027-01-01 00:00:00"],
        )

    def test_may_be_any_year_that_its_range_has(self):
        for year in (2027, 9998, 9999):
            with self.subTest(year):
                self.assertEqual(
                    first_local(CronTrigger(year=year, timezone="UTC"), self.NOW, 2),
                    [f"{year}-01-01 00:00:00"],
                )
        self.assertIsNone(
            CronTrigger(year=1970, timezone="UTC").get_next_trigger_time(None, at(self.NOW))
        )

    TAKES = {
        "year": "year takes 1970-9999 (a crontab line: CronTrigger.from_crontab), *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "month": "month takes 1-12 or jan-dec, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "day": "day takes 1-31, *, */n, a-b, a-b/n, a/n, last, 1st mon to 5th sun, last mon to last sun, or a list of these with commas",
        "week": "week takes 1-53, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "day_of_week": "day_of_week takes 0-6 or mon-sun, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "hour": "hour takes 0-23, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "minute": "minute takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
        "second": "second takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas",
    }

    def test_that_is_wrong_is_named_with_what_it_may_be(self):
        rows = [
            ("year", 1969, "1969 is less than 1970"),
            ("year", "2026-10000", "10000 is more than 9999"),
            ("month", 0, "0 is less than 1"),
            ("month", "13", "13 is more than 12"),
            ("month", "foo", "'foo' is not understood"),
            ("month", "mon", "'mon' is not understood"),
            ("day", "0", "0 is less than 1"),
            ("day", "1-32", "32 is more than 31"),
            ("day", "6th mon", "'6th mon' is not understood"),
            ("day", "1st", "'1st' is not understood"),
            ("day", "L", "'l' is not understood"),
            ("week", 54, "54 is more than 53"),
            ("day_of_week", 7, "7 is more than 6"),
            ("day_of_week", "monday", "'monday' is not understood; here it is called 'mon'"),
            ("day_of_week", "1st mon", "'1st mon' is not understood"),
            ("day_of_week", "fri-mon", "'fri-mon' runs backwards; write 'fri,sat,sun,mon'"),
            ("hour", 24, "24 is more than 23"),
            ("hour", "", "'' is not understood"),
            ("hour", "1,,2", "'' is not understood"),
            ("hour", "*-5", "'*-5' is not understood"),
            ("hour", "1-", "'1-' is not understood"),
            ("hour", "5/", "'5/' is not understood"),
            ("hour", "²", "'²' is not understood"),
            ("minute", -1, "'-1' is not understood"),
            ("minute", "56-2", "'56-2' runs backwards; write '56,57,58,59,0,1,2'"),
            ("minute", "*/\u0661\u0665", "'*/\u0661\u0665' is not understood"),
            ("minute", "*/0", "the step of '*/0' is not in 1-60"),
            ("minute", "1,*/61", "the step of '*/61' is not in 1-60"),
            ("second", 60, "60 is more than 59"),
        ]
        for field, value, problem in rows:
            with self.subTest(field, value=value):
                self.assertEqual(
                    complaint(CronTrigger, **{field: value}),
                    f"ValueError: {field}={str(value)!r}: {problem}; {self.TAKES[field]}",
                )

    def test_that_runs_backwards_is_mended_to_a_list_of_the_same_numbers(self):
        """From the first number over the end to the last, in both dialects, and with steps."""
        # fmt: off
        rows = [
            ("month", 1, 12, False), ("day", 1, 31, False), ("week", 1, 53, False), ("day_of_week", 0, 6, False),
            ("hour", 0, 23, False), ("minute", 0, 59, False), ("day_of_week", 0, 7, True), ("month", 1, 12, True),
        ]
        # fmt: on
        count = 0
        for name, low, high, crontab in rows:
            length = 7 if name == "day_of_week" else high - low + 1
            names = {"month": MONTHS, "day_of_week": [*["sun"] * crontab, *WEEKDAYS]}.get(name)
            numbers = range(low, high + 1)
            steps = (1, 2, 3, length) if length < 50 else (1, 7)
            for first, last, step in itertools.product(numbers, numbers, steps):
                meant = {low + (n - low) % length for n in range(first, last + length + 1, step)}
                for words in filter(None, (numbers, names)):
                    item = f"{words[first - low]}-{words[last - low]}/{step}"
                    # Where Sunday is at both ends of the names, it is the one that is not backwards.
                    if first <= last or (crontab and "sun" in item):
                        continue
                    said = complaint(values_of_field, name, item, crontab)
                    hint = re.search(r"runs backwards; write '(.+?)'; ", said)
                    found = hint and values_of_field(name, hint[1], crontab)
                    if not found or {low + (n - low) % length for n in found} != meant:
                        self.fail(f"{name}={item!r}: {said}: {found}, and not {sorted(meant)}")
                    count += 1
        self.assertGreater(count, 10_000)

    def test_of_another_type_is_a_type_error(self):
        for value in (1.5, True, [1], b"5"):
            with self.subTest(value):
                expected = f"TypeError: hour={value!r}: not a number or an expression; give one such as 5, '*/5', '8,9' or '9-16'"
                self.assertEqual(complaint(CronTrigger, hour=value), expected)

    def test_must_be_given(self):
        expected = "ValueError: CronTrigger(): no field given; give at least one, such as hour=8 or minute='*/5', or give a crontab line to CronTrigger.from_crontab"
        self.assertEqual(complaint(CronTrigger), expected)
        self.assertEqual(complaint(CronTrigger, start_at="2026-01-01", timezone="UTC"), expected)

    def test_that_can_never_match_with_the_others_is_an_error(self):
        end = ": no date matches all of these, so it would never run; change one of them"
        rows = [
            ({"day": "30", "month": "feb"}, "month='feb', day='30'"),
            ({"day": 31, "month": "apr,jun,sep,nov"}, "month='apr,jun,sep,nov', day='31'"),
            ({"month": 2, "day": "5th mon", "year": 2026}, "year='2026', month='2', day='5th mon'"),
            ({"month": 2, "day": 29, "year": 2027}, "year='2027', month='2', day='29'"),
            ({"month": 6, "week": 53}, "month='6', week='53'"),
        ]
        for fields, given in rows:
            with self.subTest(given):
                self.assertEqual(complaint(CronTrigger, **fields), f"ValueError: {given}{end}")
        self.assertEqual(
            complaint(from_crontab, "0 0 30 2 *"), f"ValueError: month='2', day='30'{end}"
        )

    def test_of_many_words_is_understood_within_a_deadline(self):
        program = "import asyncz; asyncz.CronTrigger(day='1st mon,' * 100_000 + 'last', hour='1,' * 500_000 + '2'); print('done')"
        self.assertEqual(run_python("-c", program, timeout=25).stdout, "done\n")

    def test_of_many_words_still_names_the_first_that_is_wrong(self):
        self.assertIn(
            "'nope' is not understood", complaint(CronTrigger, day="1st mon,nope,1st mon,neither")
        )

    def test_is_shown_among_the_fields_which_cannot_be_changed(self):
        # fmt: off
        rows = [
            (CronTrigger(hour=8, day="1st mon"), {"day": "1st mon", "hour": "8"}),
            (CronTrigger(minute="*/5", timezone="UTC", jitter=4), {"minute": "*/5"}),
            (from_crontab("*/5 9-17 L * mon-fri"), {"minute": "*/5", "hour": "9-17", "day": "L", "month": "*", "day_of_week": "mon-fri"}),
            (from_crontab("30 0 8 * * 7"), {"second": "30", "minute": "0", "hour": "8", "day": "*", "month": "*", "day_of_week": "7"}),
            (from_crontab("@daily"), {"minute": "0", "hour": "0", "day": "*", "month": "*", "day_of_week": "*"}),
        ]
        # fmt: on
        for trigger, expected in rows:
            with self.subTest(repr(trigger)):
                self.assertEqual(trigger.fields, expected)
                self.assertRegex(
                    complaint(lambda trigger=trigger: trigger.fields.update(hour="9")),
                    "^AttributeError: 'mappingproxy'",
                )
                for other in (
                    eval(repr(trigger)),
                    copy.deepcopy(trigger),
                    pickle.loads(pickle.dumps(trigger)),
                ):
                    self.assertEqual((other, other.fields), (trigger, expected))


class TestFromCrontab(unittest.TestCase):
    """What crontab(5) says, which keyword fields don't."""

    NOW = "2026-01-01 00:00"  # a Thursday

    def check(self, rows: list[tuple[str, str]]) -> None:
        for expression, expected in rows:
            with self.subTest(expression):
                runs = instants(expected)
                found = first_local(from_crontab(expression, timezone="UTC"), self.NOW, len(runs))
                self.assertEqual(
                    found, [run if run.count(":") == 2 else f"{run}:00" for run in runs]
                )

    def test_has_five_fields_from_minute_to_weekday(self):
        # fmt: off
        self.check([
            ("* * * * *", "2026-01-01 00:00 00:01 00:02"),
            ("30 8 * * *", "2026-01-01 08:30; 2026-01-02 08:30"),
            ("*/20 9-10 * * *", "2026-01-01 09:00 09:20 09:40 10:00 10:20 10:40; 2026-01-02 09:00"),
            ("0 0 1 */6 *", "2026-01-01 00:00; 2026-07-01 00:00; 2027-01-01 00:00"),
            ("0 0 1 JAN,mar-Apr *", "2026-01-01 00:00; 2026-03-01 00:00; 2026-04-01 00:00; 2027-01-01 00:00"),
            ("5/20 0,12 15 * *", "2026-01-15 00:05 00:25 00:45 12:05 12:25 12:45; 2026-02-15 00:05"),
            ("  0   12\t* * *  ", "2026-01-01 12:00; 2026-01-02 12:00"),
        ])
        # fmt: on

    def test_may_have_the_second_as_a_sixth_field_in_front(self):
        self.check(
            [
                ("* * * * * *", "2026-01-01 00:00:00 00:00:01 00:00:02"),
                ("*/20 59 23 * * *", "2026-01-01 23:59:00 23:59:20 23:59:40; 2026-01-02 23:59:00"),
                ("15 30 8 * * mon", "2026-01-05 08:30:15; 2026-01-12 08:30:15"),
            ]
        )

    def test_counts_weekdays_from_sunday_which_is_also_seven(self):
        # fmt: off
        self.check([
            ("0 0 * * 0", "2026-01-04 00:00; 2026-01-11 00:00"),
            ("0 0 * * 7", "2026-01-04 00:00; 2026-01-11 00:00"),
            ("0 0 * * SUN", "2026-01-04 00:00; 2026-01-11 00:00"),
            ("0 0 * * 1", "2026-01-05 00:00; 2026-01-12 00:00"),
            ("0 0 * * 1-5", "2026-01-01 00:00; 2026-01-02 00:00; 2026-01-05 00:00; 2026-01-06 00:00"),
            ("0 0 * * 5-7", "2026-01-02 00:00; 2026-01-03 00:00; 2026-01-04 00:00; 2026-01-09 00:00"),
            ("0 0 * * 0-1", "2026-01-04 00:00; 2026-01-05 00:00; 2026-01-11 00:00"),
            ("0 0 * * sun-mon", "2026-01-04 00:00; 2026-01-05 00:00; 2026-01-11 00:00"),
            ("0 0 * * sat-sun", "2026-01-03 00:00; 2026-01-04 00:00; 2026-01-10 00:00"),
            ("0 0 * * 0-7", "2026-01-01 00:00; 2026-01-02 00:00; 2026-01-03 00:00; 2026-01-04 00:00; 2026-01-05 00:00"),
            ("0 0 * * */2", "2026-01-01 00:00; 2026-01-03 00:00; 2026-01-04 00:00; 2026-01-06 00:00; 2026-01-08 00:00"),
            ("0 0 * * 1/2", "2026-01-02 00:00; 2026-01-04 00:00; 2026-01-05 00:00; 2026-01-07 00:00; 2026-01-09 00:00"),
            ("0 0 * * mon,3,Fri", "2026-01-02 00:00; 2026-01-05 00:00; 2026-01-07 00:00"),
        ])
        # fmt: on

    def test_runs_on_either_day_where_neither_begins_with_a_star(self):
        # fmt: off
        self.check([
            ("0 0 13 * fri", "2026-01-02 00:00; 2026-01-09 00:00; 2026-01-13 00:00; 2026-01-16 00:00"),
            ("0 0 1-31 * fri", "2026-01-01 00:00; 2026-01-02 00:00; 2026-01-03 00:00"),
            ("0 0 L * mon", "2026-01-05 00:00; 2026-01-12 00:00; 2026-01-19 00:00; 2026-01-26 00:00; 2026-01-31 00:00"),
            ("0 0 13 2 5L", "2026-02-13 00:00; 2026-02-27 00:00; 2027-02-13 00:00; 2027-02-26 00:00"),
        ])
        # fmt: on

    def test_runs_on_days_that_are_both_where_one_begins_with_a_star(self):
        self.check(
            [
                ("0 0 */2 * fri", "2026-01-09 00:00; 2026-01-23 00:00; 2026-02-13 00:00"),
                ("0 0 13 * */5", "2026-02-13 00:00; 2026-03-13 00:00; 2026-09-13 00:00"),
                ("0 0 13 * *", "2026-01-13 00:00; 2026-02-13 00:00"),
                ("0 0 * * fri", "2026-01-02 00:00; 2026-01-09 00:00"),
            ]
        )

    def test_names_days_by_what_month_it_is(self):
        # fmt: off
        self.check([
            ("0 0 L * *", "2026-01-31 00:00; 2026-02-28 00:00; 2026-03-31 00:00; 2026-04-30 00:00"),
            ("0 0 l 2 *", "2026-02-28 00:00; 2027-02-28 00:00; 2028-02-29 00:00"),
            ("0 0 1,L * *", "2026-01-01 00:00; 2026-01-31 00:00; 2026-02-01 00:00"),
            ("0 0 LW * *", "2026-01-30 00:00; 2026-02-27 00:00; 2026-03-31 00:00; 2026-04-30 00:00; 2026-05-29 00:00"),
            ("0 0 * * 5L", "2026-01-30 00:00; 2026-02-27 00:00"),
            ("0 0 * * friL", "2026-01-30 00:00; 2026-02-27 00:00"),
            ("0 0 * * 0L", "2026-01-25 00:00; 2026-02-22 00:00"),
            ("0 0 * * 7L", "2026-01-25 00:00; 2026-02-22 00:00"),
            ("0 0 * * mon#2", "2026-01-12 00:00; 2026-02-09 00:00"),
            ("0 0 * * MON#1,fri#5", "2026-01-05 00:00; 2026-01-30 00:00; 2026-02-02 00:00; 2026-03-02 00:00"),
            ("0 0 * * 0#1", "2026-01-04 00:00; 2026-02-01 00:00"),
            ("0 0 * * 7#1", "2026-01-04 00:00; 2026-02-01 00:00"),
        ])
        # fmt: on

    def test_may_be_a_name(self):
        self.check(
            [
                ("@hourly", "2026-01-01 00:00 01:00"),
                ("@daily", "2026-01-01 00:00; 2026-01-02 00:00"),
                ("@midnight", "2026-01-01 00:00; 2026-01-02 00:00"),
                ("@weekly", "2026-01-04 00:00; 2026-01-11 00:00"),
                ("@monthly", "2026-01-01 00:00; 2026-02-01 00:00"),
                ("@yearly", "2026-01-01 00:00; 2027-01-01 00:00"),
                ("@annually", "2026-01-01 00:00; 2027-01-01 00:00"),
                (" @Daily ", "2026-01-01 00:00; 2026-01-02 00:00"),
            ]
        )

    def test_that_is_wrong_says_what_is_right(self):
        day = "day takes 1-31, *, */n, a-b, a-b/n, a/n, L, LW (the first Monday is mon#1 in day_of_week), or a list of these with commas"
        weekday = "day_of_week takes 0-7 or mon-sun, *, */n, a-b, a-b/n, a/n, 5L, mon#2, or a list of these with commas"
        takes = {**TestCronTriggerField.TAKES, "day": day, "day_of_week": weekday}
        count = "fields; a crontab line has five, minute hour day month weekday, or six, with the second first; for a year there is CronTrigger(year=...)"
        names = "the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly"
        # fmt: off
        rows = [
            ("", f"ValueError: expression='': 0 {count}"),
            ("* * * *", f"ValueError: expression='* * * *': 4 {count}"),
            ("* * * * * * *", f"ValueError: expression='* * * * * * *': 7 {count}"),
            ("@reboot", f"ValueError: expression='@reboot': not a known name; write add_job(fn) without a trigger; {names}"),
            ("@Every 5m", f"ValueError: expression='@Every 5m': not a known name; write add_job(fn, 'interval', minutes=5); {names}"),
            ("@dayly", f"ValueError: expression='@dayly': not a known name; did you mean '@daily'?; {names}"),
            ("@often", f"ValueError: expression='@often': not a known name; {names}"),
            ("60 * * * *", f"ValueError: minute='60': 60 is more than 59; {takes['minute']}"),
            ("60 * * * * *", f"ValueError: second='60': 60 is more than 59; {takes['second']}"),
            ("0 24 * * *", f"ValueError: hour='24': 24 is more than 23; {takes['hour']}"),
            ("0 0 32 * *", f"ValueError: day='32': 32 is more than 31; {day}"),
            ("0 0 1st * *", f"ValueError: day='1st': '1st' is not understood; {day}"),
            ("0 0 last * *", f"ValueError: day='last': 'last' is not understood; {day}"),
            ("0 0 5L * *", f"ValueError: day='5L': '5l' is not understood; {day}"),
            ("0 0 ? * *", f"ValueError: day='?': '?' is not understood; write '*'; {day}"),
            ("0 0 * 13 *", f"ValueError: month='13': 13 is more than 12; {takes['month']}"),
            ("* * * * 8", f"ValueError: day_of_week='8': 8 is more than 7; {weekday}"),
            ("* * * * fri-mon", f"ValueError: day_of_week='fri-mon': 'fri-mon' runs backwards; write 'fri,sat,sun,mon'; {weekday}"),
            ("* * * * mon#6", f"ValueError: day_of_week='mon#6': 'mon#6' is not understood; {weekday}"),
            ("* * * * L", f"ValueError: day_of_week='L': 'l' is not understood; {weekday}"),
            (5, "TypeError: expression=5: not a string; give a crontab line such as '*/5 9-17 * * mon-fri'"),
            (None, "TypeError: expression=None: not a string; give a crontab line such as '*/5 9-17 * * mon-fri'"),
        ]
        # fmt: on
        for expression, expected in rows:
            with self.subTest(expression):
                self.assertEqual(complaint(from_crontab, expression), expected)

    def test_takes_what_a_trigger_of_keywords_takes(self):
        trigger = from_crontab(
            "0 8 * * *", "Europe/Paris", start_at="2026-01-03", end_at="2026-01-05", jitter=5
        )
        like = CronTrigger(hour=8, start_at="2026-01-03", end_at="2026-01-05", jitter=5)
        for name in ("start_at", "end_at", "jitter"):
            self.assertEqual(getattr(trigger, name), getattr(like, name))
        self.assertEqual(
            [moment[:13] for moment in first_local(trigger, self.NOW, 5)],
            ["2026-01-03 08", "2026-01-04 08"],
        )

    def test_runs_from_a_weekday_to_seven_by_a_step(self):
        rows = [
            ("1/2", "mon wed fri sun"),
            ("4/3", "thu sun"),
            ("0/2", "sun tue thu sat"),
            ("sun/3", "sun wed sat"),
            ("sat/1", "sat sun"),
            ("*/2", "sun tue thu sat"),
            ("7/1", "sun"),
        ]
        for field, expected in rows:
            with self.subTest(field):
                trigger = from_crontab(f"0 0 * * {field}", timezone="UTC")
                runs = fires(trigger, "2026-01-04 00:00", "2026-01-10 23:59")  # from a Sunday on
                days = {f"{at(run):%a}".lower() for run in runs}
                self.assertEqual(sorted(days), sorted(expected.split()))


class TestCronTriggerAtAClockChange(unittest.TestCase):
    """Skipped local times run once after the gap, repeated ones once; with a wildcard, whatever the
    wall clock shows.
    """

    def test_runs_at_exactly_the_times_of_the_table(self):
        for name, zone, expression, start, end, runs in CLOCK_CHANGES:
            with self.subTest(name, zone=zone, expression=expression):
                self.assertEqual(
                    fires(from_crontab(expression, timezone=zone), start, end, previous=start),
                    instants(runs),
                )

    def test_does_not_depend_on_what_another_trigger_of_the_zone_was_asked_before(self):
        far = from_crontab("10 1 26 10 *", timezone="Europe/Paris")
        first_of_two = from_crontab("15 2 * * *", timezone="Europe/Paris")
        # Which looks at the days around 26 October, and remembers them.
        far.get_next_trigger_time(None, at("2026-06-01"))
        # 02:12 for the second time.
        repeated = first_of_two.get_next_trigger_time(None, at("2026-10-25 01:12"))
        self.assertEqual(repeated, at("2026-10-26 01:15"))

    def test_runs_at_the_same_times_in_keyword_form(self):
        forms = {
            "P1": {"hour": 2, "minute": 30},
            "P2": {"hour": 2, "minute": "0,30"},
            "P4": {"hour": "1-3", "minute": "*/30"},
            "P6": {"hour": 2, "minute": "*"},
            "P8": {"minute": 30},
            "P10": {"hour": "0-23", "minute": "0-59/30"},
            "P11": {"hour": "*/2"},
            "N4": {"day_of_week": "sun"},
            "L2": {"hour": 1, "minute": 45},
            "L4": {"hour": 23, "minute": "*/10"},
            "S1": {"day": "*"},
            "S2": {"month": 11, "day": 4, "hour": 0, "minute": 30},
            "S6": {"day_of_week": 6, "hour": 1, "minute": "*"},
            "A2": {"month": "dec", "day": 30, "hour": 9},
            "E1": {"hour": 1, "minute": 30},
        }
        for name, zone, _, start, end, runs in CLOCK_CHANGES:
            if name in forms:
                with self.subTest(name, zone=zone, fields=forms[name]):
                    self.assertEqual(
                        fires(
                            CronTrigger(**forms[name], timezone=zone), start, end, previous=start
                        ),
                        instants(runs),
                    )

    def test_runs_at_the_same_times_with_the_second_as_a_sixth_field(self):
        for name, zone, expression, start, end, runs in CLOCK_CHANGES:
            with self.subTest(name, zone=zone, expression=expression):
                self.assertEqual(
                    fires(
                        from_crontab(f"0 {expression}", timezone=zone), start, end, previous=start
                    ),
                    instants(runs),
                )

    def test_is_one_that_seconds_take_part_in(self):
        # 02:00-03:00 does not exist in Paris on 2026-03-29; it is there twice on 2026-10-25.
        rows = [
            ("30 0 2 * * *", "2026-03-29 00:00", "2026-03-29 04:00", ["2026-03-29 01:00"]),
            ("*/30 0 2 * * *", "2026-03-29 00:00", "2026-03-29 04:00", []),
            ("30 0 2 * * *", "2026-10-24 23:00", "2026-10-25 04:00", ["2026-10-25 00:00:30"]),
            (
                "*/30 0 2 * * *",
                "2026-10-24 23:00",
                "2026-10-25 01:30",
                [
                    "2026-10-25 00:00",
                    "2026-10-25 00:00:30",
                    "2026-10-25 01:00",
                    "2026-10-25 01:00:30",
                ],
            ),
        ]
        for expression, start, end, expected in rows:
            with self.subTest(expression, start=start):
                self.assertEqual(
                    fires(from_crontab(expression, timezone="Europe/Paris"), start, end), expected
                )

    def test_answers_the_same_whatever_was_asked_before(self):
        # 06:00 UTC is the change; the half hour after it comes a second time, so the run of the
        # fifth of November has been at 05:30
        now = at("2017-11-05 06:25")
        asked_before = (
            "2017-11-05 05:00",
            "2017-11-05 06:30",
            "2017-11-07 00:00",
            "2018-01-01 00:00",
            "2017-01-01 00:00",
        )
        program = (
            "import asyncz, sys; from datetime import datetime\n"
            "trigger = asyncz.CronTrigger.from_crontab('30 1 * * *', timezone='America/New_York')\n"
            "for text in sys.argv[1:]: moment = trigger.get_next_trigger_time(None, datetime.fromisoformat(text))\n"
            "print(moment)\n"
        )
        questions = [[at(text).isoformat(), now.isoformat()] for text in asked_before]
        done = run_forked(
            *((program, question, {}) for question in questions), preloaded=("zoneinfo",)
        )
        for text, (_, output, errors) in zip(asked_before, done):
            with self.subTest(text):
                self.assertEqual((errors, output), ("", "2017-11-06 01:30:00-05:00\n"))

    def test_runs_at_the_same_times_in_a_zone_that_is_right_only_from_utc(self):
        check_clock_changes(self, LikePytz)
        moment = CronTrigger(hour=8, timezone=LikePytz("Europe/Paris")).get_next_trigger_time(
            None, at("2026-07-01")
        )
        self.assertEqual(
            (str(moment), str(moment.tzinfo)), ("2026-07-01 08:00:00+02:00", "Europe/Paris")
        )


class Reference:
    """The rule again, slow and plain: what the wall clock of a zone shows, step by step, and which
    fields it then matches.
    """

    def __init__(self, zone: str, start: str, steps: int, step: int) -> None:
        # (instant, wall time, whether the wall clock was there before, wall times that it has just
        # left out).
        self.shown = []
        every, place = timedelta(seconds=step), zoneinfo.ZoneInfo(zone)
        highest = last = None
        for number in range(steps):
            instant = at(start) + number * every
            wall = instant.astimezone(place).replace(tzinfo=None)
            left_out = []
            if last is not None and every < wall - last < timedelta(hours=3) + every:
                left_out = [last + n * every for n in range(1, (wall - last) // every)]
            self.shown.append((instant, wall, highest is not None and wall <= highest, left_out))
            highest, last = wall if highest is None else max(highest, wall), wall

    def runs(self, fields: list[tuple[str, set[int]]]) -> list[datetime]:
        (
            (second_text, seconds),
            (minute_text, minutes),
            (hour_text, hours),
            (day_text, days),
            (_, months),
            (weekday_text, weekdays),
        ) = fields
        either = not day_text.startswith("*") and not weekday_text.startswith("*")
        wildcard = any(text.startswith("*") for text in (second_text, minute_text, hour_text))

        def matches(wall: datetime) -> bool:
            if (
                wall.minute not in minutes
                or wall.hour not in hours
                or wall.second not in seconds
                or wall.month not in months
            ):
                return False
            by_day, by_weekday = (
                wall.day in days,
                not weekdays.isdisjoint((wall.isoweekday(), wall.isoweekday() % 7)),
            )
            return by_day or by_weekday if either else by_day and by_weekday

        if wildcard:
            return [instant for instant, wall, _, _ in self.shown if matches(wall)]
        return [
            instant
            for instant, wall, seen, left_out in self.shown
            if (matches(wall) and not seen) or any(matches(skipped) for skipped in left_out)
        ]


def random_field(chance: random.Random, low: int, high: int, around: int) -> tuple[str, set[int]]:
    """Return an expression and the numbers it means; `around` is a number that is often in it."""
    first = chance.choice((around, chance.randint(low, high)))
    last, step = chance.randint(first, high), chance.randint(1, max(2, (high - low) // 2))
    return chance.choice(
        (
            ("*", set(range(low, high + 1))),
            (f"*/{step}", set(range(low, high + 1, step))),
            (f"{first}", {first}),
            (f"{first},{last}", {first, last}),
            (f"{first}-{last}", set(range(first, last + 1))),
            (f"{first}-{last}/{step}", set(range(first, last + 1, step))),
            (f"{first}/{step}", set(range(first, high + 1, step))),
        )
    )


# Zone, two days that hold a change (UTC), the hour and the day in which it is on the wall clock.
CHANGES = [
    ("Europe/Paris", "2026-03-28 06:00", 2, 29),
    ("Europe/Paris", "2026-10-24 06:00", 2, 25),
    ("America/New_York", "2026-03-07 12:00", 2, 8),
    ("America/New_York", "2017-11-04 12:00", 1, 5),
    ("Australia/Lord_Howe", "2026-04-03 18:00", 1, 5),
    ("Australia/Lord_Howe", "2026-10-02 18:00", 2, 4),
    ("America/Sao_Paulo", "2018-11-03 06:00", 0, 4),
    ("America/Sao_Paulo", "2019-02-16 06:00", 23, 16),
    ("America/Caracas", "2016-04-30 12:00", 2, 1),
    ("Asia/Pyongyang", "2018-05-03 18:00", 23, 4),
    ("Asia/Kathmandu", "1985-12-31 00:00", 0, 1),
    ("Africa/Casablanca", "2025-02-22 06:00", 2, 23),
    ("Antarctica/Troll", "2026-03-28 06:00", 1, 29),
    ("Antarctica/Casey", "2018-03-10 00:00", 1, 11),
    ("Pacific/Apia", "2011-12-29 12:00", 9, 30),
    ("Europe/Dublin", "2026-10-24 06:00", 1, 25),
]


class TestCronTriggerAtRandom(unittest.TestCase):
    """Compared with a walk over every minute, or second, which looks only at what the wall clock
    shows.
    """

    def compare(
        self,
        zone: str,
        start: str,
        step: int,
        steps: int,
        fields: list[list[tuple[str, set[int]]]],
        first: int,
    ) -> int:
        reference = Reference(zone, start, steps, step)
        earliest, latest = reference.shown[steps // 8][0], reference.shown[-1][0]
        compared = 0
        for number, chosen in enumerate(fields):
            expression = " ".join(text for text, _ in chosen[first:])
            expected = [instant for instant in reference.runs(chosen) if instant >= earliest]
            trigger = from_crontab(expression, timezone=zone)
            found, moment = [], trigger.get_next_trigger_time(None, earliest)
            while moment is not None and moment <= latest:
                found.append(moment.astimezone(UTC))
                moment = trigger.get_next_trigger_time(moment, earliest)
            self.assertEqual(found, expected, f"{expression!r} in {zone} from {earliest}")
            # And from anywhere in between.
            now = reference.shown[steps // 8 + number * 997 % (steps - steps // 8)][0]
            following = next((instant for instant in expected if instant >= now), None)
            if following is not None:
                moment = trigger.get_next_trigger_time(None, now)
                self.assertEqual(
                    moment and moment.astimezone(UTC),
                    following,
                    f"{expression!r} in {zone}, asked at {now}",
                )
            compared += len(expected)
        return compared

    def test_runs_as_the_walk_over_minutes_says(self):
        chance, compared = random.Random(20260329), 0
        for zone, start, hour, day in CHANGES:
            expressions = []
            for _ in range(20):
                days = (
                    random_field(chance, 1, 31, day)
                    if chance.random() < 0.4
                    else ("*", set(range(1, 32)))
                )
                weekdays = (
                    random_field(chance, 0, 7, 0) if chance.random() < 0.4 else ("*", set(range(7)))
                )
                fields = [
                    ("0", {0}),
                    random_field(chance, 0, 59, 30),
                    random_field(chance, 0, 23, hour),
                    days,
                    ("*", set(range(1, 13))),
                    weekdays,
                ]
                expressions.append(fields)
            with self.subTest(zone=zone, start=start):
                compared += self.compare(zone, start, 60, 2 * 1440, expressions, 1)
        self.assertGreater(compared, 5000)

    def test_runs_as_the_walk_over_seconds_says(self):
        chance, compared = random.Random(20261025), 0
        every = [("*", set(range(1, 32))), ("*", set(range(1, 13))), ("*", set(range(7)))]
        for zone, start, hour in [
            ("Europe/Paris", "2026-03-28 23:30", 2),
            ("Europe/Paris", "2026-10-24 23:00", 2),
            ("Australia/Lord_Howe", "2026-04-04 14:00", 1),
            ("America/Sao_Paulo", "2018-11-04 01:30", 0),
        ]:
            expressions = [
                [
                    random_field(chance, 0, 59, 0),
                    random_field(chance, 0, 59, 0),
                    random_field(chance, 0, 23, hour),
                    *every,
                ]
                for _ in range(12)
            ]
            with self.subTest(zone=zone, start=start):
                compared += self.compare(zone, start, 1, 3 * 3600, expressions, 0)
        self.assertGreater(compared, 2000)


# fmt: off
# What a crontab line is, in English.
DESCRIPTIONS = [
    ("* * * * *", "every minute"),
    ("*/5 * * * *", "every 5 minutes"),
    ("0-59/15 * * * *", "every 15 minutes"),
    ("0,30 * * * *", "every 30 minutes"),
    ("15,45 * * * *", "at minutes 15 and 45 of every hour"),
    ("*/7 * * * *", "at minutes 0, 7, ..., 56 of every hour"),
    ("1-59/2 * * * *", "at minutes 1, 3, ..., 59 of every hour"),
    ("5/20 * * * *", "at minutes 5, 25 and 45 of every hour"),
    ("@hourly", "at minute 0 of every hour"),
    ("17 * * * *", "at minute 17 of every hour"),
    ("0 */2 * * *", "at minute 0 of hours 0, 2, ..., 22"),
    ("0 */4 * * *", "at 00:00, 04:00, 08:00, 12:00, 16:00 and 20:00 every day"),
    ("*/10 */2 * * *", "every 10 minutes of hours 0, 2, ..., 22"),
    ("*/5 9-17 * * mon-fri", "every 5 minutes of hours 9 to 17 on Monday to Friday"),
    ("0,20,40 9-17 * * *", "every 20 minutes of hours 9 to 17"),
    ("0 9-17 * * 1-5", "at minute 0 of hours 9 to 17 on Monday to Friday"),
    ("* 9 * * *", "every minute of hour 9"),
    ("0-59 0-23 * * *", "every minute of hours 0 to 23"),
    ("@daily", "at 00:00 every day"),
    ("0 9 * * *", "at 09:00 every day"),
    ("30 8,20 * * *", "at 08:30 and 20:30 every day"),
    ("0,30 9-11 * * *", "at 09:00, 09:30, 10:00, 10:30, 11:00 and 11:30 every day"),
    ("@weekly", "at 00:00 on Sunday"),
    ("5 4 * * sun,sat", "at 04:05 on Saturday and Sunday"),
    ("0 6 * * mon,wed,fri", "at 06:00 on Monday, Wednesday and Friday"),
    ("0 6 * * 0-7", "at 06:00 on Monday to Sunday"),
    ("0 6 * * 5-7", "at 06:00 on Friday to Sunday"),
    ("0 6 * * *,5", "at 06:00 on Monday to Sunday"),
    ("@monthly", "at 00:00 on day 1 of the month"),
    ("@yearly", "at 00:00 on day 1 of the month, in January"),
    ("0 0 1,15 * *", "at 00:00 on days 1 and 15 of the month"),
    ("30 4 1,15 * 5", "at 04:30 on days 1 and 15 of the month or on Friday"),
    ("0 0 1 1 mon", "at 00:00 on day 1 of the month or on Monday, in January"),
    ("0 0 */2 * mon", "at 00:00 on days 1, 3, ..., 31 of the month if on Monday"),
    ("0 0 1-7 * */7", "at 00:00 on days 1 to 7 of the month if on Sunday"),
    ("0 0 L * *", "at 00:00 on the last day of the month"),
    ("0 18 LW * *", "at 18:00 on the last workday of the month"),
    ("0 0 15,L * *", "at 00:00 on day 15 and the last day of the month"),
    ("0 0 * * 5L", "at 00:00 on the last Friday of the month"),
    ("0 0 * * mon#2", "at 00:00 on the 2nd Monday of the month"),
    ("0 0 * * mon,5#3,sunL", "at 00:00 on Monday, the last Sunday and the 3rd Friday of the month"),
    ("0 0 L * mon#1", "at 00:00 on the last day of the month or on the 1st Monday of the month"),
    ("0 12 * jun-aug *", "at 12:00 every day, in June to August"),
    ("0 8-18 * jan,mar,dec *", "at minute 0 of hours 8 to 18, in January, March and December"),
    ("* * * * * *", "every second"),
    ("*/10 * * * * *", "every 10 seconds"),
    ("30 * * * * *", "at second 30 of every minute"),
    ("30 */5 * * * *", "at second 30 of minutes 0, 5, ..., 55 of every hour"),
    ("* 5 * * * *", "every second of minute 5"),
    ("*/10 * 9 * * *", "every 10 seconds of hour 9"),
    ("15 30 8 * * *", "at 08:30:15 every day"),
]
# And keyword fields.
KEYWORD_DESCRIPTIONS = [
    ({"hour": 8}, "at 08:00 every day"),
    ({"second": "*/15", "hour": "9-17"}, "every 15 seconds of hours 9 to 17"),
    ({"day": "1st mon"}, "at 00:00 on the 1st Monday of the month"),
    ({"day": "last,15,1"}, "at 00:00 on days 1, 15 and the last day of the month"),
    ({"day": "1-7", "day_of_week": "mon", "hour": 9}, "at 09:00 on days 1 to 7 of the month if on Monday"),
    ({"week": "*/2"}, "at 00:00 every day, in ISO weeks 1, 3, ..., 53"),
    ({"week": 5, "day_of_week": "mon"}, "at 00:00 on Monday, in ISO week 5"),
    ({"month": "*/3"}, "at 00:00 on day 1 of the month, in January, April, July and October"),
    ({"year": 2026}, "at 00:00 on day 1 of the month, in January, in year 2026"),
    ({"year": "2026-2030", "month": "6", "minute": 0}, "at minute 0 of every hour, in June, in years 2026 to 2030"),
]
# fmt: on


def read_numbers(items: list[str], names: list[str]) -> set[int]:
    """Return what "9 to 17", "0, 20 and 40" or "0, 5, ..., 55" mean."""
    found: list[int] = []
    step = 0
    for item in items:
        if item == "...":
            step = found[-1] - found[-2]
            continue
        numbers = [names.index(word) if names else int(word) for word in item.split(" to ")]
        if step:
            found += range(found[-1] + step, numbers[0], step)
            step = 0
        found += range(numbers[0], numbers[-1] + 1)
    return set(found)


def read_days(text: str) -> Callable[[date], bool]:
    """Return whether a date is one of "days 1, 15 and the last Friday of the month", or the like."""
    body = text.removesuffix(" of the month")
    assert (body == text) == (not re.search("day [0-9]|days|the ", body))
    items = re.split(", | and ", re.sub("^days? ", "", body))
    plain = [item for item in items if not item.startswith("the ")]
    weekdays = list(calendar.day_name)
    numbers = read_numbers(plain, [] if body.startswith("day") else weekdays)
    kinds = {"day": range(7), "workday": range(5)}
    kinds.update((name, range(n, n + 1)) for n, name in enumerate(weekdays))

    def among(day: date) -> bool:
        if (day.day if body.startswith("day") else day.weekday()) in numbers:
            return True
        for item in items:
            if item.startswith("the "):
                _, nth, kind = item.split()
                length = calendar.monthrange(day.year, day.month)[1]
                those = [
                    n
                    for n in range(1, length + 1)
                    if date(day.year, day.month, n).weekday() in kinds[kind]
                ]
                those = those[-1:] if nth == "last" else those[int(nth[0]) - 1 : int(nth[0])]
                if day.day in those:
                    return True
        return False

    return among


class Reading:
    """What the description of a cron trigger says to somebody who knows nothing of the trigger."""

    UNITS = ("second", "minute", "hour")

    def __init__(self, text: str) -> None:
        when, *within = text.split(", in ")
        clock, _, days = when.partition(" on ")
        self.within: dict[str, set[int]] = {}
        for clause in within:
            label = re.match("ISO weeks? |years? |", clause)[0]
            names = [] if label else list(calendar.month_name)
            items = re.split(", | and ", clause[len(label) :])
            self.within[label.rstrip("s ") or "month"] = read_numbers(items, names)
        self.days, self.either = [read_days("Monday to Sunday")], any
        if days:
            assert not clock.endswith(" every day")
            first, *more = re.split(" (or|if) on ", days)
            self.days = [read_days(first), *map(read_days, more[1:])]
            self.either = all if "if" in more else any
        self.clocks = self.read_clock(clock.removesuffix(" every day"))

    def read_clock(self, text: str) -> Callable[[int], Iterator[int]]:
        """Return what gives the seconds of a day, from one on."""
        if re.match(r"at \d\d:", text):
            times = [f"{it}:00"[:8].split(":") for it in re.split(", | and ", text[3:])]
            seconds = sorted(3600 * int(h) + 60 * int(m) + int(s) for h, m, s in times)
            return lambda start: (second for second in seconds if second >= start)
        sizes = dict(zip(self.UNITS, (60, 60, 24)))
        units: dict[str, set[int]] = {}
        for phrase in text.removeprefix("at ").split(" of "):
            every, count, unit, rest = re.match(r"(every )?(\d+ )?(\w+?)s?( .*|$)", phrase).groups()
            size = sizes[unit]
            if every:
                units[unit] = set(range(0, size, int(count or 1)))
                assert len(units[unit]) > 1 and size % int(count or 1) == 0
            else:
                units[unit] = read_numbers(re.split(", | and ", rest.strip()), [])
        # What is finer than all that is named is zero, what is coarser is any.
        finest = min(map(self.UNITS.index, units))
        for number, unit in enumerate(self.UNITS):
            units.setdefault(unit, {0} if number < finest else set(range(sizes[unit])))
        seconds, minutes, hours = (sorted(units[unit]) for unit in self.UNITS)

        def clocks(start: int) -> Iterator[int]:
            for hour in hours:
                for minute in minutes if 3600 * (hour + 1) > start else ():
                    for second in seconds:
                        if 3600 * hour + 60 * minute + second >= start:
                            yield 3600 * hour + 60 * minute + second

        return clocks

    def has(self, day: date) -> bool:
        shown = {"month": day.month, "year": day.year, "ISO week": day.isocalendar()[1]}
        if any(shown[label] not in numbers for label, numbers in self.within.items()):
            return False
        return self.either(among(day) for among in self.days)

    def runs(self, start: datetime, days: int) -> Iterator[datetime]:
        for number in range(days):
            day = start.date() + timedelta(days=number)
            if self.has(day):
                first = 0 if number else (start - midnight(start)) // timedelta(seconds=1)
                for second in self.clocks(first):
                    yield midnight(day) + timedelta(seconds=second)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class TestDescribeOfACronTrigger(unittest.TestCase):
    def test_is_plain_english(self):
        for expression, expected in DESCRIPTIONS:
            with self.subTest(expression):
                self.assertEqual(from_crontab(expression).describe(), expected)
        for fields, expected in KEYWORD_DESCRIPTIONS:
            with self.subTest(fields):
                self.assertEqual(CronTrigger(**fields).describe(), expected)

    def test_names_bounds_jitter_and_time_zone(self):
        # fmt: off
        rows = [
            ({"timezone": "Europe/Paris"}, "at 08:00 every day (Europe/Paris)"),
            ({"start_at": "2026-07-06"}, "at 08:00 every day, from Monday 2026-07-06"),
            ({"start_at": "2026-07-06 06:00Z", "timezone": "Europe/Paris"}, "at 08:00 every day, from Monday 2026-07-06 08:00:00 CEST (Europe/Paris)"),
            ({"end_at": "2026-07-06"}, "at 08:00 every day, until Monday 2026-07-06 00:00:00"),
            ({"jitter": 60}, "at 08:00 every day, up to 1 minute late"),
            ({"start_at": "2026-01-01", "end_at": "2026-12-31 12:00+01:00", "jitter": 2.5, "timezone": "UTC"},
             "at 08:00 every day, from Thursday 2026-01-01 UTC, until Thursday 2026-12-31 11:00:00 UTC, up to 2.5 seconds late (UTC)"),
        ]
        # fmt: on
        for more, expected in rows:
            with self.subTest(more):
                self.assertEqual(CronTrigger(hour=8, **more).describe(), expected)

    def random_text(
        self, chance: random.Random, low: int, high: int, names: Any, words: Any
    ) -> str:
        def named(number: int) -> str:
            return chance.choice((str(number), names[number - low] if names else str(number)))

        def item() -> str:
            first = chance.randint(low, high)
            step = chance.randint(1, min(30, high - low + 1))
            forms = [
                named(first),
                f"{named(first)}-{named(chance.randint(first, high))}",
                f"*/{step}",
            ]
            forms += [
                f"{forms[1]}/{step}",
                f"{first}/{step}",
                named(first),
                *chance.sample(words, 2),
            ]
            return chance.choice(forms)

        # To find that February has no 31st takes long, and is not what this is about.
        if chance.random() < (0.75 if names and high == 12 else 0.35):
            return "*"
        return ",".join(item() for _ in range(chance.choice((1, 1, 1, 2, 3))))

    def check_readings(self, make: Callable[[random.Random], CronTrigger], seed: int) -> None:
        chance, compared, some = random.Random(seed), 0, 0
        for _ in range(800):
            try:
                trigger = make(chance)
            except ValueError as error:
                self.assertRegex(str(error), "no date matches")
                continue
            description = trigger.describe().removesuffix(" (UTC)")
            start = at("2024-01-01") + timedelta(seconds=chance.randrange(6 * 365 * 86400))
            days = 120
            expected = list(itertools.islice(Reading(description).runs(start, days), 4))
            found: list[datetime] = []
            while len(found) < 4:
                moment = trigger.get_next_trigger_time(found[-1] if found else None, start)
                if moment is None or moment >= midnight(start) + timedelta(days=days):
                    break
                found.append(moment.astimezone(UTC))
            self.assertEqual(found, expected, f"{trigger} is {description!r}, from {start}")
            some += bool(found)
            compared += 1
        self.assertGreater(min(some, compared - some), 50)
        self.assertGreater(compared, 700)

    def test_of_a_crontab_line_says_what_it_does(self):
        weekdays = ("sun", "mon", "TUE", "wed", "thu", "fri", "sat", "Sun")
        months = [name.lower() for name in calendar.month_abbr[1:]]
        nths = [f"{day}{nth}" for day in ("5", "mon", "7") for nth in ("L", "#1", "#2", "#5")]

        def make(chance: random.Random) -> CronTrigger:
            fields = [
                self.random_text(chance, 0, 59, (), ["0", "0", "30"]),
                self.random_text(chance, 0, 59, (), ["0", "0", "30"]),
                self.random_text(chance, 0, 23, (), ["0", "12"]),
                self.random_text(chance, 1, 31, (), ["L", "LW", "1-7"]),
                self.random_text(chance, 1, 12, months, ["1-12", "jan,jul"]),
                self.random_text(chance, 0, 7, weekdays, nths),
            ]
            return from_crontab(" ".join(fields[chance.randint(0, 1) :]), timezone="UTC")

        self.check_readings(make, 4)

    def test_of_keyword_fields_says_what_they_do(self):
        weekdays = [name.lower() for name in calendar.day_abbr]
        months = [name.upper() for name in calendar.month_abbr[1:]]
        nths = ["last", "1st mon", "2nd TUE", "last fri", "5th sun", "3rd sat"]
        fields = {
            "year": (2024, 2030, (), ["2024-2099/2", "2025"]),
            "month": (1, 12, months, ["1-12", "jan,jul"]),
            "day": (1, 31, (), nths),
            "week": (1, 53, (), ["53", "1-26"]),
            "day_of_week": (0, 6, weekdays, ["mon-fri", "sat,sun"]),
            "hour": (0, 23, (), ["0", "12"]),
            "minute": (0, 59, (), ["0", "30"]),
            "second": (0, 59, (), ["0", "0-59"]),
        }

        def make(chance: random.Random) -> CronTrigger:
            chosen = chance.sample(list(fields), chance.randint(1, 4))
            # Of a few weeks and of other months: it would take long to find that it never runs.
            if "week" in chosen:
                chosen = [name for name in chosen if name not in ("year", "month", "day")]
            texts = {name: self.random_text(chance, *fields[name]) for name in chosen}
            return CronTrigger(**texts, timezone="UTC")

        self.check_readings(make, 5)


# === Calendar intervals ===
# Days are counted on the calendar, and the local time of each is found day by day, by an oracle that
# knows no shortcut.


class TestCalendarIntervalTrigger(VirtualTimeTestCase):
    def runs(self, count, now="2026-01-01", **arguments):
        trigger, moment = asyncz.CalendarIntervalTrigger(**arguments), None
        for _ in range(count):
            moment = trigger.get_next_trigger_time(moment, at(now))
            if moment is None:
                return
            yield moment

    def test_runs_on_the_days_that_are_counted(self):
        table = [
            ({"weeks": 2, "hour": 10, "start_at": "2026-01-05"}, "01-05 01-19 02-02 02-16"),
            ({"days": 3, "hour": 10, "start_at": "2026-02-27"}, "02-27 03-02 03-05 03-08"),
            ({"months": 3, "start_at": "2026-01-31"}, "01-31 07-31 10-31 01-31 07-31"),
            ({"months": 1, "start_at": "2026-01-30"}, "01-30 03-30 04-30"),
            ({"years": 1, "start_at": "2024-02-29"}, "02-29 02-29"),
            ({"months": 1, "days": 1, "start_at": "2026-01-31"}, "01-31 04-01 05-02"),
            ({"days": 10, "start_at": "2026-01-01", "end_at": "2026-01-15"}, "01-01 01-11"),
            ({"days": 10, "hour": 8, "start_at": "2026-01-01 09:00"}, "01-11 01-21"),
            ({"days": 7, "start_at": "2030-01-01"}, "01-01 01-08"),
        ]
        for arguments, expected in table:
            with self.subTest(arguments):
                days = expected.split()
                count = len(days) + ("end_at" in arguments)
                found = list(self.runs(count, timezone="UTC", **arguments))
                self.assertEqual([f"{moment:%m-%d}" for moment in found], days)
                self.assertEqual({moment.hour for moment in found}, {arguments.get("hour", 0)})
        found = self.runs(2, now="2026-01-01", years=1, start_at="2024-02-29", timezone="UTC")
        self.assertEqual([moment.year for moment in found], [2028, 2032])

    def test_ends_with_the_calendar(self):
        for arguments in (
            {"days": 1, "start_at": "9998-12-01"},
            {"days": 5, "months": 1, "start_at": "9997-01-31"},
            {"years": 7, "start_at": "9990-02-28"},
        ):
            with self.subTest(arguments):
                moments = list(self.runs(500, timezone="UTC", **arguments))
                self.assertLess(len(moments), 500)
                self.assertGreaterEqual(moments[-1].year, 9997)

    def test_meets_the_clock_changes_as_cron_without_a_wildcard(self):
        table = [
            ("Europe/Paris", "02:30", "2026-03-28", "2026-03-29 01:00"),  # the end of the gap
            ("Europe/Paris", "02:30", "2026-10-24", "2026-10-25 00:30"),  # the first of both
            ("America/Sao_Paulo", "00:00", "2018-11-03", "2018-11-04 03:00"),
            ("Pacific/Apia", "09:00", "2011-12-29", "2011-12-30 19:00"),  # the 30th was left out
        ]
        for zone, clock, day, expected in table:
            with self.subTest(zone=zone, day=day):
                hour, minute = map(int, clock.split(":"))
                trigger = asyncz.CalendarIntervalTrigger(
                    days=1, hour=hour, minute=minute, start_at=day, timezone=zone
                )
                first = trigger.get_next_trigger_time(None, at("1970-01-01"))
                second = trigger.get_next_trigger_time(first, first)
                self.assertEqual(second.astimezone(UTC), at(expected))

    def test_runs_as_an_oracle_says_in_many_zones(self):
        chance = random.Random(26)
        names = """
            Africa/Cairo Africa/Casablanca America/Asuncion America/Caracas America/Havana
            America/New_York America/Nuuk America/Santiago America/Sao_Paulo America/St_Johns
            Antarctica/Casey Antarctica/Troll Asia/Amman Asia/Gaza Asia/Kathmandu Asia/Kolkata
            Asia/Pyongyang Asia/Riyadh Asia/Tehran Asia/Tokyo Atlantic/Azores Australia/Lord_Howe
            Australia/Sydney Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Paris Pacific/Apia
            Pacific/Chatham UTC"""
        for name in names.split():
            zone = zoneinfo.ZoneInfo(name)
            for _ in range(3):
                arguments = chance.choice(
                    [
                        {"days": chance.randrange(1, 40)},
                        {"weeks": chance.randrange(1, 6)},
                        {"months": chance.randrange(1, 15)},
                        {"years": 1, "months": chance.randrange(3)},
                        {"months": chance.randrange(1, 3), "days": chance.randrange(1, 20)},
                    ]
                )
                start = date(1970, 1, 1) + timedelta(days=chance.randrange(157_000))
                hour, minute = chance.choice([0, 1, 2, 3, 23, 12]), chance.choice([0, 15, 30, 59])
                trigger = asyncz.CalendarIntervalTrigger(
                    hour=hour, minute=minute, start_at=start, timezone=name, **arguments
                )
                expected = list(
                    itertools.islice(self.oracle(start, hour, minute, zone, **arguments), 25)
                )
                found, moment = [], None
                for _ in expected:
                    moment = trigger.get_next_trigger_time(moment, at("1970-01-01"))
                    found.append(moment.astimezone(UTC))
                with self.subTest(zone=name, start=start, **arguments):
                    self.assertEqual(found, expected)
                    # Asked for the run after any instant, it does not walk there from the start.
                    for earlier, later in zip(expected, expected[1:]):
                        middle = earlier + (later - earlier) * chance.random()
                        after = trigger.get_next_trigger_time(middle, middle)
                        self.assertEqual(after.astimezone(UTC), later)

    def oracle(self, day, hour, minute, zone, years=0, months=0, weeks=0, days=0):
        """Yield the runs, UTC: each day's local time is looked for minute by minute."""
        wanted = day.day
        while True:
            found = self.instant(day, hour, minute, zone)
            if found is not None:
                yield found
            month = day.year * 12 + day.month - 1
            wanted = day.day
            while True:
                month += 12 * years + months
                length = calendar.monthrange(month // 12, month % 12 + 1)[1]
                if wanted <= length:
                    break
            day = date(month // 12, month % 12 + 1, wanted) + timedelta(days=7 * weeks + days)

    def instant(self, day, hour, minute, zone):
        wall = datetime.combine(day, datetime.min.time()).replace(hour=hour, minute=minute)
        for fold in (0, 1):
            moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
                return moment
        # It is in a gap: the first minute after that, if it is short.
        before = wall
        while (
            before.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
            != before
        ):
            before -= timedelta(minutes=1)
        moment = before.replace(tzinfo=zone).astimezone(UTC)
        while moment.astimezone(zone).replace(tzinfo=None) <= wall:
            moment += timedelta(minutes=1)
        gap = moment.astimezone(zone).replace(tzinfo=None) - before
        return moment if gap <= timedelta(hours=3) else None

    async def test_counts_from_the_day_on_which_a_job_gets_it(self):
        job = self.scheduler.add_job(
            nothing, "calendarinterval", days=3, hour=10, timezone="Europe/Paris"
        )
        self.scheduler.start()
        self.assertEqual(str(job.next_run_time), "2026-01-01 10:00:00+01:00")
        await asyncio.sleep(3 * 86400)
        self.assertEqual(str(job.next_run_time), "2026-01-04 10:00:00+01:00")
        self.assertEqual(str(job.trigger), "calendarinterval[days=3 at 10:00:00]")

    def test_says_what_is_wrong(self):
        table = [
            (
                {},
                "CalendarIntervalTrigger: the interval is 0 days; give years, months, weeks or days, as in weeks=2",
            ),
            (
                {"days": 0, "hour": 5},
                "CalendarIntervalTrigger: the interval is 0 days; give years, months, weeks or days, as in weeks=2",
            ),
            ({"days": -1}, "days=-1: not a whole number from 0 to 999999"),
            ({"days": 1.5}, "days=1.5: not a whole number from 0 to 999999"),
            ({"days": 1, "hour": 24}, "hour=24: not a whole number from 0 to 23"),
            ({"days": 1, "minute": "5"}, "minute='5': not a whole number from 0 to 59"),
        ]
        for arguments, expected in table:
            with self.subTest(arguments):
                self.assertEqual(
                    complaint(asyncz.CalendarIntervalTrigger, **arguments),
                    f"ValueError: {expected}",
                )


# === Schedules ===
# What a job makes of its trigger: the zone and the grid of its scheduler, its first run, its end.


class TestTriggerOfAJob(VirtualTimeTestCase):
    async def test_is_given_by_name_by_instance_or_not_at_all(self):
        # fmt: off
        table = [
            ((None, {}), "date[now]", "2026-01-01 00:00:00+00:00"),
            (("date", {"run_at": "2026-02-01 03:00"}), "date[2026-02-01 03:00:00]", "2026-02-01 03:00:00+00:00"),
            (("interval", {"minutes": 2}), "interval[0:02:00]", "2026-01-01 00:02:00+00:00"),
            (("cron", {"hour": 8}), "cron[hour='8']", "2026-01-01 08:00:00+00:00"),
            ((asyncz.CronTrigger(hour=9), {}), "cron[hour='9']", "2026-01-01 09:00:00+00:00"),
            ((asyncz.CronTrigger.from_crontab("0 7 * * *", timezone="Asia/Tokyo"), {}), None, "2026-01-02 07:00:00+09:00"),
        ]
        # fmt: on
        for (trigger, options), shown, following in table:
            with self.subTest(following):
                job = self.scheduler.add_job(nothing, trigger, **options)
                self.assertEqual(
                    (shown and str(job.trigger), str(job.next_run_time)), (shown, following)
                )

    async def test_without_one_may_have_the_time_of_a_date(self):
        self.assertEqual(
            str(self.scheduler.add_job(nothing, run_at="2026-05-01").next_run_time),
            "2026-05-01 00:00:00+00:00",
        )

    async def test_that_does_not_exist_is_refused(self):
        kinds = "give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'"
        table = {
            "intervall": f"ValueError: trigger='intervall': not a trigger; {kinds}; did you mean 'interval'?",
            "weekly": f"ValueError: trigger='weekly': not a trigger; {kinds}",
            5: f"TypeError: trigger=5: not a trigger; {kinds}",
            asyncz.CronTrigger: f"TypeError: trigger={asyncz.CronTrigger!r}: not a trigger; {kinds}",
        }
        for trigger, expected in table.items():
            with self.subTest(trigger=trigger):
                self.assertEqual(complaint(self.scheduler.add_job, nothing, trigger), expected)

    async def test_that_is_combined_takes_the_zone_and_the_grid_of_the_scheduler(self) -> None:
        scheduler = self.make_scheduler(timezone="Asia/Kolkata")
        runs: list[str] = []
        either = asyncz.OrTrigger(
            [asyncz.IntervalTrigger(minutes=7), asyncz.CronTrigger(hour=5, minute=45)]
        )
        job = scheduler.add_job(lambda: runs.append(self.now()), either)
        scheduler.start()
        await asyncio.sleep(1300)
        self.assertEqual(
            (runs, job.trigger), (["00:07:00", "00:14:00", "00:15:00", "00:21:00"], either)
        )
        both = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-02")
        self.assertEqual(both, [])
        await scheduler.shutdown()
        later = await asyncio.get_running_loop().run_in_executor(
            None, asyncz.simulate, scheduler, "2026-01-01 05:30", "2026-01-01 05:50"
        )
        self.assertEqual(
            [f"{event.scheduled_run_time:%H:%M}" for event in later], ["05:37", "05:44", "05:45"]
        )

    async def test_that_is_over_is_not_kept_and_said_in_the_log(self):
        for running in (True, False):
            with self.subTest(running=running), self.assertLogs("asyncz", "WARNING") as logs:
                scheduler = self.make_scheduler()
                if running:
                    scheduler.start()
                job = scheduler.add_job(
                    nothing,
                    "interval",
                    minutes=1,
                    start_at="2025-01-01",
                    end_at="2025-02-01",
                    id="a",
                )
                if not running:
                    scheduler.start()
                self.assertEqual((job.next_run_time, scheduler.get_jobs()), (None, []))
                self.assertEqual(
                    [record.getMessage() for record in logs.records],
                    [
                        "job 'a' in store 'default': its schedule interval[0:01:00] is over; it is not run, but removed"
                    ],
                )

    async def test_that_ends_has_the_job_removed_with_its_last_run(self):
        events = []
        self.scheduler.add_listener(
            lambda event: events.append((code_name(event.code), self.now())),
            asyncz.JOB_REMOVED | asyncz.JOB_EXECUTED,
        )
        self.scheduler.add_job(nothing, "interval", minutes=1, end_at="2026-01-01 00:02:30")
        self.scheduler.start()
        await asyncio.sleep(600)
        self.assertEqual(
            events,
            [
                ("JOB_EXECUTED", "00:01:00"),
                ("JOB_REMOVED", "00:02:00"),
                ("JOB_EXECUTED", "00:02:00"),
            ],
        )
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_counts_what_is_from_now_from_when_it_was_added(self):
        """Not from the start, nor from a look at it later."""
        for wait in (0, 300):
            scheduler, runs = self.make_scheduler(), []
            begin = self.clock.now()

            def job(name, runs=runs, begin=begin):
                runs.append(f"{name} {(self.clock.now() - begin).total_seconds() / 60:g}")

            def minutes(count):
                return timedelta(minutes=count)

            bounds = {"start_at": minutes(15), "end_at": minutes(40)}
            either = OrTrigger(
                [DateTrigger(minutes(12)), CronTrigger(minute="*/30", end_at=minutes(70))]
            )
            scheduler.add_job(job, run_at=minutes(10), args=["once"])
            scheduler.add_job(job, "interval", minutes=10, args=["often"], **bounds)
            scheduler.add_job(job, either, args=["either"])
            scheduler.add_job(
                job, "cron", hour="*", next_run_time=minutes(17), end_at=minutes(18), args=["first"]
            )
            await asyncio.sleep(wait)
            if wait:
                scheduler.configure(job_defaults={"coalesce": False})
            scheduler.start()
            await asyncio.sleep(3 * 3600 - wait)
            # fmt: off
            expected = ["either 0", "once 10", "either 12", "often 15", "first 17", "often 25", "either 30", "often 35", "either 60"]
            # fmt: on
            if wait:
                expected[0] = "either 5"
            self.assertEqual(runs, expected, wait)

    async def test_counts_what_is_from_now_anew_when_it_is_given_anew(self):
        job = self.scheduler.add_job(nothing, run_at=timedelta(minutes=10), id="a")
        self.scheduler.start(paused=True)
        await asyncio.sleep(60)
        for change, expected in (
            (lambda: job.update(name="b"), "00:10:00"),
            (lambda: (job.pause(), job.resume()), "00:10:00"),
            (lambda: job.reschedule("date", run_at=timedelta(minutes=20)), "00:21:00"),
            (lambda: job.update(next_run_time=timedelta(minutes=5)), "00:06:00"),
        ):
            change()
            self.assertEqual(f"{job.next_run_time:%H:%M:%S}", expected)

    async def test_that_is_a_date_that_has_passed_is_a_warning(self):
        # How long before it is added, options, what is said of it, whether it runs.
        # fmt: off
        rows = [
            (1.0, {}, "", True),
            (1.5, {}, "0:00:01 ago", True),
            (90061, {}, "1 day, 1:01:01 ago", True),
            (1.0, {"replace_existing": True}, "", True),
            (60, {"replace_existing": True}, "0:01:00 ago", True),
            (61, {"replace_existing": True}, "0:01:01 ago; it is not run, but removed", False),
            (61, {"replace_existing": True, "mistrigger_grace_time": 3600}, "0:01:01 ago", True),
            (3601, {"replace_existing": True, "mistrigger_grace_time": 3600}, "1:00:01 ago; it is not run, but removed", False),
            (31, {"replace_existing": True, "mistrigger_grace_time": 30}, "0:00:31 ago; it is not run, but removed", False),
        ]
        # fmt: on
        for running in (True, False):
            for late, options, said, runs in rows:
                with self.subTest(running=running, late=late, **options):
                    scheduler, ran = self.make_scheduler(), []
                    logger = logging.getLogger("asyncz.test.late")
                    scheduler.configure(logger=logger)
                    run_at = self.clock.now() - timedelta(seconds=late)
                    if running:
                        scheduler.start()
                    with self.assertLogs(logger, "INFO") as logs:
                        job = scheduler.add_job(
                            ran.append, "date", run_at=run_at, args=[1], id="a", **options
                        )
                        if not running:
                            # What is not past yet when it is added is late, and no mistake.
                            soon = self.clock.now() + timedelta(seconds=5)
                            scheduler.add_job(ran.append, "date", run_at=soon, args=[2], id="b")
                            await asyncio.sleep(200)
                            scheduler.start()
                        await asyncio.sleep(1)
                    warned = [
                        record.getMessage()
                        for record in logs.records
                        if record.levelname == "WARNING" and "was missed" not in record.getMessage()
                    ]
                    start = (
                        f"job 'a' in store 'default': added, {job.trigger}, next run"
                        f" {run_at - timedelta(microseconds=run_at.microsecond):%Y-%m-%d %H:%M:%S} UTC, "
                        if runs
                        else f"job 'a' in store 'default': its schedule {job.trigger} is over, "
                    )
                    self.assertEqual(warned, [start + said] if said else [])
                    expected = ([1] if runs else []) + ([] if running else [2])
                    if "mistrigger_grace_time" in options and not running and runs:
                        expected = [1, 2]
                    self.assertEqual(sorted(ran), expected)
                    await scheduler.shutdown()

    async def test_that_is_a_date_that_has_passed_runs_late(self):
        runs = []
        self.scheduler.add_job(lambda: runs.append(self.now()), "date", run_at="2025-06-01")
        self.scheduler.start()
        await asyncio.sleep(1)
        self.assertEqual((runs, self.scheduler.get_jobs()), (["00:00:00"], []))

    async def test_that_is_due_all_the_time_is_not_walked_to_find_the_last_of_a_backlog(self):
        class Microseconds(BaseTrigger):
            """Every microsecond; counts how often it is asked."""

            asked = 0

            def get_next_trigger_time(self, previous_time, now):
                Microseconds.asked += 1
                if Microseconds.asked > 5000:
                    raise AssertionError("asked too often")
                return (previous_time or now) + timedelta(microseconds=1)

        async def job():
            runs.append(self.now())
            self.scheduler.pause()

        runs: list[str] = []
        self.scheduler.start(paused=True)
        self.scheduler.add_job(job, Microseconds())
        await asyncio.sleep(3600)
        self.scheduler.resume()
        await asyncio.sleep(1)
        self.assertEqual((runs, Microseconds.asked < 500), (["01:00:00"], True))


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
            (timedelta(minutes=3), "2026-01-01 00:03:00+00:00"),
            (asyncz.UNSET, "2026-01-01 00:01:00+00:00"),
        ]
        for running in (False, True):
            if running:
                self.scheduler.start(paused=True)
            for given, expected in table:
                with self.subTest(given=given, running=running):
                    job = self.scheduler.add_job(
                        nothing, "interval", minutes=1, next_run_time=given
                    )
                    self.assertEqual(str(job.next_run_time), expected)
                    self.assertEqual(
                        str(self.scheduler.update_job(job.id, next_run_time=given).next_run_time),
                        expected,
                    )

    async def test_is_in_the_zone_of_the_trigger_where_naive(self):
        job = self.scheduler.add_job(
            nothing, "cron", hour=1, timezone="Asia/Tokyo", next_run_time="2026-03-01 12:00"
        )
        self.assertEqual(str(job.next_run_time), "2026-03-01 12:00:00+09:00")

    async def test_now_runs_at_once_and_then_by_the_trigger(self):
        runs = []
        self.scheduler.add_job(
            lambda: runs.append(self.now()), "interval", minutes=10, next_run_time="now"
        )
        self.scheduler.add_job(
            lambda: runs.append("first " + self.now()),
            "cron",
            hour="*",
            next_run_time="2026-01-01 00:05",
        )
        self.scheduler.start()
        await asyncio.sleep(3601)
        expected = [
            "00:00:00",
            "first 00:05:00",
            "00:10:00",
            "00:20:00",
            "00:30:00",
            "00:40:00",
            "00:50:00",
            "01:00:00",
            "first 01:00:00",
        ]
        self.assertEqual(sorted(runs), sorted(expected))

    async def test_starts_the_grid_of_an_interval_that_has_no_start(self):
        """An interval that was combined, too; what has a start goes on from that."""
        every_ten = IntervalTrigger(minutes=10)
        started = IntervalTrigger(minutes=10, start_at="2026-01-01")
        # fmt: off
        rows = [
            (every_ten, "2026-01-01 00:03", ["00:03:00", "00:13:00", "00:23:00"]),
            (every_ten, timedelta(minutes=4), ["00:04:00", "00:14:00", "00:24:00"]),
            (every_ten, "now", ["00:00:00", "00:10:00", "00:20:00"]),
            (OrTrigger([every_ten, CronTrigger(minute=15)]), "2026-01-01 00:03", ["00:03:00", "00:13:00", "00:15:00", "00:23:00"]),
            (AndTrigger([every_ten, IntervalTrigger(minutes=4)]), "2026-01-01 00:03", ["00:03:00", "00:23:00"]),
            (started, "2026-01-01 00:03", ["00:03:00", "00:10:00", "00:20:00"]),
        ]
        # fmt: on
        for running in (True, False):
            for trigger, first, expected in rows:
                for updated in (False, True):
                    with self.subTest(trigger, first=first, running=running, updated=updated):
                        self.clock.set(at(self.START))
                        scheduler, runs = self.make_scheduler(), []
                        if running:
                            scheduler.start()
                        given = {} if updated else {"next_run_time": first}
                        job = scheduler.add_job(
                            lambda runs=runs: runs.append(self.now()), trigger, **given
                        )
                        if updated:
                            self.clock.set(at("2026-01-01 00:01"))
                            job.update(next_run_time=first)
                        if not running:
                            scheduler.start()
                        await asyncio.sleep(1530)
                        moved = {"now": 1, timedelta(minutes=4): 1}.get(first, 0) if updated else 0
                        self.assertEqual(
                            runs,
                            [
                                f"{at('2026-01-01 ' + clock) + timedelta(minutes=moved):%H:%M:%S}"
                                for clock in expected
                            ],
                        )
                        await scheduler.shutdown()

    async def test_from_now_stays_what_it_was_when_it_was_given(self):
        for given, expected in (("now", "00:01:00"), (timedelta(minutes=5), "00:06:00")):
            self.clock.set(at(self.START))
            scheduler = self.make_scheduler()
            job = scheduler.add_job(nothing, "cron", hour=8)
            self.clock.set(at("2026-01-01 00:01"))
            job.update(next_run_time=given)
            self.clock.set(at("2026-01-01 00:02"))
            scheduler.configure(timezone="Europe/Paris")
            self.assertEqual(f"{job.next_run_time.astimezone(UTC):%H:%M:%S}", expected)

    async def test_none_adds_it_paused(self):
        runs = []
        job = self.scheduler.add_job(
            lambda: runs.append(self.now()), "interval", minutes=1, next_run_time=None
        )
        self.scheduler.start()
        await asyncio.sleep(600)
        self.assertEqual((runs, job.next_run_time), ([], None))
        job.resume()
        await asyncio.sleep(61)
        self.assertEqual(runs, ["00:11:00"])


# === Callables ===
# What can be a job: every kind of callable, by itself or by name, and the arguments that fit it.


def generate():
    yield 1


async def generate_soon():
    yield 1


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


class TestFnOfAJob(VirtualTimeTestCase):
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
                    args, expected = (
                        ([at("2026-01-01")], timedelta(0))
                        if "path" in kind
                        else ([42], 42)
                        if "reference" in kind
                        else ([21], 42)
                    )
                    job = self.scheduler.add_job(
                        fn, args=args, next_run_time=None, executor=executor
                    )
                    self.assertEqual(
                        await asyncio.wrap_future(self.scheduler.run_job(job.id)), expected
                    )

    def test_is_not_taken_for_another_that_is_added_at_the_same_time(self):
        def add_another(frame, event, argument):  # at every line, as another thread might
            if frame.f_globals is not vars(asyncz):
                return None
            another.add_job(time.time, next_run_time=None)
            return add_another

        another, tracing = asyncz.AsyncIOScheduler(), sys.gettrace()
        for fn, args in ((double, [21]), (double_soon, [21]), (os.getcwd, [])):
            with self.subTest(fn):
                sys.settrace(add_another)
                try:
                    job = self.scheduler.add_job(fn, args=args, next_run_time=None)
                finally:
                    sys.settrace(tracing)
                self.assertEqual((job.fn, job.name), (fn, fn.__qualname__))
        self.assertGreater(len(another.get_jobs()), 100)

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
        kinds = (
            generate,
            generate_soon,
            functools.partial(generate),
            functools.partial(generate_soon),
            Doubler().generate,
            GeneratorObject(),
        )
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
            self.assertRegex(
                complaint(self.scheduler.add_job, ".relative:f"),
                r"^(Value|Lookup)Error: fn='\.relative:f': .*",
            )

    async def test_whose_module_lacks_something_says_what(self):
        with temporary_folder() as folder:
            pathlib.Path(folder, "asyncz_test_broken.py").write_text("import no_such_package\n")
            with unittest.mock.patch.object(sys, "path", [folder, *sys.path]):
                said = complaint(self.scheduler.add_job, "asyncz_test_broken:f")
        self.assertEqual(said, "ModuleNotFoundError: No module named 'no_such_package'")

    async def test_runs_in_place_with_the_debug_executor(self):
        self.scheduler.add_executor("debug", "debug")
        self.scheduler.start()
        for kind in (
            "function",
            "coroutine function",
            "partial of a bound coroutine method",
            "callable object with a coroutine __call__",
        ):
            with self.subTest(kind):
                job = self.scheduler.add_job(
                    self.KINDS[kind], args=[21], next_run_time=None, executor="debug"
                )
                self.assertEqual(await asyncio.wrap_future(self.scheduler.run_job(job.id)), 42)

    async def test_may_be_a_class(self) -> None:
        class Later:
            async def __call__(self) -> None: ...

        self.scheduler.start()
        job = self.scheduler.add_job(Later, next_run_time=None)
        self.assertIsInstance(await asyncio.wrap_future(self.scheduler.run_job(job.id)), Later)

    async def test_that_is_a_reference_of_many_packages_is_none(self):
        reference = "a." * 100_000 + "b:c"
        self.assertEqual(
            complaint(self.scheduler.add_job, reference),
            f"ValueError: fn={reference!r}: not a reference; write it as 'package.module:object'",
        )

    async def test_is_shown_as_a_reference_where_it_has_one(self):
        def local():
            pass

        rows = [
            (nothing, None, f"{__name__}:nothing"),
            ("os.path:join", ["a"], "os.path:join"),
            (os.getcwd, None, f"{os.getcwd.__module__}:getcwd"),
            (local, None, None),
            (lambda: None, None, None),
            ([].clear, None, None),
            (functools.partial(nothing), None, None),
        ]
        for fn, args, expected in rows:
            with self.subTest(fn):
                job = self.scheduler.add_job(fn, "interval", hours=1, args=args)
                self.assertEqual(job.fn_ref, expected)


class TestArgsAndKwargsOfAJob(VirtualTimeTestCase):
    async def test_that_do_not_fit_are_refused_with_the_name_of_the_parameter(self):
        def report(name, *, loud=False):
            pass

        where = "do not fit TestArgsAndKwargsOfAJob.test_that_do_not_fit_are_refused_with_the_name_of_the_parameter.<locals>.report(name, *, loud=False)"
        hint = "give what it takes as args=[...] or kwargs={...}"
        # fmt: off
        table = [
            ([], {}, f"args=(), kwargs={{}}: {where}: missing a required argument: 'name'; {hint}"),
            (["a", "b"], {}, f"args=('a', 'b'), kwargs={{}}: {where}: too many positional arguments; {hint}"),
            (["a"], {"loudd": 1}, f"args=('a',), kwargs={{'loudd': 1}}: {where}: got an unexpected keyword argument 'loudd'; {hint}"),
            (["a"], {"name": 1}, f"args=('a',), kwargs={{'name': 1}}: {where}: multiple values for argument 'name'; {hint}"),
        ]
        # fmt: on
        for args, kwargs, expected in table:
            with self.subTest(args=args, kwargs=kwargs):
                self.assertEqual(
                    complaint(self.scheduler.add_job, report, args=args, kwargs=kwargs),
                    f"TypeError: {expected}",
                )
                job = self.scheduler.add_job(report, args=["fits"])
                self.assertEqual(
                    complaint(self.scheduler.update_job, job.id, args=args, kwargs=kwargs),
                    f"TypeError: {expected}",
                )
                self.assertEqual((job.args, job.kwargs), (("fits",), {}))
        self.assertEqual(len(self.scheduler.get_jobs()), len(table))

    async def test_fit_where_the_function_takes_any(self):
        job = self.scheduler.add_job(
            lambda *args, **kwargs: None, args=(number for number in range(3)), kwargs={"a": 1}
        )
        self.assertEqual((job.args, job.kwargs), ((0, 1, 2), {"a": 1}))

    async def test_cannot_be_changed_in_place(self):
        def change():
            job.kwargs["end"] = "!"

        job = self.scheduler.add_job(print, "interval", hours=1, args=["a"], kwargs={"sep": "-"})
        self.assertRegex(
            complaint(change), "^TypeError: 'mappingproxy' object does not support item assignment"
        )
        self.assertEqual((job.kwargs, job.args), ({"sep": "-"}, ("a",)))


# === Options ===
# What else a job can be given, and how a wrong option is answered.


class TestOptionsOfAJob(VirtualTimeTestCase):
    async def test_that_make_no_sense_are_refused(self):
        more = "or kwargs={...} for some by name; those of a trigger are keywords, as in minutes=5"
        # fmt: off
        table = [
            ({"id": ""}, "TypeError: id='': not an id; give a string that is not empty, or nothing for a random one"),
            ({"id": 5}, "TypeError: id=5: not an id; give a string that is not empty, or nothing for a random one"),
            ({"name": 5}, "TypeError: name=5: not a name; give a string that is not empty"),
            ({"args": 5}, f"TypeError: args=5: not a list of the function's arguments; write args=[5] for one, {more}"),
            ({"args": "ab"}, f"TypeError: args='ab': not a list of the function's arguments; write args=['ab'] for one, {more}"),
            ({"kwargs": [1]}, "TypeError: kwargs=[1]: not a dictionary with names as keys; write kwargs={'name': value}"),
            ({"kwargs": {1: 2}}, "TypeError: kwargs={1: 2}: not a dictionary with names as keys; write kwargs={'name': value}"),
            ({"coalesce": 1}, "TypeError: coalesce=1: not True or False"),
            ({"max_instances": 0}, "ValueError: max_instances=0: not a whole number from 1"),
            ({"max_instances": True}, "ValueError: max_instances=True: not a whole number from 1"),
            ({"max_instances": "3"}, "ValueError: max_instances='3': not a whole number from 1"),
            (
                {"mistrigger_grace_time": 0},
                "ValueError: mistrigger_grace_time=0: not a number of seconds above 0; give None for however late",
            ),
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
        # fmt: on
        for options, expected in table:
            with self.subTest(options):
                self.assertEqual(complaint(self.scheduler.add_job, nothing, **options), expected)
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_that_are_falsy_but_no_arguments_are_refused(self):
        for options in ({"args": ""}, {"args": 0}, {"args": False}, {"kwargs": 0}, {"kwargs": ""}):
            with self.subTest(options):
                self.assertRegex(
                    complaint(self.scheduler.add_job, nothing, **options),
                    "^TypeError: (kw)?args=.*: not a ",
                )

    async def test_of_next_run_time_are_times(self):
        for value in (5, "tomorrow", object, "2026-13-01"):
            with self.subTest(value=value):
                self.assertRegex(
                    complaint(self.scheduler.add_job, nothing, next_run_time=value),
                    f"^(Type|Value)Error: next_run_time={re.escape(repr(value))}: ",
                )

    async def test_may_be_given_as_they_are_kept(self):
        job = self.scheduler.add_job(
            nothing,
            mistrigger_grace_time=timedelta(minutes=1),
            max_instances=3,
            coalesce=False,
            name="n",
            id="i",
        )
        kept = (
            job.mistrigger_grace_time,
            job.max_instances,
            job.coalesce,
            job.name,
            job.id,
            job.store_alias,
            job.executor,
            job.pending,
        )
        self.assertEqual(kept, (60.0, 3, False, "n", "i", "default", "default", True))

    async def test_that_do_not_exist_are_answered_with_the_nearest(self):
        # fmt: off
        table = [
            ("interval", {"minut": 5}, "minut: add_job with the trigger 'interval' has no such argument; did you mean 'minutes'?"),
            ("cron", {"hour_": 5}, "hour_: add_job with the trigger 'cron' has no such argument; did you mean 'hour'?"),
            (
                "date",
                {"max_instance": 5},
                "max_instance: add_job with the trigger 'date' has no such argument; did you mean 'max_instances'?",
            ),
            ("date", {"zzzzzz": 5}, "zzzzzz: add_job with the trigger 'date' has no such argument"),
            (None, {"seconds": 5}, "seconds: an argument of the trigger interval; write trigger='interval'"),
            (None, {"jitter": 5}, "jitter: an argument of the trigger interval, cron and calendarinterval; write trigger='interval'"),
            (asyncz.IntervalTrigger(minutes=1), {"minutes": 5}, "minutes: add_job with a trigger instance has no such argument"),
        ]
        # fmt: on
        for trigger, options, expected in table:
            with self.subTest(trigger=str(trigger), options=options):
                said = complaint(self.scheduler.add_job, nothing, trigger, **options)
                self.assertEqual(said[: len(expected) + 11], f"TypeError: {expected}")

    async def test_by_the_names_of_apscheduler_are_answered_with_ours(self):
        add = self.scheduler.add_job
        table = [
            (
                lambda: add(func=nothing),
                "func: add_job has no such argument; here it is called 'fn'",
            ),
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
                "misfire_grace_time: update_job (for the arguments of a trigger: reschedule_job) has no such argument; here it is called 'mistrigger_grace_time'",
            ),
            (lambda: add(), "add_job: fn is missing; give the function as the first argument"),
        ]
        for call, expected in table:
            with self.subTest(expected):
                self.assertEqual(complaint(call), f"TypeError: {expected}")


# === Listings ===
# What people see of jobs and runs: text that is aligned, and tables in a notebook.


class TestListing(VirtualTimeTestCase):
    async def fails(self) -> None:
        self.info = asyncz.current_run()
        await asyncio.sleep(1.5)
        raise ValueError("<b>one</b> & \x1b[31mred\nthe second line")

    async def has_failed(self) -> None:
        """Have one job, which runs once and fails."""
        self.scheduler.add_job(
            self.fails, "cron", hour=8, id="a<b>\n", name="a\tname", next_run_time=at(self.START)
        )
        self.scheduler.start()
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(2)

    def heads_and_cells(self, shown: Any) -> tuple[list[str], list[str]]:
        """Return what stands in the table of a notebook, and check that the table is one."""
        text = shown._repr_html_()
        root = xml.etree.ElementTree.fromstring(text.rpartition("</p>")[2])
        self.assertEqual((root.tag, {row.tag for row in root}), ("table", {"tr"}))
        heads, *rows = ([(cell.tag, "".join(cell.itertext())) for cell in row] for row in root)
        self.assertEqual({tag for tag, _ in heads}, {"th"})
        self.assertLessEqual({tag for row in rows for tag, _ in row}, {"td"})
        return [text for _, text in heads], [text for row in rows for _, text in row]

    async def test_is_aligned_and_of_one_line_for_each(self):
        await self.has_failed()
        self.scheduler.add_job(nothing, "interval", minutes=1, id="longer", next_run_time=None)
        with self.on_the_clock():
            jobs = str(self.scheduler.get_jobs())
        where = "ValueError: <b>one</b> & \\x1b[31mred"
        # fmt: off
        self.assertEqual(jobs.splitlines(), [
            "id      function             schedule            next run                             last run",
            f"a<b>\\n  a\\tname              at 08:00 every day  2026-01-01 08:00:00 UTC, in 7 hours  error 2026-01-01 00:00:01 UTC {where}",
            "longer  test_asyncz:nothing  every minute        paused",
        ])
        self.assertEqual(str(self.scheduler.upcoming(2)).splitlines(), [
            "run                      id      function  schedule",
            "2026-01-01 08:00:00 UTC  a<b>\\n  a\\tname   at 08:00 every day",
            "2026-01-02 08:00:00 UTC  a<b>\\n  a\\tname   at 08:00 every day",
        ])
        self.assertEqual(str(self.scheduler.history()).splitlines(), [
            "job     due                      took     outcome  attempt  error",
            f"a<b>\\n  2026-01-01 00:00:00 UTC  1.500 s  error    1        {where}",
        ])
        # fmt: on

    async def test_is_a_table_in_a_notebook_with_the_same_in_it(self):
        await self.has_failed()
        job = self.scheduler.get_job("a<b>\n")
        with self.on_the_clock():
            listed = [
                self.heads_and_cells(shown)
                for shown in (job, self.scheduler.get_jobs(), self.scheduler)
            ]
        heads = ["id", "function", "schedule", "next run", "last run"]
        where = "ValueError: <b>one</b> & \\x1b[31mred"
        cells = ["a<b>\\n", "a\\tname", "at 08:00 every day"]
        more = ["2026-01-01 08:00:00 UTC, in 7 hours", f"error 2026-01-01 00:00:01 UTC {where}"]
        self.assertEqual(listed, [(heads, cells + more)] * 3)
        self.assertEqual(
            self.heads_and_cells(self.scheduler.upcoming(1)),
            (["run", *heads[:3]], ["2026-01-01 08:00:00 UTC", *cells]),
        )
        self.assertRegex(self.scheduler._repr_html_(), "^<p>AsyncIOScheduler: running, 1 job, next")

    async def test_shows_a_run_that_is_in_progress_and_one_that_has_ended(self):
        await self.has_failed()
        self.assertEqual(str(self.info), "running 2026-01-01 00:00:00 UTC")
        heads = ["job", "due", "took", "outcome", "attempt", "error"]
        due = ["a<b>\\n", "2026-01-01 00:00:00 UTC"]
        self.assertEqual(self.heads_and_cells(self.info), (heads, [*due, "", "running", "1", ""]))
        (ended,) = self.scheduler.history()
        self.assertIn("the second line", ended.error)
        where = "ValueError: <b>one</b> & \\x1b[31mred"
        self.assertEqual(str(ended), f"error 2026-01-01 00:00:01 UTC {where}")
        cells = [*due, "1.500 s", "error", "1", where]
        for shown in (ended, self.scheduler.history()):
            self.assertEqual(self.heads_and_cells(shown), (heads, cells))

    async def test_says_how_many_runs_are_in_progress(self):
        self.scheduler.add_job(asyncio.sleep, args=[9], id="a", max_instances=2)
        job = self.scheduler.add_job(
            asyncio.sleep, "interval", days=1, args=[9], next_run_time="now", max_instances=2
        )
        self.scheduler.start()
        await asyncio.sleep(1)
        _ = self.scheduler.run_job(job.id)
        await asyncio.sleep(1)
        self.assertEqual(self.heads_and_cells(job)[1][-1], "2 running")

    async def test_is_none_where_there_is_nothing(self):
        for shown in (
            self.scheduler.get_jobs(),
            self.scheduler.upcoming(),
            self.scheduler.history(),
        ):
            self.assertEqual((shown, str(shown)), ([], "none"))
            self.assertEqual(self.heads_and_cells(shown), (["none"], []))

    async def test_counts_down_in_words(self):
        job = self.scheduler.add_job(nothing, "interval", days=1)
        table = [
            (-60, "due"),
            (0, "due"),
            (0.9, "due"),
            (1, "in 1 second"),
            (2.9, "in 2 seconds"),
            (119, "in 119 seconds"),
            (120, "in 2 minutes"),
            (7199, "in 119 minutes"),
            (7200, "in 2 hours"),
            (47.9 * 3600, "in 47 hours"),
            (48 * 3600, "in 2 days"),
            (400.5 * 86400, "in 400 days"),
        ]
        for seconds, expected in table:
            with self.subTest(seconds=seconds), self.on_the_clock():
                job.update(next_run_time=self.clock.now() + timedelta(seconds=seconds))
                (cell,) = (text for text in self.heads_and_cells(job)[1] if " UTC, " in text)
                self.assertEqual(cell.partition(", ")[2], expected)


# === Jobs ===
# A job as it is shown.


class TestJob(VirtualTimeTestCase):
    async def test_is_shown_with_what_and_when(self):
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1], id="a")
        shown = "a: double (interval[0:01:00], next run: 2026-01-01 00:01:00 UTC)"
        self.assertEqual(str(job), shown)
        self.assertEqual(repr(job), "<Job 'a' interval[0:01:00] next run: 2026-01-01 00:01:00 UTC>")
        job.pause()
        self.assertEqual(
            (str(job), repr(job)),
            (
                "a: double (interval[0:01:00], next run: paused)",
                "<Job 'a' interval[0:01:00] next run: paused>",
            ),
        )

    async def test_is_listed_with_its_id_and_to_the_second(self):
        self.clock.set(at(self.START) + timedelta(microseconds=123_456))
        job = self.scheduler.add_job(double, "interval", seconds=0.5, args=[1], id="a")
        self.assertEqual(str(job.next_run_time), "2026-01-01 00:00:00.623456+00:00")
        shown = "interval[0:00:00.500000], next run: 2026-01-01 00:00:00 UTC"
        self.assertEqual([str(job) for job in self.scheduler.get_jobs()], [f"a: double ({shown})"])
        self.assertTrue(str(self.scheduler).endswith("next run: 2026-01-01 00:00:00 UTC"))

    async def test_has_attributes_that_only_its_methods_change(self):
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1], id="a")
        # fmt: off
        rows = {
            "max_instances": (5, "write job.update(max_instances=...)"),
            "name": ("b", "write job.update(name=...)"),
            "executor": ("b", "write job.update(executor=...)"),
            "coalesce": (False, "write job.update(coalesce=...)"),
            "mistrigger_grace_time": (5, "write job.update(mistrigger_grace_time=...)"),
            "overlap": ("queue", "write job.update(overlap=...)"),
            "recover": (True, "write job.update(recover=...)"),
            "retries": (3, "write job.update(retries=...)"),
            "retry_delay": (5, "write job.update(retry_delay=...)"),
            "timeout": (5, "write job.update(timeout=...)"),
            "fn": (print, "write job.update(fn=...)"),
            "args": ([2], "write job.update(args=...)"),
            "kwargs": ({"secret": "b"}, "write job.update(kwargs=...)"),
            "trigger": (CronTrigger(hour=8), "write job.reschedule('interval', minutes=5), or the like"),
            "next_run_time": (None, "write job.update(next_run_time=...), or job.pause()"),
            "id": ("b", "delete the job, and add one with another id"),
            "store_alias": ("b", "delete the job, and add one to another store"),
            "pending": (False, "it only tells"),
            "running": (0, "it only tells"),
            "last_run": (None, "it only tells"),
            "fn_ref": ("b", "it only tells"),
        }
        # fmt: on
        # All that there is, so that none is forgotten.
        public = {name for name in dir(asyncz.Job) if name[0] != "_" and hasattr(job, name)}
        methods = {name for name in public if callable(getattr(asyncz.Job, name))}
        # Names of other libraries are answered, too.
        others = {"func", "func_ref", "misfire_grace_time", "modify", "remove"}
        self.assertEqual(rows.keys(), public - methods - others)
        before = [getattr(job, name) for name in rows]
        for name, (value, remedy) in rows.items():
            with self.subTest(name):
                shown = "{'secret': '...'}" if name == "kwargs" else repr(value)
                self.assertEqual(
                    complaint(setattr, job, name, value),
                    f"AttributeError: {name}={shown}: the attributes of a job can't be set; {remedy}",
                )
        self.assertEqual([getattr(job, name) for name in rows], before)
        self.assertEqual(asyncz.Job.args.__doc__, "Its positional arguments.")
        self.assertIn("AttributeError", complaint(setattr, job, "max_instance", 5))
        # What the error says to write works, where it can be said in general.
        job.reschedule("interval", minutes=5)
        for name in ("max_instances", "coalesce", "args"):
            job.update(**{name: rows[name][0]})
        self.assertEqual(
            (str(job.trigger), job.max_instances, job.coalesce, job.args),
            ("interval[0:05:00]", 5, False, (2,)),
        )

    async def test_can_be_copied_pickled_and_referenced_weakly(self):
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1], id="a", name="b")
        for make in (copy.copy, copy.deepcopy, lambda job: pickle.loads(pickle.dumps(job))):
            twin = make(job)
            self.assertEqual(described(twin), described(job))
            self.assertIn("AttributeError", complaint(setattr, twin, "name", "c"))
        self.assertEqual([weakref.ref(job)(), weakref.ref(twin)()], [job, twin])

    async def test_is_shown_as_over_where_its_schedule_was_so_from_the_beginning(self):
        self.scheduler.start()
        job = self.scheduler.add_job(nothing, "cron", year=1999, id="x")
        self.assertIn("next run: over", str(job))
        self.assertIn("next run: over", repr(job))

    async def test_is_shown_and_logged_in_one_line_whatever_is_in_its_texts(self):
        class Forging(BaseTrigger):
            def get_next_trigger_time(self, previous_time, now):
                return (previous_time or now) + timedelta(hours=1)

            def __str__(self):
                return "odd\nERROR forged \x1b[31m\u2028"

        self.scheduler.start()
        with self.assertLogs("asyncz", "INFO") as logs:
            job = self.scheduler.add_job(print, Forging(), id="a\nb", name="name\r\n\x1b[2J\x7f")
            never = self.scheduler.add_job(print, "cron", hour=1, end_at="2025-01-01", id="c\nd")
        for text in (str(job), repr(job), str(never), *logs.output):
            with self.subTest(text):
                self.assertEqual([sign for sign in text if not sign.isprintable()], [])
        self.assertIn(r"name\r\n\x1b[2J\x7f (odd\nERROR forged \x1b[31m\u2028, next run", str(job))
        self.assertIn(r"odd\nERROR", "".join(logs.output))


# === Runs ===
# How many runs are made of those that were missed: coalescing and the grace time, for a few and for
# a year.


CALLS: list[Any] = []


class Counted(BaseTrigger):
    """A trigger of the user's around another."""

    def __init__(self, inner: BaseTrigger) -> None:
        self.inner = inner

    def get_next_trigger_time(self, previous_time, now):
        CALLS.append(previous_time)
        return self.inner.get_next_trigger_time(previous_time, now)


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


class TestCoalesceAndGraceTime(VirtualTimeTestCase):
    async def outcome(self, late, **options):
        """Let a job of every minute be due from 00:01 to 00:10, look at it `late` seconds after
        00:10, and return what happened.
        """
        scheduler, events = self.make_scheduler(), []
        self.clock.set(at(self.START))
        scheduler.add_listener(
            lambda event: events.append(
                f"{code_name(event.code)[4:]} {event.scheduled_run_time:%M}"
            ),
            asyncz.JOB_EXECUTED | asyncz.JOB_MISSED,
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

    async def test_make_one_run_or_all_within_the_grace_time(self):
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

    async def test_tell_of_misses_one_by_one_up_to_a_hundred(self):
        for count in (100, 101):
            with self.subTest(count=count):
                scheduler, events = self.make_scheduler(), []
                scheduler.add_listener(
                    lambda event, events=events: events.append(event.scheduled_run_time),
                    asyncz.JOB_MISSED,
                )
                start = self.clock.now()
                scheduler.add_job(
                    nothing, "interval", minutes=1, coalesce=False, mistrigger_grace_time=10, id="a"
                )
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

    async def test_make_all_runs_in_one_instance(self):
        async def job():
            runs.append(self.now())
            await asyncio.sleep(10)

        runs, submitted = [], []
        self.scheduler.add_listener(
            lambda event: submitted.append(len(event.scheduled_run_times)), asyncz.JOB_SUBMITTED
        )
        self.scheduler.add_job(
            job, "interval", minutes=1, coalesce=False, end_at="2026-01-01 00:03"
        )
        self.scheduler.start(paused=True)
        await asyncio.sleep(190)
        self.scheduler.resume()
        await asyncio.sleep(60)
        self.assertEqual((runs, submitted), (["00:03:10", "00:03:20", "00:03:30"], [3]))

    async def test_jump_over_what_becomes_too_late_while_others_run(self):
        async def job():
            await asyncio.sleep(100)

        events = []
        self.scheduler.add_listener(
            lambda event: events.append(f"{code_name(event.code)} {event.scheduled_run_time:%M}"),
            asyncz.JOB_EXECUTED | asyncz.JOB_MISSED,
        )
        self.scheduler.add_job(
            job,
            "interval",
            minutes=1,
            coalesce=False,
            mistrigger_grace_time=200,
            end_at="2026-01-01 00:03",
        )
        self.scheduler.start(paused=True)
        await asyncio.sleep(190)
        with self.assertLogs("asyncz", "WARNING"):
            self.scheduler.resume()
            await asyncio.sleep(600)
        self.assertEqual(events, ["JOB_EXECUTED 01", "JOB_EXECUTED 02", "JOB_MISSED 03"])


class TestCoalesceOverAYear(VirtualTimeTestCase):
    YEAR = 365 * 24 * 3600

    async def pause_for_a_year(self, fn, trigger=None, **options):
        """Add a job of every second, and be paused for a year."""
        job = self.scheduler.add_job(
            fn, trigger or asyncz.IntervalTrigger(seconds=1), id="a", next_run_time="now", **options
        )
        self.scheduler.start(paused=True)
        await asyncio.sleep(self.YEAR)
        return job

    async def test_makes_one_run_found_in_few_steps(self):
        for trigger in (
            EverySecond(),
            asyncz.IntervalTrigger(seconds=1),
            asyncz.CronTrigger(second="*"),
        ):
            with self.subTest(str(trigger)):
                times = []
                self.scheduler = self.make_scheduler()
                self.scheduler.add_listener(
                    lambda event, times=times: times.append(event.scheduled_run_time),
                    asyncz.JOB_EXECUTED,
                )
                await self.pause_for_a_year(nothing, trigger)
                calls, now = getattr(trigger, "calls", 0), self.clock.now()
                began = time.process_time()
                self.scheduler.resume()
                await asyncio.sleep(0.5)
                # One step for each of 31,536,000 times takes minutes.
                self.assertLess(time.process_time() - began, 10)
                self.assertLessEqual(getattr(trigger, "calls", 0) - calls, 100)
                self.assertEqual(times, [now])
                await self.scheduler.shutdown()

    async def test_off_with_a_grace_time_makes_a_minute_of_runs_and_one_miss(self):
        events = []
        self.scheduler.add_listener(
            lambda event: events.append(event.code), asyncz.JOB_EXECUTED | asyncz.JOB_MISSED
        )
        job = await self.pause_for_a_year(nothing, coalesce=False, mistrigger_grace_time=60)
        with self.assertLogs("asyncz", "WARNING") as logs:
            self.scheduler.resume()
            await asyncio.sleep(0.5)
        said = (
            "job 'a': all runs from 2026-01-01 00:00:00 UTC to 2026-12-31 23:58:59 UTC were missed"
        )
        self.assertEqual([record.getMessage() for record in logs.records][0], said)
        self.assertEqual(
            (events.count(asyncz.JOB_EXECUTED), events.count(asyncz.JOB_MISSED)), (61, 1)
        )
        self.assertEqual(str(job.next_run_time), "2027-01-01 00:00:01+00:00")

    async def walk(self, fn, heard, trigger):
        """Run a year without a grace time until `heard` is done; return by how much memory grew,
        and how often others on the loop had their turn.
        """
        import tracemalloc

        await self.pause_for_a_year(fn, trigger, coalesce=False)
        turns = 0
        tracemalloc.start()
        # This loop never waits: or each call in a thread would wait 5 ms for its turn.
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0005)
        try:
            self.scheduler.resume()
            while not heard.done():
                await asyncio.sleep(0)
                turns += 1
            return tracemalloc.get_traced_memory()[1], turns
        finally:
            tracemalloc.stop()
            trigger.is_over = True
            self.scheduler.delete_job("a")

    async def test_off_walks_a_plain_function_in_constant_memory(self):
        def job():
            nonlocal count
            count += 1
            if count == 60:
                loop.call_soon_threadsafe(heard.set_result, None)

        count, loop = 0, asyncio.get_running_loop()
        heard, trigger = loop.create_future(), EverySecond()
        grown, turns = await self.walk(job, heard, trigger)
        self.assertLess(grown, 5_000_000)
        self.assertGreater(turns, 100)

    async def test_off_leaves_the_loop_to_others_beside_a_coroutine_that_never_waits(self):
        async def job():
            nonlocal count
            count += 1
            if count == 3000 and not heard.done():
                heard.set_result(None)
            if count > 20_000:  # nobody else had a chance
                raise asyncio.CancelledError

        count = 0
        heard, trigger = asyncio.get_running_loop().create_future(), EverySecond()
        grown, turns = await self.walk(job, heard, trigger)
        self.assertLess(grown, 5_000_000)
        # Every three milliseconds; what is quicker than that is not to be asked for.
        self.assertGreater(turns, 5)
        self.assertLess(count, 20_000)

    async def test_off_ends_with_the_shutdown_after_the_run_in_progress(self):
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
                    self.assertEqual((len(runs), str(self.scheduler.state)), (10, "stopped"))
                finally:
                    trigger.is_over = True
                    await asyncio.sleep(2)
                    await self.scheduler.shutdown()

    async def wait_for_end(self, wait):
        await self.scheduler.shutdown(wait=wait)

    async def test_off_ends_a_plain_function_with_the_shutdown_too(self):
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
            # The one that was in progress may be counted now.
            self.assertLessEqual(len(runs), count + 1)
        finally:
            trigger.is_over = True

    async def test_off_goes_on_after_the_next_start_where_a_shutdown_cut_it_short(self):
        async def job():
            await asyncio.sleep(10)

        times = []
        self.scheduler.add_listener(
            lambda event: times.append(f"{event.scheduled_run_time:%M}"), asyncz.JOB_EXECUTED
        )
        self.scheduler.add_job(
            job, "interval", minutes=1, coalesce=False, end_at="2026-01-01 00:05:30"
        )
        self.scheduler.start(paused=True)
        await asyncio.sleep(360)
        self.scheduler.resume()
        await asyncio.sleep(15)
        await self.scheduler.shutdown()
        before = list(times)
        self.scheduler.start()
        await asyncio.sleep(100)
        self.assertEqual((before, times), (["01", "02"], ["01", "02", "03", "04", "05"]))

    async def test_makes_one_run_at_the_last_time_with_at_most_100_calls_of_the_trigger(self):
        rows = [
            (Counted(IntervalTrigger(seconds=1)), "2027-01-01 00:00:00"),
            (Counted(IntervalTrigger(seconds=1, start_at="2026-01-01")), "2027-01-01 00:00:00"),
            (Counted(IntervalTrigger(hours=7, start_at="2026-01-01")), "2026-12-31 21:00:00"),
            (Counted(from_crontab("* * * * * *")), "2027-01-01 00:00:00"),
            (Counted(from_crontab("* * * * * *", timezone="UTC")), "2027-01-01 00:00:00"),
            (Counted(from_crontab("30 7 1 * *", timezone="UTC")), "2026-12-01 07:30:00"),
            (Counted(CronTrigger(day="1,15", hour=7)), "2026-12-15 07:00:00"),
            (Counted(CronTrigger(month=3, day=5)), "2026-03-05 00:00:00"),
            (
                Counted(
                    OrTrigger(
                        [
                            from_crontab("0 0 5 3 *", timezone="UTC"),
                            from_crontab("*/7 * 30 12 *", timezone="UTC"),
                        ]
                    )
                ),
                "2026-12-30 23:56:00",
            ),
        ]
        for trigger, last in rows:
            with self.subTest(trigger):
                scheduler, events = self.make_scheduler(), []
                self.clock.set(at(self.START))  # the same year again
                scheduler.add_listener(
                    events.append, asyncz.JOB_EXECUTED | asyncz.JOB_MISSED | asyncz.JOB_ERROR
                )
                scheduler.start()
                job = scheduler.add_job(lambda: None, trigger)
                scheduler.pause()
                await asyncio.sleep(365 * 86400)
                CALLS.clear()
                scheduler.resume()
                await asyncio.sleep(0.5)
                calls = len(CALLS)
                await scheduler.shutdown()
                found = [
                    (event.code, f"{event.scheduled_run_time:%Y-%m-%d %H:%M:%S}")
                    for event in events
                ]
                self.assertEqual(found, [(asyncz.JOB_EXECUTED, last)])
                self.assertLessEqual(calls, 100)
                self.assertGreater(job.next_run_time, at("2027-01-01 00:00"))


# === Records ===
# What a record of a job keeps, what it refuses, and that a hostile one runs nothing.


class Sunrise(BaseTrigger):
    record_name = "sunrise"

    def __init__(self, place):
        self.place = place

    def get_next_trigger_time(self, previous_time, now):
        return (previous_time or now) + timedelta(days=1)


class EveryNthHour(BaseTrigger):
    def __init__(self, n):
        self.n, self.inner = n, IntervalTrigger(hours=n)

    def get_next_trigger_time(self, previous_time, now):
        return self.inner.get_next_trigger_time(previous_time, now)


class Number(int):
    pass


SEVEN = Number(7)


class Odd(tzinfo):
    def utcoffset(self, dt):
        return timedelta(hours=1)

    def dst(self, dt):
        return timedelta(0)

    def tzname(self, dt):
        return "odd"

    def __repr__(self):
        return "<odd>"


class TestRecordOfAJob(unittest.TestCase):
    def setUp(self):
        self.codec = make_codec()
        self.scheduler = asyncz.AsyncIOScheduler(timezone="Europe/Paris")

    def restored(self, **options):
        job = (
            self.scheduler.add_job(print, **{"trigger": "interval", "hours": 1, **options})
            if "trigger" not in options
            else self.scheduler.add_job(print, **options)
        )
        text = self.codec.encode(job)
        json.loads(text)
        return job, given_to(self.codec.decode(job.id, text), self.scheduler)

    def test_keeps_every_kind_of_value(self):
        paris = zoneinfo.ZoneInfo("Europe/Paris")
        values = [
            None, True, 0, -(10**30), 1.5, float("inf"), float("-inf"), "text \u20ac \ud800 $", [1, [2, {"a": []}]], {"a": 1}, {1: "a", (2, 3): "b"},
            {"$tuple": "not a tag"}, (1, (2,)), {1, 2}, frozenset({"a"}), b"\x00\xff", date(2026, 1, 2), clock_time(3, 4, 5, 6),
            datetime(2026, 1, 2, 3, 4, 5, 6), datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=paris),
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-3))), timedelta(days=-1, microseconds=1), decimal.Decimal("1.10"),
            uuid.UUID(int=5), CronTrigger(hour=8, timezone="UTC"),
        ]  # fmt: skip
        _, found = self.restored(args=values, kwargs={"sep": values})
        self.assertEqual((list(found.args), found.kwargs), (values, {"sep": values}))
        self.assertEqual([type(value) for value in found.args], [type(value) for value in values])
        self.assertEqual(
            [getattr(value, "fold", 0) for value in found.args],
            [getattr(value, "fold", 0) for value in values],
        )
        _, found = self.restored(args=[float("nan")])
        self.assertNotEqual(found.args[0], found.args[0])

    def test_refuses_what_it_cannot_keep_and_names_it(self):
        ours, inside = object(), []
        inside.append(inside)
        table = [
            (
                {"args": [1, ours]},
                r"^TypeError: args\[1\]=<object .*>: a object can't be kept in a record; give None, numbers, .* serializer= that can$",
            ),
            (
                {"kwargs": {"sep": [{"x": {3j}}]}},
                r"^TypeError: kwargs\['sep'\]\[0\]\['x'\]\[0\]=3j: a complex can't be kept",
            ),
            ({"args": [SEVEN]}, r"^TypeError: args\[0\]=.*: a Number can't be kept"),
            (
                {"args": [inside]},
                r"^TypeError: args(\[0\])+: nested more than 100 levels deep, or inside itself; a record can't keep that$",
            ),
            (
                {"fn": lambda *a, **k: None},
                r"^ValueError: fn=<function .*: a record keeps only the name of a function, and '.*<lambda>' does not lead back to this one;",
            ),
            ({"fn": functools.partial(print, 1)}, "^ValueError: fn=functools.partial"),
            ({"fn": [].append, "args": [1]}, "^ValueError: fn=<built-in method append"),
            (
                {"trigger": CronTrigger(hour=1, timezone=Odd())},
                "^TypeError: trigger..timezone..=<odd>: a time zone without a name can't be kept",
            ),
        ]
        with temporary_folder() as folder:
            scheduler = asyncz.AsyncIOScheduler(
                stores={"default": asyncz.SQLiteStore(f"{folder}/a")}
            )
            for options, expected in table:
                with self.subTest(expected):
                    self.assertRegex(
                        complaint(scheduler.add_job, **{"fn": print, **options}), expected
                    )
            # Also closes the file, which on 3.13 somebody has to.
            with scheduler:
                self.assertEqual(scheduler.get_jobs(), [])

    def test_keeps_every_trigger(self):
        # fmt: off
        triggers = [
            DateTrigger("2026-01-02 03:04"),
            DateTrigger(datetime(2026, 1, 2, tzinfo=UTC), timezone="Asia/Kolkata"),
            IntervalTrigger(hours=2),
            IntervalTrigger(seconds=0.5, start_at="2026-01-01", end_at=date(2030, 1, 1), timezone="UTC", jitter=3),
            CronTrigger(day="last sun", hour="*/2", jitter=1.5),
            CronTrigger(minute=5, timezone=timezone(timedelta(hours=5, minutes=30))),
            CronTrigger.from_crontab("0 9 * * 5L", timezone="America/New_York"),
            CronTrigger(minute=5, timezone=SYSTEM_ZONE),
            AndTrigger([CronTrigger(hour=8), OrTrigger([CronTrigger(day=1), IntervalTrigger(days=1, timezone="UTC")])], jitter=2),
            Sunrise("Paris"),
            EveryNthHour(3),
        ]
        # fmt: on
        now = at("2026-11-23 12:00")
        for trigger in triggers:
            with self.subTest(repr(trigger)):
                job, found = self.restored(trigger=trigger)
                self.assertEqual(
                    (found.trigger, repr(found.trigger), type(found.trigger)),
                    (job.trigger, repr(job.trigger), type(trigger)),
                )
                pairs = []
                for one in (job, found):
                    first = following_us(one, None, now)
                    pairs.append((first, first and following_us(one, first + 12345, now)))
                self.assertEqual(pairs[0], pairs[1])

    def test_names_a_trigger_class_that_is_not_there(self):
        kind = type(
            "Soon",
            (BaseTrigger,),
            {"get_next_trigger_time": lambda self, previous_time, now: now, "record_name": "soon"},
        )
        job = self.scheduler.add_job(print, kind())
        text = self.codec.encode(job)
        other = type(
            "Soon",
            (BaseTrigger,),
            {"get_next_trigger_time": lambda self, previous_time, now: now, "record_name": "soon"},
        )
        self.assertEqual(
            complaint(self.codec.encode, job),
            "TypeError: trigger=Soon(): two trigger classes are called 'soon'; give one of them a record_name of its own, as a class attribute",
        )
        self.assertIsInstance(self.codec.decode(job.id, text).trigger, other)
        text = text.replace('"soon"', '"later"')
        self.assertEqual(
            complaint(self.codec.decode, job.id, text),
            "_Unreadable: the trigger type 'later' is not known here; define its class, or import the module that does",
        )

    def test_that_is_hostile_runs_nothing(self):
        job = self.scheduler.add_job(print, "interval", hours=1, id="a", coalesce=False)
        good = self.codec.encode(job)
        # fmt: off
        table = [
            ("", "JSONDecodeError"),
            ("5", "not a record"),
            (good.replace('"v": 1', '"v": 99'), "version 99"),
            (good.replace('"id": "a"', '"id": "b"'), "it is of another job"),
            (good.replace('"type": "interval"', '"type": "os:system"'), "the trigger type 'os:system' is not known"),
            (good.replace('"seconds": 3600', '"seconds": -1'), "ValueError: IntervalTrigger"),
            (good.replace('"seconds": 3600', '"secnods": 1'), "TypeError"),
            (good.replace('"args": []', '"args": [{"$object": "os:system"}]'), "the tag '$object' is not known"),
            (good.replace('"args": []', '"args": ' + "[" * 100_000), "nested too deeply|JSONDecodeError|RecursionError"),
            (good.replace('"coalesce": false', '"coalesce": 5'), "TypeError: coalesce=5"),
            (good.replace('"name": "print", ', ""), "fields that are missing, or not known to this version: 'name'"),
            (good.replace('"coalesce": false', '"shell": "rm"'), "not known to this version: 'shell'"),
            ("0" * 64 + " " + good, "it is signed, and this store has no secret"),
        ]
        # fmt: on
        for text, expected in table:
            with self.subTest(expected):
                self.assertRegex(
                    complaint(self.codec.decode, "a", text),
                    f"^_Unreadable: .*{re.escape(expected) if '|' not in expected else expected}",
                )
        signing = make_codec(b"secret")
        signed = signing.encode(job)
        self.assertEqual(signing.decode("a", signed).id, "a")
        with unittest.mock.patch.object(
            parser_of(signing),
            "loads",
            side_effect=AssertionError("parsed before it was verified"),
        ):
            for index in range(len(signed)):
                with self.assertRaises(Unreadable):
                    signing.decode(
                        "a", signed[:index] + chr(ord(signed[index]) ^ 1) + signed[index + 1 :]
                    )
            for text, reason in (
                (good, "it is not signed"),
                (signed + " ", "its signature is wrong"),
            ):
                self.assertEqual(complaint(signing.decode, "a", text), f"_Unreadable: {reason}")
            self.assertEqual(
                complaint(make_codec(b"secret", "elsewhere").decode, "a", signed),
                "_Unreadable: its signature is wrong",
            )

    def test_does_not_import_before_it_has_to(self):
        job = self.scheduler.add_job(print, "interval", hours=1, id="a")
        found = self.codec.decode(
            "a", self.codec.encode(job).replace("builtins:print", "no_such_module:f")
        )
        self.assertEqual((found.id, "no_such_module" in sys.modules), ("a", False))
        self.assertRegex(
            complaint(lambda: found.fn),
            "^LookupError: fn='no_such_module:f': there is no module 'no_such_module'",
        )

    def test_has_a_signature_of_each_part_by_itself(self):
        rows = [
            ("c", "a", "b\0c"),
            ("c", "a\0b", "c"),
            ("c\0a", "b", "c"),
            ("c", "a", "?"),
            ("c", "a", "\ud83f"),
            ("c", "?", ""),
            ("c", "\ud83f", ""),
        ]
        found = {signature_of(b"secret", *row) for row in rows}
        self.assertEqual(len(found), len(rows))


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


def zone_from_file(place: str, name: str) -> zoneinfo.ZoneInfo:
    """Return the zone of a place under the name of another."""
    for folder in zoneinfo.TZPATH:
        if os.path.exists(f"{folder}/{place}"):
            with open(f"{folder}/{place}", "rb") as file:
                return zoneinfo.ZoneInfo.from_file(file, key=name)
    raise unittest.SkipTest("no time zone database of the system")


def check_instants_in_a_record(case: FileTestCase, moments: list[datetime]) -> None:
    """Check that aware times come back as the same instants."""
    found = case.after_a_restart({"args": moments})
    for before, after in zip(moments, found.args):
        with case.subTest(before.isoformat(), zone=str(before.tzinfo)):
            case.assertEqual(
                (after - before, after.utcoffset()), (timedelta(0), before.utcoffset())
            )


def check_run_times_in_a_record(case: FileTestCase, moments: list[datetime]) -> None:
    """Check that times of a trigger mean the same run times when they come back."""
    for moment in moments:
        for kind, given in (
            ("date", {"run_at": moment}),
            ("interval", {"start_at": moment, "hours": 5}),
        ):
            with case.subTest(kind, moment=moment):
                scheduler = asyncz.AsyncIOScheduler(timezone="Europe/Paris")
                expected = scheduler.add_job(max, kind, **given).next_run_time
                found = case.after_a_restart(
                    {"trigger": kind, "next_run_time": asyncz.UNSET, **given},
                    timezone="Europe/Paris",
                )
                case.assertEqual(found.next_run_time, expected)
                case.assertEqual(found.pause().resume().next_run_time, expected)


class TestTimesInARecord(FileTestCase):
    def test_come_back_as_the_same_instant(self):
        paris, tokyo = map(zoneinfo.ZoneInfo, ("Europe/Paris", "Asia/Tokyo"))
        evening, nine = datetime(2027, 5, 1, 18), timedelta(hours=9)
        check_instants_in_a_record(
            self,
            [
                datetime(2027, 10, 31, 2, 30, fold=1, tzinfo=paris),
                datetime(2027, 10, 31, 2, 30, tzinfo=paris),
                datetime(2027, 3, 28, 2, 30, tzinfo=paris),
                evening.replace(tzinfo=zone_from_file("Asia/Tokyo", "Europe/Paris")),
                evening.replace(tzinfo=zone_from_file("Asia/Tokyo", "Foo/Bar")),
                evening.replace(tzinfo=Elsewhere()),
                datetime.max.replace(tzinfo=paris),
                datetime.min.replace(tzinfo=tokyo),
                *(
                    evening.replace(tzinfo=timezone(nine, name))
                    for name in ("Europe/Paris", "UTC", "local")
                ),
            ],
        )

    def test_that_are_naive_keep_their_fold(self):
        for fold in (0, 1):
            moment = datetime(2027, 10, 31, 2, 30, fold=fold)
            clock = clock_time(2, 30, fold=fold)
            found = self.after_a_restart({"args": [moment, clock]})
            self.assertEqual(
                [(value, value.fold) for value in found.args], [(moment, fold), (clock, fold)]
            )

    def test_of_a_trigger_are_the_same_run_times(self):
        tokyo = zone_from_file("Asia/Tokyo", "Europe/Paris")
        check_run_times_in_a_record(
            self,
            [
                datetime(2027, 10, 31, 2, 30, fold=1),
                datetime(2027, 10, 31, 2, 30),
                datetime(2027, 5, 1, 18, tzinfo=tokyo),
                datetime(2027, 5, 1, 18, tzinfo=timezone(timedelta(hours=9), "local")),
            ],
        )

    def test_keep_the_zone_of_a_time_of_day(self):
        zones = [None, zoneinfo.ZoneInfo("Europe/Paris"), UTC, timezone(timedelta(hours=9), "UTC")]
        found = self.after_a_restart({"args": [clock_time(8, tzinfo=zone) for zone in zones]})
        self.assertEqual([value.tzinfo for value in found.args], zones)
        wrong = clock_time(8, tzinfo=zone_from_file("Asia/Tokyo", "Europe/Paris"))
        self.assertRegex(
            complaint(self.make_scheduler().add_job, max, args=[wrong]),
            r"^TypeError: args\[0\].*a time zone with the name of another can't be kept in a record",
        )


class TestZoneInARecord(FileTestCase):
    def test_that_its_name_does_not_lead_back_to_is_refused(self):
        problem = (
            "a time zone with the name of another can't be kept in a record; give one by its name"
        )
        for zone in (zone_from_file("Asia/Tokyo", "Europe/Paris"), Elsewhere()):
            with self.subTest(str(zone)):
                scheduler = self.make_scheduler()
                self.assertEqual(
                    complaint(scheduler.add_job, print, "cron", hour=18, timezone=zone),
                    f"TypeError: trigger['timezone']={zone!r}: {problem}",
                )
                scheduler = self.make_scheduler(timezone=zone)
                self.assertEqual(
                    complaint(scheduler.add_job, print, "cron", hour=18),
                    f"TypeError: timezone={zone!r}: {problem}",
                )

    def test_that_is_an_offset_is_kept_whatever_it_is_called(self):
        now = at("2027-05-01")
        for name in ("UTC", "Europe/Paris", "local", "JST"):
            with self.subTest(name):
                zone = timezone(timedelta(hours=9), name)
                found = self.after_a_restart({"trigger": CronTrigger(hour=18, timezone=zone)})
                self.assertEqual(
                    found.trigger.get_next_trigger_time(None, now), at("2027-05-01 09:00")
                )
                found = self.after_a_restart(
                    {"trigger": "cron", "hour": 18, "next_run_time": asyncz.UNSET}, timezone=zone
                )
                self.assertEqual(found.next_run_time.astimezone(UTC).hour, 9)


class TestRecordThatIsWrong(FileTestCase):
    def add(self, reference):
        """Add a job, and let its record name a function as that JSON has it."""
        pathlib.Path(self.path).unlink(missing_ok=True)
        scheduler = self.make_scheduler()
        scheduler.start(paused=True)
        scheduler.add_job(nothing, "interval", hours=1, id="a", next_run_time=None)
        scheduler.shutdown()
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            done = connection.execute(
                "UPDATE jobs SET def = replace(def, ?, ?)",
                (json.dumps(f"{__name__}:nothing"), reference),
            )
            self.assertEqual(done.rowcount, 1)

    def test_because_it_names_no_function_is_unreadable(self):
        for value in ("null", "5", '""'):
            with self.subTest(value):
                self.add(value)
                scheduler = self.make_scheduler()
                scheduler.start(paused=True)
                self.assertEqual(
                    (scheduler.get_jobs(), [id for id, _ in self.store.unreadable()]), ([], ["a"])
                )

    def test_is_looked_at_without_an_import(self):
        package = self.path.parent / "side_package"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "side_effect.py").write_text("def f(): pass\n")
        # What is said of it; None where anything is.
        rows = [
            (f"{__name__}:double", []),
            ("side_package.side_effect:f", []),
            ("side_package.nowhere:f", []),
            ("side_packages:f", ["fn='side_packages:f': there is no module 'side_packages'"]),
            ("json.nowhere:f", ["fn='json.nowhere:f': there is no module 'json.nowhere'"]),
            ("json.decoder.more:f", None),
            (f"{__name__}:absent", None),
            (f"{__name__}:HERE", None),
            ("nothing", None),
        ]
        with unittest.mock.patch.object(sys, "path", [str(package.parent), *sys.path]):
            for reference, expected in rows:
                with self.subTest(reference):
                    self.add(json.dumps(reference))
                    scheduler = self.make_scheduler()
                    scheduler.start(paused=True)
                    reasons = [reason for _, reason in self.store.unreadable()]
                    if expected is None:
                        self.assertEqual(len(reasons), 1)
                    else:
                        self.assertEqual(reasons, expected)
                    self.assertEqual([name for name in sys.modules if name.startswith("side_")], [])
                    scheduler.shutdown()

    def test_is_none_for_an_id_that_is_no_text(self):
        scheduler = self.make_scheduler()
        for start in (False, True):
            if start:
                scheduler.start(paused=True)
            with self.subTest(start=start):
                message = complaint(scheduler.add_job, print, "interval", hours=1, id="a\udce4")
                self.assertRegex(message, r"^ValueError: id='a\\udce4': ")
                self.assertIsNone(scheduler.get_job("a\udce4"))
                self.assertRegex(complaint(scheduler.delete_job, "a\udce4"), "^JobLookupError: ")
        self.assertEqual(scheduler.get_jobs(), [])
        in_memory = asyncz.AsyncIOScheduler()
        self.assertEqual(in_memory.add_job(print, "interval", hours=1, id="a\udce4").id, "a\udce4")


# === Stores ===
# What every store keeps to; the one in memory, as it is and extended; stores of the user's own.
# The rooms after it and Servers run the same tests.


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
        return [
            job
            for job in self.get_all_jobs()
            if job.next_run_time is not None and job.next_run_time <= now
        ]

    def get_next_run_time(self):
        return min(
            (job.next_run_time for job in self.jobs.values() if job.next_run_time is not None),
            default=None,
        )

    def get_all_jobs(self):
        jobs = map(self.keep, self.jobs.values())
        return sorted(
            jobs,
            key=lambda job: (
                job.next_run_time is None,
                job.next_run_time or at(VirtualTimeTestCase.START),
            ),
        )


class CopyingStore(DictStore):
    def keep(self, job):
        return pickle.loads(pickle.dumps(job))


class StoreContract:
    """What every store keeps to; a subclass makes the store."""

    KEEPS_LAST_RUN = True

    async def asyncSetUp(self):
        await super().asyncSetUp()
        RUNS.clear()
        self.store = self.make_store()
        self.scheduler = self.make_scheduler(stores={"default": self.store})
        self.scheduler.start()

    def add(self, id, **options):
        return self.scheduler.add_job(
            note, "interval", args=[id], id=id, **{"minutes": 1, **options}
        )

    async def test_keeps_jobs_in_order(self):
        self.add("late", minutes=9)
        self.add("paused", next_run_time=None)
        self.add("early", minutes=1)
        self.assertEqual([job.id for job in self.store.get_all_jobs()], ["early", "late", "paused"])
        self.assertEqual(
            [job.id for job in self.store.get_due_jobs(at("2026-01-01 00:09"))], ["early", "late"]
        )
        self.assertEqual(
            [job.id for job in self.store.get_due_jobs(at("2026-01-01 00:01"))], ["early"]
        )
        self.assertEqual(self.store.get_next_run_time(), at("2026-01-01 00:01"))
        self.assertEqual(
            (self.store.lookup_job("late").id, self.store.lookup_job("none")), ("late", None)
        )
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
        self.assertEqual(
            (RUNS, self.scheduler.get_job("a").store_alias), (["a", "b", "b"], "default")
        )
        self.assertEqual(await asyncio.wrap_future(self.scheduler.run_job("a")), None)
        self.scheduler.delete_job("a")
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_forgets_one_offs_that_ran(self):
        self.scheduler.add_job(note, args=["once"])
        await asyncio.sleep(1)
        self.assertEqual((RUNS, self.store.get_all_jobs()), (["once"], []))

    async def test_keeps_when_a_job_was_added_and_where_its_grid_starts(self):
        """Over changes that write it anew, pauses, and a restart."""
        minutes = {count: timedelta(minutes=count) for count in (3, 20, 30)}
        first = {"next_run_time": minutes[3], "end_at": minutes[30]}
        self.add("often", minutes=10, jitter=0.001, **first)
        self.scheduler.add_job(note, run_at=minutes[20], args=["once"], id="once")
        trigger = self.scheduler.get_job("often").trigger
        await asyncio.sleep(14 * 60)
        self.assertEqual(RUNS, ["often"] * 2)
        for id in ("often", "once"):
            self.scheduler.update_job(id, name="new")
            self.scheduler.pause_job(id)
        await self.scheduler.shutdown()
        self.scheduler = self.make_scheduler(stores={"default": self.store})
        self.scheduler.start()
        self.assertEqual(self.scheduler.get_job("often").trigger, trigger)
        self.assertEqual(trigger.end_at, minutes[30])
        await asyncio.sleep(60)
        shown = {id: self.scheduler.resume_job(id).next_run_time for id in ("often", "once")}
        self.assertEqual(
            {id: f"{moment:%H:%M:%S}" for id, moment in shown.items()},
            {"often": "00:23:00", "once": "00:20:00"},
        )
        await asyncio.sleep(45 * 60)
        self.assertEqual(RUNS, ["often"] * 2 + ["once", "often"])
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_keeps_jobs_over_a_restart_and_runs_what_was_missed_once(self):
        self.add("a")
        self.add("paused", next_run_time=None)
        await asyncio.sleep(61)
        await self.scheduler.shutdown()
        await asyncio.sleep(200)
        self.scheduler.start()
        await asyncio.sleep(1)
        self.assertEqual(RUNS, ["a", "a"])
        self.assertEqual(
            [job.next_run_time for job in self.scheduler.get_jobs()], [at("2026-01-01 00:05"), None]
        )

    async def test_replaces_a_job_and_keeps_when_it_runs_next(self):
        self.add("a", minutes=10)
        self.add("paused", next_run_time=None)
        await asyncio.sleep(300)
        for id in ("a", "paused"):
            self.add(id, minutes=10 if id == "a" else 1, replace_existing=True, name="new")
        self.assertEqual(
            [(job.name, job.next_run_time) for job in self.scheduler.get_jobs()],
            [("new", at("2026-01-01 00:10")), ("new", None)],
        )
        self.add("a", minutes=20, replace_existing=True)
        self.assertEqual(self.scheduler.get_job("a").next_run_time, at("2026-01-01 00:25"))

    async def test_runs_a_backlog_one_by_one_and_only_as_old_as_the_grace_time(self):
        self.add("all", coalesce=False)
        self.add("some", coalesce=False, mistrigger_grace_time=130)
        missed = []
        self.scheduler.add_listener(lambda event: missed.append(event.job_id), asyncz.JOB_MISSED)
        self.scheduler.pause()
        await asyncio.sleep(300.5)
        self.scheduler.resume()
        await asyncio.sleep(1)
        self.assertEqual((sorted(RUNS), missed), (["all"] * 5 + ["some"] * 3, ["some"] * 2))

    async def test_runs_no_more_instances_than_may_be(self):
        events = []
        HOOKS["long"] = lambda: asyncio.sleep(150)
        self.scheduler.add_listener(
            lambda event: events.append((self.now(), event.code)),
            asyncz.JOB_SUBMITTED | asyncz.JOB_MAX_INSTANCES | asyncz.JOB_EXECUTED,
        )
        self.scheduler.add_job(act, "interval", minutes=1, args=["long"], id="a")
        await asyncio.sleep(250)
        submitted, skipped, executed = (
            asyncz.JOB_SUBMITTED,
            asyncz.JOB_MAX_INSTANCES,
            asyncz.JOB_EXECUTED,
        )
        self.assertEqual(
            events,
            [
                ("00:01:00", submitted),
                ("00:02:00", skipped),
                ("00:03:00", skipped),
                ("00:03:30", executed),
                ("00:04:00", submitted),
            ],
        )
        self.assertEqual(self.scheduler.get_job("a").running, 1)

    async def test_queues_a_run_until_one_has_ended(self):
        begun = []

        async def work():
            begun.append((self.now(), asyncz.current_run().scheduled_run_time))
            await asyncio.sleep(150)

        HOOKS["work"] = work
        skipped = []
        self.scheduler.add_listener(skipped.append, asyncz.JOB_MAX_INSTANCES)
        for coalesce in (True, False):
            with self.subTest(coalesce=coalesce):
                begun.clear()
                start = self.clock.now()
                job = self.scheduler.add_job(
                    act,
                    "interval",
                    minutes=1,
                    args=["work"],
                    id="a",
                    overlap="queue",
                    coalesce=coalesce,
                )
                await asyncio.sleep(370)
                # Due each minute. The second, due after 2 minutes, waits for 90 s more, and is then
                # of the third; and so on.
                expected = [
                    (start + timedelta(seconds=60 + 150 * n), start + timedelta(minutes=m))
                    for n, m in enumerate((1, 3, 6))
                ]
                shown = [(f"{moment:%H:%M:%S}", due) for moment, due in expected]
                self.assertEqual(begun, shown)
                self.assertEqual((job.running, skipped), (1, []))
                self.scheduler.delete_job("a")
                await asyncio.sleep(300)

    async def test_keeps_what_a_job_was_given_for_its_runs(self):
        options = {"timeout": 5.0, "retries": 2, "retry_delay": 3.0, "overlap": "queue"}
        self.add("a", **options)
        job = self.scheduler.get_job("a")
        self.assertEqual({name: getattr(job, name) for name in options}, options)
        self.scheduler.update_job("a", timeout=None, retries=0)
        job = self.scheduler.get_job("a")
        self.assertEqual((job.timeout, job.retries, job.overlap), (None, 0, "queue"))

    async def test_knows_a_run(self):
        infos = []

        async def look():
            info = asyncz.current_run()
            infos.append(
                (
                    info.scheduled_run_time,
                    info.started_at,
                    info.outcome,
                    info.attempt,
                    info.job.id,
                    info.job.running,
                )
            )
            if len(infos) == 2:
                raise ValueError("on purpose")

        HOOKS["look"] = look
        self.scheduler.add_job(
            act, "interval", minutes=1, args=["look"], id="a", mistrigger_grace_time=30
        )
        self.assertEqual((self.scheduler.get_job("a").last_run, asyncz.current_run()), (None, None))
        await asyncio.sleep(61)
        first, second = at("2026-01-01 00:01"), at("2026-01-01 00:02")
        self.assertEqual(infos, [(first, first, None, 1, "a", 1)])
        if self.KEEPS_LAST_RUN:
            self.assertEqual(
                self.scheduler.get_job("a").last_run,
                asyncz.RunInfo(first, first, first, "executed", None, 1, "a", "default"),
            )
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(60)
        if self.KEEPS_LAST_RUN:
            info = self.scheduler.get_job("a").last_run
            self.assertEqual(
                info,
                asyncz.RunInfo(
                    second, second, second, "error", "ValueError: on purpose", 1, "a", "default"
                ),
            )
        self.assertEqual(self.scheduler.get_job("a").running, 0)
        self.scheduler.pause()
        await asyncio.sleep(110)
        self.scheduler.resume()
        await asyncio.sleep(1)
        if self.KEEPS_LAST_RUN:
            self.assertEqual(self.scheduler.get_job("a").last_run.outcome, "missed")

    async def test_lets_a_job_change_while_it_runs(self):
        HOOKS["sleep"] = lambda: asyncio.sleep(30)
        for id in ("deleted", "updated", "paused"):
            self.scheduler.add_job(act, "interval", minutes=1, args=["sleep"], id=id)
        HOOKS["again"] = lambda: self.scheduler.add_job(
            note, "interval", minutes=1, args=["again"], id="once", replace_existing=True
        )
        self.scheduler.add_job(
            act, args=["again"], id="once", next_run_time=at("2026-01-01 00:00:50")
        )
        await asyncio.sleep(65)
        self.scheduler.delete_job("deleted")
        self.scheduler.update_job("updated", name="new")
        self.scheduler.pause_job("paused")
        await asyncio.sleep(240)
        self.assertEqual(
            [(job.id, job.name) for job in self.scheduler.get_jobs()],
            [("once", "note"), ("updated", "new"), ("paused", "act")],
        )
        self.assertEqual(RUNS, ["again"] * 4)

    async def test_gets_back_what_a_shutdown_kept_from_beginning(self):
        begun, go = threading.Event(), threading.Event()
        HOOKS["block"] = lambda: (begun.set(), go.wait(10))
        self.scheduler.add_executor(asyncz.ThreadPoolExecutor(1), "one")
        self.scheduler.add_job(act_plainly, "date", args=["block"], executor="one")
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
        queued = self.scheduler.add_job(note, "date", args=["queued"], id="queued", executor="one")
        self.assertTrue(await becomes(lambda: queued.running))
        ended = self.scheduler.shutdown()
        go.set()
        await ended
        self.assertEqual(RUNS, [])
        self.scheduler.start()
        await asyncio.sleep(2)
        self.assertEqual(RUNS, ["queued"])


class TestMemoryStore(StoreContract, VirtualTimeTestCase):
    make_store = asyncz.MemoryStore

    async def test_that_was_left_for_another_one_does_not_hold_up_the_loop(self):
        self.add("a")
        await self.scheduler.shutdown()
        # The job moves on to this one.
        self.scheduler.configure(stores={"default": asyncz.MemoryStore()})
        self.scheduler.start()
        await asyncio.sleep(61)
        other = self.make_scheduler(stores={"default": self.store})
        other.start()
        await asyncio.sleep(120)
        self.assertEqual(RUNS, ["a", "a", "a"])
        await other.shutdown()


class WatchedStore(asyncz.MemoryStore):
    """A user's store that extends ours: it notes what is written."""

    def __init__(self):
        super().__init__()
        self.written = []

    def add_job(self, job):
        self.written.append(f"add {job.id}")
        super().add_job(job)

    def update_job(self, job):
        self.written.append(f"update {job.id}")
        super().update_job(job)

    def delete_job(self, job_id):
        self.written.append(f"delete {job_id}")
        super().delete_job(job_id)


class TestMemoryStoreThatIsExtended(StoreContract, VirtualTimeTestCase):
    make_store = WatchedStore

    async def test_is_told_of_every_write(self):
        HOOKS["tick"] = lambda: None
        self.scheduler.add_job(act, "interval", minutes=1, args=["tick"], id="a")
        self.scheduler.add_job(act, args=["tick"], id="once")
        await asyncio.sleep(61)
        self.scheduler.pause_job("a")
        self.scheduler.delete_job("a")
        self.assertEqual(
            self.store.written,
            ["add a", "add once", "delete once", "update a", "update a", "delete a"],
        )


class Watching:
    """The same as a mixin, and jobs that are copies."""

    def __init__(self):
        super().__init__()
        self.written = []

    def update_job(self, job):
        self.written.append(f"update {job.id}")
        super().update_job(pickle.loads(pickle.dumps(job)))

    def lookup_job(self, job_id):
        job = super().lookup_job(job_id)
        return job and pickle.loads(pickle.dumps(job))


class MixedStore(Watching, asyncz.MemoryStore):
    pass


class TestMemoryStoreWithAMixin(VirtualTimeTestCase):
    async def test_is_asked_by_its_own_methods(self):
        store = MixedStore()
        scheduler = self.make_scheduler(stores={"default": store})
        scheduler.start()
        scheduler.add_job(nothing, "interval", minutes=1, id="a")
        self.assertIsNone(scheduler.get_job("a").pause().next_run_time)
        self.assertIsNotNone(scheduler.get_job("a").resume().next_run_time)
        self.assertEqual(store.written, ["update a", "update a"])
        await scheduler.shutdown()


class TestBaseStoreOfTenMethods(StoreContract, VirtualTimeTestCase):
    make_store = DictStore


class TestBaseStoreThatCopiesJobs(StoreContract, VirtualTimeTestCase):
    make_store = CopyingStore

    KEEPS_LAST_RUN = False


class Stuck(asyncz.BaseTrigger):
    def get_next_trigger_time(
        self, previous_time: datetime | None, now: datetime
    ) -> datetime | None:
        return previous_time


class TestBaseStore(VirtualTimeTestCase):
    """What BaseStore makes of the ten methods, where several change a job at once."""

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()

        class Copies(asyncz.BaseStore):
            """Keeps copies, as one that writes records does."""

            def __init__(self) -> None:
                self.jobs: dict[str, bytes] = {}

            def add_job(self, job: asyncz.Job) -> None:
                self.jobs[job.id] = pickle.dumps(job)

            update_job = add_job

            def delete_job(self, job_id: str) -> None:
                del self.jobs[job_id]

            def remove_all_jobs(self) -> None:
                self.jobs.clear()

            def lookup_job(self, job_id: str) -> asyncz.Job | None:
                return pickle.loads(self.jobs[job_id]) if job_id in self.jobs else None

            def get_all_jobs(self) -> list[asyncz.Job]:
                return [pickle.loads(job) for job in self.jobs.values()]

            def get_due_jobs(self, now: datetime) -> list[asyncz.Job]:
                return [
                    job
                    for job in self.get_all_jobs()
                    if job.next_run_time is not None and job.next_run_time <= now
                ]

            def get_next_run_time(self) -> datetime | None:
                return min(
                    (
                        job.next_run_time
                        for job in self.get_all_jobs()
                        if job.next_run_time is not None
                    ),
                    default=None,
                )

        self.store = Copies()
        self.scheduler.configure(stores={"default": self.store})
        self.scheduler.start()

    async def test_loses_a_claim_of_a_job_that_was_changed_meanwhile(self) -> None:
        for change, following in [("pause_job", None), ("delete_job", "gone")]:
            for trigger in ("cron", "date"):
                with self.subTest(change, trigger=trigger):
                    arguments = {"minute": "*"} if trigger == "cron" else {"run_at": "2030-01-01"}
                    self.scheduler.add_job(
                        len, trigger, args=["x"], id="a", replace_existing=True, **arguments
                    )
                    seen = self.store.lookup_job("a")
                    assert seen is not None
                    getattr(self.scheduler, change)("a")
                    self.assertFalse(claim(self.store, seen, is_last=trigger == "date"))
                    job = self.scheduler.get_job("a")
                    self.assertEqual("gone" if job is None else job.next_run_time, following)

    async def test_makes_due_again_what_did_not_begin_unless_the_job_was_deleted(self) -> None:
        job = self.scheduler.add_job(len, "cron", hour=5, args=["x"], id="a")
        due_us = us(at("2026-01-01 04:00"))
        hand_back(self.store, job, due_us, False)
        self.assertEqual(
            [str(job.next_run_time) for job in self.scheduler.get_jobs()],
            ["2026-01-01 04:00:00+00:00"],
        )
        self.scheduler.delete_job("a")
        hand_back(self.store, job, due_us, False)
        self.assertEqual(self.scheduler.get_jobs(), [])
        hand_back(self.store, job, due_us, True)
        self.assertEqual(
            [job.id for job in self.scheduler.get_jobs()],
            ["a"],
            "its claim had removed it: that is undone",
        )

    async def test_sets_a_job_aside_without_holding_up_the_others(self) -> None:
        RUNS.clear()
        self.scheduler.add_job(
            note, Stuck(), args=["stuck"], id="stuck", next_run_time="2026-01-01 00:00:30"
        )
        self.scheduler.add_job(note, "interval", seconds=50, args=["other"], id="other")
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(170)
        self.assertEqual((RUNS, len(logs.output)), (["other"] * 3, 1))

    async def test_gives_copies_that_belong_to_the_scheduler(self) -> None:
        self.scheduler.add_job(note, "cron", hour=5, args=["x"], id="a")
        self.assertEqual(
            (
                self.scheduler.get_jobs()[0].pause().next_run_time,
                self.scheduler.get_jobs()[0].next_run_time,
            ),
            (None, None),
        )
        alone = self.store.lookup_job("a")
        assert alone is not None
        with self.assertRaisesRegex(
            asyncz.JobLookupError,
            r"job 'a' belongs to no scheduler; get it from one, by get_job\(id\)",
        ):
            alone.pause()
        self.assertEqual(
            (alone.next_run_time, len({alone, self.scheduler.get_job("a")})), (None, 1)
        )

    async def test_of_which_a_method_is_missing_cannot_be_made(self):
        kind = type("Half", (asyncz.BaseStore,), {"add_job": print})
        self.assertRegex(complaint(kind), "^TypeError: Can't instantiate abstract class Half ")


class TestBaseStoreThatIsSlow(RealTimeTestCase):
    async def test_does_not_hold_up_the_loop(self):
        calls = SlowCalls()

        class Slow(CopyingStore):
            def get_due_jobs(self, now):
                if len(RUNS) < 3:
                    calls.take_long()
                return super().get_due_jobs(now)

        RUNS.clear()
        async with asyncz.AsyncIOScheduler(stores={"default": Slow()}) as scheduler:
            scheduler.add_job(note, "interval", seconds=0.01, args=["slow"])
            await calls.turn_until(lambda: len(RUNS) >= 3)
        self.assertEqual((len(RUNS) >= 3, calls.held_up), (True, 0))


class Blocking(DictStore):
    """One that may not be called on a thread that runs an event loop, as Django's; it can be down."""

    def __init__(self):
        super().__init__()
        self.down, self.refused, self.failed, self.calls = False, [], [], []

    def called(self, name, *args):
        self.calls.append(name)
        if asyncio._get_running_loop() is not None:
            self.refused.append(name)
            raise RuntimeError(f"{name} on a loop")
        if self.down and name in ("update_job", "add_job", "lookup_job"):
            self.failed.append(name)
            raise OSError("the database is gone")
        return getattr(DictStore, name)(self, *args)


for method in (
    *("start", "shutdown", "add_job", "update_job", "delete_job", "remove_all_jobs"),
    *("lookup_job", "get_due_jobs", "get_next_run_time", "get_all_jobs"),
):
    setattr(Blocking, method, functools.partialmethod(Blocking.called, method))


class TestBaseStoreThatBlocks(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.hold, self.store = threading.Event(), Blocking()
        self.scheduler.configure(
            stores={"default": self.store}, executors={"one": asyncz.ThreadPoolExecutor(1)}
        )

    async def add(self, *args, **options):
        """Add a job in another thread, as whoever has such a store does."""
        add_job = functools.partial(self.scheduler.add_job, *args, executor="one", **options)
        return await asyncio.get_running_loop().run_in_executor(None, add_job)

    async def test_is_never_asked_on_the_loop_by_the_scheduler_itself(self):
        self.scheduler.add_job(int, "interval", hours=1, id="waiting")
        self.scheduler.start()
        jobs = [await self.add(self.hold.wait, args=[5]) for _ in range(3)]
        self.assertTrue(await becomes(lambda: all(job.running for job in jobs)))
        self.assertTrue(self.store.jobs)
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.1)
        self.hold.set()
        await self.scheduler.shutdown()
        self.assertEqual(self.store.refused, [])
        self.assertEqual(self.store.calls[-1], "shutdown")

    async def test_that_fails_while_runs_are_given_back_is_asked_again(self):
        for failing in (False, "once", "always"):
            with self.subTest(failing=failing):
                self.hold.clear()
                self.store.down, self.store.failed = False, []
                self.store.jobs.clear()
                self.scheduler.start()
                began = threading.Event()
                await self.add(lambda began=began: began.set() or self.hold.wait(10), id="first")
                self.assertTrue(await becomes(began.is_set))
                second = await self.add(int, id="second")
                self.assertTrue(await becomes(lambda: second.running))
                self.store.down = bool(failing)
                with self.assertLogs("asyncz", "INFO") as logs:
                    ended = self.scheduler.shutdown()
                    self.assertFalse(self.scheduler.running)
                    if failing:
                        self.assertTrue(await becomes(lambda: self.store.failed))
                    if failing == "once":
                        self.store.down = False
                    self.hold.set()
                    # On virtual time, in which it would hang as well.
                    await asyncio.wait_for(ended, 60)
                self.assertEqual(list(self.store.jobs), [] if failing == "always" else ["second"])
                lost = [
                    line for line in logs.output if "'second'" in line and line.startswith("ERROR")
                ]
                self.assertEqual(len(lost), failing == "always", logs.output)


class TestBaseStoreOfAScheduler(unittest.TestCase):
    def test_keeps_its_scheduler_and_alias(self):
        methods = {"start": asyncz.BaseStore.start}
        for store in (asyncz.MemoryStore(), type("Plain", (DictStore,), methods)()):
            scheduler = asyncz.AsyncIOScheduler(stores={"some": store})
            with scheduler:
                self.assertEqual((store.scheduler, store.alias), (scheduler, "some"))

    def test_works_where_start_is_overridden_without_it(self):
        class Own(DictStore):
            def start(self, scheduler, alias):
                self.started = alias

        RUNS.clear()
        store = Own()
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.add_job(note, args=["a"])
            self.assertTrue(wait_until(lambda: RUNS))
        self.assertEqual(store.started, "default")


class TestMemoryStoreThatChanges(VirtualTimeTestCase):
    async def test_leaves_the_grids_of_jobs_that_move_to_another_as_they_are(self):
        runs: list[str] = []
        either = OrTrigger([IntervalTrigger(minutes=10), CronTrigger(minute=15)])
        self.scheduler.start()
        self.scheduler.add_job(lambda: runs.append(self.now()), either)
        await asyncio.sleep(12 * 60)
        await self.scheduler.shutdown()
        self.scheduler.configure(stores={"default": asyncz.MemoryStore()})
        self.scheduler.start()
        await asyncio.sleep(20 * 60)
        self.assertEqual(runs, ["00:10:00", "00:15:00", "00:20:00", "00:30:00"])

    async def test_lists_a_job_once_that_was_updated_at_the_same_time(self):
        store = asyncz.MemoryStore()
        scheduler = self.make_scheduler(stores={"default": store})
        scheduler.start()
        job = scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        for _ in range(1000):
            job.update(name="a")
        due = store.get_due_jobs(at("2026-01-01 02:00"))
        self.assertEqual([job.id for job in due], ["a"])
        self.assertLess(len(store._heap), 300)

    async def test_forgets_a_job_that_has_moved_to_another_store(self):
        first, second = asyncz.MemoryStore(), asyncz.MemoryStore()
        scheduler = self.make_scheduler(stores={"default": first})
        scheduler.start()
        job = scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        first.update_job(job)
        first.delete_job("a")
        second.add_job(job)
        job._due_us += 1
        second.update_job(job)
        self.assertEqual(
            (first.get_next_run_time(), first.get_due_jobs(at("2030-01-01"))), (None, [])
        )
        self.assertEqual(second.get_due_jobs(at("2030-01-01")), [job])


# === Protocol ===
# The functions from a row to an answer and a row; `.ci/walk.py` goes through all states.


class TestProtocolOfASharedStore(unittest.TestCase):
    LEASE = 60_000_000

    def setUp(self):
        self.row = asyncz._Row("r0", 100, False, "text", None, {})

    def ticket(self, owner="one"):
        return asyncz._Ticket(owner, 0, 0, 100, 100, False)

    def decide(self, now, *op):
        answer, self.row = asyncz._decided(op, self.row, now, self.LEASE)
        return answer

    def test_answers_a_claim_that_is_asked_again_as_it_did(self):
        won = ("claim", "a", "r0", "r1", 200, 1, "one.1", self.ticket())
        full = ("claim", "a", "r1", "r2", 300, 1, "two.1", self.ticket("two"))
        self.assertEqual([self.decide(100, *won) for _ in range(3)], [1, 1, 1])
        self.assertEqual([self.decide(200, *full) for _ in range(3)], [0, 0, 0])
        self.assertEqual(self.decide(400, "claim", "a", "r1", "r3", 9, 1, "x", self.ticket()), -1)

    def test_counts_what_lives_against_the_limit(self):
        claim = ("claim", "a", "r1", "r2", 300, 1, "two.1", self.ticket("two"))
        table = [
            ("one that runs", 200, (), 0),
            # Its owner may come back and go on, until somebody has taken it.
            ("one whose lease has ended", 101 + self.LEASE, (), 0),
            ("one that was given back", 200, (("release", "a", "one.1", "one", 100),), 1),
        ]
        for name, now, before, expected in table:
            with self.subTest(name):
                self.setUp()
                self.decide(100, "claim", "a", "r0", "r1", 200, 1, "one.1", self.ticket())
                for op in before:
                    self.decide(150, *op)
                self.assertEqual(self.decide(now, *claim), expected)

    def test_takes_no_more_runs_over_than_may_be(self):
        self.decide(100, "claim", "a", "r0", "r1", 200, 1, "one.1", self.ticket())
        self.decide(150, "release", "a", "one.1", "one", 100)
        self.decide(200, "claim", "a", "r1", "r2", 9**9, 1, "two.1", self.ticket("two"))
        take = "take", "a", "one.1", "two", 0
        self.assertEqual(self.decide(250, *take, 1), None)
        self.assertEqual(self.decide(250, "finish", "a", "two.1", "two", None), True)
        self.assertEqual(self.decide(250, *take, 1), True)


# === Rows ===
# Rows that can't be understood; `.ci/grid.py` tries all fields with all values.


class TestUnreadableRows(SQLiteTestCase):
    NOW = str(time.time_ns() // 1000)
    TICKET = f'"o",{NOW},0,{NOW},{NOW},false'
    DAMAGES = [
        ("version", 1.5),
        ("version", b"1"),
        ("version", ""),
        ("id", b"id"),
        ("next", -9e999),
        ("next", "abc"),
        ("until", "abc"),
        ("def", b"\xff\xfe"),
        ("head", ""),
        ("head", "NaN"),
        ("head", "[" * 100_000),
        ("head", "{}"),
        ("head", f"[5, {NOW}, false, null, {{}}]"),
        ("head", '["r", 1e400, false, null, {}]'),
        ("head", f'["r", {"9" * 30}, false, null, {{}}]'),
        ("head", f'["r", {"9" * 5000}, false, null, {{}}]'),
        ("head", f'["r", {NOW}, 1, null, {{}}]'),
        ("head", f'["r", {NOW}, false, [1, 2, 3, 4, 5, 6], {{}}]'),
        ("head", f'["r", {NOW}, false, ["x", 0, 0, "error", null, 1], {{}}]'),
        ("head", f'["r", {NOW}, false, null, {{"t": "garbage"}}]'),
        ("head", f'["r", {NOW}, false, null, {{"t": [{TICKET}, 5]}}]'),
        ("head", f'["r", {NOW}, false, null, {{"t": [{TICKET.replace("false", "null")}]}}]'),
    ]

    def test_concern_nothing_else(self):
        store = self.make_store()
        scheduler = self.make_scheduler(store)
        scheduler.start(paused=True)
        for number, (column, value) in enumerate(self.DAMAGES):
            scheduler.add_job(
                note, "interval", hours=1, args=["bad"], id=f"v{number}", next_run_time="now"
            )
            self.sql(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, f"v{number}"))
        text = "UPDATE jobs SET version = CAST(X'FF' AS TEXT), id = CAST(X'FF' AS TEXT) WHERE id = 'v0'"
        self.sql(text)
        before = self.sql("SELECT * FROM jobs")
        scheduler.add_job(note, "interval", seconds=0.05, args=["good"], id="good")
        with self.assertLogs("asyncz", "ERROR") as logs:
            scheduler.resume()
            self.assertTrue(wait_until(lambda: len(RUNS) >= 5))
        self.assertEqual(set(RUNS), {"good"})
        self.assertEqual(len(logs.output), len(set(logs.output)), "each is reported once")
        self.assertEqual([job.id for job in scheduler.get_jobs()], ["good"])
        found = dict(store.unreadable())
        wanted = {f"v{number}" for number in range(len(self.DAMAGES))} - {"v0", "v3"}
        self.assertEqual(set(found), wanted | {"b'id'", repr("\udcff")})
        self.assertTrue(all(found.values()))
        self.assertIn(f"{len(self.DAMAGES)} unreadable", str(scheduler))
        self.assertLessEqual(set(before), set(self.sql("SELECT * FROM jobs")), "kept as they are")
        # They can be replaced and deleted as any other.
        scheduler.add_job(note, args=["new"], id="v5", replace_existing=True)
        self.assertTrue(wait_until(lambda: "new" in RUNS))
        scheduler.delete_job("v6")
        self.assertNotIn("v6", dict(store.unreadable()))
        scheduler.remove_all_jobs()
        self.assertEqual((self.sql("SELECT * FROM jobs"), store.unreadable()), ([], []))

    def test_are_looked_at_without_importing_what_they_name(self):
        (self.path.parent / "looked_at.py").write_text("def work():\n    pass\n")
        sys.path.insert(0, str(self.path.parent))
        self.addCleanup(sys.path.remove, str(self.path.parent))
        store = self.make_store()
        scheduler = self.make_scheduler(store)
        scheduler.start()
        scheduler.add_job("looked_at:work", next_run_time=None, id="a")
        sys.modules.pop("looked_at", None)
        self.assertEqual((store.unreadable(), "looked_at" in sys.modules), ([], False))


# === Leases ===
# Faults of a store, in real time.


class FaultySQLiteTable(asyncz._SQLiteTable):
    """One of which a test can change what a write does."""

    hook = staticmethod(lambda change, changes: change(changes))

    def change(self, changes):
        return self.hook(super().change, changes)


class TestSharedStoreWithFaults(SQLiteTestCase):
    def make_store(self, **options):
        with unittest.mock.patch.object(asyncz, "_SQLiteTable", FaultySQLiteTable):
            return super().make_store(**options)

    def test_asks_a_claim_again_whose_answer_was_lost(self):
        store, lost = self.make_store(), []

        def lose(change, changes):
            made = change(changes)
            if not lost and any(c[4] for c in changes):
                lost.append(1)
                raise OSError("the answer was lost")
            return made

        scheduler = self.make_scheduler(store)
        scheduler.start()
        store._table.hook = lose
        scheduler.add_job(note, "interval", seconds=0.1, args=["a"], id="a", coalesce=False)
        with self.assertLogs("asyncz", "INFO"):
            self.assertTrue(wait_until(lambda: len(RUNS) >= 3, 5))
        self.assertEqual(lost, [1])

    def test_gives_up_alone_what_the_store_refuses(self):
        store = self.make_store()
        HOOKS["wait"] = lambda: gate.wait(10)
        gate = threading.Event()

        def refuse(change, changes):
            for job_id, *_, head, _ in changes:
                if job_id == "bad" and '"executed"' in head:
                    raise ValueError("document too large")
            return change(changes)

        store._table.hook = refuse
        scheduler = self.make_scheduler(store)
        scheduler.start()
        ended = []
        scheduler.add_listener(lambda event: ended.append(event.job_id), asyncz.JOB_EXECUTED)
        for job_id in ("one", "bad", "two"):
            scheduler.add_job(
                act_plainly, "interval", hours=1, args=["wait"], id=job_id, next_run_time="now"
            )
        self.assertTrue(wait_until(lambda: len(self.tickets()) == 3))
        with self.assertLogs("asyncz", "ERROR") as logs:
            gate.set()
            self.assertTrue(wait_until(lambda: len(self.tickets()) == 1))
            scheduler.add_job(note, args=["after"])
            self.assertTrue(wait_until(lambda: RUNS == ["after"]))
            self.assertTrue(wait_until(lambda: logs.output and len(ended) >= 3))
        self.assertRegex(
            logs.output[-1],
            "job 'bad': store 'default' refuses to finish its run, .*: document too",
        )

    def test_gives_back_what_it_was_claiming_when_a_shutdown_came(self):
        for wait in (True, False):
            with self.subTest(wait=wait):
                entered, store = threading.Event(), self.make_store()

                def slow(change, changes, entered=entered):
                    if any(c[4] for c in changes):
                        entered.set()
                        time.sleep(0.3)
                    return change(changes)

                scheduler = self.make_scheduler(store)
                for number in range(5):
                    scheduler.add_job(
                        note,
                        "interval",
                        hours=1,
                        args=["a"],
                        id=str(number),
                        next_run_time="now",
                        replace_existing=True,
                    )
                store._table.hook = slow
                scheduler.start()
                self.assertTrue(entered.wait(10))
                scheduler.shutdown(wait=wait)
                self.assertTrue(wait_until(lambda: store._thread is None))
                self.assertEqual([ticket.until_us for ticket in self.tickets()], [0] * 5)
                RUNS.clear()
                with self.make_scheduler() as again:
                    self.assertTrue(wait_until(lambda: len(RUNS) >= 5, 5), "the next takes them")
                    self.assertTrue(wait_until(lambda: not self.tickets()))
                    again.remove_all_jobs()

    def test_claims_nothing_once_a_shutdown_has_come(self):
        store, claims = self.make_store(), []
        entered, page = threading.Event(), store._table.page

        def slow(skip, limit):
            found = page(skip, limit)
            if found[0]:
                entered.set()
                time.sleep(0.2)
            return found

        store._table.page = slow
        store._table.hook = lambda change, changes: (
            claims.extend(c for c in changes if c[4]),
            change(changes),
        )[1]
        scheduler = self.make_scheduler(store)
        scheduler.start()
        scheduler.add_job(note, "interval", hours=1, args=["a"], next_run_time="now")
        self.assertTrue(entered.wait(10))
        scheduler.shutdown()
        self.assertEqual((claims, RUNS), ([], []))

    def test_runs_first_what_was_given_back_and_skips_nothing(self):
        scheduler = self.make_scheduler()
        scheduler.start(paused=True)
        scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        scheduler.shutdown()
        store = self.make_store()
        now = time.time_ns() // 1000
        ticket = asyncz._Ticket("dead", 0, 0, now, now, False)
        store._rows.owner = "dead"
        job = store.lookup_job("a")
        job._due_us = now
        store.update_job(job)
        revision = store.lookup_job("a")._revision
        claim = "claim", "a", revision, "r2", now + 3_600_000_000, 1, "dead.run", ticket
        self.assertEqual(store._rows.applied([claim]), [1])
        self.assertEqual(store._rows.applied([("release", "a", "dead.run", "dead", now)]), [True])
        store._table.close()
        skipped = []
        scheduler = self.make_scheduler(self.make_store(poll_interval=60.0))
        scheduler.add_listener(skipped.append, asyncz.JOB_MAX_INSTANCES)
        scheduler.start()
        self.assertTrue(wait_until(lambda: RUNS == ["a"], 5))
        self.assertEqual(skipped, [])

    def test_ends_with_the_loop_that_was_closed_under_it(self):
        HOOKS["long"] = lambda: time.sleep(2)
        store = self.make_store(lease=1.0)

        async def main():
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
            scheduler.start()
            scheduler.add_job(act_plainly, "interval", hours=1, args=["long"], next_run_time="now")
            while not any(ticket.started_us for ticket in self.tickets()):
                await asyncio.sleep(0.01)

        with self.assertLogs("asyncz", "WARNING") as logs:
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main())
            loop.close()
            self.assertTrue(wait_until(lambda: store._thread is None))
        text = "store 'default': the event loop was closed under its scheduler, with 1 runs"
        self.assertIn(text, "".join(logs.output))
        errors = []
        other = self.make_scheduler(self.make_store(lease=1.0))
        other.add_listener(lambda event: errors.append(event.exception), asyncz.JOB_ERROR)
        other.start()
        self.assertTrue(wait_until(lambda: errors, 15))
        self.assertIsInstance(errors[0], asyncz.RunInterruptedError)

    def test_waits_where_a_claim_is_lost_again_and_again(self):
        store, asked = self.make_store(poll_interval=0.2), []
        scheduler = self.make_scheduler(store)
        scheduler.start()
        page = store._table.page

        def stale(skip, limit):
            asked.append(1)
            rows, *rest = page(skip, limit)
            # As where something keeps this row from ever being what was read.
            rows = [(r[0], "x.1", r[2].replace('"', '"x', 1), r[3]) for r in rows]
            return (rows, *rest)

        store._table.page = stale
        scheduler.add_job(note, args=["a"])
        time.sleep(1)
        self.assertIn(len(asked), range(2, 20))

    def test_keeps_the_path_in_its_errors(self):
        store = asyncz.SQLiteStore(self.path.parent / "missing" / "jobs")
        scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
        with self.assertLogs("asyncz", "ERROR") as logs, scheduler:
            self.assertTrue(wait_until(lambda: logs.output))
        self.assertIn(f"failed: {store._table.path}: unable to open database file", logs.output[0])


class TestLeasesOfASharedStore(unittest.TestCase):
    """What the thread of a shared store does for runs that are not what they were; found as those
    of TestRunsOfASharedStore.
    """

    def make_leases(self, done, live=()):
        loop = types.SimpleNamespace(is_closed=bool, call_soon_threadsafe=print)
        keeper = types.SimpleNamespace(alias="default", loop=loop, live=list(live))
        head = '["one", null, false, null, {"ticket": ["dead", 0, 1, 1, 1, false]}]'
        table = types.SimpleNamespace(
            clock=asyncz._Clock(),
            time_us=lambda: 2,
            expired=lambda limit: [("job", "version", head, "")],
        )
        rows = types.SimpleNamespace(
            table=table,
            lease_us=60_000_000,
            owner="owner",
            known={},
            applied=lambda ops, rows=None: done.extend(op[0] for op in ops) or [None] * len(ops),
        )
        leases = asyncz._Leases(None, keeper, rows, lambda job_id, row: None, lambda _: None)
        self.addCleanup(leases.thread.stop)
        return leases

    def test_a_run_that_was_lost_and_goes_on_is_not_taken_back(self):
        for ticket, expected in (("other", ["take"]), ("ticket", [])):
            with self.subTest(live=ticket):
                done = []
                self.make_leases(done, [types.SimpleNamespace(ticket=ticket)])._take_over()
                self.assertEqual(done, expected)

    def test_what_was_cancelled_is_not_asked_for(self):
        done, loop = [], asyncio.new_event_loop()
        self.addCleanup(loop.close)
        leases, futures = self.make_leases(done), [loop.create_future() for _ in range(2)]
        futures[0].cancel()
        ops = ("begin", "job", "1", "owner", 1), ("finish", "job", "2", "owner", None)
        leases._asked.extend(zip(ops, futures))
        leases._work_off()
        self.assertEqual(done, ["finish"])


# === Shared stores ===
# What stores that several schedulers share keep to beside that: the runs of others, leases, records
# that can't be read.


class SharedStoreContract(StoreContract):
    """What the stores that can be shared keep to, beside that."""

    def add_scheduler(self, **options):
        """Return another started scheduler on the same jobs, and its store."""
        store = self.make_store(**options)
        scheduler = self.make_scheduler(stores={"default": store})
        scheduler.start()
        return scheduler, store

    def apply_as(self, owner, *ops):
        return apply_as(owner, self.clock, self.make_store(), *ops)

    def leave_run(self, job_id, due, owner="dead", begun=False, recover=False, last=None):
        """Leave a run as a scheduler that died does, claimed or begun."""
        due_us, last_us = us(at(due)), us(at(last or due))
        job = self.store.lookup_job(job_id)
        following = due_us + 60_000_000 if isinstance(job.trigger, IntervalTrigger) else None
        operation, ticket = claim_of(owner, job, due_us, last_us, following, recover)
        self.assertEqual(self.apply_as(owner, operation), [1])
        if begun:
            self.assertEqual(
                self.apply_as(owner, ("begin", job_id, f"{owner}.1", owner, due_us)), [True]
            )
        return ticket

    async def test_is_shared_without_a_run_that_is_lost_or_doubled(self):
        others = [self.add_scheduler()[0] for _ in range(2)]
        counts = {}
        for number, scheduler in enumerate([self.scheduler, *others]):
            scheduler.add_listener(
                functools.partial(self.count, counts, number), asyncz.JOB_EXECUTED
            )
        for number in range(10):
            self.add(f"job {number}", minutes=0, seconds=1)
        await asyncio.sleep(10.5)
        expected = {
            (f"job {number}", at("2026-01-01") + timedelta(seconds=second)): 1
            for number in range(10)
            for second in range(1, 11)
        }
        self.assertEqual({key: len(runners) for key, runners in counts.items()}, expected)

    @staticmethod
    def count(counts, number, event):
        counts.setdefault((event.job_id, event.scheduled_run_time), []).append(number)

    async def test_calls_what_is_under_the_name_when_it_runs(self):
        self.add("runs before")
        self.add("does not", minutes=2)
        await asyncio.sleep(61)
        with unittest.mock.patch.object(sys.modules[note.__module__], "note", note_more):
            await asyncio.sleep(60)
        await asyncio.sleep(60)
        self.assertEqual(
            [RUNS[0], sorted(RUNS[1:3]), RUNS[3:]],
            ["runs before", ["more of does not", "more of runs before"], ["runs before"]],
        )

    async def test_keeps_texts_and_ids_of_more_than_a_line(self):
        class Spread:
            loads = staticmethod(json.loads)
            dumps = staticmethod(functools.partial(json.dumps, indent=1))

        scheduler, store = self.add_scheduler(serializer=Spread)
        job_id, ran = "a\nb|c d\r\n", []
        HOOKS[job_id] = lambda: ran.append(len(store.lookup_job(job_id).args))
        scheduler.add_job(act, "interval", minutes=1, args=[job_id], id=job_id)
        await asyncio.sleep(61)
        self.assertEqual(ran, [1])
        HOOKS[job_id] = lambda: 1 / 0  # the next text is of an error
        await asyncio.sleep(60)
        self.assertEqual(
            (store.lookup_job(job_id).last_run.error, store.unreadable()),
            ("ZeroDivisionError: division by zero", []),
        )
        scheduler.delete_job(job_id)
        self.assertEqual(store.get_all_jobs(), [])

    async def test_shows_each_what_another_has_changed_at_once(self):
        scheduler, _ = self.add_scheduler()
        scheduler.pause()  # so that all runs are those of the first
        scheduler.add_job(note, "interval", seconds=10, args=["a"], id="a")
        await asyncio.sleep(10.5)
        scheduler.pause_job("a")
        await asyncio.sleep(20)
        scheduler.update_job("a", args=["b"])
        scheduler.resume_job("a")
        await asyncio.sleep(10)
        scheduler.reschedule_job("a", trigger="interval", seconds=5)
        await asyncio.sleep(6)
        scheduler.delete_job("a")
        await asyncio.sleep(60)
        self.assertEqual((RUNS, self.scheduler.get_jobs()), (["a", "b", "b"], []))

    async def test_keeps_what_another_adds_at_the_same_moment(self):
        other, _ = self.add_scheduler()

        def add_it():
            self.step_clock(1)  # or both would have the same next run time
            other.add_job(note, "interval", hours=1, args=["a"], id="a")

        with before_it_is_added(self.store, add_it):
            self.scheduler.add_job(
                note, "interval", hours=1, args=["a"], id="a", replace_existing=True
            )
        self.assertEqual(
            [job.next_run_time for job in self.scheduler.get_jobs()], [at("2026-01-01 01:00:01")]
        )

    async def test_looks_for_what_other_processes_have_changed(self):
        scheduler, store = self.add_scheduler()
        leave_process(store)
        scheduler.pause()
        await asyncio.sleep(1)
        for seconds, expected in ((50, []), (11, ["a"])):
            scheduler.add_job(note, args=["a"], id="a", replace_existing=True)
            await asyncio.sleep(seconds)
            self.assertEqual(RUNS, expected)

    async def test_takes_over_a_run_that_had_not_begun(self):
        # Or whether 00:03 is at the limit depends on which thread sees first that the lease ran
        # out.
        self.add("a", max_instances=2)
        self.add("grace", max_instances=2, mistrigger_grace_time=30)
        await asyncio.sleep(59)
        self.scheduler.pause()
        await asyncio.sleep(2)
        ticket = self.leave_run("a", "2026-01-01 00:01")
        self.leave_run("grace", "2026-01-01 00:01")
        self.scheduler.resume()
        missed = []
        self.scheduler.add_listener(lambda event: missed.append(event.job_id), asyncz.JOB_MISSED)
        await asyncio.sleep(57)  # its lease still lasts
        self.assertEqual(RUNS, [])
        with self.assertLogs("asyncz", "WARNING"):
            await asyncio.sleep(185)
        self.assertEqual((RUNS.count("a"), RUNS.count("grace")), (5, 4))
        self.assertEqual(missed, ["grace"])
        self.assertEqual(
            self.apply_as("dead", ("begin", "a", "dead.1", "dead", ticket.at_us)),
            [None],
            "whoever comes back must not begin it",
        )

    async def test_reports_a_run_that_was_interrupted_or_starts_it_again(self):
        self.scheduler.pause()
        errors = []
        self.scheduler.add_listener(errors.append, asyncz.JOB_ERROR)
        for id, recover in (("reported", False), ("repeated", True)):
            self.scheduler.add_job(
                note, "date", run_at="2026-01-01 00:00:30", args=[id], id=id, recover=recover
            )
        self.scheduler.add_job(
            note, "interval", minutes=1, args=["rest"], id="rest", coalesce=False
        )
        await asyncio.sleep(180)
        self.leave_run("reported", "2026-01-01 00:00:30", begun=True)
        self.leave_run("repeated", "2026-01-01 00:00:30", begun=True, recover=True)
        self.leave_run("rest", "2026-01-01 00:01", begun=True, last="2026-01-01 00:03")
        self.scheduler.pause_job("rest")
        self.assertEqual(
            ([job.id for job in self.scheduler.get_jobs()], self.scheduler.get_job("reported")),
            (["rest"], None),
        )
        self.scheduler.resume()
        with self.assertLogs("asyncz", "WARNING"):
            await asyncio.sleep(200)
        self.assertEqual(sorted(RUNS), ["repeated", "rest", "rest"])
        self.assertEqual(
            sorted((event.job_id, f"{event.scheduled_run_time:%M:%S}") for event in errors),
            [("reported", "00:30"), ("rest", "01:00")],
        )
        error = errors[0].exception
        self.assertIsInstance(error, asyncz.RunInterruptedError)
        self.assertEqual((error.owner, error.started_at), ("dead", at("2026-01-01 00:03")))
        self.assertEqual(pickle.loads(pickle.dumps(error)).owner, "dead")
        self.assertEqual(expired_tickets(self.store, self.clock.now_us()), [])

    async def test_gives_what_a_hasty_shutdown_cancels_to_others_or_reports_it(self):
        begun, errors = [], []
        HOOKS["long"] = lambda: (begun.append(1), asyncio.sleep(30))[1]
        self.scheduler.add_listener(
            lambda event: errors.append((event.job_id, type(event.exception))), asyncz.JOB_ERROR
        )
        for id in ("repeated", "reported"):
            self.scheduler.add_job(act, args=["long"], id=id, recover=id == "repeated")
        self.assertTrue(await becomes(lambda: len(begun) == 2))
        await asyncio.sleep(1)
        with self.assertLogs("asyncz", "ERROR"):
            await self.scheduler.shutdown(wait=False)
        self.assertEqual(errors, [("reported", asyncio.CancelledError)])
        HOOKS["long"] = lambda: RUNS.append("long")
        self.add_scheduler()
        await asyncio.sleep(3)
        self.assertEqual(RUNS, ["long"])

    async def test_leaves_to_others_what_can_not_run_here(self):
        other, _ = self.add_scheduler(poll_interval=1.0)
        other.add_executor("debug", "there")
        other.pause()
        with self.assertLogs("asyncz", "ERROR") as logs:
            other.add_job(note, "interval", seconds=10, args=["a"], id="a", executor="there")
            await asyncio.sleep(12)
        self.assertRegex(
            "".join(logs.output),
            "^ERROR:asyncz:job 'a' in store 'default' can't be run: executor='there': no such executor",
        )
        self.assertEqual(len(logs.output), 1)
        other.resume()
        # Whether the first sees it again, before the other claims it, is a matter of luck.
        logging.disable(logging.ERROR)
        self.addCleanup(logging.disable, logging.NOTSET)
        await asyncio.sleep(20)
        self.assertEqual(RUNS, ["a"] * 3)

    async def test_leaves_alone_the_runs_of_one_who_lives(self):
        HOOKS["long"] = lambda: asyncio.sleep(1)
        other, _ = self.add_scheduler()
        self.scheduler.add_job(act, "interval", seconds=2, args=["long"], id="a")
        events = []
        for scheduler in (self.scheduler, other):
            scheduler.add_listener(
                lambda event: events.append(event.code), asyncz.JOB_EXECUTED | asyncz.JOB_ERROR
            )
        await asyncio.sleep(21)
        self.assertEqual(events, [asyncz.JOB_EXECUTED] * len(events))
        self.assertGreaterEqual(len(events), 9)

    async def test_counts_instances_over_all_schedulers(self):
        self.scheduler.pause()
        self.add("a", next_run_time=at("2026-01-01 00:00:10"))
        await asyncio.sleep(15)
        self.leave_run("a", "2026-01-01 00:00:10", begun=True)
        events = []
        self.scheduler.add_listener(
            lambda event: events.append(event.code), asyncz.JOB_MAX_INSTANCES | asyncz.JOB_SUBMITTED
        )
        self.scheduler.update_job("a", next_run_time=at("2026-01-01 00:00:20"))
        self.scheduler.resume()
        await asyncio.sleep(10)
        self.assertEqual((events, RUNS), ([asyncz.JOB_MAX_INSTANCES], []))

    async def test_keeps_a_record_that_cannot_be_read(self):
        self.add("good", minutes=1)
        for number in range(3):
            self.add(f"bad {number}", minutes=0, seconds=10)
        texts = {0: "garbage \x01", 1: '{"v": 2}', 2: "[" * 100_000}
        for number, text in texts.items():
            self.set_text(f"bad {number}", text)
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(70)
        self.assertEqual((len(logs.output), RUNS), (3, ["good"]))
        reasons = dict(self.store.unreadable())
        self.assertEqual(sorted(reasons), ["bad 0", "bad 1", "bad 2"])
        self.assertRegex(reasons["bad 0"], "JSONDecodeError|signed")
        self.assertRegex(reasons["bad 1"], "^version 2; this is for version 1$|signed")
        self.assertIn(", 3 unreadable, ", str(self.scheduler))
        self.assertEqual(
            {number: row_of(self.store, f"bad {number}").text for number in texts}, texts
        )
        self.assertEqual([job.id for job in self.scheduler.get_jobs()], ["good"])
        with self.assertRaises(asyncz.ConflictIdError):
            self.add("bad 0")
        self.add("bad 0", replace_existing=True)
        self.assertIn(", 2 unreadable, ", str(self.scheduler))
        self.scheduler.delete_job("bad 1")
        self.assertEqual([id for id, _ in self.store.unreadable()], ["bad 2"])
        self.scheduler.remove_all_jobs()
        self.assertEqual(self.store.unreadable(), [])

    def set_text(self, job_id, text):
        """Put a text into the place of a job's record, as somebody with another version or a broken
        disk does.
        """
        row = row_of(self.store, job_id)
        self.apply_as("x", ("put", job_id, row.revision, f"{row.revision}+", row.next_us, text))

    async def test_runs_again_what_could_not_be_read_for_a_while(self):
        self.add("a", minutes=0, seconds=10)
        text = row_of(self.store, "a").text
        self.set_text("a", text.replace("note", "renamed"))
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(25)
        self.assertEqual((RUNS, [job.id for job in self.scheduler.get_jobs()]), ([], ["a"]))
        self.assertEqual(len(logs.output), 1)
        self.assertRegex(
            logs.output[0],
            r"job 'a' in store 'default' can't be run: fn='\w+:renamed': .* has no 'renamed'",
        )
        self.assertEqual([id for id, _ in self.store.unreadable()], ["a"])
        with unittest.mock.patch.object(sys.modules[__name__], "renamed", note, create=True):
            await asyncio.sleep(70)
            self.assertGreaterEqual(len(RUNS), 1)
            self.assertEqual(self.store.unreadable(), [])

    async def test_has_sixty_broken_records_at_its_head_and_runs_the_rest_on_time(self):
        set_page(self.store, 10)
        for number in range(25):
            self.add(f"bad {number:02}", minutes=0, seconds=1)
            self.set_text(f"bad {number:02}", "bad")
        self.add("good", minutes=0, seconds=30)
        logger = logging.getLogger("asyncz")
        with self.assertLogs(logger, "ERROR") as logs:
            await asyncio.sleep(31)
        self.assertEqual((RUNS, len(logs.output)), (["good"], 25))

    async def test_answers_as_the_protocol_says_whatever_comes(self):
        chance = random.Random(20261123)
        model, tickets = {}, {}
        self.scheduler.pause()
        for step in range(400):
            op, owner = self.random_op(chance, model, tickets, step)
            now = self.clock.now_us()
            expected, model[op[1]] = decided(op, model.get(op[1]), now, 60_000_000)
            self.assertEqual(self.apply_as(owner, op), [expected], (step, op, owner))
            self.assertEqual(row_of(self.store, op[1]), model[op[1]], (step, op))
            if step % 20 == 0:
                expired = [
                    ticket
                    for row in model.values()
                    if row
                    for ticket in row.runs.values()
                    if ticket.until_us < now
                ]
                self.assertEqual(sorted(expired_tickets(self.store, now)), sorted(expired))
            await asyncio.sleep(chance.choice([0, 1, 20]))
        self.assertGreater(sum(map(len, tickets.values())), 50)

    def random_op(self, chance, model, tickets, step):
        job_id, owner = chance.choice(["a", "b", "c|d e"]), chance.choice(["one", "two"])
        row, now = model.get(job_id), self.clock.now_us()
        revision = (
            row.revision
            if row is not None and not row.over and chance.random() < 0.8
            else chance.choice([None, "7"])
        )
        following = chance.choice([None, now - 5, now + 30_000_000])
        verb = chance.choice(
            [
                "put",
                "claim",
                "claim",
                "begin",
                "begin",
                "finish",
                "release",
                "renew",
                "take",
                "delete",
            ]
        )
        if verb == "put":
            return (verb, job_id, revision, f"r{step}", following, f"text {step}"), owner
        if verb == "delete":
            return (verb, job_id), owner
        if verb == "claim":
            run_id = f"{owner}.{step}"
            ticket = Ticket(owner, 0, 0, now, now + chance.choice([0, 9]), chance.random() < 0.5)
            tickets.setdefault(job_id, []).append((run_id, ticket))
            return (
                verb,
                job_id,
                revision or "",
                f"r{step}",
                following,
                chance.choice([1, 2]),
                run_id,
                ticket,
            ), owner
        run_id, known = chance.choice(
            tickets.get(job_id) or [("none.1", Ticket(owner, 0, 0, now, now, False))]
        )
        held = row.runs.get(run_id) if row is not None else None
        last = (now, now, now, "executed", None, 1)
        extra = {
            "begin": known.at_us + chance.choice([0, 0, 9]),
            "finish": chance.choice([None, last]),
            "release": known.at_us,
        }
        extra["take"] = held.until_us if held is not None and chance.random() < 0.8 else 5
        return (
            (verb, job_id, run_id, owner, extra[verb])
            if verb in extra
            else (verb, job_id, run_id, owner)
        ), owner

    async def test_signs_its_records(self):
        await self.scheduler.shutdown()
        old, new = b"old secret", b"new secret"
        for secrets, readable in (
            ([old], True),
            (new, False),
            ([new, old], True),
            (None, False),
            ([old], True),
        ):
            store = self.make_store(secret=secrets)
            scheduler = self.make_scheduler(stores={"default": store})
            scheduler.start()
            if not scheduler.get_jobs() and not store.unreadable():
                scheduler.add_job(note, "interval", minutes=1, args=["a"], id="a")
            with self.subTest(secrets):
                self.assertEqual(
                    [job.id for job in scheduler.get_jobs()], ["a"] if readable else []
                )
                reason = (
                    "it is signed, and this store has no secret"
                    if secrets is None
                    else "its signature is wrong"
                )
                self.assertEqual(store.unreadable(), [] if readable else [("a", reason)])
            await scheduler.shutdown()
        store = self.make_store(secret=[new, old])
        scheduler = self.make_scheduler(stores={"default": store})
        scheduler.start()
        scheduler.update_job("a", name="signed anew")
        self.assertEqual(
            complaint(
                codec_with(old, store).decode,
                "a",
                row_of(store, "a").text,
            )[:11],
            "_Unreadable",
        )
        text = row_of(store, "a").text
        scheduler.add_job(note, args=["b"], id="b", next_run_time=None)
        for changed, job_id in (
            (text.replace('"minutes"', '"hours"'), "a"),
            (text, "b"),
            (text.replace("note", "evil"), "a"),
            (text[65:], "a"),
        ):
            with self.assertRaises(Unreadable):
                codec_of(store).decode(
                    job_id, changed + (" " if changed == text and job_id == "a" else "")
                )
        await scheduler.shutdown()

    async def test_takes_a_serializer(self):
        await self.scheduler.shutdown()
        with self.assertWarnsRegex(
            UserWarning,
            "^serializer=pickle without secret=: whoever can write to the store can run any code here$",
        ) as caught:
            self.make_store(serializer=pickle)
        # At the line that makes the store, as `make_store` does.
        self.assertEqual(caught.filename, __file__)
        store = self.make_store(serializer=pickle, secret=b"secret")
        scheduler = self.make_scheduler(stores={"default": store})
        scheduler.start()
        scheduler.add_job(note, "date", run_at="2026-01-01 00:01", args=[complex(1, 2)])
        self.assertRegex(
            complaint(scheduler.add_job, note, args=[threading.Lock()]),
            "^TypeError: args=.*the serializer can't keep these: ",
        )
        await asyncio.sleep(61)
        self.assertEqual(RUNS, [1 + 2j])
        await scheduler.shutdown()

    async def test_checks_its_options(self):
        # fmt: off
        table = [
            ({"lease": 0}, "ValueError: lease=0: not a number of seconds above 0"),
            ({"poll_interval": "1"}, "ValueError: poll_interval='1': not a number of seconds above 0"),
            ({"secret": 5}, "TypeError: secret: not a secret (it is not shown here); give bytes, or a list of bytes, the newest first"),
            ({"secret": [b""]}, "TypeError: secret: not a secret (it is not shown here); give bytes, or a list of bytes, the newest first"),
            (
                {"serializer": 5},
                "TypeError: serializer=5: not a serializer; give an object with dumps and loads, such as the module pickle",
            ),
        ]
        # fmt: on
        for options, expected in table:
            self.assertEqual(complaint(self.make_store, **options), expected)


class TestSharedStoreInManyThreads(SQLiteTestCase):
    def test_add_jobs_while_others_start_schedulers(self):
        interval = sys.getswitchinterval()
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-5)
        scheduler, errors, ended = self.make_scheduler(), [], threading.Event()
        scheduler.start(paused=True)
        kept = []

        def churn():
            while not ended.is_set():
                stores = [asyncz.SQLiteStore(self.path) for _ in range(20)]
                for store in stores:
                    asyncz._SHARED.add(store)
                kept.append(stores)
                for store in stores:
                    asyncz._SHARED.discard(store)

        threads = [threading.Thread(target=churn) for _ in range(3)]
        for thread in threads:
            thread.start()
        store = self.make_store()
        try:
            for _ in range(3000):
                try:
                    store._tell_others()
                except RuntimeError as error:
                    errors.append(error)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        self.assertEqual(errors, [])


class TestIdsThatNoStoreCanKeep(SQLiteTestCase):
    def test_are_refused_by_name(self):
        store = self.make_store()
        text = (
            "ValueError: id='a\\udce4': half a character in it, which a store can't keep;"
            " give another id"
        )
        scheduler = self.make_scheduler(store)
        self.assertEqual(complaint(scheduler.add_job, note, args=["a"], id="a\udce4"), text)
        scheduler.start()
        self.assertEqual(complaint(scheduler.add_job, note, args=["a"], id="a\udce4"), text)
        self.assertIsNone(scheduler.get_job("a\udce4"))


# === SQLite ===
# The same in a file, and what a slow file, a blocked loop and a second scheduler may not do. What
# needs a process is in the room Programs.


class TestSQLiteStore(SharedStoreContract, VirtualTimeTestCase):
    folder = None

    def make_store(self, **options):
        if self.folder is None:
            self.folder = temporary_folder()
            self.addCleanup(self.folder.cleanup)
        return asyncz.SQLiteStore(
            pathlib.Path(self.folder.name, "jobs.sqlite3"), **{"poll_interval": 60.0, **options}
        )

    async def test_is_a_file_that_a_person_can_read(self):
        self.add("a", max_instances=2)
        with contextlib.closing(
            sqlite3.connect(pathlib.Path(self.folder.name, "jobs.sqlite3"))
        ) as connection:
            text = connection.execute("SELECT def FROM jobs").fetchone()[0]
        self.assertEqual(
            json.loads(text),
            {
                "v": 1,
                "id": "a",
                "fn": f"{__name__}:note",
                "args": ["a"],
                "kwargs": {},
                "trigger": {"type": "interval", "seconds": 60},
                "zone": "UTC",
                "anchor": us(at(self.START)),
                "added": us(at(self.START)),
                "name": "note",
                "executor": "default",
                "max_instances": 2,
            },
        )

    async def test_takes_a_path(self):
        for path in (":memory:", "", 5):
            self.assertEqual(
                complaint(asyncz.SQLiteStore, path),
                f"ValueError: path={path!r}: not the path of a file, such as 'jobs.sqlite3'; for jobs in memory there is MemoryStore",
            )

    async def test_moves_with_the_clock_that_was_wrong(self):
        self.add("a")
        await asyncio.sleep(30)
        with self.assertLogs("asyncz", "WARNING"):
            self.step_clock(-4 * 3600)
            await asyncio.sleep(60)
        self.assertEqual(self.scheduler.get_job("a").next_run_time, at("2025-12-31 20:02"))


class TestSQLiteStoreThatIsSlow(RealTimeTestCase):
    async def test_does_not_hold_up_the_loop(self):
        RUNS.clear()
        calls = SlowCalls()
        HOOKS["slow"] = lambda: RUNS.append("slow")
        HOOKS["slow call"] = lambda: None  # what the user calls lasts as long as it lasts
        with temporary_folder() as folder:
            path = pathlib.Path(folder, "jobs")
            store = with_table(SlowSQLiteTable, asyncz.SQLiteStore, path, poll_interval=0.1)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
            scheduler.add_job(act, "interval", seconds=0.01, args=["slow"])
            scheduler.start()
            HOOKS["slow call"] = lambda: len(RUNS) >= 3 or calls.take_long()
            await calls.turn_until(lambda: len(RUNS) >= 3)
            await scheduler.shutdown()
        self.assertEqual((len(RUNS) >= 3, calls.held_up), (True, 0))


class TestSQLiteStoreOfTwoSchedulers(unittest.TestCase):
    def two_schedulers(self, **options):
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "jobs")
        stores = [asyncz.SQLiteStore(path, **options) for _ in range(2)]
        return [asyncz.AsyncIOScheduler(stores={"default": store}) for store in stores]

    def test_never_runs_a_job_after_it_was_deleted_or_paused(self):
        calls = []
        HOOKS["call"] = lambda: calls.append(
            (asyncz.current_run().job.id, asyncz.current_run().scheduled_run_time.timestamp())
        )
        schedulers = self.two_schedulers(poll_interval=0.05)
        with schedulers[0], schedulers[1]:
            for number in range(18):
                scheduler, job_id = schedulers[number % 2], f"job {number % 3}"
                scheduler.add_job(
                    act,
                    "interval",
                    seconds=0.01,
                    args=["call"],
                    id=job_id,
                    replace_existing=True,
                    next_run_time="now",
                )
                time.sleep(0.03)
                scheduler.update_job(job_id, name="renamed")
                if number % 2:
                    scheduler.delete_job(job_id)
                else:
                    scheduler.pause_job(job_id)
                end = time.time()
                self.assertEqual(scheduler.get_job(job_id) is None, bool(number % 2))
                time.sleep(0.03)
                self.assertEqual(
                    [call for call in calls if call[0] == job_id and call[1] > end], []
                )
        self.assertGreater(len(calls), 10)

    def test_keeps_the_leases_of_a_loop_that_is_blocked(self):
        seen, ended = [], []
        HOOKS["block"] = lambda: time.sleep(1.2)
        HOOKS["open"] = lambda: (seen.append("open"), asyncio.sleep(1.6))[1]
        one, other = self.two_schedulers(lease=0.5, poll_interval=0.1)
        for scheduler in (one, other):
            scheduler.add_listener(lambda event: seen.append(event.exception), asyncz.JOB_ERROR)
            scheduler.add_listener(ended.append, asyncz.JOB_EXECUTED)
        with one, other:
            other.pause()
            one.add_job(act, args=["open"], recover=True)
            self.assertTrue(wait_until(lambda: seen))
            one.add_job(act, args=["block"])
            time.sleep(0.2)
            other.resume()
            self.assertTrue(wait_until(lambda: len(ended) == 2))
        self.assertEqual(seen, ["open"])


class TestSQLiteStoreAsAFile(SQLiteTestCase):
    def test_has_a_path(self):
        for path in ("", ":memory:", "a\0b", b"jobs", 5, None):
            with self.subTest(path):
                self.assertEqual(
                    complaint(asyncz.SQLiteStore, path),
                    f"ValueError: path={path!r}: not the path of a file, such as 'jobs.sqlite3';"
                    " for jobs in memory there is MemoryStore",
                )

    def test_is_free_after_an_interrupt_at_the_beginning_of_a_write(self):
        store = self.make_store()
        scheduler = self.make_scheduler(store)
        scheduler.start(paused=True)
        scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        connection = store._table._connected()

        class Interrupted:
            def __getattr__(self, name):
                return getattr(connection, name)

            def execute(self, sql, *values):
                cursor = connection.execute(sql, *values)
                if sql.startswith("BEGIN"):
                    raise KeyboardInterrupt
                return cursor

        store._table._connection = Interrupted()
        with self.assertRaises(KeyboardInterrupt):
            scheduler.update_job("a", name="b")
        store._table._connection = connection
        self.assertFalse(connection.in_transaction)
        self.sql("UPDATE jobs SET next = next")
        scheduler.update_job("a", name="c")

    def test_is_read_to_the_end_of_each_cursor(self):
        cursors, connect = [], sqlite3.connect

        class Connection(sqlite3.Connection):
            def execute(self, *arguments):
                cursors.append((arguments[0], super().execute(*arguments)))
                return cursors[-1][1]

        with unittest.mock.patch.object(
            sqlite3, "connect", functools.partial(connect, factory=Connection)
        ):
            scheduler = self.make_scheduler(self.make_store())
            scheduler.start()
            scheduler.add_job(note, args=["a"])
            self.assertTrue(wait_until(lambda: RUNS))
            scheduler.get_jobs()
            scheduler.shutdown()
        left = []
        for sql, cursor in cursors:
            # Closed, or reset by a rollback (an InterfaceError up to 3.10): neither holds a lock.
            with contextlib.suppress(sqlite3.ProgrammingError, sqlite3.InterfaceError):
                left += [sql] if cursor.fetchone() is not None else []
        self.assertEqual(left, [])

    def test_is_asked_one_cheap_question_while_nothing_happens(self):
        store, asked = self.make_store(lease=0.2), []
        scheduler = self.make_scheduler(store)
        scheduler.start()
        scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        scheduler.add_job(note, args=["b"])
        self.assertTrue(wait_until(lambda: RUNS == ["b"]))
        time.sleep(0.3)
        store._table._connection.set_trace_callback(asked.append)
        self.assertTrue(wait_until(lambda: len(asked) >= 8))
        self.assertEqual(set(asked), {"PRAGMA data_version"})
        # What another process writes is seen.
        other = self.make_scheduler(self.make_store())
        other.start(paused=True)
        other._engine.registry.keepers["default"].store._table.place = "as in another process"
        other.add_job(note, args=["c"])
        self.assertTrue(wait_until(lambda: RUNS == ["b", "c"]))

    def test_has_a_dead_run_taken_over_when_its_lease_ends_without_a_heartbeat(self):
        scheduler = self.make_scheduler()
        scheduler.start(paused=True)
        scheduler.add_job(note, "interval", hours=1, args=["a"], id="a", next_run_time="now")
        scheduler.shutdown()
        dead = self.make_store(lease=1.0)
        job, now = dead.lookup_job("a"), time.time_ns() // 1000
        ticket = asyncz._Ticket(dead._rows.owner, 0, 0, now, now, False)
        claim = "claim", "a", job._revision, "r2", now + 3_600_000_000, 1, "dead.run", ticket
        self.assertEqual(dead._rows.applied([claim]), [1])
        dead._table.close()
        self.make_scheduler(self.make_store(poll_interval=60.0)).start()
        self.assertTrue(wait_until(lambda: RUNS == ["a"], 10))


# === Executors ===
# Where functions are called: on the loop, in threads, in processes, in place, and by an executor of
# the user's own.


class InPlace(asyncz.BaseExecutor):
    def do_send_job(self, job, run_times):
        self.run_job(job, run_times)


class InAThread(asyncz.BaseExecutor):
    def do_send_job(self, job, run_times):
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


class ExecutorTestCase(VirtualTimeTestCase):
    """Runs jobs in an executor of the test's own."""

    async def result(self, executor, fn=double, args=(21,)):
        scheduler = self.make_scheduler(executors={"x": executor})
        scheduler.add_job(fn, args=args, next_run_time=None, executor="x", id="a")
        scheduler.start()
        try:
            return await asyncio.wait_for(asyncio.wrap_future(scheduler.run_job("a")), 5)
        finally:
            await scheduler.shutdown()


class TestBaseExecutor(ExecutorTestCase):
    async def test_gives_results_in_every_kind(self):
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
                # A TimeoutError means that the result was lost.
                self.assertEqual(await self.result(executor), 42)
        self.assertEqual((CountingThreads.count, CountingTasks.count), (1, 1))
        self.assertEqual(await self.result(CountingTasks(), double_soon), 42)

    async def test_that_raises_is_reported_as_the_job(self):
        with self.assertLogs("asyncz", "ERROR"), self.assertRaisesRegex(OSError, "^on purpose$"):
            await self.result(Raising())

    async def test_may_take_the_run_times_away(self):
        class Greedy(asyncz.BaseExecutor):
            def do_send_job(self, job, run_times):
                run_times.clear()
                done = asyncio.get_running_loop().create_future()
                done.set_result("given") if job.id == "good" else done.set_exception(
                    ValueError("greedy")
                )
                return done

        scheduler, results = self.make_scheduler(executors={"default": Greedy()}), []
        scheduler.add_listener(
            lambda event: results.append(event.return_value or str(event.exception)),
            asyncz.JOB_EXECUTED | asyncz.JOB_ERROR,
        )
        scheduler.start()
        with self.assertLogs("asyncz", "ERROR"):
            jobs = [
                scheduler.add_job(nothing, "interval", minutes=1, id=name)
                for name in ("good", "bad")
            ]
            await asyncio.sleep(121)
        self.assertEqual(
            (results, [job.running for job in jobs]), (["given", "greedy"] * 2, [0, 0])
        )
        await scheduler.shutdown()

    async def test_may_give_a_future_that_raises(self) -> None:
        class Failing(asyncz.BaseExecutor):
            def do_send_job(self, job: asyncz.Job, run_times: list[datetime]) -> Any:
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                future.set_exception(OSError("no such thing"))
                return future

        self.scheduler.configure(executors={"default": Failing()})
        self.scheduler.start()
        job = self.scheduler.add_job(len, args=[""], next_run_time=None)
        with self.assertRaisesRegex(OSError, "no such thing"):
            await asyncio.wrap_future(self.scheduler.run_job(job.id))


class TestAsyncIOExecutor(VirtualTimeTestCase):
    async def test_takes_a_job_that_ends_the_program_as_one_that_failed(self) -> None:
        async def leave() -> None:
            raise SystemExit(3)

        events: list[Any] = []
        self.scheduler.add_listener(events.append, asyncz.JOB_ERROR)
        self.scheduler.start()
        for fn in (leave, sys.exit):
            self.scheduler.add_job(fn)
        await asyncio.sleep(1)
        self.assertEqual(
            ([type(event.exception) for event in events], self.scheduler.running),
            ([SystemExit] * 2, True),
        )


class TestThreadPoolExecutor(ExecutorTestCase):
    async def test_prepares_and_names_its_threads(self):
        prepared = []
        executor = asyncz.ThreadPoolExecutor(
            1, thread_name_prefix="mine", initializer=prepared.append, initargs=[1]
        )
        name = await self.result(executor, lambda: threading.current_thread().name, [])
        self.assertEqual((name[:4], prepared), ("mine", [1]))

        def fail():
            raise OSError("on purpose")

        with self.assertLogs("asyncz", "ERROR"), self.assertRaisesRegex(OSError, "^on purpose$"):
            await self.result(asyncz.ThreadPoolExecutor(1, initializer=fail))

    async def test_needs_a_whole_number_of_workers_as_that_of_processes_does(self):
        for kind in (asyncz.ThreadPoolExecutor, asyncz.ProcessPoolExecutor):
            for value in (0, -1, 1.5, "2", True):
                self.assertEqual(
                    complaint(kind, value),
                    f"ValueError: max_workers={value!r}: not a whole number from 1",
                )


class TestProcessPoolExecutor(unittest.TestCase):
    """Mostly with functions that the standard library has, so that every process finds them."""

    def test_gives_results_and_errors_and_replaces_a_broken_pool(self) -> None:
        with asyncz.AsyncIOScheduler(
            executors={"default": asyncz.ProcessPoolExecutor(2)}
        ) as scheduler:

            def begin(fn: Callable[..., Any], *args: Any) -> Any:
                return scheduler.run_job(scheduler.add_job(fn, args=args, next_run_time=None).id)

            def run(fn: Callable[..., Any], *args: Any) -> Any:
                return begin(fn, *args).result(30)

            neighbour = begin(asyncio.sleep, 2, "untouched")
            self.assertEqual(run(divmod, 7, 2), (3, 1))
            with self.assertRaisesRegex(ZeroDivisionError, "division"):
                run(divmod, 7, 0)
            with self.assertRaisesRegex(Exception, "terminated abruptly|process pool"):
                run(os._exit, 3)
            self.assertEqual(neighbour.result(30), "untouched")
            self.assertEqual(run(asyncio.sleep, 0.01, "slept"), "slept")
            self.assertTrue(wait_until(lambda: len(multiprocessing.active_children()) < 2))
            with self.assertRaises((pickle.PicklingError, AttributeError, TypeError)):
                run(lambda: 1)

    def test_has_processes_that_are_prepared_and_do_not_hand_on_that_they_are_deaf(self) -> None:
        code = (
            "import signal; print(*(signal.getsignal(number) == default for number, default in"
            " ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL))),"
            " signal.pthread_sigmask(signal.SIG_BLOCK, []))"
        )
        jobs = [
            (sys.getrecursionlimit, [], 4321),
            # Without the site: what measures coverage has handlers of its own.
            (subprocess.check_output, [[sys.executable, "-S", "-c", code]], b"True True set()\n"),
        ]
        pool = asyncz.ProcessPoolExecutor(1, initializer=sys.setrecursionlimit, initargs=(4321,))
        with asyncz.AsyncIOScheduler(executors={"default": pool}) as scheduler:
            for fn, args, expected in jobs:
                job = scheduler.add_job(fn, args=args, next_run_time=None)
                self.assertEqual(scheduler.run_job(job.id).result(30), expected)

    def test_ends_a_process_that_is_over_its_time_but_not_its_neighbours(self) -> None:
        with (
            asyncz.AsyncIOScheduler(
                executors={"default": asyncz.ProcessPoolExecutor(2)}
            ) as scheduler,
            self.assertLogs("asyncz", "ERROR"),
        ):

            def run(fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
                job = scheduler.add_job(fn, args=args, next_run_time=None, **options)
                return scheduler.run_job(job.id)

            neighbour = run(asyncio.sleep, 1.5, "slept")
            first = run(os.getpid).result(30)
            with self.assertRaises(asyncz.RunTimeoutError):
                run(time.sleep, 600, timeout=0.5).result(30)
            # Also while its process begins.
            with self.assertRaises(asyncz.RunTimeoutError):
                run(time.sleep, 600, timeout=0.001).result(30)
            second = run(os.getpid).result(30)
            self.assertNotEqual(first, second)
            self.assertEqual(neighbour.result(30), "slept")

    def test_ends_each_try_at_its_own_time_however_soon_it_follows_the_one_before(self) -> None:
        options = {"timeout": 0.3, "retries": 3, "retry_delay": 0.0001, "next_run_time": None}
        with asyncz.AsyncIOScheduler(
            executors={"default": asyncz.ProcessPoolExecutor(3)}
        ) as scheduler:
            silence(self)
            for _ in range(3):
                job = scheduler.add_job(time.sleep, args=[600], **options)
                with self.assertRaises(asyncz.RunTimeoutError):
                    scheduler.run_job(job.id).result(30)
            self.assertEqual(
                [(run.outcome, (run.error or "")[:15]) for run in scheduler.history()],
                [("error", "RunTimeoutError")] * 12,
            )
            self.assertTrue(wait_until(lambda: not multiprocessing.active_children()))

    def test_replaces_a_process_that_died_while_it_had_nothing_to_do(self) -> None:
        with asyncz.AsyncIOScheduler(
            executors={"default": asyncz.ProcessPoolExecutor(1)}
        ) as scheduler:
            job = scheduler.add_job(os.getpid, next_run_time=None)
            first = scheduler.run_job(job.id).result(30)
            os.kill(first, signal.SIGKILL)
            self.assertTrue(wait_until(lambda: not multiprocessing.active_children()))
            self.assertNotEqual(scheduler.run_job(job.id).result(30), first)

    def test_gives_errors_of_all_kinds_and_keeps_the_process(self) -> None:
        with (
            asyncz.AsyncIOScheduler(
                executors={"default": asyncz.ProcessPoolExecutor(1)}
            ) as scheduler,
            self.assertLogs("asyncz", "ERROR"),
        ):

            def run(fn: Callable[..., Any], *args: Any) -> Any:
                job = scheduler.add_job(fn, args=args, next_run_time=None)
                return scheduler.run_job(job.id).result(30)

            first = run(os.getpid)
            table = [
                (eval, ["(_ for _ in ()).throw(EOFError('own'))"], EOFError, "own"),
                (exec, ["import sys; sys.exit(5)"], SystemExit, "5"),
                (eval, ["lambda: 1"], TypeError, "pickle"),
                (print, [threading.Lock()], TypeError, "pickle"),
            ]
            for fn, args, kind, text in table:
                with self.subTest(args), self.assertRaisesRegex(kind, text):
                    run(fn, *args)
            try:
                run(divmod, 7, 0)
            except ZeroDivisionError as error:
                self.assertIn("in a process:\nTraceback", str(error.__cause__))
            self.assertEqual(run(os.getpid), first)

    def test_ends_its_processes_at_a_shutdown_that_does_not_wait(self) -> None:
        executor = asyncz.ProcessPoolExecutor(1)
        scheduler = asyncz.AsyncIOScheduler(executors={"default": executor})
        begun = threading.Event()
        scheduler.add_listener(lambda event: begun.set(), asyncz.JOB_SUBMITTED)
        scheduler.start()
        scheduler.add_job(time.sleep, args=[600])
        self.assertTrue(begun.wait(20))
        start = time.monotonic()
        scheduler.shutdown(wait=False)
        while multiprocessing.active_children() and time.monotonic() - start < 20:
            time.sleep(0.01)
        self.assertEqual((multiprocessing.active_children(), scheduler.running), ([], False))

    def test_may_be_extended(self) -> None:
        class Loud(asyncz.ProcessPoolExecutor):
            def do_send_job(self, job: asyncz.Job, run_times: list[datetime]) -> Any:
                sent.append(len(run_times))
                return super().do_send_job(job, run_times)

        sent: list[int] = []
        with asyncz.AsyncIOScheduler(executors={"default": Loud(1)}) as scheduler:
            job = scheduler.add_job(divmod, args=[9, 4], next_run_time=None)
            self.assertEqual((scheduler.run_job(job.id).result(30), sent), ((2, 1), [1]))

    def test_does_so_in_a_program_with_functions_of_its_own(self):
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
        with temporary_folder() as folder:
            pathlib.Path(folder, "temp_jobs.py").write_text(jobs)
            pathlib.Path(folder, "main.py").write_text(textwrap.dedent(main))
            done = run_python("main.py", cwd=folder)
        self.assertEqual(
            done.stdout.split(), ["4", "6", "KeyError", "BrokenProcessPool", "8"], done.stderr
        )


class TestDebugExecutor(VirtualTimeTestCase):
    async def test_may_be_extended(self) -> None:
        class Loud(asyncz.DebugExecutor):
            def do_send_job(self, job: asyncz.Job, run_times: list[datetime]) -> Any:
                sent.append(job.id)
                return super().do_send_job(job, run_times)

        sent: list[str] = []
        self.scheduler.configure(executors={"default": Loud()})
        self.scheduler.start()
        for fn in (len, asyncio.sleep):
            self.scheduler.add_job(
                fn, args=[""] if fn is len else [0], id=fn.__name__, next_run_time=None
            )
            self.assertIn(await asyncio.wrap_future(self.scheduler.run_job(fn.__name__)), (0, None))
        self.assertEqual(sent, ["len", "sleep"])
        with self.assertRaisesRegex(
            TypeError, "run_times: not the list that do_send_job was called with; pass that one on"
        ):
            Loud().run_job(self.scheduler.get_jobs()[0], [])

    async def test_refuses_a_plain_function_that_returns_a_coroutine(self) -> None:
        self.scheduler.configure(executors={"default": asyncz.DebugExecutor()})
        self.scheduler.start()
        job = self.scheduler.add_job(lambda: asyncio.sleep(1), next_run_time=None)
        message = "a plain function that was called on the event loop returned a coroutine; make it a coroutine function"
        with self.assertRaisesRegex(RuntimeError, message):
            await asyncio.wrap_future(self.scheduler.run_job(job.id))


# === Configuration ===
# Options in keywords, in flat dictionaries and in strings; what is wrong in them.


class NeedsMore(asyncz.DebugExecutor):
    def __init__(self, more: int) -> None:
        self.more = more


class TestConfigure(VirtualTimeTestCase):
    def shape(self, scheduler):
        settings = settings_of(scheduler)
        stores = {alias: type(store) for alias, store in settings.stores.items()}
        executors = {
            alias: (type(executor), getattr(executor, "_max_workers", None))
            for alias, executor in settings.executors.items()
        }
        return (
            stores,
            executors,
            settings.job_defaults,
            str(scheduler.timezone),
            scheduler.store_retry_interval,
        )

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
            "executors": {
                "pool": asyncz.ThreadPoolExecutor(20),
                "default": asyncz.AsyncIOExecutor(),
            },
            "job_defaults": {"coalesce": False, "max_instances": 4},
            "timezone": "Europe/Paris",
            "store_retry_interval": 3,
        }
        third = asyncz.AsyncIOScheduler()
        third.configure(
            {key.replace("asyncz.", "mine."): value for key, value in flat.items()}, prefix="mine."
        )
        shapes = [
            self.shape(scheduler)
            for scheduler in (
                asyncz.AsyncIOScheduler(**given),
                asyncz.AsyncIOScheduler(flat),
                third,
            )
        ]
        self.assertEqual(shapes[0], shapes[1])
        self.assertEqual(shapes[1], shapes[2])
        self.assertEqual(flat, before)

    async def test_names_what_is_wrong(self):
        # fmt: off
        table = [
            ({"asyncz.timezon": "UTC"}, "ValueError: asyncz.timezon: no such option; did you mean 'timezone'?; there are "),
            ({"timezone": "UTC"}, "ValueError: timezone: without the prefix; write 'asyncz.timezone', or pass prefix=''"),
            (
                {"asyncz.stores.a": {"type": "memroy"}},
                "ValueError: stores.a: type='memroy': no such store; did you mean 'memory'?; there are ",
            ),
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
        # fmt: on
        for config, expected in table:
            with self.subTest(config):
                said = complaint(asyncz.AsyncIOScheduler, config)
                self.assertEqual(said[: len(expected)], expected)

    def test_says_what_is_wrong_and_what_there_is(self) -> None:
        options = "asyncz.event_loop, asyncz.executors, asyncz.history_size, asyncz.job_defaults, asyncz.logger, asyncz.store_retry_interval, asyncz.stores, asyncz.timezone"
        cases: list[tuple[Callable[[], object], str]] = [
            (
                lambda: asyncz.AsyncIOScheduler({"asyncz.timezon": "UTC"}),
                f"asyncz.timezon: no such option; did you mean 'timezone'?; there are {options}",
            ),
            (
                lambda: asyncz.AsyncIOScheduler({"timezone": "UTC"}),
                "timezone: without the prefix; write 'asyncz.timezone', or pass prefix=''",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(
                    {"asyncz.stores.a": "memory", "asyncz.stores.a.type": "memory"}
                ),
                "asyncz.stores.a.type: another key gives a value for 'a' itself; give one or the other",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(stores={"a": 5}),
                "stores.a=5: not a store; give an instance, or a dictionary with 'type' (one of 'memory', 'mongo', 'mongodb', 'redis', 'sqlite') or 'class'",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(executors={"a": {"type": "asincio"}}),
                "executors.a: type='asincio': no such executor; did you mean 'asyncio'?; there are 'asyncio', 'debug', 'processpool', 'threadpool'",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(executors={"a": {"class": "json:dumps"}}),
                "executors.a: class='json:dumps': not a subclass of BaseExecutor",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(
                    executors={"a": {"type": "threadpool", "workers": 3}}
                ),
                "executors.a: workers=3: no such option; did you mean 'max_workers'?; there are 'initargs', 'initializer', 'max_workers', 'thread_name_prefix'",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(
                    executors={"a": {"type": "threadpool", "max_workers": "many"}}
                ),
                "executors.a: max_workers='many': not understood; give int",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(executors={"a": {"class": NeedsMore}}),
                f"executors.a: {'NeedsMore.' if sys.version_info >= (3, 10) else ''}__init__() missing 1 required positional argument: 'more'",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(executors={1: asyncz.DebugExecutor()}),
                "alias=1: not an alias; give a string such as 'default'",
            ),  # type: ignore[dict-item]
            (lambda: asyncz.AsyncIOScheduler(stores=5), "stores=5: not a dictionary"),  # type: ignore[arg-type]
            (
                lambda: asyncz.AsyncIOScheduler({"asyncz.job_defaults.coalesce": "maybe"}),
                "job_defaults: coalesce='maybe': not understood; give bool",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(job_defaults={"coalese": True}),
                "coalese: job_defaults has no such argument; did you mean 'coalesce'?",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(store_retry_interval=0),
                "store_retry_interval=0: not a number of seconds above 0",
            ),
            (
                lambda: asyncz.AsyncIOScheduler(logger=5),
                "logger=5: not a logger; give one, or its name",
            ),  # type: ignore[arg-type]
            (
                lambda: asyncz.AsyncIOScheduler(event_loop=5),
                "event_loop=5: not an event loop; give one, such as asyncio.new_event_loop()",
            ),  # type: ignore[arg-type]
            (lambda: asyncz.ThreadPoolExecutor(0), "max_workers=0: not a whole number from 1"),
        ]
        for make, message in cases:
            with self.subTest(message), self.assertRaises((TypeError, ValueError)) as caught:
                make()
            self.assertEqual(str(caught.exception), message)

    def test_takes_references_to_loops_loggers_and_classes(self) -> None:
        module = types.ModuleType("asyncz_test_references")
        sys.modules[module.__name__] = module
        self.addCleanup(sys.modules.pop, module.__name__)
        module.loop, module.logger = asyncio.new_event_loop(), logging.getLogger("asyncz.test")  # type: ignore[attr-defined]
        self.addCleanup(module.loop.close)
        ran: list[str] = []
        scheduler = asyncz.AsyncIOScheduler(
            {
                "asyncz.event_loop": f"{module.__name__}:loop",
                "asyncz.logger": f"{module.__name__}:logger",
                "asyncz.stores.default.class": "asyncz.stores:MemoryStore",
                "asyncz.job_defaults.mistrigger_grace_time": "none",
                "asyncz.store_retry_interval": "2.5",
            }
        )
        self.assertEqual(scheduler.store_retry_interval, 2.5)

        async def main() -> None:
            with self.assertLogs("asyncz.test", "INFO") as logs:
                scheduler.start()
                job = scheduler.add_job(ran.append, args=["run"], next_run_time=None)
                await asyncio.wrap_future(scheduler.run_job(job.id))
                await scheduler.shutdown()
            self.assertIn("INFO:asyncz.test:scheduler shut down", logs.output)

        module.loop.run_until_complete(main())
        self.assertEqual(
            (ran, settings_of(asyncz.AsyncIOScheduler(logger="some.name")).logger.name),
            (["run"], "some.name"),
        )

    def test_makes_stores_of_strings_and_references(self):
        client = types.SimpleNamespace(hmget=print, zrangebyscore=print, pipeline=print, time=print)
        with (
            unittest.mock.patch.object(sys.modules[__name__], "a_client", client, create=True),
            temporary_folder() as folder,
        ):
            reference = f"{__name__}:a_client"
            scheduler = asyncz.AsyncIOScheduler(
                {
                    "asyncz.stores.default": {
                        "type": "redis",
                        "client": reference,
                        "key_prefix": "mine",
                        "lease": "30",
                    },
                    "asyncz.stores.file.type": "sqlite",
                    "asyncz.stores.file.path": f"{folder}/jobs",
                    "asyncz.stores.file.secret": "a:b",
                    "asyncz.job_defaults.recover": "true",
                }
            )
            stores = settings_of(scheduler).stores
            redis, file = options_of(stores["default"]), options_of(stores["file"])
            self.assertEqual(
                (redis["client"], redis["key_prefix"], redis["lease"]), (client, "mine", 30)
            )
            self.assertEqual((file["path"], file["secrets"]), (f"{folder}/jobs", (b"a:b",)))
            self.assertTrue(scheduler.add_job(print, store="file").recover)
            for kind in ("mongo", "mongodb"):
                self.assertRegex(
                    complaint(asyncz.AsyncIOScheduler, {"asyncz.stores.default": {"type": kind}}),
                    "^TypeError: stores.default: MongoDBStore: client is missing; write MongoDBStore",
                )

    async def test_after_jobs_were_added_puts_them_into_the_new_stores(self):
        self.scheduler.add_job(nothing, "interval", minutes=1, id="a")
        store = asyncz.MemoryStore()
        self.scheduler.configure(stores={"default": store}, job_defaults={"max_instances": 7})
        self.scheduler.start(paused=True)
        self.assertEqual([(job.id, job.max_instances) for job in store.get_all_jobs()], [("a", 7)])

    def test_between_two_starts_moves_jobs_in_memory_into_the_new_stores(self) -> None:
        scheduler = asyncz.AsyncIOScheduler()
        with scheduler:
            scheduler.add_job(print, "cron", hour=3, id="kept", max_instances=4)
        before = scheduler.get_job("kept")
        assert before is not None
        following = before.next_run_time
        store = asyncz.MemoryStore()
        scheduler.configure(stores={"default": store})
        with scheduler:
            job = store.lookup_job("kept")
            assert job is not None
            self.assertEqual(
                (job.next_run_time, job.max_instances, job.pending), (following, 4, False)
            )

    def test_shows_no_secret(self):
        hidden = "TOPSECRET"
        prefix = "asyncz.stores.default."
        rows = [
            {f"{prefix}type": "sqlite", f"{prefix}secrets": hidden},
            {f"{prefix}secret": hidden},
            {f"{prefix}type": "sqlite", f"{prefix}secret_key": {"a": hidden}},
            {"asyncz.stores": [{"type": "sqlite", "secret": hidden}]},
            {"asyncz.stores.default": {"sub": {"secret": [hidden]}}},
            {f"{prefix}type": "sqlite", f"{prefix}pth": {"secret": hidden}},
            {f"{prefix}type": "sqlitee", f"{prefix}secret": hidden},
            {f"{prefix}type": "sqlite", f"{prefix}secret": [5, hidden]},
            {f"{prefix}class": "os:getcwd", f"{prefix}secret": hidden},
            {"asyncz.executors.x.secret": hidden},
        ]
        for given in rows:
            with self.subTest(given):
                message = complaint(asyncz.AsyncIOScheduler, given)
                self.assertRegex(message, "^(Type|Value)Error: ")
                self.assertNotIn(hidden, message)
        given = {"secret_key": hidden, "options": {"secret": hidden}}
        message = complaint(asyncz.AsyncIOScheduler().add_job, len, kwargs=given)
        self.assertRegex(
            message,
            r"^TypeError: args=\(\), kwargs={'secret_key': '...', 'options': {'secret': '...'}}: do not fit",
        )
        self.assertNotIn(hidden, message)

    def test_with_what_is_no_dictionary_says_what_to_write(self):
        hint = "options are keywords, such as timezone='Europe/Paris'"
        for given in (5, "Europe/Paris", ["a"]):
            with self.subTest(given):
                self.assertEqual(
                    complaint(asyncz.AsyncIOScheduler, given),
                    f"TypeError: global_config={given!r}: not a dictionary; {hint}",
                )

    def test_without_a_prefix_has_none(self):
        scheduler = asyncz.AsyncIOScheduler({"timezone": "Asia/Tokyo"}, prefix=None)
        self.assertEqual(str(scheduler.timezone), "Asia/Tokyo")
        scheduler.configure({"timezone": "Europe/Paris"}, None)
        self.assertEqual(str(scheduler.timezone), "Europe/Paris")


# === Registry ===
# The jobs of a scheduler: how they are added, replaced, changed, listed; before the start as after
# it.


def described(job):
    """Return what two equal jobs have in common."""
    if job is None:
        return None
    options = (
        job.coalesce,
        job.max_instances,
        job.mistrigger_grace_time,
        job.executor,
        job.store_alias,
    )
    return (
        job.id,
        job.name,
        job.fn.__name__,
        job.args,
        job.kwargs,
        str(job.trigger),
        str(job.next_run_time),
        options,
    )


def prepare(scheduler):
    """Add one job of every kind."""
    scheduler.add_job(nothing, "interval", minutes=1, id="tick", name="tick")
    scheduler.add_job(double, "cron", hour=12, id="noon", name="noon", args=[1])
    scheduler.add_job(nothing, "date", run_at="2026-01-01 01:00", id="once", name="once")
    scheduler.add_job(nothing, "interval", minutes=2, id="idle", name="idle", next_run_time=None)
    scheduler.add_job(
        nothing, "date", run_at="2025-01-01", id="past", name="past", next_run_time=None
    )
    scheduler.add_job(
        nothing,
        "interval",
        minutes=1,
        end_at="2026-01-01 00:30",
        id="ends",
        name="ends",
        next_run_time=None,
    )


class TestIdOfAJob(VirtualTimeTestCase):
    async def test_is_random_where_not_given(self):
        ids = {self.scheduler.add_job(nothing).id for _ in range(20)}
        self.assertEqual((len(ids), {type(id) for id in ids}), (20, {str}))

    async def test_that_exists_is_a_conflict_and_leaves_the_first_as_it_was(self):
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    self.scheduler.start()
                else:
                    self.scheduler.add_job(nothing, "cron", hour=5, id="a")
                expected = "ConflictIdError: id='a': there is a job with that id in store 'default'; give another id, or replace_existing=True"
                self.assertEqual(
                    complaint(self.scheduler.add_job, nothing, "cron", hour=6, id="a"), expected
                )
                with self.assertRaises(KeyError):
                    self.scheduler.add_job(nothing, id="a")
                self.assertEqual(
                    [str(job.trigger) for job in self.scheduler.get_jobs()], ["cron[hour='5']"]
                )

    async def test_may_be_the_same_in_two_stores(self):
        self.scheduler.add_store("memory", "other")
        for running in (False, True):
            with self.subTest(running=running):
                if running:
                    self.scheduler.start()
                else:
                    self.scheduler.add_job(nothing, "cron", hour=5, id="a", name="first")
                    self.scheduler.add_job(
                        nothing, "cron", hour=5, id="a", name="second", store="other"
                    )
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
        scheduler.add_job(
            double, trigger, args=[1], id="a", name="new", replace_existing=True, **options
        )
        if not running:
            scheduler.start(paused=True)
        found = scheduler.get_jobs()
        return [
            (job.name, job.fn, job.args, job.next_run_time and f"{job.next_run_time:%H:%M:%S}")
            for job in found
        ]

    async def test_keeps_the_next_run_time_with_the_same_trigger(self):
        self.assertEqual(
            self.replaced(True, "interval", minutes=10), [("new", double, (1,), "00:10:00")]
        )

    async def test_keeps_the_grid_that_a_first_run_time_has_started(self):
        runs = []
        for start in ("2026-01-01 00:00", "2026-01-01 00:17"):
            self.clock.set(at(start))
            self.scheduler.add_job(
                lambda: runs.append(self.now()),
                "interval",
                minutes=10,
                id="a",
                replace_existing=True,
                **({"next_run_time": "2026-01-01 00:03"} if not runs else {}),
            )
            self.scheduler.start()
            await asyncio.sleep(15 * 60)
            await self.scheduler.shutdown()
        self.assertEqual(runs, ["00:03:00", "00:13:00", "00:23:00"])

    async def test_of_a_date_that_has_passed_runs_it_where_there_is_one(self):
        """It is not taken for one that has run: that would be gone."""
        for running in (True, False):
            with self.subTest(running=running):
                scheduler, runs = self.make_scheduler(), []
                scheduler.start(paused=True)
                options = {"id": "a", "replace_existing": True}
                scheduler.add_job(runs.append, "cron", year=2030, args=["old"], **options)
                await scheduler.shutdown()
                if running:
                    scheduler.start()
                scheduler.add_job(runs.append, run_at="2025-12-31", args=["new"], **options)
                if not running:
                    scheduler.start()
                await asyncio.sleep(1)
                self.assertEqual(runs, ["new"])

    async def test_of_what_runs_again_runs_it_however_late(self):
        runs = []
        self.scheduler.start()
        self.scheduler.add_job(
            lambda: runs.append(self.now()),
            "cron",
            hour=8,
            id="a",
            replace_existing=True,
            next_run_time="2025-12-31",
        )
        await asyncio.sleep(9 * 3600)
        self.assertEqual(runs, ["00:00:00", "08:00:00"])

    async def test_computes_it_with_another_trigger(self):
        for running in (True, False):
            with self.subTest(running=running):
                self.assertEqual(self.replaced(running, "cron", minute=30)[0][3], "00:30:00")

    async def test_sets_it_where_it_is_given(self):
        for running in (True, False):
            with self.subTest(running=running):
                again = self.replaced(
                    running, "interval", minutes=10, next_run_time="2026-01-01 05:00"
                )
                self.assertEqual(again[0][3], "05:00:00")
                self.assertEqual(
                    self.replaced(running, "interval", minutes=10, next_run_time=None)[0][3], None
                )

    async def test_does_not_resume_a_paused_job(self):
        self.assertEqual(
            self.replaced(True, "interval", asyncz.Job.pause, minutes=10),
            [("new", double, (1,), None)],
        )

    async def test_runs_what_fell_into_the_down_time(self):
        runs = []
        for _ in range(2):
            self.scheduler.add_job(
                lambda: runs.append(self.now()),
                "interval",
                minutes=10,
                id="a",
                replace_existing=True,
            )
            self.scheduler.start()
            await asyncio.sleep(601)
            await self.scheduler.shutdown()
            await asyncio.sleep(25 * 60)
        self.assertEqual(runs, ["00:10:00", "00:35:01", "00:40:00"])

    async def test_adds_it_where_there_is_none(self):
        self.scheduler.start(paused=True)
        job = self.scheduler.add_job(
            nothing, "interval", minutes=10, id="new", replace_existing=True
        )
        self.assertEqual(
            (self.scheduler.get_jobs(), str(job.next_run_time)),
            ([job], "2026-01-01 00:10:00+00:00"),
        )


class TestBeforeStart(VirtualTimeTestCase):
    # fmt: off
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
    # fmt: on

    async def test_everything_is_as_after_it(self):
        for name, operation in self.OPERATIONS.items():
            with self.subTest(name):
                results = []
                for running in (False, True):
                    self.clock.set(at(self.START))
                    scheduler = self.make_scheduler()
                    codes = []
                    prepare(scheduler)
                    if running:
                        scheduler.start(paused=True)
                    self.step_clock(10)
                    scheduler.add_listener(
                        lambda event, codes=codes: codes.append(code_name(event.code))
                    )
                    try:
                        result = operation(scheduler)
                    except Exception as error:
                        result = f"{type(error).__name__}: {error}"
                    if isinstance(result, asyncz.Job):
                        self.assertEqual(
                            result.pending, not running and scheduler.get_job(result.id) is result
                        )
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
        self.assertEqual(
            left,
            [("once", "02:00:00"), ("noon", "13:00:00"), ("tick", ""), ("past", ""), ("ends", "")],
        )

    async def test_a_job_resumed_runs_by_its_trigger(self):
        runs = []
        job = self.scheduler.add_job(
            lambda: runs.append(self.now()), "interval", minutes=1, next_run_time=None
        )
        job.resume()
        self.scheduler.start()
        await asyncio.sleep(121)
        self.assertEqual(runs, ["00:01:00", "00:02:00"])


class TestStoppedScheduler(FileTestCase):
    """Its methods work on what is stored."""

    def setUp(self):
        super().setUp()
        with self.make_scheduler() as scheduler:
            scheduler.add_job("builtins:int", "interval", hours=1, id="report", name="the report")
            scheduler.add_job("builtins:int", "cron", hour=3, id="night")

    def test_lists_and_finds_jobs(self):
        scheduler = self.make_scheduler()
        self.assertEqual(sorted(job.id for job in scheduler.get_jobs()), ["night", "report"])
        self.assertEqual(scheduler.get_job("report").name, "the report")
        self.assertEqual(len(scheduler.upcoming(5)), 5)
        self.assertEqual(str(scheduler), "AsyncIOScheduler: stopped, 0 jobs, next run: none")

    def test_changes_them(self):
        scheduler = self.make_scheduler()
        scheduler.pause_job("report")
        scheduler.update_job("night", name="at night")
        scheduler.reschedule_job("night", trigger="cron", hour=4)
        again = self.make_scheduler()
        self.assertIsNone(again.get_job("report").next_run_time)
        night = again.get_job("night")
        self.assertEqual((night.name, night.next_run_time.hour), ("at night", 4))
        scheduler.get_job("report").resume()
        self.assertIsNotNone(again.get_job("report").next_run_time)
        scheduler.delete_job("night")
        self.assertEqual([job.id for job in again.get_jobs()], ["report"])
        scheduler.remove_all_jobs()
        self.assertEqual(again.get_jobs(), [])

    def test_says_of_an_id_that_is_not_there_what_is(self):
        with self.assertRaisesRegex(
            asyncz.JobLookupError, "job_id='raport': no such job; did you mean 'report'?"
        ):
            self.make_scheduler().pause_job("raport")

    def test_makes_no_file_no_thread_and_no_lease_by_reading(self):
        path = f"{self.path} that is not there"
        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(path)})
        before = set(threading.enumerate())
        self.assertEqual(
            (scheduler.get_jobs(), scheduler.get_job("x"), scheduler.upcoming()), ([], None, [])
        )
        self.assertEqual((os.path.exists(path), {*threading.enumerate()} - before), (False, set()))

    def test_sees_one_job_where_one_that_waits_is_stored(self):
        scheduler = self.make_scheduler()
        add_again = functools.partial(
            scheduler.add_job,
            *("builtins:int", "interval"),
            hours=1,
            id="report",
            replace_existing=True,
        )
        stored = scheduler.get_job("report").next_run_time
        self.assertTrue(add_again().pending)
        self.assertEqual([job.id for job in scheduler.get_jobs()].count("report"), 1)
        self.assertEqual(scheduler.get_job("report").next_run_time, stored)
        scheduler.pause_job("report")
        with scheduler:
            self.assertIsNone(scheduler.get_job("report").next_run_time)
        scheduler.resume_job("report")
        add_again()
        scheduler.delete_job("report")
        with scheduler:
            self.assertIsNone(scheduler.get_job("report"))

    def test_simulates_what_is_stored_without_writing(self):
        scheduler = self.make_scheduler()
        before = self.path.read_bytes()
        events = asyncz.simulate(scheduler, "2026-01-01", "2026-01-02")
        counts = {id: sum(event.job_id == id for event in events) for id in ("report", "night")}
        self.assertEqual(counts, {"report": 24, "night": 1})
        self.assertEqual(self.path.read_bytes(), before)

    def test_opens_a_store_of_the_users_for_a_question(self):
        class Opened(DictStore):
            opened = 0

            def start(self, scheduler, alias):
                Opened.opened += 1
                calls.append("start")

            def shutdown(self):
                Opened.opened -= 1
                calls.append("shutdown")

            def get_all_jobs(self):
                calls.append("get_all_jobs" if Opened.opened else "get_all_jobs of a closed store")
                return super().get_all_jobs()

        calls = []
        scheduler = asyncz.AsyncIOScheduler(stores={"default": Opened()})
        self.assertEqual(scheduler.get_jobs(), [])
        self.assertEqual(calls, ["start", "get_all_jobs", "shutdown"])
        repr(scheduler)
        self.assertEqual(len(calls), 3)


class TestUpdateJob(VirtualTimeTestCase):
    async def test_shows_in_the_job_that_is_held(self):
        self.scheduler.start(paused=True)
        job = self.scheduler.add_job(double, "interval", minutes=1, args=[1])
        changed = self.scheduler.update_job(
            job.id,
            fn=double_soon,
            name="new",
            args=[2],
            coalesce=False,
            max_instances=3,
            mistrigger_grace_time=9,
        )
        self.assertIs(changed, job)
        self.assertEqual(
            (job.fn, job.name, job.args, job.coalesce), (double_soon, "new", (2,), False)
        )
        self.assertEqual(
            (job.max_instances, job.mistrigger_grace_time, str(job.next_run_time)),
            (3, 9, "2026-01-01 00:01:00+00:00"),
        )

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
        self.assertEqual(
            (said, job.name), ("ValueError: max_instances=0: not a whole number from 1", "double")
        )

    async def test_of_the_executor_needs_one_that_is_there(self):
        self.scheduler.start(paused=True)
        self.scheduler.add_job(nothing, "interval", minutes=1, id="a")
        said = complaint(self.scheduler.update_job, "a", executor="defualt")
        self.assertEqual(
            said,
            "LookupError: executor='defualt': no such executor; did you mean 'default'?; there are 'default'",
        )

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


class TestRescheduleJob(VirtualTimeTestCase):
    async def test_gives_another_trigger(self):
        job = self.scheduler.add_job(nothing, "cron", hour=8, id="a")
        reschedule = self.scheduler.reschedule_job
        rows = [
            (lambda: reschedule("a", "interval", minutes=5), "interval[0:05:00]", "00:05:00"),
            (lambda: reschedule("a", trigger="cron", hour=9), "cron[hour='9']", "09:00:00"),
            (lambda: reschedule("a", CronTrigger(hour=7)), "cron[hour='7']", "07:00:00"),
            (lambda: job.reschedule("cron", hour=6), "cron[hour='6']", "06:00:00"),
            (
                lambda: reschedule("a", "cron", store="default", hour=5),
                "cron[hour='5']",
                "05:00:00",
            ),
        ]
        for call, shown, following in rows:
            with self.subTest(shown):
                self.assertIs(call(), job)
                self.assertEqual(
                    (str(job.trigger), f"{job.next_run_time:%H:%M:%S}"), (shown, following)
                )

    async def test_without_a_trigger_changes_the_arguments_that_are_given(self):
        end = {"end_at": "2027-01-01", "jitter": 5, "timezone": "Europe/Paris"}
        # fmt: off
        rows = [
            (IntervalTrigger(seconds=90, **end), {"minutes": 5}, IntervalTrigger(minutes=5, **end)),
            (IntervalTrigger(hours=2, minutes=3), {"hours": 1}, IntervalTrigger(hours=1)),
            (IntervalTrigger(hours=2, **end), {"jitter": None, "end_at": None}, IntervalTrigger(hours=2, timezone="Europe/Paris")),
            (IntervalTrigger(hours=2), {"start_at": "2026-01-01 00:30"}, IntervalTrigger(hours=2, start_at="2026-01-01 00:30")),
            (CronTrigger(hour=8, minute=30, **end), {"hour": "9-17"}, CronTrigger(hour="9-17", minute=30, **end)),
            (CronTrigger(hour=8, **end), {"minute": 5, "hour": None}, CronTrigger(minute=5, **end)),
            (CronTrigger(hour=8), {"jitter": 3}, CronTrigger(hour=8, jitter=3)),
            (DateTrigger("2026-03-01", timezone="UTC"), {"run_at": "2026-04-01"}, DateTrigger("2026-04-01", timezone="UTC")),
            (DateTrigger("2026-03-01"), {"run_at": timedelta(hours=1)}, DateTrigger(timedelta(hours=1))),
        ]
        # fmt: on
        for running in (False, True):
            for trigger, arguments, expected in rows:
                with self.subTest(trigger, running=running, **arguments):
                    scheduler = self.make_scheduler()
                    if running:
                        scheduler.start(paused=True)
                    job = scheduler.add_job(nothing, trigger, id="a")
                    scheduler.reschedule_job("a", **arguments)
                    self.assertEqual(job.trigger, expected)
                    like = scheduler.add_job(nothing, expected)
                    late = (job.next_run_time - like.next_run_time).total_seconds()
                    self.assertLessEqual(abs(late), 5 if expected.jitter else 0)
                    job.reschedule(**arguments)
                    self.assertEqual(job.trigger, expected)

    async def test_changes_what_is_there_by_then(self):
        """Not what was there when it was asked for: somebody else may be faster."""

        class Racing(CopyingStore):
            def lookup_job(self, job_id):
                job = super().lookup_job(job_id)
                if faster:
                    faster.pop()()
                return job

        self.scheduler.add_store(Racing(), "racing")
        self.scheduler.start(paused=True)
        faster: list[Callable[[], object]] = []
        self.scheduler.add_job(nothing, "cron", hour=8, id="a", store="racing")
        faster.append(lambda: self.scheduler.reschedule_job("a", minute=5))
        job = self.scheduler.reschedule_job("a", hour=9)
        self.assertEqual(str(job.trigger), "cron[hour='9', minute='5']")

    async def test_leaves_a_paused_job_paused(self):
        job = self.scheduler.add_job(nothing, "interval", minutes=1, next_run_time=None)
        job.reschedule(minutes=5)
        self.assertEqual((str(job.trigger), job.next_run_time), ("interval[0:05:00]", None))

    async def test_says_what_to_write(self):
        class Odd(BaseTrigger):
            def __init__(self):
                self.hour = 8

            def get_next_trigger_time(self, previous_time, now):
                return (previous_time or now) + timedelta(hours=1)

            def __str__(self):
                return "odd"

        triggers = {
            "cron": CronTrigger(hour=8),
            "line": from_crontab("0 8 * * *"),
            "interval": IntervalTrigger(hours=8),
            "and": AndTrigger([CronTrigger(hour=8)]),
            "odd": Odd(),
        }
        for id, trigger in triggers.items():
            self.scheduler.add_job(nothing, trigger, id=id)
        anew = "give a new trigger, such as trigger='cron', hour=8"
        there = "is where the trigger comes; give a store by its name, as in reschedule_job('id', 'interval', minutes=5, store='default')"
        has_not = "reschedule_job with the trigger 'interval' has no such argument"
        # fmt: off
        rows = [
            (("cron",), {}, "reschedule_job: nothing to change; give a trigger, or arguments of the present one, such as minutes=5"),
            (("line",), {"hour": 9}, f"reschedule_job: cron['0 8 * * *'] can't be changed by 'hour'; {anew}"),
            (("and",), {"jitter": 9}, f"reschedule_job: and[cron[hour='8']] can't be changed by 'jitter'; {anew}"),
            (("odd",), {"hour": 9}, f"reschedule_job: odd can't be changed by 'hour'; {anew}"),
            (("interval",), {"minute": 9}, f"minute: {has_not}; 'cron' has it, and 'interval' has minutes=5"),
            (("cron", "default"), {"trigger": "interval", "minutes": 5}, f"reschedule_job: 'default' {there}"),
            (("cron", "default", "interval"), {"minutes": 5}, f"reschedule_job: 'default' {there}"),
            (("cron", None, "interval"), {"minutes": 5}, f"reschedule_job: None {there}"),
        ]
        # fmt: on
        for given, arguments, expected in rows:
            with self.subTest(given, **arguments):
                said = complaint(self.scheduler.reschedule_job, *given, **arguments)
                self.assertEqual(said, f"TypeError: {expected}")
        self.assertEqual({job.id: job.trigger for job in self.scheduler.get_jobs()}, triggers)
        # What is said to write, works.
        self.scheduler.reschedule_job("line", trigger="cron", hour=8)
        self.scheduler.reschedule_job("cron", "interval", minutes=5, store="default")
        self.assertEqual(
            [str(self.scheduler.get_job(id).trigger) for id in ("line", "cron")],
            ["cron[hour='8']", "interval[0:05:00]"],
        )

    async def test_shows_its_parameters(self):
        signature = inspect.signature(self.scheduler.reschedule_job)
        self.assertEqual(
            [(name, it.kind.name, it.default) for name, it in signature.parameters.items()],
            [
                ("job_id", "POSITIONAL_OR_KEYWORD", inspect.Parameter.empty),
                ("trigger", "POSITIONAL_OR_KEYWORD", None),
                ("store", "KEYWORD_ONLY", None),
                ("trigger_args", "VAR_KEYWORD", inspect.Parameter.empty),
            ],
        )


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

    async def test_of_a_one_off_whose_time_passed_ends_with_its_run(self):
        events = []
        job = self.scheduler.add_job(nothing, "date", run_at="2026-01-01 00:10", id="once")
        self.scheduler.start()
        job.pause()
        await asyncio.sleep(3600)
        self.scheduler.add_listener(lambda event: events.append(code_name(event.code)))
        self.assertEqual(self.scheduler.resume_job("once"), job)
        await asyncio.sleep(1)
        ran = ["JOB_MODIFIED", "JOB_REMOVED", "JOB_SUBMITTED", "JOB_EXECUTED"]
        self.assertEqual((self.scheduler.get_job("once"), events), (None, ran))

    async def test_of_a_one_off_whose_time_is_to_come_keeps_it(self):
        runs = []
        job = self.scheduler.add_job(
            lambda: runs.append(self.now()), "date", run_at="2026-01-01 00:10"
        )
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

    async def test_of_a_one_off_whose_time_passed_is_over_at_once_by_a_run_or_a_miss(self):
        for grace, expected in (
            (None, ["JOB_EXECUTED"]),
            (7200, ["JOB_EXECUTED"]),
            (60, ["JOB_MISSED"]),
        ):
            with self.subTest(grace=grace):
                scheduler, events = self.make_scheduler(), []
                scheduler.add_listener(
                    lambda event, events=events: events.append(code_name(event.code)),
                    asyncz.JOB_EXECUTED | asyncz.JOB_MISSED,
                )
                scheduler.start()
                run_at = self.clock.now() + timedelta(minutes=10)
                job = scheduler.add_job(nothing, "date", run_at=run_at, mistrigger_grace_time=grace)
                job.pause()
                await asyncio.sleep(3600)
                self.assertEqual(job.resume(), job)
                await asyncio.sleep(1)
                self.assertEqual(events, expected)
                await scheduler.shutdown()


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
            self.scheduler.add_job(nothing, "interval", minutes=1, id="ticks")
            job.delete()
            for verb in (
                job.pause,
                job.resume,
                job.delete,
                job.update,
                lambda: job.reschedule("date"),
            ):
                with self.subTest(verb=verb, running=running):
                    expected = "JobLookupError: job_id='tick': no such job in store 'default'; did you mean 'ticks'?"
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
        self.assertEqual(
            [(job.id, job.store_alias) for job in self.scheduler.get_jobs()], [("b", "other")]
        )
        said = complaint(self.scheduler.get_jobs, "othre")
        self.assertEqual(
            said,
            "LookupError: store='othre': no such store; did you mean 'other'?; there are 'default', 'other'",
        )


class TestGetJobs(VirtualTimeTestCase):
    async def test_is_by_next_run_time_with_the_paused_last(self):
        for running in (False, True):
            with self.subTest(running=running):
                scheduler = self.make_scheduler()
                prepare(scheduler)
                if running:
                    scheduler.start(paused=True)
                self.assertEqual(
                    [job.id for job in scheduler.get_jobs()],
                    ["tick", "once", "noon", "idle", "past", "ends"],
                )


class TestUpcoming(VirtualTimeTestCase):
    async def test_merges_the_runs_of_all_jobs(self):
        self.scheduler.add_job(nothing, "interval", minutes=20, id="a")
        self.scheduler.add_job(nothing, "cron", minute=30, id="b")
        self.scheduler.add_job(nothing, "date", run_at="2026-01-01 00:25", id="c")
        self.scheduler.add_job(nothing, "cron", minute=1, id="d", next_run_time=None)
        shown = [f"{job.id} {moment:%H:%M}" for moment, job in self.scheduler.upcoming(6)]
        self.assertEqual(shown, ["a 00:20", "c 00:25", "b 00:30", "a 00:40", "a 01:00", "a 01:20"])
        shown = [
            f"{job.id} {moment:%H:%M}"
            for moment, job in self.scheduler.upcoming(None, until="2026-01-01 00:30")
        ]
        self.assertEqual(shown, ["a 00:20", "c 00:25", "b 00:30"])
        self.assertEqual(len(self.scheduler.upcoming(None, until=timedelta(minutes=29))), 2)
        self.assertEqual((len(self.scheduler.upcoming()), self.scheduler.upcoming(0)), (10, []))


# === Runs in progress ===
# Runs that are asked for, and how many of a job there are at once.


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
            "paused": self.scheduler.add_job(
                double, "interval", hours=1, args=[2], next_run_time=None
            ),
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
            with (
                self.assertLogs("asyncz", "ERROR"),
                self.assertRaisesRegex(ZeroDivisionError, "^on purpose$"),
            ):
                await self.result(self.scheduler.add_job(fn, next_run_time=None))

    async def test_raises_where_as_many_run_as_may(self):
        async def slow():
            await asyncio.sleep(10)
            return "done"

        job = self.scheduler.add_job(slow, "interval", hours=1, id="a", max_instances=2)
        first, second, third = (self.scheduler.run_job("a") for _ in range(3))
        with self.assertRaises(asyncz.MaximumInstancesError) as caught:
            await asyncio.wrap_future(third)
        self.assertEqual(
            str(caught.exception),
            "job 'a': max_instances=2 are running; wait for one to end, or allow more",
        )
        self.assertEqual(
            [await asyncio.wrap_future(future) for future in (first, second)], ["done", "done"]
        )
        self.assertEqual(await self.result(job), "done")

    async def test_is_not_stopped_by_whoever_waits_for_it(self):
        ended = []

        async def slow():
            await asyncio.sleep(10)
            ended.append(self.now())
            return "done"

        job = self.scheduler.add_job(slow, "interval", hours=1)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(self.result(job)), 1)
        await asyncio.sleep(10)
        self.assertEqual(ended, ["00:00:10"])
        self.assertEqual(await self.result(job), "done")

    async def test_reports_it_as_any_run(self):
        events = []
        self.scheduler.add_listener(
            lambda event: events.append((code_name(event.code), event.job_id)),
            asyncz.JOB_EXECUTED | asyncz.JOB_SUBMITTED,
        )
        await self.result(self.scheduler.add_job(nothing, next_run_time=None, id="a"))
        self.assertEqual(events, [("JOB_SUBMITTED", "a"), ("JOB_EXECUTED", "a")])

    async def test_says_what_does_not_work(self):
        self.scheduler.add_job(nothing, next_run_time=None, id="tick")
        self.assertEqual(
            complaint(self.scheduler.run_job, "zzz"), "JobLookupError: job_id='zzz': no such job"
        )
        self.assertEqual(
            complaint(self.scheduler.run_job, "tik"),
            "JobLookupError: job_id='tik': no such job; did you mean 'tick'?",
        )
        stopped = self.make_scheduler()
        stopped.add_job(nothing, id="a")
        expected = "SchedulerNotRunningError: run_job: job 'a' can't run, the scheduler is stopped; start it first"
        self.assertEqual(complaint(stopped.run_job, "a"), expected)
        await self.scheduler.shutdown()
        self.assertEqual(
            complaint(self.scheduler.run_job, "tick"), expected.replace("'a'", "'tick'")
        )

    async def test_is_awaited(self):
        async def slow():
            await asyncio.sleep(5)
            return "done"

        job = self.scheduler.add_job(slow, next_run_time=None)
        self.assertEqual((await self.scheduler.run_job(job.id), self.now()), ("done", "00:00:05"))

    async def test_tells_who_would_wait_for_ever_what_to_write(self):
        job = self.scheduler.add_job(nothing, next_run_time=None)
        for name in ("result", "exception"):
            for arguments in ((), (1,)):
                with self.subTest(name, arguments=arguments):
                    future = self.scheduler.run_job(job.id)
                    said = (
                        rf"^{name}\(\): on the scheduler's own event loop this would wait for ever;"
                        r" write await scheduler.run_job\(...\)$"
                    )
                    with self.assertRaisesRegex(RuntimeError, said):
                        getattr(future, name)(*arguments)
                    await future
                    self.assertIsNone(getattr(future, name)(*arguments))

    async def test_ends_with_whoever_stops_to_wait_for_it(self):
        async def slow():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(self.now())

        ended = []
        job = self.scheduler.add_job(slow, next_run_time=None)
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(self.scheduler.run_job(job.id), 3)
        await asyncio.sleep(1)
        self.assertEqual((ended, job.running), (["00:00:03"], 0))
        shielded = asyncio.shield(self.scheduler.run_job(job.id))
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(shielded, 3)
        self.assertEqual(job.running, 1)
        job.cancel_runs()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1)


class TestCancelRuns(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.events = []
        self.scheduler.add_listener(
            lambda event: self.events.append(
                (code_name(event.code), type(event.exception).__name__)
            ),
            asyncz.JOB_EXECUTED | asyncz.JOB_ERROR,
        )
        self.scheduler.configure(
            executors={"default": asyncz.AsyncIOExecutor(), "one": asyncz.ThreadPoolExecutor(1)}
        )
        self.scheduler.start()

    async def test_ends_a_coroutine_in_progress_and_says_so(self):
        job = self.scheduler.add_job(
            asyncio.sleep, "interval", hours=1, args=[100], next_run_time="now"
        )
        await asyncio.sleep(1)
        with self.assertLogs("asyncz", "INFO") as logs:
            self.assertEqual((job.running, job.cancel_runs()), (1, 1))
            await asyncio.sleep(1)
        self.assertEqual((job.running, self.events), (0, [("JOB_ERROR", "CancelledError")]))
        self.assertEqual((job.last_run.outcome, job.last_run.error), ("error", "CancelledError"))
        self.assertRegex(
            logs.output[0],
            "^INFO:asyncz:job '.*' in store 'default' was cancelled; it stays scheduled",
        )
        self.assertNotIn("Traceback", logs.output[0])
        self.assertEqual(self.scheduler.cancel_runs(job.id), 0)
        with self.assertRaises(asyncz.JobLookupError):
            self.scheduler.cancel_runs("nope")

    async def test_is_what_cancel_of_a_future_does(self):
        job = self.scheduler.add_job(asyncio.sleep, args=[100], next_run_time=None)
        future = self.scheduler.run_job(job.id)
        await asyncio.sleep(1)
        self.assertTrue(future.cancel())
        self.assertFalse(future.done())
        await asyncio.sleep(1)
        self.assertTrue(future.done())
        self.assertIsInstance(future.exception(), asyncio.CancelledError)
        self.assertFalse(future.cancel())
        self.assertEqual(self.events, [("JOB_ERROR", "CancelledError")])

    async def test_at_once_is_of_a_run_that_did_not_begin(self):
        async def fn():
            ran.append(1)

        ran = []
        job = self.scheduler.add_job(fn, next_run_time=None)
        self.assertTrue(self.scheduler.run_job(job.id).cancel())
        await asyncio.sleep(1)
        self.assertEqual(
            (ran, self.events, job.running), ([], [("JOB_ERROR", "CancelledError")], 0)
        )

    async def test_takes_back_what_waits_for_a_thread_but_not_what_runs_in_one(self):
        hold, began, ran = threading.Event(), threading.Event(), []

        def first():
            began.set()
            hold.wait(10)

        running = self.scheduler.add_job(first, executor="one", next_run_time=None)
        waiting = self.scheduler.add_job(ran.append, args=[1], executor="one", next_run_time=None)
        one = self.scheduler.run_job(running.id)
        self.assertTrue(await becomes(began.is_set))
        two = self.scheduler.run_job(waiting.id)
        self.assertTrue(await becomes(lambda: waiting.running))
        for _ in range(5):
            await asyncio.sleep(0)
        self.assertEqual((one.cancel(), two.cancel()), (False, True))
        with self.assertRaises(asyncio.CancelledError):
            await two
        hold.set()
        self.assertIsNone(await one)
        self.assertEqual(ran, [])

    async def test_gives_the_rest_of_a_backlog_up(self):
        calls = []

        async def slow():
            calls.append(asyncz.current_run().scheduled_run_time)
            await asyncio.sleep(5)

        self.scheduler.pause()
        job = self.scheduler.add_job(slow, "interval", seconds=10, coalesce=False)
        await asyncio.sleep(65)
        self.scheduler.resume()
        await asyncio.sleep(7)
        self.assertEqual((len(calls), job.cancel_runs()), (2, 1))
        job.pause()
        await asyncio.sleep(100)
        self.assertEqual(len(calls), 2)


class TestLogOfARun(VirtualTimeTestCase):
    async def test_says_of_a_failure_whether_there_is_another_run(self):
        async def fail():
            raise ValueError("on purpose")

        self.scheduler.start()
        with self.assertLogs("asyncz", "ERROR") as logs:
            self.scheduler.add_job(fail, "interval", hours=1, id="a", next_run_time="now")
            self.scheduler.add_job(fail, id="b")
            await asyncio.sleep(1)
        where = "in store 'default' raised;"
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                f"job 'a' {where} it stays scheduled, next run 2026-01-01 01:00:00 UTC",
                f"job 'b' {where} no further run",
            ],
        )


class TestTimeout(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.events = []
        self.scheduler.add_listener(
            lambda event: self.events.append(
                (self.now(), code_name(event.code), str(event.exception or event.return_value))
            ),
            asyncz.JOB_EXECUTED | asyncz.JOB_ERROR,
        )
        self.scheduler.start()

    async def test_ends_a_coroutine(self):
        cleaned = []

        async def slow():
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(1)
                cleaned.append(self.now())

        job = self.scheduler.add_job(slow, "interval", minutes=10, timeout=5, id="a")
        await asyncio.sleep(604)
        self.assertEqual(job.running, 1)
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(3)
        text = "job 'a': its run took longer than its timeout of 5 s"
        self.assertEqual(self.events, [("00:10:06", "JOB_ERROR", text)])
        self.assertEqual((cleaned, job.running), (["00:10:06"], 0))
        self.assertEqual(job.last_run.error, f"RunTimeoutError: {text}")
        self.assertEqual(job.next_run_time, at("2026-01-01 00:20"))
        # Without a traceback, which would end in asyncz.
        message = (
            "job 'a' in store 'default' took longer than its timeout of 5 s; it stays scheduled"
        )
        self.assertEqual(
            [
                (record.getMessage().partition(", next")[0], record.exc_info)
                for record in logs.records
            ],
            [(message, None)],
        )

    async def test_lets_what_is_in_time_be(self):
        async def quick(seconds):
            await asyncio.sleep(seconds)
            if seconds == 3:
                raise TimeoutError("its own")
            return seconds

        for seconds in (0, 2, 3):
            self.scheduler.add_job(quick, args=[seconds], timeout=5)
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(10)
        self.assertEqual(
            self.events,
            [
                ("00:00:00", "JOB_EXECUTED", "0"),
                ("00:00:02", "JOB_EXECUTED", "2"),
                ("00:00:03", "JOB_ERROR", "its own"),
            ],
        )

    async def test_is_not_what_a_coroutine_returns_that_will_not_be_cancelled(self):
        async def stubborn():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(100)
            return "late"

        self.scheduler.add_job(stubborn, timeout=5)
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(10)
        self.assertEqual([event[:2] for event in self.events], [("00:00:05", "JOB_ERROR")])

    async def test_does_not_let_an_exit_end_the_loop(self):
        async def leave():
            sys.exit(3)

        self.scheduler.add_job(leave, timeout=5)
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(1)
        self.assertEqual(self.events, [("00:00:00", "JOB_ERROR", "3")])

    async def test_is_what_run_job_raises(self):
        job = self.scheduler.add_job(asyncio.sleep, args=[100], timeout=5, next_run_time=None)
        with (
            self.assertLogs("asyncz", "ERROR"),
            self.assertRaises(asyncz.RunTimeoutError) as caught,
        ):
            await self.scheduler.run_job(job.id)
        self.assertIsInstance(caught.exception, TimeoutError)

    async def test_of_a_run_that_is_cancelled_is_over(self):
        job = self.scheduler.add_job(asyncio.sleep, args=[100], timeout=50)
        await asyncio.sleep(1)
        self.assertEqual(job.cancel_runs(), 1)
        await asyncio.sleep(100)
        self.assertEqual([event[:2] for event in self.events], [("00:00:01", "JOB_ERROR")])


class TestTimeoutInAThread(unittest.TestCase):
    def test_frees_the_slot_of_the_job_but_not_the_thread(self):
        go, events = threading.Event(), []
        self.addCleanup(go.set)
        for executor in (asyncz.AsyncIOExecutor(), asyncz.ThreadPoolExecutor(1)):
            executor._slots = executor._max_workers = 1
            go.clear()
            events.clear()
            with self.subTest(executor=type(executor).__name__), self.assertLogs("asyncz", "ERROR"):
                scheduler = asyncz.AsyncIOScheduler(executors={"default": executor})
                scheduler.add_listener(events.append, asyncz.JOB_EXECUTED | asyncz.JOB_ERROR)
                scheduler.start()
                stuck = scheduler.add_job(
                    lambda: go.wait(20), "interval", hours=1, next_run_time="now", timeout=0.1
                )
                self.assertTrue(wait_until(lambda: events))
                self.assertEqual(
                    (type(events[0].exception), stuck.running), (asyncz.RunTimeoutError, 0)
                )
                # It waits for the thread, and its own time only begins then.
                other = scheduler.add_job(lambda: "ran", timeout=0.2, id="other")
                self.assertTrue(wait_until(lambda: other.running))
                time.sleep(0.3)
                self.assertEqual(len(events), 1)
                go.set()
                self.assertTrue(wait_until(lambda: len(events) == 2))
                # What the stuck one returned late is not told of.
                self.assertEqual((events[1].job_id, events[1].return_value), ("other", "ran"))
                scheduler.shutdown()
                self.assertEqual(len(events), 2)


class TestRetries(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.events, self.calls = [], []
        self.scheduler.add_listener(
            lambda event: self.events.append(
                (self.now(), code_name(event.code), event.attempt, event.final)
            ),
            asyncz.JOB_EXECUTED | asyncz.JOB_ERROR,
        )
        self.scheduler.start()

    async def flaky(self, failures):
        self.calls.append((self.now(), asyncz.current_run().attempt))
        if len(self.calls) <= failures:
            raise OSError("not there")
        return "done"

    async def test_are_made_after_longer_and_longer_times_until_one_is_well(self):
        job = self.scheduler.add_job(
            self.flaky,
            "interval",
            hours=1,
            next_run_time="now",
            args=[2],
            retries=5,
            retry_delay=10,
        )
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(100)
        self.assertEqual(
            self.events,
            [
                ("00:00:00", "JOB_ERROR", 1, False),
                ("00:00:10", "JOB_ERROR", 2, False),
                ("00:00:30", "JOB_EXECUTED", 3, True),
            ],
        )
        self.assertEqual(self.calls, [("00:00:00", 1), ("00:00:10", 2), ("00:00:30", 3)])
        self.assertEqual((job.last_run.outcome, job.last_run.attempt), ("executed", 3))
        self.assertRegex(
            logs.records[0].getMessage(), "raised; it is tried again in 10 s, for attempt 2$"
        )

    async def test_end_with_the_last_error(self):
        job = self.scheduler.add_job(self.flaky, args=[9], retries=2, next_run_time=None)
        with self.assertLogs("asyncz", "ERROR") as logs:
            future = self.scheduler.run_job(job.id)
            await asyncio.sleep(2)
            self.assertEqual((future.done(), job.running), (False, 1))
            with self.assertRaises(OSError):
                await future
        self.assertEqual(
            self.events,
            [
                ("00:00:00", "JOB_ERROR", 1, False),
                ("00:00:01", "JOB_ERROR", 2, False),
                ("00:00:03", "JOB_ERROR", 3, True),
            ],
        )
        self.assertEqual((len(logs.records), job.running), (3, 0))

    async def test_are_given_up_by_a_shutdown(self):
        for wait in (True, False):
            with self.subTest(wait=wait):
                self.calls.clear()
                self.events.clear()
                self.scheduler.add_job(self.flaky, args=[9], retries=3, retry_delay=600)
                with self.assertLogs("asyncz", "ERROR"):
                    await asyncio.sleep(1)
                    before = self.now()
                    await self.scheduler.shutdown(wait)
                self.assertEqual((self.now(), len(self.calls)), (before, 1))
                self.assertEqual([event[1:] for event in self.events][-1], ("JOB_ERROR", 1, True))
                self.scheduler.start()

    async def test_are_given_up_when_the_run_is_cancelled(self):
        job = self.scheduler.add_job(
            self.flaky,
            "interval",
            hours=1,
            next_run_time="now",
            args=[9],
            retries=3,
            retry_delay=600,
        )
        with self.assertLogs("asyncz", "INFO"):
            await asyncio.sleep(1)
            self.assertEqual((job.running, job.cancel_runs()), (1, 1))
            await asyncio.sleep(1)
        self.assertEqual(
            (job.running, job.last_run.error, len(self.calls)), (0, "CancelledError", 1)
        )

    async def test_hold_one_instance_all_the_while(self):
        skipped = []
        self.scheduler.add_listener(skipped.append, asyncz.JOB_MAX_INSTANCES)
        self.scheduler.add_job(
            self.flaky, "interval", minutes=1, args=[1], retries=1, retry_delay=90
        )
        with self.assertLogs("asyncz", "WARNING"):
            await asyncio.sleep(181)
        self.assertEqual([call[0] for call in self.calls], ["00:01:00", "00:02:30", "00:03:00"])
        self.assertEqual(len(skipped), 1)

    async def test_follow_a_timeout_and_count_for_each_time_of_a_backlog(self):
        async def slow():
            self.calls.append((self.now(), asyncz.current_run().attempt))
            if len(self.calls) % 2:
                await asyncio.sleep(100)

        self.scheduler.pause()
        self.scheduler.add_job(
            slow, "interval", minutes=1, coalesce=False, timeout=5, retries=1, id="a"
        )
        await asyncio.sleep(121)
        self.scheduler.resume()
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(20)
        self.assertEqual(
            self.calls, [("00:02:01", 1), ("00:02:07", 2), ("00:02:07", 1), ("00:02:13", 2)]
        )


class TestHistory(VirtualTimeTestCase):
    async def test_is_of_what_ended_the_latest_first(self):
        async def work(seconds):
            await asyncio.sleep(seconds)
            if seconds == 1:
                raise ValueError("on purpose")

        self.scheduler.add_job(work, args=[1], id="fails")
        self.scheduler.add_job(work, "interval", seconds=20, args=[30], id="long")
        self.scheduler.add_job(
            work, "date", run_at="2025-12-31", args=[1], id="late", mistrigger_grace_time=5
        )
        with self.assertLogs("asyncz", "WARNING"):
            self.scheduler.start()
            await asyncio.sleep(55)
        found = [
            (run.job_id, run.store, run.outcome, run.error, run.scheduled_run_time.second)
            for run in self.scheduler.history()
        ]
        self.assertEqual(
            found,
            [
                ("long", "default", "executed", None, 20),
                ("long", "default", "skipped", None, 40),
                ("fails", "default", "error", "ValueError: on purpose", 0),
                ("late", "default", "missed", None, 0),
            ],
        )
        self.assertEqual(
            [run.outcome for run in self.scheduler.history("long", limit=1)], ["executed"]
        )
        run = self.scheduler.history("fails")[0]
        self.assertEqual(
            (run.finished_at - run.started_at, run.job.id), (timedelta(seconds=1), "fails")
        )
        missed = self.scheduler.history("late")[0]
        self.assertEqual((missed.started_at, missed.finished_at.second), (None, 0))
        self.assertEqual(self.scheduler.history("nope"), [])

    async def test_keeps_the_last_of_them(self):
        for size, given in ((1000, {}), (3, {"history_size": 3}), (0, {"history_size": 0})):
            with self.subTest(size=size):
                scheduler = self.make_scheduler(**given)
                job = scheduler.add_job(asyncio.sleep, args=[0], next_run_time=None)
                scheduler.start()
                for _ in range(size + 5):
                    await scheduler.run_job(job.id)
                self.assertEqual(len(scheduler.history(limit=None)), size)
                self.assertEqual(len(scheduler.history()), min(size, 100))

    async def test_size_can_be_configured_later_and_as_a_text(self):
        scheduler = self.make_scheduler()
        job = scheduler.add_job(asyncio.sleep, args=[0], next_run_time=None)
        scheduler.start()
        for _ in range(5):
            await scheduler.run_job(job.id)
        await scheduler.shutdown()
        scheduler.configure({"asyncz.history_size": "2"})
        self.assertEqual(len(scheduler.history()), 2)
        with self.assertRaisesRegex(ValueError, "^history_size=-1: not a whole number from 0$"):
            scheduler.configure(history_size=-1)


class TestWarningsOfRunsThatDoNotBegin(VirtualTimeTestCase):
    async def test_come_once_a_minute_and_say_what_is_in_progress(self):
        self.scheduler.add_job(
            asyncio.sleep, "interval", seconds=1, args=[1000], id="a", next_run_time="now"
        )
        self.scheduler.start()
        with self.assertLogs("asyncz", "WARNING") as logs:
            await asyncio.sleep(130.5)
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                f"job 'a' in store 'default' skipped: 1 running already, the oldest for {seconds} s"
                for seconds in (1, 61, 121)
            ],
        )


class Case(NamedTuple):
    """A job that is due each 100 s: what it is given, what its calls do, what is done, and seen."""

    options: dict[str, Any]
    # How many seconds each takes; "!": and then fails, "?": or fails when it is cancelled. After
    # these, none.
    calls: str
    acts: dict[float, str]  # at which second: a method of the test that is called `do_...`
    seen: str  # each call, with the number of the try, and each end, with "again" if a try follows
    kinds: tuple[str, ...] = ("coroutine", "thread")
    stores: tuple[str, ...] = ("memory", "SQLite")


class Death(NamedTuple):
    """A job that fails, in a process that dies after its second try; and how its run ends."""

    options: dict[str, Any]
    seen: list[str]


DIES = """
import asyncz, json, os, sys
stores = {"default": asyncz.SQLiteStore(sys.argv[1])}
scheduler = asyncz.AsyncIOScheduler(stores=stores)
scheduler.add_listener(lambda event: event.attempt == 2 and os._exit(7), asyncz.JOB_ERROR)
options = json.loads(sys.argv[2])
run = {"args": [1, 0], "next_run_time": "now", "id": "a", **options}
scheduler.add_job("operator:truediv", "interval", hours=1, **run)
scheduler.run()
"""
QUEUE: dict[str, Any] = {"overlap": "queue"}
TRIES: dict[str, Any] = {"retries": 2, "retry_delay": 10}
COROUTINE, THREAD, SHARED = ("coroutine",), ("thread",), ("SQLite",)
WELL = "200 call, 200 done"

# What is set and happens, in the words of the manual, and how it is seen.
MEETINGS: dict[str, list[Case | Death]] = {
    "`timeout`, `retries`: a try takes too long": [
        Case(
            {**TRIES, "timeout": 5},
            "9 9 3",
            {},
            "100 call, 105 timeout again, 115 call 2, 120 timeout again, 140 call 3, 143 done, "
            + WELL,
        ),
    ],
    "`timeout`: a thread takes too long": [
        Case({"timeout": 5}, "120", {}, "100 call, 105 timeout, " + WELL, THREAD),
        # It still has its place: others wait, and their time does not run meanwhile.
        Case(
            {"timeout": 5, "executor": "one"},
            "120",
            {101: "add_another"},
            "100 call, 105 timeout, 220 call another of 101, 220 another done, 220 call of 200,"
            " 220 done",
            THREAD,
        ),
    ],
    "`timeout`, `retries`: a thread takes too long": [
        # It is not called when it has been given up.
        Case(
            {"timeout": 5, "retries": 1, "executor": "one"},
            "50",
            {},
            "100 call, 105 timeout again, 111 timeout, " + WELL,
            THREAD,
        ),
        # Of two places, the second try leaves one.
        Case(
            {"timeout": 5, "retries": 1, "executor": "two"},
            "80 1 30",
            {110: "add_another", 112: "add_more"},
            "100 call, 105 timeout again, 106 call 2, 107 done, 110 call another,"
            " 140 another done, 140 call more of 112, 140 more done, " + WELL,
            THREAD,
        ),
    ],
    "`timeout`; cancelled before": [
        Case(
            {"timeout": 5},
            "50",
            {102: "cancel"},
            "100 call, 102 cancel 1, 102 cancelled, " + WELL,
            COROUTINE,
        ),
        Case(
            {"timeout": 5},
            "50",
            {102: "cancel"},
            "100 call, 102 cancel 0, 105 timeout, " + WELL,
            THREAD,
        ),
    ],
    "`timeout`; shutdown": [
        Case({"timeout": 5}, "50", {102: "shutdown"}, "100 call, 105 timeout, 105 stopped"),
        Case(
            {"timeout": 5},
            "50",
            {102: "stop", 120: "start"},
            "100 call, 102 cancelled, 102 stopped, " + WELL,
            COROUTINE,
        ),
        Case(
            {"timeout": 5},
            "50",
            {102: "stop", 120: "start"},
            "100 call, 102 stopped, " + WELL,
            THREAD,
        ),
    ],
    "`retries`; the next run falls due between two tries": [
        Case(
            {"retries": 1, "retry_delay": 120},
            "0!",
            {},
            "100 call, 100 error again, 200 skipped, 220 call 2, 220 done",
        ),
        Case(
            {**QUEUE, "retries": 1, "retry_delay": 120},
            "0!",
            {},
            "100 call, 100 error again, 220 call 2, 220 done, 220 call of 200, 220 done",
        ),
    ],
    "`retries`; paused or deleted between two tries": [
        Case(TRIES, "0!", {105: "pause"}, "100 call, 100 error again, 110 call 2, 110 done"),
        Case(TRIES, "0!", {105: "delete"}, "100 call, 100 error again, 110 call 2, 110 done"),
        Case(TRIES, "0!", {105: "pause_all"}, "100 call, 100 error again, 110 call 2, 110 done"),
    ],
    "`retries`; updated between two tries": [
        Case(
            {**TRIES, "timeout": 5},
            "0! 9 0 0!",
            {105: "update"},
            "100 call, 100 error again, 110 call 2, 115 timeout again, 135 call 3, 135 done,"
            " 200 call new, 200 error",
        ),
    ],
    "`retries`; cancelled in a try, or between two": [
        Case(
            TRIES,
            "50",
            {110: "cancel"},
            f"100 call, 110 cancel 1, 110 cancelled, {WELL}",
            COROUTINE,
        ),
        # It is not tried again if it has caught that, and fails of something else.
        Case(
            TRIES,
            "50?",
            {110: "cancel"},
            f"100 call, 110 cancel 1, 110 error, {WELL}",
            COROUTINE,
        ),
        Case(
            TRIES,
            "0!",
            {105: "cancel"},
            "100 call, 100 error again, 105 cancel 1, 105 cancelled, " + WELL,
        ),
        # Also after a thread that works on.
        Case(
            {**TRIES, "timeout": 5},
            "50",
            {107: "cancel"},
            "100 call, 105 timeout again, 107 cancel 1, 107 cancelled, " + WELL,
        ),
    ],
    "`retries`; shutdown between two tries, or in one that fails": [
        Case(TRIES, "0!", {105: "shutdown"}, "100 call, 100 error again, 105 error, 105 stopped"),
        Case(TRIES, "0!", {105: "stop"}, "100 call, 100 error again, 105 error, 105 stopped"),
        Case(TRIES, "9!", {105: "shutdown"}, "100 call, 109 error, 109 stopped"),
    ],
    "`retries`; `run_job`": [
        Case(
            TRIES,
            "0! 0! 4",
            {20: "run_job"},
            "20 call, 20 error again, 30 call 2, 30 error again, 50 call 3, 54 result, 54 done,"
            " 100 call, 100 done, " + WELL,
        ),
        Case(
            TRIES,
            "0! 0!",
            {20: "run_job", 25: "drop"},
            "20 call, 20 error again, 25 no result: cancelled, 25 cancelled, 100 call,"
            " 100 error again, 110 call 2, 110 done, " + WELL,
        ),
    ],
    "`retries`; the process dies between two tries": [
        Death({"retries": 2, "retry_delay": 0.01}, ["interrupted"]),
        Death(
            {"retries": 2, "retry_delay": 0.01, "recover": True},
            ["error again", "error again", "error"],
        ),
    ],
    "`recover=True`; a shutdown does not wait": [
        Case(
            {"recover": True},
            "50",
            {110: "stop", 130: "start"},
            "100 call, 110 stopped, 130 call of 100, 130 done, " + WELL,
            COROUTINE,
            SHARED,
        ),
        Case(
            {"recover": True, **TRIES},
            "0! 50 0! 0! 0!",
            {120: "stop", 130: "start"},
            "100 call, 100 error again, 110 call 2, 120 stopped, 130 call of 100, 130 error again,"
            " 140 call 2, 140 error again, 160 call 3, 160 error, " + WELL,
            COROUTINE,
            SHARED,
        ),
    ],
    "`recover=True`; deleted during a run": [
        Case({"recover": True}, "70", {110: "delete"}, "100 call, 170 done"),
    ],
    '`overlap="queue"`, `coalesce=False`: several fall due during a run': [
        Case(
            {**QUEUE, "coalesce": False, "seconds": 50},
            "130",
            {},
            "50 call, 180 done, 180 call of 150, 180 done, 200 call, 200 done, 250 call, 250 done",
        ),
    ],
    '`overlap="queue"`; paused or deleted while a run waits': [
        Case(QUEUE, "150", {210: "pause", 255: "resume"}, "100 call, 250 done"),
        Case(QUEUE, "150", {210: "delete"}, "100 call, 250 done"),
        Case(
            QUEUE,
            "150",
            {210: "pause_all", 255: "resume_all"},
            "100 call, 250 done, 255 call of 200, 255 done",
        ),
    ],
    '`overlap="queue"`; `max_instances` raised while a run waits': [
        Case(QUEUE, "150", {210.5: "allow_two"}, "100 call, 210 call of 200, 210 done, 250 done"),
    ],
    '`overlap="queue"`, `mistrigger_grace_time`': [
        Case(
            {**QUEUE, "mistrigger_grace_time": 30}, "150", {}, "100 call, 250 done, 250 missed 200"
        ),
        Case(
            {**QUEUE, "mistrigger_grace_time": 60},
            "150",
            {},
            "100 call, 250 done, 250 call of 200, 250 done",
        ),
    ],
    '`overlap="queue"`; cancelled, or too long, while a run waits': [
        Case(
            QUEUE,
            "150",
            {210: "cancel"},
            "100 call, 210 cancel 1, 210 cancelled, 210 call of 200, 210 done",
            COROUTINE,
        ),
        Case(
            {**QUEUE, "timeout": 120}, "150", {}, "100 call, 220 timeout, 220 call of 200, 220 done"
        ),
    ],
    '`overlap="queue"`; `run_job` while a run is in progress': [
        Case(QUEUE, "50", {110: "run_job"}, "100 call, 110 no result: full, 150 done, " + WELL),
        Case(
            QUEUE,
            "50",
            {80: "run_job"},
            "80 call, 130 result, 130 done, 130 call of 100, 130 done, " + WELL,
        ),
        Case({}, "50", {80: "run_job"}, "80 call, 100 skipped, 130 result, 130 done, " + WELL),
    ],
    '`overlap="queue"`; shutdown while a run waits': [
        Case(
            QUEUE,
            "150",
            {210: "shutdown", 260: "start"},
            "100 call, 250 done, 250 stopped, 260 call of 200, 260 done",
        ),
    ],
    '`overlap="queue"`, two schedulers with a store': [
        Case(
            QUEUE,
            "150",
            {205.5: "share", 210: "shutdown"},
            "100 call, 250 done, 250 stopped, 250 call of 200, 250 done",
            stores=SHARED,
        ),
    ],
    "`coalesce=False`; deleted during a backlog": [
        Case(
            {"coalesce": False, "seconds": 20},
            "30",
            {1: "pause_all", 101: "resume_all", 110: "delete"},
            "101 call of 20, 131 done",
        ),
    ],
}


class TestRunsUnderControl(VirtualTimeTestCase):
    """What the options of a run do when they meet, row by row, as the manual has it."""

    async def asyncSetUp(self):
        await super().asyncSetUp()
        silence(self)
        for kind, fn in {"coroutine": self.work_soon, "thread": self.work}.items():
            for name in ("", "another", "more", "new"):
                HOOKS[f"{kind} {name}"] = functools.partial(fn, name)

    def start(self, **options):
        """Return a started scheduler, of which the ends of runs are noted."""
        # Seldom, as it takes time, and as nobody else changes it.
        options = {"poll_interval": 25, **options}
        store = asyncz.SQLiteStore(self.path, **options) if self.path else asyncz.MemoryStore()
        executors = {name: asyncz.ThreadPoolExecutor(n) for n, name in ((1, "one"), (2, "two"))}
        scheduler = self.make_scheduler(stores={"default": store}, executors=executors)
        codes = asyncz.JOB_EXECUTED | asyncz.JOB_ERROR | asyncz.JOB_MISSED
        scheduler.add_listener(self.hear, codes | asyncz.JOB_MAX_INSTANCES)
        scheduler.start()
        return scheduler

    def add(self, name="", **options):
        fn = act if self.kind == "coroutine" else act_plainly
        self.scheduler.add_job(fn, args=[f"{self.kind} {name}"], id=name or "a", **options)

    # What is seen.

    def seconds(self, moment):
        return (moment - self.began) // timedelta(seconds=1)

    def note(self, *words):
        second = self.seconds(self.clock.now())
        self.seen.append(" ".join([str(second), *(str(word) for word in words if word)]))

    def work_begins(self, name):
        """Return how long a call takes, and how it ends."""
        run = asyncz.current_run()
        if run is None:
            self.note("call of nobody")
            return 0, "0"
        due = self.seconds(run.scheduled_run_time)
        is_late = run.attempt == 1 and due != self.seconds(self.clock.now())
        number = run.attempt if run.attempt > 1 else ""
        self.note("call", number, name, f"of {due}" if is_late else "")
        plan = next(self.calls, "0")
        return int(plan.rstrip("!?")), plan[-1]

    async def work_soon(self, name):
        seconds, end = self.work_begins(name)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if end != "?":
                raise
        if end in "!?":
            raise OSError("on purpose")

    def work(self, name):
        seconds, end = self.work_begins(name)
        if seconds:
            self.clock.sleep_in_thread(self.loop, seconds)
        if end == "!":
            raise OSError("on purpose")

    ERRORS = {
        asyncz.RunTimeoutError: "timeout",
        asyncio.CancelledError: "cancelled",
        asyncz.MaximumInstancesError: "full",
        asyncz.RunInterruptedError: "interrupted",
    }

    def named(self, error):
        return self.ERRORS.get(type(error), "error")

    def hear(self, event):
        times = getattr(event, "scheduled_run_times", None)
        due = times[-1] if times else event.scheduled_run_time
        told = event.job_id, due, code_name(event.code), getattr(event, "attempt", 1)
        error = getattr(event, "exception", None)
        # One that a shutdown made the last is told of again, as final.
        if error is None or error is not self.error:
            self.told.append(told)
        self.error = error
        name = "" if event.job_id == "a" else event.job_id
        if event.code == asyncz.JOB_MAX_INSTANCES:
            self.note(name, "skipped")
        elif event.code == asyncz.JOB_MISSED:
            self.note(name, "missed", self.seconds(event.scheduled_run_time))
        elif event.exception is not None:
            self.note(name, self.named(event.exception), "" if event.final else "again")
        else:
            self.note(name, "done")

    # What is done.

    def do_add_another(self):
        self.add("another", executor=self.case.options["executor"], timeout=50)

    def do_add_more(self):
        self.add("more", executor=self.case.options["executor"], timeout=50)

    def do_cancel(self):
        self.note("cancel", str(self.scheduler.cancel_runs("a")))

    def do_pause(self):
        self.scheduler.pause_job("a")

    def do_resume(self):
        self.scheduler.resume_job("a")

    def do_delete(self):
        self.scheduler.delete_job("a")

    def do_pause_all(self):
        self.scheduler.pause()

    def do_resume_all(self):
        self.scheduler.resume()

    def do_update(self):
        new = {"args": [f"{self.kind} new"], "retries": 0, "timeout": None}
        self.scheduler.update_job("a", **new)

    def do_allow_two(self):
        self.scheduler.update_job("a", max_instances=2)

    def do_run_job(self):
        self.future = self.scheduler.run_job("a")
        self.future.add_done_callback(self.hear_result)

    def hear_result(self, future):
        error = future.exception()
        self.note("result" if error is None else f"no result: {self.named(error)}")

    def do_drop(self):
        self.future.cancel()

    def do_shutdown(self, wait=True):
        self.scheduler.shutdown(wait).add_done_callback(lambda _: self.note("stopped"))

    def do_stop(self):
        self.do_shutdown(wait=False)

    def do_start(self):
        """Start again: what is in memory with the scheduler that has it, a file with another."""
        if self.path is None:
            self.scheduler.start()
        else:
            self.scheduler = self.start()

    def do_share(self):
        self.start(poll_interval=1)

    # The table.

    async def sleep_until(self, second):
        await asyncio.sleep(second - (self.clock.now() - self.began).total_seconds())

    def begin(self, case, kind):
        self.schedulers.clear()
        self.case, self.kind, self.loop = case, kind, asyncio.get_running_loop()
        self.seen, self.told, self.error, self.began = [], [], None, self.clock.now()

    async def see(self, case, kind):
        """Return what is seen of a case."""
        self.begin(case, kind)
        self.calls = iter(case.calls.split())
        self.scheduler = self.start()
        self.add(**{"trigger": "interval", "seconds": 100, **case.options})
        for second, name in case.acts.items():
            await self.sleep_until(second)
            getattr(self, f"do_{name}")()
        await self.sleep_until(290.5)
        for scheduler in self.schedulers:
            await scheduler.shutdown()
        return ", ".join(self.seen)

    OUTCOMES = {
        "executed": "JOB_EXECUTED",
        "error": "JOB_ERROR",
        "missed": "JOB_MISSED",
        "skipped": "JOB_MAX_INSTANCES",
    }

    def kept(self, run):
        return run.job_id, run.scheduled_run_time, self.OUTCOMES[run.outcome], run.attempt

    def check_history(self):
        """Check that the history has what listeners were told of, and the job the last of it."""
        ended = [run for scheduler in self.schedulers for run in scheduler.history()]
        self.assertEqual(sorted(map(self.kept, ended)), sorted(self.told))
        told = [one for one in self.told if one[0] == "a" and one[2] != "JOB_MAX_INSTANCES"]
        left = [job for job in self.scheduler.get_jobs() if job.id == "a"]
        self.assertEqual([self.kept(job.last_run) for job in left], told[-1:] if left else [])

    async def see_death(self, case):
        """Return what the next scheduler tells of a run whose process has died."""
        arguments = str(self.path), json.dumps(case.options)
        self.assertEqual(run_python("-c", DIES, *arguments).returncode, 7)
        self.clock.set(datetime.now(UTC))
        self.begin(case, "thread")
        self.scheduler = self.start()
        await asyncio.sleep(100)
        await self.scheduler.shutdown()
        return [entry.partition(" ")[2] for entry in self.seen]

    async def check(self, case, kind, store):
        with temporary_folder() as folder:
            self.path = pathlib.Path(folder, "jobs") if store == "SQLite" else None
            if isinstance(case, Death):
                self.assertEqual(await self.see_death(case), case.seen)
            else:
                self.assertEqual(await self.see(case, kind), case.seen)
            self.check_history()

    async def test_end_as_the_manual_says(self):
        for words, case in [(words, case) for words, cases in MEETINGS.items() for case in cases]:
            kinds, stores = getattr(case, "kinds", THREAD), getattr(case, "stores", SHARED)
            for kind, store in itertools.product(kinds, stores):
                with self.subTest(words, case=case, kind=kind, store=store):
                    await self.check(case, kind, store)


class Unspeakable(Exception):
    def __str__(self):
        return self.args[5]


class TestLastRun(unittest.TestCase):
    """At the end of a run its slot is free and `last_run` set, then its future is done, then
    listeners hear.
    """

    def make_scheduler(self):
        self.executors = {
            "default": asyncz.AsyncIOExecutor(),
            "threads": asyncz.ThreadPoolExecutor(2),
            "debug": asyncz.DebugExecutor(),
        }
        return asyncz.AsyncIOScheduler(executors=self.executors)

    def test_is_there_before_the_result_however_it_is_called(self):
        async def failing():
            raise ValueError("on purpose")

        def raising():
            raise ValueError("on purpose")

        with self.make_scheduler() as scheduler:
            for name in self.executors:
                for fn in (nothing, failing, int, raising):
                    with self.subTest(executor=name, fn=fn.__name__):
                        job = scheduler.add_job(fn, executor=name, next_run_time=None)
                        for _ in range(60):
                            error = scheduler.run_job(job.id).exception(10)
                            self.assertIn(type(error), (type(None), ValueError), error)
                            self.assertEqual((job.running, job.last_run is None), (0, False))

    def test_is_there_before_listeners_hear(self):
        for name in ("default", "threads", "debug"):
            for fn in (nothing, int):
                with self.subTest(executor=name, fn=fn.__name__):
                    seen, done = [], threading.Event()

                    def again(event, seen=seen, done=done):
                        seen.append((job.running, job.last_run.outcome))
                        if len(seen) < 100:
                            scheduler.run_job(job.id)
                        else:
                            done.set()

                    scheduler = self.make_scheduler()
                    scheduler.add_listener(again, asyncz.JOB_EXECUTED | asyncz.JOB_MAX_INSTANCES)
                    with scheduler:
                        job = scheduler.add_job(fn, executor=name, next_run_time=None)
                        scheduler.run_job(job.id)
                        self.assertTrue(done.wait(10), len(seen))
                    self.assertEqual(set(seen), {(0, "executed")})

    def test_is_over_where_a_listener_schedules_the_next(self):
        codes, done = [], threading.Event()

        def again(event):
            codes.append(event.code)
            if len(codes) >= 60:
                done.set()
            else:
                scheduler.update_job("a", next_run_time="now")

        with asyncz.AsyncIOScheduler() as scheduler:
            scheduler.add_listener(again, asyncz.JOB_EXECUTED | asyncz.JOB_MAX_INSTANCES)
            scheduler.add_job(int, "interval", hours=1, id="a", next_run_time="now")
            self.assertTrue(done.wait(10), len(codes))
        self.assertEqual(set(codes), {asyncz.JOB_EXECUTED})

    def test_tells_of_an_error_whose_text_can_not_be_made(self):
        def plain():
            raise Unspeakable("short")

        async def coroutine():
            raise Unspeakable("short")

        silence(self)
        events, scheduler = [], self.make_scheduler()
        scheduler.add_listener(lambda event: events.append(type(event.exception)), asyncz.JOB_ERROR)
        with scheduler:
            for executor in self.executors:
                for fn in (plain, coroutine):
                    with self.subTest(executor, fn=fn.__name__):
                        job = scheduler.add_job(fn, executor=executor, next_run_time=None)
                        error = scheduler.run_job(job.id).exception(10)
                        self.assertIsInstance(error, Unspeakable)
                        self.assertEqual(job.last_run.error, "Unspeakable: <str() failed>")
        self.assertEqual(events, [Unspeakable] * 6)

    def test_tells_of_an_error_with_a_long_text_which_is_kept_cut(self):
        def fail():
            raise ValueError("x" * 5_000_000)

        silence(self)
        with asyncz.AsyncIOScheduler() as scheduler:
            job = scheduler.add_job(fail, next_run_time=None)
            scheduler.run_job(job.id).exception(10)
            self.assertEqual(job.last_run.error, "ValueError: " + "x" * 2000)

    def test_that_raised_anything_is_followed_by_the_rest_of_a_backlog(self):
        def job():
            calls.append(1)
            if len(calls) == 5:
                done.set()
            raise Unspeakable("short")

        silence(self)
        calls, done = [], threading.Event()
        start = datetime.now(UTC) - timedelta(seconds=4.5)
        for executor in (asyncz.DebugExecutor(), asyncz.ThreadPoolExecutor(1)):
            with self.subTest(type(executor).__name__):
                calls.clear()
                done.clear()
                trigger = IntervalTrigger(
                    seconds=1, start_at=start, end_at=start + timedelta(seconds=4)
                )
                with asyncz.AsyncIOScheduler(executors={"default": executor}) as scheduler:
                    scheduler.add_job(job, trigger, coalesce=False, next_run_time=start)
                    self.assertTrue(done.wait(10), calls)


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
                    start = self.clock.now()

                    def hear(event, start=start, events=events):
                        events.append(
                            f"{code_name(event.code)[4:]} {(event.scheduled_run_times[0] - start).seconds // 60}"
                        )

                    scheduler.add_listener(hear, asyncz.JOB_SUBMITTED | asyncz.JOB_MAX_INSTANCES)
                    held = scheduler.add_job(
                        job, "interval", minutes=1, max_instances=limit, coalesce=coalesce, id="a"
                    )
                    scheduler.start()
                    with self.assertLogs("asyncz", "WARNING") as logs:
                        await asyncio.sleep(241)
                    self.assertEqual((events, max(most)), (expected, limit))
                    self.assertEqual(held.next_run_time, start + timedelta(minutes=5))
                    self.assertEqual(
                        logs.records[0].getMessage(),
                        f"job 'a' in store 'default' skipped: {limit} running already, the oldest for {60 * limit} s",
                    )
                    await scheduler.shutdown(wait=False)


class TestRunsOfASharedStore(unittest.IsolatedAsyncioTestCase):
    """What a shared store's thread tells the loop, when it comes late: the walk through all states
    found these, which nobody can bring about from outside.
    """

    async def asyncSetUp(self):
        self.scheduler = asyncz.AsyncIOScheduler()
        self.engine = self.scheduler._engine
        self.runs, self.asked = self.engine.runs, []
        self.engine.settings.loop = asyncio.get_running_loop()

    def make_run(self, **options):
        job = asyncz._nameless("job", "default")
        asyncz._set_all(job, {f"_{name}": value for name, value in options.items()})
        run = asyncz._Run(types.SimpleNamespace(), job, 1_000_000, 1_000_000)
        run.ticket, run.leases = "ticket", types.SimpleNamespace(ends=self.ends)
        return run

    def ends(self, run):
        self.asked.append("release" if run.handed_back else "finish")
        return asyncio.get_running_loop().create_future()

    async def test_what_was_only_to_be_reported_is_finished_after_a_shutdown(self):
        run = self.make_run()
        found = asyncz._Ticket("dead", 0, 1_000_000, 1_000_000, 1_000_000, False)
        with self.assertLogs("asyncz", "ERROR"):
            self.runs.take_over(run, found, True)
        self.assertEqual(self.asked, ["finish"])

    async def test_a_run_that_is_over_is_not_lost(self):
        run = self.make_run(recover=True)
        run.task = asyncio.ensure_future(asyncio.sleep(0))
        await run.task
        self.runs.live.add(run)
        self.runs.lose({"ticket"})
        self.assertEqual((run.ticket, run.abandoned), ("ticket", False))


# === Keepers ===
# What is due is found in spite of a trigger that is wrong, a store that fails and a clock that
# jumps.


class WrongTrigger(asyncz.BaseTrigger):
    """Every minute from its first run on, but wrong in one of several ways after it, until it is
    mended.
    """

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


class FailsOnce(asyncz.BaseTrigger):
    """Every second; raises at its nth question."""

    def __init__(self, n):
        self.n, self.asked = n, 0

    def get_next_trigger_time(self, previous_time, now):
        self.asked += 1
        if self.asked == self.n:
            raise OSError("for once")
        return (previous_time or now) + timedelta(seconds=1)


class TestTriggerThatIsWrong(VirtualTimeTestCase):
    async def test_parks_its_job_reported_once_and_others_are_on_time(self):
        for way in ("stuck", "back", "raises", "naive", "text"):
            with self.subTest(way):
                self.clock.set(at(self.START))
                scheduler, runs, errors, trigger = self.make_scheduler(), [], [], WrongTrigger(way)
                scheduler.add_listener(
                    lambda event, errors=errors: errors.append((event.job_id, self.now())),
                    asyncz.JOB_ERROR,
                )
                parked = scheduler.add_job(
                    lambda runs=runs: runs.append(f"wrong {self.now()}"), trigger, id="wrong"
                )
                scheduler.add_job(
                    lambda runs=runs: runs.append(self.now()), "interval", seconds=40, id="right"
                )
                scheduler.start()
                with self.assertLogs("asyncz", "ERROR") as logs:
                    await asyncio.sleep(161)
                self.assertEqual(runs, ["00:00:40", "00:01:20", "00:02:00", "00:02:40"])
                self.assertEqual(
                    (errors, len(logs.records), scheduler.get_job("wrong")),
                    ([("wrong", "00:01:00")], 1, parked),
                )
                self.assertRegex(
                    logs.records[0].getMessage(),
                    "^job 'wrong' in store 'default' can't be run: .*; it is kept, and tried again every minute$",
                )
                self.assertIsNotNone(logs.records[0].exc_info)
                trigger.way = "mended"
                await asyncio.sleep(140)
                self.assertEqual(
                    [run for run in runs if "wrong" in run],
                    ["wrong 00:03:00", "wrong 00:04:00", "wrong 00:05:00"],
                )
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
            self.assertEqual(
                complaint(self.scheduler.add_job, nothing, Raising()), "RuntimeError: on purpose"
            )
            self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_drops_no_other_run_that_was_claimed_with_its_own(self):
        silence(self)
        HOOKS["bad"], HOOKS["good"] = nothing, lambda: runs.append(self.now())
        with temporary_folder() as folder:
            path = pathlib.Path(folder, "jobs")
            for store in (asyncz.MemoryStore(), asyncz.SQLiteStore(path, poll_interval=60)):
                with self.subTest(store):
                    self.clock.set(at(self.START))
                    runs, scheduler = [], self.make_scheduler(stores={"default": store})
                    scheduler.add_listener(lambda event: None)
                    scheduler.start(paused=True)
                    options = {"coalesce": False, "mistrigger_grace_time": 25}
                    for n in (2, 3, 13, 16, 20):
                        scheduler.add_job(act, FailsOnce(n), args=["bad"], id=f"bad {n}", **options)
                    scheduler.add_job(act, "interval", args=["good"], seconds=60, id="good")
                    await asyncio.sleep(100)
                    scheduler.resume()
                    await asyncio.sleep(130)
                    self.assertGreaterEqual(len(runs), 3, runs)
                    await scheduler.shutdown(wait=False)


class TestStoreRetryInterval(VirtualTimeTestCase):
    async def test_is_when_a_store_that_fails_is_tried_again_without_holding_up_others(self):
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


class TestClockThatJumps(VirtualTimeTestCase):
    async def asyncSetUp(self):
        await super().asyncSetUp()
        self.clock.longest_sleep = REAL_LONGEST_SLEEP  # to be found out, it has to be looked for
        self.runs, self.at = [], []
        self.scheduler.add_listener(
            lambda event: self.runs.append(f"{event.scheduled_run_time:%d %H:%M}"),
            asyncz.JOB_EXECUTED,
        )

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
        self.scheduler.add_listener(
            lambda event: missed.append(f"{event.scheduled_run_time:%d %H:%M}"), asyncz.JOB_MISSED
        )
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
        self.assertLess(time.process_time() - began, 10)
        self.assertLessEqual(len(self.runs), 7)

    async def test_backward_by_less_than_three_hours_repeats_nothing(self):
        for seconds in (60, 3600, 3 * 3600 - 60):
            with self.subTest(seconds):
                self.runs.clear()
                scheduler = self.make_scheduler()
                start = self.clock.now_us()
                times = []
                scheduler.add_listener(
                    lambda event, times=times: times.append(
                        (us(event.scheduled_run_time) - start) // 60_000_000
                    ),
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
        self.assertRegex(
            logs.records[0].getMessage(),
            "^the clock went back by 2592[0-9]{2} s; the jobs of store 'default' are computed anew$",
        )
        self.assertEqual(len(logs.records), 1)
        shown = {job.id: str(job.next_run_time)[:16] for job in self.scheduler.get_jobs()}
        self.assertEqual(
            shown, {"half": "2025-12-29 04:30", "once": "2026-01-01 06:00", "paused": "None"}
        )
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

    async def test_backward_sets_a_trigger_aside_that_raises(self) -> None:
        class Moody(asyncz.BaseTrigger):
            def get_next_trigger_time(
                self, previous_time: datetime | None, now: datetime
            ) -> datetime | None:
                if now < at("2025-12-31 12:00"):
                    raise RuntimeError("moody")
                return CronTrigger(hour=5).get_next_trigger_time(previous_time, now)

        self.scheduler.add_job(len, Moody(), args=[""], id="moody")
        self.scheduler.add_job(len, "cron", hour=5, args=[""], id="fine")
        self.scheduler.start()
        await asyncio.sleep(1)
        with self.assertLogs("asyncz", "WARNING") as logs:
            self.step_clock(-86400)
            self.scheduler.resume()
            await asyncio.sleep(1)
        self.assertIn(
            "the clock went back by 86400 s; the jobs of store 'default' are computed anew",
            logs.output[0],
        )
        self.assertIn("job 'moody' in store 'default' can't be run: moody", logs.output[1])
        fine = self.scheduler.get_job("fine")
        assert fine is not None
        self.assertEqual(str(fine.next_run_time), "2025-12-31 05:00:00+00:00")

    async def test_backward_does_not_put_off_the_next_question_to_a_store_that_failed(self):
        class Down(DictStore):
            down = True

            def get_due_jobs(self, now):
                if Down.down:
                    raise OSError("down")
                return super().get_due_jobs(now)

        silence(self)
        ran = []
        scheduler = self.make_scheduler(stores={"default": Down()})
        scheduler.start()
        scheduler.add_job(lambda: ran.append(1), "interval", seconds=1)
        await asyncio.sleep(25)
        self.step_clock(-3600)
        Down.down = False
        scheduler.update_job(scheduler.get_jobs()[0].id, next_run_time="now")
        await asyncio.sleep(15)
        self.assertGreater(len(ran), 3)
        await scheduler.shutdown()


class TestCodeOfUsersThatRaises(unittest.TestCase):
    """Whatever it raises is reported, and the scheduler goes on."""

    KINDS = (
        SystemExit,
        KeyboardInterrupt,
        asyncio.CancelledError,
        ValueError,
        type("Own", (BaseException,), {}),
    )

    def setUp(self):
        silence(self)

    @contextlib.contextmanager
    def heartbeat(self, **options):
        """Start a scheduler with a job that runs all the time, and at last shut it down; give it,
        and what checks that the job goes on.
        """

        def goes_on():
            count = len(beats)
            self.assertTrue(wait_until(lambda: len(beats) > count + 5, 5), "the heartbeat stops")

        beats, scheduler = [], asyncz.AsyncIOScheduler(**options)
        scheduler.start()
        try:
            scheduler.add_job(beats.append, "interval", seconds=0.002, args=[1], store="default")
            yield scheduler, goes_on
        finally:
            done = threading.Thread(target=scheduler.shutdown, daemon=True)
            done.start()
            done.join(8)
            self.assertFalse(done.is_alive(), "shutdown hangs")

    def test_as_a_listener(self):
        with self.heartbeat() as (scheduler, goes_on):
            for kind in self.KINDS:

                def listener(event, kind=kind):
                    raise kind("on purpose")

                async def async_listener(event, kind=kind):
                    raise kind("on purpose")

                for mask in (asyncz.JOB_SUBMITTED, asyncz.JOB_EXECUTED, asyncz.JOB_ADDED):
                    for bad in (listener, async_listener):
                        with self.subTest(kind.__name__, code=code_name(mask), bad=bad.__name__):
                            heard = []
                            scheduler.add_listener(bad, mask)
                            scheduler.add_listener(heard.append, mask)
                            scheduler.add_job(int)
                            self.assertTrue(wait_until(lambda heard=heard: heard, 5))
                            goes_on()

    def test_as_a_trigger(self):
        class Bad(asyncz.BaseTrigger):
            def __init__(self, kind):
                self.kind, self.calls = kind, 0

            def get_next_trigger_time(self, previous_time, now):
                self.calls += 1
                if self.calls > 1:
                    raise self.kind("on purpose")
                return now

        with self.heartbeat() as (scheduler, goes_on):
            for kind in self.KINDS:
                with self.subTest(kind.__name__):
                    trigger = Bad(kind)
                    scheduler.add_job(int, trigger)
                    self.assertTrue(wait_until(lambda trigger=trigger: trigger.calls > 1, 5))
                    goes_on()

    def test_as_a_coroutine_function(self):
        with self.heartbeat() as (scheduler, goes_on):
            for kind in self.KINDS:
                with self.subTest(kind.__name__):

                    async def bad(kind=kind):
                        raise kind("on purpose")

                    job = scheduler.add_job(bad, next_run_time=None)
                    self.assertIsInstance(scheduler.run_job(job.id).exception(5), kind)
                    goes_on()

    def test_as_an_executor(self):
        class Bad(asyncz.BaseExecutor):
            def __init__(self, kind):
                self.kind = kind

            def do_send_job(self, job, run_times):
                raise self.kind("on purpose")

            def shutdown(self, wait=True):
                ended.append(self.kind)
                raise self.kind("on purpose")

        ended = []
        executors = {kind.__name__: Bad(kind) for kind in self.KINDS}
        with self.heartbeat(executors=executors) as (scheduler, goes_on):
            for kind in self.KINDS:
                with self.subTest(kind.__name__):
                    job = scheduler.add_job(int, next_run_time=None, executor=kind.__name__)
                    self.assertIsInstance(scheduler.run_job(job.id).exception(5), kind)
                    goes_on()
        self.assertCountEqual(ended, self.KINDS)

    def test_as_a_store(self):
        def make(kind, method):
            def fail(self, *args):
                if self.is_bad:
                    self.has_raised = True
                    raise kind("on purpose")
                return getattr(DictStore, method)(self, *args)

            attributes = {"is_bad": False, "has_raised": False, method: fail}
            return type("Bad", (DictStore,), attributes)()

        methods = ("get_due_jobs", "get_next_run_time", "update_job", "shutdown")
        stores = {
            f"{kind.__name__} {method}": make(kind, method)
            for kind in self.KINDS
            for method in methods
        }
        with self.heartbeat(stores=stores) as (scheduler, goes_on):
            for alias, store in stores.items():
                with self.subTest(alias):
                    scheduler.add_job(int, "interval", seconds=0.02, store=alias)
                    store.is_bad = True
                    if "shutdown" not in alias:
                        self.assertTrue(wait_until(lambda store=store: store.has_raised, 5))
                    goes_on()
        self.assertEqual([a for a, store in stores.items() if not store.has_raised], [])


# === Engine ===
# The life of a scheduler: start, pause, resume, shutdown, with and without waiting; parts that come
# and go.


class TestStart(VirtualTimeTestCase):
    def test_loses_no_job_that_a_thread_adds_meanwhile(self):
        class Meddling:
            """A lock that, the nth time that it is taken, another thread was faster to take: one
            that adds a job.
            """

            def __init__(self, scheduler, countdown, lock):
                self.scheduler, self.lock, self.countdown = scheduler, lock, countdown

            def __enter__(self):
                self.countdown -= 1
                if self.countdown == 0:
                    self.scheduler.add_job(nothing, "interval", minutes=1, id="a")
                self.lock.acquire()

            def __exit__(self, *exc_info):
                self.lock.release()

        for countdown in range(1, 2):
            with self.subTest(countdown=countdown):
                scheduler = self.make_scheduler()
                lock = replace_lock(scheduler, functools.partial(Meddling, scheduler, countdown))
                scheduler.start(paused=True)
                self.assertLessEqual(lock.countdown, 0)
                self.assertEqual([job.id for job in scheduler.get_jobs()], ["a"])

    async def test_leaves_nothing_started_where_a_part_fails(self) -> None:
        class Broken(asyncz.MemoryStore):
            def start(self, scheduler: asyncz.BaseScheduler, alias: str) -> None:
                raise OSError("no disk")

        class Loud(asyncz.DebugExecutor):
            def shutdown(self, wait: bool = True) -> None:
                ended.append("executor")

        ended: list[str] = []
        self.scheduler.configure(stores={"default": Broken()}, executors={"default": Loud()})
        with self.assertRaisesRegex(OSError, "no disk"):
            self.scheduler.start()
        self.assertEqual((self.scheduler.running, ended), (False, ["executor"]))
        self.scheduler.configure(stores={"default": asyncz.MemoryStore()})
        self.scheduler.start()
        self.assertTrue(self.scheduler.running)

    async def test_lets_a_job_wait_for_the_executor_that_it_needs(self) -> None:
        runs: list[str] = []
        told: list[str] = []
        self.scheduler.add_listener(
            lambda event: told.append(f"{event.job_id} {event.exception}"), asyncz.JOB_ERROR
        )
        for name, executor in (("a", "pool"), ("b", "default")):
            self.scheduler.add_job(
                runs.append, "cron", second=30, args=[name], executor=executor, id=name
            )
        missing = "executor='pool': no such executor; there are 'default'"
        # At the start, not only when it is due; and once.
        for wait in (1, 199):
            with contextlib.ExitStack() as stack:
                if wait == 1:
                    logs = stack.enter_context(self.assertLogs("asyncz", "ERROR"))
                    self.scheduler.start()
                await asyncio.sleep(wait)
            self.assertEqual(told, [f"a {missing}"])
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [
                f"job 'a' in store 'default' can't be run: {missing}; it is kept, and tried again every minute"
            ],
        )
        self.assertEqual(runs, ["b"] * 3)
        self.scheduler.add_executor("debug", "pool")
        await asyncio.sleep(1)
        self.assertEqual(runs, ["b"] * 3 + ["a"])

    async def test_lets_a_job_wait_for_the_store_that_it_needs(self) -> None:
        runs: list[str] = []
        for name, store in (("a", "later"), ("b", "default")):
            self.scheduler.add_job(
                runs.append, "cron", minute="*", args=[name], store=store, id=name
            )
        with self.assertLogs("asyncz", "ERROR") as logs:
            self.scheduler.start()
            await asyncio.sleep(90)
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            ["there is no store 'later'; its jobs wait until it is added"],
        )
        waiting = self.scheduler.get_job("a")
        self.assertEqual((runs, waiting.pending), (["b", "b"], True))
        self.scheduler.add_store("memory", "later")
        await asyncio.sleep(60)
        self.assertEqual((sorted(runs), waiting.pending), (["a", "a", "b", "b", "b"], False))

    def test_gives_its_context_to_runs_and_listeners(self):
        """Not that of whoever added a job last, or of the job before."""
        request = contextvars.ContextVar("request", default="nobody")

        async def coroutine():
            seen.append(("coroutine", request.get()))
            request.set("the job before")

        def plain():
            seen.append(("plain", request.get()))
            request.set("the job before")

        def listener(event):
            seen.append(("listener", request.get()))

        async def async_listener(event):
            seen.append(("async listener", request.get()))

        seen = []
        scheduler = asyncz.AsyncIOScheduler(
            executors={"loop": asyncz.AsyncIOExecutor(), "threads": asyncz.ThreadPoolExecutor(1)}
        )
        scheduler.add_listener(listener, asyncz.JOB_EXECUTED)
        scheduler.add_listener(async_listener, asyncz.JOB_EXECUTED)

        def start():
            request.set("start")
            scheduler.start()

        def in_a_request(name):
            request.set(name)
            futures = []
            for fn in (coroutine, plain):
                for executor in ("loop", "threads"):
                    job = scheduler.add_job(fn, "interval", hours=1, executor=executor)
                    job.update(next_run_time="now")
                    once = scheduler.add_job(fn, next_run_time=None)
                    futures.append(scheduler.run_job(once.id))
            for future in futures:
                future.result(10)

        contextvars.copy_context().run(start)
        for name in ("alice", "bob"):
            contextvars.copy_context().run(in_a_request, name)
        self.assertTrue(wait_until(lambda: len(seen) >= 48), len(seen))
        scheduler.shutdown()
        kinds = {kind for kind, _ in seen}
        self.assertEqual(kinds, {"coroutine", "plain", "listener", "async listener"})
        self.assertEqual({name for _, name in seen}, {"start"})


class TestState(VirtualTimeTestCase):
    async def test_that_does_not_fit_a_call_is_an_error(self):
        for verb in ("pause", "resume"):
            said = complaint(getattr(self.scheduler, verb))
            self.assertEqual(
                said, f"SchedulerNotRunningError: {verb}: the scheduler is stopped; start it first"
            )
        self.scheduler.start()
        self.assertEqual(
            complaint(self.scheduler.start),
            "SchedulerAlreadyRunningError: start: the scheduler is running already",
        )
        said = complaint(self.scheduler.configure, timezone="UTC")
        self.assertEqual(
            said,
            "SchedulerAlreadyRunningError: configure: the scheduler is running; shut it down first",
        )
        self.assertEqual(
            complaint(self.scheduler.run),
            "RuntimeError: run: this thread runs an event loop, which run() would block; use start() there",
        )

    async def test_follows_the_calls(self):
        states = [self.scheduler.state.name]
        for step in (
            lambda: self.scheduler.start(paused=True),
            self.scheduler.resume,
            self.scheduler.pause,
            self.scheduler.shutdown,
        ):
            step()
            states.append((self.scheduler.state.name, self.scheduler.running))
        paused, running, stopped = "STATE_PAUSED", "STATE_RUNNING", "STATE_STOPPED"
        self.assertEqual(
            states, [stopped, (paused, True), (running, True), (paused, True), (stopped, False)]
        )

    async def test_is_a_number_that_is_printed_as_a_word(self):
        states = []
        for step in (lambda: None, self.scheduler.start, self.scheduler.pause):
            step()
            state = self.scheduler.state
            shown = str(self.scheduler).partition(",")[0]
            states.append((int(state), bool(state), str(state), shown))
        self.assertEqual(
            states,
            [
                (0, False, "stopped", "AsyncIOScheduler: stopped"),
                (1, True, "running", "AsyncIOScheduler: running"),
                (2, True, "paused", "AsyncIOScheduler: paused"),
            ],
        )
        self.assertTrue(issubclass(asyncz.SchedulerState, enum.IntEnum))


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
        self.assertEqual(
            (self.scheduler.running, self.scheduler.state),
            (False, asyncz.SchedulerState.STATE_STOPPED),
        )
        expected = "SchedulerAlreadyRunningError: start: the scheduler is still waiting for running jobs to end; wait for its shutdown"
        self.assertEqual(complaint(self.scheduler.start), expected)
        await ended
        await asyncio.sleep(300)
        self.assertEqual(runs, ["begin 00:01:00", "end 00:02:30"])

    def test_of_a_background_scheduler_waits_in_other_threads_and_loops(self) -> None:
        log: list[str] = []

        async def job() -> None:
            begun.set()
            await asyncio.sleep(0.1)
            log.append("job ended")

        begun = threading.Event()
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.start()
        scheduler.add_job(job)
        self.assertTrue(begun.wait(10))
        scheduler.shutdown()
        log.append("shut down")

        async def elsewhere() -> None:
            begun.clear()
            scheduler.configure(event_loop=None)
            other = asyncz.AsyncIOScheduler()
            # So that its loop is not this one.
            await asyncio.get_running_loop().run_in_executor(None, other.start)
            async with contextlib.AsyncExitStack() as stack:
                stack.push_async_exit(other.__aexit__)
                other.add_job(job)
                await asyncio.get_running_loop().run_in_executor(None, begun.wait, 10)
            log.append("left")

        asyncio.run(elsewhere())
        self.assertEqual(log, ["job ended", "shut down", "job ended", "left"])

    def test_waits_for_listeners_that_are_coroutine_functions(self) -> None:
        heard: list[str] = []

        async def hear(event: Any) -> None:
            await asyncio.sleep(0.05)
            heard.append(threading.current_thread().name)

        async def fail(event: Any) -> None:
            raise RuntimeError("deaf")

        scheduler = asyncz.AsyncIOScheduler()
        scheduler.add_listener(
            hear, asyncz.JOB_ADDED | asyncz.EXECUTOR_ADDED | asyncz.SCHEDULER_SHUTDOWN
        )
        scheduler.add_executor("debug", "before the start")
        self.assertEqual(len(heard), 1)
        scheduler.start()
        scheduler.add_job(print, "cron", hour=3)
        scheduler.add_listener(fail, asyncz.SCHEDULER_PAUSED)
        with self.assertLogs("asyncz", "ERROR") as logs:
            scheduler.pause()
            scheduler.shutdown()
        self.assertEqual(heard[1:], ["asyncz", "asyncz"])
        self.assertIn("RuntimeError: deaf", logs.output[0])

    async def test_need_not_be_awaited_and_may_be_repeated(self):
        self.scheduler.shutdown()
        self.scheduler.start()
        self.scheduler.shutdown()
        self.scheduler.shutdown(wait=False)
        await self.scheduler.shutdown()
        self.assertFalse(self.scheduler.running)

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

    async def test_without_waiting_cancels_coroutines_and_reports_them(self):
        async def job():
            await asyncio.sleep(1000)

        events = []
        self.scheduler.add_listener(
            lambda event: events.append(type(event.exception).__name__),
            asyncz.JOB_ERROR | asyncz.JOB_EXECUTED,
        )
        self.scheduler.add_job(job)
        self.scheduler.start()
        await asyncio.sleep(1)
        with self.assertLogs("asyncz", "ERROR"):
            await self.scheduler.shutdown(wait=False)
        self.assertEqual((events, self.now()), (["CancelledError"], "00:00:01"))

    def test_gives_up_on_a_coroutine_that_does_not_want_to_end(self) -> None:
        async def job() -> None:
            while True:
                try:
                    begun.set()
                    await asyncio.sleep(600)
                except asyncio.CancelledError:
                    cancelled.append(1)
                    if len(cancelled) > 1:
                        raise

        begun, cancelled = threading.Event(), []
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.start()
        held = scheduler.add_job(job, next_run_time=None)
        future = scheduler.run_job(held.id)
        self.assertTrue(begun.wait(10))
        with self.assertLogs("asyncz", "WARNING") as logs:
            scheduler.shutdown(wait=False)
        self.assertIn("still running, abandoned", logs.output[0])
        with self.assertRaisesRegex(
            asyncz.SchedulerNotRunningError, "was abandoned: the scheduler was shut down"
        ):
            future.result(10)
        self.assertEqual(cancelled, [1, 1], "once by the shutdown, once by the end of its loop")

    async def test_abandons_threads_and_ignores_their_late_results(self):
        events, begun, release, left = [], threading.Event(), threading.Event(), threading.Event()

        def job():
            begun.set()
            release.wait(10)
            left.set()

        self.scheduler.add_listener(
            lambda event: events.append(event), asyncz.JOB_ERROR | asyncz.JOB_EXECUTED
        )
        self.scheduler.add_job(job)
        self.scheduler.start()
        self.assertTrue(await becomes(begun.is_set))
        with self.assertLogs("asyncz", "WARNING") as logs:
            await self.scheduler.shutdown(wait=False)
        release.set()
        self.assertTrue(left.wait(10))
        await asyncio.sleep(0)
        self.assertEqual(events, [])
        self.assertIn("still running, abandoned", logs.output[0])

    def test_without_waiting_is_not_disturbed_by_what_a_thread_does_after_it(self) -> None:
        released, begun, ended = threading.Event(), threading.Event(), threading.Event()

        def job() -> None:
            begun.set()
            released.wait(20)
            ended.set()

        scheduler = asyncz.AsyncIOScheduler()
        scheduler.start()
        held = scheduler.add_job(job, next_run_time=None)
        future = scheduler.run_job(held.id)
        self.assertTrue(begun.wait(10))
        scheduler.shutdown(wait=False)
        released.set()
        self.assertTrue(ended.wait(10))
        with self.assertRaises(asyncz.SchedulerNotRunningError):
            future.result(1)
        with self.assertRaisesRegex(
            asyncz.SchedulerNotRunningError,
            r"run_job: job '\w+' can't run, the scheduler is stopped; start it first",
        ):
            scheduler.run_job(held.id)

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
        self.assertTrue(await becomes(begun.is_set))
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

    async def test_logs_what_a_part_raises(self) -> None:
        class Broken(asyncz.MemoryStore):
            def shutdown(self) -> None:
                raise OSError("no disk")

        self.scheduler.configure(stores={"default": Broken()})
        self.scheduler.start()
        with self.assertLogs("asyncz", "ERROR") as logs:
            await self.scheduler.shutdown()
        self.assertIn("Broken 'default' raised while it was shut down", logs.output[0])

    def test_is_over_where_the_loop_of_a_given_scheduler_was_never_run(self) -> None:
        loop = asyncio.new_event_loop()
        self.addCleanup(loop.close)
        scheduler = asyncz.AsyncIOScheduler(event_loop=loop)
        scheduler.start()
        with self.assertRaisesRegex(
            asyncz.SchedulerAlreadyRunningError, "run: the scheduler is running already"
        ):
            scheduler.run()
        scheduler.shutdown()
        self.assertFalse(scheduler.running)

    def test_and_a_start_at_the_same_time_exclude_each_other(self):
        scheduler, errors = asyncz.AsyncIOScheduler(), []

        def start():
            with contextlib.suppress(asyncz.SchedulerAlreadyRunningError):
                scheduler.start()

        def act(call):
            for _ in range(60):
                try:
                    call()
                except BaseException as error:
                    errors.append(error)

        threads = [
            threading.Thread(target=act, args=[call], daemon=True)
            for call in (start, scheduler.shutdown) * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertFalse(any(thread.is_alive() for thread in threads))
        scheduler.shutdown()
        self.assertEqual(errors, [])

    async def test_without_waiting_loses_nothing_that_had_just_been_given_a_task(self):
        async def job():
            ran.append(1)
            await asyncio.sleep(10)

        ran = []
        self.scheduler.start()
        self.scheduler.add_job(job, "date", run_at="2026-01-01 00:00:10", id="a")
        await asyncio.sleep(9)
        self.scheduler.add_listener(
            lambda event: self.scheduler.shutdown(wait=False), asyncz.JOB_SUBMITTED
        )
        await asyncio.sleep(2)
        self.assertEqual((ran, self.scheduler.running), ([], False))
        self.assertEqual([job.id for job in self.scheduler.get_jobs()], ["a"])


class TestAddStoreAndAddExecutor(VirtualTimeTestCase):
    async def test_refuse_an_alias_that_is_there_already_or_not(self) -> None:
        self.scheduler.start()
        # fmt: off
        cases: list[tuple[Callable[[], object], str]] = [
            (lambda: self.scheduler.add_store("memory"), "alias='default': there is a store with that alias; remove it first"),
            (lambda: self.scheduler.add_executor("debug"), "alias='default': there is an executor with that alias; remove it first"),
            (lambda: self.scheduler.remove_store("defalt"), "alias='defalt': no such store; did you mean 'default'?; there are 'default'"),
            (lambda: self.scheduler.remove_executor("x"), "alias='x': no such executor; there are 'default'"),
            (lambda: self.scheduler.add_job(print, store="x"), "store='x': no such store; there are 'default'"),
            (lambda: self.scheduler.add_job(print, executor="x"), "executor='x': no such executor; there are 'default'"),
            (lambda: self.scheduler.get_jobs("x"), "store='x': no such store; there are 'default'"),
        ]
        # fmt: on
        for call, message in cases:
            with self.subTest(message), self.assertRaises((LookupError, ValueError)) as caught:
                call()
            self.assertEqual(str(caught.exception), message)

    async def test_work_while_it_runs_and_take_the_jobs_of_a_store_away_with_it(self) -> None:
        runs: list[str] = []
        self.scheduler.start()
        self.scheduler.add_store("memory", "second")
        self.scheduler.add_executor("threadpool", "pool", max_workers=1)
        self.scheduler.add_job(
            lambda: runs.append(self.now()),
            "interval",
            seconds=10,
            store="second",
            executor="pool",
            id="a",
        )
        await asyncio.sleep(15)
        self.scheduler.remove_executor("pool")
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(45)
        self.assertEqual(len(logs.output), 1)
        self.assertIn(
            "job 'a' in store 'second' can't be run: executor='pool': no such executor; there are 'default'",
            logs.output[0],
        )
        self.scheduler.add_executor(asyncz.DebugExecutor(), "pool")
        await asyncio.sleep(25)
        self.assertEqual(
            runs,
            ["00:00:10", "00:01:00", "00:01:10", "00:01:20"],
            "the times that went by meanwhile are one run",
        )
        self.scheduler.remove_store("second")
        self.assertEqual(self.scheduler.get_jobs(), [])

    async def test_let_a_job_wait_for_its_executor(self):
        self.scheduler.start()
        said = complaint(self.scheduler.add_job, nothing, executor="defualt")
        self.assertEqual(
            said,
            "LookupError: executor='defualt': no such executor; did you mean 'default'?; there are 'default'",
        )
        runs = []
        self.scheduler.add_executor("debug", "d")
        self.scheduler.add_job(lambda: runs.append(self.now()), "interval", minutes=1, executor="d")
        self.scheduler.remove_executor("d")
        with self.assertLogs("asyncz", "ERROR") as logs:
            await asyncio.sleep(150)
        self.scheduler.add_executor("debug", "d")
        await asyncio.sleep(60)
        self.assertEqual(
            (len(logs.records), runs),
            (1, ["00:02:30", "00:03:00"]),
            "what waited for it runs as soon as it is there",
        )


# === ASGI ===
# The lifespan protocol, between a server and an application that takes part in it, fails, or knows
# nothing of it.


class TestAsgi(VirtualTimeTestCase):
    async def serve(self, app, *messages):
        """Let a server of its own talk to the application; return what it and the application were
        told.
        """

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
        if scope["type"] == "lifespan":
            raise AssertionError("only http")

    async def raising(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            raise KeyError("on purpose")

    EXPECTED = [("lifespan.startup.complete", True), ("lifespan.shutdown.complete", False)]

    async def test_starts_and_stops_with_the_application(self):
        told = await self.serve(self.with_lifespan, "lifespan.startup", "lifespan.shutdown")
        self.assertEqual(told, [self.EXPECTED[0], ("closing", False), self.EXPECTED[1]])

    async def test_does_not_need_the_application_to_take_part(self):
        self.assertEqual(
            await self.serve(self.without_lifespan, "lifespan.startup", "lifespan.shutdown"),
            self.EXPECTED,
        )

    async def test_does_not_start_where_the_application_fails(self):
        self.assertEqual(
            await self.serve(self.failing, "lifespan.startup"), [("lifespan.startup.failed", False)]
        )

    async def test_fails_where_the_scheduler_does_after_the_application_has_closed(self):
        class Broken(asyncz.MemoryStore):
            def start(self, scheduler, alias):
                raise OSError("no disk")

        self.scheduler.add_store(Broken())
        for app, closing in ((self.without_lifespan, []), (self.with_lifespan, ["closing"])):
            with self.subTest(app.__name__), self.assertLogs("asyncz", "ERROR") as logs:
                with self.assertRaisesRegex(OSError, "no disk"):
                    await self.serve(app, "lifespan.startup")
                expected = [*closing, "lifespan.startup.failed"]
                self.assertEqual(self.told, [(each, False) for each in expected])
                self.assertIn("the scheduler did not start", logs.output[0])

    async def test_leaves_a_scheduler_at_work_that_somebody_else_has_started(self):
        self.scheduler.start()
        refused = self.assertRaises(asyncz.SchedulerAlreadyRunningError)
        with self.assertLogs("asyncz", "ERROR"), refused:
            await self.serve(self.with_lifespan, "lifespan.startup")
        self.assertTrue(self.scheduler.running)

    async def test_leaves_it_to_the_server_what_an_application_means_that_raises_in_its_startup(
        self,
    ):
        with self.assertRaisesRegex(KeyError, "on purpose"):
            await self.serve(self.raising, "lifespan.startup")
        self.assertEqual((self.told, self.scheduler.running), ([], False))

    async def test_warns_once_of_requests_that_come_without_a_lifespan(self):
        for app in (self.without_lifespan, self.raising):
            with self.subTest(app.__name__), self.assertLogs("asyncz", "WARNING") as logs:
                served = self.scheduler.asgi(app)
                if app == self.raising:
                    with contextlib.suppress(KeyError):
                        await served({"type": "lifespan"}, self.nothing, None)
                for _ in range(3):
                    await served({"type": "http"}, None, None)
                self.assertEqual(len(logs.output), 1, logs.output)
                self.assertIn("no lifespan has started the scheduler", logs.output[0])

    async def nothing(self):
        return {"type": "lifespan.startup"}

    async def test_does_not_warn_of_requests_to_a_scheduler_that_runs(self):
        self.scheduler.start()
        with self.assertLogs("asyncz", "WARNING") as logs:
            served = self.scheduler.asgi(self.without_lifespan)
            await served({"type": "websocket"}, None, None)
            await self.scheduler.shutdown()
            await served({"type": "http"}, None, None)
            logging.getLogger("asyncz").warning("and no other")
        self.assertEqual(logs.output, ["WARNING:asyncz:and no other"])

    async def test_has_the_attributes_of_the_application(self):
        class Application:
            title, overrides = "mine", {"old": 1}

            def __init__(self):
                self.routes = []

            def get(self, path):
                self.routes.append(path)
                return self

            async def __call__(self, scope, receive, send):
                self.seen = scope["type"]

        inner = Application()
        app = self.scheduler.asgi(inner)
        app.get("/")
        app.overrides = {}
        self.assertEqual((app.title, inner.routes, inner.overrides), ("mine", ["/"], {}))
        del app.overrides
        self.assertEqual((inner.overrides, app.__wrapped__ is inner), ({"old": 1}, True))
        with self.assertRaisesRegex(AttributeError, "'Application' object has no attribute 'got'"):
            app.got  # noqa: B018
        with self.assertRaises(AttributeError):
            del app.title
        twin = copy.copy(app)
        self.scheduler.start()
        await twin({"type": "http"}, None, None)
        self.assertEqual((twin.title, inner.seen), ("mine", "http"))
        self.assertTrue(inspect.iscoroutinefunction(app.__call__), "servers look at that")

    async def test_passes_everything_else_through(self):
        async def app(*given):
            seen.append(given)

        seen, given = [], ({"type": "http"}, object(), object())
        with self.assertLogs("asyncz", "WARNING"):
            await self.scheduler.asgi(app)(*given)
        self.assertEqual((seen, self.scheduler.running), ([given], False))


class TestLifespan(VirtualTimeTestCase):
    async def test_is_a_context_manager_with_an_application_or_none(self):
        for arguments in ([], [object()]):
            with self.subTest(arguments):
                # Some frameworks take what it gives for their state.
                async with self.scheduler.lifespan(*arguments) as given:
                    self.assertEqual((given, self.scheduler.running), (None, True))
                self.assertFalse(self.scheduler.running)

    async def test_waits_for_running_jobs_also_where_the_application_fails(self):
        async def job():
            await asyncio.sleep(10)
            ended.append(self.now())

        ended = []
        self.scheduler.add_job(job)
        with self.assertRaisesRegex(KeyError, "of the application"):
            async with self.scheduler.lifespan():
                await asyncio.sleep(1)
                raise KeyError("of the application")
        self.assertEqual((ended, self.scheduler.running), (["00:00:10"], False))


# === Scheduler ===
# The public face: a scheduler that is driven by hand, how one is shown, and the decorator.


class TestProcessJobs(unittest.TestCase):
    class Ticked(asyncz.BaseScheduler):
        def wakeup(self) -> None:
            pass

    def test_runs_what_is_due_and_says_when_it_is_needed_again(self):
        RUNS.clear()
        scheduler = self.Ticked(timezone="UTC", executors={"default": asyncz.DebugExecutor()})
        scheduler.add_job(note, args=["a"])
        scheduler.start()
        self.assertIsNone(scheduler.process_jobs())
        scheduler.add_job(note, "interval", hours=1, args=["b"])
        self.assertGreater(scheduler.process_jobs(), 3500)
        scheduler.shutdown()
        self.assertEqual((RUNS, scheduler.running), (["a"], False))

    def test_runs_coroutines_and_awaits_what_executors_and_listeners_give(self) -> None:
        class Awaiting(asyncz.BaseExecutor):
            async def do_send_job(self, job: asyncz.Job, run_times: list[datetime]) -> Any:
                await asyncio.sleep(0)
                return job.fn()

        async def hear(event: Any) -> None:
            await asyncio.sleep(0)
            heard.append((event.code, event.return_value))

        heard: list[Any] = []
        executors = {
            "default": asyncz.DebugExecutor(),
            "awaiting": Awaiting(),
            "loop": asyncz.AsyncIOExecutor(),
        }
        scheduler = self.Ticked(executors=executors)
        scheduler.add_listener(hear, asyncz.JOB_EXECUTED | asyncz.JOB_ERROR)
        scheduler.add_job(asyncio.sleep, args=[0, "debug"])
        scheduler.add_job(asyncio.sleep, args=[0, "loop"], executor="loop")
        scheduler.add_job(list, executor="awaiting")
        deadline = time.monotonic() + 10
        with scheduler:
            while len(heard) < 3 and time.monotonic() < deadline:
                scheduler.process_jobs()
        self.assertCountEqual(
            heard, [(asyncz.JOB_EXECUTED, value) for value in ("debug", "loop", [])]
        )

    def test_lets_a_job_in_a_thread_shut_the_scheduler_down(self) -> None:
        ended, closed = threading.Event(), threading.Event()

        def job() -> None:
            scheduler.shutdown()
            ended.set()

        scheduler = self.Ticked()
        scheduler.add_listener(lambda event: closed.set(), asyncz.SCHEDULER_SHUTDOWN)
        scheduler.add_job(job)
        scheduler.start()
        deadline = time.monotonic() + 10
        while not ended.is_set() and time.monotonic() < deadline:
            scheduler.process_jobs()
        self.assertTrue(ended.is_set())
        while not closed.is_set() and time.monotonic() < deadline:
            scheduler.process_jobs()
        self.assertEqual(str(scheduler), "Ticked: stopped, 0 jobs, next run: none")

    def test_works_where_another_loop_runs(self):
        async def coroutine():
            await asyncio.sleep(0)
            ran.append("coroutine")

        async def main():
            scheduler = self.Ticked(
                executors={
                    "default": asyncz.ThreadPoolExecutor(),
                    "loop": asyncz.AsyncIOExecutor(),
                }
            )
            scheduler.start()
            scheduler.add_job(coroutine, executor="loop")
            scheduler.add_job(lambda: ran.append("plain"))
            deadline = time.monotonic() + 10
            while len(ran) < 2 and time.monotonic() < deadline:
                scheduler.process_jobs()
                await asyncio.sleep(0.01)
            scheduler.shutdown()
            await asyncio.sleep(0)
            return scheduler.running

        ran = []
        self.assertFalse(asyncio.run(main()))
        self.assertEqual(sorted(ran), ["coroutine", "plain"])

    def test_is_over_with_a_shutdown_that_waits_for_threads(self):
        def slow():
            began.set()
            time.sleep(0.2)
            ended.append(1)

        began, ended = threading.Event(), []
        scheduler = self.Ticked()
        scheduler.start()
        scheduler.add_job(slow)
        deadline = time.monotonic() + 5
        while not began.is_set() and time.monotonic() < deadline:
            scheduler.process_jobs()
        scheduler.shutdown()
        self.assertEqual((ended, scheduler.running), ([1], False))


class TestScheduler(VirtualTimeTestCase):
    async def test_is_shown_in_one_line(self):
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


class TestScheduledJob(VirtualTimeTestCase):
    async def test_returns_the_function_and_names_the_job_after_it(self):
        decorated = self.scheduler.scheduled_job("interval", minutes=5)(double_soon_alone)
        self.assertIs(decorated, double_soon_alone)
        self.assertEqual(
            [job.id for job in self.scheduler.get_jobs()], [f"{__name__}:double_soon_alone"]
        )

    async def test_twice_on_a_function_adds_two_jobs(self):
        @self.scheduler.scheduled_job("cron", hour=8)
        @self.scheduler.scheduled_job("cron", hour=20)
        @self.scheduler.scheduled_job("cron", hour=21, id="mine")
        async def report():
            pass

        name = f"{__name__}:TestScheduledJob.test_twice_on_a_function_adds_two_jobs.<locals>.report"
        jobs = {job.id: str(job.trigger) for job in self.scheduler.get_jobs()}
        self.assertEqual(
            jobs,
            {name: "cron[hour='20']", f"{name}#2": "cron[hour='8']", "mine": "cron[hour='21']"},
        )

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
                expected = [
                    ("fake_module:tick", 2, "interval[0:02:00]"),
                    ("fake_module:tick#2", 2, "interval[0:05:00]"),
                ]
                self.assertEqual(jobs, expected)

    async def test_takes_the_options_of_add_job(self):
        self.scheduler.scheduled_job(
            "interval", minutes=5, args=[1], name="n", max_instances=2, next_run_time=None
        )(double)
        job = self.scheduler.get_jobs()[0]
        self.assertEqual(
            (job.name, job.args, job.max_instances, job.next_run_time), ("n", (1,), 2, None)
        )

    async def test_takes_them_in_the_same_order(self):
        self.scheduler.scheduled_job(
            "cron", [1], {}, "a", "n", 60, False, 2, "2026-02-01", "default", "default", hour=8
        )(double)
        (job,) = self.scheduler.get_jobs()
        self.assertEqual(
            (job.id, job.name, job.args, job.mistrigger_grace_time, job.coalesce),
            ("a", "n", (1,), 60, False),
        )
        self.assertEqual(
            (job.max_instances, str(job.next_run_time)), (2, "2026-02-01 00:00:00+00:00")
        )

    async def test_says_how_to_write_it(self):
        scheduled = self.scheduler.scheduled_job
        table = [
            (
                lambda: scheduled(double),
                "TypeError: scheduled_job: used without parentheses; write @scheduler.scheduled_job('interval', minutes=5)",
            ),
            (
                lambda: scheduled("cron", replace_existing=True),
                "TypeError: scheduled_job: replace_existing is always True here; leave it out",
            ),
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
                    expected
                    or "TypeError: minute: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has minutes=5",
                )


async def double_soon_alone():
    pass


class TestScheduledJobInAStore(FileTestCase):
    """A record has the name of a function, which Python binds only when all decorators have run."""

    PLAIN = """
        @s.scheduled_job("interval", hours=1, next_run_time="now")
        def tick():
            runs.append("tick")
    """
    COROUTINE = PLAIN.replace("def", "async def")
    WRAPPED = """
        @logged
        @s.scheduled_job("interval", hours=1, next_run_time="now")
        def tick():
            runs.append("tick")
    """
    IN_A_CLASS = """
        class Jobs:
            @staticmethod
            @s.scheduled_job("interval", hours=1, next_run_time="now")
            def tick():
                runs.append("tick")
    """

    def execute(self, text: str, scheduler: asyncz.AsyncIOScheduler) -> types.ModuleType:
        """Return a module of that text, which knows a scheduler as s, and a list of runs."""

        def logged(fn):
            @functools.wraps(fn)
            def call():
                module.runs.append("logged")
                fn()

            return call

        module = types.ModuleType("program")
        vars(module).update(
            s=scheduler,
            runs=[],
            logged=logged,
            unlike=lambda fn: lambda: fn(),
            wait_until=wait_until,
        )
        sys.modules["program"] = module
        self.addCleanup(sys.modules.pop, "program", None)
        exec(textwrap.dedent(text), vars(module))
        return module

    def test_runs_what_the_name_leads_to(self):
        table = [
            (self.PLAIN, ["tick"], "program:tick"),
            (self.COROUTINE, ["tick"], "program:tick"),
            (self.WRAPPED, ["logged", "tick"], "program:tick"),
            (self.IN_A_CLASS, ["tick"], "program:Jobs.tick"),
        ]
        for text, expected, name in table:
            with self.subTest(text):
                scheduler = self.make_scheduler()
                module = self.execute(text, scheduler)
                scheduler.start()
                self.assertTrue(wait_until(lambda: module.runs == expected), module.runs)
                self.assertEqual(
                    [(job.id, job.fn_ref) for job in scheduler.get_jobs()], [(name, name)]
                )
                scheduler.shutdown()
                # The next start of the program.
                scheduler = self.make_scheduler()
                module = self.execute(text, scheduler)
                scheduler.start()
                self.assertTrue(wait_until(lambda: module.runs == expected), module.runs)
                self.assertEqual(len(scheduler.get_jobs()), 1)
                scheduler.remove_all_jobs()
                scheduler.shutdown()

    def test_runs_on_a_scheduler_that_is_running_before_the_name_is_bound(self):
        text = """
            def slowly(fn):
                wait_until(lambda: runs)
                return fn

            @slowly
            @s.scheduled_job("interval", hours=1, next_run_time="now")
            def tick():
                runs.append("tick")

            tick_runs = list(runs)
        """
        scheduler = self.make_scheduler()
        scheduler.start()
        self.assertEqual(self.execute(text, scheduler).tick_runs, ["tick"])
        self.assertEqual(self.store.unreadable(), [])

    def test_whose_name_leads_elsewhere_is_one_error_at_the_start(self):
        table = [
            ("@unlike\n", "", "<function TestScheduledJobInAStore.execute.<locals>"),
            ("", "del tick\n", "None"),
            ("", "def tick(): runs.append('wrong')\n", "<function tick at"),
        ]
        for above, below, found in table:
            with self.subTest(above + below):
                scheduler = self.make_scheduler()
                other = self.PLAIN.replace("tick", "other")
                module = self.execute(other, scheduler)
                text = above + textwrap.dedent(self.PLAIN).lstrip() + below
                exec(text, vars(module))
                with self.assertLogs("asyncz", logging.ERROR) as caught:
                    scheduler.start()
                    self.assertTrue(wait_until(lambda: module.runs == ["other"]), module.runs)
                    # What is claimed with it has been looked at, too.
                    scheduler.shutdown()
                self.assertEqual(len(caught.output), 1, caught.output)
                message = caught.records[0].getMessage()
                expected = (
                    "job 'program:tick' in store 'default' can't be run: fn='program:tick': that name"
                    f" leads to {found}"
                )
                self.assertEqual(message[: len(expected)], expected)
                self.assertIsNotNone(scheduler.get_job("program:tick"))
                scheduler.remove_all_jobs()

    def test_of_a_function_that_has_no_name_is_an_error_at_once(self):
        scheduler = self.make_scheduler()
        for fn in (lambda: None, next(iter([lambda: None]))):
            with self.assertRaisesRegex(ValueError, "does not lead back to this one"):
                scheduler.scheduled_job("interval", hours=1)(fn)

    def test_that_is_gone_is_told_of_by_its_name(self):
        scheduler = self.make_scheduler()
        self.execute(self.PLAIN, scheduler)
        scheduler.start(paused=True)
        scheduler.shutdown()
        asyncz._ADDED.pop("program:tick")  # what another process does not have
        scheduler = self.make_scheduler()
        self.execute("", scheduler)
        told = []
        scheduler.add_listener(told.append, asyncz.JOB_ERROR)
        with self.assertLogs("asyncz", logging.ERROR) as caught:
            scheduler.start()
            self.assertTrue(wait_until(lambda: told))
        message = "fn='program:tick': <module 'program'> has no 'tick'"
        self.assertEqual((told[0].job_id, str(told[0].exception)), ("program:tick", message))
        self.assertIn(message, caught.output[0])


# === Scheduler on asyncio ===
# The same in a thread of its own, on a loop that is given, and under calls from many threads.


class TestAsyncIOScheduler(unittest.TestCase):
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
            (
                [thread.daemon for thread in seen],
                [thread.is_alive() for thread in seen],
                scheduler.running,
            ),
            ([True], [False], False),
        )

    def test_is_told_from_its_loop_by_its_thread(self):
        """As under gevent, where all threads are one for asyncio, and find its loop running."""
        began, ended, loops = threading.Event(), threading.Event(), []

        async def job():
            loops.append(asyncio.get_running_loop())
            began.set()
            await asyncio.sleep(0.2)
            ended.set()

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        scheduler.start()
        scheduler.add_job(job)
        self.assertTrue(began.wait(10))
        asyncio._set_running_loop(loops[0])
        try:
            # Both would be for the loop's own thread.
            scheduler.run_job(scheduler.add_job(nothing, "interval", hours=1).id).result(10)
            scheduler.shutdown()
        finally:
            asyncio._set_running_loop(None)
        self.assertTrue(ended.is_set())

    def test_may_be_entered_where_another_kind_of_loop_runs(self):
        """As that of trio: asyncio knows of none in this thread."""

        async def main():
            async with scheduler:
                states.append(scheduler.running)
                raise KeyError("of the body")

        async def end():
            await scheduler.shutdown()
            return scheduler.running

        states, scheduler = [], asyncz.AsyncIOScheduler()
        with self.assertRaisesRegex(KeyError, "of the body"):
            main().send(None)
        self.assertEqual((states, scheduler.running), ([True], False))
        scheduler.start()
        with self.assertRaises(StopIteration) as stop:
            end().send(None)
        self.assertFalse(stop.exception.value)

    def test_warns_where_gevent_has_patched_threads(self):
        for patched in (True, False):
            module = types.SimpleNamespace(
                is_module_patched=lambda name: patched and name == "threading"
            )
            with (
                self.subTest(patched=patched),
                unittest.mock.patch.dict(sys.modules, {"gevent.monkey": module}),
                self.assertLogs("asyncz", "WARNING") as logs,
            ):
                asyncz.logging.getLogger("asyncz").warning("and no other")
                with asyncz.AsyncIOScheduler():
                    pass
                found = ["gevent has patched threading" in line for line in logs.output]
                self.assertEqual(found, [False, True] if patched else [False])

    def test_runs_where_signals_can_not_be_handled(self):
        """As in a sub-interpreter."""
        refused = {
            "signal": ValueError("signal only works in main thread of the main interpreter"),
            "set_wakeup_fd": ValueError("set_wakeup_fd only works in main thread"),
        }
        with contextlib.ExitStack() as stack:
            for name, error in refused.items():
                patch = unittest.mock.patch.object(signal, name, side_effect=error)
                stack.enter_context(patch)
            ran, scheduler = [], asyncz.AsyncIOScheduler()
            scheduler.add_job(lambda: ran.append(1) or scheduler.shutdown())
            scheduler.run()
        self.assertEqual((ran, scheduler.running), ([1], False))

    def test_ends_by_a_signal_that_does_not_wake_the_loop(self):
        """As on Windows, where a loop waits on sockets."""
        program = """
            import _thread, asyncio, signal, sys, threading, asyncz

            def refuse(self, *arguments):
                raise NotImplementedError

            asyncio.SelectorEventLoop.add_signal_handler = refuse
            asyncio.SelectorEventLoop.remove_signal_handler = refuse
            sys.platform = "win32"
            # The look at the clock would wake it, too.
            asyncz._Clock.longest_sleep = None
            scheduler = asyncz.AsyncIOScheduler()
            scheduler.add_job(print, "interval", hours=1)
            # The handler runs when the main thread does something next.
            threading.Timer(0.3, _thread.interrupt_main).start()
            scheduler.run()
            print("ended")
        """
        done = run_python("-c", textwrap.dedent(program))
        self.assertEqual((done.stderr, done.stdout), ("", "ended\n"))

    def test_works_on_a_loop_that_is_run_later(self):
        loop = asyncio.new_event_loop()
        try:
            scheduler, ran = asyncz.AsyncIOScheduler(event_loop=loop), []
            scheduler.start()
            scheduler.add_job(lambda: loop.call_soon_threadsafe(loop.stop) and ran.append(1))
            loop.run_forever()
            loop.run_until_complete(
                asyncio.wait_for(asyncio.ensure_future(self.end(scheduler), loop=loop), 10)
            )
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

    def test_is_stopped_where_its_loop_has_ended(self):
        """And says so, once; what is added then waits for the next start, as on any other."""
        # It speaks of the tasks that were lost with a loop, when they are collected.
        quiet = unittest.mock.patch.object(logging.getLogger("asyncio"), "disabled", True)
        quiet.start()
        self.addCleanup(quiet.stop)
        self.addCleanup(gc.collect)

        def end(main):
            loop = asyncio.new_event_loop()
            loop.run_until_complete(main)
            loop.close()

        async def main(breath):
            scheduler.start()
            scheduler.add_job(nothing, "interval", hours=1, id="a")
            # Without one, its tasks have not begun when the loop ends.
            for _ in range(breath):
                await asyncio.sleep(0.01)

        for run, breath in ((asyncio.run, 1), (asyncio.run, 0), (end, 1)):
            with self.subTest(run, breath=breath):
                scheduler, ran = asyncz.AsyncIOScheduler(timezone="UTC"), threading.Event()
                with self.assertLogs("asyncz", "WARNING") as logs:
                    run(main(breath))
                    shown = str(scheduler).partition(",")[0]
                    state = (scheduler.running, scheduler.state.name, shown)
                    job = scheduler.add_job(ran.set)
                    scheduler.add_job(nothing, "cron", hour=8)
                self.assertEqual(state, (False, "STATE_STOPPED", "AsyncIOScheduler: stopped"))
                self.assertEqual(
                    [record.getMessage().partition(" under ")[0] for record in logs.records],
                    [f"the event loop {'ends' if run is asyncio.run and breath else 'was closed'}"],
                )
                self.assertTrue(job.pending)
                self.assertIn("SchedulerNotRunningError", complaint(scheduler.run_job, "a"))
                with scheduler:
                    self.assertTrue(ran.wait(10))
                    self.assertEqual(len(scheduler.get_jobs()), 2)

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

    def test_works_on_a_loop_that_has_no_timers_in_the_past(self):
        class Strict(asyncio.SelectorEventLoop):
            """As that of a browser: a time that has gone by is an error; sometimes all are."""

            failures = 3

            def call_at(self, when, callback, *args, **options):
                if when < self.time():
                    raise ValueError("Can't schedule in the past")
                return super().call_at(when, callback, *args, **options)

            def call_later(self, delay, callback, *args, **options):
                if delay < 0:
                    raise ValueError("Can't schedule in the past")
                owner = getattr(callback, "__self__", None)
                if Strict.failures and type(owner).__module__ == "asyncz":
                    Strict.failures -= 1
                    raise ValueError("no timer for once")
                return super().call_at(self.time() + delay, callback, *args, **options)

        async def main():
            async with asyncz.AsyncIOScheduler() as scheduler:
                for number in range(5):
                    scheduler.add_job(beat, "interval", seconds=0.01 + number / 1000)
                await asyncio.sleep(0.5)
                return len(beats)

        async def beat():
            beats.append(1)

        silence(self)
        beats = []
        with contextlib.closing(Strict()) as loop:
            self.assertGreater(loop.run_until_complete(main()), 50)
            self.assertEqual(Strict.failures, 0)


class TestAsyncIOSchedulerWithoutThreads(unittest.TestCase):
    @contextlib.contextmanager
    def starved(self, name):
        """Let no thread be started whose name begins so."""
        start = threading.Thread.start

        def refuse(thread):
            if thread.name.startswith(name):
                raise RuntimeError("can't start new thread")
            start(thread)

        with unittest.mock.patch.object(threading.Thread, "start", refuse):
            yield

    def test_for_a_while_has_runs_that_fail_and_no_more(self):
        silence(self)
        errors, ran = [], []
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.add_listener(lambda event: errors.append(str(event.exception)), asyncz.JOB_ERROR)
        with scheduler:
            with self.starved("asyncz-default"):
                job = scheduler.add_job(ran.append, "interval", seconds=0.02, args=[1])
                self.assertTrue(wait_until(lambda: len(errors) > 12, 5), errors)
            self.assertEqual((errors[0], ran), ("can't start new thread", []))
            self.assertTrue(wait_until(lambda: len(ran) > 5, 5), (ran, job.running))

    def test_for_a_store_starts_when_there_are_again(self):
        silence(self)
        store, ran = DictStore(), []
        scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, store_retry_interval=0.1)
        with (
            self.starved("asyncz-store"),
            self.assertRaisesRegex(RuntimeError, "can't start new thread"),
        ):
            scheduler.start()
        self.assertFalse(scheduler.running)
        with scheduler:
            scheduler.add_job(ran.append, "interval", seconds=0.02, args=[1])
            self.assertTrue(wait_until(lambda: len(ran) > 3, 5))

    def test_for_its_loop_is_stopped_until_there_are_again(self):
        ran = []
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.add_job(ran.append, args=[1])
        with (
            self.starved("asyncz"),
            self.assertRaisesRegex(RuntimeError, "can't start new thread"),
        ):
            scheduler.start()
        self.assertFalse(scheduler.running)
        with scheduler:
            self.assertTrue(wait_until(lambda: ran, 5))

    def test_for_its_end_ends_all_the_same(self):
        """As at the end of some versions of Python."""
        ended = []
        scheduler = asyncz.AsyncIOScheduler(stores={"default": DictStore()})
        scheduler.add_listener(ended.append, asyncz.SCHEDULER_SHUTDOWN | asyncz.SCHEDULER_STARTED)
        scheduler.start()
        self.assertTrue(wait_until(lambda: ended))
        with self.starved("asyncz-closing"):
            closing = threading.Thread(target=scheduler.shutdown, daemon=True)
            closing.start()
            closing.join(20)
        self.assertEqual((closing.is_alive(), scheduler.running, len(ended)), (False, False, 2))

    def test_for_ever_calls_functions_in_place(self):
        async def main():
            async with asyncz.AsyncIOScheduler() as scheduler:
                job = scheduler.add_job(threading.get_ident, next_run_time=None)
                return await scheduler.run_job(job.id)

        with no_threads(), self.assertLogs("asyncz", "WARNING") as logs:
            self.assertEqual(asyncio.run(main()), threading.get_ident())
        self.assertEqual(len(logs.output), 1)
        self.assertRegex(logs.output[0], "there are no threads on")


# === Simulation ===
# A schedule in virtual time: what runs when, and that the scheduler is afterwards as it was.


class TestSimulate(unittest.TestCase):
    def setUp(self) -> None:
        self.scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        self.ran: list[str] = []

    def times(self, events: list[asyncz.JobExecutionEvent]) -> list[str]:
        return [
            f"{event.job_id} {event.scheduled_run_time.astimezone(UTC):%d %H:%M:%S}"
            for event in events
        ]

    def test_runs_every_job_of_a_month(self):
        self.scheduler.add_job(self.ran.append, "cron", minute="*/15", args=["often"], id="often")
        self.scheduler.add_job(self.ran.append, "interval", hours=1, args=["hour"], id="hour")
        self.scheduler.add_job(
            self.ran.append, "date", run_at="2026-01-15 12:00", args=["once"], id="once"
        )
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-31 23:59:59")
        counts = {name: self.ran.count(name) for name in ("often", "hour", "once")}
        self.assertEqual(
            (counts, len(events)),
            ({"often": 31 * 96, "hour": 31 * 24 - 1, "once": 1}, 31 * 96 + 31 * 24),
        )
        self.assertEqual({event.code for event in events}, {asyncz.JOB_EXECUTED})
        ordered = [event.scheduled_run_time for event in events]
        self.assertEqual(ordered, sorted(ordered))

    def test_includes_its_start_and_its_end(self):
        self.scheduler.add_job(len, "cron", minute="*/30", args=[[]], id="a")
        for start, until, expected in [
            (
                "2026-01-01 00:00",
                "2026-01-01 01:00",
                ["a 01 00:00:00", "a 01 00:30:00", "a 01 01:00:00"],
            ),
            ("2026-01-01 00:00:00.000001", "2026-01-01 00:59:59.999999", ["a 01 00:30:00"]),
            ("2026-01-01 00:30", "2026-01-01 00:30", ["a 01 00:30:00"]),
            (date(2026, 1, 1), datetime(2026, 1, 1), ["a 01 00:00:00"]),
            (at("2026-01-01 00:00"), "2026-01-01T01:30+01:00", ["a 01 00:00:00", "a 01 00:30:00"]),
        ]:
            with self.subTest(start=start, until=until):
                self.assertEqual(
                    self.times(asyncz.simulate(self.scheduler, start, until)), expected
                )

    def test_counts_what_is_from_now_from_its_start(self):
        self.scheduler.add_job(len, args=[[]], id="once", run_at=timedelta(minutes=10))
        self.scheduler.add_job(
            len, "interval", args=[[]], id="often", hours=1, end_at=timedelta(hours=2)
        )
        self.scheduler.add_job(
            len, "cron", args=[[]], id="soon", year=2030, next_run_time=timedelta(minutes=5)
        )
        for day in ("2026-01-01", "2027-01-01"):
            events = asyncz.simulate(self.scheduler, day, timedelta(days=1))
            self.assertEqual(
                self.times(events),
                ["soon 01 00:05:00", "once 01 00:10:00", "often 01 01:00:00", "often 01 02:00:00"],
            )

    def test_leaves_what_was_from_now_when_it_was_stored(self):
        self.scheduler.start(paused=True)
        self.scheduler.add_job(len, args=[[]], id="once", run_at=timedelta(hours=10))
        self.scheduler.add_job(
            len, "interval", args=[[]], id="often", hours=1, end_at=timedelta(hours=4)
        )
        once = self.scheduler.get_job("once").next_run_time
        self.scheduler.shutdown()
        events = asyncz.simulate(self.scheduler, once - timedelta(hours=9), once)
        self.assertEqual([event.job_id for event in events], ["often"] * 3 + ["once"])
        self.assertEqual(events[-1].scheduled_run_time, once)

    def test_lets_no_run_be_later_than_the_end_of_its_trigger(self):
        options = {"end_at": "2026-01-01 00:59:59.900", "jitter": 3600}
        for _ in range(20):
            scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
            scheduler.add_job(len, "interval", args=[[]], minutes=30, **options)
            scheduler.add_job(len, "cron", args=[[]], minute="*/20", **options)
            events = asyncz.simulate(scheduler, "2026-01-01", "2026-01-02")
            self.assertLess(events[-1].scheduled_run_time, at("2026-01-01 01:00"))

    def test_lets_coroutines_sleep_on_virtual_time(self):
        async def slow(name: str, seconds: float) -> str:
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(seconds)
            self.ran.append(f"{name} {asyncio.get_running_loop().time() - began:g}")
            return name

        self.scheduler.add_job(
            slow, "date", run_at="2026-01-01 01:00", args=["first", 7200], id="first"
        )
        self.scheduler.add_job(
            slow, "date", run_at="2026-01-01 02:00", args=["second", 60], id="second"
        )
        began = time.monotonic()
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 02:30")
        self.assertLess(time.monotonic() - began, 60)
        self.assertEqual(self.ran, ["second 60", "first 7200"])
        self.assertEqual([event.return_value for event in events], ["second", "first"])

    def test_runs_what_is_due_in_order(self):
        for name, minute in (("late", 30), ("early", 10), ("middle", 20)):
            self.scheduler.add_job(self.ran.append, "cron", minute=minute, args=[name], id=name)
        asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 01:15")
        self.assertEqual(self.ran, ["early", "middle", "late", "early"])

    def test_tells_of_failures_and_misses(self):
        def fail() -> None:
            raise LookupError("no luck")

        async def block(seconds: float) -> None:
            await asyncio.sleep(seconds)

        self.scheduler.add_job(fail, "cron", hour=1, id="fail")
        self.scheduler.add_job(
            block,
            "interval",
            minutes=10,
            start_at="2040-01-01 02:00",
            end_at="2040-01-01 02:30",
            args=[900],
            id="block",
        )
        events = asyncz.simulate(self.scheduler, "2040-01-01", "2040-01-01 03:00")
        self.assertEqual(
            [(event.code, event.job_id) for event in events],
            [(asyncz.JOB_ERROR, "fail")] + [(asyncz.JOB_EXECUTED, "block")] * 2,
        )
        self.assertEqual(
            (repr(events[0].exception), "no luck" in events[0].traceback),
            ("LookupError('no luck')", True),
        )
        late = asyncz.AsyncIOScheduler(timezone="UTC")
        late.add_job(late.pause, "date", run_at="2026-01-01 00:30", id="pause")
        late.add_job(
            len, "date", run_at="2026-01-01 01:00", args=[[]], mistrigger_grace_time=60, id="missed"
        )

        async def resume() -> None:
            await asyncio.sleep(2 * 3600)
            late.resume()

        late.add_job(resume, "date", run_at="2026-01-01 00:00", id="resume")
        events = asyncz.simulate(late, "2026-01-01", "2026-01-01 03:00")
        self.assertEqual(
            [(event.code, event.job_id) for event in events if event.job_id == "missed"],
            [(asyncz.JOB_MISSED, "missed")],
        )

    def test_lets_jobs_add_and_delete_jobs(self):
        def grow() -> None:
            self.scheduler.add_job(
                self.ran.append,
                "interval",
                minutes=10,
                args=["grown"],
                id="grown",
                replace_existing=True,
            )

        def end() -> None:
            self.scheduler.delete_job("grown")
            self.ran.append("end")

        self.scheduler.add_job(grow, "date", run_at="2026-01-01 01:00", id="grow")
        self.scheduler.add_job(end, "date", run_at="2026-01-01 01:25", id="end")
        asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-02")
        self.assertEqual(self.ran, ["grown", "grown", "end"])
        self.assertEqual([job.id for job in self.scheduler.get_jobs()], ["grow", "end"])

    def test_leaves_the_scheduler_as_it_was(self):
        ran = threading.Event()
        other = asyncz.MemoryStore()
        self.scheduler.add_store(other, "other")
        kept = self.scheduler.add_job(len, "interval", hours=1, args=[[]], id="kept")
        self.scheduler.add_job(ran.set, "date", id="now", store="other")
        self.scheduler.add_job(len, "interval", hours=1, args=[[]], id="paused", next_run_time=None)

        def shown() -> list[Any]:
            return [
                (job.id, job.store_alias, job.trigger, job.next_run_time is None, job.pending)
                for job in self.scheduler.get_jobs()
            ]

        before, next_run_time = shown(), kept.next_run_time
        events = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-02")
        self.assertEqual({event.job_id for event in events}, {"kept", "now"})
        ran.clear()
        self.assertEqual(
            (shown(), kept.next_run_time, self.scheduler.running), (before, next_run_time, False)
        )
        self.assertEqual(self.scheduler.state, asyncz.SchedulerState.STATE_STOPPED)
        with self.scheduler:
            self.assertTrue(ran.wait(5))
            self.assertEqual(self.scheduler.get_job("kept").store_alias, "default")
        again = asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 12:00")
        self.assertEqual({event.job_id for event in again}, {"kept"})

    def test_works_inside_a_running_loop(self):
        async def notebook_cell() -> list[str]:
            return self.times(asyncz.simulate(self.scheduler, "2026-01-01", "2026-01-01 02:00"))

        self.scheduler.add_job(len, "interval", hours=1, args=[[]], id="a")
        self.assertEqual(asyncio.run(notebook_cell()), ["a 01 01:00:00", "a 01 02:00:00"])

    def test_reads_naive_times_in_the_zone_of_the_scheduler(self):
        scheduler = asyncz.AsyncIOScheduler(timezone="Asia/Tokyo")
        scheduler.add_job(len, "cron", hour="*/8", args=[[]], id="a")
        events = asyncz.simulate(scheduler, "2026-01-01", "2026-01-01 08:00")
        self.assertEqual(self.times(events), ["a 31 15:00:00", "a 31 23:00:00"])

    def test_refuses_what_it_can_not_run(self):
        like = "not a date and time; give a datetime, a date, an ISO 8601 string such as '2026-12-01 08:00', or a timedelta from now"
        simulate, scheduler = asyncz.simulate, self.scheduler
        rows = [
            (
                (5, "2026-01-01", "2026-01-02"),
                "TypeError: scheduler=5: not an AsyncIOScheduler; give one, that is stopped",
            ),
            ((scheduler, "soon", "2026-01-02"), f"ValueError: start='soon': {like}"),
            ((scheduler, "2026-01-01", None), f"TypeError: until=None: {like}"),
            (
                (scheduler, "2026-01-02", "2026-01-01"),
                "ValueError: until='2026-01-01': before start='2026-01-02'; it must be at or after it",
            ),
        ]
        for arguments, expected in rows:
            with self.subTest(expected):
                self.assertEqual(complaint(simulate, *arguments), expected)
        with scheduler:
            expected = "SchedulerAlreadyRunningError: simulate: the scheduler is running; shut it down first"
            self.assertEqual(complaint(simulate, scheduler, "2026-01-01", "2026-01-02"), expected)

    def test_time_waits_for_what_a_job_does_in_a_thread(self) -> None:
        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        released = threading.Event()

        async def job() -> bool:
            threading.Timer(0.05, released.set).start()
            return await asyncio.get_running_loop().run_in_executor(None, released.wait, 10)

        scheduler.add_job(job, "date", run_at="2026-01-01 01:00")
        scheduler.add_job(lambda: None, "date", run_at="2026-01-01 01:00:01")
        events = asyncz.simulate(scheduler, "2026-01-01", "2026-01-01 02:00")
        self.assertEqual([event.return_value for event in events], [True, None])

    def test_runs_jobs_whose_schedule_was_over_before_they_were_added(self):
        for start_first in (False, True):
            scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
            scheduler.add_job(
                lambda: None,
                "interval",
                hours=1,
                start_at="2020-01-01",
                end_at="2020-01-01 03:00",
                id="old",
            )
            self.assertIsNone(scheduler.get_job("old"))
            if start_first:  # then it is over for good
                with scheduler:
                    pass
            events = asyncz.simulate(scheduler, "2020-01-01", "2020-01-02")
            self.assertEqual(len(events), 0 if start_first else 4)
            self.assertEqual(scheduler.get_jobs(), [])


# === Dotted names ===
# asyncz.schedulers.asyncio and the like, also of vendored copies and after a reload.


class TestDottedNames(unittest.TestCase):
    def vendored(self, *packages: str) -> str:
        """Make packages with a copy of asyncz.py as `_vendor/asyncz.py`; return the folder that
        they are in.
        """
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        for package in packages:
            vendor = pathlib.Path(folder.name, package, "_vendor")
            vendor.mkdir(parents=True)
            (vendor / "__init__.py").touch()
            (vendor.parent / "__init__.py").touch()
            shutil.copy(HERE / "asyncz.py", vendor)
        return folder.name

    def test_can_be_the_first_import_of_a_program(self):
        programs = [
            f"from asyncz.{module} import {', '.join(names)}; import asyncz\nprint(all(getattr(asyncz, name) is globals()[name] for name in {names}))"
            for module, names in DOTTED.items()
        ]
        done = run_forked(*programs, preloaded=("asyncio", "concurrent.futures"))
        for module, (_, output, errors) in zip(DOTTED, done):
            with self.subTest(module):
                self.assertEqual((errors, output), ("", "True\n"))

    def test_can_be_imported_in_every_way(self):
        for module, names in DOTTED.items():
            with self.subTest(module):
                imported = importlib.import_module(f"asyncz.{module}")
                self.assertEqual(
                    [getattr(imported, name) is getattr(asyncz, name) for name in names],
                    [True] * len(names),
                )
                self.assertLessEqual(set(names), set(imported.__all__))
                self.assertEqual(imported.__name__, f"asyncz.{module}")
                found: Any = asyncz
                for part in module.split("."):
                    found = getattr(found, part)
                self.assertIs(found, imported)
                namespace: dict[str, Any] = {}
                exec(f"from asyncz.{module} import *; import asyncz.{module} as renamed", namespace)
                self.assertEqual(
                    (set(imported.__all__) - set(namespace), namespace["renamed"]),
                    (set(), imported),
                )

    def test_that_are_unknown_are_import_errors(self):
        with self.assertRaises(ModuleNotFoundError) as caught:
            importlib.import_module("asyncz.nothing")
        self.assertEqual(caught.exception.name, "asyncz.nothing")

    def test_follow_a_vendored_copy(self):
        folder = self.vendored("pkgtmp")
        program = (
            "from pkgtmp._vendor.asyncz.schedulers.asyncio import AsyncIOScheduler\n"
            "from pkgtmp._vendor.asyncz.triggers import CronTrigger\n"
            "import sys, pkgtmp._vendor.asyncz as asyncz\n"
            "print(AsyncIOScheduler is asyncz.AsyncIOScheduler, CronTrigger.__module__, 'asyncz' in sys.modules)\n"
            "try:\n    import pkgtmp._vendor.asyncz.triggers.cron\n"
            "except ImportError as error:\n    print(error)\n"
        )
        result = run_python("-c", program, env={"PYTHONPATH": folder})
        unknown = "No module named 'pkgtmp._vendor.asyncz.triggers.cron': asyncz is one file; import CronTrigger from asyncz itself"
        expected = f"True pkgtmp._vendor.asyncz False\n{unknown}\n"
        self.assertEqual((result.stderr, result.stdout), ("", expected))

    def test_of_two_vendored_copies_stay_apart(self):
        folder = self.vendored("one", "two")
        program = (
            "import one._vendor.asyncz.schedulers.asyncio, two._vendor.asyncz.schedulers.asyncio, asyncz.schedulers.asyncio, sys\n"
            "copies = one._vendor.asyncz, two._vendor.asyncz, asyncz\n"
            "print(len({copy.schedulers.asyncio.AsyncIOScheduler for copy in copies}), len({copy.triggers for copy in copies}))\n"
            "print([copy.schedulers.asyncio.AsyncIOScheduler is copy.AsyncIOScheduler for copy in copies])\n"
            "print([copy.AsyncIOScheduler.__module__ for copy in copies])\n"
            "for copy in copies:\n"
            "    scheduler = copy.AsyncIOScheduler(timezone='UTC')\n"
            "    scheduler.add_job(print, 'interval', hours=1)\n"
            "    print(len(copy.simulate(scheduler, '2026-01-01', '2026-01-02')), end=' ')\n"
        )
        result = run_python(
            "-c",
            program.replace("add_job(print,", "add_job(len, args=[[]], trigger="),
            env={"PYTHONPATH": os.pathsep.join((folder, str(HERE)))},
        )
        expected = "3 3\n[True, True, True]\n['one._vendor.asyncz', 'two._vendor.asyncz', 'asyncz']\n24 24 24 "
        self.assertEqual((result.stderr, result.stdout), ("", expected))

    def test_of_a_vendored_copy_run_as_a_program_work(self):
        result = run_python(
            "-m",
            "pkgtmp._vendor.asyncz",
            "next",
            "@yearly",
            "-n",
            "1",
            "-z",
            "UTC",
            env={"PYTHONPATH": self.vendored("pkgtmp")},
        )
        self.assertEqual((result.stderr, result.stdout[-15:]), ("", "-01 00:00:00 UTC\n"[-15:]))

    def test_are_new_after_a_reload(self):
        program = (
            "import asyncz.schedulers.asyncio, importlib\n"
            "old = asyncz.AsyncIOScheduler\n"
            "importlib.reload(asyncz)\n"
            "from asyncz.schedulers.asyncio import AsyncIOScheduler\n"
            "print(AsyncIOScheduler is asyncz.AsyncIOScheduler, asyncz.schedulers.asyncio.AsyncIOScheduler is AsyncIOScheduler, AsyncIOScheduler is old)\n"
        )
        result = run_python("-c", program)
        self.assertEqual((result.stderr, result.stdout), ("", "True True False\n"))

    def test_are_not_needed_where_the_file_is_loaded_by_hand(self):
        """Nor need that be in sys.modules."""
        source = HERE / "asyncz.py"
        spec = importlib.util.spec_from_file_location("asyncz_by_hand", source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        namespace: dict[str, Any] = {"__name__": "asyncz_executed"}
        exec(source.read_text(encoding="utf-8"), namespace)
        for found in (module, types.SimpleNamespace(**namespace)):
            with self.subTest(found.__name__):
                scheduler = found.AsyncIOScheduler(timezone="UTC")
                job = scheduler.add_job(print, "cron", hour=8)
                self.assertEqual((job.name, found.JobEvent(1, "a").alias), ("print", "a"))
                self.assertEqual(
                    [name for name in sys.modules if name.startswith(found.__name__)], []
                )
                with scheduler:
                    job = scheduler.add_job(os.getpid, "interval", hours=1)
                    self.assertEqual(scheduler.run_job(job.id).result(5), os.getpid())


# === Command line ===
# python -m asyncz: what it prints, its exit statuses, and a scheduler that it runs until it is told
# to stop.


APP = """
import asyncio, sys
import asyncz
from asyncz.schedulers.asyncio import AsyncIOScheduler

scheduler = AsyncIOScheduler(timezone="UTC")
number = 5

@scheduler.scheduled_job("date", id="long")
async def long():
    print("ready", type(scheduler) is sys.modules["asyncz"].AsyncIOScheduler, asyncz.__name__ == asyncz.AsyncIOScheduler.__module__ or sys.modules["__main__"] is asyncz, flush=True)
    try:
        await asyncio.sleep(0.2)
    finally:
        print("finished", flush=True)
"""


class TestCommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # The demonstration takes five seconds: let it run beside the other tests.
        cls.demo = subprocess.Popen(
            [sys.executable, "-m", "asyncz", "demo"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    @classmethod
    def tearDownClass(cls) -> None:
        cls.demo.kill()
        cls.demo.communicate()

    def setUp(self) -> None:
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        pathlib.Path(self.folder, "app.py").write_text(APP)

    def test_prints_the_coming_runs_of_an_expression(self):
        for command in (("-m", "asyncz"), (str(HERE / "asyncz.py"),)):
            with self.subTest(command):
                result = run_python(*command, "next", "0 12 1 7 *", "-n", "3", "-z", "Europe/Paris")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                described, *lines = result.stdout.splitlines()
                self.assertEqual(described, "at 12:00 on day 1 of the month, in July")
                years = [int(line[4:8]) for line in lines]
                self.assertEqual(
                    lines,
                    [
                        f"{date(year, 7, 1):%a} {year}-07-01 12:00:00 CEST"
                        for year in range(years[0], years[0] + 3)
                    ],
                )
                self.assertGreaterEqual(years[0], datetime.now().year)

    def test_prints_ten_in_the_local_zone_where_nothing_else_is_said(self):
        result = run_python("-m", "asyncz", "next", "* * * * * *", env={"TZ": "Asia/Tokyo"})
        described, *lines = result.stdout.splitlines()
        self.assertEqual((result.stderr, described), ("", "every second"))
        self.assertEqual((len(lines), {line[-4:] for line in lines}), (10, {" JST"}))

    def test_prints_what_there_is_where_an_expression_ends_early(self):
        result = run_python("-m", "asyncz", "next", "@yearly", "-n", "20000", "-z", "UTC")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertRegex(result.stdout.splitlines()[-1], "99[0-9][0-9]-01-01 00:00:00 UTC$")

    def test_answers_bad_input_with_one_line_and_exit_status_2(self):
        takes = "takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas"
        nowhere = "'Europe/Pariss': no such time zone; did you mean 'Europe/Paris'?; names are like 'Europe/Paris' or 'UTC'"
        crontab = "a crontab line has five, minute hour day month weekday, or six, with the second first; for a year there is CronTrigger(year=...)"
        rows = [
            (["next", "60 * * * *"], f"asyncz: minute='60': 60 is more than 59; minute {takes}"),
            (["next", "* * *"], f"asyncz: expression='* * *': 3 fields; {crontab}"),
            (["next", "* * * * *", "-z", "Europe/Pariss"], f"asyncz: timezone={nowhere}"),
            (["next", "* * * * *", "-n", "0"], "asyncz: -n 0: not a number from 1"),
            (["next", "* * * * *", "-n", "x"], "asyncz: argument -n: invalid int value: 'x'"),
            (
                ["next", "@daily", "every 5x"],
                "asyncz: 'every 5x': not an interval; write it as 'every 1h30m', with w, d, h, m or s",
            ),
            (
                ["next", "every 0s"],
                "asyncz: IntervalTrigger: seconds=0: the interval is 0 seconds; it must be more than zero, as in minutes=5",
            ),
            (
                ["next", "@daily", "--from", "tomorrow"],
                "asyncz: --from='tomorrow': not a date and time; give a datetime, a date, an ISO 8601 string such as '2026-12-01 08:00', or a timedelta from now",
            ),
            (
                ["timeline", "app:scheduler", "--days", "15"],
                "asyncz: --days 15: not a number from 1 to 14",
            ),
            (
                ["timeline", "app:number"],
                "asyncz: scheduler='app:number': 5 is not an AsyncIOScheduler",
            ),
            (["jobs"], "asyncz: one of the arguments --sqlite module:scheduler is required"),
            (
                ["jobs", "--sqlite", "nothing.sqlite3"],
                "asyncz: [Errno 2] No such file or directory: 'nothing.sqlite3'",
            ),
            (["next"], "asyncz: the following arguments are required: expression"),
            (["run"], "asyncz: the following arguments are required: module:scheduler"),
            (
                ["run", "app:scheduler", "--grace", "0"],
                "asyncz: --grace=0.0: not a number of seconds above 0",
            ),
            (
                ["run", "app"],
                "asyncz: scheduler='app': not a reference; write it as 'package.module:object'",
            ),
            (
                ["run", "nothing:scheduler"],
                "asyncz: scheduler='nothing:scheduler': there is no module 'nothing'; write it as 'package.module:object'",
            ),
            (["run", "app:number"], "asyncz: scheduler='app:number': 5 is not an AsyncIOScheduler"),
            (
                ["run", "app:AsyncIOScheduler"],
                "asyncz: scheduler='app:AsyncIOScheduler': <class '__main__.AsyncIOScheduler'> is not an AsyncIOScheduler",
            ),
            (
                ["run", "app:other"],
                "asyncz: scheduler='app:other': <an AsyncIOScheduler> is not an AsyncIOScheduler",
            ),
        ]
        with open(pathlib.Path(self.folder, "app.py"), "a") as app:
            app.write(
                "class Other:\n    def __repr__(self): return '<an AsyncIOScheduler>'\n"
                "Other.__name__ = 'AsyncIOScheduler'\nother = Other()\n"
            )
        result = run_python("-m", "asyncz", *rows[0][0], cwd=self.folder)
        self.assertEqual(
            (result.returncode, result.stdout, result.stderr), (2, "", f"{rows[0][1]}\n")
        )
        for (arguments, expected), answer in zip(rows, self.called(*(row for row, _ in rows))):
            with self.subTest(arguments):
                self.assertEqual(answer, (2, "", f"{expected}\n"))

    def called(self, *lines):
        """Return exit status, output and errors of `python -m asyncz` with these arguments each."""
        program = "import runpy\nrunpy.run_module('asyncz', run_name='__main__', alter_sys=True)"
        return run_forked(
            *((program, arguments, {}) for arguments in lines),
            preloaded=("asyncio", "argparse", "zoneinfo"),
            cwd=self.folder,
        )

    def test_lists_its_commands_where_none_is_given_and_tells_its_version(self):
        nothing, asked, version = self.called([], ["--help"], ["--version"])
        for command in ("    next ", "    run ", "    demo ", "  --version "):
            self.assertIn(f"\n{command}", asked[1])
        self.assertEqual((nothing, asked[0]), ((2, asked[1], ""), 0))
        self.assertEqual(version, (0, f"asyncz {asyncz.__version__}\n", ""))

    def test_shows_where_an_error_in_the_module_of_the_scheduler_is(self):
        scheduler = "import asyncz\nscheduler = asyncz.AsyncIOScheduler()\n"
        store = "class Odd(asyncz.MemoryStore):\n    def start(self, *_): [][1]\nscheduler.add_store(Odd())"
        modules = {
            "key": ("import os\nos.environ['NO_SUCH_KEY']", "KeyError: 'NO_SUCH_KEY'"),
            "deep": ("import deeper", "ValueError: invalid literal for int() with base 10: 'x'"),
            "deeper": ("int('x')", "ValueError: invalid literal for int() with base 10: 'x'"),
            "lookup": ("raise LookupError('of mine')", "LookupError: of mine"),
            "lacks": ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
            "wrong": (f"{scheduler}scheduler.add_job(3)", "TypeError: fn=3: not callable;"),
            "late": (f"{scheduler}{store}", "IndexError: list index out of range"),
        }
        for name, (text, _) in modules.items():
            pathlib.Path(self.folder, f"{name}.py").write_text(text)
        done = self.called(*(["run", f"{name}:scheduler"] for name in modules))
        for (name, (_, last)), (status, output, errors) in zip(modules.items(), done):
            with self.subTest(name):
                self.assertEqual((status, output), (1, ""))
                self.assertRegex(errors, rf'(?s)^(Traceback.*)?  File ".*{name}.py", line \d')
                self.assertRegex(errors.splitlines()[-1], f"^{re.escape(last)}")
                self.assertNotIn("importlib", errors)
        pathlib.Path(self.folder, "syntax.py").write_text("def (")
        result = run_python("-m", "asyncz", "run", "syntax:scheduler", cwd=self.folder)
        self.assertRegex(result.stderr, r"(?s)syntax.py.*\nSyntaxError: ")
        self.assertEqual(result.returncode, 1)

    def test_says_in_one_line_what_keeps_a_scheduler_from_its_start(self):
        text = """
            import asyncz
            store = asyncz.SQLiteStore("conflict.sqlite3")
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
            scheduler.add_job(print, "cron", hour=8, id="a")
        """
        pathlib.Path(self.folder, "twice.py").write_text(textwrap.dedent(text))
        store = asyncz.SQLiteStore(pathlib.Path(self.folder, "conflict.sqlite3"))
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.add_job(print, "cron", hour=8, id="a")
        done = run_python("-m", "asyncz", "run", "twice:scheduler", cwd=self.folder)
        error = "asyncz: id='a': there is a job with that id in store 'default'; give another id, or replace_existing=True\n"
        self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", error))

    def test_runs_the_scheduler_of_another_copy(self):
        package = pathlib.Path(self.folder, "myapp", "_vendor")
        package.mkdir(parents=True)
        shutil.copy(asyncz.__file__, package / "asyncz.py")
        text = """
            from myapp._vendor import asyncz

            class Scheduler(asyncz.AsyncIOScheduler):
                pass

            scheduler = Scheduler()
            scheduler.add_job(lambda: print("ran") or scheduler.shutdown())
        """
        pathlib.Path(self.folder, "vapp.py").write_text(textwrap.dedent(text))
        done = run_python(str(package / "asyncz.py"), "run", "vapp:scheduler", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (0, "ran\n"), done.stderr)

    def test_ends_well_where_nobody_reads_any_more_what_its_jobs_have_printed(self):
        text = """
            import sys, asyncz
            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job()
            def job():
                sys.stdin.read()
                scheduler.shutdown()
                print("into a buffer")
        """
        pathlib.Path(self.folder, "unread.py").write_text(textwrap.dedent(text))
        command = [sys.executable, "-m", "asyncz", "run", "unread:scheduler"]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        buffered = environment(PYTHONUNBUFFERED="")
        with subprocess.Popen(command, cwd=self.folder, env=buffered, **streams) as process:
            process.stdout.close()
            process.stdin.close()
            errors = process.stderr.read()
            self.assertEqual(process.wait(60), 0, errors)
        self.assertNotIn(b"BrokenPipeError", errors)

    def test_logs_from_the_level_on_that_is_asked_for(self):
        text = """
            import asyncz, logging
            {}
            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job()
            async def job():
                logging.getLogger("mine").debug("a detail")
                scheduler.shutdown()
        """
        setups = {"plain": "", "own": "logging.basicConfig(level='WARNING')"}
        for name, setup in setups.items():
            pathlib.Path(self.folder, f"{name}.py").write_text(textwrap.dedent(text).format(setup))
        rows = [
            ("plain", [], (False, True)),
            ("plain", ["--log-level", "debug"], (True, True)),
            ("plain", ["--log-level", "Error"], (False, False)),
            ("own", [], (False, False)),
            ("own", ["--log-level", "info"], (False, True)),
        ]
        done = self.called(*(["run", f"{name}:scheduler", *level] for name, level, _ in rows))
        for (name, level, expected), (status, output, errors) in zip(rows, done):
            with self.subTest(name, level=level):
                found = "a detail" in errors, "scheduler started" in errors
                self.assertEqual((status, output, found), (0, "", expected), errors)

    def test_leaves_when_the_grace_of_a_stop_is_over(self):
        text = """
            import asyncio, sys, time, asyncz
            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job()
            async def job():
                print("begun", file=sys.stderr, flush=True)
                await asyncio.sleep(600)

            @scheduler.scheduled_job()
            def other():
                time.sleep(600)
        """
        pathlib.Path(self.folder, "late.py").write_text(textwrap.dedent(text))
        command = [sys.executable, "-m", "asyncz", "run", "late:scheduler"]
        command += ["--grace", "0.3", "--log-level", "error"]
        options = {"stderr": subprocess.PIPE, "text": True, "cwd": self.folder}
        for number in (signal.SIGTERM, signal.SIGINT):
            with (
                self.subTest(number),
                subprocess.Popen(command, env=environment(), **options) as process,
            ):
                guard = threading.Timer(20, process.kill)
                guard.start()
                first = process.stderr.readline()
                process.send_signal(number)
                rest = process.stderr.read()
                process.wait(20)
                guard.cancel()
                self.assertEqual(
                    (first, rest.splitlines()[-1], process.returncode),
                    ("begun\n", "asyncz: jobs were still running after 0.3 s", 1),
                )

    def test_runs_as_process_1_as_in_a_container(self):
        # The kernel keeps from process 1 the signals that it has no handler for, and leaves to it
        # the children that nobody waits for.
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if shutil.which("unshare") is None:
            self.skipTest("no unshare, which is of Linux")
        probe = subprocess.run([*alone, "true"], capture_output=True, text=True)
        if probe.returncode:
            self.skipTest(f"unshare can't make a process 1 here: {probe.stderr.strip()}")
        text = """
            import asyncio, os, pathlib, subprocess, sys, asyncz

            def die():
                os._exit(3)

            pool = asyncz.ProcessPoolExecutor(1)
            scheduler = asyncz.AsyncIOScheduler(executors={"pool": pool})
            scheduler.add_job("first:die", None, id="dies", executor="pool", next_run_time=None)

            @scheduler.scheduled_job()
            async def job():
                subprocess.run([sys.executable, "-c", ""], check=True)
                await asyncio.gather(scheduler.run_job("dies"), return_exceptions=True)
                states = [
                    stat.read_text().rpartition(")")[2].split()[0]
                    for stat in pathlib.Path("/proc").glob("[0-9]*/stat")
                ]
                print(os.getpid(), states.count("Z"), flush=True)
                await asyncio.sleep(0.2)
                print("ended", flush=True)
        """
        pathlib.Path(self.folder, "first.py").write_text(textwrap.dedent(text))
        command = [*alone, sys.executable, "-m", "asyncz", "run", "first:scheduler"]
        with subprocess.Popen(
            [*command, "--grace", "20"],
            cwd=self.folder,
            env=environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            guard = threading.Timer(60, process.kill)
            guard.start()
            first = process.stdout.readline()
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            if first:
                os.kill(int(children.read_text()), signal.SIGTERM)
            rest, errors = process.communicate()
            guard.cancel()
        self.assertEqual((first, rest, process.returncode), ("1 0\n", "ended\n", 0), errors)

    def test_leaves_at_a_second_signal_without_a_word_of_the_loop(self):
        text = """
            import asyncio, sys, asyncz
            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job()
            async def job():
                print("begun", file=sys.stderr, flush=True)
                await asyncio.sleep(600)
        """
        pathlib.Path(self.folder, "long.py").write_text(textwrap.dedent(text))
        command = [sys.executable, "-m", "asyncz", "run", "long:scheduler"]
        options = {"stderr": subprocess.PIPE, "text": True, "cwd": self.folder}
        with subprocess.Popen(command, env=environment(), **options) as process:
            guard = threading.Timer(60, process.kill)
            guard.start()
            lines = list(iter(process.stderr.readline, "begun\n"))
            process.send_signal(signal.SIGINT)
            waiting = "WARNING asyncz: waiting for 1 running job; Ctrl-C again to leave now\n"
            for line in process.stderr:
                if line.endswith(waiting):
                    # What comes within a second of the first is a part of it.
                    time.sleep(1.1)
                    process.send_signal(signal.SIGINT)
                lines.append(line)
            process.wait(60)
            guard.cancel()
        errors = [line for line in lines if "Traceback" in line]
        self.assertEqual((process.returncode, errors), (130, []), lines)

    def shown(self, *arguments):
        """Return the lines that a command prints, in this process."""
        with contextlib.redirect_stdout(io.StringIO()) as found:
            self.assertEqual(asyncz.main(arguments), 0)
        return found.getvalue().splitlines()

    def test_merges_the_runs_of_several_expressions(self):
        found = self.shown(
            "next",
            *("*/5 * * * *", "every 90s", "every  1d 2h"),
            *("-n", "5", "-z", "Europe/Paris", "--from", "2026-07-06T10:00"),
        )
        self.assertEqual(
            found,
            [
                "Mon 2026-07-06 10:00:00 CEST  */5 * * * *",
                "Mon 2026-07-06 10:01:30 CEST  every 90s",
                "Mon 2026-07-06 10:03:00 CEST  every 90s",
                "Mon 2026-07-06 10:04:30 CEST  every 90s",
                "Mon 2026-07-06 10:05:00 CEST  */5 * * * *",
            ],
        )

    def test_understands_intervals_in_every_unit(self):
        rows = [
            ("every 90s", "every 90 seconds", "10:01:30"),
            ("every 1h30m", "every 90 minutes", "11:30:00"),
            ("every 1d 2h 3m 4s", "every 93784 seconds", "12:03:04"),
            ("every 1w", "every 168 hours", "10:00:00"),
        ]
        for expression, described, clock in rows:
            with self.subTest(expression):
                start = ("-z", "UTC", "--from", "2026-07-06 12:00+02:00")
                first, second = self.shown("next", expression, "-n", "1", *start)
                self.assertEqual((first, second.split()[2]), (described, clock))

    def with_module(self, text, name="seen"):
        """Let a module of that text be imported, and return its scheduler's reference."""
        pathlib.Path(self.folder, f"{name}.py").write_text(textwrap.dedent(text))
        self.addCleanup(sys.modules.pop, name, None)
        self.addCleanup(sys.path.remove, self.folder)
        sys.path.insert(0, self.folder)
        # The command adds the directory that it is called in.
        self.addCleanup(setattr, sys, "path", sys.path.copy())
        return f"{name}:scheduler"

    PICTURED = """
        import asyncz
        from datetime import timedelta

        class Busy(asyncz.BaseTrigger):
            steps = 0

            def get_next_trigger_time(self, previous, now):
                Busy.steps += 1
                return (previous or now) + timedelta(seconds=1)

        scheduler = asyncz.AsyncIOScheduler(timezone="Europe/Paris")

        @scheduler.scheduled_job("cron", hour=3, start_at="2090-01-01")
        def backup(): raise SystemExit("nothing is run")

        scheduler.add_job(backup, Busy(), name="busy")
        add, options = scheduler.add_job, {"start_at": "2090-01-01"}
        add(backup, "interval", name="poll", minutes=40, **options)
        add(backup, "cron", name="a name that is much too long", hour="3,4", **options)
        add(backup, "date", name="once", run_at="2099-03-29 12:00")
        add(backup, "cron", name="paused", minute=1, next_run_time=None)
    """

    def test_draws_when_which_job_runs(self):
        reference = self.with_module(self.PICTURED)
        spring = [
            "               |27 Fri Mar  |28 Sat Mar  |29 Sun Mar  ",
            "busy           |############|############|############",
            "poll           |333333333333|333333333333|323333333333",
            "backup         |.1..........|.1..........|.1..........",
            "a name that is |.11.........|.11.........|.11.........",
            "once           |............|............|......1.....",
            "paused         |............|............|............",
            # 13 and 14 of 15 at most, in tenths, rounded up.
            "all            |9##999999999|9##999999999|9##999#99999",
            "from 2099-03-27 (Europe/Paris), 2 h a column: . no run, 1-9, # 10 or more",
            "all: the sum, or tenths of the highest where that is more than 10",
        ]
        found = self.shown("timeline", reference, "--days", "3", "--from", "2099-03-27 09:00")
        self.assertEqual(found, spring)
        # The two hours from 2 o'clock on are three.
        found = self.shown("timeline", reference, "--days=3", "--from=2099-10-24")
        self.assertEqual(found[2], "poll           |333333333333|343333333333|333333333333")
        # A day, a week and more, in a terminal of 80 columns, or hardly more.
        for days, per_day, width in ((1, 24, 40), (7, 8, 78), (14, 4, 85)):
            found = self.shown("timeline", reference, f"--days={days}", "--from=2099-03-27")
            self.assertEqual({len(line) for line in found[:-2]}, {width})
            self.assertIn(f"{24 // per_day} h a column", found[-2])
            cells = found[3].partition("|")[2].split("|")
            self.assertEqual({cell.index("1") for cell in cells}, {3 * per_day // 24})
        # From the day on that is today in the zone of the scheduler.
        before = datetime.now(zoneinfo.ZoneInfo("Europe/Paris"))
        found = self.shown("timeline", reference)
        after = datetime.now(zoneinfo.ZoneInfo("Europe/Paris"))
        self.assertIn(found[-2][5:15], (f"{before:%Y-%m-%d}", f"{after:%Y-%m-%d}"))

    def test_draws_what_runs_too_often_without_a_walk_through_all(self):
        reference = self.with_module(self.PICTURED)
        busy = importlib.import_module("seen").Busy
        before = busy.steps
        self.shown("timeline", reference, "--days", "14", "--from", "2099-03-27")
        # Four columns a day, and what is before them.
        self.assertLessEqual(busy.steps - before, (14 * 4 + 1) * 11)

    def test_draws_nothing_where_there_is_no_job(self):
        reference = self.with_module("import asyncz\nscheduler = asyncz.AsyncIOScheduler()")
        found = self.shown("timeline", reference, "--days", "1")
        self.assertEqual((len(found), found[1]), (4, f"all            |{'.' * 24}"))
        self.assertEqual(len(self.shown("jobs", reference)), 1)

    def test_lists_the_jobs_of_a_scheduler_and_its_file(self):
        path = pathlib.Path(self.folder, "jobs.sqlite3")
        reference = self.with_module(f"""
            import asyncz
            scheduler = asyncz.AsyncIOScheduler(
                timezone="UTC", stores={{"default": asyncz.SQLiteStore({str(path)!r})}}
            )

            @scheduler.scheduled_job("cron", day_of_week="mon-fri", hour=8, start_at="2099-01-01")
            def tick():
                raise ValueError("first line\\nsecond line")

            scheduler.add_job(tick, "interval", minutes=5, id="pau\\nsed", next_run_time=None)
        """)
        # fmt: off
        listed = [
            "id         function   schedule                                                  next run                 last run",
            "seen:tick  seen:tick  at 08:00 on Monday to Friday, from Thursday 2099-01-01    2099-01-01 08:00:00 UTC",
            "pau\\nsed   seen:tick  every 5 minutes                                           paused",
        ]
        # fmt: on
        squeezed = [re.sub("  +", "  ", line) for line in listed]
        found = self.shown("jobs", reference)
        lines = [re.sub("  +|, in [0-9]+ days", "  ", line).rstrip() for line in found]
        self.assertEqual(lines, squeezed)
        self.assertEqual(
            {line.index("  paused") - found[0].index("  next run") for line in found[2:]}, {0}
        )
        self.assertFalse(path.exists(), "it only looks")

        scheduler = sys.modules["seen"].scheduler
        scheduler.add_job("seen:tick", id="bad", next_run_time=None)
        failed = threading.Event()
        scheduler.add_listener(lambda event: failed.set(), asyncz.JOB_ERROR)
        scheduler.update_job("seen:tick", next_run_time=datetime.now(UTC))
        with scheduler:
            self.assertTrue(failed.wait(20))
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE jobs SET def = 'nonsense' WHERE id = 'bad'")
        # It would fail if it were imported.
        pathlib.Path(self.folder, "seen.py").write_text("raise KeyError('imported')")
        del sys.modules["seen"]
        importlib.invalidate_caches()
        found = self.shown("jobs", "--sqlite", str(path))
        found = [re.sub("(, in [0-9]+ days)? {2,}", "  ", line) for line in found]
        ended = r"error \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ValueError: first line$"
        self.assertRegex(found[1], f"^{re.escape(squeezed[1])}  {ended}")
        self.assertEqual((len(found), found[2]), (4, squeezed[2]))
        self.assertRegex(found[3], "^can't be run: bad: ")
        # Without a word in the log, or of what was left open.
        command = ["-W", "error", "-m", "asyncz", "jobs", "--sqlite", str(path)]
        done = run_python(*command, cwd=self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout.splitlines()[-1], "^can't be run: bad: ")
        # From here, the module is not to be found.
        sys.path.remove(self.folder)
        sys.path_importer_cache.clear()
        found = self.shown("jobs", "--sqlite", str(path))
        there = "fn='seen:tick': there is no module 'seen'"
        self.assertEqual(found[-1], f"can't be run: seen:tick: {there}")
        self.assertEqual(os.listdir(self.folder).count("jobs.sqlite3"), 1)
        sys.path.insert(0, self.folder)

    def test_names_the_nearest_that_there_is(self):
        rows = [
            (
                ["run", "app:schedulr"],
                r"asyncz: scheduler='app:schedulr': <module 'app' from '.*'> has no 'schedulr'; did you mean 'scheduler'\?\n",
            ),
            (
                ["run", "app:scheduler", "--log-level", "loud"],
                r"asyncz: argument --log-level: invalid choice: 'LOUD' \(choose from '?DEBUG.*\)\n",
            ),
            (
                ["nxt", "* * * * *"],
                r"asyncz: argument COMMAND: invalid choice: 'nxt' \(.*choose from .*\)\n",
            ),
        ]
        for arguments, expected in rows:
            with self.subTest(arguments):
                result = run_python(str(HERE / "asyncz.py"), *arguments, cwd=self.folder)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertRegex(result.stderr, f"^{expected}$")

    def test_runs_a_scheduler_until_it_is_told_to_stop(self):
        for command, number in (
            (("-m", "asyncz"), signal.SIGTERM),
            ((str(HERE / "asyncz.py"),), signal.SIGINT),
        ):
            with self.subTest(command, signal=number.name):
                arguments = [sys.executable, *command, "run", "app:scheduler"]
                with subprocess.Popen(
                    arguments,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=self.folder,
                    env=environment(),
                ) as process:
                    deadline = threading.Timer(20, process.kill)
                    deadline.start()
                    try:
                        first = process.stdout.readline()
                        process.send_signal(number)
                        rest, errors = process.communicate()
                    finally:
                        deadline.cancel()
                self.assertEqual(
                    (first, rest, process.returncode), ("ready True True\n", "finished\n", 0)
                )
                self.assertNotIn("Traceback", errors)
                self.assertIn("waiting for 1 running job; Ctrl-C again to leave now\n", errors)

    def test_shows_that_this_machine_can_run_it(self):
        output, errors = self.demo.communicate(timeout=30)
        self.assertEqual((self.demo.returncode, errors), (0, ""))
        lines = output.splitlines()
        self.assertEqual(lines[-1], "It works: this machine can run asyncz.")
        self.assertEqual({line.split()[2] for line in lines[1:-1]}, {"interval", "cron", "date"})

    def test_next_ends_with_the_schedule_and_with_its_reader(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            self.assertEqual(asyncz.main(["next", "0 0 29 2 *", "-n", "2000"]), 0)
        self.assertEqual(printed.getvalue().splitlines()[-1][4:8], "9996")

    def test_answers_control_characters_with_one_line_in_which_they_are_escaped(self):
        for arguments in (
            ["next", "* * * * *", "\n\x1b[31mforged"],
            ["run", "a\nb:c"],
            ["next", "*\n\x1b * * *"],
        ):
            with (
                self.subTest(arguments),
                unittest.mock.patch("sys.stderr", io.StringIO()) as errors,
            ):
                try:
                    status = asyncz.main(arguments)
                except SystemExit as stop:
                    status = stop.code
                odd = [sign for sign in errors.getvalue()[:-1] if not sign.isprintable()]
                self.assertEqual((status, odd), (2, []))


# === Programs ===
# What shows only in processes of their own: what the module imports, signals, forks, files that go
# away or are full, programs that are killed; the blocks of the README; programs as users write them.


class TestModule(unittest.TestCase):
    def test_imports_the_standard_library_only_and_starts_no_thread(self):
        program = (
            "import sys, threading; before = set(sys.modules)\n"
            "import asyncz\n"
            "names = {name.partition('.')[0] for name in set(sys.modules) - before} - {'asyncz'}\n"
            "library = __import__('os').path.dirname(__import__('os').__file__)\n"
            "files = {name: getattr(sys.modules.get(name), '__file__', None) for name in names}\n"
            "foreign = [name for name, file in files.items() if file and (not file.startswith(library) or 'site-packages' in file)]\n"
            "print(foreign, threading.active_count(), 'zoneinfo' in sys.modules)\n"
        )
        result = run_python("-S", "-c", program)
        self.assertEqual((result.stderr, result.stdout), ("", "[] 1 False\n"))

    def test_begins_with_its_licence(self):
        """Whoever copies the file has it, too."""
        head = (HERE / "asyncz.py").read_text(encoding="utf-8").partition('"""')[0]
        lines = [line.removeprefix("#").strip() for line in head.splitlines()]
        self.assertEqual(
            lines[:2], ["SPDX-License-Identifier: MIT", "Copyright the asyncz authors"]
        )
        text = " ".join(lines[2:])
        self.assertIn("Permission is hereby granted, free of charge, to any person", text)
        self.assertIn("The above copyright notice and this permission notice shall be incl", text)
        self.assertIn('THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND', text)

    def test_lists_its_rooms_in_order(self):
        source = (HERE / "asyncz.py").read_text(encoding="utf-8")
        part = (
            (asyncz.__doc__ or "")
            .partition("each using only those above it:\n\n")[2]
            .partition("\n\n")[0]
        )
        listed = [re.split(r"\s{2,}", line.strip())[0] for line in part.splitlines()]
        self.assertEqual(listed, re.findall(r"^# === (.+) ===$", source, re.MULTILINE))
        self.assertGreater(len(listed), 10)

    def test_has_an_example_that_runs(self):
        part = (asyncz.__doc__ or "").partition("    import asyncz\n")
        example = textwrap.dedent("".join(part[1:]).partition("\nThe shape:")[0])
        result = run_python("-c", example)
        self.assertEqual((result.stderr, result.stdout), ("", "['beat']\n"))

    def test_names_all_that_is_public(self):
        defined = {
            name
            for name, value in vars(asyncz).items()
            if not name.startswith("_") and not isinstance(value, types.ModuleType)
            if getattr(value, "__module__", None) == "asyncz"
            or (name.isupper() and isinstance(value, int))
        }
        self.assertEqual(sorted(defined - {"main"}), sorted(asyncz.__all__))
        self.assertEqual(len(set(asyncz.__all__)), len(asyncz.__all__))
        kinds = {name for names in DOTTED.values() for name in names}
        self.assertEqual(sorted(kinds - set(asyncz.__all__)), [])
        self.assertEqual(
            [
                name
                for name in asyncz.__all__
                if not name.isupper()
                and f"`{name}`" not in (asyncz.__doc__ or "")
                and not name.endswith("Error")
            ],
            [],
        )

    def test_has_tests_with_its_rooms_in_its_order(self):
        named = [
            re.findall(
                r"^# === (.+) ===$", pathlib.Path(path).read_text(encoding="utf-8"), re.MULTILINE
            )
            for path in (asyncz.__file__, __file__)
        ]
        expected = [
            "Helpers",
            *(room for room in named[0] if room in named[1]),
            "Programs",
            "Servers",
        ]
        self.assertEqual(named[1], expected)
        part = (__doc__ or "").partition("has none here.\n\n")[2].partition("\n\n")[0]
        listed = [re.split(r"\s{2,}", line.strip())[0] for line in part.splitlines()]
        self.assertEqual(listed, named[1])

    def test_has_messages_that_are_ascii(self):
        tree = ast.parse((HERE / "asyncz.py").read_text(encoding="utf-8"))
        places = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docs = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, places) and ast.get_docstring(node)
        }
        texts = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if id(node) not in docs
        ]
        self.assertGreater(len(texts), 1000)
        self.assertEqual(
            [(node.lineno, node.value) for node in texts if not node.value.isascii()], []
        )


class TestMistakes(unittest.TestCase):
    """What somebody writes who knows APScheduler, schedule, Celery or cron, or mistypes, and what he
    is told; where that suggests a call, the call, and what it gives.
    """

    # What is wrong, what is said; what is right, and the text of what it gives or the trigger of it.
    # fmt: off
    TABLE = [
        # names of arguments
            ('scheduler.add_job(func=f)', "TypeError: func: add_job has no such argument; here it is called 'fn'", 'scheduler.add_job(fn=f)', 'date[now]'),
            ("scheduler.add_job(f, 'date', run_date='2027-01-01')", "TypeError: run_date: add_job with the trigger 'date' has no such argument; here it is called 'run_at'", "scheduler.add_job(f, 'date', run_at='2027-01-01')", 'date[2027-01-01 00:00:00]'),
            ("scheduler.add_job(f, 'cron', hour=8, start_date='2027-01-01')", "TypeError: start_date: add_job with the trigger 'cron' has no such argument; here it is called 'start_at'", "scheduler.add_job(f, 'cron', hour=8, start_at='2027-01-01').trigger.start_at", '2027-01-01 00:00:00'),
            ("scheduler.add_job(f, 'interval', hours=1, end_date='2027-01-01')", "TypeError: end_date: add_job with the trigger 'interval' has no such argument; here it is called 'end_at'", "scheduler.add_job(f, 'interval', hours=1, end_at='2027-01-01').trigger.end_at", '2027-01-01 00:00:00'),
            ('scheduler.add_job(f, misfire_grace_time=60)', "TypeError: misfire_grace_time: add_job with the trigger 'date' has no such argument; here it is called 'mistrigger_grace_time'", 'scheduler.add_job(f, mistrigger_grace_time=60).mistrigger_grace_time', '60'),
            ("scheduler.add_job(f, jobstore='default')", "TypeError: jobstore: add_job with the trigger 'date' has no such argument; here it is called 'store'", "scheduler.add_job(f, store='default').store_alias", 'default'),
            ("scheduler.add_job(f, job_id='report')", "TypeError: job_id: add_job with the trigger 'date' has no such argument; here it is called 'id'", "scheduler.add_job(f, id='report').id", 'report'),
            ("scheduler.add_job(f, 'cron', hour=8, max_jitter=5)", "TypeError: max_jitter: add_job with the trigger 'cron' has no such argument; here it is called 'jitter'", "scheduler.add_job(f, 'cron', hour=8, jitter=5).trigger.jitter", '5.0'),
            ("scheduler.add_job(f, 'cron', day_of_month=1)", "TypeError: day_of_month: add_job with the trigger 'cron' has no such argument; here it is called 'day'", "scheduler.add_job(f, 'cron', day=1)", "cron[day='1']"),
            ("scheduler.add_job(f, 'cron', month_of_year=1)", "TypeError: month_of_year: add_job with the trigger 'cron' has no such argument; here it is called 'month'", "scheduler.add_job(f, 'cron', month=1)", "cron[month='1']"),
            ("scheduler.add_job(f, 'cron', weekday='mon')", "TypeError: weekday: add_job with the trigger 'cron' has no such argument; here it is called 'day_of_week'", "scheduler.add_job(f, 'cron', day_of_week='mon')", "cron[day_of_week='mon']"),
            ("scheduler.add_job(f, 'cron', hour=8, tz='UTC')", "TypeError: tz: add_job with the trigger 'cron' has no such argument; here it is called 'timezone'", "scheduler.add_job(f, 'cron', hour=8, timezone='UTC').trigger.timezone", 'UTC'),
            ("scheduler.add_job(f, 'interval', second=5)", "TypeError: second: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has seconds=5", "scheduler.add_job(f, 'interval', seconds=5)", 'interval[0:00:05]'),
            ("scheduler.add_job(f, 'interval', minute=5)", "TypeError: minute: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has minutes=5", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ("scheduler.add_job(f, 'interval', hour=5)", "TypeError: hour: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has hours=5", "scheduler.add_job(f, 'interval', hours=5)", 'interval[5:00:00]'),
            ("scheduler.add_job(f, 'interval', day=5)", "TypeError: day: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has days=5", "scheduler.add_job(f, 'interval', days=5)", 'interval[5 days, 0:00:00]'),
            ("scheduler.add_job(f, 'interval', week=5)", "TypeError: week: add_job with the trigger 'interval' has no such argument; 'cron' has it, and 'interval' has weeks=5", "scheduler.add_job(f, 'interval', weeks=5)", 'interval[35 days, 0:00:00]'),
            ("scheduler.add_job(f, 'cron', seconds=5)", "TypeError: seconds: add_job with the trigger 'cron' has no such argument; 'interval' has it, and 'cron' has second='*/5'", "scheduler.add_job(f, 'cron', second='*/5')", "cron[second='*/5']"),
            ("scheduler.add_job(f, 'cron', minutes=5)", "TypeError: minutes: add_job with the trigger 'cron' has no such argument; 'interval' has it, and 'cron' has minute='*/5'", "scheduler.add_job(f, 'cron', minute='*/5')", "cron[minute='*/5']"),
            ("scheduler.add_job(f, 'cron', hours=5)", "TypeError: hours: add_job with the trigger 'cron' has no such argument; 'interval' has it, and 'cron' has hour='*/5'", "scheduler.add_job(f, 'cron', hour='*/5')", "cron[hour='*/5']"),
            ("scheduler.add_job(f, 'cron', days=5)", "TypeError: days: add_job with the trigger 'cron' has no such argument; 'interval' has it, and 'cron' has day='*/5'", "scheduler.add_job(f, 'cron', day='*/5')", "cron[day='*/5']"),
            ("scheduler.add_job(f, 'cron', weeks=5)", "TypeError: weeks: add_job with the trigger 'cron' has no such argument; 'interval' has it, and 'cron' has week='*/5'", "scheduler.add_job(f, 'cron', week='*/5')", "cron[week='*/5']"),
            ('scheduler.add_job(f, minutes=5)', "TypeError: minutes: an argument of the trigger interval; write trigger='interval'", "scheduler.add_job(f, minutes=5, trigger='interval')", 'interval[0:05:00]'),
            ('scheduler.add_job(f, hour=8)', "TypeError: hour: an argument of the trigger cron and calendarinterval; write trigger='cron'", "scheduler.add_job(f, hour=8, trigger='cron')", "cron[hour='8']"),
            ("scheduler.add_job(f, 'interval', interval=5)", "TypeError: interval: add_job with the trigger 'interval' has no such argument; write add_job(fn, 'interval', minutes=5)", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ('scheduler.add_job(f, every=5)', "TypeError: every: add_job with the trigger 'date' has no such argument; write add_job(fn, 'interval', minutes=5)", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ("scheduler.add_job(f, 'cron', crontab='*/5 * * * *')", "TypeError: crontab: add_job with the trigger 'cron' has no such argument; write CronTrigger.from_crontab('*/5 * * * *') as the trigger", "scheduler.add_job(f, CronTrigger.from_crontab('*/5 * * * *'))", "cron['*/5 * * * *']"),
            ('scheduler.add_job(f, timeout=0)', "ValueError: timeout=0: not a number of seconds above 0; give None for no limit"),
            ('scheduler.add_job(f, retries=-1)', "ValueError: retries=-1: not a whole number from 0"),
            ('scheduler.add_job(f, retries=True)', "ValueError: retries=True: not a whole number from 0"),
            ('scheduler.add_job(f, max_retries=3)', "TypeError: max_retries: add_job with the trigger 'date' has no such argument; did you mean 'retries'?"),
            ('scheduler.add_job(f, retry_delay=0)', "ValueError: retry_delay=0: not a number of seconds above 0"),
            ("scheduler.add_job(f, overlap='wait')", "ValueError: overlap='wait': not understood; give 'skip' or 'queue'"),
            ("scheduler.add_job(f, tags=['a'])", "TypeError: tags: add_job with the trigger 'date' has no such argument"),
            ("scheduler.add_job(f, 'cron', delay=5)", "TypeError: delay: add_job with the trigger 'cron' has no such argument"),
            ('scheduler.add_job(f, max_instance=3)', "TypeError: max_instance: add_job with the trigger 'date' has no such argument; did you mean 'max_instances'?", 'scheduler.add_job(f, max_instances=3).max_instances', '3'),
            ("scheduler.add_job(f, CronTrigger(hour=8), timezone='UTC')", 'TypeError: timezone: add_job with a trigger instance has no such argument'),
            ("scheduler.add_job(f, CronTrigger(hour=8), tz='UTC')", 'TypeError: tz: add_job with a trigger instance has no such argument'),
            ("scheduler.scheduled_job('interval', minutes=5, misfire_grace_time=60)(f)", "TypeError: misfire_grace_time: add_job with the trigger 'interval' has no such argument; here it is called 'mistrigger_grace_time'", "scheduler.scheduled_job('interval', minutes=5, mistrigger_grace_time=60)(f) is f", 'True'),
            ("scheduler.update_job('x', misfire_grace_time=60)", "TypeError: misfire_grace_time: update_job (for the arguments of a trigger: reschedule_job) has no such argument; here it is called 'mistrigger_grace_time'", "scheduler.update_job('x', mistrigger_grace_time=60).mistrigger_grace_time", '60'),
            ("scheduler.update_job('x', trigger='interval', seconds=5)", "TypeError: seconds: update_job (for the arguments of a trigger: reschedule_job) has no such argument; 'interval' has it, and 'cron' has second='*/5'", "scheduler.reschedule_job('x', trigger='interval', seconds=5)", 'interval[0:00:05]'),
            ("scheduler.update_job('x', hour=8)", "TypeError: hour: update_job (for the arguments of a trigger: reschedule_job) has no such argument; 'cron' has it, and 'interval' has hours=5", "scheduler.reschedule_job('x', trigger='cron', hour=8)", "cron[hour='8']"),
            ("CronTrigger(hour=8, start_date='2027-01-01')", "TypeError: start_date: CronTrigger has no such argument; here it is called 'start_at'", "CronTrigger(hour=8, start_at='2027-01-01').start_at", '2027-01-01 00:00:00'),
            ("CronTrigger(hour=8, end_date='2027-01-01')", "TypeError: end_date: CronTrigger has no such argument; here it is called 'end_at'", "CronTrigger(hour=8, end_at='2027-01-01').end_at", '2027-01-01 00:00:00'),
            ("IntervalTrigger(hours=1, start_date='2027-01-01')", "TypeError: start_date: IntervalTrigger has no such argument; here it is called 'start_at'", "IntervalTrigger(hours=1, start_at='2027-01-01').start_at", '2027-01-01 00:00:00'),
            ('IntervalTrigger(minute=5)', "TypeError: minute: IntervalTrigger has no such argument; 'cron' has it, and 'interval' has minutes=5", 'IntervalTrigger(minutes=5)', 'interval[0:05:00]'),
            ("DateTrigger(run_date='2027-01-01')", "TypeError: run_date: DateTrigger has no such argument; here it is called 'run_at'", "DateTrigger(run_at='2027-01-01')", 'date[2027-01-01 00:00:00]'),
            ('OrTrigger([CronTrigger(hour=8)], max_jitter=5)', "TypeError: max_jitter: OrTrigger has no such argument; here it is called 'jitter'", 'OrTrigger([CronTrigger(hour=8)], jitter=5).jitter', '5.0'),
            ('AsyncIOScheduler(jobstores={})', "TypeError: jobstores: AsyncIOScheduler has no such argument; here it is called 'stores'", 'AsyncIOScheduler(stores={}).state', 'stopped'),
            ('AsyncIOScheduler(jobstore_retry_interval=5)', "TypeError: jobstore_retry_interval: AsyncIOScheduler has no such argument; here it is called 'store_retry_interval'", 'AsyncIOScheduler(store_retry_interval=5).store_retry_interval', '5'),
            ('AsyncIOScheduler(task_defaults={})', "TypeError: task_defaults: AsyncIOScheduler has no such argument; here it is called 'job_defaults'", 'AsyncIOScheduler(job_defaults={}).state', 'stopped'),
            ('AsyncIOScheduler(gconfig={})', "TypeError: gconfig: AsyncIOScheduler has no such argument; here it is called 'global_config'", 'AsyncIOScheduler(global_config={}).state', 'stopped'),
            ('AsyncIOScheduler(misfire_grace_time=60)', 'TypeError: misfire_grace_time: AsyncIOScheduler has no such argument'),
            ("AsyncIOScheduler(tz='UTC')", "TypeError: tz: AsyncIOScheduler has no such argument; here it is called 'timezone'", "AsyncIOScheduler(timezone='UTC').timezone", 'UTC'),
            ('scheduler.configure(jobstores={})', "TypeError: jobstores: the scheduler has no such argument; here it is called 'stores'", 'scheduler.configure(stores={})', 'None'),
            ("AsyncIOScheduler(job_defaults={'misfire_grace_time': 60})", "TypeError: misfire_grace_time: job_defaults has no such argument; here it is called 'mistrigger_grace_time'", "AsyncIOScheduler(job_defaults={'mistrigger_grace_time': 60}).state", 'stopped'),
            ("scheduler.get_jobs(jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.get_jobs has no such argument; here it is called 'store'", "[job.id for job in scheduler.get_jobs(store='default')]", "['x']"),
            ("scheduler.get_job('x', jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.get_job has no such argument; here it is called 'store'", "scheduler.get_job('x', store='default')", 'date[2100-01-01 00:00:00]'),
            ("scheduler.pause_job('x', jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.pause_job has no such argument; here it is called 'store'", "scheduler.pause_job('x', store='default').next_run_time", 'None'),
            ("scheduler.resume_job('x', jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.resume_job has no such argument; here it is called 'store'", "scheduler.resume_job('x', store='default')", 'date[2100-01-01 00:00:00]'),
            ("scheduler.delete_job('x', jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.delete_job has no such argument; here it is called 'store'", "scheduler.delete_job('x', store='default')", 'None'),
            ("scheduler.delete_job(id='x')", "TypeError: id: AsyncIOScheduler.delete_job has no such argument; here it is called 'job_id'", "scheduler.delete_job(job_id='x')", 'None'),
            ("scheduler.remove_all_jobs(jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.remove_all_jobs has no such argument; here it is called 'store'", "scheduler.remove_all_jobs(store='default')", 'None'),
            ("scheduler.cancel_runs('x', jobstore='default')", "TypeError: jobstore: AsyncIOScheduler.cancel_runs has no such argument; here it is called 'store'", "scheduler.cancel_runs('x', store='default')", '0'),
            ("SQLiteStore(url='jobs.sqlite3')", "TypeError: url: SQLiteStore has no such argument; here it is called 'path'", "type(SQLiteStore(path='jobs.sqlite3')).__name__", 'SQLiteStore'),
            ("RedisStore(host='localhost')", 'TypeError: host: RedisStore has no such argument; give a client that you made, as client=...', 'type(RedisStore(client=redis)).__name__', 'RedisStore'),
        # names of methods and attributes
            ("scheduler.remove_job('x')", "AttributeError: there is no 'remove_job'; here it is called 'delete_job'", "scheduler.delete_job('x')", 'None'),
            ("scheduler.modify_job('x', name='y')", "AttributeError: there is no 'modify_job'; here it is called 'update_job'", "scheduler.update_job('x', name='y').name", 'y'),
            ('scheduler.print_jobs()', "AttributeError: there is no 'print_jobs'; write print(*scheduler.get_jobs(), sep='\\n')", "print(*scheduler.get_jobs(), sep='\\n')", 'None'),
            ("scheduler.add_jobstore('memory', 'other')", "AttributeError: there is no 'add_jobstore'; here it is called 'add_store'", "scheduler.add_store('memory', 'other')", 'None'),
            ("scheduler.remove_jobstore('default')", "AttributeError: there is no 'remove_jobstore'; here it is called 'remove_store'", "scheduler.add_store('memory') or scheduler.remove_store('default')", 'None'),
            ('scheduler.every(10).minutes.do(f)', "AttributeError: there is no 'every'; write add_job(fn, 'interval', minutes=5)", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ('scheduler.run_pending()', "AttributeError: there is no 'run_pending'; write run(), which blocks, or start()", "sorted({'run', 'start'} & set(dir(scheduler)))", "['run', 'start']"),
            ("scheduler.cancel_job('x')", "AttributeError: there is no 'cancel_job'; here it is called 'delete_job'", "scheduler.delete_job('x')", 'None'),
            ('scheduler.clear()', "AttributeError: there is no 'clear'; here it is called 'remove_all_jobs'", 'scheduler.remove_all_jobs()', 'None'),
            ('scheduler.run_all()', "AttributeError: there is no 'run_all'; write [scheduler.run_job(job.id) for job in scheduler.get_jobs()]", 'complaint(lambda: [scheduler.run_job(job.id) for job in scheduler.get_jobs()])', "SchedulerNotRunningError: run_job: job 'x' can't run, the scheduler is stopped; start it first"),
            ('scheduler.stop()', "AttributeError: there is no 'stop'; here it is called 'shutdown'", 'scheduler.shutdown().result()', 'None'),
            ('scheduler.add_task(f)', "AttributeError: there is no 'add_task'; here it is called 'add_job'", 'scheduler.add_job(f)', 'date[now]'),
            ('scheduler.get_tasks()', "AttributeError: there is no 'get_tasks'; here it is called 'get_jobs'", '[job.id for job in scheduler.get_jobs()]', "['x']"),
            ('scheduler.add_periodic_task(10, f)', "AttributeError: there is no 'add_periodic_task'; write add_job(fn, 'interval', minutes=5)", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ('scheduler.subscribe(print)', "AttributeError: there is no 'subscribe'; here it is called 'add_listener'", 'scheduler.add_listener(print)', 'None'),
            ('job.remove()', "AttributeError: there is no 'remove'; here it is called 'delete'", 'job.delete()', 'None'),
            ("job.modify(name='y')", "AttributeError: there is no 'modify'; here it is called 'update'", "job.update(name='y').name", 'y'),
            ('job.func', "AttributeError: there is no 'func'; here it is called 'fn'", 'job.fn is f', 'True'),
            ('job.func_ref', "AttributeError: there is no 'func_ref'; here it is called 'fn_ref'", 'job.fn_ref', 'test_asyncz:no_arguments'),
            ('job.misfire_grace_time', "AttributeError: there is no 'misfire_grace_time'; here it is called 'mistrigger_grace_time'", 'job.mistrigger_grace_time', 'None'),
            ('event.retval', "AttributeError: there is no 'retval'; here it is called 'return_value'", 'event.return_value', 'None'),
            ('event.jobstore', "AttributeError: there is no 'jobstore'; here it is called 'store'", 'event.store', 'default'),
            ('job.nothing_like_it', "AttributeError: 'Job' object has no attribute 'nothing_like_it'"),
            ('scheduler.nothing_like_it', "AttributeError: 'AsyncIOScheduler' object has no attribute 'nothing_like_it'"),
            ('event.nothing_like_it', "AttributeError: 'JobExecutionEvent' object has no attribute 'nothing_like_it'"),
        # names of the module
            ('from asyncz import BackgroundScheduler', "ImportError: there is no 'BackgroundScheduler'; here it is called 'AsyncIOScheduler'", 'from asyncz import AsyncIOScheduler', 'None'),
            ('from asyncz import BlockingScheduler', "ImportError: there is no 'BlockingScheduler'; write AsyncIOScheduler, and run() instead of start()", "sorted({'run', 'start'} & set(dir(AsyncIOScheduler)))", "['run', 'start']"),
            ('from asyncz import MemoryJobStore', "ImportError: there is no 'MemoryJobStore'; here it is called 'MemoryStore'", 'from asyncz import MemoryStore', 'None'),
            ('from asyncz import SQLAlchemyJobStore', "ImportError: there is no 'SQLAlchemyJobStore'; here it is called 'SQLiteStore'", 'from asyncz import SQLiteStore', 'None'),
            ('from asyncz import RedisJobStore', "ImportError: there is no 'RedisJobStore'; here it is called 'RedisStore'", 'from asyncz import RedisStore', 'None'),
            ('from asyncz import MongoDBJobStore', "ImportError: there is no 'MongoDBJobStore'; here it is called 'MongoDBStore'", 'from asyncz import MongoDBStore', 'None'),
            ('from asyncz import EVENT_JOB_ERROR', "ImportError: there is no 'EVENT_JOB_ERROR'; here it is called 'JOB_ERROR'", 'from asyncz import JOB_ERROR', 'None'),
            ('from asyncz import EVENT_JOBSTORE_ADDED', "ImportError: there is no 'EVENT_JOBSTORE_ADDED'; here it is called 'STORE_ADDED'", 'from asyncz import STORE_ADDED', 'None'),
            ('from asyncz import TASK_EXECUTED', "ImportError: there is no 'TASK_EXECUTED'; here it is called 'JOB_EXECUTED'", 'from asyncz import JOB_EXECUTED', 'None'),
            ('from asyncz import ConflictingIdError', "ImportError: there is no 'ConflictingIdError'; here it is called 'ConflictIdError'", 'from asyncz import ConflictIdError', 'None'),
            ('from asyncz import STATE_STOPPED', "ImportError: there is no 'STATE_STOPPED'; write SchedulerState.STATE_STOPPED", 'SchedulerState.STATE_STOPPED', 'stopped'),
            ('from asyncz import STATE_RUNNING', "ImportError: there is no 'STATE_RUNNING'; write SchedulerState.STATE_RUNNING", 'SchedulerState.STATE_RUNNING', 'running'),
            ('from asyncz import STATE_PAUSED', "ImportError: there is no 'STATE_PAUSED'; write SchedulerState.STATE_PAUSED", 'SchedulerState.STATE_PAUSED', 'paused'),
            ('from asyncz import crontab', "ImportError: there is no 'crontab'; write CronTrigger.from_crontab('*/5 * * * *') as the trigger", "CronTrigger.from_crontab('*/5 * * * *')", "cron['*/5 * * * *']"),
            ('from asyncz import repeat', "ImportError: there is no 'repeat'; write @scheduler.scheduled_job('interval', minutes=5)", "scheduler.scheduled_job('interval', minutes=5)(f) is f", 'True'),
            ('from asyncz.schedulers import BlockingScheduler', "ImportError: there is no 'BlockingScheduler'; write AsyncIOScheduler, and run() instead of start()", "sorted({'run', 'start'} & set(dir(AsyncIOScheduler)))", "['run', 'start']"),
            ('from asyncz.events import EVENT_ALL', "ImportError: there is no 'EVENT_ALL'; here it is called 'ALL_EVENTS'", 'from asyncz.events import ALL_EVENTS', 'None'),
            ('from asyncz import CancelJob', "ImportError: there is no 'CancelJob'; write asyncz.current_run().job.delete()", "scheduler.add_job(lambda: asyncz.current_run().job.delete(), 'interval', hours=1) and len(simulate(scheduler, '2026-01-01', '2026-01-02'))", '1'),
            ('from asyncz import NothingLikeIt', "ImportError: cannot import name 'NothingLikeIt' from 'asyncz'"),
            ('asyncz.BackgroundScheduler', "AttributeError: there is no 'BackgroundScheduler'; here it is called 'AsyncIOScheduler'", 'asyncz.AsyncIOScheduler is AsyncIOScheduler', 'True'),
            ('asyncz.EVENT_ALL', "AttributeError: there is no 'EVENT_ALL'; here it is called 'ALL_EVENTS'", 'asyncz.ALL_EVENTS == 131071', 'True'),
            ('asyncz.nothing_like_it', "AttributeError: module 'asyncz' has no attribute 'nothing_like_it'"),
            ('from asyncz.triggers.cron import CronTrigger', "ModuleNotFoundError: No module named 'asyncz.triggers.cron': asyncz is one file; import CronTrigger from asyncz itself", 'from asyncz import CronTrigger', 'None'),
            ('from asyncz.triggers.combining import OrTrigger', "ModuleNotFoundError: No module named 'asyncz.triggers.combining': asyncz is one file; import AndTrigger, OrTrigger from asyncz itself", 'from asyncz import AndTrigger, OrTrigger', 'None'),
            ('from asyncz.schedulers.background import BackgroundScheduler', "ModuleNotFoundError: No module named 'asyncz.schedulers.background': asyncz is one file; import AsyncIOScheduler from asyncz itself", 'from asyncz import AsyncIOScheduler', 'None'),
            ('from asyncz.executors.pool import ThreadPoolExecutor', "ModuleNotFoundError: No module named 'asyncz.executors.pool': asyncz is one file; import ThreadPoolExecutor, ProcessPoolExecutor from asyncz itself", 'from asyncz import ThreadPoolExecutor, ProcessPoolExecutor', 'None'),
            ('import asyncz.jobstores.sqlalchemy', "ModuleNotFoundError: No module named 'asyncz.jobstores': asyncz is one file; import MemoryStore, SQLiteStore, RedisStore, MongoDBStore from asyncz itself", 'from asyncz import MemoryStore, SQLiteStore, RedisStore, MongoDBStore', 'None'),
            ('import asyncz.tasks', "ModuleNotFoundError: No module named 'asyncz.tasks': asyncz is one file; import Job from asyncz itself", 'from asyncz import Job', 'None'),
            ('import asyncz.cli', "ModuleNotFoundError: No module named 'asyncz.cli': asyncz is one file; import its names from asyncz itself", 'from asyncz import *', 'None'),
        # triggers
            ("scheduler.add_job(f, 'interval', 30)", 'ValueError: IntervalTrigger: seconds=0: the interval is 0 seconds; it must be more than zero, as in minutes=5', "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ("scheduler.add_job(f, 'cron', '*/5 * * * *')", "ValueError: CronTrigger(): no field given; give at least one, such as hour=8 or minute='*/5', or give a crontab line to CronTrigger.from_crontab", "scheduler.add_job(f, CronTrigger.from_crontab('*/5 * * * *'))", "cron['*/5 * * * *']"),
            ("scheduler.add_job(f, '*/5 * * * *')", "ValueError: trigger='*/5 * * * *': not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'", "scheduler.add_job(f, CronTrigger.from_crontab('*/5 * * * *'))", "cron['*/5 * * * *']"),
            ("scheduler.add_job(f, '@daily')", "ValueError: trigger='@daily': not a trigger; give an instance, such as CronTrigger.from_crontab('@daily'), or one of 'calendarinterval', 'cron', 'date', 'interval'", "scheduler.add_job(f, CronTrigger.from_crontab('@daily'))", "cron['@daily']"),
            ("scheduler.add_job(f, '@reboot')", "ValueError: trigger='@reboot': not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'; write add_job(fn) without a trigger", 'scheduler.add_job(f)', 'date[now]'),
            ("scheduler.add_job(f, '@every 5m')", "ValueError: trigger='@every 5m': not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'; write add_job(fn, 'interval', minutes=5)", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ("scheduler.add_job(f, 'crontab', minute='*/5')", "ValueError: trigger='crontab': not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'; write CronTrigger.from_crontab('*/5 * * * *') as the trigger", "scheduler.add_job(f, CronTrigger.from_crontab('*/5 * * * *'))", "cron['*/5 * * * *']"),
            ('scheduler.add_job(f, timedelta(minutes=5))', "TypeError: trigger=datetime.timedelta(seconds=300): not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ('scheduler.add_job(f, CronTrigger)', "TypeError: trigger=<class 'asyncz.CronTrigger'>: not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'", 'scheduler.add_job(f, CronTrigger(hour=8))', "cron[hour='8']"),
            ("scheduler.add_job(f, 'intervall', minutes=5)", "ValueError: trigger='intervall': not a trigger; give an instance, such as CronTrigger.from_crontab('*/5 * * * *'), or one of 'calendarinterval', 'cron', 'date', 'interval'; did you mean 'interval'?", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ("scheduler.add_job(f, 'cron')", "ValueError: CronTrigger(): no field given; give at least one, such as hour=8 or minute='*/5', or give a crontab line to CronTrigger.from_crontab", "scheduler.add_job(f, 'cron', hour=8)", "cron[hour='8']"),
            ("CronTrigger('*/5 * * * *')", "ValueError: year='*/5 * * * *': '*/5 * * * *' is not understood; year takes 1970-9999 (a crontab line: CronTrigger.from_crontab), *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger.from_crontab('*/5 * * * *')", "cron['*/5 * * * *']"),
            ('CronTrigger(hour=[8, 9])', "TypeError: hour=[8, 9]: not a number or an expression; give one such as 5, '*/5', '8,9' or '9-16'", "CronTrigger(hour='8,9')", "cron[hour='8,9']"),
            ('CronTrigger(hour=(8, 9))', "TypeError: hour=(8, 9): not a number or an expression; give one such as 5, '*/5', '8,9' or '9-16'", "CronTrigger(hour='8,9')", "cron[hour='8,9']"),
            ('CronTrigger(hour=range(9, 17))', "TypeError: hour=range(9, 17): not a number or an expression; give one such as 5, '*/5', '8,9' or '9-16'", "CronTrigger(hour='9-16')", "cron[hour='9-16']"),
            ("CronTrigger(hour='8:30')", "ValueError: hour='8:30': '8:30' is not understood; hour takes 0-23, *, */n, a-b, a-b/n, a/n, or a list of these with commas", 'CronTrigger(hour=8, minute=30)', "cron[hour='8', minute='30']"),
            ("CronTrigger(minute='60')", "ValueError: minute='60': 60 is more than 59; minute takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas"),
            ('CronTrigger(hour=24)', "ValueError: hour='24': 24 is more than 23; hour takes 0-23, *, */n, a-b, a-b/n, a/n, or a list of these with commas", 'CronTrigger(hour=0)', "cron[hour='0']"),
            ('CronTrigger(day_of_week=7)', "ValueError: day_of_week='7': 7 is more than 6; day_of_week takes 0-6 or mon-sun, *, */n, a-b, a-b/n, a/n, or a list of these with commas"),
            ("CronTrigger(day_of_week='monday')", "ValueError: day_of_week='monday': 'monday' is not understood; here it is called 'mon'; day_of_week takes 0-6 or mon-sun, *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger(day_of_week='mon')", "cron[day_of_week='mon']"),
            ("CronTrigger(month='january')", "ValueError: month='january': 'january' is not understood; here it is called 'jan'; month takes 1-12 or jan-dec, *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger(month='jan')", "cron[month='jan']"),
            ("CronTrigger(day_of_week='fri-mon')", "ValueError: day_of_week='fri-mon': 'fri-mon' runs backwards; write 'fri,sat,sun,mon'; day_of_week takes 0-6 or mon-sun, *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger(day_of_week='fri,sat,sun,mon')", "cron[day_of_week='fri,sat,sun,mon']"),
            ("CronTrigger(hour='22-2/2')", "ValueError: hour='22-2/2': '22-2/2' runs backwards; write '22,0,2'; hour takes 0-23, *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger(hour='22,0,2')", "cron[hour='22,0,2']"),
            ("CronTrigger(month='feb', day=30)", "ValueError: month='feb', day='30': no date matches all of these, so it would never run; change one of them"),
            ("CronTrigger(minute='*/90')", "ValueError: minute='*/90': the step of '*/90' is not in 1-60; minute takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas"),
            ("CronTrigger(minute='*/\\u0661\\u0665')", "ValueError: minute='*/\u0661\u0665': '*/\u0661\u0665' is not understood; minute takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas"),
            ("CronTrigger(day='?')", "ValueError: day='?': '?' is not understood; write '*'; day takes 1-31, *, */n, a-b, a-b/n, a/n, last, 1st mon to 5th sun, last mon to last sun, or a list of these with commas", "CronTrigger(day='*')", "cron[day='*']"),
            ("CronTrigger.from_crontab('0 0 ? * mon')", "ValueError: day='?': '?' is not understood; write '*'; day takes 1-31, *, */n, a-b, a-b/n, a/n, L, LW (the first Monday is mon#1 in day_of_week), or a list of these with commas", "CronTrigger.from_crontab('0 0 * * mon')", "cron['0 0 * * mon']"),
            ("CronTrigger.from_crontab('* * * *')", "ValueError: expression='* * * *': 4 fields; a crontab line has five, minute hour day month weekday, or six, with the second first; for a year there is CronTrigger(year=...)"),
            ("CronTrigger.from_crontab('0 0 12 * * ? 2027')", "ValueError: expression='0 0 12 * * ? 2027': 7 fields; a crontab line has five, minute hour day month weekday, or six, with the second first; for a year there is CronTrigger(year=...)", 'CronTrigger(year=2027, hour=12)', "cron[year='2027', hour='12']"),
            ("CronTrigger.from_crontab('0 8 * * 8')", "ValueError: day_of_week='8': 8 is more than 7; day_of_week takes 0-7 or mon-sun, *, */n, a-b, a-b/n, a/n, 5L, mon#2, or a list of these with commas"),
            ("CronTrigger.from_crontab('*/120 * * * *')", "ValueError: minute='*/120': the step of '*/120' is not in 1-60; minute takes 0-59, *, */n, a-b, a-b/n, a/n, or a list of these with commas"),
            ("CronTrigger.from_crontab('1 1 */100,1-7 * MON')", "ValueError: day='*/100,1-7': the step of '*/100' is not in 1-31; day takes 1-31, *, */n, a-b, a-b/n, a/n, L, LW (the first Monday is mon#1 in day_of_week), or a list of these with commas", "CronTrigger.from_crontab('1 1 * * mon#1')", "cron['1 1 * * mon#1']"),
            ("CronTrigger.from_crontab('0 8 * * monday')", "ValueError: day_of_week='monday': 'monday' is not understood; here it is called 'mon'; day_of_week takes 0-7 or mon-sun, *, */n, a-b, a-b/n, a/n, 5L, mon#2, or a list of these with commas", "CronTrigger.from_crontab('0 8 * * mon')", "cron['0 8 * * mon']"),
            ("CronTrigger.from_crontab('0 8 1 january *')", "ValueError: month='january': 'january' is not understood; here it is called 'jan'; month takes 1-12 or jan-dec, *, */n, a-b, a-b/n, a/n, or a list of these with commas", "CronTrigger.from_crontab('0 8 1 jan *')", "cron['0 8 1 jan *']"),
            ("CronTrigger.from_crontab('0 8 * * fri-mon')", "ValueError: day_of_week='fri-mon': 'fri-mon' runs backwards; write 'fri,sat,sun,mon'; day_of_week takes 0-7 or mon-sun, *, */n, a-b, a-b/n, a/n, 5L, mon#2, or a list of these with commas", "CronTrigger.from_crontab('0 8 * * fri,sat,sun,mon')", "cron['0 8 * * fri,sat,sun,mon']"),
            ("CronTrigger.from_crontab('0 8 * * mon-0')", "ValueError: day_of_week='mon-0': 'mon-0' runs backwards; write 'mon,tue,wed,thu,fri,sat,sun'; day_of_week takes 0-7 or mon-sun, *, */n, a-b, a-b/n, a/n, 5L, mon#2, or a list of these with commas", "CronTrigger.from_crontab('0 8 * * mon,tue,wed,thu,fri,sat,sun')", "cron['0 8 * * mon,tue,wed,thu,fri,sat,sun']"),
            ("CronTrigger.from_crontab('@reboot')", "ValueError: expression='@reboot': not a known name; write add_job(fn) without a trigger; the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly", 'scheduler.add_job(f)', 'date[now]'),
            ("CronTrigger.from_crontab('@every 5m')", "ValueError: expression='@every 5m': not a known name; write add_job(fn, 'interval', minutes=5); the names are @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly", "scheduler.add_job(f, 'interval', minutes=5)", 'interval[0:05:00]'),
            ('IntervalTrigger(seconds=0)', 'ValueError: IntervalTrigger: seconds=0: the interval is 0 seconds; it must be more than zero, as in minutes=5', 'IntervalTrigger(minutes=5)', 'interval[0:05:00]'),
            ('IntervalTrigger(seconds=-5)', 'ValueError: IntervalTrigger: seconds=-5: the interval is -5 seconds; it must be more than zero, as in minutes=5', 'IntervalTrigger(minutes=5)', 'interval[0:05:00]'),
            ("IntervalTrigger(seconds='5')", "TypeError: seconds='5': not a number; give a number of seconds, such as seconds=2", 'IntervalTrigger(seconds=2)', 'interval[0:00:02]'),
            ('IntervalTrigger(seconds=None)', 'TypeError: seconds=None: not a number; give a number of seconds, such as seconds=2', 'IntervalTrigger(seconds=2)', 'interval[0:00:02]'),
            ("DateTrigger('tomorrow')", "ValueError: run_at='tomorrow': not a date and time; give a datetime, a date, an ISO 8601 string such as '2026-12-01 08:00', or a timedelta from now", "DateTrigger('2026-12-01 08:00')", 'date[2026-12-01 08:00:00]'),
            ("CronTrigger(hour=8, start_at='2027-01-02', end_at='2027-01-01')", "ValueError: end_at='2027-01-01': before start_at='2027-01-02'; it must be at or after it"),
            ('AndTrigger(CronTrigger(hour=8), CronTrigger(day=1))', "TypeError: AndTrigger: triggers=CronTrigger(hour='8'): not a list; give one of triggers, such as [CronTrigger(hour=8), ...]", 'AndTrigger([CronTrigger(hour=8), CronTrigger(day=1)])', "and[cron[hour='8'], cron[day='1']]"),
        # jobs
            ('scheduler.add_job(g, args=5)', "TypeError: args=5: not a list of the function's arguments; write args=[5] for one, or kwargs={...} for some by name; those of a trigger are keywords, as in minutes=5", 'scheduler.add_job(g, args=[5]).args', '(5,)'),
            ("scheduler.add_job(g, args='abc')", "TypeError: args='abc': not a list of the function's arguments; write args=['abc'] for one, or kwargs={...} for some by name; those of a trigger are keywords, as in minutes=5", "scheduler.add_job(g, args=['abc']).args", "('abc',)"),
            ("scheduler.add_job(g, args={'a': 1})", "TypeError: args={'a': 1}: not a list of the function's arguments; write args=[{'a': 1}] for one, or kwargs={...} for some by name; those of a trigger are keywords, as in minutes=5", "scheduler.add_job(g, kwargs={'a': 1}).kwargs", "{'a': 1}"),
            ('scheduler.add_job(g, args={1})', "TypeError: args={1}: not a list of the function's arguments; write args=[{1}] for one, or kwargs={...} for some by name; those of a trigger are keywords, as in minutes=5", 'scheduler.add_job(g, args=[{1}]).args', '({1},)'),
            ("scheduler.add_job(g, kwargs=['a'])", "TypeError: kwargs=['a']: not a dictionary with names as keys; write kwargs={'name': value}", "scheduler.add_job(g, kwargs={'a': 1}).kwargs", "{'a': 1}"),
            ('scheduler.add_job(g)', "TypeError: args=(), kwargs={}: do not fit two_arguments(a, b=0): missing a required argument: 'a'; give what it takes as args=[...] or kwargs={...}", 'scheduler.add_job(g, args=[5]).args', '(5,)'),
            ('scheduler.add_job(f())', "TypeError: fn=None: not callable; give a function, or a reference such as 'package.module:function'", 'scheduler.add_job(f)', 'date[now]'),
            ('scheduler.add_job(generator)', 'TypeError: fn=<function no_results>: a generator function, of which a call runs nothing; give a plain or coroutine function', 'scheduler.add_job(f)', 'date[now]'),
            ('scheduler.scheduled_job(f)', "TypeError: scheduled_job: used without parentheses; write @scheduler.scheduled_job('interval', minutes=5)", "scheduler.scheduled_job('interval', minutes=5)(f) is f", 'True'),
            ('scheduler.add_job(f, id=5)', 'TypeError: id=5: not an id; give a string that is not empty, or nothing for a random one', "scheduler.add_job(f, id='5').id", '5'),
            ("scheduler.add_job(f, id='x')", "ConflictIdError: id='x': there is a job with that id in store 'default'; give another id, or replace_existing=True", "scheduler.add_job(f, id='x', replace_existing=True).id", 'x'),
            ('scheduler.add_job(f, max_instances=0)', 'ValueError: max_instances=0: not a whole number from 1', 'scheduler.add_job(f, max_instances=1).max_instances', '1'),
            ("scheduler.delete_job('y')", "JobLookupError: job_id='y': no such job"),
            ('scheduler.delete_job(job)', "JobLookupError: job_id=<Job 'x' date[2100-01-01 00:00:00] next run: 2100-01-01 00:00:00 UTC>: no such job; did you mean 'x'?", "scheduler.delete_job('x')", 'None'),
            ('scheduler.pause_job(job)', "JobLookupError: job_id=<Job 'x' date[2100-01-01 00:00:00] next run: 2100-01-01 00:00:00 UTC>: no such job; did you mean 'x'?", "scheduler.pause_job('x').next_run_time", 'None'),
            ("scheduler.upcoming('2026-12-01')", "TypeError: limit='2026-12-01': not a whole number; for a time write until=...", "[job.id for _, job in scheduler.upcoming(until='2100-01-02')]", "['x']"),
            ('scheduler.upcoming(datetime(2026, 12, 1))', 'TypeError: limit=datetime.datetime(2026, 12, 1, 0, 0): not a whole number; for a time write until=...', '[job.id for _, job in scheduler.upcoming(until=datetime(2099, 1, 1))]', '[]'),
            ("scheduler.run_job('x')", "SchedulerNotRunningError: run_job: job 'x' can't run, the scheduler is stopped; start it first"),
            ('scheduler.pause()', 'SchedulerNotRunningError: pause: the scheduler is stopped; start it first'),
            ('scheduler.add_listener(None)', 'TypeError: callback=None: not callable; give a function, or coroutine function, of one argument, the event', 'scheduler.add_listener(print)', 'None'),
        # stores and configuration
            ("AsyncIOScheduler('Europe/Paris')", "TypeError: global_config='Europe/Paris': not a dictionary; options are keywords, such as timezone='Europe/Paris'", "str(AsyncIOScheduler(timezone='Europe/Paris').timezone)", 'Europe/Paris'),
            ("AsyncIOScheduler({'apscheduler.timezone': 'UTC'})", "ValueError: apscheduler.timezone: a key of APScheduler; here they begin with 'asyncz.'", "str(AsyncIOScheduler({'asyncz.timezone': 'UTC'}).timezone)", 'UTC'),
            ("AsyncIOScheduler({'apscheduler.job_defaults.max_instances': '4'})", "ValueError: apscheduler.job_defaults.max_instances: a key of APScheduler; here they begin with 'asyncz.'", "AsyncIOScheduler({'asyncz.job_defaults.max_instances': '4'}).state", 'stopped'),
            ("AsyncIOScheduler({'timezone': 'UTC'})", "ValueError: timezone: without the prefix; write 'asyncz.timezone', or pass prefix=''", "str(AsyncIOScheduler({'asyncz.timezone': 'UTC'}).timezone)", 'UTC'),
            ("AsyncIOScheduler({'asyncz.jobstores.default': {'type': 'memory'}})", "ValueError: asyncz.jobstores: no such option; here it is called 'stores'; there are asyncz.event_loop, asyncz.executors, asyncz.history_size, asyncz.job_defaults, asyncz.logger, asyncz.store_retry_interval, asyncz.stores, asyncz.timezone", "AsyncIOScheduler({'asyncz.stores.default': {'type': 'memory'}}).state", 'stopped'),
            ("AsyncIOScheduler({'asyncz.stores.default': {'type': 'sqlalchemy'}})", "ValueError: stores.default: type='sqlalchemy': no such store; here it is called 'sqlite'; there are 'memory', 'mongo', 'mongodb', 'redis', 'sqlite'", "AsyncIOScheduler({'asyncz.stores.default': {'type': 'sqlite'}}).state", 'stopped'),
            ("AsyncIOScheduler({'asyncz.stores.default': {'type': 'sqlite', 'url': 'jobs.sqlite3'}})", "ValueError: stores.default: url='jobs.sqlite3': no such option; here it is called 'path'; there are 'lease', 'path', 'poll_interval', 'secret', 'serializer'", "AsyncIOScheduler({'asyncz.stores.default': {'type': 'sqlite', 'path': 'jobs.sqlite3'}}).state", 'stopped'),
            ("AsyncIOScheduler({'asyncz.stores.default': {'type': 'redis', 'host': 'localhost'}})", "ValueError: stores.default: host='localhost': no such option; give a client that you made, as client=...; there are 'client', 'key_prefix', 'lease', 'poll_interval', 'secret', 'serializer'", "AsyncIOScheduler({'asyncz.stores.default': {'type': 'redis', 'client': redis}}).state", 'stopped'),
            ("AsyncIOScheduler(stores=SQLiteStore('jobs.sqlite3'))", 'TypeError: stores=<asyncz.SQLiteStore object>: not a dictionary', "AsyncIOScheduler(stores={'default': SQLiteStore('jobs.sqlite3')}).state", 'stopped'),
            ("SQLiteStore('sqlite:///jobs.sqlite3')", "ValueError: path='sqlite:///jobs.sqlite3': not the path of a file, such as 'jobs.sqlite3'; for jobs in memory there is MemoryStore", "type(SQLiteStore('jobs.sqlite3')).__name__", 'SQLiteStore'),
            ("SQLiteStore(':memory:')", "ValueError: path=':memory:': not the path of a file, such as 'jobs.sqlite3'; for jobs in memory there is MemoryStore", 'type(MemoryStore()).__name__', 'MemoryStore'),
            ("RedisStore('redis://localhost')", "TypeError: client='redis://localhost': not a client for RedisStore, it has no 'hmget'; write RedisStore(client=redis.Redis(host='localhost'))"),
            ('MongoDBStore()', "TypeError: MongoDBStore: client is missing; write MongoDBStore(client=pymongo.MongoClient('mongodb://localhost'))"),
            ('sqlite.add_job(lambda: 1)', "ValueError: fn=<function <lambda>>: a record keeps only the name of a function, and 'builtins:<lambda>' does not lead back to this one; give a function of a module, or 'package.module:object', and its arguments as args=[...] and kwargs={...}", "sqlite.add_job('builtins:print').fn_ref", 'builtins:print'),
            ("sqlite.add_job(partial(int, '12', base=5))", "ValueError: fn=functools.partial(<class 'int'>, '12', base=5): a record keeps only the name of a function, and 'builtins:int' does not lead back to this one; give a function of a module, or 'package.module:object', and its arguments as args=[...] and kwargs={...}", "sqlite.add_job(int, args=['12'], kwargs={'base': 5}).args", "('12',)"),
            ('sqlite.add_job(print, args=[f])', "TypeError: args[0]=<function no_arguments>: a function can't be kept in a record; give None, numbers, strings, bytes, dates, times, lists, tuples, sets, dictionaries, Decimal, UUID or triggers, or give the store a serializer= that can"),
            ("sqlite.delete_job(sqlite.add_job(print, run_at='2100-01-01', id='x'))", "JobLookupError: job_id=<Job 'x' date[2100-01-01 00:00:00] next run: 2100-01-01 00:00:00 UTC>: no such job; did you mean 'x'?", "sqlite.add_job(print, run_at='2100-01-01', id='x') and sqlite.delete_job('x')", 'None'),
    ]
    ZONES = [
            ("AsyncIOScheduler(timezone='CEST')", "ValueError: timezone='CEST': no such time zone; names are like 'Europe/Paris' or 'UTC'", "str(AsyncIOScheduler(timezone='Europe/Paris').timezone)", 'Europe/Paris'),
            ("AsyncIOScheduler(timezone='Asia/Mumbai')", "ValueError: timezone='Asia/Mumbai': no such time zone; names are like 'Europe/Paris' or 'UTC'", "str(AsyncIOScheduler(timezone='Europe/Paris').timezone)", 'Europe/Paris'),
            ("AsyncIOScheduler(timezone='Europe/Pariss')", "ValueError: timezone='Europe/Pariss': no such time zone; did you mean 'Europe/Paris'?; names are like 'Europe/Paris' or 'UTC'", "str(AsyncIOScheduler(timezone='Europe/Paris').timezone)", 'Europe/Paris'),
            ("AsyncIOScheduler(timezone='America/New York')", "ValueError: timezone='America/New York': no such time zone; did you mean 'America/New_York'?; names are like 'Europe/Paris' or 'UTC'", "str(AsyncIOScheduler(timezone='America/New_York').timezone)", 'America/New_York'),
            ('AsyncIOScheduler(timezone=2)', "TypeError: timezone=2: not a time zone; give a name such as 'Europe/Paris', or a tzinfo object", "str(AsyncIOScheduler(timezone='Europe/Paris').timezone)", 'Europe/Paris'),
    ]
    # fmt: on

    def setUp(self):
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "jobs.sqlite3")
        silence(self)

    def outcome(self, code):
        """Return what a line of a program of its own gives."""
        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        methods = ("hmget", "zrangebyscore", "pipeline", "time")
        names = {
            **{name: getattr(asyncz, name) for name in asyncz.__all__},
            "asyncz": asyncz,
            "scheduler": scheduler,
            "sqlite": asyncz.AsyncIOScheduler(
                timezone="UTC", stores={"default": asyncz.SQLiteStore(self.path)}
            ),
            "job": scheduler.add_job(no_arguments, "date", run_at="2100-01-01", id="x"),
            "event": asyncz.JobExecutionEvent(asyncz.JOB_EXECUTED, None, "x", "default"),
            "redis": types.SimpleNamespace(**dict.fromkeys(methods, print)),
            "f": no_arguments,
            "g": two_arguments,
            "generator": no_results,
            "partial": functools.partial,
            "datetime": datetime,
            "timedelta": timedelta,
            "complaint": complaint,
        }
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                whole = compile(code, "<mistake>", "eval")
            except SyntaxError:
                return exec(code, names)
            return eval(whole, names)

    def check(self, table):
        for wrong, expected, *mended in table:
            with self.subTest(wrong):
                said = re.sub(r" at 0x\w+| \(\S+\)$", "", complaint(self.outcome, wrong))
                self.assertEqual(said, expected)
            if mended:
                code, meant = mended
                with self.subTest(wrong, mended=code):
                    found = self.outcome(code)
                    is_job = isinstance(found, asyncz.Job)
                    self.assertEqual(str(found.trigger if is_job else found), meant)

    def test_are_answered_with_what_to_write(self):
        self.assertGreater(len(self.TABLE), 180)
        self.check(self.TABLE)

    @unittest.skipUnless(zoneinfo.available_timezones(), "there is no time zone database here")
    def test_in_names_of_time_zones_are_answered_where_the_nearest_is_meant(self):
        self.check(self.ZONES)

    def test_in_names_have_answers_that_lead_to_what_is_here(self):
        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        job = scheduler.add_job(no_arguments, "date", run_at="2100-01-01")
        here = {*asyncz.__all__, *MONTHS, *WEEKDAYS, "sqlite", "path"}
        for thing in (scheduler, job, asyncz.JobExecutionEvent(asyncz.JOB_EXECUTED)):
            here.update(name for name in dir(thing) if hasattr(thing, name))
        for call in (
            asyncz.AsyncIOScheduler,
            scheduler.add_job,
            scheduler.get_job,
            asyncz.CronTrigger,
            asyncz.DateTrigger,
        ):
            here.update(inspect.signature(call).parameters)
        tried = [row[1] for row in self.TABLE if len(row) == 4]
        for names, ours in names_of_others():
            with self.subTest(names):
                if names.startswith("."):
                    self.assertLessEqual(set(ours.split(", ")), set(asyncz.__all__))
                elif ours.isidentifier():
                    self.assertIn(ours, here)
                    self.assertEqual(here & set(names.split()) - {"id", "job_id"}, set())
                else:
                    self.assertTrue([said for said in tried if f"; {ours}" in said])

    def test_in_names_of_attributes_are_answered_without_a_guess_of_python(self):
        """As Python itself prints an error, from 3.10 on with the name that is nearest."""
        program = """
            import asyncz, sys
            scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
            job = scheduler.add_job(print, "interval", hours=1)
            for code in sys.argv[1:]:
                try:
                    exec(code)
                except Exception:
                    sys.__excepthook__(*sys.exc_info())
        """
        table = {
            "scheduler.remove_job": "AttributeError: there is no 'remove_job'; here it is called 'delete_job'",
            "job.remove": "AttributeError: there is no 'remove'; here it is called 'delete'",
            "asyncz.EVENT_ALL": "AttributeError: there is no 'EVENT_ALL'; here it is called 'ALL_EVENTS'",
            "from asyncz import EVENT_ALL": "ImportError: there is no 'EVENT_ALL'; here it is called 'ALL_EVENTS'",
        }
        errors = run_python("-c", textwrap.dedent(program), *table).stderr
        said = [line for line in errors.splitlines() if re.match(r"\w+Error", line)]
        self.assertEqual(said, list(table.values()))

    def test_are_not_answered_where_nobody_asks(self):
        class Broken(asyncz.AsyncIOScheduler):
            @property
            def mine(self):
                raise AttributeError("of its own")

        scheduler, event = Broken(timezone="UTC"), asyncz.JobExecutionEvent(1, None, "x", "default")
        job = scheduler.add_job(no_arguments, "date", run_at="2100-01-01", id="x")
        for thing, name in (
            (scheduler, "remove_job"),
            (job, "remove"),
            (event, "retval"),
            (asyncz, "EVENT_ALL"),
            (asyncz.triggers, "EVENT_ALL"),
        ):
            with self.subTest(name):
                self.assertEqual((hasattr(thing, name), getattr(thing, name, 5)), (False, 5))
        for copied in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
            self.assertEqual(copied, event)
        for copied in (copy.copy(job), pickle.loads(pickle.dumps(job))):
            self.assertEqual((copied.id, copied.trigger), (job.id, job.trigger))
        self.assertEqual(complaint(lambda: scheduler.mine), "AttributeError: of its own")

    def test_leave_signatures_as_they_were(self):
        table = [
            (asyncz.DateTrigger, ["run_at", "timezone"]),
            (asyncz.AndTrigger, ["triggers", "jitter"]),
            (asyncz.AsyncIOScheduler.get_job, ["self", "job_id", "store"]),
            (asyncz.AsyncIOScheduler(timezone="UTC").get_jobs, ["store"]),
        ]
        for call, expected in table:
            with self.subTest(call):
                self.assertEqual(list(inspect.signature(call).parameters), expected)


def no_arguments():
    pass


def two_arguments(a, b=0):
    pass


def no_results():
    yield


class ReadmeBlock(NamedTuple):
    """A block of the manual, with the paragraph above it, and its output, None where none is shown."""

    heading: str
    above: str
    line: int
    language: str
    code: str
    output: str | None


class TestReadme(unittest.TestCase):
    """The manual, as its reader follows it.

    A block is a program; or a file that uses the jobs.py of a block above; or else lines to add to
    the first program. All are executed, where a package is absent with a stand-in that has the names
    which the block uses. That their servers serve is tried in .ci, by the same recipes.
    """

    maxDiff = None
    STAND_INS = {
        "redis": """
            class Redis:
                def __getattr__(self, name): return lambda *args, **options: None
        """,
        "fastapi": """
            class FastAPI:
                def __init__(self, *, lifespan): self.lifespan = lifespan
        """,
        "flask": """
            class Flask:
                debug = False
                def __init__(self, name): pass
        """,
    }
    # In front of what blocks: when this is printed, the reader may press Ctrl-C.
    TELL = (
        "scheduler.add_listener(lambda _: print('started', flush=True), asyncz.SCHEDULER_STARTED)"
    )
    # What the one who reads a file calls in it.
    CALLS = {"gunicorn.conf.py": "post_worker_init(None)\nworker_exit(None, None)\n"}

    def setUp(self) -> None:
        path = HERE / "README.md"
        if not path.exists():
            self.skipTest("README.md is not beside the module")
        self.text = path.read_text(encoding="utf-8")
        self.headings: list[str] = []
        self.blocks: list[ReadmeBlock] = []
        pattern = r"^#+ ([^\n]+)$|^```(\w+)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?"
        for found in re.finditer(pattern, self.text, re.MULTILINE | re.DOTALL):
            if found[1]:
                self.headings.append(found[1])
            else:
                above = self.text[: found.start()].rstrip().rpartition("\n\n")[2]
                line = self.text.count("\n", 0, found.start(3)) + 1
                block = ReadmeBlock(self.headings[-1], above, line, *found.groups()[1:])
                self.blocks.append(block)
        self.programs = [block for block in self.blocks if block.language == "python"]

    def run_in(
        self, folder: str, *command: str, until: str = "", number: int = signal.SIGINT
    ) -> tuple[str, str, int | None]:
        """Return what a Python printed, and its status; it gets a signal when it prints `until`."""
        with subprocess.Popen(
            [sys.executable, "-W", "error", *command],
            cwd=folder,
            env=environment(),
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            guard = threading.Timer(30, process.kill)
            guard.start()
            printed: list[str] = []
            if until:
                for line in iter(process.stdout.readline, until):
                    if not line:
                        break
                    printed.append(line)
                process.send_signal(number)
            printed.append(process.stdout.read())
            errors, status = process.stderr.read(), process.wait()
            guard.cancel()
        return "".join(printed), errors, status

    def walks(self) -> list[list[tuple[ReadmeBlock, str, str]]]:
        """Return what happens in one folder, step by step, for each: block, file, its text."""
        walks: list[list[tuple[ReadmeBlock, str, str]]] = []
        first = self.programs[0]
        extended = first.code
        for block in self.programs:
            named = re.findall(r"`([\w./]+\.py)`", block.above if block.above.endswith(":") else "")
            name = named[-1] if named else "app.py"
            if re.search(r"^ *from .*\bjobs import", block.code, re.MULTILINE):
                kept = next(walk for walk in walks if walk[0][1] == "jobs.py")
                kept.append((block, name, block.code + self.CALLS.get(name, "")))
            elif re.search(r"^import .*\basyncz\b", block.code, re.MULTILINE):
                walks.append([(block, name, block.code)])
            else:
                lines = f"{block.code}\nscheduler.run()"
                extended = extended.replace("scheduler.run()", lines)
        return [*walks, [(first, "app.py", extended)]]

    def follow(self, walk: list[tuple[ReadmeBlock, str, str]]) -> list[tuple[Any, ...]]:
        """Go through the steps in one folder; return for each how it ended."""
        ends: list[tuple[Any, ...]] = []
        with temporary_folder() as folder:
            for name, text in self.STAND_INS.items():
                if importlib.util.find_spec(name) is None:
                    pathlib.Path(folder, f"{name}.py").write_text(textwrap.dedent(text))
            if walk[0][1] == "jobs.py":
                pathlib.Path(folder, "reports").mkdir()
                pathlib.Path(folder, "reports", "jobs.py").write_text(walk[0][2], encoding="utf-8")
            for block, name, code in walk:
                told = re.sub(
                    r"^( *)(?=scheduler\.run\(\))", rf"\1{self.TELL}\n\1", code, flags=re.MULTILINE
                )
                pathlib.Path(folder, name).write_text(told, encoding="utf-8")
                until = "started\n" if told != code else ""
                ends.append((block, *self.run_in(folder, name, until=until)))
        return ends

    def test_has_blocks_that_run_and_print_what_is_below_them(self) -> None:
        walks = self.walks()
        self.assertGreater(sum(map(len, walks)), 15)
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            ends = [end for walked in pool.map(self.follow, walks) for end in walked]
        for block, printed, errors, status in ends:
            with self.subTest(line=block.line):
                self.assertEqual((errors, status), ("", 0))
                if block.output is not None:
                    self.assertEqual(self.lasting(printed), self.lasting(block.output))

    def lasting(self, printed: str) -> list[str]:
        """Return the lines of an output without what is another one tomorrow: how long it is."""
        return [re.sub(r"in \d+ days", "in n days", line).rstrip() for line in printed.splitlines()]

    def test_shows_output_only_below_a_program_of_its_own(self) -> None:
        languages = Counter(block.language for block in self.blocks)
        self.assertEqual(set(languages), {"python", "console", "ini", "dockerfile"})
        # What is printed by lines that are added to a program is not looked at.
        own = {block for walk in self.walks() for block, _, _ in walk}
        own |= {block for block in self.blocks if block.language == "console"}
        outputs = sum(block.output is not None for block in own)
        self.assertEqual(self.text.count("\n```"), 2 * (len(self.blocks) + outputs))

    @contextlib.contextmanager
    def folder_of_jobs(self) -> Iterator[str]:
        """Give a folder with the jobs.py of a block."""
        jobs = next(walk[0][2] for walk in self.walks() if walk[0][1] == "jobs.py")
        code = jobs.replace("if __name__", f"{self.TELL}\n\nif __name__")
        with temporary_folder() as folder:
            pathlib.Path(folder, "jobs.py").write_text(code, encoding="utf-8")
            yield folder

    def test_shows_commands_that_work(self) -> None:
        shown = [
            (shlex.split(line), block.output)
            for block in self.blocks
            if block.language == "console"
            for line in block.code.splitlines()
        ]
        commands = [command for command, _ in shown]
        self.assertIn(["$", "python", "-m", "unittest"], commands)
        self.assertIn(["$", "python", "asyncz.py", "demo"], commands)
        self.assertGreater(sum(output is not None for _, output in shown), 1)
        with self.folder_of_jobs() as folder:
            store = asyncz.SQLiteStore(pathlib.Path(folder, "jobs.sqlite3"))
            with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
                # Makes the file.
                scheduler.add_job(print, "cron", hour=8).delete()
            for (dollar, python, *command), output in shown:
                with self.subTest(command=command):
                    self.assertEqual((dollar, python), ("$", "python"))
                    # The tests are at it, and the demo is run by those of the command line.
                    if command[0] == "asyncz.py" and command[1] != "demo":
                        command[0] = str(HERE / "asyncz.py")
                        until = "started\n" if command[1] == "run" else ""
                        printed, errors, status = self.run_in(folder, *command, until=until)
                        self.assertEqual(status, 0, errors)
                        if output is not None:
                            self.assertEqual(self.lasting(printed), self.lasting(output))

    def test_shows_a_unit_and_a_container_file_that_start_and_stop_it(self) -> None:
        (unit,) = (block.code for block in self.blocks if block.language == "ini")
        options = configparser.ConfigParser()
        options.read_string(unit)
        service = options["Service"]
        (container,) = (block.code for block in self.blocks if block.language == "dockerfile")
        steps = dict(line.split(" ", 1) for line in container.splitlines())
        self.assertEqual(steps["COPY"], "asyncz.py jobs.py ./")
        # What kills after so many seconds: the unit, and Docker where nothing else is said.
        limits = {service["ExecStart"]: int(service["TimeoutStopSec"]), steps["CMD"]: 10}
        with self.folder_of_jobs() as folder:
            for shown, limit in limits.items():
                words = json.loads(shown) if shown.startswith("[") else shlex.split(shown)
                with self.subTest(shown):
                    self.assertLess(int(words[words.index("--grace") + 1]), limit)
                    self.assertRegex(words[0], "^(/usr/bin/python3|python)$")
                    number = signal.Signals[service["KillSignal"]]
                    ended = self.run_in(folder, *words[1:], until="started\n", number=number)
                    self.assertEqual((ended[0], ended[2]), ("", 0), ended[1])

    def test_has_its_first_program_in_the_first_twenty_lines(self) -> None:
        first = self.programs[0]
        self.assertLessEqual(first.line + first.code.count("\n") - 1, 20)
        for what in ("import asyncz\n", "hour=8", '"Europe/Paris"', "minutes=5", "scheduler.run()"):
            self.assertIn(what, first.code)

    def test_has_at_most_5800_words(self) -> None:
        self.assertLessEqual(len(self.text.split()), 5_800)  # as wc -w counts them

    def test_has_recipes_that_are_questions_with_at_most_eight_lines_of_code(self) -> None:
        recipes = self.text.partition("\n## Recipes\n")[2].partition("\n## ")[0]
        headings = re.findall(r"^### (.*)$", recipes, re.MULTILINE)
        self.assertGreater(len(headings), 15)
        self.assertEqual([heading for heading in headings if not heading.endswith("?")], [])
        for block in self.programs:
            if block.heading in headings:
                with self.subTest(block.heading):
                    self.assertLessEqual(len(re.findall(r"^.*\S", block.code, re.MULTILINE)), 8)

    def test_says_how_big_the_module_is(self) -> None:
        lines, kilobytes = re.search(r"([\d,]+) lines, ([\d,]+) KB", self.text).groups()
        module = pathlib.Path(asyncz.__file__).read_bytes()
        self.assertAlmostEqual(int(lines.replace(",", "")) / module.count(b"\n"), 1, delta=0.03)
        self.assertAlmostEqual(int(kilobytes.replace(",", "")) * 1_000 / len(module), 1, delta=0.03)

    def test_has_links_that_lead_somewhere_and_lists_all_its_parts(self) -> None:
        anchors = [
            "#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in self.headings
        ]
        self.assertEqual(len(anchors), len(set(anchors)))
        links = re.findall(r"\]\(([^)]+)\)", self.text)
        lost = [link for link in links if link not in anchors and not (HERE / link).exists()]
        self.assertEqual(lost, [])
        contents = self.text.partition("\n## Contents\n")[2].partition("\n## ")[0]
        self.assertEqual(re.findall(r"\]\(([^)]+)\)", contents), anchors[2:])

    def test_has_a_comparison_of_at_most_ten_rows(self) -> None:
        rows = re.findall(
            r"^.* \| .*$", self.text.partition("\n## How it compares\n")[2], re.MULTILINE
        )
        self.assertIn(len(rows) - 1, range(5, 11))

    def test_shows_the_runs_of_a_clock_change_as_they_are(self) -> None:
        table = self.text.partition("\nin Europe/Paris | clock change | runs\n---|---|---\n")[2]
        day, rows = "", table.partition("\n\n")[0].splitlines()
        self.assertGreater(len(rows), 3)
        for row in rows:
            expression, change, shown = row.split(" | ")
            day = day if change == "the same" else change.split(",")[0]
            trigger = from_crontab(expression.strip("`"), timezone="Europe/Paris")
            with self.subTest(row):
                evening = date.fromisoformat(day) - timedelta(days=1)
                runs = first_local(trigger, f"{evening} 22:00", 8)
                morning = [run[11:16] for run in runs if f"{day} 01" <= run < f"{day} 04"]
                self.assertEqual(morning, re.findall(r"\d\d:\d\d", shown))

    def test_says_what_options_do_when_they_meet_and_nothing_that_is_not_tested(self) -> None:
        table = self.text.partition("\nwhat is set, and happens | what becomes of it\n---|---\n")[2]
        rows = [row.split(" | ") for row in table.partition("\n\n")[0].splitlines()]
        self.assertEqual([words for words, _ in rows], list(MEETINGS))

    def test_names_what_exists(self) -> None:
        places = {"asyncz": asyncz, "scheduler": asyncz.AsyncIOScheduler, "job": asyncz.Job}
        text = self.text.replace("asyncz.py", "").replace("asyncz.sqlite3", "")
        names = set(re.findall(r"\b(asyncz|scheduler|job)\.([a-z]\w+)", text))
        names -= {("scheduler", "add_task")}  # of the package with that name
        self.assertGreater(len(names), 25)
        self.assertEqual([name for name in names if not hasattr(places[name[0]], name[1])], [])

    def test_names_all_options_events_and_kinds(self) -> None:
        calls = (asyncz.AsyncIOScheduler, asyncz.AsyncIOScheduler.add_job)
        names = {name for call in calls for name in inspect.signature(call).parameters}
        names |= set(asyncz.__all__)
        names -= {"self", "fn", "trigger_args", "global_config", "trigger"}
        names -= {"ALL_EVENTS", "SCHEDULER_START", "UNSET", "JobEvent"}
        self.assertEqual(sorted(names - set(re.findall(r"\w+", self.text))), [])


class TestRun(unittest.TestCase):
    PROGRAM = """
        import asyncz, os, signal, sys
        scheduler = asyncz.AsyncIOScheduler()
        def job():
            print("begun", flush=True)
            os.read(0, 1)
        scheduler.add_job(job)
        scheduler.add_listener(lambda event: print("ended", flush=True), asyncz.JOB_EXECUTED)
        scheduler.add_listener(lambda event: print("stopped", flush=True), asyncz.SCHEDULER_SHUTDOWN)
        if len(sys.argv) > 1:
            signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1], None) or (lambda *_: None))
        scheduler.run()
        print("after")
    """
    WAITING = "waiting for 1 running job; Ctrl-C again to leave now"
    GRACEFUL = ["begun", WAITING, "ended", "stopped", "after"]
    # What is done about SIGHUP before, signals that come at once, those of a second later; exit
    # status, output.
    TABLE = [
        # A terminal that goes away, and systemd, send two, which are one.
        ([], ["SIGTERM", "SIGHUP", "SIGINT"], [], 0, GRACEFUL),
        ([], ["SIGHUP"], ["SIGHUP"], 0, GRACEFUL),
        ([], ["SIGTERM"], ["SIGTERM"], 143, ["begun", WAITING, "stopped"]),
        ([], ["SIGINT"], ["SIGINT"], -signal.SIGINT, ["begun", WAITING, "stopped"]),
        # As with nohup, or where the program has something else in mind: the first does nothing.
        (["SIG_IGN"], ["SIGHUP"], ["SIGTERM"], 0, ["begun", "ended", "stopped", "after"]),
        (["mine"], ["SIGHUP"], ["SIGTERM"], 0, ["begun", "ended", "stopped", "after"]),
    ]

    def outcome(self, before, at_once, later, status, _):
        command = [sys.executable, "-c", textwrap.dedent(self.PROGRAM), *before]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(command, env=environment(), text=True, **streams) as process:
            guard = threading.Timer(60, process.kill)
            guard.start()
            lines = [process.stdout.readline()]
            for name in at_once:
                process.send_signal(getattr(signal, name))
            if before:
                os.write(process.stdin.fileno(), b".")
            lines.append(process.stdout.readline())
            for name in later:
                # What comes within a second of the first is a part of it.
                time.sleep(0 if before else 1.1)
                process.send_signal(getattr(signal, name))
            if status == 0:
                os.write(process.stdin.fileno(), b".")
            lines += process.stdout.readlines()
            process.wait(60)
            guard.cancel()
        lines = [line.strip() for line in lines]
        return process.returncode, [line for line in lines if line in self.GRACEFUL]

    def test_ends_by_a_signal(self):
        with concurrent.futures.ThreadPoolExecutor(len(self.TABLE)) as pool:
            outcomes = list(pool.map(lambda row: self.outcome(*row), self.TABLE))
        for row, outcome in zip(self.TABLE, outcomes):
            with self.subTest(row[:3]):
                self.assertEqual(outcome, row[3:])

    def test_ends_well_where_its_terminal_goes_away(self):
        program = """
            import fcntl, os, sys, termios, threading, asyncz
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

            def job():
                os.write(write, b"begun ")
                stopping.wait()
                # Into a terminal that is gone.
                print("one line")
                print("and another", file=sys.stderr)
                os.write(write, b"ended ")

            class Scheduler(asyncz.AsyncIOScheduler):
                def shutdown(self, wait=True):
                    stopping.set()
                    return super().shutdown(wait)

            stopping, write = threading.Event(), int(sys.argv[1])
            scheduler = Scheduler()
            scheduler.add_job(job)
            scheduler.run()
            print("the last")
            os.write(write, b"after")
        """
        reading, writing = os.pipe()
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), str(writing)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            pass_fds=[writing],
            start_new_session=True,
            env=environment(),
        )
        os.close(theirs)
        os.close(writing)
        guard = threading.Timer(60, process.kill)
        guard.start()
        with process, open(reading, "rb", buffering=0) as told:
            log = [told.read(100)]
            os.close(ours)
            log += iter(lambda: told.read(100), b"")
            process.wait(60)
            guard.cancel()
        self.assertEqual((b"".join(log), process.returncode), (b"begun ended after", 0))


class TestProcessPoolOfAScriptThatEnds(unittest.TestCase):  # not for PyPy, as the next of pools
    PROGRAM = """
        import os, signal, sys, time, asyncz

        SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
        if __name__ == "__mp_main__" and sys.argv[1] == "early":
            # A process of the pool, before it has handlers.
            for number in SIGNALS:
                os.killpg(0, number)

        def job(path):
            print("begun", flush=True)
            while not os.path.exists(path):
                time.sleep(0.01)
            print("ended", flush=True)

        if __name__ == "__main__":
            pool = asyncz.ProcessPoolExecutor(1)
            scheduler = asyncz.AsyncIOScheduler(executors={"default": pool})
            scheduler.add_job(job, args=["go"])
            scheduler.run()
            print("after")
    """

    def setUp(self):
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        pathlib.Path(self.folder, "main.py").write_text(textwrap.dedent(self.PROGRAM))

    @contextlib.contextmanager
    def program(self, *arguments):
        """Run it as the leader of a group of processes."""
        with subprocess.Popen(
            [sys.executable, "main.py", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=environment(),
            start_new_session=True,
        ) as process:
            guard = threading.Timer(60, os.killpg, [process.pid, signal.SIGKILL])
            guard.start()
            try:
                yield process
                process.wait(60)
                self.assertTrue(guard.is_alive(), "it ended by itself")
            finally:
                guard.cancel()

    def test_does_not_hear_signals_to_the_group(self):
        begun = ["begun\n", TestRun.WAITING + "\n"]
        for when in ("late", "early"):
            with self.subTest(when), self.program(when) as process:
                output = []
                # Beside these, that multiprocessing has lost a process of its own.
                for line in process.stdout:
                    output += [line] if line in (*begun, "ended\n", "after\n") else []
                    if line == begun[0] and when == "late":
                        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                            os.killpg(process.pid, number)
                    if len(output) == 2:
                        pathlib.Path(self.folder, "go").touch()
                process.wait(60)
                self.assertEqual((sorted(output[:2]), output[2:]), (begun, ["ended\n", "after\n"]))
                self.assertEqual(process.returncode, 0)
            pathlib.Path(self.folder, "go").unlink()

    def test_ends_with_a_program_that_is_killed(self):
        with self.program("late") as process:
            self.assertEqual(process.stdout.readline(), "begun\n")
            process.kill()
            # It ends when no process has it open any more.
            self.assertNotIn("ended", process.stdout.read())


class TestNameOfAFunctionOfAProgram(unittest.TestCase):
    """However a program is started, its functions have the names by which others import them."""

    PROGRAM = """
        import sys
        import asyncz

        asyncz.logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
        stores = {"default": asyncz.SQLiteStore(sys.argv[1])} if sys.argv[1:] else None
        scheduler = asyncz.AsyncIOScheduler(stores=stores)

        @scheduler.scheduled_job("interval", hours=1, next_run_time="now")
        def tick():
            print(__name__)

        if __name__ == "__main__":
            print([job.id for job in scheduler.get_jobs()])
    """

    def setUp(self) -> None:
        folder = temporary_folder()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, *names: str, text: str = "") -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text or textwrap.dedent(self.PROGRAM), encoding="utf-8")

    def test_is_that_by_which_its_file_is_imported(self):
        program = textwrap.dedent(self.PROGRAM)
        self.write("app.py", "time.py", "pack/app.py", "pack/__main__.py", "pack/inner/app.py")
        self.write("pack/__init__.py", "pack/inner/__init__.py", text="\n")
        self.write("bad/app.py")
        self.write("bad/__init__.py", text="raise SystemError\n")
        self.write("alone.py", text=f"import sys; sys.path.append({str(HERE)!r})\n{program}")
        table = [
            (["app.py"], "app"),
            (["-m", "app"], "app"),
            (["-m", "pack"], "pack.__main__"),
            (["-m", "pack.app"], "pack.app"),
            (["pack/app.py"], "pack.app"),
            (["pack/inner/app.py"], "pack.inner.app"),
            # The name of another module, a package that can't be imported, a file that can't be
            # found, and no file.
            (["time.py"], "__main__"),
            (["bad/app.py"], "__main__"),
            (["-I", "alone.py"], "__main__"),
            (["-c", program], "__main__"),
        ]
        # The packages are found, as by whoever imports them.
        path = {"PYTHONPATH": f"{self.folder}{os.pathsep}{HERE}"}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            results = list(
                pool.map(lambda row: run_python(*row[0], cwd=self.folder, env=path), table)
            )
        for (command, name), done in zip(table, results):
            with self.subTest(command[:2]):
                self.assertEqual((done.stdout, done.stderr), (f"['{name}:tick']\n", ""))

    def test_is_said_where_only_this_program_has_it(self):
        program = textwrap.dedent(self.PROGRAM)
        done = run_python("-c", program, "jobs", cwd=self.folder)
        said = "'__main__:tick' is of no file that can be imported: only this program can run it\n"
        self.assertEqual((done.stdout, done.stderr), (f"{said}['__main__:tick']\n", ""))

    def test_leads_to_the_copy_of_the_file_that_was_loaded_last(self):
        text = (
            self.PROGRAM
            + """
            if sys.argv[2:]:
                import app
                scheduler = app.scheduler
            scheduler.add_listener(lambda event: scheduler.shutdown(), asyncz.JOB_EXECUTED)
            asyncz.logging.disable()
            scheduler.run()
        """
        )
        self.write("app.py", text=textwrap.dedent(text))
        for arguments, expected in (([], "__main__"), (["both"], "app")):
            done = run_python("app.py", f"jobs{expected}", *arguments, cwd=self.folder)
            self.assertEqual(
                (done.stdout, done.stderr), (f"['app:tick']\n{expected}\n", ""), arguments
            )

    def test_may_not_be_found_by_an_import_that_starts_a_scheduler(self):
        for verb in ("start", "run"):
            text = f"import asyncz\nscheduler = asyncz.AsyncIOScheduler()\nscheduler.{verb}()\n"
            self.write("app.py", text=text)
            done = run_python("-m", "asyncz", "run", "app:scheduler", cwd=self.folder)
            error = (
                f"RuntimeError: {verb}: not while asyncz imports the module 'app' to find a function"
                f' or scheduler; write if __name__ == "__main__": above the line that calls {verb}()'
            )
            self.assertEqual((done.stdout, done.stderr.splitlines()[-1]), ("", error))


class TestSchedulerInAProcess(unittest.TestCase):
    """The program above each test; all run side by side, each with the path of a file of its own."""

    OPTIONS = {"LEAVING_THE_LOOP": ["-X", "dev"]}

    @classmethod
    def setUpClass(cls) -> None:
        folder = temporary_folder()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        jobs = textwrap.dedent(cls.ENDING_JOBS)
        pathlib.Path(cls.folder, "ending_jobs.py").write_text(jobs)
        others = ("OPTIONS", "ENDS", "ENDING_JOBS", "BEGINNING")
        programs = {
            name: text for name, text in vars(cls).items() if name.isupper() and name not in others
        }
        pool = concurrent.futures.ThreadPoolExecutor(len(programs))
        cls.addClassCleanup(pool.shutdown)
        cls.done = {
            name: pool.submit(
                run_python,
                *cls.OPTIONS.get(name, []),
                *("-c", textwrap.dedent(text), str(cls.folder / name)),
                timeout=60,
            )
            for name, text in programs.items()
        }

    def result(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.done[name].result()

    HANGING = """
        import asyncz, threading
        begun = threading.Event()
        scheduler = asyncz.AsyncIOScheduler()
        scheduler.start()
        scheduler.add_job(lambda: (begun.set(), threading.Event().wait()))
        print(begun.wait(10))
    """

    def test_does_not_keep_it_with_a_job_that_hangs(self):
        done = self.result("HANGING")
        self.assertEqual((done.stdout, done.returncode), ("True\n", 0))
        self.assertRegex(done.stderr, "^job .* still running, abandoned; .*\n$")

    # What each job is for its store at the end of a program that does not shut down its scheduler:
    # one that ended, by whatever, is gone, and of the others, the next scheduler tells.
    ENDS = {
        "thread": "RunInterruptedError",
        "thread, recover": "executed",
        "queued": "executed",
        "coroutine": "gone",
        "coroutine, recover": "executed",
        "stubborn": "RunInterruptedError",
        "stuck": "RunInterruptedError",
        "process": "RunInterruptedError",
        "closed": "RunInterruptedError",
        "abandoned": "RunInterruptedError",
    }
    ENDING_JOBS = """
        import asyncio, os, pathlib, time

        seconds = float(os.environ.get("HOLD", 0))

        def begun(name):
            if seconds:
                pathlib.Path(os.environ["MARKS"] + name).touch()

        def work(name):
            begun(name)
            time.sleep(seconds)

        async def wait(name):
            begun(name)
            await asyncio.sleep(seconds)

        async def resist(name):
            begun(name)
            while seconds:
                try:
                    await asyncio.sleep(seconds)
                except asyncio.CancelledError:
                    pass

        async def block(name):
            work(name)
    """
    BEGINNING = """
        import asyncio, logging, os, pathlib, sys, time, asyncz

        logging.disable(logging.CRITICAL)
        sys.path.insert(0, os.path.dirname(sys.argv[1]))
        os.environ.update(HOLD="600", MARKS=sys.argv[1] + " begun ")

        def made(kind, **options):
            store = asyncz.SQLiteStore(f"{sys.argv[1]} store {kind}", lease=900)
            return asyncz.AsyncIOScheduler(stores={"default": store}, **options)

        def add(scheduler, id, fn, executor="default"):
            options = {"id": id, "executor": executor, "recover": id.endswith("recover")}
            scheduler.add_job(f"ending_jobs:{fn}", args=[id], **options)

        def has_begun(id):
            return pathlib.Path(os.environ["MARKS"] + id).exists()

        def begin(scheduler, id, fn, executor="default"):
            add(scheduler, id, fn, executor)
            deadline = time.monotonic() + 30
            while not has_begun(id) and time.monotonic() < deadline:
                time.sleep(0.01)
    """
    ENDING = (
        BEGINNING
        + """
        several = made("several", executors={"one": asyncz.ThreadPoolExecutor(1)})
        several.start()
        begin(several, "thread", "work", "one")
        begin(several, "thread, recover", "work")
        begin(several, "coroutine", "wait")
        begin(several, "coroutine, recover", "wait")
        begin(several, "stubborn", "resist")
        add(several, "queued", "work", "one")
        # The process pools of PyPy 7.3.11 do not work.
        pypy = sys.implementation.name == "pypy"
        pool = asyncz.ThreadPoolExecutor if pypy else asyncz.ProcessPoolExecutor
        process = made("process", executors={"process": pool(1)})
        process.start()
        begin(process, "process", "work", "process")
        abandoned = made("abandoned")
        abandoned.start()
        begin(abandoned, "abandoned", "work")
        abandoned.shutdown(wait=False)

        async def till_it_begins(id):
            while not has_begun(id):
                await asyncio.sleep(0.01)

        loop = asyncio.new_event_loop()
        closed = made("closed", event_loop=loop)
        closed.start()
        add(closed, "closed", "wait")
        loop.run_until_complete(asyncio.wait_for(till_it_begins("closed"), 30))
        loop.close()
        stuck = made("stuck")
        stuck.start()
        begin(stuck, "stuck", "block")
        print("ends")
    """
    )

    def test_that_ends_gives_back_what_has_not_begun_and_leaves_no_lease(self):
        done = self.result("ENDING")
        self.assertEqual((done.stdout, done.returncode), ("ends\n", 0), done.stderr)
        paths = {str(path).rpartition(" ")[2]: path for path in self.folder.glob("ENDING store *")}
        self.assertEqual(len(paths), 5)
        held = []
        for path in paths.values():
            with contextlib.closing(sqlite3.connect(path)) as db:
                held += db.execute("SELECT id FROM jobs WHERE until > 0").fetchall()
        self.assertEqual(held, [])
        heard = dict.fromkeys(self.ENDS, "gone")

        def hear(event):
            kind = type(event.exception).__name__
            heard[event.job_id] = "executed" if event.exception is None else kind

        scheduler = asyncz.AsyncIOScheduler(
            stores={name: asyncz.SQLiteStore(path, lease=900) for name, path in paths.items()},
            executors={"one": asyncz.ThreadPoolExecutor(1), "process": asyncz.DebugExecutor()},
        )
        scheduler.add_listener(hear, asyncz.JOB_EXECUTED | asyncz.JOB_ERROR)
        sys.path.insert(0, str(self.folder))
        self.addCleanup(sys.path.remove, str(self.folder))
        silence(self)
        with scheduler:
            wait_until(lambda: heard == self.ENDS, 20)
        self.assertEqual(heard, self.ENDS)

    HANDLING = """
        import atexit, threading, asyncz

        scheduler = asyncz.AsyncIOScheduler()
        atexit.register(scheduler.shutdown)
        scheduler.start()
        begun = threading.Event()

        def job():
            begun.set()
            threading.Event().wait(0.3)
            print("ended")

        scheduler.add_job(job)
        begun.wait()
    """

    def test_that_has_its_own_way_to_end_goes_first(self):
        done = self.result("HANDLING")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("ended\n", "", 0))

    WORKING_ON = """
        import threading, asyncz

        scheduler = asyncz.AsyncIOScheduler()
        scheduler.start()

        ran = threading.Event()

        async def job():
            print("ran")
            ran.set()

        def work():
            # Till the main thread has ended, and what ends with it.
            threading.main_thread().join()
            scheduler.add_job(job)
            ran.wait(10)

        threading.Thread(target=work).start()
    """

    def test_works_on_as_long_as_a_thread_that_is_no_daemon(self):
        done = self.result("WORKING_ON")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("ran\n", "", 0))

    FORKING_AND_ENDING = (
        BEGINNING
        + """
        import sqlite3, warnings

        # Some Pythons warn of each fork.
        warnings.simplefilter("ignore")
        scheduler = made("one")
        scheduler.start()
        begin(scheduler, "a", "work")
        child = os.fork()
        if child == 0:
            sys.exit()
        status = os.waitpid(child, 0)[1]
        db = sqlite3.connect(f"{sys.argv[1]} store one")
        held = db.execute("SELECT count(*) FROM jobs WHERE until > 0").fetchall()
        print(status, held, scheduler.running, [*scheduler.get_jobs()])
    """
    )

    def test_of_a_parent_is_left_alone_by_the_end_of_a_child(self):
        done = self.result("FORKING_AND_ENDING")
        self.assertEqual((done.stdout, done.returncode), ("0 [(1,)] True []\n", 0), done.stderr)

    FORKING = """
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

    def test_is_stopped_after_a_fork_and_can_start(self):
        done = self.result("FORKING")
        self.assertEqual((done.stdout, done.returncode), ("0 True True\n", 0), done.stderr)
        self.assertEqual(done.stderr.count("a running scheduler was forked"), 1)

    LISTENING = """
        import asyncz

        scheduler = asyncz.AsyncIOScheduler()

        async def stop(event):
            await scheduler.shutdown()
            print("stopped")

        scheduler.add_listener(stop, asyncz.JOB_EXECUTED)
        scheduler.add_job(print, args=["ran"])
        scheduler.run()
        print("ended")
    """

    def test_may_be_shut_down_by_a_listener_that_awaits_it(self):
        done = self.result("LISTENING")
        self.assertEqual((done.returncode, done.stdout), (0, "ran\nstopped\nended\n"), done.stderr)

    LEAVING_THE_LOOP = """
        import asyncio, logging, sys, asyncz

        logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(message)s")
        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(sys.argv[1], lease=30)})

        async def main():
            scheduler.start()
            for number in range(20):
                scheduler.add_job("asyncio:sleep", "interval", seconds=0.01, args=[0.02], id=str(number))
            await asyncio.sleep(0.3)

        asyncio.run(main())
        print(scheduler.running)
    """

    def test_is_shut_down_by_the_end_of_its_loop(self):
        done = self.result("LEAVING_THE_LOOP")
        lines = [line for line in done.stdout.splitlines() if "the event loop ends" in line]
        self.assertEqual((done.stderr, len(lines)), ("", 1), done.stdout)
        self.assertTrue(done.stdout.endswith("False\n"), done.stdout)
        with contextlib.closing(sqlite3.connect(self.folder / "LEAVING_THE_LOOP")) as db:
            held = db.execute("SELECT count(*) FROM jobs WHERE until > 0").fetchall()
        self.assertEqual(held, [(0,)])

    STOPPING_BEFORE_A_FIRST_STEP = """
        import asyncio, logging, sys, asyncz

        logging.disable(logging.CRITICAL)
        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(sys.argv[1], lease=30)})

        async def main():
            stop = asyncio.get_running_loop().stop
            scheduler.add_listener(lambda event: stop(), asyncz.JOB_SUBMITTED)
            scheduler.start()
            scheduler.add_job("asyncio:sleep", args=[0], id="a")
            await asyncio.sleep(10)

        try:
            asyncio.run(main())
        except RuntimeError as error:
            print(error, [job.id for job in scheduler.get_jobs()])
    """

    def test_gives_back_a_run_that_the_end_of_its_loop_cancels_before_its_first_step(self):
        done = self.result("STOPPING_BEFORE_A_FIRST_STEP")
        self.assertEqual(
            done.stdout, "Event loop stopped before Future completed. []\n", done.stderr
        )
        with contextlib.closing(
            sqlite3.connect(self.folder / "STOPPING_BEFORE_A_FIRST_STEP")
        ) as db:
            held = db.execute("SELECT count(*) FROM jobs WHERE until > 0").fetchall()
            given_back = db.execute("SELECT count(*) FROM jobs WHERE until = 0").fetchall()
        self.assertEqual((held, given_back), ([(0,)], [(1,)]))

    INTERRUPTED = """
        import faulthandler, logging, os, signal, sys, threading, asyncz

        # Where it hangs, it says where.
        faulthandler.dump_traceback_later(50, exit=True)
        logging.disable(logging.CRITICAL)
        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(sys.argv[1])})
        scheduler.start()
        scheduler.add_job("builtins:int", "interval", seconds=0.01)
        stopped = []

        def stop(*_):
            stopped.append(scheduler.shutdown())

        signal.signal(signal.SIGTERM, stop)
        threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()
        number = 0
        while not stopped:
            scheduler.add_job("builtins:int", "interval", hours=1, id=f"a{number % 50}", replace_existing=True)
            number += 1
        print("returned")
    """
    INTERRUPTED_AGAIN = INTERRUPTED

    def test_may_be_shut_down_by_a_signal_handler_that_interrupts_a_method(self):
        for name in ("INTERRUPTED", "INTERRUPTED_AGAIN"):
            done = self.result(name)
            self.assertEqual((done.stderr, done.stdout), ("", "returned\n"))

    ENDING_BESIDE_A_STORE_THAT_HAS_LET_GO = """
        import logging, sys, threading, time, asyncz

        class LetGo(asyncz.SQLiteStore):
            def _detach(self):
                super()._detach()
                # As from Python 3.12 on, where its thread has just ended.
                if threading.current_thread() is threading.main_thread():
                    raise RuntimeError("can't create new thread at interpreter shutdown")

        async def work():
            begun.set()
            time.sleep(60)  # so that no loop closes the stores

        logging.disable(logging.CRITICAL)
        begun = threading.Event()
        scheduler = asyncz.AsyncIOScheduler(
            stores={"first": LetGo(f"{sys.argv[1]}-first"), "default": asyncz.SQLiteStore(sys.argv[1])}
        )
        scheduler.start()
        scheduler.add_job(work)
        begun.wait()
    """

    def test_that_ends_leaves_no_lease_beside_a_store_that_has_just_let_go(self):
        name = "ENDING_BESIDE_A_STORE_THAT_HAS_LET_GO"
        done = self.result(name)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with contextlib.closing(sqlite3.connect(self.folder / name)) as db:
            held = db.execute("SELECT count(*) FROM jobs WHERE until > 0").fetchall()
        self.assertEqual(held, [(0,)])

    RELOADING = """
        import asyncio, importlib, logging, time, asyncz

        # A busy machine skips runs, and says so.
        logging.disable(logging.WARNING)

        def tick():
            ran.append(1)

        async def wait():
            await asyncio.sleep(0.05)

        ran = []
        scheduler = asyncz.AsyncIOScheduler()
        # Or a machine that is busy would print that some are skipped.
        scheduler.add_job(tick, "interval", seconds=0.02, max_instances=100)
        scheduler.add_job(wait, "interval", seconds=0.02, max_instances=100)
        scheduler.start()
        while len(ran) < 3:
            time.sleep(0.01)
        importlib.reload(asyncz)
        count = len(ran)
        deadline = time.monotonic() + 10
        while len(ran) < count + 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        print(len(ran) >= count + 10)
        job = scheduler.add_job(tick, "interval", hours=1)
        print(scheduler.run_job(job.id).result(5), scheduler.running)
        scheduler.shutdown()
        print(scheduler.running)
    """

    def test_of_a_module_that_is_reloaded_stays_at_work(self):
        done = self.result("RELOADING")
        self.assertEqual((done.stderr, done.stdout), ("", "True\nNone True\nFalse\n"))


class TestMachineThatIsNotLinux(unittest.TestCase):
    PROGRAM = """
        import asyncio, contextlib, io, os, signal, sys, threading, time

        absent = {os: ("fork", "register_at_fork"), signal: ("SIGHUP", "pthread_sigmask", "SIG_BLOCK")}
        for module, names in absent.items():
            for name in names:
                delattr(module, name)

        def refuse(self, *arguments):
            raise NotImplementedError

        for kind in (asyncio.AbstractEventLoop, asyncio.SelectorEventLoop):
            kind.add_signal_handler = kind.remove_signal_handler = refuse

        # Clocks that tick every 16 ms.
        fine_ns, fine = time.time_ns, time.monotonic
        time.time_ns = lambda: fine_ns() // 16_000_000 * 16_000_000
        time.time = lambda: time.time_ns() / 1_000_000_000
        time.monotonic = lambda: fine() // 0.016 * 0.016

        import asyncz

        class Program:
            def __init__(self):
                self.runs, self.done = [], threading.Event()
                self.scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
                for job in (self.plain, self.coroutine):
                    options = {"coalesce": False, "max_instances": 100}
                    self.scheduler.add_job(job, "interval", seconds=0.05, **options)

            def plain(self):
                self.note()

            async def coroutine(self):
                await asyncio.sleep(0.02)
                self.note()

            def note(self):
                run = asyncz.current_run()
                self.runs.append((run.job.name, run.scheduled_run_time))
                if len(self.runs) == 20:
                    self.done.set()

            def interrupt(self):
                # As Ctrl-C does.
                self.done.wait(30)
                os.kill(os.getpid(), signal.SIGINT)

            def check(self):
                times = {name: sorted(at for each, at in self.runs if each == name) for name, _ in self.runs}
                steps = [(b - a).total_seconds() for each in times.values() for a, b in zip(each, each[1:])]
                return len(times), self.done.is_set(), set(steps)

        program = Program()
        with program.scheduler:
            program.done.wait(30)
        print("start", program.check())

        program = Program()
        threading.Thread(target=program.interrupt, daemon=True).start()
        program.scheduler.run()
        print("run", program.check(), program.scheduler.running)

        program = Program()
        print("simulate", len(asyncz.simulate(program.scheduler, "2026-01-01", "2026-01-01 00:00:01")))

        program = sys.modules["program"] = Program()
        threading.Thread(target=program.interrupt, daemon=True).start()
        with contextlib.redirect_stderr(io.StringIO()) as log:
            status = asyncz.main(["run", "program:scheduler"])
        print("command run", status, program.check(), log.getvalue().count("scheduler shut down"))

        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = asyncz.main(["next", "* * * * * *", "-n", "3"])
        print("command next", status, len(printed.getvalue().splitlines()))

        pool = asyncz.DebugExecutor if sys.argv[1] == "pypy" else asyncz.ProcessPoolExecutor
        with asyncz.AsyncIOScheduler(executors={"default": pool()}) as scheduler:
            job = scheduler.add_job(divmod, args=[7, 2], next_run_time=None)
            print("process", scheduler.run_job(job.id).result(30))
    """

    def test_runs_schedules(self):
        # The process pools of PyPy 7.3.11 do not work.
        arguments = "-c", textwrap.dedent(self.PROGRAM), sys.implementation.name
        done = run_python("-W", "error", *arguments, timeout=120)
        good = "(2, True, {0.05})"
        expected = [
            f"start {good}",
            f"run {good} False",
            "simulate 40",
            f"command run 0 {good} 1",
            "command next 0 4",
            "process (3, 1)",
        ]
        self.assertEqual(done.stdout.splitlines(), expected, done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class TestSQLiteStoreInAFile(FaultTestCase):
    def test_that_is_locked_by_somebody_else_for_a_while(self):
        path = pathlib.Path(self.folder.name, "jobs")
        self.start(asyncz.SQLiteStore(path, poll_interval=0.1))
        self.assertTrue(wait_until(lambda: self.runs))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN EXCLUSIVE")
            self.beats_while(lambda: time.sleep(0.6))
            count = len(self.runs)
            other.execute("COMMIT")
        self.assertTrue(wait_until(lambda: len(self.runs) >= count + 8))
        self.check_all_ran_once()

    def test_that_is_moved_away_and_put_back(self):
        path = pathlib.Path(self.folder.name, "jobs")
        self.start(asyncz.SQLiteStore(path, poll_interval=0.1))
        self.assertTrue(wait_until(lambda: self.runs))
        with self.assertLogs("asyncz", "ERROR") as logs:
            path.rename(path.with_name("elsewhere"))
            self.beats_while(lambda: time.sleep(0.6))
        self.assertEqual(
            (len(logs.output), path.exists()), (1, False), "no empty one is made in its place"
        )
        count = len(self.runs)
        path.with_name("elsewhere").rename(path)
        self.assertTrue(wait_until(lambda: len(self.runs) >= count + 8))
        self.check_all_ran_once()

    def test_that_has_no_room_left(self):
        code = """
            import asyncz, resource, signal, sys, time
            runs = []
            async def work(size):
                runs.append(size)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            asyncz.logging.disable(asyncz.logging.CRITICAL)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore("jobs", poll_interval=0.1)}, store_retry_interval=0.2)
            scheduler.add_job(work, "interval", seconds=0.1, args=[""])
            scheduler.start()
            def limit(size):
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            limit(60_000)
            try:
                for number in range(100):
                    scheduler.add_job(work, "interval", hours=1, args=["x" * 1000], id=str(number))
            except Exception as error:
                print(type(error).__name__)
            known = set(map(str, range(number)))
            limit(resource.RLIM_INFINITY)
            scheduler.add_job(work, args=["after"])
            deadline = time.monotonic() + 10
            while "after" not in runs and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.5)
            print("after" in runs, runs.count("") > 2, known <= {job.id for job in scheduler.get_jobs()} and number > 3)
            scheduler.shutdown()
            import sqlite3
            print(sqlite3.connect("jobs").execute("PRAGMA integrity_check").fetchone()[0])
        """
        done = run_python("-c", textwrap.dedent(code), cwd=self.folder.name)
        self.assertRegex(
            done.stdout, "^(OperationalError|DatabaseError)\nTrue True True\nok\n$", done.stderr
        )

    def test_survives_a_fork(self):
        code = """
            import asyncz, os, sqlite3, sys, time
            runs, done = [], []
            async def work():
                runs.append(asyncz.current_run().scheduled_run_time)
            async def once():
                os.write(1, b"child\\n")
                done.append(1)
            asyncz.logging.disable(asyncz.logging.CRITICAL)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore("jobs", poll_interval=0.1)})
            scheduler.add_job(work, "interval", seconds=0.01, id="work")
            scheduler.start()
            for number in range(10):
                pid = os.fork()
                if not pid:
                    if number == 5:
                        scheduler.configure(stores={"default": asyncz.SQLiteStore("other")})
                        scheduler.start()
                        scheduler.add_job(once)
                        while not done:
                            time.sleep(0.01)
                        scheduler.shutdown()
                    os._exit(0) if number % 2 else sys.exit()
                os.waitpid(pid, 0)
                time.sleep(0.02)
            count, deadline = len(runs), time.monotonic() + 10
            while len(runs) < count + 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            scheduler.shutdown()
            print(len(runs) >= count + 5, len(runs) == len(set(runs)), runs == sorted(runs))
            print(sqlite3.connect("jobs").execute("PRAGMA integrity_check").fetchone()[0])
        """
        done = run_python("-c", textwrap.dedent(code), cwd=self.folder.name)
        self.assertEqual(done.stdout, "child\nTrue True True\nok\n", done.stderr)

    def test_is_whole_at_whatever_instant_the_power_goes(self):
        code = """
            import asyncz, pathlib
            async def work(number):
                pathlib.Path(f"begun{number}").touch()
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore("jobs")})
            for number in range(5):
                scheduler.add_job(work, "interval", args=[number], seconds=0.01)
            scheduler.run()
        """
        path, states = pathlib.Path(self.folder.name, "jobs"), []
        command = [sys.executable, "-c", textwrap.dedent(code)]
        with subprocess.Popen(
            command, cwd=self.folder.name, env=environment(), stderr=subprocess.DEVNULL
        ) as process:
            try:
                self.assertTrue(wait_until(lambda: len(list(path.parent.glob("begun?"))) == 5))
                for number in range(20):
                    time.sleep(0.02)
                    process.send_signal(signal.SIGSTOP)  # an instant that lasts until all is copied
                    copied = pathlib.Path(self.folder.name, f"copy{number}")
                    for suffix in ("", "-journal", "-wal"):
                        with contextlib.suppress(FileNotFoundError):
                            shutil.copy(f"{path}{suffix}", f"{copied}{suffix}")
                    process.send_signal(signal.SIGCONT)
                    with contextlib.closing(sqlite3.connect(copied)) as connection:
                        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
                        states.append(
                            (found, connection.execute("SELECT count(*) FROM jobs").fetchone()[0])
                        )
            finally:
                process.kill()
        self.assertEqual(set(states), {("ok", 5)})


class TestSQLiteStoreOfManyProcesses(unittest.TestCase):
    def test_has_one_record_for_each_job_and_keeps_when_it_runs(self):
        code = """
            import asyncz, storm_jobs, sys
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore("jobs")}, timezone="UTC")
            for number in range(20):
                scheduler.scheduled_job("interval", hours=1, id=str(number))(storm_jobs.work)
            scheduler.start()
            print([f"{job.id} {job.next_run_time}" for job in sorted(scheduler.get_jobs(), key=lambda job: int(job.id))])
            scheduler.shutdown()
        """
        with temporary_folder() as folder:
            pathlib.Path(folder, "storm_jobs.py").write_text("def work():\n    pass\n")
            options = {
                "cwd": folder,
                "env": environment(folder),
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
            }
            outputs = []
            for count in (4, 2):
                storm = [
                    subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], **options)
                    for _ in range(count)
                ]
                for process in storm:
                    output, errors = process.communicate(timeout=60)
                    self.assertEqual(errors, "")
                    outputs.append(output)
        self.assertEqual(len(set(outputs)), 1, outputs)
        self.assertEqual(outputs[0].count("+00:00"), 20)


# A fault inside: `applied` of `asyncz._Rows` makes all changes of rows, in a claim, a begin, a
# finish.
DYING = """
import asyncz, dying_jobs, os, signal, sys
kind, *steps = sys.argv[1:]
if kind != "sqlite":
    import redis
step = place = recover = None

def die():
    os.kill(os.getpid(), signal.SIGKILL)

class Dying(asyncz._Rows):
    def applied(self, ops, rows=None):
        verbs = {op[0] for op in ops}
        if step.startswith("before ") and step[7:] in verbs:
            die()
        answers = super().applied(ops, rows)
        if step.startswith("after ") and step[6:] in verbs:
            die()
        return answers

asyncz._Rows = Dying

def live():
    if kind == "sqlite":
        store = asyncz.SQLiteStore(place, lease=1.0, poll_interval=0.1)
    else:
        client = redis.Redis(port=int(kind))
        store = asyncz.RedisStore(client, place, lease=1.0, poll_interval=0.1)
    scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
    dying_jobs.in_call = die if step == "in the call" else None
    scheduler.add_job(dying_jobs.work, id="job", args=[], recover=recover == "1")
    scheduler.run()

processes = []
while steps:
    step, place, recover, *steps = steps
    pid = os.fork()
    if not pid:
        live()
        os._exit(0)
    processes.append(pid)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in processes])
"""


DYING_JOBS = """
in_call = None

async def work():
    if in_call is not None:
        in_call()
"""


class KilledProcessContract:
    """A store loses no run of a process that is killed; a subclass makes the store."""

    # Where it is killed, whether the job says recover, and what another scheduler has to do about
    # the run.
    STEPS = [
        ("before claim", 0, "executed"),
        ("after claim", 0, "executed"),
        ("before begin", 0, "executed"),
        ("after begin", 0, "interrupted"),
        ("after begin", 1, "executed"),
        ("in the call", 0, "interrupted"),
        ("in the call", 1, "executed"),
        ("before finish", 0, "interrupted"),
        ("after finish", 1, "nothing"),
    ]

    def setUp(self):
        self.folder = temporary_folder()
        self.addCleanup(self.folder.cleanup)
        pathlib.Path(self.folder.name, "dying_jobs.py").write_text(DYING_JOBS)

    def outcomes(self, kind, make_store):
        """Let a process die at each step, and another scheduler look after all of it; return what
        it did.
        """
        places = [
            str(pathlib.Path(self.folder.name, str(number))) for number in range(len(self.STEPS))
        ]
        steps = [
            argument
            for (step, recover, _), place in zip(self.STEPS, places)
            for argument in (step, place, str(recover))
        ]
        done = run_python("-c", DYING, kind, *steps, cwd=self.folder.name)
        self.assertEqual(done.stdout, f"{[-signal.SIGKILL] * len(places)}\n", done.stderr)
        found = dict.fromkeys(map(str, range(len(places))), "nothing")

        def hear(event):
            interrupted = isinstance(event.exception, asyncz.RunInterruptedError)
            found[event.store] = (
                "interrupted"
                if interrupted
                else "executed"
                if event.exception is None
                else repr(event.exception)
            )

        scheduler = asyncz.AsyncIOScheduler(
            stores={str(number): make_store(place) for number, place in enumerate(places)}
        )
        scheduler.add_listener(hear, asyncz.JOB_EXECUTED | asyncz.JOB_ERROR)
        sys.path.insert(0, self.folder.name)
        self.addCleanup(sys.path.remove, self.folder.name)
        with scheduler:
            wait_until(
                lambda: list(found.values()) == [expected for _, _, expected in self.STEPS], 15
            )
            time.sleep(0.3)  # real time, in which nothing more may happen
            self.assertEqual(scheduler.get_jobs(), [])
        sys.modules.pop("dying_jobs", None)
        return list(zip([step for step, _, _ in self.STEPS], found.values()))


class TestSQLiteStoreOfAKilledProcess(KilledProcessContract, unittest.TestCase):
    def test_loses_no_run_at_any_step(self):
        found = self.outcomes(
            "sqlite", lambda place: asyncz.SQLiteStore(place, lease=1.0, poll_interval=0.1)
        )
        self.assertEqual(found, [(step, expected) for step, _, expected in self.STEPS])


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
class TestForksOfManyThreads(SQLiteTestCase):
    def test_take_only_what_is_theirs(self):
        interval, errors = sys.getswitchinterval(), []
        self.addCleanup(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)
        schedulers = [self.make_scheduler() for _ in range(3)]
        for scheduler in schedulers:
            scheduler.start(paused=True)

        def fork():
            try:
                for _ in range(3000):
                    asyncz._before_fork()
                    asyncz._after_fork()
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=fork, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual((errors, [thread.is_alive() for thread in threads]), ([], [False] * 4))

    def test_do_not_keep_the_locks_of_stores(self):
        code = """
            import asyncz, os, threading, time
            asyncz.logging.disable(asyncz.logging.CRITICAL)
            ran = []
            def work():
                ran.append(1)
            stores = {str(n): asyncz.SQLiteStore(f"jobs{n}", poll_interval=0.05) for n in range(4)}
            scheduler = asyncz.AsyncIOScheduler(stores=stores)
            scheduler.start()
            for alias in stores:
                scheduler.add_job(work, "interval", seconds=0.02, store=alias)
            def fork():
                for _ in range(60):
                    pid = os.fork()
                    if not pid:
                        os._exit(0)
                    os.waitpid(pid, 0)
            threads = [threading.Thread(target=fork, daemon=True) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            count, deadline = len(ran), time.monotonic() + 10
            while len(ran) < count + 8 and time.monotonic() < deadline:
                time.sleep(0.01)
            print(any(thread.is_alive() for thread in threads), len(ran) >= count + 8, flush=True)
            os._exit(0)
        """
        # From 3.12 on, Python warns of each.
        quiet = "ignore::DeprecationWarning"
        code = textwrap.dedent(code)
        done = run_python("-W", quiet, "-c", code, cwd=self.path.parent, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("False True\n", ""))


@unittest.skipUnless(hasattr(os, "killpg"), "there are no process groups here")
class ProgramTestCase(unittest.TestCase):
    """A program as a user writes it: what it prints, how it ends, what is in its store afterwards.

    A test writes files into a folder of its own and starts them. It takes place beside others of its
    kind, which are all begun with the first: its method runs in a thread, for which the test waits
    in its turn. Its waits end `SECONDS` after its beginning, and no process outlives it.
    """

    SECONDS = 30.0
    AT_ONCE = 6  # most of them wait most of the time
    selected: list[ProgramTestCase] = []

    def __init__(self, name: str = "runTest") -> None:
        super().__init__(name)
        self.act = getattr(self, name)
        setattr(self, name, self.wait_for_act)
        self.selected.append(self)

    def setUp(self) -> None:
        if self in self.selected:
            bytecode_folder()  # made once, by this thread
            pool = concurrent.futures.ThreadPoolExecutor(self.AT_ONCE)
            unittest.addModuleCleanup(pool.shutdown, cancel_futures=True)
            for test in self.selected:
                test.done = pool.submit(test.take_place)
            self.selected.clear()

    def wait_for_act(self) -> None:
        self.done.result()

    def take_place(self) -> None:
        self.deadline = time.monotonic() + self.SECONDS
        self.processes: list[Started] = []
        with temporary_folder() as folder:
            self.folder = pathlib.Path(folder)
            try:
                self.act()
            except AssertionError as error:
                said = "\n\n".join(map(str, self.processes))
                raise self.failureException(f"{error}\n\n{said}") from None
            finally:
                for process in self.processes:
                    process.end()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def start(self, *arguments: str, **variables: str) -> Started:
        """Start Python with arguments, and variables in its environment."""
        process = Started(self, len(self.processes), arguments, variables)
        self.processes.append(process)
        return process

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until something is so, while a process is there that could make it so."""

        def over() -> bool:
            ended = all(process.process.poll() is not None for process in self.processes)
            return bool(condition()) or ended

        wait_until(over, self.deadline - time.monotonic())
        self.assertTrue(condition(), f"not in {self.SECONDS:.0f} s: {what}")

    def times(self) -> list[datetime]:
        """Return what the processes have printed after "tick", which are scheduled times, in order."""
        whole = "".join(process.output.rpartition("\n")[0] + "\n" for process in self.processes)
        return sorted(map(datetime.fromisoformat, re.findall(r"^tick (.+)$", whole, re.MULTILINE)))

    def wait_for_all(self, seconds: float, count: int) -> None:
        """Wait until none is missing between the first and the last, and there are so many."""

        def steps() -> set[float]:
            times = self.times()
            pairs = zip(times, times[1:])
            return {(later - earlier).total_seconds() for earlier, later in pairs if times[count:]}

        self.wait(lambda: steps() == {seconds}, f"all times, {seconds} s after each other")

    def check_none_is_doubled(self) -> None:
        times = self.times()
        self.assertEqual(sorted(set(times)), times)

    def jobs(self, store: asyncz.BaseStore | None = None) -> dict[str, asyncz.Job]:
        """Return what a store has, by id; where none is given, that in the file of the program."""
        store = store or asyncz.SQLiteStore(self.folder / "asyncz.sqlite3")
        return {
            job.id: job for job in asyncz.AsyncIOScheduler(stores={"default": store}).get_jobs()
        }

    def runs(self) -> dict[str, str]:
        """Return the jobs in the file that have runs, and whether somebody holds a lease for them."""
        with contextlib.closing(sqlite3.connect(self.folder / "asyncz.sqlite3")) as db:
            found = db.execute("SELECT id, until FROM jobs WHERE until IS NOT NULL").fetchall()
        return {id: "held" if until else "given back" for id, until in found}


class Started:
    """A process of a program, at the head of a group as those that a terminal starts."""

    def __init__(
        self,
        test: ProgramTestCase,
        number: int,
        arguments: tuple[str, ...],
        variables: dict[str, str],
    ) -> None:
        self.test, self.arguments = test, arguments
        # Files, unlike pipes, never fill, and are whole when the process is gone.
        self.paths = [test.folder / f"{number}.{stream}" for stream in ("out", "err")]
        with self.paths[0].open("wb") as output, self.paths[1].open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=test.folder,
                env=environment(PYTHONUNBUFFERED="1", **variables),
                start_new_session=True,
            )

    def __str__(self) -> str:
        return f"{self.arguments} ({self.process.poll()}) printed:\n{self.output}{self.errors}"

    @property
    def output(self) -> str:
        return self.paths[0].read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        return self.paths[1].read_text(encoding="utf-8")

    @property
    def complaints(self) -> list[str]:
        """The lines of its errors, without those that only say that it, or the machine, is busy."""
        busy = re.compile(
            "skipped: 1 running already(, the oldest for [0-9]+ s)?$|is taken over$|^waiting for [0-9]+ running job"
        )
        return [line for line in self.errors.splitlines() if not busy.search(line)]

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    def wait_for(self, text: str, count: int = 1) -> None:
        """Wait until the process has printed a text, that often."""
        self.test.wait(
            lambda: self.output.count(text) >= count, f"{self.arguments} prints {text!r}"
        )

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def send_to_group(self, number: int) -> None:
        """Signal the process and its children, as a terminal and some supervisors do."""
        os.killpg(self.process.pid, number)

    def status(self) -> int:
        """Wait for the end, and return the exit status, that of a signal negative."""
        self.test.wait(lambda: self.process.poll() is not None, f"{self.arguments} ends")
        return self.process.returncode

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.send(number)
        return self.status()

    def has_children(self) -> bool:
        """Return whether, after the end, something is left of its group."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class TestProgramWithDecoratedFunctions(ProgramTestCase):
    def test_is_a_script(self) -> None:
        self.write(
            "app.py",
            """
            import functools
            import asyncz

            print("loaded")
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})

            def announced(fn):
                @functools.wraps(fn)
                def call():
                    print("calling")
                    fn()
                return call

            @scheduler.scheduled_job("interval", seconds=0.1)
            def plain():
                print("plain")

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def coroutine():
                print("coroutine")

            @scheduler.scheduled_job("interval", seconds=0.1)
            @announced
            def below():
                print("below")

            @announced
            @scheduler.scheduled_job("interval", seconds=0.1)
            def above():
                print("above")

            def named():
                print("named")

            if __name__ == "__main__":
                scheduler.add_job(
                    "app:named", "interval", seconds=0.1, id="app:named", replace_existing=True
                )
                scheduler.run()
            """,
        )
        names = ("plain", "coroutine", "below", "above", "named")
        for start in ("first", "second"):
            app = self.start("app.py", start)
            for text in (*names, "calling"):
                app.wait_for(text)
            self.assertEqual((app.stop(), app.complaints, app.output.count("loaded")), (0, [], 1))
            self.assertEqual(set(self.jobs()), {f"app:{name}" for name in names})

    def test_is_a_script_whose_scheduler_runs_already(self) -> None:
        self.write(
            "app.py",
            """
            import threading
            import asyncz

            stores = {"default": asyncz.SQLiteStore(), "memory": asyncz.MemoryStore()}
            done = threading.Semaphore(0)

            with asyncz.AsyncIOScheduler(stores=stores) as scheduler:

                @scheduler.scheduled_job("interval", seconds=0.1)
                def kept():
                    print("kept")
                    done.release()

                @scheduler.scheduled_job("interval", seconds=0.1, store="memory")
                async def forgotten():
                    print("forgotten")
                    done.release()

                for _ in range(6):
                    done.acquire()
            print("end")
            """,
        )
        app = self.start("app.py")
        self.assertEqual((app.status(), app.complaints, app.lines[-1]), (0, [], "end"))
        self.assertEqual(("kept" in app.output, "forgotten" in app.output), (True, True))
        self.assertEqual(set(self.jobs()), {"app:kept"})

    def test_is_a_package(self) -> None:
        self.write("shop/__init__.py", "")
        self.write(
            "shop/schedule.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})
            """,
        )
        self.write(
            "shop/jobs.py",
            """
            from .schedule import scheduler

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def restock():
                print("restock")

            class Mail:
                @staticmethod
                @scheduler.scheduled_job("interval", seconds=0.1)
                def send():
                    print("mail")
            """,
        )
        self.write(
            "shop/__main__.py",
            """
            from . import jobs
            from .schedule import scheduler

            @scheduler.scheduled_job("interval", seconds=0.1)
            def report():
                print("report")

            if __name__ == "__main__":
                scheduler.run()
            """,
        )
        for arguments in (["-m", "shop"], ["-m", "asyncz", "run", "shop.__main__:scheduler"]):
            shop = self.start(*arguments)
            for text in ("restock", "mail", "report"):
                shop.wait_for(text)
            self.assertEqual((shop.stop(), "ERROR" in shop.errors), (0, False), shop.errors)
            names = {"shop.jobs:restock", "shop.jobs:Mail.send", "shop.__main__:report"}
            self.assertEqual(set(self.jobs()), names)

    def test_that_is_in_no_file_is_known_to_nobody_else(self) -> None:
        text = """
            import logging, asyncz

            logging.basicConfig(level=logging.INFO)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})

            @scheduler.scheduled_job("interval", seconds=0.1)
            def tick():
                print("tick")

            scheduler.run()
        """
        app = self.start("-c", textwrap.dedent(text))
        app.wait_for("tick")
        self.assertEqual(app.stop(), 0)
        self.assertEqual(set(self.jobs()), {"__main__:tick"})
        said = [line for line in app.errors.splitlines() if "only this program" in line]
        self.assertEqual(len(said), 1, app.errors)


class TestProgramThatIsStartedInSeveralWays(ProgramTestCase):
    APP = """
        import asyncz

        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(poll_interval=0.1)})
        print("loaded")

        @scheduler.scheduled_job("interval", seconds=0.1, coalesce=False, max_instances=100)
        async def tick():
            print("tick", asyncz.current_run().scheduled_run_time)

        if __name__ == "__main__":
            scheduler.run()
    """
    WAYS = (("app.py",), ("-m", "app"), ("-m", "asyncz", "run", "app:scheduler"))

    def check_one_after_the_other(self, *ways: tuple[str, ...]) -> None:
        for way in ways:
            app = self.start(*way)
            app.wait_for("tick", 2)
            if way is ways[-1]:
                self.wait_for_all(0.1, 8)
            self.assertEqual(app.stop(), 0)
        self.check_none_is_doubled()
        self.assertEqual(set(self.jobs()), {"app:tick"})

    def test_one_after_the_other_has_one_job(self) -> None:
        self.write("app.py", self.APP)
        self.check_one_after_the_other(*self.WAYS)
        self.assertEqual([app.lines.count("loaded") for app in self.processes], [1, 1, 1])

    def test_at_once_has_one_job(self) -> None:
        self.write("app.py", self.APP)
        apps = [self.start(*way) for way in self.WAYS]
        for app in apps:
            app.wait_for("tick")
        self.wait_for_all(0.1, 8)
        self.assertEqual([app.stop() for app in apps], [0, 0, 0])
        self.assertEqual([app.lines.count("loaded") for app in apps], [1, 1, 1])
        self.check_none_is_doubled()
        self.assertEqual(set(self.jobs()), {"app:tick"})

    def test_and_imported_by_the_server_that_it_runs_has_one_job(self) -> None:
        self.write(
            "server.py",
            """
            import importlib, sys

            def run(reference):
                module, _, name = reference.partition(":")
                getattr(importlib.import_module(module), name)()

            if __name__ == "__main__":
                run(sys.argv[1])
            """,
        )
        main = """
        main = scheduler.run

        if __name__ == "__main__":
            import server
            server.run("app:main")
        """
        self.write("app.py", self.APP.partition("        if __name__")[0] + main)
        self.check_one_after_the_other(("app.py",), ("server.py", "app:main"))
        self.assertEqual([app.lines.count("loaded") for app in self.processes], [2, 1])

    def test_has_jobs_of_its_own_where_another_on_the_same_file_has_the_same_names(self) -> None:
        for name in ("left", "right"):
            self.write(
                f"{name}.py",
                f"""
                import asyncz

                scheduler = asyncz.AsyncIOScheduler(stores={{"default": asyncz.SQLiteStore()}})

                @scheduler.scheduled_job("interval", seconds=0.1)
                def tick():
                    print("tick of {name}")

                if __name__ == "__main__":
                    scheduler.run()
                """,
            )
        both = [self.start("left.py"), self.start("right.py")]
        for name in ("left", "right"):
            # Either may run the jobs of both: they are found by their names.
            self.wait(
                lambda: sum(one.output.count(f"tick of {name}") for one in both) >= 3,
                f"a tick of {name}",
            )
        self.assertEqual([one.stop() for one in both], [0, 0])
        self.assertEqual({job.fn_ref for job in self.jobs().values()}, {"left:tick", "right:tick"})
        self.assertEqual(set(self.jobs()), {"left:tick", "right:tick"})

    def test_that_starts_itself_when_it_is_imported_is_told_how_to_write_it(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})

            @scheduler.scheduled_job("interval", hours=1, next_run_time="now")
            async def tick():
                print("tick")

            scheduler.run()
            """,
        )
        app = self.start("app.py")
        app.wait_for("tick")
        self.assertEqual(app.stop(), 0)
        self.write(
            "other.py",
            """
            import asyncz

            with asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()}) as scheduler:
                for _ in range(2):
                    try:
                        scheduler.run_job("app:tick").result()
                    except RuntimeError as error:
                        print(error)
            """,
        )
        other = self.start("other.py")
        self.assertEqual(other.status(), 0)
        hint = 'write if __name__ == "__main__": above the line that calls run()'
        # Each time: a module whose import fails is not there the next time, either.
        self.assertEqual((other.output.count(hint), other.output.count("tick")), (2, 0))
        self.assertEqual(set(self.jobs()), {"app:tick"})


class TestProgramThatStopsAndStartsAgain(ProgramTestCase):
    def test_by_sigterm_ends_what_runs_and_misses_nothing(self) -> None:
        self.write(
            "app.py",
            """
            import asyncio, asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})

            @scheduler.scheduled_job("interval", seconds=0.1, coalesce=False, max_instances=100)
            async def measure():
                moment = asyncz.current_run().scheduled_run_time
                await asyncio.sleep(0.05)
                print("tick", moment)

            @scheduler.scheduled_job("interval", hours=1, next_run_time="now")
            async def copy():
                print("begun")
                while scheduler.running:
                    await asyncio.sleep(0.01)
                print("ended")

            if __name__ == "__main__":
                scheduler.run()
                print("stopped")
            """,
        )
        for count in (3, 12):
            app = self.start("app.py")
            app.wait_for("begun")
            self.wait_for_all(0.1, count)
            self.assertEqual((app.stop(), app.complaints), (0, []))
            self.assertRegex(app.errors, "waiting for [0-9]+ running jobs?; Ctrl-C again to leave")
            self.assertEqual((app.output.count("ended"), app.lines[-1]), (1, "stopped"))
        self.check_none_is_doubled()
        self.assertEqual(set(self.jobs()), {"app:measure", "app:copy"})

    def test_by_sigkill_hears_of_what_was_interrupted_and_recovers_it(self) -> None:
        self.write(
            "app.py",
            """
            import asyncio, sys, asyncz

            store = asyncz.SQLiteStore(lease=1.5, poll_interval=0.1)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store})

            async def copy():
                print("copy begins")
                await asyncio.sleep(float(sys.argv[1]))

            async def mail():
                print("mail begins")
                await asyncio.sleep(float(sys.argv[1]))
                print("mail ends")

            def complain(event):
                print(event.job_id, type(event.exception).__name__)

            if __name__ == "__main__":
                scheduler.add_listener(complain, asyncz.JOB_ERROR)
                if float(sys.argv[1]):
                    scheduler.add_job(copy, id="copy")
                    scheduler.add_job(mail, id="mail", recover=True)
                scheduler.run()
            """,
        )
        app = self.start("app.py", "60")
        app.wait_for("begins", 2)
        self.assertEqual(app.stop(signal.SIGKILL), -signal.SIGKILL)
        self.assertEqual(self.runs(), {"copy": "held", "mail": "held"})
        app = self.start("app.py", "0")
        app.wait_for("copy RunInterruptedError")
        app.wait_for("mail ends")
        self.assertEqual((app.stop(), self.runs(), app.output.count("copy begins")), (0, {}, 0))

    FORGETFUL = """
        import asyncio, sys, threading, time, asyncz

        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})
        begun, ended = [], threading.Event()

        async def upload():
            print("upload begins")
            begun.append("upload")
            await asyncio.sleep(float(sys.argv[1]))
            print("upload ends")
            ended.set()

        async def report():
            print("report begins")
            begun.append("report")
            await asyncio.sleep(float(sys.argv[1]))
    """

    def check_the_next_start(self, first: Started) -> None:
        """What was left is there at once, though the leases were for a minute."""
        self.assertEqual(first.status(), 0)
        self.assertEqual(self.runs(), {"upload": "given back"})
        self.assertNotIn("never awaited", first.errors)
        self.assertNotIn("was destroyed", first.errors)
        self.write(
            "next.py",
            """
            import app

            app.scheduler.start()
            app.ended.wait(20)
            app.scheduler.shutdown()
            """,
        )
        second = self.start("next.py", "0")
        self.assertEqual((second.status(), second.lines), (0, ["upload begins", "upload ends"]))
        self.assertEqual((self.jobs(), self.runs()), ({}, {}))

    def test_by_its_own_end_without_a_shutdown(self) -> None:
        main = """
        if __name__ == "__main__":
            scheduler.start()
            scheduler.add_job(upload, id="upload", recover=True)
            scheduler.add_job(report, id="report")
            while len(begun) < 2:
                time.sleep(0.01)
        """
        self.write("app.py", self.FORGETFUL + main)
        self.check_the_next_start(self.start("app.py", "60"))

    def test_by_the_end_of_asyncio_run_without_a_shutdown(self) -> None:
        main = """
        async def main():
            scheduler.start()
            scheduler.add_job(upload, id="upload", recover=True)
            scheduler.add_job(report, id="report")
            while len(begun) < 2:
                await asyncio.sleep(0.01)

        if __name__ == "__main__":
            asyncio.run(main())
            print(scheduler.running)
        """
        self.write("app.py", self.FORGETFUL + main)
        app = self.start("app.py", "60")
        self.check_the_next_start(app)
        self.assertEqual((app.lines[-1], app.errors.count("the event loop ends")), ("False", 1))

    def test_as_a_worker_that_is_reloaded_gives_its_run_to_the_next(self) -> None:
        self.write(
            "worker.py",
            """
            import asyncio, signal, sys, asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(poll_interval=0.1)})

            @scheduler.scheduled_job("interval", seconds=0.3, recover=True)
            async def index():
                print("index", asyncz.current_run().scheduled_run_time)
                if sys.argv[1] == "old":
                    await asyncio.sleep(60)

            if __name__ == "__main__":
                # As servers of WSGI applications end their workers.
                signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
                print("ready")
                scheduler.start()
                while True:
                    signal.pause()
            """,
        )
        old = self.start("worker.py", "old")
        old.wait_for("index")
        new = self.start("worker.py", "new")
        new.wait_for("ready")
        self.assertEqual(old.stop(), 0)
        new.wait_for(old.lines[1])
        self.assertEqual((new.stop(), "held" in self.runs().values()), (0, False))


class TestProcessPoolOfAScript(ProgramTestCase):  # not for PyPy, whose pools of 7.3.11 do not work
    def test_ends_what_runs_at_ctrl_c(self) -> None:
        self.write(
            "app.py",
            """
            import time, asyncz

            scheduler = asyncz.AsyncIOScheduler(
                stores={"default": asyncz.SQLiteStore()},
                executors={"pool": asyncz.ProcessPoolExecutor(max_workers=1)},
            )

            @scheduler.scheduled_job("interval", hours=1, next_run_time="now", executor="pool")
            def crunch():
                print("begun")
                time.sleep(0.5)
                print("ended")
                return 42

            if __name__ == "__main__":
                scheduler.add_listener(lambda event: print(event.return_value), asyncz.JOB_EXECUTED)
                scheduler.run()
            """,
        )
        app = self.start("app.py")
        app.wait_for("begun")
        app.send_to_group(signal.SIGINT)
        self.assertEqual((app.status(), app.lines), (0, ["begun", "ended", "42"]))
        self.assertNotIn("Traceback", app.errors)
        self.assertEqual((set(self.jobs()), self.runs()), ({"app:crunch"}, {}))
        self.assertTrue(wait_until(lambda: not app.has_children()))


class TestProgramWithALoopOfItsOwn(ProgramTestCase):
    def test_is_a_script_that_runs_its_schedule(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
            left = [3, 2, 1]

            @scheduler.scheduled_job("interval", seconds=0.05)
            async def countdown():
                print(left.pop(0))
                if not left:
                    scheduler.shutdown()

            scheduler.run()
            print("end", scheduler.running)
            """,
        )
        app = self.start("-W", "error", "app.py")
        self.assertEqual((app.status(), app.complaints), (0, []))
        self.assertEqual(app.lines, ["3", "2", "1", "end False"])

    def test_is_an_asyncio_application(self) -> None:
        self.write(
            "app.py",
            """
            import asyncio, signal, asyncz

            scheduler = asyncz.AsyncIOScheduler()
            visits = 0

            @scheduler.scheduled_job("interval", seconds=0.05)
            async def report():
                print("visits:", visits)

            async def serve(reader, writer):
                global visits
                visits += 1
                writer.write(b"hello")
                writer.close()

            async def main():
                stop = asyncio.Event()
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
                async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, scheduler:
                    print("port:", server.sockets[0].getsockname()[1], "ready")
                    await stop.wait()

            asyncio.run(main())
            print("closed")
            """,
        )
        app = self.start("app.py")
        app.wait_for("ready")
        address = ("127.0.0.1", int(app.lines[0].split()[1]))
        with socket.create_connection(address, timeout=10) as visitor:
            self.assertEqual(visitor.recv(100), b"hello")
        app.wait_for("visits: 1")
        self.assertEqual((app.stop(), app.complaints, app.lines[-1]), (0, [], "closed"))

    def test_is_an_application_with_a_window(self) -> None:
        self.write(
            "app.py",
            """
            import queue, threading, asyncz

            class Window:  # as tkinter's, of whose main loop a thread beside it is told
                def __init__(self):
                    self.calls, self.shown = queue.Queue(), 0

                def after(self, call, *args):
                    self.calls.put((call, args))

                def mainloop(self):
                    while self.shown < 3:
                        call, args = self.calls.get()
                        call(*args)

                def show(self, text):
                    self.shown += 1
                    print(text, "in", threading.current_thread().name)

            window = Window()
            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job("interval", seconds=0.05)
            def clock():
                window.after(window.show, "tick")

            scheduler.start()
            window.mainloop()
            scheduler.shutdown()
            print(scheduler.running)
            """,
        )
        app = self.start("-W", "error", "app.py")
        expected = ["tick in MainThread"] * 3 + ["False"]
        self.assertEqual((app.status(), app.complaints, app.lines), (0, [], expected))

    def test_is_a_script_that_sleeps_until_ctrl_c(self) -> None:
        self.write(
            "app.py",
            """
            import time, asyncz

            scheduler = asyncz.AsyncIOScheduler()
            scheduler.add_job(print, "interval", seconds=0.05, args=["tick"])
            scheduler.start()
            try:
                while True:
                    time.sleep(1)
            except KeyboardInterrupt:
                scheduler.shutdown()
                print("stopped")
            """,
        )
        app = self.start("app.py")
        app.wait_for("tick", 3)
        app.send_to_group(signal.SIGINT)
        self.assertEqual((app.status(), app.complaints, app.lines[-1]), (0, [], "stopped"))

    def test_is_a_server_with_workers(self) -> None:
        self.write(
            "server.py",
            """
            import os, signal, sys, asyncz

            # Loaded before the fork, as by `gunicorn --preload`.
            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore(poll_interval=0.1)})

            @scheduler.scheduled_job("interval", seconds=0.1, coalesce=False, max_instances=100)
            async def tick():
                print(f"tick {asyncz.current_run().scheduled_run_time}\\n", end="")

            def work():
                signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
                scheduler.start()
                os.write(1, b"ready\\n")
                while True:
                    signal.pause()

            if __name__ == "__main__":
                workers = []
                for _ in range(2):
                    workers.append(os.fork())
                    if not workers[-1]:
                        work()
                signal.signal(signal.SIGTERM, lambda number, frame: [os.kill(pid, number) for pid in workers])
                print([os.waitpid(pid, 0)[1] for pid in workers])
            """,
        )
        server = self.start("server.py")
        server.wait_for("ready", 2)
        self.wait_for_all(0.1, 8)
        self.assertEqual((server.stop(), server.lines[-1]), (0, "[0, 0]"))
        self.check_none_is_doubled()
        self.assertEqual(set(self.jobs()), {"server:tick"})

    def test_keeps_what_belongs_to_a_request_out_of_jobs(self) -> None:
        self.write(
            "app.py",
            """
            import asyncio, contextvars, asyncz

            user = contextvars.ContextVar("user", default="nobody")
            scheduler = asyncz.AsyncIOScheduler()
            done = []

            @scheduler.scheduled_job("interval", seconds=0.05)
            async def clean():
                done.append(f"clean for {user.get()}")

            def mail(name):
                done.append(f"mail to {name} for {user.get()}")

            async def request(name):
                user.set(name)
                scheduler.add_job(mail, args=[name])
                scheduler.run_job("app:clean")

            async def main():
                async with scheduler:
                    await asyncio.gather(request("alice"), request("bob"))
                    while len(set(done)) < 3 or len(done) < 8:
                        await asyncio.sleep(0.01)
                print(*sorted(set(done)), sep="\\n")

            asyncio.run(main())
            """,
        )
        app = self.start("app.py")
        expected = ["clean for nobody", "mail to alice for nobody", "mail to bob for nobody"]
        self.assertEqual((app.status(), app.complaints, app.lines), (0, [], expected))


class TestProgramThatIsWrong(ProgramTestCase):
    def test_with_a_job_that_fails_says_so_without_any_logging_set_up(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler()

            @scheduler.scheduled_job("interval", seconds=0.05)
            async def divide():
                print("dividing")
                return 1 / 0

            scheduler.run()
            """,
        )
        app = self.start("app.py")
        self.wait(lambda: app.errors.count("ZeroDivisionError: division by zero") >= 2, "traceback")
        self.assertEqual((app.stop(), "return 1 / 0" in app.errors), (0, True), app.errors)
        self.assertIn("app:divide", app.errors)

    def test_whose_decorated_function_is_gone_names_it_and_keeps_its_job(self) -> None:
        text = """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()})

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def stays():
                print("stays")
        """
        gone = """
            @scheduler.scheduled_job("interval", seconds=0.1)
            async def goes():
                print("goes")
        """
        main = """
            if __name__ == "__main__":
                scheduler.run()
        """
        self.write("app.py", text + gone + main)
        app = self.start("app.py")
        app.wait_for("goes")
        self.assertEqual(app.stop(), 0)
        self.write("app.py", text + main)
        app = self.start("app.py")
        app.wait_for("stays", 2)
        self.wait(lambda: "has no 'goes'" in app.errors, "an error")
        self.assertEqual(app.stop(), 0)
        self.assertRegex(app.errors, "job 'app:goes' .*has no 'goes'")
        self.assertEqual(set(self.jobs()), {"app:stays", "app:goes"})

    def test_with_a_time_of_another_zone_is_told_how_late_that_is(self) -> None:
        self.write(
            "app.py",
            """
            from datetime import datetime, timedelta, timezone
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(timezone="Europe/Paris")
            soon = datetime.now() + timedelta(minutes=10)  # of the machine, which is in Greenwich
            with scheduler:
                scheduler.pause()
                scheduler.add_job(print, run_at=soon, args=["too early"], id="wrong")
                job = scheduler.add_job(print, run_at=timedelta(minutes=10), id="right")
                print(round((job.next_run_time - datetime.now(timezone.utc)) / timedelta(minutes=1)))
                scheduler.add_job(
                    print, run_at="2020-01-01", args=["again"], id="once", replace_existing=True
                )
            """,
        )
        app = self.start("app.py", TZ="UTC")
        self.assertEqual((app.status(), app.lines), (0, ["10"]), app.errors)
        self.assertRegex(app.errors, "job 'wrong' .* 0:50:0[0-9] ago\n")
        self.assertRegex(app.errors, "job 'once' .* is not run")


class TestProgramThatLooks(ProgramTestCase):
    def test_into_a_store_and_changes_what_another_runs(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            store = asyncz.SQLiteStore(poll_interval=0.1)
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC")

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def beat():
                print("beat")

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def report():
                print("report")

            @scheduler.scheduled_job("cron", hour=8)
            async def clean():
                print("clean")

            if __name__ == "__main__":
                scheduler.run()
            """,
        )
        self.write(
            "admin.py",
            """
            import sys, asyncz

            stores = {"default": asyncz.SQLiteStore()}
            scheduler = asyncz.AsyncIOScheduler(stores=stores, timezone="UTC")
            for job in sorted(scheduler.get_jobs(), key=lambda job: job.id):
                print(job.id, job.fn_ref, job.trigger)
            scheduler.pause_job("app:report")
            scheduler.delete_job("app:clean")
            print(len(scheduler.get_jobs()), scheduler.get_job("app:report").next_run_time, "app" in sys.modules)
            """,
        )
        app = self.start("app.py")
        app.wait_for("report")
        admin = self.start("admin.py")
        expected = [
            "app:beat app:beat interval[0:00:00.100000]",
            "app:clean app:clean cron[hour='8']",
            "app:report app:report interval[0:00:00.100000]",
            "2 None False",
        ]
        self.assertEqual((admin.status(), admin.lines), (0, expected), admin.errors)
        count = app.output.count("report")
        app.wait_for("beat", app.output.count("beat") + 5)
        self.assertEqual((app.stop(), set(self.jobs())), (0, {"app:beat", "app:report"}))
        # One may have been on its way.
        self.assertLessEqual(app.output.count("report"), count + 1)

    def test_at_what_its_schedule_will_do(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(
                stores={"default": asyncz.SQLiteStore()}, timezone="UTC"
            )

            @scheduler.scheduled_job("cron", day_of_week="mon-fri", hour=8)
            async def report():
                print("report")

            if __name__ == "__main__":
                with scheduler:
                    print(scheduler)
            """,
        )
        self.write(
            "forecast.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.SQLiteStore()}, timezone="UTC")
            for event in asyncz.simulate(scheduler, "2101-01-01", "2101-01-09"):
                print(f"{event.scheduled_run_time:%a %d %H:%M}", event.job_id)
            """,
        )
        self.assertEqual(self.start("app.py").status(), 0)
        before = (self.folder / "asyncz.sqlite3").read_bytes()
        forecast = self.start("forecast.py")
        days = ["Mon 03", "Tue 04", "Wed 05", "Thu 06", "Fri 07"]
        expected = ["report"] * 5 + [f"{day} 08:00 app:report" for day in days]
        self.assertEqual((forecast.status(), forecast.lines), (0, expected), forecast.errors)
        self.assertEqual((self.folder / "asyncz.sqlite3").read_bytes(), before)

    def test_at_its_scheduler(self) -> None:
        self.write(
            "app.py",
            """
            import asyncz

            scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
            print(scheduler)
            scheduler.add_job(print, "date", run_at="2101-01-01 08:00", id="party")
            print(scheduler)
            scheduler.start()
            scheduler.add_job(print, "interval", hours=1, next_run_time=None, id="paused")
            print(scheduler)
            scheduler.pause()
            print(scheduler)
            scheduler.shutdown()
            print(scheduler)
            for job in scheduler.get_jobs():
                print(job)
            """,
        )
        app = self.start("app.py")
        self.assertEqual((app.status(), app.complaints), (0, []))
        following = "next run: 2101-01-01 08:00:00 UTC"
        self.assertEqual(
            app.lines,
            [
                "AsyncIOScheduler: stopped, 0 jobs, next run: none",
                f"AsyncIOScheduler: stopped, 1 job, {following}",
                f"AsyncIOScheduler: running, 2 jobs, {following}",
                f"AsyncIOScheduler: paused, 2 jobs, {following}",
                f"AsyncIOScheduler: stopped, 2 jobs, {following}",
                f"party: print (date[2101-01-01 08:00:00], {following})",
                "paused: print (interval[1:00:00], next run: paused)",
            ],
        )

    def test_at_the_end_of_a_run_and_runs_it_again(self) -> None:
        self.write(
            "app.py",
            """
            import asyncio, asyncz

            scheduler = asyncz.AsyncIOScheduler()
            pages = iter(range(5))

            @scheduler.scheduled_job("interval", hours=1, next_run_time="now")
            def fetch():
                return next(pages, None)

            async def main():
                ended = asyncio.Event()

                def again(event):
                    print(event.return_value)
                    if event.return_value is None:
                        ended.set()
                    else:
                        scheduler.run_job(event.job_id)

                scheduler.add_listener(again, asyncz.JOB_EXECUTED)
                async with scheduler:
                    await ended.wait()

            asyncio.run(main())
            """,
        )
        app = self.start("app.py")
        expected = ["0", "1", "2", "3", "4", "None"]
        self.assertEqual((app.status(), app.complaints, app.lines), (0, [], expected))

    def test_for_its_options_in_a_file(self) -> None:
        self.write(
            "app.ini",
            """
            [asyncz]
            asyncz.timezone = Europe/Paris
            asyncz.job_defaults.max_instances = 4
            asyncz.stores.default.type = sqlite
            asyncz.stores.default.path = asyncz.sqlite3
            asyncz.executors.threads.type = threadpool
            asyncz.executors.threads.max_workers = 2
            """,
        )
        self.write(
            "app.py",
            """
            import configparser, asyncz

            parser = configparser.ConfigParser()
            parser.read("app.ini")
            scheduler = asyncz.AsyncIOScheduler(dict(parser["asyncz"]))

            @scheduler.scheduled_job("interval", seconds=0.05, executor="threads")
            def tick():
                print(asyncz.current_run().job.max_instances, scheduler.timezone)
                scheduler.shutdown()

            if __name__ == "__main__":
                scheduler.run()
            """,
        )
        app = self.start("app.py")
        self.assertEqual((app.status(), app.complaints, app.lines), (0, [], ["4 Europe/Paris"]))
        self.assertEqual(set(self.jobs()), {"app:tick"})


# === Servers ===
# What needs a package or a server: the stores in Redis, Valkey and MongoDB, their clients, a server
# that goes away; pytz. The server of Redis is the tests' own, on a free port; that of MongoDB the
# one at the URL in ASYNCZ_TEST_MONGO.


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise unittest.SkipTest(f"the package {name} is not installed") from None


class RedisServer:
    """A server of the tests' own, on a free port and in a directory of its own."""

    def __init__(self):
        self.folder = temporary_folder()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        options = {
            "port": self.port,
            "dir": self.folder.name,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "bind": "127.0.0.1",
            "logfile": "log",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                return
            time.sleep(0.02)
        raise OSError("redis-server did not start")

    def stop(self):
        self.process.kill()
        self.process.wait(20)

    def close(self):
        self.stop()
        self.folder.cleanup()


REDIS = []  # the server, when a test has needed it


def redis_server():
    if shutil.which("redis-server") is None:
        raise unittest.SkipTest("there is no redis-server")
    if not REDIS:
        REDIS.append(RedisServer())
        unittest.addModuleCleanup(REDIS[0].close)
    return REDIS[0]


class TestTimezoneOfPytz(FileTestCase):
    def setUp(self):
        super().setUp()
        self.pytz = package("pytz")

    def test_runs_at_the_same_times(self):
        check_clock_changes(self, self.pytz.timezone)
        self.assertEqual(
            str(DateTrigger("2026-12-01 08:00", timezone=self.pytz.timezone("Europe/Paris"))),
            "date[2026-12-01 08:00:00 CET]",
        )

    def test_is_known_by_its_name_in_a_record(self):
        for name in ("Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC"):
            with self.subTest(name):
                trigger = CronTrigger(hour=18, timezone=self.pytz.timezone(name))
                found = self.after_a_restart({"trigger": trigger})
                self.assertEqual(str(found.trigger.timezone), name)

    def test_is_that_of_the_same_instants_in_a_record(self):
        paris = self.pytz.timezone("Europe/Paris")
        summer, winter = (
            paris.localize(datetime(2027, 10, 31, 2, 30), is_dst=is_dst) for is_dst in (True, False)
        )
        mean = datetime(2027, 5, 1, 12, tzinfo=paris)  # local mean time
        check_instants_in_a_record(self, [winter, summer, mean])
        check_run_times_in_a_record(self, [winter, mean])


class TestClientOfAStore(unittest.TestCase):
    def test_that_is_none_or_a_wrong_one_is_an_error_that_shows_the_line(self):
        class Other:
            def __repr__(self):
                return "<other>"

        class Later(Other):
            hmget = zrangebyscore = pipeline = time = get_database = lambda self: None

            async def execute_command(self):
                pass

            list_database_names = execute_command

        redis, mongo = (
            "RedisStore(client=redis.Redis(host='localhost'))",
            "MongoDBStore(client=pymongo.MongoClient('mongodb://localhost'))",
        )
        # fmt: off
        table = [
            (asyncz.RedisStore, None, f"RedisStore: client is missing; write {redis}"),
            (asyncz.RedisStore, Other(), f"client=<other>: not a client for RedisStore, it has no 'hmget'; write {redis}"),
            (
                asyncz.RedisStore,
                Later(),
                f"client=<other>: an asyncio client; RedisStore takes the other one of the same package, as in {redis}",
            ),
            (asyncz.MongoDBStore, None, f"MongoDBStore: client is missing; write {mongo}"),
            (asyncz.MongoDBStore, Other(), f"client=<other>: not a client for MongoDBStore, it has no 'get_database'; write {mongo}"),
            (
                asyncz.MongoDBStore,
                Later(),
                f"client=<other>: an asyncio client; MongoDBStore takes the other one of the same package, as in {mongo}",
            ),
        ]
        # fmt: on
        for kind, client, expected in table:
            self.assertEqual(complaint(kind, client), f"TypeError: {expected}")
        self.assertRegex(complaint(asyncz.RedisStore, Later(), ""), "^TypeError: client=")
        for name in ("redis.asyncio", "pymongo"):
            with self.subTest(name), contextlib.suppress(unittest.SkipTest):
                module = package(name)
                kind = module.Redis if name == "redis.asyncio" else module.AsyncMongoClient

                async def made(kind=kind):
                    return kind()

                store = asyncz.RedisStore if name == "redis.asyncio" else asyncz.MongoDBStore
                self.assertIn("an asyncio client", complaint(store, asyncio.run(made())))


class RedisContract(SharedStoreContract):
    """Runs against one client; a subclass makes it."""

    client = None

    def make_store(self, **options):
        if self.client is None:
            self.client = self.make_client()
            self.addCleanup(self.client.close)
            self.prefix = f"test-{random.randrange(10**9)}"
        options = {"poll_interval": 60.0, **options}
        return with_table(VirtualRedisTable, asyncz.RedisStore, self.client, self.prefix, **options)

    async def test_leaves_the_client_open_and_nothing_behind(self):
        self.add("a")
        await asyncio.sleep(61)
        await self.scheduler.shutdown()
        keys = self.client.keys(f"{{{self.prefix}}}:*")
        self.assertEqual(
            sorted(key if isinstance(key, str) else key.decode() for key in keys),
            self.keys_of("due", "job:a", "mark"),
        )
        self.scheduler.start()
        self.scheduler.remove_all_jobs()
        # By the mark, other schedulers tell this from a server that forgot everything.
        self.assertEqual(len(self.client.keys(f"{{{self.prefix}}}:*")), 1)

    def keys_of(self, *names):
        return [f"{{{self.prefix}}}:{name}" for name in names]


class TestRedisStore(RedisContract, VirtualTimeTestCase):
    def make_client(self):
        return package("redis").Redis(port=redis_server().port)

    async def test_uses_the_time_of_the_server(self):
        store = asyncz.RedisStore(self.client, self.prefix + "-real", poll_interval=0.05, lease=4.0)
        scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC")
        settings_of(scheduler).clock.now_us = lambda: time.time_ns() // 1000 + 3600_000_000
        ran = threading.Event()
        HOOKS["set"] = ran.set
        started = time.time()
        with await asyncio.get_running_loop().run_in_executor(
            None, self.start_elsewhere, scheduler
        ):
            job = scheduler.add_job(act_plainly, "interval", seconds=0.2, args=["set"])
            self.assertLess(
                abs(job.next_run_time.timestamp() - started), 10, "an hour is not added"
            )
            self.assertTrue(await asyncio.get_running_loop().run_in_executor(None, ran.wait, 10))

    @staticmethod
    def start_elsewhere(scheduler):
        scheduler.start()
        stack = contextlib.ExitStack()
        stack.callback(scheduler.shutdown)
        return stack

    async def test_warns_of_a_server_that_forgets(self):
        self.client.config_set("maxmemory-policy", "allkeys-lru")
        self.addCleanup(self.client.config_set, "maxmemory-policy", "noeviction")
        with self.assertLogs("asyncz", "WARNING") as logs:
            self.add_scheduler()
            await becomes(lambda: logs.output)
        self.assertIn(
            "maxmemory-policy 'allkeys-lru' lets it remove jobs; use noeviction", logs.output[0]
        )


class TestRedisStoreOverALineThatLosesAnswers(RedisContract, VirtualTimeTestCase):
    """The client asks everything twice, as it does where an answer is lost; all that happens is
    still right.

    Except that a run that is skipped at the limit is then skipped without an event, and that a job that is deleted is not there any more.
    """

    def make_client(self):
        class Repeating(package("redis").Redis):
            def eval(self, script, count, *arguments):
                answer = super().eval(script, count, *arguments)
                if "delete" in arguments or b"0" in answer:
                    return answer
                return super().eval(script, count, *arguments)

        return Repeating(port=redis_server().port)


class TestRedisStoreWithDecodedReplies(RedisContract, VirtualTimeTestCase):
    def make_client(self):
        return package("redis").Redis(port=redis_server().port, decode_responses=True)

    async def test_reads_past_a_record_that_is_no_text(self):
        self.add("bad", minutes=0, seconds=10)
        self.add("good")
        binary = package("redis").Redis(port=redis_server().port)
        self.addCleanup(binary.close)
        binary.hset(f"{{{self.prefix}}}:job:bad", "def", b"\xff\xfe")
        with self.assertLogs("asyncz", "ERROR"):
            await asyncio.sleep(61)
        self.assertEqual(
            (RUNS, binary.hget(f"{{{self.prefix}}}:job:bad", "def")), (["good"], b"\xff\xfe")
        )


class TestRedisStoreWithValkey(RedisContract, VirtualTimeTestCase):
    def make_client(self):
        return package("valkey").Valkey(port=redis_server().port)


class TestRedisStoreOnFakeredis(RedisContract, VirtualTimeTestCase):
    def make_client(self):
        package("lupa")
        return package("fakeredis").FakeRedis()


class TestRedisStoreWithoutScripts(unittest.TestCase):
    """It is told of when the scheduler starts, in one clear error, and nothing has started then."""

    def check(self, client, reason):
        scheduler = asyncz.AsyncIOScheduler(stores={"default": asyncz.RedisStore(client)})
        with self.assertRaisesRegex(
            TypeError,
            f"^store 'default': .*{reason}.*; it has to be allowed to run scripts .EVAL.$",
        ):
            scheduler.start()
        self.assertFalse(scheduler.running)

    def test_an_account_that_may_not(self):
        redis = package("redis")
        with redis.Redis(port=redis_server().port) as admin:
            admin.execute_command(
                "ACL", "SETUSER", "plain", "on", ">plain", "~*", "&*", "+@all", "-@scripting"
            )
        with redis.Redis(port=redis_server().port, username="plain", password="plain") as client:
            self.check(client, "no permissions")

    def test_a_client_that_can_not(self):
        class WithoutEval(package("fakeredis").FakeRedis):
            def eval(self, *arguments):
                raise package("redis").ResponseError("unknown command 'eval'")

        self.check(WithoutEval(), "unknown command 'eval'")


class TestRedisStoreOfAServerThatGoesAway(FaultTestCase):
    def test_comes_back_to_all_that_was_due(self):
        redis = package("redis")
        redis_server()  # is there one at all?
        server = RedisServer()
        self.addCleanup(server.close)
        client = redis.Redis(port=server.port, socket_timeout=2, retry=None)
        self.addCleanup(client.close)
        server.stop()
        with self.assertLogs("asyncz", "ERROR") as logs:
            # It is down at the start.
            self.start(asyncz.RedisStore(client, lease=3.0, poll_interval=0.1))
            self.beats_while(lambda: time.sleep(0.8))
        self.assertEqual(len(logs.output), 1, logs.output)
        server.start()
        self.assertTrue(wait_until(lambda: len(self.runs) >= 5))
        with self.assertLogs("asyncz", "ERROR") as logs:
            self.beats_while(lambda: (server.stop(), time.sleep(0.8)))
            count = len(self.runs)
        self.assertEqual(len(logs.output), 1, logs.output)
        server.start()
        self.assertTrue(wait_until(lambda: len(self.runs) >= count + 10))
        os.kill(server.process.pid, signal.SIGSTOP)
        self.beats_while(lambda: time.sleep(0.6))
        os.kill(server.process.pid, signal.SIGCONT)
        count = len(self.runs)
        self.assertTrue(wait_until(lambda: len(self.runs) >= count + 10))
        self.check_all_ran_once()

    def test_that_forgets_everything_does_not_spin(self):
        client = package("redis").Redis(port=redis_server().port)
        self.addCleanup(client.close)
        prefix = f"test-{random.randrange(10**9)}"
        self.start(asyncz.RedisStore(client, prefix, poll_interval=0.1))
        self.assertTrue(wait_until(lambda: self.runs))
        client.delete(*client.keys(f"{{{prefix}}}:*"))
        calls = unittest.mock.patch.object(client, "eval", wraps=client.eval)
        with calls as counted:
            self.beats_while(lambda: time.sleep(0.6))
        self.assertLess(counted.call_count, 60)
        self.assertEqual([job.id for job in self.scheduler.get_jobs("default")], [])
        count = len(self.runs)
        self.scheduler.add_job(act, "interval", seconds=0.1, args=["run"], id="run")
        self.assertTrue(wait_until(lambda: len(self.runs) > count + 2))


class TestRedisStoreOfAKilledProcess(KilledProcessContract, unittest.TestCase):
    def test_loses_no_run_at_any_step(self):
        client = package("redis").Redis(port=redis_server().port)
        self.addCleanup(client.close)
        found = self.outcomes(
            str(redis_server().port),
            lambda place: asyncz.RedisStore(client, place, lease=1.0, poll_interval=0.1),
        )
        self.assertEqual(found, [(step, expected) for step, _, expected in self.STEPS])


class DecoratorContract(ProgramTestCase):
    """Decorated functions live in a store on a server, whichever way their program is started."""

    def check(self, place: str, line: str, store: asyncz.BaseStore) -> None:
        """Check it with a line that makes a store of the server that is at `PLACE`."""
        self.write(
            "app.py",
            f"""
            import os
            import asyncz

            {line}
            scheduler = asyncz.AsyncIOScheduler(stores={{"default": store}})

            @scheduler.scheduled_job("interval", seconds=0.1)
            def plain():
                print("plain")

            @scheduler.scheduled_job("interval", seconds=0.1)
            async def coroutine():
                print("coroutine")

            if __name__ == "__main__":
                scheduler.run()
            """,
        )
        for way in (("app.py",), ("-m", "asyncz", "run", "app:scheduler")):
            app = self.start(*way, PLACE=place)
            app.wait_for("plain")
            app.wait_for("coroutine")
            self.assertEqual(app.stop(), 0)
        self.assertEqual(set(self.jobs(store)), {"app:plain", "app:coroutine"})


class TestDecoratorsOfARedisStore(DecoratorContract):
    selected = []  # not begun by others: the server has to be there

    def setUp(self):
        self.client = package("redis").Redis(port=redis_server().port)
        self.addCleanup(self.client.close)
        super().setUp()

    def test_work_in_a_program(self):
        line = 'import redis; store = asyncz.RedisStore(redis.Redis(port=int(os.environ["PLACE"])), "decorators")'
        self.check(str(redis_server().port), line, asyncz.RedisStore(self.client, "decorators"))


class MongoDBContract(SharedStoreContract):
    client = None

    def make_store(self, **options):
        if self.client is None:
            self.client = self.make_client()
            self.addCleanup(self.client.close)
            self.name = f"test-{random.randrange(10**9)}"
            self.addCleanup(self.client.drop_database, self.name)
        options = {"poll_interval": 60.0, **options}
        return with_table(
            VirtualMongoDBTable, asyncz.MongoDBStore, self.client, self.name, **options
        )


class OneAtATime:
    """A collection of mongomock whose single operations are atomic, as those of a server are: it
    looks first, and locks only to write.
    """

    LOCK = threading.RLock()

    def __init__(self, collection):
        self.collection = collection

    def __getattr__(self, name):
        method = getattr(self.collection, name)
        if name not in ("find_one", "insert_one", "update_one", "delete_one", "delete_many"):
            return method

        def locked(*arguments, **options):
            with self.LOCK:
                return method(*arguments, **options)

        return locked


class TestMongoDBStoreOnMongomock(MongoDBContract, VirtualTimeTestCase):
    def make_client(self):
        return package("mongomock").MongoClient()

    def make_store(self, **options):
        store = super().make_store(**options)
        wrap_collection(store, OneAtATime)
        return store

    async def test_uses_the_time_of_the_server(self):
        store = asyncz.MongoDBStore(self.client, self.name)
        moment = datetime(2030, 1, 1)
        with unittest.mock.patch.object(
            type(self.client),
            "admin",
            types.SimpleNamespace(command=lambda name: {"localTime": moment}),
            create=True,
        ):
            self.assertLess(abs(server_us(store) - us(at("2030-01-01"))), 10_000_000)
        self.assertIsNone(
            server_time(types.SimpleNamespace(admin=types.SimpleNamespace(command=lambda name: {})))
        )


if "ASYNCZ_TEST_MONGO" in os.environ:  # the URL of a server, which nothing here could install

    class TestMongoDBStore(MongoDBContract, VirtualTimeTestCase):
        def make_client(self):
            return package("pymongo").MongoClient(os.environ["ASYNCZ_TEST_MONGO"])

    class TestDecoratorsOfAMongoDBStore(DecoratorContract):
        def test_work_in_a_program(self):
            line = 'import pymongo; store = asyncz.MongoDBStore(pymongo.MongoClient(os.environ["PLACE"]), "decorators")'
            place = os.environ["ASYNCZ_TEST_MONGO"]
            with package("pymongo").MongoClient(place) as client:
                try:
                    self.check(place, line, asyncz.MongoDBStore(client, "decorators"))
                finally:
                    client.drop_database("decorators")


class TestUnreadableRowsOnServers(unittest.TestCase):
    def check(self, store, damage, expected):
        RUNS.clear()
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.pause()
            for number in range(expected):
                scheduler.add_job(note, args=["bad"], id=f"v{number}")
            # Also a paused scheduler looks at leases, and says once what it can't read.
            with self.assertLogs("asyncz", "ERROR") as logs:
                damage()
                scheduler.add_job(note, "interval", seconds=0.05, args=["good"], id="good")
                scheduler.resume()
                self.assertTrue(wait_until(lambda: len(RUNS) >= 5 and logs.output))
            self.assertEqual((set(RUNS), len(store.unreadable())), ({"good"}, expected))
            self.assertEqual([job.id for job in scheduler.get_jobs()], ["good"])
            scheduler.remove_all_jobs()
            self.assertEqual(store.unreadable(), [])

    def test_concern_nothing_else_on_redis(self):
        redis = package("redis")
        for decoded in (False, True):
            client = redis.Redis(port=redis_server().port, decode_responses=decoded)
            binary = redis.Redis(port=redis_server().port)
            self.addCleanup(client.close)
            self.addCleanup(binary.close)
            binary.flushall()
            key = "{asyncz}:job:v%d"

            def damage(binary=binary, key=key):
                binary.delete(key % 0)
                binary.set(key % 0, "no hash")
                binary.hset(key % 1, "version", " 12")
                binary.hset(key % 2, "head", b"\xff\xfe")
                binary.hdel(key % 3, "version")
                binary.rename(key % 4, b"{asyncz}:job:\xff")
                binary.zadd("{asyncz}:due", {b"\xff": 5})
                binary.zrem("{asyncz}:due", "v4")
                binary.zadd("{asyncz}:leases", {"nobody": float("-inf")})

            with self.subTest(decoded=decoded):
                self.check(asyncz.RedisStore(client, poll_interval=0.05), damage, 5)

    def test_concern_nothing_else_on_mongodb(self):
        client = package("mongomock").MongoClient()
        rows = client["asyncz"]["jobs"]

        def damage():
            for number, field in enumerate(("version", "head", "next", "until")):
                rows.update_one({"_id": f"v{number}"}, {"$set": {field: [1.5]}})
            rows.update_one({"_id": "v4"}, {"$unset": {"version": 1}})
            row = rows.find_one({"_id": "v5"})
            rows.delete_one({"_id": "v5"})
            rows.insert_one({**row, "_id": 5})

        self.check(asyncz.MongoDBStore(client, poll_interval=0.05), damage, 6)

    def test_a_time_of_which_redis_says_only_about_when(self):
        client = package("redis").Redis(port=redis_server().port)
        self.addCleanup(client.close)
        client.flushall()
        RUNS.clear()
        store = asyncz.RedisStore(client, poll_interval=0.05)
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.add_job(note, "date", run_at="9990-01-01", args=["a"], id="far")
            time.sleep(0.2)
            scheduler.add_job(note, args=["now"])
            self.assertTrue(wait_until(lambda: RUNS == ["now"]))
            self.assertEqual(scheduler.get_job("far").next_run_time.year, 9990)


class TestSignedRecordsOfSeveralStores(SQLiteTestCase):
    def test_are_of_one_kind_of_store(self):
        package("lupa")
        fakeredis = package("fakeredis")
        scheduler = self.make_scheduler(self.make_store(secret=b"secret"))
        scheduler.start(paused=True)
        scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
        ((text,),) = self.sql("SELECT def FROM jobs")
        client = fakeredis.FakeRedis()
        store = asyncz.RedisStore(client, secret=b"secret")
        other = self.make_scheduler(store)
        other.start(paused=True)
        other.add_job(note, "interval", hours=2, args=["b"], id="a")
        client.hset("{asyncz}:job:a", "def", text)
        self.assertEqual(store.unreadable(), [("a", "its signature is wrong")])


class TestClientsOfStores(unittest.TestCase):
    REDIS = "RedisStore(client=redis.Redis(host='localhost'))"
    MONGO = "MongoDBStore(client=pymongo.MongoClient('mongodb://localhost'))"

    def check(self, kind, client, reason):
        line = self.REDIS if kind is asyncz.RedisStore else self.MONGO
        found = complaint(kind, client)
        self.assertTrue(found.startswith("TypeError: client="), found)
        self.assertIn(reason, found)
        self.assertTrue(found.endswith(line), found)

    def test_of_redis_that_are_none(self):
        for name in ("redis", "valkey"):
            module = package(name)
            kind = module.Redis if name == "redis" else module.Valkey
            with self.subTest(name), kind() as client:
                self.check(asyncz.RedisStore, kind, "it is the class")
                self.check(asyncz.RedisStore, client.pipeline(), "it is a pipeline")
                self.check(asyncz.RedisStore, "redis://localhost", "it has no 'hmget'")
                asyncz.RedisStore(client)
        asyncz.RedisStore(package("fakeredis").FakeRedis())

    def test_of_mongodb_that_are_none(self):
        pymongo = package("pymongo")
        with pymongo.MongoClient(connect=False) as client:
            self.check(asyncz.MongoDBStore, pymongo.MongoClient, "it is the class")
            self.check(asyncz.MongoDBStore, client["db"], "it has no 'get_database'")
            self.check(asyncz.MongoDBStore, client["db"]["jobs"], "it has no 'get_database'")
            self.check(asyncz.MongoDBStore, "mongodb://localhost", "it has no 'get_database'")
            asyncz.MongoDBStore(client)
        asyncz.MongoDBStore(package("mongomock").MongoClient())

        class Motor:
            def get_io_loop(self):
                return None

            get_database = list_database_names = get_io_loop

        self.check(asyncz.MongoDBStore, Motor(), "an asyncio client")

    def test_of_mongodb_that_do_not_wait_for_the_majority(self):
        pymongo = package("pymongo")
        with pymongo.MongoClient(connect=False, w=0) as client:
            self.check(asyncz.MongoDBStore, client, "w=0")
        client = pymongo.MongoClient(connect=False, w=1)
        with client, self.assertLogs("asyncz", "WARNING") as logs:
            asyncz.MongoDBStore(client)._table.greet("default")
        self.assertIn("store 'default': w=1: a write that one server has confirmed", logs.output[0])
        with pymongo.MongoClient(connect=False) as client, self.no_warnings():
            asyncz.MongoDBStore(client)._table.greet("default")

    @contextlib.contextmanager
    def no_warnings(self):
        with unittest.mock.patch.object(asyncz._LOGGER, "warning") as warning:
            yield
        warning.assert_not_called()


class SteppedClock(asyncz._Clock):
    """A clock that a test moves."""

    def __init__(self):
        self.elapsed, self.ahead = 0.0, 0.0

    def monotonic(self):
        return self.elapsed

    def now_us(self):
        return round((1_000_000 + self.elapsed + self.ahead) * 1_000_000)


class TestTimeOfAServer(unittest.TestCase):
    def setUp(self):
        self.clock, self.trips = SteppedClock(), []

        def command(name):
            # The server looks at its clock before the answer has been on its way for a while.
            moment = asyncz._from_us(self.server_us())
            self.clock.elapsed += self.trips.pop(0) if self.trips else 0.001
            return {"localTime": moment}

        client = package("mongomock").MongoClient()
        self.table = asyncz._MongoDBTable(client, "db", "jobs")
        self.table._client = types.SimpleNamespace(admin=types.SimpleNamespace(command=command))
        self.table.clock = self.clock

    def server_us(self):
        return round((9_000_000 + self.clock.elapsed) * 1_000_000)

    def error(self):
        """Return how many seconds late the time is that the store goes by."""
        found = self.table.time_us()
        return (self.server_us() - found) / 1e6

    def test_is_not_ahead_after_a_slow_first_answer(self):
        self.trips = [2.5, 0.4, 0.001]
        self.assertTrue(0 <= self.error() < 0.01)

    def test_is_late_by_no_more_than_a_slow_round_trip_and_soon_better(self):
        self.trips = [0.5, 0.3, 0.4, 0.5, 0.6]
        self.assertTrue(0 <= self.error() <= 0.3)
        self.clock.elapsed += 10
        self.assertTrue(0 <= self.error() < 0.01)

    def test_does_not_move_with_the_clock_of_this_machine(self):
        for step in (3600, -3600, 86_400):
            self.error()
            self.clock.ahead += step
            self.assertTrue(0 <= self.error() < 0.01, step)
            self.clock.elapsed += 5

    def test_does_not_move_with_it_on_redis(self):
        table = asyncz._RedisTable(package("fakeredis").FakeRedis(), "x")
        table.clock = self.clock
        table.note_time(self.server_us())
        self.clock.ahead += 3600
        self.clock.elapsed += 5
        self.assertEqual(table.time_us(), self.server_us())


class TestStoreThatSomebodyEmpties(unittest.TestCase):
    def check(self, store, empty):
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
            self.assertTrue(wait_until(lambda: store._leases._greeted))
            with self.assertLogs("asyncz", "WARNING") as logs:
                scheduler.remove_all_jobs()
                scheduler.add_job(note, "interval", hours=1, args=["a"], id="a")
                time.sleep(0.3)
                logging.getLogger("asyncz").warning("now")
                empty()
                self.assertTrue(wait_until(lambda: len(logs.output) > 1))
                time.sleep(0.3)
        text = "WARNING:asyncz:store 'default': somebody has removed all that was in it"
        self.assertEqual(
            logs.output, ["WARNING:asyncz:now", f"{text}, all jobs included"], "once, and no sooner"
        )

    def test_says_so_on_redis(self):
        client = package("redis").Redis(port=redis_server().port)
        self.addCleanup(client.close)
        client.flushall()
        self.check(asyncz.RedisStore(client, lease=0.4, poll_interval=0.05), client.flushall)

    def test_says_so_on_mongodb(self):
        client = package("mongomock").MongoClient()
        store = asyncz.MongoDBStore(client, lease=0.4, poll_interval=0.05)
        self.check(store, client["asyncz"]["jobs"].drop)


if __name__ == "__main__":
    unittest.main()
