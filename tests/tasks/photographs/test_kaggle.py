"""The real kagglehub client, in its own process, against a loopback server with the faults of a network."""

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.photographs.sources.download import download
from tasks.photographs.sources.found import SourceError
from tests.helpers.servers.kaggle import API, Kaggle

HANDLE = "palms/human-palm-images/versions/3"
SECRETS = ("secret-key", "secret-user", "signed-secret")
ROOT = Path(__file__).resolve().parents[3]
CLIENT = """
import json, logging, os, sys, traceback
logging.basicConfig(level=logging.DEBUG)
from tasks.photographs.sources.found import SourceError
from pathlib import Path
from tasks.photographs.ingest import ingest_source
from tasks.photographs.sources.download import download
from tasks.photographs.sources.source import SourceSpec
for line in sys.stdin:
    order = json.loads(line)
    os.environ.clear()
    os.environ.update(order["environment"])
    try:
        if order["out"]:
            source = SourceSpec("kaggle", dataset=order["handle"], licence="CC-BY-4.0")
            result = {"path": str(ingest_source(source, Path(order["out"]), workers=1).table)}
        else:
            chosen = {"retries": order["retries"], "pause": 0.01, "silence": order["silence"]}
            result = {"path": str(download(order["handle"], **chosen))}
    except SourceError as error:
        traceback.print_exc()
        result = {"reason": error.reason, "message": str(error)}
    print("\\nRESULT" + json.dumps(result), flush=True)
"""


def archive(files: int = 4) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for index in range(files):
            out.writestr(f"FEMALE/IMG_{index:04d}.jpg", np.random.default_rng(index).bytes(1_000_000))
    return stream.getvalue()


@dataclass
class Result:
    path: Path | None
    reason: str
    message: str
    output: str


class Client:
    """Orders downloads from a process of kagglehub's own, with a cache, a home and a login for each test."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        self.process, self.home, self.cache = process, home, home / "cache"
        self.login = {"KAGGLE_USERNAME": "secret-user", "KAGGLE_KEY": "secret-key"}

    def run(
        self, kaggle: Kaggle, handle: str = HANDLE, retries: int = 2, out: str = "", silence: float = 60.0
    ) -> Result:
        environment = self.login | {
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST", "KAGGLEHUB_CACHE": str(self.cache), "HOME": str(self.home),
            "http_proxy": kaggle.address,
        }  # fmt: skip
        order = {
            "environment": environment,
            "handle": handle,
            "retries": retries,
            "out": out,
            "silence": silence,
        }
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("RESULT"):
                break
        output = "".join(lines)
        assert "RESULT" in output, output
        answer = json.loads(output.rsplit("RESULT", 1)[1])
        for secret in SECRETS:
            assert secret not in output, "nothing that opens a door is ever printed"
        path = Path(answer["path"]) if "path" in answer else None
        return Result(path, answer.get("reason", ""), answer.get("message", ""), output)


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    clean = {k: v for k, v in os.environ.items() if "proxy" not in k.lower() and not k.startswith("KAGGLE")}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = [sys.executable, "-u", "-c", CLIENT]
    with subprocess.Popen(command, env=clean | {"PYTHONPATH": str(ROOT)}, text=True, **pipes) as client:
        yield client
        client.stdin.close()


@pytest.fixture
def client(process: subprocess.Popen[str], tmp_path: Path) -> Client:
    return Client(process, tmp_path)


def test_download_then_cached_without_a_request(client: Client) -> None:
    with Kaggle(archive()) as kaggle:
        first = client.run(kaggle)
        assert first.path is not None, first.output
        assert len(list(first.path.rglob("*.jpg"))) == 4
        assert kaggle.bodies[0] == kaggle.bodies[0] | {"ownerSlug": "palms", "datasetVersionNumber": 3}
        assert kaggle.authorised[0].startswith("Basic ")
        assert kaggle.authorised[1] == "", "the storage does not get the login"
        calls = list(kaggle.calls)
        assert calls[0] == ("POST", API)
        assert client.run(kaggle).path == first.path
        assert kaggle.calls == calls, "the pinned version came from the cache"


def test_a_cut_download_is_resumed(client: Client) -> None:
    data = archive()
    with Kaggle(data, cuts=2) as kaggle:
        result = client.run(kaggle, retries=3)
        assert result.path is not None, result.output
        assert (result.path / "FEMALE/IMG_0003.jpg").read_bytes() == np.random.default_rng(3).bytes(1_000_000)
        resumed = [r for r in kaggle.ranges if r]
        starts = [int(r.removeprefix("bytes=").rstrip("-")) for r in resumed]
        assert len(starts) == 2 and starts == sorted(starts) and 0 < starts[0] < starts[1] < len(data)


def test_a_download_that_keeps_breaking_says_so_and_goes_on_next_time(client: Client) -> None:
    with Kaggle(archive(), cuts=2) as kaggle:
        result = client.run(kaggle, retries=1)
        assert result.reason == "kaggle_network" and "2 attempts" in result.message
        assert client.run(kaggle, retries=0).path is not None
        assert kaggle.ranges[-1].startswith("bytes="), "the half that was there is not fetched again"


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "credentials"), (403, "accept the terms"), (404, "version")]
)
def test_refusals_are_explained_and_not_repeated(client: Client, status: int, hint: str) -> None:
    with Kaggle(archive(), statuses=[status] * 9) as kaggle:
        result = client.run(kaggle)
        assert result.reason == f"kaggle_{status}" and hint in result.message and HANDLE in result.message
        assert len(kaggle.calls) == 1


def test_a_refusal_inside_an_answer_of_200_is_a_refusal(client: Client) -> None:
    with Kaggle(archive(), statuses=[403], coded_body=True) as kaggle:
        assert client.run(kaggle).reason == "kaggle_403"


def test_too_many_requests_is_repeated_as_asked(client: Client) -> None:
    with Kaggle(archive(), statuses=[429, 503], retry_after=1) as kaggle:
        result = client.run(kaggle)
        assert result.path is not None, result.output
        assert len([c for c in kaggle.calls if c[0] == "POST"]) == 3
        assert "HTTP 429; attempt 2 follows in 1.0 s" in result.output
    with Kaggle(archive(), statuses=[429] * 9) as kaggle:
        result = Client(client.process, client.home / "other").run(kaggle, retries=1)
        assert result.reason == "kaggle_429" and "2 attempts" in result.message and len(kaggle.calls) == 2


def test_the_storage_may_fail_too_and_its_signed_address_is_not_shown(client: Client) -> None:
    with Kaggle(archive(), storage_statuses=[500] * 9) as kaggle:
        assert client.run(kaggle, retries=1).reason == "kaggle_500"


def test_a_wrong_checksum_is_refused_and_the_file_removed(client: Client) -> None:
    with Kaggle(archive(), md5="AAAAAAAAAAAAAAAAAAAAAA==") as kaggle:
        result = client.run(kaggle)
        assert result.reason == "kaggle_checksum" and "run the same command again" in result.message
        assert not list(client.cache.rglob("*.archive"))
        kaggle.md5 = None
        assert client.run(kaggle).path is not None


def test_a_download_that_is_no_archive_is_removed(client: Client) -> None:
    with Kaggle(b"<html>maintenance</html>" * 100, hashed=False) as kaggle:
        result = client.run(kaggle)
        assert result.reason == "kaggle_archive", result.output
        assert not list(client.cache.rglob("*.archive"))
        kaggle.payload = archive()
        assert client.run(kaggle).path is not None


def test_a_cache_that_cannot_be_written_is_named(client: Client) -> None:
    client.cache = client.home / "file" / "cache"
    (client.home / "file").write_text("in the way")
    with Kaggle(archive()) as kaggle:
        result = client.run(kaggle)
        assert result.reason == "kaggle_cache" and "KAGGLEHUB_CACHE" in result.message
        client.cache = Path("/dev/full")
        assert client.run(kaggle).reason == "kaggle_cache"


def test_a_silent_server_is_not_waited_for_all_night(client: Client) -> None:
    with Kaggle(archive(), silent=1) as kaggle:
        result = client.run(kaggle, silence=1.0)
        assert result.path is not None, result.output
        assert "ReadTimeout; attempt 2 follows" in result.output
        kaggle.silent = 9
        result = Client(client.process, client.home / "other").run(kaggle, retries=0, silence=1.0)
        assert result.reason == "kaggle_network"


def test_no_network(client: Client) -> None:
    with Kaggle(b"") as kaggle:
        pass
    assert client.run(kaggle, retries=1).reason == "kaggle_network"


def test_login_from_a_token_or_a_file(client: Client) -> None:
    client.login = {"KAGGLE_API_TOKEN": "secret-key"}
    with Kaggle(archive()) as kaggle:
        assert client.run(kaggle).path is not None
        assert kaggle.authorised[0] == "Bearer secret-key"
    client.login = {"KAGGLE_CONFIG_DIR": str(client.home)}
    (client.home / "kaggle.json").write_text('{"username": "u", "key": "secret-key", broken')
    client.cache = client.home / "cache2"
    with Kaggle(archive()) as kaggle:
        assert client.run(kaggle).reason == "kaggle_credentials"
    (client.home / "kaggle.json").write_text('{"username": "u", "key": "secret-key"}')
    with Kaggle(archive()) as kaggle:
        assert client.run(kaggle).path is not None
        assert kaggle.authorised[0].startswith("Basic ")


def test_a_dataset_becomes_photos(client: Client) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for index in range(3):
            picture = io.BytesIO()
            noise = np.random.default_rng(index).integers(0, 255, (64, 64, 3), np.uint8)
            Image.fromarray(noise).save(picture, "JPEG")
            out.writestr(f"MALE/{index}.jpg", picture.getvalue())
        out.writestr("labels.csv", "name,hand")
    with Kaggle(stream.getvalue()) as kaggle:
        result = client.run(kaggle, out=str(client.home / "out"))
    assert result.path is not None, result.output
    rows = pq.read_table(result.path).to_pylist()
    reasons = {"MALE/0.jpg": "", "MALE/1.jpg": "", "MALE/2.jpg": "", "labels.csv": "not_a_picture"}
    assert {r["original_name"]: r["reason"] for r in rows} == reasons
    assert {r["source_dataset"] for r in rows} == {HANDLE}
    assert {(r["source_kind"], r["source_license"]) for r in rows} == {("kaggle", "CC-BY-4.0")}


@pytest.mark.parametrize(
    "handle", ["", "a/b", "a/b/3", "a/b/versions/0", "a/b/versions/x", "a/b/versions/3/c"]
)
def test_only_a_pinned_version_is_taken(handle: str) -> None:
    with pytest.raises(SourceError, match="owner/name/versions/N") as caught:
        download(handle)
    assert caught.value.reason == "handle_not_pinned"
