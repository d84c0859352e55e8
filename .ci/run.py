"""All checks on a clean checkout: tests on every Python from 3.9, types, format, faults, the rest.

Everything that is needed is installed into a temporary directory, but for what only apt has. Each
check is a method of `Checks`; `plan` lists them in the order in which they run. The last line is
that of the counts, and the exit status is 0 if nothing failed.

    bash .ci/run              all
    bash .ci/run pypy soak    what is prepared, and the steps with one of these words in their name
"""

from __future__ import annotations

import ast
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
WANTED = ("3.9", "3.10", "3.11", "3.12", "3.13")
MEASURED = "3.11"  # the Python on which coverage is measured
PACKAGES = ("pytz", "redis", "valkey", "fakeredis[lua]", "mongomock", "pymongo")
MONGO_SERVER = "secantusdb"  # speaks MongoDB's protocol; there are wheels for 3.10 to 3.13
MONGO_VARIABLE = "ASYNCZ_TEST_MONGO"  # tells the tests its URL
MONGO_PYTHONS = ("3.11", "3.12", "3.13", "3.10")
# Frameworks, each with what it is run by, on a Python for which there are wheels of all of them.
FRAMEWORK_PYTHON = "3.12"
FRAMEWORKS: dict[str, tuple[str, ...]] = {
    "web": (
        *("fastapi", "fastapi-cli", "httpx2", "starlette", "uvicorn", "uvloop"),
        *("flask", "django", "gunicorn[gevent]"),
    ),
    "notebook": ("nbconvert", "ipykernel"),
    "frozen": ("pyinstaller",),
}
PYODIDE = "pyodide@0.29"  # Python 3.13
LEAST_COVERAGE = 95
FOUR_FILES = {"asyncz.py", "test_asyncz.py", "pyproject.toml", "README.md"}

# Tests that may skip themselves: what they say then (as a pattern), and why that is right. What
# skips itself for any other reason has failed.
SKIPS: dict[str, str] = {}
# In a directory with nothing but the two files there is more that can't be there.
SKIPS_OF_THE_COPY = {
    r"README\.md is not beside the module": "it is not copied, as by whoever takes two files",
}

# Test classes for PyPy, by what is in their names; each pattern has to find one.
PYPY_CLASSES = ("Cron", "Interval", "Memory", "SQLite", "CommandLine|Program")


class Failure(Exception):
    """A check that has failed, with what to show."""


class Result(NamedTuple):
    """How a check went, in counts, with lines that are shown below its name."""

    passed: int = 1
    failed: int = 0
    skipped: int = 0
    text: str = ""


class Step(NamedTuple):
    """A check with its name."""

    name: str
    check: Callable[..., Result | None]
    arguments: tuple[object, ...] = ()


class Phase(NamedTuple):
    """Steps that run as many at a time as said, all of them before the next phase."""

    at_a_time: int
    steps: list[Step]
    prepares: bool = False


def plan(checks: Checks) -> list[Phase]:
    """Say what is run, in which order."""
    versions, oldest, newest = checks.versions, checks.oldest, checks.newest
    return [
        Phase(
            3,
            [
                Step("Python 3.9 to 3.13 are here", checks.pythons),
                Step("environment for the tools", checks.tools),
                *(Step(f"environment for Python {v}", checks.environment, (v,)) for v in versions),
                Step("environment for the servers", checks.servers),
                *(
                    Step(f"environment for frameworks, {f}", checks.framework, (f,))
                    for f in FRAMEWORKS
                ),
                Step("redis-server is here", checks.program, ("redis-server", "redis-server")),
                Step("PyPy is here", checks.program, ("pypy3", "pypy3")),
                Step("Pyodide is here", checks.pyodide),
            ],
            prepares=True,
        ),
        # Half of the time, tests wait for something: three at a time keep two cores busy.
        Phase(
            3,
            [
                # The longest first, so that the short ones fill what is left.
                *(Step(f"tests on Python {v}", checks.tests, (v,)) for v in checks.longest_first()),
                Step(f"tests on Python {oldest}, two files only", checks.two_files, (oldest,)),
                Step(f"what is beside them, on Python {oldest}", checks.beside, (oldest,)),
                *(Step(f"MongoDB on Python {v}", checks.mongodb, (v,)) for v in versions),
                Step("the protocol, walked through", checks.script, ("walk.py",)),
                Step("the walk finds planted errors", checks.script, ("walk.py", "--self-test")),
                Step("damaged rows", checks.script, ("grid.py",)),
                Step("rooms use only what is above them", checks.script, ("rooms.py",)),
                Step("planted uses of what is below are found", checks.script, ("test_rooms.py",)),
                Step("mypy --strict", checks.mypy),
                Step("pyright, strict", checks.pyright),
                Step("ruff check", checks.ruff_check),
                Step("ruff format", checks.ruff_format),
                Step("four files at the top level", checks.four_files),
            ],
        ),
        # Alone, since it is about time; it runs two stores at a time.
        Phase(1, [Step("no run is lost or doubled", checks.soak)]),
        Phase(
            3,
            [
                Step("in the frameworks it is used with", checks.frameworks),
                Step("tests on PyPy", checks.pypy),
                Step("in the browser's Python", checks.browser),
                Step(f"the demo on Python {oldest}", checks.newcomer, (oldest,)),
                Step(f"the demo on Python {newest}", checks.newcomer, (newest,)),
                Step(f"pip install . on Python {oldest}", checks.installs, (oldest,)),
                Step(f"pip install . on Python {newest}", checks.installs, (newest,)),
                Step(f"branch coverage of {LEAST_COVERAGE} %", checks.coverage),
            ],
        ),
    ]


class Checks:
    """The checks; each raises Failure, or returns its counts (None for one that passed)."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self._apt = threading.Lock()
        self.homes = found_pythons()
        self.versions = sorted(self.homes, key=minor_of)
        self.oldest = self.versions[0] if self.versions else WANTED[0]
        self.newest = self.versions[-1] if self.versions else WANTED[-1]

    def python(self, environment: str) -> str:
        return str(self.work / environment / "bin" / "python")

    def tool(self, name: str) -> str:
        return str(self.work / "tools" / "bin" / name)

    def longest_first(self) -> list[str]:
        others = [version for version in self.versions if version != self.oldest]
        return sorted(others, key=lambda version: version != MEASURED)

    # What is prepared.

    def pythons(self) -> None:
        """All Pythons that we support are on this machine."""
        missing = [version for version in WANTED if version not in self.homes]
        if missing:
            raise Failure(f"there is no Python {', '.join(missing)} in {pyenv_versions()}")

    def environment(self, version: str) -> None:
        """Make an environment with the clients that some tests look for."""
        more = ["coverage"] if version == MEASURED else []
        self._make_environment(version, self.work / version, *PACKAGES, *more)

    def servers(self) -> None:
        """Make an environment for MongoDB's server and the soak.

        Not that of a Python's tests: the server brings tzdata, and a test is about its absence.
        """
        there = [version for version in MONGO_PYTHONS if version in self.homes]
        if not there:
            raise Failure(f"there is none of the Pythons {', '.join(MONGO_PYTHONS)}")
        packages = ("redis", "pymongo", MONGO_SERVER)
        self._make_environment(there[0], self.work / "servers", *packages)

    def framework(self, name: str) -> None:
        """Make an environment for some of the frameworks."""
        self._make_environment(FRAMEWORK_PYTHON, self.work / name, *FRAMEWORKS[name])

    def tools(self) -> None:
        """Make an environment for what looks at the code without running it."""
        version = "3.12" if "3.12" in self.homes else self.newest
        self._make_environment(version, self.work / "tools", "ruff", "mypy", "pyright")

    def _make_environment(self, version: str, folder: Path, *packages: str) -> None:
        if version not in self.homes:
            raise Failure(f"there is no Python {version}")
        run(self.homes[version], "-m", "venv", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", *packages)

    def program(self, name: str, package: str) -> None:
        """Install by apt what is absent; one after the other, since apt has one lock."""
        with self._apt:
            if shutil.which(name):
                return
            install = ("apt-get", "install", "-y", "-q", package)
            if attempt(*install).status:
                attempt("apt-get", "update", "-q")
                run(*install)
            if not shutil.which(name):
                raise Failure(f"there is no {name}, though {package} is installed")

    def pyodide(self) -> None:
        """Install the browser's Python by npm, into the working directory."""
        self.program("node", "nodejs")
        self.program("npm", "npm")
        folder = self.work / "npm"
        folder.mkdir()
        run("npm", "install", "--no-audit", "--no-fund", "--prefix", folder, PYODIDE, cwd=folder)

    # Tests.

    def tests(self, version: str) -> Result:
        """Run the README's test command; measure branches on one Python, shuffle on another."""
        measure = ["-m", "coverage", "run", f"--data-file={self.work / 'coverage'}"]
        how = measure if version == MEASURED else []
        command = (self.python(version), "-W", "error", *how, "-m", "unittest", "-v")
        if version != self.newest:
            return counted(attempt(*command), SKIPS)
        seed = os.environ.get("ASYNCZ_TEST_SEED") or str(random.randrange(100_000))
        result = counted(attempt(*command, more={"ASYNCZ_TEST_SEED": seed}), SKIPS)
        return result._replace(text=f"{result.text}\nASYNCZ_TEST_SEED={seed}")

    def two_files(self, version: str) -> Result:
        """Run the README's test command where its reader does: with nothing but the two files."""
        folder = self._copy("two_files", "asyncz.py", "test_asyncz.py")
        command = (self.python(version), "-W", "error", "-m", "unittest", "-v")
        return counted(attempt(*command, cwd=folder), {**SKIPS, **SKIPS_OF_THE_COPY})

    def beside(self, version: str) -> Result:
        """Run there the tests of what is beside these two."""
        command = (self.python(version), "-W", "error", "-m", "unittest", "-v")
        return counted(attempt(*command, "-k", "Readme", "-k", "Module"), SKIPS)

    def mongodb(self, version: str) -> Result:
        """Run what a MongoDB server is for on one that speaks its protocol.

        It is a beta, and stops answering now and then: one of its threads ends with a lock in its
        hands. So this is a step of its own, and tried again, on another server, if it hangs; tests
        that fail are not.
        """
        if MONGO_VARIABLE not in (ROOT / "test_asyncz.py").read_text(encoding="utf-8"):
            raise Failure(f"test_asyncz.py does not look at {MONGO_VARIABLE}")
        tests = ("-W", "error", "-m", "unittest", "-v", "-k", "Mongo")
        hung = ""
        for _ in range(3):
            with self._mongo_server() as url:
                more = {MONGO_VARIABLE: url}
                done = attempt(self.python(version), *tests, timeout=90, more=more)
            if done.status != TIMED_OUT:
                break
            hung += "\nthe server hung, another one was started"
        result = counted(done, SKIPS)
        return result._replace(text=result.text + hung)

    def pypy(self) -> Result:
        """Run what does not need processes, or memory that is counted, on PyPy."""
        classes = chosen_classes(ROOT / "test_asyncz.py", PYPY_CLASSES)
        names = [f"test_asyncz.{name}" for name in classes]
        result = counted(attempt("pypy3", "-W", "error", "-m", "unittest", "-v", *names), SKIPS)
        return result._replace(text=f"{result.text}\n{', '.join(classes)}")

    @contextlib.contextmanager
    def _mongo_server(self) -> Iterator[str]:
        """Start a server for one run of tests, since one that two share answers too late."""
        program = self.work / "servers" / "bin" / "secantusd-py"
        port, folder = free_port(), Path(tempfile.mkdtemp(dir=self.work))
        address = ("--host", "127.0.0.1", "--port", str(port), "--storage-path", folder)
        with (folder / "log").open("w") as log:
            server = start(program, *address, stdout=log)
            try:
                wait_for_port(port, server, folder / "log")
                yield f"mongodb://127.0.0.1:{port}/"
            finally:
                stop(server)

    def coverage(self) -> Result:
        """Add up what the tests and their processes have run."""
        data = f"--data-file={self.work / 'coverage'}"
        command = (self.python(MEASURED), "-m", "coverage")
        run(*command, "combine", "--keep", data, *map(str, self.work.glob("coverage.*")))
        shown = run(*command, "report", data, "--skip-covered", "--precision=1", "--fail-under=0")
        run(*command, "report", data, f"--fail-under={LEAST_COVERAGE}")
        # Its warnings are about copies of the file that tests made, and removed.
        return Result(text="\n".join(re.findall(r"^asyncz\.py .*$", shown, re.MULTILINE)))

    # Faults, and what is proved.

    def soak(self) -> Result:
        """Kill, stop, freeze and cut off schedulers that share a store."""
        return Result(text=self._run_script("servers", "soak.py", "--short"))

    def script(self, name: str, *arguments: str) -> Result:
        """Run a script of this directory, and show its last lines."""
        said = self._run_script(MEASURED, name, *arguments)
        return Result(text="\n".join(said.strip().splitlines()[-10:]))

    def _run_script(self, environment: str, name: str, *arguments: str) -> str:
        if not (ROOT / ".ci" / name).exists():
            raise Failure(f"there is no .ci/{name}")
        return run(self.python(environment), "-W", "error", f".ci/{name}", *arguments)

    def browser(self) -> Result:
        """Run jobs, a store in memory and a simulation in Pyodide, under node."""
        return Result(text=run("node", ".ci/browser.mjs", self.work / "npm/node_modules/pyodide"))

    def frameworks(self) -> Result:
        """Run the scheduler in web frameworks, a notebook and a frozen program."""
        command = (self.python(MEASURED), "-W", "error", ".ci/frameworks.py", "-e", self.work)
        done = attempt(*command, timeout=300)
        passed = len(re.findall(r"^ok ", done.text, re.MULTILINE))
        failed = len(re.findall(r"^FAILED ", done.text, re.MULTILINE))
        return Result(passed, failed or bool(done.status), 0, done.text)

    # Types, lint, format.

    def mypy(self) -> None:
        """The module is typed strictly, for mypy."""
        run(self.tool("mypy"), "--strict", "asyncz.py")

    def pyright(self) -> None:
        """The module is typed strictly, for pyright."""
        run(self.tool("pyright"), "--project", "pyproject.toml")

    def ruff_check(self) -> None:
        """Nothing of what ruff knows is wrong."""
        run(self.tool("ruff"), "check", "--no-cache", ".")

    def ruff_format(self) -> None:
        """Everything is formatted."""
        run(self.tool("ruff"), "format", "--no-cache", "--check", ".")

    # What somebody does who takes the file.

    def newcomer(self, version: str) -> None:
        """Do what a newcomer does: the demo, in a directory with the one file."""
        folder, python = self._copy(f"newcomer-{version}", "asyncz.py"), self.python(version)
        run(python, "-W", "error", "asyncz.py", "demo", cwd=folder)
        question = ("*/5 9-17 * * mon-fri", "-n", "3", "-z", "Europe/Paris")
        run(python, "-W", "error", "-m", "asyncz", "next", *question, cwd=folder)
        left = {path.name for path in folder.iterdir()} - {"asyncz.py", "__pycache__"}
        if left:
            raise Failure(f"left behind: {sorted(left)}")

    def installs(self, version: str) -> None:
        """Install the package from a copy, since a build leaves directories behind."""
        source = self._copy(f"source-{version}", "asyncz.py", "pyproject.toml", "README.md")
        environment = self.work / f"installed-{version}"
        self._make_environment(version, environment, str(source))
        python = environment / "bin" / "python"
        run(python, "-c", "import asyncz.schedulers.asyncio", cwd=self.work)

    def four_files(self) -> None:
        """The top level has four files, beside those with a dot."""
        # The checkout may be somebody else's, and git refuses such a one.
        listed = run("git", "-c", "safe.directory=*", "ls-files").splitlines()
        visible = {name for name in listed if "/" not in name and not name.startswith(".")}
        if visible != FOUR_FILES:
            raise Failure(f"there are {sorted(visible)}, not {sorted(FOUR_FILES)}")

    def _copy(self, name: str, *files: str) -> Path:
        folder = self.work / name
        folder.mkdir()
        for file in files:
            shutil.copy(ROOT / file, folder)
        return folder


# --- Pythons, ports, classes ---


def pyenv_versions() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


def minor_of(version: str) -> int:
    return int(version.split(".")[1])


def found_pythons() -> dict[str, str]:
    """Return the Pythons of pyenv from 3.9 on, by their minor version; of two, the later patch."""
    ask = "import sys; print('%d.%d %d' % sys.version_info[:3])"
    found: list[tuple[int, str, str]] = []
    for python in pyenv_versions().glob("3.*/bin/python"):
        done = attempt(python, "-c", ask)
        if not done.status:
            version, patch = done.text.split()
            found.append((int(patch), version, str(python)))
    return {version: python for _, version, python in sorted(found) if minor_of(version) >= 9}


def chosen_classes(path: Path, patterns: tuple[str, ...]) -> list[str]:
    """Return the names of the test classes of a file that a pattern finds, each at least one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    names = [name for name in names if name.startswith("Test")]
    idle = [pattern for pattern in patterns if not any(re.search(pattern, name) for name in names)]
    if idle:
        raise Failure(f"no test class of {path.name} has a name with {', '.join(idle)}")
    return [name for name in names if re.search("|".join(patterns), name)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for_port(port: int, server: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise Failure(f"the server did not start\n{log.read_text()}")


# --- Programs ---


class Done(NamedTuple):
    """A program that has ended, with what it said."""

    status: int
    text: str


TIMED_OUT = -100  # as a status; those of signals are -1 to -64
STARTED: set[subprocess.Popen[str]] = set()  # what has to be stopped if this program is
LEAVING = threading.Event()  # set when nothing may be started any more


def start(
    *command: object, stdout: IO[str], cwd: Path = ROOT, more: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program in a group of its own, so that it can be stopped with all it has started."""
    if LEAVING.is_set():
        raise Failure("stopped")
    try:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
    except OSError as error:
        raise Failure(f"{command[0]}: {error}") from None
    STARTED.add(process)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """End a program, first politely, and all that is left of its group."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.terminate()
        process.wait(10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    STARTED.discard(process)


def attempt(
    *command: object, timeout: float = 900, cwd: Path = ROOT, more: dict[str, str] | None = None
) -> Done:
    """Run a program and return how it ended; one that takes too long is stopped, and has failed."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = start(*command, cwd=cwd, stdout=log, more=more)
        try:
            status, end = process.wait(timeout), ""
        except subprocess.TimeoutExpired:
            status, end = TIMED_OUT, f"\nstopped: it took more than {timeout:.0f} s"
        stop(process)
        log.seek(0)
        return Done(status, log.read() + end)


def run(*command: object, cwd: Path = ROOT) -> str:
    """Run a program that has to succeed, and return what it said."""
    done = attempt(*command, cwd=cwd)
    if done.status:
        raise Failure(f"{done.text}\nexit status {done.status}: {' '.join(map(str, command))}")
    return done.text


# --- Counts ---


def counted(done: Done, skips: dict[str, str]) -> Result:
    """Count the tests of a run of unittest; a skip for a reason that is not listed is a failure."""
    ran = last_number(r"^Ran (\d+) tests? in ", done.text)
    bad = sum(
        last_number(rf"^FAILED \(.*\b{kind}=(\d+)", done.text)
        for kind in ("failures", "errors", "unexpected successes")
    )
    skipped = last_number(r"^(?:OK|FAILED) \(.*skipped=(\d+)", done.text)
    reasons = re.findall(r"skipped (['\"].*['\"])$", done.text, re.MULTILINE)
    fine = sum(any(re.search(pattern, reason) for pattern in skips) for reason in reasons)
    unlisted = max(0, skipped - fine)
    if bad == 0 and (done.status or not ran):
        bad = 1  # it was killed, or has not begun
    said = f"{ran} ran, {bad} failed, {skipped} skipped"
    passed = max(0, ran - bad - skipped)
    if not bad and not unlisted:
        return Result(passed, 0, skipped, said)
    lines = re.findall(r"^(?:FAIL|ERROR): .*$", done.text, re.MULTILINE)
    if unlisted:
        lines += ["a skip is a failure here:", *reasons]
    details = done.text[done.text.find("\n=====") + 1 :] if "\n=====" in done.text else done.text
    text = "\n".join([said, *dict.fromkeys(lines[:60]), last_lines(details)])
    return Result(passed, bad + unlisted, skipped - unlisted, text)


def last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text, re.MULTILINE)
    return int(found[-1]) if found else 0


def last_lines(text: str) -> str:
    lines = [line[:400] for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.endswith("... ok")]  # of tests that passed
    return "\n".join(lines[-60:])


class Report:
    """Prints how each step went, and counts."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0
        self._lock = threading.Lock()

    def run(self, step: Step) -> None:
        began = time.monotonic()
        try:
            result = step.check(*step.arguments) or Result()
        except Failure as failure:
            result = Result(0, 1, 0, last_lines(str(failure)))
        except Exception as error:  # of ours; the other steps are still of interest
            result = Result(0, 1, 0, f"{type(error).__name__}: {error}")
        with self._lock:
            self.passed += result.passed
            self.failed += result.failed
            self.skipped += result.skipped
            word = "FAILED" if result.failed else "ok"
            print(f"{word:7} {step.name} ({time.monotonic() - began:.0f} s)")
            for line in filter(str.strip, result.text.splitlines()):
                print(f"        {line}")
            sys.stdout.flush()


def prepare_environment() -> None:
    """Set what all programs that are started here inherit."""
    for name in ("TZ", "PYTHONPATH", "PYTHONTZPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        os.environ.pop(name, None)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # the checkout stays as it is
    os.environ["PIP_DISABLE_PIP_VERSION_CHECK"] = os.environ["PIP_NO_INPUT"] = "1"
    os.environ["PIP_ROOT_USER_ACTION"] = "ignore"
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"


def leave_now(folder: str) -> None:
    """End without waiting for what is running, and leave nothing behind."""
    LEAVING.set()
    for process in list(STARTED):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def main() -> int:
    prepare_environment()
    began, report, words = time.monotonic(), Report(), sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="asyncz-ci-", ignore_cleanup_errors=True) as folder:
        signal.signal(signal.SIGTERM, lambda *_: leave_now(folder))
        checks = Checks(Path(folder))
        print(f"Pythons: {', '.join(checks.versions) or 'none'}", flush=True)
        for phase in plan(checks):
            steps = [
                step
                for step in phase.steps
                if phase.prepares or not words or any(word in step.name for word in words)
            ]
            with ThreadPoolExecutor(phase.at_a_time) as pool:
                list(pool.map(report.run, steps))
        print(f"Took {time.monotonic() - began:.0f} s.")
        counts = f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped"
        print(counts, flush=True)  # the last line; to remove the directory takes a while
    return bool(report.failed)


if __name__ == "__main__":
    sys.exit(main())
