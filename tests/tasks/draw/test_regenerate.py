"""A published image is drawn again, byte for byte, from its row: any engine, view and format."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

import tasks.draw.regenerate
from flows.cli.main import main
from manifests.read.open import open_dataset
from manifests.recipe.baseline_sections import Wgan
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from tasks.draw.regenerate import RegenerateError, draw, recorded, regenerate, some
from tasks.train.resumable import train_baseline
from tasks.train.wgan_gp import WganTraining
from tasks.versions.software import changes
from tests.helpers.aligned_palms import aligned_palms
from tests.helpers.small import build

KEPT = Path(__file__).parents[2] / "kept" / "0.1.0"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    rotate = {"name": "Affine", "p": 0.7, "params": {"rotate": [-9, 9]}}
    return build(
        tmp_path_factory.mktemp("regenerate"),
        dataset={"views": ["palm", "hand"], "image_format": "webp", "quality": 90},
        augment={"copies": 1, "transforms": [{"name": "GaussNoise", "p": 1.0}, rotate]},
        identity={"skin_tone": {"low": 10, "high": 20}},
        capture={"rotation": 3},
    )


def published(dataset, sample):
    rows = dataset.rows()
    place = rows["sample_id"].to_pylist().index(sample)
    return next(dataset.images(rows.slice(place, 1)))


def test_every_row_gives_the_published_bytes(dataset):
    samples = some(dataset, 99, 0)
    assert len(samples) == 4 * 2 * 2 * 2
    for image in regenerate(dataset, samples):
        assert image.same and image.image == published(dataset, image.sample_id)


def test_weights_that_are_nowhere_are_named(tmp_path):
    dataset = open_dataset(KEPT / "diffusion")
    row = {**dataset.rows().slice(0, 1).to_pylist()[0], "checkpoint": "0" * 64}
    identity = json.loads(dataset.identities()["identity_parameters"][0].as_py())
    with pytest.raises(RegenerateError, match=r"weights .* are in no folder of these"):
        draw(dataset, row, identity, [tmp_path])


def test_captures_of_a_learned_individual_too(tmp_path):  # of other engines: versions/test_kept.py
    aligned, weights = aligned_palms(tmp_path / "aligned.parquet"), tmp_path / "weights"
    tiny = {"size": 16, "latent": 6, "width": 2, "batch": 4, "epochs": 1, "save_epochs": 1, "angle": 9.0}
    told = {"view": "palm", "hands": ("left", "right"), "seed": 3}
    train_baseline(WganTraining, aligned, weights, options=Wgan(**tiny), **told)
    size = {"identities": 4, "captures": 3, "shard_identities": 4, "size": 24}
    trained = {"checkpoint": str(weights)}
    dataset = build(tmp_path, engine={"name": "wgan-gp"}, train=trained, dataset=size, wgan=tiny)
    tasks.draw.regenerate._engine.cache_clear()
    images = list(regenerate(dataset, some(dataset, 50, 0)))
    assert len(images) == 12 and all(image.same for image in images)


def test_weights_trained_in_a_work_folder_beside_the_version_are_found_from_anywhere(tmp_path):
    version = shutil.copytree(KEPT / "wgan-gp", tmp_path / "out" / "palms" / "v1")
    shutil.copytree(KEPT / "weights" / "wgan-gp", tmp_path / "work" / "checkpoints" / "0123")
    dataset = open_dataset(version)
    assert all(image.same for image in regenerate(dataset, some(dataset, 1, 0)))


def test_a_capture_comes_back_from_its_columns_and_counter():
    identity = make_identity(3, 1, "left")
    told = make_capture(3, 1, "left", 7)
    odd = replace(told, rotation=1.5, ring=True)  # values that the counter alone would not give
    row = {
        "engine": "renderer", "subject_id": "s000001", "hand": "left", "identity_seed": 3, "capture_seed": 3,
        "capture": 7, **{f"capture_{k}": v for k, v in odd.scalars().items()},
    }  # fmt: skip
    assert recorded(row, identity.to_dict()) == (identity, odd)


def test_another_picture_is_told_apart_and_the_software_named(dataset, monkeypatch):
    monkeypatch.setattr(tasks.draw.regenerate, "encode", lambda *_: b"another")
    (image,) = regenerate(dataset, some(dataset, 1, 0))
    assert not image.same
    done = CliRunner().invoke(main, ["regenerate", str(dataset.path), image.sample_id])
    assert done.exit_code == 1 and f"differs: {image.sample_id}" in done.output
    assert changes(dataset.metadata["software"]) == []
    assert dataset.metadata["software"]["opencv-python"].startswith(cv2.__version__)  # whichever build it is
    assert changes({**dataset.metadata["software"], "code": "0123"})[0].startswith("code: 0123 then")
    assert "older than this palmforge" in changes({})[0]


def test_the_verb_writes_the_files(dataset, tmp_path):
    sample = some(dataset, 1, 1)[0]
    done = CliRunner().invoke(main, ["regenerate", str(dataset.path), sample, "--out", str(tmp_path)])
    assert done.exit_code == 0 and "1 of 1 images are the published bytes" in done.output
    assert (tmp_path / f"{sample}.webp").read_bytes() == published(dataset, sample)


def test_a_sample_that_is_not_there_and_parameters_of_another_release_are_named(dataset):
    with pytest.raises(RegenerateError, match="nobody: no such sample"):
        list(regenerate(dataset, ["nobody"]))
    assert CliRunner().invoke(main, ["regenerate", str(dataset.path)]).exit_code == 2
