"""Puts every set's figures together: distances, and error rates on real palms beside two known floors."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.yardstick.baseline import renderer_of_first_release
from bench.yardstick.distances import Distances
from bench.yardstick.jobs import Job, Outcome, run_jobs
from bench.yardstick.rates import WEIGHTINGS, ratio, sampled, summary, table
from bench.yardstick.real import Palms, real_sets
from bench.yardstick.sets import read_set
from bench.yardstick.training import Plan
from palm_models.measure.encoder import to_grey
from tasks.evaluate.recognisers.competitive import CodeMatcher

BASELINE, CODE = "renderer of 0.1.0", "competitive code"
WAYS = ("without", "with")  # the recogniser's own augmentation
COMPARED = ("fnmr@0.01", "miss")  # errors given as a share of the baseline's


@dataclass(frozen=True)
class Budget:
    """What every set gets alike."""

    plain: Plan  # without the recogniser's own augmentation
    strong: Plan  # with it
    plain_seeds: int = 3  # trainings: the cheap ones vary most
    strong_seeds: int = 1
    network: str = "palmnet16"
    size: int = 128  # px
    identities: int = 400
    captures: int = 10


@dataclass(frozen=True)
class Places:
    """Where things lie."""

    real: Path  # real-dev
    reference: Path  # palm_statistics
    work: Path  # cache


WHOLE = Budget(Plan(most=900), Plan(most=1500, every=250))
FAST = Budget(Plan(most=400, least=400, every=200), Plan(most=500, least=500, every=250), plain_seeds=1)


def measure(
    sets: Sequence[Path],
    places: Places,
    budget: Budget,
    ways: Sequence[str],
    *,
    baseline: bool,
    processes: int,
) -> dict[str, Any]:
    """Everything that the report shows, JSON-able."""
    tests = real_sets(places.real, places.work, budget.size)
    paths = {str(path): path for path in sets}
    if baseline:
        first = renderer_of_first_release(places.work, budget.identities, budget.captures, processes)
        paths = {BASELINE: first, **paths}
    seeds = {"without": range(budget.plain_seeds), "with": range(budget.strong_seeds)}
    asked = [(name, way, seed) for way in ways[::-1] for name in paths for seed in seeds[way]]
    jobs = [_job(paths[name], way, seed, places, budget) for name, way, seed in asked]
    done = dict(zip(asked, run_jobs(jobs, processes), strict=True))
    measured = Distances(places.reference, {test.name: test.x for test in tests})
    rows: dict[str, dict[str, Any]] = {CODE: {"without": _coded(tests)}}
    for name, path in paths.items():
        taught = read_set(path, budget.size, budget.identities, budget.captures)
        rows[name] = {"distances": measured(taught.x)}
        for way in ways:
            runs, others = (
                [done[of, way, seed] for seed in seeds[way]] if of in paths else [] for of in (name, BASELINE)
            )
            rows[name][way] = _judged(tests, runs, others if name != BASELINE else [])
    about = {test.name: {"hands": test.identities, "palms": len(test.y), "note": test.note} for test in tests}
    among = {test.name: measured(test.x) for test in tests}
    return {"budget": asdict(budget), "tests": about, "distances": among, "rows": rows}


def _job(path: Path, way: str, seed: int, places: Places, budget: Budget) -> Job:
    plan = replace(budget.strong if way == "with" else budget.plain, seed=seed)
    own = way == "with"
    given = (budget.network, budget.size, budget.identities, budget.captures)
    return Job(path, own, plan, *given, places.real, places.work)


def _judged(tests: Sequence[Palms], runs: Sequence[Outcome], others: Sequence[Outcome]) -> dict[str, Any]:
    """Rates of the runs on each test, and their errors as shares of the others' on equal draws of hands."""
    out: dict[str, Any] = {"trainings": [run.facts for run in runs]}
    for test in tests:
        mine, theirs = ([_cosines(run.vectors[test.name]) for run in side] for side in (runs, others))
        out[test.name] = _rates(mine, theirs, test)
    return out


def _coded(tests: Sequence[Palms]) -> dict[str, Any]:
    matcher, out = CodeMatcher(), {}
    for test in tests:
        found = matcher.templates(to_grey(test.x, matcher.settings.size))
        out[test.name] = _rates([matcher.matrix(found, found)], [], test)
    return out


def _rates(
    mine: Sequence[NDArray[np.float32]], theirs: Sequence[NDArray[np.float32]], test: Palms
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for weighting in WEIGHTINGS:
        figures, against = (
            sampled([table(run, test.y, weighting) for run in side]) if side else {}
            for side in (mine, theirs)
        )
        out[weighting] = summary(figures, _impostors(test))
        if against:
            out[weighting]["against"] = {m: ratio(figures, against, m) for m in COMPARED}
    return out


def _cosines(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors @ vectors.T, np.float32)


def _impostors(test: Palms) -> int:
    times = np.unique(test.y, return_counts=True)[1]
    return int((len(test.y) ** 2 - (times**2).sum()) // 2)
