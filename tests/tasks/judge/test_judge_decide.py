"""Verdicts: prefix-stable as a dataset grows, one fate for each picture, the right reason of several."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.recipe import load
from palm_models.measure.quality import BOUNDS, Limit
from palm_models.shipped import SHIPPED
from tasks.judge.candidate import Candidate
from tasks.judge.decide import Rules, decide
from tasks.judge.gate import GateError
from tasks.judge.gates.leakage import Likeness
from tasks.judge.gates.quality import Bounds
from tasks.judge.gates.registry import GATES
from tasks.judge.gates.twins import Alike
from tasks.judge.thresholds import thresholds

LIMITS = tuple(
    Limit(name, *((0.1, 0.5) if side == "low" else (0.9, 0.5)), reason) for name, side, reason in BOUNDS
)
LIKENESS, BOUNDED = {"palm": 0.5, "hand": 0.3}, Bounds(0.0, (("palm", LIMITS), ("hand", LIMITS)))
THRESHOLDS = {
    "identity": LIKENESS, "twins": Alike(0.9, LIKENESS), "leakage": Likeness(0.7, BOUNDED), "hand": 0.15,
    "quality": BOUNDED, "duplicates": 6,
}  # fmt: skip
DIM = 64


def rules(identities=4, captures=3, attempts=3.0, use=tuple(THRESHOLDS)):
    gates = sorted(map(GATES.get, use), key=lambda gate: gate.rank)
    return Rules(gates, THRESHOLDS, identities, captures, attempts, [g for g in gates if g.column])


def template(index, seed=0):
    vector = np.random.default_rng([seed, index]).standard_normal(DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def row(index, capture, view="palm", **changed):
    rng = np.random.default_rng([index, capture, view == "hand"])
    good = {"sharpness": 0.5, "contrast": 0.5, "exposure": 0.5, "clipped": 0.5, "noise": 0.5}
    plain = {
        "sample_id": f"s{index:06d}_left_c{capture:03d}_{view}", "identity_id": f"s{index:06d}_left",
        "index": index, "capture": capture, "view": view, "augmented": False,
        "sha256": f"{index}-{capture}-{view}", "phash": rng.bytes(32), "leak_score": 0.2, "leak_photo": "p",
        "hand_error": 0.05 if view == "hand" else None,
    }  # fmt: skip
    return {**plain, **good, **changed}


def candidate(index, rows, vectors=None, own=None, referenced=True):
    own = template(index) if own is None else own
    vectors = np.stack(vectors or [own] * len(rows))
    return Candidate(index, rows[0]["identity_id"], rows, vectors, own, referenced)


def faults(verdict):
    return {
        r["sample_id"][-10:]: (f.gate, f.reason)
        for r, f in zip(verdict.candidate.rows, verdict.faults, strict=True)
        if f
    }


def build(world, plan):
    """Draw what is wanted and decide, until nothing is wanted; captures in `fails` show somebody else."""
    fails, twin_of = world
    drawn = {index: list(range(plan.captures)) for index in range(plan.identities)}
    while True:
        candidates = []
        for index, numbers in sorted(drawn.items()):
            own = template(twin_of.get(index, index))
            vectors = [-own if (index, c) in fails else own for c in numbers]
            candidates.append(candidate(index, [row(index, c) for c in numbers], vectors, own))
        decided = decide(candidates, plan)
        if not decided.wanted:
            return decided
        for index, numbers in decided.wanted.items():
            drawn.setdefault(index, []).extend(numbers)


def accepted(decided):
    return {
        (v.candidate.index, r["capture"])
        for v in decided.verdicts
        for r, f in zip(v.candidate.rows, v.faults, strict=True)
        if f is None
    }


worlds = st.tuples(
    st.sets(st.tuples(st.integers(0, 11), st.integers(0, 9)), max_size=50),
    st.dictionaries(st.integers(4, 9), st.integers(0, 3), max_size=2),
)


@given(worlds, st.integers(1, 5), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_growth_changes_nothing_that_was_accepted_and_the_sums_close(world, identities, captures, more):
    small = build(world, rules(identities, captures))
    wider = build(world, rules(identities + more, captures))
    assert accepted(small) <= accepted(wider)
    longer = build(world, rules(identities, captures + more))
    kept = {v.candidate.index for v in longer.verdicts if v.state == "accepted"}
    assert {pair for pair in accepted(small) if pair[0] in kept} <= accepted(longer)
    for decided, wanted in ((small, captures), (longer, captures + more)):
        whole = [v for v in decided.verdicts if v.state == "accepted"]
        assert all(sum(f is None for f in v.faults) == wanted for v in whole)
        assert all(
            f is not None and f.reason for v in decided.verdicts if v.state != "accepted" for f in v.faults
        )
        assert len(whole) == identities or len(decided.verdicts) == identities * 3


def test_what_is_rejected_is_replaced_by_further_captures():
    decided = decide([candidate(0, [row(0, 0), row(0, 1, sharpness=0.0), row(0, 2)])], rules(1))
    assert dict(decided.wanted) == {0: range(3, 4)} and decided.verdicts[0].state == "pending"


def test_attempts_end_and_the_identity_is_replaced():
    bad = [row(0, c, sharpness=0.0) for c in range(3)]
    decided = decide([candidate(0, bad)], rules(1, attempts=1.0))
    assert decided.verdicts[0].state == "rejected" and not decided.wanted
    further = decide([candidate(0, bad)], rules(1, attempts=2.0))
    assert further.wanted == {0: range(3, 6)}


def test_a_twin_falls_as_a_whole_and_another_identity_takes_its_place():
    pair = [
        candidate(0, [row(0, c) for c in range(3)]),
        candidate(1, [row(1, c) for c in range(3)], own=template(0)),
    ]
    decided = decide(pair, rules(2))
    assert [v.state for v in decided.verdicts] == ["accepted", "rejected"]
    assert set(faults(decided.verdicts[1]).values()) == {("twins", "twin")}
    assert decided.wanted == {2: range(3)}


def test_an_identity_copied_under_a_new_name_is_a_twin_and_a_single_strange_capture_is_not():
    copied = candidate(1, [row(1, c) for c in range(3)], [template(0)] * 3)
    mixed = candidate(2, [row(2, c) for c in range(3)], [template(2), template(0), template(2)])
    decided = decide([candidate(0, [row(0, c) for c in range(3)]), copied, mixed], rules(3))
    assert set(faults(decided.verdicts[1]).values()) == {("twins", "twin")}
    assert faults(decided.verdicts[2]) == {"_c001_palm": ("identity", "not_its_identity")}


def test_the_most_serious_reason_counts_and_the_capture_falls_as_a_whole():
    rows = [
        row(0, 0, leak_score=0.8, sharpness=0.0), row(0, 0, "hand"),
        row(0, 1), row(0, 1, "hand", hand_error=np.inf),
        row(0, 2, leak_score=0.9, exposure=0.0, sharpness=0.0), row(0, 2, "hand"),
    ]  # fmt: skip
    verdict = decide([candidate(0, rows)], rules(1)).verdicts[0]
    assert faults(verdict) == {
        "_c000_palm": ("leakage", "training_photo"), "_c000_hand": ("leakage", "training_photo"),
        "_c001_palm": ("hand", "hand_not_found"), "_c001_hand": ("hand", "hand_not_found"),
        "_c002_palm": ("quality", "dark"), "_c002_hand": ("quality", "dark"),
    }  # fmt: skip
    assert verdict.faults[1].because == rows[0]["sample_id"]


def test_a_switched_off_gate_rejects_nothing():
    rows = [row(0, 0, leak_score=0.99), row(0, 1, sharpness=0.0), row(0, 2, sha256="0-1-palm")]
    assert not faults(decide([candidate(0, rows)], rules(1, use=())).verdicts[0])
    kept = decide([candidate(0, rows)], rules(1, use=("duplicates",))).verdicts[0]
    assert faults(kept) == {"_c002_palm": ("duplicates", "duplicate_file")}


def test_nearly_the_same_picture_twice_is_a_duplicate_within_an_identity_only():
    word = row(0, 0)["phash"]
    near = bytes([word[0] ^ 3]) + word[1:]
    both = [
        candidate(0, [row(0, 0), row(0, 1, phash=near), row(0, 2)]),
        candidate(1, [row(1, 0, phash=word), row(1, 1), row(1, 2)]),
    ]
    first, second = decide(both, rules(2)).verdicts
    assert faults(first) == {"_c001_palm": ("duplicates", "duplicate_picture")} and not faults(second)


def test_an_engine_without_parameters_is_compared_with_its_first_captures():
    vectors = [template(0), template(0), template(5), template(0)]
    rows = [row(0, c) for c in range(4)]
    one = candidate(0, rows, vectors, referenced=False)
    verdict = decide([one], rules(1, captures=4)).verdicts[0]
    assert faults(verdict) == {"_c002_palm": ("identity", "not_its_identity")}


def test_the_shipped_thresholds_were_measured_with_the_shipped_encoder(write_recipe):
    found, note = thresholds(load(write_recipe()), SHIPPED, map(GATES.get, GATES.ours))
    assert not note, note
    assert all(0 < found["identity"][view] < found["twins"].most < 1 for view in ("palm", "hand"))


def test_a_recipe_may_be_stricter_than_the_calibration(write_recipe):
    strict = load(write_recipe(gates={"identity": 0.7, "leakage": 0.6, "hand": 0.05}))
    found = thresholds(strict, SHIPPED, map(GATES.get, GATES.ours)).of
    assert (found["identity"], found["hand"]) == ({"palm": 0.7, "hand": 0.7}, 0.05)
    assert found["leakage"].most == 0.6


def test_an_encoder_that_was_never_calibrated_is_named(write_recipe, tmp_path):
    shutil.copyfile(SHIPPED / "encoder.json", tmp_path / "encoder.json")
    with pytest.raises(GateError, match=r"gates\.json: missing.*bench\.gates\.gates calibrate"):
        thresholds(load(write_recipe()), tmp_path, [])
