"""Kills a flow run and its worker, and tells how long until the heartbeat automation marks the run Crashed.

Run: python -m bench.running.heartbeat (a server of its own in a temporary folder; some five minutes)
"""

import os
import tempfile
import time
from pathlib import Path

from tests.helpers.servers.deployed import Server, kill_holder, wait_for

SIZE = {"identities": 4000, "captures": 4, "size": 96, "views": ["palm"], "shard_identities": 10}
PATIENCE = 420  # seconds


def main() -> None:
    """Start a long run, kill it after its first heartbeat, wait: nothing of ours is left but the server."""
    folder = Path(tempfile.mkdtemp(prefix="palmforge-heartbeat-"))
    os.environ["PREFECT_HOME"] = str(folder / "prefect")
    server = Server(folder)
    os.environ["PREFECT_API_URL"] = server.api
    try:
        server.deploy()
        server.run("build-dataset/quickstart", **{**server.tiny("long"), "dataset": SIZE})
        beat = {"event": {"prefix": ["prefect.flow-run.heartbeat"]}}
        wait_for(lambda: server.read("events/filter", filter=beat, limit=1)["events"], "no heartbeat came")
        server.kill("worker")
        for file in (folder / "prefect" / "palmforge-runs").iterdir():
            kill_holder(file)
        killed = time.monotonic()
        running = {"state": {"type": {"any_": ["RUNNING"]}}}
        wait_for(lambda: not server.read("flow_runs/filter", flow_runs=running), "still running", PATIENCE)
        (run,) = server.read("flow_runs/filter")
        print(f"{run['state']['type']} after {time.monotonic() - killed:.0f} s: {run['state']['message']}")
    finally:
        server.kill("worker", "server")


if __name__ == "__main__":
    main()
