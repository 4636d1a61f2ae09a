"""Runs: one recogniser learns one set, once a seed, in processes; what was learned before is kept."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.files.layout import file_sha256
from tasks.evaluate.labelled import Labelled
from tasks.evaluate.recognisers.kind import Learned, Matcher
from tasks.evaluate.recognisers.learned import OwnRecogniser
from tasks.evaluate.recognisers.registry import Chosen
from tasks.photographs.sources.found import SourceError
from tasks.work.logs import bound, log, set_up_logging
from tasks.work.place import Work
from tasks.work.stage import Stage
from tasks.workers.parallel import in_order

OURS = "tasks.evaluate.recognisers."
CODE = (f"{OURS}training", f"{OURS}networks")


@dataclass(frozen=True)
class Run:
    """One recogniser, trained on `palms` with one seed, asked for the templates of `tests`."""

    chosen: Chosen
    palms: Labelled | None  # None: it does not learn
    tests: tuple[NDArray[np.uint8], ...]
    seed: int
    folder: Path  # weights and half-done work
    start: Path | None = None  # folder of the weights that it goes on from


@dataclass(frozen=True)
class Outcome:
    """What a run gives: templates of each test, the matcher that compares them, and how training went."""

    templates: list[NDArray[Any]]
    facts: dict[str, Any]


def folder_of(chosen: Chosen, palms: Labelled, seed: int, work: Path, start: Path | None = None) -> Path:
    """Where what is learned is kept: named by palms, settings, seed, code and the weights it starts from."""
    given = {
        "recogniser": chosen.kind.name, "settings": asdict(chosen.settings), "seed": seed,
        "palms": palms.digest(), "source": _source(chosen),
    }  # fmt: skip
    if start:
        given["start"] = start.name
    return Stage("recognisers", None, code=CODE, given=given).place(Work(work)).path


def _source(chosen: Chosen) -> str:
    """The code of a recogniser that is not ours, by content."""
    if isinstance(chosen.kind, OwnRecogniser):
        chosen.kind.make()  # imports it
    name = chosen.kind.name.partition(":")[0] if ":" in chosen.kind.name else type(chosen.kind).__module__
    file = getattr(sys.modules[name], "__file__", None)
    return "" if name.startswith(OURS) or not file else file_sha256(Path(file))


def outcomes(runs: Sequence[Run], workers: int, progress: Callable[[int, int], None]) -> Iterator[Outcome]:
    """Of each run, in their order; equal ones are run once, and those that go on from others after these."""
    own = {_key(run): run for run in reversed(runs)}
    order = dict.fromkeys(_key(run) for run in runs)
    found: dict[Any, Outcome] = {}
    progress(0, len(own))
    for later in (False, True):
        keys = [key for key in order if bool(own[key].start) == later]
        work = in_order(_outcome, [own[key] for key in keys], min(workers, len(keys)), _died)
        for key, outcome in zip(keys, work, strict=True):
            found[key] = outcome
            progress(len(found), len(own))
    for run in runs:
        yield found[_key(run)]


def _key(run: Run) -> tuple[str, str, int]:
    return run.chosen.text, str(run.folder), run.seed


def matcher_of(run: Run) -> Matcher:
    """The matcher of a run whose recogniser learned before."""
    return _learned(run, lambda said: None).matcher


def _learned(run: Run, say: Callable[[str], None]) -> Learned:
    palms, chosen = run.palms, run.chosen
    if palms is None:
        nothing = np.empty((0, chosen.settings.size, chosen.settings.size), np.uint8)
        return chosen.kind.learn(nothing, np.empty(0, np.int64), chosen.settings, run.seed, run.folder, say)
    labels = np.unique(palms.labels, return_inverse=True)[1]
    if run.start:
        return chosen.kind.tune(palms.grey, labels, chosen.settings, run.seed, run.folder, say, run.start)
    return chosen.kind.learn(palms.grey, labels, chosen.settings, run.seed, run.folder, say)


def _outcome(run: Run) -> Outcome:
    from palm_models.engines.threads import one_thread  # costly: torch

    set_up_logging()
    about = {"recogniser": run.chosen.text, "trained_on": run.palms.name if run.palms else ""}
    with bound(**about, seed=str(run.seed)), one_thread():  # figures must not depend on the threads
        learned = _learned(run, log.info)
        return Outcome([learned.matcher.templates(test) for test in run.tests], learned.facts)


def _died(run: Run) -> Outcome:
    name = run.palms.name if run.palms else run.chosen.text
    raise SourceError(
        "recogniser_died",
        f"{run.chosen.text} on {name} ran out of memory: use fewer --workers or --identities, or a smaller "
        f"batch ({run.chosen.text},batch=32)",
    )
