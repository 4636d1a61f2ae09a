"""Square pictures between a network's size and the one asked for."""

import cv2
import numpy as np
from numpy.typing import NDArray


def resize(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A square picture (s, s, 3) at `size` px: means when it shrinks, cubic when it grows."""
    if len(picture) == size:
        return picture
    how = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), np.uint8)
