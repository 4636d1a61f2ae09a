"""Pushes a version to the Hugging Face hub: what is new, file by file, then all of it in one commit."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from manifests.files.home import home_card
from manifests.files.layout import CARD, CHECKSUMS, LATEST, file_sha256
from manifests.files.remote import RemoteError, RemotePath
from manifests.publish.mirror import checksums_of
from manifests.publish.publish import number_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

SCHEME = "hf://datasets/"
LOGIN = "set HF_TOKEN to a token that may write there, or run `hf auth login`"


@dataclass(frozen=True)
class Pushed:
    """What a push did."""

    url: str
    files: int  # that were sent
    size: int  # bytes of these files
    there: int  # files of the version that the hub had already
    newest: str  # the version that LATEST names on the hub now


def push_version(
    version: Path, address: str, progress: Callable[[int, int], None], *, public: bool = False
) -> Pushed:
    """Push the published `version` to `address`, hf://datasets/OWNER/NAME; a new data set is private.

    Files that the hub has already, by sha256, are not sent; the others go one by one, so that a push which
    was cut off goes on where it was. All appear in one commit, with README and LATEST of the data set, unless
    the hub has a newer version: no reader sees a part. Raises RemoteError when the hub cannot be reached or
    refuses, when it holds another version of this name, or shows to everybody what is not meant `public`.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    repository = repository_of(address)
    api = HfApi()
    with _explain(address):
        there = _open(api, repository, address, public)
        sums = {**checksums_of(version), CHECKSUMS: file_sha256(version / CHECKSUMS)}
        held = {
            n.removeprefix(f"{version.name}/"): f
            for n, f in there.items()
            if n.startswith(version.name + "/")
        }
        _check_unchanged(version, held, address)
        new = [name for name in sums if not _holds(held.get(name), version / name, sums[name])]
        added = [CommitOperationAdd(f"{version.name}/{name}", version / name) for name in new]
        for done, addition in enumerate(added):
            progress(done, len(added))
            api.preupload_lfs_files(repository, [addition], repo_type="dataset", free_memory=False)
        newest = _newest(address, version, there)
        foreign = (CommitOperationDelete(f"{version.name}/{name}") for name in held if name not in sums)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [*added, *foreign]
        if newest == version.name:
            home = {CARD: home_card(repository.partition("/")[2], version), LATEST: f"{version.name}\n"}
            texts = {name: text.encode() for name, text in home.items() if not _holds(there.get(name), text)}
            operations += [CommitOperationAdd(name, text) for name, text in texts.items()]
        if operations:
            api.create_commit(
                repository, operations, commit_message=f"Version {version.name}", repo_type="dataset"
            )
        progress(len(added), len(added))
    size = sum((version / name).stat().st_size for name in new)
    return Pushed(f"{api.endpoint}/datasets/{repository}", len(new), size, len(sums) - len(new), newest)


def repository_of(address: str) -> str:
    """OWNER/NAME of hf://datasets/OWNER/NAME. Raises RemoteError for anything else."""
    parts = address.removeprefix(SCHEME).rstrip("/").split("/")
    if not address.startswith(SCHEME) or len(parts) != 2 or not all(parts) or "@" in address:
        raise RemoteError(
            f"{address}: push to hf://datasets/OWNER/NAME; `out` of a recipe takes s3:// and others"
        )
    return "/".join(parts)


def _open(api: HfApi, repository: str, address: str, public: bool) -> dict[str, RepoFile]:
    """Make the data set where there is none; returns its files by name."""
    from huggingface_hub.hf_api import RepoFile

    api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
    if not public and not api.dataset_info(repository).private:
        raise RemoteError(
            f"{address} is public: everybody could read this version; say --public if that is meant"
        )
    tree = api.list_repo_tree(repository, recursive=True, repo_type="dataset")
    return {file.path: file for file in tree if isinstance(file, RepoFile)}


def _check_unchanged(version: Path, held: Mapping[str, RepoFile], address: str) -> None:
    file = held.get(CHECKSUMS)
    if file and not _holds(file, version / CHECKSUMS, file_sha256(version / CHECKSUMS)):
        raise RemoteError(
            f"{address}/{version.name} exists with other content, and a published version is never changed: "
            "publish this one under another dataset.version"
        )


def _holds(held: RepoFile | None, wanted: Path | str, sha256: str = "") -> bool:
    """True when the hub's file has the bytes of `wanted`, a file or a text."""
    if held is None:
        return False
    if held.lfs and sha256:
        return held.lfs.sha256 == sha256
    data = wanted.encode() if isinstance(wanted, str) else wanted.read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return held.blob_id == git  # what the hub knows small files by


def _newest(address: str, version: Path, there: Mapping[str, RepoFile]) -> str:
    """The version that LATEST is to name: this one, unless the hub has one that came after it."""
    home = RemotePath(address)
    named = (home / LATEST).read_text().strip() if LATEST in there else ""
    if named and named != version.name and number_of(home / named) > number_of(version):
        return named
    return version.name


@contextlib.contextmanager
def _explain(address: str) -> Iterator[None]:
    """Turn what the hub's client raises into a RemoteError that says what to do."""
    from huggingface_hub.errors import HfHubHTTPError

    again = "run the same command again, what is there stays there"
    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        advice = LOGIN if status in (401, 403) else again
        raise RemoteError(f"{address}: the hub answers {status}: {_first_line(error)}; {advice}") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise RemoteError(f"{address}: {_first_line(error)}; {again}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2", "httpcore", "hf_xet"):
            raise
        raise RemoteError(f"{address}: the hub cannot be reached: {_first_line(error)}; {again}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
