"""A worker that ends by itself is begun again, and one that is told to end is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FAILS_TWICE = """
import os, sys, time
runs = os.path.getsize(sys.argv[1]) if os.path.exists(sys.argv[1]) else 0
open(sys.argv[1], "a").write("x")
os.fstat(int(sys.argv[2]))  # the lock's file is still open
time.sleep(60) if len(sys.argv) > 3 else sys.exit(runs < 2)
"""
KEEP = "import sys; from flows.server.worker import keep; sys.exit(keep(sys.argv[1:], pause=0.1))"


@pytest.fixture
def kept(tmp_path):
    """What keeps a small program that notes each of its beginnings, and the note."""
    file = tmp_path / "runs"
    with (tmp_path / "lock").open("w") as lock:

        def start(*more):
            program = [sys.executable, "-c", FAILS_TWICE, str(file), str(lock.fileno()), *more]
            return subprocess.Popen(
                [sys.executable, "-c", KEEP, *program], stderr=subprocess.PIPE, pass_fds=(lock.fileno(),)
            )

        yield start, file


def test_what_fails_is_begun_again_until_it_ends_well(kept):
    start, file = kept
    keeper = start()
    said = keeper.communicate(timeout=60)[1].decode()
    assert keeper.returncode == 0 and file.read_text() == "xxx"
    assert said.count("begun again in 0.1 s") == 2


def test_what_is_killed_is_begun_again_and_sigterm_ends_both(kept):
    start, file = kept
    keeper = start("stay")
    _wait(lambda: file.exists())
    (child,) = _children(keeper.pid)
    os.kill(child, signal.SIGKILL)
    _wait(lambda: file.read_text() == "xx")
    (again,) = _children(keeper.pid)
    keeper.terminate()
    keeper.communicate(timeout=60)
    assert keeper.returncode != 0 and file.read_text() == "xx"
    with pytest.raises(ProcessLookupError):
        os.kill(again, 0)


def _children(number):
    return [int(n) for n in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def _wait(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
