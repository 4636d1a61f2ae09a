"""The verb `import-weights`: a Trainer file of denoising-diffusion-pytorch becomes a checkpoint of ours."""

import shlex
from pathlib import Path

import click

from flows.cli.options import friendly_errors
from manifests.files.layout import atomic_write
from manifests.words import VIEWS


@click.command("import-weights")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder of the checkpoint")
@click.option("--size", default=128, show_default=True, help="side of its pictures; the file does not say")
@click.option("--view", type=click.Choice(VIEWS), default="palm", show_default=True)
def import_weights(file: Path, out: Path, size: int, view: str) -> None:
    """Convert FILE, a model-N.pt of denoising-diffusion-pytorch's Trainer, for the engine ddpm-tps."""
    with friendly_errors():
        from palm_models.engines.baselines.trainer_file import import_trainer_file

        found = import_trainer_file(
            file, out, atomic_write, size=size, view="hand" if view == "hand" else "palm"
        )
    click.echo(", ".join(f"{key} {value}" for key, value in found.items()))
    drawing = [
        "palmforge",
        "generate",
        "DIR",
        "--engine",
        "ddpm-tps",
        "--checkpoint",
        str(out),
        "--view",
        view,
    ]
    click.echo(f"draw with it: {shlex.join(drawing)}")
