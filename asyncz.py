"""asyncz: a job scheduler in one file, of the standard library alone.

It runs coroutine and plain functions by cron, at intervals and on dates, inside an event loop or without one, and loses no run silently.
Copy the file into a project, or read on: it is written to be read from top to bottom.

    import asyncz

    scheduler = asyncz.AsyncIOScheduler()

    @scheduler.scheduled_job("interval", seconds=30)
    async def beat():
        print("still here")

    with scheduler:
        print([job.name for job in scheduler.get_jobs()])  # ['beat']

The shape: one clock is asked for the time by everything. A trigger is a function from one run time to the next. A store keeps jobs and is the
one place that decides what is due. A pass takes the due jobs of a store, earliest first; for each it asks the trigger for the following time,
*claims* the occurrence in the store (compare the job's revision and set the following time, one atomic step), and only then hands a run to an
executor. A run *begins* once, is called, and is finished; whoever does not win the claim or the begin does nothing. Nothing is done for jobs
that are not due. Times inside are integers, microseconds of UTC since 1970 (names that end in `_us`); datetimes are for the users of the
module. The event loop's thread owns the timer and the runs; other threads reach it through one inbox.

The rooms of this file, each using only those above it:

    Errors         what can be caught
    Events         codes, event objects, listeners
    Time           the clock, time zones, local times that a clock change skips or repeats
    Triggers       when a job runs: date, interval, cron, and, or
    Jobs           what runs: the function, its arguments and options
    Records        one run from its claim to its end
    Stores         where jobs are kept and who is due
    Executors      where functions are called
    Configuration  options from keywords, dictionaries and strings
    Scheduler      all of it together
    Simulation     the same on a clock that does not wait
    Dotted names   asyncz.schedulers.asyncio and the like, from this one file
    Command line   python -m asyncz

The public names, by kind: scheduler `AsyncIOScheduler`, `BaseScheduler`, `SchedulerState`; job `Job`; triggers `DateTrigger`,
`IntervalTrigger`, `CronTrigger`, `AndTrigger`, `OrTrigger`, `BaseTrigger`; stores `MemoryStore`, `SQLiteStore`, `RedisStore`,
`MongoDBStore`, `BaseStore`; runs `RunInfo`, `current_run`; executors `AsyncIOExecutor`, `ThreadPoolExecutor`, `ProcessPoolExecutor`,
`DebugExecutor`, `BaseExecutor`; events `SchedulerEvent`, `JobEvent`, `JobSubmissionEvent`,
`JobExecutionEvent` and the codes; errors `AsynczException` and its children; `simulate`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
import heapq
import inspect
import itertools
import logging
import operator
import os
import re
import signal
import sys
import threading
import time
import types
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from dataclasses import Field, dataclass, field, fields
from datetime import date, datetime, timedelta, timezone, tzinfo
from datetime import time as clock_time
from enum import Enum
from typing import Any, TypeVar, cast

__version__ = "1.0.0"

__all__ = [
    "ALL_EVENTS",
    "ALL_JOBS_REMOVED",
    "EXECUTOR_ADDED",
    "EXECUTOR_REMOVED",
    "JOB_ADDED",
    "JOB_ERROR",
    "JOB_EXECUTED",
    "JOB_MAX_INSTANCES",
    "JOB_MISSED",
    "JOB_MODIFIED",
    "JOB_REMOVED",
    "JOB_SUBMITTED",
    "SCHEDULER_PAUSED",
    "SCHEDULER_RESUMED",
    "SCHEDULER_SHUTDOWN",
    "SCHEDULER_START",
    "SCHEDULER_STARTED",
    "STORE_ADDED",
    "STORE_REMOVED",
    "UNSET",
    "AndTrigger",
    "AsyncIOExecutor",
    "AsyncIOScheduler",
    "AsynczException",
    "BaseExecutor",
    "BaseScheduler",
    "BaseStore",
    "BaseTrigger",
    "ConflictIdError",
    "CronTrigger",
    "DateTrigger",
    "DebugExecutor",
    "IntervalTrigger",
    "Job",
    "JobEvent",
    "JobExecutionEvent",
    "JobLookupError",
    "JobSubmissionEvent",
    "MaximumInstancesError",
    "MemoryStore",
    "MongoDBStore",
    "OrTrigger",
    "ProcessPoolExecutor",
    "RedisStore",
    "RunInfo",
    "RunInterruptedError",
    "SQLiteStore",
    "SchedulerAlreadyRunningError",
    "SchedulerEvent",
    "SchedulerNotRunningError",
    "SchedulerState",
    "ThreadPoolExecutor",
    "current_run",
    "simulate",
]


class _Unset(Enum):
    """The type of `UNSET`, which says that an argument was not given where None means something."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = _Unset.UNSET

_LOGGER = logging.getLogger("asyncz")


# === Errors ===
# What can be caught: one family, each member also the built-in error that one would catch by habit.
# A message says what was written, what is wrong with it, and what would be right.


class AsynczException(Exception):
    """The parent of all errors of this module."""


class JobLookupError(AsynczException, LookupError):
    """There is no job with that id."""


class ConflictIdError(AsynczException, KeyError):
    """A job with that id is there already."""

    __str__ = Exception.__str__  # KeyError's would print the message in quotes


class MaximumInstancesError(AsynczException, RuntimeError):
    """As many runs of the job as its `max_instances` allows are in progress."""


class RunInterruptedError(AsynczException, RuntimeError):
    """A run had begun when its process died, or lost its store for longer than its lease.

    owner: the random id of the scheduler that ran it. started_at: when it began, an aware datetime.
    """

    def __init__(self, message: str = "", *, owner: str | None = None, started_at: datetime | None = None) -> None:
        super().__init__(message)
        self.owner = owner
        self.started_at = started_at


class SchedulerAlreadyRunningError(AsynczException, RuntimeError):
    """The call needs a scheduler that is stopped."""


class SchedulerNotRunningError(AsynczException, RuntimeError):
    """The call needs a scheduler that is started."""


def _nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the known name most like `name`, or an empty string."""
    import difflib  # here, because only a mistake needs it

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, sorted(names))) or "none"


# === Events ===
# What happened, told to listeners: each code is a bit of its own, a listener hears those in its mask, in the thread where it happens.
# A listener that raises is logged, and the others still hear.

SCHEDULER_STARTED = SCHEDULER_START = 1 << 0
SCHEDULER_SHUTDOWN = 1 << 1
SCHEDULER_PAUSED = 1 << 2
SCHEDULER_RESUMED = 1 << 3
EXECUTOR_ADDED = 1 << 4
EXECUTOR_REMOVED = 1 << 5
STORE_ADDED = 1 << 6
STORE_REMOVED = 1 << 7
ALL_JOBS_REMOVED = 1 << 8
JOB_ADDED = 1 << 9
JOB_REMOVED = 1 << 10
JOB_MODIFIED = 1 << 11
JOB_EXECUTED = 1 << 12
JOB_ERROR = 1 << 13
JOB_MISSED = 1 << 14
JOB_SUBMITTED = 1 << 15
JOB_MAX_INSTANCES = 1 << 16
ALL_EVENTS = (1 << 17) - 1


class _Value:
    """What cannot be changed, and is equal to another of its kind with the same values.

    What is derived from it is a frozen dataclass, but for the methods: `dataclass` would compile four more for each class, which takes a
    third of the time to import this module. `__init__` goes past the freezing in the shortest way, as there are three events for each run.
    """

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Value) or type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        shown = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in self._fields() if field.repr)
        return f"{type(self).__qualname__}({shown})"

    def _fields(self) -> tuple[Field[Any], ...]:
        return fields(cast(Any, self))

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in self._fields() if field.compare)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SchedulerEvent(_Value):
    """Something happened to the scheduler.

    code: which, one of the constants above. alias: the store or executor concerned, None where there is none.
    """

    code: int
    alias: str | None = None

    def __init__(self, code: int, alias: str | None = None) -> None:
        values = vars(self)
        values["code"] = code
        values["alias"] = alias


@dataclass(frozen=True, init=False, repr=False, eq=False)
class JobEvent(SchedulerEvent):
    """Something happened to a job: its id, and the alias of its store."""

    job_id: str = ""
    store: str | None = None

    def __init__(self, code: int, alias: str | None = None, job_id: str = "", store: str | None = None) -> None:
        values = vars(self)
        values["code"] = code
        values["alias"] = alias
        values["job_id"] = job_id
        values["store"] = store


@dataclass(frozen=True, init=False, repr=False, eq=False)
class JobSubmissionEvent(JobEvent):
    """A run was handed to an executor (JOB_SUBMITTED), or was not, because too many are in progress (JOB_MAX_INSTANCES).

    scheduled_run_times: aware datetimes, oldest first; of more than 100, the first and the last.
    """

    scheduled_run_times: Sequence[datetime] = ()

    def __init__(
        self,
        code: int,
        alias: str | None = None,
        job_id: str = "",
        store: str | None = None,
        scheduled_run_times: Sequence[datetime] = (),
    ) -> None:
        values = vars(self)
        values["code"] = code
        values["alias"] = alias
        values["job_id"] = job_id
        values["store"] = store
        values["scheduled_run_times"] = scheduled_run_times


@dataclass(frozen=True, init=False, repr=False, eq=False)
class JobExecutionEvent(JobEvent):
    """A run ended (JOB_EXECUTED, JOB_ERROR) or came too late to begin (JOB_MISSED).

    scheduled_run_time: when it was due, aware. return_value: what the function returned. exception: what it raised, with its
    traceback as text.
    """

    scheduled_run_time: datetime | None = None
    return_value: Any = None
    exception: BaseException | None = None
    traceback: str | None = None

    def __init__(
        self,
        code: int,
        alias: str | None = None,
        job_id: str = "",
        store: str | None = None,
        scheduled_run_time: datetime | None = None,
        return_value: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
    ) -> None:
        values = vars(self)
        values["code"] = code
        values["alias"] = alias
        values["job_id"] = job_id
        values["store"] = store
        values["scheduled_run_time"] = scheduled_run_time
        values["return_value"] = return_value
        values["exception"] = exception
        values["traceback"] = traceback


_Listener = Callable[[Any], Any]


class _Listeners:
    """The callbacks of one scheduler, with their masks."""

    def __init__(self) -> None:
        self._entries: tuple[tuple[_Listener, int], ...] = ()  # replaced, never changed: it is read without a lock
        self.mask = 0  # what anybody listens to; an event nobody wants is not even made

    def add(self, callback: _Listener, mask: int) -> None:
        if not callable(callback):
            raise TypeError(f"callback={callback!r}: not callable; give a function, or coroutine function, of one argument, the event")
        if not isinstance(mask, int) or not mask & ALL_EVENTS:
            raise ValueError(f"mask={mask!r}: no event has that code; combine codes such as JOB_EXECUTED | JOB_ERROR")
        self._set((*self._entries, (callback, mask)))

    def remove(self, callback: _Listener) -> None:
        self._set(tuple(entry for entry in self._entries if entry[0] != callback))

    def _set(self, entries: tuple[tuple[_Listener, int], ...]) -> None:
        self._entries = entries
        self.mask = functools.reduce(lambda all_masks, entry: all_masks | entry[1], entries, 0)

    def tell(self, event: SchedulerEvent, start_coroutine: Callable[[Coroutine[Any, Any, Any]], None]) -> None:
        """Call the listeners that want `event`; what a coroutine function returns goes to `start_coroutine`."""
        for callback, mask in self._entries:
            if mask & event.code:
                try:
                    result = callback(event)
                    if result is not None and inspect.iscoroutine(result):
                        start_coroutine(result)
                except Exception:
                    _LOGGER.exception("listener %r raised for %r; the others still hear", callback, event)


# === Time ===
# Inside, an instant is an integer: microseconds of UTC since 1970. Local time exists only here and in the cron trigger.
# A zone is asked for the offset of an instant, never for that of a local time, which may not exist or exist twice (PEP 495).

_UTC = timezone.utc
_EPOCH = datetime(1970, 1, 1, tzinfo=_UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_HOUR = 3600
_DAY = 86400
_FIRST_SECOND = -62_135_596_800 + 2 * _DAY  # what datetime can show, less two days for any offset
_LAST_SECOND = 253_402_300_799 - 2 * _DAY
_LAST_US = _LAST_SECOND * _SECOND_US
_EXACT_US = _SECOND_US << 32  # a float of so many seconds, until 2106, is exact to half a microsecond


class _Clock:
    """The one that everything asks: wall time for what is due, monotonic time for how long to sleep."""

    longest_sleep: float | None = 5.0  # seconds; timers are blind to suspend and to steps of the wall clock, so look again

    monotonic: Callable[[], float] = staticmethod(time.monotonic)  # seconds

    def now_us(self) -> int:
        return time.time_ns() // 1000


def _to_us(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * _DAY + since.seconds) * _SECOND_US + since.microseconds  # a division by a timedelta would take longer


def _from_us(instant_us: int, zone: tzinfo = _UTC) -> datetime:
    if 0 <= instant_us < _EXACT_US:  # most times; not all systems know of those before 1970
        return datetime.fromtimestamp(instant_us / _SECOND_US, zone)
    moment = _EPOCH + timedelta(microseconds=instant_us)
    return moment if zone is _UTC else moment.astimezone(zone)


_LATEST_MOMENT: list[tuple[int, tzinfo, datetime]] = [(0, _UTC, _EPOCH)]


def _moment(instant_us: int, zone: tzinfo) -> datetime:
    """Return an instant as a datetime, the same one as before for all who are told of the same instant in a row."""
    latest = _LATEST_MOMENT[0]  # read once, as other threads tell, too
    if latest[0] != instant_us or latest[1] is not zone:
        latest = _LATEST_MOMENT[0] = (instant_us, zone, _from_us(instant_us, zone))
    return latest[2]


def _shown(instant_us: int | None, zone: tzinfo) -> str:
    """Return an instant as people read it, to the second unless it has a fraction."""
    if instant_us is None:
        return "never"
    moment = _from_us(instant_us, zone)
    return f"{moment:%Y-%m-%d %H:%M:%S.%f %Z}" if moment.microsecond else f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _parsed(value: object, field: str) -> datetime:
    """Return the datetime, naive or aware, that a datetime, date or ISO 8601 string means."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(_canonical(value.strip()))
        except ValueError:
            pass
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{field}={value!r}: not a date and time; give a datetime, a date, or an ISO 8601 string such as '2026-12-01 08:00'")


_ISO_8601 = (  # patterns are compiled, and kept by `re`, when they are first needed
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?\s*(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)?)?"
)


def _canonical(text: str) -> str:
    """Return an ISO 8601 string in the one form that `fromisoformat` takes before Python 3.11."""
    match = re.fullmatch(_ISO_8601, text)
    if match is None:
        return text
    year, month, day, hour, minute, second, fraction, utc, offset_hours, offset_minutes = match.groups()
    zone = "+00:00" if utc else f"{offset_hours}:{offset_minutes or '00'}" if offset_hours else ""
    return f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}.{(fraction or '')[:6]:0<6}{zone}"


def _instant_us(value: object, zone: tzinfo, field: str) -> int:
    """Return the instant of a datetime, date or ISO 8601 string; a naive one is local time in `zone`."""
    moment = _parsed(value, field)
    return _offsets(zone).to_us(moment) if moment.utcoffset() is None else _to_us(moment)


_Segment = tuple[int, int, int, int]  # start, end, offset in between, offset before start: seconds in which a zone has one offset


class _Offsets:
    """The UTC offsets of one time zone, in seconds, as segments of constant offset.

    Found by asking the zone for the offset at instants a week apart and halving where it differs: `tzinfo` has no list of its changes, and
    since 1970 no zone has gone there and back within a week. Computed in blocks of six days, when needed, and kept.
    """

    _BLOCK = 6 * _DAY

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._blocks: dict[int, list[_Segment]] = {}
        self._latest: _Segment = (0, 0, 0, 0)
        self._around: list[_Segment] = []  # of the days around a change that was last come to from afar
        if isinstance(zone, timezone):  # one offset for all times
            offset = self._offset_at(0)
            self._latest = (_FIRST_SECOND - 2 * _DAY, _LAST_SECOND + 2 * _DAY, offset, offset)

    def segment(self, second: int) -> _Segment:
        """Return the segment of the instant `second`. It may end where its block does, with the same offset after it."""
        latest = self._latest  # a speed-up: schedules ask again and again for the same days
        if latest[0] <= second < latest[1]:
            return latest
        for found in self._around:
            if found[0] <= second < found[1]:
                self._latest = found
                return found
        number = second // self._BLOCK
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._scan(number * self._BLOCK, (number + 1) * self._BLOCK)
        found = next(segment for segment in block if second < segment[1])
        self._latest = found
        return found

    def steady_offset(self, wall: int) -> int | None:
        """Return the offset at a local time if it is the same from a day before to two days after it: then that time is there once."""
        start, end = wall - _DAY, wall + 2 * _DAY
        if start < _DAY or end > _LAST_SECOND:
            return None
        offset = datetime.fromtimestamp(start - _DAY, self.zone).utcoffset()  # as in `_scan`
        if offset is None or offset != datetime.fromtimestamp(end - 1, self.zone).utcoffset():
            self._around = self._scan(start, end)
            return None
        seconds = offset.days * _DAY + offset.seconds
        self._latest = (start, end, seconds, seconds)  # who asks next is likely to begin here
        return seconds

    def to_us(self, local: datetime) -> int:
        """Return the instant of a naive local time; where there are two, or none, `fold` decides as in PEP 495."""
        wall_us = (local - datetime(1970, 1, 1)) // _MICROSECOND
        wall = wall_us // _SECOND_US
        before, after = self.segment(wall - _DAY)[2], self.segment(wall + _DAY)[2]
        valid = {offset for offset in (before, after) if self.segment(wall - offset)[2] == offset}
        if len(valid) == 1:
            return wall_us - valid.pop() * _SECOND_US
        offset = after if local.fold else before
        return wall_us - offset * _SECOND_US

    def _offset_at(self, second: int) -> int:
        if 0 <= second <= _LAST_SECOND:  # not all systems know of times before 1970
            offset = datetime.fromtimestamp(second, self.zone).utcoffset()
        else:
            offset = _from_us(min(max(second, _FIRST_SECOND), _LAST_SECOND) * _SECOND_US, self.zone).utcoffset()
        assert offset is not None
        return offset.days * _DAY + offset.seconds

    def _scan(self, start: int, end: int) -> list[_Segment]:
        """Return the segments from `start` to `end`; from a day before, so that the first ones know of a change that has just been."""
        segments: list[_Segment] = []
        at = start - _DAY
        before = offset = self._offset_at(at)
        last = self._offset_at(end - 1)
        while offset != last:
            change = self._first_change(at, end - 1, offset)
            segments.append((at, change, offset, before))
            before, offset, at = offset, self._offset_at(change), change
        segments.append((at, end, offset, before))
        segments[0] = (start, *segments[0][1:])  # what was before that day it does not know
        return segments

    def _first_change(self, low: int, high: int, offset: int) -> int:
        while high - low > 1:
            if high - low >= 2 * _HOUR:  # most changes are at a full hour, nearly all others at a quarter of one
                middle = (low + high) // (2 * _HOUR) * _HOUR
            elif high - low >= 1800 and high % _HOUR:
                middle = (low + high) // 1800 * 900
            elif high % 900 == 0:
                middle = high - 1
            else:
                middle = (low + high) // 2
            if self._offset_at(middle) == offset:
                low = middle
            else:
                high = middle
        return high


_OFFSETS: dict[int, _Offsets] = {}  # by id, since tzinfo objects need not be hashable; each entry keeps its zone, so that ids stay true


def _offsets(zone: tzinfo) -> _Offsets:
    found = _OFFSETS.get(id(zone))
    if found is None:
        if len(_OFFSETS) > 500:  # somebody makes zones by the thousand
            _OFFSETS.clear()
        found = _OFFSETS[id(zone)] = _Offsets(zone)
    return found


def _named_zone(name: str) -> tzinfo:
    """Return the zone of that name. Raises ValueError where it is unknown, or where there is no time zone database."""
    if name.upper() in ("UTC", "ETC/UTC"):
        return _UTC
    import zoneinfo  # here, because a schedule in UTC needs none of it

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
    if not known:
        raise ValueError(
            f"timezone={name!r}: this Python finds no time zone database; install the package tzdata"
            " (pip install tzdata), or the system's own (on Debian: apt-get install tzdata)"
        )
    raise ValueError(f"timezone={name!r}: no such time zone{_nearest(name, known)}; names are like 'Europe/Paris' or 'UTC'")


def _timezone(value: object) -> tzinfo:
    """Return the zone that a name, a tzinfo (a pytz zone is one), or None (the local zone) means."""
    if value is None:
        return _local_zone()
    if isinstance(value, tzinfo):
        return _UTC if value is _UTC or str(value) == "UTC" else value
    if isinstance(value, str):
        return _named_zone(value)
    raise TypeError(f"timezone={value!r}: not a time zone; give a name such as 'Europe/Paris', or a tzinfo object")


class _SystemZone(tzinfo):
    """The system's own rules (localtime(3)), for where the local zone has no name that a database knows."""

    def fromutc(self, dt: datetime) -> datetime:
        local = time.localtime(_to_us(dt.replace(tzinfo=_UTC)) // _SECOND_US)
        shifted = dt + timedelta(seconds=local.tm_gmtoff)
        return shifted.replace(fold=int(self.utcoffset(shifted.replace(fold=0)) != timedelta(seconds=local.tm_gmtoff)))

    def utcoffset(self, dt: datetime | None) -> timedelta:
        return timedelta(seconds=self._local(dt).tm_gmtoff)

    def tzname(self, dt: datetime | None) -> str:
        return self._local(dt).tm_zone

    def dst(self, dt: datetime | None) -> None:
        return None

    def _local(self, dt: datetime | None) -> time.struct_time:
        if dt is None:
            return time.localtime()
        naive = dt.replace(tzinfo=None)
        guess = time.localtime((naive - datetime(1970, 1, 1)).total_seconds() - _DAY).tm_gmtoff
        first = time.localtime((naive - datetime(1970, 1, 1)).total_seconds() - guess)
        if not dt.fold:
            return first
        later = time.localtime((naive - datetime(1970, 1, 1)).total_seconds() + _DAY)
        return time.localtime((naive - datetime(1970, 1, 1)).total_seconds() - later.tm_gmtoff)

    def __repr__(self) -> str:
        return f"<local zone {'/'.join(time.tzname)}>"


_LOCALTIME = "/etc/localtime"
_TIMEZONE_FILE = "/etc/timezone"
_POSIX_RULE = r"(<[^>]+>|[A-Za-z]{3,})[+-]?\d"  # as in TZ=CET-1CEST,M3.5.0,M10.5.0/3; see tzset(3)
_SYSTEM_ZONE = _SystemZone()


def _local_zone() -> tzinfo:
    """Return the local zone: of TZ, else of /etc/localtime, else of /etc/timezone, else the system's rules without a name."""
    return _found_local_zone(os.environ.get("TZ"), _LOCALTIME, _TIMEZONE_FILE)


@functools.lru_cache(maxsize=16)
def _found_local_zone(setting: str | None, link: str, file: str) -> tzinfo:
    if setting is not None:
        name = setting.lstrip(":")
        return _zone_of_setting(name) if name else _UTC  # an empty TZ means UTC, tzset(3)
    for named in (_name_by_link(link), _name_in_file(file)):
        zone = _zone_if_known(named) if named else None
        if zone is not None:
            return zone
    return _SYSTEM_ZONE


def _zone_of_setting(name: str) -> tzinfo:
    if os.path.isabs(name):
        name = name.rpartition("zoneinfo/")[2]
    zone = _zone_if_known(name)
    if zone is None:
        return _SYSTEM_ZONE if re.match(_POSIX_RULE, name) or os.path.isabs(name) else _named_zone(name)
    return zone


def _zone_if_known(name: str) -> tzinfo | None:
    try:
        return _named_zone(name)
    except ValueError:
        return None


def _name_by_link(link: str) -> str | None:
    try:
        target = os.readlink(link)  # one step: the database's own links lead to other names of the zone
    except OSError:
        return None
    return re.sub("^(posix|right)/", "", target.partition("zoneinfo/")[2]) or None


def _name_in_file(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


# === Triggers ===
# A trigger is a function from one run time to the next, without state: asked twice, it answers the same.
# Local times that a clock change skips or repeats: see CronTrigger. Intervals are elapsed time, which no clock change touches.


_USER_TRIGGERS: weakref.WeakValueDictionary[str, type[BaseTrigger]] = weakref.WeakValueDictionary()  # by what records call them


class BaseTrigger(ABC):
    """What decides when a job runs. A subclass of your own implements `get_next_trigger_time`."""

    __slots__ = ()
    record_name: str | None = None  # what a record calls the class of a user's trigger; the name of the class where not given
    _jitter_us = 0

    @abstractmethod
    def get_next_trigger_time(self, previous_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first run time after `previous_time`, or None when the schedule is over.

        previous_time: the run time before, aware; None for the first. now: aware; decides only where the first run is.
        """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__ != __name__:
            _USER_TRIGGERS[vars(cls).get("record_name") or cls.__name__] = cls
        if "_compute_us" in vars(cls):
            setattr(cls, "_after_us", cls._compute_us)
            setattr(cls, "_next_us", BaseTrigger._next_us)
        elif "get_next_trigger_time" in vars(cls):  # what a user's class says counts, also when it extends a trigger of ours
            setattr(cls, "_after_us", BaseTrigger._after_us)
            setattr(cls, "_next_us", BaseTrigger._after_us)
            setattr(cls, "_catch_up_us", BaseTrigger._catch_up_us)

    def _compute_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        raise NotImplementedError

    def _after_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        """Ask `get_next_trigger_time`, in `zone`, and check the answer: one that does not move on would run for ever."""
        previous = None if previous_us is None else _from_us(previous_us, zone)
        following = self.get_next_trigger_time(previous, _from_us(now_us, zone))
        if following is None:
            return None
        if not isinstance(following, datetime) or following.utcoffset() is None:
            raise TypeError(f"{self!r} returned {following!r}; it must return an aware datetime, or None when it is over")
        following_us = _to_us(following)
        if previous_us is not None and following_us <= previous_us:
            raise ValueError(f"{self!r} returned {following}, which is not after the time before, {previous}; it must return a later one")
        return following_us

    def _next_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        """Return the next run time with the jitter, if there is any."""
        following = self._after_us(previous_us, now_us, zone)
        if not self._jitter_us or following is None:
            return following
        return following + _random_below(self._jitter_us + 1)

    def _bound(self, zone: tzinfo, now_us: int, owned: bool = False) -> BaseTrigger:
        """Return this trigger with what its arguments left open settled: the time zone, and where it starts.

        owned: nobody else has it, so it need not be copied.
        """
        return self

    def _unbound(self) -> BaseTrigger:
        """Return this trigger as it was before it was bound to a start."""
        return self

    def _catch_up_us(self, due_us: int, now_us: int, zone: tzinfo) -> tuple[int, int | None]:
        """Return the last run time up to `now_us`, given that `due_us` is one, and the one after it, without walking all between."""
        last = due_us
        for _ in range(16):  # first in steps, since a user's trigger may be exact only from one of its own times to the next
            following = self._after_us(last, now_us, zone)
            if following is None or following > now_us:
                return last, self._next_us(last, now_us, zone)
            last = following
        low, back = last, _SECOND_US
        while now_us - back > last:  # then look back 1 s, 2 s, 4 s, … for a time that has one after it that is not in the future
            following = self._after_us(now_us - back, now_us, zone)
            if following is not None and following <= now_us:
                low = following
                break
            back *= 2
        return self._halved_us(low, now_us - back // 2, now_us, zone)

    def _halved_us(self, low: int, high: int, now_us: int, zone: tzinfo) -> tuple[int, int | None]:
        """Find the last run time up to `now_us`, where `low` is one and none follows `high`."""
        while True:
            following = self._after_us(low, now_us, zone)
            if following is None or following > now_us:
                return low, self._next_us(low, now_us, zone)
            low = following
            middle = (low + high) // 2
            if middle > low:
                following = self._after_us(middle, now_us, zone)
                if following is None or following > now_us:
                    high = middle
                else:
                    low = following

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments that make an equal trigger; of a class of ours."""
        return {}

    def _own_attributes(self) -> dict[str, Any]:
        """Return the attributes that a user's class has, or has added to a class of ours."""
        own = dict(getattr(self, "__dict__", {}))
        for kind in type(self).__mro__:
            if kind.__module__ == __name__:
                break
            slots: str | Iterable[str] = vars(kind).get("__slots__", ())
            names = [slots] if isinstance(slots, str) else slots
            own.update({name: getattr(self, name) for name in names if name not in ("__dict__", "__weakref__") and hasattr(self, name)})
        return own

    def _shown_arguments(self) -> dict[str, Any]:
        return {**self._arguments(), **self._own_attributes()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseTrigger) or type(self) is not type(other):
            return NotImplemented
        return _comparable(self._shown_arguments()) == _comparable(other._shown_arguments())

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={_plain(value)!r}' for name, value in self._shown_arguments().items())})"


def _comparable(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with time zones as names: a zone by its name and as an object are the same one."""
    return {name: str(value) if isinstance(value, tzinfo) else value for name, value in arguments.items()}


def _plain(value: object) -> object:
    """Return what `repr` is to show for an argument: of a zone its name, of a time its ISO 8601 string."""
    if isinstance(value, tzinfo):
        return str(value)
    return str(value) if isinstance(value, date) else value


class _BuiltinTrigger(BaseTrigger):
    """What our triggers share: a zone, bounds, and the two faces of one computation (`_compute_us`, in microseconds)."""

    __slots__ = ("_end_us", "_jitter_us", "_start_us", "_zone_given", "end_at", "start_at", "timezone")

    def __init__(self, start_at: object, end_at: object, zone: object, jitter: object) -> None:
        self._zone_given = zone is not None
        self.start_at = None if start_at is None else _parsed(start_at, "start_at")
        self.end_at = None if end_at is None else _parsed(end_at, "end_at")
        self.timezone = _timezone(zone)
        self._jitter_us = 0 if jitter is None else _jitter_us(jitter)
        self._set_bounds()
        if self._start_us is not None and self.end_at is not None and self._end_us < self._start_us:
            raise ValueError(f"end_at={end_at!r}: before start_at={start_at!r}; it must be at or after it")

    def _set_bounds(self) -> None:
        self._start_us = None if self.start_at is None else _instant_us(self.start_at, self.timezone, "start_at")
        self._end_us = _LAST_US if self.end_at is None else min(_instant_us(self.end_at, self.timezone, "end_at"), _LAST_US)

    @property
    def jitter(self) -> float | None:
        """The longest random delay of a run, in seconds; None for none."""
        return self._jitter_us / _SECOND_US or None

    def get_next_trigger_time(self, previous_time: datetime | None, now: datetime) -> datetime | None:
        """Return the first run time after `previous_time`, or None when the schedule is over.

        previous_time: the run time before; None for the first. now: decides only where the first run is. The result is in the trigger's
        time zone. Raises ValueError for naive datetimes.
        """
        previous_us = None if previous_time is None else _aware_us(previous_time, "previous_time")
        now_us = previous_us if previous_us is not None and now is previous_time else _aware_us(now, "now")
        following = self._compute_us(previous_us, now_us, self.timezone)
        if following is None:
            return None
        return _from_us(following + (_random_below(self._jitter_us + 1) if self._jitter_us else 0), self.timezone)

    def _bound(self, zone: tzinfo, now_us: int, owned: bool = False) -> BaseTrigger:
        if self._zone_given or self.timezone is zone or str(self.timezone) == str(zone):
            return self
        bound = self if owned else self._copy()
        bound.timezone = zone
        bound._set_bounds()
        return bound

    def _copy(self) -> _BuiltinTrigger:
        kind = type(self)
        twin = kind.__new__(kind)
        for name in _slots_of(kind):
            setattr(twin, name, getattr(self, name))
        if kind.__module__ != __name__:
            for name, value in self._own_attributes().items():
                setattr(twin, name, value)
        return twin

    def _options(self) -> dict[str, Any]:
        """Return the arguments that all have, those not given left out."""
        options = {"start_at": self.start_at, "end_at": self.end_at, "timezone": self.timezone if self._zone_given else None}
        return {name: value for name, value in {**options, "jitter": self.jitter}.items() if value is not None}

    def _binding(self) -> dict[str, Any]:
        """Return what it got from its scheduler: the time zone; and where an interval's grid lies."""
        return {} if self._zone_given else {"zone": self.timezone}

    def _bind(self, binding: Mapping[str, Any]) -> None:
        if "zone" in binding:
            self.timezone = binding["zone"]
            self._set_bounds()

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), self._arguments(), self._own_attributes(), self._binding())


@functools.cache
def _slots_of(kind: type[BaseTrigger]) -> tuple[str, ...]:
    return tuple(name for base in kind.__mro__ if base.__module__ == __name__ for name in vars(base).get("__slots__", ()))


def _remade(kind: type[BaseTrigger], arguments: dict[str, Any], own: dict[str, Any], binding: dict[str, Any]) -> BaseTrigger:
    """Make a trigger again; what a user's class has added is set as it was, since its `__init__` may take something else."""
    trigger = kind.__new__(kind)
    ours: Any = next(base for base in kind.__mro__ if base.__module__ == __name__)
    if "expression" in arguments:
        trigger = cast(Any, kind).from_crontab(**arguments)
    else:
        ours.__init__(trigger, **arguments)
    for name, value in own.items():
        setattr(trigger, name, value)
    if isinstance(trigger, _BuiltinTrigger):
        trigger._bind(binding)
    return trigger


def _random_below(limit: int) -> int:
    import random  # here, because only jitter and shared stores need it

    return random.randrange(limit)


def _aware_us(moment: datetime, field: str) -> int:
    try:
        return _to_us(moment)
    except TypeError:  # something else, or naive
        raise ValueError(f"{field}={moment!r}: not an aware datetime; give one with a tzinfo") from None


def _jitter_us(jitter: object) -> int:
    if isinstance(jitter, bool) or not isinstance(jitter, (int, float)) or not 0 <= jitter < float("inf"):
        raise ValueError(f"jitter={jitter!r}: not a number of seconds, 0 or more")
    return round(jitter * _SECOND_US)


class DateTrigger(_BuiltinTrigger):
    """Runs once, at `run_at`: a datetime, a date or an ISO 8601 string, local in `timezone` where naive; None means at once."""

    __slots__ = ("_run_us", "run_at")

    def __init__(self, run_at: datetime | date | str | None = None, timezone: str | tzinfo | None = None) -> None:
        self.run_at = None if run_at is None else _parsed(run_at, "run_at")
        super().__init__(None, None, timezone, None)

    def _set_bounds(self) -> None:
        super()._set_bounds()
        self._run_us = None if self.run_at is None else min(_instant_us(self.run_at, self.timezone, "run_at"), _LAST_US)

    def _compute_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        run_us = self._run_us
        if run_us is None:
            return now_us if previous_us is None else None
        return run_us if previous_us is None or previous_us < run_us else None

    def _arguments(self) -> dict[str, Any]:
        return {"run_at": self.run_at, **self._options()} if self.run_at else self._options()

    def __str__(self) -> str:
        return f"date[{'now' if self._run_us is None else _shown(self._run_us, self.timezone)}]"


_INTERVAL_UNITS = ("weeks", "days", "hours", "minutes", "seconds")


class IntervalTrigger(_BuiltinTrigger):
    """Runs at equal distances of elapsed time, on a fixed grid from `start_at` (the first `now` + the interval where not given).

    weeks … seconds: their sum is the interval; fractions are allowed, to the microsecond. start_at, end_at: datetime, date or ISO 8601
    string; the last run is at or before `end_at`. jitter: each run is late by a random time up to that many seconds.
    Raises ValueError for an interval that is not positive.
    """

    __slots__ = ("_anchor_us", "_step_us")

    def __init__(
        self,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
        start_at: datetime | date | str | None = None,
        end_at: datetime | date | str | None = None,
        timezone: str | tzinfo | None = None,
        jitter: float | None = None,
    ) -> None:
        self._step_us = _interval_us(weeks, days, hours, minutes, seconds)
        self._anchor_us: int | None = None  # where the grid lies when no start is given; set when a job gets the trigger
        super().__init__(start_at, end_at, timezone, jitter)

    @property
    def interval(self) -> timedelta:
        """The distance from one run to the next."""
        return timedelta(microseconds=self._step_us)

    def _compute_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        step, start = self._step_us, self._start_us
        if start is None:
            after = now_us if previous_us is None else previous_us
            following = after + step if self._anchor_us is None else after + step - (after - self._anchor_us) % step
        else:
            after = now_us - 1 if previous_us is None else previous_us
            following = start if after < start else after + step - (after - start) % step
        return following if following <= self._end_us else None

    def _catch_up_us(self, due_us: int, now_us: int, zone: tzinfo) -> tuple[int, int | None]:
        limit = min(now_us, self._end_us)
        anchor = self._anchor_us if self._start_us is None else self._start_us
        anchor = due_us if anchor is None else anchor
        last = max(due_us, limit - (limit - anchor) % self._step_us)
        return last, self._next_us(last, now_us, zone)

    def _bound(self, zone: tzinfo, now_us: int, owned: bool = False) -> BaseTrigger:
        bound = cast(IntervalTrigger, super()._bound(zone, now_us, owned))
        if self._start_us is not None or self._anchor_us is not None:
            return bound
        if bound is self and not owned:
            bound = cast(IntervalTrigger, self._copy())
        bound._anchor_us = now_us
        return bound

    def _binding(self) -> dict[str, Any]:
        return {**super()._binding(), **({} if self._anchor_us is None else {"anchor": self._anchor_us})}

    def _bind(self, binding: Mapping[str, Any]) -> None:
        super()._bind(binding)
        self._anchor_us = binding.get("anchor")

    def _unbound(self) -> BaseTrigger:
        free = cast(IntervalTrigger, self._copy())
        free._anchor_us = None
        return free

    def _arguments(self) -> dict[str, Any]:
        return {"seconds": _shortest(self._step_us / _SECOND_US), **self._options()}

    def __str__(self) -> str:
        return f"interval[{self.interval}]"


def _shortest(number: float) -> float:
    return int(number) if number == int(number) else number


def _interval_us(*units: float) -> int:
    """Return an interval from its weeks, days, hours, minutes and seconds."""
    for unit, value in zip(_INTERVAL_UNITS, units):
        if value.__class__ is not int and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise TypeError(f"{unit}={value!r}: not a number; give a number of {unit}, such as {unit}=2")
    weeks, days, hours, minutes, seconds = units
    seconds = weeks * 7 * _DAY + days * _DAY + hours * _HOUR + minutes * 60 + seconds
    interval_us = round(seconds * _SECOND_US) if seconds * _SECOND_US < 2**62 else None
    if interval_us is None or interval_us <= 0:
        given = ", ".join(f"{unit}={value!r}" for unit, value in zip(_INTERVAL_UNITS, units) if value) or "no argument"
        if interval_us is None:
            raise ValueError(f"IntervalTrigger: {given}: the interval is too long")
        raise ValueError(f"IntervalTrigger: {given}: the interval is {seconds:g} seconds; it must be more than zero, as in minutes=5")
    return interval_us


_CRON_FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
_CRON_RANGES = {
    "year": (1970, 9999),
    "month": (1, 12),
    "day": (1, 31),
    "week": (1, 53),
    "day_of_week": (0, 6),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
_CRON_MINIMA = {"month": "1", "day": "1", "week": "*", "day_of_week": "*", "hour": "0", "minute": "0", "second": "0"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ORDINALS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": -1}
_CRON_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGE_PATTERN = r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?"
_NTH_PATTERN = rf"(?P<nth>{'|'.join(_ORDINALS)})\s+(?P<weekday>{'|'.join(_WEEKDAYS)})"
_CRONTAB_NTH_PATTERN = rf"(?P<weekday>{'|'.join(_WEEKDAYS)}|[0-7])(?:(?P<last>l)|#(?P<n>[1-5]))"


class _Field:
    """One cron field: the numbers it matches as bits, and those of its days that depend on the month."""

    __slots__ = ("bits", "last_day", "last_workday", "nth", "star", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.star = text.startswith("*")  # what crontab(5) calls unrestricted, and cron's clock change rule a wildcard
        self.bits = 0
        self.nth: tuple[tuple[int, int], ...] = ()  # (n, weekday) with n from 1, or -1 for the last
        self.last_day = False
        self.last_workday = False

    def days_of_month(self, shift: int, length: int) -> int:
        """Return the days, as bits from 1, that this field names by what month it is; `shift` is the weekday of the first."""
        bits = 1 << length if self.last_day else 0
        if self.last_workday:
            weekday = (shift + length - 1) % 7
            bits |= 1 << (length - max(weekday - 4, 0))
        for nth, weekday in self.nth:
            first = 1 + (weekday - shift) % 7
            day = first + 7 * ((length - first) // 7 if nth == -1 else nth - 1)
            bits |= 1 << day if day <= length else 0
        return bits


class _FieldParser:
    """Parses the expressions of one field, in one of two dialects: keyword arguments, or crontab(5) with its Sundays 0 and 7."""

    def __init__(self, field: str, crontab: bool) -> None:
        self.field = field
        self.crontab = crontab
        self.low, self.high = _CRON_RANGES[field]
        self.names: tuple[str, ...] = _MONTHS if field == "month" else _WEEKDAYS if field == "day_of_week" else ()
        self.from_sunday = crontab and field == "day_of_week"

    def parse(self, text: str) -> _Field:
        result = _Field(text.strip().lower())
        for item in result.text.split(","):
            if not self._parse_day(item.strip(), result):
                result.bits |= self._parse_range(item.strip(), text)
        return result

    def _parse_day(self, item: str, result: _Field) -> bool:
        """Parse what names a day by what month it is; return False for anything else."""
        if self.field == "day" and item == ("l" if self.crontab else "last"):
            result.last_day = True
        elif self.field == "day" and self.crontab and item == "lw":
            result.last_workday = True
        elif self.field == "day" and not self.crontab and (match := re.fullmatch(_NTH_PATTERN, item)):
            result.nth += ((_ORDINALS[match["nth"]], _WEEKDAYS.index(match["weekday"])),)
        elif self.from_sunday and (match := re.fullmatch(_CRONTAB_NTH_PATTERN, item)):
            result.nth += ((-1 if match["last"] else int(match["n"]), self._number(match["weekday"], item) % 7),)
        else:
            return False
        return True

    def _parse_range(self, item: str, text: str) -> int:
        match = re.fullmatch(_RANGE_PATTERN, item)
        if not match or (match["first"] == "*" and match["last"]):
            raise self._error(text, f"{item!r} is not understood")
        first, last = self._bounds(match, text)
        step, longest = int(match["step"] or 1), self.high - self.low + 1
        if not 1 <= step <= longest:
            raise self._error(text, f"the step of {item!r} is not in 1-{longest}")
        if first > last:
            low, high = (self.names[0], self.names[-1]) if self.names else (self.low, self.high)
            raise self._error(text, f"{item!r} runs backwards, write {match['first']}-{high},{low}-{match['last']}")
        if step == 1 and first >= 0:
            return (2 << last) - (1 << first)
        return functools.reduce(lambda bits, number: bits | 1 << (number % 7 if self.from_sunday else number), range(first, last + 1, step), 0)

    def _bounds(self, match: re.Match[str], text: str) -> tuple[int, int]:
        low, high = (-1, 5) if self.from_sunday else (self.low, self.high)
        if match["first"] == "*":
            return low, high
        first = self._number(match["first"], text)
        if not match["last"]:
            return first, max(first, high) if match["step"] else first
        last = self._number(match["last"], text)
        return first, 6 if self.from_sunday and match["last"] == "sun" and first >= 0 else last  # as in sat-sun

    def _number(self, word: str, text: str) -> int:
        """Return the number of a word. A weekday of crontab(5) is from -1, for Sunday as 0, to 6, for Sunday as 7."""
        if word in self.names:
            number = self.names.index(word)
            return number + self.low if not self.from_sunday or number < 6 else -1
        if not word.isdigit() or not word.isascii():
            raise self._error(text, f"{word!r} is not understood")
        number = int(word)
        high = 7 if self.from_sunday else self.high
        if number < self.low or number > high:
            raise self._error(text, f"{number} is {f'more than {high}' if number > high else f'less than {self.low}'}")
        return number - 1 if self.from_sunday else number

    def _error(self, text: str, problem: str) -> ValueError:
        numbers = "0-7" if self.from_sunday else f"{self.low}-{self.high}"
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        more = ""
        if self.field == "day":
            more = ", L, LW" if self.crontab else ", last, 1st mon to 5th sun, last mon to last sun"
        elif self.from_sunday:
            more = ", 5L, mon#2"
        takes = f"{self.field} takes {numbers}{names}, *, */n, a-b, a-b/n, a/n{more}, or a list of these with commas"
        return ValueError(f"{self.field}={text!r}: {problem}; {takes}")


@functools.lru_cache(maxsize=512)
def _parsed_field(field: str, text: str, crontab: bool) -> _Field:
    return _FieldParser(field, crontab).parse(text)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # of the months


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _new_year(year: int) -> int:
    return date(year, 1, 1).toordinal() - _EPOCH_ORDINAL


class _CronTable:
    """When a cron expression matches, on a clock that has no time zone: a `wall` is seconds since 1970 on it."""

    def __init__(self, fields: dict[str, _Field], crontab: bool) -> None:
        self._seconds, self._minutes, self._hours = fields["second"].bits, fields["minute"].bits, fields["hour"].bits
        self._months, self._day, self._weekday = fields["month"].bits, fields["day"], fields["day_of_week"]
        self._years = None if fields["year"].text == "*" else fields["year"].bits
        self._last_year = 9999 if self._years is None else self._years.bit_length() - 1
        self._weeks = None if fields["week"].text == "*" else fields["week"].bits
        self._either_day = crontab and not self._day.star and not self._weekday.star  # crontab(5): then one of the two is enough
        self.wildcard = any(fields[name].star for name in ("second", "minute", "hour"))
        self._first_second = _lowest(self._hours) * 3600 + _lowest(self._minutes) * 60 + _lowest(self._seconds)  # of a day
        self._days: dict[int, int] = {}  # by the kind of year: the days that match, as bits from 0
        self._latest = (0, 0, 0, 0)  # the year last asked about, its first day since 1970, its length, and its matching days

    def first_wall(self) -> int | None:
        """Return a match, or None if there never is one; the days of the calendar repeat after 400 years."""
        return self.next_wall(_new_year(2000 if self._years is None else _lowest(self._years)) * _DAY)

    def next_wall(self, wall: int) -> int | None:
        """Return the first match at or after `wall`, or None if there is none before the year 10000."""
        today, second = divmod(wall, _DAY)
        year, first, length, days = self._latest
        if not 0 <= today - first < length:
            year = date.fromordinal(today + _EPOCH_ORDINAL).year
            first, length, days = self._year(year, _new_year(year))
        days >>= today - first
        if days & 1:
            found = self._next_second(second)
            if found >= 0:
                return wall - second + found
        days >>= 1
        today += 1
        while not days:
            if year >= self._last_year:
                return None
            if self._years is None:
                year, first = year + 1, first + length
            else:
                year += 1 + _lowest(self._years >> year + 1)
                first = _new_year(year)
            today, length, days = self._year(year, first)
        return (today + _lowest(days)) * _DAY + self._first_second

    def _next_second(self, second: int) -> int:
        """Return the first matching second of a day at or after `second`, or -1."""
        hour, rest = divmod(second, 3600)
        if self._hours >> hour & 1:
            minute, rest = divmod(rest, 60)
            minutes = self._minutes >> minute
            if minutes & 1:
                seconds = self._seconds >> rest
                if seconds:
                    return second + _lowest(seconds)
            minutes >>= 1
            if minutes:
                return hour * 3600 + (minute + 1 + _lowest(minutes)) * 60 + _lowest(self._seconds)
        hours = self._hours >> (hour + 1)
        return (hour + 1 + _lowest(hours)) * 3600 + self._first_second % 3600 if hours else -1

    def _year(self, year: int, first: int) -> tuple[int, int, int]:
        """Return the first day of a year since 1970, which is known, its length, and its matching days."""
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)  # a speed-up, for what is years away: `_is_leap` in place
        # There are 14 kinds of years, and 21 where it matters how many weeks the year before had.
        kind = first % 7 << 2 | leap << 1 | (self._weeks is not None and _is_leap(year - 1))
        days = self._days.get(kind)
        if days is None:
            days = self._days[kind] = self._computed_days(year, (first + 3) % 7)  # 1 January 1970 was a Thursday
        if self._years is not None and not self._years >> year & 1:
            days = 0
        length = 365 + leap
        self._latest = (year, first, length, days)
        return first, length, days

    def _computed_days(self, year: int, weekday: int) -> int:
        """Return the days, as bits from 0, that match in all years of the kind of this one, which begins with that weekday."""
        found = start = 0
        every_week = sum(self._weekday.bits << 7 * week for week in range(6))
        for month in range(1, 13):
            length = 29 if month == 2 and _is_leap(year) else _LENGTHS[month]
            if self._months >> month & 1:
                shift = (weekday + start) % 7
                by_day = self._day.bits | self._day.days_of_month(shift, length)
                by_weekday = every_week >> shift << 1 | self._weekday.days_of_month(shift, length)
                days = (by_day | by_weekday if self._either_day else by_day & by_weekday) & (2 << length) - 2
                found |= days >> 1 << start
            start += length
        if self._weeks is not None:
            new_year = date(year, 1, 1).toordinal()
            in_week = (day for day in range(start) if self._weeks >> date.fromordinal(new_year + day).isocalendar()[1] & 1)
            found &= sum(1 << day for day in in_week)
        return found


@functools.lru_cache(maxsize=512)
def _cron_table(texts: tuple[str, ...], crontab: bool) -> _CronTable:
    fields = {field: _parsed_field(field, text, crontab) for field, text in zip(_CRON_FIELDS, texts)}
    table = _CronTable(fields, crontab)
    if table.first_wall() is None:
        given = ", ".join(f"{field}={text!r}" for field, text in zip(_CRON_FIELDS, texts) if text not in ("*", "0"))
        raise ValueError(f"{given}: no date matches all of these, so it would never run; change one of them")
    return table


class CronTrigger(_BuiltinTrigger):
    """Runs whenever the local time matches all fields: numbers, or expressions such as `*/5`, `mon-fri`, `1st mon`, `last`.

    Fields smaller than the smallest one given start at their minimum, larger ones are `*`; Monday is 0. start_at, end_at: datetime, date or
    ISO 8601 string. timezone: a name or tzinfo. jitter: each run is late by a random time up to that many seconds.
    Raises ValueError for an expression that is wrong, or can never match.

    Clock changes, as Debian's cron(8) handles them. A wildcard is a second, minute or hour that begins with `*`. With one, it runs at every
    instant whose local time matches: not in a gap, twice in a repeat. Without one, a local time that exists twice runs the first time only,
    and those that fall into a gap shorter than three hours run once, at its end.
    """

    __slots__ = ("_fields", "_offsets", "_table", "crontab")
    _LONGEST_GAP = 3 * _HOUR

    def __init__(
        self,
        year: int | str | None = None,
        month: int | str | None = None,
        day: int | str | None = None,
        week: int | str | None = None,
        day_of_week: int | str | None = None,
        hour: int | str | None = None,
        minute: int | str | None = None,
        second: int | str | None = None,
        start_at: datetime | date | str | None = None,
        end_at: datetime | date | str | None = None,
        timezone: str | tzinfo | None = None,
        jitter: float | None = None,
    ) -> None:
        values = (year, month, day, week, day_of_week, hour, minute, second)
        self.crontab: str | None = None  # the expression, for a trigger made by from_crontab
        self._fields = {field: _field_text(field, value) for field, value in zip(_CRON_FIELDS, values) if value is not None}
        if not self._fields:
            raise ValueError("CronTrigger(): no field given; give at least one, such as hour=8 or minute='*/5'")
        smallest = max(map(_CRON_FIELDS.index, self._fields))
        defaults = ("*" if index < smallest else _CRON_MINIMA.get(field, "*") for index, field in enumerate(_CRON_FIELDS))
        self._table = _cron_table(tuple(self._fields.get(field, text) for field, text in zip(_CRON_FIELDS, defaults)), False)
        super().__init__(start_at, end_at, timezone, jitter)

    @classmethod
    def from_crontab(cls, expression: str, timezone: str | tzinfo | None = None) -> CronTrigger:
        """Return the trigger of a crontab(5) line: minute, hour, day of month, month, day of week; a sixth, leading, field is seconds.

        0 and 7 are Sunday; of day of month and day of week, where neither begins with `*`, one is enough. Further: `L` and `LW` (the last
        day, the last workday of the month), `5L` (the last Friday), `mon#2` (the second Monday), `@hourly` to `@yearly`.
        """
        texts = _crontab_fields(expression)
        trigger = cls.__new__(cls)
        trigger.crontab = expression.strip()
        trigger._fields = {}
        trigger._table = _cron_table(texts, True)
        _BuiltinTrigger.__init__(trigger, None, None, timezone, None)
        return trigger

    def _set_bounds(self) -> None:
        super()._set_bounds()
        self._offsets = _offsets(self.timezone)

    def _compute_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        second = -(-now_us // _SECOND_US) if previous_us is None else previous_us // _SECOND_US + 1
        if self._start_us is not None:
            second = max(second, -(-self._start_us // _SECOND_US))
        found = self._first_from(second) if second <= _LAST_SECOND else None
        if found is None or found * _SECOND_US > self._end_us:
            return None
        return found * _SECOND_US

    def _first_from(self, second: int) -> int | None:
        """Return the first run at or after the instant `second`, walking over the zone's segments of constant offset."""
        offsets, next_wall, wildcard = self._offsets, self._table.next_wall, self._table.wildcard
        wall: int | None = None
        searched = 0
        while True:
            start, end, offset, before = offsets.segment(second)
            lower = second + offset
            if not wildcard and offset != before:
                if offset < before:
                    lower = max(lower, start + before)  # the repeated times have run before the change
                elif second == start and offset - before < self._LONGEST_GAP:
                    skipped = next_wall(start + before)
                    if skipped is not None and skipped < start + offset:
                        return start
            if wall is None or not searched <= lower <= wall:  # else the last answer still holds
                wall, searched = next_wall(lower), lower
                if wall is None:
                    return None
            if wall - offset < end:
                return wall - offset
            if end >= _LAST_SECOND:
                return None
            # Nothing matches between `searched` and `wall`; but what was before `searched` may be repeated when this segment ends.
            if searched > end + offset - _DAY or wall < end + 2 * _DAY:
                second = end
                continue
            far_offset = offsets.steady_offset(wall)
            if far_offset is not None:
                return wall - far_offset
            second = wall - _DAY

    def _arguments(self) -> dict[str, Any]:
        if self.crontab is not None:
            return {"expression": self.crontab, **self._options()}
        return {**self._fields, **self._options()}

    def __str__(self) -> str:
        shown = repr(self.crontab) if self.crontab is not None else ", ".join(f"{field}={text!r}" for field, text in self._fields.items())
        return f"cron[{shown}]"

    def __repr__(self) -> str:
        return super().__repr__() if self.crontab is None else super().__repr__().replace("(expression=", ".from_crontab(", 1)


def _field_text(field: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"{field}={value!r}: not a number or an expression; give one such as 5 or '*/5'")
    return str(value).strip()


def _crontab_fields(expression: str) -> tuple[str, ...]:
    """Return the texts of a crontab(5) line in the order of `_CRON_FIELDS`."""
    if not isinstance(expression, str):
        raise TypeError(f"expression={expression!r}: not a string; give a crontab line such as '*/5 9-17 * * mon-fri'")
    line = expression.strip()
    if line.startswith("@") and line.lower() not in _CRON_ALIASES:
        raise ValueError(f"expression={expression!r}: not a known name; the names are {', '.join(_CRON_ALIASES)}")
    texts = _CRON_ALIASES.get(line.lower(), line).split()
    if len(texts) not in (5, 6):
        raise ValueError(
            f"expression={expression!r}: {len(texts)} fields; a crontab line has five, minute hour day month weekday,"
            " or six, with the second first"
        )
    second, minute, hour, day, month, weekday = texts if len(texts) == 6 else ["0", *texts]
    return "*", month, day, "*", weekday, hour, minute, second


class _CombinedTrigger(_BuiltinTrigger):
    """What `AndTrigger` and `OrTrigger` share: a list of triggers."""

    __slots__ = ("triggers",)

    def __init__(self, triggers: Iterable[BaseTrigger], jitter: float | None = None) -> None:
        name = type(self).__name__
        if not isinstance(triggers, Iterable):
            raise TypeError(f"{name}: triggers={triggers!r}: not a list; give one of triggers, such as [CronTrigger(hour=8), …]")
        self.triggers = tuple(triggers)
        if not self.triggers:
            raise ValueError(f"{name}([]): no trigger given; give a list of them")
        for trigger in self.triggers:
            if not isinstance(trigger, BaseTrigger):
                raise TypeError(f"{name}: {trigger!r} is not a trigger; give instances such as CronTrigger(hour=8)")
            if trigger._jitter_us:
                raise ValueError(f"{name}: {trigger!r} has a jitter, which would hide its run times; give the jitter to the {name}")
        super().__init__(None, None, next((zone for zone in map(_zone_of, self.triggers) if zone is not None), None), jitter)

    def _bound(self, zone: tzinfo, now_us: int, owned: bool = False) -> BaseTrigger:
        members = [trigger._bound(zone, now_us) for trigger in self.triggers]
        if all(member is trigger for member, trigger in zip(members, self.triggers)):
            return self
        return self._with(members)

    def _unbound(self) -> BaseTrigger:
        return self._with([trigger._unbound() for trigger in self.triggers])

    def _with(self, members: Iterable[BaseTrigger]) -> BaseTrigger:
        twin = cast(_CombinedTrigger, self._copy())
        twin.triggers = tuple(members)
        twin.timezone = next((zone for zone in map(_zone_of, twin.triggers) if zone is not None), twin.timezone)
        return twin

    def _compute_us(self, previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        members = [trigger._bound(zone, now_us if previous_us is None else previous_us) for trigger in self.triggers]
        return self._combined_us(members, previous_us, now_us, zone)

    def _combined_us(self, members: list[BaseTrigger], previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        raise NotImplementedError

    def _arguments(self) -> dict[str, Any]:
        return {"triggers": list(self.triggers), **({"jitter": self.jitter} if self._jitter_us else {})}

    def __str__(self) -> str:
        return f"{type(self).__name__[:-7].lower()}[{', '.join(map(str, self.triggers))}]"


def _zone_of(trigger: BaseTrigger) -> tzinfo | None:
    return getattr(trigger, "timezone", None)


class AndTrigger(_CombinedTrigger):
    """Runs when all its triggers do. jitter: each run is late by a random time up to that many seconds.

    If they do not agree within 10,000 steps from one candidate to the next, the schedule is over.
    """

    __slots__ = ()
    _STEPS = 10_000

    def _combined_us(self, members: list[BaseTrigger], previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        for _ in range(self._STEPS):
            times = [member._after_us(previous_us, now_us, zone) for member in members]
            known = [found for found in times if found is not None]
            if len(known) < len(times):
                return None
            latest = max(known)
            if min(known) == latest:
                return latest
            previous_us = latest - 1
        return None


class OrTrigger(_CombinedTrigger):
    """Runs when any of its triggers does. jitter: each run is late by a random time up to that many seconds."""

    __slots__ = ()

    def _combined_us(self, members: list[BaseTrigger], previous_us: int | None, now_us: int, zone: tzinfo) -> int | None:
        times = (member._after_us(previous_us, now_us, zone) for member in members)
        return min((found for found in times if found is not None), default=None)


_TRIGGERS: dict[str, Callable[..., _BuiltinTrigger]] = {"date": DateTrigger, "interval": IntervalTrigger, "cron": CronTrigger}


# === Jobs ===
# A job is a function, its arguments, a trigger and options. Its store owns it: whoever changes one goes through the store, which counts
# revisions, so that a change and a claim at the same instant can't both win.


_NO_KWARGS: Mapping[str, Any] = {}  # shared by all jobs without; nobody changes it


_Shape = tuple[int, tuple[str, ...]]  # of a call: the number of positional arguments, the names of the others


class _Callee:
    """What is known of a callable: whether it is a coroutine function, its reference, and which calls fit its signature."""

    __slots__ = ("is_coroutine", "name", "reference", "shapes", "yields")

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.yields = _is_generator_function(fn)
        self.is_coroutine = _is_coroutine_function(fn)
        target = _unwrapped(fn)
        self.name: str = getattr(target, "__qualname__", None) or type(target).__qualname__
        self.reference = f"{getattr(target, '__module__', None) or type(target).__module__}:{self.name}"
        self.shapes: set[_Shape] = set()  # calls that fit


_CALLEES: weakref.WeakKeyDictionary[Callable[..., Any], _Callee] = weakref.WeakKeyDictionary()


def _callee(fn: Callable[..., Any]) -> _Callee:
    return _latest(fn)[1]


def _latest(fn: Callable[..., Any]) -> tuple[Callable[..., Any], _Callee, _Call]:
    """Return a function, what is known of it, and the call of it without arguments, which all jobs share that are added in a row."""
    latest: tuple[Callable[..., Any], _Callee, _Call] = _LATEST[0]  # read once, as other threads add jobs, too
    if latest[0] is not fn:
        callee = _found_callee(fn)
        latest = _LATEST[0] = (fn, callee, (fn, (), _NO_KWARGS, callee.is_coroutine))
    return latest


_LATEST: list[tuple[Any, Any, Any]] = [(None, None, None)]
_NO_ARGUMENTS: _Shape = (0, ())


def _found_callee(fn: Callable[..., Any]) -> _Callee:
    try:
        found = _CALLEES.get(fn)
        if found is None:
            found = _CALLEES[fn] = _Callee(fn)
    except TypeError:  # can't be hashed, or not be referenced weakly
        found = _Callee(fn)
    return found


def _unwrapped(fn: Any) -> Any:
    while issubclass(type(fn), functools.partial):
        fn = fn.func
    return fn


def _is_coroutine_function(fn: Any) -> bool:
    target = _unwrapped(fn)
    if inspect.isclass(target):  # a call makes an instance; its own `__call__` is another matter
        return False
    return inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(getattr(target, "__call__", None))


def _is_generator_function(fn: Any) -> bool:
    target = _unwrapped(fn)
    called = target if inspect.isclass(target) else getattr(target, "__call__", None)
    return any(inspect.isgeneratorfunction(part) or inspect.isasyncgenfunction(part) for part in (target, called))


def _check_callable(fn: object) -> Callable[..., Any]:
    """Return the callable that `fn` is, or names as 'package.module:some.object'."""
    if isinstance(fn, str):
        fn = _resolved(fn, "fn")
    if not callable(fn):
        raise TypeError(f"fn={fn!r}: not callable; give a function, or a reference such as 'package.module:function'")
    if _callee(fn).yields:
        raise TypeError(f"fn={fn!r}: a generator function, of which a call runs nothing; give a plain or coroutine function")
    return fn


def _resolved(reference: str, field: str) -> Any:
    """Return the object that 'module:attribute.path' names. Raises ValueError or LookupError, saying which half is wrong."""
    module_name, colon, path = reference.partition(":")
    if not colon or not path or not all(module_name.split(".")):
        raise ValueError(f"{field}={reference!r}: not a reference; write it as 'package.module:object'")
    import importlib

    try:
        found = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise LookupError(f"{field}={reference!r}: there is no module {error.name!r}; write it as 'package.module:object'") from None
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise LookupError(f"{field}={reference!r}: {found!r} has no {name!r}{_nearest(name, dir(found))}") from None
    return found


def _check_arguments(fn: Callable[..., Any], callee: _Callee, shape: _Shape, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise TypeError, naming the parameter, where the function can't be called with these."""
    if shape in callee.shapes:
        return
    try:
        signature = inspect.signature(fn)
    except (ValueError, TypeError):  # some built-in functions have none
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        given = f"args={args!r}, kwargs={dict(kwargs)!r}"
        raise TypeError(f"{given}: do not fit {callee.name}{signature}: {error}; give what it takes as args=[…] or kwargs={{…}}") from None
    callee.shapes.add(shape)


_Call = tuple[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], bool]  # function, its arguments, whether it is a coroutine function
_Last = tuple[int, int, int, str, "str | None", int]  # scheduled, started, finished, outcome, error, attempt


def _not_imported() -> None:
    """Stands for the function of a job that was read from a record, until it is needed."""


def _set_all(target: object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(target, name, value)


class Job:
    """A function and when it runs. `add_job` makes it; change it through its methods, or those of the scheduler.

    `next_run_time` is an aware datetime, or None while the job is paused; `pending` is True until the scheduler that it was added to has
    started. With a memory store, the object always shows the current values.
    """

    __slots__ = (
        "_call",
        "_due_us",
        "_entry",
        "_last",
        "_reference",
        "_revision",
        "_scheduler",
        "coalesce",
        "executor",
        "id",
        "max_instances",
        "mistrigger_grace_time",
        "name",
        "recover",
        "store_alias",
        "trigger",
    )

    id: str
    name: str
    trigger: BaseTrigger
    executor: str
    store_alias: str
    coalesce: bool
    max_instances: int
    mistrigger_grace_time: float | None
    recover: bool
    _call: _Call  # in one piece, so that no run sees half of a change
    _last: _Last | None  # how its last run ended
    _reference: str | None  # "module:object" for the function: as it was given, or as a record has it
    _due_us: int | None  # the next run time; None: paused
    _entry: int | None  # the memory store's: the time that it waits for
    _revision: int  # changes with every write; whoever writes compares it first
    _scheduler: BaseScheduler | None

    def __init__(
        self, scheduler: BaseScheduler | None, id: str, store_alias: str, trigger: BaseTrigger, options: Mapping[str, Any] | None = None
    ) -> None:
        self._scheduler = scheduler
        self.id = id
        self.store_alias = store_alias
        self.trigger = trigger
        self._due_us = None
        self._entry = None
        self._last = None
        self._reference = None
        self._revision = 0
        if options is not None:
            _set_all(self, options)

    @property
    def fn(self) -> Callable[..., Any]:
        """What is called. Of a job from a record it is imported when it is first needed; raises LookupError where it is not there."""
        return self._resolved_call()[0]

    def _resolved_call(self) -> _Call:
        call = self._call
        if call[0] is _not_imported:
            fn = _check_callable(self._reference)
            self._call = call = fn, call[1], call[2], _callee(fn).is_coroutine
        return call

    @property
    def args(self) -> tuple[Any, ...]:
        """Its positional arguments."""
        return self._call[1]

    @property
    def kwargs(self) -> dict[str, Any]:
        """Its keyword arguments."""
        return dict(self._call[2])

    @property
    def next_run_time(self) -> datetime | None:
        """When it runs next, in the time zone of its trigger; None while it is paused."""
        return None if self._due_us is None else _from_us(self._due_us, self._zone)

    @property
    def pending(self) -> bool:
        """True until the scheduler that it was added to has started."""
        return self._scheduler is not None and self.id in self._scheduler._pending.get(self.store_alias, ())

    @property
    def last_run(self) -> RunInfo | None:
        """How its last run ended, as far as this object knows; None before the first."""
        return None if self._last is None else _run_info(self, *self._last)

    @property
    def running(self) -> int:
        """How many of its runs are in progress in this process."""
        return len(self._scheduler._active.get((self.store_alias, self.id), ())) if self._scheduler else 0

    @property
    def _zone(self) -> tzinfo:
        zone = getattr(self.trigger, "timezone", None)
        if isinstance(zone, tzinfo):
            return zone
        return self._scheduler.timezone if self._scheduler else _UTC

    def _owner(self) -> BaseScheduler:
        if self._scheduler is None:
            raise JobLookupError(f"job {self.id!r} belongs to no scheduler; get it from one, by get_job(id)")
        return self._scheduler

    def update(self, **changes: Any) -> Job:
        """Change options, as `AsyncIOScheduler.update_job`; return the job."""
        return self._owner().update_job(self.id, self.store_alias, **changes)

    def reschedule(self, trigger: BaseTrigger | str | None = None, **trigger_args: Any) -> Job:
        """Give it another trigger, as `AsyncIOScheduler.reschedule_job`; return the job."""
        return self._owner().reschedule_job(self.id, self.store_alias, trigger, **trigger_args)

    def pause(self) -> Job:
        """Let it not run until it is resumed; return the job."""
        return self._owner().pause_job(self.id, self.store_alias)

    def resume(self) -> Job | None:
        """Let it run again; return the job, or None where its schedule was over and it was removed."""
        return self._owner().resume_job(self.id, self.store_alias)

    def delete(self) -> None:
        """Remove it from its scheduler."""
        self._owner().delete_job(self.id, self.store_alias)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and (self.id, self.store_alias) == (other.id, other.store_alias)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<Job {self.id!r} {self.trigger} next run: {self._next_shown()}>"

    def __str__(self) -> str:
        return f"{self.name} ({self.trigger}, next run: {self._next_shown()})"

    def _next_shown(self) -> str:
        return "paused" if self._due_us is None else _shown(self._due_us, self._zone)

    def _set_options(self, options: Mapping[str, Any]) -> None:
        """Set all options of a new job, one by one, in half the time of a loop."""
        self._call = options["_call"]
        self._reference = options["_reference"]
        self.name = options["name"]
        self.executor = options["executor"]
        self.coalesce = options["coalesce"]
        self.max_instances = options["max_instances"]
        self.mistrigger_grace_time = options["mistrigger_grace_time"]
        self.recover = options["recover"]

    def _twin(self) -> Job:
        """Return another object for the same job, that belongs to no scheduler yet."""
        twin = Job.__new__(Job)
        for name, value in zip(Job.__slots__, _values_of_job(self)):
            setattr(twin, name, value)
        twin._scheduler = None
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """Return what a custom store that copies or pickles jobs is to keep; the scheduler is not part of it."""
        left_out = ("_scheduler", "_entry")
        return {name: getattr(self, name) for name in self.__slots__ if name not in left_out}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self._scheduler, self._entry = None, None
        _set_all(self, state)


_values_of_job = operator.attrgetter(*Job.__slots__)


class _JobList(list[Job]):
    """A list of jobs that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        import html  # here, because only a notebook needs it

        head = "<tr><th>id</th><th>name</th><th>trigger</th><th>next run</th><th>store</th><th>executor</th></tr>"
        rows = [(job.id, job.name, str(job.trigger), job._next_shown(), job.store_alias, job.executor) for job in self]
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table>{head}{body}</table>"


_JOB_DEFAULTS: dict[str, Any] = {"coalesce": True, "max_instances": 1, "mistrigger_grace_time": None, "recover": False}
_JOB_OPTIONS = ("fn", "args", "kwargs", "name", "trigger", "executor", *_JOB_DEFAULTS, "next_run_time")
_ADD_OPTIONS = (*_JOB_OPTIONS, "id", "store", "replace_existing")
_PEER_NAMES = {  # what APScheduler calls our arguments
    "func": "fn",
    "misfire_grace_time": "mistrigger_grace_time",
    "jobstore": "store",
    "run_date": "run_at",
    "start_date": "start_at",
    "end_date": "end_at",
}


def _check_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of a job, those that are given, in the form that the job keeps them; `next_run_time` and `trigger` are not among them."""
    checked: dict[str, Any] = {}
    for name, value in options.items():
        check = _OPTION_CHECKS.get(name)
        checked[name] = check(value) if check else value
    return checked


def _check_name(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"name={value!r}: not a name; give a string that is not empty")
    return value


def _check_id(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"id={value!r}: not an id; give a string that is not empty, or nothing for a random one")
    return value


def _check_alias(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"alias={value!r}: not an alias; give a string such as 'default'")
    return value


def _check_args(value: Any) -> tuple[Any, ...]:
    values = value
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TypeError(f"args={value!r}: not a list of arguments; write args=[{value!r}]")
    return tuple(values)


def _check_kwargs(value: Any) -> Mapping[str, Any]:
    named = value
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in named):
        raise TypeError(f"kwargs={value!r}: not a dictionary with names as keys; write kwargs={{'name': value}}")
    return dict(named) if named else _NO_KWARGS


def _check_coalesce(value: Any) -> bool:
    return _check_flag("coalesce", value)


def _check_recover(value: Any) -> bool:
    return _check_flag("recover", value)


def _check_flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: not True or False")
    return value


def _check_max_instances(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"max_instances={value!r}: not a whole number from 1")
    return value


def _check_grace(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"mistrigger_grace_time={value!r}: not a number of seconds above 0; give None for however late")
    return value


_OPTION_CHECKS: dict[str, Callable[[Any], Any]] = {
    "fn": _check_callable,
    "args": _check_args,
    "kwargs": _check_kwargs,
    "name": _check_name,
    "executor": _check_alias,
    "coalesce": _check_coalesce,
    "max_instances": _check_max_instances,
    "mistrigger_grace_time": _check_grace,
    "recover": _check_recover,
}


def _reject_unknown(names: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise TypeError for the first name that is not known, with ours for an APScheduler name, or else the nearest."""
    accepted = tuple(known)
    for name in names:
        if name not in accepted:
            ours = _PEER_NAMES.get(name)
            hint = f"; here it is called {ours!r}" if ours else _nearest(name, accepted)
            raise TypeError(f"{name}: {where} has no such argument{hint}")


def _made_trigger(trigger: BaseTrigger | str | None, arguments: Mapping[str, Any], where: str, zone: tzinfo | None) -> BaseTrigger:
    """Return the trigger that an instance, or a name with its arguments, means; None is `date`.

    zone: where it is known by now, the one to take where the arguments have none.
    """
    kind = "date" if trigger is None else trigger
    if not isinstance(kind, str) or kind not in _TRIGGERS:
        if isinstance(trigger, BaseTrigger):
            _reject_unknown(arguments, _ADD_OPTIONS, f"{where} with a trigger instance")
            return trigger
        near = _nearest(kind, _TRIGGERS) if isinstance(kind, str) else ""
        raise _kind_error(kind, f"trigger={trigger!r}: not a trigger; give an instance, or one of {_listed(_TRIGGERS)}{near}")
    accepted = _trigger_parameters(kind)
    if not arguments.keys() <= accepted.keys():
        for name in arguments if trigger is None else ():
            users = [other for other in _TRIGGERS if name in _trigger_parameters(other)]
            if users and name not in accepted:
                raise TypeError(f"{name}: an argument of the trigger {' and '.join(users)}; write trigger={users[0]!r}")
        _reject_unknown(arguments, (*accepted, *_ADD_OPTIONS), f"{where} with the trigger {kind!r}")
    if zone is None or arguments.get("timezone") is not None:
        return _TRIGGERS[kind](**arguments)
    made = _TRIGGERS[kind](**{**arguments, "timezone": zone})
    made._zone_given = False
    return made


def _kind_error(value: object, message: str) -> Exception:
    return ValueError(message) if isinstance(value, str) else TypeError(message)


@functools.cache
def _trigger_parameters(kind: str) -> dict[str, Any]:
    return dict(inspect.signature(_TRIGGERS[kind]).parameters)


# === Records ===
# A run is one occurrence that a scheduler has claimed, or, after a backlog without coalescing, a range of them that it walks one by one.
# It is claimed, begins at most once, and is over; `first`, `last` and the cursor are plain numbers, so that a store can keep them.

_CURRENT: contextvars.ContextVar[_Run | None] = contextvars.ContextVar("asyncz_current_run", default=None)
_PASS_SECONDS = 0.003  # what goes through very many jobs or times lets the loop breathe after that long
_LISTED = 100  # so many single times are told of one by one; of more, the first and the last


@dataclass(frozen=True, init=False, repr=False, eq=False)
class RunInfo(_Value):
    """What is known of one run.

    scheduled_run_time, started_at, finished_at: aware datetimes; None for what has not happened. outcome: "executed", "error" or "missed",
    None while it runs. error: what the function raised, as "ValueError: what was wrong". attempt: counts from 1. job: the job it is of.
    """

    scheduled_run_time: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    error: str | None
    attempt: int
    job: Job | None = field(default=None, repr=False, compare=False)

    def __init__(
        self,
        scheduled_run_time: datetime,
        started_at: datetime | None,
        finished_at: datetime | None,
        outcome: str | None,
        error: str | None,
        attempt: int,
        job: Job | None = None,
    ) -> None:
        values = vars(self)
        values["scheduled_run_time"] = scheduled_run_time
        values["started_at"] = started_at
        values["finished_at"] = finished_at
        values["outcome"] = outcome
        values["error"] = error
        values["attempt"] = attempt
        values["job"] = job


def current_run() -> RunInfo | None:
    """Return what is known of the run that the caller is part of, None outside of one; also in the threads and tasks of a run."""
    run = _CURRENT.get()
    if run is None or run.cursor_us is None:
        return None
    started_at = _from_us(run.started_us, run.job._zone)
    return RunInfo(_from_us(run.cursor_us, run.job._zone), started_at, None, None, None, run.attempt, run.job)


def _run_info(job: Job, due_us: int, started_us: int, finished_us: int, outcome: str, error: str | None, attempt: int) -> RunInfo:
    zone = job._zone
    started_at = None if outcome == "missed" else _from_us(started_us, zone)
    return RunInfo(_from_us(due_us, zone), started_at, _from_us(finished_us, zone), outcome, error, attempt, job)


class _Ticket:
    """A run as the store of a shared schedule has it: whoever owns it may begin it, once."""

    __slots__ = ("at_us", "begun_us", "job_id", "last_us", "outbox", "owner", "recover", "run_id", "started_us", "until_us")

    outbox: _Outbox  # the thread that talks to the store for the owner

    def __init__(self, run_id: str, job_id: str, owner: str, at_us: int, last_us: int, recover: bool) -> None:
        self.run_id = run_id
        self.job_id = job_id
        self.owner = owner  # the random id of one start of one scheduler
        self.at_us = at_us  # the time that runs, or runs next, of those up to the last
        self.last_us = last_us
        self.recover = recover
        self.until_us = 0  # how long the owner's lease lasts, by the store's clock
        self.started_us = 0  # when it began, by the store's clock; 0: not yet
        self.begun_us: int | None = None  # the time that the store has been told of as begun

    def text(self) -> str:
        """Return the ticket as a store keeps it; the owner comes first, for a script to look for."""
        return f"{self.owner} {self.until_us} {self.started_us} {self.at_us} {self.last_us} {int(self.recover)}"

    @classmethod
    def from_text(cls, job_id: str, run_id: str, text: str) -> _Ticket:
        owner, until, started, at, last, recover = text.split(" ")
        ticket = cls(run_id, job_id, owner, int(at), int(last), recover == "1")
        ticket.until_us, ticket.started_us = int(until), int(started)
        return ticket


class _RunState(Enum):
    CLAIMED = "claimed"
    BEGUN = "begun"
    OVER = "over"


_CLAIMED, _BEGUN, _OVER = _RunState  # before Python 3.12, to look up a member of an Enum takes as long as four of a module's names


class _Run:
    """One run, from before its claim to its end."""

    # What most runs never change stays with the class: a run is made for every due job, before it is claimed.
    state = _CLAIMED
    revision = 0  # of the job that it is to be claimed of
    following_us: int | None = None  # the job's next run time after the claim; None: its schedule ends with this run, and it is removed
    attempt = 1
    started_us = 0  # when its latest call began
    removed = False  # the claim removed the job, since its schedule was over
    stop_us: int | None = None  # how far `call_plain` and `call_coroutine` go for a custom executor; None: to the last
    at_limit = False  # a shared store has as many runs of it as may be
    handed_back = False  # what is left of it is to be due again
    abandoned = False  # a shutdown did not wait for it
    reports_here = False  # it runs on the scheduler's own thread, and need not post what it reports
    ticket: _Ticket | None = None  # the run as a shared store has it; None also when it is somebody else's by now
    task: asyncio.Future[Any] | None = None  # what to cancel, where there is something
    future: Future[Any] | None = None  # whom `run_job` promised the result

    def __init__(self, scheduler: _RunMethods, store: BaseStore, job: Job, first_us: int, last_us: int) -> None:
        self.scheduler = scheduler
        self.store = store
        self.job = job
        call = job._call
        self.call = call if call[0] is not _not_imported else job._resolved_call()  # as it was when it was claimed, and so the trigger
        self.trigger = job.trigger
        self.cursor_us: int | None = first_us  # the next time to run; None after the last
        self.last_us = last_us

    def times_us(self) -> Iterator[int]:
        """Yield the times from the cursor to the last, without moving it."""
        current = self.cursor_us
        while current is not None:
            yield current
            current = self.time_after_us(current)

    def time_after_us(self, current_us: int) -> int | None:
        if current_us >= self.last_us:
            return None
        following = self.trigger._after_us(current_us, current_us, self.scheduler.timezone)
        return following if following is not None and following <= self.last_us else None

    def time_to_run_us(self) -> int | None:
        """Return the time at the cursor, after moving it over those that are later than the job's grace time by now; None at the end."""
        while True:
            current = self.cursor_us
            if current is None or self.handed_back or (self.stop_us is not None and current > self.stop_us):
                return None
            scheduler = self.scheduler
            if self.job.mistrigger_grace_time is None or self.future is not None or not scheduler._is_late(self.store, self.job, current):
                self.started_us = scheduler._clock.now_us()
                return current
            scheduler._on_missed(self, current)
            self.move_on()

    def move_on(self) -> None:
        """Move the cursor to the next time, after the one there has run or was missed."""
        current = self.cursor_us
        if current is None or self.handed_back:
            return
        self.cursor_us = self.time_after_us(current) if current < self.last_us else None
        if self.cursor_us is not None:
            self.scheduler._ease()
            if not self.scheduler._goes_on(self):
                self.hand_back()

    def times_to_run_us(self) -> Iterator[int]:
        """Yield the times that are to run, and move on after each."""
        while (current := self.time_to_run_us()) is not None:
            yield current
            self.move_on()

    def hand_back(self) -> None:
        """Make what is left, from the cursor on, due again: after the next start, or for another scheduler."""
        if self.ticket is not None:  # its store is told when it is over
            self.handed_back = True
        elif self.cursor_us is not None:
            self.store._hand_back(self.job, self.cursor_us, self.removed)
            self.cursor_us = None

    def has_left(self) -> bool:
        """Return whether nothing of it is left to be run here."""
        return self.handed_back or self.cursor_us is None

    def lose(self) -> None:
        """Leave the run to whoever it belongs to now."""
        self.ticket = None
        self.cursor_us = None

    def may_begin(self, answer: Any) -> bool:
        """Return whether, after what the store has answered, the function may be called."""
        if answer and self.scheduler._goes_on(self):
            return True
        if answer:  # it began in the store, but here a shutdown came first
            self.hand_back()
        else:
            self.lose()
        return False

    def begins_in_place(self, due_us: int) -> bool:
        """Tell the store, if it is a shared one, that this time begins, and wait for its answer."""
        ticket = self.ticket
        if ticket is None or ticket.begun_us == due_us:
            return True
        ticket.begun_us = due_us
        return self.may_begin(ticket.outbox.ask(("begin", ticket.job_id, ticket, due_us)))

    async def begins(self, due_us: int) -> bool:
        """The same without blocking the loop."""
        ticket = self.ticket
        if ticket is None or ticket.begun_us == due_us:
            return True
        ticket.begun_us = due_us
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        ticket.outbox.submit(("begin", ticket.job_id, ticket, due_us), functools.partial(_answer, answer))
        return self.may_begin(await answer)

    def shown_times(self) -> list[datetime]:
        """Return the times for an event: all up to a hundred, of more the first and the last."""
        if self.cursor_us == self.last_us:
            return [_moment(self.last_us, self.job._zone)]
        times = [moment for moment, _ in zip(self.times_us(), range(_LISTED + 1))]
        if len(times) > _LISTED:
            times = [times[0], self.last_us]
        return [_from_us(moment, self.job._zone) for moment in times]

    def run_plain(self) -> None:
        """Begin, call the function in the calling thread for all times, and be over."""
        if self.scheduler._begin(self):
            try:
                self.call_plain()
            finally:
                self.scheduler._on_over(self)
                if self.abandoned:
                    self.finish_late()

    def finish_late(self) -> None:
        """Tell the store that a run that was abandoned has ended."""
        ticket, self.ticket = self.ticket, None
        if ticket is not None:
            ticket.outbox.submit(("finish", ticket.job_id, ticket, ""))

    def refuse(self, error: BaseException) -> None:
        """Be over with an error, without a call."""
        if self.scheduler._begin(self):
            self.scheduler._on_error(self, self.last_us, error)
            self.scheduler._on_over(self)

    def refuse_future(self, error: BaseException) -> None:
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def call_plain(self) -> None:
        """Call the function for every time and report; nothing that it raises leaves this method."""
        fn, args, kwargs, is_coroutine = self.call
        token = _CURRENT.set(self)
        try:
            for due_us in self.times_to_run_us():
                if self.ticket is not None and not self.begins_in_place(due_us):
                    return
                try:
                    value = fn(*args, **kwargs)
                    if is_coroutine or inspect.iscoroutine(value):
                        value = _awaited(value, None if is_coroutine else self.scheduler._loop)
                except BaseException as error:
                    self.scheduler._on_error(self, due_us, error)
                else:
                    self.scheduler._on_executed(self, due_us, value)
        except Exception as error:  # the trigger's, in a backlog
            self.scheduler._on_error(self, self.last_us, error)
        finally:
            _CURRENT.reset(token)

    async def call_coroutine(self, whole: bool = False) -> None:
        """The same for a coroutine function; only what has to end the task, such as its cancellation, leaves this method.

        whole: begin first and be over then, in a task of the scheduler's loop.
        """
        scheduler = self.scheduler
        if whole:
            if not scheduler._begin(self):
                return
            self.reports_here = True
        fn, args, kwargs, _ = self.call
        _CURRENT.set(self)  # in the context of the run's own task
        breath = None
        report = scheduler._note_executed if whole else scheduler._on_executed
        try:
            while self.cursor_us is not None and (due_us := self.time_to_run_us()) is not None:
                if due_us < self.last_us:
                    breath = await _breathed(breath)
                if self.ticket is not None and not await self.begins(due_us):
                    return
                try:
                    value = fn(*args, **kwargs)
                    if value.__class__ is types.CoroutineType or inspect.isawaitable(value):
                        value = await value
                except BaseException as error:
                    self.note_raised(due_us, error)
                    if not isinstance(error, (Exception, SystemExit)):
                        raise
                else:
                    report(self, due_us, value)
                self.move_on()
        except Exception as error:  # the trigger's, in a backlog
            scheduler._on_error(self, self.last_us, error)
        finally:
            if whole:
                scheduler._note_over(self)

    def note_raised(self, due_us: int, error: BaseException) -> None:
        """Report what a coroutine raised, unless that is the cancellation by a shutdown that leaves the run to another scheduler."""
        if isinstance(error, asyncio.CancelledError) and self.ticket is not None and self.ticket.recover and not self.scheduler.running:
            self.hand_back()
        else:
            self.scheduler._on_error(self, due_us, error)


async def _breathed(since: float | None) -> float:
    """Let the loop breathe if it has not since a while ago, as in a backlog of a coroutine that never waits; return since when not."""
    now = time.monotonic()
    if since is not None and now - since > _PASS_SECONDS:
        await asyncio.sleep(0)
        return time.monotonic()
    return since or now


def _answer(future: asyncio.Future[Any], answer: Any) -> None:
    if not future.done():  # else who waited for it was cancelled
        future.set_result(answer)


def _awaited(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop | None) -> Any:
    """Run a coroutine to its end while the calling thread waits: on `loop`, or where that is None on a loop of its own."""
    if asyncio._get_running_loop() is not None:
        coroutine.close()
        raise RuntimeError("a plain function that was called on the event loop returned a coroutine; make it a coroutine function")
    if loop is not None:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    return asyncio.run(coroutine)


class _RunTimes(list[datetime]):
    """What a custom executor gets as `run_times`: a list, that knows the run it is of, and what was in it at first."""

    run: _Run
    instants_us: tuple[int, ...]


# Jobs as text: JSON that a person can read, with a closed set of tags for what JSON lacks. Nothing in it names a class to be imported;
# only the function is named, and imported when the job is about to run. With a secret, its signature is checked before anything is parsed.

_RECORD_VERSION = 1
_RECORD_OPTIONS = ("name", "executor", *_JOB_DEFAULTS)
_DEEPEST = 100  # levels of nesting of an argument
_TIMES: dict[str, Callable[[str], Any]] = {"date": date.fromisoformat, "time": clock_time.fromisoformat}


class _Unreadable(Exception):
    """A record can't be restored; the message is the reason."""


def _kept_value(value: Any, where: str, depth: int = 0) -> Any:
    """Return an argument as what JSON can say. Raises TypeError, naming it, for what has no way back."""
    kind: Any = value.__class__
    if value is None or kind in (bool, int, str):
        return value
    if depth > _DEEPEST:
        raise TypeError(f"{where}: nested more than {_DEEPEST} levels deep, or inside itself; a record can't keep that")
    if kind is float:
        return value if value - value == 0 else {"$float": repr(value)}
    if kind is list:
        return [_kept_value(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if kind is dict:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: _kept_value(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
        return {"$dict": [[_kept_value(part, f"{where}[{key!r}]", depth + 1) for part in (key, item)] for key, item in value.items()]}
    if kind in (tuple, set, frozenset):
        items: list[Any] = sorted(value, key=repr) if kind is not tuple else value
        return {f"${kind.__name__}": [_kept_value(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(items)]}
    return _kept_scalar(value, kind, where)


def _kept_scalar(value: Any, kind: type[Any], where: str) -> Any:
    if kind is datetime:
        named = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
        shown = value.replace(tzinfo=None).isoformat() if named else value.isoformat()
        return {"$datetime": shown, **({"zone": named} if named else {}), **({"fold": 1} if named and value.fold else {})}
    if kind is timedelta:
        return {"$timedelta": value // _MICROSECOND}
    if kind in (date, clock_time):
        return {f"${kind.__name__}": value.isoformat()}
    if kind is bytes:
        import base64

        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, BaseTrigger):
        return {"$trigger": _kept_trigger(value, where)}
    if (kind.__module__, kind.__name__) in (("decimal", "Decimal"), ("uuid", "UUID")):
        return {f"${kind.__name__}": str(value)}
    raise TypeError(
        f"{where}={value!r}: a {kind.__qualname__} can't be kept in a record; give None, numbers, strings, bytes, dates, times, lists,"
        " tuples, sets, dictionaries, Decimal, UUID or triggers, or give the store a serializer= that can"
    )


def _restored_value(value: Any) -> Any:
    """Return the argument that `_kept_value` made `value` of."""
    kept = value
    if isinstance(value, list):
        return [_restored_value(item) for item in kept]
    if not isinstance(value, dict):
        return value
    tag = next(iter(kept), "")
    if not tag.startswith("$"):
        return {key: _restored_value(item) for key, item in kept.items()}
    inside = kept[tag]
    if tag == "$dict":
        return {_restored_value(key): _restored_value(item) for key, item in inside}
    if tag in ("$tuple", "$set", "$frozenset"):
        return {"$tuple": tuple, "$set": set, "$frozenset": frozenset}[tag](_restored_value(item) for item in inside)
    return _restored_scalar(tag[1:], inside, kept)


def _restored_scalar(tag: str, text: Any, kept: Mapping[str, Any]) -> Any:
    if tag == "datetime":
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=_named_zone(kept["zone"]), fold=kept.get("fold", 0)) if "zone" in kept else moment
    if tag == "timedelta":
        return timedelta(microseconds=text)
    if tag in _TIMES:
        return _TIMES[tag](text)
    if tag == "bytes":
        import base64

        return base64.b64decode(text, validate=True)
    if tag == "float":
        return float(text)
    if tag == "trigger":
        return _restored_trigger(text)
    if tag == "Decimal":
        import decimal

        return decimal.Decimal(text)
    if tag == "UUID":
        import uuid

        return uuid.UUID(text)
    raise _Unreadable(f"the tag {'$' + tag!r} is not known to this version")


def _kept_trigger(trigger: BaseTrigger, where: str = "trigger") -> dict[str, Any]:
    """Return a trigger as what JSON can say: its type by a short name, and its arguments."""
    kind = type(trigger)
    arguments = {name: _kept_argument(value, f"{where}: {name}") for name, value in trigger._arguments().items()}
    if kind.__module__ == __name__:
        return {"type": kind.__name__[:-7].lower(), **arguments, **_kept_binding(trigger)}
    name = vars(kind).get("record_name") or kind.__name__
    if _USER_TRIGGERS.get(name) is not kind:
        raise TypeError(f"{where}: two trigger classes are called {name!r}; give one of them a record_name of its own, as a class attribute")
    own = {key: _kept_value(value, f"{where}: {key}") for key, value in trigger._own_attributes().items()}
    return {"type": name, "arguments": arguments, "attributes": own, **_kept_binding(trigger)}


def _kept_binding(trigger: BaseTrigger) -> dict[str, Any]:
    binding = trigger._binding() if isinstance(trigger, _BuiltinTrigger) else {}
    return {name: _kept_zone(value, "timezone") if name == "zone" else value for name, value in binding.items()}


def _kept_zone(zone: tzinfo, where: str) -> str:
    """Return the name of a zone: of the database, an offset such as "UTC+02:00", or "local" for the system's own rules."""
    if zone is _SYSTEM_ZONE:
        return "local"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None) or str(zone)
    try:
        _restored_zone(name)
    except ValueError:
        raise TypeError(f"{where}={zone!r}: a time zone without a name can't be kept in a record; give one by its name") from None
    return cast(str, name)


_OFFSET_NAME = r"UTC([+-])(\d\d):(\d\d)"


def _restored_zone(name: str) -> tzinfo:
    match = re.fullmatch(_OFFSET_NAME, name)
    if match:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
        return timezone(offset if match[1] == "+" else -offset)
    return _SYSTEM_ZONE if name == "local" else _named_zone(name)


def _kept_argument(value: Any, where: str) -> Any:
    if isinstance(value, tzinfo):
        return _kept_zone(value, where)
    if isinstance(value, list):
        members = cast("list[BaseTrigger]", value)
        return [_kept_trigger(member, where) for member in members]
    return _kept_value(value, where)


def _restored_trigger(kept: Any) -> BaseTrigger:
    """Return the trigger that `_kept_trigger` made `kept` of."""
    values = dict(cast("dict[str, Any]", kept))
    name = values.pop("type")
    kept_binding = {key: values.pop(key) for key in ("anchor", "zone") if key in values}
    binding: dict[str, Any] = {key: _restored_zone(value) if key == "zone" else int(value) for key, value in kept_binding.items()}
    if name in _RECORD_TRIGGERS:
        return _remade(_RECORD_TRIGGERS[name], _restored_arguments(values), {}, binding)
    kind = _USER_TRIGGERS.get(name)
    if kind is None:
        raise _Unreadable(f"the trigger type {name!r} is not known here; define its class, or import the module that does")
    own = {key: _restored_value(value) for key, value in values["attributes"].items()}
    return _remade(kind, _restored_arguments(values["arguments"]), own, binding)


def _restored_arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: [_restored_trigger(member) for member in value]
        if name == "triggers"
        else _restored_zone(value)
        if name == "timezone"
        else _restored_value(value)
        for name, value in values.items()
    }


_RECORD_TRIGGERS: dict[str, type[BaseTrigger]] = {**cast(Any, _TRIGGERS), "and": AndTrigger, "or": OrTrigger}


class _Codec:
    """Turns jobs into text and back, and signs it."""

    def __init__(self, serializer: Any, secret: Any, context: str) -> None:
        import json  # here, because only a persistent store needs it

        self._json = json
        self._serializer = _check_serializer(serializer)
        self._secrets = _check_secrets(secret)
        self._context = context  # what a signature is bound to, beside the job's id: a record can't be moved elsewhere
        name = getattr(serializer, "__name__", "")
        if name in ("pickle", "cloudpickle", "dill", "marshal") and not self._secrets:
            import warnings

            warnings.warn(f"serializer={name} without secret=: whoever can write to the store can run any code here", stacklevel=4)

    def encode(self, job: Job) -> str:
        """Return the record of a job. Raises TypeError or ValueError for what can't be kept."""
        record: dict[str, Any] = {"v": _RECORD_VERSION, "id": job.id, "fn": _reference_to(job)}
        _, args, kwargs, _ = job._call
        if self._serializer is None:
            record["args"] = [_kept_value(value, f"args[{index}]") for index, value in enumerate(args)]
            record["kwargs"] = {name: _kept_value(value, f"kwargs[{name!r}]") for name, value in kwargs.items()}
        else:
            record["args"], record["kwargs"] = list(args), dict(kwargs)
        record["trigger"] = _kept_trigger(job.trigger)
        record.update({name: getattr(job, name) for name in _RECORD_OPTIONS})
        return self._signed(job.id, self._dumped(record))

    def _dumped(self, record: dict[str, Any]) -> str:
        if self._serializer is None:
            return self._json.dumps(record)
        try:
            dumped = self._serializer.dumps(record)
        except Exception as error:
            raise TypeError(f"args={record['args']!r}, kwargs={record['kwargs']!r}: the serializer can't keep these: {error}") from error
        if isinstance(dumped, str) and dumped.isascii():
            return dumped
        import base64

        return "base64:" + base64.b64encode(dumped.encode() if isinstance(dumped, str) else dumped).decode()

    def decode(self, job_id: str, text: str) -> Job:
        """Return the job of a record, its function not yet imported. Raises _Unreadable, with the reason."""
        payload = self._verified(job_id, text)
        try:
            return self._restored(job_id, self._loaded(payload))
        except _Unreadable:
            raise
        except RecursionError:
            raise _Unreadable("nested too deeply") from None
        except Exception as error:
            raise _Unreadable(f"{type(error).__name__}: {error}") from error

    def _loaded(self, payload: str) -> Any:
        if self._serializer is None:
            return self._json.loads(payload)
        if not payload.startswith("base64:"):
            return self._serializer.loads(payload)
        import base64

        return self._serializer.loads(base64.b64decode(payload[7:], validate=True))

    def _restored(self, job_id: str, record: Any) -> Job:
        if not isinstance(record, dict):
            raise _Unreadable("not a record")
        kept = dict(cast("dict[str, Any]", record))
        version = kept.pop("v", None)
        if version != _RECORD_VERSION:
            raise _Unreadable(f"version {version!r}; this is for version {_RECORD_VERSION}")
        if kept.pop("id", None) != job_id:
            raise _Unreadable("it is of another job")
        missing = {"fn", "args", "kwargs", "trigger", *_RECORD_OPTIONS} ^ kept.keys()
        if missing:
            raise _Unreadable(f"fields that are missing, or not known to this version: {_listed(missing)}")
        options = _check_options({name: kept[name] for name in _RECORD_OPTIONS})
        args, kwargs = _check_args(kept["args"]), _check_kwargs(kept["kwargs"])
        if self._serializer is None:
            args = tuple(_restored_value(value) for value in args)
            kwargs = {name: _restored_value(value) for name, value in kwargs.items()}
        job = Job(None, job_id, "", _restored_trigger(kept["trigger"]), options)
        job._call, job._reference = (_not_imported, args, kwargs, False), kept["fn"]
        return job

    def _signed(self, job_id: str, payload: str) -> str:
        return f"{self._signature(self._secrets[0], job_id, payload)} {payload}" if self._secrets else payload

    def _verified(self, job_id: str, text: str) -> str:
        """Return the payload of a record whose signature is right; nothing of it has been looked at before."""
        signature, space, payload = text.partition(" ")
        signed = bool(space) and re.fullmatch(_SIGNATURE, signature) is not None
        if not self._secrets:
            if signed:
                raise _Unreadable("it is signed, and this store has no secret")
            return text
        if not signed:
            raise _Unreadable("it is not signed")
        import hmac

        if not any(hmac.compare_digest(signature, self._signature(secret, job_id, payload)) for secret in self._secrets):
            raise _Unreadable("its signature is wrong")
        return payload

    def _signature(self, secret: bytes, job_id: str, payload: str) -> str:
        import hmac

        message = b"\0".join((b"asyncz/1", self._context.encode(), job_id.encode("utf-8", "surrogatepass"), payload.encode("utf-8", "replace")))
        return hmac.new(secret, message, "sha256").hexdigest()


_SIGNATURE = "[0-9a-f]{64}"


def _check_serializer(value: Any) -> Any:
    if value is not None and not all(callable(getattr(value, name, None)) for name in ("dumps", "loads")):
        raise TypeError(f"serializer={value!r}: not a serializer; give an object with dumps and loads, such as the module pickle")
    return value


def _check_secrets(value: Any) -> tuple[bytes, ...]:
    if value is None:
        return ()
    given = value
    secrets: tuple[Any, ...] = (value,) if isinstance(value, (bytes, str)) else tuple(given) if isinstance(value, (list, tuple)) else ()
    if not secrets or not all(isinstance(secret, (bytes, str)) and secret for secret in secrets):
        raise TypeError("secret: not a secret (it is not shown here); give bytes, or a list of bytes, the newest first")
    return tuple(secret.encode() if isinstance(secret, str) else secret for secret in secrets)


def _reference_to(job: Job) -> str:
    """Return "module:object" for the function of a job. Raises ValueError where that would not lead back to it."""
    fn, reference = job._call[0], job._reference
    if fn is _not_imported or reference is not None:
        assert reference is not None
        return reference
    reference = _callee(fn).reference
    try:
        if "<" not in reference and _resolved(reference, "fn") == fn:
            return reference
    except (LookupError, ValueError):
        pass
    raise ValueError(
        f"fn={fn!r}: a record keeps only the name of a function, and {reference!r} does not lead back to this one;"
        " give a function of a module, or 'package.module:object'"
    )


# === Stores ===
# A store keeps jobs by id and hands out the due ones, earliest first. Every write compares the job's revision first, under the store's lock.
# What can't be run here (a trigger that raises, an executor that is not there) is set aside for a minute and kept, never deleted.


_Wanted = Callable[[Job, int], "_Run | None"]


class BaseStore(ABC):
    """Where jobs are kept. A subclass of your own implements the abstract methods; it then serves one scheduler.

    The scheduler calls them with the lock of the store held, from several threads but never from two at once, and never on the event loop's
    thread while it works through what is due. A store that can't do something raises; the scheduler logs that, and tries again later.
    """

    _copies = True  # the jobs that it returns may be copies, which do not know their scheduler
    _blocking = True  # a call may take long: its due jobs are fetched in a thread of its own
    _local_clock = True
    _ahead_us: int | None = 0  # how far the clock that counts for the store is ahead of this machine's; None: not measured yet
    _PAGE = 100  # so many due jobs are claimed in one go
    _lock: threading.RLock
    _set_aside: dict[str, tuple[int, int]]  # id: (revision, until when in µs)

    def __new__(cls, *args: Any, **kwargs: Any) -> BaseStore:
        self = super().__new__(cls)
        self._lock = threading.RLock()  # here, so that a subclass need not call our __init__
        self._set_aside = {}
        return self

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to be used by `scheduler` under the name `alias`."""

    def shutdown(self) -> None:
        """Close what `start` opened."""

    @abstractmethod
    def add_job(self, job: Job) -> None:
        """Keep a new job. Raises ConflictIdError if there is one with its id."""

    @abstractmethod
    def update_job(self, job: Job) -> None:
        """Replace the job with that id. Raises JobLookupError if there is none."""

    @abstractmethod
    def delete_job(self, job_id: str) -> None:
        """Remove the job with that id. Raises JobLookupError if there is none."""

    @abstractmethod
    def remove_all_jobs(self) -> None:
        """Remove all jobs."""

    @abstractmethod
    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job with that id, or None."""

    @abstractmethod
    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs whose next run time is not after `now`, earliest first."""

    @abstractmethod
    def get_next_run_time(self) -> datetime | None:
        """Return the earliest next run time of all jobs, or None if none has one."""

    @abstractmethod
    def get_all_jobs(self) -> list[Job]:
        """Return all jobs, by next run time, paused ones last."""

    # What the scheduler calls. The defaults are made of the methods above.

    def _now_us(self, clock: _Clock) -> int:
        """Return the time by which this store's jobs are due."""
        return clock.now_us()

    def _check(self, job: Job) -> None:
        """Raise TypeError or ValueError for a job that can't be kept here."""

    def _known(self, job_id: str) -> tuple[int | None, Job | None]:
        """Return the revision of a job, None where there is none, and the job, None also where it can't be read."""
        job = self._lookup(job_id)
        return (None if job is None else job._revision), job

    def _hurry(self) -> None:
        """A shutdown waits: do not insist for long on a store that does not answer."""

    def _after_fork(self) -> None:
        """Forget, in a child process, what belongs to the parent."""
        self._lock = threading.RLock()

    def _lookup(self, job_id: str) -> Job | None:
        with self._lock:
            return self.lookup_job(job_id)

    def _all(self) -> list[Job]:
        with self._lock:
            return self.get_all_jobs()

    def _due(self, now_us: int, limit: int) -> list[Job]:
        """Return at most `limit` due jobs that are not set aside, earliest first."""
        with self._lock:
            due = self.get_due_jobs(_from_us(now_us))
            if self._set_aside:
                due = [job for job in due if self._waits_until(job) <= now_us]
            return due[:limit]

    def _next_due_us(self) -> int | None:
        """Return when a job, that is not set aside, is due next."""
        with self._lock:
            if self._set_aside:  # rare enough to look at all of them
                dues = [max(job._due_us, self._waits_until(job)) for job in self.get_all_jobs() if job._due_us is not None]
                return min(dues, default=None)
            following = self.get_next_run_time()
            return None if following is None else _to_us(following)

    def _waits_until(self, job: Job) -> int:
        revision, until_us = self._set_aside.get(job.id, (job._revision, 0))
        return until_us if revision == job._revision else 0

    def _set_job_aside(self, job: Job, until_us: int) -> bool:
        """Do not hand the job out before `until_us`; return whether that is new for this revision of it."""
        with self._lock:
            known = self._set_aside.get(job.id)
            self._set_aside[job.id] = (job._revision, until_us)
            return known is None or known[0] != job._revision

    def _retry_set_aside(self) -> None:
        """Hand out at once what was set aside: what it needs may be there now."""
        with self._lock:
            self._set_aside.clear()

    def _put(self, job: Job, replaced: int | None) -> bool:
        """Keep `job` in the place of the one with the revision `replaced`, None for none; False if something else is there by now."""
        with self._lock:
            current = self.lookup_job(job.id)
            if (None if current is None else current._revision) != replaced:
                return False
            if replaced is None:
                self.add_job(job)
            else:
                job._revision = replaced + 1
                self.update_job(job)
            return True

    def _write(self, job: Job, revision: int, changes: Mapping[str, Any]) -> bool:
        """Change the job if its revision is still that one; return whether it was."""
        with self._lock:
            current = self.lookup_job(job.id)
            if current is None or current._revision != revision:
                return False
            _set_all(job, changes)
            job._revision = revision + 1
            self.update_job(job)
            return True

    def _claims(self, clock: _Clock, wanted: _Wanted) -> Iterator[_Run]:
        """Claim what is due, and yield what was won, each before the next is tried: nothing that was won is lost if the store fails then.

        wanted: makes the run of a due job, or None for one that can't be run.
        """
        now_us = clock.now_us()
        for job in self._due(now_us, self._PAGE):
            run = wanted(job, now_us)
            if run is not None and self._claim(job, run.revision, run.following_us):
                yield run

    def _claim(self, job: Job, revision: int, due_us: int | None) -> bool:
        """Move a due job on to its next run time, or remove it if that is None; False if somebody changed it meanwhile."""
        with self._lock:
            if due_us is not None:
                return self._write(job, revision, {"_due_us": due_us})
            current = self.lookup_job(job.id)
            if current is None or current._revision != revision:
                return False
            self.delete_job(job.id)
            return True

    def _hand_back(self, job: Job, due_us: int, removed: bool) -> None:
        """Make a claimed occurrence that did not begin due again; `removed`: the claim has removed the job."""
        with self._lock:
            current = self.lookup_job(job.id)
            if current is None and removed:
                job._due_us = due_us
                self.add_job(job)
            elif current is not None and not removed and current._due_us is not None and current._due_us > due_us:
                self._write(current, current._revision, {"_due_us": due_us})

    def _delete(self, job_id: str) -> None:
        with self._lock:
            self.delete_job(job_id)
            self._set_aside.pop(job_id, None)

    def _clear(self) -> None:
        with self._lock:
            self.remove_all_jobs()
            self._set_aside.clear()


def _by_run_time(jobs: Iterable[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (job._due_us is None, job._due_us or 0))


class MemoryStore(BaseStore):
    """Keeps jobs in memory, for as long as the store object lives; the scheduler that they belong to may stop and start again."""

    _blocking = False
    _copies = False
    _PAGE = 1000  # a pass gives way before it has claimed so many

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        # By the time that is a job's `_entry`: the job, or where it shares that time with others, all of them by id, in order.
        self._at: dict[int, Job | dict[str, Job]] = {}
        self._times: list[int] = []  # these times as a heap; those that are not in `_at` any more are skipped when they come up

    def add_job(self, job: Job) -> None:
        """Keep a new job. Raises ConflictIdError if there is one with its id."""
        with self._lock:
            if job.id in self._jobs:
                raise ConflictIdError(_conflict_message(job.id, job.store_alias))
            self._jobs[job.id] = job
            self._enqueue(job, job._due_us)

    def update_job(self, job: Job) -> None:
        """Replace the job with that id. Raises JobLookupError if there is none."""
        with self._lock:
            previous = self._found(job.id)
            if previous is not job:
                self._dequeue(previous)
                self._jobs[job.id] = job
            self._enqueue(job, job._due_us)

    def delete_job(self, job_id: str) -> None:
        """Remove the job with that id. Raises JobLookupError if there is none."""
        with self._lock:
            self._dequeue(self._found(job_id))
            del self._jobs[job_id]

    def remove_all_jobs(self) -> None:
        """Remove all jobs."""
        with self._lock:
            for job in self._jobs.values():
                job._entry = None
            self._jobs.clear()
            self._at.clear()
            self._times.clear()

    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job with that id, or None."""
        return self._jobs.get(job_id)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs whose next run time is not after `now`, earliest first."""
        now_us = _to_us(now)
        with self._lock:
            return _by_run_time(job for job in self._jobs.values() if job._due_us is not None and job._due_us <= now_us)

    def get_next_run_time(self) -> datetime | None:
        """Return the earliest next run time of all jobs, or None if none has one."""
        with self._lock:
            earliest = min((job._due_us for job in self._jobs.values() if job._due_us is not None), default=None)
        return None if earliest is None else _from_us(earliest)

    def get_all_jobs(self) -> list[Job]:
        """Return all jobs, by next run time, paused ones last."""
        with self._lock:
            return _by_run_time(self._jobs.values())

    def _found(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise JobLookupError(f"job_id={job_id!r}: no such job{_nearest(job_id, self._jobs)}")
        return job

    def _enqueue(self, job: Job, when_us: int | None) -> None:
        self._dequeue(job)
        if when_us is None:
            return
        job._entry = when_us
        there = self._at.get(when_us)
        if there is None:
            self._at[when_us] = job
            heapq.heappush(self._times, when_us)
            if len(self._times) > 2 * len(self._at) + 100:  # mostly times that are gone
                self._times = list(self._at)
                heapq.heapify(self._times)
        elif isinstance(there, dict):
            there[job.id] = job
        else:
            self._at[when_us] = {there.id: there, job.id: job}

    def _dequeue(self, job: Job) -> None:
        when_us = job._entry
        if when_us is not None:
            job._entry = None
            self._leave(job, when_us)

    def _leave(self, job: Job, when_us: int) -> None:
        """Take a job from those that wait for a time, if it is among them; with the lock held."""
        there = self._at.get(when_us)  # None: the job comes from another store
        if there is job:
            del self._at[when_us]
        elif isinstance(there, dict) and there.get(job.id) is job:
            del there[job.id]
            if not there:
                del self._at[when_us]

    # The same as the defaults, without work for jobs that are not concerned.

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if any(getattr(cls, name) is not getattr(MemoryStore, name) for name in _STORE_METHODS):  # what a user's subclass says counts
            cls._copies = True
            for name in _SHORT_WAYS - vars(cls).keys():
                setattr(cls, name, getattr(BaseStore, name))

    def _lookup(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def _known(self, job_id: str) -> tuple[int | None, Job | None]:
        job = self._jobs.get(job_id)
        return (None, None) if job is None else (job._revision, job)

    def _put(self, job: Job, replaced: int | None) -> bool:
        if replaced is not None:
            return super()._put(job, replaced)
        with self._lock:
            if job.id in self._jobs:
                return False
            self._jobs[job.id] = job
            self._enqueue(job, job._due_us)
            return True

    def _write(self, job: Job, revision: int, changes: Mapping[str, Any]) -> bool:
        with self._lock:
            if job._revision != revision or self._jobs.get(job.id) is not job:
                return False
            _set_all(job, changes)
            job._revision = revision + 1
            if job._entry != job._due_us:
                self._enqueue(job, job._due_us)
            return True

    def _delete(self, job_id: str) -> None:
        with self._lock:
            job = self._jobs.pop(job_id, None)
            if job is None:
                job = self._found(job_id)  # raises
            self._dequeue(job)
            if self._set_aside:
                self._set_aside.pop(job_id, None)

    def _claims(self, clock: _Clock, wanted: _Wanted) -> Iterator[_Run]:
        # A job stays in the queue until its claim moves it on, so that nothing is lost if the pass ends between the two.
        now_us, claim = clock.now_us(), self._claim
        while True:
            with self._lock:
                when_us = self._next_due_us()
                if when_us is None or when_us > now_us:
                    return
                there = self._at[when_us]
                jobs = list(itertools.islice(there.values(), self._PAGE)) if isinstance(there, dict) else [there]
            for job in jobs:
                if job._entry != when_us:  # it has moved on meanwhile, or it is another store's by now
                    with self._lock:
                        self._leave(job, when_us)
                    continue
                run = wanted(job, now_us)
                if run is not None and claim(job, run.revision, run.following_us):
                    yield run

    def _next_due_us(self) -> int | None:
        with self._lock:
            times = self._times
            while times and times[0] not in self._at:
                heapq.heappop(times)
            return times[0] if times else None

    def _set_job_aside(self, job: Job, until_us: int) -> bool:
        with self._lock:
            if self._jobs.get(job.id) is job:
                self._enqueue(job, until_us)
        return super()._set_job_aside(job, until_us)

    def _retry_set_aside(self) -> None:
        with self._lock:
            for job_id in self._set_aside:
                job = self._jobs.get(job_id)
                if job is not None:
                    self._enqueue(job, job._due_us)
            self._set_aside.clear()

    def _claim(self, job: Job, revision: int, due_us: int | None) -> bool:
        with self._lock:
            if job._revision != revision or self._jobs.get(job.id) is not job:
                return False
            job._revision = revision + 1
            job._due_us = due_us
            if due_us is not None:
                self._enqueue(job, due_us)
            else:
                self._dequeue(job)
                del self._jobs[job.id]
            return True


_STORE_METHODS = BaseStore.__abstractmethods__
_SHORT_WAYS = {
    name
    for name, value in vars(MemoryStore).items()
    if callable(value) and hasattr(BaseStore, name) and name[:2] != "__" and name not in _STORE_METHODS
}


def _conflict_message(job_id: str, alias: str) -> str:
    return f"id={job_id!r}: there is a job with that id in store {alias!r}; give another id, or replace_existing=True"


_Op = tuple[Any, ...]  # what a shared store is to do, in one atomic step: the verb, a job's id, and what the verb needs; see `_decided`


class _Entry:
    """A job as a shared store has it: text, a revision, the next run time, and the tickets of its runs."""

    __slots__ = ("last", "next_us", "over", "revision", "runs", "text")

    def __init__(self, revision: int, next_us: int | None, over: bool, text: str, last: str, runs: dict[str, _Ticket]) -> None:
        self.revision = revision
        self.next_us = next_us  # None: paused, or over
        self.over = over  # the schedule ended with a run that is still in progress; to everybody else the job is gone
        self.text = text
        self.last = last  # how the last run ended, as JSON; empty before
        self.runs = runs


def _decided(op: _Op, entry: _Entry | None, now_us: int, lease_us: int) -> tuple[Any, _Entry | None]:
    """Return what a shared store answers to `op`, and what becomes of the job's entry. This is the protocol; the Redis script is its twin.

    Every verb gives the same answer when it is asked again: a client that lost an answer repeats the question.
    """
    verb = op[0]
    if verb == "put":  # id, revision that is replaced or None, new revision, next run time, text
        known = None if entry is None or entry.over else entry.revision
        if known != op[2]:
            repeated = entry is not None and (known, entry.next_us, entry.text) == op[3:]
            return (True if repeated else None), entry
        last, runs = ("", {}) if entry is None else (entry.last, entry.runs)
        return True, _Entry(op[3], op[4], False, op[5], last, runs)
    if entry is None:
        return (-1, None) if verb == "claim" else (None, None)
    if verb == "delete":  # id
        return (None, entry) if entry.over else (True, None)
    if verb == "claim":  # id, revision, following run time or None, max_instances, ticket
        return _decided_claim(op, entry, now_us, lease_us)
    return _decided_run(op, entry, now_us, lease_us)


def _decided_run(op: _Op, entry: _Entry, now_us: int, lease_us: int) -> tuple[Any, _Entry | None]:
    """Decide what is about a run that was claimed: id, ticket, and one thing more."""
    verb, ticket = op[0], cast(_Ticket, op[2])
    held = entry.runs.get(ticket.run_id)
    if held is None:
        return None, entry
    if verb == "take":  # until when its lease was when it was found to have run out
        return _decided_take(ticket, held, op[3], now_us, lease_us), entry
    if held.owner != ticket.owner:
        return None, entry
    if verb == "finish":  # how it ended, as JSON
        del entry.runs[ticket.run_id]
        entry.last = op[3] or entry.last
        return True, None if entry.over and not entry.runs else entry
    if verb == "release":  # the time that did not run
        held.started_us, held.at_us, held.until_us = 0, op[3], 0
        return True, entry
    if verb == "begin":  # the time that begins
        if held.started_us and held.at_us > op[3]:
            return None, entry
        if not held.started_us or held.at_us != op[3]:
            held.started_us, held.at_us = now_us, op[3]
    held.until_us = now_us + lease_us  # as for "renew"
    return True, entry


def _decided_take(ticket: _Ticket, held: _Ticket, seen_us: int, now_us: int, lease_us: int) -> Any:
    """Let the owner of `ticket` have a run whose lease ran out; as not begun, if it may begin again."""
    if held.owner == ticket.owner and held.until_us > now_us:  # asked again
        return True
    if held.until_us != seen_us or held.until_us >= now_us:
        return None
    held.owner, held.until_us = ticket.owner, now_us + lease_us
    if held.recover:
        held.started_us = 0
    return True


def _decided_claim(op: _Op, entry: _Entry, now_us: int, lease_us: int) -> tuple[int, _Entry]:
    """Return 1 for a claim that won, 0 for one at the limit of running instances, -1 for one that lost, -2 for one that came too early."""
    revision, following_us, limit, ticket = op[2:]
    if ticket.run_id in entry.runs:
        return 1, entry
    if entry.over or entry.revision != revision:
        return -1, entry
    if entry.next_us is None or now_us < entry.next_us:
        return -2, entry
    entry.revision, entry.next_us, entry.over = revision + 1, following_us, following_us is None
    if len(entry.runs) >= limit:
        return 0, entry
    ticket.until_us = now_us + lease_us
    entry.runs[ticket.run_id] = ticket
    return 1, entry


class _Outbox:
    """The thread of a shared store: what runs tell the store goes through it, many at once; and it keeps their leases.

    An operation is repeated until the store answers. While a shutdown waits, that is for a few seconds only: leases cover the rest.
    """

    _MOST = 200  # operations in one go; their answers are then delivered in one, which must not hold the loop for long
    _LAST_SECONDS = 5.0  # so long a shutdown waits for a store that does not answer

    def __init__(self, store: _SharedStore, scheduler: BaseScheduler, alias: str, owner: str) -> None:
        self._store = store
        self._scheduler = scheduler
        self._alias = alias
        self._owner = owner
        from queue import SimpleQueue  # here, because a schedule in memory needs none

        self._queue: SimpleQueue[tuple[_Op, Callable[[Any], None] | None, bool] | None] = SimpleQueue()
        self._lease = store._lease_us / _SECOND_US
        self._closing = False
        self._give_up_at: float | None = None  # monotonic; set while a shutdown waits
        self._beat_at = 0.0
        self._drift: float | None = None
        self._patience_until = 0.0  # no run is taken over before
        self._reap_asked = False
        self.tickets: dict[str, _Ticket] = {}  # of the runs that are this scheduler's
        self.load = 0  # operations that have no answer yet, and looks for dead runs
        self._load_lock = threading.Lock()
        self.trusted_until = time.monotonic() + self._lease * 11 / 12
        self._thread = threading.Thread(target=self._work, name=f"asyncz-leases-{alias}", daemon=True)
        self._thread.start()

    def submit(self, op: _Op, done: Callable[[Any], None] | None = None, own_thread: bool = True) -> None:
        """Send an operation; `done` gets the answer, None where there will be none: on the scheduler's thread, or else on this one."""
        with self._load_lock:
            self.load += 1
        self._queue.put((op, done, own_thread))

    def ask(self, op: _Op) -> Any:
        """Send an operation and wait for the answer."""
        answer: Future[Any] = Future()
        self.submit(op, answer.set_result, False)
        return answer.result()

    def reap_soon(self) -> None:
        """Look for leases that ran out: somebody saw some."""
        with self._load_lock:
            self.load += not self._reap_asked
            self._reap_asked = True
        self._queue.put(None)

    def hurry(self) -> None:
        """Do not wait for a store that does not answer for much longer."""
        self._give_up_at = time.monotonic() + self._LAST_SECONDS
        self._queue.put(None)

    def close(self) -> None:
        """End when nothing is left to be said; runs that were abandoned keep their lease until they end."""
        self._closing = True
        self._queue.put(None)

    def _work(self) -> None:
        greeted = False
        try:
            while not self._closing or self.load or self.tickets:
                greeted = greeted or self._has_greeted()
                batch = self._gathered(max(0.0, self._beat_at - time.monotonic()))
                if batch:
                    self._deliver(batch, self._insisted([op for op, _, _ in batch]))
                if time.monotonic() >= self._beat_at or self._reap_asked:
                    self._beat()
        finally:
            self._store._close_connection()

    def _has_greeted(self) -> bool:
        try:
            self._store._greet()
        except Exception as error:
            _LOGGER.debug("store %r is not there yet: %s", self._alias, error)
            return False
        return True

    def _gathered(self, seconds: float) -> list[tuple[_Op, Callable[[Any], None] | None, bool]]:
        from queue import Empty

        batch: list[tuple[_Op, Callable[[Any], None] | None, bool]] = []
        try:
            first = self._queue.get(timeout=seconds) if seconds else self._queue.get_nowait()
            while first is not None:
                batch.append(first)
                if len(batch) >= self._MOST:
                    break
                first = self._queue.get_nowait()
        except Empty:
            pass
        return batch

    def _insisted(self, ops: list[_Op]) -> list[Any]:
        """Return the answers of the store, however long it takes, except at a shutdown."""
        delay = 0.1
        while True:
            try:
                return self._store._applied(ops)
            except Exception as error:
                self._report(error)
                if self._give_up_at is not None and time.monotonic() > self._give_up_at:
                    return [None] * len(ops)
            time.sleep(delay)
            delay = min(2 * delay, self._scheduler.store_retry_interval, 1.0 if self._give_up_at is not None else 10.0)

    def _deliver(self, batch: list[tuple[_Op, Callable[[Any], None] | None, bool]], answers: list[Any]) -> None:
        there: list[tuple[Callable[[Any], None], Any]] = []
        for (op, done, own_thread), answer in zip(batch, answers):
            if op[0] != "begin" or answer is None:
                self.tickets.pop(op[2].run_id, None)
            if done is not None and own_thread:
                there.append((done, answer))
            elif done is not None:
                done(answer)
        if there:
            self._scheduler._defer(_call_all, there)
        with self._load_lock:
            self.load -= len(batch)

    def _report(self, error: Exception) -> None:
        self._scheduler._defer(self._scheduler._note_store_failed, self._alias, error)

    def _beat(self) -> None:
        """Renew the leases of this scheduler's runs, and take over the runs of those that are dead."""
        began = time.monotonic()
        self._beat_at = began + self._lease / 4
        with self._load_lock:
            self.load += not self._reap_asked
            self._reap_asked = False  # who asks from here on gets a look of its own
        self._notice_jump(began)
        try:
            held = list(self.tickets.values())
            answers = self._store._applied([("renew", ticket.job_id, ticket) for ticket in held]) if held else []
            self.trusted_until = began + self._lease * 11 / 12
            lost = [ticket for ticket, answer in zip(held, answers) if answer is None and ticket.run_id in self.tickets]
            for ticket in lost:
                self.tickets.pop(ticket.run_id, None)
            if began >= self._patience_until and not self._closing and self._give_up_at is None:
                self._take_over()
        except Exception as error:
            self._beat_at = time.monotonic() + min(1.0, self._lease / 4)
            self._report(error)
            lost = list(self.tickets.values()) if time.monotonic() > self.trusted_until else []
        if lost:
            self._scheduler._defer(self._scheduler._on_leases_lost, {ticket.run_id for ticket in lost})
        with self._load_lock:
            self.load -= 1

    def _notice_jump(self, now: float) -> None:
        """A wall clock that jumps ahead makes live runs look dead where it is the store's clock too: let them renew first."""
        drift = self._scheduler._clock.now_us() / _SECOND_US - self._scheduler._clock.monotonic()
        if self._store._local_clock and self._drift is not None and drift - self._drift > self._lease / 2:
            self._patience_until = now + self._lease
        self._drift = drift

    def _take_over(self) -> None:
        found = [ticket for ticket in self._store._expired(100) if ticket.run_id not in self.tickets]
        if self._scheduler._state is not _RUNNING:
            return
        wanted = [(ticket, job) for ticket in found for job in [self._store._job_to_take(ticket)] if job is not None or ticket.started_us]
        ops: list[_Op] = []
        for ticket, _ in wanted:
            mine = _Ticket(ticket.run_id, ticket.job_id, self._owner, ticket.at_us, ticket.last_us, ticket.recover)
            mine.outbox = self
            ops.append(("take", ticket.job_id, mine, ticket.until_us))
        for (ticket, job), op, answer in zip(wanted, ops, self._store._applied(ops) if ops else []):
            if answer:
                self.tickets[ticket.run_id] = op[2]
                self._scheduler._defer(self._scheduler._on_taken_over, self._alias, self._store, job, ticket, op[2])


def _call_all(calls: list[tuple[Callable[[Any], None], Any]]) -> None:
    for done, answer in calls:
        done(answer)


_SHARED: weakref.WeakSet[_SharedStore] = weakref.WeakSet()  # those in use in this process


class _SharedStore(BaseStore):
    """What the persistent stores have in common: jobs as text, and runs that are claimed in the store before they begin.

    A kind of store implements, without a lock and from any thread: `_applied` (see `_decided`), `_read`, `_read_all`, `_read_due`, `_expired`,
    `_empty`, and what opens and closes it.
    """

    _local_clock = False  # the store's clock is not this machine's
    _ahead_us: int | None = None
    _PAGE = 200
    _DECODED = 10_000  # so many jobs are remembered as they were read

    def __init__(self, place: str, context: str, serializer: Any, secret: Any, lease: float, poll_interval: float) -> None:
        self._place = place  # where the jobs are: stores of one process with the same place tell each other of changes
        self._codec = _Codec(serializer, secret, context)
        self._lease_us = round(_check_seconds("lease", lease) * _SECOND_US)
        self._poll_us = round(_check_seconds("poll_interval", poll_interval) * _SECOND_US)
        self._scheduler: BaseScheduler | None = None
        self._alias = ""
        self._outbox: _Outbox | None = None
        self._owner = ""
        self._tickets_made = 0
        self._unreadable: dict[str, tuple[int, str, int]] = {}  # id: (revision, reason, when to try again)
        self._latest_revision = 0
        self._following_us: int | None = None
        self._decoded: dict[str, tuple[str, Job]] = {}  # a speed-up: texts of jobs that run again and again, and what they said
        self._contested = False  # other schedulers claim the same jobs

    @abstractmethod
    def _applied(self, ops: list[_Op]) -> list[Any]:
        """Do all of `ops`, each atomically, and return their answers."""

    @abstractmethod
    def _read(self, job_id: str) -> _Entry | None:
        """Return the entry of a job."""

    @abstractmethod
    def _read_all(self) -> list[tuple[str, _Entry]]:
        """Return all entries with their ids."""

    @abstractmethod
    def _read_due(self, skip: int, limit: int) -> tuple[int, list[tuple[str, _Entry]], int | None, bool]:
        """Return the store's time, a page of due entries, the next run time after now, and whether there are leases that ran out."""

    @abstractmethod
    def _expired(self, limit: int) -> list[_Ticket]:
        """Return tickets whose lease ran out."""

    @abstractmethod
    def _empty(self) -> None:
        """Remove everything."""

    @abstractmethod
    def _server_us(self) -> int:
        """Return the store's time."""

    def _greet(self) -> None:
        """Prepare the store, and look at how it is set up; once after each start."""

    def _close_connection(self) -> None:
        """Close what belongs to the calling thread alone."""

    # Life.

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to be used by `scheduler` under the name `alias`. The store itself is asked later: it may be down now."""
        self._scheduler, self._alias = scheduler, alias
        self._owner, self._tickets_made = os.urandom(8).hex(), 0
        self._unreadable.clear()
        self._decoded.clear()
        self._outbox = _Outbox(self, scheduler, alias, self._owner)
        _SHARED.add(self)

    def shutdown(self) -> None:
        """Close what `start` opened; a client that the user made stays open."""
        outbox, self._outbox = self._outbox, None
        _SHARED.discard(self)
        if outbox is not None:
            outbox.close()

    def _now_us(self, clock: _Clock) -> int:
        if self._ahead_us is None:
            self._ahead_us = 0 if self._local_clock else self._server_us() - clock.now_us()
        return clock.now_us() + self._ahead_us

    def _note_time(self, server_us: int) -> None:
        if self._scheduler is not None and not self._local_clock:
            self._ahead_us = server_us - self._scheduler._clock.now_us()

    def _tell_others(self) -> None:
        for other in list(_SHARED):
            if other is not self and other._place == self._place and other._scheduler is not None:
                other._scheduler.wakeup()

    # Jobs.

    def add_job(self, job: Job) -> None:
        """Keep a new job. Raises ConflictIdError if there is one with its id, TypeError or ValueError for what a record can't keep."""
        if not self._put(job, None):
            raise ConflictIdError(_conflict_message(job.id, job.store_alias))

    def update_job(self, job: Job) -> None:
        """Replace the job with that id. Raises JobLookupError if there is none."""
        while True:
            revision, _ = self._known(job.id)
            if revision is None:
                raise JobLookupError(f"job_id={job.id!r}: no such job")
            if self._put(job, revision):
                return

    def delete_job(self, job_id: str) -> None:
        """Remove the job with that id, also one that can't be read. Raises JobLookupError if there is none."""
        if not self._applied([("delete", job_id)])[0]:
            raise JobLookupError(f"job_id={job_id!r}: no such job")
        self._unreadable.pop(job_id, None)
        self._decoded.pop(job_id, None)
        self._tell_others()

    def remove_all_jobs(self) -> None:
        """Remove all jobs, also those that can't be read."""
        self._empty()
        self._unreadable.clear()
        self._decoded.clear()
        self._tell_others()

    def lookup_job(self, job_id: str) -> Job | None:
        """Return the job with that id, or None."""
        entry = self._read(job_id)
        return None if entry is None else self._restored(job_id, entry)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Return the jobs whose next run time is not after `now`, earliest first."""
        now_us = _to_us(now)
        return [job for job in self.get_all_jobs() if job._due_us is not None and job._due_us <= now_us]

    def get_next_run_time(self) -> datetime | None:
        """Return the earliest next run time of all jobs, or None if none has one."""
        dues = [entry.next_us for _, entry in self._read_all() if entry.next_us is not None]
        return _from_us(min(dues)) if dues else None

    def get_all_jobs(self) -> list[Job]:
        """Return all jobs that can be read, by next run time, paused ones last."""
        restored = (self._restored(job_id, entry) for job_id, entry in self._read_all())
        return _by_run_time(job for job in restored if job is not None)

    def unreadable(self) -> list[tuple[str, str]]:
        """Return the ids of the records that could not be restored, or whose function is not there, each with the reason."""
        found: list[tuple[str, str]] = []
        for job_id, entry in sorted(self._read_all(), key=lambda pair: pair[0]):
            try:
                self._codec.decode(job_id, entry.text)._resolved_call()
            except Exception as error:
                found.append((job_id, str(error)))
        return found

    def _restored(self, job_id: str, entry: _Entry) -> Job | None:
        """Return the job of an entry; None where it is over, or can't be read, which is said once for every revision."""
        if entry.over:
            return None
        before = self._decoded.get(job_id)
        if before is not None and before[0] == entry.text:
            job = before[1]._twin()
            job._due_us, job._revision, job._last = entry.next_us, entry.revision, _last_from_text(entry.last)
            return job
        try:
            job = self._codec.decode(job_id, entry.text)
        except _Unreadable as reason:
            known = self._unreadable.get(job_id)
            self._unreadable[job_id] = (entry.revision, str(reason), self._local_us() + _UNREADABLE_US)
            if known is None or known[0] != entry.revision:
                _LOGGER.error("job %r in store %r can't be read: %s; its record is kept as it is, and tried again", job_id, self._alias, reason)
            return None
        self._unreadable.pop(job_id, None)
        job.store_alias, job._revision, job._due_us = self._alias, entry.revision, entry.next_us
        job._last = _last_from_text(entry.last)
        self._remember(job, entry.text)
        return job

    def _remember(self, job: Job, text: str) -> None:
        """Keep what a record says, unless runs could change it for each other."""
        fn, args, kwargs, _ = job._call
        if type(job.trigger) in _UNCHANGING_TRIGGERS and _UNCHANGING.issuperset(map(type, (*args, *kwargs.values()))):
            twin = job._twin()
            if fn is not _not_imported:  # written here: what is under its name when it runs is what counts
                twin._reference = job._reference or _callee(fn).reference
                twin._call = (_not_imported, args, kwargs, False)
            if len(self._decoded) >= self._DECODED:
                self._decoded.clear()
            self._decoded[job.id] = text, twin

    def _local_us(self) -> int:
        return time.time_ns() // 1000 if self._scheduler is None else self._scheduler._clock.now_us()

    # What the scheduler calls.

    def _lookup(self, job_id: str) -> Job | None:
        return self.lookup_job(job_id)

    def _all(self) -> list[Job]:
        return self.get_all_jobs()

    def _known(self, job_id: str) -> tuple[int | None, Job | None]:
        entry = self._read(job_id)
        return (None, None) if entry is None or entry.over else (entry.revision, self._restored(job_id, entry))

    def _check(self, job: Job) -> None:
        self._codec.encode(job)

    def _put(self, job: Job, replaced: int | None) -> bool:
        text = self._codec.encode(job)
        # Not the next number: that is a claim's. Whoever asks again after a lost answer has to tell its own write from those of others.
        revision = self._new_revision() if replaced is None else replaced + 2 + _random_below(1 << 20)
        if not self._applied([("put", job.id, replaced, revision, job._due_us, text)])[0]:
            return False
        job._revision = revision
        self._unreadable.pop(job.id, None)
        self._remember(job, text)
        self._tell_others()
        return True

    def _write(self, job: Job, revision: int, changes: Mapping[str, Any]) -> bool:
        _set_all(job, changes)
        return self._put(job, revision)

    def _new_revision(self) -> int:
        """Return a revision that the id has not had: the store's time, so that deleting and adding a job does not repeat one."""
        now_us = self._local_us() if self._scheduler is None else self._now_us(self._scheduler._clock)
        self._latest_revision = max(now_us, self._latest_revision + 1)
        return self._latest_revision

    def _delete(self, job_id: str) -> None:
        self.delete_job(job_id)
        self._set_aside.pop(job_id, None)

    def _clear(self) -> None:
        self.remove_all_jobs()
        self._set_aside.clear()

    def _due(self, now_us: int, limit: int) -> list[Job]:
        jobs: list[Job] = []
        skip, self._following_us, expired, server_us = 0, None, False, now_us
        while len(jobs) < limit:
            server_us, page, following_us, expired = self._read_due(skip, limit)
            self._note_time(server_us)
            skip += len(page)
            jobs += [job for job in self._handed_out(page, server_us) if job is not None]
            if len(page) < limit:  # that was the last page
                self._following_us = following_us
                break
        else:
            self._following_us = server_us
        if expired and self._outbox is not None:
            self._outbox.reap_soon()
        if self._contested:  # or all schedulers would go for the same jobs first
            jobs.sort(key=lambda _: _random_below(1 << 30))
        return jobs

    def _handed_out(self, page: list[tuple[str, _Entry]], now_us: int) -> Iterator[Job | None]:
        for job_id, entry in page:
            unreadable = self._unreadable.get(job_id)
            if unreadable is not None and unreadable[0] == entry.revision and self._local_us() < unreadable[2]:
                continue
            job = self._restored(job_id, entry)
            if job is not None and self._waits_until(job) <= now_us:
                yield job

    def _next_due_us(self) -> int | None:
        """Return when to look again, by the clock of this machine: others may change something at any time."""
        soon = self._local_us() + self._poll_us
        return soon if self._following_us is None else min(soon, self._following_us - (self._ahead_us or 0))

    def _claims(self, clock: _Clock, wanted: _Wanted) -> Iterator[_Run]:
        due = self._due(clock.now_us(), self._PAGE)
        now_us = self._now_us(clock)
        runs = [run for job in due for run in [wanted(job, now_us)] if run is not None]
        return self._won(runs)

    def _won(self, runs: list[_Run]) -> Iterator[_Run]:
        """Claim all in one go; yield what was won."""
        ops: list[_Op] = []
        outbox = self._outbox
        for run in runs if outbox is not None else ():
            job = run.job
            self._tickets_made += 1
            first_us = cast(int, run.cursor_us)
            run.ticket = _Ticket(f"{self._owner}.{self._tickets_made}", job.id, self._owner, first_us, run.last_us, job.recover)
            run.ticket.outbox = cast(_Outbox, outbox)
            ops.append(("claim", job.id, run.revision, run.following_us, job.max_instances, run.ticket))
        answers = self._applied(ops) if ops else []
        self._contested = -1 in answers
        if any(answer < 0 for answer in answers):  # somebody was faster: see what is due now
            self._following_us = 0
        for run, answer in zip(runs, answers):
            if answer >= 0:
                self._following_us = _earlier(self._following_us, run.following_us)
                if run.removed:
                    self._decoded.pop(run.job.id, None)
                run.job._due_us, run.job._revision = run.following_us, run.revision + 1
                run.at_limit = answer == 0
                if run.at_limit:
                    run.ticket = None
                elif run.ticket is not None:
                    run.ticket.outbox.tickets[run.ticket.run_id] = run.ticket
                yield run

    def _job_to_take(self, ticket: _Ticket) -> Job | None:
        """Return the job of a ticket that could be taken over, if it can run here; also where its schedule is over."""
        entry = self._read(ticket.job_id)
        if entry is None:
            return None
        over, entry.over = entry.over, False
        job = self._restored(ticket.job_id, entry)
        try:
            if job is None or self._scheduler is None:
                return None
            job._resolved_call()
            self._scheduler._executor_named(job.executor)
        except Exception:
            return None
        if over:
            job._due_us = None
        return job

    def _hurry(self) -> None:
        if self._outbox is not None:
            self._outbox.hurry()

    def _after_fork(self) -> None:
        super()._after_fork()
        self._outbox, self._scheduler, self._ahead_us = None, None, None


_UNREADABLE_US = 60 * _SECOND_US
_UNCHANGING = frozenset((type(None), bool, int, float, str, bytes))
_UNCHANGING_TRIGGERS = (DateTrigger, IntervalTrigger, CronTrigger)


def _earlier(one_us: int | None, other_us: int | None) -> int | None:
    return min((instant for instant in (one_us, other_us) if instant is not None), default=None)


def _check_seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ValueError(f"{name}={value!r}: not a number of seconds above 0")
    return value


def _last_to_text(last: _Last | None) -> str:
    import json

    return "" if last is None else json.dumps(dict(zip(RunInfo.__dataclass_fields__, last)))


def _last_from_text(text: str) -> _Last | None:
    if not text:
        return None
    import json

    try:
        due, started, finished, outcome, error, attempt = json.loads(text).values()
    except (ValueError, AttributeError, TypeError):
        return None
    return int(due), int(started), int(finished), str(outcome), error, int(attempt)


class SQLiteStore(_SharedStore):
    """Keeps jobs in a file, which schedulers in several processes of one machine can share.

    path: of the file, which is made where it is missing; its directory has to be there. serializer: an object with `dumps` and `loads`, for
    arguments that JSON can't keep. secret: bytes, or a list of bytes, the newest first: records are signed. lease: seconds until the runs of
    a scheduler that died are taken over. poll_interval: seconds until a change that another process made is noticed.
    """

    _local_clock = True
    _TABLES = (
        """CREATE TABLE IF NOT EXISTS jobs
            (id TEXT PRIMARY KEY, rev INTEGER NOT NULL, next INTEGER, over INTEGER NOT NULL, def TEXT NOT NULL, last TEXT NOT NULL)""",
        """CREATE TABLE IF NOT EXISTS runs
            (job TEXT NOT NULL, run TEXT NOT NULL, until INTEGER NOT NULL, ticket TEXT NOT NULL, PRIMARY KEY (job, run))""",
        "CREATE INDEX IF NOT EXISTS jobs_next ON jobs (next) WHERE next IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS runs_until ON runs (until)",
    )

    def __init__(
        self,
        path: str | os.PathLike[str] = "asyncz.sqlite3",
        *,
        serializer: Any = None,
        secret: bytes | str | Sequence[bytes] | None = None,
        lease: float = 60.0,
        poll_interval: float = 1.0,
    ) -> None:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or os.fspath(path) == ":memory:":
            raise ValueError(f"path={path!r}: not the path of a file; for jobs in memory there is MemoryStore")
        self._path = os.path.abspath(path)
        self._made = False
        super().__init__(f"sqlite:{self._path}", "asyncz", serializer, secret, lease, poll_interval)
        self._connections: dict[int, tuple[Any, tuple[int, int]]] = {}  # one for each thread, with the file that it is to

    def _after_fork(self) -> None:
        super()._after_fork()
        _INHERITED.append(self._connections)  # neither used nor closed: that would release the parent's locks on the file
        self._connections = {}

    def _server_us(self) -> int:
        return self._local_us()

    def _connection(self) -> Any:
        """Return the calling thread's connection. Raises FileNotFoundError where the file has been removed."""
        thread = threading.get_ident()
        known = self._connections.get(thread)
        if known is not None:
            if known[1] == self._inode():
                return known[0]
            known[0].close()  # another file has taken its place
        connection = self._connected()
        self._connections[thread] = connection, self._inode()
        return connection

    def _inode(self) -> tuple[int, int]:
        found = os.stat(self._path)
        return found.st_dev, found.st_ino

    def _connected(self) -> Any:
        import pathlib  # here, because only this store needs them
        import sqlite3

        mode = "rw" if self._made else "rwc"  # a file that was there is not made again, empty, behind somebody's back
        uri = f"{pathlib.Path(self._path).as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA busy_timeout=10000")  # before all others, which may find the file locked
            version = sqlite3.sqlite_version_info
            safe = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
            connection.execute(f"PRAGMA journal_mode={'wal' if safe else 'delete'}")  # other versions can corrupt a WAL database
            connection.execute("PRAGMA synchronous=FULL")
            for statement in self._TABLES:
                connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        self._made = True
        return connection

    def _close_connection(self) -> None:
        with self._lock:
            known = self._connections.pop(threading.get_ident(), None)
            if known is not None:
                known[0].close()

    def shutdown(self) -> None:
        """Close the connections to the file."""
        leases = self._outbox._thread.ident if self._outbox is not None else None
        super().shutdown()
        self._made = False
        with self._lock:
            for thread in [thread for thread in self._connections if thread != leases]:  # that thread closes its own, when it has said all
                self._connections.pop(thread)[0].close()

    def _applied(self, ops: list[_Op]) -> list[Any]:
        with self._transaction() as connection:
            return [self._apply(connection, op) for op in ops]

    @contextlib.contextmanager
    def _transaction(self) -> Generator[Any, None, None]:
        with self._lock:  # which a fork waits for
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")  # a transaction that reads before it writes could fail, however long the timeout
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _apply(self, connection: Any, op: _Op) -> Any:
        job_id = op[1]
        before = self._entry(connection, job_id)
        runs = {run_id: ticket.text() for run_id, ticket in before.runs.items()} if before is not None else {}
        was = None if before is None else (before.revision, before.next_us, before.over, before.text, before.last)
        answer, entry = _decided(op, before, self._local_us(), self._lease_us)
        if entry is None:
            if was is not None:
                connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
                connection.execute("DELETE FROM runs WHERE job = ?", (job_id,))
            return answer
        if was != (entry.revision, entry.next_us, entry.over, entry.text, entry.last):
            row = (job_id, entry.revision, entry.next_us, entry.over, entry.text, entry.last)
            connection.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)", row)
        for run_id in runs.keys() - entry.runs.keys():
            connection.execute("DELETE FROM runs WHERE job = ? AND run = ?", (job_id, run_id))
        for run_id, ticket in entry.runs.items():
            text = ticket.text()
            if runs.get(run_id) != text:
                connection.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", (job_id, run_id, ticket.until_us, text))
        return answer

    def _entry(self, connection: Any, job_id: str) -> _Entry | None:
        row = connection.execute("SELECT rev, next, over, CAST(def AS BLOB), last FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            return None
        rows = connection.execute("SELECT run, ticket FROM runs WHERE job = ?", (job_id,))
        return _entry_of_row(row, {run: _Ticket.from_text(job_id, run, text) for run, text in rows})

    def _read(self, job_id: str) -> _Entry | None:
        with self._lock:
            return self._entry(self._connection(), job_id)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:  # which a fork waits for: a child that inherits a call of SQLite in progress could wait for its end for ever
            return list(self._connection().execute(sql, values).fetchall())

    def _read_all(self) -> list[tuple[str, _Entry]]:
        rows = self._rows("SELECT id, rev, next, over, CAST(def AS BLOB), last FROM jobs WHERE NOT over")
        return [(row[0], _entry_of_row(row[1:], {})) for row in rows]

    def _read_due(self, skip: int, limit: int) -> tuple[int, list[tuple[str, _Entry]], int | None, bool]:
        now_us = self._local_us()
        rows = self._rows(
            "SELECT id, rev, next, over, CAST(def AS BLOB), last FROM jobs WHERE next <= ? ORDER BY next LIMIT ? OFFSET ?", now_us, limit, skip
        )
        following = self._rows("SELECT min(next) FROM jobs WHERE next > ?", now_us)[0][0]
        expired = self._rows("SELECT EXISTS (SELECT 1 FROM runs WHERE until < ?)", now_us)[0][0]
        return now_us, [(row[0], _entry_of_row(row[1:], {})) for row in rows], following, bool(expired)

    def _expired(self, limit: int) -> list[_Ticket]:
        sql = "SELECT job, run, ticket FROM runs WHERE until < ? ORDER BY until LIMIT ?"
        return [_Ticket.from_text(*row) for row in self._rows(sql, self._local_us(), limit)]

    def _empty(self) -> None:
        with self._transaction() as connection:
            connection.execute("DELETE FROM jobs")
            connection.execute("DELETE FROM runs")


_INHERITED: list[Any] = []  # connections of a parent process


def _entry_of_row(row: Sequence[Any], runs: dict[str, _Ticket]) -> _Entry:
    revision, next_us, over, text, last = row
    return _Entry(revision, next_us, bool(over), _as_text(text), last, runs)


def _as_text(value: Any) -> str:
    """Return what a store has as text; what is no text is read so that it can't be taken for a record."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


_TEXT_OF_REDIS = r"""
local function readable(text)  -- a client that decodes replies would fail on all of them for one that is not UTF-8
  return (string.gsub(text or '', '[\128-\255]', function(c) return string.format('\\x%02x', string.byte(c)) end))
end
local function row(key)  -- in one piece, since clients take long for each
  local v = redis.call('HMGET', key, 'rev', 'next', 'over', 'last', 'def')
  local last = string.gsub(readable(v[4]), '\n', ' ')
  return table.concat({v[1] or '', v[2] or '', v[3] or '', last, readable(v[5])}, '\n')
end
"""
_READ_IN_REDIS = (
    _TEXT_OF_REDIS
    + """
local rows = {}
for i, key in ipairs(KEYS) do rows[i] = row(key) end
return rows
"""
)
_DUE_IN_REDIS = (
    _TEXT_OF_REDIS
    + """
-- KEYS due, leases   ARGV now (empty: the server's), prefix of job keys, skip, limit
local t = redis.call('TIME')
local now = ARGV[1] ~= '' and ARGV[1] or string.format('%.0f', t[1] * 1000000 + t[2])
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', ARGV[3], ARGV[4])
local after = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '(+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {now, after[2] or '', redis.call('ZCOUNT', KEYS[2], '-inf', '(' .. now)}
for _, id in ipairs(ids) do
  answer[#answer + 1] = id
  answer[#answer + 1] = row(ARGV[2] .. id)
end
return answer
"""
)
_APPLY_IN_REDIS = r"""
-- The twin of `_decided`.   KEYS due, leases, then for each operation: job, runs
-- ARGV now (empty: the server's), lease, owner, then for each operation, in lines: verb, run, and four things more
local t = redis.call('TIME')
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or t[1] * 1000000 + t[2]
local due, leases, lease, owner = KEYS[1], KEYS[2], tonumber(ARGV[2]), ARGV[3]
local function whole(number) return string.format('%.0f', number) end
local function schedule(id, following, over)
  if over then redis.call('ZREM', due, id) else redis.call('ZADD', due, following == '' and '+inf' or following, id) end
end
local function keep(runs, run, id, who, ends, started, at, rest)
  redis.call('HSET', runs, run, who .. ' ' .. ends .. ' ' .. started .. ' ' .. at .. ' ' .. rest)
  redis.call('ZADD', leases, ends, run .. '|' .. id)
end
local of_job = {put = true, delete = true, claim = true, finish = true}  -- the others are about a run alone
local fresh = whole(now + lease)
local answers = {whole(now)}
for i = 1, #KEYS / 2 - 1 do
  local job, runs = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local id = string.sub(job, #due + 2)  -- after "…:job:", which is as long as "…:due" and a colon
  local verb, run, a, b, c, d = string.match(ARGV[i + 3], '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  local answer = 'no'
  local rev, over, following
  if of_job[verb] then
    local v = redis.call('HMGET', job, 'rev', 'over', 'next')
    rev, over, following = v[1], v[2] == '1', v[3]
  end
  if verb == 'put' then
    local known = rev and not over and rev or ''
    if known == a then
      redis.call('HSET', job, 'rev', b, 'next', c, 'over', '', 'def', d)
      schedule(id, c, false)
      answer = '1'
    elseif known == b and following == c and redis.call('HGET', job, 'def') == d then
      answer = '1'
    end
  elseif verb == 'delete' then
    if rev and not over then
      for _, held in ipairs(redis.call('HKEYS', runs)) do redis.call('ZREM', leases, held .. '|' .. id) end
      redis.call('DEL', job, runs)
      schedule(id, '', true)
      answer = '1'
    end
  elseif verb == 'claim' then
    if redis.call('HEXISTS', runs, run) == 1 then
      answer = '1'
    elseif rev ~= a or over then
      answer = '-1'
    elseif following == '' or now < tonumber(following) then
      answer = '-2'
    else
      redis.call('HSET', job, 'rev', whole(rev + 1), 'next', b, 'over', b == '' and '1' or '')
      schedule(id, b, b == '')
      answer = '0'
      if redis.call('HLEN', runs) < tonumber(c) then
        keep(runs, run, id, owner, fresh, '0', string.match(d, '^(%S+) (.*)$'))
        answer = '1'
      end
    end
  else
    local held = redis.call('HGET', runs, run)
    if held then
      local who, ends, started, at, rest = string.match(held, '^(%S+) (%S+) (%S+) (%S+) (.*)$')
      if verb == 'take' then
        if who == owner and tonumber(ends) > now then
          answer = '1'
        elseif ends == a and tonumber(ends) < now then
          keep(runs, run, id, owner, fresh, string.sub(rest, -1) == '1' and '0' or started, at, rest)
          answer = '1'
        end
      elseif who == owner then
        answer = '1'
        if verb == 'finish' then
          redis.call('HDEL', runs, run)
          redis.call('ZREM', leases, run .. '|' .. id)
          if over and redis.call('HLEN', runs) == 0 then
            redis.call('DEL', job)
          elseif a ~= '' and rev then
            redis.call('HSET', job, 'last', a)
          end
        elseif verb == 'renew' then
          keep(runs, run, id, who, fresh, started, at, rest)
        elseif verb == 'release' then
          keep(runs, run, id, who, '0', '0', a, rest)
        elseif started ~= '0' and tonumber(at) > tonumber(a) then
          answer = 'no'
        else  -- begin
          if started == '0' or at ~= a then started = whole(now) end
          keep(runs, run, id, who, fresh, started, a, rest)
        end
      end
    end
  end
  answers[i + 1] = answer
end
return table.concat(answers, ' ')
"""


class RedisStore(_SharedStore):
    """Keeps jobs in Redis or Valkey, from version 5, which schedulers on many machines can share.

    client: of redis-py or valkey-py, not of their asyncio parts. key_prefix: of all keys, which share one hash tag, so that they can live in
    a cluster. serializer, secret, lease, poll_interval: as of `SQLiteStore`. The times that count are those of the server.
    """

    _ROW = ("rev", "next", "over", "last", "def")

    def __init__(
        self,
        client: Any = None,
        key_prefix: str = "asyncz",
        *,
        serializer: Any = None,
        secret: bytes | str | Sequence[bytes] | None = None,
        lease: float = 60.0,
        poll_interval: float = 1.0,
    ) -> None:
        line = "RedisStore(client=redis.Redis(host='localhost'))"
        self._client = _check_client("RedisStore", client, line, ("hmget", "zrangebyscore", "pipeline", "time"), "execute_command")
        if not isinstance(key_prefix, str) or not key_prefix:
            raise TypeError(f"key_prefix={key_prefix!r}: not a prefix; give a string that is not empty")
        super().__init__(f"redis:{key_prefix}", key_prefix, serializer, secret, lease, poll_interval)
        self._tag = f"{{{key_prefix}}}"
        self._due_key, self._leases_key = f"{self._tag}:due", f"{self._tag}:leases"
        self._scripts = True  # the server runs scripts; where it does not, WATCH and MULTI do the same, more slowly

    def _keys(self, job_id: str) -> tuple[str, str]:
        return f"{self._tag}:job:{job_id}", f"{self._tag}:runs:{job_id}"

    def _fixed_now(self) -> str:
        """Return the time that scripts are to use; an empty string for the server's."""
        return ""

    def _eval(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Return what a script answers, None where the server runs no scripts."""
        if not self._scripts:
            return None
        try:
            return self._client.eval(script, len(keys), *keys, *arguments)
        except Exception as error:
            reason = str(error).lower()
            if "unknown command" not in reason and "noperm" not in reason and "no permissions" not in reason:
                raise
            self._scripts = False
            _LOGGER.info("store %r: the server runs no scripts (%s); using WATCH and MULTI", self._alias, error)
            return None

    def _server_us(self) -> int:
        seconds, microseconds = self._client.time()
        return int(self._fixed_now() or int(seconds) * _SECOND_US + int(microseconds))

    def _greet(self) -> None:
        """Warn of a server that is set up to forget."""
        policy = str(self._client.info("memory").get("maxmemory_policy", ""))
        if policy.startswith("allkeys"):
            _LOGGER.warning("store %r: the server's maxmemory-policy %r lets it remove jobs; use noeviction", self._alias, policy)

    def _applied(self, ops: list[_Op]) -> list[Any]:
        keys: list[str] = [self._due_key, self._leases_key]
        arguments: list[Any] = [self._fixed_now(), self._lease_us, self._owner]
        for op in ops:
            keys += self._keys(op[1])
            arguments.append(_op_for_redis(op))
        answer = self._eval(_APPLY_IN_REDIS, keys, arguments)
        if answer is None:
            return [self._watched(op) for op in ops]
        now, *answers = _as_text(answer).split(" ")
        self._note_time(int(now))
        return [_answer_of_redis(op, answer) for op, answer in zip(ops, answers)]

    def _watched(self, op: _Op) -> Any:
        """Do one operation without a script."""
        job_key, runs_key = self._keys(op[1])
        while True:
            pipe = self._client.pipeline()
            try:
                pipe.watch(job_key, runs_key)
                runs = {_as_text(run): _as_text(text) for run, text in pipe.hgetall(runs_key).items()}
                entry = _entry_of_redis(
                    pipe.hmget(job_key, self._ROW), {run: _Ticket.from_text(op[1], run, text) for run, text in runs.items()}
                )
                was = _state_of(entry)
                answer, entry = _decided(op, entry, self._server_us(), self._lease_us)
                if _state_of(entry) != was:
                    pipe.multi()
                    self._queue_changes(pipe, op[1], set(runs), entry)
                    pipe.execute()
                return answer
            except Exception as error:
                if type(error).__name__ != "WatchError":  # else somebody else was faster: look again
                    raise
            finally:
                pipe.reset()

    def _queue_changes(self, pipe: Any, job_id: str, old_runs: set[str], entry: _Entry | None) -> None:
        job_key, runs_key = self._keys(job_id)
        runs = {} if entry is None else entry.runs
        for run_id in old_runs - runs.keys():
            pipe.hdel(runs_key, run_id)
            pipe.zrem(self._leases_key, f"{run_id}|{job_id}")
        for run_id, ticket in runs.items():
            pipe.hset(runs_key, run_id, ticket.text())
            pipe.zadd(self._leases_key, {f"{run_id}|{job_id}": ticket.until_us})
        if entry is None:
            pipe.delete(job_key, runs_key)
        else:
            following = "" if entry.next_us is None else entry.next_us
            values = (entry.revision, following, "1" if entry.over else "", entry.last, entry.text)
            pipe.hset(job_key, mapping=dict(zip(self._ROW, values)))
        if entry is None or entry.over:
            pipe.zrem(self._due_key, job_id)
        else:
            pipe.zadd(self._due_key, {job_id: "+inf" if entry.next_us is None else entry.next_us})

    def _rows(self, job_ids: Sequence[str]) -> list[_Entry | None]:
        keys = [self._keys(job_id)[0] for job_id in job_ids]
        rows: Any = self._eval(_READ_IN_REDIS, keys, ()) if keys else ()
        if rows is None:
            return [_entry_of_redis(self._row(key), {}) for key in keys]
        return [_entry_from_redis(row) for row in rows]

    def _row(self, key: str) -> list[Any]:
        try:
            return list(self._client.hmget(key, self._ROW))
        except UnicodeDecodeError:  # a client that decodes replies, and a record that is no text
            return [*self._client.hmget(key, self._ROW[:3]), "", "not text"]

    def _read(self, job_id: str) -> _Entry | None:
        return self._rows([job_id])[0]

    def _read_all(self) -> list[tuple[str, _Entry]]:
        ids = [_as_text(job_id) for job_id in self._client.zrange(self._due_key, 0, -1)]
        found: list[tuple[str, _Entry]] = []
        for start in range(0, len(ids), 1000):
            page = ids[start : start + 1000]
            found += [(job_id, entry) for job_id, entry in zip(page, self._rows(page)) if entry is not None]
        return found

    def _read_due(self, skip: int, limit: int) -> tuple[int, list[tuple[str, _Entry]], int | None, bool]:
        arguments = (self._fixed_now(), f"{self._tag}:job:", skip, limit)
        answer = self._eval(_DUE_IN_REDIS, (self._due_key, self._leases_key), arguments)
        if answer is None:
            return self._read_due_plainly(skip, limit)
        now, following, expired, *rest = answer
        due = [(_as_text(job_id), _entry_from_redis(row) or _NO_ENTRY) for job_id, row in zip(rest[::2], rest[1::2])]
        return int(now), due, int(following) if following else None, bool(int(expired))

    def _read_due_plainly(self, skip: int, limit: int) -> tuple[int, list[tuple[str, _Entry]], int | None, bool]:
        now_us = self._server_us()
        ids = [_as_text(job_id) for job_id in self._client.zrangebyscore(self._due_key, "-inf", now_us, start=skip, num=limit)]
        after = self._client.zrangebyscore(self._due_key, f"({now_us}", "(+inf", start=0, num=1, withscores=True)
        expired = self._client.zcount(self._leases_key, "-inf", f"({now_us}")
        entries = [entry or _NO_ENTRY for entry in self._rows(ids)]
        return now_us, list(zip(ids, entries)), int(after[0][1]) if after else None, bool(expired)

    def _expired(self, limit: int) -> list[_Ticket]:
        members = self._client.zrangebyscore(self._leases_key, "-inf", f"({self._server_us()}", start=0, num=limit)
        tickets: list[_Ticket] = []
        for member in members:
            run_id, _, job_id = _as_text(member).partition("|")
            text = self._client.hget(self._keys(job_id)[1], run_id)
            if text is None:  # the server has lost half of it
                self._client.zrem(self._leases_key, member)
            else:
                tickets.append(_Ticket.from_text(job_id, run_id, _as_text(text)))
        return tickets

    def _empty(self) -> None:
        ids = [_as_text(job_id) for job_id in self._client.zrange(self._due_key, 0, -1)]
        ids += [_as_text(member).partition("|")[2] for member in self._client.zrange(self._leases_key, 0, -1)]
        keys = [key for job_id in ids for key in self._keys(job_id)]
        for start in range(0, len(keys), 1000):
            self._client.delete(*keys[start : start + 1000])
        self._client.delete(self._due_key, self._leases_key)


_NO_ENTRY = _Entry(0, None, True, "", "", {})  # of an id whose job is gone


def _op_for_redis(op: _Op) -> str:
    """Return verb, run, and what else the script takes, of an operation; only the last may have line breaks."""
    verb = op[0]
    if verb == "put":
        replaced, revision, next_us, text = op[2:]
        return f"{verb}\n\n{'' if replaced is None else replaced}\n{revision}\n{'' if next_us is None else next_us}\n{text}"
    if verb == "delete":
        return f"{verb}\n\n\n\n\n"
    if verb == "claim":
        revision, following_us, limit, ticket = op[2:]
        following = "" if following_us is None else following_us
        return f"{verb}\n{ticket.run_id}\n{revision}\n{following}\n{limit}\n{ticket.at_us} {ticket.last_us} {int(ticket.recover)}"
    return f"{verb}\n{op[2].run_id}\n{op[3] if len(op) > 3 else ''}\n\n\n"


def _answer_of_redis(op: _Op, answer: str) -> Any:
    if op[0] == "claim":
        return int(answer)
    return True if answer == "1" else None


def _entry_from_redis(row: Any) -> _Entry | None:
    """Return the entry of a row as the scripts return it."""
    return _entry_of_redis(_as_text(row).split("\n", 4), {})


def _entry_of_redis(row: Sequence[Any], runs: dict[str, _Ticket]) -> _Entry | None:
    revision, next_us, over, last, text = (_as_text(value) if value is not None else "" for value in row)
    if not revision:
        return None
    return _Entry(int(revision), int(next_us) if next_us else None, over == "1", text, last, runs)


def _state_of(entry: _Entry | None) -> Any:
    """Return what tells one state of an entry from another."""
    if entry is None:
        return None
    runs = {run_id: ticket.text() for run_id, ticket in entry.runs.items()}
    return entry.revision, entry.next_us, entry.over, entry.text, entry.last, runs


def _check_client(store: str, client: Any, line: str, methods: Sequence[str], asked: str) -> Any:
    if client is None:
        raise TypeError(f"{store}: client is missing; write {line}")
    missing = [name for name in methods if not callable(getattr(client, name, None))]
    if missing:
        raise TypeError(f"client={client!r}: not a client for {store}, it has no {missing[0]!r}; write {line}")
    if inspect.iscoroutinefunction(getattr(client, asked, None)):
        raise TypeError(f"client={client!r}: an asyncio client; {store} takes the other one of the same package, as in {line}")
    return client


class MongoDBStore(_SharedStore):
    """Keeps jobs in MongoDB, which schedulers on many machines can share.

    client: pymongo's MongoClient; its write concern has to be `majority`, the default. database, collection: where the jobs are, a document
    each. serializer, secret, lease, poll_interval: as of `SQLiteStore`. The times that count are those of the server.
    """

    _CLOCK_SECONDS = 60.0  # so often the server is asked for its time

    def __init__(
        self,
        client: Any = None,
        database: str = "asyncz",
        collection: str = "jobs",
        *,
        serializer: Any = None,
        secret: bytes | str | Sequence[bytes] | None = None,
        lease: float = 60.0,
        poll_interval: float = 1.0,
    ) -> None:
        line = "MongoDBStore(client=pymongo.MongoClient('mongodb://localhost'))"
        self._client = _check_client("MongoDBStore", client, line, ("get_database", "list_database_names"), "list_database_names")
        for name, value in (("database", database), ("collection", collection)):
            if not isinstance(value, str) or not value:
                raise TypeError(f"{name}={value!r}: not a name; give a string that is not empty")
        self._collection = client[database][collection]
        context = f"{database}.{collection}"
        super().__init__(f"mongodb:{context}", context, serializer, secret, lease, poll_interval)
        self._measured_at: float | None = None
        self._server_ahead_us = 0

    def _server_us(self) -> int:
        if self._measured_at is None or time.monotonic() - self._measured_at > self._CLOCK_SECONDS:
            began_us = time.time_ns() // 1000
            server_us = _server_time_of(self._client)
            self._server_ahead_us = 0 if server_us is None else server_us - (began_us + time.time_ns() // 1000) // 2
            self._measured_at = time.monotonic()
        return time.time_ns() // 1000 + self._server_ahead_us

    def _greet(self) -> None:
        self._collection.create_index("next")
        self._collection.create_index("runs.until")

    def _applied(self, ops: list[_Op]) -> list[Any]:
        answers = [self._apply(op) for op in ops]
        self._note_time(self._server_us())
        return answers

    def _apply(self, op: _Op) -> Any:
        """Do one operation: read the document, decide, and write it if it is still the same."""
        while True:
            document = self._collection.find_one({"_id": op[1]})
            entry = None if document is None else _entry_of_document(document)
            was = _state_of(entry)
            answer, entry = _decided(op, entry, self._server_us(), self._lease_us)
            if _state_of(entry) == was or self._write_document(op[1], document, entry):
                return answer

    def _write_document(self, job_id: str, document: Any, entry: _Entry | None) -> bool:
        """Write an entry in the place of `document`; return whether that was still there."""
        if document is None:
            assert entry is not None
            try:
                self._collection.insert_one({"_id": job_id, "seq": 0, **_document_of(entry)})
            except Exception as error:
                if type(error).__name__ != "DuplicateKeyError":
                    raise
                return False
            return True
        same = {"_id": job_id, "seq": document.get("seq")}
        if entry is None:
            return bool(self._collection.delete_one(same).deleted_count)
        change = {"$set": {**_document_of(entry), "seq": (document.get("seq") or 0) + 1}}
        return bool(self._collection.update_one(same, change).modified_count)

    def _read(self, job_id: str) -> _Entry | None:
        document = self._collection.find_one({"_id": job_id})
        return None if document is None else _entry_of_document(document)

    def _read_all(self) -> list[tuple[str, _Entry]]:
        return [(str(document["_id"]), _entry_of_document(document)) for document in self._collection.find({"over": {"$ne": True}})]

    def _read_due(self, skip: int, limit: int) -> tuple[int, list[tuple[str, _Entry]], int | None, bool]:
        now_us = self._server_us()
        found = self._collection.find({"next": {"$lte": now_us}}).sort("next", 1).skip(skip).limit(limit)
        due = [(str(document["_id"]), _entry_of_document(document)) for document in found]
        after = self._collection.find_one({"next": {"$gt": now_us}}, {"next": 1}, sort=[("next", 1)])
        expired = self._collection.find_one({"runs.until": {"$lt": now_us}}, {"_id": 1})
        return now_us, due, None if after is None else after["next"], expired is not None

    def _expired(self, limit: int) -> list[_Ticket]:
        now_us = self._server_us()
        found = self._collection.find({"runs.until": {"$lt": now_us}}).limit(limit)
        tickets = [ticket for document in found for ticket in _entry_of_document(document).runs.values()]
        return [ticket for ticket in tickets if ticket.until_us < now_us]

    def _empty(self) -> None:
        self._collection.delete_many({})


def _server_time_of(client: Any) -> int | None:
    """Return the time of a MongoDB server, None where it does not tell."""
    try:
        moment = client.admin.command("hello")["localTime"]
    except (NotImplementedError, KeyError, TypeError):
        return None
    return _to_us(moment if moment.tzinfo is not None else moment.replace(tzinfo=_UTC))


def _document_of(entry: _Entry) -> dict[str, Any]:
    runs = [{"run": run_id, "until": ticket.until_us, "ticket": ticket.text()} for run_id, ticket in entry.runs.items()]
    return {
        "rev": entry.revision,
        "next": entry.next_us,
        "over": entry.over,
        "def": entry.text,
        "last": entry.last,
        "runs": runs,
    }


def _entry_of_document(document: Mapping[str, Any]) -> _Entry:
    job_id = str(document["_id"])
    kept: list[Any] = document.get("runs") or []
    runs = {run["run"]: _Ticket.from_text(job_id, run["run"], run["ticket"]) for run in kept}
    next_us = document.get("next")
    over = bool(document.get("over"))
    return _Entry(int(document.get("rev") or 0), next_us, over, _as_text(document.get("def", "")), str(document.get("last") or ""), runs)


# === Executors ===
# An executor gets the runs that are claimed and calls their functions somewhere; every run it takes is reported and ends, whatever happens.
# Worker threads are daemons: a function that hangs does not keep the program from ending.


class BaseExecutor(ABC):
    """Where functions are called. A subclass of your own implements `do_send_job`."""

    _scheduler: BaseScheduler
    _alias: str
    _asks_first = False  # its runs tell a shared store themselves that they begin, in a thread or task that may wait

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to run jobs of `scheduler` under the name `alias`."""
        self._scheduler = scheduler
        self._alias = alias

    def shutdown(self, wait: bool = True) -> None:
        """Release what `start` took. The scheduler calls it when its runs have ended, or, without `wait`, are given up."""

    @abstractmethod
    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        """Run the job once for each of `run_times`, oldest first.

        Called on the scheduler's thread, so what takes long belongs somewhere else: there, `self.run_job(job, run_times)` does all of the
        calling and reporting. Return a future (of asyncio or concurrent.futures) or an awaitable that is done when the runs are; anything
        else means that they are done on return. Where `run_job` is not used, what is returned, or raised, is reported as the result.
        """

    def run_job(self, job: Job, run_times: list[datetime]) -> None:
        """Call the job's function for each of `run_times`, in the calling thread, and report the results; for `do_send_job`."""
        _run_of(run_times).call_plain()

    async def run_coroutine_job(self, job: Job, run_times: list[datetime]) -> None:
        """Call the job's coroutine function for each of `run_times` and report the results; for `do_send_job`."""
        await _run_of(run_times).call_coroutine()

    def _send(self, run: _Run) -> None:
        """Give a run to `do_send_job`, a hundred times of it at once, and the next hundred when these are done."""
        if run.state is _CLAIMED and not self._scheduler._begin(run):
            return
        instants_us = tuple(moment for moment, _ in zip(run.times_us(), range(_LISTED)))
        times = _RunTimes(_from_us(moment, run.job._zone) for moment in instants_us)
        times.run, times.instants_us = run, instants_us
        run.stop_us = instants_us[-1]
        try:
            result = self.do_send_job(run.job, times)
            if inspect.isawaitable(result) and not isinstance(result, asyncio.Future):
                result = self._scheduler._spawn(result if inspect.iscoroutine(result) else _whole(result))
        except Exception as error:
            self._settle(run, times, error, None)
            return
        future: Any = result
        if isinstance(result, (Future, asyncio.Future)):
            run.task = future
            future.add_done_callback(functools.partial(self._scheduler._post, self._settle_future, run, times))
        else:
            self._settle(run, times, None, result)

    def _settle_future(self, run: _Run, times: _RunTimes, done: Future[Any]) -> None:
        try:
            value = done.result()
        except BaseException as error:  # a cancellation too
            self._settle(run, times, error, None)
        else:
            self._settle(run, times, None, value)

    def _settle(self, run: _Run, times: _RunTimes, error: BaseException | None, value: Any) -> None:
        """Report what `do_send_job` left unreported, and go on with what is left of the run."""
        stop_us = times.instants_us[-1]
        if error is not None:
            if run.cursor_us is not None:
                self._scheduler._on_error(run, stop_us, error)
        elif run.cursor_us == times.instants_us[0] and not run.handed_back:
            for moment_us in times.instants_us:
                self._scheduler._on_executed(run, moment_us, value)
        if not run.handed_back:
            run.cursor_us = run.time_after_us(stop_us)
        if run.cursor_us is not None and not self._scheduler._goes_on(run):
            run.hand_back()
        if run.cursor_us is None or run.handed_back:
            self._scheduler._on_over(run)
        else:
            self._scheduler._defer(self._send, run)  # not at once: a backlog may have very many hundreds


async def _whole(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _run_of(run_times: list[datetime]) -> _Run:
    if not isinstance(run_times, _RunTimes):
        raise TypeError("run_times: not the list that do_send_job was called with; pass that one on")
    return run_times.run


class _BuiltinExecutor(BaseExecutor):
    """What our executors share: `_send`, the short way, takes a whole run; `do_send_job` is the same for subclasses that add something."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "do_send_job" in vars(cls) and "_send" not in vars(cls):  # what a user's subclass says counts
            setattr(cls, "_send", BaseExecutor._send)
            setattr(cls, "_asks_first", False)


class _WorkerCall:
    """A call for a worker thread whose end is a future."""

    def __init__(self, fn: Callable[..., Any], *args: Any) -> None:
        self.future: Future[Any] = Future()
        self._call = functools.partial(fn, *args)

    def run_plain(self) -> None:
        try:
            self.future.set_result(self._call())
        except BaseException as error:
            self.future.set_exception(error)

    def refuse(self, error: BaseException) -> None:
        self.future.set_exception(error)


class _Workers:
    """Daemon threads that take calls from one queue; started when needed, at most `limit`."""

    def __init__(self, limit: int, name: str, initializer: Callable[..., object] | None = None, initargs: Iterable[Any] = ()) -> None:
        self._limit = limit
        self._name = name
        self._initializer = initializer
        self._initargs = tuple(initargs)
        from queue import SimpleQueue  # here, because coroutines need none

        self._queue: SimpleQueue[_Run | _WorkerCall | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._load = 0  # calls that are queued or running

    def submit(self, call: _Run | _WorkerCall) -> None:
        with self._lock:
            self._load += 1
            new = self._load > self._threads < self._limit
            number = self._threads
            self._threads += new
        self._queue.put(call)
        if new:
            threading.Thread(target=self._work, name=f"{self._name}_{number}", daemon=True).start()

    def stop(self) -> None:
        """Let the threads end after what is queued."""
        with self._lock:
            for _ in range(self._threads):
                self._queue.put(None)
            self._threads = 0

    def _work(self) -> None:
        problem = self._prepare()
        while True:
            call = self._queue.get()
            if call is None:
                return
            if problem is not None:
                problem = self._prepare()
            if problem is None:
                call.run_plain()
            else:
                call.refuse(problem)
            del call  # or the thread would keep the last job's arguments alive while it waits
            with self._lock:
                self._load -= 1

    def _prepare(self) -> BaseException | None:
        try:
            if self._initializer is not None:
                self._initializer(*self._initargs)
        except BaseException as error:
            return error
        return None


class AsyncIOExecutor(_BuiltinExecutor):
    """Runs coroutine functions as tasks on the scheduler's loop, and plain functions in threads."""

    _asks_first = True
    _THREADS = min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio's own default executor has

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to run jobs of `scheduler` under the name `alias`."""
        super().start(scheduler, alias)
        if scheduler._loop is None:
            raise TypeError(f"executor {alias!r}: an AsyncIOExecutor needs an AsyncIOScheduler; {type(scheduler).__name__} has no event loop")
        self._workers = _Workers(self._THREADS, f"asyncz-{alias}")

    def shutdown(self, wait: bool = True) -> None:
        """Let the threads end."""
        self._workers.stop()

    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        """Run the job once for each of `run_times`, oldest first; return a future that is done when they are."""
        run = _run_of(run_times)
        if run.call[3]:
            return self._scheduler._spawn(self.run_coroutine_job(job, run_times))
        call = _WorkerCall(self.run_job, job, run_times)
        self._workers.submit(call)
        return call.future

    def _send(self, run: _Run) -> None:
        if run.call[3]:
            run.task = self._scheduler._start_run(run)
        else:
            self._workers.submit(run)


class ThreadPoolExecutor(_BuiltinExecutor):
    """Runs functions in threads; a coroutine function on a loop of its own in one of them.

    max_workers: how many threads at most. pool_kwargs: as of concurrent.futures.ThreadPoolExecutor: `thread_name_prefix`, `initializer`
    (called once in each thread; where it raises, runs fail with what it raised), `initargs`.
    """

    _asks_first = True

    def __init__(
        self,
        max_workers: int = 10,
        *,
        thread_name_prefix: str | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        self._max_workers = _check_workers(max_workers)
        self._prefix, self._initializer, self._initargs = thread_name_prefix, initializer, initargs

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to run jobs of `scheduler` under the name `alias`."""
        super().start(scheduler, alias)
        self._workers = _Workers(self._max_workers, self._prefix or f"asyncz-{alias}", self._initializer, self._initargs)

    def shutdown(self, wait: bool = True) -> None:
        """Let the threads end."""
        self._workers.stop()

    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        """Run the job once for each of `run_times`, oldest first; return a future that is done when they are."""
        call = _WorkerCall(self.run_job, job, run_times)
        self._workers.submit(call)
        return call.future

    def _send(self, run: _Run) -> None:
        self._workers.submit(run)


def _check_workers(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"max_workers={value!r}: not a whole number from 1")
    return value


class ProcessPoolExecutor(_BuiltinExecutor):
    """Runs functions in processes, which are spawned, since the scheduler has threads; a pool that broke is replaced.

    Functions, arguments and results have to be picklable, and a script needs `if __name__ == "__main__":`. max_workers: how many processes
    at most, as many as there are processors where not given. pool_kwargs: further arguments of concurrent.futures.ProcessPoolExecutor.
    """

    def __init__(self, max_workers: int | None = None, **pool_kwargs: Any) -> None:
        self._max_workers = None if max_workers is None else _check_workers(max_workers)
        self._pool_kwargs = pool_kwargs
        self._pool: concurrent.futures.ProcessPoolExecutor | None = None

    def start(self, scheduler: BaseScheduler, alias: str) -> None:
        """Get ready to run jobs of `scheduler` under the name `alias`."""
        super().start(scheduler, alias)
        self._pool = None  # made when first needed; after a fork, the parent's is not ours

    def shutdown(self, wait: bool = True) -> None:
        """Let the processes end; without `wait`, end them."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        processes: list[Any] = [*(getattr(pool, "_processes", None) or {}).values()]
        for process in () if wait else processes:
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)  # idle or terminated, they end at once; a pool left alone can fail at the exit of Python

    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        """Run the job once for each of `run_times`, oldest first; return a future that is done when they are."""
        run, done = _run_of(run_times), Future[Any]()
        self._advance(run, run.times_to_run_us(), lambda: done.set_result(None))
        return done

    def _send(self, run: _Run) -> None:
        if self._scheduler._begin(run):
            self._advance(run, run.times_to_run_us(), lambda: self._scheduler._on_over(run))

    def _advance(self, run: _Run, times_us: Iterator[int], over: Callable[[], None]) -> None:
        """Submit the next time of a run; at its end, the one after it."""
        try:
            due_us = next(times_us, None)
            if due_us is not None:
                self._scheduler._begin_ahead(run, due_us, functools.partial(self._call, run, times_us, due_us, over))
                return
        except Exception as error:
            self._scheduler._on_error(run, run.last_us, error)
        over()

    def _call(self, run: _Run, times_us: Iterator[int], due_us: int, over: Callable[[], None]) -> None:
        try:
            future = self._submitted(*run.call)
        except Exception as error:
            self._scheduler._on_error(run, due_us, error)
            over()
        else:
            future.add_done_callback(functools.partial(self._scheduler._post, self._on_done, run, times_us, due_us, over))

    def _submitted(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], is_coroutine: bool) -> Future[Any]:
        from concurrent.futures.process import BrokenProcessPool

        try:
            return self._working_pool().submit(_call_in_process, fn, args, dict(kwargs))
        except BrokenProcessPool:  # it broke while nobody looked
            self._pool = None
            return self._working_pool().submit(_call_in_process, fn, args, dict(kwargs))

    def _working_pool(self) -> concurrent.futures.ProcessPoolExecutor:
        if self._pool is None:
            import multiprocessing  # here, because only this executor needs it

            options: dict[str, Any] = {"mp_context": multiprocessing.get_context("spawn"), **self._pool_kwargs}
            self._pool = concurrent.futures.ProcessPoolExecutor(self._max_workers, **options)
        return self._pool

    def _on_done(self, run: _Run, times_us: Iterator[int], due_us: int, over: Callable[[], None], future: Future[Any]) -> None:
        from concurrent.futures.process import BrokenProcessPool

        if run.state is _OVER:  # abandoned
            return
        try:
            value = future.result()
        except BaseException as error:
            if isinstance(error, BrokenProcessPool):
                _LOGGER.warning("executor %r: a worker process died; the pool is replaced", self._alias)
                self._pool = None
            self._scheduler._on_error(run, due_us, error)
        else:
            self._scheduler._on_executed(run, due_us, value)
        self._advance(run, times_us, over)


def _call_in_process(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    value = fn(*args, **kwargs)
    return _awaited(value, None) if inspect.iscoroutine(value) else value


class DebugExecutor(_BuiltinExecutor):
    """Runs plain functions in place, on the scheduler's thread, and coroutine functions as tasks where there is a loop."""

    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        """Run the job once for each of `run_times`, oldest first."""
        if _run_of(run_times).call[3] and self._scheduler._loop is not None:
            return self._scheduler._spawn(self.run_coroutine_job(job, run_times))
        return self.run_job(job, run_times)

    def _send(self, run: _Run) -> None:
        if run.call[3] and self._scheduler._loop is not None:
            run.task = self._scheduler._start_run(run)
        else:
            run.run_plain()


_EXECUTORS: dict[str, type[BaseExecutor]] = {
    "asyncio": AsyncIOExecutor,
    "threadpool": ThreadPoolExecutor,
    "processpool": ProcessPoolExecutor,
    "debug": DebugExecutor,
}
_STORES: dict[str, type[BaseStore]] = {
    "memory": MemoryStore,
    "sqlite": SQLiteStore,
    "redis": RedisStore,
    "mongodb": MongoDBStore,
    "mongo": MongoDBStore,
}


# === Configuration ===
# Options come as keywords, as one flat dictionary with dotted keys, or as strings in it; all three become the same objects.
# What is unknown is an error that names it and lists what is known; the caller's dictionaries are only read.

_SCHEDULER_OPTIONS = ("event_loop", "executors", "job_defaults", "logger", "store_retry_interval", "stores", "timezone")


def _collected(global_config: Mapping[str, Any] | None, prefix: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a flat dictionary, nested, with those given as keywords on top."""
    collected: dict[str, Any] = {}
    for key, value in (global_config or {}).items():
        if key.startswith(prefix):
            _nest(collected, key[len(prefix) :].split("."), value, key)
        elif prefix and key.partition(".")[0] in _SCHEDULER_OPTIONS:
            raise ValueError(f"{key}: without the prefix; write {prefix + key!r}, or pass prefix=''")
    for name in collected:
        if name not in _SCHEDULER_OPTIONS:
            known = ", ".join(prefix + option for option in _SCHEDULER_OPTIONS)
            raise ValueError(f"{prefix}{name}: no such option{_nearest(name, _SCHEDULER_OPTIONS)}; there are {known}")
    _reject_unknown(options, _SCHEDULER_OPTIONS, "the scheduler")
    return {**collected, **options}


def _nest(into: dict[str, Any], path: Sequence[str], value: Any, key: str) -> None:
    for name in path[:-1]:
        into = into.setdefault(name, {})
        if not isinstance(into, dict):
            raise ValueError(f"{key}: another key gives a value for {name!r} itself; give one or the other")
    if isinstance(value, Mapping):
        value = {**into.get(path[-1], {}), **cast(Mapping[str, Any], value)}
    into[path[-1]] = value


def _made_store(alias: str, value: Any) -> BaseStore:
    return cast(BaseStore, _made("stores", alias, value, BaseStore, _STORES))


def _made_executor(alias: str, value: Any) -> BaseExecutor:
    return cast(BaseExecutor, _made("executors", alias, value, BaseExecutor, _EXECUTORS))


def _made(group: str, alias: str, value: Any, base: type[Any], kinds: Mapping[str, type[Any]]) -> Any:
    """Return the store or executor that an instance, a kind, or a dictionary with `type` or `class` and options means."""
    where, kind_name = f"{group}.{_check_alias(alias)}", group[:-1]
    if isinstance(value, base):
        return value
    given = value
    options: dict[str, Any] = {"type": value} if isinstance(value, str) else dict(given) if isinstance(value, Mapping) else {}
    kind, reference = options.pop("type", None), options.pop("class", None)
    if (kind is None) == (reference is None):
        raise TypeError(
            f"{where}={value!r}: not a {kind_name}; give an instance, or a dictionary with 'type' (one of {_listed(kinds)}) or 'class'"
        )
    if kind is not None and kind not in kinds:
        raise ValueError(f"{where}: type={kind!r}: no such {kind_name}{_nearest(str(kind), kinds)}; there are {_listed(kinds)}")
    made = kinds[kind] if kind is not None else _resolved(reference, f"{where}: class") if isinstance(reference, str) else reference
    if not (inspect.isclass(made) and issubclass(made, base)):
        raise TypeError(f"{where}: class={reference!r}: not a subclass of {base.__name__}")
    try:
        return made(**_converted(where, made, options))
    except TypeError as error:
        raise TypeError(f"{where}: {error}") from error


def _converted(where: str, made: type[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with those that are strings turned into what the parameter's default says it is."""
    parameters = inspect.signature(made).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    converted: dict[str, Any] = {}
    for name, value in options.items():
        if name not in parameters and not open_ended:
            raise ValueError(f"{where}: {name}={value!r}: no such option{_nearest(name, parameters)}; there are {_listed(parameters)}")
        annotation = str(parameters[name].annotation) if name in parameters else ""
        converted[name] = _from_string(f"{where}: {name}", value, annotation)
    return converted


def _from_string(where: str, value: Any, annotation: str) -> Any:
    """Return what a string, as from an ini file or the environment, says where something else than a string is needed."""
    if not isinstance(value, str) or "str" in annotation:
        return value
    text = value.strip()
    if "None" in annotation and text.lower() in ("", "none"):
        return None
    for kind, convert in (("bool", _to_bool), ("int", int), ("float", float)):
        if kind in annotation:
            try:
                return convert(text)
            except ValueError:
                raise ValueError(f"{where}={value!r}: not understood; give {annotation}") from None
    return _resolved(text, where) if ":" in text else value


def _to_bool(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


_DEFAULTS_ANNOTATIONS = {"coalesce": "bool", "max_instances": "int", "mistrigger_grace_time": "float | None", "recover": "bool"}


def _made_defaults(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job defaults, checked, with what was not given at its own default."""
    _reject_unknown(value, _JOB_DEFAULTS, "job_defaults")
    given = {name: _from_string(f"job_defaults: {name}", option, _DEFAULTS_ANNOTATIONS[name]) for name, option in value.items()}
    return {**_JOB_DEFAULTS, **_check_options(given)}


def _made_logger(value: Any) -> logging.Logger:
    if isinstance(value, str):
        return cast(logging.Logger, _resolved(value, "logger")) if ":" in value else logging.getLogger(value)
    if value is not None and not callable(getattr(value, "log", None)):
        raise TypeError(f"logger={value!r}: not a logger; give one, or its name")
    return _LOGGER if value is None else value


def _made_interval(value: Any) -> float:
    seconds = _from_string("store_retry_interval", value, "float")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < float("inf"):
        raise ValueError(f"store_retry_interval={value!r}: not a number of seconds above 0")
    return seconds


# === Scheduler ===
# The job methods may be called from any thread; the passes, the reports of runs and the timer belong to the scheduler's own thread.
# No lock is held while a store, a trigger, a listener or a job is called.


class SchedulerState(Enum):
    """What a scheduler is doing."""

    STATE_STOPPED = "stopped"
    STATE_RUNNING = "running"
    STATE_PAUSED = "paused"


_STOPPED, _RUNNING, _PAUSED = SchedulerState


_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Pending:
    """A job that was added while its store was not in use, and what its first run time is to be made of."""

    __slots__ = ("first", "job", "options", "owned", "replace", "trigger")

    def __init__(self, job: Job, options: dict[str, Any], trigger: BaseTrigger, first: object, replace: bool, owned: bool = False) -> None:
        self.owned = owned  # the trigger was made for this job alone
        self.job = job
        self.options = options  # those that were given; the others are the defaults of the scheduler when it starts
        self.trigger = trigger  # as it was given, not bound to a time zone or a start
        self.first = first  # UNSET, None, "now" or a time
        self.replace = replace


_PendingJobs = dict[str, dict[str, _Pending]]  # by the alias of their store, then by id


def _all_pending(pending: _PendingJobs) -> list[_Pending]:
    return [entry for entries in list(pending.values()) for entry in list(entries.values())]


class _JobMethods(ABC):
    """The half of a scheduler that keeps jobs: in its stores, or pending while these are not in use."""

    _clock: _Clock
    _logger: logging.Logger
    _lock: threading.RLock
    _state: SchedulerState
    _stores: dict[str, BaseStore]
    _executors: dict[str, BaseExecutor]
    _stores_open: bool  # the stores have been started, and not been shut down
    _listeners: _Listeners
    _job_defaults: dict[str, Any]
    _pending: _PendingJobs
    _pending_over: _PendingJobs  # added before the start, and over by now; a simulation of the past still runs them
    _decorated: dict[str, tuple[weakref.ref[Any] | None, int]]

    @property
    @abstractmethod
    def timezone(self) -> tzinfo:
        """The time zone of triggers that have none of their own."""

    @property
    def running(self) -> bool:
        """True between start and shutdown, also while paused."""
        return self._state is not _STOPPED

    def add_job(
        self,
        fn: Callable[..., Any] | str | _Unset = UNSET,
        trigger: BaseTrigger | str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,
        name: str | None = None,
        mistrigger_grace_time: float | None | _Unset = UNSET,
        coalesce: bool | _Unset = UNSET,
        max_instances: int | _Unset = UNSET,
        next_run_time: datetime | date | str | None | _Unset = UNSET,
        store: str = "default",
        executor: str = "default",
        replace_existing: bool = False,
        *,
        recover: bool | _Unset = UNSET,
        **trigger_args: Any,
    ) -> Job:
        """Add a job, and return it.

        fn: a callable, plain or coroutine function, or a reference "package.module:object". trigger: an instance, or "date", "interval" or
        "cron" with its arguments as `trigger_args`; None runs it once, now. id: a random one where not given. mistrigger_grace_time:
        seconds that a run may be late, None for any. coalesce: make one run of all that were missed. max_instances: runs at the same time.
        next_run_time: a time for the first run, "now", or None to add the job paused. replace_existing: replace the job with that id; its
        next run time is kept if the trigger is the same. recover: in a persistent store, start a run again that the death of its process
        interrupted.

        Raises TypeError or ValueError for what is not understood or does not fit, ConflictIdError where the id is taken.
        """
        if fn is UNSET:
            _reject_unknown(trigger_args, _ADD_OPTIONS, "add_job")
            raise TypeError("add_job: fn is missing; give the function as the first argument")
        _check_flag("replace_existing", replace_existing)
        checked = _check_callable(fn)
        options: dict[str, Any] = {"executor": _check_alias(executor), "_reference": fn if isinstance(fn, str) else None}
        if mistrigger_grace_time is not UNSET:
            options["mistrigger_grace_time"] = _check_grace(mistrigger_grace_time)
        if coalesce is not UNSET:
            options["coalesce"] = _check_coalesce(coalesce)
        if max_instances is not UNSET:
            options["max_instances"] = _check_max_instances(max_instances)
        if recover is not UNSET:
            options["recover"] = _check_recover(recover)
        options["name"] = _callee(checked).name if name is None else _check_name(name)
        args, kwargs = () if args is None else _check_args(args), _NO_KWARGS if kwargs is None else _check_kwargs(kwargs)
        options["_call"] = _made_call(checked, args, kwargs)
        made = self._trigger(trigger, trigger_args, "add_job")
        job = Job(cast(BaseScheduler, self), _random_id() if id is None else _check_id(id), _check_alias(store), made)
        pending = _Pending(job, options, made, self._checked_first(next_run_time), replace_existing, made is not trigger)
        if not self._add_pending(pending):
            self._admit(pending)
        return job

    def scheduled_job(
        self,
        trigger: BaseTrigger | str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,
        **options: Any,
    ) -> Callable[[_Function], _Function]:
        """Return a decorator that adds the function as a job and returns it.

        The options are those of `add_job`, except that `replace_existing` is always True. id: "module:qualname" of the function where not
        given, so that a restart replaces the job; a further decoration of the same function adds "#2", "#3" and so on.
        """
        if callable(trigger) and not isinstance(trigger, BaseTrigger):
            raise TypeError("scheduled_job: used without parentheses; write @scheduler.scheduled_job('interval', minutes=5)")
        if "replace_existing" in options:
            raise TypeError("scheduled_job: replace_existing is always True here; leave it out")

        def decorate(fn: _Function) -> _Function:
            known_id = self._decorated_id(fn) if id is None else id
            self.add_job(fn, trigger, args, kwargs, known_id, replace_existing=True, **options)
            return fn

        return decorate

    def update_job(self, job_id: str, store: str | None = None, **changes: Any) -> Job:
        """Change options of a job, by the names of `add_job`, and return it; a run in progress keeps the old ones.

        With another trigger, its next run time is computed anew, unless it is paused or `next_run_time` is given.
        Raises JobLookupError where there is no such job, TypeError or ValueError as `add_job`.
        """
        if "id" in changes or "store_alias" in changes:
            raise TypeError("update_job: the id and the store of a job stay as they are; delete it, and add another one")
        _reject_unknown(changes, _JOB_OPTIONS, "update_job")
        if self.running and "executor" in changes:
            self._executor_named(_check_alias(changes["executor"]))
        trigger = changes.pop("trigger", UNSET)
        made: Any = UNSET if trigger is UNSET else self._trigger(trigger, {}, "update_job")
        first = self._checked_first(changes.pop("next_run_time", UNSET))
        if "fn" in changes:
            changes["_reference"] = changes["fn"] if isinstance(changes["fn"], str) else None
        return self._change(job_id, store, _check_options(changes), made, first)

    def reschedule_job(self, job_id: str, store: str | None = None, trigger: BaseTrigger | str | None = None, **trigger_args: Any) -> Job:
        """Give a job another trigger, as in `add_job`, and return it; a paused one stays paused. Raises as `update_job`."""
        made = self._trigger(trigger, trigger_args, "reschedule_job")
        return self._change(job_id, store, {}, made, UNSET, made is not trigger)

    def pause_job(self, job_id: str, store: str | None = None) -> Job:
        """Let a job not run until it is resumed, and return it. Raises JobLookupError where there is no such job."""
        return self._change(job_id, store, {}, UNSET, None)

    def resume_job(self, job_id: str, store: str | None = None) -> Job | None:
        """Let a paused job run again from now on, and return it; None where its schedule was over, and it was removed."""
        job = self._found(job_id, store)[0]
        if job._due_us is not None:
            return job
        job = self._change(job_id, store, {}, UNSET, "resumed")
        return job if job._due_us is not None else None

    def delete_job(self, job_id: str, store: str | None = None) -> None:
        """Remove a job; a run in progress goes on. Raises JobLookupError where there is no such job."""
        self._check_store(store)
        job, kept_in = self._search(job_id, store)
        if job is None:
            job, kept_in = self._unreadable(job_id, store) or self._found(job_id, store)  # which raises
        if kept_in is not None:
            kept_in._delete(job_id)
        elif self._pending.get(job.store_alias, {}).pop(job_id, None) is None:
            raise JobLookupError(f"job_id={job_id!r}: no such job any more")
        self._tell_job(JOB_REMOVED, job)

    def _unreadable(self, job_id: str, alias: str | None) -> tuple[Job, BaseStore] | None:
        """Return what stands for a job whose record can't be read, and its store."""
        for name, store in self._usable_stores():
            if alias in (None, name) and store._known(job_id)[0] is not None:
                return self._adopted(_nameless(job_id), name), store
        return None

    def remove_all_jobs(self, store: str | None = None) -> None:
        """Remove the jobs of one store, or of all."""
        self._check_store(store)
        with self._lock:
            for pending in (self._pending, self._pending_over):
                for alias in list(pending) if store is None else [store]:
                    pending.pop(alias, None)
        for alias, kept_in in self._usable_stores():
            if store in (None, alias):
                kept_in._clear()
        self._tell(ALL_JOBS_REMOVED, store)

    def get_job(self, job_id: str, store: str | None = None) -> Job | None:
        """Return the job with that id, or None."""
        self._check_store(store)
        return self._search(job_id, store)[0]

    def get_jobs(self, store: str | None = None) -> list[Job]:
        """Return the jobs of one store, or of all, by next run time, paused ones last."""
        self._check_store(store)
        aliases = list(self._pending) if store is None else [store]
        jobs = [entry.job for alias in aliases for entry in list(self._pending.get(alias, {}).values())]
        for alias, kept_in in self._usable_stores():
            if store in (None, alias):
                jobs += [self._adopted(job, alias) for job in kept_in._all()]
        return _JobList(_by_run_time(jobs))

    def upcoming(self, limit: int | None = 10, until: datetime | date | str | None = None) -> list[tuple[datetime, Job]]:
        """Return the next runs of all jobs, earliest first, without their jitter.

        limit: how many at most, None for no limit. until: no later ones than this, local in the scheduler's time zone where naive.
        """
        if limit is None and until is None:
            raise ValueError("upcoming: limit=None needs until; give one of them, or it has no end")
        until_us = None if until is None else _instant_us(until, self.timezone, "until")
        runs: list[tuple[datetime, Job]] = []
        queue = [(job._due_us, number, job) for number, job in enumerate(self.get_jobs()) if job._due_us is not None]
        heapq.heapify(queue)
        while queue and (limit is None or len(runs) < limit):
            due_us, number, job = queue[0]
            if until_us is not None and due_us > until_us:
                break
            runs.append((_from_us(due_us, job._zone), job))
            following = job.trigger._after_us(due_us, due_us, self.timezone)
            if following is None:
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (following, number, job))
        return runs

    # Below: how these find, change and admit jobs.

    def _trigger(self, trigger: BaseTrigger | str | None, arguments: Mapping[str, Any], where: str) -> BaseTrigger:
        return _made_trigger(trigger, arguments, where, self.timezone if self.running else None)

    def _checked_first(self, value: Any) -> Any:
        """Return `next_run_time` as given, after a look at whether it is one."""
        if value is not UNSET and value is not None and value != "now":
            _parsed(value, "next_run_time")
        return value

    def _decorated_id(self, fn: Callable[..., Any]) -> str:
        """Return the id for a decorated function; one that a reloaded module or notebook cell defines anew is still the same one."""
        reference = _callee(fn).reference
        with self._lock:
            latest, count = self._decorated.get(reference, (None, 0))
            again = "<locals>" in reference or (latest is not None and latest() is fn)
            count = count + 1 if again else 1
            self._decorated[reference] = (_weak(fn), count)
        return reference if count == 1 else f"{reference}#{count}"

    def _usable_stores(self) -> list[tuple[str, BaseStore]]:
        """Return the stores that can be asked: all while running, else those in memory."""
        return [(alias, store) for alias, store in self._stores.items() if self.running or not store._blocking]

    def _check_store(self, alias: str | None) -> None:
        if alias is None:
            return
        known = {"default", *self._stores, *(name for name, entries in list(self._pending.items()) if entries)}
        if alias not in known:
            raise LookupError(f"store={alias!r}: no such store{_nearest(str(alias), known)}; there are {_listed(known)}")

    def _search(self, job_id: str, alias: str | None) -> tuple[Job | None, BaseStore | None]:
        for name, entries in list(self._pending.items()) if self._pending else ():
            entry = entries.get(job_id) if alias is None or alias == name else None
            if entry is not None:
                return entry.job, None
        for name, store in list(self._stores.items()):
            if (alias is None or alias == name) and (not store._blocking or self.running):
                job = store._lookup(job_id)
                if job is not None:
                    return self._adopted(job, name) if store._copies else job, store
        return None, None

    def _found(self, job_id: str, alias: str | None) -> tuple[Job, BaseStore | None]:
        """Return a job and its store, None where it is pending. Raises JobLookupError where there is none."""
        self._check_store(alias)
        job, store = self._search(job_id, alias)
        if job is None:
            where = "" if alias is None else f" in store {alias!r}"
            known = [job.id for job in self.get_jobs(alias)]
            raise JobLookupError(f"job_id={job_id!r}: no such job{where}{_nearest(str(job_id), known)}")
        return job, store

    def _adopted(self, job: Job, alias: str) -> Job:
        """Return a job from a store that knows where it belongs; one that the store has copied does not."""
        if job._scheduler is None:
            job._scheduler, job.store_alias = cast(BaseScheduler, self), alias
        return job

    def _add_pending(self, pending: _Pending) -> bool:
        """Keep a new job until the start, if the scheduler is stopped; return whether it is."""
        self._settle_pending(pending)
        job = pending.job
        store = self._stores.get(job.store_alias)
        if store is not None:
            store._check(job)
        with self._lock:
            if self.running:
                return False
            old, kept_in = self._search(job.id, job.store_alias)
            if old is not None and not pending.replace:
                raise ConflictIdError(_conflict_message(job.id, job.store_alias))
            self._pending_over.get(job.store_alias, {}).pop(job.id, None)
            if job._due_us is not None or pending.first is None:
                self._pending.setdefault(job.store_alias, {})[job.id] = pending
                return True
            self._pending_over.setdefault(job.store_alias, {})[job.id] = pending
        self._drop(job, kept_in)
        return True

    def _settle_pending(self, pending: _Pending) -> None:
        """Set what depends on the time and on the configuration: the defaults, the time zone, the first run."""
        job, store = pending.job, self._stores.get(pending.job.store_alias)
        now_us = store._now_us(self._clock) if store is not None and self._stores_open else self._clock.now_us()
        job._set_options({**self._job_defaults, **pending.options})
        job.trigger = pending.trigger._bound(self.timezone, now_us, pending.owned and self.running)
        job._due_us = self._first_us(job.trigger, pending.first, now_us)

    def _first_us(self, trigger: BaseTrigger, first: Any, now_us: int) -> int | None:
        if first is UNSET:
            return trigger._next_us(None, now_us, self.timezone)
        if first is None or first == "now":
            return None if first is None else now_us
        if first == "resumed":
            following = trigger._next_us(None, now_us, self.timezone)
            return following if following is None or following >= now_us else trigger._next_us(now_us, now_us, self.timezone)
        zone = getattr(trigger, "timezone", None)
        return _instant_us(first, zone if isinstance(zone, tzinfo) else self.timezone, "next_run_time")

    def _admit(self, pending: _Pending) -> None:
        """Bring a settled job into its store."""
        job, replaced = pending.job, None
        store, due_us = self._store_of(job.store_alias), job._due_us
        if job.executor not in self._executors:
            self._executor_named(job.executor)  # raises
        while True:
            replaced, old = store._known(job.id)  # in one look: what somebody else adds meanwhile must not be taken for what can't be read
            if replaced is not None and not pending.replace:
                raise ConflictIdError(_conflict_message(job.id, job.store_alias))
            same = False
            job._due_us = due_us
            if old is not None:
                same = pending.first is UNSET and _same_schedule(old.trigger, job.trigger)
                if same:
                    job._due_us, job.trigger = old._due_us, old.trigger  # its trigger knows where an interval's grid lies
                job._last = old._last
            over = not same and job._due_us is None and pending.first is not None
            if over or store._put(job, replaced):
                break
        if over:
            self._drop(job, store if replaced is not None else None)
            return
        if self._logger.isEnabledFor(logging.INFO):
            self._logger.info("job %r added to store %r, %s, next run %s", job.id, job.store_alias, job.trigger, job._next_shown())
        self._tell_job(JOB_ADDED, job)
        self._need(job._due_us)

    def _drop(self, job: Job, store: BaseStore | None) -> None:
        """Remove a job whose schedule turned out to be over, from its store unless it never got there."""
        self._logger.warning("job %r in store %r: its schedule %s is over, it is removed", job.id, job.store_alias, job.trigger)
        self._pending.get(job.store_alias, {}).pop(job.id, None)
        if store is not None:
            store._delete(job.id)
        self._tell_job(JOB_REMOVED, job)

    def _change(self, job_id: str, alias: str | None, options: dict[str, Any], trigger: Any, first: Any, owned: bool = False) -> Job:
        """Write changes to a job: options, another trigger unless UNSET, another next run time unless UNSET.

        owned: the trigger was made for this job alone.
        """
        while True:
            job, store = self._found(job_id, alias)
            revision = job._revision
            changes = self._computed_changes(job, options, trigger, first, owned and store is not None)
            if store is None:
                if self._change_pending(job, changes, trigger, first):
                    break
            elif store._write(job, revision, changes):
                break
        if job._due_us is None and changes.get("_due_us", 0) is None and first is not None:
            self._drop(job, store)
            return job
        self._tell_job(JOB_MODIFIED, job)
        self._need(job._due_us)
        return job

    def _computed_changes(self, job: Job, options: dict[str, Any], trigger: Any, first: Any, owned: bool) -> dict[str, Any]:
        changes = dict(options)
        if not changes.keys().isdisjoint(("fn", "args", "kwargs")):
            fn, args, kwargs, _ = job._resolved_call()
            changes["_call"] = _made_call(changes.pop("fn", fn), changes.pop("args", args), changes.pop("kwargs", kwargs))
        if trigger is UNSET and first is UNSET:
            return changes
        kept_in = self._stores.get(job.store_alias)
        now_us = self._clock.now_us() if kept_in is None or not self._stores_open else kept_in._now_us(self._clock)
        current = job.trigger
        if trigger is not UNSET:
            changes["trigger"] = current = trigger._bound(self.timezone, now_us, owned)
        if first is not UNSET or (trigger is not UNSET and job._due_us is not None):
            changes["_due_us"] = self._first_us(current, first, now_us)
        return changes

    def _change_pending(self, job: Job, changes: dict[str, Any], trigger: Any, first: Any) -> bool:
        with self._lock:
            entry = self._pending.get(job.store_alias, {}).get(job.id)
            if entry is None:  # it has just landed in its store
                return False
            _set_all(job, changes)
            entry.options.update({name: value for name, value in changes.items() if name not in ("trigger", "_due_us")})
            if trigger is not UNSET:
                entry.trigger = trigger
            if "_due_us" in changes:
                entry.first = UNSET if first == "resumed" else first
            return True

    def _store_of(self, alias: str) -> BaseStore:
        store = self._stores.get(alias)
        if store is None:
            raise LookupError(f"store={alias!r}: no such store{_nearest(alias, self._stores)}; there are {_listed(self._stores)}")
        return store

    def _executor_named(self, alias: str) -> BaseExecutor:
        executor = self._executors.get(alias)
        if executor is None:
            raise LookupError(f"executor={alias!r}: no such executor{_nearest(alias, self._executors)}; there are {_listed(self._executors)}")
        return executor

    @abstractmethod
    def _need(self, due_us: int | None) -> None: ...

    @abstractmethod
    def _tell(self, code: int, alias: str | None) -> None: ...

    @abstractmethod
    def _tell_job(self, code: int, job: Job) -> None: ...


def _made_call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _Call:
    _, callee, bare_call = _latest(fn)
    if args or kwargs:
        _check_arguments(fn, callee, (len(args), tuple(kwargs)), args, kwargs)
        return fn, args, kwargs, callee.is_coroutine
    if _NO_ARGUMENTS not in callee.shapes:
        _check_arguments(fn, callee, _NO_ARGUMENTS, args, kwargs)
    return bare_call


def _random_id() -> str:
    return os.urandom(16).hex()


def _weak(fn: Callable[..., Any]) -> weakref.ref[Any] | None:
    try:
        return weakref.ref(fn)
    except TypeError:
        return None


def _same_schedule(one: BaseTrigger, other: BaseTrigger) -> bool:
    return one == other and str(getattr(one, "timezone", "")) == str(getattr(other, "timezone", ""))


class _RunMethods(_JobMethods):
    """The half of a scheduler that follows runs: from the claim to the executor, and from there back to the listeners."""

    _loop: asyncio.AbstractEventLoop | None
    _active: dict[tuple[str, str], list[_Run]]  # by alias and id of their job: runs that are claimed and not over; the own thread's
    _inbox: deque[Callable[[], None]]
    _pass_thread: int | None
    _INBOX_LENGTH = 500  # so many calls are made in one go

    def run_job(self, job_id: str, store: str | None = None) -> Future[Any]:
        """Run a job once more, now, and return a future of its result; its schedule, and whether it is paused, stay as they are.

        The future raises what the job raises, or MaximumInstancesError. Raises JobLookupError where there is no such job, and
        SchedulerNotRunningError on a stopped scheduler.
        """
        job, kept_in = self._found(job_id, store)
        if not self.running or kept_in is None:
            raise SchedulerNotRunningError(f"run_job: job {job_id!r} can't run, the scheduler is stopped; start it first")
        future = _promise()
        self._post(self._run_now, job, kept_in, future)
        return future

    def _run_now(self, job: Job, store: BaseStore, future: Future[Any]) -> None:
        now_us = self._clock.now_us()
        run = _Run(self, store, job, now_us, now_us)
        run.future = future
        if not self.running:
            future.set_exception(SchedulerNotRunningError(f"job {job.id!r} did not begin: the scheduler was shut down"))
        elif job.running >= job.max_instances:
            problem = f"job {job.id!r}: max_instances={job.max_instances} are running; wait for one to end, or allow more"
            future.set_exception(MaximumInstancesError(problem))
        else:
            self._submit(run)

    def _dispatch(self, store: BaseStore, run: _Run) -> None:
        """Send a run that was claimed to its executor, unless it is too late or too many are running."""
        job = run.job
        if self._state is _STOPPED and not run.at_limit:  # since the claim
            run.hand_back()
            self._note_over(run)
            return
        if run.removed and self._listeners.mask & JOB_REMOVED:
            self._tell_job(JOB_REMOVED, job)
        running = self._active.get((job.store_alias, job.id))
        if run.at_limit or (running is not None and run.ticket is None and len(running) >= job.max_instances):
            self._logger.warning("job %r in store %r skipped: %d running already", job.id, job.store_alias, job.max_instances)
            self._tell_submission(JOB_MAX_INSTANCES, run)
            return
        if job.mistrigger_grace_time is not None and self._is_late(store, job, cast(int, run.cursor_us)):
            self._jump_to_grace(run, store._now_us(self._clock))
        if run.cursor_us is not None:
            self._submit(run)
        elif run.ticket is not None:
            self._note_over(run)

    def _jump_to_grace(self, run: _Run, now_us: int) -> None:
        """Move the cursor over what is late by more than the grace time, and report it as missed."""
        first_us, grace = cast(int, run.cursor_us), run.job.mistrigger_grace_time
        assert grace is not None
        oldest_us = now_us - round(grace * _SECOND_US)
        start_us = None
        if run.last_us >= oldest_us:
            start_us = run.trigger._after_us(oldest_us - 1, now_us, self.timezone)
        missed = [moment for moment, _ in zip(run.times_us(), range(_LISTED + 1)) if start_us is None or moment < start_us]
        if len(missed) > _LISTED:
            last_us = run.last_us if start_us is None else run.trigger._catch_up_us(first_us, start_us - 1, self.timezone)[0]
            zone = run.job._zone
            self._logger.warning("job %r: all runs from %s to %s were missed", run.job.id, _shown(first_us, zone), _shown(last_us, zone))
            missed = [last_us]
        for moment in missed:
            self._on_missed(run, moment)
        run.cursor_us = start_us

    def _submit(self, run: _Run) -> None:
        job = run.job
        key = (job.store_alias, job.id)
        running = self._active.get(key)
        if running is None:
            self._active[key] = [run]
        else:
            running.append(run)
        try:
            executor = self._executors.get(job.executor) or self._executor_named(job.executor)  # which raises
            if self._listeners.mask & JOB_SUBMITTED:
                self._tell_submission(JOB_SUBMITTED, run)
            if run.ticket is None or executor._asks_first:
                executor._send(run)
            else:
                self._begin_ahead(run, run.cursor_us, functools.partial(executor._send, run))
        except Exception as error:  # the executor's; the run began, or never will
            run.state = _BEGUN
            self._on_error(run, run.last_us, error)
            self._on_over(run)

    def _begin_ahead(self, run: _Run, due_us: int | None, go_on: Callable[[], None]) -> None:
        """Tell a shared store that a time begins, and go on when it agrees; for executors that call on this thread, which must not wait."""
        ticket = run.ticket
        if ticket is None or due_us is None or ticket.begun_us == due_us:
            go_on()
            return

        def answered(answer: Any) -> None:
            if run.state is _OVER:  # taken back by a shutdown
                return
            if answer and self.running:
                go_on()
            else:
                if answer:
                    run.hand_back()
                else:
                    run.lose()
                self._note_over(run)

        ticket.begun_us = due_us
        ticket.outbox.submit(("begin", ticket.job_id, ticket, due_us), answered)

    # Reports of runs, from any thread.

    def _on_own_thread(self) -> bool:
        return self._pass_thread == threading.get_ident()

    def _post(self, call: Callable[..., None], *args: Any) -> None:
        """Make a call on the own thread: at once if this is it and nothing waits in the inbox, else from the inbox."""
        if not self._inbox and self._on_own_thread():
            call(*args)
        else:
            self._defer(call, *args)

    def _defer(self, call: Callable[..., None], *args: Any) -> None:
        self._inbox.append(functools.partial(call, *args))
        self._wake_for_inbox()

    def _ease(self) -> None:
        """Let the own thread catch up with a thread that reports faster than it can hear."""
        while len(self._inbox) > self._INBOX_LENGTH and self.running and not self._on_own_thread():
            time.sleep(0.001)

    def _wake_for_inbox(self) -> None:
        self.wakeup()

    def _drain(self) -> bool:
        """Make calls that are in the inbox, some hundreds at most; return whether there were any."""
        count = min(len(self._inbox), self._INBOX_LENGTH)
        for _ in range(count):
            try:
                call = self._inbox.popleft()
            except IndexError:  # a shutdown in another thread took it
                break
            try:
                call()
            except Exception:
                self._logger.exception("internal error: %r raised", call)
        return bool(count)

    def _start_run(self, run: _Run) -> asyncio.Task[Any]:
        return self._spawn(run.call_coroutine(whole=True))

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        coroutine.close()
        raise TypeError(f"{type(self).__name__} has no event loop; use a ThreadPoolExecutor")

    def _begin(self, run: _Run) -> bool:
        """Mark a claimed run as begun; False if it was taken back, or the scheduler is stopped: then it must not run."""
        with self._lock:
            if run.state is not _CLAIMED or self._state is _STOPPED:
                return False
            run.state = _BEGUN
            return True

    def _goes_on(self, run: _Run) -> bool:
        """Return whether a run that has begun may make its next call."""
        return run.state is _BEGUN and self.running

    def _is_late(self, store: BaseStore, job: Job, due_us: int) -> bool:
        grace = job.mistrigger_grace_time
        return grace is not None and store._now_us(self._clock) - due_us > grace * _SECOND_US

    def _on_missed(self, run: _Run, due_us: int) -> None:
        if run.reports_here:
            self._note_missed(run, due_us)
        else:
            self._post(self._note_missed, run, due_us)

    def _on_executed(self, run: _Run, due_us: int, value: Any) -> None:
        if run.reports_here:
            self._note_executed(run, due_us, value)
        else:
            self._post(self._note_executed, run, due_us, value)

    def _on_error(self, run: _Run, due_us: int, error: BaseException) -> None:
        if run.reports_here:
            self._note_error(run, due_us, error)
        else:
            self._post(self._note_error, run, due_us, error)

    def _on_over(self, run: _Run) -> None:
        self._post(self._note_over, run)

    def _note_missed(self, run: _Run, due_us: int) -> None:
        job = run.job
        job._last = (due_us, 0, self._clock.now_us(), "missed", None, run.attempt)
        self._logger.warning("job %r in store %r: its run of %s was missed", job.id, job.store_alias, _shown(due_us, job._zone))
        self._tell_run(JOB_MISSED, job, due_us, None, None)

    def _note_executed(self, run: _Run, due_us: int, value: Any) -> None:
        if run.state is _OVER:  # abandoned; its late result is ignored
            return
        job = run.job
        job._last = (due_us, run.started_us, self._clock.now_us(), "executed", None, run.attempt)
        if self._logger.isEnabledFor(logging.DEBUG):
            self._logger.debug("job %r in store %r: its run of %s was executed", job.id, job.store_alias, _shown(due_us, job._zone))
        if run.future is not None and not run.future.done():
            run.future.set_result(value)
        if self._listeners.mask & JOB_EXECUTED:
            self._tell_run(JOB_EXECUTED, job, due_us, value, None)

    def _note_error(self, run: _Run, due_us: int, error: BaseException) -> None:
        if run.state is _OVER:
            return
        job = run.job
        job._last = (due_us, run.started_us, self._clock.now_us(), "error", _error_text(error), run.attempt)
        ended = "was cancelled" if isinstance(error, asyncio.CancelledError) else "raised"
        following = "no further run" if job._due_us is None else f"it stays scheduled, next run {job._next_shown()}"
        shown_error = None if isinstance(error, asyncio.CancelledError) else error
        self._logger.error("job %r in store %r %s; %s", job.id, job.store_alias, ended, following, exc_info=shown_error)
        run.refuse_future(error)
        self._tell_run(JOB_ERROR, job, due_us, None, error)

    def _note_over(self, run: _Run) -> None:
        """Let go of a run: of its ticket first, if it has one, so that the store has heard of its end before a shutdown closes it."""
        if run.state is _OVER:
            return
        if run.ticket is not None:
            run.state = _OVER
            self._let_go(run)
        else:
            self._forget(run)
            if self._state is _STOPPED:
                self._check_closed()

    def _let_go(self, run: _Run) -> None:
        ticket = run.ticket
        if ticket is None:
            self._forget(run)
            self._check_closed()
            return
        run.ticket = None
        if run.handed_back:
            at_us = run.last_us if run.cursor_us is None else run.cursor_us
            ticket.outbox.submit(("release", ticket.job_id, ticket, at_us), functools.partial(self._on_let_go, run))
        else:
            op = ("finish", ticket.job_id, ticket, _last_to_text(run.job._last))
            ticket.outbox.submit(op, functools.partial(self._on_let_go, run))

    def _on_let_go(self, run: _Run, answer: Any) -> None:
        if answer is None:
            self._logger.info("job %r in store %r: its run is no longer known there, or was taken over", run.job.id, run.job.store_alias)
        self._forget(run)
        self._check_closed()

    # What the thread of a shared store reports, on the own thread.

    def _on_taken_over(self, alias: str, store: BaseStore, job: Job | None, found: _Ticket, ticket: _Ticket) -> None:
        """Go on with a run whose scheduler died: run it if it had not begun or may be repeated, else report it and run what is left."""
        if job is not None:
            self._adopted(job, alias)
        run = _Run(self, store, job, ticket.at_us, ticket.last_us) if job is not None else None
        if found.started_us and not (found.recover and run is not None):
            self._tell_interrupted(alias, found, job)
            if run is not None:
                run.cursor_us = run.time_after_us(ticket.at_us)
        elif run is not None:
            self._logger.warning("job %r in store %r: its run of %s is taken over", found.job_id, alias, _shown(ticket.at_us, self.timezone))
        if run is None or run.cursor_us is None or not self.running:
            verb: Any = ("finish", "") if run is None or run.cursor_us is None else ("release", run.cursor_us)
            ticket.outbox.submit((verb[0], ticket.job_id, ticket, verb[1]))
            return
        run.ticket = ticket
        if self._is_late(store, run.job, run.cursor_us):
            self._jump_to_grace(run, store._now_us(self._clock))
        if run.has_left():
            self._note_over(run)
        else:
            self._submit(run)

    def _tell_interrupted(self, alias: str, found: _Ticket, job: Job | None) -> None:
        began = _from_us(found.started_us)
        error = RunInterruptedError(
            f"job {found.job_id!r}: its run of {_shown(found.at_us, self.timezone)} was interrupted: scheduler {found.owner}, where it began at"
            f" {began:%Y-%m-%d %H:%M:%S %Z}, died or lost the store",
            owner=found.owner,
            started_at=began,
        )
        self._logger.error("job %r in store %r: %s", found.job_id, alias, error)
        self._tell_run(JOB_ERROR, job if job is not None else self._adopted(_nameless(found.job_id), alias), found.at_us, None, error)

    def _on_leases_lost(self, run_ids: set[str]) -> None:
        """Stop what another scheduler will start again: coroutines of jobs that are to be recovered."""
        for run in self._active_runs():
            ticket = run.ticket
            if ticket is not None and ticket.run_id in run_ids and ticket.recover and isinstance(run.task, asyncio.Task):
                self._logger.warning("job %r in store %r: its lease is lost, its run is cancelled", run.job.id, run.job.store_alias)
                run.lose()
                run.task.cancel()

    def _forget(self, run: _Run) -> None:
        run.state = _OVER
        key = (run.job.store_alias, run.job.id)
        running = self._active.get(key)
        if running is not None and run in running:
            running.remove(run)
            if not running:
                del self._active[key]

    def _active_runs(self) -> list[_Run]:
        return [run for running in list(self._active.values()) for run in list(running)]

    def _note_store_failed(self, alias: str, error: Exception) -> None:
        self._on_store_failed(alias, error, self._clock.now_us())

    @abstractmethod
    def _on_store_failed(self, alias: str, error: Exception, now_us: int) -> int: ...

    def _tell_run(self, code: int, job: Job, due_us: int, value: Any, error: BaseException | None) -> None:
        if self._listeners.mask & code:
            text = None
            if error is not None:
                import traceback  # here, because only a failure needs it

                text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            event = JobExecutionEvent(code, None, job.id, job.store_alias, _moment(due_us, job._zone), value, error, text)
            self._listeners.tell(event, self._start_listener)

    def _tell_submission(self, code: int, run: _Run) -> None:
        if self._listeners.mask & code:
            job = run.job
            event = JobSubmissionEvent(code, None, job.id, job.store_alias, run.shown_times())
            self._listeners.tell(event, self._start_listener)

    def _tell(self, code: int, alias: str | None) -> None:
        if self._listeners.mask & code:
            self._listeners.tell(SchedulerEvent(code, alias), self._start_listener)

    def _tell_job(self, code: int, job: Job) -> None:
        if self._listeners.mask & code:
            self._listeners.tell(JobEvent(code, None, job.id, job.store_alias), self._start_listener)

    @abstractmethod
    def wakeup(self) -> None:
        """See to it that `process_jobs` is called soon, on the scheduler's thread. Called from any thread."""

    @abstractmethod
    def _start_listener(self, coroutine: Coroutine[Any, Any, Any]) -> None: ...

    @abstractmethod
    def _check_closed(self) -> None: ...


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _nameless(job_id: str) -> Job:
    """Return what stands for a job whose record can't be read."""
    return Job(None, job_id, "", DateTrigger(), {"name": job_id})


class BaseScheduler(_RunMethods):
    """A scheduler without a loop of its own: something else has to call `process_jobs`.

    A subclass implements `wakeup`, and may extend `start` and `shutdown`. Its default executor is a thread pool.
    """

    _ASIDE_US = 60 * _SECOND_US
    _PASS_RUNS = sys.maxsize  # so many runs are sent in one pass, if its time lasts
    _STEP_BACK_US = 3 * _HOUR * _SECOND_US  # as for cron(8), a clock that goes back further than that was wrong before
    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, global_config: Mapping[str, Any] | None = None, *, prefix: str = "asyncz.", **options: Any) -> None:
        self._clock = _Clock()
        self._lock = threading.RLock()  # guards the state, the pending jobs and who begins what; held for no call of user code
        self._state = _STOPPED
        self._listeners = _Listeners()
        self._stores, self._executors = {}, {}
        self._stores_open = False
        self._pending, self._pending_over, self._decorated = {}, {}, {}
        self._job_defaults = dict(_JOB_DEFAULTS)
        self._logger = _LOGGER
        self.store_retry_interval = 10.0
        self._zone: tzinfo | None = None
        self._active = {}
        self._store_retries: dict[str, tuple[float, int]] = {}  # of stores that failed: the delay, and when to ask again
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake_us: int | None = None  # when the next pass is needed, as far as is known
        self._woken = False  # something became due earlier than that, during a pass
        self._recompute_asked: set[str] = set()  # stores whose jobs wait for a time that was wrong
        self._drift_us: int | None = None  # wall clock minus monotonic clock at the last pass
        self._pass_thread: int | None = None
        self._closing: Future[None] = _done_future()  # done when the shutdown is
        self._waiters: list[tuple[_Run | None, Future[None]]] = []
        self._patient = True  # the shutdown waits for running jobs
        _SCHEDULERS.add(self)
        self._apply(_collected(global_config, prefix, options))

    def configure(self, global_config: Mapping[str, Any] | None = None, prefix: str = "asyncz.", **options: Any) -> None:
        """Set options, given as keywords or in a flat dictionary with dotted keys; those that are not given stay as they are.

        Raises SchedulerAlreadyRunningError unless the scheduler is stopped.
        """
        if self.running:
            raise SchedulerAlreadyRunningError("configure: the scheduler is running; shut it down first")
        self._apply(_collected(global_config, prefix, options))

    def _apply(self, options: dict[str, Any]) -> None:
        """Make everything first, so that a mistake in one option leaves all as it was."""
        options = {name: value for name, value in options.items() if value is not None}
        stores = {alias: _made_store(alias, value) for alias, value in _mapping("stores", options).items()}
        executors = {alias: _made_executor(alias, value) for alias, value in _mapping("executors", options).items()}
        defaults = _made_defaults(_mapping("job_defaults", options))
        logger, seconds = _made_logger(options.get("logger")), _made_interval(options.get("store_retry_interval", 10.0))
        zone = _timezone(options["timezone"]) if "timezone" in options else None
        self._zone = zone or self._zone
        self._logger = logger if "logger" in options else self._logger
        self.store_retry_interval = seconds if "store_retry_interval" in options else self.store_retry_interval
        self._job_defaults = defaults if "job_defaults" in options else self._job_defaults
        self._executors = executors if "executors" in options else self._executors
        if "stores" in options:
            self._unsettle_jobs({alias for alias, store in self._stores.items() if stores.get(alias) is not store})
            self._stores = stores

    def _unsettle_jobs(self, aliases: set[str]) -> None:
        """Make jobs in memory pending, so that they land in the stores that come after these."""
        for alias, store in self._usable_stores():
            if alias in aliases:
                for job in store._all():
                    options = {name: getattr(job, name) for name in ("_call", "_reference", "name", "executor", *_JOB_DEFAULTS)}
                    self._pending.setdefault(alias, {})[job.id] = _Pending(job, options, job.trigger, job.next_run_time, False)

    @property
    def timezone(self) -> tzinfo:
        """The time zone of triggers that have none of their own: as configured, or the local one."""
        if self._zone is None:
            self._zone = _local_zone()
        return self._zone

    @property
    def state(self) -> SchedulerState:
        """What the scheduler is doing."""
        return self._state

    # Life cycle.

    def start(self, paused: bool = False) -> None:
        """Start, and run what is due; with `paused`, only after `resume`.

        Raises SchedulerAlreadyRunningError, also while a shutdown waits for running jobs, and LookupError for a job whose store or executor
        there is none of; then nothing has started.
        """
        with self._lock:
            if self.running or not self._closing.done():
                problem = "running already" if self.running else "still waiting for running jobs to end; wait for its shutdown"
                raise SchedulerAlreadyRunningError(f"start: the scheduler is {problem}")
            self._closing = _promise()
        try:
            self._open()
        except BaseException:
            self._closing.set_result(None)
            self._loop = None
            raise
        state = _PAUSED if paused else _RUNNING
        with self._lock:
            self._state = state
            self._pending_over.clear()
        for alias in self._stores:  # what was added while the stores were opening
            if alias not in self._store_retries:
                self._admit_pending(alias)
        self._logger.info("scheduler started")
        self._tell(SCHEDULER_STARTED, None)
        self.wakeup()

    def _open(self) -> None:
        """Start the executors and the stores, and land the pending jobs; on an error, stop them again."""
        self._executors.setdefault("default", self._default_executor())
        self._stores.setdefault("default", MemoryStore())
        for pending in _all_pending(self._pending):
            self._store_of(pending.job.store_alias)
            self._executor_named(pending.job.executor)
        started: list[BaseExecutor | BaseStore] = []
        try:
            for name, executor in self._executors.items():
                executor.start(self, name)
                started.append(executor)
            for name, store in self._stores.items():
                store.start(self, name)
                started.append(store)
            self._stores_open = True
            for alias in self._stores:
                self._admit_pending(alias)
        except BaseException:
            self._stores_open = False
            for part in started:
                part.shutdown()
            raise

    def _admit_pending(self, alias: str) -> None:
        """Bring pending jobs into their store, as far as it answers: if it does not, they wait."""
        entries = self._pending.get(alias, {})
        for job_id, pending in list(entries.items()):
            try:
                self._settle_pending(pending)
                self._admit(pending)
            except (AsynczException, TypeError, ValueError, LookupError):
                if not self.running:
                    raise
                self._logger.exception("job %r can't be added to store %r", job_id, alias)
            except Exception as error:
                if not self._stores[alias]._blocking:
                    raise
                self._on_store_failed(alias, error, self._clock.now_us())
                return
            entries.pop(job_id, None)
        with self._lock:
            if not self._pending.get(alias):  # else another thread has just added one
                self._pending.pop(alias, None)

    def _default_executor(self) -> BaseExecutor:
        return ThreadPoolExecutor()

    def pause(self) -> None:
        """Process no jobs until `resume`; running ones go on. Raises SchedulerNotRunningError on a stopped scheduler."""
        self._set_state("pause", _PAUSED, SCHEDULER_PAUSED)

    def resume(self) -> None:
        """Process jobs again; for those that were due meanwhile the rules of misfires hold. Raises as `pause`."""
        self._set_state("resume", _RUNNING, SCHEDULER_RESUMED)
        self.wakeup()

    def _set_state(self, verb: str, state: SchedulerState, code: int) -> None:
        with self._lock:
            if not self.running:
                raise SchedulerNotRunningError(f"{verb}: the scheduler is stopped; start it first")
            changed, self._state = self._state is not state, state
        if changed:
            self._logger.info("scheduler %sd", verb)
            self._tell(code, None)

    def shutdown(self, wait: bool = True) -> Awaitable[None]:
        """Stop: nothing starts any more from the moment this returns. On a stopped scheduler it does nothing.

        wait: let running jobs finish; without it, coroutines are cancelled and threads abandoned. On the scheduler's own thread it returns
        at once, elsewhere when that is done. What it returns can be awaited, and is done when the last job is. Inside a job, that job itself
        is not waited for.
        """
        with self._lock:
            stopping, self._state = self.running, _STOPPED
        asking = _CURRENT.get()
        ended = _promise()
        if stopping or not self._closing.done():
            self._run_soon(functools.partial(self._wind_down, wait, stopping, asking, ended))
            self._wait_for(ended)
        else:
            ended.set_result(None)
        return _Ended(ended)

    def _run_soon(self, call: Callable[[], None]) -> None:
        """Run a step of the shutdown: on the own thread if a job asks for it, else here, where the own thread is meant to be."""
        if _CURRENT.get() is not None:
            self._post(call)
        else:
            call()

    def _wait_for(self, ended: Future[None]) -> None:
        """Wait for the end of the shutdown, unless this thread is needed for it."""
        while not ended.done() and not self._on_own_thread():
            if not self._drain():
                time.sleep(0.005)  # nobody else drains the inbox of a scheduler without a loop

    def _wind_down(self, wait: bool, stopping: bool, asking: _Run | None, ended: Future[None]) -> None:
        """Hand back what has not begun, cancel what is not waited for, and leave the rest to `_check_closed`."""
        self._waiters.append((asking, ended))
        self._patient = wait
        while self._drain():  # what has been reported has ended
            pass
        for store in self._stores.values():
            store._hurry()
        if stopping:
            self._logger.info("scheduler stopping, with %d jobs running", len(self._active))
        for run in self._active_runs():
            with self._lock:
                unbegun = run.state is _CLAIMED
                if unbegun:
                    run.state = _OVER
            if unbegun:
                self._hand_back(run)
            elif not wait and run is not asking:
                self._give_up(run)
        self._check_closed()

    def _hand_back(self, run: _Run) -> None:
        """Make an occurrence that was claimed, and not begun, due again: nothing is lost by a shutdown."""
        if run.future is not None:
            run.refuse_future(SchedulerNotRunningError(f"job {run.job.id!r} did not begin: the scheduler was shut down"))
        else:
            run.hand_back()
        self._let_go(run)

    def _give_up(self, run: _Run) -> None:
        """Cancel a coroutine, which is then still awaited; abandon everything else."""
        if isinstance(run.task, asyncio.Task):
            run.task.cancel()
        else:
            self._abandon(run)

    def _abandon(self, run: _Run) -> None:
        self._logger.warning("job %r in store %r: still running, abandoned; what it returns is ignored", run.job.id, run.job.store_alias)
        run.refuse_future(SchedulerNotRunningError(f"job {run.job.id!r} was abandoned: the scheduler was shut down"))
        run.abandoned = True  # its ticket stays: the store is told when it ends
        self._forget(run)

    def _check_closed(self) -> None:
        """Let those go who wait for the end of a shutdown, when no run is left except those that wait themselves."""
        if self.running or not self._waiters:
            return
        if set(self._active_runs()) - {asking for asking, _ in self._waiters}:
            return
        if not self._active and not self._closing.done():
            self._close()
        for asking, ended in self._waiters:
            if not ended.done() and (asking is not None or self._closing.done()):
                ended.set_result(None)
        if self._closing.done():
            self._waiters = []

    def _close(self) -> None:
        """Stop executors and stores; the last step of a shutdown."""
        parts: list[tuple[str, BaseExecutor | BaseStore]] = [*self._executors.items(), *self._stores.items()]
        for alias, part in parts:
            try:
                if isinstance(part, BaseExecutor):
                    part.shutdown(self._patient)
                else:
                    part.shutdown()
            except Exception:
                self._logger.exception("%s %r raised while it was shut down", type(part).__name__, alias)
        self._wake_us, self._drift_us = None, None
        self._stores_open = False
        self._store_retries.clear()
        self._logger.info("scheduler shut down")
        self._tell(SCHEDULER_SHUTDOWN, None)
        self._closing.set_result(None)

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()

    # Stores, executors, listeners.

    def add_store(self, store: BaseStore | str, alias: str = "default", **options: Any) -> None:
        """Add a store: an instance, or a kind such as "memory" with its options. Raises ValueError where the alias is taken."""
        made = _made_store(alias, {"type": store, **options} if isinstance(store, str) else store)
        self._add_part("store", self._stores, alias, made)
        self._tell(STORE_ADDED, alias)
        entries = self._pending.get(alias, {}) if self.running else {}
        for job_id in list(entries):
            self._admit(entries.pop(job_id))
        self.wakeup()

    def remove_store(self, alias: str, shutdown: bool = True) -> None:
        """Remove a store, with its jobs; without `shutdown` it stays open. Raises LookupError where there is none."""
        self._remove_part("store", self._stores, alias, shutdown)
        self._tell(STORE_REMOVED, alias)

    def add_executor(self, executor: BaseExecutor | str, alias: str = "default", **options: Any) -> None:
        """Add an executor: an instance, or a kind such as "threadpool" with its options. Raises ValueError where the alias is taken."""
        made = _made_executor(alias, {"type": executor, **options} if isinstance(executor, str) else executor)
        self._add_part("executor", self._executors, alias, made)
        self._tell(EXECUTOR_ADDED, alias)
        for _, store in self._usable_stores():
            store._retry_set_aside()
        self.wakeup()

    def remove_executor(self, alias: str, shutdown: bool = True) -> None:
        """Remove an executor; its running jobs go on, and jobs that need it wait. Raises LookupError where there is none."""
        self._remove_part("executor", self._executors, alias, shutdown)
        self._tell(EXECUTOR_REMOVED, alias)

    def _add_part(self, kind: str, parts: MutableMapping[str, Any], alias: str, part: Any) -> None:
        if alias in parts:
            raise ValueError(f"alias={alias!r}: there is {'an' if kind == 'executor' else 'a'} {kind} with that alias; remove it first")
        if self.running:
            part.start(self, alias)
        parts[alias] = part

    def _remove_part(self, kind: str, parts: MutableMapping[str, Any], alias: str, shutdown: bool) -> None:
        if alias not in parts:
            raise LookupError(f"alias={alias!r}: no such {kind}{_nearest(str(alias), parts)}; there are {_listed(parts)}")
        part = parts.pop(alias)
        if shutdown and self.running:
            part.shutdown()

    def add_listener(self, callback: _Listener, mask: int = ALL_EVENTS) -> None:
        """Call `callback`, a function or coroutine function, with every event whose code is in `mask`.

        A plain function is called in the thread where it happens: for runs, the scheduler's; it should not take long.
        """
        self._listeners.add(callback, mask)

    def remove_listener(self, callback: _Listener) -> None:
        """Call `callback` no more."""
        self._listeners.remove(callback)

    def _start_listener(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run the coroutine of a listener that is a coroutine function; without a loop, in place."""
        _awaited(coroutine, None)

    # Passes.

    def process_jobs(self) -> float | None:
        """Send what is due to its executors, and return in how many seconds this is needed again: 0 for at once, None for not at all.

        To be called on one thread, the scheduler's own; returns within milliseconds, also with many jobs due.
        """
        self._pass_thread, self._woken = threading.get_ident(), False
        try:
            self._drain()
            if self._state is not _RUNNING:
                return None
            now_us, until = self._clock.now_us(), self._clock.monotonic() + _PASS_SECONDS
            self._check_clock(now_us)
            wakes = [self._process_store(alias, store, now_us, until) for alias, store in list(self._stores.items())]
            self._wake_us = min((wake for wake in wakes if wake is not None), default=None)
            if self._woken or self._inbox:
                return 0.0
            return None if self._wake_us is None else max(0.0, (self._wake_us - self._clock.now_us()) / _SECOND_US)
        finally:
            self._pass_thread = None

    def _process_store(self, alias: str, store: BaseStore, now_us: int, until: float) -> int | None:
        """Run the due jobs of one store; return when it is needed next, None if never."""
        retry = self._store_retries.get(alias)
        if retry is not None and now_us < retry[1]:
            return retry[1]
        try:
            for count, run in enumerate(self._claim_due(alias, store, now_us), 1):
                self._dispatch(store, run)
                if not store._blocking and (count >= self._PASS_RUNS or self._clock.monotonic() >= until or self._state is not _RUNNING):
                    return now_us  # the rest is still due
            following = store._next_due_us()
        except Exception as error:
            return self._on_store_failed(alias, error, now_us)
        self._on_store_works(alias)
        return following

    def _claim_due(self, alias: str, store: BaseStore, now_us: int) -> Iterator[_Run]:
        """Claim due jobs of a store, and yield them; any thread."""
        if self._pending.get(alias):
            self._admit_pending(alias)
        if alias in self._recompute_asked:
            self._recompute_asked.discard(alias)
            self._recompute_all(store, now_us)
        return store._claims(self._clock, functools.partial(self._wanted, alias, store))

    def _wanted(self, alias: str, store: BaseStore, job: Job, now_us: int) -> _Run | None:
        """Return a run, not yet claimed, of what is due of a job; None for a job that can't be run, which is set aside."""
        revision, due_us = job._revision, job._due_us  # the revision first: what is changed from here on, the claim finds out
        if due_us is None or due_us > now_us:  # changed since it was listed
            return None
        if job._scheduler is None:
            self._adopted(job, alias)
        try:
            if job.executor not in self._executors:
                self._executor_named(job.executor)  # raises
            trigger, zone = job.trigger, self._zone or self.timezone
            last_us, following_us = due_us, (trigger._next_us if trigger._jitter_us else trigger._after_us)(due_us, now_us, zone)
            if following_us is not None and following_us <= now_us:
                last_us, following_us = trigger._catch_up_us(due_us, now_us, zone)
            run = _Run(self, store, job, last_us if job.coalesce else due_us, last_us)
        except Exception as error:
            self._set_aside(store, job, now_us, error)
            return None
        # The store sets the next run time before the job is sent: a crash in between loses one run, the other order repeats it at every start.
        run.revision, run.following_us = revision, following_us
        if following_us is None:
            run.removed = True
        return run

    def _set_aside(self, store: BaseStore, job: Job, now_us: int, error: Exception) -> None:
        """Leave a job that can't be run here, as it is, for a minute; say so once."""
        if store._set_job_aside(job, now_us + self._ASIDE_US):
            self._logger.error(
                "job %r in store %r can't be run: %s; it is kept, and tried again every minute", job.id, job.store_alias, error, exc_info=error
            )
            self._post(self._tell_run, JOB_ERROR, job, now_us if job._due_us is None else job._due_us, None, error)

    def _check_clock(self, now_us: int) -> None:
        """Where the wall clock was set back by hours, it was wrong before: what waits for the wrong time is computed anew."""
        drift_us = now_us - round(self._clock.monotonic() * _SECOND_US)
        before_us, self._drift_us = self._drift_us, drift_us
        if before_us is None or before_us - drift_us < self._STEP_BACK_US:
            return
        for alias, store in list(self._stores.items()):
            if store._local_clock:
                seconds = (before_us - drift_us) // _SECOND_US
                self._logger.warning("the clock went back by %d s; the jobs of store %r are computed anew", seconds, alias)
                self._recompute_asked.add(alias)

    def _recompute_all(self, store: BaseStore, now_us: int) -> None:
        for job in store._all():
            self._recompute(store, job, now_us)

    def _recompute(self, store: BaseStore, job: Job, now_us: int) -> None:
        revision, due_us = job._revision, job._due_us
        try:
            following_us = job.trigger._next_us(None, now_us, self.timezone)
        except Exception as error:
            self._set_aside(store, job, now_us, error)
            return
        if due_us is not None and following_us is not None and following_us < due_us:
            store._write(job, revision, {"_due_us": following_us})

    def _on_store_failed(self, alias: str, error: Exception, now_us: int) -> int:
        """Report a store that failed, once, and return when to ask it again: after a second, later less often."""
        delay = min(2 * self._store_retries[alias][0] if alias in self._store_retries else 1.0, self.store_retry_interval)
        if alias not in self._store_retries:
            self._logger.error("store %r failed: %s; its jobs wait, it is tried again", alias, error, exc_info=error)
        retry_us = now_us + round(delay * _SECOND_US)
        self._store_retries[alias] = (delay, retry_us)
        return retry_us

    def _on_store_works(self, alias: str) -> None:
        if self._store_retries.pop(alias, None) is not None:
            self._logger.info("store %r works again", alias)

    def _need(self, due_us: int | None) -> None:
        """Ask for a pass if something is due before the next one that is known of."""
        if due_us is not None and self.running and (self._wake_us is None or due_us < self._wake_us or self._pass_thread is not None):
            self._woken, self._wake_us = True, due_us
            self.wakeup()

    # Display.

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        try:
            jobs = self.get_jobs()
        except Exception as error:  # a store's
            return f"{type(self).__name__}: {self._state.value}, a store does not answer: {error}"
        following = jobs[0]._next_shown() if jobs and jobs[0]._due_us is not None else "none"
        unreadable = sum(len(store._unreadable) for store in self._stores.values() if isinstance(store, _SharedStore))
        more = f", {unreadable} unreadable" if unreadable else ""
        return f"{type(self).__name__}: {self._state.value}, {len(jobs)} job{'s' if len(jobs) != 1 else ''}{more}, next run: {following}"

    def _repr_html_(self) -> str:
        import html  # here, because only a notebook needs it

        return f"<p>{html.escape(str(self))}</p>{cast(_JobList, self.get_jobs())._repr_html_()}"

    def _after_fork(self) -> None:
        """Forget, in a child process, what belongs to the parent; without closing anything, since the parent uses it."""
        was_running = self.running
        self._lock = threading.RLock()
        self._state = _STOPPED
        self._loop, self._pass_thread, self._wake_us, self._drift_us = None, None, None, None
        self._active, self._inbox, self._waiters = {}, deque(), []
        self._closing = _done_future()
        self._stores_open = False
        for store in self._stores.values():
            store._after_fork()
        if was_running:
            self._logger.warning(
                "a running scheduler was forked; it is stopped in the child, process %d: start it there if it is to run", os.getpid()
            )


class _Ended:
    """What `shutdown` returns: it can be awaited in any loop, and need not be."""

    def __init__(self, ended: Future[None]) -> None:
        self._ended = ended

    def __await__(self) -> Generator[Any, None, None]:
        if not self._ended.done():
            yield from asyncio.wrap_future(self._ended).__await__()


_Self = TypeVar("_Self", bound="BaseScheduler")
_SCHEDULERS: weakref.WeakSet[BaseScheduler] = weakref.WeakSet()


def _promise() -> Future[Any]:
    """Return a future that nobody else can cancel, such as by giving up to wait for it."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _done_future() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done


def _mapping(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    value = options.get(name, {})
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}={value!r}: not a dictionary")
    return cast(Mapping[str, Any], value)


_FORKING: list[BaseStore] = []  # stores whose lock is held while a process forks: the child must not inherit half a transaction


def _before_fork() -> None:
    for store in list(_SHARED):
        store._lock.acquire()
        _FORKING.append(store)


def _after_fork_in_parent() -> None:
    while _FORKING:
        _FORKING.pop()._lock.release()


def _after_fork_in_child() -> None:
    _FORKING.clear()
    for scheduler in list(_SCHEDULERS):
        scheduler._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)


class AsyncIOScheduler(BaseScheduler):
    """A scheduler on an asyncio event loop: the running one, one that is given, or one of its own in a thread.

    global_config: a flat dictionary of options with dotted keys, such as {"asyncz.timezone": "UTC"}. event_loop: a loop that you run; where
    not given, the loop that is running at `start`, or else one of its own in a daemon thread named "asyncz". timezone: a name or tzinfo, the
    local one where not given. logger: a logger, or its name. store_retry_interval: seconds, the longest time until a store that failed is
    tried again. job_defaults: `coalesce`, `max_instances`, `mistrigger_grace_time` for jobs that do not say. stores, executors: dictionaries
    of alias and store, alias and executor; the one with the alias "default" is made where it is missing.
    """

    _PASS_RUNS = 50  # most end before the next pass then, and so many alone do not call the garbage collector
    _ABANDON_SECONDS = 1.0  # so long coroutines that were cancelled by a shutdown have for their clean-up

    def __init__(
        self,
        global_config: Mapping[str, Any] | None = None,
        *,
        prefix: str = "asyncz.",
        event_loop: asyncio.AbstractEventLoop | None = None,
        timezone: str | tzinfo | None = None,
        logger: logging.Logger | str | None = None,
        store_retry_interval: float | None = None,
        job_defaults: Mapping[str, Any] | None = None,
        stores: Mapping[str, Any] | None = None,
        executors: Mapping[str, Any] | None = None,
    ) -> None:
        self._given_loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None  # armed while a pass is needed; only the loop's thread touches it
        self._timer_at = 0.0  # in the loop's time
        self._tasks: set[asyncio.Task[Any]] = set()  # the loop alone would forget them
        self._drain_asked = False
        self._fetching: dict[str, asyncio.Task[None]] = {}  # blocking stores whose due jobs are being fetched
        self._fetch_again: set[str] = set()  # of those, the ones that changed meanwhile
        self._fetchers: dict[str, _Workers] = {}
        given: dict[str, Any] = {"event_loop": event_loop, "timezone": timezone, "logger": logger}
        given.update(store_retry_interval=store_retry_interval, job_defaults=job_defaults, stores=stores, executors=executors)
        super().__init__(global_config, prefix=prefix, **{name: value for name, value in given.items() if value is not None})

    def _apply(self, options: dict[str, Any]) -> None:
        loop = options.get("event_loop")
        if isinstance(loop, str):
            loop = _resolved(loop, "event_loop")
        if loop is not None and not isinstance(loop, asyncio.AbstractEventLoop):
            raise TypeError(f"event_loop={loop!r}: not an event loop; give one, such as asyncio.new_event_loop()")
        super()._apply(options)
        self._given_loop = loop or self._given_loop

    def _default_executor(self) -> BaseExecutor:
        return AsyncIOExecutor()

    # Life cycle.

    def start(self, paused: bool = False) -> None:
        """Start, on the loop that is given, else on the one that is running, else on one of its own in a daemon thread.

        paused: process no jobs until `resume`. Raises SchedulerAlreadyRunningError, also while a shutdown waits for running jobs, and
        LookupError for a job whose store or executor there is none of; then nothing has started.
        """
        self._recover_from_closed_loop()
        if self.running or not self._closing.done():
            super().start(paused)  # raises
        running = asyncio._get_running_loop()
        own = None if self._given_loop or running else asyncio.new_event_loop()
        self._loop = self._given_loop or running or own
        self._drain_asked = False
        try:
            super().start(paused)
        except BaseException:
            if own is not None:
                own.close()
            raise
        if own is not None:
            self._closing.add_done_callback(lambda _: own.call_soon_threadsafe(own.stop))
            entered = threading.Event()
            own.call_soon(entered.set)
            self._thread = threading.Thread(target=_run_own_loop, args=(own,), name="asyncz", daemon=True)
            self._thread.start()
            entered.wait()  # so that whoever finds the loop not running knows that nobody works in it

    def run(self, paused: bool = False) -> None:
        """Start, and block until the scheduler is shut down; with a loop of its own, in the calling thread.

        In the main thread, SIGINT and SIGTERM shut it down and wait for running jobs; a second one ends it at once, by KeyboardInterrupt or
        SystemExit. Raises SchedulerAlreadyRunningError, and RuntimeError inside a running loop.
        """
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("run: this thread runs an event loop, which run() would block; use start() there")
        self._recover_from_closed_loop()
        if self.running:
            raise SchedulerAlreadyRunningError("run: the scheduler is running already")
        loop = self._given_loop or asyncio.new_event_loop()
        restore = self._handle_signals(loop) if threading.current_thread() is threading.main_thread() else None
        try:
            loop.run_until_complete(self._serve(paused))
        finally:
            if restore is not None:
                restore()
            if self.running or not self._closing.done():  # a second signal, or an error that ended the loop
                self.shutdown(wait=False)
            if loop is not self._given_loop:
                _close_loop(loop)
                self._recover_from_closed_loop()

    async def _serve(self, paused: bool) -> None:
        self.start(paused)
        await asyncio.wrap_future(self._closing)

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Let the first SIGINT or SIGTERM shut down, and the second raise; return what puts the old handlers back."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        received: list[int] = []

        def on_signal(number: int, frame: object) -> None:
            received.append(number)
            if len(received) == 1:
                loop.call_soon_threadsafe(self.shutdown)
            elif number == signal.SIGINT:
                raise KeyboardInterrupt
            else:
                raise SystemExit(128 + number)

        def restore() -> None:
            for number, handler in before.items():
                with contextlib.suppress(NotImplementedError):
                    loop.remove_signal_handler(number)
                signal.signal(number, handler)

        for number in before:
            # The loop's own handling wakes it, also where the signal comes just before it sleeps; ours interrupts a job that blocks it too.
            with contextlib.suppress(NotImplementedError):  # on Windows, where the loop is woken anyway
                loop.add_signal_handler(number, lambda: None)
            signal.signal(number, on_signal)
        return restore

    def _recover_from_closed_loop(self) -> None:
        """Let a scheduler whose loop was closed under it, as by the end of asyncio.run, be stopped."""
        if self._loop is not None and self._loop.is_closed() and not self._closing.done():
            self.shutdown(wait=False)

    def _run_soon(self, call: Callable[[], None]) -> None:
        if self._on_own_thread() or self._loop is None or not self._loop.is_running():
            call()
        else:
            self._call_threadsafe(call)

    def _wait_for(self, ended: Future[None]) -> None:
        while not ended.done() and not self._on_own_thread() and self._loop is not None and self._loop.is_running():
            concurrent.futures.wait([ended], timeout=0.1)
        thread = self._thread
        if thread is not None and ended.done() and self._closing.done() and _CURRENT.get() is None and not self._on_own_thread():
            thread.join()

    def _wind_down(self, wait: bool, stopping: bool, asking: _Run | None, ended: Future[None]) -> None:
        self._disarm_timer()
        loop = self._loop
        if loop is None or loop.is_closed():  # nothing in it will ever end
            self._tasks.clear()
            for run in self._active_runs():
                self._forget(run)
        super()._wind_down(wait, stopping, asking, ended)
        if not wait and not self._closing.done() and loop is not None:
            loop.call_later(self._ABANDON_SECONDS, self._abandon_all)

    def _abandon_all(self) -> None:
        if not self.running:
            self._tasks.clear()
            for run in self._active_runs():
                self._abandon(run)
            self._check_closed()

    def _check_closed(self) -> None:
        if not self.running and not self._tasks - {run.task for run in self._active_runs()}:  # else a listener, or a fetch, is at work
            super()._check_closed()

    def _close(self) -> None:
        for fetcher in self._fetchers.values():
            fetcher.stop()
        self._fetchers.clear()
        super()._close()
        if not self._tasks:
            self._loop = None

    async def __aenter__(self: _SelfAsync) -> _SelfAsync:
        self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._on_own_thread():
            await self.shutdown()
        else:  # its loop is another one: do not block this one
            await asyncio.get_running_loop().run_in_executor(None, self.shutdown)

    def asgi(self, app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Return an ASGI application that starts and stops the scheduler with the lifespan protocol around `app`.

        It starts when the application has started, and has stopped before the application does; an application that knows nothing of the
        lifespan protocol is fine too.
        """

        async def wrapped(scope: Mapping[str, Any], receive: _Receive, send: _Send) -> None:
            if scope["type"] == "lifespan":
                await _Lifespan(self, receive, send).run(app, scope)
            else:
                await app(scope, receive, send)

        return wrapped

    # The timer and the loop's thread.

    def _on_own_thread(self) -> bool:
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def wakeup(self) -> None:
        """See to it that a pass is made soon. Any thread."""
        if self._on_own_thread():
            self._arm_timer(0.0)
        else:
            self._call_threadsafe(self._arm_timer, 0.0)

    def _wake_for_inbox(self) -> None:
        if not self._drain_asked:  # one call for all that is put in until it is made
            self._drain_asked = True
            self._call_threadsafe(self._drain_inbox)

    def _drain_inbox(self) -> None:
        self._drain_asked = False
        self._drain()
        if self._inbox:
            self._wake_for_inbox()

    def _call_threadsafe(self, call: Callable[..., object], *args: Any) -> None:
        loop = self._loop
        try:
            if loop is not None:
                loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # the loop is closed: what comes from an abandoned thread has nobody to hear it
            self._logger.debug("the loop is closed; dropped %r", call)

    def _arm_timer(self, delay: float) -> None:
        """Let the next pass be in `delay` seconds, unless there is one before."""
        loop = self._loop
        if loop is None or not self.running:
            return
        longest = self._clock.longest_sleep
        when = loop.time() + (delay if longest is None else min(delay, longest))
        if self._timer is not None:
            if self._timer_at <= when:
                return
            self._timer.cancel()
        self._timer_at = when
        self._timer = loop.call_at(when, self._tick) if delay > 0 else loop.call_soon(self._tick)

    def _disarm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        delay: float | None = 0.0
        try:
            delay = self.process_jobs()
        finally:
            if delay is not None:
                self._arm_timer(delay)

    def _start_run(self, run: _Run) -> asyncio.Task[Any]:
        assert self._loop is not None
        return self._loop.create_task(run.call_coroutine(whole=True))  # the run keeps it, and reports its own end

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        assert self._loop is not None
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it is reported; asyncio need not complain that nobody looked
        if not self.running:
            self._check_closed()

    def _start_listener(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        if self._loop is None or self._loop.is_closed():  # before the start
            _in_new_thread(_awaited, coroutine, None)
        elif self._on_own_thread():
            self._spawn(_logged(coroutine))
        else:
            self._call_threadsafe(self._spawn, _logged(coroutine))

    # Stores whose calls may take long: their passes are made in a thread of theirs.

    def _process_store(self, alias: str, store: BaseStore, now_us: int, until: float) -> int | None:
        if not store._blocking:
            return super()._process_store(alias, store, now_us, until)
        retry = self._store_retries.get(alias)
        if retry is not None and now_us < retry[1]:
            return retry[1]
        if alias in self._fetching:
            self._fetch_again.add(alias)
        else:
            self._fetching[alias] = self._spawn(self._fetch(alias, store, now_us))
        return None  # it asks for the next pass itself

    async def _fetch(self, alias: str, store: BaseStore, now_us: int) -> None:
        """Claim the due jobs of a blocking store in its thread, send them from here, and see when it is needed next."""
        wake_us: int | None = None
        try:
            worker = self._fetchers.setdefault(alias, _Workers(1, f"asyncz-store-{alias}"))
            call = _WorkerCall(self._fetched, alias, store, now_us)
            worker.submit(call)
            runs, wake_us, error = await asyncio.wrap_future(call.future)
            for run in runs:
                self._dispatch(store, run)
            if error is not None:
                raise error
            self._on_store_works(alias)
        except Exception as error:
            wake_us = self._on_store_failed(alias, error, now_us)
        finally:
            self._fetching.pop(alias, None)
        if alias in self._fetch_again:
            self._fetch_again.discard(alias)
            wake_us = now_us
        if wake_us is not None and self._stores.get(alias) is store:
            self._arm_timer(max(0.0, (wake_us - self._clock.now_us()) / _SECOND_US))

    def _fetched(self, alias: str, store: BaseStore, now_us: int) -> tuple[list[_Run], int | None, Exception | None]:
        """Claim in the store's thread; what was won before the store failed is kept."""
        runs: list[_Run] = []
        try:
            runs.extend(self._claim_due(alias, store, now_us))
            return runs, store._next_due_us(), None
        except Exception as error:
            return runs, None, error

    def _after_fork(self) -> None:
        super()._after_fork()
        self._thread, self._timer, self._drain_asked = None, None, False
        self._tasks, self._fetching, self._fetchers = set(), {}, {}


_SelfAsync = TypeVar("_SelfAsync", bound="AsyncIOScheduler")
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def _logged(coroutine: Coroutine[Any, Any, Any]) -> None:
    try:
        await coroutine
    except Exception:
        _LOGGER.exception("listener %r raised; the others still hear", coroutine)


def _in_new_thread(call: Callable[..., Any], *args: Any) -> Any:
    """Make a call in a thread of its own, where no loop runs, and wait for it."""
    made = _WorkerCall(call, *args)
    thread = threading.Thread(target=made.run_plain, name="asyncz-call", daemon=True)
    thread.start()
    thread.join()
    return made.future.result()


def _run_own_loop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        _close_loop(loop)


def _close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """End what is left in a loop of our own, such as the tasks of listeners, and close it."""
    try:
        for cancel in (False, True):
            tasks = asyncio.all_tasks(loop)
            for task in tasks if cancel else ():
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


class _Lifespan:
    """The lifespan protocol of ASGI, with the scheduler between the server and the application."""

    def __init__(self, scheduler: AsyncIOScheduler, receive: _Receive, send: _Send) -> None:
        self._scheduler = scheduler
        self._receive = receive
        self._send = send
        self._answered = False  # the application has said how its startup went

    async def run(self, app: Callable[..., Awaitable[None]], scope: Mapping[str, Any]) -> None:
        try:
            await app(scope, self.receive, self.send)
        except Exception:
            if self._answered:
                raise
            _LOGGER.debug("the application does not take part in the lifespan protocol", exc_info=True)
        finally:
            if self._answered:
                await self._scheduler.shutdown()
        if not self._answered:
            await self._run_alone()

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "lifespan.shutdown":  # jobs may use what the application closes now
            await self._scheduler.shutdown()
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            message = self._started()
        self._answered = True
        await self._send(message)

    def _started(self) -> MutableMapping[str, Any]:
        """Start the scheduler, and return what the server is to hear of it."""
        try:
            self._scheduler.start()
        except Exception as error:
            _LOGGER.exception("the scheduler did not start")
            return {"type": "lifespan.startup.failed", "message": f"the scheduler did not start: {error}"}
        return {"type": "lifespan.startup.complete"}

    async def _run_alone(self) -> None:
        """Answer the server for an application that does not."""
        message = self._started()
        await self._send(message)
        if message["type"] == "lifespan.startup.failed":
            return
        while (await self._receive())["type"] != "lifespan.shutdown":
            pass
        await self._scheduler.shutdown()
        await self._send({"type": "lifespan.shutdown.complete"})


# === Simulation ===
# The same scheduler on a clock that does not wait: when the loop has nothing to do, the time jumps to its next timer.
# What is simulated are copies of the jobs; afterwards the scheduler is as it was.


class _VirtualClock(_Clock):
    """A clock that starts at `start_us` and moves only when the loop it is installed in would wait."""

    longest_sleep = None

    def __init__(self, start_us: int) -> None:
        self._start_us = start_us
        self._elapsed = 0.0
        self._threads = 0  # calls of run_in_executor that are in progress

    def now_us(self) -> int:
        return self._start_us + round(self._elapsed * _SECOND_US)

    def monotonic(self) -> float:
        return self._elapsed

    def install(self, loop: Any) -> None:
        """Let `loop`, one with a selector, live by this clock."""
        selector, run_in_executor = loop._selector, loop.run_in_executor
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            busy = self.busy()  # before the look at what is there: a thread that ends reports first
            events = select(0)
            if events or timeout == 0:
                return events
            if timeout is None or busy:
                return select(timeout if timeout is None else 0.01)
            self._elapsed += timeout
            return events

        def counted(executor: Any, func: Callable[..., Any], *args: Any) -> Any:
            self._threads += 1
            future = run_in_executor(executor, func, *args)
            future.add_done_callback(self._on_thread_done)
            return future

        selector.select, loop.time, loop.run_in_executor = jump, self.monotonic, counted
        loop._clock_resolution = 0.4 / _SECOND_US  # its nanosecond is less than the last bit of a time after half a year
        loop.set_debug(False)  # a debug loop is ten times slower

    def busy(self) -> bool:
        """Return whether a thread is at work for the loop, over which time must not jump."""
        return self._threads > 0

    def _on_thread_done(self, future: asyncio.Future[Any]) -> None:
        self._threads -= 1


class _SimulatedExecutor(_BuiltinExecutor):
    """Runs everything on the loop's thread, in the order in which it is due."""

    def do_send_job(self, job: Job, run_times: list[datetime]) -> Any:
        return self._scheduler._spawn(self.run_coroutine_job(job, run_times))

    def _send(self, run: _Run) -> None:
        run.task = self._scheduler._start_run(run)


def simulate(scheduler: AsyncIOScheduler, start: datetime | date | str, until: datetime | date | str) -> list[JobExecutionEvent]:
    """Run a stopped scheduler on a virtual clock from `start` to `until`, both included, and return what ended: run, failed or missed.

    start, until: datetime, date or ISO 8601 string, local in the scheduler's time zone where naive. Every due run happens, in order:
    coroutine functions with their sleeps on virtual time, plain functions in place. Jobs start as if they were added at `start`, and are
    afterwards as they were before. Runs that are in progress at `until` are finished.

    Raises SchedulerAlreadyRunningError for a scheduler that is not stopped.
    """
    if not isinstance(scheduler, AsyncIOScheduler):
        raise TypeError(f"scheduler={scheduler!r}: not an AsyncIOScheduler; give one, that is stopped")
    start_us, until_us = _instant_us(start, scheduler.timezone, "start"), _instant_us(until, scheduler.timezone, "until")
    if until_us < start_us:
        raise ValueError(f"until={until!r}: before start={start!r}; it must be at or after it")
    if scheduler.running or not scheduler._closing.done():
        raise SchedulerAlreadyRunningError("simulate: the scheduler is running; shut it down first")
    if asyncio._get_running_loop() is not None:  # as in a notebook
        return cast("list[JobExecutionEvent]", _in_new_thread(_simulated, scheduler, start_us, until_us))
    return _simulated(scheduler, start_us, until_us)


def _simulated(scheduler: AsyncIOScheduler, start_us: int, until_us: int) -> list[JobExecutionEvent]:
    pending = _simulated_jobs(scheduler, start_us)
    names = ("_clock", "_stores", "_executors", "_pending", "_pending_over", "_given_loop")
    before = {name: getattr(scheduler, name) for name in names}
    events: list[JobExecutionEvent] = []
    clock, loop = _VirtualClock(start_us), asyncio.SelectorEventLoop()
    clock.install(loop)
    scheduler._clock, scheduler._pending, scheduler._pending_over, scheduler._given_loop = clock, pending, {}, None
    scheduler._stores = {alias: MemoryStore() for alias in {"default", *before["_stores"]}}
    scheduler._executors = {alias: _SimulatedExecutor() for alias in {"default", *before["_executors"]}}
    collect = events.append
    scheduler.add_listener(collect, JOB_EXECUTED | JOB_ERROR | JOB_MISSED)
    try:
        loop.run_until_complete(_simulation(scheduler, (until_us - start_us) / _SECOND_US))
    finally:
        scheduler.remove_listener(collect)
        if scheduler.running:
            scheduler.shutdown(wait=False)
        _close_loop(loop)
        scheduler._recover_from_closed_loop()
        for name, value in before.items():
            setattr(scheduler, name, value)
    return events


async def _simulation(scheduler: AsyncIOScheduler, seconds: float) -> None:
    scheduler.start()
    await asyncio.sleep(seconds + 0.5 / _SECOND_US)  # what is due at the end is still due then
    await scheduler.shutdown()


def _simulated_jobs(scheduler: AsyncIOScheduler, start_us: int) -> _PendingJobs:
    """Return copies of a stopped scheduler's jobs, as if they were added at the start; without those that are over by then."""
    jobs: _PendingJobs = {}
    for job in [*scheduler.get_jobs(), *(entry.job for entry in _all_pending(scheduler._pending_over))]:
        known = scheduler._pending.get(job.store_alias, {}).get(job.id) or scheduler._pending_over.get(job.store_alias, {}).get(job.id)
        trigger = known.trigger if known is not None else job.trigger._unbound()
        first = known.first if known is not None else (None if job._due_us is None else UNSET)
        options = {name: getattr(job, name) for name in ("_call", "_reference", "name", "executor", *_JOB_DEFAULTS)}
        twin = Job(scheduler, job.id, job.store_alias, trigger, options)
        entry = _Pending(twin, options, trigger, first, False)
        due_us = scheduler._first_us(trigger._bound(scheduler.timezone, start_us), first, start_us)
        if first is None or (due_us is not None and due_us >= start_us):
            jobs.setdefault(job.store_alias, {})[job.id] = entry
    return jobs


# === Dotted names ===
# asyncz.schedulers.asyncio and the like, from this one file: modules put into sys.modules, where an import looks after importing the parent.
# They hang under the name that this module was imported by, so that two vendored copies do not meet.

_DOTTED = {
    "schedulers": ("AsyncIOScheduler", "BaseScheduler", "SchedulerState"),
    "schedulers.asyncio": ("AsyncIOScheduler",),
    "schedulers.base": ("BaseScheduler", "SchedulerState"),
    "triggers": ("AndTrigger", "BaseTrigger", "CronTrigger", "DateTrigger", "IntervalTrigger", "OrTrigger"),
    "stores": ("BaseStore", "MemoryStore", "MongoDBStore", "RedisStore", "SQLiteStore"),
    "executors": ("AsyncIOExecutor", "BaseExecutor", "DebugExecutor", "ProcessPoolExecutor", "ThreadPoolExecutor"),
    "jobs": ("Job", "RunInfo", "current_run"),
    "events": (
        *(name for name in __all__ if name.isupper() and name != "UNSET"),
        "JobEvent",
        "JobExecutionEvent",
        "JobSubmissionEvent",
        "SchedulerEvent",
    ),
    "exceptions": tuple(name for name in __all__ if name.endswith(("Error", "Exception"))),
}


def _root_name() -> str:
    """Return the name that this module is, or would be, imported by."""
    if __name__ != "__main__":
        return __name__
    return __spec__.name if __spec__ is not None else "asyncz"


def _publish_dotted_names(root: str) -> None:
    this = sys.modules[__name__]
    sys.modules.setdefault(root, this)  # `python asyncz.py run app:scheduler` must not import a second copy of it
    for path, names in _DOTTED.items():
        parent_name, _, name = path.rpartition(".")
        module = types.ModuleType(f"{root}.{path}", f"{path} of {root}, which is one file.")
        module.__dict__.update({public: globals()[public] for public in names}, __all__=list(names))
        sys.modules[module.__name__] = module
        setattr(sys.modules[f"{root}.{parent_name}"] if parent_name else this, name, module)


_publish_dotted_names(_root_name())


# === Command line ===
# python -m asyncz: the coming runs of an expression, a scheduler of the user's until it is told to stop, a demonstration.
# Bad input is one line and exit status 2.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, of `sys.argv` where `arguments` is None; return the exit status."""
    import argparse  # here, because only the command line needs it

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> Any:
            self.exit(2, f"asyncz: {message}\n")

    parser = Parser(prog="asyncz", description="A job scheduler in one file.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    coming = commands.add_parser("next", help="print the coming runs of a crontab expression")
    coming.add_argument("expression", help="such as '*/5 9-17 * * mon-fri' or @daily")
    coming.add_argument("-n", type=int, default=10, help="how many (10)")
    coming.add_argument("-z", "--timezone", help="such as Europe/Paris (the local one)")
    runner = commands.add_parser("run", help="run a scheduler until SIGINT or SIGTERM")
    runner.add_argument("scheduler", metavar="module:scheduler", help="where it is, such as app:scheduler")
    commands.add_parser("demo", help="show jobs at work for five seconds")
    options = parser.parse_args(arguments)
    try:
        if options.command == "next":
            return _print_next(options.expression, options.n, options.timezone)
        return _print_demo() if options.command == "demo" else _run_scheduler(options.scheduler)
    except BrokenPipeError:  # as of `… | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (AsynczException, LookupError, TypeError, ValueError) as error:
        print(f"asyncz: {error}", file=sys.stderr)
        return 2


def _print_next(expression: str, count: int, zone: str | None) -> int:
    if count < 1:
        raise ValueError(f"-n {count}: not a number from 1")
    trigger = CronTrigger.from_crontab(expression, timezone=zone)
    now = datetime.now(_UTC)
    moment = trigger.get_next_trigger_time(None, now)
    for _ in range(count):
        if moment is None:
            break
        print(f"{moment:%a %Y-%m-%d %H:%M:%S %Z}", flush=True)
        moment = trigger.get_next_trigger_time(moment, now)
    return 0


def _run_scheduler(reference: str) -> int:
    if os.getcwd() not in sys.path:  # as `python -m` has it, also for `python asyncz.py`
        sys.path.insert(0, os.getcwd())
    scheduler = _resolved(reference, "scheduler")
    if not isinstance(scheduler, AsyncIOScheduler):
        raise TypeError(f"scheduler={reference!r}: {scheduler!r} is not an AsyncIOScheduler")
    if not logging.getLogger().handlers:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    scheduler.run()
    return 0


def _print_demo() -> int:
    """Show cron, interval and date jobs, plain and coroutine, at work for five seconds."""
    began = time.monotonic()
    counts: dict[str, int] = {}

    def show(name: str, note: str) -> None:
        counts[name] = counts.get(name, 0) + 1
        print(f"{time.monotonic() - began:5.2f} s  {name:8}  {note}", flush=True)

    async def every_second() -> None:
        show("interval", "a coroutine, every second")
        await asyncio.sleep(0)

    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(every_second, "interval", seconds=1)
    scheduler.add_job(show, "cron", second="*/2", args=["cron", "a plain function in a thread, at every even second"])
    at = datetime.now(_UTC) + timedelta(seconds=2.5)
    scheduler.add_job(show, "date", run_at=at, args=["date", f"a plain function, once, at {at:%H:%M:%S.%f} UTC"])
    scheduler.add_job(scheduler.shutdown, "date", run_at=at + timedelta(seconds=2.6), id="end")
    print(f"asyncz {__version__} on Python {sys.version.split()[0]}: interval, cron and date jobs for five seconds", flush=True)
    scheduler.run()
    good = counts.get("interval", 0) >= 4 and counts.get("cron", 0) >= 2 and counts.get("date") == 1
    print("It works: this machine can run asyncz." if good else f"Something is wrong: too few runs, {counts}.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
