"""The runner keeps order, does again what died with its worker, and draws the same bytes on Dask."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from manifests.recipe import load, parse
from tasks.draw.shards import generate, stage
from tasks.workers.runner import RunnerError, Workers, run

BOTH = pytest.mark.parametrize("runner", ["local", "dask"])


def setup(folder):
    (folder / f"state-{os.getpid()}").touch()
    return 100


def job(folder, state, item):
    """Item 3 kills its worker once, item 5 always."""
    once = folder / f"died-{item}"
    if item == 5 or (item == 3 and not once.exists()):
        once.touch()
        os._exit(9)
    if item == 77:
        raise ValueError("a fault of ours")
    return state + item


@BOTH
def test_order_and_state_are_kept_and_only_the_item_that_kills_twice_is_lost(tmp_path, runner):
    """The state is made once a worker: at most one for each process that was ever started."""
    workers = Workers(runner, 2)
    done = list(
        run(partial(job, tmp_path), range(20), setup=partial(setup, tmp_path), workers=workers, lost=str)
    )
    assert done == ["5" if i == 5 else 100 + i for i in range(20)]
    assert len(list(tmp_path.glob("state-*"))) <= 7


@BOTH
def test_an_exception_of_the_job_is_raised(tmp_path, runner):
    with pytest.raises(ValueError, match="a fault of ours"):
        list(
            run(
                partial(job, tmp_path),
                [1, 77],
                setup=partial(setup, tmp_path),
                workers=Workers(runner, 1),
                lost=str,
            )
        )


def test_no_scheduler_is_said_in_words(monkeypatch):
    monkeypatch.setattr("tasks.workers.dask_runner.PATIENCE", 2.0)
    nobody = Workers("dask", address="tcp://127.0.0.1:9")
    with pytest.raises(RunnerError, match=r"tcp://127.0.0.1:9.*dask scheduler"):
        list(run(job, [1], setup=int, workers=nobody, lost=str))


def test_a_worker_with_other_code_refuses(tmp_path, monkeypatch):
    """Its pictures would be other pictures."""
    monkeypatch.setattr("tasks.workers.runner._code", lambda: "another")
    with pytest.raises(RunnerError, match="another version of palmforge"):
        list(run(job, [1], setup=int, workers=Workers("local", 1), lost=str))


def test_who_draws_changes_no_digest():
    plain = parse({"name": "x"})
    other = parse({"name": "x", "engine": {"runner": "dask", "workers": 3, "dask_address": "tcp://a:1"}})
    assert plain.digest() == other.digest()
    assert stage(plain, "").digest() == stage(other, "").digest()
    assert "dask" not in other.to_toml(execution=False)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers as processes of their own; gives its address and the workers."""
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3"}
    file = tmp_path / "scheduler.json"
    start = partial(subprocess.Popen, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dask = [sys.executable, "-m", "dask"]
    scheduler = start(
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file]
    )
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", tmp_path / "dask"]
    workers = [start([*dask, "worker", "--scheduler-file", file, *options]) for _ in range(2)]
    deadline = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield json.loads(file.read_text())["address"], workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


def test_two_dask_workers_of_which_one_is_killed_draw_the_same_bytes(tmp_path, write_recipe, cluster):
    address, workers = cluster
    quiet = lambda done, total: None  # noqa: E731
    size = {"identities": 24, "captures": 3, "shard_identities": 2}
    plain = load(write_recipe(dataset=size, work=str(tmp_path / "local")))
    on_dask = {"runner": "dask", "dask_address": address}
    spread = load(write_recipe(dataset=size, work=str(tmp_path / "shared"), engine=on_dask))

    def kill_one():
        while not list((tmp_path / "shared").glob("shards/*/*/DONE.json")):
            time.sleep(0.01)
        workers[0].send_signal(signal.SIGKILL)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    drawn = generate(spread, None, quiet).shards
    killer.join(30)
    assert workers[0].poll() == -signal.SIGKILL
    wanted = generate(plain, None, quiet).shards
    assert [p.parent.name for p in drawn] == [p.parent.name for p in wanted]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(drawn, wanted, strict=True))
