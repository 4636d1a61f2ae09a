"""The gates as such: each tells what it rejects and why, in the words of the docs; nobody asks for a name."""

import re
from pathlib import Path

import pytest

from manifests.contract.schema import JUDGED
from manifests.recipe import RecipeError, parse
from palm_models.measure.quality import BOUNDS
from tasks.judge.gates.registry import GATES, gates_of, measuring

ROOT = Path(__file__).parents[3]
OURS = [GATES.get(name) for name in GATES.ours]


@pytest.mark.parametrize("gate", OURS, ids=lambda gate: gate.name)
def test_every_reason_of_a_gate_stands_in_its_line_of_the_docs(gate):
    page = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| {gate.name} \|.*$", page, re.MULTILINE)
    assert gate.reasons and all(f"`{reason}`" in line for reason in gate.reasons)
    assert gate.summary and GATES.get(gate.name) is gate


def test_the_gates_fill_the_columns_of_the_manifest_and_the_worst_comes_first():
    assert {gate.column for gate in OURS if gate.column} == set(JUDGED)
    assert len({gate.rank for gate in OURS}) == len(OURS)
    recipe = parse({"name": "x"})
    assert [gate.name for gate in gates_of(recipe)][:2] == ["leakage", "quality"]
    assert {gate.name for gate in measuring()} == {"quality", "identity", "duplicates"}
    assert set(dict(OURS[0].reasons)) == {reason for _, _, reason in BOUNDS}


def test_no_module_of_judging_asks_for_the_name_of_a_gate():
    files = sorted((ROOT / "tasks" / "judge").glob("*.py")) + sorted((ROOT / "tasks" / "report").glob("*.py"))
    names = re.compile("|".join(f'"{name}"' for name in ("twins", "leakage", "duplicates")))
    assert len(files) > 12
    assert [f.name for f in files if names.search(f.read_text(encoding="utf-8"))] == []


def test_a_wrong_name_is_refused_with_the_right_ones():
    with pytest.raises(
        RecipeError, match=r"gates\.use.*'twin'; did you mean twins\? there are quality, hand"
    ):
        parse({"name": "x", "gates": {"use": ["quality", "twin"]}})
    with pytest.raises(RecipeError, match="names something twice"):
        parse({"name": "x", "gates": {"use": ["quality", "quality"]}})
