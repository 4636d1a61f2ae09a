"""The release gate names each limit that is broken, by how much, and what to change."""

import numpy as np
import pytest

from flows.cli.options import friendly_errors
from manifests.recipe import parse
from tasks.judge.candidate import Candidate, Fault, Verdict
from tasks.judge.release import ReleaseError, breaches_of

RECIPE = parse({"name": "palms", "dataset": {"identities": 4, "captures": 2}})
LEAK, TWIN = Fault("leakage", "training_photo", 0.8, 0.7), Fault("twins", "twin", 0.9, 0.8)


def verdict(index, faults=(None, None), state="accepted", direction=None):
    centre = np.eye(8, dtype=np.float32)[index if direction is None else direction]
    rows = [{"sample_id": f"{index}-{c}", "capture": c} for c in range(len(faults))]
    candidate = Candidate(index, f"identity{index}", rows, np.stack([centre] * len(faults)), centre)
    return Verdict(candidate, faults, {"identity_score": [0.8] * len(faults)}, state)


def gates(verdicts):
    return [breach.gate for breach in breaches_of(RECIPE, verdicts)]


def test_a_clean_dataset_is_released():
    assert gates([verdict(i) for i in range(4)]) == []


def test_leaks_and_twins_stop_it_though_they_were_kept_out():
    clean = [verdict(i) for i in range(4)]
    assert gates([*clean, verdict(4, (LEAK, None, None), "accepted")])[:1] == ["leakage"]
    assert gates([*clean, verdict(4, (TWIN, TWIN), "rejected")]) == ["twins"]


def test_falling_short_and_lacking_pictures_stop_it():
    assert gates([verdict(i) for i in range(3)]) == ["attempts"]
    assert "balance" in gates([*(verdict(i) for i in range(3)), verdict(3, (None,))])


def test_identities_whose_pictures_overlap_stop_it():
    assert gates([*(verdict(i) for i in range(3)), verdict(3, direction=0)]) == ["overlap"]


def test_most_pictures_rejected_stop_it_and_what_was_not_needed_does_not_count():
    blurred, surplus = Fault("quality", "blurred", 0.01, 0.04), Fault("surplus", "identity_not_needed")
    clean = [verdict(i) for i in range(4)]
    assert gates([*clean, verdict(4, (blurred,) * 20, "rejected")]) == ["rejects"]
    assert gates([*clean, verdict(4, (surplus,) * 20, "rejected")]) == []


def test_each_breach_says_by_how_much_and_what_to_change():
    (breach,) = breaches_of(RECIPE, [verdict(i) for i in range(3)])
    assert str(breach) == (
        "attempts: identities that passed: 3, allowed 4. "
        "More gates.attempts, milder values in [capture], or fewer dataset.identities"
    )


def test_the_command_line_ends_with_3(capsys):
    with pytest.raises(SystemExit) as ending, friendly_errors():
        raise ReleaseError("palms is not published")
    assert ending.value.code == 3 and "palms is not published" in capsys.readouterr().err
