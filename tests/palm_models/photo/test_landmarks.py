"""Hands are found, read alike however the photo is moved, and named rightly; nothing is sent anywhere."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress

import cv2
import numpy as np
import pytest

from palm_models.hand.frame import looks_left, palm_width, transform
from palm_models.photo import landmarks
from palm_models.photo.hand_model import hand_model
from palm_models.photo.hand_network import INPUT, Reading, crop_matrix
from palm_models.photo.landmarks import ATTEMPTS, HandFinder, shown_matrix
from palm_models.photo.pyramid import Pyramid
from tests.helpers.hands import SIZE, drawn_hand, moved, noise

TRUTH = 0.07  # palm widths; where joints lie under drawn skin is a matter of a few per cent
REPEAT = 0.02


@pytest.fixture(scope="module")
def finder():
    return HandFinder(hand_model())


def apart(points, others):
    return np.linalg.norm(points - others, axis=1).mean() / palm_width(others)


@pytest.mark.parametrize("hand", ["left", "right"])
def test_drawn_hands_are_found_and_named(finder, hand):
    rgb, truth = drawn_hand(hand)
    (found,) = finder.find(rgb)
    assert found.hand == hand
    assert found.shows_palm and found.presence > 0.8
    assert apart(found.landmarks, truth) < TRUTH


@pytest.mark.parametrize("turn", [30, 90, 160, 270])
@pytest.mark.parametrize("scale", [0.7, 1.4])
def test_reading_follows_the_photo(finder, turn, scale):
    rgb, _ = drawn_hand("right")
    (still,) = finder.find(rgb)
    side = round(1.5 * SIZE * scale)
    matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), turn, scale)
    matrix[:, 2] += side / 2 - SIZE / 2 + 5
    (found,) = finder.find(moved(rgb, matrix, (side, side)))
    assert found.hand == "right"
    assert apart(found.landmarks, transform(still.landmarks, matrix)) < REPEAT


def test_mirrored_photo_is_the_other_hand(finder):
    (right,), (left,) = (finder.find(drawn_hand(hand)[0]) for hand in ("right", "left"))  # mirrored
    assert (right.hand, left.hand) == ("right", "left")
    assert apart(left.landmarks, right.landmarks * [-1, 1] + [SIZE - 1, 0]) < REPEAT


def test_both_hands_of_a_photo_are_found(finder):
    found = finder.find(np.hstack([drawn_hand("left")[0], drawn_hand("right")[0]]))
    assert sorted(hand.hand for hand in found) == ["left", "right"]
    widths = [palm_width(hand.landmarks) for hand in found]
    assert widths == sorted(widths, reverse=True)


def test_hand_that_fills_the_frame_is_found(finder):
    rgb, truth = drawn_hand("left")
    (x, y), (right, bottom) = truth.min(axis=0).astype(int) - 4, truth.max(axis=0).astype(int) + 4
    (found,) = finder.find(np.ascontiguousarray(rgb[max(y, 0) : bottom, max(x, 0) : right]))
    assert found.hand == "left"
    assert apart(found.landmarks + np.maximum([x, y], 0), truth) < TRUTH


def test_hand_without_its_fingers_is_not_trusted(finder):
    rgb, _ = drawn_hand("right")
    assert all(hand.is_steady for hand in finder.find(rgb))
    cut = moved(rgb, [[1, 0, 0], [0, 1, -0.55 * SIZE]], (SIZE, SIZE))
    assert not any(hand.is_steady and hand.shows_palm for hand in finder.find(cut))


def test_picture_without_a_hand_gives_none(finder):
    assert finder.find(noise()) == []


def test_a_picture_of_few_pixels_gives_none(finder):
    assert finder.find(np.zeros((1, 3, 3), np.uint8)) == []


@pytest.mark.parametrize("hand", ["left", "right"])
def test_back_is_told_from_palm_and_names_the_other_hand(hand):
    shape = drawn_hand(hand)[1]  # with its thumb where this hand's palm has it
    found = landmarks._found(Reading(shape, 0.9, 0.1), 0)
    assert not found.shows_palm
    assert found.hand != hand
    assert landmarks._found(Reading(shape, 0.9, 0.9), 0).hand == hand


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_attempts_show_the_whole_photo(attempt):
    rgb = np.zeros((300, 200, 3), np.uint8)
    rgb[40:60, 150:160] = 255  # centre 154.5, 49.5
    matrix = shown_matrix(200, 300, attempt)
    shown = Pyramid(rgb).warp(matrix, attempt.side)
    y, x, weight = *np.indices(shown.shape[:2]), shown[..., 0] / shown[..., 0].sum()
    centre = [(x * weight).sum(), (y * weight).sum()]
    np.testing.assert_allclose(transform(np.array([[154.5, 49.5]]), matrix)[0], centre, atol=0.2)
    corners = transform(np.array([[-0.5, -0.5], [199.5, 299.5]]), matrix)
    assert (corners > -0.51).all() and (corners < attempt.side - 0.49).all()
    free = attempt.pad / (1 + 2 * attempt.pad) * attempt.side
    assert min(corners.min(), (attempt.side - 1 - corners).min()) == pytest.approx(free - 0.5, abs=1e-3)


@pytest.mark.parametrize("attempt", [a for a in ATTEMPTS if a.quarter_turns])
def test_attempts_turn_counter_clockwise(attempt):
    right_edge, centre = np.array([[99.0, 49.5], [49.5, 49.5]])
    shown = transform(np.stack([right_edge, centre]), shown_matrix(100, 100, attempt))
    angle = np.degrees(np.arctan2(shown[1, 1] - shown[0, 1], shown[0, 0] - shown[1, 0]))  # y points down
    assert angle % 360 == pytest.approx(90 * attempt.quarter_turns)


@pytest.mark.parametrize("options", [{"attempts": 0}, {"attempts": 9}, {"passes": 0}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="attempts is 1-8 and passes at least 1"):
        HandFinder(hand_model(), **options)


@pytest.mark.parametrize("share", [0.25, 0.12])
def test_small_hands_are_found(finder, share):
    rgb, truth = drawn_hand("right")
    side = round(SIZE / share)
    wide = np.full((side, side, 3), np.median(rgb[0], axis=0), np.uint8)
    wide[200 : 200 + SIZE, 100 : 100 + SIZE] = rgb
    (found,) = finder.find(wide)
    assert found.hand == "right"
    assert apart(found.landmarks - [100, 200], truth) < TRUTH


def test_second_hand_at_half_the_size_is_found(finder):
    small = cv2.resize(drawn_hand("right")[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both = np.full((SIZE, 2 * SIZE, 3), np.median(small[0], axis=0), np.uint8)
    both[:, :SIZE] = drawn_hand("left")[0]
    both[60 : 60 + SIZE // 2, SIZE + 60 : SIZE + 60 + SIZE // 2] = small
    assert [hand.hand for hand in finder.find(both)] == ["left", "right"]
    assert [hand.hand for hand in HandFinder(hand_model(), max_hands=1).find(both)] == ["left"]


def test_crops_of_both_hands_are_alike():
    _, points = drawn_hand("right")
    crop = transform(points, crop_matrix(points, mirror=False))
    mirrored = points * [-1, 1]
    assert looks_left(mirrored) and not looks_left(points)
    np.testing.assert_allclose(transform(mirrored, crop_matrix(mirrored, mirror=True)), crop, atol=0.01)
    assert (crop > 0).all() and (crop < INPUT).all()


def test_pyramid_keeps_every_scale_in_place():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 256, axis=0).repeat(3, axis=2)
    for scale in (0.9, 0.4, 0.15):
        size = round(256 * scale * 0.8)
        view = Pyramid(ramp).warp(np.array([[scale, 0, -10 * scale], [0, scale, 0]]), size)
        np.testing.assert_allclose(view[size // 2, :, 0], np.arange(size) / scale + 10, atol=1)


def test_pyramid_fills_beyond_the_picture():
    red = np.full((8, 8, 3), (200, 10, 10), np.uint8)
    beyond = np.array([[1.0, 0, 20], [0, 1, 0]])
    assert (Pyramid(red).warp(beyond, 8, np.array([1, 2, 3], np.uint8)) == [1, 2, 3]).all()
    assert (Pyramid(red).warp(beyond, 8) == [200, 10, 10]).all()
    assert (Pyramid(red).edge_colour() == [200, 10, 10]).all()


OURS = """
import numpy, sys
from palm_models.photo.hand_model import hand_model
from palm_models.photo.landmarks import HandFinder
print(*HandFinder(hand_model()).find(numpy.load(sys.argv[1]))[0].landmarks.ravel())
assert not any("mediapipe" in name for name in sys.modules)
"""
MEDIAPIPES = """
import numpy, sys
import mediapipe as mp
from mediapipe.tasks.python import BaseOptions, vision
from palm_models.photo.hand_model import DETECTOR, LANDMARKS, hand_model, members, task_file
networks = members(hand_model())
bundle = task_file({name: networks[name] for name in (DETECTOR, LANDMARKS)})
options = vision.HandLandmarkerOptions(base_options=BaseOptions(model_asset_buffer=bundle))
rgb = numpy.load(sys.argv[1])
with vision.HandLandmarker.create_from_options(options) as landmarker:
    (points,) = landmarker.detect(mp.Image(mp.ImageFormat.SRGB, rgb)).hand_landmarks
print(*[side * share for p in points for side, share in zip(rgb.shape[1::-1], (p.x, p.y))])
"""


def landmarks_and_requests(code, folder):
    """What `code` prints for a drawn hand, (21, 2) px, and whom it asks for a way out of the machine."""
    np.save(folder / "hand.npy", drawn_hand("right")[0])
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def listen():
            with suppress(OSError):  # closed
                while True:
                    connection, _ = proxy.accept()
                    with connection:
                        asked.append(connection.recv(200))

        threading.Thread(target=listen, daemon=True).start()
        way_out = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / "hand.npy")],
            check=True,
            env=os.environ | {"https_proxy": way_out, "http_proxy": way_out, "no_proxy": ""},
            timeout=120,
            capture_output=True,
        )
    return np.array(done.stdout.split(), float).reshape(21, 2), asked


def test_joints_are_mediapipes_and_nothing_is_reported(tmp_path):
    """MediaPipe's library is the yardstick; it asks for its maker's server, so the listener would notice."""
    theirs, asked_by_them = landmarks_and_requests(MEDIAPIPES, tmp_path)
    ours, asked_by_us = landmarks_and_requests(OURS, tmp_path)
    assert apart(ours, theirs) < 0.06
    assert asked_by_them[0].startswith(b"CONNECT play.googleapis.com")
    assert asked_by_us == []
