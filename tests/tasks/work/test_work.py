"""Stages are done when their marker and their files are there, and named by what determined them."""

import multiprocessing as mp
import os
import signal
import time

import pytest

from tasks.work.lock import LockedError, lock
from tasks.work.stage import MARKER, Work, code_digest, digest_of


def test_a_stage_is_done_only_with_its_marker_and_its_files(tmp_path):
    stage = Work(tmp_path).stage("shards", "abc")
    file = stage.path / "x.bin"
    file.write_bytes(b"12345")
    assert not stage.is_done()
    stage.finish([file], {"images": 3})
    assert stage.is_done() and stage.facts() == {"images": 3}
    file.write_bytes(b"123")
    assert not stage.is_done()
    file.unlink()
    assert not stage.is_done()


def test_a_flipped_bit_is_found_and_the_stage_is_undone(tmp_path):
    stage = Work(tmp_path).stage("shards", "abc")
    file = stage.path / "x.bin"
    file.write_bytes(b"12345")
    stage.finish([file])
    assert stage.is_whole()
    file.write_bytes(b"12344")
    assert stage.is_done() and not stage.is_whole() and not stage.is_done()


@pytest.mark.parametrize(
    "rubbish", [b"", b"{", b"[]", b'{"files": 3}', b'{"files": {"x": 3}}', b"\xff\xfe", b"\0" * 200]
)
def test_a_broken_marker_means_not_done(tmp_path, rubbish):
    stage = Work(tmp_path).stage("shards", "abc")
    (stage.path / MARKER).write_bytes(rubbish)
    assert not stage.is_done()


def test_digests_name_content_not_order():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1, "b": 3})
    assert code_digest("palm_models") != code_digest("tasks") != code_digest("tasks/work/stage.py")


def _hold(path, ready):
    with lock(path):
        ready.set()
        time.sleep(60)


def test_lock_refuses_a_second_run_and_dies_with_its_holder(tmp_path):
    path = tmp_path / "x.lock"
    context = mp.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(path, ready))
    holder.start()
    assert ready.wait(60)
    with pytest.raises(LockedError, match=str(holder.pid)), lock(path):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with lock(path):
        pass
