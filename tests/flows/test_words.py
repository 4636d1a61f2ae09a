"""Words that people act on: provenance, hints, costs, what a script without a guard is told."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from flows.server.deploy import LOGS
from manifests.publish.card import NOT_STATED
from manifests.recipe import load
from tasks.doctor import folder
from tasks.draw.card import card_facts
from tasks.work.stage import Done

ROOT = Path(__file__).resolve().parents[2]
OTHER = ["source.kind=folder", "source.path=/photographs"]


def test_other_photographs_are_not_under_the_recipes_name_and_licence():
    theirs = load("human_palms").source
    assert theirs.licence and theirs.credit and theirs.dataset
    ours = load("human_palms", OTHER)
    assert (ours.source.dataset, ours.source.licence, ours.source.credit) == ("", "", "")
    facts = card_facts(ours, Done(Path(), "digest"))
    assert (facts.source_dataset, facts.source_license) == ("photographs", NOT_STATED)
    assert load("human_palms", [*OTHER, "source.licence=CC0"]).source.licence == "CC0"
    assert load("human_palms", ["source.kind=kaggle"]).source == theirs  # as it was
    assert load("human_palms", ["source.dataset=a/b/versions/1"]).source.licence == ""


def test_several_are_named_bare():
    assert load("quickstart", ["dataset.views=hand"]).dataset.views == ("hand",)
    assert load("quickstart", ["dataset.views=hand, palm"]).dataset.views == ("hand", "palm")


def test_the_hint_draws_the_same_individual(tmp_path):
    runner = CliRunner()
    options = [
        "2",
        "--engine",
        "renderer",
        "--size",
        "32",
        "--workers",
        "1",
        "--set",
        "identity.skin_tone=-20",
    ]
    done = runner.invoke(main, ["generate", str(tmp_path / "one"), *options])
    assert done.exit_code == 0, done.output
    hint = next(line for line in done.output.splitlines() if line.startswith("the same"))
    words = shlex.split(hint.partition(": ")[2])
    words = [str(tmp_path / "two") if word == "OTHER_DIR" else word for word in words[1:]]
    again = runner.invoke(main, [*words[:2], "2", *words[2:], "--workers", "1"])
    assert again.exit_code == 0, again.output
    first, second = (pq.read_table(tmp_path / name / "manifest.parquet") for name in ("one", "two"))
    assert first["identity_skin_tone"].to_pylist() == second["identity_skin_tone"].to_pylist() == [-20, -20]
    assert first["sha256"] == second["sha256"]


def test_a_plan_names_every_cost_and_loads_nothing(write_recipe):
    code = (
        "import re, resource, sys; from flows.cli.main import main\n"
        "try: main()\n"
        # not ru_maxrss: an exec inherits the peak of the process that forked
        "finally: print('torch' in sys.modules, resource.getrusage(resource.RUSAGE_SELF).ru_utime,\n"
        "               re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    recipe = write_recipe(source={"kind": "folder", "path": "/nowhere"}, engine={"name": "diffusion"})
    command = [sys.executable, "-c", code, "plan", str(recipe), "--train.checkpoint", "train"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in ("fetch", "align", "train", "draw", "publish", "disk", "memory", "no folder at /nowhere"):
        assert word in done.stdout, done.stdout
    loaded, seconds, kib = done.stdout.splitlines()[-1].split()
    assert loaded == "False" and float(seconds) < 3 and int(kib) < 300 * 1024, done.stdout


UNGUARDED = """
from tasks.workers.parallel import in_order
print(list(in_order(abs, [1, 2], 2, lambda item: "worker_died")))
"""


@pytest.mark.parametrize("on_stdin", [False, True])
def test_a_script_without_a_guard_is_told_so(on_stdin, tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(UNGUARDED)
    command = [sys.executable, "-" if on_stdin else str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = UNGUARDED if on_stdin else None
    done = subprocess.run(
        command, input=words, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1 and "worker_died" not in done.stdout
    assert '`if __name__ == "__main__":`' in done.stderr and "bootstrapping" not in done.stderr
    assert done.stderr.count("Traceback") == 1, done.stderr


def test_the_doctor_names_a_folder_that_cannot_be_written(tmp_path):
    assert folder("out", tmp_path / "new").ok and not list(tmp_path.iterdir())
    check = folder("out", Path("/proc/nowhere"))
    assert not check.ok and "--out" in check.mend


def test_a_deploy_from_another_folder_finds_the_worker_that_runs():
    assert LOGS.is_absolute() and LOGS.is_relative_to(ROOT)
