"""A real Prefect server with worker and deployments, in a home of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path

from flows.server.deploy import deploy

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60  # seconds for a server whose database is locked


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """Its API is at `api`; what it and its worker write lies in `logs`."""

    def __init__(self, folder):
        self.folder, self.logs = folder, folder / "logs"
        self.api = f"http://127.0.0.1:{free_port()}/api"

    def deploy(self):
        return deploy(self.api, self.logs)

    def kill(self, *names):
        for name in names:
            file = self.logs / f"{name}.pid"
            if file.exists():
                os.killpg(int(file.read_text()), signal.SIGKILL)
                file.unlink()

    def prefect(self, *arguments, code=0):
        command = [sys.executable, "-m", "prefect", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, name, *options, code=0, **changes):
        """What `prefect deployment run name` says, with changes of the recipe."""
        given = ["-p", f"changes={json.dumps(changes)}"] if changes else []
        return self.prefect("deployment", "run", name, *given, *options, code=code)

    def begin(self, name, **changes):
        """Begin such a run as the command does, by the API: the HTTP status, and what a refusal says."""
        flow, _, deployment = name.partition("/")
        asked = {"deployments": {"name": {"any_": [deployment]}}, "flows": {"name": {"any_": [flow]}}}
        (found,) = self.read("deployments/filter", **asked)
        try:
            self.read(f"deployments/{found['id']}/create_flow_run", parameters={"changes": changes})
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        return 201, ""

    def read(self, path, **body):
        request = urllib.request.Request(
            f"{self.api}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        for _ in range(PATIENCE):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:  # Prefect's own client waits, too
                    raise
            time.sleep(1)
        raise AssertionError(f"{path}: the server is busy for {PATIENCE} s")

    def tiny(self, name, **more):
        """Changes that make a recipe small, in a folder of this server."""
        where = {"out": str(self.folder / name / "out"), "work": str(self.folder / name / "work")}
        size = {"identities": 2, "captures": 1, "size": 32, "views": ["palm"], "shard_identities": 1}
        return {
            **where,
            "gates": {"use": []},
            "dataset": size,
            "engine": {"name": "renderer", "workers": 1},
            **more,
        }


def wait_for(condition, what, seconds=300):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.2)
    return found


def kill_holder(file):
    """Kill the process that holds the file open, as kill -9 or a power cut would."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == file:
                os.kill(int(link.parts[2]), signal.SIGKILL)
        except OSError:
            continue
