"""Metadata leaves a JPEG and its pixels stay, bit for bit."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.photographs.jpeg import without_metadata

NOISE = np.random.default_rng(3).integers(0, 255, (61, 83, 3), np.uint8)


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(NOISE).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)))


def exif() -> Image.Exif:
    data = Image.Exif()
    data[0x010F], data[0x0112] = "SECRET CAMERA", 1
    data.get_ifd(0x8825)[1] = "SECRET PLACE"
    return data


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"optimize": True},
        {"restart_marker_blocks": 3},
        {"subsampling": 0},
        {"keep_rgb": True},
    ],
    ids=str,
)
def test_pixels_stay_and_metadata_goes(mode: str, options: dict[str, object]) -> None:
    icc = b"SECRET PROFILE" * 9000  # more than one segment
    data = jpeg(mode, exif=exif(), comment=b"SECRET COMMENT", icc_profile=icc, dpi=(300, 300), **options)
    data += b"SECRET TRAILER"
    assert data.count(b"SECRET") > 9000
    clean = without_metadata(data)
    assert b"SECRET" not in clean and b"Exif" not in clean
    np.testing.assert_array_equal(pixels(clean), pixels(data))
    assert without_metadata(clean) == clean


def test_a_second_picture_goes() -> None:
    stream = BytesIO()
    second = Image.new("RGB", (40, 40), "red")
    Image.fromarray(NOISE).save(stream, "MPO", save_all=True, append_images=[second])
    clean = without_metadata(stream.getvalue())
    assert clean.count(b"\xff\xd8\xff") == 1 and len(clean) < len(stream.getvalue())
    np.testing.assert_array_equal(pixels(clean), pixels(stream.getvalue()))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff", b"\xff\xd8abc", b"\x89PNG"])
def test_what_is_no_whole_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        without_metadata(data)


@settings(max_examples=200, deadline=None)
@given(
    cut=st.integers(0, 5000), hurt=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=5)
)
def test_hostile_bytes_give_a_copy_or_a_value_error(cut: int, hurt: list[tuple[int, int]]) -> None:
    data = bytearray(jpeg(exif=exif(), quality=50))
    for at, value in hurt:
        data[at % len(data)] = value
    try:
        clean = without_metadata(bytes(data[: len(data) - cut % len(data)]))
    except ValueError:
        return
    assert clean.startswith(b"\xff\xd8") and clean.endswith(b"\xff\xd9") and len(clean) <= len(data) + 2
