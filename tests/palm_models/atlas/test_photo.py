"""How skin moves in the atlas's captures: with the thumb, and as a whole."""

from dataclasses import replace

import numpy as np
import pytest

from palm_models.atlas.atlas import draw_atlas
from palm_models.atlas.capture import make_capture
from palm_models.atlas.identity import make_identity
from palm_models.atlas.outline import REAL
from palm_models.atlas.photo import LooseSkin, lay, light_fall
from palm_models.hand.frame import INDEX_MCP, THUMB_TIP
from palm_models.render.warp import Skin, warp

BALL, RIM, FINGERTIP = np.array([0.55, 0.62]), np.array([-0.45, 0.4]), np.array([0.45, -1.5])
STILL = {"thumb": 0.0, "strain": 0.0, "deformation": 0.0}


def moved(place, capture=0, **controls):
    """Displacement of the skin at a place, palm widths."""
    return LooseSkin(make_capture(5, 0, "right", capture, {**STILL, **controls})).shift(place)


def test_a_thumb_brought_in_pushes_its_ball_towards_the_middle_of_the_palm():
    inwards = moved(BALL, thumb=20.0)
    assert inwards[0] < -0.02 and inwards[1] < -0.02
    np.testing.assert_allclose(moved(BALL, thumb=-20.0), -inwards)
    assert np.linalg.norm(moved(RIM, thumb=20.0)) < 0.001


def test_a_thumb_brought_in_comes_nearer_and_throws_folds_over_its_ball():
    identity = make_identity(5, 0, "right", {"thumb_folds": 1.5})
    atlas = draw_atlas(identity, "palm", 96)

    def seen(thumb):
        """How near the thumb is to the index finger, and the valleys of the skin."""
        capture = make_capture(5, 0, "right", 0, {**STILL, "thumb": thumb})
        geometry = warp(identity, capture, "palm", 96, REAL, Skin(capture))
        tip, knuckle = geometry.landmarks[[THUMB_TIP, INDEX_MCP]]
        return np.linalg.norm(tip - knuckle), lay(atlas, geometry, identity, capture).valley

    (near, folded), (far, flat) = seen(20.0), seen(-25.0)
    assert near < far
    assert (folded - flat)[40:, 48:].max() > 0.3


def test_strain_moves_the_palm_and_spares_the_fingers():
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 9), np.linspace(-0.1, 0.9, 9)), axis=-1)
    sizes = [np.linalg.norm(moved(grid, c, strain=0.05), axis=-1) for c in range(20)]
    assert 0.005 < np.mean(sizes) < 0.05
    assert np.mean([np.linalg.norm(moved(FINGERTIP, c, strain=0.05)) for c in range(20)]) < 0.02


def test_without_thumb_and_strain_skin_moves_as_in_every_engine():
    capture = make_capture(5, 0, "right", 1, {"thumb": 0.0, "strain": 0.0})
    np.testing.assert_array_equal(LooseSkin(capture).shift(RIM), Skin(capture).shift(RIM))


@pytest.mark.parametrize("capture", range(3))
def test_strain_is_smooth_enough_to_be_undone(capture):
    """The way back is found by repetition, which needs a displacement that changes slower than place does."""
    skin = LooseSkin(make_capture(5, 0, "right", capture, {"thumb": -28.0, "strain": 0.1}))
    point = place = np.array([[0.5, 0.6], [-0.4, 0.8], [0.0, -0.1]])
    for _ in range(40):
        place = point + skin.shift(place)
    np.testing.assert_allclose(place - skin.shift(place), point, atol=1e-4)


def test_light_falls_off_to_another_side_in_every_capture():
    """What a recogniser shall not go by: no capture's light is another's, over half the picture and more."""
    slopes = []
    for number in range(30):
        capture = make_capture(5, 0, "right", number, {"unevenness": 0.2})
        light = np.log(light_fall(capture, (64, 64)))
        y, x = np.mgrid[-1:1:64j, -1:1:64j]
        plane = np.stack([np.ones(x.size), x.ravel(), y.ravel()], axis=1)
        slopes.append(np.linalg.lstsq(plane, light.ravel(), rcond=None)[0][1:])
    assert 0.1 < np.std(slopes) < 0.35
    assert abs(np.mean(slopes)) < 0.1


def test_without_unevenness_light_is_even():
    capture = make_capture(5, 0, "right", 0, {"unevenness": 0.0})
    np.testing.assert_array_equal(light_fall(capture, (8, 8)), np.ones((8, 8), np.float32))


def test_skin_away_from_creases_has_no_tones_of_its_own():
    """Broad patches of pigment that were one person's for life taught recognisers to look at nothing else."""
    for subject in range(4):
        identity = make_identity(5, subject, "right", {"fans": 0.0})
        dark = draw_atlas(replace(identity, marks=()), "palm", 64).colour[..., 1]
        assert not dark.any()
