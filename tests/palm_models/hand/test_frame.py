"""The canonical frames: where they put a hand, and that they follow it however the photo is moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palm_models.hand.frame import (
    HAND_MARGIN,
    INDEX_MCP,
    MIDDLE_MCP,
    PINKY_MCP,
    THUMB_TIP,
    WRIST,
    frame_matrix,
    palm_width,
    transform,
    valleys,
)

RIGHT = np.array(  # an upright right hand, palm to the viewer, in palm widths
    [
        (0.55, 2.0), (1.0, 1.75), (1.35, 1.35), (1.6, 1.05), (1.85, 0.8),
        (1.0, 0.75), (1.08, 0.2), (1.12, -0.15), (1.15, -0.45),
        (0.68, 0.68), (0.7, 0.05), (0.7, -0.35), (0.7, -0.7),
        (0.35, 0.75), (0.3, 0.17), (0.27, -0.2), (0.25, -0.5),
        (0.05, 0.95), (-0.08, 0.5), (-0.13, 0.22), (-0.17, 0.0),
    ],
    np.float64,
) * 200  # fmt: skip
LEFT = RIGHT * [-1, 1]
VIEWS = ["palm", "hand"]


def moved(points, angle, scale, shift):
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return points @ np.array([[cos, -sin], [sin, cos]]).T + shift


@pytest.mark.parametrize("view", VIEWS)
@given(angle=st.floats(0, 6.3), scale=st.floats(0.2, 5), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_views_follow_the_hand(view, angle, scale, x, y):
    still = transform(RIGHT, frame_matrix(RIGHT, view, 128))
    other = moved(RIGHT, angle, scale, [x, y])
    np.testing.assert_allclose(transform(other, frame_matrix(other, view, 128)), still, atol=0.01)


@pytest.mark.parametrize("view", VIEWS)
def test_views_scale_with_their_size(view):
    small = transform(RIGHT, frame_matrix(RIGHT, view, 64))
    large = transform(RIGHT, frame_matrix(RIGHT, view, 256))
    np.testing.assert_allclose(large, (small + 0.5) * 4 - 0.5, atol=0.01)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("hand", "sign"), [(RIGHT, 1), (LEFT, -1)])
def test_fingers_are_up_and_hands_are_not_mirrored(view, hand, sign):
    matrix = frame_matrix(hand, view, 128)
    points = transform(moved(hand, 2, 1.5, 30), frame_matrix(moved(hand, 2, 1.5, 30), view, 128))
    assert np.linalg.det(matrix[:, :2]) > 0
    assert points[MIDDLE_MCP, 1] < points[WRIST, 1]
    assert sign * (points[THUMB_TIP, 0] - points[PINKY_MCP, 0]) > 0


def test_palm_view_lies_below_the_valleys_and_between_knuckles_and_wrist():
    matrix = frame_matrix(RIGHT, "palm", 100)
    web = transform(np.array(valleys(RIGHT)), matrix)
    assert web[0, 1] == pytest.approx(web[1, 1], abs=0.01)  # level
    assert -10 < web[0, 1] < 0  # just above the view
    assert web[:, 0].min() > 10 and web[:, 0].max() < 90
    assert transform(RIGHT, matrix)[WRIST, 1] > 100


def test_hand_view_holds_all_landmarks_with_its_margin():
    for hand in (RIGHT, LEFT):
        points = transform(hand, frame_matrix(hand, "hand", 100))
        assert points.min() >= 100 * HAND_MARGIN - 1
        assert points.max() <= 100 * (1 - HAND_MARGIN)
        assert np.ptp(points, axis=0).max() == pytest.approx(100 * (1 - 2 * HAND_MARGIN), abs=0.01)


def test_palm_width_is_the_distance_of_the_outer_knuckles():
    assert palm_width(RIGHT) == pytest.approx(np.linalg.norm(RIGHT[INDEX_MCP] - RIGHT[PINKY_MCP]))


@pytest.mark.parametrize("landmarks", [np.zeros((21, 2)), np.full((21, 2), np.nan)])
def test_landmarks_that_span_no_palm_are_refused(landmarks):
    with pytest.raises(ValueError, match="no palm"):
        frame_matrix(landmarks, "palm", 128)
