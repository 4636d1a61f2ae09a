"""Take everything that is not picture out of a JPEG without touching its pixels."""

import re

SOI, EOI, SOS, DHT = b"\xff\xd8", b"\xff\xd9", 0xDA, 0xC4
APP0, APP14, APP15, COM = 0xE0, 0xEE, 0xEF, 0xFE
NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")  # stuffed 0xff00 and restart marks are picture data
JFIF = bytes.fromhex("ffe000104a46494600010100000100010000")  # version 1.1, no density, no thumbnail


def without_metadata(jpeg: bytes) -> bytes:
    """The first picture of a JPEG file, its pixels as they were, without EXIF, XMP, ICC, comments, trailers.

    Of the application segments only what tells the colours stays: a bare JFIF and Adobe's transform flag
    (ITU-T T.81 B.1.1; T.872 6.5.3). What follows the end of the image (second pictures, maker's data) goes.

    Raises ValueError when the segments are not those of a whole JPEG.
    """
    if not jpeg.startswith(SOI):
        raise ValueError("no JPEG")
    parts, at = [SOI], 2
    while (match := NEXT_MARKER.match(jpeg, at)) and match[1] != EOI[1:]:
        marker, start = match[1][0], match.end()
        end = start + int.from_bytes(jpeg[start : start + 2], "big")
        if end < start + 2 or end > len(jpeg):
            raise ValueError("a segment longer than the file")
        parts.append(_kept(marker, jpeg[start:end]))
        at = end
        if marker == SOS:
            following = NEXT_MARKER.search(jpeg, at)
            if following is None:
                raise ValueError("no end of image")
            parts.append(jpeg[at : following.start()])
            at = following.start()
    if match is None:
        raise ValueError("no marker where one must be")
    return b"".join([*parts, EOI])


def _kept(marker: int, body: bytes) -> bytes:
    """The segment as it goes into the copy; `body` begins with its two length bytes."""
    if marker == APP0:
        return JFIF if body[2:7] == b"JFIF\0" else b""
    if marker == APP14:
        return bytes([0xFF, marker, 0, 14]) + body[2:14] if body[2:7] == b"Adobe" and len(body) >= 14 else b""
    if APP0 < marker <= APP15 or marker == COM:
        return b""
    return bytes([0xFF, marker]) + body
