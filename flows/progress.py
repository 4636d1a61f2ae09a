"""Shows how far long work is: one line a step, a bar on a terminal, a Prefect artifact in a tracked run."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from flows.server.configured import Failing
from flows.tracking import shown

logger = logging.getLogger("palmforge")
EVERY = 5.0  # seconds between two artifact updates; more would load the server for nothing
FIRST, LATER = 20.0, 60.0  # seconds until a log line of a step under way, and between further ones
AT_ONCE = 0.5  # seconds in which no work is done


@contextmanager
def progress(label: str, unit: str = "", per: int = 1, most: int = 0) -> Iterator["_Lines"]:
    """Yield a callback (done, total) for the step `label`, counted in `unit`.

    It is called before the work, too, with what there is already: where a run that was cut off goes on.
    `per`: units in one of what is counted, where the last may hold fewer; `most`: units in all, 0 = total.
    When the step ends well its one line is logged, unless it had nothing to do.
    """
    with ExitStack() as stack:
        lines = _Lines(label, unit, per, most)
        if sys.stderr.isatty():
            lines.bar = stack.enter_context(_bar(label, unit))
        yield lines
        stack.close()
        lines.end()


@contextmanager
def _bar(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None, visible=False)
        yield lambda done, total: bars.update(task, completed=done, total=total, visible=True)


class _Lines:
    """What is said of one step: where it goes on, how far it is when it takes long, and its end."""

    def __init__(self, label: str, unit: str = "", per: int = 1, most: int = 0) -> None:
        self.label, self.unit, self.per, self.most = label, unit, per, most
        self.bar: Callable[[int, int], None] | None = None
        self.words = ""  # of the end, instead of the count
        self._began = self._updated = time.monotonic()
        self._said = self._began + FIRST - LATER
        self._first: int | None = None  # units that were there before
        self._count = 0
        self._artifact = _create(label) if shown() else None

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` are there."""
        count, of = self._units(done, total)
        if self._first is None:
            self._begin(count, of)
        self._count, now = count, time.monotonic()
        if self.bar:
            self.bar(count, of)
        elif now - self._said >= LATER and count < of:
            self._said = now
            logger.info("%s", self._line(f"{count} of {of}", now - self._began) + self._left(count, of, now))
        if self._artifact and total and (now - self._updated >= EVERY or done >= total):
            self._updated = now
            self._show(self._artifact, 100.0 * done / total)

    def end(self) -> None:
        """Log the step's one line, when there was work."""
        elapsed = time.monotonic() - self._began
        worked = self._first is not None and (self._count > self._first or elapsed >= AT_ONCE)
        if worked:
            logger.info("%s", self._line(self.words or str(self._count), elapsed))

    def _begin(self, count: int, of: int) -> None:
        self._first = count
        if 0 < count < of:
            logger.info("%-9s going on at %d of %d %s", self.label, count, of, self.unit)

    def _units(self, done: int, total: int) -> tuple[int, int]:
        of = self.most or total * self.per
        return (of if done >= total else min(done * self.per, of)), of

    def _line(self, words: str, seconds: float) -> str:
        if words == self.words:
            return f"{self.label:9} {words}, {duration(seconds)}"
        counted = f"{words} {self.unit}, " if self.unit else ""
        return f"{self.label:9} {counted}{duration(seconds)}"

    def _left(self, count: int, of: int, now: float) -> str:
        made = count - (self._first or 0)
        return f", about {duration((of - count) * (now - self._began) / made)} left" if made > 0 else ""

    def _show(self, artifact: "UUID", percent: float) -> None:
        from prefect.artifacts import update_progress_artifact

        try:
            update_progress_artifact(artifact, progress=percent)
        except Exception as error:  # a server that is away must not cost a night's work
            logger.warning("%s: progress not shown: %s", self.label, type(error).__name__)
            self._artifact = None
            Failing.now = True


def _create(label: str) -> "UUID | None":
    from prefect.artifacts import create_progress_artifact

    try:
        created = create_progress_artifact(progress=0.0, key=f"progress-{label}", description=label)
    except Exception as error:
        logger.warning("%s: progress not shown: %s", label, type(error).__name__)
        Failing.now = True
        return None
    return created if isinstance(created, UUID) else None


def rejected(facts: Mapping[str, Any]) -> str:
    """What was rejected and why, as the end of a line; nothing when nothing was."""
    reasons: Mapping[str, int] = facts.get("rejected") or {}
    why = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
    return f", {sum(reasons.values())} rejected ({why})" if why else ""


def duration(seconds: float) -> str:
    """For people: 12 s, 3 min 05 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if seconds >= 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
