"""Log lines that say of which run, shard and identity they speak, as text or as JSON."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

log = logging.getLogger("palmforge")
FORMAT = "PALMFORGE_LOG"  # environment variable: json = one JSON object a line
RECIPE = "recipe"  # which a person who started one build knows, and a monitor of many does not
_about: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("about", default=())


@contextmanager
def bound(**about: str) -> Iterator[None]:
    """Every line logged in the block is about these: bound(shard="identities-0000000-0000008").

    An exception that leaves the block carries them as a note.
    """
    ready()
    before = dict(_about.get())
    token = _about.set(tuple({**before, **{k: v for k, v in about.items() if v}}.items()))
    try:
        yield
    except Exception as error:
        note = " ".join(f"{k}={v}" for k, v in about.items())
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise
    finally:
        _about.reset(token)


class _About(logging.Filter):
    """Adds what a line is about: behind the text, and as the record's `about` for JSON."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: no record is lost."""
        if not hasattr(record, "about"):
            said, about = record.getMessage(), dict(_about.get())
            record.__dict__.update(said=said, about=about)
            words = (f" {key}={value}" for key, value in about.items() if key != RECIPE)
            record.msg, record.args = said + "".join(words), ()
        return True


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time, level, message, and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "message": getattr(record, "said", None) or record.getMessage(),
            **getattr(record, "about", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging() -> None:
    """Lines of palmforge from level INFO, of others from WARNING, to standard error; also in a worker."""
    ready()
    text = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if os.environ.get(FORMAT) == "json" else text)
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells a user without a home of its cache


def ready() -> None:
    """Our own logger as we want it, once; importing this module leaves the process as it was."""
    if not any(isinstance(known, _About) for known in log.filters):
        log.addFilter(_About())
        log.setLevel(logging.INFO)
