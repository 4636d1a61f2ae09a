"""The baselines: published settings line by line, exact resume, engines that keep the contract."""

import json
import tomllib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from manifests.recipe import load
from manifests.recipe.baseline_sections import Ddpm, Wgan
from manifests.recipe.errors import RecipeError
from palm_models.engines.base import CheckpointError
from palm_models.engines.baselines.common import typical_landmarks
from palm_models.engines.baselines.ddpm import DdpmSpec, build, renoise, sample
from palm_models.engines.baselines.ddpm_engine import DdpmEngine, Variation, lattice, to_picture
from palm_models.engines.baselines.tps import bend, spline
from palm_models.engines.baselines.wgan import Critic, Generator, WganSpec, gradient_penalty
from palm_models.engines.baselines.wgan_engine import WganEngine, angle_between, individual, nearby
from palm_models.engines.diffusion.engine import DiffusionEngine
from palm_models.engines.diffusion.weights import load_checkpoint
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from tasks.train.batches import read_palms
from tasks.train.ddpm_tps import DdpmTraining
from tasks.train.resumable import train_baseline
from tasks.train.wgan_gp import WganTraining
from tests.helpers.aligned_palms import aligned_palms

PUBLISHED = tomllib.loads((Path(__file__).parents[3] / "bench" / "published.toml").read_text())
BOTH = {"view": "palm", "hands": ("left", "right"), "seed": 3}
TINY_WGAN = Wgan(size=16, latent=6, width=2, batch=4, epochs=2, save_epochs=1)
TINY_DDPM = Ddpm(
    size=16,
    dim=8,
    mults=(1, 2),
    timesteps=6,
    sampling_steps=6,
    batch=4,
    steps=3,
    save_every=2,
    sample_every=0,
)
IDENTITY = make_identity(5, 1, "right")
CAPTURES = [make_capture(5, 1, "right", k) for k in range(3)]


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    return aligned_palms(tmp_path_factory.mktemp("aligned") / "aligned.parquet")


@pytest.fixture(scope="module")
def wgan(aligned, tmp_path_factory):
    out = tmp_path_factory.mktemp("wgan")
    train_baseline(WganTraining, aligned, out, options=TINY_WGAN, **BOTH)
    return out


@pytest.fixture(scope="module")
def ddpm(aligned, tmp_path_factory):
    out = tmp_path_factory.mktemp("ddpm")
    train_baseline(DdpmTraining, aligned, out, options=TINY_DDPM, **BOTH)
    return out


def test_published_settings_are_the_defaults_line_by_line():
    for engine, section in (("wgan-gp", Wgan()), ("ddpm-tps", Ddpm())):
        told = {k: v for k, v in PUBLISHED[engine].items() if not isinstance(v, dict)}
        ours = section.model_dump(mode="json")
        assert told == {key: ours[key] for key in told}
        ours_alone = {"width", "ema", "angle"} if engine == "wgan-gp" else {"bend", "renoise", "samples"}
        assert set(ours) - set(told) == ours_alone  # nothing published is left out, nothing else is hidden
    assert Wgan().angle == Ddpm().bend == Ddpm().renoise == 0  # what is beside the published is off


def test_published_settings_are_what_is_built(aligned):
    table = PUBLISHED["wgan-gp"]
    training = WganTraining(Wgan(), read_palms(aligned, "palm", ["left"], 256, 16, 0), torch.device("cpu"))
    first = training.generator.layers[0]
    assert isinstance(first, nn.ConvTranspose2d) and first.in_channels == table["latent"]
    assert first.out_channels == table["network"]["first_channels"] * Wgan().width
    with torch.no_grad():
        assert first(torch.zeros(1, 100, 1, 1)).shape[-1] == table["network"]["first_side"]
        assert training.ema(torch.zeros(1, 100)).shape == (1, 3, table["size"], table["size"])
    assert any(isinstance(layer, nn.InstanceNorm2d) for layer in training.critic.modules())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in training.critic.modules())
    for adam, rate in ((training.generator_adam, "generator_rate"), (training.critic_adam, "critic_rate")):
        assert adam.defaults["lr"] == table[rate] and adam.defaults["betas"] == (
            table["beta1"],
            table["beta2"],
        )
    diffusion = build(DdpmSpec(), Ddpm().sampling_steps)
    own = PUBLISHED["ddpm-tps"]
    assert (diffusion.channels, diffusion.objective) == (
        own["diffusion"]["channels"],
        own["diffusion"]["objective"],
    )
    assert diffusion.num_timesteps == own["timesteps"] and diffusion.image_size == (128, 128)
    assert not diffusion.is_ddim_sampling and diffusion.model.init_conv.out_channels == own["dim"]


def test_critic_looks_at_each_picture_alone_and_the_penalty_asks_for_slope_one():
    torch.manual_seed(0)
    critic, pictures = Critic(WganSpec(16, 4, 2)), torch.randn(4, 3, 16, 16)
    assert torch.allclose(critic(pictures)[:1], critic(pictures[:1]), atol=1e-5)

    class Slope(nn.Module):
        def forward(self, x):
            return 3 * x.flatten(1)[:, 0]

    real, fake, mix = torch.randn(5, 3, 8, 8), torch.randn(5, 3, 8, 8), torch.rand(5, 1, 1, 1)
    assert gradient_penalty(Slope(), real, fake, mix).item() == pytest.approx((3 - 1) ** 2)


SHORT = {  # what trains, a part of the training, and the whole
    "wgan": (WganTraining, TINY_WGAN.model_copy(update={"epochs": 1}), TINY_WGAN),
    "ddpm": (DdpmTraining, TINY_DDPM.model_copy(update={"steps": 2}), TINY_DDPM),
}


@pytest.mark.parametrize("engine", list(SHORT))
def test_resumed_training_equals_an_unbroken_one(engine, aligned, tmp_path, request):
    whole, kind, short, full = request.getfixturevalue(engine), *SHORT[engine]
    first = train_baseline(kind, aligned, tmp_path, options=short, **BOTH)
    second = train_baseline(kind, aligned, tmp_path, options=full, **BOTH)
    assert first["steps"] < second["steps"]
    for name in ("state.safetensors", "model.safetensors"):
        a, b = load_file(whole / name), load_file(tmp_path / name)
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a), name
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])  # torn: the training goes on from the state before it
    assert train_baseline(kind, aligned, tmp_path, options=full, **BOTH)["steps"] == second["steps"]
    again, wanted = load_file(state), load_file(whole / "state.safetensors")
    assert all(torch.equal(again[key], wanted[key]) for key in wanted)
    with pytest.raises(CheckpointError, match="batch"):
        train_baseline(kind, aligned, tmp_path, options=full.model_copy(update={"batch": 2}), **BOTH)


def test_training_moves_the_networks_and_leaves_grids_and_logs(wgan, ddpm, aligned, tmp_path):
    fresh = Generator(WganSpec(16, 6, 2)).state_dict()
    learned = load_file(wgan / "model.safetensors")
    assert learned.keys() == fresh.keys()
    lines = [json.loads(line) for line in (wgan / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert cv2.imread(str(wgan / "sample-00002.png")).shape == (80, 80, 3)
    grids = TINY_DDPM.model_copy(update={"steps": 1, "sample_every": 1, "samples": 2})
    train_baseline(DdpmTraining, aligned, tmp_path, options=grids, **BOTH)
    assert cv2.imread(str(tmp_path / "sample-000001.png")).shape == (16, 80, 3)


def test_wgan_learns_the_colour_of_palms(aligned, tmp_path):
    fast = {"generator_rate": 2e-3, "critic_rate": 2e-3, "width": 4, "ema": 0.9}
    quick = TINY_WGAN.model_copy(update={**fast, "epochs": 60, "save_epochs": 60})
    real = read_palms(aligned, "palm", ["left", "right"], 16, 8, 0).at(0).mean((0, 2, 3))
    train_baseline(WganTraining, aligned, tmp_path, options=quick, **BOTH)
    engine = WganEngine.load(tmp_path)
    drawn = (
        np.stack([d.image for d in engine.draw(IDENTITY, CAPTURES, "palm", 16)]).mean((0, 1, 2)) / 127.5 - 1
    )
    assert np.abs(drawn - real.numpy()).max() < 0.25 and np.abs(real.numpy()).max() > 0.25


def test_ddpm_learns_to_tell_noise(aligned, tmp_path):
    quick = TINY_DDPM.model_copy(
        update={"timesteps": 50, "steps": 40, "learning_rate": 3e-3, "save_every": 60}
    )
    began = train_baseline(
        DdpmTraining, aligned, tmp_path / "a", options=quick.model_copy(update={"steps": 1}), **BOTH
    )
    ended = train_baseline(DdpmTraining, aligned, tmp_path / "b", options=quick, **BOTH)
    assert ended["loss"] < 0.7 * began["loss"]


def engines(wgan, ddpm):
    return [WganEngine.load(wgan), DdpmEngine.load(ddpm)]


def test_drawings_keep_the_contract_of_an_engine(wgan, ddpm):
    for engine in engines(wgan, ddpm):
        drawn = engine.draw(IDENTITY, CAPTURES, "palm", 24)
        assert len(drawn) == 3 and all(
            d.image.shape == (24, 24, 3) and d.image.dtype == np.uint8 for d in drawn
        )
        assert all(d.landmarks.shape == (21, 2) and np.isfinite(d.landmarks).all() for d in drawn)
        alone = engine.draw(IDENTITY, CAPTURES[2:], "palm", 24)[0]
        assert np.array_equal(alone.image, drawn[2].image) and alone.capture == drawn[2].capture
        other = engine.draw(make_identity(5, 2, "right"), CAPTURES[:1], "palm", 24)[0]
        assert not np.array_equal(other.image, drawn[0].image)
        assert len(engine.checkpoint) == 64
        with pytest.raises(CheckpointError, match="learned view palm"):
            engine.draw(IDENTITY, CAPTURES, "hand", 24)


def test_checkpoints_of_other_engines_are_named(wgan, ddpm):
    with pytest.raises(CheckpointError, match="wgan-gp, not ddpm-tps"):
        DdpmEngine.load(wgan)
    with pytest.raises(CheckpointError, match="ddpm-tps, not wgan-gp"):
        WganEngine.load(ddpm)
    with pytest.raises(CheckpointError, match="wgan-gp, not diffusion"):
        DiffusionEngine(wgan)
    with pytest.raises(CheckpointError, match="diffusion, not wgan-gp"):
        WganEngine.load(Path(__file__).parents[3] / "palm_models" / "weights")
    assert load_checkpoint(Path(__file__).parents[3] / "palm_models" / "weights").digest


def test_captures_lie_near_their_individual_and_on_its_sphere():
    latent = individual(IDENTITY, 100)
    assert np.array_equal(latent, individual(IDENTITY, 100))
    published = [angle_between(latent, nearby(latent, c, 0.02, 0)) for c in CAPTURES]
    turned = [nearby(latent, c, 0.0, 15.0) for c in CAPTURES]
    assert max(published) < 2
    assert [angle_between(latent, near) for near in turned] == pytest.approx([15] * 3, abs=0.01)
    assert [np.linalg.norm(near) for near in turned] == pytest.approx([np.linalg.norm(latent)] * 3, rel=1e-5)
    assert angle_between(turned[0], turned[1]) > 15


def test_spline_moves_its_points_where_they_are_told_and_bends_the_picture_with_them():
    before = lattice(64)
    after = before + np.random.default_rng(0).uniform(-3, 3, before.shape)
    assert np.allclose(spline(before, after, before), after, atol=1e-6)
    assert np.allclose(spline(before, before, after), after, atol=1e-6)
    picture = np.zeros((64, 64, 3), np.uint8)
    inside = 6
    cv2.circle(picture, np.round(before[inside]).astype(int).tolist(), 2, (255, 255, 255), -1)
    y, x = np.unravel_index(
        cv2.GaussianBlur(bend(picture, before, after)[..., 0], (5, 5), 0).argmax(), (64, 64)
    )
    assert np.hypot(*(np.array([x, y]) - after[inside])) < 1.8
    with pytest.raises(ValueError, match="no thin-plate spline"):
        spline(np.stack([np.arange(5.0), np.zeros(5)], 1), np.zeros((5, 2)), np.zeros((1, 2)))


def test_typical_landmarks_of_the_two_hands_mirror_each_other():
    right, left = (typical_landmarks(hand, "hand", 100) for hand in ("right", "left"))
    assert np.allclose(left, right * [-1, 1] + [99, 0], atol=1e-3) and 0 < right.min() < right.max() < 99


def test_variations_do_what_they_say(ddpm):
    still = DdpmEngine.load(ddpm, variation=Variation(jitter=0)).draw(IDENTITY, CAPTURES, "palm", 16)
    assert np.array_equal(still[0].image, still[1].image) and still[0].capture == {
        "move": 0.0,
        "renoise": 0.0,
    }
    moves = [
        np.mean(
            [
                d.capture["move"]
                for d in DdpmEngine.load(ddpm, variation=v).draw(IDENTITY, CAPTURES, "palm", 16)
            ]
        )
        for v in (Variation(), Variation(0, 0.1), Variation(0, 0.2))
    ]
    assert 0.6 < moves[0] < 1 and moves[2] == pytest.approx(2 * moves[1])
    anew = DdpmEngine.load(ddpm, variation=Variation(0, 0, 0.5)).draw(IDENTITY, CAPTURES, "palm", 16)
    assert not np.array_equal(anew[0].image, anew[1].image)


def test_partial_renoising_stays_near_its_picture():
    torch.manual_seed(0)
    diffusion = build(DdpmSpec(16, 8, (1, 2), 40))
    picture = sample(diffusion, 1)
    assert torch.equal(renoise(diffusion, picture, 0.0, 3), picture)
    far = [
        (renoise(diffusion, picture, share, 3) - picture).square().mean().item() for share in (0.1, 0.5, 1.0)
    ]
    assert 0 < far[0] < far[1] < far[2]
    quick = build(DdpmSpec(16, 8, (1, 2), 40), 8)
    quick.load_state_dict(diffusion.state_dict())
    assert torch.isfinite(renoise(quick, picture, 0.5, 3)).all()
    assert to_picture(picture).shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"train": {"checkpoint": "shipped"}}, "no shipped weights"),
        ({"dataset": {"views": ["palm", "hand"]}}, "the one view"),
        ({"identity": {"skin_tone": 35}}, "skin_tone"),
        ({"capture": {"ring": True}}, "ring"),
        ({"source": {"kind": "none"}}, "photographs"),
        ({"wgan": {"size": 48}}, "power of two"),
        ({"ddpm": {"sampling_steps": 2000}}, "at most timesteps"),
    ],
)
def test_a_recipe_that_a_baseline_cannot_follow_is_refused(write_recipe, change, wanted):
    base = {"engine": {"name": "wgan-gp"}, "train": {"checkpoint": "train"}, "source": {"kind": "renderer"}}
    with pytest.raises(RecipeError, match=wanted):
        load(write_recipe(**{**base, **change}))
