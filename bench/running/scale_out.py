"""Two Dask worker processes beside one: images a second of the renderer, in turns, and equal bytes.

Run: python -m bench.running.scale_out [--identities 96] [--captures 10] [--rounds 3] [--size 128]
"""

import argparse
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from manifests.recipe import Recipe, parse
from tasks.draw.shards import generate


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A scheduler and that many worker processes of one thread; yields the scheduler's address."""
    folder.mkdir(parents=True)
    file = folder / "scheduler.json"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    where = ["--scheduler-file", str(file)]
    one = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder), *where]
    started = [
        subprocess.Popen(
            [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *where],
            **quiet,
        ),
        *(subprocess.Popen([*dask, "worker", *one], **quiet) for _ in range(workers)),
    ]
    try:
        while not file.exists():
            time.sleep(0.1)
        from distributed import Client

        with Client(scheduler_file=str(file)) as client:
            client.wait_for_workers(workers, timeout=120)
            address: str = client.scheduler.address
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def draw(recipe: Recipe, work: Path) -> tuple[float, str]:
    """Seconds of drawing into an empty work folder, and a digest of all shards."""
    began = time.perf_counter()
    shards = generate(recipe.model_copy(update={"work": str(work)}), None, lambda *_: None).shards
    seconds = time.perf_counter() - began
    return seconds, hashlib.sha256(b"".join(p.read_bytes() for p in shards)).hexdigest()[:16]


def main() -> None:
    """Rounds of one and of two workers in turn; the first of each warms up: workers load their engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=96)
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    shape = {"identities": options.identities, "captures": options.captures, "size": options.size}
    images = options.identities * options.captures
    seconds: dict[int, list[float]] = {1: [], 2: []}
    digests = set()
    with tempfile.TemporaryDirectory(prefix="palmforge-dask-") as name:
        root = Path(name)
        with cluster(root / "one", 1) as one, cluster(root / "two", 2) as two:
            for number in range(options.rounds + 1):
                for count, address in ((1, one), (2, two)):
                    engine = {"runner": "dask", "dask_address": address}
                    recipe = parse(
                        {"name": "x", "engine": engine, "dataset": {**shape, "shard_identities": 4}}
                    )
                    took, digest = draw(recipe, root / f"work-{number}-{count}")
                    digests.add(digest)
                    if number:
                        seconds[count].append(took)
                        print(f"{count} worker(s): {images / took:.1f} images a second", flush=True)
    ratios = [a / b for a, b in zip(seconds[1], seconds[2], strict=True)]
    print(
        f"two workers / one: {statistics.median(ratios):.2f} (median of {[round(r, 2) for r in ratios]}), "
        f"equal bytes: {len(digests) == 1}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
