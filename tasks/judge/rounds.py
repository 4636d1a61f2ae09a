"""Judge: scores what was drawn, rejects what fails a gate, draws more until there is as much as asked for."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.extras import MissingExtraError, installed
from manifests.files.layout import REJECTS
from manifests.publish.parts import Part
from manifests.recipe import Recipe
from palm_models.shipped import SHIPPED
from tasks.draw.plan import PlannedShard, further_shards, shards
from tasks.draw.shards import Generated
from tasks.engines.registry import engine_of
from tasks.judge.candidate import Verdict
from tasks.judge.decide import Decided, Rules, decide
from tasks.judge.gate import Found, Gate, MissingError
from tasks.judge.gates.gallery import ENCODER
from tasks.judge.gates.registry import GATES, gates_of, measuring
from tasks.judge.rejects import write_rejects
from tasks.judge.score import Judge, make_judge, score_shard
from tasks.judge.scored import Scored, candidates, parts, places
from tasks.judge.thresholds import thresholds
from tasks.work.place import Place
from tasks.work.stage import Done, Stage
from tasks.workers.parallel import RunnerError
from tasks.workers.runner import Workers, run

Progress = Callable[[int, int], None]
Draw = Callable[[Sequence[PlannedShard]], list[Path]]  # the files of further shards, drawn
DECIDING = tuple(f"tasks.judge.{name}" for name in ("decide", "rejects", "scored", "thresholds"))
log = logging.getLogger("palmforge")


@dataclass(frozen=True)
class Judged:
    """What may be published, in plan order, and what was decided about everything that was drawn.

    done.path holds rejects.parquet and verdicts.parquet; scores: the scored shards' folders, each with
    scores.parquet (embeddings in it) and templates.npy; verdicts: empty when no gate judges.
    """

    parts: list[Part]
    done: Done
    verdicts: Sequence[Verdict] = field(default=(), repr=False)
    scores: Sequence[Path] = ()
    used: Sequence[Path] = ()  # further stages of the work folder that went into it


def judge(recipe: Recipe, drawn: Generated, palms: Done | None, progress: Progress, draw: Draw) -> Judged:
    """Judge the `drawn` shards of `recipe`, and replace what is rejected as far as gates.attempts allows.

    `palms` are the aligned photographs that nothing may resemble, None when there are none at hand; `draw`
    draws the replacements. The outcome does not depend on workers or on what was done before.

    Raises GateError when there are no calibrated thresholds.
    """
    began, files = time.monotonic(), drawn.shards
    if not recipe.gates.use:
        facts = {"gates": {}, "images": sum(pq.read_metadata(f).num_rows for f in files), "rejected": {}}
        return Judged([Part(f) for f in files], Done(drawn.done.path, drawn.done.digest, facts))
    court, engine = _Court(recipe, drawn.done.digest, palms), engine_of(recipe)
    referenced = engine.parametric and engine.referenced
    scored = court.score(list(shards(recipe)), files, progress)
    decided, rounds = decide(candidates(scored, referenced=referenced), court.rules), 0
    while decided.wanted:
        rounds += 1
        further = list(further_shards(recipe, decided.wanted))
        log.info("round %d: drawing %d captures again", rounds, sum(map(len, decided.wanted.values())))
        scored += court.score(further, draw(further), _quiet)
        decided = decide(candidates(scored, referenced=referenced), court.rules)
    seconds = round(time.monotonic() - began, 1)
    return court.write(decided, scored, {"rounds": rounds, "seconds": seconds})


def _quiet(done: int, total: int) -> None:
    """Further rounds are short and their number is not known before."""


def scores_stage(recipe: Recipe, shards: str, gates: Sequence[Gate], found: Mapping[str, Found]) -> Stage:
    """What the pictures of `shards` are scored by: gates, and what they need, by its name."""
    needs = {name: f.digest for name, f in found.items()}
    return Stage(
        "scores",
        recipe,
        options=_own(gates),
        code=("tasks.judge.score", *(type(gate).__module__ for gate in gates)),
        data=ENCODER,
        files=tuple(file for _, f in sorted(found.items()) for file in f.files),
        given={"shards": shards, "needs": needs, "gates": [gate.name for gate in gates]},
    )


def judged_stage(recipe: Recipe, scores: str, gates: Sequence[Gate]) -> Stage:
    """What is decided by about `scores`."""
    return Stage(
        "judged",
        recipe,
        options=("gates", "engine.name", "dataset.identities", "dataset.captures", *_own(gates)),
        code=(*DECIDING, *(type(gate).__module__ for gate in gates)),
        data=("palm_models/weights/gates.json",),
        given={"scores": scores},
    )


def _own(gates: Sequence[Gate]) -> tuple[str, ...]:
    """The sections that plug-ins' gates have for themselves; ours share [gates]."""
    return tuple(g.own_section for g in gates if g.name not in GATES.ours and g.own_section)


class _Court:
    """The gates of a recipe with what they need and judge by, and where their results go."""

    def __init__(self, recipe: Recipe, drawn: str, palms: Done | None) -> None:
        self.recipe = recipe
        self.skipped: dict[str, str] = {}  # gate: why it cannot judge
        self.found: dict[str, Found] = {}  # what the gates that judge need, by the need's name
        self.gates = [gate for gate in gates_of(recipe) if self._can_judge(gate, palms)]
        self.scoring = {gate.name: gate for gate in (*measuring(), *self.gates)}
        self.thresholds = thresholds(recipe, SHIPPED, self.scoring.values())
        self.rules = Rules(
            self.gates, self.thresholds.of, recipe.dataset.identities, recipe.dataset.captures,
            recipe.gates.attempts, [gate for gate in self.scoring.values() if gate.column],
        )  # fmt: skip
        self.scores = scores_stage(recipe, drawn, list(self.scoring.values()), self.found).place()

    def _can_judge(self, gate: Gate, palms: Done | None) -> bool:
        """Whether it has something to judge and nothing that it needs is missing; else `skipped` says why."""
        if reason := gate.skipped(self.recipe):
            self.skipped[gate.name] = reason
            return False
        try:
            installed(*gate.requires)
        except MissingExtraError as error:
            log.warning("the gate %s does not judge: %s", gate.name, error)
            self.skipped[gate.name] = str(error)
            return False
        try:
            for need in gate.needs:
                if need.name not in self.found:
                    self.found[need.name] = need.find(self.recipe, palms)
        except MissingError as error:
            self.skipped[gate.name] = str(error)
            return False
        return True

    def score(self, planned: list[PlannedShard], files: list[Path], progress: Progress) -> list[Scored]:
        """Score what is not scored yet, in the recipe's workers."""
        drawn = [Scored(p, f, self.scores.path / p.name) for p, f in zip(planned, files, strict=True)]
        missing = [d for d in drawn if not Place(d.scores).is_done()]
        finished = len(drawn) - len(missing)
        progress(finished, len(drawn))
        found = {name: f.path.absolute() for name, f in self.found.items()}
        setup = partial(make_judge, self.recipe, SHIPPED, [*self.scoring], found)
        jobs = [(d.planned, d.file.absolute(), d.scores.absolute()) for d in missing]
        for d, whole in zip(
            missing, run(_score, jobs, setup=setup, workers=Workers.of(self.recipe), lost=_lost), strict=True
        ):
            if not whole:
                raise RunnerError(
                    f"{d.planned.name} lost its worker twice: fewer engine.workers need less memory"
                )
            finished += 1
            progress(finished, len(drawn))
        return drawn

    def write(self, decided: Decided, drawn: list[Scored], facts: Mapping[str, Any]) -> Judged:
        """Verdicts and rejects into the work folder, the rest into parts."""
        place = judged_stage(self.recipe, self.scores.path.name, self.gates).place()
        where = places(drawn)
        rejected = write_rejects(place.path / REJECTS, decided.verdicts, where)
        facts = {**facts, **self._facts(decided), "rejected": dict(Counter(r["reason"] for r in rejected))}
        place.finish([place.path / REJECTS], facts)
        done = Done(place.path, place.path.name, facts)
        used = [self.scores.path, *(path for f in self.found.values() for path in f.used)]
        published = list(parts(decided.verdicts, where))
        return Judged(published, done, decided.verdicts, [d.scores for d in drawn], used)

    def _facts(self, decided: Decided) -> dict[str, Any]:
        """What the report tells of the gates, and of what they decided."""
        bounds = {name: gate.told(self.thresholds.of[name]) for name, gate in self.scoring.items()}
        fallen = Counter(_reason(v) for v in decided.verdicts if v.state == "rejected")
        return {
            "gates": {name: self.skipped.get(name, "judged") for name in self.recipe.gates.use},
            "thresholds": bounds,
            "rejects": {name: GATES.get(name).summary for name in self.recipe.gates.use},
            "note": self.thresholds.note,
            **{key: value for f in self.found.values() for key, value in f.facts.items()},
            "images": sum(len(v.faults) for v in decided.verdicts),
            "identities": len(decided.verdicts),
            "identities_rejected": dict(fallen),
        }


def _score(judge: Judge, job: tuple[PlannedShard, Path, Path]) -> bool:
    planned, file, folder = job
    folder.mkdir(parents=True, exist_ok=True)
    score_shard(judge, planned, file, Place(folder))
    return True


def _lost(job: object) -> bool:
    return False


def _reason(verdict: Verdict) -> str:
    """Why an identity fell: the commonest reason among its pictures."""
    return Counter(f.reason for f in verdict.faults if f).most_common(1)[0][0]
