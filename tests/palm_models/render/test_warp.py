import numpy as np

from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.hand.skeleton import MEAN_HAND
from palm_models.render.warp import warp


def test_pixels_at_landmarks_come_from_the_resting_joints() -> None:
    identity = make_identity(3, 0, "left")
    for number in range(3):
        capture = make_capture(3, 0, "left", number)
        seen = warp(identity, capture, "hand", 256)
        for joint in (5, 9, 13, 17, 6, 10, 14):
            x, y = np.round(seen.landmarks[joint]).astype(int)
            resting = seen.resting[y, x]
            expected = MEAN_HAND[joint]
            assert np.linalg.norm(resting - expected) < 0.25
            assert seen.distance[y, x] < 0


def test_deformation_moves_the_skin_and_its_landmarks() -> None:
    identity = make_identity(3, 0, "right")
    still, moved = (
        warp(identity, make_capture(3, 0, "right", 0, {"deformation": d}), "palm", 128) for d in (0.0, 0.03)
    )
    shift = np.linalg.norm(still.resting - moved.resting, axis=2) * still.scale
    assert 0.5 < shift.mean() < 12
    assert not np.allclose(still.landmarks, moved.landmarks, atol=0.1)
