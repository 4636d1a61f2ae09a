"""Files anywhere fsspec reaches (s3://, gs://, …): found, opened, written, with retries and clear errors."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar, Union, cast

from manifests.extras import installed
from manifests.words import PalmforgeError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]

R = TypeVar("R")
Location: TypeAlias = Union[Path, "RemotePath"]
STORES = {"s3": ("s3fs",), "s3a": ("s3fs",), "hf": ("huggingface_hub",)}  # what fsspec needs for a scheme
ATTEMPTS = 6  # of a request that the network or the server spoilt
BLOCK = 1 << 20  # bytes read ahead in Parquet files
LONGEST_WAIT = 30.0  # seconds between two of them


class RemoteError(PalmforgeError):
    """A remote file or folder that cannot be used; the message names it and says what to do."""


def is_remote(path: object) -> bool:
    """True for an address with a scheme, such as s3://bucket/folder."""
    return "://" in str(path)


def location(path: Location | str) -> Path:
    """The path as something that can be opened: a Path of this machine, or a RemotePath for an address.

    A RemotePath has those of Path's methods that readers need, and passes for one.
    """
    if isinstance(path, str) and is_remote(path):
        return cast("Path", RemotePath(path))
    return Path(path) if isinstance(path, str) else cast("Path", path)


def resolve(url: str | RemotePath) -> tuple[AbstractFileSystem, str]:
    """File system and path of an address, for libraries that take fsspec's.

    Credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS's
    profiles and roles, or FSSPEC_<PROTOCOL>_<OPTION>), never from the address. Raises RemoteError when the
    address holds some, or the package for its scheme is missing.
    """
    import fsspec

    try:
        url = without_keys(str(url))
    except ValueError as error:
        raise RemoteError(str(error)) from None
    installed(*STORES.get(url.partition("://")[0], ()))
    options = {"use_listings_cache": False} if url.startswith("s3") else {}
    try:
        files, path = fsspec.core.url_to_fs(url, **options)
    except (ImportError, ValueError) as error:
        raise RemoteError(
            f"{url}: {error}; stores beside s3:// and hf:// need their own package (gcsfs for gs://)"
        ) from None
    return files, path.rstrip("/")


def without_keys(url: str) -> str:
    """The address itself. Raises ValueError, without repeating it, when it holds a user or a key."""
    scheme, _, rest = url.partition("://")
    if "@" in rest.split("/")[0]:
        raise ValueError(
            f"{scheme}://…: leave keys out of the address, for it is recorded with the dataset; "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
        )
    return url


def parquet_source(path: Location | str) -> Any:
    """What pyarrow.parquet takes as its source: a local path as it is, a remote file opened.

    A remote file is read ahead by BLOCK bytes: the many columns of a row group come in a few requests.
    """
    place: Location = location(path)
    if isinstance(place, RemotePath):
        return place.open("rb", cache_type="readahead", block_size=BLOCK)
    return place


def files_below(folder: Location) -> dict[str, int]:
    """Every file below a local or remote folder by its name from there, with its size in bytes.

    Links are followed, to folders too. What is no file (a pipe, a link that leads nowhere) has size -1.
    """
    if isinstance(folder, RemotePath):
        return {name: int(info["size"]) for name, info in folder.files().items()}
    found, seen = dict[str, int](), set[str]()
    for above, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(above)
        if real in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            path = Path(above, name)
            found[path.relative_to(folder).as_posix()] = _size(path)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:  # a link to itself, a mount that is gone
        return -1


@dataclass(frozen=True)
class RemotePath:
    """A file or folder by its address, in the words of pathlib.Path; nothing is cached, it pickles and forks.

    Every method raises RemoteError, saying what to do, when the server cannot be reached or refuses.
    """

    url: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", self.url.rstrip("/"))

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]

    @property
    def parent(self) -> RemotePath:
        """The folder that holds it."""
        return RemotePath(self.url.rpartition("/")[0])

    def open(self, mode: str = "rb", **options: Any) -> IO[bytes]:
        """Open for reading; raises FileNotFoundError when there is no such file."""
        return cast("IO[bytes]", self._do(lambda files, path: files.open(path, mode, **options)))

    def read_bytes(self) -> bytes:
        """The whole file. Raises FileNotFoundError when there is none."""
        return self._do(lambda files, path: bytes(_fresh(files).cat_file(path)))

    def read_text(self, encoding: str = "utf-8") -> str:
        """The whole file as text. Raises FileNotFoundError when there is none."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, data: bytes) -> None:
        """Put a small file; readers see the old one or the new one, whole."""
        self._do(lambda files, path: files.pipe_file(path, data))

    def upload(self, file: Path) -> None:
        """Put a local file; readers see it when it is whole."""
        self._do(lambda files, path: files.put_file(str(file), path))

    def check_writable(self) -> None:
        """Raise RemoteError when nothing can be put below this folder; to be called before hours of work."""
        probe = self / f".probe-{uuid.uuid4().hex[:8]}"
        probe.write_bytes(b"palmforge")
        probe.unlink()

    def unlink(self) -> None:
        """Delete the file."""
        self._do(lambda files, path: files.rm_file(path))

    def download(self, file: Path) -> None:
        """Copy it to a local file. Raises FileNotFoundError when there is none."""
        self._do(lambda files, path: files.get_file(path, str(file)))

    def sha256(self) -> str:
        """Hex SHA-256 of the file, all of it read."""

        def digest(files: AbstractFileSystem, path: str) -> str:
            with files.open(path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()

        return self._do(digest)

    def is_file(self) -> bool:
        """True when there is a file of this name."""
        return self._do(lambda files, path: bool(files.isfile(path) or _fresh(files).isfile(path)))

    def is_dir(self) -> bool:
        """True when there is a file below this name."""
        return self._do(lambda files, path: bool(files.isdir(path) or _fresh(files).isdir(path)))

    def files(self) -> dict[str, dict[str, Any]]:
        """Every file below, by its name from here: what the server tells of it, with its `size` in bytes."""

        def find(files: AbstractFileSystem, path: str) -> dict[str, dict[str, Any]]:
            found = _fresh(files).find(path, detail=True)
            below = {name.removeprefix(path).removeprefix("/"): info for name, info in found.items()}
            return {name: info for name, info in below.items() if name and not _is_marker(name, info)}

        return self._do(find)

    def _do(self, action: Callable[[AbstractFileSystem, str], R]) -> R:
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

        files, path = resolve(self)
        with _explain(self.url):
            again = Retrying(
                stop=stop_after_attempt(ATTEMPTS),
                wait=wait_random_exponential(max=LONGEST_WAIT),
                retry=retry_if_exception(_transient),
                reraise=True,
            )
            return again(action, files, path)


def _fresh(files: AbstractFileSystem) -> AbstractFileSystem:
    """The file system without what it remembers of its store: the hub's lists each folder once."""
    if files.protocol == "hf":
        files.invalidate_cache()
    return files


def _is_marker(name: str, info: dict[str, Any]) -> bool:
    """True for the empty object `folder/` with which the consoles of stores show a folder."""
    return not info.get("size") and (name.endswith("/") or str(info.get("Key", "")).endswith("/"))


def _transient(error: BaseException) -> bool:
    """True for what may go well the next time: a cut connection, a server's 500, a slow answer."""
    if isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return False
    return isinstance(error, OSError | EOFError | TimeoutError) or _from_the_network(error)


def _from_the_network(error: BaseException) -> bool:
    return isinstance(
        error, _of_botocore("ClientError", "ConnectionError", "HTTPClientError", "ResponseStreamingError")
    )


def _of_botocore(*names: str) -> tuple[type[Exception], ...]:
    """Classes of botocore's errors; none where nothing loaded it, for then nothing raised them."""
    module = sys.modules.get("botocore.exceptions")
    return tuple(getattr(module, name) for name in names) if module else ()


@contextlib.contextmanager
def _explain(url: str) -> Iterator[None]:
    """Turn what libraries raise into a RemoteError that names the address; a missing file stays one."""
    hub = url.startswith("hf://")
    where = os.environ.get("HF_ENDPOINT" if hub else "AWS_ENDPOINT_URL") or "its server"
    keys = "HF_TOKEN" if hub else "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    try:
        yield
    except _of_botocore("NoCredentialsError"):
        raise RemoteError(
            f"{url}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role"
        ) from None
    except PermissionError as error:
        raise RemoteError(
            f"{url}: {where} refused the credentials ({error}): check {keys} and what they are allowed"
        ) from None
    except FileNotFoundError as error:
        if "bucket does not exist" in str(error):
            raise RemoteError(f"{url}: there is no such bucket at {where}: create it first") from None
        raise FileNotFoundError(error.errno, "no such file", url) from None
    except Exception as error:
        if not isinstance(error, (OSError, *_of_botocore("BotoCoreError", "ClientError"))):
            raise
        raise RemoteError(
            f"{url}: {where} cannot be reached or fails ({error}); run the same command again, what is done "
            "stays done"
        ) from error
