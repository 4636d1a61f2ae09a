"""The story `evaluate-dataset`: recognisers trained on a version and on others, tested on unseen palms."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from flows.progress import progress
from flows.tracking import step
from manifests.read.open import open_dataset
from tasks.evaluate.experiment import answer
from tasks.evaluate.question import RECOGNISER, RENDERER, Budget, Question, Ways
from tasks.evaluate.results import write_evaluation
from tasks.evaluate.sets.folder import PATTERN

Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


@step
def evaluate(question: Question, out: Path) -> Path:
    """Recognisers trained and tested, and the figures written."""
    with progress("evaluate", "recognisers") as report:
        return write_evaluation(answer(question, report), out)


def evaluate_dataset(
    dataset: str = "out/quickstart",
    real: list[str] | None = None,
    against: list[str] | None = None,
    recognisers: list[str] | None = None,
    protocols: list[str] | None = None,
    half: bool = False,
    curve: list[AtLeastOne] | None = None,
    curve_captures: list[AtLeastOne] | None = None,
    identities: Count = 0,
    steps: Count = Budget.steps,
    seeds: AtLeastOne = Budget.seeds,
    seed: Count = 0,
    size: Count = Budget.size,
    augment: Ways = Budget.augment,
    roi: bool | None = None,
    turn: Literal[0, 90, 180, 270] | None = None,
    id_pattern: str = PATTERN,
    out: str = "",
    work: str = Question.work,
    workers: Count = 0,
) -> str:
    """Evaluate `dataset` and return the folder with evaluation.json, evaluation.html and charts.

    `real`: known people to test on, each NAME:DIR, a folder (id/picture) or a CSV (path, id); `roi`, `turn`:
    whether they are regions of interest already, and how these must be turned; `against`: further sets to
    train on, by default the renderer; `half`: also on one half of each real set, alone, with the dataset and
    after it, tested on the other; `recognisers`: names or module:factory; `protocols`: which pairs; `curve`,
    `curve_captures`: numbers of identities and of captures; `augment`: rows that are augmented, or not;
    `steps`, `size`: 0 = as the recognisers say; `out`: by default evaluations/<name>.
    Raises DatasetError, SourceError or RecogniserError when something cannot be read or had.
    """
    version = open_dataset(dataset)
    question = Question(
        dataset=dataset,
        real=tuple(real or ()),
        against=tuple([RENDERER] if against is None else against),
        recognisers=tuple(recognisers or RECOGNISER),
        protocols=tuple(protocols or ()),
        half=half,
        curve=tuple(curve or ()),
        curve_captures=tuple(curve_captures or ()),
        identities=identities,
        budget=Budget(steps=steps, seeds=seeds, seed=seed, size=size, augment=augment),
        roi=roi,
        turn=turn,
        id_pattern=id_pattern,
        work=work,
        workers=workers,
    )
    name = f"{version.metadata['dataset']}-{version.metadata['version']}"
    return str(evaluate(question, Path(out or Path("evaluations") / name)).parent)
