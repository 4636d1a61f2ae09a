"""The flows' parameters: every option of a recipe, with its limits, and the way back to assignments."""

import pytest
from pydantic import ValidationError

from flows.deployed import build_dataset, train_generator
from flows.parameters import Changes, assignments
from manifests.recipe import leaves, parse

SOME = {
    "seed": 7,
    "dataset": {
        "identities": 4,
        "views": ["palm", "hand"],
        "splits": {"train": 0.5, "validation": 0.25, "test": 0.25},
    },
    "identity": {"skin_tone": {"low": -10, "high": 20}},
    "augment": {"copies": 1, "transforms": [{"name": "GaussNoise", "params": {"std_range": [0.1, 0.2]}}]},
    "train": {"learning_rate": 3e-4},
    "source": {"kind": "folder", "path": 'photographs of "palms"'},
}


def test_changes_make_the_recipe_that_its_toml_would():
    assert parse({"name": "x"}, assignments(Changes.model_validate(SOME))) == parse({"name": "x", **SOME})


def test_no_change_is_no_assignment():
    assert assignments(Changes()) == [] and assignments(Changes.model_validate({"dataset": {}})) == []


def test_the_schema_that_the_api_checks_knows_every_option_and_no_other():
    schema = build_dataset.parameters.model_dump()
    definitions = schema["definitions"]
    assert definitions["Changes"]["additionalProperties"] is False
    for leaf in leaves():
        *sections, key = leaf.name.split(".")
        name = (
            "Changes"
            if not sections
            else f"{definitions['Changes']['properties'][sections[0]]['$ref'].split('/')[-1]}"
        )
        for section in sections[1:]:
            name = definitions[name]["properties"][section]["$ref"].split("/")[-1]
        assert key in definitions[name]["properties"], leaf.name
    assert definitions["DatasetChanges"]["properties"]["identities"]["minimum"] == 1
    assert train_generator.parameters.model_dump()["definitions"] == definitions


@pytest.mark.parametrize(
    "wrong",
    [{"dataset": {"identities": 0}}, {"dataset": {"identites": 1}}, {"engine": {"name": "magic"}}, {"x": 1}],
)
def test_what_the_recipe_refuses_is_refused(wrong):
    with pytest.raises(ValidationError):
        Changes.model_validate(wrong)
