"""Exports open in the libraries they are for, bytes and labels as in the manifest, whole or not at all."""

import hashlib
import json
import sys

import numpy as np
import pyarrow.compute as pc
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.contract.images import is_marked
from manifests.files.layout import PublishError
from manifests.files.lists import read_list
from manifests.read.open import open_dataset
from manifests.tools.export import export
from manifests.tools.exporters import lance as fragments
from manifests.tools.exporters import webdataset as archives
from manifests.tools.exporters.registry import EXPORTERS
from manifests.tools.select import select
from manifests.words import PalmforgeError
from tests.helpers.fake_shards import HANDS, make_shards, publish_shards, row, write_shard
from tests.helpers.small import quiet


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return open_dataset(publish_shards(make_shards(folder / "s", subjects=14), folder / "out").path)


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """The same with view hand, of an engine that knows devices and sessions; one landmark is outside."""
    folder = tmp_path_factory.mktemp("hands")
    rows = [row(s, hand, c, view="hand") for s in range(14) for hand in HANDS for c in range(3)]
    for number, this in enumerate(rows):
        this |= {"capture_device": "box" if number % 2 else "phone", "capture_session": number % 3}
        this["landmarks"] = [-3.0, 5.0, *this["landmarks"][2:]]
    return open_dataset(publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path)


def truth(dataset):
    """sample_id -> split, split_label, sha256."""
    rows = dataset.rows().to_pylist()
    return {r["sample_id"]: (r["split"], r["split_label"], r["sha256"]) for r in rows}


def splits(dataset):
    found = set(dataset.rows()["split"].to_pylist())
    assert len(found) > 1
    return found


def digest(image):
    return hashlib.sha256(image).hexdigest()


def test_lance_opens_in_lance(dataset, tmp_path):
    import lance

    export(dataset, "lance", tmp_path / "e", quiet)
    found, held = {}, dataset.rows()
    for split in splits(dataset):
        opened = lance.dataset(str(tmp_path / "e" / f"{split}.lance"))
        assert opened.schema.names == [*held.schema.names, "image"]
        for one in opened.to_table(columns=["sample_id", "split", "split_label", "image"]).to_pylist():
            found[one["sample_id"]] = (one["split"], one["split_label"], digest(one["image"]))
        left = opened.to_table(filter="hand = 'left'").drop_columns(["image"])
        wanted = held.filter(pc.and_(pc.equal(held["split"], split), pc.equal(held["hand"], "left")))
        assert left.to_pylist() == wanted.to_pylist()
        assert opened.take([1], columns=["image"])["image"][0].as_py()
    assert found == truth(dataset)


def test_lance_is_written_in_fragments_and_its_absence_is_said(dataset, tmp_path, monkeypatch):
    import lance

    monkeypatch.setattr(fragments, "FRAGMENT_BYTES", 20_000)
    export(dataset, "lance", tmp_path / "e", quiet)
    assert len(lance.dataset(str(tmp_path / "e" / "train.lance")).get_fragments()) > 1
    monkeypatch.setitem(sys.modules, "lance", None)
    with pytest.raises(PalmforgeError, match=r"palmforge\[lance\]"):
        export(dataset, "lance", tmp_path / "again", quiet)
    assert not (tmp_path / "again").exists()


def test_coco_opens_in_pycocotools(hands, tmp_path):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    export(hands, "coco", tmp_path / "e", quiet)
    rows, found = {r["sample_id"]: r for r in hands.rows().to_pylist()}, {}
    for split in splits(hands):
        coco = COCO(str(tmp_path / "e" / "annotations" / f"hand_keypoints_{split}.json"))
        (category,) = coco.loadCats(coco.getCatIds())
        assert len(category["keypoints"]) == len(set(category["keypoints"])) == 21
        assert {point for bone in category["skeleton"] for point in bone} == set(range(1, 22))
        for one in coco.loadAnns(coco.getAnnIds()):
            (image,) = coco.loadImgs(one["image_id"])
            this = rows[one["sample_id"]]
            data = (tmp_path / "e" / split / image["file_name"]).read_bytes()
            found[one["sample_id"]] = (split, this["split_label"], digest(data))
            points = np.reshape(one["keypoints"], (21, 3))
            assert not points[0].any() and one["num_keypoints"] == 20
            assert np.allclose(points[1:, :2].ravel(), this["landmarks"][2:], atol=0.01)
            x, y, width, height = one["bbox"]
            assert points[1:, 0].min() == x and points[1:, 1].max() == pytest.approx(y + height)
            assert one["area"] == pytest.approx(width * height, abs=0.01)
        mine = [
            {k: a[k] for k in ("image_id", "category_id", "keypoints")} for a in coco.dataset["annotations"]
        ]
        judge = COCOeval(coco, coco.loadRes([{**m, "score": 1.0} for m in mine]), "keypoints")
        judge.params.kpt_oks_sigmas = np.full(21, 0.05)
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
        assert judge.stats[0] == 1.0
    assert found == truth(hands)


def test_coco_of_a_dataset_without_hands_is_refused(dataset, tmp_path):
    with pytest.raises(PublishError, match=r"no image of view hand.*dataset\.views"):
        export(dataset, "coco", tmp_path / "e", quiet)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("which", ["dataset", "hands"])
def test_csv_opens_in_pandas_and_in_our_own_evaluation(which, request, tmp_path):
    import pandas as pd

    dataset = request.getfixturevalue(which)
    export(dataset, "csv", tmp_path / "e", quiet)
    rows = {r["file_name"]: r for r in dataset.rows().to_pylist()}
    found, view = {}, "palm" if which == "dataset" else "hand"
    for split in splits(dataset):
        file = tmp_path / "e" / view / f"{split}.csv"
        listed = pd.read_csv(file)
        assert list(listed.columns) == ["path", "id", "session", "device"]
        for one in listed.itertuples():
            data = (file.parent / one.path).read_bytes()
            this = rows[one.path.rpartition("/")[2]]
            assert one.id == this["identity_id"]
            assert which == "dataset" or (one.session, one.device) == (
                this["capture_session"],
                this["capture_device"],
            )
            found[this["sample_id"]] = (split, this["split_label"], digest(data))
        ours = read_list(file, ["path", "id"])
        assert [(r["path"], r["id"]) for r in ours] == list(zip(listed["path"], listed["id"], strict=True))
    assert found == truth(dataset)


def test_imagefolder_opens_in_torchvision(dataset, tmp_path):
    from torchvision.datasets import ImageFolder

    export(dataset, "imagefolder", tmp_path / "e", quiet)
    found = {}
    for split in splits(dataset):
        for path, label in ImageFolder(str(tmp_path / "e" / split)).samples:
            data = open(path, "rb").read()  # noqa: PTH123, SIM115
            assert is_marked(data)
            found[path.rsplit("/", 1)[1].removesuffix(".png")] = (split, label, digest(data))
        lines = (tmp_path / "e" / split / "metadata.jsonl").read_text().splitlines()
        for this in map(json.loads, lines):
            assert digest((tmp_path / "e" / split / this["file_name"]).read_bytes()) == this["sha256"]
    assert found == truth(dataset)


def test_webdataset_opens_in_webdataset(dataset, tmp_path, monkeypatch):
    import webdataset

    monkeypatch.setattr(archives, "TAR_IMAGES", 25)
    export(dataset, "webdataset", tmp_path / "e", quiet)
    found = {}
    for split in splits(dataset):
        tars = sorted(map(str, (tmp_path / "e").glob(f"{split}-*.tar")))
        assert tars
        for item in webdataset.WebDataset(tars, shardshuffle=False, empty_check=False):
            row = json.loads(item["json"])
            assert item["__key__"] == row["sample_id"] and int(item["cls"]) == row["split_label"]
            found[row["sample_id"]] = (split, int(item["cls"]), digest(item["png"]))
    assert found == truth(dataset)


def test_lmdb_opens_in_lmdb(dataset, tmp_path):
    import lmdb

    export(dataset, "lmdb", tmp_path / "e", quiet)
    found = {}
    for split in splits(dataset):
        store = lmdb.open(str(tmp_path / "e" / f"{split}.lmdb"), readonly=True, lock=False, max_dbs=2)
        images, rows = store.open_db(b"images"), store.open_db(b"rows")
        with store.begin() as transaction:
            for key, image in transaction.cursor(images):
                row = json.loads(transaction.get(key, db=rows))
                found[key.decode()] = (row["split"], row["split_label"], digest(image))
    assert found == truth(dataset)


@pytest.mark.parametrize("kind", sorted(EXPORTERS.ours))
def test_an_export_appears_whole_or_not_and_is_not_done_twice(hands, tmp_path, kind):
    dataset = hands

    def cut(done, total):
        if done > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(dataset, kind, tmp_path / "e", cut)
    assert not list(tmp_path.iterdir())
    assert export(dataset, kind, tmp_path / "e", quiet) == 84
    times = {f: f.stat().st_mtime_ns for f in (tmp_path / "e").rglob("*")}
    assert export(dataset, kind, tmp_path / "e", quiet) == 84
    assert times == {f: f.stat().st_mtime_ns for f in (tmp_path / "e").rglob("*")}
    if kind == "lance":
        return  # it holds the rows themselves
    rows = (tmp_path / "e").rglob("metadata.jsonl")
    labels = {r["sample_id"]: r["label"] for f in rows for r in map(json.loads, f.read_text().splitlines())}
    assert labels == {r["sample_id"]: r["label"] for r in dataset.rows().to_pylist()}


def test_a_view_is_exported_by_the_verb_and_a_foreign_folder_is_left_alone(dataset, tmp_path):
    select(dataset, "capture = 1 AND hand = 'left'", tmp_path / "view")
    arguments = ["export", str(tmp_path / "view"), "--to", "imagefolder", "--out", str(tmp_path / "e")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0 and len(list((tmp_path / "e").rglob("*.png"))) == 14
    done = CliRunner().invoke(main, [*arguments[:-1], str(tmp_path / "view")])
    assert done.exit_code == 1 and "holds something else" in done.output
    with pytest.raises(PublishError, match="holds something else"):
        export(dataset, "imagefolder", tmp_path / "e", quiet)
