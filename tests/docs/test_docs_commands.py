"""Every command that a page shows is one: verbs and options of palmforge, targets of make, modules."""

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from flows.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("*/README.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("palm_models/**/*.md"),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`((?:\.venv/bin/)?(?:palmforge|make|python) [^`]+)`")
CALL = re.compile(r"(?:^|[ (/=]|run )(palmforge|make|python -m) ([^#|]*)")
OPEN = ("…", "...", "DATASET[", "|")  # what stands for something else


def shown(page: Path) -> list[str]:
    """Lines of commands: in fences of shells, and in the text."""
    text = page.read_text()
    lines = []
    for language, block in FENCE.findall(text):
        if language in ("", "sh", "ini"):
            lines += block.replace("\\\n", " ").splitlines()
    lines += SPAN.findall(FENCE.sub("", text))
    return [line for line in lines if CALL.search(line)]


COMMANDS = sorted(
    {(page.relative_to(ROOT).as_posix(), line.strip()) for page in PAGES for line in shown(page)}
)
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_a_command_is_one(page, line):
    match = CALL.search(line)
    program, rest = match[1], match[2]
    if any(mark in rest for mark in OPEN) and program == "palmforge":
        rest = rest.partition("…")[0]
    words = shlex.split(rest, comments=True)
    if program == "make":
        target = next((w for w in words if not w.startswith("-") and "=" not in w), "")
        assert not re.fullmatch(r"[a-z-]+", target) or target in TARGETS, line
    elif program == "python -m":
        if words[0].split(".")[0] in ("bench", "tasks", "manifests", "flows", "tests", "palm_models"):
            assert importlib.util.find_spec(words[0]), line
    elif words and re.fullmatch(r"[a-z-]+", words[0]) and not words[0].startswith("-"):
        verb = main.commands[words[0]]
        known = {
            name
            for option in verb.get_params(click.Context(verb))
            for name in option.opts + option.secondary_opts
        }
        for word in words[1:]:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"{line}: {word}"


def test_there_are_many():
    assert len(COMMANDS) > 80 and {"README.md", "docs/verbs.md"} <= {page for page, _ in COMMANDS}
