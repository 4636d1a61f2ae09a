"""Nights without a Prefect server, each a process of its own: builds, with faults where asked for.

The parent imports once and forks for every night, because importing takes seconds and there are many faults.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (  # by every night; pyarrow looks for pandas where it is installed
    *("flows.build_dataset", "flows.steps", "tasks.judge.rounds", "tasks.report.charts"),
    *("tasks.versions.publish", "tasks.versions.tidy", "pandas"),
)
EPOCH = "1795399200"  # of every night: the same moment, so that versions are equal byte for byte


def main():
    """Reads orders, one JSON a line: start a night, or wait for one."""
    for name in (*NEEDED, *sys.argv[1:]):
        import_module(name)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            print(os.waitstatus_to_exitcode(os.waitpid(order["wait"], 0)[1]), flush=True)
        elif pid := os.fork():
            print(pid, flush=True)
        else:
            _night(order)


def _night(order):
    os.setsid()
    with Path(order["log"]).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(order["environment"])
    from flows.build_dataset import build_dataset
    from manifests.words import PalmforgeError
    from tasks.work.logs import set_up_logging

    set_up_logging()
    if order["fault"]:
        _install(**order["fault"])
    code = 0
    try:
        print("version", build_dataset(order["recipe"], order["overrides"]), flush=True)
    except Exception as error:
        if not isinstance(error, PalmforgeError):
            import traceback

            traceback.print_exc()
        print(f"error: {error}", flush=True)
        code = 1
    sys.stdout.flush()
    os._exit(code)


def _install(at, call=1, do="SIGKILL"):
    """Before call number `call` of the function "module:name" the process sends itself a signal."""
    from itertools import count

    module, _, path = at.partition(":")
    owner = import_module(module)
    *parts, name = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    plain, calls = getattr(owner, name), count(1)

    def faulty(*arguments, **options):
        if next(calls) == call:
            os.kill(os.getpid(), getattr(signal, do))
        return plain(*arguments, **options)

    setattr(owner, name, faulty)


@dataclass
class Night:
    """A night under way, or over."""

    nights: "Nights"
    pid: int
    log: Path

    def wait(self):
        """Its exit code; minus the signal that killed it."""
        return int(self.nights.ask({"wait": self.pid}))

    @property
    def output(self):
        return self.log.read_text()

    def workers(self):
        """Process ids of the pool's workers."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
                command = (status.parent / "cmdline").read_text()
            except OSError:
                continue
            if int(fields[1]) == self.pid and "spawn_main" in command:
                found.append(int(status.parent.name))
        return found


class Nights:
    """Starts nights; `modules` are imported before the first one, for all of them."""

    def __init__(self, folder, *modules):
        self.folder = folder
        command = [sys.executable, "-m", "tests.helpers.one_night", *modules]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(folder / "prefect")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)
        self.count = 0

    def ask(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def start(self, recipe, *overrides, fault=None, **environment):
        self.count += 1
        log = self.folder / f"night-{self.count}.log"
        order = {"recipe": str(recipe), "overrides": list(overrides), "fault": fault, "log": str(log)}
        order["environment"] = {"SOURCE_DATE_EPOCH": EPOCH, **environment}
        return Night(self, int(self.ask(order)), log)

    def run(self, *arguments, **options):
        """The output of a night that ends well."""
        night = self.start(*arguments, **options)
        code = night.wait()
        assert code == 0, night.output
        return night.output

    def killed(self, recipe, at, call=1, **options):
        """A night that kills itself at a place."""
        night = self.start(recipe, fault={"at": at, "call": call}, **options)
        assert night.wait() == -signal.SIGKILL, night.output

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Reader:
    """Reads LATEST over and over and verifies what it names, as a training job might at any moment."""

    home: Path
    seen: dict = field(default_factory=dict)
    wrong: list = field(default_factory=list)

    def __enter__(self):
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._poll)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        assert not self.wrong, self.wrong

    def _poll(self):
        from manifests.tools.verify import verify

        while not self.ended.is_set():
            try:
                if (self.home / "LATEST").exists():
                    findings = verify(self.home)
                    self.seen[findings.path.name] = self.seen.get(findings.path.name, 0) + 1
                    if not findings.ok:
                        self.wrong.append(str(findings))
            except Exception as error:
                self.wrong.append(repr(error))
            time.sleep(0.02)


def files(home):
    """Every file of the newest version, but those that tell how long it took and what they weigh."""
    version = home / (home / "LATEST").read_text().strip()
    timed = ("report.html", "croissant.json", "SHA256SUMS")
    return {
        p.relative_to(home).as_posix(): p.read_bytes()
        for p in sorted(version.rglob("*"))
        if p.is_file() and p.name not in timed
    }


if __name__ == "__main__":
    main()
