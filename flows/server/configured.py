"""Which Prefect server is configured, and whether it answers: without one, Prefect is not even imported."""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from manifests.extras import missing
from tasks.doctor import Check
from tasks.work.logs import log

PATIENCE = 3.0  # seconds for a server to answer
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Failing:
    """Whether the server failed in this run: it is not asked again, for every call would wait a minute."""

    now = False


def bypass_proxies() -> None:
    """Let nothing said to this machine go through a proxy; to be called before Prefect is imported."""
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    if "*" not in names:
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(dict.fromkeys([*names, *LOOPBACK]))


def answering() -> bool:
    """True when a server is configured and answers; one that is configured and does not is said in a line."""
    api, trouble = _ask()
    if trouble:
        log.warning("this run is not tracked: no Prefect server answers at %s (%s)", api, trouble)
    return bool(api) and not trouble


def examine_server() -> Check:
    """For the doctor: which server is configured and whether it answers; none is needed."""
    api, trouble = _ask()
    mend = f"{trouble}: start it, or unset PREFECT_API_URL" if trouble else ""
    return Check("prefect server", bool(api) and not trouble, api or "none configured", mend, needed=False)


def _ask() -> tuple[str, str]:
    """The configured address, "" when there is none, and why the server there does not answer."""
    if not _is_named():
        return "", ""
    bypass_proxies()
    api = os.environ.get("PREFECT_API_URL", "")
    try:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        api = PREFECT_API_URL.value() or ""
        if not api:
            return "", ""
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(httpx_settings={"timeout": PATIENCE}, sync_client=True) as client,
        ):
            client.read_flows(limit=1)  # unlike /health it needs the key, where one is needed
    except (
        Exception
    ) as error:  # of the network, of a key, of a home that cannot be written: no reason to stop
        return api or "the address in its profile", _reason(error)
    return api, ""


def _is_named() -> bool:
    """Whether an address stands anywhere that Prefect reads; PREFECT_API_URL set to nothing asks for none."""
    if "PREFECT_API_URL" in os.environ:
        return bool(os.environ["PREFECT_API_URL"])
    home = Path(os.environ.get("PREFECT_HOME") or _home() / ".prefect")
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    return (
        "prefect.settings" in sys.modules  # whoever imported it may have set one
        or any("PREFECT_API_URL" in _text(file).upper() for file in (profiles, Path(".env")))
        or "url" in _table("prefect.toml").get("api", {})
        or "url" in _table("pyproject.toml").get("tool", {}).get("prefect", {}).get("api", {})
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path()  # a user whom this machine does not know


def _table(file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(Path(file)))
    except tomllib.TOMLDecodeError:
        return {}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _reason(error: Exception) -> str:
    if lacking := missing(error):
        return str(lacking)
    status = getattr(getattr(error, "response", None), "status_code", "")
    return f"{type(error).__name__} {status}".strip()
