"""The crease extractor: finds dark lines where they are, whatever the light."""

import cv2
import numpy as np
import pytest

from palm_models.engines.diffusion.extractor import COARSE, FINE, crease_map, line_maps


def palm(size: int = 128, width: int = 3, dark: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """A grey palm with one curved crease and light that falls off, and where the crease is."""
    rng = np.random.default_rng(0)
    x = np.linspace(0.1, 0.9, 30) * size
    points = np.stack([x, size * (0.3 + 0.4 * ((x / size) - 0.1) ** 2)], 1)
    line = np.zeros((size, size), np.uint8)
    cv2.polylines(
        line, [np.round(points * 16).astype(np.int32)], False, 255, width * size // 128, cv2.LINE_AA, 4
    )
    light = np.linspace(120, 190, size)[None] + rng.normal(0, 2, (size, size))
    return np.clip(light - dark * (line / 255.0), 0, 255).astype(np.uint8), line > 128


def test_map_is_a_share_and_keeps_at_most_a_fifth() -> None:
    found = crease_map(palm()[0])
    assert found.shape == (128, 128) and found.dtype == np.float32
    assert found.min() == 0 and found.max() == 1
    assert (found > 0).mean() <= 0.2001


def test_finds_the_crease_and_little_else() -> None:
    picture, crease = palm()
    found = crease_map(picture)
    assert found[crease].mean() > 0.6
    assert found[cv2.dilate(crease.astype(np.uint8), np.ones((9, 9))) == 0].mean() < 0.05


def test_a_bright_ridge_is_no_crease() -> None:
    picture, crease = palm(dark=-50)
    assert crease_map(picture)[crease].mean() < 0.1


def test_light_and_exposure_drop_out() -> None:
    picture, _ = palm()
    darker = (picture * np.linspace(0.5, 0.8, 128)[:, None]).astype(np.uint8)
    a, b = crease_map(picture).ravel(), crease_map(darker).ravel()
    assert np.corrcoef(a, b)[0, 1] > 0.9


def test_size_of_the_picture_does_not_matter() -> None:
    small = crease_map(palm(128)[0])
    large = cv2.resize(crease_map(palm(256)[0]), (128, 128), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.8


def test_fine_map_answers_to_fine_lines() -> None:
    fine, crease = palm(width=1)
    coarse, thin = line_maps(fine)
    assert np.array_equal(coarse, crease_map(fine, COARSE)) and np.array_equal(thin, crease_map(fine, FINE))
    off = ~cv2.dilate(crease.astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert thin[crease].mean() > 0.6 and thin[off].mean() < coarse[off].mean() + 0.05


def test_grey_and_colour_agree() -> None:
    grey = palm()[0]
    assert np.allclose(crease_map(grey), crease_map(np.repeat(grey[..., None], 3, 2)), atol=0.02)


def test_flat_picture_has_no_lines_that_are_not_numbers() -> None:
    assert np.isfinite(crease_map(np.full((64, 64), 128, np.uint8))).all()


@pytest.mark.parametrize(
    "bad", [np.zeros((128, 128), np.float32), np.zeros((8, 8), np.uint8), np.zeros(99, np.uint8)]
)
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        crease_map(bad)
