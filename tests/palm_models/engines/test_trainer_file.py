"""The library's own Trainer writes a checkpoint; ours draws the same picture from it, and runs no pickle."""

import io
import os
import pickle
import zipfile

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from denoising_diffusion_pytorch import GaussianDiffusion, Trainer, Unet

from flows.cli.main import main
from manifests.files.layout import atomic_write
from palm_models.engines.base import CheckpointError
from palm_models.engines.baselines.ddpm import sample
from palm_models.engines.baselines.ddpm_engine import DdpmEngine, Variation, to_picture
from palm_models.engines.baselines.trainer_file import import_trainer_file
from palm_models.hand.identity import make_identity

SIZE = 16


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    """The library's Trainer after two steps and a save, its averaged weights unlike the online ones."""
    folder = tmp_path_factory.mktemp("trainer")
    (folder / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for k in range(100):
        cv2.imwrite(str(folder / "pictures" / f"{k}.png"), rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8))
    torch.manual_seed(0)
    diffusion = GaussianDiffusion(
        Unet(8, dim_mults=(1, 2)), image_size=SIZE, timesteps=12, objective="pred_noise"
    )
    with pytest.MonkeyPatch.context() as patch:
        library = "denoising_diffusion_pytorch.denoising_diffusion_pytorch"
        patch.setattr(f"{library}.cpu_count", lambda: 0)  # no loader processes
        made = Trainer(
            diffusion, str(folder / "pictures"), train_batch_size=16, train_lr=1e-3, train_num_steps=2,
            save_and_sample_every=1000, results_folder=str(folder), calculate_fid=False, num_samples=1,
        )  # fmt: skip
    made.train()
    made.ema.ema_model.model.init_conv.weight.data.mul_(1.5)  # averages lag behind: two steps show too little
    made.save(1)
    return made, folder / "model-1.pt"


def test_it_draws_what_the_library_draws_from_the_averaged_weights(trainer, tmp_path):
    made, file = trainer
    found = import_trainer_file(file, tmp_path, atomic_write, size=SIZE)
    assert found["weights"] == "ema" and found["step"] == 2
    assert (found["dim"], found["mults"], found["timesteps"]) == (8, [1, 2], 12)
    assert (found["objective"], found["schedule"]) == ("pred_noise", "sigmoid")
    engine = DdpmEngine.load(tmp_path, variation=Variation(0, 0, 0))
    seed = engine._individual(make_identity(3, 0, "left"), "palm").recorded["noise_seed"]
    for sampled, wanted in ((seed, True), (seed + 1, False)):
        torch.manual_seed(sampled)
        theirs = made.ema.ema_model.eval().sample(batch_size=1) * 2 - 1  # theirs is in [0, 1]
        ours = sample(engine.diffusion, seed)
        assert torch.allclose(ours, theirs, atol=1e-5) == wanted
    assert np.array_equal(to_picture(ours), to_picture(engine.last.picture))
    torch.manual_seed(seed)
    online = made.model.eval().sample(batch_size=1) * 2 - 1
    assert not torch.allclose(ours, online, atol=1e-3)


def test_ddim_is_the_library_s_own(trainer):
    made, _ = trainer
    quick = GaussianDiffusion(
        Unet(8, dim_mults=(1, 2)), image_size=SIZE, timesteps=12, sampling_timesteps=5, objective="pred_noise"
    )
    quick.load_state_dict(made.ema.ema_model.state_dict())
    torch.manual_seed(4)
    theirs = quick.eval().sample(batch_size=2) * 2 - 1
    assert torch.allclose(sample(quick, 4, 2), theirs, atol=1e-5)


@pytest.mark.parametrize(("objective", "schedule"), [("pred_v", "cosine"), ("pred_x0", "linear")])
def test_objective_and_schedule_are_read_off_the_tables(objective, schedule, tmp_path):
    other = GaussianDiffusion(
        Unet(16, dim_mults=(1, 2, 4)),
        image_size=SIZE,
        timesteps=100,
        objective=objective,
        beta_schedule=schedule,
    )
    file = tmp_path / "model-9.pt"
    torch.save(
        {"step": 5, "model": other.state_dict(), "opt": {}, "ema": {}, "scaler": None, "version": "2"}, file
    )
    found = import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)
    assert (found["objective"], found["schedule"], found["weights"]) == (objective, schedule, "online")
    assert found["mults"] == [1, 2, 4]


class Hostile:
    """A pickle that would leave a file behind."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("kind", ["zip", "legacy", "weights"])
def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path, trainer, kind):
    mark, file = tmp_path / "ran", tmp_path / "model-1.pt"
    if kind == "legacy":
        file.write_bytes(pickle.dumps(Hostile(mark)))
    else:
        inside = Hostile(mark) if kind == "zip" else {**torch.load(trainer[1]), "scaler": Hostile(mark)}
        torch.save(inside, file)
    done = CliRunner().invoke(main, ["import-weights", str(file), "--out", str(tmp_path / "out")])
    assert done.exit_code == 1 and "refused" in done.output and "Traceback" not in done.output
    assert not mark.exists() and not (tmp_path / "out").exists()
    if kind != "legacy":  # the trap was set: a reader that trusts the file springs it
        torch.load(file, weights_only=False)
        assert mark.exists()


def _bytes(value):
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def _odd_files(trainer):
    saved = torch.load(trainer[1])
    whole = trainer[1].read_bytes()
    wide = GaussianDiffusion(Unet(8, dim_mults=(1,), self_condition=True), image_size=SIZE, timesteps=12)
    broken = {
        **saved,
        "ema": {k: v * float("nan") if v.is_floating_point() else v for k, v in saved["ema"].items()},
    }
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    return {
        "torn": (whole[: len(whole) // 2], "damaged"),
        "text": (b"hello", "damaged"),
        "nothing": (b"", "damaged"),
        "empty zip": (empty.getvalue(), "damaged"),
        "weights alone": (_bytes(saved["model"]), "no Trainer file"),
        "a list": (_bytes([1, 2]), "no Trainer file"),
        "another network": (_bytes({"step": 1, "model": {"a": torch.zeros(2)}}), "no unconditional Unet"),
        "self conditioned": (_bytes({"step": 1, "model": wide.state_dict()}), "wanted plain RGB"),
        "not finite": (_bytes(broken), "no finite tensor"),
    }


def test_anything_else_is_refused_in_words(trainer, tmp_path):
    for name, (content, wanted) in _odd_files(trainer).items():
        file = tmp_path / f"{name}.pt"
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=wanted):
            import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)
        assert not (tmp_path / "out").exists(), name
    with pytest.raises(CheckpointError, match="nowhere"):
        import_trainer_file(tmp_path / "nowhere.pt", tmp_path / "out", atomic_write)
    with pytest.raises(CheckpointError, match="multiple"):
        import_trainer_file(trainer[1], tmp_path / "out", atomic_write, size=SIZE + 1)


def made_file(path, wrap=("", ""), unet=None, **diffusion):
    """A Trainer file of a tiny network whose entries carry the names that wrappers gave them."""
    network = Unet(8, dim_mults=(1, 2), **(unet or {}))
    state = GaussianDiffusion(network, image_size=SIZE, timesteps=50, **diffusion).state_dict()
    before, within = wrap
    named = {
        before + (f"model.{within}{k[6:]}" if k.startswith("model.") else k): v for k, v in state.items()
    }
    ema = {f"ema_model.{k}": v for k, v in named.items()} | {f"online_model.{k}": v for k, v in named.items()}
    ema |= {"initted": torch.tensor(True), "step": torch.tensor(3)}
    saved = {"step": 7, "model": named, "opt": {}, "ema": ema, "scaler": None, "version": "2.2.6"}
    torch.save(saved, path)
    return path


@pytest.mark.parametrize(
    "wrap",
    [("module.", ""), ("_orig_mod.", ""), ("module._orig_mod.", ""), ("_orig_mod.module.", "_orig_mod.")],
)
@pytest.mark.parametrize("which", ["ema", "online"])
def test_what_wrappers_add_to_names_is_taken_off(tmp_path, wrap, which):
    file = made_file(tmp_path / "model-7.pt", wrap)
    saved = torch.load(file, weights_only=True)
    if which == "ema":
        saved["ema"] = {f"module.{name}": value for name, value in saved["ema"].items()}
    else:
        saved["ema"] = None
    torch.save(saved, file)
    found = import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)
    assert (found["weights"], found["objective"], found["mults"]) == (which, "pred_v", [1, 2])
    DdpmEngine.load(tmp_path / "out")


@pytest.mark.parametrize("objective", ["pred_noise", "pred_v", "pred_x0"])
@pytest.mark.parametrize("gamma", [1, 5])
def test_weighting_is_training_s_alone(tmp_path, objective, gamma):
    file = made_file(
        tmp_path / "m.pt", objective=objective, min_snr_loss_weight=True, min_snr_gamma=gamma,
        offset_noise_strength=0.1,
    )  # fmt: skip
    assert import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)["objective"] == objective


@pytest.mark.parametrize(
    ("unet", "diffusion", "reason"),
    [
        ({"self_condition": True}, {}, "self_condition=True"),
        ({"channels": 1}, {}, "its pictures have 1 channel, wanted plain RGB"),
        ({"learned_variance": True}, {}, "learned_variance=True"),
        ({"learned_sinusoidal_cond": True}, {}, "sinusoidal"),
        ({}, {"schedule_fn_kwargs": {"start": -4}}, "its noise schedule is none of sigmoid, cosine, linear"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused_with_the_true_reason(tmp_path, unet, diffusion, reason):
    try:
        file = made_file(tmp_path / "m.pt", unet=unet, **diffusion)
    except AssertionError:  # GaussianDiffusion itself refuses another number of channels
        network = Unet(8, dim_mults=(1, 2), **unet)
        file = made_file(tmp_path / "m.pt")
        saved = torch.load(file, weights_only=True)
        saved["model"] = {k: v for k, v in saved["model"].items() if not k.startswith("model.")}
        saved["model"] |= {f"model.{k}": v for k, v in network.state_dict().items()}
        saved["ema"] = None
        torch.save(saved, file)
    with pytest.raises(CheckpointError, match=reason):
        import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)


def test_what_the_file_cannot_say_is_a_warning(tmp_path, caplog):
    file = made_file(tmp_path / "m.pt", auto_normalize=False)
    import_trainer_file(file, tmp_path / "out", atomic_write, size=SIZE)
    assert "auto_normalize=False" in caplog.text
