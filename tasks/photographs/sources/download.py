"""Download a Kaggle dataset at a pinned version, again and again while the network is to blame."""

from __future__ import annotations

import errno
import logging
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from tasks.photographs.sources.found import SourceError

HANDLE = re.compile(r"^[\w-]+/[\w-]+/versions/[1-9]\d*$", re.ASCII)
PASSING = {408, 429, 500, 502, 503, 504}  # HTTP statuses that another attempt may not meet
NETWORK = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,  # the download was cut
    requests.exceptions.InvalidJSONError,  # a gateway answered in Kaggle's place
)
LONGEST_PAUSE = 120.0  # seconds between two attempts at most, whatever the server asks for
TOKEN_HELP = (
    "set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY, or put kaggle.json into ~/.kaggle "
    "(kaggle.com > Settings > API > Create New Token)"
)

log = logging.getLogger("palmforge")


def download(handle: str, *, retries: int = 5, pause: float = 2.0, silence: float = 60.0) -> Path:
    """Folder of the dataset `handle` (owner/name/versions/N) in kagglehub's cache.

    A cached version makes no request; a download that was cut short goes on where it ended. Another attempt
    follows after `pause` seconds, doubling, only when the network or the server (408, 429, 5xx, no byte for
    `silence` seconds) is to blame.

    Raises SourceError: handle_not_pinned, kaggle_credentials, kaggle_401, _403, _404, _429, _<status>,
    kaggle_network, kaggle_checksum, kaggle_archive, kaggle_cache, disk_full. No message holds a credential
    or a signed address.
    """
    if not HANDLE.match(handle):
        message = f"dataset {handle!r} is not pinned; write it as owner/name/versions/N"
        raise SourceError("handle_not_pinned", message)
    attempts = Retrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(retries + 1),
        wait=lambda state: _pause(state, pause),
        before_sleep=_announce,
        reraise=True,
    )
    try:
        with _patient_for(silence):
            return attempts(_download, handle)
    except SourceError:
        raise
    except Exception as error:  # kagglehub lets anything through, and its texts may hold signed addresses
        raise _explain(error, handle, retries) from None


@contextmanager
def _patient_for(seconds: float) -> Iterator[None]:
    """Give every request a timeout: kagglesdk has none, so that a silent server would hang the night."""
    plain = requests.Session.send

    def send(session: requests.Session, request: Any, **options: Any) -> requests.Response:
        return plain(session, request, **{**options, "timeout": options.get("timeout") or seconds})

    requests.Session.send = send  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        requests.Session.send = plain  # type: ignore[method-assign]


def _download(handle: str) -> Path:
    import kagglehub  # half a second, and it reads the environment

    logging.getLogger("urllib3.connectionpool").addFilter(_no_addresses)
    try:
        return Path(kagglehub.dataset_download(handle))
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError):
        _forget(handle)
        raise
    except ValueError as error:
        if "archive type" in str(error):
            _forget(handle)
        raise


def _no_addresses(record: logging.LogRecord) -> bool:
    """Whether a line of urllib3 may be logged: at level DEBUG it writes signed addresses."""
    return record.levelno > logging.DEBUG


def _forget(handle: str) -> None:
    """Remove an archive that cannot be unpacked: kagglehub would take it for a finished download."""
    from kagglehub.cache import get_cached_archive_path
    from kagglehub.handle import parse_dataset_handle

    Path(get_cached_archive_path(parse_dataset_handle(handle))).unlink(missing_ok=True)


def _status(error: BaseException) -> int:
    """HTTP status behind an error, also one that came with 200 and the code in its JSON body; 0 if none."""
    response = getattr(error, "response", None)
    if response is None:
        return 0
    if response.status_code >= 400:
        return int(response.status_code)
    try:
        return int(response.json().get("code", 0))
    except (ValueError, AttributeError, requests.RequestException, RuntimeError):
        return 0


def _passes(error: BaseException) -> bool:
    if isinstance(error, requests.HTTPError):
        return _status(error) in PASSING
    return isinstance(error, NETWORK)


def _pause(state: RetryCallState, first: float) -> float:
    error = state.outcome.exception() if state.outcome else None
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    doubling = first * 2.0 ** (state.attempt_number - 1)
    return min(LONGEST_PAUSE, max(doubling, float(asked) if asked.isdigit() else 0.0))


def _announce(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    what = f"HTTP {_status(error)}" if error and _status(error) else type(error).__name__
    seconds = state.next_action.sleep if state.next_action else 0.0
    log.warning("Kaggle: %s; attempt %d follows in %.1f s", what, state.attempt_number + 1, seconds)


def _explain(error: Exception, handle: str, retries: int) -> SourceError:
    tries = f"after {retries + 1} attempts" if _passes(error) else "at once"
    status = _status(error)
    if status:
        help_ = {
            401: f"the credentials are missing or refused; {TOKEN_HELP}",
            403: f"no permission; accept the terms on kaggle.com/datasets/{handle}, or {TOKEN_HELP}",
            404: "no such dataset or version; check source.dataset in the recipe",
            429: "too many requests; wait an hour, then run the same command again to go on",
        }.get(status, "the server failed; run the same command again later")
        return SourceError(f"kaggle_{status}", f"Kaggle answered {status} for {handle} {tries}: {help_}")
    return _explain_other(error, handle, tries)


def _explain_other(error: Exception, handle: str, tries: str) -> SourceError:
    kind = type(error).__name__
    if _passes(error):
        message = f"the download of {handle} broke off ({kind}) {tries}; run the same command again to go on"
        return SourceError("kaggle_network", message)
    if kind == "DataCorruptionError":
        message = (
            f"{handle}: the checksum of the download is wrong; it was removed, run the same command again"
        )
        return SourceError("kaggle_checksum", message)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        message = (
            f"no space left while downloading {handle}; free some or set KAGGLEHUB_CACHE to another disk"
        )
        return SourceError("disk_full", message)
    if isinstance(error, ValueError) and "credentials" in str(error):
        return SourceError("kaggle_credentials", f"kaggle.json cannot be read; {TOKEN_HELP}")
    if isinstance(error, OSError) and error.errno is not None:
        message = (
            f"{handle}: {error.strerror}: {error.filename}; mend it or set KAGGLEHUB_CACHE to another folder"
        )
        return SourceError("kaggle_cache", message)
    message = (
        f"{handle}: the download cannot be unpacked ({kind}); it was removed, run the same command again"
    )
    return SourceError("kaggle_archive", message)
