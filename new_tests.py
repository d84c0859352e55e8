"""Tests of what the walk through all states found; for the rooms Runs in progress and Leases."""

from __future__ import annotations

import asyncio
import unittest
from types import SimpleNamespace

import asyncz


class TestRunsOfOthers(unittest.IsolatedAsyncioTestCase):
    """For Runs in progress: what a shared store's thread tells the loop, when it comes late."""

    async def asyncSetUp(self):
        self.scheduler = asyncz.AsyncIOScheduler()
        self.engine = self.scheduler._engine
        self.runs, self.asked = self.engine.runs, []
        self.engine.settings.loop = asyncio.get_running_loop()

    def make_run(self, **options):
        job = asyncz._nameless("job", "default")
        asyncz._set_all(job, options)
        run = asyncz._Run(SimpleNamespace(), job, 1_000_000, 1_000_000)
        run.ticket, run.leases = "ticket", SimpleNamespace(ends=self.ends)
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


class TestLeases(unittest.TestCase):
    """For Leases: what the thread of a shared store does for runs that are not what they were."""

    def make_leases(self, done, live=()):
        loop = SimpleNamespace(is_closed=bool, call_soon_threadsafe=print)
        keeper = SimpleNamespace(alias="default", loop=loop, live=set(live))
        head = '["one", null, false, null, {"ticket": ["dead", 0, 1, 1, 1, false]}]'
        table = SimpleNamespace(
            clock=asyncz._Clock(),
            time_us=lambda: 2,
            expired=lambda limit: [("job", "version", head, "")],
        )
        rows = SimpleNamespace(
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
                self.make_leases(done, {Run(ticket)})._take_over()
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


class Run:
    def __init__(self, ticket):
        self.ticket = ticket


if __name__ == "__main__":
    unittest.main()
