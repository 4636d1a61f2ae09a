"""Decode any picture, hostile ones included, to upright 8-bit sRGB at full or reduced scale."""

import warnings
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from manifests.words import PalmforgeError
from palm_models.photo.depth import declared, deep_colour, to_eight_bit, white_is_zero

MAX_PIXELS = 89_478_485  # decoded pixels at most: 256 MiB as RGB, Pillow's own limit
MAX_JPEG_PIXELS = 2**29  # pixels a baseline JPEG may announce: it is decoded strip by strip at 1/2 to 1/8
MAX_SCANS = 200  # of a progressive JPEG; encoders make about ten, a hostile one makes decoding take hours
FORMATS = ("PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # beside JPEG, which opens on its own
UNSUPPORTED = {  # how files of formats begin, or go on after four bytes, that are named and not read
    b"ftyp": "HEIC, AVIF or video container",
    b"jP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"JXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
}
TURNS = {  # EXIF orientation -> what makes it upright (Exif 2.32, tag 0x0112)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """One decoded picture.

    rgb: uint8 (height, width, 3), upright sRGB, read-only, perhaps reduced; full_width, full_height: pixels
    of the upright picture before the reduction; format: the container's name, e.g. "JPEG"; orientation: the
    EXIF value, 1-8, that was applied; plain: True when `rgb` are the file's own grey or RGB numbers, at most
    reduced.
    """

    rgb: NDArray[np.uint8]
    full_width: int
    full_height: int
    format: str
    orientation: int = 1
    plain: bool = False
    depth: str = ""  # what was made of a sample depth that is not the container's

    @property
    def scale(self) -> float:
        """Pixels of `rgb` for one pixel of the full picture, 0-1."""
        return float(self.rgb.shape[1] / self.full_width)


class PictureError(PalmforgeError):
    """A picture that cannot be used: `reason` is a short snake_case code, the message says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type["PictureError"], tuple[str, str]]:
        return PictureError, (self.reason, str(self))  # both arguments survive the way between processes


def decode(source: Path | bytes, max_side: int | None = None) -> Picture:
    """Decode `source`; with `max_side`, to at most that many pixels on the longer side, never enlarged.

    Grey, palette, CMYK and 16-bit become 8-bit RGB, 10, 12 and 14 bits in 16 by their own range (depth.py).
    An ICC profile becomes sRGB, alpha is laid on white, EXIF orientation is applied; of an animation or a
    multi-page file the first frame counts. The number of pixels is checked in the header, before anything is
    decoded.

    Raises PictureError: missing, empty, not_a_picture, unsupported_format, too_large, too_many_scans,
    pixel_format, truncated, corrupt.
    """
    name = source.name if isinstance(source, Path) else "picture"
    with _stream(source, name) as stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow warns of what is checked or refused here
                return _decode(stream, name, max_side)
        except PictureError:
            raise
        except Image.DecompressionBombError as error:
            raise _too_large(name, str(error)) from None
        except OSError as error:
            raise _broken(name, error) from None
        except Exception as error:  # hostile bytes make decoders raise anything: struct.error, KeyError, ...
            raise PictureError("corrupt", f"{name}: damaged picture ({error}); export it again") from None


def _stream(source: Path | bytes, name: str) -> BinaryIO:
    if isinstance(source, bytes):
        stream: BinaryIO = BytesIO(source)
    elif source.is_file():  # a pipe or a device would block
        stream = source.open("rb")
    else:
        raise PictureError("missing", f"{source}: no such file; check the path")
    if not stream.read(1):
        stream.close()
        raise PictureError("empty", f"{name}: the file holds no bytes; copy or download it again")
    stream.seek(0)
    return stream


def _decode(stream: BinaryIO, name: str, max_side: int | None) -> Picture:
    image = _open(stream, name)
    width, height = image.size
    fmt = "JPEG" if image.format == "MPO" else str(image.format)
    _draft(image, max_side)
    if "progressive" in image.info and _scans(stream) > MAX_SCANS:
        message = (
            f"{name}: more than {MAX_SCANS} passes over the picture, which would take hours; save it again"
        )
        raise PictureError("too_many_scans", message)
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height} pixels")
    image.load()
    orientation = _orientation(image)
    image, depth = _eight_bit(image, stream, name)
    rgb = _rgb(image, name)
    grey = image.mode == "L" and not {"transparency", "icc_profile"} & image.info.keys()
    plain = orientation == 1 and (rgb is image or grey)
    rgb = _shrink(rgb, max_side)
    if orientation in TURNS:
        rgb = rgb.transpose(TURNS[orientation])
    if orientation >= 5:  # a quarter turn swaps the sides
        width, height = height, width
    return Picture(np.asarray(rgb, np.uint8), width, height, fmt, orientation, plain, depth)


def _open(stream: BinaryIO, name: str) -> Image.Image:
    head = stream.read(16)
    stream.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile(
            stream
        )  # Image.open would refuse by pixels before a reduced scale can be asked for
    for start, what in UNSUPPORTED.items():
        if start in (head[: len(start)], head[4:8]):
            raise PictureError("unsupported_format", f"{name}: {what}; export it as JPEG or PNG")
    try:
        return Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError:
        message = (
            f"{name}: not a picture in JPEG, {', '.join(FORMATS)}; remove it or export it as JPEG or PNG"
        )
        raise PictureError("not_a_picture", message) from None


def _scans(stream: BinaryIO) -> int:
    """Scans of a JPEG, counted by their markers, in thumbnails too; the stream is left where it was."""
    at = stream.tell()
    stream.seek(0)
    number = stream.read().count(b"\xff\xda")
    stream.seek(at)
    return number


def _draft(image: Image.Image, max_side: int | None) -> None:
    """Have a baseline JPEG decoded at 1/2, 1/4 or 1/8 when that still holds `max_side`."""
    pixels = image.width * image.height
    progressive = "progressive" in image.info  # holds all its coefficients in memory at full size
    if max_side is None or pixels > (MAX_PIXELS if progressive else MAX_JPEG_PIXELS):
        return
    share = min(max_side / max(image.size), (MAX_PIXELS / 4 / pixels) ** 0.5)
    if share < 1:
        image.draft(None, (max(1, round(image.width * share)), max(1, round(image.height * share))))


def _shrink(image: Image.Image, max_side: int | None) -> Image.Image:
    if max_side is not None and max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # damaged EXIF says nothing about the pixels
        value = image.getexif().get(0x0112, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return 1


def _rgb(image: Image.Image, name: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if profile:
        image = _to_srgb(image, profile)
    if image.mode == "F":
        raise PictureError(
            "pixel_format", f"{name}: floating-point pixels have no known range; export it as 8-bit"
        )
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image, stream: BinaryIO, name: str) -> tuple[Image.Image, str]:
    """Deep samples as 8-bit ones, and what was made of a depth that is not the container's."""
    grey = image.mode.startswith("I")
    values = np.asarray(image) if grey else deep_colour(image, stream)
    if values is None:
        return image, ""
    if values.size and (values.min() < 0 or values.max() > 65535):
        raise PictureError("pixel_format", f"{name}: 32-bit pixels without a known range; export it as 8-bit")
    scaled, depth = to_eight_bit(values, declared(image, stream), scaled_up=image.format == "PNG")
    if grey and white_is_zero(image):
        scaled = 255 - scaled
    if not grey and not depth:
        return image, ""
    made = Image.fromarray(scaled)
    made.info = {key: image.info[key] for key in ("icc_profile",) if key in image.info and not grey}
    return made, depth


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    with suppress(Exception):  # a damaged or mismatched profile: keep the numbers as they are
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "sRGB" not in ImageCms.getProfileDescription(source):
            converted = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            return converted or image
    return image


def _too_large(name: str, size: str) -> PictureError:
    message = f"{name}: {size}, more than the {MAX_PIXELS:,} pixels that are decoded; scale it down"
    return PictureError("too_large", message)


def _broken(name: str, error: OSError) -> PictureError:
    text = str(error)
    if "truncated" in text.lower() or "broken data stream" in text:
        return PictureError("truncated", f"{name}: the file ends early ({text}); copy or download it again")
    return PictureError("corrupt", f"{name}: damaged picture ({text}); export it again")
