"""Examine one found file: is it a photo, what does it show, and an immutable copy without metadata."""

import hashlib
import io
from dataclasses import dataclass
from errno import EACCES, EPERM
from pathlib import Path

import numpy as np
from PIL import Image

from manifests.files.layout import atomic_write
from palm_models.photo.phash import phash
from palm_models.photo.picture import Picture, PictureError, decode
from tasks.photographs.jpeg import without_metadata
from tasks.photographs.sources.found import Found

MAX_FILE_BYTES = 512 * 2**20  # no photograph is larger
MAX_SIDE = 8192  # pixels; a photo larger than this is copied at this size
JPEG_QUALITY = 95  # of JPEGs that must be turned or recoloured, with full colour resolution


@dataclass(frozen=True)
class Examined:
    """One row of the table of photos before duplicates are known; ids and hashes are lower-case hex.

    photo_id: sha256 of the file as found; copy: the immutable copy, under blobs, named by its own sha256;
    width, height: of the copy; pixels: sha256 of the decoded pixels; phash: 256 bits; reason: empty
    when the file is a photo; detail: of a photo, how its sample depth was read when that is not the file's.
    """

    name: str
    photo_id: str = ""
    bytes: int = 0
    copy: str = ""
    width: int = 0
    height: int = 0
    format: str = ""
    orientation: int = 1
    pixels: str = ""
    phash: str = ""
    reason: str = ""
    detail: str = ""


def examine(found: Found, blobs: Path) -> Examined:
    """Read, decode, hash and copy one file; whatever is wrong with it becomes its reason.

    Raises PublishError when the copy cannot be written.
    """
    if found.path is None:
        return Examined(found.name, reason=found.reason, detail=found.detail)
    try:
        size = found.path.stat().st_size
        if size > MAX_FILE_BYTES:
            detail = f"{size:,} bytes, {MAX_FILE_BYTES:,} at most; scale it down"
            return Examined(found.name, bytes=size, reason="file_too_large", detail=detail)
        data = found.path.read_bytes()
    except OSError as error:
        mend = "check its permissions" if error.errno in (EACCES, EPERM) else "copy it anew or remove it"
        return Examined(found.name, reason="unreadable", detail=f"{error.strerror}; {mend}")
    digest = hashlib.sha256(data).hexdigest()
    try:
        picture = decode(data, MAX_SIDE)
    except PictureError as error:
        return Examined(found.name, digest, len(data), reason=error.reason, detail=str(error))
    return _photo(found.name, digest, data, picture, blobs)


def crashed(found: Found) -> Examined:
    """The row of a file that killed the process which read it."""
    detail = "the process that decoded it died, perhaps for lack of memory; export it again or scale it down"
    return Examined(found.name, reason="decoder_crashed", detail=detail)


def _photo(name: str, digest: str, data: bytes, picture: Picture, blobs: Path) -> Examined:
    copy, suffix = clean_copy(data, picture)
    copy_digest = hashlib.sha256(copy).hexdigest()
    path = blobs / copy_digest[:2] / f"{copy_digest}{suffix}"
    if not path.exists():  # a content address: what is there is right, for it was renamed when whole
        atomic_write(path, copy)
    rgb = picture.rgb
    return Examined(
        name,
        digest,
        len(data),
        str(path.resolve()),
        width=rgb.shape[1],
        height=rgb.shape[0],
        format=picture.format,
        orientation=picture.orientation,
        pixels=hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest(),
        phash=phash(rgb).hex(),
        detail=picture.depth,
    )


def clean_copy(data: bytes, picture: Picture) -> tuple[bytes, str]:
    """The copy that is kept, and its suffix: upright sRGB and no metadata.

    A JPEG that is upright, sRGB and not too large keeps its coefficients and loses only its metadata; another
    JPEG is encoded again at high quality; any other format becomes PNG, losslessly but for 16-bit and alpha.
    """
    whole = picture.plain and picture.scale == 1.0
    if picture.format == "JPEG" and whole and (stripped := _stripped(data, picture)):
        return stripped, ".jpg"
    stream = io.BytesIO()
    image = Image.fromarray(picture.rgb)
    if picture.format == "JPEG":
        image.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return stream.getvalue(), ".jpg"
    image.save(stream, "PNG", compress_level=4)
    return stream.getvalue(), ".png"


def _stripped(data: bytes, picture: Picture) -> bytes | None:
    """The JPEG without metadata, if it still decodes to the same pixels."""
    try:
        stripped = without_metadata(data)
        return stripped if np.array_equal(decode(stripped, MAX_SIDE).rgb, picture.rgb) else None
    except (ValueError, PictureError):
        return None
