"""Cuts views out of a picture by a similarity, from a reduced copy where the view is smaller: no aliasing."""

import cv2
import numpy as np
from numpy.typing import NDArray

REDUCE_BELOW = 0.5  # view pixels for one of the copy: below it a linear filter of 2 × 2 skips pixels


class Pyramid:
    """A picture with its halvings, made when they are asked for. rgb: uint8 (h, w, 3)."""

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.levels = [np.ascontiguousarray(rgb)]

    def warp(
        self, matrix: NDArray[np.floating], size: int, fill: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        """The view, `size` px a side, that `matrix` (2, 3) takes the picture to.

        Beyond the picture it shows the colour `fill`, or without one the border's own pixels drawn out.
        """
        level, scale = 0, float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        while scale < REDUCE_BELOW and min(self._level(level).shape[:2]) >= 4:
            level, scale = level + 1, scale * 2
        source = self._level(level)
        step = 2**level  # the centre of pixel i of the copy lies at (i + 1/2) step - 1/2 in the picture
        grown = np.array([[step, 0, (step - 1) / 2], [0, step, (step - 1) / 2], [0, 0, 1]])
        moved = cv2.warpAffine(
            source,
            np.asarray(matrix, np.float64) @ grown,
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT,
            borderValue=() if fill is None else fill.tolist(),
        )
        return np.asarray(moved, np.uint8)

    def edge_colour(self) -> NDArray[np.uint8]:
        """Median colour of the picture's outermost pixels, (3,): mostly its background."""
        rgb = self._level(2)
        edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        return np.asarray(np.median(edge, axis=0), np.uint8)

    def _level(self, index: int) -> NDArray[np.uint8]:
        while len(self.levels) <= index:
            above = self.levels[-1]
            height, width = (
                above.shape[0] // 2,
                above.shape[1] // 2,
            )  # a row left over costs less than its use
            even = above[: 2 * height, : 2 * width]
            half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
            self.levels.append(np.asarray(half, np.uint8))
        return self.levels[index]
