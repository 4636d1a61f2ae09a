"""A verb runs without a server: no process but workers, no socket, and said when one does not answer."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli.run import run
from flows.server.configured import answering, bypass_proxies
from manifests.publish.publish import latest, versions
from manifests.read.open import open_dataset

ROOT = Path(__file__).resolve().parents[2]
PALMFORGE = [sys.executable, "-c", "from flows.cli.main import main; main()"]


def start(*arguments, cwd=ROOT, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), **environment}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [*PALMFORGE, *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=environment, start_new_session=True, **pipes)


def said(*arguments, code=0, **options):
    process = start(*arguments, **options)
    output = process.communicate(timeout=300)[0]
    assert process.returncode == code and "Traceback" not in output, output
    return output


def family(pid):
    """Process ids of a process and all below it."""
    below = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            below.setdefault(int(status.read_text().rpartition(")")[2].split()[1]), []).append(status.parent)
        except OSError:
            continue
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += [int(folder.name) for folder in below.get(found[-1], [])]
    return found


def internet_sockets(pid):
    """What a process has open towards a network, as the kernel's tables name it."""
    tables = "".join(Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6", "udp", "udp6"))
    known = {line.split()[9] for line in tables.splitlines() if line.split()[0] != "sl"}
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if link.startswith("socket:[") and link[8:-1] in known]


def test_a_build_makes_no_process_but_workers_and_no_socket(write_recipe, tmp_path):
    process = start("build", write_recipe(), PREFECT_HOME=str(tmp_path / "prefect"))
    commands, sockets = set(), []
    while process.poll() is None:
        for pid in family(process.pid):
            try:
                commands.add(Path(f"/proc/{pid}/cmdline").read_text())
                sockets += internet_sockets(pid)
            except OSError:
                continue
        time.sleep(0.02)
    output = process.stdout.read()
    assert process.returncode == 0 and "images   12 of 6 identities" in output, output
    assert any("spawn_main" in command for command in commands) and not sockets
    others = [c for c in commands - {""} if "multiprocessing" not in c and "flows.cli.main" not in c]
    assert not others and not (tmp_path / "prefect").exists()


def test_a_server_that_is_gone_is_said_in_a_line_and_costs_nothing(write_recipe, tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        api = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    home = tmp_path / "home"
    home.mkdir()
    (home / "profiles.toml").write_text(f'active = "old"\n[profiles.old]\nPREFECT_API_URL = "{api}"\n')
    output = said("build", write_recipe(), PREFECT_HOME=str(home))
    assert output.count(api) == 1 and "not tracked" in output and "images   12" in output


def test_no_address_no_import(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delitem(sys.modules, "prefect.settings", raising=False)
    assert not answering()
    assert "prefect.settings" not in sys.modules


def test_proxies_are_bypassed_for_this_machine_alone(monkeypatch):
    monkeypatch.setenv("no_proxy", "intranet")
    bypass_proxies()
    assert os.environ["no_proxy"].split(",") == ["intranet", "127.0.0.1", "localhost", "::1"]
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"]


def test_ctrl_c_ends_workers_and_says_that_nothing_is_lost(write_recipe, tmp_path):
    size = {"identities": 60, "captures": 8, "size": 128, "shard_identities": 1}
    recipe = write_recipe(dataset=size, engine={"workers": 2})
    process = start("build", recipe)
    while not list(tmp_path.glob("work/shards/*/*/DONE.json")):
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "nothing is lost: run the same command again" in output
    assert "Traceback" not in output, output
    assert family(process.pid) == [process.pid]
    again = said("build", recipe, "--dataset.identities", "4")
    assert "going on at" in again or "generate" not in again, again


REFUSED = {
    "a control": (["--set", "identity.skin_tne=3"], "skin_tone"),
    "out": (["--out", "/proc/nowhere"], "/proc/nowhere"),
    "work": (["--work", "/dev/null/work"], "/dev/null/work"),
    "no GPU": (["--engine.device", "cuda"], "engine.device"),
    "photographs": (["--source.kind", "folder", "--source.path", "/nowhere"], "/nowhere"),
    "a checkpoint": (["--engine.name", "diffusion", "--train.checkpoint", "/nowhere"], "/nowhere"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_before_anything_starts(case, write_recipe, tmp_path):
    options, wanted = REFUSED[case]
    output = said("build", write_recipe(), *options, code=1)
    assert output.count("error:") == 1 and wanted in output
    assert not (tmp_path / "work").exists() and not (tmp_path / "out").exists()


def test_a_shipped_recipe_is_found_by_its_name_from_anywhere(tmp_path):
    output = said("build", "quickstart", "--out", "/proc/nowhere", code=1, cwd=tmp_path)
    assert "/proc/nowhere" in output
    assert "name a folder of photographs, or a recipe" in said("build", tmp_path, code=1)


def test_latest_goes_back_only_when_told_to(write_recipe):
    from flows.build_dataset import build_dataset

    recipe = write_recipe(dataset={"identities": 2, "captures": 1, "size": 32})
    older = Path(run(build_dataset, str(recipe)))
    newer = Path(run(build_dataset, str(recipe), ["dataset.identities=4"]))
    home = older.parent
    assert run(build_dataset, str(recipe)) == str(older)
    assert latest(home) == newer.name and versions(home) == [older.name, newer.name]
    run(build_dataset, str(recipe), republish=True)
    assert latest(home) == older.name and open_dataset(home).identity_count == 2
