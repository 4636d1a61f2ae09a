"""The documented columns are those that are written, each with its type, its unit and its meaning."""

import re
from pathlib import Path

import pytest

from tasks.columns import columns_table, with_table
from tests.helpers.small import build

PAGE = Path(__file__).parents[2] / "docs" / "manifest.md"

STRENGTHS = {  # bare numbers: 1 is what most hands and pictures have
    *("identity_taper", "identity_mounds", "identity_mottling", "identity_veins", "identity_sheen"),
    *("identity_crease_pigment", "identity_grain", "identity_ridge_depth", "identity_ridge_curl"),
    *("identity_principal_depth", "identity_waviness", "identity_chaining", "identity_wrinkle_depth"),
    *("identity_thenar_mesh", "identity_calluses", "capture_stretch", "capture_fading"),
    *("capture_unevenness", "capture_warmth", "capture_tint", "capture_sharpening", "capture_jpeg"),
    *("capture_shadow", "capture_metering", "capture_principal_gain", "capture_texture_gain"),
    *("identity_edges", "identity_fans", "identity_fine_depth", "identity_fine_lines", "identity_flow"),
    *("identity_fray", "identity_rim_pigment", "identity_soft_depth", "identity_soft_lines"),
    "identity_thumb_folds",
}


def documented():
    """Column: type, unit, meaning, as the page has them."""
    lines = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", columns_table(), re.M)
    return {name: tuple(rest) for name, *rest in lines}


def test_the_page_is_current():
    text = PAGE.read_text()
    assert with_table(text) == text, "run: python -m tasks.columns docs/manifest.md"


@pytest.mark.parametrize("engine", ["renderer", "atlas"])
def test_every_written_column_is_documented_with_its_type(tmp_path, engine):
    made = build(tmp_path, dataset={"identities": 2, "captures": 1}, engine={"name": engine})
    schema, page = made.rows().schema, documented()
    assert set(page) >= {*schema.names, "image"}
    assert engine == "renderer" or set(page) == {*schema.names, "image"}
    for field in schema:
        kind, _, meaning = page[field.name]
        assert meaning.strip(), field.name
        assert kind == ("list<float>" if field.name == "landmarks" else str(field.type)), field.name


def test_units_are_said_where_there_are_some():
    page = documented()
    assert page["capture_rotation"][1] == page["identity_skin_tone"][1] == "°"
    assert page["identity_ridge_period"][1] == "palm width" and page["capture_defocus"][1] == "px at 128"
    bare = {name for name, (kind, unit, _) in page.items() if kind == "double" and not unit.strip()}
    assert bare == STRENGTHS, "a number has a unit, or is a bare strength that is listed here"
