"""Doctor: names what this machine lacks, says how to mend it, and mends it where that can be done."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from manifests.extras import parts
from palm_models.photo.hand_model import MODEL, HandModelError, cache_folder, fetch_model, hand_model
from tasks.work.folder import trouble

LEAST_PYTHON = (3, 11)
LIBRARIES = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}  # -> Debian package
OPENCV = ("opencv-python", "opencv-contrib-python", "opencv-python-headless")  # all write one folder, cv2
ALBUMENTATIONS, SUCCESSOR = "2.0.8", "albumentationsx"  # the last MIT release; the successor is AGPL
LEAST_DISK = 2 * 2**30  # bytes: a quickstart dataset with its work folder
SYNC = "run `make setup` again, or `uv pip sync requirements.lock`"
BRINGS = "pip install 'palmforge[{}]'"
FINDER_SECONDS = 120


@dataclass(frozen=True)
class Check:
    """One finding. ok: nothing to do; needed: without it something fails; mend: what to do, "" when ok."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = True


@dataclass(frozen=True)
class Health:
    """All findings; `str()` is a table with a line on how to mend each."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """True when nothing that is needed is missing."""
        return all(check.ok for check in self.checks if check.needed)

    def __str__(self) -> str:
        lines = []
        for check in self.checks:
            word = "ok" if check.ok else "missing" if check.needed else "none"
            lines.append(f"{word:8} {check.name:16} {check.found}")
            lines += [f"{'':25} mend: {check.mend}"] if check.mend else []
        return "\n".join(lines)


def examine(mend: bool = False, *further: Callable[[], Check]) -> Health:
    """Look at everything that palmforge needs; with `mend`, first repair what can be repaired here.

    `further` examinations are what only the caller knows of: a recipe's folders, a server.

    Mending installs two system libraries (root on Debian) and fetches the hand model; nothing else is
    changed.
    """
    checks = []
    for look, repair in (*EXAMINATIONS, *((look, None) for look in further)):
        check = look()
        if mend and not check.ok and repair is not None:
            trouble = repair()
            check = look()
            if trouble and not check.ok:
                check = Check(check.name, False, f"{check.found}; mending failed: {trouble}", check.mend)
        checks.append(check)
    return Health(tuple(checks))


def python() -> Check:
    """The interpreter's version."""
    found = ".".join(map(str, sys.version_info[:3]))
    wanted = ".".join(map(str, LEAST_PYTHON))
    ok = sys.version_info[:2] >= LEAST_PYTHON
    return Check("python", ok, found, "" if ok else f"make the environment with Python {wanted} or newer")


def extras() -> Check:
    """The parts of palmforge that are installed; all the others are named when they are asked for."""
    lacking = [extra for extra, names in parts().items() if names and extra != "all"]
    there = [extra for extra, names in parts().items() if not names and extra != "all"]
    found = f"palmforge with {', '.join(there) or 'no further part'}"
    return Check(
        "parts", not lacking, found, BRINGS.format(",".join(lacking)) if lacking else "", needed=False
    )


def libraries() -> Check:
    """The system's libraries that MediaPipe is linked to: only the tests and benchmarks compare with it."""
    lacking = {name: package for name, package in LIBRARIES.items() if not _loads(name)}
    found = f"no {', '.join(lacking)}" if lacking else ", ".join(LIBRARIES)
    mend = f"apt-get install {' '.join(lacking.values())} (Debian, Ubuntu)" if lacking else ""
    return Check("system libraries", not lacking, found, mend, needed=False)


def opencv() -> Check:
    """OpenCV's builds overwrite each other's files, so all that are installed must be of one version."""
    builds = {name: version for name in OPENCV if (version := _version(name))}
    ok = len(set(builds.values())) == 1
    found = ", ".join(f"{name} {version}" for name, version in builds.items()) or "not installed"
    return Check("opencv", ok, found, "" if ok else f"one version for all builds: {SYNC}")


def albumentations() -> Check:
    """The MIT-licensed albumentations and not its AGPL successor, which has the same import name."""
    version, successor = _version("albumentations"), _version(SUCCESSOR)
    if successor:
        found = f"{SUCCESSOR} {successor} (AGPL) hides it"
        return Check("albumentations", False, found, f"pip uninstall {SUCCESSOR}, then {SYNC}")
    if not version:
        return Check("albumentations", False, "not installed", BRINGS.format("augment"), needed=False)
    ok = version == ALBUMENTATIONS
    found = f"{version} (MIT)" if ok else f"{version}, not {ALBUMENTATIONS}"
    return Check("albumentations", ok, found, "" if ok else SYNC)


def model() -> Check:
    """The hand model in the cache."""
    if parts().get("photographs"):
        return Check("hand model", False, "nothing reads it", BRINGS.format("photographs"), needed=False)
    try:
        return Check("hand model", True, str(hand_model(fetch=False)))
    except HandModelError as error:
        return Check("hand model", False, str(error).split(";")[0], "palmforge doctor --mend")


def finder() -> Check:
    """The hand finder itself, started in a process of its own, because a broken library may kill it."""
    if parts().get("photographs"):
        return Check("hand landmarker", False, "not installed", BRINGS.format("photographs"), needed=False)
    code = (
        "import numpy; from palm_models.photo.hand_model import hand_model; "
        "from palm_models.photo.landmarks import HandFinder; "
        "HandFinder(hand_model(fetch=False), attempts=1).find(numpy.zeros((64, 64, 3), numpy.uint8))"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=FINDER_SECONDS,
            check=False,
            cwd=Path(__file__).resolve().parent.parent,
        )
    except subprocess.TimeoutExpired:
        return Check(
            "hand landmarker", False, f"no answer in {FINDER_SECONDS} s", "try again on an idle machine"
        )
    said = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    ok = done.returncode == 0
    return Check("hand landmarker", ok, "works" if ok else said, "" if ok else f"mend the above, else {SYNC}")


def gpu() -> Check:
    """An NVIDIA card; everything runs without one, training slowly."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (FileNotFoundError, subprocess.TimeoutExpired):
        listed = ""
    cards = [line.split(" (UUID")[0] for line in listed.splitlines() if line.startswith("GPU")]
    found = ", ".join(cards) or "training and diffusion run on the processor"
    return Check("gpu", bool(cards), found, needed=False)


def disk() -> Check:
    """Room where the command was started, which is where datasets and work are written by default."""
    free = shutil.disk_usage(Path.cwd()).free
    ok = free >= LEAST_DISK
    found = f"{free / 2**30:.1f} GiB free in {Path.cwd()}"
    return Check("disk", ok, found, "" if ok else f"free {LEAST_DISK // 2**30} GiB, or set `out` and `work`")


def home() -> Check:
    """Where fetched models are kept; a container's user may have no home that can be written."""
    try:
        folder = cache_folder()
        why, _ = trouble(folder)
    except RuntimeError:  # neither HOME nor an entry in passwd
        return Check("cache", False, "this user has no home", "set PALMFORGE_CACHE to a folder", needed=False)
    found = why or str(folder)
    return Check("cache", not why, found, "set PALMFORGE_CACHE to a folder" if why else "", needed=False)


def folder(option: str, place: Path) -> Check:
    """Whether builds can write, lock, rename and fsync where `out` or `work` lie."""
    why, lacks = trouble(place)
    without = f", without {' and '.join(lacks)}: one build at a time" if lacks else ""
    mend = f"make it writable, or name another folder with --{option}" if why else ""
    return Check(option, not why, why or f"{place.absolute()}{without}", mend)


def install_libraries() -> str:
    """Install the system libraries; what went wrong, or ""."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return "needs root and apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "-y", "--no-install-recommends", *LIBRARIES.values()]
    for command in ([apt, "update"], install):
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["apt-get failed"])[-1]


def install_model() -> str:
    """Fetch the hand model where something reads it; what went wrong, or ""."""
    if parts().get("photographs"):
        return ""
    try:
        fetch_model(cache_folder() / MODEL)
    except HandModelError as error:
        return str(error)
    return ""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


EXAMINATIONS: tuple[tuple[Callable[[], Check], Callable[[], str] | None], ...] = (
    (python, None),
    (extras, None),
    (libraries, install_libraries),
    (opencv, None),
    (albumentations, None),
    (model, install_model),
    (finder, None),
    (gpu, None),
    (disk, None),
    (home, None),
)
