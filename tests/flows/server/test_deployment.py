"""A real Prefect server and worker: deployments, typed parameters, events, secrets, restarts, killed runs."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile

import cv2
import pytest

from flows.server.deploy import DeployError, deploy, full_name, is_up
from manifests.tools.verify import verify
from tests.helpers.hands import drawn_hand
from tests.helpers.servers.deployed import ROOT, Server, kill_holder, wait_for
from tests.helpers.servers.kaggle import Kaggle

WATCH = ["--watch", "--watch-interval", "1"]
SECRETS = {"KAGGLE_KEY": "planted-kaggle-key", "AWS_SECRET_ACCESS_KEY": "planted-s3-key"}
LISTEN = {
    "type": "event",
    "expect": ["palmforge.version.published"],
    "match": {"prefect.resource.id": "palmforge.dataset.nightly"},
}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / "prefect"))
        server = Server(folder)
        patch.setenv("PREFECT_API_URL", server.api)
        patch.setenv("PREFECT_WORKER_QUERY_SECONDS", "1")  # a run begins when it is asked for
        try:
            yield server
        finally:
            server.kill("worker", "server")


@pytest.fixture
def server(started):
    """The module's server, with worker and deployments; begun again where a test ended it."""
    if not is_up(started.api):
        started.deploy()
    return started


def test_a_night_from_kaggle_to_the_training_that_it_starts(server):
    blocks = {name.lower().replace("_", "-"): value for name, value in SECRETS.items()}
    make = f"from prefect.blocks.system import Secret\nfor n, v in {blocks}.items(): Secret(value=v).save(n)"
    subprocess.run([sys.executable, "-c", make], check=True)
    note = server.folder / "note.txt"
    parameters = {
        "manifest": "{{ event.payload.manifest }}",
        "rows": {
            "__prefect_kind": "json",
            "value": {"__prefect_kind": "jinja", "template": "{{ event.payload.images }}"},
        },
        "note": str(note),
    }
    trigger = json.dumps({**LISTEN, "parameters": parameters})
    server.prefect(
        "--no-prompt",
        "deploy",
        "tests/helpers/listen.py:listen",
        "-n",
        "listen",
        "-p",
        "palmforge",
        "--trigger",
        trigger,
    )
    source = {"kind": "kaggle", "dataset": "palms/hands/versions/1", "licence": "CC0"}
    changes = server.tiny("night", source=source, align={"workers": 1, "size": 32})
    with Kaggle(_archive()) as kaggle:
        references = {
            name: f"{{{{ prefect.blocks.secret.{name.lower().replace('_', '-')} }}}}" for name in SECRETS
        }
        environment = {
            **references, "KAGGLE_USERNAME": "somebody", "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "KAGGLEHUB_CACHE": str(server.folder / "kaggle"), "http_proxy": kaggle.address,
            "no_proxy": "127.0.0.1",
        }  # fmt: skip
        variables = ["--job-variable", f"env={json.dumps(environment)}"]
        said = server.run("build-dataset/nightly", *WATCH, *variables, **changes)
        assert "Completed" in said and kaggle.authorised[0].startswith("Basic "), said
        assert "Completed" in server.run("build-dataset/nightly", *WATCH, *variables, **changes)
    home = server.folder / "night" / "out" / "nightly"
    assert verify(home).ok and len([p for p in home.iterdir() if p.is_dir()]) == 1
    messages = [line["message"] for line in server.read("logs/filter", sort="TIMESTAMP_DESC", limit=200)]
    assert any("nothing changed" in message and "run=" in message for message in messages), messages
    _check_what_people_see(server, home)
    wait_for(note.exists, lambda: server.read("flow_runs/filter", limit=20))
    version = (home / "LATEST").read_text().strip()
    assert note.read_text() == f"{home / version / 'manifest.parquet'} 2"
    _check_no_secret(server.folder)


def _archive():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        for hand in ("left", "right"):
            picture = cv2.imencode(".png", drawn_hand(hand)[0][..., ::-1])[1].tobytes()
            out.writestr(f"{hand}.png", picture)
        out.writestr("notes.txt", "no picture")
    return stream.getvalue()


def _check_what_people_see(server, home):
    shown = {a["key"]: a for a in server.read("artifacts/latest/filter", limit=50)}
    assert {"counts", "rejects", "timings", "report", "progress-generate"} <= set(shown)
    counts = {(r["step"], r["what"]): r["number"] for r in json.loads(shown["counts"]["data"])}
    assert counts["Images", "published"] == 2 and counts["Photographs", "rejected"] == 1
    assert "not_a_picture" in shown["rejects"]["data"]
    assert str(home) in shown["report"]["data"] and "report.html" in shown["report"]["data"]
    _check_lineage(server, home, shown)
    tasks = server.read("task_runs/count")
    assert tasks < 30, f"{tasks} task runs: the server bears about 200 a flow run"


def _check_lineage(server, home, shown):
    """The version, the palms and the photographs are assets, each made of the one before."""
    made = "prefect.asset.materialization.succeeded"
    asked = {"event": {"name": [made]}, "occurred": {"since": "2000-01-01T00:00:00Z"}}
    events = wait_for(
        lambda: len(e := server.read("events/filter", filter=asked, limit=50)["events"]) >= 3 and e,
        "the assets are not materialized",
    )
    of = {
        e["resource"]["prefect.resource.id"]: [
            r["prefect.resource.id"] for r in e["related"] if r["prefect.resource.role"] == "asset"
        ]
        for e in events
    }
    version = f"palmforge://versions/nightly/{(home / 'LATEST').read_text().strip()}"
    (palms,) = of[version]
    (photographs,) = of[palms]
    assert palms.startswith("palmforge://palms/") and photographs.startswith("palmforge://photographs/")
    assert of[photographs] == [] and len(of) == 3  # the second, unchanged night made nothing
    told = shown["lineage"]["data"]
    assert told.index(photographs) < told.index(palms) < told.index(version) and "n1 --> n2" in told


def _check_no_secret(folder):
    """Nothing that a run left behind holds a planted secret: files, logs, Prefect's database."""
    read = 0
    for file in folder.rglob("*"):
        if file.is_file():
            data, read = file.read_bytes(), read + 1
            for secret in SECRETS.values():
                assert secret.encode() not in data, f"{secret} in {file}"
    assert read > 20 and (folder / "prefect" / "prefect.db").exists()


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"dataset": {"identities": 0}}, "minimum of 1"),
        ({"dataset": {"identites": 4}}, "identites"),
        ({"engine": {"name": "magic"}}, "magic"),
        ({"dataset": {"size": "large"}}, "large"),
    ],
)
def test_wrong_parameters_are_refused_before_a_run_starts(server, changes, wanted):
    before = server.read("flow_runs/count")
    code, said = server.begin("build-dataset/nightly", **changes)
    assert code == 409 and wanted in said, said
    if wanted == "magic":  # the command hands the refusal on
        assert wanted in " ".join(server.run("build-dataset/nightly", code=1, **changes).split())
    assert server.read("flow_runs/count") == before


def test_server_and_worker_die_in_the_middle_and_the_next_deploy_clears_up(server):
    size = {"identities": 10, "captures": 2, "size": 96, "shard_identities": 1}
    changes = {**server.tiny("cut"), "dataset": size}
    assert server.begin("build-dataset/quickstart", **changes) == (201, "")
    shards = lambda: list((server.folder / "cut" / "work").glob("shards/*/*/DONE.json"))  # noqa: E731
    wait_for(shards, "no shard was drawn")
    server.kill("server")
    time.sleep(1)
    server.deploy()  # the same database: the run goes on beside it
    assert is_up(server.api)
    home = server.folder / "cut" / "out" / "quickstart"
    wait_for(lambda: (home / "LATEST").exists(), lambda: (server.logs / "worker.log").read_text()[-3000:])
    assert verify(home).ok

    running = {"state": {"type": {"any_": ["RUNNING"]}}}
    wait_for(lambda: not server.read("flow_runs/filter", flow_runs=running), "the first run does not end")
    bigger = {**changes, "dataset": {**size, "identities": 20}}
    assert server.begin("build-dataset/quickstart", **bigger) == (201, "")
    wait_for(lambda: len(shards()) > 10, "no further shard was drawn")
    server.kill("worker")
    for file in (server.folder / "prefect" / "palmforge-runs").iterdir():
        kill_holder(file)
    assert len(server.read("flow_runs/filter", flow_runs=running)) >= 1
    server.deploy()
    assert server.read("flow_runs/filter", flow_runs=running) == []
    assert "Completed" in server.run("build-dataset/quickstart", *WATCH, **bigger)
    assert verify(home).ok and verify(home).identities == 20


def test_sigterm_ends_the_command_cleanly(server):
    folder = server.folder / "terminated"
    size = {"identities": 12, "captures": 2, "size": 96, "shard_identities": 1}
    options = [
        f"out={folder / 'out'}",
        f"work={folder / 'work'}",
        "engine.name=renderer",
        "engine.workers=1",
        "gates.use=[]",
    ]
    options += [f"dataset.{key}={value}" for key, value in size.items()]
    command = [
        sys.executable,
        "-c",
        "from flows.cli.main import main; main()",
        "build",
        "datasets/quickstart.toml",
    ]
    command += [word for option in options for word in ("--set", option)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    running = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
    wait_for(lambda: list((folder / "work").glob("shards/*/*/DONE.json")), "no shard was drawn")
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=120)[0]
    assert running.returncode == -signal.SIGTERM and "Crashed" in said and "Traceback" not in said, said
    home = folder / "out" / "quickstart"
    assert not (home / "LATEST").exists()


def test_a_server_elsewhere_is_not_started_from_here(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    with pytest.raises(DeployError, match=r"no Prefect server answers at http://palmforge\.invalid/api"):
        deploy("http://palmforge.invalid/api", tmp_path / "logs")


def test_one_worker_serves_a_server_whoever_deploys(server, tmp_path, monkeypatch):
    deploy(server.api, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere" / "worker.pid").exists()
    other = tmp_path / "other-checkout"
    other.mkdir()
    (other / "prefect.yaml").touch()
    monkeypatch.setattr("flows.server.deploy.ROOT", other)
    with pytest.raises(DeployError, match=rf"worker of {ROOT} \(process \d+\) serves .* stop it first"):
        deploy(server.api, tmp_path / "elsewhere")


def test_deployments_and_the_heartbeat_automation_are_registered(server):
    names = {d["name"] for d in server.read("deployments/filter")}
    assert {"quickstart", "nightly", "train", "evaluate", "on-published"} <= names
    assert full_name(server.api, "build-dataset") == "build-dataset/nightly"
    assert full_name(server.api, "build-dataset", "quickstart") == "build-dataset/quickstart"
    assert full_name(server.api, "evaluate-dataset") == "evaluate-dataset/evaluate"
    with pytest.raises(DeployError, match="build-dataset/nightly"):
        full_name(server.api, "build-dataset", "nightyl")
    automations = [a["name"] for a in server.read("automations/filter")]
    assert automations.count("palmforge: a run without heartbeats has crashed") == 1


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "hanging"])
def test_a_server_that_fails_in_the_middle_of_a_command_costs_no_work(server, end, monkeypatch):
    """The run goes on without it: each shard is drawn once, and the version is published."""
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "1")  # the command line's own 5 take a minute
    monkeypatch.setenv("PREFECT_API_REQUEST_TIMEOUT", "5")
    folder = server.folder / f"without-{end.name}"
    size = {"identities": 8, "captures": 2, "size": 96, "shard_identities": 1}
    options = [f"out={folder / 'out'}", f"work={folder / 'work'}", "engine.name=renderer"]
    options += [
        "engine.workers=1",
        "gates.use=[]",
        *(f"dataset.{key}={value}" for key, value in size.items()),
    ]
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "build"]
    command += ["datasets/quickstart.toml", *(word for option in options for word in ("--set", option))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    running = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
    shards = lambda: list((folder / "work").glob("shards/*/*/DONE.json"))  # noqa: E731
    wait_for(shards, "no shard was drawn")
    number = int((server.logs / "server.pid").read_text())
    try:
        os.killpg(number, end)
        said = running.communicate(timeout=900)[0]
    finally:
        server.kill("server")
    assert running.returncode == 0 and "Traceback" not in said, said
    assert "Error" not in said.replace("ConnectError", "").replace("ReadTimeout", ""), said
    assert "Finished in state" not in said, said
    assert "going on without it" in said and "images   32 of 8 identities" in said, said
    assert said.count("generate  32 images") == 1 and said.count("progress not shown") <= 1, said
    home = folder / "out" / "quickstart"
    assert verify(home).ok and len([p for p in home.iterdir() if p.is_dir()]) == 1
