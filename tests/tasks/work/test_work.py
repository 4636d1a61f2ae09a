"""Places are done when their marker and their files are there, and named by what determined them."""

import multiprocessing as mp
import os
import signal
import time

import pytest

from tasks.work.digest import digest_of
from tasks.work.lock import LockedError, lock
from tasks.work.place import MARKER, Work


def test_a_place_is_done_only_with_its_marker_and_its_files(tmp_path):
    place = Work(tmp_path).place("shards", "abc")
    file = place.path / "x.bin"
    file.write_bytes(b"12345")
    assert not place.is_done()
    place.finish([file], {"images": 3})
    assert place.is_done() and place.facts() == {"images": 3}
    file.write_bytes(b"123")
    assert not place.is_done()
    file.unlink()
    assert not place.is_done()


def test_a_flipped_bit_is_found_and_the_place_is_undone(tmp_path):
    place = Work(tmp_path).place("shards", "abc")
    file = place.path / "x.bin"
    file.write_bytes(b"12345")
    place.finish([file])
    assert place.is_whole()
    file.write_bytes(b"12344")
    assert place.is_done() and not place.is_whole() and not place.is_done()


@pytest.mark.parametrize(
    "rubbish", [b"", b"{", b"[]", b'{"files": 3}', b'{"files": {"x": 3}}', b"\xff\xfe", b"\0" * 200]
)
def test_a_broken_marker_means_not_done(tmp_path, rubbish):
    place = Work(tmp_path).place("shards", "abc")
    (place.path / MARKER).write_bytes(rubbish)
    assert not place.is_done()


def test_digests_name_content_not_order():
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1}) != digest_of({"a": 1, "b": 3})


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
