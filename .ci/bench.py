"""Measure asyncz.py against its peers and against the bare limit, in one run.

Every measure runs in fresh processes, one for each round and peer, interleaved (ours, peer, ours,
peer, ...), since machines are noisy: what is printed are medians, and ratios between them. Every
worker does the same work, with logging off, checks that it was done, and fails loudly if not. The
driver makes a virtual environment for each peer, in a temporary directory or in `--cache`. CPU is
that of the process; "held" is the longest time for which a callback that asks for its turn again
and again did not get it.

    python .ci/bench.py                    all measures, five rounds
    python .ci/bench.py --quick            two rounds of smaller ones, under two minutes
    python .ci/bench.py --only dispatch    those whose name begins so
    python .ci/bench.py --ours PATH        with another version of asyncz.py as the peer "before"
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import heapq
import json
import logging
import math
import os
import platform
import py_compile
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "ASYNCZ_BENCH_BEFORE"  # tells a worker where the other version of asyncz.py is
UTC = timezone.utc
PACKAGES = {
    "ours": ["redis", "tzdata"],
    "apscheduler3": ["apscheduler>=3.11,<4", "redis", "tzdata"],
    "apscheduler4": ["apscheduler==4.0.0a6"],
    "asyncz0.17": ["asyncz>=0.17,<0.18"],
    "schedule": ["schedule"],
    "croniter": ["croniter", "tzdata"],
    "cronsim": ["cronsim", "tzdata"],
    "bare": [],
}
CRON = (
    "* * * * *",
    "*/5 * * * *",
    "0 0 * * *",
    "30 2 * * *",
    "0 9-17 * * mon-fri",
    "0 0 29 2 *",
    "0 0 31 * *",
    "0 12 1 */3 *",
    "*/10 * * * * *",
)
ZONES = ("UTC", "Europe/Paris")
Numbers = dict[str, float]


# --- Workers: each measures one peer in this process, and returns numbers ---


class Held:
    """The longest time for which the loop did not call back."""

    def __init__(self) -> None:
        self.longest, self._loop, self._on = 0.0, asyncio.get_running_loop(), True
        self._latest = time.perf_counter()
        self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest, self._latest = max(self.longest, now - self._latest), now
        if self._on:
            self._loop.call_later(0.001, self._beat)

    def stop(self) -> float:
        self._on = False
        self._beat()
        return self.longest * 1000


class Peer:
    """One scheduler behind the calls that the measures need.

    This is ours, and APScheduler 3 and asyncz 0.17 with other words.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        logging.disable(logging.CRITICAL)
        if name == "ours":
            sys.path.insert(0, str(ROOT))
            from asyncz import AsyncIOScheduler
        elif name == "asyncz0.17":
            from asyncz.schedulers.asyncio import AsyncIOScheduler
        else:
            from apscheduler.schedulers.asyncio import AsyncIOScheduler
        self.scheduler: Any = AsyncIOScheduler(timezone="UTC")
        self.verb = {"asyncz0.17": "task"}.get(name, "job")
        self.add: Any = getattr(self.scheduler, f"add_{self.verb}")
        self.date = "run_date" if name == "apscheduler3" else "run_at"
        self.late = (
            {"misfire_grace_time": None}
            if name == "apscheduler3"
            else {"mistrigger_grace_time": None}
        )

    def method(self, verb: str) -> Any:
        if self.name == "apscheduler3":
            verb = {"update": "modify", "delete": "remove"}.get(verb, verb)
        return getattr(self.scheduler, f"{verb}_{self.verb}")

    def changes(self, verb: str) -> dict[str, Any]:
        if verb == "update":
            return {"max_instances": 3}
        return {"trigger": "interval", "hours": 2} if verb == "reschedule" else {}


async def nothing() -> None:
    pass


def cron(peer: str, size: int) -> Numbers:
    """Time from one run to the next, for each expression, in µs."""
    from zoneinfo import ZoneInfo

    found: Numbers = {}
    for zone in ZONES:
        start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
        for expression in CRON:
            step = cron_step(peer, expression, zone, start)
            if step is None:
                continue
            count = min(size, 60) if "29 2" in expression else size
            moments = [step() for _ in range(3)]
            check_cron(expression, moments)
            began = time.perf_counter()
            for _ in range(count):
                step()
            found[f"{expression} {zone}"] = (time.perf_counter() - began) / count * 1e6
    return found


def cron_step(
    peer: str, expression: str, zone: str, start: datetime
) -> Callable[[], datetime] | None:
    if peer == "ours":
        sys.path.insert(0, str(ROOT))
        from asyncz import CronTrigger

        return stepping(
            CronTrigger.from_crontab(expression, timezone=zone).get_next_trigger_time, start
        )
    if peer == "apscheduler3":
        from apscheduler.triggers.cron import CronTrigger as TheirTrigger

        fields = expression.split()
        if len(fields) == 6:  # its crontab has five fields
            names = dict(zip(("second", "minute", "hour", "day", "month", "day_of_week"), fields))
            return stepping(TheirTrigger(**names, timezone=zone).get_next_fire_time, start)
        return stepping(
            TheirTrigger.from_crontab(expression, timezone=zone).get_next_fire_time, start
        )
    if peer == "cronsim":
        from cronsim import CronSim

        iterator = CronSim(expression, start)
        return lambda: next(iterator)
    from croniter import croniter

    fields = expression.split()
    # Its seconds come last.
    moved = " ".join([*fields[1:], fields[0]]) if len(fields) == 6 else expression
    return croniter(moved, start, ret_type=datetime).get_next


def stepping(
    following: Callable[[datetime | None, datetime], datetime], start: datetime
) -> Callable[[], datetime]:
    latest: list[datetime] = [start]

    def step() -> datetime:
        latest[0] = following(latest[0], latest[0])
        return latest[0]

    return step


def check_cron(expression: str, moments: list[datetime]) -> None:
    first = {
        "0 0 29 2 *": (2028, 2, 29),
        "0 0 31 * *": (2026, 1, 31),
        "0 12 1 */3 *": (2026, 1, 1),
    }.get(expression)
    assert moments == sorted(set(moments)), (expression, moments)
    assert first is None or (moments[0].year, moments[0].month, moments[0].day) == first, (
        expression,
        moments,
    )


def add_jobs(peer: str, size: int) -> Numbers:
    """Time and bytes to add one job, in µs and bytes."""
    timed = asyncio.run(adding(peer, size, False))
    return {"us": timed, "bytes": asyncio.run(adding(peer, min(size, 20_000), True))}


async def adding(peer: str, size: int, traced: bool) -> float:
    add, count = adder(peer)
    gc.collect()
    if traced:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
    began = time.perf_counter()
    for number in range(size):
        add(number)
    taken = time.perf_counter() - began
    if traced:
        gc.collect()
        used = (tracemalloc.get_traced_memory()[0] - before) / size
        tracemalloc.stop()
    assert count() == size
    return used if traced else taken / size * 1e6


def adder(peer: str) -> tuple[Callable[[int], object], Callable[[], int]]:
    if peer == "bare":
        heap: list[Any] = []
        now = time.time()
        return lambda number: heapq.heappush(heap, (now + 3600, number, nothing)), lambda: len(heap)
    if peer == "schedule":
        import schedule

        one_of_theirs = schedule.Scheduler()
        return lambda number: one_of_theirs.every(1).hours.do(nothing).tag(number), lambda: len(
            one_of_theirs.jobs
        )
    one = Peer(peer)
    one.scheduler.start()
    listed = one.scheduler.get_tasks if peer == "asyncz0.17" else one.scheduler.get_jobs
    return lambda number: one.add(nothing, "interval", hours=1, id=f"job {number}"), lambda: len(
        listed()
    )


def wake_up(until: float) -> None:
    """Be busy for a while, since a processor that has slept is slow at first.

    Whoever is done before it is not pays for that.
    """
    while time.time() < until:
        pass


def dispatch(peer: str, size: int, plain: bool = False, listener: bool = False) -> Numbers:
    """CPU for each of many jobs that are due at once, in µs; how long the loop was held, in ms."""
    return asyncio.run(dispatching(peer, size, plain, listener))


async def dispatching(peer: str, size: int, plain: bool, listener: bool) -> Numbers:
    loop, ended, left = asyncio.get_running_loop(), asyncio.Event(), [size]

    def count() -> None:
        left[0] -= 1
        if not left[0]:
            ended.set()

    async def job() -> None:
        count()

    def plain_job() -> None:
        loop.call_soon_threadsafe(count)

    fn = plain_job if plain else job
    start = await dispatch_plan(peer, size, fn)
    if listener:
        start[1].add_listener(lambda event: None)
    await asyncio.sleep(max(0.0, start[0] - time.time() - 0.5))
    wake_up(start[0] - 0.01 if peer != "bare" else time.time() + 0.5)
    held = Held()
    began = time.process_time()
    if peer == "bare":
        await start[1]()
    await asyncio.wait_for(ended.wait(), 120)
    taken = time.process_time() - began
    longest = held.stop()
    assert left[0] == 0
    return {"us": taken / size * 1e6, "held": longest}


async def dispatch_plan(peer: str, size: int, fn: Callable[[], Any]) -> tuple[float, Any]:
    """Add the jobs; return when they are due, and the scheduler, or what starts the bare run."""
    if peer == "bare":
        return time.time(), bare_dispatch(size, fn)
    if peer == "apscheduler4":
        return await dispatch_plan4(size, fn)
    one = Peer(peer)
    one.scheduler.start()
    # With room for a busy machine: asyncz 0.17 adds 10,000 in two seconds or more.
    at = datetime.now(UTC) + timedelta(seconds=1 + size * 300e-6)
    for number in range(size):
        one.add(fn, "date", id=str(number), **{one.date: at}, **one.late)
    assert datetime.now(UTC) < at, "adding took longer than planned"
    return at.timestamp(), one.scheduler


async def dispatch_plan4(size: int, fn: Callable[[], Any]) -> tuple[float, Any]:
    from apscheduler import AsyncScheduler
    from apscheduler.triggers.date import DateTrigger

    scheduler = await AsyncScheduler(max_concurrent_jobs=size).__aenter__()
    await scheduler.start_in_background()
    at = datetime.now(UTC) + timedelta(seconds=1 + size * 0.002)
    await scheduler.configure_task("job", func=fn, max_running_jobs=size, misfire_grace_time=None)
    for number in range(size):
        await scheduler.add_schedule("job", DateTrigger(at), id=str(number))
    return at.timestamp(), scheduler


def bare_dispatch(size: int, fn: Callable[[], Any]) -> Callable[[], Any]:
    loop = asyncio.get_running_loop()

    async def start() -> None:
        if not asyncio.iscoroutinefunction(fn):
            for _ in range(size):
                loop.run_in_executor(None, fn)
            return
        heap = [(loop.time(), number) for number in range(size)]
        heapq.heapify(heap)
        tasks: set[asyncio.Task[Any]] = set()

        def fire() -> None:
            while heap:
                heapq.heappop(heap)
                task = loop.create_task(fn())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        loop.call_at(loop.time(), fire)

    return start


def threads(peer: str, size: int) -> Numbers:
    return dispatch(peer, size, plain=True)


def listened(peer: str, size: int) -> Numbers:
    """The dispatch with one listener for everything, beside the one without."""
    return dispatch(peer, size, listener=True)


def every_second(peer: str, size: int) -> Numbers:
    return asyncio.run(ticking(peer, size))


async def ticking(peer: str, size: int) -> Numbers:
    """Many jobs, each every second.

    Five seconds for the CPU and the lateness, three more for how long the loop is held.
    """
    late: list[float] = []
    start = math.ceil(time.time() + 1 + size * 120e-6)

    async def job() -> None:
        now = time.time()
        late.append((now - start) % 1.0)

    one = Peer(peer)
    one.scheduler.start()
    begin = {
        "start_date" if peer == "apscheduler3" else "start_at": datetime.fromtimestamp(start, UTC)
    }
    for number in range(size):
        one.add(job, "interval", seconds=1, id=str(number), **begin, **one.late)
    await asyncio.sleep(max(0.0, start + 0.5 - time.time()))
    assert late, "adding took longer than planned"
    late.clear()
    began = time.process_time()
    await asyncio.sleep(5)
    taken = time.process_time() - began
    assert abs(len(late) - 5 * size) <= size, len(late)
    late.sort()
    found = {"us": taken / len(late) * 1e6, "p99 ms": late[int(len(late) * 0.99)] * 1000}
    held = Held()  # only now: with 1,000 jobs its beats take more than the runs
    await asyncio.sleep(3)
    return {**found, "held": held.stop()}


def change(peer: str, size: int) -> Numbers:
    """Time to do something with one of many jobs, in µs."""
    return bare_changing(size) if peer == "bare" else asyncio.run(changing(peer, size))


def bare_changing(size: int) -> Numbers:
    """The same with a dictionary of lists.

    What is not flat here is what the machine's memory takes for more than its caches hold.
    """
    found: Numbers = {}
    jobs = {str(number): [number] * 16 for number in range(size)}
    chosen = chosen_of(size)
    began = time.perf_counter()
    for job_id in chosen:
        assert jobs[job_id][0] is not None
    found["get"] = (time.perf_counter() - began) / len(chosen) * 1e6
    began = time.perf_counter()
    for job_id in chosen:
        del jobs[job_id]
    found["delete"] = (time.perf_counter() - began) / len(chosen) * 1e6
    return found


def chosen_of(size: int) -> list[str]:
    return [str(number) for number in range(0, size, max(1, size // 1000))]


async def changing(peer: str, size: int) -> Numbers:
    one = Peer(peer)
    one.scheduler.start()
    for number in range(size):
        one.add(nothing, "interval", hours=1, id=str(number))
    found: Numbers = {}
    chosen = chosen_of(size)
    for verb in ("get", "update", "reschedule", "pause", "resume", "delete"):
        call, arguments = one.method(verb), one.changes(verb)
        began = time.perf_counter()
        for job_id in chosen:
            call(job_id, **arguments)
        found[verb] = (time.perf_counter() - began) / len(chosen) * 1e6
    assert one.method("get")(chosen[0]) is None
    return found


def idle(peer: str, size: int) -> Numbers:
    """Wake-ups and CPU of ten seconds in which nothing is due."""
    return asyncio.run(idling(peer, size))


async def idling(peer: str, size: int) -> Numbers:
    one = Peer(peer)
    one.scheduler.start()
    for number in range(size):
        one.add(nothing, "interval", hours=1, id=str(number))
    await asyncio.sleep(0.5)
    selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select, calls = selector.select, [0]

    def counted(timeout: float | None = None) -> Any:
        calls[0] += 1
        return select(timeout)

    selector.select = counted
    began = time.process_time()
    await asyncio.sleep(10)
    return {"ms": (time.process_time() - began) * 1000, "wake-ups": calls[0] - 1}


def simulated(peer: str, size: int) -> Numbers:
    """Runs a second of a five-minute schedule under `simulate`."""
    sys.path.insert(0, str(ROOT))
    import asyncz

    logging.disable(logging.CRITICAL)
    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(int, "cron", minute="*/5")
    began = time.perf_counter()
    events = asyncz.simulate(
        scheduler, "2026-01-01", datetime(2026, 1, 1) + timedelta(minutes=5 * (size - 1))
    )
    taken = time.perf_counter() - began
    assert len(events) == size
    assert {event.code for event in events} == {asyncz.JOB_EXECUTED}
    return {"us": taken / size * 1e6}


def imported(peer: str, size: int) -> Numbers:
    """Time to import, after `import asyncio`, in ms."""
    sys.path[:0] = [str(ROOT)] if peer == "ours" else []
    if peer == "ours":  # compiled once, as after the first import by anybody
        py_compile.compile(str(ROOT / "asyncz.py"))
    names = {
        "ours": "asyncz",
        "apscheduler3": "apscheduler.schedulers.asyncio",
        "asyncz0.17": "asyncz.schedulers.asyncio",
    }
    began = time.perf_counter()
    __import__(names[peer])
    return {"ms": (time.perf_counter() - began) * 1000}


def redis_store(peer: str, size: int) -> Numbers:
    """Runs a second, as µs a run, of jobs in Redis that are due at once."""
    with redis_server() as port:
        return asyncio.run(dispatching_from_redis(peer, size, port))


# Runs that are expected, and what to set after the last: a global, since jobs in a store are named.
LEFT: list[Any] = [0, None]


async def redis_job() -> None:
    LEFT[0] -= 1
    if not LEFT[0]:
        LEFT[1].set()


async def dispatching_from_redis(peer: str, size: int, port: int) -> Numbers:
    sys.path.insert(0, str(Path(__file__).parent))
    import bench
    import redis

    bench.LEFT[:] = [size, asyncio.Event()]
    one = Peer(peer)
    if peer == "ours":
        import asyncz

        one.scheduler.add_store(asyncz.RedisStore(redis.Redis(port=port)))
    else:
        from apscheduler.jobstores.redis import RedisJobStore

        one.scheduler.add_jobstore(RedisJobStore(port=port))
    one.scheduler.start(paused=True)
    at = datetime.now(UTC) + timedelta(seconds=0.1)
    for number in range(size):
        one.add(bench.redis_job, "interval", hours=1, id=str(number), next_run_time=at, **one.late)
    await asyncio.sleep(0.2)
    held, began = Held(), time.perf_counter()
    one.scheduler.resume()
    await asyncio.wait_for(bench.LEFT[1].wait(), 120)
    taken = time.perf_counter() - began
    return {"us": taken / size * 1e6, "held": held.stop()}


@contextlib.contextmanager
def redis_server() -> Any:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "redis-server",
            "--port",
            str(port),
            "--dir",
            folder,
            "--save",
            "",
            "--logfile",
            "log",
            "--bind",
            "127.0.0.1",
        ]
        process = subprocess.Popen(command)
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.02)
            yield port
        finally:
            process.kill()
            process.wait()


# --- The measures, and what is wanted of them ---


class Measure:
    """What is measured, for whom, how large, how often, and which ratios or values are the target.

    peers: names of `PACKAGES`, separated by commas; "ours=NAME" is ours in another measure, taken
    in the same rounds.
    """

    def __init__(
        self,
        name: str,
        worker: Callable[..., Numbers],
        peers: str,
        sizes: tuple[int, int],
        times: int = 1,
        **targets: tuple[str, float],
    ) -> None:
        self.name = name
        self.worker = worker
        self.peers = peers.split(", ") if peers else []
        self.size, self.quick_size = sizes
        self.times = times  # in each round; more where a single one is short, and so all noise
        self.targets = targets  # number: (what it is compared with, the most it may be)


CHANGES = dict.fromkeys(
    ("update", "reschedule", "pause", "resume", "delete"), ("apscheduler3", 0.5)
)
MEASURES = [
    Measure("cron", cron, "apscheduler3, croniter, cronsim", (2000, 300)),
    Measure(
        "add 10k",
        add_jobs,
        "apscheduler3, asyncz0.17, schedule, bare",
        (10_000, 10_000),
        times=3,
        us=("apscheduler3", 0.3),
        bytes=("apscheduler3", 0.5),
    ),
    Measure(
        "add 100k",
        add_jobs,
        "apscheduler3, bare",
        (100_000, 0),
        us=("apscheduler3", 0.3),
        bytes=("apscheduler3", 0.5),
    ),
    Measure(
        "add 1M",
        add_jobs,
        "ours=add 10k, bare, bare=add 10k",
        (1_000_000, 0),
        us=("ours=add 10k", 1.3),
    ),
    Measure(
        "dispatch 10k",
        dispatch,
        "apscheduler3, asyncz0.17, bare",
        (10_000, 10_000),
        times=2,
        us=("apscheduler3", 0.45),
        held=("", 25),
    ),
    Measure(
        "dispatch 10k, beside the bare limit",
        dispatch,
        "bare",
        (10_000, 0),
        times=2,
        us=("bare", 2.2),
    ),
    Measure("dispatch 1k, beside APScheduler 4", dispatch, "apscheduler4", (1000, 0)),
    Measure(
        "dispatch 10k, one listener",
        listened,
        "ours=dispatch 10k",
        (10_000, 10_000),
        times=2,
        us=("ours=dispatch 10k", 1.3),
    ),
    Measure(
        "threads 10k",
        threads,
        "apscheduler3, bare",
        (10_000, 3000),
        us=("bare", 1.3),
        held=("", 25),
    ),
    Measure(
        "every second 1k",
        every_second,
        "apscheduler3",
        (1000, 1000),
        us=("apscheduler3", 0.45),
        p99_ms=("apscheduler3", 0.5),
        held=("", 25),
    ),
    Measure(
        "every second 10k",
        every_second,
        "apscheduler3",
        (10_000, 0),
        us=("apscheduler3", 0.45),
        p99_ms=("apscheduler3", 0.5),
        held=("", 25),
    ),
    Measure(
        "change 10k",
        change,
        "apscheduler3",
        (10_000, 10_000),
        times=3,
        get=("apscheduler3", 1.0),
        **CHANGES,
    ),
    Measure("change 100k", change, "ours=change 1k, bare, bare=change 1k", (100_000, 0), times=2),
    Measure("change 1k", change, "", (1000, 0)),
    Measure("idle 10 s", idle, "apscheduler3", (10_000, 0), ms=("", 2), wake_ups=("", 3)),
    Measure("simulate", simulated, "", (105_120, 20_000), us=("", 50)),
    Measure("import", imported, "apscheduler3, asyncz0.17", (1, 1), times=3, ms=("", 8)),
    Measure(
        "redis 5k",
        redis_store,
        "apscheduler3",
        (5000, 1000),
        us=("apscheduler3", 0.333),
        held=("", 25),
    ),
]


BY_NAME = {measure.name: measure for measure in MEASURES}


# --- The driver ---


def environments(folder: Path, names: set[str]) -> dict[str, Path]:
    pythons: dict[str, Path] = {}
    for name in sorted(names):
        home = folder / name
        pythons[name] = home / "bin" / "python"
        if not pythons[name].exists():
            subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
            if PACKAGES[name]:
                subprocess.run(
                    [str(pythons[name]), "-m", "pip", "install", "-q", *PACKAGES[name]],
                    check=True,
                    stderr=subprocess.DEVNULL,
                )
    return pythons


def measured(python: Path, measure: Measure, peer: str, size: int) -> Numbers:
    arguments = [str(python), __file__, "--worker", measure.name, peer, str(size)]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    }
    done = subprocess.run(
        arguments, capture_output=True, text=True, timeout=400, env=environment, check=False
    )
    if done.returncode:
        raise SystemExit(f"{measure.name}, {peer}: failed\n{done.stderr[-3000:]}")
    return {name: float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def medians(rounds: list[Numbers]) -> Numbers:
    return {name: statistics.median(numbers[name] for numbers in rounds) for name in rounds[0]}


def run_measure(
    measure: Measure, pythons: dict[str, Path], options: argparse.Namespace
) -> dict[str, Numbers]:
    found: dict[str, list[Numbers]] = {}
    for _ in range(options.rounds * (1 if options.quick else measure.times)):
        for name in ("ours", *(["before"] if options.ours else []), *measure.peers):
            peer, _, other = name.partition("=")
            taken = BY_NAME[other] if other else measure
            python = pythons["ours" if peer == "before" else peer]
            size = taken.quick_size if options.quick else taken.size
            found.setdefault(name, []).append(measured(python, taken, peer, size))
    return {peer: medians(rounds) for peer, rounds in found.items()}


def rows_of(measure: Measure, result: dict[str, Numbers]) -> list[list[str]]:
    """Return the rows of the table for one measure: number, ours, peers, target, met or not."""
    rows: list[list[str]] = []
    for name, ours in result["ours"].items():
        peers = {
            peer: numbers[name]
            for peer, numbers in result.items()
            if peer != "ours" and name in numbers
        }
        shown = ", ".join(
            f"{peer} {value:.3g} ({ours / value:.2f} x)" for peer, value in peers.items() if value
        )
        against, most = measure.targets.get(
            name.replace(" ", "_").replace("-", "_"), ("", math.inf)
        )
        value = ours / peers[against] if against in peers else ours
        target = (
            ""
            if most == math.inf
            else f"{value:.2f} of at most {most:g}{' x ' + against if against else ''}"
        )
        met = "" if most == math.inf else "yes" if value <= most else "NO"
        rows.append([f"{measure.name}: {name}", f"{ours:.3g}", shown, target, met])
    return rows


def cron_rows(result: dict[str, Numbers]) -> list[list[str]]:
    """Sum up the cron measure as its target does: by geometric means, and the worst of each."""
    ours = result["ours"]
    rows = []
    for peer, most in (("cronsim", 0.25), ("apscheduler3", 0.15), ("croniter", math.inf)):
        mean = statistics.geometric_mean(ours[name] / result[peer][name] for name in ours)
        met = "" if most == math.inf else "yes" if mean <= most else "NO"
        rows.append(
            [
                f"cron: geometric mean / {peer}",
                f"{mean:.3f}",
                "",
                "" if most == math.inf else f"at most {most}",
                met,
            ]
        )
    slower = [
        name
        for name in ours
        if ours[name] > min(result[peer][name] for peer in ("cronsim", "apscheduler3", "croniter"))
    ]
    rows.append(
        [
            "cron: slower than the best peer",
            str(len(slower)),
            ", ".join(slower),
            "0",
            "NO" if slower else "yes",
        ]
    )
    spread = max(ours.values()) / min(ours.values())
    rows.append(
        [
            "cron: worst / best of ours",
            f"{spread:.2f}",
            "",
            "at most 2",
            "yes" if spread <= 2 else "NO",
        ]
    )
    means = {
        name: statistics.geometric_mean(ours[f"{name} {zone}"] for zone in ZONES) for name in CRON
    }
    return [
        *rows,
        [
            "cron: worst / best of ours, mean of the zones",
            f"{max(means.values()) / min(means.values()):.2f}",
            "",
            "",
            "",
        ],
    ]


def facts(pythons: dict[str, Path]) -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in read("/proc/cpuinfo").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    versions = []
    for name, python in pythons.items():
        for package in PACKAGES[name]:
            word = package.partition(">")[0].partition("=")[0]
            code = f"import importlib.metadata as m; print(m.version({word!r}))"
            asked = subprocess.run(
                [str(python), "-c", code], capture_output=True, text=True, check=False
            )
            versions.append(f"{word} {asked.stdout.strip()}")
    shown = ", ".join(sorted(set(versions)))
    return f"CPython {platform.python_version()}, {model}, {os.cpu_count()} cores; {shown}"


def read(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text()
    return ""


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        name, peer, size = sys.argv[2:5]
        if peer == "before":
            globals()["ROOT"], peer = Path(os.environ[BEFORE]), "ours"
        print(json.dumps(BY_NAME[name].worker(peer, int(size))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--only", default="")
    parser.add_argument("--ours", help="another asyncz.py, measured beside this one as 'before'")
    parser.add_argument("--cache", help="a directory for the environments of the peers")
    parser.add_argument("--json", help="a file for the numbers")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    chosen = [
        measure
        for measure in MEASURES
        if measure.name.startswith(options.only) and not (options.quick and not measure.quick_size)
    ]
    if shutil.which("redis-server") is None:
        print("redis-server is not here: its measure is left out")
        chosen = [measure for measure in chosen if measure.worker is not redis_store]
    with tempfile.TemporaryDirectory() as temporary:
        if options.ours:
            os.environ[BEFORE] = temporary
            shutil.copy(options.ours, Path(temporary, "asyncz.py"))
        needed = {"ours", *(peer.partition("=")[0] for measure in chosen for peer in measure.peers)}
        pythons = environments(Path(options.cache or temporary), needed)
        results: dict[str, dict[str, Numbers]] = {}
        print("| measure | ours | peers (ours / peer) | target | met |")
        print("| --- | --- | --- | --- | --- |")
        for measure in chosen:
            results[measure.name] = run_measure(measure, pythons, options)
            rows = rows_of(measure, results[measure.name])
            for row in [*rows, *(cron_rows(results["cron"]) if measure.name == "cron" else [])]:
                print(f"| {' | '.join(row)} |", flush=True)
        print(facts(pythons))
        if options.json:
            Path(options.json).write_text(
                json.dumps({"facts": facts(pythons), "results": results}, indent=1)
            )


if __name__ == "__main__":
    main()
