"""Trains on every version that is published: a flow that Prefect starts by the event of the publication.

    PREFECT_API_URL=http://127.0.0.1:4200/api python examples/on_published.py    # serves until it is stopped

`palmforge build`, by hand or at night, emits `palmforge.version.published` with the path of the manifest.
"""

import subprocess
import sys
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.events import DeploymentEventTrigger

TRAINING = Path(__file__).resolve().with_name("train_recogniser.py")
EVENT = "palmforge.version.published"


@flow(name="train-on-published")
def train_on_published(manifest: str, out: str = "recognisers", steps: int = 300) -> str:
    """Train on the version that `manifest` belongs to, into `out`/<version>; returns that folder.

    In a process of its own, so that a training that dies takes nothing with it. A version that has its
    rates already is not trained on again: events come at least once.
    """
    version = Path(manifest).parent
    target = Path(out) / version.name
    if not (target / "rates.json").is_file():
        command = [sys.executable, str(TRAINING), str(version), "--out", str(target), "--steps", str(steps)]
        subprocess.run(command, check=True)
    get_run_logger().info("%s: %s", version.name, (target / "rates.json").read_text())
    return str(target)


if __name__ == "__main__":
    train_on_published.serve(
        name="on-published",
        triggers=[
            DeploymentEventTrigger(expect={EVENT}, parameters={"manifest": "{{ event.payload.manifest }}"})
        ],
    )
