"""How many bits of a 16-bit sample were measured: cameras put 10, 12 or 14 into 16, and few files say so."""

import re
from contextlib import suppress
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEPTHS = (8, 10, 12, 14)  # bits that cameras have and 16-bit files hold
MAX_SAMPLE_VALUE, DESCRIPTION, BITS, PHOTOMETRIC = 281, 270, 258, 262  # TIFF 6.0 tags
FULL = 65535


def declared(image: Image.Image, stream: BinaryIO) -> int:
    """The largest value that the file says a sample can have, 0 when it says nothing.

    PNG: chunk sBIT; TIFF: MaxSampleValue, SignificantBits of an OME description, or packed samples of 9 to 15
    bits; PNM: its maxval, which the decoder has brought to the full range already.
    """
    if image.format == "PPM":
        return FULL
    if image.format == "PNG":
        bits = _significant_bits(stream)
        return 2**bits - 1 if bits else 0
    tags = getattr(image, "tag_v2", {})
    with suppress(Exception):  # a damaged tag says nothing
        if MAX_SAMPLE_VALUE in tags:
            value = tags[MAX_SAMPLE_VALUE]
            return int(max(value) if isinstance(value, tuple) else value)
        if found := re.search(r'SignificantBits="(\d+)"', str(tags.get(DESCRIPTION, ""))):
            return int(2 ** int(found[1]) - 1)
        if (bits := max(_bits(image), default=0)) < 16:
            return int(2**bits - 1)
    return 0


def white_is_zero(image: Image.Image) -> bool:
    """True for a TIFF whose largest sample is black; Pillow turns such ones of 8 bits only."""
    return bool(getattr(image, "tag_v2", {}).get(PHOTOMETRIC) == 0)


def _significant_bits(stream: BinaryIO) -> int:
    at = stream.tell()
    try:
        stream.seek(8)
        while len(head := stream.read(8)) == 8 and head[4:] != b"IDAT":
            data = stream.read(int.from_bytes(head[:4], "big") + 4)[:-4]
            if head[4:] == b"sBIT":
                return max(data[:3], default=0)
        return 0
    finally:
        stream.seek(at)


def deep_colour(image: Image.Image, stream: BinaryIO) -> NDArray[np.uint16] | None:
    """The 16-bit samples of a colour PNG or TIFF, of which Pillow keeps the upper half; else None."""
    if image.mode not in ("RGB", "RGBA", "LA") or image.format not in ("PNG", "TIFF"):
        return None
    at = stream.tell()
    try:
        stream.seek(0)
        head = stream.read(25)
        deep = head[24:25] == b"\x10" if image.format == "PNG" else 16 in _bits(image)
        if not deep:
            return None
        stream.seek(0)
        flags = cv2.IMREAD_UNCHANGED
        values = cv2.imdecode(np.frombuffer(stream.read(), np.uint8), flags)
    finally:
        stream.seek(at)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    order = cv2.COLOR_BGRA2RGBA if values.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(values, order), np.uint16)


def _bits(image: Image.Image) -> tuple[int, ...]:
    return tuple(getattr(image, "tag_v2", {}).get(BITS, ()))


def to_eight_bit(values: NDArray[np.integer], said: int, *, scaled_up: bool) -> tuple[NDArray[np.uint8], str]:
    """Samples as 8-bit ones, and a note when they were not taken by the container's full range.

    `said`: the largest value that the file declares, 0 for none. What exceeds it in a PNG was scaled up to
    the whole range by who wrote it, as PNG asks (`scaled_up`); in a TIFF it is not to be believed. Of a file
    that says nothing the smallest depth that holds every value is taken: a photograph that fills a 16-bit
    range to less than a quarter throughout is not one of 16 bits.
    """
    colour = values[..., :3] if values.ndim == 3 else values
    most = int(colour.max(initial=0))
    full, note = FULL, ""
    if most > said and not scaled_up:
        said = 0
    if said and most <= said < FULL:
        full, note = said, f"{said.bit_length()} bits in 16, as the file says"
    elif not said and (bits := next((b for b in DEPTHS if most < 2**b), 0)):
        full, note = 2**bits - 1, f"{bits} bits in 16: no sample is above {most}"
    wide = colour.astype(np.uint32)
    scaled = ((wide * 255 + full // 2) // full).astype(np.uint8)
    if values.ndim == 3 and values.shape[2] == 4:
        alpha = values[..., 3:].astype(np.uint32)
        opaque = FULL if int(alpha.max(initial=0)) > full else full
        scaled = np.concatenate([scaled, ((alpha * 255 + opaque // 2) // opaque).astype(np.uint8)], axis=2)
    return scaled, note
