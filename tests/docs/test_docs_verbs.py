"""Every snippet of the pages about verbs runs, in their order, on small datasets of the names they use."""

import contextlib
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.helpers.small import build

DOCS = Path(__file__).parents[2] / "docs"


def snippets(page):
    """(language, text) of each fenced block."""
    return re.findall(r"^```(sh|python)\n(.*?)^```$", (DOCS / page).read_text(), re.M | re.S)


@pytest.mark.filterwarnings("ignore")
def test_every_snippet_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    light = {"skin_tone": {"low": 25, "high": 60}}
    for name, seed in (("quickstart", 5), ("other", 6)):
        build(Path(), name, seed=seed, identity=light, dataset={"identities": 6, "captures": 2})
    seen = set()
    for language, text in snippets("selecting.md") + snippets("verbs.md"):
        if language == "python":
            with contextlib.chdir(tmp_path):
                exec(compile(text, "verbs.md", "exec"), {})
            continue
        for line in text.splitlines():
            program, verb, *arguments = shlex.split(line, comments=True)
            assert program == "palmforge"
            done = CliRunner().invoke(main, [verb, *arguments])
            assert done.exit_code == 0, f"{line}\n{done.output}"
            seen.add(verb)
    assert seen >= {"show", "select", "export", "regenerate", "diff", "extend", "merge", "verify"}
