"""Trainings by digest: what a recogniser taught by one set says of real palms, kept and never run twice."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.yardstick.networks import NETWORKS
from bench.yardstick.real import real_sets
from bench.yardstick.sets import read_set
from bench.yardstick.training import Plan, fit, strong
from palm_models.measure.encoder import to_grey

VERSION = 2  # of the figures: raise it when a training of the same settings would give others


@dataclass(frozen=True)
class Job:
    """One training, and where the palms that judge it come from."""

    taught: Path
    augmented: bool
    plan: Plan
    network: str
    size: int
    identities: int
    captures: int
    real: Path
    cache: Path


@dataclass(frozen=True)
class Outcome:
    """Unit vectors of each real set's palms, and how the training went."""

    vectors: dict[str, NDArray[np.float32]]
    facts: dict[str, Any]


def run_jobs(jobs: Sequence[Job], processes: int) -> list[Outcome]:
    """The outcomes in the order of the jobs; processes of one thread each."""
    if processes < 2 or len(jobs) < 2:
        return [run_job(job) for job in jobs]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return list(pool.map(run_job, jobs))


def run_job(job: Job) -> Outcome:
    """Train and look at the real palms, unless that was done before."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    taught = read_set(job.taught, job.size, job.identities, job.captures)
    tests = {palms.name: to_grey(palms.x, job.size) for palms in real_sets(job.real, job.cache, job.size)}
    digest = hashlib.sha256(repr((VERSION, job.augmented, job.plan, job.network)).encode())
    for array in (taught.x, taught.y, *tests.values()):
        digest.update(np.ascontiguousarray(array).data)
    kept = job.cache / "trained" / f"{digest.hexdigest()[:24]}.npz"
    if not kept.is_file():
        make, dim = NETWORKS[job.network]
        trained = fit(taught, lambda: make(job.size), dim, job.plan, strong if job.augmented else None)
        facts = {
            "identities": int(taught.y.max()) + 1, "images": len(taught.y), "converged": trained.converged,
            "steps": trained.steps, "seconds": round(trained.seconds, 1),
            "cpu_seconds": round(trained.cpu_seconds, 1), "trace": trained.trace,
        }  # fmt: skip
        arrays: dict[str, Any] = {f"v {name}": trained.recogniser.embed(x) for name, x in tests.items()}
        arrays["facts"] = np.array(json.dumps(facts))
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_name(f".{kept.name}")
        with unfinished.open("wb") as file:
            np.savez(file, **arrays)
        unfinished.replace(kept)
    stored = np.load(kept)
    found = {name[2:]: stored[name] for name in stored.files if name.startswith("v ")}
    return Outcome(found, json.loads(str(stored["facts"])))
