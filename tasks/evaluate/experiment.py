"""Evaluate: one recogniser, one budget, trained on each of several sets and tested on palms it never saw."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.files.layout import LATEST, MANIFEST
from palm_models.measure.encoder import Augmentation, EncoderConfig, Training, train
from palm_models.measure.identification import identification
from palm_models.measure.scores import compare, error_rates
from tasks.evaluate.known import Reading, of_known
from tasks.evaluate.labelled import Labelled, of_renderer, of_version
from tasks.evaluate.sets.folder import PATTERN
from tasks.photographs.sources.found import SourceError
from tasks.workers.parallel import available_cores, in_order

RENDERER = "renderer"
HELD_OUT = (40, 6)  # identities and captures of the rendered test set
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Budget:
    """What every recogniser gets, whatever it is trained on. The same budget gives the same figures."""

    steps: int = 240
    batch: int = 64
    size: int = 96  # px, side of the grey palms
    width: int = 16  # channels of the network's first stage
    augment: bool = True
    seeds: int = 3
    seed: int = 0  # of the first recogniser; the others follow


@dataclass(frozen=True)
class Question:
    """What is compared with what. Names of sets: a version or dataset folder, `renderer`, or known people.

    Known people: NAME:DIR, NAME@DEVICE:DIR (of tasks/evaluate/sets), a folder, or a CSV.
    """

    dataset: str
    real: tuple[str, ...] = ()  # known people to test on, beside the rendered test set
    against: tuple[str, ...] = (RENDERER,)  # further sets to train on
    curve: tuple[int, ...] = ()  # numbers of identities to train on
    identities: int = 0  # trained on at most; 0 = all of the train split
    budget: Budget = Budget()
    roi: bool | None = None  # known people are regions of interest; None = as set and pictures say
    turn: int | None = None  # degrees clockwise that bring the fingers of regions up; None = as the set says
    id_pattern: str = PATTERN
    work: str = ".palmforge/evaluate"  # aligned photographs, local
    workers: int = 0  # processes; 0 = one a core; the figures do not depend on it


@dataclass(frozen=True)
class _Job:
    """One recogniser: trained on `palms`, asked for the vectors of `tests`."""

    palms: Labelled
    tests: tuple[NDArray[np.uint8], ...]
    budget: Budget
    seed: int


def answer(question: Question, progress: Progress) -> dict[str, Any]:
    """Train and test; JSON-able, and the same for the same question, sets and machine.

    Raises DatasetError, SourceError or RecipeError when a set cannot be read.
    """
    q, quiet = question, lambda *_: None
    first = of_version(Path(q.dataset), q.budget.size).first(q.identities)
    if first.identities < 2:
        raise SourceError("too_few_identities", f"{q.dataset}: fewer than two identities in split train")
    tests = [of_known(name, _reading(q), quiet) for name in q.real]
    rendered = of_renderer("test", q.budget.seed, *HELD_OUT, q.budget.size)
    tests.append(replace(rendered, name="rendered hands"))
    sets = [first, *(_set(name, q, first, quiet) for name in q.against)]
    counts = sorted({n for n in q.curve if 2 <= n <= first.identities})
    asked = [*sets, *(first.first(n) for n in counts)]
    seeds = range(q.budget.seed, q.budget.seed + q.budget.seeds)
    jobs = [_Job(palms, tuple(t.grey for t in tests), q.budget, seed) for palms in asked for seed in seeds]
    vectors = []
    progress(0, len(jobs))
    for found in in_order(_vectors, jobs, min(q.workers or available_cores(), len(jobs)), _died):
        vectors.append(found)
        progress(len(vectors), len(jobs))
    results = [
        {**_about(palms), "results": _results(tests, vectors[k * len(seeds) : (k + 1) * len(seeds)])}
        for k, palms in enumerate(asked)
    ]
    return {
        "dataset": first.name,
        "budget": asdict(q.budget),
        "tests": [_about(test) for test in tests],
        "trained": results[: len(sets)],
        "curve": results[len(sets) :],
    }


def _set(name: str, q: Question, like: Labelled, quiet: Progress) -> Labelled:
    """A set to train on beside the dataset, of as many identities and captures where it has them."""
    if name == RENDERER:
        return of_renderer("train", q.budget.seed, like.identities, like.captures, q.budget.size)
    if any((Path(name) / file).is_file() for file in (LATEST, MANIFEST)):
        return of_version(Path(name), q.budget.size).first(q.identities)
    return of_known(name, _reading(q), quiet)


def _reading(q: Question) -> Reading:
    return Reading(q.budget.size, Path(q.work), q.roi, q.turn, q.id_pattern, q.workers)


def _vectors(job: _Job) -> list[NDArray[np.float32]]:
    from palm_models.engines.threads import one_thread  # costly: torch

    b = job.budget
    augment = Augmentation() if b.augment else None
    plan = Training(steps=b.steps, batch=b.batch, augment=augment, seed=job.seed)
    classes = np.unique(job.palms.labels, return_inverse=True)[1]
    with one_thread():  # the figures must not depend on the number of threads
        encoder = train(job.palms.grey, classes, plan, EncoderConfig(size=b.size, width=b.width))
        return [encoder.embed(test) for test in job.tests]


def _died(job: _Job) -> list[NDArray[np.float32]]:
    raise SourceError(
        "recogniser_died", f"training on {job.palms.name} ran out of memory: use fewer workers or identities"
    )


def _about(palms: Labelled) -> dict[str, Any]:
    return {
        "name": palms.name, "identities": palms.identities, "images": len(palms.grey), "note": palms.note,
        "rejects": [list(reject) for reject in palms.rejects],
    }  # fmt: skip


def _results(tests: Sequence[Labelled], runs: Sequence[list[NDArray[np.float32]]]) -> list[dict[str, Any]]:
    """For each test: closed-set and open-set identification, and verification, over the runs."""
    found = []
    for k, test in enumerate(tests):
        vectors = [run[k] for run in runs]
        rates = error_rates([compare(v, test.labels) for v in vectors])
        found.append(
            {"test": test.name, "identification": identification(vectors, test.labels), "verification": rates}
        )
    return found
