import json

import numpy as np
import pytest

from palm_models.hand.creases import KNOTS, trace
from palm_models.hand.identity import CONTROLS, Identity, make_identity
from palm_models.hand.skeleton import palm_distance, rest


def test_same_counter_same_identity() -> None:
    assert make_identity(5, 3, "left") == make_identity(5, 3, "left")
    assert make_identity(5, 3, "left") != make_identity(6, 3, "left")


def test_survives_json() -> None:
    identity = make_identity(1, 0, "right", {"scars": 2, "moles": 1})
    assert Identity.from_dict(json.loads(json.dumps(identity.to_dict()))) == identity


def test_hands_of_a_subject_are_related_but_different() -> None:
    pairs = [(make_identity(2, s, "left"), make_identity(2, s, "right")) for s in range(40)]
    tones = np.array([[a.skin_tone, b.skin_tone] for a, b in pairs])
    assert np.corrcoef(tones.T)[0, 1] > 0.95
    starts = np.array([[a.creases[0].y, b.creases[0].y] for a, b in pairs])
    assert 0.05 < np.corrcoef(starts.T)[0, 1] < 0.95
    assert all(a.creases != b.creases for a, b in pairs)


def test_no_crease_leaves_the_palm() -> None:
    for subject in range(30):
        identity = make_identity(8, subject, "left")
        skeleton = rest(identity.scalars())
        assert palm_distance(skeleton, trace(identity.creases)).max() < 0.0
        assert all(len(crease.turn) == KNOTS for crease in identity.creases)


def test_every_identity_has_its_own_creases() -> None:
    starts = {make_identity(0, s, h).creases[:3] for s in range(60) for h in ("left", "right")}
    assert len(starts) == 120


def test_fixed_control_changes_nothing_else() -> None:
    free, fixed = make_identity(4, 7, "right"), make_identity(4, 7, "right", {"skin_tone": -30.0})
    assert fixed.skin_tone == -30.0
    assert fixed.creases == free.creases
    assert {k: v for k, v in fixed.scalars().items() if k != "skin_tone"} == {
        k: v for k, v in free.scalars().items() if k != "skin_tone"
    }


def test_more_scars_keep_the_creases() -> None:
    assert (
        make_identity(4, 7, "right", {"scars": 3}).creases
        == make_identity(4, 7, "right", {"scars": 0}).creases
    )
    scars = [m for m in make_identity(4, 7, "right", {"scars": 3}).marks if m.kind == "scar"]
    assert len(scars) == 3


def test_distribution_control_is_followed() -> None:
    tones = [make_identity(0, s, "left", {"skin_tone": {"low": 10, "high": 20}}).skin_tone for s in range(50)]
    assert 10 <= min(tones) < 13 and 17 < max(tones) <= 20


@pytest.mark.parametrize(
    "controls",
    [{"skin_colour": 3}, {"skin_tone": 200}, {"skin_tone": "dark"}, {"scars": 1.5}, {"simian": 1},
     {"skin_tone": {"low": 5}}, {"skin_tone": {"low": 9, "high": 2}}, {"scars": {"choices": []}},
     {"skin_tone": {"mean": 0, "sd": -1}}, {"simian": {"low": 0, "high": 1}}],
)  # fmt: skip
def test_impossible_control_is_named(controls: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(controls))):
        make_identity(0, 0, "left", controls)


def test_unknown_control_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match="skin_tone") as error:
        make_identity(0, 0, "left", {"skincolor": 3})
    assert all(name in str(error.value) for name in CONTROLS)


def test_hand_must_be_left_or_right() -> None:
    with pytest.raises(ValueError, match="left"):
        make_identity(0, 0, "both")
