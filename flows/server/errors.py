"""An error that a person can mend reaches Prefect's logs in its own words, without a traceback."""

import logging

from manifests.words import PalmforgeError
from tasks.work.logs import ready


class WithoutTrace(logging.Filter):
    """Keeps the words of a PalmforgeError in Prefect's logs and drops its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: no record is lost."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, PalmforgeError):
            record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
        return True


def quiet_errors() -> None:
    """Install the filter on Prefect's loggers; once is enough, again does no harm."""
    ready()  # our own lines from INFO on: a Prefect worker sets nothing up
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        if not any(isinstance(f, WithoutTrace) for f in logger.filters):
            logger.addFilter(WithoutTrace())
