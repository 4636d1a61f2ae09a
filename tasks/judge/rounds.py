"""Judge: scores what was drawn, rejects what fails a gate, draws more until there is as much as asked for."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.contract.schema import JUDGED
from manifests.files.layout import REJECTS
from manifests.publish.parts import Part
from manifests.recipe import Recipe
from palm_models.measure.encoder import Encoder, weights_digest
from palm_models.photo.hand_model import HandModelError, hand_model
from palm_models.shipped import WEIGHTS
from tasks.draw import shards as generation
from tasks.draw.plan import PlannedShard, further_shards, generation_digest, shards
from tasks.engines.registry import engine_of
from tasks.judge.decide import Candidate, Decided, Rows, Rules, Verdict, decide
from tasks.judge.gallery import build
from tasks.judge.rejects import write_rejects
from tasks.judge.score import Judge, make_judge, score_shard
from tasks.judge.thresholds import thresholds
from tasks.stages import Done
from tasks.work.stage import Stage, Work, code_digest, digest_of
from tasks.workers.runner import RunnerError, Workers, run

Progress = Callable[[int, int], None]
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


@dataclass(frozen=True)
class _Drawn:
    """One shard with its pictures and their scores."""

    planned: PlannedShard
    file: Path
    scores: Path


def judge(
    recipe: Recipe,
    checkpoint: Done | None,
    palms: Done | None,
    progress: Progress,
    draw: Progress | None = None,
) -> Judged:
    """Judge the drawn shards of `recipe`, and replace what is rejected as far as gates.attempts allows.

    `palms` are the aligned photographs that nothing may resemble, None when there are none at hand. The
    outcome does not depend on workers or on what was done before. What is missing of the shards is drawn.

    Raises GateError when there are no calibrated thresholds.
    """
    work, began = Work.of(recipe), time.monotonic()
    planned = list(shards(recipe))
    files = _draw(recipe, work, checkpoint, planned, draw or _quiet)
    if not recipe.gates.use:
        facts = {"gates": {}, "images": sum(pq.read_metadata(f).num_rows for f in files), "rejected": {}}
        folder = files[0].parent.parent
        return Judged([Part(f) for f in files], Done(folder, folder.name, facts))
    court = _Court(recipe, work, checkpoint, palms)
    rules = Rules(
        recipe.gates.use, thresholds(recipe, WEIGHTS), engine_of(recipe).parametric,
        recipe.dataset.identities, recipe.dataset.captures, recipe.gates.attempts,
    )  # fmt: skip
    drawn = court.score(planned, files, progress)
    decided, rounds = decide(_candidates(drawn), rules), 0
    while decided.wanted:
        rounds += 1
        further = list(further_shards(recipe, decided.wanted))
        log.info("round %d: drawing %d captures again", rounds, sum(map(len, decided.wanted.values())))
        files = _draw(recipe, work, checkpoint, further, _quiet)
        drawn += court.score(further, files, _quiet)
        decided = decide(_candidates(drawn), rules)
    seconds = round(time.monotonic() - began, 1)
    return court.write(decided, drawn, rules, {"rounds": rounds, "seconds": seconds})


def _quiet(done: int, total: int) -> None:
    """Further rounds are short and their number is not known before."""


def _draw(
    recipe: Recipe, work: Work, checkpoint: Done | None, planned: list[PlannedShard], progress: Progress
) -> list[Path]:
    path, digest = (checkpoint.path, checkpoint.digest) if checkpoint else (None, "")
    return generation.generate(recipe, work, path, digest, progress, planned)


class _Court:
    """What judging needs beside the pictures, and where its results go."""

    def __init__(self, recipe: Recipe, work: Work, checkpoint: Done | None, palms: Done | None) -> None:
        self.recipe, self.work = recipe, work
        self.encoder = weights_digest(WEIGHTS)
        self.skipped: dict[str, str] = {}  # gate: why it could not judge
        self.gallery = self._gallery(palms)
        self.hand_model = self._hand_model()
        self.generated = generation_digest(recipe, checkpoint.digest if checkpoint else "")
        code = code_digest("palm_models", *(f"tasks/judge/{n}.py" for n in ("score", "gallery")))
        gallery = self.gallery.path.name if self.gallery else ""
        self.digest = digest_of(self.generated, self.encoder, gallery, self.hand_model is None, code)

    def _gallery(self, palms: Done | None) -> Stage | None:
        if "leakage" not in self.recipe.gates.use:
            return None
        if palms is None:
            self.skipped["leakage"] = (
                "no photographs are at hand to compare with (source.kind is none); what is known of the "
                "shipped weights' leakage stands in palm_models/weights/MODEL_CARD.md"
            )
            return None
        code = code_digest("palm_models/measure/encoder.py", "tasks/judge/gallery.py")
        stage = self.work.stage("gallery", digest_of(self.encoder, palms.digest, code))
        if not stage.is_done():
            build(palms.path / "aligned.parquet", Encoder.load(WEIGHTS), stage)
        return stage

    def _hand_model(self) -> Path | None:
        if "hand" not in self.recipe.gates.use or "hand" not in self.recipe.dataset.views:
            return None
        try:
            return hand_model(self.recipe.align.model)
        except HandModelError as error:
            self.skipped["hand"] = str(error)
            return None

    def score(self, planned: list[PlannedShard], files: list[Path], progress: Progress) -> list[_Drawn]:
        """Score what is not scored yet, in the recipe's workers."""
        root = self.work.stage("scores", self.digest)
        drawn = [_Drawn(p, f, root.path / p.name) for p, f in zip(planned, files, strict=True)]
        missing = [d for d in drawn if not Stage(d.scores).is_done()]
        finished = len(drawn) - len(missing)
        progress(finished, len(drawn))
        setup = partial(
            make_judge,
            self.recipe,
            WEIGHTS,
            self.gallery.path.absolute() if self.gallery else None,
            self.hand_model,
        )
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

    def write(self, decided: Decided, drawn: list[_Drawn], rules: Rules, facts: Mapping[str, Any]) -> Judged:
        """Verdicts and rejects into the work folder, the rest into parts."""
        gates = self.recipe.gates.model_dump(mode="json")
        digest = digest_of(self.digest, gates, rules.identities, rules.captures, code_digest("tasks"))
        stage = self.work.stage("judged", digest)
        places = _places(drawn)
        rejected = write_rejects(stage.path / REJECTS, decided.verdicts, places)
        facts = {
            **facts,
            "gates": {gate: self.skipped.get(gate, "judged") for gate in self.recipe.gates.use},
            "thresholds": {
                name: getattr(rules.thresholds, name)
                for name in ("identity", "twins", "leakage", "hand", "quality", "duplicates")
            },
            "note": rules.thresholds.note,
            "photographs": self.gallery.facts()["photographs"] if self.gallery else 0,
            "images": sum(len(v.faults) for v in decided.verdicts),
            "rejected": dict(Counter(row["reason"] for row in rejected)),
            "identities": len(decided.verdicts),
            "identities_rejected": dict(
                Counter(_reason(v) for v in decided.verdicts if v.state == "rejected")
            ),
        }
        stage.finish([stage.path / REJECTS], facts)
        parts = list(_parts(decided.verdicts, places))
        done = Done(stage.path, digest, facts)
        used = [drawn[0].scores.parent, *([self.gallery.path] if self.gallery else [])]
        return Judged(parts, done, decided.verdicts, [d.scores for d in drawn], used)


def _score(judge: Judge, job: tuple[PlannedShard, Path, Path]) -> bool:
    planned, file, folder = job
    folder.mkdir(parents=True, exist_ok=True)
    score_shard(judge, planned, file, Stage(folder))
    return True


def _lost(job: object) -> bool:
    return False


def _candidates(drawn: Iterable[_Drawn]) -> list[Candidate]:
    """All identities with all that was drawn of them, ascending; the first shard of each has its template."""
    held: dict[int, list[tuple[pa.Table, np.ndarray, np.ndarray]]] = {}
    for d in drawn:
        table, templates = pq.read_table(d.scores / "scores.parquet"), np.load(d.scores / "templates.npy")
        vectors = np.stack(table["embedding"].to_numpy(zero_copy_only=False)).astype(np.float32)
        indices, table = table["index"].to_numpy(), table.drop_columns("embedding")
        for planned, template in zip(d.planned.identities, templates, strict=True):
            own = np.flatnonzero(indices == planned.index)
            held.setdefault(planned.index, []).append((table.take(own), vectors[own], template))
    return [
        Candidate(
            index,
            tables[0][0]["identity_id"][0].as_py(),
            Rows(pa.concat_tables([table for table, _, _ in tables], promote_options="permissive")),
            np.concatenate([vectors for _, vectors, _ in tables]),
            tables[0][2],
        )
        for index, tables in sorted(held.items())
    ]


def _places(drawn: Iterable[_Drawn]) -> dict[int, list[tuple[Path, int]]]:
    """Where each identity's pictures are, by its index: (shard, row), in the order of its candidate."""
    places: dict[int, list[tuple[Path, int]]] = {}
    for d in drawn:
        indices = pq.read_table(d.scores / "scores.parquet", columns=["index"])["index"].to_pylist()
        for row, index in enumerate(indices):
            places.setdefault(index, []).append((d.file, row))
    return places


def _parts(verdicts: Iterable[Verdict], places: Mapping[int, list[tuple[Path, int]]]) -> Iterator[Part]:
    """The accepted pictures: consecutive ones of one shard as one part."""

    def accepted() -> Iterator[tuple[Path, int, tuple[float, ...]]]:
        for v in verdicts:
            rows = zip(
                places[v.candidate.index], v.faults, v.quality, v.likeness, v.candidate.rows, strict=True
            )
            for (file, row), fault, quality, likeness, scored in rows:
                if fault is None and v.state == "accepted":
                    yield file, row, (quality, likeness, scored["leak_score"])

    for file, group in groupby(accepted(), key=lambda held: held[0]):
        rows = list(group)
        columns = zip(*(scores for _, _, scores in rows), strict=True)
        scores = pa.table({n: pa.array(c, pa.float32()) for n, c in zip(JUDGED, columns, strict=True)})
        yield Part(file, np.array([row for _, row, _ in rows], np.int64), scores)


def _reason(verdict: Verdict) -> str:
    """Why an identity fell: the commonest reason among its pictures."""
    return Counter(f.reason for f in verdict.faults if f).most_common(1)[0][0]
