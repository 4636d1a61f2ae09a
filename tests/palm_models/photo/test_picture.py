"""Pictures of every kind, broken and hostile ones included, decode to upright RGB8 or name their reason."""

import pickle
import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.Image import Image as PilImage

from palm_models.photo.picture import PictureError, decode

RED, GREEN, BLUE = (200, 30, 40), (20, 180, 60), (30, 40, 190)


def corners(width: int = 64, height: int = 48) -> PilImage:
    """Red top left, green top right, blue below: its orientation can be read from its pixels."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = RED, GREEN
    rgb[height // 2 :] = BLUE
    return Image.fromarray(rgb)


def encoded(image: PilImage, fmt: str, **options: object) -> bytes:
    stream = BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def near(pixel: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= tolerance)


def reason(source: Path | bytes, max_side: int | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        decode(source, max_side)
    assert "; " in str(caught.value), "the message says what to do"
    return caught.value.reason


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_formats(fmt: str) -> None:
    options = {"quality": 95} if fmt in ("JPEG", "WEBP") else {}
    picture = decode(encoded(corners(), fmt, **options))
    assert (picture.full_width, picture.full_height, picture.format) == (64, 48, fmt)
    assert picture.rgb.shape == (48, 64, 3) and picture.rgb.dtype == np.uint8
    assert (
        near(picture.rgb[10, 10], RED)
        and near(picture.rgb[10, 50], GREEN)
        and near(picture.rgb[40, 10], BLUE)
    )


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(fmt: str, orientation: int) -> None:
    turn = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = corners() if turn is None else corners().transpose(turn)  # as the sensor saw it
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {} if fmt in ("PNG", "TIFF") else {"quality": 95}
    picture = decode(encoded(stored, fmt, exif=exif, **options))
    assert (picture.full_width, picture.full_height) == (64, 48) == picture.rgb.shape[1::-1]
    assert (
        near(picture.rgb[10, 10], RED)
        and near(picture.rgb[10, 50], GREEN)
        and near(picture.rgb[40, 10], BLUE)
    )


def test_damaged_exif_is_ignored() -> None:
    assert decode(encoded(corners(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")).rgb.shape == (48, 64, 3)


def test_modes_become_rgb8() -> None:
    grey = Image.new("L", (8, 8), 77)
    assert (decode(encoded(grey, "PNG")).rgb == 77).all()
    assert near(decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG")).rgb[8, 8], (255, 0, 0))
    palette = corners().quantize(8)
    assert near(decode(encoded(palette, "PNG")).rgb[10, 10], RED)
    assert near(decode(encoded(palette, "GIF")).rgb[10, 50], GREEN)
    assert (decode(encoded(Image.new("1", (8, 8), 1), "PNG")).rgb == 255).all()


def test_sixteen_bit_keeps_its_range() -> None:
    ramp = (np.arange(256, dtype=np.uint32) * 257).astype(np.uint16).reshape(16, 16)
    expected = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for fmt in ("PNG", "TIFF"):
        assert (decode(encoded(Image.fromarray(ramp), fmt)).rgb == expected[..., None]).all()
    rgb = np.repeat(ramp[..., None], 3, 2).astype(">u2")
    assert (decode(png(16, 16, rgb.tobytes(), depth=16, colour=2)).rgb == expected[..., None]).all()


def test_alpha_lies_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (*RED, 0))
    assert (decode(encoded(clear, "PNG")).rgb == 255).all()
    assert near(
        decode(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG")).rgb[0, 0], (127, 127, 127), 1
    )
    assert (decode(encoded(Image.new("LA", (8, 8), (9, 0)), "PNG")).rgb == 255).all()
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([*RED, *GREEN])
    assert (decode(encoded(palette, "PNG", transparency=0)).rgb == 255).all()


def test_icc_becomes_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert near(decode(encoded(corners(), "PNG", icc_profile=srgb)).rgb[10, 10], RED, 1)
    assert near(
        decode(encoded(corners(), "PNG", icc_profile=swapped_profile(srgb))).rgb[10, 10], RED[::-1], 3
    )
    assert near(decode(encoded(corners(), "PNG", icc_profile=b"nonsense" * 30)).rgb[10, 10], RED, 1)


def swapped_profile(profile: bytes) -> bytes:
    """An RGB profile whose red and blue primaries have changed places, so that its use shows."""
    data = profile.replace(b"s\0R\0G\0B", b"t\0e\0s\0t").replace(b"sRGB", b"test")
    count = struct.unpack(">I", data[128:132])[0]
    out = bytearray(data)
    for i in range(count):
        at = 132 + 12 * i
        name = bytes(out[at : at + 4])
        out[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(name, name)
    return bytes(out)


@pytest.mark.parametrize("fmt", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_counts(fmt: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    data = encoded(frames[0], fmt, save_all=True, append_images=frames[1:])
    assert near(decode(data).rgb[5, 5], RED)


def test_phone_pictures_with_a_second_image_are_jpeg() -> None:
    mpo = encoded(corners(), "MPO", save_all=True, append_images=[corners(32, 24)])
    picture = decode(mpo)
    assert (picture.format, picture.full_width) == ("JPEG", 64)


def test_max_side_reduces_and_never_enlarges() -> None:
    data = encoded(corners(640, 480), "JPEG", quality=95)
    picture = decode(data, 100)
    assert picture.rgb.shape == (75, 100, 3) and (picture.full_width, picture.full_height) == (640, 480)
    assert picture.scale == pytest.approx(100 / 640)
    assert near(picture.rgb[10, 10], RED) and near(picture.rgb[10, 90], GREEN)
    assert decode(data, 2000).rgb.shape == (480, 640, 3)
    assert decode(encoded(Image.new("RGB", (400, 2)), "PNG"), 50).rgb.shape == (1, 50, 3)


def test_not_pictures(tmp_path: Path) -> None:
    text = tmp_path / "palm.jpg"
    text.write_text("this is no picture\n")
    assert reason(text) == "not_a_picture"
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert reason(empty) == "empty"
    assert reason(tmp_path / "none.jpg") == "missing"
    assert reason(tmp_path) == "missing"
    assert reason(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == "unsupported_format"
    for start in (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0\x2f", b"\xff\x0a\0\0"):
        assert reason(start + bytes(50)) == "unsupported_format"
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n") == "not_a_picture"


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_truncated(fmt: str) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8))
    data = encoded(noise, fmt)
    assert reason(data[: len(data) // 2]) in ("truncated", "corrupt")
    assert reason(data[:30]) in ("truncated", "corrupt", "not_a_picture")


def test_every_cut_and_flip_gives_a_picture_or_a_reason() -> None:
    rng = np.random.default_rng(2)
    for fmt in ("JPEG", "PNG", "WEBP", "TIFF", "GIF"):
        data = encoded(corners(), fmt)
        for _ in range(60):
            hurt = bytearray(data[: rng.integers(1, len(data) + 1)])
            for at in rng.integers(0, len(hurt), 4):
                hurt[at] = rng.integers(0, 256)
            try:
                assert decode(bytes(hurt), 64).rgb.dtype == np.uint8
            except PictureError as error:
                assert error.reason


def png(width: int, height: int, pixels: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG by hand: what its header announces need not be there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    stride = len(pixels) // height if pixels else 0
    rows = b"".join(b"\0" + pixels[i * stride : (i + 1) * stride] for i in range(height)) if stride else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_20000_x_20000_is_refused_from_its_header() -> None:
    began = time.perf_counter()
    assert reason(png(20_000, 20_000, b"")) == "too_large"
    assert reason(png(20_000, 20_000, b""), 640) == "too_large"
    assert reason(png(10_000, 10_000, b""), 640) == "too_large"
    assert reason(
        encoded(corners(), "BMP").replace(struct.pack("<ii", 64, 48), struct.pack("<ii", 20_000, 20_000))
    )
    huge = encoded(corners(), "JPEG").replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 20_000, 20_000))
    assert reason(huge) == "too_large"
    assert reason(huge.replace(struct.pack(">HH", 20_000, 20_000), b"\xff\xff\xff\xff"), 640) == "too_large"
    progressive = encoded(corners(), "JPEG", progressive=True)
    progressive = progressive.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 20_000, 20_000))
    assert reason(progressive, 640) == "too_large"
    assert time.perf_counter() - began < 2, "nothing was decoded"


def test_a_progressive_jpeg_of_endless_passes_is_refused() -> None:
    data = encoded(corners(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert decode(data[:-2] + data[last:-2] * 20 + data[-2:]).full_width == 64
    assert reason(data[:-2] + data[last:-2] * 300 + data[-2:]) == "too_many_scans"


def test_a_large_baseline_jpeg_is_decoded_at_reduced_scale() -> None:
    stored = encoded(Image.new("RGB", (10_000, 10_000), RED), "JPEG")
    assert reason(stored) == "too_large"
    picture = decode(stored, 640)
    assert picture.rgb.shape == (640, 640, 3) and picture.full_width == 10_000
    assert near(picture.rgb[320, 320], RED, 4)


def test_errors_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(PictureError("empty", "a.jpg: nothing; copy it again")))
    assert (error.reason, str(error)) == ("empty", "a.jpg: nothing; copy it again")
