"""Faults: after each the same command ends with the version of an undisturbed run, byte for byte."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import tomli_w

from manifests.files.layout import PublishError
from manifests.publish.publish import versions
from manifests.recipe import load
from manifests.tools.verify import verify
from palm_models.shipped import SHIPPED
from tasks.draw.plan import shards
from tasks.draw.shards import draw
from tasks.judge.score import make_judge, score_shard
from tasks.work.place import Place
from tests.helpers.one_night import Nights, Reader, files

RECIPE = {
    "name": "tiny",
    "seed": 5,
    "engine": {"name": "renderer", "workers": 1},
    "gates": {"use": []},
    "dataset": {"identities": 8, "captures": 1, "size": 32, "shard_identities": 1},
}


def write(folder, **changes):
    """The recipe with its output and work in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {**RECIPE, "out": str(folder / "out"), "work": str(folder / "work"), **changes}
    path = folder / "tiny.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    started = Nights(tmp_path_factory.mktemp("nights"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def undisturbed(nights, tmp_path_factory):
    """Every file of the version that a run without faults publishes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    nights.run(write(folder))
    assert verify(folder / "out" / "tiny").ok
    return files(folder / "out" / "tiny")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "out" / "tiny"


def done_shards(folder):
    """The shards that are done, with the time at which they were written."""
    marks = folder.glob("work/shards/*/*/DONE.json")
    return {m.parent.name: (m.parent / "shard.parquet").stat().st_mtime_ns for m in marks}


def wait_for(condition, night, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, night.output
        time.sleep(0.005)


KILLS = {
    "before the first shard": ("flows.progress:_Lines.__call__", 1),
    "after three shards": ("flows.progress:_Lines.__call__", 4),
    "before the tables": ("manifests.publish.publish:write_tables", 1),
    "before the checksums": ("manifests.publish.publish:_seal", 1),
    "before the version is durable": ("manifests.files.layout:fsync_tree", 1),
    "before LATEST": ("manifests.publish.publish:swap_pointer", 1),
    "before tidying": ("tasks.versions.tidy:retain", 1),
    "before the last note": ("tasks.versions.tidy:remember", 1),
}


def test_sigkill_in_every_step_one_after_the_other(nights, undisturbed, tmp_path, home):
    recipe, done = write(tmp_path), {}
    with Reader(home):
        for place in KILLS.values():
            nights.killed(recipe, *place)
            assert done.items() <= done_shards(tmp_path).items(), "nothing that was done is done again"
            done = done_shards(tmp_path)
        nights.run(recipe)
    assert files(home) == undisturbed and versions(home) == [next(iter(undisturbed)).split("/")[0]]
    assert done_shards(tmp_path) == done and len(done) == 8
    assert not list(home.glob(".building-*")) and not list(tmp_path.rglob("*.partial"))


def test_one_worker_of_two_is_killed_as_the_out_of_memory_killer_does(nights, undisturbed, tmp_path, home):
    night = nights.start(write(tmp_path), "engine.workers=2")
    wait_for(lambda: done_shards(tmp_path) and len(night.workers()) == 2, night)
    os.kill(night.workers()[0], signal.SIGKILL)
    assert night.wait() == 0, night.output
    assert files(home) == undisturbed


def test_one_worker_of_two_runs_out_of_memory(nights, undisturbed, tmp_path, home):
    night = nights.start(write(tmp_path), "engine.workers=2")
    wait_for(lambda: done_shards(tmp_path) and len(night.workers()) == 2, night)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(night.workers()[0], resource.RLIMIT_AS, (1 << 20, 1 << 20))
    if night.wait():  # it may also be told so; the same command then goes on
        nights.run(tmp_path / "tiny.toml")
    assert files(home) == undisturbed


@pytest.mark.parametrize("workers_too", [False, True], ids=["the scheduler's", "a terminal's"])
def test_sigterm_leaves_cleanly(workers_too, nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    night = nights.start(recipe)
    wait_for(lambda: done_shards(tmp_path), night)
    (os.killpg if workers_too else os.kill)(night.pid, signal.SIGTERM)
    assert night.wait() in (-signal.SIGTERM, 143, 1), night.output
    assert not (home / "LATEST").exists() and not list(home.glob(".building-*"))
    done = done_shards(tmp_path)
    nights.run(recipe)
    assert files(home) == undisturbed and done.items() <= done_shards(tmp_path).items()


SPOILT = {
    "power cut before the marker": lambda shard: (shard / "DONE.json").unlink(),
    "marker torn": lambda shard: (shard / "DONE.json").write_bytes(b'{"fil'),
    "marker empty": lambda shard: (shard / "DONE.json").write_bytes(b""),
    "data empty": lambda shard: (shard / "shard.parquet").write_bytes(b""),
    "data cut": lambda shard: _cut(shard / "shard.parquet"),
    "one bit": lambda shard: _flip(shard / "shard.parquet"),
    "data deleted": lambda shard: (shard / "shard.parquet").unlink(),
    "shard deleted": shutil.rmtree,
}


def _cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data)


def test_a_shard_is_spoilt_after_it_was_marked(nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    nights.killed(recipe, "manifests.publish.publish:survey")
    shards = sorted(m.parent for m in tmp_path.glob("work/shards/*/*/DONE.json"))
    assert len(shards) == len(SPOILT)
    for shard, spoil in zip(shards, SPOILT.values(), strict=True):
        spoil(shard)
    nights.run(recipe)
    assert files(home) == undisturbed


def test_a_shard_is_spoilt_between_drawing_and_publishing(nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    night = nights.start(recipe, fault={"at": "manifests.publish.publish:survey", "do": "SIGSTOP"})
    wait_for(lambda: "T" in Path(f"/proc/{night.pid}/stat").read_text().rpartition(")")[2].split()[0], night)
    shard = next(tmp_path.glob("work/shards/*/*/shard.parquet"))
    data = bytearray(shard.read_bytes())
    data[4:200] = bytes(196)
    shard.write_bytes(data)
    os.kill(night.pid, signal.SIGCONT)
    assert night.wait() == 1 and "Run the same command again" in night.output, night.output
    assert not (home / "LATEST").exists()
    nights.run(recipe)
    assert files(home) == undisturbed


@contextlib.contextmanager
def small_disk(folder, kib):
    """A file system of `kib` KiB at `folder`; a function that gives it more."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "palmforge-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield lambda: subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("where", "kib"), [("work", 160), ("out", 48), ("out", 96)])
def test_disk_full(where, kib, nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    with small_disk(tmp_path / where, kib) as enlarge, Reader(home):
        night = nights.start(recipe)
        assert night.wait() == 1, night.output
        assert "No space left" in night.output and "run the same command again" in night.output
        assert "Traceback" not in night.output
        assert not (home / "LATEST").exists() and not list(tmp_path.rglob("*.partial"))
        done = done_shards(tmp_path)
        enlarge()
        nights.run(recipe)
        assert files(home) == undisturbed and done.items() <= done_shards(tmp_path).items()


def test_disk_full_while_judging(tmp_path):
    recipe = load(write(tmp_path, dataset={"identities": 1, "captures": 2, "size": 64}))
    (file,) = draw(recipe, None, lambda done, total: None)
    judge = make_judge(recipe, SHIPPED, ["quality"], {})
    with small_disk(tmp_path / "scores", 4), pytest.raises(PublishError, match="No space left"):
        score_shard(judge, next(shards(recipe)), file, Place(tmp_path / "scores"))


def test_two_nights_at_once(nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    with Reader(home):
        first = nights.start(recipe)
        wait_for(lambda: done_shards(tmp_path), first)
        second = nights.start(recipe)
        assert second.wait() == 1 and f"process {first.pid} is building this dataset" in second.output
        assert first.wait() == 0, first.output
    assert files(home) == undisturbed


def test_a_recipe_edited_between_crash_and_resume_is_never_mixed(nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    nights.killed(recipe, *KILLS["after three shards"])
    edited = write(tmp_path, seed=6)
    nights.run(edited)
    alone = write(tmp_path / "alone", seed=6)
    nights.run(alone)
    assert files(home) == files(tmp_path / "alone" / "out" / "tiny")
    nights.run(write(tmp_path), f"out={tmp_path / 'back'}")  # there it is the first version, as undisturbed
    assert files(tmp_path / "back" / "tiny") == undisturbed


def test_a_clock_that_jumps_decides_nothing(nights, undisturbed, tmp_path, home):
    recipe = write(tmp_path)
    nights.killed(recipe, *KILLS["after three shards"])
    for number, file in enumerate(p for p in (tmp_path / "work").rglob("*") if p.is_file()):
        os.utime(file, (0, 0) if number % 2 else (4e9, 4e9))
    done = done_shards(tmp_path)
    nights.run(recipe)
    assert files(home) == undisturbed and done.items() <= done_shards(tmp_path).items()
    nights.run(recipe, "dataset.identities=9", SOURCE_DATE_EPOCH="1000000000")  # 2001: names sort backwards
    newest = (home / "LATEST").read_text().strip()
    assert newest.startswith("20010909T") and len(versions(home)) == 2 and verify(home).ok
    nights.run(recipe, "dataset.identities=10", "nightly.keep_versions=2", SOURCE_DATE_EPOCH="1100000000")
    assert (home / "LATEST").read_text().startswith("2004") and sorted(versions(home))[0] == newest


def test_nothing_changed_is_told_without_drawing_or_publishing(nights, tmp_path, home):
    recipe = write(tmp_path)
    nights.run(recipe)
    before = {p: p.stat().st_mtime_ns for p in home.rglob("*")}
    assert "nothing changed" in nights.run(recipe, fault={"at": "tasks.draw.shards:generate"})
    assert {p: p.stat().st_mtime_ns for p in home.rglob("*")} == before
