"""What rows record of an engine's options is what determines their pictures, under the names of 0.1.0."""

import json

import pytest

from manifests.recipe import parse
from tasks.draw.samples import drawn_with


@pytest.mark.parametrize(("engine", "section"), [("wgan-gp", "wgan"), ("ddpm-tps", "ddpm")])
def test_a_baseline_records_what_draws_of_its_section(engine, section):
    recipe = parse({"name": "x", "engine": {"name": engine}, "train": {"checkpoint": "/some/folder"}})
    (own,) = json.loads(drawn_with(recipe))["baseline"]
    whole = getattr(recipe, section).model_dump(mode="json")
    assert own.items() <= whole.items() and {"size"} <= set(own) and "save_every" not in own


def test_the_renderer_records_the_section_engine():
    told = json.loads(drawn_with(parse({"name": "x", "engine": {"name": "renderer"}})))
    assert told["baseline"] == [] and told["engine"] == {
        "steps": 8, "start": 0.65, "guidance": 1.0, "release": 0.0, "device": "cpu",
    }  # fmt: skip
