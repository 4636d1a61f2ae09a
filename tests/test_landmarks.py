"""Hands are found, read alike however the photo is moved, and named rightly; nothing is sent anywhere."""

import os
import socket
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from palm_models import landmarks as module
from palm_models.frame import palm_width, transform
from palm_models.hand_model import hand_model
from palm_models.hand_network import INPUT, Reading, crop_matrix, looks_left
from palm_models.landmarks import ATTEMPTS, HandFinder
from palm_models.pyramid import Pyramid
from tests.hands import SIZE, drawn_hand, moved, noise

TRUTH = 0.07  # palm widths; where joints lie under drawn skin is a matter of a few per cent
REPEAT = 0.02


@pytest.fixture(scope="module")
def finder():
    before = os.environ.get("https_proxy")
    made = HandFinder(hand_model())
    yield made
    made.close()
    os.environ.pop("https_proxy")
    if before is not None:
        os.environ["https_proxy"] = before


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
    found = module._found(Reading(shape, 0.9, 0.1), 0)
    assert not found.shows_palm
    assert found.hand != hand
    assert module._found(Reading(shape, 0.9, 0.9), 0).hand == hand


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_attempts_lead_back_to_the_photo(attempt):
    rgb = np.zeros((300, 200, 3), np.uint8)
    rgb[40:60, 150:160] = 255  # centre 154.5, 49.5
    shown, back = module._show(Pyramid(rgb), attempt)
    y, x = np.nonzero(shown[..., 0] > 128)
    centre = np.array([[x.mean() + 0.5, y.mean() + 0.5]])  # MediaPipe's points: corners of pixels are whole
    np.testing.assert_allclose(transform(centre, back), [[155, 50]], atol=0.6)


@pytest.mark.parametrize("options", [{"attempts": 0}, {"attempts": 9}, {"passes": -1}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="attempts is 1-8 and passes at least 0"):
        HandFinder(hand_model(), **options)


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


def test_library_reports_to_nobody():
    """MediaPipe reaches its maker's server through the proxy that we name: one where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        asked = []

        def listen():
            connection, _ = proxy.accept()
            with connection:
                asked.append(connection.recv(200))

        threading.Thread(target=listen, daemon=True).start()
        code = (
            "import numpy; from palm_models import landmarks; "
            "from palm_models.hand_model import hand_model; "
            f"landmarks.NOWHERE = 'http://127.0.0.1:{proxy.getsockname()[1]}'; "
            "finder = landmarks.HandFinder(hand_model()); "
            "finder.find(numpy.zeros((64, 64, 3), numpy.uint8)); finder.close()"
        )
        environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        subprocess.run(
            [sys.executable, "-c", code], check=True, env=environment, timeout=120, capture_output=True
        )
    assert asked and asked[0].startswith(b"CONNECT play.googleapis.com")
