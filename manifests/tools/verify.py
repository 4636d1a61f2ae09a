"""Rereads and rehashes a published version and names everything that is wrong with it."""

import re
from pathlib import Path

import pyarrow as pa

from manifests.files.layout import CARD, CHECKSUMS, IDENTITIES, MANIFEST, PAIRS, RECIPE, VIEW, file_sha256
from manifests.files.remote import Location, files_below
from manifests.publish.pairs import check_pairs
from manifests.read.open import DatasetError, data_root, inside, version_folder
from manifests.tools.findings import Findings
from manifests.tools.verify_rows import check_rows
from manifests.tools.verify_signature import check_signature
from manifests.words import PalmforgeError

KEEPERS = (
    ".cache/",
    ".git/",
    ".gitattributes",
    ".gitignore",
    ".dvc",
)  # what carries a copy leaves these in it
CHECKSUM_LINE = re.compile(r"^([0-9a-f]{64})  (\S.*)$")


def verify(path: Location | str, trust: Path | None = None) -> Findings:
    """Check the version at `path` (or the newest one of the dataset at `path`), every byte of it.

    Files against SHA256SUMS, images against their sha256, data shards against the manifest row by row,
    labels and splits against the contract, a signature against what it signs. `path` may be an address such
    as s3://bucket/palms. `trust` is a PEM file of certificates; one of them must stand above the signer's.
    Raises DatasetError when there is no version at `path`, RemoteError when its store cannot be reached,
    SignError when `trust` cannot be read, MissingExtraError when nothing here can ask it.
    """
    root = version_folder(path)
    if (root / VIEW).is_file():
        raise DatasetError(f"{root}: a view holds no images: verify {data_root(root)}, which it selects from")
    findings = Findings(root)
    listed = _check_files(root, findings)
    check_signature(root, listed, findings, trust)
    try:
        check_rows(root, findings)
    except (PalmforgeError, ValueError, OSError, pa.ArrowException) as error:
        findings.add(f"{MANIFEST}: cannot be read: {error}")
        return findings
    try:
        for problem in check_pairs(root) if (root / PAIRS).is_file() else ():
            findings.add(problem)
    except (PalmforgeError, KeyError, ValueError, OSError, pa.ArrowException) as error:
        findings.add(f"{PAIRS}: cannot be read: {error}")
    return findings


def _check_files(root: Location, findings: Findings) -> dict[str, str]:
    listed = _listed(root, findings)
    present = files_below(root)
    for name, size in sorted(present.items()):
        if name.startswith(KEEPERS) and name not in listed:
            continue
        if size < 0 or (name not in {*listed, CHECKSUMS} and _link(root, name)):
            leads = _link(root, name)
            link = f"; it is a link to {leads}" if leads else ""
            findings.add(f"{name}: not a plain file, which a published version never holds{link}")
        elif name in listed:
            findings.files += 1
            findings.bytes += size
            file = root / name
            if (file_sha256(file) if isinstance(file, Path) else file.sha256()) != listed[name]:
                findings.add(f"{name}: its bytes are not those that {CHECKSUMS} names")
        elif name != CHECKSUMS:
            findings.add(f"{name}: a foreign file, not in {CHECKSUMS}")
    for name in sorted({*listed, MANIFEST, IDENTITIES, RECIPE, CARD} - set(present)):
        findings.add(f"{name}: missing, {CHECKSUMS} or the layout names it")
    return listed


def _link(root: Location, name: str) -> Path | None:
    """Where the file leads when it is a link: DVC, git-annex or a hub's cache may lack its bytes."""
    file = root / name
    return file.readlink() if isinstance(file, Path) and file.is_symlink() else None


def _listed(root: Location, findings: Findings) -> dict[str, str]:
    """Name and sha256 of every file in SHA256SUMS."""
    try:
        lines = (root / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        findings.add(f"{CHECKSUMS}: cannot be read: {error}")
        return {}
    listed = {}
    for number, line in enumerate(lines, 1):
        match = CHECKSUM_LINE.match(line)
        if match and _is_inside(root, match[2]):
            listed[match[2]] = match[1]
        else:
            findings.add(f"{CHECKSUMS}: line {number} is damaged or leaves the dataset: {line!r}")
    return listed


def _is_inside(root: Location, name: str) -> bool:
    try:
        inside(root, name)
    except DatasetError:
        return False
    return True
