"""Runs a story plainly, or as a tracked flow run where a Prefect server is configured and answers."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flows.server.configured import answering
from tasks.work.logs import log


def run(story: Callable[..., str], *given: Any, **options: Any) -> str:
    """What `story` returns; tracked when a server answers, and done all the same when it does not.

    A server that fails in the middle costs no work: the story goes on without it.
    """
    if not answering():
        with _leaving_cleanly():
            return story(*given, **options)
    from flows import deployed
    from flows.server.lift import finished, is_of_server

    finished.clear()
    try:
        made: str = getattr(deployed, story.__name__)(*given, **options)
    except Exception as error:
        if not is_of_server(error):
            raise
        log.warning("the Prefect server fails (%s): going on without it", type(error).__name__)
        return finished[0] if finished else story(*given, **options)
    return made


@contextmanager
def _leaving_cleanly() -> Iterator[None]:
    """SIGTERM ends the block as an exception would: nothing half-built stays, and no worker."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
