"""What a shell, a container or a machine may lack: a verb says so in a line, or does without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
VERB = [sys.executable, "-c", "from flows.cli.main import main; main()"]


def shell(words, *arguments, cwd=ROOT, **environment):
    """A verb below `words` of a shell: its exit code, and all that it says."""
    command = ["bash", "-c", f'{words} exec "$@"', "bash", *VERB, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_folder_that_is_gone(tmp_path):
    (tmp_path / "gone").mkdir()
    code, said = shell("rmdir ../gone;", "plan", "quickstart", cwd=tmp_path / "gone")
    assert code == 1 and said == "error: the current folder is no longer there: go to one that is (cd)\n"


STREAMS = """
import os, sys
from flows.cli.main import main
try: main()
finally:
    with open(sys.argv[-1], "w") as file:
        assert file.fileno() > 2
        os.write(1, b"a library prints"); os.write(2, b"a library warns")
"""


def test_closed_streams_are_not_taken_by_files(tmp_path):
    command = [sys.executable, "-c", STREAMS, "status", str(tmp_path / "file")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        ["bash", "-c", '"$@" <&- >&- 2>&-', "bash", *command], env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 1 and (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize("epoch", ["yesterday", "99999999999999", "1.5"])
def test_a_moment_that_is_none_is_refused_before_anything_starts(epoch, write_recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    done = CliRunner().invoke(main, ["build", str(write_recipe())])
    assert done.exit_code == 1 and f"error: SOURCE_DATE_EPOCH={epoch}: " in done.output
    assert not (tmp_path / "work").exists()


def test_a_name_that_is_no_text_is_refused(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/palms\xff")
    Path(folder).mkdir()
    for words in (["align", folder, "--out", "x"], ["align", "x", "--out", folder], ["show", folder]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2 and "palms\\xff: is no UTF-8" in done.output, done.output


NO_SEMAPHORES = """
from tasks.workers.parallel import in_order
if __name__ == "__main__":
    print(list(in_order(abs, [1], 2, abs)))
"""


@pytest.mark.parametrize("options", ["size=4k", "ro"])
def test_without_shared_memory_workers_work_or_say_why(options, tmp_path):
    (tmp_path / "mine.py").write_text(NO_SEMAPHORES)
    inside = f"mount -t tmpfs -o {options} tmpfs /dev/shm && exec {sys.executable} {tmp_path}/mine.py"
    command = ["unshare", "--mount", "bash", "-c", inside]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("needs the right to mount")
    assert done.stdout == "[1]\n" or "no worker process can be started" in done.stderr.splitlines()[-1]
    assert "ro" not in options or done.returncode, done.stdout


@pytest.mark.parametrize("planted", [False, True])
def test_a_user_without_a_home_gets_one_that_nobody_else_made(tmp_path, monkeypatch, planted):
    def nobody(number):
        raise KeyError(number)

    monkeypatch.setenv("HOME", "")  # so that the real one comes back
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", nobody)  # a container's user without a line in passwd
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = tmp_path / f"palmforge-{os.getuid()}"
    if planted:
        (tmp_path / "theirs").mkdir()
        place.symlink_to("theirs")
    assert CliRunner().invoke(main, ["status"]).exit_code == 0
    home = Path(os.environ["HOME"])
    assert home.parent == tmp_path and (home == place) != planted
    assert home.stat().st_mode & 0o777 == 0o700 and not home.is_symlink()
