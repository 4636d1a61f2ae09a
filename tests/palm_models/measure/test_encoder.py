from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from palm_models.measure.encoder import (
    CONFIG,
    WEIGHTS,
    Encoder,
    EncoderConfig,
    EncoderError,
    to_grey,
    weights_digest,
)
from palm_models.measure.palmnet import Augmentation, PalmNet, Training, augment, train

TINY = EncoderConfig(size=32, width=8, dim=16)


def stripes(n: int, captures: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Identities that differ in the direction of their stripes, captures in phase and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:32, 0:32]
    pictures = []
    for i in range(n):
        for _ in range(captures):
            along = x * np.cos(np.pi * i / n) + y * np.sin(np.pi * i / n)
            wave = 128 + 60 * np.sin(along * 0.9 + rng.uniform(0, 0.8)) + rng.normal(0, 15, (32, 32))
            pictures.append(wave.clip(0, 255).astype(np.uint8))
    return np.stack(pictures), np.repeat(np.arange(n), captures)


@pytest.fixture(scope="module")
def trained() -> Encoder:
    return train(*stripes(6, 8, 0), Training(steps=60, batch=16, augment=None), TINY)


def test_training_separates_identities_it_sees_again(trained: Encoder) -> None:
    pictures, labels = stripes(6, 4, 1)
    vectors = trained.embed(pictures)
    similarity = vectors @ vectors.T
    same = labels[:, None] == labels
    np.fill_diagonal(same, False)
    assert similarity[same].mean() > similarity[labels[:, None] != labels].mean() + 0.5


def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(trained: Encoder) -> None:
    pictures, _ = stripes(6, 2, 2)
    vectors = trained.embed(pictures)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(vectors, np.concatenate([trained.embed(p[None]) for p in pictures]))


@pytest.mark.parametrize("config", [TINY, EncoderConfig(), EncoderConfig(size=64, width=12, dim=20)])
def test_vectors_are_those_of_the_network_that_was_trained(config: EncoderConfig) -> None:
    rng = torch.Generator().manual_seed(3)
    net = PalmNet(config)
    for module in net.modules():  # as after a training: no part is at rest
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.data = torch.rand(values.shape, generator=rng) + 0.5
    pictures = np.random.default_rng(0).integers(0, 256, (3, config.size, config.size)).astype(np.uint8)
    pictures[2] = 77  # flat
    with torch.inference_mode():
        wanted = torch.nn.functional.normalize(net.eval()(torch.from_numpy(pictures)[:, None].float() / 255))
    encoder = Encoder({k: v.numpy() for k, v in net.state_dict().items()}, config)
    np.testing.assert_allclose(encoder.embed(pictures), wanted.numpy(), atol=2e-6)


def test_colour_and_size_are_taken_care_of(trained: Encoder) -> None:
    grey, _ = stripes(3, 1, 3)
    large = np.repeat(np.repeat(grey, 2, 1), 2, 2)[..., None].repeat(3, -1)
    np.testing.assert_allclose(trained.embed(large), trained.embed(grey), atol=1e-4)
    assert trained.embed(np.empty((0, 9, 9, 3), np.uint8)).shape == (0, TINY.dim)


def test_the_same_plan_gives_the_same_weights() -> None:
    plan = Training(steps=4, batch=8, seed=5)
    first, second = (train(*stripes(3, 4, 0), plan, TINY) for _ in range(2))
    for a, b in zip(first.weights.values(), second.weights.values(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_saved_weights_give_the_same_vectors_and_are_checked(trained: Encoder, tmp_path) -> None:
    trained.save(tmp_path)
    pictures, _ = stripes(4, 1, 4)
    np.testing.assert_array_equal(Encoder.load(tmp_path).embed(pictures), trained.embed(pictures))
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:-1] + b"\x7f")
    with pytest.raises(EncoderError, match=rf"{WEIGHTS} does not match {CONFIG}: .*install palmforge again"):
        Encoder.load(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(EncoderError, match=rf"{WEIGHTS} is missing: "):
        Encoder.load(tmp_path)
    (tmp_path / CONFIG).write_text("{")
    with pytest.raises(EncoderError, match=rf"{CONFIG} is damaged: "):
        weights_digest(tmp_path)
    (tmp_path / CONFIG).unlink()
    with pytest.raises(EncoderError, match=rf"{CONFIG} is missing: "):
        weights_digest(tmp_path)


def test_augmentation_changes_pictures_reproducibly() -> None:
    grey = torch.from_numpy(stripes(4, 1, 0)[0])[:, None].float() / 255
    first, second = (augment(grey, torch.Generator().manual_seed(9), Augmentation()) for _ in range(2))
    assert torch.equal(first, second)
    assert (first - grey).abs().mean() > 0.05


@pytest.mark.parametrize("part", [f.name for f in fields(Augmentation)])
def test_each_part_of_the_augmentation_can_be_left_out_or_stand_alone(part: str) -> None:
    grey = torch.from_numpy(stripes(8, 1, 0)[0])[:, None].float() / 255
    none = Augmentation(*[0.0] * len(fields(Augmentation)))
    unchanged, alone = (
        augment(grey, torch.Generator().manual_seed(9), far)
        for far in (none, replace(none, **{part: getattr(Augmentation(), part)}))
    )
    assert (unchanged - grey).abs().max() < 1e-2
    assert (alone - unchanged).abs().mean() > 5e-4


def test_a_training_goes_on_from_an_encoder_that_is_there(trained: Encoder) -> None:
    pictures, labels = stripes(6, 8, 3)
    little = Training(steps=1, batch=16, learning_rate=1e-6, augment=None)
    again, anew = (train(pictures, labels, little, TINY, start=start) for start in (trained, None))
    kernel = "body.1.0.weight"
    np.testing.assert_allclose(again.weights[kernel], trained.weights[kernel], atol=1e-4)
    assert np.abs(anew.weights[kernel] - trained.weights[kernel]).max() > 0.01
    with pytest.raises(EncoderError, match="cannot go on"):
        train(pictures, labels, little, replace(TINY, width=16), start=trained)


def test_bad_training_sets_are_refused() -> None:
    pictures, labels = stripes(2, 2, 0)
    with pytest.raises(EncoderError, match="two identities"):
        train(pictures, labels * 0, Training(steps=1), TINY)
    with pytest.raises(EncoderError, match="to_grey"):
        train(to_grey(pictures, 16), labels, Training(steps=1), TINY)


def test_shipped_weights_are_small_and_tell_two_hands_apart() -> None:
    folder = Path(__file__).parents[3] / "palm_models" / "weights"
    assert (folder / WEIGHTS).stat().st_size < 8_000_000
    encoder = Encoder.load(folder)
    engine, vectors = RendererEngine(), []
    for subject in (9001, 9002):
        shots = [make_capture(1, subject, "left", c) for c in range(3)]
        drawings = engine.draw(make_identity(1, subject, "left"), shots, "palm", 128)
        vectors.append(encoder.embed(np.stack([d.image for d in drawings])))
    own = np.mean([(v @ v.T)[np.triu_indices(3, 1)].mean() for v in vectors])
    assert own > (vectors[0] @ vectors[1].T).mean() + 0.2
