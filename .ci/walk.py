"""Walk through all that schedulers which share a store can do to each other, in the real code.

One job with two run times lies in a store. At each step one of two or three schedulers takes its
next step, is killed, stalls for longer than its lease, loses an answer of the store or is shut
down, or the clock ticks. Every state that can be reached so is visited once, breadth first: the
trace that is printed for a broken promise is a shortest one. In every state it must hold that

    once     no time is started twice; with `recover`, only after another took over the run
    lease    nobody touches the run of another before its lease has ended
    lost     each time is ahead, or in a run that the store knows, or was told of, or was skipped
    limit    not more than `max_instances` run, and nothing is skipped while fewer do
    slot     a run that holds a lease is known to a scheduler that will end it
    stop     a shut down scheduler begins nothing, and when it has stopped, has no lease
    rest     with all other schedulers dead, the one that is left gets everything done

Real are the verbs, `_Rows`, `_Leases`, `_SharedStore`, the keeper's plan, and `_Runs`. What is
around them is not: the table is a string, the clock stands still but for ticks of half a lease, and
`Scheduler` stands for the event loop, the store's thread and the executor: what these would do by
themselves is a step each (`STEPS`). A coroutine can't be copied: that of a run is made anew before
each of its steps, and led back to where it was waiting. Who lost an answer asks again in a step of
its own. States are equal if they differ only in names, in the order of schedulers, or in how long
ago something is that is over.

Not walked: threads and their queues, slots of executors, errors of jobs, times that are missed,
changes of the job, a scheduler that starts again (that is another one), a clock that jumps, leases
that could not be renewed (that is a stall).

    python .ci/walk.py                 what CI walks
    python .ci/walk.py --deep          three schedulers everywhere, and more faults: minutes
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
import time
import types
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

TICK, LEASE = 30_000_000, 60_000_000  # microseconds
TIMES = FIRST, LAST = 1_767_225_600_000_000, 1_767_225_630_000_000  # when the job is to run
NAMES = "ABC"  # of schedulers; in what is kept of a state, no other text has these letters

z: Any = None  # the module asyncz


class Violation(Exception):
    """A promise does not hold."""


class AnswerLost(Exception):
    """The connection broke after the store did what it was asked."""


class AsksLater(BaseException):
    """Whoever lost an answer waits before it asks again: meanwhile, others take their steps."""


class Config(NamedTuple):
    schedulers: int
    limit: int
    recover: bool
    coalesce: bool
    faults: int

    def __str__(self) -> str:
        recover = "recover" if self.recover else "report "
        coalesce = "coalesce" if self.coalesce else "backlog "
        limit = f"max_instances {self.limit}, {recover}, {coalesce}"
        return f"{self.schedulers} schedulers, {limit}, {self.faults} faults"


class Run(NamedTuple):
    """What one scheduler knows of a run: attributes of `_Run`, and, after these, our own."""

    ticket: str | None
    cursor_us: int | None
    last_us: int
    following_us: int | None
    revision: str | None
    handed_back: bool
    abandoned: bool
    at_limit: bool
    started_us: int  # 1: has been called
    phase: str  # "": not handed on; "asks", "asked", "calls"; "tells": only its store has to hear
    answer: Any  # where it has asked
    late: bool  # it asked longer ago than a lease
    task: bool | None  # whether that is to be cancelled; None: there is none
    held: str | None  # the ticket whose lease is kept for it


class Local(NamedTuple):
    """One scheduler."""

    status: str = "on"  # "on", "stopping", "closed" (with leases still kept), "stopped", "dead"
    stalled: int = 0  # how many ticks more it stalls, and 1: it may wake up
    known: str = ""  # the row that it has written last
    runs: tuple[Run, ...] = ()
    planned: Any = None  # what is to be claimed: a run, the row it was in, whether it asks again
    inbox: tuple[Any, ...] = ()  # what the loop is going to call; for runs their places
    queue: tuple[Any, ...] = ()  # what the store's thread is asked to do

    def is_unheard(self) -> bool:
        """Return whether its thread has lost the answer to a claim, and asks again."""
        return self.planned is not None and self.planned[2]


class State(NamedTuple):
    now: int
    row: str  # "": there is none any more
    locals: tuple[Local, ...]
    told: tuple[bool, ...]  # which times were told of, or skipped
    started: tuple[bool, ...]  # which may not be started any more
    faults: int  # how many more there may be

    def with_local(self, number: int, local: Local) -> State:
        changed = (*self.locals[:number], local, *self.locals[number + 1 :])
        return self._replace(locals=changed)


@functools.lru_cache(maxsize=None)
def row_of(head: str) -> Any:
    """Return the row, one without runs where there is none."""
    if not head:
        return z._Row("", None, True, "", None, {})
    return z._row_of(("job", "now", head, "the job"))


class Asked:
    """What a coroutine waits for: an answer of the store, or the end of a call."""

    def __init__(self, what: str, is_over: bool = False) -> None:
        self.what, self.is_over = what, is_over

    def __await__(self) -> Any:
        return None if self.is_over else (yield self.what)

    def add_done_callback(self, call: Any) -> None:
        if self.is_over:
            call(self)


class Task:
    """A task of the event loop: all that is asked of it is to end."""

    def __init__(self, cancelled: bool = False) -> None:
        self.cancelled = cancelled

    def cancel(self) -> None:
        self.cancelled = True


class Scheduler:
    """The real objects of one scheduler, that are given the state of a `Local` for one step."""

    def __init__(self, walk: Walk, name: str) -> None:
        self.walk, self.name = walk, name
        engine = self.engine = z._Engine(None, walk.clock)
        self.settings, self.runs, self.registry = engine.settings, engine.runs, engine.registry
        self.settings.log = lambda *args, **more: None
        self.settings.executors["default"] = self
        self.settings.listeners.mask = z.JOB_EXECUTED
        self.runs.tell = lambda code, job, due_us, *rest: walk.tell(due_us)
        self.settings.loop = self
        self.store = z._SharedStore(walk.table, "walk", None, None, LEASE // 1_000_000, 1)
        self.store._codec = types.SimpleNamespace(decode=lambda job_id, text: walk.make_job())
        self.keeper = z._Keeper(self.settings, self.registry, self.runs, "default", self.store)
        self.store._attach(self.keeper)
        self.leases, self.rows = self.store._leases, self.store._rows
        self.leases._ask, self.leases._greeted = self.ask, True
        self.rows.owner, self.rows.version = name, lambda: next(self.names, "new")
        self.replaying = self.leaving = False
        self.names: Any = iter(())

    # What a loop, a thread and an executor are to the real code.

    def create_task(self, coroutine: Any) -> Task:
        run = coroutine.cr_frame.f_locals["run"]
        run.task = Task()
        self.go_on_with(run, coroutine)
        return run.task

    def call_soon_threadsafe(self, call: Any, *args: Any) -> None:
        if call.__name__ == "take_over":
            run, found, can_run = args
            found = found._replace(until_us=0, started_us=int(found.started_us > 0))
            self.inbox.append(("take_over", run, found, can_run))
        elif call.__name__ == "lose":
            self.inbox.append(("lose", tuple(sorted(args[0]))))

    def is_closed(self) -> bool:
        return False

    def begin(self) -> None:
        pass

    stop = begin

    def post(self, fn: Any, *args: Any) -> None:
        fn(*args)

    def ask(self, op: Any) -> Asked:
        """Stand for `_Leases._ask`: the thread answers in a later step."""
        gone = self.leaving or self.leases._over
        if not gone and not self.replaying:
            # How it ended makes no difference.
            self.queue.append((*op[:4], None) if op[0] == "finish" else op)
            if op[0] != "begin":
                next(run for run in self.objects if run.ticket == op[2]).phase = "tells"
        return Asked(op[0], gone)

    _waiting = ()

    def _takes_slot(self, run: Any) -> bool:
        return False

    def do_send_job(self, job: Any, run_times: Any) -> Asked:
        if not self.replaying:
            self.walk.start(self, run_times.run)
        return Asked("call")

    # States.

    def load(self, local: Local) -> None:
        settings, leases, walk = self.settings, self.leases, self.walk
        self.names, self.status, self.known = iter(()), local.status, local.known
        self.planned = local.planned
        self.coroutines: list[Any] = []
        self.objects = [self.make_run(run) for run in local.runs]
        self.queue = list(local.queue)
        self.inbox = [
            (what, *args) if what == "lose" else (what, self.objects[args[0]], *args[1:])
            for what, *args in local.inbox
        ]
        self.store._leases, self.store._keeper, self.store._thread = leases, self.keeper, self
        leases.runs = {run.held: run for run in self.objects if run.held is not None}
        leases._beat_at = leases._look_at = 0.0
        leases._closing, leases._over, leases._asked = local.status == "closed", False, self.queue
        known = {"job": (walk.version_of(local.known), row_of(local.known))}
        self.rows.known = known if local.known else {}
        settings.state = z._RUNNING if local.status == "on" else z._STOPPED
        settings.listeners.context = contextvars.copy_context()
        closed = local.status == "closed"
        settings.loop = None if closed else self
        self.registry.keepers = {} if closed else {"default": self.keeper}
        active = [run for run in self.objects if run.phase in GOES_ON and not run.abandoned]
        self.registry.active.clear()
        if active:
            self.registry.active["default", "job"] = active
        self.runs.live = {run for run in self.objects if run.phase}

    def make_run(self, run: Run) -> Any:
        made = z._Run(self.store, self.walk.make_job(), run.last_us, run.last_us)
        vars(made).update(zip(Run._fields, run))
        made.task = None if run.task is None else Task(run.task)
        made.leases, made.executor = self.leases, self
        return made

    def save(self) -> Local:
        if self.status == "closed" and self.leases._over:
            return Local("stopped")
        held = {run: ticket for ticket, run in self.leases.runs.items()}
        told_of = [run for what, run, *_ in self.inbox if what != "lose"]
        runs = list(dict.fromkeys([*self.objects, *held, *told_of]))
        runs = [run for run in runs if run in held or run in told_of or run.phase]
        inbox = [
            (what, first, *rest) if what == "lose" else (what, runs.index(first), *rest)
            for what, first, *rest in self.inbox
        ]
        known = self.rows.known.get("job", ("none", None))[0]
        known = {"none": "", "new": self.walk.written}.get(known, self.known)
        records = tuple(self.record(run, held.get(run)) for run in runs)
        return Local(self.status, 0, known, records, self.planned, tuple(inbox), tuple(self.queue))

    def record(self, run: Any, held: str | None = None) -> Run:
        values = {name: getattr(run, name) for name in Run._fields}
        values.update(started_us=int(run.started_us > 0), held=held)
        if run.phase:
            # Nobody asks for these any more.
            values.update(following_us=0, revision=None)
        if run.task is not None:
            values["task"] = run.task.cancelled
        return Run(**values)

    def leave(self) -> None:
        """Let go of coroutines that wait, without a trace."""
        self.leaving = True
        for coroutine in self.coroutines:
            coroutine.close()
        self.leaving = False

    # Steps.

    def go_on_with(self, run: Any, coroutine: Any, answer: Any = None, error: Any = None) -> None:
        """Let the coroutine of a run go on, until it waits again."""
        self.coroutines.append(coroutine)
        try:
            waits = coroutine.throw(error) if error else coroutine.send(answer)
            # It lets others take their turn.
            while waits is None:
                waits = coroutine.send(None)
            run.phase = {"call": "calls", "begin": "asks"}[waits]
        except (StopIteration, asyncio.CancelledError):
            if run.phase != "tells":
                run.phase = ""
            if run in self.runs.active.get(run.key, ()):
                raise Violation("slot: a run is over, and counts as running") from None

    def drive(self, run: Any, answer: Any = None, error: Any = None) -> None:
        """Lead a run's coroutine to where it waits, and let it go on from there."""
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
        self.go_on_with(run, coroutine, answer, error)

    def plan(self) -> None:
        runs, _ = self.store._planned(self.keeper._plan)
        self.planned = (self.record(runs[0]), self.walk.row, False) if runs else None

    def claim(self) -> None:
        record, row, _ = self.planned
        self.planned, run = None, self.make_run(record)
        place, is_used = TIMES.index(run.cursor_us), self.keeper.is_used
        # The same names if it asks again.
        self.names = iter((f"{self.name}{place}", f"{self.name}{place}r"))
        rows = {"job": (self.walk.version_of(row), row_of(row))}
        self.store._planned = lambda plan: ([run], rows)
        # It has looked before: before the shutdown, if there was one.
        looks = iter([lambda: True])
        self.keeper.is_used = lambda: next(looks, is_used)()
        try:
            won = list(self.store._claims(self.keeper.clock, self.keeper._plan))
            self.inbox += [("dispatch", run) for run in won]
        except AsksLater:
            self.planned = record, row, True
        finally:
            del self.store._planned, self.keeper.is_used

    def hear(self) -> None:
        what, *args = self.inbox.pop(0)
        if what != "lose" and args[0] not in self.objects:
            self.objects.append(args[0])
        getattr(self.runs, what)(*args)

    def work(self) -> None:
        op = self.queue.pop(0)
        try:
            answer = self.leases.applied([op])[0]
        except AsksLater:
            self.queue.insert(0, op)
            return
        phase = "asks" if op[0] == "begin" else "tells"
        for run in [run for run in self.objects if (run.ticket, run.phase) == (op[2], phase)]:
            run.answer, run.phase = (answer, "asked") if phase == "asks" else (None, "")
            if phase == "tells":
                self.runs._let_go(run)

    def go_on(self, place: int) -> None:
        self.drive(self.objects[place], self.objects[place].answer)

    def end(self, place: int) -> None:
        self.drive(self.objects[place])

    def cancel(self, place: int) -> None:
        self.drive(self.objects[place], error=asyncio.CancelledError())

    def beat(self) -> None:
        self.leases.beat()

    def shut_down(self, wait: bool) -> None:
        self.status, self.settings.state = "stopping", z._STOPPED
        self.runs.give_up_waiting()
        if not wait:
            self.runs.cancel(())

    def close(self) -> None:
        self.status = "closed"
        self.store._detach()
        self.engine.reset()


GOES_ON = ("asks", "asked", "calls")
# The steps of a scheduler, in words; those of the first line are seen by no other.
AT_HOME = {
    "hear": "hears what it won, lost or took over",
    "cancel": "ends a cancelled task",
    "go_on": "hears the answer, and goes on with its run",
    "close": "closes",
}
STEPS = {
    **AT_HOME,
    "work": "does in the store what a run asks",
    "end": "returns from a call",
    "plan": "reads what is due",
    "claim": "claims",
    "beat": "beats",
}


class Walk:
    """All states that can be reached with one configuration; also the clock and the table."""

    def __init__(self, config: Config) -> None:
        self.config, self.row, self.now, self.loses, self.written = config, "", FIRST + 1, False, ""
        z.time, z._Threads = self, lambda limit, name, loop, **more: loop
        for name, value in zip(("phase", "answer", "late", "held"), ("", None, False, None)):
            setattr(z._Run, name, value)
        self.clock = z._Clock()
        vars(self.clock).update(now_us=lambda: self.now, monotonic=self.monotonic)
        start, end = (z._from_us(moment, z._UTC) for moment in TIMES)
        trigger = z.IntervalTrigger(seconds=TICK // 1_000_000, start_at=start, end_at=end)
        self.schedule = z._Schedule(trigger, z._UTC, FIRST)
        self.options = {name: option.default for name, option in z._OPTIONS.items()}
        self.options.update(coalesce=config.coalesce, max_instances=config.limit)
        self.options.update(recover=config.recover, mistrigger_grace_time=None)
        self.options.update(name="job", executor="default", _call=(print, (), {}, False))
        self.table = self.make_table()
        self.schedulers = [Scheduler(self, name) for name in NAMES[: config.schedulers]]

    # What stands in for the world.

    def monotonic(self) -> float:
        return self.now / 1_000_000

    def time_ns(self) -> int:
        return self.now * 1000

    def sleep(self, seconds: float) -> None:
        raise AsksLater

    def make_job(self) -> Any:
        return z.Job("job", "default", self.schedule, self.options)

    def version_of(self, row: str) -> str:
        return "now" if row == self.row else "old"

    def make_table(walk) -> Any:  # noqa: N805
        class Table(z._Table):  # type: ignore[misc, name-defined]
            """The one row, in memory."""

            def page(self, skip: int, limit: int) -> Any:
                row = row_of(walk.row)
                due = row.next_us is not None and row.next_us <= walk.now
                return self.all() if due else [], None if due else row.next_us, row.until_us()

            def fetch(self, ids: list[str]) -> list[Any]:
                return self.all()

            def all(self) -> list[Any]:
                return [("job", walk.version, walk.row, "the job")] if walk.row else []

            def expired(self, limit: int) -> list[Any]:
                return self.all() if has_expired(row_of(walk.row), walk.now) else []

            def change(self, changes: list[Any]) -> list[bool]:
                ((_, version, _, _, _, head, _),) = changes
                right = version == (walk.version if walk.row else "")
                if right:
                    walk.row, walk.version = head, "new"
                if walk.loses:
                    walk.loses = False
                    raise AnswerLost
                if right:
                    walk.written = head
                return [right]

            def clear(self) -> None:
                walk.row = ""

        return Table("walk")

    def tell(self, due_us: int) -> None:
        if due_us in TIMES:
            self.told[TIMES.index(due_us)] = True

    def start(self, scheduler: Scheduler, run: Any) -> None:
        """The function of a run is called."""
        at = TIMES.index(run.cursor_us)
        # Raised here, it would be taken for the job's error.
        if scheduler.status != "on":
            self.wrong = "stop: a run was begun after the shutdown"
        if self.started[at]:
            self.wrong = f"once: time {at + 1} is started twice"
        self.started[at] = True

    # What can happen.

    def choices(self, state: State, number: int) -> Any:
        """Yield the steps that a scheduler may take, those first by which it gets on."""
        local, row = state.locals[number], row_of(state.row)
        if local.inbox:
            yield "hear", ()
        for place, run in enumerate(local.runs):
            if run.task and run.phase in GOES_ON:
                yield "cancel", (place,)
            elif run.phase == "asked":
                yield "go_on", (place,)
        # The thread of one that is to ask again is not free.
        if local.queue and not local.is_unheard():
            yield "work", ()
        for place, run in enumerate(local.runs):
            if run.phase == "calls" and not run.task:
                yield "end", (place,)
        is_due = row.next_us is not None and row.next_us <= state.now
        if local.planned is not None:
            yield "claim", ()
        elif local.status == "on" and (is_due or has_expired(row, state.now)):
            yield "plan", ()
        held = [row.runs.get(run.held) for run in local.runs if run.held is not None]
        if any(ticket is None or ticket.owner != NAMES[number] for ticket in held):
            yield "beat", ()
        is_busy = local.inbox or local.planned or any(run.phase for run in local.runs)
        if local.status == "stopping" and not is_busy:
            yield "close", ()

    def moves(self, state: State) -> Any:
        """Yield all that can happen: who (-1: the clock), what, and a function that does it."""
        moves: list[Any] = []
        for number, local in enumerate(state.locals):
            # Of two that are alike, one is enough.
            if local.status in ("dead", "stopped") or local in state.locals[:number]:
                continue
            steps = [] if local.stalled else list(self.choices(state, number))
            at_home = [step for step in steps if step[0] in AT_HOME]
            mine: list[Any] = []
            for verb, args in at_home or steps:
                act = partial(self.act, state, number, verb, *args)
                mine.append((number, STEPS[verb], act))
                if state.faults and verb in ("claim", "work"):
                    words = f"{STEPS[verb]}, and the answer is lost"
                    mine.append((number, words, partial(act, loses=True)))
            if local.stalled == 1:
                mine.append((number, "wakes up", partial(state.with_local, number, woken(local))))
            # What happens to one that has nothing in hand makes no difference.
            if state.faults and (local.runs or local.planned or local.queue):
                mine += self.faults(state, number, local)
            # What nobody else sees may as well be done now: nothing of others comes in between.
            if at_home:
                yield from mine
                return
            moves += mine
        yield from moves
        yield -1, "half a lease goes by", partial(self.tick, state)

    def faults(self, state: State, number: int, local: Local) -> Any:
        """Yield what can happen to a scheduler."""
        fewer = state._replace(faults=state.faults - 1)
        yield number, "dies", partial(fewer.with_local, number, Local("dead"))
        if not local.stalled:
            # Shorter than its lease, a stall is only a step that others take first.
            stalled = local._replace(stalled=LEASE // TICK + 2)
            what = "stalls for more than a lease"
            yield number, what, partial(fewer.with_local, number, stalled)
            if local.status == "on":
                for wait in (True, False):
                    stop = partial(self.act, fewer, number, "shut_down", wait)
                    yield number, f"is shut down, wait={wait}", stop

    def act(
        self, state: State, number: int, verb: str, *args: Any, loses: bool = False
    ) -> State | None:
        """Let a scheduler take a step; None where it loses no answer, though it should."""
        scheduler = self.schedulers[number]
        self.now, self.row, self.version, self.loses = state.now, state.row, "now", loses
        self.told, self.started, self.wrong = list(state.told), list(state.started), ""
        scheduler.load(state.locals[number])
        try:
            getattr(scheduler, verb)(*args)
            if self.wrong:
                raise Violation(self.wrong)
            if self.row != state.row:
                self.check_change(scheduler.name, row_of(state.row), row_of(self.row))
            after = state.with_local(number, scheduler.save())
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"the step raises {type(error).__name__}: {error}") from error
        finally:
            scheduler.leave()
        if self.loses:
            return None
        told, started = tuple(self.told), tuple(self.started)
        return after._replace(
            row=self.row, told=told, started=started, faults=state.faults - loses
        )

    def tick(self, state: State) -> State | None:
        """Let half a lease go by; who does not stall renews its leases."""
        # A store that lost an answer is asked again within seconds.
        if any(local.is_unheard() and not local.stalled for local in state.locals):
            return None
        state = state._replace(now=state.now + TICK)
        for number, local in enumerate(state.locals):
            if local.stalled:
                later = local._replace(stalled=max(1, local.stalled - 1))
                state = state.with_local(number, later)
            elif any(run.held is not None for run in local.runs):
                state = self.act(state, number, "beat")
        return state

    # What must hold.

    def check_change(self, owner: str, before: Any, after: Any) -> None:
        """Raise Violation where a step changed in the row what it must not; note what it means."""
        for name, was in before.runs.items():
            ticket = after.runs.get(name)
            taken = ticket is not None and ticket.owner == owner and was.until_us < self.now
            if was.owner != owner and ticket != was and not taken:
                raise Violation("lease: the run of another is touched")
            # It was given up, by its owner or by the end of its lease.
            if ticket and ticket.recover and (was.owner != ticket.owner or not ticket.until_us):
                for at in times_of(ticket):
                    self.started[at] = False
        if after.revision in ("", before.revision):
            return
        new = [ticket for name, ticket in after.runs.items() if name not in before.runs]
        # Whose lease has run out may be alive; what was given back is not.
        running = sum(ticket.until_us != 0 for ticket in before.runs.values())
        if not new and running < self.config.limit:
            raise Violation(f"limit: skipped, while {running} run")
        claimed = [at for ticket in new for at in times_of(ticket)]
        for at in range(len(TIMES)):
            if before.next_us <= TIMES[at] < (after.next_us or LAST + 1) and at not in claimed:
                self.told[at] = True

    def check(self, state: State) -> None:
        """Raise Violation where a promise is broken."""
        row, running = row_of(state.row), 0
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
            mine = [run for run in local.runs if name in (run.ticket, run.held)]
            running += sum(run.phase == "calls" for run in mine)
            heard = {local.runs[args[0]] for what, *args in local.inbox if what != "lose"}
            ends = any(run.phase or run in heard for run in mine) or local.is_unheard()
            if not ends and all(op[2] != name for op in local.queue):
                raise Violation("slot: a lease is held for a run that nobody will end")
        if running > self.config.limit:
            raise Violation(f"limit: {running} run at once")

    # Going through all states.

    def key(self, state: State) -> str:
        """Return what is the same for all states that are alike."""
        locals_ = []
        for number, local in enumerate(state.locals):
            # Of an older row, nothing that was remembered counts: the table compares versions.
            planned = local.planned
            if planned is not None:
                planned = planned[0], planned[2], planned[1] == state.row
                planned = planned if planned[1] or planned[2] else "stale"
            text = repr(local._replace(known=str(local.known == state.row), planned=planned))
            locals_.append((text.translate(BLANK), NAMES[number], text))
        locals_.sort()
        rest = timeless(state.row, state.now), state.told, state.started, state.faults
        text = "".join([text for _, _, text in locals_]) + repr(rest) + str(state.now > LAST)
        return text.translate(str.maketrans("".join(n for _, n, _ in locals_), NAMES[: len(locals_)]))

    def alone(self, state: State) -> Any:
        """Yield the states in which all but one scheduler, that works, have died."""
        for number, local in enumerate(state.locals):
            if local.status == "on":
                left = [Local("dead") if one.status != "stopped" else one for one in state.locals]
                left[number] = woken(local) if local.stalled else local
                yield state._replace(locals=tuple(left), faults=0)

    def get_done(self, state: State, done: set[str]) -> None:
        """Let the one that is left go on; raise Violation if it does not get all done."""
        path: dict[str, str] = {}
        key = self.key(state)
        while key not in done:
            path[key], before = "", key
            try:
                self.check(state)
                if not state.row and not any(local.runs for local in state.locals):
                    break
                for _, path[before], move in self.moves(state):
                    following = move() or state
                    key = self.key(following)
                    if key != before:
                        break
                if key in path:
                    raise Violation("rest: the one scheduler that is left does not get all done")
            except Violation as violation:
                steps = ", ".join(path.values())
                raise Violation(f"{violation} (alone, it {steps})") from violation
            state = following
        done.update(path)

    def go(self) -> tuple[int, int, str]:
        """Visit all states; return how many there are, how many steps, and what is wrong."""
        row = z._Row("first", FIRST, False, "the job", None, {})
        row = z._Rows._change_of(self.schedulers[0].rows, "job", "", None, row)[5]
        locals_, none = (Local(),) * self.config.schedulers, (False,) * len(TIMES)
        first = State(FIRST + 1, row, locals_, none, none, self.config.faults)
        # How each state was reached, by its key: from which, and who did what.
        came: dict[str, Any] = {self.key(first): None}
        todo, done, edges = deque([first]), set(), 0
        while todo:
            state = todo.popleft()
            key, who, what = self.key(state), -1, ""
            try:
                self.check(state)
                for left in self.alone(state):
                    self.get_done(left, done)
                for who, what, move in self.moves(state):
                    after = move()
                    if after is not None:
                        edges += 1
                        new = self.key(after)
                        if new not in came:
                            came[new] = key, who, what
                            todo.append(after)
            except Violation as violation:
                steps = [(key, who, what)] if what else []
                while came[key] is not None:
                    steps.insert(0, came[key])
                    key = came[key][0]
                lines = [f"    {NAMES[w] + ' ' if w >= 0 else ''}{what}" for _, w, what in steps]
                return len(came), edges, "\n".join([str(violation), *lines])
        return len(came), edges, ""


BLANK = str.maketrans(NAMES, "___")


def has_expired(row: Any, now: int) -> bool:
    return any(ticket.until_us < now for ticket in row.runs.values())


def times_of(ticket: Any) -> list[int]:
    return [at for at, due_us in enumerate(TIMES) if ticket.at_us <= due_us <= ticket.last_us]


def woken(local: Local) -> Local:
    runs = [run._replace(late=run.phase in ("asks", "asked")) for run in local.runs]
    return local._replace(stalled=0, runs=tuple(runs))


@functools.lru_cache(maxsize=None)
def timeless(head: str, now: int) -> Any:
    """Return a row with what is left of its leases."""
    row = row_of(head)
    runs = [
        (name, ticket._replace(until_us=left, started_us=int(ticket.started_us > 0)))
        for name, ticket in row.runs.items()
        for left in [max(-1, ticket.until_us - now) if ticket.until_us else "given back"]
    ]
    return row.revision, row.next_us, row.over, runs


# Bugs that must be found, each done to the module while it runs.


def with_verb(verb: str, change: Any) -> Any:
    """Return what replaces a verb: `change` gets the right one, and what that gets."""

    def plant() -> None:
        z._VERBS[verb] = partial(change, z._VERBS[verb])

    return plant


def with_attribute(name: str, attribute: str, make: Any) -> Any:
    def plant() -> None:
        setattr(getattr(z, name), attribute, make(getattr(getattr(z, name), attribute)))

    return plant


def begin_unowned(right: Any, row: Any, now: int, lease: int, run_id: str, *rest: Any) -> Any:
    held = row and row.runs.get(run_id)
    return right(row, now, lease, run_id, *rest) if held is None else (True, row)


def renew_unowned(right: Any, row: Any, now: int, lease: int, run_id: str, owner: str) -> Any:
    held = row and row.runs.get(run_id)
    return right(row, now, lease, run_id, held.owner if held else owner)


def claim_stale(right: Any, row: Any, now: int, lease: int, old: Any, *rest: Any) -> Any:
    return right(row, now, lease, old if row is None else row.revision, *rest)


def claim_once(right: Any, row: Any, *rest: Any) -> Any:
    return (-1, row) if row is not None and rest[6] in row.runs else right(row, *rest)


def claim_beyond(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest[:5], 99, *rest[6:])


def take_anew(right: Any, row: Any, now: int, lease: int, run_id: str, *rest: Any) -> Any:
    answer, after = right(row, now, lease, run_id, *rest)
    if answer and after is not row:
        after = after.with_run(run_id, after.runs[run_id]._replace(started_us=0))
    return answer, after


def answer_only(right: Any, row: Any, *rest: Any) -> Any:
    return right(row, *rest)[0], row


def looks_early(right: Any) -> Any:
    def look(leases: Any, expired: bool) -> None:
        z.time.now += 2 * LEASE
        try:
            right(leases, True)
        finally:
            z.time.now -= 2 * LEASE

    return look


def counts_all(right: Any) -> Any:
    return lambda row, limit: len(row.runs) >= limit


def keeps_claims(right: Any) -> Any:
    return lambda leases, runs: None


PLANTS: dict[str, tuple[str, Any]] = {
    "begin without a claim": ("once", with_verb("begin", begin_unowned)),
    "renew another's lease": ("lease", with_verb("renew", renew_unowned)),
    "take a run too early": ("lease", with_attribute("_Leases", "look", looks_early)),
    "count what was given back": ("limit", with_attribute("_Row", "is_full", counts_all)),
    "claim by an old revision": ("once", with_verb("claim", claim_stale)),
    "claim beyond the limit": ("limit", with_verb("claim", claim_beyond)),
    "no second answer to a claim": ("slot", with_verb("claim", claim_once)),
    "finish keeps the ticket": ("slot", with_verb("finish", answer_only)),
    "take starts again": ("once", with_verb("take", take_anew)),
    "release keeps the lease": ("slot", with_verb("release", answer_only)),
    "a shutdown keeps a claim": ("slot", with_attribute("_Leases", "give_back", keeps_claims)),
}


def load() -> None:
    """Import the module to be walked through, anew."""
    global z  # noqa: PLW0603
    path = Path(__file__).resolve().parent.parent / "asyncz.py"
    spec: Any = importlib.util.spec_from_file_location("asyncz_walked", path)
    z = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(z)
    row_of.cache_clear()
    timeless.cache_clear()


def configs(deep: bool) -> list[Config]:
    ways = list(itertools.product((False, True), (True, False)))
    found = [Config(2, 1, *way, 1) for way in ways] + [Config(2, 2, *way, 0) for way in ways]
    found += [Config(3, 1, recover, True, 0) for recover in (False, True)]
    if deep:
        found += [Config(2, 2, *way, 1) for way in ways] + [Config(2, 1, *way, 2) for way in ways]
        found += [Config(3, 1, *way, 1) for way in ways] + [Config(3, 2, *way, 0) for way in ways]
    return found


def walk_all(found: list[Config], quiet: bool = False) -> str:
    """Walk through all; return what is wrong, with the steps that lead there."""
    states = edges = 0
    for config in found:
        since = time.process_time()
        more_states, more_edges, wrong = Walk(config).go()
        states, edges = states + more_states, edges + more_edges
        if not quiet:
            took = time.process_time() - since
            counts = f"{more_states:7} states, {more_edges:7} edges, {took:5.1f} s"
            print(f"{config}: {counts}", flush=True)
        if wrong:
            return wrong
    if not quiet:
        print(f"{states} states, {edges} edges, {time.process_time():.1f} s: 0 violations")
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deep", action="store_true", help="walk further; takes minutes")
    parser.add_argument("--self-test", action="store_true", help="with planted bugs")
    options = parser.parse_args()
    load()
    if not options.self_test:
        wrong = walk_all(configs(options.deep))
        if wrong:
            print(f"VIOLATION of {wrong}")
        return bool(wrong)
    missed = 0
    for name, (promise, plant) in PLANTS.items():
        load()
        plant()
        wrong = walk_all(configs(options.deep), quiet=True)
        missed += not wrong.startswith(promise)
        found = "found    " if wrong.startswith(promise) else "NOT FOUND"
        print(f"{found}  {name}: {wrong.partition(chr(10))[0]}", flush=True)
    return missed > 0


if __name__ == "__main__":
    sys.exit(main())
