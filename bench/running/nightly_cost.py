"""What a night without changes costs beside an empty Prefect flow: both in fresh processes, by turns.

    python -m bench.running.nightly_cost --rounds 9

Both talk to one local server, which this script starts and stops. The recipe is datasets/nightly.toml with
few identities and without growth: such a night looks at the recipe, the inputs and LATEST, not at pictures.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flows.server.deploy import is_up

ROOT = Path(__file__).resolve().parents[2]
EMPTY = "from prefect import flow\n\n@flow\ndef empty() -> None: ...\n\nempty()"
NIGHT = "import sys\nfrom flows.deployed import build_dataset\n\nbuild_dataset(sys.argv[1], sys.argv[2:])"


def main() -> None:
    """Start the server, compare, stop the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.close()
        api = f"http://127.0.0.1:{port}/api"
        environment = {**os.environ, "PREFECT_HOME": folder, "PREFECT_API_URL": api, "PYTHONPATH": str(ROOT)}
        start = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(start, env=environment, **quiet)
        try:
            while not is_up(api):
                time.sleep(0.5)
            compare(Path(folder), environment, rounds)
        finally:
            server.terminate()
            server.wait()


def compare(folder: Path, environment: dict[str, str], rounds: int) -> None:
    """Print seconds of both and their ratio."""
    changes = [f"out={folder / 'out'}", f"work={folder / 'work'}"]
    changes += ["dataset.identities=4", "dataset.captures=1", "nightly.add_identities=0"]
    night = [NIGHT, "datasets/nightly.toml", *changes]
    print(f"the first night, which builds: {seconds(night, environment):.2f} s")
    times: dict[str, list[float]] = {"empty": [], "night": []}
    for _ in range(rounds):
        times["empty"].append(seconds([EMPTY], environment))
        times["night"].append(seconds(night, environment))
    middle = {name: statistics.median(values) for name, values in times.items()}
    ratios = [b / a for a, b in zip(times["empty"], times["night"], strict=True)]
    print(f"medians of {rounds}: empty flow {middle['empty']:.2f} s, no-change night {middle['night']:.2f} s")
    print(f"ratio of pairs: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


def seconds(script: list[str], environment: dict[str, str]) -> float:
    """Wall time of a Python process that runs the script."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", *script], cwd=ROOT, env=environment, check=True, capture_output=True
    )
    return time.monotonic() - began


if __name__ == "__main__":
    main()
