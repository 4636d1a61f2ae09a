"""The hand model: MediaPipe's networks, taken from a pinned wheel into one checked file in the cache."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from manifests.words import PalmforgeError

REQUIREMENT = "mediapipe==0.10.21"  # the last release whose wheel carries the networks; Apache-2.0
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
PLATFORM, PYTHON = "manylinux_2_28_x86_64", "3.11"  # of the pinned wheel; its networks run everywhere
MODEL = "hand_landmarker.task"
MODEL_SHA256 = "e9cd3ba59557def3f4ac592af9eda8572c290ca7b4d151508369f0b7f0be8b05"
DETECTOR, LANDMARKS, LITE = (
    "hand_detector.tflite",
    "hand_landmarks_detector.tflite",
    "hand_landmarks_lite.tflite",
)
MEMBERS = {  # name in the task file -> path in the wheel
    DETECTOR: "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    LANDMARKS: "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
    LITE: "mediapipe/modules/hand_landmark/hand_landmark_lite.tflite",  # beside what MediaPipe asks for
}
FETCH_SECONDS = 600


class HandModelError(PalmforgeError):
    """There is no usable hand model; the message says what to do."""


def cache_folder() -> Path:
    """Where fetched models are kept: $PALMFORGE_CACHE, else ~/.cache/palmforge, else a temporary folder."""
    if named := os.environ.get("PALMFORGE_CACHE"):
        return Path(named).expanduser()
    try:
        return Path.home() / ".cache" / "palmforge"
    except RuntimeError:  # a container's user without an entry in passwd, and no HOME
        return Path(tempfile.gettempdir()) / f"palmforge-{os.getuid()}"


def hand_model(path: str | Path = "", fetch: bool = True) -> Path:
    """A task file that holds MediaPipe's networks: the user's `path`, else the cached one, fetched if needed.

    Once cached, no request is made. Raises HandModelError when it is missing, damaged or cannot be fetched.
    """
    if path:
        return _checked(Path(path))
    cached = cache_folder() / MODEL
    if cached.is_file() and _sha256(cached.read_bytes()) == MODEL_SHA256:
        return cached
    if not fetch:
        raise HandModelError(f"{cached}: no hand model; run `palmforge doctor --mend`")
    return fetch_model(cached)


def fetch_model(target: Path) -> Path:
    """Assemble the hand model at `target` from the pinned wheel; written aside and renamed, so never half.

    Raises HandModelError when the wheel cannot be had or is not the pinned one.
    """
    with tempfile.TemporaryDirectory(prefix="palmforge-") as folder:
        data = task_file(_download(Path(folder)))
    if _sha256(data) != MODEL_SHA256:
        raise HandModelError(
            f"{REQUIREMENT} does not hold the pinned networks; give align.model a file of yours"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.{os.getpid()}")
        aside.write_bytes(data)
        aside.replace(target)
    except OSError as error:
        raise HandModelError(
            f"{target}: {error.strerror}; set PALMFORGE_CACHE to a folder that can be written"
        ) from None
    return target


def task_file(members: Mapping[str, bytes]) -> bytes:
    """A MediaPipe task bundle: a zip that stores its members as they are, equal bytes for equal members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for name, data in members.items():
            bundle.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def members(path: Path) -> dict[str, bytes]:
    """The networks of a task file by name. Raises HandModelError when one of MediaPipe's two is missing."""
    try:
        with zipfile.ZipFile(path) as bundle:
            names = [name for name in MEMBERS if name in bundle.namelist()]
            found = {name: bundle.read(name) for name in names}
    except (OSError, zipfile.BadZipFile) as error:
        raise HandModelError(f"{path}: not a task file ({error}); leave align.model empty") from None
    if missing := {DETECTOR, LANDMARKS} - found.keys():
        raise HandModelError(f"{path}: holds no {', '.join(sorted(missing))}; leave align.model empty")
    return found


def _checked(path: Path) -> Path:
    members(path)
    return path


def _download(folder: Path) -> dict[str, bytes]:
    """The networks from the wheel, by whichever installer is there."""
    ways: list[tuple[list[str], Callable[[Path], dict[str, bytes]]]] = [
        ([sys.executable, "-m", "pip", "download", *_pip_options(folder)], _from_wheel)
    ]
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        ways.append(([uv, "pip", "install", *_uv_options(folder)], _from_folder))
    said = ""
    for command, read in ways:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
        if done.returncode == 0:
            return read(folder)
        said = (done.stderr.strip().splitlines() or ["no message"])[-1]
    raise HandModelError(
        f"cannot fetch {REQUIREMENT} ({said}); check the network and run `palmforge doctor --mend`"
    )


def _pip_options(folder: Path) -> list[str]:
    pinned = ["--no-deps", "--only-binary=:all:", "--platform", PLATFORM, "--python-version", PYTHON]
    return ["-q", "--disable-pip-version-check", *pinned, "--dest", str(folder), REQUIREMENT]


def _uv_options(folder: Path) -> list[str]:
    pinned = ["--no-deps", "--python-platform", f"x86_64-{PLATFORM.removesuffix('_x86_64')}"]
    return ["-q", *pinned, "--python-version", PYTHON, "--target", str(folder), REQUIREMENT]


def _from_wheel(folder: Path) -> dict[str, bytes]:
    wheel = next(folder.glob("*.whl"))
    if _sha256(wheel.read_bytes()) != WHEEL_SHA256:
        raise HandModelError(f"{wheel.name}: not the pinned wheel (sha256 differs); check the package index")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(inside) for name, inside in MEMBERS.items()}


def _from_folder(folder: Path) -> dict[str, bytes]:
    """What uv unpacked: it cannot keep a wheel, so only the result's sha256 vouches for the networks."""
    return {name: (folder / inside).read_bytes() for name, inside in MEMBERS.items()}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
