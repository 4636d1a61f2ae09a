"""An error of the machine is told in one line: which file, why, what to do; a fault of the code is not."""

import errno
import os

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from flows.cli.options import friendly_errors
from manifests.files.advice import in_words, named
from manifests.files.layout import atomic_copy, file_sha256
from manifests.words import PalmforgeError


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (errno.EIO, "disk or the mount fails"),
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "read-only"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EAGAIN, "fewer workers"),
        (errno.ENOMEM, "fewer workers"),
        (errno.EXDEV, "Check the file and its disk"),
    ],
)
def test_a_file_its_reason_and_what_to_do(code, wanted):
    said = in_words(OSError(code, os.strerror(code), "/data/x"))
    assert said.startswith(f"/data/x: {os.strerror(code)}. ") and wanted in said
    assert said.endswith("then run the same command again.")


def test_what_a_person_cannot_mend_keeps_its_trace():
    assert in_words(ValueError("a fault of ours")) is None
    assert in_words(BrokenPipeError(errno.EPIPE, "head -1 has read enough")) is None
    assert in_words(PalmforgeError("as it is")) == "as it is"
    assert "fewer workers" in in_words(MemoryError())


def test_reading_that_fails_names_its_file(tmp_path):
    with pytest.raises(OSError, match="/data/x") as caught, named("/data/x"):
        raise OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="/data/x"), named("/other"):
        raise caught.value
    with pytest.raises(OSError, match=str(tmp_path)):
        file_sha256(tmp_path)


@pytest.mark.parametrize("fault", [MemoryError(), OSError(errno.EIO, "Input/output error", "/data/x")])
def test_a_verb_says_it_once_without_a_trace(monkeypatch, fault, tmp_path):
    def fails(_):
        raise fault

    monkeypatch.setattr("manifests.read.open.version_folder", fails)
    done = CliRunner().invoke(main, ["show", str(tmp_path)])
    assert done.exit_code == 1 and done.output.count("error: ") == 1 and "Traceback" not in done.output
    done = CliRunner().invoke(main, ["diff", str(tmp_path), str(tmp_path)])
    assert done.exit_code == 2 and done.output.count("error: ") == 1


def test_a_pipe_that_nobody_reads_is_left_to_click():
    with pytest.raises(BrokenPipeError), friendly_errors():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_copy_appears_whole_or_not_at_all(tmp_path):
    whole, longest = tmp_path / "whole", tmp_path / ("n" * 255)
    whole.write_bytes(b"whole")
    atomic_copy(whole, longest)
    assert longest.read_bytes() == b"whole"
    with pytest.raises(FileNotFoundError, match="gone"):
        atomic_copy(tmp_path / "gone", longest)
    assert longest.read_bytes() == b"whole" and len(list(tmp_path.iterdir())) == 2
