"""Training on two CPU processes ends where one process ends, resumes, and leaves a usable checkpoint."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from palm_models.engines.diffusion.weights import load_checkpoint
from tasks.train.diffusion import train
from tasks.train.launch import LaunchError, launch
from tests.tasks.train.test_train import TINY, aligned

__all__ = ["aligned"]  # a fixture
TWO = replace(TINY, devices=2)


def weights(folder: Path) -> list[torch.Tensor]:
    return list(load_checkpoint(folder).network.parameters())


def test_two_processes_end_where_one_does_also_when_resumed(aligned: Path, tmp_path: Path) -> None:
    """One process with devices = 2 trains on both parts of each batch: the same global batch."""
    train(aligned, tmp_path / "one", settings=replace(TWO, steps=2))
    alone = train(aligned, tmp_path / "one", settings=TWO)
    steps = []
    launch(aligned, tmp_path / "two", settings=replace(TWO, steps=2), progress=lambda n, _: steps.append(n))
    together = launch(aligned, tmp_path / "two", settings=TWO, progress=lambda n, _: steps.append(n))
    assert steps == [0, 1, 2, 2, 3, 4] and together.steps == 4
    assert together.loss == pytest.approx(alone.loss, rel=1e-3)
    for ours, theirs in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_a_process_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"nowhere\.parquet"):
        launch(tmp_path / "nowhere.parquet", tmp_path / "out", settings=TWO)
