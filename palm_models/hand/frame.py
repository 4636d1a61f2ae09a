"""The canonical frames: where a hand's 21 landmarks put the views `palm` and `hand`."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from manifests.words import View

WRIST, THUMB_CMC, THUMB_TIP, INDEX_MCP, MIDDLE_MCP, RING_MCP, PINKY_MCP = 0, 1, 4, 5, 9, 13, 17
INDEX_PIP, MIDDLE_PIP, RING_PIP, PINKY_PIP = 6, 10, 14, 18

Points = NDArray[np.float64]
VALLEY_REACH = 0.30  # the web between two fingers, as a share of the way from their MCP to their PIP joints
PALM_SIDE = 1.40  # side of view `palm` in valley distances; 7/6 in Zhang et al. 2017, wider keeps all lines
PALM_DROP = 0.04  # gap between the valley line and the top of view `palm`, in valley distances
HAND_MARGIN = 0.10  # free border of view `hand`, as a share of its side
# Points of a right palm that move least against each other, in sides of view `palm` from its top left:
# medians over 300 photographs framed by their finger valleys. Statistics of many people, nobody's hand.
PALM_POINTS = {
    WRIST: (0.116, 1.591),
    THUMB_CMC: (0.694, 1.471),
    INDEX_MCP: (0.959, 0.212),
    MIDDLE_MCP: (0.633, 0.074),
    RING_MCP: (0.300, 0.072),
    PINKY_MCP: (-0.048, 0.175),
}


def valleys(landmarks: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finger valleys index/middle and ring/little, (2,) each, in the unit of `landmarks` (21, 2)."""
    p = np.asarray(landmarks, np.float64)

    def web(mcp_a: int, mcp_b: int, pip_a: int, pip_b: int) -> NDArray[np.float64]:
        base, tip = (p[mcp_a] + p[mcp_b]) / 2, (p[pip_a] + p[pip_b]) / 2
        return np.asarray(base + VALLEY_REACH * (tip - base))

    return web(INDEX_MCP, MIDDLE_MCP, INDEX_PIP, MIDDLE_PIP), web(RING_MCP, PINKY_MCP, RING_PIP, PINKY_PIP)


def palm_width(landmarks: NDArray[np.floating]) -> float:
    """Distance from the index to the little finger's MCP joint: the unit that tolerances are given in."""
    p = np.asarray(landmarks, np.float64)
    return float(np.linalg.norm(p[INDEX_MCP] - p[PINKY_MCP]))


def frame_matrix(landmarks: NDArray[np.floating], view: View, size: int) -> NDArray[np.float64]:
    """Similarity (2, 3) from source pixels to those of a `size` × `size` view, fingers up, never mirrored.

    View `palm` follows the finger valleys: its top edge is parallel to their line (Zhang et al. 2017,
    https://doi.org/10.1016/j.patcog.2017.04.016). View `hand` stands on the wrist and holds all landmarks.

    Raises ValueError when the landmarks span no palm.
    """
    p = np.asarray(landmarks, np.float64)
    if not np.isfinite(p).all() or palm_width(p) < 1e-6:
        raise ValueError("landmarks span no palm")
    down, centre, side = SQUARES[view](p)
    scale = size / side
    right = np.array([down[1], -down[0]])
    linear = scale * np.stack([right, down])
    shift = np.full(2, (size - 1) / 2) - linear @ centre
    return np.hstack([linear, shift[:, None]])


def photo_matrix(landmarks: NDArray[np.floating], view: View, size: int) -> NDArray[np.float64]:
    """As `frame_matrix`, for landmarks that were read on a photograph.

    Spread fingers draw their valleys apart, and each joint is read with an error. View `palm` is laid upon
    all of PALM_POINTS by least squares (Umeyama 1991, https://doi.org/10.1109/34.88573): from photograph to
    photograph it moves 40 % less on a palm than the frame of the valleys, and on average it is that frame.
    """
    if view != "palm":
        return frame_matrix(landmarks, view, size)
    p = np.asarray(landmarks, np.float64)[list(PALM_POINTS)]
    if not np.isfinite(p).all() or np.ptp(p, axis=0).max() < 1e-6:
        raise ValueError("landmarks span no palm")
    place = np.array(list(PALM_POINTS.values())) * size - 0.5
    if looks_left(landmarks):
        place[:, 0] = size - 1 - place[:, 0]
    # as complex numbers a similarity is one factor and one sum
    here, there = p @ (1, 1j), place @ (1, 1j)
    off = here - here.mean()
    factor = np.vdot(off, there) / np.vdot(off, off).real
    shift = there.mean() - factor * here.mean()
    return np.array([[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]])


def looks_left(landmarks: NDArray[np.floating]) -> bool:
    """True when, with the fingers up, the thumb is on the left: a left palm, or the back of a right hand."""
    p = np.asarray(landmarks, np.float64)
    index, little = p[INDEX_MCP] - p[WRIST], p[PINKY_MCP] - p[WRIST]
    return bool(index[0] * little[1] - index[1] * little[0] > 0)


def _palm_square(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    a, b = valleys(p)
    distance = float(np.linalg.norm(b - a))
    across = (b - a) / distance
    down = np.array([-across[1], across[0]])
    middle = (a + b) / 2
    if down @ (p[WRIST] - middle) < 0:
        down = -down
    side = PALM_SIDE * distance
    return down, middle + down * (PALM_DROP * distance + side / 2), side


def _hand_square(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    knuckles = p[[INDEX_MCP, MIDDLE_MCP, RING_MCP, PINKY_MCP]].mean(axis=0)
    down = (p[WRIST] - knuckles) / np.linalg.norm(p[WRIST] - knuckles)
    right = np.array([down[1], -down[0]])
    local = p @ np.stack([right, down]).T
    low, high = local.min(axis=0), local.max(axis=0)
    centre = (low + high) / 2 @ np.stack([right, down])
    return down, centre, float((high - low).max() / (1 - 2 * HAND_MARGIN))


# The square that a view shows, from landmarks (21, 2): direction of its down, its centre, its side.
SQUARES: Mapping[View, Callable[[Points], tuple[Points, Points, float]]] = {
    "palm": _palm_square,
    "hand": _hand_square,
}


def transform(points: NDArray[np.floating], matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """Points (n, 2) through an affine matrix (2, 3)."""
    p = np.asarray(points, np.float64)
    return np.asarray(p @ np.asarray(matrix)[:, :2].T + np.asarray(matrix)[:, 2], np.float32)
