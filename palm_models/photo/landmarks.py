"""Finds all hands in a photo with MediaPipe's palm detector and reads 21 landmarks of each, repeatably."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import Hand
from palm_models.hand.frame import looks_left, palm_width, transform
from palm_models.photo.hand_model import DETECTOR, LANDMARKS, LITE, members
from palm_models.photo.hand_network import HandNetwork, Reading
from palm_models.photo.palm_detector import PalmDetector
from palm_models.photo.pyramid import Pyramid

LEAST_PRESENCE = 0.5
STEADY = (
    0.2  # palm widths; the last two readings of 300 whole hands differ by 0.07 at most, of cut ones by more
)
SAME_HAND = 0.5  # two detections nearer than this, in palm widths, are one hand


class Attempt(NamedTuple):
    """One way to show the picture to the detector."""

    side: int  # of the detector's input in pixels, a multiple of 32
    pad: float  # border of the picture's own edge pixels on each side, as a share of its longer side
    quarter_turns: int  # counter-clockwise
    confidence: float  # share of the confidence that is asked for otherwise


# The first finds each of 300 photographs of hands that fill the frame, also turned; the next two find hands
# of a fifth and a tenth of the frame, the others what lies badly or is seen badly.
ATTEMPTS = (
    Attempt(128, 0.1, 0, 1),
    Attempt(192, 0, 0, 1),
    Attempt(320, 0, 0, 1),
    Attempt(96, 0.25, 0, 1),
    Attempt(192, 0.5, 1, 1),
    Attempt(128, 0.1, 0, 0.5),
    Attempt(192, 0, 2, 0.5),
    Attempt(96, 0.25, 3, 0.5),
)
ROOM = 1 / 3  # of the longer side free beside a hand: there may be another one
CLOSER = Attempt(256, 0, 0, 1)  # finds the other of two hands at half its size


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
    """MediaPipe's palm detector finds the hands; its landmark network then reads an upright crop of each.

    The second reading makes the result follow the photo: turned, scaled or mirrored, the network sees nearly
    the same crop. The networks run in LiteRT, without MediaPipe's own library: that costs half the time, and
    nothing reports its use to the library's maker.
    """

    def __init__(
        self, model: Path, *, confidence: float = 0.5, max_hands: int = 2, attempts: int = 8, passes: int = 2
    ) -> None:
        """model: a task file; confidence: least score of a detection, 0-1; attempts: 1-8 of ATTEMPTS;
        passes: readings after the detection; each brings repeated results closer together."""
        if not 1 <= attempts <= len(ATTEMPTS) or passes < 1:
            raise ValueError(f"attempts is 1-{len(ATTEMPTS)} and passes at least 1, not {attempts}, {passes}")
        networks = members(model)
        self.confidence, self.max_hands, self.attempts = confidence, max_hands, ATTEMPTS[:attempts]
        self.network, self.detectors = networks[DETECTOR], dict[int, PalmDetector]()
        last = HandNetwork(networks[LANDMARKS])
        first = HandNetwork(networks[LITE]) if passes > 1 and LITE in networks else last
        self.readers = [first] * (passes - 1) + [last]

    def find(self, rgb: NDArray[np.uint8]) -> list[FoundHand]:
        """The hands in `rgb`, uint8 (h, w, 3), largest first, of the first attempt that gave a steady palm.

        Without one, those of the first attempt that gave any: backs, or hands of which too little is seen.
        """
        return self.find_in(Pyramid(rgb))

    def find_in(self, picture: Pyramid) -> list[FoundHand]:
        """The same for a picture whose reduced copies are of use later."""
        others: list[FoundHand] = []
        for attempt in self.attempts:
            hands = self._look(picture, attempt, [])
            if any(hand.shows_palm and hand.is_steady for hand in hands):
                return self._look(picture, CLOSER, hands) if self._may_hold_more(picture, hands) else hands
            others = others or hands
        return others

    def _may_hold_more(self, picture: Pyramid, hands: list[FoundHand]) -> bool:
        points = np.concatenate([hand.landmarks for hand in hands])
        size = np.array(picture.levels[0].shape[1::-1])
        room = max(points.min(axis=0).max(), (size - points.max(axis=0)).max())
        return len(hands) < self.max_hands and bool(room > ROOM * size.max())

    def _look(self, picture: Pyramid, attempt: Attempt, known: list[FoundHand]) -> list[FoundHand]:
        """The hands known and those that one attempt finds, largest first."""
        hands = list(known)
        for landmarks in self._detect(picture, attempt):
            if len(hands) < self.max_hands:
                reading, drift = self._refine(picture, landmarks)
                if reading.presence >= LEAST_PRESENCE and not any(_same(reading, hand) for hand in hands):
                    hands.append(_found(reading, drift))
        return sorted(hands, key=lambda hand: -palm_width(hand.landmarks))

    def _detect(self, picture: Pyramid, attempt: Attempt) -> list[NDArray[np.float32]]:
        """Landmarks (21, 2) px of the photo, partly NaN, of each palm that is detected, best first."""
        height, width = picture.levels[0].shape[:2]
        matrix = shown_matrix(width, height, attempt)
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        shown = picture.warp(matrix, attempt.side)
        if attempt.side not in self.detectors:  # made when first needed
            self.detectors[attempt.side] = PalmDetector(self.network, attempt.side)
        palms = self.detectors[attempt.side].detect(shown, self.confidence * attempt.confidence)
        return [transform(palm.landmarks, back) for palm in palms]

    def _refine(self, picture: Pyramid, landmarks: NDArray[np.float32]) -> tuple[Reading, float]:
        before = landmarks
        for reader in self.readers:
            before, reading = landmarks, reader.read(picture, landmarks)
            landmarks = reading.landmarks
        return reading, _apart(landmarks, before)


def shown_matrix(width: int, height: int, attempt: Attempt) -> NDArray[np.float64]:
    """Similarity (2, 3) from the photo to the detector's input: all of it, centred, padded, turned."""
    scale = attempt.side / (max(width, height) * (1 + 2 * attempt.pad))
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[attempt.quarter_turns % 4]
    linear = scale * np.array([[cos, sin], [-sin, cos]], np.float64)  # y points down
    shift = (attempt.side - 1) / 2 - linear @ [(width - 1) / 2, (height - 1) / 2]
    return np.hstack([linear, shift[:, None]])


def _found(reading: Reading, drift: float) -> FoundHand:
    left = looks_left(reading.landmarks) == (reading.palm >= 0.5)  # the back of a right hand looks left, too
    return FoundHand(reading.landmarks, "left" if left else "right", reading.presence, reading.palm, drift)


def _same(reading: Reading, hand: FoundHand) -> bool:
    return _apart(hand.landmarks, reading.landmarks) < SAME_HAND


def _apart(landmarks: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Mean distance in palm widths of the first; what the second does not know does not count."""
    distances = np.linalg.norm(landmarks - others, axis=1)
    return float(np.nanmean(distances) / max(palm_width(landmarks), 1e-6))
