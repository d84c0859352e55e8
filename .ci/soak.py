"""Kill, freeze and cut off schedulers that share a store, and account for every run that was due.

Worker processes share one store and its jobs. The parent kills one of them by its own pid every few seconds and starts another (`kill`), stops
one for half a lease or two and lets it go on (`freeze`), or kills the server and starts it again on its append-only file (`server`). Every
worker writes one line, with one write to a file opened for appending, for each call that begins and ends, and for each event. Afterwards every
time at which a job was due has to be accounted for: begun, skipped at the limit of instances, missed, or reported as interrupted.

What can't be known: a kill between a call that began in the store and the line that says so looks like a run that never was, unless it is
reported as interrupted. Such runs are reported, so they count as interrupted; nothing else is excused.

    python .ci/soak.py                         ten minutes for each store
    python .ci/soak.py --short                 some seconds for each store, as in CI
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / ".ci")]

import asyncz  # noqa: E402

RECORD: list[int] = []  # the file of the record, in a worker
CUT_OFF_SECONDS = (
    3.0  # a call takes a third of a second at most, and the store some time to hear of its end
)
Key = tuple[str, str]  # a job and a time at which it was due


# --- The worker: a scheduler like any other ---


def write(kind: str, job_id: str, due: datetime | None, more: str = "") -> None:
    """Add a line to the record, in one piece whoever else writes."""
    shown = "-" if due is None else due.astimezone(timezone.utc).isoformat()
    os.write(
        RECORD[0], f"{kind} {job_id} {shown} {os.getpid()} {time.time():.6f} {more}\n".encode()
    )


def plain(seconds: float) -> None:
    run = asyncz.current_run()
    write("begin", run.job.id, run.scheduled_run_time)
    time.sleep(seconds)
    write("end", run.job.id, run.scheduled_run_time)


async def coroutine(seconds: float) -> None:
    run = asyncz.current_run()
    write("begin", run.job.id, run.scheduled_run_time)
    await asyncio.sleep(seconds)
    write("end", run.job.id, run.scheduled_run_time)


def hear(event: asyncz.JobEvent) -> None:
    if event.code == asyncz.JOB_MAX_INSTANCES:
        for due in event.scheduled_run_times:
            write("limit", event.job_id, due)
    elif event.code == asyncz.JOB_MISSED:
        write("missed", event.job_id, event.scheduled_run_time)
    elif isinstance(event.exception, asyncz.RunInterruptedError):
        write("interrupted", event.job_id, event.scheduled_run_time, event.exception.owner)


def make_store(kind: str, place: str, lease: float) -> asyncz.BaseStore:
    options = {"lease": lease, "poll_interval": 0.2}
    if kind == "sqlite":
        return asyncz.SQLiteStore(place, **options)
    import redis

    port, user = place.split(":")
    account = {"username": user, "password": user} if user else {}
    return asyncz.RedisStore(
        redis.Redis(port=int(port), socket_timeout=5, **account), "soak", **options
    )


def work(kind: str, place: str, lease: str, log: str) -> None:
    RECORD.append(os.open(log, os.O_WRONLY | os.O_APPEND))
    asyncz.logging.disable(asyncz.logging.CRITICAL)
    scheduler = asyncz.AsyncIOScheduler(
        stores={"default": make_store(kind, place, float(lease))},
        timezone="UTC",
        store_retry_interval=1.0,
    )
    scheduler.add_listener(hear, asyncz.JOB_ERROR | asyncz.JOB_MISSED | asyncz.JOB_MAX_INSTANCES)
    scheduler.run()


# --- The parent: jobs, faults, the account ---


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
        options = {
            "coalesce": bool(number % 3),
            "recover": recovers(number),
            "max_instances": limit_of(number),
        }
        intervals[f"job{number}"] = seconds
        fn, length = (soak.coroutine, 0.3) if number % 2 else (soak.plain, 0.05)
        trigger = asyncz.IntervalTrigger(seconds=seconds, start_at=start)
        scheduler.add_job(
            fn, trigger, args=[length], id=f"job{number}", name=f"{options}", **options
        )
    scheduler.shutdown()
    return intervals


class Server:
    """A redis-server on a free port, that writes down what it acknowledges."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self) -> None:
        options = {
            "port": self.port,
            "dir": self._folder,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "bind": "127.0.0.1",
            "logfile": "log",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen(["redis-server", *arguments])
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), 1),
            ):
                return
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def forbid_scripts(self) -> None:
        import redis

        with redis.Redis(port=self.port) as admin:
            admin.execute_command(
                "ACL", "SETUSER", "plain", "on", ">plain", "~*", "&*", "+@all", "-@scripting"
            )


class Loop:
    """One store under one kind of fault."""

    def __init__(self, kind: str, fault: str, options: argparse.Namespace) -> None:
        self.kind, self.fault, self.options = kind, fault, options
        self.folder = tempfile.mkdtemp()
        self.log = os.path.join(self.folder, "record")
        self.server: Server | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.faults = 0
        self.dead: dict[int, float] = {}  # when each worker was killed

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
        began = time.time()
        start = datetime.fromtimestamp(int(began) + 2, timezone.utc)
        intervals = add_jobs(
            make_store(self.kind, self.place, self.options.lease), self.options.jobs, start
        )
        for _ in range(self.options.processes):
            self._start_worker()
        end = time.time() + self.options.seconds
        chance = random.Random(self.options.seed)
        while time.time() < end:
            time.sleep(chance.uniform(0.5, 1.5) * self.options.every)
            self._inject(chance)
        last = time.time()
        time.sleep(2 * self.options.lease + 4)  # what is left is taken over
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(30)
        return self._account(intervals, start.timestamp(), last)

    def _prepare_place(self) -> None:
        self.place = os.path.join(self.folder, "jobs")
        if self.kind != "sqlite":
            self.server = Server(self.folder)
            self._start_server()
            self.place = f"{self.server.port}:{'plain' if self.kind == 'redis-watch' else ''}"

    def _start_server(self) -> None:
        assert self.server is not None
        self.server.start()
        if self.kind == "redis-watch":  # an account is not part of the append-only file
            self.server.forbid_scripts()

    def _start_worker(self) -> None:
        arguments = [
            sys.executable,
            __file__,
            "--worker",
            self.kind,
            self.place,
            str(self.options.lease),
            self.log,
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).resolve().parent)]),
        }
        self.workers.append(subprocess.Popen(arguments, env=environment))

    def _inject(self, chance: random.Random) -> None:
        self.faults += 1
        if self.fault == "server" and self.server is not None:
            self.server.stop()
            time.sleep(chance.uniform(0.2, 1.5))
            self._start_server()
            return
        worker = chance.choice(self.workers)
        if self.fault == "freeze":
            worker.send_signal(signal.SIGSTOP)
            time.sleep(self.options.lease * chance.choice([0.5, 2]))
            worker.send_signal(signal.SIGCONT)
            return
        worker.kill()
        worker.wait()
        self.dead[worker.pid] = time.time()
        self.workers.remove(worker)
        self._start_worker()

    # The account.

    def _account(self, intervals: dict[str, float], start: float, last: float) -> dict[str, object]:
        """Return the counts of what was due up to `last`; `doubled` and `lost` have to be 0."""
        lines = [line.split() for line in Path(self.log).read_text().splitlines()]
        begun: dict[Key, list[tuple[int, float]]] = defaultdict(list)
        told: dict[str, set[Key]] = defaultdict(set)
        for kind, job_id, due, pid, moment, *_ in lines:
            if kind == "begin":
                begun[job_id, due].append((int(pid), float(moment)))
            elif kind != "end":
                told[kind].add((job_id, due))
        doubled = [
            key
            for key, calls in begun.items()
            if len(calls) > 1 and not self._may_repeat(key, calls)
        ]
        seen = set(begun).union(*told.values())
        expected, lost = 0, []
        for job_id, seconds in intervals.items():
            count = int((last - start) / seconds)
            dues = [start + number * seconds for number in range(count)]
            times = {
                datetime.fromisoformat(due).timestamp(): (job_id, due)
                for found, due in seen
                if found == job_id
            }
            expected += len(dues)
            lost += self._lost(job_id, dues, times, begun, coalesce=bool(int(job_id[3:]) % 3))
        above = (
            self._above_limit(lines) if self.fault == "kill" else 0
        )  # one who is frozen does not know that he is replaced
        counts = Counter(kind for kind, *_ in lines)
        return {
            "store": self.kind,
            "fault": self.fault,
            "seconds": self.options.seconds,
            "processes": self.options.processes,
            "faults": self.faults,
            "expected": expected,
            "begun": sum(datetime.fromisoformat(due).timestamp() < last for _, due in begun),
            "limit": counts["limit"],
            "missed": counts["missed"],
            "interrupted": counts["interrupted"],
            "repeated": sum(len(calls) - 1 for calls in begun.values()),
            "doubled": len(doubled),
            "lost": len(lost),
            "above the limit": above,
            "doubled without recover": sum(not recovers(int(job_id[3:])) for job_id, _ in doubled),
            "examples": [str(example) for example in (doubled + lost)[:5]],
        }

    def _may_repeat(self, key: Key, calls: list[tuple[int, float]]) -> bool:
        """Return whether a run may have begun again: its job says recover, and every call but the last was cut off by a fault.

        Also a call that has ended was cut off, if its worker was killed before the store had heard of the end.
        """
        killed = all(
            self.dead.get(pid, math.inf) < began + CUT_OFF_SECONDS for pid, began in calls[:-1]
        )
        return recovers(int(key[0][3:])) and (killed or self.fault != "kill")

    def _above_limit(self, lines: list[list[str]]) -> int:
        """Return how often more instances of a job were running than may be, over all workers; a killed one ended when it was killed."""
        steps: dict[str, list[tuple[float, int]]] = defaultdict(list)
        running: dict[tuple[str, str, str], float] = {}
        for kind, job_id, due, pid, moment, *_ in lines:
            if kind == "begin":
                running[job_id, due, pid] = float(moment)
            elif kind == "end":
                steps[job_id] += [(running.pop((job_id, due, pid)), 1), (float(moment), -1)]
        for (job_id, _, pid), began in running.items():
            steps[job_id] += [(began, 1), (self.dead.get(int(pid), began), -1)]
        above = 0
        for job_id, changes in steps.items():
            count = 0
            for _, change in sorted(changes):
                count += change
                above += change > 0 and count > limit_of(int(job_id[3:]))
        return above

    def _lost(
        self,
        job_id: str,
        dues: list[float],
        times: dict[float, Key],
        begun: dict[Key, list[tuple[int, float]]],
        coalesce: bool,
    ) -> list[Key | tuple[str, float]]:
        """Return the times that nobody accounts for. With coalescing, one later run, that began after it, stands for those before."""
        found = sorted(times)
        lost: list[Key | tuple[str, float]] = []
        for due in dues:
            if due in times:
                continue
            later = next((moment for moment in found if moment > due), None)
            if (
                not coalesce
                or later is None
                or any(moment < later for _, moment in begun.get(times[later], []))
            ):
                lost.append((job_id, due - dues[0]))
        return lost


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        import soak  # as the jobs' records name it; this copy is __main__

        soak.work(*sys.argv[2:6])
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", choices=("sqlite", "redis", "redis-watch", "all"), default="all")
    parser.add_argument("--fault", choices=("kill", "freeze", "server", "all"), default="kill")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument(
        "--every", type=float, default=3.0, help="seconds from one fault to the next, on average"
    )
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument(
        "--lease",
        type=float,
        default=10.0,
        help="seconds; a process that stalls for longer counts as dead",
    )
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    if options.short:
        options.seconds, options.every, options.jobs, options.fault, options.lease = (
            5.0,
            0.5,
            40,
            "all",
            3.0,
        )
    stores = ("sqlite", "redis", "redis-watch") if options.store == "all" else (options.store,)
    faults = ("kill", "freeze", "server") if options.fault == "all" else (options.fault,)
    results: list[dict[str, object]] = []

    def run(kind: str, fault: str) -> None:
        result = Loop(kind, fault, options).run()
        results.append(result)
        print(
            " ".join(f"{name}={value}" for name, value in result.items() if value != []), flush=True
        )

    loops = [
        (kind, fault)
        for kind in stores
        for fault in faults
        if fault != "server" or kind != "sqlite"
    ]
    if options.short:  # two at a time, and the slower way of Redis under kills alone
        loops = [loop for loop in loops if loop[0] != "redis-watch" or loop[1] == "kill"]
    threads = [threading.Thread(target=run, args=loop) for loop in loops]
    for thread in threads:
        thread.start()
        if not options.short or sum(other.is_alive() for other in threads) >= 2:
            thread.join()
    for thread in threads:
        thread.join()
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    return (
        0
        if len(results) == len(loops)
        and not any(
            result["doubled"] or result["lost"] or result["above the limit"] for result in results
        )
        else 1
    )


if __name__ == "__main__":
    sys.exit(main())
