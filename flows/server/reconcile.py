"""Marks flow runs of this machine as Crashed whose process is gone though the server thinks they run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Crashed

from manifests.files.locks import hold
from tasks.work.logs import log

MESSAGE = (
    "its process is gone (killed, or the machine stopped); run it again, it goes on where it was cut off"
)


@contextmanager
def alive(run_id: str | None) -> Iterator[None]:
    """Hold a file named by the flow run locked for the length of the block, and reconcile all others first.

    The kernel lets go of the lock with the process, so a file without a lock is a run that was killed.
    """
    if run_id is None:
        yield
        return
    try:
        reconcile()
        file = _folder() / run_id
        held = file.open("w")
    except OSError as error:  # a home that cannot be written must not stop a night's work
        log.warning("this run leaves no mark for others to see whether it lives: %s", error)
        yield
        return
    with held as handle:
        hold(handle)
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def reconcile() -> list[str]:
    """Tell the server of every run that was killed on this machine; returns their ids.

    A run of another machine has no file here and is left alone: the heartbeat automation sees to it.
    """
    gone = [file for file in sorted(_folder().iterdir()) if not _is_locked(file)]
    if gone:
        with get_client(sync_client=True) as client:
            for file in gone:
                with suppress(ObjectNotFound):
                    state = client.read_flow_run(UUID(file.name)).state
                    if state is None or not state.is_final():
                        log.warning("flow run %s: %s", file.name, MESSAGE)
                        client.set_flow_run_state(file.name, Crashed(message=MESSAGE), force=True)
                file.unlink(missing_ok=True)
    return [file.name for file in gone]


def _folder() -> Path:
    folder = Path(get_current_settings().home) / "palmforge-runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_locked(file: Path) -> bool:
    try:
        with file.open() as handle:
            hold(handle, shared=True)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return True  # it ended just now
    return False
