"""Checkpoints: what is written comes back, and what was tampered with is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from manifests.files.layout import atomic_write
from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import (
    CONFIG,
    WEIGHTS,
)
from palm_models.engines.diffusion.network import Denoiser, NetworkSpec
from palm_models.engines.diffusion.weights import load_checkpoint, save_checkpoint

SPEC = NetworkSpec(size=16, dim=8, mults=(1, 2), heads=1)
SCALES = {"palm": (0.1, 0.02, 0.01), "hand": (0.3, 0.1, 0.02)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_checkpoint(tmp_path, Denoiser(SPEC), SCALES, {"steps": 3}, atomic_write)
    return tmp_path


def change_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **values}))


def change_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Other tensors whose sha256 the config vouches for."""
    import hashlib

    save_file(tensors, folder / WEIGHTS)
    change_config(folder, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())


def test_round_trip(folder: Path) -> None:
    torch.manual_seed(0)
    original, loaded = Denoiser(SPEC), load_checkpoint(folder)
    assert loaded.network.spec == SPEC and loaded.scales == SCALES and loaded.training == {"steps": 3}
    for (name, a), b in zip(original.state_dict().items(), loaded.network.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-3, rtol=1e-3), name
        assert b.dtype == torch.float32
    assert not any(p.requires_grad for p in loaded.network.parameters()) and not loaded.network.training


def test_digest_names_weights_and_config(folder: Path) -> None:
    before = load_checkpoint(folder).digest
    assert load_checkpoint(folder).digest == before and len(before) == 64
    change_config(folder, training={"steps": 4})
    assert load_checkpoint(folder).digest != before


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
def test_missing_and_torn_files_are_refused(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "values",
    [
        {"format": 2},
        {"network": {"size": 16, "dim": 10**9, "mults": [1], "heads": 1}},
        {"network": {"size": 16, "dim": 8, "mults": [1, 2], "heads": 1, "command": "rm"}},
        {"network": [1, 2]},
        {"scales": {"palm": [float("nan"), 1, 1]}},
        {"scales": {"palm": [1, 1]}},
        {"training": 3},
    ],
)
def test_hostile_configs_are_refused(folder: Path, values: dict[str, object]) -> None:
    change_config(folder, **values)
    with pytest.raises(CheckpointError, match=CONFIG):
        load_checkpoint(folder)


def test_config_that_is_no_json_object_is_refused(folder: Path) -> None:
    for raw in (b"[]", b"\xff\xfe", b"[" * 100_000):
        (folder / CONFIG).write_bytes(raw)
        with pytest.raises(CheckpointError, match=CONFIG):
            load_checkpoint(folder)


def test_pickle_in_place_of_weights_is_refused(folder: Path) -> None:
    import hashlib

    torch.save({"x": torch.zeros(1)}, folder / WEIGHTS)
    change_config(folder, weights_sha256=hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest())
    with pytest.raises(CheckpointError, match="no safetensors"):
        load_checkpoint(folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = next(iter(tensors))
    change_weights(folder, {**tensors, "extra": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(folder)
    change_weights(folder, {**tensors, name: torch.zeros(7)})
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(folder)


def test_weights_that_are_not_finite_are_refused(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    name = next(iter(tensors))
    change_weights(folder, {**tensors, name: torch.full_like(tensors[name], float("nan"))})
    with pytest.raises(CheckpointError, match="not finite"):
        load_checkpoint(folder)


def test_weights_of_another_save_are_refused(folder: Path) -> None:
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(weights))
    with pytest.raises(CheckpointError, match="not the file"):
        load_checkpoint(folder)
