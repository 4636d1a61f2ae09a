"""Steps are plain calls, and task runs inside a Prefect flow run, without importing Prefect to find out."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flows.server.configured import Failing

P = ParamSpec("P")
R = TypeVar("R")


def tracked() -> bool:
    """True inside a Prefect flow run; told without importing Prefect."""
    context = sys.modules.get("prefect.context")
    return context is not None and context.FlowRunContext.get() is not None


def shown() -> bool:
    """True inside a Prefect flow run whose server has not failed yet."""
    return tracked() and not Failing.now


def step(function: Callable[P, R]) -> Callable[P, R]:
    """A step of a story: a task run inside a flow run while its server answers, a plain call otherwise."""

    @wraps(function)
    def call(*given: P.args, **options: P.kwargs) -> R:
        if not shown():
            return function(*given, **options)
        from flows.server.lift import as_task

        return as_task(function, *given, **options)

    return call


def scheduled() -> datetime:
    """The moment (UTC) for which this run was scheduled: one that starts late belongs to the same night."""
    moment: Any = None
    if tracked():
        from prefect.runtime import flow_run

        moment = flow_run.scheduled_start_time
    return (moment or datetime.now(UTC)).astimezone(UTC)
