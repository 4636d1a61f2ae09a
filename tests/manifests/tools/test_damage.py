"""A version that is damaged or fails to be read: every verb says so once, names the file, leaves nothing."""

import errno
import gc
import re
import shutil

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.faults.test_faults import small_disk
from tests.helpers.fake_shards import make_shards, publish_shards

VERBS = {
    "show": ["show", "{version}"],
    "page": ["show", "{version}", "--out", "{made}/page.html"],
    "select": ["select", "{version}", "hand = 'left'", "--out", "{made}/view"],
    "diff": ["diff", "{whole}", "{version}"],
    "imagefolder": ["export", "{version}", "--to", "imagefolder", "--out", "{made}/folder"],
    "lmdb": ["export", "{version}", "--to", "lmdb", "--out", "{made}/lmdb"],
    "merge": [
        "merge",
        "{version}",
        "{other}",
        "--out",
        "{made}/m",
        "--name",
        "both",
        "--work",
        "{made}/w",
        "--drop-duplicates",
    ],
}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    whole = publish_shards(make_shards(folder / "s", subjects=4, captures=2), folder / "out").path
    other = publish_shards(make_shards(folder / "t", subjects=5, captures=2), folder / "other").path
    return {"whole": whole, "other": other}


def told(verb, published, tmp_path):
    """What a verb says of the version in `tmp_path` that it cannot use."""
    places = {**published, "version": tmp_path / "version", "made": tmp_path / "made"}
    done = CliRunner().invoke(main, [word.format(**places) for word in VERBS[verb]])
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (1, 2) and done.output.count("error: ") == 1, done.output
    files = {path for path in (tmp_path / "made").rglob("*") if path.is_file() and path.name != ".lock"}
    assert not files - set((tmp_path / "made" / "w").rglob("*")), "only work stays"
    return done.output


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("how", ["cut", "empty", "folder"])
@pytest.mark.parametrize("name", ["manifest.parquet", "identities.parquet", "recipe.toml"])
def test_what_is_damaged_is_named(verb, how, name, published, tmp_path):
    if name == "recipe.toml" and (verb not in ("diff", "merge") or how != "cut"):
        pytest.skip("it is not read, or an empty one is a recipe")
    shutil.copytree(published["whole"], tmp_path / "version")
    file = tmp_path / "version" / name
    data = file.read_bytes()
    file.unlink()
    if how == "folder":
        file.mkdir()
    else:
        file.write_bytes(data[: len(data) // 2] + b"[[" if how == "cut" else b"")
    if verb in ("imagefolder", "lmdb") and name == "identities.parquet":
        pytest.skip("an export does not read it")
    assert name in told(verb, published, tmp_path)


@pytest.mark.parametrize("verb", ["page", "select", "imagefolder", "merge"])
def test_a_disk_that_fails_in_the_middle_is_said(verb, published, tmp_path, monkeypatch):
    shutil.copytree(published["whole"], tmp_path / "version")

    def fails(*_, **__):
        raise OSError(errno.EIO, "Error reading bytes from file. Detail: [errno 5] Input/output error")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", fails)
    monkeypatch.setattr(pq, "read_table", fails)
    assert "Input/output error" in told(verb, published, tmp_path)


@pytest.mark.parametrize("verb", ["imagefolder", "lmdb", "select", "page"])
def test_a_full_disk_is_said_and_leaves_nothing(verb, published, tmp_path):
    shutil.copytree(published["whole"], tmp_path / "version")
    with small_disk(tmp_path / "made", 12):
        assert re.search(r"No space left.*Free some space", told(verb, published, tmp_path))
        gc.collect()  # the error that pytest keeps holds files open, and the disk is to go
