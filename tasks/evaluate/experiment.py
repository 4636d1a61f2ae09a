"""Evaluate: recognisers, each trained on each of several sets and tested on palms it never saw."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from manifests.files.layout import LATEST, MANIFEST
from palm_models.measure.identification import identification
from palm_models.measure.scores import error_rates
from tasks.evaluate.known import Reading, of_known
from tasks.evaluate.labelled import Labelled, of_renderer, of_version
from tasks.evaluate.protocols import PROTOCOLS, Protocol, pairs_of, score, usual
from tasks.evaluate.question import RENDERER, Budget, Question, software
from tasks.evaluate.recognisers.registry import Chosen
from tasks.evaluate.rows import Taught, chosen_of, rows_of, taught_by
from tasks.evaluate.runs import Outcome, Run, matcher_of, outcomes
from tasks.evaluate.sets.registry import parse_set
from tasks.photographs.sources.found import SourceError
from tasks.work.lock import lock
from tasks.workers.parallel import available_cores

__all__ = ["RENDERER", "Budget", "Question", "answer"]

HELD_OUT = (40, 6)  # identities and captures of the rendered test set
SEARCHED = 4_000  # pictures at most of which each is searched for: identification meets all pairs of them
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Sets:
    """What is read at one size: what is learned, and what is tested on."""

    taught: list[Taught]
    tests: list[Labelled]


def answer(question: Question, progress: Progress) -> dict[str, Any]:
    """Train and test; JSON-able, and the same for the same question, sets and machine.

    Raises DatasetError, SourceError, RecipeError or RecogniserError when something cannot be read or had,
    LockedError when another evaluation uses the work folder.
    """
    with lock(Path(question.work) / "evaluate.lock"):  # two would align and train into the same files
        return _answer(question, progress)


def _answer(q: Question, progress: Progress) -> dict[str, Any]:
    chosen = chosen_of(q)
    _possible(q)
    sets = {size: _read(q, size) for size in dict.fromkeys(c.settings.size for c in chosen)}
    first = sets[chosen[0].settings.size]
    protocols = [_protocols(q, test) for test in first.tests]  # before anything learns
    rows = [row for c in chosen for row in rows_of(c, sets[c.settings.size].taught)]
    runs = [row.runs(sets[row.chosen.settings.size].tests, q) for row in rows]
    found = iter(list(outcomes([r for row in runs for r in row], q.workers or available_cores(), progress)))
    results: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for row, own in zip(rows, runs, strict=True):
        made = [next(found) for _ in own]
        tested = _results(sets[row.chosen.settings.size].tests, protocols, own, made)
        over = row.taught.over if row.taught else ""
        entry = {**row.about(), "training": [m.facts for m in made if m.facts], "results": tested}
        results[bool(over)].append({**entry, "over": over} if over else entry)
    return {
        "dataset": first.taught[0].name,
        "budget": asdict(q.budget),
        "recognisers": [_recogniser(c) for c in chosen],
        "tests": [
            {**_about(t), "protocol": p.name}
            for t, ps in zip(first.tests, protocols, strict=True) for p in ps
        ],
        "trained": results[False],
        "curve": results[True],
        "made": {"command": q.command(), "software": software()},
    }  # fmt: skip


def _possible(q: Question) -> None:
    """Protocols have names, and nothing is trained on the people it is tested on."""
    for name in q.protocols:
        if name not in PROTOCOLS:
            raise SourceError(
                "no_such_protocol", f"no protocol is called {name!r}; there are {', '.join(PROTOCOLS)}"
            )
    tested = {parse_set(name).path.resolve() for name in q.real}
    for name in q.against:
        if name != RENDERER and parse_set(name).path.resolve() in tested:
            raise SourceError(
                "trained_on_test", f"{name}: trained and tested on the same people; use --half instead"
            )


def _read(q: Question, size: int) -> _Sets:
    """All sets as grey palms of `size` px."""
    first = of_version(Path(q.dataset), size).first(q.identities)
    if first.identities < 2:
        raise SourceError("too_few_identities", f"{q.dataset}: fewer than two identities in split train")
    tests = [of_known(name, _reading(q, size), _quiet) for name in q.real]
    sets = [first, *(_set(name, q, first, size) for name in q.against)]
    halves: list[Labelled] = []
    if q.half:
        split = [test.halves() for test in tests]
        tests, halves = [other for _, other in split], [one for one, _ in split]
    rendered = of_renderer("test", q.budget.seed, *HELD_OUT, size)
    tests.append(replace(rendered, name="rendered hands"))
    return _Sets(taught_by(sets, halves, q), tests)


def _quiet(done: int, total: int) -> None:
    pass


def _reading(q: Question, size: int) -> Reading:
    return Reading(size, Path(q.work), q.roi, q.turn, q.id_pattern, q.workers)


def _set(name: str, q: Question, like: Labelled, size: int) -> Labelled:
    """A set to train on beside the dataset, of as many identities and captures where it has them."""
    if name == RENDERER:
        return of_renderer("train", q.budget.seed, like.identities, like.captures, size)
    if any((Path(name) / file).is_file() for file in (LATEST, MANIFEST)):
        return of_version(Path(name), size).first(q.identities)
    return of_known(name, _reading(q, size), _quiet)


def _protocols(q: Question, test: Labelled) -> list[Protocol]:
    """Of a test set; those that leave nothing to compare are refused at once."""
    chosen = [PROTOCOLS[name] for name in q.protocols] or usual(test)
    able = [p for p in chosen if test.sessions.any() or test.devices.any() or p.name == "all"]
    for protocol in able or [PROTOCOLS["all"]]:
        pairs_of(test, protocol)
    return able or [PROTOCOLS["all"]]


def _about(palms: Labelled) -> dict[str, Any]:
    return {
        "name": palms.name, "identities": palms.identities, "images": len(palms.grey), "note": palms.note,
        "rejects": [list(reject) for reject in palms.rejects],
    }  # fmt: skip


def _recogniser(c: Chosen) -> dict[str, Any]:
    kind = c.kind
    return {
        "name": c.text, "summary": kind.summary, "source": kind.source, "learns": kind.learns,
        "settings": asdict(c.settings) if kind.learns else {"size": c.settings.size},
    }  # fmt: skip


def _results(
    tests: Sequence[Labelled], protocols: Sequence[Sequence[Protocol]], runs: Sequence[Run],
    made: Sequence[Outcome],
) -> list[dict[str, Any]]:  # fmt: skip
    """For each test and protocol: verification over the runs; identification once a test."""
    found, matcher = [], matcher_of(runs[0])  # runs of one row compare templates alike
    for k, test in enumerate(tests):
        templates = [outcome.templates[k] for outcome in made]
        few = _searched(test)
        searched = identification([t[few] for t in templates], test.labels[few], matrix=matcher.matrix)
        for protocol in protocols[k]:
            pairs = pairs_of(test, protocol)
            rates = error_rates([score(matcher, t, test, pairs) for t in templates])
            found.append(
                {
                    "test": test.name,
                    "protocol": protocol.name,
                    "identification": searched,
                    "verification": rates,
                }
            )
    return found


def _searched(test: Labelled) -> Any:
    """Places of the pictures that are searched for: of the first identities, at most SEARCHED."""
    _, index, counts = np.unique(test.labels, return_inverse=True, return_counts=True)
    return np.flatnonzero(index < max(2, int((np.cumsum(counts) <= SEARCHED).sum())))
