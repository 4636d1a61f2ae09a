"""The verb `generate`: many captures of one individual, as named pictures."""

import shlex
from pathlib import Path

import click
from click.core import ParameterSource

from flows.cli.options import friendly_errors
from manifests.words import VIEWS
from tasks.engines.registry import DRAWS, ENGINES


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("count", type=click.IntRange(1, 10_000), default=40)
@click.option("--identity", default="", help="SEED/NUMBER or an identity.json; without it, a new individual")
@click.option("--engine", type=click.Choice(ENGINES.names()), default=DRAWS, show_default=True)
@click.option("--checkpoint", default="shipped", show_default=True, help="folder of the engine's weights")
@click.option("--view", type=click.Choice(VIEWS), default="palm", show_default=True)
@click.option("--size", default=128, show_default=True, help="side of the pictures in pixels")
@click.option("--gif", is_flag=True, help="also variations.gif, all pictures one after the other")
@click.option("--workers", default=0, help="processes; 0 = one a core")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="change one field of the recipe, e.g. identity.skin_tone=35 or capture.ring=true",
)
def generate(
    folder: Path,
    count: int,
    identity: str,
    engine: str,
    checkpoint: str,
    view: str,
    size: int,
    gif: bool,
    workers: int,
    assignments: tuple[str, ...],
) -> None:
    """Draw COUNT captures of one individual into DIR: variation_00.png, … and manifest.parquet."""
    from flows.progress import progress
    from manifests.recipe import parse
    from tasks.versions.ready import possible, writable

    sections = {
        "name": "one",
        "engine": {"name": engine, "workers": workers},
        "train": {"checkpoint": checkpoint},
        "dataset": {"identities": 1, "captures": count, "views": [view], "size": size},
    }
    with friendly_errors(), progress("generate", "images") as report:
        recipe = possible(parse(sections, assignments, where="generate"))
        writable("DIR", folder.absolute().parent)
        from tasks.draw.individual import IDENTITY, draw_one, individual  # loads the engines

        one = individual(recipe, identity)
        pictures = draw_one(one, count, folder, gif=gif, progress=report)
    click.echo(f"{len(pictures)} pictures in {folder} of identity {one.name}")
    again = ["palmforge", "generate", "OTHER_DIR", "--identity", str(folder / IDENTITY)]
    click.echo(f"the same individual again: {shlex.join([*again, *_given()])}")


def _given() -> list[str]:
    """The options of this command that the same pictures need too; the identity's file holds its traits."""
    context, words = click.get_current_context(), list[str]()
    for name in ("engine", "checkpoint", "view", "size"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            words += [f"--{name}", str(context.params[name])]
    for assignment in context.params["assignments"]:
        if not assignment.strip().startswith("identity."):
            words += ["--set", assignment]
    return words
