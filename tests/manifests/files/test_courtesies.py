"""File systems that lack locks or cannot flush a folder are written to; a disk that fails is not trusted."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from manifests.files import layout
from manifests.files.layout import PublishError, atomic_write, explain_write_errors, fsync_directory
from manifests.files.locks import hold
from tasks.work.lock import LockedError, lock

OTHER = """
import errno, fcntl, sys
from pathlib import Path
from tasks.work.lock import lock
def no(*_): raise OSError(errno.ENOSYS, "no")
fcntl.flock = no
with lock(Path(sys.argv[1])): pass
"""


def refuses(code):
    def call(*_):
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_mount_that_cannot_flush_is_written_to(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", refuses(code))
    atomic_write(tmp_path / "x", b"whole")
    fsync_directory(tmp_path)
    with layout.atomic_directory(tmp_path / "made", tmp_path / ".making") as folder:
        (folder / "y").write_bytes(b"y")
    assert (tmp_path / "x").read_bytes() == b"whole" and (tmp_path / "made" / "y").is_file()


def test_a_disk_that_fails_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refuses(errno.EIO))
    with pytest.raises(PublishError, match="the mount fails"):
        atomic_write(tmp_path / "x", b"lost")
    assert not any(tmp_path.iterdir())
    with pytest.raises(OSError, match="Input/output error"):
        fsync_directory(tmp_path)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_mount_without_flock_is_locked_by_posix_or_not_at_all(tmp_path, monkeypatch, caplog, code):
    monkeypatch.setattr(fcntl, "flock", refuses(code))
    with lock(tmp_path / "lock"), (tmp_path / "lock").open("a") as other:
        done = subprocess.run(
            [sys.executable, "-c", OTHER, str(tmp_path / "lock")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "LockedError" in done.stderr
        monkeypatch.setattr(fcntl, "lockf", refuses(code))
        assert not hold(other) and "has no locks" in caplog.text


def test_a_held_lock_is_still_refused(tmp_path):
    with (
        lock(tmp_path / "lock"),
        pytest.raises(LockedError, match="wait for it to end"),
        lock(tmp_path / "lock"),
    ):
        pass


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EACCES, "writable for this user"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "mount fails"),
        (errno.ENOTDIR, "A file stands where a folder is needed"),
        (errno.ELOOP, "in a circle"),
        (errno.ENAMETOOLONG, "shorter"),
        (errno.EXDEV, "Check the file and its disk"),
    ],
)
def test_the_advice_is_that_of_the_error(tmp_path, code, advice):
    with pytest.raises(PublishError) as caught, explain_write_errors(tmp_path):
        raise OSError(code, os.strerror(code))
    assert advice in str(caught.value)
    assert ("Free some space" in str(caught.value)) == (code == errno.ENOSPC)


KILLED = """
import os, signal, sys
from pathlib import Path
from manifests.files.layout import atomic_directory
with atomic_directory(Path(sys.argv[1]), Path(sys.argv[2])) as folder:
    (folder / "half").mkdir()
    (folder / "half" / "file").write_text("half")
    if sys.argv[3] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    print("there", flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_process_left_half_made_is_made_anew_and_a_living_one_is_waited_for(tmp_path):
    target, building = tmp_path / "made", tmp_path / ".making"
    command = [sys.executable, "-c", KILLED, str(target), str(building)]
    subprocess.run([*command, "die"], check=False)
    assert (building / "half").is_dir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "live"], **pipes) as living:
        assert living.stdout.readline() == "there\n"
        with (
            pytest.raises(PublishError, match="another process is making it"),
            layout.atomic_directory(target, building),
        ):
            pass
        living.stdin.close()
    assert (target / "half" / "file").is_file() and not building.exists()
    with layout.atomic_directory(tmp_path / "other", building) as folder:
        assert not list(folder.iterdir())
