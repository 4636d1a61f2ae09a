"""The story `evaluate-dataset`: recognisers trained on a version and on others, tested on unseen palms."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from flows.progress import progress
from flows.tracking import step
from manifests.read.open import open_dataset
from tasks.evaluate.experiment import RENDERER, Budget, Question, answer
from tasks.evaluate.labelled import PATTERN
from tasks.evaluate.results import write_evaluation

Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


@step
def evaluate(question: Question, out: Path) -> Path:
    """Recognisers trained and tested, and the figures written."""
    with progress("evaluate", "recognisers") as report:
        return write_evaluation(answer(question, report), out)


def evaluate_dataset(
    dataset: str = "out/quickstart",
    real: str = "",
    against: list[str] | None = None,
    curve: list[AtLeastOne] | None = None,
    identities: Count = 0,
    steps: AtLeastOne = Budget.steps,
    seeds: AtLeastOne = Budget.seeds,
    seed: Count = 0,
    size: AtLeastOne = Budget.size,
    augment: bool = True,
    id_pattern: str = PATTERN,
    out: str = "",
    work: str = Question.work,
    workers: Count = 0,
) -> str:
    """Evaluate `dataset` and return the folder with evaluation.json, evaluation.html and charts.

    `real`: photographs of known people, a folder (id/picture) or a CSV (path, id); `against`: further sets to
    train on, by default the renderer; `curve`: numbers of identities; `out`: by default evaluations/<name>.
    Raises DatasetError or SourceError when a set cannot be read.
    """
    version = open_dataset(dataset)
    question = Question(
        dataset=dataset,
        real=real,
        against=tuple([RENDERER] if against is None else against),
        curve=tuple(curve or ()),
        identities=identities,
        budget=Budget(steps=steps, seeds=seeds, seed=seed, size=size, augment=augment),
        id_pattern=id_pattern,
        work=work,
        workers=workers,
    )
    name = f"{version.metadata['dataset']}-{version.metadata['version']}"
    return str(evaluate(question, Path(out or Path("evaluations") / name)).parent)
