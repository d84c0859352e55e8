"""Walk through all that schedulers which share a store can do to each other, in the real code.

One job with two run times lies in a store. At each step one of two or three schedulers takes its
next step, is killed, stalls for longer than its lease, loses an answer of the store or is shut
down, or the clock ticks. Every state that can be reached so is visited once, breadth first: the
trace that is printed for a broken promise is a shortest one. In every state it must hold that

    once     no time is started twice; with `recover`, only after another took over the run
    lease    nobody touches the run of another before its lease has ended
    lost     each time is ahead, or in a run that the store knows, or was told of, or was skipped
    limit    not more than `max_instances` run, and nothing is skipped while fewer do
    queue    with `overlap="queue"`, nothing is skipped; who looks while fewer run claims it
    slot     a run that holds a lease is known to a scheduler that will end it
    stop     who is shut down begins nothing, and has no lease when it has stopped
    rest     with all other schedulers dead, the one that is left gets everything done

Real are the verbs, `_Rows`, `_Leases`, `_SharedStore`, the keeper's plan, and `_Runs`. `Walk`
stands for the table, which is a text, and for the clock, which stands still but for ticks of half a
lease; `Scheduler` for the event loop, the store's thread and the executor: what these would do by
themselves is a step each. A coroutine can't be copied: that of a run is made anew before each of
its steps, and led back to where it was waiting. Who lost an answer asks again in a step of its own.
States are equal if they differ only in names, in the order of schedulers, or in how long ago
something is that is over.

Not walked: threads and their queues, slots of executors, errors of jobs, times that are missed,
changes of the job, a scheduler that starts again (that is another one), a clock that jumps, leases
that can't be renewed while their owner goes on.

    python .ci/walk.py                 what CI walks
    python .ci/walk.py --deep          three schedulers and more faults, for many minutes
    python .ci/walk.py --self-test     with planted bugs, one after the other: each must be found
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import functools
import importlib.util
import itertools
import sys
import threading
import time
import types
from collections import deque, namedtuple
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

TICK, LEASE = 30_000_000, 60_000_000  # microseconds
TIMES = FIRST, LAST = 1_767_225_600_000_000, 1_767_225_630_000_000  # when the job is to run
NAMES = "ABC"  # of schedulers; in the key of a state, nothing else has these letters
GOES_ON = ("asks", "asked", "calls")  # phases of runs that are not over

z: Any = None  # the module asyncz


class Violation(Exception):
    """A promise does not hold."""


class AsksLater(BaseException):
    """Whoever lost an answer waits before it asks again: meanwhile, others take their steps."""


# What one scheduler knows of a run: attributes of `_Run`, where `started_us` is 1 or 0; and
#     phase     one of GOES_ON, "tells" if only its store has to hear of it, or ""
#     answer    of the store, where it has asked
#     late      it asked longer ago than a lease
#     task      whether that is to be cancelled; None: there is none
#     held      the ticket whose lease is kept for it
_OURS = "phase answer late task held"
_THEIRS = "ticket cursor_us last_us following_us revision handed_back abandoned at_limit started_us"
Run = namedtuple("Run", f"{_THEIRS} {_OURS}")


class Local(NamedTuple):
    """One scheduler."""

    status: str = "on"  # "on", "stopping", "closed" (with leases still kept), "stopped", "dead"
    stalled: int = 0  # how many ticks more it stalls, and 1: it may wake up
    known: Any = None  # the row that it has written last
    runs: tuple[Any, ...] = ()
    planned: Any = None  # what is to be claimed: a run, the row it was in, whether it asks again
    inbox: tuple[Any, ...] = ()  # what the loop is going to call, for which of the runs, with what
    queue: tuple[Any, ...] = ()  # what the store's thread is asked to do
    aside: Any = None  # the revision that is left alone for a while: its job is queued


class State(NamedTuple):
    now: int
    head: str  # of the row; "": there is none any more
    locals: tuple[Local, ...]
    told: tuple[bool, ...]  # which times were told of, or skipped
    started: tuple[bool, ...]  # which may not be started any more
    faults: int  # how many more there may be

    def with_local(self, number: int, local: Local) -> State:
        changed = (*self.locals[:number], local, *self.locals[number + 1 :])
        return self._replace(locals=changed)


def nothing(*args: Any, **more: Any) -> None:
    pass


class Asked:
    """What a coroutine waits for: an answer of the store, or the end of a call."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __await__(self) -> Any:
        return (yield self.what)


class Task:
    def __init__(self, cancelled: bool = False) -> None:
        self.cancelled = cancelled

    def cancel(self) -> None:
        self.cancelled = True


class Scheduler:
    """The real objects of one scheduler, which get the state of a `Local` for each step."""

    def __init__(self, walk: Walk, name: str) -> None:
        self.walk, self.name, self.replaying = walk, name, False
        self.coroutines: list[Any] = []
        engine = z._Engine(None, walk)
        self.settings, self.runs = engine.settings, engine.runs
        self.settings.loop = self.settings.executors["default"] = self
        self.settings.log = nothing
        self.settings.listeners.mask = z.JOB_EXECUTED
        self.settings.listeners.context = contextvars.copy_context()
        self.runs.reports.tell = lambda code, job, due_us, *rest: walk.tell(due_us, *rest)
        self.store = z._SharedStore(walk, "walk", None, None, LEASE // 1_000_000, 1)
        self.store._codec = types.SimpleNamespace(decode=lambda job_id, text: walk.make_job())
        self.keeper = z._Keeper(self.settings, engine.registry, self.runs, "default", self.store)
        engine.registry.keepers["default"] = self.keeper
        self.store._attach(self.keeper)
        self.leases, self.rows = self.store._leases, self.store._rows
        self.leases._ask, self.leases._ended, self.leases._greet = self.ask, nothing, nothing
        self.rows.owner, self.rows.version = name, lambda: next(self.names, "new")

    # What the loop, the store's thread and the executor are to the real code.

    begin = stop = is_closed = is_running = call_soon = _takes_slot = nothing
    _waiting = ()

    def create_task(self, coroutine: Any) -> Task:
        run = coroutine.cr_frame.f_locals["run"]
        run.task = Task()
        self.let_go_on(run, coroutine)
        return run.task

    def call_soon_threadsafe(self, call: Any, *args: Any) -> None:
        if call.__name__ == "take_over":
            run, found, can_run = args
            found = found._replace(until_us=0, started_us=int(found.started_us > 0))
            self.inbox.append(("take_over", run, (found, can_run)))
        elif call.__name__ == "lose":
            self.inbox.append(("lose", None, tuple(sorted(args[0]))))

    def post(self, fn: Any, *args: Any) -> None:
        fn(*args)

    def ask(self, op: Any) -> Asked:
        """Stand for `_Leases._ask`: the thread answers in a later step."""
        if not self.replaying:
            # How it ended makes no difference.
            self.queue.append((*op[:4], None) if op[0] == "finish" else op)
            if op[0] != "begin":
                next(run for run in self.objects if run.ticket == op[2]).phase = "tells"
        answer: Any = Asked("asks")
        # When a run is over, and its store has heard, `work` lets go of it.
        answer.add_done_callback = nothing
        return answer

    def do_send_job(self, job: Any, run_times: Any) -> Asked:
        if not self.replaying:
            self.walk.start(self, run_times.run)
        return Asked("calls")

    # States.

    def load(self, local: Local) -> None:
        # Those of the step before, without a trace.
        self.replaying = True
        for coroutine in self.coroutines:
            coroutine.close()
        self.replaying, self.coroutines, leases = False, [], self.leases
        self.names: Any = iter(())
        self.status, _, known, runs, self.planned, inbox, queue, aside = local
        self.objects = [self.make_run(run) for run in runs]
        objects = [*self.objects, None]
        self.inbox: list[Any] = [(what, objects[place], args) for what, place, args in inbox]
        self.queue = leases._asked = list(queue)
        leases.runs = {run.held: run for run in self.objects if run.held is not None}
        leases._beat_at = leases._look_at = 0.0
        self.store._aside = {"job": (aside, self.walk.monotonic() + 1)} if aside else {}
        leases._closing, leases._over = self.status == "closed", False
        self.rows.known = {} if known is None else {"job": (self.walk.version_of(known), known)}
        self.settings.state = z._RUNNING if self.status == "on" else z._STOPPED
        self.runs.active.clear()
        for run in self.objects:
            if run.phase in GOES_ON and not run.abandoned:
                self.runs.active.setdefault(run.key, []).append(run)
        self.runs.live.clear()
        self.runs.live.update(run for run in self.objects if run.phase)

    def make_run(self, record: Any) -> Any:
        run = z._Run(self.store, self.walk.make_job(), record.last_us, record.last_us)
        vars(run).update(record._asdict(), leases=self.leases, executor=self)
        run.task = None if record.task is None else Task(record.task)
        return run

    def save(self) -> Local:
        if self.status == "closed" and self.leases._over:
            return Local("stopped")
        held = {run: ticket for ticket, run in self.leases.runs.items()}
        heard = [run for _, run, _ in self.inbox if run is not None]
        runs = list(dict.fromkeys([*self.objects, *held, *heard]))
        runs = [run for run in runs if run in held or run in heard or run.phase]
        inbox = [(what, [*runs, None].index(run), args) for what, run, args in self.inbox]
        _, known = self.rows.known.get("job", ("", None))
        records = tuple(self.record(run, held.get(run)) for run in runs)
        # What a run asks that was cancelled is left out.
        asks = [run.ticket for run in runs if run.phase == "asks"]
        queue = tuple(op for op in self.queue if op[0] != "begin" or op[2] in asks)
        aside, _ = self.store._aside.get("job", (None, 0))
        return Local(self.status, 0, known, records, self.planned, tuple(inbox), queue, aside)

    def record(self, run: Any, held: str | None = None) -> Any:
        values = {name: getattr(run, name) for name in Run._fields}
        values.update(started_us=int(run.started_us > 0), held=held)
        if run.task is not None:
            # What it was planned with does not matter any more.
            values.update(task=run.task.cancelled, following_us=0, revision=None)
        return Run(**values)

    # Steps.

    def hear(self) -> None:
        what, run, args = self.inbox.pop(0)
        if run is None:
            self.runs.lose(args)
        else:
            self.objects += [] if run in self.objects else [run]
            getattr(self.runs, what)(run, *args)

    def drive(self, place: int, error: Any = None) -> None:
        """Lead a run's coroutine to where it waits, and let it go on from there."""
        run = self.objects[place]
        kept, state, now = dict(vars(run)), self.settings.state, self.walk.now
        run.ticket, run.handed_back, run.abandoned = run.ticket or "lost", False, False
        run.cursor_us = run.last_us if run.cursor_us is None else run.cursor_us
        self.replaying, self.settings.state = True, z._RUNNING
        self.walk.now -= 2 * LEASE if run.late else 0
        coroutine = self.runs._carry_out(run)
        coroutine.send(None)
        if run.phase == "calls":
            coroutine.send(True)
        self.replaying, self.settings.state, self.walk.now = False, state, now
        vars(run).update(kept, answer=None, late=False, task=Task())
        self.let_go_on(run, coroutine, kept["answer"], error)

    def let_go_on(self, run: Any, coroutine: Any, answer: Any = None, error: Any = None) -> None:
        self.coroutines.append(coroutine)
        try:
            run.phase = coroutine.throw(error) if error else coroutine.send(answer)
            # It lets others take their turn.
            while run.phase is None:
                run.phase = coroutine.send(None)
        except (StopIteration, asyncio.CancelledError):
            run.phase = "tells" if run.phase == "tells" else ""
            if run in self.runs.active.get(run.key, ()):
                raise Violation("slot: a run is over, and counts as running") from None

    def work(self) -> None:
        op = self.queue.pop(0)
        try:
            (answer,) = self.leases.applied([op])
        except AsksLater:
            self.queue.insert(0, op)
            return
        waits = "asks" if op[0] == "begin" else "tells"
        for run in self.objects:
            if run.ticket == op[2] and run.phase == waits == "asks":
                run.answer, run.phase = answer, "asked"
            elif run.ticket == op[2] and run.phase == waits:
                run.phase = ""
                self.runs._let_go(run)

    def plan(self) -> None:
        runs, rows = self.store._planned(self.keeper._plan)
        self.planned = (self.record(runs[0]), rows["job"][1], False) if runs else None

    def claim(self) -> None:
        record, row, _ = self.planned
        self.planned, run, is_used = None, self.make_run(record), self.keeper.is_used
        # The same names if it asks again.
        name = f"{self.name}{TIMES.index(run.cursor_us)}"
        self.names, rows = iter((name, f"{name}r")), {"job": (self.walk.version_of(row), row)}
        # It has looked before: before the shutdown, if there was one.
        self.store._planned, looks = lambda plan: ([run], rows), iter([True])
        self.keeper.is_used = lambda: next(looks, False) or is_used()
        try:
            won = list(self.store._claims(self.walk, None))
            self.inbox += [("submit", run, ()) for run in won]
        except AsksLater:
            self.planned = record, row, True
        finally:
            del self.store._planned, self.keeper.is_used

    def beat(self) -> None:
        self.leases.beat()

    def shut_down(self, wait: bool) -> None:
        self.status, self.settings.state = "stopping", z._STOPPED
        self.runs.give_up_waiting()
        if not wait:
            self.runs.cancel(())

    def close(self) -> None:
        self.status = "closed"
        self.leases.close()


class Walk:
    """All states that can be reached with one configuration; also the clock and the table."""

    place, local_clock = "walk", True

    def __init__(
        self,
        schedulers: int,
        limit: int,
        recover: bool,
        coalesce: bool,
        faults: int,
        overlap: str = "skip",
    ) -> None:
        self.limit, self.faults, self.now, self.head = limit, faults, FIRST + 1, ""
        self.lock, z.time, z._Threads = threading.RLock(), self, lambda n, name, loop, **more: loop
        for name, value in zip(_OURS.split(), ("", None, False, None, None)):
            setattr(z._Run, name, value)
        start, end = (z._from_us(moment, z._UTC) for moment in TIMES)
        trigger = z.IntervalTrigger(seconds=TICK // 1_000_000, start_at=start, end_at=end)
        self.schedule = z._Schedule(trigger, z._UTC, FIRST)
        self.options = {name: option.default for name, option in z._OPTIONS.items()}
        self.options.update(coalesce=coalesce, max_instances=limit, recover=recover, name="job")
        self.options.update(mistrigger_grace_time=None, executor="default", overlap=overlap)
        # As a job keeps them.
        self.options = {f"_{name}": value for name, value in self.options.items()}
        self.options.update(_call=(print, (), {}, False))
        self.schedulers = [Scheduler(self, name) for name in NAMES[:schedulers]]

    # What the real code asks of a clock and a table.

    def now_us(self) -> int:
        return self.now

    time_us = now_us

    def monotonic(self) -> float:
        return self.now / 1_000_000

    def sleep(self, seconds: float) -> None:
        raise AsksLater

    def fetch(self, ids: Any) -> list[Any]:
        return [("job", self.version, self.head, "the job")] if self.head else []

    expired = fetch

    def page(self, skip: int, limit: int) -> Any:
        row = row_of(self.head)
        is_due = row.next_us is not None and row.next_us <= self.now
        return self.fetch(()) if is_due else [], None if is_due else row.next_us, row.until_us()

    def change(self, changes: list[Any]) -> list[bool]:
        ((_, version, _, _, _, head, _),) = changes
        is_right = version == (self.version if self.head else "")
        if is_right:
            self.head, self.version = head, "new"
        if self.loses:
            self.loses = False
            raise ConnectionError("it broke after the store did what it was asked")
        return [is_right]

    # What happens in a step.

    def make_job(self) -> Any:
        return z.Job("job", "default", self.schedule, self.options)

    def version_of(self, row: Any) -> str:
        return "now" if row == row_of(self.head) else "old"

    def tell(self, due_us: int, value: Any = None, error: Any = None, *attempt: Any) -> None:
        if not isinstance(error, (type(None), asyncio.CancelledError, z.RunInterruptedError)):
            self.wrong = f"the call raises {error!r}"
        if due_us in TIMES:
            self.told[TIMES.index(due_us)] = True

    def start(self, scheduler: Scheduler, run: Any) -> None:
        """The function of a run is called."""
        at = TIMES.index(run.cursor_us)
        # Raised here, it would be taken for the job's error.
        if self.started[at]:
            self.wrong = f"once: time {at + 1} is started twice"
        if scheduler.status != "on":
            self.wrong = "stop: a run was begun after the shutdown"
        self.started[at] = True

    def act(self, state: State, number: int, verb: str, *args: Any, loses: bool = False) -> Any:
        """Let a scheduler take a step; None where it loses no answer, though it should."""
        scheduler, self.now, self.head, self.version = (self.schedulers[number], *state[:2], "now")
        self.told, self.started = list(state.told), list(state.started)
        self.wrong, self.loses = "", loses
        try:
            scheduler.load(state.locals[number])
            getattr(scheduler, verb)(*args)
        except Exception as error:
            self.wrong = f"the step raises {type(error).__name__}: {error}"
        if self.head != state.head and not self.wrong:
            self.check_change(scheduler.name, row_of(state.head), row_of(self.head))
        if self.wrong:
            raise Violation(self.wrong)
        after, faults = state.with_local(number, scheduler.save()), state.faults - loses
        told, started = tuple(self.told), tuple(self.started)
        after = after._replace(head=self.head, told=told, started=started, faults=faults)
        return None if self.loses else after

    def tick(self, state: State) -> State | None:
        """Let half a lease go by; who does not stall renews its leases."""
        # Whose thread takes that long for what it has to do, or to ask again, stalls.
        if any((one.planned or one.queue) and not one.stalled for one in state.locals):
            return None
        state = state._replace(now=state.now + TICK)
        for number, was in enumerate(state.locals):
            local = was._replace(aside=None)
            state = state.with_local(number, local)
            if local.stalled:
                later = local._replace(stalled=max(1, local.stalled - 1))
                state = state.with_local(number, later)
            elif any(run.held is not None for run in local.runs):
                state = self.act(state, number, "beat")
        return state

    # What can happen.

    def choices(self, state: State, number: int) -> Any:
        """Yield the steps that a scheduler may take: seen by no other, in words, what does it."""
        local, row = state.locals[number], row_of(state.head)
        # First, what no other scheduler sees.
        if local.inbox:
            yield True, "hears what it won, lost or took over", "hear"
        for place, run in enumerate(local.runs):
            if run.task and run.phase in GOES_ON:
                yield True, "ends a cancelled task", "drive", place, asyncio.CancelledError
            elif run.phase == "asked":
                yield True, "hears the answer, and goes on with its run", "drive", place
        is_busy = local.inbox or local.planned or any(run.phase for run in local.runs)
        if local.status == "stopping" and not is_busy:
            yield True, "closes", "close"
        # The thread of one that is to ask again is not free.
        if local.queue and not asks_again(local):
            yield False, "does in the store what a run asks", "work"
        for place, run in enumerate(local.runs):
            if run.phase == "calls" and not run.task:
                yield False, "returns from a call", "drive", place
        is_due = row.next_us is not None and row.next_us <= state.now
        left = any(ticket.until_us < state.now for ticket in row.runs.values())
        if local.planned is not None:
            yield False, "claims", "claim"
        elif local.status == "on" and (is_due or left):
            yield False, "reads what is due", "plan"
        held = [row.runs.get(run.held) for run in local.runs if run.held is not None]
        if any(ticket is None or ticket.owner != NAMES[number] for ticket in held):
            yield False, "beats", "beat"

    def moves(self, state: State) -> Any:
        """Return all that can happen: in words, and a function that does it."""
        moves: list[Any] = []
        for number, local in enumerate(state.locals):
            # Of two that are alike, one is enough.
            if local.status in ("dead", "stopped") or local in state.locals[:number]:
                continue
            steps = [] if local.stalled else list(self.choices(state, number))
            # What nobody else sees may as well be done now: nothing of others comes in between.
            at_home = [step for step in steps if step[0]]
            moves = [] if at_home else moves
            for _, words, verb, *args in at_home or steps:
                act = partial(self.act, state, number, verb, *args)
                moves.append((f"{NAMES[number]} {words}", act))
                if state.faults and verb in ("claim", "work"):
                    lost = f"{NAMES[number]} {words}, and the answer is lost"
                    moves.append((lost, partial(act, loses=True)))
            if local.stalled == 1:
                wake_up = partial(state.with_local, number, woken(local))
                moves.append((f"{NAMES[number]} wakes up", wake_up))
            # What happens to one that has nothing in hand makes no difference.
            if state.faults and (local.runs or local.planned or local.queue):
                moves += self.faults_of(number, local, state._replace(faults=state.faults - 1))
            if at_home:
                return moves
        return [*moves, ("half a lease goes by", partial(self.tick, state))]

    def faults_of(self, number: int, local: Local, fewer: State) -> Any:
        """Yield what can happen to a scheduler."""
        yield f"{NAMES[number]} dies", partial(fewer.with_local, number, Local("dead"))
        if not local.stalled:
            # Shorter than its lease, a stall is only a step that others take first.
            stalled = local._replace(stalled=LEASE // TICK + 2)
            words = f"{NAMES[number]} stalls for more than a lease"
            yield words, partial(fewer.with_local, number, stalled)
            for wait in (True, False) if local.status == "on" else ():
                words = f"{NAMES[number]} is shut down, wait={wait}"
                yield words, partial(self.act, fewer, number, "shut_down", wait)

    # What must hold.

    def check_change(self, owner: str, before: Any, after: Any) -> None:
        """Raise Violation for a change of the row that must not be; note what it means."""
        for name, was in before.runs.items():
            ticket = after.runs.get(name)
            is_taken = ticket is not None and ticket.owner == owner and was.until_us < self.now
            if was.owner != owner and ticket != was and not is_taken:
                raise Violation("lease: the run of another is touched")
            # Given up by its owner, or taken when its lease had ended.
            if ticket and ticket.recover and (was.owner != ticket.owner or not ticket.until_us):
                for at in times_of(ticket):
                    self.started[at] = False
        if after.revision in ("", before.revision):
            return
        new = [ticket for name, ticket in after.runs.items() if name not in before.runs]
        # Whose lease has run out may be alive; what was given back is not.
        running = sum(ticket.until_us != 0 for ticket in before.runs.values())
        if not new and self.options["_overlap"] == "queue":
            raise Violation("queue: a time is skipped")
        if not new and running < self.limit:
            raise Violation(f"limit: a time is skipped, while {running} run")
        claimed = [at for ticket in new for at in times_of(ticket)]
        for at, due_us in enumerate(TIMES):
            if before.next_us <= due_us < (after.next_us or LAST + 1) and at not in claimed:
                self.told[at] = True

    def check(self, state: State) -> None:
        """Raise Violation where a promise is broken."""
        row, running = row_of(state.head), 0
        known = {at for ticket in row.runs.values() for at in times_of(ticket)}
        for at, due_us in enumerate(TIMES):
            is_ahead = row.next_us is not None and row.next_us <= due_us
            if not (state.told[at] or is_ahead or at in known):
                raise Violation(f"lost: nobody knows of time {at + 1}")
        for name, ticket in row.runs.items():
            local = state.locals[NAMES.index(ticket.owner)]
            if ticket.until_us < state.now or local.status == "dead":
                continue
            if local.status == "stopped":
                raise Violation("stop: a lease is left after an orderly stop")
            places = [place for _, place, _ in local.inbox]
            ends = asks_again(local) or any(op[2] == name for op in local.queue)
            for place, run in enumerate(local.runs):
                if name in (run.ticket, run.held):
                    running += run.phase == "calls" and run.held is not None
                    ends = ends or run.phase or place in places
            if not ends:
                raise Violation("slot: a lease is held for a run that nobody will end")
        if running > self.limit:
            raise Violation(f"limit: {running} run at once")
        if self.options["_overlap"] == "queue":
            self.check_queue(state, row)

    def check_queue(self, state: State, row: Any) -> None:
        """Raise Violation if there is a slot, and a scheduler that looks does not claim it."""
        leases = [ticket.until_us for ticket in row.runs.values()]
        is_due = row.next_us is not None and row.next_us <= state.now
        # A run that was left is taken first.
        if not is_due or len(leases) >= self.limit or min(leases, default=state.now) < state.now:
            return
        for number, local in enumerate(state.locals):
            here = sum(run.phase in GOES_ON and not run.abandoned for run in local.runs)
            waits = local.stalled or local.planned or local.aside == row.revision
            if local.status == "on" and not waits and here < self.limit:
                after = self.act(state, number, "plan")
                if after.locals[number].planned:
                    after = self.act(after, number, "claim")
                if len(row_of(after.head).runs) == len(leases):
                    raise Violation("queue: there is a slot, and it is not claimed")

    # Going through all states.

    def key(self, state: State) -> str:
        """Return what is the same for all states that are alike."""
        found, row = [], row_of(state.head)
        for name, local in zip(NAMES, state.locals):
            # Of an older row, nothing that was remembered counts: the table compares versions.
            record, seen, again = local.planned or (None, row, False)
            planned = (record if again or seen == row else "stale"), seen == row, again
            same = {"known": local.known == row, "aside": local.aside == row.revision}
            nameless, text = texts_of(local._replace(planned=planned, **same))
            found.append((nameless, name, text))
        found.sort()
        order = "".join(name for _, name, _ in found)
        text = "".join([text for _, _, text in found]) + timeless(state.head, state.now)
        text += repr((state.now > LAST, *state[3:]))
        return text.translate(str.maketrans(order, NAMES[: len(order)]))

    def get_done(self, state: State, done: set[str]) -> None:
        """Let the one scheduler that works get all done; raise Violation if it does not."""
        path: dict[str, str] = {}
        while self.key(state) not in done:
            key = self.key(state)
            try:
                if key in path:
                    raise Violation("rest: the one scheduler that is left does not get all done")
                self.check(state)
                path[key] = "has all done"
                if not state.head and not any(local.runs for local in state.locals):
                    break
                for path[key], move in self.moves(state):
                    following = move() or state
                    if self.key(following) != key:
                        break
                state = following
            except Violation as violation:
                lines = [f"    {words}" for words in ("all others die", *path.values())]
                raise Violation("\n".join([str(violation), *lines])) from violation
        done.update(path)

    def go(self) -> tuple[int, int, str]:
        """Visit all states; return how many there are, how many steps, and what is wrong."""
        row = z._Row("first", FIRST, False, "the job", None, {})
        self.schedulers[0].names = iter(())
        head = self.schedulers[0].rows._change_of("job", "", None, row)[5]
        locals_, none = (Local(),) * len(self.schedulers), (False,) * len(TIMES)
        first = State(FIRST + 1, head, locals_, none, none, self.faults)
        # How each state was reached, by its key: from which, and what happened.
        came: dict[str, Any] = {self.key(first): None}
        todo, done, edges = deque([first]), set(), 0
        while todo:
            state, words = todo.popleft(), ""
            key = self.key(state)
            try:
                self.check(state)
                for number, local in enumerate(state.locals):
                    if local.status == "on":
                        left = [one if one.status == "stopped" else DEAD for one in state.locals]
                        left[number] = woken(local)
                        self.get_done(state._replace(locals=tuple(left), faults=0), done)
                for words, move in self.moves(state):
                    after = move()
                    if after is not None:
                        edges += 1
                        new = self.key(after)
                        if new not in came:
                            came[new] = key, words
                            todo.append(after)
            except Violation as violation:
                steps = [words] if words else []
                while came[key] is not None:
                    key, words = came[key]
                    steps.insert(0, words)
                what, _, alone = str(violation).partition("\n")
                lines = [what, *(f"    {step}" for step in steps), *([alone] if alone else ())]
                return len(came), edges, "\n".join(lines)
        return len(came), edges, ""


DEAD = Local("dead")


def asks_again(local: Local) -> bool:
    """Return whether the thread of a scheduler has lost the answer to a claim."""
    return local.planned is not None and local.planned[2]


def woken(local: Local) -> Local:
    if not local.stalled:
        return local
    runs = [run._replace(late=run.phase in ("asks", "asked")) for run in local.runs]
    return local._replace(stalled=0, runs=tuple(runs))


def times_of(ticket: Any) -> list[int]:
    return [at for at, due_us in enumerate(TIMES) if ticket.at_us <= due_us <= ticket.last_us]


@functools.lru_cache(None)
def row_of(head: str) -> Any:
    """Return the row, one without runs where there is none."""
    none = z._Row("", None, True, "", None, {})
    return z._row_of(("job", "now", head, "the job")) if head else none


@functools.lru_cache(None)
def texts_of(local: Local) -> tuple[str, str]:
    """Return what tells this scheduler from others, without names, and with them."""
    text = repr(local)
    return text.translate(str.maketrans(NAMES, "___")), text


@functools.lru_cache(None)
def timeless(head: str, now: int) -> str:
    """Return a row as text, with what is left of its leases."""
    row, runs = row_of(head), {}
    for name, ticket in row.runs.items():
        left: Any = max(-1, ticket.until_us - now) if ticket.until_us else "given back"
        runs[name] = ticket._replace(until_us=left, started_us=int(ticket.started_us > 0))
    return repr(row._replace(runs=runs))


# Bugs that must be found. Each stands for a function, which it gets first, then what that gets.


def take_anew(right: Any, row: Any, *rest: Any) -> Any:
    answer, after = right(row, *rest)
    if answer and after is not row:
        after = after.with_run(rest[2], after.runs[rest[2]]._replace(started_us=0))
    return answer, after


def look_early(right: Any, leases: Any, expired: bool) -> None:
    z.time.now += 2 * LEASE
    right(leases, True)
    z.time.now -= 2 * LEASE


def answer_only(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest)[0], row


def begin_unowned(right: Any, row: Any, *rest: Any) -> Any:
    return (True, row) if row and rest[2] in row.runs else right(row, *rest)


def renew_unowned(right: Any, row: Any, *rest: Any) -> Any:
    held = row and row.runs.get(rest[2])
    return right(row, *rest[:3], held.owner if held else "")


def claim_stale(right: Any, row: Any, now: int, lease: int, old: Any, *rest: Any) -> Any:
    return right(row, now, lease, row.revision, *rest)


def claim_beyond(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest[:5], 99, *rest[6:])


def claim_once(right: Any, row: Any, *rest: Any) -> Any:
    return (-1, row) if rest[6] in row.runs else right(row, *rest)


def claim_skipping(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest[:8])


def claim_alone(right: Any, row: Any, *rest: Any) -> Any:
    return (-3, row) if rest[8] and row and rest[5] > len(row.runs) > 0 else right(row, *rest)


PLANTS = (
    ("a begin needs no ticket", "once", "_VERBS begin", begin_unowned),
    ("the lease of another is renewed", "lease", "_VERBS renew", renew_unowned),
    ("a run is taken too early", "lease", "_Leases look", look_early),
    ("what was taken starts again", "once", "_VERBS take", take_anew),
    ("a claim by an old revision", "once", "_VERBS claim", claim_stale),
    ("a claim beyond the limit", "limit", "_VERBS claim", claim_beyond),
    ("a claim skips what is queued", "queue", "_VERBS claim", claim_skipping),
    ("a claim queues below the limit", "queue", "_VERBS claim", claim_alone),
    ("a claim is not asked for again", "slot", "_VERBS claim", claim_once),
    ("what was given back counts", "limit", "_Row is_full", lambda _, row, n: len(row.runs) >= n),
    ("a finish keeps the ticket", "slot", "_VERBS finish", answer_only),
    ("a release keeps the lease", "slot", "_VERBS release", answer_only),
    ("a shutdown keeps a claim", "slot", "_Leases give_back", nothing),
)


def load(where: str = "", plant: Any = None) -> None:
    """Import the module to be walked through, anew, and plant a bug."""
    global z  # noqa: PLW0603
    path = Path(__file__).resolve().parent.parent / "asyncz.py"
    spec: Any = importlib.util.spec_from_file_location("asyncz_walked", path)
    z = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(z)
    row_of.cache_clear()
    timeless.cache_clear()
    if where:
        place, name = where.split()
        if place == "_VERBS":
            z._VERBS[name] = partial(plant, z._VERBS[name])
        else:
            right = getattr(getattr(z, place), name)
            setattr(getattr(z, place), name, lambda *args: plant(right, *args))


def walk_all(deep: bool, promise: str = "") -> str:
    """Walk through all; return what is wrong, with the steps that lead there.

    promise: what a planted bug breaks; nothing is printed then.
    """
    ways = list(itertools.product((False, True), (True, False)))
    found = [(2, 1, *way, 1) for way in ways]
    found += [(n, 4 - n, *way, 1) for n in (2, 3) for way in ways[:: 2 * n - 3]]
    if deep:
        found = [(n, limit, *way, 4 - n) for n in (2, 3) for limit in (1, 2) for way in ways]
    # Two runs are not at the limit of two, where a slot is always free.
    queued = (2, 1, False, True, 1), (2, 1, True, True, 1), (2, 2, False, True, 0)
    # What breaks a promise of queues does so nowhere else.
    skipped = [] if promise == "queue" else found
    found = [*skipped, *((*config, "queue") for config in queued)]
    sums = [0, 0]
    for config in found:
        states, edges, wrong = Walk(*config).go()
        sums = [sums[0] + states, sums[1] + edges]
        if not promise:
            text = (
                "{} schedulers, max_instances {}, recover {!s:5}, coalesce {!s:5}, faults {}, {}:"
            )
            counts = f"{states:7} states, {edges:7} edges, {time.process_time():6.1f} s"
            print(text.format(*config, "skip"), counts, flush=True)
        if wrong:
            return wrong
    if not promise:
        print(f"{sums[0]} states, {sums[1]} edges, 0 violations")
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deep", action="store_true", help="walk further, for many minutes")
    parser.add_argument("--self-test", action="store_true", help="find planted bugs")
    options = parser.parse_args()
    if not options.self_test:
        load()
        wrong = walk_all(options.deep)
        print(f"VIOLATION of {wrong}\n" if wrong else "", end="")
        return bool(wrong)
    missed = 0
    for name, promise, where, plant in PLANTS:
        load(where, plant)
        found = walk_all(False, promise).partition("\n")[0]
        right = found.startswith(promise)
        missed += not right
        print("found:    " if right else "NOT FOUND:", f"{name} ({found})", flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
