"""Map a function over a stream on several processes: in order, in flat memory, surviving a crash of one."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Generic, TypeVar

from manifests.words import PalmforgeError

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # items in flight for each worker: enough to keep it busy, few enough to stay in memory


class RunnerError(PalmforgeError):
    """The workers cannot do their work; the message says which ones and what to do."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def begin(alive: Event) -> None:
    """In a worker, before its first item: say that it lives, and end when the parent is gone."""
    alive.set()
    parent = multiprocessing.parent_process()
    assert parent is not None  # only ever called in a worker

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def in_order(
    function: Callable[[T], R],
    items: Iterable[T],
    workers: int,
    crashed: Callable[[T], R],
    *,
    apart: bool = False,
) -> Iterator[R]:
    """Results of `function` for each item, in the order of the items, on `workers` processes.

    An item whose process dies (a decoder's fault, the out-of-memory killer) gives `crashed(item)`; the items
    that died with it are done again, and so is one that ran out of memory. Any other exception of `function`
    is raised here. With one worker no process is started, unless the work must stay `apart` from this one.
    When this is left early, by an error or Ctrl-C, the processes are ended at once.

    Raises RunnerError when no process lives long enough to take an item.
    """
    if workers <= 1 and not apart:
        yield from map(function, items)
        return
    with _Pool(function, workers, crashed) as pool:
        for item in items:
            pool.submit(item)
            if len(pool.pending) >= AHEAD * workers:
                yield pool.next()
        while pool.pending:
            yield pool.next()


class _Pool(Generic[T, R]):
    """A process pool that is started afresh when one of its processes dies."""

    def __init__(self, function: Callable[[T], R], workers: int, crashed: Callable[[T], R]) -> None:
        _check_main()
        self.function, self.workers, self.crashed = function, workers, crashed
        self.pending: deque[tuple[T, Future[R] | None]] = deque()  # None: to be done alone
        try:
            self.alive = multiprocessing.get_context("spawn").Event()  # some worker came to its first item
            self.pool = self._spawn(workers)
        except (OSError, NotImplementedError, ImportError) as error:
            raise RunnerError(
                f"no worker process can be started: {error}. They need semaphores in /dev/shm: mount it, "
                "writable and of some MiB (docker run --shm-size 64m), or raise the limit on open files"
            ) from error
        self.single: ProcessPoolExecutor | None = None  # for what is done alone

    def __enter__(self) -> "_Pool[T, R]":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for pool in filter(None, (self.pool, self.single)):
            if kind is not None:
                _terminate(pool)
            pool.shutdown(cancel_futures=True)

    def submit(self, item: T) -> None:
        try:
            future = self._send(self.pool, item)
        except BrokenProcessPool:
            self._restart()
            future = self._send(self.pool, item)
        self.pending.append((item, future))

    def next(self) -> R:
        item, future = self.pending.popleft()
        if future is not None:
            try:
                return future.result()
            except BrokenProcessPool:
                self._restart()
            except MemoryError:
                pass  # alone there may be enough
        return self._alone(item)

    def _restart(self) -> None:
        """A new pool; what had not come back may hold the culprit and is done alone."""
        self.pool.shutdown(cancel_futures=True)
        if not self.alive.is_set():
            raise RunnerError(
                "the worker processes end before their first item: is there enough memory for one? A script "
                'of your own must call palmforge below `if __name__ == "__main__":`, because every worker '
                "imports it again"
            ) from None
        self.pool = self._spawn(self.workers)
        self.pending = deque((item, future if _came_back(future) else None) for item, future in self.pending)

    def _alone(self, item: T) -> R:
        self.single = self.single or self._spawn(1)
        try:
            return self._send(self.single, item).result()
        except (BrokenProcessPool, MemoryError):
            self.single.shutdown()
            self.single = None
            return self.crashed(item)

    def _spawn(self, workers: int) -> ProcessPoolExecutor:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            os._exit(1)  # a worker that imports a script without a guard: the parent says what is wrong
        return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), begin, (self.alive,))

    def _send(self, pool: ProcessPoolExecutor, item: T) -> Future[R]:
        """Submit an item; workers that are started for it leave Ctrl-C to this process."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return pool.submit(self.function, item)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_main() -> None:
    """Raise RunnerError when the script that runs is no file: workers could not import it."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is not None and getattr(main, "__spec__", None) is None and not Path(file).is_file():
        raise RunnerError(
            f"{file} is no file, and worker processes import the script that starts them: save it as one, "
            'with what it does below `if __name__ == "__main__":`'
        )


def _came_back(future: "Future[R] | None") -> bool:
    return future is not None and future.done() and not isinstance(future.exception(), BrokenProcessPool)


def _terminate(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes in the middle of their items; what they write appears whole or not at all."""
    for process in list((pool._processes or {}).values()):
        process.terminate()
