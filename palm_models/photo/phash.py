"""The perceptual hash by which nearly equal pictures are found: signs of the lowest frequencies."""

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16  # 256 bits tell palms on one background apart, 64 do not
TIMES = 4  # the picture is reduced to SIDE * TIMES px
NOTHING = 1e-6  # frequencies that are not there are 0 on every machine


def phash(picture: NDArray[np.uint8]) -> bytes:
    """32 bytes of a picture (h, w, 3) RGB or (h, w) grey: which frequencies lie above their median.

    Bit for bit `imagehash.phash(picture, hash_size=16)`, which would bring SciPy; a test compares.
    """
    side = SIDE * TIMES
    small = Image.fromarray(picture).convert("L").resize((side, side), Image.Resampling.LANCZOS)
    low = cv2.dct(np.asarray(small, np.float64))[:SIDE, :SIDE].copy()
    low[0] *= np.sqrt(2)  # OpenCV's transform is orthonormal, the hash's is not
    low[:, 0] *= np.sqrt(2)
    low[abs(low) < NOTHING] = 0
    return np.packbits(low > np.median(low)).tobytes()
