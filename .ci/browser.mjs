// Run asyncz.py in Pyodide, as in a browser: no threads, no sockets, a loop that is JavaScript's.
//
//     npm install pyodide@0.29
//     node .ci/browser.mjs node_modules/pyodide [asyncz.py]
//
// Prints a line of counts for each check and what failed; exits 1 if anything did. A scheduler that
// stops silently is what this is for: its loop refuses a time that is past, and what is raised in
// a callback is only printed. So each check counts runs, and also what was printed.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const TRIALS = 10; // a timer that dies silently did so in two of three trials of two seconds
const module = process.argv[3] ?? fileURLToPath(new URL("../asyncz.py", import.meta.url));

const CHECKS = String.raw`
import asyncio, logging, sys, time, warnings
sys.path.insert(0, "/home/pyodide")
warnings.simplefilter("error")
import asyncz

class Heard(logging.Handler):
    """Keeps the records of the module's logger."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    def of(self, level):
        return [one.getMessage() for one in self.records if one.levelno >= level]

heard = Heard()
logging.getLogger("asyncz").addHandler(heard)
logging.getLogger("asyncz").propagate = False

async def many_coroutine_jobs():
    """Five coroutine jobs, each every 50 to 102 ms, run for two seconds without a stop."""
    latest, counts = {}, {}

    async def job(name):
        counts[name] = counts.get(name, 0) + 1
        latest[name] = time.monotonic()
        await asyncio.sleep(0.001)

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    steps = [0.050, 0.063, 0.076, 0.089, 0.102]
    for step in steps:
        scheduler.add_job(job, "interval", seconds=step, args=[step])
    with scheduler:
        await asyncio.sleep(2)
        ended = time.monotonic()
    assert not scheduler.running
    silent = {step: round(ended - latest.get(step, ended - 2), 2) for step in steps}
    assert max(silent.values()) < 0.7, f"no run for these seconds: {silent}, runs {counts}"
    assert sum(counts.values()) > 60, counts
    return sum(counts.values())

async def an_interval_job():
    """One job every tenth of a second, for two seconds, beside events and run_job."""
    runs, events = [], []

    async def job():
        runs.append(time.monotonic())
        return len(runs)

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    scheduler.add_listener(events.append, asyncz.JOB_EXECUTED)
    scheduler.start()
    scheduler.add_job(job, "interval", seconds=0.1, id="job")
    await asyncio.sleep(2)
    assert time.monotonic() - runs[-1] < 0.5, f"silent since run {len(runs)}"
    assert len(runs) >= 15, len(runs)
    scheduler.run_job("job")
    before = len(runs)
    await asyncio.sleep(0.05)
    assert len(runs) > before, "run_job did nothing"
    await scheduler.shutdown()
    assert len(events) >= 15, len(events)
    assert not heard.of(logging.ERROR), heard.of(logging.ERROR)
    return len(runs)

async def a_memory_store():
    """Jobs are listed, changed, paused, resumed and deleted; a second store too."""
    runs = []

    async def job(name):
        runs.append(name)

    stores = {"default": asyncz.MemoryStore(), "other": {"type": "memory"}}
    scheduler = asyncz.AsyncIOScheduler(timezone="UTC", stores=stores)
    scheduler.start()
    for number in range(20):
        store = "other" if number % 2 else "default"
        scheduler.add_job(job, "interval", hours=1, args=[number], id=str(number), store=store)
    assert len(scheduler.get_jobs()) == 20
    scheduler.update_job("1", next_run_time="now")
    scheduler.pause_job("2")
    assert scheduler.get_job("2").next_run_time is None
    scheduler.resume_job("2")
    assert scheduler.get_job("2").next_run_time is not None
    scheduler.delete_job("3")
    await asyncio.sleep(0.3)
    assert runs == [1], runs
    assert len(scheduler.get_jobs()) == 19
    await scheduler.shutdown()
    return 20

async def a_simulation():
    """simulate works while the loop runs, which is always; its sleeps take no time."""
    async def job():
        await asyncio.sleep(30)

    def plain():
        pass

    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(job, "cron", minute="*/5")
    scheduler.add_job(plain, "interval", hours=1)
    began = time.monotonic()
    events = asyncz.simulate(scheduler, "2026-01-01", "2026-01-02")
    assert time.monotonic() - began < 20
    assert {event.code for event in events} == {asyncz.JOB_EXECUTED}
    assert len(events) in (289 + 24, 289 + 25), len(events)
    return len(events)

async def plain_functions():
    """Plain functions run in place, with one WARNING, since there are no threads."""
    heard.records.clear()
    runs = []
    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(lambda: runs.append(time.monotonic()), "interval", seconds=0.1)
    scheduler.start()
    await asyncio.sleep(1)
    scheduler.add_job(lambda: runs.append(time.monotonic()), "interval", seconds=0.1)
    await asyncio.sleep(1)
    await scheduler.shutdown()
    said = heard.of(logging.WARNING)
    assert len(runs) >= 15, f"{len(runs)} runs; {len(said)} messages: {said[:1]}"
    assert len(said) == 1 and "thread" in said[0], said
    return len(runs)

async def a_persistent_store():
    """A store that needs threads says so in one sentence, and the scheduler stays stopped."""
    scheduler = asyncz.AsyncIOScheduler(timezone="UTC")
    try:
        scheduler.add_store(asyncz.SQLiteStore("/home/pyodide/jobs"))
        scheduler.start()
    except Exception as error:
        said = str(error)
    else:
        raise AssertionError("it starts")
    assert not scheduler.running, f"running, after {said!r}"
    assert "thread" in said and "SQLiteStore" in said, said
    assert "can't start new thread" not in said and "\n" not in said, said
    return 1
`;

// Each check with how often it is done.
const PLAN = {
  many_coroutine_jobs: TRIALS,
  an_interval_job: 2,
  a_memory_store: 3,
  a_simulation: 2,
  plain_functions: 1,
  a_persistent_store: 1,
};

const printed = [];
const place = resolve(process.argv[2] ?? "node_modules/pyodide");
const { loadPyodide } = await import(pathToFileURL(resolve(place, "pyodide.mjs")).href);
const pyodide = await loadPyodide({
  indexURL: place,
  stdout: (line) => printed.push(line),
  stderr: (line) => printed.push(line),
});
// An exception in a callback of Pyodide's loop goes to the console.
for (const name of ["error", "warn"]) console[name] = (...words) => printed.push(words.join(" "));
const version = pyodide.runPython("import sys; sys.version.split()[0]");
console.log(`Pyodide ${pyodide.version}, Python ${version}`);
pyodide.FS.writeFile("/home/pyodide/asyncz.py", readFileSync(module));
pyodide.runPython(CHECKS);

let failed = 0;

function indented(text) {
  return text.replace(/^/gm, "    ");
}

async function trial(name) {
  // Returns what went wrong, "" if nothing did, and a count.
  printed.length = 0;
  try {
    const count = await pyodide.runPythonAsync(`await ${name}()`);
    return [printed.join("\n"), count];
  } catch (error) {
    return [[error.message, ...printed].join("\n"), 0];
  }
}

for (const [name, times] of Object.entries(PLAN)) {
  const bad = [];
  let total = 0;
  for (let number = 0; number < times; number++) {
    const [wrong, count] = await trial(name);
    total += count;
    if (wrong) bad.push(wrong);
  }
  failed += bad.length;
  console.log(`${bad.length ? "FAILED" : "ok"} ${name}: ${times - bad.length} of ${times}, ${total} runs`);
  if (bad.length) console.log(indented(bad[0].split("\n").slice(-40).join("\n")));
}
console.log(`${failed} failed`);
process.exit(failed ? 1 : 0);
