"""The gates on drawn palms: planted faults are found with the right reason, clean ones pass, sums close."""

import shutil

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.photographs import faults as alterations
from manifests.contract.images import encode
from manifests.read.open import open_dataset
from manifests.recipe import load
from manifests.tools.verify import verify
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity
from tasks.draw.shards import generate
from tasks.judge.release import ReleaseError
from tasks.report.accounting import count_identities, count_images
from tasks.versions.publish import publish_dataset
from tasks.work.stage import Done
from tests.helpers import planted
from tests.helpers.small import judged_by

IDENTITIES, CAPTURES = 48, 4
SOMEBODY = 7_000_000  # seed of the palms that stand for photographs of people


def quiet(done, total):
    """Progress nobody looks at."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A clean set, drawn once: the recipe's path."""
    import tomli_w

    folder = tmp_path_factory.mktemp("judge")
    recipe = {
        "name": "judged", "seed": 5, "out": str(folder / "out"), "work": str(folder / "work"),
        "engine": {"name": "renderer", "workers": 2}, "gates": {"attempts": 1.0},
        "dataset": {"identities": IDENTITIES, "captures": CAPTURES, "size": 128, "shard_identities": 12},
    }  # fmt: skip
    path = folder / "judged.toml"
    path.write_text(tomli_w.dumps(recipe))
    generate(load(path), None, quiet)
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """50 aligned palms of somebody, as the align step leaves them, and the stage."""
    folder, pictures = tmp_path_factory.mktemp("photographs"), []
    for subject in range(50):
        shot = make_capture(SOMEBODY, subject, "left", 0)
        pictures.append(
            RendererEngine().draw(make_identity(SOMEBODY, subject, "left"), [shot], "palm", 128)[0].image
        )
    rows = [
        {"photo_id": f"photo{i}", "view": "palm", "image": {"bytes": encode(p), "path": None}}
        for i, p in enumerate(pictures)
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "aligned.parquet")
    return pictures, Done(folder, "photographs")


def copy_of(drawn, folder):
    """The same recipe on a copy of its drawn shards."""
    recipe = load(drawn)
    shutil.copytree(f"{recipe.work}/shards", folder / "work" / "shards")
    return load(drawn, [f"work={folder / 'work'}", f"out={folder / 'out'}"])


def disguised(picture, kind, rng):
    """A photograph as it might come back: itself, cropped, turned, recoloured or recompressed."""
    if kind == 1:
        return alterations.cropped(picture, 0.9, rng)
    if kind == 2:
        return alterations.tilted(
            np.ascontiguousarray(np.rot90(picture, rng.integers(4))), rng.uniform(-8, 8)
        )
    if kind == 3:
        return alterations.recoloured(picture, rng)
    return alterations.recompressed(picture, rng) if kind == 4 else picture


def spoilt(picture, kind):
    """Blurred, black, white or noise."""
    if kind == 0:
        return cv2.GaussianBlur(picture, (0, 0), 9)
    if kind == 1:
        return np.full_like(picture, 3)
    if kind == 2:
        return np.full_like(picture, 252)
    return np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)


def plant(rows, names, pictures):
    """All faults of the acceptance; returns the gate that must find each sample."""
    expected, rng = {}, np.random.default_rng(1)
    sample = lambda identity, capture: f"{names[identity]}_c{capture:03d}_palm"  # noqa: E731
    for new in range(5, 10):  # 5 identities copied under new names
        for c in range(CAPTURES):
            planted.copy_picture(rows[sample(new, c)], rows[sample(new - 5, c)])
            expected[sample(new, c)] = "twins"
    for first in range(10, 30, 2):  # 20 captures under the wrong identity
        a, b = rows[sample(first, 0)], rows[sample(first + 1, 0)]
        kept = dict(a)
        planted.copy_picture(a, b)
        planted.copy_picture(b, kept)
        expected |= dict.fromkeys((a["sample_id"], b["sample_id"]), "identity")
    places = [(i, 1) for i in range(10, 48)] + [(i, 2) for i in range(10, 22)]
    for number, (place, picture) in enumerate(zip(places, pictures, strict=True)):  # 50 photographs
        planted.put(rows[sample(*place)], disguised(picture, number % 5, rng))
        expected[sample(*place)] = "leakage"
    for number in range(30):  # 30 blurred, black, white or noise
        row = rows[sample(10 + number, 3)]
        planted.put(row, spoilt(planted.picture(row), number % 4))
        expected[row["sample_id"]] = "quality"
    return expected


def test_clean_palms_pass(drawn, photographs, tmp_path):
    judged = judged_by(copy_of(drawn, tmp_path), palms=photographs[1])
    rejected = sum(f is not None and f.gate != "attempts" for v in judged.verdicts for f in v.faults)
    assert rejected <= 0.02 * IDENTITIES * CAPTURES
    assert judged.done.facts["photographs"] == 50
    said = judged.done.facts["gates"]
    assert said.pop("hand") == "no pictures of view hand" and set(said.values()) == {"judged"}


def test_planted_faults_are_found_and_the_release_gate_refuses(drawn, photographs, tmp_path):
    pictures, palms = photographs
    recipe, expected = copy_of(drawn, tmp_path), {}
    unjudged = [f"work={recipe.work}", f"out={recipe.out}", "gates.use=[]", "dataset.identities=12"]
    before = load(drawn, unjudged)
    published = publish_dataset(before, judged_by(before), {}, quiet)
    shards = generate(recipe, None, quiet).shards
    names = list(dict.fromkeys(n for s in shards for n in pq.read_table(s)["identity_id"].to_pylist()))
    planted.rewrite(shards, lambda rows: expected.update(plant(rows, names, pictures)))
    judged = judged_by(recipe, palms=palms)
    found = {
        r["sample_id"]: f.gate
        for v in judged.verdicts
        for r, f in zip(v.candidate.rows, v.faults, strict=True)
        if f and f.gate != "attempts"
    }
    assert {s: found.get(s) for s in expected} == expected
    assert len(set(found) - set(expected)) <= 0.02 * (IDENTITIES * CAPTURES - len(expected))
    rows = pq.read_table(judged.done.path / "rejects.parquet").to_pylist()
    assert all(row["thumbnail"] for row in rows)
    with pytest.raises(ReleaseError, match="leakage: share of pictures") as refusal:
        publish_dataset(recipe, judged, {"train": None, "judge": judged.done}, quiet)
    assert refusal.value.exit_code == 3 and "twins" in str(refusal.value)
    assert (judged.done.path / "refused.md").read_text().startswith("# judged is not published")
    assert open_dataset(tmp_path / "out" / "judged").path == published  # readers keep what they had


def test_rejects_are_replaced_published_and_counted(drawn, tmp_path):
    recipe = copy_of(drawn, tmp_path)
    few = ["dataset.identities=12", "gates.attempts=3.0", "gates.max_rejected=0.9"]
    recipe = load(drawn, [f"work={recipe.work}", f"out={recipe.out}", *few])
    shards = generate(recipe, None, quiet).shards

    def black(rows):
        for c in (0, 2):
            planted.put(rows[f"s000000_right_c{c:03d}_palm"], np.zeros((128, 128, 3), np.uint8))

    planted.rewrite(shards, black)
    judged = judged_by(recipe)
    version = publish_dataset(recipe, judged, {"train": None, "judge": judged.done}, quiet)
    assert verify(version).ok, str(verify(version))
    rows = pq.read_table(version / "manifest.parquet").to_pylist()
    mine = [row for row in rows if row["identity_id"] == "s000000_right"]
    assert [row["capture"] for row in mine] == [1, 3, 4, 5]
    assert all(0 < row["quality"] <= 1 and row["identity_score"] > 0.4 for row in rows)
    assert {row["leak_score"] for row in rows} == {None}  # no photographs at hand
    images, identities = count_images(version)[0], count_identities(version)
    drawn_images = sum(
        pq.read_metadata(p).num_rows
        for p in (tmp_path / "work").glob("shards/*/*/shard.parquet")
        if "-0000000-0000012" in str(p) or "more" in str(p)
    )
    assert images.closes and images.given == drawn_images == judged.done.facts["images"]
    assert images.became["published"] == 12 * CAPTURES and images.reasons["quality: dark"] == 2
    assert identities.closes and identities.became["published"] == 12
    again = judged_by(recipe)
    assert [p.rows.tolist() for p in again.parts] == [p.rows.tolist() for p in judged.parts]


def test_an_impossible_gate_ends_with_what_to_change(drawn, tmp_path):
    copied = copy_of(drawn, tmp_path)
    hard = [f"work={copied.work}", f"out={copied.out}", "dataset.identities=12", "gates.quality=1.0"]
    recipe = load(drawn, [*hard, "gates.use=['quality']"])
    judged = judged_by(recipe)
    with pytest.raises(ReleaseError, match=r"identities that passed: 0, allowed 12.*gates\.attempts"):
        publish_dataset(recipe, judged, {"train": None, "judge": judged.done}, quiet)
