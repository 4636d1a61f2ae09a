import numpy as np

from palm_models.capture import make_capture
from palm_models.hand import MEAN_HAND
from palm_models.identity import make_identity
from palm_models.renderer import RendererEngine
from palm_models.structure import structure, structures
from palm_models.warp import warp


def test_structure_map_is_what_the_renderer_draws() -> None:
    identity, capture = make_identity(1, 0, "left"), make_capture(1, 0, "left", 0)
    found = structure(identity, capture, "palm", 128)
    (drawing,) = RendererEngine().draw(identity, [capture], "palm", 128)
    assert np.array_equal(found.picture, drawing.image)
    assert np.array_equal(found.landmarks, drawing.landmarks)
    assert found.relief.shape == found.mask.shape == (128, 128)
    assert found.mask.mean() > 0.9


def test_light_and_noise_do_not_reach_the_relief() -> None:
    identity = make_identity(1, 0, "left")
    dark, bright = (
        make_capture(1, 0, "left", 0, {"exposure": e, "noise": n, "light_azimuth": a})
        for e, n, a in ((-1.0, 0.0, 10.0), (0.5, 8.0, 200.0))
    )
    first, second = (structure(identity, capture, "palm", 128) for capture in (dark, bright))
    assert np.array_equal(first.relief, second.relief)
    assert not np.array_equal(first.picture, second.picture)


def test_relief_is_dark_in_creases_and_white_outside() -> None:
    (found,) = structures(make_identity(1, 2, "right"), [make_capture(1, 2, "right", 0)], "hand", 128)
    assert (found.relief[~found.mask] == 255).all()
    inside = found.relief[found.mask]
    assert np.median(inside) - np.quantile(inside, 0.02) > 25


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
