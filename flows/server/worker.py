"""Keeps a Prefect worker running, which ends by itself when its server is away for a while."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

PAUSE = 20.0  # seconds before it is begun again


def keep(command: Sequence[str], pause: float = PAUSE) -> int:
    """Run `command` again whenever it fails, until it succeeds or we are told to end; its exit status.

    SIGTERM and SIGINT are handed on, and then it is not begun again. It inherits our open files: the lock
    that says which worker serves the server.
    """
    signals: list[int] = []  # signals that came
    running: subprocess.Popen[bytes] | None = None

    def end(number: int, _: FrameType | None) -> None:
        signals.append(number)
        if running is not None:
            running.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while True:
        running = subprocess.Popen(command, close_fds=False)
        if signals:  # one that came while it was begun
            running.send_signal(signals[-1])
        status = running.wait()
        if signals or status == 0:
            return status
        print(
            f"the worker ended with status {status}: begun again in {pause:g} s", file=sys.stderr, flush=True
        )
        until = time.monotonic() + pause
        while time.monotonic() < until and not signals:
            time.sleep(0.1)
        if signals:
            return status


if __name__ == "__main__":
    sys.exit(keep([sys.executable, "-m", "prefect", "worker", "start", *sys.argv[1:]]))
