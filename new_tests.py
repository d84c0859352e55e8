"""Tests of the rooms Stores to MongoDB, and Forks, to be sorted into `test_asyncz.py`."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import functools
import logging
import os
import pathlib
import signal
import socket
import sqlite3
import sys
import tempfile
import textwrap
import threading
import time
import types
import unittest
import unittest.mock

import asyncz
from test_asyncz import (
    HOOKS,
    RUNS,
    DictStore,
    VirtualTimeTestCase,
    act,
    act_plainly,
    at,
    complaint,
    note,
    package,
    redis_server,
    run_python,
    wait_until,
)


class SQLiteTestCase(unittest.TestCase):
    """A test in real time with a file of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
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


# --- Stores ---


class TestBaseStore(unittest.TestCase):
    """Stores."""

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


class TestMemoryStoreHeap(VirtualTimeTestCase):
    """Stores."""

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


# --- Protocol ---


class TestProtocol(unittest.TestCase):
    """Protocol."""

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
            ("one whose lease has ended", 101 + self.LEASE, (), 1),
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
        later = 101 + self.LEASE
        self.decide(later, "claim", "a", "r1", "r2", 9**9, 1, "two.1", self.ticket("two"))
        take = "take", "a", "one.1", "two", 100 + self.LEASE
        self.assertEqual(self.decide(later, *take, 1), None)
        self.assertEqual(self.decide(later, "finish", "a", "two.1", "two", None), True)
        self.assertEqual(self.decide(later, *take, 1), True)


# --- Rows ---


class TestUnreadableRows(SQLiteTestCase):
    """Rows; `.ci/grid.py` tries all fields with all values."""

    NOW = str(time.time_ns() // 1000)
    TICKET = ",".join(['"o"', NOW, "0", NOW, NOW, "false"])
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


class TestUnreadableRowsOnServers(unittest.TestCase):
    """Rows, Redis, MongoDB."""

    def check(self, store, damage, expected):
        RUNS.clear()
        with asyncz.AsyncIOScheduler(stores={"default": store}) as scheduler:
            scheduler.pause()
            for number in range(expected):
                scheduler.add_job(note, args=["bad"], id=f"v{number}")
            damage()
            scheduler.add_job(note, "interval", seconds=0.05, args=["good"], id="good")
            with self.assertLogs("asyncz", "ERROR"):
                scheduler.resume()
                self.assertTrue(wait_until(lambda: len(RUNS) >= 5))
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


# --- Leases ---


class FaultySQLiteTable(asyncz._SQLiteTable):
    """One of which a test can change what a write does."""

    hook = staticmethod(lambda change, changes: change(changes))

    def change(self, changes):
        return self.hook(super().change, changes)


class TestSharedStoreWithFaults(SQLiteTestCase):
    """Leases, Shared stores."""

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
        store = self.make_store(lease=2.0)

        async def main():
            scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
            scheduler.start()
            scheduler.add_job(act_plainly, "interval", hours=1, args=["long"], next_run_time="now")
            while not any(ticket.started_us for ticket in self.tickets()):
                await asyncio.sleep(0.01)

        with self.assertLogs("asyncz", "WARNING") as logs:
            asyncio.run(main())
            self.assertTrue(wait_until(lambda: store._thread is None))
        text = "store 'default': the event loop was closed under its scheduler, with 1 runs"
        self.assertIn(text, "".join(logs.output))
        errors = []
        other = self.make_scheduler(self.make_store(lease=2.0))
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
        self.assertLess(len(asked), 20)

    def test_keeps_the_path_in_its_errors(self):
        store = asyncz.SQLiteStore(self.path.parent / "missing" / "jobs")
        scheduler = asyncz.AsyncIOScheduler(stores={"default": store})
        with self.assertLogs("asyncz", "ERROR") as logs, scheduler:
            self.assertTrue(wait_until(lambda: logs.output))
        self.assertIn(f"failed: {store._table.path}: unable to open database file", logs.output[0])


# --- Shared stores ---


class TestManyThreads(SQLiteTestCase):
    """Shared stores."""

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
    """Shared stores."""

    def test_are_refused_by_name(self):
        store = self.make_store()
        text = (
            "ValueError: id='a\\udce4': half a character is in it, which a store can't keep;"
            " give another id"
        )
        scheduler = self.make_scheduler(store)
        self.assertEqual(complaint(scheduler.add_job, note, args=["a"], id="a\udce4"), text)
        scheduler.start()
        self.assertEqual(complaint(scheduler.add_job, note, args=["a"], id="a\udce4"), text)
        self.assertIsNone(scheduler.get_job("a\udce4"))


class TestSignedRecords(SQLiteTestCase):
    """Shared stores."""

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


# --- SQLite ---


class TestSQLiteFile(SQLiteTestCase):
    """SQLite."""

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
            with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed
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


# --- Redis and MongoDB ---


class TestClients(unittest.TestCase):
    """Redis, MongoDB."""

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
        with pymongo.MongoClient(connect=False, w=1) as client:
            with self.assertLogs("asyncz", "WARNING") as logs:
                asyncz.MongoDBStore(client)._table.greet("default")
        self.assertIn("store 'default': w=1: a write that one server has confirmed", logs.output[0])
        with pymongo.MongoClient(connect=False) as client, self.assertNoWarnings():
            asyncz.MongoDBStore(client)._table.greet("default")

    @contextlib.contextmanager
    def assertNoWarnings(self):
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


class TestTheTimeOfAServer(unittest.TestCase):
    """MongoDB, Redis: no step of the clock here moves it, and it is never ahead."""

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


class TestAStoreThatIsEmptied(unittest.TestCase):
    """Redis, MongoDB."""

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


# --- Forks ---


@unittest.skipUnless(hasattr(os, "fork"), "there is no fork here")
class TestForksOfManyThreads(SQLiteTestCase):
    """Forks."""

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
        done = run_python("-c", textwrap.dedent(code), cwd=self.path.parent, timeout=60)
        self.assertEqual((done.stdout, done.stderr), ("False True\n", ""))


if __name__ == "__main__":
    unittest.main()
