"""Parts of other packages join; a broken one is named when it is asked for and harms nothing else."""

import pytest

from manifests.read.open import open_dataset
from manifests.recipe import RecipeError, leaves, parse, recipe_type
from manifests.registry import PluginError
from manifests.tools.export import export
from manifests.tools.exporters.registry import EXPORTERS
from tasks.engines.registry import ENGINES
from tasks.judge.gates.registry import GATES
from tasks.photographs.sources.registry import SOURCES
from tasks.photographs.sources.source import find
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.small import quiet

MODULE = '''
from pathlib import Path
from pydantic import Field
from manifests.recipe.sections import Section
from manifests.tools.exporters.exporter import Exporter, Writer
from tasks.engines.renderer import Renderer
from tasks.judge.gate import Gate
from tasks.photographs.sources.found import Found, Listing
from tasks.photographs.sources.kind import SourceKind

class Options(Section):
    """What is scanned."""
    tray: str = Field(default="a", description="which tray")

class Scanner(SourceKind):
    name, summary, options = "flat-scanner", "a scanner", Options
    def check(self, source):
        if not source.licence:
            raise ValueError("a scanner needs source.licence")
    def listing(self, recipe):
        return [recipe.flat_scanner.tray]
    def files(self, source, scratch):
        return Listing(iter([Found(f"{source.own.tray}-{i}.png", Path("x")) for i in range(3)]), 3)

class Lines(Writer):
    def __init__(self, folder, stack, version):
        super().__init__(folder, stack, version)
        self.names = self.text("names.txt")
    def add(self, row, image):
        self.names.write(row["sample_id"] + "\\n")

class Names(Exporter):
    name, summary, writes = "names", "a list of names", Lines

class Sharp(Gate):
    name, summary, options = "sharp", "sharp enough", Options

class Dataset(Renderer):
    name, summary, options = "dataset", "takes a section of ours", Options

class Other(Renderer):
    name, summary = "another-name", "calls itself otherwise"
'''
ENTRIES = """
[palmforge.sources]
flat-scanner = joining_parts:Scanner
[palmforge.exporters]
names = joining_parts:Names
[palmforge.gates]
sharp = joining_parts:Sharp
[palmforge.engines]
broken = joining_parts_that_are_not_there:X
wrong = joining_parts:Options
renamed = joining_parts:Other
dataset = joining_parts:Dataset
renderer = joining_parts:Other
"""


def forget():
    for registry in (ENGINES, SOURCES, GATES, EXPORTERS):
        registry.__dict__.pop("plugins", None)


@pytest.fixture
def joined(tmp_path, monkeypatch):
    """A package on the search path, as an installer leaves it."""
    told = tmp_path / "site" / "joining_parts-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: joining-parts\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "site" / "joining_parts.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    forget()
    yield
    monkeypatch.undo()
    forget()


def test_a_source_joins_with_its_options(joined, tmp_path):
    recipe = parse(
        {"name": "p", "source": {"kind": "flat-scanner", "licence": "CC0"}}, ["flat_scanner.tray=b"]
    )
    assert recipe.flat_scanner.tray == "b"  # type: ignore[attr-defined]
    assert SOURCES.get("flat-scanner").listing(recipe) == ["b"]
    files = find(SOURCES.get("flat-scanner").spec(recipe), tmp_path).files
    assert [f.name for f in files] == ["b-0.png", "b-1.png", "b-2.png"]
    with pytest.raises(RecipeError, match=r"source: a scanner needs source\.licence"):
        parse({"name": "p", "source": {"kind": "flat-scanner"}})


def test_an_exporter_joins(joined, tmp_path):
    dataset = open_dataset(publish_shards(make_shards(tmp_path / "shards"), tmp_path / "out").path)
    count = export(dataset, "names", tmp_path / "names", quiet)
    assert len((tmp_path / "names" / "names.txt").read_text().splitlines()) == count > 0
    with pytest.raises(PluginError, match="no exporter is called 'name'; did you mean names"):
        export(dataset, "name", tmp_path / "other", quiet)


def test_a_section_is_in_a_recipe_when_it_is_written_or_its_part_is_used(joined):
    assert "sharp" not in parse({"name": "p"}).to_toml()
    used = parse({"name": "p", "gates": {"use": ["quality", "sharp"]}})
    assert "[sharp]" in used.to_toml() and used.sharp.tray == "a"  # type: ignore[attr-defined]
    written = parse({"name": "p"}, ["sharp.tray=c"])
    assert written.sharp.tray == "c" and written.digest() != parse({"name": "p"}).digest()  # type: ignore[attr-defined]
    assert {"sharp.tray", "flat_scanner.tray"} <= {leaf.name for leaf in leaves(recipe_type())}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "'broken' of the package joining-parts cannot be loaded: No module named"),
        ("wrong", "'wrong' of the package joining-parts cannot be loaded: it is no tasks"),
        ("renamed", "it calls itself 'another-name', its entry point 'renamed'"),
        ("dataset", r"cannot have its options in \[dataset\]: that is another section"),
        ("brocken", "no engine is called 'brocken'; did you mean broken?"),
    ],
)
def test_what_is_broken_is_named_when_it_is_asked_for(joined, name, said):
    with pytest.raises(RecipeError, match=said):
        parse({"name": "p", "engine": {"name": name}})


def test_nobody_stands_in_for_an_engine_that_is_not_known(joined):
    with pytest.raises(PluginError, match=r"no engine is called 'brocken'; did you mean broken\?"):
        ENGINES.get("brocken")


def test_what_is_broken_harms_nothing_else(joined):
    assert parse({"name": "p", "engine": {"name": "diffusion"}}).engine.name == "diffusion"
    assert "sharp.tray" in {leaf.name for leaf in leaves(recipe_type())}
    assert type(ENGINES.get("renderer")).__module__ == "tasks.engines.renderer", "a name of ours stays ours"
    assert {"renderer", "ddpm-tps"} <= dict(ENGINES.items()).keys()


def test_every_part_of_ours_is_what_it_says():
    for registry in (ENGINES, SOURCES, GATES, EXPORTERS):
        for name in registry.ours:
            part = registry.get(name)
            assert part.name == name and part.summary and not part.summary.endswith(".")
