"""Exports open in the libraries they are for, bytes and labels as in the manifest, whole or not at all."""

import hashlib
import json

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.contract.images import is_marked
from manifests.files.layout import PublishError
from manifests.read.open import open_dataset
from manifests.tools.export import export
from manifests.tools.exporters import webdataset as archives
from manifests.tools.exporters.registry import EXPORTERS
from manifests.tools.select import select
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.small import quiet


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    return open_dataset(publish_shards(make_shards(folder / "s", subjects=14), folder / "out").path)


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
        for row in map(json.loads, lines):
            assert digest((tmp_path / "e" / split / row["file_name"]).read_bytes()) == row["sha256"]
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
def test_an_export_appears_whole_or_not_and_is_not_done_twice(dataset, tmp_path, kind, monkeypatch):
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
