"""A view holds the chosen rows as they are, finds its images in the version, and SQL reaches nothing else."""

import hashlib
import json
import shutil

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.files.layout import PublishError
from manifests.read.open import DatasetError, data_root, open_dataset
from manifests.tools.select import select
from manifests.tools.sql import QueryError
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select")
    return publish_shards(make_shards(folder / "s", subjects=10), folder / "out").path


def test_a_view_is_the_chosen_rows_as_they_are_with_their_images(version, tmp_path):
    dataset = open_dataset(version)
    assert select(dataset, "hand = 'left' AND capture < 2", tmp_path / "view") == 20
    view = open_dataset(tmp_path / "view")
    rows = [r for r in dataset.rows().to_pylist() if r["hand"] == "left" and r["capture"] < 2]
    assert view.rows().to_pylist() == rows
    for row, image in zip(rows, view.images(view.rows()), strict=True):
        assert hashlib.sha256(image).hexdigest() == row["sha256"]
    assert view.identities()["images"].to_pylist() == [2] * 10
    assert data_root(view.path) == version
    assert sum(f.stat().st_size for f in view.path.iterdir()) < 100_000
    assert view.metadata["content"] != dataset.metadata["content"]


def test_a_whole_select_joins_identities_and_a_view_is_selected_from_again(version, tmp_path):
    dataset = open_dataset(version)
    query = "SELECT m.sample_id FROM manifest m JOIN identities i USING (identity_id) WHERE i.label IN (3, 5)"
    assert select(dataset, query, tmp_path / "a") == 6
    assert select(open_dataset(tmp_path / "a"), "capture = 1", tmp_path / "b") == 2
    view = open_dataset(tmp_path / "b")
    assert view.rows()["label"].to_pylist() == [3, 5] and data_root(view.path) == version
    assert len(list(view.images(view.rows()))) == 2


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("hnd = 'left'", "hand"),
        ("label < 0", "chooses no image"),
        ("SELECT label FROM manifest", "sample_id"),
        ("SELECT sample_id FROM manifest; DROP VIEW manifest", "one SELECT"),
        ("true; COPY manifest TO 'stolen.csv'", "one SELECT"),
        ("SELECT content AS sample_id FROM read_text('/etc/passwd')", "disabled"),
        ("SELECT column0 AS sample_id FROM '{manifest}.csv'", "does not exist|disabled"),
        ("SELECT * FROM 'https://example.org/x.parquet'", "does not exist|disabled|httpfs"),
        ("SELECT sample_id FROM dataset", "does not exist"),
    ],
)
def test_a_query_that_fails_or_reaches_out_is_refused_and_leaves_nothing(version, tmp_path, query, reason):
    with pytest.raises(QueryError, match=reason):
        select(open_dataset(version), query, tmp_path / "view")
    assert not list(tmp_path.iterdir())


def test_a_view_whose_version_is_gone_or_another_says_so(version, tmp_path):
    copy = shutil.copytree(version, tmp_path / "copy")
    select(open_dataset(copy), "capture = 0", tmp_path / "view")
    with pytest.raises(PublishError, match="exists already"):
        select(open_dataset(copy), "capture = 0", tmp_path / "view")
    with pytest.raises(DatasetError, match=f"verify {copy}"):
        verify(tmp_path / "view")
    other = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out").path
    pointer = tmp_path / "view" / "view.json"
    pointer.write_text(json.dumps({"version": str(other), "content": "x"}))
    with pytest.raises(DatasetError, match="other content"):
        data_root(tmp_path / "view")
    (tmp_path / "view" / "view.json").write_text(
        json.dumps({"version": str(tmp_path / "no"), "content": "x"})
    )
    with pytest.raises(DatasetError, match="is not there"):
        data_root(tmp_path / "view")
    pointer.write_text("{")
    with pytest.raises(DatasetError, match="damaged"):
        data_root(tmp_path / "view")


def test_the_verb(version, tmp_path):
    done = CliRunner().invoke(main, ["select", str(version), "capture = 0", "--out", str(tmp_path / "view")])
    assert done.exit_code == 0 and "images   20" in done.output
    assert pq.read_metadata(tmp_path / "view" / "manifest.parquet").num_rows == 20
    done = CliRunner().invoke(main, ["select", str(version), "captur = 0", "--out", str(tmp_path / "other")])
    assert done.exit_code == 1 and "capture" in done.output and "Traceback" not in done.output
