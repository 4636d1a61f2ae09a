import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from manifests.words import Hand, View
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import Capture, make_capture
from palm_models.hand.identity import Identity, make_identity
from palm_models.render.skin import linear_to_lab, tone_to_lab, typology_angle

NEUTRAL = {
    "exposure": 0.0, "contrast": 1.0, "saturation": 1.0, "warmth": 0.0, "tint": 0.0, "noise": 0.0,
    "jpeg": 100.0,
    "unevenness": 0.0, "infrared": False, "flush": 0.0, "ambient": 0.85, "light_elevation": 80.0,
    "sharpening": 0.0,
    "motion": 0.0, "metering": 0.0, "shift_x": 0.0, "shift_y": 0.0, "scale": 1.0, "rotation": 0.0,
}  # fmt: skip


def pair(subject: int = 0, hand: Hand = "right", **controls: object) -> tuple[Identity, Capture]:
    return make_identity(9, subject, hand), make_capture(9, subject, hand, 0, {**NEUTRAL, **controls})


@pytest.mark.parametrize(("view", "size"), [("palm", 128), ("palm", 96), ("hand", 192)])
def test_picture_and_landmarks(view: View, size: int) -> None:
    identity, capture = pair()
    (drawing,) = RendererEngine().draw(identity, [capture], view, size)
    assert drawing.image.shape == (size, size, 3) and drawing.image.dtype == np.uint8
    assert drawing.landmarks.shape == (21, 2) and drawing.landmarks.dtype == np.float32
    if view == "hand":
        assert drawing.landmarks.min() > 0 and drawing.landmarks.max() < size


def test_result_does_not_depend_on_company_or_order() -> None:
    identity = make_identity(1, 4, "left")
    captures = [make_capture(1, 4, "left", k) for k in range(4)]
    together = RendererEngine().draw(identity, captures, "palm", 128)
    alone = RendererEngine().draw(identity, [captures[2]], "palm", 128)[0]
    turned = RendererEngine().draw(identity, captures[::-1], "palm", 128)[::-1]
    assert np.array_equal(together[2].image, alone.image)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(together, turned, strict=True))


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "from hashlib import sha256; from palm_models.hand.identity import make_identity;"
        "from palm_models.hand.capture import make_capture;"
        "from palm_models.engines.renderer import RendererEngine;"
        "i, c = make_identity(1, 4, 'left'), make_capture(1, 4, 'left', 1);"
        "d = RendererEngine().draw(i, [c], 'palm', 128)[0];"
        "print(sha256(d.image.tobytes() + d.landmarks.tobytes()).hexdigest())"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = RendererEngine().draw(make_identity(1, 4, "left"), [make_capture(1, 4, "left", 1)], "palm", 128)[0]
    assert out == sha256(here.image.tobytes() + here.landmarks.tobytes()).hexdigest()


def test_captures_of_one_hand_differ_less_than_two_hands() -> None:
    def grey(subject: int, number: int) -> np.ndarray:
        capture = make_capture(3, subject, "right", number, NEUTRAL | {"deformation": 0.0, "fading": 0.0})
        image = RendererEngine().draw(make_identity(3, subject, "right"), [capture], "palm", 128)[0].image
        flat = image.mean(axis=2) - image.mean()
        return np.asarray(flat / flat.std())

    same = [(grey(s, 0) * grey(s, 1)).mean() for s in range(6)]
    other = [(grey(s, 0) * grey(s + 1, 1)).mean() for s in range(6)]
    assert np.mean(same) > np.mean(other) + 0.2


@pytest.mark.parametrize("tone", [-35.0, 0.0, 25.0, 50.0])
def test_measured_skin_tone_follows_the_one_asked_for(tone: float) -> None:
    identity = make_identity(2, 1, "right", {"skin_tone": tone, "mottling": 0.1, "veins": 0.0})
    (drawing,) = RendererEngine().draw(identity, [make_capture(2, 1, "right", 0, NEUTRAL)], "palm", 128)
    encoded = np.median(drawing.image.reshape(-1, 3), axis=0) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    lab = linear_to_lab(linear)
    assert np.linalg.norm(lab - tone_to_lab(tone, identity.redness)) < 9.0
    assert abs(typology_angle(lab) - tone) < 20.0


def test_left_hands_have_the_thumb_on_the_left() -> None:
    for hand, side in (("left", -1), ("right", 1)):
        identity, capture = pair(hand=hand)
        landmarks = RendererEngine().draw(identity, [capture], "hand", 128)[0].landmarks
        assert np.sign(landmarks[4, 0] - landmarks[20, 0]) == side
        assert landmarks[12, 1] < landmarks[0, 1]


def test_infrared_is_grey() -> None:
    identity, capture = pair(infrared=True)
    image = RendererEngine().draw(identity, [capture], "palm", 128)[0].image
    assert np.ptp(image.astype(int), axis=2).max() <= 1


def test_scar_shows_where_it_lies() -> None:
    identity = make_identity(6, 0, "right", {"scars": 1, "moles": 0})
    capture = make_capture(6, 0, "right", 0, NEUTRAL)
    clean = replace(identity, marks=tuple(m for m in identity.marks if m.kind != "scar"))
    with_scar, without = (
        RendererEngine().draw(i, [capture], "palm", 128)[0].image for i in (identity, clean)
    )
    changed = np.abs(with_scar.astype(int) - without).max(axis=2) > 8
    assert 30 < changed.sum() < 2000
