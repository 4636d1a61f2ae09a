"""Training of the refined engine: it learns, goes on exactly, mirrors left hands, leaves what draws."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.diffusion.pairs import read_photos
from palm_models.engines.refined.network import load_skin
from palm_models.engines.refined.parts import draw_parts, palms
from tasks.train.diffusion import TrainSettings
from tasks.train.refined import train_skin
from tests.helpers.aligned_palms import aligned_palms

TINY = TrainSettings(steps=4, batch=2, dim=8, size=64, save_every=2, warmup=1)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return aligned_palms(tmp_path_factory.mktemp("aligned") / "aligned.parquet", 2, 96)


def test_a_training_that_was_cut_off_ends_in_the_same_weights(aligned: Path, tmp_path: Path) -> None:
    settings = replace(TINY, cooldown=0.0)
    whole = train_skin(aligned, tmp_path / "whole", settings=settings, device="cpu")
    train_skin(aligned, tmp_path / "parts", settings=replace(settings, steps=2), device="cpu")
    train_skin(aligned, tmp_path / "parts", settings=settings, device="cpu")
    assert whole["steps"] == 4 and whole["photos"] == 2 and np.isfinite(whole["loss"])
    one, other = (load_skin(tmp_path / name).network.state_dict() for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns(aligned: Path, tmp_path: Path) -> None:
    short = train_skin(aligned, tmp_path / "a", settings=replace(TINY, steps=1), device="cpu")
    long = train_skin(
        aligned, tmp_path / "b", settings=replace(TINY, steps=60, learning_rate=3e-3), device="cpu"
    )
    assert long["loss"] < 0.7 * short["loss"]


def test_left_hands_are_mirrored(aligned: Path) -> None:
    photo = read_photos(aligned)[0]
    left, scale = palms([photo], ["left"])
    right, _ = palms([photo], ["right"])
    assert torch.allclose(left[0, 0], right[0, 0].flip(1), atol=1e-5) and scale > 0
    assert abs(float(left[0, 0].std()) - 1) < 1e-4


def test_parts_depend_on_their_generator_alone(aligned: Path) -> None:
    stack, _ = palms(read_photos(aligned), ["left", "right"])
    one, other = (draw_parts(stack, 3, 64, 0.1, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(one.clean, other.clean) and one.lines.shape == (3, 2, 64, 64)
    assert float(one.lines.min()) >= 0 and float(one.lines.max()) <= 1 and one.place.shape == (3, 2, 64, 64)


def test_no_palm_is_said(aligned: Path) -> None:
    with pytest.raises(TrainingError, match="view palm"):
        palms([replace(read_photos(aligned)[0], view="hand")], ["left"])
