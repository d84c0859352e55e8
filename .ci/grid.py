"""Damage every field of rows in the shared stores, and look whether anything else suffers.

    python .ci/grid.py                   SQLite, Redis (a server of its own), MongoDB (mongomock)
    python .ci/grid.py --only sqlite

Each store has one victim for every field and value, half of them due, and five jobs that are well.
Every victim is readable, or is listed by `unreadable()`, was reported once and is kept byte for
byte; the jobs that are well run on time, and nothing is asked in a busy loop. Exit status 1 if not.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import logging
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import asyncz

SECONDS = 3.0
TEXTS = ["", "x", " 12", "007", "a\tb", "a\nb", "\0", "é", "*", "[", "{}", "[]", "9" * 5000]
NUMBERS = [0, -1, 5, 1.5, -1.5, 1e300, float("inf"), float("-inf"), 2**62, -(2**62)]
VALUES = [None, True, *NUMBERS, *TEXTS, b"", b"\xff\xfe", b"[]"]
DEEP = "[" * 5_000
JSON = ["null", "true", "NaN", "-Infinity", "1e400", "1.5", "-1", "0", "9" * 30, "-" + "9" * 17]
JSON += ['""', '"x"', '"\\ud800"', "[]", '["a"]', "{}", '{"a":1}', '{"a":[1,2,3,4,5,6]}', DEEP]
RAN: collections.Counter[str] = collections.Counter()


def tick(name: str) -> None:
    RAN[name] += 1


def heads() -> list[str]:
    """Return heads with one part that is something else, of a job and of its ticket."""
    now = time.time_ns() // 1000
    good = ['"r"', str(now), "false", "null", "{}"]
    ticket = ['"o"', str(now), "0", str(now), str(now), "false"]
    last = [str(now), str(now), str(now), '"executed"', "null", "1"]
    made = [text for text in TEXTS if text] + [DEEP * 20, "[" + ",".join(good) + ",0]"]
    for value in JSON:
        made += [
            "[" + ",".join([*good[:place], value, *good[place + 1 :]]) + "]" for place in range(5)
        ]
        for place in range(6):
            run = ",".join([*ticket[:place], value, *ticket[place + 1 :]])
            made.append("[" + ",".join(good[:4]) + f',{{"t":[{run}]}}]')
            end = ",".join([*last[:place], value, *last[place + 1 :]])
            made.append("[" + ",".join(good[:3]) + f",[{end}],{{}}]")
    return made


class SQLite:
    """A file, damaged by a connection of its own."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        self.store = asyncz.SQLiteStore(f"{folder}/jobs", poll_interval=0.2)
        self.path = f"{folder}/jobs"

    def cases(self) -> list[tuple[str, Any]]:
        columns = ("id", "version", "next", "until", "head", "def")
        found: list[tuple[str, Any]] = [(name, value) for name in columns for value in VALUES]
        found += [(name, "CAST(X'FFFE41' AS TEXT)") for name in columns]
        return found + [("head", head) for head in heads()]

    def damage(self, cases: list[tuple[str, str, Any]]) -> None:
        with contextlib.closing(sqlite3.connect(self.path)) as db, db:
            for job_id, column, value in cases:
                place = value if isinstance(value, str) and value.startswith("CAST(") else "?"
                values = (job_id,) if place != "?" else (value, job_id)
                with contextlib.suppress(sqlite3.IntegrityError):  # NULL, or an id that is taken
                    db.execute(f"UPDATE jobs SET {column} = {place} WHERE id = ?", values)

    def raw(self) -> set[str]:
        with contextlib.closing(sqlite3.connect(self.path)) as db:
            db.text_factory = bytes
            query = "SELECT id, version, head, def, next, until FROM jobs"
            return set(map(repr, db.execute(query).fetchall()))


class Redis:
    """A server of its own."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        import redis

        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = ["redis-server", "--port", str(port), "--dir", folder, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.kill)
        self.client = stack.enter_context(redis.Redis(port=port))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(redis.ConnectionError):
                self.client.ping()
                break
            time.sleep(0.02)
        decoding = stack.enter_context(redis.Redis(port=port, decode_responses=True))
        self.store = asyncz.RedisStore(decoding, poll_interval=0.2)

    def cases(self) -> list[tuple[str, Any]]:
        values = [value for value in VALUES if isinstance(value, (int, float, str, bytes))]
        values = [value for value in values if value is not True]
        found = [(name, value) for name in ("version", "head", "def") for value in values]
        found += [("due", value) for value in NUMBERS] + [("leases", value) for value in NUMBERS]
        found += [("type", kind) for kind in ("string", "list", "set", "nothing", "empty")]
        found += [("member", b"\xff\xfe"), ("member", "é"), ("member", b"a\\b")]
        found += [("missing", name) for name in ("version", "head", "def")]
        return found + [("head", head) for head in heads()]

    def damage(self, cases: list[tuple[str, str, Any]]) -> None:
        client, tag = self.client, "{asyncz}:"
        for job_id, field, value in cases:
            key = f"{tag}job:{job_id}"
            if field in ("due", "leases"):
                client.zadd(tag + field, {job_id: value})
            elif field == "member":
                client.zadd(tag + "due", {value: 5})
            elif field == "missing":
                client.hdel(key, value)
            elif field == "type":
                client.delete(key)
                kinds: dict[str, Any] = {"string": client.set, "list": client.rpush}
                kinds.update(set=client.sadd, empty=lambda key, _: client.hset(key, "a", "b"))
                kinds.get(value, lambda *_: None)(key, "x")
            else:
                client.hset(key, field, value)

    def raw(self) -> set[str]:
        keys = [
            key for key in self.client.keys("{asyncz}:job:*") if self.client.type(key) == b"hash"
        ]
        return {repr((key, sorted(self.client.hgetall(key).items()))) for key in keys}


class MongoDB:
    """mongomock's."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        import mongomock

        client = stack.enter_context(contextlib.closing(mongomock.MongoClient()))
        self.store = asyncz.MongoDBStore(client, poll_interval=0.2)
        self.rows = client["asyncz"]["jobs"]

    def cases(self) -> list[tuple[str, Any]]:
        values = [*VALUES, [], [1], {}, {"a": 1}, float("nan"), asyncz.datetime(2026, 1, 1)]
        values = [value for value in values if not isinstance(value, str) or value]
        names = ("version", "next", "until", "head", "def")
        found: list[tuple[str, Any]] = [(name, value) for name in names for value in values]
        found += [("missing", name) for name in names]
        found += [("_id", value) for value in (5, 1.5, True, b"x", asyncz.datetime(2026, 1, 1))]
        return found + [("head", head) for head in heads()]

    def damage(self, cases: list[tuple[str, str, Any]]) -> None:
        for job_id, field, value in cases:
            if field == "_id":
                row = self.rows.find_one({"_id": job_id})
                self.rows.insert_one({**row, "_id": value})
                self.rows.delete_one({"_id": job_id})
            else:
                change = {"$unset": {value: 1}} if field == "missing" else {"$set": {field: value}}
                self.rows.update_one({"_id": job_id}, change)

    def raw(self) -> set[str]:
        return {repr(sorted(row.items())) for row in self.rows.find({})}


class Reports(logging.Handler):
    """Count what is logged of each job, and of stores that failed."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: collections.Counter[str] = collections.Counter()
        self.others: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno < logging.ERROR:
            return
        if "can't be" in text and isinstance(record.args, tuple):
            self.jobs[str(record.args[0])] += 1
        else:
            self.others.append(text[:300])


def prepare(scheduler: asyncz.AsyncIOScheduler, place: Any) -> None:
    """Add the victims, of which every other one is due, damage them, and add jobs that are well."""
    cases = place.cases()
    for number, _ in enumerate(cases):
        scheduler.add_job(
            tick,
            "interval",
            hours=1,
            args=["victim"],
            id=f"v{number}",
            next_run_time="now" if number % 2 else asyncz.UNSET,
        )
    place.damage([(f"v{n}", field, value) for n, (field, value) in enumerate(cases)])
    for number in range(5):
        scheduler.add_job(tick, "interval", seconds=0.2, args=[f"g{number}"], id=f"g{number}")


def check(kind: Any, problems: list[str]) -> str:
    """Run the grid on one store; add what is wrong to `problems`, and return a line about it."""
    RAN.clear()
    reports = Reports()
    logger = logging.getLogger("asyncz")
    logger.addHandler(reports)
    logger.propagate = False
    with contextlib.ExitStack() as stack:
        stack.callback(logger.removeHandler, reports)
        place = kind(stack)
        store = place.store
        with asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC") as scheduler:
            scheduler.pause()
            prepare(scheduler, place)
            cases = place.cases()
            before, pages, page = place.raw(), [0], store._table.page

            def counted(skip: int, limit: int) -> Any:
                pages[0] += 1
                return page(skip, limit)

            store._table.page = counted
            began = time.monotonic()
            scheduler.resume()
            time.sleep(SECONDS)
            took = time.monotonic() - began
            name = kind.__name__
            try:
                jobs, shown = [job.id for job in scheduler.get_jobs()], str(scheduler)
                listed = store.unreadable()
            except Exception as error:
                problems.append(f"{name}: {type(error).__name__}: {str(error)[:300]}")
                return f"{name}: {len(cases)} victims, can't be listed"
            broken = {job_id: reason for job_id, reason in listed if job_id.startswith("v")}
            good = sorted(RAN[f"g{number}"] for number in range(5))
            if good[0] < 3:  # of 15; mongomock is slow
                problems.append(f"{name}: jobs that are well ran {good} times in {took:.1f} s")
            if not {f"g{number}" for number in range(5)} <= set(jobs):
                problems.append(f"{name}: jobs that are well are not listed")
            if f"{len(listed)} unreadable" not in shown:
                problems.append(f"{name}: {shown}")
            limit = (len(cases) / store._PAGE + 2) * (5 * took / 0.2 + took / 0.2)
            if pages[0] > limit:
                problems.append(f"{name}: asked {pages[0]} times in {took:.1f} s: a busy loop")
            if reports.others:
                problems.append(f"{name}: {reports.others[:3]}")
            more = {job: count for job, count in reports.jobs.items() if count > 1}
            if more:
                problems.append(f"{name}: reported more than once: {list(more.items())[:5]}")
            for n, (field, value) in enumerate(cases):
                if f"v{n}" in jobs and f"v{n}" in broken:
                    problems.append(f"{name}: {field}={value!r:.60}: both listed and unreadable")
            after = place.raw()
            # By its id, between quotes or after the key of Redis.
            ids = {row: re.search(r"(?:'|:)(v\d+)'", row) for row in before - after}
            changed = [row for row, found in ids.items() if found and found[1] in broken]
            if changed:
                problems.append(f"{name}: changed: {changed[0]:.300}")
            return (
                f"{name}: {len(cases)} victims, {len(listed)} unreadable, {len(jobs) - 5} readable,"
                f" {pages[0]} pages, {sum(good)} runs of those that are well"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    wanted = parser.parse_args().only
    problems: list[str] = []
    for kind in (SQLite, Redis, MongoDB):
        if kind.__name__.lower().startswith(wanted):
            print(check(kind, problems), flush=True)
    print("\n".join(problems) or "all is well")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
