"""The perceptual hash is the one of ImageHash, so that it may be compared with hashes of earlier releases."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.photo.phash import phash


def of_library(picture):
    return bytes.fromhex(str(imagehash.phash(Image.fromarray(picture), hash_size=16)))


@pytest.mark.parametrize("shape", [(64, 64), (200, 123, 3), (31, 90, 3), (700, 500)])
def test_noise_of_any_shape_has_the_librarys_hash(shape):
    picture = np.random.default_rng(len(shape)).integers(0, 256, shape).astype(np.uint8)
    assert phash(picture) == of_library(picture)


def test_drawn_palms_have_the_librarys_hash():
    shots = [make_capture(1, 0, "left", c) for c in range(4)]
    palms = [d.image for d in RendererEngine().draw(make_identity(1, 0, "left"), shots, "palm", 128)]
    assert [phash(p) for p in palms] == [of_library(p) for p in palms]
    assert len({phash(p) for p in palms}) == 4


def test_flat_pictures_are_alike_whatever_their_shade():
    flat = [np.full((90, 90, 3), shade, np.uint8) for shade in (1, 77, 255)]
    assert len({phash(p) for p in flat}) == 1
