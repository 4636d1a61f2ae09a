"""How a build grows with its number of images: wall time, what of it is not drawing, memory, task runs.

Run: python -m bench.running.scale [--images 1000 10000 100000] [--workers 2] [--plan 1000000]
Each size is built by `palmforge build` against one Prefect server, in a folder that is deleted afterwards.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

CAPTURES, SIZE, SHARD = 10, 64, 40  # images of an identity, pixels, identities of a shard
RECIPE = """
name = "scale"
seed = 1
out = "{folder}/out"
work = "{folder}/work"
[engine]
workers = {workers}
[dataset]
identities = {identities}
captures = {captures}
size = {size}
shard_identities = {shard}
"""
COMMAND = "import sys; from flows.cli.main import main; main(sys.argv[1:])"


class Memory(threading.Thread):
    """Peak resident bytes of a process and of the largest of its spawned workers."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.main, self.worker, self.process = 0, 0, psutil.Process(pid)

    def run(self) -> None:
        """Look four times a second until the process is gone."""
        while True:
            try:
                self.main = max(self.main, self.process.memory_info().rss)
                children = self.process.children(recursive=True)
            except psutil.Error:
                return
            self.worker = max([self.worker, *map(_worker_bytes, children)])
            time.sleep(0.25)


def _worker_bytes(child: psutil.Process) -> int:
    try:
        return int(child.memory_info().rss) if "spawn_main" in " ".join(child.cmdline()) else 0
    except psutil.Error:
        return 0


@contextmanager
def server(home: Path) -> Iterator[str]:
    """A Prefect server of its own; yields its API's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{api}/health").close()
                break
            except OSError:
                time.sleep(0.5)
        yield api
    finally:
        process.terminate()
        process.wait()


def task_runs(api: str) -> int:
    """Task runs that the server knows."""
    request = urllib.request.Request(f"{api}/task_runs/count", b"{}", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return int(answer.read())


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, Memory, str]:
    """Seconds, memory and output of a palmforge command."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )
    memory = Memory(process.pid)
    memory.start()
    output = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"palmforge {' '.join(arguments)} failed:\n{output}")
    return time.perf_counter() - began, memory, output


def build(images: int, workers: int, api: str, options: list[str]) -> dict[str, object]:
    """Build that many images and measure."""
    folder = Path(tempfile.mkdtemp(prefix="palmforge-scale-"))
    try:
        identities = images // CAPTURES
        recipe = folder / "scale.toml"
        shape = {"captures": CAPTURES, "size": SIZE, "shard": SHARD}
        recipe.write_text(RECIPE.format(folder=folder, workers=workers, identities=identities, **shape))
        before = task_runs(api)
        environment = {**os.environ, "PREFECT_API_URL": api, "PREFECT_HOME": str(folder / "prefect")}
        wall, memory, _ = timed(["build", str(recipe), *options], environment)
        facts = [json.loads(f.read_text())["facts"] for f in folder.glob("work/shards/*/*/DONE.json")]
        drawing = sum(fact["engine_seconds"] for fact in facts) / workers
        working = sum(fact["seconds"] for fact in facts) / workers
        return {
            "images": sum(fact["images"] for fact in facts),
            "wall_s": round(wall, 1),
            "engine_s": round(drawing, 1),
            "beside_the_engine_percent": round(100 * (1 - drawing / wall), 1),
            "encoding_and_shards_s": round(working - drawing, 1),
            "publishing_and_starting_s": round(wall - working, 1),
            "main_peak_mib": memory.main >> 20,
            "worker_peak_mib": memory.worker >> 20,
            "task_runs": task_runs(api) - before,
            "load": os.getloadavg()[0],
        }
    finally:
        shutil.rmtree(folder)


def plan(images: int, workers: int) -> dict[str, object]:
    """Plan that many images, build none."""
    folder = Path(tempfile.mkdtemp(prefix="palmforge-scale-"))
    recipe = folder / "scale.toml"
    shape = {"captures": CAPTURES, "size": SIZE, "shard": SHARD, "identities": images // CAPTURES}
    recipe.write_text(RECIPE.format(folder=folder, workers=workers, **shape))
    wall, memory, output = timed(["plan", str(recipe)], dict(os.environ))
    shutil.rmtree(folder)
    said = re.search(r"= (\d+) images", output)
    assert said and int(said[1]) == images, output
    return {"planned": images, "wall_s": round(wall, 1), "main_peak_mib": memory.main >> 20}


def main() -> None:
    """Plan, then build each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--plan", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--workers", type=int, default=2)
    options, further = parser.parse_known_args()
    for images in options.plan:
        print(json.dumps(plan(images, options.workers)), flush=True)
    if not options.images:
        return
    home = Path(tempfile.mkdtemp(prefix="palmforge-prefect-"))
    with server(home) as api:
        for images in options.images:
            print(json.dumps(build(images, options.workers, api, further)), flush=True)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
