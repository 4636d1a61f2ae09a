"""The site of docs/ builds without a warning, and has every verb, option and public name in it."""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import manifests.read
from flows.cli.main import main
from manifests.read import PalmDataset, PalmStream
from manifests.read.loader import PalmLoader
from manifests.recipe import leaves

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The text of each page by its name; built into a folder of the test's own."""
    folder = tmp_path_factory.mktemp("site")
    config = (ROOT / "zensical.toml").read_text()
    shutil.copytree(ROOT / "docs", folder / "docs")
    for name in ("README.md", "datasets", "flows", "manifests", "tasks", "palm_models"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "zensical.toml").write_text(config.replace(".palmforge/site", "site"))
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [zensical, "build", "--strict"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "Warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    pages = {page.parent.name: page.read_text() for page in folder.glob("site/*/index.html")}
    return {name: html.unescape(re.sub(r"<[^>]+>", "", text)) for name, text in pages.items()} | {
        f"{name}.html": text for name, text in pages.items()
    }


def test_every_page_of_docs_is_in_the_site(site):
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages <= set(site)
    told = (ROOT / "zensical.toml").read_text()
    assert {name for name in pages if f'"{name}.md"' not in told} == set()


def test_every_verb_with_its_options_is_in_the_reference(site):
    for name, verb in main.commands.items():
        assert f"palmforge {name}" in site["commands"], name
        for parameter in verb.params:
            assert all(option in site["commands"] for option in parameter.opts if option.startswith("--")), (
                name
            )


def test_every_public_name_of_the_reader_is_in_the_reference(site):
    for name in manifests.read.__all__:
        assert 'id="manifests.read' in site["api.html"] and name in site["api"]
    for kind in (PalmDataset, PalmStream, PalmLoader):
        for name in (n for n in vars(kind) if not n.startswith("_") and callable(getattr(kind, n))):
            assert f'{kind.__name__}.{name}"' in site["api.html"], (kind, name)


def test_every_option_of_a_recipe_and_every_column_is_in_the_reference(site):
    assert {leaf.name for leaf in leaves() if leaf.name not in site["recipes"]} == set()
    assert all(column in site["manifest"] for column in ("sample_id", "identity_id", "landmarks", "sha256"))


def test_the_site_asks_for_nothing_outside_itself(site):
    for name, text in site.items():
        if name.endswith(".html"):
            loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="(https?:[^"]+)"', text)
            loaded += re.findall(
                r'<link[^>]+rel="?(?:stylesheet|preload|icon)[^>]+href="?(https?:[^" >]+)', text
            )
            assert loaded == [], name
