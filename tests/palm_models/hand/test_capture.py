import json

import pytest

from palm_models.hand.capture import CONTROLS, Capture, make_capture


def test_same_counter_same_capture() -> None:
    assert make_capture(1, 2, "left", 3) == make_capture(1, 2, "left", 3)
    assert (
        len({make_capture(1, s, h, k) for s in range(4) for h in ("left", "right") for k in range(4)}) == 32
    )


def test_survives_json() -> None:
    capture = make_capture(1, 0, "right", 2)
    assert Capture.from_dict(json.loads(json.dumps(capture.to_dict()))) == capture


def test_scalars_are_the_controls() -> None:
    assert set(make_capture(0, 0, "left", 0).scalars()) == set(CONTROLS)
    assert all(CONTROLS.values())


def test_fixed_control_changes_nothing_else() -> None:
    free, fixed = (
        make_capture(3, 1, "left", 5),
        make_capture(3, 1, "left", 5, {"ring": True, "bracelet": "watch"}),
    )
    assert fixed.ring is True and fixed.bracelet == "watch"
    rest = set(CONTROLS) - {"ring", "bracelet"}
    assert all(free.scalars()[name] == fixed.scalars()[name] for name in rest)
    assert free.skin_seed == fixed.skin_seed


def test_choices_are_drawn_from() -> None:
    drawn = {
        make_capture(0, s, "left", 0, {"bracelet": {"choices": ["bracelet", "watch"]}}).bracelet
        for s in range(20)
    }
    assert drawn == {"bracelet", "watch"}


@pytest.mark.parametrize("controls", [{"bracelet": "chain"}, {"ring": "yes"}, {"light": 1.0}, {"jpeg": 5}])
def test_impossible_control_is_named(controls: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(controls))):
        make_capture(0, 0, "left", 0, controls)
