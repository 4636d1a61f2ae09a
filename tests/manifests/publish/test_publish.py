"""A version is published whole or not at all, and never changed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from manifests.files.layout import PublishError, atomic_write, check_writable
from manifests.publish.publish import latest, versions
from manifests.read.open import DatasetError, open_dataset
from manifests.tools.verify import verify
from tests.helpers.fake_shards import make_shards, publish_shards

ROOT = Path(__file__).parents[3]


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.name != ".lock"}


def test_a_version_has_all_its_files_and_latest_names_it(tmp_path):
    extras = {"contact_sheet.png": b"png", "notes/lineage.json": b"{}"}
    version = publish_shards(make_shards(tmp_path / "s"), tmp_path / "out", extras=extras)
    assert (tmp_path / "out/palms/LATEST").read_text() == f"{version.name}\n"
    assert names(version.path) == {
        *(
            "data",
            "manifest.parquet",
            "identities.parquet",
            "pairs.parquet",
            "recipe.toml",
            "README.md",
            "SHA256SUMS",
        ),
        *("contact_sheet.png", "notes", "croissant.json"),
    }
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=version.path, check=True)
    assert open_dataset(tmp_path / "out/palms").path == version.path
    assert open_dataset(version.path).metadata["version"] == version.name


def test_publishing_the_same_again_returns_what_is_there(tmp_path):
    shards = make_shards(tmp_path / "s")
    first = publish_shards(shards, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in first.path.rglob("*")}
    again = publish_shards(shards, tmp_path / "out", created_at="2027-01-01T02:00:00+00:00")
    assert (again.path, first.created, again.created) == (first.path, True, False)
    assert {p: p.stat().st_mtime_ns for p in first.path.rglob("*")} == before


def test_other_content_or_recipe_becomes_another_version(tmp_path):
    home = tmp_path / "out" / "palms"
    first = publish_shards(make_shards(tmp_path / "a", subjects=3), tmp_path / "out")
    later = publish_shards(
        make_shards(tmp_path / "b", subjects=4), tmp_path / "out", created_at="2026-11-24T02:00:00"
    )
    assert versions(home) == [first.name, later.name] and latest(home) == later.name
    recoloured = publish_shards(
        make_shards(tmp_path / "c", subjects=3), tmp_path / "out", recipe_digest="other"
    )
    assert recoloured.created and recoloured.name != first.name
    assert all(verify(home / name).ok for name in versions(home))


def test_a_named_version_is_never_changed(tmp_path):
    shards = make_shards(tmp_path / "a", subjects=3)
    named = publish_shards(shards, tmp_path / "out", version="v1")
    assert named.name == "v1"
    assert not publish_shards(shards, tmp_path / "out", version="v1").created
    with pytest.raises(PublishError, match="v1 exists with other content"):
        publish_shards(make_shards(tmp_path / "b", subjects=4), tmp_path / "out", version="v1")
    assert verify(named.path).ok


def test_finish_sees_the_tables_and_adds_files_that_are_sealed(tmp_path):
    def finish(folder):
        (folder / "report.html").write_text(str(open_dataset(folder).rows().num_rows))

    version = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", finish=finish)
    assert (version.path / "report.html").read_text() == "12"
    assert "report.html" in (version.path / "SHA256SUMS").read_text()


def test_an_error_in_finish_leaves_nothing(tmp_path):
    def finish(folder):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", finish=finish)
    assert names(tmp_path / "out" / "palms") == set()


def test_extras_stay_inside(tmp_path):
    with pytest.raises(PublishError, match=r"\.\./evil: leaves the folder"):
        publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", extras={"../evil": b""})
    assert names(tmp_path / "out" / "palms") == set()


def test_stale_buildings_are_cleaned(tmp_path):
    stale = tmp_path / "out" / "palms" / ".building-old"
    stale.mkdir(parents=True)
    (stale / "half.parquet").write_bytes(b"x")
    version = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out")
    assert names(tmp_path / "out" / "palms") == {version.name, "LATEST", "README.md"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path, small_disk):
    first = publish_shards(make_shards(tmp_path / "a", subjects=4), small_disk)
    large = make_shards(tmp_path / "b", subjects=20, captures=4, size=64)
    with pytest.raises(PublishError, match=rf"cannot write {small_disk}.*No space left.*Free some space"):
        publish_shards(large, small_disk)
    assert names(small_disk / "palms") == {first.name, "LATEST", "README.md"}
    assert latest(small_disk / "palms") == first.name
    assert verify(small_disk / "palms").ok


LIMITED = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.helpers.fake_shards import publish_shards
from manifests.files.layout import PublishError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    publish_shards(sorted(Path(sys.argv[2]).glob("*.parquet")), Path(sys.argv[3]))
except PublishError as error:
    print(error)
"""


def test_a_file_size_limit_is_named_and_leaves_nothing(tmp_path):
    make_shards(tmp_path / "s", subjects=6, captures=6)
    arguments = [sys.executable, "-c", LIMITED, str(ROOT), str(tmp_path / "s"), str(tmp_path / "out")]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert "cannot write" in done.stdout and "File too large" in done.stdout, done.stderr
    assert names(tmp_path / "out" / "palms") == set()


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_an_unwritable_output_is_named(tmp_path, kind):
    out = tmp_path / "out"
    if kind == "file":
        out.write_text("in the way")
    else:
        out.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", out], check=False).returncode:
            pytest.skip("a read-only file system can be mounted by root only")
    try:
        for write in (lambda: check_writable(out), lambda: atomic_write(out / "x", b"")):
            with pytest.raises(PublishError, match=rf"cannot write {out}"):
                write()
        with pytest.raises(PublishError, match=rf"cannot write {out}.*choose another folder"):
            publish_shards(make_shards(tmp_path / "s", subjects=2), out)
    finally:
        if kind == "read-only":
            subprocess.run(["umount", out], check=True)


PUBLISH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.helpers.fake_shards import publish_shards
def finish(folder):
    print("built", flush=True)
    if sys.argv[4] == "wait":
        sys.stdin.read()
version = publish_shards(sorted(Path(sys.argv[2]).glob("*.parquet")), Path(sys.argv[3]), finish=finish)
print(version.path, flush=True)
"""


def start(shards, out, mode):
    arguments = [sys.executable, "-c", PUBLISH, str(ROOT), str(shards), str(out), mode]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_at_once_and_a_kill_in_the_middle(tmp_path):
    shards = make_shards(tmp_path / "s", subjects=3)
    process = start(tmp_path / "s", tmp_path / "out", "wait")
    assert process.stdout.readline() == "built\n"
    home = tmp_path / "out" / "palms"
    with pytest.raises(PublishError, match="another process is publishing here"):
        publish_shards(shards, tmp_path / "out")
    with pytest.raises(DatasetError, match="neither a version"):
        open_dataset(home)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    version = publish_shards(shards, tmp_path / "out")
    assert names(home) == {version.name, "LATEST", "README.md"} and verify(home).ok


def test_a_reader_never_sees_half_a_version(tmp_path):
    home = tmp_path / "out" / "palms"
    publish_shards(make_shards(tmp_path / "old", subjects=3), tmp_path / "out")
    make_shards(tmp_path / "new", subjects=12, captures=10)
    seen, process = set(), start(tmp_path / "new", tmp_path / "out", "go")
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        findings = verify(home)
        assert findings.ok, findings
        seen.add(findings.images)
    process.communicate()
    seen.add(verify(home).images)
    assert seen == {18, 240}


def test_a_killed_swap_is_made_good_by_the_same_command(tmp_path):
    shards = make_shards(tmp_path / "s", subjects=2)
    version = publish_shards(shards, tmp_path / "out")
    pointer = tmp_path / "out" / "palms" / "LATEST"
    pointer.unlink()  # as if killed between rename and swap
    assert publish_shards(shards, tmp_path / "out").path == version.path
    assert pointer.read_text().strip() == version.name


def test_atomic_write_keeps_the_old_bytes_when_it_fails(tmp_path, small_disk):
    atomic_write(small_disk / "a", b"old")
    with pytest.raises(PublishError, match="No space left"):
        atomic_write(small_disk / "a", bytes(2_000_000))
    assert (small_disk / "a").read_bytes() == b"old" and names(small_disk) == {"a"}


def test_a_writable_folder_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert names(tmp_path / "a" / "b") == set()


def test_latest_that_names_nothing_is_refused(tmp_path):
    version = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out")
    for name in ("gone", "../palms", "", ".building-x"):
        (version.path.parent / "LATEST").write_text(name)
        with pytest.raises(DatasetError, match="which is no version"):
            open_dataset(version.path.parent)
