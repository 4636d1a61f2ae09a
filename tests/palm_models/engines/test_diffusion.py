"""The diffusion engine: pure in its inputs, whatever is drawn beside, before or at another size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from manifests.files.layout import atomic_write
from manifests.words import View
from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import checkpoint_digest
from palm_models.engines.diffusion.engine import DiffusionEngine, capture_noise, identity_noise
from palm_models.engines.diffusion.network import Denoiser, NetworkSpec, pack, without_lines
from palm_models.engines.diffusion.weights import save_checkpoint
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import Capture, make_capture
from palm_models.hand.identity import make_identity
from palm_models.render.warp import warp

SIDE = 64
IDENTITY = make_identity(3, 0, "left")
CALM = {"noise": 0.0, "jpeg": 100.0, "infrared": False}


def capture(number: int, **controls: object) -> Capture:
    return make_capture(3, 0, "left", number, controls)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint")
    network = Denoiser(NetworkSpec(size=SIDE, dim=8, mults=(1, 2), heads=1))
    save_checkpoint(path, network, {"palm": (0.1, 0.02, 0.01), "hand": (0.3, 0.1, 0.02)}, {}, atomic_write)
    return path


@pytest.fixture(scope="module")
def engine(folder: Path) -> DiffusionEngine:
    torch.set_num_threads(1)
    return DiffusionEngine(folder, steps=2)


@pytest.mark.parametrize("view", ["palm", "hand"])
def test_pictures_depend_on_nothing_drawn_beside(engine: DiffusionEngine, folder: Path, view: View) -> None:
    captures = [capture(k) for k in range(3)]
    together = engine.draw(IDENTITY, captures, view, SIDE)
    backwards = engine.draw(IDENTITY, captures[::-1], view, SIDE)[::-1]
    torch.manual_seed(123)
    alone = [DiffusionEngine(folder, steps=2).draw(IDENTITY, [c], view, SIDE)[0] for c in captures]
    for a, b, c in zip(together, backwards, alone, strict=True):
        assert np.array_equal(a.image, b.image) and np.array_equal(a.image, c.image)
        assert np.array_equal(a.landmarks, c.landmarks)
    assert not np.array_equal(together[0].image, together[1].image)


@pytest.mark.parametrize("size", [32, 96])
def test_other_sizes_carry_their_landmarks(engine: DiffusionEngine, size: int) -> None:
    drawn = engine.draw(IDENTITY, [capture(0)], "palm", size)[0]
    own = RendererEngine().draw(IDENTITY, [capture(0)], "palm", size)[0]
    assert drawn.image.shape == (size, size, 3) and drawn.image.dtype == np.uint8
    assert np.abs(drawn.landmarks - own.landmarks).max() < 0.02 * size


def test_colour_and_light_are_those_of_the_capture(engine: DiffusionEngine) -> None:
    light = [capture(0, exposure=e, **CALM) for e in (-0.5, 0.3)]
    drawn = [d.image.mean() for d in engine.draw(IDENTITY, light, "palm", SIDE)]
    rendered = [d.image.mean() for d in RendererEngine().draw(IDENTITY, light, "palm", SIDE)]
    assert np.allclose(drawn, rendered, atol=8) and drawn[1] > drawn[0] + 10


def test_infrared_pictures_are_grey(engine: DiffusionEngine) -> None:
    controls = {**CALM, "infrared": True, "warmth": 0.0, "tint": 0.0}
    image = engine.draw(IDENTITY, [capture(0, **controls)], "palm", SIDE)[0].image.astype(int)
    assert np.abs(image - image.mean(axis=2, keepdims=True)).max() <= 3


def test_background_stays_as_rendered(engine: DiffusionEngine) -> None:
    told = capture(0, defocus=0.3, motion=0.0, sharpening=0.0, **CALM)
    drawn = engine.draw(IDENTITY, [told], "hand", SIDE)[0].image.astype(int)
    rendered = RendererEngine().draw(IDENTITY, [told], "hand", SIDE)[0].image.astype(int)
    far = warp(IDENTITY, told, "hand", SIDE).distance > 0.15
    assert far.sum() > 100 and np.abs(drawn - rendered)[far].mean() < 4


def test_noise_is_standard_normal_and_carried_by_the_skin() -> None:
    still, moved = capture(0, shift_x=0.0), capture(0, shift_x=0.0625)  # 8 of 128 pixels
    tile, seen = identity_noise(IDENTITY), [warp(IDENTITY, c, "palm", 128) for c in (still, moved)]
    a, b = (capture_noise(tile, c, w, "palm") for c, w in zip((still, moved), seen, strict=True))
    for one in (a, b):
        assert abs(one.mean()) < 0.05 and abs(one.std() - 1) < 0.05
    carried = np.corrcoef(a[:, :, 8:112].ravel(), b[:, :, 16:120].ravel())[0, 1]
    assert carried > 0.5  # the identity's share of the variance, less what falls into other cells
    other = make_identity(3, 1, "left")
    strange = capture_noise(identity_noise(other), make_capture(3, 1, "left", 0), seen[0], "palm")
    assert abs(np.corrcoef(a.ravel(), strange.ravel())[0, 1]) < 0.1


def test_dropped_lines_leave_the_rest_of_the_condition(engine: DiffusionEngine) -> None:
    from palm_models.engines.diffusion.condition import condition

    drawn = RendererEngine().draw(IDENTITY, [capture(0), capture(1)], "palm", SIDE)
    packed = pack([condition(d.image, d.landmarks, "palm") for d in drawn])
    first, none = torch.tensor([True, False]), torch.tensor([False, False])
    bare, fine = without_lines(packed, first, none), without_lines(packed, none, first)
    assert not bare[0, :32].any() and torch.equal(bare[0, 32:], packed[0, 32:])
    assert torch.equal(fine[0, :16], packed[0, :16]) and not fine[0, 16:32].any()
    assert torch.equal(bare[1], packed[1]) and torch.equal(fine[1], packed[1])


def test_a_batch_that_is_not_full_changes_nothing(folder: Path) -> None:
    batched = DiffusionEngine(folder, steps=2)
    batched.batch = 4  # as on a GPU; there the numbers may differ from a CPU's, not with what is drawn beside
    captures = [capture(k) for k in range(5)]
    together = batched.draw(IDENTITY, captures, "palm", SIDE)
    alone = batched.draw(IDENTITY, captures[4:], "palm", SIDE)[0]
    assert len(together) == 5 and np.array_equal(together[4].image, alone.image)


def test_guidance_and_release_change_the_picture(folder: Path, engine: DiffusionEngine) -> None:
    plain = engine.draw(IDENTITY, [capture(0)], "palm", SIDE)[0].image
    for options in ({"guidance": 3.0}, {"release": 0.9}, {"start": 1.0}):
        other = (
            DiffusionEngine(folder, steps=2, **options).draw(IDENTITY, [capture(0)], "palm", SIDE)[0].image
        )
        assert not np.array_equal(plain, other)


def test_checkpoint_names_the_weights(engine: DiffusionEngine, folder: Path, tmp_path: Path) -> None:
    assert engine.checkpoint == checkpoint_digest(folder) and len(engine.checkpoint) == 64
    with pytest.raises(CheckpointError, match=r"config\.json"):
        DiffusionEngine(tmp_path)


def test_shipped_weights_load_and_their_card_names_them() -> None:
    weights = Path(__file__).parents[3] / "palm_models" / "weights"
    engine = DiffusionEngine(weights, steps=1)
    assert engine.checkpoint in (weights / "MODEL_CARD.md").read_text()
    assert (weights / "model.safetensors").stat().st_size <= 16 << 20
    image = engine.draw(IDENTITY, [capture(0, **CALM)], "palm", 128)[0].image
    rendered = RendererEngine().draw(IDENTITY, [capture(0, **CALM)], "palm", 128)[0].image
    assert 0.5 < np.corrcoef(image.ravel(), rendered.ravel())[0, 1] < 0.9999
