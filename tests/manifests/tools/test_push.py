"""Pushing to a loopback hub with the hub's own client: only what is new, all at once, also after a kill."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from manifests.files.layout import file_sha256
from manifests.files.remote import RemoteError, RemotePath
from manifests.publish.mirror import checksums_of
from manifests.read.dataset import PalmDataset
from manifests.read.open import DatasetError, open_dataset
from manifests.tools.push import push_version
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.servers.hub import TOKEN, Hub, environment

ADDRESS = "hf://datasets/me/palms"
HUGGING_FACE = Path(__file__).parents[3] / ".venv-hf" / "bin" / "python"
CODE = "import sys; from flows.cli.main import main; main(sys.argv[1:])"


def quiet(done, total):
    pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub, for this process and for those it starts; large files go by LFS."""
    from huggingface_hub import HfFileSystem, constants

    with Hub() as server:
        for name, value in environment(server, str(tmp_path / "home"), xet=False).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("manifests.files.remote.ATTEMPTS", 2)
        HfFileSystem.clear_instance_cache()
        yield server
        HfFileSystem.clear_instance_cache()


def version(folder, subjects=10, name="v1", **options):
    shards = make_shards(folder / f"shards-{name}", subjects=subjects, captures=3, size=96, **options)
    return publish_shards(shards, folder / "out", version=name).path


def test_a_version_is_pushed_whole_private_and_read_back(tmp_path, hub):
    local = version(tmp_path)
    pushed = push_version(local, ADDRESS, quiet)
    held = hub.repositories["me/palms"]
    sums = checksums_of(local)
    assert held.private and held.commits == ["Version v1"] and pushed.files == len(sums) + 1
    assert set(held.files) == {f"v1/{n}" for n in (*sums, "SHA256SUMS")} | {"README.md", "LATEST"}
    assert verify(ADDRESS).ok
    far, near = (PalmDataset(where, image="bytes", split="train") for where in (ADDRESS, local))
    assert len(far) == len(near) > 0 and far[5] == near[5] and pickle.loads(pickle.dumps(far))[7] == near[7]
    images = [batch[0] for batch in PalmDataset(ADDRESS, split="train").loader(batch_size=8, workers=1)]
    assert sum(map(len, images)) == len(near) and images[0].shape[1:] == (3, 96, 96)


def test_the_same_again_sends_nothing_and_a_new_version_becomes_the_newest(tmp_path, hub):
    first = version(tmp_path)
    push_version(first, ADDRESS, quiet)
    before = hub.sent
    again = push_version(first, ADDRESS, quiet)
    assert hub.sent == before and again.files == 0 and len(hub.repositories["me/palms"].commits) == 1
    assert open_dataset(ADDRESS).path.name == "v1"
    second = version(tmp_path, subjects=12, name="v2")
    pushed = push_version(second, ADDRESS, quiet)
    assert pushed.newest == "v2" and open_dataset(ADDRESS).path.name == "v2" and verify(ADDRESS).ok
    older = push_version(first, ADDRESS, quiet)
    assert older.newest == "v2" and (RemotePath(ADDRESS) / "LATEST").read_text() == "v2\n"
    assert verify(f"{ADDRESS}/v1").ok


def test_a_push_that_is_killed_goes_on_and_nobody_sees_a_part(tmp_path, hub):
    local = version(tmp_path)
    large = sorted(f.stat().st_size for f in local.rglob("*.parquet"))
    arguments = [sys.executable, "-c", CODE, "push", str(local), ADDRESS, "--unjudged"]
    started: list[subprocess.Popen[bytes]] = []

    def kill(so_far):
        if len(hub.objects) == 2:
            started[0].send_signal(signal.SIGKILL)
            started[0].wait()

    hub.on_upload = kill
    started.append(subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    assert started[0].wait() == -signal.SIGKILL
    assert hub.repositories["me/palms"].files == {} and 2 <= len(hub.objects) <= 3
    hub.on_upload = lambda so_far: None
    before = hub.sent
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert "version  v1" in done.stdout and TOKEN not in done.stdout + done.stderr
    assert verify(ADDRESS).ok
    commit = sum(f.stat().st_size for f in local.iterdir() if f.suffix != ".parquet")
    assert hub.sent - before < sum(large) - sum(large[:2]) + 2 * commit  # what was there is not sent again


def test_by_xet_a_grown_version_sends_little_more_than_what_it_grew_by(tmp_path, hub):
    """The hub's store of chunks, as its client uses it by itself; a process a push, as in life."""
    first, second = version(tmp_path, subjects=60), version(tmp_path, subjects=66, name="v2")
    variables = {**os.environ, **environment(hub, str(tmp_path / "home"), xet=True)}
    sent = []
    for local in (first, second):
        before = hub.sent
        arguments = [sys.executable, "-c", CODE, "push", str(local), ADDRESS, "--unjudged"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=variables)
        assert done.returncode == 0, done.stderr
        sent.append(hub.sent - before)
        assert hub.xorbs and not any(request.startswith("PUT") for request in hub.requests)  # not by LFS
        held = {file_sha256(file): file.read_bytes() for file in local.rglob("*.parquet")}
        hub.objects |= held  # which the Xet store of this hub cannot give back
    whole = [sum(f.stat().st_size for f in v.rglob("*") if f.is_file()) for v in (first, second)]
    print("bytes of the versions", whole, "sent", sent)
    assert 0.5 * whole[0] < sent[0] < 1.1 * whole[0] and sent[1] < 0.5 * whole[1]


def test_what_is_refused_is_said_with_what_to_do(tmp_path, hub, monkeypatch):
    local = version(tmp_path)
    for address in ("hf://me/palms", "hf://datasets/palms", "s3://me/palms", f"{ADDRESS}@main"):
        with pytest.raises(RemoteError, match="hf://datasets/OWNER/NAME"):
            push_version(local, address, quiet)
    with pytest.raises(DatasetError, match="HF_TOKEN"):
        open_dataset(ADDRESS)
    hub.refuse = {"POST .*/commit/main": 403}
    with pytest.raises(RemoteError, match=r"answers 403.*HF_TOKEN") as refused:
        push_version(local, ADDRESS, quiet)
    assert TOKEN not in str(refused.value)
    hub.refuse = {}
    push_version(local, ADDRESS, quiet)
    hub.repositories["me/palms"].private = False
    with pytest.raises(RemoteError, match="public"):
        push_version(local, ADDRESS, quiet)
    push_version(local, ADDRESS, quiet, public=True)
    other = publish_shards(make_shards(tmp_path / "x", captures=2), tmp_path / "other", version="v1").path
    with pytest.raises(RemoteError, match="never changed"):
        push_version(other, ADDRESS, quiet, public=True)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(RemoteError, match=r"answers 401.*HF_TOKEN"):
        push_version(local, ADDRESS, quiet)


NEWEST = """
import json, sys
import datasets
splits = datasets.load_dataset("me/palms")
print(json.dumps({
    "versions": sorted({row["dataset_version"] for split in splits.values() for row in split}),
    "rows": sum(map(len, splits.values())),
    "size": splits["train"][0]["image"].size,
    "pairs": len(datasets.load_dataset("me/palms", "pairs", split="train")),
    "streamed": sum(1 for _ in datasets.load_dataset("me/palms", split="train", streaming=True)),
    "train": len(splits["train"]),
}))
"""


def test_load_dataset_of_the_hub_reads_the_newest_version(tmp_path, hub):
    import json

    if not HUGGING_FACE.exists():
        pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
    push_version(version(tmp_path, subjects=16), ADDRESS, quiet)
    newest = version(tmp_path, subjects=20, name="v2")
    push_version(newest, ADDRESS, quiet)
    variables = {"PATH": os.environ["PATH"], **environment(hub, str(tmp_path / "theirs"), xet=False)}
    done = subprocess.run(
        [HUGGING_FACE, "-c", NEWEST], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["versions"] == ["v2"] and found["rows"] == open_dataset(newest).image_count
    assert found["size"] == [96, 96] and found["streamed"] == found["train"] and found["pairs"] > 0
