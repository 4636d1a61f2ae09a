"""The canonical frames: where they put a hand, and that they follow it however the photo is moved."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palm_models.hand.capture import make_capture
from palm_models.hand.frame import (
    HAND_MARGIN,
    INDEX_MCP,
    MIDDLE_MCP,
    PALM_POINTS,
    PINKY_MCP,
    THUMB_TIP,
    WRIST,
    frame_matrix,
    looks_left,
    palm_width,
    photo_matrix,
    transform,
    valleys,
)
from palm_models.hand.identity import make_identity
from palm_models.hand.skeleton import landmarks, pose, rest

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
FRAMES = [frame_matrix, photo_matrix]


def moved(points, angle, scale, shift):
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return points @ np.array([[cos, -sin], [sin, cos]]).T + shift


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("view", VIEWS)
@given(angle=st.floats(0, 6.3), scale=st.floats(0.2, 5), x=st.floats(-500, 500), y=st.floats(-500, 500))
def test_views_follow_the_hand(frame, view, angle, scale, x, y):
    still = transform(RIGHT, frame(RIGHT, view, 128))
    other = moved(RIGHT, angle, scale, [x, y])
    np.testing.assert_allclose(transform(other, frame(other, view, 128)), still, atol=0.01)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_scale_with_their_size(frame, view):
    small = transform(RIGHT, frame(RIGHT, view, 64))
    large = transform(RIGHT, frame(RIGHT, view, 256))
    np.testing.assert_allclose(large, (small + 0.5) * 4 - 0.5, atol=0.01)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("hand", "sign"), [(RIGHT, 1), (LEFT, -1)])
def test_fingers_are_up_and_hands_are_not_mirrored(frame, view, hand, sign):
    matrix = frame(hand, view, 128)
    points = transform(moved(hand, 2, 1.5, 30), frame(moved(hand, 2, 1.5, 30), view, 128))
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


@pytest.mark.parametrize("side", [1, -1])
def test_a_photographs_palm_view_lies_on_the_palm_points(side):
    mean = np.zeros((21, 2))
    mean[list(PALM_POINTS)] = np.array(list(PALM_POINTS.values())) * [side, 1]
    hand = moved(mean, 0.7, 300, [50, -20])
    assert looks_left(hand) == (side < 0)
    points = transform(hand, photo_matrix(hand, "palm", 100))[list(PALM_POINTS)]
    expected = np.array(list(PALM_POINTS.values())) * 100 - 0.5
    expected[:, 0] = expected[:, 0] if side > 0 else 99 - expected[:, 0]
    np.testing.assert_allclose(points, expected, atol=1e-3)


def test_the_docs_name_the_same_places():
    page = (Path(__file__).parents[3] / "docs" / "evaluating.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith("| x, y |")]
    cells = [cell.replace("−", "-").split(",") for cell in row.strip("| ").split("|")[1:]]
    assert [tuple(map(float, cell)) for cell in cells] == list(PALM_POINTS.values())


def test_spread_fingers_move_the_valleys_and_not_a_photographs_palm_view():
    identity = make_identity(3, 0, "right")
    corners = np.array([[0, 0], [99, 0], [99, 99], [0, 99.0]])

    def moves(frame):
        """How far the view's corners move on the palm, of 100, when the fingers are spread."""
        views = []
        for spread in (-10, 14):
            capture = make_capture(3, 0, "right", 0, {"spread": spread, "sway": 0, "bend": 0})
            views.append(frame(landmarks(pose(rest(identity.scalars()), capture)), "palm", 100))
        there = [np.linalg.inv(np.vstack([m, [0, 0, 1]]))[:2] for m in views]
        return np.linalg.norm(transform(transform(corners, there[0]), views[1]) - corners, axis=1).max()

    assert moves(photo_matrix) < 0.1 * moves(frame_matrix)
    assert moves(frame_matrix) > 3


def test_hand_view_holds_all_landmarks_with_its_margin():
    for hand in (RIGHT, LEFT):
        points = transform(hand, frame_matrix(hand, "hand", 100))
        assert points.min() >= 100 * HAND_MARGIN - 1
        assert points.max() <= 100 * (1 - HAND_MARGIN)
        assert np.ptp(points, axis=0).max() == pytest.approx(100 * (1 - 2 * HAND_MARGIN), abs=0.01)


def test_palm_width_is_the_distance_of_the_outer_knuckles():
    assert palm_width(RIGHT) == pytest.approx(np.linalg.norm(RIGHT[INDEX_MCP] - RIGHT[PINKY_MCP]))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("points", [np.zeros((21, 2)), np.full((21, 2), np.nan)])
def test_landmarks_that_span_no_palm_are_refused(frame, points):
    with pytest.raises(ValueError, match="no palm"):
        frame(points, "palm", 128)
