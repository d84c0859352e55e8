"""Disturb schedulers that share a store, and account for every run that was due.

Worker processes share one store and its jobs. Every few seconds, the parent does one of these:

    kill     a worker is killed by its own pid, and another one started
    stop     a worker is asked to end (SIGTERM), waited for, and another one started
    freeze   a worker is stopped for half a lease or for two, and then goes on
    server   the server is killed, and started again on what it had acknowledged

Every worker writes one line, with one write to a file opened for appending, for each call that
begins and ends, for each event, and around each claim of a run. Afterwards every time at which a
job was due has to be accounted for: begun, skipped at the limit of instances, missed, or reported
as interrupted.

What can't be known: a kill between a call that began in the store and the line that says so looks
like a run that never was, unless it is reported as interrupted. Such runs are reported, so they
count as interrupted. And who skips a time at the limit is the only one who tells of it: a time at
which all slots of its job were taken, and just after which a worker was killed, counts as unsaid
if nobody did, and so does one that a worker asked the store for and was killed before it had the
answer. Nothing else is excused.

    python .ci/soak.py                         ten minutes for each store
    python .ci/soak.py --fault stop            with another fault
    python .ci/soak.py --short                 some seconds for each store and fault, as in CI
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]

import asyncz  # noqa: E402

STORES = ("sqlite", "redis", "mongodb")
FAULTS = ("kill", "stop", "freeze", "server")
# A process that stalls for longer than its lease counts as dead. MongoDB's server here is slow.
LEASES = {"sqlite": 10.0, "redis": 10.0, "mongodb": 10.0}
SHORT_LEASES = {"sqlite": 3.0, "redis": 3.0, "mongodb": 8.0}
SHORT_JOBS = {"sqlite": 40, "redis": 40, "mongodb": 15}
# A call takes a third of a second at most, and the store some time to hear of its end.
CUT_OFF_SECONDS = 3.0
START_SECONDS = 60.0  # in which workers and servers have to be up
STOP_SECONDS = 30.0  # in which a worker has to follow a SIGTERM

RECORD: list[int] = []  # the file of the record, in a worker


# --- The worker: a scheduler like any other ---


def write(kind: str, job_id: str, due: datetime | None) -> None:
    """Add a line to the record, in one piece whoever else writes."""
    shown = "-" if due is None else due.astimezone(timezone.utc).isoformat()
    line = f"{kind} {job_id} {shown} {os.getpid()} {time.time():.6f}\n"
    os.write(RECORD[0], line.encode())


def tell(kind: str) -> None:
    """Say that the call of the present run begins or ends."""
    run = asyncz.current_run()
    assert run is not None and run.job is not None
    write(kind, run.job.id, run.scheduled_run_time)


def plain(seconds: float) -> None:
    tell("begin")
    time.sleep(seconds)
    tell("end")


async def coroutine(seconds: float) -> None:
    tell("begin")
    await asyncio.sleep(seconds)
    tell("end")


def tell_of_claims() -> None:
    """Write down what this worker asks the store for, and that it got an answer."""
    applied = asyncz._Rows.applied

    def told(self: Any, ops: Any, *rest: Any) -> Any:
        asked = [(op[1], asyncz._from_us(op[7].last_us)) for op in ops if op[0] == "claim"]
        for job_id, due in asked:
            write("asks", job_id, due)
        answers = applied(self, ops, *rest)
        for job_id, due in asked:
            write("answered", job_id, due)
        return answers

    asyncz._Rows.applied = told  # type: ignore[method-assign]


def hear(event: asyncz.SchedulerEvent) -> None:
    if event.code == asyncz.SCHEDULER_START:
        write("up", "-", None)
    elif isinstance(event, asyncz.JobSubmissionEvent) and event.code == asyncz.JOB_MAX_INSTANCES:
        for due in event.scheduled_run_times:
            write("limit", event.job_id, due)
    elif isinstance(event, asyncz.JobExecutionEvent):
        if event.code == asyncz.JOB_MISSED:
            write("missed", event.job_id, event.scheduled_run_time)
        elif isinstance(event.exception, asyncz.RunInterruptedError):
            write("interrupted", event.job_id, event.scheduled_run_time)


def connect(kind: str, place: str) -> Any:
    """Return what a store is made of: the path of a file, or the client of the server on a port."""
    if kind == "sqlite":
        return place
    if kind == "redis":
        import redis

        return redis.Redis(port=int(place), socket_timeout=5)
    import pymongo

    limits = {"socketTimeoutMS": 5000, "serverSelectionTimeoutMS": 5000}
    return pymongo.MongoClient(f"mongodb://127.0.0.1:{place}/", **limits)


def make_store(kind: str, client: Any, lease: float) -> asyncz.BaseStore:
    if kind == "sqlite":
        return asyncz.SQLiteStore(client, lease=lease, poll_interval=0.2)
    store = asyncz.RedisStore if kind == "redis" else asyncz.MongoDBStore
    return store(client, "soak", lease=lease, poll_interval=0.2)


def work(kind: str, place: str, lease: str, log: str) -> None:
    RECORD.append(os.open(log, os.O_WRONLY | os.O_APPEND))
    logging.disable(logging.CRITICAL)
    tell_of_claims()
    store = make_store(kind, connect(kind, place), float(lease))
    scheduler = asyncz.AsyncIOScheduler(
        stores={"default": store}, timezone="UTC", store_retry_interval=1.0
    )
    heard = asyncz.JOB_ERROR | asyncz.JOB_MISSED | asyncz.JOB_MAX_INSTANCES
    scheduler.add_listener(hear, heard | asyncz.SCHEDULER_START)
    scheduler.run()


# --- The jobs ---


def number_of(job_id: str) -> int:
    return int(job_id[3:])


def coalesces(number: int) -> bool:
    return bool(number % 3)


def recovers(number: int) -> bool:
    return number % 4 < 2


def limit_of(number: int) -> int:
    return 1 + number % 2 * 2


def add_jobs(store: asyncz.BaseStore, count: int, start: datetime) -> dict[str, float]:
    """Add jobs of many kinds, on grids from `start`; return the interval of each."""
    import soak  # the functions have to be found by the name of a module, not as those of __main__

    intervals: dict[str, float] = {}
    scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    for number in range(count):
        seconds = (0.5, 1.0, 2.0, 3.0, 5.0)[number % 5] * (1 if count <= 60 else 4)
        fn, length = (soak.coroutine, 0.3) if number % 2 else (soak.plain, 0.05)
        intervals[f"job{number}"] = seconds
        scheduler.add_job(
            fn,
            asyncz.IntervalTrigger(seconds=seconds, start_at=start),
            args=[length],
            id=f"job{number}",
            coalesce=coalesces(number),
            recover=recovers(number),
            max_instances=limit_of(number),
        )
    scheduler.shutdown()
    return intervals


# --- The servers ---


class ServerHungError(Exception):
    """The server, and so not what is tested, has stopped."""


class Server:
    """A server on a free port, that has written down what it acknowledges."""

    def __init__(self, kind: str, folder: str) -> None:
        self._kind, self._folder = kind, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = self._redis() if self._kind == "redis" else self._mongodb()
        with open(os.path.join(self._folder, "server.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            address = ("127.0.0.1", self.port)
            with contextlib.suppress(OSError), socket.create_connection(address, 1):
                return
            time.sleep(0.02)
        raise OSError(f"{command[0]} did not start: {Path(log.name).read_text()[-2000:]}")

    def _redis(self) -> list[str]:
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        pairs = [(f"--{name}", str(value)) for name, value in options.items()]
        return ["redis-server", *(part for pair in pairs for part in pair)]

    def _mongodb(self) -> list[str]:
        """Return the command of SecantusDB, which is installed beside this Python."""
        program = str(Path(sys.executable).parent / "secantusd-py")
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        return [program, *address, "--storage-path", f"{self._folder}/db", "--sync-on-commit"]

    def answers(self) -> bool:
        """Return whether the server still writes.

        SecantusDB is a beta that stops answering now and then: one of its threads ends with a lock
        in its hands.
        """
        if self._kind != "mongodb":
            return True
        client = connect("mongodb", str(self.port))
        try:
            client["soak"]["answers"].insert_one({})
        except Exception as error:
            print(f"the server does not answer: {error}"[:300], flush=True)
            return False
        finally:
            client.close()
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


# --- The parent: faults ---


class Loop:
    """One store under one kind of fault."""

    def __init__(self, kind: str, fault: str, options: argparse.Namespace) -> None:
        self.kind, self.fault, self.options = kind, fault, options
        leases = SHORT_LEASES if options.short else LEASES
        self.lease: float = options.lease or leases[kind]
        self.jobs: int = SHORT_JOBS[kind] if options.short else options.jobs
        self.folder = tempfile.mkdtemp()
        self.log = os.path.join(self.folder, "record")
        self.server: Server | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.faults = 0
        self.dead: dict[int, float] = {}  # when each worker was killed
        self.unruly: list[str] = []  # workers that did not end as they should

    def run(self) -> dict[str, object]:
        try:
            return self._run()
        finally:
            for worker in self.workers:
                worker.kill()
                worker.wait()
            if self.server is not None:
                self.server.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self) -> dict[str, object]:
        self._prepare_place()
        Path(self.log).touch()
        for _ in range(self.options.processes):
            self._start_worker()
        self._wait_until_up(self.workers)
        # Only now, or what is due while they start under load would count as lost.
        start = datetime.fromtimestamp(int(time.time()) + 2, timezone.utc)
        intervals = self._add_jobs(start)
        first = max(start.timestamp(), time.time())  # of a job that is added late, later
        end = first + self.options.seconds
        chance = random.Random(self.options.seed)
        while time.time() < end:
            time.sleep(chance.uniform(0.5, 1.5) * self.options.every)
            self._inject(chance)
        last = time.time()
        time.sleep(2 * self.lease + 4)  # what is left is taken over
        for worker in list(self.workers):
            self._stop_worker(worker)
        if self.server is not None and not self.server.answers():
            raise ServerHungError
        account = Account(self, intervals, start.timestamp(), first, last)
        return account.result()

    def _prepare_place(self) -> None:
        self.place = os.path.join(self.folder, "jobs")
        if self.kind != "sqlite":
            self.server = Server(self.kind, self.folder)
            self.server.start()
            self.place = str(self.server.port)

    def _add_jobs(self, start: datetime) -> dict[str, float]:
        client = connect(self.kind, self.place)
        try:
            return add_jobs(make_store(self.kind, client, self.lease), self.jobs, start)
        finally:
            if self.kind != "sqlite":
                client.close()

    def _start_worker(self) -> None:
        what = ("--worker", self.kind, self.place, str(self.lease), self.log)
        path = os.pathsep.join([str(ROOT), str(ROOT / ".ci")])
        self.workers.append(
            subprocess.Popen(
                [sys.executable, __file__, *what], env={**os.environ, "PYTHONPATH": path}
            )
        )

    def _wait_until_up(self, workers: list[subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + START_SECONDS
        wanted = {str(worker.pid) for worker in workers}
        while time.monotonic() < deadline:
            lines = [line.split() for line in Path(self.log).read_text().splitlines()]
            if wanted <= {pid for kind, _, _, pid, _ in lines if kind == "up"}:
                return
            time.sleep(0.05)
        raise OSError(f"{self.kind}: the workers were not up within {START_SECONDS:.0f} s")

    def _stop_worker(self, worker: subprocess.Popen[bytes]) -> None:
        self._wait_until_up([worker])  # before that, SIGTERM would just kill it
        worker.terminate()
        try:
            status = worker.wait(STOP_SECONDS)
            said = f"exit status {status}" if status else ""
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
            said = f"still there after {STOP_SECONDS:.0f} s"
        if said:
            self.unruly.append(said)
        self.workers.remove(worker)

    def _inject(self, chance: random.Random) -> None:
        """Do what the fault is called."""
        self.faults += 1
        if self.fault == "server" and self.server is not None:
            self.server.stop()
            time.sleep(chance.uniform(0.2, 1.5))
            self.server.start()
            return
        worker = chance.choice(self.workers)
        if self.fault == "freeze":
            worker.send_signal(signal.SIGSTOP)
            time.sleep(self.lease * chance.choice([0.5, 2]))
            worker.send_signal(signal.SIGCONT)
        elif self.fault == "stop":
            self._stop_worker(worker)
            self._start_worker()
        else:
            worker.kill()
            worker.wait()
            self.dead[worker.pid] = time.time()
            self.workers.remove(worker)
            self._start_worker()


# --- The account ---


class Key(NamedTuple):
    """A job, and a time at which it was due, in seconds."""

    job_id: str
    due: float


class Call(NamedTuple):
    """A call that began: by which worker, and when."""

    pid: int
    moment: float


class Account:
    """What was due from `first` to `last`, and what became of it; the grids begin at `start`."""

    def __init__(
        self, loop: Loop, intervals: dict[str, float], start: float, first: float, last: float
    ) -> None:
        self.loop, self.intervals = loop, intervals
        self.start, self.first, self.last = start, first, last
        self.begun: dict[Key, list[Call]] = defaultdict(list)
        self.ended: dict[tuple[Key, int], float] = {}
        self.asked: dict[Key, set[int]] = defaultdict(set)  # by whom, without an answer
        self.told: set[Key] = set()  # at the limit, missed or interrupted
        self.unsaid: list[Key] = []
        self.counts: Counter[str] = Counter()
        self._read(loop.log)

    def _read(self, log: str) -> None:
        for line in Path(log).read_text().splitlines():
            kind, job_id, due, pid, moment = line.split()
            self.counts[kind] += 1
            if kind == "up":
                continue
            key = Key(job_id, datetime.fromisoformat(due).timestamp())
            if kind == "begin":
                self.begun[key].append(Call(int(pid), float(moment)))
            elif kind == "end":
                self.ended[key, int(pid)] = float(moment)
            elif kind == "asks":
                self.asked[key].add(int(pid))
            elif kind == "answered":
                self.asked[key].discard(int(pid))
            else:
                self.told.add(key)

    def result(self) -> dict[str, object]:
        """Return the counts; see `is_bad` for those that have to be 0."""
        expected = {job_id: self._dues(job_id) for job_id in self.intervals}
        lost = [key for job_id, dues in expected.items() for key in self._lost(job_id, dues)]
        doubled = [key for key, calls in self.begun.items() if self._is_doubled(key, calls)]
        return {
            "store": self.loop.kind,
            "fault": self.loop.fault,
            "seconds": self.loop.options.seconds,
            "processes": self.loop.options.processes,
            "faults": self.loop.faults,
            "expected": sum(map(len, expected.values())),
            "begun": sum(self.first <= key.due < self.last for key in self.begun),
            "limit": self.counts["limit"],
            "missed": self.counts["missed"],
            "interrupted": self.counts["interrupted"],
            "repeated": sum(len(calls) - 1 for calls in self.begun.values()),
            "doubled": len(doubled),
            "lost": len(lost),
            "unsaid": len(self.unsaid),
            "above the limit": self._above_limit(),
            "doubled without recover": sum(not recovers(number_of(key.job_id)) for key in doubled),
            "unruly": len(self.loop.unruly),
            "examples": [str(one) for one in (doubled + lost + self.loop.unruly)[:5]],
        }

    def _dues(self, job_id: str) -> list[float]:
        seconds = self.intervals[job_id]
        count = int((self.last - self.start) / seconds)
        dues = [self.start + number * seconds for number in range(count)]
        return [due for due in dues if due >= self.first]

    def _lost(self, job_id: str, dues: list[float]) -> list[Key]:
        """Return the times that nobody accounts for.

        With coalescing, one later run, that began after it, stands for those before.
        """
        seen = sorted(key.due for key in self.told.union(self.begun) if key.job_id == job_id)
        lost: list[Key] = []
        for due in set(dues).difference(seen):
            later = next((moment for moment in seen if moment > due), None)
            stands = coalesces(number_of(job_id)) and later is not None
            if stands and later is not None:
                calls = self.begun.get(Key(job_id, later), [])
                stands = all(call.moment >= later for call in calls)
            if not stands:
                kept = self.unsaid if self._is_unsaid(job_id, due) else lost
                kept.append(Key(job_id, due - self.start))
        return lost

    def _is_unsaid(self, job_id: str, due: float) -> bool:
        """Return whether a time may have been skipped at the limit by who was killed just then."""
        dead = self.loop.dead
        if self.asked[Key(job_id, due)].intersection(dead):
            return True
        held = 0
        for key, calls in self.begun.items():
            for call in calls if key.job_id == job_id else ():
                # The slot of a dead run is taken until its lease ends.
                end = dead.get(call.pid, call.moment) + self.loop.lease
                end = self.ended.get((key, call.pid), end)
                held += call.moment < due + CUT_OFF_SECONDS and end > due
        killed = any(due <= moment < due + CUT_OFF_SECONDS for moment in dead.values())
        return killed and held >= limit_of(number_of(job_id))

    def _is_doubled(self, key: Key, calls: list[Call]) -> bool:
        """Return whether a run began again though it may not.

        It may if its job says recover, and every call but the last was cut off by a fault. Also a
        call that has ended was cut off, if its worker was killed before the store had heard of it.
        An orderly stop cuts nothing off.
        """
        if len(calls) == 1:
            return False
        dead = self.loop.dead
        killed = all(
            dead.get(call.pid, math.inf) < call.moment + CUT_OFF_SECONDS for call in calls[:-1]
        )
        may_repeat = killed or self.loop.fault in ("freeze", "server")
        return not (recovers(number_of(key.job_id)) and may_repeat)

    def _above_limit(self) -> int:
        """Return how often more instances of a job ran than may be, over all workers.

        A killed one ended when it was killed. One who is frozen, or cut off from the server, does
        not know that he is replaced: there it can't be 0.
        """
        if self.loop.fault in ("freeze", "server"):
            return 0
        steps: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for key, calls in self.begun.items():
            for call in calls:
                end = self.ended.get((key, call.pid), self.loop.dead.get(call.pid, call.moment))
                steps[key.job_id] += [(call.moment, 1), (end, -1)]
        above = 0
        for job_id, changes in steps.items():
            count = 0
            for _, change in sorted(changes):
                count += change
                above += change > 0 and count > limit_of(number_of(job_id))
        return above


def is_bad(result: dict[str, object]) -> bool:
    return any(result[name] for name in ("doubled", "lost", "above the limit", "unruly"))


# --- The command line ---


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", choices=(*STORES, "all"), default="all")
    parser.add_argument("--fault", choices=(*FAULTS, "all"), default="kill")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between faults, about")
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--lease", type=float, default=None, help="seconds, for all stores")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", help="a file for the results")
    options = parser.parse_args()
    if options.short:
        options.seconds, options.every, options.fault = 5.0, 0.5, "all"
    return options


def chosen_loops(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the stores and faults that are asked for."""
    stores = STORES if options.store == "all" else (options.store,)
    faults = FAULTS if options.fault == "all" else (options.fault,)
    loops = [(kind, fault) for kind in stores for fault in faults]
    # A file has no server; and a short soak leaves out what takes long and shows little more.
    return [
        (kind, fault)
        for kind, fault in loops
        if (kind, fault) != ("sqlite", "server")
        and not (options.short and kind == "mongodb" and fault in ("stop", "freeze"))
    ]


def result_of(loop: tuple[str, str], options: argparse.Namespace) -> dict[str, object]:
    """Run a loop, and once more if its server hung, which says nothing about the schedulers."""
    try:
        return Loop(*loop, options).run()
    except ServerHungError:
        return Loop(*loop, options).run()


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        import soak  # as the jobs' records name it; this copy is __main__

        soak.work(*sys.argv[2:6])
        return 0
    options = parsed()

    def run(loop: tuple[str, str]) -> dict[str, object]:
        result = result_of(loop, options)
        print(*(f"{name}={value}" for name, value in result.items() if value != []), flush=True)
        return result

    # Long ones disturb each other: the faults of one are stalls for the other.
    with ThreadPoolExecutor(2 if options.short else 1) as pool:
        results = list(pool.map(run, chosen_loops(options)))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    return any(map(is_bad, results))


if __name__ == "__main__":
    sys.exit(main())
