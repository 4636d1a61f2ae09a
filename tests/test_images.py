"""Published pictures carry the synthetic mark in every format."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from manifests.images import decode, encode, is_marked


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_mark_survives_and_bytes_repeat(image_format):
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    data = encode(image, image_format)
    assert is_marked(data)
    assert data == encode(image, image_format)
    assert decode(data).shape == (32, 48, 3)
    Image.open(io.BytesIO(data)).verify()


def test_png_is_lossless_and_a_plain_picture_is_not_marked():
    image = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    assert (decode(encode(image, "png")) == image).all()
    assert not is_marked(cv2.imencode(".png", image)[1].tobytes())
