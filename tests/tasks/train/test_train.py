"""Training: learns, resumes exactly, leaves a usable checkpoint and never mirrors a hand."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.diffusion.network import Denoiser, NetworkSpec, pack
from palm_models.engines.diffusion.pairs import Photo, make_pair, place, read_photos, recolour
from palm_models.engines.diffusion.weights import load_checkpoint
from tasks.train.diffusion import TrainSettings, learning_rate, train

TINY = TrainSettings(
    steps=4, batch=2, dim=8, mults=(1, 2), size=32, save_every=2, sample_every=100, log_every=1
)


def picture(seed: int, size: int = 48) -> np.ndarray:
    rng = np.random.default_rng(seed)
    skin = np.full((size, size, 3), (190, 140, 110), np.float32) + rng.normal(0, 3, (size, size, 1))
    a, b = rng.integers(0, size, (2, 2)).tolist()
    cv2.line(skin, a, b, (120, 80, 60), 2, cv2.LINE_AA)
    return np.clip(skin, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = []
    marks = np.stack(np.meshgrid(np.linspace(5, 43, 7), np.linspace(5, 43, 3)), -1).reshape(-1).tolist()
    for i in range(4):
        for view in ("palm", "hand"):
            png = cv2.imencode(".png", picture(i)[..., ::-1])[1].tobytes()
            image = {"bytes": png, "path": None}
            rows.append({"photo_id": str(i), "view": view, "size": 48, "image": image, "landmarks": marks})
    path = tmp_path_factory.mktemp("aligned") / "aligned.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_trains_and_leaves_everything(aligned: Path, tmp_path: Path) -> None:
    report = train(aligned, tmp_path, settings=replace(TINY, sample_every=4))
    assert report.steps == 4 and report.photos == 8 and np.isfinite(report.loss)
    assert [json.loads(x)["step"] for x in (tmp_path / "log.jsonl").read_text().splitlines()] == [1, 2, 3, 4]
    assert cv2.imread(str(tmp_path / "sample-000004.png")).shape[0] == 4 * 32
    loaded = load_checkpoint(tmp_path)
    assert loaded.training["step"] == 4 and set(loaded.scales) == {"palm", "hand"}


def test_learns_to_denoise(aligned: Path, tmp_path: Path) -> None:
    chosen = replace(TINY, steps=120, learning_rate=3e-3, warmup=5, dim=16, save_every=120, log_every=120)
    train(aligned, tmp_path, settings=chosen)
    learned = load_checkpoint(tmp_path)
    pairs = [make_pair(p, 32, learned.scale(p.view), None) for p in read_photos(aligned)]
    clean, told = torch.from_numpy(np.stack([d for d, _ in pairs])), pack([c for _, c in pairs])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    guess = learned.network(0.5 * clean + 0.5 * noise, told, torch.full((len(pairs),), 0.5))
    assert (guess - clean).square().mean() < 0.85 * clean.square().mean()


def test_resumed_training_equals_an_unbroken_one(aligned: Path, tmp_path: Path) -> None:
    constant = replace(TINY, cooldown=0.0, warmup=1)
    train(aligned, tmp_path / "whole", settings=constant)
    train(aligned, tmp_path / "broken", settings=replace(constant, steps=2))
    train(aligned, tmp_path / "broken", settings=replace(constant, workers=2))
    whole, broken = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "broken"))
    assert all((whole[name] == broken[name]).all() for name in whole) and whole.keys() == broken.keys()


def test_a_training_that_0_1_0_began_goes_on(aligned: Path, tmp_path: Path) -> None:
    constant = replace(TINY, cooldown=0.0, warmup=1)
    train(aligned, tmp_path / "whole", settings=constant)
    train(aligned, tmp_path / "begun", settings=replace(constant, steps=2))
    file, names = tmp_path / "begun" / "state.safetensors", {}
    order = [name for name, _ in Denoiser(NetworkSpec(TINY.size, TINY.dim, TINY.mults)).named_parameters()]
    for name, value in load_file(file).items():  # as palm_models/training_state.py of 0.1.0 named them
        part, _, key = name.partition("/")
        index, _, moment = key.partition(".")
        if part != "optimizer":
            names[f"{part}.{key}"] = value
        elif moment != "step":
            names[f"{moment}.{order[int(index)]}"] = value
    save_file(names, file, {"step": "2", "settings": json.dumps(asdict(replace(constant, steps=2)))})
    train(aligned, tmp_path / "begun", settings=constant)
    whole, begun = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "begun"))
    assert whole.keys() == begun.keys() and all((whole[name] == begun[name]).all() for name in whole)


def test_other_settings_do_not_resume(aligned: Path, tmp_path: Path) -> None:
    train(aligned, tmp_path, settings=replace(TINY, steps=2))
    with pytest.raises(CheckpointError, match="seed"):
        train(aligned, tmp_path, settings=replace(TINY, seed=1))
    assert train(aligned, tmp_path, settings=replace(TINY, seed=1), resume=False).steps == 4


@pytest.mark.parametrize("torn", [["state"], ["state", "state.before"], ["model"]])
def test_torn_files_are_made_again_from_what_was_saved_before(
    aligned: Path, tmp_path: Path, torn: list[str]
) -> None:
    train(aligned, tmp_path / "whole", settings=TINY)
    train(aligned, tmp_path / "torn", settings=TINY)
    for name in torn:
        file = tmp_path / "torn" / f"{name}.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
    train(aligned, tmp_path / "torn", settings=TINY)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "torn" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # safetensors writes a file's metadata in any order, so only what it says is the same
    whole, mended = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "torn"))
    assert all((whole[name] == mended[name]).all() for name in whole) and whole.keys() == mended.keys()


def test_excluded_photos_are_not_trained_on(aligned: Path, tmp_path: Path) -> None:
    assert train(aligned, tmp_path, settings=replace(TINY, steps=2, exclude=("0", "2"))).photos == 4
    assert load_checkpoint(tmp_path).training["exclude"] == 2


def test_table_without_photos_says_what_to_do(tmp_path: Path) -> None:
    empty = pa.table({"photo_id": pa.array([], pa.string()), "view": [], "image": [], "landmarks": []})
    pq.write_table(empty, tmp_path / "none.parquet")
    with pytest.raises(TrainingError, match=r"none\.parquet holds no aligned photograph.*confidence"):
        read_photos(tmp_path / "none.parquet")


def test_learning_rate_rises_stays_and_falls() -> None:
    chosen = TrainSettings(steps=1000, warmup=10, cooldown=0.2, learning_rate=1.0)
    rates = [learning_rate(step, chosen) for step in (0, 9, 500, 900, 999)]
    assert rates == pytest.approx([0.1, 1, 1, 0.5, 0.005])


def test_photos_are_moved_with_their_landmarks_and_never_mirrored(aligned: Path) -> None:
    photo = read_photos(aligned)[0]
    for seed in range(50):
        moved, marks = place(photo, 32, np.random.default_rng(seed))
        assert moved.shape == (32, 32, 3)
        a, b, c = marks[0], marks[6], marks[14]  # right along the top row, then down
        assert (b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0] > 0


def test_landmarks_follow_the_picture() -> None:
    marked = np.full((64, 64, 3), 100, np.uint8)
    cv2.circle(marked, (40, 24), 2, (255, 255, 255), -1)
    marks = np.tile(np.float32([40, 24]), (21, 1))
    for seed in range(10):
        moved, at = place(Photo("x", "palm", marked, marks), 32, np.random.default_rng(seed))
        y, x = np.unravel_index(np.argmax(cv2.GaussianBlur(moved[..., 0], (3, 3), 0)), (32, 32))
        assert np.hypot(x - at[0, 0], y - at[0, 1]) < 2


def test_recolouring_reaches_dark_and_pale_skin() -> None:
    flat = np.full((16, 16, 3), (190, 140, 110), np.uint8)
    light = [float(recolour(flat, np.random.default_rng(s)).mean()) for s in range(100)]
    assert min(light) < 75 and max(light) > 165


def test_pair_is_a_function_of_its_generator(aligned: Path) -> None:
    photo, scale = read_photos(aligned)[0], np.float32([0.1, 0.02, 0.01])
    first, again, other = (make_pair(photo, 32, scale, np.random.default_rng(s))[0] for s in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
