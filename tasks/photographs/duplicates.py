"""Find photos that are the same file, the same pixels or the same picture at another size or quality."""

import numpy as np

from tasks.photographs.examine import Examined

NEAR = (
    6  # bits of 256: a palm scaled to 60-130 % and saved again differs by 6 at most, a burst's next shot by 8
)
WORDS = 4  # a hash of 256 bits as four uint64


class Duplicates:
    """Remembers photos in the order they come; about 400 bytes each."""

    def __init__(self, near: int = NEAR) -> None:
        self.near = near
        self.ids: list[str] = []
        self.by_file: dict[bytes, int] = {}
        self.by_pixels: dict[bytes, int] = {}
        self.hashes = np.zeros((1024, WORDS), np.uint64)

    def check(self, photo: Examined) -> tuple[str, str, str] | None:
        """(reason, detail, photo_id of the first one) when `photo` was seen before; otherwise remember it."""
        file, pixels = bytes.fromhex(photo.photo_id), bytes.fromhex(photo.pixels)
        if (first := self.by_file.get(file)) is not None:
            return "duplicate_file", "the same bytes", self.ids[first]
        if (first := self.by_pixels.get(pixels)) is not None:
            return "duplicate_pixels", "the same pixels in another file", self.ids[first]
        words = np.frombuffer(bytes.fromhex(photo.phash), np.uint64)
        seen = self.hashes[: len(self.ids)]
        distances = np.bitwise_count(seen ^ words).sum(axis=1, dtype=np.int64)
        if distances.size and distances.min() <= self.near:
            first = int(distances.argmin())
            return "duplicate_picture", f"{distances[first]} of 256 hash bits differ", self.ids[first]
        self._remember(photo.photo_id, file, pixels, words)
        return None

    def _remember(self, photo_id: str, file: bytes, pixels: bytes, words: np.ndarray) -> None:
        index = len(self.ids)
        if index == len(self.hashes):
            self.hashes = np.concatenate([self.hashes, np.zeros_like(self.hashes)])
        self.hashes[index] = words
        self.ids.append(photo_id)
        self.by_file[file] = self.by_pixels[pixels] = index
