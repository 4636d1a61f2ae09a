"""The runner on Dask: a local cluster of processes, or the workers of a scheduler elsewhere."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from tasks.workers.parallel import AHEAD, RunnerError
from tasks.workers.workers import Workers

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
R = TypeVar("R")
PATIENCE = 60.0  # seconds to wait for a scheduler, and for its first worker


def in_order_on_dask(
    function: Callable[[T], R], items: Iterable[T], workers: Workers, lost: Callable[[T], R]
) -> Iterator[R]:
    """Results of `function` for each item, in the order of the items; see `tasks.workers.runner.run`.

    Raises RunnerError when the scheduler or all of its workers are out of reach.
    """
    from distributed import CancelledError, KilledWorker

    pending: deque[tuple[T, Any]] = deque()

    def result(item: T, future: Any, *, again: bool = True) -> R:
        try:
            value: R = future.result()
        except KilledWorker:
            if not again:
                return lost(item)
            for _, other in pending:
                other.exception()  # waits: then it is alone, and only its own doing can kill it
            return result(item, submit(item), again=False)
        except CancelledError as error:
            raise RunnerError(
                f"the Dask scheduler {workers.address} is gone: start it and run the same command again; "
                "what is done stays done"
            ) from error
        return value

    with _client(workers) as client:

        def submit(item: T) -> Any:
            return client.submit(function, item, key=f"palmforge-{uuid4().hex}")

        for item in items:
            pending.append((item, submit(item)))
            if len(pending) >= AHEAD * _size(client):
                yield result(*pending.popleft())
        while pending:
            yield result(*pending.popleft())


def _size(client: "Client") -> int:
    """Workers at this moment; they may come and go."""
    return max(1, len(client.scheduler_info(n_workers=-1)["workers"]))


@contextmanager
def _client(workers: Workers) -> Iterator["Client"]:
    """A client of the cluster, through prefect-dask, which also shows the dashboard's address in the log.

    Items are plain Dask tasks: as Prefect task runs each would cost the server some 0.4 s and rows in its
    database, and it bears about 200 a flow run.
    """
    import dask
    from prefect_dask import DaskTaskRunner

    local = {
        "n_workers": workers.processes,
        "threads_per_worker": 1,
        "processes": True,
        "dashboard_address": None,
    }
    remote = {"address": workers.address, "client_kwargs": {"timeout": PATIENCE}}
    once = {"distributed.scheduler.allowed-failures": 0}  # a local cluster's; then we try an item alone
    with dask.config.set(once), ExitStack() as stack:
        try:
            runner = DaskTaskRunner(**remote if workers.address else {"cluster_kwargs": local})
            client = stack.enter_context(runner).client
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, TimeoutError) as error:
            raise RunnerError(
                f"no Dask scheduler with a worker answers at {workers.address or 'this machine'}: {error}. "
                "Start them with `dask scheduler` and `dask worker`, or set engine.runner to local"
            ) from error
        yield client
