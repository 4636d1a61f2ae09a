"""The flows as Prefect knows them: each story of this folder, lifted once; prefect.yaml registers them."""

import flows.align_palms
import flows.build_dataset
import flows.evaluate_dataset
import flows.train_generator
from flows.server.lift import as_flow

align_palms = as_flow("align-palms", flows.align_palms.align_palms)
build_dataset = as_flow("build-dataset", flows.build_dataset.build_dataset)
evaluate_dataset = as_flow("evaluate-dataset", flows.evaluate_dataset.evaluate_dataset)
train_generator = as_flow("train-generator", flows.train_generator.train_generator)
