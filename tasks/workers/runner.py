"""Runs one job over many items, on processes of this machine or on Dask, and survives a worker's death."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import uuid4

from tasks.work.closure import PACKAGES, content_digest
from tasks.workers.parallel import RunnerError, in_order
from tasks.workers.threads import one_thread_a_process
from tasks.workers.workers import Workers

__all__ = ["RunnerError", "Workers", "run"]

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


@cache
def _code() -> str:
    return content_digest(*PACKAGES)


def run(
    job: Callable[[S, T], R],
    items: Iterable[T],
    *,
    setup: Callable[[], S],
    workers: Workers,
    lost: Callable[[T], R],
) -> Iterator[R]:
    """`job(state, item)` for each item, in the order of the items, `state` made by `setup` once a worker.

    Everything is pickled: module-level functions or partials of them, absolute paths. Items are read a few
    ahead of the workers only, so they may be a generator. An item whose worker dies (out of memory, killed)
    is done once more, alone; when it kills that worker too its result is `lost(item)`. What it did before
    is done again, so a job writes its files aside and renames them. An exception of the job is raised here.

    Raises RunnerError when Dask or its workers cannot be reached, or a worker runs other code.
    """
    function = _Held(job, setup, uuid4().hex, _code())
    if workers.runner == "local":
        return in_order(function, items, workers.processes, lost, apart=True)
    from tasks.workers.dask_runner import in_order_on_dask  # costly: Dask

    return in_order_on_dask(function, items, workers, lost)


@dataclass(frozen=True)
class _Held(Generic[S, T, R]):
    """The job as a worker calls it: makes the state at the first item of a run, keeps it for the others."""

    job: Callable[[S, T], R]
    setup: Callable[[], S]
    run_id: str
    code: str  # digest of the sources that the items are for

    def __call__(self, item: T) -> R:
        with _lock:  # one item at a time: a Dask worker may have been given several threads
            if _kept.get("run") != self.run_id:
                _kept.clear()  # the state before it may be as large
                _kept.update(state=self._prepare(), run=self.run_id)
            return self.job(_kept["state"], item)

    def _prepare(self) -> S:
        if _code() != self.code:
            raise RunnerError(
                f"worker {os.getpid()} on {os.uname().nodename} runs another version of palmforge, and would "
                "draw other pictures: install the same one there and start the worker again"
            )
        one_thread_a_process()
        state = self.setup()
        one_thread_a_process()  # of what the set-up loaded, too
        return state


_kept: dict[str, Any] = {}  # of this worker: the run and its state
_lock = threading.Lock()
