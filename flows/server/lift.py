"""Lifts plain functions to what Prefect tracks: a step to a task, a story to a flow."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, TypeVar

import httpx
from prefect import Flow, Task, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows.server.configured import Failing
from flows.server.errors import quiet_errors
from flows.server.reconcile import alive
from manifests.words import PalmforgeError
from tasks.work.logs import bound, log

R = TypeVar("R")
finished: list[str] = []  # what the story of this process returned, though the server may not know it


def as_flow(name: str, story: Callable[..., str]) -> Flow[..., str]:
    """`story` as the flow `name`, with its parameters and its words."""

    @wraps(story)
    def tracked(*given: Any, **options: Any) -> str:
        quiet_errors()
        Failing.now = False
        with alive(flow_run.id), bound(run=flow_run.name or ""):
            finished[:] = [story(*given, **options)]
        return finished[0]

    return flow(name=name)(tracked)


def as_task(step: Callable[..., R], *given: Any, **options: Any) -> R:
    """What `step` returns, done as a task run; done plainly when the server fails."""
    try:
        made: R = _task(step)(*given, **options)
    except Exception as error:
        if not is_of_server(error):
            raise
        log.warning("%s: the Prefect server fails (%s)", step.__name__, type(error).__name__)
        Failing.now = True
        return step(*given, **options)
    return made


# Our markers and digests decide what is done; Prefect's cache includes the run id and would never resume.
# No retries here: network and dead workers are retried inside the steps, where the reason is known.
@cache
def _task(step: Callable[..., Any]) -> Task[..., Any]:
    return task(cache_policy=NO_CACHE, task_run_name=step.__name__)(step)


def is_of_server(error: BaseException | None) -> bool:
    """True when talking to the Prefect server is what failed, not the work."""
    while error is not None and not isinstance(error, PalmforgeError):
        if isinstance(error, httpx.HTTPError):
            return True
        error = error.__cause__ or error.__context__
    return False
