"""Versions that 0.1.0 built with each of its engines are drawn again and extended, byte for byte."""

import io
import platform
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from flows.build_dataset import build_dataset
from manifests.files.layout import LATEST, RECIPE
from manifests.read.open import open_dataset
from manifests.tools.diff import diff
from manifests.tools.verify import verify
from tasks.draw.regenerate import regenerate, some
from tasks.versions.extend import ExtendError, extended

KEPT = Path(__file__).parents[2] / "kept" / "0.1.0"
ENGINES = {"renderer": 8, "diffusion": 8, "wgan-gp": 4, "ddpm-tps": 4}  # images of each
TRAINED = ("wgan-gp", "ddpm-tps")  # anew, where a version of them is extended
# Bytes are promised on machines of one kind: these were drawn by kernels for AVX-512.
SAME_KIND = platform.machine() == "x86_64" and torch.backends.cpu.get_cpu_capability() == "AVX512"


@pytest.fixture(params=ENGINES)
def version(request, tmp_path):
    """The kept version of an engine in a home of its own, the weights that it names in a work folder near."""
    home, weights = tmp_path / "out" / request.param, KEPT / "weights" / request.param
    shutil.copytree(KEPT / request.param, home / "20261128T040000-kept")
    (home / LATEST).write_text("20261128T040000-kept\n")
    if weights.is_dir():
        shutil.copytree(weights, tmp_path / "work" / "checkpoints" / "kept")
    return open_dataset(home)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)), float)


def test_every_image_is_drawn_again(version):
    rows, name = version.rows(), version.path.parent.name
    assert rows.num_rows == ENGINES[name] * (2 if name == "renderer" else 1)  # half of it augmented
    published = dict(zip(rows["sample_id"].to_pylist(), version.images(rows), strict=True))
    for image in regenerate(version, some(version, 99, 0)):
        if SAME_KIND:
            assert image.same, image.sample_id
        assert np.abs(pixels(image.image) - pixels(published[image.sample_id])).mean() < 1


@pytest.mark.skipif(not SAME_KIND, reason="bytes are promised on machines of one kind")
def test_one_capture_more_changes_nothing_that_was_there(version, tmp_path):
    overrides = extended(version, identities=0, captures=3)
    overrides += [f"out={tmp_path / 'out'}", f"work={tmp_path / 'anew'}", "engine.workers=1"]
    try:
        made = build_dataset(str(version.path / RECIPE), overrides, keeps=str(version.path))
    except ExtendError as refused:
        # Photographs have been framed otherwise since, and caches of another size cut a kernel's sums
        # elsewhere: what is trained anew has other weights.
        assert version.path.parent.name in TRAINED
        assert str(refused).count("checkpoint, drawn_with") == 4, refused
        assert "stays the newest" in str(refused)
        return
    larger = open_dataset(made)
    assert verify(larger.path).ok and diff(version, larger).only_adds
    assert larger.rows().num_rows == version.rows().num_rows * 3 // 2
    assert len(set(larger.rows()["checkpoint"].to_pylist())) == 1
    new = set(larger.rows()["sample_id"].to_pylist()) - set(version.rows()["sample_id"].to_pylist())
    assert all(image.same for image in regenerate(larger, sorted(new)))
