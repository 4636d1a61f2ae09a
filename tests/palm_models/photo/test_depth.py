"""Sample depth: 10, 12 and 14 bits in 16-bit files come out as bright as they are, and it is said."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from palm_models.photo.picture import decode


def ramp(bits, colour=False):
    """A picture from black to the white of so many bits, and what it should look like in 8."""
    wanted = np.tile(np.linspace(0, 255, 64).round().astype(np.uint32), (16, 1))
    values = (wanted * (2**bits - 1) // 255).astype(np.uint16)
    return (np.dstack([values, values // 2, values]) if colour else values), wanted


def encoded(values, kind):
    told, data = cv2.imencode(f".{kind}", values if values.ndim == 2 else values[..., ::-1])
    assert told
    return data.tobytes()


def with_sbit(png, *bits):
    """The PNG with a chunk sBIT before its pixels."""
    body = b"sBIT" + bytes(bits)
    chunk = struct.pack(">I", len(bits)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("colour", [False, True])
def test_what_never_exceeds_a_smaller_depth_is_stretched_and_said(bits, kind, colour):
    values, wanted = ramp(bits, colour)
    picture = decode(encoded(values, kind))
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted).max() <= 1
    assert picture.depth.startswith(f"{bits} bits in 16") and picture.rgb.shape == (16, 64, 3)
    if colour:
        assert np.abs(picture.rgb[..., 1].astype(int) * 2 - wanted).max() <= 3


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("colour", [False, True])
def test_sixteen_bits_are_taken_by_their_full_range(kind, colour):
    values, wanted = ramp(16, colour)
    picture = decode(encoded(values, kind))
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted).max() <= 1 and picture.depth == ""


def test_what_a_png_says_is_believed():
    values, wanted = ramp(12)
    dark = encoded((values // 8).astype(np.uint16), "png")  # 9 bits of 12: an underexposed picture
    assert np.abs(decode(with_sbit(dark, 12)).rgb[..., 0].astype(int) - wanted // 8).max() <= 1
    assert decode(with_sbit(dark, 12)).depth == "12 bits in 16, as the file says"
    assert decode(with_sbit(dark, 16)).depth == "" and decode(with_sbit(dark, 16)).rgb.max() <= 3
    scaled = encoded((values * 16).astype(np.uint16), "png")  # as PNG asks: brought to 16 bits
    assert np.abs(decode(with_sbit(scaled, 12)).rgb[..., 0].astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("tags", [{281: 4095}, {270: '<OME><Pixels SignificantBits="12"/></OME>'}])
def test_what_a_tiff_says_is_believed(tags):
    values, wanted = ramp(12)
    info, stream = TiffImagePlugin.ImageFileDirectory_v2(), io.BytesIO()
    for tag, value in tags.items():
        info[tag] = value
    Image.fromarray((values // 8).astype(np.uint16)).save(stream, "TIFF", tiffinfo=info)
    picture = decode(stream.getvalue())
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted // 8).max() <= 1
    assert picture.depth == "12 bits in 16, as the file says"


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_the_maxval_of_a_pgm_is_its_white(bits):
    values, wanted = ramp(bits)
    head = f"P5 64 16 {2**bits - 1}\n".encode()
    picture = decode(head + (values // 4).astype(">u2").tobytes())
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted // 4).max() <= 1


@pytest.mark.parametrize("said", [1, 255, 1023])
def test_a_tiff_that_declares_less_than_it_holds_is_not_believed(said):
    values, wanted = ramp(12)
    stream = io.BytesIO()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[281] = said
    Image.fromarray(values).save(stream, "TIFF", tiffinfo=info)
    picture = decode(stream.getvalue())
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted).max() <= 1
    assert picture.depth.startswith("12 bits in 16: no sample is above")


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_a_tiff_whose_zero_is_white_is_no_negative(bits):
    values, wanted = ramp(bits)
    stream = io.BytesIO()
    Image.fromarray(values if bits > 8 else values.astype(np.uint8)).save(stream, "TIFF")
    data = bytearray(stream.getvalue())
    data[data.index(bytes([6, 1, 3, 0])) + 8] = 0  # PhotometricInterpretation: WhiteIsZero
    assert np.abs(decode(bytes(data)).rgb[..., 0].astype(int) - (255 - wanted)).max() <= 1


def packed(values, bits):
    """A grey TIFF whose samples of `bits` stand without gaps, as some cameras write them."""
    stream = "".join(f"{value:0{bits}b}" for value in values.ravel())
    strip = int(stream, 2).to_bytes(len(stream) // 8, "big")
    rows, columns = values.shape
    entries = [(256, columns), (257, rows), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, rows),
               (279, len(strip))]  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    body = struct.pack("<H", len(entries)) + table + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + body


def test_packed_samples_say_their_depth():
    values, wanted = ramp(12)
    picture = decode(packed(values // 8, 12))  # underexposed: 9 bits of 12
    assert np.abs(picture.rgb[..., 0].astype(int) - wanted // 8).max() <= 1
    assert picture.depth == "12 bits in 16, as the file says"
