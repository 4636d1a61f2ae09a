"""Each stage's digest changes with all that it reads and with nothing else, tried file by file on a copy."""

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from manifests.effects import Effect, effects
from manifests.recipe import parse
from manifests.recipe.recipe import Recipe, leaves
from tasks.draw import shards
from tasks.engines.registry import engine_of
from tasks.engines.trained import training_stage
from tasks.judge import rounds
from tasks.judge.gate import Found
from tasks.judge.gates import gallery
from tasks.judge.gates.registry import gates_of, measuring
from tasks.photographs import steps
from tasks.versions import unchanged
from tasks.work.closure import PACKAGES, ROOT, Tree

ENGINES = ("renderer", "diffusion", "wgan-gp", "ddpm-tps")
LEARNING = ENGINES[1:]


def recipe_of(engine="renderer", **sections):
    """A recipe of an engine, photographs drawn; sections replace its own."""
    learns = {"checkpoint": "train"} if engine != "renderer" else {}
    told = {"engine": {"name": engine}, "train": learns, "source": {"kind": "renderer"}, **sections}
    return parse({"name": "digests", **told})


def photos(recipe):
    return steps.photos_stage(recipe)


def training(recipe):
    return training_stage(recipe, engine_of(recipe).training(recipe), "palms")


def scores(recipe, shards="shards", found=None):
    return rounds.scores_stage(recipe, shards, [*measuring(), *gates_of(recipe)], found or {})


def judged(recipe, scored="scores"):
    return rounds.judged_stage(recipe, scored, gates_of(recipe))


STAGES = {
    "photos": (photos, "renderer"),
    **{f"training of {name}": (training, name) for name in LEARNING},
    **{f"shards of {name}": (partial(shards.stage, checkpoint="c"), name) for name in ENGINES},
    "gallery": (partial(gallery.stage, palms="palms"), "renderer"),
    "scores": (scores, "renderer"),
    "judged": (judged, "renderer"),
    "published": (unchanged.stage, "renderer"),
}
EVERY = pytest.mark.parametrize("name", STAGES)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The sources and what they read beside themselves, as a checkout has them."""
    root = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    return root


@dataclass
class Trial:
    """One byte more in a file, and again as it was."""

    file: Path

    def __enter__(self):
        self.before = self.file.read_bytes()
        self.file.write_bytes(self.before + b"\n")

    def __exit__(self, *_):
        self.file.write_bytes(self.before)


@EVERY
def test_a_byte_of_what_is_reached_changes_the_digest_and_of_anything_else_does_not(name, copy):
    make, engine = STAGES[name]
    stage = make(recipe_of(engine))
    before, reached = stage.digest(Tree(copy)), set(Tree(copy).closure(*stage.code))
    read = {Tree(copy).file(module) for module in (*reached, *stage.alone)}
    read |= {file for data in stage.data for file in (copy / data, *(copy / data).rglob("*"))}
    changed = set()
    for file in sorted(p for package in PACKAGES for p in (copy / package).rglob("*") if p.is_file()):
        with Trial(file):
            if stage.digest(Tree(copy)) != before:
                changed.add(file)
    assert changed == {file for file in read if file.is_file()}
    assert len(changed) > 3 and copy / "flows/cli/main.py" not in changed
    assert stage.digest(Tree(copy)) == before


DRAWN_BY = {
    "renderer": ("palm_models/render/skin.py", "palm_models/engines/renderer.py"),
    "diffusion": ("palm_models/render/skin.py", "palm_models/engines/diffusion/network.py"),
    "wgan-gp": ("palm_models/engines/baselines/wgan.py",),
    "ddpm-tps": ("palm_models/engines/baselines/ddpm.py", "palm_models/photo/landmarks.py"),
}
ALWAYS = ("tasks/draw/samples.py", "manifests/contract/split.py", "palm_models/hand/identity.py")
NEVER = ("tasks/report/charts.py", "tasks/train/diffusion.py", "palm_models/measure/encoder.py",
         "manifests/recipe/sections.py", "tasks/workers/dask_runner.py")  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_shards_depend_on_the_code_of_their_own_engine(engine, copy):
    stage = shards.stage(recipe_of(engine), "c")
    read = {str(Tree(copy).file(name).relative_to(copy)) for name in Tree(copy).closure(*stage.code)}
    assert read >= {*ALWAYS, *DRAWN_BY[engine]} and not read & set(NEVER)
    others = {file for name, files in DRAWN_BY.items() if name != engine for file in files}
    assert not read & (others - set(DRAWN_BY[engine]) - {"palm_models/engines/renderer.py"})


NOTHING = [name for name, effect in effects(Recipe) if effect is Effect.NOTHING]


def another(name):
    """A recipe's text for an option with another value than it has."""
    known = {leaf.name: leaf for leaf in leaves()}
    values = {"engine.runner": "dask", "engine.dask_address": "tcp://a:1", "nightly.night": "tonight"}
    names = [key for key in known if key == name or key.startswith(f"{name}.")]
    return [f"{key}={values.get(key) or _next(known[key].default)}" for key in names]


def _next(value):
    if isinstance(value, bool):
        return str(not value).lower()
    return value + 1 if isinstance(value, int) else f"{value}7"


@EVERY
@pytest.mark.parametrize("option", NOTHING)
def test_options_that_change_nothing_change_no_digest(name, option):
    make, engine = STAGES[name]
    recipe = recipe_of(engine)
    other = parse(recipe.model_dump(mode="json"), another(option))
    assert other != recipe
    if name == "published" and option in ("out", "nightly"):
        return  # where the version is, and how many are kept, is what the note is about
    assert make(other).digest() == make(recipe).digest()


@pytest.mark.parametrize("engine", LEARNING)
def test_what_only_draws_starts_no_training_and_draws_anew(engine):
    recipe = recipe_of(engine)
    drawing = {"diffusion": "engine.guidance=2.0", "wgan-gp": "wgan.angle=20.0", "ddpm-tps": "ddpm.bend=0.1"}
    other = parse(recipe.model_dump(mode="json"), [drawing[engine]])
    assert training(other).digest() == training(recipe).digest()
    assert shards.stage(other, "c").digest() != shards.stage(recipe, "c").digest()


def test_files_of_the_recipe_count_by_content(tmp_path):
    model = tmp_path / "hand.task"
    model.write_bytes(b"one")
    baseline = recipe_of("ddpm-tps", align={"model": str(model)})
    made = {
        "shards": lambda: shards.stage(baseline, "c").digest(),
        "scores": lambda: scores(baseline, found={"hand_model": Found(model, files=(model,))}).digest(),
        "published": lambda: unchanged.stage(baseline).digest(),
    }
    before = {name: digest() for name, digest in made.items()}
    model.write_bytes(b"two")
    assert all(digest() != before[name] for name, digest in made.items())
    moved = tmp_path / "moved.task"
    moved.write_bytes(b"two")
    elsewhere = recipe_of("ddpm-tps", align={"model": str(moved)})
    assert shards.stage(elsewhere, "c").digest() == made["shards"]()


def test_stages_before_it_count():
    recipe = recipe_of()
    makers = (lambda d: shards.stage(recipe, d), lambda d: gallery.stage(recipe, d),
              lambda d: scores(recipe, d), lambda d: judged(recipe, d),
              lambda d: scores(recipe, found={"gallery": Found(ROOT, d)}))  # fmt: skip
    for make in makers:
        assert make("a").digest() == make("a").digest() != make("b").digest()


def test_whose_hands_a_drawn_source_shows_counts():
    left = recipe_of(dataset={"hands": ["left"]})
    assert photos(left).digest() != photos(recipe_of()).digest()
