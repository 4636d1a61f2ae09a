"""One individual: named pictures that are the dataset's own, a manifest, and words for what is wrong."""

import json
import multiprocessing
import threading

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from flows.cli.main import main
from manifests.contract.images import decode, encode, is_marked
from manifests.contract.schema import COLUMNS
from manifests.recipe import load
from palm_models.hand.identity import Identity
from tasks.draw import shards

SMALL = ("--engine", "renderer", "--size", "48", "--workers", "1")


def generate(folder, count, *options):
    return CliRunner().invoke(main, ["generate", str(folder), str(count), *SMALL, *map(str, options)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "hand"
    done = generate(folder, 7, "--identity", "5/3", "--gif", "--set", "identity.skin_tone=35")
    assert done.exit_code == 0, done.output
    return folder


def test_pictures_manifest_and_gif_are_there_and_marked(made):
    pictures = sorted(made.glob("variation_*.png"))
    assert [p.name for p in pictures] == [f"variation_{k:02d}.png" for k in range(7)]
    assert all(is_marked(p.read_bytes()) for p in (*pictures, made / "contact_sheet.png"))
    with Image.open(made / "variations.gif") as gif:
        assert gif.n_frames == 7 and b"trainedAlgorithmicMedia" in gif.info["comment"]  # type: ignore[attr-defined]
    rows = pq.read_table(made / "manifest.parquet").to_pylist()
    assert [r["file_name"] for r in rows] == [p.name for p in pictures]
    assert {c.name for c in COLUMNS} <= set(rows[0]) and rows[0]["identity_skin_tone"] == 35
    assert len({r["sha256"] for r in rows}) == 7 and {r["identity_seed"] for r in rows} == {5}


def test_the_same_number_is_the_same_hand_as_in_a_dataset(made, write_recipe):
    recipe = load(write_recipe(), ["dataset.identities=4", "identity.skin_tone=35"])
    shard = shards.generate(recipe, None, lambda done, total: None).shards[1]
    wanted = [
        r["image"]["bytes"] for r in pq.read_table(shard).to_pylist() if r["identity_id"] == "s000001_right"
    ]
    assert [p.read_bytes() for p in sorted(made.glob("variation_*.png"))[:2]] == wanted


def test_an_identity_comes_back_from_its_file_in_other_captures_too(made, tmp_path):
    done = generate(tmp_path / "again", 8, "--identity", made / "identity.json")
    assert done.exit_code == 0, done.output
    for picture in made.glob("variation_*.png"):
        assert (tmp_path / "again" / picture.name).read_bytes() == picture.read_bytes()
    Identity.from_dict(json.loads((made / "identity.json").read_text()))


def test_a_new_individual_each_time_and_it_is_recorded(tmp_path):
    seeds = []
    for name in ("a", "b"):
        done = generate(tmp_path / name, 1)
        assert done.exit_code == 0, done.output
        seeds.append(pq.read_table(tmp_path / name / "manifest.parquet")["identity_seed"][0].as_py())
        assert f"of identity {seeds[-1]}/0" in done.output and "the same individual again: " in done.output
    assert seeds[0] != seeds[1]
    again = generate(tmp_path / "c", 1, "--identity", f"{seeds[0]}/0")
    assert again.exit_code == 0
    assert (tmp_path / "c/variation_00.png").read_bytes() == (tmp_path / "a/variation_00.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--identity", "no/where"), "SEED/NUMBER"),
        (("--set", "identity.skin_colour=3"), "skin_tone"),
        (("--set", "capture.ring=maybe"), "ring"),
        (("--engine", "diffusion", "--checkpoint", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_words(tmp_path, options, wanted):
    done = generate(tmp_path / "x", 1, *options)
    assert done.exit_code == 1 and "error:" in done.output and wanted in done.output, done.output
    assert "Traceback" not in done.output and not (tmp_path / "x").exists()


def test_a_folder_that_holds_something_is_left_alone(made, tmp_path):
    done = generate(made, 1)
    assert done.exit_code == 1 and "holds something" in done.output
    (tmp_path / "empty").mkdir()
    assert generate(tmp_path / "empty", 1).exit_code == 0


def test_the_shipped_diffusion_weights_draw_one_hand_on_two_processes(tmp_path):
    quick = ("--engine", "diffusion", "--set", "engine.steps=1", "--workers", "2", "--identity", "5/3")
    done = generate(tmp_path / "two", 6, *quick)
    assert done.exit_code == 0, done.output
    pictures = [decode(p.read_bytes()) for p in sorted((tmp_path / "two").glob("variation_*.png"))]
    assert len(pictures) == 6 and len({encode(p) for p in pictures}) == 6
    assert np.stack(pictures).std() > 5
    rows = pq.read_table(tmp_path / "two/manifest.parquet").to_pylist()
    assert rows[0]["source_dataset"] == "feyiamujo/human-palm-images" and rows[0]["engine"] == "diffusion"


def test_a_worker_that_dies_again_and_again_is_told_in_words(tmp_path):
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.05):
            for worker in multiprocessing.active_children():
                worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        done = generate(tmp_path / "x", 6, "--workers", "2")
    finally:
        over.set()
        killer.join()
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit), done.exception
    told = ("captures 0 to 4 lost their worker twice: fewer --workers", "end before their first item")
    assert "error: " in done.output and any(words in done.output for words in told)
    assert not (tmp_path / "x").exists()
