"""What rows record of an engine's options is what 0.1.0 recorded: else its versions could not be extended."""

import json

import pytest

from manifests.recipe import parse
from tasks.draw.samples import drawn_with


@pytest.mark.parametrize(("engine", "section"), [("wgan-gp", "wgan"), ("ddpm-tps", "ddpm")])
def test_a_baseline_records_its_whole_section(engine, section):
    recipe = parse({"name": "x", "engine": {"name": engine}, "train": {"checkpoint": "/some/folder"}})
    told = json.loads(drawn_with(recipe))
    assert told["baseline"] == [getattr(recipe, section).model_dump(mode="json")]


def test_the_renderer_records_the_section_engine():
    told = json.loads(drawn_with(parse({"name": "x", "engine": {"name": "renderer"}})))
    assert told["baseline"] == [] and told["engine"] == {
        "steps": 8, "start": 0.65, "guidance": 1.0, "release": 0.0, "device": "cpu",
    }  # fmt: skip
