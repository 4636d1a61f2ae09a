"""Published pictures carry the synthetic mark in every format."""

import io
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from PIL import Image

from manifests.contract.images import decode, encode, is_marked


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_mark_survives_and_bytes_repeat(image_format):
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    data = encode(image, image_format)
    assert is_marked(data)
    assert data == encode(image, image_format)
    assert decode(data).shape == (32, 48, 3)
    Image.open(io.BytesIO(data)).verify()


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_the_mark_is_what_an_xmp_parser_expects(image_format):
    """The packet is found in the bytes as a scanner finds it, and is RDF with the IPTC property."""
    data = encode(np.zeros((16, 16, 3), np.uint8), image_format)
    start, end = data.index(b"<x:xmpmeta"), data.index(b"</x:xmpmeta>") + len(b"</x:xmpmeta>")
    rdf = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
    described = ElementTree.fromstring(data[start:end]).find(f"{rdf}RDF/{rdf}Description")
    iptc = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
    wanted = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert described is not None and described.get(iptc) == wanted


def test_png_is_lossless_and_a_plain_picture_is_not_marked():
    image = np.random.default_rng(1).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    assert (decode(encode(image, "png")) == image).all()
    assert not is_marked(cv2.imencode(".png", image)[1].tobytes())
