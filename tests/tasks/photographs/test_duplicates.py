"""Duplicates are found by bytes, by pixels and by looks; different pictures are left alone."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tasks.photographs.duplicates import Duplicates
from tasks.photographs.examine import Examined, examine
from tasks.photographs.sources.found import Found


def scene(seed: int, side: int = 250) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    return (
        Image.fromarray(noise)
        .filter(ImageFilter.GaussianBlur(4))
        .point(lambda v: max(0, min(255, (v - 128) * 5 + 128)))
    )


def photo(tmp_path: Path, image: Image.Image, fmt: str = "PNG", **options: object) -> Examined:
    stream = BytesIO()
    image.save(stream, fmt, **options)
    path = tmp_path / "photo"
    path.write_bytes(stream.getvalue())
    return examine(Found("photo", path), tmp_path / "blobs")


def test_each_kind_of_duplicate_names_the_first(tmp_path: Path) -> None:
    seen = Duplicates()
    first = photo(tmp_path, scene(1))
    assert seen.check(first) is None and seen.check(photo(tmp_path, scene(2))) is None
    kinds = {
        "duplicate_file": photo(tmp_path, scene(1)),
        "duplicate_pixels": photo(tmp_path, scene(1), "TIFF"),
        "duplicate_picture": photo(tmp_path, scene(1).resize((130, 130)), "JPEG", quality=60),
    }
    for reason, again in kinds.items():
        same = seen.check(again)
        assert same is not None and (same[0], same[2]) == (reason, first.photo_id)


def test_scaled_and_recompressed_copies_are_found_and_others_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    seen = Duplicates()
    for seed in range(12):
        assert seen.check(photo(tmp_path, scene(seed))) is None
    for seed in range(12):
        side = int(rng.integers(160, 330))
        copy = photo(tmp_path, scene(seed).resize((side, side)), "JPEG", quality=int(rng.integers(40, 95)))
        same = seen.check(copy)
        assert same is not None and same[2] == seen.ids[seed]


def test_more_photos_than_the_first_block_holds() -> None:
    rng = np.random.default_rng(6)
    seen = Duplicates()
    photos = [
        Examined("", rng.bytes(32).hex(), pixels=rng.bytes(32).hex(), phash=rng.bytes(32).hex())
        for _ in range(2500)
    ]
    assert all(seen.check(p) is None for p in photos)
    assert all(seen.check(p) == ("duplicate_file", "the same bytes", p.photo_id) for p in photos)
