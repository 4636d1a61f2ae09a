"""Through recipes: a longer training goes on from a shorter one, for all engines that learn."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from manifests.recipe import load
from tasks.draw import shards
from tasks.engines import trained
from tasks.work.stage import Done
from tests.helpers.aligned_palms import aligned_palms

BATCHES = 2  # of 4 in an epoch of 8 palms
SECTIONS = {
    "diffusion": ("train", "steps", {"batch": 2, "size": 32, "dim": 8, "save_every": 1}),
    "wgan-gp": ("wgan", "epochs", {"size": 16, "latent": 6, "width": 2, "batch": 4, "save_epochs": 1}),
    "ddpm-tps": ("ddpm", "steps", {"size": 16, "dim": 8, "mults": [1, 2], "timesteps": 4, "batch": 4,
                                   "sampling_steps": 4, "save_every": 1, "sample_every": 0}),
}  # fmt: skip
EVERY = pytest.mark.parametrize("engine", SECTIONS)


@pytest.fixture(scope="module")
def palms(tmp_path_factory):
    """Aligned palms as the align step leaves them; diffusion wants landmarks with them."""
    folder = tmp_path_factory.mktemp("palms")
    rows = pq.read_table(aligned_palms(folder / "aligned.parquet")).to_pylist()
    for row in rows:
        row |= {"size": 48, "landmarks": [float(4 + 2 * (k % 20)) for k in range(42)]}
    pq.write_table(pa.Table.from_pylist(rows), folder / "aligned.parquet")
    return Done(folder, "palms")


@pytest.fixture
def learn(write_recipe, palms, tmp_path):
    """Trains an engine for so long; gives its checkpoint, the step where it began, and the recipe."""

    def train(engine, amount, work="work", **further):
        section, key, own = SECTIONS[engine]
        told = {"train": {"checkpoint": "train"}, "engine": {"name": engine}}
        told[section] = {**told.get(section, {}), **own, key: amount, **further}
        recipe = load(write_recipe(work=str(tmp_path / work), source={"kind": "renderer"}, **told))
        said = []
        done = trained.train(recipe, palms, lambda step, last: said.append((step, last)))
        return done, said[0] if said else None, recipe

    return train


def steps(engine, amount):
    return amount * BATCHES if engine == "wgan-gp" else amount


@EVERY
def test_more_goes_on_from_the_last_checkpoint_and_draws_new_shards(engine, learn):
    short, began, recipe = learn(engine, 2)
    assert began == (0, steps(engine, 2))
    weights = {p.name: p.read_bytes() for p in short.path.iterdir()}
    long, began, longer = learn(engine, 4)
    assert began == (steps(engine, 2), steps(engine, 4))
    assert {p.name: p.read_bytes() for p in short.path.iterdir()} == weights  # what was finished stays
    assert long.digest != short.digest
    drawn = [shards.stage(r, done.digest).digest() for r, done in ((recipe, short), (longer, long))]
    assert drawn[0] != drawn[1]
    again, began, _ = learn(engine, 2)
    assert (again.digest, again.path, began) == (short.digest, short.path, None)


@pytest.mark.parametrize("engine", ["wgan-gp", "ddpm-tps"])
def test_n_then_2n_is_2n_at_once_where_the_learning_rate_is_constant(engine, learn):
    learn(engine, 2)
    in_two, at_once = learn(engine, 4)[0], learn(engine, 4, work="at_once")[0]
    ours, theirs = (load_file(done.path / "model.safetensors") for done in (in_two, at_once))
    assert all((ours[name] == theirs[name]).all() for name in theirs) and in_two.digest == at_once.digest


def test_diffusion_without_cooldown_too(learn):
    learn("diffusion", 2, cooldown=0.0)
    in_two = learn("diffusion", 4, cooldown=0.0)[0]
    at_once = learn("diffusion", 4, work="at_once", cooldown=0.0)[0]
    assert in_two.digest == at_once.digest


@EVERY
def test_fewer_than_there_are_start_from_nothing_and_harm_nothing(engine, learn):
    long = learn(engine, 3)[0]
    short, began, _ = learn(engine, 1)
    assert began == (0, steps(engine, 1)) and short.path != long.path
    assert learn(engine, 3)[1] is None
    alone = learn(engine, 1, work="alone")[0]
    assert short.digest == alone.digest


@EVERY
def test_what_determines_starts_anew_and_what_tells_does_not(engine, learn):
    first = learn(engine, 2)[0]
    telling = {"save_epochs": 2} if engine == "wgan-gp" else {"save_every": 2}
    assert learn(engine, 2, **telling)[::2][0].path == first.path
    assert learn(engine, 2, ema=0.5)[1] == (0, steps(engine, 2))


@EVERY
def test_a_training_that_was_cut_off_goes_on_though_more_is_asked_for_now(engine, learn, monkeypatch):
    done = learn(engine, 2)[0]
    (done.path / "DONE.json").unlink()
    assert learn(engine, 4)[1] == (steps(engine, 2), steps(engine, 4))


def test_a_copy_that_was_cut_off_is_made_again(learn, monkeypatch):
    learn("wgan-gp", 1)
    copy = shutil.copyfile

    def torn(source, target):
        if source.name == "state.safetensors":
            target.write_bytes(b"torn")
            raise KeyboardInterrupt
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", torn)
    with pytest.raises(KeyboardInterrupt):
        learn("wgan-gp", 2)
    monkeypatch.undo()
    assert learn("wgan-gp", 2)[1] == (steps("wgan-gp", 1), steps("wgan-gp", 2))


@EVERY
def test_a_checkpoint_that_was_damaged_is_written_again_from_the_state(engine, learn):
    done = learn(engine, 2)[0]
    weights = done.path / "model.safetensors"
    whole, config = weights.read_bytes(), json.loads((done.path / "config.json").read_text())
    weights.write_bytes(whole[:-7])
    again, began, _ = learn(engine, 2)
    assert began[0] == began[1] and again.path == done.path and weights.read_bytes() == whole
    assert json.loads((done.path / "config.json").read_text()) == config
