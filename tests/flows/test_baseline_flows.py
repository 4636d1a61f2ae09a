"""Both baselines through the same flow: photographs, training, a published version, the other verbs."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from flows.build_dataset import build_dataset
from flows.cli.main import main
from manifests.tools.verify import verify

SECTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "wgan-gp": {"wgan": {"size": 16, "latent": 8, "width": 2, "batch": 4, "epochs": 2, "save_epochs": 1}},
    "ddpm-tps": {
        "ddpm": {
            **{"size": 16, "dim": 8, "mults": [1, 2], "timesteps": 4, "sampling_steps": 4, "batch": 4},
            **{"steps": 2, "save_every": 1, "sample_every": 0, "bend": 0.03, "renoise": 0.5},
        }
    },
}
OWN = {"wgan-gp": ("capture_angle", "latent"), "ddpm-tps": ("capture_move", "noise_seed")}


def recipe_of(write_recipe, engine):
    return write_recipe(
        engine,
        engine={"name": engine},
        train={"checkpoint": "train"},
        align={"views": ["palm"], "size": 48, "workers": 1},
        source={"kind": "renderer", "identities": 2, "captures": 1},
        dataset={"identities": 4, "captures": 2, "size": 24},
        **SECTIONS[engine],
    )


def pictures_of(work):
    shards = (pq.read_table(file).to_pylist() for file in work.rglob("shard.parquet"))
    return {row["sample_id"]: row["image"]["bytes"] for rows in shards for row in rows}


@pytest.mark.parametrize("engine", list(SECTIONS))
def test_a_baseline_trains_draws_and_publishes_as_any_engine(engine, write_recipe, tmp_path):
    recipe, runner = recipe_of(write_recipe, engine), CliRunner()
    version = Path(build_dataset(str(recipe)))
    assert verify(version).ok
    rows = pq.read_table(version / "manifest.parquet").to_pylist()
    assert len(rows) == 8 and {row["engine"] for row in rows} == {engine} and rows[0]["checkpoint"]
    assert not any(name.startswith(("identity_skin", "capture_light")) for name in rows[0])
    column, recorded = OWN[engine]
    assert all(row[column] > 0 for row in rows) and all(len(row["landmarks"]) == 42 for row in rows)
    identities = pq.read_table(version / "identities.parquet").to_pylist()
    assert recorded in identities[0]["identity_parameters"]
    assert f"{engine}:" in (version / "README.md").read_text()  # its columns are explained

    (checkpoint,) = (tmp_path / "work" / "checkpoints").iterdir()
    sizes = [f"--set={s}.{k}={v}" for s, own in SECTIONS[engine].items() for k, v in own.items()]
    one = [str(tmp_path / "one"), "3", "--engine", engine, "--checkpoint", str(checkpoint), "--size", "24"]
    done = runner.invoke(main, ["generate", *one, "--workers", "1", "--identity", "5/0", *sizes])
    assert done.exit_code == 0, done.output
    drawn = [p.read_bytes() for p in sorted((tmp_path / "one").glob("variation_*.png"))]
    kept = pictures_of(tmp_path / "work")
    assert drawn[:2] == [kept["s000000_left_c000_palm"], kept["s000000_left_c001_palm"]]

    again = runner.invoke(main, ["train", str(recipe)])  # what is trained is not trained again
    assert again.exit_code == 0 and str(checkpoint) in again.output, again.output


def test_costs_are_planned_before_anything_is_trained(write_recipe, tmp_path):
    for engine in SECTIONS:
        plan = CliRunner().invoke(main, ["plan", str(recipe_of(write_recipe, engine))])
        assert plan.exit_code == 0 and f"engine   {engine}" in plan.output, plan.output
    assert not (tmp_path / "work").exists()


def test_a_baseline_without_weights_says_where_they_come_from(tmp_path):
    done = CliRunner().invoke(main, ["generate", str(tmp_path / "one"), "3", "--engine", "wgan-gp"])
    assert done.exit_code == 1 and "no shipped weights" in done.output and "Traceback" not in done.output
