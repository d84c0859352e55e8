"""Walk through all that schedulers which share a store can do to each other, in the real code.

One job with two run times lies in a store. At each step one of two or three schedulers takes its
next step, is killed, stalls, loses an answer of the store or is shut down, or the clock ticks.
Every state that can be reached so is visited once, breadth first: the trace that is printed for a
broken promise is a shortest one. In every state it must hold that

    once     no time is started twice, not even after a death; with `recover`, only after the owner
             died, gave it back or was out of touch with the store for longer than its lease
    lost     each time is still ahead, in a run that the store knows, or was told of (or else
             `excused`: skipped at the limit, but the answer that says so was lost, and the row
             was written by another before it was asked for again; the sum says how often)
    limit    not more than `max_instances` run, and nothing is skipped while fewer do
    lease    only its owner renews it, and nobody takes a run before its lease has ended
    slot     a run that holds a lease is known to a scheduler that will end it
    stop     after an orderly stop the store has no lease of that scheduler, and from the call of
             `shutdown` on it begins nothing
    rest     with all other schedulers dead, the one that is left gets everything done

Real are: the verbs, `_Rows`, `_Leases` (beats, take-overs, retries), `_SharedStore` (plans and
claims), the keeper's plan, and `_Runs` with `_carry_out`. The walk stands in for what is around
them: the table is a dictionary, the clock stands still but for its ticks of half a lease, and
there are no threads and no event loop. What the real ones would do by themselves is a step each:

    reads what is due, claims     the store's thread; in between others may have been faster, the
                                  clock may have moved on, a shutdown may have come
    hands on what it claimed      the loop
    does in the store ...         the store's thread does the next operation that a run waits for
    goes on with a run            the loop hears the answer, and calls the job or does not
    returns from a call           and asks the store to finish the run, or for its next time
    hears of runs ...             that were lost, or taken over when it read what is due
    beats                         leases are renewed: with each tick by who does not stall
    ends a cancelled task         after a shutdown, or a lost lease
    closes                        the last step of a shutdown

Who lost an answer asks again as a step of its own, in the real loop of retries, so that others may
act in between. Steps that only the scheduler itself sees are taken before all others, beside its
own faults. A coroutine can't be copied: that of a run is made anew before each of its steps, and
led back to where it was waiting. States are equal if they differ only in names, in the order of
schedulers, in what was remembered of older versions, or in how long ago something is that is over.
Not walked: threads and their queues, slots of executors, errors of jobs, times that are missed,
changes of the job, a scheduler that starts again (that is another one), a clock that jumps.

    python .ci/walk.py                     all that CI walks, in well under a minute
    python .ci/walk.py --deep              three schedulers everywhere, and more faults: minutes
    python .ci/walk.py --plant NAME        with a planted bug (planted.py): it must be found
    python .ci/walk.py --self-test         all planted bugs, one after the other
    python .ci/walk.py --keep-going        all configurations, whatever is wrong
    python .ci/walk.py --module FILE       another asyncz.py
"""

from __future__ import annotations

import argparse
import asyncio
import contextvars
import contextlib
import importlib.util
import itertools
import re
import sys
import time
import types
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from planted import PLANTS

TICK, LEASE, TRUST = 30_000_000, 60_000_000, 55_000_000  # microseconds
TIMES = FIRST, LAST = 1_767_225_600_000_000, 1_767_225_630_000_000  # when the job is to run
# One microsecond past, so that times of the clock, such as ends of leases, look different.
BEGIN = FIRST + 1

HERE = Path(__file__).resolve().parent

z: Any = None  # the module asyncz


class Violation(Exception):
    """A promise does not hold."""


class _AnswerLost(Exception):
    """The connection broke after the store did what it was asked."""


class _AsksLater(BaseException):
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
    """What one scheduler knows of a run."""

    ticket: str | None
    held: str | None  # the ticket whose lease is kept for it
    cursor: int | None
    last: int
    following: int | None
    revision: str | None
    flags: tuple[bool, ...]  # handed back, abandoned, at the limit, has been called
    has_task: bool
    phase: str  # "": not yet handed on; "asks", "asked", "calls", "tells" or "over"
    answer: Any  # where it has asked
    cancelled: bool  # its task is to be
    late: bool  # it asked longer ago than a lease


class Local(NamedTuple):
    """One scheduler."""

    status: str = "on"  # "on", "stopping", "closed" (with leases still kept), "stopped", "dead"
    stalled: int = 0  # how many ticks more it stalls, and 1: it may wake up
    known: Any = None  # the version and row that it has written last
    runs: tuple[Run, ...] = ()
    planned: Any = (
        None  # what is to be claimed: a run, its row, names if it asks again, whether it was done
    )
    won: tuple[int, ...] = ()  # claimed, and not yet handed on
    inbox: tuple[Any, ...] = ()  # what the loop is going to hear
    queue: tuple[Any, ...] = ()  # what the store's thread is going to do: operations, for whom
    trusted: int = 0  # until when it trusts in its leases


class State(NamedTuple):
    now: int
    row: tuple[str, str] | None  # its version and head
    locals: tuple[Local, ...]
    told: tuple[bool, ...]  # which times were told of
    started: tuple[bool, ...]  # which have been called
    # Of each time, the starts after which there may be no other: the owner, the ticket, and until
    # when it is its own; without an owner: it is over, and the store knows that.
    starts: tuple[tuple[Any, ...], ...]
    faults: int  # how many more there may be


# What stands in for the world.


class _World:
    """The clock and the store, and how the step goes that is being taken."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.row: tuple[str, str] | None = None
        self.loses = False  # the next answer to a change gets lost

    def monotonic(self) -> float:
        return self.now / 1_000_000

    def time_ns(self) -> int:
        return self.now * 1000

    def sleep(self, seconds: float) -> None:
        raise _AsksLater


_READ: dict[str, Any] = {}


def _row_of(row: tuple[str, str] | None) -> Any:
    if row is None:
        return None
    if row[1] not in _READ:
        _READ[row[1]] = z._row_of(("job", *row, "the job"))
    return _READ[row[1]]


def _make_table(world: _World) -> Any:
    class Table(z._Table):  # type: ignore[misc, name-defined]
        """The one row, in memory."""

        def page(self, skip: int, limit: int) -> Any:
            row = _row_of(world.row)
            next_us = None if row is None else row.next_us
            due = next_us is not None and next_us <= world.now
            until = None if row is None else row.until_us()
            return self.all() if due else [], None if due else next_us, until

        def fetch(self, ids: list[str]) -> list[Any]:
            return self.all()

        def all(self) -> list[Any]:
            return [] if world.row is None else [("job", *world.row, "the job")]

        def expired(self, limit: int) -> list[Any]:
            row = _row_of(world.row)
            until = None if row is None else row.until_us()
            return self.all() if until is not None and until < world.now else []

        def change(self, changes: list[Any]) -> list[bool]:
            ((_, version, new, _, _, head, _),) = changes
            right = version == (world.row[0] if world.row else "")
            if right:
                world.row = (new, head) if head else None
            if world.loses:
                world.loses = False
                raise _AnswerLost
            return [right]

        def clear(self) -> None:
            world.row = None

    return Table("walk")


class _Asked:
    """What a coroutine waits for: an answer of the store, or the end of a call."""

    def __init__(self, what: Any, over: bool = False) -> None:
        self.what, self.over = what, over

    def __await__(self) -> Any:
        return None if self.over else (yield self.what)

    def add_done_callback(self, call: Any) -> None:
        if self.over:
            call(self)


class _Task:
    """A task of the event loop: all that is asked of it is to end."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class _Loop:
    """The loop of one scheduler: what it is told of is kept for later."""

    def __init__(self) -> None:
        self.inbox: list[Any] = []
        self.queue: list[Any] = []  # of the store's thread
        self.coroutines: list[Any] = []

    def drive(self, run: Any, coroutine: Any, answer: Any = None, error: Any = None) -> None:
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
                run.phase = "over"

    def create_task(self, coroutine: Any) -> _Task:
        run = coroutine.cr_frame.f_locals["run"]
        run.task = _Task()
        self.drive(run, coroutine)
        return run.task

    def call_soon_threadsafe(self, call: Any, *args: Any) -> None:
        if call.__name__ in ("take_over", "lose"):
            self.inbox.append((call.__name__, args))

    def is_closed(self) -> bool:
        return False


class _Threads:
    """Stands for the store's thread."""

    def __init__(self, limit: int, name: str, loop: _Loop, **more: Any) -> None:
        self.loop = loop

    def begin(self) -> None:
        pass

    stop = begin

    def post(self, fn: Any, *args: Any) -> None:
        if fn.__name__ == "applied":
            self.loop.queue += [(_without_result(op), None) for op in args[0]]
        else:
            fn(*args)


def _without_result(op: Any) -> Any:
    return (*op[:4], None) if op[0] == "finish" else op


NO_TASK = ("", "over")
_NUMBERS = itertools.count(1)  # of names, so that none is given twice


class Scheduler:
    """The real objects of one scheduler, that are given the state of a `Local` for one step."""

    def __init__(self, walk: Walk, number: int) -> None:
        self.walk, self.world, self.owner = walk, walk.world, f"own{number}"
        self.loop = _Loop()
        engine = self.engine = z._Engine(None, walk.clock)
        self.settings, self.runs, self.registry = engine.settings, engine.runs, engine.registry
        self.settings.log = lambda *args, **more: None
        self.settings.executors["default"] = self
        self.runs.tell = lambda code, job, due_us, *rest: self.walk.tell(due_us)
        self.runs._tell_submission = self.tell_submission
        self.store = z._SharedStore(_make_table(self.world), "walk", None, None, 60, 1)
        self.store._codec = types.SimpleNamespace(decode=lambda job_id, text: walk.make_job())
        self.settings.loop = self.loop
        self.keeper = z._Keeper(self.settings, self.registry, self.runs, "default", self.store)
        self.store._attach(self.keeper)
        self.leases, self.rows = self.store._leases, self.store._rows
        self.leases._ask, self.leases._greeted = self.ask, True
        self.rows.owner, self.rows.version = self.owner, self.version
        self.replaying = self.leaving = False
        self.names, self.given = [], []
        self.settings.listeners.mask = z.ALL_EVENTS

    def version(self) -> str:
        self.names.append(self.given.pop(0) if self.given else f"{self.owner}.{next(_NUMBERS)}")
        return self.names[-1]

    def ask(self, op: Any) -> Any:
        """Stand for `_Leases._ask`: the store's thread answers in a later step."""
        if not self.leaving and not self.replaying and not self.leases._over:
            self.loop.queue.append((_without_result(op), op[2]))
            if op[0] != "begin":
                next(run for run in self.objects if run.ticket == op[2]).phase = "tells"
        return _Asked(op[0], self.leaving or self.leases._over)

    # What an executor is to a run.

    _waiting = ()

    def _takes_slot(self, run: Any) -> bool:
        return False

    def do_send_job(self, job: Any, run_times: Any) -> Any:
        if self.leaving:
            raise RuntimeError
        if not self.replaying:
            self.walk.start(self, run_times.run)
        return _Asked("call")

    def tell_submission(self, code: int, run: Any) -> None:
        if code == z.JOB_MAX_INSTANCES:
            for due_us in run.times_us():
                self.walk.tell(due_us)

    # States.

    def load(self, local: Local) -> None:
        leases, store, self.local = self.leases, self.store, local
        self.names, self.given = [], []
        self.objects = [self.make_run(run) for run in local.runs]
        store._leases, store._keeper, store._thread = leases, self.keeper, leases.thread
        store._aside.clear()
        pairs = list(zip(local.runs, self.objects))
        leases.runs = {run.held: made for run, made in pairs if run.held is not None}
        leases._beat_at = leases._look_at = 0.0
        leases._trusted_until = local.trusted / 1_000_000
        leases._closing, leases._over = local.status == "closed", False
        self.rows.known = {} if local.known is None else {"job": local.known}
        self.status = local.status
        self.settings.state = z._RUNNING if local.status == "on" else z._STOPPED
        self.settings.loop, self.registry.keepers = None, {}
        if local.status != "closed":
            self.settings.loop, self.registry.keepers["default"] = self.loop, self.keeper
        active = [
            made
            for run, made in pairs
            if run.phase in ("asks", "asked", "calls") and not run.flags[1]
        ]
        self.settings.listeners.context = contextvars.copy_context()
        self.runs.live = {made for run, made in pairs if run.phase not in NO_TASK}
        self.registry.active.clear()
        if active:
            self.registry.active["default", "job"] = active
        self.planned = local.planned
        self.won = [self.objects[place] for place in local.won]
        self.loop.inbox = [
            (name, (self.objects[args[0]], *args[1:]) if name == "take_over" else args)
            for name, args in local.inbox
        ]
        self.loop.queue = list(local.queue)
        leases._asked = deque(entry for entry in local.queue if entry[1] is not None)

    def make_run(self, run: Run) -> Any:
        first = run.last if run.cursor is None else run.cursor
        made = z._Run(self.store, self.walk.make_job(), first, run.last)
        made.cursor_us, made.following_us, made.revision = run.cursor, run.following, run.revision
        made.ticket, made.leases = run.ticket, self.leases
        made.handed_back, made.abandoned, made.at_limit, called = run.flags
        made.started_us, made.executor = int(called), self
        made.phase, made.answer, made.late = run.phase, run.answer, run.late
        if run.has_task:
            made.task = _Task()
            made.task.cancelled = run.cancelled
        return made

    def save(self) -> Local:
        if self.status == "closed" and self.leases._over:
            return Local("stopped")
        held = {id(run): ticket for ticket, run in self.leases.runs.items()}
        heard = [args[0] for name, args in self.loop.inbox if name == "take_over"]
        active = self.registry.active.get(("default", "job"), ())
        goes_on = [run for run in self.objects if run.phase not in NO_TASK]
        # In the order in which they are known, each once.
        wanted = {id(run): run for run in [*self.leases.runs.values(), *self.won, *heard, *active]}
        wanted.update((id(run), run) for run in goes_on)
        runs = [run for run in self.objects if wanted.pop(id(run), None)] + list(wanted.values())
        places = {id(run): place for place, run in enumerate(runs)}
        inbox = [
            (name, (places[id(args[0])], *args[1:]) if name == "take_over" else args)
            for name, args in self.loop.inbox
        ]
        return Local(
            self.status,
            0,
            self.rows.known.get("job"),
            tuple(self.record(run, held.get(id(run))) for run in runs),
            self.planned,
            tuple(places[id(run)] for run in self.won),
            tuple(inbox),
            tuple(self.loop.queue),
            round(self.leases._trusted_until * 1_000_000) if runs else 0,
        )

    def record(self, run: Any, held: str | None) -> Run:
        mine = run.ticket, held, run.cursor_us, run.last_us
        mine += (run.following_us, run.revision) if run.task is None else (0, None)
        flags = run.handed_back, run.abandoned, run.at_limit, bool(run.started_us)
        task, phase = run.task, getattr(run, "phase", "")
        rest = getattr(run, "answer", None), task is not None and task.cancelled
        return Run(*mine, flags, task is not None, phase, *rest, getattr(run, "late", False))

    # Steps.

    def drive(self, run: Any, answer: Any = None, error: BaseException | None = None) -> None:
        """Lead a run's coroutine to where it waits, and let it go on from there."""
        state, kept, now = self.settings.state, dict(vars(run)), self.world.now
        coroutine = self.runs._carry_out(run)
        run.ticket, run.handed_back, run.abandoned = run.ticket or "#", False, False
        self.settings.state = z._RUNNING
        run.cursor_us = run.last_us if run.cursor_us is None else run.cursor_us
        self.replaying = True
        self.world.now -= 2 * LEASE if run.late else 0
        coroutine.send(None)
        if kept["phase"] == "calls":
            coroutine.send(True)
        self.replaying, self.settings.state, self.world.now = False, state, now
        context = run.context
        vars(run).update(kept)
        run.context, run.answer, run.late, run.task.cancelled = context, None, False, False
        self.loop.drive(run, coroutine, answer, error)
        if run.phase in NO_TASK and run in self.runs.active.get(run.key, ()):
            raise Violation("slot: a run ends, and counts as running")

    def leave(self) -> None:
        """Let go of coroutines that wait, without a trace."""
        self.leaving = True
        for coroutine in self.loop.coroutines:
            # It may go on to its next `await` first.
            while coroutine.cr_frame is not None:
                with contextlib.suppress(RuntimeError):
                    coroutine.close()
        self.loop.coroutines.clear()
        self.leaving = False

    def plan(self) -> None:
        runs, rows = self.store._planned(self.keeper._plan)
        self.planned = (self.record(runs[0], None), rows["job"], (), False) if runs else None

    def claim(self) -> None:
        record, row, given, done = self.planned
        runs, is_used, checked = [self.make_run(record)], self.keeper.is_used, True
        self.given, self.planned = list(given), None

        def is_used_now() -> bool:
            # It has looked before: before the shutdown, if there was one.
            nonlocal checked
            checked, first = False, checked
            return first or is_used()

        before, self.store._planned = self.world.row, lambda plan: (runs, {"job": row})
        self.keeper.is_used = is_used_now
        try:
            self.won = list(self.store._claims(self.keeper.clock, self.keeper._plan))
        except _AsksLater:
            after = _row_of(self.world.row)
            done = done or (after is not None and after.revision == self.names[1])
            self.planned = record, row, tuple(self.names[:2]), done
        finally:
            del self.store._planned, self.keeper.is_used
        if done and self.planned is None and "job" in self.store._lost:
            # That it was at the limit is not known any more if the row was written meanwhile.
            self.walk.excused += 1
            for due_us in runs[0].times_us():
                self.walk.tell(due_us)
        if any(run.at_limit for run in self.won) and not given:
            # Whose lease has run out may be alive; what was given back is not.
            running = sum(run.until_us != 0 for run in _row_of(before).runs.values())
            if running < self.walk.config.limit:
                raise Violation(f"limit: skipped, while {running} run")

    def hand_on(self) -> None:
        won, self.won = self.won, []
        self.objects += won
        for run in won:
            self.runs.dispatch(run)

    def hear(self) -> None:
        name, args = self.loop.inbox.pop(0)
        if name == "take_over" and args[0] not in self.objects:
            self.objects.append(args[0])
        getattr(self.runs, name)(*args)

    def work(self) -> None:
        op, ticket = self.loop.queue.pop(0)
        if ticket is not None:
            self.leases._asked.popleft()
        try:
            answer = self.leases.applied([op])[0]
        except _AsksLater:
            self.loop.queue.insert(0, (op, ticket))
            return
        self.walk.note(op, answer)
        phase = "asks" if op[0] == "begin" else "tells"
        for run in self.objects:
            if run.ticket == ticket and run.phase == phase:
                run.answer, run.phase = answer, "asked"
                if phase == "tells":
                    run.answer, run.phase = None, "over"
                    self.runs._let_go(run)

    def go_on(self, place: int) -> None:
        self.drive(self.objects[place], self.objects[place].answer)

    def end(self, place: int) -> None:
        self.drive(self.objects[place])

    def cancel(self, place: int) -> None:
        run = self.objects[place]
        if run.phase == "asks":
            # It is asked nevertheless; nobody hears the answer.
            queue = self.loop.queue
            self.loop.queue = [(op, "" if told == run.ticket else told) for op, told in queue]
        self.drive(run, error=asyncio.CancelledError())

    def beat(self) -> None:
        self.leases.beat()

    def stop(self, wait: bool) -> None:
        self.status, self.settings.state = "stopping", z._STOPPED
        self.runs.give_up_waiting()
        if not wait:
            self.runs.cancel(())

    def close(self) -> None:
        self.status = "closed"
        self.store._detach()
        self.engine.reset()


# The walk.

# The steps of a scheduler, in words; those of the first line are seen by no other.
AT_HOME = {
    "hear": "hears of runs that it lost or took over",
    "hand_on": "hands on what it claimed",
    "cancel": "ends a cancelled task",
    "go_on": "goes on with a run",
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
_NAME = re.compile(r"own\d(\.\d+)?")
_CLOCK = re.compile(r"\d{10}000001")
_STARTED = re.compile(r"(000001(?:, |, started_us=))\d{10}000001")


class Walk:
    """All states that can be reached with one configuration."""

    def __init__(self, config: Config) -> None:
        self.config, self.world, self.excused = config, _World(), 0
        z.time, z._Threads = self.world, _Threads
        self.clock = z._Clock()
        vars(self.clock).update(now_us=lambda: self.world.now, monotonic=self.world.monotonic)
        start, end = (z._from_us(moment, z._UTC) for moment in TIMES)
        trigger = z.IntervalTrigger(seconds=TICK // 1_000_000, start_at=start, end_at=end)
        self.schedule = z._Schedule(trigger, z._UTC, FIRST)
        self.options = {name: option.default for name, option in z._OPTIONS.items()}
        self.options.update(coalesce=config.coalesce, max_instances=config.limit)
        self.options.update(recover=config.recover, mistrigger_grace_time=None)
        self.options.update(name="job", executor="default", _call=(print, (), {}, False))
        self.schedulers = [Scheduler(self, number) for number in range(config.schedulers)]

    def make_job(self) -> Any:
        return z.Job("job", "default", self.schedule, self.options)

    # What schedulers do in a step.

    def tell(self, due_us: int) -> None:
        if due_us in TIMES:
            self.told[TIMES.index(due_us)] = True

    def start(self, scheduler: Scheduler, run: Any) -> None:
        """The function of a run is called."""
        at, row = TIMES.index(run.cursor_us), _row_of(self.world.row)
        if scheduler.status != "on":
            self.wrong = "stop: a run was begun after the shutdown"
        if self.started[at] and (self.starts[at] or not self.config.recover):
            self.wrong = f"once: time {at + 1} is started twice"
        self.started[at] = True
        ticket = row and row.runs.get(run.ticket)
        if ticket and ticket.owner == scheduler.owner and ticket.until_us >= self.world.now:
            self.starts[at] += ((ticket.owner, run.ticket, ticket.until_us),)

    def note(self, op: Any, answer: Any) -> None:
        """The store has answered a run's question."""
        for at, entries in enumerate(self.starts):
            mine = [entry for entry in entries if answer and entry[:2] == (op[3], op[2])]
            if mine:
                left = tuple(entry for entry in entries if entry not in mine)
                if op[0] == "finish" or (op[0] == "begin" and TIMES[at] < op[4]):
                    left += (("", "", 0),)
                elif op[0] != "release":
                    left += ((op[3], op[2], self.world.now + LEASE),)
                self.starts[at] = left

    def renewed(self, scheduler: Scheduler) -> None:
        """Those runs are a scheduler's for a lease more."""
        for at, entries in enumerate(self.starts):
            self.starts[at] = tuple(
                (*entry[:2], self.world.now + LEASE)
                if entry[0] == scheduler.owner and entry[1] in scheduler.leases.runs
                else entry
                for entry in entries
            )

    def choices(self, state: State, number: int) -> Any:
        """Yield the steps that a scheduler may take, those first by which it gets on."""
        local = state.locals[number]
        if local.inbox:
            yield "hear", ()
        if local.won:
            yield "hand_on", ()
        for place, run in enumerate(local.runs):
            if run.cancelled and run.phase in ("asks", "asked", "calls"):
                yield "cancel", (place,)
            elif run.phase == "asked":
                yield "go_on", (place,)
        # The thread of one that is to ask again is not free.
        if local.queue and not (local.planned and local.planned[2]):
            yield "work", ()
        for place, run in enumerate(local.runs):
            if run.phase == "calls" and not run.cancelled:
                yield "end", (place,)
        yield from self.store_choices(state, number)

    def store_choices(self, state: State, number: int) -> Any:
        """Yield the steps of the thread of its store that no run waits for, and the last."""
        local, row = state.locals[number], _row_of(state.row)
        due = row is not None and (row.next_us or LAST + 1) <= state.now
        left = row is not None and any(run.until_us < state.now for run in row.runs.values())
        if local.planned is not None:
            yield "claim", ()
        elif local.status == "on" and not local.won and (due or left):
            yield "plan", ()
        for run in local.runs:
            ticket = row.runs.get(run.held) if row is not None else None
            if run.held is not None and (ticket is None or ticket.owner != f"own{number}"):
                yield "beat", ()
                break
        counted = [run for run in local.runs if run.phase not in NO_TASK and not run.flags[1]]
        if local.status == "stopping" and not (counted or local.won or local.planned):
            yield "close", ()

    def act(
        self, state: State, number: int, name: str, args: tuple[Any, ...], loses: bool = False
    ) -> State | None:
        """Let a scheduler take a step; None where it loses no answer, though it should."""
        world, scheduler = self.world, self.schedulers[number]
        world.now, world.row, world.loses = state.now, state.row, loses
        self.told, self.started, self.starts = [list(part) for part in state[3:6]]
        scheduler.load(state.locals[number])
        # Raised in a run, it would be taken for the job's error.
        self.wrong = ""
        try:
            getattr(scheduler, name)(*args)
            if self.wrong:
                raise Violation(self.wrong)
            if name == "beat" and scheduler.leases._trusted_until > world.monotonic() + 50:
                self.renewed(scheduler)
            self.check_leases(scheduler.owner, _row_of(state.row))
            after = scheduler.save()
        except Violation:
            raise
        except Exception as error:
            raise Violation(f"the step raises {type(error).__name__}: {error}") from error
        finally:
            scheduler.leave()
        if loses and world.loses:
            return None
        ghosts = [tuple(part) for part in (self.told, self.started, self.starts)]
        changed = self.with_local(state, number, after)
        faults = state.faults - (loses or name == "stop")
        return State(state.now, world.row, changed.locals, *ghosts, faults)

    def tick(self, state: State) -> State | None:
        """Let half a lease go by; who does not stall renews its leases."""
        # A store that lost an answer is asked again within seconds.
        if any(one.planned and one.planned[2] and not one.stalled for one in state.locals):
            return None
        now = state.now + TICK
        starts = tuple(
            tuple(entry for entry in entries if not entry[0] or entry[2] >= now)
            for entries in state.starts
        )
        state = state._replace(now=now, starts=starts)
        for number, local in enumerate(state.locals):
            if local.stalled:
                later = local._replace(stalled=max(1, local.stalled - 1))
                if later.stalled == 1:
                    late = [run._replace(late=run.phase in ("asks", "asked")) for run in local.runs]
                    later = later._replace(runs=tuple(late))
                state = self.with_local(state, number, later)
            elif any(run.held is not None for run in local.runs):
                state = self.act(state, number, "beat", ())
        return state

    def killed(self, state: State, number: int) -> State:
        rest = [local for other, local in enumerate(state.locals) if other != number]
        lost = self.unaccounted(state, rest)
        told = tuple(known or at in lost for at, known in enumerate(state.told))
        starts = tuple(
            tuple(entry for entry in entries if entry[0] != f"own{number}")
            for entries in state.starts
        )
        return self.with_local(state, number, Local("dead"))._replace(told=told, starts=starts)

    def with_local(self, state: State, number: int, local: Local) -> State:
        locals_ = (*state.locals[:number], local, *state.locals[number + 1 :])
        return state._replace(locals=locals_)

    def moves(self, state: State) -> Any:
        """Yield all that can happen: who (-1: the clock), what, and a function that does it."""
        alike: list[Local] = []
        moves: list[Any] = []
        for number, local in enumerate(state.locals):
            # Of two that are alike, one is enough.
            if local.status in ("dead", "stopped") or local in alike:
                continue
            alike.append(local)
            steps = [] if local.stalled else list(self.choices(state, number))
            at_home = [step for step in steps if step[0] in AT_HOME]
            mine: list[Any] = []
            for verb, args in at_home or steps:
                act = partial(self.act, state, number, verb, args)
                mine.append((number, STEPS[verb], act))
                if state.faults and verb in ("claim", "work", "beat"):
                    words = f"{STEPS[verb]}, and the answer is lost"
                    mine.append((number, words, partial(act, True)))
            if local.stalled == 1:
                awake = partial(self.with_local, state, number, local._replace(stalled=0))
                mine.append((number, "wakes up", awake))
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
        yield number, "dies", partial(self.killed, fewer, number)
        if not local.stalled:
            # Shorter than its lease, a stall is only a step that others take first.
            stalled = local._replace(stalled=LEASE // TICK + 2)
            yield (
                number,
                "stalls for more than a lease",
                partial(self.with_local, fewer, number, stalled),
            )
            if local.status == "on":
                for wait in (True, False):
                    stop = partial(self.act, state, number, "stop", (wait,))
                    yield number, f"is shut down, wait={wait}", stop

    # What must hold.

    def unaccounted(self, state: State, locals_: Any) -> list[int]:
        """Return which times nobody knows of: not the store, not one of those schedulers."""
        row = _row_of(state.row)
        spans = [(run.at_us, run.last_us) for run in row.runs.values()] if row else []
        for local in locals_:
            spans += [
                (local.runs[place].cursor or 0, local.runs[place].last) for place in local.won
            ]
            # Who asks again will have the answer.
            if local.planned is not None and local.planned[3]:
                spans.append((local.planned[0].cursor, local.planned[0].last))
        ahead = LAST + 1 if not row or row.next_us is None or row.over else row.next_us
        lost: list[int] = []
        for at in reversed(range(len(TIMES))):
            known = state.told[at] or TIMES[at] >= ahead
            known = known or any(first <= TIMES[at] <= last for first, last in spans)
            # One run for all that were missed.
            if self.config.coalesce and TIMES[at] < LAST < ahead and at + 1 not in lost:
                known = True
            if not known:
                lost.append(at)
        return lost

    def check_leases(self, owner: str, before: Any) -> None:
        """Raise Violation where a step has changed a lease that was another's."""
        after = None if before is None else _row_of(self.world.row)
        for name, ticket in after.runs.items() if after is not None else ():
            was = before.runs.get(name, ticket)
            changed = was.owner != owner and was.until_us != ticket.until_us
            if changed and (was.owner == ticket.owner or was.until_us >= self.world.now):
                raise Violation("lease: one is renewed, or taken, that is another's")

    def check(self, state: State) -> None:
        """Raise Violation where a promise is broken."""
        for at in self.unaccounted(state, state.locals):
            raise Violation(f"lost: nobody knows of time {at + 1}")
        row = _row_of(state.row)
        for name, ticket in row.runs.items() if row else ():
            local = state.locals[int(ticket.owner[3:])]
            if ticket.until_us < state.now or local.status == "dead":
                continue
            if local.status == "stopped":
                raise Violation("stop: a lease is left after an orderly stop")
            asks = {op[2] for op, _ in local.queue}
            asks.update(local.planned[2] if local.planned else ())
            hears = {args[0] for kind, args in local.inbox if kind == "take_over"}
            ends = [
                name in (run.ticket, run.held)
                and (run.phase not in NO_TASK or place in local.won or place in hears)
                for place, run in enumerate(local.runs)
            ]
            if not any(ends) and name not in asks:
                raise Violation("slot: a lease is held for a run that nobody will end")
        running = sum(
            run.phase == "calls" and (f"own{number}", run.ticket) in (one[:2] for one in entries)
            for number, local in enumerate(state.locals)
            for run in local.runs
            for entries in state.starts
        )
        if running > self.config.limit:
            raise Violation(f"limit: {running} run at once")

    # Going through all states.

    def key(self, state: State) -> int:
        """Return what is the same for all states that are alike."""

        def timed(part: Any) -> str:
            text = _STARTED.sub(r"\g<1>1", repr(part))
            return _CLOCK.sub(lambda found: str(max(-TICK, int(found[0]) - state.now)), text)

        version, locals_ = state.row and state.row[0], []
        for number, local in enumerate(state.locals):
            # Of an older version, nothing that was remembered counts: the table compares them.
            known = local.known is not None and local.known[0] == version
            stale = local.planned and local.planned[1][0] != version and not local.planned[2]
            planned = "stale" if stale else local.planned and (local.planned[0], local.planned[2:])
            text = timed(local._replace(known=known, planned=planned))
            locals_.append((_NAME.sub("", text), text, number))
        locals_.sort()
        names = {f"own{number}": f"o{place}" for place, (_, _, number) in enumerate(locals_)}
        rest = timed((state.row, state.told, state.started, state.starts, state.faults))
        text = "".join([text for _, text, _ in locals_]) + rest
        text = _NAME.sub(lambda m: names.setdefault(m[0], str(len(names))), text)
        return hash((min(state.now, LAST + 1), text))

    def first(self) -> State:
        row = z._Row("own9.1", FIRST, False, "the job", None, {})
        change = z._Rows._change_of(self.schedulers[0].rows, "job", "", None, row)
        none = (False,) * len(TIMES)
        locals_ = (Local(),) * self.config.schedulers
        return State(
            BEGIN, ("own9.2", change[5]), locals_, none, none, ((), ()), self.config.faults
        )

    def alone(self, state: State) -> Any:
        """Yield the states in which all but one scheduler, that works, have died."""
        for number, local in enumerate(state.locals):
            if local.status == "on":
                left = self.with_local(state, number, local._replace(stalled=0))
                for other, one in enumerate(state.locals):
                    if other != number and one.status != "stopped":
                        left = self.killed(left, other)
                yield left._replace(faults=0)

    def get_done(self, state: State, done: set[int]) -> None:
        """Let the one that is left go on; raise Violation if it does not get all done."""
        path: dict[int, str] = {}
        key, following = self.key(state), state
        while key not in done:
            path[key], state, before = "", following, key
            try:
                self.check(state)
                if state.row is None and not any(local.runs for local in state.locals):
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
        done.update(path)

    def go(self) -> tuple[int, int, str]:
        """Visit all states; return how many there are, how many steps, and what is wrong."""
        first = self.first()
        # How each state was reached, by its key: from which, and who did what.
        came: dict[int, Any] = {self.key(first): None}
        todo, done, edges = deque([first]), set(), 0
        while todo:
            state = todo.popleft()
            key, who, what = self.key(state), -1, "all but one die"
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
                steps = [(key, who, what)] if what != "all but one die" else []
                while came[key] is not None:
                    steps.insert(0, came[key])
                    key = came[key][0]
                lines = [f"    {'ABCDEF'[w] + ' ' if w >= 0 else ''}{what}" for _, w, what in steps]
                return len(came), edges, "\n".join([str(violation), *lines])
        return len(came), edges, ""


def load(path: str) -> None:
    """Import the module to be walked through, anew."""
    global z  # noqa: PLW0603
    spec = importlib.util.spec_from_file_location("asyncz_walked", path)
    assert spec is not None
    assert spec.loader is not None
    z = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = z
    spec.loader.exec_module(z)
    _READ.clear()


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
    sums, began = [0, 0, 0], time.perf_counter()
    for config in found:
        since, walk = time.perf_counter(), Walk(config)
        states, edges, wrong = walk.go()
        sums = [sums[0] + states, sums[1] + edges, sums[2] + walk.excused]
        if not quiet:
            took = time.perf_counter() - since
            print(f"{config}: {states:7} states, {edges:7} edges, {took:5.1f} s", flush=True)
        if wrong:
            return wrong
    if not quiet:
        took = time.perf_counter() - began
        print(f"{sums[0]} states, {sums[1]} edges, {sums[2]} excused, {took:.1f} s: 0 violations")
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--deep", action="store_true", help="walk further; takes minutes")
    parser.add_argument("--plant", choices=PLANTS, help="walk with a bug, that must be found")
    parser.add_argument("--self-test", action="store_true", help="with each of these bugs")
    parser.add_argument("--keep-going", action="store_true", help="all ways, whatever is wrong")
    parser.add_argument("--module", default=str(HERE.parent / "asyncz.py"))
    options = parser.parse_args()
    failed = 0
    for name in PLANTS if options.self_test else [options.plant]:
        load(options.module)
        if name is not None:
            PLANTS[name][1](z)
        found = configs(options.deep)
        for part in [[one] for one in found] if options.keep_going else [found]:
            wrong = walk_all(part, quiet=options.self_test)
            if wrong:
                print(f"VIOLATION of {wrong}" if not options.self_test else "", flush=True)
            failed += bool(wrong)
        if options.self_test:
            right = wrong.startswith(PLANTS[name][0])
            failed += 0 if right else 100
            print(f"{'found' if right else 'NOT FOUND'}  {name}: {wrong.partition(chr(10))[0]}")
    if options.self_test:
        return failed >= 100
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
