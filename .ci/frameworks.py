"""Run the scheduler in the frameworks that it is used with, written as a new user would.

Each case writes a small program into a directory of its own, with the recipe of the README in it,
runs it by the framework's own command, and judges by what can be seen from outside: what was said,
the exit status, the store, and what the jobs noted. Jobs note each call, and the time for which it
was due, in a file that all processes of the case share: so a time that was run twice, or not at
all, is seen.

    python .ci/frameworks.py                       make the environments, run all cases
    python .ci/frameworks.py -e FOLDER             with environments that are kept there
    python .ci/frameworks.py -e FOLDER flask hup   the cases with one of these words in their name
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import run
from run import ROOT, Failure

AT_A_TIME = 3  # cases; they mostly wait
SECONDS = 60  # that one case may take

# What nobody may ever read in a log, whatever the case is about.
NEVER_SAID = re.compile(
    r"Traceback|internal error|never awaited|never retrieved|was destroyed but it is pending"
    r"|unclosed|Exception ignored"
)


class Note(NamedTuple):
    """What a job noted: by which process, for which run time, when."""

    what: str
    process: int
    due: float
    at: float


class Server:
    """A program that runs until it is told to end."""

    def __init__(self, process: subprocess.Popen[str], log: Path, port: int) -> None:
        self.process, self.log, self.port = process, log, port

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class Place:
    """The directory of a case, the programs that are started in it, and what their jobs noted."""

    def __init__(self, environments: Path, folder: Path) -> None:
        self.folder = folder
        self.web, self.notebook, self.frozen = (environments / n / "bin" for n in run.FRAMEWORKS)
        self.expected = ""  # a pattern; where it matches, NEVER_SAID may, too
        self._deadline = time.monotonic() + SECONDS
        self._servers: list[Server] = []
        shutil.copy(ROOT / "asyncz.py", folder)
        self.write("notes.py", NOTES)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())

    def touch(self, name: str) -> None:
        os.utime(self.folder / name)

    # Programs.

    def run(self, *command: object, status: int = 0) -> str:
        """Run a program to its end, and return what it said."""
        done = run.attempt(*command, cwd=self.folder, timeout=self._left(), more=self._variables())
        if done.status != status:
            raise Failure(f"{done.text}\nexit status {done.status}: {' '.join(map(str, command))}")
        self._check_said(done.text)
        return done.text

    def serve(self, *command: object) -> Server:
        """Start a program, with {port} in its arguments filled in, and wait until it listens."""
        port, log = run.free_port(), self.folder / f"log{len(self._servers)}"
        filled = [str(part).replace("{port}", str(port)) for part in command]
        with log.open("w") as out:
            process = run.start(*filled, cwd=self.folder, stdout=out, more=self._variables())
        server = Server(process, log, port)
        self._servers.append(server)
        if "{port}" in str(command):
            self.until("it listens", server.listens, 30)
        return server

    def end(self, server: Server, number: int, status: int, everybody: bool = False) -> str:
        """Send a signal, to the whole group like a terminal or to one, and wait for the end."""
        (os.killpg if everybody else os.kill)(server.process.pid, number)
        try:
            ended = server.process.wait(self._left())
        except subprocess.TimeoutExpired:
            raise Failure(f"does not end by signal {number}\n{server.said()}") from None
        if ended != status:
            raise Failure(f"exit status {ended}, not {status}\n{server.said()}")
        self._check_said(server.said())
        return server.said()

    def close(self) -> None:
        for server in self._servers:
            run.stop(server.process)

    def logs(self) -> str:
        return "\n".join(server.said() for server in self._servers)

    def _check_said(self, text: str) -> None:
        found = NEVER_SAID.search(text)
        if found and not (self.expected and re.search(self.expected, text)):
            raise Failure(f"{text}\nit said {found[0]!r}")

    def _variables(self) -> dict[str, str]:
        # What Jupyter and others keep in the user's home stays here.
        return {"HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def _left(self) -> float:
        return max(1.0, self._deadline - time.monotonic())

    # What is seen.

    def get(self, server: Server, path: str) -> str:
        url = f"http://127.0.0.1:{server.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=self._left()) as answer:
                return str(answer.read().decode())
        except OSError as error:
            raise Failure(f"{url}: {error}\n{server.said()}") from None

    def notes(self, what: str) -> list[Note]:
        """Return what jobs noted with this text, in the order in which they did."""
        path = self.folder / "notes.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        return [note for note in (Note(*json.loads(line)) for line in lines) if note.what == what]

    def until(self, what: str, condition: Callable[[], object], seconds: float = 20) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + min(seconds, self._left())
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f"within {seconds} s, not: {what}\n{self.logs()}")
            if self._servers and self._servers[-1].process.poll() is not None:
                raise Failure(f"it has ended before: {what}\n{self.logs()}")
            time.sleep(0.05)

    def until_noted(self, what: str, more: int = 1) -> None:
        """Wait until jobs have noted this so many times more."""
        before = len(self.notes(what))
        self.until(f"{more} times {what!r}", lambda: len(self.notes(what)) >= before + more)

    def until_processes(self, what: str, count: int) -> None:
        """Wait until jobs have noted this in so many processes."""
        self.until(
            f"{what!r} in {count} processes",
            lambda: len({note.process for note in self.notes(what)}) >= count,
        )

    def until_none_lacks(self, what: str, every: float) -> None:
        """Wait until there is a run for each time: what fell due while nobody ran has been run."""
        self.until(f"all times of {what!r}", lambda: not missing(self.notes(what), every))

    def check_ended(self, begin: str, end: str) -> None:
        """Each run that noted its begin has noted its end."""
        begun, ended = ({note.due for note in self.notes(what)} for what in (begin, end))
        if begun != ended:
            raise Failure(f"{len(begun - ended)} of {len(begun)} runs did not end\n{self.logs()}")

    def check_store(self, path: str = "jobs.sqlite3") -> None:
        """No scheduler has left a run behind in the store, which another would wait for."""
        with contextlib.closing(sqlite3.connect(self.folder / path)) as store:
            left = store.execute("SELECT id, head FROM jobs WHERE until > 0").fetchall()
        if left:
            raise Failure(f"held after the end: {left}\n{self.logs()}")


def missing(notes: Sequence[Note], every: float) -> int:
    """Return how many times of an interval, between the first and the last, were not run."""
    dues = sorted(note.due for note in notes)
    return sum(max(0, round((later - due) / every) - 1) for due, later in pairwise(dues))


def once(notes: Sequence[Note], every: float | None = None) -> str:
    """Return in words that no time was run twice, and, of an interval, none was left out."""
    dues = sorted(round(note.due, 3) for note in notes)
    gaps = [later - due for due, later in pairwise(dues)]
    # Schedulers that do not share a store run one job at times of their own.
    doubled = sum(gap < (every or 0.001) / 2 for gap in gaps)
    lost = missing(notes, every) if every else 0
    said = f"{len(notes)} runs, {len({note.process for note in notes})} processes"
    said += f", {doubled} doubled" + (f", {lost} lost" if every else "")
    if doubled or lost or not notes:
        raise Failure("\n".join([said, *map(str, notes)]))
    return said


def one_after_the_other(notes: Sequence[Note], processes: int) -> str:
    """Return in words that so many processes ran the job, none while another did."""
    shifts = [process for process, _ in groupby(note.process for note in notes)]
    said = f"{len(notes)} runs, processes {shifts}"
    if len(shifts) != processes or len(set(shifts)) != processes:
        raise Failure(f"{said}, not {processes} one after the other")
    return f"{len(notes)} runs, {processes} processes one after the other"


def expect(truth: object, what: str, text: str = "") -> None:
    if not truth:
        raise Failure(f"not so: {what}\n{text}")


# --- What the programs have in common ---

NOTES = """
    import json
    import os
    import time

    import asyncz

    def note(what):
        due = asyncz.current_run().scheduled_run_time.timestamp()
        line = json.dumps([what, os.getpid(), due, time.time()]) + "\\n"
        file = os.open("notes.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, line.encode())
        os.close(file)
"""

# Jobs of several processes. A run of the second is in progress half of the time.
JOBS = """
    import logging
    import time

    import asyncz
    from notes import note

    logging.basicConfig(level="INFO")
    store = asyncz.SQLiteStore("jobs.sqlite3")
    scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC")

    # After a restart, the times that have passed are one run, beside which the next may begin.
    @scheduler.scheduled_job("interval", seconds=0.5, coalesce=False, max_instances=3)
    def tick():
        note("tick")

    @scheduler.scheduled_job("interval", seconds=3, coalesce=False)
    def slow():
        note("slow begins")
        time.sleep(1.5)
        note("slow ends")
"""


def judged(place: Place) -> str:
    """Judge JOBS after an orderly end: once each, all ended, nothing held, no tick lost."""
    place.check_ended("slow begins", "slow ends")
    place.check_store()
    once(place.notes("slow begins"))
    return once(place.notes("tick"), 0.5)


# --- FastAPI and Starlette ---

FASTAPI = """
    import asyncz
    from fastapi import FastAPI
    from notes import note

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")

    @scheduler.scheduled_job("interval", seconds=0.1)
    async def tick():
        note("tick")

    app = FastAPI(lifespan=scheduler.lifespan)

    @app.get("/jobs")
    def jobs():
        return [job.id for job in scheduler.get_jobs()]
"""

STARLETTE = """
    import asyncz
    from notes import note
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")

    @scheduler.scheduled_job("interval", seconds=0.1)
    async def tick():
        note("tick")

    async def jobs(request):
        return JSONResponse([job.id for job in scheduler.get_jobs()])

    app = Starlette(routes=[Route("/jobs", jobs)], lifespan=scheduler.lifespan)
"""

# Twice, as two tests of a user do.
TEST_CLIENT = """
    import time
    from main import app, scheduler
    from starlette.testclient import TestClient

    for _ in range(2):
        with TestClient(app) as client:
            assert client.get("/jobs").json() == ["main:tick"]
            assert scheduler.running
            time.sleep(0.5)
        assert not scheduler.running
"""


def test_client(place: Place) -> str:
    place.run(place.web / "python", "check.py")
    return once(place.notes("tick"))


def fastapi_lifespan(place: Place) -> str:
    place.write("main.py", FASTAPI)
    place.write("check.py", TEST_CLIENT)
    return test_client(place)


def starlette_lifespan(place: Place) -> str:
    place.write("main.py", STARLETTE)
    place.write("check.py", TEST_CLIENT)
    return test_client(place)


def fastapi_cli(place: Place) -> str:
    """`fastapi run` wants the very FastAPI object."""
    place.write("main.py", FASTAPI)
    server = place.serve(place.web / "fastapi", "run", "main.py", "--port", "{port}")
    expect(place.get(server, "/jobs") == '["main:tick"]', "the job is listed", server.said())
    place.until_noted("tick", 3)
    place.end(server, signal.SIGINT, 0, everybody=True)
    return once(place.notes("tick"))


def fastapi_own_lifespan(place: Place) -> str:
    """Jobs may use what the application opens, up to the end."""
    place.write(
        "main.py",
        """
        import asyncio
        import contextlib
        import asyncz
        from fastapi import FastAPI, Request
        from notes import note

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")

        @contextlib.asynccontextmanager
        async def lifespan(app):
            app.state.open = True
            async with scheduler:
                yield {"word": "of the lifespan"}
            app.state.open = False

        app = FastAPI(lifespan=lifespan)

        @scheduler.scheduled_job("interval", seconds=0.1)
        async def tick():
            await asyncio.sleep(0.05)
            note(f"open: {app.state.open}")

        @app.get("/word")
        def word(request: Request):
            return request.state.word
        """,
    )
    place.write(
        "check.py",
        """
        import time
        from fastapi.testclient import TestClient
        from main import app, scheduler

        for _ in range(5):
            with TestClient(app) as client:
                assert client.get("/word").json() == "of the lifespan"
                time.sleep(0.2)
            assert not scheduler.running
        """,
    )
    place.run(place.web / "python", "check.py")
    expect(not place.notes("open: False"), "no job runs after what it uses is closed")
    return once(place.notes("open: True"))


def fastapi_asgi(place: Place) -> str:
    """What `asgi` returns is used like the application that it was given."""
    place.write(
        "main.py",
        """
        import asyncz
        from fastapi import Depends, FastAPI
        from notes import note

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        inner = FastAPI(title="Inside")
        app = scheduler.asgi(inner)

        @scheduler.scheduled_job("interval", seconds=0.1)
        async def tick():
            note("tick")

        def user():
            return "alice"

        @app.get("/user")
        def show(name: str = Depends(user)):
            return name
        """,
    )
    place.write(
        "check.py",
        """
        import copy
        import time
        from fastapi.testclient import TestClient
        from main import app, inner, scheduler, user

        app.dependency_overrides[user] = lambda: "bob"
        assert app.title == "Inside" and app.routes is inner.routes
        app.state.word = "kept"
        assert inner.state.word == "kept"
        with TestClient(app) as client:
            assert scheduler.running
            assert client.get("/user").json() == "bob"
            time.sleep(0.3)
        assert not scheduler.running
        app.dependency_overrides = {}
        assert inner.dependency_overrides == {}
        assert copy.copy(app).title == "Inside"
        assert "/user" in app.openapi()["paths"]
        with TestClient(app) as client:
            assert client.get("/user").json() == "alice"
        """,
    )
    place.run(place.web / "python", "check.py")
    return once(place.notes("tick"))


def asgi_that_cannot_start(place: Place) -> str:
    """Nobody hangs where the scheduler can't start, and what the application opened is closed."""
    place.write(
        "main.py",
        """
        import contextlib
        import asyncz
        from fastapi import FastAPI
        from starlette.applications import Starlette

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        scheduler.start()

        @contextlib.asynccontextmanager
        async def lifespan(app):
            print("opened", flush=True)
            try:
                yield
            finally:
                print("closed", flush=True)

        @contextlib.asynccontextmanager
        async def within(app):
            async with lifespan(app), scheduler:
                yield

        with_asgi = scheduler.asgi(FastAPI(lifespan=lifespan))
        starlette = scheduler.asgi(Starlette(lifespan=lifespan))
        with_own = FastAPI(lifespan=within)
        with_lifespan = FastAPI(lifespan=scheduler.lifespan)
        """,
    )
    place.write(
        "check.py",
        """
        import main
        from starlette.testclient import TestClient

        for name in ("with_asgi", "starlette", "with_own", "with_lifespan"):
            try:
                with TestClient(getattr(main, name)):
                    print(name, "has started")
            except Exception as error:
                print(name, type(error).__name__, error)
        """,
    )
    place.expected = "the scheduler is running already"
    said = place.run(place.web / "python", "check.py")
    reasons = len(re.findall(r"^(with_|starlette).*Error.*running already", said, re.MULTILINE))
    expect("has started" not in said and reasons == 4, "all four tests hear the reason", said)
    expect(said.count("opened") == said.count("closed") == 3, "what was opened is closed", said)
    for name in ("with_asgi", "with_lifespan"):
        said = place.run(place.web / "uvicorn", f"main:{name}", "--port", run.free_port(), status=3)
        expect("running already" in said, "the server says why", said)
    return "4 clients and 2 servers heard of it"


def asgi_without_lifespan(place: Place) -> str:
    """The first request says that nobody has started the scheduler."""
    place.write(
        "main.py",
        """
        import asyncz
        from fastapi import FastAPI

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        app = scheduler.asgi(FastAPI())

        @app.get("/running")
        def running():
            return scheduler.running
        """,
    )
    off = ("--lifespan", "off", "--port", "{port}")
    server = place.serve(place.web / "uvicorn", "main:app", *off)
    answers = [place.get(server, "/running") for _ in range(2)]
    said = place.end(server, signal.SIGTERM, -signal.SIGTERM)
    expect(answers == ["false", "false"], "the requests are answered", said)
    expect(said.count("no lifespan has started") == 1, "one line says why it does not run", said)
    return "one warning"


def uvicorn_workers(place: Place) -> str:
    """Two workers share a file; all jobs in progress end when the server is told to."""
    place.write("jobs.py", JOBS)
    place.write(
        "main.py",
        """
        from fastapi import FastAPI
        from jobs import scheduler

        app = FastAPI(lifespan=scheduler.lifespan)
        """,
    )
    command = (place.web / "uvicorn", "main:app", "--workers", "2", "--port", "{port}")
    server = place.serve(*command)
    place.until_processes("tick", 2)
    place.until_noted("slow begins", 2)
    place.end(server, signal.SIGTERM, 0)
    return judged(place)


def uvicorn_reload(place: Place) -> str:
    """A job in progress ends before the application is loaded again."""
    place.write("jobs.py", JOBS)
    place.write(
        "main.py",
        """
        from fastapi import FastAPI
        from jobs import scheduler

        app = scheduler.asgi(FastAPI())
        """,
    )
    server = place.serve(place.web / "uvicorn", "main:app", "--reload", "--port", "{port}")
    place.until_noted("slow begins")
    place.touch("main.py")
    place.until_noted("slow begins")
    place.until_none_lacks("tick", 0.5)
    place.end(server, signal.SIGINT, 0, everybody=True)
    one_after_the_other(place.notes("tick"), 2)
    return judged(place)


def uvloop_server(place: Place) -> str:
    place.write("main.py", STARLETTE)
    place.write(
        "loops.py",
        """
        import asyncio
        from main import app, scheduler
        from notes import note

        @scheduler.scheduled_job("interval", seconds=0.2)
        async def which():
            note(type(asyncio.get_running_loop()).__module__)
        """,
    )
    command = (place.web / "uvicorn", "loops:app", "--loop", "uvloop", "--port", "{port}")
    server = place.serve(*command)
    place.until_noted("uvloop", 3)
    place.end(server, signal.SIGTERM, -signal.SIGTERM)
    return once(place.notes("uvloop"))


def uvloop_scripts(place: Place) -> str:
    """`uvloop.run`, and uvloop's policy under a loop of our own and under `run`."""
    place.write(
        "main.py",
        """
        import asyncio
        import sys
        import time
        import asyncz
        import uvloop
        from notes import note

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")

        @scheduler.scheduled_job("interval", seconds=0.1)
        async def which():
            note(f"{sys.argv[1]} {type(asyncio.get_running_loop()).__module__}")

        @scheduler.scheduled_job("interval", seconds=0.1)
        def plain():
            note(f"{sys.argv[1]} plain")

        async def main():
            async with scheduler:
                await asyncio.sleep(0.6)

        if sys.argv[1] == "uvloop.run":
            uvloop.run(main())
        else:
            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        if sys.argv[1] == "start":
            scheduler.start()
            time.sleep(0.6)
            scheduler.shutdown()
        if sys.argv[1] == "run":
            scheduler.add_job(scheduler.shutdown, "interval", seconds=0.6)
            scheduler.run()
        """,
    )
    for how in ("uvloop.run", "start", "run"):
        place.run(place.web / "python", "-W", "error", "main.py", how)
        once(place.notes(f"{how} uvloop"))
        once(place.notes(f"{how} plain"))
    return "3 scripts"


# --- Flask ---

FLASK = """
    import os
    import sys
    import asyncz
    from flask import Flask, current_app
    from notes import note

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    app = Flask(__name__)

    @scheduler.scheduled_job("interval", seconds=0.2)
    def tick():
        with app.app_context():
            note(f"tick of {current_app.name}")
"""
FLASK_COMMAND = """
    # The reloader of the debug server runs this file in two processes; one of them serves.
    if not app.debug or os.environ.get("WERKZEUG_RUN_MAIN") == "true":
        scheduler.start()
"""
FLASK_SCRIPT = """
    if __name__ == "__main__":
        if os.environ.get("WERKZEUG_RUN_MAIN") == "true":
            scheduler.start()
        app.run(debug=True, port=int(sys.argv[1]))
"""


def flask_reloader(place: Place) -> str:
    """The schedule is in memory, and runs in the process that serves."""
    place.write("app.py", FLASK + FLASK_COMMAND)
    debug = (place.web / "flask", "run", "--debug", "--port", "{port}")
    reloaded(place, "tick of app", "app.py", *debug)
    server = place.serve(place.web / "flask", "run", "--port", "{port}")
    place.until_noted("tick of app", 3)
    place.end(server, signal.SIGINT, 0, everybody=True)
    return one_after_the_other(place.notes("tick of app"), 3)


def flask_script(place: Place) -> str:
    """The same, with the server in the program itself."""
    place.write("app.py", FLASK + FLASK_SCRIPT)
    reloaded(place, "tick of app", "app.py", place.web / "python", "app.py", "{port}")
    return one_after_the_other(place.notes("tick of app"), 2)


def reloaded(place: Place, what: str, file: str, *command: object) -> None:
    """Run a server with a reloader, and touch a file while it runs a job."""
    server = place.serve(*command)
    place.until_noted(what, 4)
    place.touch(file)
    shift = place.notes(what)[-1].process
    place.until("a reload", lambda: place.notes(what)[-1].process != shift)
    place.until_noted(what, 4)
    place.end(server, signal.SIGINT, 0, everybody=True)


def flask_store(place: Place) -> str:
    """Both processes of the reloader have the schedule, and share it."""
    place.write(
        "app.py",
        """
        from flask import Flask
        from jobs import scheduler

        app = Flask(__name__)
        scheduler.start()
        """,
    )
    place.write("jobs.py", JOBS)
    server = place.serve(place.web / "flask", "run", "--debug", "--port", "{port}")
    place.until_noted("slow begins")
    place.touch("app.py")
    place.until_noted("slow begins", 2)
    place.until_noted("tick", 2)
    place.end(server, signal.SIGINT, 0, everybody=True)
    place.check_store()
    once(place.notes("slow begins"))
    return once(place.notes("tick"), 0.5)


def flask_request(place: Place) -> str:
    """A view adds a job; nothing of its request gets into the jobs."""
    place.write(
        "app.py",
        """
        import asyncz
        from flask import Flask, g, has_app_context, request
        from notes import note

        scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
        app = Flask(__name__)

        @scheduler.scheduled_job("interval", seconds=0.1)
        async def cleanup():
            note(f"cleanup in a request: {has_app_context()}")

        @scheduler.scheduled_job("interval", hours=1)
        async def report():
            note(f"report in a request: {has_app_context()}")

        async def greet(name):
            note(f"{name} in a request: {has_app_context()}")

        @app.route("/later/<name>")
        def later(name):
            g.user = name
            job = scheduler.add_job(greet, args=[name])
            scheduler.run_job("app:report").result(10)
            return job.name

        scheduler.start()
        """,
    )
    server = place.serve(place.web / "flask", "run", "--port", "{port}")
    for name in ("alice", "bob"):
        expect(place.get(server, f"/later/{name}") == "greet", "the view answers", server.said())
        place.until_noted("cleanup in a request: False", 3)
    place.end(server, signal.SIGINT, 0, everybody=True)
    for what in ("cleanup", "report", "alice", "bob"):
        expect(not place.notes(f"{what} in a request: True"), f"{what} is outside of requests")
    for name, count in (("report", 2), ("alice", 1), ("bob", 1)):
        runs = len(place.notes(f"{name} in a request: False"))
        expect(runs == count, f"{count} runs of {name}, not {runs}")
    return once(place.notes("cleanup in a request: False"))


# --- Django ---


def django_project(place: Place, started_in: str) -> None:
    """Write a project with one application, whose job writes rows by the ORM."""
    place.write(
        "manage.py",
        """
        import os
        import sys
        from django.core.management import execute_from_command_line

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
        execute_from_command_line(sys.argv)
        """,
    )
    place.write("mysite/__init__.py", "")
    place.write(
        "mysite/settings.py",
        """
        SECRET_KEY = "of a test"
        DEBUG = True
        ROOT_URLCONF = "mysite.urls"
        WSGI_APPLICATION = "mysite.wsgi.application"
        INSTALLED_APPS = ["reports"]
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "db.sqlite3",
                "OPTIONS": {"timeout": 20},
            }
        }
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        USE_TZ = True
        """,
    )
    place.write(
        "mysite/urls.py",
        """
        from django.http import HttpResponse
        from django.urls import path
        from reports.models import Report

        urlpatterns = [path("count", lambda request: HttpResponse(str(Report.objects.count())))]
        """,
    )
    place.write(
        "mysite/wsgi.py",
        """
        import os
        from django.core.wsgi import get_wsgi_application

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
        application = get_wsgi_application()
        """
        + (
            """
        from reports.jobs import scheduler

        scheduler.start()
        """
            if started_in == "wsgi"
            else ""
        ),
    )
    place.write("reports/__init__.py", "")
    place.write(
        "reports/models.py",
        """
        from django.db import models

        class Report(models.Model):
            due = models.DateTimeField()
        """,
    )
    place.write(
        "reports/apps.py",
        """
        import os
        from django.apps import AppConfig

        class ReportsConfig(AppConfig):
            name = "reports"
        """
        + (
            """
            def ready(self):
                # `runserver` has two processes; this one serves.
                if os.environ.get("RUN_MAIN") == "true":
                    from .jobs import scheduler

                    scheduler.start()
        """
            if started_in == "ready"
            else ""
        ),
    )
    place.run(place.web / "python", "manage.py", "migrate", "--run-syncdb", "-v", "0")


DJANGO_JOBS = """
    import asyncz
    from notes import note
    from .models import Report

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")

    @scheduler.scheduled_job("interval", seconds=0.5, coalesce=False, max_instances=3)
    def report():
        Report.objects.create(due=asyncz.current_run().scheduled_run_time)
        note("report")
"""
DJANGO_STORED_JOBS = DJANGO_JOBS.replace(
    "AsyncIOScheduler(",
    'AsyncIOScheduler(stores={"default": asyncz.SQLiteStore("jobs.sqlite3")}, ',
)


DJANGO_GUNICORN = """
    workers = 2

    def worker_exit(server, worker):
        from reports.jobs import scheduler
        scheduler.shutdown()
"""


def django_rows(place: Place) -> None:
    """Each run has written its row."""
    with contextlib.closing(sqlite3.connect(place.folder / "db.sqlite3")) as database:
        rows = database.execute("SELECT count(DISTINCT due), count(*) FROM reports_report")
        counts = set(rows.fetchone())
    expect(counts == {len(place.notes("report"))}, f"a row for each run, {counts}", place.logs())


def django_reloader(place: Place, started_in: str) -> str:
    place.write("reports/jobs.py", DJANGO_JOBS)
    django_project(place, started_in)
    command = (place.web / "python", "manage.py", "runserver", "127.0.0.1:{port}")
    reloaded(place, "report", "mysite/urls.py", *command)
    django_rows(place)
    once(place.notes("report"))
    return one_after_the_other(place.notes("report"), 2)


def django_ready(place: Place) -> str:
    """Started in `AppConfig.ready`, in the process that serves."""
    return django_reloader(place, "ready")


def django_wsgi(place: Place) -> str:
    """Started where the application is made, which only a process that serves does."""
    return django_reloader(place, "wsgi")


def django_gunicorn(place: Place) -> str:
    place.write("reports/jobs.py", DJANGO_STORED_JOBS)
    django_project(place, "wsgi")
    place.write("gunicorn.conf.py", DJANGO_GUNICORN)
    server = place.serve(place.web / "gunicorn", "mysite.wsgi", "-b", "127.0.0.1:{port}")
    place.until_processes("report", 2)
    place.until_noted("report", 4)
    expect(int(place.get(server, "/count")) > 0, "the view sees rows", server.said())
    place.end(server, signal.SIGTERM, 0)
    django_rows(place)
    place.check_store()
    return once(place.notes("report"), 0.5)


# --- gunicorn ---

GUNICORN = """
    workers = 2

    def post_worker_init(worker):
        from jobs import scheduler
        scheduler.start()

    def worker_exit(server, worker):
        from jobs import scheduler
        scheduler.shutdown()
"""


def gunicorn(place: Place, *options: str) -> str:
    """Two workers share a file, and are replaced while a job runs."""
    place.write("jobs.py", JOBS)
    place.write("gunicorn.conf.py", GUNICORN)
    place.write(
        "app.py",
        """
        from flask import Flask

        app = Flask(__name__)

        @app.route("/")
        def index():
            return "served"
        """,
    )
    bind = ("-b", "127.0.0.1:{port}")
    server = place.serve(place.web / "gunicorn", "app:app", *bind, *options)
    place.until_processes("tick", 2)
    place.until_noted("slow begins")
    old = {note.process for note in place.notes("tick")}
    os.kill(server.process.pid, signal.SIGHUP)
    # No 60 seconds, the lease of who has died.
    place.until_noted("slow begins", 2)
    place.until_none_lacks("tick", 0.5)
    expect(place.get(server, "/") == "served", "a view answers", server.said())
    place.end(server, signal.SIGTERM, 0)
    expect(not old & {n.process for n in place.notes("tick")[-3:]}, "workers were replaced")
    return judged(place)


def gunicorn_sync(place: Place) -> str:
    return gunicorn(place)


def gunicorn_gthread(place: Place) -> str:
    return gunicorn(place, "-k", "gthread", "--threads", "4")


def gunicorn_gevent(place: Place) -> str:
    said = gunicorn(place, "-k", "gevent")
    expect(re.search(r"WARNING.*gevent", place.logs()), "start() warns of gevent", place.logs())
    return said


# --- Jupyter ---

CELLS = (
    """
    import asyncio
    import asyncz

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    """,
    """
    @scheduler.scheduled_job("interval", seconds=0.2)
    async def tick():
        print("tick of the first")
    """,
    """
    @scheduler.scheduled_job("interval", seconds=0.2)
    async def tick():
        print("tick of the second")
    """,
    """
    scheduler.start()
    await asyncio.sleep(1)
    """,
    """
    scheduler
    """,
    """
    async def late():
        print("late")

    job = scheduler.add_job(late, "interval", minutes=30, id="<late>")
    await asyncio.sleep(0.7)
    """,
    """
    scheduler.get_jobs()
    """,
    """
    await scheduler.run_job("<late>")
    await scheduler.shutdown()
    print(scheduler.running)
    """,
)


def notebook(place: Place) -> str:
    """A notebook is executed, and what it shows is looked at."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": textwrap.dedent(text).strip(),
        }
        for number, text in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (place.folder / "book.ipynb").write_text(json.dumps(book))
    convert = (place.notebook / "jupyter", "nbconvert", "--execute", "book.ipynb")
    place.run(*convert, "--to", "notebook", "--output", "executed.ipynb")
    executed = json.loads((place.folder / "executed.ipynb").read_text())["cells"]
    texts = ["".join(map(output_text, cell["outputs"])) for cell in executed]
    pages = ["".join(map(output_html, cell["outputs"])) for cell in executed]
    started, adding, last = texts[3], texts[5], texts[7]
    shown = json.dumps(texts, indent=1)
    expect(started.count("tick of the second") >= 3, "a job prints under start()", shown)
    expect("tick of the first" not in "".join(texts), "the cell that ran twice left one job", shown)
    expect("tick" not in adding, "no job prints under the cell that adds another", shown)
    expect(last == "False\n", "nor under one that asks for a run; it is shut down", shown)
    for page, jobs in ((pages[4], 1), (pages[6], 2)):
        # With the line of the heads.
        tables, rows = page.count("<table"), page.count("<tr") - 1
        expect((tables, rows) == (1, jobs), f"one table of {jobs} jobs, not of {rows}", page)
    expect("&lt;late&gt;" in pages[6] and "<late>" not in pages[6], "names are escaped", pages[6])
    return f"{started.count('tick')} runs under their cell"


def output_text(output: dict[str, object]) -> str:
    if output["output_type"] == "error":
        raise Failure("\n".join(output["traceback"]))
    return "".join(output.get("text", ()))


def output_html(output: dict[str, object]) -> str:
    return "".join(output.get("data", {}).get("text/html", ()))


# --- PyInstaller ---


def pyinstaller(place: Place) -> str:
    """A program of one directory keeps its jobs, from one start to the next."""
    place.write(
        "app.py",
        """
        import asyncz
        from notes import note

        store = asyncz.SQLiteStore("jobs.sqlite3")
        scheduler = asyncz.AsyncIOScheduler(stores={"default": store}, timezone="UTC")

        @scheduler.scheduled_job("interval", seconds=0.2)
        def tick():
            note("tick")

        @scheduler.scheduled_job("interval", seconds=0.2)
        async def tock():
            note("tock")

        if __name__ == "__main__":
            scheduler.run()
        """,
    )
    build = (place.frozen / "pyinstaller", "--onedir", "--noconfirm", "--log-level", "ERROR")
    place.run(*build, "app.py")
    for _ in range(2):
        server = place.serve(place.folder / "dist" / "app" / "app")
        place.until_noted("tick", 4)
        place.until_noted("tock", 2)
        place.end(server, signal.SIGTERM, 0)
        place.check_store()
    with contextlib.closing(sqlite3.connect(place.folder / "jobs.sqlite3")) as store:
        count = store.execute("SELECT count(*) FROM jobs").fetchone()[0]
    expect(count == 2, f"two jobs are kept, not {count}")
    once(place.notes("tock"))
    return once(place.notes("tick"))


# The longest first, so that the short ones fill what is left.
CASES: dict[str, Callable[[Place], str]] = {
    "PyInstaller": pyinstaller,
    "Jupyter, nbconvert --execute": notebook,
    "gunicorn sync, HUP": gunicorn_sync,
    "gunicorn gthread, HUP": gunicorn_gthread,
    "gunicorn gevent, HUP": gunicorn_gevent,
    "uvicorn, 2 workers, SIGTERM in a job": uvicorn_workers,
    "uvicorn --reload": uvicorn_reload,
    "Flask, reloader, in memory": flask_reloader,
    "Flask, app.run(debug=True)": flask_script,
    "Flask, reloader, SQLite": flask_store,
    "Django runserver, started in ready()": django_ready,
    "Django runserver, started in wsgi.py": django_wsgi,
    "Django under gunicorn": django_gunicorn,
    "Flask, a view adds jobs": flask_request,
    "fastapi run": fastapi_cli,
    "FastAPI, lifespan, TestClient": fastapi_lifespan,
    "FastAPI, lifespan of its own": fastapi_own_lifespan,
    "FastAPI, asgi()": fastapi_asgi,
    "FastAPI and Starlette, no start": asgi_that_cannot_start,
    "FastAPI, asgi(), no lifespan": asgi_without_lifespan,
    "Starlette, lifespan, TestClient": starlette_lifespan,
    "uvloop under uvicorn": uvloop_server,
    "uvloop in scripts": uvloop_scripts,
}


def tried(name: str, environments: Path, folder: Path) -> bool:
    """Run a case, print how it went in one line, or more if it failed; return whether it passed."""
    began, place, text = time.monotonic(), None, ""
    try:
        place = Place(environments, Path(tempfile.mkdtemp(dir=folder)))
        word, said = "ok", CASES[name](place)
    except Failure as failure:
        word, said = "FAILED", "see below"
        text = textwrap.indent(run.last_lines(str(failure)), " " * 8) + "\n"
    except Exception as error:  # of ours; the other cases are still of interest
        word, said = "FAILED", f"{type(error).__name__}: {error}"
    finally:
        if place is not None:
            place.close()
    print(f"{word:7} {name} ({time.monotonic() - began:.1f} s): {said}\n{text}", end="", flush=True)
    return word == "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-e", "--environments", type=Path, help="where they are kept")
    parser.add_argument("words", nargs="*", help="of the names of the cases to run")
    given = parser.parse_args()
    run.prepare_environment()
    names = [n for n in CASES if not given.words or any(word in n for word in given.words)]
    if not names:
        print(f"no case has one of these words in its name; there are {', '.join(CASES)}")
        return 1
    with tempfile.TemporaryDirectory(prefix="asyncz-frameworks-") as folder:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: run.leave_now(folder))
        environments = given.environments or Path(folder) / "environments"
        checks = run.Checks(environments)
        for environment in run.FRAMEWORKS:
            if not (environments / environment).exists():
                checks.framework(environment)
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            passed = list(pool.map(lambda name: tried(name, environments, Path(folder)), names))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
