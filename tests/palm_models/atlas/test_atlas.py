"""The atlas engine: one skin at every size, captures apart from each other, devices and controls."""

import json

import cv2
import numpy as np
import pytest

from manifests.words import View
from palm_models.atlas.atlas import draw_atlas
from palm_models.atlas.capture import Capture, make_capture
from palm_models.atlas.identity import Identity, make_identity
from palm_models.atlas.priors import CAPTURE, DEVICES
from palm_models.engines.atlas import AtlasEngine
from palm_models.hand.joints import folds
from palm_models.hand.skeleton import FINGERS, rest
from palm_models.render.skin import linear_to_lab, tone_to_lab

STILL = {"device": "phone_indoors", "metering": 0.0,
         "exposure": 0.0, "warmth": 0.0, "tint": 0.0, "flush": 0.0,
         "saturation": 1.0, "contrast": 1.0, "unevenness": 0.0, "equalise": 0.0, "veil": 0.0, "noise": 0.5,
         "sharpening": 0.0, "defocus": 0.4, "motion": 0.0}  # fmt: skip


@pytest.fixture(scope="module")
def identity() -> Identity:
    return make_identity(3, 1, "right")


def shots(count: int, **controls: object) -> list[Capture]:
    return [make_capture(3, 1, "right", k, controls) for k in range(count)]


def test_the_same_bytes_again(identity: Identity) -> None:
    once, again = (AtlasEngine().draw(identity, shots(2), "palm", 64) for _ in range(2))
    assert all(
        (a.image == b.image).all() and (a.landmarks == b.landmarks).all()
        for a, b in zip(once, again, strict=True)
    )
    assert once[0].image.shape == (64, 64, 3) and once[0].landmarks.shape == (21, 2)


def test_tones_are_made_equal_in_palms_alone(identity: Identity) -> None:
    plain, equal = shots(1, equalise=0.0), shots(1, equalise=0.9)
    expected: list[tuple[View, bool]] = [("palm", False), ("hand", True)]
    for view, same in expected:
        one, other = (AtlasEngine().draw(identity, some, view, 96)[0].image for some in (plain, equal))
        assert (one == other).all() == same


def test_folds_of_free_joints_cross_the_whole_finger(identity: Identity) -> None:
    hand = rest(identity.scalars())
    for row, chain in enumerate(FINGERS.values()):
        last = hand.joints[chain[2]]
        across = [f for f in folds(identity, hand) if np.hypot(f.x - last[0], f.y - last[1]) < 0.3]
        assert across
        assert max(f.length for f in across) >= 2 * hand.radii[row, 2]


def test_a_capture_does_not_depend_on_the_others(identity: Identity) -> None:
    all_of_them = AtlasEngine().draw(identity, shots(3), "palm", 64)
    alone = AtlasEngine().draw(identity, [make_capture(3, 1, "right", 2)], "palm", 64)
    assert (all_of_them[2].image == alone[0].image).all()


def test_parameters_return_from_json(identity: Identity) -> None:
    capture = make_capture(3, 1, "right", 4)
    assert Identity.from_dict(json.loads(json.dumps(identity.to_dict()))) == identity
    assert Capture.from_dict(json.loads(json.dumps(capture.to_dict()))) == capture
    assert {"device", "session"} <= set(capture.scalars())


def test_sessions_are_blocks_of_captures_that_share_their_seed() -> None:
    captures = shots(24)
    sessions = [c.session for c in captures]
    assert sessions == sorted(sessions) and sessions[0] == 0 and sessions[-1] >= 4
    assert set(np.bincount(sessions)[:-1]) <= {2, 3, 4, 5}
    assert len({(c.session, c.session_seed) for c in captures}) == sessions[-1] + 1


def test_both_hands_of_a_subject_are_related_and_differ() -> None:
    left, right = make_identity(3, 1, "left"), make_identity(3, 1, "right")
    assert abs(left.skin_tone - right.skin_tone) < 12 and left.texture_seed != right.texture_seed


@pytest.mark.parametrize("device", DEVICES)
def test_a_fixed_device(device: str) -> None:
    captures = [make_capture(5, s, "left", 0, {"device": device}) for s in range(8)]
    assert {c.device for c in captures} == {device}


def test_weighted_devices_leave_other_draws_alone() -> None:
    weights = {"scanner": 3, "webcam": 1.0, "spectral": 0}
    drawn = [make_capture(5, s, "left", 0, {"device": weights}) for s in range(200)]
    share = np.mean([c.device == "scanner" for c in drawn])
    assert {c.device for c in drawn} == {"scanner", "webcam"} and 0.6 < share < 0.9
    plain = [make_capture(5, s, "left", 0) for s in range(200)]
    assert [c.shift_x for c in drawn] == [c.shift_x for c in plain]


@pytest.mark.parametrize("wish", ["camera", {"camera": 1}, {"scanner": 0}, {"scanner": -1, "webcam": 2}])
def test_impossible_devices_are_refused(wish: object) -> None:
    with pytest.raises(ValueError, match="scanner"):
        make_capture(1, 1, "left", 0, {"device": wish})


def test_a_control_overrides_the_device() -> None:
    for capture in shots(5, device="spectral", grey=False, noise=3.0):
        assert not capture.grey and capture.noise == 3.0
    with pytest.raises(ValueError, match="unknown control"):
        make_capture(1, 1, "left", 0, {"nose": 1.0})


def test_grey_sensors_store_grey(identity: Identity) -> None:
    image = AtlasEngine().draw(identity, shots(1, device="spectral"), "palm", 64)[0].image
    assert (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all()


@pytest.mark.parametrize("tone", [-35.0, 0.0, 30.0, 55.0])
def test_the_skin_has_the_tone_asked_for(tone: float) -> None:
    apart = []
    for subject in range(4):
        identity = make_identity(9, subject, "right", {"skin_tone": tone})
        image = (
            AtlasEngine().draw(identity, [make_capture(9, subject, "right", 0, STILL)], "palm", 64)[0].image
        )
        encoded = image.reshape(-1, 3) / 255
        linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
        apart.append(
            np.linalg.norm(linear_to_lab(np.median(linear, axis=0)) - tone_to_lab(tone, identity.redness))
        )
    assert np.mean(apart) < 5


def test_the_same_picture_at_every_size(identity: Identity) -> None:
    capture = shots(1, device="phone_indoors", noise=0.0, jpeg=100.0, defocus=1.0)
    small, large = (AtlasEngine().draw(identity, capture, "palm", size)[0] for size in (128, 256))
    reduced = cv2.resize(large.image, (128, 128), interpolation=cv2.INTER_AREA).astype(float)
    assert np.corrcoef(reduced.ravel(), small.image.astype(float).ravel())[0, 1] > 0.98
    assert np.abs(large.landmarks / 2 - 0.25 - small.landmarks).max() < 0.5


def test_captures_of_a_hand_are_nearer_than_those_of_others() -> None:
    atlases = [draw_atlas(make_identity(4, s, "right"), "palm", 60) for s in range(2)]
    again = draw_atlas(make_identity(4, 0, "right"), "palm", 60)
    assert (again.lines == atlases[0].lines).all() and (atlases[1].lines != atlases[0].lines).any()


def test_scars_lie_where_they_are_recorded() -> None:
    marked = make_identity(3, 1, "right", {"scars": 2})
    atlas = draw_atlas(marked, "palm", 100)
    scar = next(m for m in marked.marks if m.kind == "scar")
    x, y = round((scar.x - atlas.origin[0]) * 100), round((scar.y - atlas.origin[1]) * 100)
    assert atlas.colour[y - 4 : y + 5, x - 4 : x + 5, 2].max() > 0.2


def test_every_control_has_a_device_that_draws_it() -> None:
    assert all(set(table) <= set(CAPTURE) for table in DEVICES.values()) and len(DEVICES) >= 6


def test_a_hand_is_drawn_whole(identity: Identity) -> None:
    drawing = AtlasEngine().draw(identity, shots(1), "hand", 96)[0]
    assert drawing.image.shape == (96, 96, 3) and drawing.image.std() > 5


def test_a_late_capture_costs_no_more_draws_than_the_first(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "palm_models.atlas.capture.generator",
        lambda *at: (drawn.append(at), np.random.default_rng(0))[1],  # type: ignore[func-returns-value]
    )
    counts = []
    for number in (0, 1_000_000):  # a reference of the gates is such a capture
        drawn.clear()
        make_capture(1, 2, "left", number)
        counts.append(len(drawn))
    assert counts[0] == counts[1]
