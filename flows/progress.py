"""Shows how far long work is: a bar on a terminal, log lines and a Prefect artifact otherwise."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.context import FlowRunContext

logger = logging.getLogger("palmforge")
EVERY = 5.0  # seconds between two log lines or artifact updates; more would load the server for nothing


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback (done, total) for the work named `label`."""
    if sys.stderr.isatty():
        with _bar(label) as callback:
            yield callback
    else:
        yield _Lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Lines:
    """Logs at most every few seconds, and always the end; keeps a progress artifact inside a flow run."""

    def __init__(self, label: str) -> None:
        self._label, self._said, self._artifact = label, 0.0, self._create(label)

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said < EVERY and done < total:
            return
        self._said = now
        logger.info("%s: %d of %d", self._label, done, total)
        if self._artifact and total:
            self._show(self._artifact, 100.0 * done / total)

    def _show(self, artifact: UUID, percent: float) -> None:
        try:
            update_progress_artifact(artifact, progress=percent)
        except Exception as error:  # a server that is away must not cost a night's work
            logger.warning("%s: progress not shown: %s", self._label, type(error).__name__)
            self._artifact = None  # each further try would wait for the server again

    @staticmethod
    def _create(label: str) -> UUID | None:
        if FlowRunContext.get() is None:
            return None
        try:
            created = create_progress_artifact(progress=0.0, key=f"progress-{label}", description=label)
        except Exception as error:
            logger.warning("%s: progress not shown: %s", label, type(error).__name__)
            return None
        return created if isinstance(created, UUID) else None
