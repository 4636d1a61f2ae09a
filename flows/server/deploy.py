"""Starts a local Prefect server and worker where none run, and registers every deployment of prefect.yaml."""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO

from flows.server.configured import LOOPBACK, bypass_proxies
from manifests.extras import installed
from manifests.files.layout import explain_write_errors
from manifests.files.locks import hold
from manifests.words import PalmforgeError

ROOT = Path(__file__).resolve().parents[2]
POOL = "palmforge"
API = "http://127.0.0.1:4200/api"
USUAL = "nightly"  # the deployment that is meant when a flow is named alone
START_SECONDS = 180  # a loaded machine needs far more than Prefect's own 20 s


class DeployError(PalmforgeError):
    """The server or a registration failed; the message says where the log is."""


LOGS = ROOT / ".palmforge" / "deploy"  # one place, from whatever folder it is started


def deploy(api: str = API, logs: Path = LOGS) -> str:
    """Server, work pool, deployments, automation, worker: each only when missing. Returns what to do next.

    Runs that were killed on this machine are marked Crashed, so that they hold no slot.

    Raises DeployError naming the log when the server does not come up or a command fails, and naming the
    worker when one of another checkout serves this server: it would run our deployments with its code.
    """
    installed("prefect")
    if not (ROOT / "prefect.yaml").is_file():
        raise DeployError(
            "deploy registers what prefect.yaml lists, and that lies in the repository: run it in a clone. "
            "Here `palmforge build` is tracked wherever PREFECT_API_URL names a server"
        )
    bypass_proxies()
    with explain_write_errors(logs):
        logs.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PREFECT_API_URL": api}
    mark, serves = worker_mark(api)
    if not is_up(api):
        at = urllib.parse.urlsplit(api)
        if at.hostname not in LOOPBACK or not at.port:
            raise DeployError(
                f"no Prefect server answers at {api}: start it there, or unset PREFECT_API_URL for one here"
            )
        here = ["--host", str(at.hostname), "--port", str(at.port)]
        _start(["prefect", "server", "start", *here], logs / "server", environment)
        _wait_for(api, logs / "server.log")
    if not _answers(f"{api}/work_pools/{POOL}"):
        _prefect(["work-pool", "create", POOL, "--type", "process", "--overwrite"], environment)
    _prefect(["--no-prompt", "deploy", "--all"], environment)
    _tell(api)
    with mark:
        if not serves and not _runs(logs / "worker.pid"):
            worker = ["flows.server.worker", "--pool", POOL, "--name", "local"]
            number = _start(worker, logs / "worker", environment, (mark.fileno(),))
            mark.truncate(0)
            mark.write(json.dumps({"pid": number, "checkout": str(ROOT)}))
    return (
        f"server {api.removesuffix('/api')}, worker and deployments are up; logs and process ids in {logs}.\n"
        f"  {Path(sys.executable).parent / 'palmforge'} run build-dataset nightly"
    )


def worker_mark(api: str) -> tuple[IO[str], bool]:
    """The file, open, that the worker of this machine that serves `api` locks; and whether there is one.

    When none does, the lock is ours, for a worker that inherits the file. Raises DeployError when the worker
    is one of another checkout.
    """
    from prefect.settings import get_current_settings

    folder = Path(get_current_settings().home) / "palmforge-workers"
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        mark = (folder / hashlib.sha256(api.encode()).hexdigest()[:16]).open("a+")
    try:
        hold(mark)
    except BlockingIOError:
        mark.seek(0)
        said = mark.read()
        worker = json.loads(said) if said else {}  # started this very moment
        if worker.get("checkout", str(ROOT)) == str(ROOT):
            return mark, True
        mark.close()
        raise DeployError(
            f"the worker of {worker['checkout']} (process {worker['pid']}) serves {api}, and would run the "
            f"deployments of {ROOT} with its own code: stop it first (kill {worker['pid']})"
        ) from None
    return mark, False


def address() -> str:
    """The API of the configured server, else of the local one. Raises DeployError when none answers."""
    installed("prefect")
    bypass_proxies()
    api = os.environ.get("PREFECT_API_URL") or API
    if not is_up(api):
        raise DeployError(f"no Prefect server answers at {api}: start one with `palmforge deploy`")
    return api


def full_name(api: str, flow: str, deployment: str = "") -> str:
    """What Prefect calls `deployment` of `flow`: build-dataset/nightly; without one, nightly or the only one.

    Raises DeployError naming those there are.
    """
    names = _deployments(api)
    given = f"{flow}/{deployment}" if deployment else flow
    own = [name for name in names if name.startswith(f"{flow}/")]
    fitting = [name for name in (given, f"{flow}/{USUAL}") if name in names] or (own if len(own) == 1 else [])
    if not fitting or (deployment and given not in names):
        raise DeployError(
            f"{given}: no such deployment; there are {', '.join(own or names) or 'none: palmforge deploy'}"
        )
    return fitting[0]


def _deployments(api: str) -> list[str]:
    """flow/deployment of each that the server knows."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        return sorted(f"{flows[made.flow_id]}/{made.name}" for made in client.read_deployments())


def _tell(api: str) -> None:
    """What the server must know besides the deployments: which runs are dead, and how to see that one is."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.server.heartbeat import register_heartbeat_automation
    from flows.server.reconcile import reconcile

    with temporary_settings({PREFECT_API_URL: api}):
        reconcile()
        register_heartbeat_automation()


def is_up(api: str) -> bool:
    """True when a Prefect server answers at `api`."""
    return _answers(f"{api}/health")


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _wait_for(api: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_up(api):
        if time.monotonic() > deadline:
            raise DeployError(f"the Prefect server did not answer at {api} in {START_SECONDS} s: see {log}")
        time.sleep(0.5)


def _start(
    module: list[str], base: Path, environment: dict[str, str], inherited: tuple[int, ...] = ()
) -> int:
    """A background process in a session of its own, with its log and process id beside each other; its id."""
    with base.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            cwd=ROOT, env=environment, start_new_session=True, pass_fds=inherited,
        )  # fmt: skip
    base.with_suffix(".pid").write_text(str(process.pid))
    return process.pid


def _runs(pid_file: Path) -> bool:
    """Whether a worker of ours lives under this id; after a restart another process may have it."""
    try:
        number = int(pid_file.read_text())
        os.kill(number, 0)
        command = Path(f"/proc/{number}/cmdline")
        return not command.exists() or b"worker" in command.read_bytes()
    except (OSError, ValueError):
        return False


def _prefect(arguments: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "prefect", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(f"prefect {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
