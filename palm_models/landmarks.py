"""Finds all hands in a photo with MediaPipe's Hand Landmarker and reads 21 landmarks of each, repeatably."""

import os
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.frame import Hand, palm_width, transform
from palm_models.hand_model import DETECTOR, LANDMARKS, LITE, members, task_file
from palm_models.hand_network import HandNetwork, Reading, looks_left
from palm_models.pyramid import Pyramid

NOWHERE = "http://127.0.0.1:9"  # the discard port: nothing listens there
RETRY_SIDE = 512  # px; retries look at a picture of this size, the detector itself at 192
LEAST_PRESENCE = 0.5
STEADY = (
    0.2  # palm widths; the last two readings of 300 whole hands differ by 0.07 at most, of cut ones by more
)
SAME_HAND = 0.5  # two detections nearer than this, in palm widths, are one hand


class Attempt(NamedTuple):
    """One way to show the picture to the detector: padded by a share of its side, turned, asking for less."""

    pad: float
    quarter_turns: int  # counter-clockwise
    confidence: float  # share of the confidence that is asked for otherwise


# Of 300 photographs the first finds 271, the second 20 more, the rest all the others; hands that fill the
# frame need the padding, hands that lie sideways the turns.
ATTEMPTS = (
    Attempt(0, 0, 1),
    Attempt(0.25, 0, 1),
    Attempt(1, 0, 1),
    Attempt(1, 1, 1),
    Attempt(0.25, 0, 0.5),
    Attempt(0, 2, 0.5),
    Attempt(1, 3, 1),
    Attempt(1, 2, 1),
)


@dataclass(frozen=True)
class FoundHand:
    """One hand in a photo. landmarks: float32 (21, 2) px of the photo, MediaPipe's order.

    hand: the true one, for a photo that is not mirrored; presence: that it is a hand, 0-1; palm: that its
    palm faces the camera, 0-1; drift: how far the last reading moved the landmarks, in palm widths.
    """

    landmarks: NDArray[np.float32]
    hand: Hand
    presence: float
    palm: float
    drift: float = 0.0

    @property
    def is_steady(self) -> bool:
        """False when two readings of the hand differ: too little of it is seen to tell where it is."""
        return self.drift <= STEADY

    @property
    def shows_palm(self) -> bool:
        """False when the back of the hand is seen."""
        return self.palm >= 0.5


class HandFinder:
    """MediaPipe's Hand Landmarker finds the hands; its landmark network then reads each upright crop again.

    The second reading makes the result follow the photo: turned, scaled or mirrored, the network sees nearly
    the same crop. MediaPipe's library reports its use to a server of its maker; making a HandFinder routes
    this process's HTTPS to nowhere, so use it in a process that needs no network.
    """

    def __init__(
        self, model: Path, *, confidence: float = 0.5, max_hands: int = 2, attempts: int = 8, passes: int = 2
    ) -> None:
        """model: a task file; confidence: least score of a detection, 0-1; attempts: 1-8 of ATTEMPTS;
        passes: readings after the detection; each brings repeated results closer together."""
        if not 1 <= attempts <= len(ATTEMPTS) or passes < 0:
            raise ValueError(f"attempts is 1-{len(ATTEMPTS)} and passes at least 0, not {attempts}, {passes}")
        networks = members(model)
        fast = networks.get(LITE, networks[LANDMARKS])
        self.bundle = task_file({DETECTOR: networks[DETECTOR], LANDMARKS: fast})
        self.confidence, self.max_hands, self.attempts = confidence, max_hands, ATTEMPTS[:attempts]
        self.detectors: dict[float, Any] = {}
        self.close = weakref.finalize(self, _close, self.detectors)  # MediaPipe's own comes too late at exit
        last = HandNetwork(networks[LANDMARKS])
        first = HandNetwork(fast) if passes > 1 else last
        self.readers = ([first] * (passes - 1) + [last])[:passes]
        os.environ["https_proxy"] = NOWHERE  # the only switch that the library heeds

    def find(self, rgb: NDArray[np.uint8]) -> list[FoundHand]:
        """The hands in `rgb`, uint8 (h, w, 3), largest first, of the first attempt that gave a steady palm.

        Without one, those of the first attempt that gave any: backs, or hands of which too little is seen.
        """
        picture = Pyramid(rgb)
        others: list[FoundHand] = []
        for attempt in self.attempts:
            hands = self._read(picture, self._detect(picture, attempt))
            if any(hand.shows_palm and hand.is_steady for hand in hands):
                return hands
            others = others or hands
        return others

    def _read(self, picture: Pyramid, detected: list[Reading]) -> list[FoundHand]:
        hands: list[FoundHand] = []
        for first in detected:
            reading, drift = self._refine(picture, first)
            if reading.presence >= LEAST_PRESENCE and not any(_same(reading, hand) for hand in hands):
                hands.append(_found(reading, drift))
        return sorted(hands, key=lambda hand: -palm_width(hand.landmarks))

    def _refine(self, picture: Pyramid, reading: Reading) -> tuple[Reading, float]:
        before = reading
        for reader in self.readers:
            before, reading = reading, reader.read(picture, reading.landmarks)
        return reading, _apart(reading.landmarks, before.landmarks)

    def _detect(self, picture: Pyramid, attempt: Attempt) -> list[Reading]:
        """What MediaPipe says of each hand that it finds in one attempt."""
        import mediapipe as mp

        shown, back = _show(picture, attempt)
        result = self._detector(attempt.confidence).detect(mp.Image(mp.ImageFormat.SRGB, shown))
        height, width = shown.shape[:2]
        found = []
        for points, sides in zip(result.hand_landmarks, result.handedness, strict=True):
            landmarks = transform(np.array([(p.x * width, p.y * height) for p in points]), back)
            as_seen = (sides[0].category_name == "Left") == looks_left(landmarks)
            palm = sides[0].score if as_seen else 1 - sides[0].score
            found.append(Reading(landmarks, LEAST_PRESENCE, palm))  # it gives no more than: enough
        return found

    def _detector(self, share: float) -> Any:
        """The Hand Landmarker that asks for `share` of the confidence, made when first needed."""
        if share not in self.detectors:
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.HandLandmarkerOptions(
                base_options=BaseOptions(model_asset_buffer=self.bundle),
                num_hands=self.max_hands,
                min_hand_detection_confidence=self.confidence * share,
                min_hand_presence_confidence=self.confidence * share,
            )
            self.detectors[share] = vision.HandLandmarker.create_from_options(options)
        return self.detectors[share]


def _close(detectors: dict[float, Any]) -> None:
    for detector in detectors.values():
        detector.close()


def _show(picture: Pyramid, attempt: Attempt) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The picture as the attempt shows it, and the matrix (2, 3) from there to the photo's pixels."""
    rgb = picture.levels[0]
    if attempt == ATTEMPTS[0]:
        return rgb, np.eye(3)[:2]
    scale = min(1.0, RETRY_SIDE / max(rgb.shape[:2]))
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
    pad = round(attempt.pad * max(small.shape[:2]))
    padded = cv2.copyMakeBorder(small, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    width, height = padded.shape[1], padded.shape[0]
    turn = {  # from the turned picture to the padded one, x then y
        0: [[1, 0, 0], [0, 1, 0]],
        1: [[0, -1, width], [1, 0, 0]],
        2: [[-1, 0, width], [0, -1, height]],
        3: [[0, 1, 0], [-1, 0, height]],
    }[attempt.quarter_turns]
    back = np.array(turn, np.float64)
    back[:, 2] -= pad
    size = np.array([rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]])
    return np.ascontiguousarray(np.rot90(padded, attempt.quarter_turns)), back * size[:, None]


def _found(reading: Reading, drift: float) -> FoundHand:
    left = looks_left(reading.landmarks) == (reading.palm >= 0.5)  # the back of a right hand looks left, too
    return FoundHand(reading.landmarks, "left" if left else "right", reading.presence, reading.palm, drift)


def _same(reading: Reading, hand: FoundHand) -> bool:
    return _apart(hand.landmarks, reading.landmarks) < SAME_HAND


def _apart(landmarks: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Mean distance in palm widths of the first."""
    return float(np.linalg.norm(landmarks - others, axis=1).mean() / max(palm_width(landmarks), 1e-6))
