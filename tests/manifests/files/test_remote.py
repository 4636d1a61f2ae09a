"""Versions on a real S3 server: published whole or not at all, also through cut connections and errors."""

import pickle
import threading
import time
import urllib.request
from itertools import count

import pytest

from manifests.files.remote import RemoteError, RemotePath, resolve
from manifests.publish.mirror import mirror, newest
from manifests.publish.retention import retain_remote
from manifests.read.dataset import PalmDataset
from manifests.read.open import open_dataset
from manifests.recipe import load, parse
from manifests.recipe.errors import RecipeError
from manifests.tools.verify import verify
from tasks.photographs.sources.found import SourceError
from tasks.photographs.sources.source import SourceSpec, find
from tasks.photographs.steps import ingest
from tasks.versions.status import status
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.servers.s3 import Proxy, environment, served


@pytest.fixture(scope="module")
def server():
    with served() as port:
        yield port


@pytest.fixture
def s3(server, monkeypatch):
    """The proxy before an empty bucket s3://palms; requests are tried often and at once."""
    import s3fs

    proxy = Proxy(server)
    for name, value in environment(proxy.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("manifests.files.remote.LONGEST_WAIT", 0.1)
    s3fs.S3FileSystem.clear_instance_cache()
    files, _ = resolve("s3://palms")
    if files.exists("palms"):
        files.rm("palms", recursive=True)
    files.mkdir("palms")
    yield proxy
    proxy.close()
    s3fs.S3FileSystem.clear_instance_cache()


HOME = RemotePath("s3://palms/out/palms")


def version(tmp_path, captures=3):
    """A published local version of some 2 MB."""
    shards = make_shards(tmp_path / f"shards-{captures}", captures=captures, size=96)
    return publish_shards(shards, tmp_path / "out", version=f"v{captures}").path


def test_a_version_is_copied_whole_and_read_back(tmp_path, s3):
    local = version(tmp_path)
    address = mirror(local, HOME)
    assert str(address) == "s3://palms/out/palms/v3" and newest(HOME) == "v3"
    findings = verify(str(HOME))
    assert findings.ok and findings.images == 60, str(findings)
    here, there = open_dataset(local), open_dataset("s3://palms/out/palms")
    assert there.metadata == here.metadata and there.rows() == here.rows()
    assert there.identities() == here.identities()
    some = there.rows().take([3, 17, 40])
    assert list(there.images(some)) == list(here.images(some))
    far, near = (PalmDataset(where, image="bytes", split="train") for where in (str(HOME), local))
    assert len(far) == len(near) > 0 and far[5] == near[5]
    assert pickle.loads(pickle.dumps(far))[7] == near[7]
    assert (HOME / "LATEST").read_text() == "v3\n"
    told = status(tmp_path / "work", parse({"name": "palms", "out": "s3://palms/out"}))
    assert told.newest == "v3" and told.versions == ("v3",) and not told.hints


def test_the_same_again_puts_nothing_and_another_version_of_the_name_is_refused(tmp_path, s3):
    local = version(tmp_path)
    mirror(local, HOME)
    before = {name: info["LastModified"] for name, info in HOME.files().items()}
    time.sleep(1.1)  # S3 tells times in seconds
    mirror(local, HOME)
    assert {name: info["LastModified"] for name, info in HOME.files().items()} == before
    other = publish_shards(make_shards(tmp_path / "x", captures=2), tmp_path / "other", version="v3").path
    with pytest.raises(RemoteError, match="never changed"):
        mirror(other, HOME)
    assert verify(str(HOME)).ok


def test_what_is_wrong_on_the_store_is_named(tmp_path, s3):
    address = mirror(version(tmp_path), HOME)
    (address / "data/notes.txt").write_bytes(b"foreign")
    flipped = bytearray((address / "README.md").read_bytes())
    flipped[9] ^= 1
    (address / "README.md").write_bytes(bytes(flipped))
    (address / "data/train-00000-of-00001.parquet").unlink()
    said = str(verify(str(HOME)))
    assert "data/notes.txt: a foreign file" in said and "README.md: its bytes are not" in said
    assert "data/train-00000-of-00001.parquet: missing" in said


def test_cut_connections_and_server_errors_are_survived_and_no_reader_sees_a_part(tmp_path, s3):
    first, second = version(tmp_path), version(tmp_path, captures=4)
    mirror(first, HOME)
    seen, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            findings = verify(str(HOME))
            seen.append((findings.path.name, findings.ok))

    reader = threading.Thread(target=read)
    reader.start()
    s3.faults = ["cut", "500", "cut", "500", "cut"]
    mirror(second, HOME)
    stop.set()
    reader.join()
    assert s3.suffered == ["cut", "500", "cut", "500", "cut"]
    assert seen and all(ok for _, ok in seen) and verify(str(HOME)).path.name == "v4"


def test_a_store_that_goes_away_leaves_the_old_version_and_the_same_command_ends_well(
    tmp_path, s3, monkeypatch
):
    monkeypatch.setattr("manifests.files.remote.ATTEMPTS", 2)
    first, second = version(tmp_path), version(tmp_path, captures=4)
    mirror(first, HOME)
    s3.down = True
    with pytest.raises(RemoteError, match=r"s3://palms/out/palms/v4.*run the same command again"):
        mirror(second, HOME)
    s3.down = False
    assert newest(HOME) == "v3" and verify(str(HOME)).ok
    (HOME / "v4" / "data" / "torn.parquet").write_bytes(b"left by somebody")
    mirror(second, HOME)
    assert newest(HOME) == "v4" and verify(str(HOME)).ok


def test_old_versions_go_from_the_store_and_a_deletion_cut_off_is_ended(tmp_path, s3, monkeypatch):
    for captures in (3, 4, 5, 6):
        mirror(version(tmp_path, captures=captures), HOME)
    for name in ("notes/mine.txt", "view/manifest.parquet"):  # no versions: nobody may delete them
        (HOME / name).write_bytes(b"somebody's")
    plain, calls = RemotePath.unlink, count(1)

    def dies(path):
        if next(calls) == 3:
            raise KeyboardInterrupt
        plain(path)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RemotePath, "unlink", dies)
        retain_remote(HOME, 2)
    left = set(HOME.files())
    assert "v3/SHA256SUMS" not in left and "v3/.deleting" in left
    retain_remote(HOME, 2)
    assert {n.split("/")[0] for n in HOME.files()} == {"v5", "v6", "notes", "view", "LATEST", "README.md"}
    assert verify(str(HOME)).ok and verify(str(HOME / "v5")).ok and retain_remote(HOME, 2) == []


def test_wrong_credentials_and_a_missing_bucket_are_said_in_words_without_the_keys(tmp_path, s3, server):
    with pytest.raises(RemoteError, match="no such bucket"):
        mirror(version(tmp_path), RemotePath("s3://nobody/palms"))

    def allow(requests: int) -> None:
        url = f"http://127.0.0.1:{server}/moto-api/reset-auth"
        plain = {"Content-Type": "text/plain"}
        request = urllib.request.Request(url, str(requests).encode(), plain, method="POST")
        urllib.request.urlopen(request).close()

    allow(0)
    try:
        with pytest.raises(RemoteError, match=r"refused the credentials.*AWS_ACCESS_KEY_ID") as refused:
            HOME.check_writable()
    finally:
        allow(10**9)
    assert "very-secret-key" not in str(refused.value)


def test_keys_in_an_address_are_refused_and_not_repeated():
    for section in ({"out": "s3://me:hidden@palms/x"}, {"source": {"path": "s3://me:hidden@palms/x"}}):
        with pytest.raises(RecipeError, match="leave keys out") as refused:
            parse({"name": "x", **section})
        assert "hidden" not in str(refused.value)
    with pytest.raises(RemoteError, match="leave keys out"):
        resolve("s3://me:hidden@palms/x")


def test_photographs_come_from_a_folder_and_from_an_archive_on_s3(tmp_path, s3, write_recipe):
    import zipfile

    import numpy as np
    from PIL import Image

    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for index in range(3):
            photo = tmp_path / f"{index}.png"
            Image.fromarray(np.random.default_rng(index).integers(0, 256, (90, 80, 3), np.uint8)).save(photo)
            RemotePath(f"s3://palms/photos/a/{index}.png").upload(photo)
            archive.write(photo, f"a/{index}.png")
    RemotePath("s3://palms/photos.zip").upload(tmp_path / "photos.zip")
    quiet = lambda done, total: None  # noqa: E731
    ids = []
    for kind, path in (("folder", "s3://palms/photos"), ("archive", "s3://palms/photos.zip")):
        recipe = load(write_recipe(source={"kind": kind, "path": path}, align={"workers": 1}))
        done = ingest(recipe, quiet)
        assert done.facts["photos"] == 3 and ingest(recipe, quiet).path == done.path
        ids.append(sorted(p.name for p in (done.path / "blobs").rglob("*.png")))
    assert ids[0] == ids[1] and len(ids[0]) == 3
    RemotePath("s3://palms/photos/a/3.png").upload(tmp_path / "0.png")  # a changed source is another stage
    changed = load(write_recipe(source={"kind": "folder", "path": "s3://palms/photos"}, align={"workers": 1}))
    assert ingest(changed, quiet).path != done.path
    with pytest.raises(SourceError, match="no files below"):
        find(SourceSpec("folder", "s3://palms/nothing"), tmp_path)


def test_the_flow_publishes_on_s3_and_the_same_again_changes_nothing(tmp_path, s3, write_recipe, capfd):
    from flows.build_dataset import build_dataset

    recipe = write_recipe(out="s3://palms/datasets")
    assert build_dataset(str(recipe)) == build_dataset(str(recipe))
    findings = verify("s3://palms/datasets/tiny")
    assert findings.ok and findings.images == 12
    assert len([n for n in RemotePath("s3://palms/datasets/tiny").files() if n.endswith("SHA256SUMS")]) == 1
    said = capfd.readouterr()
    written = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()]
    for planted in ("very-secret-key", "planted-access-key"):
        assert planted not in said.out + said.err
        assert not any(planted.encode() in data for data in written)


def test_keys_as_people_have_them_are_files_and_markers_are_none(s3):
    """The empty object with which a console shows a folder is no file; `//` is a part of a name."""
    files, _ = resolve("s3://palms")
    names = ["a.jpg", "sub//double.jpg", "sub/b.jpg", "br[1].jpg", "star*.jpg", "what?.jpg", "per%20cent.jpg"]
    for name in names:
        files.pipe_file(f"palms/photos/{name}", name.encode())
    for marker in ("", "sub/", "empty/"):
        files.call_s3("put_object", Bucket="palms", Key=f"photos/{marker}", Body=b"")
    for address in ("s3://palms/photos", "s3://palms/photos/"):
        found = RemotePath(address)
        assert sorted(found.files()) == sorted(names)
        assert {name: (found / name).read_bytes().decode() for name in names} == {
            name: name for name in names
        }
