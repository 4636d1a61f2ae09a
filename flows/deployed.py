"""The flows as Prefect knows them: each story of this folder, lifted once; prefect.yaml registers them."""

from flows import align_palms as aligning
from flows import build_dataset as building
from flows import evaluate_dataset as evaluating
from flows import train_generator as training
from flows.server.lift import as_flow

align_palms = as_flow("align-palms", aligning.align_palms)
build_dataset = as_flow("build-dataset", building.build_dataset)
evaluate_dataset = as_flow("evaluate-dataset", evaluating.evaluate_dataset)
train_generator = as_flow("train-generator", training.train_generator)
