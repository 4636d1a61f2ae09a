"""`palmforge status`: told from the files alone, in words and as JSON."""

import json
import multiprocessing as mp
import os

from click.testing import CliRunner

from flows.cli.main import main
from manifests.recipe import load
from tasks.draw.shards import generate
from tasks.versions.status import status
from tasks.work.lock import lock
from tasks.work.place import MARKER, Work
from tests.flows.test_nightly import build, quiet


def look(*arguments):
    done = CliRunner().invoke(main, ["status", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_done_stale_and_the_newest_version(write_recipe, tmp_path):
    path = write_recipe()
    recipe = load(path)
    version = build(recipe)
    found = look(path)
    assert [(s["stage"], s["state"], s["done"], s["planned"]) for s in found["stages"]] == [
        ("shards", "done", 3, 3)
    ]
    assert found["newest"] == version.name and found["versions"] == [version.name] and not found["running"]
    next((tmp_path / "work").glob(f"shards/*/*/{MARKER}")).unlink()
    cut = look(tmp_path / "work")["stages"][0]
    assert (cut["state"], cut["done"], cut["planned"], cut["recipes"]) == ("stale", 2, 3, ["tiny"])
    text = CliRunner().invoke(main, ["status", str(path)]).output
    assert "stale" in text and "2 of 3" in text and "the same command" in text


def _hold(path, ready, end):
    with lock(path):
        ready.set()
        end.wait(60)


def test_running_names_the_process_that_holds_the_lock(write_recipe, tmp_path):
    recipe = load(write_recipe())
    generate(recipe, None, quiet)
    next((tmp_path / "work").glob(f"shards/*/*/{MARKER}")).unlink()
    context = mp.get_context("spawn")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path / "work" / "tiny.lock", ready, end))
    holder.start()
    assert ready.wait(60)
    found = status(tmp_path / "work", recipe)
    assert found.running == {"tiny": holder.pid} and found.stages[0].state == "running"
    end.set()
    holder.join()
    assert status(tmp_path / "work").running == {} and status(tmp_path / "work").stages[0].state == "stale"


def test_rejects_of_a_stage_are_told_with_their_reasons(write_recipe, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / "notes.txt").write_text("no picture")
    (folder / "hand.jpg").write_bytes(os.urandom(100))
    place = Work(tmp_path / "work", "tiny").place("photos", "abc")
    place.finish([], {"files": 2, "photos": 0, "rejected": {"not_a_picture": 1, "damaged": 1}})
    found = look(tmp_path / "work")["stages"][0]
    assert found["stage"] == "photos" and found["rejected"] == {"not_a_picture": 1, "damaged": 1}


def test_neither_a_recipe_nor_a_work_folder_is_said_so(tmp_path):
    done = CliRunner().invoke(main, ["status", str(tmp_path / "nowhere")])
    assert done.exit_code == 1 and "neither a recipe" in done.output


def test_where_nothing_was_built_that_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 0 and "nothing was built here yet" in done.output, done.output
    assert not list(tmp_path.iterdir())
