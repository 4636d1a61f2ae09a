"""The bench table: what is best is bold, where we lose is said, the plot is drawn."""

import tomllib
from pathlib import Path

import pytest

from bench.engines import table
from bench.engines.table_rows import ROWS, SIZES

ROOT = Path(__file__).resolve().parents[2]
SIZE_AND_SPEED = {
    *("size", "width", "dim", "mults", "timesteps", "sampling_steps"),
    *("generator_rate", "critic_rate", "learning_rate", "batch", "accumulate", "epochs", "steps"),
    *("save_epochs", "save_every", "sample_every", "ema", "amp", "flip"),
}


def rows():
    base = {key: 1.0 for key, _, _ in table.COLUMNS.values()}
    made = [{"name": name, **base, "identities": 4} for name in ROWS]
    made[0] |= {"seconds": 0.5}  # wgan-gp is faster
    made[3] |= {"eer_with": 0.2}  # the renderer is more useful
    return made


def test_the_best_is_bold_and_losses_are_named(tmp_path):
    costs = [table._cost("wgan-gp", "256 px", 0.1, 2.0, 1800)]
    text = table.written(rows(), costs, {"wgan-gp": {"steps": 3}}, "cpu", 60.0)
    upper, _ = text.split("| at full size")
    lines = {line.split(" | ")[0]: line for line in upper.splitlines()}
    assert "**0.500**" in lines["| wgan-gp"] and "**0.2**" in lines["| renderer"]
    assert "Ours are not in: s an image (wgan-gp)" in text and "wgan-gp 3 steps" in text
    assert text.rstrip().endswith("| wgan-gp | 256 px | 0.10 | 2.00 | 1.0 |")
    table.plot(rows(), tmp_path / "table.png")
    assert (tmp_path / "table.png").stat().st_size > 1000


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_baselines_of_the_table_are_the_published_ones_but_for_size_and_speed(sizes):
    published = tomllib.loads((ROOT / "bench" / "published.toml").read_text())
    for name, ours in (("wgan-gp", sizes.wgan), ("ddpm-tps", sizes.ddpm)):
        theirs = {key: value for key, value in published[name].items() if not isinstance(value, dict)}
        own = ours.model_dump(mode="json")
        assert {key for key, value in theirs.items() if own[key] != value} <= SIZE_AND_SPEED, name
