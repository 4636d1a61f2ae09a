"""Archives made for tests, and what reading them gives."""

import io
import tarfile
import zipfile
from pathlib import Path

from tasks.photographs.sources.archive import Limits, members
from tasks.photographs.sources.found import Found

PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 20
MIB = 2**20


def zip_of(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_of(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def read(path: Path, tmp_path: Path, limits: Limits | None = None) -> dict[str, Found]:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    found = list(members(path, scratch, limits))
    inside = {item.path.resolve().parent for item in found if item.path}
    assert inside <= {scratch.resolve()}, "nothing is written elsewhere"
    assert {p.name for p in scratch.iterdir()} == {f.path.name for f in found if f.path}, "no leftovers"
    return {item.name: item for item in found}


def reasons(found: dict[str, Found]) -> dict[str, str]:
    return {name: item.reason for name, item in found.items()}


def build(kind: str, tmp_path: Path, files: dict[str, bytes]) -> Path:
    if kind == "zip":
        return zip_of(tmp_path / "photos.zip", files, zipfile.ZIP_DEFLATED)
    return tar_of(tmp_path / f"photos.{kind}", files, {"tar": "w"}.get(kind, f"w:{kind.split('.')[-1]}"))


KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
