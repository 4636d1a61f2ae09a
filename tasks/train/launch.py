"""Starts a training on several devices: a process each through `accelerate launch`, followed from here."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from manifests.words import PalmforgeError
from tasks.train.diffusion import Progress, TrainReport, TrainSettings, train
from tasks.workers.threads import ONE_THREAD

KEPT = 40  # last lines of the processes' output that an error shows


class LaunchError(PalmforgeError):
    """A training of several processes that ended badly; the message holds their last words."""


def launch(
    aligned: Path, out: Path, *, settings: TrainSettings, progress: Progress | None = None
) -> TrainReport:
    """`tasks.train.diffusion.train` on `settings.devices` processes: GPUs if there are enough, else the CPU.

    They end with this process. Raises LaunchError when one of them fails.
    """
    cuda = torch.cuda.device_count() >= settings.devices
    work = {"aligned": str(aligned), "out": str(out), "settings": asdict(settings), "parent": os.getpid()}
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1"),
        *("--num_processes", str(settings.devices), "--mixed_precision", "no", "--dynamo_backend", "no"),
        *("--multi_gpu" if cuda else "--cpu", "--main_process_port", "0", "-m", "tasks.train.launch"),
    ]
    root = Path(__file__).resolve().parents[2]
    search = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    environment = {**ONE_THREAD, **os.environ, "PYTHONPATH": search}
    process = subprocess.Popen(
        [*command, json.dumps(work)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    words, report = deque[str](maxlen=KEPT), dict[str, Any]()
    try:
        for line in process.stdout or ():
            said = _message(line)
            if "steps" in said and progress:
                progress(said["steps"], settings.steps)
            report = said.get("report", report)
            if not said:
                words.append(line)
        if process.wait() or not report:
            raise LaunchError(f"training on {settings.devices} devices failed:\n{''.join(words)}")
    finally:
        process.terminate()
        process.wait()
    return TrainReport(**{**report, "checkpoint": Path(report["checkpoint"])})


def _message(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _end_with(parent: int) -> None:
    """End this process when `parent` is gone: nobody would follow it."""

    def watch() -> None:
        while Path(f"/proc/{parent}").exists():
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: str) -> None:
    """One of the processes: train, and tell the one that follows."""
    work = json.loads(arguments)
    _end_with(work["parent"])
    first = os.environ.get("RANK", "0") == "0"

    def say(**message: Any) -> None:
        if first:
            print(json.dumps(message, default=str), flush=True)

    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in work["settings"].items()}
    report = train(
        Path(work["aligned"]),
        Path(work["out"]),
        settings=TrainSettings(**values),
        progress=lambda steps, _: say(steps=steps),
    )
    say(report=asdict(report))


if __name__ == "__main__":
    main(sys.argv[1])
