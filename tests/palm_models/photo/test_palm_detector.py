"""The palm detector points at the palm's joints at every side it is run at, and counts no palm twice."""

import cv2
import numpy as np
import pytest

from palm_models.hand.frame import palm_width
from palm_models.photo.hand_model import DETECTOR, hand_model, members
from palm_models.photo.palm_detector import LANDMARKS, PalmDetector, anchors, merged, overlap, resized
from tests.helpers.hands import SIZE, drawn_hand


def shown(side):
    """A drawn hand, its fingers up, at half of a picture of `side` px, and its landmarks there."""
    rgb, landmarks = drawn_hand("right")
    scale = 0.7 * side / SIZE
    matrix = np.array([[scale, 0, 0.15 * side], [0, scale, 0.15 * side]])
    soft = cv2.GaussianBlur(rgb, (0, 0), 0.5 / scale)
    picture = cv2.warpAffine(soft, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return picture, landmarks * scale + 0.15 * side


@pytest.mark.parametrize("side", [96, 128, 192])
def test_points_lie_on_the_joints_at_every_side(side):
    picture, truth = shown(side)
    (palm,) = PalmDetector(members(hand_model())[DETECTOR], side).detect(picture, 0.5)
    apart = np.linalg.norm(palm.landmarks - truth, axis=1) / palm_width(truth)
    assert np.isnan(apart).sum() == 21 - len(LANDMARKS)
    assert np.nanmean(apart) < 0.15
    assert 0.5 <= palm.score <= 1


def test_nothing_is_found_above_a_score_that_none_reaches():
    detector = PalmDetector(members(hand_model())[DETECTOR], 128)
    assert detector.detect(shown(128)[0], 1.0) == []
    assert detector.detect(np.zeros((128, 128, 3), np.uint8), 0.5) == []


def test_anchors_stand_in_the_middle_of_their_places():
    places = anchors(192)
    assert places.shape == (2016, 2)  # as many as the network answers
    np.testing.assert_array_equal(places[:4], [[4, 4], [4, 4], [12, 4], [12, 4]])
    np.testing.assert_array_equal(places[-1], [184, 184])


def test_network_as_trained_is_left_alone():
    model = members(hand_model())[DETECTOR]
    assert resized(model, 192) is model


def box(x, y, side, point=0.0):
    """A box with its seven points at one place."""
    return np.array([[x, y], [side, side], *[[point, point]] * 7], np.float32)


def test_overlap_is_intersection_over_union():
    found = overlap(box(0, 0, 2), np.stack([box(0, 0, 2), box(1, 0, 2), box(5, 5, 2)]))
    np.testing.assert_allclose(found, [1, 1 / 3, 0])


def test_boxes_of_one_palm_are_averaged_by_their_scores():
    boxes = np.stack([box(50, 50, 10, 1), box(0, 0, 10, 4), box(1, 0, 10, 8)])
    best, second = merged(boxes, np.array([0.6, 0.9, 0.3], np.float32))
    assert (best.score, second.score) == pytest.approx((0.9, 0.6))
    np.testing.assert_allclose(best.landmarks[LANDMARKS], 5 - 0.5)  # (4 × 0.9 + 8 × 0.3) / 1.2
    np.testing.assert_allclose(second.landmarks[LANDMARKS], 1 - 0.5)
    assert merged(np.zeros((0, 9, 2), np.float32), np.zeros(0, np.float32)) == []
