"""An error that a person can mend reaches Prefect's logs in its own words, without a traceback."""

import logging

import httpx

from manifests.files.advice import in_words
from tasks.work.logs import ready


class WithoutTrace(logging.Filter):
    """Keeps the words of what a person can mend, or a server did, in Prefect's logs; drops the trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True but for Prefect's own line about a state, after ours about what was made."""
        if str(record.msg).startswith("Finished in state") and record.levelno <= logging.INFO:
            return False
        error = record.exc_info[1] if record.exc_info else None
        told = str(error) if isinstance(error, httpx.HTTPError) else in_words(error)  # who goes on tells it
        if told is not None:
            record.msg, record.args, record.exc_info, record.exc_text = told, (), None, None
        return True


def quiet_errors() -> None:
    """Install the filter on Prefect's loggers; once is enough, again does no harm."""
    logging.raiseExceptions = False  # log lines that a failing server does not take are no errors of the run
    ready()  # our own lines from INFO on: a Prefect worker sets nothing up
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, WithoutTrace) for f in logger.filters):
            logger.addFilter(WithoutTrace())
